-- Which payments a processor's delivery was about, whether or not it taught anything new of them: it is shown
-- with each, and its content is erased with the shopper of any.
CREATE TABLE payment_inbox (
    merchant_id TEXT NOT NULL,
    livemode INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    PRIMARY KEY (merchant_id, livemode, payment_id, delivery_id),
    FOREIGN KEY (merchant_id, livemode, delivery_id) REFERENCES inbox (merchant_id, livemode, id)
) STRICT, WITHOUT ROWID;
-- Of those from before it is known only where they changed a payment.
INSERT INTO payment_inbox
    SELECT DISTINCT events.merchant_id, events.livemode, events.payment_id, inbox.id
    FROM payment_events AS events JOIN inbox ON inbox.merchant_id = events.merchant_id
        AND inbox.livemode = events.livemode AND inbox.id = json_extract(events.cause, '$.delivery_id');
