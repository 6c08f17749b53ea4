// Paystack's words, one by one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { descriptor } from "../src/descriptor.js";
import * as wire from "../src/wire.js";
import { code, decline, ofDispute, ofRefund, ofTransaction } from "../src/words.js";

test("the states of a transaction", () => {
  const rows = [
    ["success", "paid"],
    ["abandoned", "open"],
    ["ongoing", "pending"],
    ["pending", "pending"],
    ["processing", "pending"],
    ["queued", "pending"],
    ["failed", "declined"],
    ["reversed", { unknown: "reversed" }],
    ["SUCCESS", { unknown: "SUCCESS" }],
    ["no such word!", { unknown: "nosuchword" }],
  ];
  for (const [status, word] of rows) assert.deepEqual(ofTransaction(status), word, status);
});

test("the states of refunds and disputes: what is not known is still pending", () => {
  const refunds = [["pending", "pending"], ["processing", "pending"], ["needs-attention", "pending"], ["processed", "succeeded"], ["failed", "failed"], ["new", "pending"]];
  for (const [status, state] of refunds) assert.equal(ofRefund(status), state, status);
  const disputes = [
    ["awaiting-merchant-feedback", undefined, "pending"],
    ["awaiting-bank-feedback", undefined, "pending"],
    ["pending", "merchant-accepted", "pending"],
    ["resolved", undefined, "pending"],
    ["resolved", "merchant-accepted", "succeeded"],
    ["resolved", "declined", "failed"],
    ["resolved", "auto-accepted", "pending"],
  ];
  for (const [status, resolution, state] of disputes) assert.equal(ofDispute(status, resolution), state, `${status} ${resolution}`);
});

test("why a bank said no", () => {
  const rows = [
    ["Insufficient Funds", "insufficient_funds", false],
    ["Declined", "card_declined", false],
    ["Do Not Honour", "card_declined", false],
    ["Expired Card", "expired_card", false],
    ["Incorrect PIN", "incorrect_details", false],
    ["Invalid Card Number", "incorrect_details", false],
    ["3DS authentication failed", "authentication_failed", false],
    ["Lost Card, Pick Up", "stolen_or_lost", false],
    ["Suspected Fraud", "suspected_fraud", false],
    ["Exceeds Withdrawal Limit", "limit_exceeded", false],
    ["Transaction not Permitted to Cardholder", "method_not_available", false],
    ["Issuer or Switch Inoperative", "processor_unavailable", true],
    ["Cancelled by customer", "canceled_by_customer", false],
    ["Something new", "other", false],
    [undefined, "other", false],
  ];
  for (const [answer, expected, elsewhere] of rows) {
    const { code: found, elsewhere: mayTry, processor_code } = decline(answer);
    assert.deepEqual([found, mayTry], [expected, elsewhere], answer);
    assert.match(processor_code ?? "none", /^[A-Za-z0-9_.-]{1,64}$/);
  }
  assert.equal(code("a b\n"), "ab");
  assert.equal(code("!"), "refused");
});

test("references are what Paystack takes, and name their attempt", () => {
  const echo = "a1b2c3d4e5f6g7h8i9j0";
  for (let opening = 1; opening <= 5; opening += 1) {
    const reference = wire.referenceOf(echo, opening);
    assert.match(reference, /^[A-Za-z0-9.=-]+$/);
    assert.equal(wire.echoOfReference(reference), echo);
  }
  for (const foreign of ["T563902343948", "order_1", "abc-def", "abc-1", "abc-10", "a".repeat(21), ""]) {
    assert.equal(wire.echoOfReference(foreign), undefined, foreign);
  }
});

test("only currencies whose amounts are documented are taken, in hundredths", () => {
  const taken = descriptor.currencies.listed.map(({ currency }) => currency);
  assert.deepEqual(taken, ["GHS", "KES", "NGN", "USD", "ZAR"]);
  for (const currency of taken) assert.equal(wire.SCALE.exponent(currency), 2);
});
