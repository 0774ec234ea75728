//! Replay: a resumed run does again what it did, and is given what it was given, in the same order.
//!
//! While the journal has more to show, nothing new is started: what the script asks for is held against the journal,
//! and outcomes come from there. What was under way when the journal ended starts when all of it was shown.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::{Call, CallState, Core, Effect, Phase, Ready};
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::ids::CallId;
use crate::model::recording::{
    Asked, Drift, Fingerprint, Mark, RecordedCall, RecordedEnd, RecordedStep, Recording, drifted,
};

/// The journal of an earlier part of the run, as far as it was not shown yet.
#[derive(Debug)]
pub(super) struct Replay {
    drift: Drift,
    calls: FxHashMap<CallId, RecordedCall>,
    steps: VecDeque<RecordedStep>,
    /// For [`Drift::Match`]: recorded answers by what they answer, those of equal calls in their order.
    answers: FxHashMap<Fingerprint, VecDeque<RecordedEnd>>,
    /// What scripts came to by themselves, and see when it is its turn; with the news of it.
    derived: FxHashMap<CallId, (Ready, Vec<Effect>)>,
    /// Timers that had not run down.
    timers: Vec<(CallId, Duration)>,
}

/// What the journal says of a call that a script makes.
pub(super) enum Recalled {
    /// Nothing, or not how it ended: it has to be done. So many attempts were made before.
    Unknown { attempts: u32 },
    /// Its outcome will be shown when it is its turn.
    Later(RecordedEnd),
    /// Its outcome can be shown now.
    Now(RecordedEnd),
    /// The script does something else than the journal says. The run is over.
    Diverged,
}

impl Replay {
    pub(super) fn new(recording: Recording) -> Self {
        let Recording { drift, calls, steps, .. } = recording;
        let mut replay = Self {
            drift,
            calls: FxHashMap::default(),
            steps: VecDeque::new(),
            answers: FxHashMap::default(),
            derived: FxHashMap::default(),
            timers: Vec::new(),
        };
        // What has failed runs again where the run may differ from the recorded one anyway.
        let usable = |end: &RecordedEnd| !end.failed && end.outcome.is_ok();
        if drift == Drift::Match {
            for (_, call) in calls {
                if let Some(end) = call.end.filter(usable) {
                    replay.answers.entry(call.mark.fingerprint).or_default().push_back(end);
                }
            }
            return replay;
        }
        replay.steps = steps.into();
        replay.calls = calls.into_iter().collect();
        if drift == Drift::Prefix {
            let failed = |call: &RecordedCall| call.end.as_ref().is_some_and(|end| !usable(end));
            let first = replay.calls.iter().filter(|(_, call)| failed(call)).map(|(id, _)| *id).min();
            if let Some(first) = first {
                replay.cut(first);
            }
        }
        replay
    }

    /// Forgets a call and all that were made after it.
    fn cut(&mut self, from: CallId) {
        self.calls.retain(|id, _| *id < from);
        self.steps.retain(|step| step.call < from);
    }

    /// Whether new work has to wait.
    fn holds(&self) -> bool {
        !self.steps.is_empty()
    }
}

impl Core {
    /// Whether nothing new may start yet.
    pub(super) fn is_replaying(&self) -> bool {
        self.replay.as_ref().is_some_and(Replay::holds)
    }

    /// What a call is known by, in runs that have a journal.
    pub(super) fn mark(&self, asked: Asked<'_>) -> Option<Box<Mark>> {
        self.marker.map(|marker| Box::new(marker(asked)))
    }

    /// Holds a call that was just registered against the journal.
    pub(super) fn recall(&mut self, id: CallId, effects: &mut Vec<Effect>) -> Recalled {
        let Some(mark) = self.calls.get(&id).and_then(|call| call.mark.as_deref()) else {
            return Recalled::Unknown { attempts: 0 };
        };
        let Some(replay) = &mut self.replay else { return Recalled::Unknown { attempts: 0 } };
        if replay.drift == Drift::Match {
            let end = replay.answers.get_mut(&mark.fingerprint).and_then(VecDeque::pop_front);
            return end.map_or(Recalled::Unknown { attempts: 0 }, Recalled::Now);
        }
        let Some(recorded) = replay.calls.remove(&id) else { return Recalled::Unknown { attempts: 0 } };
        if recorded.mark.kind == mark.kind && recorded.mark.fingerprint == mark.fingerprint {
            let attempts = recorded.attempts;
            return recorded.end.map_or(Recalled::Unknown { attempts }, Recalled::Later);
        }
        if replay.drift == Drift::Prefix {
            replay.cut(id);
            return Recalled::Unknown { attempts: 0 };
        }
        let error = drifted(id, Some(&recorded.mark), Some(mark));
        self.diverge(error, effects);
        Recalled::Diverged
    }

    /// Sets a timer aside until the journal was shown.
    pub(super) fn hold_timer(&mut self, call: CallId, delay: Duration) {
        if let Some(replay) = &mut self.replay {
            replay.timers.push((call, delay));
        }
    }

    /// Puts something in line for a script, and tells the news of it; while the journal has more to show, it waits for
    /// its turn.
    pub(super) fn queue(
        &mut self,
        call: CallId,
        ready: Ready,
        mut news: Vec<Effect>,
        effects: &mut Vec<Effect>,
    ) {
        match &mut self.replay {
            Some(replay) if replay.holds() => drop(replay.derived.insert(call, (ready, news))),
            _ => {
                effects.append(&mut news);
                self.ready.push_back(ready);
            }
        }
    }

    /// The next thing that a script is to be shown.
    pub(super) fn next_ready(&mut self, effects: &mut Vec<Effect>) -> Option<Ready> {
        loop {
            let Some(replay) = &mut self.replay else { return self.ready.pop_front() };
            if self.phase != Phase::Running || replay.steps.is_empty() {
                self.end_replay(effects);
                return self.ready.pop_front();
            }
            let step = replay.steps.pop_front()?;
            let anew = replay.drift != Drift::Fail;
            if let Some((ready, mut news)) = replay.derived.remove(&step.call) {
                if anew {
                    effects.append(&mut news);
                }
                self.budget.spent = step.spent;
                return Some(ready.with_spent(step.spent));
            }
            match self.calls.get(&step.call).map(|call| &call.kind) {
                Some(CallState::Agent(_) | CallState::Timer { .. }) if step.ended => {
                    self.budget.spent = step.spent;
                    if let Some(ready) = self.recorded_end(step.call, anew, effects) {
                        return Some(ready.with_spent(step.spent));
                    }
                }
                // The script has withdrawn it in the same way as it did before.
                None if step.call.0 < self.next_call => {}
                _ if replay.drift == Drift::Prefix => replay.cut(step.call),
                _ => {
                    let recorded = replay.calls.get(&step.call).map(|call| call.mark.clone());
                    self.diverge(drifted(step.call, recorded.as_ref(), None), effects);
                    return None;
                }
            }
        }
    }

    /// All of the journal was shown: the run goes on.
    fn end_replay(&mut self, effects: &mut Vec<Effect>) {
        let Some(replay) = &mut self.replay else { return };
        let mut derived: Vec<_> = replay.derived.drain().collect();
        derived.sort_unstable_by_key(|(id, _)| *id);
        let timers = std::mem::take(&mut replay.timers);
        if replay.drift != Drift::Match {
            self.replay = None;
            self.budget.spent = self.budget.spent.max(self.restored);
        }
        for (_, (ready, mut news)) in derived {
            effects.append(&mut news);
            self.ready.push_back(ready);
        }
        self.start_recorded();
        for (call, delay) in timers {
            if let Some(Call { kind: CallState::Timer { started }, .. }) = self.calls.get_mut(&call) {
                *started = true;
                effects.push(Effect::StartTimer { call, delay });
            }
        }
        self.fill_slots(effects);
    }

    /// The run cannot go on from its journal. Its state stays what it is.
    fn diverge(&mut self, error: ErrorData, effects: &mut Vec<Effect>) {
        effects.push(Effect::Diverged(WorkflowError::Replay { error }));
        self.phase = Phase::Over;
        self.calls.clear();
        self.scripts.clear();
        self.ready.clear();
        self.waiting.clear();
    }
}
