//! Calls and command lines for tests.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::model::json::JsonText;
use crate::model::provider::ProviderSettings;
use crate::model::request::{AgentOptions, AgentRequest};
use crate::providers::agents::AgentType;
use crate::providers::invocation::{Arg, Call, Invocation};

/// A call to ask command lines for.
pub struct Asked {
    pub request: AgentRequest,
    pub settings: ProviderSettings,
    pub agent: AgentType,
    pub session: Option<&'static str>,
    pub cwd: Option<&'static str>,
    pub stream: bool,
}

impl Asked {
    /// `agent(prompt, options)`, with default settings.
    pub fn new(prompt: &str, options: Value) -> Self {
        let request = AgentRequest {
            prompt: Some(JsonText::from_str_value(prompt)),
            parsed: AgentOptions::parse(&options).unwrap(),
            options: Some(JsonText::from_value(&options)),
        };
        Self {
            request,
            settings: ProviderSettings::default(),
            agent: AgentType::Plain,
            session: None,
            cwd: None,
            stream: false,
        }
    }

    pub fn with_settings(mut self, settings: Value) -> Self {
        self.settings = serde_json::from_value(settings).unwrap();
        self
    }

    pub fn call(&self) -> Call<'_> {
        Call {
            request: &self.request,
            settings: &self.settings,
            agent: &self.agent,
            session: self.session,
            cwd: self.cwd.map(Path::new),
            stream: self.stream,
        }
    }
}

/// The program and its arguments, with `@/` for the private folder.
pub fn argv(invocation: &Invocation) -> Vec<String> {
    let args = invocation.args.iter().map(|arg| match arg {
        Arg::Text(text) => text.clone(),
        Arg::InFolder { before, name } => format!("{before}@/{name}"),
    });
    [invocation.program.clone()].into_iter().chain(args).collect()
}

/// An invocation as text, for snapshots.
pub fn shown(invocation: &Invocation) -> String {
    let mut text = argv(invocation)
        .iter()
        .map(|arg| {
            if arg.is_empty() || arg.contains(char::is_whitespace) { format!("{arg:?}") } else { arg.clone() }
        })
        .collect::<Vec<_>>()
        .join(" ");
    for (name, value) in &invocation.env {
        write!(text, "\n  env {name}={value}").unwrap();
    }
    if let Some(cwd) = &invocation.cwd {
        write!(text, "\n  cwd {}", cwd.display()).unwrap();
    }
    if let Some(stdin) = &invocation.stdin {
        write!(text, "\n  stdin {stdin:?}").unwrap();
    }
    for file in &invocation.files {
        let length = file.text.len();
        let content = if length > 200 { format!("{length} bytes") } else { format!("{:?}", file.text) };
        write!(text, "\n  file {} {content}", file.name).unwrap();
    }
    for (name, limit) in [("timeout", invocation.timeout), ("stall", invocation.stall)] {
        if let Some(limit) = limit {
            write!(text, "\n  {name} {limit:?}").unwrap();
        }
    }
    text
}
