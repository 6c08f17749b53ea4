//! Shops and shoppers on bad days: they create, pay, capture, cancel and refund, repeat what was not answered
//! under the same key, and remember what was. Between them somebody tells the hub lies.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::forger::Forger;
use crate::processes::dice::Dice;
use crate::processes::http::{Answer, Api, send};
use crate::processes::world::text;
use crate::processes::{PATIENCE, look_until, now, pause};

/// How long a story waits for its payment to move on before it does something else.
const NEWS_TIME_MAX: Duration = Duration::from_secs(3);

/// Where everybody is, and how it goes.
pub(crate) struct Place {
    /// The hubs, any of which may be asked; shoppers are led to the first.
    hubs: Vec<Api>,
    sandbox_url: String,
    /// No new stories.
    closing: AtomicBool,
    /// Stories that may still begin.
    pub(crate) stories_left: AtomicU64,
    /// Steps of all stories so far: what the hub acknowledged, shoppers who came back.
    pub(crate) steps: AtomicU64,
    /// Who tells lies, if anybody does.
    pub(crate) forger: Option<Forger>,
    /// When the next story may begin and how long there is between two, if they do not begin as fast as they can.
    pub(crate) pace: Mutex<Option<(Instant, Duration)>>,
}

impl Place {
    /// With stories without end.
    pub(crate) fn new(hubs: &[&Api], sandbox_url: &str) -> Self {
        Self {
            hubs: hubs.iter().map(|api| (*api).clone()).collect(),
            sandbox_url: sandbox_url.to_owned(),
            closing: AtomicBool::new(false),
            stories_left: AtomicU64::new(u64::MAX),
            steps: AtomicU64::new(0),
            forger: None,
            pace: Mutex::new(None),
        }
    }

    /// Closes the place when it goes: whatever fails beside the shops must end them too, or they are waited for for
    /// ever.
    pub(crate) fn closing(&self) -> Closing<'_> {
        Closing(&self.closing)
    }

    /// Any of the hubs.
    fn any(&self, dice: &mut Dice) -> &Api {
        dice.pick(&self.hubs)
    }

    fn a_step(&self) {
        self.steps.fetch_add(1, Ordering::SeqCst);
    }

    fn may_begin(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        !self.closing.load(Ordering::SeqCst)
            && self.stories_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
            && self.has_its_turn()
    }

    /// Waits for one's turn, if there is a pace; whether it came before the place closed.
    fn has_its_turn(&self) -> bool {
        let turn = self.pace.lock().expect("no panic while held").as_mut().map(|(next, between)| {
            // Time in which nobody was ready is not caught up with.
            let turn = now().max(*next);
            *next = turn + *between;
            turn
        });
        while turn.is_some_and(|turn| now() < turn) {
            if self.closing.load(Ordering::SeqCst) {
                return false;
            }
            pause();
        }
        true
    }
}

/// See [`Place::closing`].
pub(crate) struct Closing<'a>(&'a AtomicBool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Something that was asked under a key.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Value,
    /// The acknowledgment, if there was one.
    pub(crate) acknowledged: Option<Answer>,
}

/// What one shop asked for about one payment.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) create: Asked,
    pub(crate) captures: Vec<Asked>,
    pub(crate) cancels: Vec<Asked>,
    pub(crate) refunds: Vec<Asked>,
    /// Where the shopper who has paid comes back, perhaps late.
    pub(crate) return_url: Option<String>,
}

impl Story {
    /// Everything that was asked under a key.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Asked> {
        std::iter::once(&self.create).chain(&self.captures).chain(&self.cancels).chain(&self.refunds)
    }
}

/// Plays stories of this name until the place closes.
pub(crate) fn play(place: &Place, seed: u64, name: &str) -> Vec<Story> {
    let mut dice = Dice::new(seed);
    let mut stories = Vec::new();
    while place.may_begin() {
        let name = format!("{name}-{}", stories.len());
        stories.push(story(place, &mut dice, &name));
    }
    stories
}

/// Plays stories of this name until the place closes, forgets them, and counts them.
pub(crate) fn play_and_forget(place: &Place, seed: u64, name: &str, begun: &AtomicU64) {
    let mut dice = Dice::new(seed);
    let mut number = 0_u64;
    while place.may_begin() {
        begun.fetch_add(1, Ordering::SeqCst);
        story(place, &mut dice, &format!("{name}-{number}"));
        number += 1;
    }
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
        cancels: vec![],
        refunds: vec![],
        return_url: None,
    };
    let Some(created) = story.create.acknowledged.as_ref().map(Answer::json) else { return story };
    let id = text(&created, "id");
    let off = Wish::cancel(name, &id);
    if dice.chance(8) {
        // The cart calls it off while the shopper is at the page.
        let mut carts = Dice::new(dice.next());
        std::thread::scope(|scope| {
            let canceling = scope.spawn(|| off.ask(place, &mut carts));
            if let Paid::Yes { return_url } = shop_and_pay(place, dice, &created) {
                story.return_url = return_url;
            }
            story.cancels.push(canceling.join().expect("a cancel was asked for"));
        });
        return story;
    }
    let Paid::Yes { return_url } = shop_and_pay(place, dice, &created) else { return story };
    story.return_url = return_url;
    if manual && reaches(place, dice, &id, "requires_capture") {
        let part = if dice.chance(50) { json!({}) } else { json!({ "amount": amount / 2 }) };
        let take = Wish::capture(name, &id, part);
        match dice.between(0, 9) {
            // Nothing is done about it for now.
            0 => return story,
            1 => story.cancels.push(off.ask(place, dice)),
            2 => {
                let [taken, canceled] = both(place, dice, [take, off]);
                story.captures.push(taken);
                story.cancels.push(canceled);
            }
            _ => story.captures.push(take.ask(place, dice)),
        }
    }
    if dice.chance(60) && reaches(place, dice, &id, "succeeded") {
        // Which together may ask for more than there is.
        let refunds = [0, 1].map(|number| {
            let part = amount * dice.between(1, 6) / 10;
            Wish {
                path: "/v1/refunds".to_owned(),
                key: format!("{name}-refund-{number}"),
                body: json!({ "payment_intent": id, "amount": part.max(1) }),
            }
        });
        story.refunds = both(place, dice, refunds).into();
    }
    story
}

/// Something to ask for.
struct Wish {
    path: String,
    key: String,
    body: Value,
}

impl Wish {
    fn capture(name: &str, id: &str, body: Value) -> Self {
        Self { path: format!("/v1/payment_intents/{id}/capture"), key: format!("{name}-capture"), body }
    }

    fn cancel(name: &str, id: &str) -> Self {
        let path = format!("/v1/payment_intents/{id}/cancel");
        Self { path, key: format!("{name}-cancel"), body: json!({}) }
    }

    fn ask(self, place: &Place, dice: &mut Dice) -> Asked {
        ask(place, dice, &self.path, self.key, self.body)
    }
}

/// Asks for two things at once.
fn both(place: &Place, dice: &mut Dice, wishes: [Wish; 2]) -> [Asked; 2] {
    let wishes = wishes.map(|wish| (wish, Dice::new(dice.next())));
    std::thread::scope(|scope| {
        let asking = wishes.map(|(wish, mut dice)| scope.spawn(move || wish.ask(place, &mut dice)));
        asking.map(|asked| asked.join().expect("both were asked for"))
    })
}

/// Asks until there is an answer that settles it; some callers give up before.
fn ask(place: &Place, dice: &mut Dice, path: &str, key: String, body: Value) -> Asked {
    let mut asked = Asked { path: path.to_owned(), key, body, acknowledged: None };
    let answered = look_until(PATIENCE, || match place.any(dice).post(path, &asked.key, &asked.body) {
        Ok(answer) => {
            let verdict = verdict(&asked, answer);
            if verdict.is_some() {
                place.a_step();
            }
            verdict
        }
        // Nobody knows what became of it.
        Err(_) if dice.chance(5) => Some(None),
        Err(_) => None,
    });
    asked.acknowledged = answered.unwrap_or_else(|| panic!("no answer to {asked:?}"));
    asked
}

/// The acknowledgment or the refusal that an answer is; `None` when it is worth another try.
fn verdict(asked: &Asked, answer: Answer) -> Option<Option<Answer>> {
    let code = || answer.json()["code"].as_str().unwrap_or_default().to_owned();
    match answer.status {
        200..300 => Some(Some(answer)),
        409 if code() == "idempotency_in_progress" => None,
        // Two at once may be more than there is; a payment may have moved on.
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
fn shop_and_pay(place: &Place, dice: &mut Dice, created: &Value) -> Paid {
    let action = match dice.between(0, 99) {
        0..80 => "action=pay",
        80..90 => "action=decline",
        _ => return Paid::No,
    };
    let Some(page) = door(place, dice, &text(created, "checkout_url")) else { return Paid::No };
    if let Some(forger) = &place.forger
        && dice.chance(30)
    {
        forger.lie(place.any(dice), dice, &text(created, "id"), &page);
    }
    act_on_page(place, dice, &page, action)
}

/// Goes through the hub's door to the processor's page, and pays there whatever happens.
pub(crate) fn shop_and_always_pay(place: &Place, checkout_url: &str) {
    let mut dice = Dice::new(1);
    let page = door(place, &mut dice, checkout_url).unwrap_or_else(|| panic!("{checkout_url} leads nowhere"));
    act_on_page(place, &mut dice, &page, "action=pay");
}

fn act_on_page(place: &Place, dice: &mut Dice, page: &str, action: &str) -> Paid {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let Some((_, path)) = page.split_once("/pay/") else { panic!("{page} is no page of the processor") };
    let came_back = look_until(PATIENCE, || {
        let answer = send("POST", &format!("{}/pay/{path}", place.sandbox_url), &form, action.as_bytes());
        let answer = answer.ok()?;
        match answer.status {
            303 => Some(Paid::Yes { return_url: answer.location() }),
            // The first try has done it, and its answer was lost.
            409 => Some(Paid::Yes { return_url: None }),
            // It was called off.
            410 => Some(Paid::No),
            500..600 => None,
            status => panic!("{page} was answered with {status}: {}", answer.text()),
        }
    });
    let paid = came_back.unwrap_or_else(|| panic!("{page} cannot be paid"));
    if let Paid::Yes { return_url: Some(return_url) } = &paid
        && dice.chance(60)
    {
        come_back(place, return_url);
    }
    if action == "action=pay" { paid } else { Paid::No }
}

/// The shopper's browser comes back; whether the hub answers is the hub's luck.
pub(crate) fn come_back(place: &Place, return_url: &str) {
    if let Ok(answer) = send("GET", return_url, &[], b"") {
        place.a_step();
        assert_ne!(answer.status, 404, "{return_url} of a checkout that was opened");
    }
}

/// The processor's page behind the hub's door; `None` when the shopper does not get there in time.
fn door(place: &Place, dice: &mut Dice, checkout_url: &str) -> Option<String> {
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
            // Told that nothing can be paid now, nobody waits for a shop that closes.
            503 if place.closing.load(Ordering::SeqCst) => return None,
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
fn reaches(place: &Place, dice: &mut Dice, id: &str, status: &str) -> bool {
    let path = format!("/v1/payment_intents/{id}");
    let seen = look_until(NEWS_TIME_MAX, || {
        let answer = place.any(dice).get(&path).ok()?;
        assert_ne!(answer.status, 404, "{id} was acknowledged and is lost");
        (answer.status == 200 && answer.json()["status"] == status).then_some(())
    });
    seen.is_some()
}
