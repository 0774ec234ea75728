//! What the tests of processes share: waits that end, pipes that tell when nobody is left, processes that play a part,
//! and a look at the system.
//!
//! Every wait has an upper bound in real time, whatever the clock of the runtime does: a test that waits in vain fails,
//! says for what, and who was there at that moment. What it leaves behind is killed.

use std::fs::{self, File};
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self as blocking, RecvTimeoutError};
use std::{env, process, thread};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{mpsc, oneshot};

use super::super::*;

/// Says which part a test process that was started by a test plays.
pub(super) const ROLE: &str = "PROCESS_TEST_ROLE";
/// Long enough for anything that happens at all, on any machine. On the runtime's clock.
pub(super) const LONG: Duration = Duration::from_secs(1000);
/// The longest that anything is waited for, on the clock on the wall: the whole set takes three seconds on an idle
/// machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for something that has to happen, and fails if it does not.
pub(super) async fn bounded<F: Future>(what: &str, happens: F) -> F::Output {
    let (_waiting, happened) = blocking::channel::<()>();
    let (late, is_late) = oneshot::channel();
    // A thread of its own, and no timer of tokio's: its time may be paused, and then runs to the next timer at once.
    thread::spawn(move || {
        if happened.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            late.send(()).ok();
        }
    });
    tokio::select! {
        biased;
        output = happens => output,
        Ok(()) = is_late => panic!("waited {} s in vain for {what}; there are\n{}", PATIENCE.as_secs(), all_there()),
    }
}

/// As the room's own, but for the bound.
pub(super) async fn run(
    command: Command,
    watch: Watch,
    cancel: CancellationToken,
    on_line: impl FnMut(Line<'_>) -> Flow + Send,
) -> Result<Exit, ProcessError> {
    let what = format!("the end of {:?} {:?}", command.program, command.args);
    bounded(&what, super::super::run(command, watch, cancel, on_line)).await
}

pub(super) fn sh(script: &str) -> Command {
    Command::new("/bin/sh").args(["-c", script])
}

pub(super) fn patient() -> Watch {
    Watch { grace: LONG, ..Watch::default() }
}

/// Runs a command to its end and collects its lines.
pub(super) async fn run_lines(command: Command) -> (Exit, Vec<String>) {
    let mut lines = Vec::new();
    let exit = run(command, patient(), CancellationToken::new(), |line| {
        assert_eq!(line.lost, 0);
        lines.push(line.text().into_owned());
        Flow::Continue
    });
    (exit.await.unwrap(), lines)
}

/// A named pipe that children write to. It closes when the last process that has it open is gone, which is how the
/// tests know that nothing is left of a tree: `exec 9>"$FIFO"` hands it down to everything that is started after it.
pub(super) struct Fifo {
    pub(super) path: PathBuf,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Fifo {
    pub(super) fn new() -> Self {
        let path = fifo_path();
        let (sender, lines) = mpsc::unbounded_channel();
        let name = path.clone();
        // A thread of its own, and none of tokio's: those keep paused time from going on.
        thread::spawn(move || {
            for line in BufReader::new(File::open(name).unwrap()).lines() {
                drop(sender.send(line.unwrap()));
            }
        });
        Self { path, lines }
    }

    pub(super) fn command(&self, script: &str) -> Command {
        sh(&format!("exec 9>\"$FIFO\"; {script}")).env("FIFO", &self.path)
    }

    pub(super) async fn line(&mut self) -> String {
        let line = bounded("a line of a pipe", self.lines.recv()).await;
        line.expect("a process of the tree is there and says something")
    }

    /// Waits until no process has the pipe open any more; gives what was said meanwhile.
    pub(super) async fn closed(&mut self) -> Vec<String> {
        bounded("the end of all who have a pipe", async {
            let mut rest = Vec::new();
            while let Some(line) = self.lines.recv().await {
                rest.push(line);
            }
            rest
        })
        .await
    }
}

pub(super) fn fifo_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("process-test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = env::temp_dir().join(name);
    assert!(process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

impl Drop for Fifo {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
        if thread::panicking() {
            // Whoever was to write there sleeps for longer than anybody wants.
            let name = self.path.to_string_lossy().into_owned();
            for seen in processes().iter().filter(|seen| seen.environment.contains(&name)) {
                kill_process(Pid::from_raw(seen.pid).unwrap(), Signal::KILL).ok();
            }
        }
    }
}

/// A run in the background, and the way to cancel it.
pub(super) struct Running {
    pub(super) cancel: CancellationToken,
    pub(super) exit: AbortOnDropHandle<Result<Exit, ProcessError>>,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Running {
    pub(super) fn start(command: Command, watch: Watch) -> Self {
        let cancel = CancellationToken::new();
        let (sender, lines) = mpsc::unbounded_channel();
        let work = run(command, watch, cancel.clone(), move |line| {
            drop(sender.send(line.text().into_owned()));
            Flow::Continue
        });
        Self { cancel, exit: AbortOnDropHandle::new(tokio::spawn(work)), lines }
    }

    pub(super) fn start_on(runtime: &tokio::runtime::Runtime, command: Command) -> Self {
        let _guard = runtime.enter();
        Self::start(command, patient())
    }

    pub(super) async fn line(&mut self) -> String {
        bounded("a line of a child", self.lines.recv()).await.expect("the child says something")
    }

    pub(super) async fn end(self) -> End {
        self.exit.await.unwrap().unwrap().end
    }
}

/// This test binary, started again to play a part in which it may be killed, or counted. It does not outlive the test.
pub(super) struct Part(process::Child);

/// How a part is started.
pub(super) fn play(role: &str, fifo: &Path) -> process::Command {
    let mut command = process::Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "providers::process::tests::a_process_of_its_own"]);
    command.env(ROLE, role).env("FIFO", fifo).stdout(Stdio::null());
    command
}

impl Part {
    pub(super) fn start(command: &mut process::Command) -> Self {
        // Its stdin ends with the test.
        Self(command.stdin(Stdio::piped()).spawn().unwrap())
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end.
    pub(super) fn ended(mut self) -> ExitStatus {
        let (_waiting, ended) = blocking::channel::<()>();
        let pid = Pid::from_child(&self.0);
        let _stdin = self.0.stdin.take();
        thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("a part did not end in {} s; there are\n{}", PATIENCE.as_secs(), all_there());
                kill_process(pid, Signal::KILL).ok();
            }
        });
        self.0.wait().unwrap()
    }

    /// Kills it, as nothing can be prepared for.
    pub(super) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Keeps paused time from going on by itself, until it is dropped.
pub(super) fn hold_time() -> blocking::Sender<()> {
    let (sender, receiver) = blocking::channel();
    tokio::task::spawn_blocking(move || receiver.recv());
    sender
}

/// A process of the system.
pub(super) struct Seen {
    pub(super) pid: i32,
    pub(super) parent: u32,
    pub(super) dead: bool,
    pub(super) arguments: String,
    pub(super) environment: String,
}

pub(super) fn processes() -> Vec<Seen> {
    let numbers =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let seen = numbers.filter_map(|pid| {
        let stat = read(pid, "stat")?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        Some(Seen {
            pid,
            dead: matches!(fields.next()?, "Z" | "X"),
            parent: fields.next()?.parse().ok()?,
            arguments: read(pid, "cmdline").unwrap_or_default(),
            environment: read(pid, "environ").unwrap_or_default(),
        })
    });
    seen.collect()
}

fn read(pid: i32, file: &str) -> Option<String> {
    let text = fs::read(format!("/proc/{pid}/{file}")).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// All processes that came of tests, with what is needed to see why one does not end.
fn all_there() -> String {
    let mut text = String::new();
    for seen in processes() {
        if !seen.environment.contains(ROLE) && !seen.environment.contains(tree::VARIABLE) {
            continue;
        }
        let status = read(seen.pid, "status").unwrap_or_default();
        let told = |line: &&str| ["State", "Sig", "Shd"].iter().any(|name| line.starts_with(name));
        let told: Vec<_> = status.lines().filter(told).collect();
        let arguments = seen.arguments.replace('\0', " ");
        text += &format!("{} of {}: {arguments}\n  {}\n", seen.pid, seen.parent, told.join("; "));
        let wanted = |line: &&str| ["FIFO=", ROLE, tree::VARIABLE].iter().any(|name| line.starts_with(name));
        let marks: Vec<_> = seen.environment.split('\0').filter(wanted).collect();
        text += &format!("  {}\n", marks.join("; "));
    }
    text
}

/// Waits until there is no such process any more.
pub(super) async fn gone(is_it: impl Fn(&Seen) -> bool) {
    bounded("processes to be gone", async {
        while processes().iter().any(|seen| !seen.dead && is_it(seen)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
