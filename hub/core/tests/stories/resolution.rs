//! How quarantines end, by an operator or by a policy, and what an operator settles by hand.

use crate::table::check;

#[test]
fn a_wrong_amount_is_accepted() {
    for (facts, captured) in [
        ("paid captured:15.00", "15.00"),
        ("paid captured:25.00", "25.00"),
        // The sum that it is for, where nothing else is named.
        ("paid amount:19.99", "19.99"),
        ("paid amount:25.00", "25.00"),
        ("paid amount:15.00 captured:20.00", "20.00"),
    ] {
        check(&format!(
            "intent 20.00
             start a1
             says a1 open open door
             hears a1 {facts}
             is requires_checkout captured 0
             resolve accept
             quarantine none
             is succeeded captured {captured}
             ledger receivable {captured} payable -{captured}
             hears a1 {facts}                       // the same again raises nothing again
             quarantine none
             resolve accept -> not_quarantined
             refund {captured}
             is succeeded pending {captured}"
        ));
    }
}

#[test]
fn a_wrong_amount_is_given_back() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid captured:25.00
         resolve refund
         quarantine none
         heard payment_intent.created payment_intent.quarantined payment_intent.quarantine_resolved payment_intent.canceled refund.created
         is canceled captured 25.00 pending 25.00
         wants send a1 r1
         says a1 r1 refund=r1#re_1/succeeded/25.00
         is canceled captured 25.00 refunded 25.00
         ledger receivable 0 payable 0
         quarantine none
         wants nothing",
    );
}

#[test]
fn a_wrong_reservation_is_released() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized authorized:15.00
         quarantine amount_mismatch
         resolve refund
         wants send a1 void
         says a1 void voided
         is canceled captured 0
         quarantine none",
    );
}

#[test]
fn what_could_not_be_given_back_is_held_again() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid captured:25.00
         resolve refund
         says a1 r1 refund=r1#re_1/failed
         quarantine return_failed
         resolve refund                             // once more
         quarantine none
         wants send a1 r2
         says a1 r2 refund=r2#re_2/failed
         quarantine return_failed
         resolve accept                             // the shop keeps it after all
         quarantine none
         is succeeded captured 25.00",
    );
}

#[test]
fn other_amounts_of_captures_and_refunds() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         capture 5.00
         says a1 c1 capture=c1#ch_1/succeeded/4.00
         quarantine amount_mismatch
         resolve accept
         quarantine none
         is succeeded captured 4.00
         ledger receivable 4.00 payable -4.00
         refund 4.00
         says a1 r1 refund=r1#re_1/succeeded/3.00
         quarantine amount_mismatch
         resolve accept
         is succeeded captured 4.00 refunded 3.00
         ledger receivable 1.00 payable -1.00
         refund 1.00
         is succeeded refunded 3.00 pending 1.00",
    );
}

#[test]
fn another_currency_is_only_how_it_was_shown() {
    for facts in ["paid captured:18.50EUR", "paid amount:18.50EUR", "paid capture=c9#ch_1/succeeded/18.50EUR"]
    {
        check(&format!(
            "intent 20.00
             start a1
             says a1 open open door
             hears a1 {facts}
             quarantine currency_mismatch
             is requires_checkout captured 0
             resolve accept
             quarantine none
             is succeeded captured 20.00
             ledger receivable 20.00 payable -20.00
             hears a1 {facts} id:p1                     // again, and nothing is raised again
             quarantine none
             hears a1 paid captured:25.00               // in its own currency it still has to fit
             quarantine amount_mismatch"
        ));
    }
}

#[test]
fn another_currency_was_given_back_in_the_dashboard() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid captured:18.50EUR
         resolve refund
         quarantine none
         is canceled captured 0
         ledger receivable 0 payable 0
         hears a1 paid captured:18.50EUR refunded:18.50EUR
         quarantine none
         is canceled captured 0
         wants nothing",
    );
    // What is booked is given back like anything else.
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         refund 5.00
         says a1 r1 refund=r1#re_1/succeeded/4.60EUR
         quarantine currency_mismatch
         resolve refund -> cannot_resolve
         resolve accept
         quarantine none
         is succeeded captured 20.00 refunded 5.00",
    );
}

#[test]
fn another_policy_leaves_alone_what_waits_for_a_person() {
    check(&format!(
        "intent 20.00
         policies paid_late:hold
         {PAID_LATE}
         quarantine paid_late
         policies paid_late:accept
         hears a1 paid captured:20.00
         is expired captured 20.00
         quarantine paid_late
         policies paid_late:refund
         hears a1 paid amount:20.00
         is expired pending 0
         resolve accept
         is succeeded captured 20.00"
    ));
    check(&format!(
        "intent 20.00
         {PAID_TWICE}
         quarantine paid_twice
         policies paid_twice:refund_later
         hears a1 paid captured:20.00
         quarantine paid_twice
         is succeeded pending 0"
    ));
}

#[test]
fn under_way_in_time_is_not_late() {
    check(
        "intent 20.00
         policies paid_late:refund
         start a1
         says a1 open open door
         hears a1 pending
         tick 2d
         is processing
         hears a1 paid
         quarantine none
         is succeeded captured 20.00 pending 0",
    );
}

const PAID_TWICE: &str = "
         start a1 first no_expire
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a2 paid @10s
         hears a1 paid @20s";

#[test]
fn a_reservation_that_was_dealt_with_is_not_captured() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         start a2
         says a2 open open door
         hears a1 authorized authorized:20.00EUR
         quarantine currency_mismatch
         hears a2 authorized
         resolve refund
         quarantine none
         is requires_capture capturable 20.00
         capture
         wants send a2 c1",
    );
}

#[test]
fn paid_twice_and_the_later_is_given_back() {
    check(&format!(
        "intent 20.00
         policies paid_twice:refund_later
         {PAID_TWICE}
         quarantine none
         is succeeded captured 40.00 pending 20.00
         wants send a1 r1
         says a1 r1 refund=r1#re_1/succeeded/20.00
         is succeeded captured 40.00 refunded 20.00
         quarantine none
         ledger receivable 20.00 payable -20.00"
    ));
}

#[test]
fn a_policy_acts_once() {
    check(&format!(
        "intent 20.00
         policies paid_twice:refund_later
         {PAID_TWICE}
         says a1 r1 refund=r1#re_1/failed
         quarantine paid_twice                      // from here on a person decides
         is succeeded captured 40.00 pending 0
         resolve refund
         quarantine none
         is succeeded pending 20.00"
    ));
}

#[test]
fn paid_twice_where_nothing_can_be_given_back_is_held() {
    check(
        "intent 20.00
         policies paid_twice:refund_later
         start a1 first no_expire no_refund
         says a1 open open door
         start a2 second no_refund
         says a2 open open door
         hears a2 paid @10s
         hears a1 paid @20s
         quarantine paid_twice
         resolve refund -> not_supported
         resolve accept
         quarantine none
         is succeeded captured 40.00",
    );
}

#[test]
fn paid_twice_is_kept() {
    check(&format!(
        "intent 20.00
         {PAID_TWICE}
         quarantine paid_twice
         resolve accept
         quarantine none
         hears a1 paid captured:20.00
         quarantine none
         refund 20.00
         is succeeded captured 40.00 pending 20.00"
    ));
}

const PAID_LATE: &str = "
         start a1 first no_expire
         says a1 open open door
         tick 2d
         is expired
         hears a1 paid";

#[test]
fn paid_late() {
    check(&format!(
        "intent 20.00
         {PAID_LATE}
         is succeeded captured 20.00
         quarantine none"
    ));
    check(&format!(
        "intent 20.00
         policies paid_late:hold
         {PAID_LATE}
         quarantine paid_late
         is expired captured 20.00
         ledger receivable 20.00 payable -20.00
         resolve accept
         is succeeded captured 20.00
         quarantine none"
    ));
    check(&format!(
        "intent 20.00
         policies paid_late:hold
         {PAID_LATE}
         resolve refund
         is expired pending 20.00
         says a1 r1 refund=r1#re_1/succeeded/20.00
         is expired captured 20.00 refunded 20.00
         quarantine none"
    ));
    check(&format!(
        "intent 20.00
         policies paid_late:refund
         {PAID_LATE}
         quarantine none
         is expired captured 20.00 pending 20.00
         says a1 r1 refund=r1#re_1/failed
         quarantine return_failed"
    ));
}

#[test]
fn settled_by_hand() {
    check(
        "intent 20.00
         start a1 first no_lookup
         unknown a1 open
         settle a1 paid:20.00
         is succeeded captured 20.00
         ledger receivable 20.00 payable -20.00
         settle a1 paid:20.00 -> cannot_settle
         settle a1 not_paid -> cannot_settle
         hears a1 paid captured:20.00               // the processor's later word agrees
         is succeeded captured 20.00
         quarantine none
         hears a1 paid captured:25.00               // or differs, and that shows
         quarantine amount_mismatch",
    );
    check(
        "intent 20.00
         start a1
         says a1 open open door
         settle a1 paid:25.00
         quarantine amount_mismatch
         is requires_checkout captured 0",
    );
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 pending
         settle a1 not_paid
         attempt a1 expired
         is requires_checkout
         hears a1 paid                              // money that moved is never ignored
         is succeeded captured 20.00",
    );
    check(
        "intent 20.00
         start a1
         says a1 open open door
         settle a1 paid:20.00EUR -> currency_mismatch
         settle a1 paid:0.00 -> amount_not_positive",
    );
}

#[test]
fn operations_settled_by_hand() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         refund 5.00
         unknown a1 r1
         settle a1 done:r1
         refund r1 succeeded
         is succeeded refunded 5.00
         wants nothing
         settle a1 not_done:r1 -> cannot_settle
         refund 4.00
         unknown a1 r2
         settle a1 not_done:r2
         refund r2 failed
         is succeeded refunded 5.00 pending 0
         wants nothing",
    );
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         capture 20.00
         unknown a1 c1
         settle a1 not_done:c1
         capture c1 failed
         is requires_capture capturable 20.00
         capture 20.00
         unknown a1 c2
         settle a1 done:c2
         is succeeded captured 20.00",
    );
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         cancel
         unknown a1 void
         settle a1 done:void
         is canceled",
    );
}

#[test]
fn an_amount_of_nothing_is_accepted_like_any_other() {
    check(
        "intent 20.00
         start a1 first completes
         hears a1 needs_completion
         says a1 open amount:0.00
         quarantine amount_mismatch
         hears a1 captured:20.00
         resolve accept
         quarantine none
         is succeeded captured 20.00",
    );
}

#[test]
fn one_attempt_is_not_booked_while_another_is_in_doubt() {
    check(
        "intent 20.00
         start a1 first no_expire
         says a1 open open door
         start a2 second
         hears a2 open amount:25.00
         quarantine amount_mismatch
         hears a1 paid captured:20.00
         hears a2 paid captured:18.00EUR
         is requires_checkout captured 0
         resolve accept
         quarantine currency_mismatch
         is requires_checkout captured 0
         policies paid_late:refund
         resolve refund
         quarantine none
         is succeeded captured 20.00 pending 0",
    );
}
