//! JSON as text: how values cross between the sandbox, the engine and the host.
//!
//! Values are serialised where they are born and parsed where they are used. The engine in between passes the text
//! on, so key order, number spelling and size are the author's, and a value nested thousands of levels deep costs
//! the engine no recursion.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How deep a value may nest where the engine itself has to look inside (options, schemas, validated outputs).
/// `serde_json` stops there to keep the native stack safe.
pub const MAX_DEPTH: usize = 128;

/// A JSON document. Whoever makes one vouches that the text is JSON.
///
/// An `Arc<str>` would need a copy of each text that is made piece by piece, and answers may have megabytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonText(Arc<String>);

impl JsonText {
    /// Wraps text that a JSON serialiser has produced.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        // It may live for long. Where much is given back, that costs no copy.
        if text.capacity() - text.len() > text.len() / 4 {
            text.shrink_to_fit();
        }
        Self(Arc::new(text))
    }

    /// Serialises a value.
    pub fn from_value(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self::from_str_value(text),
            // Writing to memory has no way to fail, and goes faster than by `Display`.
            value => Self::new(serde_json::to_string(value).unwrap_or_default()),
        }
    }

    /// The JSON form of a string.
    pub fn from_str_value(text: &str) -> Self {
        // Room for the escapes that prose has, so that a long text is not moved while it is written.
        let mut json = Vec::with_capacity(text.len() + text.len() / 8 + 2);
        // Writing a `&str` to memory has no way to fail, and what comes of it is text.
        drop(serde_json::to_writer(&mut json, text));
        Self::new(String::from_utf8(json).unwrap_or_default())
    }

    /// The document as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the document; see [`parse`].
    pub fn parse(&self) -> Result<serde_json::Value, serde_json::Error> {
        parse(&self.0)
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty, which no valid document is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Parses JSON as JavaScript writes it. A JavaScript string may hold half of a surrogate pair (`'🙂'.slice(0, 1)`), which
/// no Rust string can: it becomes U+FFFD, as it does wherever such a string is encoded as UTF-8.
///
/// # Errors
/// `serde_json`'s, which name line and column; nesting beyond [`MAX_DEPTH`] is one of them.
pub fn parse(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| {
        let whole = replace_lone_surrogates(text);
        if whole == text { Err(error) } else { serde_json::from_str(&whole) }
    })
}

/// What kind of value this is, for messages.
pub fn kind(value: &serde_json::Value) -> &'static str {
    use serde_json::Value;
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Replaces the escapes of lone surrogates by the escape of U+FFFD.
fn replace_lone_surrogates(text: &str) -> String {
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut whole = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        whole.push_str(&text[at..start]);
        let length = match (unit(start), unit(start + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                whole.push_str("\\ufffd");
                at = start + 6;
                continue;
            }
            (Some(_), _) => 6,
            // Another escape. Its second character is ASCII in valid JSON, but this text may be anything.
            (None, _) => 1 + text[start + 1..].chars().next().map_or(0, char::len_utf8),
        };
        at = start + length;
        whole.push_str(text.get(start..at).unwrap_or_default());
    }
    whole.push_str(&text[at..]);
    whole
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Serialises as the document itself, not as a string that holds it.
impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let raw: &serde_json::value::RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Reads the document as it stands.
impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(from)?;
        Ok(Self::new(raw.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn half_surrogate_pairs_become_replacement_characters() {
        for (text, expected) in [
            (r#""\ud83d\ude42""#, json!("🙂")),
            (r#""\ud83d""#, json!("\u{fffd}")),
            (r#""\ude42x""#, json!("\u{fffd}x")),
            (r#""\ud83d\ud83d\ude42""#, json!("\u{fffd}🙂")),
            (r#"{"\\ud800":"\\\ud800ü\n"}"#, json!({ "\\ud800": "\\\u{fffd}ü\n" })),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        assert!(parse("{").is_err());
        assert!(parse("\\é").is_err());
        assert!(parse("\\").is_err());
        assert!(parse(&("[".repeat(200) + &"]".repeat(200))).is_err());
    }
}
