-- Deliveries that could not be read so far and are tried again belong to the operator's list as well.
DROP INDEX inbox_stranded;
CREATE INDEX inbox_stranded ON inbox (merchant_id, livemode, id)
    WHERE state IN ('unmatched', 'unreadable') OR (state = 'received' AND note IS NOT NULL);
