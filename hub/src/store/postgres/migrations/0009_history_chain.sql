-- Each event carries the hash of the one before it. Events of before this version carry none.
ALTER TABLE payment_events ADD COLUMN previous TEXT COLLATE "C" CHECK (length(previous) = 64);

-- Up to which version a payment's history is in a signed root.
ALTER TABLE payments ADD COLUMN rooted_version BIGINT NOT NULL DEFAULT 0 CHECK (rooted_version >= 0);
CREATE INDEX payments_unrooted ON payments (merchant_id, livemode, id) WHERE version > rooted_version;

-- Signed roots: each covers the last events of payments that have changed, and the root before it.
CREATE TABLE history_roots (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    at BIGINT NOT NULL,
    previous TEXT COLLATE "C" NOT NULL CHECK (length(previous) = 64),
    root TEXT COLLATE "C" NOT NULL CHECK (length(root) = 64),
    signer TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, livemode, number)
);
CREATE FUNCTION history_roots_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a signed root never changes';
END $$;
CREATE TRIGGER history_roots_never_change BEFORE UPDATE ON history_roots FOR EACH ROW EXECUTE FUNCTION history_roots_never_change();
CREATE FUNCTION history_roots_never_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a signed root never goes';
END $$;
CREATE TRIGGER history_roots_never_go BEFORE DELETE ON history_roots FOR EACH ROW EXECUTE FUNCTION history_roots_never_go();

-- What a root covers: of each payment the hash of one event, and with it of all before.
CREATE TABLE history_root_leaves (
    merchant_id TEXT COLLATE "C" NOT NULL,
    livemode BIGINT NOT NULL,
    number BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    hash TEXT COLLATE "C" NOT NULL CHECK (length(hash) = 64),
    PRIMARY KEY (merchant_id, livemode, number, payment_id),
    FOREIGN KEY (merchant_id, livemode, number) REFERENCES history_roots (merchant_id, livemode, number),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
);
CREATE INDEX history_root_leaves_by_payment
    ON history_root_leaves (merchant_id, livemode, payment_id, version);
CREATE FUNCTION history_root_leaves_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'what a root covers never changes';
END $$;
CREATE TRIGGER history_root_leaves_never_change BEFORE UPDATE ON history_root_leaves FOR EACH ROW EXECUTE FUNCTION history_root_leaves_never_change();
CREATE FUNCTION history_root_leaves_never_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'what a root covers never goes';
END $$;
CREATE TRIGGER history_root_leaves_never_go BEFORE DELETE ON history_root_leaves FOR EACH ROW EXECUTE FUNCTION history_root_leaves_never_go();
