//! The journal of one run: what happens is written, then told; what a later replay needs is written beside it, and
//! `read` finds it there.
//!
//! Scripts are shown nothing that is not written. Everything else goes on meanwhile. A store that is busy or full is
//! asked again, in order, until it takes what there is or somebody else owns the run.

pub mod read;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::clock;
use super::processes;
use crate::model::budget::BudgetState;
use crate::model::error::WorkflowError;
use crate::model::event::Event;
use crate::model::ids::CallId;
use crate::model::journal::{Batch, Entry, Lease, RawOutput, RunPatch, RunStatus, UsageTotals};
use crate::model::json::JsonText;
use crate::model::recording::{Past, Record, RecordedKind};
use crate::model::store::StoreError;
use crate::providers::process::Notebook;
use crate::store::{Pending, Store};

/// How long a store may refuse what there is to write, before the run gives up and can be resumed later: where somebody
/// wants it to end, and where it is not known that the store will ever be back.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so long somebody should know that the run waits for its store.
const SILENCE: Duration = Duration::from_secs(2);
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// So much of what agents have printed is written in one piece, in bytes, where many end at once: other processes wait for
/// it.
const PIECE: usize = 4 << 20;

/// An event with its place in the journal.
pub(super) type Told = (u64, u64, Event);

/// The journal of a run that this process owns.
pub(super) struct Journal {
    store: Arc<dyn Store>,
    lease: Lease,
    next_seq: u64,
    batch: Batch,
    /// There is a record in its last entry.
    has_record: bool,
    /// The events of the batch.
    told: Vec<Told>,
    /// What was handed over and is not acknowledged, in order.
    written: VecDeque<Written>,
    handed: u64,
    acknowledged: u64,
    /// The store has refused, and is asked again after this.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    wait: Duration,
    waited: Duration,
    /// What agents print is kept: where the attempts under way have begun, by their calls.
    attempts: Option<FxHashMap<CallId, Attempt>>,
    /// Somebody wants the run to end.
    hurried: bool,
    /// It was said that the run waits for its store.
    complained: bool,
    complaint: Option<Event>,
}

/// An attempt under way, by the entry that tells of its beginning.
#[derive(Clone, Copy)]
struct Attempt {
    seq: u64,
    number: u32,
}

struct Written {
    batch: Batch,
    told: Vec<Told>,
    pending: Option<Pending<()>>,
}

impl Journal {
    pub(super) fn new(store: Arc<dyn Store>, lease: Lease, last_seq: u64) -> Self {
        Self {
            store,
            lease,
            next_seq: last_seq + 1,
            batch: Batch::default(),
            has_record: false,
            told: Vec::new(),
            written: VecDeque::new(),
            handed: 0,
            acknowledged: 0,
            rest: None,
            wait: FIRST_WAIT,
            waited: Duration::ZERO,
            attempts: None,
            hurried: false,
            complained: false,
            complaint: None,
        }
    }

    /// What changes in the row of a run that is taken up: written together with what is noted first.
    #[must_use]
    pub(super) fn taking_up(mut self, patch: RunPatch) -> Self {
        self.batch.patch = Some(patch);
        self
    }

    /// Keeps what agents print beside what they answer.
    #[must_use]
    pub(super) fn keeping_output(mut self, keep: bool) -> Self {
        self.attempts = keep.then(FxHashMap::default);
        self
    }

    /// Whether it does.
    pub(super) fn keeps_output(&self) -> bool {
        self.attempts.is_some()
    }

    /// Notes what an agent has printed in the attempt of that call that is over now: written with what comes of it.
    pub(super) fn output(&mut self, call: CallId, raw: JsonText) {
        let attempt = self.attempts.as_mut().and_then(|attempts| attempts.remove(&call));
        // Of an attempt that nobody has begun, nobody has asked for it.
        let Some(Attempt { seq, number }) = attempt else { return };
        // What was noted before is complete.
        if self.batch.outputs.iter().map(|output| output.raw.len()).sum::<usize>() >= PIECE {
            self.flush();
        }
        let at = clock::now_ms();
        self.batch.outputs.push(RawOutput { seq, call: call.0, attempt: number, at, raw });
    }

    /// The number of the last entry that was noted.
    pub(super) fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// From now on the store has a minute, whatever stands in its way.
    pub(super) fn hurry(&mut self) {
        if !std::mem::replace(&mut self.hurried, true) {
            self.waited = Duration::ZERO;
        }
    }

    /// Whether the store has refused what there is to write, and not yet taken it. Nothing new should begin then: what
    /// comes of it could be lost.
    pub(super) fn is_refused(&self) -> bool {
        !self.waited.is_zero()
    }

    /// That the run waits for its store, if that is to be told. It cannot be written.
    pub(super) fn complaint(&mut self) -> Option<Event> {
        self.complaint.take()
    }

    /// Notes an event.
    pub(super) fn event(&mut self, event: Event) {
        let entry = Entry { seq: self.next_seq, ..entry_of(&event) };
        if let Some(attempts) = &mut self.attempts {
            match &event {
                Event::CallStarted { call, attempt, .. } => {
                    attempts.insert(*call, Attempt { seq: self.next_seq, number: *attempt });
                }
                Event::CallEnded { call, .. } => drop(attempts.remove(call)),
                _ => {}
            }
        }
        self.told.push((entry.seq, entry.at, event));
        self.push(entry);
    }

    /// Notes what a replay needs: with the event of the same call that was noted last, else by itself.
    pub(super) fn record(&mut self, record: &Record) {
        let (call, body) = match record {
            Record::Replayed => return self.event(Event::RunReplayed),
            Record::Cancelled => return self.event(Event::RunCancelling),
            // It stands in the event that says so.
            Record::Began { spent } => (None, json!({ "spent": spent }).to_string()),
            record => written(record).map(|(call, body)| (Some(call.0), body)).unwrap_or_default(),
        };
        let last = self.batch.entries.last_mut().filter(|entry| entry.call == call);
        match last.filter(|_| !self.has_record) {
            Some(entry) => {
                self.has_record = true;
                // An event is an object with a type at least, so something stands before its last brace.
                entry.body = with(entry.body.as_str(), "record", &body);
            }
            // Nobody is told of these otherwise. Events, so that those who watch miss no number.
            None => {
                let Some(call) = call else { return };
                let call = CallId(call);
                self.event(match record {
                    Record::Attempted { .. } => Event::CallAttempted { call },
                    _ => Event::Timer { call },
                });
                self.record(record);
            }
        }
    }

    /// Notes the script of a child as it is, for the lives to come.
    pub(super) fn script(&mut self, call: CallId, name: Arc<str>, snapshot: &JsonText) {
        self.event(Event::Script { call, name });
        if let Some(entry) = self.batch.entries.last_mut() {
            entry.body = with(entry.body.as_str(), "snapshot", snapshot.as_str());
        }
    }

    fn push(&mut self, entry: Entry) {
        self.batch.entries.push(Entry { seq: self.next_seq, ..entry });
        self.next_seq += 1;
        self.has_record = false;
    }

    /// Notes how the run ends, and gives it back.
    pub(super) fn finish(&mut self, result: &Result<Option<JsonText>, WorkflowError>, budget: BudgetState) {
        let (status, value, error) = match result {
            Ok(value) => (RunStatus::Completed, value.clone(), None),
            Err(WorkflowError::Cancelled { .. }) => (RunStatus::Cancelled, None, result.as_ref().err()),
            Err(error) => (RunStatus::Failed, None, Some(error)),
        };
        let error = error.map(|error| {
            JsonText::from_value(
                &json!({ "code": error.code(), "message": error.to_string(), "details": error.details() }),
            )
        });
        let patch = self.batch.patch.take().unwrap_or_default();
        self.batch.patch = Some(RunPatch {
            status: Some(status),
            result: Some(value),
            error: Some(error),
            usage: Some(UsageTotals { spent: budget.spent, report: None }),
            ..patch
        });
        self.batch.release = true;
    }

    /// Notes that the run waits until then and for nothing else, and gives it back.
    pub(super) fn suspend(&mut self, event: Event, wake_at: u64, budget: BudgetState) {
        let blocked_on = match &event {
            Event::RunSuspended { blocked_on, .. } => serde_json::to_value(blocked_on).unwrap_or_default(),
            _ => Value::Null,
        };
        self.event(event);
        let patch = self.batch.patch.take().unwrap_or_default();
        self.batch.patch = Some(RunPatch {
            status: Some(RunStatus::Suspended),
            blocked_on: Some(Some(JsonText::from_value(&blocked_on))),
            wake_at: Some(Some(wake_at)),
            usage: Some(UsageTotals { spent: budget.spent, report: None }),
            ..patch
        });
        self.batch.release = true;
    }

    /// Hands over what was noted. Must come before every wait.
    pub(super) fn flush(&mut self) {
        if self.has_nothing_noted() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.at = clock::now_ms();
        // While the store rests, what comes queues up behind what was refused.
        let pending = self.rest.is_none().then(|| self.store.append(&self.lease, batch.clone()));
        self.handed += 1;
        let told = std::mem::take(&mut self.told);
        self.written.push_back(Written { batch, told, pending });
    }

    /// Whether all that was noted is written.
    pub(super) fn is_written(&self) -> bool {
        self.written.is_empty() && self.has_nothing_noted()
    }

    fn has_nothing_noted(&self) -> bool {
        let Batch { entries, outputs, patch, .. } = &self.batch;
        entries.is_empty() && outputs.is_empty() && patch.is_none()
    }

    /// How many batches were handed over.
    pub(super) fn handed(&self) -> u64 {
        self.handed
    }

    /// How many of them are written.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Waits for the next batch to be written, and gives its events; none if there is a complaint instead. Never, if there
    /// is nothing to write.
    ///
    /// A store that is full, locked or busy will be back, and what waits for it is paid for: there is no end to that, unless
    /// somebody wants the run to end.
    ///
    /// # Errors
    /// Somebody else owns the run, or the store has refused for too long. Nothing that was acknowledged is lost.
    pub(super) async fn acknowledge(&mut self) -> Result<Vec<Told>, StoreError> {
        loop {
            if let Some(rest) = &mut self.rest {
                rest.await;
                self.rest = None;
                for written in &mut self.written {
                    written.pending = Some(self.store.append(&self.lease, written.batch.clone()));
                }
            }
            let pending = self.written.front_mut().and_then(|first| first.pending.as_mut());
            let Some(pending) = pending else { return std::future::pending().await };
            let error = match pending.await {
                Ok(()) => {
                    self.acknowledged += 1;
                    (self.wait, self.waited) = (FIRST_WAIT, Duration::ZERO);
                    self.complained = false;
                    return Ok(self.written.pop_front().map(|written| written.told).unwrap_or_default());
                }
                Err(error) => error,
            };
            // Those behind it were refused with it, or do not follow upon what is there.
            for written in &mut self.written {
                written.pending = None;
            }
            let ends = match hope(&error) {
                Hope::None => true,
                Hope::Some => self.waited > PATIENCE,
                Hope::Sure => self.hurried && self.waited > PATIENCE,
            };
            if ends {
                return Err(error);
            }
            self.rest = Some(Box::pin(clock::sleep(self.wait)));
            self.waited += self.wait;
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
            if self.waited > SILENCE && !self.complained {
                self.complained = true;
                let message =
                    format!("the run waits for its store: {error}; agents go on, and nothing is lost");
                self.complaint = Some(Event::Warning { code: "WARN_STORE_WAITS", message });
                return Ok(Vec::new());
            }
        }
    }

    /// Where the processes are written down that work for the run.
    pub(super) fn notebook(&self) -> Notebook {
        processes::notebook(&self.store, &self.lease)
    }

    /// Gives the run back as it is, for somebody to resume.
    pub(super) async fn release(self) {
        // Whoever takes it over does not need the lease to be given back, only time.
        drop(self.store.release(&self.lease, clock::now_ms()).await);
    }
}

/// An event as the entry of a journal that has no place yet.
pub(super) fn entry_of(event: &Event) -> Entry {
    let body = serde_json::to_string(event).unwrap_or_else(|_| "{}".to_owned());
    entry(event.kind(), event.call(), body)
}

fn entry(kind: &'static str, call: Option<u64>, body: String) -> Entry {
    Entry { seq: 0, at: clock::now_ms(), kind: Cow::Borrowed(kind), call, body: JsonText::new(body) }
}

/// Whether the store will take it later.
enum Hope {
    None,
    Some,
    Sure,
}

fn hope(error: &StoreError) -> Hope {
    match error {
        StoreError::Busy { .. } | StoreError::Full { .. } | StoreError::Locked { .. } => Hope::Sure,
        StoreError::Io { .. } => Hope::Some,
        _ => Hope::None,
    }
}

/// A record of a call as JSON.
fn written(record: &Record) -> Option<(CallId, String)> {
    Some(match record {
        Record::Begun { call, mark, past, spent } => {
            let body = json!({
                "kind": mark.kind, "begun": true, "fp": mark.fingerprint.to_string(), "about": mark.told, "spent": spent,
            });
            let mut text = body.to_string();
            if let Some(past) = past {
                add(&mut text, "past", &as_json(past));
            }
            (*call, text)
        }
        Record::Attempted { call, past, spent } => {
            let mut text = json!({ "spent": spent }).to_string();
            add(&mut text, "past", &as_json(past));
            (*call, text)
        }
        Record::Ended { call, mark, outcome, failed, charged, spent } => {
            let mut body = json!({
                "kind": mark.kind, "fp": mark.fingerprint.to_string(), "failed": failed, "charged": charged, "spent": spent,
            });
            let told = matches!(mark.kind, RecordedKind::Agent | RecordedKind::Sleep);
            if told {
                body["about"] = json!(mark.told);
            }
            if let Err(error) = outcome {
                body["error"] = json!(error);
            }
            let mut text = body.to_string();
            // The value as the script will see it, whatever is in it.
            if let (Ok(Some(value)), false) = (outcome, mark.kind == RecordedKind::Child) {
                add(&mut text, "value", value.as_str());
            }
            (*call, text)
        }
        Record::Began { .. } | Record::Cancelled | Record::Replayed => return None,
    })
}

/// An object that has a member already, with one more.
fn with(object: &str, name: &str, value: &str) -> JsonText {
    let mut object = object.to_owned();
    add(&mut object, name, value);
    JsonText::new(object)
}

/// Puts a member at the end of an object that has one already, as it stands.
fn add(object: &mut String, name: &str, value: &str) {
    object.pop();
    object.push_str(",\"");
    object.push_str(name);
    object.push_str("\":");
    object.push_str(value);
    object.push('}');
}

fn as_json(past: &Past) -> String {
    // Plain data: there is nothing in it that JSON could not hold.
    serde_json::to_string(past).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests;
