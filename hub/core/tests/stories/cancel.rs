//! Calling it off: the processor is the arbiter.

use crate::table::check;

#[test]
fn before_anything_began() {
    check(
        "intent 20.00
         cancel
         is canceled
         cancel
         silent
         heard payment_intent.created payment_intent.canceled
         start a1 -> wrong_status",
    );
}

#[test]
fn void_of_an_authorization() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         cancel
         is requires_capture capturable 0
         capture -> wrong_status
         cancel
         silent
         wants send a1 void
         says a1 void void=#v_1/succeeded
         attempt a1 voided
         is canceled
         heard payment_intent.created payment_intent.requires_capture payment_intent.canceled",
    );
}

#[test]
fn a_void_that_is_accepted_first() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         cancel
         says a1 void void=#v_1/pending
         is requires_capture
         later 2s
         tick 2s
         wants check a1
         looks a1 authorized void=#v_1/pending
         wants nothing
         hears a1 void=#v_1/failed
         is requires_capture capturable 20.00
         last_error cancel_failed
         cancel                                     // the cart may ask again
         wants send a1 void
         says a1 void voided
         is canceled",
    );
}

#[test]
fn a_void_that_is_refused_or_answered_with_nothing() {
    for answer in ["void=#v_1/failed", "authorized", ""] {
        check(&format!(
            "intent 20.00 manual
             start a1
             says a1 open open door
             hears a1 authorized
             heard payment_intent.created payment_intent.requires_capture
             cancel
             says a1 void {answer}
             is requires_capture capturable 20.00
             heard payment_intent.cancel_failed
             wants nothing                          // it is not asked over and over
             capture
             says a1 c1 paid
             is succeeded captured 20.00"
        ));
    }
}

#[test]
fn a_void_that_may_have_happened() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         cancel
         unknown a1 void
         is requires_capture capturable 0
         tick 1s
         wants send a1 void
         unknown a1 void
         tick 2s
         wants look a1 void
         looks a1/void authorized                   // too early to believe
         tick 5m
         wants check a1, send a1 void
         says a1 void voided
         is canceled",
    );
}

#[test]
fn open_and_confirmed() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         cancel
         is requires_checkout                       // until the processor confirms
         start a2 -> wrong_status
         wants send a1 expire
         says a1 expire expired
         is canceled
         heard payment_intent.created payment_intent.canceled",
    );
}

#[test]
fn open_and_refused_because_paid() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         cancel
         heard payment_intent.created
         says a1 expire open
         heard payment_intent.cancel_failed
         is requires_checkout
         last_error cancel_failed
         hears a1 paid
         is succeeded captured 20.00
         heard payment_intent.succeeded order.paid",
    );
    check(
        "intent 20.00
         start a1
         says a1 open open door
         heard payment_intent.created
         cancel
         hears a1 paid                              // paid while the question was under way
         heard payment_intent.cancel_failed payment_intent.succeeded order.paid
         is succeeded captured 20.00
         wants nothing",
    );
}

#[test]
fn refused_and_asked_again() {
    check(
        "intent 20.00 expires 1h
         start a1
         says a1 open open door
         cancel
         says a1 expire open
         wants nothing
         cancel
         wants send a1 expire
         says a1 expire open
         is requires_checkout
         tick 1h
         wants check a1, send a1 expire             // the end of time asks once more
         is expired",
    );
}

#[test]
fn an_expiry_in_doubt_stays_pending() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         cancel
         unknown a1 expire
         is requires_checkout
         tick 1s
         wants send a1 expire
         unknown a1 expire
         tick 2s
         wants look a1 expire
         looks a1/expire expired
         is canceled
         wants nothing",
    );
}

#[test]
fn an_expiry_of_a_page_that_is_not_there() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         tick 5m
         cancel
         absent a1 expire
         attempt a1 expired
         is canceled",
    );
}

#[test]
fn a_page_that_cannot_be_closed_blocks_nothing() {
    check(
        "intent 20.00
         start a1 first no_expire
         says a1 open open door
         heard payment_intent.created
         cancel
         is canceled
         heard payment_intent.canceled
         hears a1 paid                              // late success
         is succeeded captured 20.00
         heard payment_intent.succeeded order.paid",
    );
}

#[test]
fn while_the_page_is_being_opened() {
    check(
        "intent 20.00
         start a1
         cancel
         is requires_checkout
         says a1 open open door
         wants send a1 expire
         says a1 expire expired
         is canceled",
    );
    check(
        "intent 20.00
         start a1
         cancel
         unsent a1 open unreachable                 // nobody waits for it: no second try
         attempt a1 not_sent
         is canceled
         wants nothing",
    );
    check(
        "intent 20.00
         start a1
         unknown a1 open
         cancel
         is requires_checkout
         tick 2m
         looks a1/open absent
         attempt a1 not_sent
         is canceled
         wants nothing",
    );
    check(
        "intent 20.00
         start a1 first keyless no_lookup
         unknown a1 open                            // lost, but nobody has its address
         cancel
         is canceled",
    );
    check(
        "intent 20.00 expires 1h
         start a1 first keyless no_lookup orphan_payable
         unknown a1 open                            // lost, and somebody may have its address
         cancel
         is requires_checkout
         tick 1h
         is expired",
    );
}

#[test]
fn paid_by_transfer_while_canceling() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         cancel
         hears a1 pending
         is processing
         says a1 expire pending
         is processing
         hears a1 declined
         is canceled",
    );
}

#[test]
fn authorized_while_canceling() {
    check(
        "intent 20.00 manual
         start a1 first no_void
         says a1 open open door
         cancel
         hears a1 authorized
         last_error cancel_failed                   // it cannot be released
         is requires_capture capturable 20.00
         cancel -> not_supported",
    );
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         cancel
         hears a1 authorized
         is requires_capture capturable 0
         wants send a1 void
         says a1 void voided
         is canceled",
    );
}

#[test]
fn a_void_given_up() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         cancel
         unsent a1 void impossible
         last_error cancel_failed
         is requires_capture capturable 20.00
         wants nothing",
    );
}

#[test]
fn what_is_paid_cannot_be_canceled() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         cancel -> wrong_status",
    );
}

#[test]
fn an_old_failed_void_does_not_answer_a_new_one() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized void=#v_1/failed       // tried in the dashboard
         cancel
         wants send a1 void
         says a1 void voided
         is canceled",
    );
}
