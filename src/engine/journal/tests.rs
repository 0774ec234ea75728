//! What is written comes out as it went in.

use super::read::{CANCELLING, REPLAYED, RESUMED, says};
use super::*;
use crate::model::error::ErrorData;
use crate::model::event::{CallEnd, CallInfo};
use crate::model::ids::VmId;
use crate::model::outcome::{Outcome, Resume, SessionPlace};
use crate::model::recording::{About, Drift, Earlier, Fingerprint, Mark, PastEnd, RecordedStep, Recording};

fn mark(kind: RecordedKind) -> Mark {
    let about =
        About { label: Some("l".to_owned()), fields: vec![("prompt".to_owned(), "\"p\"".to_owned())] };
    Mark { kind, fingerprint: Fingerprint(7), told: about.into() }
}

fn recording(entries: &[Entry], drift: Drift) -> Result<Recording, StoreError> {
    Ok(super::read::recording(says(entries)?, drift))
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
                format!(r#"{{"usage":{{"x":1}},"sessionId":"s","record":{}}}"#, written(&ended).unwrap().1),
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
    let event = Event::CallStarted { call, script, attempt: 1, continues: None, until: Some(1_500), info };
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
        limited: 2,
        waited_ms: 60_001,
        end: None,
    };
    let bad = ErrorData::new("RangeError", "no").with_code("ERR_X");
    let ending =
        |outcome: Outcome, failure| Past { end: Some(PastEnd::new(&outcome, failure)), ..Past::default() };
    let endings = [
        (ending(Ok(None), None), 40),
        (ending(Ok(Some(JsonText::new("null"))), Some(&bad)), 120),
        (ending(Ok(Some(JsonText::new(r#"["\ud83d"]"#))), None), 60),
        (ending(Err(bad.clone()), Some(&bad)), 190),
    ];
    let begun = |attempt: u32, past| {
        let record = Record::Begun { call: CallId(3), mark: mark(RecordedKind::Agent), past, spent: 1.0 };
        let body = format!(r#"{{"attempt":{attempt},"record":{}}}"#, written(&record).unwrap().1);
        entry(attempt.into(), "call.started", Some(3), body)
    };
    for (past, length) in [(Past::default(), 30), (whole, 350)].into_iter().chain(endings) {
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
    let begun = Record::Begun { call: CallId(0), mark: mark(RecordedKind::Child), past: None, spent: 0.0 };
    let child =
        |seq| entry(seq, "call.started", Some(0), format!(r#"{{"record":{}}}"#, written(&begun).unwrap().1));
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
        let record = Record::Begun { call: CallId(call), mark: mark(fingerprint), past: None, spent: 0.0 };
        let body = format!(r#"{{"attempt":1,"record":{}}}"#, written(&record).unwrap().1);
        entry(seq, "call.started", Some(call), body)
    };
    let ended = |seq: u64, call: u64, fingerprint| {
        let outcome = Ok(Some(JsonText::new(seq.to_string())));
        let (call, mark) = (CallId(call), mark(fingerprint));
        let record = Record::Ended { call, mark, outcome, failed: false, charged: 1.0, spent: seq as f64 };
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
    assert_eq!(super::read::shown(&replayed(1)), Some(json!({ "type": "run.replayed" })));
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
