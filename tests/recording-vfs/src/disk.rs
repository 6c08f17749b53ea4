//! The disk at one moment of a log: what is certainly on it, what only may be, and what a power cut leaves.
//!
//! What a power cut may do here, chosen anew for each image:
//! - of what was written to a file since its last flush, any part survives, in any order: whole writes or single
//!   sectors of 512 bytes; where several were written to one place, any of them may be what is there;
//! - a write is torn at the border of a sector, or inside of one (its beginning new, its end old);
//! - a file has grown or not, independently of its bytes; where they are missing there are zeros, noise, or
//!   what stood somewhere else;
//! - a file that was cut is as long as before or not;
//! - a file that was made or deleted since the last flush of its folder is there or not.
//!
//! What is assumed, as SQLite assumes it (its pages "Atomic Commit" and "Powersafe Overwrite"): what was flushed
//! stays; bytes that nobody writes to do not change, not even beside those that were being written (powersafe
//! overwrite, which SQLite takes for given by default); nothing rots. A disk that answers a flush without doing
//! it is no disk for money: [`Flushes::Ignored`] is that disk, so that a test can see what becomes of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::log::Entry;

/// Bytes that a disk writes at once.
const SECTOR_BYTES: usize = 512;

/// Numbers that decide; the same ones give the same image.
pub type Dice<'dice> = &'dice mut dyn FnMut() -> u64;

/// What becomes of writes that were not flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing of them is there.
    Lost,
    /// All of them are there: the process ended, the machine did not.
    Kept,
    /// The first of them are there, and a part of the next.
    Torn,
    /// Some are there, whole.
    Scattered,
    /// Some sectors of each are there.
    Shredded,
    /// All but one are there, or all but a sector.
    Gap,
    /// One is there: the disk took it before the others.
    Overtaken,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Lost, Self::Kept, Self::Torn, Self::Scattered, Self::Shredded, Self::Gap, Self::Overtaken];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Kept => "kept",
            Self::Torn => "torn",
            Self::Scattered => "scattered",
            Self::Shredded => "shredded",
            Self::Gap => "gap",
            Self::Overtaken => "overtaken",
        }
    }
}

/// What the disk does when it is told to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushes {
    /// It flushes.
    Honored,
    /// It says so.
    Ignored,
}

/// What is found after a power cut.
#[derive(Debug)]
pub struct Image {
    pub files: BTreeMap<String, Vec<u8>>,
    /// How it was made of the log, for people.
    pub recipe: String,
}

/// The disk as far as the log was read.
#[derive(Debug)]
pub struct Disk<'log> {
    flushes: Flushes,
    bodies: Vec<Body<'log>>,
    names: BTreeMap<&'log str, Name>,
}

/// What a name has stood for, the certain first. A number of a body, or no file.
#[derive(Debug)]
struct Name {
    certain: Option<usize>,
    since: Vec<(usize, Option<usize>)>,
}

impl Name {
    fn last(&self) -> Option<usize> {
        self.since.last().map_or(self.certain, |(_, body)| *body)
    }
}

/// A file's bytes, whatever its name.
#[derive(Debug, Default)]
struct Body<'log> {
    certain: Vec<u8>,
    /// By their places in the log.
    since: Vec<(usize, Change<'log>)>,
}

#[derive(Clone, Copy, Debug)]
enum Change<'log> {
    Write { offset: usize, bytes: &'log [u8] },
    Cut { size: usize },
}

/// What is left of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    Whole,
    /// Of a write: these sectors, and of the one that is torn so many bytes.
    Sectors {
        kept: Vec<bool>,
        torn: Option<(usize, usize)>,
    },
}

/// What stands where a file has grown and nothing was written.
#[derive(Clone, Copy, Debug)]
enum Filling {
    /// It has not grown.
    None,
    Zeros,
    Noise,
    Old,
}

fn below(dice: Dice<'_>, limit: usize) -> usize {
    let limit = u64::try_from(limit.max(1)).expect("a length");
    usize::try_from(dice() % limit).expect("less than a length")
}

fn size_of(number: u64) -> usize {
    usize::try_from(number).expect("a size that fits into memory")
}

impl<'log> Disk<'log> {
    /// An empty disk.
    #[must_use]
    pub fn new(flushes: Flushes) -> Self {
        Self { flushes, bodies: Vec::new(), names: BTreeMap::new() }
    }

    /// Reads the next entry, which is at this place in its log.
    pub fn read(&mut self, place: usize, entry: &'log Entry) {
        let honored = self.flushes == Flushes::Honored;
        match entry {
            Entry::Made { file } => {
                self.bodies.push(Body::default());
                let body = Some(self.bodies.len() - 1);
                self.name(file).since.push((place, body));
            }
            Entry::Deleted { file } => self.name(file).since.push((place, None)),
            Entry::Written { file, offset, bytes } => {
                self.body(file).since.push((place, Change::Write { offset: size_of(*offset), bytes }));
            }
            Entry::Cut { file, size } => {
                self.body(file).since.push((place, Change::Cut { size: size_of(*size) }));
            }
            Entry::Flushed { file, begun } if honored => self.body(file).settle(*begun),
            Entry::FolderFlushed { begun } if honored => {
                for name in self.names.values_mut() {
                    let settled = name.since.iter().filter(|(place, _)| place < begun).count();
                    if let Some((_, body)) = name.since.drain(..settled).next_back() {
                        name.certain = body;
                    }
                }
            }
            Entry::Flushed { .. }
            | Entry::FolderFlushed { .. }
            | Entry::Flushing { .. }
            | Entry::Promised { .. } => {}
        }
    }

    fn name(&mut self, file: &'log str) -> &mut Name {
        self.names.entry(file).or_insert(Name { certain: None, since: Vec::new() })
    }

    fn body(&mut self, file: &str) -> &mut Body<'log> {
        let body = self.names.get(file).and_then(Name::last).expect("a file is made before it is written");
        &mut self.bodies[body]
    }

    /// How many changes to a file are not flushed.
    #[must_use]
    pub fn not_flushed(&self, file: &str) -> usize {
        let body = self.names.get(file).and_then(Name::last);
        body.map_or(0, |body| self.bodies[body].since.len())
    }

    /// What is found if the power goes now.
    pub fn cut(&self, fate: Fate, dice: Dice<'_>) -> Image {
        let mut image = Image { files: BTreeMap::new(), recipe: String::new() };
        for (file, name) in &self.names {
            let chosen = match fate {
                Fate::Lost => name.certain,
                Fate::Kept => name.last(),
                Fate::Torn | Fate::Scattered | Fate::Shredded | Fate::Gap | Fate::Overtaken => {
                    let any = below(dice, name.since.len() + 1);
                    if any == 0 { name.certain } else { name.since[any - 1].1 }
                }
            };
            let Some(body) = chosen else {
                let _infallible = writeln!(image.recipe, "{file}: not there");
                continue;
            };
            let (bytes, recipe) = self.bodies[body].cut(fate, dice);
            let _infallible = writeln!(image.recipe, "{file}: {} bytes; {recipe}", bytes.len());
            image.files.insert((*file).to_owned(), bytes);
        }
        image
    }
}

impl Body<'_> {
    /// What was done before a flush began is certain.
    fn settle(&mut self, begun: usize) {
        let settled = self.since.iter().filter(|(place, _)| *place < begun).count();
        for (_, change) in self.since.drain(..settled) {
            apply(&mut self.certain, change, &Left::Whole, Filling::Zeros, &mut || 0);
        }
    }

    fn cut(&self, fate: Fate, dice: Dice<'_>) -> (Vec<u8>, String) {
        let filling = match (fate, below(dice, 4)) {
            (Fate::Lost | Fate::Kept, _) | (_, 0) => Filling::None,
            (_, 1) => Filling::Zeros,
            (_, 2) => Filling::Noise,
            (_, _) => Filling::Old,
        };
        let mut recipe = format!("{} changes since its flush, filled with {filling:?}", self.since.len());
        let mut bytes = self.certain.clone();
        for ((place, change), left) in self.since.iter().zip(self.lefts(fate, dice)) {
            let what = match &left {
                Left::Nothing => "nothing",
                Left::Whole => "whole",
                Left::Sectors { .. } => "a part",
            };
            let _infallible = write!(recipe, "\n  entry {place}: {what}");
            if let Left::Sectors { kept, torn } = &left {
                let sectors: String = kept.iter().map(|kept| if *kept { '#' } else { '.' }).collect();
                let _infallible = write!(recipe, " {sectors} {torn:?}");
            }
            apply(&mut bytes, *change, &left, filling, dice);
        }
        (bytes, recipe)
    }

    /// What is left of each change.
    fn lefts(&self, fate: Fate, dice: Dice<'_>) -> Vec<Left> {
        let count = self.since.len();
        let one = below(dice, count);
        let eighths = [1, 4, 7][below(dice, 3)];
        let mut lefts = Vec::with_capacity(count);
        for (index, (_, change)) in self.since.iter().enumerate() {
            let whole = |is_whole: bool| if is_whole { Left::Whole } else { Left::Nothing };
            let left = match fate {
                Fate::Lost => Left::Nothing,
                Fate::Kept => Left::Whole,
                Fate::Torn if index == one => change.torn(dice),
                Fate::Torn => whole(index < one),
                Fate::Scattered => whole(below(dice, 8) < eighths),
                Fate::Shredded => change.some_sectors(dice, |dice| below(dice, 8) < eighths),
                Fate::Gap if index == one && below(dice, 2) == 0 => Left::Nothing,
                Fate::Gap if index == one => {
                    let missing = below(dice, change.sectors());
                    let mut sector = 0;
                    change.some_sectors(dice, |_| {
                        sector += 1;
                        sector - 1 != missing
                    })
                }
                Fate::Gap => Left::Whole,
                Fate::Overtaken => whole(index == one),
            };
            lefts.push(left);
        }
        lefts
    }
}

impl Change<'_> {
    /// How many sectors it touches.
    fn sectors(self) -> usize {
        match self {
            Self::Write { offset, bytes } => {
                (offset + bytes.len()).div_ceil(SECTOR_BYTES) - offset / SECTOR_BYTES
            }
            Self::Cut { .. } => 1,
        }
    }

    /// Its first sectors, and perhaps the beginning of one more.
    fn torn(self, dice: Dice<'_>) -> Left {
        let kept = below(dice, self.sectors());
        let torn = (below(dice, 2) == 0).then(|| (kept, below(dice, SECTOR_BYTES)));
        Left::Sectors { kept: (0..self.sectors()).map(|sector| sector < kept).collect(), torn }
    }

    fn some_sectors(self, dice: Dice<'_>, mut is_kept: impl FnMut(Dice<'_>) -> bool) -> Left {
        Left::Sectors { kept: (0..self.sectors()).map(|_| is_kept(dice)).collect(), torn: None }
    }
}

/// Does to a file what is left of a change.
fn apply(file: &mut Vec<u8>, change: Change<'_>, left: &Left, filling: Filling, dice: Dice<'_>) {
    let (offset, bytes) = match change {
        Change::Write { offset, bytes } => (offset, bytes),
        Change::Cut { size } => {
            let happened = match left {
                Left::Nothing => false,
                Left::Whole => true,
                Left::Sectors { kept, .. } => kept.first().is_some_and(|kept| *kept),
            };
            if happened {
                file.resize(size, 0);
            }
            return;
        }
    };
    let mut from = 0;
    for sector in 0..change.sectors() {
        let to = ((offset / SECTOR_BYTES + sector + 1) * SECTOR_BYTES - offset).min(bytes.len());
        let kept = match left {
            Left::Nothing => 0,
            Left::Whole => to - from,
            Left::Sectors { kept, .. } if kept[sector] => to - from,
            Left::Sectors { torn: Some((torn, bytes)), .. } if *torn == sector => (*bytes).min(to - from),
            Left::Sectors { .. } => 0,
        };
        let (start, end) = (offset + from, offset + to);
        let grows_to = match filling {
            Filling::None => start + kept,
            Filling::Zeros | Filling::Noise | Filling::Old => end,
        };
        if kept > 0 || !matches!(filling, Filling::None) {
            grow(file, grows_to, filling, dice);
            file[start..start + kept].copy_from_slice(&bytes[from..from + kept]);
        }
        from = to;
    }
}

fn grow(file: &mut Vec<u8>, size: usize, filling: Filling, dice: Dice<'_>) {
    let old = file.len();
    if old >= size {
        return;
    }
    match filling {
        Filling::None | Filling::Zeros => file.resize(size, 0),
        Filling::Noise => {
            while file.len() < size {
                file.extend(dice().to_le_bytes());
            }
            file.truncate(size);
        }
        Filling::Old => {
            while file.len() < size {
                // Of the same file, where the engine would take it for its own at first sight.
                let from = below(dice, old / SECTOR_BYTES + 1) * SECTOR_BYTES;
                let until = (from + SECTOR_BYTES).min(old);
                if from >= until {
                    file.resize(size, 0);
                } else {
                    file.extend_from_within(from..until);
                }
            }
            file.truncate(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "hub.sqlite";

    fn file() -> String {
        FILE.to_owned()
    }

    fn written(offset: u64, byte: u8, sectors: usize) -> Entry {
        Entry::Written { file: file(), offset, bytes: vec![byte; sectors * SECTOR_BYTES] }
    }

    /// The file in all images that many dice give, each as the first byte of every sector.
    fn images(log: &[Entry], flushes: Flushes, fate: Fate) -> std::collections::BTreeSet<String> {
        let mut disk = Disk::new(flushes);
        for (place, entry) in log.iter().enumerate() {
            disk.read(place, entry);
        }
        let image = |seed: u64| {
            let mut state = seed;
            let mut dice = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state >> 33
            };
            let image = disk.cut(fate, &mut dice);
            let Some(bytes) = image.files.get(FILE) else { return "none".to_owned() };
            bytes.chunks(SECTOR_BYTES).map(|sector| char::from(sector[0])).collect()
        };
        (0..2_000).map(image).collect()
    }

    fn check(log: &[Entry], fate: Fate, expected: &[&str]) {
        let expected: std::collections::BTreeSet<_> =
            expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(images(log, Flushes::Honored, fate), expected, "{fate:?}");
    }

    #[test]
    fn what_was_flushed_stays_and_the_rest_may_go() {
        let base = [
            Entry::Made { file: file() },
            Entry::FolderFlushed { begun: 1 },
            written(0, b'a', 3),
            Entry::Flushing { file: file() },
            Entry::Flushed { file: file(), begun: 3 },
        ];
        let log = |more: &[Entry]| [&base[..], more].concat();
        let two = log(&[written(0, b'b', 2), written(512, b'c', 2)]);
        check(&two, Fate::Lost, &["aaa"]);
        check(&two, Fate::Kept, &["bcc"]);
        check(&two, Fate::Scattered, &["aaa", "bba", "acc", "bcc"]);
        check(&two, Fate::Overtaken, &["bba", "acc"]);
        // A sector that is torn inside begins with what is new.
        check(&two, Fate::Torn, &["aaa", "baa", "bba", "bca", "bcc"]);
        check(
            &two,
            Fate::Shredded,
            &["aaa", "aac", "aba", "abc", "aca", "acc", "baa", "bac", "bba", "bbc", "bca", "bcc"],
        );
        check(&two, Fate::Gap, &["acc", "bba", "bbc", "bca", "bcc"]);
        // What was written while a flush was under way is not part of it.
        let during = log(&[
            Entry::Flushing { file: file() },
            written(0, b'b', 1),
            Entry::Flushed { file: file(), begun: 5 },
        ]);
        check(&during, Fate::Lost, &["aaa"]);
        let cut = log(&[Entry::Cut { file: file(), size: 512 }]);
        check(&cut, Fate::Scattered, &["a", "aaa"]);
        let unflushed = images(&two, Flushes::Ignored, Fate::Lost);
        assert_eq!(
            unflushed.into_iter().collect::<Vec<_>>(),
            ["none"],
            "a disk that does not flush has nothing"
        );
    }

    #[test]
    fn a_file_is_there_once_its_folder_was_flushed() {
        let made = [Entry::Made { file: file() }];
        check(&made, Fate::Lost, &["none"]);
        check(&made, Fate::Kept, &[""]);
        check(&made, Fate::Scattered, &["none", ""]);
        // A flush of the file alone does not keep its name.
        let flushed =
            [&made[..], &[Entry::Flushing { file: file() }, Entry::Flushed { file: file(), begun: 1 }]];
        check(&flushed.concat(), Fate::Lost, &["none"]);
        let deleted =
            [&made[..], &[Entry::FolderFlushed { begun: 1 }, Entry::Deleted { file: file() }]].concat();
        check(&deleted, Fate::Lost, &[""]);
        check(&deleted, Fate::Kept, &["none"]);
        check(&deleted, Fate::Torn, &["none", ""]);
    }

    #[test]
    fn a_file_that_has_grown_may_hold_anything_there() {
        let log = [
            Entry::Made { file: file() },
            Entry::FolderFlushed { begun: 1 },
            written(0, b'a', 1),
            Entry::Flushed { file: file(), begun: 3 },
            written(512, b'b', 2),
        ];
        let seen = images(&log, Flushes::Honored, Fate::Shredded);
        // Not grown; with zeros; with what stands in front; with both new.
        for expected in ["a", "ab", "a\0\0", "a\0b", "aaa", "aab", "aba", "abb"] {
            assert!(seen.contains(expected), "{expected:?} is not among {seen:?}");
        }
    }
}
