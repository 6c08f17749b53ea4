//! Every event code of Adyen's webhooks, with either outcome, and what it means in ours.

use processor_sdk::{DeclineCode, Fault, ItemKind, ItemState, Reference, ReferenceKind, Reply, Says, Word};
use serde_json::json;

use crate::support::*;

/// What an item says, in a few words.
fn meaning(code: &str, success: &str) -> String {
    // As it comes for a thing done to a payment, under the payment's own reference.
    let said = match received(delivery(&[signed(done(code, success, ECHO))])) {
        Reply::Notifications(mut said) => said.remove(0),
        Reply::Fault(Fault::Unreadable { .. }) => return "a person has to look".to_owned(),
        other => panic!("{code}: {other:?}"),
    };
    match said.says {
        Says::Ignored { .. } => "ignored".to_owned(),
        Says::Changed => "ask".to_owned(),
        Says::Facts(facts) => {
            let items = facts.items.iter().map(|item| format!("{:?} {:?}", item.kind, item.state));
            let word = facts.word.iter().map(|word| format!("{word:?}"));
            let decline = facts.decline.iter().map(|decline| format!("{:?}", decline.code));
            word.chain(decline).chain(items).collect::<Vec<_>>().join(", ")
        }
    }
}

#[test]
fn event_codes() {
    // The code, and what it means with success `true` and `false`. All codes of the published description.
    for (code, done, not_done) in [
        (AUTHORIZATION, "Authorized", "CardDeclined"),
        ("CAPTURE", "Capture Succeeded", "Capture Failed"),
        // Success here says that the failure is so.
        ("CAPTURE_FAILED", "Capture Failed", "Capture Failed"),
        ("CANCELLATION", "Voided, Void Succeeded", "Void Failed"),
        ("TECHNICAL_CANCEL", "Voided, Void Succeeded", "Void Failed"),
        ("EXPIRE", "Voided, Void Succeeded", "ask"),
        ("REFUND", "Refund Succeeded", "Refund Failed"),
        ("REFUND_FAILED", "Refund Failed", "ask"),
        ("REFUNDED_REVERSED", "Refund Failed", "ask"),
        ("REQUEST_FOR_INFORMATION", "Dispute Pending", "ask"),
        ("NOTIFICATION_OF_CHARGEBACK", "Dispute Pending", "ask"),
        ("CHARGEBACK", "Dispute Pending", "ask"),
        ("CHARGEBACK_REVERSED", "Dispute Failed", "ask"),
        ("SECOND_CHARGEBACK", "Dispute Succeeded", "ask"),
        ("PREARBITRATION_OPEN", "Dispute Pending", "ask"),
        ("PREARBITRATION_WON", "Dispute Failed", "ask"),
        ("PREARBITRATION_LOST", "Dispute Succeeded", "ask"),
        ("DISPUTE_DEFENSE_PERIOD_ENDED", "Dispute Pending", "ask"),
        ("CANCEL_OR_REFUND", "a person has to look", "ask"),
        ("OFFER_CLOSED", "ask", "ask"),
        (ADJUSTMENT, "ask", "ask"),
        ("POSTPONED_REFUND", "ask", "ask"),
        ("VOID_PENDING_REFUND", "ask", "ask"),
        ("AUTHENTICATION", "ignored", "ignored"),
        ("AUTORESCUE", "ignored", "ignored"),
        ("CANCEL_AUTORESCUE", "ignored", "ignored"),
        ("HANDLED_EXTERNALLY", "ignored", "ignored"),
        ("INFORMATION_SUPPLIED", "ignored", "ignored"),
        ("ISSUER_COMMENTS", "ignored", "ignored"),
        ("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", "ignored", "ignored"),
        ("MANUAL_REVIEW_ACCEPT", "ignored", "ignored"),
        ("MANUAL_REVIEW_REJECT", "ignored", "ignored"),
        ("NOTIFICATION_OF_FRAUD", "ignored", "ignored"),
        ("ORDER_CLOSED", "ignored", "ignored"),
        ("ORDER_OPENED", "ignored", "ignored"),
        ("PAYOUT_DECLINE", "ignored", "ignored"),
        ("PAYOUT_EXPIRE", "ignored", "ignored"),
        ("PAYOUT_THIRDPARTY", "ignored", "ignored"),
        ("RECURRING_CONTRACT", "ignored", "ignored"),
        ("REFUND_WITH_DATA", "ignored", "ignored"),
        ("REPORT_AVAILABLE", "ignored", "ignored"),
        ("capture", "ignored", "ignored"),
        ("SOMETHING_NEW", "ignored", "ignored"),
    ] {
        assert_eq!(meaning(code, "true"), done, "{code} true");
        assert_eq!(meaning(code, "false"), not_done, "{code} false");
        // Neither of the two is no outcome.
        for success in ["", "TRUE", "maybe"] {
            let unclear = if done == "ignored" { "ignored" } else { "ask" };
            assert_eq!(meaning(code, success), unclear, "{code} {success:?}");
        }
    }
}

#[test]
fn an_authorization_names_the_payment_and_its_amount() {
    let facts = said(item(AUTHORIZATION, "true", json!({})));
    let amount = processor_sdk::Money::new(1234, processor_sdk::Currency::EUR).unwrap();
    assert_eq!(facts.word, Some(Word::Authorized));
    assert_eq!((facts.amount, facts.authorized, facts.captured), (Some(amount), Some(amount), None));
    assert_eq!(facts.references, [Reference::new(ReferenceKind::Payment, PAYMENT)].into());
}

#[test]
fn what_is_done_names_itself_the_payment_and_our_transfer() {
    for (code, reference, kind, id_kind) in [
        ("CAPTURE", "att1-cap1", ItemKind::Capture, Some(ReferenceKind::Capture)),
        ("CAPTURE_FAILED", "att1-cap1", ItemKind::Capture, Some(ReferenceKind::Capture)),
        ("REFUND", "att1-re1", ItemKind::Refund, Some(ReferenceKind::Refund)),
        ("REFUND_FAILED", "att1-re1", ItemKind::Refund, Some(ReferenceKind::Refund)),
        ("REFUNDED_REVERSED", "att1-re1", ItemKind::Refund, Some(ReferenceKind::Refund)),
        ("CANCELLATION", "att1", ItemKind::Void, None),
        ("CHARGEBACK", "att1", ItemKind::Dispute, Some(ReferenceKind::Dispute)),
        // A dispute of a captured part: the transfer's id is not the dispute's.
        ("CHARGEBACK", "att1-cap1", ItemKind::Dispute, Some(ReferenceKind::Dispute)),
    ] {
        let notification = notification(done(code, "true", reference));
        assert_eq!(notification.echo.as_deref(), Some(ECHO), "{code}");
        let Says::Facts(facts) = notification.says else { panic!("{code}") };
        let item = only(&facts);
        let transfer = reference.strip_prefix("att1-").filter(|_| kind != ItemKind::Dispute);
        assert_eq!(
            (item.kind, item.id.as_deref(), item.echo.as_deref()),
            (kind, Some(MODIFICATION), transfer)
        );
        let amount = item.amount.unwrap();
        assert_eq!((amount.minor(), amount.currency().code()), (500, "EUR"), "{code}");
        let told = (code == "CAPTURE_FAILED" || kind == ItemKind::Dispute).then_some(code);
        assert_eq!(item.reason.as_deref(), told, "{code}");
        let payment = Reference::new(ReferenceKind::Payment, PAYMENT);
        let own = id_kind.map(|kind| Reference::new(kind, MODIFICATION));
        let expected: std::collections::BTreeSet<_> = own.into_iter().chain([payment]).collect();
        assert_eq!(facts.references, expected, "{code} {reference}");
        assert_eq!(notification.references, Vec::from_iter(expected), "{code} {reference}");
    }
}

#[test]
fn a_dispute_is_followed_under_one_id_to_its_end() {
    for (code, state) in [
        ("REQUEST_FOR_INFORMATION", ItemState::Pending),
        ("NOTIFICATION_OF_CHARGEBACK", ItemState::Pending),
        ("CHARGEBACK", ItemState::Pending),
        // Defended, but the bank may come again: then it is lost after all.
        ("CHARGEBACK_REVERSED", ItemState::Failed),
        ("SECOND_CHARGEBACK", ItemState::Succeeded),
        ("PREARBITRATION_WON", ItemState::Failed),
    ] {
        // Later stages do not name the payment any more, only our reference and the dispute.
        let changes = json!({"pspReference": "9915555555555555"});
        let facts = said(item(code, "true", changes));
        let item = only(&facts);
        assert_eq!((item.id.as_deref(), item.state), (Some("9915555555555555"), state), "{code}");
        assert_eq!(item.reason.as_deref(), Some(code));
    }
}

#[test]
fn a_failed_try_tells_no_more_than_that() {
    let notification = notification(item(AUTHORIZATION, "false", json!({"reason": "Refused"})));
    let Says::Facts(facts) = notification.says else { panic!() };
    let decline = facts.decline.clone().unwrap();
    assert_eq!((decline.code, decline.elsewhere), (DeclineCode::CardDeclined, false));
    assert_eq!(decline.processor_code, None);
    assert_eq!((facts.word, facts.authorized, facts.items.len()), (None, None, 0));
}
