//! Starts a program without making a copy of the host (Linux).
//!
//! A fork copies the page tables of the host and makes it pay again for each page that it writes to afterwards; with an
//! engine at work in all its threads that costs more than all the rest of a start. So the child runs in the host's own
//! memory, on a stack of its own, until it is the new program (`CLONE_VM | CLONE_VFORK`), as it does in the C library's
//! `posix_spawn`. That one cannot ask for a signal at the death of the parent.
//!
//! It is unsafe, all in this file: what runs in the child, `prepare`, shares its memory with the threads of the host. It
//! makes system calls, writes to what was laid out for it alone, and nothing else: it takes no lock and no memory, and
//! never returns. The thread that has started it stands still meanwhile.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process as library;
use std::ptr;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use super::root::{Own, Root};
use super::spawn::{Spawned, working_folder};
#[cfg(test)]
use super::testing;
use super::{Command, FirstSignal};

/// For `prepare`, whose frames are small, and the C library's wrappers of system calls.
const STACK: usize = 64 << 10;
/// What the system's C library takes where there is no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";
/// The signals that the kernel has, and the bits of a set of them.
const SIGNALS: usize = 64;
/// The exit status of a child that has not become the program. Nobody sees it.
const NEVER_BEGUN: c_int = 127;

/// Starts a program, in a session of its own, on the runtime around the caller. `marks` is put into its environment.
/// `stray` is called if it had to be killed after its start; what it has started by then is still there.
///
/// # Errors
/// The system's; the program itself is not running then.
pub(super) fn launch(
    command: &Command,
    marks: (&str, OsString),
    death: FirstSignal,
    stray: impl FnOnce(),
) -> io::Result<Spawned> {
    let (stdin, input) = match &command.stdin {
        Some(_) => {
            let (reader, writer) = pipe()?;
            (OwnedFd::from(reader), Some(OwnedFd::from(writer)))
        }
        None => (File::open("/dev/null")?.into(), None),
    };
    let (output, stdout) = pipe()?;
    let (errors, stderr) = pipe()?;
    let stdin_pipe = input.map(|input| ChildStdin::from_std(library::ChildStdin::from(input))).transpose()?;
    let stdout_pipe = ChildStdout::from_std(library::ChildStdout::from(OwnedFd::from(output)))?;
    let stderr_pipe = ChildStderr::from_std(library::ChildStderr::from(OwnedFd::from(errors)))?;
    let theirs = [above(stdin)?, above(stdout.into())?, above(stderr.into())?];
    let plan = Plan::new(command, marks, theirs.each_ref().map(OwnedFd::as_raw_fd), death)?;
    let (child, descriptor) = plan.carry_out()?;
    let root = match Own::new(child, descriptor) {
        Ok(root) => root,
        // The runtime has gone away meanwhile, or the system has no room to wait for one more.
        Err(error) => {
            abandon(child);
            // It has been at work already, and may have tools.
            stray();
            return Err(error);
        }
    };
    Ok(Spawned {
        root: Root::Own(root),
        stdin: stdin_pipe,
        stdout: Some(stdout_pipe),
        stderr: Some(stderr_pipe),
    })
}

fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    #[cfg(test)]
    testing::pass(testing::Step::Pipe)?;
    io::pipe()
}

/// Ends a child that cannot be held.
fn abandon(child: Pid) {
    // Both fail only if it is gone, and its status taken.
    let _gone = kill_process(child, Signal::KILL);
    let _taken = waitpid(Some(child), WaitOptions::empty());
}

/// A descriptor beyond the three that every program has, which are put in their places one after the other.
fn above(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    const FIRST: RawFd = libc::STDERR_FILENO + 1;
    if descriptor.as_raw_fd() >= FIRST {
        Ok(descriptor)
    } else {
        Ok(fcntl_dupfd_cloexec(&descriptor, FIRST)?)
    }
}

/// All that the child needs, laid out before it is there. The pointers are into the strings beside them.
struct Plan {
    /// The files that may be the program, in the order in which they are tried.
    candidates: Vec<CString>,
    folder: Option<CString>,
    descriptors: [RawFd; 3],
    death: c_int,
    host: libc::pid_t,
    arguments: Vec<*const c_char>,
    /// The same for a shell: a file without a first line that says what reads it. The second one is the file.
    script: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    _strings: Vec<CString>,
    /// Why the child has not become the program; written by it.
    error: c_int,
}

impl Plan {
    fn new(
        command: &Command,
        (name, value): (&str, OsString),
        descriptors: [RawFd; 3],
        death: FirstSignal,
    ) -> io::Result<Self> {
        let mut variables: BTreeMap<OsString, OsString> = env::vars_os().collect();
        variables.extend(working_folder(command).map(|folder| ("PWD".into(), folder.into_os_string())));
        for (name, value) in &command.env {
            match value {
                Some(value) => variables.insert(name.clone(), value.clone()),
                None => variables.remove(name),
            };
        }
        variables.insert(name.into(), value);
        let candidates =
            candidates(&command.program, variables.get(OsStr::new("PATH")).map(OsString::as_os_str))?;
        let pair = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            c_string(name)
        };
        let environment = variables.into_iter().map(pair).collect::<io::Result<Vec<_>>>()?;
        let arguments = [&command.program].into_iter().chain(&command.args).map(c_string);
        let arguments = arguments.collect::<io::Result<Vec<_>>>()?;
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
        };
        let mut script = vec![c"/bin/sh".as_ptr(), ptr::null()];
        script.extend(pointers(&arguments[1..]));
        Ok(Self {
            candidates,
            folder: command.cwd.as_ref().map(c_string).transpose()?,
            descriptors,
            death: match death {
                FirstSignal::Int => libc::SIGINT,
                FirstSignal::Term => libc::SIGTERM,
            },
            host: getpid().as_raw_nonzero().get(),
            arguments: pointers(&arguments),
            script,
            environment: pointers(&environment),
            _strings: arguments.into_iter().chain(environment).collect(),
            error: 0,
        })
    }

    /// Makes the child, and waits until it is the program or has failed. With its number comes a descriptor (pidfd), which
    /// also names it where the host wants no exit statuses and the number is free again at once.
    fn carry_out(mut self) -> io::Result<(Pid, OwnedFd)> {
        #[cfg(test)]
        testing::pass(testing::Step::Start)?;
        let mut stack = vec![MaybeUninit::<u128>::uninit(); STACK / size_of::<u128>()];
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        let plan = (&raw mut self).cast::<c_void>();
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let mut descriptor: c_int = -1;
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both sets are written before they are read. A handler of the host that ran in the child would take it
        // for the host, so there is none until the child has taken them all away.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
        }
        // SAFETY: the stack grows downwards from its aligned end, on every processor that this is built for, and is
        // long enough for `prepare`. With `CLONE_VFORK` this returns when the child has its own memory or is gone, so
        // the stack and the plan outlive its use of them, and nobody else touches them meanwhile.
        let pid = unsafe { libc::clone(prepare, top, flags, plan, &raw mut descriptor) };
        let failure = io::Error::last_os_error();
        // SAFETY: as it was.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
        let Some(child) = Pid::from_raw(pid).filter(|_| pid > 0) else { return Err(failure) };
        // SAFETY: the kernel has just opened it for us.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        // SAFETY: `self` is ours again. The compiler does not know that somebody has written to it.
        match unsafe { ptr::read_volatile(&raw const self.error) } {
            0 => Ok((child, descriptor)),
            error => {
                // It is on its way out, and its status is nobody's.
                let _status = waitpid(Some(child), WaitOptions::empty());
                Err(io::Error::from_raw_os_error(error))
            }
        }
    }
}

/// What runs in the child. It has the host's memory; see the head of this file.
extern "C" fn prepare(plan: *mut c_void) -> c_int {
    let plan = plan.cast::<Plan>();
    // SAFETY: `carry_out` has handed over a plan that nobody else uses before this process has another memory.
    unsafe {
        let error = attempt(&mut *plan);
        ptr::write_volatile(&raw mut (*plan).error, error);
        libc::_exit(NEVER_BEGUN)
    }
}

/// Becomes the program; returns only why that cannot be.
///
/// # Safety
/// In the child only.
unsafe fn attempt(plan: &mut Plan) -> c_int {
    // SAFETY: of these, those that take pointers get the ones of the plan, which end as they have to; none of them is
    // kept. The wrappers make one system call each and set `errno`, which is that of the thread that stands still.
    unsafe {
        if libc::setsid() < 0 {
            return errno();
        }
        // Also what the host ignores. Numbers that cannot be set (SIGKILL, SIGSTOP) are refused, which is fine. Not by
        // the C library, which has a lock for one of them: the kernel's form of "the default" is all zeros.
        let default = [0_u64; 8];
        for signal in 1..=SIGNALS {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), ptr::null::<u64>(), SIGNALS / 8);
        }
        if libc::prctl(libc::PR_SET_PDEATHSIG, plan.death) < 0 {
            return errno();
        }
        // If the host died before that, no signal comes any more.
        if libc::getppid() != plan.host {
            return libc::ESRCH;
        }
        for (place, descriptor) in (0..).zip(plan.descriptors) {
            if libc::dup2(descriptor, place) < 0 {
                return errno();
            }
        }
        if let Some(folder) = &plan.folder
            && libc::chdir(folder.as_ptr()) < 0
        {
            return errno();
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        let mut refused = false;
        for candidate in &plan.candidates {
            let environment = plan.environment.as_ptr();
            libc::execve(candidate.as_ptr(), plan.arguments.as_ptr(), environment);
            if errno() == libc::ENOEXEC {
                plan.script[1] = candidate.as_ptr();
                libc::execve(plan.script[0], plan.script.as_ptr(), environment);
            }
            match errno() {
                // It may be in another folder.
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                libc::EACCES => refused = true,
                error => return error,
            }
        }
        if refused { libc::EACCES } else { errno() }
    }
}

/// Why the last system call has failed.
unsafe fn errno() -> c_int {
    // SAFETY: it is the calling thread's own.
    unsafe { *libc::__errno_location() }
}

/// The files that a name may mean: itself, if it is a path; else one in each folder of `PATH`.
fn candidates(program: &OsStr, path: Option<&OsStr>) -> io::Result<Vec<CString>> {
    if program.is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    if program.as_bytes().contains(&b'/') {
        return Ok(vec![c_string(program)?]);
    }
    let folders = path.unwrap_or(OsStr::new(DEFAULT_PATH)).as_bytes().split(|byte| *byte == b':');
    let file = |folder: &[u8]| {
        let mut file = folder.to_owned();
        // No name is the folder that it is started in.
        if !folder.is_empty() {
            file.push(b'/');
        }
        file.extend_from_slice(program.as_bytes());
        c_string(OsString::from_vec(file))
    };
    folders.map(file).collect()
}

/// A text as the system takes it.
fn c_string(text: impl AsRef<OsStr>) -> io::Result<CString> {
    let bytes = text.as_ref().as_bytes();
    CString::new(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn a_name_is_looked_for_in_the_folders_of_the_path() {
        let found = |program: &str, path: Option<&str>| -> Vec<String> {
            let candidates = candidates(OsStr::new(program), path.map(OsStr::new)).unwrap();
            candidates.iter().map(|file: &CString| as_text(file)).collect()
        };
        assert_eq!(found("a", Some("/x:/y/")), ["/x/a", "/y//a"]);
        assert_eq!(found("a", Some(":/x")), ["a", "/x/a"]);
        assert_eq!(found("a", None), ["/bin/a", "/usr/bin/a"]);
        assert_eq!(found("./a", Some("/x")), ["./a"]);
        assert!(candidates(OsStr::new(""), None).is_err());
        assert!(candidates(OsStr::new("a\0b"), None).is_err());
    }

    fn as_text(text: &CStr) -> String {
        text.to_str().unwrap().to_owned()
    }
}
