//! Laws on the adapter's papers: the descriptor is sane, honest, and covered by fixtures.

use std::collections::BTreeSet;

use super::host::as_json;
use super::trial::run_prefix;
use super::{End, Law, Subject, Violation, trial};
use crate::{
    Bytes, CONTRACT_VERSION, Call, CaptureMode, CaptureOrder, Channel, CheckoutOrder, Currencies, Currency,
    Customer, Delivery, Descriptor, Fault, Headers, HostRule, KeyCarrier, Money, Operation, OperationKind,
    Question, Reference, ReferenceKind, RefundOrder, Reply, SettingKind, Settings, Shopper, SignedDeliveries,
    Timestamp,
};

pub(super) const DESCRIPTOR_IS_SANE: Law = Law {
    name: "descriptor_is_sane",
    statement: "The descriptor is constant, of this contract's version, well-formed, and explains every setting \
                and secret.",
    check: descriptor_is_sane,
};

pub(super) const FIXTURES_COVER: Law = Law {
    name: "fixtures_cover",
    statement: "The fixtures hold an answered transcript of every supported operation, a status word where anything \
                is read from the processor and, where deliveries are signed, a delivery that is believed.",
    check: fixtures_cover,
};

pub(super) const SUPPORT_IS_DECLARED: Law = Law {
    name: "support_is_declared",
    statement: "An operation is answered with Unsupported exactly when its capability is absent, a delivery where \
                there are none, and then nothing is sent.",
    check: support_is_declared,
};

/// Every kind of operation.
const KINDS: [OperationKind; 9] = [
    OperationKind::OpenCheckout,
    OperationKind::CompleteCheckout,
    OperationKind::ExpireCheckout,
    OperationKind::Capture,
    OperationKind::Void,
    OperationKind::Refund,
    OperationKind::FetchPayment,
    OperationKind::FetchRefund,
    OperationKind::FetchDispute,
];

fn descriptor_is_sane(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    let problem = if subject.adapter.descriptor() != descriptor {
        Some("is another one the second time".to_owned())
    } else {
        identity_problem(&descriptor)
            .or_else(|| fields_problem(&descriptor))
            .or_else(|| hosts_problem(&descriptor))
            .or_else(|| money_problem(&descriptor))
            .or_else(|| delivery_problem(&descriptor))
            .or_else(|| {
                let checked = descriptor.check_settings(&subject.settings);
                checked.err().map(|fault| format!("does not take the subject's settings: {fault}"))
            })
    };
    match problem {
        Some(problem) => Err(Violation::general(format!("the descriptor {problem}"))),
        None => Ok(()),
    }
}

fn identity_problem(descriptor: &Descriptor) -> Option<String> {
    if descriptor.contract != CONTRACT_VERSION {
        return Some(format!("is of contract {}, not {CONTRACT_VERSION}", descriptor.contract));
    }
    if !is_config_name(&descriptor.name, '-') {
        return Some("has a name other than 1–32 of [a-z0-9-], beginning with a letter".to_owned());
    }
    let parts: Vec<_> = descriptor.version.splitn(3, '.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let semantic = parts.len() == 3
        && parts[..2].iter().all(is_number)
        && parts[2].starts_with(|first: char| first.is_ascii_digit());
    if !semantic {
        return Some(format!("has the version {:?}, which is not semantic", descriptor.version));
    }
    if descriptor.title.trim().is_empty() {
        return Some("has no title".to_owned());
    }
    if descriptor.setup.iter().chain(&descriptor.events).any(|line| line.trim().is_empty()) {
        return Some("has a step of its setup, or an event, without a word".to_owned());
    }
    (!descriptor.documentation.starts_with("https://")).then(|| "names no https documentation".to_owned())
}

fn fields_problem(descriptor: &Descriptor) -> Option<String> {
    let mut names = BTreeSet::new();
    for setting in &descriptor.settings {
        let name = &setting.name;
        if !is_config_name(name, '_') || !names.insert(name) {
            return Some(format!(
                "has a setting {name:?}: names are unique, 1–32 of [a-z0-9_], beginning with a letter"
            ));
        }
        if setting.help.trim().is_empty() {
            return Some(format!("has no help for the setting {name}"));
        }
        if setting.required && setting.default.is_some() {
            return Some(format!("gives the required setting {name} a default"));
        }
        if matches!(&setting.kind, SettingKind::Choice { of } if of.is_empty()) {
            return Some(format!("gives the setting {name} nothing to choose from"));
        }
    }
    for secret in &descriptor.secrets {
        let name = &secret.name;
        if !is_config_name(name, '_') || !names.insert(name) {
            return Some(format!(
                "has a secret {name:?}: names are unique, 1–32 of [a-z0-9_], beginning with a letter"
            ));
        }
        if secret.help.trim().is_empty() {
            return Some(format!("has no help for the secret {name}"));
        }
        if let Some(rule) = secret.hosts.iter().find(|rule| !descriptor.hosts.contains(rule)) {
            return Some(format!("binds the secret {name} to {rule:?}, which is not among its hosts"));
        }
    }
    None
}

fn hosts_problem(descriptor: &Descriptor) -> Option<String> {
    // One without the other would let a repeat go out twice, or nothing at all.
    if descriptor.hosts.is_empty() != (descriptor.idempotency.carrier == KeyCarrier::NothingSent) {
        return Some("declares no host, or declares hosts to which nothing is sent".to_owned());
    }
    for rule in descriptor.hosts.iter().chain(&descriptor.checkout_hosts) {
        match rule {
            HostRule::Exactly(name) if is_host_name(name) => {}
            HostRule::Below(name) if is_host_name(name) && name.contains('.') => {}
            HostRule::Setting(name) => {
                let is_url =
                    |field: &crate::SettingField| field.name == *name && field.kind == SettingKind::Url;
                if !descriptor.settings.iter().any(is_url) {
                    return Some(format!(
                        "takes a host from the setting {name}, which is not declared as a URL"
                    ));
                }
            }
            HostRule::Exactly(name) | HostRule::Below(name) => {
                return Some(format!("declares the host {name:?}, which is not a lower-case host name"));
            }
        }
    }
    for rule in &descriptor.reads {
        if !rule.path_prefix.starts_with('/') {
            return Some(format!("lists the reads {:?}, which is no path", rule.path_prefix));
        }
    }
    None
}

fn money_problem(descriptor: &Descriptor) -> Option<String> {
    if let Currencies::Listed(listed) = &descriptor.currencies {
        if listed.is_empty() {
            return Some("lists no currency".to_owned());
        }
        let mut seen = BTreeSet::new();
        for limit in listed {
            let (minimum, multiple) = (limit.minimum.unwrap_or(1), limit.multiple_of.unwrap_or(1));
            let sound =
                minimum >= 1 && multiple >= 1 && limit.maximum.is_none_or(|maximum| maximum >= minimum);
            if !sound || !seen.insert(limit.currency) {
                return Some(format!("lists {} twice or with limits that no amount meets", limit.currency));
            }
        }
    }
    let profile = &descriptor.idempotency;
    let header_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match &profile.carrier {
        KeyCarrier::Header { name } if !header_name(name) => {
            Some(format!("carries the key in the header {name:?}"))
        }
        KeyCarrier::BodyField { pointer } if !pointer.starts_with('/') => {
            Some(format!("carries the key at {pointer:?}, which is no RFC 6901 pointer"))
        }
        KeyCarrier::None if profile.after_unknown == crate::AfterUnknown::SameKey => {
            Some("repeats under the same key after Unknown, but its processor takes no key".to_owned())
        }
        KeyCarrier::Header { .. } | KeyCarrier::BodyField { .. } if profile.retention_s == 0 => {
            Some("says that its processor forgets keys at once".to_owned())
        }
        KeyCarrier::Header { .. }
        | KeyCarrier::BodyField { .. }
        | KeyCarrier::None
        | KeyCarrier::NothingSent => None,
    }
}

fn delivery_problem(descriptor: &Descriptor) -> Option<String> {
    if !(200..=299).contains(&descriptor.acknowledgement.status) {
        return Some(format!("acknowledges deliveries with {}", descriptor.acknowledgement.status));
    }
    let SignedDeliveries::Fields(pointers) = &descriptor.deliveries else {
        return None;
    };
    let sound = !pointers.is_empty() && pointers.iter().all(|pointer| pointer.starts_with('/'));
    (!sound).then(|| "lists signed fields that are no RFC 6901 pointers, or none".to_owned())
}

/// 1–32 lower-case letters, digits and `separator`, a letter first.
fn is_config_name(name: &str, separator: char) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}

fn is_host_name(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.split('.').all(|label| {
            let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(inside)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn fixtures_cover(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    let mut names = BTreeSet::new();
    for fixture in &subject.fixtures {
        if !names.insert(&fixture.name) {
            return Err(Violation::of(fixture, "another fixture has the same name"));
        }
    }
    for kind in KINDS {
        let answered = |fixture: &super::Fixture| {
            fixture.operation() == Some(kind) && matches!(fixture.reply, Reply::Answer(_))
        };
        if descriptor.capabilities.supports(kind) && !subject.fixtures.iter().any(answered) {
            return Err(Violation::general(format!("no fixture holds an answer to {}", kind.as_str())));
        }
    }
    let signed = match &descriptor.deliveries {
        SignedDeliveries::WholeBody | SignedDeliveries::Fields(_) => true,
        SignedDeliveries::Unsigned | SignedDeliveries::None => false,
    };
    let believed = |fixture: &super::Fixture| match &fixture.reply {
        Reply::Notifications(notifications) => notifications
            .iter()
            .any(|notification| trial::is_trusted(notification, &fixture.transcript, &descriptor)),
        Reply::Answer(_) | Reply::Fault(_) | Reply::Step(_) => false,
    };
    if signed && !subject.fixtures.iter().any(believed) {
        return Err(Violation::general(
            "deliveries are signed, but no fixture holds one whose facts are believed",
        ));
    }
    let reads_nothing = descriptor.hosts.is_empty() && descriptor.deliveries == SignedDeliveries::None;
    if !reads_nothing && !subject.fixtures.iter().any(|fixture| fixture.status_pointer.is_some()) {
        return Err(Violation::general("no fixture names its status word by status_pointer"));
    }
    Ok(())
}

fn support_is_declared(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for kind in KINDS {
        let call = made_up_call(subject, kind);
        let reply = run_prefix(subject.adapter, &Question::Call(call), &[]);
        let unsupported = matches!(reply, Some(Reply::Fault(Fault::Unsupported)));
        if descriptor.capabilities.supports(kind) == unsupported {
            let reply = reply.map_or_else(|| "a panic".to_owned(), |reply| as_json(&reply));
            let declared = if unsupported { "declared" } else { "not declared" };
            return Err(Violation::general(format!("{} is {declared}, but came to {reply}", kind.as_str())));
        }
    }
    if descriptor.deliveries == SignedDeliveries::None {
        let reply = run_prefix(subject.adapter, &Question::Delivery(made_up_delivery(subject)), &[]);
        if !matches!(reply, Some(Reply::Fault(Fault::Unsupported))) {
            let reply = reply.map_or_else(|| "a panic".to_owned(), |reply| as_json(&reply));
            return Err(Violation::general(format!("there are no deliveries, but one came to {reply}")));
        }
    }
    for fixture in &subject.fixtures {
        let delivered = descriptor.deliveries != SignedDeliveries::None;
        let supported = fixture.operation().map_or(delivered, |kind| descriptor.capabilities.supports(kind));
        let course = trial::baseline(subject, fixture);
        if supported && course.end == End::Reply(Reply::Fault(Fault::Unsupported)) {
            return Err(Violation::of(fixture, "a declared operation came to Unsupported"));
        }
    }
    Ok(())
}

/// A call of this kind: the first fixture's, or one made up, with every kind of reference known.
fn made_up_call(subject: &Subject<'_>, kind: OperationKind) -> Call {
    let recorded = subject.fixtures.iter().find_map(|fixture| match &fixture.ask {
        Question::Call(call) => Some(call.clone()),
        Question::Delivery(_) => None,
    });
    let mut call = recorded.unwrap_or_else(|| Call {
        operation: Operation::Void,
        key: "conformancekey0000".to_owned(),
        echo: "conformanceecho000".to_owned(),
        amount: Money::zero(Currency::EUR),
        capture: CaptureMode::Automatic,
        references: BTreeSet::new(),
        created_at: Timestamp::UNIX_EPOCH,
        settings: Settings::default(),
        livemode: false,
    });
    if call.settings.0.is_empty() {
        call.settings = subject.settings.clone();
    }
    for kind in [
        ReferenceKind::Session,
        ReferenceKind::Order,
        ReferenceKind::Payment,
        ReferenceKind::Authorization,
        ReferenceKind::Capture,
        ReferenceKind::Refund,
        ReferenceKind::Dispute,
        ReferenceKind::Payer,
    ] {
        if call.reference(kind).is_none() {
            call.references.insert(Reference::new(kind, "conformance1"));
        }
    }
    call.operation = made_up_operation(&call, kind);
    call
}

/// A delivery to an adapter that takes none.
fn made_up_delivery(subject: &Subject<'_>) -> Delivery {
    Delivery {
        channel: Channel::Webhook,
        url: "https://hub.example.com/webhooks/1".to_owned(),
        query: Vec::new(),
        headers: Headers(Vec::new()),
        body: Bytes::new(br#"{"id":"ev_1","status":"paid"}"#.to_vec()),
        received_at: Timestamp::UNIX_EPOCH,
        echo: Some("conformanceecho000".to_owned()),
        settings: subject.settings.clone(),
        livemode: false,
    }
}

fn made_up_operation(call: &Call, kind: OperationKind) -> Operation {
    let refund = || RefundOrder {
        echo: "conformancerefund0".to_owned(),
        amount: call.amount,
        id: Some("conformance1".to_owned()),
        capture: None,
        refunded_before: Money::zero(call.amount.currency()),
        reason: None,
    };
    match kind {
        OperationKind::OpenCheckout => Operation::OpenCheckout(CheckoutOrder {
            description: None,
            order_reference: None,
            lines: Vec::new(),
            customer: Customer::default(),
            shopper: Shopper::default(),
            return_url: "https://hub.example.com/return/1".to_owned(),
            cancel_url: "https://hub.example.com/return/1?canceled".to_owned(),
            webhook_url: "https://hub.example.com/webhooks/1".to_owned(),
            expires_at: call.created_at,
        }),
        OperationKind::CompleteCheckout => Operation::CompleteCheckout { return_parameters: Vec::new() },
        OperationKind::ExpireCheckout => Operation::ExpireCheckout,
        OperationKind::Capture => Operation::Capture(CaptureOrder {
            echo: "conformancecapture".to_owned(),
            amount: call.amount,
            is_final: true,
        }),
        OperationKind::Void => Operation::Void,
        OperationKind::Refund => Operation::Refund(refund()),
        OperationKind::FetchPayment => Operation::FetchPayment,
        OperationKind::FetchRefund => Operation::FetchRefund(refund()),
        OperationKind::FetchDispute => Operation::FetchDispute { id: "conformance1".to_owned() },
    }
}
