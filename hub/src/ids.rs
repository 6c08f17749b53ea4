//! Identifiers and randomness: the only file that asks the machine for random bytes.
//!
//! An identifier is a prefix that names the kind, and 26 characters of lower-case Crockford base32: 48
//! bits of milliseconds, then 80 random bits (the ULID layout). It sorts by creation time, needs no
//! coordination between replicas and tells nothing but its age. A token is random throughout: whoever
//! holds it may act, so it must not be guessable from another one.
//!
//! Invariant: no identifier or token contains 13 digits in a row, so the card-number guard can never
//! mistake one of ours for a card.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::clock::Clock;

/// Crockford's alphabet: no `i`, `l`, `o`, `u`, so that an identifier survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ID_CHARS: usize = 26;
const ID_RANDOM_BYTES: usize = 10;
/// How far the next identifier of the same millisecond may lie: 32 bits.
const ID_STEP_MASK: u128 = 0xffff_ffff;
const TOKEN_RANDOM_BYTES: usize = 20;

/// The longest run of digits an identifier may hold; card numbers have at least 13.
const DIGIT_RUN_MAX: usize = 12;
/// Draws before a digit run is let through. Fewer than one draw in a hundred thousand has such a run, so
/// eight in a row happen only to a source that is broken.
const DRAWS_MAX: usize = 8;

/// A source of random bytes.
pub trait Randomness: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    /// # Panics
    /// When the operating system has no randomness to give. There is no safe way on: keys, tokens and
    /// nonces made without it would be guessable.
    #[expect(clippy::disallowed_methods, reason = "this file is the randomness seam")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}

/// Reproducible bytes for tests and the simulation: SHA-256 over seed, call and block number.
/// Never for keys or tokens of a running hub.
pub struct SeededRandomness {
    seed: u64,
    calls: AtomicU64,
}

impl SeededRandomness {
    pub fn new(seed: u64) -> Self {
        Self { seed, calls: AtomicU64::new(0) }
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        for (block, chunk) in (0_u64..).zip(bytes.chunks_mut(32)) {
            let digest = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(call.to_be_bytes())
                .chain_update(block.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}

/// Makes identifiers and tokens.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    /// The greatest identifier so far: milliseconds and random part.
    last: Arc<Mutex<(u64, u128)>>,
}

impl Ids {
    pub fn new(clock: Arc<dyn Clock>, randomness: Arc<dyn Randomness>) -> Self {
        Self { clock, randomness, last: Arc::default() }
    }

    /// A new identifier, for example `pi_01kb3v7q2m0r5s9x4w8t6y1zab` for the prefix `pi`.
    pub fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.new_body())
    }

    /// The part of a new identifier after its prefix: 26 characters, greater than every one before it in
    /// this process, so that what one commit makes keeps its order.
    pub fn new_body(&self) -> String {
        let now = u64::try_from(self.clock.now().as_micros() / 1_000).unwrap_or(0);
        // A poisoned lock holds the same two numbers.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = *last;
        let body = draw_without_digit_run(|| {
            let mut random = [0_u8; 16];
            self.randomness.fill(&mut random[16 - ID_RANDOM_BYTES..]);
            next = successor(*last, now, u128::from_be_bytes(random));
            encode_id(next.0, next.1)
        });
        *last = next;
        body
    }

    /// 160 random bits as 32 characters for a URL that is itself the permission.
    pub fn token(&self) -> String {
        draw_without_digit_run(|| {
            let mut random = [0_u8; TOKEN_RANDOM_BYTES];
            self.randomness.fill(&mut random);
            base32_lower(&random)
        })
    }

    /// The same source, for keys and nonces.
    pub fn randomness(&self) -> &Arc<dyn Randomness> {
        &self.randomness
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ids").finish_non_exhaustive()
    }
}

/// Lower-case Crockford base32 without padding; every five bytes give eight characters.
pub fn base32_lower(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut pending, mut pending_bits) = (0_u32, 0_u32);
    for byte in bytes {
        pending = (pending << 8) | u32::from(*byte);
        pending_bits += 8;
        while pending_bits >= 5 {
            pending_bits -= 5;
            text.push(symbol(u128::from(pending >> pending_bits)));
        }
        // What was already written must not overflow into later bytes.
        pending &= (1 << pending_bits) - 1;
    }
    if pending_bits > 0 {
        text.push(symbol(u128::from(pending << (5 - pending_bits))));
    }
    text
}

/// What comes after `last`: the time with fresh bits, or within the same millisecond a random step further.
fn successor(last: (u64, u128), now: u64, random: u128) -> (u64, u128) {
    if now > last.0 {
        return (now, random);
    }
    let next = last.1 + 1 + (random & ID_STEP_MASK);
    if next >> (8 * ID_RANDOM_BYTES) == 0 { (last.0, next) } else { (last.0 + 1, random) }
}

/// 48 bits of time before 80 random bits, in 26 characters whose first holds only three bits.
fn encode_id(millis: u64, random: u128) -> String {
    let bits = (u128::from(millis) << (8 * ID_RANDOM_BYTES)) | random;
    (0..ID_CHARS).rev().map(|place| symbol(bits >> (place * 5))).collect()
}

/// The character for the lowest five bits.
fn symbol(bits: u128) -> char {
    let index = (bits & 31) as usize;
    char::from(ALPHABET[index])
}

fn draw_without_digit_run(mut draw: impl FnMut() -> String) -> String {
    let mut text = draw();
    for _ in 1..DRAWS_MAX {
        if !has_digit_run(&text) {
            break;
        }
        text = draw();
    }
    text
}

fn has_digit_run(text: &str) -> bool {
    text.split(|character: char| !character.is_ascii_digit()).any(|digits| digits.len() > DIGIT_RUN_MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use processor_sdk::Timestamp;

    use super::*;
    use crate::clock::ManualClock;

    /// Gives back the bytes it was fed, call by call.
    struct Scripted(Mutex<Vec<u8>>);

    impl Randomness for Scripted {
        fn fill(&self, bytes: &mut [u8]) {
            let scripted: Vec<u8> = self.0.lock().unwrap().drain(..bytes.len()).collect();
            bytes.copy_from_slice(&scripted);
        }
    }

    fn ids_at(micros: i64, randomness: impl Randomness + 'static) -> Ids {
        let clock = ManualClock::starting_at(Timestamp::from_micros(micros));
        Ids::new(Arc::new(clock), Arc::new(randomness))
    }

    #[test]
    fn base32_vectors() {
        let rows: [(&[u8], &str); 6] = [
            (b"", ""),
            (&[0xff], "zw"),
            (&[0, 0, 0, 0, 0], "00000000"),
            (&[0xff; 5], "zzzzzzzz"),
            // The RFC 4648 words in Crockford's alphabet.
            (b"foob", "csqpyrg"),
            (b"fooba", "csqpyrk1"),
        ];
        for (bytes, text) in rows {
            assert_eq!(base32_lower(bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn id_layout_is_that_of_a_ulid() {
        // The time of a well-known ULID, 01ARYZ6S41….
        assert_eq!(&encode_id(1_469_918_176_385, 0)[..10], "01aryz6s41");
        assert_eq!(encode_id((1 << 48) - 1, (1 << 80) - 1), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(encode_id(0, 0), "00000000000000000000000000");
        assert_eq!(encode_id(0, 33), "00000000000000000000000011");
    }

    #[test]
    fn ids_sort_by_time_and_do_not_repeat() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_micros(1_800_000_000_000_000)));
        let ids = Ids::new(clock.clone(), Arc::new(SystemRandomness));
        let mut made = Vec::new();
        for _ in 0..200 {
            // Twice in the same millisecond, as one commit does.
            made.extend([ids.new_id("pi"), ids.new_id("pi")]);
            clock.advance(1);
        }
        assert!(made.is_sorted());
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), made.len());
        for id in made {
            let body = id.strip_prefix("pi_").unwrap();
            assert_eq!(body.len(), ID_CHARS);
            assert!(body.bytes().all(|byte| ALPHABET.contains(&byte)), "{id}");
        }
    }

    #[test]
    fn same_seed_same_ids_other_seed_other_ids() {
        let run = |seed| {
            let ids = ids_at(1_000, SeededRandomness::new(seed));
            [ids.new_id("re"), ids.new_id("re"), ids.token()]
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let [first, second, token] = run(1);
        assert_ne!(first, second);
        assert_eq!(token.len(), 32);
    }

    #[test]
    fn seeded_bytes_differ_from_block_to_block() {
        let mut bytes = [0_u8; 96];
        SeededRandomness::new(7).fill(&mut bytes);
        assert_ne!(bytes[..32], bytes[32..64]);
        assert_ne!(bytes[32..64], bytes[64..]);
    }

    #[test]
    fn an_id_that_looks_like_a_card_number_is_drawn_again() {
        // At the epoch's first millisecond the time is digits; zero bytes would make the whole identifier digits.
        let mut script = vec![0_u8; ID_RANDOM_BYTES];
        script.extend([0xff; ID_RANDOM_BYTES]);
        let ids = ids_at(1_000, Scripted(Mutex::new(script)));
        assert_eq!(ids.new_id("ord"), "ord_0000000001zzzzzzzzzzzzzzzz");
    }

    #[test]
    fn within_a_millisecond_ids_step_forward() {
        let full = (1 << 80) - 1;
        let rows = [
            ((5, 7), 6, 3, (6, 3)),
            ((5, 7), 5, 0, (5, 8)),
            // Only 32 bits of the draw count as a step.
            ((5, 7), 5, full, (5, 8 + 0xffff_ffff)),
            // A clock that went back does not take the order with it.
            ((5, 7), 4, 1, (5, 9)),
            ((5, full), 5, 2, (6, 2)),
        ];
        for (last, now, random, expected) in rows {
            assert_eq!(successor(last, now, random), expected, "{last:?} {now} {random}");
        }
    }

    #[test]
    fn digit_runs() {
        let rows = [
            ("123456789012", false),
            ("1234567890123", true),
            ("a1234567890123z", true),
            ("123456789a0123", false),
        ];
        for (text, expected) in rows {
            assert_eq!(has_digit_run(text), expected, "{text}");
        }
    }

    #[test]
    fn a_clock_before_1970_still_gives_ids() {
        assert!(ids_at(-5_000_000, SystemRandomness).new_id("pi").starts_with("pi_0000000000"));
    }
}
