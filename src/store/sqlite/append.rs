//! Appending to a journal: dense, once, and only by whoever owns the run.
//!
//! Runs inside the writer's transaction. What entries mean is not known here.

use std::borrow::Cow;

use rusqlite::{Connection, params};

use super::failure::Halt;
use super::owners;
use super::rows::{self, LAST_SEQ, place, signed};
use super::texts::{self, Hash, LONG, LONG_FOR_A_RUN, Text};
use super::writer::OVERHEAD;
use crate::model::ids::RunId;
use crate::model::journal::{Batch, Entry, Lease, RawOutput, RunStatus};
use crate::model::json::JsonText;
use crate::model::store::{StoreError, StoreLimits};

/// An entry on its way into the database.
pub(super) struct Prepared {
    seq: u64,
    at: u64,
    kind: Cow<'static, str>,
    call: Option<u64>,
    body: Text,
}

impl Prepared {
    pub(super) fn new(entry: Entry) -> Self {
        let body = Text::prepare(&entry.body, LONG);
        Self { seq: entry.seq, at: entry.at, kind: entry.kind, call: entry.call, body }
    }
}

pub(super) fn cost(entries: &[Prepared]) -> usize {
    entries.iter().map(|entry| entry.body.len() + OVERHEAD).sum()
}

/// What an agent has printed, on its way into the database.
struct PreparedOutput {
    seq: u64,
    call: u64,
    attempt: u32,
    at: u64,
    body: Text,
}

impl PreparedOutput {
    fn new(output: RawOutput) -> Self {
        let RawOutput { seq, call, attempt, at, raw } = output;
        Self { seq, call, attempt, at, body: Text::prepare(&raw, LONG) }
    }
}

/// A patch on its way into the database.
struct PreparedPatch {
    status: Option<RunStatus>,
    wake_at: Option<Option<u64>>,
    spent: Option<f64>,
    forget_cancel: bool,
    source_hash: Option<Hash>,
    /// Columns and what comes into them.
    texts: Vec<(&'static str, Option<Text>)>,
}

/// A batch, with everything computed that does not need the database.
pub(super) struct PreparedBatch {
    entries: Vec<Prepared>,
    outputs: Vec<PreparedOutput>,
    patch: Option<PreparedPatch>,
    release: bool,
    at: u64,
}

impl PreparedBatch {
    pub(super) fn new(batch: Batch) -> Self {
        let patch = batch.patch.map(|patch| {
            let text = |text: &JsonText| Text::prepare(text, LONG_FOR_A_RUN);
            let mut texts = Vec::new();
            let mut set = |column, value: Option<Option<JsonText>>| {
                if let Some(value) = value {
                    texts.push((column, value.as_ref().map(text)));
                }
            };
            let (spent, report) = patch.usage.map(|usage| (usage.spent, usage.report)).unzip();
            set("report", report);
            set("blocked_on", patch.blocked_on);
            set("result", patch.result);
            set("error", patch.error);
            set("options", patch.options.map(Some));
            if let Some(source) = &patch.source {
                texts.push(("source", Some(Text::source(source))));
            }
            PreparedPatch {
                status: patch.status,
                wake_at: patch.wake_at,
                spent,
                forget_cancel: patch.forget_cancel,
                source_hash: patch.source.as_ref().map(texts::source_identity),
                texts,
            }
        });
        let entries = batch.entries.into_iter().map(Prepared::new).collect();
        let outputs = batch.outputs.into_iter().map(PreparedOutput::new).collect();
        Self { entries, outputs, patch, release: batch.release, at: batch.at }
    }

    pub(super) fn cost(&self) -> usize {
        let texts = self.patch.iter().flat_map(|patch| &patch.texts);
        let texts: usize = texts.filter_map(|(_, text)| text.as_ref()).map(Text::len).sum();
        let outputs: usize = self.outputs.iter().map(|output| output.body.len() + OVERHEAD).sum();
        cost(&self.entries) + outputs + texts + OVERHEAD
    }
}

/// Refuses what is larger than is allowed, before anything is done with it.
pub(super) fn check_size(
    what: impl FnOnce() -> String,
    size: usize,
    limit: &'static str,
    allowed: usize,
) -> Result<(), StoreError> {
    if size > allowed {
        return Err(StoreError::TooLarge { what: what(), size, limit, allowed });
    }
    Ok(())
}

/// Refuses entries that are too large or do not follow each other.
pub(super) fn check_entries(run: &RunId, entries: &[Entry], limits: &StoreLimits) -> Result<(), StoreError> {
    for (before, entry) in std::iter::once(None).chain(entries.iter().map(Some)).zip(entries) {
        let what = || format!("entry {} of run {run} ({})", entry.seq, entry.kind);
        check_size(what, entry.body.len(), "store.limits.entryBytes", limits.entry)?;
        let expected = before.map_or(entry.seq.clamp(1, LAST_SEQ), |before| before.seq + 1);
        if entry.seq != expected {
            return Err(out_of_sequence(run, expected, entry.seq));
        }
    }
    Ok(())
}

fn out_of_sequence(run: &RunId, expected: u64, found: u64) -> StoreError {
    let message = format!("entry {expected} comes next, not entry {found}");
    StoreError::Sequence { run: run.clone(), message }
}

pub(super) fn append(tables: &Connection, lease: &Lease, batch: &PreparedBatch) -> Result<(), Halt> {
    owners::check(tables, lease)?;
    insert(tables, lease.number, &lease.run, &batch.entries)?;
    insert_outputs(tables, lease.number, &batch.outputs)?;
    if let Some(patch) = &batch.patch {
        apply(tables, lease.number, patch, batch.at)?;
    }
    if batch.release {
        owners::release(tables, lease, batch.at)?;
    }
    Ok(())
}

/// Writes entries. One that is there already is accepted if it is the same: the answer to an earlier attempt was lost.
pub(super) fn insert(tables: &Connection, run: i64, id: &RunId, entries: &[Prepared]) -> Result<(), Halt> {
    let Some(first) = entries.first() else { return Ok(()) };
    let (last, _) = rows::last_entry(tables, run)?;
    if first.seq > last + 1 {
        return Err(out_of_sequence(id, last + 1, first.seq).into());
    }
    // All of those before any of the others: what is refused has written nothing.
    let (there, new) = entries.split_at(entries.partition_point(|entry| entry.seq <= last));
    for entry in there {
        let same = tables
            .prepare_cached("SELECT kind, call, body FROM entries WHERE place = ?1")?
            .query_row([place(run, entry.seq)], |row| {
                Ok(row.get_ref(0)?.as_str()? == entry.kind
                    && rows::optional(row, 1)? == entry.call
                    && entry.body.is(tables, row.get_ref(2)?)?)
            })?;
        if !same {
            let message = format!("there is another entry {}", entry.seq);
            return Err(StoreError::Sequence { run: id.clone(), message }.into());
        }
    }
    let mut statement = tables
        .prepare_cached("INSERT INTO entries (place, at, kind, call, body) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for entry in new {
        statement.execute(params![
            place(run, entry.seq),
            signed(entry.at),
            entry.kind,
            entry.call.map(signed),
            entry.body.put(tables, run)?,
        ])?;
    }
    Ok(())
}

/// Writes what agents have printed. What is there already came with an earlier attempt to write the same batch.
fn insert_outputs(tables: &Connection, run: i64, outputs: &[PreparedOutput]) -> rusqlite::Result<()> {
    for output in outputs {
        tables
            .prepare_cached(
                "INSERT INTO outputs (run, seq, call, attempt, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                ON CONFLICT (run, seq, attempt) DO NOTHING",
            )?
            .execute(params![
                run,
                signed(output.seq),
                signed(output.call),
                output.attempt,
                signed(output.at),
                output.body.put(tables, run)?,
            ])?;
    }
    Ok(())
}

/// Copies what agents have printed to a run of which another one has been there before. What is long is not copied: both
/// use it.
pub(super) fn copy_outputs(
    tables: &Connection,
    from: i64,
    run: i64,
    seqs: &[(u64, u64)],
) -> rusqlite::Result<()> {
    for (there, here) in seqs {
        tables
            .prepare_cached(
                "INSERT INTO outputs (run, seq, call, attempt, at, body) \
                SELECT ?3, ?4, call, attempt, at, body FROM outputs WHERE run = ?1 AND seq = ?2 ORDER BY attempt \
                ON CONFLICT (run, seq, attempt) DO NOTHING",
            )?
            .execute(params![from, signed(*there), run, signed(*here)])?;
    }
    tables
        .prepare_cached(
            "INSERT OR IGNORE INTO blob_uses (blob, run) \
            SELECT body, run FROM outputs WHERE run = ?1 AND typeof(body) = 'integer'",
        )?
        .execute([run])?;
    Ok(())
}

fn apply(tables: &Connection, run: i64, patch: &PreparedPatch, at: u64) -> rusqlite::Result<()> {
    let set = "UPDATE runs SET updated_at = max(updated_at, ?2), status = coalesce(?3, status), \
        finished_at = CASE WHEN ?3 IS NULL THEN finished_at WHEN ?4 THEN coalesce(finished_at, ?2) END, \
        spent = coalesce(?5, spent), source_hash = coalesce(?6, source_hash), \
        cancel_at = CASE WHEN ?7 THEN NULL ELSE cancel_at END, \
        cancel_reason = CASE WHEN ?7 THEN NULL ELSE cancel_reason END WHERE number = ?1";
    tables.prepare_cached(set)?.execute(params![
        run,
        signed(at),
        patch.status.map(RunStatus::as_str),
        patch.status.is_some_and(RunStatus::is_final),
        patch.spent,
        patch.source_hash,
        patch.forget_cancel,
    ])?;
    if let Some(wake_at) = patch.wake_at {
        tables
            .prepare_cached("UPDATE runs SET wake_at = ?2 WHERE number = ?1")?
            .execute(params![run, wake_at.map(signed)])?;
    }
    for (column, text) in &patch.texts {
        let value = texts::put(text.as_ref(), tables, run)?;
        // The column is one of our own words.
        tables
            .prepare_cached(&format!("UPDATE runs SET {column} = ?2 WHERE number = ?1"))?
            .execute(params![run, value])?;
    }
    Ok(())
}
