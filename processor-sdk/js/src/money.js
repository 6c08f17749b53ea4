// How one processor writes amounts: the decimals it gives each currency. Conversions are exact or refused;
// nothing rounds, and no amount is ever divided as a floating point number.

import { exponent } from "./currencies.js";
import { Fault } from "./fault.js";

/** @import * as contract from "../contract.js" */

/** The longest decimal text read as an amount, in characters. */
const DECIMAL_CHARS_MAX = 32;

/** A processor's way of writing amounts. Make one constant of it beside the adapter. */
export class AmountScale {
  /** @param {Record<contract.Currency, number>} [exponents] Where the processor's decimals are not those of ISO 4217. */
  constructor(exponents = {}) {
    /** @readonly */
    this.exponents = exponents;
  }

  /** How many decimals the processor gives a currency. @param {contract.Currency} currency */
  exponent(currency) {
    return Object.hasOwn(this.exponents, currency) ? (this.exponents[currency] ?? 0) : exponent(currency);
  }

  /** The amount in the processor's minor units, to send. @param {contract.Money} money @param {string} [field] */
  toProcessorMinor(money, field = "amount") {
    const minor = shifted(BigInt(money.amount), this.exponent(money.currency) - exponent(money.currency));
    const number = minor === undefined ? undefined : safe(minor);
    if (number === undefined) throw Fault.cannotAsk(field, "an amount that the processor can write exactly");
    return number;
  }

  /** The amount in major units as a decimal text, to send: 1999 EUR is `19.99`. @param {contract.Money} money */
  toProcessorDecimal(money, field = "amount") {
    const decimals = this.exponent(money.currency);
    const minor = this.toProcessorMinor(money, field);
    const digits = String(Math.abs(minor)).padStart(decimals + 1, "0");
    const text = decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
    return minor < 0 ? `-${text}` : text;
  }

  /**
   * What the processor says in its minor units, as a whole number or the text of one.
   * @param {unknown} value @param {contract.Currency} currency @param {string} where For the fault's text.
   * @returns {contract.Money}
   */
  fromProcessorMinor(value, currency, where) {
    const isNumber = typeof value === "number" && Number.isSafeInteger(value);
    const isText = typeof value === "string" && value.length <= DECIMAL_CHARS_MAX && /^-?\d+$/.test(value);
    if (!isNumber && !isText) throw Fault.unreadable(`expected an amount in minor units at ${where}`);
    return this.#read(BigInt(value), this.exponent(currency), currency, where);
  }

  /**
   * What the processor says in major units, as a decimal text such as `19.99`.
   * @param {string} text @param {contract.Currency} currency @param {string} where For the fault's text.
   * @returns {contract.Money}
   */
  fromProcessorDecimal(text, currency, where) {
    const found = text.length <= DECIMAL_CHARS_MAX ? /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) : null;
    if (found === null) throw Fault.unreadable(`expected a decimal amount at ${where}`);
    const decimals = found[3] ?? "";
    return this.#read(BigInt(`${found[1]}${found[2]}${decimals}`), decimals.length, currency, where);
  }

  /** @param {bigint} value @param {number} decimals @param {contract.Currency} currency @param {string} where */
  #read(value, decimals, currency, where) {
    const minor = shifted(value, exponent(currency) - decimals);
    const amount = minor === undefined ? undefined : safe(minor);
    if (amount === undefined) throw Fault.unreadable(`expected an amount below 2^53 minor units at ${where}`);
    return { amount, currency };
  }
}

/** The value with its decimal point moved; `undefined` when digits would be lost. @param {bigint} value @param {number} places */
function shifted(value, places) {
  const factor = 10n ** BigInt(Math.abs(places));
  if (places >= 0) return value * factor;
  return value % factor === 0n ? value / factor : undefined;
}

/** @param {bigint} value */
function safe(value) {
  const number = Number(value);
  return Number.isSafeInteger(number) && BigInt(number) === value ? number : undefined;
}
