//! When the processor is asked what is so, and what of it is worth recording.

use crate::table::check;

#[test]
fn a_look_that_says_the_same_records_its_date_only() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         tick 2m
         wants check a1
         looks a1 open amount:20.00
         later 10m
         tick 10m
         looks a1 open amount:20.00
         later 1h
         hears a1 declined @5m                      // older than the last look
         attempt a1 open
         is requires_checkout
         heard payment_intent.created
         hears a1 declined @13m
         attempt a1 declined",
    );
}

#[test]
fn looks_slow_down_and_quicken_with_news() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         tick 2m
         looks a1 open
         tick 10m
         looks a1 open
         later 1h
         hears a1 pending
         later 2s
         tick 2s
         looks a1 pending
         later 5s
         tick 5s
         looks a1 unknown
         later 15s
         tick 15s
         looks a1 pending
         later 30s",
    );
}

#[test]
fn a_page_that_nobody_pays_at_is_given_up_in_the_end() {
    let days = "tick 1d\n looks a1 open\n".repeat(17);
    check(&format!(
        "intent 20.00 expires 1h
         start a1 first no_expire
         says a1 open open door
         {days}
         is expired
         tick 9d
         wants nothing
         hint a1                                    // but a hint asks once more
         wants check a1
         looks a1 open
         tick 9d
         wants nothing
         hears a1 paid
         is succeeded captured 20.00"
    ));
}

#[test]
fn a_page_that_is_gone() {
    check(
        "intent 20.00 expires 1h
         start a1 first completes no_expire
         says a1 open open door
         returns a1
         says a1 complete needs_completion
         attempt a1 approved
         is processing
         looks a1 absent                            // too early to believe
         attempt a1 approved
         tick 2m
         looks a1 absent
         attempt a1 expired
         is requires_checkout
         wants nothing",
    );
}

#[test]
fn a_missing_transfer_is_still_a_transfer() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 pending
         tick 5m
         looks a1 absent
         attempt a1 pending
         is processing",
    );
}

#[test]
fn hints_ask_but_not_too_often() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hint a1
         wants check a1
         hint a1                                    // the look may be on its way: another one follows it
         hint a1
         silent
         looks a1 open
         hint a1
         wants nothing
         later 2s
         hint a1
         silent
         tick 2s
         wants check a1
         looks a1 paid
         is succeeded
         hint a1                                    // also after the end: late truth
         later 2s
         tick 2s
         wants check a1
         looks a1 paid
         wants nothing",
    );
}

#[test]
fn a_hint_is_nothing_where_nothing_can_be_looked_up() {
    check(
        "intent 20.00
         start a1 first no_lookup
         says a1 open open door
         hint a1
         silent
         returns a1
         wants nothing",
    );
}

#[test]
fn by_id_waits_for_an_id() {
    check(
        "intent 20.00
         start a1 first by_id
         says a1 open open door
         wants nothing
         tick 10m
         wants nothing
         hears a1 open id:pay_1
         later 2m",
    );
}

#[test]
fn an_answer_without_a_word_is_asked_after() {
    check(
        "intent 20.00
         start a1
         says a1 open id:pay_1
         attempt a1 unknown
         later 2s
         tick 2s
         wants check a1
         looks a1 open door
         attempt a1 open",
    );
}

#[test]
fn taken_back_by_word_is_asked_after() {
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 capture=#ch_1/succeeded/20.00 @10s
         is succeeded captured 20.00
         hears a1 capture=#ch_1/failed/20.00 @20s
         is succeeded captured 20.00
         later 2s",
    );
}

#[test]
fn a_word_that_counts_for_less_is_a_reason_to_ask() {
    // The processor dates deliveries by the second: the page closed just after the look-up that found it open.
    check(
        "intent 20.00
         start a1
         says a1 open open door
         tick 5m
         looks a1 open
         hears a1 expired @299s
         attempt a1 open
         tick 3s
         wants check a1
         looks a1 expired
         attempt a1 expired",
    );
    check(
        "intent 20.00
         start a1
         says a1 open open door
         hears a1 paid
         refund 20.00
         tick 5m
         says a1 r1 refund=r1#re_1/succeeded/20.00
         hears a1 refund=r1#re_1/failed/20.00 @299s
         refund r1 succeeded
         tick 3s
         wants check a1
         looks a1 paid refund=r1#re_1/failed/20.00
         refund r1 failed",
    );
}
