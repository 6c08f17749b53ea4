//! Lives in which the core and the second opinion of `hub/core/tests/model` once differed.

use crate::table::check;

#[test]
fn a_page_that_opens_again_is_closed_again() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         reopen a1
         tick 24h
         is expired
         says a1 expire expired
         tick 1s
         says a1 open open door                     // it was on its way when the time was over
         wants send a1 expire
         says a1 expire open                        // a no is a no
         wants nothing",
    );
}

#[test]
fn who_takes_silently_takes_what_is_reserved() {
    for (resolution, end) in
        [("accept", "is succeeded captured 15.00"), ("refund", "is canceled pending 15.00")]
    {
        check(&format!(
            "intent 20.00
             start a1 first silent
             says a1 open open door
             hears a1 authorized authorized:15.00
             quarantine amount_mismatch
             resolve {resolution}
             {end}"
        ));
    }
}

#[test]
fn a_doubt_whose_key_was_forgotten_meanwhile_is_shown() {
    check(
        "intent 20.00
         start a1 first no_lookup short_key
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         unknown a1 r1
         tick 1h                                    // nobody was there when its time came
         wants wait a1 r1
         reconsider
         wants nothing
         settle a1 done:r1
         is succeeded captured 20.00 refunded 5.00",
    );
}

#[test]
fn a_request_that_never_left_is_not_answered_by_what_looks_like_it() {
    check(
        "intent 20.00
         start a1
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         hears a1 refund=#re_9/succeeded/5.00       // made in the dashboard just before
         is succeeded captured 20.00 refunded 5.00
         wants send a1 r1
         says a1 r1 refunded:10.00 refund=r1#re_10/succeeded/5.00
         is succeeded captured 20.00 refunded 10.00",
    );
    check(
        "intent 20.00 manual
         start a1
         says a1 open authorized id:pay_1 door
         capture 5.00 more
         hears a1 paid captured:5.00 capture=#ch_9/succeeded/5.00
         is requires_capture captured 5.00
         wants send a1 c1
         says a1 c1 captured:10.00 capture=c1#ch_10/succeeded/5.00
         is requires_capture captured 10.00",
    );
}

#[test]
fn what_else_is_new_in_an_answer_is_another() {
    check(
        "intent 20.00
         start a1
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         says a1 r1 refunded:10.00 refund=#re_9/succeeded/5.00 refund=r1#re_10/succeeded/5.00
         is succeeded captured 20.00 refunded 10.00",
    );
}

#[test]
fn a_failure_that_was_seen_before_the_answer_is_ours_by_the_answer() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open authorized id:pay_1 door
         capture 20.00
         interrupted a1 c1 1s
         looks a1 authorized capture=#ch_1/failed/20.00
         says a1 c1 capture=#ch_1/failed/20.00
         capture c1 failed",
    );
}

#[test]
fn the_lost_answer_of_a_second_opening_is_found_out() {
    check(
        "intent 20.00
         start a1
         says a1 open open door @1s
         hears a1 declined @2s
         reopen a1
         tick 10s
         unknown a1 open
         tick 1s
         wants send a1 open
         unknown a1 open
         tick 2s
         wants look a1 open
         looks a1/open declined @2s                 // too early to believe
         tick 10m
         looks a1/open declined @2s
         wants nothing",
    );
}

#[test]
fn a_second_opening_in_doubt_may_have_arrived() {
    check(
        "intent 20.00
         start a1 first orphan_payable
         unsent a1 open credentials
         attempt a1 not_sent
         reopen a1
         unknown a1 open
         attempt a1 unknown
         start a2 -> wrong_status",
    );
}

#[test]
fn what_is_left_of_a_reservation_is_looked_at() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open authorized id:pay_1 door
         capture 5.00 more
         says a1 c1 paid captured:5.00 capture=c1#ch_1/succeeded/5.00
         is requires_capture captured 5.00 capturable 15.00
         tick 2s
         looks a1 paid captured:5.00
         later 12h
         looks a1 paid captured:5.00 capture=c1#ch_1/succeeded/5.00 void=#vo_1/succeeded
         is succeeded captured 5.00",
    );
}

#[test]
fn who_comes_back_too_early_and_approves_then_has_paid() {
    check(
        "intent 20.00
         start a1 first completes
         says a1 open open door
         returns a1
         says a1 complete open
         is requires_checkout
         tick 2s
         looks a1 needs_completion
         is processing
         wants send a1 complete
         says a1 complete paid captured:20.00
         is succeeded captured 20.00",
    );
}

#[test]
fn a_hint_is_good_until_the_processor_has_answered() {
    check(
        "intent 20.00
         start a1
         says a1 open paid captured:20.00 id:pay_1 door
         hint a1
         wants check a1
         looks a1 unknown
         later 5s
         tick 5s
         looks a1 unsent
         later 15s
         tick 15s
         looks a1 paid captured:20.00 refunded:5.00 refund=#re_1/succeeded/5.00
         is succeeded captured 20.00 refunded 5.00
         wants nothing",
    );
}

#[test]
fn a_page_that_was_shown_a_moment_ago_is_not_gone() {
    check(
        "intent 20.00
         start a1
         unknown a1 open
         tick 2m
         says a1 open open door                     // the first try was lost, the second one was not
         tick 5s
         looks a1 absent
         attempt a1 open
         tick 1m
         looks a1 absent
         attempt a1 expired",
    );
}

#[test]
fn a_second_opening_in_doubt_can_be_settled_by_hand() {
    check(
        "intent 20.00
         start a1 first by_id short_key
         says a1 open open door id:pay_1 @1s
         hears a1 declined @2s
         reopen a1
         tick 10s
         unknown a1 open
         tick 1h
         reconsider
         settle a1 not_paid
         attempt a1 expired
         settle a1 not_paid -> cannot_settle",
    );
}

#[test]
fn a_look_that_a_hint_asked_for_is_made_whatever_is_heard_before_it() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         tick 5s
         hint a1
         hears a1 expired
         wants check a1
         hint a1                                    // it is on its way, and may miss what happens now
         looks a1 expired
         later 2s
         tick 2s
         looks a1 paid
         is succeeded captured 20.00",
    );
}

#[test]
fn a_decline_from_before_a_second_opening_may_have_left_says_nothing_of_it() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         reopen a1
         tick 1m
         looks a1 declined @30s
         interrupted a1 open 1m                     // it left before that decline, or after it
         tick 1s
         wants send a1 open
         says a1 open open door
         wants nothing",
    );
}

#[test]
fn an_approval_at_a_page_that_was_not_seen_is_waited_for() {
    check(
        "intent 20.00
         start a1 first completes
         unknown a1 open
         tick 2m
         returns a1
         is processing
         looks a1/open absent
         is processing
         start a2 -> wrong_status",
    );
}

#[test]
fn a_doubt_that_no_answer_ends_is_shown_to_a_person() {
    // It has no keys, states no totals, and its list is silent about the refund: nothing proves that it is not there.
    let silent = "looks a1/r1 paid\n";
    let mut story = "intent 20.00
         start a1 first keyless
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         unknown a1 r1\n"
        .to_owned();
    for wait in ["1s", "2s", "5s", "15s", "30s", "30s", "30s", "30s", "5m", "15m", "1h", "6h"] {
        story.push_str(&format!("person nothing\n tick {wait}\n {silent}"));
    }
    check(&format!(
        "{story}
         person a1 r1
         tick 1d
         {silent}
         person a1 r1
         settle a1 done:r1
         person nothing
         is succeeded captured 20.00 refunded 5.00
         hears a1 refund=#re_1/succeeded/5.00
         is succeeded captured 20.00 refunded 5.00"
    ));
    // Whatever ends it takes it off the list.
    for end in ["looks a1/r1 paid refund=r1#re_1/succeeded/5.00", "looks a1/r1 paid refunded:0"] {
        check(&format!("{story}\n person a1 r1\n tick 1d\n {end}\n person nothing"));
    }
    // Who was never shown a page cannot pay there; where its address was mailed, somebody may.
    for (flags, person) in [("", "person nothing"), ("orphan_payable", "person a1 open")] {
        check(&format!(
            "intent 20.00 expires 30d
             start a1 first {flags}
             {}{person}",
            "unknown a1 open\n tick 1d\n".repeat(13)
        ));
    }
}

#[test]
fn what_only_looks_like_ours_is_looked_at_once_more() {
    let doubt = "intent 20.00
         start a1
         says a1 open paid captured:20.00 id:pay_1 door
         refund 5.00
         unknown a1 r1
         hears a1 refund=#re_1/succeeded/5.00       // made in the dashboard while ours was on its way
         is succeeded captured 20.00 refunded 5.00
         wants check a1";
    let both = "looks a1 paid captured:20.00 refunded:10.00 refund=#re_1/succeeded/5.00 \
                refund=r1#re_2/succeeded/5.00";
    check(&format!(
        "{doubt}
         looks a1 unknown                           // a look is good when it is answered
         tick 5s
         {both}
         is succeeded captured 20.00 refunded 10.00
         wants nothing"
    ));
    // It fails: ours, until the processor was asked whether it was ours.
    check(&format!(
        "{doubt}
         hears a1 refund=#re_1/failed/5.00 @5s
         refund r1 succeeded
         looks a1 paid captured:20.00 refund=#re_1/failed/5.00 refund=r1#re_2/succeeded/5.00 @6s
         refund r1 succeeded
         is succeeded captured 20.00 refunded 5.00"
    ));
    check(&format!(
        "{doubt}
         hears a1 refund=#re_1/failed/5.00 @5s
         looks a1 paid captured:20.00 refund=#re_1/failed/5.00 @6s
         refund r1 succeeded                        // that look may have been on its way already
         tick 2s
         looks a1 paid captured:20.00 refund=#re_1/failed/5.00 @8s
         refund r1 failed
         is succeeded captured 20.00 refunded 0
         wants nothing"
    ));
    check(
        "intent 20.00 manual
         start a1
         says a1 open authorized id:pay_1 door
         capture 5.00 more
         unknown a1 c1
         hears a1 paid capture=#ch_1/succeeded/5.00
         is requires_capture captured 5.00
         wants check a1
         looks a1 paid captured:10.00 capture=#ch_1/succeeded/5.00 capture=c1#ch_2/succeeded/5.00
         is requires_capture captured 10.00 capturable 10.00",
    );
}

#[test]
fn two_equal_refunds_that_change_names_are_two() {
    let told = "intent 20.00
         start a1
         says a1 open paid captured:20.00 id:pay_1 door
         refund 7.00
         unknown a1 r1
         looks a1 paid refund=#re_1/succeeded/7.00 refund=#re_2/succeeded/7.00
         refund r1 succeeded
         is succeeded captured 20.00 refunded 14.00";
    for named in ["refund=r1#re_1/succeeded/7.00", "refund=r1#re_2/succeeded/7.00"] {
        check(&format!(
            "{told}
             hears a1 {named}
             is succeeded captured 20.00 refunded 14.00
             ledger receivable 6.00 payable -6.00
             hears a1 refund=#re_1/failed/7.00 @1h
             tick 2s
             looks a1 paid refund=#re_1/failed/7.00 @1h
             is succeeded captured 20.00 refunded 7.00"
        ));
    }
}

#[test]
fn a_refund_that_another_was_taken_for_is_looked_at_until_it_ends() {
    check(
        "intent 20.00
         start a1
         says a1 open paid captured:20.00 id:pay_1 door
         refund 7.00
         unknown a1 r1
         looks a1 paid refund=#re_1/succeeded/7.00 refund=#re_2/pending/7.00
         refund r1 succeeded
         is succeeded captured 20.00 refunded 7.00 pending 7.00
         hears a1 refund=r1#re_2/pending/7.00
         refund r1 succeeded
         refund r2 succeeded
         tick 5s
         wants check a1
         looks a1 paid refund=#re_1/succeeded/7.00 refund=r1#re_2/failed/7.00
         refund r1 failed
         is succeeded captured 20.00 refunded 7.00
         wants nothing",
    );
}

#[test]
fn the_failure_of_one_that_looks_like_ours_does_not_fail_what_is_in_doubt() {
    for lookup in ["", " first no_lookup"] {
        check(&format!(
            "intent 20.00
             start a1{lookup}
             says a1 open paid captured:20.00 id:pay_1 door
             refund 5.00
             unknown a1 r1
             hears a1 refund=#re_9/pending/5.00         // somebody's in the dashboard
             hears a1 refund=#re_9/failed/5.00
             refund r1 pending
             says a1 r1 refund=r1#re_10/succeeded/5.00
             is succeeded captured 20.00 refunded 5.00"
        ));
    }
}
