//! The handle on a run from outside: cancel it, and find out whether it is stuck.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::clock;
use super::host::RunEnd;
use crate::model::budget::BudgetChange;
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
    /// The run shall be left as it is, to be gone on with later.
    leave: CancellationToken,
    interrupt: Interrupt,
    /// What others have done to the budget and the run has not heard of yet.
    budget: Mutex<BudgetChange>,
    budget_changed: AtomicBool,
    grace: Duration,
    on_end: Mutex<Option<OnEnd>>,
}

impl RunControl {
    pub(super) fn new(grace: Duration, on_end: OnEnd) -> Self {
        Self(Arc::new(Shared {
            cancel: CancellationToken::new(),
            force: CancellationToken::new(),
            leave: CancellationToken::new(),
            interrupt: Interrupt::default(),
            budget: Mutex::default(),
            budget_changed: AtomicBool::new(false),
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

    /// Leaves a durable run as it is: its process goes away, and somebody will resume it.
    pub fn leave(&self) {
        self.0.leave.cancel();
        self.0.interrupt.stop();
    }

    pub(super) fn leave_token(&self) -> &CancellationToken {
        &self.0.leave
    }

    /// Somebody else who shares the run's budget has changed it: adds `spent` to what was spent, and sets the total if
    /// there is one to set. The run hears of it before the next thing that happens in it.
    pub fn change_budget(&self, change: BudgetChange) {
        let mut known = self.0.budget.lock().unwrap_or_else(PoisonError::into_inner);
        known.spent += change.spent;
        known.total = change.total.or(known.total);
        self.0.budget_changed.store(true, Ordering::Release);
    }

    pub(super) fn take_budget_change(&self) -> Option<BudgetChange> {
        if !self.0.budget_changed.swap(false, Ordering::AcqRel) {
            return None;
        }
        Some(std::mem::take(&mut *self.0.budget.lock().unwrap_or_else(PoisonError::into_inner)))
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
    pub fn has_ended(&self) -> bool {
        self.0.on_end.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
