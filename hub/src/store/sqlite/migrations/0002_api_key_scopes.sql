-- What a key may do, as words apart by a space, and until when. Keys from before could do everything.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL
    DEFAULT 'payments:read payments:write refunds:write events:read webhooks:read webhooks:write connectors:read';
ALTER TABLE api_keys ADD COLUMN expires_at INTEGER;
