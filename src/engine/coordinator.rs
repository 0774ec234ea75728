//! The loop: take an input, step the core, carry out the effects.
//!
//! One coordinator per run, on the run's own thread together with the VMs of the run, so that an outcome reaches
//! its script without crossing threads. What takes time (agents, timers) are futures that the loop awaits; what a
//! provider does for them beyond waiting, it does elsewhere.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustc_hash::FxHashMap;

use super::attempts::Asides;
use super::clock;
use super::control::RunControl;
use super::core::{Core, Effect, Input};
use super::fingerprint;
use super::host::{Envelope, Host, RunEnd};
use super::journal::{Journal, Told};
use super::processes;
use super::scripts::ScriptSource;
use super::snapshot::{self, Children};
use crate::model::budget::{BudgetChange, BudgetState};
use crate::model::error::{CancelReason, ErrorData, WorkflowError};
use crate::model::event::Event;
use crate::model::ids::{CallId, RunId, VmId};
use crate::model::json::JsonText;
use crate::model::options::{CoreOptions, RunOptions};
use crate::model::outcome::Settled;
use crate::model::recording::{Drift, Recording};
use crate::model::request::{ChildRequest, ChildTarget, Item, Request, RequestKind};
use crate::model::script::Script;
use crate::model::store::StoreError;
use crate::providers::process::Notebook;
use crate::runtime::{Turn, Vm, VmFactory, VmSetup};
use crate::script;

type Work = Pin<Box<dyn Future<Output = Input> + Send>>;

/// Something under way, which can be ended from outside: what it holds is dropped there and then.
#[derive(Clone)]
pub(super) struct Task(Rc<RefCell<TaskState>>);

struct TaskState {
    work: Option<Work>,
    waker: Option<Waker>,
}

impl Task {
    fn new(work: Work) -> Self {
        Self(Rc::new(RefCell::new(TaskState { work: Some(work), waker: None })))
    }

    fn abort(&self) {
        let (work, waker) = {
            let mut state = self.0.borrow_mut();
            (state.work.take(), state.waker.take())
        };
        drop(work);
        // Lets the set of all tasks forget this one.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Task {
    type Output = Option<Input>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Input>> {
        let mut state = self.0.borrow_mut();
        let Some(work) = state.work.as_mut() else { return Poll::Ready(None) };
        match work.as_mut().poll(context) {
            Poll::Ready(input) => {
                state.work = None;
                Poll::Ready(Some(input))
            }
            Poll::Pending => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// After this many inputs in a row the loop looks at what has ended elsewhere, and at the wish to cancel: calls
/// that are answered at once must not starve timers and other calls.
const INPUTS_PER_LOOK: u32 = 64;

/// A run whose next sleep ends sooner stays where it is: to put it away and to bring it back takes two writes and a
/// replay, some ten milliseconds on a slow disk.
const WORTH_PARKING_MS: u64 = 100;
/// So many of the sleeps that a suspended run waits for are shown.
const SHOWN_SLEEPS: usize = 20;

/// One run.
pub(super) struct Coordinator {
    pub(super) id: RunId,
    pub(super) options: RunOptions,
    pub(super) host: Host,
    control: RunControl,
    factory: Arc<dyn VmFactory>,
    core: Core,
    vms: FxHashMap<VmId, RunningScript>,
    root: Option<Script>,
    pub(super) inputs: VecDeque<Input>,
    /// What agents are at, and what else is told while they work.
    pub(super) asides: Asides,
    work: FuturesUnordered<Task>,
    /// The same tasks by their calls.
    pub(super) tasks: FxHashMap<CallId, Task>,
    /// The run is being cancelled, and may clean up until it is forced to end.
    in_grace: bool,
    cancel_seen: bool,
    next_seq: u64,
    /// The last entry of the journal that was told, in a run that has one.
    last_told: Option<u64>,
    /// Present if the run is durable.
    pub(super) journal: Option<Journal>,
    /// What the run goes on from.
    recording: Option<Box<Recording>>,
    /// The children of a durable run as they were read first.
    children: Children,
    /// Where the processes are written down that work for a durable run.
    pub(super) notebook: Option<Notebook>,
    /// Those that were there when it was taken up, and were ended.
    left: Vec<u32>,
    /// What waits until so many batches of the journal are written.
    held: Option<(u64, Effect)>,
    /// Attempts that begin when the store is back.
    postponed: VecDeque<Effect>,
}

struct RunningScript {
    vm: Box<dyn Vm>,
    script: Arc<Script>,
}

impl Coordinator {
    pub(super) fn new(
        id: RunId,
        script: Script,
        options: RunOptions,
        host: Host,
        control: RunControl,
        factory: Arc<dyn VmFactory>,
    ) -> Self {
        let watched = host.observer.wants_calls();
        let core_options =
            CoreOptions { seed: RandomState::new().hash_one(0), ..options.resolve(script.form) };
        let core = Core::new(core_options, script.display_name.clone(), watched);
        Self {
            id,
            options,
            host,
            control,
            factory,
            core,
            vms: FxHashMap::default(),
            root: Some(script),
            inputs: VecDeque::new(),
            asides: Asides::new(watched),
            work: FuturesUnordered::new(),
            tasks: FxHashMap::default(),
            in_grace: false,
            cancel_seen: false,
            next_seq: 1,
            last_told: None,
            journal: None,
            recording: None,
            children: Children::default(),
            notebook: None,
            left: Vec::new(),
            held: None,
            postponed: VecDeque::new(),
        }
    }

    /// Makes the run durable.
    pub(super) fn journaled(
        mut self,
        journal: Journal,
        recording: Option<Recording>,
        children: Children,
    ) -> Self {
        // What is told is what is written, whoever listens.
        let (script, options) = (&self.root, &self.options);
        if let Some(script) = script {
            let core_options =
                CoreOptions { seed: RandomState::new().hash_one(0), ..options.resolve(script.form) };
            self.core =
                Core::new(core_options, script.display_name.clone(), true).recorded(fingerprint::mark);
        }
        self.notebook = Some(journal.notebook());
        self.last_told = Some(journal.last_seq());
        self.journal = Some(journal);
        self.recording = recording.map(Box::new);
        self.children = children;
        self
    }

    /// To be told: processes that an earlier owner had left behind, and that were ended.
    pub(super) fn after(self, left: Vec<u32>) -> Self {
        Self { left, ..self }
    }

    /// Runs to the end. What is left (the VMs above all) is freed when the coordinator is dropped: whoever waits for
    /// the end need not wait for that.
    pub(super) async fn run(&mut self) -> RunEnd {
        if let Some(recording) = &self.recording {
            let (drift, from) = (recording.drift, recording.from);
            self.emit(Event::RunResumed { drift, anew: drift != Drift::Fail, from });
            // Written while the script is made ready. Where the journal begins anew, more is to stand in that entry.
            if drift == Drift::Fail {
                self.flush();
            }
        } else if let Some(script) = &self.root {
            let event = Event::RunStarted { workflow: script.metadata.name.clone(), form: script.form };
            self.emit(event);
        }
        self.inputs.push_back(Input::Started { recording: self.recording.take() });
        let mut effects = Vec::new();
        let mut since_look = 0;
        loop {
            while let Some(mut input) = self.inputs.pop_front() {
                if self.journal.is_some() && self.control.leave_token().is_cancelled() {
                    return self.leave().await;
                }
                if let Some(change) = self.control.take_budget_change() {
                    self.core.step(Input::BudgetChanged(change), &mut effects);
                }
                self.keep_output(&mut input);
                self.core.step(input, &mut effects);
                if let Some(warning) = processes::warning(&std::mem::take(&mut self.left)) {
                    self.emit(warning);
                }
                for effect in effects.drain(..) {
                    if let Some(result) = self.carry_out(effect) {
                        return self.end(result).await;
                    }
                }
                since_look += 1;
                if since_look >= INPUTS_PER_LOOK {
                    since_look = 0;
                    self.flush();
                    self.look().await;
                }
            }
            if let Some(until) = self.parked_until() {
                return self.park(until).await;
            }
            // Not after each input: a call that is answered at once is one write, and not two.
            self.flush();
            match self.next_input().await {
                Ok(Some(input)) => self.inputs.push_back(input),
                Ok(None) => {}
                Err(error) => return self.give_up(error).await,
            }
        }
    }

    /// Hands what was noted to the store.
    fn flush(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.flush();
        }
    }

    /// Leaves the run as it is in its store.
    async fn leave(&mut self) -> RunEnd {
        self.drop_work();
        if let Some(mut journal) = self.journal.take() {
            journal.flush();
            // What is not written is lost; that is what was asked for.
            drop(self.write_out(&mut journal).await);
            journal.release().await;
        }
        let result = Err(WorkflowError::RunState {
            code: "ERR_RUN_LEFT",
            message: format!("the engine was closed while run {} was under way", self.id),
            hint: "resume it: it goes on where it was",
        });
        RunEnd { result, budget: self.core.budget() }
    }

    /// The store does not take what there is to write: the run ends here, and stays what it is there.
    async fn give_up(&mut self, error: StoreError) -> RunEnd {
        self.drop_work();
        if let Some(journal) = self.journal.take() {
            journal.release().await;
        }
        RunEnd { result: Err(error.into()), budget: self.core.budget() }
    }

    /// When the run goes on, if it is durable and has so little to do until then that it is better put away.
    fn parked_until(&self) -> Option<u64> {
        self.journal.as_ref()?;
        let until = self.core.sleeps_only()?;
        let wanted = self.control.cancel_token().is_cancelled() || self.control.leave_token().is_cancelled();
        (!wanted && until > clock::now_ms() + WORTH_PARKING_MS).then_some(until)
    }

    /// Puts the run away: what it waits for is in its store, and somebody takes it up when the time has come.
    async fn park(&mut self, until: u64) -> RunEnd {
        let budget = self.core.budget();
        self.drop_work();
        let mut result = Err(WorkflowError::Suspended { run: self.id.clone(), until });
        if let Some(mut journal) = self.journal.take() {
            let (blocked_on, waits) = self.core.blocked_on(SHOWN_SLEEPS);
            journal.suspend(Event::RunSuspended { blocked_on, waits, wake_at: until }, until, budget);
            if let Err(error) = self.close(journal).await {
                result = Err(error.into());
            }
        }
        RunEnd { result, budget }
    }

    /// The run is over. What is to be known of that is written first.
    async fn end(&mut self, result: Result<Option<JsonText>, WorkflowError>) -> RunEnd {
        let budget = self.core.budget();
        let Some(mut journal) = self.journal.take() else { return RunEnd { result, budget } };
        self.drop_work();
        if matches!(result, Err(WorkflowError::Replay { .. })) {
            journal.release().await;
            return RunEnd { result, budget };
        }
        journal.finish(&result, budget);
        match self.close(journal).await {
            Ok(()) => RunEnd { result, budget },
            Err(error) => RunEnd { result: Err(error.into()), budget },
        }
    }

    /// Nothing of what is under way is wanted any more.
    fn drop_work(&mut self) {
        self.postponed.clear();
        self.tasks.clear();
        self.work = FuturesUnordered::new();
    }

    /// Writes the last of a journal, which gives the run back. One that cannot be written is given back as it is.
    async fn close(&mut self, mut journal: Journal) -> Result<(), StoreError> {
        journal.flush();
        let written = self.write_out(&mut journal).await;
        if written.is_err() {
            journal.release().await;
        }
        written
    }

    /// Waits until all is written; for a minute at most, once somebody wants the run to end.
    async fn write_out(&mut self, journal: &mut Journal) -> Result<(), StoreError> {
        let control = self.control.clone();
        let mut hurried = false;
        while !journal.is_written() {
            tokio::select! {
                biased;
                told = journal.acknowledge() => {
                    let told = told?;
                    self.tell(told);
                    self.complain(journal.complaint());
                }
                () = control.leave_token().cancelled(), if !hurried => hurried = true,
                () = control.force_token().cancelled(), if !hurried => hurried = true,
            }
            if hurried {
                journal.hurry();
            }
        }
        Ok(())
    }

    /// Tells what cannot be written.
    fn complain(&mut self, complaint: Option<Event>) {
        if let Some(event) = complaint {
            self.emit_unwritten(event);
        }
    }

    fn tell(&mut self, told: Vec<Told>) {
        for (seq, at, event) in told {
            self.last_told = Some(seq);
            self.host.observer.event(&Envelope { run_id: self.id.clone(), seq, at, event });
        }
    }

    /// Waits for something to happen. The core has made sure that something can.
    ///
    /// # Errors
    /// Of the journal: the run cannot go on here.
    async fn next_input(&mut self) -> Result<Option<Input>, StoreError> {
        let control = self.control.clone();
        let cancel_seen = self.cancel_seen;
        loop {
            tokio::select! {
                biased;
                () = control.cancel_token().cancelled(), if !cancel_seen => {
                    self.cancel_seen = true;
                    return Ok(Some(Input::CancelRequested { reason: CancelReason::User }));
                }
                // `RunControl::cancel` forces the end when the grace is over.
                () = control.force_token().cancelled(), if self.in_grace => {
                    self.in_grace = false;
                    return Ok(Some(Input::GraceOver));
                }
                () = control.leave_token().cancelled(), if self.journal.is_some() => {
                    // Taken note of where inputs are.
                    return Ok(Some(Input::BudgetChanged(BudgetChange::default())));
                }
                told = acknowledged(&mut self.journal) => {
                    let told = told?;
                    self.tell(told);
                    let complaint = self.journal.as_mut().and_then(Journal::complaint);
                    self.complain(complaint);
                    self.go_on();
                    return Ok(None);
                }
                aside = self.asides.next() => {
                    self.told(aside);
                    if !self.inputs.is_empty() {
                        return Ok(None);
                    }
                }
                done = self.work.next(), if !self.work.is_empty() => {
                    if let Some(Some(input)) = done {
                        return Ok(Some(self.ended(input)));
                    }
                }
            }
        }
    }

    /// Shows a script what had to be written first.
    fn go_on(&mut self) {
        let written = self.journal.as_ref().map_or(u64::MAX, Journal::acknowledged);
        if let Some((_, effect)) = self.held.take_if(|(number, _)| *number <= written) {
            // An outcome or a child: neither ends the run.
            drop(self.show(effect));
        }
        while !self.journal.as_ref().is_some_and(Journal::is_refused)
            && let Some(effect) = self.postponed.pop_front()
        {
            // An attempt: it does not end the run.
            drop(self.show(effect));
        }
    }

    /// Takes in what has happened meanwhile, without waiting.
    async fn look(&mut self) {
        // Also gives tokio's timers their turn.
        tokio::task::yield_now().await;
        std::future::poll_fn(|context| {
            while let Poll::Ready(Some(done)) = self.work.poll_next_unpin(context) {
                if let Some(input) = done {
                    let input = self.ended(input);
                    self.inputs.push_back(input);
                }
            }
            Poll::Ready(())
        })
        .await;
        if !self.cancel_seen && self.control.cancel_token().is_cancelled() {
            self.cancel_seen = true;
            self.inputs.push_front(Input::CancelRequested { reason: CancelReason::User });
        } else if self.in_grace && self.control.force_token().is_cancelled() {
            self.in_grace = false;
            self.inputs.push_front(Input::GraceOver);
        }
    }

    /// Carries out one effect; `Some` is the end of the run.
    fn carry_out(&mut self, effect: Effect) -> Option<Result<Option<JsonText>, WorkflowError>> {
        if let Some(journal) = &mut self.journal
            && matches!(effect, Effect::Deliver { .. } | Effect::StartChild { .. })
            && !journal.is_written()
            // What comes from the store is in it, also where a new part is to tell of it once more.
            && !self.core.is_replaying()
        {
            journal.flush();
            self.held = Some((journal.handed(), effect));
            return None;
        }
        if let Some(journal) = &self.journal
            && matches!(effect, Effect::StartAgent { .. })
            && journal.is_refused()
        {
            self.postponed.push_back(effect);
            return None;
        }
        self.show(effect)
    }

    fn show(&mut self, effect: Effect) -> Option<Result<Option<JsonText>, WorkflowError>> {
        match effect {
            Effect::StartRoot => self.start_root(),
            Effect::Deliver { vm, slot, outcome, budget } => {
                let turn = match self.vms.get_mut(&vm) {
                    Some(running) => running.vm.deliver(slot, &outcome, budget),
                    None => Turn::default(),
                };
                self.report(vm, turn);
            }
            Effect::StartAgent { call, attempt, request, resume } => {
                self.start_agent(call, attempt, request, resume);
            }
            Effect::CloseWorktree { call, success } => self.close_worktree(call, success),
            Effect::CloseLeftWorktree { call, request } => self.close_left_worktree(call, &request),
            Effect::StartChild { call, vm, parent, request, depth, budget } => {
                self.start_child(call, vm, parent, &request, depth, budget);
            }
            Effect::StartTimer { call, delay } => self.spawn(call, async move {
                clock::sleep(delay).await;
                Input::TimerFired { call }
            }),
            Effect::StartSleep { call, until } => self.spawn(call, async move {
                clock::sleep_until(until).await;
                Input::TimerFired { call }
            }),
            Effect::StartBackoff { call, delay } => self.spawn(call, async move {
                clock::sleep(delay).await;
                Input::BackoffOver { call }
            }),
            Effect::Abort { call } => {
                self.postponed.retain(
                    |effect| !matches!(effect, Effect::StartAgent { call: other, .. } if *other == call),
                );
                if let Some(task) = self.tasks.remove(&call) {
                    task.abort();
                }
            }
            Effect::AbortAll => self.drop_work(),
            Effect::DropVm { vm } => drop(self.vms.remove(&vm)),
            Effect::StartGrace => self.in_grace = true,
            Effect::Emit(event) => self.emit(event),
            Effect::Record(record) => {
                if let Some(journal) = &mut self.journal {
                    journal.record(&record);
                }
            }
            Effect::Diverged(error) => return Some(Err(error)),
            Effect::Charged { charged, budget } => self.host.observer.charged(charged, budget),
            Effect::Finish(result) => return Some(result),
        }
        None
    }

    pub(super) fn emit(&mut self, event: Event) {
        let is_end = matches!(
            event,
            Event::RunCompleted { .. } | Event::RunFailed { .. } | Event::RunCancelled { .. }
        );
        if is_end && let Some(warning) = self.asides.lost() {
            self.emit_one(warning);
        }
        self.emit_one(event);
    }

    fn emit_one(&mut self, event: Event) {
        if let Some(journal) = &mut self.journal
            && !matches!(event, Event::CallProgress { .. })
        {
            journal.event(event);
            return;
        }
        self.emit_unwritten(event);
    }

    fn emit_unwritten(&mut self, event: Event) {
        // What is not written has no number of its own in a journal.
        let seq = self.last_told.unwrap_or(self.next_seq);
        self.next_seq += 1;
        self.host.observer.event(&Envelope { run_id: self.id.clone(), seq, at: clock::now_ms(), event });
    }

    pub(super) fn spawn(&mut self, call: CallId, future: impl Future<Output = Input> + Send + 'static) {
        let task = Task::new(Box::pin(future));
        self.tasks.insert(call, task.clone());
        self.work.push(task);
    }

    fn report(&mut self, vm: VmId, turn: Turn) {
        let sleeps =
            |item: &Item| matches!(item, Item::Request(Request { kind: RequestKind::Sleep { .. }, .. }));
        if turn.items.iter().any(sleeps) {
            self.inputs.push_back(Input::Clock { now: clock::now_ms() });
        }
        self.inputs.push_back(Input::VmIdle { vm, said: turn.items, settled: turn.settled });
    }

    fn setup(&self, args: Option<JsonText>, depth: u32, budget: BudgetState) -> VmSetup {
        VmSetup {
            args,
            budget,
            limits: self.options.limits.clone(),
            depth_left: self.options.max_depth.saturating_sub(depth),
            max_depth: self.options.max_depth,
            interrupt: self.control.interrupt().clone(),
            explain: Some(script::culprits),
        }
    }

    fn start_root(&mut self) {
        let Some(script) = self.root.take() else { return };
        let setup = self.setup(self.options.args.clone(), self.options.nesting_depth, self.core.budget());
        let turn = match self.factory.create(&script, setup) {
            Ok(vm) => self.start_vm(VmId::ROOT, vm, script),
            Err(error) => Turn { settled: Some(Settled::Failed(error)), ..Turn::default() },
        };
        self.report(VmId::ROOT, turn);
    }

    fn start_vm(&mut self, id: VmId, mut vm: Box<dyn Vm>, script: Script) -> Turn {
        let turn = vm.start();
        self.vms.insert(id, RunningScript { vm, script: Arc::new(script) });
        turn
    }

    fn start_child(
        &mut self,
        call: CallId,
        vm: VmId,
        parent: VmId,
        request: &ChildRequest,
        depth: u32,
        budget: BudgetState,
    ) {
        let parent = self.vms.get(&parent).and_then(|running| running.script.path.clone());
        let started = self.child(call, &request.target, parent.as_deref()).and_then(|script| {
            let setup = self.setup(request.args.clone(), depth, budget);
            let vm = self.factory.create(&script, setup).map_err(|error| error.to_error_data())?;
            Ok((vm, script))
        });
        match started {
            Ok((sandbox, script)) => {
                let rules = self.options.rules(script.form);
                let name = script.display_name.clone();
                self.inputs.push_back(Input::ChildStarted { vm, rules, name });
                let turn = self.start_vm(vm, sandbox, script);
                self.report(vm, turn);
            }
            Err(error) => self.inputs.push_back(Input::ChildNotStarted { call, error }),
        }
    }
}

impl Coordinator {
    /// The script of a child. A durable run keeps it, and takes it from there for as long as it lives.
    fn child(
        &mut self,
        call: CallId,
        target: &ChildTarget,
        parent: Option<&Path>,
    ) -> Result<Script, ErrorData> {
        let source = ScriptSource::new(&self.options);
        let Some(journal) = &mut self.journal else { return source.child(target, parent) };
        let key = snapshot::key(target, parent);
        if let Some(script) = self.children.get(&key) {
            return Ok(script.clone());
        }
        let script = source.child(target, parent)?;
        journal.script(call, script.display_name.clone(), &snapshot::written(&key, &script));
        self.children.insert(key, script.clone());
        Ok(script)
    }
}

/// The events of the next batch of the journal that is written.
async fn acknowledged(journal: &mut Option<Journal>) -> Result<Vec<Told>, StoreError> {
    match journal {
        Some(journal) => journal.acknowledge().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
