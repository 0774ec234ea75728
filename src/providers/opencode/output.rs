//! Reads what `opencode run --format json` prints: one event per line, with no event that says it is over.
//!
//! Events that carry the session, and parts that carry their message, are the CLI's own and are read by their documented
//! fields. Any other output is read as the original engine reads it. Pure: knows no process and no file.

pub mod events;
pub mod server;

use serde_json::{Map, Value, json};

use crate::model::json as parser;
use crate::providers::answer::{
    Answer, Denial, Ending, Exit, Failure, FailureKind, Fault, MOST_PROGRESS, Progress, Record, shown,
    target, unusable,
};
use crate::providers::classify::{classify, duration};
use crate::providers::keep::{self, Events, Stdout};
use crate::providers::text::{trim, trim_end};
use crate::providers::usage::{Cost, Counts, OPENCODE};

/// How messages call it.
pub const LABEL: &str = "OpenCode";

/// Reads one run.
pub struct Reader {
    stdout: Stdout,
    events: Events,
    /// The CLI's own events have come.
    real: bool,
    session: Option<String>,
    /// The last text.
    text: Option<String>,
    /// Sum over the model calls.
    usage: Option<Counts>,
    step: Step,
    denials: Vec<Denial>,
    /// The last error, unless a model call has ended well since then.
    fault: Option<Fault>,
}

/// How far the work has come.
#[derive(Default, PartialEq)]
enum Step {
    #[default]
    None,
    /// In a model call, or in the tool calls that it asked for; whether one of them was refused.
    Started {
        refused: bool,
    },
    /// It asked for tool calls, so another model call ought to follow, unless one was refused.
    Tools {
        refused: bool,
    },
    Done,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader for one run. There is no schema in run mode; see [`server`].
    pub fn new() -> Self {
        Self {
            stdout: Stdout::whole(),
            events: Events::default(),
            real: false,
            session: None,
            text: None,
            usage: None,
            step: Step::None,
            denials: Vec::new(),
            fault: None,
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
            let Some((Value::Object(event), text)) = keep::event(line) else { continue };
            if !self.real && !is_real(&event) {
                continue;
            }
            self.real = true;
            self.stdout.quote_only();
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
    /// An `error` event that was the end, a refused tool call that ended the run, a run that ended early or without a
    /// word, a CLI that failed.
    pub fn finish(self, exit: &Exit, stderr: &str) -> Result<Answer, Failure> {
        if !self.real {
            return self.finish_other(exit, stderr);
        }
        let record = Record {
            usage: self.usage.map(|usage| usage.to_value()),
            session_id: self.session,
            denials: self.denials,
            raw: json!({ "response": self.events.into_value(), "stderr": stderr }),
            ..Record::default()
        };
        let ending = Ending { label: LABEL, exit, stderr, said: self.text.as_deref(), stdout: "" };
        if self.fault.is_some() || *exit != Exit::Code(0) {
            return Err(ending.failure(self.fault, record));
        }
        let last_denial = record.denials.last().cloned();
        let fault = match (self.step, last_denial) {
            (Step::Started { refused: true } | Step::Tools { refused: true }, Some(denial)) => Some(Fault {
                words: format!("permission for {} was refused: {}", denial.tool, denial.target),
                kind: FailureKind::PermissionDenied(denial),
            }),
            (Step::Started { .. }, _) => Some(unfinished("it ended in the middle of its work")),
            (Step::None, _) if self.text.is_none() => Some(unfinished("it ended without a word")),
            (Step::Tools { .. }, _) if self.text.is_none() => {
                Some(unfinished("it ended after a tool call, without an answer"))
            }
            _ => None,
        };
        if fault.is_some() {
            return Err(ending.failure(fault, record));
        }
        // A model that says nothing is no failure, and no event tells of it.
        let text = self.text.unwrap_or_default();
        Ok(Answer { output: Some(json!(trim_end(&text))), record })
    }

    /// Reads what is not the CLI's own.
    fn finish_other(self, exit: &Exit, stderr: &str) -> Result<Answer, Failure> {
        let stdout = self.stdout.text();
        let response = parsed(stdout);
        let said = response.as_ref().and_then(text_of);
        let mut usage: Option<Counts> = None;
        if let Some(response) = &response {
            OPENCODE.each(response, &mut |found| usage.get_or_insert_default().add_tokens(found));
        }
        let record = Record {
            usage: usage.map(|usage| usage.to_value()),
            session_id: response.as_ref().and_then(session_id),
            raw: json!({
                "response": keep::bounded(response.as_ref().unwrap_or(&json!(stdout))),
                "stderr": stderr,
            }),
            ..Record::default()
        };
        let empty = trim(stdout).is_empty();
        let ending = Ending { label: LABEL, exit, stderr, said: said.as_deref(), stdout };
        if *exit != Exit::Code(0) {
            return Err(ending.failure(None, record));
        }
        if empty {
            let said = Some("it ended without a word");
            return Err(Ending { said, ..ending }.failure(None, record));
        }
        if said.is_none() && self.stdout.left_out() > 0 {
            return Err(unusable(
                format!("{LABEL} provider failed: its answer is too long to be kept"),
                record,
            ));
        }
        let text = said.as_deref().unwrap_or(stdout);
        Ok(Answer { output: Some(json!(trim_end(text))), record })
    }

    fn read(&mut self, event: &Map<String, Value>, told: &mut Vec<Progress>) {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        if self.session.is_none()
            && let Some(id) = text("sessionID")
        {
            self.session = Some(id.to_owned());
            told.push(Progress::Session(shown(id)));
        }
        let part = event.get("part");
        match text("type") {
            Some("step_start") => self.step = Step::Started { refused: false },
            Some("text") => {
                if let Some(text) = part.and_then(|part| part.get("text")).and_then(Value::as_str) {
                    told.push(Progress::Text(shown(text)));
                    self.text = Some(text.to_owned());
                }
            }
            Some("tool_use") => self.tool(part, told),
            Some("step_finish") => self.step_finish(part, told),
            Some("error") => {
                if let Some(fault) = event.get("error").map(error_of) {
                    told.push(Progress::Warning(shown(&fault.words)));
                    self.fault = Some(fault);
                }
            }
            _ => {}
        }
    }

    fn tool(&mut self, part: Option<&Value>, told: &mut Vec<Progress>) {
        let Some(part) = part else { return };
        let text = |path: &str| part.pointer(path).and_then(Value::as_str);
        let (id, name) = (text("/callID").map(shown), shown(text("/tool").unwrap_or_default()));
        let target = target(part.pointer("/state/input"));
        told.push(Progress::ToolUse { id: id.clone(), name: name.clone(), summary: target.clone() });
        let failed = text("/state/status") == Some("error");
        let said = text(if failed { "/state/error" } else { "/state/output" }).unwrap_or_default();
        told.push(Progress::ToolResult { id, failed, summary: shown(said) });
        if failed && said.contains("rejected permission") {
            let denial = Denial { tool: name, target };
            told.push(Progress::Denied(denial.clone()));
            if self.denials.len() < MOST_PROGRESS {
                self.denials.push(denial);
            }
            self.step = Step::Started { refused: true };
        }
    }

    fn step_finish(&mut self, part: Option<&Value>, told: &mut Vec<Progress>) {
        let Some(part) = part else { return };
        let refused = self.step == Step::Started { refused: true };
        self.step = match part.get("reason").and_then(Value::as_str) {
            Some("tool-calls") => Step::Tools { refused },
            _ => Step::Done,
        };
        self.fault = None;
        if let Some(usage) = documented(part) {
            told.push(Progress::Usage(usage.to_value()));
            self.usage.get_or_insert_default().add(usage);
        }
    }
}

fn unfinished(words: &str) -> Fault {
    Fault { words: words.to_owned(), kind: FailureKind::Ended }
}

/// Whether the CLI itself speaks: its events name the session, its parts the message they are of.
fn is_real(event: &Map<String, Value>) -> bool {
    let inner = match event.get("type").and_then(Value::as_str) {
        Some("error") => event.get("error").and_then(|error| error.get("name")),
        Some(_) => event.get("part").and_then(|part| part.get("messageID")),
        None => None,
    };
    inner.is_some_and(Value::is_string) && event.get("sessionID").is_some_and(Value::is_string)
}

/// Tokens and cost of one model call, a session or a message: `{ tokens: { input, output, reasoning, cache }, cost }`.
/// Reasoning is output that `output` does not count; the cost is in US dollars.
fn documented(value: &Value) -> Option<Counts> {
    let tokens = value.get("tokens")?.as_object()?;
    let reasoning = tokens.get("reasoning").and_then(Value::as_f64).unwrap_or(0.0);
    let mut counts = OPENCODE.read(value.get("tokens")?);
    counts.output = counts.output.map(|output| output + reasoning);
    if !tokens.contains_key("total") {
        counts.total = counts.sum();
    }
    let cost = value.get("cost").and_then(Value::as_f64).filter(|cost| *cost > 0.0);
    counts.cost = cost.map(Cost::dollars);
    Some(counts)
}

/// An error as OpenCode writes it: `{ name, data: { message, statusCode?, responseHeaders?, responseBody? } }`.
fn error_of(error: &Value) -> Fault {
    let text = |path: &str| error.pointer(path).and_then(Value::as_str);
    let name = text("/name").unwrap_or_default();
    let words = text("/data/message").or_else(|| text("/message")).unwrap_or(name);
    let status = error.pointer("/data/statusCode").and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    let body = text("/data/responseBody").unwrap_or_default();
    let mut kind = classify(status, &format!("{words}\n{name}\n{body}"));
    if let FailureKind::RateLimited { retry_after_ms, .. } = &mut kind {
        let header = |name: &str| error.pointer("/data/responseHeaders")?.get(name)?.as_str();
        let exact = || header("retry-after-ms")?.trim().parse().ok();
        *retry_after_ms = exact().or_else(|| duration(header("retry-after")?)).or(*retry_after_ms);
    }
    Fault { words: words.to_owned(), kind }
}

/// Stdout as a value: whole, or the array of the lines that are JSON.
fn parsed(stdout: &str) -> Option<Value> {
    if let Ok(value) = parser::parse(trim(stdout)) {
        return Some(value);
    }
    let lines = stdout.lines().filter_map(|line| keep::event(line.as_bytes()));
    let events: Vec<Value> = lines.map(|(event, _)| event).collect();
    (!events.is_empty()).then_some(Value::Array(events))
}

/// The text in a value of any shape; the last one in an array.
fn text_of(value: &Value) -> Option<String> {
    let full = |text: &String| !text.is_empty();
    let object = match value {
        Value::String(text) => return Some(text.clone()).filter(full),
        Value::Array(items) => return items.iter().rev().find_map(text_of),
        Value::Object(object) => object,
        _ => return None,
    };
    let is_text = object.get("type").and_then(Value::as_str) == Some("text");
    let part = || object.get("part").filter(|_| is_text).and_then(flatten).filter(full);
    let named =
        |names: &[&str]| names.iter().find_map(|name| object.get(*name).and_then(flatten).filter(full));
    let inside =
        || ["data", "item", "event", "properties"].iter().find_map(|name| text_of(object.get(*name)?));
    part().or_else(|| named(&["result", "output", "text", "message", "content"])).or_else(inside)
}

fn flatten(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(flatten).collect()),
        Value::Object(object) => {
            let names = ["text", "content", "message"];
            let first = names.iter().filter_map(|name| object.get(*name)).find(|value| !value.is_null());
            first.and_then(flatten)
        }
        _ => None,
    }
}

/// The session's id, depth first.
fn session_id(value: &Value) -> Option<String> {
    let object = match value {
        Value::Array(items) => return items.iter().find_map(session_id),
        Value::Object(object) => object,
        _ => return None,
    };
    let names = ["sessionID", "sessionId", "session_id"];
    let first = names.iter().filter_map(|name| object.get(*name)).find(|value| !value.is_null());
    let own = first.and_then(Value::as_str).map(str::to_owned);
    own.or_else(|| object.values().find_map(session_id))
}

#[cfg(test)]
mod tests;
