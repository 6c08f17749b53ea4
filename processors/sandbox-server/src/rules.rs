//! What may happen to sessions, payments, refunds and disputes: pure rules from what is to what changes.
//!
//! Invariant: captures never sum to more than was authorized, nor refunds to more than was captured.

use crate::book::{Change, Event};
use crate::objects::{
    Capture, CaptureMode, DeclineCode, Dispute, DisputeStatus, Entry, EntryKind, Payment, PaymentStatus,
    Refund, RefundStatus, Session, SessionStatus, dispute_body, payment_body, refund_body, session_body,
};
use crate::refusal::Refusal;

/// How long an authorization can be captured, in seconds: seven days, as is usual for cards.
pub(crate) const AUTHORIZATION_S: i64 = 7 * 24 * 3_600;

/// What a rule needs from outside: the time, fresh ids, and the address that goes into a session's URL.
pub(crate) struct Stamp<'a> {
    pub(crate) now: i64,
    pub(crate) base_url: &'a str,
    pub(crate) new_id: &'a dyn Fn(&str) -> String,
}

/// What the shopper (or a test in the shopper's place) does on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Pay,
    Decline(DeclineCode),
    Cancel,
    PayLater,
}

/// How the money of a `processing` session came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Paid,
    Declined(DeclineCode),
}

pub(crate) fn act(mut session: Session, act: Act, stamp: &Stamp<'_>) -> Result<Change, Refusal> {
    if session.status != SessionStatus::Open {
        return Err(Refusal::SessionNotOpen(session.status.word()));
    }
    session.updated = stamp.now;
    match act {
        Act::Cancel => Ok(Change::default()),
        Act::Pay => {
            let payment = new_payment(&session, stamp);
            Ok(approve(session, payment, stamp))
        }
        Act::PayLater => {
            let payment = new_payment(&session, stamp);
            session.status = SessionStatus::Processing;
            session.payment = Some(payment.id.clone());
            Ok(session_change(session, Some(payment), stamp))
        }
        Act::Decline(code) => {
            session.status = SessionStatus::Declined;
            session.decline_code = Some(code);
            Ok(session_change(session, None, stamp))
        }
    }
}

/// Ends the waiting of a session that was to be paid later.
pub(crate) fn settle(
    mut session: Session,
    payment: Option<&Payment>,
    outcome: Outcome,
    stamp: &Stamp<'_>,
) -> Result<Change, Refusal> {
    let (SessionStatus::Processing, Some(payment)) = (session.status, payment) else {
        return Err(Refusal::SessionNotOpen(session.status.word()));
    };
    let mut payment = Payment { updated: stamp.now, ..payment.clone() };
    session.updated = stamp.now;
    match outcome {
        Outcome::Paid => Ok(approve(session, payment, stamp)),
        Outcome::Declined(code) => {
            payment.status = PaymentStatus::Declined;
            session.status = SessionStatus::Declined;
            session.decline_code = Some(code);
            Ok(session_change(session, Some(payment), stamp))
        }
    }
}

pub(crate) fn expire(mut session: Session, stamp: &Stamp<'_>) -> Result<Change, Refusal> {
    if session.status != SessionStatus::Open {
        return Err(Refusal::SessionNotOpen(session.status.word()));
    }
    session.status = SessionStatus::Expired;
    session.updated = stamp.now;
    Ok(session_change(session, None, stamp))
}

/// `taken` is what is really captured; it differs from `asked` only by the fault `wrong_amount`.
pub(crate) fn capture(
    mut session: Session,
    payment: &Payment,
    (asked, taken): (i64, i64),
    reference: &str,
    stamp: &Stamp<'_>,
) -> Result<Change, Refusal> {
    match payment.status {
        PaymentStatus::Authorized | PaymentStatus::Captured => {}
        PaymentStatus::Processing | PaymentStatus::Voided | PaymentStatus::Declined => {
            return Err(Refusal::PaymentNotAuthorized(payment.status.word()));
        }
    }
    if payment.capture_before.is_some_and(|end| end <= stamp.now) {
        return Err(Refusal::PaymentNotAuthorized("lapsed"));
    }
    let left = payment.amount_authorized.saturating_sub(payment.amount_captured);
    if asked > left {
        return Err(Refusal::ExceedsAuthorized { asked, left });
    }
    let mut payment = payment.clone();
    add_capture(&mut payment, taken, reference, stamp);
    session.status = SessionStatus::Paid;
    session.updated = stamp.now;
    let entry = Entry {
        operation_reference: Some(reference.to_owned()),
        ..entry(EntryKind::Capture, &payment, taken, stamp)
    };
    let event = event(&payment, "payment.captured", payment_body(&payment), stamp);
    Ok(Change {
        sessions: vec![session],
        payments: vec![payment],
        ledger: vec![entry],
        events: vec![event],
        ..Change::default()
    })
}

pub(crate) fn void(mut session: Session, payment: &Payment, stamp: &Stamp<'_>) -> Result<Change, Refusal> {
    match payment.status {
        PaymentStatus::Authorized => {}
        PaymentStatus::Captured => return Err(Refusal::PaymentAlreadyCaptured),
        PaymentStatus::Processing | PaymentStatus::Voided | PaymentStatus::Declined => {
            return Err(Refusal::PaymentNotAuthorized(payment.status.word()));
        }
    }
    let payment = Payment { status: PaymentStatus::Voided, updated: stamp.now, ..payment.clone() };
    session.status = SessionStatus::Voided;
    session.updated = stamp.now;
    let entry = entry(EntryKind::Void, &payment, payment.amount_authorized, stamp);
    Ok(Change { ledger: vec![entry], ..session_change(session, Some(payment), stamp) })
}

/// `pending` is what refunds on their way have reserved.
pub(crate) fn refund(
    payment: &Payment,
    pending: i64,
    (amount, reference): (i64, Option<String>),
    starts_as: RefundStatus,
    stamp: &Stamp<'_>,
) -> Result<(Refund, Change), Refusal> {
    let left = payment.amount_captured.saturating_sub(payment.amount_refunded).saturating_sub(pending);
    if amount > left {
        return Err(Refusal::ExceedsCaptured { asked: amount, left });
    }
    let refund = Refund {
        id: (stamp.new_id)("rf_"),
        account: payment.account.clone(),
        payment: payment.id.clone(),
        reference,
        amount,
        currency: payment.currency.clone(),
        status: starts_as,
        failure_code: None,
        created: stamp.now,
        updated: stamp.now,
    };
    let back = if starts_as == RefundStatus::Succeeded { amount } else { 0 };
    Ok((refund.clone(), refund_change(refund, payment, back, stamp)))
}

/// Moves a refund on; a succeeded one can still fail when the shopper's bank sends it back.
pub(crate) fn settle_refund(
    refund: &Refund,
    payment: &Payment,
    status: RefundStatus,
    failure_code: Option<String>,
    stamp: &Stamp<'_>,
) -> Result<Change, Refusal> {
    let back = match (refund.status, status) {
        (RefundStatus::Pending, RefundStatus::Succeeded) => refund.amount,
        (RefundStatus::Pending, RefundStatus::Failed) => 0,
        (RefundStatus::Succeeded, RefundStatus::Failed) => -refund.amount,
        (_, RefundStatus::Pending) => {
            return Err(Refusal::Invalid("`status` must be `succeeded` or `failed`.".to_owned()));
        }
        (RefundStatus::Succeeded, RefundStatus::Succeeded) | (RefundStatus::Failed, _) => {
            return Err(Refusal::AlreadySettled("refund", refund.status.word()));
        }
    };
    let failure_code = (status == RefundStatus::Failed)
        .then(|| failure_code.unwrap_or_else(|| "returned_by_bank".to_owned()));
    let refund = Refund { status, failure_code, updated: stamp.now, ..refund.clone() };
    Ok(refund_change(refund, payment, back, stamp))
}

pub(crate) fn open_dispute(
    payment: &Payment,
    amount: Option<i64>,
    reason: Option<String>,
    stamp: &Stamp<'_>,
) -> Result<(Dispute, Change), Refusal> {
    let left = payment.amount_captured.saturating_sub(payment.amount_disputed);
    let amount = amount.unwrap_or(left);
    if amount > left || amount == 0 {
        return Err(Refusal::ExceedsCaptured { asked: amount, left });
    }
    let dispute = Dispute {
        id: (stamp.new_id)("dd_"),
        account: payment.account.clone(),
        payment: payment.id.clone(),
        amount,
        currency: payment.currency.clone(),
        status: DisputeStatus::Open,
        reason: reason.unwrap_or_else(|| "fraudulent".to_owned()),
        created: stamp.now,
        updated: stamp.now,
    };
    Ok((dispute.clone(), dispute_change(dispute, payment, amount, stamp)))
}

pub(crate) fn close_dispute(
    dispute: &Dispute,
    payment: &Payment,
    status: DisputeStatus,
    stamp: &Stamp<'_>,
) -> Result<Change, Refusal> {
    if dispute.status != DisputeStatus::Open {
        return Err(Refusal::AlreadySettled("dispute", dispute.status.word()));
    }
    let moved = match status {
        DisputeStatus::Open => {
            return Err(Refusal::Invalid("`status` must be `won` or `lost`.".to_owned()));
        }
        DisputeStatus::Won => -dispute.amount,
        // The money left when the dispute was opened; losing it moves nothing more.
        DisputeStatus::Lost => 0,
    };
    let dispute = Dispute { status, updated: stamp.now, ..dispute.clone() };
    Ok(dispute_change(dispute, payment, moved, stamp))
}

fn new_payment(session: &Session, stamp: &Stamp<'_>) -> Payment {
    Payment {
        id: (stamp.new_id)("pm_"),
        account: session.account.clone(),
        session: session.id.clone(),
        reference: session.reference.clone(),
        status: PaymentStatus::Processing,
        amount: session.amount,
        currency: session.currency.clone(),
        amount_authorized: 0,
        amount_captured: 0,
        amount_refunded: 0,
        amount_disputed: 0,
        capture_before: None,
        captures: Vec::new(),
        created: stamp.now,
        updated: stamp.now,
    }
}

/// The money is certain: it is taken at once, or reserved for captures.
fn approve(mut session: Session, mut payment: Payment, stamp: &Stamp<'_>) -> Change {
    let amount = session.amount_taken;
    session.payment = Some(payment.id.clone());
    payment.amount_authorized = amount;
    let kind = match session.capture {
        CaptureMode::Automatic => {
            session.status = SessionStatus::Paid;
            add_capture(&mut payment, amount, &session.reference, stamp);
            EntryKind::Charge
        }
        CaptureMode::Manual => {
            session.status = SessionStatus::Authorized;
            payment.status = PaymentStatus::Authorized;
            payment.capture_before = Some(stamp.now.saturating_add(AUTHORIZATION_S));
            EntryKind::Authorization
        }
    };
    let entry = entry(kind, &payment, amount, stamp);
    Change { ledger: vec![entry], ..session_change(session, Some(payment), stamp) }
}

fn add_capture(payment: &mut Payment, amount: i64, reference: &str, stamp: &Stamp<'_>) {
    payment.captures.push(Capture {
        id: (stamp.new_id)("cp_"),
        reference: reference.to_owned(),
        amount,
        created: stamp.now,
    });
    payment.amount_captured = payment.amount_captured.saturating_add(amount);
    payment.status = PaymentStatus::Captured;
    payment.updated = stamp.now;
}

fn session_change(session: Session, payment: Option<Payment>, stamp: &Stamp<'_>) -> Change {
    let kind = match session.status {
        SessionStatus::Open => None,
        SessionStatus::Processing => Some("session.processing"),
        SessionStatus::Authorized => Some("session.authorized"),
        SessionStatus::Paid => Some("session.paid"),
        SessionStatus::Declined => Some("session.declined"),
        SessionStatus::Expired => Some("session.expired"),
        SessionStatus::Voided => Some("session.voided"),
    };
    let about = (session.account.as_str(), session.id.as_str(), session.reference.as_str());
    let body = session_body(&session, payment.as_ref(), stamp.base_url);
    let events = kind.map(|kind| Event::new(about, kind, &body, stamp)).into_iter().collect();
    Change { sessions: vec![session], payments: payment.into_iter().collect(), events, ..Change::default() }
}

fn refund_change(refund: Refund, payment: &Payment, back: i64, stamp: &Stamp<'_>) -> Change {
    let kind = match refund.status {
        RefundStatus::Pending => "refund.pending",
        RefundStatus::Succeeded => "refund.succeeded",
        RefundStatus::Failed => "refund.failed",
    };
    let payment = Payment {
        amount_refunded: payment.amount_refunded.saturating_add(back),
        updated: stamp.now,
        ..payment.clone()
    };
    let entry = (back != 0).then(|| Entry {
        operation_reference: refund.reference.clone(),
        ..entry(EntryKind::Refund, &payment, back, stamp)
    });
    let event = event(&payment, kind, refund_body(&refund), stamp);
    Change {
        payments: vec![payment],
        refunds: vec![refund],
        ledger: entry.into_iter().collect(),
        events: vec![event],
        ..Change::default()
    }
}

fn dispute_change(dispute: Dispute, payment: &Payment, moved: i64, stamp: &Stamp<'_>) -> Change {
    let kind = match dispute.status {
        DisputeStatus::Open => "dispute.opened",
        DisputeStatus::Won => "dispute.won",
        DisputeStatus::Lost => "dispute.lost",
    };
    let payment = Payment {
        amount_disputed: payment.amount_disputed.saturating_add(moved),
        updated: stamp.now,
        ..payment.clone()
    };
    let entry = (moved != 0).then(|| entry(EntryKind::Dispute, &payment, moved, stamp));
    let event = event(&payment, kind, dispute_body(&dispute), stamp);
    Change {
        payments: vec![payment],
        disputes: vec![dispute],
        ledger: entry.into_iter().collect(),
        events: vec![event],
        ..Change::default()
    }
}

fn entry(kind: EntryKind, payment: &Payment, amount: i64, stamp: &Stamp<'_>) -> Entry {
    Entry {
        id: (stamp.new_id)("le_"),
        kind,
        session: payment.session.clone(),
        payment: payment.id.clone(),
        reference: payment.reference.clone(),
        operation_reference: None,
        amount,
        currency: payment.currency.clone(),
        at: stamp.now,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers make the body in place")]
fn event(payment: &Payment, kind: &str, body: serde_json::Value, stamp: &Stamp<'_>) -> Event {
    Event::new((&payment.account, &payment.session, &payment.reference), kind, &body, stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp<'static> =
        Stamp { now: 50, base_url: "http://x", new_id: &|prefix| format!("{prefix}1") };

    fn session(capture: CaptureMode, taken: i64) -> Session {
        Session {
            id: "ss_1".to_owned(),
            account: "shop".to_owned(),
            status: SessionStatus::Open,
            reference: "att_1".to_owned(),
            amount: 1000,
            amount_taken: taken,
            currency: "EUR".to_owned(),
            capture,
            return_url: "http://shop/r".to_owned(),
            cancel_url: "http://shop/c".to_owned(),
            expires_at: 100,
            description: None,
            locale: None,
            created: 10,
            updated: 10,
            decline_code: None,
            payment: None,
        }
    }

    /// A payment of 1000 that is authorized, with these captures made.
    fn authorized(captures: &[i64]) -> (Session, Payment) {
        let change = act(session(CaptureMode::Manual, 1000), Act::Pay, &STAMP).unwrap();
        let (mut session, mut payment) = (change.sessions[0].clone(), change.payments[0].clone());
        for amount in captures {
            let change = capture(session, &payment, (*amount, *amount), "cap", &STAMP).unwrap();
            (session, payment) = (change.sessions[0].clone(), change.payments[0].clone());
        }
        (session, payment)
    }

    #[test]
    fn what_the_shopper_does() {
        let code = DeclineCode::StolenCard;
        let rows = [
            (CaptureMode::Automatic, Act::Pay, "paid", "session.paid", 1000),
            (CaptureMode::Manual, Act::Pay, "authorized", "session.authorized", 0),
            (CaptureMode::Manual, Act::PayLater, "processing", "session.processing", 0),
            (CaptureMode::Automatic, Act::Decline(code), "declined", "session.declined", 0),
        ];
        for (mode, done, status, kind, captured) in rows {
            let change = act(session(mode, 1000), done, &STAMP).unwrap();
            assert_eq!(change.sessions[0].status.word(), status);
            assert_eq!(change.events[0].kind, kind);
            assert_eq!(change.payments.first().map_or(0, |payment| payment.amount_captured), captured);
            let again = act(change.sessions[0].clone(), Act::Pay, &STAMP);
            assert_eq!(again.err(), Some(Refusal::SessionNotOpen(change.sessions[0].status.word())));
        }
        let change = act(session(CaptureMode::Manual, 1000), Act::Cancel, &STAMP).unwrap();
        assert!(change.sessions.is_empty() && change.events.is_empty());
    }

    #[test]
    fn captures_stay_within_the_authorization() {
        let rows: [(&[i64], i64, Option<i64>); 5] = [
            (&[], 1000, None),
            (&[], 1001, Some(1000)),
            (&[400], 600, None),
            (&[400], 601, Some(600)),
            (&[400, 600], 1, Some(0)),
        ];
        for (before, asked, left) in rows {
            let (session, payment) = authorized(before);
            let refused = capture(session, &payment, (asked, asked), "cap", &STAMP).err();
            assert_eq!(refused, left.map(|left| Refusal::ExceedsAuthorized { asked, left }), "{before:?}");
        }
    }

    #[test]
    fn only_an_untouched_authorization_can_be_voided() {
        let (session, payment) = authorized(&[]);
        let change = void(session, &payment, &STAMP).unwrap();
        assert_eq!(change.sessions[0].status, SessionStatus::Voided);
        let voided = change.payments[0].clone();
        let again = void(change.sessions[0].clone(), &voided, &STAMP).err();
        assert_eq!(again, Some(Refusal::PaymentNotAuthorized("voided")));
        let late = capture(change.sessions[0].clone(), &voided, (1, 1), "cap", &STAMP).err();
        assert_eq!(late, Some(Refusal::PaymentNotAuthorized("voided")));
        let (session, payment) = authorized(&[1]);
        assert_eq!(void(session, &payment, &STAMP).err(), Some(Refusal::PaymentAlreadyCaptured));
    }

    #[test]
    fn refunds_stay_within_the_captures_with_pending_ones_reserved() {
        let (_, payment) = authorized(&[700]);
        let rows = [(700, 0, None), (701, 0, Some(700)), (500, 200, None), (501, 200, Some(500))];
        for (asked, pending, left) in rows {
            let refused = refund(&payment, pending, (asked, None), RefundStatus::Succeeded, &STAMP).err();
            assert_eq!(refused, left.map(|left| Refusal::ExceedsCaptured { asked, left }));
        }
    }

    #[test]
    fn a_refund_that_fails_after_success_gives_the_amount_back() {
        let (_, payment) = authorized(&[700]);
        let (made, change) = refund(&payment, 0, (200, None), RefundStatus::Succeeded, &STAMP).unwrap();
        let payment = change.payments[0].clone();
        assert_eq!(payment.amount_refunded, 200);
        let change = settle_refund(&made, &payment, RefundStatus::Failed, None, &STAMP).unwrap();
        assert_eq!(change.payments[0].amount_refunded, 0);
        assert_eq!(change.ledger[0].amount, -200);
        let again = settle_refund(&change.refunds[0], &payment, RefundStatus::Succeeded, None, &STAMP).err();
        assert_eq!(again, Some(Refusal::AlreadySettled("refund", "failed")));
    }

    #[test]
    fn a_won_dispute_gives_the_amount_back_and_a_lost_one_does_not() {
        for (status, disputed) in [(DisputeStatus::Won, 0), (DisputeStatus::Lost, 1000)] {
            let (_, payment) = authorized(&[1000]);
            let (dispute, change) = open_dispute(&payment, None, None, &STAMP).unwrap();
            assert_eq!(change.payments[0].amount_disputed, 1000);
            let change = close_dispute(&dispute, &change.payments[0], status, &STAMP).unwrap();
            assert_eq!(change.payments[0].amount_disputed, disputed);
        }
    }

    #[test]
    fn a_wrong_amount_is_really_taken() {
        let change = act(session(CaptureMode::Automatic, 1001), Act::Pay, &STAMP).unwrap();
        let payment = &change.payments[0];
        assert_eq!((payment.amount, payment.amount_captured, change.ledger[0].amount), (1000, 1001, 1001));
    }
}
