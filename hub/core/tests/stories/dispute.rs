//! The shopper's bank takes money back: a fact beside the status.

use crate::table::check;

const PAID: &str = "intent 20.00
     start a1
     says a1 open open door
     hears a1 paid captured:20.00
     heard payment_intent.created payment_intent.succeeded order.paid
     ";

fn paid(story: &str) {
    check(&format!("{PAID}{story}"));
}

#[test]
fn opened_and_won() {
    paid(
        "hears a1 dispute=#dp_1/pending/20.00 @1d
         is succeeded disputed 20.00
         heard dispute.opened
         ledger receivable 0 payable -20.00 held 20.00
         refund 1.00 -> exceeds_captured            // the bank has it already
         tick 2d
         wants check a1
         hears a1 dispute=#dp_1/failed/20.00 @2d
         is succeeded disputed 0
         heard dispute.won
         ledger receivable 20.00 payable -20.00 held 0
         refund 1.00",
    );
}

#[test]
fn opened_and_lost() {
    paid(
        "refund 5.00
         says a1 r1 refund=r1/succeeded/5.00
         hears a1 dispute=#dp_1/pending/15.00 @1d
         hears a1 dispute=#dp_1/succeeded/15.00 @30d
         is succeeded refunded 5.00 disputed 15.00
         heard refund.created refund.succeeded dispute.opened dispute.lost
         ledger receivable 0 payable 0 held 0
         refund 1.00 -> exceeds_captured",
    );
}

#[test]
fn lost_and_then_won_after_all() {
    paid(
        "hears a1 dispute=#dp_1/succeeded/20.00 @10d
         heard dispute.opened dispute.lost
         hears a1 dispute=#dp_1/failed/20.00 @20d
         heard dispute.won
         ledger receivable 20.00 payable -20.00 held 0",
    );
}

#[test]
fn an_amount_that_is_not_said_or_foreign_is_all_of_it() {
    for amount in ["", "/18.00EUR"] {
        paid(&format!(
            "hears a1 dispute=#dp_1/pending{amount}
             is succeeded disputed 20.00
             quarantine none"
        ));
    }
}

#[test]
fn a_part() {
    paid(
        "hears a1 dispute=#dp_1/pending/5.00
         refund 15.01 -> exceeds_captured
         refund 15.00
         says a1 r1 refund=r1/succeeded/15.00
         is succeeded refunded 15.00 disputed 5.00
         ledger receivable 0 payable -5.00 held 5.00",
    );
}
