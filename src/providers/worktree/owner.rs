//! Whose worktree it is: a file beside its folder that its owner holds locked while he lives, and that says what to
//! clean up when he does not.
//!
//! The lock is the operating system's and goes away with the process, however that ends: no process number that comes
//! again, none that means somebody else in another container, no clock. Knows files only, not git.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How the names of these files end.
pub(super) const ENDING: &str = "owner";

/// What is known about a worktree from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// The process, for people who look.
    pub pid: u32,
    pub run: String,
    pub call: u64,
    pub label: Option<String>,
    pub branch: String,
    /// The commit from which the agent starts.
    pub base: String,
    /// The branch that was checked out where the call was made; `None` if there was none.
    pub checkout: Option<String>,
    /// What git calls the worktree; `None` until it is complete. Before that no agent has worked in it, and what is
    /// missing from it was not deleted by anybody.
    #[serde(skip)]
    pub id: Option<String>,
}

/// A worktree's owner: whoever has this. Dropping it leaves the worktree to be cleaned up.
#[derive(Debug)]
pub(super) struct Owner {
    file: File,
    path: PathBuf,
}

/// What was found at the place of an owner.
#[derive(Debug)]
pub(super) enum Found {
    /// Nobody has it: its owner is dead or has dropped it, and it is ours now.
    Abandoned(Owner),
    /// Somebody has it, or it cannot be told whether anybody has.
    Alive,
    /// It went away in between.
    Gone,
}

impl Owner {
    /// Takes a place that nobody has; `None` if it is taken.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn claim(path: &Path) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            // Somebody cleans up and takes it for a leftover: it is his, and about to go.
            Err(TryLockError::WouldBlock) => return Ok(None),
            // A file system without locks: the worktree works, and nobody will ever believe that it is abandoned.
            Err(TryLockError::Error(_)) => {}
        }
        let owner = Self { file, path: path.to_owned() };
        // Whoever cleaned up may have had it between the two steps.
        if owner.is_in_place() { Ok(Some(owner)) } else { Ok(None) }
    }

    /// Looks whether the owner of a place is still there.
    pub fn find(path: &Path) -> Found {
        let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else {
            return if path.exists() { Found::Alive } else { Found::Gone };
        };
        if file.try_lock().is_err() {
            return Found::Alive;
        }
        let owner = Self { file, path: path.to_owned() };
        if owner.is_in_place() { Found::Abandoned(owner) } else { Found::Gone }
    }

    /// Whether the file that is locked is the one that others find.
    #[cfg(unix)]
    fn is_in_place(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;

        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }

    /// Elsewhere a file that is open keeps its name.
    #[cfg(not(unix))]
    fn is_in_place(&self) -> bool {
        self.path.exists()
    }

    /// Writes down all but the worktree's id.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut text = serde_json::to_vec(record)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// Adds the id. What was written before is not touched: it has to survive a crash at this moment.
    ///
    /// # Errors
    /// As of [`Self::write`].
    pub fn complete(&mut self, record: &Record) -> io::Result<()> {
        let mut text = serde_json::to_vec(&record.id)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// What is written there; `None` if its owner did not get that far.
    pub fn read(&mut self) -> Option<Record> {
        let mut text = String::new();
        self.file.rewind().ok()?;
        self.file.read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        let mut record: Record = serde_json::from_str(lines.next()?).ok()?;
        record.id = lines.next().and_then(|line| serde_json::from_str(line).ok()).flatten();
        Some(record)
    }

    /// A file of the same name with another ending, for whoever owns this.
    pub fn beside(&self, ending: &str) -> PathBuf {
        self.folder().with_added_extension(ending)
    }

    /// The worktree's folder.
    pub fn folder(&self) -> PathBuf {
        self.path.with_extension("")
    }

    /// The worktree is gone, or is nobody's business any more.
    pub fn release(self) {
        // What cannot be removed is found and judged again by the next who cleans up.
        drop(fs::remove_file(&self.path));
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Closing it would do, but for a child that is being started at this moment and has a copy.
        drop(self.file.unlock());
    }
}
