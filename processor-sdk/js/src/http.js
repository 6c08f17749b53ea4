// Requests an adapter wants sent and the responses it reads. Credentials are named, never held.

import { Fault } from "./fault.js";
import { Json } from "./json.js";

/** @import * as contract from "../contract.js" */

/**
 * @typedef {object} RequestParts
 * @property {contract.Auth} [auth] Credentials by name.
 * @property {Record<string, string>} [headers]
 * @property {unknown} [json] A JSON document as the body.
 * @property {Record<string, contract.SecretRef>} [secrets] Secrets by RFC 6901 pointer into `json`, which has `null` there.
 * @property {[string, string | contract.Part][]} [form] A form as the body; the host encodes it.
 * @property {{content_type: string, parts: contract.Part[]}} [raw] Any other body.
 * @property {number} [cacheS] Seconds the host may keep the response: for public keys only.
 */

/** A secret of this connector, by its name in the descriptor. @param {string} name @returns {contract.SecretRef} */
export function secret(name) {
  return { name };
}

/** `Authorization: Bearer` and the named secret. @param {string} name @returns {contract.Auth} */
export function bearer(name) {
  return { kind: "bearer", secret: secret(name) };
}

/** A GET of a URL. @param {string} url @param {RequestParts} [parts] */
export function get(url, parts) {
  return request("GET", url, parts);
}

/** A POST to a URL. @param {string} url @param {RequestParts} [parts] */
export function post(url, parts) {
  return request("POST", url, parts);
}

/**
 * A request, written as the host writes it down, so that a replay finds the same.
 * @param {contract.Method} method @param {string} url @param {RequestParts} [parts]
 * @returns {contract.HttpRequest}
 */
export function request(method, url, parts = {}) {
  const headers = /** @type {contract.Headers} */ (Object.entries(parts.headers ?? {}));
  return {
    method,
    url,
    ...(headers.length > 0 && { headers }),
    ...(parts.auth && parts.auth.kind !== "none" && { auth: parts.auth }),
    ...bodyOf(parts),
    ...(parts.cacheS !== undefined && { cache_s: parts.cacheS }),
  };
}

/** @param {RequestParts} parts @returns {{body?: contract.RequestBody}} */
function bodyOf({ json, secrets, form, raw }) {
  if ([json, form, raw].filter((body) => body !== undefined).length > 1) {
    throw new TypeError("a request has one body: json, form or raw");
  }
  if (json !== undefined) {
    return { body: { kind: "json", value: json, ...(secrets && { secrets }) } };
  }
  if (form !== undefined) {
    return { body: { kind: "form", fields: form.map(([name, value]) => [name, part(value)]) } };
  }
  return raw === undefined ? {} : { body: { kind: "raw", ...raw } };
}

/** @param {string | contract.Part} value @returns {contract.Part} */
function part(value) {
  const isText = typeof value === "string" && value !== "delivery_body" && value !== "delivery_url";
  return isText ? { text: value } : /** @type {contract.Part} */ (value);
}

/**
 * Names and values as the query of a URL. `undefined` values are left out.
 * @param {Record<string, string | number | undefined>} fields
 */
export function query(fields) {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(String(value))}`)
    .join("&");
}

/**
 * A text as one segment of a path or one value of a query: every byte but the unreserved characters of RFC 3986
 * §2.3 becomes `%XX`. A segment of dots alone, which would change the path, does so too.
 * @param {string} text
 */
export function percentEncoded(text) {
  if (/^\.+$/.test(text)) return text.replaceAll(".", "%2E");
  const encoded = encodeURIComponent(text.replace(LONE_SURROGATE, "\ufffd"));
  return encoded.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Half a character, which has no bytes. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The first value of a header, whatever the case of its name. @param {contract.Headers | undefined} headers @param {string} name */
export function header(headers, name) {
  const wanted = name.toLowerCase();
  return headers?.find(([key]) => key.toLowerCase() === wanted)?.[1];
}

/** Bytes as the text they are. @param {contract.Bytes | undefined} bytes */
export function textOf(bytes) {
  if (bytes === undefined) return "";
  // The host gives as base64 what is not UTF-8, and no JSON is that.
  if (!("text" in bytes)) throw Fault.unreadable("expected a text in UTF-8");
  return bytes.text;
}

/** What the processor answered. */
export class Response {
  /** @param {contract.HttpResponse} response */
  constructor(response) {
    /** @readonly */
    this.response = response;
  }

  get status() {
    return this.response.status;
  }

  /** True for 200–299. */
  get isSuccess() {
    return this.status >= 200 && this.status <= 299;
  }

  /** The first value of a header. @param {string} name */
  header(name) {
    return header(this.response.headers, name);
  }

  /** The body as JSON. */
  json() {
    return Json.parse(textOf(this.response.body));
  }

  /** The body as JSON of a successful response; otherwise the fault of its status. */
  successJson() {
    if (!this.isSuccess) throw this.statusFault();
    return this.json();
  }

  /**
   * What a status says that the adapter gives no meaning of its own: 401 and 403 are the credentials', 429 asks to
   * slow down, 408, 409, 425 and 5xx are the processor's, and nothing else can be read.
   */
  statusFault() {
    const status = this.status;
    if (status === 401 || status === 403) return new Fault({ kind: "credentials", status });
    if (status === 429) {
      const wait = /^\s*(\d{1,9})\s*$/.exec(this.header("retry-after") ?? "");
      return new Fault({ kind: "throttled", ...(wait && { retry_after_s: Number(wait[1]) }) });
    }
    if ([408, 409, 425].includes(status) || (status >= 500 && status <= 599)) {
      return new Fault({ kind: "processor", status });
    }
    return Fault.unreadable(`unexpected HTTP status ${status}`);
  }
}
