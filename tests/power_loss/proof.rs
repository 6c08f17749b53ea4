//! The proof itself, and that it finds what it is there to find.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recording_vfs::disk::{Disk, Fate, Flushes, Image};
use recording_vfs::log::Entry;

use super::examination::{Fault, examine};
use super::life::{Recording, record};
use crate::processes::dice::Dice;
use crate::reliability::Run;

/// Images of one recording in the short form.
const IMAGES: u64 = 120;
/// Images after which a long run records another life.
const IMAGES_OF_A_LIFE: u64 = 250;
/// Images among which a mistake must be found, and those that are looked at even so.
const IMAGES_OF_A_MISTAKE: u64 = 300;
const IMAGES_OF_A_MISTAKE_MIN: u64 = 30;
const SEED: u64 = 20_261;
/// Bytes of the engine's shared memory, which mean nothing after a power cut.
const SHARED_MEMORY_BYTES: usize = 32 * 1024;

/// Where the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Right after somebody was told something.
    Promise,
    /// While the log is being moved into the database.
    Checkpoint,
    /// While the database is made, or opened again.
    Opening,
    Any,
}

impl Moment {
    const ALL: [Self; 4] = [Self::Promise, Self::Checkpoint, Self::Opening, Self::Any];

    /// The entries that it is chosen among: the power goes after one of them.
    fn places(self, entries: &[Entry]) -> Vec<usize> {
        let first_promise =
            entries.iter().position(|entry| matches!(entry, Entry::Promised { .. })).unwrap_or(entries.len());
        let is_such = |(place, entry): &(usize, &Entry)| match self {
            Self::Promise => matches!(entry, Entry::Promised { .. }),
            Self::Checkpoint => matches!(entry, Entry::Written { file, .. } if file == "hub.sqlite"),
            Self::Opening => *place < first_promise,
            Self::Any => true,
        };
        entries.iter().enumerate().filter(is_such).map(|(place, _)| place).collect()
    }
}

/// One power cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    place: usize,
    moment: Moment,
    fate: Fate,
    seed: u64,
}

/// Cuts in the order of the log.
fn cuts(entries: &[Entry], dice: &mut Dice, count: u64) -> Vec<Cut> {
    let places = Moment::ALL.map(|moment| moment.places(entries));
    let mut cuts: Vec<_> = (0..count)
        .map(|_| {
            let moment = match dice.between(0, 99) {
                0..40 => Moment::Promise,
                40..65 => Moment::Checkpoint,
                65..73 => Moment::Opening,
                _ => Moment::Any,
            };
            let index = Moment::ALL.iter().position(|known| *known == moment).expect("one of all");
            let place = *dice.pick(&places[index]);
            Cut { place, moment, fate: *dice.pick(&Fate::ALL), seed: dice.next() }
        })
        .collect();
    cuts.sort_by_key(|cut| (cut.place, cut.seed));
    cuts
}

/// What came of all images.
#[derive(Debug, Default)]
struct Findings {
    counts: BTreeMap<String, u64>,
    bad: Vec<(Cut, Vec<Fault>)>,
}

impl Findings {
    fn count(&mut self, what: &str, number: usize) {
        *self.counts.entry(what.to_owned()).or_default() += u64::try_from(number).expect("a count");
    }

    fn with(&self, is_such: impl Fn(&Fault) -> bool) -> usize {
        self.bad.iter().filter(|(_, faults)| faults.iter().any(&is_such)).count()
    }

    fn images(&self) -> u64 {
        self.counts.get("images").copied().unwrap_or_default()
    }

    /// Images in which something promised is missing, and those that are damaged.
    fn lost_and_broken(&self) -> (usize, usize) {
        (
            self.with(|fault| matches!(fault, Fault::Lost(_))),
            self.with(|fault| matches!(fault, Fault::Broken(_))),
        )
    }
}

/// Makes an image of each cut and examines it, until it is over. Where no end is named, the first image that is
/// bad is kept for people and fails the test.
async fn cut_all(
    recording: &Recording,
    (cuts, flushes): (&[Cut], Flushes),
    findings: &mut Findings,
    is_over: Option<fn(&Findings) -> bool>,
) {
    let mut disk = Disk::new(flushes);
    let (mut read, mut promised) = (0, 0);
    for cut in cuts {
        for (place, entry) in recording.entries.iter().enumerate().take(cut.place + 1).skip(read) {
            disk.read(place, entry);
            promised += usize::from(matches!(entry, Entry::Promised { .. }));
        }
        read = read.max(cut.place + 1);
        let mut dice = Dice::new(cut.seed);
        let mut image = disk.cut(cut.fate, &mut || dice.next());
        if dice.chance(25) {
            let noise =
                std::iter::repeat_with(|| dice.next().to_le_bytes()).flatten().take(SHARED_MEMORY_BYTES);
            image.files.insert("hub.sqlite-shm".to_owned(), noise.collect());
        }
        let folder = tempfile::Builder::new().prefix("power-loss-").tempdir().expect("a temporary folder");
        write(&image, folder.path());
        let promises = &recording.promises[..promised];
        let faults = examine(folder.path(), promises, recording).await;
        findings.count("images", 1);
        findings.count(&format!("images_{}", cut.fate.as_str()), 1);
        findings.count(&format!("images_at_{:?}", cut.moment).to_lowercase(), 1);
        findings.count("promises_checked", promises.len());
        if !faults.is_empty() {
            if is_over.is_none() {
                let folder = keep(&image, *cut, &faults);
                panic!(
                    "{cut:?} leaves an image that does not hold, kept in {}: {faults:#?}",
                    folder.display()
                );
            }
            findings.bad.push((*cut, faults));
        }
        if is_over.is_some_and(|is_over| is_over(findings)) {
            return;
        }
    }
}

fn write(image: &Image, folder: &Path) {
    for (file, bytes) in &image.files {
        std::fs::write(folder.join(file), bytes).expect("an image is written");
    }
}

/// Keeps an image as it was before it was opened, with what it was made of.
fn keep(image: &Image, cut: Cut, faults: &[Fault]) -> PathBuf {
    let folder =
        tempfile::Builder::new().prefix("power-loss-kept-").tempdir().expect("a temporary folder").keep();
    write(image, &folder);
    let recipe = format!("{cut:#?}\n{}\n{faults:#?}\n", image.recipe);
    std::fs::write(folder.join("recipe.txt"), recipe).expect("a recipe is written");
    folder
}

fn count_of(entries: &[Entry], is_such: impl Fn(&Entry) -> bool) -> usize {
    entries.iter().filter(|entry| is_such(entry)).count()
}

/// Images of every kind, after promises, inside checkpoints and while the database is opened: each opens, has
/// all that was answered, and agrees with itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_that_was_answered() {
    let run = Run::begin("power_loss", IMAGES, SEED);
    let mut dice = Dice::new(run.seed);
    let mut findings = Findings::default();
    let mut left = run.rounds;
    while left > 0 {
        let images = left.min(IMAGES_OF_A_LIFE);
        left -= images;
        let recording = record(dice.next(), None).await;
        let entries = &recording.entries;
        findings.count("lives", 1);
        findings.count("writes_recorded", count_of(entries, |entry| matches!(entry, Entry::Written { .. })));
        findings.count("flushes_recorded", count_of(entries, |entry| matches!(entry, Entry::Flushed { .. })));
        findings.count("promises_made", recording.promises.len());
        let cuts = cuts(entries, &mut dice, images);
        cut_all(&recording, (&cuts, Flushes::Honored), &mut findings, None).await;
    }
    let figures: Vec<_> = findings.counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    run.held(&figures);
}

/// A hub whose commits do not wait for the disk loses answers, and nothing worse; a disk that does not flush
/// damages the database. Both are found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_flush_is_found_out() {
    let mut dice = Dice::new(SEED);
    let recording = record(dice.next(), Some("NORMAL")).await;
    let cuts = cuts(&recording.entries, &mut dice, IMAGES_OF_A_MISTAKE);
    let mut findings = Findings::default();
    let loses: fn(&Findings) -> bool =
        |findings| findings.lost_and_broken().0 > 0 && findings.images() >= IMAGES_OF_A_MISTAKE_MIN;
    cut_all(&recording, (&cuts, Flushes::Honored), &mut findings, Some(loses)).await;
    let (lost, broken) = findings.lost_and_broken();
    println!("synchronous = NORMAL: {lost} images with losses, {broken} damaged, of {}", findings.images());
    assert!(lost > 0, "synchronous = NORMAL loses nothing?");
    assert_eq!(broken, 0, "{:#?}", findings.bad);

    let mut findings = Findings::default();
    let damages: fn(&Findings) -> bool = |findings| {
        let (lost, broken) = findings.lost_and_broken();
        lost > 0 && broken > 0
    };
    cut_all(&recording, (&cuts, Flushes::Ignored), &mut findings, Some(damages)).await;
    let (lost, broken) = findings.lost_and_broken();
    println!("without flushes: {lost} images with losses, {broken} damaged, of {}", findings.images());
    assert!(lost > 0 && broken > 0, "a disk that does not flush does no harm?");
}
