-- Payments that wait for a person, so that they can be counted without looking at all the others.
ALTER TABLE payments ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1));
UPDATE payments SET quarantined = 1 WHERE json_extract(state, '$.quarantine') IS NOT NULL;
CREATE INDEX payments_quarantined ON payments (quarantined) WHERE quarantined = 1;
