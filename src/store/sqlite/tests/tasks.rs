//! Queues of tasks, through their interface.

use std::collections::BTreeSet;

use super::*;
use crate::model::tasks::*;
use crate::store::tasks::TaskStore as _;

const TIMEOUT: u64 = 1_000;

/// A store with the queue `q`.
fn open(folder: &Folder) -> SqliteStore {
    let store = folder.open();
    store.create_queue("q", 1).wait().unwrap();
    store
}

fn task(name: &str) -> Spawn {
    Spawn {
        queue: "q".to_owned(),
        name: name.to_owned(),
        params: r#"{"n":1}"#.to_owned(),
        headers: None,
        max_attempts: 3.0,
        retry_strategy: None,
        cancellation: None,
        idempotency_key: None,
    }
}

fn spawned(store: &SqliteStore, spawn: Spawn, now: u64) -> String {
    store.spawn(spawn, now).wait().unwrap().task
}

fn claims(store: &SqliteStore, limit: u32, now: u64) -> Vec<ClaimedTask> {
    let claiming = Claiming { queue: "q".to_owned(), worker: "w".to_owned(), timeout_ms: TIMEOUT, limit };
    store.claim_tasks(claiming, now).wait().unwrap()
}

fn claim(store: &SqliteStore, now: u64) -> (ClaimedTask, Claim) {
    let task = claims(store, 1, now).pop().expect("there is a task");
    let claim = Claim { run: task.run_id.clone(), claim: Some(task.claim) };
    (task, claim)
}

fn record(store: &SqliteStore, task: &str) -> TaskRecord {
    store.task("q", task).unwrap().unwrap()
}

fn state(store: &SqliteStore, task: &str) -> (TaskState, u32) {
    let record = record(store, task);
    (record.state, record.attempt)
}

fn reason(store: &SqliteStore, task: &str) -> serde_json::Value {
    serde_json::from_str(&record(store, task).failure_reason.unwrap()).unwrap()
}

fn work(store: &SqliteStore, now: u64) -> bool {
    store.look("q", &[], now).unwrap().work
}

#[test]
fn a_task_goes_from_its_queue_to_its_result() {
    let folder = Folder::new();
    let store = open(&folder);
    assert_eq!(
        code(store.spawn(Spawn { queue: "r".to_owned(), ..task("t") }, 5).wait()),
        "ERR_UNKNOWN_QUEUE"
    );
    assert!(!work(&store, 5));
    let new = store.spawn(Spawn { headers: Some("{}".to_owned()), ..task("t") }, 5).wait().unwrap();
    assert_eq!((new.attempt, new.created), (1, true));
    assert_eq!(state(&store, &new.task), (TaskState::Pending, 1));
    assert!(work(&store, 5) && !work(&store, 4) && !store.look("q", &[], 5).unwrap().overdue);

    let (claimed, claim) = claim(&store, 7);
    assert_eq!((&claimed.task_id, &claimed.run_id), (&new.task, &new.run));
    assert_eq!((&*claimed.task_name, &*claimed.params, claimed.attempt), ("t", r#"{"n":1}"#, 1));
    assert_eq!((claimed.headers.as_deref(), claimed.max_attempts, claimed.claim), (Some("{}"), 3, 1));
    assert_eq!(claims(&store, 9, 7), []);
    assert_eq!(state(&store, &new.task), (TaskState::Running, 1));
    store.complete(claim.clone(), "[1]".to_owned(), 8).wait().unwrap();
    let done = record(&store, &new.task);
    assert_eq!(
        (done.state, done.result.as_deref(), done.failure_reason),
        (TaskState::Completed, Some("[1]"), None)
    );
    // Once is enough.
    assert_eq!(code(store.complete(claim.clone(), "[2]".to_owned(), 9).wait()), "ERR_CLAIM_LOST");
    assert_eq!(code(store.fail(claim, "{}".to_owned(), 9).wait()), "ERR_CLAIM_LOST");
    assert_eq!(store.task("r", &new.task).unwrap(), None);
    assert_eq!(store.task("q", "x").unwrap(), None);
    drop(store);
    // It is all in the file.
    assert_eq!(record(&open(&folder), &new.task).result.as_deref(), Some("[1]"));
}

#[test]
fn the_oldest_tasks_come_first() {
    let folder = Folder::new();
    let store = open(&folder);
    let ids: Vec<_> = [3, 1, 2, 1].map(|now| spawned(&store, task("t"), now)).into();
    let order: Vec<_> = claims(&store, 3, 9).into_iter().map(|task| task.task_id).collect();
    assert_eq!(order, [&*ids[1], &*ids[3], &*ids[2]]);
    assert_eq!(claims(&store, 3, 9)[0].task_id, ids[0]);
}

#[test]
fn an_idempotency_key_gives_the_same_task_again() {
    let folder = Folder::new();
    let store = open(&folder);
    let keyed = |name: &str, queue: &str| Spawn {
        idempotency_key: Some("k".to_owned()),
        queue: queue.to_owned(),
        ..task(name)
    };
    let first = store.spawn(keyed("t", "q"), 1).wait().unwrap();
    let (_, claim) = claim(&store, 2);
    store.fail(claim, "{}".to_owned(), 3).wait().unwrap();
    let again = store.spawn(keyed("other", "q"), 4).wait().unwrap();
    assert_eq!((&again.task, again.attempt, again.created), (&first.task, 2, false));
    assert_ne!(again.run, first.run);
    // In another queue it is another key.
    store.create_queue("r", 1).wait().unwrap();
    assert!(store.spawn(keyed("t", "r"), 5).wait().unwrap().created);
    assert_eq!(store.queues().unwrap(), ["q", "r"]);
}

#[test]
fn a_failed_attempt_is_followed_by_others_up_to_the_last() {
    let folder = Folder::new();
    let store = open(&folder);
    let id = spawned(&store, task("t"), 1);
    for attempt in 1..=3 {
        let (claimed, claim) = claim(&store, 10);
        assert_eq!(claimed.attempt, attempt);
        store.fail(claim, format!(r#"{{"message":"{attempt}"}}"#), 10).wait().unwrap();
    }
    assert_eq!(state(&store, &id), (TaskState::Failed, 3));
    assert_eq!(reason(&store, &id)["message"], "3");
    assert!(!work(&store, 99));

    let exponential = RetryStrategy {
        kind: RetryKind::Exponential,
        base_seconds: Some(1.0),
        factor: None,
        max_seconds: None,
    };
    let id = spawned(&store, Spawn { retry_strategy: Some(exponential), ..task("t") }, 20);
    store.fail(claim(&store, 20).1, "{}".to_owned(), 100).wait().unwrap();
    assert_eq!(state(&store, &id), (TaskState::Sleeping, 2));
    assert!(!work(&store, 1_099));
    store.fail(claim(&store, 1_100).1, "{}".to_owned(), 2_000).wait().unwrap();
    assert!(!work(&store, 3_999) && work(&store, 4_000));
    store.complete(claim(&store, 4_000).1, "1".to_owned(), 4_001).wait().unwrap();
    // What went wrong before stays known.
    assert_eq!((state(&store, &id), reason(&store, &id)), ((TaskState::Completed, 3), serde_json::json!({})));
}

#[test]
fn who_is_silent_for_too_long_loses_the_task_and_may_write_nothing() {
    let folder = Folder::new();
    let (one, two) = (open(&folder), open(&folder));
    let id = spawned(&one, task("t"), 1);
    let (_, old) = claim(&one, 10);
    // Claims that are extended stay, by a heartbeat and by what is written.
    assert_eq!(one.extend(vec![old.clone()], TIMEOUT, 500).wait().unwrap(), []);
    assert_eq!(claims(&two, 1, 1_499), []);
    one.set_checkpoint(old.clone(), "s".to_owned(), "1".to_owned(), TIMEOUT, 1_000).wait().unwrap();
    assert_eq!(claims(&two, 1, 1_999), []);
    assert!(!two.look("q", &[], 1_999).unwrap().overdue && two.look("q", &[], 2_000).unwrap().overdue);
    // And do not get shorter.
    assert_eq!(one.extend(vec![old.clone()], 1, 1_001).wait().unwrap(), []);
    assert!(!work(&two, 1_999) && work(&two, 2_000));

    // Nobody has taken it: it is still held.
    one.set_checkpoint(old.clone(), "late".to_owned(), "1".to_owned(), 0, 2_000).wait().unwrap();
    let (claimed, new) = claim(&two, 2_000);
    assert_eq!(claimed.attempt, 2);
    assert_eq!(
        reason(&one, &id),
        serde_json::json!({
            "name": "$ClaimTimeout", "message": "worker did not finish task within claim interval",
            "workerId": "w", "claimExpiredAt": 2_000, "attempt": 1,
        })
    );
    let write = |claim: &Claim| {
        [
            code(one.set_checkpoint(claim.clone(), "s".to_owned(), "2".to_owned(), 1, 2_001).wait()),
            code(one.complete(claim.clone(), "2".to_owned(), 2_001).wait()),
            code(one.fail(claim.clone(), "{}".to_owned(), 2_001).wait()),
            code(one.schedule(claim.clone(), 5_000, 2_001).wait()),
            code(one.await_event(claim.clone(), "w".to_owned(), "e".to_owned(), None, 2_001).wait()),
        ]
    };
    assert_eq!(write(&old), ["ERR_CLAIM_LOST"; 5]);
    assert_eq!(write(&Claim { claim: None, ..old.clone() }), ["ERR_CLAIM_LOST"; 5]);
    let gone = LostClaim { run: old.run.clone(), cancelled: false };
    assert_eq!(one.look("q", &[old.clone(), new.clone()], 2_001).unwrap().lost, std::slice::from_ref(&gone));
    assert_eq!(one.extend(vec![old, new.clone()], TIMEOUT, 2_001).wait().unwrap(), [gone]);
    assert_eq!(
        two.checkpoints(&id).unwrap(),
        [("late".to_owned(), "1".to_owned()), ("s".to_owned(), "1".to_owned())]
    );
    two.complete(new, "3".to_owned(), 2_002).wait().unwrap();
    assert_eq!(record(&one, &id).result.as_deref(), Some("3"));
}

#[test]
fn a_store_that_is_closed_gives_its_tasks_up_at_once() {
    let folder = Folder::new();
    let (one, two) = (open(&folder), open(&folder));
    let id = spawned(&one, task("t"), 1);
    claim(&one, 10);
    assert!(!work(&two, 11));
    one.close_tasks().wait().unwrap();
    assert!(work(&two, 11));
    assert_eq!(claim(&two, 11).0.attempt, 2);
    assert_eq!(reason(&two, &id)["name"], "$ClaimTimeout");
    assert_eq!(reason(&two, &id)["message"], "the process of the worker ended before the task did");
}

#[test]
fn a_task_that_slept_belongs_to_its_last_claim() {
    let folder = Folder::new();
    let store = open(&folder);
    let id = spawned(&store, task("t"), 1);
    let (_, before) = claim(&store, 10);
    store.schedule(before.clone(), 500, 20).wait().unwrap();
    assert_eq!(state(&store, &id), (TaskState::Sleeping, 1));
    assert_eq!(code(store.complete(before.clone(), "1".to_owned(), 30).wait()), "ERR_CLAIM_LOST");
    assert!(!work(&store, 499));
    // Not silent: it has nothing to say.
    assert_eq!(claims(&store, 1, 499), []);
    let (claimed, after) = claim(&store, 500);
    assert_eq!((claimed.attempt, claimed.claim, &claimed.run_id), (1, 2, &before.run));
    let checkpoint = |claim: &Claim| {
        store.set_checkpoint(claim.clone(), "s".to_owned(), "1".to_owned(), TIMEOUT, 501).wait()
    };
    assert_eq!(code(checkpoint(&before)), "ERR_CLAIM_LOST");
    checkpoint(&after).unwrap();
    // Whoever knows no number of claims is known by the attempt.
    checkpoint(&Claim { claim: None, ..before }).unwrap();
    assert_eq!(store.checkpoint(&id, "s").unwrap().as_deref(), Some("1"));
    assert_eq!(store.checkpoint(&id, "t").unwrap(), None);
}

#[test]
fn events_wake_who_waits_for_them() {
    let folder = Folder::new();
    let store = open(&folder);
    let wait = |claim: &Claim, timeout, now| {
        store.await_event(claim.clone(), "step".to_owned(), "e".to_owned(), timeout, now).wait()
    };
    let emit = |payload: &str, from: Option<&Claim>, now| {
        store.emit("q", "e".to_owned(), payload.to_owned(), from.cloned(), now).wait()
    };
    let id = spawned(&store, task("t"), 1);
    let (_, first) = claim(&store, 10);
    assert_eq!(wait(&first, None, 11).unwrap(), Awaited::Suspended);
    assert_eq!(state(&store, &id), (TaskState::Sleeping, 1));
    assert!(!work(&store, u64::MAX / 2));
    assert_eq!(code(emit("0", Some(&first), 19)), "ERR_CLAIM_LOST");
    emit("1", None, 20).unwrap();
    assert_eq!(state(&store, &id), (TaskState::Pending, 1));
    let (claimed, second) = claim(&store, 20);
    assert_eq!((claimed.event_payload.as_deref(), claimed.wake_event), (Some("1"), None));
    // The step keeps what it was given; a new one gets what is the latest.
    emit("2", Some(&second), 21).unwrap();
    assert_eq!(wait(&second, None, 22).unwrap(), Awaited::Payload("1".to_owned()));
    let other = store.await_event(second.clone(), "other".to_owned(), "e".to_owned(), None, 22).wait();
    assert_eq!(other.unwrap(), Awaited::Payload("2".to_owned()));
    store.complete(second, "1".to_owned(), 23).wait().unwrap();

    // All of them are known.
    let list = |filter| store.events(&EventFilter { queue: "q".to_owned(), ..filter }).unwrap();
    let all = list(EventFilter::default());
    assert_eq!(
        all.iter().map(|event| (&*event.payload, event.at)).collect::<Vec<_>>(),
        [("1", 20), ("2", 21)]
    );
    assert_eq!(list(EventFilter { after: all[0].number, ..EventFilter::default() }), &all[1..]);
    assert_eq!(list(EventFilter { limit: Some(1), ..EventFilter::default() }), &all[..1]);
    assert_eq!(list(EventFilter { name: Some("f".to_owned()), ..EventFilter::default() }), []);
    assert_eq!(list(EventFilter { task: Some(id), ..EventFilter::default() }), &all[1..]);
    assert_eq!(code(store.emit("r", "e".to_owned(), "1".to_owned(), None, 1).wait()), "ERR_UNKNOWN_QUEUE");
}

#[test]
fn a_wait_ends_with_its_time() {
    let folder = Folder::new();
    let store = open(&folder);
    let wait = |claim: &Claim, now| {
        store.await_event(claim.clone(), "step".to_owned(), "e".to_owned(), Some(100), now).wait().unwrap()
    };
    let id = spawned(&store, Spawn { max_attempts: 2.0, ..task("t") }, 1);
    assert_eq!(wait(&claim(&store, 10).1, 10), Awaited::Suspended);
    assert!(!work(&store, 109) && work(&store, 110));
    // Too late, though nobody has noticed yet.
    store.emit("q", "e".to_owned(), "1".to_owned(), None, 110).wait().unwrap();
    let (claimed, woken) = claim(&store, 110);
    assert_eq!((claimed.wake_event.as_deref(), claimed.event_payload), (Some("e"), None));
    assert_eq!(wait(&woken, 111), Awaited::TimedOut);
    // It stays so when the attempt sleeps and goes on.
    store.schedule(woken, 200, 112).wait().unwrap();
    let (claimed, again) = claim(&store, 200);
    assert_eq!(claimed.wake_event, None);
    assert_eq!(wait(&again, 201), Awaited::TimedOut);
    // The next attempt waits anew, and there the event is.
    store.fail(again, "{}".to_owned(), 202).wait().unwrap();
    assert_eq!(wait(&claim(&store, 203).1, 203), Awaited::Payload("1".to_owned()));
    assert_eq!(state(&store, &id), (TaskState::Running, 2));
}

#[test]
fn a_cancelled_task_is_over_for_everybody() {
    let folder = Folder::new();
    let store = open(&folder);
    let id = spawned(&store, task("t"), 1);
    let (_, claim) = claim(&store, 10);
    assert_eq!(code(store.cancel("q", "x", 11).wait()), "ERR_UNKNOWN_TASK");
    assert_eq!(code(store.cancel("r", &id, 11).wait()), "ERR_UNKNOWN_TASK");
    store.cancel("q", &id, 11).wait().unwrap();
    assert_eq!(state(&store, &id), (TaskState::Cancelled, 1));
    let gone = LostClaim { run: claim.run.clone(), cancelled: true };
    assert_eq!(store.look("q", std::slice::from_ref(&claim), 12).unwrap().lost, [gone]);
    assert_eq!(code(store.complete(claim.clone(), "1".to_owned(), 12).wait()), "ERR_TASK_CANCELLED");
    assert_eq!(code(store.fail(claim, "{}".to_owned(), 12).wait()), "ERR_TASK_CANCELLED");
    assert!(!work(&store, u64::MAX / 2));
    // What is over stays as it is.
    let done = spawned(&store, task("t"), 20);
    store.complete(self::claim(&store, 21).1, "1".to_owned(), 22).wait().unwrap();
    store.cancel("q", &done, 23).wait().unwrap();
    assert_eq!(state(&store, &done).0, TaskState::Completed);
}

#[test]
fn tasks_that_take_too_long_are_cancelled() {
    let folder = Folder::new();
    let store = open(&folder);
    let limited = |max_delay, max_duration| Spawn {
        cancellation: Some(Cancellation { max_delay, max_duration }),
        ..task("t")
    };
    let late = spawned(&store, limited(Some(1.0), None), 1_000);
    assert!(!work(&store, 999));
    assert_eq!(claims(&store, 9, 2_000), []);
    assert_eq!(state(&store, &late), (TaskState::Cancelled, 1));

    let long = spawned(&store, limited(None, Some(1.0)), 3_000);
    let (_, running) = claim(&store, 5_000);
    store.extend(vec![running.clone()], 9_000, 5_500).wait().unwrap();
    assert!(!work(&store, 5_999) && work(&store, 6_000));
    store.sweep("q", 6_000).wait().unwrap();
    assert_eq!(state(&store, &long).0, TaskState::Cancelled);
    assert!(store.look("q", &[running], 6_000).unwrap().lost[0].cancelled);

    // An attempt that would come too late is not made.
    let fixed =
        RetryStrategy { kind: RetryKind::Fixed, base_seconds: Some(2.0), factor: None, max_seconds: None };
    let hopeless = Spawn { retry_strategy: Some(fixed), ..limited(None, Some(2.5)) };
    let id = spawned(&store, hopeless, 7_000);
    store.fail(claim(&store, 7_000).1, "{}".to_owned(), 7_500).wait().unwrap();
    assert_eq!(state(&store, &id), (TaskState::Cancelled, 1));
}

#[test]
fn a_queue_is_dropped_with_everything_in_it() {
    let folder = Folder::new();
    let store = open(&folder);
    store.create_queue("r", 1).wait().unwrap();
    let other = spawned(&store, Spawn { queue: "r".to_owned(), ..task("t") }, 1);
    spawned(&store, task("t"), 1);
    let (_, claim) = claim(&store, 2);
    store.set_checkpoint(claim.clone(), "s".to_owned(), "1".to_owned(), 1, 3).wait().unwrap();
    store.emit("q", "f".to_owned(), "1".to_owned(), None, 3).wait().unwrap();
    store.await_event(claim.clone(), "w".to_owned(), "e".to_owned(), None, 3).wait().unwrap();
    store.drop_queue("q").wait().unwrap();
    assert_eq!(store.queues().unwrap(), ["r"]);
    assert_eq!(code(store.complete(claim, "1".to_owned(), 4).wait()), "ERR_CLAIM_LOST");
    assert!(store.task("r", &other).unwrap().is_some());
    let tables = Connection::open(folder.path()).unwrap();
    for (table, left) in
        [("tasks", 1), ("task_runs", 1), ("task_checkpoints", 0), ("task_events", 0), ("task_waits", 0)]
    {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = tables.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(count, left, "{table}");
    }
}

#[test]
fn many_workers_claim_each_task_once() {
    let folder = Folder::new();
    let store = open(&folder);
    for _ in 0..200 {
        spawned(&store, task("t"), 1);
    }
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let store = open(&folder);
                    let mut mine = Vec::new();
                    loop {
                        let claimed = claims(&store, 3, 10);
                        if claimed.is_empty() {
                            return mine;
                        }
                        for task in claimed {
                            let claim = Claim { run: task.run_id, claim: Some(task.claim) };
                            store.complete(claim, "1".to_owned(), 11).wait().unwrap();
                            mine.push(task.task_id);
                        }
                    }
                })
            })
            .collect();
        taken.extend(workers.into_iter().flat_map(|worker| worker.join().unwrap()));
    });
    assert_eq!(taken.len(), 200);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 200);
}

/// What an engine of format 2 has left behind, in a store of format 1.
const FORMATS: &str = concat!(include_str!("format-1.sql"), include_str!("format-2.sql"));

#[test]
fn the_tasks_of_format_2_go_on() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().parent().unwrap()).unwrap();
    Connection::open(folder.path()).unwrap().execute_batch(FORMATS).unwrap();
    let store = folder.open();
    let id = |task: u32| format!("00000000-000{task}-7000-8000-00000000000{task}");
    let done = record(&store, &id(1));
    assert_eq!((done.state, done.attempt, done.result.as_deref()), (TaskState::Completed, 2, Some("[1]")));
    assert_eq!(done.failure_reason.as_deref(), Some(r#"{"message":"x"}"#));
    let same = Spawn { idempotency_key: Some("k".to_owned()), ..task("t") };
    assert_eq!(spawned(&store, same, 50), id(1));

    assert_eq!(store.checkpoints(&id(2)).unwrap(), [("s".to_owned(), r#"{"output":1}"#.to_owned())]);
    store.emit("q", "go".to_owned(), "7".to_owned(), None, 60).wait().unwrap();
    let (woken, _) = claim(&store, 60);
    assert_eq!((woken.task_id, woken.headers.as_deref(), woken.claim), (id(2), Some(r#"{"h":"x"}"#), 3));
    let step = store.checkpoint(&id(2), "$awaitEvent:go").unwrap();
    assert_eq!(step.as_deref(), Some("7"));

    // Its worker is dead, and its strategy waits a second.
    assert_eq!(state(&store, &id(3)), (TaskState::Sleeping, 2));
    assert_eq!(claim(&store, 1_060).0.task_id, id(3));
    assert_eq!(
        store.events(&EventFilter { queue: "q".to_owned(), ..EventFilter::default() }).unwrap().len(),
        2
    );
    drop(store);
    check(&folder.path());
}
