//! Who is alive: every owner holds a lock on a file of its number, beside the database.
//!
//! The operating system releases it in the moment in which the process ends, however it ends. Nothing has to be guessed
//! from process numbers, which come again, and which mean nothing in another container that has the same folder.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of the lock files of a database.
pub(super) fn folder(database: &Path) -> PathBuf {
    let mut name = OsString::from(database.as_os_str());
    name.push("-owners");
    name.into()
}

/// One's own sign of life. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Presence {
    /// `None` if the number is in use, as when the database was deleted below somebody who still has it open.
    pub(super) fn announce(folder: &Path, owner: i64) -> io::Result<Option<Self>> {
        make_folder(folder)?;
        // The file gets its name after it is locked: nobody ever sees a file of somebody alive without the lock, and so
        // whoever cleans up cannot take it away.
        let unlocked = folder.join(format!("{owner}.new"));
        let path = folder.join(owner.to_string());
        let file = create(&unlocked)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if is_alive(folder, owner) {
            fs::remove_file(&unlocked)?;
            return Ok(None);
        }
        fs::rename(&unlocked, &path)?;
        Ok(Some(Self { path, _file: file }))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Whatever is left is unlocked in a moment, and cleaned up by the next one who opens the store.
        drop(fs::remove_file(&self.path));
    }
}

/// Whether an owner is there. If that cannot be told, it is: its lease will run out.
pub(super) fn is_alive(folder: &Path, owner: i64) -> bool {
    let file = match File::open(folder.join(owner.to_string())) {
        Ok(file) => file,
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    // Shared, so that two who look at the same time do not take each other for the owner.
    file.try_lock_shared().is_err()
}

/// Takes away the files of owners that are gone.
pub(super) fn sweep(folder: &Path) {
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files.flatten() {
        let owner = file.file_name().to_str().and_then(|name| name.parse().ok());
        if owner.is_some_and(|owner| !is_alive(folder, owner)) {
            // Nobody needs it to be away.
            drop(fs::remove_file(file.path()));
        }
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The name of this machine, for people.
pub(super) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_owned()).unwrap_or_default()
}
