//! Idempotency keys: the same key and request give the same answer, once.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tillgate_domain::{OperationId, TenantId, Timestamp};

use crate::operation::{IdempotencyKey, IdempotencyRecord};
use crate::ports::{CommitError, Conflict, Secret, SecretBinding, UnitOfWork, Write};
use crate::{Application, ApplicationError};

/// Who calls, and with which idempotency key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose keys they are: none for the operator's.
    pub tenant_id: Option<TenantId>,
    /// The key, if one was given.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl Caller {
    /// A tenant, without a key.
    #[must_use]
    pub const fn tenant(tenant_id: TenantId) -> Self {
        Self {
            tenant_id: Some(tenant_id),
            idempotency_key: None,
        }
    }

    /// The operator, without a key.
    #[must_use]
    pub const fn operator() -> Self {
        Self {
            tenant_id: None,
            idempotency_key: None,
        }
    }

    pub(crate) fn owner(&self) -> String {
        self.tenant_id
            .map_or_else(|| "operator".to_owned(), |id| id.to_string())
    }

    pub(crate) fn claim(
        &self,
        operation_id: Option<OperationId>,
        answer: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Option<Write> {
        self.idempotency_key.as_ref().map(|key| {
            Write::IdempotencyKey(IdempotencyRecord {
                owner: self.owner(),
                key: key.clone(),
                operation_id,
                answer,
                created_at: now,
            })
        })
    }
}

impl Application {
    /// What is known of the caller's key, if it has one and used it before.
    pub(crate) async fn idempotency_record(
        &self,
        caller: &Caller,
    ) -> Result<Option<IdempotencyRecord>, ApplicationError> {
        let Some(key) = &caller.idempotency_key else {
            return Ok(None);
        };
        match self.store().idempotency_record(&caller.owner(), &key.key).await? {
            Some(record) if record.key.fingerprint != key.fingerprint => Err(ApplicationError::IdempotencyKeyReused),
            record => Ok(record),
        }
    }

    /// Commits what makes something new and its answer as one, or replays the answer of the first time. The kept answer
    /// is sealed, for it may hold a key that is shown once.
    pub(crate) async fn commit_once<T: Serialize + DeserializeOwned>(
        &self,
        caller: &Caller,
        mut work: UnitOfWork,
        answer: T,
    ) -> Result<T, ApplicationError> {
        if let Some(first) = self.kept_answer(caller).await? {
            return Ok(first);
        }
        if let Some(key) = &caller.idempotency_key {
            let clear = Secret::new(serde_json::to_string(&answer).unwrap_or_default());
            let sealed = self.ports.sealer.seal(answer_binding(caller, &key.key), &clear);
            work.writes_first(caller.claim(None, Some(sealed), self.now()));
        }
        match self.commit(work).await {
            Ok(()) => Ok(answer),
            Err(CommitError::Conflict(Conflict::IdempotencyKey)) => self
                .kept_answer(caller)
                .await?
                .ok_or(ApplicationError::IdempotencyKeyInUse),
            Err(error) => Err(error.into()),
        }
    }

    /// What the first request with the key of the caller was answered, if there was one.
    pub(crate) async fn kept_answer<T: DeserializeOwned>(
        &self,
        caller: &Caller,
    ) -> Result<Option<T>, ApplicationError> {
        let Some(record) = self.idempotency_record(caller).await? else {
            return Ok(None);
        };
        let Some(sealed) = record.answer else {
            return Err(ApplicationError::IdempotencyKeyReused);
        };
        let clear = self
            .ports
            .sealer
            .open(answer_binding(caller, &record.key.key), &sealed)?;
        let answer = serde_json::from_str(clear.expose())
            .map_err(|error| crate::ports::StoreError::Corrupt(format!("a kept answer: {error}")))?;
        Ok(Some(answer))
    }
}

fn answer_binding<'a>(caller: &Caller, key: &'a str) -> SecretBinding<'a> {
    SecretBinding {
        tenant_id: caller.tenant_id.unwrap_or(TenantId::from_bits(0)),
        account_id: None,
        name: key,
    }
}
