// Points in time as the contract writes them. Nothing here reads a clock: the only "now" is the call's own.

const SHAPE = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-](\d\d):(\d\d))$/;

/** Whether a text is an RFC 3339 date and time of the years 1 to 9998. @param {string} text */
export function isTimestamp(text) {
  const found = SHAPE.exec(text);
  if (found === null) return false;
  const part = (/** @type {number} */ index) => Number(found[index] ?? "0");
  const [year, month, day] = [part(1), part(2), part(3)];
  const isDate = year >= 1 && year <= 9998 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
  return isDate && part(4) <= 23 && part(5) <= 59 && part(6) <= 60 && part(7) <= 23 && part(8) <= 59;
}

/** The RFC 3339 form of Unix seconds; `undefined` outside of the years 1 to 9998. @param {number} seconds */
export function ofUnixSeconds(seconds) {
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) return undefined;
  const text = `${time.toISOString().slice(0, -5)}Z`;
  return isTimestamp(text) ? text : undefined;
}

/** Whole Unix seconds of a time that the host gave or `isTimestamp` found right. @param {string} text */
export function toUnixSeconds(text) {
  // A leap second reads as the second before it.
  return Math.floor(Date.parse(text.replace(" ", "T").toUpperCase().replace(":60", ":59")) / 1000);
}

/** @param {number} year @param {number} month */
function daysOf(year, month) {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
