//! The outcomes of a task's steps, which later attempts find.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::failure::Halt;
use super::super::rows::signed;
use super::claim;
use super::rows::{self, Attempt};
use crate::model::tasks::Claim;

pub(super) fn set(
    tables: &Connection,
    claim: &Claim,
    name: &str,
    state: &str,
    claimed_until: u64,
    now: u64,
) -> Result<(), Halt> {
    let attempt = rows::held(tables, claim)?;
    put(tables, &attempt, name, state, now)?;
    claim::stay(tables, attempt.number, claimed_until)?;
    Ok(())
}

/// Writes an outcome in the name of an attempt.
pub(super) fn put(
    tables: &Connection,
    attempt: &Attempt,
    name: &str,
    state: &str,
    now: u64,
) -> rusqlite::Result<()> {
    let put = "INSERT INTO task_checkpoints (task, name, state, run, at) VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (task, name) DO UPDATE SET state = ?3, run = ?4, at = ?5";
    tables
        .prepare_cached(put)?
        .execute(params![attempt.task, name, state, attempt.number, signed(now)])
        .map(drop)
}

const OF_TASK: &str = "task = (SELECT number FROM tasks WHERE id = ?1)";

pub(super) fn get(tables: &Connection, task: &str, name: &str) -> Result<Option<String>, Halt> {
    let get = format!("SELECT state FROM task_checkpoints WHERE {OF_TASK} AND name = ?2");
    Ok(tables.prepare_cached(&get)?.query_row([task, name], |row| row.get(0)).optional()?)
}

pub(super) fn all(tables: &Connection, task: &str) -> Result<Vec<(String, String)>, Halt> {
    let all = format!("SELECT name, state FROM task_checkpoints WHERE {OF_TASK} ORDER BY name");
    let mut statement = tables.prepare_cached(&all)?;
    Ok(statement.query_map([task], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}
