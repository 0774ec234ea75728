//! Journals made by hand, and what is found in them.

use super::*;
use crate::model::journal::{Batch, Created, NewRun, RunPatch, SourceSnapshot, UsageTotals};
use crate::model::json::JsonText;
use crate::model::store::StoreOptions;
use crate::store::sqlite::SqliteStore;

/// `"started 0 1 a"`: an attempt of call 0, whose prompt is `a`, begins; `"ended 0 a x"`: it was answered with `x`;
/// `"failed 0 a"`, `"retrying 0"`, `"anew"`.
fn journal(lines: &[&str]) -> Vec<Entry> {
    let entry = |(seq, line): (u64, &&str)| {
        let words: Vec<&str> = line.split(' ').collect();
        let (kind, body) = match words[0] {
            "started" => (
                "call.started",
                format!(r#"{{"attempt":{},"record":{{"begun":true,"fp":"{}"}}}}"#, words[2], words[3]),
            ),
            "ended" => {
                ("call.ended", format!(r#"{{"record":{{"fp":"{}","value":"{}"}}}}"#, words[2], words[3]))
            }
            "failed" => ("timer", format!(r#"{{"record":{{"fp":"{}","error":{{}}}}}}"#, words[2])),
            "anew" => ("run.resumed", r#"{"anew":true}"#.to_owned()),
            _ => ("call.retrying", "{}".to_owned()),
        };
        let call = words.get(1).map(|call| call.parse().unwrap());
        Entry { seq, at: 0, kind: kind.into(), call, body: JsonText::new(body) }
    };
    (1..).zip(lines).map(entry).collect()
}

fn of(entries: &[Entry], call: u64) -> Vec<u64> {
    Journal::read(entries).entries_of(call)
}

#[test]
fn a_call_has_the_entries_of_its_own_part() {
    let entries = journal(&["started 0 1 a", "started 1 1 b", "retrying 0", "started 0 2 a", "ended 0 a x"]);
    assert_eq!(of(&entries, 0), [1, 3, 4, 5]);
    assert_eq!(of(&entries, 1), [2]);
    assert_eq!(of(&entries, 2), [0; 0]);
}

#[test]
fn what_was_taken_over_is_found_where_it_stood() {
    let entries = journal(&[
        "started 0 1 a",
        "started 1 1 b",
        "started 2 1 c",
        "ended 1 b y",
        "ended 0 a x",
        "retrying 2",
        "anew",
        // In another order, and one of them goes on.
        "ended 0 b y",
        "started 1 2 c",
        "ended 2 a x",
        "ended 1 c z",
        "anew",
        "ended 0 c z",
        "started 1 1 a",
    ]);
    assert_eq!(of(&entries[..11], 0), [8, 2, 4]);
    assert_eq!(of(&entries[..11], 1), [9, 11, 3, 6]);
    assert_eq!(of(&entries[..11], 2), [10, 1, 5]);
    assert_eq!(of(&entries, 0), [13, 9, 11, 3, 6]);
    assert_eq!(of(&entries, 1), [14], "it began anew");
}

#[test]
fn equal_calls_are_told_apart_by_their_answers_and_their_order() {
    let entries = journal(&[
        "started 0 1 a",
        "started 1 1 a",
        "started 2 1 a",
        "ended 0 a x",
        "ended 1 a y",
        "ended 2 a x",
        "anew",
        "ended 0 a x",
        "ended 1 a y",
        "ended 2 a x",
    ]);
    for (call, entries_there) in [(0, [8, 1, 4]), (1, [9, 2, 5]), (2, [10, 3, 6])] {
        assert_eq!(of(&entries, call), entries_there);
    }
}

#[test]
fn a_failure_that_was_taken_over_is_found_too() {
    let entries = journal(&["started 0 1 a", "failed 0 a", "anew", "failed 0 a"]);
    assert_eq!(of(&entries, 0), [4, 1, 2]);
}

#[test]
fn a_copy_has_the_output_of_the_calls_that_it_has() {
    let entries = journal(&[
        "started 0 1 a",
        "started 1 1 b",
        "ended 0 a x",
        "ended 1 b y",
        "anew",
        "ended 0 b y",
        "started 1 1 c",
        "ended 1 c z",
        "started 2 1 d",
    ]);
    // The copy begins with an entry of its own, and has the calls 0 and 1.
    let copied: Vec<(u64, Entry)> =
        (2..).zip(&entries[5..8]).map(|(seq, entry)| (entry.seq, Entry { seq, ..entry.clone() })).collect();
    assert_eq!(copied_outputs(&entries, &copied, &[1, 2, 7, 9]), [(2, 2), (7, 3)]);
}

#[test]
fn what_was_spent_is_found_among_the_last_entries() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("runs.db"), StoreOptions::default()).unwrap();
    let id = RunId("r".into());
    let new = NewRun {
        id: id.clone(),
        name: "n".to_owned(),
        source: SourceSnapshot { name: "n".into(), text: "".into(), files: BTreeMap::default() },
        args: None,
        options: JsonText::new("{}"),
        fork_of: None,
        entries: Vec::new(),
        outputs: Vec::new(),
    };
    let Created::New(lease) = store.create(new, 1_000, 0).wait().unwrap() else { panic!("it is new") };
    let mut last = 0;
    let mut append = |bodies: &[&str], patch: RunPatch| {
        let entries = bodies.iter().map(|body| {
            last += 1;
            Entry { seq: last, at: 0, kind: "log".into(), call: None, body: JsonText::new(*body) }
        });
        let batch = Batch { entries: entries.collect(), patch: Some(patch), ..Batch::default() };
        store.append(&lease, batch).wait().unwrap();
        (run(&store, &id).unwrap().summary.spent, runs(&store, &Filter::default()).unwrap()[0].spent)
    };
    let as_it_is = RunPatch::default;
    let is = |status| RunPatch { status: Some(status), ..RunPatch::default() };
    assert_eq!(append(&["{}"], is(RunStatus::Running)), (0.0, 0.0));
    let records =
        [r#"{"record":{"spent":7}}"#, r#"{"record":{"kind":"timer"}}"#, r#"{"record":{"spent":9}}"#];
    assert_eq!(append(&records, as_it_is()), (9.0, 9.0));
    // A turn may say very much in between.
    assert_eq!(append(&["{}"; 500], as_it_is()), (9.0, 9.0));
    // A part that tells of less does not take back what the row says.
    let paid = UsageTotals { spent: 12.0, report: None };
    let taken_up = RunPatch { usage: Some(paid), ..RunPatch::default() };
    assert_eq!(append(&[r#"{"record":{"spent":1}}"#], taken_up), (12.0, 12.0));
    assert_eq!(append(&[r#"{"record":{"spent":13}}"#], is(RunStatus::Cancelling)), (13.0, 13.0));
    assert_eq!(append(&[], is(RunStatus::Suspended)), (12.0, 12.0), "the row of such a run is up to date");
}

#[test]
fn calls_are_listed_shortly() {
    for (calls, text) in [
        (&[4][..], "call 4"),
        (&[0, 1], "the calls 0, 1"),
        (&[0, 1, 2, 5, 7, 8], "the calls 0 to 2, 5, 7, 8"),
    ] {
        assert_eq!(listed(calls), text);
    }
}
