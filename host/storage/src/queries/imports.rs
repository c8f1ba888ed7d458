//! Imports.

use async_trait::async_trait;
use tillgate_application::import::{Import, ImportStatus};
use tillgate_application::ports::{CommitError, ImportRepository, StoreError};
use tillgate_domain::{ImportId, ProviderAccountId, Timestamp};

use super::super::{Connection, Row};
use super::columns::{Stored, Unreadable, from_json, get, json, parsed, time, time_optional, unsigned, word};
use super::tables::{self, Table, select};
use super::{Query, Repository};

const STATUSES: [(&str, ImportStatus); 3] = [
    (ImportStatus::Running.as_str(), ImportStatus::Running),
    (ImportStatus::Finished.as_str(), ImportStatus::Finished),
    (ImportStatus::Abandoned.as_str(), ImportStatus::Abandoned),
];

impl Stored for Import {
    fn table() -> &'static Table {
        &tables::IMPORTS
    }

    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Import {
            id: parsed(row, "id")?,
            tenant_id: parsed(row, "tenant_id")?,
            account_id: parsed(row, "account_id")?,
            announce: get(row, "announce")?,
            status: word(row, "status", &STATUSES)?,
            cursor: get(row, "cursor")?,
            progress: from_json(row, "progress")?,
            started_at: time(row, "started_at")?,
            updated_at: time(row, "updated_at")?,
            ended_at: time_optional(row, "ended_at")?,
            version: unsigned(row, "version")?,
        })
    }
}

pub(super) async fn save(connection: &mut Connection, import: &Import) -> Result<(), CommitError> {
    let bind = |query: Query<'static>| {
        query
            .bind(import.id.to_string())
            .bind(import.tenant_id.to_string())
            .bind(import.account_id.to_string())
            .bind(import.announce)
            .bind(import.status.as_str())
            .bind(&import.cursor)
            .bind(json(&import.progress))
            .bind(import.started_at.as_millis())
            .bind(import.updated_at.as_millis())
            .bind(import.ended_at.map(Timestamp::as_millis))
    };
    tables::IMPORTS.save(connection, import.version, bind).await
}

#[async_trait]
impl ImportRepository for Repository {
    async fn import(&self, id: ImportId) -> Result<Option<Import>, StoreError> {
        self.find(select::<Import>("WHERE id = $1").bind(id.to_string())).await
    }

    async fn running_import(&self, account_id: ProviderAccountId) -> Result<Option<Import>, StoreError> {
        let sql = "WHERE account_id = $1 AND status = 'running'";
        self.find(select::<Import>(sql).bind(account_id.to_string())).await
    }
}
