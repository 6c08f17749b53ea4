//! The adapter for Stripe as a plugin: the same source as the one that is compiled in, in the sandbox.

processor_sdk::export_adapter!(processor_stripe::Stripe);
