//! Opening a database: is it ours, can it be written, is its format the one that this engine writes.
//!
//! A file that is somebody else's, or of a newer format, is left as it was. What the tables are for is not known here.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::failure::{Halt, Site};
use super::presence::{self, Presence};
use crate::model::store::{StoreError, StoreOptions, Synchronous};

/// `SMOL` in ASCII: how SQLite's own tools and ours tell a store from other databases.
const APPLICATION_ID: u32 = 0x534D_4F4C;
/// What brings an empty database from one format to the next.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
];
/// The log of writes is cut back to this after it was taken over into the database, in bytes. Four times the length at
/// which that happens, so that it is not cut and grown again all the time.
const LOG_KEPT: u32 = 16 << 20;

/// SQLite counts what it waits in 31 bits, as milliseconds: 24 days.
const LONGEST_WAIT: u32 = i32::MAX as u32;

/// A damaged file is looked at so many times more before it is called so: others may just be at work on it.
const LOOKS: u32 = 3;

/// What is said of a database that is not ours.
const OTHER: &str = "it is a database of some other program";

/// Where a database is and how it is opened.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) site: Site,
    pub(super) options: StoreOptions,
    /// A file system in place of the operating system's, by the name that SQLite knows it by.
    pub(super) vfs: Option<&'static str>,
    /// [`MIGRATIONS`], or what a test takes for them.
    pub(super) migrations: &'static [&'static str],
}

/// What the first bytes of a file say.
enum Header {
    Missing,
    /// Empty, or begun and not yet ours. SQLite has to be asked.
    Blank,
    Store {
        format: i64,
    },
}

/// The file as a URI that makes SQLite read it and nothing else.
fn immutable(path: &Path) -> String {
    const SPECIAL: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#');
    let path = percent_encode(path.as_os_str().as_encoded_bytes(), SPECIAL).to_string();
    if cfg!(windows) {
        format!("file:///{}?immutable=1", path.replace('\\', "/"))
    } else {
        format!("file:{path}?immutable=1")
    }
}

fn is_malformed(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt)
}

impl Place {
    /// Makes sure that there is a store of the current format.
    pub(super) fn prepare(&self) -> Result<(), StoreError> {
        // One at a time in this process, so that nobody has the file open yet when it is created; see `header`.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let header = self.header()?;
        let missing = matches!(header, Header::Missing);
        if missing && (self.options.read_only || !self.options.create) {
            return Err(StoreError::Missing { path: self.site.path() });
        }
        if let Header::Store { format } = header {
            self.accept(format)?;
        }
        if missing {
            self.create_file().map_err(|error| self.site.io(&error))?;
        }
        let mut connection = self.connect()?;
        self.migrate(&mut connection).map_err(|halt| self.site.halt(halt))
    }

    /// Reads the header of the file itself, before anything can touch it. SQLite does that for us: closing a file that
    /// it has open elsewhere in this process would take its locks away (POSIX). Recent versions of SQLite notice that in
    /// time, before they take the log away from somebody; not all do.
    fn header(&self) -> Result<Header, StoreError> {
        match fs::metadata(&self.site.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Header::Missing),
            Err(error) => return Err(self.site.io(&error)),
            Ok(found) if found.is_dir() => return Err(self.foreign("it is a folder")),
            Ok(_) => {}
        }
        let read = || {
            // Immutable: no locks, no log, nothing created beside it.
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            let file = Connection::open_with_flags(immutable(&self.site.path), flags)?;
            let number = |name| file.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            Ok((number("application_id")?, number("user_version")?))
        };
        let mut found = read();
        for _ in 0..LOOKS {
            if !found.as_ref().is_err_and(is_malformed) {
                break;
            }
            // Whoever is creating the file or copying the log into it, or was killed while he did, has it shorter than
            // its first page says. What it is when it is whole is looked at once more.
            if self.has_log() {
                return Ok(Header::Blank);
            }
            // He may be done by now, and have taken the log away.
            found = read();
        }
        let (application, format) = found.map_err(|error| self.site.error(&error))?;
        match u32::try_from(application) {
            Ok(APPLICATION_ID) => Ok(Header::Store { format }),
            Ok(0) => Ok(Header::Blank),
            _ => Err(self.foreign(OTHER)),
        }
    }

    /// Whether there is something beside the file that makes it whole: the log, or while it is being created, what
    /// takes that back.
    fn has_log(&self) -> bool {
        ["-wal", "-journal"].into_iter().any(|ending| {
            let mut log = self.site.path.as_os_str().to_owned();
            log.push(ending);
            fs::metadata(log).is_ok_and(|log| log.len() > 0)
        })
    }

    fn foreign(&self, message: &str) -> StoreError {
        StoreError::Foreign { path: self.site.path(), message: message.to_owned() }
    }

    fn known(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }

    /// Refuses a format that is newer than what this engine knows.
    fn accept(&self, format: i64) -> Result<(), StoreError> {
        let known = self.known();
        if format > known {
            return Err(StoreError::Version { path: self.site.path(), found: format, known });
        }
        Ok(())
    }

    /// Makes an empty file that nobody else may read: prompts and answers may hold secrets. SQLite gives the files
    /// beside it the same permissions.
    fn create_file(&self) -> io::Result<()> {
        if let Some(folder) = self.site.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.site.path) {
            // Another process was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created.map(drop),
        }
    }

    /// A connection with everything set that is not kept in the file.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        self.try_connect().map_err(|halt| self.site.halt(halt))
    }

    fn try_connect(&self) -> Result<Connection, Halt> {
        let access = if self.options.read_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        // A connection is used by one thread at a time, which is for us to see to.
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&self.site.path, flags, vfs)?,
            None => Connection::open_with_flags(&self.site.path, flags)?,
        };
        connection
            .busy_timeout(Duration::from_millis(self.options.busy_timeout_ms.min(LONGEST_WAIT).into()))?;
        // The file may have come from somebody else: nothing in its schema may run code.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_prepared_statement_cache_capacity(64);
        let (synchronous, full_fsync) = match self.options.synchronous {
            Synchronous::Full => ("FULL", true),
            Synchronous::Normal => ("NORMAL", false),
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // On macOS, `fsync` alone leaves the data in the disk's own memory.
        connection.pragma_update(None, "fullfsync", full_fsync)?;
        connection.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
        if !self.options.read_only && connection.is_readonly("main")? {
            let message = "the file or its folder is write-protected".to_owned();
            return Err(StoreError::ReadOnly { path: self.site.path(), message }.into());
        }
        Ok(connection)
    }

    fn migrate(&self, connection: &mut Connection) -> Result<(), Halt> {
        // Until it is known whose it is: closing it may not take over its log.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let moment = connection.transaction()?;
        let format = self.format(&moment)?;
        moment.finish()?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        if format < self.known() {
            if self.options.read_only {
                let message = format!("its format {format} has to be brought up to date first");
                return Err(StoreError::ReadOnly { path: self.site.path(), message }.into());
            }
            if format == 0 {
                // Has to be said before there is anything in it.
                connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            }
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Another process may have been quicker.
            let format = self.format(&change)?;
            for migration in self.migrations.iter().skip(usize::try_from(format).unwrap_or(0)) {
                change.execute_batch(migration)?;
            }
            change.pragma_update(None, "application_id", APPLICATION_ID)?;
            change.pragma_update(None, "user_version", self.known())?;
            change.commit()?;
        }
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        if mode != "wal" && !self.options.read_only {
            // Comes last: the header of the file then says whose it is from the first moment on.
            let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
            if mode != "wal" {
                let message = "its file system cannot share memory between processes (WAL)".to_owned();
                return Err(StoreError::Io { path: self.site.path(), message }.into());
            }
        }
        Ok(())
    }

    /// The format of the database, which may be newer in the log than in the file itself; 0 if it is empty. Inside a
    /// transaction, since another process may be about to fill it.
    fn format(&self, moment: &Transaction<'_>) -> Result<i64, Halt> {
        let number = |name| moment.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (application, format) = (number("application_id")?, number("user_version")?);
        if application != i64::from(APPLICATION_ID) {
            let tables: i64 = moment.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if application != 0 || format != 0 || tables != 0 {
                return Err(self.foreign(OTHER).into());
            }
            if self.options.read_only {
                return Err(self.foreign("it is empty").into());
            }
        }
        self.accept(format)?;
        Ok(format)
    }

    /// Enters a new owner into the database and gives it a sign of life; takes those away that are dead and own nothing.
    pub(super) fn enter(&self, connection: &mut Connection) -> Result<(i64, Presence), StoreError> {
        let folder = presence::folder(&self.site.path);
        presence::sweep(&folder);
        self.try_enter(connection, &folder).map_err(|halt| self.site.halt(halt))
    }

    fn try_enter(&self, connection: &mut Connection, folder: &Path) -> Result<(i64, Presence), Halt> {
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let idle =
            "SELECT number FROM owners WHERE number NOT IN (SELECT owner FROM runs WHERE owner IS NOT NULL)";
        let idle: Vec<i64> =
            change.prepare(idle)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for owner in idle {
            if !presence::is_alive(folder, owner) {
                change.execute("DELETE FROM owners WHERE number = ?1", [owner])?;
            }
        }
        loop {
            change.execute(
                "INSERT INTO owners (pid, host) VALUES (?1, ?2)",
                (std::process::id(), presence::host()),
            )?;
            let owner = change.last_insert_rowid();
            // Before anybody can see the row and miss the sign of life.
            let announced = Presence::announce(folder, owner).map_err(|error| self.site.io(&error))?;
            if let Some(presence) = announced {
                change.commit()?;
                return Ok((owner, presence));
            }
        }
    }
}
