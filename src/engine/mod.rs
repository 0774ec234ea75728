//! The engine: decides what happens next, and makes it happen.
//!
//! `core` decides, `coordinator` carries out. This file starts runs and holds what they share: the tokio runtime
//! that drives timers and providers, the threads, the watchdog.

mod attempts;
pub mod check;
mod clock;
mod control;
mod coordinator;
pub mod core;
pub mod durable;
mod fingerprint;
pub mod fork;
mod host;
pub mod inspect;
pub mod journal;
pub mod processes;
mod scripts;
mod snapshot;
pub mod tasks;
mod watchdog;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};

pub use control::{OnEnd, RunControl};
pub use host::{Envelope, Host, Observer, ProviderLookup, RunEnd, unknown_provider};

use crate::model::error::WorkflowError;
use crate::model::ids::RunId;
use crate::model::listing::Library;
use crate::model::options::RunOptions;
use crate::runtime::VmFactory;
use crate::runtime::quickjs::QuickJs;
use coordinator::Coordinator;
use durable::{Beginning, Begun, Durable};
use scripts::ScriptSource;
use watchdog::Watchdog;

/// What a run's thread needs beside the script's own stack: QuickJS checks its limit only at calls, and the
/// coordinator and the conversions run on the same stack.
const STACK_MARGIN: usize = 2 << 20;

/// Stack of the threads that are kept for further runs; enough for the default of `limits.stackBytes`.
const CACHED_STACK: usize = (1 << 20) + STACK_MARGIN;

/// Runs that may have a thread at once. Not a limit that anybody should meet: a run that waits for a thread waits
/// until another one ends, which may depend on it.
const MAX_THREADS: usize = 1 << 20;

/// Threads that drive timers and the input and output of providers. Scripts run on threads of their own.
const WORKERS: usize = 2;

/// Starts runs. One per process.
pub struct Engine {
    runtime: Runtime,
    watchdog: Watchdog,
    next_run: AtomicU64,
}

impl Engine {
    /// The engine of this process, made when it is first needed.
    ///
    /// # Errors
    /// The operating system gives no threads or no event queue.
    pub fn shared() -> Result<&'static Engine, WorkflowError> {
        static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
        ENGINE
            .get_or_init(|| Engine::new().map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|error| WorkflowError::Internal { message: format!("cannot start: {error}") })
    }

    fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(MAX_THREADS)
            .thread_stack_size(CACHED_STACK)
            .thread_name("workflow")
            .enable_all()
            .build()?;
        Ok(Self { runtime, watchdog: Watchdog::default(), next_run: AtomicU64::new(1) })
    }

    /// The runtime that drives timers and providers.
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Starts a run on a thread and returns at once. `on_end` is called exactly once, there.
    ///
    /// # Errors
    /// [`WorkflowError::Option`] for options that cannot be, [`WorkflowError::Internal`] if there is no thread to
    /// be had; `on_end` is not called then. Everything else ends the run.
    pub fn start(
        &'static self,
        options: RunOptions,
        host: Host,
        durable: Option<Durable>,
        on_end: OnEnd,
    ) -> Result<RunControl, WorkflowError> {
        options.validate()?;
        let control = RunControl::new(options.cancel_grace, on_end);
        let id = match &durable {
            Some(durable) => durable.id.clone(),
            None => RunId(format!("run-{}", self.next_run.fetch_add(1, Ordering::Relaxed)).into()),
        };
        let run_control = control.clone();
        let handle = self.handle().clone();
        let stack = options.limits.stack_bytes + STACK_MARGIN;
        let (script_name, budget) = (source_name(&options), options.budget);
        let body = move || {
            let budget = options.budget;
            let control = run_control.clone();
            let given = Given { id, options, host, durable };
            let run = || handle.block_on(run(given, run_control, Arc::new(QuickJs), &handle));
            // A panic is a defect of the engine, and no reason to leave the caller without an answer.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                let result = Err(WorkflowError::Internal { message: panic_message(&*panic) });
                control.end(RunEnd { result, budget });
            }
        };
        self.watchdog.watch(self.handle(), control.clone(), script_name, budget);
        if let Err(error) = self.run_on_thread(stack, body) {
            // Nobody is told by `end`: the caller learns it from here.
            drop(control.take_end());
            let message = format!("cannot start a thread for the run: {error}");
            return Err(WorkflowError::Internal { message });
        }
        Ok(control)
    }

    /// Looks for the workflows that can be run by name in a project, on a thread of its own. `done` is called exactly
    /// once, there.
    pub fn list_workflows(
        &self,
        project: PathBuf,
        done: impl FnOnce(Result<Library, WorkflowError>) + Send + 'static,
    ) {
        self.runtime.spawn_blocking(move || {
            let library = catch_unwind(|| scripts::library(&project));
            done(library.map_err(|panic| WorkflowError::Internal { message: panic_message(&*panic) }));
        });
    }

    /// Gives a run its thread: one that an earlier run has left, if it fits (see `docs/design/vm-threads.md`).
    fn run_on_thread(&self, stack: usize, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        if stack <= CACHED_STACK {
            self.runtime.spawn_blocking(body);
            return Ok(());
        }
        thread::Builder::new().name("workflow".to_owned()).stack_size(stack).spawn(body).map(drop)
    }
}

/// What a run is given.
struct Given {
    id: RunId,
    options: RunOptions,
    host: Host,
    durable: Option<Durable>,
}

/// One run from its source to its end, on the calling thread.
async fn run(given: Given, control: RunControl, factory: Arc<dyn VmFactory>, runtime: &Handle) {
    let Given { id, mut options, host, durable } = given;
    let budget = options.budget;
    let begun = match durable {
        Some(durable) => durable.begin(&options, &control, runtime).await,
        None => {
            let script = ScriptSource::new(&options).root(&options.source);
            let end = match script {
                Ok(script) => {
                    let mut coordinator =
                        Coordinator::new(id, script, options, host, control.clone(), factory);
                    coordinator.run().await
                }
                Err(error) => RunEnd { result: Err(error), budget },
            };
            return control.end(end);
        }
    };
    match begun {
        Ok(Beginning::Run(begun)) => {
            let Begun { script, args, journal, recording, children, keeper, left } = *begun;
            options.args = args;
            let mut coordinator = Coordinator::new(id, script, options, host, control.clone(), factory)
                .journaled(journal, recording, children)
                .after(left);
            let end = coordinator.run().await;
            drop(keeper);
            control.end(end);
        }
        Ok(Beginning::Over(end)) => control.end(end),
        Err(error) => control.end(RunEnd { result: Err(error), budget }),
    }
}

fn source_name(options: &RunOptions) -> String {
    match &options.source {
        crate::model::options::SourceRef::Path(path) => path.display().to_string(),
        crate::model::options::SourceRef::Text { name, .. } => name.clone(),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests;
