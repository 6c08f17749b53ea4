//! The real `payhub serve` at Authorize.Net's twin: a form with a token leads to the page, nobody says an id before the
//! shopper has paid, nothing has a key, and money is given back only once it has settled. Told with the adapter that
//! is compiled in; one long life with the plugin as well.

mod world;

mod payments;

mod reservations;

mod afterwards;

mod webhooks;

mod lost_answers_in_fast_time;

mod live;

use crate::stories::at_processor::stories::{
    a_forged_webhook_is_refused_and_leaves_nothing, a_shopper_pays, declined_on_the_page_and_then_paid,
    given_back_in_two_parts_and_not_a_cent_more, the_answer_to_a_question_is_lost,
    the_answer_to_open_is_lost, the_answer_to_refund_is_lost, the_return_comes_before_the_webhook,
    the_webhook_comes_and_the_shopper_does_not, what_is_told_twice_counts_once,
};
use crate::stories::at_processor::told;

told!(crate::twins::authorizenet::AuthorizeNet: [
    a_shopper_pays,
    declined_on_the_page_and_then_paid,
    given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_open_is_lost,
    the_answer_to_a_question_is_lost,
    the_answer_to_refund_is_lost,
    the_return_comes_before_the_webhook,
    the_webhook_comes_and_the_shopper_does_not,
    what_is_told_twice_counts_once,
    a_forged_webhook_is_refused_and_leaves_nothing,
] in native);

told!(crate::twins::authorizenet::AuthorizeNet: [given_back_in_two_parts_and_not_a_cent_more] in plugin);
