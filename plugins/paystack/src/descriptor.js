// Who Paystack is: all that the hub knows before it runs anything of this.

import { CONTRACT_VERSION } from "payhub-processor-sdk";

/** @import * as contract from "payhub-processor-sdk/contract" */

/** How long a request that we gave up on may still be on its way, in seconds. */
const ABSENT_AFTER_S = 60;

/** Those of the published specification. XOF and RWF are sold too, but how their amounts are written is unverified. */
const CURRENCIES = ["GHS", "KES", "NGN", "USD", "ZAR"];

/** Personal data, and what opens a page or charges a card again. */
const NEVER_STORE = [
  "access_code",
  "account_name",
  "authorization",
  "authorization_url",
  "bin",
  "customer",
  "email",
  "history",
  "ip_address",
  "last4",
  "log",
  "messages",
  "receiver_bank_account_number",
];

/** @type {contract.HostRule[]} */
const API = [{ setting: "base_url" }];

/** @type {contract.Descriptor} */
export const descriptor = {
  contract: CONTRACT_VERSION,
  name: "paystack",
  version: "0.1.0",
  title: "Paystack",
  documentation: "https://paystack.com/docs/payments/accept-payments/",
  settings: [
    {
      name: "base_url",
      type: "url",
      required: false,
      default: "https://api.paystack.co",
      help: "Where Paystack's API is; test and live mode have the same address",
    },
    {
      name: "fallback_email",
      type: "text",
      required: false,
      help: "E-mail address given to Paystack, which wants one, for customers of whom the cart knows none",
    },
    {
      name: "channels",
      type: "text",
      required: false,
      help: "Ways to pay on the page, separated by commas, such as card,bank_transfer; else those of the dashboard",
    },
  ],
  secrets: [
    {
      name: "secret_key",
      required: true,
      several: true,
      hosts: API,
      help: "Secret key: dashboard, Settings, API Keys & Webhooks (sk_test_… or sk_live_…); it signs the webhooks too",
    },
  ],
  hosts: API,
  checkout_hosts: [{ exactly: "checkout.paystack.com" }, ...API],
  currencies: { listed: CURRENCIES.map((currency) => ({ currency })) },
  capabilities: {
    manual_capture: false,
    partial_capture: false,
    multiple_captures: false,
    void: false,
    refund: true,
    partial_refund: true,
    multiple_refunds: true,
    complete_checkout: false,
    expire_checkout: false,
    fetch_payment: "by_echo",
    fetch_refund: "by_echo",
    fetch_dispute: "by_id",
    silent_auto_capture: false,
    orphan_session_payable: false,
  },
  idempotency: {
    carrier: { in: "none" },
    retention_s: 0,
    replays_errors: false,
    after_unknown: "look_first",
    absent_after_s: ABSENT_AFTER_S,
  },
  deliveries: "whole_body",
  acknowledgement: { status: 200 },
  never_store: NEVER_STORE,
  setup: [
    "In the dashboard, test mode first, under Settings, API Keys & Webhooks, take the secret key (sk_test_… or sk_live_…).",
    "Set the Webhook URL there to the webhook address. There are no events to choose.",
    "Leave the fees with the merchant: where the customer bears them, more is charged than was asked, and the hub sets the payment aside.",
    "To go live, do the same with the dashboard in live mode: each mode has its key and its webhook URL.",
  ],
  events: [],
};
