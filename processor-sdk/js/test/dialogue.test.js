// What a dialogue comes to: stops are passed on, swallowed ones poison, and a replay asks what is on record.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fault, get, plugin, post } from "../src/index.js";

const CALL = {
  operation: { kind: "fetch_payment" },
  key: "k1",
  echo: "att1",
  amount: { amount: 1, currency: "EUR" },
  capture: "automatic",
  created_at: "2026-01-02T03:04:05Z",
  livemode: false,
};
const ANSWER = { said: { facts: { word: "open" } } };
const FIRST = { send: { method: "GET", url: "https://api.acme.example/a" } };
const SECOND = { send: { method: "POST", url: "https://api.acme.example/b", body: { kind: "json", value: { a: 1, b: null } } } };
const OK = { response: { status: 200, headers: [], body: { text: "{}" } } };

/** Asks once and tells the reply. */
function check(perform, transcript, expected, question = { call: CALL }) {
  const { run } = plugin({ descriptor: {}, perform, receive: perform });
  const reply = JSON.parse(run(JSON.stringify({ contract: 1, ...question, transcript })));
  assert.deepEqual(reply, expected);
}

const first = (dialogue) => dialogue.send(get("https://api.acme.example/a"));
const second = (dialogue) => dialogue.send(post("https://api.acme.example/b", { json: { b: null, a: 1 } }));
function twoSteps(call, dialogue) {
  first(dialogue);
  second(dialogue);
  return ANSWER;
}
const swallowed = { fault: { kind: "swallowed_stop" } };
const different = { fault: { kind: "not_deterministic" } };

test("a run stops at the first step that has no answer yet", () => {
  check(twoSteps, [], { step: FIRST });
  check(twoSteps, [{ step: FIRST, answer: OK }], { step: SECOND });
  check(twoSteps, [{ step: FIRST, answer: OK }, { step: SECOND, answer: OK }], { answer: ANSWER });
  check(() => ANSWER, [], { answer: ANSWER });
});

test("a swallowed stop is no answer, whatever is made of it", () => {
  const rows = [
    (call, dialogue) => { try { first(dialogue); } catch { /* swallowed */ } return ANSWER; },
    (call, dialogue) => { try { first(dialogue); } finally { return ANSWER; } },
    (call, dialogue) => { try { first(dialogue); } catch { throw Fault.unreadable("x"); } },
    (call, dialogue) => { try { first(dialogue); } catch { throw new TypeError("x"); } },
    (call, dialogue) => { try { first(dialogue); } catch { second(dialogue); } return ANSWER; },
    (call, dialogue) => { try { first(dialogue); } catch (stop) { throw { ...stop }; } },
  ];
  for (const perform of rows.filter((row) => row !== rows[4])) check(perform, [], swallowed);
  // The second step throws the same stop again; passed on, it asks for the first.
  check(rows[4], [], { step: FIRST });
});

test("a stop that was kept from another run is none", () => {
  let kept;
  const keep = (call, dialogue) => { try { first(dialogue); } catch (stop) { kept = stop; throw stop; } };
  check(keep, [], { step: FIRST });
  check(() => { throw kept; }, [], swallowed);
  check((call, dialogue) => { try { first(dialogue); } catch { throw kept; } }, [], swallowed);
});

test("a replay that asks something else is not deterministic", () => {
  const other = { send: { method: "GET", url: "https://api.acme.example/other" } };
  const verify = { verify: { kind: "equal", secret: { name: "s" }, over: [], candidates: ["x"] } };
  const rows = [
    [twoSteps, [{ step: other, answer: OK }]],
    [twoSteps, [{ step: FIRST, answer: OK }, { step: { send: { ...SECOND.send, body: { kind: "json", value: { a: 1 } } } }, answer: OK }]],
    [twoSteps, [{ step: FIRST, answer: "verified" }]],
    [twoSteps, [{ step: FIRST, answer: { mac: "00" } }]],
    [() => ANSWER, [{ step: FIRST, answer: OK }]],
    // Handling the fault does not undo it.
    [(call, dialogue) => { try { first(dialogue); } catch { return ANSWER; } }, [{ step: other, answer: OK }]],
    [(call, dialogue) => { try { first(dialogue); } catch { /* goes on */ } second(dialogue); return ANSWER; }, [{ step: other, answer: OK }]],
    [(call, dialogue) => { dialogue.verify(verify.verify); return ANSWER; }, [{ step: verify, answer: OK }]],
  ];
  for (const [perform, transcript] of rows) check(perform, transcript, different);
});

test("the order of a recorded step's fields does not matter", () => {
  const turned = { send: { url: SECOND.send.url, body: { value: { b: null, a: 1 }, kind: "json" }, method: "POST" } };
  check(twoSteps, [{ step: FIRST, answer: OK }, { step: turned, answer: OK }], { answer: ANSWER });
});

test("faults, checks and proofs", () => {
  const equal = { kind: "equal", secret: { name: "s" }, over: [], candidates: ["x"] };
  const delivery = { channel: "webhook", url: "https://h.example/w", received_at: CALL.created_at, livemode: false };
  const receive = (question, dialogue) => [{ says: "changed", proof: dialogue.verify(equal) }];
  const question = { delivery };
  check(() => { throw Fault.unreadable("a thing at /x"); }, [], { fault: { kind: "unreadable", what: "a thing at /x" } });
  check(receive, [], { step: { verify: equal } }, question);
  check(receive, [{ step: { verify: equal }, answer: "verified" }], { notifications: [{ says: "changed", proof: 0 }] }, question);
  const refused = { refused: { why: "mismatch" } };
  check(receive, [{ step: { verify: equal }, answer: refused }], { fault: { kind: "forged", why: "signature mismatch" } }, question);
  const lookUp = (asked, dialogue) => { first(dialogue); return [{ says: "changed", proof: dialogue.lookUp(SECOND.send).proof }]; };
  check(lookUp, [{ step: FIRST, answer: OK }, { step: SECOND, answer: OK }], { notifications: [{ says: "changed", proof: 1 }] }, question);
});

test("another contract is refused, and a mistake of the adapter ends the run", () => {
  const { run } = plugin({ descriptor: {}, perform: () => ANSWER, receive: () => [] });
  assert.equal(JSON.parse(run(JSON.stringify({ contract: 2, call: CALL }))).fault.field, "contract");
  for (const perform of [() => undefined, async () => ANSWER, () => { throw new RangeError("a mistake"); }]) {
    const wrong = plugin({ descriptor: {}, perform, receive: () => [] });
    assert.throws(() => wrong.run(JSON.stringify({ contract: 1, call: CALL })), /RangeError|TypeError|mistake|async/);
  }
});
