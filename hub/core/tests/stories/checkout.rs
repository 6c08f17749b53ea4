//! From the door to paid, or not: the automatic payment, declines, completion, time.

use crate::table::check;

#[test]
fn paid_at_once() {
    check(
        "intent 20.00
         heard payment_intent.created
         start a1
         attempt a1 created
         wants send a1 open
         says a1 open open id:pay_1 door
         attempt a1 open
         is requires_checkout
         wants nothing
         later 2m                                   // a look, because webhooks do get lost
         hears a1 paid captured:20.00 @30s
         attempt a1 captured
         is succeeded captured 20.00 capturable 0
         capture c1 succeeded
         heard payment_intent.succeeded order.paid
         ledger receivable 20.00 payable -20.00 held 0
         wants nothing",
    );
}

#[test]
fn paid_in_words_only() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         is succeeded captured 20.00",
    );
}

#[test]
fn declined_and_then_paid_on_the_same_page() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         heard payment_intent.created
         hears a1 declined code:insufficient_funds @10s
         attempt a1 declined
         is requires_checkout
         last_error insufficient_funds
         heard payment_intent.attempt_declined
         hears a1 paid @20s
         is succeeded captured 20.00
         heard payment_intent.succeeded order.paid",
    );
}

#[test]
fn declined_and_then_paid_elsewhere() {
    check(
        "intent 20.00
         start a1
         says a1 open declined code:method_not_available elsewhere
         attempt a1 declined
         is requires_checkout
         start a2 second
         says a2 open open door
         hears a2 paid
         attempt a1 declined
         is succeeded captured 20.00",
    );
}

#[test]
fn three_declines_leave_the_door_open_until_its_time_is_over() {
    check(
        "intent 20.00 expires 1h
         start a1
         says a1 open declined code:card_declined
         start a2
         says a2 open declined code:expired_card
         start a3
         says a3 open declined code:limit_exceeded
         is requires_checkout
         last_error limit_exceeded
         heard payment_intent.created payment_intent.attempt_declined payment_intent.attempt_declined payment_intent.attempt_declined
         tick 1h
         is expired
         heard payment_intent.expired
         start a4 -> wrong_status",
    );
}

#[test]
fn twelve_declines_are_the_end() {
    let declines: String = (1..=12)
        .map(|number| format!("start a{number}\nis requires_checkout\nsays a{number} open declined\n"))
        .collect();
    check(&format!(
        "intent 20.00
         {declines}
         is failed
         start a13 -> wrong_status
         hears a3 paid                              // money that moved is never ignored
         is succeeded captured 20.00"
    ));
}

#[test]
fn a_transfer_under_way_outlives_the_door() {
    check(
        "intent 20.00 expires 1h
         start a1
         says a1 open open door
         hears a1 pending
         is processing
         cancel -> wrong_status
         tick 1h
         is processing
         start a2 -> wrong_status
         tick 2d
         hears a1 paid
         is succeeded captured 20.00
         heard payment_intent.created payment_intent.processing payment_intent.succeeded order.paid",
    );
}

#[test]
fn a_transfer_that_fails_after_the_end_of_time() {
    check(
        "intent 20.00 expires 1h
         start a1
         says a1 open open door
         hears a1 pending @1m
         tick 2h
         is processing
         hears a1 declined @90m
         is expired
         heard payment_intent.created payment_intent.processing payment_intent.attempt_declined payment_intent.expired",
    );
}

#[test]
fn expiry_closes_the_page() {
    check(
        "intent 20.00 expires 1h
         start a1
         says a1 open open door
         tick 1h
         is expired
         wants check a1, send a1 expire
         says a1 expire expired
         attempt a1 expired
         wants nothing
         returns a1
         wants nothing",
    );
}

#[test]
fn late_success_after_expiry() {
    check(
        "intent 20.00 expires 1h
         start a1 first no_expire
         says a1 open open door
         tick 1h
         is expired
         heard payment_intent.created payment_intent.expired
         hears a1 paid
         is succeeded captured 20.00
         heard payment_intent.succeeded order.paid",
    );
}

#[test]
fn late_authorization_is_released() {
    check(
        "intent 20.00 manual expires 1h
         start a1
         says a1 open open door
         tick 1h
         hears a1 authorized
         is expired
         capture -> wrong_status
         wants check a1, send a1 void
         says a1 void voided
         attempt a1 voided
         is expired captured 0",
    );
}

#[test]
fn an_authorization_outlives_the_door() {
    check(
        "intent 20.00 manual expires 1h
         start a1
         says a1 open open door
         hears a1 authorized
         is requires_capture
         tick 1h
         wants check a1
         is requires_capture capturable 20.00
         capture
         says a1 c1 capture=c1#ch_1/succeeded/20.00
         is succeeded captured 20.00",
    );
}

#[test]
fn approved_returned_completed() {
    check(
        "intent 20.00
         start a1 first completes
         says a1 open open door
         returns a1
         is processing                              // money may be moving: no second page now
         start a2 -> wrong_status
         wants send a1 complete
         says a1 complete paid
         is succeeded captured 20.00",
    );
}

#[test]
fn approved_and_never_returned() {
    check(
        "intent 20.00
         start a1 first completes
         says a1 open open door
         hears a1 needs_completion
         attempt a1 approved
         is processing
         wants send a1 complete
         returns a1                                 // once is enough
         wants check a1, send a1 complete
         unknown a1 complete
         looks a1 needs_completion
         tick 1s
         wants send a1 complete
         says a1 complete paid
         is succeeded",
    );
}

#[test]
fn approved_while_another_held_the_money() {
    check(
        "intent 20.00
         start a1 first completes no_expire
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a2 authorized
         hears a1 needs_completion
         is requires_capture
         hears a2 voided
         is processing                              // in the same breath it is wanted after all
         wants send a1 complete",
    );
}

#[test]
fn returned_without_paying() {
    check(
        "intent 20.00
         start a1 first completes
         says a1 open open door
         returns a1
         says a1 complete open
         attempt a1 open
         is requires_checkout
         returns a1                                 // gives it another try
         says a1 complete declined code:card_declined door
         attempt a1 declined
         is requires_checkout",
    );
}

#[test]
fn what_was_called_off_is_not_completed() {
    check(
        "intent 20.00
         start a1 first completes no_expire
         says a1 open open door
         cancel
         is canceled
         hears a1 needs_completion
         returns a1
         is canceled
         wants check a1                             // only a look",
    );
}

#[test]
fn a_webhook_before_the_answer() {
    check(
        "intent 20.00
         start a1
         hears a1 paid captured:20.00 id:pay_1
         is succeeded captured 20.00
         says a1 open open id:pay_1 door            // older news, whatever its date
         attempt a1 captured
         is succeeded captured 20.00
         heard payment_intent.created payment_intent.succeeded order.paid",
    );
}

#[test]
fn told_twice_and_in_the_wrong_order() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid @20s
         hears a1 paid @20s
         silent
         hears a1 pending @10s
         hears a1 open @5s
         attempt a1 captured
         wants nothing
         heard payment_intent.created payment_intent.succeeded order.paid",
    );
}

#[test]
fn a_later_open_keeps_the_money_and_asks() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid @20s
         hears a1 open @40s
         is succeeded captured 20.00
         attempt a1 captured
         later 2s
         tick 1m
         wants check a1
         looks a1 paid captured:20.00
         wants nothing
         is succeeded",
    );
}

#[test]
fn silent_about_the_capture() {
    check(
        "intent 20.00
         start a1 first silent
         says a1 open open door
         hears a1 authorized
         is succeeded captured 20.00
         heard payment_intent.created payment_intent.succeeded order.paid",
    );
    check(
        "intent 20.00 manual
         start a1 first silent
         says a1 open open door
         hears a1 authorized
         is requires_capture captured 0 capturable 20.00",
    );
}

#[test]
fn an_odd_word_may_be_money() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 word:sort_of_paid @10s
         attempt a1 unknown
         is processing
         start a2 -> wrong_status
         looks a1 paid
         is succeeded",
    );
}

#[test]
fn another_door_to_the_same_attempt() {
    check(
        "intent 20.00
         start a1
         says a1 open open door:600
         tick 20m
         hears a1 expired
         attempt a1 expired
         is requires_checkout
         reopen a1
         reopen a1
         silent
         tick 1s
         says a1 open open door
         attempt a1 open
         hears a1 paid
         is succeeded
         reopen a1 -> wrong_status",
    );
}

#[test]
fn paid_twice_by_two_attempts() {
    check(
        "intent 20.00
         start a1 first no_expire
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a2 paid
         is succeeded captured 20.00
         quarantine none
         hears a1 paid
         is succeeded captured 40.00
         quarantine paid_twice
         ledger receivable 40.00 payable -40.00
         refund 20.00                               // the surplus can go back
         is succeeded pending 20.00",
    );
}

#[test]
fn a_superseded_page_is_closed() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         start a2 second
         wants send a1 expire, send a2 open
         says a1 expire expired
         says a2 open open door
         hears a2 paid
         is succeeded captured 20.00
         attempt a1 expired
         quarantine none",
    );
}

#[test]
fn paid_on_a_superseded_page() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a1 paid
         is succeeded captured 20.00
         wants send a2 expire                       // the page that is not needed any more
         says a2 expire expired
         wants nothing",
    );
}

#[test]
fn the_cart_hears_that_the_shopper_may_try_again() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 declined                          // it waited for the shopper all the time
         is requires_checkout
         heard payment_intent.created payment_intent.attempt_declined
         start a2
         says a2 open open door
         hears a2 pending
         heard payment_intent.processing
         hears a2 declined
         is requires_checkout
         heard payment_intent.attempt_declined payment_intent.requires_checkout
         hears a2 declined
         heard
         start a3
         says a3 open open door
         hears a3 paid
         heard payment_intent.succeeded order.paid",
    );
    check(
        "intent 20.00 manual
         start a1
         says a1 open authorized door
         heard payment_intent.created payment_intent.requires_capture
         start a2 -> wrong_status
         hears a1 voided
         is canceled
         heard payment_intent.canceled",
    );
}
