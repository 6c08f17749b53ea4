//! Facts that do not match what was asked settle nothing and are shown.

use crate::table::check;

#[test]
fn facts_that_do_not_match() {
    for (facts, reason) in [
        ("paid captured:15.00", "amount_mismatch"),
        ("paid captured:25.00", "amount_mismatch"),
        ("paid amount:19.99", "amount_mismatch"),
        ("open amount:19.99", "amount_mismatch"),
        ("authorized authorized:15.00", "amount_mismatch"),
        ("paid capture=#ch_1/succeeded/15.00", "amount_mismatch"),
        ("paid captured:20.00EUR", "currency_mismatch"),
        ("paid amount:20.00EUR", "currency_mismatch"),
        ("capture=#ch_1/succeeded/20.00EUR", "currency_mismatch"),
        ("refund=#re_1/succeeded/20.00EUR", "currency_mismatch"),
    ] {
        check(&format!(
            "intent 20.00
             start a1
             says a1 open open door
             hears a1 {facts}
             quarantine {reason}
             heard payment_intent.created payment_intent.quarantined
             is requires_checkout captured 0
             ledger receivable 0
             start a2 second -> quarantined         // the shopper may have paid
             reopen a1 -> quarantined
             cancel -> quarantined
             tick 2d                                // its time ends all the same
             is requires_checkout"
        ));
    }
}

#[test]
fn facts_that_match() {
    for facts in [
        "paid amount:20.00 captured:20.00 fee:0.50EUR",
        "paid authorized:20.00 captured:20.00",
        "paid captured:20.00 capture=#ch_1/succeeded/20.00",
        "authorized authorized:20.00 captured:0.00 capture=#ch_1/succeeded/20.00",
        "capture=#ch_1/succeeded",
    ] {
        check(&format!(
            "intent 20.00
             start a1
             says a1 open open door
             hears a1 {facts}
             quarantine none
             is succeeded captured 20.00"
        ));
    }
}

#[test]
fn a_refund_of_another_amount() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         refund 5.00
         unknown a1 r1
         hears a1 refund=r1#re_1/succeeded/7.00
         quarantine amount_mismatch
         is succeeded refunded 0 pending 5.00
         tick 1s
         wants nothing                              // the operation itself has its end
         refund 1.00 -> quarantined",
    );
}

#[test]
fn a_capture_of_another_amount() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         capture 5.00
         says a1 c1 capture=c1#ch_1/succeeded/7.00
         quarantine amount_mismatch
         is requires_capture captured 0
         capture 1.00 -> quarantined",
    );
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         hears a1 captured:20.01
         quarantine amount_mismatch",
    );
}

#[test]
fn operations_and_looks_go_on_in_quarantine() {
    check(
        "intent 20.00
         start a1
         unknown a1 open
         hears a1 pending amount:19.99
         attempt a1 pending
         wants nothing
         later 2s
         tick 2s
         wants check a1
         looks a1 pending amount:19.99
         later 5s",
    );
}

/// What was taken and is said not to be: (the attempt, what is said, that it is flagged).
#[test]
fn a_capture_that_is_undone() {
    let rows = [
        // It cannot be asked: whichever was heard last, both were said.
        ("page_by_id", "capture=#ch_1/succeeded/20.00", "capture=#ch_1/failed/20.00", "capture_undone"),
        ("page_by_id", "capture=#ch_1/failed/20.00", "capture=#ch_1/succeeded/20.00", "capture_undone"),
        ("no_lookup", "capture=#ch_1/succeeded/20.00", "capture=#ch_1/failed/20.00", "capture_undone"),
        // An authorization is all that is said of money that is taken by itself.
        ("page_by_id silent", "authorized", "capture=#ch_1/failed/20.00", "capture_undone"),
        ("page_by_id silent", "authorized", "capture=#ch_1/succeeded/20.00", "none"),
        (
            "page_by_id silent",
            "authorized capture=#ch_2/succeeded/20.00",
            "capture=#ch_1/failed/20.00",
            "none",
        ),
        // Another try failed before this one.
        ("page_by_id", "capture=#ch_0/failed/20.00", "capture=#ch_1/succeeded/20.00", "none"),
        // It is asked first.
        ("", "capture=#ch_1/succeeded/20.00", "capture=#ch_1/failed/20.00", "none"),
    ];
    for (flags, first, second, reason) in rows {
        check(&format!(
            "intent 20.00
             start a1 first {flags}
             says a1 open open door
             hears a1 {first}
             tick 1s
             hears a1 {second}
             quarantine {reason}
             is succeeded captured 20.00 refunded 0       // what was booked stays booked
             ledger receivable 20.00"
        ));
    }
}

#[test]
fn a_capture_that_is_undone_where_a_look_up_can_tell() {
    for (looked, reason) in
        [("capture=#ch_1/failed/20.00 @9s", "capture_undone"), ("capture=#ch_1/succeeded/20.00 @9s", "none")]
    {
        check(&format!(
            "intent 20.00
             start a1
             says a1 open open door
             hears a1 capture=#ch_1/succeeded/20.00
             tick 1s
             hears a1 capture=#ch_1/failed/20.00
             quarantine none
             tick 10s
             looks a1 {looked}
             quarantine {reason}
             is succeeded captured 20.00"
        ));
    }
}

#[test]
fn what_is_undone_waits_for_a_person() {
    // (what was given back before, how it ends, what is given back then, what can still be)
    let rows = [
        ("", "accept", "refunded 0", "refund 20.00"),
        ("", "refund", "refunded 20.00", "refund 0.01 -> exceeds_captured"),
        (
            "hears a1 refund=#re_1/succeeded/5.00",
            "refund",
            "refunded 20.00",
            "refund 0.01 -> exceeds_captured",
        ),
    ];
    for (before, resolution, after, left) in rows {
        check(&format!(
            "intent 20.00
             start a1 first page_by_id
             says a1 open open door
             hears a1 capture=#ch_1/succeeded/20.00
             {before}
             tick 1s
             hears a1 capture=#ch_1/failed/20.00
             quarantine capture_undone
             tick 1s
             resolve {resolution}
             quarantine none
             is succeeded captured 20.00 {after}
             wants nothing                                // nothing is sent anywhere
             hears a1 capture=#ch_1/failed/20.00          // the same once more
             quarantine none
             {left}"
        ));
    }
}

#[test]
fn a_flag_does_not_stop_the_payment() {
    check(
        "intent 20.00
         start a1 first no_expire
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a1 paid
         hears a2 paid
         quarantine paid_twice
         refund 20.00
         says a2 r1 refund=r1/succeeded/20.00
         is succeeded captured 40.00 refunded 20.00
         hears a1 paid captured:20.00EUR
         quarantine currency_mismatch               // what blocks outranks what flags
         refund 1.00 -> quarantined",
    );
}

#[test]
fn the_amount_that_was_named_last_is_the_one_that_counts() {
    // What it was for when the page opened, and what was paid then.
    check(
        "intent 20.00
         start a1
         says a1 open open amount:20.00 door
         hears a1 paid amount:15.00 @10s
         quarantine amount_mismatch
         resolve accept
         is succeeded captured 15.00
         ledger receivable 15.00 payable -15.00
         tick 1m
         looks a1 paid amount:20.00                 // the rest came as well
         is succeeded captured 20.00
         quarantine none
         hears a1 paid amount:15.00 @10s            // old news
         is succeeded captured 20.00
         ledger receivable 20.00 payable -20.00",
    );
    // Nothing is named at all: it is what was asked for.
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         is succeeded captured 20.00",
    );
    // Of a reservation that is named by nothing else no more can be asked.
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized amount:15.00
         quarantine amount_mismatch
         resolve accept
         is requires_capture capturable 15.00
         capture 15.01 -> exceeds_authorized
         capture 15.00
         hears a1 paid
         is succeeded captured 15.00",
    );
    // What we asked for before was more than what is there.
    check(
        "intent 20.00 manual
         start a1
         says a1 open authorized door
         capture 20.00
         unknown a1 c1
         hears a1 paid amount:15.00
         quarantine amount_mismatch
         resolve accept
         is requires_capture captured 15.00",
    );
}
