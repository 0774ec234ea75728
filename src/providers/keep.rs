//! How much of what a CLI prints is kept: a bounded head of its stdout, and head and tail of its events.
//!
//! A CLI may print hundreds of megabytes. What is kept for `raw` and for quoting never grows with that.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde_json::{Value, json};

use super::text;
use crate::model::json::{self as parser, JsonText};

/// The most bytes of events, or of one response, in `raw`: the first half and the last half of this.
pub const RAW_LIMIT: usize = 1024 * 1024;

/// The most bytes of stdout kept where stdout itself may be the answer.
pub const STDOUT_LIMIT: usize = 16 * 1024 * 1024;

/// The bytes of stdout kept for quoting in a failure.
const QUOTED: usize = 16 * 1024;

/// The beginning of a stdout, as text.
#[derive(Debug)]
pub struct Stdout {
    /// Its lines, the last one without its ending.
    text: String,
    begun: bool,
    limit: usize,
    /// Bytes that did not fit.
    left_out: u64,
}

impl Stdout {
    /// Keeps as much as an answer may have.
    pub fn whole() -> Self {
        Self { text: String::new(), begun: false, limit: STDOUT_LIMIT, left_out: 0 }
    }

    /// Keeps as much as a failure quotes.
    pub fn quoted() -> Self {
        Self { text: String::new(), begun: false, limit: QUOTED, left_out: 0 }
    }

    /// Adds a line; bytes that are no UTF-8 become U+FFFD.
    pub fn push(&mut self, line: &[u8]) {
        if std::mem::replace(&mut self.begun, true) {
            self.add(b"\n");
        }
        self.add(line);
    }

    fn add(&mut self, line: &[u8]) {
        if self.text.len() + line.len() <= self.limit {
            self.text.push_str(&text_of(line));
            return;
        }
        // Whole characters only, so that what is kept is what was printed.
        let room = self.limit.saturating_sub(self.text.len()).min(line.len());
        let head = String::from_utf8_lossy(&line[..room]);
        self.text.push_str(head.trim_end_matches('\u{fffd}'));
        self.lose((line.len() - room) as u64);
        // What comes later does not go where something is missing.
        self.limit = self.text.len();
    }

    /// Notes bytes that never came here, or do not stay.
    pub fn lose(&mut self, bytes: u64) {
        self.left_out += bytes;
    }

    /// From now on it is for quoting only.
    pub fn quote_only(&mut self) {
        if self.limit > QUOTED {
            self.limit = QUOTED;
            if self.text.len() > QUOTED {
                let mut end = QUOTED;
                while !self.text.is_char_boundary(end) {
                    end -= 1;
                }
                self.left_out += (self.text.len() - end) as u64;
                self.text.truncate(end);
                self.text.shrink_to_fit();
            }
        }
    }

    /// What is kept.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Bytes that are not kept, or none: then [`text`](Self::text) is all there was.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// Events as `raw.events` shows them: the first and the last, and between them
/// `{ "leftOut": { "events": n, "bytes": n } }` for those that are not kept.
#[derive(Debug, Default)]
pub struct Events {
    head: Vec<Box<str>>,
    head_size: usize,
    tail: VecDeque<Box<str>>,
    tail_size: usize,
    left_out: u64,
    left_out_size: u64,
    /// Nobody will ask for them.
    unwanted: bool,
}

impl Events {
    /// Keeps nothing: [`into_value`](Self::into_value) will be `null`.
    pub fn unwanted() -> Self {
        Self { unwanted: true, ..Self::default() }
    }

    /// Adds an event, given as JSON.
    pub fn push(&mut self, json: &str) {
        if self.unwanted {
            return;
        }
        if self.tail.is_empty() && self.left_out == 0 && self.head_size + json.len() <= RAW_LIMIT / 2 {
            self.head_size += json.len();
            self.head.push(json.into());
            return;
        }
        if json.len() > RAW_LIMIT / 2 {
            // What is left out stands in one place, so what came just before it goes too.
            self.tail.drain(..).for_each(|old| leave_out(&mut self.left_out, &mut self.left_out_size, &old));
            self.tail_size = 0;
            leave_out(&mut self.left_out, &mut self.left_out_size, json);
            return;
        }
        self.tail_size += json.len();
        self.tail.push_back(json.into());
        while self.tail_size > RAW_LIMIT / 2
            && let Some(old) = self.tail.pop_front()
        {
            self.tail_size -= old.len();
            leave_out(&mut self.left_out, &mut self.left_out_size, &old);
        }
    }

    /// Notes an event that is not kept, whatever its size.
    pub fn skip(&mut self, bytes: usize) {
        self.left_out += 1;
        self.left_out_size += bytes as u64;
    }

    /// Whether there were none, or nobody wants them.
    pub fn is_empty(&self) -> bool {
        self.unwanted || (self.head.is_empty() && self.tail.is_empty() && self.left_out == 0)
    }

    /// Bytes that are held, for tests of how much that is.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.head_size + self.tail_size
    }

    /// The events.
    pub fn into_value(self) -> Value {
        if self.unwanted {
            return Value::Null;
        }
        let read = |event: &str| parser::parse(event).unwrap_or(Value::Null);
        let mut events: Vec<Value> = self.head.iter().map(|event| read(event)).collect();
        if self.left_out > 0 {
            events.push(json!({ "leftOut": { "events": self.left_out, "bytes": self.left_out_size } }));
        }
        events.extend(self.tail.iter().map(|event| read(event)));
        Value::Array(events)
    }
}

fn leave_out(count: &mut u64, size: &mut u64, event: &str) {
    *count += 1;
    *size += event.len() as u64;
}

/// A response as `raw.response` shows it: itself, or, if it is larger than [`RAW_LIMIT`],
/// `{ "leftOut": { "bytes": n }, "head": "…", "tail": "…" }` with the ends of its JSON text.
pub fn bounded(response: &Value) -> Value {
    ends(response).unwrap_or_else(|| response.clone())
}

/// The same of a response that nobody else needs: it is not copied.
pub fn into_bounded(response: Value) -> Value {
    ends(&response).unwrap_or(response)
}

/// The same of what somebody else gives as `raw`, and nobody has looked into.
pub fn bounded_text(raw: JsonText) -> JsonText {
    match ends_of(raw.as_str()) {
        Some(ends) => JsonText::from_value(&ends),
        None => raw,
    }
}

/// The ends of a response, if it is too large to be kept as a whole.
fn ends(response: &Value) -> Option<Value> {
    if size(response) <= RAW_LIMIT {
        return None;
    }
    ends_of(&response.to_string())
}

fn ends_of(text: &str) -> Option<Value> {
    if text.len() <= RAW_LIMIT {
        return None;
    }
    let half = RAW_LIMIT / 2;
    let mut end = half;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut start = text.len() - half;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    Some(json!({ "leftOut": { "bytes": start - end }, "head": text[..end], "tail": text[start..] }))
}

/// The length of a value's JSON text, which is not made for it. Control characters other than line breaks and tabs count
/// less than they take.
fn size(value: &Value) -> usize {
    // Branches on each byte would cost as much as making the text.
    let escapes =
        |text: &str| text.bytes().filter(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')).count();
    let quoted = |text: &str| text.len() + escapes(text) + 2;
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => quoted(text),
        Value::Array(items) => 1 + items.len().max(1) + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => {
            let each = members.iter().map(|(name, value)| quoted(name) + 1 + size(value));
            1 + members.len().max(1) + each.sum::<usize>()
        }
    }
}

/// The lines of what a reader is given, which is one without its ending, or with it, or several.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut begin = 0;
    let ends = memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]);
    ends.map(move |end| &bytes[std::mem::replace(&mut begin, end + 1)..end])
}

/// A text as it came, if it is UTF-8; else what is not has become U+FFFD. The standard library looks for that letter by
/// letter, and this happens to everything that any agent prints.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A line as an event: JSON. The text is what `raw` keeps.
pub fn event(line: &[u8]) -> Option<(Value, Cow<'_, str>)> {
    let line = match text_of(line) {
        Cow::Borrowed(line) => Cow::Borrowed(text::trim(line)),
        Cow::Owned(line) => Cow::Owned(text::trim(&line).to_owned()),
    };
    // Most of what is no event is found out by its first letter.
    if !matches!(line.as_bytes().first(), Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
    {
        return None;
    }
    let value = parser::parse(&line).ok()?;
    Some((value, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stdout_keeps_its_head() {
        let mut all = Stdout::whole();
        all.push(b"a\xffb");
        all.push("é".as_bytes());
        assert_eq!((all.text(), all.left_out()), ("a\u{fffd}b\né", 0));

        let mut quoted = Stdout::quoted();
        quoted.push("é".repeat(QUOTED).as_bytes());
        quoted.push(b"more");
        assert!(quoted.text().len() <= QUOTED && quoted.text().chars().all(|c| c == 'é'));
        assert_eq!(quoted.left_out() as usize + quoted.text().len(), 2 * QUOTED + 1 + 4);

        let mut whole = Stdout::whole();
        whole.push("é".repeat(QUOTED).as_bytes());
        whole.quote_only();
        assert_eq!(whole.text().len(), QUOTED);
    }

    #[test]
    fn few_events_are_all_there() {
        let mut events = Events::default();
        events.push(r#"{"z":1,"a":2}"#);
        events.push("5");
        assert_eq!(events.into_value().to_string(), r#"[{"z":1,"a":2},5]"#);
    }

    #[test]
    fn of_many_events_the_ends_are_there() {
        let mut events = Events::default();
        let filler = "x".repeat(1000);
        for number in 0..5000 {
            events.push(&json!({ "number": number, "filler": filler }).to_string());
        }
        events.push(&json!({ "big": "y".repeat(RAW_LIMIT) }).to_string());
        events.push(r#"{"number":5000}"#);
        assert!(events.held() <= RAW_LIMIT);
        let Value::Array(kept) = events.into_value() else { panic!("not an array") };
        assert_eq!(kept[0]["number"], 0);
        let head = kept.len() - 2;
        assert_eq!(kept[head]["leftOut"]["events"], 5001 - head);
        assert_eq!(kept[head + 1]["number"], 5000);
    }

    #[test]
    fn a_large_response_is_its_ends() {
        let small = json!({ "a": "b" });
        assert_eq!(bounded(&small), small);
        let text = json!("z".repeat(RAW_LIMIT + 10));
        let kept = bounded(&text);
        assert_eq!(kept["leftOut"]["bytes"], 12);
        assert!(kept["head"].as_str().unwrap().starts_with("\"zz"));
        assert_eq!(kept["tail"].as_str().unwrap().len(), RAW_LIMIT / 2);
        // Also of what is only JSON for JavaScript.
        let lone = |length| JsonText::new(format!(r#"["\ud800","{}"]"#, "é".repeat(length / 2)));
        assert_eq!(bounded_text(lone(10)), lone(10));
        let kept = bounded_text(lone(RAW_LIMIT)).parse().unwrap();
        assert!(kept["head"].as_str().unwrap().starts_with(r#"["\ud800","é"#));
        assert!(kept["leftOut"]["bytes"].as_u64().unwrap() >= 13);
    }

    #[test]
    fn sizes_are_those_of_the_text() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!([true, false, 1, -2.5, 1e300]),
            json!({ "a\"b\\": ["\n\t", "é🙂", {}], "": null }),
        ] {
            assert_eq!(size(&value), value.to_string().len(), "{value}");
        }
        // What is rare counts less, and is seen when the text is there.
        let control = json!("\u{1}".repeat(RAW_LIMIT / 6 - 10));
        assert_eq!(bounded(&control), control);
    }

    #[test]
    fn lines_have_no_endings() {
        let split = |bytes: &'static [u8]| lines(bytes).collect::<Vec<_>>();
        assert_eq!(split(b"a\n"), [b"a"]);
        assert_eq!(split(b"a\nb"), [b"a", b"b"]);
        assert_eq!(split(b""), [b""]);
    }
}
