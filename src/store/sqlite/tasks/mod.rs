//! Queues of tasks in the SQLite store: what goes to the writer and what is read.
//!
//! What becomes of a task is decided in the files beside this one, inside the writer's transaction: a function there
//! refuses before it has written anything.

mod claim;
mod end;
mod events;
mod ids;
mod rows;
mod spawn;
mod steps;

use super::append::check_size;
use super::presence;
use super::writer::OVERHEAD;
use super::{SqliteStore, Writing};
use crate::model::store::StoreError;
use crate::model::tasks::{
    Awaited, Claim, ClaimedTask, Claiming, EventFilter, Look, LostClaim, Spawn, Spawned, TaskEvent,
    TaskRecord,
};
use crate::store::tasks::TaskStore;
use crate::store::{Pending, Store as _};

impl SqliteStore {
    fn check_text(&self, what: impl FnOnce() -> String, text: &str) -> Result<(), StoreError> {
        check_size(what, text.len(), "limits.entryBytes", self.limits().entry)
    }

    /// Oneself, for whom nothing else is asked of: 0 is nobody.
    fn own_number(&self) -> i64 {
        self.writing.as_ref().map_or(0, |Writing { me, .. }| me.number)
    }
}

impl TaskStore for SqliteStore {
    fn create_queue(&self, queue: &str, now: u64) -> Pending<()> {
        let queue = queue.to_owned();
        self.write(0, move |tables, _| spawn::create_queue(tables, &queue, now))
    }

    fn drop_queue(&self, queue: &str) -> Pending<()> {
        let queue = queue.to_owned();
        self.write(0, move |tables, _| spawn::drop_queue(tables, &queue))
    }

    fn queues(&self) -> Result<Vec<String>, StoreError> {
        self.readers.read(rows::queues)
    }

    fn spawn(&self, spawn: Spawn, now: u64) -> Pending<Spawned> {
        let size = spawn.params.len() + spawn.headers.as_ref().map_or(0, String::len);
        let what = || format!("the params of the task {}", spawn.name);
        if let Err(error) = check_size(what, size, "limits.argsBytes", self.limits().args) {
            return Pending::refused(error);
        }
        self.write(size + OVERHEAD, move |tables, _| spawn::spawn(tables, &spawn, now))
    }

    fn claim_tasks(&self, claiming: Claiming, now: u64) -> Pending<Vec<ClaimedTask>> {
        self.write(0, move |tables, me| {
            claim::sweep(tables, me, &claiming.queue, now)?;
            claim::claim(tables, me, &claiming, now)
        })
    }

    fn sweep(&self, queue: &str, now: u64) -> Pending<()> {
        let queue = queue.to_owned();
        self.write(0, move |tables, me| claim::sweep(tables, me, &queue, now))
    }

    fn look(&self, queue: &str, claims: &[Claim], now: u64) -> Result<Look, StoreError> {
        let folder = presence::folder(self.path());
        let me = self.own_number();
        self.readers.read(|tables| claim::look(tables, me, &folder, queue, claims, now))
    }

    fn extend(&self, claims: Vec<Claim>, timeout_ms: u64, now: u64) -> Pending<Vec<LostClaim>> {
        self.write(0, move |tables, _| claim::extend(tables, &claims, now.saturating_add(timeout_ms)))
    }

    fn schedule(&self, claim: Claim, wake_at: u64, now: u64) -> Pending<()> {
        self.write(0, move |tables, _| end::schedule(tables, &claim, wake_at, now))
    }

    fn complete(&self, claim: Claim, result: String, now: u64) -> Pending<()> {
        let what = || format!("the result of the attempt {}", claim.run);
        if let Err(error) = check_size(what, result.len(), "limits.resultBytes", self.limits().result) {
            return Pending::refused(error);
        }
        self.write(0, move |tables, _| end::complete(tables, &claim, &result, now))
    }

    fn fail(&self, claim: Claim, reason: String, now: u64) -> Pending<()> {
        self.write(0, move |tables, _| end::fail(tables, &claim, &reason, now))
    }

    fn cancel(&self, queue: &str, task: &str, now: u64) -> Pending<()> {
        let (queue, task) = (queue.to_owned(), task.to_owned());
        self.write(0, move |tables, _| end::cancel(tables, &queue, &task, now))
    }

    fn set_checkpoint(
        &self,
        claim: Claim,
        name: String,
        state: String,
        timeout_ms: u64,
        now: u64,
    ) -> Pending<()> {
        if let Err(error) = self.check_text(|| format!("the outcome of the step {name}"), &state) {
            return Pending::refused(error);
        }
        self.write(state.len() + OVERHEAD, move |tables, _| {
            steps::set(tables, &claim, &name, &state, now.saturating_add(timeout_ms), now)
        })
    }

    fn checkpoint(&self, task: &str, name: &str) -> Result<Option<String>, StoreError> {
        self.readers.read(|tables| steps::get(tables, task, name))
    }

    fn checkpoints(&self, task: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.readers.read(|tables| steps::all(tables, task))
    }

    fn await_event(
        &self,
        claim: Claim,
        step: String,
        event: String,
        timeout_ms: Option<u64>,
        now: u64,
    ) -> Pending<Awaited> {
        let until = timeout_ms.map(|timeout| now.saturating_add(timeout));
        self.write(0, move |tables, _| events::wait(tables, &claim, &step, &event, until, now))
    }

    fn emit(
        &self,
        queue: &str,
        event: String,
        payload: String,
        from: Option<Claim>,
        now: u64,
    ) -> Pending<()> {
        if let Err(error) = self.check_text(|| format!("the payload of the event {event}"), &payload) {
            return Pending::refused(error);
        }
        let queue = queue.to_owned();
        self.write(payload.len() + OVERHEAD, move |tables, _| {
            events::emit(tables, &queue, &event, &payload, from.as_ref(), now)
        })
    }

    fn events(&self, filter: &EventFilter) -> Result<Vec<TaskEvent>, StoreError> {
        self.readers.read(|tables| events::list(tables, filter))
    }

    fn task(&self, queue: &str, task: &str) -> Result<Option<TaskRecord>, StoreError> {
        self.readers.read(|tables| rows::task(tables, queue, task))
    }

    fn close_tasks(&self) -> Pending<()> {
        self.close()
    }
}
