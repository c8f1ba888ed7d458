//! The writers: units of work queue up, and each writer commits what it finds as one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{Connection as _, Executor as _};
use tillgate_application::ports::{Change, CommitError, StoreError, UnitOfWork};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::super::{ANNOUNCE, BEGIN, CHANGED_BY_OTHERS, Connection, Options, SESSION};
use super::work;
use crate::announcements::Announcements;
use crate::bounds;
use crate::failures::{is_refusal, plain, statement_failed};

/// How many rows a unit of work removed that were to be removed by their age.
type Answer = Result<u64, CommitError>;

/// What is committed as one.
struct Unit {
    work: UnitOfWork,
    /// What others are told of it in the same transaction.
    announce: Vec<Change>,
}

struct Waiting {
    unit: Unit,
    answer: oneshot::Sender<Answer>,
}

/// The writers of one database.
pub(super) struct Writers {
    queue: Mutex<Option<mpsc::Sender<Waiting>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Writers {
    pub(super) fn start(options: &Options, announcements: &Arc<Announcements>, count: usize, group: usize) -> Self {
        let (sender, receiver) = mpsc::channel(bounds::QUEUE);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        let tasks = (0..count)
            .map(|_| {
                let writer = Writer {
                    options: options.clone(),
                    announcements: Arc::clone(announcements),
                    group,
                    connection: None,
                    data_version: None,
                    queue: Arc::clone(&receiver),
                };
                tokio::spawn(writer.run())
            })
            .collect();
        Self {
            queue: Mutex::new(Some(sender)),
            tasks: Mutex::new(tasks),
        }
    }

    /// Waits for the commit of one unit of work, of which others are told in the same transaction. A caller that goes away
    /// stops nothing.
    pub(super) async fn commit(&self, work: UnitOfWork, announce: Vec<Change>) -> Answer {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let closed = || StoreError::Unavailable("the database is being closed".to_owned());
        let queue = queue.ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        match queue
            .send_timeout(
                Waiting {
                    unit: Unit { work, announce },
                    answer,
                },
                bounds::QUEUE_TIMEOUT,
            )
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

    /// How many units of work wait.
    pub(super) fn waiting(&self) -> usize {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue
            .as_ref()
            .map_or(0, |queue| queue.max_capacity() - queue.capacity())
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
    announcements: Arc<Announcements>,
    group: usize,
    /// None before the first transaction, and after one that failed as a whole.
    connection: Option<Connection>,
    /// Changes with others' commits; none where the connection is another one than when it was looked at.
    data_version: Option<i64>,
    queue: Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting>>>,
}

impl Writer {
    async fn run(mut self) {
        let mut group = Vec::with_capacity(self.group);
        let mut look = interval(bounds::LOOK_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let taken = tokio::select! {
                // Takes what is there, and waits only for the first: a lone unit of work never waits for company.
                taken = async { self.queue.lock().await.recv_many(&mut group, self.group).await } => taken,
                _ = look.tick(), if CHANGED_BY_OTHERS.is_some() => {
                    self.look_for_others().await;
                    continue;
                }
            };
            if taken == 0 {
                break;
            }
            self.commit(std::mem::take(&mut group)).await;
            if self.connection.is_none() {
                // Its callers have been answered; a database that is down isn't hammered for the next ones.
                tokio::time::sleep(bounds::RECONNECT_PAUSE).await;
            }
        }
        if let Some(connection) = self.connection.take() {
            // Everything is committed; a connection that doesn't close well is closed by the server.
            let _closed = connection.close().await;
        }
    }

    /// Says so, where another process has changed the file since this was last asked.
    async fn look_for_others(&mut self) {
        let Some(sql) = CHANGED_BY_OTHERS.filter(|_| self.announcements.is_followed()) else {
            return;
        };
        let looking = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => {
                    self.data_version = None;
                    connect(&self.options).await.ok()?
                }
            };
            let version: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.ok()?;
            self.connection = Some(connection);
            Some(version)
        };
        let found = tokio::time::timeout(bounds::QUERY_TIMEOUT, looking)
            .await
            .ok()
            .flatten();
        if found.is_none() || found != self.data_version {
            self.announcements.others_committed();
        }
        self.data_version = found;
    }

    async fn commit(&mut self, group: Vec<Waiting>) {
        let (works, answers): (Vec<Unit>, Vec<oneshot::Sender<Answer>>) =
            group.into_iter().map(|waiting| (waiting.unit, waiting.answer)).unzip();
        let results = match self.transact(&works).await {
            Ok(results) => results,
            Err(error) => {
                tracing::warn!(error, units = works.len(), "a transaction failed");
                works
                    .iter()
                    .map(|_| Err(StoreError::Unavailable(error.clone()).into()))
                    .collect()
            }
        };
        for (answer, result) in answers.into_iter().zip(results) {
            // The caller may have gone away; its work is done all the same.
            let _gone = answer.send(result);
        }
    }

    /// Commits a group as one transaction. An error means that none of it can be relied on, and that the connection is
    /// given up: what state it is in isn't known.
    async fn transact(&mut self, works: &[Unit]) -> Result<Vec<Answer>, String> {
        let transaction = async {
            let mut connection = self.begun().await?;
            let results = transaction(&mut connection, works)
                .await
                .map_err(|error| plain(&error))?;
            Ok::<_, String>((connection, results))
        };
        let (connection, results) = tokio::time::timeout(bounds::TRANSACTION_TIMEOUT, transaction)
            .await
            .map_err(|_| "the database did not answer in time; whether it committed is unknown".to_owned())??;
        self.connection = Some(connection);
        Ok(results)
    }

    /// A connection with an open transaction. One that broke while it was idle is replaced, once.
    async fn begun(&mut self) -> Result<Connection, String> {
        if let Some(mut connection) = self.connection.take() {
            match connection.execute(BEGIN).await {
                Ok(_) => return Ok(connection),
                Err(error) if is_refusal(&error) => {
                    self.connection = Some(connection);
                    return Err(plain(&error));
                }
                Err(_) => {}
            }
        }
        self.data_version = None;
        let mut connection = connect(&self.options).await?;
        connection.execute(BEGIN).await.map_err(|error| plain(&error))?;
        Ok(connection)
    }
}

async fn connect(options: &Options) -> Result<Connection, String> {
    let connecting = async {
        let mut connection = Connection::connect_with(options).await?;
        connection.execute(SESSION).await?;
        Ok(connection)
    };
    tokio::time::timeout(bounds::ACQUIRE_TIMEOUT, connecting)
        .await
        .map_err(|_| "the database can't be reached in time".to_owned())?
        .map_err(|error: sqlx::Error| plain(&error))
}

/// Writes the works into the transaction that is open, and commits it.
async fn transaction(connection: &mut Connection, works: &[Unit]) -> Result<Vec<Answer>, sqlx::Error> {
    if let [alone] = works {
        let result = write(connection, alone).await;
        connection
            .execute(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })
            .await?;
        return Ok(vec![result]);
    }
    let mut results = Vec::with_capacity(works.len());
    for unit in works {
        connection.execute("SAVEPOINT unit").await?;
        let result = write(connection, unit).await;
        if result.is_err() {
            connection.execute("ROLLBACK TO SAVEPOINT unit").await?;
        }
        connection.execute("RELEASE SAVEPOINT unit").await?;
        results.push(result);
    }
    connection.execute("COMMIT").await?;
    Ok(results)
}

/// Writes one unit, and tells of it once the transaction is committed. Answers how many rows it removed by their age.
async fn write(connection: &mut Connection, unit: &Unit) -> Answer {
    let removed = work::write_all(connection, &unit.work).await?;
    let Some(sql) = ANNOUNCE else { return Ok(removed) };
    for change in &unit.announce {
        let told = sqlx::query(sql).bind(change.to_string()).execute(&mut *connection);
        told.await.map_err(|error| statement_failed(&error, "change"))?;
    }
    Ok(removed)
}
