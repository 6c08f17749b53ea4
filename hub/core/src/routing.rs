//! Which connectors can take a payment, in the operator's order, each with its reason.

use processor_sdk::{Capabilities, CaptureMode, Currencies, Money};

/// What routing must know of the payment.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Amount and currency.
    pub amount: Money,
    /// When funds are taken.
    pub capture: CaptureMode,
    /// The shop's site.
    pub site: Option<String>,
    /// Test or live.
    pub livemode: bool,
    /// The connector that the cart insists on.
    pub connector: Option<String>,
}

/// What routing must know of a connector.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The operator's name for it.
    pub name: String,
    /// Test or live.
    pub livemode: bool,
    /// That it takes no new payments, only what is in flight or refundable.
    pub draining: bool,
    /// What its processor takes.
    pub currencies: Currencies,
    /// What its processor can do.
    pub capabilities: Capabilities,
    /// Sites it serves; empty = all.
    pub sites: Vec<String>,
}

/// A connector that can take the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub connector: String,
    /// Why it stands where it stands.
    pub reason: String,
}

/// A connector that cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Its name.
    pub connector: String,
    /// Why not.
    pub reason: Unfit,
}

/// Why a connector cannot take a payment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is of the other partition.
    #[error("is of the other mode (test or live)")]
    OtherMode,
    /// It is being retired.
    #[error("takes no new payments any more")]
    Draining,
    /// The cart insists on another.
    #[error("the cart asked for another connector")]
    NotAsked,
    /// It serves other sites.
    #[error("does not serve this site")]
    OtherSite,
    /// It does not take the currency.
    #[error("does not take {0}")]
    Currency(&'static str),
    /// Below the processor's minimum.
    #[error("takes no less than {0} minor units")]
    BelowMinimum(i64),
    /// Above the processor's maximum.
    #[error("takes no more than {0} minor units")]
    AboveMaximum(i64),
    /// The processor cannot represent the amount.
    #[error("takes only multiples of {0} minor units")]
    NotAMultiple(i64),
    /// It cannot authorize without capturing.
    #[error("cannot capture later")]
    NoManualCapture,
}

/// What routing came to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Routing {
    /// Who can, in the operator's order.
    pub choices: Vec<Choice>,
    /// Who cannot, and why.
    pub rejections: Vec<Rejection>,
}

/// Sorts candidates, given in the operator's order, into those that can and those that cannot.
#[must_use]
pub fn route(wish: &Wish, candidates: &[Candidate]) -> Routing {
    let mut routing = Routing::default();
    for candidate in candidates {
        match unfit(wish, candidate) {
            Some(reason) => {
                routing.rejections.push(Rejection { connector: candidate.name.clone(), reason });
            }
            None => {
                let place = routing.choices.len() + 1;
                let asked = if wish.connector.is_some() { "asked for by the cart; " } else { "" };
                let reason = format!(
                    "{asked}takes {} and stands {place} in the configured order",
                    wish.amount.currency()
                );
                routing.choices.push(Choice { connector: candidate.name.clone(), reason });
            }
        }
    }
    routing
}

fn unfit(wish: &Wish, candidate: &Candidate) -> Option<Unfit> {
    if candidate.livemode != wish.livemode {
        return Some(Unfit::OtherMode);
    }
    if candidate.draining {
        return Some(Unfit::Draining);
    }
    if wish.connector.as_ref().is_some_and(|asked| *asked != candidate.name) {
        return Some(Unfit::NotAsked);
    }
    let serves = |site: &String| candidate.sites.is_empty() || candidate.sites.contains(site);
    // A connector for named sites takes no payment that names none.
    if !wish.site.as_ref().map_or(candidate.sites.is_empty(), serves) {
        return Some(Unfit::OtherSite);
    }
    if wish.capture == CaptureMode::Manual && !candidate.capabilities.manual_capture {
        return Some(Unfit::NoManualCapture);
    }
    unfit_amount(wish.amount, &candidate.currencies)
}

fn unfit_amount(amount: Money, currencies: &Currencies) -> Option<Unfit> {
    let limits = match currencies {
        Currencies::All => return None,
        Currencies::Listed(limits) => limits,
    };
    let Some(limit) = limits.iter().find(|limit| limit.currency == amount.currency()) else {
        return Some(Unfit::Currency(amount.currency().code()));
    };
    let minor = amount.minor();
    if let Some(minimum) = limit.minimum.filter(|minimum| minor < *minimum) {
        return Some(Unfit::BelowMinimum(minimum));
    }
    if let Some(maximum) = limit.maximum.filter(|maximum| minor > *maximum) {
        return Some(Unfit::AboveMaximum(maximum));
    }
    limit.multiple_of.filter(|multiple| *multiple > 0 && minor % multiple != 0).map(Unfit::NotAMultiple)
}

#[cfg(test)]
mod tests {
    use processor_sdk::{Currency, CurrencyLimit, LookUp};

    use super::*;

    fn candidate(name: &str) -> Candidate {
        let limit = CurrencyLimit {
            currency: Currency::parse("USD").unwrap(),
            minimum: Some(100),
            maximum: Some(10_000),
            multiple_of: Some(10),
        };
        Candidate {
            name: name.to_owned(),
            livemode: false,
            draining: false,
            currencies: Currencies::Listed(vec![limit]),
            capabilities: Capabilities {
                manual_capture: true,
                partial_capture: true,
                multiple_captures: true,
                void: true,
                refund: true,
                partial_refund: true,
                multiple_refunds: true,
                complete_checkout: false,
                expire_checkout: true,
                fetch_payment: LookUp::ById,
                fetch_refund: LookUp::ById,
                fetch_dispute: LookUp::None,
                silent_auto_capture: false,
                orphan_session_payable: false,
            },
            sites: vec![],
        }
    }

    fn wish(minor: i64, currency: &str) -> Wish {
        Wish {
            amount: Money::new(minor, Currency::parse(currency).unwrap()).unwrap(),
            capture: CaptureMode::Automatic,
            site: None,
            livemode: false,
            connector: None,
        }
    }

    #[test]
    fn each_reason_against_a_connector() {
        type Change = fn(&mut Wish, &mut Candidate);
        let rows: [(Change, Option<Unfit>); 17] = [
            (|_, _| {}, None),
            (|wish, _| wish.livemode = true, Some(Unfit::OtherMode)),
            (|_, candidate| candidate.livemode = true, Some(Unfit::OtherMode)),
            (|_, candidate| candidate.draining = true, Some(Unfit::Draining)),
            (|wish, _| wish.connector = Some("other".to_owned()), Some(Unfit::NotAsked)),
            (|wish, _| wish.connector = Some("one".to_owned()), None),
            (|_, candidate| candidate.sites = vec!["a".to_owned()], Some(Unfit::OtherSite)),
            (|wish, _| wish.site = Some("a".to_owned()), None),
            (
                |wish, candidate| {
                    wish.site = Some("b".to_owned());
                    candidate.sites = vec!["a".to_owned()];
                },
                Some(Unfit::OtherSite),
            ),
            (|wish, _| *wish = self::wish(1_000, "EUR"), Some(Unfit::Currency("EUR"))),
            (|wish, _| *wish = self::wish(90, "USD"), Some(Unfit::BelowMinimum(100))),
            (|wish, _| *wish = self::wish(100, "USD"), None),
            (|wish, _| *wish = self::wish(10_000, "USD"), None),
            (|wish, _| *wish = self::wish(10_010, "USD"), Some(Unfit::AboveMaximum(10_000))),
            (|wish, _| *wish = self::wish(1_005, "USD"), Some(Unfit::NotAMultiple(10))),
            (
                |wish, candidate| {
                    wish.capture = CaptureMode::Manual;
                    candidate.capabilities.manual_capture = false;
                },
                Some(Unfit::NoManualCapture),
            ),
            (
                |wish, candidate| {
                    *wish = self::wish(1, "JPY");
                    candidate.currencies = Currencies::All;
                },
                None,
            ),
        ];
        for (row, (change, expected)) in rows.into_iter().enumerate() {
            let (mut wish, mut candidate) = (wish(1_000, "USD"), candidate("one"));
            change(&mut wish, &mut candidate);
            let routing = route(&wish, &[candidate]);
            let rejections: Vec<_> =
                routing.rejections.into_iter().map(|rejection| rejection.reason).collect();
            assert_eq!(rejections, expected.clone().into_iter().collect::<Vec<_>>(), "row {row}");
            assert_eq!(routing.choices.is_empty(), expected.is_some(), "row {row}");
        }
    }

    #[test]
    fn choices_keep_the_configured_order_with_their_reason() {
        let mut draining = candidate("second");
        draining.draining = true;
        let routing = route(&wish(1_000, "USD"), &[candidate("first"), draining, candidate("third")]);
        let named: Vec<_> = routing.choices.iter().map(|choice| choice.connector.as_str()).collect();
        assert_eq!(named, ["first", "third"]);
        assert_eq!(routing.choices[1].reason, "takes USD and stands 2 in the configured order");
        assert_eq!(routing.rejections[0].connector, "second");
        assert_eq!(routing.rejections[0].reason.to_string(), "takes no new payments any more");
    }
}
