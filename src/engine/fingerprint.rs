//! What a call is known by in a journal: a hash of what determines its answer, and what people compare.
//!
//! A `key` stands for all of it. Names and limits (`label`, `phase`, `timeoutMs`, …) determine no answer: whoever changes
//! them does not pay again.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::json::JsonText;
use crate::model::recording::{About, Asked, Fingerprint, Mark, RecordedKind};
use crate::model::request::{AgentRequest, ChildRequest, ChildTarget};

/// Options that determine no answer.
const IDLE_OPTIONS: &[&str] =
    &["label", "phase", "key", "timeoutMs", "stallMs", "retry", "worktree", "isolation"];

/// Characters of a value that people are shown.
const SHOWN: usize = 200;

/// Makes the mark of a call.
pub(super) fn mark(asked: Asked<'_>) -> Mark {
    match asked {
        Asked::Agent(request) => agent(request),
        Asked::Child(request) => child(request),
        Asked::Timer(delay) => wait(RecordedKind::Timer, "timer", delay),
        Asked::Sleep(duration) => wait(RecordedKind::Sleep, "sleep", duration),
    }
}

fn agent(request: &AgentRequest) -> Mark {
    let mut hash = Hash::new("agent");
    let mut fields = Vec::new();
    if let Some(key) = &request.parsed.key {
        hash.add("key", key);
        fields.push(("key".to_owned(), shown(key)));
    } else {
        let prompt = request.prompt.as_ref().map_or("undefined", JsonText::as_str);
        hash.add("prompt", prompt);
        fields.push(("prompt".to_owned(), shown(prompt)));
        if let Some(Ok(Value::Object(options))) = request.options.as_ref().map(JsonText::parse) {
            let mut options: Vec<(String, Value)> = options.into_iter().collect();
            options.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, value) in options {
                if !IDLE_OPTIONS.contains(&name.as_str()) && !value.is_null() {
                    let value = value.to_string();
                    hash.add(&name, &value);
                    fields.push((name, shown(&value)));
                }
            }
        }
    }
    let about = About { label: request.parsed.label.clone(), fields };
    Mark { kind: RecordedKind::Agent, fingerprint: hash.end(), told: about.into() }
}

fn child(request: &ChildRequest) -> Mark {
    let (ChildTarget::Name(target) | ChildTarget::Path(target)) = &request.target;
    let args = request.args.as_ref().map_or("undefined", JsonText::as_str);
    let mut hash = Hash::new("child");
    hash.add("workflow", target);
    hash.add("args", args);
    let fields = vec![("workflow".to_owned(), shown(target)), ("args".to_owned(), shown(args))];
    let about = About { label: Some(target.clone()), fields };
    Mark { kind: RecordedKind::Child, fingerprint: hash.end(), told: about.into() }
}

fn wait(kind: RecordedKind, name: &str, duration: Duration) -> Mark {
    let ms = duration.as_millis().to_string();
    let mut hash = Hash::new(name);
    hash.add("ms", &ms);
    let about = About { label: None, fields: vec![("ms".to_owned(), ms)] };
    Mark { kind, fingerprint: hash.end(), told: about.into() }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Names and values, each with its length before it, so that no two lists of them look alike.
struct Hash(Sha256);

impl Hash {
    fn new(kind: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.text(kind);
        hash
    }

    fn add(&mut self, name: &str, value: &str) {
        self.text(name);
        self.text(value);
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn end(self) -> Fingerprint {
        let digest = self.0.finalize();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Fingerprint(u128::from_be_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::request::AgentOptions;
    use serde_json::json;

    fn print(prompt: &str, options: Value) -> Fingerprint {
        let parsed = AgentOptions::parse(&options).unwrap();
        let options = Some(JsonText::from_value(&options));
        let request = AgentRequest { prompt: Some(JsonText::from_str_value(prompt)), options, parsed };
        mark(Asked::Agent(&request)).fingerprint
    }

    #[test]
    fn only_what_determines_the_answer_counts() {
        let plain = print("a", json!({ "model": "m", "schema": { "type": "object" } }));
        for same in [
            json!({ "schema": { "type": "object" }, "model": "m" }),
            json!({ "model": "m", "schema": { "type": "object" }, "label": "l", "phase": "p", "timeoutMs": 5, "retry": {} }),
        ] {
            assert_eq!(print("a", same), plain);
        }
        for other in
            [json!({}), json!({ "model": "n", "schema": { "type": "object" } }), json!({ "model": "m" })]
        {
            assert_ne!(print("a", other), plain);
        }
        assert_ne!(print("b", json!({})), print("a", json!({})));
        assert_eq!(print("b", json!({ "key": "k" })), print("a", json!({ "key": "k", "model": "x" })));
        assert_ne!(print("a", json!({ "key": "k" })), print("a", json!({ "key": "l" })));
    }
}
