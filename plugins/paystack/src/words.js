// What Paystack's words mean in ours.
//
// Invariant: no word is rounded to a nearby one. A state of a payment that we do not know is unknown; a refund or
// dispute in a state that we do not know is still pending, because nothing says how it ended.

import { code as codeOf, unknownWord } from "payhub-processor-sdk";

/** @import * as contract from "payhub-processor-sdk/contract" */

/** The state of a transaction. @param {string} status @returns {contract.Word} */
export function ofTransaction(status) {
  switch (status) {
    case "success":
      return "paid";
    // So is every page that nobody has finished, from the start: it can still be paid.
    case "abandoned":
      return "open";
    case "ongoing":
    case "pending":
    case "processing":
    case "queued":
      return "pending";
    // The shopper may try again on the same page, and a success that follows counts.
    case "failed":
      return "declined";
    // `reversed` says that money went back and not how: see `settled`.
    default:
      return unknownWord(status);
  }
}

/** @param {string} status @returns {contract.ItemState} */
export function ofRefund(status) {
  switch (status) {
    case "processed":
      return "succeeded";
    case "failed":
      return "failed";
    // `pending`, `processing`, `needs-attention`, and whatever Paystack may add.
    default:
      return "pending";
  }
}

/** @param {string} status @param {string | undefined} resolution @returns {contract.ItemState} */
export function ofDispute(status, resolution) {
  if (status !== "resolved") return "pending";
  switch (resolution) {
    case "merchant-accepted":
      return "succeeded";
    case "declined":
      return "failed";
    default:
      return "pending";
  }
}

/** What the bank's answer begins with, and the reason. @type {[RegExp, contract.DeclineCode][]} */
const REASONS = [
  [/insufficient/, "insufficient_funds"],
  [/expired[ _]card/, "expired_card"],
  [/(incorrect|invalid|wrong).*(pin|otp|card|cvv|expiry|token)/, "incorrect_details"],
  [/(authentication|3d|3ds|verification).*(fail|declin|error)|not authenticated|otp.*(fail|expired)/, "authentication_failed"],
  [/lost|stolen|pick[ -]?up|restricted card|no card record/, "stolen_or_lost"],
  [/fraud|suspected|security violation/, "suspected_fraud"],
  [/limit|pin tries exceeded|too many/, "limit_exceeded"],
  [/not permitted|not supported|not allowed|not enabled/, "method_not_available"],
  [/issuer|switch inoperative|unavailable|system (malfunction|error)|time-?out/, "processor_unavailable"],
  [/cancel/, "canceled_by_customer"],
  [/declined|do not honou?r|not approved/, "card_declined"],
];

/** A decline, from what the bank answered: free text, of which there is no list. @param {string | undefined} answer @returns {contract.Decline} */
export function decline(answer) {
  const text = (answer ?? "").toLowerCase();
  const found = REASONS.find(([pattern]) => pattern.test(text));
  const kept = codeOf(text.trim().replace(/\s+/g, "_"));
  return { code: found?.[1] ?? "other", elsewhere: found?.[1] === "processor_unavailable", ...(kept && { processor_code: kept }) };
}

/** A page that Paystack refused to open. Another processor may well take the payment. @param {string} processorCode @returns {contract.Decline} */
export function refusedRequest(processorCode) {
  return { code: "invalid_request", elsewhere: true, processor_code: code(processorCode) };
}

/** A code within the contract's characters. @param {string} text */
export function code(text) {
  return codeOf(text) ?? "refused";
}
