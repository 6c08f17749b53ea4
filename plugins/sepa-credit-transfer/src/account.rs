//! The account that is paid: its holder's name, its IBAN and, where it is needed, its bank's BIC.
//!
//! Sources: ISO 13616 and the IBAN registry (a country's length, the check by 97), ISO 9362 (the form of a BIC),
//! EPC409-09 (the countries of SEPA), EPC069-12 (a BIC is needed outside the European Economic Area).

use processor_sdk::{Fault, Settings};

use crate::payload::is_line;
use crate::reference::remainder_of_97;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 70;

/// A country of SEPA: its code, how long its IBANs are in characters, whether it is in the EEA.
struct Country {
    code: &'static str,
    iban_chars: usize,
    in_eea: bool,
}

const fn eea(code: &'static str, iban_chars: usize) -> Country {
    Country { code, iban_chars, in_eea: true }
}

const fn other(code: &'static str, iban_chars: usize) -> Country {
    Country { code, iban_chars, in_eea: false }
}

const COUNTRIES: [Country; 42] = [
    other("AD", 24),
    other("AL", 28),
    eea("AT", 20),
    eea("BE", 16),
    eea("BG", 22),
    other("CH", 21),
    eea("CY", 28),
    eea("CZ", 24),
    eea("DE", 22),
    eea("DK", 18),
    eea("EE", 20),
    eea("ES", 24),
    eea("FI", 18),
    eea("FR", 27),
    other("GB", 22),
    other("GI", 23),
    eea("GR", 27),
    eea("HR", 21),
    eea("HU", 28),
    eea("IE", 22),
    eea("IS", 26),
    eea("IT", 27),
    eea("LI", 21),
    eea("LT", 20),
    eea("LU", 20),
    eea("LV", 21),
    other("MC", 27),
    other("MD", 24),
    other("ME", 22),
    other("MK", 19),
    eea("MT", 31),
    eea("NL", 18),
    eea("NO", 15),
    eea("PL", 28),
    eea("PT", 25),
    eea("RO", 24),
    other("RS", 22),
    eea("SE", 24),
    eea("SI", 19),
    eea("SK", 24),
    other("SM", 27),
    other("VA", 22),
];

/// Where the money goes. Every part of it has passed its check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Who holds it.
    pub name: String,
    /// Without spaces, in capitals.
    pub iban: String,
    /// The bank's.
    pub bic: Option<String>,
}

/// The account of an operator's settings.
///
/// # Errors
/// [`Fault::CannotAsk`] naming the setting and what is wrong with it.
pub fn account(settings: &Settings) -> Result<Account, Fault> {
    let name = settings.text("name")?.trim();
    if !is_line(name, NAME_CHARS_MAX) {
        let reason = format!("must be 1 to {NAME_CHARS_MAX} characters on one line");
        return Err(Fault::cannot_ask("settings.name", &reason));
    }
    let (iban, in_eea) = iban(settings.text("iban")?)?;
    let bic = settings.optional_text("bic").map(bic).transpose()?;
    if bic.is_none() && !in_eea {
        let reason = "must be set: the account is outside the European Economic Area";
        return Err(Fault::cannot_ask("settings.bic", reason));
    }
    Ok(Account { name: name.to_owned(), iban, bic })
}

/// An IBAN as people write it, with or without spaces; and whether its country is in the EEA.
fn iban(text: &str) -> Result<(String, bool), Fault> {
    let refuse = |reason: &str| Fault::cannot_ask("settings.iban", reason);
    let iban = compact(text);
    if !iban.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        return Err(refuse("must be letters and digits, such as DE02 1203 0000 0000 2020 51"));
    }
    let country = COUNTRIES
        .iter()
        .find(|country| iban.starts_with(country.code))
        .ok_or_else(|| refuse("must begin with the code of a country in SEPA, such as DE or FR"))?;
    if iban.len() != country.iban_chars {
        let (code, length) = (country.code, country.iban_chars);
        return Err(refuse(&format!("must be {length} characters long, as IBANs of {code} are")));
    }
    // The country and the two check digits stand behind the account when the check is made.
    let (front, account) = iban.split_at(4);
    if !front.bytes().skip(2).all(|byte| byte.is_ascii_digit())
        || remainder_of_97(account.bytes().chain(front.bytes())) != 1
    {
        return Err(refuse("fails its check: a character of it is wrong, or two have changed places"));
    }
    Ok((iban, country.in_eea))
}

/// A BIC: four characters for the institution, two for the country, two for the place, three for the branch.
fn bic(text: &str) -> Result<String, Fault> {
    let bic = compact(text);
    let is_bic = matches!(bic.len(), 8 | 11)
        && bic.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && bic.bytes().skip(4).take(2).all(|byte| byte.is_ascii_uppercase());
    if !is_bic {
        let reason = "must be a BIC of 8 or 11 characters, such as BYLADEM1001";
        return Err(Fault::cannot_ask("settings.bic", reason));
    }
    Ok(bic)
}

/// Without the spaces that people read in, and in capitals.
fn compact(text: &str) -> String {
    text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect()
}
