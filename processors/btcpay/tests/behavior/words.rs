//! Every status of invoices, payments and refusals, and what it means in ours.

use processor_sdk::{DeclineCode, Facts, Money, Word};
use serde_json::{Value, json};

use crate::support::*;

fn eur(minor: i64) -> Option<Money> {
    Some(Money::new(minor, processor_sdk::Currency::EUR).unwrap())
}

fn paid(amount: &str) -> Value {
    json!({"paidAmount": amount})
}

fn unknown(word: &str) -> Word {
    Word::Unknown(word.to_owned())
}

#[test]
fn pairs_of_statuses_by_themselves() {
    for (status, additional, came, expected, captured) in [
        ("New", "None", "0", Word::Open, None),
        ("New", "PaidPartial", "5.00", Word::Open, None),
        ("Processing", "None", "12.34", Word::Pending, None),
        ("Processing", "PaidOver", "20.00", Word::Pending, None),
        ("Settled", "None", "12.34", Word::Paid, eur(1234)),
        ("Settled", "PaidOver", "20.00", Word::Paid, eur(2000)),
        ("Settled", "PaidLate", "12.34", Word::Paid, eur(1234)),
        // By hand: the merchant says that the price is paid, whatever BTCPay saw of it.
        ("Settled", "Marked", "0", Word::Paid, eur(1234)),
        ("Settled", "Marked", "5.00", Word::Paid, eur(1234)),
        ("Settled", "Marked", "20.00", Word::Paid, eur(2000)),
        ("Expired", "None", "0", Word::Expired, None),
        ("Invalid", "None", "0", Word::Declined, None),
        ("Invalid", "Marked", "0", Word::Expired, None),
        // Pairs that the documentation does not lead to expect, and words that are not in it.
        ("New", "PaidLate", "0", unknown("New.PaidLate"), None),
        ("New", "Marked", "0", unknown("New.Marked"), None),
        ("Processing", "PaidPartial", "5", unknown("Processing.PaidPartial"), None),
        ("Processing", "Marked", "12.34", unknown("Processing.Marked"), None),
        ("Settled", "PaidPartial", "5", unknown("Settled.PaidPartial"), None),
        ("Settled", "Invalid", "12.34", unknown("Settled.Invalid"), None),
        ("Settled", "zz", "12.34", unknown("Settled.zz"), None),
        // Nor is anything concluded from the payments of such an invoice.
        ("Expired", "PaidOver", "20.00", unknown("Expired.PaidOver"), None),
        ("Expired", "Marked", "0", unknown("Expired.Marked"), None),
        ("Invalid", "PaidOver", "12.34", unknown("Invalid.PaidOver"), None),
        ("Complete", "None", "12.34", unknown("Complete.None"), None),
        ("settled", "None", "12.34", unknown("settled.None"), None),
        ("Paid (very much)", "No\"ne", "0", unknown("Paidverymuch.None"), None),
    ] {
        let facts = fetched(invoice(status, additional, paid(came)), None);
        let said = (facts.word, facts.captured, facts.amount);
        assert_eq!(said, (Some(expected), captured, eur(1234)), "{status} {additional} {came}");
        assert_eq!(facts.decline.is_some(), status == "Invalid" && additional == "None");
        assert_eq!(facts.references.len(), 1);
    }
}

/// Of an invoice that is over, its payments tell.
#[test]
fn invoices_that_are_over_with_money() {
    let settled: &[&str] = &["Settled"];
    for (status, additional, came, payments, expected, captured) in [
        // A part, confirmed: the page closed, and the money is there for a person to see.
        ("Expired", "PaidPartial", "5.00", settled, Word::Expired, eur(500)),
        ("Expired", "PaidPartial", "5.00", &["Settled", "Settled"], Word::Expired, eur(500)),
        ("Expired", "PaidPartial", "5.00", &["Settled", "Invalid"], Word::Expired, eur(500)),
        // Not all confirmed, or nothing to see: not over yet.
        ("Expired", "PaidPartial", "5.00", &["Processing"], Word::Pending, None),
        ("Expired", "PaidPartial", "5.00", &["Settled", "Processing"], Word::Pending, None),
        ("Expired", "PaidPartial", "5.00", &[], Word::Pending, None),
        ("Expired", "PaidPartial", "5.00", &["Invalid"], Word::Pending, None),
        // The merchant decides.
        ("Expired", "PaidLate", "12.34", settled, Word::Pending, None),
        ("Expired", "PaidLate", "12.34", &["Processing"], Word::Pending, None),
        ("Expired", "PaidLate", "12.34", &[], Word::Pending, None),
        // Money that BTCPay did not announce.
        ("Expired", "None", "12.34", &["Processing"], Word::Pending, None),
        ("Expired", "None", "12.34", settled, Word::Pending, None),
        ("Expired", "None", "5.00", settled, Word::Expired, eur(500)),
        ("Expired", "None", "0.004", &[], Word::Expired, None),
        ("Invalid", "None", "12.34", &["Processing"], Word::Declined, None),
        ("Invalid", "None", "12.34", &[], Word::Declined, None),
        ("Invalid", "None", "12.34", settled, Word::Declined, eur(1234)),
        ("Invalid", "None", "12.34", &["Settled", "Processing"], Word::Pending, None),
        ("Invalid", "Marked", "5.00", &["Processing"], Word::Pending, None),
        ("Invalid", "Marked", "5.00", settled, Word::Expired, eur(500)),
        ("Invalid", "Marked", "5.00", &["Invalid"], Word::Expired, None),
        // One word that nobody has heard of, and nothing else counts.
        ("Expired", "PaidPartial", "5.00", &["Settled", "Frozen"], unknown("Frozen"), None),
        ("Invalid", "None", "12.34", &["Frozen"], unknown("Frozen"), None),
    ] {
        let facts = fetched(invoice(status, additional, paid(came)), Some(payments));
        let row = format!("{status} {additional} {payments:?}");
        assert_eq!(facts.decline.is_some(), expected == Word::Declined, "{row}");
        assert_eq!(
            (facts.word, facts.captured, facts.amount),
            (Some(expected), captured, eur(1234)),
            "{row}"
        );
    }
}

/// There is a way to the page exactly as long as it waits for money.
#[test]
fn only_an_open_invoice_has_a_door() {
    for (status, additional, is_open) in [
        ("New", "None", true),
        ("New", "PaidPartial", true),
        ("New", "Frozen", false),
        ("Processing", "None", false),
        ("Settled", "None", false),
        ("Expired", "None", false),
        ("Invalid", "Marked", false),
        ("Frozen", "None", false),
    ] {
        let said = reply(fetch_payment(), vec![ok(invoice(status, additional, json!({})))]);
        assert_eq!(door(said).is_some(), is_open, "{status} {additional}");
    }
    let expired = invoice("New", "None", json!({"expirationTime": CREATED_S - 60}));
    let (_, open_s) = door(reply(fetch_payment(), vec![ok(expired)])).unwrap();
    assert_eq!(open_s, Some(0), "never before it was asked for");
}

#[test]
fn late_money_is_taken_only_where_the_operator_says_so() {
    let fetch = |accepts: bool, came: &str, payments: &[&str]| {
        let call = with_setting(fetch_payment(), "accept_late", json!(accepts));
        let invoice = invoice("Expired", "PaidLate", paid(came));
        let Facts { word, captured, .. } = facts(call, vec![ok(invoice), ok(methods(payments))]);
        (word.unwrap(), captured)
    };
    assert_eq!(fetch(true, "12.340312", &["Settled"]), (Word::Paid, eur(1234)));
    assert_eq!(fetch(true, "15.00", &["Settled", "Settled"]), (Word::Paid, eur(1500)));
    for (accepts, payments) in [
        (false, &["Settled"] as &[&str]),
        (true, &["Processing"]),
        (true, &["Settled", "Processing"]),
        (true, &["Invalid"]),
        (true, &[]),
    ] {
        assert_eq!(fetch(accepts, "12.34", payments), (Word::Pending, None), "{accepts} {payments:?}");
    }
}

#[test]
fn coins_that_did_not_confirm_are_no_reason_to_try_elsewhere() {
    let decline = fetched(invoice("Invalid", "None", json!({})), None).decline.unwrap();
    assert_eq!((decline.code, decline.elsewhere), (DeclineCode::Other, false));
    assert_eq!(decline.processor_code.as_deref(), Some("Invalid"));
}

#[test]
fn a_refused_checkout_may_be_tried_elsewhere() {
    let field = |path: &str| response(422, &json!([{"path": path, "message": "Why."}]));
    for (answer, expected, processor_code) in [
        (field("amount"), DeclineCode::InvalidRequest, "amount"),
        (field("currency"), DeclineCode::MethodNotAvailable, "currency"),
        (field("checkout.paymentMethods"), DeclineCode::MethodNotAvailable, "checkout.paymentMethods"),
        (field("checkout.paymentMethods[0]"), DeclineCode::InvalidRequest, "checkout.paymentMethods0"),
        (field(""), DeclineCode::InvalidRequest, "validation"),
        (refusal(400, "generic-error"), DeclineCode::ProcessorUnavailable, "generic-error"),
        (refusal(404, "store-not-found"), DeclineCode::InvalidRequest, "store-not-found"),
    ] {
        let facts = facts(open(json!({})), vec![answer]);
        let decline = facts.decline.unwrap();
        assert_eq!((facts.word, facts.references.len()), (Some(Word::Declined), 0));
        assert_eq!((decline.code, decline.elsewhere), (expected, true), "{processor_code}");
        assert_eq!(decline.processor_code.as_deref(), Some(processor_code));
    }
}
