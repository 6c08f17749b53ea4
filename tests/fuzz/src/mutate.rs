//! Mutations of inputs from a seed: the same seed and corpus give the same inputs, on every machine.

/// Texts that readers treat in a way of their own.
const WORDS: [&[u8]; 24] = [
    b"0",
    b"-1",
    b"1e9",
    b"0.1",
    b"9007199254740991",
    b"9007199254740992",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"\\u0000",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xf0\x9f\x92\xb3",
    b"\r\n",
    b"%00",
    b"&",
    b"EUR",
    b"JPY",
    b"{\"facts\":{}}",
];

/// The longest input that is made, in bytes.
pub const INPUT_BYTES_MAX: usize = 16 * 1024;

/// How many changes one input gets at most.
const CHANGES_MAX: usize = 6;

/// A source of inputs.
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// That of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// One of the corpus, changed.
    pub fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let start = self.below(corpus.len());
        let mut input = corpus.get(start).cloned().unwrap_or_default();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut input, corpus);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let place = self.below(input.len());
        match self.below(9) {
            0 if !input.is_empty() => input[place] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[place] = self.byte(),
            2 => input.insert(place, self.byte()),
            3 if !input.is_empty() => {
                let end = (place + 1 + self.below(16)).min(input.len());
                input.drain(place..end);
            }
            4 => {
                let end = (place + 1 + self.below(64)).min(input.len());
                let piece = input[place..end].to_vec();
                let at = self.below(input.len());
                input.splice(at..at, piece);
            }
            5 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(place..place, word.iter().copied());
            }
            6 if !input.is_empty() => {
                let word = WORDS[self.below(WORDS.len())];
                let end = (place + word.len()).min(input.len());
                input.splice(place..end, word.iter().copied());
            }
            7 => {
                let other = self.below(corpus.len());
                let other = corpus.get(other).map(Vec::as_slice).unwrap_or_default();
                let from = self.below(other.len());
                let end = (from + 1 + self.below(128)).min(other.len());
                input.splice(place..place, other[from..end].iter().copied());
            }
            _ => {
                // A number of the text is another number.
                if let Some(digit) = input[place..].iter().position(u8::is_ascii_digit) {
                    input[place + digit] = b'0' + self.byte() % 10;
                }
            }
        }
    }
}
