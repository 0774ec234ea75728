//! What one run of an agent CLI comes to, an answer or a failure, and what can be told while it is under way.
//!
//! The readers of all CLIs give these. Nothing here knows what any of them prints.

use serde_json::Value;

use super::classify::classify;
use super::text;
use crate::model::json::JsonText;
use crate::model::outcome::{AgentOutput, Resume};
pub use crate::model::progress::{Denial, Progress};
use crate::model::usage::Usage;

/// How a child process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// The signal's name, `SIGTERM`.
    Signal(String),
}

/// What an attempt leaves behind, however it ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// What this attempt alone cost: `{ inputTokens?, outputTokens?, cacheReadTokens?, cacheWriteTokens?, totalTokens?,
    /// cost?: { input?, output?, cacheRead?, cacheWrite?, total?, currency? } }`. Tokens are counts, cost is in the
    /// currency it names. Failed attempts have one too, where the CLI tells.
    pub usage: Option<Value>,
    /// The CLI's own session, by which it can be resumed.
    pub session_id: Option<String>,
    /// What the CLI says that the whole session has cost so far, in the shape of `usage`. Whoever resumes the session
    /// gives it to the next reader, which subtracts it. `None` where the CLI counts every run alone.
    pub session_total: Option<Value>,
    /// Tool calls that nobody was there to allow.
    pub denials: Vec<Denial>,
    /// What the CLI printed, as `raw` of the result: of its events, and of its response, at most about
    /// [`keep::RAW_LIMIT`](super::keep::RAW_LIMIT) bytes, with a note of what was left out.
    pub raw: Value,
}

/// The answer of one attempt. Whether it fits the call's schema is not checked: no CLI's word is good for that.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The text, or the structured value; `None` is `undefined`.
    pub output: Option<Value>,
    pub record: Record,
}

impl Answer {
    /// The answer as the engine takes it, with `raw` if somebody wants it. The record's denials are not part of it.
    pub fn into_output(self, raw: bool) -> AgentOutput {
        let total = self.record.session_total.as_ref().map(JsonText::from_value);
        let session = self.record.session_id.clone();
        let resume = session.map(|session| Resume { session, total, place: None });
        AgentOutput {
            output: self.output.as_ref().map(JsonText::from_value),
            usage: self.record.usage.as_ref().map(Usage::from_report).unwrap_or_default(),
            session_id: self.record.session_id,
            raw: raw.then(|| JsonText::from_value(&self.record.raw)),
            resume,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The JavaScript name of the error: `Error` or `SyntaxError`.
    pub name: &'static str,
    /// `Codex provider exited with code 3: …`, with the CLI's own words.
    pub message: String,
    pub kind: FailureKind,
    pub record: Box<Record>,
}

/// What kind of failure it is, so that nobody has to read the message to decide what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Not logged in, or the credentials were refused.
    Auth,
    /// No money left on the account.
    NoCredit,
    /// Too many requests, or the plan's limit is used up. When to try again, where the CLI says: in so many
    /// milliseconds, or at a time in seconds since 1970.
    RateLimited {
        retry_after_ms: Option<u64>,
        resets_at: Option<u64>,
    },
    /// The model's servers are overloaded.
    Overloaded,
    /// The model's servers are broken.
    ServerError,
    /// The model's servers cannot be reached, or the connection broke.
    Connection,
    /// The model took too long, by the CLI's own clock.
    Timeout,
    UnknownModel,
    PromptTooLong,
    /// The model's safeguards refused.
    Refused,
    /// The CLI or the model's servers do not take the call's schema.
    SchemaRefused,
    /// Done, but without the structured value, or with something that is none.
    BadOutput,
    /// Ended because of a tool call that nobody was there to allow.
    PermissionDenied(Denial),
    /// The session to be resumed does not exist, is in use, or belongs to another directory.
    Session,
    /// A limit that the call itself set, or that the model has.
    Limit(Limit),
    /// The CLI was called in a way, or set up so, that it does not accept.
    Setup,
    /// It was interrupted, or ended without saying how its work came out.
    Ended,
    /// Whatever else.
    Other,
}

/// A limit that ended an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Turns,
    Budget,
    /// The longest answer that the model gives.
    Output,
}

impl FailureKind {
    /// Whether the same call may come out differently when it is made again with nothing changed.
    pub fn may_pass(&self) -> bool {
        !matches!(
            self,
            Self::Auth
                | Self::NoCredit
                | Self::UnknownModel
                | Self::PromptTooLong
                | Self::SchemaRefused
                | Self::PermissionDenied(_)
                | Self::Limit(_)
                | Self::Setup
        )
    }
}

/// The most UTF-16 units of a text in [`Progress`] and [`Denial`].
pub const SHOWN: usize = 2000;

/// The most things told about one line. Lines with more exist only where somebody plays tricks.
pub const MOST_PROGRESS: usize = 100;

/// A text as [`Progress`] has it.
pub fn shown(text: &str) -> String {
    text::shorten(text, SHOWN)
}

/// The most UTF-16 units of a CLI's words in a message.
const DETAILS: usize = 4000;

/// The message of a failure: how the CLI ended and what it said. `details` is shortened and may be empty.
pub fn failure_message(label: &str, exit: &Exit, details: &str) -> String {
    let mut message = match exit {
        Exit::Code(0) => format!("{label} provider failed"),
        Exit::Code(code) => format!("{label} provider exited with code {code}"),
        Exit::Signal(signal) => format!("{label} provider exited with signal {signal}"),
    };
    if !details.is_empty() {
        message.push_str(": ");
        message.push_str(&text::shorten(details, DETAILS));
    }
    message
}

/// What to quote of what a CLI printed: first what it documents as its error, then its stderr, then what else its
/// stdout says, then the stdout itself. The first that is not empty.
pub fn details(documented: Option<&str>, stderr: &str, said: Option<&str>, stdout: &str) -> String {
    let stderr = text::without_escapes(stderr);
    let candidates = [documented.unwrap_or_default(), text::trim(&stderr), said.unwrap_or_default()];
    let found = candidates.into_iter().find(|candidate| !candidate.is_empty());
    found.unwrap_or_else(|| text::trim(stdout)).to_owned()
}

/// A failure that the CLI documents: its words, and what kind they are.
pub struct Fault {
    pub words: String,
    pub kind: FailureKind,
}

/// How a CLI ended, and what is there to say about it. What all readers make failures of.
pub struct Ending<'a> {
    pub label: &'static str,
    pub exit: &'a Exit,
    pub stderr: &'a str,
    /// What its stdout says about the failure, in no documented place.
    pub said: Option<&'a str>,
    /// The stdout, where it is no better than to be quoted.
    pub stdout: &'a str,
}

impl Ending<'_> {
    /// The failure of a CLI that said so, or that has to be taken for failed by how it ended.
    pub fn failure(&self, fault: Option<Fault>, record: Record) -> Failure {
        let words = fault.as_ref().map(|fault| fault.words.as_str());
        let details = details(words, self.stderr, self.said, self.stdout);
        let kind = match fault {
            Some(fault) => fault.kind,
            None => self.kind(&details),
        };
        Failure {
            name: "Error",
            message: failure_message(self.label, self.exit, &details),
            kind,
            record: Box::new(record),
        }
    }

    fn kind(&self, details: &str) -> FailureKind {
        let stopped = match self.exit {
            Exit::Signal(_) => true,
            // What programs give that catch a signal and end; 0 is only looked at when there is no answer.
            Exit::Code(code) => matches!(code, 0 | 129 | 130 | 137 | 143),
        };
        match classify(None, details) {
            FailureKind::Other if stopped => FailureKind::Ended,
            kind => kind,
        }
    }
}

/// A failure in our own words, of a CLI that ended as it should.
pub fn unusable(message: impl Into<String>, record: Record) -> Failure {
    Failure { name: "Error", message: message.into(), kind: FailureKind::BadOutput, record: Box::new(record) }
}

/// What a tool call is about, from its arguments: the path, command or address where there is one, else all of it.
pub fn target(arguments: Option<&Value>) -> String {
    const KEYS: &[&str] = &[
        "file_path",
        "filePath",
        "notebook_path",
        "path",
        "command",
        "cmd",
        "url",
        "query",
        "pattern",
        "description",
        "prompt",
    ];
    let Some(arguments) = arguments else { return String::new() };
    let named = KEYS.iter().find_map(|key| arguments.get(key).and_then(Value::as_str));
    match named {
        Some(text) => shown(text),
        None if arguments.is_null() => String::new(),
        None => shown(&arguments.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_say_how_it_ended_and_what_it_said() {
        let long = "x".repeat(4001);
        for (exit, details, message) in [
            (Exit::Code(3), "oh", "Codex provider exited with code 3: oh".to_owned()),
            (Exit::Code(3), "", "Codex provider exited with code 3".to_owned()),
            (Exit::Code(0), "oh", "Codex provider failed: oh".to_owned()),
            (Exit::Signal("SIGTERM".to_owned()), "", "Codex provider exited with signal SIGTERM".to_owned()),
            (Exit::Code(1), &long, format!("Codex provider exited with code 1: {}…", "x".repeat(4000))),
        ] {
            assert_eq!(failure_message("Codex", &exit, details), message);
        }
    }

    #[test]
    fn details_come_from_the_first_that_says_something() {
        for (documented, stderr, said, stdout, expected) in [
            (Some("a"), "b", Some("c"), "d", "a"),
            (None, " b\n", Some("c"), "d", "b"),
            (None, " \n", Some(" c "), "d", " c "),
            (None, "", None, " d ", "d"),
            (None, "\u{1b}[91m\u{1b}[1mError: \u{1b}[0mb", None, "", "Error: b"),
            (None, "", None, "", ""),
        ] {
            assert_eq!(details(documented, stderr, said, stdout), expected);
        }
    }

    #[test]
    fn an_answer_becomes_the_engines_output() {
        let record = Record {
            usage: Some(json!({ "outputTokens": 3 })),
            session_id: Some("s".to_owned()),
            raw: json!({ "z": 1, "a": 2 }),
            ..Record::default()
        };
        let answer = Answer { output: Some(json!("x")), record };
        assert_eq!(answer.clone().into_output(false).raw, None);
        let output = answer.into_output(true);
        assert_eq!(output.output, Some(JsonText::new("\"x\"")));
        assert_eq!(output.usage.charged, 3.0);
        assert_eq!(output.session_id.as_deref(), Some("s"));
        assert_eq!(output.raw, Some(JsonText::new(r#"{"z":1,"a":2}"#)));
    }

    #[test]
    fn tools_are_summed_up_by_what_they_touch() {
        for (arguments, expected) in [
            (json!({ "content": "long", "file_path": "/a/b" }), "/a/b"),
            (json!({ "command": "ls" }), "ls"),
            (json!({ "n": 1 }), r#"{"n":1}"#),
            (json!(null), ""),
        ] {
            assert_eq!(target(Some(&arguments)), expected);
        }
        assert_eq!(target(None), "");
    }
}
