//! One attempt of an agent call, and what goes with it: its provider, its schema, its worktree, what is told meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::noop_waker_ref;
use rustc_hash::FxHashMap;
use tokio::sync::{Mutex, OnceCell, mpsc};

use super::clock;
use super::coordinator::Coordinator;
use super::core::Input;
use super::journal::Journal;
use crate::model::error::ErrorData;
use crate::model::event::Event;
use crate::model::ids::CallId;
use crate::model::json::{JsonText, MAX_DEPTH};
use crate::model::outcome::{AttemptFailure, AttemptOutcome, Resume};
use crate::model::progress::Progress;
use crate::model::request::AgentRequest;
use crate::providers::process::in_background;
use crate::providers::worktree::{self, ERR_WORKTREE, Outcome, Worktree};
use crate::providers::{AttemptContext, Provider, ProviderFuture, ProviderResult, Watcher};
use crate::schema::{self, Validator};

/// Something that is told while calls are under way, and that decides nothing.
pub(super) enum Aside {
    Progress { call: CallId, attempt: u32, progress: Progress },
    Warning { code: &'static str, message: String },
}

/// Things told that wait for the run's thread. Agents do not wait for it: what finds no room is left out and counted.
const WAITING: usize = 1024;

/// What is told meanwhile, and what is shared by the calls that have a worktree.
pub(super) struct Asides {
    watched: bool,
    sender: mpsc::Sender<Aside>,
    receiver: mpsc::Receiver<Aside>,
    lost: Arc<AtomicU64>,
    /// The worktrees of calls under way. A call's attempts share one; it is made by the first of them.
    worktrees: FxHashMap<CallId, Arc<Mutex<Option<Worktree>>>>,
    /// What earlier runs have left behind was looked at; this is what has become of that of earlier lives of this run.
    cleaned: Arc<OnceCell<FxHashMap<CallId, JsonText>>>,
}

impl Asides {
    pub(super) fn new(watched: bool) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self {
            watched,
            sender,
            receiver,
            lost: Arc::default(),
            worktrees: FxHashMap::default(),
            cleaned: Arc::default(),
        }
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Aside {
        match self.receiver.recv().await {
            Some(aside) => aside,
            // We hold a sender ourselves.
            None => std::future::pending().await,
        }
    }

    /// One that is there already.
    pub(super) fn waiting(&mut self) -> Option<Aside> {
        self.receiver.try_recv().ok()
    }

    /// What to say of that which was left out.
    pub(super) fn lost(&self) -> Option<Event> {
        let count = self.lost.swap(0, Ordering::Relaxed);
        let message = format!("{count} reports of agents at work were left out: they came too fast");
        (count > 0).then_some(Event::Warning { code: "WARN_PROGRESS_DROPPED", message })
    }

    fn watcher(&self, call: CallId, attempt: u32) -> Option<Watcher> {
        let (sender, lost) = (self.sender.clone(), self.lost.clone());
        self.watched.then(|| {
            Watcher(Arc::new(move |progress| {
                if sender.try_send(Aside::Progress { call, attempt, progress }).is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }))
        })
    }
}

/// The worktree that an attempt is to work in.
struct Place {
    worktree: Arc<Mutex<Option<Worktree>>>,
    cleaned: Arc<OnceCell<FxHashMap<CallId, JsonText>>>,
    request: worktree::Request,
    sender: mpsc::Sender<Aside>,
}

impl Place {
    /// Goes to the worktree; the first attempt makes it.
    async fn enter(self, context: &mut AttemptContext) -> Result<(), Box<AttemptFailure>> {
        let Self { worktree, cleaned, request, sender } = self;
        let mut place = worktree.lock().await;
        if place.is_none() {
            cleaned.get_or_init(|| clean(request.repository_dir.clone(), request.run.clone(), sender)).await;
            let made = in_background(worktree::open(request)).await;
            *place = Some(made.map_err(|error| {
                let mistake = error.code.as_deref() != Some(ERR_WORKTREE);
                Box::new(AttemptFailure { error, mistake, ..AttemptFailure::default() })
            })?);
        }
        if let Some(worktree) = &*place {
            context.cwd = Some(worktree.dir().to_owned());
            context.env = worktree.env();
        }
        Ok(())
    }
}

/// Closes what runs that ended early have left behind, and says where the work in it is. Gives what has become of the
/// worktrees of `run` itself, which it was closing when it was left.
async fn clean(folder: PathBuf, run: String, sender: mpsc::Sender<Aside>) -> FxHashMap<CallId, JsonText> {
    let mut own = FxHashMap::default();
    // What stands in the way of this stands in the way of a new worktree too, and is said there.
    let found = in_background(async move { worktree::clean(&folder).await }).await.unwrap_or_default();
    for left in found {
        if left.run == run
            && let Ok(outcome) = &left.outcome
            && let Ok(report) = serde_json::to_string(outcome)
        {
            own.insert(CallId(left.call), JsonText::new(report));
        }
        let of = format!("call {} of the earlier run {}", left.call, left.run);
        let message = match left.outcome {
            Ok(Outcome::Kept(work)) => format!("the work of {of} is on the branch {}", work.branch),
            Ok(_) => continue,
            Err(error) => format!("the worktree of {of} cannot be closed: {}", error.message),
        };
        drop(sender.send(Aside::Warning { code: "WARN_WORKTREE", message }).await);
    }
    own
}

impl Coordinator {
    pub(super) fn start_agent(
        &mut self,
        call: CallId,
        attempt: u32,
        request: Arc<AgentRequest>,
        resume: Option<Resume>,
    ) {
        let validator = match request.parsed.schema.as_deref().map(schema::compile).transpose() {
            Ok(validator) => validator,
            Err(error) => {
                let error = ErrorData::new("Error", error.to_string()).with_code("ERR_INVALID_SCHEMA");
                return self.ended_at_once(call, AttemptOutcome::Refused { error, raw: None });
            }
        };
        let provider = match self.host.select(&request) {
            Ok(provider) => provider,
            Err(error) => {
                let failure = AttemptFailure { error, ..AttemptFailure::default() };
                return self.ended_at_once(call, AttemptOutcome::Failed(Box::new(failure)));
            }
        };
        let timeout = request.parsed.timeout.filter(|_| !provider.keeps_time());
        let watcher = self.asides.watcher(call, attempt);
        let raw = provider.raw_says_more() && self.keeps_output();
        let mut context = AttemptContext { resume, watcher, raw, ..AttemptContext::new(call, attempt) };
        let place = self.place(call, &request, &*provider);
        let mut answer: ProviderFuture = match place {
            None => provider.run(request, context),
            Some(place) => Box::pin(async move {
                place.enter(&mut context).await?;
                provider.run(request, context).await
            }),
        };
        // Many answers are there at once; those need no place among the pending ones.
        if let Poll::Ready(result) = answer.as_mut().poll(&mut Context::from_waker(noop_waker_ref())) {
            self.ended_at_once(call, judge(result, validator.as_deref()));
            return;
        }
        self.spawn(call, async move {
            let result = match timeout {
                None => answer.await,
                Some(limit) => match clock::timeout(limit, answer).await {
                    Some(result) => result,
                    None => Err(timed_out(limit).into()),
                },
            };
            Input::AgentFinished { call, outcome: judge(result, validator.as_deref()) }
        });
    }

    /// The worktree for a call that wants one, if its provider works in folders.
    fn place(&mut self, call: CallId, request: &AgentRequest, provider: &dyn Provider) -> Option<Place> {
        let choice = request.parsed.worktree.clone()?;
        let repository_dir = provider.folder(request)?;
        let request = worktree::Request {
            repository_dir,
            run: self.id.to_string(),
            label: request.parsed.label.clone(),
            call: call.0,
            options: choice.over(&self.options.worktree),
        };
        Some(Place {
            worktree: self.asides.worktrees.entry(call).or_default().clone(),
            cleaned: self.asides.cleaned.clone(),
            request,
            sender: self.asides.sender.clone(),
        })
    }

    /// Closes the worktree of a call, if it has one.
    pub(super) fn close_worktree(&mut self, call: CallId, success: bool) {
        let Some(place) = self.asides.worktrees.remove(&call) else {
            self.inputs.push_back(Input::WorktreeClosed { call, report: None, error: None });
            return;
        };
        // Not ended with the run: what has been begun is to be brought to its end.
        let closing = tokio::spawn(async move {
            let worktree = place.lock().await.take()?;
            Some(worktree.close(success).await)
        });
        self.spawn(call, async move {
            let (report, error) = match closing.await {
                Ok(None) => (None, None),
                Ok(Some(Ok(outcome))) => (serde_json::to_string(&outcome).ok().map(JsonText::new), None),
                Ok(Some(Err(error))) => (None, Some(error)),
                Err(panic) => {
                    (None, Some(ErrorData::new("Error", panic.to_string()).with_code(ERR_WORKTREE)))
                }
            };
            Input::WorktreeClosed { call, report, error }
        });
    }

    /// Puts in order what an earlier life of the run has left behind, and says what has become of the worktree of this
    /// call.
    pub(super) fn close_left_worktree(&mut self, call: CallId, request: &AgentRequest) {
        let place = self.host.select(request).ok().and_then(|provider| self.place(call, request, &*provider));
        let Some(Place { cleaned, request, sender, .. }) = place else {
            // Whoever works elsewhere now has nothing here to be closed.
            self.inputs.push_back(Input::WorktreeClosed { call, report: None, error: None });
            return;
        };
        self.asides.worktrees.remove(&call);
        self.spawn(call, async move {
            let own = cleaned.get_or_init(|| clean(request.repository_dir, request.run, sender)).await;
            Input::WorktreeClosed { call, report: own.get(&call).cloned(), error: None }
        });
    }

    /// Takes what an agent has printed out of the end of an attempt, and keeps it with that.
    pub(super) fn keep_output(&mut self, input: &mut Input) {
        if let Input::AgentFinished { call, outcome } = input
            && let Some(journal) = &mut self.journal
            && let Some(raw) = outcome.take_raw()
        {
            journal.output(*call, raw);
        }
    }

    fn keeps_output(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::keeps_output)
    }

    fn ended_at_once(&mut self, call: CallId, outcome: AttemptOutcome) {
        self.inputs.push_back(Input::AgentFinished { call, outcome });
    }
}

fn timed_out(limit: Duration) -> ErrorData {
    ErrorData::new("TimeoutError", format!("agent() ran into its timeout of {} ms", limit.as_millis()))
        .with_code("ERR_AGENT_TIMEOUT")
}

/// Holds an answer against the call's schema.
fn judge(result: ProviderResult, validator: Option<&Validator>) -> AttemptOutcome {
    let output = match result {
        Ok(output) => output,
        Err(failure) if failure.mistake => {
            return AttemptOutcome::Refused { error: failure.error, raw: failure.raw };
        }
        Err(mut failure) => {
            if let Some(wait) = &mut failure.wait {
                wait.after = wait.after.or_else(|| wait.until.map(clock::until));
            }
            return AttemptOutcome::Failed(failure);
        }
    };
    let Some(validator) = validator else { return AttemptOutcome::Answer(output) };
    let value = match output.output.as_ref().map(JsonText::parse).transpose() {
        Ok(value) => value.unwrap_or_default(),
        Err(error) => {
            let message =
                format!("the structured output cannot be read: {error}; it may nest {MAX_DEPTH} levels deep");
            let error = ErrorData::new("RangeError", message).with_code("ERR_OUTPUT_TOO_DEEP");
            return AttemptOutcome::Refused { error, raw: output.raw };
        }
    };
    let errors = validator.validate(&value);
    if errors.is_empty() {
        AttemptOutcome::Answer(output)
    } else {
        AttemptOutcome::Mismatch { output, errors }
    }
}
