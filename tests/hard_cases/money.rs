//! Hard cases 47 to 49: every currency, every size of an amount, and who takes what.

use std::sync::Arc;

use payhub::connector::native::{native_adapter, native_adapters};
use payhub::connector::registry::AdapterChoice;
use processor_sdk::{
    Adapter, Answer, Ask, Call, Currencies, Currency, CurrencyLimit, Delivery, Descriptor, Dialogue, Fault,
    Flow, HttpRequest, Notification, Part, Question, Reply, RequestBody, SettingKind, Settings, Step, run,
};
use serde_json::{Value, json};

use super::lives::paid_at_the_page;
use crate::support::hub::connector_config;
use crate::support::plugins;
use crate::support::{TestHub, id};

/// Amounts that show every decimal that a currency may have, in ISO minor units.
const AMOUNTS: [i64; 8] = [1, 5, 10, 50, 100, 1_000, 1_234, 10_000];

/// How a processor writes amounts, as its documentation says.
struct Writing {
    /// Currencies whose decimals are others than those of ISO 4217, with how many there are.
    decimals: &'static [(&'static str, u32)],
    /// Currencies whose last decimal must be 0.
    ends_in_zero: &'static str,
    /// Major units with a point, else minor units.
    has_point: bool,
    /// Where amount and currency stand in what opens a page.
    amount: &'static str,
    currency: &'static str,
}

const ISO: Writing =
    Writing { decimals: &[], ends_in_zero: "", has_point: false, amount: "/amount", currency: "/currency" };

/// "Supported currencies", docs.stripe.com/currencies: those without decimals, those that kept two, and those with
/// three of which the last must be 0.
const STRIPE: Writing = Writing {
    decimals: &[("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF", 0), ("ISK UGX", 2)],
    ends_in_zero: "BHD JOD KWD OMR TND",
    amount: "[unit_amount]",
    currency: "[currency]",
    ..ISO
};

/// "Currency codes", docs.adyen.com.
const ADYEN: Writing = Writing {
    decimals: &[("CLP ISK", 2), ("CVE IDR", 0)],
    amount: "/amount/value",
    currency: "/amount/currency",
    ..ISO
};

/// Two decimals in every currency that an account can have.
const AUTHORIZE_NET: Writing = Writing {
    has_point: true,
    amount: "/getHostedPaymentPageRequest/transactionRequest/amount",
    currency: "/getHostedPaymentPageRequest/transactionRequest/currencyCode",
    ..ISO
};

/// The Greenfield API's prices are decimals of the currency.
const BTCPAY: Writing = Writing { has_point: true, ..ISO };

/// "Multicurrency", docs.mollie.com: exactly the currency's decimals.
const MOLLIE: Writing =
    Writing { has_point: true, amount: "/amount/value", currency: "/amount/currency", ..ISO };

/// "Currency codes", developer.paypal.com.
const PAYPAL: Writing = Writing {
    decimals: &[("HUF JPY TWD", 0)],
    has_point: true,
    amount: "/purchase_units/0/amount/value",
    currency: "/purchase_units/0/amount/currency_code",
    ..ISO
};

/// "Working with monetary amounts", developer.squareup.com.
const SQUARE: Writing = Writing {
    amount: "/order/line_items/0/base_price_money/amount",
    currency: "/order/line_items/0/base_price_money/currency",
    ..ISO
};

fn writing(adapter: &str) -> Writing {
    match adapter {
        "sandbox" => ISO,
        "stripe" => STRIPE,
        "adyen" => ADYEN,
        "authorizenet" => AUTHORIZE_NET,
        "btcpay" => BTCPAY,
        "mollie" => MOLLIE,
        "paypal" => PAYPAL,
        "square" => SQUARE,
        other => panic!("how does {other} write amounts?"),
    }
}

fn among(codes: &str, currency: Currency) -> bool {
    codes.split(' ').any(|code| code == currency.code())
}

impl Writing {
    /// An amount as the processor writes it, worked out here; `None` when it cannot be written.
    fn golden(&self, minor: i64, currency: Currency) -> Option<String> {
        let exponent = u32::from(currency.exponent());
        let own = self.decimals.iter().find(|(codes, _)| among(codes, currency));
        let decimals = own.map_or(exponent, |(_, decimals)| *decimals);
        let written = match exponent.cmp(&decimals) {
            std::cmp::Ordering::Equal => minor,
            std::cmp::Ordering::Less => minor * 10_i64.pow(decimals - exponent),
            std::cmp::Ordering::Greater => {
                let step = 10_i64.pow(exponent - decimals);
                (minor % step == 0).then_some(minor / step)?
            }
        };
        if among(self.ends_in_zero, currency) && written % 10 != 0 {
            return None;
        }
        let unit = 10_i64.pow(decimals);
        let width = decimals as usize;
        Some(match decimals {
            1.. if self.has_point => format!("{}.{:0width$}", written / unit, written % unit),
            _ => written.to_string(),
        })
    }

    /// The amount and the currency in a request.
    fn of_request(&self, request: &HttpRequest) -> (String, String) {
        match &request.body {
            RequestBody::Json { value, .. } => {
                let text = |pointer| match value.pointer(pointer) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    other => panic!("{pointer}: {other:?} in {value}"),
                };
                (text(self.amount), text(self.currency))
            }
            RequestBody::Form { fields } => {
                let field = |end: &str| {
                    let (_, part) = fields.iter().find(|(name, _)| name.ends_with(end)).unwrap();
                    let Part::Text(text) = part else { panic!("{end} is no text") };
                    text.clone()
                };
                (field(self.amount), field(self.currency).to_uppercase())
            }
            RequestBody::Empty | RequestBody::Raw { .. } => panic!("no amount in {request:?}"),
        }
    }
}

/// What opens a page at an adapter, with the settings that its own fixtures have.
fn opening(adapter: &dyn Adapter, minor: i64, currency: Currency) -> Call {
    let descriptor = adapter.descriptor();
    let subject = plugins::workspace().join(format!("processors/{}/fixtures/subject.json", descriptor.name));
    let subject: Value = serde_json::from_slice(&std::fs::read(subject).unwrap()).unwrap();
    let mut settings: Settings =
        serde_json::from_value(subject.get("settings").cloned().unwrap_or_else(|| json!({}))).unwrap();
    // An account has one currency at some: this one has each in turn.
    let own = descriptor.settings.iter().find(|field| field.name == "currency").map(|field| &field.kind);
    if let Some(SettingKind::Choice { of }) = own
        && of.iter().any(|code| code == currency.code())
    {
        settings.0.insert("currency".to_owned(), json!(currency.code()));
    }
    let call = json!({
        "operation": {
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1",
            "webhook_url": "https://hub.example/webhooks/x", "expires_at": "2026-01-02T12:00:00Z",
        },
        "key": "key1", "echo": "att1", "amount": { "amount": minor, "currency": currency.code() },
        "capture": "automatic", "created_at": "2026-01-02T11:00:00Z", "livemode": false,
        "settings": descriptor.check_settings(&settings).unwrap(),
    });
    serde_json::from_value(call).unwrap()
}

/// The amount and currency that an adapter would send, or nothing when it refuses before it sends.
fn sent(
    adapter: &dyn Adapter,
    writing: &Writing,
    minor: i64,
    currency: Currency,
) -> Option<(String, String)> {
    match run(adapter, &Ask::new(Question::Call(opening(adapter, minor, currency)))) {
        Reply::Step(Step::Send(request)) => Some(writing.of_request(&request)),
        Reply::Fault(Fault::CannotAsk { field, .. }) => {
            assert_eq!(field, "amount", "{minor} {currency}");
            None
        }
        other => panic!("{minor} {currency}: {other:?}"),
    }
}

/// What routing would let through.
fn routed(descriptor: &Descriptor, minor: i64, currency: Currency) -> bool {
    match &descriptor.currencies {
        Currencies::All => true,
        Currencies::Listed(limits) => limits.iter().any(|limit| {
            limit.currency == currency
                && limit.multiple_of.is_none_or(|multiple| minor % multiple == 0)
                && limit.minimum.is_none_or(|minimum| minor >= minimum)
        }),
    }
}

/// 47. Every active currency at every adapter: written exactly as the processor counts it, or refused unsent.
///
/// And routing never offers what the adapter would refuse.
#[test]
fn hc_47_every_currency_at_every_adapter() {
    assert!(Currency::all().count() > 150, "the whole of ISO 4217");
    for name in native_adapters() {
        let adapter = native_adapter(name).unwrap();
        let (descriptor, writing) = (adapter.descriptor(), writing(name));
        let (mut exact, mut count) = (0, 0);
        for currency in Currency::all() {
            let is_listed = match &descriptor.currencies {
                Currencies::All => true,
                Currencies::Listed(limits) => limits.iter().any(|limit| limit.currency == currency),
            };
            count += usize::from(is_listed);
            for minor in AMOUNTS {
                let wanted = writing.golden(minor, currency).filter(|_| is_listed);
                let written = sent(adapter.as_ref(), &writing, minor, currency);
                let expected = wanted.map(|amount| (amount, currency.code().to_owned()));
                assert_eq!(written, expected, "{name}: {minor} {currency}");
                assert_eq!(
                    routed(&descriptor, minor, currency),
                    written.is_some(),
                    "{name}: {minor} {currency}"
                );
                exact += usize::from(written.is_some());
            }
        }
        // Three of the amounts are whole in every currency.
        assert!(count >= 6 && exact >= 3 * count, "{name}: {exact} amounts in {count} currencies");
    }
}

/// 47. Every active currency through the front door: the processor's session is for exactly the amount, and
/// what it says it took comes back as that amount.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_47_every_currency_through_the_front_door() {
    let hub = TestHub::start().await;
    for currency in Currency::all() {
        let body = json!({ "amount": 12_345, "currency": currency.code() });
        let life = paid_at_the_page(&hub, body, "succeeded").await;
        let session = hub.sandbox.session(&life.session).await;
        let shown = life.shown(&hub, ["amount_captured", "currency", "quarantine"]).await;
        assert_eq!((&session["amount"], &session["currency"]), (&json!(12_345), &json!(currency.code())));
        assert_eq!(shown, [json!(12_345), json!(currency.code()), Value::Null]);
    }
    hub.finish().await;
}

/// 48. An amount that is no amount is refused at its field, whatever is wrong with it, and nothing is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_48_amounts_out_of_range() {
    let hub = TestHub::start().await;
    let life = paid_at_the_page(&hub, json!({ "amount": 9_007_199 }), "succeeded").await;
    let before = hub.database().number("SELECT count(*) FROM payments");
    let refused = [
        "0",
        "-1",
        "9007199254740992",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775808",
        "1e30",
        "19.99",
        "1.0",
        "\"1999\"",
        "true",
        "null",
        "[]",
        "{}",
    ];
    for amount in refused {
        let intent =
            format!(r#"{{"amount": {amount}, "currency": "EUR", "return_url": "https://shop.test"}}"#);
        let refund = format!(r#"{{"amount": {amount}, "payment_intent": "{}"}}"#, life.id);
        for (path, body) in [("/v1/payment_intents", intent), ("/v1/refunds", refund)] {
            // No amount at all means the rest of a refund.
            if amount == "null" && path == "/v1/refunds" {
                continue;
            }
            let request = hub
                .cart
                .request(reqwest::Method::POST, path)
                .header("content-type", "application/json")
                .header("idempotency-key", hub.cart.fresh_key())
                .body(body);
            let answer = crate::support::cart::Answer::of(request.send().await.unwrap()).await;
            assert_eq!((answer.status, answer.code().as_str()), (422, "validation"), "{path} {amount}");
            assert_eq!(answer.json()["errors"][0]["pointer"], "/amount", "{path} {amount}");
        }
    }
    // Sums that would not fit are found as well.
    let huge = json!({
        "amount": 1, "lines": [{ "name": "Gold", "quantity": 1_000_000, "unit_amount": 9_007_199_254_740_991_i64 }],
    });
    let answer = hub.cart.create_intent(huge).await;
    assert_eq!((answer.status, answer.json()["errors"][0]["pointer"].as_str()), (422, Some("/lines")));
    assert_eq!(hub.database().number("SELECT count(*) FROM payments"), before);
    assert!(life.refunds(&hub).await.is_empty());
    assert_eq!(hub.sandbox.sessions().await.len(), 1);
    // The largest amount there is can be asked for.
    let largest = hub.cart.create(json!({ "amount": 9_007_199_254_740_991_i64 })).await;
    assert_eq!(largest["amount"], 9_007_199_254_740_991_i64);
    hub.finish().await;
}

/// The sandbox with limits of its own.
struct Limited(Vec<CurrencyLimit>);

impl Adapter for Limited {
    fn descriptor(&self) -> Descriptor {
        let sandbox = native_adapter("sandbox").unwrap().descriptor();
        Descriptor { currencies: Currencies::Listed(self.0.clone()), ..sandbox }
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        native_adapter("sandbox").unwrap().perform(call, dialogue)
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        native_adapter("sandbox").unwrap().receive(delivery, dialogue)
    }
}

fn limit(currency: Currency, minimum: Option<i64>, maximum: Option<i64>) -> CurrencyLimit {
    CurrencyLimit { currency, minimum, maximum, multiple_of: None }
}

/// 48. An amount beyond what the processor takes is refused when the cart asks, with the limit in the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_48_beyond_the_processors_limits() {
    let limits = vec![limit(Currency::EUR, Some(50), Some(100_000))];
    let hub = TestHub::builder().adapter("sandbox_a", Arc::new(Limited(limits))).start().await;
    let rows = [
        (49, Err("takes no less than 50 minor units")),
        (50, Ok(())),
        (100_000, Ok(())),
        (100_001, Err("takes no more than 100000 minor units")),
    ];
    for (amount, expected) in rows {
        let answer = hub.cart.create_intent(json!({ "amount": amount })).await;
        match expected {
            Ok(()) => drop(answer.expect(201)),
            Err(why) => {
                assert_eq!((answer.status, answer.code().as_str()), (422, "no_connector"), "{amount}");
                assert!(answer.json()["detail"].as_str().unwrap().contains(why), "{}", answer.text);
            }
        }
    }
    // A refused amount left nothing behind, neither here nor there.
    assert_eq!(hub.database().number("SELECT count(*) FROM payments"), 2);
    assert_eq!(hub.sandbox.sessions().await, Vec::<Value>::new());
    hub.finish().await;
}

/// 49. A currency that a processor does not take is a matter of routing: another connector gets the payment,
/// or the cart is told at once; no shopper finds out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_49_currencies_are_filtered_by_routing() {
    let euros = Arc::new(Limited(vec![limit(Currency::EUR, None, None)]));
    let hub = TestHub::builder().connectors(2).adapter("sandbox_a", euros).start().await;
    // In euros the shopper can choose, in dollars only one is left and nobody is asked.
    let euro = hub.cart.create(json!({ "currency": "EUR" })).await;
    let chooser = hub.shopper().open(&euro).await;
    assert!(
        chooser.text().contains("sandbox_a") && chooser.text().contains("sandbox_b"),
        "{}",
        chooser.text()
    );
    let life = paid_at_the_page(&hub, json!({ "currency": "USD" }), "succeeded").await;
    let intent = hub.cart.intent(&life.id).await;
    assert_eq!(intent["attempts"][0]["connector"], "sandbox_b");
    let reason = intent["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("takes USD"), "{reason}");

    let refused = hub.cart.create_intent(json!({ "currency": "USD", "connector": "sandbox_a" })).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "no_connector"));
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("sandbox_a does not take USD"),
        "{}",
        refused.text
    );
    assert_eq!(hub.sandbox.sessions().await.len(), 1, "nothing was tried in vain");
    hub.finish().await;
}

/// 49. The same for Stripe's own list and steps, asked for through the front door without reaching Stripe.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_49_stripes_currencies_are_filtered_by_routing() {
    let mut stripe = connector_config("stripe", "https://api.stripe.com", false);
    stripe.adapter = AdapterChoice::Native("stripe".to_owned());
    stripe.settings = Settings::from([("base_url", "https://api.stripe.com".into())]);
    stripe.grants.plain_http_hosts.clear();
    stripe.secrets.insert(
        "api_key".to_owned(),
        vec![payhub::connector::credentials::SecretText::new("sk_test_0123456789abcdef")],
    );
    let hub = TestHub::builder().connectors(0).also(stripe).start().await;
    let descriptor = native_adapter("stripe").unwrap().descriptor();
    for currency in Currency::all() {
        for minor in [1_000, 1_234] {
            let answer =
                hub.cart.create_intent(json!({ "amount": minor, "currency": currency.code() })).await;
            let wanted = if routed(&descriptor, minor, currency) { 201 } else { 422 };
            assert_eq!(answer.status, wanted, "{minor} {currency}: {}", answer.text);
            if wanted == 422 {
                assert_eq!(answer.code(), "no_connector", "{minor} {currency}");
            }
        }
    }
    // Three decimals of which the last must be 0: the same dinars are taken when they can be written.
    assert!(id(&hub.cart.create(json!({ "amount": 1_230, "currency": "KWD" })).await).starts_with("pi_"));
    hub.finish().await;
}
