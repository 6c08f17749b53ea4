//! What Stripe is and can do, as the hub and the operator want to know it.

use processor_sdk::{
    Acknowledgement, AfterUnknown, CONTRACT_VERSION, Capabilities, Descriptor, HostRule, IdempotencyProfile,
    KeyCarrier, LookUp, SecretField, SettingField, SettingKind, SignedDeliveries,
};

use crate::amounts;

/// How long Stripe remembers an idempotency key at least, in seconds.
/// <https://docs.stripe.com/api/idempotent_requests>
const KEY_RETENTION_S: u32 = 24 * 60 * 60;
/// How long a request that we gave up on may still be on its way, in seconds.
const ABSENT_AFTER_S: u32 = 120;

pub(crate) fn descriptor() -> Descriptor {
    let api = || vec![HostRule::Setting("base_url".to_owned())];
    Descriptor {
        contract: CONTRACT_VERSION,
        name: "stripe".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "Stripe".to_owned(),
        documentation: "https://docs.stripe.com/payments/checkout".to_owned(),
        settings: settings(),
        secrets: secrets(api()),
        hosts: api(),
        checkout_hosts: vec![HostRule::Setting("checkout_url".to_owned())],
        currencies: amounts::currencies(),
        capabilities: Capabilities {
            manual_capture: true,
            partial_capture: true,
            multiple_captures: false,
            void: true,
            refund: true,
            partial_refund: true,
            multiple_refunds: true,
            complete_checkout: false,
            expire_checkout: true,
            // Sessions cannot be searched by our reference; the same key gives a lost one back.
            fetch_payment: LookUp::ById,
            fetch_refund: LookUp::ByEcho,
            fetch_dispute: LookUp::ById,
            silent_auto_capture: false,
            orphan_session_payable: false,
        },
        idempotency: IdempotencyProfile {
            carrier: KeyCarrier::Header { name: "Idempotency-Key".to_owned() },
            retention_s: KEY_RETENTION_S,
            replays_errors: true,
            after_unknown: AfterUnknown::SameKey,
            absent_after_s: ABSENT_AFTER_S,
        },
        deliveries: SignedDeliveries::WholeBody,
        acknowledgement: Acknowledgement { status: 200, body: String::new() },
        reads: vec![],
        never_store: PERSONAL.iter().map(|name| (*name).to_owned()).collect(),
        needs: vec![],
    }
}

/// Fields of Stripe's objects that hold a person's data or open something.
const PERSONAL: [&str; 12] = [
    "billing_details",
    "client_secret",
    "collected_information",
    "customer_details",
    "customer_email",
    "evidence",
    "payment_method_details",
    "receipt_email",
    "receipt_url",
    "request_log_url",
    "shipping",
    "shipping_details",
];

fn settings() -> Vec<SettingField> {
    let url = |name: &str, default: &str, help: &str| SettingField {
        name: name.to_owned(),
        kind: SettingKind::Url,
        required: false,
        default: Some(default.into()),
        help: help.to_owned(),
    };
    vec![
        url("base_url", "https://api.stripe.com", "Stripe's API, for test and live alike: the key decides"),
        url(
            "checkout_url",
            "https://checkout.stripe.com",
            "Where Stripe's pages are: another address only with a custom domain for Checkout",
        ),
        SettingField {
            name: "account".to_owned(),
            kind: SettingKind::Text,
            required: false,
            default: None,
            help: "acct_…: the connected account, when api_key is a platform's".to_owned(),
        },
    ]
}

fn secrets(api: Vec<HostRule>) -> Vec<SecretField> {
    vec![
        SecretField {
            name: "api_key".to_owned(),
            required: true,
            several: false,
            hosts: api,
            help: "sk_… or rk_…: Dashboard, Developers, API keys".to_owned(),
        },
        SecretField {
            name: "webhook_secret".to_owned(),
            required: true,
            several: true,
            hosts: vec![],
            help: "whsec_…: the signing secret of this hub's webhook endpoint in the Dashboard".to_owned(),
        },
    ]
}
