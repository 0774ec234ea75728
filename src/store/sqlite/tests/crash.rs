//! Processes that write, and are killed while they do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::model::tasks::Claiming;
use crate::store::tasks::TaskStore;

/// Says which part a test process that was started by a test plays.
const ROLE: &str = "STORE_TEST_ROLE";
const PLACE: &str = "STORE_TEST_PLACE";

/// This program again, in a part of its own.
pub(super) fn part(role: &str, place: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "--quiet"]);
    command.arg("store::sqlite::tests::crash::a_process_of_its_own");
    command.env(ROLE, role).env(PLACE, place).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// What a part says to its end, on lines of its own.
pub(super) fn output(mut command: Command) -> String {
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    said.lines().filter_map(|line| line.strip_prefix(SAID)).map(|line| format!("{line}\n")).collect()
}

/// What a part says begins with this, since the test harness says something too.
const SAID: &str = "> ";

fn say(what: impl std::fmt::Display) {
    let mut stdout = std::io::stdout().lock();
    // Nobody listens any more when the test has failed.
    drop(writeln!(stdout, "\n{SAID}{what}"));
    drop(stdout.flush());
}

#[test]
#[ignore = "plays a part for other tests"]
fn a_process_of_its_own() {
    let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
    match std::env::var(ROLE).expect("another test has set it").as_str() {
        "opens" => say(code(SqliteStore::open(&place, quick()))),
        "owns" => {
            let store = SqliteStore::open(&place, quick()).unwrap();
            started(&store, "a");
            say("ready");
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        "writes" => writes(&place),
        "claims" => {
            let store = SqliteStore::open(&place, quick()).unwrap();
            let claiming =
                Claiming { queue: "q".to_owned(), worker: "w".to_owned(), timeout_ms: TTL, limit: 1 };
            say(&store.claim_tasks(claiming, 100).wait().unwrap()[0].run_id);
            // Until it is killed, or whoever has started it is gone.
            std::io::stdin().read_to_string(&mut String::new()).unwrap();
        }
        role => panic!("no such role: {role}"),
    }
}

/// What the entry of that number holds, long ones among them, some of them the same.
fn body(seq: u64) -> String {
    match seq % 7 {
        0 => format!("\"{}\"", "x".repeat(5_000 + usize::try_from(seq % 3).unwrap())),
        _ => format!(r#"{{"n":{seq}}}"#),
    }
}

/// Takes the run that it is told and writes to it for ever, several batches at a time, and says what is acknowledged.
fn writes(place: &Path) {
    let store = SqliteStore::open(place, StoreOptions::default()).unwrap();
    let mut name = String::new();
    std::io::stdin().read_line(&mut name).unwrap();
    let run = id(name.trim());
    let lease = match store.create(NewRun { id: run.clone(), ..new_run("") }, TTL, 1).wait().unwrap() {
        Created::New(lease) => lease,
        Created::Existing { .. } => store.claim(&run, TTL, 1).wait().unwrap().lease,
    };
    let mut next = store.run(&run).unwrap().summary.last_seq + 1;
    say(format!("from {next}"));
    loop {
        let mut waiting = Vec::new();
        for length in 1..=4 {
            let entries = (next..next + length).map(|seq| entry(seq, &body(seq))).collect();
            next += length;
            let usage = UsageTotals { spent: (next - 1) as f64, report: None };
            let change = RunPatch { usage: Some(usage), ..RunPatch::default() };
            waiting.push((next - 1, store.append(&lease, Batch { patch: Some(change), ..batch(entries) })));
        }
        for (last, append) in waiting {
            append.wait().unwrap();
            say(last);
        }
    }
}

struct Part {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Part {
    fn start(role: &str, place: &Path, told: &str) -> Self {
        let mut child = part(role, place).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{told}").unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing it says; `None` when it is gone.
    fn hear(&mut self) -> Option<String> {
        self.lines.by_ref().map(Result::unwrap).find_map(|line| line.strip_prefix(SAID).map(str::to_owned))
    }

    /// Ends it in the middle of whatever it does, and gives everything that it had said.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.hear()).collect()
    }
}

#[test]
fn the_runs_of_a_killed_process_can_be_taken_at_once() {
    let folder = Folder::new();
    let mut owner = part("owns", &folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == format!("{SAID}ready")));
    let store = folder.open();
    let error = store.claim(&id("a"), TTL, 200).wait().unwrap_err();
    assert!(error.to_string().starts_with(&format!("run a is owned by process {}", owner.id())), "{error}");
    assert_eq!(store.orphans(200).unwrap(), []);
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_eq!(store.orphans(200).unwrap().len(), 1);
    assert_eq!(store.claim(&id("a"), TTL, 200).wait().unwrap().lease.epoch, 2);
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_a_process_is_killed() {
    let folder = Folder::new();
    let mut acknowledged = BTreeMap::new();
    // Two processes at a time, each with a run of its own, killed after they have said so many things.
    for round in 0..12_u32 {
        let patience = [0, 1, 2, 3, 5, 9, 17, 30, 60, 4, 100, 7][round as usize];
        let mut parts = ["one", "two"].map(|name| (name, Part::start("writes", &folder.path(), name)));
        for (name, part) in &mut parts {
            let from = part.hear().expect("it has begun");
            let last = *acknowledged.get(name).unwrap_or(&0);
            let from: u64 = from.strip_prefix("from ").unwrap().parse().unwrap();
            assert!(from > last, "{name} begins at {from}, and {last} was acknowledged");
        }
        for _ in 0..patience {
            for (name, part) in &mut parts {
                acknowledged.insert(*name, part.hear().expect("it is alive").parse().unwrap());
            }
        }
        for (name, part) in parts {
            if let Some(last) = part.kill().last()
                // The last line may have been cut off.
                && let Ok(last) = last.parse::<u64>()
            {
                let known = acknowledged.entry(name).or_default();
                *known = last.max(*known);
            }
        }
        check(&folder.path());
        let store = folder.open();
        for (name, last) in &acknowledged {
            let entries = store.entries(&id(name), 1, u32::MAX).unwrap();
            assert!(entries.len() as u64 >= *last, "{name} has {}, {last} were acknowledged", entries.len());
            for (seq, found) in (1..).zip(&entries) {
                assert_eq!(*found, entry(seq, &body(seq)));
            }
            // Entries and usage were written in one piece.
            assert_eq!(store.run(&id(name)).unwrap().summary.spent, entries.len() as f64);
        }
    }
    assert!(acknowledged.values().all(|last| *last > 200));
}

#[test]
fn the_tasks_of_a_killed_worker_can_be_taken_at_once() {
    let folder = Folder::new();
    let store = folder.open();
    store.create_queue("q", 1).wait().unwrap();
    let spawn = serde_json::json!({ "queue": "q", "name": "t", "params": "1", "maxAttempts": 2 });
    let spawned = store.spawn(serde_json::from_value(spawn).unwrap(), 1).wait().unwrap();
    let mut worker = Part::start("claims", &folder.path(), "");
    assert_eq!(worker.hear(), Some(spawned.run));
    worker.kill();
    assert!(store.look("q", &[], 200).unwrap().work);
    let claiming = Claiming { queue: "q".to_owned(), worker: "x".to_owned(), timeout_ms: TTL, limit: 1 };
    let claimed = store.claim_tasks(claiming, 200).wait().unwrap();
    assert_eq!((&*claimed[0].task_id, claimed[0].attempt), (&*spawned.task, 2));
}
