//! Operations, their journals, and idempotency keys.

use async_trait::async_trait;
use tillgate_application::operation::{IdempotencyRecord, Operation};
use tillgate_application::ports::{Exchange, OperationRepository, StoreError};
use tillgate_domain::{OperationId, Timestamp};

use super::Repository;
use super::tables::select;

#[async_trait]
impl OperationRepository for Repository {
    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, StoreError> {
        self.find(select::<Operation>("WHERE id = $1").bind(id.to_string()))
            .await
    }

    async fn exchanges(&self, id: OperationId) -> Result<Vec<Exchange>, StoreError> {
        let sql = "WHERE operation_id = $1 ORDER BY position";
        self.list(select::<Exchange>(sql).bind(id.to_string())).await
    }

    async fn abandoned_operations(&self, at: Timestamp, limit: u32) -> Result<Vec<Operation>, StoreError> {
        let sql = "WHERE status IN ('running', 'unknown_outcome') AND lease_until < $1
                   ORDER BY lease_until, id LIMIT $2";
        let query = select::<Operation>(sql).bind(at.as_millis()).bind(i64::from(limit));
        self.list(query).await
    }

    async fn idempotency_record(&self, owner: &str, key: &str) -> Result<Option<IdempotencyRecord>, StoreError> {
        let sql = "WHERE owner = $1 AND key = $2";
        self.find(select::<IdempotencyRecord>(sql).bind(owner).bind(key)).await
    }
}
