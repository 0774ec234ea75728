//! The store through its own interface. `crash` kills processes, `faults` fails writes.

mod crash;
mod delete;
mod faults;
mod opening;
mod outputs;
mod ownership;
mod tasks;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::model::journal::*;
use crate::model::store::Synchronous;

/// A lease that no test outlives by its own clock.
const TTL: u64 = 1_000;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// In memory where the system has such a place: the disk's own slowness proves nothing where its failing is played.
    fn without_disk() -> Self {
        let memory = Path::new("/dev/shm");
        Self(if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state/runs.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path(), quick()).unwrap()
    }
}

fn quick() -> StoreOptions {
    StoreOptions { synchronous: Synchronous::Normal, ..StoreOptions::default() }
}

fn id(text: &str) -> RunId {
    RunId(text.into())
}

fn json(text: &str) -> JsonText {
    JsonText::new(text)
}

fn source(text: &str) -> SourceSnapshot {
    let files = BTreeMap::from([(Arc::from("./lib.js"), Arc::from("export const one = 1\n"))]);
    SourceSnapshot { name: "flow.js".into(), text: text.into(), files }
}

fn new_run(name: &str) -> NewRun {
    NewRun {
        id: id(name),
        name: "flow".to_owned(),
        source: source("return 1\n"),
        args: Some(json(r#"{"count":3}"#)),
        options: json("{}"),
        fork_of: None,
        entries: Vec::new(),
        outputs: Vec::new(),
    }
}

fn entry(seq: u64, body: &str) -> Entry {
    let call = (seq.is_multiple_of(2)).then_some(seq / 2);
    Entry { seq, at: 1_000 + seq, kind: Cow::Borrowed("call.ended"), call, body: json(body) }
}

fn numbered(seqs: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
    seqs.map(|seq| entry(seq, &format!(r#"{{"n":{seq}}}"#))).collect()
}

fn batch(entries: Vec<Entry>) -> Batch {
    Batch { entries, at: 2_000, ..Batch::default() }
}

fn patch(patch: RunPatch) -> Batch {
    Batch { patch: Some(patch), at: 2_000, ..Batch::default() }
}

fn started(store: &SqliteStore, name: &str) -> Lease {
    match store.create(new_run(name), TTL, 100).wait().unwrap() {
        Created::New(lease) => lease,
        Created::Existing { .. } => panic!("{name} is there already"),
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> &'static str {
    result.unwrap_err().code()
}

fn count(path: &Path, what: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

/// What must be true of every store at any time: no page is damaged, every journal is dense, every text is there, and
/// no blob is kept for nobody.
fn check(path: &Path) {
    let connection = Connection::open(path).unwrap();
    let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    let gaps = "SELECT count(*) FROM (SELECT count(*) AS found, max(place & 4294967295) AS last, \
        min(place & 4294967295) AS first FROM entries GROUP BY place >> 32) WHERE found <> last OR first <> 1";
    assert_eq!(number(gaps), 0, "journals with gaps");
    let strays = "SELECT count(*) FROM entries WHERE place >> 32 NOT IN (SELECT number FROM runs)";
    assert_eq!(number(strays), 0, "entries without a run");
    let unused = "SELECT count(*) FROM blobs WHERE number NOT IN (SELECT blob FROM blob_uses)";
    assert_eq!(number(unused), 0, "blobs that nobody needs");
    let missing = "SELECT count(*) FROM (SELECT body AS text, place >> 32 AS run FROM entries UNION ALL SELECT body, run FROM outputs \
        UNION ALL SELECT source, number FROM runs UNION ALL SELECT result, number FROM runs) \
        WHERE typeof(text) = 'integer' AND NOT EXISTS \
        (SELECT 1 FROM blobs JOIN blob_uses ON blob = number WHERE number = text AND blob_uses.run = run)";
    assert_eq!(number(missing), 0, "texts without their blob");
}

/// Work that goes on in the moment in which it is woken, on the thread that wakes it. Where that is the thread of a store,
/// the store must be closed before it is dropped.
struct OnWake(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl OnWake {
    fn start(work: impl Future<Output = ()> + Send + 'static) {
        Arc::new(Self(Mutex::new(Some(Box::pin(work))))).wake();
    }
}

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut work = self.0.lock().unwrap();
        if work.as_mut().is_some_and(|work| work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()) {
            *work = None;
        }
    }
}

#[test]
fn a_run_comes_back_as_it_was_written() {
    let folder = Folder::new();
    let store = folder.open();
    let long = format!(r#"{{"text":"{}"}}"#, "ü".repeat(5_000));
    let mut new = new_run("a");
    new.args = Some(json(&long));
    new.fork_of = Some(id("before"));
    new.entries = numbered(1..=2);
    let Created::New(lease) = store.create(new.clone(), TTL, 100).wait().unwrap() else { panic!() };
    assert_eq!((&lease.run, lease.epoch), (&id("a"), 1));
    let entries = vec![entry(3, &long), entry(4, "123"), entry(5, "null"), entry(6, &long)];
    let change = RunPatch {
        status: Some(RunStatus::Suspended),
        blocked_on: Some(Some(json(r#"["approve"]"#))),
        wake_at: Some(Some(9_000)),
        usage: Some(UsageTotals { spent: 12.5, report: Some(json(r#"{"calls":2}"#)) }),
        ..RunPatch::default()
    };
    let both = Batch { patch: Some(change), at: 500, ..batch(entries.clone()) };
    store.append(&lease, both).wait().unwrap();

    let record = store.run(&id("a")).unwrap();
    let owner = record.summary.owner.clone().unwrap();
    assert_eq!((owner.pid, owner.lease_until), (std::process::id(), 1_100));
    let expected = RunSummary {
        id: id("a"),
        name: "flow".to_owned(),
        status: RunStatus::Suspended,
        blocked_on: Some(json(r#"["approve"]"#)),
        wake_at: Some(9_000),
        owner: Some(owner),
        epoch: 1,
        created_at: 100,
        updated_at: 1_006,
        finished_at: None,
        spent: 12.5,
        cancel: None,
        fork_of: Some(id("before")),
        last_seq: 6,
    };
    assert_eq!(record.summary, expected);
    assert_eq!((record.source, record.args, record.options), (new.source, new.args, new.options));
    assert_eq!((record.report, record.result, record.error), (Some(json(r#"{"calls":2}"#)), None, None));
    let mut all = new.entries;
    all.extend(entries);
    assert_eq!(store.entries(&id("a"), 1, 100).unwrap(), all);
    assert_eq!(store.entries(&id("a"), 3, 2).unwrap(), all[2..4]);
    assert_eq!(store.entries(&id("a"), 7, 2).unwrap(), []);
    // Source, args, and the body that two entries share with them.
    assert_eq!(count(&folder.path(), "blobs"), 2);

    let done = RunPatch {
        status: Some(RunStatus::Completed),
        blocked_on: Some(None),
        wake_at: Some(None),
        result: Some(Some(json(&long))),
        ..RunPatch::default()
    };
    store.append(&lease, patch(done)).wait().unwrap();
    let record = store.run(&id("a")).unwrap();
    assert_eq!(record.result, Some(json(&long)));
    let summary = record.summary;
    assert_eq!((summary.status, summary.finished_at), (RunStatus::Completed, Some(2_000)));
    assert_eq!((summary.blocked_on, summary.wake_at, summary.spent), (None, None, 12.5));
    // Resumed: it is not finished any more, and may have another source.
    let again = RunPatch {
        status: Some(RunStatus::Running),
        result: Some(None),
        source: Some(source("return 2\n")),
        options: Some(json(r#"{"budget":1}"#)),
        ..RunPatch::default()
    };
    store.append(&lease, patch(again)).wait().unwrap();
    let record = store.run(&id("a")).unwrap();
    assert_eq!((record.summary.finished_at, record.result), (None, None));
    assert_eq!((record.source, record.options), (source("return 2\n"), json(r#"{"budget":1}"#)));
    drop(store);
    check(&folder.path());
}

#[test]
fn a_run_is_created_once() {
    let folder = Folder::new();
    let store = folder.open();
    started(&store, "a");
    let mut renamed = new_run("a");
    renamed.source.name = "other.js".into();
    let mut other_source = new_run("a");
    other_source.source = source("return 2\n");
    let mut other_helper = new_run("a");
    other_helper.source.files.insert("./lib.js".into(), "export const one = 2\n".into());
    let mut other_args = new_run("a");
    other_args.args = None;
    for (run, expected) in [
        (new_run("a"), (true, true)),
        (renamed, (true, true)),
        (other_source, (false, true)),
        (other_helper, (false, true)),
        (other_args, (true, false)),
    ] {
        match store.create(run, TTL, 200).wait().unwrap() {
            Created::Existing { record, same_source, same_args } => {
                assert_eq!((same_source, same_args), expected);
                assert_eq!(record.summary.created_at, 100);
            }
            Created::New(_) => panic!("it was there"),
        }
    }
    assert_eq!(count(&folder.path(), "runs"), 1);
    assert_eq!(code(store.run(&id("b"))), "ERR_UNKNOWN_RUN");
    assert_eq!(code(store.entries(&id("b"), 1, 1)), "ERR_UNKNOWN_RUN");
}

#[test]
fn a_journal_is_dense_and_each_entry_is_written_once() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    let append = |entries| store.append(&lease, batch(entries)).wait();
    append(numbered(1..=3)).unwrap();
    let long = format!("\"{}\"", "x".repeat(5_000));
    append(vec![entry(4, &long)]).unwrap();
    // Gaps, before and within; nothing of a refused batch is written.
    for seqs in [vec![6], vec![5, 7], vec![5, 5], vec![0], vec![5, 4]] {
        let entries = seqs.iter().map(|seq| entry(*seq, "1")).collect();
        assert_eq!(code(append(entries)), "ERR_STORE_SEQUENCE", "{seqs:?}");
    }
    // The same once more, and more of the same.
    append(numbered(2..=3)).unwrap();
    append(vec![entry(3, r#"{"n":3}"#), entry(4, &long), entry(5, "5")]).unwrap();
    // Others in their place.
    let other_kind = Entry { kind: Cow::Borrowed("log"), ..entry(5, "5") };
    let other_call = Entry { call: Some(77), ..entry(5, "5") };
    let other_blob = entry(4, &long.replace('x', "y"));
    for entries in [vec![entry(5, "6"), entry(6, "6")], vec![other_kind], vec![other_call], vec![other_blob]]
    {
        assert_eq!(code(append(entries)), "ERR_STORE_SEQUENCE");
    }
    assert_eq!(store.run(&id("a")).unwrap().summary.last_seq, 5);
    let mut first = new_run("b");
    first.entries = numbered(2..=3);
    assert_eq!(code(store.create(first, TTL, 1).wait()), "ERR_STORE_SEQUENCE");
    assert_eq!(count(&folder.path(), "runs"), 1);
    drop(store);
    check(&folder.path());
}

#[test]
fn what_is_too_large_is_refused_by_name() {
    let folder = Folder::new();
    let limits = StoreLimits { source: 100, args: 101, result: 102, entry: 103 };
    let store = SqliteStore::open(&folder.path(), StoreOptions { limits, ..quick() }).unwrap();
    let long = json(&format!("\"{}\"", "x".repeat(200)));
    let with = |change: &dyn Fn(&mut NewRun)| {
        let mut run = new_run("a");
        change(&mut run);
        store.create(run, TTL, 1).wait().unwrap_err()
    };
    let errors = [
        with(&|run| run.source = source(&"x".repeat(100))),
        with(&|run| run.args = Some(long.clone())),
        with(&|run| run.entries = vec![entry(1, long.as_str())]),
    ];
    let named: Vec<_> = errors
        .iter()
        .map(|error| {
            assert_eq!(error.code(), "ERR_STORE_TOO_LARGE");
            (error.details()["limit"].clone(), error.details()["allowed"].clone())
        })
        .collect();
    let expected = [
        ("store.limits.sourceBytes", 100),
        ("store.limits.argsBytes", 101),
        ("store.limits.entryBytes", 103),
    ];
    assert_eq!(named, expected.map(|(limit, allowed)| (limit.into(), allowed.into())));

    let lease = started(&store, "a");
    assert_eq!(
        code(store.append(&lease, batch(vec![entry(1, long.as_str())])).wait()),
        "ERR_STORE_TOO_LARGE"
    );
    let result = RunPatch { result: Some(Some(long.clone())), ..RunPatch::default() };
    let error = store.append(&lease, patch(result)).wait().unwrap_err();
    assert_eq!(error.to_string(), "the result of run a has 202 bytes; store.limits.resultBytes is 102");
    let new_source = RunPatch { source: Some(source(&"x".repeat(100))), ..RunPatch::default() };
    assert_eq!(code(store.append(&lease, patch(new_source)).wait()), "ERR_STORE_TOO_LARGE");
    assert_eq!(store.run(&id("a")).unwrap().summary.last_seq, 0);
}

#[test]
fn lists_are_filtered_and_begin_with_the_newest() {
    let folder = Folder::new();
    let store = folder.open();
    for (number, (name, status)) in [
        ("x", RunStatus::Running),
        ("y", RunStatus::Completed),
        ("x", RunStatus::Failed),
        ("x", RunStatus::Suspended),
    ]
    .into_iter()
    .enumerate()
    {
        let mut run = new_run(&format!("r{number}"));
        run.name = name.to_owned();
        let now = 100 * number as u64;
        let Created::New(lease) = store.create(run, TTL, now).wait().unwrap() else { panic!() };
        let status = RunPatch { status: Some(status), ..RunPatch::default() };
        store.append(&lease, Batch { patch: Some(status), at: now + 50, ..Batch::default() }).wait().unwrap();
    }
    let ids = |filter: Filter| -> Vec<String> {
        store.list(&filter).unwrap().into_iter().map(|run| run.id.to_string()).collect()
    };
    let all = Filter::default;
    assert_eq!(ids(all()), ["r3", "r2", "r1", "r0"]);
    assert_eq!(ids(Filter { limit: Some(2), ..all() }), ["r3", "r2"]);
    assert_eq!(ids(Filter { name: Some("x".to_owned()), ..all() }), ["r3", "r2", "r0"]);
    assert_eq!(ids(Filter { since: Some(100), until: Some(300), ..all() }), ["r2", "r1"]);
    assert_eq!(ids(Filter { finished_before: Some(200), ..all() }), ["r1"]);
    let status = vec![RunStatus::Failed, RunStatus::Running];
    assert_eq!(ids(Filter { status, name: Some("x".to_owned()), limit: Some(9), ..all() }), ["r2", "r0"]);
    assert_eq!(ids(Filter { name: Some("'".to_owned()), ..all() }), [""; 0]);
}

#[test]
fn what_waits_too_long_to_be_written_is_refused_and_nobody_waits_inside() {
    let folder = Folder::new();
    // A slow machine needs seconds to make so much text, and the writer has to wait for all of it.
    let patient = StoreOptions { busy_timeout_ms: 600_000, ..quick() };
    let store = SqliteStore::open(&folder.path(), patient).unwrap();
    let lease = started(&store, "a");
    // Somebody else writes, for as long as we like.
    let other = Connection::open(folder.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = format!("\"{}\"", "x".repeat(1 << 20));
    let mut waiting = Vec::new();
    let mut next = 1;
    let refused = loop {
        let append = store.append(&lease, batch(vec![entry(next, &body)]));
        // The last one resolves at once, the others cannot.
        if next > (writer::QUEUE_BYTES >> 20) as u64 {
            break append.wait();
        }
        waiting.push(append);
        next += 1;
    };
    assert_eq!(code(refused), "ERR_STORE_BUSY");
    let mut room = store.room();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(room.as_mut().poll(&mut context).is_pending());
    // A lease can be kept all the same.
    let renewed = store.renew(vec![lease.clone()], TTL, 500);
    other.execute_batch("ROLLBACK").unwrap();
    for append in waiting {
        append.wait().unwrap();
    }
    assert_eq!(renewed.wait().unwrap(), []);
    futures_util::FutureExt::now_or_never(store.room()).expect("everything is written");
    store.append(&lease, batch(vec![entry(next, &body)])).wait().unwrap();
    drop(store);
    check(&folder.path());
}

#[test]
fn what_cannot_be_written_alone_does_not_keep_others_from_being_written() {
    let folder = Folder::new();
    let store = folder.open();
    let (bad, good) = (started(&store, "bad"), started(&store, "good"));
    let long = format!("\"{}\"", "x".repeat(5_000));
    store.append(&bad, batch(vec![entry(1, &long)])).wait().unwrap();
    let other = Connection::open(folder.path()).unwrap();
    other.execute("DELETE FROM blobs WHERE length(body) > 4096", []).unwrap();
    // All of them wait, and are written together: the run with the damage in the middle.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let group = [
        store.append(&good, batch(numbered(1..=1))),
        store.append(&bad, batch(vec![entry(1, &long), entry(2, "2")])),
        store.append(&bad, batch(vec![entry(2, "2"), entry(3, "3")])),
        store.append(&good, batch(numbered(2..=2))),
    ];
    other.execute_batch("ROLLBACK").unwrap();
    let answers = group.map(|append| append.wait().map_err(|error| error.code()));
    assert_eq!(answers, [Ok(()), Err("ERR_STORE_CORRUPT"), Ok(()), Ok(())]);
    assert_eq!(store.run(&id("good")).unwrap().summary.last_seq, 2);
}

#[tokio::test]
async fn appends_can_be_awaited_and_closing_writes_them() {
    let folder = Folder::new();
    let store = folder.open();
    let Created::New(lease) = store.create(new_run("a"), TTL, 1).await.unwrap() else { panic!() };
    let appends: Vec<_> = (1..=100).map(|seq| store.append(&lease, batch(numbered(seq..=seq)))).collect();
    store.close().await.unwrap();
    for append in appends {
        append.await.unwrap();
    }
    assert_eq!(code(store.append(&lease, batch(numbered(101..=101))).await), "ERR_STORE_CLOSED");
    assert_eq!(code(store.delete(Selection::Ids(Vec::new()), false, 1).await), "ERR_STORE_CLOSED");
    store.close().await.unwrap();
    store.room().await;
    assert_eq!(store.entries(&id("a"), 1, 1_000).unwrap(), numbered(1..=100));
}

#[test]
fn people_can_read_the_journal_with_a_shell() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    let long = format!("\"{}\"", "x".repeat(5_000));
    store.append(&lease, batch(vec![entry(1, "true"), entry(2, &long)])).wait().unwrap();
    let connection = Connection::open(folder.path()).unwrap();
    let mut rows = connection.prepare("SELECT run, seq, kind, call, body FROM journal ORDER BY seq").unwrap();
    let rows: Vec<(String, i64, String, Option<i64>, String)> = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let ended = "call.ended".to_owned();
    let first = ("a".to_owned(), 1, ended.clone(), None, "true".to_owned());
    assert_eq!(rows, [first, ("a".to_owned(), 2, ended, Some(1), long)]);
}
