//! One attempt of an agent call, and what goes with it: its provider, its schema, its worktree, what is told meanwhile.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::noop_waker_ref;
use rustc_hash::FxHashMap;
use tokio::sync::{self, OnceCell, mpsc};

use super::clock;
use super::coordinator::Coordinator;
use super::core::Input;
use super::journal::Journal;
use crate::model::error::ErrorData;
use crate::model::event::Event;
use crate::model::ids::CallId;
use crate::model::json::{JsonText, MAX_DEPTH};
use crate::model::outcome::{AttemptFailure, AttemptOutcome, Resume, SessionPlace};
use crate::model::progress::Progress;
use crate::model::request::AgentRequest;
use crate::providers::process::in_background;
use crate::providers::worktree::{self, ERR_WORKTREE, Outcome, Worktree};
use crate::providers::{AttemptContext, Provider, ProviderFuture, ProviderResult, Watcher};
use crate::schema::{self, Validator};

/// Something that is told while calls are under way, and that decides nothing.
pub(super) enum Aside {
    Progress {
        call: CallId,
        attempt: u32,
        progress: Progress,
    },
    /// The agent has begun to work in a session in which another attempt could go on.
    AtWork {
        call: CallId,
        attempt: u32,
        resume: Resume,
    },
    Warning {
        code: &'static str,
        message: String,
    },
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
    worktrees: FxHashMap<CallId, Arc<sync::Mutex<Option<Worktree>>>>,
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

    /// Follows an attempt for those who watch, and, with the `place` of its session, for those who go on with it.
    fn watcher(&self, call: CallId, attempt: u32, place: Option<SessionPlace>) -> Option<Watcher> {
        let (watched, sender, lost) = (self.watched, self.sender.clone(), self.lost.clone());
        let sighting = place.map(|place| Mutex::new(Sighting { place, session: None, worked: false }));
        (watched || sighting.is_some()).then(|| {
            Watcher(Arc::new(move |progress| {
                if let Some(sighting) = &sighting {
                    let mut sighting = sighting.lock().unwrap_or_else(PoisonError::into_inner);
                    sighting.look(&progress, |resume| {
                        sender.try_send(Aside::AtWork { call, attempt, resume }).is_ok()
                    });
                }
                if watched && sender.try_send(Aside::Progress { call, attempt, progress }).is_err() {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }))
        })
    }
}

/// What was seen of an attempt that another one could go on with.
struct Sighting {
    place: SessionPlace,
    /// Not told yet.
    session: Option<String>,
    worked: bool,
}

impl Sighting {
    /// Tells the session as soon as something was done in it, once; again with the next progress, if `tell` has failed.
    fn look(&mut self, progress: &Progress, tell: impl FnOnce(Resume) -> bool) {
        self.worked |= progress.is_work();
        if let Progress::Session(session) = progress {
            self.session = Some(session.clone());
        }
        if !self.worked {
            return;
        }
        let place = &self.place;
        self.session.take_if(|session| {
            tell(Resume { session: session.clone(), total: None, place: Some(place.clone()) })
        });
    }
}

/// The worktree that an attempt is to work in.
struct Place {
    worktree: Arc<sync::Mutex<Option<Worktree>>>,
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
        // Most calls have no session to be asked for.
        let home = (resume.is_some() || provider.resumes()).then(|| session_place(&*provider, &request));
        if let (Some(resume), Some(home)) = (&resume, &home)
            && let Some(elsewhere) = elsewhere(resume, home)
        {
            return self.ended_at_once(call, AttemptOutcome::Failed(Box::new(elsewhere)));
        }
        let timeout = request.parsed.timeout.filter(|_| !provider.keeps_time());
        let noted = home.clone().filter(|_| self.notebook.is_some() && provider.resumes());
        let watcher = self.asides.watcher(call, attempt, noted);
        let notebook = self.notebook.clone();
        let raw = provider.raw_says_more() && self.keeps_output();
        let mut context =
            AttemptContext { resume, watcher, notebook, raw, ..AttemptContext::new(call, attempt) };
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
            self.tell_waiting(Some(call));
            self.ended_at_once(call, judge(result, validator.as_deref(), home.as_ref()));
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
            Input::AgentFinished { call, outcome: judge(result, validator.as_deref(), home.as_ref()) }
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

    /// What has ended elsewhere, as an input.
    pub(super) fn ended(&mut self, input: Input) -> Input {
        let over = if let Input::AgentFinished { call, .. } = &input { Some(*call) } else { None };
        self.tell_waiting(over);
        if let Input::AgentFinished { call, .. }
        | Input::WorktreeClosed { call, .. }
        | Input::TimerFired { call }
        | Input::BackoffOver { call } = &input
        {
            self.tasks.remove(call);
        }
        input
    }

    /// Tells what was heard of agents: that of the attempt that is over goes before its end, also where nobody has waited
    /// for that yet.
    fn tell_waiting(&mut self, over: Option<CallId>) {
        while let Some(aside) = self.asides.waiting() {
            match aside {
                // That end says where to go on.
                Aside::AtWork { call, .. } if Some(call) == over => {}
                Aside::Progress { call, attempt, progress } if Some(call) == over => {
                    self.emit(Event::CallProgress { call, attempt, progress });
                }
                aside => self.told(aside),
            }
        }
    }

    pub(super) fn told(&mut self, aside: Aside) {
        match aside {
            // Nobody is interested in what an agent does that nobody wants any more.
            Aside::Progress { call, .. } if !self.tasks.contains_key(&call) => {}
            Aside::Progress { call, attempt, progress } => {
                self.emit(Event::CallProgress { call, attempt, progress });
            }
            Aside::AtWork { call, attempt, resume } => {
                self.inputs.push_back(Input::AgentAtWork { call, attempt, resume });
            }
            Aside::Warning { code, message } => self.emit(Event::Warning { code, message }),
        }
    }

    fn ended_at_once(&mut self, call: CallId, outcome: AttemptOutcome) {
        self.inputs.push_back(Input::AgentFinished { call, outcome });
    }
}

fn timed_out(limit: Duration) -> ErrorData {
    ErrorData::new("TimeoutError", format!("agent() ran into its timeout of {} ms", limit.as_millis()))
        .with_code("ERR_AGENT_TIMEOUT")
}

/// Where a session that is begun for this call is at home.
fn session_place(provider: &dyn Provider, request: &AgentRequest) -> SessionPlace {
    let folder = provider.folder(request).map(|folder| folder.to_string_lossy().into_owned());
    SessionPlace { provider: provider.name().to_owned(), folder }
}

/// Why a session cannot be gone on with here, if it is at home somewhere else: the run was taken up with another
/// provider, or in another folder.
fn elsewhere(resume: &Resume, home: &SessionPlace) -> Option<AttemptFailure> {
    let place = resume.place.as_ref().filter(|place| *place != home)?;
    let shown = |place: &SessionPlace| match &place.folder {
        Some(folder) => format!("{} in {folder}", place.provider),
        None => place.provider.clone(),
    };
    let (session, there, here) = (&resume.session, shown(place), shown(home));
    let message =
        format!("session {session} is one of {there}; the call now goes to {here}, and starts over");
    let error = ErrorData::new("Error", message).with_code("ERR_AGENT_SESSION");
    Some(AttemptFailure { error, retryable: true, session_lost: true, ..AttemptFailure::default() })
}

/// Holds an answer against the call's schema. A session that another attempt may go on with is at `home` here.
fn judge(
    mut result: ProviderResult,
    validator: Option<&Validator>,
    home: Option<&SessionPlace>,
) -> AttemptOutcome {
    let resume = match &mut result {
        Ok(output) => output.resume.as_mut(),
        Err(failure) => failure.resume.as_mut(),
    };
    if let Some(resume) = resume {
        resume.place = home.cloned();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_once_when_something_was_done_in_it() {
        let place = SessionPlace { provider: "codex".to_owned(), folder: Some("/w".to_owned()) };
        let session = |id: &str| Progress::Session(id.to_owned());
        let (text, blank) = (Progress::Text("t".to_owned()), Progress::Text(" ".to_owned()));
        let told = |progress: &[Progress], heard: &dyn Fn(usize) -> bool| {
            let mut sighting = Sighting { place: place.clone(), session: None, worked: false };
            let mut told = Vec::new();
            for (number, progress) in progress.iter().enumerate() {
                sighting.look(progress, |resume| {
                    assert_eq!((resume.total, resume.place), (None, Some(place.clone())));
                    told.push(format!("{number} {}", resume.session));
                    heard(number)
                });
            }
            told
        };
        let always = |_| true;
        assert_eq!(told(&[session("s"), blank, text.clone(), text.clone()], &always), ["2 s"]);
        assert_eq!(told(&[text.clone(), session("s"), text.clone()], &always), ["1 s"]);
        assert_eq!(told(&[session("s")], &always), [""; 0]);
        assert_eq!(told(std::slice::from_ref(&text), &always), [""; 0]);
        // There was no room for it.
        let later = |number| number > 1;
        assert_eq!(told(&[session("s"), text.clone(), text.clone(), text], &later), ["1 s", "2 s"]);
    }

    #[test]
    fn a_session_is_gone_on_with_where_it_is_at_home() {
        let home = |provider: &str, folder: Option<&str>| SessionPlace {
            provider: provider.to_owned(),
            folder: folder.map(str::to_owned),
        };
        let of = |place| Resume { session: "s".to_owned(), total: None, place };
        let here = home("codex", Some("/w"));
        assert_eq!(elsewhere(&of(Some(here.clone())), &here), None);
        // Of journals that do not say.
        assert_eq!(elsewhere(&of(None), &here), None);
        for (there, message) in [
            (
                home("codex", Some("/v")),
                "session s is one of codex in /v; the call now goes to codex in /w, and starts over",
            ),
            (
                home("mine", None),
                "session s is one of mine; the call now goes to codex in /w, and starts over",
            ),
        ] {
            let failure = elsewhere(&of(Some(there)), &here).unwrap();
            assert!(failure.session_lost);
            assert_eq!(failure.error.code.as_deref(), Some("ERR_AGENT_SESSION"));
            assert_eq!(failure.error.message, message);
        }
    }
}
