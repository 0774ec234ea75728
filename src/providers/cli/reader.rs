//! The readers of all programs behind one face.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::Kind;
use super::folder::Folder;
use crate::model::progress::Progress;
use crate::model::request::AgentRequest;
use crate::providers::answer::{Answer, Exit, Failure};
use crate::providers::codex::command::LAST_MESSAGE;
use crate::providers::codex::output::LastMessage;
use crate::providers::debug::is_truthy;
use crate::providers::process::Line;
use crate::providers::{AttemptContext, Watcher, claude_code, codex, opencode, pi};

/// What an agent has been heard of.
pub(in crate::providers) struct Told {
    watcher: Option<Watcher>,
    worked: AtomicBool,
}

impl Told {
    pub(super) fn new(watcher: Option<Watcher>) -> Self {
        Self { watcher, worked: AtomicBool::new(false) }
    }

    /// Whether the agent has done something that another attempt could build on.
    pub(super) fn has_worked(&self) -> bool {
        self.worked.load(Ordering::Relaxed)
    }

    /// Notes what the agent does, and tells whoever follows it.
    pub(in crate::providers) fn note(&self, progress: Vec<Progress>) {
        for progress in progress {
            if progress.is_work() {
                self.worked.store(true, Ordering::Relaxed);
            }
            if let Some(Watcher(tell)) = &self.watcher {
                tell(progress);
            }
        }
    }
}

/// Reads what one process prints.
pub(super) struct Reader {
    told: Told,
    own: Own,
}

/// The reader of the program.
enum Own {
    ClaudeCode(claude_code::output::Reader),
    Codex(codex::output::Reader),
    OpenCode(opencode::output::Reader),
    Pi(pi::output::Reader),
}

impl Reader {
    /// `total` is what the session that is gone on with has cost before.
    pub(super) fn new(
        kind: Kind,
        request: &AgentRequest,
        total: Option<&Value>,
        context: &AttemptContext,
    ) -> Self {
        let told = Told::new(context.watcher.clone());
        let schema = request.parsed.schema.as_deref();
        let own = match kind {
            Kind::ClaudeCode => Own::ClaudeCode(claude_code::output::Reader::new(schema.is_some(), total)),
            // A schema that is falsy is not handed to it either, as in the original.
            Kind::Codex => Own::Codex(codex::output::Reader::new(schema.is_some_and(is_truthy), total)),
            Kind::OpenCode => Own::OpenCode(opencode::output::Reader::new()),
            Kind::Pi => Own::Pi(pi::output::Reader::new(schema.is_some())),
        };
        if context.raw {
            return Self { told, own };
        }
        let own = match own {
            Own::ClaudeCode(reader) => Own::ClaudeCode(reader.without_raw()),
            Own::Codex(reader) => Own::Codex(reader.without_raw()),
            Own::OpenCode(reader) => Own::OpenCode(reader.without_raw()),
            Own::Pi(reader) => Own::Pi(reader.without_raw()),
        };
        Self { told, own }
    }

    pub(super) fn has_worked(&self) -> bool {
        self.told.has_worked()
    }

    /// Takes a line. One that was cut makes no sense any more, and counts as lost.
    pub(super) fn take(&mut self, line: Line<'_>) {
        let lost = line.bytes.len() as u64 + line.lost;
        if line.lost > 0 {
            return match &mut self.own {
                Own::ClaudeCode(reader) => reader.lost(lost),
                Own::Codex(reader) => reader.lost(lost),
                Own::OpenCode(reader) => reader.lost(lost),
                Own::Pi(reader) => reader.lost(lost),
            };
        }
        self.told.note(match &mut self.own {
            Own::ClaudeCode(reader) => reader.line(line.bytes),
            Own::Codex(reader) => reader.line(line.bytes),
            Own::OpenCode(reader) => reader.line(line.bytes),
            Own::Pi(reader) => reader.line(line.bytes),
        });
    }

    /// What it all came to.
    pub(super) fn finish(
        self,
        exit: &Exit,
        stderr: &str,
        folder: Option<&Folder>,
    ) -> Result<Answer, Failure> {
        match self.own {
            Own::ClaudeCode(reader) => reader.finish(exit, stderr),
            Own::Codex(reader) => {
                let last = folder.map_or(Ok(None), |folder| folder.read(LAST_MESSAGE));
                let last = match &last {
                    Ok(None) => LastMessage::Missing,
                    Ok(Some(text)) => LastMessage::Text(text),
                    Err(why) => LastMessage::Unreadable(why),
                };
                reader.finish(exit, stderr, last)
            }
            Own::OpenCode(reader) => reader.finish(exit, stderr),
            Own::Pi(reader) => {
                let extension = folder.map(|folder| folder.path().join(pi::command::EXTENSION));
                let extension = extension.filter(|path| path.exists()).map(|path| path.display().to_string());
                reader.finish(exit, stderr, extension.as_deref())
            }
        }
    }
}
