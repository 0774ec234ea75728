//! Identifiers: runs, the scripts inside a run, and the calls those scripts make.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Names one run, unique within the process (and, later, within a store).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RunId(pub Arc<str>);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One script inside a run: 0 is the workflow that was started, the others are its children in start order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct VmId(pub u32);

impl VmId {
    /// The workflow that the run was started with.
    pub const ROOT: VmId = VmId(0);
}

/// One call of a run, numbered from 0 in the order in which the scripts issued them, over the whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The place of a pending call in one script's sandbox: dense from 0, and taken again once the call's outcome was
/// delivered or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);
