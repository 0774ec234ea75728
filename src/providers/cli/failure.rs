//! The failures of programs as errors: the original's words, a code that stays, and what to do about it.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::Kind;
use crate::model::error::ErrorData;
use crate::model::outcome::{AgentOutput, AttemptFailure};
use crate::providers::answer::{Answer, Failure, FailureKind};
use crate::providers::invocation::Invocation;
use crate::providers::process::ProcessError;

/// The code of a kind of failure, listed in `docs/errors.md`.
fn code(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::Auth => "ERR_AGENT_AUTH",
        FailureKind::NoCredit => "ERR_AGENT_NO_CREDIT",
        FailureKind::RateLimited { .. } => "ERR_AGENT_RATE_LIMITED",
        FailureKind::Overloaded => "ERR_AGENT_OVERLOADED",
        FailureKind::Connection => "ERR_AGENT_CONNECTION",
        FailureKind::Timeout => "ERR_AGENT_MODEL_TIMEOUT",
        FailureKind::UnknownModel => "ERR_AGENT_UNKNOWN_MODEL",
        FailureKind::PromptTooLong => "ERR_AGENT_PROMPT_TOO_LONG",
        FailureKind::Refused => "ERR_AGENT_REFUSED",
        FailureKind::SchemaRefused => "ERR_AGENT_SCHEMA_REFUSED",
        FailureKind::BadOutput => "ERR_AGENT_BAD_OUTPUT",
        FailureKind::PermissionDenied(_) => "ERR_AGENT_PERMISSION",
        FailureKind::Session => "ERR_AGENT_SESSION",
        FailureKind::Limit(_) => "ERR_AGENT_CUT_OFF",
        FailureKind::Setup => "ERR_AGENT_SETUP",
        FailureKind::Ended => "ERR_AGENT_ENDED",
        FailureKind::Other => "ERR_AGENT_FAILED",
    }
}

/// What a program said, or did not say.
pub(super) fn failed(kind: Kind, failure: Failure) -> Box<AttemptFailure> {
    let Failure { name, message, kind: what, record } = failure;
    let mut error = ErrorData::new(name, message).with_code(code(&what));
    error.hint = hint(kind, &what);
    let AgentOutput { usage, session_id, .. } = Answer { output: None, record: *record }.into_output();
    Box::new(AttemptFailure { error, retryable: what.may_pass(), mistake: false, usage, session_id })
}

fn hint(kind: Kind, what: &FailureKind) -> Option<String> {
    let hint = match what {
        FailureKind::Auth => match kind {
            Kind::ClaudeCode => "log in: start claude and type /login, or set ANTHROPIC_API_KEY",
            Kind::Codex => "log in: codex login",
            Kind::OpenCode => "log in: opencode auth login",
            Kind::Pi => "log in: start pi and type /login, or set the key of the model's provider",
        },
        FailureKind::PermissionDenied(_) => {
            "nobody is there to be asked: allow more with permissions, or ask for less in the prompt"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The call asks for something that cannot be.
pub(super) fn mistaken(error: ErrorData) -> Box<AttemptFailure> {
    let mistake = error.code.as_deref() == Some("ERR_INVALID_OPTION");
    Box::new(AttemptFailure { mistake, ..*hopeless(error) })
}

/// Another attempt comes out the same.
pub(super) fn hopeless(error: ErrorData) -> Box<AttemptFailure> {
    Box::new(AttemptFailure { error, ..AttemptFailure::default() })
}

/// The process could not be run.
pub(super) fn not_started(kind: Kind, error: ProcessError, invocation: &Invocation) -> Box<AttemptFailure> {
    let lost = matches!(error, ProcessError::Lost { .. });
    let mut data = ErrorData::from(error);
    match data.code.as_deref() {
        Some("ENOENT") => data.hint = Some(where_to_find(kind, invocation)),
        Some(_) => {}
        None => data.code = Some("ERR_AGENT_ENDED".to_owned()),
    }
    Box::new(AttemptFailure { error: data, retryable: lost, ..AttemptFailure::default() })
}

/// Where a program that is not there was looked for, and how it gets there.
fn where_to_find(kind: Kind, invocation: &Invocation) -> String {
    if let Some(folder) = invocation.cwd.as_ref().filter(|folder| !folder.is_dir()) {
        return format!("there is no folder {} to work in", folder.display());
    }
    let program = &invocation.program;
    if Path::new(program).components().count() > 1 {
        return format!("there is no file {program}, or what its first line names is not there");
    }
    let own =
        invocation.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, path)| OsString::from(path));
    let path = own.or_else(|| env::var_os("PATH")).unwrap_or_default();
    let package = match kind {
        Kind::ClaudeCode => "@anthropic-ai/claude-code",
        Kind::Codex => "@openai/codex",
        Kind::OpenCode => "opencode-ai",
        Kind::Pi => "@earendil-works/pi-coding-agent",
    };
    format!(
        "there is no {program} in the folders of PATH ({}); install it with npm install --global {package}, or name it with the option command",
        path.to_string_lossy()
    )
}

/// It took too long.
pub(super) fn timed_out(kind: Kind, limit: Duration) -> Box<AttemptFailure> {
    let message = format!("{} provider timed out after {}ms", kind.label(), limit.as_millis());
    ErrorData::new("Error", message).with_code("ERR_AGENT_TIMEOUT").into()
}

/// It was silent for too long.
pub(super) fn stalled(kind: Kind, limit: Duration) -> Box<AttemptFailure> {
    let message = format!("{} provider stalled: it said nothing for {}ms", kind.label(), limit.as_millis());
    ErrorData::new("Error", message).with_code("ERR_AGENT_STALLED").into()
}

/// The engine is going away.
pub(super) fn shut_down(kind: Kind) -> Box<AttemptFailure> {
    let message = format!("{} provider was stopped: the engine is shutting down", kind.label());
    hopeless(ErrorData::new("Error", message).with_code("ERR_AGENT_ENDED"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::answer::{Denial, Limit, Record};
    use serde_json::json;

    fn failure(kind: FailureKind) -> Failure {
        let usage = Some(json!({ "outputTokens": 3 }));
        let record = Record { usage, session_id: Some("s".to_owned()), ..Record::default() };
        Failure { name: "Error", message: "m".to_owned(), kind, record: Box::new(record) }
    }

    #[test]
    fn kinds_have_codes_and_say_whether_another_attempt_can_help() {
        let denial = Denial { tool: "Bash".to_owned(), target: "x".to_owned() };
        for (kind, code, retryable) in [
            (FailureKind::Auth, "ERR_AGENT_AUTH", false),
            (FailureKind::NoCredit, "ERR_AGENT_NO_CREDIT", false),
            (
                FailureKind::RateLimited { retry_after_ms: Some(1), resets_at: None },
                "ERR_AGENT_RATE_LIMITED",
                true,
            ),
            (FailureKind::Overloaded, "ERR_AGENT_OVERLOADED", true),
            (FailureKind::Connection, "ERR_AGENT_CONNECTION", true),
            (FailureKind::Timeout, "ERR_AGENT_MODEL_TIMEOUT", true),
            (FailureKind::UnknownModel, "ERR_AGENT_UNKNOWN_MODEL", false),
            (FailureKind::PromptTooLong, "ERR_AGENT_PROMPT_TOO_LONG", false),
            (FailureKind::Refused, "ERR_AGENT_REFUSED", true),
            (FailureKind::SchemaRefused, "ERR_AGENT_SCHEMA_REFUSED", false),
            (FailureKind::BadOutput, "ERR_AGENT_BAD_OUTPUT", true),
            (FailureKind::PermissionDenied(denial), "ERR_AGENT_PERMISSION", false),
            (FailureKind::Session, "ERR_AGENT_SESSION", true),
            (FailureKind::Limit(Limit::Turns), "ERR_AGENT_CUT_OFF", false),
            (FailureKind::Setup, "ERR_AGENT_SETUP", false),
            (FailureKind::Ended, "ERR_AGENT_ENDED", true),
            (FailureKind::Other, "ERR_AGENT_FAILED", true),
        ] {
            let attempt = failed(Kind::Codex, failure(kind));
            assert_eq!(attempt.error.code.as_deref(), Some(code));
            assert_eq!(attempt.retryable, retryable, "{code}");
            assert_eq!((attempt.usage.charged, attempt.session_id.as_deref()), (3.0, Some("s")), "{code}");
        }
    }

    #[test]
    fn only_options_that_make_no_sense_are_mistakes() {
        for (code, mistake) in [("ERR_INVALID_OPTION", true), ("ERR_ARGUMENT_TOO_LONG", false)] {
            let failure = mistaken(ErrorData::new("Error", "x").with_code(code));
            assert_eq!((failure.mistake, failure.retryable), (mistake, false), "{code}");
        }
    }
}
