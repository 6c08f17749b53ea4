// Paystack as pure functions: a page of Paystack's, and what follows once the shopper has paid there.
//
// Read it from top to bottom: one function for each thing the hub asks. `descriptor` has the papers, `wire` knows
// what Paystack's objects mean, `words` its words, `events` its webhooks. README.md is for operators.
//
// Source: PaystackOSS/openapi (MIT), the documentation pages "Accept payments", "Verify payments", "Refunds" and
// "Webhooks", and the code samples of PaystackOSS/doc-code-snippets.
//
// Invariant: only an object of Paystack's, or a refusal that says that it did nothing, says anything about money.

import { Fault, bearer, get, percentEncoded, plugin, post, query, redirect, requireReference, said, setting } from "payhub-processor-sdk";

import { descriptor } from "./descriptor.js";
import { receive } from "./events.js";
import * as wire from "./wire.js";
import { code, refusedRequest } from "./words.js";

/** @import * as contract from "payhub-processor-sdk/contract" */
/** @import { Dialogue, Json } from "payhub-processor-sdk" */

/** How often a page is opened for one attempt. */
const OPENINGS_MAX = 5;
/** Objects on one page of a list. */
const PAGE_OBJECTS = 100;
/** Pages of one list: more refunds or disputes of one payment are not read but refused. */
const PAGES_MAX = 5;

/** @param {contract.Call} call @param {Dialogue} dialogue @returns {contract.Answer} */
function perform(call, dialogue) {
  const operation = call.operation;
  switch (operation.kind) {
    case "open_checkout":
      return open(call, operation, dialogue);
    case "refund":
      return refund(call, operation, dialogue);
    case "fetch_payment":
      return fetchPayment(call, dialogue);
    case "fetch_refund":
      return fetchRefund(call, operation, dialogue);
    case "fetch_dispute":
      return fetchDispute(call, operation.id, dialogue);
    case "capture":
    case "complete_checkout":
    case "expire_checkout":
    case "void":
      throw Fault.unsupported();
  }
}

/**
 * Opens the page. Paystack takes a reference once and shows the page's address only then: where an earlier answer was
 * lost, the page is there but nobody can be led to it, so another one is opened, unless the first one was paid.
 * @param {contract.Call} call @param {contract.CheckoutOrder} order @param {Dialogue} dialogue
 * @returns {contract.Answer}
 */
function open(call, order, dialogue) {
  const known = sessions(call);
  for (let opening = 1; opening <= OPENINGS_MAX; opening += 1) {
    const reference = wire.referenceOf(call.echo, opening);
    if (!known.includes(reference)) {
      const response = dialogue.send(post(url(call, "/transaction/initialize"), { auth, json: newTransaction(call, order, reference) }));
      const refusal = wire.refusal(response);
      if (refusal === undefined) return opened(response.successJson(), reference);
      if (!refusal.isDuplicate) return said({ word: "declined", decline: refusedRequest(refusal.code) });
    }
    const earlier = verify(call, reference, dialogue);
    if (earlier !== undefined && earlier.word !== "open") return said(earlier);
  }
  throw Fault.cannotAsk("references", `at most ${OPENINGS_MAX} openings of one checkout`);
}

/** @param {contract.Call} call @param {contract.CheckoutOrder} order @param {string} reference */
function newTransaction(call, order, reference) {
  const email = order.customer?.email || call.settings?.["fallback_email"];
  if (!email) throw Fault.cannotAsk("operation.customer.email", "Paystack wants an e-mail address; or set fallback_email");
  if (call.capture !== "automatic") throw Fault.cannotAsk("capture", "Paystack's page takes the money at once: automatic");
  const channels = call.settings?.["channels"];
  return {
    email,
    amount: wire.SCALE.toProcessorMinor(call.amount),
    currency: call.amount.currency,
    reference,
    callback_url: order.return_url,
    ...(typeof channels === "string" && channels !== "" && { channels: channels.split(",").map((channel) => channel.trim()) }),
    metadata: {
      [wire.HUB_ATTEMPT]: call.echo,
      cancel_action: order.cancel_url,
      ...(order.order_reference && { order_reference: order.order_reference }),
      ...(order.description && { description: order.description }),
    },
  };
}

/** @param {Json} body @param {string} reference @returns {contract.Answer} */
function opened(body, reference) {
  wire.checkSuccess(body);
  if (body.text("/data/reference") !== reference) throw Fault.unreadable("expected our own reference at /data/reference");
  const door = redirect(body.text("/data/authorization_url"));
  return said({ word: "open", references: [{ kind: "session", id: reference }] }, door);
}

/**
 * Everything about the payment: what was paid at any page that was opened for it, and what happened to that since.
 * @param {contract.Call} call @param {Dialogue} dialogue
 * @returns {contract.Answer}
 */
function fetchPayment(call, dialogue) {
  const known = sessions(call);
  const found = (known.length > 0 ? known : [call.echo])
    .map((reference) => verify(call, reference, dialogue))
    .filter((facts) => facts !== undefined);
  if (found.length === 0) return "absent";
  return said(wire.together(found.map((facts) => (wire.isTaken(facts) ? withAftermath(call, facts, dialogue) : facts))));
}

/** What one reference came to; `undefined` when Paystack has no such thing. @param {contract.Call} call @param {string} reference @param {Dialogue} dialogue */
function verify(call, reference, dialogue) {
  const body = find(call, `/transaction/verify/${percentEncoded(reference)}`, dialogue);
  if (body === undefined) return undefined;
  const transaction = body.part("/data");
  if (transaction.text("/reference") !== reference) throw Fault.unreadable("expected the reference that was asked for");
  checkMode(call, transaction);
  return wire.transaction(transaction);
}

/** Adds refunds and disputes, which a transaction itself does not show. @param {contract.Call} call @param {contract.Facts} facts @param {Dialogue} dialogue */
function withAftermath(call, facts, dialogue) {
  const id = wire.idOf(facts, "payment");
  const refunds = refundsOf(call, id, facts.at, dialogue).map(wire.refund);
  const disputes = list(call, "/dispute", { transaction: id }, dialogue)
    .filter((dispute) => wire.transactionIdOf(dispute) === id)
    .map(wire.dispute);
  return wire.settled(wire.added(facts, [...refunds, ...disputes]));
}

/**
 * Gives back all or part.
 * @param {contract.Call} call @param {contract.RefundOrder} order @param {Dialogue} dialogue
 * @returns {contract.Answer}
 */
function refund(call, order, dialogue) {
  const request = {
    transaction: order.capture || requireReference(call, "payment"),
    amount: wire.SCALE.toProcessorMinor(order.amount, "operation.amount"),
    currency: order.amount.currency,
    // Paystack takes no key; by this note the refund is found again.
    merchant_note: wire.noteOf(order),
  };
  const response = dialogue.send(post(url(call, "/refund"), { auth, json: request }));
  const refusal = wire.refusal(response);
  if (refusal !== undefined) {
    return said({ items: [{ kind: "refund", echo: order.echo, state: "failed", reason: code(refusal.code) }] });
  }
  const body = response.successJson();
  wire.checkSuccess(body);
  checkMode(call, body.part("/data"));
  return said(wire.refund(body.part("/data")));
}

/**
 * One refund. Without an id, because its answer was lost, our note finds it among those of the payment.
 * @param {contract.Call} call @param {contract.RefundOrder} order @param {Dialogue} dialogue
 * @returns {contract.Answer}
 */
function fetchRefund(call, order, dialogue) {
  if (order.id) {
    const body = find(call, `/refund/${percentEncoded(order.id)}`, dialogue);
    return body === undefined ? "absent" : said(wire.refund(body.part("/data")));
  }
  const refunds = refundsOf(call, order.capture || requireReference(call, "payment"), undefined, dialogue)
    .filter((object) => wire.echoOfNote(object) === order.echo)
    .map(wire.refund);
  return refunds.length === 0 ? "absent" : said(wire.added({}, refunds));
}

/** @param {contract.Call} call @param {string} id @param {Dialogue} dialogue @returns {contract.Answer} */
function fetchDispute(call, id, dialogue) {
  const body = find(call, `/dispute/${percentEncoded(id)}`, dialogue);
  return body === undefined ? "absent" : said(wire.dispute(body.part("/data")));
}

/**
 * The refunds of one transaction. The published specification knows no filter by transaction, so each is looked at.
 * Those that settle a dispute are left to the dispute, or the money would be given back twice in our books.
 * @param {contract.Call} call @param {string} id @param {string | null | undefined} from @param {Dialogue} dialogue
 */
function refundsOf(call, id, from, dialogue) {
  const all = list(call, "/refund", { transaction: id, from: from ?? undefined }, dialogue);
  return all.filter((object) => wire.transactionIdOf(object) === id && object.at("/dispute") === undefined);
}

/** Every object of a list, page by page. @param {contract.Call} call @param {string} path @param {Record<string, string | undefined>} filter @param {Dialogue} dialogue */
function list(call, path, filter, dialogue) {
  /** @type {Json[]} */
  const objects = [];
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const fields = { ...filter, perPage: PAGE_OBJECTS, page };
    const body = dialogue.send(get(url(call, `${path}?${query(fields)}`), { auth })).successJson();
    wire.checkSuccess(body);
    const found = body.list("/data");
    objects.push(...found);
    if (found.length < PAGE_OBJECTS) return objects;
  }
  throw Fault.unreadable(`expected a list of at most ${PAGES_MAX} pages`);
}

/** One object; `undefined` when Paystack says that it has no such thing. @param {contract.Call} call @param {string} path @param {Dialogue} dialogue */
function find(call, path, dialogue) {
  const response = dialogue.send(get(url(call, path), { auth }));
  if (wire.refusal(response)?.isAbsent) return undefined;
  const body = response.successJson();
  wire.checkSuccess(body);
  return body;
}

/** Only the key decides whether real money moves, and only the answer shows it. @param {contract.Call} call @param {Json} object */
function checkMode(call, object) {
  if (object.text("/domain") === (call.livemode ? "live" : "test")) return;
  throw Fault.unreadable("expected an object of this connector's mode; its secret_key is of the other mode");
}

/** The references of the pages that were opened. @param {contract.Call} call */
function sessions(call) {
  return (call.references ?? []).filter((known) => known.kind === "session").map((known) => known.id);
}

const auth = bearer("secret_key");

/** @param {contract.Call} call @param {string} path */
function url(call, path) {
  return `${setting(call, "base_url").replace(/\/+$/, "")}${path}`;
}

export const { describe, run } = plugin({ descriptor, perform, receive });
