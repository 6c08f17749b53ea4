//! The real `payhub serve` at Mollie's twin. Mollie's calls say nothing but a payment's id and are not signed: whatever
//! the hub learns here, it learns by asking.

mod world;

mod afterwards;

mod hints;

mod lost_answers;

mod lost_answers_in_fast_time;

mod payments;

mod reservations;

mod setup;

mod signed;

use crate::stories::at_processor::stories::{
    a_shopper_pays, declined_on_the_page_and_then_paid, given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_a_question_is_lost, the_answer_to_open_is_lost, the_answer_to_refund_is_lost,
    the_return_comes_before_the_webhook, the_webhook_comes_and_the_shopper_does_not,
    what_is_told_twice_counts_once,
};
use crate::stories::at_processor::told;

told!(crate::twins::mollie::Mollie: [
    a_shopper_pays,
    declined_on_the_page_and_then_paid,
    given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_open_is_lost,
    the_answer_to_a_question_is_lost,
    the_answer_to_refund_is_lost,
    the_return_comes_before_the_webhook,
    the_webhook_comes_and_the_shopper_does_not,
    what_is_told_twice_counts_once,
] in native);

told!(crate::twins::mollie::Mollie: [
    given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_refund_is_lost,
] in plugin);
