//! The real `payhub serve` at BTCPay Server's twin: coins that come in stages, in parts, late and too many, and refunds
//! that somebody has to claim.
//!
//! Nobody declines coins, and nothing is reserved or disputed: those shared stories are not told here.

mod world;

mod payments;

mod late;

mod refunds;

mod webhooks;

mod lost_answers;

mod lost_answers_in_fast_time;

mod setup;

use crate::stories::at_processor::stories::{
    a_forged_webhook_is_refused_and_leaves_nothing, a_shopper_pays,
    given_back_in_two_parts_and_not_a_cent_more, the_answer_to_a_question_is_lost,
    the_answer_to_open_is_lost, the_answer_to_refund_is_lost, the_return_comes_before_the_webhook,
    the_webhook_comes_and_the_shopper_does_not, what_is_told_twice_counts_once,
};
use crate::stories::at_processor::told;

told!(crate::twins::btcpay::BtcPay: [
    a_shopper_pays,
    given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_open_is_lost,
    the_answer_to_a_question_is_lost,
    the_answer_to_refund_is_lost,
    the_return_comes_before_the_webhook,
    the_webhook_comes_and_the_shopper_does_not,
    what_is_told_twice_counts_once,
    a_forged_webhook_is_refused_and_leaves_nothing,
] in native);
