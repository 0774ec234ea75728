//! Agent calls: slots, caps, budget, attempts, schema repair.

mod recorded;

use std::sync::Arc;
use std::time::Duration;

use super::replay::Recalled;
use super::{Call, CallState, Core, Effect, Phase, cancelled, limits};
use crate::model::budget::{BudgetChange, BudgetMode};
use crate::model::error::ErrorData;
use crate::model::event::{CallEnd, CallInfo, CallKind, Event};
use crate::model::ids::{CallId, Slot, VmId};
use crate::model::json::JsonText;
use crate::model::options::OnAgentError;
use crate::model::outcome::{AgentOutput, AttemptFailure, AttemptOutcome, Outcome, Resume, Wait};
use crate::model::recording::{Asked, Mark, RecordedEnd};
use crate::model::request::AgentRequest;
use crate::model::usage::Usage;

/// One agent call between its request and its outcome.
#[derive(Debug)]
pub(super) struct AgentCall {
    request: Arc<AgentRequest>,
    state: AgentState,
    attempts: u32,
    /// Attempts that gave no answer, as counted against `retry.maxAttempts`.
    failures: u32,
    /// What the next attempt has to be told.
    next: Next,
    usage: Usage,
    /// The agent's own session of the last attempt that had one.
    session: Option<String>,
    /// Where the next attempt can go on with the work of the last one.
    resume: Option<Resume>,
    /// How often, and how long, it has waited for the limits of others.
    limited: u32,
    waited: Duration,
    /// How the call ends, as soon as its worktree is closed.
    end: Option<(Outcome, Option<ErrorData>)>,
    worktree: Option<JsonText>,
    /// The end that the journal tells of.
    recorded: Option<Box<RecordedEnd>>,
    /// Whoever watches has heard of that end.
    told: bool,
    /// What it has behind it comes from before the run was taken up, and is to be written once more.
    carried: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AgentState {
    /// Has no slot.
    Waiting,
    /// An attempt is under way.
    Running,
    /// Waits before another attempt; holds no slot.
    BackingOff,
    /// Waits for a limit of its provider; holds no slot.
    Limited,
    /// There will be no further attempt; its worktree is being closed, in its slot.
    Closing,
    /// Its outcome is in the journal, and is shown when it is its turn.
    Recorded,
}

/// What an attempt has to be told.
#[derive(Clone, Debug, PartialEq)]
enum Next {
    /// The prompt.
    Prompt,
    /// That it was interrupted, if it can go on with what it has done; else the prompt.
    GoOn,
    /// What is wrong with its answer. There is one repair.
    Repair(Vec<String>),
}

/// The code of calls that find the budget used up.
const EXHAUSTED: &str = "ERR_BUDGET_EXHAUSTED";

/// Whether a call found the budget used up.
fn is_exhausted(error: &ErrorData) -> bool {
    error.code.as_deref() == Some(EXHAUSTED)
}

impl AgentCall {
    fn new(request: Arc<AgentRequest>) -> Self {
        Self {
            request,
            state: AgentState::Waiting,
            attempts: 0,
            failures: 0,
            next: Next::Prompt,
            usage: Usage::default(),
            session: None,
            resume: None,
            limited: 0,
            waited: Duration::ZERO,
            end: None,
            worktree: None,
            recorded: None,
            told: false,
            carried: false,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.state, AgentState::Waiting | AgentState::Recorded)
    }

    pub(super) fn holds_slot(&self) -> bool {
        matches!(self.state, AgentState::Running | AgentState::Closing)
    }

    pub(super) fn is_limited(&self) -> bool {
        self.state == AgentState::Limited
    }

    /// Whether the journal has told how the call ends.
    pub(super) fn end_is_told(&self) -> bool {
        self.told
    }

    /// The provider that the call names.
    pub(super) fn provider(&self) -> Option<String> {
        self.request.parsed.provider.clone()
    }

    /// What became of its worktree.
    pub(super) fn worktree(&self) -> Option<JsonText> {
        self.worktree.clone()
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn usage_report(&self) -> Option<JsonText> {
        self.usage.report.clone()
    }

    pub(super) fn session(&self) -> Option<String> {
        self.session.clone()
    }

    pub(super) fn info(&self) -> CallInfo {
        let options = &self.request.parsed;
        CallInfo {
            kind: CallKind::Agent,
            label: options.label.clone(),
            phase: options.phase.clone(),
            provider: options.provider.clone(),
            model: options.model.clone(),
        }
    }

    /// The request of the next attempt: the prompt, or what to say in a session that knows it.
    fn next_request(&self) -> Arc<AgentRequest> {
        let prompt = match (&self.next, &self.resume) {
            (Next::Prompt, _) | (Next::GoOn, None) => return self.request.clone(),
            (Next::GoOn, Some(_)) => GO_ON.to_owned(),
            (Next::Repair(errors), Some(_)) => correction(errors),
            (Next::Repair(errors), None) => repair_prompt(&self.request.prompt_text(), errors),
        };
        Arc::new(self.request.with_prompt(&prompt))
    }
}

/// The prompt that makes an agent go on in its own session.
const GO_ON: &str = "You were interrupted before you were done. Go on with the task where you left off, and give the answer that was asked for.";

/// The prompt that asks for a corrected structured output (`ts-engine` contract, 2.10).
pub(super) fn repair_prompt(original: &str, errors: &[String]) -> String {
    format!("{original}\n\n{}", correction(errors))
}

/// The same for an agent that has the original prompt before it.
fn correction(errors: &[String]) -> String {
    let mut prompt = "Previous structured output failed JSON Schema validation.\n\
         Return a corrected structured output that satisfies the original JSON Schema.\nValidation errors:"
        .to_owned();
    for error in errors {
        prompt.push_str("\n- ");
        prompt.push_str(error);
    }
    prompt
}

/// A call's failure as the script sees it: the message is the failure's first line, as in the original; the
/// failure itself is the cause.
pub(super) fn as_rejection(failure: ErrorData, call: CallId) -> ErrorData {
    let mut error = ErrorData::new("Error", failure.headline());
    error.code = failure.code.clone();
    error.call = Some(call);
    error.with_cause(failure)
}

impl Core {
    /// A script has called `agent()`.
    pub(super) fn agent_requested(
        &mut self,
        vm: VmId,
        slot: Slot,
        request: Arc<AgentRequest>,
        effects: &mut Vec<Effect>,
    ) {
        let mark = self.mark(Asked::Agent(&request));
        let state = CallState::Agent(Box::new(AgentCall::new(request.clone())));
        let id = self.register(vm, slot, state, mark);
        match self.recall(id, effects) {
            Recalled::Diverged => return,
            Recalled::Later { end, attempts, .. } => {
                return self.will_be_shown(id, vm, end, attempts, effects);
            }
            Recalled::Now(end) => return self.reuse(id, end, effects),
            Recalled::Unknown { attempts, past, .. } => self.take_over(id, attempts, past),
        }
        // What has its answer is not asked for once more.
        let is_answered = self.agent(id).is_some_and(|agent| agent.end.is_some());
        if let Some(refusal) = self.refusal(vm).filter(|_| !is_answered) {
            self.conclude(id, Err(refusal), effects);
            return;
        }
        self.issued(&request, effects);
        self.waiting.push_back(id);
        let must_wait =
            !self.options.max_parallel_agents.admits(self.running_agents + self.waiting.len() - 1);
        if must_wait && self.watched && !self.is_replaying() {
            let info = self.calls[&id].info();
            effects.push(Effect::Emit(Event::CallQueued { call: id, script: vm, info }));
        }
    }

    /// Why no further agent may be asked for, if so.
    pub(super) fn budget_refusal(&self, vm: VmId) -> Option<ErrorData> {
        if self.rules(vm).budget_mode != BudgetMode::Hard || !self.budget.exhausted() {
            return None;
        }
        let (total, spent) = (self.budget.total.unwrap_or_default(), self.budget.spent);
        let message = format!("the budget of {total} output tokens is used up: {spent} were spent");
        Some(ErrorData::new("BudgetExhaustedError", message).with_code(EXHAUSTED))
    }

    /// Why a new agent call is not accepted, if so.
    fn refusal(&self, vm: VmId) -> Option<ErrorData> {
        if let Phase::Cancelling(reason) = self.phase {
            return Some(cancelled(reason));
        }
        if let Some(refusal) = self.budget_refusal(vm) {
            return Some(refusal);
        }
        if !self.options.max_agents.admits(self.issued_agents) {
            return Some(
                ErrorData::new(
                    "AgentLimitError",
                    format!(
                        "the run has made its {} agent calls; maxAgents allows no more",
                        self.issued_agents
                    ),
                )
                .with_code("ERR_AGENT_LIMIT"),
            );
        }
        None
    }

    /// Counts a call that was not refused, and warns of its options.
    fn issued(&mut self, request: &AgentRequest, effects: &mut Vec<Effect>) {
        self.issued_agents += 1;
        for option in &request.parsed.unknown {
            // A script may make up names without end; what was warned about must not grow with it.
            if self.warned.len() < 100 && self.warned.insert(option.clone()) {
                let message = format!(
                    "agent() does not know the option {option:?}; it is passed on to the provider as it is"
                );
                if !self.told_before.contains(&message) {
                    self.warn("WARN_UNKNOWN_OPTION", message, effects);
                }
            }
        }
    }

    /// Starts as many waiting agents as there are slots.
    pub(super) fn fill_slots(&mut self, effects: &mut Vec<Effect>) {
        if self.is_replaying() {
            return;
        }
        while self.options.max_parallel_agents.admits(self.running_agents) {
            let Some(id) = self.waiting.pop_front() else { return };
            let Some(call) = self.calls.get(&id) else { continue };
            let (CallState::Agent(agent), vm) = (&call.kind, call.vm) else { continue };
            // Others have used the budget up while it waited for a place. What has begun may end.
            if agent.attempts == 0
                && let Some(refusal) = self.budget_refusal(vm)
            {
                self.conclude(id, Err(refusal), effects);
                continue;
            }
            // One that was turned away has waited long enough, whatever others wait for.
            if agent.limited == 0 && self.limits.hold(&agent.request.parsed.provider, id) {
                continue;
            }
            self.running_agents += 1;
            if agent.end.is_some() {
                self.close_left_worktree(id, effects);
            } else {
                self.start_attempt(id, effects);
            }
        }
    }

    /// The run was left while the worktree of a call was being closed: it has its answer, and only that is to be done.
    fn close_left_worktree(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        let watched = self.watched;
        let Some(call) = self.calls.get_mut(&id) else { return };
        let CallState::Agent(agent) = &mut call.kind else { return };
        agent.state = AgentState::Closing;
        let (attempt, request) = (agent.attempts, agent.request.clone());
        if agent.carried {
            if watched {
                let (script, info) = (call.vm, call.info());
                let started =
                    Event::CallStarted { call: id, script, attempt, continues: None, until: None, info };
                effects.push(Effect::Emit(started));
            }
            effects.extend(self.begun_record(id));
        }
        effects.push(Effect::CloseLeftWorktree { call: id, request });
    }

    fn start_attempt(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        let watched = self.watched;
        let Some(call) = self.calls.get_mut(&id) else { return };
        let CallState::Agent(agent) = &mut call.kind else { return };
        agent.state = AgentState::Running;
        agent.told = false;
        agent.attempts += 1;
        let attempt = agent.attempts;
        let request = agent.next_request();
        let resume = agent.resume.clone();
        if watched {
            let info = call.info();
            let continues = resume.as_ref().map(|resume| resume.session.clone());
            let started =
                Event::CallStarted { call: id, script: call.vm, attempt, continues, until: None, info };
            effects.push(Effect::Emit(started));
        }
        effects.extend(self.begun_record(id));
        effects.push(Effect::StartAgent { call: id, attempt, request, resume });
    }

    /// One attempt has ended.
    pub(super) fn agent_finished(&mut self, id: CallId, outcome: AttemptOutcome, effects: &mut Vec<Effect>) {
        let Some(agent) = self.agent(id) else { return };
        if agent.state != AgentState::Running {
            return;
        }
        match outcome {
            AttemptOutcome::Answer(output) => {
                self.charge(id, output.usage, output.session_id, effects);
                self.over(id, Ok(output.output), None, effects);
            }
            AttemptOutcome::Mismatch { output, errors } => {
                let AgentOutput { usage, session_id, resume, .. } = output;
                self.charge(id, usage, session_id, effects);
                self.mismatched(id, errors, resume, effects);
            }
            AttemptOutcome::Failed(mut failure) => {
                let usage = std::mem::take(&mut failure.usage);
                self.charge(id, usage, failure.session_id.take(), effects);
                self.failed(id, *failure, effects);
            }
            AttemptOutcome::Refused { error, .. } => {
                self.over(id, Err(as_rejection(error.clone(), id)), Some(error), effects);
            }
        }
    }

    /// An answer that does not fit is repaired once, in the slot that the call already has and in the session that
    /// gave it, if there is one.
    fn mismatched(
        &mut self,
        id: CallId,
        errors: Vec<String>,
        resume: Option<Resume>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(agent) = self.agent(id) else { return };
        let error = ErrorData::new(
            "Error",
            format!("Structured output did not match JSON Schema: {}", errors.join("; ")),
        )
        .with_code("ERR_SCHEMA_MISMATCH");
        if matches!(agent.next, Next::Repair(_)) {
            self.over(id, Err(as_rejection(error.clone(), id)), Some(error), effects);
            return;
        }
        agent.next = Next::Repair(errors);
        agent.resume = resume;
        self.again_at_once(id, error, effects);
    }

    fn again_at_once(&mut self, id: CallId, error: ErrorData, effects: &mut Vec<Effect>) {
        let Some(agent) = self.agent(id) else { return };
        let attempt = agent.attempts + 1;
        if self.watched {
            effects.push(Effect::Emit(Event::CallRetrying { call: id, attempt, error, delay_ms: None }));
        }
        effects.extend(self.attempted_record(id));
        self.start_attempt(id, effects);
    }

    /// An attempt without an answer is followed by another if it is somebody else's limit that was in the way, else as
    /// long as the call's own policy says so.
    fn failed(&mut self, id: CallId, failure: AttemptFailure, effects: &mut Vec<Effect>) {
        let AttemptFailure { error, retryable, resume, wait, session_lost, .. } = failure;
        let Some(agent) = self.agent(id) else { return };
        let resumed = agent.resume.take().is_some();
        if session_lost && resumed {
            // It was worth a try. Nothing of it counts.
            self.again_at_once(id, error, effects);
            return;
        }
        if !matches!(agent.next, Next::Repair(_)) {
            agent.next = Next::GoOn;
        }
        agent.resume = resume;
        if let Some(wait) = wait
            && self.wait_for_limit(id, wait, &error, effects)
        {
            return;
        }
        let Some(agent) = self.agent(id) else { return };
        agent.failures += 1;
        let failures = agent.failures;
        let policy = agent.request.parsed.retry.filter(|retry| retryable && failures < retry.max_attempts);
        let Some(policy) = policy else {
            let vm = self.calls.get(&id).map_or(VmId::ROOT, |call| call.vm);
            let end = match self.rules(vm).on_agent_error {
                OnAgentError::Null => Ok(Some(JsonText::new("null"))),
                OnAgentError::Reject => Err(as_rejection(error.clone(), id)),
            };
            self.over(id, end, Some(error), effects);
            return;
        };
        agent.state = AgentState::BackingOff;
        let attempt = agent.attempts + 1;
        self.running_agents -= 1;
        let factor = 1u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
        let delay = policy.backoff.saturating_mul(factor).min(MAX_BACKOFF);
        if self.watched {
            let delay_ms = (!delay.is_zero()).then(|| milliseconds(delay));
            effects.push(Effect::Emit(Event::CallRetrying { call: id, attempt, error, delay_ms }));
        }
        effects.extend(self.attempted_record(id));
        effects.push(Effect::StartBackoff { call: id, delay });
    }

    /// Lets a call wait until its provider has room again; `false` if that takes longer than it may.
    fn wait_for_limit(
        &mut self,
        id: CallId,
        wait: Wait,
        error: &ErrorData,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let seed = self.options.seed;
        let Some(agent) = self.agent(id) else { return false };
        let delay = limits::delay(wait, agent.limited, limits::noise(seed, id, agent.limited));
        let waited = agent.waited.saturating_add(delay);
        if waited > wait.limit {
            return false;
        }
        agent.waited = waited;
        agent.limited += 1;
        agent.state = AgentState::Limited;
        let (attempt, provider) = (agent.attempts + 1, agent.provider());
        self.running_agents -= 1;
        self.limit_reached(provider);
        if self.watched {
            effects.push(Effect::Emit(Event::CallWaiting {
                call: id,
                attempt,
                reason: wait.reason,
                delay_ms: milliseconds(delay),
                error: error.clone(),
            }));
        }
        effects.extend(self.attempted_record(id));
        effects.push(Effect::StartBackoff { call: id, delay });
        true
    }

    /// There will be no further attempt: the call has its outcome as soon as its worktree is put in order.
    fn over(&mut self, id: CallId, outcome: Outcome, error: Option<ErrorData>, effects: &mut Vec<Effect>) {
        let Some(agent) = self.agent(id) else { return };
        if agent.request.parsed.worktree.is_some() {
            agent.state = AgentState::Closing;
            let success = error.is_none();
            agent.end = Some((outcome, error));
            effects.extend(self.attempted_record(id));
            effects.push(Effect::CloseWorktree { call: id, success });
            return;
        }
        self.running_agents -= 1;
        self.conclude_with(id, outcome, error, effects);
    }

    /// What could not be done with a worktree does not take the answer away: the work is where it was.
    pub(super) fn worktree_closed(
        &mut self,
        id: CallId,
        report: Option<JsonText>,
        error: Option<ErrorData>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(agent) = self.agent(id) else { return };
        let Some((outcome, failure)) = agent.end.take() else { return };
        agent.worktree = report;
        if let Some(error) = error {
            self.warn("WARN_WORKTREE", error.headline(), effects);
        }
        self.running_agents -= 1;
        self.conclude_with(id, outcome, failure, effects);
    }

    /// The call gets back in line.
    pub(super) fn backoff_over(&mut self, id: CallId) {
        let Some(agent) = self.agent(id) else { return };
        match agent.state {
            AgentState::BackingOff => {
                agent.state = AgentState::Waiting;
                self.waiting.push_back(id);
            }
            AgentState::Limited => {
                agent.state = AgentState::Waiting;
                let provider = agent.provider();
                self.limit_over(provider);
                self.waiting.push_front(id);
            }
            AgentState::Waiting | AgentState::Running | AgentState::Closing | AgentState::Recorded => {}
        }
    }

    /// Every attempt costs what it cost, whether there was an answer, and whether it was of use, or not.
    fn charge(&mut self, id: CallId, usage: Usage, session: Option<String>, effects: &mut Vec<Effect>) {
        let charged = usage.charged;
        if let Some(agent) = self.agent(id) {
            agent.usage.add(usage);
            agent.session = session.or(agent.session.take());
        }
        if charged > 0.0 {
            self.budget.spent += charged;
            effects.push(Effect::Charged { charged, budget: self.budget });
        }
        self.tell_exhaustion(effects);
    }

    /// Says that the budget is used up, once.
    pub(super) fn tell_exhaustion(&mut self, effects: &mut Vec<Effect>) {
        if self.budget.exhausted() && !self.exhaustion_told {
            self.exhaustion_told = true;
            effects.push(Effect::Emit(Event::BudgetExhausted { budget: self.budget }));
        }
    }

    /// Scripts see it with the next outcome that they are given, as in the original.
    pub(super) fn budget_changed(&mut self, change: BudgetChange) {
        self.budget.spent = (self.budget.spent + change.spent).max(0.0);
        self.restored = (self.restored + change.spent).max(0.0);
        if let Some(total) = change.total {
            self.budget.total = total;
        }
        // While a journal is shown, what was spent is what it was then.
        self.exhaustion_told &= self.is_replaying() || self.budget.exhausted();
    }

    /// The call is over with this outcome.
    pub(super) fn conclude(&mut self, id: CallId, outcome: Outcome, effects: &mut Vec<Effect>) {
        let error = outcome.as_ref().err().map(|error| match &error.cause {
            Some(cause) => (**cause).clone(),
            None => error.clone(),
        });
        self.conclude_with(id, outcome, error, effects);
    }

    fn conclude_with(
        &mut self,
        id: CallId,
        outcome: Outcome,
        error: Option<ErrorData>,
        effects: &mut Vec<Effect>,
    ) {
        let mut news = Vec::new();
        let Some(call) = self.calls.get(&id) else { return };
        let failed = error.is_some();
        if self.watched && !call.end_is_told() {
            let end = match (&error, self.phase) {
                (None, _) => CallEnd::Completed,
                (Some(_), Phase::Cancelling(_)) => CallEnd::Cancelled,
                (Some(_), _) => CallEnd::Failed,
            };
            news.push(Effect::Emit(call.ended(id, end, error)));
        }
        news.extend(self.ended_record(id, call, &outcome, failed));
        let Some(ready) = self.take_off(id, outcome) else { return };
        self.queue(id, ready, news, effects);
    }

    /// Numbers a call and puts it on the books.
    pub(super) fn register(
        &mut self,
        vm: VmId,
        slot: Slot,
        kind: CallState,
        mark: Option<Box<Mark>>,
    ) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        if let Some(script) = self.scripts.get_mut(&vm) {
            script.pending.insert(slot, id);
        }
        self.awake += usize::from(matches!(kind, CallState::Agent(_) | CallState::Timer { .. }));
        self.calls.insert(id, Call { vm, slot, kind, mark });
        id
    }

    fn agent(&mut self, id: CallId) -> Option<&mut AgentCall> {
        match &mut self.calls.get_mut(&id)?.kind {
            CallState::Agent(agent) => Some(agent),
            _ => None,
        }
    }

    pub(super) fn take_recorded_answer(&mut self, id: CallId) -> Option<Option<Box<RecordedEnd>>> {
        self.agent(id).map(|agent| agent.recorded.take())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Doubling stops here.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);
