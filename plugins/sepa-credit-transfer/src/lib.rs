//! SEPA credit transfer: the shopper pays from their own bank, by its app or by hand.
//!
//! There is no processor behind it. The door is a page of the hub's with the bank details and the QR code of
//! EPC069-12; nothing is sent, nothing comes back, and nobody can be asked. That money came says the account's
//! statement alone, and an operator who reads it: `payhub payments settle`.
//!
//! Read it from top to bottom: who this is, then the one operation. `account` knows IBANs and BICs,
//! `reference` the number by which the statement's line finds the payment, `payload` what stands in the code.
//!
//! Invariant: what is shown leads money to the account that the operator set, and to no other: a digit that is
//! wrong fails its check, and then nothing is shown at all.

pub mod account;
pub mod payload;
pub mod reference;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, CaptureMode,
    CheckoutOrder, Currencies, Currency, CurrencyLimit, Delivery, Descriptor, Dialogue, Door, DoorKind,
    Facts, Fault, Flow, IdempotencyProfile, Instruction, KeyCarrier, LookUp, Notification, Operation,
    ReferenceKind, Scannable, SettingField, SettingKind, Settings, SignedDeliveries, Word,
};

use account::account;
use payload::{AMOUNT_MINOR_MAX, Remittance, Transfer};
use reference::creditor_reference;

processor_sdk::export_adapter!(SepaCreditTransfer);

/// The word for a reference in the structured field of a transfer.
const STRUCTURED: &str = "structured";
/// The word for a reference in the field for free text.
const TEXT: &str = "text";

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub struct SepaCreditTransfer;

impl Adapter for SepaCreditTransfer {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "sepa-credit-transfer".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "SEPA credit transfer".to_owned(),
            documentation: "https://www.europeanpaymentscouncil.eu/document-library/guidance-documents/\
                            quick-response-code-guidelines-enable-data-capture-initiation"
                .to_owned(),
            settings: settings(),
            secrets: vec![],
            hosts: vec![],
            checkout_hosts: vec![],
            currencies: Currencies::Listed(vec![CurrencyLimit {
                currency: Currency::EUR,
                minimum: Some(1),
                maximum: Some(AMOUNT_MINOR_MAX),
                multiple_of: None,
            }]),
            capabilities: Capabilities {
                manual_capture: false,
                partial_capture: false,
                multiple_captures: false,
                void: false,
                refund: false,
                partial_refund: false,
                multiple_refunds: false,
                complete_checkout: false,
                expire_checkout: false,
                fetch_payment: LookUp::None,
                fetch_refund: LookUp::None,
                fetch_dispute: LookUp::None,
                silent_auto_capture: false,
                // Details that nobody was shown are paid by nobody.
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::NothingSent,
                retention_s: 0,
                replays_errors: false,
                after_unknown: AfterUnknown::SameKey,
                absent_after_s: 0,
            },
            deliveries: SignedDeliveries::None,
            acknowledgement: Acknowledgement { status: 200, body: String::new() },
            reads: vec![],
            never_store: vec![],
            needs: vec![],
            setup: vec![
                "There is nothing to register anywhere: your account's statement tells that money came, and you say \
                 so with `payhub payments settle`."
                    .to_owned(),
                "Have the cart create such payments with an expires_in_s of a week or two: a transfer takes days."
                    .to_owned(),
            ],
            events: vec![],
        }
    }

    fn perform(&self, call: &Call, _: &mut Dialogue<'_>) -> Flow<Answer> {
        match &call.operation {
            Operation::OpenCheckout(order) => Ok(open_checkout(call, order)?),
            Operation::CompleteCheckout { .. }
            | Operation::ExpireCheckout
            | Operation::Capture(_)
            | Operation::Void
            | Operation::Refund(_)
            | Operation::FetchPayment
            | Operation::FetchRefund(_)
            | Operation::FetchDispute { .. } => Err(Fault::Unsupported.into()),
        }
    }

    fn receive(&self, _: &Delivery, _: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        Err(Fault::Unsupported.into())
    }
}

fn settings() -> Vec<SettingField> {
    let field = |name: &str, kind, required, default: Option<&str>, help: &str| SettingField {
        name: name.to_owned(),
        kind,
        required,
        default: default.map(Into::into),
        help: help.to_owned(),
    };
    let places = SettingKind::Choice { of: [STRUCTURED, TEXT].map(str::to_owned).to_vec() };
    vec![
        field("name", SettingKind::Text, true, None, "who is paid, as the bank knows the account's holder"),
        field("iban", SettingKind::Text, true, None, "the account's IBAN, of a country in SEPA"),
        field(
            "bic",
            SettingKind::Text,
            false,
            None,
            "the bank's BIC; needed for accounts outside the European Economic Area only",
        ),
        field(
            "purpose",
            SettingKind::Text,
            false,
            None,
            "an ISO 20022 purpose code of up to four characters, such as GDDS for goods",
        ),
        field(
            "reference",
            places,
            false,
            Some(STRUCTURED),
            "where the reference goes: structured (ISO 11649), or text for banks that cannot show it",
        ),
    ]
}

/// The bank details and the code. Opened again it is the same page, for the same payment.
fn open_checkout(call: &Call, order: &CheckoutOrder) -> Result<Answer, Fault> {
    if call.capture != CaptureMode::Automatic {
        return Err(Fault::cannot_ask("capture", "must be automatic: a transfer cannot be reserved"));
    }
    let reference = creditor_reference(&call.echo)?;
    let account = account(&call.settings)?;
    let purpose = call.settings.optional_text("purpose");
    let of = |remittance| Transfer { account: &account, amount: call.amount, purpose, remittance };
    let mut transfer = of(remittance(&call.settings, &reference)?);
    if let Remittance::Text(text) = &transfer.remittance
        && let Some(longer) = with_order_number(text, order)
    {
        let longer = of(longer);
        // Where the number does not fit beside a long name, the reference alone has to do.
        transfer = if longer.payload().is_ok() { longer } else { transfer };
    }
    let payload = transfer.payload()?;
    let door = Door {
        kind: DoorKind::Instructions {
            instructions: instructions(call.livemode, &transfer)?,
            scannable: Some(Scannable::Qr { payload }),
        },
        expires_in_s: None,
    };
    // The details are shown; whether anybody follows them, nobody says. So the payment stays open.
    Ok(Answer::with_door(Facts::word(Word::Open).reference(ReferenceKind::Payment, reference), door))
}

fn remittance(settings: &Settings, reference: &str) -> Result<Remittance, Fault> {
    match settings.text("reference")? {
        STRUCTURED => Ok(Remittance::Structured(reference.to_owned())),
        TEXT => Ok(Remittance::Text(reference.to_owned())),
        _ => Err(Fault::cannot_ask("settings.reference", "must be structured or text")),
    }
}

/// Free text has room for the order's number too, which is what people look for.
fn with_order_number(reference: &str, order: &CheckoutOrder) -> Option<Remittance> {
    let text = format!("{reference} {}", order.order_reference.as_ref()?);
    payload::is_line(&text, payload::TEXT_CHARS_MAX).then_some(Remittance::Text(text))
}

/// What the shopper types where no code can be scanned, in the order of a bank's form.
fn instructions(livemode: bool, transfer: &Transfer<'_>) -> Result<Vec<Instruction>, Fault> {
    let line = |label: &str, value: &str| Instruction { label: label.to_owned(), value: value.to_owned() };
    let account = transfer.account;
    let mut lines = Vec::new();
    if !livemode {
        lines.push(line("Test mode", "This is only a test. Please transfer nothing."));
    }
    lines.push(line("Recipient", &account.name));
    lines.push(line("IBAN", &account.iban));
    lines.extend(account.bic.as_ref().map(|bic| line("BIC", bic)));
    lines.push(line("Amount in EUR", &transfer.amount_text()?));
    lines.push(line("Reference", transfer.remittance.text()));
    lines.push(line(
        "Please note",
        "Transfer the exact amount in one sum, with this reference: the shop finds your payment by it.",
    ));
    Ok(lines)
}
