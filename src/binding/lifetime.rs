//! What happens when Node.js goes away: the runs of an environment (the main thread's, or a worker's) end with it, and
//! with the last environment every process that an agent has left.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use napi::Env;
use napi::bindgen_prelude::Result;
use tokio_util::sync::CancellationToken;

use crate::engine::RunControl;
use crate::providers::process;

/// Environments that have used the engine.
static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);

/// What belongs to one environment.
#[derive(Default)]
struct Here {
    runs: Vec<RunControl>,
    /// Cancelled at its end.
    end: CancellationToken,
}

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// Sees to it that the end of this environment is noticed.
pub(super) fn watch(env: &Env) -> Result<()> {
    if HERE.with_borrow(Option::is_some) {
        return Ok(());
    }
    env.add_env_cleanup_hook((), |()| leave())?;
    ENVIRONMENTS.fetch_add(1, Ordering::Relaxed);
    HERE.set(Some(Here::default()));
    Ok(())
}

/// Adds a run that is to end with this environment.
pub(super) fn add(run: RunControl) {
    HERE.with_borrow_mut(|here| {
        if let Some(here) = here {
            // Looking at all of them each time would cost more than it saves.
            if here.runs.len() == here.runs.capacity() {
                here.runs.retain(|run| !run.has_ended());
            }
            here.runs.push(run);
        }
    });
}

/// Cancelled when this environment ends.
pub(super) fn end() -> CancellationToken {
    HERE.with_borrow(|here| here.as_ref().map(|here| here.end.child_token())).unwrap_or_default()
}

fn leave() {
    if let Some(here) = HERE.take() {
        here.end.cancel();
        here.runs.iter().for_each(RunControl::force);
    }
    if ENVIRONMENTS.fetch_sub(1, Ordering::Relaxed) == 1 {
        // There is no time for graces: the process may be gone in a moment.
        process::kill_all();
    }
}
