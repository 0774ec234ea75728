//! The journal of one run: what happens is written, then told; what a later replay needs is written beside it.
//!
//! Scripts are shown nothing that is not written. Everything else goes on meanwhile. A store that is busy or full is
//! asked again, in order, until it takes what there is or somebody else owns the run.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::clock;
use crate::model::budget::BudgetState;
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::event::Event;
use crate::model::ids::CallId;
use crate::model::journal::{Batch, Entry, Lease, RunPatch, RunStatus, UsageTotals};
use crate::model::json::JsonText;
use crate::model::recording::{
    About, Drift, Fingerprint, Mark, Record, RecordedCall, RecordedEnd, RecordedKind, RecordedStep, Recording,
};
use crate::model::store::StoreError;
use crate::store::{Pending, Store};

/// Where a journal begins anew: what stands before it was taken over or left behind.
const RESUMED: &str = "run.resumed";

/// How long a store may refuse what there is to write, before the run gives up and can be resumed later.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// An event with its place in the journal.
pub(super) type Told = (u64, u64, Event);

/// The journal of a run that this process owns.
pub(super) struct Journal {
    store: Arc<dyn Store>,
    lease: Lease,
    next_seq: u64,
    batch: Batch,
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
            told: Vec::new(),
            written: VecDeque::new(),
            handed: 0,
            acknowledged: 0,
            rest: None,
            wait: FIRST_WAIT,
            waited: Duration::ZERO,
        }
    }

    /// What changes in the row of a run that is taken up: written together with what is noted first.
    #[must_use]
    pub(super) fn taking_up(mut self, patch: RunPatch) -> Self {
        self.batch.patch = Some(patch);
        self
    }

    /// Notes an event.
    pub(super) fn event(&mut self, event: Event) {
        let entry = Entry { seq: self.next_seq, ..entry_of(&event) };
        self.told.push((entry.seq, entry.at, event));
        self.push(entry);
    }

    /// Notes what a replay needs: with the event of the same call that was noted last, else by itself.
    pub(super) fn record(&mut self, record: &Record) {
        let (call, body) = written(record);
        let last = self.batch.entries.last_mut().filter(|entry| entry.call == Some(call.0));
        match last.filter(|entry| !entry.body.as_str().contains("\"record\":")) {
            Some(entry) => {
                let event = entry.body.as_str();
                // An event is an object with a type at least, so something stands before its last brace.
                let open = event.strip_suffix('}').unwrap_or(event);
                entry.body = JsonText::new(format!("{open},\"record\":{body}}}"));
            }
            // Nobody is told of timers otherwise. An event, so that those who watch miss no number.
            None => {
                self.event(Event::Timer { call });
                self.record(record);
            }
        }
    }

    /// Notes the script of a child as it is, for the lives to come.
    pub(super) fn script(&mut self, call: CallId, name: Arc<str>, snapshot: &JsonText) {
        self.event(Event::Script { call, name });
        if let Some(entry) = self.batch.entries.last_mut() {
            let event = entry.body.as_str();
            let open = event.strip_suffix('}').unwrap_or(event);
            entry.body = JsonText::new(format!("{open},\"snapshot\":{}}}", snapshot.as_str()));
        }
    }

    fn push(&mut self, entry: Entry) {
        self.batch.entries.push(Entry { seq: self.next_seq, ..entry });
        self.next_seq += 1;
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
        if self.batch.entries.is_empty() && self.batch.patch.is_none() {
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
        self.written.is_empty() && self.batch.entries.is_empty() && self.batch.patch.is_none()
    }

    /// How many batches were handed over.
    pub(super) fn handed(&self) -> u64 {
        self.handed
    }

    /// How many of them are written.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Waits for the next batch to be written, and gives its events. Never, if there is none.
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
                    return Ok(self.written.pop_front().map(|written| written.told).unwrap_or_default());
                }
                Err(error) => error,
            };
            // Those behind it were refused with it, or do not follow upon what is there.
            for written in &mut self.written {
                written.pending = None;
            }
            if !may_pass(&error) || self.waited > PATIENCE {
                return Err(error);
            }
            self.rest = Some(Box::pin(clock::sleep(self.wait)));
            self.waited += self.wait;
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
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

/// Whether the store may take it later.
fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Busy { .. } | StoreError::Full { .. } | StoreError::Locked { .. } | StoreError::Io { .. }
    )
}

/// A record as JSON.
fn written(record: &Record) -> (CallId, String) {
    match record {
        Record::Begun { call, mark, spent } => {
            let body = json!({
                "kind": mark.kind, "begun": true, "fp": mark.fingerprint.to_string(), "about": &*mark.about, "spent": spent,
            });
            (*call, body.to_string())
        }
        Record::Ended { call, mark, outcome, failed, charged, spent } => {
            let mut body = json!({
                "kind": mark.kind, "fp": mark.fingerprint.to_string(), "failed": failed, "charged": charged, "spent": spent,
            });
            let told = matches!(mark.kind, RecordedKind::Agent | RecordedKind::Sleep);
            if let Some(about) = told.then_some(&*mark.about) {
                body["about"] = json!(about);
            }
            if let Err(error) = outcome {
                body["error"] = json!(error);
            }
            let mut text = body.to_string();
            // The value as the script will see it, whatever is in it.
            if let (Ok(Some(value)), false) = (outcome, mark.kind == RecordedKind::Child) {
                text.pop();
                text.push_str(",\"value\":");
                text.push_str(value.as_str());
                text.push('}');
            }
            (*call, text)
        }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    record: Option<RecordBody<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(rename = "sessionId")]
    session_id: Option<String>,
    attempt: Option<u32>,
    until: Option<u64>,
    code: Option<Cow<'a, str>>,
    anew: Option<bool>,
}

#[derive(Deserialize)]
struct RecordBody<'a> {
    kind: RecordedKind,
    #[serde(default)]
    begun: bool,
    fp: Cow<'a, str>,
    #[serde(default)]
    about: About,
    #[serde(default)]
    failed: bool,
    #[serde(default)]
    charged: f64,
    #[serde(default)]
    spent: f64,
    error: Option<ErrorData>,
    /// Absent for `undefined`, which `null` is not.
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Makes of the entries of a journal what a run goes on from. `until` leaves out that call and all that came after.
///
/// # Errors
/// An entry that this engine has not written.
pub(super) fn recording(entries: &[Entry], drift: Drift) -> Result<Recording, StoreError> {
    let mut recording =
        Recording { drift, calls: Vec::new(), steps: Vec::new(), notes: 0, spent: 0.0, from: None };
    let mut places: rustc_hash::FxHashMap<u64, usize> = rustc_hash::FxHashMap::default();
    for entry in entries {
        let body: Body<'_> =
            serde_json::from_str(entry.body.as_str()).map_err(|error| StoreError::Corrupt {
                path: std::path::PathBuf::new(),
                message: format!("entry {} of the journal cannot be read: {error}", entry.seq),
            })?;
        match &*entry.kind {
            "log" | "phase" => recording.notes += 1,
            "warning" if body.code.as_deref().is_some_and(is_note) => recording.notes += 1,
            RESUMED if body.anew == Some(true) => {
                recording = Recording {
                    drift,
                    calls: Vec::new(),
                    steps: Vec::new(),
                    notes: 0,
                    spent: 0.0,
                    from: None,
                };
                places.clear();
                continue;
            }
            _ => {}
        }
        let (Some(call), Some(record)) = (entry.call, body.record) else {
            if let (Some(call), Some(attempt)) = (entry.call.and_then(|call| places.get(&call)), body.attempt)
            {
                recording.calls[*call].1.attempts = attempt;
            }
            continue;
        };
        recording.spent = recording.spent.max(record.spent);
        let id = CallId(call);
        let place = *places.entry(call).or_insert_with(|| {
            let fingerprint = Fingerprint::parse(&record.fp).unwrap_or(Fingerprint(0));
            let mark = Mark { kind: record.kind, fingerprint, about: Arc::new(record.about.clone()) };
            recording.calls.push((id, RecordedCall { mark, attempts: 0, until: None, end: None }));
            recording.calls.len() - 1
        });
        if record.begun {
            recording.calls[place].1.attempts = body.attempt.unwrap_or(0);
            recording.calls[place].1.until = body.until;
            if record.kind == RecordedKind::Child {
                recording.steps.push(RecordedStep { call: id, ended: false, spent: record.spent });
            }
            continue;
        }
        recording.steps.push(RecordedStep { call: id, ended: true, spent: record.spent });
        let outcome = match (record.error, record.value) {
            (Some(error), _) => Err(error),
            (None, Some(value)) => Ok(Some(JsonText::new(value.get()))),
            (None, None) => Ok(None),
        };
        recording.calls[place].1.end = Some(RecordedEnd {
            outcome,
            failed: record.failed,
            charged: record.charged,
            usage: body.usage.map(|usage| JsonText::new(usage.get())),
            session: body.session_id,
        });
    }
    Ok(recording)
}

/// The part of a journal by which calls have their numbers: what follows upon the last new beginning.
pub(super) fn newest(entries: &[Entry]) -> &[Entry] {
    let begins = |entry: &Entry| {
        entry.kind == RESUMED
            && serde_json::from_str(entry.body.as_str()).is_ok_and(|body: Body<'_>| body.anew == Some(true))
    };
    &entries[entries.iter().rposition(begins).map_or(0, |at| at + 1)..]
}

/// Warnings that scripts cause, told again by a script that does the same again.
fn is_note(code: &str) -> bool {
    matches!(code, "WARN_LOG_DROPPED" | "WARN_UNHANDLED_REJECTION")
}

/// An entry as whoever watches sees it: without what only replays need.
pub fn shown(entry: &Entry) -> Option<Value> {
    let Ok(Value::Object(mut body)) = entry.body.parse() else { return None };
    body.shift_remove("record");
    body.shift_remove("snapshot");
    // Timers had no type in the first journals.
    body.entry("type").or_insert_with(|| Value::from(&*entry.kind));
    Some(Value::Object(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Outcome;

    fn mark(kind: RecordedKind) -> Mark {
        let about =
            About { label: Some("l".to_owned()), fields: vec![("prompt".to_owned(), "\"p\"".to_owned())] };
        Mark { kind, fingerprint: Fingerprint(7), about: Arc::new(about) }
    }

    fn entry(seq: u64, kind: &'static str, call: Option<u64>, body: String) -> Entry {
        Entry { seq, at: 0, kind: Cow::Borrowed(kind), call, body: JsonText::new(body) }
    }

    #[test]
    fn what_is_written_of_a_call_is_read_back() {
        let outcomes: [Outcome; 4] = [
            Ok(None),
            Ok(Some(JsonText::new("null"))),
            Ok(Some(JsonText::new(r#"{"b":1,"a":"\ud83d"}"#))),
            Err(ErrorData::new("RangeError", "no").with_code("ERR_X")),
        ];
        for outcome in outcomes {
            let begun = Record::Begun { call: CallId(3), mark: mark(RecordedKind::Agent), spent: 1.0 };
            let ended = Record::Ended {
                call: CallId(3),
                mark: mark(RecordedKind::Agent),
                outcome: outcome.clone(),
                failed: outcome.is_err(),
                charged: 2.0,
                spent: 3.0,
            };
            let entries = [
                entry(1, "log", None, r#"{"type":"log"}"#.to_owned()),
                entry(
                    2,
                    "call.started",
                    Some(3),
                    format!(r#"{{"attempt":2,"record":{}}}"#, written(&begun).1),
                ),
                entry(
                    3,
                    "call.ended",
                    Some(3),
                    format!(r#"{{"usage":{{"x":1}},"sessionId":"s","record":{}}}"#, written(&ended).1),
                ),
            ];
            let unfinished = recording(&entries[..2], Drift::Fail).unwrap();
            assert_eq!((unfinished.calls[0].1.attempts, &unfinished.calls[0].1.end), (2, &None));
            let found = recording(&entries, Drift::Fail).unwrap();
            assert_eq!((found.notes, found.spent, found.calls.len()), (1, 3.0, 1));
            let (id, call) = &found.calls[0];
            assert_eq!((*id, &call.mark), (CallId(3), &mark(RecordedKind::Agent)));
            let end = call.end.clone().unwrap();
            assert_eq!((end.outcome, end.charged, end.session.as_deref()), (outcome, 2.0, Some("s")));
            assert_eq!(found.steps, [RecordedStep { call: CallId(3), ended: true, spent: 3.0 }]);
        }
    }

    #[test]
    fn the_end_of_a_sleep_is_read_back_from_its_beginning() {
        let (call, script) = (CallId(0), crate::model::ids::VmId::ROOT);
        let info = crate::model::event::CallInfo::sleep();
        let event =
            Event::CallStarted { call, script, attempt: 1, continues: None, until: Some(1_500), info };
        let begun = Record::Begun { call, mark: mark(RecordedKind::Sleep), spent: 0.0 };
        let mut body = serde_json::to_value(&event).unwrap();
        body["record"] = serde_json::from_str(&written(&begun).1).unwrap();
        let found = recording(&[entry(1, "call.started", Some(0), body.to_string())], Drift::Fail).unwrap();
        let [(CallId(0), sleep)] = &found.calls[..] else { panic!("{found:?}") };
        assert_eq!((&sleep.mark, sleep.until, &sleep.end), (&mark(RecordedKind::Sleep), Some(1_500), &None));
        assert_eq!(found.steps, []);
    }

    #[test]
    fn what_stands_before_a_new_beginning_does_not_count() {
        let begun = Record::Begun { call: CallId(0), mark: mark(RecordedKind::Child), spent: 0.0 };
        let child =
            |seq| entry(seq, "call.started", Some(0), format!(r#"{{"record":{}}}"#, written(&begun).1));
        let resumed = |anew| entry(2, RESUMED, None, format!(r#"{{"drift":"match","anew":{anew}}}"#));
        let steps = |entries: &[Entry]| recording(entries, Drift::Fail).unwrap().steps.len();
        assert_eq!(steps(&[child(1), resumed(false), child(3)]), 2);
        assert_eq!(steps(&[child(1), resumed(true), child(3)]), 1);
        assert_eq!(steps(&[child(1), resumed(true)]), 0);
    }

    #[test]
    fn a_damaged_entry_is_named() {
        let error = recording(&[entry(9, "log", None, "{".to_owned())], Drift::Fail).unwrap_err();
        assert!(error.to_string().contains("entry 9"), "{error}");
    }
}
