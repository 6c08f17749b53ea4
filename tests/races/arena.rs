//! Where races are run: one hub or two, a processor that cannot close its pages, and questions to both.

use serde_json::{Value, json};

use super::AMOUNT;
use super::at_once::{ask, ask_all};
use crate::processes::eventually;
use crate::processes::http::{Answer, Api, admin, send};
use crate::processes::program::Program;
use crate::processes::world::{World, text};

/// Characters of an attempt's id that the processor is told.
const ECHO_CHARS: usize = 20;

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// One or two hubs with their processor.
pub(super) struct Arena {
    world: World,
    hubs: Vec<Api>,
    _second: Option<Program>,
}

/// A payment of a race.
pub(super) struct Payment {
    pub(super) id: String,
    checkout_url: String,
}

impl Arena {
    /// Of this world, with a second hub if there are to be two.
    pub(super) fn new(world: World, count: usize) -> Self {
        let mut hubs = vec![world.api.clone()];
        let second = (count > 1).then(|| {
            let (program, api) = world.second_hub();
            hubs.push(api);
            program
        });
        let stays_open = json!({ "operation": "expire", "fault": "drop_before", "times": 0 });
        admin(&world.sandbox_url, "POST", "/admin/faults", &stays_open);
        Self { world, hubs, _second: second }
    }

    /// The hubs in turn.
    pub(super) fn hub(&self, number: usize) -> &Api {
        &self.hubs[number % self.hubs.len()]
    }

    pub(super) fn sandbox_url(&self) -> &str {
        &self.world.sandbox_url
    }

    /// The body of a payment.
    pub(super) fn wish(&self, more: &Value) -> Value {
        let mut body =
            json!({ "amount": AMOUNT, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks" });
        for (field, value) in more.as_object().expect("further fields") {
            body[field] = value.clone();
        }
        body
    }

    pub(super) fn ask_all(
        &self,
        count: usize,
        path: &str,
        key: impl Fn(usize) -> String + Sync,
        body: &Value,
    ) -> Vec<Answer> {
        ask_all(&self.hubs.iter().collect::<Vec<_>>(), count, path, key, body)
    }

    /// A payment, and the processor's page that its door leads to.
    pub(super) fn open(&self, name: &str, more: &Value, choice: Option<&str>) -> (Payment, String) {
        let created = ask(self.hub(0), "/v1/payment_intents", name, &self.wish(more));
        assert_eq!(created.status, 201, "{name}: {}", created.text());
        let created = created.json();
        let payment = Payment { id: text(&created, "id"), checkout_url: text(&created, "checkout_url") };
        let page = match choice {
            Some(connector) => self.choose(&payment, connector),
            None => self.page(|| send("GET", &payment.checkout_url, &[], b"").ok()),
        };
        (payment, page)
    }

    /// The page of the connector that the shopper chooses.
    pub(super) fn choose(&self, payment: &Payment, connector: &str) -> String {
        let form = format!("connector={connector}");
        self.page(|| send("POST", &payment.checkout_url, &FORM, form.as_bytes()).ok())
    }

    fn page(&self, look: impl Fn() -> Option<Answer>) -> String {
        eventually("a page to pay at", || look()?.location().filter(|url| url.contains("/pay/ss_")))
    }

    /// Pays at a page; where the shopper is sent then.
    pub(super) fn pay_at(&self, page: &str) -> String {
        let paid = send("POST", page, &FORM, b"action=pay").expect("the processor is up");
        assert_eq!(paid.status, 303, "{page}: {}", paid.text());
        paid.location().expect("where the shopper is sent")
    }

    /// A payment that was paid, with this status.
    pub(super) fn pay(&self, name: &str, more: &Value, status: &str) -> Payment {
        let mut more = more.clone();
        more["connector"] = json!("sandbox");
        let (payment, page) = self.open(name, &more, None);
        self.pay_at(&page);
        self.until(&payment, status, |shown| shown["status"] == status);
        payment
    }

    /// Waits until every hub shows a payment as wanted; gives it. All must show the same.
    pub(super) fn until(&self, payment: &Payment, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/payment_intents/{}", payment.id);
        eventually(&format!("{}: {what}", payment.id), || {
            let mut shown = self.hubs.iter().map(|hub| hub.show(&path));
            let first = shown.next().filter(|shown| wanted(shown))?;
            shown.all(|other| other == first).then_some(first)
        })
    }

    /// How many entries of a kind the processor has for a payment, and of how much together.
    pub(super) fn booked(&self, payment: &Payment, kind: &str) -> (usize, i64) {
        let shown = self.hub(0).show(&format!("/v1/payment_intents/{}", payment.id));
        let attempts = shown["attempts"].as_array().expect("attempts");
        let echoes = attempts.iter().map(|attempt| {
            let id = text(attempt, "id");
            id[id.len() - ECHO_CHARS..].to_owned()
        });
        let amounts: Vec<i64> = echoes
            .flat_map(|echo| {
                let ledger = admin(
                    self.sandbox_url(),
                    "GET",
                    &format!("/admin/ledger?reference={echo}"),
                    &Value::Null,
                );
                ledger["entries"].as_array().expect("entries").clone()
            })
            .filter(|entry| entry["kind"] == kind)
            .map(|entry| entry["amount"].as_i64().expect("an amount"))
            .collect();
        (amounts.len(), amounts.iter().sum())
    }

    /// The cart was told once that there is money, with events that have no gaps.
    pub(super) fn is_paid_once(&self, payment: &Payment, name: &str) {
        let events = self.hub(0).list(&format!("/v1/events?payment_intent={}", payment.id));
        for kind in ["payment_intent.succeeded", "order.paid"] {
            assert_eq!(events.iter().filter(|event| event["type"] == kind).count(), 1, "{name}: {kind}");
        }
        let mut sequences: Vec<_> = events.iter().filter_map(|event| event["sequence"].as_u64()).collect();
        sequences.sort_unstable();
        let wanted: Vec<_> = (1..).take(events.len()).collect();
        assert_eq!(sequences, wanted, "{name}");
    }

    /// There are so many payments and no more, and the database is well.
    pub(super) fn check_all(&self, payments: u64) {
        for hub in &self.hubs {
            let count = u64::try_from(hub.list("/v1/payment_intents").len()).expect("a count");
            assert_eq!(count, payments, "as many payments as were asked for");
        }
        self.world.verify();
    }
}
