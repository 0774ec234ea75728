//! Sleeps: waits of scripts that end at a time, whoever is at work on the run by then; and runs that have nothing else
//! left to wait for.
//!
//! The core has no clock: what time it is comes in before the requests that depend on it.

use std::time::Duration;

use super::replay::Recalled;
use super::{CallState, Core, Effect, Phase, cancelled};
use crate::model::duration;
use crate::model::error::ErrorData;
use crate::model::event::{Blocked, CallKind, Event};
use crate::model::ids::{CallId, Slot, VmId};
use crate::model::recording::{Asked, RecordedEnd};

/// JavaScript's whole numbers end here.
const LAST_TIME: u64 = (1 << 53) - 1;

/// One `sleep()` between its request and its end.
#[derive(Debug)]
pub(super) struct SleepCall {
    duration: Duration,
    /// When it is over, in milliseconds since 1970: that of the first wait, however often the run is resumed.
    until: u64,
    /// It is waited for.
    started: bool,
    /// The journal tells that it began.
    begun: bool,
    /// Whoever watches has heard of its end: the journal tells of it.
    told: bool,
    /// The end that the journal tells of.
    recorded: Option<Box<RecordedEnd>>,
}

impl SleepCall {
    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    pub(super) fn end_is_told(&self) -> bool {
        self.told
    }

    /// None, if it was refused.
    pub(super) fn attempts(&self) -> u32 {
        u32::from(self.started || self.begun)
    }

    /// Whether it has taken time, as far as the journal knows.
    pub(super) fn takes_time(&self) -> bool {
        self.recorded.as_ref().is_none_or(|end| !end.failed)
    }
}

impl Core {
    /// A script has called `sleep()`.
    pub(super) fn sleep_requested(
        &mut self,
        vm: VmId,
        slot: Slot,
        duration: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let mark = self.mark(Asked::Sleep(duration));
        let ms = u64::try_from(duration.as_millis()).unwrap_or(LAST_TIME);
        let until = self.now.saturating_add(ms).min(LAST_TIME);
        let sleep = SleepCall { duration, until, started: false, begun: false, told: false, recorded: None };
        let id = self.register(vm, slot, CallState::Sleep(Box::new(sleep)), mark);
        let exact = self.is_exact();
        // Taken from an older part of the journal, it begins in this one.
        let begun = exact && self.is_told_of(id);
        let given_up = self.is_given_up(id);
        let (end, known) = match self.recall(id, effects) {
            Recalled::Diverged => return,
            Recalled::Now(end) => return self.conclude(id, end.outcome, effects),
            Recalled::Later { end, until, .. } => (Some(end), until),
            Recalled::Unknown { until, .. } => (None, until),
        };
        let is_recorded = end.is_some();
        if let Some(sleep) = self.sleep(id) {
            sleep.until = known.unwrap_or(until);
            sleep.begun = begun && known.is_some();
            sleep.told = given_up || (exact && is_recorded);
            sleep.recorded = end.map(Box::new);
        }
        if is_recorded {
            return;
        }
        if let Some(refusal) = self.sleep_refusal(duration, known.is_some()) {
            return self.conclude(id, Err(refusal), effects);
        }
        // New waits begin when all of the journal was shown.
        if !self.hold_timer(id, duration) {
            self.start_sleep(id, effects);
        }
    }

    /// Why it cannot be waited so long, if so. One that has begun is not refused by an option that came later.
    fn sleep_refusal(&self, duration: Duration, begun: bool) -> Option<ErrorData> {
        if let Phase::Cancelling(reason) = self.phase {
            return Some(cancelled(reason));
        }
        let most = self.options.max_sleep.filter(|most| duration > *most && !begun)?;
        let message = format!(
            "sleep() for {} ({} ms) is longer than maxSleepMs allows, which is {} ({} ms)",
            duration::text(duration),
            duration.as_millis(),
            duration::text(most),
            most.as_millis(),
        );
        let hint = "a number counts milliseconds, not seconds; to wait for longer, raise maxSleepMs";
        Some(ErrorData::new("RangeError", message).with_code("ERR_SLEEP_LIMIT").with_hint(hint))
    }

    /// Begins the wait, if it is still wanted; from the journal, it only goes on.
    pub(super) fn start_sleep(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        let Some(sleep) = self.sleep(id) else { return };
        let (until, begun) = (sleep.until, sleep.begun);
        sleep.started = true;
        self.sleeping.insert((until, id));
        if !begun {
            let call = &self.calls[&id];
            if self.watched {
                let info = call.info();
                effects.push(Effect::Emit(Event::CallStarted {
                    call: id,
                    script: call.vm,
                    attempt: 1,
                    continues: None,
                    until: Some(until),
                    info,
                }));
            }
            effects.extend(self.begun_record(id));
        }
        effects.push(Effect::StartSleep { call: id, until });
    }

    /// Waits whose recorded ends will not be shown go on after all.
    pub(super) fn start_recorded_sleeps(&mut self, effects: &mut Vec<Effect>) {
        let is_left = |sleep: &SleepCall| sleep.recorded.is_some() && !sleep.started;
        let mut left: Vec<CallId> = Vec::new();
        for (id, call) in &mut self.calls {
            if let CallState::Sleep(sleep) = &mut call.kind
                && is_left(sleep)
            {
                sleep.recorded = None;
                sleep.told = false;
                left.push(*id);
            }
        }
        left.sort_unstable();
        for id in left {
            self.start_sleep(id, effects);
        }
    }

    /// When a wait is over that was asked for.
    pub(super) fn sleeps_until(&self, id: CallId) -> Option<u64> {
        match &self.calls.get(&id)?.kind {
            CallState::Sleep(sleep) => Some(sleep.until),
            _ => None,
        }
    }

    pub(super) fn sleep(&mut self, id: CallId) -> Option<&mut SleepCall> {
        match &mut self.calls.get_mut(&id)?.kind {
            CallState::Sleep(sleep) => Some(sleep),
            _ => None,
        }
    }

    /// The end of a call that the journal tells of; the outer `None` if the kind of the call has none of its own.
    pub(super) fn take_recorded(&mut self, id: CallId) -> Option<Option<Box<RecordedEnd>>> {
        if let Some(sleep) = self.sleep(id) {
            return Some(sleep.recorded.take());
        }
        self.take_recorded_answer(id)
    }

    /// A call is off the books: it keeps nothing awake any more, and nothing waits for its time.
    pub(super) fn forget_wait(&mut self, id: CallId, kind: &CallState) {
        match kind {
            CallState::Sleep(sleep) => drop(self.sleeping.remove(&(sleep.until, id))),
            CallState::Agent(_) | CallState::Timer { .. } => self.awake -= 1,
            CallState::Child { .. } => {}
        }
    }

    /// When something will happen by itself, if nothing can happen before: the run waits for sleeps and for nothing else.
    ///
    /// A timer of `setTimeout` keeps a run awake. The journal does not know when it began, so in a run that is put away
    /// and comes back it would begin anew each time.
    pub fn sleeps_only(&self) -> Option<u64> {
        let (until, _) = self.sleeping.first()?;
        let idle = self.phase == Phase::Running
            && self.awake == 0
            && self.busy.is_none()
            && self.ready.is_empty()
            && !self.is_replaying();
        idle.then_some(*until)
    }

    /// The sleeps under way, at most so many of them, the first to end first; and how many there are.
    pub fn blocked_on(&self, most: usize) -> (Vec<Blocked>, usize) {
        let blocked = self.sleeping.iter().take(most).map(|(until, call)| {
            let duration = match self.calls.get(call).map(|call| &call.kind) {
                Some(CallState::Sleep(sleep)) => sleep.duration,
                _ => Duration::ZERO,
            };
            let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            Blocked { what: CallKind::Sleep, call: *call, since: until.saturating_sub(ms), until: *until }
        });
        (blocked.collect(), self.sleeping.len())
    }
}
