//! JSON as text: how values cross between the sandbox, the engine and the host.
//!
//! Values are serialised where they are born and parsed where they are used. The engine in between passes the text
//! on, so key order, number spelling and size are the author's, and a value nested thousands of levels deep costs
//! the engine no recursion.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// How deep a value may nest where the engine itself has to look inside (options, schemas, validated outputs).
/// `serde_json` stops there to keep the native stack safe.
pub const MAX_DEPTH: usize = 128;

/// A JSON document. Whoever makes one vouches that the text is JSON.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// Wraps text that a JSON serialiser has produced.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Serialises a value.
    pub fn from_value(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }

    /// The JSON form of a string.
    pub fn from_str_value(text: &str) -> Self {
        // Serialising a `&str` writes to a `String` and has no way to fail.
        Self(serde_json::to_string(text).unwrap_or_default().into())
    }

    /// The document as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the document; the error is `serde_json`'s, which names line and column.
    pub fn parse(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(&self.0)
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
