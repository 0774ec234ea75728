//! Reading: a few connections that are lent out, one for each reader at a time.
//!
//! Writes nothing. Each answer is of one moment.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::failure::Halt;
use super::open::Place;
use super::owners::Me;
use super::rows::{self, LAST_SEQ, place, seq_at, signed, unsigned};
use super::{presence, texts};
use crate::model::ids::RunId;
use crate::model::journal::{
    CancelRequest, Entry, Filter, ProcessNote, RawOutput, RunRecord, RunStatus, RunSummary,
};
use crate::model::store::StoreError;

/// How many connections are kept for the next reader. More are opened where more read at once.
const KEPT: usize = 4;

pub(super) struct Readers {
    place: Place,
    kept: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(place: Place) -> Self {
        Self { place, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads, all in one moment.
    pub(super) fn read<T>(&self, body: impl FnOnce(&Connection) -> Result<T, Halt>) -> Result<T, StoreError> {
        let kept = self.kept().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.place.connect()?,
        };
        let answer = (|| {
            let moment = connection.unchecked_transaction()?;
            let answer = body(&moment)?;
            moment.finish()?;
            Ok(answer)
        })();
        let mut kept = self.kept();
        // One with which something went wrong is not trusted again.
        if kept.len() < KEPT && !matches!(answer, Err(Halt::Failed(_))) {
            kept.push(connection);
        }
        drop(kept);
        answer.map_err(|halt| self.place.site.halt(halt))
    }

    /// Closes the connections that are not in use.
    pub(super) fn close(&self) {
        let kept = std::mem::take(&mut *self.kept());
        drop(kept);
    }
}

fn unknown(run: &RunId) -> Halt {
    StoreError::UnknownRun { run: run.clone() }.into()
}

fn number(tables: &Connection, run: &RunId) -> Result<i64, Halt> {
    rows::number(tables, run)?.ok_or_else(|| unknown(run))
}

pub(super) fn run(tables: &Connection, run: &RunId) -> Result<RunRecord, Halt> {
    rows::record(tables, run)?.map(|(_, record)| record).ok_or_else(|| unknown(run))
}

pub(super) fn entries(
    tables: &Connection,
    run: &RunId,
    from_seq: u64,
    limit: u32,
) -> Result<Vec<Entry>, Halt> {
    let number = number(tables, run)?;
    let mut statement = tables.prepare_cached(
        "SELECT place, at, kind, call, body FROM entries WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT ?3",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Entry {
            seq: seq_at(row.get(0)?),
            at: unsigned(row, 1)?,
            kind: Cow::Owned(row.get(2)?),
            call: rows::optional(row, 3)?,
            body: texts::get(tables, row, 4)?,
        })
    };
    let range = params![place(number, from_seq), place(number, LAST_SEQ), limit];
    Ok(statement.query_map(range, read)?.collect::<Result<_, _>>()?)
}

pub(super) fn output_seqs(tables: &Connection, run: &RunId) -> Result<Vec<u64>, Halt> {
    let number = number(tables, run)?;
    let mut seqs = tables.prepare_cached("SELECT DISTINCT seq FROM outputs WHERE run = ?1 ORDER BY seq")?;
    Ok(seqs.query_map([number], |row| unsigned(row, 0))?.collect::<Result<_, _>>()?)
}

pub(super) fn outputs(tables: &Connection, run: &RunId, seqs: &[u64]) -> Result<Vec<RawOutput>, Halt> {
    let number = number(tables, run)?;
    let mut statement = tables.prepare_cached(
        "SELECT seq, call, attempt, at, body FROM outputs WHERE run = ?1 AND seq = ?2 ORDER BY attempt",
    )?;
    let read = |row: &Row<'_>| {
        Ok(RawOutput {
            seq: unsigned(row, 0)?,
            call: unsigned(row, 1)?,
            attempt: row.get(2)?,
            at: unsigned(row, 3)?,
            raw: texts::get(tables, row, 4)?,
        })
    };
    let mut found = Vec::new();
    for seq in seqs {
        for output in statement.query_map(params![number, signed(*seq)], read)? {
            found.push(output?);
        }
    }
    Ok(found)
}

/// `WHERE …` and what goes into it.
pub(super) fn condition(filter: &Filter) -> (String, Vec<Value>) {
    let mut terms = Vec::new();
    let mut values = Vec::new();
    let mut add = |term: &str, value: Value| {
        values.push(value);
        terms.push(format!("{term} ?{}", values.len()));
    };
    let mut time = |term, time: Option<u64>| {
        if let Some(time) = time {
            add(term, Value::Integer(signed(time)));
        }
    };
    time("runs.created_at >=", filter.since);
    time("runs.created_at <", filter.until);
    time("runs.finished_at <", filter.finished_before);
    if let Some(name) = &filter.name {
        add("runs.name =", Value::Text(name.clone()));
    }
    if !filter.status.is_empty() {
        let words: Vec<String> = filter.status.iter().map(|status| format!("'{status}'")).collect();
        terms.push(format!("runs.status IN ({})", words.join(", ")));
    }
    let mut text = if terms.is_empty() { String::new() } else { format!("WHERE {}", terms.join(" AND ")) };
    text.push_str(" ORDER BY runs.number DESC");
    if let Some(limit) = filter.limit {
        text.push_str(&format!(" LIMIT {limit}"));
    }
    (text, values)
}

fn summaries(tables: &Connection, rest: &str, values: &[Value]) -> rusqlite::Result<Vec<RunSummary>> {
    tables
        .prepare_cached(&rows::summaries(rest))?
        .query_map(params_from_iter(values), |row| rows::summary(tables, row))?
        .collect()
}

pub(super) fn list(tables: &Connection, filter: &Filter) -> Result<Vec<RunSummary>, Halt> {
    let (rest, values) = condition(filter);
    Ok(summaries(tables, &rest, &values)?)
}

pub(super) fn due(tables: &Connection, folder: &std::path::Path, now: u64) -> Result<Vec<RunSummary>, Halt> {
    // Without being told, SQLite looks at every suspended run there is.
    let due = "WHERE runs.number IN ( \
        SELECT number FROM runs INDEXED BY runs_by_wake WHERE status = 'suspended' AND wake_at <= ?1 UNION ALL \
        SELECT number FROM runs INDEXED BY runs_by_cancel WHERE cancel_at IS NOT NULL AND finished_at IS NULL AND status = 'suspended') \
        ORDER BY runs.wake_at, runs.number";
    let mut due = summaries(tables, due, &[Value::Integer(signed(now))])?;
    due.retain(|run| is_free(run, folder, now));
    Ok(due)
}

/// Whether anybody may take the run.
fn is_free(run: &RunSummary, folder: &std::path::Path, now: u64) -> bool {
    run.owner
        .as_ref()
        .is_none_or(|owner| owner.lease_until <= now || !presence::is_alive(folder, owner.number))
}

pub(super) fn next_wake(tables: &Connection, after: u64) -> Result<Option<u64>, Halt> {
    let next =
        "SELECT min(wake_at) FROM runs INDEXED BY runs_by_wake WHERE status = 'suspended' AND wake_at > ?1";
    Ok(tables.prepare_cached(next)?.query_row([signed(after)], |row| rows::optional(row, 0))?)
}

pub(super) fn suspended(tables: &Connection) -> Result<Vec<RunId>, Halt> {
    let mut ids = tables.prepare_cached("SELECT id FROM runs WHERE status = 'suspended' ORDER BY number")?;
    Ok(ids.query_map([], |row| rows::run_id(row, 0))?.collect::<Result<_, _>>()?)
}

pub(super) fn orphans(
    tables: &Connection,
    folder: &std::path::Path,
    now: u64,
) -> Result<Vec<RunSummary>, Halt> {
    let open = "WHERE runs.status IN ('queued', 'running', 'cancelling') ORDER BY runs.number";
    let mut open = summaries(tables, open, &[])?;
    open.retain(|run| is_free(run, folder, now) && (run.owner.is_some() || run.status != RunStatus::Queued));
    Ok(open)
}

pub(super) fn cancel_requests(tables: &Connection, me: &Me) -> Result<Vec<(RunId, CancelRequest)>, Halt> {
    let mut wanted = tables.prepare_cached(
        "SELECT id, cancel_at, cancel_reason FROM runs \
        WHERE cancel_at IS NOT NULL AND finished_at IS NULL AND owner = ?1 ORDER BY cancel_at",
    )?;
    let read = |row: &Row<'_>| {
        let reason = row.get::<_, Option<String>>(2)?.unwrap_or_default();
        Ok((rows::run_id(row, 0)?, CancelRequest { at: unsigned(row, 1)?, reason }))
    };
    Ok(wanted.query_map([me.number], read)?.collect::<Result<_, _>>()?)
}

/// What holds in every store beside what SQLite itself knows of: what it is, and a query for what breaks it.
const INVARIANTS: [(&str, &str); 6] = [
    (
        "the journal of a run has a gap",
        "SELECT runs.id FROM entries JOIN runs ON runs.number = entries.place >> 32 \
        GROUP BY runs.number HAVING count(*) <> max(entries.place & 0xffffffff)",
    ),
    (
        "entries of a run that is not there",
        "SELECT DISTINCT CAST(place >> 32 AS TEXT) FROM entries WHERE place >> 32 NOT IN (SELECT number FROM runs)",
    ),
    (
        "a text is missing, in the journal of",
        "SELECT DISTINCT runs.id FROM entries JOIN runs ON runs.number = entries.place >> 32 \
        WHERE typeof(entries.body) = 'integer' AND entries.body NOT IN (SELECT number FROM blobs)",
    ),
    (
        "an output of an entry that is not there",
        "SELECT DISTINCT coalesce(runs.id, CAST(outputs.run AS TEXT)) FROM outputs \
        LEFT JOIN runs ON runs.number = outputs.run \
        WHERE NOT EXISTS (SELECT 1 FROM entries WHERE place = (outputs.run << 32) + outputs.seq)",
    ),
    (
        "an output is missing, of",
        "SELECT DISTINCT coalesce(runs.id, CAST(outputs.run AS TEXT)) FROM outputs \
        LEFT JOIN runs ON runs.number = outputs.run \
        WHERE typeof(body) = 'integer' AND body NOT IN (SELECT number FROM blobs)",
    ),
    (
        "a text that nobody has",
        "SELECT CAST(number AS TEXT) FROM blobs WHERE number NOT IN (SELECT blob FROM blob_uses)",
    ),
];

pub(super) fn verify(tables: &Connection) -> Result<Vec<String>, Halt> {
    let mut found: Vec<String> = tables
        .prepare("PRAGMA integrity_check")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    found.retain(|line| line != "ok");
    for (what, query) in INVARIANTS {
        let broken = tables
            .prepare(query)?
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        found.extend(broken.into_iter().map(|which| format!("{what}: {which}")));
    }
    Ok(found)
}

pub(super) fn processes(tables: &Connection, run: &RunId) -> Result<Vec<ProcessNote>, Halt> {
    let number = number(tables, run)?;
    let mut noted = tables.prepare_cached(
        "SELECT pid, pgid, start_time, marker FROM processes WHERE run = ?1 ORDER BY start_time, pid",
    )?;
    let read = |row: &Row<'_>| {
        Ok(ProcessNote {
            pid: row.get(0)?,
            pgid: row.get(1)?,
            start_time: unsigned(row, 2)?,
            marker: row.get(3)?,
        })
    };
    Ok(noted.query_map([number], read)?.collect::<Result<_, _>>()?)
}
