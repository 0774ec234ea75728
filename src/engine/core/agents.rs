//! Agent calls: slots, caps, budget, attempts, schema repair.

use std::sync::Arc;
use std::time::Duration;

use super::{Call, CallState, Core, Effect, Phase, cancelled};
use crate::model::budget::{BudgetChange, BudgetMode};
use crate::model::error::ErrorData;
use crate::model::event::{CallEnd, CallInfo, CallKind, Event};
use crate::model::ids::{CallId, Slot, VmId};
use crate::model::json::JsonText;
use crate::model::options::OnAgentError;
use crate::model::outcome::{AgentOutput, AttemptFailure, AttemptOutcome, Outcome};
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
    /// The one repair of an answer that does not fit its schema has been asked for.
    repairing: bool,
    usage: Usage,
    /// The agent's own session of the last attempt that had one.
    session: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AgentState {
    /// Has no slot.
    Waiting,
    /// An attempt is under way.
    Running,
    /// Waits before another attempt; holds no slot.
    BackingOff,
}

impl AgentCall {
    pub(super) fn is_under_way(&self) -> bool {
        self.state != AgentState::Waiting
    }

    pub(super) fn holds_slot(&self) -> bool {
        self.state == AgentState::Running
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

    /// The request of the next attempt: the original prompt, or the repair prompt.
    fn next_request(&self, errors: &[String]) -> Arc<AgentRequest> {
        Arc::new(self.request.with_prompt(&repair_prompt(&self.request.prompt_text(), errors)))
    }
}

/// The prompt that asks for a corrected structured output (`ts-engine` contract, 2.10).
pub(super) fn repair_prompt(original: &str, errors: &[String]) -> String {
    let mut prompt = format!(
        "{original}\n\nPrevious structured output failed JSON Schema validation.\n\
         Return a corrected structured output that satisfies the original JSON Schema.\nValidation errors:"
    );
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
        let id = self.register(
            vm,
            slot,
            CallState::Agent(Box::new(AgentCall {
                request: request.clone(),
                state: AgentState::Waiting,
                attempts: 0,
                failures: 0,
                repairing: false,
                usage: Usage::default(),
                session: None,
            })),
        );
        if let Some(refusal) = self.refusal(vm) {
            self.conclude(id, Err(refusal), effects);
            return;
        }
        self.issued_agents += 1;
        self.warn_unknown_options(&request, effects);
        self.waiting.push_back(id);
        let must_wait =
            !self.options.max_parallel_agents.admits(self.running_agents + self.waiting.len() - 1);
        if must_wait && self.watched {
            let info = self.calls[&id].info();
            effects.push(Effect::Emit(Event::CallQueued { call: id, script: vm, info }));
        }
    }

    /// Why no further agent may be asked for, if so.
    fn refusal(&self, vm: VmId) -> Option<ErrorData> {
        if let Phase::Cancelling(reason) = self.phase {
            return Some(cancelled(reason));
        }
        if self.rules(vm).budget_mode == BudgetMode::Hard && self.budget.exhausted() {
            let total = self.budget.total.unwrap_or_default();
            return Some(
                ErrorData::new(
                    "BudgetExhaustedError",
                    format!(
                        "the budget of {total} output tokens is used up: {} were spent",
                        self.budget.spent
                    ),
                )
                .with_code("ERR_BUDGET_EXHAUSTED"),
            );
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

    fn warn_unknown_options(&mut self, request: &AgentRequest, effects: &mut Vec<Effect>) {
        for option in &request.parsed.unknown {
            // A script may make up names without end; what was warned about must not grow with it.
            if self.warned.len() < 100 && self.warned.insert(option.clone()) {
                let message = format!(
                    "agent() does not know the option {option:?}; it is passed on to the provider as it is"
                );
                self.warn("WARN_UNKNOWN_OPTION", message, effects);
            }
        }
    }

    /// Starts as many waiting agents as there are slots.
    pub(super) fn fill_slots(&mut self, effects: &mut Vec<Effect>) {
        while self.options.max_parallel_agents.admits(self.running_agents) {
            let Some(id) = self.waiting.pop_front() else { return };
            let Some(request) = self.agent(id).map(|agent| agent.request.clone()) else { continue };
            self.running_agents += 1;
            self.start_attempt(id, request, effects);
        }
    }

    fn start_attempt(&mut self, id: CallId, request: Arc<AgentRequest>, effects: &mut Vec<Effect>) {
        let watched = self.watched;
        let Some(call) = self.calls.get_mut(&id) else { return };
        let CallState::Agent(agent) = &mut call.kind else { return };
        agent.state = AgentState::Running;
        agent.attempts += 1;
        let attempt = agent.attempts;
        if watched {
            let info = call.info();
            effects.push(Effect::Emit(Event::CallStarted { call: id, script: call.vm, attempt, info }));
        }
        effects.push(Effect::StartAgent { call: id, attempt, request });
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
                self.running_agents -= 1;
                self.conclude_with(id, Ok(output.output), None, effects);
            }
            AttemptOutcome::Mismatch { output, errors } => {
                let AgentOutput { usage, session_id, .. } = output;
                self.charge(id, usage, session_id, effects);
                self.mismatched(id, &errors, effects);
            }
            AttemptOutcome::Failed(failure) => {
                let AttemptFailure { error, retryable, usage, session_id, mistake: _ } = *failure;
                self.charge(id, usage, session_id, effects);
                self.failed(id, error, retryable, effects);
            }
            AttemptOutcome::Refused { error } => {
                self.running_agents -= 1;
                self.conclude(id, Err(as_rejection(error, id)), effects);
            }
        }
    }

    /// An answer that does not fit is repaired once, in the slot that the call already has.
    fn mismatched(&mut self, id: CallId, errors: &[String], effects: &mut Vec<Effect>) {
        let Some(agent) = self.agent(id) else { return };
        let error = ErrorData::new(
            "Error",
            format!("Structured output did not match JSON Schema: {}", errors.join("; ")),
        )
        .with_code("ERR_SCHEMA_MISMATCH");
        if agent.repairing {
            self.running_agents -= 1;
            self.conclude(id, Err(as_rejection(error, id)), effects);
            return;
        }
        agent.repairing = true;
        let request = agent.next_request(errors);
        let attempt = agent.attempts + 1;
        if self.watched {
            effects.push(Effect::Emit(Event::CallRetrying { call: id, attempt, error }));
        }
        self.start_attempt(id, request, effects);
    }

    /// An attempt without an answer is followed by another as long as the call's own policy says so.
    fn failed(&mut self, id: CallId, error: ErrorData, retryable: bool, effects: &mut Vec<Effect>) {
        let Some(agent) = self.agent(id) else { return };
        agent.failures += 1;
        let failures = agent.failures;
        let policy = agent.request.parsed.retry.filter(|retry| retryable && failures < retry.max_attempts);
        let Some(policy) = policy else {
            self.running_agents -= 1;
            let vm = self.calls.get(&id).map_or(VmId::ROOT, |call| call.vm);
            let end = match self.rules(vm).on_agent_error {
                OnAgentError::Null => Ok(Some(JsonText::new("null"))),
                OnAgentError::Reject => Err(as_rejection(error.clone(), id)),
            };
            self.conclude_with(id, end, Some(error), effects);
            return;
        };
        agent.state = AgentState::BackingOff;
        let attempt = agent.attempts + 1;
        self.running_agents -= 1;
        if self.watched {
            effects.push(Effect::Emit(Event::CallRetrying { call: id, attempt, error }));
        }
        let factor = 1u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
        let delay = policy.backoff.saturating_mul(factor).min(MAX_BACKOFF);
        effects.push(Effect::StartBackoff { call: id, delay });
    }

    /// The call gets back in line.
    pub(super) fn backoff_over(&mut self, id: CallId) {
        let Some(agent) = self.agent(id) else { return };
        if agent.state == AgentState::BackingOff {
            agent.state = AgentState::Waiting;
            self.waiting.push_back(id);
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
        if self.budget.exhausted() && !self.exhaustion_told {
            self.exhaustion_told = true;
            effects.push(Effect::Emit(Event::BudgetExhausted { budget: self.budget }));
        }
    }

    /// Scripts see it with the next outcome that they are given, as in the original.
    pub(super) fn budget_changed(&mut self, change: BudgetChange) {
        self.budget.spent = (self.budget.spent + change.spent).max(0.0);
        if let Some(total) = change.total {
            self.budget.total = total;
        }
        self.exhaustion_told &= self.budget.exhausted();
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
        if self.watched
            && let Some(call) = self.calls.get(&id)
        {
            let end = match (&error, self.phase) {
                (None, _) => CallEnd::Completed,
                (Some(_), Phase::Cancelling(_)) => CallEnd::Cancelled,
                (Some(_), _) => CallEnd::Failed,
            };
            effects.push(Effect::Emit(call.ended(id, end, error)));
        }
        self.resolve(id, outcome);
    }

    /// Numbers a call and puts it on the books.
    pub(super) fn register(&mut self, vm: VmId, slot: Slot, kind: CallState) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        if let Some(script) = self.scripts.get_mut(&vm) {
            script.pending.insert(slot, id);
        }
        self.calls.insert(id, Call { vm, slot, kind });
        id
    }

    fn agent(&mut self, id: CallId) -> Option<&mut AgentCall> {
        match &mut self.calls.get_mut(&id)?.kind {
            CallState::Agent(agent) => Some(agent),
            CallState::Child { .. } | CallState::Timer => None,
        }
    }
}

/// Doubling stops here.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);
