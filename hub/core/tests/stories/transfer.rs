//! Bank transfers: the details are shown by the hub itself, nobody is asked, and an operator says what came.

use crate::table::check;

#[test]
fn the_details_wait_for_an_operator_and_cost_nothing() {
    check(
        "intent 20.00 expires 7d
         start a1 first transfer
         says a1 open open door
         is requires_checkout
         attempt a1 open
         wants nothing
         returns a1                                 // nobody knows more after that
         hint a1
         is requires_checkout
         wants nothing
         later 7d                                   // nothing but the end of its time is due
         settle a1 paid:20.00
         is succeeded captured 20.00
         heard payment_intent.created payment_intent.succeeded order.paid
         ledger receivable 20.00 payable -20.00
         wants nothing
         settle a1 paid:20.00 -> cannot_settle
         refund 20.00 -> not_supported
         is succeeded captured 20.00",
    );
}

#[test]
fn what_was_interrupted_is_done_again() {
    // Nothing was ever sent, so that nothing can have happened twice, however long ago it was.
    check(
        "intent 20.00
         start a1 first transfer
         interrupted a1 open 2d
         attempt a1 unknown
         tick 1m
         wants send a1 open
         unknown a1 open
         tick 1h
         wants send a1 open
         says a1 open open door
         attempt a1 open
         wants nothing",
    );
}

#[test]
fn money_that_comes_after_the_time_is_over() {
    let late = "
        start a1 first transfer
        says a1 open open door
        tick 2d
        is expired
        attempt a1 open
        wants nothing
        tick 90d
        wants nothing
        settle a1 paid:20.00";
    check(&format!(
        "intent 20.00
         {late}
         is succeeded captured 20.00
         quarantine none"
    ));
    for policy in ["hold", "refund"] {
        // What is to be given back cannot be, so that it waits for a person whatever the policy is.
        check(&format!(
            "intent 20.00
             policies paid_late:{policy}
             {late}
             is expired captured 20.00
             quarantine paid_late
             ledger receivable 20.00 payable -20.00
             resolve refund -> not_supported
             resolve accept
             is succeeded captured 20.00
             quarantine none"
        ));
    }
}

#[test]
fn money_that_comes_after_the_cart_canceled() {
    check(
        "intent 20.00
         start a1 first transfer
         says a1 open open door
         cancel
         is canceled                                // a page that cannot be closed blocks nothing
         wants nothing
         settle a1 paid:20.00
         is succeeded captured 20.00",
    );
}

#[test]
fn another_amount_is_held() {
    for (came, captured) in [("19.99", "0"), ("20.01", "0"), ("0.01", "0"), ("20.00", "20.00")] {
        let held = if came == "20.00" { "none" } else { "amount_mismatch" };
        check(&format!(
            "intent 20.00
             start a1 first transfer
             says a1 open open door
             settle a1 paid:{came}
             quarantine {held}
             is {} captured {captured}",
            if held == "none" { "succeeded" } else { "requires_checkout" },
        ));
    }
    // Accepted, it is what was paid. No more is taken for it.
    check(
        "intent 20.00
         start a1 first transfer
         says a1 open open door
         settle a1 paid:15.00
         quarantine amount_mismatch
         start a2 second -> quarantined
         resolve refund -> not_supported
         resolve accept
         is succeeded captured 15.00
         quarantine none",
    );
    // The rest came by a second transfer: what counts is all that came.
    check(
        "intent 20.00
         start a1 first transfer
         says a1 open open door
         settle a1 paid:15.00
         quarantine amount_mismatch
         tick 1d
         settle a1 paid:20.00
         resolve accept
         is succeeded captured 20.00
         quarantine none",
    );
}

#[test]
fn the_shopper_pays_otherwise_after_all() {
    check(
        "intent 20.00
         start a1 first transfer
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a2 paid
         is succeeded captured 20.00
         settle a1 paid:20.00                        // and transferred as well
         quarantine paid_twice
         is succeeded captured 40.00",
    );
    check(
        "intent 20.00
         start a1 first transfer
         says a1 open open door
         settle a1 not_paid
         attempt a1 expired
         is requires_checkout
         settle a1 not_paid -> cannot_settle
         settle a1 paid:20.00                        // it came all the same
         is succeeded captured 20.00",
    );
}
