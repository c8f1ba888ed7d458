//! The journal of an operation: in memory, and in the store as far as it has to be.

use std::sync::Arc;

use async_trait::async_trait;
use tillgate_domain::OperationId;

use crate::ports::{
    CommitError, Effect, Exchange, ExchangeOutcome, ExchangeRequest, Journal, Store, StoreError, UnitOfWork, Write,
};
use crate::retry::Repeatable;

/// The journal of an operation that changes something.
///
/// A request that changes something is stored before it leaves, with all that came before it. What came back is stored
/// at once where sending the request again would do it twice; otherwise with the operation's end: after a crash the same
/// request under the same idempotency key brings the same answer.
pub(crate) struct OperationJournal {
    store: Arc<dyn Store>,
    operation_id: OperationId,
    exchanges: Vec<Exchange>,
    stored: usize,
}

impl OperationJournal {
    pub(crate) fn new(store: Arc<dyn Store>, operation_id: OperationId, exchanges: Vec<Exchange>) -> Self {
        let stored = exchanges.len();
        Self {
            store,
            operation_id,
            exchanges,
            stored,
        }
    }

    /// What isn't stored yet.
    pub(crate) fn unstored(&self) -> impl Iterator<Item = Write> + '_ {
        let operation_id = self.operation_id;
        self.exchanges
            .iter()
            .enumerate()
            .skip(self.stored)
            .map(move |(index, exchange)| Write::Exchange {
                operation_id,
                index: u32::try_from(index).unwrap_or(u32::MAX),
                exchange: exchange.clone(),
            })
    }

    /// Whether anything was asked of the provider that may have changed something.
    pub(crate) fn may_have_changed_something(&self) -> bool {
        self.exchanges.iter().any(|exchange| {
            exchange.request.effect != Effect::Read
                && !matches!(
                    exchange.outcome,
                    Some(ExchangeOutcome::Failed {
                        reached: crate::ports::Reached::NotSent,
                        ..
                    })
                )
        })
    }

    async fn store_all(&mut self) -> Result<(), StoreError> {
        let mut work = UnitOfWork::new();
        for write in self.unstored() {
            work.push(write);
        }
        if work.is_empty() {
            return Ok(());
        }
        match self.store.as_ref().commit(work).await {
            Ok(()) => {
                self.stored = self.exchanges.len();
                Ok(())
            }
            Err(CommitError::Store(error)) => Err(error),
            Err(CommitError::Conflict(conflict)) => Err(StoreError::Corrupt(format!("journal: {conflict:?}"))),
        }
    }
}

impl Repeatable for OperationJournal {
    /// What is stored of it is replaced when the request is recorded again, before it is sent again.
    fn forget_last(&mut self) {
        self.exchanges.pop();
        self.stored = self.stored.min(self.exchanges.len());
    }
}

#[async_trait]
impl Journal for OperationJournal {
    fn recorded(&self) -> &[Exchange] {
        &self.exchanges
    }

    async fn sending(&mut self, request: &ExchangeRequest) -> Result<(), StoreError> {
        self.exchanges.push(Exchange {
            request: request.clone(),
            outcome: None,
        });
        if request.effect == Effect::Read {
            Ok(())
        } else {
            self.store_all().await
        }
    }

    async fn received(&mut self, outcome: ExchangeOutcome) -> Result<(), StoreError> {
        let Some(last) = self.exchanges.last_mut() else {
            return Ok(());
        };
        last.outcome = Some(outcome);
        let sent_twice_is_done_twice = last.request.effect == Effect::Write;
        // The row that was stored without its outcome has to be stored again.
        self.stored = self.stored.min(self.exchanges.len() - 1);
        if sent_twice_is_done_twice {
            self.store_all().await
        } else {
            Ok(())
        }
    }
}

/// The journal of a question: it changes nothing, so nothing of it is stored.
#[derive(Default)]
pub(crate) struct MemoryJournal {
    exchanges: Vec<Exchange>,
}

impl MemoryJournal {
    /// What was asked, and what came back.
    pub(crate) fn into_exchanges(self) -> Vec<Exchange> {
        self.exchanges
    }
}

impl Repeatable for MemoryJournal {
    fn forget_last(&mut self) {
        self.exchanges.pop();
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn recorded(&self) -> &[Exchange] {
        &self.exchanges
    }

    async fn sending(&mut self, request: &ExchangeRequest) -> Result<(), StoreError> {
        self.exchanges.push(Exchange {
            request: request.clone(),
            outcome: None,
        });
        Ok(())
    }

    async fn received(&mut self, outcome: ExchangeOutcome) -> Result<(), StoreError> {
        if let Some(last) = self.exchanges.last_mut() {
            last.outcome = Some(outcome);
        }
        Ok(())
    }
}
