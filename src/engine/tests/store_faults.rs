//! The N-th operation of a store on its disk fails while a run goes on in it, for every N that there is.
//!
//! Whatever fails: the run ends with its result, or with an error that says what to do, and then it goes on where it was.
//! Nothing that was told is taken back, and no call is paid for twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::super::durable::{Again, Durable, How, Store};
use super::super::{Envelope, Given, Host, Observer, RunControl, RunEnd, clock, journal, run};
use crate::model::budget::BudgetState;
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::event::Event;
use crate::model::ids::RunId;
use crate::model::journal::{Batch, Created, Entry, NewRun, RunStatus, Selection, SourceSnapshot};
use crate::model::json::JsonText;
use crate::model::options::{RunOptions, SourceRef};
use crate::model::outcome::{AgentOutput, AttemptFailure};
use crate::model::request::AgentRequest;
use crate::model::store::StoreOptions;
use crate::model::usage::Usage;
use crate::providers::{AttemptContext, Provider, ProviderFuture, ProviderResult};
use crate::runtime::quickjs::QuickJs;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::testing::{
    Awaited, FOR_EVER, Failing, Fault, Files, Operation, acknowledge, open_failing,
};

/// A bit of everything that a run may do.
const FLOW: &str = "export const meta = { name: 'flow', description: 'A bit of everything' }
phase('First')
const one = await agent('one')
log('one is', one)
const two = await parallel([
  () => agent('slow'),
  () => agent('flaky', { retry: { maxAttempts: 3, backoffMs: 5 } }),
  () => agent('doomed', { retry: { maxAttempts: 2 } }),
])
phase('Then')
const three = await pipeline(['a', 'b'], (it) => agent('draft ' + it), (draft) => draft + '!')
const four = await workflow({ scriptPath: 'child.js' }, { of: three })
await SW.extra.sleep('2h')
const five = await agent('long')
return [one, two, three, four, five.length, budget.spent()]
";
const CHILD: &str = "export const meta = { name: 'child', description: 'Asks for itself' }
return { child: await agent('child of ' + args.of.length) }
";
/// Seven answers for ten each, and three failures for three each.
const SPENT: f64 = 79.0;
const RESULT: &str =
    r#"["ONE",["SLOW","FLAKY",null],["DRAFT A!","DRAFT B!"],{"child":"CHILD OF 2"},20000,79]"#;

/// What all lives of a run have in common: agents, and somebody who watches.
#[derive(Default)]
struct World {
    /// The calls of which the end is known: told, or found in the store. Nobody may be asked for them again.
    ended: Mutex<BTreeSet<u64>>,
    /// How often it was told that a call is tried again.
    retried: Mutex<BTreeMap<u64, u32>>,
    /// Events as they were told, by their numbers. What was told once more has to be the same.
    told: Mutex<BTreeMap<u64, Value>>,
    /// The last number that was told in this life.
    last: Mutex<Option<u64>>,
    wrong: Mutex<Vec<String>>,
}

impl World {
    fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    /// Takes in what is found in a store, where nobody may have been told of it.
    fn reads(&self, entries: &[Entry]) {
        let (mut ended, mut retried) = (self.ended.lock().unwrap(), self.retried.lock().unwrap());
        retried.clear();
        for (entry, call) in entries.iter().filter_map(|entry| Some((entry, entry.call?))) {
            match &*entry.kind {
                "call.ended" => drop(ended.insert(call)),
                "call.retrying" => *retried.entry(call).or_default() += 1,
                _ => {}
            }
        }
    }

    fn answer(&self, prompt: &str, call: u64) -> ProviderResult {
        let paid = |charged| Usage { charged, report: None };
        let failures = self.retried.lock().unwrap().get(&call).copied().unwrap_or(0);
        if prompt == "doomed" || (prompt == "flaky" && failures == 0) {
            let error = ErrorData::new("Error", "out of luck");
            return Err(Box::new(AttemptFailure { usage: paid(3.0), ..error.into() }));
        }
        // Long enough to be kept apart from the journal's entry.
        let text = if prompt == "long" { "x".repeat(20_000) } else { prompt.to_uppercase() };
        let output = Some(JsonText::from_value(&Value::from(text)));
        Ok(AgentOutput { output, usage: paid(10.0), ..AgentOutput::default() })
    }
}

struct Agents(Arc<World>);

impl Provider for Agents {
    fn name(&self) -> &'static str {
        "agents"
    }

    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture {
        let (prompt, call) = (request.prompt_text(), context.call.0);
        if self.0.ended.lock().unwrap().contains(&call) {
            self.0.wrong(format!("call {call} ({prompt}) has ended, and is asked again"));
        }
        let answer = self.0.answer(&prompt, call);
        // Some are there at once, others are not.
        let wait = prompt.starts_with("draft") || prompt == "slow" || prompt == "doomed";
        if !wait {
            return Box::pin(std::future::ready(answer));
        }
        Box::pin(async move {
            clock::sleep(Duration::from_millis(prompt.len() as u64)).await;
            answer
        })
    }
}

struct Watching(Arc<World>);

impl Observer for Watching {
    fn event(&self, envelope: &Envelope) {
        let world = &*self.0;
        match &envelope.event {
            // It could not be written.
            Event::Warning { code: "WARN_STORE_WAITS", .. } => return,
            Event::CallEnded { call, .. } => drop(world.ended.lock().unwrap().insert(call.0)),
            Event::CallRetrying { call, .. } => {
                *world.retried.lock().unwrap().entry(call.0).or_default() += 1;
            }
            _ => {}
        }
        acknowledge(envelope.seq);
        let last = world.last.lock().unwrap().replace(envelope.seq);
        if last.is_some_and(|last| last + 1 != envelope.seq) {
            world.wrong(format!("after {last:?} comes {}", envelope.seq));
        }
        let event = serde_json::to_value(&envelope.event).unwrap();
        let before = world.told.lock().unwrap().insert(envelope.seq, event.clone());
        if before.as_ref().is_some_and(|before| *before != event) {
            world.wrong(format!("{} was told as {before:?}, and then as {event}", envelope.seq));
        }
    }

    fn charged(&self, _charged: f64, _budget: BudgetState) {}

    fn wants_calls(&self) -> bool {
        true
    }
}

fn id() -> RunId {
    RunId("r".into())
}

/// Longer than a store is waited for that may be back or not.
const PATIENCE: Duration = Duration::from_secs(100);

/// One run in a folder of its own, with another one beside it that is deleted meanwhile.
struct Scene {
    folder: TempDir,
    world: Arc<World>,
}

impl Scene {
    /// In memory where the system has such a place: the disk's own slowness proves nothing here.
    fn folder() -> TempDir {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
    }

    fn new(store: &[u8]) -> Self {
        let folder = Self::folder();
        fs::write(folder.path().join("child.js"), CHILD).unwrap();
        fs::write(folder.path().join("runs.db"), store).unwrap();
        Self { folder, world: Arc::default() }
    }

    /// Another one with these files, of which so much was told.
    fn after(other: &Self, files: &Files, template: &[u8], told: u64) -> Self {
        let scene = Self::new(template);
        for (path, bytes) in files {
            fs::write(scene.folder.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        let mut all = other.world.told.lock().unwrap();
        // `split_off` leaves what comes before.
        drop(all.split_off(&(told + 1)));
        *scene.world.told.lock().unwrap() = std::mem::take(&mut all);
        scene
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("runs.db")
    }

    fn open(&self) -> Arc<dyn Store> {
        Arc::new(Awaited(SqliteStore::open(&self.path(), StoreOptions::default()).unwrap()))
    }

    fn open_failing(&self) -> Arc<dyn Store> {
        Arc::new(Awaited(open_failing(&self.path(), StoreOptions::default()).unwrap()))
    }

    /// One life: from here to its end, or until it is put away.
    async fn once(&self, store: &Arc<dyn Store>, how: How) -> RunEnd {
        let mut options = RunOptions::new(SourceRef::text(FLOW.to_owned(), None));
        options.cwd = Some(self.folder.path().to_owned());
        let agents = Arc::new(Agents(self.world.clone()));
        let observer = Arc::new(Watching(self.world.clone()));
        let host = Host { handler: None, provider: agents, lookup: Arc::new(|_| None), observer };
        *self.world.last.lock().unwrap() = None;
        let durable = Durable {
            store: store.clone(),
            id: id(),
            how,
            keep_output: true,
            host_options: JsonText::new("{}"),
        };
        let (sender, end) = oneshot::channel();
        let control = RunControl::new(Duration::from_secs(1), Box::new(|end| drop(sender.send(end))));
        let given = Given { id: id(), options, host, durable: Some(durable) };
        let handle = Handle::current();
        let left = async {
            clock::sleep(PATIENCE).await;
            control.leave();
            std::future::pending().await
        };
        tokio::select! {
            () = run(given, control.clone(), Arc::new(QuickJs), &handle) => {}
            () = left => {}
        }
        end.await.expect("whoever runs it says how it ended")
    }

    /// Until it does not wait any more.
    async fn live(&self, store: &Arc<dyn Store>, mut how: How) -> RunEnd {
        loop {
            let end = self.once(store, how).await;
            let Err(WorkflowError::Suspended { until, .. }) = end.result else { return end };
            clock::sleep_until(until).await;
            how = How::Resume(Again::default());
        }
    }

    fn is_right(&self, end: RunEnd, what: &dyn Debug) {
        match end.result {
            Ok(result) => assert_eq!(result.unwrap().as_str(), RESULT, "{what:?}"),
            Err(error) => panic!("{error} {what:?}"),
        }
        assert_eq!(end.budget.spent, SPENT, "{what:?}");
    }

    /// With a store that has nothing any more that could fail: goes on, and looks at all that there is.
    async fn ends_well(&self, what: &dyn Debug) {
        let store = self.open();
        assert_eq!(store.verify().unwrap(), [""; 0], "{what:?}");
        match store.run(&id()).map(|record| (record.summary.status, record.result)) {
            Err(error) => {
                assert_eq!(error.code(), "ERR_UNKNOWN_RUN", "{what:?}");
                assert_eq!(self.world.told.lock().unwrap().len(), 0, "it was told of, {what:?}");
                self.is_right(self.live(&store, How::Start).await, what);
            }
            Ok((status, result)) if status.is_final() => {
                assert_eq!((status, result), (RunStatus::Completed, Some(JsonText::new(RESULT))), "{what:?}");
            }
            Ok(_) => {
                self.world.reads(&store.entries(&id(), 1, u32::MAX).unwrap());
                self.is_right(self.live(&store, How::Resume(Again::default())).await, what);
            }
        }
        match store.delete(Selection::Ids(vec![old()]), false, clock::now_ms()).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.code(), "ERR_UNKNOWN_RUN", "{what:?}"),
        }
        assert_eq!(store.verify().unwrap(), [""; 0], "{what:?}");
        let record = store.run(&id()).unwrap();
        assert_eq!((record.summary.spent, record.summary.owner), (SPENT, None), "{what:?}");
        self.is_told(&store.entries(&id(), 1, u32::MAX).unwrap(), what);
        let wrong = self.world.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{what:?}: {wrong:#?}");
    }

    /// Whether the journal has all that was told, and an end for each beginning.
    fn is_told(&self, entries: &[Entry], what: &dyn Debug) {
        let mut calls: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
        let told = self.world.told.lock().unwrap();
        for (seq, entry) in (1..).zip(entries) {
            assert_eq!(entry.seq, seq, "{what:?}");
            if let Some(told) = told.get(&seq) {
                assert_eq!(journal::read::shown(entry).as_ref(), Some(told), "entry {seq}, {what:?}");
            }
            let Some(call) = entry.call else { continue };
            let (begun, ended) = calls.entry(call).or_default();
            match &*entry.kind {
                "call.started" => *begun += 1,
                "call.ended" => *ended += 1,
                _ => {}
            }
        }
        assert!(told.last_key_value().is_none_or(|(seq, _)| *seq <= entries.len() as u64), "{what:?}");
        for (call, (begun, ended)) in calls {
            assert!(
                begun > 0 && ended == 1,
                "call {call} began {begun} times and ended {ended} times, {what:?}"
            );
        }
    }
}

fn old() -> RunId {
    RunId("old".into())
}

/// A store with a finished run in it that is large enough to leave a hole.
fn template() -> Vec<u8> {
    let folder = Scene::folder();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path, StoreOptions::default()).unwrap();
    let entry = |seq| Entry {
        seq,
        at: 1,
        kind: "log".into(),
        call: None,
        body: JsonText::new(format!("\"{}\"", seq.to_string().repeat(3_000))),
    };
    let new = NewRun {
        id: old(),
        name: "old".to_owned(),
        source: SourceSnapshot { name: "old.js".into(), text: "return 1".into(), files: BTreeMap::new() },
        args: None,
        options: JsonText::new("{}"),
        fork_of: None,
        entries: (1..=20).map(entry).collect(),
        outputs: Vec::new(),
    };
    let Created::New(lease) = store.create(new, 1_000, 1).wait().unwrap() else { panic!("it is new") };
    store.append(&lease, Batch { release: true, at: 2, ..Batch::default() }).wait().unwrap();
    drop(store);
    fs::read(path).unwrap()
}

/// What goes wrong, when, and what goes on beside the run.
#[derive(Clone, Copy, Debug)]
struct Mishap {
    fault: Fault,
    times: u64,
    at: u64,
    /// Another run is deleted meanwhile.
    deleting: bool,
}

impl Mishap {
    fn code(self) -> &'static str {
        if self.fault == Fault::Full { "ERR_STORE_FULL" } else { "ERR_STORE_IO" }
    }

    /// Whether an error may end the run.
    fn may_end(self, error: &WorkflowError, world: &World) -> bool {
        match (self.fault, self.times) {
            // Somebody wants no more.
            (Fault::Full, FOR_EVER) if error.code() == "ERR_RUN_LEFT" => true,
            (_, FOR_EVER) => error.code() == self.code(),
            // What will be back is waited for, unless the run has not begun or been taken up.
            _ => error.code() == self.code() && world.last.lock().unwrap().is_none(),
        }
    }

    /// One run with this in it; whether it came to that.
    async fn happens(self, template: &[u8], failing: &Failing) -> bool {
        let scene = Scene::new(template);
        let store = scene.open_failing();
        failing.arm(self.fault, self.at, self.times);
        let deletion =
            self.deleting.then(|| store.delete(Selection::Ids(vec![old()]), false, clock::now_ms()));
        let end = scene.live(&store, How::Start).await;
        if let Some(deletion) = deletion
            && let Err(error) = deletion.await
        {
            assert_eq!(error.code(), self.code(), "{self:?}, of the deletion: {error}");
        }
        let mut reached = false;
        match end.result {
            Ok(_) => scene.is_right(end, &self),
            Err(error) => {
                assert!(self.may_end(&error, &scene.world), "{self:?}: {error}");
                // Where there is no harm any more, the same store is as good as any other.
                if self.at.is_multiple_of(2) {
                    reached = failing.disarm();
                    scene.is_right(scene.live(&store, How::Start).await, &self);
                }
            }
        }
        store.close().await.unwrap();
        drop(store);
        reached |= failing.disarm();
        scene.ends_well(&self).await;
        reached
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Every `step`-th moment, until it is not reached any more. `least` is how often it must have been.
fn whenever(step: usize, least: usize, mishap: impl Fn(u64) -> Mishap) {
    let failing = Failing::turn();
    let template = template();
    let happens = |at: &u64| runtime().block_on(mishap(*at).happens(&template, &failing));
    let reached = (1..).step_by(step).take_while(happens).count();
    assert!(reached >= least, "{:?} was over after {reached} operations", mishap(1));
}

#[test]
fn a_write_fails() {
    let fault = Fault::BrokenAt(Operation::Write);
    whenever(1, 80, |at| Mishap { fault, times: 1, at, deleting: false });
}

#[test]
fn no_write_works_any_more() {
    let fault = Fault::BrokenAt(Operation::Write);
    whenever(1, 80, |at| Mishap { fault, times: FOR_EVER, at, deleting: false });
}

#[test]
fn a_sync_fails() {
    let fault = Fault::BrokenAt(Operation::Sync);
    whenever(1, 15, |at| Mishap { fault, times: 1, at, deleting: false });
}

#[test]
fn no_sync_works_any_more() {
    let fault = Fault::BrokenAt(Operation::Sync);
    whenever(1, 15, |at| Mishap { fault, times: FOR_EVER, at, deleting: false });
}

#[test]
fn the_disk_is_full_for_a_while() {
    // Now and then only once; else so often that whoever waits for a second at most waits for more than two, and says so.
    let times = |at: u64| if at.is_multiple_of(3) { 1 } else { 12 };
    whenever(1, 80, |at| Mishap { fault: Fault::Full, times: times(at), at, deleting: false });
}

#[test]
fn files_cannot_be_opened_cut_or_deleted() {
    for times in [1, FOR_EVER] {
        for operation in [Operation::Open, Operation::Truncate, Operation::Delete] {
            whenever(1, 1, |at| Mishap { fault: Fault::BrokenAt(operation), times, at, deleting: true });
        }
    }
}

/// A store that is full for longer than anybody has patience is left.
#[test]
fn a_full_disk_is_left() {
    // At each moment would take long, and they are those of other tests.
    whenever(9, 9, |at| Mishap { fault: Fault::Full, times: FOR_EVER, at, deleting: false });
}

/// The process is killed before the N-th operation, or the power fails: the run goes on from what is there then.
async fn is_cut_off(template: &[u8], failing: &Failing, at: u64) -> bool {
    let scene = Scene::new(template);
    let store = scene.open_failing();
    failing.arm(Fault::PowerLoss, at, 1);
    let end = scene.live(&store, How::Start).await;
    scene.is_right(end, &at);
    store.close().await.unwrap();
    drop(store);
    if !failing.disarm() {
        return false;
    }
    let held = failing.held();
    let files = if at.is_multiple_of(2) { &held.synced } else { &held.written };
    let again = Scene::after(&scene, files, template, held.acknowledged);
    again.ends_well(&at).await;
    true
}

#[test]
fn the_process_ends_at_any_moment() {
    let failing = Failing::turn();
    let template = template();
    let reached = (1..).take_while(|at| runtime().block_on(is_cut_off(&template, &failing, *at)));
    let reached = reached.count();
    assert!(reached > 80, "{reached}");
}
