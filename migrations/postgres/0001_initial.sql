-- The first schema. Times are milliseconds since 1970, amounts minor units, ids text; lists and maps are JSON.
-- What is looked up or sorted is compared by its bytes: no change of a locale reorders an index.

CREATE TABLE tenants (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    mode TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);

CREATE TABLE organizations (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE users (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id TEXT COLLATE "C" NOT NULL,
    email TEXT,
    name TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE provider_accounts (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    name TEXT COLLATE "C" NOT NULL,
    plugin TEXT NOT NULL,
    plugin_version TEXT NOT NULL,
    plugin_digest TEXT NOT NULL,
    is_default BOOLEAN NOT NULL,
    settings TEXT NOT NULL,
    endpoint_overrides TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT provider_accounts_name UNIQUE (tenant_id, name)
);

-- At most one default for a tenant, whoever writes at the same time.
CREATE UNIQUE INDEX provider_accounts_default ON provider_accounts (tenant_id) WHERE is_default;

CREATE TABLE account_secrets (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    tenant_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX account_secrets_by_account ON account_secrets (account_id, name, created_at);

CREATE TABLE products (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE product_prices (
    tenant_id TEXT COLLATE "C" NOT NULL,
    product_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    price TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, product_id, account_id),
    FOREIGN KEY (tenant_id, product_id) REFERENCES products (tenant_id, id)
);
CREATE INDEX product_prices_by_price ON product_prices (account_id, price);

CREATE TABLE idempotency_keys (
    owner TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    operation_id TEXT COLLATE "C",
    answer BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE operations (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    plugin_digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    request TEXT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    lease_until BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    answer TEXT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX operations_running ON operations (lease_until, id) WHERE status = 'running';
CREATE INDEX operations_by_tenant ON operations (tenant_id, id);

CREATE TABLE exchanges (
    operation_id TEXT COLLATE "C" NOT NULL REFERENCES operations (id),
    position BIGINT NOT NULL,
    exchange TEXT NOT NULL,
    PRIMARY KEY (operation_id, position)
);

CREATE TABLE customers (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    provider_reference TEXT COLLATE "C" NOT NULL,
    email TEXT,
    organization_id TEXT COLLATE "C",
    user_id TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (account_id, provider_reference)
);
CREATE INDEX customers_by_tenant ON customers (tenant_id, id);
CREATE INDEX customers_by_organization ON customers (tenant_id, organization_id, id) WHERE organization_id IS NOT NULL;

CREATE TABLE checkout_sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    checkout_type TEXT NOT NULL,
    product_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C",
    customer_email TEXT,
    organization_id TEXT COLLATE "C",
    user_id TEXT COLLATE "C",
    seats BIGINT NOT NULL,
    trial_period_days BIGINT,
    success_url TEXT NOT NULL,
    cancel_url TEXT NOT NULL,
    metadata TEXT NOT NULL,
    provider_reference TEXT COLLATE "C",
    url TEXT,
    expires_at BIGINT,
    status TEXT COLLATE "C" NOT NULL,
    payment_status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX checkout_sessions_by_tenant ON checkout_sessions (tenant_id, id);
CREATE UNIQUE INDEX checkout_sessions_by_reference ON checkout_sessions (account_id, provider_reference);

CREATE TABLE subscriptions (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    customer_id TEXT COLLATE "C" NOT NULL REFERENCES customers (id),
    product_id TEXT COLLATE "C",
    provider_reference TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    provider_status TEXT NOT NULL,
    price_reference TEXT COLLATE "C",
    seats BIGINT,
    period_start BIGINT,
    period_end BIGINT,
    trial_end BIGINT,
    cancel_at BIGINT,
    cancel_at_period_end BOOLEAN NOT NULL,
    canceled_at BIGINT,
    ended_at BIGINT,
    fact_version BIGINT,
    fact_as_of BIGINT,
    fact_source TEXT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (account_id, provider_reference)
);
CREATE INDEX subscriptions_by_tenant ON subscriptions (tenant_id, id);
CREATE INDEX subscriptions_by_customer ON subscriptions (tenant_id, customer_id, id);
CREATE INDEX subscriptions_expiring ON subscriptions (expires_at, id) WHERE expires_at IS NOT NULL;

CREATE TABLE purchases (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    customer_id TEXT COLLATE "C" REFERENCES customers (id),
    purchase_type TEXT NOT NULL,
    product_id TEXT COLLATE "C",
    subscription_id TEXT COLLATE "C" REFERENCES subscriptions (id),
    checkout_session_id TEXT COLLATE "C",
    provider_reference TEXT COLLATE "C" NOT NULL,
    provider_transaction_id TEXT COLLATE "C",
    amount BIGINT,
    currency TEXT,
    status TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (account_id, provider_reference)
);
CREATE INDEX purchases_by_tenant ON purchases (tenant_id, id);
CREATE INDEX purchases_by_customer ON purchases (tenant_id, customer_id, id);
CREATE INDEX purchases_by_subscription ON purchases (tenant_id, subscription_id, id);
CREATE INDEX purchases_by_transaction ON purchases (account_id, provider_transaction_id);

CREATE TABLE payments (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    provider_reference TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    customer_id TEXT COLLATE "C",
    subscription_id TEXT COLLATE "C",
    aliases TEXT NOT NULL,
    failure_reason TEXT,
    attempt BIGINT,
    next_attempt_at BIGINT,
    invoice_url TEXT,
    receipt_url TEXT,
    as_of BIGINT,
    refunded_amount BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (account_id, provider_reference)
);
CREATE INDEX payments_by_tenant ON payments (tenant_id, id);

CREATE TABLE payment_aliases (
    account_id TEXT COLLATE "C" NOT NULL,
    alias TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL REFERENCES payments (id),
    PRIMARY KEY (account_id, alias, payment_id)
);

CREATE TABLE refunds (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    payment_id TEXT COLLATE "C",
    provider_reference TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    payment_references TEXT NOT NULL,
    reason TEXT,
    failure_reason TEXT,
    as_of BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (account_id, provider_reference)
);
CREATE INDEX refunds_by_tenant ON refunds (tenant_id, id);

CREATE TABLE disputes (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    payment_id TEXT COLLATE "C",
    provider_reference TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    payment_references TEXT NOT NULL,
    reason TEXT,
    provider_status TEXT NOT NULL,
    evidence_due_at BIGINT,
    as_of BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (account_id, provider_reference)
);
CREATE INDEX disputes_by_tenant ON disputes (tenant_id, id);

CREATE TABLE inbox (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES provider_accounts (id),
    method TEXT NOT NULL,
    url TEXT NOT NULL,
    query TEXT NOT NULL,
    headers BYTEA NOT NULL,
    body BYTEA NOT NULL,
    remote_ip TEXT,
    fetch_back BOOLEAN NOT NULL,
    provider_types TEXT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    error TEXT,
    received_at BIGINT NOT NULL,
    processed_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX inbox_due ON inbox (next_attempt_at, received_at, id) WHERE status = 'pending';
CREATE INDEX inbox_dead ON inbox (id) WHERE status = 'dead';

CREATE TABLE event_keys (
    account_id TEXT COLLATE "C" NOT NULL,
    dedupe_key TEXT COLLATE "C" NOT NULL,
    inbox_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, dedupe_key)
);

CREATE TABLE outbox (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL,
    event_type TEXT NOT NULL,
    aggregate_id TEXT COLLATE "C" NOT NULL,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX outbox_by_tenant ON outbox (tenant_id, id);

-- Raw bodies are read whole or not at all: compressing them costs more than it saves.
ALTER TABLE inbox ALTER COLUMN body SET STORAGE EXTERNAL;
