//! Bad days on request: what may go wrong with a request, and which rule strikes.
//!
//! Invariant: at most one rule strikes a request, the oldest that fits, and it is used up only by striking.

use super::Run;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection closes before anything is done.
    DropBefore,
    /// It is done, and the connection closes before the answer.
    DropAfter,
    /// 5xx from something in front of the API, which never heard of the request.
    ErrorBefore,
    /// It is done and answered; what stands in front of the API loses the answer and says 5xx.
    ErrorAfter,
    /// The API itself breaks before anything is done, says 500, and knows it.
    BreaksBefore,
    /// It is done; the API itself breaks then, says 500, and knows it.
    BreaksAfter,
    /// 429; nothing is done.
    TooMany,
    /// It is done; the answer is a page of a proxy with status 200.
    Garbage,
    /// It is done; the answer waits until the test lets it go.
    Stall,
    /// It is done; every webhook about it is accepted before the answer leaves.
    WebhooksFirst,
}

/// Everything that can befall a request whose answer is then lost or late, for tests that try them all.
pub(crate) const LOSING: [Fault; 8] = [
    Fault::DropBefore,
    Fault::DropAfter,
    Fault::ErrorBefore,
    Fault::ErrorAfter,
    Fault::BreaksAfter,
    Fault::TooMany,
    Fault::Garbage,
    Fault::WebhooksFirst,
];

impl Fault {
    /// Whether the API never hears of the request.
    pub(crate) fn keeps_it_away(self) -> bool {
        matches!(self, Self::DropBefore | Self::ErrorBefore | Self::TooMany)
    }

    pub(crate) fn run(self) -> Run {
        match self {
            Self::BreaksBefore => Run::BreaksBefore,
            Self::BreaksAfter => Run::BreaksAfter,
            Self::DropBefore
            | Self::DropAfter
            | Self::ErrorBefore
            | Self::ErrorAfter
            | Self::TooMany
            | Self::Garbage
            | Self::Stall
            | Self::WebhooksFirst => Run::Whole,
        }
    }
}

/// A fault that waits for requests of one operation.
#[derive(Clone, Debug)]
struct Rule {
    operation: &'static str,
    fault: Fault,
    times: u32,
}

/// The rules, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Rule>);

impl Faults {
    pub(crate) fn add(&mut self, operation: &'static str, fault: Fault, times: u32) {
        self.0.push(Rule { operation, fault, times });
    }

    /// The fault that strikes a request of this operation.
    pub(crate) fn strike(&mut self, operation: &str) -> Option<Fault> {
        let rule = self.0.iter_mut().find(|rule| rule.operation == operation && rule.times > 0)?;
        rule.times -= 1;
        Some(rule.fault)
    }

    /// Rules that have not struck as often as they should.
    pub(crate) fn left(&self) -> Vec<String> {
        let left = self.0.iter().filter(|rule| rule.times > 0);
        left.map(|rule| format!("{} {:?} ×{}", rule.operation, rule.fault, rule.times)).collect()
    }

    /// Forgets every rule.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_rule_that_fits_strikes_as_often_as_it_was_asked_to() {
        let mut faults = Faults::default();
        faults.add("capture", Fault::Garbage, 2);
        faults.add("capture", Fault::DropAfter, 1);
        faults.add("open", Fault::TooMany, 1);
        let expected = [
            ("refund", None),
            ("capture", Some(Fault::Garbage)),
            ("capture", Some(Fault::Garbage)),
            ("capture", Some(Fault::DropAfter)),
            ("capture", None),
        ];
        for (row, (operation, struck)) in expected.into_iter().enumerate() {
            assert_eq!(faults.strike(operation), struck, "row {row}");
        }
        assert_eq!(faults.left(), ["open TooMany ×1"]);
    }
}
