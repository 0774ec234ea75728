//! Ends a tree of processes where it cannot be looked at: of Unix systems other than Linux the process group, of
//! others the child alone. What has left the group is not found.
//!
//! macOS tells when a process began, so that one which another host has left behind is known there. Reading that is
//! unsafe: the standard library does not.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::root::Root;
use super::tree::Tree;
use crate::model::journal::ProcessNote;

/// How long to wait for a killed process to be gone.
const KILLED: Duration = Duration::from_secs(1);

/// How often a process that is nobody's child here is looked at while it has its grace: nobody tells when it ends.
const LOOK: Duration = Duration::from_millis(50);

/// When a process began, in microseconds since 1970; 0 if there is none of that number, or it is not ours.
#[cfg(target_os = "macos")]
pub(super) fn start_of(pid: u32) -> u64 {
    use std::mem::{MaybeUninit, size_of};

    let Ok(pid) = libc::c_int::try_from(pid) else { return 0 };
    let size = size_of::<libc::proc_bsdinfo>() as libc::c_int;
    let mut info = MaybeUninit::<libc::proc_bsdinfo>::zeroed();
    let pointer = info.as_mut_ptr().cast();
    // SAFETY: it writes at most `size` bytes, which is how large `info` is.
    let written = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, pointer, size) };
    if written != size {
        return 0;
    }
    // SAFETY: plain numbers, which were zeros before they were written.
    let info = unsafe { info.assume_init() };
    info.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(info.pbi_start_tvusec)
}

/// Nothing tells when a process began, in a way that is the same everywhere.
#[cfg(not(target_os = "macos"))]
pub(super) fn start_of(_: u32) -> u64 {
    0
}

/// Begins are told in a time that is the same everywhere, or not at all.
pub(super) fn place() -> &'static str {
    "0"
}

/// The trees whose root is there: of the noted number, and begun at the noted time.
pub(super) fn left_behind(mut noted: Vec<(Tree, ProcessNote)>) -> Vec<(Tree, ProcessNote)> {
    noted.retain(|(_, note)| note.start_time != 0 && start_of(note.pid) == note.start_time);
    noted
}

/// Ends a tree that [`left_behind`] has found.
pub(super) async fn end_left(tree: &Tree) {
    let Some(root) = tree.root else { return };
    if group::ask(tree) {
        let gone = async {
            while start_of(root) == tree.start {
                sleep(LOOK).await;
            }
        };
        drop(timeout(tree.grace, gone).await);
    }
    kill(std::slice::from_ref(tree));
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
