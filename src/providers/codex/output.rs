//! Reads what `codex exec --json` prints: one event per line, and the file with its last message.
//!
//! Only `turn.failed` is final: `error` events are told at every reconnect, and items of type `error` are warnings.
//! Events of other shapes are read as the original engine reads them. Pure: knows no process and no file.

use serde_json::{Map, Value, json};

use crate::model::json as parser;
use crate::providers::answer::{
    Answer, Ending, Exit, Failure, FailureKind, Fault, MOST_PROGRESS, Progress, Record, shown, unusable,
};
use crate::providers::classify::classify;
use crate::providers::keep::{self, Events, Stdout};
use crate::providers::text::{tolerant_json, trim, trim_end};
use crate::providers::usage::{CODEX, Counts};

/// How messages call it.
pub const LABEL: &str = "Codex";

/// What is in the file that Codex was told to write its last message to.
#[derive(Clone, Copy, Debug)]
pub enum LastMessage<'a> {
    /// There is no file.
    Missing,
    Text(&'a str),
    /// There is something that cannot be read, for this reason.
    Unreadable(&'a str),
}

/// Reads one run.
pub struct Reader {
    schema: bool,
    /// What the thread had cost before this run.
    before: Option<Counts>,
    stdout: Stdout,
    events: Events,
    thread: Option<String>,
    turn: Turn,
    /// What the agent said last.
    text: Option<String>,
    /// The words of the first `error` event.
    error: Option<String>,
    /// The thread's usage, from `turn.completed`.
    total: Option<Counts>,
    /// Usage of whatever looks like it, for output without that.
    found: Option<Counts>,
}

enum Turn {
    None,
    Started,
    Completed,
    Failed(String),
}

impl Reader {
    /// A reader for one run. `session_total` is what the last run of a resumed or forked thread gave as
    /// [`Record::session_total`].
    pub fn new(schema_given: bool, session_total: Option<&Value>) -> Self {
        Self {
            schema: schema_given,
            before: session_total.map(Counts::from_value),
            stdout: Stdout::quoted(),
            events: Events::default(),
            thread: None,
            turn: Turn::None,
            text: None,
            error: None,
            total: None,
            found: None,
        }
    }

    /// The same for whoever does not ask for [`Record::raw`]: what only that needs is not kept.
    pub fn without_raw(self) -> Self {
        Self { events: Events::unwanted(), ..self }
    }

    /// Reads a line of stdout (or several).
    pub fn line(&mut self, line: &[u8]) -> Vec<Progress> {
        let mut told = Vec::new();
        for line in keep::lines(line) {
            self.stdout.push(line);
            let Some((event, text)) = keep::event(line) else { continue };
            self.events.push(&text);
            self.read(&event, &mut told);
        }
        told.truncate(MOST_PROGRESS);
        told
    }

    /// Notes bytes of stdout that were too many to be handed over.
    pub fn lost(&mut self, bytes: u64) {
        self.stdout.lose(bytes);
        self.events.skip(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// What it all came to. `stderr` may be its tail.
    ///
    /// # Errors
    /// A turn that failed or never ended, a CLI that failed, or an answer that is none.
    pub fn finish(self, exit: &Exit, stderr: &str, last: LastMessage<'_>) -> Result<Answer, Failure> {
        let stdout = if self.thread.is_some() { "" } else { self.stdout.text() };
        let ending = Ending { label: LABEL, exit, stderr, said: self.error.as_deref(), stdout };
        let fault = match &self.turn {
            Turn::Failed(message) => Some(fault(message)),
            _ => None,
        };
        let ended = *exit == Exit::Code(0);
        let (usage, session_total) = match &self.total {
            Some(total) => {
                let usage = self.before.as_ref().map_or_else(|| total.clone(), |before| total.since(before));
                (Some(usage), Some(total.to_value()))
            }
            None => (self.found, None),
        };
        let record = Record {
            usage: usage.map(|usage| usage.to_value()),
            session_id: self.thread,
            session_total,
            denials: Vec::new(),
            raw: json!({ "events": self.events.into_value(), "stderr": stderr }),
        };
        if fault.is_some() || !ended {
            let mut failure = ending.failure(fault, record);
            // Interrupted, it ends with 1 and says nothing.
            if matches!(self.turn, Turn::Started) && failure.kind == FailureKind::Other {
                failure.kind = FailureKind::Ended;
            }
            return Err(failure);
        }
        if matches!(self.turn, Turn::Started) {
            let said = Some("it ended in the middle of its turn");
            return Err(Ending { said, ..ending }.failure(None, record));
        }
        let said = match last {
            LastMessage::Unreadable(why) => {
                return Err(unusable(format!("Failed to read codex output file: {why}"), record));
            }
            LastMessage::Text(text) if !trim(text).is_empty() => Some(text.to_owned()),
            LastMessage::Text(_) | LastMessage::Missing => self.text,
        };
        let Some(text) = said else {
            return Err(unusable(
                format!("{LABEL} provider did not return a final assistant message"),
                record,
            ));
        };
        let output = match self.schema {
            true => tolerant_json(&text),
            false => Some(Value::String(trim_end(&text).to_owned())),
        };
        match output {
            Some(output) => Ok(Answer { output: Some(output), record }),
            None => {
                Err(unusable(format!("{LABEL} provider did not return valid JSON for schema output"), record))
            }
        }
    }

    fn read(&mut self, event: &Value, told: &mut Vec<Progress>) {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        match text("type") {
            Some("thread.started") => {
                if let Some(id) = text("thread_id") {
                    self.thread = Some(id.to_owned());
                    told.push(Progress::Session(id.to_owned()));
                }
            }
            Some("turn.started") => self.turn = Turn::Started,
            Some("turn.completed") => {
                self.turn = Turn::Completed;
                if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
                    let counts = documented(usage);
                    self.total.get_or_insert_default().replace(counts);
                    told.extend(self.total.as_ref().map(|total| {
                        let before = self.before.clone().unwrap_or_default();
                        Progress::Usage(total.since(&before).to_value())
                    }));
                    return;
                }
            }
            Some("turn.failed") => {
                let message = event.pointer("/error/message").and_then(Value::as_str);
                self.turn = Turn::Failed(message.unwrap_or("the turn failed").to_owned());
            }
            Some("error") => self.error(event, told),
            Some("item.started") => told.extend(event.get("item").and_then(item_started)),
            Some("item.completed") => {
                if let Some(item) = event.get("item") {
                    self.item(item, told);
                }
            }
            _ => {}
        }
        if let Some(text) = assistant_text(event) {
            self.text = Some(text);
        }
        if self.total.is_none()
            && let Some(usage) = CODEX.first(event)
        {
            self.found.get_or_insert_default().replace(CODEX.read(usage));
        }
    }

    fn error(&mut self, event: &Value, told: &mut Vec<Progress>) {
        let own = event.get("message").and_then(Value::as_str);
        let Some(message) = own.or_else(|| event.pointer("/error/message")?.as_str()) else { return };
        told.push(match message.strip_prefix("Reconnecting...") {
            Some(_) => Progress::Retrying { reason: shown(message), after_ms: None },
            None => Progress::Warning(shown(message)),
        });
        self.error.get_or_insert_with(|| message.to_owned());
    }

    fn item(&mut self, item: &Value, told: &mut Vec<Progress>) {
        let text = |name: &str| item.get(name).and_then(Value::as_str);
        match text("type") {
            Some("agent_message") => {
                if let Some(message) = text("text") {
                    told.extend((!message.is_empty()).then(|| Progress::Text(shown(message))));
                    self.text = Some(message.to_owned());
                }
            }
            Some("error") => told.extend(text("message").map(|message| Progress::Warning(shown(message)))),
            Some("reasoning" | "todo_list") | None => {}
            Some(_) => told.push(Progress::ToolResult {
                id: text("id").map(shown),
                failed: text("status").is_some_and(|status| matches!(status, "failed" | "declined")),
                summary: shown(text("aggregated_output").unwrap_or_default()),
            }),
        }
    }
}

/// The usage of `turn.completed`. What was written to the cache is part of the input, and so not added again.
fn documented(usage: &Value) -> Counts {
    let mut counts = CODEX.read(usage);
    if let Some(written) = usage.get("cache_write_input_tokens").and_then(Value::as_f64) {
        counts.cache_write = counts.cache_write.or(Some(written));
    }
    counts
}

/// A turn's failure. The message may be the JSON that the model's server answered with.
fn fault(message: &str) -> Fault {
    let inner = parser::parse(message).ok();
    let inner = inner.as_ref().and_then(|value| value.pointer("/error/message")).and_then(Value::as_str);
    Fault { words: inner.unwrap_or(message).to_owned(), kind: classify(None, message) }
}

fn item_started(item: &Value) -> Option<Progress> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let kind = text("type")?;
    if matches!(kind, "agent_message" | "reasoning" | "error" | "todo_list") {
        return None;
    }
    let changed = || {
        let changes = item.get("changes")?.as_array()?.iter().take(MOST_PROGRESS);
        let paths = changes.filter_map(|change| change.get("path")?.as_str());
        Some(paths.collect::<Vec<_>>().join(", "))
    };
    let called = || Some(format!("{}.{}", text("server")?, text("tool")?));
    let summary = text("command").map(str::to_owned);
    let summary = summary.or_else(changed).or_else(called).or_else(|| text("query").map(str::to_owned));
    Some(Progress::ToolUse {
        id: text("id").map(shown),
        name: shown(kind),
        summary: shown(&summary.unwrap_or_default()),
    })
}

/// What an assistant says in an event of any shape: the last such text in an array, the first in an object.
fn assistant_text(value: &Value) -> Option<String> {
    const INSIDE: &[&str] = &[
        "message",
        "content",
        "output",
        "text",
        "delta",
        "part",
        "parts",
        "item",
        "event",
        "data",
        "properties",
    ];
    let object = match value {
        Value::Array(items) => return items.iter().rev().find_map(assistant_text),
        Value::Object(object) => object,
        _ => return None,
    };
    let is = |name: &str, wanted: &[&str]| {
        object.get(name).and_then(Value::as_str).is_some_and(|value| wanted.contains(&value))
    };
    let speaks = is("role", &["assistant"]) || is("type", &["assistant_message", "message"]);
    let own = || first_of(object, &["text", "output", "message", "content"]).and_then(flatten);
    let own = speaks.then(own).flatten();
    own.or_else(|| INSIDE.iter().find_map(|name| object.get(*name).and_then(assistant_text)))
}

/// The first member that is there and not `null`.
fn first_of<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().filter_map(|name| object.get(*name)).find(|value| !value.is_null())
}

fn flatten(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let text: String = items.iter().filter_map(flatten).collect();
            (!text.is_empty()).then_some(text)
        }
        Value::Object(object) => {
            first_of(object, &["text", "content", "message", "output"]).and_then(flatten)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
