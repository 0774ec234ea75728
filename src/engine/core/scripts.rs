//! Scripts: what they ask for, their children, their end.

use std::time::Duration;

use super::agents::as_rejection;
use super::replay::Recalled;
use super::{CallState, Core, Effect, Phase, Ready, ScriptState, cancelled};
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::event::{CallEnd, Event};
use crate::model::ids::{CallId, Slot, VmId};
use crate::model::outcome::Settled;
use crate::model::recording::Asked;
use crate::model::request::{ChildRequest, ChildTarget, Item, Note, Request, RequestKind};

impl Core {
    /// A VM has run out of work.
    pub(super) fn vm_idle(
        &mut self,
        vm: VmId,
        said: Vec<Item>,
        settled: Option<Settled>,
        effects: &mut Vec<Effect>,
    ) {
        self.busy = None;
        if !self.scripts.contains_key(&vm) {
            return;
        }
        let first = CallId(self.next_call);
        for said in said {
            match said {
                Item::Request(request) => self.requested(vm, request, effects),
                Item::Note(note) => self.noted(vm, note, effects),
            }
            // It may have turned out that this is not the run that its journal tells of.
            if self.phase == Phase::Over {
                return;
            }
        }
        let settled = settled.or_else(|| self.is_stalled(vm).then(|| self.stalled(vm)));
        if let Some(settled) = settled
            && !(vm == VmId::ROOT && self.ends_too_early(first, effects))
        {
            self.script_settled(vm, settled, effects);
        }
    }

    fn stalled(&self, vm: VmId) -> Settled {
        Settled::Failed(match self.phase {
            Phase::Cancelling(reason) => WorkflowError::Cancelled { reason },
            _ => WorkflowError::Stalled { script: self.script_name(vm) },
        })
    }

    fn script_name(&self, vm: VmId) -> String {
        self.scripts.get(&vm).map_or_else(String::new, |script| script.name.to_string())
    }

    /// Nothing that the script waits for can happen any more.
    fn is_stalled(&self, vm: VmId) -> bool {
        self.scripts.get(&vm).is_some_and(|script| script.pending.is_empty() && script.undelivered == 0)
    }

    fn requested(&mut self, vm: VmId, request: Request, effects: &mut Vec<Effect>) {
        match request.kind {
            RequestKind::Agent(agent) => self.agent_requested(vm, request.slot, agent, effects),
            RequestKind::Workflow(child) => self.child_requested(vm, request.slot, child, effects),
            RequestKind::Timer { delay } => self.timer_requested(vm, request.slot, delay, effects),
            RequestKind::Sleep { duration } => self.sleep_requested(vm, request.slot, duration, effects),
            RequestKind::Cancel { target } => self.withdrawn(vm, target, effects),
        }
    }

    fn timer_requested(&mut self, vm: VmId, slot: Slot, delay: Duration, effects: &mut Vec<Effect>) {
        let mark = self.mark(Asked::Timer(delay));
        let call = self.register(vm, slot, CallState::Timer { started: false }, mark);
        if let Recalled::Diverged = self.recall(call, effects) {
            return;
        }
        // What the journal says of it comes when it is its turn. Answers to timers are not worth taking from elsewhere.
        if !self.hold_timer(call, delay) {
            self.start_timer(call, delay, effects);
        }
    }

    /// Starts the timer or the sleep, if it is still wanted.
    pub(super) fn start_timer(&mut self, call: CallId, delay: Duration, effects: &mut Vec<Effect>) {
        match self.calls.get_mut(&call).map(|call| &mut call.kind) {
            Some(CallState::Timer { started }) => {
                *started = true;
                effects.push(Effect::StartTimer { call, delay });
            }
            Some(CallState::Sleep(_)) => self.start_sleep(call, effects),
            _ => {}
        }
    }

    pub(super) fn timer_fired(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        let Some(call) = self.calls.get(&id) else { return };
        if matches!(call.kind, CallState::Sleep(_)) {
            return self.conclude(id, Ok(None), effects);
        }
        let record = self.ended_record(id, call, &Ok(None), false);
        let Some(ready) = self.take_off(id, Ok(None)) else { return };
        self.queue(id, ready, record.into_iter().collect(), effects);
    }

    /// The script no longer wants an earlier call of its own.
    fn withdrawn(&mut self, vm: VmId, target: Slot, effects: &mut Vec<Effect>) {
        let Some(script) = self.scripts.get_mut(&vm) else { return };
        match script.pending.remove(&target) {
            Some(call) => self.discard(call, CallEnd::Cancelled, effects),
            None => {
                // Its outcome is already on the way.
                let before = self.ready.len();
                self.ready.retain(|ready| !ready.is_outcome_of(vm, target));
                script.undelivered -= before - self.ready.len();
                if let Some(replay) = &mut self.replay {
                    script.undelivered -= replay.withdraw(vm, target);
                }
            }
        }
    }

    fn noted(&mut self, vm: VmId, note: Note, effects: &mut Vec<Effect>) {
        let event = match note {
            Note::Log { values, level } => Event::Log { script: vm, level, values },
            Note::Phase { name, options } => Event::Phase { script: vm, name, options },
            Note::Dropped { count } => Event::Warning {
                code: "WARN_LOG_DROPPED",
                message: format!(
                    "{count} log lines were dropped: the script wrote too much between two awaits"
                ),
            },
            Note::UnhandledRejection { error } => Event::Warning {
                code: "WARN_UNHANDLED_REJECTION",
                message: format!("a promise was rejected and nothing handled it: {}", error.stack_text()),
            },
        };
        if self.notes_told > 0 {
            self.notes_told -= 1;
            return;
        }
        effects.push(Effect::Emit(event));
    }

    fn child_requested(&mut self, vm: VmId, slot: Slot, request: ChildRequest, effects: &mut Vec<Effect>) {
        let child = VmId(self.next_vm);
        self.next_vm += 1;
        let label = match &request.target {
            ChildTarget::Name(name) | ChildTarget::Path(name) => name.clone(),
        };
        let mark = self.mark(Asked::Child(&request));
        let told = self.given_up.contains(&CallId(self.next_call));
        let state = CallState::Child { vm: child, label: label.clone(), told };
        let call = self.register(vm, slot, state, mark);
        let exact = self.is_exact();
        match self.recall(call, effects) {
            Recalled::Diverged => return,
            Recalled::Later { .. } => {
                if let Some(CallState::Child { told, .. }) =
                    self.calls.get_mut(&call).map(|call| &mut call.kind)
                {
                    *told = exact;
                }
            }
            // It runs: what comes of it depends on the calls that it makes.
            Recalled::Unknown { .. } | Recalled::Now(_) => {}
        }
        if let Phase::Cancelling(reason) = self.phase {
            self.conclude(call, Err(cancelled(reason)), effects);
            return;
        }
        let depth = self.scripts.get(&vm).map_or(0, |script| script.depth) + 1;
        self.scripts.insert(child, ScriptState::new(Some(call), depth, self.rules(vm), label.into()));
        let mut news = Vec::new();
        if self.watched {
            let info = self.calls[&call].info();
            let started =
                Event::CallStarted { call, script: vm, attempt: 1, continues: None, until: None, info };
            news.push(Effect::Emit(started));
        }
        let spent = self.budget.spent;
        news.extend(self.begun_record(call));
        self.queue(call, Ready::Child { call, vm: child, parent: vm, request, depth, spent }, news, effects);
    }

    /// The child's script was not found, or is not one.
    pub(super) fn child_not_started(&mut self, call: CallId, error: ErrorData, effects: &mut Vec<Effect>) {
        self.busy = None;
        let Some(CallState::Child { vm, .. }) = self.calls.get(&call).map(|call| &call.kind) else { return };
        self.scripts.remove(vm);
        self.conclude(call, Err(as_rejection(error, call)), effects);
    }

    /// A script has ended: what it still had under way ends with it.
    fn script_settled(&mut self, vm: VmId, settled: Settled, effects: &mut Vec<Effect>) {
        let Some(parent) = self.scripts.get(&vm).map(|script| script.parent) else { return };
        let Some(call) = parent else {
            let result = match (self.phase, settled) {
                (Phase::Cancelling(reason), _) => Err(WorkflowError::Cancelled { reason }),
                (_, Settled::Value(value)) => Ok(value),
                (_, Settled::Failed(error)) => Err(error),
            };
            self.finish(result, effects);
            return;
        };
        self.drop_script(vm, CallEnd::Abandoned, effects);
        let outcome = match settled {
            Settled::Value(value) => Ok(value),
            Settled::Failed(WorkflowError::Cancelled { reason }) => Err(cancelled(reason)),
            Settled::Failed(WorkflowError::Script { error, .. })
                if error.code.as_deref() == Some("ERR_RUN_CANCELLED") =>
            {
                Err(error)
            }
            Settled::Failed(error) => Err(child_failure(&error, call)),
        };
        self.conclude(call, outcome, effects);
    }

    /// Ends a script with everything below it.
    fn drop_script(&mut self, vm: VmId, end: CallEnd, effects: &mut Vec<Effect>) {
        let Some(script) = self.scripts.remove(&vm) else { return };
        let mut open: Vec<CallId> = script.pending.into_values().collect();
        open.sort_unstable();
        for id in open {
            self.discard(id, end, effects);
        }
        effects.push(Effect::DropVm { vm });
    }

    /// Ends a call whose outcome will not be delivered.
    fn discard(&mut self, id: CallId, end: CallEnd, effects: &mut Vec<Effect>) {
        self.tell_derived(id, effects);
        self.end_call(id, end, effects);
        let Some(call) = self.calls.remove(&id) else { return };
        self.forget_wait(id, &call.kind);
        if let Some(script) = self.scripts.get_mut(&call.vm) {
            script.pending.remove(&call.slot);
        }
        match call.kind {
            CallState::Child { vm, .. } => self.drop_script(vm, end, effects),
            CallState::Agent(agent) if agent.holds_slot() => self.running_agents -= 1,
            CallState::Agent(agent) if agent.is_limited() => self.limit_over(agent.provider()),
            _ => {}
        }
    }
}

/// A child's failure as its parent sees it: one more `Error: ` before what the child's own caller would have
/// seen, as in the original.
fn child_failure(error: &WorkflowError, call: CallId) -> ErrorData {
    let cause = error.to_error_data();
    let mut failure = ErrorData::new("Error", format!("Error: {error}"));
    failure.code = cause.code.clone();
    failure.call = cause.call.or(Some(call));
    failure.with_cause(cause)
}
