//! What may happen to a payment, as a list that can be drawn at random and cut shorter.
//!
//! Places are taken modulo what there is, so that a step means something in every life, and what is left of a
//! list that a failure is cut down to still says what it said.

use processor_sdk::CaptureMode;
use proptest::prelude::*;

use crate::habits::{HABITS, Habit};
use crate::processor::Luck;

/// Most steps of one life.
const STEPS_MAX: usize = 45;

/// A whole life.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) mode: CaptureMode,
    /// The policies of the operator, and how the end is: see `calm`.
    pub(crate) policies: u8,
    pub(crate) calm: u8,
    pub(crate) steps: Vec<Step>,
}

/// What becomes of a request or a question on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered; a question by what was so up to that many seconds ago.
    Answered { stale_s: i64 },
    /// It certainly never left: no connection, throttled, credentials refused, impossible.
    Unsent { why: u8 },
    /// It is lost on the way there.
    Lost,
    /// The answer is lost.
    AnswerLost,
    /// The hub stops before it is sent.
    StoppedBefore,
    /// The hub stops after it was sent.
    StoppedAfter,
    /// The answer comes later, when other things have happened.
    AnswerLate,
}

/// What a shopper does at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    Approve,
    Pay,
    /// Automatic capture in two steps: reserved first.
    Reserve,
    /// By a way that takes days.
    PayLater,
    PayOdd {
        minor: i64,
        foreign: bool,
    },
    Fail,
    GiveUp,
    /// Money comes although the page was closed.
    PayLate,
}

/// What happens at the processor without the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    /// Whatever is on its way there ends.
    Ends {
        which: usize,
        well: bool,
    },
    /// A refund that was done fails after all.
    Bounces {
        which: usize,
    },
    Refund {
        minor: i64,
        slow: bool,
    },
    Dispute {
        minor: i64,
    },
    Capture {
        minor: i64,
    },
    Release,
    /// It says a word that nobody knows.
    OddWord,
    /// It says that all was for another amount.
    Misnames {
        minor: i64,
    },
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Start {
        habits: Vec<Habit>,
    },
    Reopen {
        attempt: usize,
    },
    Shopper {
        attempt: usize,
        does: Does,
    },
    There {
        attempt: usize,
        what: There,
    },
    Work {
        which: usize,
        fate: Fate,
        luck: Luck,
    },
    /// A delivery, of any age: once more later, or never.
    Deliver {
        which: usize,
        again: bool,
    },
    Lose {
        which: usize,
    },
    /// An answer that was on its way for long.
    Arrive {
        which: usize,
    },
    Hint {
        attempt: usize,
    },
    Return {
        attempt: usize,
    },
    Capture {
        minor: Option<i64>,
        last: bool,
    },
    Cancel,
    Refund {
        minor: Option<i64>,
    },
    Resolve {
        accept: bool,
    },
    ByHand {
        attempt: usize,
        operation: Option<usize>,
    },
    Tick {
        seconds: i64,
    },
}

/// Habits that together leave the hub with the least to go by.
const QUIET: [&[Habit]; 4] = [
    &[Habit::Keyless, Habit::NoTotals],
    &[Habit::Keyless, Habit::NoTotals, Habit::NoEchoes],
    &[Habit::Keyless, Habit::NoLookUp, Habit::NoEchoes],
    &[Habit::Silent, Habit::NoTotals, Habit::NamesAmount],
];

fn any_habits() -> impl Strategy<Value = Vec<Habit>> {
    prop_oneof![
        1 => Just(vec![]),
        3 => proptest::sample::subsequence(HABITS.to_vec(), 0..5),
        2 => proptest::sample::select(&QUIET[..]).prop_map(<[Habit]>::to_vec),
    ]
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => prop_oneof![4 => Just(0_i64), 1 => Just(5), 1 => Just(70)]
            .prop_map(|stale_s| Fate::Answered { stale_s }),
        2 => (0_u8..4).prop_map(|why| Fate::Unsent { why }),
        1 => Just(Fate::Lost),
        2 => Just(Fate::AnswerLost),
        1 => Just(Fate::StoppedBefore),
        1 => Just(Fate::StoppedAfter),
        2 => Just(Fate::AnswerLate),
    ]
}

fn any_luck() -> impl Strategy<Value = Luck> {
    prop_oneof![4 => Just(Luck::Good), 1 => Just(Luck::Slow), 1 => Just(Luck::Bad)]
}

fn any_doing() -> impl Strategy<Value = Does> {
    prop_oneof![
        2 => Just(Does::Approve),
        8 => Just(Does::Pay),
        1 => Just(Does::Reserve),
        2 => Just(Does::PayLater),
        2 => (prop_oneof![Just(1_500_i64), Just(2_100)], proptest::bool::weighted(0.3))
            .prop_map(|(minor, foreign)| Does::PayOdd { minor, foreign }),
        1 => Just(Does::Fail),
        1 => Just(Does::GiveUp),
        2 => Just(Does::PayLate),
    ]
}

fn any_amount() -> impl Strategy<Value = i64> {
    prop_oneof![Just(300_i64), Just(500), Just(700), Just(1_500), Just(2_000)]
}

fn asked_amount() -> impl Strategy<Value = Option<i64>> {
    proptest::option::weighted(0.8, prop_oneof![8 => any_amount(), 1 => Just(0_i64), 1 => Just(9_000)])
}

fn any_event_there() -> impl Strategy<Value = There> {
    prop_oneof![
        6 => (0_usize..6, proptest::bool::weighted(0.7)).prop_map(|(which, well)| There::Ends { which, well }),
        1 => (0_usize..4).prop_map(|which| There::Bounces { which }),
        2 => (any_amount(), any::<bool>()).prop_map(|(minor, slow)| There::Refund { minor, slow }),
        1 => any_amount().prop_map(|minor| There::Dispute { minor }),
        1 => any_amount().prop_map(|minor| There::Capture { minor }),
        1 => Just(There::Release),
        1 => Just(There::OddWord),
        1 => any_amount().prop_map(|minor| There::Misnames { minor }),
    ]
}

fn any_attempt() -> impl Strategy<Value = usize> {
    // Mostly the newest: see `Life::attempt`.
    prop_oneof![4 => Just(0_usize), 2 => 1_usize..4]
}

fn any_step() -> impl Strategy<Value = Step> {
    let which = || prop_oneof![5 => Just(0_usize), 2 => 1_usize..6];
    let seconds = || {
        prop_oneof![
            3 => Just(1_i64), 3 => Just(40), 2 => Just(70), 2 => Just(400), 1 => Just(9_000), 1 => Just(100_000),
        ]
    };
    prop_oneof![
        3 => any_habits().prop_map(|habits| Step::Start { habits }),
        1 => any_attempt().prop_map(|attempt| Step::Reopen { attempt }),
        8 => (any_attempt(), any_doing()).prop_map(|(attempt, does)| Step::Shopper { attempt, does }),
        5 => (any_attempt(), any_event_there()).prop_map(|(attempt, what)| Step::There { attempt, what }),
        16 => (which(), any_fate(), any_luck())
            .prop_map(|(which, fate, luck)| Step::Work { which, fate, luck }),
        5 => (which(), any::<bool>()).prop_map(|(which, again)| Step::Deliver { which, again }),
        1 => which().prop_map(|which| Step::Lose { which }),
        2 => which().prop_map(|which| Step::Arrive { which }),
        1 => any_attempt().prop_map(|attempt| Step::Hint { attempt }),
        2 => any_attempt().prop_map(|attempt| Step::Return { attempt }),
        4 => (asked_amount(), any::<bool>()).prop_map(|(minor, last)| Step::Capture { minor, last }),
        1 => Just(Step::Cancel),
        4 => asked_amount().prop_map(|minor| Step::Refund { minor }),
        2 => any::<bool>().prop_map(|accept| Step::Resolve { accept }),
        1 => (any_attempt(), proptest::option::of(0_usize..6))
            .prop_map(|(attempt, operation)| Step::ByHand { attempt, operation }),
        4 => seconds().prop_map(|seconds| Step::Tick { seconds }),
    ]
}

/// The shopper has paid, and the cart wants money moved; whichever it can, goes out.
fn paid_and_asked(fate: Fate) -> Vec<Step> {
    vec![
        Step::Shopper { attempt: 0, does: Does::Pay },
        Step::Deliver { which: 1, again: false },
        Step::Capture { minor: Some(500), last: false },
        Step::Refund { minor: Some(500) },
        Step::Work { which: 0, fate, luck: Luck::Good },
    ]
}

/// Any life; each begins with a shopper at a page.
pub(crate) fn any_script() -> impl Strategy<Value = Script> {
    let mode = prop_oneof![Just(CaptureMode::Automatic), Just(CaptureMode::Manual)];
    let first = (any_habits(), any_luck()).prop_map(|(habits, luck)| {
        vec![Step::Start { habits }, Step::Work { which: 0, fate: Fate::Answered { stale_s: 0 }, luck }]
    });
    let moved = prop_oneof![2 => Just(vec![]), 1 => any_fate().prop_map(paid_and_asked)];
    let steps = (first, moved, proptest::collection::vec(any_step(), 3..STEPS_MAX))
        .prop_map(|(first, moved, then)| first.into_iter().chain(moved).chain(then).collect());
    (mode, 0_u8..6, any::<u8>(), steps).prop_map(|(mode, policies, calm, steps)| Script {
        mode,
        policies,
        calm,
        steps,
    })
}
