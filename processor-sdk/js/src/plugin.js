// An adapter as a plugin: the two functions of processor.wit, which take and give one JSON text each.

import { Dialogue } from "./dialogue.js";
import { closeOff, log } from "./guest.js";

/** @import * as contract from "../contract.js" */

/** The contract that this SDK speaks. */
export const CONTRACT_VERSION = 1;

/**
 * What an author writes: the papers and two pure functions.
 * @typedef {object} Adapter
 * @property {contract.Descriptor} descriptor
 * @property {(call: contract.Call, dialogue: Dialogue) => contract.Answer} perform
 * @property {(delivery: contract.Delivery, dialogue: Dialogue) => contract.Notification[]} receive
 */

/**
 * Makes a plugin of an adapter: `export const { describe, run } = plugin({ descriptor, perform, receive });`
 * @param {Adapter} adapter
 */
export function plugin(adapter) {
  closeOff();
  return {
    /** The adapter's descriptor. */
    describe: () => JSON.stringify(adapter.descriptor),
    /** Runs the adapter's function once: an ask in, a reply out. @param {string} text */
    run: (text) => {
      try {
        return JSON.stringify(reply(adapter, JSON.parse(text)));
      } catch (error) {
        // The instance ends with this, and the operator would only hear that it did.
        log(error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error));
        throw error;
      }
    },
  };
}

/**
 * The reply to an ask.
 * @param {Adapter} adapter @param {contract.Ask} ask
 * @returns {contract.Reply}
 */
export function reply(adapter, ask) {
  if (ask.contract !== CONTRACT_VERSION) {
    const reason = "is a version that this plugin does not speak";
    return { fault: { kind: "cannot_ask", field: "contract", reason } };
  }
  const dialogue = new Dialogue(ask.transcript ?? []);
  return "call" in ask
    ? dialogue.conclude(
        () => adapter.perform(ask.call, dialogue),
        (answer) => ({ answer: here(answer) }),
      )
    : dialogue.conclude(
        () => adapter.receive(ask.delivery, dialogue),
        (notifications) => ({ notifications: here(notifications) }),
      );
}

/** @template T @param {T} value */
function here(value) {
  if (value === undefined || value instanceof Promise) {
    throw new TypeError("perform and receive return their answer: they are no async functions, and forget no return");
  }
  return value;
}
