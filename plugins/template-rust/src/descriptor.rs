//! Who this adapter is, and what its processor can do. What is not declared here is not done.
//!
//! This is also the plugin's manifest: the hub shows it to the operator, who grants the hosts and provides the
//! secrets, and holds the plugin to it.

use processor_sdk::{
    Acknowledgement, AfterUnknown, CONTRACT_VERSION, Capabilities, Currencies, Descriptor, HostRule,
    IdempotencyProfile, KeyCarrier, LookUp, SecretField, SettingField, SettingKind, SignedDeliveries,
};

pub(crate) fn descriptor() -> Descriptor {
    // Where each operator has an address of their own, it is a setting. Most processors have one for all, which
    // is `HostRule::Exactly("api.acme.example".to_owned())`, and need no setting for it.
    let server = || vec![HostRule::Setting("base_url".to_owned())];
    Descriptor {
        contract: CONTRACT_VERSION,
        name: "acme".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Acme Pay".to_owned(),
        documentation: "https://docs.acme.example/".to_owned(),
        settings: vec![SettingField {
            name: "base_url".to_owned(),
            kind: SettingKind::Url,
            required: true,
            default: None,
            help: "Where the processor listens, such as http://127.0.0.1:4010".to_owned(),
        }],
        secrets: secrets(&server),
        hosts: server(),
        // Where the shopper may be sent.
        checkout_hosts: server(),
        currencies: Currencies::All,
        capabilities: CAPABILITIES,
        idempotency: IdempotencyProfile {
            carrier: KeyCarrier::Header { name: "Idempotency-Key".to_owned() },
            retention_s: 24 * 60 * 60,
            replays_errors: false,
            // When nobody knows whether a request arrived, the hub sends it again under the same key.
            after_unknown: AfterUnknown::SameKey,
            absent_after_s: 30,
        },
        deliveries: SignedDeliveries::WholeBody,
        acknowledgement: Acknowledgement { status: 200, body: String::new() },
        reads: Vec::new(),
        never_store: Vec::new(),
        needs: Vec::new(),
        // What an operator does at the processor, and which events to subscribe to: `payhub plugin inspect` shows it.
        setup: vec![
            "In the processor's dashboard, under API keys, take the key.".to_owned(),
            "Under Webhooks, add the webhook address and take its secret.".to_owned(),
        ],
        events: Vec::new(),
    }
}

/// What the hub may ask for. Where this says no, `perform` answers `Unsupported`, and a law holds the two together.
const CAPABILITIES: Capabilities = Capabilities {
    manual_capture: false,
    partial_capture: false,
    multiple_captures: false,
    void: false,
    refund: true,
    partial_refund: true,
    multiple_refunds: true,
    complete_checkout: false,
    expire_checkout: false,
    fetch_payment: LookUp::ById,
    fetch_refund: LookUp::None,
    fetch_dispute: LookUp::None,
    silent_auto_capture: false,
    orphan_session_payable: false,
};

/// What the operator provides. The plugin sees their names only.
fn secrets(server: &dyn Fn() -> Vec<HostRule>) -> Vec<SecretField> {
    vec![
        SecretField {
            name: "api_key".to_owned(),
            required: true,
            several: false,
            // It is sent there and nowhere else.
            hosts: server(),
            help: "The processor's dashboard, under API keys".to_owned(),
        },
        SecretField {
            name: "webhook_secret".to_owned(),
            required: true,
            // While it is being changed, the old one and the new one both count.
            several: true,
            // It is never sent: it only verifies.
            hosts: Vec::new(),
            help: "The processor's dashboard, under Webhooks".to_owned(),
        },
    ]
}
