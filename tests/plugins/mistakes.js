// A plugin whose every operation is another mistake of its author's; the echo names which.

import { Fault, get, log, plugin, said } from "payhub-processor-sdk";

let runs = 0;

const send = (dialogue) => dialogue.send(get("https://api.acme.example/a"));
const open = said({ word: "open" });

const mistakes = {
  right: (dialogue) => {
    send(dialogue).successJson();
    return open;
  },
  asksnothing: () => open,
  swallows: (dialogue) => {
    try {
      send(dialogue);
    } catch {
      log("there was no answer");
    }
    return open;
  },
  swallowsfinally: (dialogue) => {
    try {
      return send(dialogue);
    } finally {
      return open;
    }
  },
  swallowsandfaults: (dialogue) => {
    try {
      return send(dialogue);
    } catch {
      throw Fault.unreadable("an answer");
    }
  },
  // No mistake: a stop is no error.
  catcheserrors: (dialogue) => {
    try {
      return send(dialogue);
    } catch (error) {
      if (error instanceof Error) return open;
      throw error;
    }
  },
  readsclock: () => said({ at: String(Date.now()) }),
  readsclocknew: () => said({ at: new Date().toISOString() }),
  readsclockcall: () => said({ at: Date() }),
  readsperformance: () => said({ at: String(performance.now()) }),
  draws: () => said({ references: [{ kind: "session", id: String(Math.random()) }] }),
  isasync: async () => open,
  returnsnothing: () => {},
  throws: () => {
    throw new RangeError("a mistake of the author");
  },
  reachesout: () => fetch("https://api.acme.example/a"),
  remembers: () => {
    runs += 1;
    return said({ references: [{ kind: "session", id: String(runs) }] });
  },
};

// Of the papers nothing is read here but that they are some.
const capabilities = Object.fromEntries(
  [
    "manual_capture",
    "partial_capture",
    "multiple_captures",
    "void",
    "refund",
    "partial_refund",
    "multiple_refunds",
    "complete_checkout",
    "expire_checkout",
    "silent_auto_capture",
    "orphan_session_payable",
  ].map((name) => [name, false]),
);

const descriptor = {
  contract: 1,
  name: "mistakes",
  version: "0.1.0",
  title: "Mistakes",
  documentation: "https://acme.example",
  settings: [],
  secrets: [],
  hosts: [{ exactly: "api.acme.example" }],
  checkout_hosts: [],
  currencies: "all",
  capabilities: { ...capabilities, fetch_payment: "by_echo", fetch_refund: "none", fetch_dispute: "none" },
  idempotency: { carrier: { in: "none" }, retention_s: 0, replays_errors: false, after_unknown: "look_first", absent_after_s: 0 },
  deliveries: "unsigned",
  acknowledgement: { status: 200 },
};

export const { describe, run } = plugin({
  descriptor,
  perform: (call, dialogue) => mistakes[call.echo](dialogue),
  receive: () => [],
});
