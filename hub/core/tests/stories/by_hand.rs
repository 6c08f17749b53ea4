//! What an operator settled in a processor's place, and what the processor tells of it at last: the same money once,
//! and no second movement hidden behind it.

use crate::table::check;

/// 20.00 taken, and a refund of 5.00 that an operator said was done.
const REFUNDED: &str = "intent 20.00
     start a1 first no_lookup keyless
     says a1 open paid captured:20.00 id:pay_1 door
     tick 10s
     refund 5.00
     unknown a1 r1
     tick 1h
     settle a1 done:r1
     is succeeded captured 20.00 refunded 5.00";

/// 20.00 reserved, and a capture of 5.00 that an operator said was done.
const CAPTURED: &str = "intent 20.00 manual
     start a1 first no_lookup keyless
     says a1 open authorized authorized:20.00 id:pay_1 door
     tick 10s
     capture 5.00 more
     unknown a1 c1
     tick 1h
     settle a1 done:c1
     is requires_capture captured 5.00 capturable 15.00";

#[test]
fn the_processors_item_of_a_refund_that_was_settled_is_that_refund() {
    for told in [
        "hears a1 refund=#re_1/succeeded/5.00",
        "hears a1 refunded:5.00 refund=#re_1/succeeded/5.00",
        "hears a1 refund=#re_1/succeeded/5.00 @10s", // in the second in which it was asked for
        "hears a1 refund=#re_1/succeeded/5.00 @30s",
        "hears a1 refund=#re_1/pending/5.00\n is succeeded refunded 5.00 pending 0\n \
         hears a1 refund=#re_1/succeeded/5.00",
    ] {
        check(&format!(
            "{REFUNDED}
             {told}
             is succeeded captured 20.00 refunded 5.00 pending 0
             ledger receivable 15.00 payable -15.00
             hears a1 refund=#re_1/succeeded/5.00               // the same again
             is succeeded captured 20.00 refunded 5.00
             quarantine none
             hears a1 refund=#re_2/succeeded/5.00               // one more is another
             is succeeded captured 20.00 refunded 10.00
             hears a1 refund=#re_1/failed/5.00 @2h              // and it comes back after all
             refund r1 failed
             is succeeded captured 20.00 refunded 5.00"
        ));
    }
}

#[test]
fn the_processors_item_of_a_capture_that_was_settled_is_that_capture() {
    check(&format!(
        "{CAPTURED}
         hears a1 paid capture=#ch_1/succeeded/5.00
         is requires_capture captured 5.00 capturable 15.00
         quarantine none
         hears a1 capture=#ch_2/succeeded/5.00
         is requires_capture captured 10.00 capturable 10.00
         ledger receivable 10.00 payable -10.00"
    ));
    // All of it at once: a second one would be more than was asked for.
    check(
        "intent 20.00 manual
         start a1 first no_lookup keyless
         says a1 open authorized id:pay_1 door
         capture 20.00
         unknown a1 c1
         settle a1 done:c1
         hears a1 paid capture=#ch_1/succeeded/20.00
         quarantine none
         is succeeded captured 20.00
         hears a1 capture=#ch_2/succeeded/20.00
         quarantine amount_mismatch",
    );
}

#[test]
fn a_name_that_was_known_before_the_operator_spoke_is_the_same_transfers() {
    check(
        "intent 20.00
         start a1 first no_lookup
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         unknown a1 r1
         hears a1 refund=#re_1/pending/5.00
         is succeeded pending 5.00
         settle a1 done:r1
         hears a1 refund=#re_1/succeeded/5.00
         is succeeded captured 20.00 refunded 5.00
         hears a1 refund=#re_1/failed/5.00 @2h
         refund r1 failed
         is succeeded captured 20.00 refunded 0",
    );
}

#[test]
fn what_was_said_to_be_done_comes_before_what_only_may_be() {
    check(
        "intent 20.00
         start a1 first no_lookup
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         unknown a1 r1
         refund 5.00
         unknown a1 r2
         settle a1 done:r2
         hears a1 refund=#re_2/succeeded/5.00
         refund r1 pending
         refund r2 succeeded
         is succeeded captured 20.00 refunded 5.00 pending 5.00",
    );
    // Two equal ones: which is which nobody can tell, and there are two.
    check(
        "intent 20.00
         start a1 first no_lookup
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         unknown a1 r1
         refund 5.00
         unknown a1 r2
         settle a1 done:r1
         settle a1 done:r2
         hears a1 refund=#re_1/succeeded/5.00 refund=#re_2/succeeded/5.00
         is succeeded captured 20.00 refunded 10.00
         hears a1 refund=#re_3/succeeded/5.00
         is succeeded captured 20.00 refunded 15.00",
    );
}

#[test]
fn what_would_be_a_guess_stays_apart_and_shows() {
    for (told, refunded) in [
        ("refund=#re_9/succeeded/4.00", "9.00"),      // another amount
        ("refund=#re_9/succeeded/5.00 @8s", "10.00"), // from before we asked
        ("capture=#ch_9/succeeded/5.00", "5.00"),     // another kind
        ("refund=#re_9/failed/5.00", "5.00"),         // it says nothing about what was seen
        ("refund=else#re_9/succeeded/5.00", "10.00"), // somebody else's name on it
        ("refunded:10.00", "10.00"),                  // the processor counts two
        ("refunded:10.00 refund=#re_9/succeeded/5.00", "10.00"),
    ] {
        check(&format!(
            "{REFUNDED}
             hears a1 {told}
             refund r1 succeeded
             is succeeded captured 20.00 refunded {refunded}"
        ));
    }
    check(&format!(
        "{CAPTURED}
         hears a1 captured:10.00 capture=#ch_9/succeeded/5.00
         is requires_capture captured 10.00"
    ));
    // More than was taken is held, as ever.
    check(
        "intent 20.00
         start a1 first no_lookup keyless
         says a1 open paid captured:20.00 id:pay_1 door
         refund 15.00
         unknown a1 r1
         settle a1 done:r1
         hears a1 refund=#re_1/succeeded/15.00 refund=#re_2/succeeded/15.00
         is succeeded captured 20.00 refunded 30.00
         quarantine refund_exceeds_captured",
    );
}

#[test]
fn our_name_on_another_item_shows_that_there_were_two() {
    check(&format!(
        "{REFUNDED}
         hears a1 refund=#re_9/succeeded/5.00
         is succeeded refunded 5.00
         hears a1 refund=r1#re_1/succeeded/5.00
         is succeeded captured 20.00 refunded 10.00
         hears a1 refund=#re_9/failed/5.00 @2h
         refund r1 succeeded
         is succeeded captured 20.00 refunded 5.00"
    ));
}

#[test]
fn what_is_under_way_and_may_be_it_is_looked_at() {
    check(
        "intent 20.00
         start a1
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         unknown a1 r1
         settle a1 done:r1
         hears a1 refund=#re_1/pending/5.00
         wants check a1
         looks a1 paid captured:20.00 refund=#re_1/pending/5.00
         later 2s                                   // and until it ends
         tick 2s
         looks a1 paid captured:20.00 refund=#re_1/failed/5.00
         refund r1 succeeded
         is succeeded captured 20.00 refunded 5.00
         wants nothing",
    );
}

#[test]
fn a_page_that_is_still_to_be_opened_is_not_settled() {
    check(
        "intent 20.00
         start a1 first orphan_payable
         settle a1 not_paid -> cannot_settle
         unknown a1 open                            // it may be there, and somebody may pay at it
         attempt a1 unknown
         settle a1 not_paid
         attempt a1 expired",
    );
}
