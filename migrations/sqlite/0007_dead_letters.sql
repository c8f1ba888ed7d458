-- What an operator needs to mend a webhook that failed: the plugin that failed with it, what that had asked the provider
-- by then, the version it is tried with instead, and how often it was put back.

ALTER TABLE inbox ADD COLUMN failed_plugin TEXT;
ALTER TABLE inbox ADD COLUMN failed_version TEXT;
ALTER TABLE inbox ADD COLUMN failed_digest TEXT;
ALTER TABLE inbox ADD COLUMN failed_journal TEXT;
ALTER TABLE inbox ADD COLUMN plugin_version TEXT;
ALTER TABLE inbox ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;

-- What an event said, as a SHA-256: it tells a repetition from other contents under the same id. None where it had no
-- effect, and of those that were taken in before.
ALTER TABLE event_keys ADD COLUMN digest BLOB;

-- Webhooks are listed by account; dedupe keys are forgotten by age.
CREATE INDEX inbox_by_account ON inbox (account_id, id);
CREATE INDEX event_keys_by_age ON event_keys (created_at);
