//! Who is alive: every child that was started has one keeper, a task that owns it from its start until nothing of its
//! tree is left, whoever else loses interest in it.
//!
//! How a tree is found and ended on this system is in `end`; what the child is for is not known here.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::{copy, sink};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::left::{Gone, note_of};
use super::root::Root;
use super::spawn::Spawned;
use super::{FirstSignal, Status, Watch, end};

/// The variable by which the processes of a tree are known.
pub(super) const VARIABLE: &str = "SMOL_WF_PROCESS";
/// Between the marks in its value: a host that is itself somebody's agent passes on the marks that it bears.
pub(super) const BETWEEN_MARKS: char = ':';

/// What the marks of all trees of this host begin with, before a dot.
pub(super) fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    // Process numbers come again; not together with the time when the process began, where both mean the same.
    HOST.get_or_init(|| {
        let pid = std::process::id();
        format!("{pid}.{}.{}", end::start_of(pid), end::place())
    })
}

/// What marks the processes of one tree, and no others on any machine: `<host>.<begin>.<place>.<number>`.
#[derive(Clone, Debug)]
pub(super) struct Marker(String);

impl Marker {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(format!("{}.{}", host(), NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The variable that the root of the tree gets, and hands down.
    pub(super) fn variable(&self) -> (&'static str, OsString) {
        let mut value = env::var_os(VARIABLE).unwrap_or_default();
        if !value.is_empty() {
            value.push(BETWEEN_MARKS.to_string());
        }
        value.push(&self.0);
        (VARIABLE, value)
    }

    /// The mark of a tree of another host, as it was written down.
    pub(super) fn noted(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether this host is itself part of the tree.
    pub(super) fn is_ours(&self) -> bool {
        let marks = env::var_os(VARIABLE).unwrap_or_default();
        self.is_in(&marks.to_string_lossy())
    }

    /// Where the numbers and the begin of its processes mean something.
    #[cfg(target_os = "linux")]
    pub(super) fn place(&self) -> Option<&str> {
        self.0.split('.').nth(2)
    }

    pub(super) fn is_in(&self, value: &str) -> bool {
        value.split(BETWEEN_MARKS).any(|mark| mark == self.0)
    }
}

/// A process that was started here, with all that comes of it.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) marker: Marker,
    /// The process itself; `None` if it is not known whether there is one.
    pub(super) root: Option<u32>,
    /// When it began, on the kernel's clock; 0 if that is not known.
    pub(super) start: u64,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no signals"))]
    pub(super) first_signal: FirstSignal,
    pub(super) grace: Duration,
}

/// What became of a child.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Exited(Status),
    /// It is being ended, without whoever runs it having asked for it.
    Ended,
    /// It has exited, but its status cannot be had.
    Lost(String),
}

/// A child, as whoever runs it holds it. Dropping it ends its tree, in the background.
pub(super) struct Child {
    pub(super) pipes: Pipes,
    fate: watch::Receiver<Option<Fate>>,
    leave: Option<oneshot::Sender<Pipes>>,
    _unwanted: DropGuard,
}

/// What a child writes to, as long as it is open.
#[derive(Default)]
pub(super) struct Pipes {
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

impl Pipes {
    /// Reads them to their ends. A CLI that says something while it cleans up must not die of a closed pipe, or it
    /// leaves its tools behind.
    async fn drain(self) {
        let Self { mut stdout, mut stderr } = self;
        let out = async {
            if let Some(pipe) = &mut stdout {
                drop(copy(pipe, &mut sink()).await);
            }
        };
        let err = async {
            if let Some(pipe) = &mut stderr {
                drop(copy(pipe, &mut sink()).await);
            }
        };
        tokio::join!(out, err);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            // Fails if there is no keeper any more, and then there is no child.
            drop(leave.send(std::mem::take(&mut self.pipes)));
        }
    }
}

impl Child {
    /// Gives a child that was just started to a keeper, on the runtime around the caller.
    pub(super) fn keep(spawned: Spawned, marker: Marker, watch: &Watch) -> Self {
        let Spawned { root, stdout, stderr, .. } = spawned;
        Self::entrust(Some(root), Pipes { stdout, stderr }, marker, watch)
    }

    /// Ends whatever bears the mark, if anything does.
    pub(super) fn stray(marker: Marker, watch: &Watch) {
        drop(Self::entrust(None, Pipes::default(), marker, watch));
    }

    fn entrust(child: Option<Root>, pipes: Pipes, marker: Marker, watch: &Watch) -> Self {
        let root = child.as_ref().and_then(Root::id);
        let tree = Tree {
            marker,
            root,
            start: root.map_or(0, end::start_of),
            first_signal: watch.first_signal,
            grace: watch.grace,
        };
        let unwanted = CancellationToken::new();
        let (tell, fate) = watch::channel(None);
        let gone = watch.notebook.as_ref().and_then(|notebook| Some((notebook.0)(note_of(&tree)?)));
        let keeper = Keeper { number: register(&tree, &unwanted), tree, done: false, gone };
        let (leave, left) = oneshot::channel();
        tokio::spawn(keeper.keep(child, tell, left, unwanted.clone()));
        Self { pipes, fate, leave: Some(leave), _unwanted: unwanted.drop_guard() }
    }

    /// Waits for its end.
    pub(super) fn fate(&self) -> impl Future<Output = Fate> + Send + use<> {
        let mut fate = self.fate.clone();
        async move {
            let known = fate.wait_for(Option::is_some).await;
            // Without a keeper the runtime is going away, and the child with it.
            known.ok().and_then(|fate| fate.clone()).unwrap_or(Fate::Ended)
        }
    }
}

struct Keeper {
    number: u64,
    tree: Tree,
    done: bool,
    /// Who wants to know when nothing is left.
    gone: Option<Gone>,
}

/// Ends a tree that another host has begun, and returns when nothing is left of it.
pub(super) async fn end_adopted(tree: Tree) {
    let number = register(&tree, &CancellationToken::new());
    let mut keeper = Keeper { number, tree, done: false, gone: None };
    end::end_left(&keeper.tree).await;
    keeper.done = true;
}

impl Keeper {
    async fn keep(
        mut self,
        mut child: Option<Root>,
        tell: watch::Sender<Option<Fate>>,
        left: oneshot::Receiver<Pipes>,
        unwanted: CancellationToken,
    ) {
        if let Some(running) = &mut child {
            let fate = tokio::select! {
                biased;
                exit = running.exited() => match exit {
                    Ok(status) => Fate::Exited(status.into()),
                    Err(error) => Fate::Lost(error.to_string()),
                },
                () = unwanted.cancelled() => Fate::Ended,
            };
            if !matches!(fate, Fate::Ended) {
                child = None;
            }
            tell.send_replace(Some(fate));
        }
        // What the child has left behind may still be writing its answer, while somebody reads it.
        unwanted.cancelled().await;
        let drained = async {
            if let Ok(pipes) = left.await {
                pipes.drain().await;
            }
            pending().await
        };
        tokio::select! {
            () = end::end(child, &self.tree) => {}
            () = drained => {}
        }
        self.done = true;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.done {
            // The runtime is going away: there is no time for graces.
            end::kill(std::slice::from_ref(&self.tree));
        } else if let Some(gone) = self.gone.take() {
            gone();
        }
        living().remove(&self.number);
        CHANGED.notify_waiters();
    }
}

struct Living {
    tree: Tree,
    unwanted: CancellationToken,
}

/// Every tree that has a keeper.
static LIVING: Mutex<BTreeMap<u64, Living>> = Mutex::new(BTreeMap::new());
/// One of them is gone.
static CHANGED: Notify = Notify::const_new();

fn living() -> MutexGuard<'static, BTreeMap<u64, Living>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn register(tree: &Tree, unwanted: &CancellationToken) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    living().insert(number, Living { tree: tree.clone(), unwanted: unwanted.clone() });
    number
}

/// When the oldest living tree began: nothing that is older belongs to any of them.
#[cfg(target_os = "linux")]
pub(super) fn oldest() -> u64 {
    living().values().map(|living| living.tree.start).min().unwrap_or(0)
}

/// Ends every process that was started here and waits until nothing is left of them. Runs that are under way end as
/// cancelled. What is still there after `limit` is killed.
///
/// Returns whether all of them had ended before that. For the end of the host: SIGKILL after the longest grace is
/// part of an orderly end, so `limit` should be longer than that by a second.
pub async fn shutdown(limit: Duration) -> bool {
    let all_gone = async {
        loop {
            let changed = CHANGED.notified();
            let unwanted: Vec<_> = living().values().map(|living| living.unwanted.clone()).collect();
            if unwanted.is_empty() {
                return;
            }
            for token in unwanted {
                token.cancel();
            }
            changed.await;
        }
    };
    let in_time = timeout(limit, all_gone).await.is_ok();
    if !in_time {
        kill_all();
    }
    in_time
}

/// Sends SIGKILL to everything that was started here, now, on the calling thread, without waiting for anything: for
/// a host that goes away in this moment. Takes some milliseconds where many processes run.
pub fn kill_all() {
    let trees: Vec<Tree> = living().values().map(|living| living.tree.clone()).collect();
    if !trees.is_empty() {
        end::kill(&trees);
    }
}
