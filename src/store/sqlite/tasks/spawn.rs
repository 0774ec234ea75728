//! Making queues, and tasks in them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::failure::Halt;
use super::super::rows::signed;
use super::{ids, rows};
use crate::model::tasks::{Spawn, Spawned, TaskState, milliseconds};

pub(super) fn create_queue(tables: &Connection, queue: &str, now: u64) -> Result<(), Halt> {
    tables
        .prepare_cached("INSERT INTO task_queues (name, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![queue, signed(now)])?;
    Ok(())
}

pub(super) fn drop_queue(tables: &Connection, queue: &str) -> Result<(), Halt> {
    for what in [
        "DELETE FROM task_checkpoints WHERE task IN (SELECT number FROM tasks WHERE queue = ?1)",
        "DELETE FROM task_waits WHERE queue = ?1",
        "DELETE FROM task_events WHERE queue = ?1",
        "DELETE FROM task_runs WHERE queue = ?1",
        "DELETE FROM tasks WHERE queue = ?1",
        "DELETE FROM task_queues WHERE name = ?1",
    ] {
        tables.prepare_cached(what)?.execute([queue])?;
    }
    Ok(())
}

pub(super) fn spawn(tables: &Connection, spawn: &Spawn, now: u64) -> Result<Spawned, Halt> {
    rows::check_queue(tables, &spawn.queue, "task insert")?;
    if let Some(key) = &spawn.idempotency_key {
        let known = "SELECT tasks.id, last.id, last.attempt FROM tasks \
            JOIN task_runs AS last ON last.task = tasks.number \
            WHERE tasks.queue = ?1 AND tasks.idempotency_key = ?2 ORDER BY last.attempt DESC LIMIT 1";
        let known = tables
            .prepare_cached(known)?
            .query_row([&spawn.queue, key], |row| {
                Ok(Spawned { task: row.get(0)?, run: row.get(1)?, attempt: row.get(2)?, created: false })
            })
            .optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
    }
    let cancellation = spawn.cancellation.unwrap_or_default();
    let limit = |seconds: Option<f64>| seconds.map(|seconds| signed(milliseconds(seconds)));
    // Numbers and words of our own making.
    let retry = spawn.retry_strategy.as_ref().and_then(|retry| serde_json::to_string(retry).ok());
    let id = ids::new(now);
    let insert = "INSERT INTO tasks (id, queue, name, state, params, headers, retry, max_attempts, max_delay, \
        max_duration, idempotency_key, created_at) VALUES (?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let task = tables.prepare_cached(insert)?.insert(params![
        id,
        spawn.queue,
        spawn.name,
        spawn.params,
        spawn.headers,
        retry,
        spawn.attempts(),
        limit(cancellation.max_delay),
        limit(cancellation.max_duration),
        spawn.idempotency_key,
        signed(now),
    ])?;
    let run = add_attempt(tables, task, &spawn.queue, 1, now, now)?;
    Ok(Spawned { task: id, run, attempt: 1, created: true })
}

/// Adds an attempt to a task, to be claimed from `available_at` on, and says so of the task. Gives its id.
pub(super) fn add_attempt(
    tables: &Connection,
    task: i64,
    queue: &str,
    attempt: u32,
    available_at: u64,
    now: u64,
) -> rusqlite::Result<String> {
    let state = if available_at > now { TaskState::Sleeping } else { TaskState::Pending };
    let id = ids::new(now);
    tables
        .prepare_cached(
            "INSERT INTO task_runs (id, task, queue, attempt, state, available_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![id, task, queue, attempt, state.as_str(), signed(available_at)])?;
    rows::set_state(tables, task, state, signed(now))?;
    Ok(id)
}
