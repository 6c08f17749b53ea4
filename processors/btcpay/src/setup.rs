//! What an operator does at BTCPay Server, as `payhub processors show btcpay` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 4] = [
    "On your server, in the store that is to be paid, take its id: Settings, General, Store ID.",
    "Under Account, Manage Account, API Keys, make a key for this store alone with \
     btcpay.store.cancreateinvoice, btcpay.store.canviewinvoices, btcpay.store.canmodifyinvoices and, for \
     refunds, btcpay.store.canmanagepullpayments.",
    "In the store under Settings, Webhooks, add one with the webhook address and the events below, leave \
     automatic redelivery on, and take the secret.",
    "For tests run a server on regtest or testnet and make it a connector of its own. Nothing tells the hub \
     which network an invoice is on, so look at base_url twice before you write mode = \"live\".",
];

/// The events to subscribe to.
pub(crate) const EVENTS: [&str; 6] = [
    "InvoiceReceivedPayment",
    "InvoicePaymentSettled",
    "InvoiceProcessing",
    "InvoiceSettled",
    "InvoiceExpired",
    "InvoiceInvalid",
];
