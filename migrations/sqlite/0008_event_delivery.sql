-- Events get their place in the order of all events after their commit, and are delivered to the endpoints that want them.

ALTER TABLE outbox ADD COLUMN subject TEXT;
ALTER TABLE outbox ADD COLUMN position INTEGER;
CREATE INDEX outbox_unordered ON outbox (position) WHERE position IS NULL;
CREATE UNIQUE INDEX outbox_by_position ON outbox (tenant_id, position);

-- How many events have their place. Its one row is what hosts take turns at.
CREATE TABLE event_feed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL
) STRICT;
INSERT INTO event_feed (id, position) VALUES (1, 0);

CREATE TABLE event_endpoints (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    url TEXT NOT NULL,
    description TEXT,
    event_types TEXT NOT NULL,
    status TEXT NOT NULL,
    disabled_reason TEXT,
    failing_since INTEGER,
    secrets TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX event_endpoints_by_tenant ON event_endpoints (tenant_id, id);

CREATE TABLE event_deliveries (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL REFERENCES event_endpoints (id),
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    log TEXT NOT NULL,
    delivered_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (endpoint_id, event_id)
) STRICT;
CREATE INDEX event_deliveries_by_endpoint ON event_deliveries (endpoint_id, id);
CREATE INDEX event_deliveries_due ON event_deliveries (next_attempt_at, position) WHERE status = 'pending';
CREATE INDEX event_deliveries_waiting ON event_deliveries (endpoint_id, subject, position) WHERE status = 'pending';
