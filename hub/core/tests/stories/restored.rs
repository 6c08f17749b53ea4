//! A payment out of a backup: its processor is asked first, and nothing is done twice.

use crate::table::check;

const PAID: &str = "intent 20.00
     start a1
     says a1 open open door
     hears a1 paid captured:20.00
     ";

#[test]
fn what_was_given_back_since_bounds_what_can_be_given_back() {
    check(&format!(
        "{PAID}restored
         wants check a1
         refund 5.00 -> reconciling
         looks a1 unknown
         refund 5.00 -> reconciling
         tick 5s
         wants check a1
         looks a1 paid captured:20.00 refunded:15.00 refund=#re_1/succeeded/15.00
         is succeeded refunded 15.00
         refund 5.01 -> exceeds_captured
         refund 5.00
         says a1 r2 refund=r2#re_2/succeeded/5.00
         is succeeded refunded 20.00 pending 0"
    ));
}

#[test]
fn what_was_paid_since_is_learned_without_a_webhook() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         restored
         cancel -> reconciling
         reopen a1 -> reconciling
         wants check a1
         looks a1 paid captured:20.00
         is succeeded captured 20.00
         wants nothing",
    );
}

#[test]
fn what_was_to_be_sent_may_have_been_sent_since() {
    check(&format!(
        "{PAID}refund 5.00
         wants send a1 r1
         restored
         tick 1s
         wants check a1, send a1 r1                 // under the key that it had
         looks a1 paid captured:20.00 refunded:5.00 refund=r1#re_1/succeeded/5.00
         refund r1 succeeded
         is succeeded refunded 5.00 pending 0
         wants nothing"
    ));
}

#[test]
fn an_end_of_long_ago_is_left_alone() {
    let days = "tick 1d\n looks a1 open\n".repeat(17);
    check(&format!(
        "intent 20.00 expires 1h
         start a1 first no_expire
         says a1 open open door
         {days}
         is expired
         restored
         wants nothing"
    ));
}

/// The processor may never answer again: then an operator has asked it in another way.
#[test]
fn an_operator_may_answer_for_the_processor() {
    check(&format!(
        "{PAID}restored
         settle a1 paid:20.01 -> cannot_settle
         settle a1 not_paid -> cannot_settle
         refund 5.00 -> reconciling
         settle a1 paid:20.00
         is succeeded captured 20.00
         refund 5.00"
    ));
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 declined
         restored
         start a2 -> reconciling
         settle a1 not_paid
         start a2",
    );
}

/// Which of the cart's keys the hub has forgotten nobody knows. What may be a repeat of what was found is refused, and
/// another one has to be asked for by that name.
#[test]
fn what_was_found_is_not_asked_for_again() {
    let found = format!(
        "{PAID}refund 1.00
         says a1 r1 refund=r1#re_0/succeeded/1.00
         restored
         looks a1 paid captured:20.00 refunded:4.00 refund=r1#re_0/succeeded/1.00 refund=#re_1/succeeded/3.00
         is succeeded refunded 4.00
         "
    );
    check(&format!(
        "{found}refund 3.00 -> found_after_restore
         refund -> found_after_restore
         refund 16.01 -> exceeds_captured
         refund 1.00                                // is known, with its key
         refund 3.00 another
         is succeeded refunded 4.00 pending 4.00"
    ));
    // Restored once more, from a backup of afterwards: the keys of before are still forgotten.
    check(&format!(
        "{found}restored
         looks a1 paid captured:20.00 refunded:4.00
         refund 3.00 -> found_after_restore
         refund 2.00"
    ));
    // Of a total nobody knows how many refunds it is.
    check(&format!(
        "{PAID}restored
         looks a1 paid captured:20.00 refunded:3.00
         refund 3.00 -> found_after_restore
         refund 2.00 -> found_after_restore
         refund 3.01"
    ));
    // What failed gave nothing back.
    check(&format!(
        "{PAID}restored
         looks a1 paid captured:20.00 refund=#re_1/failed/3.00
         refund 3.00"
    ));
    // Whoever was never restored is asked nothing.
    check(&format!(
        "{PAID}looks a1 paid captured:20.00 refund=#re_1/succeeded/3.00
         refund 3.00"
    ));
}

#[test]
fn a_part_that_was_captured_since_is_not_captured_again() {
    check(
        "intent 20.00 manual
         start a1
         says a1 open open door
         hears a1 authorized authorized:20.00
         restored
         capture 5.00 more -> reconciling
         looks a1 authorized captured:5.00 capture=#ch_1/succeeded/5.00
         is requires_capture captured 5.00 capturable 15.00
         capture 5.00 more -> found_after_restore
         capture -> found_after_restore
         capture 15.01 -> exceeds_authorized
         capture 4.00 more
         capture 5.00 more another
         is requires_capture captured 5.00 capturable 6.00",
    );
}

/// The merchant may have heard more than the backup knows: numbers of events are never told again, also of payments
/// about which nobody is asked.
#[test]
fn the_numbers_of_events_leap() {
    check(
        "intent 20.00
         restored
         tick 2s
         restored
         cancel
         is canceled
         heard payment_intent.created payment_intent.canceled",
    );
}
