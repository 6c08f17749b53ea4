// Why there is no answer. A fault is thrown; none of them means "declined", which is a fact.

/** @import * as contract from "../contract.js" */

/** An adapter's reason for having no answer. Its texts name the place and never repeat content. */
export class Fault extends Error {
  /** @param {contract.Fault} fault */
  constructor(fault) {
    super(`fault: ${fault.kind}`);
    /** @readonly */
    this.fault = fault;
  }

  /** An answer that cannot be read. @param {string} what What was expected where. */
  static unreadable(what) {
    return new Fault({ kind: "unreadable", what });
  }

  /** A delivery without a valid signature. @param {string} why */
  static forged(why) {
    return new Fault({ kind: "forged", why });
  }

  /**
   * The request cannot be built from what was asked, and nothing was sent for it.
   * @param {string} field Which, such as `operation.customer.email`.
   * @param {string} reason What would be right; never the value itself.
   */
  static cannotAsk(field, reason) {
    return new Fault({ kind: "cannot_ask", field, reason });
  }

  /** What the descriptor's capabilities do not include. */
  static unsupported() {
    return new Fault({ kind: "unsupported" });
  }
}
