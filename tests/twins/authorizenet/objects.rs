//! What Authorize.Net says: transactions in details and in lists, answers to orders, and notifications.
//!
//! Source: developer.authorize.net/api/reference (the samples of each call), "Webhooks", and the response codes there.
//!
//! Amounts of orders are texts, those of records are JSON's numbers; the currency stands nowhere.

use processor_sdk::Timestamp;
use serde_json::{Map, Number, Value, json};

use super::books::{Batch, Record};

/// Every notification names the endpoint that it is for.
const WEBHOOK: &str = "849eb87e-078a-4169-a34b-c0bded5019a8";

/// A time as Authorize.Net writes it, such as `2017-08-18T20:40:52.772200Z`.
pub(super) fn time(at_ms: i64) -> String {
    Timestamp::from_micros(at_ms * 1_000).to_rfc3339()
}

/// The same in a header, such as `Sun, 29 Nov 2026 02:09:11 GMT`.
pub(super) fn http_date(at_s: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let weekday = usize::try_from(at_s.div_euclid(86_400).rem_euclid(7)).expect("a day of seven");
    let text = time(at_s * 1_000);
    let month: usize = text[5..7].parse().expect("a month");
    let (year, day, clock) = (&text[..4], &text[8..10], &text[11..19]);
    format!("{}, {day} {} {year} {clock} GMT", DAYS[weekday], MONTHS[month - 1])
}

/// The same on the merchant's own clock, which has no zone.
fn local(at_ms: i64) -> String {
    time(at_ms - 8 * 3_600_000).trim_end_matches('Z').to_owned()
}

/// An amount of a record: a number.
fn number(minor: i64) -> Value {
    let text = format!("{}.{:02}", minor / 100, minor % 100);
    Value::Number(text.parse::<Number>().expect("a number"))
}

/// What stands under `messages` in every answer.
pub(super) fn messages(result: &str, code: &str, text: &str) -> Value {
    json!({"resultCode": result, "message": [{"code": code, "text": text}]})
}

/// What a code in a transaction's response means.
pub(super) const fn reason(code: i64) -> &'static str {
    match code {
        1 => "This transaction has been approved.",
        2 => "This transaction has been declined.",
        5 => "A valid amount is required.",
        6 => "The credit card number is invalid.",
        11 => "A duplicate transaction has been submitted.",
        16 => "The transaction cannot be found.",
        33 => "A referenced field is required.",
        39 => {
            "The supplied currency code is either invalid, not supported, not allowed for this merchant or \
               doesn't have an exchange rate."
        }
        44 => "The card code does not match.",
        47 => "The amount requested for settlement cannot be greater than the original amount authorized.",
        54 => "The referenced transaction does not meet the criteria for issuing a credit.",
        55 => "The sum of credits against the referenced transaction would exceed original debit amount.",
        253 => "Your order has been received. Thank you for your business!",
        254 => "Your transaction has been declined.",
        310 => "This transaction has already been voided.",
        311 => "This transaction has already been captured.",
        _ => "This transaction has been declined.",
    }
}

/// An order that was done, or had been before (310, 311), with the transaction's id.
pub(super) fn approved(transaction: &Record, code: i64) -> Value {
    json!({
        "responseCode": "1", "authCode": "Z3PV5H", "avsResultCode": "P", "cvvResultCode": "",
        "cavvResultCode": "", "transId": transaction.id,
        "refTransID": transaction.refunds.as_ref().unwrap_or(&transaction.id), "transHash": "",
        "testRequest": "0", "accountNumber": format!("XXXX{}", transaction.card), "accountType": "Visa",
        "messages": [{"code": code.to_string(), "description": reason(code)}],
        "transHashSha2": "", "SupplementalDataQualificationIndicator": 0,
    })
}

/// An order that was not done.
pub(super) fn refused(about: Option<&str>, code: i64) -> Value {
    json!({
        "responseCode": "3", "authCode": "", "avsResultCode": "P", "cvvResultCode": "", "cavvResultCode": "",
        "transId": "0", "refTransID": about.unwrap_or_default(), "transHash": "", "testRequest": "0",
        "accountNumber": "", "accountType": "",
        "errors": [{"errorCode": code.to_string(), "errorText": reason(code)}],
        "transHashSha2": "", "SupplementalDataQualificationIndicator": 0,
    })
}

/// A transaction with everything about it.
pub(super) fn details(known: &Record, batch: Option<&Batch>) -> Value {
    let mut shown = json!({
        "transId": known.id, "submitTimeUTC": time(known.submitted_ms),
        "submitTimeLocal": local(known.submitted_ms), "transactionType": known.kind,
        "transactionStatus": known.status, "responseCode": known.response,
        "responseReasonCode": known.reason, "responseReasonDescription": reason(known.reason),
        "authCode": "Z3PV5H", "AVSResponse": "P",
        "authAmount": number(known.authorized), "settleAmount": number(known.settle),
        "taxExempt": false,
        "payment": {"creditCard": {
            "cardNumber": format!("XXXX{}", known.card), "expirationDate": "XXXX", "cardType": "Visa",
        }},
        "recurringBilling": false, "product": "Card Not Present", "marketType": "eCommerce",
    });
    if let Some(refunds) = &known.refunds {
        shown["refTransId"] = refunds.as_str().into();
    }
    if let Some(batch) = batch {
        shown["batch"] = json!({
            "batchId": batch.id, "settlementTimeUTC": time(batch.settled_ms),
            "settlementTimeLocal": local(batch.settled_ms), "settlementState": "settledSuccessfully",
        });
    }
    let mut order = Map::new();
    let texts = [("invoiceNumber", &known.invoice), ("description", &known.description)];
    for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        order.insert(name.to_owned(), text.as_str().into());
    }
    if !order.is_empty() {
        shown["order"] = Value::Object(order);
    }
    if let Some(email) = &known.email {
        shown["customer"] = json!({"email": email});
    }
    shown
}

/// A transaction in a list, which says neither what it refers to nor whose it is.
pub(super) fn summary(known: &Record) -> Value {
    let mut shown = json!({
        "transId": known.id, "submitTimeUTC": time(known.submitted_ms),
        "submitTimeLocal": local(known.submitted_ms), "transactionStatus": known.status,
        "accountType": "Visa", "accountNumber": format!("XXXX{}", known.card),
        "settleAmount": number(known.settle), "marketType": "eCommerce", "product": "Card Not Present",
        "hasReturnedItemsSpecified": false,
    });
    if let Some(invoice) = &known.invoice {
        shown["invoiceNumber"] = invoice.as_str().into();
    }
    shown
}

pub(super) fn batch(known: &Batch) -> Value {
    json!({
        "batchId": known.id, "settlementTimeUTC": time(known.settled_ms),
        "settlementTimeLocal": local(known.settled_ms), "settlementState": "settledSuccessfully",
        "paymentMethod": "creditCard",
    })
}

/// A notification. It has an amount that is a number, an id, and of our own words only the order's `refId`.
pub(super) fn notification(name: &str, kind: &str, at_ms: i64, about: &Record) -> Value {
    let mut payload = json!({
        "responseCode": about.response, "authCode": "Z3PV5H", "avsResponse": "P",
        "authAmount": number(about.settle), "entityName": "transaction", "id": about.id,
    });
    if let Some(ref_id) = &about.ref_id {
        payload["merchantReferenceId"] = ref_id.as_str().into();
    }
    json!({
        "notificationId": name, "eventType": kind, "eventDate": time(at_ms), "webhookId": WEBHOOK,
        "payload": payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_headers() {
        let rows = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_796_083_199, "Mon, 30 Nov 2026 23:59:59 GMT"),
        ];
        for (at_s, expected) in rows {
            assert_eq!(http_date(at_s), expected);
        }
    }
}
