//! The one thread that writes: it takes everything that is waiting, writes it in one transaction, and answers.
//!
//! What is written is not known here; see the header of `store` for what callers may rely on.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{Notify, oneshot};

use super::failure::{Halt, is_local};
use super::open::Place;
use super::presence::Presence;
use crate::model::store::{StoreError, Synchronous};
use crate::store::Pending;

/// How much may wait to be written, in bytes: some seconds of work for a disk, and nothing a host runs out of memory by.
pub(super) const QUEUE_BYTES: usize = 64 << 20;
/// How much is written in one transaction, in bytes: other processes wait for it.
const GROUP_BYTES: usize = 4 << 20;
/// What an append costs beside its texts, in bytes.
pub(super) const OVERHEAD: usize = 256;

/// Something to be written together with others.
trait Work: Send {
    /// Writes it. May be called again, when the transaction has failed for another reason.
    fn perform(&mut self, tables: &Connection) -> rusqlite::Result<()>;
    /// Whether it has to survive the loss of power, where anything has.
    fn lasts(&self) -> bool;
    /// Answers, with the outcome of the transaction.
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Op<T, F> {
    body: F,
    lasts: bool,
    answer: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, Halt> + Send> Work for Op<T, F> {
    fn perform(&mut self, tables: &Connection) -> rusqlite::Result<()> {
        self.answer = Some(match (self.body)(tables) {
            Ok(value) => Ok(value),
            Err(Halt::Refused(error)) => Err(error),
            Err(Halt::Failed(error)) => return Err(error),
        });
        Ok(())
    }

    fn lasts(&self) -> bool {
        self.lasts
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        // A refusal counts only if what it was based on is true, so the transaction's failure goes first.
        let Self { answer, reply, .. } = *self;
        let answer = outcome.and_then(|()| answer.unwrap_or(Err(StoreError::Closed)));
        // Whoever asked may no longer want to know.
        drop(reply.send(answer));
    }
}

/// Something long that makes its own transactions, one step at a time, so that others come in between.
pub(super) trait Chore: Send {
    /// Whether there is more to do.
    fn step(&mut self, connection: &mut Connection) -> bool;
}

enum Job {
    Grouped { cost: usize, work: Box<dyn Work> },
    Alone(Box<dyn Chore>),
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// What is not yet written, what is being written included.
    bytes: usize,
    closing: bool,
    /// The thread is gone.
    ended: bool,
    /// Who waits for that.
    closed: Vec<oneshot::Sender<Result<(), StoreError>>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to do.
    work: Condvar,
    /// There is room again.
    room: Notify,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that could panic is done under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(place: Place, connection: Connection, presence: Presence) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let end = End(Arc::clone(&shared));
        let body = Body { place, connection: Some(connection), _presence: presence, end };
        let thread = thread::Builder::new().name("store writer".to_owned()).spawn(move || body.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands something over. `cost` counts against what may wait; 0 for what is always taken.
    pub(super) fn write<T, F>(&self, cost: usize, body: F) -> Pending<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Halt> + Send + 'static,
    {
        self.hand_over(cost, body, true)
    }

    /// Hands something over that need not survive the loss of power: written by itself, it does not wait for the disk,
    /// and nobody waits behind it.
    pub(super) fn note<F>(&self, body: F) -> Pending<()>
    where
        F: FnMut(&Connection) -> Result<(), Halt> + Send + 'static,
    {
        self.hand_over(0, body, false)
    }

    fn hand_over<T, F>(&self, cost: usize, body: F, lasts: bool) -> Pending<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Halt> + Send + 'static,
    {
        let (reply, pending) = Pending::new();
        let mut queue = self.shared.queue();
        if queue.closing {
            return Pending::refused(StoreError::Closed);
        }
        if cost > 0 && queue.bytes >= QUEUE_BYTES {
            return Pending::refused(StoreError::Busy { waiting: queue.bytes });
        }
        queue.bytes += cost;
        queue.jobs.push_back(Job::Grouped { cost, work: Box::new(Op { body, lasts, answer: None, reply }) });
        drop(queue);
        self.shared.work.notify_one();
        pending
    }

    /// Hands over something that takes long. It answers by itself, or never if the store is closed first.
    pub(super) fn run(&self, chore: Box<dyn Chore>) {
        let mut queue = self.shared.queue();
        if !queue.closing {
            queue.jobs.push_back(Job::Alone(chore));
        }
        drop(queue);
        self.shared.work.notify_one();
    }

    /// Resolves when at most half of what may wait is waiting.
    pub(super) fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            loop {
                let changed = shared.room.notified();
                tokio::pin!(changed);
                // From here on no notification is missed.
                changed.as_mut().enable();
                {
                    let queue = shared.queue();
                    if queue.closing || queue.bytes <= QUEUE_BYTES / 2 {
                        return;
                    }
                }
                changed.await;
            }
        })
    }

    /// Takes nothing more. What is waiting is still written; then the thread ends.
    pub(super) fn close(&self) -> Pending<()> {
        let (reply, pending) = Pending::new();
        let mut queue = self.shared.queue();
        queue.closing = true;
        if queue.ended {
            drop(reply.send(Ok(())));
        } else {
            queue.closed.push(reply);
        }
        drop(queue);
        self.shared.work.notify_one();
        self.shared.room.notify_waiters();
        pending
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.close());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in there was reported when it happened, and has answered everybody.
            drop(thread.join());
        }
    }
}

/// What the thread has. The fields go in this order: whoever sees that this owner is gone finds everything written, and
/// whoever is told that the store is closed finds it gone.
struct Body {
    place: Place,
    /// `None` after a failure that SQLite could not undo.
    connection: Option<Connection>,
    _presence: Presence,
    end: End,
}

struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        // Also when the thread panics: nobody may wait for one that is gone. Dropping a job tells whoever waits for it.
        let mut queue = self.0.queue();
        (queue.closing, queue.ended, queue.bytes) = (true, true, 0);
        let (jobs, closed) = (std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.closed));
        drop(queue);
        drop(jobs);
        self.0.room.notify_waiters();
        for reply in closed {
            drop(reply.send(Ok(())));
        }
    }
}

impl Body {
    fn run(mut self) {
        let mut chores: VecDeque<Box<dyn Chore>> = VecDeque::new();
        while let Some((group, cost, mut new)) = self.next(chores.is_empty()) {
            chores.append(&mut new);
            if !group.is_empty() {
                self.write(group);
            }
            self.done(cost);
            if let Some(mut chore) = chores.pop_front()
                && let Ok(connection) = self.connection()
                && chore.step(connection)
            {
                chores.push_back(chore);
            }
        }
    }

    /// Waits for something to do, if `idle`, and takes as much of it as is to be written together.
    #[expect(clippy::type_complexity, reason = "taken apart where it is made")]
    fn next(&self, idle: bool) -> Option<(Vec<Box<dyn Work>>, usize, VecDeque<Box<dyn Chore>>)> {
        let mut queue = self.end.0.queue();
        while idle && queue.jobs.is_empty() && !queue.closing {
            queue = self.end.0.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.jobs.is_empty() && queue.closing {
            // What is long is given up.
            return None;
        }
        let (mut group, mut sum, mut chores) = (Vec::new(), 0, VecDeque::new());
        while sum < GROUP_BYTES
            && let Some(job) = queue.jobs.pop_front()
        {
            match job {
                Job::Alone(chore) => chores.push_back(chore),
                Job::Grouped { cost, work } => {
                    sum += cost;
                    group.push(work);
                }
            }
        }
        Some((group, sum, chores))
    }

    fn done(&self, cost: usize) {
        let mut queue = self.end.0.queue();
        queue.bytes = queue.bytes.saturating_sub(cost);
        let room = queue.bytes <= QUEUE_BYTES / 2;
        drop(queue);
        if room && cost > 0 {
            self.end.0.room.notify_waiters();
        }
    }

    /// Writes a group and answers everybody in it.
    fn write(&mut self, mut group: Vec<Box<dyn Work>>) {
        match self.commit(&mut group) {
            Ok(()) => settle(group, &Ok(())),
            // One of them cannot be written. The others can.
            Err(failure) if failure.local && group.len() > 1 => {
                for work in group {
                    self.write(vec![work]);
                }
            }
            Err(failure) => {
                // Before anybody is told: whoever tries again at once is not to be taken for one of those.
                let rest = if failure.local { Vec::new() } else { self.the_rest() };
                let outcome = Err(failure.error);
                settle(group, &outcome);
                settle(rest, &outcome);
            }
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Work>]) -> Result<(), Failure> {
        let site = self.place.site.clone();
        let everywhere = |error: rusqlite::Error| Failure { error: site.error(&error), local: false };
        let syncs = self.place.options.synchronous == Synchronous::Full;
        let passes = syncs && !group.iter().any(|work| work.lasts());
        let connection = self.connection().map_err(|error| Failure { error, local: false })?;
        // What follows and lasts is synced together with it: it is the same log.
        if passes {
            connection.pragma_update(None, "synchronous", "NORMAL").map_err(everywhere)?;
        }
        let attempt = |connection: &mut Connection| {
            let immediate = TransactionBehavior::Immediate;
            let change = connection.transaction_with_behavior(immediate).map_err(everywhere)?;
            for work in group {
                let failed = |error| Failure { error: site.error(&error), local: is_local(&error) };
                work.perform(&change).map_err(failed)?;
            }
            change.commit().map_err(everywhere)
        };
        let outcome = attempt(connection);
        let is_set = !passes || connection.pragma_update(None, "synchronous", "FULL").is_ok();
        if !connection.is_autocommit() || !is_set {
            // The transaction could not be taken back either. A new connection begins with what is in the file.
            self.connection = None;
        }
        outcome
    }

    /// Everything that was handed over before a failure is known fails with it. What is handed over later is tried.
    fn the_rest(&self) -> Vec<Box<dyn Work>> {
        let mut queue = self.end.0.queue();
        let (rest, kept): (VecDeque<_>, VecDeque<_>) =
            queue.jobs.drain(..).partition(|job| matches!(job, Job::Grouped { .. }));
        queue.jobs = kept;
        drop(queue);
        let mut works = Vec::new();
        let mut sum = 0;
        for job in rest {
            if let Job::Grouped { cost, work } = job {
                sum += cost;
                works.push(work);
            }
        }
        self.done(sum);
        works
    }

    /// The connection, opened again if need be.
    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.place.connect()?,
        };
        Ok(self.connection.insert(connection))
    }
}

/// Why a transaction came to nothing.
struct Failure {
    error: StoreError,
    /// Whether it lies in one piece of the group.
    local: bool,
}

fn settle(group: Vec<Box<dyn Work>>, outcome: &Result<(), StoreError>) {
    for work in group {
        work.settle(outcome.clone());
    }
}
