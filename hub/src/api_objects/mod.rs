//! Objects of the cart's API: what `GET` shows and what events carry.
//!
//! Each is a type of its own, filled from the domain types, so that renaming a field inside never changes the
//! contract. The published schema is derived from these very types; there is no second description to forget.

use hub_core::evidence::Evidence;
use hub_core::ids as core_ids;
use hub_core::order::{Order, OrderLine};
use hub_core::payment::{Attempt, Capture, Dispute, PaymentIntent, Refund};
use processor_sdk::{Currency, ReferenceKind, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use public_urls::PublicUrls;
use values::{Amount, AttemptId, CaptureId, DisputeId, IntentId, Metadata, OrderId, RefundId, SignedAmount};
use words::{
    AttemptState, CaptureMode, DisputeStatus, PaymentIntentStatus, QuarantineReason, TransferStatus,
};

pub mod public_urls;

pub mod endpoints;

pub mod values;

pub mod envelopes;

pub mod words;

/// The wish to collect an order's amount. It lives through retries.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PaymentIntent")]
pub struct PaymentIntentObject<'a> {
    id: IntentId<'a>,
    #[schemars(extend("const" = "payment_intent"))]
    object: &'static str,
    /// False for test payments: no money moves.
    livemode: bool,
    status: PaymentIntentStatus,
    amount: Amount,
    /// What a capture can still take.
    amount_capturable: Amount,
    amount_captured: Amount,
    amount_refunded: Amount,
    amount_disputed: Amount,
    currency: Currency,
    capture: CaptureMode,
    order: OrderId<'a>,
    /// The cart's own number for the order.
    order_reference: Option<&'a str>,
    /// Where to send the shopper.
    #[schemars(extend("format" = "uri", "examples" = ["https://pay.example.com/pay/k3v5h2m7q4x9w8z6t1r0s5n2p7"]))]
    checkout_url: String,
    /// Where the shopper comes back to.
    #[schemars(extend("format" = "uri", "examples" = ["https://shop.example.com/thanks"]))]
    return_url: &'a str,
    /// Where the shopper goes who gave up; `return_url` where there is none.
    #[schemars(extend("format" = "uri", "examples" = [null]))]
    cancel_url: Option<&'a str>,
    /// When the door closes. A payment that is under way then still counts.
    expires_at: Timestamp,
    /// Whether a cancel waits for the processor.
    cancel_requested: bool,
    /// Each try to pay, oldest first.
    attempts: Vec<AttemptObject<'a>>,
    captures: Vec<CaptureObject<'a>>,
    metadata: &'a Metadata,
    created_at: Timestamp,
    /// The site that the cart named.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a str>,
    /// Until when reserved money can be captured, as far as the processor says.
    #[serde(skip_serializing_if = "Option::is_none")]
    capture_before: Option<Timestamp>,
    /// Stands when it was paid after it had been canceled, had failed or had expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_late: Option<bool>,
    /// Stands while the payment is held for an operator, or marked for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<QuarantineObject>,
    /// The last decline or failure that the cart should know of.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<LastErrorObject<'a>>,
}

/// One try to fulfil an intent through one connector.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PaymentAttempt")]
pub struct AttemptObject<'a> {
    id: AttemptId<'a>,
    /// The connector's name in the hub's config.
    #[schemars(extend("examples" = ["sandbox_a"]))]
    connector: &'a str,
    state: AttemptState,
    /// The processor's own ids for this try.
    references: Vec<ReferenceObject<'a>>,
    /// Why this connector was taken.
    #[schemars(extend("examples" = ["first in the configured order"]))]
    reason: &'a str,
    created_at: Timestamp,
}

/// A processor's own id for something.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ProcessorReference")]
pub struct ReferenceObject<'a> {
    kind: &'a ReferenceKind,
    #[schemars(extend("examples" = ["ss_tyaljcga543jwrh25oky"]))]
    id: &'a str,
}

/// Reserved money that was taken, or is asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Capture")]
pub struct CaptureObject<'a> {
    id: CaptureId<'a>,
    amount: Amount,
    status: TransferStatus,
    created_at: Timestamp,
}

/// Why a payment waits for an operator, and since when.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Quarantine")]
pub struct QuarantineObject {
    reason: QuarantineReason,
    since: Timestamp,
}

/// A decline or failure.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LastError")]
pub struct LastErrorObject<'a> {
    /// A normalized decline code, or `processor_unreachable`, `capture_failed`, `cancel_failed`.
    #[schemars(extend("examples" = ["insufficient_funds"]))]
    code: &'a str,
    /// The processor's own code.
    #[schemars(extend("examples" = ["51"]))]
    processor_code: Option<&'a str>,
}

/// A payment intent.
pub fn payment_intent(payment: &PaymentIntent, urls: &PublicUrls) -> Value {
    let quarantine = payment.quarantine.as_ref();
    let last_error = payment.last_error.as_ref();
    json!(PaymentIntentObject {
        id: (&payment.id).into(),
        object: "payment_intent",
        livemode: payment.scope.livemode,
        status: payment.status.into(),
        amount: payment.amount.into(),
        amount_capturable: payment.amount_capturable().into(),
        amount_captured: payment.amount_captured().into(),
        amount_refunded: payment.amount_refunded().into(),
        amount_disputed: payment.amount_disputed().into(),
        currency: payment.amount.currency(),
        capture: payment.capture.into(),
        order: (&payment.order_id).into(),
        order_reference: payment.order_reference.as_deref(),
        checkout_url: urls.checkout(&payment.checkout_token),
        return_url: &payment.return_url,
        cancel_url: payment.cancel_url.as_deref(),
        expires_at: payment.expires_at,
        cancel_requested: payment.cancel_requested,
        attempts: payment.attempts.iter().map(|attempt| self::attempt(payment, attempt)).collect(),
        captures: payment.captures.iter().map(capture).collect(),
        metadata: &payment.metadata,
        created_at: payment.created_at,
        site: payment.site.as_deref(),
        paid_late: payment.paid_late.then_some(true),
        capture_before: payment.capture_before(),
        quarantine: quarantine.map(|held| QuarantineObject { reason: held.reason.into(), since: held.since }),
        last_error: last_error.map(|error| LastErrorObject {
            code: &error.code,
            processor_code: error.processor_code.as_deref(),
        }),
    })
}

fn attempt<'a>(payment: &PaymentIntent, attempt: &'a Attempt) -> AttemptObject<'a> {
    AttemptObject {
        id: (&attempt.id).into(),
        connector: &attempt.profile.connector,
        state: attempt.state(payment.capture).into(),
        references: references(&attempt.evidence),
        reason: &attempt.reason,
        created_at: attempt.created_at,
    }
}

fn references(evidence: &Evidence) -> Vec<ReferenceObject<'_>> {
    let references = evidence.references().iter();
    references.map(|reference| ReferenceObject { kind: &reference.kind, id: &reference.id }).collect()
}

fn capture(capture: &Capture) -> CaptureObject<'_> {
    CaptureObject {
        id: (&capture.id).into(),
        amount: capture.amount.into(),
        status: capture.status.into(),
        created_at: capture.created_at,
    }
}

/// What is sold. Immutable once a payment starts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Order")]
pub struct OrderObject<'a> {
    id: OrderId<'a>,
    #[schemars(extend("const" = "order"))]
    object: &'static str,
    livemode: bool,
    status: OrderStatus,
    /// The cart's own number for it.
    #[schemars(extend("examples" = ["order-1001"]))]
    order_reference: Option<&'a str>,
    /// What the shopper sees as the purpose.
    #[schemars(extend("examples" = ["Two good books"]))]
    description: Option<&'a str>,
    amount: Amount,
    amount_paid: Amount,
    currency: Currency,
    /// What is sold, if the cart said; sums to `amount`.
    lines: Vec<OrderLineObject<'a>>,
    payment_intent: IntentId<'a>,
    created_at: Timestamp,
}

/// Whether an order is paid.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Not paid in full.
    Open,
    /// Paid in full.
    Paid,
}

/// One line of an order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OrderLine")]
pub struct OrderLineObject<'a> {
    /// The cart's article number.
    #[schemars(extend("examples" = ["b-1"]))]
    sku: Option<&'a str>,
    /// What the shopper sees.
    #[schemars(extend("examples" = ["Book"]))]
    name: &'a str,
    #[schemars(range(min = 1))]
    quantity: u32,
    /// Price of one.
    unit_amount: SignedAmount,
    /// The cart's own kind.
    #[schemars(extend("examples" = ["book"]))]
    kind: Option<&'a str>,
    metadata: &'a Metadata,
}

/// An order. Its payment tells how much of it is paid.
pub fn order(order: &Order, payment: &PaymentIntent) -> Value {
    json!(OrderObject {
        id: (&order.id).into(),
        object: "order",
        livemode: payment.scope.livemode,
        status: if payment.is_paid_in_full() { OrderStatus::Paid } else { OrderStatus::Open },
        order_reference: order.order_reference.as_deref(),
        description: order.description.as_deref(),
        amount: order.amount.into(),
        amount_paid: payment.amount_captured().into(),
        currency: order.amount.currency(),
        lines: order.lines.iter().map(order_line).collect(),
        payment_intent: (&payment.id).into(),
        created_at: payment.created_at,
    })
}

fn order_line(line: &OrderLine) -> OrderLineObject<'_> {
    OrderLineObject {
        sku: line.sku.as_deref(),
        name: &line.name,
        quantity: line.quantity,
        unit_amount: line.unit_amount.into(),
        kind: line.kind.as_deref(),
        metadata: &line.metadata,
    }
}

/// Captured funds that go back, whole or in part.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Refund")]
pub struct RefundObject<'a> {
    id: RefundId<'a>,
    #[schemars(extend("const" = "refund"))]
    object: &'static str,
    livemode: bool,
    payment_intent: IntentId<'a>,
    status: TransferStatus,
    amount: Amount,
    currency: Currency,
    /// Why, in the cart's words.
    #[schemars(extend("examples" = ["came back unread"]))]
    reason: Option<&'a str>,
    /// The processor's reason for a failure.
    #[schemars(extend("examples" = [null]))]
    failure_code: Option<&'a str>,
    /// True when it was not asked for through this hub: the processor told of it.
    made_elsewhere: bool,
    metadata: &'a Metadata,
    created_at: Timestamp,
}

/// A refund.
pub fn refund(payment: &PaymentIntent, refund: &Refund) -> Value {
    json!(RefundObject {
        id: (&refund.id).into(),
        object: "refund",
        livemode: payment.scope.livemode,
        payment_intent: (&payment.id).into(),
        status: refund.status.into(),
        amount: refund.amount.into(),
        currency: refund.amount.currency(),
        reason: refund.reason.as_deref(),
        failure_code: refund.failure.as_deref(),
        made_elsewhere: refund.observed,
        metadata: &refund.metadata,
        created_at: refund.created_at,
    })
}

/// A refund of a payment by its id.
pub fn refund_by_id(payment: &PaymentIntent, id: &core_ids::RefundId) -> Option<Value> {
    payment.refunds.iter().find(|refund| refund.id == *id).map(|found| refund(payment, found))
}

/// Money that the customer's bank takes back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Dispute")]
pub struct DisputeObject<'a> {
    id: DisputeId<'a>,
    #[schemars(extend("const" = "dispute"))]
    object: &'static str,
    livemode: bool,
    payment_intent: IntentId<'a>,
    status: DisputeStatus,
    amount: Amount,
    currency: Currency,
    /// The bank's reason, in the processor's words.
    #[schemars(extend("examples" = ["fraudulent"]))]
    reason: Option<&'a str>,
    created_at: Timestamp,
}

/// A dispute.
pub fn dispute(payment: &PaymentIntent, dispute: &Dispute) -> Value {
    json!(DisputeObject {
        id: (&dispute.id).into(),
        object: "dispute",
        livemode: payment.scope.livemode,
        payment_intent: (&payment.id).into(),
        status: dispute.status.into(),
        amount: dispute.amount.into(),
        currency: dispute.amount.currency(),
        reason: dispute.reason.as_deref(),
        created_at: dispute.created_at,
    })
}

/// A dispute of a payment by its id.
pub fn dispute_by_id(payment: &PaymentIntent, id: &core_ids::DisputeId) -> Option<Value> {
    payment.disputes.iter().find(|dispute| dispute.id == *id).map(|found| dispute(payment, found))
}
