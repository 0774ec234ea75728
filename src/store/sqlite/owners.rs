//! Whose a run is: creating, claiming, renewing, giving back.
//!
//! Every function runs inside the writer's transaction, so what it has looked at is still true when it is written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::append::{self, Prepared};
use super::failure::Halt;
use super::presence;
use super::rows::{self, signed, unsigned};
use super::texts::{self, Hash, LONG_FOR_A_RUN, Text};
use crate::model::ids::RunId;
use crate::model::journal::{
    CancelRequest, Claimed, Created, Lease, NewRun, ProcessNote, RunStatus, RunSummary,
};
use crate::model::store::StoreError;

/// Oneself: who takes runs here.
#[derive(Clone, Debug)]
pub(super) struct Me {
    pub(super) number: i64,
    /// Where everybody's signs of life are.
    pub(super) folder: Arc<Path>,
    /// Leases that were given back, by the number of the run: the newest of each. Of some that could not be written, and
    /// then only we ourselves know that nobody is at work on the run.
    given_back: Arc<Mutex<BTreeMap<i64, u64>>>,
}

impl Me {
    pub(super) fn new(number: i64, database: &Path) -> Self {
        Self { number, folder: presence::folder(database).into(), given_back: Arc::default() }
    }

    /// Whoever had this lease has promised to write nothing more with it.
    pub(super) fn give_back(&self, lease: &Lease) {
        self.given_back().insert(lease.number, lease.epoch);
    }

    fn has_given_back(&self, run: i64, epoch: u64) -> bool {
        self.given_back().get(&run) == Some(&epoch)
    }

    fn given_back(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, u64>> {
        // Nothing that could panic is done under the lock.
        self.given_back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run to be created, with everything computed that does not need the database.
pub(super) struct PreparedRun {
    id: RunId,
    name: String,
    fork_of: Option<RunId>,
    source_hash: Hash,
    args_hash: Hash,
    source: Text,
    args: Option<Text>,
    options: Text,
    entries: Vec<Prepared>,
    outputs: Vec<(u64, u64)>,
}

impl PreparedRun {
    pub(super) fn new(run: NewRun) -> Self {
        let short = |text| Text::prepare(text, LONG_FOR_A_RUN);
        Self {
            source_hash: texts::source_identity(&run.source),
            args_hash: texts::args_identity(run.args.as_ref()),
            source: Text::source(&run.source),
            args: run.args.as_ref().map(short),
            options: short(&run.options),
            entries: run.entries.into_iter().map(Prepared::new).collect(),
            id: run.id,
            name: run.name,
            fork_of: run.fork_of,
            outputs: run.outputs,
        }
    }

    pub(super) fn cost(&self) -> usize {
        self.source.len() + self.args.as_ref().map_or(0, Text::len) + append::cost(&self.entries)
    }
}

pub(super) fn create(
    tables: &Connection,
    me: &Me,
    run: &PreparedRun,
    lease_until: u64,
    now: u64,
) -> Result<Created, Halt> {
    if let Some((number, record)) = rows::record(tables, &run.id)? {
        let hashes = "SELECT source_hash = ?2, args_hash = ?3 FROM runs WHERE number = ?1";
        let (same_source, same_args) = tables
            .prepare_cached(hashes)?
            .query_row(params![number, run.source_hash, run.args_hash], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        return Ok(Created::Existing { record: Box::new(record), same_source, same_args });
    }
    let insert = "INSERT INTO runs (id, name, status, epoch, owner, lease_until, created_at, updated_at, fork_of, \
        source_hash, args_hash, source, options) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?6, ?7, ?8, ?9, 0, 0)";
    let number = tables.prepare_cached(insert)?.insert(params![
        run.id.0,
        run.name,
        RunStatus::Queued.as_str(),
        me.number,
        signed(lease_until),
        signed(now),
        run.fork_of.as_ref().map(|id| &*id.0),
        run.source_hash,
        run.args_hash,
    ])?;
    // Texts belong to a run that is there.
    let fill = "UPDATE runs SET source = ?2, args = ?3, options = ?4 WHERE number = ?1";
    tables.prepare_cached(fill)?.execute(params![
        number,
        run.source.put(tables, number)?,
        texts::put(run.args.as_ref(), tables, number)?,
        run.options.put(tables, number)?,
    ])?;
    append::insert(tables, number, &run.id, &run.entries)?;
    if let Some(of) = run.fork_of.as_ref().filter(|_| !run.outputs.is_empty())
        && let Some(of) = rows::number(tables, of)?
    {
        append::copy_outputs(tables, of, number, &run.outputs)?;
    }
    Ok(Created::New(Lease { run: run.id.clone(), number, epoch: 1, owner: me.number }))
}

pub(super) fn claim(
    tables: &Connection,
    me: &Me,
    id: &RunId,
    lease_until: u64,
    now: u64,
) -> Result<Claimed, Halt> {
    let Some((number, record)) = rows::record(tables, id)? else {
        return Err(StoreError::UnknownRun { run: id.clone() }.into());
    };
    refuse_if_owned(me, number, &record.summary, now)?;
    let epoch = record.summary.epoch + 1;
    tables
        .prepare_cached("UPDATE runs SET epoch = ?2, owner = ?3, lease_until = ?4 WHERE number = ?1")?
        .execute(params![number, signed(epoch), me.number, signed(lease_until)])?;
    let lease = Lease { run: id.clone(), number, epoch, owner: me.number };
    Ok(Claimed { lease, record: Box::new(record) })
}

/// Refuses if somebody who is alive has the run, and has said so not long ago.
pub(super) fn refuse_if_owned(me: &Me, number: i64, run: &RunSummary, now: u64) -> Result<(), StoreError> {
    let Some(owner) = &run.owner else { return Ok(()) };
    let here = owner.number == me.number;
    if here && me.has_given_back(number, run.epoch) {
        return Ok(());
    }
    if owner.lease_until <= now || !(here || presence::is_alive(&me.folder, owner.number)) {
        return Ok(());
    }
    Err(StoreError::Owned {
        run: run.id.clone(),
        pid: owner.pid,
        host: owner.host.clone(),
        here,
        lease_until: owner.lease_until,
    })
}

/// Refuses if the lease is not what the row says. Everything that is written to a run comes through here.
pub(super) fn check(tables: &Connection, lease: &Lease) -> Result<(), Halt> {
    let row = tables
        .prepare_cached("SELECT epoch, owner FROM runs WHERE number = ?1")?
        .query_row([lease.number], |row| Ok((unsigned(row, 0)?, row.get::<_, Option<i64>>(1)?)))
        .optional()?;
    let message = match row {
        Some((epoch, Some(owner))) if epoch == lease.epoch && owner == lease.owner => return Ok(()),
        Some((epoch, _)) if epoch != lease.epoch => {
            format!("it was taken over (this is owner {}, the run has its owner {epoch})", lease.epoch)
        }
        Some(_) => "it was released".to_owned(),
        None => "it was deleted".to_owned(),
    };
    Err(StoreError::LeaseLost { run: lease.run.clone(), message }.into())
}

pub(super) fn renew(tables: &Connection, leases: &[Lease], lease_until: u64) -> Result<Vec<Lease>, Halt> {
    let mut lost = Vec::new();
    for lease in leases {
        match check(tables, lease) {
            Ok(()) => tables
                .prepare_cached("UPDATE runs SET lease_until = ?2 WHERE number = ?1")?
                .execute([lease.number, signed(lease_until)])?,
            Err(Halt::Refused(_)) => {
                lost.push(lease.clone());
                0
            }
            Err(failed) => return Err(failed),
        };
    }
    Ok(lost)
}

/// Looks whether the owner of a run is there.
pub(super) fn look(run: &mut RunSummary, folder: &Path) {
    if let Some(owner) = &mut run.owner {
        owner.alive = presence::is_alive(folder, owner.number);
    }
}

pub(super) fn release(tables: &Connection, lease: &Lease, now: u64) -> Result<(), Halt> {
    check(tables, lease)?;
    tables
        .prepare_cached("UPDATE runs SET owner = NULL, lease_until = 0, updated_at = ?2 WHERE number = ?1")?
        .execute([lease.number, signed(now)])?;
    Ok(())
}

pub(super) fn request_cancel(
    tables: &Connection,
    me: &Me,
    id: &RunId,
    request: &CancelRequest,
) -> Result<RunSummary, Halt> {
    let set = "UPDATE runs SET cancel_at = ?2, cancel_reason = ?3 \
        WHERE id = ?1 AND finished_at IS NULL AND cancel_at IS NULL";
    tables.prepare_cached(set)?.execute(params![id.0, signed(request.at), request.reason])?;
    let run = tables
        .prepare_cached(&rows::summaries("WHERE runs.id = ?1"))?
        .query_row([&*id.0], |row| rows::summary(tables, row))
        .optional()?;
    let mut run = run.ok_or_else(|| StoreError::UnknownRun { run: id.clone() })?;
    look(&mut run, &me.folder);
    Ok(run)
}

pub(super) fn note_process(tables: &Connection, lease: &Lease, process: &ProcessNote) -> Result<(), Halt> {
    check(tables, lease)?;
    let insert =
        "INSERT OR REPLACE INTO processes (run, pid, start_time, pgid, marker) VALUES (?1, ?2, ?3, ?4, ?5)";
    tables.prepare_cached(insert)?.execute(params![
        lease.number,
        process.pid,
        signed(process.start_time),
        process.pgid,
        process.marker
    ])?;
    Ok(())
}

pub(super) fn forget_process(tables: &Connection, lease: &Lease, process: &ProcessNote) -> Result<(), Halt> {
    // Whoever has given the run back was its last owner until there is another one.
    let is_last = tables
        .prepare_cached("SELECT owner IS NULL AND epoch = ?2 FROM runs WHERE number = ?1")?
        .query_row([lease.number, signed(lease.epoch)], |row| row.get(0))
        .optional()?;
    if is_last != Some(true) {
        check(tables, lease)?;
    }
    tables
        .prepare_cached("DELETE FROM processes WHERE run = ?1 AND pid = ?2 AND start_time = ?3")?
        .execute(params![lease.number, process.pid, signed(process.start_time)])?;
    Ok(())
}
