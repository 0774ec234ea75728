//! Reads what Claude Code prints: one JSON result, a stream of events that ends with one, or what stands in for them.
//!
//! An object with `"type": "result"` is the CLI's own word and is read by its documented fields. Anything else (a
//! wrapper's JSON, plain text) is read as the original engine reads it. Pure: knows no process and no file.

use serde_json::{Map, Value, json};

use crate::model::json as parser;
use crate::providers::answer::{
    Answer, Denial, Ending, Exit, Failure, FailureKind, Fault, Limit, MOST_PROGRESS, Progress, Record, shown,
    target, unusable,
};
use crate::providers::classify::classify;
use crate::providers::keep::{self, Events, Stdout};
use crate::providers::text::{self, trim, trim_end};
use crate::providers::usage::{self, CLAUDE, Cost, Counts};

/// How messages call it.
pub const LABEL: &str = "Claude Code";

/// Reads one run.
pub struct Reader {
    schema: bool,
    /// What the session had cost before this run.
    before: Option<Counts>,
    stdout: Stdout,
    stream: Stream,
    /// The events of a stream but for its results, for [`Record::raw`].
    events: Events,
    /// Whether [`Record::raw`] is wanted.
    raw: bool,
}

/// What the CLI's own events have said so far.
#[derive(Default)]
struct Stream {
    /// There were events, so an answer can only be a result event.
    seen: bool,
    /// The last result. There is one for each turn, and turns of their own for background tasks that end later.
    result: Option<Map<String, Value>>,
    /// The structured value of the last result that had one.
    structured: Option<Value>,
    /// The tokens of all results: each counts its own turn only.
    usage: Option<Counts>,
    session: Option<String>,
    denials: Vec<Denial>,
    /// The text of the current message has been told piece by piece.
    in_pieces: bool,
    /// When the plan's limit ends, if it was reached.
    resets_at: Option<u64>,
}

impl Reader {
    /// A reader for one run. `session_total` is what the last run of a resumed session gave as
    /// [`Record::session_total`].
    pub fn new(schema_given: bool, session_total: Option<&Value>) -> Self {
        Self {
            schema: schema_given,
            before: session_total.map(Counts::from_value),
            stdout: Stdout::whole(),
            stream: Stream::default(),
            events: Events::default(),
            raw: true,
        }
    }

    /// The same for whoever does not ask for [`Record::raw`]: what only that needs is not kept.
    pub fn without_raw(self) -> Self {
        Self { raw: false, events: Events::unwanted(), ..self }
    }

    /// Reads a line of stdout (or several).
    pub fn line(&mut self, line: &[u8]) -> Vec<Progress> {
        let mut told = Vec::new();
        for line in keep::lines(line) {
            if let Some((Value::Object(event), text)) = keep::event(line) {
                let is_result = event.get("type").and_then(Value::as_str) == Some("result");
                self.stream.read(event, &mut told);
                if self.stream.seen && !is_result {
                    self.events.push(&text);
                }
            }
            // First what is to be kept of it: an answer of megabytes is in the event already.
            if self.stream.seen {
                self.stdout.quote_only();
            }
            self.stdout.push(line);
        }
        told.truncate(MOST_PROGRESS);
        told
    }

    /// Notes bytes of stdout that were too many to be handed over.
    pub fn lost(&mut self, bytes: u64) {
        self.stdout.lose(bytes);
        if self.stream.seen {
            self.events.skip(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
    }

    /// What it all came to. `stderr` may be its tail.
    ///
    /// # Errors
    /// The CLI's own failure, by its documented fields or by how it ended; or an answer that is none.
    pub fn finish(mut self, exit: &Exit, stderr: &str) -> Result<Answer, Failure> {
        let whole = self.whole();
        let real = self.stream.result.take().map(Value::Object);
        let is_real = real.is_some();
        let root = real.or_else(|| whole.clone());
        // Without documented fields there is only one sign: a failure in an output that otherwise passes for an answer.
        let decides = is_real || *exit == Exit::Code(0);
        let fault = root.as_ref().filter(|_| decides).and_then(|root| self.fault(root));
        let text = trim(self.stdout.text());
        let said = root.as_ref().and_then(message_of);
        let unfinished = (self.stream.seen && !is_real) || (root.is_none() && text.is_empty());
        let mut ending = Ending { label: LABEL, exit, stderr, said: said.as_deref(), stdout: text };
        let mut record = self.record(root.as_ref());
        let wanted = self.raw;
        let events = std::mem::take(&mut self.events);
        let events = (!events.is_empty()).then(|| events.into_value());
        let raw = |response: Option<Value>| {
            if !wanted {
                return Value::Null;
            }
            let response = response.unwrap_or_else(|| json!(text));
            let events = events.map(|events| ("events", events));
            let members = [("response", keep::into_bounded(response)), ("stderr", json!(stderr))];
            let members = events.into_iter().chain(members).map(|(name, value)| (name.to_owned(), value));
            // Not by `json!`, which makes a copy of what it is given.
            Value::Object(members.collect())
        };

        let ended_well = *exit == Exit::Code(0) || (fault.is_none() && is_real && self.only_warned(exit));
        if !ended_well || fault.is_some() {
            record.raw = raw(whole.or(root));
            if self.stream.seen {
                ending.stdout = "";
            }
            return Err(ending.failure(fault, record));
        }
        if unfinished {
            record.raw = raw(whole.or(root));
            if self.schema && !self.stream.seen {
                return Err(Failure { kind: FailureKind::Ended, ..no_value(record) });
            }
            ending.said = Some("it ended without giving a result");
            return Err(ending.failure(None, record));
        }
        if root.is_none() && self.stdout.left_out() > 0 {
            record.raw = raw(whole);
            return Err(unusable(
                format!("{LABEL} provider failed: its answer is too long to be kept"),
                record,
            ));
        }
        let root = root.unwrap_or_else(|| json!(text));
        let kept = wanted.then(|| whole.unwrap_or_else(|| root.clone()));
        let output = if self.schema { self.value(root) } else { Ok(plain(root)) };
        record.raw = raw(kept);
        match output {
            Ok(output) => Ok(Answer { output: Some(output), record }),
            Err(Unreadable::Missing) => Err(no_value(record)),
            Err(Unreadable::Syntax(message)) => {
                Err(Failure { name: "SyntaxError", ..unusable(message, record) })
            }
        }
    }

    /// All of stdout as JSON, if it is that and was not read as events: a result over several lines, or the array of
    /// all events that `--verbose` makes of it.
    fn whole(&mut self) -> Option<Value> {
        if self.stream.seen || self.stdout.left_out() > 0 {
            return None;
        }
        let value = parser::parse(trim(self.stdout.text())).ok()?;
        let is_result = |item: &&Value| item.get("type").and_then(Value::as_str) == Some("result");
        let events = match &value {
            Value::Array(items) if items.iter().any(|item| is_result(&item)) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let result_is_there = events.iter().any(|item| is_result(&item));
        for event in events.iter().filter_map(Value::as_object).filter(|_| result_is_there) {
            self.stream.read(event.clone(), &mut Vec::new());
        }
        Some(value)
    }

    /// Whether it exits so to say that the agent was not allowed everything, and for no other reason. In plan mode it
    /// does where the service behind it does not judge commands; in other modes it exits with 0 after the same.
    fn only_warned(&self, exit: &Exit) -> bool {
        *exit == Exit::Code(1) && !self.stream.denials.is_empty()
    }

    /// The failure that a result documents.
    fn fault(&self, root: &Value) -> Option<Fault> {
        let text = |name: &str| root.get(name).and_then(Value::as_str).unwrap_or_default();
        let failed = root.get("is_error") == Some(&Value::Bool(true));
        let real = text("type") == "result";
        let ended_badly = real && text("subtype").starts_with("error");
        if !(failed || ended_badly) {
            return None;
        }
        if !real {
            let words = message_of(root).unwrap_or_else(|| "it reported an error".to_owned());
            return Some(Fault { kind: classify(None, &words), words });
        }
        let listed = root.get("errors").and_then(Value::as_array).map(|errors| {
            let texts = errors.iter().filter_map(Value::as_str);
            texts.collect::<Vec<_>>().join("; ")
        });
        let words = message_of(root).or(listed).unwrap_or_else(|| text("subtype").to_owned());
        let mut kind = match (text("subtype"), text("terminal_reason"), text("stop_reason")) {
            ("error_max_turns", ..) => FailureKind::Limit(Limit::Turns),
            ("error_max_budget_usd", ..) => FailureKind::Limit(Limit::Budget),
            ("error_max_structured_output_retries", ..) => FailureKind::BadOutput,
            (_, "prompt_too_long", _) => FailureKind::PromptTooLong,
            (_, _, "refusal") => FailureKind::Refused,
            (_, reason, _) if reason.starts_with("aborted") => FailureKind::Ended,
            _ => {
                let status = root.get("api_error_status").and_then(Value::as_u64);
                let status = status.and_then(|status| u16::try_from(status).ok());
                classify(status, &format!("{words}\n{}\n{}", text("api_error_type"), text("api_error")))
            }
        };
        if let FailureKind::RateLimited { resets_at, .. } = &mut kind {
            *resets_at = resets_at.or(self.stream.resets_at);
        }
        Some(Fault { words, kind })
    }

    /// All of the record but `raw`.
    fn record(&self, root: Option<&Value>) -> Record {
        let (usage, session_total) = root.map_or((None, None), |root| self.usage(root));
        let session = root.and_then(|root| {
            let names = ["session_id", "sessionId", "sessionID"];
            let first = names.iter().filter_map(|name| root.get(*name)).find(|value| !value.is_null());
            first.and_then(Value::as_str).map(str::to_owned)
        });
        Record {
            usage: usage.map(|usage| usage.to_value()),
            session_id: session.or_else(|| self.stream.session.clone()),
            session_total,
            denials: self.stream.denials.clone(),
            raw: Value::Null,
        }
    }

    /// What the run cost, and what the session has cost with it.
    fn usage(&self, root: &Value) -> (Option<Counts>, Option<Value>) {
        let dollars =
            root.as_object().and_then(|root| usage::number(root, usage::DOLLARS)).map(Cost::dollars);
        let Some(documented) = &self.stream.usage else {
            let mut found = CLAUDE.first(root).map(|usage| CLAUDE.read(usage));
            if let Some(found) = &mut found {
                found.cost = found.cost.take().or(dollars);
            }
            return (found, None);
        };
        let mut usage = documented.clone();
        let Some(total) = dollars else { return (Some(usage), None) };
        // The cost is that of the whole session, and a session that is resumed goes on counting.
        let total = Counts { cost: Some(total), ..Counts::default() };
        if usage.cost.is_none() {
            let before = self.before.clone().unwrap_or_default();
            usage.cost = total.since(&Counts { cost: before.cost, ..Counts::default() }).cost;
        }
        (Some(usage), Some(total.to_value()))
    }

    /// The structured value of an answer.
    fn value(&self, root: Value) -> Result<Value, Unreadable> {
        let named = ["structured_output", "structuredOutput"].iter();
        let given = named.filter_map(|name| root.get(*name)).find(|value| !value.is_null());
        if let Some(value) = given.or(self.stream.structured.as_ref()) {
            return Ok(value.clone());
        }
        let text = match candidate(root) {
            Value::String(text) => text,
            value => return Ok(value),
        };
        if let Ok(value) = parser::parse(&text) {
            return Ok(value);
        }
        let block = text::fenced(&text).ok_or(Unreadable::Missing)?;
        parser::parse(block).map_err(|_| Unreadable::Syntax(text::json_fault(block).unwrap_or_default()))
    }
}

/// Why an answer holds no structured value.
enum Unreadable {
    Missing,
    /// There is a block that ought to be JSON.
    Syntax(String),
}

fn no_value(record: Record) -> Failure {
    unusable(format!("{LABEL} provider did not return valid JSON for schema output"), record)
}

/// The part of a response that is the answer.
fn candidate(value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    let found = ["result", "output", "text", "content"].into_iter().find(|name| object.contains_key(*name));
    // Taken out, not copied: it may be megabytes.
    match found.and_then(|name| object.get_mut(name)).map(Value::take) {
        Some(Value::Array(items)) => {
            let text = |item: &Value| item.as_str().or_else(|| item.get("text")?.as_str()).map(str::to_owned);
            Value::String(items.iter().filter_map(text).collect())
        }
        Some(found) => found,
        None => match object.get_mut("message") {
            Some(message @ Value::Object(_)) => candidate(message.take()),
            _ => Value::Object(object),
        },
    }
}

/// The answer where no schema is given.
fn plain(root: Value) -> Value {
    match candidate(root) {
        Value::String(mut text) => {
            text.truncate(trim_end(&text).len());
            Value::String(text)
        }
        other => other,
    }
}

/// What a response says about a failure.
fn message_of(root: &Value) -> Option<String> {
    let root = root.as_object()?;
    let text = |name: &str| root.get(name).and_then(Value::as_str);
    let result = text("result").filter(|_| root.get("is_error") == Some(&Value::Bool(true)));
    let nested = || root.get("error")?.get("message")?.as_str();
    result.or_else(|| text("error")).or_else(nested).or_else(|| text("message")).map(str::to_owned)
}

impl Stream {
    fn read(&mut self, event: Map<String, Value>, told: &mut Vec<Progress>) {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let kind = text("type").to_owned();
        let own = matches!(kind.as_str(), "result" | "system" | "rate_limit_event");
        if !self.seen && !(own && (kind == "result" || !text("session_id").is_empty())) {
            return;
        }
        self.seen = true;
        if self.session.is_none() && !text("session_id").is_empty() {
            self.session = Some(text("session_id").to_owned());
            told.push(Progress::Session(text("session_id").to_owned()));
        }
        // What a subagent says is not said by the agent; what it does is shown.
        let nested = event.get("parent_tool_use_id").is_some_and(|parent| !parent.is_null());
        match kind.as_str() {
            "result" => self.result(event, told),
            "assistant" => self.assistant(&event, nested, told),
            "user" => blocks(&event).for_each(|block| told.extend(tool_result(block))),
            "stream_event" if !nested => self.piece(&event, told),
            "system" if text("subtype") == "api_retry" => told.push(Progress::Retrying {
                reason: shown(&event.get("error").map(plain_text).unwrap_or_default()),
                after_ms: event.get("retry_delay_ms").and_then(Value::as_f64).map(|ms| ms.max(0.0) as u64),
            }),
            "rate_limit_event" => self.rate_limit(&event, told),
            _ => {}
        }
    }

    fn result(&mut self, result: Map<String, Value>, told: &mut Vec<Progress>) {
        if let Some(usage) = result.get("usage").filter(|usage| usage.is_object()) {
            let usage = CLAUDE.read(usage);
            told.push(Progress::Usage(usage.to_value()));
            self.usage.get_or_insert_default().add(usage);
        }
        if let Some(value) = result.get("structured_output").filter(|value| !value.is_null()) {
            self.structured = Some(value.clone());
        }
        for denial in result.get("permission_denials").and_then(Value::as_array).into_iter().flatten() {
            let Some(tool) = denial.get("tool_name").and_then(Value::as_str) else { continue };
            let denial = Denial { tool: shown(tool), target: target(denial.get("tool_input")) };
            if self.denials.len() < MOST_PROGRESS && !self.denials.contains(&denial) {
                told.push(Progress::Denied(denial.clone()));
                self.denials.push(denial);
            }
        }
        self.result = Some(result);
    }

    fn assistant(&mut self, event: &Map<String, Value>, nested: bool, told: &mut Vec<Progress>) {
        // An error of the model's servers comes as if the agent had said it.
        let error = event.get("is_api_error_message") == Some(&Value::Bool(true));
        for block in blocks(event) {
            let text = |name: &str| block.get(name).and_then(Value::as_str);
            match text("type") {
                Some("text") if error => {
                    told.extend(text("text").map(|text| Progress::Warning(shown(text))));
                }
                Some("text") if !nested && !self.in_pieces => {
                    told.extend(text("text").map(|text| Progress::Text(shown(text))));
                }
                Some("tool_use") => told.push(Progress::ToolUse {
                    id: text("id").map(shown),
                    name: shown(text("name").unwrap_or_default()),
                    summary: target(block.get("input")),
                }),
                _ => {}
            }
        }
    }

    fn piece(&mut self, event: &Map<String, Value>, told: &mut Vec<Progress>) {
        let Some(event) = event.get("event") else { return };
        match event.get("type").and_then(Value::as_str) {
            Some("message_start") => self.in_pieces = false,
            Some("content_block_delta") => {
                if let Some(text) = event.pointer("/delta/text").and_then(Value::as_str) {
                    self.in_pieces = true;
                    told.push(Progress::Text(shown(text)));
                }
            }
            _ => {}
        }
    }

    fn rate_limit(&mut self, event: &Map<String, Value>, told: &mut Vec<Progress>) {
        let Some(info) = event.get("rate_limit_info") else { return };
        let status = info.get("status").and_then(Value::as_str).unwrap_or_default();
        if status.is_empty() || status == "allowed" {
            return;
        }
        let resets_at = info.get("resetsAt").and_then(Value::as_u64);
        if status == "rejected" {
            self.resets_at = resets_at;
        }
        let which = info.get("rateLimitType").and_then(Value::as_str).unwrap_or("rate");
        told.push(Progress::Warning(shown(&format!("{which} limit: {status}"))));
    }
}

fn blocks(event: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let content = event.get("message").and_then(|message| message.get("content"));
    content.and_then(Value::as_array).into_iter().flatten().take(MOST_PROGRESS)
}

fn tool_result(block: &Value) -> Option<Progress> {
    if block.get("type")?.as_str()? != "tool_result" {
        return None;
    }
    Some(Progress::ToolResult {
        id: block.get("tool_use_id").and_then(Value::as_str).map(shown),
        failed: block.get("is_error") == Some(&Value::Bool(true)),
        summary: shown(&block.get("content").map(plain_text).unwrap_or_default()),
    })
}

/// A text, or the texts of its blocks.
fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block.get("text").and_then(Value::as_str));
            texts.take(MOST_PROGRESS).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
