//! What a check of a workflow source found: data for people and editors.
//!
//! Knows what a finding looks like, not what there is to find.

use serde::Serialize;

use super::script::Position;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The script would not start, or would fail where it gets there.
    Error,
    /// It would run, and most likely not do what its author wants.
    Warning,
}

/// One finding: what, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub severity: Severity,
    /// Stable: `ERR_…` for errors, `WARN_…` for warnings; listed in `docs/errors.md`.
    pub code: &'static str,
    /// Without the place, which stands beside it.
    pub message: String,
    /// The name of the source, as the caller gave it.
    pub file: String,
    #[serde(flatten)]
    pub at: Position,
    /// The line with a caret under the place; empty where there is no text to show.
    pub frame: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// Whether the script would fail.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The order in which findings are listed: by place, errors first.
    pub fn order(&self) -> impl Ord + use<> {
        (self.at.line, self.at.column, self.severity, self.code)
    }
}
