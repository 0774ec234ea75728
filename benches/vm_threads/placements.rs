//! The four placements: who runs the turns of a VM, and on which thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc as async_mpsc, oneshot, watch};
use tokio::task::LocalSet;

use crate::vm::{Turn, Vm};

/// The script's own stack of 1 MiB and the margin of the engine.
const STACK: usize = 3 << 20;
/// Threads of the fixed pool, and workers that drive what waits.
const THREADS: usize = 2;
/// Above the number of runs in any case: a run that waits for a thread until another one ends may wait for hours.
const MOST_CACHED: usize = 4_096;

#[derive(Clone, Copy)]
pub enum Placement {
    /// A new thread for every run; it owns the VM and the coordinator of the run.
    Own,
    /// The same, but threads are kept for a while after a run and used again.
    Cached,
    /// A fixed number of threads, each with an event loop and many VMs.
    Pool,
    /// VMs that belong to no thread: each turn is a job on an elastic pool, the coordinator is a task elsewhere.
    Migrating,
}

impl Placement {
    pub const ALL: [Self; 4] = [Self::Own, Self::Cached, Self::Pool, Self::Migrating];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Cached => "cached",
            Self::Pool => "pool",
            Self::Migrating => "migrating",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placement| placement.name() == name)
    }
}

/// Who answers the calls of a script.
#[derive(Clone)]
pub enum Agents {
    /// The coordinator, on the spot, as the `debug` provider does.
    AtOnce,
    /// Another thread, as Node.js does.
    Elsewhere(async_mpsc::UnboundedSender<oneshot::Sender<()>>),
    /// Nobody until the release; arrivals are counted.
    Held { arrived: mpsc::Sender<()>, release: watch::Receiver<bool> },
}

impl Agents {
    pub fn elsewhere() -> Self {
        let (sender, mut calls) = async_mpsc::unbounded_channel::<oneshot::Sender<()>>();
        thread::spawn(move || {
            while let Some(call) = calls.blocking_recv() {
                call.send(()).expect("the run waits for it");
            }
        });
        Self::Elsewhere(sender)
    }

    pub fn held() -> (Self, mpsc::Receiver<()>, watch::Sender<bool>) {
        let (arrived, arrivals) = mpsc::channel();
        let (release, released) = watch::channel(false);
        (Self::Held { arrived, release: released }, arrivals, release)
    }

    async fn answer(&self) {
        match self {
            Self::AtOnce => {}
            Self::Elsewhere(calls) => {
                let (sender, answer) = oneshot::channel();
                calls.send(sender).expect("the thread lives as long as the runs");
                answer.await.expect("it answers every call");
            }
            Self::Held { arrived, release } => {
                arrived.send(()).expect("somebody counts");
                release.clone().wait_for(|released| *released).await.expect("somebody releases");
            }
        }
    }
}

/// How a run ended.
pub struct End {
    pub completed: bool,
    pub took: Duration,
}

/// One placement, ready to take runs.
pub struct Placements {
    placement: Placement,
    /// Drives what waits; its blocking threads are the cache and the elastic pool.
    runtime: Runtime,
    pool: Vec<async_mpsc::UnboundedSender<Job>>,
    next: AtomicUsize,
}

struct Job {
    script: &'static str,
    agents: Agents,
    started: Instant,
    end: mpsc::Sender<End>,
}

impl Job {
    fn end(&self, completed: bool) {
        // The case may have seen enough.
        drop(self.end.send(End { completed, took: self.started.elapsed() }));
    }
}

impl Placements {
    pub fn new(placement: Placement) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_stack_size(STACK)
            .max_blocking_threads(MOST_CACHED)
            .enable_all()
            .build()
            .expect("there are threads");
        let threads = if matches!(placement, Placement::Pool) { THREADS } else { 0 };
        let pool = (0..threads).map(|_| pool_thread()).collect();
        Self { placement, runtime, pool, next: AtomicUsize::new(0) }
    }

    /// Starts a run and returns at once; its end comes through the channel.
    pub fn run(&self, script: &'static str, agents: Agents) -> mpsc::Receiver<End> {
        let (end, receiver) = mpsc::channel();
        let job = Job { script, agents, started: Instant::now(), end };
        let handle = self.runtime.handle().clone();
        match self.placement {
            Placement::Own => {
                let body = move || handle.block_on(on_this_thread(job));
                thread::Builder::new().stack_size(STACK).spawn(body).expect("there is a thread");
            }
            Placement::Cached => {
                self.runtime.spawn_blocking(move || handle.block_on(on_this_thread(job)));
            }
            Placement::Pool => {
                let next = self.next.fetch_add(1, Ordering::Relaxed) % self.pool.len();
                assert!(self.pool[next].send(job).is_ok(), "the pool's threads never end");
            }
            Placement::Migrating => {
                self.runtime.spawn(turn_by_turn(handle, job));
            }
        }
        receiver
    }
}

fn pool_thread() -> async_mpsc::UnboundedSender<Job> {
    let (sender, mut jobs) = async_mpsc::unbounded_channel::<Job>();
    let body = move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("there is an event queue");
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            while let Some(job) = jobs.recv().await {
                tokio::task::spawn_local(on_this_thread(job));
            }
        });
    };
    thread::Builder::new().stack_size(STACK).spawn(body).expect("there is a thread");
    sender
}

/// A run whose VM and coordinator stay together.
async fn on_this_thread(job: Job) {
    let mut vm = Vm::new(job.script);
    let mut turn = vm.start();
    let completed = loop {
        match next(&turn) {
            Err(completed) => break completed,
            Ok(slot) => {
                job.agents.answer().await;
                turn = vm.deliver(slot);
            }
        }
    };
    // The end is told first, as in the engine.
    job.end(completed);
}

/// A run whose VM goes to a thread of the elastic pool for every turn.
async fn turn_by_turn(pool: Handle, job: Job) {
    let script = job.script;
    let mut held = pool.spawn_blocking(move || Parked::take_turn(Vm::new(script), Vm::start));
    let (completed, _vm) = loop {
        let (vm, turn) = held.await.expect("a turn does not panic");
        match next(&turn) {
            Err(completed) => break (completed, vm),
            Ok(slot) => {
                job.agents.answer().await;
                held = pool.spawn_blocking(move || Parked::take_turn(vm.take(), |vm| vm.deliver(slot)));
            }
        }
    };
    job.end(completed);
}

/// A VM between two turns.
struct Parked(Vm);

// SAFETY: a VM is one closed graph: its reference counts and cells are reached through it alone, nothing of it is kept
// in thread-local storage, and it moves only between turns, when no frame of it is on any stack.
unsafe impl Send for Parked {}

impl Parked {
    fn take_turn(mut vm: Vm, turn: impl FnOnce(&mut Vm) -> Turn) -> (Self, Turn) {
        let turn = turn(&mut vm);
        (Self(vm), turn)
    }

    fn take(self) -> Vm {
        self.0
    }
}

/// The call to answer next, or how the script has ended.
fn next(turn: &Turn) -> Result<u32, bool> {
    match turn.ended {
        Some(completed) => Err(completed),
        None => Ok(*turn.asked.first().expect("a script that waits has asked for something")),
    }
}
