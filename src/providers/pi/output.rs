//! Reads what `pi --mode json` prints: one event per line.
//!
//! Pi ends with 0 when it has failed: only the last message's `stopReason` tells. It repeats the whole message so far in
//! every `message_update`, so those lines are neither parsed nor kept. Events without a `stopReason` are read as the
//! original engine reads them. Pure: knows no process and no file.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::providers::answer::{
    Answer, Ending, Exit, Failure, FailureKind, Fault, MOST_PROGRESS, Progress, Record, shown, target,
    unusable,
};
use crate::providers::classify::classify;
use crate::providers::keep::{self, Events, Stdout};
use crate::providers::text::{trim, trim_end};
use crate::providers::usage::{Counts, PI};

/// How messages call it.
pub const LABEL: &str = "Pi";

/// The tool through which a structured value comes.
pub const TOOL: &str = "smol_workflows_structured_output";

/// Reads one run.
pub struct Reader {
    schema: bool,
    stdout: Stdout,
    events: Events,
    session: Option<String>,
    /// The CLI itself speaks, by its session line or a message with a stop reason.
    real: bool,
    /// The last message of the assistant.
    last: Option<Message>,
    /// The last text that is not empty, by the original's rules.
    text: Option<String>,
    /// The last `message_update` since then, which counts if nothing else says more.
    update: Option<Vec<u8>>,
    /// Text has been told piece by piece since the last message.
    in_pieces: bool,
    calls: Calls,
    /// Sum over the assistant's messages.
    sum: Option<Counts>,
    /// Usage of whatever looks like it, for output without that.
    found: Option<Counts>,
}

struct Message {
    text: String,
    stop: String,
    error: Option<String>,
}

/// Calls of the structured output tool.
#[derive(Default)]
struct Calls {
    count: usize,
    failed: bool,
    details: Option<Value>,
}

impl Reader {
    /// A reader for one run.
    pub fn new(schema_given: bool) -> Self {
        Self {
            schema: schema_given,
            stdout: Stdout::whole(),
            events: Events::default(),
            session: None,
            real: false,
            last: None,
            text: None,
            update: None,
            in_pieces: false,
            calls: Calls::default(),
            sum: None,
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
            if !self.real {
                self.stdout.push(line);
            }
            if line.starts_with(br#"{"type":"message_update""#) {
                self.update(line, &mut told);
                continue;
            }
            let Some((event, text)) = keep::event(line) else { continue };
            if event.get("type").and_then(Value::as_str) == Some("message_update") {
                self.update(line, &mut told);
                continue;
            }
            self.events.push(&text);
            self.read(&event, &mut told);
            if self.real || self.text.is_some() {
                self.stdout.quote_only();
            }
        }
        told.truncate(MOST_PROGRESS);
        told
    }

    /// Notes bytes of stdout that were too many to be handed over.
    pub fn lost(&mut self, bytes: u64) {
        self.stdout.lose(bytes);
        self.events.skip(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// What it all came to. `stderr` may be its tail; `extension` is the path of the extension that was made for the
    /// schema, for `raw`.
    ///
    /// # Errors
    /// A last message that is an error, a CLI that failed, or an answer that is none.
    pub fn finish(mut self, exit: &Exit, stderr: &str, extension: Option<&str>) -> Result<Answer, Failure> {
        self.read_update();
        let said = self.text.as_deref().filter(|_| !self.real);
        let stdout = if self.real { "" } else { self.stdout.text() };
        let ending = Ending { label: LABEL, exit, stderr, said, stdout };
        let fault = self.last.as_ref().and_then(fault);
        let mut raw = json!({ "events": self.events.into_value(), "stderr": stderr });
        if let (Some(raw), Some(path)) = (raw.as_object_mut(), extension) {
            raw.insert("extensionPath".to_owned(), Value::from(path));
        }
        let record = Record {
            usage: self.sum.or(self.found).map(|usage| usage.to_value()),
            session_id: self.session,
            raw,
            ..Record::default()
        };
        if fault.is_some() || *exit != Exit::Code(0) {
            return Err(ending.failure(fault, record));
        }
        let silent = if self.real { self.last.is_none() } else { trim(self.stdout.text()).is_empty() };
        if silent && self.text.is_none() && self.calls.count == 0 {
            if self.schema && !self.real && trim(stderr).is_empty() {
                let message = self.calls.value().err().unwrap_or_default();
                return Err(Failure { kind: FailureKind::Ended, ..unusable(message, record) });
            }
            let said = Some("it ended without an answer");
            return Err(Ending { said, ..ending }.failure(None, record));
        }
        if self.schema {
            return match self.calls.value() {
                Ok(value) => Ok(Answer { output: Some(value), record }),
                Err(message) => Err(unusable(message, record)),
            };
        }
        let text = match self.last {
            Some(last) => last.text,
            None => match self.text {
                Some(text) => text,
                None if self.stdout.left_out() > 0 => {
                    let message = format!("{LABEL} provider failed: its answer is too long to be kept");
                    return Err(unusable(message, record));
                }
                None => self.stdout.text().to_owned(),
            },
        };
        Ok(Answer { output: Some(Value::String(trim_end(&text).to_owned())), record })
    }

    /// A `message_update`: the whole message so far, of which only the newest piece is looked at.
    fn update(&mut self, line: &[u8], told: &mut Vec<Progress>) {
        self.events.skip(line.len());
        if let Some(piece) = new_piece(line) {
            self.in_pieces = true;
            told.push(Progress::Text(shown(&piece)));
        }
        if !self.real {
            let held = self.update.get_or_insert_default();
            held.clear();
            held.extend_from_slice(line);
        }
    }

    /// Reads the update that was put aside, as nothing has come that says more.
    fn read_update(&mut self) {
        let update = self.update.take().filter(|_| !self.real);
        let Some((event, _)) = update.as_deref().and_then(keep::event) else { return };
        if let Some(text) = message_text(event.get("message")).filter(|text| !text.is_empty()) {
            self.text = Some(text);
        }
        self.add_found(&event);
    }

    fn add_found(&mut self, event: &Value) {
        if self.sum.is_none() {
            PI.each(event, &mut |found| self.found.get_or_insert_default().replace(found));
        }
    }

    fn read(&mut self, event: &Value, told: &mut Vec<Progress>) {
        let Value::Object(object) = event else { return };
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let kind = text("type").unwrap_or_default();
        self.note_session(object, kind, told);
        match kind {
            "message_end" => self.message_end(object.get("message"), told),
            "agent_end" => {
                let messages = object.get("messages").and_then(Value::as_array);
                let assistants = messages.map(|all| all.iter().rev().filter(|message| is_assistant(message)));
                if let Some(message) = assistants.and_then(|mut all| all.next()) {
                    self.note_message(message);
                    self.note_text(Some(message));
                }
            }
            "turn_end" => self.note_text(object.get("message")),
            "tool_execution_start" => told.push(Progress::ToolUse {
                id: text("toolCallId").map(shown),
                name: shown(text("toolName").unwrap_or_default()),
                summary: target(object.get("args")),
            }),
            "tool_execution_end" => self.tool_end(object, told),
            "auto_retry_start" => told.push(Progress::Retrying {
                reason: shown(text("errorMessage").unwrap_or_default()),
                after_ms: object.get("delayMs").and_then(Value::as_f64).map(|ms| ms.max(0.0) as u64),
            }),
            _ => {}
        }
        self.add_found(event);
    }

    fn note_session(&mut self, event: &Map<String, Value>, kind: &str, told: &mut Vec<Progress>) {
        self.real |= kind == "session" && event.get("version").is_some_and(Value::is_number);
        if self.session.is_some() {
            return;
        }
        let names = ["id", "sessionID", "sessionId", "session_id"];
        let first = names.iter().filter_map(|name| event.get(*name)).find(|value| !value.is_null());
        // Its ids are of the kind that begins with the time, which is how the original knows them.
        let id = first.and_then(Value::as_str).filter(|id| kind == "session" || id.starts_with("019"));
        if let Some(id) = id {
            self.session = Some(id.to_owned());
            told.push(Progress::Session(shown(id)));
        }
    }

    fn message_end(&mut self, message: Option<&Value>, told: &mut Vec<Progress>) {
        let in_pieces = std::mem::take(&mut self.in_pieces);
        self.note_text(message);
        let Some(message) = message.filter(|message| is_assistant(message)) else { return };
        if !self.note_message(message) {
            return;
        }
        if let Some(text) = message_text(Some(message)).filter(|text| !in_pieces && !text.is_empty()) {
            told.push(Progress::Text(shown(&text)));
        }
        if let Some(usage) = message.get("usage").filter(|usage| usage.is_object()) {
            let usage = PI.read(usage);
            told.push(Progress::Usage(usage.to_value()));
            self.sum.get_or_insert_default().add(usage);
        }
    }

    /// Notes a message with a stop reason, which only the CLI itself gives, as the last one.
    fn note_message(&mut self, message: &Value) -> bool {
        let Some(stop) = message.get("stopReason").and_then(Value::as_str) else { return false };
        self.real = true;
        self.last = Some(Message {
            text: message_text(Some(message)).unwrap_or_default(),
            stop: stop.to_owned(),
            error: message.get("errorMessage").and_then(Value::as_str).map(str::to_owned),
        });
        true
    }

    fn note_text(&mut self, message: Option<&Value>) {
        if let Some(text) = message_text(message).filter(|text| !text.is_empty()) {
            self.text = Some(text);
            self.update = None;
        }
    }

    fn tool_end(&mut self, event: &Map<String, Value>, told: &mut Vec<Progress>) {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let failed = event.get("isError") == Some(&Value::Bool(true));
        let result = event.get("result");
        let said = result.and_then(|result| result.get("content")).and_then(flatten);
        told.push(Progress::ToolResult {
            id: text("toolCallId").map(shown),
            failed,
            summary: shown(&said.unwrap_or_default()),
        });
        if text("toolName") == Some(TOOL) {
            if self.calls.failed && !failed {
                // It was told what was wrong with the first value, and has given another.
                self.calls = Calls::default();
            }
            self.calls.count += 1;
            self.calls.failed |= failed;
            self.calls.details = result.and_then(|result| result.get("details")).cloned();
        }
    }
}

impl Calls {
    fn value(self) -> Result<Value, String> {
        match self {
            Self { failed: true, .. } => Err(format!("{LABEL} {TOOL} tool failed")),
            Self { count: 0, .. } => Err(format!("{LABEL} provider did not call {TOOL} for schema output")),
            Self { count: 1, details: Some(value), .. } => Ok(value),
            Self { count: 1, .. } => Err(format!("{LABEL} {TOOL} tool did not return details")),
            _ => Err(format!("{LABEL} provider called {TOOL} more than once")),
        }
    }
}

/// The failure that the last message is, if it is one.
fn fault(last: &Message) -> Option<Fault> {
    let words = || last.error.clone().unwrap_or_default();
    match last.stop.as_str() {
        "error" => Some(Fault { kind: classify(None, &words()), words: words() }),
        "aborted" => {
            let words = last.error.clone().unwrap_or_else(|| "aborted".to_owned());
            Some(Fault { words, kind: FailureKind::Ended })
        }
        _ => None,
    }
}

fn is_assistant(message: &Value) -> bool {
    match message.get("role") {
        None | Some(Value::Null) => message.is_object(),
        Some(role) => role == "assistant",
    }
}

/// The text of an assistant's message; `None` for anybody else's.
fn message_text(message: Option<&Value>) -> Option<String> {
    let message = message.filter(|message| is_assistant(message))?;
    message.get("content").and_then(flatten)
}

fn flatten(content: &Value) -> Option<String> {
    match content {
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

/// The piece of text that a `message_update` brings. It stands near the line's beginning, before the repetitions.
fn new_piece(line: &[u8]) -> Option<String> {
    const START: &[u8] = br#"{"type":"message_update","assistantMessageEvent":{"type":"text_delta","#;
    const BEFORE: &[u8] = br#""delta":"#;
    let rest = line.strip_prefix(START)?;
    // Only a small number stands between.
    let near = &rest[..rest.len().min(64)];
    let at = near.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let mut reader = serde_json::Deserializer::from_slice(&rest[at..]);
    String::deserialize(&mut reader).ok()
}

#[cfg(test)]
mod tests;
