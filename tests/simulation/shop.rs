//! The people: a cart that never gives up on what it asked for, and shoppers who pay, decline, leave, come back
//! in two tabs, or never return.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::calls::{Ask, Reply};
use super::network::{Link, micros};
use super::processor::{self, Processor};
use super::replica::{self, Cluster};
use super::timeline::{MS, SECOND};
use super::world::World;
use crate::processes::dice::Dice;

/// How long the cart and a browser wait for an answer.
const PATIENCE_US: i64 = 30 * SECOND;
/// Within how long payments are begun, usually.
pub(crate) const SPAN_US: i64 = 240 * SECOND;
/// Pages that a shopper loads before leaving it.
const PAGES_MAX: usize = 30;
/// Times that a cart looks whether its payment has moved on.
const LOOKS_MAX: usize = 60;

/// A call that the cart made, and the last answer it got: it may ask again and must hear the same.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) ask: Ask,
    pub(crate) reply: Reply,
}

/// The merchant's shop with everybody in it.
pub(crate) struct Shop {
    pub(crate) world: Arc<World>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) processor: Arc<Processor>,
    pub(crate) cart_link: Arc<Link>,
    pub(crate) browser_link: Arc<Link>,
    pub(crate) key: String,
    pub(crate) promises: Mutex<Vec<Promise>>,
    /// Within how long all payments are begun.
    pub(crate) span_us: i64,
}

/// What one payment's people are going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Pay,
    PayInTwoTabs,
    DeclineThenPay,
    PayLater,
    GoBack,
    Leave,
}

/// Where a browser ends up.
enum Place {
    /// On the processor's page.
    Hosted(String),
    AtTheShop,
    Nowhere,
}

impl Shop {
    pub(crate) fn ask(&self, method: &str, target: &str) -> Ask {
        Ask::new(method, target).header("authorization", &format!("Bearer {}", self.key))
    }

    /// Asks until there is an answer that settles it, whichever replica gives it.
    pub(crate) async fn insist(&self, dice: &mut Dice, ask: &Ask) -> Reply {
        loop {
            match self.cluster.ask(&self.cart_link, PATIENCE_US, ask.clone()).await {
                Ok(reply) if is_settled(&reply) => return reply,
                Ok(reply) if reply.status >= 500 => self.world.count("requests_failed"),
                Ok(_) => self.world.count("requests_put_off"),
                Err(_) => self.world.count("requests_in_doubt"),
            }
            self.world.timeline.sleep(micros(dice, 200 * MS, 5 * SECOND)).await;
        }
    }

    /// The same call under one key, at times by two clients at once; everybody must hear the same.
    pub(crate) async fn command(&self, dice: &mut Dice, target: &str, key: &str, body: &Value) -> Reply {
        let ask = self.ask("POST", target).header("idempotency-key", key).json(body);
        let reply = if dice.chance(30) {
            let mut other = Dice::new(dice.next());
            let (first, second) =
                tokio::join!(biased; self.insist(dice, &ask), self.insist(&mut other, &ask));
            self.same(&ask, &first, &second);
            first
        } else {
            self.insist(dice, &ask).await
        };
        let promise = Promise { ask, reply: reply.clone() };
        self.promises.lock().expect("no panic while held").push(promise);
        reply
    }

    /// Two answers to one call under one key agree.
    pub(crate) fn same(&self, ask: &Ask, first: &Reply, second: &Reply) {
        // While the processor has not answered, 202 may be said before 200.
        let may_move_on = [first, second].iter().any(|reply| reply.status == 202);
        let agree = if may_move_on {
            let both = [first, second].map(|reply| [200, 202].contains(&reply.status));
            both == [true, true] && first.json()["id"] == second.json()["id"]
        } else {
            first.status == second.status && without_request_id(first) == without_request_id(second)
        };
        self.world.check(agree, || {
            let said = |reply: &Reply| format!("{} {}", reply.status, reply.text());
            format!("{} {} was answered {} and then {}", ask.method, ask.target, said(first), said(second))
        });
    }

    /// One payment from its creation to whatever becomes of it.
    pub(crate) async fn live(self: Arc<Self>, number: u64) {
        let mut dice = self.world.dice(&format!("payment {number}"));
        self.world.timeline.sleep(micros(&mut dice, 0, self.span_us)).await;
        self.world.count("payments");
        let manual = dice.chance(40);
        let amount = dice.between(100, 20_000);
        let body = json!({
            "amount": amount, "currency": "EUR", "order_reference": format!("order-{number}"),
            "capture": if manual { "manual" } else { "automatic" },
            "expires_in_s": dice.between(600, 5_000), "return_url": "https://shop.example.com/thanks",
        });
        let created =
            self.command(&mut dice, "/v1/payment_intents", &format!("create-{number}"), &body).await;
        self.world
            .check(created.status == 201, || format!("not created: {} {}", created.status, created.text()));
        let intent = created.json();
        let id = intent["id"].as_str().unwrap_or_default().to_owned();
        let wishes =
            [Wish::Pay, Wish::Pay, Wish::Pay, Wish::PayInTwoTabs, Wish::DeclineThenPay, Wish::PayLater];
        let wish =
            if dice.chance(15) { *dice.pick(&[Wish::GoBack, Wish::Leave]) } else { *dice.pick(&wishes) };
        let checkout = intent["checkout_url"].as_str().unwrap_or_default().to_owned();
        let canceled_early = dice.chance(10);
        let mut cancel_dice = Dice::new(dice.next());
        let early = async {
            if canceled_early {
                self.world.timeline.sleep(micros(&mut cancel_dice, 0, 30 * SECOND)).await;
                let _answer = self.act(&mut cancel_dice, &id, "cancel", "early", &json!({})).await;
            }
        };
        let mut shopper = Dice::new(dice.next());
        tokio::join!(biased; self.shop(&mut shopper, &checkout, wish), early);
        let status = self.until_moved(&mut dice, &id).await;
        if status == "requires_capture" {
            self.take(&mut dice, &id, amount).await;
        }
        self.give_back(&mut dice, &id, amount).await;
    }

    async fn act(&self, dice: &mut Dice, id: &str, what: &str, key: &str, body: &Value) -> Reply {
        let target = format!("/v1/payment_intents/{id}/{what}");
        self.command(dice, &target, &format!("{what}-{key}-{id}"), body).await
    }

    /// Looks at a payment until it is paid or over, or patience ends; gives its status.
    async fn until_moved(&self, dice: &mut Dice, id: &str) -> String {
        let ask = self.ask("GET", &format!("/v1/payment_intents/{id}"));
        for _ in 0..LOOKS_MAX {
            let reply = self.insist(dice, &ask).await;
            self.world.check(reply.status == 200, || format!("{id} is gone: {}", reply.text()));
            let status = reply.json()["status"].as_str().unwrap_or_default().to_owned();
            if status != "requires_checkout" && status != "processing" {
                return status;
            }
            self.world.timeline.sleep(micros(dice, 2 * SECOND, 20 * SECOND)).await;
        }
        String::new()
    }

    /// Takes what is reserved: all, parts, or none; at times while somebody else cancels.
    async fn take(&self, dice: &mut Dice, id: &str, amount: u64) {
        let part = json!({ "amount": dice.between(1, amount) });
        let mut other = Dice::new(dice.next());
        match dice.between(0, 5) {
            0 => drop(self.act(dice, id, "cancel", "late", &json!({})).await),
            1 => {
                let all = json!({});
                let capture = self.act(dice, id, "capture", "all", &all);
                let cancel = self.act(&mut other, id, "cancel", "meanwhile", &all);
                tokio::join!(biased; capture, cancel);
            }
            2 => {
                let more = json!({ "amount": dice.between(1, amount), "final": false });
                let first = self.act(dice, id, "capture", "part", &more);
                let second = self.act(&mut other, id, "capture", "rest", &part);
                tokio::join!(biased; first, second);
            }
            3 => drop(self.act(dice, id, "capture", "part", &part).await),
            _ => drop(self.act(dice, id, "capture", "all", &json!({})).await),
        }
    }

    /// Asks for refunds, at times for two at once, at times for too much.
    async fn give_back(&self, dice: &mut Dice, id: &str, amount: u64) {
        for number in 0..dice.between(0, 2) {
            let body = |amount: u64| json!({ "payment_intent": id, "amount": amount, "reason": "came back" });
            let first = body(dice.between(1, amount));
            let second = body(dice.between(1, amount));
            let keys = [format!("refund-{number}a-{id}"), format!("refund-{number}b-{id}")];
            if dice.chance(40) {
                let mut other = Dice::new(dice.next());
                tokio::join!(biased;
                    self.command(dice, "/v1/refunds", &keys[0], &first),
                    self.command(&mut other, "/v1/refunds", &keys[1], &second));
            } else {
                self.command(dice, "/v1/refunds", &keys[0], &first).await;
            }
        }
    }

    /// What the shopper does.
    async fn shop(&self, dice: &mut Dice, checkout: &str, wish: Wish) {
        self.world.timeline.sleep(micros(dice, SECOND, 20 * SECOND)).await;
        let Place::Hosted(page) = self.visit(dice, checkout).await else { return };
        if wish == Wish::PayInTwoTabs {
            let mut other = Dice::new(dice.next());
            if let Place::Hosted(second) = self.visit(&mut other, checkout).await {
                let (first, second) =
                    (self.choose(dice, &page, "pay"), self.choose(&mut other, &second, "pay"));
                tokio::join!(biased; first, second);
            }
            return;
        }
        match wish {
            Wish::Pay | Wish::PayInTwoTabs => self.choose(dice, &page, "pay").await,
            Wish::DeclineThenPay => {
                self.choose(dice, &page, "decline").await;
                if let Place::Hosted(page) = self.visit(dice, checkout).await {
                    self.choose(dice, &page, "pay").await;
                }
            }
            Wish::PayLater => {
                self.choose(dice, &page, "pay_later").await;
                self.world.timeline.sleep(micros(dice, SECOND, 300 * SECOND)).await;
                let outcome = *dice.pick(&["paid", "paid", "declined"]);
                let session = page.rsplit('/').next().unwrap_or_default();
                let body = json!({ "action": "settle", "outcome": outcome });
                // A session that was not reached stays as it is.
                let _settled =
                    self.processor.admin("POST", &format!("sessions/{session}/act"), Some(body)).await;
            }
            Wish::GoBack => self.choose(dice, &page, "cancel").await,
            Wish::Leave => {}
        }
    }

    /// Opens an address and goes where it leads.
    async fn visit(&self, dice: &mut Dice, url: &str) -> Place {
        let mut ask = Ask::new("GET", url.strip_prefix(replica::BASE_URL).unwrap_or(url));
        for _ in 0..PAGES_MAX {
            let answered = self.cluster.ask(&self.browser_link, PATIENCE_US, ask.clone()).await;
            let Ok(reply) = answered else {
                self.world.timeline.sleep(micros(dice, SECOND, 6 * SECOND)).await;
                continue;
            };
            if let Some(location) = reply.header("location") {
                if let Some(page) = location.strip_prefix(processor::BASE_URL) {
                    return Place::Hosted(page.to_owned());
                }
                let Some(next) = location.strip_prefix(replica::BASE_URL) else { return Place::AtTheShop };
                ask = Ask::new("GET", next);
                continue;
            }
            let text = reply.text();
            if text.contains("name=\"connector\"") {
                let connector = *dice.pick(&processor::ACCOUNTS);
                let target = url.strip_prefix(replica::BASE_URL).unwrap_or(url);
                ask = Ask::new("POST", target).form(&[("connector", connector)]);
                continue;
            }
            if !text.contains("http-equiv=\"refresh\"") && reply.status != 503 {
                return Place::Nowhere;
            }
            // A page that is posted is waited for by loading it.
            ask = Ask::new("GET", url.strip_prefix(replica::BASE_URL).unwrap_or(url));
            self.world.timeline.sleep(micros(dice, 2 * SECOND, 6 * SECOND)).await;
        }
        Place::Nowhere
    }

    /// Presses a button on the processor's page, and goes back, or does not.
    async fn choose(&self, dice: &mut Dice, page: &str, action: &str) {
        let ask = Ask::new("POST", page).form(&[("action", action)]);
        for _ in 0..PAGES_MAX {
            let work = Arc::clone(&self.processor).answer(ask.clone());
            let host = &self.processor.host;
            if let Ok(Some(reply)) = self.browser_link.call(host, PATIENCE_US, work).await {
                let Some(location) = reply.header("location") else { return };
                if dice.chance(70) {
                    self.visit(dice, location).await;
                } else {
                    self.world.count("shoppers_who_never_returned");
                }
                return;
            }
            self.world.timeline.sleep(micros(dice, SECOND, 6 * SECOND)).await;
        }
    }
}

/// Whether a cart may go on with this answer.
fn is_settled(reply: &Reply) -> bool {
    let put_off = reply.status == 409 && reply.text().contains("idempotency-in-progress");
    reply.status < 500 && reply.status != 429 && !put_off
}

/// The body, less what names the single request.
fn without_request_id(reply: &Reply) -> Value {
    let mut body = reply.json();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
    }
    body
}
