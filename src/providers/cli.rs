//! The providers that start a program of somebody else: one implementation for all of them. What differs between the
//! programs is in their own folders: `command.rs` says what is started, `output.rs` what came of it.
//!
//! One attempt makes a command line of the call, a private folder for its files, one process, and an answer or a
//! failure of what that prints. It knows nothing of runs, and nothing of how processes are ended.

mod failure;
mod folder;
mod gate;
mod reader;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::agents::{AgentType, Catalogue};
use super::answer::{self, Answer, Failure};
use super::codex::command::refuses_schema;
use super::invocation::{self, Call, Invocation};
use super::opencode::command::Served;
use super::process::{self, Command, End, Flow, Watch, in_background};
use super::shape::{Closing, Restore};
use super::{AttemptContext, Provider, ProviderFuture, ProviderResult, claude_code, codex, opencode, pi};
use crate::model::error::ErrorData;
use crate::model::outcome::{AgentOutput, AttemptFailure};
use crate::model::provider::ProviderSettings;
use crate::model::request::AgentRequest;

use folder::Folder;
use gate::Gate;
use reader::Reader;
pub(super) use reader::Told;

/// Which program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ClaudeCode,
    Codex,
    OpenCode,
    Pi,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ClaudeCode, Self::Codex, Self::OpenCode, Self::Pi];

    /// The name under which scripts ask for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => claude_code::command::NAME,
            Self::Codex => codex::command::NAME,
            Self::OpenCode => opencode::command::NAME,
            Self::Pi => pi::command::NAME,
        }
    }

    /// How messages call it.
    fn label(self) -> &'static str {
        match self {
            Self::ClaudeCode => claude_code::output::LABEL,
            Self::Codex => codex::output::LABEL,
            Self::OpenCode => opencode::output::LABEL,
            Self::Pi => pi::output::LABEL,
        }
    }
}

/// A provider that starts a program for each attempt.
pub struct Cli {
    shared: Arc<Shared>,
}

/// What all attempts of a provider have in common.
struct Shared {
    kind: Kind,
    settings: ProviderSettings,
    /// Where agents work unless somebody says otherwise, and whose agent types there are; `None`: the folder that the
    /// process is in when the call is made.
    project: Option<PathBuf>,
    gate: Gate,
    /// The service behind Codex takes strictly closed schemas only: found out by its refusal, and not forgotten.
    strict: AtomicBool,
}

impl Cli {
    /// A provider with these settings. Starts nothing.
    pub fn new(kind: Kind, settings: ProviderSettings, project: Option<PathBuf>) -> Self {
        let gate = Gate::new(&settings);
        Self { shared: Arc::new(Shared { kind, settings, project, gate, strict: AtomicBool::new(false) }) }
    }
}

impl Provider for Cli {
    fn name(&self) -> &str {
        self.shared.kind.name()
    }

    fn folder(&self, request: &AgentRequest) -> Option<PathBuf> {
        Some(self.shared.folder(request, &self.shared.project()))
    }

    fn resumes(&self) -> bool {
        true
    }

    fn keeps_time(&self) -> bool {
        true
    }

    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture {
        let attempt = Attempt { shared: self.shared.clone(), request, context };
        Box::pin(in_background(attempt.run()))
    }
}

impl Shared {
    fn project(&self) -> PathBuf {
        self.project.clone().or_else(|| env::current_dir().ok()).unwrap_or_default()
    }

    /// Where the agent of a call works: the call's choice, that of the settings, the project.
    fn folder(&self, request: &AgentRequest, project: &Path) -> PathBuf {
        let chosen = request.parsed.cwd.as_deref().or(self.settings.cwd.as_deref());
        chosen.map_or_else(|| project.to_owned(), |folder| project.join(folder))
    }
}

struct Attempt {
    shared: Arc<Shared>,
    request: Arc<AgentRequest>,
    context: AttemptContext,
}

/// All that is needed to start.
enum Prepared {
    Run(Box<Invocation>, Option<Folder>),
    Serve(Box<Served>),
}

impl Attempt {
    async fn run(self) -> ProviderResult {
        let this = Arc::new(self);
        let shared = &this.shared;
        let _place = shared.gate.enter().await;
        let closing = if shared.strict.load(Ordering::Relaxed) { Closing::Strict } else { Closing::Declared };
        let failure = match Self::once(&this, closing).await {
            Err(failure) if closing == Closing::Declared && this.may_be_closed_strictly(&failure) => failure,
            other => return other,
        };
        shared.strict.store(true, Ordering::Relaxed);
        // Whatever the refusal cost is part of the attempt.
        match Self::once(&this, Closing::Strict).await {
            Ok(mut output) => {
                output.usage.charged += failure.usage.charged;
                Ok(output)
            }
            Err(mut second) => {
                second.usage.charged += failure.usage.charged;
                Err(second)
            }
        }
    }

    fn may_be_closed_strictly(&self, failure: &AttemptFailure) -> bool {
        self.shared.kind == Kind::Codex
            && self.request.parsed.schema.is_some()
            && refuses_schema(&failure.error.message)
    }

    async fn once(this: &Arc<Self>, closing: Closing) -> ProviderResult {
        let that = this.clone();
        // It reads and writes files.
        match blocking(move || that.prepare(closing)).await? {
            Prepared::Run(invocation, folder) => this.start(*invocation, folder).await,
            Prepared::Serve(served) => this.serve(*served).await,
        }
    }

    fn prepare(&self, closing: Closing) -> Result<Prepared, Box<AttemptFailure>> {
        let shared = &self.shared;
        let project = shared.project();
        let agent = match self.request.parsed.agent_type.as_deref() {
            None => AgentType::Plain,
            Some(name) => Catalogue::read(&project, env::home_dir().as_deref())
                .resolve(name, shared.kind.name())
                .map_err(failure::hopeless)?,
        };
        let cwd = self.context.cwd.clone().unwrap_or_else(|| shared.folder(&self.request, &project));
        let call = Call {
            request: &self.request,
            settings: &shared.settings,
            agent: &agent,
            session: self.context.resume.as_ref().map(|resume| resume.session.as_str()),
            cwd: Some(&cwd),
            // What it had done by the time that it failed is only known if it says so while it works.
            stream: self.context.watcher.is_some() || self.request.parsed.retry.is_some(),
        };
        let made = match shared.kind {
            Kind::ClaudeCode => claude_code::command::invocation(&call),
            Kind::Codex => codex::command::invocation(&call, closing),
            Kind::Pi => pi::command::invocation(&call),
            Kind::OpenCode if opencode::command::is_structured(&call) => {
                let served = opencode::command::served(&call).map_err(failure::mistaken)?;
                return Ok(Prepared::Serve(Box::new(served)));
            }
            Kind::OpenCode => opencode::command::invocation(&call),
        };
        let invocation = made.map_err(failure::mistaken)?;
        let folder = invocation.needs_folder().then(|| Folder::make(&invocation)).transpose();
        let folder = folder.map_err(|error| {
            let message = format!("cannot make a private folder in {}: {error}", env::temp_dir().display());
            ErrorData::new("Error", message).with_code("ERR_AGENT_SETUP")
        })?;
        Ok(Prepared::Run(Box::new(invocation), folder))
    }

    async fn start(&self, invocation: Invocation, folder: Option<Folder>) -> ProviderResult {
        let kind = self.shared.kind;
        let limits = Limits { timeout: invocation.timeout, stall: invocation.stall };
        let total = self.total();
        let mut reader = Reader::new(kind, &self.request, total.as_ref(), &self.context);
        let ended = process::run(
            self.command(&invocation, folder.as_ref()),
            self.watch(limits, &invocation),
            CancellationToken::new(),
            |line| {
                reader.take(line);
                Flow::Continue
            },
        )
        .await
        .map_err(|error| failure::not_started(kind, error, &invocation))?;
        let Invocation { restore, .. } = invocation;
        let (max_wait, raw) = (self.shared.settings.max_wait(), self.context.raw);
        blocking(move || {
            // Of a process that was stopped, what it had told by then is of use: its cost, its session.
            let exit = match ended.end {
                End::Exited(status) => exit(status),
                End::Timeout | End::Stall | End::Cancelled | End::Stopped => {
                    answer::Exit::Signal("SIGTERM".to_owned())
                }
            };
            let worked = reader.has_worked();
            let result = reader.finish(&exit, &ended.stderr, folder.as_ref());
            match ended.end {
                End::Exited(_) => finish(kind, max_wait, result, &restore, worked, raw),
                end => Err(stopped(kind, end, limits, result, worked, raw)),
            }
        })
        .await
    }

    fn watch(&self, limits: Limits, invocation: &Invocation) -> Watch {
        Watch {
            timeout: limits.timeout,
            stall: limits.stall,
            first_signal: match invocation.first_signal {
                invocation::FirstSignal::Terminate => process::FirstSignal::Term,
                invocation::FirstSignal::Interrupt => process::FirstSignal::Int,
            },
            notebook: self.context.notebook.clone(),
            ..Watch::default()
        }
    }

    /// What the session that is gone on with has cost before.
    fn total(&self) -> Option<Value> {
        self.context.resume.as_ref()?.total.as_ref()?.parse().ok()
    }

    fn command(&self, invocation: &Invocation, folder: Option<&Folder>) -> Command {
        let folder = folder.map_or_else(|| Path::new(""), Folder::path);
        let env = invocation.env.iter().map(|(name, value)| (name.into(), Some(value.into())));
        Command {
            program: (&invocation.program).into(),
            args: invocation.args_in(folder),
            cwd: invocation.cwd.clone(),
            env: env.chain(self.context.env.iter().cloned()).collect(),
            stdin: invocation.stdin.as_ref().map(|text| text.clone().into_bytes()),
        }
    }

    async fn serve(&self, served: Served) -> ProviderResult {
        let kind = self.shared.kind;
        let limits = Limits { timeout: served.server.timeout, stall: served.server.stall };
        let server = Limits { timeout: Some(served.startup_timeout), stall: None };
        let (command, watch) = (self.command(&served.server, None), self.watch(server, &served.server));
        let total = self.total();
        let told = Told::new(self.context.watcher.clone());
        let exchange = opencode::served::ask(&served, command, watch, limits.stall, total.as_ref(), &told);
        let result = match limits.timeout {
            None => Some(exchange.await),
            Some(limit) => tokio::time::timeout(limit, exchange).await.ok(),
        };
        let (max_wait, raw) = (self.shared.settings.max_wait(), self.context.raw);
        match result {
            Some(Ok(answer)) => finish(kind, max_wait, Ok(answer), &served.server.restore, true, raw),
            Some(Err(opencode::served::Error::Failed(failed))) => {
                Err(failure::failed(kind, failed, max_wait, told.has_worked(), raw))
            }
            Some(Err(opencode::served::Error::NotStarted(error))) => {
                Err(failure::not_started(kind, error, &served.server))
            }
            Some(Err(opencode::served::Error::Stalled)) => {
                Err(failure::stalled(kind, limits.stall.unwrap_or_default()))
            }
            None => Err(failure::timed_out(kind, limits.timeout.unwrap_or_default())),
        }
    }
}

/// How long an attempt may take.
#[derive(Clone, Copy)]
struct Limits {
    timeout: Option<Duration>,
    stall: Option<Duration>,
}

/// How a process ended, as the readers take it.
pub(super) fn exit(status: process::Status) -> answer::Exit {
    match status {
        process::Status::Code(code) => answer::Exit::Code(code),
        process::Status::Signal(number) => answer::Exit::Signal(process::signal_name(number)),
    }
}

fn finish(
    kind: Kind,
    max_wait: Duration,
    result: Result<Answer, Failure>,
    restore: &Restore,
    worked: bool,
    raw: bool,
) -> ProviderResult {
    let mut answer = result.map_err(|failed| failure::failed(kind, failed, max_wait, worked, raw))?;
    answer.output = answer.output.map(|value: Value| restore.apply(value));
    Ok(answer.into_output(raw))
}

/// The failure of an attempt that was stopped, with what the reader still made of it.
fn stopped(
    kind: Kind,
    end: End,
    limits: Limits,
    result: Result<Answer, Failure>,
    worked: bool,
    raw: bool,
) -> Box<AttemptFailure> {
    let mut failure = match end {
        End::Timeout => failure::timed_out(kind, limits.timeout.unwrap_or_default()),
        End::Stall => failure::stalled(kind, limits.stall.unwrap_or_default()),
        End::Exited(_) | End::Cancelled | End::Stopped => failure::shut_down(kind),
    };
    let record = match result {
        Ok(answer) => answer.record,
        Err(failed) => *failed.record,
    };
    let AgentOutput { usage, session_id, resume, raw, .. } = Answer { output: None, record }.into_output(raw);
    failure.raw = raw;
    failure.usage = usage;
    failure.session_id = session_id;
    failure.resume = resume.filter(|_| worked);
    failure
}

/// How much of that is done at a time. What is made of a long answer takes a multiple of its memory for a moment, and a
/// thread each; with a hundred agents that end together, both add up.
const AT_A_TIME: usize = 4;

/// Does what may take a while where nobody waits for the thread. Its panic goes on here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    static PLACES: Semaphore = Semaphore::const_new(AT_A_TIME);
    in_background(async move {
        // Nobody closes it.
        let _place = PLACES.acquire().await.ok();
        match spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(value) => value,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime is going away, and with it whoever waits.
            Err(Err(_)) => std::future::pending().await,
        }
    })
    .await
}
