//! The real `payhub serve` at PayPal's twin. PayPal's webhooks are hints here: each is a reason to ask, and none is
//! believed, so the story of forged webhooks is told in `hints`.
//!
//! Told with the adapter that is compiled in; the longest stories with the same one as a plugin, too.

mod world;

mod payments;

mod refusals;

mod reservations;

mod hints;

mod afterwards;

mod tokens;

mod lost_answers;

mod lost_answers_in_fast_time;

use crate::stories::at_processor::stories::{
    a_shopper_pays, declined_on_the_page_and_then_paid, given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_open_is_lost, the_answer_to_refund_is_lost, the_return_comes_before_the_webhook,
    the_webhook_comes_and_the_shopper_does_not, what_is_told_twice_counts_once,
};
use crate::stories::at_processor::told;

told!(crate::twins::paypal::PayPal: [
    a_shopper_pays,
    declined_on_the_page_and_then_paid,
    given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_open_is_lost,
    the_answer_to_refund_is_lost,
    the_return_comes_before_the_webhook,
    the_webhook_comes_and_the_shopper_does_not,
    what_is_told_twice_counts_once,
] in native);

told!(crate::twins::paypal::PayPal: [
    given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_refund_is_lost,
] in plugin);
