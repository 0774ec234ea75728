//! What can be run by name, and what only looks like it.

use serde::Serialize;

use super::metadata::WorkflowMetadata;

/// One file in a folder of workflows. As JSON one object: `status` and what belongs to it, then the place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing {
    #[serde(flatten)]
    pub status: ListingStatus,
    /// The file; for a folder that cannot be read the folder.
    pub path: String,
    /// The folder of workflows that it was found in.
    pub folder: String,
    pub scope: ListingScope,
}

/// Whether its name leads to a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ListingStatus {
    /// The name leads here.
    Available(WorkflowMetadata),
    /// An earlier file has the same name; `shadowed_by` is its path.
    Shadowed {
        #[serde(flatten)]
        metadata: WorkflowMetadata,
        shadowed_by: String,
    },
    /// It has no name that could be read, for this reason: one line, without a final period.
    Skipped { reason: String },
}

/// Whose folder it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListingScope {
    Project,
    Home,
}

/// A look at all folders of workflows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Library {
    /// Where workflows are looked for, there or not, in the order in which they are searched.
    pub folders: Vec<String>,
    /// What is there, in the same order.
    pub files: Vec<Listing>,
}
