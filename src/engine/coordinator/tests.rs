//! Runs whose store is not there for a while.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::engine::host::Observer;
use crate::model::journal::*;
use crate::model::options::{Cap, SourceRef};
use crate::model::outcome::{AgentOutput, AttemptFailure};
use crate::model::request::AgentRequest;
use crate::model::store::StoreOptions;
use crate::providers::{AttemptContext, Provider, ProviderFuture};
use crate::runtime::quickjs::QuickJs;
use crate::store::sqlite::SqliteStore;
use crate::store::{Pending, Store};

/// A store that refuses what is to be written, as long as it is told to.
#[derive(Debug)]
struct Refusing {
    inner: SqliteStore,
    error: Mutex<Option<StoreError>>,
    /// What was to be written together with what an agent has printed: the outputs, and the kinds of entries.
    printed: Mutex<Vec<(Vec<RawOutput>, Vec<String>)>>,
}

/// Hands everything else on.
macro_rules! handed_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> $result { self.inner.$name($($argument),*) })*
    };
}

impl Store for Refusing {
    fn append(&self, lease: &Lease, batch: Batch) -> Pending<()> {
        if !batch.outputs.is_empty() {
            let kinds = batch.entries.iter().map(|entry| entry.kind.to_string()).collect();
            self.printed.lock().unwrap().push((batch.outputs.clone(), kinds));
        }
        match self.error.lock().unwrap().clone() {
            Some(error) => Pending::refused(error),
            None => self.inner.append(lease, batch),
        }
    }

    fn note_process(&self, lease: &Lease, process: ProcessNote) -> Pending<()> {
        match self.error.lock().unwrap().clone() {
            Some(error) => Pending::refused(error),
            None => self.inner.note_process(lease, process),
        }
    }

    handed_on! {
        create(run: NewRun, ttl_ms: u64, now: u64) -> Pending<Created>;
        claim(run: &RunId, ttl_ms: u64, now: u64) -> Pending<Claimed>;
        renew(leases: Vec<Lease>, ttl_ms: u64, now: u64) -> Pending<Vec<Lease>>;
        release(lease: &Lease, now: u64) -> Pending<()>;
        room() -> Pin<Box<dyn Future<Output = ()> + Send>>;
        forget_process(lease: &Lease, process: ProcessNote) -> Pending<()>;
        request_cancel(run: &RunId, request: CancelRequest) -> Pending<RunSummary>;
        delete(what: Selection, dry_run: bool, now: u64) -> Pending<Deleted>;
        close() -> Pending<()>;
        run(run: &RunId) -> Result<RunRecord, StoreError>;
        entries(run: &RunId, from_seq: u64, limit: u32) -> Result<Vec<Entry>, StoreError>;
        output_seqs(run: &RunId) -> Result<Vec<u64>, StoreError>;
        outputs(run: &RunId, seqs: &[u64]) -> Result<Vec<RawOutput>, StoreError>;
        list(filter: &Filter) -> Result<Vec<RunSummary>, StoreError>;
        due(now: u64) -> Result<Vec<RunSummary>, StoreError>;
        next_wake(after: u64) -> Result<Option<u64>, StoreError>;
        suspended() -> Result<Vec<RunId>, StoreError>;
        verify() -> Result<Vec<String>, StoreError>;
        orphans(now: u64) -> Result<Vec<RunSummary>, StoreError>;
        cancel_requests() -> Result<Vec<(RunId, CancelRequest)>, StoreError>;
        processes(run: &RunId) -> Result<Vec<ProcessNote>, StoreError>;
    }
}

/// Answers after a second, and prints something.
#[derive(Default)]
struct Slow {
    calls: AtomicUsize,
    /// The second attempt fails.
    fails: AtomicBool,
}

impl Provider for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn run(&self, _request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let fails = self.fails.load(Ordering::Relaxed);
        let raw = context.raw.then(|| JsonText::new(format!("[{number}]")));
        Box::pin(async move {
            clock::sleep(Duration::from_secs(1)).await;
            if number == 1 && fails {
                let error = ErrorData::new("Error", "it did not go well");
                let failure = AttemptFailure { raw, retryable: true, ..AttemptFailure::from(error) };
                return Err(Box::new(failure));
            }
            let output = Some(JsonText::new(number.to_string()));
            Ok(AgentOutput { output, raw, ..AgentOutput::default() })
        })
    }
}

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Observer for Warnings {
    fn event(&self, envelope: &Envelope) {
        if let Event::Warning { message, .. } = &envelope.event {
            self.0.lock().unwrap().push(message.clone());
        }
    }

    fn charged(&self, _charged: f64, _budget: BudgetState) {}

    fn wants_calls(&self) -> bool {
        true
    }
}

struct Setting {
    coordinator: Coordinator,
    control: RunControl,
    provider: Arc<Slow>,
    store: Arc<Refusing>,
    warnings: Arc<Warnings>,
    /// Removed at the end.
    _folder: tempfile::TempDir,
}

/// Four calls, one at a time. The store refuses from the beginning, with this error.
async fn setting(error: StoreError) -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let inner = SqliteStore::open(&folder.path().join("runs.db"), StoreOptions::default()).unwrap();
    let store = Arc::new(Refusing { inner, error: Mutex::default(), printed: Mutex::default() });
    let source = "export const meta = { name: 'n', description: 'd' }\n\
        return await parallel(['a', 'b', 'c', 'd'].map((it) => () => agent(it)))";
    let mut options = RunOptions::new(SourceRef::text(source.to_owned(), None));
    options.max_parallel_agents = Some(Cap::At(1));
    let script = ScriptSource::new(&options).root(&options.source).unwrap();
    let id = RunId("r".into());
    let new = NewRun {
        id: id.clone(),
        name: "n".to_owned(),
        source: SourceSnapshot { name: "n".into(), text: source.into(), files: Default::default() },
        args: None,
        options: JsonText::new("{}"),
        fork_of: None,
        entries: Vec::new(),
        outputs: Vec::new(),
    };
    let Created::New(lease) = store.create(new, 1_000, 0).await.unwrap() else { panic!("it is new") };
    // The clock of the test stands still for nothing but what it waits for, so the store must not take its own time.
    *store.error.lock().unwrap() = Some(error);
    let provider = Arc::new(Slow::default());
    let warnings = Arc::new(Warnings::default());
    let host = Host {
        handler: Some(provider.clone()),
        provider: provider.clone(),
        lookup: Arc::new(|_| None),
        observer: warnings.clone(),
    };
    let control = RunControl::new(Duration::from_secs(1), Box::new(|_| {}));
    let coordinator = Coordinator::new(id, script, options, host, control.clone(), Arc::new(QuickJs))
        .journaled(Journal::new(store.clone(), lease, 0).keeping_output(true), None, Children::default());
    Setting { coordinator, control, provider, store, warnings, _folder: folder }
}

fn full() -> StoreError {
    StoreError::Full { path: "runs.db".into(), message: "no space".to_owned() }
}

/// A long night without room on the disk.
const NIGHT: Duration = Duration::from_secs(8 * 3600);

#[tokio::test(start_paused = true)]
async fn what_was_paid_waits_for_the_store_and_nothing_new_begins() {
    let mut setting = setting(full()).await;
    let (store, provider) = (setting.store.clone(), setting.provider.clone());
    let night = async {
        clock::sleep(NIGHT).await;
        *store.error.lock().unwrap() = None;
        provider.calls.load(Ordering::Relaxed)
    };
    let (end, begun) = tokio::join!(setting.coordinator.run(), night);
    assert_eq!(end.result.unwrap().unwrap().as_str(), "[0,1,2,3]");
    // The first one began when nothing was known of the store yet.
    assert_eq!((begun, provider.calls.load(Ordering::Relaxed)), (1, 4));
    let ends = store.entries(&RunId("r".into()), 1, 100).unwrap();
    assert_eq!(ends.iter().filter(|entry| entry.kind == "call.ended").count(), 4);
    let warnings = setting.warnings.0.lock().unwrap();
    assert_eq!(
        *warnings,
        [
            "the run waits for its store: the store runs.db cannot grow: no space; agents go on, and nothing is lost"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_to_be_left_gives_the_store_a_minute() {
    let mut setting = setting(full()).await;
    let began = tokio::time::Instant::now();
    let control = setting.control.clone();
    let night = async {
        clock::sleep(NIGHT).await;
        control.leave();
    };
    let (end, ()) = tokio::join!(setting.coordinator.run(), night);
    assert_eq!(end.result.unwrap_err().code(), "ERR_RUN_LEFT");
    let took = began.elapsed() - NIGHT;
    assert!((60..70).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn processes_are_noted_when_the_store_is_back_and_until_they_are_gone() {
    let setting = setting(full()).await;
    let store = setting.store.clone();
    let Notebook(begins) = setting.coordinator.notebook.clone().unwrap();
    let process = |pid| ProcessNote { pid, pgid: pid, start_time: 1, marker: "m".to_owned() };
    let noted = async |expected: &[u32]| {
        let pids = || store.processes(&RunId("r".into())).unwrap().into_iter().map(|process| process.pid);
        while pids().collect::<Vec<_>>() != expected {
            clock::sleep(Duration::from_secs(1)).await;
        }
    };
    let (gone, short, never) = (begins(process(7)), begins(process(8)), begins(process(9)));
    clock::sleep(NIGHT).await;
    short();
    clock::sleep(NIGHT).await;
    *store.error.lock().unwrap() = None;
    noted(&[7, 9]).await;
    gone();
    // Its host ends before it does: it is for the next owner.
    drop(never);
    noted(&[9]).await;
    let (lease, ended) = {
        store
            .inner
            .release(&Lease { run: RunId("r".into()), number: 1, epoch: 1, owner: 1 }, 0)
            .await
            .unwrap();
        let lease = store.claim(&RunId("r".into()), 1_000, 0).await.unwrap().lease;
        let ended = processes::end_left(&*store, &lease).await.unwrap();
        (lease, ended)
    };
    // There is no such process: the note says that it began with the system.
    assert_eq!((lease.epoch, ended), (2, vec![]));
    noted(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_may_never_be_back_has_a_minute() {
    let error = StoreError::Io { path: "runs.db".into(), message: "input/output error".to_owned() };
    let mut setting = setting(error).await;
    let began = tokio::time::Instant::now();
    let end = setting.coordinator.run().await;
    assert_eq!(end.result.unwrap_err().code(), "ERR_STORE_IO");
    assert!((60..70).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_agents_print_is_written_with_the_end_of_their_attempt() {
    let mut setting = setting(full()).await;
    *setting.store.error.lock().unwrap() = None;
    setting.provider.fails.store(true, Ordering::Relaxed);
    let end = setting.coordinator.run().await;
    assert_eq!(end.result.unwrap().unwrap().as_str(), "[0,null,2,3]");
    let id = RunId("r".into());
    let started = setting.store.entries(&id, 1, 100).unwrap();
    let started: Vec<u64> =
        started.iter().filter(|entry| entry.kind == "call.started").map(|entry| entry.seq).collect();
    let printed = setting.store.printed.lock().unwrap();
    for (call, (outputs, kinds)) in printed.iter().enumerate() {
        let [output] = &outputs[..] else { panic!("{outputs:?}") };
        let expected = (started[call], call as u64, 1, format!("[{call}]"));
        assert_eq!((output.seq, output.call, output.attempt, output.raw.as_str().to_owned()), expected);
        assert!(kinds.contains(&"call.ended".to_owned()), "{kinds:?}");
    }
    assert_eq!(printed.len(), 4);
    let all: Vec<RawOutput> = printed.iter().flat_map(|(outputs, _)| outputs.clone()).collect();
    assert_eq!(setting.store.outputs(&id, &started).unwrap(), all);
}

#[tokio::test(start_paused = true)]
async fn much_that_is_printed_at_once_is_written_in_pieces() {
    let mut setting = setting(full()).await;
    *setting.store.error.lock().unwrap() = None;
    let journal = setting.coordinator.journal.as_mut().unwrap();
    for call in 0..10 {
        let info = crate::model::event::CallInfo::child(None);
        let (call, script) = (CallId(call), VmId::ROOT);
        journal.event(Event::CallStarted { call, script, attempt: 1, continues: None, until: None, info });
    }
    for call in 0..10 {
        journal.output(CallId(call), JsonText::new(format!("\"{}\"", "x".repeat(1 << 20))));
        journal.event(Event::CallAttempted { call: CallId(call) });
    }
    journal.flush();
    let pieces = setting.store.printed.lock().unwrap();
    let sizes: Vec<(usize, usize)> =
        pieces.iter().map(|(outputs, kinds)| (outputs.len(), kinds.len())).collect();
    assert_eq!(sizes, [(4, 14), (4, 4), (2, 2)], "each with what came of its attempt");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_to_keep_nothing_asks_for_nothing() {
    let mut setting = setting(full()).await;
    *setting.store.error.lock().unwrap() = None;
    let journal = setting.coordinator.journal.take().unwrap();
    setting.coordinator.journal = Some(journal.keeping_output(false));
    setting.coordinator.run().await.result.unwrap();
    assert!(setting.store.printed.lock().unwrap().is_empty());
}
