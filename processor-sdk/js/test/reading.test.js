// What is read of a processor's JSON, and what of it is refused: the same rows as those of the SDK in Rust.

import assert from "node:assert/strict";
import { test } from "node:test";

import { AmountScale, Fault, Json, Response, currencies, exponent, header, isTimestamp, ofUnixSeconds, percentEncoded, query, toUnixSeconds } from "../src/index.js";

const DOCUMENT = Json.parse(
  '\ufeff{"a":{"b/c":[{"~":"x"}]},"n":null,"e":"","t":"text","i":12,"f":1.5,"y":true,"cur":"ngn","bad":"XXX",' +
    '"long":12345678901234567890,"neg":-12345678901234567890,"in":"1234567890123456789","frac":1.1234567890123456789,' +
    '"time":"2026-01-02T03:04:05.000Z","__proto__":{"x":1}}',
);

function faults(read, expected) {
  assert.throws(read, (error) => error instanceof Fault && JSON.stringify(error.fault).includes(expected), expected);
}

test("what is there is read, what is not faults", () => {
  assert.equal(DOCUMENT.text("/a/b~1c/0/~0"), "x");
  assert.equal(DOCUMENT.integer("/i"), 12);
  assert.equal(DOCUMENT.flag("/y"), true);
  assert.equal(DOCUMENT.currency("/cur"), "NGN");
  assert.equal(DOCUMENT.id("/i"), "12");
  assert.equal(DOCUMENT.id("/long"), "12345678901234567890");
  assert.equal(DOCUMENT.id("/neg"), "-12345678901234567890");
  assert.equal(DOCUMENT.text("/in"), "1234567890123456789");
  assert.equal(DOCUMENT.rfc3339("/time"), "2026-01-02T03:04:05.000Z");
  assert.equal(DOCUMENT.integer("/__proto__/x"), 1);
  for (const absent of ["/n", "/e", "/x", "/t/length", "/a/constructor", "/toString"]) {
    assert.equal(DOCUMENT.optionalText(absent), undefined, absent);
    faults(() => DOCUMENT.text(absent), `expected a text at ${absent}`);
    faults(() => DOCUMENT.id(absent), `expected an id at ${absent}`);
  }
  faults(() => DOCUMENT.optionalText("/i"), "expected a text at /i");
  faults(() => DOCUMENT.integer("/long"), "expected an integer at /long");
  faults(() => DOCUMENT.integer("/f"), "expected an integer at /f");
  faults(() => DOCUMENT.integer("/frac"), "expected an integer at /frac");
  faults(() => DOCUMENT.flag("/i"), "expected true or false");
  faults(() => DOCUMENT.currency("/bad"), "expected an ISO 4217 code");
  faults(() => DOCUMENT.list("/a"), "expected a list");
  faults(() => DOCUMENT.rfc3339("/t"), "expected an RFC 3339 time");
  assert.equal(DOCUMENT.object("/t"), undefined);
});

test("what is no JSON document faults and says nothing of its content", () => {
  const texts = ["", "{", "<html>secret</html>", "{}x", '{"a":012345678901234567890}', "nul", "[".repeat(200_000), '{"a":'.repeat(200) + "1" + "}".repeat(200)];
  for (const text of texts) faults(() => Json.parse(text), '"expected a JSON document"');
  assert.equal(Json.parse("[".repeat(128) + "]".repeat(128)).at("/0") !== undefined, true);
  assert.equal(Json.parse(JSON.stringify(`${"[".repeat(500)}"`)).value, `${"[".repeat(500)}"`);
});

test("a status that the adapter gives no meaning of its own", () => {
  const rows = [
    [401, { kind: "credentials", status: 401 }],
    [403, { kind: "credentials", status: 403 }],
    [429, { kind: "throttled", retry_after_s: 7 }],
    [408, { kind: "processor", status: 408 }],
    [409, { kind: "processor", status: 409 }],
    [425, { kind: "processor", status: 425 }],
    [503, { kind: "processor", status: 503 }],
    [302, { kind: "unreadable", what: "unexpected HTTP status 302" }],
    [404, { kind: "unreadable", what: "unexpected HTTP status 404" }],
  ];
  for (const [status, fault] of rows) {
    const response = new Response({ status, headers: [["Retry-After", " 7 "]], body: { text: "{}" } });
    assert.deepEqual(response.statusFault().fault, fault);
    assert.throws(() => response.successJson(), Fault);
  }
  assert.deepEqual(new Response({ status: 429, headers: [["retry-after", "Fri, 31 Dec 2026 23:59:59 GMT"]] }).statusFault().fault, { kind: "throttled" });
  faults(() => new Response({ status: 200, body: { base64: "/w==" } }).json(), "UTF-8");
  assert.equal(header([["X-Sig", "1"], ["x-sig", "2"]], "x-SIG"), "1");
});

test("texts stay inside their own segment", () => {
  const rows = [["a b&c=d/é?", "a%20b%26c%3Dd%2F%C3%A9%3F"], ["..", "%2E%2E"], ["a.b-c_d~", "a.b-c_d~"], ["!'()*", "%21%27%28%29%2A"], ["\ud800", "%EF%BF%BD"]];
  for (const [text, encoded] of rows) assert.equal(percentEncoded(text), encoded);
  assert.equal(query({ "a[]": 1, b: undefined, c: "x y" }), "a%5B%5D=1&c=x%20y");
});

test("times are those of RFC 3339", () => {
  const right = ["2026-01-02T03:04:05Z", "2026-01-02t03:04:05z", "2026-01-02 03:04:05.123456789+05:45", "2016-12-31T23:59:60Z", "2024-02-29T00:00:00Z"];
  for (const text of right) assert.ok(isTimestamp(text), text);
  const wrong = ["", "2026-01-02", "2026-01-02T03:04:05", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05+99:00", "2026-01-02T03:04:05Z ", "1767323045", "2026-01-02T03:04:05.1234567890Z", "2026-04-31T00:00:00Z"];
  for (const text of wrong) assert.ok(!isTimestamp(text), text);
  assert.equal(ofUnixSeconds(1767323045), "2026-01-02T03:04:05Z");
  for (const seconds of [1767323045000, 9e15, -1e15]) assert.equal(ofUnixSeconds(seconds), undefined);
  for (const text of right.slice(0, 2)) assert.equal(toUnixSeconds(text), 1767323045);
});

test("amounts are exact or refused", () => {
  const scale = new AmountScale({ XOF: 2, BHD: 2 });
  const sent = [[1999, "NGN", 1999, "19.99"], [5, "XOF", 500, "5.00"], [1230, "BHD", 123, "1.23"], [7, "JPY", 7, "7"], [-5, "EUR", -5, "-0.05"]];
  for (const [amount, currency, minor, decimal] of sent) {
    assert.equal(scale.toProcessorMinor({ amount, currency }), minor);
    assert.equal(scale.toProcessorDecimal({ amount, currency }), decimal);
    assert.deepEqual(scale.fromProcessorMinor(minor, currency, "/a"), { amount, currency });
    assert.deepEqual(scale.fromProcessorMinor(String(minor), currency, "/a"), { amount, currency });
    assert.deepEqual(scale.fromProcessorDecimal(decimal, currency, "/a"), { amount, currency });
  }
  for (const money of [{ amount: 1, currency: "BHD" }, { amount: 2 ** 53 - 1, currency: "XOF" }]) {
    faults(() => scale.toProcessorMinor(money), "cannot_ask");
  }
  for (const wrong of [1.5, "1.5", "1e3", "", null, undefined, {}, 2 ** 53, "9007199254740992"]) {
    faults(() => scale.fromProcessorMinor(wrong, "NGN", "/a"), "/a");
  }
  for (const wrong of ["19.999", "1,5", "", "0x10", "9".repeat(40)]) faults(() => scale.fromProcessorDecimal(wrong, "EUR", "/a"), "/a");
  faults(() => scale.fromProcessorMinor(550, "XOF", "/a"), "/a");
  assert.deepEqual(scale.fromProcessorDecimal("19.990", "EUR", "/a"), { amount: 1999, currency: "EUR" });
  assert.equal(currencies().length, 165);
  assert.equal(exponent("CLF"), 4);
});
