//! Ends a tree of processes (Linux): a first signal to all of it, a grace, SIGKILL to what is left, and another look
//! whether anything is.
//!
//! Processes are held by descriptors (pidfds) from the moment they are found, so that no signal hits a stranger that
//! has got the number of a process that ended, and so that their end wakes us. Why a tree ends is not known here.

use std::fs;
use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::join_all;
use rustc_hash::FxHashMap;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, timeout};

use super::FirstSignal;
use super::descendants::{self, Process, Snapshot};
use super::root::Root;
use super::tree::Tree;
use crate::model::journal::ProcessNote;

/// How often everything that is left is killed and looked for again. More than one takes a process that was being
/// started while the others were killed; many take one that does little else.
const ROUNDS: u32 = 16;
/// How long to wait for killed processes to be gone. One that is stuck in the kernel may take longer than anybody.
const KILLED: Duration = Duration::from_secs(1);

/// When a process began, on the kernel's clock; 0 if there is none of that number.
pub(super) fn start_of(pid: u32) -> u64 {
    descendants::start_of(pid).unwrap_or(0)
}

/// Where process numbers and begins mean what they mean here: since this start of the system, and in this container.
/// A part of it that cannot be learnt is empty.
pub(super) fn place() -> &'static str {
    static PLACE: OnceLock<String> = OnceLock::new();
    PLACE.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(12).collect();
        let names = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let names: String = names.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        format!("{boot}-{names}")
    })
}

/// The trees of which something is there. A process counts that bears the mark, wherever it was noted; one with the
/// noted number only if it began at the noted time, in this place.
pub(super) fn left_behind(mut noted: Vec<(Tree, ProcessNote)>) -> Vec<(Tree, ProcessNote)> {
    let is_known = !place().starts_with('-') && !place().ends_with('-');
    for (tree, _) in &mut noted {
        if !is_known || tree.marker.place() != Some(place()) {
            (tree.root, tree.start) = (None, 0);
        }
    }
    let snapshot = Snapshot::take(noted.iter().map(|(tree, _)| tree.start).min().unwrap_or(0));
    noted.retain_mut(|(tree, note)| {
        tree.root = tree.root.filter(|_| snapshot.has(note, &tree.marker));
        snapshot.members(tree, |_, _| false).iter().any(|process| !process.dead)
    });
    noted
}

/// Ends a tree that [`left_behind`] has found.
pub(super) async fn end_left(tree: &Tree) {
    end(None, tree).await;
}

/// Whether the end of a child wakes whoever waits for it: from Linux 5.3 on, where it is not forbidden.
pub(super) fn can_wake() -> bool {
    static PIDFDS: OnceLock<bool> = OnceLock::new();
    *PIDFDS.get_or_init(|| pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).is_ok())
}

/// Ends a tree and returns when nothing is left of it, or nothing more can be done. `child` is its root, unless that
/// has exited.
pub(super) async fn end(child: Option<Root>, tree: &Tree) {
    let mut hunt = Hunt { tree, child, found: FxHashMap::default() };
    hunt.end().await;
    if let Some(child) = &mut hunt.child {
        // Dead, and only to be reaped, unless it is stuck in the kernel.
        drop(timeout(KILLED, child.exited()).await);
    }
}

/// Kills trees at once, on the calling thread, and does not wait for their ends.
pub(super) fn kill(trees: &[Tree]) {
    let since = trees.iter().map(|tree| tree.start).min().unwrap_or(0);
    let mut killed = FxHashMap::default();
    for _ in 0..ROUNDS {
        let snapshot = Snapshot::take(since);
        let before = killed.len();
        for tree in trees {
            for process in snapshot.members(tree, |pid, start| killed.get(&pid) == Some(&start)) {
                if !process.dead
                    && killed.insert(process.pid, process.start) != Some(process.start)
                    && let Some(held) = Held::new(process)
                {
                    held.send(Signal::KILL);
                }
            }
        }
        if killed.len() == before {
            return;
        }
    }
}

struct Hunt<'a> {
    tree: &'a Tree,
    /// The root, until it has been reaped.
    child: Option<Root>,
    /// The members that live, by number.
    found: FxHashMap<u32, Found>,
}

struct Found {
    start: u64,
    group: u32,
    held: Held<AsyncFd<OwnedFd>>,
    signalled: bool,
}

impl Hunt<'_> {
    async fn end(&mut self) {
        let first = match self.tree.first_signal {
            FirstSignal::Int => Signal::INT,
            FirstSignal::Term => Signal::TERM,
        };
        let mut grace = pin!(sleep(self.tree.grace));
        // Again if all are gone: one that was just being started may have been missed. What a CLI starts to clean up
        // within its grace is left alone until then.
        while self.look().await {
            self.signal(first);
            tokio::select! {
                biased;
                () = self.gone() => {}
                () = &mut grace => break,
            }
        }
        for _ in 0..ROUNDS {
            if !self.look().await {
                return;
            }
            self.kill();
            // Some may be stuck; those that have come up since are found by the next look.
            drop(timeout(KILLED, self.gone()).await);
        }
    }

    /// Looks who is there now; whether anybody is.
    async fn look(&mut self) -> bool {
        let snapshot = descendants::snapshot().await;
        let members = snapshot
            .members(self.tree, |pid, start| self.found.get(&pid).is_some_and(|found| found.start == start));
        let mut living = FxHashMap::default();
        let mut root_is_dead = false;
        for process in members {
            let is_root = Some(process.pid) == self.tree.root;
            if process.dead {
                root_is_dead |= is_root;
                if !is_root
                    && process.parent == std::process::id()
                    && let Some(held) = Held::new(process)
                {
                    held.reap();
                }
                continue;
            }
            let known = self.found.remove(&process.pid).filter(|found| found.start == process.start);
            let found = known.or_else(|| {
                let held = Held::new(process)?.watched();
                Some(Found { start: process.start, group: process.group, held, signalled: false })
            });
            if let Some(found) = found {
                living.insert(process.pid, found);
            }
        }
        self.found = living;
        // Where there is no `/proc` to look at, the root is all there is to go by.
        !self.found.is_empty() || (self.root().is_some() && !root_is_dead)
    }

    /// The root, which is the group's leader too, if its number is sure to be its own.
    fn root(&self) -> Option<Pid> {
        let pid = self.child.as_ref()?.id()?;
        Pid::from_raw(i32::try_from(pid).ok()?)
    }

    /// Sends the first signal to everyone who has not got it.
    fn signal(&mut self, signal: Signal) {
        let already = self.found.values().any(|found| found.signalled);
        let group = self.root().filter(|_| !already);
        if let Some(root) = group {
            // At once to all of it, also to what is being started just now.
            let _all_have_exited = kill_process_group(root, signal);
        }
        for found in self.found.values_mut().filter(|found| !found.signalled) {
            found.signalled = true;
            let has_it = group.is_some_and(|root| root.as_raw_nonzero().get().unsigned_abs() == found.group);
            if !has_it {
                found.held.send(signal);
            }
        }
    }

    fn kill(&self) {
        if let Some(root) = self.root() {
            let _all_have_exited = kill_process_group(root, Signal::KILL);
        }
        for found in self.found.values() {
            found.held.send(Signal::KILL);
        }
    }

    /// Waits until everybody that was found is gone. The root is reaped with it.
    async fn gone(&mut self) {
        let root = async {
            if let Some(child) = &mut self.child {
                drop(child.exited().await);
            }
        };
        let others = join_all(self.found.values().map(|found| found.held.gone()));
        tokio::join!(root, others);
        // Reaped, or taken from us by somebody who waits for every child of the host.
        self.child = None;
    }
}

/// A process that was found, held so that it can be signalled: by a descriptor, where there are any.
struct Held<Descriptor> {
    pid: Pid,
    start: u64,
    descriptor: Option<Descriptor>,
}

impl Held<OwnedFd> {
    /// `None` if it is gone.
    fn new(process: &Process) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
        // Fails on old systems, and where too many files are open.
        let descriptor = pidfd_open(pid, PidfdFlags::empty()).ok();
        // Between being found and being held it may have ended, and its number gone to somebody else.
        (start_of(process.pid) == process.start).then_some(Self { pid, start: process.start, descriptor })
    }

    /// The same, and its end wakes us.
    fn watched(self) -> Held<AsyncFd<OwnedFd>> {
        let Self { pid, start, descriptor } = self;
        let descriptor = descriptor.and_then(|descriptor| {
            // SAFETY: an `OwnedFd` is open, and the same, for as long as it is; and it moves in here.
            unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }.ok()
        });
        Held { pid, start, descriptor }
    }
}

impl<Descriptor: AsFd> Held<Descriptor> {
    /// Sends a signal. It fails if the process has ended or is not ours to signal, and nothing can be done then.
    fn send(&self, signal: Signal) {
        let _in_vain = match &self.descriptor {
            Some(descriptor) => pidfd_send_signal(descriptor, signal),
            None if start_of(self.pid.as_raw_nonzero().get().unsigned_abs()) == self.start => {
                kill_process(self.pid, signal)
            }
            None => Ok(()),
        };
    }

    /// Takes the status of a dead process if it has become a child of the host, as the orphans in a container do whose
    /// first process the host is. Otherwise it is for whoever is its parent, and this fails.
    fn reap(&self) {
        if let Some(descriptor) = &self.descriptor {
            let _not_ours =
                waitid(WaitId::PidFd(descriptor.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}

impl Held<AsyncFd<OwnedFd>> {
    /// Waits until it has ended; for ever, where nobody tells.
    async fn gone(&self) {
        match &self.descriptor {
            Some(descriptor) => drop(descriptor.readable().await),
            None => pending().await,
        }
    }
}
