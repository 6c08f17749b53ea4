// Made by `npm run types` from schema/contract-v1.json. Do not edit.

/** What a processor wants to hear for an accepted delivery. */
export type Acknowledgement = {
  /** HTTP status, 200–299. */
  status: number;
  /** Body, often empty. */
  body?: string;
};

/** What to do first when nobody knows whether an operation happened. */
export type AfterUnknown = "same_key" | "look_first";

/** The answer to a `Call`. */
export type Answer = {
  said: {
    /** The facts. */
    facts: Facts;
    /** Where the shopper goes next. */
    door?: Door | null;
  };
} | "absent";

/** One run of an adapter's function: the question and everything that has been answered so far. */
export type Ask = {
  /** `CONTRACT_VERSION` of the host. */
  contract: number;
  /** Steps done so far, in order. */
  transcript?: Exchange[];
} & ({
  call: Call;
} | {
  delivery: Delivery;
});

/** Credentials by reference. The host fetches, caches, renews and substitutes; the adapter sees none. */
export type Auth = {
  kind: "none";
} | {
  kind: "bearer";
  /** The token. */
  secret: SecretRef;
} | {
  kind: "basic";
  /** User part: text or a secret. */
  user: Part;
  /** Password part: text (often empty) or a secret. */
  password: Part;
} | {
  kind: "header";
  /** Header name. */
  name: string;
  /** Text before the secret, such as `token `; may be empty. */
  prefix: string;
  /** The secret. */
  secret: SecretRef;
} | {
  kind: "o_auth2";
  /** Token endpoint, on a granted host. */
  token_url: string;
  /** Client id: text or a secret. */
  client_id: Part;
  /** Client secret. */
  client_secret: SecretRef;
  /** Where the client's credentials go. */
  style: OAuthClientStyle;
  /** Optional scope. */
  scope?: string | null;
} | {
  kind: "jwt";
  /** Signing algorithm. */
  algorithm: JwtAlgorithm;
  /** Signing key. */
  secret: SecretRef;
  /** Header fields beside `alg` and `typ`, such as `kid`. */
  header?: {
    [name: string]: unknown;
  };
  /** The claims, times included: pinned to the operation's time, so that a replay signs the same. */
  claims: unknown;
};

export type Bytes = {
  text: string;
} | {
  base64: string;
};

/**
 * One operation with all it needs. Everything in it is pinned when the operation is created, so that a retry
 * under the same key sends the same bytes.
 */
export type Call = {
  /** What to do. */
  operation: Operation;
  /**
   * Idempotency key of the operation: 1–32 characters of `[0-9a-z]`. A second write of the same operation
   * uses `Call::key_with`.
   */
  key: string;
  /** Our id of the payment attempt as the processor sees it: 1–20 characters of `[0-9a-z]`. */
  echo: string;
  /** What the checkout is for. */
  amount: Money;
  /** When funds are taken. */
  capture: CaptureMode;
  /** The processor's ids known so far for this attempt. */
  references?: Reference[];
  /** When the operation was created; the only "now" an adapter gets. */
  created_at: Timestamp;
  /** The connector's settings. */
  settings?: Settings;
  /** False on test connectors. */
  livemode: boolean;
};

/** What a processor can do. Each operation is supported exactly when its capability says so. */
export type Capabilities = {
  /** Authorize now, capture later: `Operation::Capture`. */
  manual_capture: boolean;
  /** Capture less than authorized. */
  partial_capture: boolean;
  /** Capture more than once. */
  multiple_captures: boolean;
  /** `Operation::Void`. */
  void: boolean;
  /** `Operation::Refund`. */
  refund: boolean;
  /** Refund less than captured. */
  partial_refund: boolean;
  /** Refund more than once. */
  multiple_refunds: boolean;
  /** `Operation::CompleteCheckout`. */
  complete_checkout: boolean;
  /** `Operation::ExpireCheckout`. */
  expire_checkout: boolean;
  /** `Operation::FetchPayment`. */
  fetch_payment: LookUp;
  /** `Operation::FetchRefund`. */
  fetch_refund: LookUp;
  /** `Operation::FetchDispute`; by echo makes no sense here. */
  fetch_dispute: LookUp;
  /**
   * True when an authorization word under automatic capture means that the money is taken, because the
   * processor says no more (Adyen): the core decides from what was asked.
   */
  silent_auto_capture: boolean;
  /**
   * True when a session whose answer was lost can still be paid by somebody (the processor mails the link):
   * then another processor is never tried while it is unknown.
   */
  orphan_session_payable: boolean;
};

/** When funds are taken. */
export type CaptureMode = "automatic" | "manual";

/** Contents of `Operation::Capture`. */
export type CaptureOrder = {
  /** Our id of the capture as the processor sees it: 1–20 characters of `[0-9a-z]`. */
  echo: string;
  /** How much. */
  amount: Money;
  /** True when the rest of the authorization is to be released. */
  is_final: boolean;
};

/** How a delivery reached us. */
export type Channel = "webhook" | "return";

/** Contents of `Operation::OpenCheckout`. */
export type CheckoutOrder = {
  /** What the shopper sees as the purpose; may be absent. */
  description?: string | null;
  /** The cart's own order number; may be absent, is not unique. */
  order_reference?: string | null;
  /** Order lines; empty, or summing exactly to `Call::amount` (a discount is a negative line). */
  lines?: LineItem[];
  /** Who pays, as far as the cart said. */
  customer?: Customer;
  /** What is known of the shopper's browser; see `Need`. */
  shopper?: Shopper;
  /** Where the processor's page sends the shopper afterwards: the hub's own URL. */
  return_url: string;
  /** Where its "cancel" link leads: the hub's own URL. */
  cancel_url: string;
  /** Where the processor should send its webhooks, for processors that take it per checkout. */
  webhook_url: string;
  /** When the intent expires; cut to the processor's own limits by the adapter. */
  expires_at: Timestamp;
};

/** Currencies a processor takes. */
export type Currencies = "all" | {
  listed: CurrencyLimit[];
};

/** An active ISO 4217 code, in capitals. */
export type Currency = string;

/** One currency with the processor's limits for a payment, in ISO minor units. */
export type CurrencyLimit = {
  /** The currency. */
  currency: Currency;
  /** Smallest amount, at least 1. */
  minimum?: number | null;
  /** Largest amount. */
  maximum?: number | null;
  /** Amounts must be a multiple of this, such as 10 where a processor drops the third decimal. */
  multiple_of?: number | null;
};

/** Who pays. All of it personal data, all of it optional. */
export type Customer = {
  /** E-mail address. */
  email?: string | null;
  /** Full name. */
  name?: string | null;
  /** ISO 3166-1 alpha-2 country code. */
  country?: string | null;
  /** Postal address as one text of several lines. */
  address?: string | null;
};

/** A decline with its reason. */
export type Decline = {
  /** Normalized reason. */
  code: DeclineCode;
  /** True when another processor may be tried: the processor, not the shopper's bank, said no. */
  elsewhere: boolean;
  /** The processor's own code: letters, digits, `_`, `-`, `.` only, at most 64. */
  processor_code?: string | null;
};

/** Why a try failed, in one list for all processors. */
export type DeclineCode = "card_declined" | "insufficient_funds" | "expired_card" | "incorrect_details" | "authentication_failed" | "stolen_or_lost" | "suspected_fraud" | "limit_exceeded" | "method_not_available" | "processor_unavailable" | "invalid_request" | "canceled_by_customer" | "other";

/** One inbound request as received. */
export type Delivery = {
  /** Webhook or browser return. */
  channel: Channel;
  /** The URL as registered with the processor, query included: some signatures cover it. */
  url: string;
  /** The query's names and values, percent-decoded, in order. */
  query?: [string, string][];
  /** Header lines in order, duplicates kept. */
  headers?: Headers;
  /** The body, byte for byte. */
  body?: Bytes;
  /** When the hub received it. */
  received_at: Timestamp;
  /** Our echo, when the path carries one. */
  echo?: string | null;
  /** The connector's settings. */
  settings?: Settings;
  /** False on test connectors. */
  livemode: boolean;
};

/** Everything the hub knows of an adapter before it runs it. Constant per adapter version. */
export type Descriptor = {
  /** `CONTRACT_VERSION` the adapter was written against. */
  contract: number;
  /** Name in config: lower-case letters, digits and `-`, such as `stripe`. */
  name: string;
  /** Version of the adapter, semantic. */
  version: string;
  /** The processor's name for people. */
  title: string;
  /** The processor's own documentation. */
  documentation: string;
  /** What the operator sets. */
  settings: SettingField[];
  /** Secrets the operator provides. */
  secrets: SecretField[];
  /** Hosts that requests may go to. None where nothing is ever sent (`KeyCarrier::NothingSent`). */
  hosts: HostRule[];
  /** Hosts that a door may lead to. */
  checkout_hosts: HostRule[];
  /** Currencies it takes. */
  currencies: Currencies;
  /** What it can do. */
  capabilities: Capabilities;
  /** How its processor treats repeated requests. */
  idempotency: IdempotencyProfile;
  /** How its deliveries are authenticated. */
  deliveries: SignedDeliveries;
  /** What its processor wants to hear for an accepted delivery. */
  acknowledgement: Acknowledgement;
  /** Requests other than GET that only read. */
  reads?: ReadRule[];
  /**
   * Names of JSON fields in responses and deliveries that must never be stored readable: client secrets,
   * tokens, personal data.
   */
  never_store?: string[];
  /** What a checkout cannot be opened without. */
  needs?: Need[];
  /**
   * What the operator does at the processor before the first payment, one step each, in order: what to switch
   * on, where keys are found, where webhooks are registered. `payhub processors show` numbers them.
   */
  setup?: string[];
  /** The webhook events to subscribe to, by the processor's names; empty where there are none to choose. */
  events?: string[];
};

/** How the shopper gets to the processor's page. */
export type Door = ({
  /** Seconds after `Call::created_at` at which the door closes; absent = the intent's own expiry. */
  expires_in_s?: number | null;
}) & ({
  kind: "redirect";
  /** Absolute URL. */
  url: string;
} | {
  kind: "form";
  /** Absolute URL. */
  url: string;
  /** Hidden fields in order. */
  fields: [string, string][];
} | {
  kind: "instructions";
  /** Labeled values in order. */
  instructions: Instruction[];
  /** A code to scan. */
  scannable?: Scannable | null;
} | {
  kind: "nothing";
});

/** One step with its answer. A list of them is the transcript of an operation or delivery. */
export type Exchange = {
  /** What was asked of the host. */
  step: Step;
  /** What came back. */
  answer: StepAnswer;
};

/** What a processor says about one payment attempt. Absent = not said; nothing is implied by silence. */
export type Facts = {
  /** The processor's ids. */
  references?: Reference[];
  /** State of the payment. */
  word?: Word | null;
  /** Why it was declined. */
  decline?: Decline | null;
  /** What the checkout is for, as the processor knows it; compared with what was asked. */
  amount?: Money | null;
  /** Total authorized. */
  authorized?: Money | null;
  /** Until when what is authorized can be captured; later the processor releases it. */
  capture_before?: Timestamp | null;
  /** Total captured. */
  captured?: Money | null;
  /** Total refunded. */
  refunded?: Money | null;
  /** The processor's fee so far. */
  fee?: Money | null;
  /** Captures, voids, refunds and disputes, each by itself. */
  items?: Item[];
  /** When this was so, by the processor's clock. */
  at?: Timestamp | null;
};

/**
 * An adapter's reason for having no answer. None of these means "declined": a decline is a fact. Whether
 * money may have moved is not the adapter's to say: the host knows which requests left.
 */
export type Fault = {
  kind: "unsupported";
} | {
  kind: "cannot_ask";
  /** Which field of the call, such as `operation.description` or `settings.base_url`. */
  field: string;
  /** What is wrong and what would be right; never the value itself. */
  reason: string;
} | {
  kind: "credentials";
  /** HTTP status code. */
  status: number;
} | {
  kind: "throttled";
  /** Seconds to wait, when it said so. */
  retry_after_s?: number | null;
} | {
  kind: "processor";
  /** HTTP status code. */
  status: number;
} | {
  kind: "unreadable";
  /** What was expected where; never the content itself. */
  what: string;
} | {
  kind: "forged";
  /** What failed: absent header, malformed header, mismatch, stale timestamp. */
  why: string;
} | {
  kind: "not_deterministic";
} | {
  kind: "swallowed_stop";
};

/** Header lines in order, duplicates kept; names compare without case (RFC 9110 §5.1). */
export type Headers = [string, string][];

/** One host, or hosts, by name. */
export type HostRule = {
  exactly: string;
} | {
  below: string;
} | {
  setting: string;
};

/** One request to the processor. */
export type HttpRequest = {
  /** Method. */
  method: Method;
  /** Absolute URL on a declared and granted host; never holds a secret. */
  url: string;
  /** Header lines, credentials excluded. */
  headers?: Headers;
  /** Credentials by reference. */
  auth?: Auth;
  /** The body. */
  body?: RequestBody;
  /**
   * Seconds the host may keep the response in memory for this connector: for public keys and certificates
   * only; ignored unless the method is GET.
   */
  cache_s?: number | null;
};

/** What the processor answered. */
export type HttpResponse = {
  /** HTTP status code. */
  status: number;
  /** Header lines. */
  headers?: Headers;
  /** Body, cut off by nothing: a longer one than the host's limit is a transport failure instead. */
  body?: Bytes;
};

/** How a processor treats repeated requests. */
export type IdempotencyProfile = {
  /** Where the key goes. */
  carrier: KeyCarrier;
  /** How long the processor remembers a key, in seconds; after this less a margin the hub never repeats. */
  retention_s: number;
  /** True when it also repeats stored failures, so that the same key can never succeed after one. */
  replays_errors: boolean;
  /** What to do first when nobody knows. */
  after_unknown: AfterUnknown;
  /** Seconds after which "there is no such thing" can be believed. */
  absent_after_s: number;
};

/** One labeled value that the shopper needs. */
export type Instruction = {
  /** What it is, such as `IBAN`. */
  label: string;
  /** The value. */
  value: string;
};

/** One capture, void, refund or dispute as the processor reports it. */
export type Item = {
  /** What it is. */
  kind: ItemKind;
  /** The processor's id, where it has one. */
  id?: string | null;
  /** Our echo, where the processor gives it back. At least one of id and echo must be there. */
  echo?: string | null;
  /** State. */
  state: ItemState;
  /** Amount; absent = not said. */
  amount?: Money | null;
  /** The processor's reason for a failure or dispute: letters, digits, `_`, `-`, `.` only, at most 64. */
  reason?: string | null;
  /** When it reached this state, by the processor's clock. */
  at?: Timestamp | null;
};

/** What an `Item` is. */
export type ItemKind = "capture" | "void" | "refund" | "dispute";

/**
 * State of an `Item`. For a dispute, `Succeeded` means the money is lost to the shopper and `Failed` that the
 * merchant won.
 */
export type ItemState = "pending" | "succeeded" | "failed";

/** Signature algorithm of a JSON Web Token (RFC 7518 §3.1). */
export type JwtAlgorithm = "HS256" | "ES256";

/** Where the idempotency key goes. */
export type KeyCarrier = {
  in: "header";
  /** Header name. */
  name: string;
} | {
  in: "body_field";
  /** RFC 6901 pointer. */
  pointer: string;
} | {
  in: "none";
} | {
  in: "nothing_sent";
};

/** How the bytes of a key are written in the operator's secret. */
export type KeyEncoding = "utf8" | "hex" | "base64";

/** One order line. */
export type LineItem = {
  /** What it is. */
  name: string;
  /** How many, at least 1. */
  quantity: number;
  /** Price of one; negative for a discount. */
  unit_amount: Money;
};

/** How deep a look-up can look. */
export type LookUp = "none" | "by_id" | "page_by_id" | "by_echo";

/** A keyed or unkeyed digest the host can compute. */
export type MacAlgorithm = "hmac_sha256" | "hmac_sha512" | "sha256" | "sha512" | "md5";

/** Asks the host for a digest of parts: a request's signature, for instance. */
export type MacRequest = {
  /** Algorithm. */
  algorithm: MacAlgorithm;
  /** The key, for HMACs. */
  key?: SecretRef | null;
  /** The message. */
  over: Part[];
  /** How the answer is written. */
  encoding: TextEncoding;
};

/** HTTP method. Anything but GET counts as able to move money, unless a `ReadRule` lists it. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** An amount in whole minor units of a currency. */
export type Money = {
  amount: number;
  currency: Currency;
};

/** What a checkout cannot be opened without; such a door waits for the shopper to arrive. */
export type Need = "shopper_ip" | "shopper_user_agent" | "customer_country" | "customer_email";

/** One statement of a delivery about one payment, refund or dispute. */
export type Notification = {
  /** The processor's id of the event: the same event delivered again counts once, for ever. */
  event_id?: string | null;
  /** The processor's ids that the statement names; any known one finds the payment attempt. */
  references?: Reference[];
  /** Our echo, when the processor gave it back. */
  echo?: string | null;
  /** The statement. */
  says: Says;
  /** The proof it was given. */
  proof?: Proof | null;
};

/** Where the OAuth2 client's own credentials go (RFC 6749 §2.3.1). */
export type OAuthClientStyle = "basic" | "body";

/** One thing to do. A closed set: what a processor cannot do is declared in its capabilities. */
export type Operation = CheckoutOrder & {
  kind: "open_checkout";
} | {
  kind: "complete_checkout";
  /** Query parameters of the browser's return, percent-decoded; never evidence. */
  return_parameters: [string, string][];
} | {
  kind: "expire_checkout";
} | CaptureOrder & {
  kind: "capture";
} | {
  kind: "void";
} | RefundOrder & {
  kind: "refund";
} | {
  kind: "fetch_payment";
} | RefundOrder & {
  kind: "fetch_refund";
} | {
  kind: "fetch_dispute";
  /** The processor's id of the dispute. */
  id: string;
};

/** A piece of a message to send, sign or check. The host joins parts without a separator. */
export type Part = {
  text: string;
} | {
  secret: SecretRef;
} | "delivery_body" | "delivery_url";

/**
 * That the host verified something: the index of the passed exchange in the transcript. The host accepts it
 * only for an exchange that did pass, so an adapter cannot invent one.
 */
export type Proof = number;

/** Requests by a method other than GET that only read. */
export type ReadRule = {
  /** Method. */
  method: Method;
  /** Path prefix, such as `/v2/search/`. */
  path_prefix: string;
  /** A text that the body must begin with, where one path serves reads and writes. */
  body_prefix?: string | null;
};

/** A processor's id for something of this attempt. Ids are opaque and may be shared between kinds. */
export type Reference = {
  /** What it names. */
  kind: ReferenceKind;
  /** The id, 1–255 characters. */
  id: string;
};

/** What kind of thing a processor's id names. */
export type ReferenceKind = "session" | "order" | "payment" | "authorization" | "capture" | "refund" | "dispute" | "payer";

/** Contents of `Operation::Refund` and `Operation::FetchRefund`. */
export type RefundOrder = {
  /** Our id of the refund as the processor sees it: 1–20 characters of `[0-9a-z]`. */
  echo: string;
  /** How much. */
  amount: Money;
  /** The processor's id of the refund, once known. */
  id?: string | null;
  /** The processor's id of the capture to give back from, where there are several. */
  capture?: string | null;
  /** What was refunded before this one. */
  refunded_before: Money;
  /** The merchant's reason. */
  reason?: string | null;
};

/** What one run of an adapter comes to. */
export type Reply = {
  step: Step;
} | {
  answer: Answer;
} | {
  notifications: Notification[];
} | {
  fault: Fault;
};

/** The body of a request. Secrets inside it are structural, so that no text of a shopper can name one. */
export type RequestBody = {
  kind: "empty";
} | {
  kind: "json";
  /** The document; `null` stands where a secret goes. */
  value: unknown;
  /** Secrets by RFC 6901 pointer into the document; the host puts each in place of the `null` there. */
  secrets?: {
    [name: string]: SecretRef;
  };
} | {
  kind: "form";
  /** Names and values. */
  fields: [string, Part][];
} | {
  kind: "raw";
  /** Media type. */
  content_type: string;
  /** The parts. */
  parts: Part[];
};

/** What a notification says. */
export type Says = {
  facts: Facts;
} | "changed" | {
  ignored: {
    /** Why, for the operator. */
    why: string;
  };
};

/** A code to scan. */
export type Scannable = {
  format: "qr";
  /** Content, at most 331 bytes (EPC069-12's limit). */
  payload: string;
};

/** One secret. */
export type SecretField = {
  /** Key in config. */
  name: string;
  /** True when the connector cannot work without it. */
  required: boolean;
  /**
   * True when several values may be active at once, for rotation. Signatures are then checked against each;
   * requests use the first.
   */
  several?: boolean;
  /** Hosts that it may be sent to; empty = it never leaves, it only signs and verifies. */
  hosts?: HostRule[];
  /** One line for the operator: where to find it. */
  help: string;
};

/** A secret of this connector, by the name that the descriptor declares. */
export type SecretRef = {
  /** The name in `Descriptor::secrets`. */
  name: string;
  /** How to read key bytes from it; matters for MACs only. */
  encoding?: KeyEncoding;
};

/** One setting. */
export type SettingField = {
  /** Key in config. */
  name: string;
  /** True when the operator must set it. A required setting has no default. */
  required: boolean;
  /** Value when the operator sets none. */
  default?: unknown;
  /** One line for the operator. */
  help: string;
} & ({
  type: "text";
} | {
  type: "url";
} | {
  type: "flag";
} | {
  type: "choice";
  /** The texts. */
  of: string[];
});

/**
 * Settings by name, as the descriptor declares them; already checked by the host against
 * `Descriptor::settings` (types, required ones, defaults filled in).
 */
export type Settings = {
  [name: string]: unknown;
};

/** What the shopper's arrival told. Present only where the descriptor's `needs` ask for it. */
export type Shopper = {
  /** IP address. */
  ip?: string | null;
  /** `User-Agent` header. */
  user_agent?: string | null;
  /** BCP 47 language tag. */
  locale?: string | null;
};

/** Asks the host to check a delivery's signature, in constant time and against every active secret. */
export type SignatureCheck = ({
  /** The message; the host sees by it what the signature covers. */
  over: Part[];
  /** Signatures offered by the delivery; one must match. An empty list never passes. */
  candidates: string[];
  /** The signed time, where the scheme has one. */
  timestamp?: SignedTimestamp | null;
}) & ({
  kind: "mac";
  /** Algorithm. */
  algorithm: MacAlgorithm;
  /** The key, for HMACs; every active value of the secret is tried. */
  key?: SecretRef | null;
  /** How the candidates are written. */
  encoding: TextEncoding;
} | {
  kind: "equal";
  /** The expected token. */
  secret: SecretRef;
} | {
  kind: "rsa_sha256";
  /** Public key as PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`): from a setting, or from a cacheable fetch. */
  public_key_pem: string;
  /** How the candidates are written. */
  encoding: TextEncoding;
});

/** How deliveries are authenticated. */
export type SignedDeliveries = "whole_body" | {
  fields: string[];
} | "unsigned" | "none";

/** The time a signature says it was made at. It must be part of the signed message. */
export type SignedTimestamp = {
  /** The signed time. */
  at: Timestamp;
  /** Largest distance from the time of receipt, in seconds, to either side. */
  tolerance_s: number;
};

/** One thing for the host to do. */
export type Step = {
  send: HttpRequest;
} | {
  mac: MacRequest;
} | {
  verify: SignatureCheck;
};

/**
 * What the host answers to a step. A request that fails in transport has no answer: the host ends the
 * operation itself, as NotSent or Unknown by its own knowledge of what left.
 */
export type StepAnswer = {
  response: HttpResponse;
} | {
  mac: string;
} | "verified" | {
  refused: {
    /** Mismatch, stale, no candidates, no secret: for the operator, never for the sender. */
    why: string;
  };
};

/** How bytes are written as text. */
export type TextEncoding = "hex" | "base64" | "base64_url";

/** An RFC 3339 date and time; written in UTC. */
export type Timestamp = string;

/** State of the payment in our closed set. */
export type Word = "open" | "needs_completion" | "pending" | "authorized" | "paid" | "declined" | "voided" | "expired" | {
  unknown: string;
};
