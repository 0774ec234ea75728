//! The N-th thing that the system has to give for an agent's process is not to be had, for every N that there is.
//!
//! A call whose agent could not be started is tried again or has failed, as it says; the others do not notice. Nothing is
//! left of any process, and what has failed can be done again.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;
use tempfile::TempDir;

use super::super::durable::{Again, Durable, How, Store};
use super::super::{Engine, Envelope, Host, Observer, RunEnd};
use crate::model::budget::BudgetState;
use crate::model::ids::RunId;
use crate::model::json::JsonText;
use crate::model::options::{RunOptions, SourceRef};
use crate::model::provider::ProviderSettings;
use crate::model::store::{StoreOptions, Synchronous};
use crate::providers::cli::{Cli, Kind};
use crate::providers::process::shutdown;
use crate::providers::process::testing::{FOR_EVER, Step, arm, disarm};
use crate::store::sqlite::SqliteStore;

/// One call has no second try. What begins like an option goes through standard input, which is one pipe more.
const FLOW: &str = "export const meta = { name: 'flow', description: 'Asks four agents' }
const retry = { maxAttempts: 2, backoffMs: 1 }
const one = await agent('- one', { retry })
const rest = await parallel([() => agent('- two', { retry }), () => agent('- three')])
return [one, ...rest, await agent('- four', { retry })]
";
/// A handful of git's processes for each of the agent's own.
const APART: &str = "export const meta = { name: 'apart', description: 'Asks one agent in a worktree' }
return await agent('- one', { isolation: 'worktree', retry: { maxAttempts: 2, backoffMs: 1 } })
";
const PROMPTS: [&str; 4] = ["- one", "- two", "- three", "- four"];
const ONCE_ONLY: &str = "- three";

/// Says what it was asked, and leaves a tool of its behind.
const AGENT: &str = r#"#!/bin/sh
read -r prompt
echo "$prompt" >> "$ASKED"
sleep 1000 >/dev/null 2>&1 &
printf '{"type":"result","subtype":"success","is_error":false,"result":"%s!","session_id":"s","usage":{"output_tokens":2}}\n' "$prompt"
"#;

/// Only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Recorder(Mutex<Vec<Value>>);

impl Observer for Recorder {
    fn event(&self, envelope: &Envelope) {
        self.0.lock().unwrap().push(serde_json::to_value(&envelope.event).unwrap());
    }

    fn charged(&self, _charged: f64, _budget: BudgetState) {}

    fn wants_calls(&self) -> bool {
        true
    }
}

struct Scene {
    folder: TempDir,
    store: Arc<dyn Store>,
    runs: u32,
    /// What this process has open when nothing goes on.
    open: BTreeMap<String, usize>,
}

/// What the system says, and when.
#[derive(Clone, Copy, Debug)]
struct Mishap {
    step: Step,
    error: (i32, &'static str),
    at: u64,
    times: u64,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let agent = folder.path().join("agent");
        fs::write(&agent, AGENT).unwrap();
        fs::set_permissions(agent, fs::Permissions::from_mode(0o755)).unwrap();
        let options = StoreOptions { synchronous: Synchronous::Normal, ..StoreOptions::default() };
        let store = SqliteStore::open(&folder.path().join("runs.db"), options).unwrap();
        Self { folder, store: Arc::new(store), runs: 0, open: BTreeMap::new() }
    }

    fn asked(&self) -> PathBuf {
        self.folder.path().join("asked")
    }

    /// Runs it to its end; with all that was told.
    fn run(&self, flow: &str, how: How) -> (RunEnd, Vec<Value>) {
        let settings = ProviderSettings {
            command: Some(self.folder.path().join("agent").to_str().unwrap().to_owned()),
            env: BTreeMap::from([("ASKED".to_owned(), self.asked().to_str().unwrap().to_owned())]),
            ..ProviderSettings::default()
        };
        let provider = Arc::new(Cli::new(Kind::ClaudeCode, settings, Some(self.folder.path().to_owned())));
        let recorder = Arc::new(Recorder::default());
        let host = Host { handler: None, provider, lookup: Arc::new(|_| None), observer: recorder.clone() };
        let durable = Durable {
            store: self.store.clone(),
            id: RunId(format!("r{}", self.runs).into()),
            how,
            keep_output: true,
            host_options: JsonText::new("{}"),
        };
        let (sender, end) = channel();
        let options = RunOptions::new(SourceRef::text(flow.to_owned(), None));
        let on_end = Box::new(move |end| sender.send(end).unwrap());
        Engine::shared().unwrap().start(options, host, Some(durable), on_end).unwrap();
        let end = end.recv_timeout(PATIENCE).expect("the run hangs");
        let told = std::mem::take(&mut *recorder.0.lock().unwrap());
        (end, told)
    }

    /// Waits until nothing is left of any process, and looks whether all was closed that was opened for them.
    fn is_clean(&self, what: Mishap) {
        let handle = Engine::shared().unwrap().handle();
        assert!(handle.block_on(shutdown(PATIENCE)), "{what:?}: something had to be killed");
        if self.open.is_empty() {
            return;
        }
        let began = Instant::now();
        // Whoever holds the last of them may be about to drop it.
        while (open_files(self.folder.path()), children()) != (self.open.clone(), 1) {
            let found = (open_files(self.folder.path()), children());
            assert!(began.elapsed() < PATIENCE, "{what:?}: {found:?}, and at first {:?}", self.open);
            thread::yield_now();
        }
    }

    /// One run with this in it; whether it came to that.
    fn happens(&mut self, what: Mishap) -> bool {
        self.runs += 1;
        fs::write(self.asked(), "").unwrap();
        arm(what.step, what.error.0, what.at, what.times);
        let (end, told) = self.run(FLOW, How::Start);
        let reached = disarm();
        let failures: Vec<&Value> = told
            .iter()
            .filter(|event| ["call.retrying", "call.ended"].contains(&event["type"].as_str().unwrap()))
            .filter(|event| !event["error"].is_null())
            .collect();
        for failure in &failures {
            assert_eq!(failure["error"]["code"], what.error.1, "{what:?}");
        }
        let expected: Vec<String> = PROMPTS.iter().map(|prompt| format!("{prompt}!")).collect();
        let result = end.result.unwrap().unwrap().parse().unwrap();
        let answers = result.as_array().unwrap().clone();
        let failed = |prompt: &&&str| {
            let place = PROMPTS.iter().position(|known| known == *prompt).unwrap();
            answers[place] != expected[place]
        };
        let failed: Vec<&str> = PROMPTS.iter().filter(failed).copied().collect();
        // What is there in a moment is worth another try; a program that is not there is not.
        let may_pass = what.error.1 != "ENOENT";
        match (reached, what.times) {
            (false, _) => assert_eq!((failures.len(), failed.len()), (0, 0), "{what:?}"),
            (true, 1) => {
                assert_eq!(failures.len(), 1, "{what:?}");
                let lost = failed.is_empty() || (failed.len() == 1 && (!may_pass || failed == [ONCE_ONLY]));
                assert!(lost, "{what:?}: {failed:?} of {answers:?}");
                assert!(may_pass || failed.len() == 1, "{what:?}: {failed:?}");
            }
            _ => {
                let tries = |prompt: &&str| if may_pass && *prompt != ONCE_ONLY { 2 } else { 1 };
                // The first one may have had its first failure before it began.
                assert_eq!(failures.len(), failed.iter().map(tries).sum::<usize>(), "{what:?}: {failed:?}");
                assert!(!failed.is_empty(), "{what:?}");
            }
        }
        self.is_clean(what);
        let mut spent = end.budget.spent;
        if !failed.is_empty() {
            let again = Again { retry_failed: true, ..Again::default() };
            let (end, _) = self.run(FLOW, How::Resume(again));
            assert_eq!(end.result.unwrap().unwrap().parse().unwrap(), Value::from(expected), "{what:?}");
            spent = end.budget.spent;
            self.is_clean(what);
        }
        assert_eq!(spent, 8.0, "{what:?}");
        let asked = fs::read_to_string(self.asked()).unwrap();
        for prompt in PROMPTS {
            let count = asked.lines().filter(|line| *line == prompt).count();
            // One that cannot be waited for was at work already when that was found out.
            let most = if what.step == Step::Hold { 3 } else { 1 };
            assert!((1..=most).contains(&count), "{what:?}: {prompt} was asked {count} times");
        }
        assert_eq!(self.store.verify().unwrap(), [""; 0], "{what:?}");
        reached
    }
}

impl Scene {
    fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]).args(args);
        let output = command.current_dir(self.folder.path()).output().expect("git is there");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same for a call with a worktree; whether it came to that.
    fn happens_apart(&mut self, at: u64) -> bool {
        let what = Mishap { step: Step::Start, error: (libc::EAGAIN, "EAGAIN"), at, times: 1 };
        self.runs += 1;
        arm(what.step, what.error.0, what.at, what.times);
        let (end, _) = self.run(APART, How::Start);
        let reached = disarm();
        // Git is waited for, and the agent has a second try.
        assert_eq!(end.result.unwrap().unwrap().as_str(), "\"- one!\"", "{what:?}");
        self.is_clean(what);
        assert_eq!(self.git(&["worktree", "list"]).lines().count(), 1, "{what:?}");
        assert_eq!(self.git(&["branch", "--list", "smol/*"]), "", "{what:?}");
        reached
    }
}

/// What this process has open, by kind, without the files of a folder.
fn open_files(except: &Path) -> BTreeMap<String, usize> {
    let mut open = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let Ok(file) = fs::read_link(entry.unwrap().path()) else { continue };
        // Not the folder that is being read.
        if !file.starts_with(except) && !file.starts_with("/proc") {
            let kind = file.to_str().unwrap().split('[').next().unwrap().to_owned();
            *open.entry(kind).or_default() += 1;
        }
    }
    open
}

/// How many children this process has.
fn children() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of = |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.unwrap().path().join("children"));
    tasks.filter_map(|task| of(task).ok()).map(|children| children.split_whitespace().count()).sum()
}

#[test]
#[ignore = "plays a part for another test"]
fn a_process_of_its_own() {
    let mut scene = Scene::new();
    let again = (libc::EAGAIN, "EAGAIN");
    let nothing = Mishap { step: Step::Thread, error: again, at: 1, times: 1 };
    // The thread is made once.
    assert!(scene.happens(nothing));
    assert!(!scene.happens(nothing));
    scene.open = open_files(scene.folder.path());
    let files = (libc::EMFILE, "EMFILE");
    let memory = (libc::ENOMEM, "ENOMEM");
    for (step, error) in [
        (Step::Start, again),
        (Step::Start, files),
        (Step::Start, memory),
        (Step::Start, (libc::ENOENT, "ENOENT")),
        (Step::Pipe, files),
        (Step::Hold, memory),
    ] {
        for times in [1, FOR_EVER] {
            let happens = |at: &u64| scene.happens(Mishap { step, error, at: *at, times });
            let reached = (1..).take_while(happens).count();
            let least = if step == Step::Pipe { 12 } else { 4 };
            assert!(reached >= least, "{step:?} was over after {reached}");
        }
    }
    scene.git(&["init", "-q"]);
    scene.git(&["commit", "-q", "--allow-empty", "-m", "first"]);
    let reached = (1..).take_while(|at| scene.happens_apart(*at)).count();
    assert!(reached >= 6, "{reached}");
}

#[test]
fn what_an_agents_process_needs_is_not_to_be_had() {
    let part = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "engine::tests::spawn_faults::a_process_of_its_own"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&part.stdout);
    assert!(part.status.success(), "{said}\n{}", String::from_utf8_lossy(&part.stderr));
    // Not nothing at all.
    assert!(said.contains("1 passed"), "{said}");
}
