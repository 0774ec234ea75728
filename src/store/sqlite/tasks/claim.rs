//! Who may work at a task: claiming, staying, and finding out who is lost.

use std::path::Path;

use rusqlite::{Connection, Row, params};

use super::super::failure::Halt;
use super::super::owners::Me;
use super::super::presence;
use super::super::rows::{signed, unsigned};
use super::end;
use super::rows::{self, Attempt, Lost};
use crate::model::tasks::{Claim, ClaimedTask, Claiming, Look, LostClaim, TaskState};

/// The tasks of a queue that have taken too long.
const OVERDUE: &str = "FROM tasks WHERE queue = ?1 AND finished_at IS NULL \
    AND (max_delay IS NOT NULL OR max_duration IS NOT NULL) \
    AND ((first_started_at IS NULL AND ?2 - created_at >= max_delay) OR ?2 - first_started_at >= max_duration)";

/// The attempts of a queue whose workers were silent for too long.
const SILENT: &str =
    "WHERE task_runs.queue = ?1 AND task_runs.state = 'running' AND task_runs.claimed_until <= ?2";

/// Who is at work in a queue, but for oneself.
const OWNERS: &str = "SELECT DISTINCT owner FROM task_runs \
    WHERE queue = ?1 AND state = 'running' AND owner IS NOT NULL AND owner <> ?2";

pub(super) fn sweep(tables: &Connection, me: &Me, queue: &str, now: u64) -> Result<(), Halt> {
    let overdue: Vec<i64> = tables
        .prepare_cached(&format!("SELECT number {OVERDUE}"))?
        .query_map(params![queue, signed(now)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for task in overdue {
        end::cancel_task(tables, task, now)?;
    }
    for attempt in find(tables, SILENT, params![queue, signed(now)])? {
        let reason = lost(&attempt, "worker did not finish task within claim interval");
        end::fail_attempt(tables, &attempt, &reason, now)?;
    }
    for owner in dead_owners(tables, me.number, &me.folder, queue)? {
        let theirs = "WHERE task_runs.queue = ?1 AND task_runs.state = 'running' AND task_runs.owner = ?2";
        for attempt in find(tables, theirs, params![queue, owner])? {
            let reason = lost(&attempt, "the process of the worker ended before the task did");
            end::fail_attempt(tables, &attempt, &reason, now)?;
        }
    }
    Ok(())
}

fn find(tables: &Connection, rest: &str, values: impl rusqlite::Params) -> rusqlite::Result<Vec<Attempt>> {
    let mut statement =
        tables.prepare_cached(&rows::attempts(&format!("{rest} ORDER BY task_runs.number")))?;
    statement.query_map(values, rows::attempt)?.collect()
}

/// Owners that are no more, and had claimed something in the queue.
fn dead_owners(tables: &Connection, me: i64, folder: &Path, queue: &str) -> rusqlite::Result<Vec<i64>> {
    let mut owners: Vec<i64> = tables
        .prepare_cached(OWNERS)?
        .query_map(params![queue, me], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    owners.retain(|owner| !presence::is_alive(folder, *owner));
    Ok(owners)
}

/// Why an attempt has failed whose worker says nothing any more.
fn lost(attempt: &Attempt, message: &str) -> String {
    serde_json::json!({
        "name": "$ClaimTimeout",
        "message": message,
        "workerId": attempt.worker,
        "claimExpiredAt": attempt.claimed_until,
        "attempt": attempt.attempt,
    })
    .to_string()
}

pub(super) fn claim(
    tables: &Connection,
    me: &Me,
    claiming: &Claiming,
    now: u64,
) -> Result<Vec<ClaimedTask>, Halt> {
    let available = "SELECT task_runs.number, task_runs.id, tasks.id, tasks.name, task_runs.attempt, tasks.params, \
        tasks.retry, tasks.max_attempts, tasks.headers, task_runs.event_payload, task_runs.claim, task_runs.task \
        FROM task_runs JOIN tasks ON tasks.number = task_runs.task \
        WHERE task_runs.queue = ?1 AND task_runs.state IN ('pending', 'sleeping') AND task_runs.available_at <= ?2 \
        ORDER BY task_runs.available_at, task_runs.number LIMIT ?3";
    let read = |row: &Row<'_>| {
        let task = ClaimedTask {
            run_id: row.get(1)?,
            task_id: row.get(2)?,
            task_name: row.get(3)?,
            attempt: row.get(4)?,
            params: row.get(5)?,
            retry_strategy: rows::retry(row, 6)?,
            max_attempts: row.get(7)?,
            headers: row.get(8)?,
            wake_event: None,
            event_payload: row.get(9)?,
            claim: unsigned(row, 10)? + 1,
        };
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(11)?, task))
    };
    let found: Vec<_> = tables
        .prepare_cached(available)?
        .query_map(params![claiming.queue, signed(now), claiming.limit], read)?
        .collect::<Result<_, _>>()?;
    let until = signed(now.saturating_add(claiming.timeout_ms));
    let mut claimed = Vec::with_capacity(found.len());
    for (run, number, mut task) in found {
        // One that was woken by its event waits for nothing any more. What still waits here has waited in vain.
        task.wake_event = tables
            .prepare_cached(
                "UPDATE task_waits SET timed_out = 1 WHERE run = ?1 AND NOT timed_out RETURNING event",
            )?
            .query_map([run], |row| row.get(0))?
            .next()
            .transpose()?;
        tables
            .prepare_cached(
                "UPDATE task_runs SET state = 'running', claim = ?2, owner = ?3, worker = ?4, claimed_until = ?5, \
                wake_event = ?6, event_payload = NULL, started_at = coalesce(started_at, ?7) WHERE number = ?1",
            )?
            .execute(params![
                run,
                signed(task.claim),
                me.number,
                claiming.worker,
                until,
                task.wake_event,
                signed(now)
            ])?;
        tables
            .prepare_cached(
                "UPDATE tasks SET first_started_at = coalesce(first_started_at, ?2) WHERE number = ?1",
            )?
            .execute([number, signed(now)])?;
        rows::set_state(tables, number, TaskState::Running, signed(now))?;
        claimed.push(task);
    }
    Ok(claimed)
}

pub(super) fn extend(tables: &Connection, claims: &[Claim], until: u64) -> Result<Vec<LostClaim>, Halt> {
    let mut lost = Vec::new();
    for claim in claims {
        match judge(tables, claim)? {
            Ok(attempt) => stay(tables, attempt.number, until)?,
            Err(gone) => lost.push(gone),
        }
    }
    Ok(lost)
}

/// Makes a claim last at least until then: one that was asked to last longer does.
pub(super) fn stay(tables: &Connection, run: i64, until: u64) -> rusqlite::Result<()> {
    tables
        .prepare_cached("UPDATE task_runs SET claimed_until = max(claimed_until, ?2) WHERE number = ?1")?
        .execute(params![run, signed(until)])
        .map(drop)
}

fn judge(tables: &Connection, claim: &Claim) -> rusqlite::Result<Result<Attempt, LostClaim>> {
    let found = rows::find(tables, &claim.run)?;
    let cancelled = match &found {
        Some(attempt) => rows::why_lost(attempt, claim).map(|lost| matches!(lost, Lost::Cancelled)),
        None => Some(false),
    };
    Ok(match (found, cancelled) {
        (Some(attempt), None) => Ok(attempt),
        (_, cancelled) => Err(LostClaim { run: claim.run.clone(), cancelled: cancelled.unwrap_or(false) }),
    })
}

pub(super) fn look(
    tables: &Connection,
    me: i64,
    folder: &Path,
    queue: &str,
    claims: &[Claim],
    now: u64,
) -> Result<Look, Halt> {
    let available = "SELECT 1 FROM task_runs \
        WHERE queue = ?1 AND state IN ('pending', 'sleeping') AND available_at <= ?2";
    let silent = "SELECT 1 FROM task_runs WHERE queue = ?1 AND state = 'running' AND claimed_until <= ?2";
    let overdue = format!("SELECT 1 {OVERDUE}");
    let is_there = |any: &str| tables.prepare_cached(any)?.exists(params![queue, signed(now)]);
    let overdue =
        is_there(silent)? || is_there(&overdue)? || !dead_owners(tables, me, folder, queue)?.is_empty();
    let work = overdue || is_there(available)?;
    let mut lost = Vec::new();
    for claim in claims {
        lost.extend(judge(tables, claim)?.err());
    }
    Ok(Look { work, overdue, lost })
}
