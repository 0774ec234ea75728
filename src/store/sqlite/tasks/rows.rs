//! Rows of queues, tasks and attempts, and what they say.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::failure::Halt;
use super::super::rows::{optional, unsigned};
use crate::model::store::StoreError;
use crate::model::tasks::{Claim, RetryStrategy, TaskRecord, TaskState};

/// An attempt, and what its task says about it.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) number: i64,
    pub(super) task: i64,
    pub(super) task_id: String,
    pub(super) queue: String,
    pub(super) attempt: u32,
    pub(super) state: TaskState,
    pub(super) claim: u64,
    pub(super) worker: Option<String>,
    pub(super) claimed_until: Option<u64>,
    pub(super) task_state: TaskState,
    pub(super) max_attempts: u32,
    pub(super) retry: Option<RetryStrategy>,
    pub(super) first_started_at: Option<u64>,
    pub(super) max_duration: Option<u64>,
}

const ATTEMPT: &str = "SELECT task_runs.number, task_runs.task, tasks.id, task_runs.queue, task_runs.attempt, \
    task_runs.state, task_runs.claim, task_runs.worker, task_runs.claimed_until, tasks.state, \
    tasks.max_attempts, tasks.retry, tasks.first_started_at, tasks.max_duration \
    FROM task_runs JOIN tasks ON tasks.number = task_runs.task ";

/// What reads the attempts that `rest` says.
pub(super) fn attempts(rest: &str) -> String {
    format!("{ATTEMPT}{rest}")
}

pub(super) fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: row.get(0)?,
        task: row.get(1)?,
        task_id: row.get(2)?,
        queue: row.get(3)?,
        attempt: row.get(4)?,
        state: state(row, 5)?,
        claim: unsigned(row, 6)?,
        worker: row.get(7)?,
        claimed_until: optional(row, 8)?,
        task_state: state(row, 9)?,
        max_attempts: row.get(10)?,
        retry: retry(row, 11)?,
        first_started_at: optional(row, 12)?,
        max_duration: optional(row, 13)?,
    })
}

pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<TaskState> {
    let word = row.get_ref(column)?.as_str()?;
    TaskState::parse(word).ok_or_else(|| wrong(column, format!("there is no state `{word}`").into()))
}

pub(super) fn retry(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<RetryStrategy>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| wrong(column, error.into()))
}

fn wrong(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
}

pub(super) fn find(tables: &Connection, run: &str) -> rusqlite::Result<Option<Attempt>> {
    tables.prepare_cached(&attempts("WHERE task_runs.id = ?1"))?.query_row([run], attempt).optional()
}

/// The attempt of a claim, if the claim holds. Everything that is written under one comes through here.
pub(super) fn held(tables: &Connection, claim: &Claim) -> Result<Attempt, Halt> {
    let Some(found) = find(tables, &claim.run)? else {
        let message = "it was deleted with its queue".to_owned();
        return Err(StoreError::ClaimLost { task: format!("of the attempt {}", claim.run), message }.into());
    };
    match why_lost(&found, claim) {
        None => Ok(found),
        Some(Lost::Cancelled) => Err(StoreError::TaskCancelled { task: found.task_id }.into()),
        Some(Lost::Otherwise(message)) => {
            Err(StoreError::ClaimLost { task: found.task_id, message: message.to_owned() }.into())
        }
    }
}

pub(super) enum Lost {
    Cancelled,
    Otherwise(&'static str),
}

/// Why a claim on that attempt does not hold; `None` if it does.
pub(super) fn why_lost(found: &Attempt, claim: &Claim) -> Option<Lost> {
    if found.task_state == TaskState::Cancelled {
        return Some(Lost::Cancelled);
    }
    if claim.claim.is_some_and(|number| number != found.claim) {
        return Some(Lost::Otherwise("the attempt has slept, and was claimed again"));
    }
    Some(Lost::Otherwise(match found.state {
        TaskState::Running => return None,
        TaskState::Pending | TaskState::Sleeping => "the attempt sleeps",
        TaskState::Completed => "it is completed",
        TaskState::Failed => "the attempt has failed, or was given up since its worker was silent",
        TaskState::Cancelled => return Some(Lost::Cancelled),
    }))
}

pub(super) fn queue_is_there(tables: &Connection, queue: &str) -> rusqlite::Result<bool> {
    tables.prepare_cached("SELECT 1 FROM task_queues WHERE name = ?1")?.exists([queue])
}

/// Refuses if there is no such queue.
pub(super) fn check_queue(tables: &Connection, queue: &str, doing: &'static str) -> Result<(), Halt> {
    if queue_is_there(tables, queue)? {
        return Ok(());
    }
    Err(StoreError::UnknownQueue { doing, queue: queue.to_owned() }.into())
}

pub(super) fn queues(tables: &Connection) -> Result<Vec<String>, Halt> {
    let mut statement = tables.prepare_cached("SELECT name FROM task_queues ORDER BY name")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Sets the state of a task. One that is over has the time of its end.
pub(super) fn set_state(
    tables: &Connection,
    task: i64,
    state: TaskState,
    now: i64,
) -> rusqlite::Result<usize> {
    let finished_at = state.is_final().then_some(now);
    tables
        .prepare_cached("UPDATE tasks SET state = ?2, finished_at = ?3 WHERE number = ?1")?
        .execute(params![task, state.as_str(), finished_at])
}

/// Number of a task by its id and queue, with its state.
pub(super) fn task_number(
    tables: &Connection,
    queue: &str,
    task: &str,
) -> rusqlite::Result<Option<(i64, TaskState)>> {
    tables
        .prepare_cached("SELECT number, state FROM tasks WHERE id = ?1 AND queue = ?2")?
        .query_row([task, queue], |row| Ok((row.get(0)?, state(row, 1)?)))
        .optional()
}

pub(super) fn task(tables: &Connection, queue: &str, id: &str) -> Result<Option<TaskRecord>, Halt> {
    let find = "SELECT tasks.id, tasks.state, tasks.result, \
        (SELECT error FROM task_runs WHERE task = tasks.number AND error IS NOT NULL ORDER BY attempt DESC LIMIT 1), \
        last.id, last.attempt FROM tasks JOIN task_runs AS last ON last.task = tasks.number \
        WHERE tasks.id = ?1 AND tasks.queue = ?2 ORDER BY last.attempt DESC LIMIT 1";
    let record = tables
        .prepare_cached(find)?
        .query_row([id, queue], |row| {
            Ok(TaskRecord {
                task: row.get(0)?,
                state: state(row, 1)?,
                result: row.get(2)?,
                failure_reason: row.get(3)?,
                run: row.get(4)?,
                attempt: row.get(5)?,
            })
        })
        .optional()?;
    Ok(record)
}
