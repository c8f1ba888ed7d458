//! Tenants and theirs, accounts, keys, operations, and the inbox.

use async_trait::async_trait;
use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::inbox::{InboxEntry, InboxStatus, OutboxEvent};
use tillgate_application::operation::{IdempotencyRecord, Operation};
use tillgate_application::ports::{
    AccountRepository, DirectoryRepository, Exchange, InboxRepository, OperationRepository, Page, PageRequest,
    StoreError,
};
use tillgate_domain::{
    InboxId, OperationId, Organization, Product, ProviderAccountId, Tenant, TenantId, Timestamp, User,
};

use super::lists::page;
use super::{Repository, Row, rows};

#[async_trait]
impl DirectoryRepository for Repository {
    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let row = self
            .one(sqlx::query("SELECT * FROM tenants WHERE id = $1").bind(id.to_string()))
            .await?;
        row.as_ref().map(rows::tenant).transpose()
    }

    async fn tenants(&self, request: &PageRequest) -> Result<Page<Tenant>, StoreError> {
        let sql = "SELECT * FROM tenants WHERE id > $1 ORDER BY id LIMIT $2";
        page(self, sqlx::query(sql), request, rows::tenant).await
    }

    async fn organization(&self, tenant_id: TenantId, id: &str) -> Result<Option<Organization>, StoreError> {
        let sql = "SELECT * FROM organizations WHERE tenant_id = $1 AND id = $2";
        let row = self
            .one(sqlx::query(sql).bind(tenant_id.to_string()).bind(id.to_owned()))
            .await?;
        row.as_ref().map(rows::organization).transpose()
    }

    async fn user(&self, tenant_id: TenantId, id: &str) -> Result<Option<User>, StoreError> {
        let sql = "SELECT * FROM users WHERE tenant_id = $1 AND id = $2";
        let row = self
            .one(sqlx::query(sql).bind(tenant_id.to_string()).bind(id.to_owned()))
            .await?;
        row.as_ref().map(rows::user).transpose()
    }

    async fn product(&self, tenant_id: TenantId, id: &str) -> Result<Option<Product>, StoreError> {
        let sql = "SELECT * FROM products WHERE tenant_id = $1 AND id = $2";
        let row = self
            .one(sqlx::query(sql).bind(tenant_id.to_string()).bind(id.to_owned()))
            .await?;
        self.with_prices(row).await
    }

    async fn product_by_price(
        &self,
        account_id: ProviderAccountId,
        price: &str,
    ) -> Result<Option<Product>, StoreError> {
        let sql = "SELECT products.* FROM product_prices
                   JOIN products ON products.tenant_id = product_prices.tenant_id
                        AND products.id = product_prices.product_id
                   WHERE product_prices.account_id = $1 AND product_prices.price = $2
                   ORDER BY products.id LIMIT 1";
        let row = self
            .one(sqlx::query(sql).bind(account_id.to_string()).bind(price.to_owned()))
            .await?;
        self.with_prices(row).await
    }
}

impl Repository {
    async fn with_prices(&self, row: Option<Row>) -> Result<Option<Product>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let sql = "SELECT account_id, price FROM product_prices WHERE tenant_id = $1 AND product_id = $2";
        let query = sqlx::query(sql)
            .bind(rows::get::<String>(&row, "tenant_id")?)
            .bind(rows::get::<String>(&row, "id")?);
        let prices = self.all(query).await?;
        rows::product(&row, &prices).map(Some)
    }
}

#[async_trait]
impl AccountRepository for Repository {
    async fn account(&self, id: ProviderAccountId) -> Result<Option<ProviderAccount>, StoreError> {
        let row = self
            .one(sqlx::query("SELECT * FROM provider_accounts WHERE id = $1").bind(id.to_string()))
            .await?;
        row.as_ref().map(rows::account).transpose()
    }

    async fn accounts(&self, tenant_id: TenantId) -> Result<Vec<ProviderAccount>, StoreError> {
        let sql = "SELECT * FROM provider_accounts WHERE tenant_id = $1 ORDER BY id";
        self.all(sqlx::query(sql).bind(tenant_id.to_string()))
            .await?
            .iter()
            .map(rows::account)
            .collect()
    }

    async fn secrets(&self, id: ProviderAccountId, at: Timestamp) -> Result<Vec<SealedSecret>, StoreError> {
        let sql = "SELECT * FROM account_secrets WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > $2)
                   ORDER BY name, CASE WHEN expires_at IS NULL THEN 0 ELSE 1 END, created_at DESC";
        let query = sqlx::query(sql).bind(id.to_string()).bind(at.as_millis());
        self.all(query).await?.iter().map(rows::secret).collect()
    }

    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let row = self
            .one(sqlx::query("SELECT * FROM api_keys WHERE hash = $1").bind(hash.to_vec()))
            .await?;
        row.as_ref().map(rows::api_key).transpose()
    }

    async fn api_keys(&self, tenant_id: TenantId) -> Result<Vec<ApiKey>, StoreError> {
        let sql = "SELECT * FROM api_keys WHERE tenant_id = $1 ORDER BY id";
        self.all(sqlx::query(sql).bind(tenant_id.to_string()))
            .await?
            .iter()
            .map(rows::api_key)
            .collect()
    }
}

#[async_trait]
impl OperationRepository for Repository {
    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, StoreError> {
        let row = self
            .one(sqlx::query("SELECT * FROM operations WHERE id = $1").bind(id.to_string()))
            .await?;
        row.as_ref().map(rows::operation).transpose()
    }

    async fn exchanges(&self, id: OperationId) -> Result<Vec<Exchange>, StoreError> {
        let sql = "SELECT exchange FROM exchanges WHERE operation_id = $1 ORDER BY position";
        let found = self.all(sqlx::query(sql).bind(id.to_string())).await?;
        found.iter().map(|row| rows::from_json(row, "exchange")).collect()
    }

    async fn abandoned_operations(&self, at: Timestamp, limit: u32) -> Result<Vec<Operation>, StoreError> {
        let sql = "SELECT * FROM operations WHERE status = 'running' AND lease_until < $1
                   ORDER BY lease_until, id LIMIT $2";
        let query = sqlx::query(sql).bind(at.as_millis()).bind(i64::from(limit));
        self.all(query).await?.iter().map(rows::operation).collect()
    }

    async fn idempotency_record(&self, owner: &str, key: &str) -> Result<Option<IdempotencyRecord>, StoreError> {
        let sql = "SELECT * FROM idempotency_keys WHERE owner = $1 AND key = $2";
        let row = self
            .one(sqlx::query(sql).bind(owner.to_owned()).bind(key.to_owned()))
            .await?;
        row.as_ref().map(rows::idempotency_record).transpose()
    }
}

#[async_trait]
impl InboxRepository for Repository {
    async fn inbox_entry(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        let row = self
            .one(sqlx::query("SELECT * FROM inbox WHERE id = $1").bind(id.to_string()))
            .await?;
        row.as_ref().map(rows::inbox_entry).transpose()
    }

    async fn due_inbox_entries(&self, at: Timestamp, limit: u32) -> Result<Vec<InboxEntry>, StoreError> {
        // The order is found by the ids alone, so that no body is sorted.
        let sql = "SELECT inbox.* FROM
                   (SELECT id FROM inbox WHERE status = 'pending' AND next_attempt_at <= $1
                    ORDER BY received_at, id LIMIT $2) AS due
                   JOIN inbox ON inbox.id = due.id ORDER BY inbox.received_at, inbox.id";
        let query = sqlx::query(sql).bind(at.as_millis()).bind(i64::from(limit));
        self.all(query).await?.iter().map(rows::inbox_entry).collect()
    }

    async fn inbox_count(&self, status: InboxStatus) -> Result<u64, StoreError> {
        // Written out, so that the partial indexes serve it.
        let sql = match status {
            InboxStatus::Pending => "SELECT count(*) AS found FROM inbox WHERE status = 'pending'",
            InboxStatus::Dead => "SELECT count(*) AS found FROM inbox WHERE status = 'dead'",
            InboxStatus::Processed => "SELECT count(*) AS found FROM inbox WHERE status = 'processed'",
        };
        match self.one(sqlx::query(sql)).await? {
            Some(row) => rows::unsigned(&row, "found"),
            None => Ok(0),
        }
    }

    async fn known_event_keys(
        &self,
        account_id: ProviderAccountId,
        dedupe_keys: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let mut known = Vec::new();
        for key in dedupe_keys {
            let sql = "SELECT dedupe_key FROM event_keys WHERE account_id = $1 AND dedupe_key = $2";
            if self
                .one(sqlx::query(sql).bind(account_id.to_string()).bind(key.clone()))
                .await?
                .is_some()
            {
                known.push(key.clone());
            }
        }
        Ok(known)
    }

    async fn events(&self, tenant_id: TenantId, request: &PageRequest) -> Result<Page<OutboxEvent>, StoreError> {
        let sql = "SELECT * FROM outbox WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        page(
            self,
            sqlx::query(sql).bind(tenant_id.to_string()),
            request,
            rows::outbox_event,
        )
        .await
    }
}
