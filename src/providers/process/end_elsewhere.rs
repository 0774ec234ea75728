//! Ends a tree of processes where it cannot be looked at: of Unix systems other than Linux the process group, of
//! others the child alone. What has left the group is not found.

use std::time::Duration;

use tokio::time::timeout;

use super::root::Root;
use super::tree::Tree;

/// How long to wait for a killed process to be gone.
const KILLED: Duration = Duration::from_secs(1);

/// Nothing tells when a process began, in a way that is the same everywhere.
pub(super) fn start_of(_: u32) -> u64 {
    0
}

/// Whether the end of a child is sure to wake whoever waits for it: SIGCHLD belongs to whom installs its handler last.
pub(super) fn can_wake() -> bool {
    cfg!(not(unix))
}

/// Ends a tree; `child` is its root, unless that has exited.
pub(super) async fn end(mut child: Option<Root>, tree: &Tree) {
    if let Some(child) = &mut child
        && group::ask(tree)
    {
        drop(timeout(tree.grace, child.exited()).await);
    }
    kill(std::slice::from_ref(tree));
    if let Some(child) = &mut child {
        // Fails if it has exited, and is for systems without groups.
        drop(child.kill());
        drop(timeout(KILLED, child.exited()).await);
    }
}

/// Kills trees at once, on the calling thread, and does not wait for their ends.
pub(super) fn kill(trees: &[Tree]) {
    trees.iter().for_each(group::kill);
}

#[cfg(unix)]
mod group {
    use rustix::process::{Pid, Signal, kill_process_group};

    use super::super::FirstSignal;
    use super::Tree;

    /// Sends the first signal; whether there was somebody to get it.
    pub(super) fn ask(tree: &Tree) -> bool {
        let signal = match tree.first_signal {
            FirstSignal::Int => Signal::INT,
            FirstSignal::Term => Signal::TERM,
        };
        send(tree, signal)
    }

    pub(super) fn kill(tree: &Tree) {
        send(tree, Signal::KILL);
    }

    fn send(tree: &Tree, signal: Signal) -> bool {
        let root = tree.root.and_then(|root| i32::try_from(root).ok()).and_then(Pid::from_raw);
        root.is_some_and(|root| kill_process_group(root, signal).is_ok())
    }
}

#[cfg(not(unix))]
mod group {
    use super::Tree;

    pub(super) fn ask(_: &Tree) -> bool {
        false
    }

    /// A process is ended through its handle, which its keeper has.
    pub(super) fn kill(_: &Tree) {}
}
