// Each fixture, asked step by step as recorded: the quick way to work. `payhub plugin test` checks every law over them.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { run } from "../src/plugin.js";

const folder = new URL("../fixtures/", import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), "utf8");
const { secrets, settings } = JSON.parse(read("subject.json"));

/** Puts the digests that a fixture asks for in their places. */
function signed(text) {
  const { ask, signatures = {} } = JSON.parse(text);
  for (const [name, { algorithm, key, over, encoding }] of Object.entries(signatures)) {
    const message = over.map((part) => (part === "delivery_body" ? ask.delivery.body.text : part.text)).join("");
    const digest = createHmac(algorithm.replace("hmac_", ""), secrets[key.name]).update(message).digest(encoding);
    text = text.replaceAll(`{{${name}}}`, digest);
  }
  return JSON.parse(text);
}

for (const name of readdirSync(folder).filter((name) => name !== "subject.json")) {
  test(name, () => {
    const { ask, transcript = [], reply } = signed(read(name));
    const question = ask.call ?? ask.delivery;
    if (Object.keys(question.settings ?? {}).length === 0) question.settings = settings;
    for (let done = 0; done <= transcript.length; done += 1) {
      const asked = JSON.parse(run(JSON.stringify({ contract: 1, ...ask, transcript: transcript.slice(0, done) })));
      assert.deepEqual(sorted(asked), sorted(done < transcript.length ? { step: transcript[done].step } : reply));
    }
  });
}

/** References are a set. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, sorted(field)]);
  const inOrder = (name, field) => (name === "references" ? [...field].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))) : field);
  return Object.fromEntries(fields.map(([name, field]) => [name, inOrder(name, field)]));
}
