//! Imports, in memory.

use async_trait::async_trait;
use tillgate_application::import::{Import, ImportStatus};
use tillgate_application::ports::{ImportRepository, StoreError};
use tillgate_domain::{ImportId, ProviderAccountId};

use crate::MemoryStore;

#[async_trait]
impl ImportRepository for MemoryStore {
    async fn import(&self, id: ImportId) -> Result<Option<Import>, StoreError> {
        self.ask(|rows| rows.imports.get(&id).cloned()).await
    }

    async fn running_import(&self, account_id: ProviderAccountId) -> Result<Option<Import>, StoreError> {
        let running = |import: &&Import| import.account_id == account_id && import.status == ImportStatus::Running;
        self.ask(|rows| rows.imports.values().find(running).cloned()).await
    }
}
