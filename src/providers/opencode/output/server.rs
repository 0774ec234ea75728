//! Reads what an OpenCode server answers, and what it prints until it listens. Structured values come this way only.
//!
//! The server answers with status 200 when the model call failed: `info.error` tells. It says `valid: true` of values
//! that it has not checked. Pure: sends nothing.

use serde_json::{Value, json};

use super::{LABEL, documented, error_of, session_id};
use crate::model::json as parser;
use crate::providers::answer::{Answer, Exit, Failure, Fault, Record, failure_message, unusable};
use crate::providers::keep;
use crate::providers::text;
use crate::providers::usage::{Counts, OPENCODE};

/// The address that the server says it listens on, in the whole lines that it has printed so far to either stream.
pub fn address(logs: &str) -> Option<&str> {
    const BEFORE: &str = "opencode server listening on ";
    let after = logs.split_once(BEFORE)?.1;
    let end = after.find(char::is_whitespace).unwrap_or(after.len());
    Some(&after[..end]).filter(|url| url.starts_with("http://"))
}

/// What to say when the server has not said so in time.
pub fn too_late(logs: &str) -> String {
    with_logs("Timed out waiting for OpenCode server URL".to_owned(), logs)
}

/// What to say when it ended before it had said so.
pub fn ended_early(exit: &Exit, logs: &str) -> String {
    let how = match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
    };
    with_logs(format!("OpenCode server exited before it was ready with {how}"), logs)
}

fn with_logs(message: String, logs: &str) -> String {
    match text::trim(logs) {
        "" => message,
        logs => format!("{message}: {}", text::shorten(logs, 4000)),
    }
}

/// The parts of a model's name, `{ providerID, modelID }` of a request. Empty means that none is asked for.
///
/// # Errors
/// The message for a name without a provider.
pub fn model(name: &str) -> Result<Option<(&str, &str)>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    match name.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => Ok(Some((provider, model))),
        _ => Err(format!("OpenCode model must use provider/model form for structured output, got: {name}")),
    }
}

/// A reply's body as a value; `None` is `undefined`, for an empty body.
///
/// # Errors
/// A body that is no JSON (a `SyntaxError`, whatever the status), or a status that is not 2xx.
pub fn body(url: &str, status: u16, body: &str) -> Result<Option<Value>, Failure> {
    let value = match body {
        "" => None,
        body => Some(parser::parse(body).map_err(|_| Failure {
            name: "SyntaxError",
            ..unusable(text::json_fault(body).unwrap_or_default(), Record::default())
        })?),
    };
    if (200..300).contains(&status) {
        return Ok(value);
    }
    let message = format!("POST {url} failed with {status}: {body}");
    let kind = crate::providers::classify::classify(Some(status), body);
    Err(Failure { kind, ..unusable(message, Record::default()) })
}

/// The id of the session that was made.
///
/// # Errors
/// A response without one.
pub fn created(session: Option<&Value>) -> Result<String, Failure> {
    let id = session.and_then(|session| {
        session_id(session).or_else(|| session.get("id").and_then(Value::as_str).map(str::to_owned))
    });
    id.ok_or_else(|| {
        let shown = session.map_or_else(|| "undefined".to_owned(), Value::to_string);
        unusable(
            format!("OpenCode create-session response did not include a session id: {shown}"),
            Record::default(),
        )
    })
}

/// The structured value in a response, depth first: under its own key, or as the input of the tool of that name.
pub fn structured(response: &Value) -> Option<&Value> {
    let object = match response {
        Value::Array(items) => return items.iter().find_map(structured),
        Value::Object(object) => object,
        _ => return None,
    };
    let named = ["structured", "structured_output", "structuredOutput"];
    if let Some(value) = named.iter().find_map(|name| object.get(*name)) {
        return Some(value);
    }
    let is = |name: &str, wanted: &str| object.get(name).and_then(Value::as_str) == Some(wanted);
    let call = is("type", "tool") && is("tool", "StructuredOutput");
    let input = object.get("state").filter(|_| call).and_then(|state| state.get("input"));
    input.or_else(|| object.values().find_map(structured))
}

/// One exchange with the server.
pub struct Exchange<'a> {
    /// The response to making the session.
    pub session: &'a Value,
    /// The id that [`created`] found in it.
    pub session_id: &'a str,
    /// The response to the message; `None` for an empty body.
    pub response: Option<&'a Value>,
    /// The session as `GET /session/:id` gives it afterwards, where it was asked for: it counts every model call, while
    /// a response counts the last one only.
    pub totals: Option<&'a Value>,
    /// What the session had cost before, see [`Record::session_total`].
    pub session_total: Option<&'a Value>,
    pub logs: &'a str,
}

impl Exchange<'_> {
    /// The structured answer.
    ///
    /// # Errors
    /// `info.error`, or a response without a structured value.
    pub fn finish(&self) -> Result<Answer, Failure> {
        let record = self.record();
        let error = self.response.and_then(|response| response.pointer("/info/error"));
        if let Some(error) = error.filter(|error| error.is_object()) {
            let Fault { words, kind } = error_of(error);
            let message = failure_message(LABEL, &Exit::Code(0), &words);
            return Err(Failure { kind, ..unusable(message, record) });
        }
        match self.response.and_then(structured) {
            Some(value) => Ok(Answer { output: Some(value.clone()), record }),
            None => Err(unusable(
                "OpenCode structured-output response did not include a structured value",
                record,
            )),
        }
    }

    fn record(&self) -> Record {
        let (usage, session_total) = self.usage();
        let session = self.response.and_then(session_id).unwrap_or_else(|| self.session_id.to_owned());
        Record {
            usage: usage.map(|usage| usage.to_value()),
            session_id: Some(session),
            session_total,
            denials: Vec::new(),
            raw: json!({
                "session": keep::bounded(self.session),
                "response": self.response.map(keep::bounded),
                "serverLogs": self.logs,
            }),
        }
    }

    fn usage(&self) -> (Option<Counts>, Option<Value>) {
        if let Some(total) = self.totals.and_then(documented) {
            let before = self.session_total.map(Counts::from_value).unwrap_or_default();
            return (Some(total.since(&before)), Some(total.to_value()));
        }
        let Some(response) = self.response else { return (None, None) };
        // Only the server itself says whose message it is. Its parts repeat the tokens of the message.
        let info =
            response.get("info").filter(|info| info.get("role").is_some_and(|role| role == "assistant"));
        if let Some(usage) = info.and_then(documented) {
            return (Some(usage), None);
        }
        let mut found: Option<Counts> = None;
        OPENCODE.each(response, &mut |usage| found.get_or_insert_default().add_tokens(usage));
        (found, None)
    }
}

#[cfg(test)]
mod tests;
