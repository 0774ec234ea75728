//! Durable runs: how one begins, is taken up again, and is kept by its process.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::clock;
use super::control::RunControl;
use super::host::RunEnd;
use super::journal::{self, Journal};
use super::scripts::ScriptSource;
use crate::model::budget::BudgetState;
use crate::model::error::{CancelReason, WorkflowError};
use crate::model::ids::RunId;
use crate::model::journal::{
    Batch, Claimed, Created, Lease, NewRun, RunPatch, RunRecord, RunStatus, SourceSnapshot,
};
use crate::model::json::JsonText;
use crate::model::metadata::WorkflowMetadata;
use crate::model::options::RunOptions;
use crate::model::recording::{Drift, Recording};
use crate::model::script::{Helpers, Script, ScriptForm};
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
    /// What the host wants to find beside the run when it takes it up again.
    pub host_options: JsonText,
}

/// Whether a run is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Create it; or go on with it, if it is there with the same source and arguments.
    Start,
    /// Go on with it. `new_source`: by the source that the options name, not by its own.
    Resume { drift: Option<Drift>, new_source: bool, retry_failed: bool },
}

/// What a run begins with.
pub(super) struct Begun {
    pub(super) script: Script,
    pub(super) args: Option<JsonText>,
    pub(super) journal: Journal,
    pub(super) recording: Option<Recording>,
    /// Ends with the run.
    pub(super) keeper: AbortOnDropHandle<()>,
}

/// A run is there, or what came of it earlier.
pub(super) enum Beginning {
    Run(Box<Begun>),
    Over(RunEnd),
}

/// What of a script is kept beside its text.
#[derive(Serialize, Deserialize)]
struct Kept {
    path: Option<PathBuf>,
    form: ScriptForm,
    metadata: WorkflowMetadata,
    imports: Vec<(String, String, String)>,
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
            How::Resume { drift, new_source, retry_failed } => {
                let source =
                    new_source.then(|| ScriptSource::new(options).root(&options.source)).transpose()?;
                let claimed = self.claim(retry_failed || new_source).await?;
                self.take_up(claimed, source, drift, retry_failed, control, runtime).await
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
            source: snapshot(&script),
            args: options.args.clone(),
            options: self.stored_options(&script),
            fork_of: None,
            entries: Vec::new(),
        };
        match self.store.create(new, LEASE_MS, clock::now_ms()).await? {
            Created::New(lease) => {
                let keeper = keep(self.store.clone(), lease.clone(), control.clone(), runtime);
                let status = RunPatch { status: Some(RunStatus::Running), ..RunPatch::default() };
                let batch = Batch { patch: Some(status), at: clock::now_ms(), ..Batch::default() };
                self.store.append(&lease, batch).await?;
                let journal = Journal::new(self.store, lease, 0);
                let args = options.args.clone();
                Ok(Beginning::Run(Box::new(Begun { script, args, journal, recording: None, keeper })))
            }
            Created::Existing { same_source, same_args, .. } if !same_source || !same_args => {
                let what = if same_source { "other arguments" } else { "another source" };
                Err(WorkflowError::RunState {
                    code: "ERR_RUN_CONFLICT",
                    message: format!("there is a run {} already, with {what}", self.id),
                    hint: "give the run an id of its own, or none; smol-wf history shows what there is",
                })
            }
            Created::Existing { record, .. } if record.summary.status.is_final() => {
                Ok(Beginning::Over(ended(*record)))
            }
            Created::Existing { .. } => {
                let claimed = self.claim(false).await?;
                self.take_up(claimed, None, None, false, control, runtime).await
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

    async fn take_up(
        self,
        claimed: Claimed,
        new_source: Option<Script>,
        drift: Option<Drift>,
        retry_failed: bool,
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
        let fitting = if new_source.is_some() || retry_failed { Drift::Match } else { Drift::Fail };
        let drift = drift.unwrap_or(fitting);
        let entries = self.store.entries(&self.id, 1, u32::MAX)?;
        let recording = journal::recording(&entries, drift)?;
        let mut patch = RunPatch {
            status: Some(RunStatus::Running),
            blocked_on: Some(None),
            wake_at: Some(None),
            result: Some(None),
            error: Some(None),
            forget_cancel: over,
            ..RunPatch::default()
        };
        let script = match new_source {
            Some(script) => {
                patch.source = Some(snapshot(&script));
                patch.options = Some(self.stored_options(&script));
                script
            }
            None => restored(&record)?,
        };
        let journal = Journal::new(self.store, lease, record.summary.last_seq).taking_up(patch);
        let args = record.args;
        Ok(Beginning::Run(Box::new(Begun { script, args, journal, recording: Some(recording), keeper })))
    }

    fn stored_options(&self, script: &Script) -> JsonText {
        let imports = script.helpers.imports.iter();
        let mut imports: Vec<_> = imports
            .map(|((module, specifier), helper)| {
                (module.to_string(), specifier.to_string(), helper.to_string())
            })
            .collect();
        imports.sort();
        let kept =
            Kept { path: script.path.clone(), form: script.form, metadata: script.metadata.clone(), imports };
        let host = self.host_options.parse().unwrap_or_default();
        let stored = serde_json::to_string(&StoredOptions { script: kept, host });
        // Plain data: there is nothing in it that JSON could not hold.
        JsonText::new(stored.unwrap_or_else(|_| "{}".to_owned()))
    }
}

/// The script with its helpers, as it was read.
fn snapshot(script: &Script) -> SourceSnapshot {
    let files: BTreeMap<_, _> =
        script.helpers.code.iter().map(|(name, code)| (name.clone(), code.clone())).collect();
    SourceSnapshot { name: script.display_name.clone(), text: script.code.clone(), files }
}

/// The script of a run as it was when the run began.
fn restored(record: &RunRecord) -> Result<Script, WorkflowError> {
    let stored: StoredOptions = serde_json::from_str(record.options.as_str()).map_err(|error| {
        let message = format!("the options of run {} cannot be read: {error}", record.summary.id);
        StoreError::Corrupt { path: PathBuf::new(), message }
    })?;
    let Kept { path, form, metadata, imports } = stored.script;
    let code: HashMap<_, _> =
        record.source.files.iter().map(|(name, code)| (name.clone(), code.clone())).collect();
    let imports = imports
        .into_iter()
        .map(|(module, specifier, helper)| ((module.into(), specifier.into()), helper.into()))
        .collect();
    Ok(Script {
        path,
        display_name: record.source.name.clone(),
        code: record.source.text.clone(),
        form,
        helpers: Arc::new(Helpers { code, imports }),
        metadata,
    })
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
