//! What may go elsewhere, and what may not: not sent, unknown, absent.

use crate::table::check;

#[test]
fn unreachable_twice_goes_elsewhere() {
    check(
        "intent 20.00
         start a1
         unsent a1 open unreachable
         wants nothing
         tick 1s
         wants send a1 open
         unsent a1 open unreachable
         attempt a1 not_sent
         last_error processor_unreachable
         is requires_checkout
         start a2 second
         says a2 open open door
         hears a2 paid
         is succeeded",
    );
}

#[test]
fn throttled_waits_as_told() {
    check(
        "intent 20.00
         start a1
         unsent a1 open throttled 40
         later 40s
         tick 40s
         says a1 open open door
         attempt a1 open",
    );
}

#[test]
fn refused_credentials_go_elsewhere_at_once() {
    check(
        "intent 20.00
         start a1
         unsent a1 open credentials
         attempt a1 not_sent
         wants nothing
         start a2 second
         unsent a2 open impossible
         attempt a2 not_sent",
    );
}

#[test]
fn an_unknown_open_is_found_under_its_own_key() {
    check(
        "intent 20.00
         start a1
         unknown a1 open
         attempt a1 unknown
         is requires_checkout
         tick 1s
         wants send a1 open
         says a1 open open id:pay_1 door
         attempt a1 open
         hears a1 paid
         is succeeded",
    );
}

#[test]
fn past_the_key_look_then_absent_then_again() {
    check(
        "intent 20.00
         start a1 first short_key                   // remembered 100 s, so trusted for 90
         unknown a1 open
         tick 2m
         wants look a1 open
         looks a1/open absent                       // old enough to believe: nothing happened
         attempt a1 created
         wants send a1 open
         unknown a1 open
         tick 15s
         wants send a1 open                         // the key began anew
         says a1 open open door
         attempt a1 open",
    );
}

#[test]
fn absent_too_early_is_not_believed() {
    check(
        "intent 20.00
         start a1 first look_first
         unknown a1 open
         tick 10s
         wants look a1 open
         looks a1/open absent
         attempt a1 unknown
         wants nothing
         tick 60s
         wants look a1 open
         looks a1/open absent
         wants send a1 open
         says a1 open open door
         attempt a1 open",
    );
}

#[test]
fn keyless_looks_first_and_never_repeats_blindly() {
    check(
        "intent 20.00
         start a1 first keyless
         says a1 open open door
         hears a1 paid captured:20.00
         refund 5.00
         unknown a1 r1
         tick 1s
         wants look a1 r1
         looks a1/r1 unknown
         tick 5s
         wants check a1, look a1 r1
         looks a1/r1 paid captured:20.00            // silence about the refund proves nothing
         tick 1m
         wants check a1, look a1 r1
         looks a1/r1 paid captured:20.00 refunded:0.00
         wants check a1, send a1 r1                 // its own total does
         says a1 r1 refund=r1#re_1/succeeded/5.00
         is succeeded refunded 5.00",
    );
}

#[test]
fn an_orphan_that_can_be_paid_forbids_another() {
    check(
        "intent 20.00
         start a1 first orphan_payable
         unknown a1 open
         start a2 second -> wrong_status
         tick 1s
         unsent a1 open unreachable                 // this one did not arrive; the first may have
         start a2 second -> wrong_status
         looks a1/open absent
         tick 5m
         looks a1/open absent
         attempt a1 created
         start a2 second
         wants send a1 open, send a2 open
         unsent a1 open unreachable                 // nobody waits for that page any more
         attempt a1 not_sent
         wants send a2 open",
    );
}

#[test]
fn an_orphan_that_nobody_can_pay_is_found_and_closed() {
    check(
        "intent 20.00
         start a1
         unknown a1 open
         start a2 second
         says a2 open open door
         tick 1s
         wants send a1 open
         says a1 open open id:pay_1 door            // found under its key: somebody could pay it now
         attempt a1 open
         wants send a1 expire
         says a1 expire expired
         hears a2 paid
         is succeeded captured 20.00",
    );
}

#[test]
fn stuck_waits_for_a_webhook() {
    check(
        "intent 20.00
         start a1 first keyless no_lookup
         unknown a1 open
         attempt a1 unknown
         tick 1h
         wants nothing                              // nothing automatic could find out
         hears a1 paid
         is succeeded captured 20.00",
    );
}

#[test]
fn an_answer_after_the_end_became_known() {
    check(
        "intent 20.00
         start a1
         unknown a1 open
         hears a1 open id:pay_1
         wants nothing
         says a1 open open id:pay_1 door
         attempt a1 open
         unknown a1 open
         silent
         unsent a1 open unreachable
         silent",
    );
}

#[test]
fn a_refund_is_given_up_after_certain_failures() {
    let tries = "unsent a1 r1 unreachable\n tick 1d\n".repeat(16);
    check(&format!(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         refund 5.00
         heard payment_intent.created payment_intent.succeeded order.paid refund.created
         {tries}
         is succeeded pending 5.00
         wants check a1, send a1 r1
         unsent a1 r1 unreachable
         refund r1 failed
         heard refund.failed
         is succeeded refunded 0 pending 0
         ledger receivable 20.00 payable -20.00
         wants nothing
         refund 20.00"
    ));
}

#[test]
fn an_interrupted_try_may_have_been_sent() {
    check(
        "intent 20.00
         start a1
         says a1 open authorized id:pay_1 door
         says a1 open paid captured:20.00
         refund 5.00
         wants send a1 r1
         interrupted a1 r1 5s
         refund 15.01                               -> exceeds_captured
         tick 1s
         wants send a1 r1                           // under its own key, which is remembered
         says a1 r1 refund=r1#re_1/succeeded/5.00
         is succeeded captured 20.00 refunded 5.00",
    );
}

#[test]
fn after_a_long_stop_the_key_counts_from_the_try_before_it() {
    check(
        "intent 20.00
         start a1 first short_key
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         interrupted a1 r1 2d
         tick 1s
         wants look a1 r1                           // never again by a key that is forgotten
         looks a1/r1 absent                         // it may have been sent as late as just now
         wants nothing
         tick 1m
         looks a1/r1 absent
         wants check a1, send a1 r1
         says a1 r1 refund=r1#re_1/succeeded/5.00
         is succeeded captured 20.00 refunded 5.00",
    );
}

#[test]
fn an_outage_uses_up_no_try() {
    let mut outage = String::new();
    for number in 1..=13 {
        outage += &format!("start a{number}\n unsent a{number} open\n tick 1s\n unsent a{number} open\n");
    }
    check(&format!(
        "intent 20.00
         {outage}
         attempt a13 not_sent
         is requires_checkout
         start a14
         says a14 open open door
         hears a14 paid captured:20.00
         is succeeded captured 20.00"
    ));
}
