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
use super::core::Parts;
use super::processes;
use crate::model::budget::BudgetState;
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::event::Event;
use crate::model::ids::CallId;
use crate::model::journal::{Batch, Entry, Lease, RunPatch, RunStatus, UsageTotals};
use crate::model::json::JsonText;
use crate::model::recording::{
    About, Drift, Fingerprint, Mark, Past, Record, RecordedEnd, RecordedKind, RecordedStep, Recording,
};
use crate::model::store::StoreError;
use crate::providers::process::Notebook;
use crate::store::{Pending, Store};

/// Where a journal begins anew: what stands before it was taken over or left behind.
const RESUMED: &str = "run.resumed";

/// The first calls of an earlier part were all taken over.
const REPLAYED: &str = "run.replayed";
/// The run is being cancelled from here on.
const CANCELLING: &str = "run.cancelling";

/// How long a store may refuse what there is to write, before the run gives up and can be resumed later: where somebody
/// wants it to end, and where it is not known that the store will ever be back.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so long somebody should know that the run waits for its store.
const SILENCE: Duration = Duration::from_secs(2);
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
    /// Somebody wants the run to end.
    hurried: bool,
    /// It was said that the run waits for its store.
    complained: bool,
    complaint: Option<Event>,
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
                let event = entry.body.as_str();
                // An event is an object with a type at least, so something stands before its last brace.
                let open = event.strip_suffix('}').unwrap_or(event);
                entry.body = JsonText::new(format!("{open},\"record\":{body}}}"));
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
            let event = entry.body.as_str();
            let open = event.strip_suffix('}').unwrap_or(event);
            entry.body = JsonText::new(format!("{open},\"snapshot\":{}}}", snapshot.as_str()));
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
                "kind": mark.kind, "begun": true, "fp": mark.fingerprint.to_string(), "about": &*mark.about, "spent": spent,
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
            if let Some(about) = told.then_some(&*mark.about) {
                body["about"] = json!(about);
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
    message: Option<Cow<'a, str>>,
    anew: Option<bool>,
    from: Option<u64>,
    drift: Option<Drift>,
    budget: Option<BudgetBody>,
}

#[derive(Deserialize)]
struct BudgetBody {
    total: Option<f64>,
}

#[derive(Deserialize)]
struct RecordBody<'a> {
    /// Absent where it tells of an attempt that has ended.
    kind: Option<RecordedKind>,
    #[serde(default)]
    begun: bool,
    #[serde(default)]
    fp: Cow<'a, str>,
    /// Needed once for each call, and so not read before.
    #[serde(borrow)]
    about: Option<&'a RawValue>,
    #[serde(default)]
    failed: bool,
    #[serde(default)]
    charged: f64,
    #[serde(default)]
    spent: f64,
    error: Option<ErrorData>,
    past: Option<Box<Past>>,
    /// Absent for `undefined`, which `null` is not.
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Makes of the entries of a journal what a run goes on from.
///
/// # Errors
/// An entry that this engine has not written.
pub(super) fn recording(entries: &[Entry], drift: Drift) -> Result<Recording, StoreError> {
    let mut parts = Parts::default();
    for entry in entries {
        let body: Body<'_> =
            serde_json::from_str(entry.body.as_str()).map_err(|error| corrupt(entry, &error.to_string()))?;
        match &*entry.kind {
            "log" | "phase" => parts.note(),
            "warning" => warned(&mut parts, &body),
            RESUMED => {
                let from = body.from.map(CallId);
                parts.resumed(body.drift.unwrap_or(Drift::Fail), body.anew == Some(true), from);
            }
            REPLAYED => parts.replayed(),
            CANCELLING => parts.cancelled(),
            "call.ended" if body.record.is_none() => parts.given_up(CallId(entry.call.unwrap_or(u64::MAX))),
            "budget.exhausted" => {
                parts.newest().exhausted = body.budget.and_then(|budget| budget.total);
            }
            _ => {}
        }
        let Some(record) = body.record else { continue };
        let Some(call) = entry.call else {
            parts.began(record.spent);
            continue;
        };
        let Body { attempt, until, usage, session_id: session, .. } = body;
        read(&mut parts, CallId(call), record, Known { attempt, until, usage, session });
    }
    Ok(parts.into_recording(drift))
}

/// The part of a journal by which calls have their numbers: what follows upon the last new beginning.
pub(super) fn newest(entries: &[Entry]) -> &[Entry] {
    let begins = |entry: &Entry| {
        entry.kind == RESUMED
            && serde_json::from_str(entry.body.as_str()).is_ok_and(|body: Body<'_>| body.anew == Some(true))
    };
    &entries[entries.iter().rposition(begins).map_or(0, |at| at + 1)..]
}

/// What the event of a record says, as far as it counts.
struct Known<'a> {
    attempt: Option<u32>,
    until: Option<u64>,
    usage: Option<&'a RawValue>,
    session: Option<String>,
}

/// Takes in one record of a call.
fn read(parts: &mut Parts, id: CallId, record: RecordBody<'_>, known: Known<'_>) {
    parts.spent(record.spent);
    let spent = record.spent;
    let Some(kind) = record.kind else {
        return parts.attempted(id, record.past.unwrap_or_default());
    };
    let mark = || {
        let fingerprint = Fingerprint::parse(&record.fp).unwrap_or(Fingerprint(0));
        // For people only: nothing depends on it.
        let about = record.about.and_then(|about| serde_json::from_str::<About>(about.get()).ok());
        Mark { kind, fingerprint, about: Arc::new(about.unwrap_or_default()) }
    };
    if record.begun {
        parts.begun(id, known.attempt.unwrap_or(0), record.past, mark);
        if let Some(until) = known.until {
            parts.waits(id, until);
        }
        if kind == RecordedKind::Child {
            parts.newest().steps.push(RecordedStep { call: id, ended: false, spent });
        }
        return;
    }
    let outcome = match (record.error, record.value) {
        (Some(error), _) => Err(error),
        (None, Some(value)) => Ok(Some(JsonText::new(value.get()))),
        (None, None) => Ok(None),
    };
    let end = RecordedEnd {
        outcome,
        failed: record.failed,
        charged: record.charged,
        usage: known.usage.map(|usage| JsonText::new(usage.get())),
        session: known.session,
    };
    parts.ended(id, end, mark);
    parts.newest().steps.push(RecordedStep { call: id, ended: true, spent });
}

fn corrupt(entry: &Entry, why: &str) -> StoreError {
    let message = format!("entry {} of the journal cannot be read: {why}", entry.seq);
    StoreError::Corrupt { path: std::path::PathBuf::new(), message }
}

/// Takes in a warning. Those of a script that does the same again come again, as what it logs does.
fn warned(parts: &mut Parts, body: &Body<'_>) {
    match body.code.as_deref() {
        Some("WARN_LOG_DROPPED" | "WARN_UNHANDLED_REJECTION") => parts.note(),
        Some("WARN_UNKNOWN_OPTION") => {
            parts.newest().warnings.extend(body.message.as_deref().map(str::to_owned));
        }
        _ => {}
    }
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
    use crate::model::event::{CallEnd, CallInfo};
    use crate::model::ids::VmId;
    use crate::model::outcome::Outcome;
    use crate::model::outcome::{Resume, SessionPlace};
    use crate::model::recording::Earlier;

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
            let begun =
                Record::Begun { call: CallId(3), mark: mark(RecordedKind::Agent), past: None, spent: 1.0 };
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
                    format!(r#"{{"attempt":2,"record":{}}}"#, written(&begun).unwrap().1),
                ),
                entry(
                    3,
                    "call.ended",
                    Some(3),
                    format!(
                        r#"{{"usage":{{"x":1}},"sessionId":"s","record":{}}}"#,
                        written(&ended).unwrap().1
                    ),
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
        let begun = Record::Begun { call, mark: mark(RecordedKind::Sleep), past: None, spent: 0.0 };
        let mut body = serde_json::to_value(&event).unwrap();
        body["record"] = serde_json::from_str(&written(&begun).unwrap().1).unwrap();
        let found = recording(&[entry(1, "call.started", Some(0), body.to_string())], Drift::Fail).unwrap();
        let [(CallId(0), sleep)] = &found.calls[..] else { panic!("{found:?}") };
        assert_eq!((&sleep.mark, sleep.until, &sleep.end), (&mark(RecordedKind::Sleep), Some(1_500), &None));
        assert_eq!(found.steps, []);
    }

    #[test]
    fn what_came_of_attempts_is_read_back() {
        let whole = Past {
            failures: 2,
            charged: 7.0,
            usage: Some(JsonText::new(r#"{"outputTokens":3,"x":"\ud83d"}"#)),
            session: Some("s".to_owned()),
            resume: Some(Resume {
                session: "s".to_owned(),
                total: Some(JsonText::new(r#"{"a":[1]}"#)),
                place: Some(SessionPlace { provider: "codex".to_owned(), folder: Some("/w".to_owned()) }),
            }),
            repair: Some(vec!["/ must be object".to_owned()]),
        };
        let begun = |attempt: u32, past| {
            let record = Record::Begun { call: CallId(3), mark: mark(RecordedKind::Agent), past, spent: 1.0 };
            let body = format!(r#"{{"attempt":{attempt},"record":{}}}"#, written(&record).unwrap().1);
            entry(attempt.into(), "call.started", Some(3), body)
        };
        for (past, length) in [(Past::default(), 30), (whole, 310)] {
            let past = Box::new(past);
            let attempted = Record::Attempted { call: CallId(3), past: past.clone(), spent: 9.5 };
            let text = written(&attempted).unwrap().1;
            assert!(text.len() < length, "{text}");
            // The event carries the number of the attempt that is to follow.
            let attempted = |kind| entry(2, kind, Some(3), format!(r#"{{"attempt":2,"record":{text}}}"#));
            for kind in ["call.retrying", "call.waiting", "call.attempted", "call.session"] {
                let found = recording(&[begun(1, None), attempted(kind)], Drift::Fail).unwrap();
                let call = &found.calls[0].1;
                assert_eq!((call.attempts, &call.past, &call.end), (1, &Some(past.clone()), &None));
                assert_eq!(found.spent, 9.5);
            }
            // It is not lost with the next attempt, nor where it is taken over.
            for entries in [
                vec![begun(1, None), attempted("call.attempted"), begun(2, None)],
                vec![begun(2, Some(past.clone()))],
            ] {
                let found = recording(&entries, Drift::Fail).unwrap();
                assert_eq!((found.calls[0].1.attempts, &found.calls[0].1.past), (2, &Some(past.clone())));
            }
        }
    }

    #[test]
    fn what_stands_before_a_new_beginning_does_not_count() {
        let begun =
            Record::Begun { call: CallId(0), mark: mark(RecordedKind::Child), past: None, spent: 0.0 };
        let child = |seq| {
            entry(seq, "call.started", Some(0), format!(r#"{{"record":{}}}"#, written(&begun).unwrap().1))
        };
        let resumed = |anew| entry(2, RESUMED, None, format!(r#"{{"drift":"match","anew":{anew}}}"#));
        let steps = |entries: &[Entry]| recording(entries, Drift::Fail).unwrap().steps.len();
        assert_eq!(steps(&[child(1), resumed(false), child(3)]), 2);
        assert_eq!(steps(&[child(1), resumed(true), child(3)]), 1);
        assert_eq!(steps(&[child(1), resumed(true)]), 0);
    }

    #[test]
    fn what_a_new_part_has_not_come_to_is_a_reserve() {
        let mark = |fingerprint| Mark { fingerprint: Fingerprint(fingerprint), ..mark(RecordedKind::Agent) };
        let begun = |seq, call: u64, fingerprint| {
            let record =
                Record::Begun { call: CallId(call), mark: mark(fingerprint), past: None, spent: 0.0 };
            let body = format!(r#"{{"attempt":1,"record":{}}}"#, written(&record).unwrap().1);
            entry(seq, "call.started", Some(call), body)
        };
        let ended = |seq: u64, call: u64, fingerprint| {
            let outcome = Ok(Some(JsonText::new(seq.to_string())));
            let (call, mark) = (CallId(call), mark(fingerprint));
            let record =
                Record::Ended { call, mark, outcome, failed: false, charged: 1.0, spent: seq as f64 };
            entry(seq, "call.ended", Some(call.0), format!(r#"{{"record":{}}}"#, written(&record).unwrap().1))
        };
        let resumed = |seq, drift: Drift, anew: bool| {
            let body = serde_json::to_string(&Event::RunResumed { drift, anew, from: None }).unwrap();
            entry(seq, RESUMED, None, body)
        };
        let replayed = |seq| entry(seq, REPLAYED, None, "{}".to_owned());
        // Equal to each other: the first three. The second of them is not over; all begin out of order.
        let live = [begun(1, 1, 7), begun(2, 2, 7), begun(3, 0, 7), begun(4, 3, 8)];
        let live = [&live[..], &[ended(5, 2, 7), ended(6, 3, 8), ended(7, 0, 7)]].concat();
        let shown = |entries: &[Entry], drift| {
            let recording = recording(entries, drift).unwrap();
            let answers = |earlier: &Earlier| match earlier {
                Earlier::Answer(end) => end.outcome.clone().unwrap().map(|value| value.as_str().to_owned()),
                Earlier::Unanswered { .. } => None,
            };
            let of = |print| {
                let all = recording.reserve.iter().filter(move |(other, _)| *other == Fingerprint(print));
                all.map(|(_, earlier)| answers(earlier).unwrap_or_default()).collect::<Vec<_>>().join(" ")
            };
            let calls: Vec<u64> = recording.calls.iter().map(|(id, _)| id.0).collect();
            format!("{:?} {calls:?} 7: {}; 8: {}; {}", recording.drift, of(7), of(8), recording.spent)
        };
        let with = |more: &[Entry]| [&live[..], more].concat();
        for (more, drift, expected) in [
            (vec![], Drift::Fail, "Fail [0, 1, 2, 3] 7: ; 8: ; 7"),
            (vec![resumed(8, Drift::Match, true)], Drift::Fail, "Fail [] 7: 7  5; 8: 6; 7"),
            // The first has taken an answer, the second nothing, as it ran.
            (
                vec![resumed(8, Drift::Match, true), ended(9, 4, 7), begun(10, 5, 7)],
                Drift::Match,
                "Match [4, 5] 7: 5; 8: 6; 9",
            ),
            (
                vec![
                    resumed(8, Drift::Match, true),
                    ended(9, 4, 7),
                    resumed(10, Drift::Fail, false),
                    begun(11, 5, 7),
                    ended(12, 6, 7),
                ],
                Drift::Fail,
                "Fail [4, 5, 6] 7: ; 8: 6; 12",
            ),
            // What one part has taken, and what it left, is there for the next one.
            (
                vec![
                    resumed(8, Drift::Match, true),
                    ended(9, 4, 7),
                    resumed(10, Drift::Match, true),
                    ended(11, 0, 8),
                ],
                Drift::Fail,
                "Fail [0] 7: 9  5; 8: ; 11",
            ),
            // A prefix: over, by what it says or by what it does, or not.
            (
                vec![resumed(8, Drift::Prefix, true), ended(9, 0, 7)],
                Drift::Fail,
                "Prefix [0, 1, 2, 3] 7: ; 8: ; 9",
            ),
            (
                vec![resumed(8, Drift::Prefix, true), ended(9, 0, 7)],
                Drift::Match,
                "Match [0, 1, 2, 3] 7: ; 8: ; 9",
            ),
            (
                vec![resumed(8, Drift::Prefix, true), ended(9, 0, 7), replayed(10)],
                Drift::Fail,
                "Fail [0] 7: ; 8: ; 9",
            ),
            (vec![resumed(8, Drift::Prefix, true), begun(9, 0, 7)], Drift::Match, "Match [0] 7: ; 8: ; 7"),
            (
                vec![resumed(8, Drift::Prefix, true), ended(9, 0, 7), resumed(10, Drift::Match, true)],
                Drift::Fail,
                "Fail [] 7: 7  5; 8: 6; 9",
            ),
            (
                vec![
                    resumed(8, Drift::Match, true),
                    ended(9, 0, 7),
                    resumed(10, Drift::Prefix, true),
                    ended(11, 0, 7),
                    replayed(12),
                ],
                Drift::Fail,
                "Fail [0] 7: ; 8: ; 11",
            ),
        ] {
            assert_eq!(shown(&with(&more), drift), expected, "{more:#?}");
        }
        assert_eq!(super::shown(&replayed(1)), Some(json!({ "type": "run.replayed" })));
    }

    #[test]
    fn what_was_told_is_counted_until_the_run_is_cancelled() {
        let event = |seq, event: &Event| {
            let body = serde_json::to_string(event).unwrap();
            entry(seq, event.kind(), event.call(), body)
        };
        let warning = |code, message: &str| Event::Warning { code, message: message.to_owned() };
        let info = CallInfo::child(None);
        let ended = |call| Event::CallEnded {
            call: CallId(call),
            script: VmId::ROOT,
            info: info.clone(),
            attempts: 1,
            outcome: CallEnd::Cancelled,
            error: None,
            usage: None,
            session_id: None,
            worktree: None,
        };
        let phase = Event::Phase { script: VmId::ROOT, name: None, options: None };
        let mut entries = vec![
            event(1, &phase),
            event(2, &warning("WARN_UNHANDLED_REJECTION", "x")),
            event(3, &warning("WARN_UNKNOWN_OPTION", "the option \"x\"")),
            event(4, &warning("WARN_WORKTREE", "y")),
            event(5, &ended(4)),
            entry(6, CANCELLING, None, "{}".to_owned()),
            event(7, &ended(5)),
            event(8, &phase),
            event(9, &Event::BudgetExhausted { budget: BudgetState { total: Some(5.0), spent: 6.0 } }),
        ];
        let found = recording(&entries, Drift::Fail).unwrap();
        assert_eq!((found.notes, &found.given_up, found.exhausted), (2, &vec![CallId(4)], Some(5.0)));
        assert_eq!(found.warnings, ["the option \"x\""]);
        // It goes on.
        entries.push(event(10, &Event::RunResumed { drift: Drift::Fail, anew: false, from: None }));
        entries.extend([event(11, &phase), event(12, &ended(5))]);
        let found = recording(&entries, Drift::Fail).unwrap();
        assert_eq!((found.notes, found.given_up), (3, vec![CallId(4), CallId(5)]));
        // Or anew.
        let body = r#"{"type":"run.resumed","drift":"match","anew":true,"record":{"spent":7.5}}"#;
        entries.push(entry(13, RESUMED, None, body.to_owned()));
        let found = recording(&entries, Drift::Fail).unwrap();
        assert_eq!((found.notes, found.given_up, found.exhausted), (0, vec![], None));
        assert_eq!((found.spent, found.spent_before, found.warnings.len()), (7.5, 7.5, 0));
    }

    #[test]
    fn a_damaged_entry_is_named() {
        let error = recording(&[entry(9, "log", None, "{".to_owned())], Drift::Fail).unwrap_err();
        assert!(error.to_string().contains("entry 9"), "{error}");
    }
}
