//! Starts of processes that fail when they are told to, for tests of this room and of others.
//!
//! Whoever else starts processes in the same test program would meet them, so a test that needs this runs in a process of
//! its own.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is needed for a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The thread that starts all of them.
    Thread,
    /// One of its pipes.
    Pipe,
    /// The process itself.
    Start,
    /// Once it is running: to be woken when it ends.
    Hold,
}

/// For as many times as there are.
pub const FOR_EVER: u64 = u64::MAX;

struct Fault {
    step: Step,
    error: i32,
    at: u64,
    times: u64,
    seen: u64,
}

static FAULT: Mutex<Option<Fault>> = Mutex::new(None);

fn fault() -> MutexGuard<'static, Option<Fault>> {
    FAULT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the `at`-th step of this kind on, and so many `times`, the system has this error for an answer.
pub fn arm(step: Step, error: i32, at: u64, times: u64) {
    *fault() = Some(Fault { step, error, at, times, seen: 0 });
}

/// Nothing fails any more; whether something did.
pub fn disarm() -> bool {
    fault().take().is_some_and(|fault| fault.seen >= fault.at)
}

/// Whether a step fails.
pub(super) fn pass(step: Step) -> io::Result<()> {
    let mut fault = fault();
    let Some(fault) = fault.as_mut().filter(|fault| fault.step == step) else { return Ok(()) };
    fault.seen += 1;
    if fault.seen >= fault.at && fault.seen - fault.at < fault.times {
        return Err(io::Error::from_raw_os_error(fault.error));
    }
    Ok(())
}
