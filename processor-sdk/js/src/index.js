// The SDK of processor plugins in JavaScript: names for what an adapter is made of.
//
// processor-sdk/README.md explains the ideas, which are the same in every language; README.md beside this the rest.

export { AmountScale } from "./money.js";
export {
  code,
  deliveryJson,
  knownReference,
  redirect,
  reference,
  requireReference,
  said,
  setting,
  signatureHeader,
  unknownWord,
} from "./answer.js";
export { currencies, exponent, isCurrency } from "./currencies.js";
export { Dialogue, macCheck } from "./dialogue.js";
export { Fault } from "./fault.js";
export { Response, bearer, get, header, percentEncoded, post, query, request, secret, textOf } from "./http.js";
export { Json } from "./json.js";
export { log } from "./guest.js";
export { CONTRACT_VERSION, plugin, reply } from "./plugin.js";
export { isTimestamp, ofUnixSeconds, toUnixSeconds } from "./time.js";
