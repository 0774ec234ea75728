//! How a run is started: what the caller said, and what follows from it once the script's form is known.

use std::path::PathBuf;
use std::time::Duration;

use super::budget::{BudgetMode, BudgetState};
use super::error::WorkflowError;
use super::json::JsonText;
use super::limits::Limits;
use super::script::{Imports, ScriptForm};
use super::worktree::WorktreeChoice;

/// Where the source comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceRef {
    /// A file; relative paths are resolved against the working directory.
    Path(PathBuf),
    /// The text itself, with the name it goes by in messages.
    Text { name: String, source: String },
}

impl SourceRef {
    /// A source under the given name, or under that of sources without one.
    pub fn text(source: String, name: Option<String>) -> Self {
        Self::Text { name: name.unwrap_or_else(|| "workflow.js".to_owned()), source }
    }
}

/// What a failed agent call gives the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAgentError {
    /// The promise rejects.
    Reject,
    /// The promise resolves to `null`; the reason is in the events.
    Null,
}

/// A run as the caller described it: `None` leaves the choice to the script's form.
#[derive(Clone, Debug)]
pub struct RunOptions {
    pub source: SourceRef,
    /// `None` is "none given".
    pub args: Option<JsonText>,
    pub budget: BudgetState,
    pub budget_mode: Option<BudgetMode>,
    pub on_agent_error: Option<OnAgentError>,
    pub max_parallel_agents: Option<Cap>,
    pub max_agents: Option<Cap>,
    /// How deep the run already is; 1 means that `workflow()` is not available.
    pub nesting_depth: u32,
    /// How deep `workflow()` may nest.
    pub max_depth: u32,
    /// How long a cancelled script may go on to clean up.
    pub cancel_grace: Duration,
    /// How long one `sleep()` may be; `None` for as long as it likes.
    pub max_sleep: Option<Duration>,
    pub limits: Limits,
    /// The provider for calls that name none.
    pub provider: String,
    /// Which modules the scripts of the run may import.
    pub imports: Imports,
    /// The project: where workflows are found by name. `None`: the working directory.
    pub cwd: Option<PathBuf>,
    /// The worktrees of calls with `isolation: 'worktree'`, where those do not say otherwise.
    pub worktree: WorktreeChoice,
}

/// A cap that may be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    None,
    At(usize),
}

impl Cap {
    /// Whether one more fits.
    pub fn admits(self, used: usize) -> bool {
        match self {
            Self::None => true,
            Self::At(limit) => used < limit,
        }
    }
}

/// What differs between the scripts of one run: a child may have another form than its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptRules {
    pub budget_mode: BudgetMode,
    pub on_agent_error: OnAgentError,
}

/// What the core of the engine needs to know, everything decided.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreOptions {
    pub budget: BudgetState,
    /// Of the workflow itself.
    pub rules: ScriptRules,
    pub max_parallel_agents: Cap,
    pub max_agents: Cap,
    pub nesting_depth: u32,
    pub max_depth: u32,
    pub max_sleep: Option<Duration>,
    /// What makes the waits of one run differ from those of another.
    pub seed: u64,
}

/// How long a cancelled script may go on unless the caller says otherwise.
pub const DEFAULT_CANCEL_GRACE: Duration = Duration::from_secs(5);

/// How long one `sleep()` may be unless the caller says otherwise: who means to wait for longer than a month mostly has
/// mistaken the unit.
pub const DEFAULT_MAX_SLEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whether a durable run keeps what its agents print, unless the caller says otherwise.
pub const DEFAULT_KEEP_OUTPUT: bool = true;

impl RunOptions {
    /// Options with every choice left to the form.
    pub fn new(source: SourceRef) -> Self {
        Self {
            source,
            args: None,
            budget: BudgetState { total: None, spent: 0.0 },
            budget_mode: None,
            on_agent_error: None,
            max_parallel_agents: None,
            max_agents: None,
            nesting_depth: 0,
            max_depth: 1,
            cancel_grace: DEFAULT_CANCEL_GRACE,
            max_sleep: Some(DEFAULT_MAX_SLEEP),
            limits: Limits::default(),
            provider: "debug".to_owned(),
            imports: Imports::None,
            cwd: None,
            worktree: WorktreeChoice::default(),
        }
    }

    /// Checks what the types allow but the engine does not.
    ///
    /// # Errors
    /// [`WorkflowError::Option`], naming the option.
    pub fn validate(&self) -> Result<(), WorkflowError> {
        for (option, cap) in [("maxParallelAgents", self.max_parallel_agents), ("maxAgents", self.max_agents)]
        {
            if cap == Some(Cap::At(0)) {
                return Err(option_error(option, "must be a positive whole number, or Infinity for no cap"));
            }
        }
        let limits = &self.limits;
        for (option, value, least) in [
            ("limits.memoryBytes", limits.memory_bytes, 4 << 20),
            ("limits.stackBytes", limits.stack_bytes, 64 << 10),
            ("limits.sourceBytes", limits.source_bytes, 1),
            ("limits.pendingCalls", limits.pending_calls, 1),
            ("limits.pendingBytes", limits.pending_bytes, 1),
        ] {
            if value < least {
                return Err(option_error(option, &format!("must be at least {least}, got {value}")));
            }
        }
        // QuickJS turns the check off above 16 MiB, which would let a script overflow the native stack.
        if limits.stack_bytes > 16 << 20 {
            return Err(option_error("limits.stackBytes", "must be at most 16777216"));
        }
        if limits.cpu_ms == 0 {
            return Err(option_error("limits.cpuMs", "must be at least 1"));
        }
        Ok(())
    }

    /// The rules for one script of the run.
    pub fn rules(&self, form: ScriptForm) -> ScriptRules {
        let (budget_mode, on_agent_error) = match form {
            ScriptForm::Body => (BudgetMode::Hard, OnAgentError::Null),
            ScriptForm::Module => (BudgetMode::Soft, OnAgentError::Reject),
        };
        ScriptRules {
            budget_mode: self.budget_mode.unwrap_or(budget_mode),
            on_agent_error: self.on_agent_error.unwrap_or(on_agent_error),
        }
    }

    /// Decides what the caller left open.
    pub fn resolve(&self, form: ScriptForm) -> CoreOptions {
        let body = form == ScriptForm::Body;
        CoreOptions {
            budget: self.budget,
            rules: self.rules(form),
            max_parallel_agents: self.max_parallel_agents.unwrap_or(if body {
                Cap::At(16)
            } else {
                Cap::None
            }),
            max_agents: self.max_agents.unwrap_or(if body { Cap::At(1000) } else { Cap::None }),
            nesting_depth: self.nesting_depth,
            max_depth: self.max_depth,
            max_sleep: self.max_sleep,
            seed: 0,
        }
    }
}

fn option_error(option: &str, message: &str) -> WorkflowError {
    WorkflowError::Option { option: option.to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_picks_the_defaults() {
        let options = RunOptions::new(SourceRef::Path("a.js".into()));
        let module = options.resolve(ScriptForm::Module);
        assert_eq!(module.rules.budget_mode, BudgetMode::Soft);
        assert_eq!(module.rules.on_agent_error, OnAgentError::Reject);
        assert_eq!((module.max_parallel_agents, module.max_agents), (Cap::None, Cap::None));
        let body = options.resolve(ScriptForm::Body);
        assert_eq!(body.rules.budget_mode, BudgetMode::Hard);
        assert_eq!(body.rules.on_agent_error, OnAgentError::Null);
        assert_eq!((body.max_parallel_agents, body.max_agents), (Cap::At(16), Cap::At(1000)));
    }

    #[test]
    fn impossible_limits_are_refused() {
        let mut options = RunOptions::new(SourceRef::Path("a.js".into()));
        options.validate().unwrap();
        options.max_parallel_agents = Some(Cap::At(0));
        assert_eq!(options.validate().unwrap_err().code(), "ERR_INVALID_OPTION");
        options.max_parallel_agents = None;
        options.limits.stack_bytes = 17 << 20;
        assert!(options.validate().unwrap_err().to_string().contains("limits.stackBytes"));
    }
}
