//! Durable runs: how one begins, is taken up again, and is kept by its process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::clock;
use super::control::RunControl;
use super::fork::{self, Point};
use super::host::RunEnd;
use super::inspect;
use super::journal::read::{self, Says};
use super::journal::{self, Journal};
use super::processes;
use super::scripts::ScriptSource;
use super::snapshot::{self, Children, Kept};
use crate::model::budget::BudgetState;
use crate::model::error::{CancelReason, WorkflowError};
use crate::model::event::Event;
use crate::model::ids::{CallId, RunId};
use crate::model::journal::{
    Batch, Claimed, Created, Entry, Lease, NewRun, RunPatch, RunRecord, RunStatus, UsageTotals,
};
use crate::model::json::JsonText;
use crate::model::options::RunOptions;
use crate::model::recording::{Drift, Recording};
use crate::model::script::Script;
use crate::model::store::{StoreError, StoreOptions};
pub use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// How long a process may be silent before others take its runs. It is heard of a few times in that time.
const LEASE_MS: u64 = 30_000;
/// How often a process looks whether somebody wants one of its runs cancelled, and says that it is alive.
const TICK: Duration = Duration::from_millis(500);
const TICKS_PER_RENEWAL: u32 = 10;

/// Opens the store in a file.
///
/// # Errors
/// Of the file, see [`SqliteStore::open`].
pub fn open_store(path: &Path, options: StoreOptions) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Arc::new(SqliteStore::open(path, options)?))
}

/// How a run is made durable.
#[derive(Clone)]
pub struct Durable {
    pub store: Arc<dyn Store>,
    pub id: RunId,
    pub how: How,
    /// Whether what agents print is kept beside the journal.
    pub keep_output: bool,
    /// What the host wants to find beside the run when it takes it up again.
    pub host_options: JsonText,
}

/// Whether a run is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Create it; or go on with it, if it is there with the same source and arguments.
    Start,
    /// Go on with it.
    Resume(Again),
    /// Create it as a copy of another run. `new_args`: with the arguments that the options name, not those of the other.
    Fork { of: RunId, again: Again, new_args: bool },
}

/// How what a journal tells of is taken over. As JSON: `{ drift?, newSource?, retryFailed?, from? }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Again {
    /// `None`: what fits the rest.
    pub drift: Option<Drift>,
    /// By the source that the options name, not by the run's own.
    pub new_source: bool,
    pub retry_failed: bool,
    /// Where it is to be done again from.
    pub from: Option<Point>,
}

impl Again {
    /// What becomes of calls that differ.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION`: there is nothing that could be held against the journal from some point on.
    fn drift(&self) -> Result<Drift, WorkflowError> {
        let fitting = match self {
            Self { from: Some(_), .. } => Drift::Prefix,
            Self { new_source: true, .. } | Self { retry_failed: true, .. } => Drift::Match,
            _ => Drift::Fail,
        };
        match self.drift {
            Some(Drift::Fail) if self.from.is_some() => Err(WorkflowError::Option {
                option: "drift".to_owned(),
                message: "must be \"prefix\" or \"match\" together with `from`".to_owned(),
            }),
            drift => Ok(drift.unwrap_or(fitting)),
        }
    }

    /// Which call is the first that is done again.
    ///
    /// # Errors
    /// `ERR_UNKNOWN_POINT`: the run has not come there.
    fn point(&self, run: &RunId, entries: &[Entry]) -> Result<Option<CallId>, WorkflowError> {
        self.from.as_ref().map(|point| fork::locate(run, entries, point)).transpose()
    }

    /// What a journal tells of, as far as it is to be taken over, and the children of the run as they were. With a
    /// changed script, they are read again.
    fn taken(
        &self,
        entries: &[Entry],
        says: Vec<Says>,
        drift: Drift,
        from: Option<CallId>,
    ) -> Result<(Recording, Children), StoreError> {
        let recording = read::recording(says, drift);
        let recording = match from {
            Some(from) => recording.until(from),
            None => recording,
        };
        let children = if self.new_source { Children::default() } else { snapshot::children(entries)? };
        Ok((recording, children))
    }
}

/// What a run begins with.
pub(super) struct Begun {
    pub(super) script: Script,
    pub(super) args: Option<JsonText>,
    pub(super) journal: Journal,
    pub(super) recording: Option<Recording>,
    /// The children as they were read before.
    pub(super) children: Children,
    /// Ends with the run.
    pub(super) keeper: AbortOnDropHandle<()>,
    /// The processes that an earlier owner has left behind, and that were ended.
    pub(super) left: Vec<u32>,
}

impl Begun {
    /// Of a run of which nothing is known yet.
    fn anew(script: Script, args: Option<JsonText>, journal: Journal, keeper: AbortOnDropHandle<()>) -> Self {
        let (recording, children, left) = (None, Children::default(), Vec::new());
        Self { script, args, journal, recording, children, keeper, left }
    }
}

impl From<Begun> for Beginning {
    fn from(begun: Begun) -> Self {
        Self::Run(Box::new(begun))
    }
}

/// A run is there, or what came of it earlier.
pub(super) enum Beginning {
    Run(Box<Begun>),
    Over(RunEnd),
}

/// The options of a run in its store.
#[derive(Serialize, Deserialize)]
struct StoredOptions {
    script: Kept,
    host: Value,
}

impl Durable {
    /// Creates the run or takes it up.
    ///
    /// # Errors
    /// Of the source or the store; `ERR_RUN_CONFLICT`, `ERR_RUN_FINISHED`, `ERR_RUN_OWNED`.
    pub(super) async fn begin(
        self,
        options: &RunOptions,
        control: &RunControl,
        runtime: &Handle,
    ) -> Result<Beginning, WorkflowError> {
        match self.how {
            How::Start => self.start(options, control, runtime).await,
            How::Resume(ref again) => {
                let again = again.clone();
                let source =
                    again.new_source.then(|| ScriptSource::new(options).root(&options.source)).transpose()?;
                let may_be_over = again.retry_failed || again.new_source || again.from.is_some();
                let claimed = self.claim(may_be_over).await?;
                self.take_up(claimed, source, &again, control, runtime).await
            }
            How::Fork { ref of, ref again, new_args } => {
                let (of, again) = (of.clone(), again.clone());
                self.fork(&of, &again, new_args, options, control, runtime).await
            }
        }
    }

    async fn start(
        self,
        options: &RunOptions,
        control: &RunControl,
        runtime: &Handle,
    ) -> Result<Beginning, WorkflowError> {
        let script = ScriptSource::new(options).root(&options.source)?;
        let new = NewRun {
            id: self.id.clone(),
            name: script.metadata.name.clone(),
            source: snapshot::source(&script),
            args: options.args.clone(),
            options: self.stored_options(&script),
            fork_of: None,
            entries: Vec::new(),
            outputs: Vec::new(),
        };
        match self.store.create(new, LEASE_MS, clock::now_ms()).await? {
            Created::New(lease) => {
                let keeper = self.running(&lease, control, runtime).await?;
                let (journal, args) = (self.journal(lease, 0), options.args.clone());
                Ok(Begun::anew(script, args, journal, keeper).into())
            }
            Created::Existing { same_source, same_args, .. } if !same_source || !same_args => {
                Err(self.conflict(if same_source { "with other arguments" } else { "with another source" }))
            }
            Created::Existing { record, .. } if record.summary.status.is_final() => {
                Ok(Beginning::Over(ended(*record)))
            }
            Created::Existing { .. } => {
                let claimed = self.claim(false).await?;
                self.take_up(claimed, None, &Again::default(), control, runtime).await
            }
        }
    }

    async fn claim(&self, may_be_over: bool) -> Result<Claimed, WorkflowError> {
        let claimed = self.store.claim(&self.id, LEASE_MS, clock::now_ms()).await?;
        let status = claimed.record.summary.status;
        if status.is_final() && !may_be_over {
            self.store.release(&claimed.lease, clock::now_ms()).await?;
            return Err(WorkflowError::RunState {
                code: "ERR_RUN_FINISHED",
                message: format!("run {} is over: it is {status}", self.id),
                hint: "to do again what has failed, resume it with retryFailed (--retry-failed); to go on with a changed script, with source (--source)",
            });
        }
        Ok(claimed)
    }

    /// Goes on with a run. One that cannot be gone on with is given back.
    async fn take_up(
        self,
        claimed: Claimed,
        new_source: Option<Script>,
        again: &Again,
        control: &RunControl,
        runtime: &Handle,
    ) -> Result<Beginning, WorkflowError> {
        let (store, lease) = (self.store.clone(), claimed.lease.clone());
        let taken_up = self.taken_up(claimed, new_source, again, control, runtime).await;
        if taken_up.is_err() {
            // Whoever wants it next need not wait for that.
            drop(store.release(&lease, clock::now_ms()).await);
        }
        taken_up
    }

    async fn taken_up(
        self,
        claimed: Claimed,
        new_source: Option<Script>,
        again: &Again,
        control: &RunControl,
        runtime: &Handle,
    ) -> Result<Beginning, WorkflowError> {
        let Claimed { lease, record } = claimed;
        let keeper = keep(self.store.clone(), lease.clone(), control.clone(), runtime);
        // Somebody wanted it cancelled while nobody was at work on it. A run that was over is taken up on purpose.
        let over = record.summary.status.is_final();
        if record.summary.cancel.is_some() && !over {
            control.cancel(runtime);
        }
        let left = processes::end_left(&*self.store, &lease).await?;
        // Most are not looked at again.
        let wanted = |entry: &Entry| again.from.is_some() || entry.kind == snapshot::KIND;
        let (entries, says) = read::load(&*self.store, &self.id, record.summary.last_seq, wanted)?;
        let from = again.point(&self.id, &entries)?;
        let (recording, children) = again.taken(&entries, says, again.drift()?, from)?;
        let mut patch = RunPatch {
            status: Some(RunStatus::Running),
            blocked_on: Some(None),
            wake_at: Some(None),
            result: Some(None),
            error: Some(None),
            forget_cancel: over,
            // A part that begins anew may tell of less.
            usage: Some(UsageTotals { spent: recording.spent, report: None }),
            ..RunPatch::default()
        };
        let script = match new_source {
            Some(script) => {
                patch.source = Some(snapshot::source(&script));
                patch.options = Some(self.stored_options(&script));
                script
            }
            None => restored(&record)?,
        };
        let journal = self.journal(lease, record.summary.last_seq).taking_up(patch);
        let begun = Begun::anew(script, record.args, journal, keeper);
        Ok(Begun { recording: Some(recording), children, left, ..begun }.into())
    }

    /// Creates the run as a copy of another one, whoever is at work on that.
    async fn fork(
        self,
        of: &RunId,
        again: &Again,
        new_args: bool,
        options: &RunOptions,
        control: &RunControl,
        runtime: &Handle,
    ) -> Result<Beginning, WorkflowError> {
        let record = self.store.run(of)?;
        let entries = self.store.entries(of, 1, u32::MAX)?;
        let from = again.point(of, &entries)?;
        // A copy is there to be different.
        let drift = Again { retry_failed: true, ..again.clone() }.drift()?;
        let script = match again.new_source {
            true => ScriptSource::new(options).root(&options.source)?,
            false => restored(&record)?,
        };
        let args = if new_args { options.args.clone() } else { record.args };
        let started = Event::RunStarted { workflow: script.metadata.name.clone(), form: script.form };
        let copied = fork::copied(journal::entry_of(&started), &entries, from);
        let kept = if self.keep_output { self.store.output_seqs(of)? } else { Vec::new() };
        let outputs =
            if kept.is_empty() { Vec::new() } else { inspect::copied_outputs(&entries, &copied, &kept) };
        let copied: Vec<Entry> = copied.into_iter().map(|(_, entry)| entry).collect();
        let (recording, children) = again.taken(&copied, read::says(&copied)?, drift, from)?;
        let last_seq = copied.len() as u64;
        let new = NewRun {
            id: self.id.clone(),
            name: script.metadata.name.clone(),
            source: snapshot::source(&script),
            args: args.clone(),
            options: self.stored_options(&script),
            fork_of: Some(of.clone()),
            entries: copied,
            outputs,
        };
        match self.store.create(new, LEASE_MS, clock::now_ms()).await? {
            Created::New(lease) => {
                let keeper = self.running(&lease, control, runtime).await?;
                let journal = self.journal(lease, last_seq);
                let recording = Some(recording);
                Ok(Begun { recording, children, ..Begun::anew(script, args, journal, keeper) }.into())
            }
            Created::Existing { .. } => Err(self.conflict("which is not this copy")),
        }
    }

    /// Says that a run that was just created is under way, and keeps it.
    async fn running(
        &self,
        lease: &Lease,
        control: &RunControl,
        runtime: &Handle,
    ) -> Result<AbortOnDropHandle<()>, StoreError> {
        let keeper = keep(self.store.clone(), lease.clone(), control.clone(), runtime);
        let status = RunPatch { status: Some(RunStatus::Running), ..RunPatch::default() };
        let batch = Batch { patch: Some(status), at: clock::now_ms(), ..Batch::default() };
        match self.store.append(lease, batch).await {
            Ok(()) => Ok(keeper),
            Err(error) => {
                // Whoever tries again need not wait for that.
                drop(self.store.release(lease, clock::now_ms()).await);
                Err(error)
            }
        }
    }

    fn journal(self, lease: Lease, last_seq: u64) -> Journal {
        Journal::new(self.store, lease, last_seq).keeping_output(self.keep_output)
    }

    fn conflict(&self, how: &str) -> WorkflowError {
        WorkflowError::RunState {
            code: "ERR_RUN_CONFLICT",
            message: format!("there is a run {} already, {how}", self.id),
            hint: "give the run an id of its own, or none; smol-wf history shows what there is",
        }
    }

    fn stored_options(&self, script: &Script) -> JsonText {
        let host = self.host_options.parse().unwrap_or_default();
        let stored = serde_json::to_string(&StoredOptions { script: Kept::of(script), host });
        // Plain data: there is nothing in it that JSON could not hold.
        JsonText::new(stored.unwrap_or_else(|_| "{}".to_owned()))
    }
}

/// The script of a run as it was when the run began.
fn restored(record: &RunRecord) -> Result<Script, WorkflowError> {
    let stored: StoredOptions = serde_json::from_str(record.options.as_str()).map_err(|error| {
        let message = format!("the options of run {} cannot be read: {error}", record.summary.id);
        StoreError::Corrupt { path: PathBuf::new(), message }
    })?;
    Ok(stored.script.with(record.source.clone()))
}

/// What the host has put beside a run.
pub fn host_options(record: &RunRecord) -> Option<Value> {
    serde_json::from_str::<StoredOptions>(record.options.as_str()).ok().map(|stored| stored.host)
}

/// What came of a run that is over.
fn ended(record: RunRecord) -> RunEnd {
    let budget = BudgetState { total: None, spent: record.summary.spent };
    let result = match record.summary.status {
        RunStatus::Completed => Ok(record.result),
        RunStatus::Cancelled => Err(WorkflowError::Cancelled { reason: CancelReason::User }),
        _ => Err(WorkflowError::Recorded { error: record.error.unwrap_or_else(|| JsonText::new("{}")) }),
    };
    RunEnd { result, budget }
}

/// Keeps the lease of a run, and hears of the wish to cancel it from elsewhere.
fn keep(store: Arc<dyn Store>, lease: Lease, control: RunControl, runtime: &Handle) -> AbortOnDropHandle<()> {
    let handle = runtime.clone();
    AbortOnDropHandle::new(runtime.spawn(async move {
        let mut ticks = 0;
        loop {
            clock::sleep(TICK).await;
            ticks += 1;
            let lost = if ticks % TICKS_PER_RENEWAL == 0 {
                store.renew(vec![lease.clone()], LEASE_MS, clock::now_ms()).await.unwrap_or_default()
            } else {
                Vec::new()
            };
            if !lost.is_empty() {
                // Whoever has it now goes on with it. What is written here is refused anyway.
                control.force();
                return;
            }
            let asked = {
                let store = store.clone();
                handle.spawn_blocking(move || store.cancel_requests()).await
            };
            if let Ok(Ok(requests)) = asked
                && requests.iter().any(|(run, _)| *run == lease.run)
            {
                control.cancel(&handle);
                return;
            }
        }
    }))
}
