-- Payments that wait for a person, because they are quarantined or an operation of theirs is in doubt that
-- nothing automatic resolves; so that they are counted and listed without looking at all the others.
ALTER TABLE payments ADD COLUMN waits_for_person INTEGER NOT NULL DEFAULT 0 CHECK (waits_for_person IN (0, 1));
UPDATE payments SET waits_for_person = 1
    WHERE json_extract(state, '$.quarantine') IS NOT NULL
        OR EXISTS (SELECT 1 FROM json_tree(state) AS part WHERE part.key = 'state' AND part.atom = 'stuck');
CREATE INDEX payments_waiting_count ON payments (waits_for_person) WHERE waits_for_person = 1;
CREATE INDEX payments_waiting ON payments (merchant_id, livemode, id) WHERE waits_for_person = 1;
