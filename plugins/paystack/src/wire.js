// Paystack's objects as facts. Its shapes stay in here.

import { AmountScale, Fault, code, reference as named } from "payhub-processor-sdk";

import * as words from "./words.js";

/** @import * as contract from "payhub-processor-sdk/contract" */
/** @import { Json, Response } from "payhub-processor-sdk" */

/** Paystack counts in hundredths of each currency it takes here, which are their ISO minor units. */
export const SCALE = new AmountScale();

/** The name under which a transaction's metadata holds our id of the attempt. */
export const HUB_ATTEMPT = "hub_attempt";

const NOTE = /^payhub refund ([0-9a-z]{1,20})(?::|$)/;

/** The reference of an attempt's nth page: letters, digits, `-`, `.` and `=` are all that Paystack takes. @param {string} echo @param {number} opening */
export function referenceOf(echo, opening) {
  return opening === 1 ? echo : `${echo}-${opening}`;
}

/** The attempt that a reference of ours names. @param {string} reference */
export function echoOfReference(reference) {
  return /^([0-9a-z]{1,20})(?:-[2-9])?$/.exec(reference)?.[1];
}

/** What the merchant's note of a refund says: ours, by which it is found, and why. @param {contract.RefundOrder} order */
export function noteOf(order) {
  const ours = `payhub refund ${order.echo}`;
  return order.reason ? `${ours}: ${order.reason}` : ours;
}

/** @param {Json} refund */
export function echoOfNote(refund) {
  const note = refund.at("/merchant_note");
  return typeof note === "string" ? NOTE.exec(note)?.[1] : undefined;
}

/** `status` at the top says that Paystack did what was asked; nothing about the payment. @param {Json} body */
export function checkSuccess(body) {
  if (body.at("/status") !== true) throw Fault.unreadable("expected true at /status");
}

/**
 * What Paystack refused: it read the request and did nothing. Not one: 401, 429, 5xx, and an error that its type says
 * is of Paystack or of a bank.
 * @param {Response} response
 */
export function refusal(response) {
  if (response.status !== 400 && response.status !== 404) return undefined;
  /** @type {Json} */
  let body;
  try {
    body = response.json();
  } catch {
    return undefined;
  }
  const [type, message, named] = ["/type", "/message", "/code"].map((pointer) => {
    const value = body.at(pointer);
    return typeof value === "string" ? value : "";
  });
  if (body.at("/status") !== false || !message || (type !== "" && type !== "validation_error")) return undefined;
  return {
    // Its message may repeat what was sent; only the code goes on.
    code: code(named ?? "") ?? "refused",
    isDuplicate: /duplicate (transaction )?reference/i.test(message) || /^duplicate/i.test(named ?? ""),
    isAbsent: /not_found$/i.test(named ?? "") || /not found$/i.test(message),
  };
}

/** A transaction, as look-ups and webhooks show it. @param {Json} object @returns {contract.Facts} */
export function transaction(object) {
  const currency = object.currency("/currency");
  const amount = SCALE.fromProcessorMinor(object.at("/amount"), currency, "/amount");
  const word = words.ofTransaction(object.text("/status"));
  const id = object.id("/id");
  const paidAt = object.optionalRfc3339("/paid_at");
  const session = named("session", object.text("/reference"));
  /** @type {contract.Facts} */
  const facts = { references: [session], word, amount: requested(object, amount) };
  if (word === "declined") facts.decline = words.decline(object.optionalText("/gateway_response"));
  if (!isTaken(facts)) return facts;
  // Every page has an id from the start; only that of one where money was taken is one to refund.
  facts.references = [session, named("payment", id)];
  if (object.at("/fees") !== undefined) facts.fee = SCALE.fromProcessorMinor(object.at("/fees"), currency, "/fees");
  facts.captured = amount;
  // An item of its own, so that money taken twice, at two pages of one attempt, adds up.
  facts.items = [{ kind: "capture", id, state: "succeeded", amount, ...(paidAt && { at: paidAt }) }];
  if (paidAt) facts.at = paidAt;
  return facts;
}

/** What was asked for, which can be more or less than what was charged. @param {Json} object @param {contract.Money} charged */
function requested(object, charged) {
  const asked = object.at("/requested_amount");
  if (asked === undefined || asked === 0) return charged;
  return SCALE.fromProcessorMinor(asked, charged.currency, "/requested_amount");
}

/** Whether money was taken, as far as a transaction tells. @param {contract.Facts} facts */
export function isTaken(facts) {
  return facts.word === "paid" || isReversed(facts);
}

/** @param {contract.Facts} facts */
function isReversed(facts) {
  return typeof facts.word === "object" && facts.word !== null && facts.word.unknown === "reversed";
}

/**
 * `reversed` means paid where refunds and disputes explain the whole of it; else somebody has to look, and nothing is
 * said about money.
 * @param {contract.Facts} facts @returns {contract.Facts}
 */
export function settled(facts) {
  if (!isReversed(facts)) return facts;
  const back = (facts.items ?? []).filter((item) => item.kind !== "capture" && item.state !== "failed");
  const sum = back.reduce((total, item) => total + (item.amount?.amount ?? 0), 0);
  if (sum >= (facts.captured?.amount ?? 0)) return { ...facts, word: "paid" };
  const { captured, items, fee, ...rest } = facts;
  return { ...rest, items: (items ?? []).filter((item) => item.kind !== "capture") };
}

/** What several pages of one attempt add up to. @param {contract.Facts[]} found @returns {contract.Facts} */
export function together(found) {
  const leading = found.findLast((facts) => facts.word === "paid") ?? found.at(-1) ?? {};
  const captured = found.flatMap((facts) => facts.captured ?? []);
  const [first] = captured;
  if (first !== undefined && captured.some((money) => money.currency !== first.currency)) {
    throw Fault.unreadable("expected one currency for all pages of a checkout");
  }
  return {
    ...added(leading, found.filter((facts) => facts !== leading)),
    ...(first && { captured: { amount: captured.reduce((total, money) => total + money.amount, 0), currency: first.currency } }),
  };
}

/** @param {Json} object @returns {contract.Facts} */
export function refund(object) {
  const status = object.text("/status");
  const id = object.id("/id");
  const refundedAt = object.optionalRfc3339("/refunded_at");
  const reason = status === "needs-attention" ? status : undefined;
  return {
    references: [named("refund", id)],
    items: [
      {
        kind: "refund",
        id,
        echo: echoOfNote(object),
        state: words.ofRefund(status),
        amount: SCALE.fromProcessorMinor(object.at("/amount"), object.currency("/currency"), "/amount"),
        reason,
        at: refundedAt,
      },
    ],
  };
}

/** @param {Json} object @returns {contract.Facts} */
export function dispute(object) {
  const id = object.id("/id");
  const transaction = object.part("/transaction");
  const hasAmount = object.at("/refund_amount") !== undefined;
  const currency = object.optionalText("/currency") === undefined ? transaction.currency("/currency") : object.currency("/currency");
  return {
    references: [named("session", transaction.text("/reference")), named("payment", transaction.id("/id")), named("dispute", id)],
    items: [
      {
        kind: "dispute",
        id,
        state: words.ofDispute(object.text("/status"), object.optionalText("/resolution")),
        amount: SCALE.fromProcessorMinor(
          hasAmount ? object.at("/refund_amount") : transaction.at("/amount"),
          currency,
          "/refund_amount",
        ),
        reason: code(object.optionalText("/category") ?? ""),
        at: object.optionalRfc3339("/resolvedAt"),
      },
    ],
  };
}

/** The id of the transaction that a refund or dispute is of, whether it is shown whole or by its id. @param {Json} object */
export function transactionIdOf(object) {
  return object.object("/transaction")?.id("/id") ?? object.id("/transaction");
}

/** @param {contract.Facts} facts @param {contract.Facts[]} more @returns {contract.Facts} */
export function added(facts, more) {
  const references = [facts, ...more].flatMap((part) => part.references ?? []);
  const isFirst = (/** @type {contract.Reference} */ one, /** @type {number} */ index) =>
    references.findIndex((other) => other.kind === one.kind && other.id === one.id) === index;
  return {
    ...facts,
    references: references.filter(isFirst),
    items: [facts, ...more].flatMap((part) => part.items ?? []),
  };
}

/** @param {contract.Facts} facts @param {contract.ReferenceKind} kind */
export function idOf(facts, kind) {
  const found = facts.references?.find((known) => known.kind === kind);
  if (found === undefined) throw new TypeError(`the facts name no ${kind}`);
  return found.id;
}
