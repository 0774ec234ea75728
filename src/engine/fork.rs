//! Points of a journal from which on a run is done again, and what a copy of the run takes over before them.

use serde::Deserialize;

use super::journal::read::{BETWEEN_PARTS, newest};
use super::snapshot;
use crate::model::error::WorkflowError;
use crate::model::ids::{CallId, RunId};
use crate::model::journal::Entry;

/// Where a run is to be done again from. As JSON: the number, or the title.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Point {
    /// From this call on, by the number that events give it.
    Call(u64),
    /// From the first call of the phase with this title.
    Phase(String),
}

/// What of an entry says where in the run it is.
#[derive(Default, Deserialize)]
struct Place {
    /// The phase of a call.
    phase: Option<String>,
    /// The title of a phase that begins.
    name: Option<String>,
}

/// The first call that is done again. Only the newest part of the journal counts: calls have their numbers from there.
///
/// # Errors
/// `ERR_UNKNOWN_POINT`: the run has not come there.
pub(super) fn locate(run: &RunId, entries: &[Entry], point: &Point) -> Result<CallId, WorkflowError> {
    let entries = newest(entries);
    let calls = entries.iter().filter_map(|entry| entry.call).max().map_or(0, |last| last + 1);
    let title = match point {
        Point::Call(call) if *call < calls => return Ok(CallId(*call)),
        Point::Call(call) => {
            let known = match calls {
                0 => "it made none".to_owned(),
                1 => "it made one: 0".to_owned(),
                _ => format!("its calls are 0 to {}", calls - 1),
            };
            return Err(unknown(format!("run {run} has no call {call}; {known}")));
        }
        Point::Phase(title) => title,
    };
    let mut titles: Vec<String> = Vec::new();
    // The first call that says that it is of the phase; else the first that was made after the phase had begun.
    let (mut of, mut after, mut begun_at, mut seen) = (None, None, None, 0);
    for entry in entries {
        let place: Place = serde_json::from_str(entry.body.as_str()).unwrap_or_default();
        if entry.kind == "phase" {
            let name = place.name.unwrap_or_default();
            if begun_at.is_none() && name == *title {
                begun_at = Some(seen);
            }
            if !titles.contains(&name) {
                titles.push(name);
            }
            continue;
        }
        let Some(call) = entry.call else { continue };
        if begun_at.is_some_and(|first| call >= first) {
            after = Some(least(after, call));
        }
        if place.phase.as_ref() == Some(title) {
            of = Some(least(of, call));
        }
        seen = seen.max(call + 1);
    }
    match of.or(after) {
        Some(call) => Ok(CallId(call)),
        // It has begun, and no call was made in it.
        None if begun_at.is_some() => Ok(CallId(calls)),
        None => {
            let known = match titles.as_slice() {
                [] => "it has none".to_owned(),
                titles => format!("its phases are {}", titles.join(", ")),
            };
            Err(unknown(format!("run {run} has no phase {title:?}; {known}")))
        }
    }
}

fn least(so_far: Option<u64>, call: u64) -> u64 {
    so_far.map_or(call, |least| least.min(call))
}

fn unknown(message: String) -> WorkflowError {
    WorkflowError::RunState {
        code: "ERR_UNKNOWN_POINT",
        message,
        hint: "smol-wf events <id> shows the phases and calls of a run",
    }
}

/// An agent has begun to work in a session of its own.
const AT_WORK: &str = "call.session";

/// The journal with which a copy of a run begins: `first`, the children as they were read, and all that is known of the
/// calls before `until`. Each with the `seq` that it had.
///
/// Older parts of the journal count where no call is named from which on all is done again: they may know answers that
/// the newest one was to take over and has not come to.
pub(super) fn copied(first: Entry, entries: &[Entry], until: Option<CallId>) -> Vec<(u64, Entry)> {
    let (kept, parts) = match until {
        Some(_) => (newest(entries), &[][..]),
        None => (entries, BETWEEN_PARTS),
    };
    let wanted = |entry: &&Entry| match entry.call {
        Some(call) => until.is_none_or(|until| call < until.0),
        None => parts.contains(&&*entry.kind),
    };
    let is_child = |entry: &&Entry| entry.kind == snapshot::KIND;
    // Somebody may be at work there, and two agents are not to go on with one session.
    let is_at_work = |entry: &&Entry| entry.kind == AT_WORK;
    // Of no call: the one that read it may be none of those that are taken over.
    let children = entries.iter().filter(is_child).map(|entry| Entry { call: None, ..entry.clone() });
    let taken = kept.iter().filter(wanted);
    let taken = taken.filter(|entry| !is_child(entry) && !is_at_work(entry)).cloned();
    let seqs = 1..;
    seqs.zip(std::iter::once(first).chain(children).chain(taken))
        .map(|(seq, entry)| (entry.seq, Entry { seq, ..entry }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::JsonText;

    fn entry(kind: &'static str, call: Option<u64>, body: &str) -> Entry {
        Entry { seq: 0, at: 0, kind: kind.into(), call, body: JsonText::new(body) }
    }

    fn phase(name: &str) -> Entry {
        entry("phase", None, &format!(r#"{{"type":"phase","name":{name:?}}}"#))
    }

    fn call(id: u64, phase: &str) -> Entry {
        entry("call.started", Some(id), &format!(r#"{{"type":"call.started","phase":{phase:?}}}"#))
    }

    fn timer(id: u64) -> Entry {
        entry("timer", Some(id), r#"{"record":{}}"#)
    }

    #[test]
    fn points_are_found_in_the_newest_part() {
        let older = [call(0, "Old"), entry("run.resumed", None, r#"{"anew":true}"#)];
        let newer = [
            phase("Find"),
            call(0, "Find"),
            phase("Wait"),
            timer(1),
            phase("Fix"),
            // Begun while others go on, and ended after what comes later.
            call(3, "Fix"),
            call(2, "Fix"),
            phase("Done"),
        ];
        let entries: Vec<Entry> = older.into_iter().chain(newer).collect();
        let run = RunId("r".into());
        let at = |point| locate(&run, &entries, &point).map(|call| call.0).map_err(|error| error.to_string());
        let phase = |title: &str| Point::Phase(title.to_owned());
        assert_eq!(at(Point::Call(2)), Ok(2));
        assert_eq!(at(phase("Find")), Ok(0));
        assert_eq!(at(phase("Wait")), Ok(1));
        assert_eq!(at(phase("Fix")), Ok(2));
        assert_eq!(at(phase("Done")), Ok(4));
        assert_eq!(at(Point::Call(4)), Err("run r has no call 4; its calls are 0 to 3".to_owned()));
        let known = "its phases are Find, Wait, Fix, Done";
        assert_eq!(at(phase("Old")), Err(format!("run r has no phase \"Old\"; {known}")));
    }

    #[test]
    fn a_copy_has_all_parts_where_nothing_is_to_be_done_again() {
        let first = entry("run.started", None, "{}");
        let resumed = entry("run.resumed", None, r#"{"anew":true}"#);
        let over = entry("run.failed", None, "{}");
        let at_work = entry("call.session", Some(2), "{}");
        let replayed = entry("run.replayed", None, "{}");
        let entries = [
            first.clone(),
            phase("P"),
            call(0, "P"),
            call(1, "P"),
            over,
            resumed,
            call(0, "P"),
            replayed,
            at_work,
        ];
        let kinds = |until| -> Vec<String> {
            copied(first.clone(), &entries, until).iter().map(|(_, entry)| entry.kind.to_string()).collect()
        };
        let (started, called) = ("run.started", "call.started");
        assert_eq!(kinds(None), [started, called, called, "run.resumed", called, "run.replayed"]);
        assert_eq!(kinds(Some(CallId(1))), [started, called]);
    }

    #[test]
    fn a_copy_has_the_calls_before_the_point() {
        let first = entry("run.started", None, "{}");
        let session = entry(AT_WORK, Some(1), r#"{"record":{"spent":0,"past":{}}}"#);
        let entries = [phase("P"), call(0, "P"), call(2, "P"), call(1, "P"), session];
        let copy = copied(first, &entries, Some(CallId(2)));
        let shown: Vec<_> = copy.iter().map(|(_, entry)| (entry.seq, &*entry.kind, entry.call)).collect();
        assert_eq!(
            shown,
            [(1, "run.started", None), (2, "call.started", Some(0)), (3, "call.started", Some(1))]
        );
    }
}
