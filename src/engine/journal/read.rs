//! Reading a journal: what a run goes on from, and what those who watch are shown of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::core::Parts;
use crate::model::error::ErrorData;
use crate::model::ids::CallId;
use crate::model::journal::Entry;
use crate::model::json::JsonText;
use crate::model::recording::{
    About, Drift, Fingerprint, Mark, Past, RecordedEnd, RecordedKind, RecordedStep, Recording,
};
use crate::model::store::StoreError;

/// Where a journal begins anew: what stands before it was taken over or left behind.
pub(super) const RESUMED: &str = "run.resumed";
/// The first calls of an earlier part were all taken over.
pub(super) const REPLAYED: &str = "run.replayed";
/// The run is being cancelled from here on.
pub(super) const CANCELLING: &str = "run.cancelling";

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
pub(in crate::engine) fn recording(entries: &[Entry], drift: Drift) -> Result<Recording, StoreError> {
    let mut parts = Parts::default();
    for entry in entries {
        let body: Body<'_> =
            serde_json::from_str(entry.body.as_str()).map_err(|error| corrupt(entry, &error))?;
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
pub(in crate::engine) fn newest(entries: &[Entry]) -> &[Entry] {
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

/// The error of an entry that this engine has not written.
pub(in crate::engine) fn corrupt(entry: &Entry, why: &impl fmt::Display) -> StoreError {
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
