-- The first schema. Money is in minor units, time in microseconds since 1970, JSON is TEXT, and what is
-- sealed is BLOB. Merchant and mode lead every key, so that no query can cross them by accident and the
-- tables can be sharded by merchant.

CREATE TABLE orders (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL CHECK (livemode IN (0, 1)),
    id TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount INTEGER NOT NULL CHECK (amount > 0),
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id)
) STRICT;

-- Apart from the history, so that it can be erased.
CREATE TABLE personal_data (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (merchant_id, livemode, order_id),
    FOREIGN KEY (merchant_id, livemode, order_id) REFERENCES orders (merchant_id, livemode, id)
) STRICT;

-- `state` is the whole payment. The columns beside it are what lists select by, and the sums that bound what
-- the hub itself asks for: `captured` and `authorized` only grow, so a processor's word can always be stored.
CREATE TABLE payments (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL CHECK (livemode IN (0, 1)),
    id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    order_reference TEXT,
    checkout_token TEXT NOT NULL,
    status TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount INTEGER NOT NULL CHECK (amount > 0),
    authorized INTEGER NOT NULL CHECK (authorized >= captured),
    captured INTEGER NOT NULL CHECK (captured >= 0),
    capture_asked INTEGER NOT NULL CHECK (capture_asked >= 0),
    refund_asked INTEGER NOT NULL CHECK (refund_asked >= 0),
    version INTEGER NOT NULL CHECK (version > 0),
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id),
    FOREIGN KEY (merchant_id, livemode, order_id) REFERENCES orders (merchant_id, livemode, id),
    CONSTRAINT asked_captures_stay_within_the_authorization CHECK (capture_asked <= authorized),
    CONSTRAINT asked_refunds_stay_within_the_captures CHECK (refund_asked <= captured)
) STRICT;
CREATE UNIQUE INDEX payments_by_order ON payments (merchant_id, livemode, order_id);
CREATE UNIQUE INDEX payments_by_checkout_token ON payments (checkout_token);
CREATE INDEX payments_by_status ON payments (merchant_id, livemode, status, id);
CREATE INDEX payments_by_order_reference ON payments (merchant_id, livemode, order_reference, id)
    WHERE order_reference IS NOT NULL;

-- At most one open payment holds an order reference.
CREATE TABLE open_order_references (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    order_reference TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, order_reference),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX open_order_references_by_payment
    ON open_order_references (merchant_id, livemode, payment_id);

-- The history: only ever appended to, without gaps.
CREATE TABLE payment_events (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, version),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT;
CREATE TRIGGER payment_events_have_no_gaps BEFORE INSERT ON payment_events
WHEN NEW.version <> 1 + coalesce((
    SELECT max(version) FROM payment_events
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode AND payment_id = NEW.payment_id), 0)
BEGIN SELECT RAISE(ABORT, 'an event must follow the last one of its payment'); END;
CREATE TRIGGER payment_events_never_change BEFORE UPDATE ON payment_events
BEGIN SELECT RAISE(ABORT, 'a recorded event never changes'); END;
CREATE TRIGGER payment_events_never_go BEFORE DELETE ON payment_events
BEGIN SELECT RAISE(ABORT, 'a recorded event never goes'); END;

-- The books. A journal's entries come first; its own row seals them, and is refused unless they balance.
CREATE TABLE journal_entries (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    line INTEGER NOT NULL CHECK (line > 0),
    account TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (merchant_id, livemode, payment_id, version, line),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE journals (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    at INTEGER NOT NULL,
    memo TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, version),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT;
CREATE TRIGGER journal_entries_come_before_their_journal BEFORE INSERT ON journal_entries
WHEN EXISTS (
    SELECT 1 FROM journals
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'a recorded journal takes no more entries'); END;
CREATE TRIGGER journals_have_entries BEFORE INSERT ON journals
WHEN NOT EXISTS (
    SELECT 1 FROM journal_entries
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'a journal must have entries'); END;
CREATE TRIGGER journals_balance BEFORE INSERT ON journals
WHEN EXISTS (
    SELECT 1 FROM journal_entries
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version
    GROUP BY currency HAVING sum(amount) <> 0)
BEGIN SELECT RAISE(ABORT, 'a journal must balance in every currency'); END;
CREATE TRIGGER journals_are_recorded_once BEFORE INSERT ON journals
WHEN EXISTS (
    SELECT 1 FROM journals
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'an event has one journal'); END;
CREATE TRIGGER journal_entries_never_change BEFORE UPDATE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'a recorded entry never changes'); END;
CREATE TRIGGER journal_entries_never_go BEFORE DELETE ON journal_entries
BEGIN SELECT RAISE(ABORT, 'a recorded entry never goes'); END;
CREATE TRIGGER journals_never_change BEFORE UPDATE ON journals
BEGIN SELECT RAISE(ABORT, 'a recorded journal never changes'); END;
CREATE TRIGGER journals_never_go BEFORE DELETE ON journals
BEGIN SELECT RAISE(ABORT, 'a recorded journal never goes'); END;

-- How an attempt is found by what a processor or a browser brings back.
CREATE TABLE attempts (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    connector TEXT NOT NULL,
    echo TEXT NOT NULL,
    return_token TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_by_echo ON attempts (merchant_id, livemode, connector, echo);
CREATE UNIQUE INDEX attempts_by_return_token ON attempts (return_token);

CREATE TABLE attempt_references (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    connector TEXT NOT NULL,
    reference_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    attempt_id TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, connector, reference_id, kind),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;

-- Refunds and disputes.
CREATE TABLE transfers (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, livemode, kind, id),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE doors (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    attempt_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (merchant_id, livemode, attempt_id)
) STRICT;

-- What was said to and by processors, scrubbed.
CREATE TABLE exchanges (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    attempt_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    at INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, number),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT;

-- Durable work. A job is held while its lease has not run out; `available_at` is when it can be claimed, so
-- that one index answers both "what is due" and "when is the next", however many jobs are held.
CREATE TABLE jobs (
    key TEXT NOT NULL PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    body TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    leased_until INTEGER,
    lease_token TEXT,
    tries INTEGER NOT NULL CHECK (tries >= 0),
    available_at INTEGER NOT NULL
        GENERATED ALWAYS AS (max(due_at, coalesce(leased_until, due_at))) VIRTUAL,
    CHECK ((leased_until IS NULL) = (lease_token IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_available_at ON jobs (available_at);
CREATE INDEX jobs_by_leased_until ON jobs (leased_until) WHERE leased_until IS NOT NULL;

CREATE TABLE idempotency_keys (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 65535),
    body BLOB NOT NULL,
    sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),
    created_at INTEGER NOT NULL,
    provisional_until INTEGER,
    PRIMARY KEY (merchant_id, livemode, operation, key)
) STRICT;

CREATE TABLE inbox (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    id TEXT NOT NULL,
    connector TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    sealed BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    note TEXT,
    settled_at INTEGER,
    PRIMARY KEY (merchant_id, livemode, id)
) STRICT;
-- What waits to be read, so that it can be counted without looking at what was.
CREATE INDEX inbox_waiting ON inbox (state) WHERE state = 'received';
CREATE UNIQUE INDEX inbox_by_fingerprint ON inbox (merchant_id, livemode, connector, fingerprint);

CREATE TABLE seen_events (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    connector TEXT NOT NULL,
    event_id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, livemode, connector, event_id)
) STRICT, WITHOUT ROWID;

-- What the merchant hears, and how it went.
CREATE TABLE public_events (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    created_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT;
CREATE UNIQUE INDEX public_events_by_sequence ON public_events (merchant_id, livemode, payment_id, sequence);
CREATE INDEX public_events_by_payment ON public_events (merchant_id, livemode, payment_id, id);
CREATE INDEX public_events_by_kind ON public_events (merchant_id, livemode, kind, id);

CREATE TABLE webhook_endpoints (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL CHECK (livemode IN (0, 1)),
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    description TEXT,
    event_types TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    disabled_reason TEXT,
    sealed_secrets BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id)
) STRICT;

-- A delivery outlives its endpoint once it was delivered, so it does not refer to it.
CREATE TABLE merchant_deliveries (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL CHECK (tries >= 0),
    next_at INTEGER,
    last_at INTEGER,
    last_status INTEGER,
    last_failure TEXT,
    last_state TEXT,
    last_next_at INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, livemode, endpoint_id, event_id),
    FOREIGN KEY (merchant_id, livemode, event_id) REFERENCES public_events (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX merchant_deliveries_by_event ON merchant_deliveries (merchant_id, livemode, event_id);
-- Small however long an endpoint's history is. A query must say `state <> 'delivered'` to be given it.
CREATE INDEX merchant_deliveries_undelivered
    ON merchant_deliveries (merchant_id, livemode, endpoint_id, state) WHERE state <> 'delivered';

CREATE TABLE api_keys (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL CHECK (livemode IN (0, 1)),
    key_id TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    PRIMARY KEY (merchant_id, livemode, key_id)
) STRICT;
CREATE UNIQUE INDEX api_keys_by_key_id ON api_keys (key_id);
