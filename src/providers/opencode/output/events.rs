//! Reads the events of OpenCode's server (`GET /event`): what its agent does, and whether it still does something.
//!
//! A stream of lines `data: <JSON>`. What is not understood is left out: nothing is decided by it but silence.

use memchr::{memchr, memmem};
use rustc_hash::FxHashSet;
use serde_json::Value;

use crate::model::json as parser;
use crate::providers::answer::{Progress, shown, target};

/// Bytes of a line that are looked at; longer ones are whole files, or no events at all.
const MAX_LINE: usize = 1 << 20;

/// Messages and parts that are remembered.
const REMEMBERED: usize = 10_000;

/// Reads the events of one session.
pub struct Events {
    session: String,
    line: Vec<u8>,
    /// The line is too long, and what follows of it is dropped.
    skipping: bool,
    /// The messages of the agent. Those of the user are events too.
    answers: FxHashSet<String>,
    /// Parts whose text came in pieces, and tool calls that were told.
    told: FxHashSet<String>,
}

impl Events {
    /// A reader for one session.
    pub fn new(session: &str) -> Self {
        Self {
            session: session.to_owned(),
            line: Vec::new(),
            skipping: false,
            answers: FxHashSet::default(),
            told: FxHashSet::default(),
        }
    }

    /// Takes bytes as they come. Says whether anything was about the session, and what its agent has done.
    pub fn feed(&mut self, mut bytes: &[u8]) -> (bool, Vec<Progress>) {
        let (mut heard, mut progress) = (false, Vec::new());
        while let Some(end) = memchr(b'\n', bytes) {
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            heard |= memmem::find(&line, self.session.as_bytes()).is_some();
            if !std::mem::take(&mut self.skipping) {
                self.read(&line, &mut progress);
            }
        }
        self.keep(bytes);
        (heard, progress)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.line.len();
        self.skipping |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn read(&mut self, line: &[u8], progress: &mut Vec<Progress>) {
        let Some(data) = line.strip_prefix(b"data:") else { return };
        let Some(event) = std::str::from_utf8(data).ok().and_then(|text| parser::parse(text.trim()).ok())
        else {
            return;
        };
        let text = |path: &str| event.pointer(path).and_then(Value::as_str);
        let about = text("/properties/sessionID")
            .or_else(|| text("/properties/info/sessionID"))
            .or_else(|| text("/properties/part/sessionID"));
        if about != Some(&self.session) {
            return;
        }
        match text("/type") {
            Some("message.updated") if text("/properties/info/role") == Some("assistant") => {
                if let Some(id) = text("/properties/info/id") {
                    remember(&mut self.answers, id);
                }
            }
            Some("message.part.delta") if text("/properties/field") == Some("text") => {
                let (Some(part), Some(delta)) = (text("/properties/partID"), text("/properties/delta"))
                else {
                    return;
                };
                if text("/properties/messageID").is_some_and(|message| self.answers.contains(message)) {
                    remember(&mut self.told, part);
                    progress.push(Progress::Text(shown(delta)));
                }
            }
            Some("message.part.updated") => {
                if let Some(part) = event.pointer("/properties/part") {
                    self.part(part, text("/properties/delta"), progress);
                }
            }
            Some("session.status") if text("/properties/status/type") == Some("retry") => {
                let reason = shown(text("/properties/status/message").unwrap_or_default());
                progress.push(Progress::Retrying { reason, after_ms: None });
            }
            _ => {}
        }
    }

    fn part(&mut self, part: &Value, delta: Option<&str>, progress: &mut Vec<Progress>) {
        let text = |path: &str| part.pointer(path).and_then(Value::as_str);
        let (Some(message), Some(id)) = (text("/messageID"), text("/id")) else { return };
        if !self.answers.contains(message) {
            return;
        }
        match text("/type") {
            Some("text") => {
                let whole = part.pointer("/time/end").is_some() && !self.told.contains(id);
                let piece = delta.or_else(|| text("/text").filter(|_| whole));
                if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
                    remember(&mut self.told, id);
                    progress.push(Progress::Text(shown(piece)));
                }
            }
            Some("tool") => {
                let call = text("/callID").map(shown);
                let status = text("/state/status");
                let begun = matches!(status, Some("running" | "completed" | "error"));
                if begun && remember(&mut self.told, id) {
                    let (name, summary) =
                        (shown(text("/tool").unwrap_or_default()), target(part.pointer("/state/input")));
                    progress.push(Progress::ToolUse { id: call.clone(), name, summary });
                }
                let said = match status {
                    Some("completed") => text("/state/output"),
                    Some("error") => text("/state/error"),
                    _ => return,
                };
                let (failed, summary) = (status == Some("error"), shown(said.unwrap_or_default()));
                progress.push(Progress::ToolResult { id: call, failed, summary });
            }
            _ => {}
        }
    }
}

/// Whether it was not there before.
fn remember(set: &mut FxHashSet<String>, id: &str) -> bool {
    set.len() < REMEMBERED && set.insert(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(event: &Value) -> Vec<u8> {
        format!("data: {event}\n\n").into_bytes()
    }

    fn part(part: Value) -> Value {
        let mut part = part;
        part["sessionID"] = json!("ses_1");
        part["messageID"] = json!("m2");
        json!({ "type": "message.part.updated", "properties": { "part": part } })
    }

    #[test]
    fn the_agents_words_and_tools_are_told() {
        let mut events = Events::new("ses_1");
        let answer = json!({ "id": "m2", "role": "assistant", "sessionID": "ses_1" });
        let delta = json!({ "sessionID": "ses_1", "messageID": "m2", "partID": "p1", "field": "text", "delta": "He" });
        let running = json!({ "status": "running", "input": { "command": "ls" } });
        let done = json!({ "status": "completed", "input": { "command": "ls" }, "output": "a.txt" });
        let mut bytes = Vec::new();
        for event in [
            json!({ "type": "message.updated", "properties": { "info": answer } }),
            json!({ "type": "message.part.delta", "properties": delta }),
            part(json!({ "id": "p1", "type": "text", "text": "Hello", "time": { "end": 1 } })),
            part(json!({ "id": "p2", "type": "text", "text": "World", "time": { "end": 1 } })),
            part(json!({ "id": "p3", "type": "tool", "callID": "c", "tool": "bash", "state": running })),
            part(json!({ "id": "p3", "type": "tool", "callID": "c", "tool": "bash", "state": done })),
        ] {
            bytes.extend(line(&event));
        }
        // In pieces that break lines and characters.
        let mut progress = Vec::new();
        for piece in bytes.chunks(7) {
            progress.extend(events.feed(piece).1);
        }
        let expected = [
            Progress::Text("He".to_owned()),
            Progress::Text("World".to_owned()),
            Progress::ToolUse { id: Some("c".to_owned()), name: "bash".to_owned(), summary: "ls".to_owned() },
            Progress::ToolResult { id: Some("c".to_owned()), failed: false, summary: "a.txt".to_owned() },
        ];
        assert_eq!(progress, expected);
    }

    #[test]
    fn the_users_words_and_other_sessions_are_not() {
        let mut events = Events::new("ses_1");
        let prompt = json!({ "id": "p", "sessionID": "ses_1", "messageID": "m1", "type": "text", "text": "x", "time": { "end": 1 } });
        let own = json!({ "type": "message.part.updated", "properties": { "part": prompt } });
        assert_eq!(events.feed(&line(&own)), (true, vec![]));
        let other =
            json!({ "type": "message.part.delta", "properties": { "sessionID": "ses_2", "delta": "x" } });
        assert_eq!(events.feed(&line(&other)), (false, vec![]));
        assert_eq!(events.feed(b"data: {\n: hello\n\n"), (false, vec![]));
    }

    #[test]
    fn a_line_without_end_takes_no_room() {
        let mut events = Events::new("ses_1");
        for _ in 0..40 {
            events.feed(&[b'x'; 100_000]);
        }
        assert!(events.line.len() <= MAX_LINE);
        assert_eq!(events.feed(b"\n"), (false, vec![]));
        assert!(events.feed(b"data: {\"a\":\"ses_1\"}\n").0);
    }
}
