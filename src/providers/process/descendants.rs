//! Finds the processes of a tree (Linux), wherever they have gone: coding agents run each tool in a session of its
//! own, and what a tool starts may outlive its parents.
//!
//! Reads `/proc` and decides nothing: who is ended, when and how is not known here.

use std::fs::{self, File};
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use memchr::memmem;
use rustc_hash::FxHashSet;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::tree::{self, Marker, Tree, VARIABLE};
use crate::model::journal::ProcessNote;

/// How often, and after what time, processes are looked at again that are just becoming another program. Few are ever
/// found so twice; one that has thrown away its own arguments must not keep anybody for long.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Longer than any line of `/proc/<pid>/stat`: half a hundred numbers and a name of 64 bytes at most.
const LONGEST_STAT: usize = 2048;

/// A process, as it was when the snapshot was taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) session: u32,
    /// When it began, in ticks since the system did. With the number it names a process for good.
    pub(super) start: u64,
    /// It has exited, and nobody has asked for its status yet.
    pub(super) dead: bool,
    /// The value of the variable that marks trees.
    pub(super) marks: Option<String>,
}

/// The processes of the system.
#[derive(Debug, Default)]
pub(super) struct Snapshot(Vec<Process>);

impl Snapshot {
    /// Looks at the system, in some milliseconds. Processes that began before `since` are left out.
    pub(super) fn take(since: u64) -> Self {
        let mut buffer = Vec::new();
        let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut processes: Vec<Process> = numbers
            .filter_map(|pid| stat(pid, &mut buffer).filter(|process| process.start >= since))
            .collect();
        // Threads of the kernel have no session, and no environment.
        let mut unseen: Vec<&mut Process> =
            processes.iter_mut().filter(|process| process.session != 0 && !process.dead).collect();
        for _ in 0..LOOKS {
            unseen.retain_mut(|process| match marks(process.pid, &mut buffer) {
                Ok(marks) => {
                    process.marks = marks;
                    false
                }
                Err(Blank) => true,
            });
            if unseen.is_empty() {
                break;
            }
            // Nobody tells when it is over. This is a thread that may block.
            sleep(BETWEEN_LOOKS);
        }
        Self(processes)
    }

    /// Whether a process that was noted in this place is there, and not only one with its number.
    pub(super) fn has(&self, note: &ProcessNote, marker: &Marker) -> bool {
        self.0.iter().any(|process| {
            let is_it = process.pid == note.pid && process.start == note.start_time;
            let bears = || process.marks.as_deref().is_some_and(|marks| marker.is_in(marks));
            is_it && (process.group == note.pgid || bears())
        })
    }

    /// The processes that belong to a tree, exited ones included. `is_known` says of a process (number, start)
    /// whether it was found to belong to it before.
    pub(super) fn members(&self, tree: &Tree, is_known: impl Fn(u32, u64) -> bool) -> Vec<&Process> {
        let host = std::process::id();
        // Numbers come again. A session keeps its number as long as anybody is in it, also without its leader.
        let number_is_anothers =
            self.0.iter().any(|process| Some(process.pid) == tree.root && process.start != tree.start);
        let mut pids = FxHashSet::default();
        let mut sessions = FxHashSet::default();
        if !number_is_anothers {
            sessions.extend(tree.root);
        }
        let mut members = Vec::new();
        let mut rest: Vec<&Process> =
            self.0.iter().filter(|process| process.start >= tree.start && process.pid != host).collect();
        loop {
            let before = members.len();
            rest.retain(|process| {
                // No session of the tree is the host's: its root began a new one before anything else.
                let belongs = sessions.contains(&process.session)
                    || pids.contains(&process.parent)
                    || process.marks.as_deref().is_some_and(|marks| tree.marker.is_in(marks))
                    || is_known(process.pid, process.start);
                if belongs {
                    pids.insert(process.pid);
                    sessions.insert(process.session);
                    members.push(*process);
                }
                !belongs
            });
            if members.len() == before {
                return members;
            }
        }
    }
}

/// A snapshot that was begun after this call. Many that want one at the same time share it.
pub(super) async fn snapshot() -> Arc<Snapshot> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    // The last snapshot, and how many calls had been made when it was begun. Held over the wait on purpose: whoever
    // comes meanwhile is to wait, and all of them are served by the next one.
    static LAST: Mutex<(u64, Option<Arc<Snapshot>>)> = Mutex::const_new((0, None));
    let call = CALLS.fetch_add(1, Ordering::SeqCst);
    let mut last = LAST.lock().await;
    if let (begun, Some(snapshot)) = &*last
        && *begun > call
    {
        return snapshot.clone();
    }
    let begun = CALLS.load(Ordering::SeqCst);
    let since = tree::oldest();
    let taken = spawn_blocking(move || Snapshot::take(since)).await;
    // It fails only when the runtime is going away.
    let snapshot = Arc::new(taken.unwrap_or_else(|_| Snapshot::take(since)));
    *last = (begun, Some(snapshot.clone()));
    snapshot
}

/// When a process began; `None` if there is none of that number.
pub(super) fn start_of(pid: u32) -> Option<u64> {
    stat(pid, &mut Vec::new()).map(|process| process.start)
}

fn stat(pid: u32, buffer: &mut Vec<u8>) -> Option<Process> {
    // One read, since there is one of these for every process of the system: the kernel gives the line as a whole.
    buffer.resize(LONGEST_STAT, 0);
    let count = File::open(format!("/proc/{pid}/stat")).ok()?.read(buffer).ok()?;
    parse(pid, &buffer[..count])
}

/// Reads a line of `/proc/<pid>/stat`. The name of the program stands in parentheses and may contain anything.
fn parse(pid: u32, line: &[u8]) -> Option<Process> {
    let after_name = memchr::memrchr(b')', line)? + 1;
    let mut fields = std::str::from_utf8(&line[after_name..]).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let mut number = |skipped: usize| fields.nth(skipped)?.parse::<u64>().ok();
    let (parent, group, session) = (number(0)?, number(0)?, number(0)?);
    // Fields 20 and 22, counted from 1 as proc(5) does; the session is field 6.
    let (threads, start) = (number(13)?, number(1)?);
    Some(Process {
        pid,
        parent: parent as u32,
        group: group as u32,
        session: session as u32,
        start,
        // A process whose first thread has ended looks dead, and goes on in the others.
        dead: matches!(state, "Z" | "X") && threads <= 1,
        marks: None,
    })
}

/// The marks that a process bears, if it bears any; an error if it cannot be seen at this moment.
fn marks(pid: u32, buffer: &mut Vec<u8>) -> Result<Option<String>, Blank> {
    if read(pid, "environ", buffer).is_none() {
        return Ok(None);
    }
    if let Some(value) = find_variable(buffer) {
        return Ok(Some(String::from_utf8_lossy(value).into_owned()));
    }
    let is_blank = buffer.is_empty() && read(pid, "cmdline", buffer).is_some() && buffer.is_empty();
    if is_blank { Err(Blank) } else { Ok(None) }
}

/// In the middle of `execve` a process has neither an environment nor arguments. It takes an instant, unless the
/// machine has other things to do first.
struct Blank;

/// The value of the marking variable in an environment: `NAME=value` and a zero byte, as often as it takes.
fn find_variable(environment: &[u8]) -> Option<&[u8]> {
    let name = VARIABLE.as_bytes();
    memmem::find_iter(environment, name).find_map(|at| {
        let begins = at == 0 || environment[at - 1] == 0;
        let value = environment[at + name.len()..].strip_prefix(b"=")?;
        begins.then(|| value.split(|byte| *byte == 0).next().unwrap_or_default())
    })
}

/// Reads a file of a process into the buffer; `None` if it is gone, or is not ours to read.
fn read(pid: u32, file: &str, buffer: &mut Vec<u8>) -> Option<()> {
    buffer.clear();
    File::open(format!("/proc/{pid}/{file}")).ok()?.read_to_end(buffer).ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::FirstSignal;
    use super::*;

    #[test]
    fn the_line_of_a_process_is_read_whatever_its_name() {
        let rest = "S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 2";
        for name in ["sh", "a b", ") R 1 1 1", "((x", "\u{fc}"] {
            let process = parse(42, format!("42 ({name}) {rest}").as_bytes()).unwrap();
            let found = (process.pid, process.parent, process.group, process.session, process.start);
            assert_eq!(found, (42, 7, 8, 9, 4711), "{name}");
            assert!(!process.dead);
        }
        for (state, threads, dead) in [("Z", 1, true), ("X", 1, true), ("Z", 3, false), ("T", 1, false)] {
            let line = format!("1 (x) {state} 7 8 9 0 -1 0 1 2 3 4 5 6 7 8 20 0 {threads} 0 4711 1 2");
            assert_eq!(parse(1, line.as_bytes()).unwrap().dead, dead, "{state} with {threads} threads");
        }
        assert!(parse(1, b"").is_none());
        assert!(parse(1, b"1 (x) S 1").is_none());
    }

    #[test]
    fn this_process_is_found_with_its_parent_and_begin() {
        let snapshot = Snapshot::take(0);
        let host = snapshot.0.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert_eq!(host.parent, std::os::unix::process::parent_id());
        assert_eq!(Some(host.start), start_of(host.pid));
        assert!(!host.dead);
        let since = Snapshot::take(host.start + 1);
        assert!(since.0.iter().all(|process| process.pid != std::process::id()));
    }

    #[test]
    fn the_variable_is_found_by_its_whole_name_only() {
        for (environment, value) in [
            ("SMOL_WF_PROCESS=a\0B=c\0", Some("a")),
            ("A=b\0SMOL_WF_PROCESS=a:b\0", Some("a:b")),
            ("A=b\0SMOL_WF_PROCESS=a", Some("a")),
            ("X_SMOL_WF_PROCESS=a\0", None),
            ("SMOL_WF_PROCESSES=a\0", None),
            ("A=SMOL_WF_PROCESS=a\0SMOL_WF_PROCESS=b\0", Some("b")),
            ("", None),
        ] {
            assert_eq!(find_variable(environment.as_bytes()), value.map(str::as_bytes), "{environment:?}");
        }
    }

    #[test]
    fn members_are_found_by_mark_parent_and_session_and_strangers_are_not() {
        let (ours, theirs) = (Marker::new(), Marker::new());
        let mark = |marker: &Marker| Some(marker.variable().1.into_string().unwrap());
        let process = |pid, parent, session, start, marks| Process {
            pid,
            parent,
            session,
            group: session,
            start,
            dead: false,
            marks,
        };
        let snapshot = Snapshot(vec![
            process(1, 0, 1, 0, None),
            // A stranger, older than the tree, whose parent has a number that is now in the tree.
            process(90, 101, 90, 5, None),
            process(102, 101, 102, 11, None),
            process(101, 100, 100, 10, None),
            process(100, 50, 100, 10, mark(&ours)),
            // Left behind, in a session of its own, and what it has started without an environment.
            process(110, 1, 110, 12, mark(&ours)),
            process(111, 1, 110, 12, None),
            process(112, 111, 112, 13, None),
            // A nested engine's process bears both marks.
            process(120, 1, 120, 14, Some(format!("{}:{}", mark(&ours).unwrap(), mark(&theirs).unwrap()))),
            process(121, 1, 121, 14, mark(&theirs)),
            // Found before, by a link that is gone.
            process(130, 1, 130, 15, None),
            process(131, 1, 131, 15, None),
        ]);
        let mut tree = Tree {
            marker: ours,
            root: Some(100),
            start: 10,
            first_signal: FirstSignal::Term,
            grace: Duration::ZERO,
        };
        let members = |tree: &Tree| {
            let mut pids: Vec<u32> = snapshot
                .members(tree, |pid, start| (pid, start) == (130, 15) || (pid, start) == (131, 14))
                .iter()
                .map(|process| process.pid)
                .collect();
            pids.sort_unstable();
            pids
        };
        assert_eq!(members(&tree), [100, 101, 102, 110, 111, 112, 120, 130]);
        // A process that only has the number of the tree's root does not bring its session with it.
        (tree.root, tree.start) = (Some(121), 13);
        tree.marker = Marker::new();
        assert_eq!(members(&tree), [130]);
    }
}
