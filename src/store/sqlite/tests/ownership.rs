use super::super::presence::Presence;
use super::*;

fn other(folder: &Folder) -> SqliteStore {
    folder.open()
}

#[test]
fn a_run_has_one_owner_at_a_time() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), other(&folder));
    let lease = started(&one, "a");
    let error = two.claim(&id("a"), TTL, 200).wait().unwrap_err();
    assert_eq!(error.code(), "ERR_RUN_OWNED");
    let pid = std::process::id();
    assert!(error.to_string().starts_with(&format!("run a is owned by process {pid}")), "{error}");
    assert_eq!((&error.details()["pid"], &error.details()["leaseUntil"]), (&pid.into(), &1_100.into()));
    let error = one.claim(&id("a"), TTL, 200).wait().unwrap_err();
    assert_eq!(error.to_string(), "run a is owned by this process, which is running it");
    assert_eq!(code(two.claim(&id("b"), TTL, 200).wait()), "ERR_UNKNOWN_RUN");

    one.release(&lease, 300).wait().unwrap();
    let claimed = two.claim(&id("a"), TTL, 400).wait().unwrap();
    assert_eq!((claimed.lease.epoch, claimed.record.summary.epoch), (2, 1));
    assert_eq!(claimed.record.summary.owner, None);
    assert_eq!(two.run(&id("a")).unwrap().summary.owner.unwrap().lease_until, 1_400);
    two.append(&claimed.lease, batch(numbered(1..=1))).wait().unwrap();
}

#[test]
fn whoever_has_lost_its_lease_writes_nothing() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), other(&folder));
    let old = started(&one, "a");
    one.append(&old, batch(numbered(1..=2))).wait().unwrap();
    // Silent for too long, though alive.
    let new = two.claim(&id("a"), TTL, 1_100).wait().unwrap().lease;
    let before = two.run(&id("a")).unwrap();
    let process = ProcessNote { pid: 1, pgid: 1, start_time: 1, marker: "m".to_owned() };
    let status = RunPatch { status: Some(RunStatus::Failed), ..RunPatch::default() };
    let attempts = [
        one.append(&old, batch(numbered(3..=3))),
        // Even what is there already.
        one.append(&old, batch(numbered(1..=2))),
        one.append(&old, patch(status)),
        one.release(&old, 1_200),
        one.note_process(&old, process.clone()),
        one.forget_process(&old, process),
    ];
    for attempt in attempts {
        let error = attempt.wait().unwrap_err();
        assert_eq!(error.code(), "ERR_RUN_LEASE_LOST");
        assert!(error.to_string().contains("it was taken over"), "{error}");
    }
    assert_eq!(one.renew(vec![old.clone()], TTL, 1_200).wait().unwrap(), [old]);
    assert_eq!(two.run(&id("a")).unwrap(), before);
    two.append(&new, Batch { release: true, ..batch(numbered(3..=3)) }).wait().unwrap();
    let error = two.append(&new, batch(numbered(4..=4))).wait().unwrap_err();
    assert!(error.to_string().contains("it was released"), "{error}");
    assert_eq!(two.run(&id("a")).unwrap().summary.owner, None);
}

#[test]
fn a_lease_does_not_fit_a_run_that_was_deleted_and_created_again() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), other(&folder));
    let old = started(&one, "a");
    two.delete(Selection::Ids(vec![id("a")]), false, 5_000).wait().unwrap();
    let error = one.append(&old, batch(numbered(1..=1))).wait().unwrap_err();
    assert!(error.to_string().contains("it was deleted"), "{error}");
    let new = started(&one, "a");
    assert_eq!((new.epoch, new.owner), (old.epoch, old.owner));
    assert_eq!(code(one.append(&old, batch(numbered(1..=1))).wait()), "ERR_RUN_LEASE_LOST");
    one.append(&new, batch(numbered(1..=1))).wait().unwrap();
}

#[test]
fn leases_are_renewed_together() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), other(&folder));
    let leases = ["a", "b", "c"].map(|name| started(&one, name));
    one.release(&leases[1], 200).wait().unwrap();
    assert_eq!(one.renew(leases.to_vec(), TTL, 1_000).wait().unwrap(), leases[1..2]);
    assert_eq!(code(two.claim(&id("a"), TTL, 1_999).wait()), "ERR_RUN_OWNED");
    two.claim(&id("c"), TTL, 2_000).wait().unwrap();
    // Too late, and nobody has noticed: nothing is lost.
    assert_eq!(one.renew(leases[..1].to_vec(), TTL, 90_000).wait().unwrap(), []);
    assert_eq!(code(two.claim(&id("a"), TTL, 90_500).wait()), "ERR_RUN_OWNED");
}

#[test]
fn an_owner_that_is_gone_is_followed_at_once() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), other(&folder));
    for name in ["a", "b", "parked", "queued", "given back", "done"] {
        started(&one, name);
    }
    let lease = |name: &str| Lease {
        run: id(name),
        number: rows::number(&Connection::open(folder.path()).unwrap(), &id(name)).unwrap().unwrap(),
        epoch: 1,
        owner: 1,
    };
    let status = |status| RunPatch { status: Some(status), ..RunPatch::default() };
    one.append(&lease("a"), patch(status(RunStatus::Running))).wait().unwrap();
    let parked = Batch { release: true, ..patch(status(RunStatus::Suspended)) };
    one.append(&lease("parked"), parked).wait().unwrap();
    one.append(&lease("done"), patch(status(RunStatus::Completed))).wait().unwrap();
    one.append(&lease("given back"), Batch { release: true, ..patch(status(RunStatus::Running)) })
        .wait()
        .unwrap();
    one.release(&lease("queued"), 1).wait().unwrap();
    let orphans = |now| -> Vec<String> {
        two.orphans(now).unwrap().into_iter().map(|run| run.id.to_string()).collect()
    };
    assert_eq!(orphans(500), ["given back"]);
    assert_eq!(orphans(1_100), ["a", "b", "given back"]);
    drop(one);
    assert_eq!(orphans(500), ["a", "b", "given back"]);
    let claimed = two.claim(&id("a"), TTL, 500).wait().unwrap();
    assert_eq!(claimed.lease.epoch, 2);
    assert_eq!(orphans(500), ["b", "given back"]);
    // The next owner has another number, whatever was swept away.
    let three = other(&folder);
    assert_eq!(started(&three, "new").owner, 3);
    assert_eq!(code(three.claim(&id("a"), TTL, 500).wait()), "ERR_RUN_OWNED");
}

#[test]
fn owners_that_are_gone_and_own_nothing_are_forgotten() {
    let folder = Folder::new();
    let path = folder.path();
    let keeps = folder.open();
    started(&keeps, "a");
    for _ in 0..5 {
        drop(folder.open());
    }
    let last = folder.open();
    assert_eq!(count(&path, "owners"), 2);
    drop((keeps, last));
    // One of them still owns its run.
    let next = folder.open();
    assert_eq!(count(&path, "owners"), 2);
    assert!(next.run(&id("a")).unwrap().summary.owner.is_some());
}

#[test]
fn an_owner_number_that_is_in_use_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let owners = presence::folder(&folder.path().join("runs.db"));
    assert!(!presence::is_alive(&owners, 1));
    let one = Presence::announce(&owners, 1).unwrap().unwrap();
    assert!(presence::is_alive(&owners, 1));
    assert!(presence::is_alive(&owners, 1), "looking disturbs nobody");
    assert!(Presence::announce(&owners, 1).unwrap().is_none());
    presence::sweep(&owners);
    assert!(presence::is_alive(&owners, 1));
    drop(one);
    assert!(!presence::is_alive(&owners, 1));
    // Left behind by a crash: there, and not locked.
    std::fs::write(owners.join("2"), "").unwrap();
    assert!(!presence::is_alive(&owners, 2));
    let two = Presence::announce(&owners, 2).unwrap().unwrap();
    std::fs::write(owners.join("3"), "").unwrap();
    presence::sweep(&owners);
    assert!(presence::is_alive(&owners, 2));
    assert!(!owners.join("3").exists());
    drop(two);
}

#[test]
fn a_request_to_cancel_reaches_the_owner() {
    let folder = Folder::new();
    let (one, two) = (folder.open(), other(&folder));
    let lease = started(&one, "a");
    started(&two, "b");
    let request = |at, reason: &str| CancelRequest { at, reason: reason.to_owned() };
    assert_eq!(one.cancel_requests().unwrap(), []);
    let seen = two.request_cancel(&id("a"), request(7, "user")).wait().unwrap();
    assert_eq!(seen.owner.unwrap().number, lease.owner);
    let again = two.request_cancel(&id("a"), request(8, "again")).wait().unwrap();
    assert_eq!(again.cancel, Some(request(7, "user")));
    assert_eq!(one.cancel_requests().unwrap(), [(id("a"), request(7, "user"))]);
    assert_eq!(two.cancel_requests().unwrap(), []);
    assert_eq!(code(two.request_cancel(&id("x"), request(7, "user")).wait()), "ERR_UNKNOWN_RUN");

    let over = RunPatch { status: Some(RunStatus::Cancelled), ..RunPatch::default() };
    one.append(&lease, patch(over)).wait().unwrap();
    assert_eq!(one.cancel_requests().unwrap(), []);
    // Resumed, and asked once more.
    let again = RunPatch { status: Some(RunStatus::Running), forget_cancel: true, ..RunPatch::default() };
    one.append(&lease, patch(again)).wait().unwrap();
    assert_eq!((one.cancel_requests().unwrap(), one.run(&id("a")).unwrap().summary.cancel), (vec![], None));
    let over = RunPatch { status: Some(RunStatus::Completed), ..RunPatch::default() };
    one.append(&lease, patch(over)).wait().unwrap();
    assert_eq!(two.request_cancel(&id("a"), request(9, "late")).wait().unwrap().cancel, None);
}

#[test]
fn parked_runs_are_due_in_time_or_to_be_cancelled() {
    let folder = Folder::new();
    let store = folder.open();
    let park = |name: &str, wake_at, release| {
        let lease = started(&store, name);
        let change =
            RunPatch { status: Some(RunStatus::Suspended), wake_at: Some(wake_at), ..RunPatch::default() };
        store.append(&lease, Batch { release, ..patch(change) }).wait().unwrap();
    };
    park("later", Some(5_000), true);
    park("soon", Some(3_000), true);
    park("for ever", None, true);
    park("held", Some(500), false);
    let due =
        |now| -> Vec<String> { store.due(now).unwrap().into_iter().map(|run| run.id.to_string()).collect() };
    assert_eq!(due(999), [""; 0]);
    // Whoever held it has been silent for too long.
    assert_eq!(due(2_999), ["held"]);
    assert_eq!(due(3_000), ["held", "soon"]);
    assert_eq!(due(9_000), ["held", "soon", "later"]);
    assert_eq!(store.next_wake(0).unwrap(), Some(500));
    assert_eq!(store.next_wake(499).unwrap(), Some(500));
    assert_eq!(store.next_wake(500).unwrap(), Some(3_000));
    assert_eq!(store.next_wake(5_000).unwrap(), None);
    let suspended: Vec<_> = store.suspended().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(suspended, ["later", "soon", "for ever", "held"]);
    let request = CancelRequest { at: 1, reason: "user".to_owned() };
    store.request_cancel(&id("for ever"), request).wait().unwrap();
    assert_eq!(due(999), ["for ever"]);
}

#[test]
fn processes_are_noted_for_the_next_owner() {
    let folder = Folder::new();
    let one = folder.open();
    let lease = started(&one, "a");
    let note = |pid, start_time| ProcessNote { pid, pgid: pid, start_time, marker: format!("m{pid}") };
    for process in [note(10, 5), note(11, 4), note(10, 6), note(10, 5)] {
        one.note_process(&lease, process).wait().unwrap();
    }
    one.forget_process(&lease, note(11, 4)).wait().unwrap();
    drop(one);
    let two = other(&folder);
    let lease = two.claim(&id("a"), TTL, 200).wait().unwrap().lease;
    assert_eq!(two.processes(&id("a")).unwrap(), [note(10, 5), note(10, 6)]);
    two.forget_process(&lease, note(10, 5)).wait().unwrap();
    assert_eq!(two.processes(&id("a")).unwrap(), [note(10, 6)]);
    assert_eq!(code(two.processes(&id("x"))), "ERR_UNKNOWN_RUN");
    // The last process may go later than the run.
    two.release(&lease, 300).wait().unwrap();
    assert_eq!(code(two.note_process(&lease, note(12, 1)).wait()), "ERR_RUN_LEASE_LOST");
    two.forget_process(&lease, note(10, 6)).wait().unwrap();
    assert_eq!(two.processes(&id("a")).unwrap(), []);
    let three = other(&folder);
    let new = three.claim(&id("a"), TTL, 400).wait().unwrap().lease;
    three.note_process(&new, note(10, 6)).wait().unwrap();
    assert_eq!(code(two.forget_process(&lease, note(10, 6)).wait()), "ERR_RUN_LEASE_LOST");
}

#[test]
fn a_note_is_there_for_the_next_owner_whatever_is_synced() {
    let folder = Folder::new();
    let full = StoreOptions { synchronous: Synchronous::Full, ..StoreOptions::default() };
    let one = SqliteStore::open(&folder.path(), full).unwrap();
    let lease = started(&one, "a");
    let note = ProcessNote { pid: 1, pgid: 1, start_time: 1, marker: "m".to_owned() };
    one.note_process(&lease, note.clone()).wait().unwrap();
    assert_eq!(other(&folder).processes(&id("a")).unwrap(), [note]);
    // What lasts is synced as before.
    one.append(&lease, batch(numbered(1..=1))).wait().unwrap();
}
