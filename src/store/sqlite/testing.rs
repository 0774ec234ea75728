//! What tests of other rooms need too: a file system that fails when it is told to, and remembers what a loss of power
//! would leave; and a store for tests whose clock stands still.
//!
//! The file system is the operating system's as SQLite sees it, with writing, syncing, cutting, deleting and opening in
//! between. Only for one test at a time.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use super::SqliteStore;
use super::open::MIGRATIONS;
use crate::model::ids::RunId;
use crate::model::journal::{
    Batch, CancelRequest, Claimed, Created, Deleted, Entry, Filter, Lease, NewRun, ProcessNote, RawOutput,
    RunRecord, RunSummary, Selection,
};
use crate::model::store::{StoreError, StoreOptions};
use crate::store::{Pending, Store};

const NAME: &str = "failing";

/// What a store does to its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Write,
    Sync,
    Truncate,
    Delete,
    /// Of a file that is to be written to.
    Open,
    /// Of memory that is shared between processes, when more of it is needed.
    Map,
}

/// What changes the contents of files.
const CHANGES: &[Operation] = &[Operation::Write, Operation::Sync, Operation::Truncate, Operation::Delete];

/// What is to happen at one of the operations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The disk is full: writes fail, half done. A full disk syncs and cuts as well as any other.
    Full,
    /// Everything that changes files fails; writes half done.
    Broken,
    /// As `Broken`, but only operations of this kind.
    BrokenAt(Operation),
    /// Nothing fails; it is remembered what the disk holds.
    PowerLoss,
}

impl Fault {
    /// Whether it is about operations of this kind.
    fn concerns(self, operation: Operation) -> bool {
        match self {
            Self::Full => operation == Operation::Write,
            Self::BrokenAt(only) => operation == only,
            Self::Broken | Self::PowerLoss => CHANGES.contains(&operation),
        }
    }
}

/// For as many operations as there are.
pub const FOR_EVER: u64 = u64::MAX;

/// The files of a store, by name.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// The operation at which it begins, counted from 1, and how many it meets.
    at: u64,
    times: u64,
    seen: u64,
    /// What would be there after a loss of power: each file as it was when it was last synced.
    synced: Files,
    /// What the test knows to be written.
    acknowledged: u64,
    held: Option<Held>,
}

/// What there was at the operation.
pub struct Held {
    pub synced: Files,
    pub written: Files,
    pub acknowledged: u64,
}

static STATE: Mutex<State> = Mutex::new(State {
    fault: None,
    at: 0,
    times: 0,
    seen: 0,
    synced: BTreeMap::new(),
    acknowledged: 0,
    held: None,
});
static TURN: Mutex<()> = Mutex::new(());

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to make it fail.
pub struct Failing(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Failing {
    /// Waits until nobody else makes it fail.
    pub fn turn() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(register);
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        *state() = State::default();
        Self(turn)
    }

    /// From the `at`-th operation on, and so many `times`.
    pub fn arm(&self, fault: Fault, at: u64, times: u64) {
        let mut state = state();
        let synced = written(&state.synced);
        *state = State { fault: Some(fault), at, times, synced, ..State::default() };
    }

    /// Whether it has happened.
    pub fn disarm(&self) -> bool {
        let mut state = state();
        state.fault = None;
        state.seen >= state.at
    }

    pub fn held(&self) -> Held {
        state().held.take().expect("the operation was reached")
    }
}

/// So much must be there from now on. For whoever has the right to make it fail.
pub fn acknowledge(entries: u64) {
    state().acknowledged = entries;
}

impl Drop for Failing {
    fn drop(&mut self) {
        *state() = State::default();
    }
}

/// The files of these names as they are now.
fn written(files: &Files) -> Files {
    files.keys().filter_map(|path| fs::read(path).ok().map(|bytes| (path.clone(), bytes))).collect()
}

/// Counts an operation, and says whether it fails.
fn fails(operation: Operation) -> Option<Fault> {
    let mut state = state();
    let fault = state.fault.filter(|fault| fault.concerns(operation))?;
    state.seen += 1;
    let now = state.seen == state.at;
    match fault {
        Fault::PowerLoss => {
            if now {
                let (synced, written) = (state.synced.clone(), written(&state.synced));
                state.held = Some(Held { synced, written, acknowledged: state.acknowledged });
            }
            None
        }
        _ => (state.seen >= state.at && state.seen - state.at < state.times).then_some(fault),
    }
}

/// The methods of one open file, with what SQLite does not know of behind them.
#[repr(C)]
struct Methods {
    ours: sqlite3_io_methods,
    theirs: *const sqlite3_io_methods,
    path: PathBuf,
}

/// # Safety
/// The file was opened by `open`.
unsafe fn methods<'a>(file: *mut sqlite3_file) -> &'a Methods {
    // SAFETY: `open` has put a `Methods` there, which begins with what SQLite looks for, and never frees it.
    unsafe { &*(*file).pMethods.cast::<Methods>() }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, length: c_int, at: i64) -> c_int {
    // SAFETY: SQLite hands over a file that it has opened here, and what its own method wants.
    unsafe {
        let write = (*methods(file).theirs).xWrite.unwrap();
        match fails(Operation::Write) {
            None => write(file, bytes, length, at),
            Some(fault) => {
                write(file, bytes, length / 2, at);
                if fault == Fault::Full { ffi::SQLITE_FULL } else { ffi::SQLITE_IOERR_WRITE }
            }
        }
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: as in `write`.
    unsafe {
        if fails(Operation::Sync).is_some() {
            return ffi::SQLITE_IOERR_FSYNC;
        }
        let methods = methods(file);
        let done = (*methods.theirs).xSync.unwrap()(file, flags);
        let bytes = fs::read(&methods.path).unwrap_or_default();
        state().synced.insert(methods.path.clone(), bytes);
        done
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    // SAFETY: as in `write`.
    unsafe {
        if fails(Operation::Truncate).is_some() {
            return ffi::SQLITE_IOERR_TRUNCATE;
        }
        (*methods(file).theirs).xTruncate.unwrap()(file, size)
    }
}

unsafe extern "C" fn map(
    file: *mut sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    found: *mut *mut c_void,
) -> c_int {
    // SAFETY: as in `write`.
    unsafe {
        if extend != 0 && fails(Operation::Map).is_some() {
            *found = std::ptr::null_mut();
            return ffi::SQLITE_IOERR_SHMSIZE;
        }
        (*methods(file).theirs).xShmMap.unwrap()(file, page, size, extend, found)
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: as in `write`; the real file system is the default one.
    unsafe {
        if fails(Operation::Delete).is_some() {
            return ffi::SQLITE_IOERR_DELETE;
        }
        state().synced.remove(&PathBuf::from(CStr::from_ptr(name).to_str().unwrap()));
        let real = ffi::sqlite3_vfs_find(std::ptr::null());
        (*real).xDelete.unwrap()(real, name, sync)
    }
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    given: *mut c_int,
) -> c_int {
    // SAFETY: as in `write`. A file without methods is not open, and is left so.
    unsafe {
        if flags & ffi::SQLITE_OPEN_READWRITE != 0 && fails(Operation::Open).is_some() {
            (*file).pMethods = std::ptr::null();
            return ffi::SQLITE_CANTOPEN;
        }
        let real = ffi::sqlite3_vfs_find(std::ptr::null());
        let opened = (*real).xOpen.unwrap()(real, name, file, flags, given);
        if opened == ffi::SQLITE_OK && !name.is_null() {
            let theirs = (*file).pMethods;
            let mut ours = *theirs;
            ours.xWrite = Some(write);
            ours.xSync = Some(sync);
            ours.xTruncate = Some(truncate);
            ours.xShmMap = Some(map);
            let path = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
            // Lives as long as the program: some hundred bytes, in tests.
            (*file).pMethods =
                Box::leak(Box::new(Methods { ours, theirs, path })) as *const Methods as *const _;
        }
        opened
    }
}

fn register() {
    // SAFETY: the default file system is there once SQLite is set up, and is copied with everything that it has; the
    // copy and its name live as long as the program.
    unsafe {
        assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK);
        let mut copy = *ffi::sqlite3_vfs_find(std::ptr::null());
        copy.zName = c"failing".as_ptr();
        copy.pNext = std::ptr::null_mut();
        copy.xOpen = Some(open);
        copy.xDelete = Some(delete);
        assert_eq!(ffi::sqlite3_vfs_register(Box::leak(Box::new(copy)), 0), ffi::SQLITE_OK);
    }
}

/// Opens a store on the file system that fails.
pub fn open_failing(path: &Path, options: StoreOptions) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_in(path, options, Some(NAME), MIGRATIONS)
}

/// A store for which a paused clock waits: tokio's lets time pass as soon as nobody has anything to do, and does not
/// know that the thread of the store is at work.
#[derive(Debug)]
pub struct Awaited(pub SqliteStore);

/// The same, while time stands still.
fn awaited<T: Send + 'static>(pending: Pending<T>) -> Pending<T> {
    let (reply, answer) = Pending::new();
    tokio::task::spawn_blocking(move || drop(reply.send(pending.wait())));
    answer
}

/// Hands calls on to the store.
macro_rules! handed_on {
    ({ $($written:ident($($given:ident: $of:ty),*) -> $answer:ty;)* }
     { $($read:ident($($argument:ident: $type:ty),*) -> $result:ty;)* }) => {
        $(fn $written(&self, $($given: $of),*) -> Pending<$answer> { awaited(self.0.$written($($given),*)) })*
        $(fn $read(&self, $($argument: $type),*) -> $result { self.0.$read($($argument),*) })*
    };
}

impl Store for Awaited {
    handed_on! {
        {
        create(run: NewRun, ttl_ms: u64, now: u64) -> Created;
        claim(run: &RunId, ttl_ms: u64, now: u64) -> Claimed;
        renew(leases: Vec<Lease>, ttl_ms: u64, now: u64) -> Vec<Lease>;
        release(lease: &Lease, now: u64) -> ();
        append(lease: &Lease, batch: Batch) -> ();
        note_process(lease: &Lease, process: ProcessNote) -> ();
        forget_process(lease: &Lease, process: ProcessNote) -> ();
        request_cancel(run: &RunId, request: CancelRequest) -> RunSummary;
        delete(what: Selection, dry_run: bool, now: u64) -> Deleted;
        close() -> ();
        }
        {
        room() -> Pin<Box<dyn Future<Output = ()> + Send>>;
        run(run: &RunId) -> Result<RunRecord, StoreError>;
        entries(run: &RunId, from_seq: u64, limit: u32) -> Result<Vec<Entry>, StoreError>;
        output_seqs(run: &RunId) -> Result<Vec<u64>, StoreError>;
        outputs(run: &RunId, seqs: &[u64]) -> Result<Vec<RawOutput>, StoreError>;
        list(filter: &Filter) -> Result<Vec<RunSummary>, StoreError>;
        due(now: u64) -> Result<Vec<RunSummary>, StoreError>;
        next_wake(after: u64) -> Result<Option<u64>, StoreError>;
        suspended() -> Result<Vec<RunId>, StoreError>;
        orphans(now: u64) -> Result<Vec<RunSummary>, StoreError>;
        cancel_requests() -> Result<Vec<(RunId, CancelRequest)>, StoreError>;
        processes(run: &RunId) -> Result<Vec<ProcessNote>, StoreError>;
        verify() -> Result<Vec<String>, StoreError>;
        }
    }
}
