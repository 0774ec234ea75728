//! Agent calls and the journal: what is written down of them, and what comes back.

use std::time::Duration;

use super::super::{Call, CallState, Core, Effect, Phase, Ready};
use super::{AgentCall, AgentState, Next, is_exhausted, milliseconds};
use crate::model::event::{CallEnd, Event};
use crate::model::ids::{CallId, VmId};
use crate::model::outcome::{Outcome, Resume};
use crate::model::recording::{Past, PastEnd, Record, RecordedEnd};
use crate::model::usage::Usage;

impl AgentCall {
    /// What it has behind it.
    fn past(&self) -> Past {
        let repair = match &self.next {
            Next::Repair(errors) => Some(errors.clone()),
            Next::Prompt | Next::GoOn => None,
        };
        Past {
            failures: self.failures,
            charged: self.usage.charged,
            usage: self.usage.report.clone(),
            session: self.session.clone(),
            resume: self.resume.clone(),
            repair,
            limited: self.limited,
            waited_ms: milliseconds(self.waited),
            end: self.end.as_ref().map(|(outcome, failure)| PastEnd::new(outcome, failure.as_ref())),
        }
    }
}

impl Core {
    /// What to write down of a call's outcome. What comes of cancelling is not the call's.
    pub(in super::super) fn ended_record(
        &self,
        id: CallId,
        call: &Call,
        outcome: &Outcome,
        failed: bool,
    ) -> Option<Effect> {
        let mark = call.mark.as_deref().filter(|_| self.phase == Phase::Running)?.clone();
        let charged = match &call.kind {
            CallState::Agent(agent) => agent.usage.charged,
            _ => 0.0,
        };
        let (outcome, spent) = (outcome.clone(), self.budget.spent);
        Some(Effect::Record(Box::new(Record::Ended { call: id, mark, outcome, failed, charged, spent })))
    }

    /// What to write down of a call that begins.
    pub(in super::super) fn begun_record(&mut self, id: CallId) -> Option<Effect> {
        let spent = self.budget.spent;
        let call = self.calls.get_mut(&id)?;
        let mark = call.mark.as_deref()?.clone();
        let past = match &mut call.kind {
            CallState::Agent(agent) => std::mem::take(&mut agent.carried).then(|| Box::new(agent.past())),
            _ => None,
        };
        Some(Effect::Record(Box::new(Record::Begun { call: id, mark, past, spent })))
    }

    /// What to write down of an attempt that has ended, where another one follows.
    pub(super) fn attempted_record(&mut self, id: CallId) -> Option<Effect> {
        let spent = self.budget.spent;
        self.marker?;
        let past = Box::new(self.agent(id)?.past());
        Some(Effect::Record(Box::new(Record::Attempted { call: id, past, spent })))
    }

    /// The agent of an attempt has begun to work: if the run is cut off before the attempt has ended, the next one goes on
    /// in that session, as it would after a failure that comes from outside.
    pub(in super::super) fn agent_at_work(
        &mut self,
        id: CallId,
        attempt: u32,
        resume: Resume,
        effects: &mut Vec<Effect>,
    ) {
        if self.marker.is_none() {
            return;
        }
        let spent = self.budget.spent;
        let Some(agent) = self.agent(id) else { return };
        let is_current = agent.state == AgentState::Running && agent.attempts == attempt;
        let before = agent.resume.as_ref();
        // One that is gone on with is written down already. A worktree is made anew: nothing of the work is in it.
        let is_new = before.is_none_or(|before| before.session != resume.session);
        if !is_current || !is_new || agent.request.parsed.worktree.is_some() {
            return;
        }
        // What the attempt costs that is cut off is not counted yet: the next one counts from where this one did.
        let total = before.and_then(|before| before.total.clone());
        agent.session = Some(resume.session.clone());
        let session_id = resume.session.clone();
        let past = Box::new(Past { resume: Some(Resume { total, ..resume }), ..agent.past() });
        effects.push(Effect::Emit(Event::CallSession { call: id, attempt, session_id }));
        effects.push(Effect::Record(Box::new(Record::Attempted { call: id, past, spent })));
    }

    /// Whether the journal tells that a call was given up: its end is not told again.
    pub(in super::super) fn is_given_up(&self, id: CallId) -> bool {
        self.given_up.contains(&id)
    }

    /// Makes a call what it was when the run was left.
    pub(super) fn take_over(&mut self, id: CallId, attempts: u32, past: Option<Box<Past>>) {
        let (told, is_exact) = (self.is_given_up(id), self.is_exact());
        let Some(agent) = self.agent(id) else { return };
        (agent.attempts, agent.told) = (attempts, told);
        let Some(past) = past else { return };
        let Past { failures, charged, usage, session, resume, repair, limited, waited_ms, end } = *past;
        agent.failures = failures;
        (agent.limited, agent.waited) = (limited, Duration::from_millis(waited_ms));
        agent.usage = Usage { charged, report: usage };
        agent.session = session;
        // A worktree is made anew: what the agent did in that session is not in it.
        agent.resume = resume.filter(|_| agent.request.parsed.worktree.is_none());
        agent.next = match repair {
            Some(errors) => Next::Repair(errors),
            None => Next::GoOn,
        };
        agent.end = end.map(PastEnd::into_parts);
        // Where the journal goes on as it is, it has told of an end that is only to be carried out.
        agent.carried = agent.end.is_none() || !is_exact;
    }

    /// The journal knows how the call ended: nothing is started for it.
    pub(super) fn will_be_shown(
        &mut self,
        id: CallId,
        vm: VmId,
        end: RecordedEnd,
        attempts: u32,
        effects: &mut Vec<Effect>,
    ) {
        let told = self.is_exact();
        // One that found the budget used up when it got a place had been accepted before, and counts.
        let waited = || end.outcome.as_ref().is_err_and(is_exhausted) && self.budget_refusal(vm).is_none();
        let refused = end.failed && attempts == 0 && !waited();
        let Some(agent) = self.agent(id) else { return };
        let request = agent.request.clone();
        agent.state = AgentState::Recorded;
        agent.recorded = Some(Box::new(end));
        (agent.attempts, agent.told) = (attempts, told);
        if !refused {
            self.issued(&request, effects);
        }
    }

    /// Takes the answer to an equal call of the journal for this one. It was paid when it was given.
    pub(super) fn reuse(&mut self, id: CallId, end: RecordedEnd, effects: &mut Vec<Effect>) {
        let Some(request) = self.agent(id).map(|agent| agent.request.clone()) else { return };
        self.issued(&request, effects);
        let outcome = self.restore(id, end);
        self.conclude_with(id, outcome, None, effects);
    }

    /// Makes a call what it was when it ended.
    fn restore(&mut self, id: CallId, end: RecordedEnd) -> Outcome {
        let RecordedEnd { outcome, charged, usage, session, failed: _ } = end;
        if let Some(agent) = self.agent(id) {
            agent.usage = Usage { charged, report: usage };
            agent.session = session;
        }
        outcome
    }

    /// What a script is shown of a call that the journal knows the end of; with the news of it if they are to be told
    /// `anew`.
    pub(in super::super) fn recorded_end(
        &mut self,
        id: CallId,
        anew: bool,
        effects: &mut Vec<Effect>,
    ) -> Option<Ready> {
        let (outcome, failed) = match self.take_recorded(id) {
            Some(end) => {
                let end = *end?;
                let failed = end.failed;
                (self.restore(id, end), failed)
            }
            // A timer.
            None => (Ok(None), false),
        };
        if anew {
            let call = self.calls.get(&id)?;
            let news = (self.watched && !failed && !matches!(call.kind, CallState::Timer { .. }))
                .then(|| Effect::Emit(call.ended(id, CallEnd::Completed, None)));
            let record = self.ended_record(id, call, &outcome, failed);
            effects.extend(news.into_iter().chain(record));
        }
        self.take_off(id, outcome)
    }

    /// Calls whose recorded outcomes will not be shown run after all.
    pub(in super::super) fn start_recorded(&mut self) {
        let mut left: Vec<CallId> = Vec::new();
        for (id, call) in &mut self.calls {
            if let CallState::Agent(agent) = &mut call.kind
                && agent.state == AgentState::Recorded
            {
                agent.state = AgentState::Waiting;
                agent.recorded = None;
                agent.told = false;
                left.push(*id);
            }
        }
        left.sort_unstable();
        for id in left.into_iter().rev() {
            self.waiting.push_front(id);
        }
    }
}
