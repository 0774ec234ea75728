//! What scripts ask for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::error::ErrorData;
use super::ids::Slot;
use super::json::{JsonText, kind};
use super::worktree::WorktreeChoice;

/// One call, as the sandbox hands it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The sandbox's own number for the call.
    pub slot: Slot,
    pub kind: RequestKind,
}

/// The kinds of calls.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestKind {
    Agent(Arc<AgentRequest>),
    Workflow(ChildRequest),
    /// `setTimeout` and friends.
    Timer {
        delay: Duration,
    },
    /// `sleep(duration)`: a wait that outlives the process.
    Sleep {
        duration: Duration,
    },
    /// The script no longer wants an earlier call (`clearTimeout`). Has no outcome.
    Cancel {
        target: Slot,
    },
}

/// `agent(prompt, options)` with the options after phase defaults were filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentRequest {
    /// Any JSON value, a string nearly always; `None` is `undefined`.
    pub prompt: Option<JsonText>,
    /// The options as the provider or handler sees them, key order kept; `None` is `undefined`.
    pub options: Option<JsonText>,
    /// What the engine itself acts on, read from the options.
    pub parsed: AgentOptions,
}

impl AgentRequest {
    /// The prompt as text: a string is itself, anything else its JSON form, as a template literal would show it.
    pub fn prompt_text(&self) -> String {
        match &self.prompt {
            None => "undefined".to_owned(),
            Some(json) => match json.parse() {
                Ok(Value::String(text)) => text,
                _ => json.as_str().to_owned(),
            },
        }
    }

    /// The same call with another prompt, for a retry.
    #[must_use]
    pub fn with_prompt(&self, prompt: &str) -> Self {
        Self { prompt: Some(JsonText::from_str_value(prompt)), ..self.clone() }
    }
}

/// The options of an agent call that the engine acts on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentOptions {
    pub label: Option<String>,
    pub phase: Option<String>,
    pub key: Option<String>,
    pub model: Option<String>,
    /// A provider's name, instead of the run's own provider.
    pub provider: Option<String>,
    pub agent_type: Option<String>,
    pub cwd: Option<String>,
    /// Present whenever the option is not `undefined`: even `null` is "a schema".
    pub schema: Option<Arc<Value>>,
    pub timeout: Option<Duration>,
    pub retry: Option<RetryPolicy>,
    /// `isolation: 'worktree'`, with the option `worktree`.
    pub worktree: Option<WorktreeChoice>,
    /// Names of options that the engine does not know, for one warning each.
    pub unknown: Vec<String>,
}

/// `retry: { maxAttempts, backoffMs }`: how often a failed attempt is followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1.
    pub max_attempts: u32,
    /// Wait before the second attempt; doubled before each further one.
    pub backoff: Duration,
}

/// Every option of `agent()` that means something to the engine or to a provider of it.
pub const KNOWN_AGENT_OPTIONS: &[&str] = &[
    "label",
    "phase",
    "schema",
    "model",
    "isolation",
    "worktree",
    "agentType",
    "key",
    "provider",
    "effort",
    "cwd",
    "timeoutMs",
    "stallMs",
    "retry",
    "tools",
    "permissions",
    "providerOptions",
];

/// The members of the option `retry`.
pub const KNOWN_RETRY_OPTIONS: &[&str] = &["maxAttempts", "backoffMs"];

/// Every option of `parallel()`.
pub const KNOWN_PARALLEL_OPTIONS: &[&str] = &["concurrency", "failFast", "minSuccess", "timeoutMs", "settle"];

/// `setTimeout` clamps there; so do we.
const MAX_TIMEOUT_MS: f64 = 2_147_483_647.0;

impl AgentOptions {
    /// Reads the options of one call.
    ///
    /// # Errors
    /// A `TypeError` that names the option, what was found and what is expected. Options that only providers act
    /// on are not looked into: the original engine passes them on whatever they hold.
    pub fn parse(options: &Value) -> Result<Self, ErrorData> {
        let object = match options {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object,
            other => {
                return Err(type_error(format!("agent() options must be an object, got {}", kind(other))));
            }
        };
        let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(isolation) = object.get("isolation")
            && !matches!(isolation, Value::Null)
            && isolation != "worktree"
        {
            return Err(type_error(format!(
                "agent() option isolation must be \"worktree\", got {isolation}"
            )));
        }
        let isolated = object.get("isolation").is_some_and(|isolation| !isolation.is_null());
        let worktree = match object.get("worktree") {
            None | Some(Value::Null) => isolated.then(WorktreeChoice::default),
            Some(_) if !isolated => {
                return Err(type_error(
                    "agent() option worktree does nothing without isolation: 'worktree'".to_owned(),
                ));
            }
            Some(value) => Some(WorktreeChoice::parse(value)?),
        };
        Ok(Self {
            label: text("label").map(str::to_owned),
            phase: text("phase").map(str::to_owned),
            key: text("key").map(str::to_owned),
            model: text("model").map(str::to_owned),
            provider: text("provider").map(str::to_owned),
            agent_type: text("agentType").map(str::to_owned),
            cwd: text("cwd").map(str::to_owned),
            schema: object.get("schema").cloned().map(Arc::new),
            timeout: match object.get("timeoutMs") {
                None | Some(Value::Null) => None,
                Some(value) => Some(milliseconds("timeoutMs", value, 1.0)?),
            },
            retry: match object.get("retry") {
                None | Some(Value::Null) => None,
                Some(value) => Some(retry(value)?),
            },
            worktree,
            unknown: object
                .keys()
                .filter(|key| !KNOWN_AGENT_OPTIONS.contains(&key.as_str()))
                .cloned()
                .collect(),
        })
    }
}

fn retry(value: &Value) -> Result<RetryPolicy, ErrorData> {
    let Some(object) = value.as_object() else {
        return Err(type_error(format!(
            "agent() option retry must be an object {{ maxAttempts, backoffMs }}, got {}",
            kind(value)
        )));
    };
    let max_attempts = match object.get("maxAttempts") {
        None | Some(Value::Null) => 2,
        Some(value) => match value.as_u64() {
            Some(number @ 1..=1000) => number as u32,
            _ => {
                return Err(type_error(format!(
                    "agent() option retry.maxAttempts must be a whole number from 1 to 1000, got {value}"
                )));
            }
        },
    };
    let backoff = match object.get("backoffMs") {
        None | Some(Value::Null) => Duration::ZERO,
        Some(value) => milliseconds("retry.backoffMs", value, 0.0)?,
    };
    Ok(RetryPolicy { max_attempts, backoff })
}

fn milliseconds(option: &str, value: &Value, least: f64) -> Result<Duration, ErrorData> {
    match value.as_f64() {
        Some(ms) if ms >= least && ms <= MAX_TIMEOUT_MS => Ok(Duration::from_secs_f64(ms / 1000.0)),
        _ => Err(type_error(format!(
            "agent() option {option} must be a number of milliseconds from {least} to {MAX_TIMEOUT_MS}, got {value}"
        ))),
    }
}

fn type_error(message: String) -> ErrorData {
    ErrorData::new("TypeError", message).with_code("ERR_INVALID_OPTION")
}

/// `workflow(nameOrRef, args)`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildRequest {
    pub target: ChildTarget,
    /// `None` is `undefined`.
    pub args: Option<JsonText>,
}

/// How a child workflow is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChildTarget {
    /// By `meta.name`.
    Name(String),
    /// By path, relative to the folder of the calling script.
    Path(String),
}

/// One thing a script said.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Request(Request),
    Note(Note),
}

/// Something a script says without waiting for an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// `log(...values)`: the JSON array of the values.
    Log { values: JsonText, level: LogLevel },
    /// `phase(name, options)`.
    Phase { name: Option<JsonText>, options: Option<JsonText> },
    /// Notes that were dropped because one turn left too many behind.
    Dropped { count: u64 },
    /// A promise of the script rejected and nothing ever looked at it.
    UnhandledRejection { error: ErrorData },
}

/// Where a log line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// `log()`
    Log,
    /// `console.debug`
    Debug,
    /// `console.log`, `console.info`
    Info,
    /// `console.warn`
    Warn,
    /// `console.error`
    Error,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_are_read_and_checked() {
        let parsed = AgentOptions::parse(&json!({
            "label": "l", "phase": "", "schema": null, "timeoutMs": 1500,
            "retry": { "maxAttempts": 3, "backoffMs": 10 }, "colour": "red"
        }))
        .unwrap();
        assert_eq!(parsed.label.as_deref(), Some("l"));
        assert_eq!(parsed.phase, None);
        assert_eq!(parsed.schema.as_deref(), Some(&Value::Null));
        assert_eq!(parsed.timeout, Some(Duration::from_millis(1500)));
        assert_eq!(parsed.retry, Some(RetryPolicy { max_attempts: 3, backoff: Duration::from_millis(10) }));
        assert_eq!(parsed.unknown, ["colour"]);
        assert_eq!(AgentOptions::parse(&Value::Null).unwrap(), AgentOptions::default());
    }

    #[test]
    fn bad_options_say_what_was_found() {
        for (options, message) in [
            (json!(5), "agent() options must be an object, got a number"),
            (json!([]), "agent() options must be an object, got an array"),
            (
                json!({ "isolation": "sandbx" }),
                "agent() option isolation must be \"worktree\", got \"sandbx\"",
            ),
            (
                json!({ "timeoutMs": "x" }),
                "agent() option timeoutMs must be a number of milliseconds from 1 to 2147483647, got \"x\"",
            ),
            (
                json!({ "retry": { "maxAttempts": 0 } }),
                "agent() option retry.maxAttempts must be a whole number from 1 to 1000, got 0",
            ),
            (
                json!({ "retry": 3 }),
                "agent() option retry must be an object { maxAttempts, backoffMs }, got a number",
            ),
        ] {
            let error = AgentOptions::parse(&options).unwrap_err();
            assert_eq!((error.name.as_str(), error.message.as_str()), ("TypeError", message));
        }
    }
}
