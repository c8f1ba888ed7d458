//! The writers: units of work queue up, and each writer commits what it finds as one transaction.

use std::sync::{Mutex, PoisonError};

use sqlx::{Connection as _, Executor as _};
use tillgate_application::ports::{CommitError, StoreError, UnitOfWork};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::super::{Connection, Options};
use super::work;
use super::{plain, unavailable};
use crate::bounds;

type Answer = Result<(), CommitError>;

struct Waiting {
    work: UnitOfWork,
    answer: oneshot::Sender<Answer>,
}

/// The writers of one database.
pub(super) struct Writers {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Writers {
    pub(super) fn start(options: &Options, count: usize, group: usize) -> Self {
        let (sender, receiver) = mpsc::channel(bounds::QUEUE);
        let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(receiver));
        let tasks = (0..count)
            .map(|_| {
                let writer = Writer {
                    options: options.clone(),
                    group,
                    connection: None,
                    queue: std::sync::Arc::clone(&receiver),
                };
                tokio::spawn(writer.run())
            })
            .collect();
        Self {
            queue: Mutex::new(Some(sender)),
            tasks: Mutex::new(tasks),
        }
    }

    /// Waits for the commit of one unit of work. A caller that goes away stops nothing.
    pub(super) async fn commit(&self, work: UnitOfWork) -> Answer {
        if work.is_empty() {
            return Ok(());
        }
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let closed = || StoreError::Unavailable("the database is being closed".to_owned());
        let queue = queue.ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        match queue
            .send_timeout(Waiting { work, answer }, bounds::QUEUE_TIMEOUT)
            .await
        {
            Ok(()) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                return Err(StoreError::Unavailable("too many commits are waiting".to_owned()).into());
            }
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(closed().into()),
        }
        drop(queue);
        answered.await.unwrap_or_else(|_| Err(closed().into()))
    }

    /// Takes no more, and waits until all was committed.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // A writer that panicked has told its callers by dropping their answers.
            let _ended = task.await;
        }
    }
}

struct Writer {
    options: Options,
    group: usize,
    connection: Option<Connection>,
    queue: std::sync::Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting>>>,
}

impl Writer {
    async fn run(mut self) {
        let mut group = Vec::with_capacity(self.group);
        loop {
            // Takes what is there, and waits only for the first: a lone unit of work never waits for company.
            let taken = self.queue.lock().await.recv_many(&mut group, self.group).await;
            if taken == 0 {
                break;
            }
            self.commit(std::mem::take(&mut group)).await;
        }
        if let Some(connection) = self.connection.take() {
            // Everything is committed; a connection that doesn't close well is closed by the server.
            let _closed = connection.close().await;
        }
    }

    async fn commit(&mut self, group: Vec<Waiting>) {
        let (works, answers): (Vec<UnitOfWork>, Vec<oneshot::Sender<Answer>>) =
            group.into_iter().map(|waiting| (waiting.work, waiting.answer)).unzip();
        let results = match self.transact(&works).await {
            Ok(results) => results,
            Err(error) => {
                // The connection's state isn't known any more.
                self.connection = None;
                let error = StoreError::Unavailable(plain(&error));
                works.iter().map(|_| Err(error.clone().into())).collect()
            }
        };
        for (answer, result) in answers.into_iter().zip(results) {
            // The caller may have gone away; its work is done all the same.
            let _gone = answer.send(result);
        }
    }

    /// Commits a group as one transaction. An error means that none of it can be relied on.
    async fn transact(&mut self, works: &[UnitOfWork]) -> Result<Vec<Answer>, sqlx::Error> {
        let connection = self.connected().await?;
        let mut results = Vec::with_capacity(works.len());
        connection.execute("BEGIN").await?;
        if let [alone] = works {
            match work::write_all(connection, alone).await {
                Ok(()) => {
                    connection.execute("COMMIT").await?;
                    results.push(Ok(()));
                }
                Err(error) => {
                    connection.execute("ROLLBACK").await?;
                    results.push(Err(error));
                }
            }
            return Ok(results);
        }
        for unit in works {
            connection.execute("SAVEPOINT unit").await?;
            match work::write_all(connection, unit).await {
                Ok(()) => {
                    connection.execute("RELEASE SAVEPOINT unit").await?;
                    results.push(Ok(()));
                }
                Err(error) => {
                    connection.execute("ROLLBACK TO SAVEPOINT unit").await?;
                    connection.execute("RELEASE SAVEPOINT unit").await?;
                    results.push(Err(error));
                }
            }
        }
        connection.execute("COMMIT").await?;
        Ok(results)
    }

    async fn connected(&mut self) -> Result<&mut Connection, sqlx::Error> {
        if self.connection.is_none() {
            let connected = Connection::connect_with(&self.options).await;
            if connected.is_err() {
                // Callers are answered at once; the next try isn't made in the same instant.
                tokio::time::sleep(bounds::RECONNECT_PAUSE).await;
            }
            self.connection = Some(connected?);
        }
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }
}

/// What a failed statement means for its unit of work.
pub(super) fn statement_failed(error: sqlx::Error, what: &'static str) -> CommitError {
    use tillgate_application::ports::Conflict;
    match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            CommitError::Conflict(Conflict::Version(what))
        }
        sqlx::Error::Database(database) if database.is_foreign_key_violation() => {
            CommitError::Conflict(Conflict::Reference(what))
        }
        // Deadlocks and serialization failures of PostgreSQL: read and decide again.
        sqlx::Error::Database(database)
            if database
                .code()
                .is_some_and(|code| matches!(code.as_ref(), "40P01" | "40001")) =>
        {
            CommitError::Conflict(Conflict::Version(what))
        }
        _ => CommitError::Store(unavailable(error)),
    }
}
