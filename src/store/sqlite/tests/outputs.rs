use super::*;

fn output(seq: u64, attempt: u32, raw: &str) -> RawOutput {
    RawOutput { seq, call: seq, attempt, at: 1_000 + seq, raw: json(raw) }
}

fn with(entries: Vec<Entry>, outputs: Vec<RawOutput>) -> Batch {
    Batch { outputs, ..batch(entries) }
}

fn long(text: &str) -> String {
    format!("\"{}\"", text.repeat(10_000))
}

#[test]
fn what_agents_print_comes_back_and_is_in_no_entry() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    let (short, long) = (r#"{"events":[1]}"#, long("x"));
    let all = [output(1, 1, short), output(2, 1, &long), output(2, 2, "null"), output(3, 1, &long)];
    store.append(&lease, with(numbered(1..=2), all[..3].to_vec())).wait().unwrap();
    store.append(&lease, with(numbered(3..=3), all[3..].to_vec())).wait().unwrap();
    assert_eq!(store.output_seqs(&id("a")).unwrap(), [1, 2, 3]);
    assert_eq!(store.outputs(&id("a"), &[2, 9, 1]).unwrap(), [&all[1..3], &all[..1]].concat());
    assert_eq!(store.entries(&id("a"), 1, 9).unwrap(), numbered(1..=3));
    // The source, and one body for both that are alike.
    assert_eq!(count(&folder.path(), "blobs"), 2);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    assert_eq!(code(store.output_seqs(&id("b"))), "ERR_UNKNOWN_RUN");
    assert_eq!(code(store.outputs(&id("b"), &[1])), "ERR_UNKNOWN_RUN");

    let reading = StoreOptions { read_only: true, ..quick() };
    let reader = SqliteStore::open(&folder.path(), reading).unwrap();
    assert_eq!(reader.outputs(&id("a"), &[1]).unwrap(), all[..1]);
}

#[test]
fn what_agents_print_is_written_with_its_entries_once_and_by_the_owner() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    let first = with(numbered(1..=1), vec![output(1, 1, "1")]);
    store.append(&lease, first.clone()).wait().unwrap();
    // The answer to the first write was lost.
    store.append(&lease, first).wait().unwrap();
    assert_eq!(count(&folder.path(), "outputs"), 1);
    // Nothing of a refused batch is written.
    let gap = with(numbered(3..=3), vec![output(3, 1, "3")]);
    assert_eq!(code(store.append(&lease, gap).wait()), "ERR_STORE_SEQUENCE");
    store.release(&lease, 300).wait().unwrap();
    let late = with(Vec::new(), vec![output(1, 2, "2")]);
    assert_eq!(code(store.append(&lease, late).wait()), "ERR_RUN_LEASE_LOST");
    assert_eq!(count(&folder.path(), "outputs"), 1);
}

#[test]
fn what_agents_print_counts_as_waiting_to_be_written() {
    let body = long("y");
    let cost = |batch: Batch| PreparedBatch::new(batch).cost();
    let more = cost(with(numbered(1..=1), vec![output(1, 1, &body)])) - cost(batch(numbered(1..=1)));
    assert!(more >= body.len(), "{more}");
}

#[test]
fn a_copy_shares_what_agents_have_printed() {
    let folder = Folder::new();
    let store = folder.open();
    let lease = started(&store, "a");
    let (short, long) = ("[1]", long("x"));
    let printed = vec![output(1, 1, &long), output(2, 1, short), output(2, 2, &long), output(3, 1, "3")];
    store.append(&lease, with(numbered(1..=3), printed)).wait().unwrap();
    let copy = NewRun {
        fork_of: Some(id("a")),
        entries: numbered(1..=2),
        outputs: vec![(1, 2), (2, 2), (7, 1)],
        ..new_run("b")
    };
    store.create(copy, TTL, 1).wait().unwrap();
    let at = |call: u64, attempt, raw: &str| RawOutput { seq: 2, ..output(call, attempt, raw) };
    // Both were the first attempt of theirs: the one that comes first stays.
    assert_eq!(store.outputs(&id("b"), &[1, 2]).unwrap(), [at(1, 1, &long), at(2, 2, &long)]);
    assert_eq!(count(&folder.path(), "blobs"), 2);
    // What the copy uses outlives the run that it was copied from.
    store.release(&lease, 300).wait().unwrap();
    store.delete(Selection::Ids(vec![id("a")]), false, 500).wait().unwrap();
    assert_eq!(store.outputs(&id("b"), &[2]).unwrap()[0].raw, json(&long));
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    drop(store);
    check(&folder.path());
}

#[test]
fn what_agents_have_printed_goes_with_its_run() {
    let folder = Folder::new();
    let store = folder.open();
    let (short, own, shared) = ("[1]", long("o"), long("s"));
    for name in ["a", "b"] {
        let lease = started(&store, name);
        let mut outputs = vec![output(1, 1, short), output(2, 1, &shared)];
        if name == "a" {
            outputs.push(output(2, 2, &own));
        }
        store.append(&lease, Batch { release: true, ..with(numbered(1..=2), outputs) }).wait().unwrap();
    }
    let bytes = numbered(1..=2).iter().map(|entry| entry.body.len()).sum::<usize>() + short.len() + own.len();
    let ids = || Selection::Ids(vec![id("a")]);
    let planned = store.delete(ids(), true, 500).wait().unwrap();
    assert_eq!((planned.entries, planned.bytes), (2, bytes as u64));
    assert_eq!(count(&folder.path(), "outputs"), 5);
    let deleted = store.delete(ids(), false, 500).wait().unwrap();
    assert_eq!((deleted.entries, deleted.bytes), (2, bytes as u64));
    assert_eq!(count(&folder.path(), "outputs"), 2);
    assert_eq!(store.outputs(&id("b"), &[2]).unwrap()[0].raw, json(&shared));
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
    drop(store);
    check(&folder.path());
}
