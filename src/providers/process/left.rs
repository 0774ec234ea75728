//! Processes that outlive their host: written down while they are there, and ended by the next host that has to do with
//! what they work for.
//!
//! Who writes, where, and for what is not known here; nor how a tree is found and ended, which is in `end`. A process is
//! ended only if it is known for the one that was noted: numbers come again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::spawn_blocking;

use super::tree::{Marker, Tree, end_adopted};
use super::{FirstSignal, end};
use crate::model::journal::ProcessNote;

/// Between SIGTERM and SIGKILL, as for children of one's own.
const GRACE: Duration = Duration::from_secs(3);

/// Is told that a process is there, in the moment in which it is; what it gives is called when nothing is left of its
/// tree. Neither may block. If the host ends first, it is never called.
#[derive(Clone)]
pub struct Notebook(pub Arc<dyn Fn(ProcessNote) -> Gone + Send + Sync>);

/// Is told that nothing is left of a process.
pub type Gone = Box<dyn FnOnce() + Send>;

impl fmt::Debug for Notebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notebook")
    }
}

/// What the next host needs to know of a tree; `None` if it could not be known again.
pub(super) fn note_of(tree: &Tree) -> Option<ProcessNote> {
    let pid = tree.root?;
    // A child leads a session of its own, and with it a group.
    let note = ProcessNote { pid, pgid: pid, start_time: tree.start, marker: tree.marker.text().to_owned() };
    (tree.start != 0).then_some(note)
}

/// Ends what is still there of processes that another host has left behind, with all that has come of them: SIGTERM, a
/// grace of three seconds, SIGKILL. Gives the numbers of those of which something was there. A process that only has
/// the same number is left alone, and so is a tree that this host itself belongs to.
pub async fn end_left_behind(notes: Vec<ProcessNote>) -> Vec<u32> {
    let looked = spawn_blocking(move || {
        let trees = notes.into_iter().map(|note| (noted(&note), note));
        end::left_behind(trees.filter(|(tree, _)| !tree.marker.is_ours()).collect())
    });
    // It fails only when the runtime is going away.
    let found = looked.await.unwrap_or_default();
    join_all(found.into_iter().map(|(tree, note)| async move {
        end_adopted(tree).await;
        note.pid
    }))
    .await
}

fn noted(note: &ProcessNote) -> Tree {
    Tree {
        marker: Marker::noted(&note.marker),
        root: Some(note.pid),
        start: note.start_time,
        first_signal: FirstSignal::Term,
        grace: GRACE,
    }
}
