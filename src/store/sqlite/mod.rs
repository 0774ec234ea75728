//! The store in a SQLite database: one file, one thread that writes, as many readers as there are.
//!
//! Knows the model and SQLite. `docs/design/store.md` says why it is built like this.

mod append;
mod delete;
mod failure;
mod open;
mod owners;
mod presence;
mod read;
mod rows;
mod tasks;
mod texts;
mod writer;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use super::{Pending, Store};
use crate::model::ids::RunId;
use crate::model::journal::{
    Batch, CancelRequest, Claimed, Created, Deleted, Entry, Filter, Lease, NewRun, ProcessNote, RawOutput,
    RunPatch, RunRecord, RunSummary, Selection, SourceSnapshot,
};
use crate::model::json::JsonText;
use crate::model::store::{StoreError, StoreLimits, StoreOptions};
use append::{PreparedBatch, check_entries, check_size};
use delete::Deletion;
use failure::{Halt, Site};
use open::{MIGRATIONS, Place};
use owners::{Me, PreparedRun};
use read::Readers;
use writer::Writer;

/// A store that is open. Dropping it writes what is waiting, which takes as long as the disk takes.
pub struct SqliteStore {
    place: Place,
    writing: Option<Writing>,
    readers: Readers,
}

struct Writing {
    writer: Writer,
    me: Me,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.place.site.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in that file. Blocks, for up to the busy timeout if other processes are writing.
    ///
    /// # Errors
    /// `ERR_STORE_MISSING`, `ERR_STORE_FOREIGN` and `ERR_STORE_VERSION` leave the file as it was; and what may befall a
    /// file.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_in(path, options, None, MIGRATIONS)
    }

    fn open_in(
        path: &Path,
        options: StoreOptions,
        vfs: Option<&'static str>,
        migrations: &'static [&'static str],
    ) -> Result<Self, StoreError> {
        let as_given = Site { path: path.into(), busy_timeout_ms: options.busy_timeout_ms };
        // Whoever changes the working directory does not move the store.
        let path = std::path::absolute(path).map_err(|error| as_given.io(&error))?;
        let site = Site { path: path.into(), ..as_given };
        let place = Place { site, options, vfs, migrations };
        place.prepare()?;
        let mut writing = None;
        if !options.read_only {
            let mut connection = place.connect()?;
            let (number, presence) = place.enter(&mut connection)?;
            let me = Me::new(number, &place.site.path);
            let writer =
                Writer::start(place.clone(), connection, presence).map_err(|error| place.site.io(&error))?;
            writing = Some(Writing { writer, me });
        }
        Ok(Self { readers: Readers::new(place.clone()), writing, place })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.place.site.path
    }

    fn limits(&self) -> &StoreLimits {
        &self.place.options.limits
    }

    fn writing(&self) -> Result<&Writing, StoreError> {
        self.writing.as_ref().ok_or_else(|| StoreError::ReadOnly {
            path: self.place.site.path(),
            message: "it was opened for reading".to_owned(),
        })
    }

    /// Hands something to the writer.
    fn write<T: Send + 'static>(
        &self,
        cost: usize,
        mut body: impl FnMut(&rusqlite::Connection, &Me) -> Result<T, Halt> + Send + 'static,
    ) -> Pending<T> {
        match self.writing() {
            Ok(Writing { writer, me, .. }) => {
                let me = me.clone();
                writer.write(cost, move |tables| body(tables, &me))
            }
            Err(error) => Pending::refused(error),
        }
    }

    /// Hands something to the writer that need not survive the loss of power.
    fn note(
        &self,
        body: impl FnMut(&rusqlite::Connection) -> Result<(), Halt> + Send + 'static,
    ) -> Pending<()> {
        match self.writing() {
            Ok(Writing { writer, .. }) => writer.note(body),
            Err(error) => Pending::refused(error),
        }
    }

    fn check_source(&self, run: &RunId, source: &SourceSnapshot) -> Result<(), StoreError> {
        let helpers = source.files.iter().map(|(path, text)| path.len() + text.len());
        let size = source.text.len() + helpers.sum::<usize>();
        let what = || format!("the source of run {run} ({})", source.name);
        check_size(what, size, "store.limits.sourceBytes", self.limits().source)
    }

    fn check_new(&self, run: &NewRun) -> Result<(), StoreError> {
        self.check_source(&run.id, &run.source)?;
        let args = run.args.as_ref().map_or(0, JsonText::len);
        self.check_options(&run.id, &run.options)?;
        check_size(
            || format!("the args of run {}", run.id),
            args,
            "store.limits.argsBytes",
            self.limits().args,
        )?;
        check_entries(&run.id, &run.entries, self.limits())?;
        match run.entries.first() {
            Some(first) if first.seq != 1 => {
                let message = format!("entry 1 comes first, not entry {}", first.seq);
                Err(StoreError::Sequence { run: run.id.clone(), message })
            }
            _ => Ok(()),
        }
    }

    /// Options have the names of helpers in them, and grow with the source.
    fn check_options(&self, run: &RunId, options: &JsonText) -> Result<(), StoreError> {
        let limit = self.limits().source;
        check_size(|| format!("the options of run {run}"), options.len(), "store.limits.sourceBytes", limit)
    }

    fn check_patch(&self, run: &RunId, patch: &RunPatch) -> Result<(), StoreError> {
        if let Some(source) = &patch.source {
            self.check_source(run, source)?;
        }
        if let Some(options) = &patch.options {
            self.check_options(run, options)?;
        }
        let outcome = [patch.result.as_ref(), patch.error.as_ref(), patch.blocked_on.as_ref()];
        let outcome = outcome.into_iter().flatten().flatten().map(JsonText::len).max().unwrap_or(0);
        let report = patch.usage.as_ref().and_then(|usage| usage.report.as_ref()).map_or(0, JsonText::len);
        let what = || format!("the result of run {run}");
        check_size(what, outcome.max(report), "store.limits.resultBytes", self.limits().result)
    }
}

impl Store for SqliteStore {
    fn create(&self, run: NewRun, ttl_ms: u64, now: u64) -> Pending<Created> {
        if let Err(error) = self.check_new(&run) {
            return Pending::refused(error);
        }
        let run = PreparedRun::new(run);
        self.write(run.cost(), move |tables, me| {
            owners::create(tables, me, &run, now.saturating_add(ttl_ms), now)
        })
    }

    fn claim(&self, run: &RunId, ttl_ms: u64, now: u64) -> Pending<Claimed> {
        let run = run.clone();
        self.write(0, move |tables, me| owners::claim(tables, me, &run, now.saturating_add(ttl_ms), now))
    }

    fn renew(&self, leases: Vec<Lease>, ttl_ms: u64, now: u64) -> Pending<Vec<Lease>> {
        self.write(0, move |tables, _| owners::renew(tables, &leases, now.saturating_add(ttl_ms)))
    }

    fn release(&self, lease: &Lease, now: u64) -> Pending<()> {
        let lease = lease.clone();
        if let Some(writing) = &self.writing {
            // Whether it can be written or not.
            writing.me.give_back(&lease);
        }
        self.write(0, move |tables, _| owners::release(tables, &lease, now))
    }

    fn append(&self, lease: &Lease, batch: Batch) -> Pending<()> {
        let patch = batch.patch.as_ref().map_or(Ok(()), |patch| self.check_patch(&lease.run, patch));
        let checked = patch.and_then(|()| check_entries(&lease.run, &batch.entries, self.limits()));
        if let Err(error) = checked {
            return Pending::refused(error);
        }
        let (lease, batch) = (lease.clone(), PreparedBatch::new(batch));
        self.write(batch.cost(), move |tables, _| append::append(tables, &lease, &batch))
    }

    fn room(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.writing {
            Some(writing) => writing.writer.room(),
            None => Box::pin(std::future::ready(())),
        }
    }

    fn note_process(&self, lease: &Lease, process: ProcessNote) -> Pending<()> {
        let lease = lease.clone();
        self.note(move |tables| owners::note_process(tables, &lease, &process))
    }

    fn forget_process(&self, lease: &Lease, process: ProcessNote) -> Pending<()> {
        let lease = lease.clone();
        self.note(move |tables| owners::forget_process(tables, &lease, &process))
    }

    fn request_cancel(&self, run: &RunId, request: CancelRequest) -> Pending<RunSummary> {
        let run = run.clone();
        self.write(0, move |tables, me| owners::request_cancel(tables, me, &run, &request))
    }

    fn delete(&self, what: Selection, dry_run: bool, now: u64) -> Pending<Deleted> {
        match self.writing() {
            Ok(Writing { writer, me, .. }) => {
                let (reply, pending) = Pending::new();
                let site = self.place.site.clone();
                writer.run(Box::new(Deletion::new(site, me.clone(), what, dry_run, now, reply)));
                pending
            }
            Err(error) => Pending::refused(error),
        }
    }

    fn close(&self) -> Pending<()> {
        self.readers.close();
        match &self.writing {
            Some(writing) => writing.writer.close(),
            None => Pending::ready(()),
        }
    }

    fn run(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        let mut record = self.readers.read(|tables| read::run(tables, run))?;
        owners::look(&mut record.summary, &presence::folder(self.path()));
        Ok(record)
    }

    fn entries(&self, run: &RunId, from_seq: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.readers.read(|tables| read::entries(tables, run, from_seq, limit))
    }

    fn output_seqs(&self, run: &RunId) -> Result<Vec<u64>, StoreError> {
        self.readers.read(|tables| read::output_seqs(tables, run))
    }

    fn outputs(&self, run: &RunId, seqs: &[u64]) -> Result<Vec<RawOutput>, StoreError> {
        self.readers.read(|tables| read::outputs(tables, run, seqs))
    }

    fn list(&self, filter: &Filter) -> Result<Vec<RunSummary>, StoreError> {
        let mut runs = self.readers.read(|tables| read::list(tables, filter))?;
        let folder = presence::folder(self.path());
        runs.iter_mut().for_each(|run| owners::look(run, &folder));
        Ok(runs)
    }

    fn due(&self, now: u64) -> Result<Vec<RunSummary>, StoreError> {
        let folder = presence::folder(self.path());
        self.readers.read(|tables| read::due(tables, &folder, now))
    }

    fn next_wake(&self, after: u64) -> Result<Option<u64>, StoreError> {
        self.readers.read(|tables| read::next_wake(tables, after))
    }

    fn suspended(&self) -> Result<Vec<RunId>, StoreError> {
        self.readers.read(read::suspended)
    }

    fn orphans(&self, now: u64) -> Result<Vec<RunSummary>, StoreError> {
        let folder = presence::folder(self.path());
        self.readers.read(|tables| read::orphans(tables, &folder, now))
    }

    fn cancel_requests(&self) -> Result<Vec<(RunId, CancelRequest)>, StoreError> {
        let me = &self.writing()?.me;
        self.readers.read(|tables| read::cancel_requests(tables, me))
    }

    fn processes(&self, run: &RunId) -> Result<Vec<ProcessNote>, StoreError> {
        self.readers.read(|tables| read::processes(tables, run))
    }

    fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.readers.read(read::verify)
    }
}
