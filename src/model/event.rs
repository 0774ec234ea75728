//! What a run tells about itself while it goes on: one discriminated union.

use std::sync::Arc;

use serde::Serialize;

use super::budget::BudgetState;
use super::error::{CancelReason, ErrorData};
use super::ids::{CallId, VmId};
use super::json::JsonText;
use super::outcome::WaitReason;
use super::progress::Progress;
use super::recording::Drift;
use super::request::LogLevel;
use super::script::ScriptForm;

/// One event. The coordinator adds the run's id, a dense number from 1 and the time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Event {
    #[serde(rename = "run.started")]
    RunStarted { workflow: String, form: ScriptForm },
    /// The run goes on from its journal. `anew`: what it takes over from there is told and written once more.
    #[serde(rename = "run.resumed")]
    RunResumed {
        drift: Drift,
        anew: bool,
        /// The first call that is done again, where somebody has said so.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<CallId>,
    },
    /// Nothing but waits is left: the run is put away until `wake_at`. The first of them are told, those that end first;
    /// `waits` is how many there are.
    #[serde(rename = "run.suspended")]
    RunSuspended { blocked_on: Vec<Blocked>, waits: usize, wake_at: u64 },
    #[serde(rename = "run.completed")]
    RunCompleted { budget: BudgetState },
    #[serde(rename = "run.failed")]
    RunFailed { error: ErrorData, code: &'static str, budget: BudgetState },
    #[serde(rename = "run.cancelled")]
    RunCancelled { reason: CancelReason, budget: BudgetState },
    #[serde(rename = "phase")]
    Phase {
        script: VmId,
        /// Absent for `undefined`.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<JsonText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        options: Option<JsonText>,
    },
    #[serde(rename = "log")]
    Log { script: VmId, level: LogLevel, values: JsonText },
    #[serde(rename = "call.queued")]
    CallQueued {
        call: CallId,
        script: VmId,
        #[serde(flatten)]
        info: CallInfo,
    },
    #[serde(rename = "call.started")]
    CallStarted {
        call: CallId,
        script: VmId,
        attempt: u32,
        /// The agent's session that the attempt goes on with; absent where it begins a new one.
        #[serde(skip_serializing_if = "Option::is_none")]
        continues: Option<String>,
        /// When a wait will be over, in milliseconds since 1970.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
        #[serde(flatten)]
        info: CallInfo,
    },
    /// What the agent does. Transient: not kept, and left out where nobody keeps up.
    #[serde(rename = "call.progress")]
    CallProgress { call: CallId, attempt: u32, progress: Progress },
    /// The agent has begun to work in a session of its own: if the run is cut off now, it goes on there. Told only where
    /// there is a journal.
    #[serde(rename = "call.session")]
    CallSession { call: CallId, attempt: u32, session_id: String },
    #[serde(rename = "call.retrying")]
    CallRetrying {
        call: CallId,
        attempt: u32,
        error: ErrorData,
        /// Milliseconds until then; absent for at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        delay_ms: Option<u64>,
    },
    /// Nothing is wrong with the call: it waits for somebody else's limit, for so many milliseconds.
    #[serde(rename = "call.waiting")]
    CallWaiting { call: CallId, attempt: u32, reason: WaitReason, delay_ms: u64, error: ErrorData },
    #[serde(rename = "call.ended")]
    CallEnded {
        call: CallId,
        script: VmId,
        #[serde(flatten)]
        info: CallInfo,
        attempts: u32,
        outcome: CallEnd,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ErrorData>,
        #[serde(skip_serializing_if = "Option::is_none")]
        usage: Option<JsonText>,
        #[serde(skip_serializing_if = "Option::is_none")]
        session_id: Option<String>,
        /// What became of the call's worktree: `{ "outcome": "kept", "branch": … }`.
        #[serde(skip_serializing_if = "Option::is_none")]
        worktree: Option<JsonText>,
    },
    /// All that a journal which begins anew takes over was told. Told only where there is a journal.
    #[serde(rename = "run.replayed")]
    RunReplayed,
    /// The run is being cancelled: what follows is said by that. Told only where there is a journal.
    #[serde(rename = "run.cancelling")]
    RunCancelling,
    /// The last attempt of a call has ended, and what there is to do before the call ends is done now. Told only where
    /// there is a journal.
    #[serde(rename = "call.attempted")]
    CallAttempted { call: CallId },
    /// The script of a child was read. Told only where there is a journal, which keeps it.
    #[serde(rename = "script")]
    Script { call: CallId, name: Arc<str> },
    /// A timer of a script has run down. Told only where there is a journal, which has to know.
    #[serde(rename = "timer")]
    Timer { call: CallId },
    #[serde(rename = "budget.exhausted")]
    BudgetExhausted { budget: BudgetState },
    #[serde(rename = "warning")]
    Warning { code: &'static str, message: String },
}

impl Event {
    /// The name of its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run.started",
            Self::RunResumed { .. } => "run.resumed",
            Self::RunSuspended { .. } => "run.suspended",
            Self::RunCompleted { .. } => "run.completed",
            Self::RunFailed { .. } => "run.failed",
            Self::RunCancelled { .. } => "run.cancelled",
            Self::Phase { .. } => "phase",
            Self::Log { .. } => "log",
            Self::CallQueued { .. } => "call.queued",
            Self::CallStarted { .. } => "call.started",
            Self::CallProgress { .. } => "call.progress",
            Self::CallSession { .. } => "call.session",
            Self::CallRetrying { .. } => "call.retrying",
            Self::CallWaiting { .. } => "call.waiting",
            Self::CallEnded { .. } => "call.ended",
            Self::RunReplayed => "run.replayed",
            Self::RunCancelling => "run.cancelling",
            Self::CallAttempted { .. } => "call.attempted",
            Self::Script { .. } => "script",
            Self::Timer { .. } => "timer",
            Self::BudgetExhausted { .. } => "budget.exhausted",
            Self::Warning { .. } => "warning",
        }
    }

    /// The call that it is about.
    pub fn call(&self) -> Option<u64> {
        match self {
            Self::CallQueued { call, .. }
            | Self::CallStarted { call, .. }
            | Self::CallProgress { call, .. }
            | Self::CallSession { call, .. }
            | Self::CallRetrying { call, .. }
            | Self::CallWaiting { call, .. }
            | Self::CallEnded { call, .. }
            | Self::CallAttempted { call }
            | Self::Script { call, .. }
            | Self::Timer { call } => Some(call.0),
            _ => None,
        }
    }
}

/// What a call is, for people who watch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallInfo {
    pub kind: CallKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl CallInfo {
    /// A child workflow, by the name or path that it was called by.
    pub fn child(label: Option<String>) -> Self {
        Self { kind: CallKind::Child, label, phase: None, provider: None, model: None }
    }

    /// A wait of a script.
    pub fn sleep() -> Self {
        Self { kind: CallKind::Sleep, ..Self::child(None) }
    }
}

/// The kinds of calls that are told about. Timers are not: a script may make very many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    Agent,
    Child,
    Sleep,
}

/// What a suspended run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    pub what: CallKind,
    pub call: CallId,
    /// Since when and until when, in milliseconds since 1970.
    pub since: u64,
    pub until: u64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallEnd {
    Completed,
    Failed,
    Cancelled,
    /// The script ended without waiting for it.
    Abandoned,
}
