//! What an agent does while it is at work, for whoever watches. Texts are shortened by whoever reads them.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// A tool call that was refused for want of permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    pub tool: String,
    /// The path, command or address it was meant for, shortened; empty if that is not known.
    pub target: String,
}

/// Something that happened while the agent was at work. As JSON: `{ "kind": "text", "text": … }`.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The agent's session has an id. Told once.
    Session(String),
    /// Words of the answer, or of what the agent says between two tool calls: a piece where the agent gives pieces.
    Text(String),
    ToolUse {
        id: Option<String>,
        name: String,
        summary: String,
    },
    ToolResult {
        id: Option<String>,
        failed: bool,
        summary: String,
    },
    /// What the agent said something cost, in the shape of a usage report: a model call or a turn, so far as it tells.
    Usage(Value),
    /// The agent itself tries again, after so long if it says so.
    Retrying {
        reason: String,
        after_ms: Option<u64>,
    },
    /// A tool call was refused, and the agent goes on or ends.
    Denied(Denial),
    /// Said by the agent, and not the end.
    Warning(String),
}

impl Progress {
    /// Whether the agent has done something that another attempt could build on.
    pub fn is_work(&self) -> bool {
        match self {
            Self::Text(text) => !text.trim().is_empty(),
            Self::ToolUse { .. } | Self::ToolResult { .. } => true,
            Self::Session(_)
            | Self::Usage(_)
            | Self::Retrying { .. }
            | Self::Denied(_)
            | Self::Warning(_) => false,
        }
    }
}

/// [`Progress`] as a provider of the host gives it.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Given {
    Session { id: String },
    Text { text: String },
    ToolUse { id: Option<String>, name: String, summary: String },
    ToolResult { id: Option<String>, failed: bool, summary: String },
    Usage { usage: Value },
    Retrying { reason: String, after_ms: Option<u64> },
    Denied(Denial),
    Warning { message: String },
}

impl<'de> Deserialize<'de> for Progress {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Given::deserialize(from)? {
            Given::Session { id } => Self::Session(id),
            Given::Text { text } => Self::Text(text),
            Given::ToolUse { id, name, summary } => Self::ToolUse { id, name, summary },
            Given::ToolResult { id, failed, summary } => Self::ToolResult { id, failed, summary },
            Given::Usage { usage } => Self::Usage(usage),
            Given::Retrying { reason, after_ms } => Self::Retrying { reason, after_ms },
            Given::Denied(denial) => Self::Denied(denial),
            Given::Warning { message } => Self::Warning(message),
        })
    }
}

/// [`Progress`] as people who watch get it.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Shown<'a> {
    Session {
        id: &'a str,
    },
    Text {
        text: &'a str,
    },
    ToolUse {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        name: &'a str,
        summary: &'a str,
    },
    ToolResult {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        failed: bool,
        summary: &'a str,
    },
    Usage {
        usage: &'a Value,
    },
    Retrying {
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
    Denied(&'a Denial),
    Warning {
        message: &'a str,
    },
}

impl Serialize for Progress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = match self {
            Self::Session(id) => Shown::Session { id },
            Self::Text(text) => Shown::Text { text },
            Self::ToolUse { id, name, summary } => Shown::ToolUse { id: id.as_deref(), name, summary },
            Self::ToolResult { id, failed, summary } => {
                Shown::ToolResult { id: id.as_deref(), failed: *failed, summary }
            }
            Self::Usage(usage) => Shown::Usage { usage },
            Self::Retrying { reason, after_ms } => Shown::Retrying { reason, after_ms: *after_ms },
            Self::Denied(denial) => Shown::Denied(denial),
            Self::Warning(message) => Shown::Warning { message },
        };
        shown.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_is_an_object_of_its_own() {
        let denial = Denial { tool: "Bash".to_owned(), target: "rm".to_owned() };
        for (progress, shown) in [
            (Progress::Session("s".to_owned()), json!({ "kind": "session", "id": "s" })),
            (Progress::Text("t".to_owned()), json!({ "kind": "text", "text": "t" })),
            (
                Progress::ToolUse { id: None, name: "Bash".to_owned(), summary: "ls".to_owned() },
                json!({ "kind": "toolUse", "name": "Bash", "summary": "ls" }),
            ),
            (
                Progress::ToolResult { id: Some("1".to_owned()), failed: true, summary: "no".to_owned() },
                json!({ "kind": "toolResult", "id": "1", "failed": true, "summary": "no" }),
            ),
            (
                Progress::Usage(json!({ "outputTokens": 1 })),
                json!({ "kind": "usage", "usage": { "outputTokens": 1 } }),
            ),
            (
                Progress::Retrying { reason: "429".to_owned(), after_ms: Some(5) },
                json!({ "kind": "retrying", "reason": "429", "afterMs": 5 }),
            ),
            (Progress::Denied(denial), json!({ "kind": "denied", "tool": "Bash", "target": "rm" })),
            (Progress::Warning("w".to_owned()), json!({ "kind": "warning", "message": "w" })),
        ] {
            assert_eq!(serde_json::to_value(&progress).unwrap(), shown);
            assert_eq!(serde_json::from_value::<Progress>(shown).unwrap(), progress);
        }
    }
}
