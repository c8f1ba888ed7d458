//! Tenants and what is theirs; provider accounts, their secrets, and API keys.

use async_trait::async_trait;
use tillgate_application::account::{ApiKey, ProviderAccount, SealedSecret};
use tillgate_application::ports::{AccountRepository, DirectoryRepository, Page, PageRequest, StoreError};
use tillgate_domain::{Organization, Product, ProviderAccountId, Tenant, TenantId, Timestamp, User};

use super::Repository;
use super::rows_directory::Price;
use super::tables::{select, select_where};

#[async_trait]
impl DirectoryRepository for Repository {
    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.find(select::<Tenant>("WHERE id = $1").bind(id.to_string())).await
    }

    async fn tenants(&self, request: &PageRequest) -> Result<Page<Tenant>, StoreError> {
        self.page(select_where::<Tenant>("TRUE"), request).await
    }

    async fn organization(&self, tenant_id: TenantId, id: &str) -> Result<Option<Organization>, StoreError> {
        self.by_id(tenant_id, id).await
    }

    async fn user(&self, tenant_id: TenantId, id: &str) -> Result<Option<User>, StoreError> {
        self.by_id(tenant_id, id).await
    }

    async fn product(&self, tenant_id: TenantId, id: &str) -> Result<Option<Product>, StoreError> {
        let found = self.by_id(tenant_id, id).await?;
        self.with_prices(found).await
    }

    async fn product_by_price(
        &self,
        account_id: ProviderAccountId,
        price: &str,
    ) -> Result<Option<Product>, StoreError> {
        let sql = "JOIN product_prices ON product_prices.tenant_id = products.tenant_id
                        AND product_prices.product_id = products.id
                   WHERE product_prices.account_id = $1 AND product_prices.price = $2 ORDER BY products.id LIMIT 1";
        let found = self
            .find(select::<Product>(sql).bind(account_id.to_string()).bind(price))
            .await?;
        self.with_prices(found).await
    }
}

impl Repository {
    async fn with_prices(&self, product: Option<Product>) -> Result<Option<Product>, StoreError> {
        let Some(mut product) = product else { return Ok(None) };
        let sql = "WHERE tenant_id = $1 AND product_id = $2";
        let query = select::<Price>(sql)
            .bind(product.tenant_id.to_string())
            .bind(&product.id);
        product.prices = self
            .list(query)
            .await?
            .into_iter()
            .map(|Price(account_id, price)| (account_id, price))
            .collect();
        Ok(Some(product))
    }
}

#[async_trait]
impl AccountRepository for Repository {
    async fn account(&self, id: ProviderAccountId) -> Result<Option<ProviderAccount>, StoreError> {
        self.find(select::<ProviderAccount>("WHERE id = $1").bind(id.to_string()))
            .await
    }

    async fn accounts(&self, tenant_id: TenantId) -> Result<Vec<ProviderAccount>, StoreError> {
        let sql = "WHERE tenant_id = $1 ORDER BY id";
        self.list(select::<ProviderAccount>(sql).bind(tenant_id.to_string()))
            .await
    }

    async fn secrets(&self, id: ProviderAccountId, at: Timestamp) -> Result<Vec<SealedSecret>, StoreError> {
        let sql = "WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > $2)
                   ORDER BY name, CASE WHEN expires_at IS NULL THEN 0 ELSE 1 END, created_at DESC";
        let query = select::<SealedSecret>(sql).bind(id.to_string()).bind(at.as_millis());
        self.list(query).await
    }

    async fn api_key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        self.find(select::<ApiKey>("WHERE hash = $1").bind(hash.as_slice()))
            .await
    }

    async fn api_keys(&self, tenant_id: TenantId) -> Result<Vec<ApiKey>, StoreError> {
        let sql = "WHERE tenant_id = $1 ORDER BY id";
        self.list(select::<ApiKey>(sql).bind(tenant_id.to_string())).await
    }
}
