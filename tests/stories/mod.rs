//! What a cart, a shopper and a processor live through, told from the front door.
//!
//! Each test is one story on a hub of its own; where many stories differ in one word only, they are a table.

mod pay;

mod checkout;

mod detours;

mod manual_capture;

mod refunds;

mod disputes;

mod idempotency;

mod lost_answers;

mod processor_webhooks;

mod wrong_amount;

mod processor_down;

mod merchant_webhooks;

mod restarts;

mod partitions;

mod order_references;

pub(crate) mod at_processor;

pub(crate) mod at_stripe;

mod at_mollie;

mod at_paypal;

mod at_paystack;

mod at_adyen;
mod at_authorizenet;
mod at_btcpay;
mod at_square;
