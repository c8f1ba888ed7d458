-- Events get their place in the order of all events after their commit, and are delivered to the endpoints that want them.

ALTER TABLE outbox ADD COLUMN subject TEXT COLLATE "C";
ALTER TABLE outbox ADD COLUMN position BIGINT;
-- Of two events of one thing the later commit has the higher number, whatever their hosts' clocks say.
ALTER TABLE outbox ADD COLUMN sequence BIGINT GENERATED ALWAYS AS IDENTITY;
CREATE INDEX outbox_unordered ON outbox (sequence) WHERE position IS NULL;
CREATE UNIQUE INDEX outbox_by_position ON outbox (tenant_id, position);

-- How many events have their place. Its one row is what hosts take turns at.
CREATE TABLE event_feed (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL
);
INSERT INTO event_feed (id, position) VALUES (1, 0);

CREATE TABLE event_endpoints (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    url TEXT NOT NULL,
    description TEXT,
    event_types TEXT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    disabled_reason TEXT,
    failing_since BIGINT,
    secrets TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX event_endpoints_by_tenant ON event_endpoints (tenant_id, id);

CREATE TABLE event_deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES event_endpoints (id),
    event_id TEXT COLLATE "C" NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    log TEXT NOT NULL,
    delivered_at BIGINT,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (endpoint_id, event_id)
);
CREATE INDEX event_deliveries_by_endpoint ON event_deliveries (endpoint_id, id);
CREATE INDEX event_deliveries_due ON event_deliveries (next_attempt_at, position) WHERE status = 'pending';
CREATE INDEX event_deliveries_waiting ON event_deliveries (endpoint_id, subject, position) WHERE status = 'pending';
