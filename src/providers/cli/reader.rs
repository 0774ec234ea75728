//! The readers of all programs behind one face.

use super::Kind;
use super::folder::Folder;
use crate::model::request::AgentRequest;
use crate::providers::answer::{Answer, Exit, Failure};
use crate::providers::codex::command::LAST_MESSAGE;
use crate::providers::codex::output::LastMessage;
use crate::providers::debug::is_truthy;
use crate::providers::process::Line;
use crate::providers::{claude_code, codex, opencode, pi};

/// Reads what one process prints.
pub(super) enum Reader {
    ClaudeCode(claude_code::output::Reader),
    Codex(codex::output::Reader),
    OpenCode(opencode::output::Reader),
    Pi(pi::output::Reader),
}

impl Reader {
    pub(super) fn new(kind: Kind, request: &AgentRequest) -> Self {
        let schema = request.parsed.schema.as_deref();
        match kind {
            Kind::ClaudeCode => Self::ClaudeCode(claude_code::output::Reader::new(schema.is_some(), None)),
            // A schema that is falsy is not handed to it either, as in the original.
            Kind::Codex => Self::Codex(codex::output::Reader::new(schema.is_some_and(is_truthy), None)),
            Kind::OpenCode => Self::OpenCode(opencode::output::Reader::new()),
            Kind::Pi => Self::Pi(pi::output::Reader::new(schema.is_some())),
        }
    }

    /// Takes a line. One that was cut makes no sense any more, and counts as lost.
    pub(super) fn take(&mut self, line: Line<'_>) {
        let lost = line.bytes.len() as u64 + line.lost;
        if line.lost > 0 {
            return match self {
                Self::ClaudeCode(reader) => reader.lost(lost),
                Self::Codex(reader) => reader.lost(lost),
                Self::OpenCode(reader) => reader.lost(lost),
                Self::Pi(reader) => reader.lost(lost),
            };
        }
        // Nobody watches single agents yet.
        drop(match self {
            Self::ClaudeCode(reader) => reader.line(line.bytes),
            Self::Codex(reader) => reader.line(line.bytes),
            Self::OpenCode(reader) => reader.line(line.bytes),
            Self::Pi(reader) => reader.line(line.bytes),
        });
    }

    /// What it all came to.
    pub(super) fn finish(
        self,
        exit: &Exit,
        stderr: &str,
        folder: Option<&Folder>,
    ) -> Result<Answer, Failure> {
        match self {
            Self::ClaudeCode(reader) => reader.finish(exit, stderr),
            Self::Codex(reader) => {
                let last = folder.map_or(Ok(None), |folder| folder.read(LAST_MESSAGE));
                let last = match &last {
                    Ok(None) => LastMessage::Missing,
                    Ok(Some(text)) => LastMessage::Text(text),
                    Err(why) => LastMessage::Unreadable(why),
                };
                reader.finish(exit, stderr, last)
            }
            Self::OpenCode(reader) => reader.finish(exit, stderr),
            Self::Pi(reader) => {
                let extension = folder.map(|folder| folder.path().join(pi::command::EXTENSION));
                let extension = extension.filter(|path| path.exists()).map(|path| path.display().to_string());
                reader.finish(exit, stderr, extension.as_deref())
            }
        }
    }
}
