// The world inside the sandbox: a log line, and nothing that a pure function must not have.

/** @returns {boolean} Whether this runs as a plugin and not in Node, where tests need a clock. */
function isGuest() {
  return !("process" in globalThis);
}

/** Says one line to the operator's log; in Node to the console. The host cuts it and masks secrets. @param {string} line */
export function log(line) {
  const host = Reflect.get(globalThis, "log");
  if (isGuest() && typeof host === "function") host(line);
  else Reflect.get(globalThis, "console")?.error(line);
}

/**
 * Takes away what has no answer in the sandbox: without it a plugin that reads the clock would end in a trap that says
 * nothing, and one that makes random numbers would find the same ones in each run.
 */
export function closeOff() {
  if (!isGuest()) return;
  const refuse = (/** @type {string} */ name, /** @type {string} */ instead) => () => {
    throw new TypeError(`a plugin has no ${name}: ${instead}`);
  };
  const noClock = refuse("clock", "the only now is call.created_at or delivery.received_at");
  Date.now = noClock;
  Math.random = refuse("randomness", "the only unguessable text is call.key");
  const Plain = Date;
  globalThis.Date = new Proxy(Plain, {
    construct: (target, given, as) => (given.length === 0 ? noClock() : Reflect.construct(target, given, as)),
    apply: noClock,
  });
  Object.defineProperty(globalThis, "performance", { value: { now: noClock } });
}
