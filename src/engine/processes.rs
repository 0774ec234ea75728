//! The processes that work for durable runs: noted in the store while they are there, so that whoever takes a run up
//! after its owner was killed can end what that one has left behind.
//!
//! Nothing waits for a note. One that cannot be written is tried again for as long as its process is there. How
//! processes are known again and ended is not known here.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::clock;
use crate::model::event::Event;
use crate::model::ids::RunId;
use crate::model::journal::{CancelRequest, Lease, ProcessNote, RunSummary};
use crate::model::store::StoreError;
use crate::providers::process::{Notebook, end_left_behind};
use crate::store::{Pending, Store};

/// How long a run may be claimed to end what was left behind for it: longer than that takes.
const LEASE_MS: u64 = 60_000;
/// Between two attempts to write a note.
const AGAIN: Duration = Duration::from_secs(1);
/// So many processes are named in a warning.
const SHOWN: usize = 20;

/// Notes the processes of a run in its store, under its lease. To be made on the runtime that writes are awaited on.
pub(super) fn notebook(store: &Arc<dyn Store>, lease: &Lease) -> Notebook {
    let (store, lease, runtime) = (Arc::downgrade(store), lease.clone(), Handle::current());
    Notebook(Arc::new(move |process| {
        let (gone, is_gone) = oneshot::channel();
        runtime.spawn(follow(store.clone(), lease.clone(), process, is_gone));
        Box::new(move || {
            // Nobody listens if the note could not be written.
            let _is_heard = gone.send(()).is_ok();
        })
    }))
}

/// Notes one process, and forgets it when it is gone; if nobody says that it is gone, it stays noted.
async fn follow(
    store: Weak<dyn Store>,
    lease: Lease,
    process: ProcessNote,
    mut is_gone: oneshot::Receiver<()>,
) {
    let note = |store: &dyn Store| store.note_process(&lease, process.clone());
    loop {
        match write(&store, note).await {
            Ok(()) => break,
            Err(error) if !error.may_pass() => return,
            Err(_) => tokio::select! {
                // Nothing is written, and there is nothing to write.
                _ = &mut is_gone => return,
                () = clock::sleep(AGAIN) => {}
            },
        }
    }
    if is_gone.await.is_ok() {
        // A note of what is gone does no harm: whoever finds it looks first.
        drop(write(&store, |store| store.forget_process(&lease, process.clone())).await);
    }
}

/// The store is not held while the process works: it is closed when its last user goes.
fn write(store: &Weak<dyn Store>, write: impl FnOnce(&dyn Store) -> Pending<()>) -> Pending<()> {
    match store.upgrade() {
        Some(store) => write(&*store),
        None => Pending::refused(StoreError::Closed),
    }
}

/// Ends what earlier owners of a run have left behind, and gives the numbers of the processes that were there.
///
/// # Errors
/// What may befall a file; somebody else owns the run.
pub(super) async fn end_left(store: &dyn Store, lease: &Lease) -> Result<Vec<u32>, StoreError> {
    let noted = store.processes(&lease.run)?;
    if noted.is_empty() {
        return Ok(Vec::new());
    }
    let ended = end_left_behind(noted.clone()).await;
    for process in noted {
        store.forget_process(lease, process).await?;
    }
    Ok(ended)
}

/// What to say of processes that were ended, if there were any.
pub(super) fn warning(ended: &[u32]) -> Option<Event> {
    let (first, rest) = ended.split_first()?;
    let mut named = first.to_string();
    for pid in rest.iter().take(SHOWN - 1) {
        named.push_str(&format!(", {pid}"));
    }
    if ended.len() > SHOWN {
        named.push_str(&format!(" and {} more", ended.len() - SHOWN));
    }
    let message = format!(
        "agents were still at work for this run that its last process had left behind; they were ended before it went on: {named}"
    );
    Some(Event::Warning { code: "WARN_AGENT_LEFT_BEHIND", message })
}

/// Asks whoever owns a run to cancel it. If its owner is dead, the agents that it has left behind are ended.
///
/// # Errors
/// `ERR_UNKNOWN_RUN`, and what may befall a file.
pub async fn request_cancel(
    store: Arc<dyn Store>,
    run: RunId,
    request: CancelRequest,
) -> Result<RunSummary, StoreError> {
    let summary = store.request_cancel(&run, request).await?;
    let is_owned = summary.owner.as_ref().is_some_and(|owner| owner.alive);
    if is_owned || summary.status.is_final() || store.processes(&run)?.is_empty() {
        return Ok(summary);
    }
    let lease = match store.claim(&run, LEASE_MS, clock::now_ms()).await {
        Ok(claimed) => claimed.lease,
        // Somebody has taken it meanwhile, and does this himself.
        Err(StoreError::Owned { .. }) => return Ok(summary),
        Err(error) => return Err(error),
    };
    let ended = end_left(&*store, &lease).await;
    store.release(&lease, clock::now_ms()).await?;
    ended.map(|_| summary)
}
