//! How calls end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{ErrorData, WorkflowError};
use super::json::JsonText;
use super::usage::Usage;

/// What a call gives back to the script: a JSON value, `undefined` (`None`), or an error.
pub type Outcome = Result<Option<JsonText>, ErrorData>;

/// What a provider gives back for one attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentOutput {
    /// The answer; `None` is `undefined`.
    pub output: Option<JsonText>,
    pub usage: Usage,
    /// The agent's own session, for resuming it and for finding its transcript.
    pub session_id: Option<String>,
    /// What the provider wants kept beside the answer; `None` also where nobody asked for it.
    pub raw: Option<JsonText>,
    /// How a repair of the answer can go on where this attempt ended; `None`: it has to begin anew.
    pub resume: Option<Resume>,
}

/// Where another attempt can go on with the work of an earlier one: the agent's own session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The session's id.
    pub session: String,
    /// What the agent says that the session has cost so far, for the provider that said it: it counts from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<JsonText>,
    /// Where it was begun, as far as that is known: nowhere else can it be gone on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<SessionPlace>,
}

/// Where an agent's session is at home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionPlace {
    /// The provider that has named it.
    pub provider: String,
    /// The folder that the agent works in, if it works in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// Somebody else's limit that has to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub reason: WaitReason,
    /// After so long it is over, as far as the agent knows.
    pub after: Option<Duration>,
    /// The same as a time, in seconds since 1970. Whoever knows what time it is makes `after` of it.
    pub until: Option<u64>,
    /// The most that a call waits in all.
    pub limit: Duration,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitReason {
    /// Too many requests, or the limit of the plan.
    RateLimited,
    /// The model's servers have too much to do.
    Overloaded,
}

/// Why a provider gives no answer for one attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttemptFailure {
    pub error: ErrorData,
    /// Whether another attempt with nothing changed may come out differently.
    pub retryable: bool,
    /// The call itself is a mistake (an option that makes no sense): it rejects, whatever failed calls give the script.
    pub mistake: bool,
    /// What the attempt cost all the same, as far as the provider knows.
    pub usage: Usage,
    /// The agent's own session, if it got as far as having one.
    pub session_id: Option<String>,
    /// How another attempt can go on with what this one has done; `None`: it has to begin anew.
    pub resume: Option<Resume>,
    /// Nothing is wrong with the call: another attempt has to wait for somebody else, and counts for none.
    pub wait: Option<Wait>,
    /// The session that was to be gone on with is not there.
    pub session_lost: bool,
    /// What the provider wants kept of the attempt; `None` also where nobody asked for it.
    pub raw: Option<JsonText>,
}

impl From<ErrorData> for AttemptFailure {
    /// A failure of which nothing more is known: it cost nothing, and may pass.
    fn from(error: ErrorData) -> Self {
        Self { error, retryable: true, ..Self::default() }
    }
}

impl From<ErrorData> for Box<AttemptFailure> {
    fn from(error: ErrorData) -> Self {
        Box::new(error.into())
    }
}

/// One attempt of an agent call, after its output was checked against the call's schema.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// An answer that fits.
    Answer(AgentOutput),
    /// An answer that does not fit the schema; the errors in the order and wording of the retry prompt.
    Mismatch { output: AgentOutput, errors: Vec<String> },
    /// No answer.
    Failed(Box<AttemptFailure>),
    /// A mistake in the call itself (a schema that is none): rejects, whatever failed calls give the script.
    Refused { error: ErrorData, raw: Option<JsonText> },
}

impl AttemptOutcome {
    /// What the provider wants kept of the attempt. It decides nothing.
    pub fn take_raw(&mut self) -> Option<JsonText> {
        match self {
            Self::Answer(output) | Self::Mismatch { output, .. } => output.raw.take(),
            Self::Failed(failure) => failure.raw.take(),
            Self::Refused { raw, .. } => raw.take(),
        }
    }
}

/// How a whole script ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// Its result; `None` is `undefined`.
    Value(Option<JsonText>),
    /// It threw, rejected, or ran into a limit of its sandbox.
    Failed(WorkflowError),
}
