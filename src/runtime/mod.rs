//! The JavaScript side: one sandboxed script at a time, and nothing else.
//!
//! This file is the boundary, independent of the JavaScript engine behind it. A [`Vm`] is driven by its owner: it
//! starts, runs until it has no more work, says what it asked for, and takes outcomes one by one. It knows no
//! clock, no files and no agents, and it never runs on its own.

pub mod quickjs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::model::budget::BudgetState;
use crate::model::culprit::Culprit;
use crate::model::error::WorkflowError;
use crate::model::ids::Slot;
use crate::model::json::JsonText;
use crate::model::limits::Limits;
use crate::model::outcome::{Outcome, Settled};
use crate::model::request::Item;
use crate::model::script::{Script, ScriptForm};

/// One script in its sandbox. May be dropped in any state.
pub trait Vm {
    /// Evaluates the source until the script waits, or is done. Called once, first.
    fn start(&mut self) -> Turn;

    /// Gives one call its outcome and lets the script run on until it waits again, or is done.
    ///
    /// `budget` is what the script sees as `budget` from then on.
    fn deliver(&mut self, slot: Slot, outcome: &Outcome, budget: BudgetState) -> Turn;
}

/// What one stretch of running left behind.
#[derive(Debug, Default)]
pub struct Turn {
    /// Calls and notes in the order in which the script made them.
    pub items: Vec<Item>,
    /// Set once: the script's promise has settled, or a limit has ended it.
    pub settled: Option<Settled>,
}

/// What a script is started with.
#[derive(Clone, Debug)]
pub struct VmSetup {
    /// `None`: none were given.
    pub args: Option<JsonText>,
    pub budget: BudgetState,
    pub limits: Limits,
    /// How deep `workflow()` may still nest below this script; 0 refuses it.
    pub depth_left: u32,
    /// How deep it may nest in all, for the refusal's text.
    pub max_depth: u32,
    pub interrupt: Interrupt,
    /// Asked when an error needs to name what failed; without it errors do not name it.
    pub explain: Option<Explain>,
}

/// Lists what may fail in a source that the sandbox evaluates, for the errors of the interpreter.
pub type Explain = fn(code: &str, form: ScriptForm) -> Vec<Culprit>;

/// The line between a run's scripts and the threads that watch over them: stops a script from outside, and shows
/// whether it still comes by its checks.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Signals>);

#[derive(Debug, Default)]
struct Signals {
    stopped: AtomicBool,
    /// Odd while a script runs; grows by 2 at each check it comes by.
    beat: AtomicU64,
}

impl Interrupt {
    /// Asks for the stop: the stretch that runs now ends at its next check, and none begins again. Cannot be taken
    /// back.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
    }

    /// Whether the stop was asked for.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Acquire)
    }

    /// A script begins or ends a stretch, on the thread that runs it.
    pub fn turn(&self) {
        self.0.beat.fetch_add(1, Ordering::Relaxed);
    }

    /// A script came by a check.
    pub fn check(&self) {
        self.0.beat.fetch_add(2, Ordering::Relaxed);
    }

    /// `Some` while a script runs; the number changes as long as it comes by its checks.
    pub fn beat(&self) -> Option<u64> {
        let beat = self.0.beat.load(Ordering::Relaxed);
        (beat % 2 == 1).then_some(beat)
    }
}

/// Makes VMs.
pub trait VmFactory: Send + Sync {
    /// Prepares a script; nothing of it runs yet.
    ///
    /// # Errors
    /// [`WorkflowError::Internal`] or [`WorkflowError::MemoryLimit`] if the sandbox cannot be set up.
    fn create(&self, script: &Script, setup: VmSetup) -> Result<Box<dyn Vm>, WorkflowError>;
}
