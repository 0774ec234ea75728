//! The journal of durable runs as data: what a store keeps of a run, and what is asked of it.
//!
//! Bodies are JSON text that nobody here looks into. How any of it is stored is not known here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::RunId;
use super::json::JsonText;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Created, and not begun.
    Queued,
    Running,
    /// Waits for something, and holds nothing while it does.
    Suspended,
    /// Told to stop, and cleaning up.
    Cancelling,
    Completed,
    Failed,
    Cancelled,
}

impl RunStatus {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Suspended,
        Self::Cancelling,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word for it, in stores and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether the run is over.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The source of a run as it was when the run began, with the helper files that it imports.
/// As JSON: `{ name, text, files }`, which is how stores keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSnapshot {
    /// The file name of the workflow. It says where a mistake is and does not tell one source from another.
    pub name: Arc<str>,
    pub text: Arc<str>,
    /// Path, as it is imported, and text of each helper.
    pub files: BTreeMap<Arc<str>, Arc<str>>,
}

/// A run to be created.
#[derive(Clone, Debug)]
pub struct NewRun {
    pub id: RunId,
    /// The name of the workflow.
    pub name: String,
    pub source: SourceSnapshot,
    pub args: Option<JsonText>,
    /// What else the run was started with.
    pub options: JsonText,
    /// The run of which this one is a copy up to some point.
    pub fork_of: Option<RunId>,
    /// How the journal begins: written together with the run, so that no crash comes between them. Dense from 1. For
    /// a fork, the entries that are taken over.
    pub entries: Vec<Entry>,
    /// What agents have printed in the run of which this one is a copy, and goes along: by the `seq` of the entry that it
    /// belongs to there and here.
    pub outputs: Vec<(u64, u64)>,
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Dense from 1 in every run.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    /// The type of the event.
    pub kind: Cow<'static, str>,
    /// The call that it is about.
    pub call: Option<u64>,
    pub body: JsonText,
}

/// What an agent has printed in one attempt of a call. Kept beside the journal, and never needed for going on.
#[derive(Clone, Debug, PartialEq)]
pub struct RawOutput {
    /// The `seq` of the entry that it belongs to: the one with which the attempt began.
    pub seq: u64,
    pub call: u64,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When the attempt was over, in milliseconds since 1970.
    pub at: u64,
    pub raw: JsonText,
}

/// The right to write to a run, from the moment it was got until somebody else gets it or it is released.
///
/// What it says is checked with every write: a lease that was lost can do no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub run: RunId,
    /// The store's own number of the run. A run that is deleted and created again has another one, and so an old lease
    /// does not fit the new run.
    pub number: i64,
    /// Grows with every owner.
    pub epoch: u64,
    /// The store's number of the owner.
    pub owner: i64,
}

/// The usage of a run in total.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageTotals {
    /// What the budget counts.
    pub spent: f64,
    /// Everything else that is counted, as the engine writes it.
    pub report: Option<JsonText>,
}

/// What changes in the row of a run. `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Clone, Debug, Default)]
pub struct RunPatch {
    /// A final status also sets when the run finished; any other takes that away again.
    pub status: Option<RunStatus>,
    /// What the run waits for.
    pub blocked_on: Option<Option<JsonText>>,
    /// When it is to go on by itself.
    pub wake_at: Option<Option<u64>>,
    pub usage: Option<UsageTotals>,
    pub result: Option<Option<JsonText>>,
    pub error: Option<Option<JsonText>>,
    pub source: Option<SourceSnapshot>,
    pub options: Option<JsonText>,
    /// Takes back the request to cancel, as when a cancelled run is resumed.
    pub forget_cancel: bool,
}

/// What is written in one piece: all of it or nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub entries: Vec<Entry>,
    pub outputs: Vec<RawOutput>,
    pub patch: Option<RunPatch>,
    /// Gives the lease back with the same write, so that a run which suspends or ends can be taken by anybody at once.
    pub release: bool,
    /// The time of the write, in milliseconds since 1970.
    pub at: u64,
}

/// A wish that a run be cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    pub at: u64,
    pub reason: String,
}

/// Who owns a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The store's number of it: a store that is opened twice has two owners.
    pub number: i64,
    pub pid: u32,
    pub host: String,
    /// Until when it may be silent.
    pub lease_until: u64,
    /// Whether it is there. Of one that is not, anybody may take the runs.
    pub alive: bool,
}

/// What lists show of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    pub id: RunId,
    pub name: String,
    pub status: RunStatus,
    pub blocked_on: Option<JsonText>,
    pub wake_at: Option<u64>,
    pub owner: Option<Owner>,
    pub epoch: u64,
    pub created_at: u64,
    pub updated_at: u64,
    pub finished_at: Option<u64>,
    pub spent: f64,
    pub cancel: Option<CancelRequest>,
    pub fork_of: Option<RunId>,
    /// The `seq` of the last entry; 0 without entries.
    pub last_seq: u64,
}

/// Everything that is kept of a run, except its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    pub summary: RunSummary,
    pub source: SourceSnapshot,
    pub args: Option<JsonText>,
    pub options: JsonText,
    /// What is counted beside `summary.spent`.
    pub report: Option<JsonText>,
    pub result: Option<JsonText>,
    pub error: Option<JsonText>,
}

/// What became of [`NewRun`].
#[derive(Clone, Debug)]
pub enum Created {
    /// It is there, and whoever created it owns it.
    New(Lease),
    /// There is a run of that name.
    Existing {
        record: Box<RunRecord>,
        /// Whether it was created with this source. Names of files are not compared.
        same_source: bool,
        same_args: bool,
    },
}

/// A run that was taken over, and what is known of it.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub lease: Lease,
    pub record: Box<RunRecord>,
}

/// Which runs. The default is all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Any of these; any at all if it is empty.
    pub status: Vec<RunStatus>,
    /// The name of the workflow.
    pub name: Option<String>,
    /// Created at this time or later.
    pub since: Option<u64>,
    /// Created before this time.
    pub until: Option<u64>,
    /// Finished before this time.
    pub finished_before: Option<u64>,
    /// At most so many, the newest ones.
    pub limit: Option<u32>,
}

/// Which runs are to be deleted.
#[derive(Clone, Debug)]
pub enum Selection {
    /// These. Nothing is deleted if there is one among them that does not exist or is owned by somebody alive.
    Ids(Vec<RunId>),
    /// Those, except the ones that are owned by somebody alive.
    Filter(Filter),
}

/// What was deleted, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    pub runs: u64,
    pub entries: u64,
    /// The size of what was stored, what agents have printed included; each text that several runs share is counted with
    /// the last of them.
    pub bytes: u64,
    /// By how much the file has become smaller; 0 where nothing was deleted.
    pub file_bytes: u64,
}

/// A process that works for a run: what the next owner needs to end it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessNote {
    pub pid: u32,
    /// Its process group.
    pub pgid: u32,
    /// When it began, on the kernel's clock: process numbers come again.
    pub start_time: u64,
    /// What its environment bears.
    pub marker: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_word() {
        for status in RunStatus::ALL {
            assert_eq!(RunStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(RunStatus::parse("done"), None);
        let over: Vec<_> = RunStatus::ALL.into_iter().filter(|status| status.is_final()).collect();
        assert_eq!(over, [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled]);
    }
}
