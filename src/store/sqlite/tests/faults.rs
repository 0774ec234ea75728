//! The N-th operation on the disk fails, for every N that there is.

use super::super::testing::{FOR_EVER, Failing, Fault, Files, Operation};
use super::*;

use crate::model::tasks::{Claim, Claiming, Spawn, TaskState};
use crate::store::tasks::TaskStore as _;

fn open_failing(path: &Path) -> Result<SqliteStore, StoreError> {
    testing::open_failing(path, StoreOptions::default())
}

/// What happens to a store: each step is one write, which may be tried again. The runs are `kept`, and `gone` in the end.
struct Story<'a> {
    store: &'a SqliteStore,
    failing: &'a Failing,
    /// The errors on the way.
    errors: Vec<StoreError>,
}

impl Story<'_> {
    /// Tries until it works. What stays broken is mended after it was seen twice.
    fn insist<T>(&mut self, step: impl Fn(&SqliteStore) -> Pending<T>) -> T {
        for attempt in 1.. {
            match step(self.store).wait() {
                Ok(done) => return done,
                Err(error) => self.errors.push(error),
            }
            if attempt == 2 {
                self.failing.disarm();
            }
            assert!(attempt < 4, "{:?}", self.errors);
        }
        unreachable!()
    }

    fn create(&mut self, name: &'static str) -> Lease {
        match self.insist(|store| store.create(new_run(name), TTL, 100)) {
            Created::New(lease) => lease,
            // Written, and reported as failed: whoever finds its own run there owns it.
            Created::Existing { record, .. } => {
                let owner = record.summary.owner.unwrap().number;
                let number = rows::number(&self.store.place.connect().unwrap(), &id(name)).unwrap().unwrap();
                Lease { run: id(name), number, epoch: 1, owner }
            }
        }
    }

    fn tell(&mut self) {
        let kept = self.create("kept");
        let mut last = 0;
        for length in [1, 3, 10] {
            let entries: Vec<Entry> = (last + 1..=last + length).map(told).collect();
            last += length;
            let usage = UsageTotals { spent: last as f64, report: None };
            let change = RunPatch { usage: Some(usage), ..RunPatch::default() };
            self.insist(|store| {
                let change = Some(change.clone());
                store.append(&kept, Batch { patch: change, ..with_outputs(entries.clone()) })
            });
            testing::acknowledge(last);
            // Not synced by itself, and between what is.
            let process = ProcessNote { pid: 1, pgid: 1, start_time: last, marker: "m".to_owned() };
            self.insist(|store| store.note_process(&kept, process.clone()));
        }
        let gone = self.create("gone");
        self.insist(|store| store.append(&gone, with_outputs((1..=20).map(told).collect())));
        self.insist(|store| store.renew(vec![kept.clone()], TTL, 200));
        for attempt in 1.. {
            match self.store.delete(Selection::Ids(vec![id("gone")]), false, 9_000).wait() {
                Ok(_) => break,
                // Gone, though its space may not have been given back.
                Err(StoreError::UnknownRun { .. }) if attempt > 1 => break,
                Err(error) => self.errors.push(error),
            }
            if attempt == 2 {
                self.failing.disarm();
            }
            assert!(attempt < 4, "{:?}", self.errors);
        }
        self.insist(|store| store.append(&kept, with_outputs((15..=16).map(told).collect())));
        testing::acknowledge(16);
    }
}

/// Entries with long bodies among them, that runs share.
fn told(seq: u64) -> Entry {
    let text = if seq.is_multiple_of(4) { "x".repeat(9_000) } else { format!("entry {seq}") };
    entry(seq, &format!("\"{text}\""))
}

/// Some of the entries have something that an agent has printed.
fn with_outputs(entries: Vec<Entry>) -> Batch {
    let printed = entries.iter().filter(|entry| is_printed(entry.seq)).map(|entry| {
        let Entry { seq, at, body, .. } = entry.clone();
        RawOutput { seq, call: seq, attempt: 1, at, raw: body }
    });
    Batch { outputs: printed.collect(), ..batch(entries) }
}

fn is_printed(seq: u64) -> bool {
    seq.is_multiple_of(3) || seq == 16
}

fn is_whole(path: &Path, at_least: u64) {
    check(path);
    let store = SqliteStore::open(path, quick()).unwrap();
    let entries = store.entries(&id("kept"), 1, 100).unwrap();
    assert!(entries.len() as u64 >= at_least, "{} of {at_least} entries are there", entries.len());
    let printed: Vec<u64> = (1..=entries.len() as u64).filter(|seq| is_printed(*seq)).collect();
    assert_eq!(store.output_seqs(&id("kept")).unwrap(), printed, "outputs come with their entries");
    let printed = store.outputs(&id("kept"), &printed).unwrap();
    assert!(printed.iter().all(|output| output.raw == told(output.seq).body));
    for (seq, found) in (1..).zip(entries) {
        assert_eq!(found, told(seq));
    }
}

#[test]
fn whichever_operation_fails_nothing_is_lost_and_the_store_goes_on() {
    let failing = Failing::turn();
    for (fault, times, expected) in [
        (Fault::Full, 1, "ERR_STORE_FULL"),
        (Fault::Full, FOR_EVER, "ERR_STORE_FULL"),
        (Fault::Broken, 1, "ERR_STORE_IO"),
        (Fault::Broken, FOR_EVER, "ERR_STORE_IO"),
    ] {
        let mut seen = 0;
        for at in 1.. {
            let folder = Folder::without_disk();
            let store = open_failing(&folder.path()).unwrap();
            failing.arm(fault, at, times);
            let mut story = Story { store: &store, failing: &failing, errors: Vec::new() };
            story.tell();
            for error in &story.errors {
                assert_eq!(error.code(), expected, "{error} at {at}");
            }
            seen += story.errors.len();
            let before_its_end = failing.disarm();
            failing.arm(fault, if before_its_end { u64::MAX } else { at }, times);
            drop(store);
            failing.disarm();
            is_whole(&folder.path(), 16);
            let store = folder.open();
            assert_eq!(store.run(&id("kept")).unwrap().summary.spent, 14.0);
            assert_eq!(code(store.run(&id("gone"))), "ERR_UNKNOWN_RUN");
            if !before_its_end {
                assert!(at > 30, "{fault:?} was over after {at} operations");
                break;
            }
        }
        assert!(seen > 20, "{fault:?}: only {seen} errors were seen");
    }
}

#[test]
fn whichever_operation_fails_while_opening_it_can_be_opened_again() {
    let failing = Failing::turn();
    for (fault, least) in [
        (Fault::Full, 5),
        (Fault::Broken, 5),
        (Fault::BrokenAt(Operation::Open), 2),
        (Fault::BrokenAt(Operation::Map), 1),
    ] {
        for at in 1.. {
            let folder = Folder::without_disk();
            failing.arm(fault, at, 1);
            let opened = open_failing(&folder.path());
            let happened = failing.disarm();
            if let Err(error) = &opened {
                assert!(["ERR_STORE_FULL", "ERR_STORE_IO"].contains(&error.code()), "{error} at {at}");
            }
            drop(opened);
            let store = folder.open();
            let lease = started(&store, "a");
            store.append(&lease, batch(numbered(1..=3))).wait().unwrap();
            drop(store);
            check(&folder.path());
            if !happened {
                assert!(at > least, "{fault:?} was over after {at} operations");
                break;
            }
        }
    }
}

#[test]
fn what_is_tried_again_at_once_does_not_fail_with_what_failed() {
    let failing = Failing::turn();
    let folder = Folder::without_disk();
    let store = Arc::new(open_failing(&folder.path()).unwrap());
    failing.arm(Fault::Full, 1, 1);
    let (tell, told) = std::sync::mpsc::channel();
    let there = store.clone();
    // Most of it on the thread of the store, in the moment in which the first answer is given.
    OnWake::start(async move {
        let first = there.create(new_run("a"), TTL, 100).await.map(drop);
        let second = there.create(new_run("a"), TTL, 100).await;
        tell.send((code(first), matches!(second, Ok(Created::New(_))))).unwrap();
    });
    assert_eq!(told.recv().unwrap(), ("ERR_STORE_FULL", true));
    store.close().wait().unwrap();
}

#[test]
fn a_lease_that_could_not_be_given_back_stands_in_nobodys_way_here() {
    let failing = Failing::turn();
    let folder = Folder::without_disk();
    let (store, other) = (open_failing(&folder.path()).unwrap(), folder.open());
    let lease = started(&store, "a");
    failing.arm(Fault::Full, 1, FOR_EVER);
    assert_eq!(code(store.release(&lease, 200).wait()), "ERR_STORE_FULL");
    failing.disarm();
    // Others cannot know it.
    assert_eq!(code(other.claim(&id("a"), TTL, 300).wait()), "ERR_RUN_OWNED");
    let again = store.claim(&id("a"), TTL, 300).wait().unwrap().lease;
    assert_eq!(again.epoch, 2);
    // Now somebody has it once more.
    assert_eq!(code(store.claim(&id("a"), TTL, 300).wait()), "ERR_RUN_OWNED");
    assert_eq!(code(store.append(&lease, batch(numbered(1..=1))).wait()), "ERR_RUN_LEASE_LOST");
    store.append(&again, batch(numbered(1..=1))).wait().unwrap();
}

fn restore(files: &Files) -> Folder {
    let folder = Folder::without_disk();
    let state = folder.path().parent().unwrap().to_owned();
    std::fs::create_dir_all(&state).unwrap();
    for (path, bytes) in files {
        std::fs::write(state.join(path.file_name().unwrap()), bytes).unwrap();
    }
    folder
}

#[test]
fn what_is_acknowledged_survives_a_loss_of_power_at_any_moment() {
    let failing = Failing::turn();
    for at in 1.. {
        let folder = Folder::without_disk();
        let store = open_failing(&folder.path()).unwrap();
        failing.arm(Fault::PowerLoss, at, 1);
        let mut story = Story { store: &store, failing: &failing, errors: Vec::new() };
        story.tell();
        assert_eq!(story.errors, []);
        drop(store);
        if !failing.disarm() {
            assert!(at > 30, "{at}");
            break;
        }
        let held = failing.held();
        // What was written after the last sync may be there or not, in each file.
        for (database, log) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut files = Files::new();
            for (is_log, written) in [(false, database), (true, log)] {
                let files_then = if written { &held.written } else { &held.synced };
                let of_this_kind =
                    files_then.iter().filter(|(path, _)| path.ends_with("runs.db-wal") == is_log);
                files.extend(of_this_kind.map(|(path, bytes)| (path.clone(), bytes.clone())));
            }
            let restored = restore(&files);
            if held.acknowledged == 0 {
                check(&restored.path());
            } else {
                is_whole(&restored.path(), held.acknowledged);
            }
        }
    }
}

#[test]
fn a_store_whose_maker_was_killed_at_any_moment_can_be_opened() {
    let failing = Failing::turn();
    for at in 1.. {
        let folder = Folder::without_disk();
        failing.arm(Fault::PowerLoss, at, 1);
        drop(open_failing(&folder.path()).unwrap());
        if !failing.disarm() {
            assert!(at > 20, "{at}");
            break;
        }
        let restored = restore(&failing.held().written);
        let store = SqliteStore::open(&restored.path(), quick());
        assert!(store.is_ok(), "operation {at}: {store:?}");
        drop(store);
        check(&restored.path());
    }
}

/// A task from its queue to its end, each step of it tried until it works.
fn work(story: &mut Story<'_>) {
    let spawn: Spawn = serde_json::from_value(serde_json::json!({
        "queue": "q", "name": "t", "params": "1", "maxAttempts": 1, "idempotencyKey": "k",
    }))
    .unwrap();
    story.insist(|store| store.create_queue("q", 1));
    let run = story.insist(|store| store.spawn(spawn.clone(), 2)).run;
    let claiming = Claiming { queue: "q".to_owned(), worker: "w".to_owned(), timeout_ms: TTL, limit: 1 };
    let claimed = story.insist(|store| store.claim_tasks(claiming.clone(), 3));
    // None: the claim was written, and reported as failed.
    let claim = Claim { run, claim: claimed.first().map(|task| task.claim) };
    for step in ["a", "b", "c"] {
        let state = format!("\"{}\"", step.repeat(9_000));
        story.insist(|store| store.set_checkpoint(claim.clone(), step.to_owned(), state.clone(), TTL, 4));
    }
    story.insist(|store| store.emit("q", "e".to_owned(), "1".to_owned(), Some(claim.clone()), 5));
    for attempt in 1.. {
        match story.store.complete(claim.clone(), "2".to_owned(), 6).wait() {
            Ok(()) => break,
            Err(StoreError::ClaimLost { .. }) if attempt > 1 => break,
            Err(error) => story.errors.push(error),
        }
        if attempt == 2 {
            story.failing.disarm();
        }
        assert!(attempt < 4, "{:?}", story.errors);
    }
}

#[test]
fn whichever_operation_fails_no_step_of_a_task_is_lost() {
    let failing = Failing::turn();
    let mut seen = 0;
    for (fault, times) in [(Fault::Full, FOR_EVER), (Fault::Broken, 1), (Fault::Broken, FOR_EVER)] {
        for at in 1.. {
            let folder = Folder::without_disk();
            let store = open_failing(&folder.path()).unwrap();
            failing.arm(fault, at, times);
            let mut story = Story { store: &store, failing: &failing, errors: Vec::new() };
            work(&mut story);
            seen += story.errors.len();
            let before_its_end = failing.disarm();
            drop(store);
            check(&folder.path());
            let store = folder.open();
            let task = Connection::open(folder.path())
                .unwrap()
                .query_row("SELECT id FROM tasks", [], |row| row.get::<_, String>(0))
                .unwrap();
            let record = store.task("q", &task).unwrap().unwrap();
            assert_eq!((record.state, record.attempt), (TaskState::Completed, 1));
            let steps = store.checkpoints(&task).unwrap();
            assert_eq!(
                steps.iter().map(|(name, state)| (&**name, state.len())).collect::<Vec<_>>(),
                [("a", 9_002), ("b", 9_002), ("c", 9_002)]
            );
            assert_eq!(count(&folder.path(), "tasks"), 1);
            if !before_its_end {
                assert!(at > 10, "{fault:?} was over after {at} operations");
                break;
            }
        }
    }
    assert!(seen > 20, "only {seen} errors were seen");
}
