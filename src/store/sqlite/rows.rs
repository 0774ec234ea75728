//! Rows of runs as the rest of the engine knows them.
//!
//! Reads only. The lists of columns and the functions that read them stand side by side.

use std::sync::Arc;

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::texts;
use crate::model::ids::RunId;
use crate::model::journal::{CancelRequest, Owner, RunRecord, RunStatus, RunSummary};

/// How many places each run has in the table of entries.
const PLACES: u64 = 1 << 32;
/// The last `seq` that has a place.
pub(super) const LAST_SEQ: u64 = PLACES - 1;

/// Where an entry of a run stands.
pub(super) fn place(run: i64, seq: u64) -> i64 {
    // Neither comes near its bound: four thousand million entries in a run, two thousand million runs.
    (run << 32) | i64::try_from(seq.min(LAST_SEQ)).unwrap_or(0)
}

pub(super) fn seq_at(place: i64) -> u64 {
    u64::try_from(place).unwrap_or(0) % PLACES
}

/// Numbers that are never negative here; SQLite knows no others than signed ones.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

pub(super) fn optional(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(column).map(|number| number.map(|number| u64::try_from(number).unwrap_or(0)))
}

/// For SQLite, which has signed numbers only. What is too large is as good as never.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What [`summary`] reads, and what else may be asked for after it.
const SUMMARY: &str = "runs.number, runs.id, runs.name, runs.status, runs.epoch, runs.owner, owners.pid, owners.host, \
    runs.lease_until, runs.created_at, runs.updated_at, runs.finished_at, runs.wake_at, runs.cancel_at, \
    runs.cancel_reason, runs.spent, runs.fork_of, runs.blocked_on";
const RECORD: &str = ", runs.source, runs.args, runs.options, runs.report, runs.result, runs.error";
const TABLES: &str = " FROM runs LEFT JOIN owners ON owners.number = runs.owner ";

/// The runs that `rest` (WHERE, ORDER BY, LIMIT) says.
pub(super) fn summaries(rest: &str) -> String {
    format!("SELECT {SUMMARY}{TABLES}{rest}")
}

pub(super) fn summary(tables: &Connection, row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    let number: i64 = row.get(0)?;
    let word = row.get_ref(3)?.as_str()?;
    let status = RunStatus::parse(word).ok_or_else(|| {
        let error = format!("there is no status `{word}`");
        rusqlite::Error::FromSqlConversionFailure(3, Type::Text, error.into())
    })?;
    let owner = match row.get::<_, Option<i64>>(5)? {
        None => None,
        Some(number) => Some(Owner {
            number,
            pid: row.get::<_, Option<u32>>(6)?.unwrap_or(0),
            host: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
            lease_until: unsigned(row, 8)?,
            // Not to be seen in a table; whoever tells people of it looks.
            alive: true,
        }),
    };
    let cancel = match optional(row, 13)? {
        None => None,
        Some(at) => Some(CancelRequest { at, reason: row.get::<_, Option<String>>(14)?.unwrap_or_default() }),
    };
    let (last_seq, last_at) = last_entry(tables, number)?;
    Ok(RunSummary {
        id: run_id(row, 1)?,
        name: row.get(2)?,
        status,
        blocked_on: texts::get_optional(tables, row, 17)?,
        wake_at: optional(row, 12)?,
        owner,
        epoch: unsigned(row, 4)?,
        created_at: unsigned(row, 9)?,
        updated_at: unsigned(row, 10)?.max(last_at),
        finished_at: optional(row, 11)?,
        spent: row.get(15)?,
        cancel,
        fork_of: row.get::<_, Option<String>>(16)?.map(|id| RunId(id.into())),
        last_seq,
    })
}

/// `seq` and time of the last entry of a run. Not kept in the row of the run, which would be written again with every
/// entry.
pub(super) fn last_entry(tables: &Connection, run: i64) -> rusqlite::Result<(u64, u64)> {
    let last = "SELECT place, at FROM entries WHERE place BETWEEN ?1 AND ?2 ORDER BY place DESC LIMIT 1";
    let last = tables
        .prepare_cached(last)?
        .query_row([place(run, 0), place(run, LAST_SEQ)], |row| Ok((seq_at(row.get(0)?), unsigned(row, 1)?)))
        .optional()?;
    Ok(last.unwrap_or((0, 0)))
}

/// Number and everything else of one run.
pub(super) fn record(tables: &Connection, id: &RunId) -> rusqlite::Result<Option<(i64, RunRecord)>> {
    tables
        .prepare_cached(&format!("SELECT {SUMMARY}{RECORD}{TABLES}WHERE runs.id = ?1"))?
        .query_row([&*id.0], |row| {
            let record = RunRecord {
                summary: summary(tables, row)?,
                source: texts::get_source(tables, row, 18)?,
                args: texts::get_optional(tables, row, 19)?,
                options: texts::get(tables, row, 20)?,
                report: texts::get_optional(tables, row, 21)?,
                result: texts::get_optional(tables, row, 22)?,
                error: texts::get_optional(tables, row, 23)?,
            };
            Ok((row.get(0)?, record))
        })
        .optional()
}

pub(super) fn number(tables: &Connection, id: &RunId) -> rusqlite::Result<Option<i64>> {
    tables
        .prepare_cached("SELECT number FROM runs WHERE id = ?1")?
        .query_row([&*id.0], |row| row.get(0))
        .optional()
}

pub(super) fn run_id(row: &Row<'_>, column: usize) -> rusqlite::Result<RunId> {
    let id: Arc<str> = row
        .get_ref(column)?
        .as_str()
        .map_err(|error: FromSqlError| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
        })?
        .into();
    Ok(RunId(id))
}
