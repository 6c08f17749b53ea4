//! Shops and shoppers while the hub dies under them: they create, pay, capture and refund, repeat what was
//! not answered under the same key, and remember what was.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::processes::dice::Dice;
use crate::processes::http::{Answer, Api, send};
use crate::processes::world::text;
use crate::processes::{PATIENCE, look_until, now, pause};

/// How long a story waits for its payment to move on before it does something else.
const NEWS_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(3);

/// Where everybody is, and how it goes.
pub(super) struct Place {
    pub(super) api: Api,
    /// It moves when a demo is restarted on another port.
    pub(super) sandbox_url: Mutex<String>,
    /// No new stories.
    pub(super) closing: AtomicBool,
    /// Steps of all stories so far: what the hub acknowledged, shoppers who came back.
    pub(super) steps: AtomicUsize,
}

/// Something that was asked under a key.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) key: String,
    pub(super) body: Value,
    /// The acknowledgement, if there was one.
    pub(super) acknowledged: Option<Answer>,
}

/// What one shop asked for about one payment.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) create: Asked,
    pub(super) captures: Vec<Asked>,
    pub(super) refunds: Vec<Asked>,
    /// Where the shopper who has paid comes back, perhaps late.
    pub(super) return_url: Option<String>,
}

impl Story {
    /// Everything that was asked under a key.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Asked> {
        std::iter::once(&self.create).chain(&self.captures).chain(&self.refunds)
    }
}

/// Plays stories until the place closes.
pub(super) fn play(place: &Place, seed: u64, worker: u64) -> Vec<Story> {
    let mut dice = Dice::new(seed.wrapping_mul(1_000).wrapping_add(worker));
    let mut stories = Vec::new();
    while !place.closing.load(Ordering::SeqCst) {
        let name = format!("story-{worker}-{}", stories.len());
        stories.push(story(place, &mut dice, &name));
    }
    stories
}

fn story(place: &Place, dice: &mut Dice, name: &str) -> Story {
    let manual = dice.chance(40);
    let amount = dice.between(10, 5_000) * 10;
    let body = json!({
        "amount": amount,
        "currency": "EUR",
        "capture": if manual { "manual" } else { "automatic" },
        "return_url": "http://127.0.0.1:9/thanks",
        "metadata": { "story": name },
    });
    let mut story = Story {
        create: ask(place, dice, "/v1/payment_intents", format!("{name}-create"), body),
        captures: vec![],
        refunds: vec![],
        return_url: None,
    };
    let Some(created) = story.create.acknowledged.as_ref().map(Answer::json) else { return story };
    let paid = shop_and_pay(place, dice, &text(&created, "checkout_url"));
    let Paid::Yes { return_url } = paid else { return story };
    story.return_url = return_url;
    let id = text(&created, "id");
    if manual && reaches(place, &id, "requires_capture") {
        let part = if dice.chance(50) { json!({}) } else { json!({ "amount": amount / 2 }) };
        let path = format!("/v1/payment_intents/{id}/capture");
        story.captures.push(ask(place, dice, &path, format!("{name}-capture"), part));
    }
    if dice.chance(60) && reaches(place, &id, "succeeded") {
        story.refunds = refunds(place, dice, name, &id, amount);
    }
    story
}

/// Up to two refunds at once, which together may ask for more than there is.
fn refunds(place: &Place, dice: &mut Dice, name: &str, id: &str, amount: u64) -> Vec<Asked> {
    let mut ask_for = |number: u64| {
        let part = amount * dice.between(1, 6) / 10;
        let body = json!({ "payment_intent": id, "amount": part.max(1) });
        (Dice::new(dice.next()), format!("{name}-refund-{number}"), body)
    };
    let both: Vec<_> = (0..2).map(&mut ask_for).collect();
    std::thread::scope(|scope| {
        let asking: Vec<_> = both
            .into_iter()
            .map(|(mut dice, key, body)| scope.spawn(move || ask(place, &mut dice, "/v1/refunds", key, body)))
            .collect();
        asking.into_iter().map(|asked| asked.join().expect("a refund was asked for")).collect()
    })
}

/// Asks until there is an answer that settles it; some callers give up before.
fn ask(place: &Place, dice: &mut Dice, path: &str, key: String, body: Value) -> Asked {
    let mut asked = Asked { path: path.to_owned(), key, body, acknowledged: None };
    let answered = look_until(PATIENCE, || match place.api.post(path, &asked.key, &asked.body) {
        Ok(answer) => {
            let verdict = verdict(&asked, answer);
            place.steps.fetch_add(usize::from(verdict.is_some()), Ordering::SeqCst);
            verdict
        }
        // Nobody knows what became of it.
        Err(_) if dice.chance(5) => Some(None),
        Err(_) => None,
    });
    asked.acknowledged = answered.unwrap_or_else(|| panic!("no answer to {asked:?}"));
    asked
}

/// The acknowledgement or the refusal that an answer is; `None` when it is worth another try.
fn verdict(asked: &Asked, answer: Answer) -> Option<Option<Answer>> {
    let code = || answer.json()["code"].as_str().unwrap_or_default().to_owned();
    match answer.status {
        200..300 => Some(Some(answer)),
        409 if code() == "idempotency_in_progress" => None,
        // Two refunds at once may be more than there is; a payment may have moved on.
        409 | 422
            if ["exceeds_captured", "exceeds_authorized", "wrong_status"].contains(&code().as_str()) =>
        {
            Some(None)
        }
        503 => None,
        _ => panic!("{asked:?} was answered with {} {}", answer.status, answer.text()),
    }
}

/// What came of a shopper's visit.
enum Paid {
    No,
    Yes {
        /// Lost with the answer to the payment, if that was lost.
        return_url: Option<String>,
    },
}

/// Goes through the hub's door to the processor's page, and pays there if the dice say so.
fn shop_and_pay(place: &Place, dice: &mut Dice, checkout_url: &str) -> Paid {
    let action = match dice.between(0, 99) {
        0..80 => "action=pay",
        80..90 => "action=decline",
        _ => return Paid::No,
    };
    act_on_page(place, dice, checkout_url, action)
}

/// Goes through the hub's door to the processor's page, and pays there whatever happens.
pub(super) fn shop_and_always_pay(place: &Place, checkout_url: &str) {
    act_on_page(place, &mut Dice::new(1), checkout_url, "action=pay");
}

fn act_on_page(place: &Place, dice: &mut Dice, checkout_url: &str, action: &str) -> Paid {
    let Some(page) = door(dice, checkout_url) else { return Paid::No };
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let Some((_, path)) = page.split_once("/pay/") else { panic!("{page} is no page of the processor") };
    let came_back = look_until(PATIENCE, || {
        let sandbox_url = place.sandbox_url.lock().expect("an address").clone();
        let answer = send("POST", &format!("{sandbox_url}/pay/{path}"), &form, action.as_bytes()).ok()?;
        match answer.status {
            303 => Some(answer.location()),
            // The first try has done it, and its answer was lost.
            409 => Some(None),
            500..600 => None,
            status => panic!("{page} was answered with {status}: {}", answer.text()),
        }
    });
    let return_url = came_back.unwrap_or_else(|| panic!("{page} cannot be paid"));
    if let Some(return_url) = &return_url
        && dice.chance(60)
    {
        come_back(place, return_url);
    }
    if action == "action=pay" { Paid::Yes { return_url } } else { Paid::No }
}

/// The shopper's browser comes back; whether the hub answers is the hub's luck.
pub(super) fn come_back(place: &Place, return_url: &str) {
    if let Ok(answer) = send("GET", return_url, &[], b"") {
        place.steps.fetch_add(1, Ordering::SeqCst);
        assert_ne!(answer.status, 404, "{return_url} of a checkout that was opened");
    }
}

/// The processor's page behind the hub's door; `None` when the shopper does not get there in time.
fn door(dice: &mut Dice, checkout_url: &str) -> Option<String> {
    let deadline = now() + PATIENCE;
    let mut chosen = String::new();
    while now() < deadline {
        let answer = if chosen.is_empty() {
            send("GET", checkout_url, &[], b"")
        } else {
            let form = [("content-type", "application/x-www-form-urlencoded")];
            send("POST", checkout_url, &form, format!("connector={chosen}").as_bytes())
        };
        let Ok(answer) = answer else {
            pause();
            continue;
        };
        match answer.status {
            303 => return answer.location().filter(|url| url.contains("/pay/")),
            200 if answer.text().contains("name=\"connector\"") => {
                chosen = (*dice.pick(&["sandbox_a", "sandbox_b"])).to_owned();
            }
            200 | 503 => pause(),
            410 => return None,
            status => panic!("{checkout_url} was answered with {status}: {}", answer.text()),
        }
    }
    None
}

/// Whether a payment gets to a status soon.
fn reaches(place: &Place, id: &str, status: &str) -> bool {
    let path = format!("/v1/payment_intents/{id}");
    let seen = look_until(NEWS_TIME_MAX, || {
        let answer = place.api.get(&path).ok()?;
        assert_ne!(answer.status, 404, "{id} was acknowledged and is lost");
        (answer.status == 200 && answer.json()["status"] == status).then_some(())
    });
    seen.is_some()
}
