//! The handle on a run from outside: cancel it, and find out whether it is stuck.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::clock;
use super::host::RunEnd;
use crate::runtime::Interrupt;

/// What is told when a run is over.
pub type OnEnd = Box<dyn FnOnce(RunEnd) + Send>;

/// Shared by a run, its starter and the watchdog.
#[derive(Clone)]
pub struct RunControl(Arc<Shared>);

struct Shared {
    /// The run shall end, cleaning up after itself.
    cancel: CancellationToken,
    /// The run shall end now.
    force: CancellationToken,
    interrupt: Interrupt,
    grace: Duration,
    on_end: Mutex<Option<OnEnd>>,
}

impl RunControl {
    pub(super) fn new(grace: Duration, on_end: OnEnd) -> Self {
        Self(Arc::new(Shared {
            cancel: CancellationToken::new(),
            force: CancellationToken::new(),
            interrupt: Interrupt::default(),
            grace,
            on_end: Mutex::new(Some(on_end)),
        }))
    }

    /// Asks the run to end. Its pending calls reject, its `finally` blocks run; when the grace is over, or on a
    /// second call, it ends wherever it is.
    pub fn cancel(&self, runtime: &Handle) {
        if self.0.cancel.is_cancelled() {
            self.force();
            return;
        }
        self.0.cancel.cancel();
        let shared = Arc::downgrade(&self.0);
        let grace = self.0.grace;
        // The run's own thread may be busy with a script that never comes back.
        runtime.spawn(async move {
            clock::sleep(grace).await;
            if let Some(shared) = shared.upgrade() {
                RunControl(shared).force();
            }
        });
    }

    /// Ends the run wherever it is.
    pub fn force(&self) {
        self.0.cancel.cancel();
        self.0.force.cancel();
        self.0.interrupt.stop();
    }

    pub(super) fn cancel_token(&self) -> &CancellationToken {
        &self.0.cancel
    }

    pub(super) fn force_token(&self) -> &CancellationToken {
        &self.0.force
    }

    pub(super) fn interrupt(&self) -> &Interrupt {
        &self.0.interrupt
    }

    /// Tells the end, once: a run that was given up on may still come back.
    pub(super) fn end(&self, end: RunEnd) {
        if let Some(on_end) = self.take_end() {
            on_end(end);
        }
    }

    /// Takes the one who is to be told, so that nobody else tells him.
    pub(super) fn take_end(&self) -> Option<OnEnd> {
        self.0.on_end.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the end has been told.
    pub(super) fn has_ended(&self) -> bool {
        self.0.on_end.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
