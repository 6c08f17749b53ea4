//! The body of `POST /v1/payment_intents`: its fields, their bounds, and what each is for.

use std::collections::BTreeMap;

use hub_core::order::{LINES_MAX, OrderError, OrderLine, check_lines};
use processor_sdk::{CaptureMode, Currency, Customer, Money};
use serde_json::json;

use super::body::{Body, Note, note};
use super::fields::{Fields, TEXT_CHARS_MAX, TextShape};

/// Longest description.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Longest URL.
const URL_CHARS_MAX: usize = 2_000;
/// Largest quantity of a line.
const QUANTITY_MAX: i64 = 1_000_000;
/// Seconds an intent's door stays open where the cart says nothing.
const EXPIRES_IN_S_DEFAULT: i64 = 24 * 3_600;
/// Shortest and longest time of an intent's door, in seconds.
const EXPIRES_IN_S: (i64, i64) = (300, 30 * 24 * 3_600);

/// What the cart asks for.
#[derive(Debug)]
pub struct NewIntent {
    pub amount: Option<Money>,
    pub lines: Vec<OrderLine>,
    pub order_reference: Option<String>,
    pub description: Option<String>,
    pub customer: Customer,
    pub locale: Option<String>,
    pub return_url: Option<String>,
    pub cancel_url: Option<String>,
    pub capture: CaptureMode,
    pub expires_in_s: i64,
    pub allow_duplicate: bool,
    pub metadata: BTreeMap<String, String>,
    pub site: Option<String>,
    pub connector: Option<String>,
}

impl Body for NewIntent {
    const NAME: &'static str = "NewPaymentIntent";
    const KEYED: bool = true;
    const MAY_BE_EMPTY: bool = false;
    const NOTES: &'static [Note] = &[
        note("/currency", "An active ISO 4217 code in capitals.", r#""EUR""#),
        note("/amount", "What is to be paid, in minor units: 1999 is 19.99 EUR.", "1999"),
        note(
            "/lines",
            "What is sold. Where there are lines they must sum to `amount`; a discount is a negative line.",
            "",
        ),
        note("/lines/name", "What the shopper sees.", r#""Book""#),
        note("/lines/quantity", "How many.", "1"),
        note("/lines/unit_amount", "Price of one in minor units; negative for a discount.", "1999"),
        note("/lines/sku", "Your article number.", r#""b-1""#),
        note("/lines/kind", "Your own kind of article.", r#""book""#),
        note("/lines/metadata", "Your own notes.", r#"{"shelf": "3"}"#),
        note(
            "/order_reference",
            "Your own number for the order. A second open intent with the same one is refused, unless \
             `allow_duplicate` is true.",
            r#""order-1001""#,
        ),
        note("/description", "What the shopper sees as the purpose.", r#""Two good books""#),
        note(
            "/customer",
            "Who pays. Stored sealed, apart from the history, and passed to the processor only.",
            "",
        ),
        note("/customer/email", "An e-mail address.", r#""jane@example.com""#),
        note("/customer/country", "An ISO 3166-1 alpha-2 code in capitals.", r#""DE""#),
        note("/customer/name", "The customer's name.", r#""Jane Doe""#),
        note("/customer/address", "A postal address, as it is written on a letter.", r#""Main Street 5""#),
        note("/locale", "The shopper's language, for the processor's page.", r#""de-DE""#),
        note(
            "/return_url",
            "Where the shopper goes afterwards: an absolute https URL. Test payments may return over http where \
             the operator allows it. `payment_intent` is added to its query.",
            r#""https://shop.example.com/thanks""#,
        ),
        note(
            "/cancel_url",
            "Where the shopper goes who gave up; `return_url` where there is none.",
            r#""https://shop.example.com/cart""#,
        ),
        note(
            "/capture",
            "`automatic` (the default) takes the money when the shopper pays; `manual` reserves it for a capture.",
            r#""automatic""#,
        ),
        note("/expires_in_s", "Seconds until the door closes; 24 hours unless said otherwise.", "3600"),
        note(
            "/allow_duplicate",
            "That another open intent may have the same `order_reference`; false unless said otherwise.",
            "false",
        ),
        note("/metadata", "Your own notes, shown again with the intent.", r#"{"channel": "web"}"#),
        note("/site", "Which of your sites sells it, for connectors that serve only some.", r#""books""#),
        note(
            "/connector",
            "The connector to pay through. Without it the hub routes, or lets the shopper choose.",
            r#""sandbox_a""#,
        ),
    ];

    fn read(fields: &mut Fields) -> Self {
        let currency = fields.currency("currency");
        // Where the currency is wrong the amounts are still checked, in any currency.
        let unit = currency.unwrap_or(Currency::EUR);
        let amount = fields.amount("amount");
        let amount = fields.require("amount", amount, "integer minor units greater than zero");
        let amount = amount.and_then(|amount| amount.of(unit).ok());
        let lines = fields.objects("lines", LINES_MAX, |line| read_line(line, unit));
        let lines: Vec<OrderLine> = lines.into_iter().flatten().collect();
        let order_reference = fields.text("order_reference", TEXT_CHARS_MAX);
        let description = fields.text("description", DESCRIPTION_CHARS_MAX);
        let customer = fields.object("customer", read_customer).unwrap_or_default();
        let locale = fields.text("locale", 35);
        let return_url = fields.url("return_url", URL_CHARS_MAX);
        let return_url = fields.require("return_url", return_url, "where the shopper goes afterwards");
        let cancel_url = fields.url("cancel_url", URL_CHARS_MAX);
        let capture = match fields.word("capture", &["automatic", "manual"]) {
            Some("manual") => CaptureMode::Manual,
            Some(_) | None => CaptureMode::Automatic,
        };
        let expires_in_s =
            fields.integer("expires_in_s", EXPIRES_IN_S.0, EXPIRES_IN_S.1).unwrap_or(EXPIRES_IN_S_DEFAULT);
        let allow_duplicate = fields.flag("allow_duplicate").unwrap_or(false);
        let metadata = fields.metadata("metadata");
        let site = fields.text("site", 100);
        let connector = fields.text("connector", 100);
        if let (Some(amount), Some(_)) = (amount, currency) {
            match check_lines(&lines, amount) {
                Ok(()) => {}
                Err(OrderError::LinesDoNotSum { .. }) => {
                    fields.error("lines", "must sum to the amount; a discount is a negative line");
                }
                Err(OrderError::Line { index, .. }) => {
                    fields.error("lines", format!("line {index} (from 0) makes the sum too large"));
                }
            }
        }
        Self {
            amount,
            lines,
            order_reference,
            description,
            customer,
            locale,
            return_url,
            cancel_url,
            capture,
            expires_in_s,
            allow_duplicate,
            metadata,
            site,
            connector,
        }
    }
}

fn read_line(line: &mut Fields, currency: Currency) -> Option<OrderLine> {
    let name = line.text("name", TEXT_CHARS_MAX);
    let name = line.require("name", name, "what the shopper sees");
    let quantity = line.integer("quantity", 1, QUANTITY_MAX);
    let quantity = line.require("quantity", quantity, "how many, at least 1");
    let unit_amount = line.signed_amount("unit_amount");
    let unit_amount =
        line.require("unit_amount", unit_amount, "price of one in minor units; negative for a discount");
    let sku = line.text("sku", 100);
    let kind = line.text("kind", 50);
    let metadata = line.metadata("metadata");
    let quantity = u32::try_from(quantity?).ok()?;
    Some(OrderLine {
        sku,
        name: name?,
        quantity,
        unit_amount: unit_amount?.of(currency).ok()?,
        kind,
        metadata,
    })
}

fn read_customer(customer: &mut Fields) -> Customer {
    let email = TextShape {
        keywords: json!({ "pattern": "@" }),
        fits: |email| email.contains('@'),
        detail: "must be an e-mail address",
    };
    let country = TextShape {
        keywords: json!({ "pattern": "^[A-Z]{2}$", "minLength": 2 }),
        fits: |country| country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()),
        detail: "must be an ISO 3166-1 alpha-2 code in capitals, such as DE",
    };
    Customer {
        email: customer.shaped("email", 254, &email),
        country: customer.shaped("country", 2, &country),
        name: customer.text("name", TEXT_CHARS_MAX),
        address: customer.text("address", 500),
    }
}
