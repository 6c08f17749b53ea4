// Acme Pay as a plugin: a hosted page, refunds, signed webhooks. Read it from top to bottom.
//
// Each function asks the processor something and says what the answer means. `dialogue.send(..)` leaves the function by
// a throw that must be let through; the hub sends the request and runs the function again with the response. Nothing
// here knows a secret, keeps anything, or decides about money: it reports what the processor says.

import {
  Fault,
  bearer,
  deliveryJson,
  get,
  macCheck,
  ofUnixSeconds,
  plugin,
  post,
  redirect,
  reference,
  requireReference,
  said,
  setting,
  signatureHeader,
  toUnixSeconds,
  unknownWord,
} from "payhub-processor-sdk";

import { descriptor } from "./descriptor.js";

/** @import * as contract from "payhub-processor-sdk/contract" */
/** @import { Dialogue, Json } from "payhub-processor-sdk" */

/** How old a webhook's signature may be, in seconds. */
const SIGNATURE_TOLERANCE_S = 300;

export const { describe, run } = plugin({ descriptor, perform, receive });

/** @param {contract.Call} call @param {Dialogue} dialogue @returns {contract.Answer} */
function perform(call, dialogue) {
  switch (call.operation.kind) {
    case "open_checkout":
      return openCheckout(call, call.operation, dialogue);
    case "fetch_payment":
      return fetchPayment(call, dialogue);
    case "refund":
      return refund(call, call.operation, dialogue);
    // What the capabilities in the descriptor do not promise is not done.
    default:
      throw Fault.unsupported();
  }
}

/** @param {contract.Delivery} delivery @param {Dialogue} dialogue @returns {contract.Notification[]} */
function receive(delivery, dialogue) {
  // The hub checks the signature with the secret, and the proof says that it did.
  const proof = dialogue.verify(signature(delivery));
  return [{ ...notification(deliveryJson(delivery)), proof }];
}

/**
 * Opens the hosted page. The key makes a repeated request the same one, so the hub may safely send it again.
 * @param {contract.Call} call @param {contract.CheckoutOrder} order @param {Dialogue} dialogue
 * @returns {contract.Answer}
 */
function openCheckout(call, order, dialogue) {
  const session = dialogue.send(
    write(call, "/v1/sessions", {
      reference: call.echo,
      amount: call.amount.amount,
      currency: call.amount.currency,
      capture: "automatic",
      return_url: order.return_url,
      cancel_url: order.cancel_url,
      expires_at: toUnixSeconds(order.expires_at),
    }),
  ).successJson();
  const facts = sessionFacts(session);
  // Only an open page is a way to go on; the words say the rest.
  return facts.word === "open" ? said(facts, redirect(session.text("/url"))) : said(facts);
}

/**
 * What became of the payment: asked when a webhook is late, or an answer was lost.
 * @param {contract.Call} call @param {Dialogue} dialogue @returns {contract.Answer}
 */
function fetchPayment(call, dialogue) {
  const id = requireReference(call, "session");
  const response = dialogue.send(get(url(call, `/v1/sessions/${id}`), { auth: bearer("api_key") }));
  // "There is no such thing" must be in the processor's own words: any proxy can answer 404.
  if (response.status === 404 && response.json().text("/error/code") === "not_found") return "absent";
  return said(sessionFacts(response.successJson()));
}

/**
 * Gives back all or part of what was taken.
 * @param {contract.Call} call @param {contract.RefundOrder} order @param {Dialogue} dialogue
 * @returns {contract.Answer}
 */
function refund(call, order, dialogue) {
  const payment = requireReference(call, "payment");
  const response = dialogue.send(
    write(call, "/v1/refunds", { payment, amount: order.amount.amount, reference: order.echo }),
  );
  // A refusal is an answer too: this refund did not happen. Everything else that is no success is a fault, and the hub
  // goes on asking.
  if (response.status === 422 && response.json().text("/error/code") === "amount_exceeds_captured") {
    return said({ items: [{ kind: "refund", echo: order.echo, state: "failed", reason: "amount_exceeds_captured" }] });
  }
  return said(refundFacts(response.successJson()));
}

/** What a session says; responses and webhooks show the same object. @param {Json} session @returns {contract.Facts} */
function sessionFacts(session) {
  const currency = session.currency("/currency");
  /** @type {contract.Facts} */
  const facts = {
    references: [reference("session", session.text("/id"))],
    word: wordOf(session.text("/status")),
    // Amounts are the processor's own, never the ones that were asked: the hub compares the two.
    amount: session.minorUnits("/amount", currency),
    at: session.unixSeconds("/updated"),
  };
  const decline = session.optionalText("/decline_code");
  if (decline !== undefined) facts.decline = { code: declineCodeOf(decline), elsewhere: false };
  if (session.at("/payment") !== undefined) {
    facts.captured = session.minorUnits("/payment/amount_captured", currency);
    facts.refunded = session.minorUnits("/payment/amount_refunded", currency);
    facts.references?.push(reference("payment", session.text("/payment/id")));
  }
  return facts;
}

/** @param {string} status @returns {contract.Word} */
function wordOf(status) {
  switch (status) {
    case "open":
    case "paid":
    case "declined":
    case "expired":
      return status;
    case "processing":
      return "pending";
    // A word that nobody has heard of is not rounded to the nearest one.
    default:
      return unknownWord(status);
  }
}

/** @param {string} code @returns {contract.DeclineCode} */
function declineCodeOf(code) {
  switch (code) {
    case "insufficient_funds":
      return "insufficient_funds";
    case "stolen_card":
      return "stolen_or_lost";
    default:
      return "card_declined";
  }
}

/** What a refund says. It names the payment, by which the hub finds whose it is. @param {Json} refund @returns {contract.Facts} */
function refundFacts(refund) {
  const state = refund.text("/status");
  if (state !== "pending" && state !== "succeeded" && state !== "failed") {
    throw Fault.unreadable("expected a documented status at /status");
  }
  const id = refund.text("/id");
  return {
    references: [reference("payment", refund.text("/payment")), reference("refund", id)],
    items: [
      {
        kind: "refund",
        id,
        echo: refund.optionalText("/reference"),
        state,
        amount: refund.minorUnits("/amount", refund.currency("/currency")),
        at: refund.unixSeconds("/updated"),
      },
    ],
  };
}

/** `Sandbox-Signature: t=1700000000,v1=<hex>` covers the time, a full stop and the body. @param {contract.Delivery} delivery */
function signature(delivery) {
  const [, time = "", hex = ""] = /^t=(\d{1,15}),v1=(.+)$/.exec(signatureHeader(delivery, "Sandbox-Signature")) ?? [];
  const at = time === "" ? undefined : ofUnixSeconds(Number(time));
  if (at === undefined) throw Fault.forged("the signature header is malformed");
  return macCheck("hmac_sha256", "webhook_secret", {
    over: [{ text: `${time}.` }, "delivery_body"],
    candidates: [hex],
    timestamp: { at, tolerance_s: SIGNATURE_TOLERANCE_S },
  });
}

/** What a webhook says, once it is verified. @param {Json} event @returns {contract.Notification} */
function notification(event) {
  const facts = factsOf(event.text("/type"), event.part("/data/object"));
  return {
    // The same event delivered again counts once.
    event_id: event.text("/id"),
    // Any id that the hub has seen before finds the payment.
    references: facts?.references,
    says: facts ? { facts } : { ignored: { why: "an event type that we do not use" } },
  };
}

/** @param {string} type @param {Json} object */
function factsOf(type, object) {
  switch (type) {
    case "session.processing":
    case "session.paid":
    case "session.declined":
    case "session.expired":
      return sessionFacts(object);
    case "refund.pending":
    case "refund.succeeded":
    case "refund.failed":
      return refundFacts(object);
    default:
      return undefined;
  }
}

/** @param {contract.Call} call @param {string} path @param {unknown} json */
function write(call, path, json) {
  return post(url(call, path), { auth: bearer("api_key"), headers: { "Idempotency-Key": call.key }, json });
}

/** @param {contract.Call} call @param {string} path */
function url(call, path) {
  return `${setting(call, "base_url").replace(/\/+$/, "")}${path}`;
}
