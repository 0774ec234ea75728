//! The failures of programs as errors: the original's words, a code that stays, and what to do about it.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::Kind;
use crate::model::error::ErrorData;
use crate::model::outcome::{AgentOutput, AttemptFailure, Wait, WaitReason};
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
        FailureKind::ServerError => "ERR_AGENT_SERVER",
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
///
/// `max_wait` is how long a call may wait for the limits of others, `worked` whether the agent has done something that
/// another attempt could build on, `raw` whether what it printed is wanted.
pub(super) fn failed(
    kind: Kind,
    failure: Failure,
    max_wait: Duration,
    worked: bool,
    raw: bool,
) -> Box<AttemptFailure> {
    let Failure { name, message, kind: what, record } = failure;
    let mut error = ErrorData::new(name, message).with_code(code(&what));
    error.hint = hint(kind, &what);
    let AgentOutput { usage, session_id, resume, raw, .. } =
        Answer { output: None, record: *record }.into_output(raw);
    Box::new(AttemptFailure {
        error,
        retryable: what.may_pass(),
        mistake: false,
        usage,
        session_id,
        resume: resume.filter(|_| worked && goes_on(&what)),
        wait: wait(&what, max_wait),
        session_lost: what == FailureKind::Session,
        raw,
    })
}

/// Whether the agent's own session is good for another attempt: it was broken off from outside. An agent that has come
/// to an end of its own making would only hear its own words again.
fn goes_on(what: &FailureKind) -> bool {
    matches!(
        what,
        FailureKind::RateLimited { .. }
            | FailureKind::Overloaded
            | FailureKind::ServerError
            | FailureKind::Connection
            | FailureKind::Timeout
            | FailureKind::Ended
    )
}

/// What has to be waited for.
fn wait(what: &FailureKind, limit: Duration) -> Option<Wait> {
    /// Servers that have too much to do for longer than this are out of order.
    const OVERLOAD: Duration = Duration::from_secs(15 * 60);
    match what {
        FailureKind::RateLimited { retry_after_ms, resets_at } => {
            let after = retry_after_ms.map(Duration::from_millis);
            Some(Wait { reason: WaitReason::RateLimited, after, until: *resets_at, limit })
        }
        FailureKind::Overloaded => {
            let limit = limit.min(OVERLOAD);
            Some(Wait { reason: WaitReason::Overloaded, after: None, until: None, limit })
        }
        _ => None,
    }
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
    let retryable = error.may_pass();
    let mut data = ErrorData::from(error);
    match data.code.as_deref() {
        Some("ENOENT") => data.hint = Some(where_to_find(kind, invocation)),
        Some(code) => data.hint = want_of_room(code).map(str::to_owned),
        None => data.code = Some("ERR_AGENT_ENDED".to_owned()),
    }
    Box::new(AttemptFailure { error: data, retryable, ..AttemptFailure::default() })
}

/// What to do where the system has no room for one more program.
fn want_of_room(code: &str) -> Option<&'static str> {
    Some(match code {
        "EAGAIN" => {
            "there are as many processes as there may be: let fewer agents run at once (concurrency), or raise the limit (ulimit -u)"
        }
        "EMFILE" | "ENFILE" => {
            "there are as many open files as there may be: let fewer agents run at once (concurrency), or raise the limit (ulimit -n)"
        }
        "ENOMEM" => "there is no memory for one more process: let fewer agents run at once (concurrency)",
        _ => return None,
    })
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
    use crate::providers::testing::Asked;
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
            (FailureKind::ServerError, "ERR_AGENT_SERVER", true),
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
            let attempt = failed(Kind::Codex, failure(kind), Duration::from_secs(60), false, false);
            assert_eq!(attempt.error.code.as_deref(), Some(code));
            assert_eq!(attempt.retryable, retryable, "{code}");
            assert_eq!((attempt.usage.charged, attempt.session_id.as_deref()), (3.0, Some("s")), "{code}");
        }
    }

    #[test]
    fn a_program_that_finds_no_room_may_find_some_later() {
        let asked = Asked::new("x", json!(null));
        let invocation = crate::providers::pi::command::invocation(&asked.call()).unwrap();
        for (code, retryable, hint) in [
            ("EAGAIN", true, "ulimit -u"),
            ("EMFILE", true, "ulimit -n"),
            ("ENFILE", true, "ulimit -n"),
            ("ENOMEM", true, "memory"),
            ("ETXTBSY", true, ""),
            ("ENOENT", false, "PATH"),
            ("EACCES", false, ""),
            ("E2BIG", false, ""),
        ] {
            let source = std::io::Error::other("x");
            let error = ProcessError::Spawn { program: "agent".to_owned(), code: code.to_owned(), source };
            let failure = not_started(Kind::Pi, error, &invocation);
            assert_eq!((failure.error.code.as_deref(), failure.retryable), (Some(code), retryable));
            let said = failure.error.hint.unwrap_or_default();
            assert!(said.contains(hint) && said.is_empty() == hint.is_empty(), "{code}: {said}");
        }
    }

    #[test]
    fn limits_of_others_are_waited_for() {
        let minute = Duration::from_secs(60);
        let waits = |kind| failed(Kind::Codex, failure(kind), minute, false, false).wait;
        let told = FailureKind::RateLimited { retry_after_ms: Some(1500), resets_at: None };
        let expected = Wait {
            reason: WaitReason::RateLimited,
            after: Some(Duration::from_millis(1500)),
            until: None,
            limit: minute,
        };
        assert_eq!(waits(told), Some(expected));
        let told = FailureKind::RateLimited { retry_after_ms: None, resets_at: Some(7) };
        assert_eq!(waits(told), Some(Wait { after: None, until: Some(7), ..expected }));
        assert_eq!(waits(FailureKind::Overloaded).map(|wait| wait.reason), Some(WaitReason::Overloaded));
        for kind in [FailureKind::ServerError, FailureKind::NoCredit, FailureKind::Other] {
            assert_eq!(waits(kind), None);
        }
    }

    #[test]
    fn only_broken_off_work_is_gone_on_with() {
        let resume = |kind, worked| {
            let attempt = failed(Kind::Codex, failure(kind), Duration::ZERO, worked, false);
            attempt.resume.map(|resume| resume.session)
        };
        assert_eq!(resume(FailureKind::Connection, true).as_deref(), Some("s"));
        assert_eq!(resume(FailureKind::Connection, false), None);
        assert_eq!(resume(FailureKind::BadOutput, true), None);
        assert!(failed(Kind::Pi, failure(FailureKind::Session), Duration::ZERO, false, false).session_lost);
    }

    #[test]
    fn what_a_program_printed_is_there_if_it_is_wanted() {
        for (wanted, expected) in [(true, Some(r#"{"events":[1]}"#)), (false, None)] {
            let mut failed = failure(FailureKind::Other);
            failed.record.raw = json!({ "events": [1] });
            let attempt = super::failed(Kind::Pi, failed, Duration::ZERO, false, wanted);
            assert_eq!(attempt.raw.as_ref().map(|raw| raw.as_str()), expected);
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
