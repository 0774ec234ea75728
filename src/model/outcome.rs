//! How calls end.

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
    /// What the provider wants kept beside the answer.
    pub raw: Option<JsonText>,
}

/// One attempt of an agent call, after its output was checked against the call's schema.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptOutcome {
    /// An answer that fits.
    Answer(AgentOutput),
    /// An answer that does not fit the schema; the errors in the order and wording of the retry prompt.
    Mismatch { output: AgentOutput, errors: Vec<String> },
    /// No answer. `retryable` is false where trying again cannot help (a provider that does not exist).
    Failed { error: ErrorData, retryable: bool },
    /// A mistake in the call itself (a schema that is none): rejects, whatever failed calls give the script.
    Refused { error: ErrorData },
}

/// How a whole script ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// Its result; `None` is `undefined`.
    Value(Option<JsonText>),
    /// It threw, rejected, or ran into a limit of its sandbox.
    Failed(WorkflowError),
}
