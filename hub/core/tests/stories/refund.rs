//! Giving money back: parts to the exact remainder, in doubt, failed late, made elsewhere.

use crate::table::check;

const PAID: &str = "intent 20.00
     start a1
     says a1 open open door
     hears a1 paid captured:20.00
     heard payment_intent.created payment_intent.succeeded order.paid
     ";

fn paid(story: &str) {
    check(&format!("{PAID}{story}"));
}

#[test]
fn parts_to_the_exact_remainder() {
    paid(
        "refund 20.01 -> exceeds_captured
         refund 0.00 -> amount_not_positive
         refund -1.00 -> amount_not_positive
         refund 5.00EUR -> currency_mismatch
         refund 10.00
         is succeeded refunded 0 pending 10.00
         says a1 r1 refund=r1#re_1/succeeded/10.00
         is succeeded refunded 10.00 pending 0
         refund 10.01 -> exceeds_captured
         refund 5.00
         says a1 r2 refund=r2#re_2/succeeded/5.00
         refund
         says a1 r3 refund=r3#re_3/succeeded/5.00
         is succeeded refunded 20.00
         refund -> exceeds_captured
         refund 0.01 -> exceeds_captured
         ledger receivable 0 payable 0
         heard refund.created refund.succeeded refund.created refund.succeeded refund.created refund.succeeded",
    );
}

#[test]
fn reserved_while_in_doubt() {
    paid(
        "refund 15.00
         unknown a1 r1
         refund 5.01 -> exceeds_captured
         tick 1s
         wants send a1 r1
         unknown a1 r1
         tick 2s
         wants check a1, look a1 r1
         looks a1/r1 refund=r1#re_1/pending/15.00
         refund r1 pending
         refund 5.01 -> exceeds_captured
         hears a1 refund=#re_1/succeeded/15.00
         refund r1 succeeded
         is succeeded refunded 15.00",
    );
}

#[test]
fn failed_releases_the_reservation() {
    paid(
        "refund 20.00
         says a1 r1 refund=r1#re_1/failed/20.00
         refund r1 failed
         is succeeded refunded 0 pending 0
         refund 20.00
         says a1 r2 refund=r2#re_2/succeeded/20.00
         heard refund.created refund.failed refund.created refund.succeeded
         is succeeded refunded 20.00",
    );
}

#[test]
fn succeeded_and_failed_days_later() {
    paid(
        "refund 20.00
         says a1 r1 refund=r1#re_1/succeeded/20.00
         ledger receivable 0 payable 0
         tick 3d
         hears a1 refund=#re_1/failed/20.00
         refund r1 failed
         is succeeded refunded 0
         ledger receivable 20.00 payable -20.00
         heard refund.created refund.succeeded refund.failed
         hears a1 refunded:20.00                    // a total from before it failed proves nothing
         is succeeded refunded 0",
    );
}

#[test]
fn without_an_echo_the_amount_tells() {
    paid(
        "refund 5.00
         says a1 r1 refund=#re_1/pending/5.00
         refund r1 pending
         is succeeded pending 5.00
         hears a1 refund=#re_1/succeeded/5.00
         refund r1 succeeded
         is succeeded refunded 5.00 pending 0
         heard refund.created refund.succeeded",
    );
}

#[test]
fn an_echo_outweighs_the_amount() {
    paid(
        "refund 5.00
         hears a1 refund=#re_x/succeeded/5.00       // made in the dashboard; looks like ours
         refund r1 succeeded
         says a1 r1 refund=r1#re_1/succeeded/5.00   // it was not
         is succeeded refunded 10.00
         ledger receivable 10.00 payable -10.00",
    );
}

#[test]
fn what_carries_no_echo_is_not_the_one_that_does() {
    paid(
        "refund 5.00
         says a1 r1 refund=r1/pending               // known by its echo, without an id
         hears a1 refund=#re_x/pending/5.00         // so this is another, whatever its amount
         is succeeded refunded 0 pending 10.00
         hears a1 refund=#re_x/succeeded/5.00
         refund r1 pending
         is succeeded refunded 5.00 pending 5.00",
    );
}

#[test]
fn a_total_tells_of_the_one_under_way() {
    paid(
        "refund 5.00
         says a1 r1                                 // received
         hears a1 refunded:5.00
         refund r1 succeeded
         refund 3.00
         refund 2.00
         says a1 r2
         says a1 r3
         hears a1 refunded:10.00
         refund r2 succeeded
         refund r3 succeeded
         is succeeded refunded 10.00",
    );
}

#[test]
fn a_total_from_before_it_was_asked_tells_nothing_of_a_refund() {
    paid(
        "refund 5.00
         unknown a1 r1
         hears a1 refunded:20.00                    // r1 and another, or others alone
         is succeeded refunded 0 pending 5.00
         refund 15.00
         is succeeded refunded 0 pending 20.00      // as much as was stated, and never sent
         wants send a1 r2
         unknown a1 r2
         hears a1 refunded:20.00
         is succeeded refunded 0 pending 20.00
         hears a1 refund=r1#re_1/succeeded/5.00     // so the rest was given back elsewhere
         is succeeded refunded 20.00 pending 15.00
         hears a1 refund=r2#re_2/failed/15.00
         refund r2 failed
         is succeeded refunded 20.00 pending 0",
    );
    check(
        "intent 20.00
         policies paid_twice:refund_later
         start a1
         says a1 open open door
         start a2
         says a2 open open door
         tick 10m
         hears a2 paid captured:20.00
         refund 5.00
         says a2 r1 refunded:20.00
         hears a1 paid captured:20.00 @5s           // what a2 kept of its later payment is given back
         wants send a2 r2
         is succeeded captured 40.00 refunded 0 pending 20.00",
    );
}

#[test]
fn made_in_the_dashboard() {
    paid(
        "hears a1 refund=#re_9/succeeded/5.00
         is succeeded refunded 5.00
         heard refund.created refund.succeeded
         hears a1 refund=#re_9/succeeded/5.00
         silent
         refund 15.01 -> exceeds_captured",
    );
}

#[test]
fn told_as_a_total_and_named_later() {
    paid(
        "hears a1 refunded:5.00
         is succeeded refunded 5.00
         heard refund.created refund.succeeded
         hears a1 refund=#re_9/succeeded/5.00       // the same one
         is succeeded refunded 5.00
         heard
         hears a1 refund=#re_9/failed/5.00 @1h
         is succeeded refunded 0
         heard refund.failed",
    );
}

#[test]
fn told_as_a_total_and_told_apart_later() {
    paid(
        "hears a1 refunded:10.00
         is succeeded refunded 10.00
         hears a1 refund=#re_8/succeeded/4.00 refund=#re_9/succeeded/6.00
         is succeeded refunded 10.00
         ledger receivable 10.00 payable -10.00
         hears a1 refunded:11.00
         is succeeded refunded 11.00",
    );
}

#[test]
fn more_than_was_taken_is_shown() {
    paid(
        "hears a1 refund=#re_9/succeeded/25.00
         is succeeded captured 20.00 refunded 25.00
         quarantine refund_exceeds_captured
         heard refund.created refund.succeeded payment_intent.quarantined
         ledger receivable -5.00 payable 5.00
         refund 1.00 -> exceeds_captured",
    );
}

#[test]
fn heard_of_before_the_payment() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 refund=#re_9/succeeded/5.00
         is requires_checkout refunded 5.00
         quarantine none
         later 2s                                   // asks
         tick 2s
         wants check a1
         looks a1 paid captured:20.00 refunded:5.00
         is succeeded captured 20.00 refunded 5.00
         quarantine none
         wants nothing",
    );
}

#[test]
fn only_what_the_processor_can() {
    check(
        "intent 20.00
         start a1 first no_refund
         says a1 open open door
         hears a1 paid
         refund -> not_supported",
    );
    check(
        "intent 20.00
         start a1 first no_partial_refund
         says a1 open open door
         hears a1 paid
         refund 5.00 -> not_supported
         refund",
    );
    check(
        "intent 20.00
         start a1 first single_refund
         says a1 open open door
         hears a1 paid
         refund 5.00
         refund 5.00 -> not_supported",
    );
}

#[test]
fn of_a_part_that_was_captured() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         refund -> wrong_status
         capture 15.00
         says a1 c1 capture=c1/succeeded/15.00
         refund 15.01 -> exceeds_captured
         refund 10.00
         says a1 r1 refund=r1/succeeded/10.00
         is succeeded captured 15.00 refunded 10.00
         ledger receivable 5.00 payable -5.00",
    );
}

#[test]
fn looked_up_alone_where_payments_cannot_be() {
    check(
        "intent 20.00
         start a1 first no_lookup
         says a1 open open door
         hears a1 paid
         refund 5.00
         says a1 r1 refund=r1#re_1/pending/5.00
         wants nothing
         hears a1 refund=#re_1/succeeded/5.00
         is succeeded refunded 5.00",
    );
}

#[test]
fn where_only_the_page_can_be_looked_up_the_same_key_finds_out() {
    check(
        "intent 20.00
         start a1 first page_by_id
         says a1 open open id:link_1 door
         hears a1 paid captured:20.00
         refund 5.00
         unknown a1 r1
         tick 1s
         wants send a1 r1
         unknown a1 r1
         tick 5s
         wants send a1 r1                           // never a look, which could not tell
         tick 2d                                    // the key is forgotten
         unknown a1 r1
         wants nothing                              // a webhook tells, or an operator
         is succeeded refunded 0 pending 5.00
         hears a1 refund=r1#re_1/succeeded/5.00
         is succeeded refunded 5.00 pending 0",
    );
}
