//! Events of a queue, and the tasks that wait for them.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use super::super::failure::Halt;
use super::super::rows::{optional, signed, unsigned};
use super::{end, rows, steps};
use crate::model::tasks::{Awaited, Claim, EventFilter, TaskEvent, TaskState};

/// How many events are listed at once, unless it is said otherwise.
const LISTED: u32 = 1_000;

pub(super) fn wait(
    tables: &Connection,
    claim: &Claim,
    step: &str,
    event: &str,
    until: Option<u64>,
    now: u64,
) -> Result<Awaited, Halt> {
    let attempt = rows::held(tables, claim)?;
    let known = tables
        .prepare_cached("SELECT state FROM task_checkpoints WHERE task = ?1 AND name = ?2")?
        .query_row(params![attempt.task, step], |row| row.get(0))
        .optional()?;
    if let Some(payload) = known {
        return Ok(Awaited::Payload(payload));
    }
    let before = tables
        .prepare_cached("SELECT timed_out, until FROM task_waits WHERE run = ?1 AND step = ?2")?
        .query_row(params![attempt.number, step], |row| Ok((row.get::<_, bool>(0)?, optional(row, 1)?)))
        .optional()?;
    // Also when the event has happened since: the task was told that it has not.
    if before.is_some_and(|(timed_out, _)| timed_out) {
        return Ok(Awaited::TimedOut);
    }
    let latest = tables
        .prepare_cached(
            "SELECT payload FROM task_events WHERE queue = ?1 AND name = ?2 ORDER BY number DESC LIMIT 1",
        )?
        .query_row([&attempt.queue, event], |row| row.get::<_, String>(0))
        .optional()?;
    if let Some(payload) = latest {
        steps::put(tables, &attempt, step, &payload, now)?;
        tables
            .prepare_cached("DELETE FROM task_waits WHERE run = ?1 AND step = ?2")?
            .execute(params![attempt.number, step])?;
        return Ok(Awaited::Payload(payload));
    }
    // The time counts from when it was waited for the first time.
    let until = before.map_or(until, |(_, until)| until);
    tables
        .prepare_cached(
            "INSERT INTO task_waits (run, step, queue, event, until) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![attempt.number, step, attempt.queue, event, until.map(signed)])?;
    end::sleep(tables, &attempt, TaskState::Sleeping, until, now)?;
    Ok(Awaited::Suspended)
}

pub(super) fn emit(
    tables: &Connection,
    queue: &str,
    event: &str,
    payload: &str,
    from: Option<&Claim>,
    now: u64,
) -> Result<(), Halt> {
    rows::check_queue(tables, queue, "event")?;
    let task = from.map(|claim| rows::held(tables, claim)).transpose()?.map(|attempt| attempt.task_id);
    tables
        .prepare_cached(
            "INSERT INTO task_events (queue, name, payload, task, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![queue, event, payload, task, signed(now)])?;
    let waiting: Vec<(i64, String)> = tables
        .prepare_cached(
            "SELECT run, step FROM task_waits \
            WHERE queue = ?1 AND event = ?2 AND NOT timed_out AND (until IS NULL OR until > ?3)",
        )?
        .query_map(params![queue, event, signed(now)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (run, step) in waiting {
        let attempt = tables
            .prepare_cached(&rows::attempts("WHERE task_runs.number = ?1"))?
            .query_row([run], rows::attempt)
            .optional()?;
        let Some(attempt) = attempt.filter(|attempt| attempt.state == TaskState::Sleeping) else { continue };
        steps::put(tables, &attempt, &step, payload, now)?;
        tables
            .prepare_cached("DELETE FROM task_waits WHERE run = ?1 AND step = ?2")?
            .execute(params![run, step])?;
        end::sleep(tables, &attempt, TaskState::Pending, Some(now), now)?;
        tables
            .prepare_cached("UPDATE task_runs SET event_payload = ?2 WHERE number = ?1")?
            .execute(params![run, payload])?;
    }
    Ok(())
}

pub(super) fn list(tables: &Connection, filter: &EventFilter) -> Result<Vec<TaskEvent>, Halt> {
    let mut text =
        "SELECT number, name, payload, task, at FROM task_events WHERE queue = ?1 AND number > ?2".to_owned();
    let mut values = vec![Value::Text(filter.queue.clone()), Value::Integer(signed(filter.after))];
    for (column, value) in [("name", &filter.name), ("task", &filter.task)] {
        if let Some(value) = value {
            values.push(Value::Text(value.clone()));
            text.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    text.push_str(&format!(" ORDER BY number LIMIT {}", filter.limit.unwrap_or(LISTED)));
    let mut statement = tables.prepare_cached(&text)?;
    let read = statement.query_map(params_from_iter(&values), |row| {
        Ok(TaskEvent {
            number: unsigned(row, 0)?,
            name: row.get(1)?,
            payload: row.get(2)?,
            task: row.get(3)?,
            at: unsigned(row, 4)?,
        })
    })?;
    Ok(read.collect::<Result<_, _>>()?)
}
