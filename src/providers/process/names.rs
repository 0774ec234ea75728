//! What the operating system's numbers are called: errors and signals by their C names, as users and Node.js know them.
//!
//! Tables and nothing else.

use std::io;

/// What goes wrong when a process is started. The list is short on purpose: `spawn`, `chdir` and `execve` have no
/// others worth a name.
#[cfg(unix)]
const ERRORS: &[(i32, &str)] = &[
    (libc::E2BIG, "E2BIG"),
    (libc::EACCES, "EACCES"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::EBADF, "EBADF"),
    (libc::ECHILD, "ECHILD"),
    (libc::EFAULT, "EFAULT"),
    (libc::EINVAL, "EINVAL"),
    (libc::EIO, "EIO"),
    (libc::EISDIR, "EISDIR"),
    (libc::ELOOP, "ELOOP"),
    (libc::EMFILE, "EMFILE"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ENFILE, "ENFILE"),
    (libc::ENOENT, "ENOENT"),
    (libc::ENOEXEC, "ENOEXEC"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::EPERM, "EPERM"),
    (libc::ESRCH, "ESRCH"),
    (libc::ETXTBSY, "ETXTBSY"),
];

#[cfg(unix)]
const SIGNALS: &[(i32, &str)] = &[
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGQUIT, "SIGQUIT"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGUSR1, "SIGUSR1"),
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGUSR2, "SIGUSR2"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGXCPU, "SIGXCPU"),
    (libc::SIGXFSZ, "SIGXFSZ"),
    (libc::SIGVTALRM, "SIGVTALRM"),
    (libc::SIGPROF, "SIGPROF"),
    (libc::SIGSYS, "SIGSYS"),
];

/// Windows tells its errors by numbers of its own; their kinds say enough.
#[cfg(not(unix))]
const ERRORS: &[(i32, &str)] = &[];
#[cfg(not(unix))]
const SIGNALS: &[(i32, &str)] = &[];

/// The code of an error as Node.js gives it: `ENOENT`.
pub(super) fn error_code(error: &io::Error) -> String {
    let number = error.raw_os_error();
    if let Some((_, name)) = ERRORS.iter().find(|(known, _)| Some(*known) == number) {
        return (*name).to_owned();
    }
    match (error.kind(), number) {
        (io::ErrorKind::NotFound, _) => "ENOENT".to_owned(),
        (io::ErrorKind::PermissionDenied, _) => "EACCES".to_owned(),
        // A zero byte in an argument, before anybody asked the operating system.
        (io::ErrorKind::InvalidInput, _) => "EINVAL".to_owned(),
        (_, Some(number)) => format!("E{number}"),
        (_, None) => "UNKNOWN".to_owned(),
    }
}

/// The name of a signal: `SIGTERM`; `SIG34` for one without a name.
pub fn signal_name(number: i32) -> String {
    SIGNALS
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| format!("SIG{number}"), |(_, name)| (*name).to_owned())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_names() {
        for (number, name) in [(2, "ENOENT"), (7, "E2BIG"), (13, "EACCES"), (9999, "E9999")] {
            assert_eq!(error_code(&io::Error::from_raw_os_error(number)), name);
        }
        assert_eq!(error_code(&io::Error::new(io::ErrorKind::InvalidInput, "zero byte")), "EINVAL");
        for (number, name) in [(2, "SIGINT"), (9, "SIGKILL"), (15, "SIGTERM"), (64, "SIG64")] {
            assert_eq!(signal_name(number), name);
        }
    }
}
