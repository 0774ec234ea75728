//! A file system that fails when it is told to, and remembers what a loss of power would leave.
//!
//! It is the operating system's as SQLite sees it, with writing, syncing, cutting and deleting in between. Only for
//! tests, and for one of them at a time.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

pub(super) const NAME: &str = "failing";

/// What is to happen at one of the operations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// The disk is full: writes fail, half done.
    Full,
    /// Everything fails.
    Broken,
    /// Nothing fails; it is remembered what the disk holds.
    PowerLoss,
}

/// The files of a store, by name.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// The operation at which it begins, counted from 1.
    at: u64,
    /// Whether it stays.
    stays: bool,
    seen: u64,
    /// What would be there after a loss of power: each file as it was when it was last synced.
    synced: Files,
    /// What the test knows to be written.
    acknowledged: u64,
    held: Option<Held>,
}

/// What there was at the operation.
pub(super) struct Held {
    pub(super) synced: Files,
    pub(super) written: Files,
    pub(super) acknowledged: u64,
}

static STATE: Mutex<State> = Mutex::new(State {
    fault: None,
    at: 0,
    stays: false,
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
pub(super) struct Failing(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Failing {
    pub(super) fn new() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(register);
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        *state() = State::default();
        Self(turn)
    }

    /// From the `at`-th operation on; only that one, unless it stays.
    pub(super) fn arm(&self, fault: Fault, at: u64, stays: bool) {
        let mut state = state();
        let synced = written(&state.synced);
        *state = State { fault: Some(fault), at, stays, synced, ..State::default() };
    }

    /// Whether it has happened.
    pub(super) fn disarm(&self) -> bool {
        let mut state = state();
        state.fault = None;
        state.seen >= state.at
    }

    /// So much must be there from now on.
    pub(super) fn acknowledge(&self, entries: u64) {
        state().acknowledged = entries;
    }

    pub(super) fn held(&self) -> Held {
        state().held.take().expect("the operation was reached")
    }
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
fn fails(writes: bool) -> Option<Fault> {
    let mut state = state();
    let fault = state.fault?;
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
        // A full disk syncs and cuts as well as any other; the count goes on to the next write.
        Fault::Full if !writes => {
            state.seen -= 1;
            None
        }
        _ => (now || (state.stays && state.seen > state.at)).then_some(fault),
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
        match fails(true) {
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
        if fails(false).is_some() {
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
        if fails(false).is_some() {
            return ffi::SQLITE_IOERR_TRUNCATE;
        }
        (*methods(file).theirs).xTruncate.unwrap()(file, size)
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: as in `write`; the real file system is the default one.
    unsafe {
        if fails(false).is_some() {
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
        let real = ffi::sqlite3_vfs_find(std::ptr::null());
        let opened = (*real).xOpen.unwrap()(real, name, file, flags, given);
        if opened == ffi::SQLITE_OK && !name.is_null() {
            let theirs = (*file).pMethods;
            let mut ours = *theirs;
            ours.xWrite = Some(write);
            ours.xSync = Some(sync);
            ours.xTruncate = Some(truncate);
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
