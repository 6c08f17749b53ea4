-- The plugin file that is kept for an attempt, by its SHA-256; nothing when its adapter is compiled in, or once no
-- payment needs the file any more.
ALTER TABLE attempts ADD COLUMN plugin_sha256 TEXT;
CREATE INDEX attempts_by_plugin ON attempts (merchant_id, livemode, plugin_sha256, connector, id)
    WHERE plugin_sha256 IS NOT NULL;
