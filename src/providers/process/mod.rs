//! The one room that owns child processes: starts agent CLIs, reads what they write, and leaves none of them behind.
//!
//! [`run`] is one process from its start to its end; [`Server`] is one that stays. Whatever way either is left, also
//! by dropping the future, the whole tree of the child is ended: a first signal, a grace, SIGKILL. Why and how is in
//! `docs/design/processes.md`.
//!
//! Everything here needs a tokio runtime with I/O and time around it; the engine's is one. It knows nothing of agents:
//! what a line, an exit code or stderr means is the providers' business.

mod left;
mod lines;
mod names;
mod root;
mod server;
mod spawn;
mod tree;

#[cfg(target_os = "linux")]
mod descendants;
#[cfg(target_os = "linux")]
#[path = "end_linux.rs"]
mod end;
#[cfg(not(target_os = "linux"))]
#[path = "end_elsewhere.rs"]
mod end;
#[cfg(target_os = "linux")]
mod guard;
#[cfg(target_os = "linux")]
mod launch;
#[cfg(test)]
pub mod testing;

use std::ffi::OsString;
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;
use tokio::task::JoinError;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use left::{Gone, Notebook, end_left_behind};
pub use lines::Line;
pub use names::signal_name;
pub use server::{Server, ServerError};
pub use tree::{kill_all, shutdown};

use crate::model::error::ErrorData;
use lines::{Ends, Lines};
use spawn::Started;
use tree::Fate;

/// How long to wait for the pipes to close once the child itself has exited. A grandchild may hold them open for as
/// long as it lives. Half a second is plenty for a wrapper whose real process is about to write its last words, and
/// nothing to somebody who waits for an agent.
const DRAIN: Duration = Duration::from_millis(500);

/// Bytes that one read takes from stdout: what a pipe holds.
const CHUNK: usize = 64 << 10;
/// Bytes that one read takes from stderr, where little is said.
const STDERR_CHUNK: usize = 8 << 10;

/// What to start: a program and its arguments, never a line for a shell.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// A path, or a name that is looked up in the `PATH` of the child.
    pub program: OsString,
    pub args: Vec<OsString>,
    /// `None` is the host's own.
    pub cwd: Option<PathBuf>,
    /// Over the host's environment; `None` takes a variable away.
    pub env: Vec<(OsString, Option<OsString>)>,
    /// Written to stdin, which is closed then. With `None` there is nothing to read from the start: some CLIs wait
    /// for the end of an open stdin for ever.
    pub stdin: Option<Vec<u8>>,
}

impl Command {
    /// A program without arguments, in the host's directory and environment.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }
}

/// The signal that a CLI is asked with to end. Which one lets it end its own tools differs: SIGINT for Codex, SIGTERM
/// for Claude Code and pi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstSignal {
    Int,
    #[default]
    Term,
}

/// How a child is watched, and how it is ended.
#[derive(Clone, Debug)]
pub struct Watch {
    /// From the start to the exit; `None` is for ever.
    pub timeout: Option<Duration>,
    /// The longest silence on both stdout and stderr; `None` is for ever.
    pub stall: Option<Duration>,
    /// Between the first signal and SIGKILL. Claude Code needs 1.6 s to end its tools.
    pub grace: Duration,
    /// Also what the child gets when the engine dies (Linux).
    pub first_signal: FirstSignal,
    /// Bytes of one line that are kept.
    pub max_line: usize,
    /// Bytes of stderr that are kept, half from its beginning and half from its end; at least 16 KiB.
    pub keep_stderr: usize,
    /// Who writes down that the child is there, for the case that the host is killed.
    pub notebook: Option<Notebook>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            timeout: None,
            stall: None,
            grace: Duration::from_secs(3),
            first_signal: FirstSignal::default(),
            max_line: 64 << 20,
            keep_stderr: 64 << 10,
            notebook: None,
        }
    }
}

/// Whether whoever reads the lines wants more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// Enough: the child is ended.
    Stop,
}

/// How a process exited. Shown as Node.js users know it: `code 1`, `signal SIGTERM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Code(i32),
    /// The number of the signal it died of. CLIs that catch a signal exit with a code instead.
    Signal(i32),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "code {code}"),
            Self::Signal(number) => write!(f, "signal {}", names::signal_name(*number)),
        }
    }
}

impl From<ExitStatus> for Status {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(number) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Self::Signal(number);
        }
        // Only a signal takes the code away.
        Self::Code(status.code().unwrap_or(-1))
    }
}

/// Why a run is over. All but `Exited` leave the ending of the process to the background, see [`run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The child exited by itself.
    Exited(Status),
    /// It took longer than `Watch::timeout`.
    Timeout,
    /// It said nothing for longer than `Watch::stall`.
    Stall,
    /// The token was cancelled, or the engine shuts down.
    Cancelled,
    /// The reader of its lines wanted no more.
    Stopped,
}

/// What is left of a process that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub end: End,
    /// What it wrote to stderr; what is not UTF-8 has become U+FFFD. Of much, the beginning and the end, and between
    /// them a line that says how much was left out.
    pub stderr: String,
}

impl Exit {
    /// Whether it exited by itself, with code 0. That alone makes no answer: several CLIs exit so when they fail.
    pub fn is_success(&self) -> bool {
        self.end == End::Exited(Status::Code(0))
    }
}

/// Why a process could not be run.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// It could not be started: the program or the directory does not exist, may not be used, the arguments are too
    /// long. Worded as Node.js words it: `spawn claude ENOENT`.
    #[error("spawn {program} {code}")]
    Spawn { program: String, code: String, source: io::Error },
    /// Somebody else in this process took its exit status away, or the system has none to give.
    #[error("cannot learn how {program} ended: {message}")]
    Lost { program: String, message: String },
}

impl ProcessError {
    /// Whether it may come out differently in a moment, with nothing changed.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Spawn { code, .. } => may_pass(code),
            Self::Lost { .. } => true,
        }
    }
}

/// Whether an error of a start says that the system has no room just now; or that somebody is just writing the program.
pub fn may_pass(code: &str) -> bool {
    matches!(code, "EAGAIN" | "EMFILE" | "ENFILE" | "ENOMEM" | "ENOSPC" | "ETXTBSY")
}

impl From<ProcessError> for ErrorData {
    fn from(error: ProcessError) -> Self {
        let data = ErrorData::new("Error", error.to_string());
        match error {
            ProcessError::Spawn { code, .. } => data.with_code(code),
            ProcessError::Lost { .. } => data,
        }
    }
}

/// Runs one process to its end. Every line of its stdout goes to `on_line` as it comes; a reader that takes its time
/// slows the child down, and nothing is queued. It is called wherever the future is polled, so it must not block for
/// long: providers spawn this, see [`in_background`].
///
/// Returns as soon as it is decided how the run ends. After a timeout, a stall, a cancel or a stop the process is
/// still there then: it has its grace, ends or is killed in the background, and [`shutdown`] waits for it. The same
/// happens when the future is dropped. After an exit, the same happens to whatever the child has left behind.
///
/// A stdin that the child does not read to its end is no error.
///
/// # Errors
/// [`ProcessError::Spawn`] if the process cannot be started.
pub async fn run(
    command: Command,
    watch: Watch,
    cancel: CancellationToken,
    mut on_line: impl FnMut(Line<'_>) -> Flow + Send,
) -> Result<Exit, ProcessError> {
    let mut cancelled = pin!(cancel.cancelled());
    let program = command.program.to_string_lossy().into_owned();
    let started = tokio::select! {
        biased;
        () = &mut cancelled => return Ok(Exit { end: End::Cancelled, stderr: String::new() }),
        started = spawn::start(command, &watch) => started?,
    };
    // Dropped when this is left in any way, and the tree ends with it.
    let Started { mut child, stdin } = started;
    let mut fate = pin!(child.fate());
    let mut lines = Lines::new(watch.max_line);
    let mut ends = Ends::new(watch.keep_stderr);
    let mut out = Source::new(&mut child.pipes.stdout, CHUNK);
    let mut err = Source::new(&mut child.pipes.stderr, STDERR_CHUNK);
    let mut fed = pin!(feed(stdin));
    let mut feeding = true;
    let mut timeout = pin!(timer(watch.timeout));
    let mut stall = pin!(timer(watch.stall));
    let mut exited = None;
    let mut drain = pin!(timer(None));
    // After the exit and the drain only what was there at the exit is still read.
    let mut late = false;
    let end = loop {
        if let Some(status) = exited
            && !out.wants(late)
            && !err.wants(late)
        {
            break if lines.finish(&mut on_line) == Flow::Stop { End::Stopped } else { End::Exited(status) };
        }
        // In order: what ends the run must not wait behind a child that never stops talking.
        tokio::select! {
            biased;
            () = &mut cancelled => break End::Cancelled,
            () = &mut timeout, if exited.is_none() => break End::Timeout,
            () = &mut stall, if exited.is_none() => break End::Stall,
            () = &mut drain, if !late => late = true,
            fate = &mut fate, if exited.is_none() => match fate {
                Fate::Exited(status) => {
                    exited = Some(status);
                    (out.owed, err.owed) = (out.waiting(), err.waiting());
                    drain.set(timer(Some(DRAIN)));
                }
                Fate::Ended => break End::Cancelled,
                Fate::Lost(message) => return Err(ProcessError::Lost { program, message }),
            },
            () = &mut fed, if feeding => feeding = false,
            read = either(&mut out, &mut err, late) => {
                stall.set(timer(watch.stall));
                match read {
                    Read::Err(read) => ends.feed(read),
                    Read::Out(read) => if lines.feed(read, &mut on_line) == Flow::Stop {
                        break End::Stopped;
                    },
                }
            }
        }
    };
    Ok(Exit { end, stderr: ends.text() })
}

/// Moves work to the runtime's own threads. Dropping the future ends the work, wherever it stands.
///
/// A provider's future is polled on the thread that also runs the script; this is how its real work gets away from
/// there. A panic of the work goes on in whoever awaits it.
pub async fn in_background<F>(work: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    output_of(AbortOnDropHandle::new(tokio::spawn(work)).await).await
}

/// What a task has come to. Its panic goes on here.
async fn output_of<T>(joined: Result<T, JoinError>) -> T {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(output) => output,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime is going away, and with it whoever waits.
        Err(Err(_)) => pending().await,
    }
}

async fn timer(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => pending().await,
    }
}

/// Writes stdin and closes it.
async fn feed(stdin: Option<(ChildStdin, Vec<u8>)>) {
    if let Some((mut pipe, text)) = stdin {
        // It fails if the child reads no more, which is its own affair: its exit and its output say what came of it.
        drop(pipe.write_all(&text).await);
    }
}

/// One end of a pipe that is read until it closes.
struct Source<'a, P> {
    pipe: &'a mut Option<P>,
    buffer: Box<[u8]>,
    /// Bytes that were in the pipe when the child exited, and have not been read.
    owed: u64,
}

impl<'a, P: AsyncRead + Unpin> Source<'a, P> {
    fn new(pipe: &'a mut Option<P>, chunk: usize) -> Self {
        Self { pipe, buffer: vec![0; chunk].into(), owed: 0 }
    }

    /// Whether there may be something to read that somebody wants.
    fn wants(&self, late: bool) -> bool {
        self.pipe.is_some() && (!late || self.owed > 0)
    }

    /// The next bytes; none at the end, which closes the pipe.
    async fn read(&mut self) -> &[u8] {
        let Some(pipe) = self.pipe else { return &[] };
        // A pipe does not fail. If one does, there is nothing more to be had from it.
        let count = pipe.read(&mut self.buffer).await.unwrap_or(0);
        if count == 0 {
            *self.pipe = None;
        }
        self.owed = self.owed.saturating_sub(count as u64);
        &self.buffer[..count]
    }
}

impl<P: Waiting> Source<'_, P> {
    /// Bytes in the pipe at this moment.
    fn waiting(&self) -> u64 {
        self.pipe.as_ref().map_or(0, Waiting::waiting)
    }
}

enum Read<'a> {
    Out(&'a [u8]),
    Err(&'a [u8]),
}

/// The next bytes of either pipe, in no order: a flood on one must not keep the other from being read.
async fn either<'a, O, E>(out: &'a mut Source<'_, O>, err: &'a mut Source<'_, E>, late: bool) -> Read<'a>
where
    O: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    let (from_out, from_err) = (out.wants(late), err.wants(late));
    tokio::select! {
        read = out.read(), if from_out => Read::Out(read),
        read = err.read(), if from_err => Read::Err(read),
        else => pending().await,
    }
}

/// A pipe that can tell how much is in it.
trait Waiting {
    fn waiting(&self) -> u64;
}

#[cfg(unix)]
impl<P: std::os::fd::AsFd> Waiting for P {
    fn waiting(&self) -> u64 {
        rustix::io::ioctl_fionread(self).unwrap_or(0)
    }
}

#[cfg(not(unix))]
impl<P> Waiting for P {
    fn waiting(&self) -> u64 {
        0
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests;
