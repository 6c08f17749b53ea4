// Paystack's webhooks. Each is signed over its whole body with the secret key itself, without a time.

import { Fault, Json, deliveryJson, macCheck, signatureHeader } from "payhub-processor-sdk";

import * as wire from "./wire.js";

/** @import * as contract from "payhub-processor-sdk/contract" */
/** @import { Dialogue } from "payhub-processor-sdk" */

/** @param {contract.Delivery} delivery @param {Dialogue} dialogue @returns {contract.Notification[]} */
export function receive(delivery, dialogue) {
  // The shopper's browser came back: no evidence of anything, so the hub is told to ask.
  if (delivery.channel === "return") return [{ echo: delivery.echo, says: "changed" }];
  const signature = signatureHeader(delivery, "x-paystack-signature");
  const check = macCheck("hmac_sha512", "secret_key", { over: ["delivery_body"], candidates: [signature.trim()] });
  const proof = dialogue.verify(check);
  const event = deliveryJson(delivery);
  return [{ ...read(event.text("/event"), event.part("/data"), delivery.livemode), proof }];
}

/** @param {string} type @param {Json} data @param {boolean} livemode @returns {contract.Notification} */
function read(type, data, livemode) {
  switch (type) {
    case "charge.success":
    case "charge.dispute.create":
    case "charge.dispute.remind":
    case "charge.dispute.resolve":
    case "refund.pending":
    case "refund.processing":
    case "refund.processed":
    case "refund.failed":
    case "refund.needs-attention":
      break;
    default:
      return ignored("an event type that we do not use");
  }
  if (data.text("/domain") !== (livemode ? "live" : "test")) return ignored("an event of the other mode");
  if (type === "charge.success") return charge(type, data);
  return type.startsWith("refund.") ? refund(data) : dispute(type, data);
}

/** The only event of a payment: nothing is sent of what failed or was given up. @param {string} type @param {Json} data @returns {contract.Notification} */
function charge(type, data) {
  const echo = attempt(data) ?? wire.echoOfReference(data.text("/reference"));
  if (echo === undefined) return ignored("a payment that no hub opened");
  const facts = wire.transaction(data);
  return { event_id: `${type}:${data.id("/id")}`, references: facts.references ?? [], echo, says: { facts } };
}

/** @param {string} type @param {Json} data @returns {contract.Notification} */
function dispute(type, data) {
  const facts = wire.dispute(data);
  const event_id = [type, data.id("/id"), data.text("/status"), data.optionalText("/resolution") ?? ""].join(":");
  const echo = wire.echoOfReference(data.text("/transaction/reference"));
  return { event_id, references: facts.references ?? [], echo, says: { facts } };
}

/**
 * A refund's event names neither the refund nor itself: two of the same amount look alike. So it is a reason to ask, and
 * has no id, under which the second one would count as the first.
 * @param {Json} data @returns {contract.Notification}
 */
function refund(data) {
  const reference = data.text("/transaction_reference");
  const echo = wire.echoOfReference(reference);
  return { references: [{ kind: "session", id: reference }], echo, says: "changed" };
}

/** Our id of the attempt in a transaction's metadata, which is an object, a text of one, empty or 0. @param {Json} data */
function attempt(data) {
  const metadata = data.at("/metadata");
  /** @type {Json} */
  let fields;
  try {
    fields = typeof metadata === "string" ? Json.parse(metadata) : new Json(metadata);
  } catch (fault) {
    if (fault instanceof Fault) return undefined;
    throw fault;
  }
  const echo = fields.at(`/${wire.HUB_ATTEMPT}`);
  return typeof echo === "string" && wire.echoOfReference(echo) === echo ? echo : undefined;
}

/** @param {string} why @returns {contract.Notification} */
function ignored(why) {
  return { says: { ignored: { why } } };
}
