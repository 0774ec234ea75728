//! The store: where the journals of durable runs are kept, and who may write to them.
//!
//! The boundary is [`Store`], and [`tasks::TaskStore`] for queues of tasks; `sqlite/` is the one implementation. What the entries mean is not known here, nor what a
//! run does. No clock is looked at: times come in with the calls, in milliseconds since 1970.

mod pending;
pub mod sqlite;
pub mod tasks;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use pending::Pending;

use crate::model::ids::RunId;
use crate::model::journal::{
    Batch, CancelRequest, Claimed, Created, Deleted, Entry, Filter, Lease, NewRun, ProcessNote, RawOutput,
    RunRecord, RunSummary, Selection,
};
use crate::model::store::StoreError;

/// The journals of many runs, shared with other processes.
///
/// An open store is one owner of runs. It stops being alive when it is dropped or when its process ends, however that
/// ends, and others may then take over its runs at once.
///
/// **Writing never blocks.** The calls that return a [`Pending`] hand their work to the store's own thread and may be
/// made from any thread. What one thread hands over is written in that order. A `Pending` that resolves to `Ok` is
/// written, as durably as the store was asked to be; dropping it takes nothing back. After an error nothing was
/// acknowledged, and the same write may be tried again: entries that are there already are accepted when they are the
/// same.
///
/// **Reading blocks** for as long as the disk takes, and does not wait for writers.
pub trait Store: Send + Sync + fmt::Debug {
    /// Creates a run and owns it; or says what there is under its id.
    fn create(&self, run: NewRun, ttl_ms: u64, now: u64) -> Pending<Created>;

    /// Takes a run that nobody owns, whose owner is dead, or whose lease has run out.
    ///
    /// # Errors
    /// `ERR_RUN_OWNED`, which names the owner; `ERR_UNKNOWN_RUN`.
    fn claim(&self, run: &RunId, ttl_ms: u64, now: u64) -> Pending<Claimed>;

    /// Keeps leases from running out. Gives those that are lost. A renewal that fails for another reason loses nothing:
    /// until somebody takes the run, its lease holds even after its time.
    fn renew(&self, leases: Vec<Lease>, ttl_ms: u64, now: u64) -> Pending<Vec<Lease>>;

    /// Gives a lease back, and nothing else. See also [`Batch::release`].
    fn release(&self, lease: &Lease, now: u64) -> Pending<()>;

    /// Writes entries and changes of the run in one piece.
    ///
    /// The store takes at most a fixed amount that is not yet written. Beyond it, the append is refused with
    /// `ERR_STORE_BUSY`, as it might be by a full disk, and like there the caller keeps its batch and appends it again,
    /// in order. [`Store::room`] says when. Nobody ever waits inside `append`, so that no caller can block what the
    /// store would need to go on.
    fn append(&self, lease: &Lease, batch: Batch) -> Pending<()>;

    /// Resolves as soon as there is room for more. A run that waits for it before it *starts* something new is never
    /// refused what has ended meanwhile.
    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Notes a process that works for the run. A note survives the end of this process, and need not survive the loss of
    /// power, which no process does.
    fn note_process(&self, lease: &Lease, process: ProcessNote) -> Pending<()>;

    /// Forgets a process that is gone. Also after the run was given back, as long as nobody else has taken it: the last
    /// processes may go later than the run.
    fn forget_process(&self, lease: &Lease, process: ProcessNote) -> Pending<()>;

    /// Asks the owner of a run, whoever it is, to cancel it. The first request stays; a run that is over ignores it.
    /// Gives what is known of the run: if nobody owns it, whoever asked may claim it and end it.
    fn request_cancel(&self, run: &RunId, request: CancelRequest) -> Pending<RunSummary>;

    /// Deletes runs and gives their space back; or says what that would be.
    fn delete(&self, what: Selection, dry_run: bool, now: u64) -> Pending<Deleted>;

    /// Writes what is waiting and closes the store. What is handed over later is refused.
    fn close(&self) -> Pending<()>;

    /// Everything about a run except its journal.
    ///
    /// # Errors
    /// `ERR_UNKNOWN_RUN`, and what may befall a file.
    fn run(&self, run: &RunId) -> Result<RunRecord, StoreError>;

    /// The entries of a run from `from_seq` on, at most `limit`.
    ///
    /// # Errors
    /// As [`Store::run`].
    fn entries(&self, run: &RunId, from_seq: u64, limit: u32) -> Result<Vec<Entry>, StoreError>;

    /// The entries of a run that something belongs to which an agent has printed.
    ///
    /// # Errors
    /// As [`Store::run`].
    fn output_seqs(&self, run: &RunId) -> Result<Vec<u64>, StoreError>;

    /// What agents have printed in the attempts that belong to those entries, in the order of entries and attempts.
    ///
    /// # Errors
    /// As [`Store::run`].
    fn outputs(&self, run: &RunId, seqs: &[u64]) -> Result<Vec<RawOutput>, StoreError>;

    /// The runs that fit, the newest first.
    ///
    /// # Errors
    /// What may befall a file.
    fn list(&self, filter: &Filter) -> Result<Vec<RunSummary>, StoreError>;

    /// The suspended runs that have something to do, and nobody who is at it: their time has come, or somebody wants
    /// them cancelled.
    ///
    /// # Errors
    /// What may befall a file.
    fn due(&self, now: u64) -> Result<Vec<RunSummary>, StoreError>;

    /// When the next suspended run will be due by time, of those that are not due before or at `after`.
    ///
    /// # Errors
    /// What may befall a file.
    fn next_wake(&self, after: u64) -> Result<Option<u64>, StoreError>;

    /// The ids of all suspended runs, which may be many.
    ///
    /// # Errors
    /// What may befall a file.
    fn suspended(&self) -> Result<Vec<RunId>, StoreError>;

    /// The runs that somebody should take up again: those of owners that are dead or whose lease has run out, and those
    /// that were given back while they ran. Queued runs that were given back wait for a worker and are not among them.
    ///
    /// # Errors
    /// What may befall a file.
    fn orphans(&self, now: u64) -> Result<Vec<RunSummary>, StoreError>;

    /// The runs of this owner that somebody wants cancelled. Costs microseconds: to be asked a few times a second while
    /// runs are under way.
    ///
    /// # Errors
    /// What may befall a file.
    fn cancel_requests(&self) -> Result<Vec<(RunId, CancelRequest)>, StoreError>;

    /// The processes that were noted for a run and not forgotten.
    ///
    /// # Errors
    /// As [`Store::run`].
    fn processes(&self, run: &RunId) -> Result<Vec<ProcessNote>, StoreError>;

    /// Reads all of the store and says what is wrong with it, in the words of whoever keeps it; nothing, if it is sound.
    ///
    /// # Errors
    /// What may befall a file.
    fn verify(&self) -> Result<Vec<String>, StoreError>;
}
