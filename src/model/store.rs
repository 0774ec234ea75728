//! How a store is opened, and everything that can go wrong with one.
//!
//! What a store is made of is not known here.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::ids::RunId;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// Everything, the loss of power included. One `fsync` for all that is written at the same time.
    #[default]
    Full,
    /// The death of the process. What was written last may be lost with the power; what remains is consistent.
    Normal,
}

/// How large texts may be, in bytes: `{ sourceBytes?, argsBytes?, resultBytes?, entryBytes? }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StoreLimits {
    /// The workflow with its helpers.
    #[serde(rename = "sourceBytes")]
    pub source: usize,
    #[serde(rename = "argsBytes")]
    pub args: usize,
    #[serde(rename = "resultBytes")]
    pub result: usize,
    /// The body of one entry of a journal, such as the answer of an agent.
    #[serde(rename = "entryBytes")]
    pub entry: usize,
}

/// What no workflow comes near, and what a machine still handles without a thought.
impl Default for StoreLimits {
    fn default() -> Self {
        Self { source: 16 << 20, args: 64 << 20, result: 64 << 20, entry: 64 << 20 }
    }
}

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    pub synchronous: Synchronous,
    /// Whether it is created if it is not there, with the folder around it.
    pub create: bool,
    pub read_only: bool,
    /// How long to wait while another process writes, in milliseconds.
    pub busy_timeout_ms: u32,
    pub limits: StoreLimits,
}

/// Other processes write for milliseconds at a time; five seconds is a process that hangs.
impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::default(),
            create: true,
            read_only: false,
            busy_timeout_ms: 5_000,
            limits: StoreLimits::default(),
        }
    }
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Written by an engine that knows more than this one.
    #[error(
        "the store {} has format {found}; this version of the engine knows formats up to {known}",
        path.display()
    )]
    Version { path: PathBuf, found: i64, known: i64 },
    /// The file is something else.
    #[error("{} is not a store of workflow runs: {message}", path.display())]
    Foreign { path: PathBuf, message: String },
    /// There is none, and it was not to be created.
    #[error("there is no store at {}", path.display())]
    Missing { path: PathBuf },
    /// It may be read only.
    #[error("the store {} cannot be written: {message}", path.display())]
    ReadOnly { path: PathBuf, message: String },
    /// Somebody else has held the lock for longer than it was waited.
    #[error("the store {} is locked by another process, for more than {waited_ms} ms", path.display())]
    Locked { path: PathBuf, waited_ms: u32 },
    /// There is no room on the disk.
    #[error("the store {} cannot grow: {message}", path.display())]
    Full { path: PathBuf, message: String },
    /// The file is damaged.
    #[error("the store {} is damaged: {message}", path.display())]
    Corrupt { path: PathBuf, message: String },
    /// The operating system refused something.
    #[error("the store {} failed: {message}", path.display())]
    Io { path: PathBuf, message: String },
    /// A text is longer than is allowed. `limit` is the option.
    #[error("{what} has {size} bytes; {limit} is {allowed}")]
    TooLarge { what: String, size: usize, limit: &'static str, allowed: usize },
    /// More is waiting to be written than is kept in memory.
    #[error("the store has {waiting} bytes still to write, and takes no more until they are written")]
    Busy { waiting: usize },
    /// Entries that do not follow upon those which are there.
    #[error("the journal of run {run} cannot go on like this: {message}")]
    Sequence { run: RunId, message: String },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// There is no such run.
    #[error("there is no run {run}")]
    UnknownRun { run: RunId },
    /// Somebody is at work on the run.
    #[error("run {run} is owned by {}", owned_by(*pid, host, *here))]
    Owned { run: RunId, pid: u32, host: String, here: bool, lease_until: u64 },
    /// Somebody else has taken the run over, or it was released or deleted.
    #[error("run {run} is no longer owned by this process: {message}")]
    LeaseLost { run: RunId, message: String },
    /// There is no queue of that name.
    #[error("{doing} failed: there is no queue {queue:?}")]
    UnknownQueue { doing: &'static str, queue: String },
    /// There is no such task in the queue.
    #[error("there is no task {task} in the queue {queue:?}")]
    UnknownTask { task: String, queue: String },
    /// Somebody else has the task now, or it is over.
    #[error("task {task} is no longer claimed by this worker: {message}")]
    ClaimLost { task: String, message: String },
    /// The task was cancelled.
    #[error("task {task} was cancelled")]
    TaskCancelled { task: String },
}

fn owned_by(pid: u32, host: &str, here: bool) -> String {
    match (here, host) {
        (true, _) => "this process, which is running it".to_owned(),
        (false, "") => format!("process {pid}"),
        (false, host) => format!("process {pid} on {host}"),
    }
}

impl StoreError {
    /// The stable code, listed in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } => "ERR_STORE_VERSION",
            Self::Foreign { .. } => "ERR_STORE_FOREIGN",
            Self::Missing { .. } => "ERR_STORE_MISSING",
            Self::ReadOnly { .. } => "ERR_STORE_READ_ONLY",
            Self::Locked { .. } => "ERR_STORE_LOCKED",
            Self::Full { .. } => "ERR_STORE_FULL",
            Self::Corrupt { .. } => "ERR_STORE_CORRUPT",
            Self::Io { .. } => "ERR_STORE_IO",
            Self::TooLarge { .. } => "ERR_STORE_TOO_LARGE",
            Self::Busy { .. } => "ERR_STORE_BUSY",
            Self::Sequence { .. } => "ERR_STORE_SEQUENCE",
            Self::Closed => "ERR_STORE_CLOSED",
            Self::UnknownRun { .. } => "ERR_UNKNOWN_RUN",
            Self::Owned { .. } => "ERR_RUN_OWNED",
            Self::LeaseLost { .. } => "ERR_RUN_LEASE_LOST",
            Self::UnknownQueue { .. } => "ERR_UNKNOWN_QUEUE",
            Self::UnknownTask { .. } => "ERR_UNKNOWN_TASK",
            Self::ClaimLost { .. } => "ERR_CLAIM_LOST",
            Self::TaskCancelled { .. } => "ERR_TASK_CANCELLED",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Version { .. } => "update the package, or use another store",
            Self::Foreign { .. } => "name another file; this one was left as it is",
            Self::ReadOnly { .. } => "make the file and its folder writable, or use another store",
            Self::Locked { .. } => {
                "find the process that has the file open (a database browser, a backup), or wait longer"
            }
            Self::Full { .. } => {
                "make room on the disk; what was not written is kept in memory and written again"
            }
            Self::Corrupt { .. } => {
                "restore a backup, or save what can be read with `sqlite3 <file> .recover`; move the file away to begin a new store"
            }
            Self::TooLarge { .. } => "pass a path to a file in place of its contents, or raise the limit",
            Self::Owned { .. } => "wait for it, or cancel the run",
            Self::UnknownQueue { .. } => "create it first: init() of the backend, or smol-wf absurd init",
            Self::Missing { .. }
            | Self::Io { .. }
            | Self::Busy { .. }
            | Self::Sequence { .. }
            | Self::Closed
            | Self::UnknownRun { .. }
            | Self::LeaseLost { .. }
            | Self::UnknownTask { .. }
            | Self::ClaimLost { .. }
            | Self::TaskCancelled { .. } => return None,
        })
    }

    /// Whether the same write may succeed later: the store is there, and something is in its way.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Locked { .. }
                | Self::Full { .. }
                | Self::Io { .. }
                | Self::Busy { .. }
                | Self::ReadOnly { .. }
        )
    }

    /// The facts behind the message, as JSON for `WorkflowError.details`.
    pub fn details(&self) -> Value {
        let mut details = Map::new();
        let mut set = |key: &str, value: Value| details.insert(key.to_owned(), value);
        match self {
            Self::Version { path, found, known } => {
                set("path", json!(path));
                set("found", json!(found));
                set("known", json!(known));
            }
            Self::Locked { path, waited_ms } => {
                set("path", json!(path));
                set("waitedMs", json!(waited_ms));
            }
            Self::Foreign { path, .. }
            | Self::Missing { path }
            | Self::ReadOnly { path, .. }
            | Self::Full { path, .. }
            | Self::Corrupt { path, .. }
            | Self::Io { path, .. } => {
                set("path", json!(path));
            }
            Self::TooLarge { size, limit, allowed, .. } => {
                set("size", json!(size));
                set("limit", json!(limit));
                set("allowed", json!(allowed));
            }
            Self::Owned { run, pid, host, here, lease_until } => {
                set("runId", json!(run));
                set("pid", json!(pid));
                set("host", json!(host));
                set("thisProcess", json!(here));
                set("leaseUntil", json!(lease_until));
            }
            Self::Sequence { run, .. } | Self::UnknownRun { run } | Self::LeaseLost { run, .. } => {
                set("runId", json!(run));
            }
            Self::UnknownQueue { queue, .. } => {
                set("queue", json!(queue));
            }
            Self::UnknownTask { task, .. } | Self::ClaimLost { task, .. } | Self::TaskCancelled { task } => {
                set("taskID", json!(task));
            }
            Self::Busy { .. } | Self::Closed => {}
        }
        if let Some(hint) = self.hint() {
            details.insert("hint".to_owned(), json!(hint));
        }
        Value::Object(details)
    }
}
