//! Texts: short ones stand in their row, long ones are kept once, under the hash of what they say.
//!
//! The work that grows with the length is done by [`Text::prepare`], on the thread of whoever has the text.

use rusqlite::types::{FromSqlError, Type, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use crate::model::journal::SourceSnapshot;
use crate::model::json::JsonText;

/// A text of an entry that is longer than this becomes a blob: a page of the database holds 4096 bytes, and a row that
/// does not fit into one needs pages of its own anyway.
pub(super) const LONG: usize = 4096;
/// The same for a text of a run. The row of a run is written again with every change of its status, so that it should
/// stay small.
pub(super) const LONG_FOR_A_RUN: usize = 512;

pub(super) type Hash = [u8; 32];

pub(super) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// A text on its way into the database.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Short(JsonText),
    Long(Hash, JsonText),
}

impl Text {
    pub(super) fn prepare(text: &JsonText, long: usize) -> Self {
        if text.len() > long {
            Self::Long(hash(text.as_str()), text.clone())
        } else {
            Self::Short(text.clone())
        }
    }

    /// A source, which is kept as a blob whatever its length: most runs share theirs with others.
    pub(super) fn source(source: &SourceSnapshot) -> Self {
        // Texts: there is nothing in it that JSON could not hold.
        let text = JsonText::new(serde_json::to_string(source).unwrap_or_default());
        Self::Long(hash(text.as_str()), text)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Short(text) | Self::Long(_, text) => text.len(),
        }
    }

    /// Writes it, if it needs a place of its own, and gives the value for the row of a run or entry.
    pub(super) fn put(&self, tables: &Connection, run: i64) -> rusqlite::Result<Value> {
        let (hash, text) = match self {
            Self::Short(text) => return Ok(Value::Text(text.as_str().to_owned())),
            Self::Long(hash, text) => (hash, text),
        };
        let known = tables
            .prepare_cached("SELECT number FROM blobs WHERE hash = ?1")?
            .query_row([hash], |row| row.get(0))
            .optional()?;
        let number: i64 = match known {
            Some(number) => number,
            None => tables
                .prepare_cached("INSERT INTO blobs (hash, body) VALUES (?1, ?2)")?
                .insert(params![hash, text.as_str().as_bytes()])?,
        };
        tables
            .prepare_cached("INSERT OR IGNORE INTO blob_uses (blob, run) VALUES (?1, ?2)")?
            .execute([number, run])?;
        Ok(Value::Integer(number))
    }

    /// Whether this is what a row holds.
    pub(super) fn is(&self, tables: &Connection, stored: ValueRef<'_>) -> rusqlite::Result<bool> {
        match (self, stored) {
            (Self::Short(text), ValueRef::Text(stored)) => Ok(stored == text.as_str().as_bytes()),
            (Self::Long(hash, _), ValueRef::Integer(number)) => tables
                .prepare_cached("SELECT hash = ?2 FROM blobs WHERE number = ?1")?
                .query_row(params![number, hash], |row| row.get(0)),
            _ => Ok(false),
        }
    }
}

/// Writes a text that may be missing.
pub(super) fn put(text: Option<&Text>, tables: &Connection, run: i64) -> rusqlite::Result<Value> {
    text.map_or(Ok(Value::Null), |text| text.put(tables, run))
}

/// Reads the text in a column.
pub(super) fn get(tables: &Connection, row: &Row<'_>, column: usize) -> rusqlite::Result<JsonText> {
    get_optional(tables, row, column)?.ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Null, Box::new(FromSqlError::InvalidType))
    })
}

/// Reads the text in a column that may be empty.
pub(super) fn get_optional(
    tables: &Connection,
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<JsonText>> {
    let wrong = |kind, error| rusqlite::Error::FromSqlConversionFailure(column, kind, error);
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Text(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|error| wrong(Type::Text, Box::new(error)))?;
            Ok(Some(JsonText::new(text)))
        }
        ValueRef::Integer(number) => {
            let mut blob = tables.prepare_cached("SELECT body FROM blobs WHERE number = ?1")?;
            let text: Option<String> = blob
                .query_row([number], |row| {
                    let bytes = row.get_ref(0)?.as_blob()?;
                    let text =
                        std::str::from_utf8(bytes).map_err(|error| wrong(Type::Blob, Box::new(error)))?;
                    Ok(text.to_owned())
                })
                .optional()?;
            let missing = || wrong(Type::Integer, format!("there is no blob {number}").into());
            text.map(|text| Some(JsonText::new(text))).ok_or_else(missing)
        }
        other => Err(wrong(other.data_type(), Box::new(FromSqlError::InvalidType))),
    }
}

/// Reads the source that [`Text::source`] has written.
pub(super) fn get_source(
    tables: &Connection,
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<SourceSnapshot> {
    let text = get(tables, row, column)?;
    serde_json::from_str(text.as_str())
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// What makes a source the same source: its text and those of its helpers. Each text goes in with its length, so that
/// nothing can move from one to the next unseen.
pub(super) fn source_identity(source: &SourceSnapshot) -> Hash {
    let mut hasher = Sha256::new();
    let mut add = |text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(&source.text);
    for (path, text) in &source.files {
        add(path);
        add(text);
    }
    hasher.finalize().into()
}

/// What makes args the same args. No args differ from `null`.
pub(super) fn args_identity(args: Option<&JsonText>) -> Hash {
    hash(args.map_or("", JsonText::as_str))
}
