//! The real `payhub serve` at Adyen's twin: links and hosted sessions, and a processor that answers what moves money
//! with no more than "received". Told with the adapter that is compiled in; the longest lives with the plugin as well.
//!
//! Two of the shared stories cannot be told: Adyen cannot be asked whether a payment was made, so without its webhook
//! neither the return nor a look-up makes anything of it. `webhooks` tells what happens instead.

mod world;

mod payments;

mod manual_capture;

mod afterwards;

mod webhooks;

mod lost_answers;

mod lost_answers_in_fast_time;

mod live;

use crate::stories::at_processor::stories::{
    a_forged_webhook_is_refused_and_leaves_nothing, a_shopper_pays, declined_on_the_page_and_then_paid,
    given_back_in_two_parts_and_not_a_cent_more, the_answer_to_open_is_lost, the_answer_to_refund_is_lost,
    the_webhook_comes_and_the_shopper_does_not, what_is_told_twice_counts_once,
};
use crate::stories::at_processor::told;

told!(crate::twins::adyen::Adyen: [
    a_shopper_pays,
    declined_on_the_page_and_then_paid,
    given_back_in_two_parts_and_not_a_cent_more,
    the_answer_to_open_is_lost,
    the_answer_to_refund_is_lost,
    the_webhook_comes_and_the_shopper_does_not,
    what_is_told_twice_counts_once,
    a_forged_webhook_is_refused_and_leaves_nothing,
] in native);

told!(crate::twins::adyen::Adyen: [
    declined_on_the_page_and_then_paid,
    given_back_in_two_parts_and_not_a_cent_more,
] in plugin);
