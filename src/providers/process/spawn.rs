//! Starts processes, all of them from one thread that lives as long as the host does.
//!
//! Linux tells a child that its parent has died when the *thread* that made it ends (`PR_SET_PDEATHSIG`): a child of
//! a tokio worker that goes away would get its signal in the middle of its work. What happens to a child after its
//! start is not known here.
//!
//! How it is done on Linux is in `launch`; here is what the standard library does elsewhere, and where there are no
//! pidfds. It is unsafe at one place: a child that is in a session of its own has to ask for that itself, between fork
//! and exec, and the standard library runs nothing there without `unsafe`.

use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(unix)]
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::process::{self, ChildStderr, ChildStdin, ChildStdout};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::names::error_code;
use super::root::Root;
use super::tree::{Child, Marker};
use super::{Command, FirstSignal, ProcessError, Watch};

/// Processes that may wait for the spawner. Whoever finds no room waits for it; nobody the spawner waits for does.
const QUEUE: usize = 64;

/// A process that was just started.
pub(super) struct Started {
    pub(super) child: Child,
    /// The pipe, and what is to be written to it.
    pub(super) stdin: Option<(ChildStdin, Vec<u8>)>,
}

type Reply = oneshot::Sender<io::Result<Started>>;

struct Job {
    command: Command,
    watch: Watch,
    /// The runtime that reads its pipes and waits for its end.
    runtime: Handle,
    reply: Reply,
}

/// Starts a process, in a session of its own.
///
/// # Errors
/// [`ProcessError::Spawn`].
pub(super) async fn start(command: Command, watch: &Watch) -> Result<Started, ProcessError> {
    let program = command.program.to_string_lossy().into_owned();
    let (reply, started) = oneshot::channel();
    let job = Job { command, watch: watch.clone(), runtime: Handle::current(), reply };
    let result = match spawner() {
        Ok(spawner) => {
            // Both fail only if the spawner panics, and then with the same error.
            drop(spawner.send(job).await);
            started.await.unwrap_or_else(|_| Err(io::Error::other("the spawner is gone")))
        }
        Err(error) => Err(error),
    };
    result.map_err(|source| ProcessError::Spawn { program, code: error_code(&source), source })
}

/// The way to the spawner's thread, which is made when it is first needed.
fn spawner() -> io::Result<mpsc::Sender<Job>> {
    static SPAWNER: Mutex<Option<mpsc::Sender<Job>>> = Mutex::new(None);
    let mut spawner = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sender) = &*spawner {
        return Ok(sender.clone());
    }
    #[cfg(test)]
    super::testing::pass(super::testing::Step::Thread)?;
    let (sender, mut jobs) = mpsc::channel::<Job>(QUEUE);
    thread::Builder::new().name("spawner".to_owned()).spawn(move || {
        // As long as this thread there is the pipe that it waits at.
        #[cfg(target_os = "linux")]
        let _guard = super::guard::start();
        while let Some(job) = jobs.blocking_recv() {
            // If this thread ended, every child would be told that its parent has died.
            drop(catch_unwind(AssertUnwindSafe(|| job.carry_out())));
        }
    })?;
    *spawner = Some(sender.clone());
    Ok(sender)
}

impl Job {
    fn carry_out(self) {
        let Self { command, watch, runtime, reply } = self;
        if reply.is_closed() {
            return;
        }
        let _guard = runtime.enter();
        // Nobody may be there any more to take it; it ends then, as a child does that is dropped.
        drop(reply.send(spawn(command, &watch)));
    }
}

/// A process and its pipes.
pub(super) struct Spawned {
    pub(super) root: Root,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

fn spawn(command: Command, watch: &Watch) -> io::Result<Started> {
    let marker = Marker::new();
    #[cfg(target_os = "linux")]
    let spawned = if super::end::can_wake() {
        let stray = || Child::stray(marker.clone(), watch);
        super::launch::launch(&command, marker.variable(), watch.first_signal, stray)
    } else {
        by_the_library(&command, &marker, watch)
    };
    #[cfg(not(target_os = "linux"))]
    let spawned = by_the_library(&command, &marker, watch);
    let mut spawned = spawned?;
    let stdin = spawned.stdin.take().zip(command.stdin);
    Ok(Started { child: Child::keep(spawned, marker, watch), stdin })
}

/// What the variable `PWD` has to say, as shells have it: OpenCode works in the folder that it says, wherever it was
/// started.
#[cfg(unix)]
pub(super) fn working_folder(command: &Command) -> Option<PathBuf> {
    std::path::absolute(command.cwd.as_ref()?).ok()
}

fn by_the_library(command: &Command, marker: &Marker, watch: &Watch) -> io::Result<Spawned> {
    let mut builder = process::Command::new(&command.program);
    builder.args(&command.args);
    if let Some(folder) = &command.cwd {
        builder.current_dir(folder);
        #[cfg(unix)]
        if let Some(folder) = working_folder(command) {
            builder.env("PWD", folder);
        }
    }
    for (name, value) in &command.env {
        match value {
            Some(value) => builder.env(name, value),
            None => builder.env_remove(name),
        };
    }
    let (name, value): (_, OsString) = marker.variable();
    builder.env(name, value);
    let stdin = if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
    builder.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    set_apart(&mut builder, watch.first_signal);
    match builder.spawn() {
        Ok(mut child) => {
            let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            Ok(Spawned { root: Root::Library(child), stdin, stdout, stderr })
        }
        Err(error) => {
            // Rarely it is running for all that: there was no room to wait for it. No program means no process.
            if !matches!(error_code(&error).as_str(), "ENOENT" | "EACCES" | "ENOTDIR" | "E2BIG" | "EINVAL") {
                Child::stray(marker.clone(), watch);
            }
            Err(error)
        }
    }
}

/// Gives the child a session of its own: signals of the terminal do not reach it (the host decides what Ctrl-C means),
/// it cannot stop at a question that nobody sees, and its process group can be signalled as a whole.
#[cfg(unix)]
fn set_apart(builder: &mut process::Command, death: FirstSignal) {
    use rustix::process::{getpid, setsid};

    let parent = getpid();
    let prepare = move || {
        setsid()?;
        for signal in 1..32 {
            // SAFETY: `signal` may be called between fork and exec, and sets no handler. Numbers that cannot be set
            // (SIGKILL, SIGSTOP) are refused, which is fine.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        hear_of_death(parent, death)
    };
    // SAFETY: between fork and exec only what is async-signal-safe may be called. `prepare` makes system calls and
    // nothing else: it takes no lock and no memory, and its errors are plain numbers.
    unsafe { builder.pre_exec(prepare) };
}

/// Asks for a signal at the death of the parent: the one that lets a CLI end its own tools.
#[cfg(target_os = "linux")]
fn hear_of_death(parent: rustix::process::Pid, death: FirstSignal) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let signal = match death {
        FirstSignal::Int => Signal::INT,
        FirstSignal::Term => Signal::TERM,
    };
    set_parent_process_death_signal(Some(signal))?;
    // If it died before that, no signal comes any more.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn hear_of_death(_: rustix::process::Pid, _: FirstSignal) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn set_apart(_: &mut process::Command, _: FirstSignal) {}
