//! Options on their way from Node.js. Defaults and validation live in the model.

use std::path::PathBuf;
use std::time::Duration;

use napi_derive::napi;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::observer::Wants;
use crate::model::budget::{BudgetMode, BudgetState};
use crate::model::error::WorkflowError;
use crate::model::json::JsonText;
use crate::model::limits::Limits;
use crate::model::options::{Cap, OnAgentError, RunOptions, SourceRef};
use crate::model::script::Imports;
use crate::model::worktree::WorktreeChoice;
use crate::providers::Setup;
use crate::providers::settings::options_by_provider;
use crate::schema;

/// What `startRun` is given. Numbers are JavaScript's; `Infinity` lifts a cap.
#[napi(object)]
pub struct NativeRunOptions {
    pub script_path: Option<String>,
    pub source: Option<String>,
    pub source_name: Option<String>,
    /// JSON; absent if none were given.
    pub args: Option<String>,
    pub budget_total: Option<f64>,
    pub budget_spent: Option<f64>,
    pub budget_mode: Option<String>,
    pub on_agent_error: Option<String>,
    pub max_parallel_agents: Option<f64>,
    pub max_agents: Option<f64>,
    pub nesting_depth: Option<f64>,
    pub max_depth: Option<f64>,
    pub cancel_grace_ms: Option<f64>,
    pub max_sleep_ms: Option<f64>,
    /// `none` or `relative`.
    pub imports: Option<String>,
    pub cwd: Option<String>,
    pub limits: Option<NativeLimits>,
    /// The name of the provider for calls that name none.
    pub provider: Option<String>,
    /// Options of built-in providers by their names, as JSON.
    pub providers: Option<String>,
    /// Further names of built-in providers: `{ fast: 'codex' }` as JSON.
    pub aliases: Option<String>,
    /// That provider is a JavaScript object: `{ worktrees?, resumes? }` as JSON.
    pub custom_provider: Option<String>,
    /// The JavaScript providers that calls may name: `{ name, worktrees?, resumes? }[]` as JSON.
    pub named_providers: Option<String>,
    /// The worktrees of isolated calls, as JSON.
    pub worktree: Option<String>,
    /// `onAgent` was given.
    pub handler: Option<bool>,
    /// `onEvent` was given.
    pub events: Option<bool>,
}

/// Limits of the sandbox; what is absent keeps its default.
#[napi(object)]
pub struct NativeLimits {
    pub memory_bytes: Option<f64>,
    pub stack_bytes: Option<f64>,
    pub cpu_ms: Option<f64>,
    pub source_bytes: Option<f64>,
    pub pending_calls: Option<f64>,
    pub pending_bytes: Option<f64>,
    pub log_bytes: Option<f64>,
}

impl NativeRunOptions {
    pub(super) fn convert(self) -> Result<(RunOptions, Wants, Setup), WorkflowError> {
        let source = match (self.script_path, self.source) {
            (Some(path), None) => SourceRef::Path(PathBuf::from(path)),
            (None, Some(source)) => SourceRef::text(source, self.source_name),
            _ => return Err(refuse("scriptPath", "give either scriptPath or source")),
        };
        let mut options = RunOptions::new(source);
        options.args = self.args.map(JsonText::new);
        options.budget =
            BudgetState { total: self.budget_total, spent: self.budget_spent.unwrap_or_default() };
        options.budget_mode = match self.budget_mode.as_deref() {
            None => None,
            Some("soft") => Some(BudgetMode::Soft),
            Some("hard") => Some(BudgetMode::Hard),
            Some(other) => {
                return Err(refuse("budgetMode", &format!("must be \"soft\" or \"hard\", got {other:?}")));
            }
        };
        options.on_agent_error = match self.on_agent_error.as_deref() {
            None => None,
            Some("reject") => Some(OnAgentError::Reject),
            Some("null") => Some(OnAgentError::Null),
            Some(other) => {
                return Err(refuse(
                    "onAgentError",
                    &format!("must be \"reject\" or \"null\", got {other:?}"),
                ));
            }
        };
        options.max_parallel_agents = cap("maxParallelAgents", self.max_parallel_agents)?;
        options.max_agents = cap("maxAgents", self.max_agents)?;
        options.nesting_depth = whole("nestingDepth", self.nesting_depth)?.unwrap_or(0);
        options.max_depth = whole("maxDepth", self.max_depth)?.unwrap_or(options.max_depth);
        if let Some(ms) = whole::<u32>("cancelGraceMs", self.cancel_grace_ms)? {
            options.cancel_grace = Duration::from_millis(u64::from(ms));
        }
        options.max_sleep = longest("maxSleepMs", self.max_sleep_ms)?.unwrap_or(options.max_sleep);
        options.imports = imports(self.imports.as_deref())?;
        options.cwd = self.cwd.map(PathBuf::from);
        if let Some(limits) = self.limits {
            options.limits = limits.convert()?;
        }
        options.provider = self.provider.unwrap_or(options.provider);
        if let Some(choice) = plain::<Value>("worktree", self.worktree)? {
            options.worktree =
                WorktreeChoice::parse(&choice).map_err(|error| refuse("worktree", &error.message))?;
        }
        let wants = Wants {
            events: self.events.unwrap_or(false),
            handler: self.handler.unwrap_or(false),
            custom_provider: plain("agentProvider", self.custom_provider)?,
            named: plain("providers", self.named_providers)?.unwrap_or_default(),
        };
        let mut setup = Setup { project: options.cwd.clone(), ..Setup::new(schema::sample) };
        setup.aliases = plain("providers", self.aliases)?.unwrap_or_default();
        if let Some(text) = &self.providers {
            setup.settings = options_by_provider(text, &setup.aliases)?;
        }
        Ok((options, wants, setup))
    }
}

impl NativeLimits {
    fn convert(self) -> Result<Limits, WorkflowError> {
        let default = Limits::default();
        Ok(Limits {
            memory_bytes: whole("limits.memoryBytes", self.memory_bytes)?.unwrap_or(default.memory_bytes),
            stack_bytes: whole("limits.stackBytes", self.stack_bytes)?.unwrap_or(default.stack_bytes),
            cpu_ms: whole("limits.cpuMs", self.cpu_ms)?.unwrap_or(default.cpu_ms),
            source_bytes: whole("limits.sourceBytes", self.source_bytes)?.unwrap_or(default.source_bytes),
            pending_calls: whole("limits.pendingCalls", self.pending_calls)?.unwrap_or(default.pending_calls),
            pending_bytes: whole("limits.pendingBytes", self.pending_bytes)?.unwrap_or(default.pending_bytes),
            log_bytes: whole("limits.logBytes", self.log_bytes)?.unwrap_or(default.log_bytes),
        })
    }
}

/// Which modules scripts may import.
pub(super) fn imports(chosen: Option<&str>) -> Result<Imports, WorkflowError> {
    match chosen {
        None | Some("none") => Ok(Imports::None),
        Some("relative") => Ok(Imports::Relative),
        Some(other) => Err(refuse("imports", &format!("must be \"none\" or \"relative\", got {other:?}"))),
    }
}

/// JavaScript's whole numbers end here.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

fn whole<T: TryFrom<u64>>(option: &str, value: Option<f64>) -> Result<Option<T>, WorkflowError> {
    let Some(value) = value else { return Ok(None) };
    let is_whole = (0.0..=MAX_SAFE_INTEGER).contains(&value) && value.fract() == 0.0;
    let number = is_whole.then_some(value as u64);
    match number.and_then(|number| T::try_from(number).ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(refuse(option, &format!("must be a whole number that is not negative, got {value}"))),
    }
}

fn cap(option: &str, value: Option<f64>) -> Result<Option<Cap>, WorkflowError> {
    match value {
        Some(value) if value == f64::INFINITY => Ok(Some(Cap::None)),
        other => Ok(whole(option, other)?.map(Cap::At)),
    }
}

/// Milliseconds; `Some(None)` for any time at all.
fn longest(option: &str, value: Option<f64>) -> Result<Option<Option<Duration>>, WorkflowError> {
    match value {
        Some(value) if value == f64::INFINITY => Ok(Some(None)),
        other => Ok(whole(option, other)?.map(|ms| Some(Duration::from_millis(ms)))),
    }
}

/// What the JavaScript side has written.
fn plain<T: DeserializeOwned>(option: &str, text: Option<String>) -> Result<Option<T>, WorkflowError> {
    text.map(|text| serde_json::from_str(&text).map_err(|error| refuse(option, &error.to_string())))
        .transpose()
}

fn refuse(option: &str, message: &str) -> WorkflowError {
    WorkflowError::Option { option: option.to_owned(), message: message.to_owned() }
}
