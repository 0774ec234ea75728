//! `export const meta`: what a workflow says about itself before it runs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The error of the original engine for a script without valid metadata. Callers match on this text.
pub const MISSING_METADATA: &str =
    "Workflow script must export valid literal metadata as `export const meta = { name, description, ... }`";

/// The fields of `meta`.
pub const KNOWN_FIELDS: &[&str] = &["name", "description", "whenToUse", "phases"];

/// The fields of an entry of `meta.phases`.
pub const KNOWN_PHASE_FIELDS: &[&str] = &["title", "detail", "model", "provider"];

/// Normalised metadata: only the known fields, in this order when serialised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowMetadata {
    pub name: String,
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_to_use: Option<String>,
    /// `None` when the script gives none or something that is not an array; `Some(vec![])` stays empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phases: Option<Vec<PhaseMetadata>>,
}

/// One entry of `meta.phases`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseMetadata {
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

impl WorkflowMetadata {
    /// Keeps what the original engine keeps of a literal: `None` unless it is an object whose `name` and
    /// `description` are strings; fields of another type are dropped, phase entries without a string `title` are
    /// filtered out. A phase given as a plain string counts as its title (seen in Claude Code workflows).
    pub fn normalize(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        Some(Self {
            name: text(object, "name")?,
            description: text(object, "description")?,
            when_to_use: text(object, "whenToUse"),
            phases: object
                .get("phases")
                .and_then(Value::as_array)
                .map(|phases| phases.iter().filter_map(PhaseMetadata::normalize).collect()),
        })
    }
}

impl PhaseMetadata {
    fn normalize(value: &Value) -> Option<Self> {
        if let Some(title) = value.as_str() {
            return Some(Self { title: title.to_owned(), ..Self::default() });
        }
        let object = value.as_object()?;
        Some(Self {
            title: text(object, "title")?,
            detail: text(object, "detail"),
            model: text(object, "model"),
            provider: text(object, "provider"),
        })
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_owned)
}
