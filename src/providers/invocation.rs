//! What a CLI is started with: the program, its arguments, its input, and the files it needs; and what all CLIs make
//! alike of a call before each of them writes it down its own way.
//!
//! Decides everything about a command line and starts nothing: no file is written here, no process made.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::agents::{AgentType, Definition};
use super::shape::Restore;
use super::tools;
use crate::model::error::ErrorData;
use crate::model::provider::{CliOptions, Permissions, ProviderSettings};
use crate::model::request::AgentRequest;

/// The longest argument that can be handed over. Linux takes 128 KiB with the zero at the end; Windows takes 8191
/// characters for the whole line where a program is a script, as those that npm installs are.
pub const MAX_ARGUMENT: usize = if cfg!(windows) { 6_000 } else { 128 * 1024 - 1 };

/// Everything needed to start a CLI for one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// Name or path of the executable.
    pub program: String,
    pub args: Vec<Arg>,
    /// Variables laid over the environment of the process, in order: a later one of the same name counts.
    pub env: Vec<(String, String)>,
    /// The folder to work in; `None`: that of the process.
    pub cwd: Option<PathBuf>,
    /// What is written to its standard input before that is closed. `None`: it has none (`/dev/null`).
    pub stdin: Option<String>,
    /// Files to write first into a private folder, which is removed afterwards.
    pub files: Vec<ScratchFile>,
    /// Beginning of the name of that folder.
    pub folder_prefix: &'static str,
    /// What asks it to stop.
    pub first_signal: FirstSignal,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// How long it may say nothing.
    pub stall: Option<Duration>,
    /// How its structured answer becomes the one that was asked for.
    pub restore: Restore,
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    Text(String),
    /// The path of a file in the private folder, with a text in front of it.
    InFolder {
        before: &'static str,
        name: &'static str,
    },
}

/// A file of the private folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScratchFile {
    pub name: &'static str,
    pub text: String,
}

/// The signal that makes a CLI end its tools and itself; whatever is left after a grace is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSignal {
    /// SIGTERM
    Terminate,
    /// SIGINT
    Interrupt,
}

impl Invocation {
    /// Whether a private folder has to be made before the start.
    pub fn needs_folder(&self) -> bool {
        !self.files.is_empty() || self.args.iter().any(|arg| matches!(arg, Arg::InFolder { .. }))
    }

    /// The arguments as the program gets them. `folder` is the private folder, and is not looked at without
    /// [`Self::needs_folder`].
    pub fn args_in(&self, folder: &Path) -> Vec<OsString> {
        let written = |arg: &Arg| match arg {
            Arg::Text(text) => OsString::from(text),
            Arg::InFolder { before, name } => {
                let mut text = OsString::from(before);
                text.push(folder.join(name));
                text
            }
        };
        self.args.iter().map(written).collect()
    }

    pub(super) fn arg(&mut self, text: impl Into<String>) {
        self.args.push(Arg::Text(text.into()));
    }

    pub(super) fn flag(&mut self, flag: &str, value: impl Into<String>) {
        self.arg(flag);
        self.arg(value);
    }

    /// Writes a file into the private folder, and puts its path behind a flag.
    pub(super) fn flag_file(&mut self, flag: &str, name: &'static str, text: String) {
        self.arg(flag);
        self.args.push(Arg::InFolder { before: "", name });
        self.files.push(ScratchFile { name, text });
    }

    /// Refuses arguments that no system would take. What may be long goes another way before it comes to this.
    pub(super) fn checked(self) -> Result<Self, ErrorData> {
        let mut before = "";
        for arg in &self.args {
            let Arg::Text(text) = arg else { continue };
            if text.len() > MAX_ARGUMENT {
                let message = format!(
                    "{} takes what follows {before} as an argument, and an argument has at most {MAX_ARGUMENT} bytes; this one has {}: make it shorter",
                    self.program,
                    text.len()
                );
                return Err(ErrorData::new("Error", message).with_code("ERR_ARGUMENT_TOO_LONG"));
            }
            before = text;
        }
        Ok(self)
    }
}

/// One attempt of one call, and all that decides how a CLI is started for it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub request: &'a AgentRequest,
    /// The settings of the provider, all layers in one.
    pub settings: &'a ProviderSettings,
    /// What the call's `agentType` came to.
    pub agent: &'a AgentType,
    /// A session of the CLI to go on with, instead of a new one. It has to be started in the folder that the session
    /// began in: opencode and pi do nothing useful elsewhere.
    pub session: Option<&'a str>,
    /// The folder that the engine has chosen; `None`: the call's own `cwd`, else that of the settings.
    pub cwd: Option<&'a Path>,
    /// Whether somebody follows the agent while it works.
    pub stream: bool,
}

/// A call as all CLIs see it.
#[derive(Debug)]
pub(super) struct Brief<'a> {
    pub prompt: String,
    pub options: CliOptions,
    /// Present if the option is not `undefined`, whatever it holds.
    pub schema: Option<&'a Arc<Value>>,
    /// The model that the call asks for, under the name this provider has for it.
    pub model: Option<String>,
    pub permissions: Option<Permissions>,
    /// The agent type, if the CLI knows it by its name.
    pub native: Option<&'a str>,
    /// The agent type, if it is a definition.
    pub definition: Option<&'a Definition>,
}

/// What differs between the beginnings of command lines.
pub(super) struct Start {
    pub program: &'static str,
    pub subcommand: &'static [&'static str],
    pub folder_prefix: &'static str,
    pub first_signal: FirstSignal,
}

impl<'a> Call<'a> {
    /// Reads what the call asks for.
    pub(super) fn brief(&self, provider: &str) -> Result<Brief<'a>, ErrorData> {
        let request = self.request;
        let parsed = &request.parsed;
        let options = match &request.options {
            None => None,
            Some(json) => Some(json.parse().map_err(|error| {
                ErrorData::new("TypeError", format!("the options of agent() cannot be read: {error}"))
            })?),
        };
        let options = CliOptions::parse(options.as_ref(), provider)?;
        let (native, definition) = match self.agent {
            AgentType::Plain => (None, None),
            AgentType::Native(name) => (Some(name.as_str()), None),
            AgentType::Defined(definition) => (None, Some(definition.as_ref())),
        };
        Ok(Brief {
            prompt: request.prompt_text(),
            permissions: options.permissions.or(self.settings.permissions),
            options,
            schema: parsed.schema.as_ref(),
            model: parsed.model.as_deref().map(|name| self.settings.model(name).to_owned()),
            native,
            definition,
        })
    }

    /// The beginning of the command line: program, subcommand, arguments of the settings and of the call.
    pub(super) fn start(&self, start: &Start, options: &CliOptions) -> Invocation {
        let settings = self.settings;
        let mut invocation = Invocation {
            program: settings.command.clone().unwrap_or_else(|| start.program.to_owned()),
            args: Vec::new(),
            env: settings.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            cwd: self.folder(),
            stdin: None,
            files: Vec::new(),
            folder_prefix: start.folder_prefix,
            first_signal: start.first_signal,
            timeout: self.request.parsed.timeout.or(settings.timeout).filter(|limit| !limit.is_zero()),
            stall: options.stall.or(settings.stall).filter(|limit| !limit.is_zero()),
            restore: Restore::default(),
        };
        match &settings.subcommand {
            Some(words) => words.iter().for_each(|word| invocation.arg(word)),
            None => start.subcommand.iter().for_each(|word| invocation.arg(*word)),
        }
        settings.args.iter().flatten().chain(&options.args).for_each(|arg| invocation.arg(arg));
        invocation
    }

    /// The folder that the CLI works in; `None`: that of the process.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.cwd
            .map(Path::to_owned)
            .or_else(|| self.request.parsed.cwd.as_ref().map(PathBuf::from))
            .or_else(|| self.settings.cwd.as_ref().map(PathBuf::from))
    }
}

impl Brief<'_> {
    /// The model for a CLI that is not Claude Code: that of the call, else the one of the definition, unless it is a name
    /// that only Claude Code knows and that the settings do not translate.
    pub fn model_elsewhere(&self, settings: &ProviderSettings) -> Option<String> {
        if self.model.is_some() {
            return self.model.clone();
        }
        let asked = self.definition?.model.as_deref()?;
        let name = settings.model(asked);
        let foreign = name == asked && CLAUDE_MODELS.contains(&asked);
        (!foreign).then(|| name.to_owned())
    }

    /// The prompt with the definition's instructions in front, for CLIs that take instructions no other way. A session
    /// that goes on has heard them.
    pub fn prompt_with_instructions(&self, session: Option<&str>) -> String {
        match self.instructions() {
            Some(instructions) if session.is_none() => {
                format!("Instructions for the whole task:\n\n{instructions}\n\nThe task:\n\n{}", self.prompt)
            }
            _ => self.prompt.clone(),
        }
    }

    /// What the definition says, if it says something.
    pub fn instructions(&self) -> Option<&str> {
        let instructions = self.definition?.instructions.as_str();
        (!instructions.is_empty()).then_some(instructions)
    }

    /// The tools for a CLI that takes names only: those of the call, else those of the definition. A definition's
    /// pattern (`Bash(git *)`) is left out: the whole tool would be more than it allows.
    pub fn tool_names(&self, provider: &str) -> Result<Option<Vec<&str>>, ErrorData> {
        if let Some(tools) = &self.options.tools {
            if let Some(pattern) = tools.iter().find(|tool| tools::is_pattern(tool)) {
                let message = format!(
                    "agent() option tools: {provider} takes names of tools and no patterns, got \"{pattern}\""
                );
                return Err(ErrorData::new("TypeError", message).with_code("ERR_INVALID_OPTION"));
            }
            return Ok(Some(tools.iter().map(String::as_str).collect()));
        }
        let defined = self.definition.and_then(|definition| definition.tools.as_ref());
        Ok(defined
            .map(|tools| tools.iter().map(String::as_str).filter(|tool| !tools::is_pattern(tool)).collect()))
    }
}

/// Names of models that only Claude Code has.
const CLAUDE_MODELS: &[&str] = &["default", "opus", "sonnet", "haiku", "fable", "opusplan"];

/// Whether a text can be an argument that nobody takes for a flag.
pub(super) fn fits_argument(text: &str) -> bool {
    text.len() <= MAX_ARGUMENT && !text.starts_with('-') && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::super::agents::Origin;
    use super::super::shape::Closing;
    use super::super::testing::{Asked, shown};
    use super::super::{claude_code, codex, opencode, pi};
    use super::*;
    use serde_json::json;

    /// Calls that ask for one thing each, and one that asks for all at once.
    fn cases() -> Vec<(&'static str, Asked)> {
        let plain = |options: Value| Asked::new("do it", options);
        let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
        let defined = || {
            AgentType::Defined(Arc::new(Definition {
                name: "rev".to_owned(),
                description: "reviews".to_owned(),
                tools: Some(vec!["Read".to_owned(), "Bash(git *)".to_owned()]),
                model: Some("opus".to_owned()),
                instructions: "Be strict.".to_owned(),
                path: "rev.md".into(),
                origin: Origin::Shared,
                other_keys: Vec::new(),
            }))
        };
        let settings = json!({
            "command": "cmd", "args": ["--from-settings"], "subcommand": ["sub"], "cwd": "there", "env": { "A": "b" },
            "timeoutMs": 1000, "stallMs": 100, "permissions": "edits", "models": { "opus": "big", "haiku": "small" }
        });
        let own_args = json!({
            "claude-code": { "args": ["--own"] }, "codex": { "args": ["--own"] }, "opencode": { "args": ["--own"] },
            "pi": { "args": ["--own"] }
        });
        let mut cases = vec![
            ("plain", plain(json!(null))),
            ("model", plain(json!({ "model": "haiku" }))),
            ("schema", plain(json!({ "schema": schema }))),
            ("effort minimal", plain(json!({ "effort": "minimal" }))),
            ("effort max", plain(json!({ "effort": "max" }))),
            ("permissions read-only", plain(json!({ "permissions": "read-only" }))),
            ("permissions edits", plain(json!({ "permissions": "edits" }))),
            ("permissions full", plain(json!({ "permissions": "full" }))),
            ("tools", plain(json!({ "tools": ["Read", "Grep"] }))),
            ("own arguments", plain(json!({ "providerOptions": own_args }))),
            ("folder and limits", plain(json!({ "cwd": "here", "timeoutMs": 5, "stallMs": 6 }))),
            ("settings", plain(json!({ "model": "haiku" })).with_settings(settings.clone())),
            ("settings lifted", plain(json!(null)).with_settings(json!({ "timeoutMs": 0, "stallMs": 0 }))),
            ("long prompt", Asked::new(&"long ".repeat(30_000), json!(null))),
            ("native agent", plain(json!(null))),
            ("defined agent", plain(json!(null))),
            ("session", plain(json!(null))),
            ("stream", plain(json!(null))),
            (
                "everything",
                Asked::new(
                    "do \"it\"",
                    json!({ "effort": "high", "permissions": "full", "cwd": "here", "providerOptions": own_args }),
                )
                .with_settings(settings),
            ),
        ];
        for (name, asked) in &mut cases {
            match *name {
                "native agent" => asked.agent = AgentType::Native("Plan".to_owned()),
                "defined agent" => asked.agent = defined(),
                "session" => asked.session = Some("id-1"),
                "stream" => asked.stream = true,
                "everything" => {
                    asked.agent = defined();
                    asked.session = Some("id-1");
                    asked.stream = true;
                    asked.cwd = Some("worktree");
                }
                _ => {}
            }
        }
        cases
    }

    fn matrix(provider: impl Fn(&Call<'_>) -> Result<Invocation, ErrorData>) -> String {
        let shown = |(name, asked): &(&str, Asked)| {
            let text = provider(&asked.call()).map_or_else(|error| error.to_string(), |line| shown(&line));
            // Long texts are told by their length.
            let text = text.replace(&"long ".repeat(30_000), "<150000 bytes>");
            format!("{name}\n{text}\n")
        };
        cases().iter().map(shown).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_option_on_every_cli() {
        insta::assert_snapshot!("claude_code", matrix(claude_code::command::invocation));
        insta::assert_snapshot!("codex", matrix(|call| codex::command::invocation(call, Closing::Declared)));
        insta::assert_snapshot!("opencode", matrix(opencode::command::invocation));
        insta::assert_snapshot!("pi", matrix(pi::command::invocation));
    }

    #[test]
    fn files_have_their_paths_in_the_private_folder() {
        let asked = Asked::new(&"x".repeat(40_000), json!(null));
        let line = pi::command::invocation(&asked.call()).unwrap();
        let folder = Path::new("private");
        let mut expected = OsString::from("@");
        expected.push(folder.join("prompt.md"));
        assert!(line.needs_folder());
        assert_eq!(line.args_in(folder).last(), Some(&expected));
        assert_eq!(line.args_in(folder)[0], "--print");
    }

    #[test]
    fn options_that_are_wrong_are_refused_by_all() {
        let asked = Asked::new("a", json!({ "effort": "hard" }));
        let call = asked.call();
        for found in [
            claude_code::command::invocation(&call),
            codex::command::invocation(&call, Closing::Strict),
            opencode::command::invocation(&call),
            pi::command::invocation(&call),
        ] {
            assert_eq!(found.unwrap_err().code.as_deref(), Some("ERR_INVALID_OPTION"));
        }
    }
}
