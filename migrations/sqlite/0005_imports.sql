-- Imports of what a provider has already: how far each is. Of an account's one is running, or was interrupted.

CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    announce INTEGER NOT NULL,
    status TEXT NOT NULL,
    cursor TEXT,
    progress TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX imports_running ON imports (account_id) WHERE status = 'running';
