// The adapter's view of a transcript: a recorded answer, or a stop.
//
// Invariant: once a step is pending or a replay has diverged, nothing the adapter returns or throws counts. A
// swallowed stop (`try { dialogue.send(..) } catch {}`) therefore cannot turn silence into an answer.

import { Fault } from "./fault.js";
import { Response, secret } from "./http.js";

/** @import * as contract from "../contract.js" */

/**
 * Why adapter code stops: the host has to do a step first. It is thrown and must be let through; it is no `Error`,
 * so that code that handles errors does not take it for one.
 */
class Stop {}

/** One run of an adapter over the transcript so far. */
export class Dialogue {
  /** @type {contract.Exchange[]} */
  #transcript;
  #position = 0;
  /** @type {contract.Step | undefined} */
  #pending;
  #diverged = false;
  #stop = new Stop();

  /** @param {contract.Exchange[]} transcript */
  constructor(transcript) {
    this.#transcript = transcript;
  }

  /**
   * Sends a request and gives the processor's response, whatever its status.
   * @param {contract.HttpRequest} request
   */
  send(request) {
    const { answer } = this.#ask({ send: request });
    if (typeof answer === "string" || !("response" in answer)) throw this.#diverge();
    return new Response(answer.response);
  }

  /**
   * Sends a look-up of our own while receiving a delivery, and gives its response with the proof that we asked.
   * @param {contract.HttpRequest} request
   */
  lookUp(request) {
    const proof = this.#position;
    return { response: this.send(request), proof };
  }

  /**
   * Has the host compute a digest over parts, some of which may be secrets.
   * @param {contract.MacRequest} request
   */
  mac(request) {
    const { answer } = this.#ask({ mac: request });
    if (typeof answer === "string" || !("mac" in answer)) throw this.#diverge();
    return answer.mac;
  }

  /**
   * Has the host check a signature. The proof it gives must go into each notification it vouches for; when the check
   * fails, the delivery is forged.
   * @param {contract.SignatureCheck} check
   */
  verify(check) {
    const proof = this.check(check);
    if (proof === undefined) throw Fault.forged("signature mismatch");
    return proof;
  }

  /**
   * As `verify`, for deliveries of several items signed one by one: `undefined` when it fails.
   * @param {contract.SignatureCheck} check
   */
  check(check) {
    const { index, answer } = this.#ask({ verify: check });
    if (answer === "verified") return index;
    if (typeof answer === "string" || !("refused" in answer)) throw this.#diverge();
    return undefined;
  }

  /** @param {contract.Step} asked */
  #ask(asked) {
    if (this.#diverged) throw new Fault({ kind: "not_deterministic" });
    if (this.#pending) throw this.#stop;
    /** @type {contract.Step} What the host reads: without what is undefined. */
    const step = JSON.parse(JSON.stringify(asked));
    const index = this.#position;
    const exchange = this.#transcript[index];
    if (exchange === undefined) {
      this.#pending = step;
      throw this.#stop;
    }
    if (!isSame(exchange.step, step)) throw this.#diverge();
    this.#position += 1;
    return { index, answer: exchange.answer };
  }

  #diverge() {
    this.#diverged = true;
    return new Fault({ kind: "not_deterministic" });
  }

  /**
   * What this run comes to, given what the adapter's function does: the reply, which `wrap` makes of what it returned.
   * Anything that is neither a stop nor a fault is a mistake in the adapter and goes on to whoever runs it.
   * @template T
   * @param {() => T} adapterFunction
   * @param {(returned: T) => contract.Reply} wrap
   * @returns {contract.Reply}
   */
  conclude(adapterFunction, wrap) {
    /** @type {{value: T} | undefined} */
    let returned;
    /** @type {unknown} */
    let thrown;
    try {
      returned = { value: adapterFunction() };
    } catch (error) {
      thrown = error;
    }
    if (this.#diverged) return { fault: { kind: "not_deterministic" } };
    if (this.#pending) {
      const isPassedOn = returned === undefined && thrown === this.#stop;
      return isPassedOn ? { step: this.#pending } : { fault: { kind: "swallowed_stop" } };
    }
    if (returned === undefined) {
      if (thrown instanceof Fault) return { fault: thrown.fault };
      // A stop that no step of this run caused was kept from somewhere else.
      if (thrown instanceof Stop) return { fault: { kind: "swallowed_stop" } };
      throw thrown;
    }
    if (this.#position < this.#transcript.length) return { fault: { kind: "not_deterministic" } };
    return wrap(returned.value);
  }
}

/**
 * A keyed digest of a delivery that must equal one of the candidates.
 * @param {contract.MacAlgorithm} algorithm
 * @param {string} secretName Every active value of the secret is tried.
 * @param {{over: contract.Part[], candidates: string[], encoding?: contract.TextEncoding,
 *   timestamp?: contract.SignedTimestamp}} parts
 * @returns {contract.SignatureCheck}
 */
export function macCheck(algorithm, secretName, { over, candidates, encoding = "hex", timestamp }) {
  const scheme = { kind: /** @type {const} */ ("mac"), algorithm, key: secret(secretName), encoding };
  return { ...scheme, over, candidates, ...(timestamp && { timestamp }) };
}

/** Whether two JSON values are the same; the order of an object's fields does not matter. @param {unknown} one @param {unknown} other @returns {boolean} */
function isSame(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [fields, others] = [Object.entries(one), Object.entries(other)];
  return (
    fields.length === others.length &&
    fields.every(([name, value]) => Object.hasOwn(other, name) && isSame(value, Reflect.get(other, name)))
  );
}
