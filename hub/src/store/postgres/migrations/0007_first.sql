-- The first schema of this engine: the tables of SQLite's first seven versions, column by column. Money is in minor
-- units, time in microseconds since 1970, JSON is TEXT, and what is sealed is BYTEA. Texts sort by their bytes, so
-- that ids and keys have the order that they have there. Merchant and mode lead every key, so that no query can
-- cross them by accident and the tables can be sharded by merchant.

CREATE TABLE orders (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL CHECK (livemode IN (0, 1)),
    id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    amount BIGINT NOT NULL CHECK (amount > 0),
    body TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id)
);

-- Apart from the history, so that it can be erased.
CREATE TABLE personal_data (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (merchant_id, livemode, order_id),
    FOREIGN KEY (merchant_id, livemode, order_id) REFERENCES orders (merchant_id, livemode, id)
);

-- `state` is the whole payment. The columns beside it are what lists select by, and the sums that bound what
-- the hub itself asks for: `captured` and `authorized` only grow, so a processor's word can always be stored.
CREATE TABLE payments (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL CHECK (livemode IN (0, 1)),
    id TEXT COLLATE "C" NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL,
    order_reference TEXT COLLATE "C",
    checkout_token TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    amount BIGINT NOT NULL CHECK (amount > 0),
    authorized BIGINT NOT NULL CHECK (authorized >= captured),
    captured BIGINT NOT NULL CHECK (captured >= 0),
    capture_asked BIGINT NOT NULL CHECK (capture_asked >= 0),
    refund_asked BIGINT NOT NULL CHECK (refund_asked >= 0),
    version BIGINT NOT NULL CHECK (version > 0),
    state TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    waits_for_person BIGINT NOT NULL CHECK (waits_for_person IN (0, 1)),
    PRIMARY KEY (merchant_id, livemode, id),
    FOREIGN KEY (merchant_id, livemode, order_id) REFERENCES orders (merchant_id, livemode, id),
    CONSTRAINT asked_captures_stay_within_the_authorization CHECK (capture_asked <= authorized),
    CONSTRAINT asked_refunds_stay_within_the_captures CHECK (refund_asked <= captured)
);
CREATE UNIQUE INDEX payments_by_order ON payments (merchant_id, livemode, order_id);
CREATE UNIQUE INDEX payments_by_checkout_token ON payments (checkout_token);
CREATE INDEX payments_by_status ON payments (merchant_id, livemode, status, id);
CREATE INDEX payments_by_order_reference ON payments (merchant_id, livemode, order_reference, id)
    WHERE order_reference IS NOT NULL;
CREATE INDEX payments_waiting_count ON payments (waits_for_person) WHERE waits_for_person = 1;
CREATE INDEX payments_waiting ON payments (merchant_id, livemode, id) WHERE waits_for_person = 1;

-- At most one open payment holds an order reference.
CREATE TABLE open_order_references (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    order_reference TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, order_reference),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);
CREATE UNIQUE INDEX open_order_references_by_payment
    ON open_order_references (merchant_id, livemode, payment_id);

-- The history: only ever appended to, without gaps.
CREATE TABLE payment_events (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    at BIGINT NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, version),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);
CREATE FUNCTION payment_events_have_no_gaps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.version <> 1 + coalesce((
    SELECT max(version) FROM payment_events
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode AND payment_id = NEW.payment_id), 0) THEN
        RAISE EXCEPTION 'an event must follow the last one of its payment';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_events_have_no_gaps BEFORE INSERT ON payment_events FOR EACH ROW EXECUTE FUNCTION payment_events_have_no_gaps();
CREATE FUNCTION payment_events_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a recorded event never changes';
END $$;
CREATE TRIGGER payment_events_never_change BEFORE UPDATE ON payment_events FOR EACH ROW EXECUTE FUNCTION payment_events_never_change();
CREATE FUNCTION payment_events_never_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a recorded event never goes';
END $$;
CREATE TRIGGER payment_events_never_go BEFORE DELETE ON payment_events FOR EACH ROW EXECUTE FUNCTION payment_events_never_go();

-- The books. A journal's entries come first; its own row seals them, and is refused unless they balance.
CREATE TABLE journal_entries (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    line BIGINT NOT NULL CHECK (line > 0),
    account TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    amount BIGINT NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (merchant_id, livemode, payment_id, version, line),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);
CREATE TABLE journals (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    at BIGINT NOT NULL,
    memo TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, version),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);
CREATE FUNCTION journal_entries_come_before_their_journal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (
    SELECT 1 FROM journals
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version) THEN
        RAISE EXCEPTION 'a recorded journal takes no more entries';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journal_entries_come_before_their_journal BEFORE INSERT ON journal_entries FOR EACH ROW EXECUTE FUNCTION journal_entries_come_before_their_journal();
CREATE FUNCTION journals_have_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (
    SELECT 1 FROM journal_entries
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version) THEN
        RAISE EXCEPTION 'a journal must have entries';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journals_have_entries BEFORE INSERT ON journals FOR EACH ROW EXECUTE FUNCTION journals_have_entries();
CREATE FUNCTION journals_balance() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (
    SELECT 1 FROM journal_entries
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version
    GROUP BY currency HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'a journal must balance in every currency';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journals_balance BEFORE INSERT ON journals FOR EACH ROW EXECUTE FUNCTION journals_balance();
CREATE FUNCTION journals_are_recorded_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (
    SELECT 1 FROM journals
    WHERE merchant_id = NEW.merchant_id AND livemode = NEW.livemode
        AND payment_id = NEW.payment_id AND version = NEW.version) THEN
        RAISE EXCEPTION 'an event has one journal';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journals_are_recorded_once BEFORE INSERT ON journals FOR EACH ROW EXECUTE FUNCTION journals_are_recorded_once();
CREATE FUNCTION journal_entries_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a recorded entry never changes';
END $$;
CREATE TRIGGER journal_entries_never_change BEFORE UPDATE ON journal_entries FOR EACH ROW EXECUTE FUNCTION journal_entries_never_change();
CREATE FUNCTION journal_entries_never_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a recorded entry never goes';
END $$;
CREATE TRIGGER journal_entries_never_go BEFORE DELETE ON journal_entries FOR EACH ROW EXECUTE FUNCTION journal_entries_never_go();
CREATE FUNCTION journals_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a recorded journal never changes';
END $$;
CREATE TRIGGER journals_never_change BEFORE UPDATE ON journals FOR EACH ROW EXECUTE FUNCTION journals_never_change();
CREATE FUNCTION journals_never_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a recorded journal never goes';
END $$;
CREATE TRIGGER journals_never_go BEFORE DELETE ON journals FOR EACH ROW EXECUTE FUNCTION journals_never_go();

-- How an attempt is found by what a processor or a browser brings back.
CREATE TABLE attempts (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    echo TEXT COLLATE "C" NOT NULL,
    return_token TEXT COLLATE "C" NOT NULL,
    plugin_sha256 TEXT COLLATE "C",
    PRIMARY KEY (merchant_id, livemode, id),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);
CREATE UNIQUE INDEX attempts_by_echo ON attempts (merchant_id, livemode, connector, echo);
CREATE UNIQUE INDEX attempts_by_return_token ON attempts (return_token);
CREATE INDEX attempts_by_plugin ON attempts (merchant_id, livemode, plugin_sha256, connector, id)
    WHERE plugin_sha256 IS NOT NULL;

CREATE TABLE attempt_references (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    reference_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    attempt_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, connector, reference_id, kind),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);

-- Refunds and disputes.
CREATE TABLE transfers (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, kind, id),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);

CREATE TABLE doors (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    attempt_id TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (merchant_id, livemode, attempt_id)
);

-- What was said to and by processors, scrubbed.
CREATE TABLE exchanges (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    attempt_id TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    record TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, number),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);

-- Durable work. A job is held while its lease has not run out; `available_at` is when it can be claimed, so
-- that one index answers both "what is due" and "when is the next", however many jobs are held.
CREATE TABLE jobs (
    key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    due_at BIGINT NOT NULL,
    leased_until BIGINT,
    lease_token TEXT COLLATE "C",
    tries BIGINT NOT NULL CHECK (tries >= 0),
    available_at BIGINT NOT NULL
        GENERATED ALWAYS AS (greatest(due_at, coalesce(leased_until, due_at))) STORED,
    CHECK ((leased_until IS NULL) = (lease_token IS NULL))
);
CREATE INDEX jobs_by_available_at ON jobs (available_at);
CREATE INDEX jobs_by_leased_until ON jobs (leased_until) WHERE leased_until IS NOT NULL;

CREATE TABLE idempotency_keys (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    status BIGINT NOT NULL CHECK (status BETWEEN 0 AND 65535),
    body BYTEA NOT NULL,
    sealed BIGINT NOT NULL CHECK (sealed IN (0, 1)),
    created_at BIGINT NOT NULL,
    provisional_until BIGINT,
    PRIMARY KEY (merchant_id, livemode, operation, key)
);

CREATE TABLE inbox (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    sealed BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C",
    settled_at BIGINT,
    PRIMARY KEY (merchant_id, livemode, id)
);
-- What waits to be read, so that it can be counted without looking at what was.
CREATE INDEX inbox_waiting ON inbox (state) WHERE state = 'received';
CREATE UNIQUE INDEX inbox_by_fingerprint ON inbox (merchant_id, livemode, connector, fingerprint);
CREATE INDEX inbox_stranded ON inbox (merchant_id, livemode, id)
    WHERE state IN ('unmatched', 'unreadable') OR (state = 'received' AND note IS NOT NULL);

-- Which payments a processor's delivery was about, whether or not it taught anything new of them: it is shown
-- with each, and its content is erased with the shopper of any.
CREATE TABLE payment_inbox (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    delivery_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, delivery_id),
    FOREIGN KEY (merchant_id, livemode, delivery_id) REFERENCES inbox (merchant_id, livemode, id)
);

CREATE TABLE seen_events (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    connector TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, connector, event_id)
);

-- What the merchant hears, and how it went.
CREATE TABLE public_events (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    created_at BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);
CREATE UNIQUE INDEX public_events_by_sequence ON public_events (merchant_id, livemode, payment_id, sequence);
CREATE INDEX public_events_by_payment ON public_events (merchant_id, livemode, payment_id, id);
CREATE INDEX public_events_by_kind ON public_events (merchant_id, livemode, kind, id);

CREATE TABLE webhook_endpoints (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL CHECK (livemode IN (0, 1)),
    id TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    event_types TEXT COLLATE "C" NOT NULL,
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    disabled_reason TEXT COLLATE "C",
    sealed_secrets BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, id)
);

-- A delivery outlives its endpoint once it was delivered, so it does not refer to it.
CREATE TABLE merchant_deliveries (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    endpoint_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    tries BIGINT NOT NULL CHECK (tries >= 0),
    next_at BIGINT,
    last_at BIGINT,
    last_status BIGINT,
    last_failure TEXT COLLATE "C",
    last_state TEXT COLLATE "C",
    last_next_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, endpoint_id, event_id),
    FOREIGN KEY (merchant_id, livemode, event_id) REFERENCES public_events (merchant_id, livemode, id)
);
CREATE INDEX merchant_deliveries_by_event ON merchant_deliveries (merchant_id, livemode, event_id);
-- Small however long an endpoint's history is. A query must say `state <> 'delivered'` to be given it.
CREATE INDEX merchant_deliveries_undelivered
    ON merchant_deliveries (merchant_id, livemode, endpoint_id, state) WHERE state <> 'delivered';

CREATE TABLE api_keys (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL CHECK (livemode IN (0, 1)),
    key_id TEXT COLLATE "C" NOT NULL,
    secret_sha256 BYTEA NOT NULL CHECK (octet_length(secret_sha256) = 32),
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    scopes TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (merchant_id, livemode, key_id)
);
CREATE UNIQUE INDEX api_keys_by_key_id ON api_keys (key_id);

-- That a commit happened, for a hub that lost its connection while it was committing. Old ones are deleted.
CREATE TABLE commit_marks (
    mark TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
CREATE INDEX commit_marks_by_time ON commit_marks (at);
