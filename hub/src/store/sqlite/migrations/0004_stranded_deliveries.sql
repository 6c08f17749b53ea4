-- Deliveries that match no payment or cannot be read, so that the operator's list looks at nothing else.
CREATE INDEX inbox_stranded ON inbox (merchant_id, livemode, id) WHERE state IN ('unmatched', 'unreadable');
