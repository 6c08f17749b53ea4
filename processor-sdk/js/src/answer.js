// Small makers of what an adapter answers, and readers of what it is asked.

import { Fault } from "./fault.js";
import { Json } from "./json.js";
import { header, textOf } from "./http.js";

/** @import * as contract from "../contract.js" */

/** The contract's limit for a processor's own code, in characters. */
const CODE_CHARS_MAX = 64;

/** Facts, with a way for the shopper to go on if there is one. @param {contract.Facts} facts @param {contract.Door} [door] @returns {contract.Answer} */
export function said(facts, door) {
  return { said: { facts, ...(door && { door }) } };
}

/** A door: go there. @param {string} url @returns {contract.Door} */
export function redirect(url) {
  return { kind: "redirect", url };
}

/** A processor's id for a thing of ours. @param {contract.ReferenceKind} kind @param {string} id @returns {contract.Reference} */
export function reference(kind, id) {
  return { kind, id };
}

/** A state that is not in the processor's documentation. @param {string} word @returns {contract.Word} */
export function unknownWord(word) {
  return { unknown: code(word) ?? "" };
}

/** A processor's own code, kept to the characters and length that the contract allows; `undefined` when nothing is left. @param {string} text */
export function code(text) {
  const kept = text.replace(/[^A-Za-z0-9_.-]/g, "").slice(0, CODE_CHARS_MAX);
  return kept === "" ? undefined : kept;
}

/** The first known reference of a kind. @param {contract.Call} call @param {contract.ReferenceKind} kind */
export function knownReference(call, kind) {
  return call.references?.find((known) => known.kind === kind)?.id;
}

/** As `knownReference`; a call without it cannot be asked. @param {contract.Call} call @param {contract.ReferenceKind} kind */
export function requireReference(call, kind) {
  const id = knownReference(call, kind);
  if (id === undefined) throw Fault.cannotAsk("references", `a ${kind} is needed`);
  return id;
}

/** The setting of a name, which the descriptor declares as a text or URL. @param {{settings?: contract.Settings}} question @param {string} name */
export function setting(question, name) {
  const value = question.settings?.[name];
  if (typeof value !== "string" || value === "") throw Fault.cannotAsk(`settings.${name}`, "a text is needed");
  return value;
}

/** The body of a delivery as JSON. @param {contract.Delivery} delivery */
export function deliveryJson(delivery) {
  return Json.parse(textOf(delivery.body));
}

/** The first value of a delivery's header, not blank; without one the delivery is forged. @param {contract.Delivery} delivery @param {string} name */
export function signatureHeader(delivery, name) {
  const value = header(delivery.headers, name);
  if (value === undefined || value.trim() === "") throw Fault.forged("no signature header");
  return value;
}
