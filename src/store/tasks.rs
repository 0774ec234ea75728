//! Queues of tasks: what somebody has to do, who does it now, and what has come of it.
//!
//! The boundary is [`TaskStore`]. What a task does is not known here. No clock is looked at: times come in with the
//! calls, in milliseconds since 1970.

use std::fmt;

use super::Pending;
use crate::model::store::StoreError;
use crate::model::tasks::{
    Awaited, Claim, ClaimedTask, Claiming, EventFilter, Look, LostClaim, Spawn, Spawned, TaskEvent,
    TaskRecord,
};

/// Queues that are shared with other processes.
///
/// A task is tried several times. Whoever claims it gets one attempt of it for a while, and may write to it until the
/// attempt is over, the task is cancelled, or somebody else claims it because this one was silent for too long or its
/// process has ended. Every write says which claim it belongs to, and one that no longer holds writes nothing.
///
/// As with [`super::Store`], writing never blocks and reading does.
pub trait TaskStore: Send + Sync + fmt::Debug {
    /// Makes a queue, if it is not there.
    fn create_queue(&self, queue: &str, now: u64) -> Pending<()>;

    /// Deletes a queue with everything in it, if it is there.
    fn drop_queue(&self, queue: &str) -> Pending<()>;

    /// The names of all queues, by the alphabet.
    ///
    /// # Errors
    /// What may befall a file.
    fn queues(&self) -> Result<Vec<String>, StoreError>;

    /// Queues a task; or gives the one that has the same idempotency key, whatever it is to do.
    fn spawn(&self, spawn: Spawn, now: u64) -> Pending<Spawned>;

    /// Takes the tasks that have been available for the longest time. Before that, tasks that take too long are
    /// cancelled, and attempts whose workers are lost have failed.
    fn claim_tasks(&self, claiming: Claiming, now: u64) -> Pending<Vec<ClaimedTask>>;

    /// What [`TaskStore::claim_tasks`] does before it claims.
    fn sweep(&self, queue: &str, now: u64) -> Pending<()>;

    /// What is to be done in a queue, and which of these claims no longer hold. Cheap, and changes nothing: to be asked
    /// a few times a second.
    ///
    /// # Errors
    /// What may befall a file.
    fn look(&self, queue: &str, claims: &[Claim], now: u64) -> Result<Look, StoreError>;

    /// Makes claims last. Gives those that no longer hold.
    fn extend(&self, claims: Vec<Claim>, timeout_ms: u64, now: u64) -> Pending<Vec<LostClaim>>;

    /// Gives a task back until a time; the attempt goes on then.
    fn schedule(&self, claim: Claim, wake_at: u64, now: u64) -> Pending<()>;

    /// The task is done.
    fn complete(&self, claim: Claim, result: String, now: u64) -> Pending<()>;

    /// The attempt has failed. There is another one if there may be.
    fn fail(&self, claim: Claim, reason: String, now: u64) -> Pending<()>;

    /// Nobody is to work at the task any more. What is over stays as it is.
    fn cancel(&self, queue: &str, task: &str, now: u64) -> Pending<()>;

    /// Keeps the outcome of a step, and makes the claim last.
    fn set_checkpoint(
        &self,
        claim: Claim,
        name: String,
        state: String,
        timeout_ms: u64,
        now: u64,
    ) -> Pending<()>;

    /// The outcome of a step of a task.
    ///
    /// # Errors
    /// What may befall a file.
    fn checkpoint(&self, task: &str, name: &str) -> Result<Option<String>, StoreError>;

    /// The outcomes of all steps of a task, by name.
    ///
    /// # Errors
    /// What may befall a file.
    fn checkpoints(&self, task: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// The latest event of that name becomes the outcome of the step. Without one the task sleeps until there is one,
    /// or until the timeout has passed.
    fn await_event(
        &self,
        claim: Claim,
        step: String,
        event: String,
        timeout_ms: Option<u64>,
        now: u64,
    ) -> Pending<Awaited>;

    /// Tells something in a queue, and wakes whoever waits for it. A task tells it under its claim.
    fn emit(&self, queue: &str, event: String, payload: String, from: Option<Claim>, now: u64)
    -> Pending<()>;

    /// What was told, the oldest first.
    ///
    /// # Errors
    /// What may befall a file.
    fn events(&self, filter: &EventFilter) -> Result<Vec<TaskEvent>, StoreError>;

    /// What is known of a task; `None` if it is not in that queue.
    ///
    /// # Errors
    /// What may befall a file.
    fn task(&self, queue: &str, task: &str) -> Result<Option<TaskRecord>, StoreError>;

    /// Writes what is waiting and closes the store. Tasks that are claimed through it may be taken by others at once.
    fn close_tasks(&self) -> Pending<()>;
}
