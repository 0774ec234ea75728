//! How an attempt ends, and what becomes of its task then.

use rusqlite::{Connection, params};

use super::super::failure::Halt;
use super::super::rows::signed;
use super::rows::{self, Attempt};
use super::spawn;
use crate::model::store::StoreError;
use crate::model::tasks::{Claim, TaskState};

pub(super) fn complete(tables: &Connection, claim: &Claim, result: &str, now: u64) -> Result<(), Halt> {
    let attempt = rows::held(tables, claim)?;
    close(tables, attempt.number, TaskState::Completed, None, now)?;
    tables
        .prepare_cached("UPDATE tasks SET result = ?2 WHERE number = ?1")?
        .execute(params![attempt.task, result])?;
    rows::set_state(tables, attempt.task, TaskState::Completed, signed(now))?;
    Ok(())
}

pub(super) fn fail(tables: &Connection, claim: &Claim, reason: &str, now: u64) -> Result<(), Halt> {
    let attempt = rows::held(tables, claim)?;
    Ok(fail_attempt(tables, &attempt, reason, now)?)
}

/// Ends an attempt that has failed, for whatever reason, and begins another one if there may be one.
pub(super) fn fail_attempt(
    tables: &Connection,
    attempt: &Attempt,
    reason: &str,
    now: u64,
) -> rusqlite::Result<()> {
    close(tables, attempt.number, TaskState::Failed, Some(reason), now)?;
    if attempt.attempt >= attempt.max_attempts {
        rows::set_state(tables, attempt.task, TaskState::Failed, signed(now))?;
        return Ok(());
    }
    let delay = attempt.retry.map_or(0, |retry| retry.delay_ms(attempt.attempt));
    let available_at = now.saturating_add(delay);
    let begun = attempt.first_started_at.unwrap_or(now);
    // One that would come too late is not made.
    if attempt.max_duration.is_some_and(|allowed| available_at.saturating_sub(begun) >= allowed) {
        rows::set_state(tables, attempt.task, TaskState::Cancelled, signed(now))?;
        return Ok(());
    }
    spawn::add_attempt(tables, attempt.task, &attempt.queue, attempt.attempt + 1, available_at, now)?;
    Ok(())
}

/// Ends an attempt.
fn close(
    tables: &Connection,
    run: i64,
    state: TaskState,
    error: Option<&str>,
    now: u64,
) -> rusqlite::Result<()> {
    tables
        .prepare_cached(
            "UPDATE task_runs SET state = ?2, error = ?3, ended_at = ?4, owner = NULL, claimed_until = NULL, \
            available_at = NULL WHERE number = ?1",
        )?
        .execute(params![run, state.as_str(), error, signed(now)])?;
    tables.prepare_cached("DELETE FROM task_waits WHERE run = ?1")?.execute([run])?;
    Ok(())
}

pub(super) fn schedule(tables: &Connection, claim: &Claim, wake_at: u64, now: u64) -> Result<(), Halt> {
    let attempt = rows::held(tables, claim)?;
    let state = if wake_at > now { TaskState::Sleeping } else { TaskState::Pending };
    sleep(tables, &attempt, state, Some(wake_at), now)?;
    Ok(())
}

/// Gives an attempt back until then; `None`: until something wakes it.
pub(super) fn sleep(
    tables: &Connection,
    attempt: &Attempt,
    state: TaskState,
    wake_at: Option<u64>,
    now: u64,
) -> rusqlite::Result<()> {
    tables
        .prepare_cached(
            "UPDATE task_runs SET state = ?2, available_at = ?3, owner = NULL, claimed_until = NULL WHERE number = ?1",
        )?
        .execute(params![attempt.number, state.as_str(), wake_at.map(signed)])?;
    rows::set_state(tables, attempt.task, state, signed(now)).map(drop)
}

pub(super) fn cancel(tables: &Connection, queue: &str, task: &str, now: u64) -> Result<(), Halt> {
    let Some((number, state)) = rows::task_number(tables, queue, task)? else {
        return Err(StoreError::UnknownTask { task: task.to_owned(), queue: queue.to_owned() }.into());
    };
    if !state.is_final() {
        cancel_task(tables, number, now)?;
    }
    Ok(())
}

/// Cancels a task that is not over.
pub(super) fn cancel_task(tables: &Connection, task: i64, now: u64) -> rusqlite::Result<()> {
    let open: Vec<i64> = tables
        .prepare_cached(
            "SELECT number FROM task_runs WHERE task = ?1 AND state IN ('pending', 'sleeping', 'running')",
        )?
        .query_map([task], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for run in open {
        close(tables, run, TaskState::Cancelled, None, now)?;
    }
    rows::set_state(tables, task, TaskState::Cancelled, signed(now)).map(drop)
}
