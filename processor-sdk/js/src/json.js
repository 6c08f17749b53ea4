// Reading a processor's JSON: required fields fault, unknown fields are ignored, nothing is guessed.

import { isCurrency } from "./currencies.js";
import { Fault } from "./fault.js";
import { isTimestamp, ofUnixSeconds } from "./time.js";

/** @import * as contract from "../contract.js" */

/** How deep a document may be nested. Deeper ones are an attack on the reader, not an answer. */
const NESTING_MAX = 128;

/** A JSON value read by RFC 6901 pointers. */
export class Json {
  /** @param {unknown} value */
  constructor(value) {
    /** @readonly */
    this.value = value;
  }

  /**
   * Parses a document; a byte order mark is skipped (RFC 8259 §8.1). Whole numbers of 16 digits and more, which
   * JavaScript would round, are kept as the texts of their digits: ids that `id()` reads.
   * @param {string} text
   */
  static parse(text) {
    const unreadable = () => Fault.unreadable("expected a JSON document");
    const document = text.startsWith("\ufeff") ? text.slice(1) : text;
    if (isNestedTooDeep(document)) throw unreadable();
    try {
      return new Json(JSON.parse(keepingLongNumbers(document)));
    } catch {
      throw unreadable();
    }
  }

  /** The value at a pointer; `undefined` when it is absent or `null`. @param {string} pointer @returns {unknown} */
  at(pointer) {
    let value = this.value;
    for (const token of pointer.split("/").slice(1)) {
      const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
      value = /** @type {Record<string, unknown>} */ (value)[name];
    }
    return value ?? undefined;
  }

  /** The object or list at a pointer as a document of its own. @param {string} pointer */
  part(pointer) {
    const value = this.at(pointer);
    if (value === undefined) throw missing(pointer, "a value");
    return new Json(value);
  }

  /** The object at a pointer; `undefined` where there is something else or nothing. @param {string} pointer */
  object(pointer) {
    const value = this.at(pointer);
    return typeof value === "object" && !Array.isArray(value) ? new Json(value) : undefined;
  }

  /** Text at a pointer, not empty. @param {string} pointer */
  text(pointer) {
    const text = this.optionalText(pointer);
    if (text === undefined) throw missing(pointer, "a text");
    return text;
  }

  /** Text at a pointer; `undefined` when it is absent, `null` or empty. @param {string} pointer */
  optionalText(pointer) {
    const value = this.at(pointer);
    if (value === undefined || value === "") return undefined;
    if (typeof value !== "string") throw missing(pointer, "a text");
    return value;
  }

  /** A processor's id at a pointer, whether it is written as a text or as a whole number. @param {string} pointer */
  id(pointer) {
    const id = this.optionalId(pointer);
    if (id === undefined) throw missing(pointer, "an id");
    return id;
  }

  /** As `id`; `undefined` when it is absent, `null` or empty. @param {string} pointer */
  optionalId(pointer) {
    const value = this.at(pointer);
    if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
    if (value === undefined || value === "") return undefined;
    if (typeof value !== "string") throw missing(pointer, "an id");
    return value;
  }

  /** Whole number at a pointer. @param {string} pointer */
  integer(pointer) {
    const value = this.at(pointer);
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw missing(pointer, "an integer");
    return value;
  }

  /** True or false at a pointer. @param {string} pointer */
  flag(pointer) {
    const value = this.at(pointer);
    if (typeof value !== "boolean") throw missing(pointer, "true or false");
    return value;
  }

  /** Items of the list at a pointer. @param {string} pointer */
  list(pointer) {
    const value = this.at(pointer);
    if (!Array.isArray(value)) throw missing(pointer, "a list");
    return value.map((item) => new Json(item));
  }

  /** ISO 4217 code at a pointer, in either case. @param {string} pointer */
  currency(pointer) {
    const code = this.text(pointer).toUpperCase();
    if (!isCurrency(code)) throw missing(pointer, "an ISO 4217 code");
    return code;
  }

  /**
   * An amount in ISO minor units, with a currency read before.
   * @param {string} pointer @param {contract.Currency} currency
   * @returns {contract.Money}
   */
  minorUnits(pointer, currency) {
    return { amount: this.integer(pointer), currency };
  }

  /** Unix seconds at a pointer. @param {string} pointer */
  unixSeconds(pointer) {
    const time = ofUnixSeconds(this.integer(pointer));
    if (time === undefined) throw missing(pointer, "Unix seconds");
    return time;
  }

  /** An RFC 3339 time at a pointer. @param {string} pointer */
  rfc3339(pointer) {
    const time = this.optionalRfc3339(pointer);
    if (time === undefined) throw missing(pointer, "an RFC 3339 time");
    return time;
  }

  /** As `rfc3339`; `undefined` when it is absent, `null` or empty. @param {string} pointer */
  optionalRfc3339(pointer) {
    const text = this.optionalText(pointer);
    if (text !== undefined && !isTimestamp(text)) throw missing(pointer, "an RFC 3339 time");
    return text;
  }
}

/** @param {string} pointer @param {string} expected */
function missing(pointer, expected) {
  return Fault.unreadable(`expected ${expected} at ${pointer}`);
}

/** @param {string} text */
function isNestedTooDeep(text) {
  let depth = 0;
  // A text in quotes is one match, so that its brackets do not count.
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]/gs)) {
    if (token === "[" || token === "{") depth += 1;
    else if (token === "]" || token === "}") depth -= 1;
    if (depth > NESTING_MAX) return true;
  }
  return false;
}

/** @param {string} text */
function keepingLongNumbers(text) {
  if (!/\d{16}/.test(text)) return text;
  // Texts and numbers are matched whole, so that digits inside of a text or a fraction stay what they are.
  return text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs, (token) =>
    /^-?[1-9]\d{15,}$/.test(token) ? `"${token}"` : token,
  );
}
