//! Agent providers: each turns one agent call into one answer. One file per provider, and one registry.
//!
//! A provider knows the call and nothing of the run around it: scheduling, retries and schemas are not its business.

pub mod agents;
pub mod answer;
pub mod classify;
pub mod claude_code;
pub mod cli;
pub mod codex;
pub mod debug;
pub mod doctor;
pub mod invocation;
pub mod keep;
pub mod opencode;
pub mod pi;
pub mod process;
pub mod settings;
pub mod shape;
#[cfg(test)]
mod testing;
pub mod text;
pub mod tools;
pub mod usage;
pub mod worktree;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::ids::CallId;
use crate::model::outcome::{AgentOutput, AttemptFailure, Resume};
use crate::model::progress::Progress;
use crate::model::provider::ProviderSettings;
use crate::model::request::AgentRequest;
use process::Notebook;
use serde_json::Value;

/// One attempt of one agent call, as a provider sees it.
#[derive(Clone, Debug)]
pub struct AttemptContext {
    pub call: CallId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The folder to work in, whatever the call and the settings say; `None`: theirs.
    pub cwd: Option<PathBuf>,
    /// Variables laid over the environment of the agent's program; `None` takes one away.
    pub env: Vec<(OsString, Option<OsString>)>,
    /// An earlier session to go on with, as the same provider has named it.
    pub resume: Option<Resume>,
    /// Whoever follows the agent at its work; `None`: nobody does.
    pub watcher: Option<Watcher>,
    /// Whether what the agent's program printed is wanted beside its answer.
    pub raw: bool,
    /// Who writes down the processes that are started for the attempt; `None`: nobody does.
    pub notebook: Option<Notebook>,
}

/// Is told what an agent does, on the agent's own thread; must not block.
#[derive(Clone)]
pub struct Watcher(pub Arc<dyn Fn(Progress) + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl AttemptContext {
    /// An attempt of which nothing more is to be said.
    pub fn new(call: CallId, attempt: u32) -> Self {
        Self {
            call,
            attempt,
            cwd: None,
            env: Vec::new(),
            resume: None,
            watcher: None,
            raw: false,
            notebook: None,
        }
    }
}

/// A provider's answer, or why there is none.
pub type ProviderResult = Result<AgentOutput, Box<AttemptFailure>>;

/// The future of one attempt. It is polled on the run's own thread, which also runs the script: a provider that
/// has real work to do spawns it and awaits the handle. Dropping the future means that nobody wants the answer any
/// more: the provider then ends whatever it has started for it.
pub type ProviderFuture = Pin<Box<dyn Future<Output = ProviderResult> + Send>>;

/// Something that answers agent calls.
pub trait Provider: Send + Sync {
    /// The name under which scripts and events know it.
    fn name(&self) -> &str;

    /// The folder in which the agent of a call works, unless it is given another one: `isolation: 'worktree'` is then the
    /// engine's to provide. `None`: it gets the option, and does with it what it likes.
    fn folder(&self, _request: &AgentRequest) -> Option<PathBuf> {
        None
    }

    /// Whether it goes on with [`AttemptContext::resume`]: with a session that it has named while an attempt was under way.
    fn resumes(&self) -> bool {
        false
    }

    /// Whether it keeps the time limit of a call itself, and so knows what had come of it by then.
    fn keeps_time(&self) -> bool {
        false
    }

    /// Whether its `raw` says more than its answer does. Otherwise nobody keeps it.
    fn raw_says_more(&self) -> bool {
        true
    }

    /// Starts one attempt. Must not block; an answer that is there at once is given by a future that is ready.
    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture;
}

/// Makes up a value of a JSON Schema's shape; `None` is `undefined`. Given to the providers that need one, because
/// they do not know what a schema is.
pub type Sampler = fn(&Value) -> Option<Value>;

/// The names of the providers that are built in.
pub const NAMES: &[&str] = &[
    debug::NAME,
    claude_code::command::NAME,
    codex::command::NAME,
    opencode::command::NAME,
    pi::command::NAME,
];

/// What the built-in providers are made with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub sampler: Sampler,
    /// Settings by the name of the provider. Those that are not here have none.
    pub settings: BTreeMap<String, ProviderSettings>,
    /// Further names, each for a built-in provider with settings of its own.
    pub aliases: BTreeMap<String, String>,
    /// Where agents work unless somebody says otherwise, and whose agent types there are; `None`: the working directory.
    pub project: Option<PathBuf>,
}

impl Setup {
    /// Providers as they are by themselves.
    pub fn new(sampler: Sampler) -> Self {
        Self { sampler, settings: BTreeMap::new(), aliases: BTreeMap::new(), project: None }
    }
}

/// The built-in providers with their settings. They remember what they have learned about the programs behind them, so
/// whoever asks for one twice gets the same one.
pub struct Registry(BTreeMap<String, Arc<dyn Provider>>);

impl Registry {
    /// Makes all of them. Starts nothing.
    pub fn new(setup: Setup) -> Self {
        let Setup { sampler, mut settings, aliases, project } = setup;
        let mut providers: BTreeMap<String, Arc<dyn Provider>> = BTreeMap::new();
        let debug: Arc<dyn Provider> = Arc::new(debug::Debug::new(sampler));
        providers.insert(debug::NAME.to_owned(), debug.clone());
        let own = cli::Kind::ALL.map(|kind| (kind.name().to_owned(), kind.name().to_owned()));
        for (name, built_in) in own.into_iter().chain(aliases) {
            let kind = cli::Kind::ALL.into_iter().find(|kind| kind.name() == built_in);
            let settings = settings.remove(&name).unwrap_or_default();
            let provider = kind.map(|kind| -> Arc<dyn Provider> {
                Arc::new(cli::Cli::new(kind, settings, project.clone()))
            });
            providers.insert(name, provider.unwrap_or_else(|| debug.clone()));
        }
        Self(providers)
    }

    /// The provider that scripts know by a name, case and all; `None` if there is none.
    pub fn by_name(&self, name: &str) -> Option<Arc<dyn Provider>> {
        self.0.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_found_by_their_exact_name() {
        let registry = Registry::new(Setup::new(|_| None));
        for name in NAMES {
            let provider = registry.by_name(name).unwrap();
            assert_eq!(provider.name(), *name);
            assert!(Arc::ptr_eq(&provider, &registry.by_name(name).unwrap()));
        }
        for name in ["Debug", "claude", ""] {
            assert!(registry.by_name(name).is_none(), "{name}");
        }
        assert_eq!(registry.0.len(), NAMES.len());
    }

    #[test]
    fn a_built_in_provider_may_have_further_names() {
        let aliases = BTreeMap::from([("fast".to_owned(), "codex".to_owned())]);
        let registry = Registry::new(Setup { aliases, ..Setup::new(|_| None) });
        let (fast, codex) = (registry.by_name("fast").unwrap(), registry.by_name("codex").unwrap());
        assert_eq!(fast.name(), "codex");
        assert!(!Arc::ptr_eq(&fast, &codex));
    }
}
