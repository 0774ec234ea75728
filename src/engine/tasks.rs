//! Queues of tasks, for hosts that work at them: the engine itself has none.

use std::path::Path;
use std::sync::Arc;

use crate::model::store::{StoreError, StoreOptions};
use crate::store::sqlite::SqliteStore;
pub use crate::store::tasks::TaskStore;

/// Opens the queues in the file of a store.
///
/// # Errors
/// Of the file, see [`SqliteStore::open`].
pub fn open_tasks(path: &Path, options: StoreOptions) -> Result<Arc<dyn TaskStore>, StoreError> {
    Ok(Arc::new(SqliteStore::open(path, options)?))
}
