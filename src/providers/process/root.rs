//! The process at the root of a tree as the host holds it: a child whose exit status nobody else may take.
//!
//! Waits for its end and takes its status. How it was started and how it is ended is not known here.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process;
use tokio::time::sleep;

use super::end;

/// How often a child is asked whether it has exited, where the system cannot wake the one who waits. libuv, which is
/// in the same process, takes SIGCHLD for itself.
const ASK: Duration = Duration::from_secs(1);

/// A child that was started, until its status has been taken.
pub(super) enum Root {
    /// By the standard library.
    Library(process::Child),
    /// By ourselves, see `launch`.
    #[cfg(target_os = "linux")]
    Own(own::Own),
}

impl Root {
    /// Its number; `None` when that may be somebody else's by now.
    pub(super) fn id(&self) -> Option<u32> {
        match self {
            Self::Library(child) => child.id(),
            #[cfg(target_os = "linux")]
            Self::Own(own) => own.id(),
        }
    }

    /// Waits for its exit, and takes the status. May be dropped and begun again.
    ///
    /// # Errors
    /// Somebody else has taken it, or the system has none to give.
    pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Library(child) => loop {
                tokio::select! {
                    biased;
                    exit = child.wait() => return exit,
                    // Being polled is enough to make it look.
                    () = sleep(ASK), if !end::can_wake() => {}
                }
            },
            #[cfg(target_os = "linux")]
            Self::Own(own) => own.exited().await,
        }
    }

    /// Kills it alone.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn kill(&mut self) -> io::Result<()> {
        let Self::Library(child) = self;
        child.start_kill()
    }
}

#[cfg(target_os = "linux")]
mod own {
    use std::io;
    use std::os::fd::{AsFd as _, OwnedFd};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;
    use std::thread;

    use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A child, by its number and by a descriptor that tells when it has exited.
    pub(in super::super) struct Own {
        pid: Pid,
        /// `None` as soon as the status is taken.
        descriptor: Option<AsyncFd<OwnedFd>>,
    }

    impl Own {
        /// A child that was just started, with its pidfd, on the runtime around the caller.
        pub(in super::super) fn new(pid: Pid, descriptor: OwnedFd) -> io::Result<Self> {
            #[cfg(test)]
            super::super::testing::pass(super::super::testing::Step::Hold)?;
            // SAFETY: an `OwnedFd` is open, and the same, for as long as it is; and it moves in here.
            let descriptor = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
            Ok(Self { pid, descriptor: Some(descriptor?) })
        }

        pub(super) fn id(&self) -> Option<u32> {
            self.descriptor.as_ref().map(|_| self.pid.as_raw_nonzero().get().unsigned_abs())
        }

        pub(super) async fn exited(&mut self) -> io::Result<ExitStatus> {
            let Some(descriptor) = &self.descriptor else {
                return Err(io::Error::other("its status was taken before"));
            };
            loop {
                let mut ready = descriptor.readable().await?;
                match take(descriptor.get_ref(), WaitIdOptions::NOHANG) {
                    Ok(None) => ready.clear_ready(),
                    Ok(Some(status)) => {
                        self.descriptor = None;
                        return Ok(status);
                    }
                    Err(error) => {
                        self.descriptor = None;
                        return Err(error);
                    }
                }
            }
        }
    }

    impl Drop for Own {
        fn drop(&mut self) {
            let Some(descriptor) = self.descriptor.take() else { return };
            let descriptor = descriptor.into_inner();
            if !matches!(take(&descriptor, WaitIdOptions::NOHANG), Ok(None)) {
                return;
            }
            // It has been killed, or is stuck in the kernel. Whenever it ends, nothing may be left of it; without a
            // thread, what is left is a number in the system's table for as long as the host lives.
            let reap = move || drop(take(&descriptor, WaitIdOptions::empty()));
            drop(thread::Builder::new().name("reaper".to_owned()).spawn(reap));
        }
    }

    /// Takes the status; `None` if there is none yet.
    fn take(descriptor: &OwnedFd, options: WaitIdOptions) -> io::Result<Option<ExitStatus>> {
        let status = waitid(WaitId::PidFd(descriptor.as_fd()), WaitIdOptions::EXITED | options)?;
        Ok(status.map(|status| ExitStatus::from_raw(raw(&status))))
    }

    /// As `wait` encodes it: a code in the second byte, or a signal in the first, with a bit for a core dump.
    fn raw(status: &WaitIdStatus) -> i32 {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => (code & 0xff) << 8,
            (None, Some(signal)) => signal | if status.dumped() { 0x80 } else { 0 },
            // Only these two are asked for.
            (None, None) => 0,
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use own::Own;
