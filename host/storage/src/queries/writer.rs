//! The writers: units of work queue up, and each writer commits what it finds as one transaction.

use std::sync::{Mutex, PoisonError};

use sqlx::{Connection as _, Executor as _};
use tillgate_application::ports::{CommitError, Conflict, StoreError, UnitOfWork};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::super::{BEGIN, Connection, Options};
use super::{plain, unavailable};
use super::{text, work};
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
        if work.writes().iter().any(text::has_nul) {
            // PostgreSQL can't store it, so that neither does.
            return Err(CommitError::Conflict(Conflict::Reference("text with a NUL character")));
        }
        self.submit(work).await
    }

    /// Commits nothing, which a read-only database refuses.
    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        match self.submit(UnitOfWork::new()).await {
            Err(CommitError::Store(error)) => Err(error),
            Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
        }
    }

    async fn submit(&self, work: UnitOfWork) -> Answer {
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
        let transaction = tokio::time::timeout(bounds::TRANSACTION_TIMEOUT, self.transact(&works)).await;
        let results = match transaction.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))) {
            Ok(results) => results,
            Err(error) => {
                // The connection's state isn't known any more.
                self.connection = None;
                tracing::warn!(error = plain(&error), units = works.len(), "a transaction failed");
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
        let connection = self.begun().await?;
        let mut results = Vec::with_capacity(works.len());
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

    /// A connection with an open transaction. One that broke while it was idle is replaced, once.
    async fn begun(&mut self) -> Result<&mut Connection, sqlx::Error> {
        if let Some(connection) = self.connection.as_mut() {
            match connection.execute(BEGIN).await {
                Ok(_) => return self.connected().await,
                Err(error) if is_refusal(&error) => return Err(error),
                Err(_) => self.connection = None,
            }
        }
        let connection = self.connected().await?;
        connection.execute(BEGIN).await?;
        Ok(connection)
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
    match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() && names_account(database.as_ref()) => {
            CommitError::Conflict(Conflict::Reference("provider account with this name"))
        }
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

/// Whether it is an account's name that is taken: PostgreSQL names the constraint, SQLite the columns.
fn names_account(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.constraint() == Some("provider_accounts_name") || error.message().contains("provider_accounts.name")
}

/// Whether the database answered and said no, such as where another process has the file: asking again at once only
/// waits once more. PostgreSQL's class 57 says that the server ended the connection.
fn is_refusal(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if !error.code().is_some_and(|code| code.starts_with("57P")))
}
