//! Errors as data: every way a run, a call or a script can fail, each with a stable code.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::ids::{CallId, RunId};
use super::json::JsonText;
use super::script::Position;
use super::store::StoreError;

/// An error that a script threw, or that a call rejects with: what JavaScript's `Error` holds, as data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorData {
    /// `RangeError`, `MyError`; empty for a thrown value that is not an error.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The message without the name.
    pub message: String,
    /// The frames, one per line, as the JavaScript engine prints them, without the line of name and message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// A stable `ERR_…` code where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do about it, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The call whose failure this is, so that the host can find its own error object again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// What led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<ErrorData>>,
}

impl ErrorData {
    /// An error with a name and a message and nothing else.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), ..Self::default() }
    }

    /// Adds a code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to do about it or about what led to it.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref().or_else(|| self.cause.as_deref()?.advice())
    }

    /// Adds a cause.
    #[must_use]
    pub fn with_cause(mut self, cause: ErrorData) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// `Name: message`, as the first line of a V8 stack.
    pub fn headline(&self) -> String {
        match (self.name.is_empty(), self.message.is_empty()) {
            (true, _) => self.message.clone(),
            (false, true) => self.name.clone(),
            (false, false) => format!("{}: {}", self.name, self.message),
        }
    }

    /// The headline followed by the frames: what the original engine put into the message of a rejected run.
    pub fn stack_text(&self) -> String {
        match &self.stack {
            Some(stack) if !stack.is_empty() => format!("{}\n{stack}", self.headline()),
            _ => self.headline(),
        }
    }
}

impl fmt::Display for ErrorData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())
    }
}

/// Why a run was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CancelReason {
    /// The caller asked for it.
    User,
    /// The run's own time limit.
    Timeout,
    /// The run that this one belongs to ended first.
    Parent,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "cancelled by the caller",
            Self::Timeout => "time limit reached",
            Self::Parent => "the run it belongs to has ended",
        })
    }
}

/// Everything that can end a run without a result.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WorkflowError {
    /// No valid literal metadata. `found` says where and what is not literal, where that is known.
    #[error("{}{}", super::metadata::MISSING_METADATA, detail(found))]
    Metadata { found: Option<String> },
    /// Neither `export default`, nor a top-level `return`, nor a hook used outside functions.
    #[error("Workflow script must default export a workflow result or function")]
    NoEntry,
    /// The source does not parse. `frame` is the line with a caret under the place, or empty.
    #[error("SyntaxError: {message} ({file}:{}:{}){}", at.line, at.column, excerpt(frame))]
    Syntax { message: String, file: String, at: Position, frame: String, hint: Option<String> },
    /// The source asks for something that a sandboxed script cannot have, such as a Node.js module.
    #[error("{message} ({file}:{}:{}){}", at.line, at.column, excerpt(frame))]
    Unsupported { message: String, file: String, at: Position, frame: String, hint: Option<String> },
    /// A helper module that cannot be had, though helpers may be imported.
    #[error("{message} ({file}:{}:{}){}", at.line, at.column, excerpt(frame))]
    Import { message: String, file: String, at: Position, frame: String, hint: Option<String> },
    /// The script threw, or its promise rejected. `name` is what it was thrown as.
    #[error("{}", error.stack_text())]
    Script { error: ErrorData, hint: Option<String> },
    /// The script waits for something that cannot happen.
    #[error(
        "the workflow waits for a promise that nothing can settle any more: no agent call, timer or child workflow is pending ({script})"
    )]
    Stalled { script: String },
    /// More CPU time between two awaits than allowed.
    #[error("the workflow used more than {} ms of CPU time between two awaits ({script})", limit_ms)]
    CpuLimit { limit_ms: u64, script: String },
    /// The sandbox ran out of its memory.
    #[error("the workflow used more than its {} MiB of memory ({script})", limit_bytes / (1024 * 1024))]
    MemoryLimit { limit_bytes: usize, script: String },
    /// A turn held calls that add up to too much.
    #[error("the workflow has too much waiting outside the sandbox: {what} ({script})")]
    PendingLimit { what: String, script: String },
    /// The source is larger than allowed.
    #[error("workflow source {file} has {size} bytes; the limit is {limit}")]
    SourceTooLarge { file: String, size: usize, limit: usize },
    /// The caller or a limit ended the run.
    #[error("workflow run was cancelled: {reason}")]
    Cancelled { reason: CancelReason },
    /// An option with a value that cannot be.
    #[error("{option}: {message}")]
    Option { option: String, message: String },
    /// A configuration file or variable that cannot be meant. `place` is the file or variable, with the path of the
    /// value in it.
    #[error("{place}: {message}")]
    Config { place: String, message: String },
    /// A durable run is in a state in which this cannot be done with it.
    #[error("{message}")]
    RunState { code: &'static str, message: String, hint: &'static str },
    /// A durable run has nothing to do before that time, in milliseconds since 1970, and was put away.
    #[error("run {run} is suspended: it waits, and goes on by itself")]
    Suspended { run: RunId, until: u64 },
    /// How a durable run ended earlier: `{ code, message, details }`.
    #[error("{}", recorded(error, "message"))]
    Recorded { error: JsonText },
    /// The script does something else than its journal says.
    #[error("{}", error.message)]
    Replay { error: ErrorData },
    /// A native loop did not come back; the run was abandoned and its thread left to itself.
    #[error("the workflow is stuck inside one native operation that cannot be interrupted ({script})")]
    Wedged { script: String },
    /// The store of durable runs did not do what it was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of the engine. Never expected; reported rather than crashing the host.
    #[error("internal error of the workflow engine: {message}")]
    Internal { message: String },
}

fn recorded(error: &JsonText, field: &str) -> String {
    let value = error.parse().unwrap_or_default();
    value.get(field).and_then(Value::as_str).unwrap_or("the run has failed").to_owned()
}

fn excerpt(frame: &str) -> String {
    if frame.is_empty() { String::new() } else { format!("\n{frame}") }
}

fn detail(found: &Option<String>) -> String {
    found.as_ref().map(|found| format!(": {found}")).unwrap_or_default()
}

impl WorkflowError {
    /// The stable code, listed in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Metadata { .. } => "ERR_WORKFLOW_METADATA",
            Self::NoEntry => "ERR_WORKFLOW_NO_ENTRY",
            Self::Syntax { .. } => "ERR_SCRIPT_SYNTAX",
            Self::Unsupported { .. } => "ERR_SCRIPT_UNSUPPORTED",
            Self::Import { .. } => "ERR_SCRIPT_IMPORT",
            Self::Script { .. } => "ERR_SCRIPT_FAILED",
            Self::Stalled { .. } => "ERR_SCRIPT_STALLED",
            Self::CpuLimit { .. } => "ERR_SCRIPT_CPU_LIMIT",
            Self::MemoryLimit { .. } => "ERR_SCRIPT_MEMORY_LIMIT",
            Self::PendingLimit { .. } => "ERR_SCRIPT_PENDING_LIMIT",
            Self::SourceTooLarge { .. } => "ERR_SCRIPT_TOO_LARGE",
            Self::Cancelled { .. } => "ERR_RUN_CANCELLED",
            Self::Option { .. } => "ERR_INVALID_OPTION",
            Self::Config { .. } => "ERR_CONFIG",
            Self::RunState { code, .. } => code,
            Self::Suspended { .. } => "ERR_RUN_SUSPENDED",
            Self::Recorded { .. } => "ERR_RUN_FAILED",
            Self::Replay { .. } => "ERR_REPLAY_MISMATCH",
            Self::Wedged { .. } => "ERR_SCRIPT_WEDGED",
            Self::Store(error) => error.code(),
            Self::Internal { .. } => "ERR_INTERNAL",
        }
    }

    /// What to do about it, where there is something to say: data beside the message, not part of it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Syntax { hint, .. }
            | Self::Unsupported { hint, .. }
            | Self::Import { hint, .. }
            | Self::Script { hint, .. } => hint.as_deref(),
            Self::Store(error) => error.hint(),
            Self::NoEntry => Some(
                "return a result at the end (`return await main()`), or export a function as default; `await` what the script starts",
            ),
            Self::Stalled { .. } => Some(
                "await only agent(), parallel(), pipeline(), workflow() and timers; a promise of your own needs a resolve that is called",
            ),
            Self::CpuLimit { .. } => Some("move heavy computation into an agent, or raise limits.cpuMs"),
            Self::RunState { hint, .. } => Some(hint),
            Self::Replay { .. } => Some(
                "the source, a child workflow or a helper has changed, or the script asks for something that is not the same each time; to go on with what still fits, resume with drift 'match' or 'prefix'",
            ),
            Self::MemoryLimit { .. } => {
                Some("keep large texts out of the workflow, or raise limits.memoryBytes")
            }
            _ => None,
        }
    }

    /// The error as a call that failed with it shows it to the script that made the call.
    pub fn to_error_data(&self) -> ErrorData {
        match self {
            Self::Script { error, .. } => error.clone(),
            other => ErrorData::new("Error", other.to_string()).with_code(other.code()),
        }
    }

    /// The facts behind the message, as JSON for `WorkflowError.details`.
    pub fn details(&self) -> Value {
        if let Self::Store(error) = self {
            return error.details();
        }
        let mut details = Map::new();
        let mut set = |key: &str, value: Value| details.insert(key.to_owned(), value);
        match self {
            Self::Syntax { file, at, frame, .. }
            | Self::Unsupported { file, at, frame, .. }
            | Self::Import { file, at, frame, .. } => {
                set("frame", json!(frame));
                set("file", json!(file));
                set("line", json!(at.line));
                set("column", json!(at.column));
            }
            Self::Script { error, .. } => {
                set("error", json!(error));
            }
            Self::Stalled { script } | Self::Wedged { script } => {
                set("script", json!(script));
            }
            Self::CpuLimit { limit_ms, script } => {
                set("limitMs", json!(limit_ms));
                set("script", json!(script));
            }
            Self::MemoryLimit { limit_bytes, script } => {
                set("limitBytes", json!(limit_bytes));
                set("script", json!(script));
            }
            Self::PendingLimit { what, script } => {
                set("what", json!(what));
                set("script", json!(script));
            }
            Self::SourceTooLarge { file, size, limit } => {
                set("file", json!(file));
                set("size", json!(size));
                set("limit", json!(limit));
            }
            Self::Cancelled { reason } => {
                set("reason", json!(reason));
            }
            Self::Option { option, .. } => {
                set("option", json!(option));
            }
            Self::Config { place, .. } => {
                set("place", json!(place));
            }
            Self::Suspended { run, until } => {
                set("runId", json!(run));
                set("until", json!(until));
            }
            Self::Recorded { error } => {
                set("recorded", error.parse().unwrap_or_default());
            }
            Self::Metadata { .. }
            | Self::NoEntry
            | Self::Replay { .. }
            | Self::RunState { .. }
            | Self::Store(_)
            | Self::Internal { .. } => {}
        }
        if let Some(hint) = self.hint() {
            details.insert("hint".to_owned(), json!(hint));
        }
        Value::Object(details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_text_is_headline_and_frames() {
        let mut error = ErrorData::new("RangeError", "bad");
        assert_eq!(error.stack_text(), "RangeError: bad");
        error.stack = Some("    at f (a.js:1:2)".to_owned());
        assert_eq!(error.stack_text(), "RangeError: bad\n    at f (a.js:1:2)");
        assert_eq!(ErrorData::new("", "str").headline(), "str");
        assert_eq!(ErrorData::new("Error", "").headline(), "Error");
    }
}
