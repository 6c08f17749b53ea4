// Each fixture, asked step by step as recorded, in Node: what the laws say about it is checked in the sandbox.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { run } from "../src/plugin.js";

const folder = new URL("../fixtures/", import.meta.url);
const SECRET = JSON.parse(readFileSync(new URL("subject.json", folder), "utf8")).secrets.secret_key;

for (const name of readdirSync(folder).filter((name) => name !== "subject.json")) {
  test(name, () => {
    const text = readFileSync(new URL(name, folder), "utf8");
    const body = JSON.parse(text).ask.delivery?.body?.text ?? "";
    const signature = createHmac("sha512", SECRET).update(body).digest("hex");
    const { ask, transcript, reply } = JSON.parse(text.replaceAll("{{signature}}", signature));
    const question = ask.call ?? ask.delivery;
    question.settings ??= { base_url: "https://api.paystack.co" };
    for (let done = 0; done <= transcript.length; done += 1) {
      const asked = JSON.parse(run(JSON.stringify({ contract: 1, ...ask, transcript: transcript.slice(0, done) })));
      assert.deepEqual(asked, done < transcript.length ? { step: transcript[done].step } : reply);
    }
  });
}

test("the published way of signing", () => {
  const body =
    '{"event":"charge.success","data":{"id":302961,"domain":"test","status":"success","reference":"order-1001","amount":10000,"currency":"NGN"}}';
  assert.match(createHmac("sha512", SECRET).update(body).digest("hex"), /^952c3e1366348722feb1813c054f3fa5/);
});
