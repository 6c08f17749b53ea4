//! The adapters that are compiled in, by the names that configs call them. The only file that names concrete
//! processors.

use std::sync::Arc;

use processor_sdk::Adapter;

/// Makes an adapter.
type Make = fn() -> Arc<dyn Adapter>;

/// The adapter that moves no money.
pub const SANDBOX: &str = "sandbox";

/// Each adapter by its name, which is that of its descriptor.
const NATIVE: [(&str, Make); 8] = [
    (SANDBOX, || Arc::new(processor_sandbox::Sandbox)),
    ("adyen", || Arc::new(processor_adyen::Adyen)),
    ("authorizenet", || Arc::new(processor_authorizenet::AuthorizeNet)),
    ("btcpay", || Arc::new(processor_btcpay::BtcPay)),
    ("mollie", || Arc::new(processor_mollie::Mollie)),
    ("paypal", || Arc::new(processor_paypal::PayPal)),
    ("square", || Arc::new(processor_square::Square)),
    ("stripe", || Arc::new(processor_stripe::Stripe)),
];

/// Their names.
pub fn native_adapters() -> impl Iterator<Item = &'static str> {
    NATIVE.iter().map(|(name, _)| *name)
}

/// The adapter of a name.
pub fn native_adapter(name: &str) -> Option<Arc<dyn Adapter>> {
    NATIVE.iter().find(|(known, _)| *known == name).map(|(_, make)| make())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_the_name_that_it_has_itself() {
        for name in native_adapters() {
            assert_eq!(native_adapter(name).map(|adapter| adapter.descriptor().name).as_deref(), Some(name));
        }
        assert!(native_adapter("Sandbox").is_none() && native_adapter("").is_none());
    }
}
