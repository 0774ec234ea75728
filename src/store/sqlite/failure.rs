//! What SQLite's errors mean to whoever uses the store.
//!
//! Every error of SQLite passes here and none leaves the room.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::model::store::StoreError;

/// Why a piece of work was not done.
#[derive(Debug)]
pub(super) enum Halt {
    /// It may not be done. Nothing was written, and others are not concerned.
    Refused(StoreError),
    /// The database failed, and with it everything that was to be written together.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Halt {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// Which store, for messages.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) path: Arc<Path>,
    pub(super) busy_timeout_ms: u32,
}

impl Site {
    pub(super) fn path(&self) -> PathBuf {
        self.path.to_path_buf()
    }

    pub(super) fn halt(&self, halt: Halt) -> StoreError {
        match halt {
            Halt::Refused(error) => error,
            Halt::Failed(error) => self.error(&error),
        }
    }

    pub(super) fn error(&self, error: &rusqlite::Error) -> StoreError {
        let path = self.path();
        let rusqlite::Error::SqliteFailure(failure, text) = error else {
            // A value that this format does not have: somebody else has written it.
            return StoreError::Corrupt { path, message: error.to_string() };
        };
        let message = match text {
            Some(text) => format!("{text} (SQLite {})", failure.extended_code),
            None => error.to_string(),
        };
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                StoreError::Locked { path, waited_ms: self.busy_timeout_ms }
            }
            ErrorCode::DiskFull => StoreError::Full { path, message },
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreError::ReadOnly { path, message },
            ErrorCode::DatabaseCorrupt | ErrorCode::TypeMismatch | ErrorCode::ConstraintViolation => {
                StoreError::Corrupt { path, message }
            }
            ErrorCode::NotADatabase => {
                StoreError::Foreign { path, message: "it is no SQLite database".to_owned() }
            }
            _ => StoreError::Io { path, message },
        }
    }

    pub(super) fn io(&self, error: &std::io::Error) -> StoreError {
        let (path, message) = (self.path(), error.to_string());
        match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly { path, message }
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                StoreError::Full { path, message }
            }
            _ => StoreError::Io { path, message },
        }
    }
}

/// Whether an error lies in one piece of work rather than in the disk, the locks or the lack of room: then the others
/// that were to be written with it are to be tried without it.
pub(super) fn is_local(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::DatabaseCorrupt
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
        ),
        _ => true,
    }
}
