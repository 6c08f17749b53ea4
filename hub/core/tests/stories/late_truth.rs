//! What processors say against what was decided meanwhile: it is recorded, it is shown, and it can be stored.

use crate::table::check;

#[test]
fn a_transfer_that_failed_and_was_asked_again_succeeds_after_all() {
    for failed in ["says a1 r1 refund=r1#re_1/failed/20.00 @10s", "unknown a1 r1\n settle a1 not_done:r1"] {
        check(&format!(
            "intent 20.00
             start a1
             says a1 open open door
             hears a1 paid
             refund 20.00
             {failed}
             refund r1 failed
             refund 20.00
             hears a1 refund=r1#re_1/succeeded/20.00 @20s
             refund r1 succeeded
             is succeeded refunded 20.00 pending 20.00
             says a1 r2 refund=r2#re_2/succeeded/20.00 @30s
             is succeeded refunded 40.00
             quarantine refund_exceeds_captured"
        ));
    }
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         capture 20.00
         unknown a1 c1
         settle a1 not_done:c1
         capture 20.00
         hears a1 capture=c1#ch_1/succeeded/20.00 @20s
         capture c1 succeeded
         is requires_capture captured 20.00",
    );
}

#[test]
fn a_transfer_of_more_than_was_asked_is_accepted() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         refund 20.00
         says a1 r1 refund=r1#re_1/succeeded/25.00
         quarantine amount_mismatch
         resolve accept
         is succeeded refunded 25.00
         ledger receivable -5.00
         quarantine refund_exceeds_captured",
    );
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         capture 20.00
         says a1 c1 capture=c1#ch_1/pending/25.00
         quarantine amount_mismatch
         resolve accept
         quarantine none
         hears a1 capture=c1#ch_1/succeeded/25.00
         is succeeded captured 25.00",
    );
}

#[test]
fn money_that_comes_after_everything_was_to_be_given_back_is_shown() {
    // Nothing was taken yet when an operator called it off.
    check(
        "intent 20.00
         start a1
         says a1 open open amount:19.99 door
         quarantine amount_mismatch
         resolve refund
         quarantine none
         is canceled captured 0
         wants send a1 expire
         hears a1 paid captured:19.99
         is canceled captured 19.99
         quarantine return_failed
         resolve refund
         is canceled pending 19.99
         quarantine none",
    );
    // A reservation that should have been released was taken instead.
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized authorized:15.00
         resolve refund
         unknown a1 void
         hears a1 paid captured:15.00
         is canceled captured 15.00
         quarantine return_failed",
    );
    // A second late payment, while the first one's return is in doubt for good.
    check(
        "intent 20.00
         policies paid_late:refund
         start a1 first no_expire no_lookup keyless
         says a1 open open door
         start a2 second no_expire
         says a2 open open door
         tick 2d
         is expired
         hears a1 paid
         is expired pending 20.00
         unknown a1 r1
         hears a2 paid
         is expired captured 40.00
         quarantine return_failed
         resolve refund
         is expired pending 40.00
         quarantine none",
    );
}

#[test]
fn what_the_cart_captures_itself_is_never_late() {
    for policy in ["refund", "hold"] {
        check(&format!(
            "intent 20.00 manual expires 1h
             policies paid_late:{policy}
             start a1
             says a1 open open door
             hears a1 pending
             tick 2h
             is processing
             hears a1 authorized
             is requires_capture
             capture 20.00
             says a1 c1 capture=c1#ch_1/succeeded/20.00
             quarantine none
             is succeeded captured 20.00 pending 0"
        ));
    }
}

#[test]
fn money_that_a_bank_took_back_is_no_surplus() {
    for policy in ["", "policies paid_twice:refund_later"] {
        check(&format!(
            "intent 20.00
             {policy}
             start a1 first no_expire
             says a1 open open door
             start a2 second
             says a2 open open door
             hears a1 paid @10s
             hears a1 dispute=#dp_1/succeeded/20.00
             hears a2 paid @20s
             quarantine paid_twice                 // a person looks
             is succeeded captured 40.00 pending 0
             resolve refund -> cannot_resolve
             resolve accept
             quarantine none"
        ));
    }
}

#[test]
fn paid_again_after_it_was_given_back() {
    check(
        "intent 20.00
         policies paid_twice:refund_later
         start a1 first no_expire
         says a1 open open door
         start a2 second
         says a2 open open door
         hears a1 paid @10s
         refund 20.00
         says a1 r1 refund=r1#re_1/succeeded/20.00 @15s
         heard payment_intent.created payment_intent.succeeded order.paid refund.created refund.succeeded
         hears a2 paid @20s
         is succeeded captured 40.00 refunded 20.00
         quarantine paid_twice
         heard payment_intent.quarantined",
    );
    // What was accepted was what the shop keeps, not all that ever came.
    check(
        "intent 20.00
         start a1 first no_expire
         says a1 open open door
         start a2 second no_expire
         says a2 open open door
         start a3 third
         says a3 open open door
         hears a1 paid @10s
         hears a2 paid @20s
         refund 20.00
         resolve accept
         quarantine none
         hears a3 paid @30s
         quarantine paid_twice
         resolve refund
         is succeeded captured 60.00 pending 40.00",
    );
}

#[test]
fn an_accepted_amount_is_no_license_for_other_refunds() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid captured:25.00
         resolve accept
         is succeeded captured 25.00
         refund 20.00
         says a1 r1 refund=r1#re_1/succeeded/25.00
         quarantine amount_mismatch",
    );
}

#[test]
fn a_release_that_was_not_made_can_be_said_twice() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized
         cancel
         unknown a1 void
         settle a1 not_done:void
         last_error cancel_failed
         is requires_capture capturable 20.00
         cancel
         unknown a1 void
         settle a1 not_done:void
         is requires_capture capturable 20.00",
    );
}

#[test]
fn a_no_to_a_repeat_says_nothing_about_the_first_try() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         refund 20.00
         unknown a1 r1
         absent a1 r1                               // too early to believe
         refund r1 pending
         refund 20.00 -> exceeds_captured
         tick 2m
         absent a1 r1
         refund r1 failed
         is succeeded pending 0",
    );
}

#[test]
fn a_transfer_that_nobody_tells_of_is_settled_by_hand() {
    check(
        "intent 20.00
         start a1 first no_lookup
         says a1 open open door
         hears a1 paid
         refund 5.00
         says a1 r1 refund=r1#re_1/pending/5.00
         wants nothing
         refund r1 pending
         settle a1 done:r1
         refund r1 succeeded
         is succeeded refunded 5.00
         settle a1 not_done:r1 -> cannot_settle",
    );
}

/// However often a shopper comes back, a payment does not grow without end.
#[test]
fn a_shopper_who_comes_back_for_ever() {
    let back = "returns a1\n says a1 complete open\n";
    check(&format!(
        "intent 20.00
         start a1 first completes
         says a1 open open door
         {}
         tick 2m
         returns a1
         wants check a1                             // asked, but not told to complete once more",
        back.repeat(50)
    ));
    let again = "reopen a1\n says a1 open open door\n";
    check(&format!(
        "intent 20.00
         start a1
         says a1 open open door
         {}
         reopen a1 -> too_many_attempts",
        again.repeat(49)
    ));
}

#[test]
fn hints_that_bring_no_news_are_asked_after_more_and_more_rarely() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hint a1
         looks a1 open
         hint a1
         later 2s
         tick 2s
         looks a1 open
         hint a1
         later 5s
         tick 5s
         looks a1 open
         hint a1
         later 15s
         tick 15s
         looks a1 open
         hint a1
         later 30s
         tick 30s
         looks a1 open
         hint a1
         later 30s
         hears a1 pending                           // news: everything is soon again
         later 2s",
    );
}

/// A total that counts only what is done says nothing about a refund that is under way there.
#[test]
fn one_under_way_that_nobody_can_name_is_not_sent_again() {
    let story = |said: &str, wants: &str| {
        check(&format!(
            "intent 20.00
             start a1 first keyless
             says a1 open open door
             hears a1 paid
             refund 5.00
             unknown a1 r1
             tick 2m
             looks a1/r1 {said}
             refund r1 pending
             tick 1d
             wants check a1, {wants}"
        ));
    };
    story("paid refunded:0.00 refund=#re_9/pending", "look a1 r1");
    story("paid refunded:0.00", "send a1 r1");
}
