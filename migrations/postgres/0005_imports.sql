-- Imports of what a provider has already: how far each is. Of an account's one is running, or was interrupted.

CREATE TABLE imports (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    announce BOOLEAN NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    cursor TEXT,
    progress TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX imports_running ON imports (account_id) WHERE status = 'running';
