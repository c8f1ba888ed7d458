-- When the provider was last asked about a subscription whose period should have ended, or is to count as asked.

ALTER TABLE subscriptions ADD COLUMN asked_at INTEGER;
