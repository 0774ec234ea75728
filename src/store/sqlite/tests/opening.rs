use std::fs;

use super::*;
use crate::store::tasks::TaskStore as _;

/// A store of format 1, as its first engine has written it: runs and entries with texts short and long.
const FORMAT_1: &str = include_str!("format-1.sql");
/// What an engine of format 2 has made of it.
const FORMAT_2: &str = include_str!("format-2.sql");

/// Every file that belongs to a store, and what is in it.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn format(path: &Path) -> i64 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_store_is_created_for_its_owner_only() {
    let folder = Folder::new();
    let missing = StoreOptions { create: false, ..quick() };
    let error = SqliteStore::open(&folder.path(), missing).unwrap_err();
    assert_eq!(error, StoreError::Missing { path: folder.path() });
    let reading = StoreOptions { read_only: true, ..quick() };
    assert_eq!(code(SqliteStore::open(&folder.path(), reading)), "ERR_STORE_MISSING");
    assert!(!folder.path().parent().unwrap().exists());

    let store = folder.open();
    assert_eq!(store.path(), folder.path());
    started(&store, "a");
    #[cfg(unix)]
    for (name, mode) in
        [("runs.db", 0o600), ("runs.db-wal", 0o600), ("runs.db-shm", 0o600), ("runs.db-owners", 0o700)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let found = fs::metadata(folder.path().with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
    drop(store);
    // Nothing is left beside it but the empty folder of its owners.
    assert_eq!(files(&folder.path()).keys().collect::<Vec<_>>(), ["runs.db"]);
    assert_eq!(fs::read_dir(presence::folder(&folder.path())).unwrap().count(), 0);
    SqliteStore::open(&folder.path(), missing).unwrap();
}

#[test]
fn paths_mean_themselves() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b.db", "50%.db", "%41.db", "what?mode=memory", "#1.db", "ü.db", "file:x.db", ":memory:"]
    {
        let path = folder.path().join(name);
        started(&SqliteStore::open(&path, quick()).unwrap(), "a");
        assert!(path.is_file(), "{name}");
        let store = SqliteStore::open(&path, StoreOptions { create: false, ..quick() }).unwrap();
        store.run(&id("a")).unwrap();
    }
}

#[test]
fn what_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "nothing").unwrap();
    let long_text = folder.path().join("long");
    fs::write(&long_text, "nothing ".repeat(1_000)).unwrap();
    let database = folder.path().join("database");
    Connection::open(&database)
        .unwrap()
        .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .unwrap();
    for path in [&text, &long_text, &database] {
        let before = files(path);
        let error = SqliteStore::open(path, quick()).unwrap_err();
        assert_eq!(error.code(), "ERR_STORE_FOREIGN", "{error}");
        assert_eq!(files(path), before);
    }
    assert_eq!(code(SqliteStore::open(folder.path(), quick())), "ERR_STORE_FOREIGN");
    let below_a_file = text.join("runs.db");
    assert_eq!(code(SqliteStore::open(&below_a_file, quick())), "ERR_STORE_IO");
    // An empty file is as good as none.
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let reading = StoreOptions { read_only: true, ..quick() };
    assert_eq!(code(SqliteStore::open(&empty, reading)), "ERR_STORE_FOREIGN");
    SqliteStore::open(&empty, quick()).unwrap();
    assert_eq!(format(&empty), 3);
}

#[test]
fn a_store_of_a_newer_format_is_left_alone() {
    let folder = Folder::new();
    drop(folder.open());
    Connection::open(folder.path()).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = files(&folder.path());
    let error = SqliteStore::open(&folder.path(), quick()).unwrap_err();
    assert_eq!(error, StoreError::Version { path: folder.path(), found: 7, known: 3 });
    assert_eq!(files(&folder.path()), before);

    // The same while the news is in the log only.
    let folder = Folder::new();
    drop(folder.open());
    let newer = Connection::open(folder.path()).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    let before = files(&folder.path());
    assert_eq!(code(SqliteStore::open(&folder.path(), quick())), "ERR_STORE_VERSION");
    let after = files(&folder.path());
    for name in ["runs.db", "runs.db-wal"] {
        assert!(before[name] == after[name], "{name} was changed");
    }
}

#[test]
fn a_store_of_an_older_format_is_brought_up_to_date() {
    const NEXT: &[&str] = &[
        MIGRATIONS[0],
        "ALTER TABLE runs ADD COLUMN note TEXT; UPDATE runs SET note = id || ' of format ' || epoch",
        "UPDATE runs SET note = note || '!'",
        "UPDATE runs SET note = note || '?'",
    ];
    const BROKEN: &[&str] =
        &[MIGRATIONS[0], "ALTER TABLE runs ADD COLUMN note TEXT", "INSERT INTO nowhere VALUES (1)"];
    let folder = Folder::new();
    fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
    Connection::open(folder.path()).unwrap().execute_batch(FORMAT_1).unwrap();

    // All of it or nothing.
    let error = SqliteStore::open_in(&folder.path(), quick(), None, BROKEN).unwrap_err();
    assert!(error.to_string().contains("no such table: nowhere"), "{error}");
    assert_eq!(format(&folder.path()), 1);
    let reading = StoreOptions { read_only: true, ..quick() };
    let error = SqliteStore::open_in(&folder.path(), reading, None, NEXT).unwrap_err();
    assert_eq!(error.code(), "ERR_STORE_READ_ONLY");
    assert!(error.to_string().ends_with("its format 1 has to be brought up to date first"), "{error}");

    drop(SqliteStore::open_in(&folder.path(), quick(), None, NEXT).unwrap());
    assert_eq!(format(&folder.path()), 4);
    let connection = Connection::open(folder.path()).unwrap();
    let note: String =
        connection.query_row("SELECT note FROM runs WHERE id = 'old'", [], |row| row.get(0)).unwrap();
    assert_eq!(note, "old of format 2!?");
    drop(connection);
    // What is up to date stays as it is, and an engine that knows less refuses it.
    drop(SqliteStore::open_in(&folder.path(), quick(), None, NEXT).unwrap());
    let error = SqliteStore::open(&folder.path(), quick()).unwrap_err();
    assert_eq!(error, StoreError::Version { path: folder.path(), found: 4, known: 3 });
}

#[test]
fn a_store_of_format_1_is_read_and_written() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
    Connection::open(folder.path()).unwrap().execute_batch(FORMAT_1).unwrap();
    let store = folder.open();
    let record = store.run(&id("old")).unwrap();
    assert_eq!(record.summary.status, RunStatus::Running);
    assert_eq!((record.source, record.args), (source("return 1\n"), Some(json(r#"{"count":3}"#))));
    let Created::Existing { same_source, same_args, .. } =
        store.create(NewRun { id: id("old"), ..new_run("old") }, TTL, 1).wait().unwrap()
    else {
        panic!()
    };
    assert!(same_source && same_args, "what identifies sources and args may never change");
    let long = format!("\"{}\"", "x".repeat(5_000));
    let entries = vec![entry(1, "123"), entry(2, &long), entry(3, r#"{"n":3}"#)];
    assert_eq!(store.entries(&id("old"), 1, 9).unwrap(), entries);
    // Its owner is long gone, and its lease has not run out.
    let claimed = store.claim(&id("old"), TTL, 1).wait().unwrap();
    assert_eq!(claimed.lease.epoch, 3);
    store
        .append(&claimed.lease, batch(vec![entry(2, &long), entry(3, r#"{"n":3}"#), entry(4, "4")]))
        .wait()
        .unwrap();
    // What came with format 2.
    store.create_queue("q", 1).wait().unwrap();
    assert_eq!(store.queues().unwrap(), ["q"]);
    drop(store);
    check(&folder.path());
    assert_eq!(format(&folder.path()), 3);
}

#[test]
fn the_runs_of_a_store_of_format_2_go_on_and_keep_what_agents_print() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
    let old = Connection::open(folder.path()).unwrap();
    old.execute_batch(FORMAT_1).unwrap();
    old.execute_batch(FORMAT_2).unwrap();
    drop(old);
    let store = folder.open();
    let entries = store.entries(&id("old"), 1, 9).unwrap();
    assert_eq!(entries.len(), 3);
    // Nothing was kept of what its agents have printed so far.
    assert_eq!(store.output_seqs(&id("old")).unwrap(), [0; 0]);
    let lease = store.claim(&id("old"), TTL, 1).wait().unwrap().lease;
    let raw = json(&format!("\"{}\"", "x".repeat(5_000)));
    let output = RawOutput { seq: 4, call: 2, attempt: 1, at: 5, raw };
    let more = Batch { outputs: vec![output.clone()], ..batch(vec![entry(4, "4")]) };
    store.append(&lease, more).wait().unwrap();
    assert_eq!(store.outputs(&id("old"), &[4]).unwrap(), [output]);
    // Its long text is the same as that of an entry, and is there once.
    assert_eq!(count(&folder.path(), "blobs WHERE length(body) > 4096"), 1);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    drop(store);
    check(&folder.path());
    assert_eq!(format(&folder.path()), 3);
}

#[test]
fn many_open_a_new_store_at_once() {
    for _ in 0..10 {
        let folder = Folder::new();
        std::thread::scope(|scope| {
            for number in 0..6 {
                let folder = &folder;
                scope.spawn(move || {
                    let store = folder.open();
                    let lease = started(&store, &number.to_string());
                    store.append(&lease, batch(numbered(1..=3))).wait().unwrap();
                });
            }
        });
        check(&folder.path());
        assert_eq!(count(&folder.path(), "runs"), 6);
    }
}

#[test]
fn a_store_that_is_opened_for_reading_is_not_written() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    store.append(&lease, batch(numbered(1..=3))).wait().unwrap();
    let reading = StoreOptions { read_only: true, ..quick() };
    let reader = SqliteStore::open(&folder.path(), reading).unwrap();
    assert_eq!(reader.entries(&id("a"), 1, 9).unwrap(), numbered(1..=3));
    store.append(&lease, batch(numbered(4..=4))).wait().unwrap();
    assert_eq!(reader.run(&id("a")).unwrap().summary.last_seq, 4);
    assert_eq!(code(reader.create(new_run("b"), TTL, 1).wait()), "ERR_STORE_READ_ONLY");
    assert_eq!(code(reader.append(&lease, batch(numbered(5..=5))).wait()), "ERR_STORE_READ_ONLY");
    assert_eq!(code(reader.delete(Selection::Ids(vec![]), true, 1).wait()), "ERR_STORE_READ_ONLY");
    assert_eq!(code(reader.cancel_requests()), "ERR_STORE_READ_ONLY");
    futures_util::FutureExt::now_or_never(reader.room()).expect("nothing waits");
    reader.close().wait().unwrap();
}

#[test]
fn a_locked_store_says_so_after_a_while() {
    let folder = Folder::new();
    let impatient = StoreOptions { busy_timeout_ms: 20, ..quick() };
    let store = SqliteStore::open(&folder.path(), impatient).unwrap();
    let lease = started(&store, "a");
    let other = Connection::open(folder.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.append(&lease, batch(numbered(1..=1))).wait().unwrap_err();
    assert_eq!(error, StoreError::Locked { path: folder.path(), waited_ms: 20 });
    assert_eq!(code(SqliteStore::open(&folder.path(), impatient)), "ERR_STORE_LOCKED");
    // Reading goes on, and so does writing afterwards.
    assert_eq!(store.run(&id("a")).unwrap().summary.last_seq, 0);
    other.execute_batch("ROLLBACK").unwrap();
    store.append(&lease, batch(numbered(1..=1))).wait().unwrap();
}

#[test]
fn a_damaged_store_says_what_to_do() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    store.append(&lease, batch(numbered(1..=2_000))).wait().unwrap();
    let good = started(&store, "good");
    drop(store);
    let connection = Connection::open(folder.path()).unwrap();
    let root: u64 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'", [], |row| {
            row.get::<_, u32>(0)
        })
        .unwrap()
        .into();
    drop(connection);
    let mut bytes = fs::read(folder.path()).unwrap();
    let page = usize::try_from((root - 1) * 4096).unwrap();
    bytes[page..page + 4096].fill(0xAB);
    fs::write(folder.path(), bytes).unwrap();

    let store = folder.open();
    let error = store.entries(&id("a"), 1, 10).unwrap_err();
    assert_eq!(error.code(), "ERR_STORE_CORRUPT");
    assert!(error.hint().unwrap().contains(".recover"));
    assert_eq!(error.details()["path"], folder.path().to_str().unwrap());
    let claimed = store.claim(&good.run, TTL, 1).wait();
    assert_eq!(code(claimed), "ERR_STORE_CORRUPT");
    // What the damage does not concern still works.
    assert_eq!(store.next_wake(0).unwrap(), None);
}

/// As a user who may read the file and no more. Needs a user other than root, whom nothing keeps from writing.
#[cfg(unix)]
#[test]
fn a_write_protected_store_says_so() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let folder = Folder::new();
    drop(folder.open());
    let place = folder.path();
    let state = place.parent().unwrap();
    for (path, mode) in
        [(folder.0.path(), 0o755), (state, 0o555), (&place, 0o444), (&presence::folder(&place), 0o555)]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut reader = crash::part("opens", &place);
    if fs::File::options().write(true).open(&place).is_ok() {
        reader.uid(65534).gid(65534);
    }
    let said = crash::output(reader);
    fs::set_permissions(state, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(said, "ERR_STORE_READ_ONLY\n");
}

#[test]
fn what_is_wrong_with_a_store_is_found() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    let long = format!("\"{}\"", "x".repeat(10_000));
    let outputs = vec![RawOutput { seq: 3, call: 1, attempt: 1, at: 1, raw: json(&long) }];
    let entries = vec![entry(1, "1"), entry(2, &long), entry(3, "3")];
    store.append(&lease, Batch { outputs, ..batch(entries) }).wait().unwrap();
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    for (damage, expected) in [
        ("DELETE FROM entries WHERE body = '1'", vec!["the journal of a run has a gap: a"]),
        ("DELETE FROM blob_uses", vec!["a text that nobody has: 1", "a text that nobody has: 2"]),
        ("DELETE FROM blobs", vec!["a text is missing, in the journal of: a", "an output is missing, of: a"]),
        ("DELETE FROM runs", vec!["entries of a run that is not there: 1"]),
        ("DELETE FROM entries WHERE body = '3'", vec!["an output of an entry that is not there: a"]),
    ] {
        let mut connection = Connection::open(folder.path()).unwrap();
        let transaction = connection.transaction().unwrap();
        assert!(transaction.execute(damage, []).unwrap() > 0, "{damage}");
        let found = super::super::read::verify(&transaction).map_err(|_| damage).unwrap();
        assert_eq!(found, expected, "{damage}");
        transaction.rollback().unwrap();
    }
}

#[test]
fn a_file_that_its_log_makes_whole_is_not_damaged() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    // The file grows, so that its first page is in the log.
    let long = format!("\"{}\"", "x".repeat(3_000));
    let entries = (1..100).map(|seq| entry(seq, &long)).collect();
    store.append(&lease, batch(entries)).wait().unwrap();
    // As a kill leaves it in the middle of a checkpoint: the first page is there, which says how long the file is, and
    // the last ones are not.
    let copy = Folder::new();
    fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
    for name in ["runs.db", "runs.db-wal"] {
        fs::copy(folder.path().with_file_name(name), copy.path().with_file_name(name)).unwrap();
    }
    let mut bytes = fs::read(copy.path()).unwrap();
    bytes[28..32].copy_from_slice(&100_000_u32.to_be_bytes());
    fs::write(copy.path(), &bytes).unwrap();
    let alone = Connection::open_with_flags(
        format!("file:{}?immutable=1", copy.path().display()),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI,
    );
    let read = alone.unwrap().pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert!(read.is_err(), "the file is whole without its log");
    let reading = SqliteStore::open(&copy.path(), StoreOptions { read_only: true, ..quick() }).unwrap();
    assert_eq!(reading.run(&id("a")).unwrap().summary.id, id("a"));
    assert_eq!(copy.open().verify().unwrap(), Vec::<String>::new());
}
