// Who this adapter is, and what its processor can do. What is not declared here is not done.
//
// This is also the plugin's manifest: the hub shows it to the operator, who grants the hosts and provides the secrets,
// and holds the plugin to it.

import { CONTRACT_VERSION } from "payhub-processor-sdk";

/** @import * as contract from "payhub-processor-sdk/contract" */

/**
 * Where each operator has an address of their own, it is a setting. Most processors have one for all, which is
 * `{ exactly: "api.acme.example" }`, and need no setting for it.
 * @type {contract.HostRule[]}
 */
const SERVER = [{ setting: "base_url" }];

/** @type {contract.Descriptor} */
export const descriptor = {
  contract: CONTRACT_VERSION,
  name: "acme",
  version: "0.1.0",
  title: "Acme Pay",
  documentation: "https://docs.acme.example/",
  settings: [
    {
      name: "base_url",
      type: "url",
      required: true,
      help: "Where the processor listens, such as http://127.0.0.1:4010",
    },
  ],
  secrets: [
    {
      name: "api_key",
      required: true,
      // It is sent there and nowhere else.
      hosts: SERVER,
      help: "The processor's dashboard, under API keys",
    },
    {
      name: "webhook_secret",
      required: true,
      // While it is being changed, the old one and the new one both count.
      several: true,
      // It is never sent: it only verifies.
      hosts: [],
      help: "The processor's dashboard, under Webhooks",
    },
  ],
  hosts: SERVER,
  // Where the shopper may be sent.
  checkout_hosts: SERVER,
  currencies: "all",
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
    fetch_payment: "by_id",
    fetch_refund: "none",
    fetch_dispute: "none",
    silent_auto_capture: false,
    orphan_session_payable: false,
  },
  idempotency: {
    carrier: { in: "header", name: "Idempotency-Key" },
    retention_s: 24 * 60 * 60,
    replays_errors: false,
    // When nobody knows whether a request arrived, the hub sends it again under the same key.
    after_unknown: "same_key",
    absent_after_s: 30,
  },
  deliveries: "whole_body",
  acknowledgement: { status: 200 },
  // What an operator does at the processor, and which events to subscribe to: `payhub plugin inspect` shows it.
  setup: [
    "In the processor's dashboard, under API keys, take the key.",
    "Under Webhooks, add the webhook address and take its secret.",
  ],
  events: [],
};
