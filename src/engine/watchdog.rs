//! Gives up on runs that are stuck inside one native operation, which no interrupt reaches.
//!
//! The script's thread is left to itself then: it cannot be ended from outside, but nobody has to wait for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use super::clock;
use super::control::RunControl;
use super::host::RunEnd;
use crate::model::budget::BudgetState;
use crate::model::error::{CancelReason, WorkflowError};

/// How often the runs are looked at.
const TICK: Duration = Duration::from_secs(1);
/// A run that was told to end and has not come by a check for this long is given up on.
const PATIENCE_AFTER_STOP: u32 = 2;
/// Longer than any single operation that ends by itself: a script on a starved machine still comes by its checks
/// many times in it.
const PATIENCE: u32 = 30;

/// Watches over the runs of one engine.
#[derive(Default)]
pub(super) struct Watchdog {
    runs: Mutex<Vec<Watched>>,
}

struct Watched {
    control: RunControl,
    script: String,
    budget: BudgetState,
    seen: Option<u64>,
    ticks: u32,
}

impl Watchdog {
    /// Adds a run; the watching itself begins with the first one and ends with the last.
    pub(super) fn watch(
        &'static self,
        runtime: &Handle,
        control: RunControl,
        script: String,
        budget: BudgetState,
    ) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push(Watched { control, script, budget, seen: None, ticks: 0 });
        if runs.len() == 1 {
            runtime.spawn(self.patrol());
        }
    }

    async fn patrol(&'static self) {
        loop {
            clock::sleep(TICK).await;
            let mut stuck = Vec::new();
            {
                let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
                runs.retain(|run| !run.control.has_ended());
                for run in runs.iter_mut() {
                    if run.is_stuck() {
                        stuck.push((run.control.clone(), run.script.clone(), run.budget));
                    }
                }
                if runs.is_empty() {
                    return;
                }
            }
            for (control, script, budget) in stuck {
                let cancelled = control.cancel_token().is_cancelled();
                control.force();
                let error = if cancelled {
                    WorkflowError::Cancelled { reason: CancelReason::User }
                } else {
                    WorkflowError::Wedged { script }
                };
                control.end(RunEnd { result: Err(error), budget });
            }
        }
    }
}

impl Watched {
    fn is_stuck(&mut self) -> bool {
        let beat = self.control.interrupt().beat();
        if beat.is_none() || beat != self.seen {
            self.seen = beat;
            self.ticks = 0;
            return false;
        }
        self.ticks += 1;
        let patience = if self.control.interrupt().is_stopped() { PATIENCE_AFTER_STOP } else { PATIENCE };
        self.ticks >= patience
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const BUDGET: BudgetState = BudgetState { total: None, spent: 0.0 };

    fn watched() -> (RunControl, Receiver<RunEnd>) {
        let (sender, end) = channel();
        let control = RunControl::new(
            Duration::from_secs(5),
            Box::new(move |run_end| sender.send(run_end).expect("somebody listens")),
        );
        let watchdog: &'static Watchdog = Box::leak(Box::default());
        watchdog.watch(&Handle::current(), control.clone(), "flow.js".to_owned(), BUDGET);
        (control, end)
    }

    fn code(end: &Receiver<RunEnd>) -> Option<&'static str> {
        end.try_recv()
            .ok()
            .map(|end| end.result.expect_err("a run that was given up on has no result").code())
    }

    #[tokio::test(start_paused = true)]
    async fn a_script_that_never_comes_by_a_check_is_given_up_on() {
        let (control, end) = watched();
        control.interrupt().turn();
        clock::sleep(Duration::from_secs(29)).await;
        assert_eq!(code(&end), None);
        clock::sleep(Duration::from_secs(3)).await;
        assert_eq!(code(&end), Some("ERR_SCRIPT_WEDGED"));
        assert!(control.interrupt().is_stopped(), "if it ever comes back, it ends");
        // It does come back: nobody is told a second time.
        control.end(RunEnd { result: Ok(None), budget: BUDGET });
        assert_eq!(code(&end), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_script_does_not_outlive_its_cancellation_for_long() {
        let (control, end) = watched();
        control.interrupt().turn();
        control.force();
        clock::sleep(Duration::from_secs(4)).await;
        assert_eq!(code(&end), Some("ERR_RUN_CANCELLED"));
    }

    #[tokio::test(start_paused = true)]
    async fn scripts_that_wait_or_come_by_their_checks_are_left_alone() {
        let (waiting, waiting_end) = watched();
        waiting.interrupt().turn();
        waiting.interrupt().turn();
        let (busy, busy_end) = watched();
        busy.interrupt().turn();
        for _ in 0..100 {
            busy.interrupt().check();
            clock::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!((code(&waiting_end), code(&busy_end)), (None, None));
    }
}
