//! The table language: a payment's whole life on one screen, a line for each thing that happens or is so.
//!
//! ```text
//! intent 20.00 [USD] [manual] [expires 1h]      create the intent
//! start a1 [connector] [flags…]                 start an attempt, see `profile` for the flags
//! reopen a1                                     open another door to it
//! says a1 OP FACTS                              an operation was answered; OP: open complete expire void c1 r1
//! absent|unknown|unsent a1 OP [why]             it was answered "no such thing" | nobody knows | never left
//! interrupted a1 OP 2d                          the hub stopped while it asked, up to that long ago
//! hears a1 FACTS                                a verified notification
//! looks a1[/OP] FACTS|absent|unknown|unsent     a look-up's answer, on behalf of OP where one is in doubt
//! hint a1 · returns a1                          an unproven delivery · the browser comes back
//! capture [5.00] [more] [another] · cancel · refund [5.00] [another] · expire
//! restored                                      it came out of a backup just now
//! policies paid_twice:refund_later paid_late:refund|hold
//! resolve accept|refund                         an operator ends the quarantine
//! settle a1 paid:20.00|not_paid|done:r1|not_done:c1   an operator says what the processor does not
//! tick 5m                                       time passes; the intent expires by itself when due
//! reconsider                                    what follows from that alone is drawn
//!
//! is succeeded [captured 20.00] [refunded 5.00] [capturable 0] [disputed 0] [pending 5.00]
//! attempt a1 captured · refund r1 failed · capture c1 succeeded · last_error capture_failed
//! heard TYPES…                                  everything published since the last such line, in order
//! quarantine amount_mismatch|none
//! ledger receivable 15.00 payable -15.00 held 0
//! wants send a1 r1, look a1 c1, check a1        all that is due now, or `wants nothing`
//! later 5m                                      when the next piece of work is due
//! person a1 r1|nothing                          an operation that waits for a person, or that nothing does
//! silent                                        the line before recorded nothing
//! ```
//!
//! FACTS are a word (`paid`, `word:odd`), totals (`captured:20.00`, `amount:20.00EUR`), items
//! (`refund=r1#re_1/succeeded/5.00`), `code:insufficient_funds`, `elsewhere`, `id:pay_1`, `@5s` (the
//! processor's clock) and `door` or `door:600`. A line that must be refused ends in `-> code`.

pub(crate) mod world;

use std::collections::BTreeMap;

use hub_core::command::Command;
use hub_core::event::ByHand;
use hub_core::ids::{AttemptId, OperationId};
use hub_core::ledger::Account;
use hub_core::outcome::{NotSent, Outcome};
use hub_core::payment::{Operation, Subject};
use hub_core::policy::{PaidLate, PaidTwice};
use hub_core::retry::{self, Action};
use hub_core::schedule::{Work, schedule};
use processor_sdk::{
    Answer, CaptureMode, Decline, DeclineCode, Door, Facts, Fault, Item, ItemKind, ItemState, Money,
    OperationKind, ReferenceKind, Word,
};

use world::{World, money, profile, start};

/// Runs a story; panics with the line that does not hold.
pub(crate) fn check(story: &str) {
    let mut table = Table { world: None, attempts: vec![], heard: 0, versions: 0 };
    for (number, line) in story.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let place = Place { number: number + 1, text: line };
        table.line(line);
        drop(place);
    }
}

/// Names the line while a panic passes through.
struct Place<'a> {
    number: usize,
    text: &'a str,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in line {}: {}", self.number, self.text);
        }
    }
}

struct Table {
    world: Option<World>,
    attempts: Vec<String>,
    heard: usize,
    versions: usize,
}

fn seconds(text: &str) -> i64 {
    let (count, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 24 * 3_600,
        other => panic!("no such unit: {other}"),
    };
    count.parse::<i64>().unwrap() * unit
}

impl Table {
    fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("a story begins with `intent`")
    }

    fn line(&mut self, line: &str) {
        let (line, refusal) = match line.split_once("->") {
            Some((line, code)) => (line.trim(), Some(code.trim())),
            None => (line, None),
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        let (verb, rest) = words.split_first().unwrap();
        if *verb == "intent" {
            return self.intent(rest);
        }
        if *verb == "start" {
            return self.start(rest, refusal);
        }
        if *verb == "policies" {
            return self.policies(rest);
        }
        if refusal.is_none() && self.assertion(verb, rest, line) {
            return;
        }
        self.versions = self.world().history.len();
        if *verb == "tick" {
            return self.tick(seconds(rest[0]));
        }
        let command = self.command(verb, rest);
        let outcome = self.world().run(&command).map_err(|refusal| refusal.code());
        assert_eq!(outcome.err(), refusal);
    }

    fn intent(&mut self, rest: &[&str]) {
        let (amount, rest) = rest.split_first().unwrap();
        let mut currency = "USD";
        let (mut capture, mut expires_in_s) = (CaptureMode::Automatic, 24 * 3_600);
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            match *word {
                "manual" => capture = CaptureMode::Manual,
                "expires" => expires_in_s = seconds(rest.next().unwrap()),
                other => currency = other,
            }
        }
        self.world = Some(World::create(money(minor(amount), currency), capture, expires_in_s));
    }

    fn policies(&mut self, rest: &[&str]) {
        let policies = &mut self.world().policies;
        for word in rest {
            match *word {
                "paid_twice:refund_later" => policies.paid_twice = PaidTwice::RefundLater,
                "paid_late:accept" => policies.paid_late = PaidLate::Accept,
                "paid_late:refund" => policies.paid_late = PaidLate::Refund,
                "paid_late:hold" => policies.paid_late = PaidLate::Hold,
                other => panic!("no such policy: {other}"),
            }
        }
    }

    fn tick(&mut self, by_s: i64) {
        let world = self.world();
        world.now = retry::after(world.now, by_s);
        for work in world.due() {
            if let Work::RemindOfCapture { attempt_id } = work {
                world.run(&Command::RemindOfCapture { attempt_id: attempt_id.clone() }).unwrap();
                let told = !world.due().contains(&Work::RemindOfCapture { attempt_id });
                assert!(told, "the cart is reminded once");
            }
        }
        if world.due().contains(&Work::Expire) {
            world.run(&Command::Expire).unwrap();
            assert!(!world.due().contains(&Work::Expire), "it expires once");
        }
    }

    fn attempt_id(&self, label: &str) -> AttemptId {
        let index = self.attempts.iter().position(|known| known == label);
        let index = index.unwrap_or_else(|| panic!("no attempt {label}"));
        self.world.as_ref().unwrap().payment.attempts[index].id.clone()
    }

    fn echo(&self, label: &str) -> Option<String> {
        let payment = &self.world.as_ref().unwrap().payment;
        let index = label.get(1..)?.parse::<usize>().ok()?.checked_sub(1)?;
        match label.get(..1)? {
            "r" => payment.refunds.get(index).map(|refund| refund.id.echo().to_owned()),
            "c" => payment.captures.get(index).map(|capture| capture.id.echo().to_owned()),
            _ => None,
        }
    }

    /// What an operation is called in tables: its kind, or the transfer it is about.
    fn operation_name(&self, kind: OperationKind, subject: &Subject) -> String {
        let payment = &self.world.as_ref().unwrap().payment;
        let place = |index: Option<usize>| index.unwrap() + 1;
        match subject {
            Subject::Capture(id) => {
                format!("c{}", place(payment.captures.iter().position(|known| known.id == *id)))
            }
            Subject::Refund(id) => {
                format!("r{}", place(payment.refunds.iter().position(|known| known.id == *id)))
            }
            Subject::Payment => kind.as_str().trim_end_matches("_checkout").to_owned(),
        }
    }

    fn operation_id(&self, attempt_id: &AttemptId, name: &str) -> Option<OperationId> {
        let attempt = self.world.as_ref().unwrap().payment.attempt(attempt_id).unwrap();
        let mut named: Vec<_> = attempt
            .operations
            .iter()
            .filter(|operation| self.operation_name(operation.kind, &operation.subject) == name)
            .collect();
        named.sort_by_key(|operation| operation.is_open());
        named.last().map(|operation| operation.id.clone())
    }

    fn command(&self, verb: &str, rest: &[&str]) -> Command {
        match verb {
            "capture" => {
                let words = rest.iter().find(|word| !["more", "another"].contains(*word));
                let (amount, is_final) = (words.map(|word| self.amount(word)), !rest.contains(&"more"));
                Command::Capture { amount, is_final, allow_duplicate: rest.contains(&"another") }
            }
            "cancel" => Command::Cancel,
            "expire" => Command::Expire,
            "reconsider" => Command::Reconsider,
            "refund" => Command::Refund {
                amount: rest.iter().find(|word| **word != "another").map(|word| self.amount(word)),
                reason: None,
                metadata: BTreeMap::new(),
                allow_duplicate: rest.contains(&"another"),
            },
            "resolve" => {
                let resolution = serde_json::from_value(rest[0].into()).unwrap();
                Command::ResolveQuarantine { resolution, note: "looked at".to_owned() }
            }
            "settle" => {
                let attempt_id = self.attempt_id(rest[0]);
                let operation = |name| self.operation_id(&attempt_id, name).expect("such an operation");
                let settlement = match rest[1].split_once(':').unwrap_or((rest[1], "")) {
                    ("paid", amount) => ByHand::Paid { amount: self.amount(amount) },
                    ("not_paid", _) => ByHand::NotPaid,
                    ("done", name) => ByHand::Done { operation_id: operation(name) },
                    ("not_done", name) => ByHand::NotDone { operation_id: operation(name) },
                    (other, _) => panic!("no such settlement: {other}"),
                };
                Command::SettleByHand { attempt_id, settlement, evidence: "bank statement".to_owned() }
            }
            "restored" => Command::Restored { backed_up_at: self.world.as_ref().unwrap().now },
            "hint" => Command::Hinted { attempt_id: self.attempt_id(rest[0]) },
            "reopen" => Command::ReopenDoor { attempt_id: self.attempt_id(rest[0]) },
            "returns" => Command::ShopperReturned {
                attempt_id: self.attempt_id(rest[0]),
                parameters: vec![("token".to_owned(), "t".to_owned())],
            },
            "hears" => {
                let attempt_id = self.attempt_id(rest[0]);
                Command::Notified { attempt_id, facts: Box::new(self.facts(&rest[1..]).0) }
            }
            "says" | "absent" | "unknown" | "unsent" => {
                let attempt_id = self.attempt_id(rest[0]);
                let operation_id = self.operation_id(&attempt_id, rest[1]).expect("such an operation");
                let outcome = self.outcome(verb, &rest[2..]);
                Command::OperationTried { attempt_id, operation_id, outcome }
            }
            "interrupted" => {
                let attempt_id = self.attempt_id(rest[0]);
                let operation_id = self.operation_id(&attempt_id, rest[1]).expect("such an operation");
                let since = retry::after(self.world.as_ref().unwrap().now, -seconds(rest[2]));
                Command::OperationInterrupted { attempt_id, operation_id, since }
            }
            "looks" => {
                let (attempt, operation) =
                    rest[0].split_once('/').map_or((rest[0], None), |(a, o)| (a, Some(o)));
                let attempt_id = self.attempt_id(attempt);
                let operation_id =
                    operation.map(|name| self.operation_id(&attempt_id, name).expect("such an operation"));
                let rest = &rest[1..];
                let outcome = match rest.first() {
                    Some(verb @ (&"absent" | &"unknown" | &"unsent")) => self.outcome(verb, &rest[1..]),
                    Some(_) | None => self.outcome("says", rest),
                };
                let asked_at = self.world.as_ref().unwrap().now;
                Command::LookedUp { attempt_id, operation_id, outcome, asked_at }
            }
            other => panic!("no such verb: {other}"),
        }
    }

    fn outcome(&self, verb: &str, rest: &[&str]) -> Outcome {
        match verb {
            "says" => {
                let (facts, door) = self.facts(rest);
                Outcome::Answered { answer: Answer::Said { facts, door } }
            }
            "absent" => Outcome::Answered { answer: Answer::Absent },
            "unknown" => Outcome::Unknown { why: "timeout".to_owned() },
            "unsent" => Outcome::NotSent {
                why: match rest.first().copied().unwrap_or("unreachable") {
                    "unreachable" => NotSent::Unreachable { detail: "refused".to_owned() },
                    "throttled" => {
                        NotSent::Throttled { retry_after_s: rest.get(1).map(|s| s.parse().unwrap()) }
                    }
                    "credentials" => NotSent::Credentials { status: 401 },
                    "impossible" => NotSent::Impossible { fault: Fault::unreadable("it") },
                    other => panic!("no such reason: {other}"),
                },
            },
            other => panic!("no such outcome: {other}"),
        }
    }

    fn amount(&self, text: &str) -> Money {
        let own = self.world.as_ref().unwrap().payment.amount.currency().code();
        let split = text.find(|character: char| character.is_ascii_uppercase()).unwrap_or(text.len());
        let (number, currency) = text.split_at(split);
        money(minor(number), if currency.is_empty() { own } else { currency })
    }

    fn facts(&self, words: &[&str]) -> (Facts, Option<Door>) {
        let mut facts = Facts::default();
        let (mut door, mut code, mut elsewhere) = (None, None, false);
        for word in words {
            if let Some(time) = word.strip_prefix('@') {
                facts.at = Some(retry::after(start(), seconds(time)));
            } else if let Some((kind, said)) = word.split_once('=') {
                facts.items.push(self.item(kind, said));
            } else if let Some((name, value)) = word.split_once(':').filter(|(name, _)| *name != "word") {
                match name {
                    "amount" => facts.amount = Some(self.amount(value)),
                    "authorized" => facts.authorized = Some(self.amount(value)),
                    "captured" => facts.captured = Some(self.amount(value)),
                    "refunded" => facts.refunded = Some(self.amount(value)),
                    "until" => {
                        facts.capture_before = Some(retry::after(start(), seconds(value)));
                    }
                    "fee" => facts.fee = Some(self.amount(value)),
                    "id" => facts = facts.reference(ReferenceKind::Payment, value),
                    "code" => code = Some(serde_json::from_value(value.into()).unwrap()),
                    "door" => {
                        door = Some(Door {
                            expires_in_s: value.parse().ok(),
                            ..Door::redirect("https://p.example/")
                        });
                    }
                    other => panic!("no such fact: {other}"),
                }
            } else if *word == "door" {
                door = Some(Door::redirect("https://p.example/"));
            } else if *word == "elsewhere" {
                elsewhere = true;
            } else {
                facts.word = Some(parse_word(word).unwrap_or_else(|| panic!("no such word: {word}")));
            }
        }
        if code.is_some() || elsewhere {
            let code = code.unwrap_or(DeclineCode::Other);
            facts.decline = Some(Decline { code, elsewhere, processor_code: None });
        }
        (facts, door)
    }

    fn item(&self, kind: &str, said: &str) -> Item {
        let mut parts = said.split('/');
        let name = parts.next().unwrap();
        let (label, id) =
            name.split_once('#').map_or((name, None), |(label, id)| (label, Some(id.to_owned())));
        let state = serde_json::from_value(parts.next().expect("a state").into()).unwrap();
        let echo = (!label.is_empty()).then(|| self.echo(label).unwrap_or_else(|| label.to_owned()));
        let amount = parts.next().map(|amount| self.amount(amount));
        let kind: ItemKind = serde_json::from_value(kind.into()).unwrap();
        let reason = (state == ItemState::Failed).then(|| "refused".to_owned());
        Item { kind, id, echo, state, amount, reason, at: None }
    }

    /// True when the line asserts something.
    fn assertion(&mut self, verb: &str, rest: &[&str], line: &str) -> bool {
        match verb {
            "is" => self.assert_status(rest),
            "attempt" => {
                let attempt_id = self.attempt_id(rest[0]);
                let payment = &self.world().payment;
                let state = payment.attempt(&attempt_id).unwrap().state(payment.capture);
                assert_eq!(state.as_str(), rest[1]);
            }
            "refund" if rest.len() == 2 && rest[0].starts_with('r') => {
                let index = rest[0][1..].parse::<usize>().unwrap() - 1;
                assert_eq!(self.world().payment.refunds[index].status.as_str(), rest[1]);
            }
            "capture" if rest.len() == 2 && rest[0].starts_with('c') => {
                let index = rest[0][1..].parse::<usize>().unwrap() - 1;
                assert_eq!(self.world().payment.captures[index].status.as_str(), rest[1]);
            }
            "heard" => {
                let heard = self.world().published.clone();
                assert_eq!(heard[self.heard..], *rest);
                self.heard = heard.len();
            }
            "quarantine" => {
                let quarantine = self.world().payment.quarantine.clone();
                assert_eq!(quarantine.map_or("none", |known| known.reason.as_str()), rest[0]);
            }
            "last_error" => {
                let error = self.world().payment.last_error.clone();
                assert_eq!(error.map_or("none".to_owned(), |error| error.code), rest[0]);
            }
            "ledger" => {
                for pair in rest.chunks(2) {
                    let account = match pair[0] {
                        "receivable" => Account::ProcessorReceivable,
                        "payable" => Account::MerchantPayable,
                        "held" => Account::DisputesHeld,
                        other => panic!("no such account: {other}"),
                    };
                    assert_eq!(
                        self.world().ledger.get(&account).copied().unwrap_or(0),
                        minor(pair[1]),
                        "{}",
                        pair[0]
                    );
                }
            }
            "wants" => assert_eq!(self.wants(), line["wants".len()..].trim()),
            "person" => assert_eq!(self.person(), rest.join(" ")),
            "later" => {
                let next = schedule(&self.world().payment).into_values().min();
                let now = self.world().now;
                assert_eq!(next.map(|due_at| due_at.seconds_since(now)), Some(seconds(rest[0])));
            }
            "silent" => assert_eq!(self.world().history.len(), self.versions),
            _ => return false,
        }
        true
    }

    fn start(&mut self, rest: &[&str], refusal: Option<&str>) {
        let connector = rest.get(1).copied().unwrap_or("first");
        let profile = Box::new(profile(connector, rest.iter().skip(2).copied()));
        let command = Command::StartAttempt {
            profile,
            reason: "first in order".to_owned(),
            return_token: format!("return-{}", rest[0]),
        };
        let outcome = self.world().run(&command).map_err(|refusal| refusal.code());
        assert_eq!(outcome.err(), refusal);
        if refusal.is_none() {
            self.attempts.push(rest[0].to_owned());
        }
    }

    fn assert_status(&mut self, rest: &[&str]) {
        let payment = &self.world().payment;
        assert_eq!(payment.status.as_str(), rest[0]);
        for pair in rest[1..].chunks(2) {
            let amount = match pair[0] {
                "captured" => payment.amount_captured(),
                "refunded" => payment.amount_refunded(),
                "capturable" => payment.amount_capturable(),
                "disputed" => payment.amount_disputed(),
                "pending" => payment.amount_refund_pending(),
                other => panic!("no such amount: {other}"),
            };
            assert_eq!(amount.minor(), minor(pair[1]), "{}", pair[0]);
        }
    }

    fn wants(&self) -> String {
        let world = self.world.as_ref().unwrap();
        let mut wants: Vec<String> = world.due().into_iter().map(|work| self.want(&work)).collect();
        wants.sort();
        if wants.is_empty() { "nothing".to_owned() } else { wants.join(", ") }
    }

    /// Operations that a person should look after; the row says the same.
    fn person(&self) -> String {
        let payment = &self.world.as_ref().unwrap().payment;
        let mut waiting = Vec::new();
        for (attempt, label) in payment.attempts.iter().zip(&self.attempts) {
            let waits = |operation: &&Operation| payment.waits_for_person_about(attempt, operation);
            let operations = attempt.operations.iter().filter(waits);
            waiting.extend(operations.map(|operation| {
                format!("{label} {}", self.operation_name(operation.kind, &operation.subject))
            }));
        }
        let shown = !waiting.is_empty() || payment.quarantine.is_some();
        assert_eq!(payment.waits_for_person(), shown, "what waits for a person is listed");
        if waiting.is_empty() { "nothing".to_owned() } else { waiting.join(", ") }
    }

    fn want(&self, work: &Work) -> String {
        let world = self.world.as_ref().unwrap();
        let label = |attempt_id: &AttemptId| {
            let index = world.payment.attempts.iter().position(|attempt| attempt.id == *attempt_id).unwrap();
            self.attempts[index].clone()
        };
        match work {
            Work::CallProcessor { attempt_id, operation_id } => {
                let attempt = world.payment.attempt(attempt_id).unwrap();
                let operation = attempt.operation(operation_id).unwrap();
                let name = self.operation_name(operation.kind, &operation.subject);
                let verb = match retry::action(operation, &attempt.profile, world.now) {
                    Action::Send => "send",
                    Action::LookUp => "look",
                    Action::Wait => "wait",
                };
                format!("{verb} {} {name}", label(attempt_id))
            }
            Work::Check { attempt_id } => format!("check {}", label(attempt_id)),
            Work::RemindOfCapture { attempt_id } => format!("remind {}", label(attempt_id)),
            Work::Expire => "expire".to_owned(),
        }
    }
}

fn parse_word(text: &str) -> Option<Word> {
    match text.strip_prefix("word:") {
        Some(odd) => Some(Word::Unknown(odd.to_owned())),
        None => serde_json::from_value(text.into()).ok(),
    }
}

fn minor(text: &str) -> i64 {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "00"));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    whole.parse::<i64>().unwrap() * 100 + sign * cents.parse::<i64>().unwrap()
}
