//! What an adapter says of itself, in words for an operator: of a plugin's file and of what is compiled in alike.

use processor_sdk::{
    Currencies, CurrencyLimit, Descriptor, HostRule, Money, SecretField, SettingField, SettingKind,
    SignedDeliveries,
};
use serde_json::Value;

/// Whether it must be set, what it is, and what for.
pub(crate) fn setting(field: &SettingField) -> String {
    let kind = match &field.kind {
        SettingKind::Text => "text".to_owned(),
        SettingKind::Url => "URL".to_owned(),
        SettingKind::Flag => "true or false".to_owned(),
        SettingKind::Choice { of } => format!("one of {}", listed(of)),
    };
    let default = field.default.as_ref().map(|value| format!(", default {value}")).unwrap_or_default();
    format!("{}, {kind}{default}: {}", necessity(field.required), field.help)
}

/// Whether it must be set, where it is sent, and what for.
pub(crate) fn secret(field: &SecretField) -> String {
    let to = match field.hosts.as_slice() {
        [] => "never sent".to_owned(),
        rules => format!("sent to {}", hosts(rules)),
    };
    let several = if field.several { ", several while one is rotated" } else { "" };
    format!("{}, {to}{several}: {}", necessity(field.required), field.help)
}

fn necessity(is_required: bool) -> &'static str {
    if is_required { "required" } else { "optional" }
}

pub(crate) fn hosts(rules: &[HostRule]) -> String {
    let rule = |rule: &HostRule| match rule {
        HostRule::Exactly(name) => name.clone(),
        HostRule::Below(name) => format!("any host below {name}"),
        HostRule::Setting(name) => format!("the host of the setting {name}"),
    };
    listed(&rules.iter().map(rule).collect::<Vec<_>>())
}

/// The capabilities that are there, by their names in the contract.
pub(crate) fn capabilities(descriptor: &Descriptor) -> String {
    let Ok(Value::Object(all)) = serde_json::to_value(descriptor.capabilities) else { return String::new() };
    let mut names = Vec::new();
    for (name, value) in all {
        match value {
            Value::Bool(true) => names.push(name),
            Value::String(depth) if depth != "none" => names.push(format!("{name} {depth}")),
            Value::Bool(false) | Value::String(_) => {}
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => names.push(name),
        }
    }
    listed(&names)
}

/// How the webhook's address goes on behind `public_url`.
pub(crate) fn webhook_path(descriptor: &Descriptor) -> Option<&'static str> {
    match descriptor.deliveries {
        SignedDeliveries::WholeBody | SignedDeliveries::Fields(_) => Some("/webhooks/CONNECTOR"),
        SignedDeliveries::Unsigned => Some("/webhooks/CONNECTOR/SECRET"),
        SignedDeliveries::None => None,
    }
}

/// Why a webhook is believed, or what it is good for.
pub(crate) fn proof(descriptor: &Descriptor) -> &'static str {
    match descriptor.deliveries {
        SignedDeliveries::WholeBody => "each is signed, over its whole body",
        SignedDeliveries::Fields(_) => "each item is signed, over the fields that the hub reads",
        SignedDeliveries::Unsigned => {
            "not checked by signature: each only makes the hub ask, at an address that ends in a secret"
        }
        SignedDeliveries::None => "there are none: the processor tells nothing by itself",
    }
}

/// The currencies, with the smallest and largest amount where the processor has one.
pub(crate) fn currencies(descriptor: &Descriptor) -> String {
    let one = |limit: &CurrencyLimit| {
        let amount = |minor: i64| Money::new(minor, limit.currency).ok().map(|money| money.to_string());
        let bounds = [("from", limit.minimum.filter(|least| *least > 1)), ("to", limit.maximum)];
        let bounds =
            bounds.into_iter().filter_map(|(word, minor)| Some(format!(" {word} {}", amount(minor?)?)));
        let steps = limit.multiple_of.map(|step| format!(" in steps of {step} minor units"));
        let bounds: String = bounds.chain(steps).collect();
        if bounds.is_empty() {
            limit.currency.code().to_owned()
        } else {
            format!("{} ({})", limit.currency.code(), bounds.trim_start())
        }
    };
    match &descriptor.currencies {
        Currencies::All => "every active one of ISO 4217".to_owned(),
        Currencies::Listed(limits) => limits.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

/// How many, for a list.
pub(crate) fn currency_count(descriptor: &Descriptor) -> String {
    match &descriptor.currencies {
        Currencies::All => "all".to_owned(),
        Currencies::Listed(limits) => limits.len().to_string(),
    }
}

pub(crate) fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
