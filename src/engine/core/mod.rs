//! The core: decides everything about a run, and does nothing.
//!
//! A pure machine. It takes inputs one at a time and answers each with effects, in order; the coordinator carries
//! them out. It has no clock, no I/O, no threads and no VM, and imports nothing but the model, so tables and
//! random programs can drive it and no race can live in it.

mod agents;
mod limits;
mod parts;
mod replay;
mod scripts;
mod sleeps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::budget::{BudgetChange, BudgetState};
use crate::model::error::{CancelReason, ErrorData, WorkflowError};
use crate::model::event::{CallEnd, CallInfo, Event};
use crate::model::ids::{CallId, Slot, VmId};
use crate::model::json::JsonText;
use crate::model::options::{CoreOptions, ScriptRules};
use crate::model::outcome::{AttemptOutcome, Outcome, Resume, Settled};
use crate::model::recording::{Mark, Marker, Record, Recording};
use crate::model::request::{AgentRequest, ChildRequest, Item};

use agents::AgentCall;
use limits::Limits;
pub use parts::Parts;
use replay::{Replay, Reserve};
use sleeps::SleepCall;

/// What the coordinator reports. The list is closed: nothing else can change a run.
#[derive(Clone, Debug)]
pub enum Input {
    /// The run begins, or goes on from its journal.
    Started { recording: Option<Box<Recording>> },
    /// A VM has run out of work: what its script asked for and said, in order, and whether it is done.
    VmIdle { vm: VmId, said: Vec<Item>, settled: Option<Settled> },
    /// One attempt of an agent call has ended.
    AgentFinished { call: CallId, outcome: AttemptOutcome },
    /// The agent of an attempt has begun to work, in this session of its own.
    AgentAtWork { call: CallId, attempt: u32, resume: Resume },
    /// A child's script has been read; its `VmIdle` follows.
    ChildStarted { vm: VmId, rules: ScriptRules, name: Arc<str> },
    /// A child's script cannot be started.
    ChildNotStarted { call: CallId, error: ErrorData },
    /// A call's worktree is closed: what became of it, as JSON, or why that could not be done. Both are absent if the
    /// call had none.
    WorktreeClosed { call: CallId, report: Option<JsonText>, error: Option<ErrorData> },
    /// What time it is, in milliseconds since 1970. Comes before a `VmIdle` that asks for a sleep.
    Clock { now: u64 },
    /// A timer of a script has run down, or a sleep is over.
    TimerFired { call: CallId },
    /// The wait before another attempt is over.
    BackoffOver { call: CallId },
    /// Somebody else has changed the budget that the run shares with others.
    BudgetChanged(BudgetChange),
    /// Somebody wants the run to end.
    CancelRequested { reason: CancelReason },
    /// The time that a cancelled run may take to clean up is over.
    GraceOver,
}

/// What the coordinator has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create the VM of the workflow itself and start it; answered by `VmIdle`.
    StartRoot,
    /// Give a call's outcome to its script; answered by `VmIdle`. One script runs at a time: of `StartRoot`,
    /// `Deliver` and `StartChild` never more than one waits for its answer.
    Deliver { vm: VmId, slot: Slot, outcome: Outcome, budget: BudgetState },
    /// Run one attempt, in the agent's earlier session if there is one; answered by `AgentFinished`.
    StartAgent { call: CallId, attempt: u32, request: Arc<AgentRequest>, resume: Option<Resume> },
    /// The call is over, well or not: put what its agent has done in its worktree where it belongs. Answered by
    /// `WorktreeClosed`.
    CloseWorktree { call: CallId, success: bool },
    /// The same where the run was left in the middle of that: whatever it has left behind is to be put in order.
    /// Answered by `WorktreeClosed`.
    CloseLeftWorktree { call: CallId, request: Arc<AgentRequest> },
    /// Read the script, create its VM and start it; answered by `ChildNotStarted` or `VmIdle`.
    StartChild {
        call: CallId,
        vm: VmId,
        parent: VmId,
        request: ChildRequest,
        depth: u32,
        budget: BudgetState,
    },
    /// Answered by `TimerFired`.
    StartTimer { call: CallId, delay: Duration },
    /// Wait until then, in milliseconds since 1970; answered by `TimerFired`.
    StartSleep { call: CallId, until: u64 },
    /// Answered by `BackoffOver`.
    StartBackoff { call: CallId, delay: Duration },
    /// Nobody wants the outcome of this call any more: end whatever is under way for it. Not answered.
    Abort { call: CallId },
    /// The same for every call of the run. There may be very many.
    AbortAll,
    /// The script is done, or no longer wanted. Not answered.
    DropVm { vm: VmId },
    /// Tell when the time to clean up is over; answered by `GraceOver`.
    StartGrace,
    /// Tell whoever watches.
    Emit(Event),
    /// Write down what a later replay needs; only in runs that have a journal. What follows in the effects of the same
    /// input and shows a script something must not happen before it is written.
    Record(Box<Record>),
    /// The script does not do what its journal says: the run ends here, and stays what it is in the store. Nothing
    /// follows.
    Diverged(WorkflowError),
    /// What was spent has changed; `charged` is by how much.
    Charged { charged: f64, budget: BudgetState },
    /// The run is over, and its scripts with it. Nothing follows.
    Finish(Result<Option<JsonText>, WorkflowError>),
}

/// One pending call.
#[derive(Debug)]
struct Call {
    vm: VmId,
    slot: Slot,
    kind: CallState,
    /// What it is known by; only in runs that have a journal.
    mark: Option<Box<Mark>>,
}

#[derive(Debug)]
enum CallState {
    /// Boxed, so that very many calls are quick to move about.
    Agent(Box<AgentCall>),
    Child {
        vm: VmId,
        label: String,
        /// Whoever watches has heard of its end: the journal tells of it.
        told: bool,
    },
    Timer {
        started: bool,
    },
    Sleep(Box<SleepCall>),
}

/// One script of the run.
#[derive(Debug)]
struct ScriptState {
    /// The call that waits for it; `None` for the workflow itself.
    parent: Option<CallId>,
    depth: u32,
    rules: ScriptRules,
    /// What messages call it.
    name: Arc<str>,
    /// Its calls that have no outcome yet.
    pending: FxHashMap<Slot, CallId>,
    /// Outcomes that wait to be delivered to it.
    undelivered: usize,
}

/// A stretch of some script that can begin as soon as no other runs.
#[derive(Debug)]
enum Ready {
    /// An outcome on its way to a script, with what had been spent when it came.
    Outcome { vm: VmId, slot: Slot, outcome: Outcome, spent: f64 },
    /// The news that the run is being cancelled, for a call that was pending. There may be very many of these, and
    /// most scripts are over after the first.
    Cancelled { vm: VmId, slot: Slot, reason: CancelReason },
    /// A child that has not begun.
    Child { call: CallId, vm: VmId, parent: VmId, request: ChildRequest, depth: u32, spent: f64 },
}

impl Ready {
    /// The same with what had been spent when it was first shown.
    fn with_spent(mut self, recorded: f64) -> Self {
        match &mut self {
            Self::Outcome { spent, .. } | Self::Child { spent, .. } => *spent = recorded,
            Self::Cancelled { .. } => {}
        }
        self
    }

    /// Whether it is the outcome of the call that has this place in this script.
    fn is_outcome_of(&self, script: VmId, place: Slot) -> bool {
        matches!(self, Self::Outcome { vm, slot, .. } | Self::Cancelled { vm, slot, .. }
            if *vm == script && *slot == place)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Cancelling(CancelReason),
    Over,
}

/// The state of one run, children included.
#[derive(Debug)]
pub struct Core {
    options: CoreOptions,
    name: Arc<str>,
    /// Whether anybody watches calls; if not, the events about them are not made.
    watched: bool,
    budget: BudgetState,
    phase: Phase,
    scripts: BTreeMap<VmId, ScriptState>,
    calls: FxHashMap<CallId, Call>,
    /// Agent calls without a slot, first come first served.
    waiting: VecDeque<CallId>,
    running_agents: usize,
    issued_agents: usize,
    /// Limits of others that calls wait for.
    limits: Limits,
    /// The sleeps that are waited for, the first to end first.
    sleeping: BTreeSet<(u64, CallId)>,
    /// Pending calls that the run must stay here for: agents and timers.
    awake: usize,
    /// What time it was when it was last told.
    now: u64,
    /// What scripts will see next, in this order.
    ready: VecDeque<Ready>,
    /// The VM that runs, and will report with `VmIdle`.
    busy: Option<VmId>,
    next_call: u64,
    next_vm: u32,
    /// Options that were already warned about.
    warned: HashSet<String>,
    /// Warnings of them that were told before the run was taken up.
    told_before: HashSet<String>,
    /// Calls whose end was told before, though they have no outcome.
    given_up: FxHashSet<CallId>,
    exhaustion_told: bool,
    /// Present in runs that have a journal.
    marker: Option<Marker>,
    /// The journal that the run goes on from.
    replay: Option<Replay>,
    /// What equal calls of its earlier parts came to.
    reserve: Reserve,
    /// What had been spent when that journal ended.
    restored: f64,
    /// Notes of scripts that were told before.
    notes_told: u64,
}

impl Core {
    /// A run of the script that messages call `name`, not begun yet.
    pub fn new(options: CoreOptions, name: Arc<str>, watched: bool) -> Self {
        Self {
            budget: options.budget,
            name,
            options,
            watched,
            phase: Phase::Running,
            scripts: BTreeMap::new(),
            calls: FxHashMap::default(),
            waiting: VecDeque::new(),
            running_agents: 0,
            issued_agents: 0,
            limits: Limits::default(),
            sleeping: BTreeSet::new(),
            awake: 0,
            now: 0,
            ready: VecDeque::new(),
            busy: None,
            next_call: 0,
            next_vm: 1,
            warned: HashSet::new(),
            told_before: HashSet::new(),
            given_up: FxHashSet::default(),
            exhaustion_told: false,
            marker: None,
            replay: None,
            reserve: Reserve::default(),
            restored: 0.0,
            notes_told: 0,
        }
    }

    /// Makes the run one that has a journal: what a replay needs is written down.
    #[must_use]
    pub fn recorded(self, marker: Marker) -> Self {
        Self { marker: Some(marker), ..self }
    }

    /// What has been spent so far.
    pub fn budget(&self) -> BudgetState {
        self.budget
    }

    /// Takes one input and appends what follows from it. After `Finish` every input is ignored: late outcomes
    /// belong to nobody.
    pub fn step(&mut self, input: Input, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            Input::Started { recording } => self.start(recording, effects),
            Input::VmIdle { vm, said, settled } => self.vm_idle(vm, said, settled, effects),
            Input::AgentFinished { call, outcome } => self.agent_finished(call, outcome, effects),
            Input::AgentAtWork { call, attempt, resume } => {
                self.agent_at_work(call, attempt, resume, effects);
            }
            Input::ChildStarted { vm, rules, name } => {
                if let Some(script) = self.scripts.get_mut(&vm) {
                    script.rules = rules;
                    script.name = name;
                }
            }
            Input::ChildNotStarted { call, error } => self.child_not_started(call, error, effects),
            Input::WorktreeClosed { call, report, error } => {
                self.worktree_closed(call, report, error, effects);
            }
            Input::Clock { now } => self.now = now,
            Input::TimerFired { call } => self.timer_fired(call, effects),
            Input::BackoffOver { call } => self.backoff_over(call),
            Input::BudgetChanged(change) => self.budget_changed(change),
            Input::CancelRequested { reason } => self.cancel(reason, effects),
            Input::GraceOver => self.grace_over(effects),
        }
        if self.phase != Phase::Over {
            self.fill_slots(effects);
            self.run_next(effects);
        }
    }

    fn start(&mut self, recording: Option<Box<Recording>>, effects: &mut Vec<Effect>) {
        self.begin_with(recording, effects);
        self.scripts.insert(
            VmId::ROOT,
            ScriptState::new(None, self.options.nesting_depth, self.options.rules, self.name.clone()),
        );
        self.busy = Some(VmId::ROOT);
        effects.push(Effect::StartRoot);
    }

    /// Takes a call off the books; what its script will see of it.
    fn take_off(&mut self, id: CallId, outcome: Outcome) -> Option<Ready> {
        let call = self.calls.remove(&id)?;
        self.forget_wait(id, &call.kind);
        let script = self.scripts.get_mut(&call.vm)?;
        script.pending.remove(&call.slot);
        script.undelivered += 1;
        let spent = self.budget.spent;
        Some(Ready::Outcome { vm: call.vm, slot: call.slot, outcome, spent })
    }

    /// One thing at a time: the script runs until it is idle before any sees the next.
    fn run_next(&mut self, effects: &mut Vec<Effect>) {
        while self.busy.is_none() {
            let total = self.budget.total;
            let (vm, effect) = match self.next_ready(effects) {
                None => return,
                Some(Ready::Outcome { vm, slot, outcome, spent }) => {
                    let Some(script) = self.scripts.get_mut(&vm) else { continue };
                    script.undelivered -= 1;
                    (vm, Effect::Deliver { vm, slot, outcome, budget: BudgetState { total, spent } })
                }
                Some(Ready::Cancelled { vm, slot, reason }) => {
                    let Some(script) = self.scripts.get_mut(&vm) else { continue };
                    script.undelivered -= 1;
                    let outcome = Err(cancelled(reason));
                    (vm, Effect::Deliver { vm, slot, outcome, budget: self.budget })
                }
                Some(Ready::Child { call, vm, parent, request, depth, spent }) => {
                    if !self.scripts.contains_key(&vm) {
                        continue;
                    }
                    let budget = BudgetState { total, spent };
                    (vm, Effect::StartChild { call, vm, parent, request, depth, budget })
                }
            };
            self.busy = Some(vm);
            effects.push(effect);
        }
    }

    fn cancel(&mut self, reason: CancelReason, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Cancelling(reason);
        effects.push(Effect::StartGrace);
        if self.marker.is_some() {
            effects.push(Effect::Record(Box::new(Record::Cancelled)));
        }
        // From here on the journal tells of another run than this one. Timers that were set aside fire below.
        drop(self.leave_replay(effects));
        self.reserve = Reserve::default();
        self.waiting.clear();
        self.limits = Limits::default();
        self.sleeping.clear();
        self.awake = 0;
        effects.push(Effect::AbortAll);
        for script in self.scripts.values_mut() {
            script.pending.clear();
        }
        let mut calls: Vec<(CallId, Call)> = self.calls.drain().collect();
        calls.sort_unstable_by_key(|(id, _)| *id);
        for (id, call) in calls {
            let Some(script) = self.scripts.get_mut(&call.vm) else { continue };
            let (vm, slot) = (call.vm, call.slot);
            match call.kind {
                CallState::Agent(_) | CallState::Sleep(_) => {
                    script.undelivered += 1;
                    self.ready.push_back(Ready::Cancelled { vm, slot, reason });
                    if self.watched && !call.end_is_told() {
                        effects.push(Effect::Emit(call.ended(id, CallEnd::Cancelled, None)));
                    }
                }
                // A timer cannot be rejected: it fires now, so that a script that waits for one goes on to its next
                // call, which rejects. New ones may be set while the script cleans up.
                CallState::Timer { .. } => {
                    script.undelivered += 1;
                    self.ready.push_back(Ready::Outcome {
                        vm,
                        slot,
                        outcome: Ok(None),
                        spent: self.budget.spent,
                    });
                }
                // Children unwind by themselves; their parents hear of it then.
                CallState::Child { .. } => {
                    script.pending.insert(slot, id);
                    self.calls.insert(id, call);
                }
            }
        }
        self.running_agents = 0;
    }

    fn grace_over(&mut self, effects: &mut Vec<Effect>) {
        if let Phase::Cancelling(reason) = self.phase {
            self.finish(Err(WorkflowError::Cancelled { reason }), effects);
        }
    }

    /// Ends the run: everything that is under way is told so, then nothing follows.
    fn finish(&mut self, result: Result<Option<JsonText>, WorkflowError>, effects: &mut Vec<Effect>) {
        drop(self.leave_replay(effects));
        let end = match self.phase {
            Phase::Cancelling(_) => CallEnd::Cancelled,
            _ => CallEnd::Abandoned,
        };
        let mut open: Vec<CallId> = self.calls.keys().copied().collect();
        open.sort_unstable();
        for id in open {
            self.end_call(id, end, effects);
        }
        let budget = self.budget;
        effects.push(Effect::Emit(match &result {
            Ok(_) => Event::RunCompleted { budget },
            Err(WorkflowError::Cancelled { reason }) => Event::RunCancelled { reason: *reason, budget },
            Err(error) => Event::RunFailed { error: error.to_error_data(), code: error.code(), budget },
        }));
        effects.push(Effect::Finish(result));
        self.phase = Phase::Over;
        self.calls.clear();
        self.scripts.clear();
        self.ready.clear();
        self.waiting.clear();
    }

    /// Stops the work for a call that nobody waits for any more, and says so.
    fn end_call(&self, id: CallId, end: CallEnd, effects: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        let under_way = match &call.kind {
            CallState::Agent(agent) => agent.is_under_way(),
            CallState::Timer { started } => *started,
            CallState::Sleep(sleep) => sleep.is_started(),
            CallState::Child { .. } => false,
        };
        if self.watched && !call.end_is_told() {
            effects.push(Effect::Emit(call.ended(id, end, None)));
        }
        if under_way {
            effects.push(Effect::Abort { call: id });
        }
    }

    /// The rules of one script; those of the workflow itself where it is gone.
    fn rules(&self, vm: VmId) -> ScriptRules {
        self.scripts.get(&vm).map_or(self.options.rules, |script| script.rules)
    }

    fn warn(&self, code: &'static str, message: String, effects: &mut Vec<Effect>) {
        effects.push(Effect::Emit(Event::Warning { code, message }));
    }
}

impl ScriptState {
    fn new(parent: Option<CallId>, depth: u32, rules: ScriptRules, name: Arc<str>) -> Self {
        Self { parent, depth, rules, name, pending: FxHashMap::default(), undelivered: 0 }
    }
}

impl Call {
    /// What the call is, for people who watch.
    fn info(&self) -> CallInfo {
        match &self.kind {
            CallState::Agent(agent) => agent.info(),
            CallState::Child { label, .. } => {
                CallInfo::child(Some(label.clone()).filter(|label| !label.is_empty()))
            }
            CallState::Timer { .. } => CallInfo::child(None),
            CallState::Sleep(_) => CallInfo::sleep(),
        }
    }

    /// Whether nothing more is to be said of how the call ends.
    fn end_is_told(&self) -> bool {
        match &self.kind {
            CallState::Agent(agent) => agent.end_is_told(),
            CallState::Child { told, .. } => *told,
            CallState::Sleep(sleep) => sleep.end_is_told(),
            // Nobody hears of timers.
            CallState::Timer { .. } => true,
        }
    }

    fn ended(&self, id: CallId, outcome: CallEnd, error: Option<ErrorData>) -> Event {
        let (attempts, usage, session_id, worktree) = match &self.kind {
            CallState::Agent(agent) => {
                (agent.attempts(), agent.usage_report(), agent.session(), agent.worktree())
            }
            CallState::Sleep(sleep) => (sleep.attempts(), None, None, None),
            CallState::Child { .. } | CallState::Timer { .. } => (1, None, None, None),
        };
        Event::CallEnded {
            call: id,
            script: self.vm,
            info: self.info(),
            attempts,
            outcome,
            error,
            usage,
            session_id,
            worktree,
        }
    }
}

/// What pending and new calls reject with once a run is being cancelled.
pub(super) fn cancelled(reason: CancelReason) -> ErrorData {
    let error = WorkflowError::Cancelled { reason };
    ErrorData::new("CancelledError", error.to_string()).with_code(error.code())
}
