//! Reading a journal: what a run goes on from, and what those who watch are shown of it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::core::Parts;
use crate::model::error::ErrorData;
use crate::model::ids::{CallId, RunId};
use crate::model::journal::Entry;
use crate::model::json::JsonText;
use crate::model::recording::{
    About, Drift, Fingerprint, Mark, Past, RecordedEnd, RecordedKind, RecordedStep, Recording, Told,
};
use crate::model::store::StoreError;
use crate::store::Store;

/// Where a journal begins anew: what stands before it was taken over or left behind.
pub(in crate::engine) const RESUMED: &str = "run.resumed";
/// The first calls of an earlier part were all taken over.
pub(super) const REPLAYED: &str = "run.replayed";
/// The run is being cancelled from here on.
pub(super) const CANCELLING: &str = "run.cancelling";
/// What of no call is needed to tell the parts of a journal from each other.
pub(in crate::engine) const BETWEEN_PARTS: &[&str] = &[RESUMED, REPLAYED, CANCELLING];

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
    /// Needed once for each call, and read by nobody but people.
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

/// One thing that a journal says, as far as it counts for going on. Read entry by entry, which several can do at once,
/// and taken in in order, which is less work.
pub(in crate::engine) enum Says {
    Note,
    /// A warning that is given once in a run.
    Warned(String),
    Resumed {
        drift: Drift,
        anew: bool,
        from: Option<CallId>,
    },
    Replayed,
    Cancelling,
    GivenUp(CallId),
    Exhausted(Option<f64>),
    Began {
        spent: f64,
    },
    Begun {
        call: CallId,
        mark: Mark,
        attempt: u32,
        past: Option<Box<Past>>,
        until: Option<u64>,
        spent: f64,
    },
    Attempted {
        call: CallId,
        past: Box<Past>,
        spent: f64,
    },
    Ended {
        call: CallId,
        mark: Mark,
        end: RecordedEnd,
        spent: f64,
    },
}

/// What entries say.
///
/// # Errors
/// An entry that this engine has not written.
pub(in crate::engine) fn says(entries: &[Entry]) -> Result<Vec<Says>, StoreError> {
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        let body: Body<'_> =
            serde_json::from_str(entry.body.as_str()).map_err(|error| corrupt(entry, &error))?;
        all.extend(match &*entry.kind {
            "log" | "phase" => Some(Says::Note),
            "warning" => warned(&body),
            RESUMED => Some(Says::Resumed {
                drift: body.drift.unwrap_or(Drift::Fail),
                anew: body.anew == Some(true),
                from: body.from.map(CallId),
            }),
            REPLAYED => Some(Says::Replayed),
            CANCELLING => Some(Says::Cancelling),
            "call.ended" if body.record.is_none() => {
                Some(Says::GivenUp(CallId(entry.call.unwrap_or(u64::MAX))))
            }
            "budget.exhausted" => Some(Says::Exhausted(body.budget.and_then(|budget| budget.total))),
            _ => None,
        });
        let Body { record: Some(record), attempt, until, usage, session_id: session, .. } = body else {
            continue;
        };
        all.push(match entry.call {
            Some(call) => recorded(CallId(call), record, Known { attempt, until, usage, session }),
            None => Says::Began { spent: record.spent },
        });
    }
    Ok(all)
}

/// So many entries are read as fast by one thread as by two.
const FEW: u64 = 1000;

/// Reads the journal of a run: the entries that are wanted as they are, and what all of them say.
///
/// A run that is taken up waits for this, and nobody else is at work for it: half of it is read elsewhere.
///
/// # Errors
/// Of the store; an entry that this engine has not written.
pub(in crate::engine) fn load(
    store: &dyn Store,
    run: &RunId,
    last_seq: u64,
    wanted: impl Fn(&Entry) -> bool + Sync,
) -> Result<(Vec<Entry>, Vec<Says>), StoreError> {
    let part = |from, limit| {
        let mut entries = store.entries(run, from, limit)?;
        let says = says(&entries)?;
        entries.retain(&wanted);
        Ok((entries, says))
    };
    let half = last_seq / 2;
    if last_seq <= FEW {
        return part(1, u32::MAX);
    }
    std::thread::scope(|threads| {
        let second = threads.spawn(|| part(half + 1, u32::MAX));
        let (mut entries, mut says) = part(1, u32::try_from(half).unwrap_or(u32::MAX))?;
        // It has no reason to panic; if it does, so do we.
        let second = second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        entries.extend(second.0);
        says.extend(second.1);
        Ok((entries, says))
    })
}

/// Makes of what a journal says what a run goes on from.
pub(in crate::engine) fn recording(says: impl IntoIterator<Item = Says>, drift: Drift) -> Recording {
    let mut parts = Parts::default();
    for says in says {
        match says {
            Says::Note => parts.note(),
            Says::Warned(message) => parts.newest().warnings.push(message),
            Says::Resumed { drift, anew, from } => parts.resumed(drift, anew, from),
            Says::Replayed => parts.replayed(),
            Says::Cancelling => parts.cancelled(),
            Says::GivenUp(call) => parts.given_up(call),
            Says::Exhausted(total) => parts.newest().exhausted = total,
            Says::Began { spent } => parts.began(spent),
            Says::Begun { call, mark, attempt, past, until, spent } => {
                let kind = mark.kind;
                parts.spent(spent);
                parts.begun(call, attempt, past, mark);
                if let Some(until) = until {
                    parts.waits(call, until);
                }
                if kind == RecordedKind::Child {
                    parts.newest().steps.push(RecordedStep { call, ended: false, spent });
                }
            }
            Says::Attempted { call, past, spent } => {
                parts.spent(spent);
                parts.attempted(call, past);
            }
            Says::Ended { call, mark, end, spent } => {
                parts.spent(spent);
                parts.ended(call, end, mark);
                parts.newest().steps.push(RecordedStep { call, ended: true, spent });
            }
        }
    }
    parts.into_recording(drift)
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

/// What the record of a call says.
fn recorded(call: CallId, record: RecordBody<'_>, known: Known<'_>) -> Says {
    let RecordBody { kind, begun, fp, about, failed, charged, spent, error, past, value } = record;
    let Some(kind) = kind else {
        return Says::Attempted { call, past: past.unwrap_or_default(), spent };
    };
    let fingerprint = Fingerprint::parse(&fp).unwrap_or(Fingerprint(0));
    let told = match about {
        Some(about) => Told::Read(JsonText::new(about.get())),
        None => About::default().into(),
    };
    let mark = Mark { kind, fingerprint, told };
    let Known { attempt, until, usage, session } = known;
    if begun {
        return Says::Begun { call, mark, attempt: attempt.unwrap_or(0), past, until, spent };
    }
    let outcome = match (error, value) {
        (Some(error), _) => Err(error),
        (None, Some(value)) => Ok(Some(JsonText::new(value.get()))),
        (None, None) => Ok(None),
    };
    let usage = usage.map(|usage| JsonText::new(usage.get()));
    let end = RecordedEnd { outcome, failed, charged, usage, session };
    Says::Ended { call, mark, end, spent }
}

/// The error of an entry that this engine has not written.
pub(in crate::engine) fn corrupt(entry: &Entry, why: &impl fmt::Display) -> StoreError {
    let message = format!("entry {} of the journal cannot be read: {why}", entry.seq);
    StoreError::Corrupt { path: std::path::PathBuf::new(), message }
}

/// What a warning says. Those of a script that does the same again come again, as what it logs does.
fn warned(body: &Body<'_>) -> Option<Says> {
    match body.code.as_deref() {
        Some("WARN_LOG_DROPPED" | "WARN_UNHANDLED_REJECTION") => Some(Says::Note),
        Some("WARN_UNKNOWN_OPTION") => {
            body.message.as_deref().map(|message| Says::Warned(message.to_owned()))
        }
        _ => None,
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
