//! Replay: a resumed run does again what it did, and is given what it was given, in the same order.
//!
//! While the journal has more to show, nothing new is started: what the script asks for is held against the journal,
//! and outcomes come from there. What was under way when the journal ended starts when all of it was shown.

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{CallState, Core, Effect, Phase, Ready};
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::ids::{CallId, Slot, VmId};
use crate::model::recording::{
    Asked, Drift, Earlier, Fingerprint, Mark, Past, Record, RecordedCall, RecordedEnd, RecordedStep,
    Recording, drifted, not_awaited, not_ended,
};

/// The journal of an earlier part of the run, as far as it was not shown yet.
#[derive(Debug)]
pub(super) struct Replay {
    drift: Drift,
    /// Calls that the script has not made yet.
    calls: Unasked,
    steps: VecDeque<RecordedStep>,
    /// What scripts came to by themselves, and see when it is its turn.
    derived: FxHashMap<CallId, Derived>,
    /// How often something was put there: what the journal does not tell of is shown in this order.
    derivations: u64,
    /// Timers and sleeps that are not running. Those that the journal has run down are not needed in the end.
    timers: Vec<(CallId, Duration)>,
}

/// Recorded calls by their numbers. A script makes them in that order, so the next one is mostly the first.
#[derive(Debug)]
struct Unasked(VecDeque<(CallId, RecordedCall)>);

impl Unasked {
    fn place(&self, id: CallId) -> Option<usize> {
        if self.0.front().is_some_and(|(first, _)| *first == id) {
            return Some(0);
        }
        self.0.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    fn get(&self, id: CallId) -> Option<&RecordedCall> {
        self.place(id).map(|place| &self.0[place].1)
    }

    fn take(&mut self, id: CallId) -> Option<RecordedCall> {
        let place = self.place(id)?;
        self.0.remove(place).map(|(_, call)| call)
    }

    /// Forgets a call and all that were made after it.
    fn cut(&mut self, from: CallId) {
        self.0.truncate(self.0.partition_point(|(id, _)| *id < from));
    }
}

/// What calls that the journal does not tell of are given of equal ones, those of equal calls in their order: under
/// [`Drift::Match`] everything, else what earlier parts of the journal know and this one has not come to.
#[derive(Debug, Default)]
pub(super) struct Reserve(FxHashMap<Fingerprint, VecDeque<Earlier>>);

impl Reserve {
    fn new(recording: &mut Recording) -> Self {
        let mut reserve = Self::default();
        if recording.drift == Drift::Match {
            for (_, call) in std::mem::take(&mut recording.calls) {
                if call.mark.kind.is_worth_taking() {
                    reserve.add(call.mark.fingerprint, call.into());
                }
            }
        }
        for (fingerprint, earlier) in std::mem::take(&mut recording.reserve) {
            reserve.add(fingerprint, earlier);
        }
        reserve
    }

    fn add(&mut self, fingerprint: Fingerprint, earlier: Earlier) {
        self.0.entry(fingerprint).or_default().push_back(earlier);
    }

    fn take(&mut self, mark: &Mark) -> Recalled {
        match self.0.get_mut(&mark.fingerprint).and_then(VecDeque::pop_front) {
            Some(Earlier::Answer(end)) => Recalled::Now(end),
            Some(Earlier::Unanswered { attempts, past, until }) => {
                Recalled::Unknown { attempts, past, until }
            }
            None => Recalled::NEW,
        }
    }
}

/// What a script came to by itself, and the news of it.
#[derive(Debug)]
struct Derived {
    order: u64,
    /// The call's outcome, or that a child begins.
    ended: bool,
    /// `None`: its script does not want it any more.
    ready: Option<Ready>,
    news: Vec<Effect>,
}

/// What the journal says of a call that a script makes.
pub(super) enum Recalled {
    /// Nothing, or not how it ended: it has to be done. So many attempts were made before, and this came of them; a wait
    /// that had begun ends then.
    Unknown { attempts: u32, past: Option<Box<Past>>, until: Option<u64> },
    /// Its outcome will be shown when it is its turn.
    Later { end: RecordedEnd, attempts: u32, until: Option<u64> },
    /// Its outcome can be shown now.
    Now(RecordedEnd),
    /// The script does something else than the journal says. The run is over.
    Diverged,
}

impl Recalled {
    const NEW: Self = Self::Unknown { attempts: 0, past: None, until: None };
}

impl Replay {
    fn new(recording: Recording) -> Self {
        let Recording { drift, calls, steps, from, .. } = recording;
        let mut replay = Self {
            drift,
            calls: Unasked(calls.into()),
            steps: steps.into(),
            derived: FxHashMap::default(),
            derivations: 0,
            timers: Vec::new(),
        };
        // Whoever says from where knows what has failed before.
        if drift == Drift::Prefix && from.is_none() {
            // What has failed runs again where the run may differ from the recorded one anyway.
            let failed = |call: &RecordedCall| call.end.as_ref().is_some_and(|end| !end.is_usable());
            let first = replay.calls.0.iter().find(|(_, call)| failed(call)).map(|(id, _)| *id);
            if let Some(first) = first {
                replay.cut(first);
            }
        }
        replay
    }

    /// Forgets a call and all that were made after it.
    fn cut(&mut self, from: CallId) {
        self.calls.cut(from);
        self.steps.retain(|step| step.call < from);
    }

    /// Sets something aside until it is its turn.
    fn derive(&mut self, call: CallId, ready: Ready, news: Vec<Effect>) {
        let (order, ended) = (self.derivations, !matches!(ready, Ready::Child { .. }));
        self.derivations += 1;
        self.derived.insert(call, Derived { order, ended, ready: Some(ready), news });
    }

    /// A script does not want an outcome any more that is set aside for it. How many of them there were.
    pub(super) fn withdraw(&mut self, vm: VmId, slot: Slot) -> usize {
        let mut withdrawn = 0;
        for derived in self.derived.values_mut() {
            if derived.ready.take_if(|ready| ready.is_outcome_of(vm, slot)).is_some() {
                withdrawn += 1;
            }
        }
        withdrawn
    }
}

impl Core {
    /// Takes the run up where its journal ends, if it has one.
    pub(super) fn begin_with(&mut self, recording: Option<Box<Recording>>, effects: &mut Vec<Effect>) {
        let drift = recording.as_ref().map(|recording| recording.drift);
        if let Some(mut recording) = recording {
            self.restored = recording.spent;
            self.budget.spent = match recording.drift {
                // Scripts see from the beginning what was paid, by whichever part of the journal: what they are given of
                // it costs nothing more.
                Drift::Match => self.budget.spent.max(recording.spent),
                Drift::Fail | Drift::Prefix => recording.spent_before,
            };
            if recording.drift == Drift::Fail {
                self.notes_told = recording.notes;
                self.told_before = std::mem::take(&mut recording.warnings).into_iter().collect();
                self.given_up = std::mem::take(&mut recording.given_up).into_iter().collect();
                self.exhaustion_told =
                    recording.exhausted.is_some() && recording.exhausted == self.budget.total;
            }
            self.reserve = Reserve::new(&mut recording);
            // Where any equal call will do, there is no order to keep to.
            self.replay = (recording.drift != Drift::Match).then(|| Replay::new(*recording));
        }
        let spent = self.budget.spent;
        if self.marker.is_some() && drift != Some(Drift::Fail) && spent > 0.0 {
            effects.push(Effect::Record(Box::new(Record::Began { spent })));
        }
        if drift == Some(Drift::Match) {
            self.tell_exhaustion(effects);
        }
    }

    /// Whether nothing new may start yet.
    pub fn is_replaying(&self) -> bool {
        self.replay.is_some()
    }

    /// Whether the journal goes on as it is: what it tells of is not told again.
    pub(super) fn is_exact(&self) -> bool {
        self.replay.as_ref().is_some_and(|replay| replay.drift == Drift::Fail)
    }

    /// Whether the newest part of the journal tells of a call that its script has not made yet.
    pub(super) fn is_told_of(&self, id: CallId) -> bool {
        self.replay.as_ref().is_some_and(|replay| replay.calls.get(id).is_some())
    }

    /// What a call is known by, in runs that have a journal.
    pub(super) fn mark(&self, asked: Asked<'_>) -> Option<Box<Mark>> {
        self.marker.map(|marker| Box::new(marker(asked)))
    }

    /// Holds a call that was just registered against the journal.
    pub(super) fn recall(&mut self, id: CallId, effects: &mut Vec<Effect>) -> Recalled {
        let Some(mark) = self.calls.get(&id).and_then(|call| call.mark.as_deref()) else {
            return Recalled::NEW;
        };
        let Some((recorded, replay)) =
            self.replay.as_mut().and_then(|replay| Some((replay.calls.take(id)?, replay)))
        else {
            return self.reserve.take(mark);
        };
        if recorded.mark.kind == mark.kind && recorded.mark.fingerprint == mark.fingerprint {
            let RecordedCall { attempts, until, .. } = recorded;
            return match recorded.end {
                Some(end) => Recalled::Later { end, attempts, until },
                None => Recalled::Unknown { attempts, past: recorded.past, until },
            };
        }
        if replay.drift == Drift::Prefix {
            replay.cut(id);
            return Recalled::NEW;
        }
        let error = drifted(id, Some(&recorded.mark), Some(mark));
        self.diverge(error, effects);
        Recalled::Diverged
    }

    /// Sets a timer aside until the journal was shown; `false` if there is nothing to wait for.
    pub(super) fn hold_timer(&mut self, call: CallId, delay: Duration) -> bool {
        let Some(replay) = &mut self.replay else { return false };
        replay.timers.push((call, delay));
        true
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
            Some(replay) => replay.derive(call, ready, news),
            _ => {
                effects.append(&mut news);
                self.ready.push_back(ready);
            }
        }
    }

    /// The next thing that a script is to be shown.
    pub(super) fn next_ready(&mut self, effects: &mut Vec<Effect>) -> Option<Ready> {
        while let Some(replay) = &mut self.replay {
            match replay.steps.pop_front() {
                Some(step) => {
                    if let Some(ready) = self.show(step, effects) {
                        return Some(ready);
                    }
                }
                None => self.end_replay(effects),
            }
        }
        self.ready.pop_front()
    }

    /// What the journal shows next, if anybody still wants it.
    fn show(&mut self, step: RecordedStep, effects: &mut Vec<Effect>) -> Option<Ready> {
        let replay = self.replay.as_mut()?;
        let (drift, spent) = (replay.drift, step.spent);
        let anew = drift != Drift::Fail;
        if replay.derived.get(&step.call).is_some_and(|derived| derived.ended == step.ended) {
            let mut derived = replay.derived.remove(&step.call)?;
            self.budget.spent = spent;
            if anew {
                derived.tell(spent, effects);
            }
            return derived.ready.map(|ready| ready.with_spent(spent));
        }
        match self.calls.get(&step.call) {
            Some(call) if step.ended && !matches!(call.kind, CallState::Child { .. }) => {
                self.budget.spent = spent;
                return self.recorded_end(step.call, anew, effects).map(|ready| ready.with_spent(spent));
            }
            // The script has withdrawn it in the same way as it did before.
            None if step.call.0 < self.next_call => {}
            _ if drift == Drift::Prefix => replay.cut(step.call),
            call => {
                let error = match call.and_then(|call| call.mark.as_deref()) {
                    Some(mark) => not_ended(step.call, mark),
                    None => drifted(step.call, replay.calls.get(step.call).map(|call| &call.mark), None),
                };
                self.diverge(error, effects);
            }
        }
        None
    }

    /// All of the journal was shown, and the script that saw the last of it has run: the run goes on.
    fn end_replay(&mut self, effects: &mut Vec<Effect>) {
        if self.is_exact()
            && let Some(error) = self.not_asked()
        {
            return self.diverge(error, effects);
        }
        if !self.is_exact() && self.marker.is_some() {
            effects.push(Effect::Record(Box::new(Record::Replayed)));
        }
        let mut timers = self.leave_replay(effects);
        // Of sleeps that are over by now, the one whose time came first ends first.
        timers.sort_by_key(|(call, _)| self.sleeps_until(*call).unwrap_or(u64::MAX));
        self.tell_exhaustion(effects);
        self.start_recorded();
        self.start_recorded_sleeps(effects);
        for (call, delay) in timers {
            self.start_timer(call, delay, effects);
        }
        self.fill_slots(effects);
    }

    /// Forgets the journal, and puts in line what came about while it was shown. The timers that were set aside are
    /// given back.
    pub(super) fn leave_replay(&mut self, effects: &mut Vec<Effect>) -> Vec<(CallId, Duration)> {
        let Some(replay) = self.replay.take() else { return Vec::new() };
        // A script that is cancelled, or was, says other things than before.
        self.notes_told = 0;
        let given_up = std::mem::take(&mut self.given_up);
        if self.phase != Phase::Running
            && let Some(last) = replay.calls.0.back().map(|(id, _)| id).into_iter().chain(&given_up).max()
        {
            // And asks for other things, which must not be taken for what the journal calls by the same numbers.
            self.next_call = self.next_call.max(last.0 + 1);
        }
        self.budget.spent = self.budget.spent.max(self.restored);
        let spent = self.budget.spent;
        let told: FxHashSet<(CallId, bool)> = match replay.drift {
            Drift::Fail => replay.steps.iter().map(|step| (step.call, step.ended)).collect(),
            Drift::Prefix | Drift::Match => FxHashSet::default(),
        };
        let mut derived: Vec<(CallId, Derived)> = replay.derived.into_iter().collect();
        derived.sort_unstable_by_key(|(_, derived)| derived.order);
        for (call, mut derived) in derived {
            if !told.contains(&(call, derived.ended)) {
                derived.tell(spent, effects);
            }
            self.ready.extend(derived.ready.map(|ready| ready.with_spent(spent)));
        }
        replay.timers
    }

    /// Before the end of a child is told that nobody waits for any more: tells that it began, if the journal does not.
    pub(super) fn tell_derived(&mut self, call: CallId, effects: &mut Vec<Effect>) {
        let spent = self.budget.spent;
        if let Some(replay) = &mut self.replay
            && replay.derived.contains_key(&call)
            && !replay.steps.iter().any(|step| step.call == call)
            && let Some(mut derived) = replay.derived.remove(&call)
        {
            derived.tell(spent, effects);
        }
    }

    /// Whether the workflow ends although the journal tells of calls that it has not made, or that it makes with its
    /// very last words, the first of which is `first`, so that it cannot have waited for them. The run is over then.
    pub(super) fn ends_too_early(&mut self, first: CallId, effects: &mut Vec<Effect>) -> bool {
        if !self.is_exact() {
            return false;
        }
        let error = self.not_asked().or_else(|| {
            let steps = &self.replay.as_ref()?.steps;
            steps.iter().filter(|step| step.ended && step.call >= first).find_map(|step| {
                let call = self.calls.get(&step.call)?;
                let takes_time = match &call.kind {
                    // One that was refused had its outcome at once.
                    CallState::Agent(agent) => agent.attempts() > 0,
                    CallState::Timer { .. } => true,
                    CallState::Sleep(sleep) => sleep.takes_time(),
                    CallState::Child { .. } => false,
                };
                call.mark.as_deref().filter(|_| takes_time).map(|mark| not_awaited(step.call, mark))
            })
        });
        error.map(|error| self.diverge(error, effects)).is_some()
    }

    /// The first recorded call that the script was to make by now, and has not made.
    fn not_asked(&self) -> Option<ErrorData> {
        let (id, call) = self.replay.as_ref()?.calls.0.front()?;
        Some(drifted(*id, Some(&call.mark), None))
    }

    /// The run cannot go on from its journal. Its state stays what it is.
    fn diverge(&mut self, error: ErrorData, effects: &mut Vec<Effect>) {
        effects.push(Effect::Diverged(WorkflowError::Replay { error }));
        self.phase = Phase::Over;
        self.replay = None;
        self.calls.clear();
        self.scripts.clear();
        self.ready.clear();
        self.waiting.clear();
    }
}

impl Derived {
    /// Tells the news, with what a script is shown to have been spent.
    fn tell(&mut self, shown: f64, effects: &mut Vec<Effect>) {
        for news in &mut self.news {
            if let Effect::Record(record) = news {
                match &mut **record {
                    Record::Begun { spent, .. } | Record::Ended { spent, .. } => *spent = shown,
                    _ => {}
                }
            }
        }
        effects.append(&mut self.news);
    }
}

#[cfg(test)]
mod tests;
