//! Deleting runs, and giving their space back to the disk.
//!
//! In many small transactions: whoever has something else to write gets in between. A crash leaves some of the runs
//! deleted and the others whole.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params_from_iter};
use tokio::sync::oneshot;

use super::failure::{Halt, Site};
use super::owners::{Me, refuse_if_owned};
use super::read;
use super::rows::{self, LAST_SEQ, place};
use super::writer::Chore;
use crate::model::journal::{Deleted, RunSummary, Selection};
use crate::model::store::StoreError;

/// How many free pages go back to the disk in one transaction: a megabyte.
const PAGES: u32 = 256;
/// After how many entries a transaction ends. A run is deleted as a whole, however many it has.
const ENTRIES: u64 = 2_000;

pub(super) struct Deletion {
    site: Site,
    me: Me,
    selection: Selection,
    dry_run: bool,
    now: u64,
    stage: Stage,
    deleted: Deleted,
    /// The size of the file at the beginning, in bytes.
    before: u64,
    reply: Option<oneshot::Sender<Result<Deleted, StoreError>>>,
}

enum Stage {
    Begin,
    /// The numbers of the runs that are still to be deleted.
    Runs(Vec<i64>),
    Space,
}

impl Deletion {
    pub(super) fn new(
        site: Site,
        me: Me,
        selection: Selection,
        dry_run: bool,
        now: u64,
        reply: oneshot::Sender<Result<Deleted, StoreError>>,
    ) -> Self {
        let (stage, deleted) = (Stage::Begin, Deleted::default());
        Self { site, me, selection, dry_run, now, stage, deleted, before: 0, reply: Some(reply) }
    }

    fn advance(&mut self, connection: &mut Connection) -> Result<bool, Halt> {
        match &mut self.stage {
            Stage::Begin => {
                let runs = select(connection, &self.me, &self.selection, self.now)?;
                if self.dry_run {
                    self.deleted = count(connection, &runs)?;
                    return Ok(false);
                }
                self.before = file_size(connection)?;
                self.stage = Stage::Runs(runs);
            }
            Stage::Runs(runs) => {
                let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let mut deleted = self.deleted;
                let enough = deleted.entries + ENTRIES;
                let mut left = runs.clone();
                while deleted.entries < enough
                    && let Some(run) = left.pop()
                {
                    // Somebody may have taken it since it was looked for.
                    let found = summary(&change, run)?;
                    if found.is_some_and(|found| refuse_if_owned(&self.me, run, &found, self.now).is_ok()) {
                        delete(&change, run, &mut deleted)?;
                    }
                }
                change.commit()?;
                self.deleted = deleted;
                *runs = left;
                if runs.is_empty() {
                    self.stage = Stage::Space;
                }
            }
            Stage::Space => {
                let free = |connection: &Connection| {
                    connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, u32>(0))
                };
                let before = free(connection)?;
                connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
                let after = free(connection)?;
                if after > 0 && after < before {
                    return Ok(true);
                }
                // The file itself shrinks when the log is taken over; if somebody is reading, the next one who does
                // that makes it smaller.
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                self.deleted.file_bytes = self.before.saturating_sub(file_size(connection)?);
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Chore for Deletion {
    fn step(&mut self, connection: &mut Connection) -> bool {
        let answer = match self.advance(connection) {
            Ok(true) => return true,
            Ok(false) => Ok(self.deleted),
            Err(halt) => Err(self.site.halt(halt)),
        };
        if let Some(reply) = self.reply.take() {
            // Whoever asked may no longer want to know.
            drop(reply.send(answer));
        }
        false
    }
}

/// The numbers of the runs to be deleted.
fn select(tables: &Connection, me: &Me, selection: &Selection, now: u64) -> Result<Vec<i64>, Halt> {
    let mut numbers: Vec<i64> = match selection {
        Selection::Ids(ids) => ids
            .iter()
            .map(|id| {
                let Some(number) = rows::number(tables, id)? else {
                    return Err(StoreError::UnknownRun { run: id.clone() }.into());
                };
                if let Some(run) = summary(tables, number)? {
                    refuse_if_owned(me, number, &run, now)?;
                }
                Ok(number)
            })
            .collect::<Result<_, Halt>>()?,
        Selection::Filter(filter) => {
            let (rest, values) = read::condition(filter);
            let mut statement = tables.prepare(&rows::summaries(&rest))?;
            let found = statement
                .query_map(params_from_iter(values), |row| Ok((row.get(0)?, rows::summary(tables, row)?)))?;
            let found: Vec<(i64, RunSummary)> = found.collect::<Result<_, _>>()?;
            let free =
                found.into_iter().filter(|(number, run)| refuse_if_owned(me, *number, run, now).is_ok());
            free.map(|(number, _)| number).collect()
        }
    };
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn summary(tables: &Connection, run: i64) -> rusqlite::Result<Option<RunSummary>> {
    tables
        .prepare_cached(&rows::summaries("WHERE runs.number = ?1"))?
        .query_row([run], |row| rows::summary(tables, row))
        .optional()
}

/// Entries of a run, and the bytes that they and what agents have printed hold in place.
fn size(tables: &Connection, run: i64) -> rusqlite::Result<(u64, u64)> {
    let sizes = "SELECT count(*), coalesce(sum(CASE typeof(body) WHEN 'text' THEN octet_length(body) ELSE 0 END), 0) \
        FROM entries WHERE place BETWEEN ?1 AND ?2";
    let (entries, bytes) =
        tables.prepare_cached(sizes)?.query_row([place(run, 0), place(run, LAST_SEQ)], |row| {
            Ok((rows::unsigned(row, 0)?, rows::unsigned(row, 1)?))
        })?;
    let printed =
        "SELECT coalesce(sum(octet_length(body)), 0) FROM outputs WHERE run = ?1 AND typeof(body) = 'text'";
    let printed = tables.prepare_cached(printed)?.query_row([run], |row| rows::unsigned(row, 0))?;
    Ok((entries, bytes + printed))
}

/// What would be deleted.
fn count(tables: &Connection, runs: &[i64]) -> rusqlite::Result<Deleted> {
    let mut sum = Deleted { runs: runs.len() as u64, ..Deleted::default() };
    for run in runs {
        let (entries, bytes) = size(tables, *run)?;
        sum.entries += entries;
        sum.bytes += bytes;
    }
    let blobs = "WITH chosen AS MATERIALIZED (SELECT value AS run FROM json_each(?1)) \
        SELECT coalesce(sum(octet_length(body)), 0) FROM blobs \
        WHERE number IN (SELECT blob FROM blob_uses WHERE run IN chosen) \
        AND NOT EXISTS (SELECT 1 FROM blob_uses WHERE blob = blobs.number AND run NOT IN chosen)";
    let chosen = serde_json::json!(runs).to_string();
    sum.bytes += tables.query_row(blobs, [chosen], |row| rows::unsigned(row, 0))?;
    Ok(sum)
}

fn delete(tables: &Connection, run: i64, deleted: &mut Deleted) -> rusqlite::Result<()> {
    let (count, bytes) = size(tables, run)?;
    tables
        .prepare_cached("DELETE FROM entries WHERE place BETWEEN ?1 AND ?2")?
        .execute([place(run, 0), place(run, LAST_SEQ)])?;
    deleted.entries += count;
    deleted.bytes += bytes;
    tables.prepare_cached("DELETE FROM outputs WHERE run = ?1")?.execute([run])?;
    tables.prepare_cached("DELETE FROM processes WHERE run = ?1")?.execute([run])?;
    let used: Vec<i64> = tables
        .prepare_cached("SELECT blob FROM blob_uses WHERE run = ?1")?
        .query_map([run], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    tables.prepare_cached("DELETE FROM blob_uses WHERE run = ?1")?.execute([run])?;
    for blob in used {
        let size = tables
            .prepare_cached(
                "DELETE FROM blobs WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM blob_uses WHERE blob = ?1) \
                RETURNING octet_length(body)",
            )?
            .query_row([blob], |row| rows::unsigned(row, 0))
            .optional()?;
        deleted.bytes += size.unwrap_or(0);
    }
    tables.prepare_cached("DELETE FROM runs WHERE number = ?1")?.execute([run])?;
    deleted.runs += 1;
    Ok(())
}

fn file_size(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name| connection.pragma_query_value(None, name, |row| rows::unsigned(row, 0));
    Ok(number("page_count")? * number("page_size")?)
}
