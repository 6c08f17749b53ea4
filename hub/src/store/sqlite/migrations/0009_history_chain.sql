-- Each event carries the hash of the one before it. Events of before this version carry none.
ALTER TABLE payment_events ADD COLUMN previous TEXT CHECK (length(previous) = 64);

-- Up to which version a payment's history is in a signed root.
ALTER TABLE payments ADD COLUMN rooted_version INTEGER NOT NULL DEFAULT 0 CHECK (rooted_version >= 0);
CREATE INDEX payments_unrooted ON payments (merchant_id, livemode, id) WHERE version > rooted_version;

-- Signed roots: each covers the last events of payments that have changed, and the root before it.
CREATE TABLE history_roots (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    at INTEGER NOT NULL,
    previous TEXT NOT NULL CHECK (length(previous) = 64),
    root TEXT NOT NULL CHECK (length(root) = 64),
    signer TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, number)
) STRICT;
CREATE TRIGGER history_roots_never_change BEFORE UPDATE ON history_roots
BEGIN SELECT RAISE(ABORT, 'a signed root never changes'); END;
CREATE TRIGGER history_roots_never_go BEFORE DELETE ON history_roots
BEGIN SELECT RAISE(ABORT, 'a signed root never goes'); END;

-- What a root covers: of each payment the hash of one event, and with it of all before.
CREATE TABLE history_root_leaves (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    number INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    hash TEXT NOT NULL CHECK (length(hash) = 64),
    PRIMARY KEY (merchant_id, livemode, number, payment_id),
    FOREIGN KEY (merchant_id, livemode, number) REFERENCES history_roots (merchant_id, livemode, number),
    FOREIGN KEY (merchant_id, livemode, payment_id) REFERENCES payments (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX history_root_leaves_by_payment
    ON history_root_leaves (merchant_id, livemode, payment_id, version);
CREATE TRIGGER history_root_leaves_never_change BEFORE UPDATE ON history_root_leaves
BEGIN SELECT RAISE(ABORT, 'what a root covers never changes'); END;
CREATE TRIGGER history_root_leaves_never_go BEFORE DELETE ON history_root_leaves
BEGIN SELECT RAISE(ABORT, 'what a root covers never goes'); END;
