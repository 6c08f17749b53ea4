//! Random choices that a seed brings back (SplitMix64).

/// A source of choices.
pub(crate) struct Dice(u64);

impl Dice {
    /// The choices of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed to use: `HUB_SEED` where it is set, else another one in each run.
    pub(crate) fn seed() -> u64 {
        let fresh = || {
            let since = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
            since.as_secs() ^ u64::from(since.subsec_nanos()) << 32
        };
        super::setting("HUB_SEED").map_or_else(fresh, |text| text.parse().expect("HUB_SEED is a number"))
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True in `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.next() % u64::try_from(all.len()).expect("a length");
        &all[usize::try_from(index).expect("an index")]
    }
}
