//! The only place that makes randomness: ids nobody can guess, and dice for faults.

use crate::outside::Outside;

/// 32 letters, so that each random byte gives one letter without bias.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const ID_LETTERS: usize = 20;

/// A fresh id: the prefix and 20 letters (100 random bits).
pub(crate) fn new_id(outside: &dyn Outside, prefix: &str) -> String {
    let mut id = String::with_capacity(prefix.len() + ID_LETTERS);
    id.push_str(prefix);
    let mut bytes = [0_u8; ID_LETTERS];
    outside.fill(&mut bytes);
    for byte in bytes {
        id.push(char::from(LETTERS[usize::from(byte & 31)]));
    }
    id
}

/// A number from 0 to 99; its bias is far below what a fault rate needs.
pub(crate) fn percent(outside: &dyn Outside) -> u8 {
    let mut bytes = [0_u8; 2];
    outside.fill(&mut bytes);
    u8::try_from(u16::from_le_bytes(bytes) % 100).unwrap_or(0)
}

/// The operating system's own.
pub(crate) fn fill(bytes: &mut [u8]) {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes randomness")]
    let filled = getrandom::fill(bytes);
    // Predictable ids would let anybody open anybody's page, so there is nothing to go on with.
    assert!(filled.is_ok(), "the operating system gives no randomness");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Machine;

    #[test]
    fn ids_have_a_prefix_and_twenty_letters() {
        let machine = Machine::new().unwrap();
        let id = new_id(&machine, "ss_");
        assert_eq!(id.len(), 23);
        assert!(id.starts_with("ss_"));
        assert!(id.bytes().skip(3).all(|byte| LETTERS.contains(&byte)));
        assert_ne!(id, new_id(&machine, "ss_"));
        assert!(percent(&machine) < 100);
    }
}
