// The currencies the hub can count in, with the number of decimals of each: the table of processor-sdk's
// currency.rs, which a test compares with this one.
//
// Source: ISO 4217 list one as published on 2026-01-01, every code with a minor unit.

/** @import * as contract from "../contract.js" */

/** Codes by their number of decimals. */
const CODES = new Map([
  [
    0,
    `
      BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
    `,
  ],
  [
    2,
    `
      AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
      CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
      HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
      MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
      RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
      USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    `,
  ],
  [
    3,
    `
      BHD IQD JOD KWD LYD OMR TND
    `,
  ],
  [
    4,
    `
      CLF UYW
    `,
  ],
]);

/** @type {Map<string, number>} */
const EXPONENTS = new Map();
for (const [exponent, codes] of CODES) {
  for (const code of codes.trim().split(/\s+/)) EXPONENTS.set(code, exponent);
}

/** Whether a text is an active ISO 4217 code, in capitals. @param {string} code */
export function isCurrency(code) {
  return EXPONENTS.has(code);
}

/** How many decimals the minor unit has: 2 for EUR, 0 for JPY. @param {contract.Currency} currency */
export function exponent(currency) {
  const found = EXPONENTS.get(currency);
  if (found === undefined) throw new TypeError("not an ISO 4217 code: read it with Json.currency()");
  return found;
}

/** Every code, in the order of the alphabet. */
export function currencies() {
  return [...EXPONENTS.keys()].sort();
}
