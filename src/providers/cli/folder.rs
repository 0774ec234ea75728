//! The private folder of an attempt: the files that a program is handed, and the one that it may write its answer to.
//! Nobody else can look into it, and it goes away with its owner.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use tempfile::{Builder, TempDir};

use crate::providers::invocation::Invocation;

/// A folder that is removed when it is dropped.
pub(super) struct Folder(TempDir);

/// An answer longer than this is none.
const MAX_ANSWER: u64 = 64 << 20;

impl Folder {
    /// Makes the folder of an invocation, with its files.
    pub(super) fn make(invocation: &Invocation) -> io::Result<Self> {
        let mut builder = Builder::new();
        builder.prefix(invocation.folder_prefix).rand_bytes(12);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir()?;
        for file in &invocation.files {
            fs::write(folder.path().join(file.name), &file.text)?;
        }
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// What a file holds; `None` if there is none. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// Why it cannot be read, worded as in Node.js.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, String> {
        let mut bytes = Vec::new();
        let read = File::open(self.path().join(name))
            .and_then(|file| file.take(MAX_ANSWER + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) if bytes.len() as u64 > MAX_ANSWER => {
                Err(format!("EFBIG: file too large, it has more than {MAX_ANSWER} bytes"))
            }
            Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                Err("EISDIR: illegal operation on a directory, read".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
