//! Authorize now, capture later: parts, the rest, what fails and what is lost.

use crate::table::check;

const AUTHORIZED: &str = "intent 20.00 manual
     start a1
     says a1 open open door
     hears a1 authorized authorized:20.00
     heard payment_intent.created payment_intent.requires_capture
     is requires_capture capturable 20.00
     ";

fn authorized(story: &str) {
    check(&format!("{AUTHORIZED}{story}"));
}

#[test]
fn a_part_and_then_the_rest() {
    authorized(
        "capture 25.00 -> exceeds_authorized
         capture 0.00 -> amount_not_positive
         capture 5.00EUR -> currency_mismatch
         capture 15.00 more
         is requires_capture captured 0 capturable 5.00
         capture 5.01 -> exceeds_authorized
         wants send a1 c1
         says a1 c1 capture=c1#ch_1/succeeded/15.00
         is requires_capture captured 15.00 capturable 5.00
         capture
         says a1 c2 capture=c2#ch_2/succeeded/5.00
         is succeeded captured 20.00 capturable 0
         heard payment_intent.succeeded order.paid
         capture -> wrong_status",
    );
}

#[test]
fn a_final_part_releases_the_rest() {
    authorized(
        "capture 15.00
         is requires_capture capturable 0
         capture 5.00 -> exceeds_authorized
         says a1 c1 capture=c1/succeeded/15.00
         is succeeded captured 15.00 capturable 0
         ledger receivable 15.00 payable -15.00",
    );
}

#[test]
fn what_is_not_captured_in_time_is_out_of_reach() {
    authorized(
        "hears a1 authorized authorized:20.00 until:168h
         capture 15.00 more
         says a1 c1 paid capture=c1#ch_1/succeeded/15.00
         is requires_capture captured 15.00 capturable 5.00
         tick 191h                                  // the time is over, but not for a day
         looks a1 paid capture=c1#ch_1/succeeded/15.00
         is requires_capture captured 15.00 capturable 5.00
         tick 24h
         looks a1 paid capture=c1#ch_1/succeeded/15.00
         is succeeded captured 15.00 capturable 0
         heard payment_intent.capture_due payment_intent.succeeded order.paid
         wants nothing
         capture 5.00 -> wrong_status",
    );
    // What is under way may have been in time.
    authorized(
        "hears a1 authorized authorized:20.00 until:168h
         capture 15.00 more
         says a1 c1 paid capture=c1#ch_1/succeeded/15.00
         capture 5.00
         unknown a1 c2
         tick 400h
         looks a1 paid capture=c1#ch_1/succeeded/15.00
         is requires_capture captured 15.00",
    );
}

#[test]
fn paid_means_what_was_asked() {
    authorized(
        "capture 15.00
         says a1 c1 paid
         capture c1 succeeded
         is succeeded captured 15.00",
    );
    authorized(
        "capture 15.00 more
         says a1 c1 paid
         is requires_capture captured 15.00 capturable 5.00
         tick 1m
         capture 5.00                               // the first word was about the first capture
         is requires_capture captured 15.00 capturable 0
         says a1 c2 paid
         is succeeded captured 20.00",
    );
}

#[test]
fn accepted_and_done_later() {
    authorized(
        "capture 20.00
         says a1 c1 capture=c1#ch_1/pending
         capture c1 pending
         is requires_capture captured 0 capturable 0
         cancel -> wrong_status
         later 2s
         hears a1 capture=#ch_1/succeeded/20.00
         capture c1 succeeded
         is succeeded captured 20.00
         wants nothing",
    );
    authorized(
        "capture 20.00
         says a1 c1                                 // received, and nothing else
         capture c1 pending
         hears a1 paid captured:20.00
         capture c1 succeeded
         is succeeded captured 20.00",
    );
}

#[test]
fn told_before_the_answer() {
    authorized(
        "capture 20.00
         hears a1 captured:20.00
         capture c1 succeeded
         is succeeded captured 20.00
         wants send a1 c1      // a total names nobody: somebody else may have taken as much
         says a1 c1 capture=c1#ch_1/succeeded/20.00
         is succeeded captured 20.00",
    );
}

#[test]
fn without_an_echo_the_amount_tells() {
    authorized(
        "capture 15.00
         says a1 c1 capture=#ch_1/succeeded/15.00
         capture c1 succeeded
         is succeeded captured 15.00",
    );
}

#[test]
fn without_an_echo_the_answer_tells() {
    authorized(
        "capture 15.00
         says a1 c1 capture=#ch_1/failed
         capture c1 failed
         is requires_capture captured 0 capturable 20.00",
    );
    authorized(
        "capture 15.00 more
         says a1 c1 capture=#ch_1/succeeded
         capture 5.00
         says a1 c2 capture=#ch_1/succeeded capture=#ch_2/pending
         capture c2 pending
         is requires_capture captured 15.00
         hears a1 capture=#ch_2/succeeded
         is succeeded captured 20.00",
    );
}

#[test]
fn failed_and_asked_again() {
    authorized(
        "capture 20.00
         says a1 c1 capture=c1#ch_1/failed/20.00
         capture c1 failed
         last_error capture_failed
         is requires_capture captured 0 capturable 20.00
         heard payment_intent.capture_failed
         capture 20.00
         says a1 c2 capture=c2#ch_2/succeeded/20.00
         is succeeded captured 20.00",
    );
}

#[test]
fn failed_and_canceled() {
    authorized(
        "capture 20.00
         says a1 c1 capture=c1/failed
         cancel
         wants send a1 void
         says a1 void voided
         is canceled
         heard payment_intent.capture_failed payment_intent.canceled",
    );
}

#[test]
fn lost_and_found_in_a_look() {
    authorized(
        "capture 20.00
         unknown a1 c1
         is requires_capture captured 0 capturable 0
         cancel -> wrong_status
         tick 1s
         wants send a1 c1
         unknown a1 c1
         tick 2s
         wants check a1, look a1 c1
         looks a1/c1 authorized capture=c1#ch_1/succeeded/20.00
         capture c1 succeeded
         is succeeded captured 20.00
         wants nothing",
    );
}

#[test]
fn lost_and_not_there() {
    check(
        "intent 20.00 manual
         start a1 first keyless
         says a1 open open door
         hears a1 authorized
         capture 20.00
         unknown a1 c1
         tick 2m
         wants check a1, look a1 c1
         looks a1/c1 authorized                     // silence proves nothing
         tick 2m
         looks a1/c1 authorized captured:0.00       // its own total does
         wants check a1, send a1 c1
         says a1 c1 capture=c1/succeeded/20.00
         is succeeded captured 20.00",
    );
}

#[test]
fn captured_in_the_dashboard() {
    authorized(
        "hears a1 captured:15.00
         is requires_capture captured 15.00 capturable 5.00
         hears a1 capture=#ch_1/succeeded/15.00
         is requires_capture captured 15.00
         cancel -> wrong_status
         hears a1 voided                            // the rest
         is succeeded captured 15.00 capturable 0",
    );
    authorized(
        "hears a1 captured:20.00                    // first the sum, then what it was made of
         hears a1 capture=#ch_1/succeeded/15.00 capture=#ch_2/succeeded/5.00
         is succeeded captured 20.00
         ledger receivable 20.00 payable -20.00",
    );
}

#[test]
fn only_what_the_processor_can() {
    check(
        "intent 20.00 manual
         start a1 first single_capture
         says a1 open open door
         hears a1 authorized
         capture 5.00 more -> not_supported
         capture 5.00
         capture 15.00 -> exceeds_authorized
         says a1 c1 capture=c1/succeeded/5.00
         is succeeded captured 5.00",
    );
    check(
        "intent 20.00 manual
         start a1 first no_partial
         says a1 open open door
         hears a1 authorized
         capture 5.00 -> not_supported
         capture
         says a1 c1 paid
         is succeeded captured 20.00",
    );
}

#[test]
fn two_reservations_are_collected_once() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a2 authorized
         hears a1 authorized
         is requires_capture capturable 20.00
         wants send a1 void                         // the one that was superseded
         says a1 void voided
         capture
         wants send a2 c1
         says a2 c1 paid
         is succeeded captured 20.00
         quarantine none",
    );
}

#[test]
fn the_authorization_lapses() {
    authorized(
        "tick 7d
         hears a1 voided
         attempt a1 voided
         is canceled capturable 0
         heard payment_intent.canceled
         capture -> wrong_status",
    );
}

#[test]
fn a_cart_without_money_captures_nothing() {
    check(
        "intent 20.00 manual
         capture -> wrong_status
         start a1
         says a1 open open door
         capture 5.00 -> wrong_status
         refund -> wrong_status",
    );
}

#[test]
fn the_cart_is_reminded_before_an_authorization_ends() {
    check(
        "intent 20.00 manual expires 30d
         start a1
         says a1 open open door
         hears a1 authorized authorized:20.00 until:7d
         heard payment_intent.created payment_intent.requires_capture
         tick 5d
         heard
         tick 1d
         heard payment_intent.capture_due
         capture 5.00 more
         says a1 c1 capture=c1#ch_1/succeeded/5.00
         tick 1h
         heard                                      // once for each end
         looks a1 authorized authorized:20.00 until:9d @6d
         tick 1h
         heard
         tick 1d
         tick 1d
         heard payment_intent.capture_due           // the processor gave more time, and it runs out
         looks a1 voided captured:5.00 @9d
         is succeeded captured 5.00 capturable 0
         heard payment_intent.succeeded order.paid
         tick 9d
         heard",
    );
}
