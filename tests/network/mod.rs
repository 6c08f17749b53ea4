//! Network faults between the real hub and PostgreSQL, the processor, and the merchant's endpoints: late,
//! trickling, refused, swallowed, broken in the middle, half open, closed slowly.
//!
//! Each row is a place and a fault: shops are at work, the line is spoiled, and mended again. Then everything
//! that was in doubt settles, both ledgers agree, nothing was charged or given back twice, and the database is
//! clean. While the database is away the hub says so, and soon. While the processor is away the cart waits for
//! nothing. While one endpoint of the merchant is away the others hear everything. A run does every row
//! `PROOF_ROUNDS` times.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::processes::dice::Dice;
use crate::processes::http::send;
use crate::processes::world::World;
use crate::processes::{PATIENCE, eventually, look_until};
use crate::reliability::Run;
use crate::reliability::books::{Books, compare, settle};
use crate::reliability::load::{Asked, Closing, Place, Story, come_back, play};
use crate::reliability::weather::calm;

use self::line::{Fault, Line};

mod database;
mod line;
mod merchant;
mod processor;
mod spoiled;

/// Times that a short run does every row.
const ROUNDS: u64 = 1;
/// Shops that work at once, and the stories that they have together in one row.
const SHOPS: u64 = 4;
const STORIES: u64 = 10;
/// What a payment of this test's own is of.
const AMOUNT: i64 = 100;
/// Steps of the shops before the line is spoiled, and while it is.
const STEPS_BEFORE: u64 = 3;
const STEPS_MEANWHILE: u64 = 4;
/// How long a fault waits for the shops to get on in spite of it.
const FAULT_TIME_MAX: Duration = Duration::from_secs(12);
/// How long everything that is in doubt may take to settle once the line is mended.
const SETTLING_TIME_MAX: Duration = Duration::from_secs(60);

/// What was done in one place.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    rows: u64,
    struck: u64,
    payments: u64,
    steps: u64,
    events: u64,
    longest_settling_ms: u64,
    longest_refusal_ms: u64,
}

#[test]
fn faults_on_any_line_lose_nothing() {
    let run = Run::begin("network_faults", ROUNDS, 1);
    let places: [fn(u64, u64) -> Figures; 3] = [database::prove, processor::prove, merchant::prove];
    let (seed, rounds) = (run.seed, run.rounds);
    let figures = std::thread::scope(|scope| {
        let proofs = places.map(|prove| scope.spawn(move || prove(seed, rounds)));
        proofs.map(|proof| proof.join().expect("what is wrong was said"))
    });
    let sum = |of: fn(&Figures) -> u64| figures.iter().map(of).sum::<u64>();
    let longest = |of: fn(&Figures) -> u64| figures.iter().map(of).max().unwrap_or_default();
    run.held(&[
        ("rounds", run.rounds),
        ("rows", sum(|one| one.rows)),
        ("connections_struck", sum(|one| one.struck)),
        ("payments", sum(|one| one.payments)),
        ("steps", sum(|one| one.steps)),
        ("events_delivered", sum(|one| one.events)),
        ("longest_settling_ms", longest(|one| one.longest_settling_ms)),
        ("longest_refusal_ms", longest(|one| one.longest_refusal_ms)),
    ]);
}

/// A hub with one line that is spoiled, and all that shops asked of it so far.
struct Scene {
    world: World,
    line: Line,
    stories: Vec<Story>,
    figures: Figures,
    /// Connections that were struck before this row.
    struck_before: u64,
}

impl Scene {
    fn new(world: World, line: Line) -> Self {
        Self { world, line, stories: vec![], figures: Figures::default(), struck_before: 0 }
    }

    /// One row: shops at work before, while and after something is wrong with the line; then everything settles.
    fn row(
        &mut self,
        name: &str,
        fault: Fault,
        dice: &mut Dice,
        meanwhile: impl FnOnce(&Self, &Place) -> Vec<Story>,
    ) {
        println!("{name}: {fault:?}");
        let place = Place::new(&[&self.world.api], &self.world.sandbox_url);
        place.stories_left.store(STORIES, Ordering::SeqCst);
        self.struck_before = self.line.struck();
        let stories: Vec<Story> = std::thread::scope(|scope| {
            let shops: Vec<_> = (0..SHOPS)
                .map(|shop| {
                    let (place, seed, name) = (&place, dice.next(), format!("{name}-{shop}"));
                    scope.spawn(move || play(place, seed, &name))
                })
                .collect();
            // A panic in here must end the fault and the shops too, or the scope waits for them for ever.
            let ending = Ending { line: &self.line, _closing: place.closing() };
            let steps = || place.steps.load(Ordering::SeqCst);
            look_until(PATIENCE, || (steps() >= STEPS_BEFORE).then_some(()));
            self.line.set(fault);
            let own = meanwhile(self, &place);
            drop(ending);
            shops.into_iter().flat_map(|shop| shop.join().expect("a shop's stories")).chain(own).collect()
        });
        let struck = self.line.struck() - self.struck_before;
        assert!(struck > 0, "{name}: no connection was struck, so that nothing was tested");
        self.settle(name, &stories);
        self.figures.rows += 1;
        self.figures.struck += struck;
        self.figures.payments += u64::try_from(stories.len()).expect("a count");
        self.figures.steps += place.steps.load(Ordering::SeqCst);
        self.stories.extend(stories);
    }

    fn settle(&mut self, name: &str, stories: &[Story]) {
        let ready = format!("{}/readyz", self.world.api.base_url);
        eventually("the hub is ready by itself", || {
            send("GET", &ready, &[], b"").ok().filter(|answer| answer.status == 200)
        });
        calm(&self.world.sandbox_url);
        let place = Place::new(&[&self.world.api], &self.world.sandbox_url);
        stories.iter().filter_map(|story| story.return_url.as_ref()).for_each(|url| come_back(&place, url));
        let took = settle(&self.books(), SETTLING_TIME_MAX).unwrap_or_else(|open| panic!("{name}: {open}"));
        let took_ms = u64::try_from(took.as_millis()).expect("a short time");
        self.figures.longest_settling_ms = self.figures.longest_settling_ms.max(took_ms);
    }

    fn books(&self) -> Books<'_> {
        Books { api: &self.world.api, sandbox_url: &self.world.sandbox_url }
    }

    /// Waits for the shops to get on although the line is spoiled.
    fn get_on(&self, place: &Place) {
        let steps = place.steps.load(Ordering::SeqCst);
        look_until(FAULT_TIME_MAX, || {
            let is_on = place.steps.load(Ordering::SeqCst) >= steps + STEPS_MEANWHILE;
            (is_on && self.line.struck() > self.struck_before).then_some(())
        });
    }

    /// Asks for a payment of this test's own, as a cart does.
    fn create(&self, name: &str, capture: &str) -> Asked {
        let key = format!("{name}-own");
        let body = json!({
            "amount": AMOUNT, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks",
            "capture": capture, "metadata": { "story": key },
        });
        self.ask("/v1/payment_intents".to_owned(), key, body)
    }

    /// Asks once, and keeps what was answered.
    fn ask(&self, path: String, key: String, body: Value) -> Asked {
        let answer = self.world.api.post(&path, &key, &body).expect("an answer");
        Asked { path, key, body, acknowledged: Some(answer) }
    }

    /// After all rows: every promise was kept, and the database is clean.
    fn end(self) -> Figures {
        compare(&self.books(), &self.stories);
        self.world.verify();
        self.figures
    }
}

/// A payment that was asked for, and nothing else.
fn alone(create: Asked) -> Story {
    Story { create, captures: vec![], cancels: vec![], refunds: vec![], return_url: None }
}

/// The fault ends, and the shops begin nothing new.
struct Ending<'a> {
    line: &'a Line,
    _closing: Closing<'a>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.line.set(Fault::None);
    }
}
