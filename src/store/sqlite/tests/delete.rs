use super::*;

/// A run that is over and owned by nobody.
fn finished(store: &SqliteStore, name: &str, source_text: &str, entries: Vec<Entry>) {
    let mut run = new_run(name);
    run.source = source(source_text);
    run.entries = entries;
    let Created::New(lease) = store.create(run, TTL, 100).wait().unwrap() else { panic!() };
    let done = RunPatch { status: Some(RunStatus::Completed), ..RunPatch::default() };
    store.append(&lease, Batch { release: true, ..patch(done) }).wait().unwrap();
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn what_is_deleted_leaves_nothing_and_the_file_shrinks() {
    let folder = Folder::new();
    let path = folder.path();
    let store = folder.open();
    let shared = format!("\"{}\"", "s".repeat(10_000));
    let own = |name: &str| format!("\"{}\"", name.repeat(1_000_000));
    for name in ["a", "b", "c"] {
        finished(&store, name, "return 1\n", vec![entry(1, &shared), entry(2, &own(name)), entry(3, "3")]);
    }
    let process = ProcessNote { pid: 1, pgid: 1, start_time: 1, marker: String::new() };
    let lease = store.claim(&id("a"), TTL, 200).wait().unwrap().lease;
    store.note_process(&lease, process).wait().unwrap();
    store.release(&lease, 300).wait().unwrap();

    let ids = Selection::Ids(vec![id("a"), id("b"), id("a")]);
    let planned = store.delete(ids.clone(), true, 500).wait().unwrap();
    // Each run's own texts; what `c` needs too stays.
    let bytes = 2 * (own("a").len() as u64 + 1);
    assert_eq!(planned, Deleted { runs: 2, entries: 6, bytes, file_bytes: 0 });
    assert_eq!(count(&path, "runs"), 3);

    store.close().wait().unwrap();
    drop(store);
    let before = size(&path);
    let store = folder.open();
    let deleted = store.delete(ids.clone(), false, 500).wait().unwrap();
    assert_eq!((deleted.runs, deleted.entries, deleted.bytes), (2, 6, bytes));
    // Whole pages, and those that others need stay.
    assert!(deleted.file_bytes + 2 * 4_096 > bytes, "{deleted:?}");
    assert_eq!(size(&path), before - deleted.file_bytes);
    for (what, left) in [("runs", 1), ("entries", 3), ("blobs", 3), ("blob_uses", 3), ("processes", 0)] {
        assert_eq!(count(&path, what), left, "{what}");
    }
    assert_eq!(store.entries(&id("c"), 1, 9).unwrap()[0], entry(1, &shared));
    assert_eq!(code(store.delete(ids, false, 500).wait()), "ERR_UNKNOWN_RUN");
    drop(store);
    check(&path);
}

#[test]
fn what_somebody_works_on_is_not_deleted() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), folder.open());
    let lease = started(&one, "a");
    finished(&one, "b", "return 2\n", numbered(1..=2));
    for store in [&one, &two] {
        for dry_run in [true, false] {
            let both = Selection::Ids(vec![id("b"), id("a")]);
            assert_eq!(code(store.delete(both, dry_run, 500).wait()), "ERR_RUN_OWNED");
        }
    }
    assert_eq!(count(&folder.path(), "runs"), 2);
    let all = Selection::Filter(Filter::default());
    assert_eq!(two.delete(all.clone(), true, 500).wait().unwrap().runs, 1);
    assert_eq!(two.delete(all.clone(), false, 500).wait().unwrap().entries, 2);
    one.append(&lease, batch(numbered(1..=1))).wait().unwrap();
    // Gone, and not heard of again.
    drop(one);
    assert_eq!(two.delete(all, false, 500).wait().unwrap().runs, 1);
    assert_eq!(count(&folder.path(), "runs"), 0);
}

#[test]
fn others_write_while_much_is_deleted() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    for number in 0..30 {
        finished(&store, &format!("r{number}"), &format!("return {number}\n"), numbered(1..=1_000));
    }
    let lease = started(&store, "a");
    // Nothing can be written yet.
    let other = Connection::open(folder.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let there = store.clone();
    // On the thread that deletes: it is never ahead of us by more than a step, however busy the machine is.
    OnWake::start(async move {
        there.append(&lease, batch(numbered(1..=1))).await.unwrap();
        let over = Filter { status: vec![RunStatus::Completed], ..Filter::default() };
        let deletion = there.delete(Selection::Filter(over), false, 500);
        for seq in 2..=6 {
            there.append(&lease, batch(numbered(seq..=seq))).await.unwrap();
        }
        let left = there.list(&Filter::default()).unwrap().len();
        tell.send((left, deletion.await.unwrap())).unwrap();
    });
    other.execute_batch("ROLLBACK").unwrap();
    let (left, deleted) = told.recv().unwrap();
    // A journal of 30 000 entries is not gone in five steps.
    assert!(left > 1);
    assert_eq!((deleted.runs, deleted.entries), (30, 30_000));
    assert_eq!(store.list(&Filter::default()).unwrap().len(), 1);
    store.close().wait().unwrap();
    drop((store, other));
    check(&folder.path());
}
