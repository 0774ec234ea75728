//! The parts of a journal: each begins where a run was taken up anew, and with it the numbers of its calls.
//!
//! Whoever keeps journals reads them with this, entry by entry. The newest part is what a run goes on from. Of the parts
//! before it counts what it was to take over and had not come to: those answers are paid for. Which of them it has taken
//! is not written, it follows: equal calls take what there is in order; one that has ended and never began was given an
//! answer, any other one was given none.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::model::ids::CallId;
use crate::model::recording::{
    Drift, Earlier, Fingerprint, Mark, Past, RecordedCall, RecordedEnd, RecordedKind, Recording,
};

/// What one part of a journal tells of.
struct Part {
    recording: Recording,
    /// Where its calls are.
    places: FxHashMap<u64, usize>,
    /// The run is being cancelled.
    cancelled: bool,
}

impl Default for Part {
    fn default() -> Self {
        // Whoever takes it up says how.
        Self { recording: Recording::new(Drift::Fail), places: FxHashMap::default(), cancelled: false }
    }
}

/// Attempts of an earlier call, what came of them, and when it is over if it is a wait.
type Unanswered = (u32, Option<Box<Past>>, Option<u64>);

/// What calls that are equal to each other can be given, in their order.
#[derive(Default)]
struct Equal {
    answers: VecDeque<(u64, RecordedEnd)>,
    unanswered: VecDeque<(u64, Unanswered)>,
}

impl Equal {
    /// Takes what a call was given that got no answer: whatever stood before the first answer.
    fn take_unanswered(&mut self) {
        let answer = self.answers.front().map_or(u64::MAX, |(place, _)| *place);
        self.unanswered.pop_front_if(|(place, _)| *place < answer);
    }

    fn next(&mut self) -> Option<Earlier> {
        self.take_next().map(|(_, earlier)| earlier)
    }

    fn take_next(&mut self) -> Option<(u64, Earlier)> {
        let answer = self.answers.front().map_or(u64::MAX, |(place, _)| *place);
        if let Some((place, (attempts, past, until))) =
            self.unanswered.pop_front_if(|(place, _)| *place < answer)
        {
            return Some((place, Earlier::Unanswered { attempts, past, until }));
        }
        self.answers.pop_front().map(|(place, end)| (place, Earlier::Answer(end)))
    }
}

/// What the agent calls of a part can be given of earlier ones.
#[derive(Default)]
struct Reserve {
    equals: FxHashMap<Fingerprint, Equal>,
    added: u64,
}

impl Reserve {
    fn add(&mut self, fingerprint: Fingerprint, earlier: Earlier) {
        let place = self.added;
        self.added += 1;
        let equal = self.equals.entry(fingerprint).or_default();
        match earlier {
            Earlier::Answer(end) => equal.answers.push_back((place, end)),
            Earlier::Unanswered { attempts, past, until } => {
                equal.unanswered.push_back((place, (attempts, past, until)));
            }
        }
    }

    /// The reserve of the next part: what this part knows, then what it has left over.
    fn of(part: Part, left: Self) -> Self {
        let mut reserve = Self::default();
        let mut calls = part.recording.calls;
        calls.sort_by_key(|(id, _)| *id);
        for (_, call) in calls {
            if call.mark.kind.is_worth_taking() {
                reserve.add(call.mark.fingerprint, call.into());
            }
        }
        for (fingerprint, earlier) in left.into_list() {
            reserve.add(fingerprint, earlier);
        }
        reserve
    }

    fn into_list(self) -> Vec<(Fingerprint, Earlier)> {
        let mut list = Vec::new();
        for (fingerprint, mut equal) in self.equals {
            list.extend(std::iter::from_fn(|| equal.next()).map(|earlier| (fingerprint, earlier)));
        }
        list
    }
}

/// Reads a journal part by part.
#[derive(Default)]
pub struct Parts {
    part: Part,
    reserve: Reserve,
    /// What there was before a part that takes over the first calls, as long as it is not known that it has come to
    /// their end.
    before: Option<Box<(Part, Reserve)>>,
    spent: f64,
}

impl Parts {
    /// What the newest part tells of.
    pub fn newest(&mut self) -> &mut Recording {
        &mut self.part.recording
    }

    /// The newest part began when so much had been spent.
    pub fn began(&mut self, spent: f64) {
        self.part.recording.spent_before = spent;
        self.spent(spent);
    }

    /// So much had been spent.
    pub fn spent(&mut self, spent: f64) {
        self.spent = self.spent.max(spent);
    }

    /// The run was taken up: `anew` where a part begins; `from` is the first call that is done again whatever is known of
    /// it.
    pub fn resumed(&mut self, drift: Drift, anew: bool, from: Option<CallId>) {
        self.part.cancelled = false;
        if !anew {
            return self.replayed();
        }
        self.forget_unfinished();
        let mut part = std::mem::take(&mut self.part);
        let mut reserve = std::mem::take(&mut self.reserve);
        if let Some(from) = from {
            part.recording = part.recording.until(from);
            part.places.clear();
            reserve = Reserve::default();
        }
        match drift {
            Drift::Prefix => self.before = Some(Box::new((part, reserve))),
            Drift::Match | Drift::Fail => self.reserve = Reserve::of(part, reserve),
        }
    }

    /// A script has said something that is told.
    pub fn note(&mut self) {
        self.part.recording.notes += u64::from(!self.part.cancelled);
    }

    /// A call was told to have ended, and its outcome is not written: it was given up.
    pub fn given_up(&mut self, call: CallId) {
        // Those that end because the run is cancelled go on when it does.
        if !self.part.cancelled {
            self.part.recording.given_up.push(call);
        }
    }

    /// The run is being cancelled.
    pub fn cancelled(&mut self) {
        self.part.cancelled = true;
    }

    /// The newest part, if it takes over the first calls of another one, has come to their end.
    pub fn replayed(&mut self) {
        self.before = None;
    }

    /// A part that was to take over the first calls of another one and has not come to their end has done nothing new:
    /// it is as if it had not begun. Whether there was one.
    fn forget_unfinished(&mut self) -> bool {
        let before = self.before.take();
        let found = before.is_some();
        if let Some(before) = before {
            (self.part, self.reserve) = *before;
        }
        found
    }

    /// The place of a call among those of the newest part.
    fn place(&mut self, call: CallId, mark: Mark) -> usize {
        let calls = &mut self.part.recording.calls;
        *self.part.places.entry(call.0).or_insert_with(|| {
            calls.push((call, RecordedCall { mark, attempts: 0, past: None, until: None, end: None }));
            calls.len() - 1
        })
    }

    /// A call, or another attempt of it, begins; with what it has behind it, if that is to be known from here.
    pub fn begun(&mut self, call: CallId, attempt: u32, past: Option<Box<Past>>, mark: Mark) {
        let place = self.place(call, mark);
        let (_, recorded) = &mut self.part.recording.calls[place];
        recorded.past = past.or(recorded.past.take());
        let is_first = std::mem::replace(&mut recorded.attempts, attempt) == 0;
        let kind = recorded.mark.kind;
        if kind.is_worth_taking()
            && is_first
            && let Some(equal) = self.reserve.equals.get_mut(&recorded.mark.fingerprint)
        {
            equal.take_unanswered();
        }
        // No agent begins as long as there is something to be taken over.
        if kind == RecordedKind::Agent {
            self.replayed();
        }
    }

    /// A wait that has begun ends then.
    pub fn waits(&mut self, call: CallId, until: u64) {
        if let Some(place) = self.part.places.get(&call.0) {
            self.part.recording.calls[*place].1.until = Some(until);
        }
    }

    /// An attempt has ended, and its call is not over.
    pub fn attempted(&mut self, call: CallId, past: Box<Past>) {
        if let Some(place) = self.part.places.get(&call.0) {
            self.part.recording.calls[*place].1.past = Some(past);
        }
    }

    /// A call has an outcome.
    pub fn ended(&mut self, call: CallId, end: RecordedEnd, mark: Mark) {
        let place = self.place(call, mark);
        let (_, recorded) = &mut self.part.recording.calls[place];
        if recorded.mark.kind.is_worth_taking()
            && recorded.attempts == 0
            && let Some(equal) = self.reserve.equals.get_mut(&recorded.mark.fingerprint)
        {
            if end.is_usable() {
                drop(equal.answers.pop_front());
            } else {
                equal.take_unanswered();
            }
        }
        recorded.end = Some(end);
    }

    /// What a run goes on from.
    pub fn into_recording(mut self, drift: Drift) -> Recording {
        let unfinished = self.forget_unfinished();
        let mut recording = self.part.recording;
        recording.calls.sort_by_key(|(id, _)| *id);
        recording.spent = self.spent;
        recording.drift = match drift {
            Drift::Fail if unfinished => Drift::Prefix,
            drift => drift,
        };
        if recording.drift != Drift::Prefix {
            recording.reserve = self.reserve.into_list();
        }
        recording
    }
}
