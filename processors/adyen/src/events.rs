//! Adyen's standard webhooks: how their items are signed, and what each event says.
//!
//! Source: Adyen's published webhook description (Webhooks v1), "Verify HMAC signatures" and "Troubleshoot
//! webhooks" (docs.adyen.com), and the signature code of Adyen's own libraries.
//!
//! Invariant: whatever is said comes from the eight texts that an item's signature covers. The reason, the date,
//! the payment method and all additional data are not among them, and are not read at all.

use processor_sdk::{
    Facts, Fault, Item, ItemKind, ItemState, Json, MacAlgorithm, Notification, Part, Reference,
    ReferenceKind, Says, SecretRef, Settings, SignatureCheck, TextEncoding, Word,
};
use serde_json::Value;

use crate::requests::{self, REFERENCE_SEPARATOR};
use crate::{amounts, words};

/// Items of one delivery. Adyen sends one in JSON; each costs the host a step, of which a run has as many.
const ITEMS_MAX: usize = 16;

/// Where the signed texts stand, in the order in which they are signed.
pub(crate) const SIGNED: [&str; 8] = [
    "/NotificationRequestItem/pspReference",
    "/NotificationRequestItem/originalReference",
    "/NotificationRequestItem/merchantAccountCode",
    "/NotificationRequestItem/merchantReference",
    "/NotificationRequestItem/amount/value",
    "/NotificationRequestItem/amount/currency",
    "/NotificationRequestItem/eventCode",
    "/NotificationRequestItem/success",
];

const SIGNATURE: &str = "/NotificationRequestItem/additionalData/hmacSignature";

/// One item: the texts that its signature covers, and nothing else of it.
#[derive(Debug)]
pub(crate) struct SignedItem {
    texts: [String; SIGNED.len()],
    signature: Option<String>,
}

/// The items of a delivery.
///
/// # Errors
/// [`Fault::Unreadable`] when it has no list of them, or too long a one.
pub(crate) fn items(body: &Json) -> Result<Vec<SignedItem>, Fault> {
    let items = body.list("/notificationItems")?;
    if items.len() > ITEMS_MAX {
        return Err(Fault::unreadable(&format!("expected at most {ITEMS_MAX} items at /notificationItems")));
    }
    Ok(items.iter().map(SignedItem::of).collect())
}

impl SignedItem {
    fn of(item: &Json) -> Self {
        let texts = SIGNED.map(|pointer| text(item.at(pointer)));
        let signature = item.at(SIGNATURE).and_then(Value::as_str).filter(|text| !text.is_empty());
        Self { texts, signature: signature.map(str::to_owned) }
    }

    /// What has to be right before any of it is believed; without a signature it never is. The texts are joined as
    /// they are: nothing is escaped.
    pub(crate) fn check(&self) -> SignatureCheck {
        SignatureCheck::mac(
            MacAlgorithm::HmacSha256,
            SecretRef::named("hmac_key").hex(),
            TextEncoding::Base64,
            vec![Part::text(self.texts.join(":"))],
            self.signature.iter().cloned().collect(),
        )
    }

    fn id(&self) -> &str {
        &self.texts[0]
    }

    /// The payment that something was done to; empty for the payment's own events.
    fn original(&self) -> Option<&str> {
        Some(self.texts[1].as_str()).filter(|text| !text.is_empty())
    }

    fn account(&self) -> &str {
        &self.texts[2]
    }

    fn code(&self) -> &str {
        &self.texts[6]
    }

    fn success(&self) -> Option<bool> {
        match self.texts[7].as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Our ids in the merchant's reference: of the attempt and, for what we asked for later, of the transfer.
    /// `None` where somebody else chose the reference.
    fn own_ids(&self) -> Option<(&str, Option<&str>)> {
        let reference = self.texts[3].as_str();
        match reference.split_once(REFERENCE_SEPARATOR) {
            Some((attempt, transfer)) => {
                (is_own_id(attempt) && is_own_id(transfer)).then_some((attempt, Some(transfer)))
            }
            None => is_own_id(reference).then_some((reference, None)),
        }
    }

    /// The same texts with a colon inside one of them could be split in another way: the signature does not tell
    /// which. No text of ours or of Adyen's holds one.
    fn is_ambiguous(&self) -> bool {
        self.texts.iter().any(|text| text.contains(':'))
    }

    /// Duplicates are equal in this, whatever else differs. The amount is in it so that no news is taken for one.
    fn event_id(&self) -> String {
        let [id, _, _, _, value, currency, code, success] = &self.texts;
        format!("{code}:{id}:{success}:{value}:{currency}")
    }
}

/// A text as Adyen signs it. What is missing is signed as nothing.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The longest id of ours that a processor gets to see, in characters.
const OWN_ID_CHARS_MAX: usize = 20;

fn is_own_id(text: &str) -> bool {
    (1..=OWN_ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// What an item says once its signature has passed.
///
/// # Errors
/// [`Fault::Unreadable`] when an event that we use lacks what it is about, or says it outside its signature: then
/// an operator has to look.
pub(crate) fn read(item: &SignedItem, settings: &Settings) -> Result<Notification, Fault> {
    let notification = if item.account() != requests::merchant_account(settings)? {
        ignored("of another merchant account")
    } else if !item.is_ambiguous() {
        by_code(item)?
    } else if item.original().is_none() {
        ignored("not opened by this hub")
    } else {
        // Something done to a payment in the Customer Area, under a reference that somebody typed.
        return Err(Fault::unreadable("expected texts without a colon, that can be split in one way only"));
    };
    Ok(Notification { event_id: Some(item.event_id()), ..notification })
}

/// A capture that the card scheme rejected, perhaps days after it succeeded.
const CAPTURE_FAILED: &str = "CAPTURE_FAILED";

/// What was done to a payment: the event's code, what it is about, and the state of that with success `true` and
/// with `false`; none where the description knows no such event.
const DONE: [(&str, ItemKind, Option<ItemState>, Option<ItemState>); 17] = {
    use ItemKind::{Capture, Dispute, Refund, Void};
    use ItemState::{Failed, Pending, Succeeded};
    [
        ("CAPTURE", Capture, Some(Succeeded), Some(Failed)),
        // Success says that the failure is so.
        (CAPTURE_FAILED, Capture, Some(Failed), Some(Failed)),
        ("CANCELLATION", Void, Some(Succeeded), Some(Failed)),
        ("TECHNICAL_CANCEL", Void, Some(Succeeded), Some(Failed)),
        ("EXPIRE", Void, Some(Succeeded), None),
        ("REFUND", Refund, Some(Succeeded), Some(Failed)),
        ("REFUND_FAILED", Refund, Some(Failed), None),
        ("REFUNDED_REVERSED", Refund, Some(Failed), None),
        ("REQUEST_FOR_INFORMATION", Dispute, Some(Pending), None),
        ("NOTIFICATION_OF_CHARGEBACK", Dispute, Some(Pending), None),
        ("CHARGEBACK", Dispute, Some(Pending), None),
        ("CHARGEBACK_REVERSED", Dispute, Some(Failed), None),
        ("SECOND_CHARGEBACK", Dispute, Some(Succeeded), None),
        ("PREARBITRATION_OPEN", Dispute, Some(Pending), None),
        ("PREARBITRATION_WON", Dispute, Some(Failed), None),
        ("PREARBITRATION_LOST", Dispute, Some(Succeeded), None),
        // That the time to defend is over does not say how it ends.
        ("DISPUTE_DEFENSE_PERIOD_ENDED", Dispute, Some(Pending), None),
    ]
};

/// What only makes the hub ask: a closed offer is one try, and the page may be open for another; what an adjusted
/// or postponed one comes to, other events tell.
const HINTS: [&str; 5] =
    ["CANCEL_OR_REFUND", "OFFER_CLOSED", words::ADJUSTMENT, "POSTPONED_REFUND", "VOID_PENDING_REFUND"];

fn by_code(item: &SignedItem) -> Result<Notification, Fault> {
    let (code, success) = (item.code(), item.success());
    if code == words::AUTHORIZATION {
        return success.map_or_else(|| Ok(hint(item)), |success| authorization(item, success));
    }
    if code == "CANCEL_OR_REFUND" && success == Some(true) && item.own_ids().is_some() {
        let what = "expected a cancel or a refund: which of the two it was is said outside the signature";
        return Err(Fault::unreadable(what));
    }
    if HINTS.contains(&code) {
        return Ok(hint(item));
    }
    let Some((_, kind, if_true, if_false)) = DONE.iter().find(|(known, ..)| *known == code) else {
        return Ok(ignored("not an event code that we use"));
    };
    let state = success.and_then(|success| if success { *if_true } else { *if_false });
    state.map_or_else(|| Ok(hint(item)), |state| done(item, *kind, state))
}

/// A try to pay. One that failed ends nothing: the page stays open for another one, and its id is none of the
/// payment's.
fn authorization(item: &SignedItem, success: bool) -> Result<Notification, Fault> {
    if item.own_ids().is_none() {
        return Ok(ignored("not opened by this hub"));
    }
    let facts = if success {
        let amount = Some(amount(item)?);
        Facts { amount, authorized: amount, ..Facts::word(Word::Authorized) }
            .reference(ReferenceKind::Payment, id(item)?)
    } else {
        Facts { decline: Some(words::failed_try()), ..Facts::default() }
    };
    Ok(said(item, facts))
}

/// Something done to a payment, by us or by others.
fn done(item: &SignedItem, kind: ItemKind, state: ItemState) -> Result<Notification, Fault> {
    let (own, reference) = match kind {
        ItemKind::Capture => (true, Some(ReferenceKind::Capture)),
        ItemKind::Refund => (true, Some(ReferenceKind::Refund)),
        ItemKind::Dispute => (false, Some(ReferenceKind::Dispute)),
        // Each cancel has an id of its own; under our attempt's they would all be one.
        ItemKind::Void => (false, None),
    };
    let transfer = item.own_ids().and_then(|(_, transfer)| transfer).filter(|_| own);
    let (id, amount) = (id(item)?, amount(item)?);
    let entry = Item {
        kind,
        id: Some(id.to_owned()),
        echo: transfer.map(str::to_owned),
        state,
        amount: Some(amount),
        reason: is_told_by_code(kind, item.code()).then(|| words::code(item.code())),
        at: None,
    };
    let is_released = kind == ItemKind::Void && state == ItemState::Succeeded;
    let mut facts =
        Facts { word: is_released.then_some(Word::Voided), items: vec![entry], ..Facts::default() };
    if let Some(original) = item.original() {
        facts = facts.reference(ReferenceKind::Payment, original);
    }
    if let Some(reference) = reference {
        facts = facts.reference(reference, id);
    }
    Ok(said(item, facts))
}

/// Whether the event's code says more than the state: the stage of a dispute, or that a capture failed that may have
/// succeeded before.
fn is_told_by_code(kind: ItemKind, code: &str) -> bool {
    kind == ItemKind::Dispute || code == CAPTURE_FAILED
}

fn id(item: &SignedItem) -> Result<&str, Fault> {
    Some(item.id())
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Fault::unreadable("expected a text at /pspReference"))
}

fn amount(item: &SignedItem) -> Result<processor_sdk::Money, Fault> {
    amounts::of_texts(&item.texts[4], &item.texts[5])
}

fn said(item: &SignedItem, facts: Facts) -> Notification {
    let references = facts.references.iter().cloned().collect();
    Notification { references, echo: echo(item), ..notification(Says::Facts(facts)) }
}

/// Something changed, and the hub has to ask: of an event that cannot tell the whole truth, or of an item that
/// nobody has proven.
pub(crate) fn hint(item: &SignedItem) -> Notification {
    let original = item.original().map(|id| Reference::new(ReferenceKind::Payment, id));
    let references = original.into_iter().collect();
    Notification { references, echo: echo(item), ..notification(Says::Changed) }
}

fn echo(item: &SignedItem) -> Option<String> {
    item.own_ids().map(|(attempt, _)| attempt.to_owned())
}

fn ignored(why: &str) -> Notification {
    notification(Says::Ignored { why: why.to_owned() })
}

pub(crate) const fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}
