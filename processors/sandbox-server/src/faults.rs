//! Faults on request: the rules, and which rule strikes a request or a webhook.
//!
//! Invariant: at most one rule strikes, the oldest that fits, and a rule that did not strike is not used up.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::objects::words;
use crate::refusal::Refusal;

pub(crate) const STALL_MS_DEFAULT: u64 = 60_000;
const STALL_MS_MAX: u64 = 600_000;
pub(crate) const SESSION_FAULTS_MAX: usize = 20;
/// Rules are searched one by one for each request.
pub(crate) const RULES_MAX: usize = 10_000;

words! { Operation {
    Open = "open", Fetch = "fetch", Capture = "capture", Void = "void", Refund = "refund",
    Expire = "expire", Webhook = "webhook", Any = "any",
} }
words! { Fault {
    DropBefore = "drop_before", DropAfter = "drop_after", ErrorBefore = "error_before",
    ErrorAfter = "error_after", Stall = "stall", Garbage = "garbage", WrongAmount = "wrong_amount",
    Throttle = "throttle", WrongReference = "wrong_reference",
    Duplicate = "duplicate", Late = "late", OutOfOrder = "out_of_order", Forged = "forged",
    Stale = "stale", Flipped = "flipped", Drop = "drop", Unsigned = "unsigned",
    Thin = "thin",
} }

impl Fault {
    fn suits(self, operation: Operation) -> bool {
        match self {
            Self::DropBefore
            | Self::DropAfter
            | Self::ErrorBefore
            | Self::ErrorAfter
            | Self::Stall
            | Self::Garbage
            | Self::Throttle => operation != Operation::Webhook,
            Self::WrongAmount => matches!(operation, Operation::Open | Operation::Capture),
            Self::WrongReference => matches!(operation, Operation::Open | Operation::Fetch),
            Self::Duplicate
            | Self::Late
            | Self::OutOfOrder
            | Self::Forged
            | Self::Stale
            | Self::Flipped
            | Self::Drop
            | Self::Unsigned
            | Self::Thin => operation == Operation::Webhook,
        }
    }

    /// A webhook that must not be believed; it is sent once, or the true one would follow it at once.
    pub(crate) fn spoils(self) -> bool {
        matches!(self, Self::Forged | Self::Stale | Self::Flipped | Self::Unsigned)
    }
}

/// What the admin asks for; becomes a [`Rule`] when it makes sense.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleAsk {
    operation: Operation,
    fault: Fault,
    times: Option<u32>,
    rate: Option<u8>,
    session: Option<String>,
    stall_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) operation: Operation,
    pub(crate) fault: Fault,
    /// Strikes left; 0 is without end.
    pub(crate) times: u32,
    pub(crate) rate: u8,
    pub(crate) session: Option<String>,
    pub(crate) stall_ms: u64,
    /// A rule made by an account's own request concerns that account alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
}

/// What a request or a webhook is about, to be matched against rules.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) account: &'a str,
    pub(crate) session: &'a str,
    pub(crate) reference: &'a str,
}

pub(crate) fn rule(ask: RuleAsk, id: String) -> Result<Rule, Refusal> {
    if !ask.fault.suits(ask.operation) {
        let (fault, operation) = (ask.fault.word(), ask.operation.word());
        return Err(Refusal::Invalid(format!(
            "The fault `{fault}` does not fit the operation `{operation}`."
        )));
    }
    let rate = ask.rate.unwrap_or(100);
    if rate > 100 {
        return Err(Refusal::Invalid("`rate` is a percentage from 0 to 100.".to_owned()));
    }
    let stall_ms = ask.stall_ms.unwrap_or(STALL_MS_DEFAULT);
    if stall_ms > STALL_MS_MAX {
        return Err(Refusal::Invalid(format!("`stall_ms` is at most {STALL_MS_MAX}.")));
    }
    Ok(Rule {
        id,
        operation: ask.operation,
        fault: ask.fault,
        times: ask.times.unwrap_or(1),
        rate,
        session: ask.session,
        stall_ms,
        account: None,
    })
}

/// A rule from its short form `operation:fault` or `operation:fault:times`, for one session's reference.
pub(crate) fn session_rule(text: &str, about: About<'_>, id: String) -> Result<Rule, Refusal> {
    let wrong = || {
        Refusal::Invalid(format!("`faults`: {text:?} is not `operation:fault` or `operation:fault:times`."))
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (operation, fault, times) = match parts[..] {
        [operation, fault] => (operation, fault, 1),
        [operation, fault, times] => (operation, fault, times.parse().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    let ask = RuleAsk {
        operation: word(operation).ok_or_else(wrong)?,
        fault: word(fault).ok_or_else(wrong)?,
        times: Some(times),
        rate: None,
        session: Some(about.reference.to_owned()),
        stall_ms: None,
    };
    Ok(Rule { account: Some(about.account.to_owned()), ..rule(ask, id)? })
}

/// The fault of a `Sandbox-Fault` header, for one request of this operation.
pub(crate) fn header_fault(text: &str, operation: Operation) -> Result<Fault, Refusal> {
    word::<Fault>(text).filter(|fault| fault.suits(operation)).ok_or_else(|| {
        Refusal::Invalid(format!("`Sandbox-Fault`: {text:?} is not a fault of `{}`.", operation.word()))
    })
}

/// The place of the rule that strikes.
pub(crate) fn strikes(
    rules: &[Rule],
    operation: Operation,
    about: About<'_>,
    mut percent: impl FnMut() -> u8,
) -> Option<usize> {
    rules.iter().position(|rule| fits(rule, operation, about) && (rule.rate >= 100 || percent() < rule.rate))
}

fn fits(rule: &Rule, operation: Operation, about: About<'_>) -> bool {
    let operation_fits =
        rule.operation == operation || (rule.operation == Operation::Any && rule.fault.suits(operation));
    operation_fits
        && rule.account.as_ref().is_none_or(|account| account == about.account)
        && rule.session.as_ref().is_none_or(|session| session == about.session || session == about.reference)
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About<'static> {
        About { account: "shop", session: "ss_1", reference: "att_1" }
    }

    #[test]
    fn short_forms() {
        let rows = [
            ("capture:drop_after", Some(1)),
            ("capture:drop_after:3", Some(3)),
            ("webhook:forged:0", Some(0)),
            ("any:stall", Some(1)),
            ("capture", None),
            ("capture:drop_after:x", None),
            ("capture:forged", None),
            ("webhook:stall", None),
            ("any:wrong_amount", None),
            ("fetch:wrong_reference", Some(1)),
            ("capture:wrong_reference", None),
            ("webhook:thin", Some(1)),
            ("any:duplicate", None),
            ("fly:stall", None),
            ("", None),
        ];
        for (text, times) in rows {
            let made = session_rule(text, about(), "fr_1".to_owned());
            assert_eq!(made.ok().map(|rule| rule.times), times, "{text}");
        }
    }

    #[test]
    fn the_oldest_rule_that_fits_strikes() {
        let rules: Vec<Rule> = ["capture:stall", "any:garbage", "webhook:late"]
            .into_iter()
            .map(|text| session_rule(text, about(), text.to_owned()).unwrap())
            .collect();
        let other = About { reference: "att_2", session: "ss_2", ..about() };
        let stranger = About { account: "other", ..about() };
        let rows = [
            (Operation::Capture, about(), Some(0)),
            (Operation::Fetch, about(), Some(1)),
            (Operation::Webhook, about(), Some(2)),
            (Operation::Capture, other, None),
            (Operation::Capture, stranger, None),
        ];
        for (operation, about, struck) in rows {
            assert_eq!(strikes(&rules, operation, about, || 0), struck, "{operation:?}");
        }
        let half = Rule { rate: 50, ..rules[0].clone() };
        assert_eq!(strikes(std::slice::from_ref(&half), Operation::Capture, about(), || 49), Some(0));
        assert_eq!(strikes(&[half], Operation::Capture, about(), || 50), None);
    }
}
