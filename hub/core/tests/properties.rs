//! What must hold for every story, also those nobody thought of.
//!
//! The harness in `table::world` asserts its invariants after each command; here the commands are random.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests fail by panicking")]

#[expect(dead_code, reason = "the table language is for the stories; the world below it is shared")]
mod table;

use std::collections::BTreeMap;

use hub_core::command::Command;
use hub_core::event::{ByHand, Recorded};
use hub_core::evidence::Evidence;
use hub_core::outcome::{NotSent, Outcome};
use hub_core::payment::{PaymentIntent, Resolution, Status};
use hub_core::policy::{PaidLate, PaidTwice, Policies};
use hub_core::retry::{self, Action};
use hub_core::schedule::{Work, schedule};
use processor_sdk::{
    Answer, CaptureMode, Decline, DeclineCode, Door, Facts, Item, ItemKind, ItemState, Money, ReferenceKind,
    Word,
};
use proptest::prelude::*;

use table::world::{World, money, profile, start};

const AMOUNT: i64 = 2_000;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() }
}

// ---- strategies -------------------------------------------------------------------------------------------

fn any_word() -> impl Strategy<Value = Word> {
    prop_oneof![
        Just(Word::Open),
        Just(Word::NeedsCompletion),
        Just(Word::Pending),
        Just(Word::Authorized),
        Just(Word::Paid),
        Just(Word::Declined),
        Just(Word::Voided),
        Just(Word::Expired),
        Just(Word::Unknown("odd".to_owned())),
    ]
}

/// Mostly the amount that was asked, sometimes a part, rarely another currency.
fn any_money() -> impl Strategy<Value = Money> {
    prop_oneof![
        8 => Just(money(AMOUNT, "USD")),
        4 => prop_oneof![Just(500), Just(1_500), Just(0)].prop_map(|minor| money(minor, "USD")),
        1 => Just(money(AMOUNT, "EUR")),
    ]
}

fn any_item() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![
        Just(ItemKind::Capture),
        Just(ItemKind::Void),
        Just(ItemKind::Refund),
        Just(ItemKind::Dispute)
    ];
    let state = prop_oneof![Just(ItemState::Pending), Just(ItemState::Succeeded), Just(ItemState::Failed)];
    let id = proptest::option::of(prop_oneof![Just("x1"), Just("x2"), Just("x3")]);
    // The place of one of our transfers; see `with_echoes`.
    let echo = proptest::option::of((0_u8..4).prop_map(|place| format!("place{place}")));
    (kind, state, id, echo, proptest::option::of(any_money()), proptest::option::of(0_i64..50)).prop_map(
        |(kind, state, id, echo, amount, at)| {
            let id = id.map(str::to_owned);
            let id = if id.is_none() && echo.is_none() { Some("x1".to_owned()) } else { id };
            let reason = (state == ItemState::Failed).then(|| "refused".to_owned());
            let at = at.map(|seconds| retry::after(start(), seconds));
            Item { kind, id, echo, state, amount, reason, at }
        },
    )
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let totals = (
        proptest::option::weighted(0.2, any_money()),
        proptest::option::weighted(0.1, any_money()),
        proptest::option::weighted(0.3, any_money()),
        proptest::option::weighted(0.2, any_money()),
    );
    let decline = proptest::option::weighted(0.2, proptest::bool::ANY);
    (
        proptest::option::weighted(0.8, any_word()),
        totals,
        proptest::collection::vec(any_item(), 0..3),
        decline,
        proptest::option::of(0_i64..50),
        proptest::bool::ANY,
    )
        .prop_map(|(word, (amount, authorized, captured, refunded), items, elsewhere, at, named)| {
            let decline = elsewhere.map(|elsewhere| Decline {
                code: DeclineCode::CardDeclined,
                elsewhere,
                processor_code: None,
            });
            let at = at.map(|seconds| retry::after(start(), seconds));
            let facts = Facts {
                word,
                decline,
                amount,
                authorized,
                captured,
                refunded,
                items,
                at,
                ..Facts::default()
            };
            if named { facts.reference(ReferenceKind::Payment, "pay_1") } else { facts }
        })
}

/// Facts of which none is in doubt: the right amounts in the right currency.
fn plain_facts() -> impl Strategy<Value = Facts> {
    (any_word(), proptest::option::of(0_i64..50)).prop_map(|(word, at)| Facts {
        at: at.map(|seconds| retry::after(start(), seconds)),
        ..Facts::word(word)
    })
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let facts = prop_oneof![any_facts(), plain_facts()];
    prop_oneof![
        6 => (facts, proptest::bool::ANY).prop_map(|(facts, opens)| Outcome::Answered {
            answer: Answer::Said { facts, door: opens.then(|| Door::redirect("https://p.example/")) },
        }),
        1 => Just(Outcome::Answered { answer: Answer::Absent }),
        1 => Just(Outcome::NotSent { why: NotSent::Unreachable { detail: "refused".to_owned() } }),
        1 => Just(Outcome::NotSent { why: NotSent::Credentials { status: 401 } }),
        2 => Just(Outcome::Unknown { why: "timeout".to_owned() }),
    ]
}

/// One thing that happens. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Happening {
    Start { flags: Vec<&'static str> },
    Reopen { attempt: usize },
    Work { which: usize, outcome: Outcome },
    Late { which: usize, outcome: Outcome },
    Hears { attempt: usize, facts: Facts },
    Hint { attempt: usize },
    Returns { attempt: usize },
    Capture { amount: Option<i64>, is_final: bool },
    Cancel,
    Refund { amount: Option<i64> },
    Resolve { accept: bool },
    ByHand { attempt: usize, operation: usize, what: u8 },
    Policies { which: u8 },
    Tick { seconds: i64 },
}

fn any_flags() -> impl Strategy<Value = Vec<&'static str>> {
    let flags = vec![
        "no_void",
        "no_expire",
        "completes",
        "silent",
        "orphan_payable",
        "no_lookup",
        "by_id",
        "look_first",
        "keyless",
        "short_key",
        "single_capture",
        "single_refund",
    ];
    proptest::sample::subsequence(flags, 0..5)
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let amount =
        || proptest::option::of(prop_oneof![Just(500_i64), Just(1_500), Just(2_000), Just(-5), Just(9_000)]);
    let facts = prop_oneof![any_facts(), plain_facts()];
    prop_oneof![
        2 => any_flags().prop_map(|flags| Happening::Start { flags }),
        1 => (0_usize..4).prop_map(|attempt| Happening::Reopen { attempt }),
        6 => (0_usize..8, any_outcome()).prop_map(|(which, outcome)| Happening::Work { which, outcome }),
        1 => (0_usize..20, any_outcome()).prop_map(|(which, outcome)| Happening::Late { which, outcome }),
        3 => (0_usize..4, facts).prop_map(|(attempt, facts)| Happening::Hears { attempt, facts }),
        1 => (0_usize..4).prop_map(|attempt| Happening::Hint { attempt }),
        1 => (0_usize..4).prop_map(|attempt| Happening::Returns { attempt }),
        2 => (amount(), proptest::bool::ANY).prop_map(|(amount, is_final)| Happening::Capture { amount, is_final }),
        1 => Just(Happening::Cancel),
        2 => proptest::bool::ANY.prop_map(|accept| Happening::Resolve { accept }),
        1 => (0_u8..6).prop_map(|which| Happening::Policies { which }),
        1 => (0_usize..4, 0_usize..8, 0_u8..4)
            .prop_map(|(attempt, operation, what)| Happening::ByHand { attempt, operation, what }),
        3 => amount().prop_map(|amount| Happening::Refund { amount }),
        3 => prop_oneof![Just(1_i64), Just(10), Just(120), Just(4_000), Just(100_000)]
            .prop_map(|seconds| Happening::Tick { seconds }),
    ]
}

// ---- running ----------------------------------------------------------------------------------------------

fn pick<T: Clone>(from: &[T], index: usize) -> Option<T> {
    from.get(index.checked_rem(from.len())?).cloned()
}

/// Facts with the echoes of our own transfers in the places that stand for them. An echo that is not ours yet
/// cannot be: nobody guesses one.
fn with_echoes(world: &World, facts: &Facts) -> Facts {
    let payment = &world.payment;
    let mut facts = facts.clone();
    for item in &mut facts.items {
        let Some(place) = item.echo.as_ref().and_then(|echo| echo.strip_prefix("place")) else { continue };
        let place = place.parse::<usize>().unwrap();
        let ours = match item.kind {
            ItemKind::Capture => payment.captures.get(place).map(|capture| capture.id.echo()),
            ItemKind::Refund => payment.refunds.get(place).map(|refund| refund.id.echo()),
            ItemKind::Void | ItemKind::Dispute => None,
        };
        item.echo = Some(ours.map_or(format!("foreign{place}"), str::to_owned));
    }
    facts
}

fn outcome_with_echoes(world: &World, outcome: &Outcome) -> Outcome {
    let Outcome::Answered { answer: Answer::Said { facts, door } } = outcome else { return outcome.clone() };
    Outcome::Answered { answer: Answer::Said { facts: with_echoes(world, facts), door: door.clone() } }
}

/// The command that a happening comes to in a world, when it comes to one.
fn command(world: &World, happening: &Happening) -> Option<Command> {
    let attempts: Vec<_> = world.payment.attempts.iter().map(|attempt| attempt.id.clone()).collect();
    let amount = |amount: &Option<i64>| amount.map(|minor| money(minor, "USD"));
    Some(match happening {
        Happening::Start { flags } => Command::StartAttempt {
            profile: Box::new(profile("any", flags.iter().copied())),
            reason: "random".to_owned(),
            return_token: "return".to_owned(),
        },
        Happening::Reopen { attempt } => Command::ReopenDoor { attempt_id: pick(&attempts, *attempt)? },
        Happening::Work { which, outcome } => {
            let work: Vec<Work> = schedule(&world.payment).into_keys().collect();
            let outcome = outcome_with_echoes(world, outcome);
            match pick(&work, *which)? {
                Work::CallProcessor { attempt_id, operation_id } => {
                    let attempt = world.payment.attempt(&attempt_id)?;
                    let operation = attempt.operation(&operation_id)?;
                    match retry::action(operation, &attempt.profile, world.now) {
                        Action::Send => Command::OperationTried { attempt_id, operation_id, outcome },
                        Action::LookUp | Action::Wait => Command::LookedUp {
                            attempt_id,
                            operation_id: Some(operation_id),
                            outcome,
                            asked_at: world.now,
                        },
                    }
                }
                Work::Check { attempt_id } => {
                    Command::LookedUp { attempt_id, operation_id: None, outcome, asked_at: world.now }
                }
                Work::RemindOfCapture { attempt_id } => Command::RemindOfCapture { attempt_id },
                Work::Expire => Command::Expire,
            }
        }
        Happening::Late { which, outcome } => {
            let every = world.payment.attempts.iter().flat_map(|attempt| {
                attempt.operations.iter().map(|operation| (attempt.id.clone(), operation.id.clone()))
            });
            let (attempt_id, operation_id) = pick(&every.collect::<Vec<_>>(), *which)?;
            Command::OperationTried { attempt_id, operation_id, outcome: outcome_with_echoes(world, outcome) }
        }
        Happening::Hears { attempt, facts } => Command::Notified {
            attempt_id: pick(&attempts, *attempt)?,
            facts: Box::new(with_echoes(world, facts)),
        },
        Happening::Hint { attempt } => Command::Hinted { attempt_id: pick(&attempts, *attempt)? },
        Happening::Returns { attempt } => {
            Command::ShopperReturned { attempt_id: pick(&attempts, *attempt)?, parameters: vec![] }
        }
        Happening::Capture { amount: minor, is_final } => {
            Command::Capture { amount: amount(minor), is_final: *is_final, allow_duplicate: false }
        }
        Happening::Cancel => Command::Cancel,
        Happening::Resolve { accept } => Command::ResolveQuarantine {
            resolution: if *accept { Resolution::Accept } else { Resolution::Refund },
            note: "looked at".to_owned(),
        },
        Happening::ByHand { attempt, operation, what } => {
            let attempt_id = pick(&attempts, *attempt)?;
            let operations = &world.payment.attempt(&attempt_id)?.operations;
            let operation_id = || operations.get(*operation).map(|operation| operation.id.clone());
            let settlement = match what {
                0 => ByHand::Paid { amount: world.payment.amount },
                1 => ByHand::NotPaid,
                2 => ByHand::Done { operation_id: operation_id()? },
                _ => ByHand::NotDone { operation_id: operation_id()? },
            };
            Command::SettleByHand { attempt_id, settlement, evidence: "bank statement".to_owned() }
        }
        Happening::Refund { amount: minor } => Command::Refund {
            amount: amount(minor),
            reason: None,
            metadata: BTreeMap::new(),
            allow_duplicate: false,
        },
        Happening::Tick { .. } | Happening::Policies { .. } => return None,
    })
}

fn live(world: &mut World, happenings: &[Happening]) {
    for happening in happenings {
        if let Happening::Tick { seconds } = happening {
            world.now = retry::after(world.now, *seconds);
        }
        if let Happening::Policies { which } = happening {
            let twice = if which % 2 == 0 { PaidTwice::RefundLater } else { PaidTwice::Hold };
            let late = [PaidLate::Accept, PaidLate::Refund, PaidLate::Hold][usize::from(which / 2)];
            world.policies = Policies { paid_twice: twice, paid_late: late };
            // What stands already is decided anew with the next thing that happens.
            world.run(&Command::Expire).unwrap();
        }
        let capturable = world.payment.amount_capturable();
        let events = world.history.len();
        let Some(command) = command(world, happening) else { continue };
        // A refusal leaves no trace; `World::run` checks the payment, this the history.
        if world.run(&command).is_err() {
            assert_eq!(world.history.len(), events);
        } else if let Command::Capture { .. } = command {
            let asked = world.payment.captures.last().map_or(0, |capture| capture.amount.minor());
            assert!(asked <= capturable.minor(), "captured {asked} of {capturable}");
        }
    }
}

// ---- what a processor would truly tell --------------------------------------------------------------------

/// What happens at a processor, in its own order. Each step is one delivery, dated by the processor.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Pending,
    Declined,
    Paid { total: bool, item: bool, word: bool },
    RefundPending { id: u8, minor: i64 },
    RefundDone { id: u8, minor: i64, total: bool, item: bool },
    RefundFailed { id: u8, minor: i64 },
    DisputeOpened { id: u8 },
    DisputeWon { id: u8 },
    DisputeLost { id: u8 },
}

fn any_step() -> impl Strategy<Value = Step> {
    let minor = || prop_oneof![Just(100_i64), Just(300), Just(400)];
    prop_oneof![
        1 => Just(Step::Open),
        1 => Just(Step::Pending),
        1 => Just(Step::Declined),
        2 => (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(total, item, word)| {
            Step::Paid { total, item, word: word || !(total || item) }
        }),
        1 => (0_u8..3, minor()).prop_map(|(id, minor)| Step::RefundPending { id, minor }),
        2 => (0_u8..3, minor(), any::<bool>(), any::<bool>()).prop_map(|(id, minor, total, item)| {
            Step::RefundDone { id, minor, total, item: item || !total }
        }),
        1 => (0_u8..3, minor()).prop_map(|(id, minor)| Step::RefundFailed { id, minor }),
        1 => (0_u8..2).prop_map(|id| Step::DisputeOpened { id }),
        1 => (0_u8..2).prop_map(|id| Step::DisputeWon { id }),
        1 => (0_u8..2).prop_map(|id| Step::DisputeLost { id }),
    ]
}

/// A history in which every refund comes to an end: while one is pending, a total that may or may not count
/// it waits.
fn with_ends(steps: &[Step]) -> Vec<Step> {
    let ends = steps.iter().filter_map(|step| match *step {
        Step::RefundPending { id: 0, minor } => Some(Step::RefundFailed { id: 0, minor }),
        Step::RefundPending { id, minor } => Some(Step::RefundDone { id, minor, total: false, item: true }),
        Step::Open
        | Step::Pending
        | Step::Declined
        | Step::Paid { .. }
        | Step::RefundDone { .. }
        | Step::RefundFailed { .. }
        | Step::DisputeOpened { .. }
        | Step::DisputeWon { .. }
        | Step::DisputeLost { .. } => None,
    });
    steps.iter().copied().chain(ends).collect()
}

/// The deliveries that a history at the processor leads to, and what it took in the end.
fn deliveries(steps: &[Step]) -> (Vec<Facts>, i64) {
    let steps = with_ends(steps);
    let mut deliveries = Vec::new();
    let (mut captured, mut refunds, mut failed) = (0, BTreeMap::new(), BTreeMap::new());
    for (second, step) in (1_i64..).zip(&steps) {
        let at = Some(retry::after(start(), second));
        let said = Facts { at, ..Facts::default() };
        let item = |kind, id: String, state, amount: i64| Item {
            kind,
            id: Some(id),
            echo: None,
            state,
            amount: Some(money(amount, "USD")),
            reason: None,
            at: None,
        };
        let refund =
            |id: u8, state, amount| item(ItemKind::Refund, format!("re_{id}_{amount}"), state, amount);
        let dispute = |id: u8, state| item(ItemKind::Dispute, format!("dp_{id}"), state, 50 + i64::from(id));
        deliveries.push(match *step {
            Step::Open => Facts { word: Some(Word::Open), ..said },
            Step::Pending => Facts { word: Some(Word::Pending), ..said },
            Step::Declined => Facts { word: Some(Word::Declined), ..said },
            Step::Paid { total, item: with_item, word } => {
                captured = AMOUNT;
                let items = vec![item(ItemKind::Capture, "ch_1".to_owned(), ItemState::Succeeded, AMOUNT)];
                Facts {
                    word: word.then_some(Word::Paid),
                    captured: total.then(|| money(AMOUNT, "USD")),
                    items: if with_item { items } else { vec![] },
                    ..said
                }
            }
            Step::RefundPending { id, minor } => {
                Facts { items: vec![refund(id, ItemState::Pending, minor)], ..said }
            }
            Step::RefundDone { id, minor, total, item: with_item } => {
                // A refund that failed is not made again under the same id.
                if failed.contains_key(&(id, minor)) {
                    continue;
                }
                refunds.insert((id, minor), minor);
                let sum: i64 = refunds.values().sum();
                let items = vec![refund(id, ItemState::Succeeded, minor)];
                Facts {
                    refunded: total.then(|| money(sum, "USD")),
                    items: if with_item { items } else { vec![] },
                    ..said
                }
            }
            Step::RefundFailed { id, minor } => {
                refunds.remove(&(id, minor));
                failed.insert((id, minor), minor);
                Facts { items: vec![refund(id, ItemState::Failed, minor)], ..said }
            }
            Step::DisputeOpened { id } => Facts { items: vec![dispute(id, ItemState::Pending)], ..said },
            Step::DisputeWon { id } => Facts { items: vec![dispute(id, ItemState::Failed)], ..said },
            Step::DisputeLost { id } => Facts { items: vec![dispute(id, ItemState::Succeeded)], ..said },
        });
    }
    (deliveries, captured)
}

fn told(deliveries: &[Facts], order: &[usize]) -> World {
    let mut world = World::create(money(AMOUNT, "USD"), CaptureMode::Automatic, 86_400);
    live(&mut world, &[Happening::Start { flags: vec![] }]);
    for index in order {
        live(&mut world, &[Happening::Hears { attempt: 0, facts: deliveries[*index].clone() }]);
    }
    world
}

/// Money and status: what must not depend on the order of deliveries.
fn essence(payment: &PaymentIntent) -> (Status, [i64; 3]) {
    let amounts = [payment.amount_captured(), payment.amount_refunded(), payment.amount_disputed()];
    (payment.status, amounts.map(|amount| amount.minor()))
}

fn shuffled_with_repeats(count: usize) -> impl Strategy<Value = Vec<usize>> {
    let repeated: Vec<usize> = (0..count).chain(0..count).collect();
    Just(repeated).prop_shuffle()
}

proptest! {
    #![proptest_config(config(700))]

    /// (a) What was heard, in any order and any number of times, gives the same evidence. Each statement
    /// keeps the time at which it was heard, as deliveries do.
    #[test]
    fn evidence_does_not_depend_on_order(
        (facts, order) in proptest::collection::vec((any_facts(), 0_i64..50), 1..8).prop_flat_map(|facts| {
            let order = shuffled_with_repeats(facts.len());
            (Just(facts), order)
        })
    ) {
        let hear = |evidence: &mut Evidence, index: usize| {
            let (facts, heard_s): &(Facts, i64) = &facts[index];
            evidence.merge(facts, retry::after(start(), *heard_s))
        };
        let (mut straight, mut mixed) = (Evidence::default(), Evidence::default());
        for index in 0..facts.len() {
            hear(&mut straight, index);
        }
        for index in order {
            hear(&mut mixed, index);
        }
        prop_assert_eq!(&straight, &mixed);
        prop_assert!(!hear(&mut mixed, 0), "nothing is new the second time");
        prop_assert!(straight.reads_like(&mixed));
        let text = serde_json::to_string(&straight).unwrap();
        prop_assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), straight);
    }

    /// (b) A true history, delivered in any order and twice, ends with the same money and status.
    ///
    /// What may differ, and why: publications, operations and look-ups (they answer what was known at the
    /// time); the number of captures and refunds the same money is told apart into (a total may be heard
    /// before its parts), so a refund that stood for a total may end `failed` beside those that explain it;
    /// `last_error` (the last one heard); a non-blocking quarantine (a refund may be heard before more of
    /// its payment).
    #[test]
    fn the_end_does_not_depend_on_order(
        (steps, order) in proptest::collection::vec(any_step(), 1..9).prop_flat_map(|steps| {
            let order = shuffled_with_repeats(deliveries(&steps).0.len());
            (Just(steps), order)
        })
    ) {
        let (deliveries, captured) = deliveries(&steps);
        let straight: Vec<usize> = (0..deliveries.len()).collect();
        let straight = told(&deliveries, &straight);
        let mixed = told(&deliveries, &order);
        prop_assert_eq!(essence(&straight.payment), essence(&mixed.payment));
        prop_assert_eq!(straight.payment.amount_captured().minor(), captured);
        prop_assert!(!straight.payment.is_blocked() && !mixed.payment.is_blocked());
    }

    /// (c, d) Whatever happens in whatever order: no panic, no broken invariant, refusals change nothing.
    #[test]
    fn any_life_keeps_the_invariants(
        manual in any::<bool>(),
        flags in any_flags(),
        happenings in proptest::collection::vec(any_happening(), 1..40),
    ) {
        let capture = if manual { CaptureMode::Manual } else { CaptureMode::Automatic };
        let mut world = World::create(money(AMOUNT, "USD"), capture, 86_400);
        live(&mut world, &[Happening::Start { flags }]);
        live(&mut world, &happenings);
    }

    /// (e) Captures and refunds in any interleaving, with answers that keep to what was asked.
    #[test]
    fn asked_money_stays_within_bounds(
        flags in any_flags(),
        happenings in proptest::collection::vec(honest_happening(), 1..40),
    ) {
        let mut world = World::create(money(AMOUNT, "USD"), CaptureMode::Manual, 86_400);
        live(&mut world, &[Happening::Start { flags }]);
        let facts = Facts::word(Word::Authorized);
        live(&mut world, &[Happening::Hears { attempt: 0, facts }]);
        for happening in &happenings {
            let happening = answered_honestly(&world, happening);
            live(&mut world, &[happening]);
            let payment = &world.payment;
            prop_assert!(payment.amount_captured().minor() <= AMOUNT);
            let back = payment.amount_refunded().minor() + payment.amount_refund_pending().minor();
            prop_assert!(back <= payment.amount_captured().minor());
            prop_assert_eq!(&payment.quarantine, &None);
        }
    }

    /// (f) State and history survive being stored.
    #[test]
    fn stored_and_read_back(happenings in proptest::collection::vec(any_happening(), 1..25)) {
        let mut world = World::create(money(AMOUNT, "USD"), CaptureMode::Manual, 86_400);
        live(&mut world, &[Happening::Start { flags: vec![] }]);
        live(&mut world, &happenings);
        let text = serde_json::to_string(&world.payment).unwrap();
        prop_assert_eq!(&serde_json::from_str::<PaymentIntent>(&text).unwrap(), &world.payment);
        let text = serde_json::to_string(&world.history).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Vec<Recorded>>(&text).unwrap(), &world.history);
    }
}

/// Happenings for captures and refunds only; outcomes of work are filled in by [`answered_honestly`].
fn honest_happening() -> impl Strategy<Value = Happening> {
    let amount = || proptest::option::of(prop_oneof![Just(300_i64), Just(500), Just(700), Just(1_999)]);
    let outcome = prop_oneof![
        4 => Just(Outcome::Answered { answer: Answer::said(Facts::default()) }),
        1 => Just(Outcome::NotSent { why: NotSent::Unreachable { detail: "refused".to_owned() } }),
        2 => Just(Outcome::Unknown { why: "timeout".to_owned() }),
    ];
    prop_oneof![
        3 => (amount(), any::<bool>()).prop_map(|(amount, is_final)| Happening::Capture { amount, is_final }),
        3 => amount().prop_map(|amount| Happening::Refund { amount }),
        5 => (0_usize..8, outcome).prop_map(|(which, outcome)| Happening::Work { which, outcome }),
        1 => prop_oneof![Just(1_i64), Just(120), Just(4_000)].prop_map(|seconds| Happening::Tick { seconds }),
    ]
}

/// The answer of a processor that does what it is asked: the transfer, by its echo, with its amount.
fn answered_honestly(world: &World, happening: &Happening) -> Happening {
    let Happening::Work { which, outcome: Outcome::Answered { .. } } = happening else {
        return happening.clone();
    };
    let work: Vec<Work> = schedule(&world.payment).into_keys().collect();
    let said = |kind, echo: &str, amount, lucky| {
        let state = if lucky { ItemState::Succeeded } else { ItemState::Failed };
        Item {
            kind,
            id: None,
            echo: Some(echo.to_owned()),
            state,
            amount: Some(amount),
            reason: None,
            at: None,
        }
    };
    let mut facts = Facts::default();
    if let Some(Work::CallProcessor { attempt_id, operation_id }) = pick(&work, *which) {
        let lucky = which % 4 != 3;
        let operation =
            world.payment.attempt(&attempt_id).and_then(|attempt| attempt.operation(&operation_id));
        for capture in &world.payment.captures {
            let subject = hub_core::payment::Subject::Capture(capture.id.clone());
            if operation.is_some_and(|operation| operation.subject == subject) {
                facts.items.push(said(ItemKind::Capture, capture.id.echo(), capture.amount, lucky));
            }
        }
        for refund in &world.payment.refunds {
            let subject = hub_core::payment::Subject::Refund(refund.id.clone());
            if operation.is_some_and(|operation| operation.subject == subject) {
                facts.items.push(said(ItemKind::Refund, refund.id.echo(), refund.amount, lucky));
            }
        }
    }
    Happening::Work { which: *which, outcome: Outcome::Answered { answer: Answer::said(facts) } }
}
