-- The first schema. Times are milliseconds since 1970, amounts minor units, ids text; lists and maps are JSON.

CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    mode TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);

CREATE TABLE organizations (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL,
    name TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE users (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL,
    email TEXT,
    name TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE provider_accounts (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    plugin TEXT NOT NULL,
    plugin_version TEXT NOT NULL,
    plugin_digest TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    settings TEXT NOT NULL,
    endpoint_overrides TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT provider_accounts_name UNIQUE (tenant_id, name)
) STRICT;

-- At most one default for a tenant, whoever writes at the same time.
CREATE UNIQUE INDEX provider_accounts_default ON provider_accounts (tenant_id) WHERE is_default = 1;

CREATE TABLE account_secrets (
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX account_secrets_by_account ON account_secrets (account_id, name, created_at);

CREATE TABLE products (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL,
    name TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE product_prices (
    tenant_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    price TEXT NOT NULL,
    PRIMARY KEY (tenant_id, product_id, account_id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX product_prices_by_price ON product_prices (account_id, price);

CREATE TABLE idempotency_keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    operation_id TEXT,
    answer BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    plugin_digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    status TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    answer TEXT,
    failure TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX operations_running ON operations (lease_until, id) WHERE status = 'running';
CREATE INDEX operations_by_tenant ON operations (tenant_id, id);

CREATE TABLE exchanges (
    operation_id TEXT NOT NULL REFERENCES operations (id),
    position INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    PRIMARY KEY (operation_id, position)
) STRICT;

CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    provider_reference TEXT NOT NULL,
    email TEXT,
    organization_id TEXT,
    user_id TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account_id, provider_reference)
) STRICT;
CREATE INDEX customers_by_tenant ON customers (tenant_id, id);
CREATE INDEX customers_by_organization ON customers (tenant_id, organization_id, id) WHERE organization_id IS NOT NULL;

CREATE TABLE checkout_sessions (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    checkout_type TEXT NOT NULL,
    product_id TEXT NOT NULL,
    customer_id TEXT,
    customer_email TEXT,
    organization_id TEXT,
    user_id TEXT,
    seats INTEGER NOT NULL,
    trial_period_days INTEGER,
    success_url TEXT NOT NULL,
    cancel_url TEXT NOT NULL,
    metadata TEXT NOT NULL,
    provider_reference TEXT,
    url TEXT,
    expires_at INTEGER,
    status TEXT NOT NULL,
    payment_status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX checkout_sessions_by_tenant ON checkout_sessions (tenant_id, id);
CREATE UNIQUE INDEX checkout_sessions_by_reference ON checkout_sessions (account_id, provider_reference);

CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    customer_id TEXT NOT NULL REFERENCES customers (id),
    product_id TEXT,
    provider_reference TEXT NOT NULL,
    status TEXT NOT NULL,
    provider_status TEXT NOT NULL,
    price_reference TEXT,
    seats INTEGER,
    period_start INTEGER,
    period_end INTEGER,
    trial_end INTEGER,
    cancel_at INTEGER,
    cancel_at_period_end INTEGER NOT NULL,
    canceled_at INTEGER,
    ended_at INTEGER,
    fact_version INTEGER,
    fact_as_of INTEGER,
    fact_source TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account_id, provider_reference)
) STRICT;
CREATE INDEX subscriptions_by_tenant ON subscriptions (tenant_id, id);
CREATE INDEX subscriptions_by_customer ON subscriptions (tenant_id, customer_id, id);
CREATE INDEX subscriptions_expiring ON subscriptions (expires_at, id) WHERE expires_at IS NOT NULL;

CREATE TABLE purchases (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    customer_id TEXT REFERENCES customers (id),
    purchase_type TEXT NOT NULL,
    product_id TEXT,
    subscription_id TEXT REFERENCES subscriptions (id),
    checkout_session_id TEXT,
    provider_reference TEXT NOT NULL,
    provider_transaction_id TEXT,
    amount INTEGER,
    currency TEXT,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account_id, provider_reference)
) STRICT;
CREATE INDEX purchases_by_tenant ON purchases (tenant_id, id);
CREATE INDEX purchases_by_customer ON purchases (tenant_id, customer_id, id);
CREATE INDEX purchases_by_subscription ON purchases (tenant_id, subscription_id, id);
CREATE INDEX purchases_by_transaction ON purchases (account_id, provider_transaction_id);

CREATE TABLE payments (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    provider_reference TEXT NOT NULL,
    state TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    customer_id TEXT,
    subscription_id TEXT,
    aliases TEXT NOT NULL,
    failure_reason TEXT,
    attempt INTEGER,
    next_attempt_at INTEGER,
    invoice_url TEXT,
    receipt_url TEXT,
    as_of INTEGER,
    refunded_amount INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account_id, provider_reference)
) STRICT;
CREATE INDEX payments_by_tenant ON payments (tenant_id, id);

CREATE TABLE payment_aliases (
    account_id TEXT NOT NULL,
    alias TEXT NOT NULL,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    PRIMARY KEY (account_id, alias, payment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE refunds (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    payment_id TEXT,
    provider_reference TEXT NOT NULL,
    state TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    payment_references TEXT NOT NULL,
    reason TEXT,
    failure_reason TEXT,
    as_of INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account_id, provider_reference)
) STRICT;
CREATE INDEX refunds_by_tenant ON refunds (tenant_id, id);

CREATE TABLE disputes (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    payment_id TEXT,
    provider_reference TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    payment_references TEXT NOT NULL,
    reason TEXT,
    provider_status TEXT NOT NULL,
    evidence_due_at INTEGER,
    as_of INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (account_id, provider_reference)
) STRICT;
CREATE INDEX disputes_by_tenant ON disputes (tenant_id, id);

CREATE TABLE inbox (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES provider_accounts (id),
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    query TEXT NOT NULL,
    headers BLOB NOT NULL,
    body BLOB NOT NULL,
    remote_ip TEXT,
    fetch_back INTEGER NOT NULL,
    provider_types TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    error TEXT,
    received_at INTEGER NOT NULL,
    processed_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_due ON inbox (next_attempt_at, received_at, id) WHERE status = 'pending';
CREATE INDEX inbox_dead ON inbox (id) WHERE status = 'dead';

CREATE TABLE event_keys (
    account_id TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    inbox_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, dedupe_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    aggregate_id TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_tenant ON outbox (tenant_id, id);
