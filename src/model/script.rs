//! A workflow source after it has been read: what it is called, which form it has, and its metadata.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::metadata::WorkflowMetadata;

/// The two forms of workflow scripts. Read off the syntax tree, never guessed from the file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScriptForm {
    /// An ES module with `export default` (smol-workflows).
    Module,
    /// The body of one async function (Claude Code dynamic workflows).
    Body,
}

/// A source that has passed every static check and can be started.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where it came from; relative children and stack traces refer to it. `None` for a source given as text.
    pub path: Option<PathBuf>,
    /// The name in stack traces and messages: the path as the user would write it.
    pub display_name: Arc<str>,
    /// What the sandbox evaluates. Every character of the author's text keeps its line and column.
    pub code: Arc<str>,
    /// How the code is to be evaluated.
    pub form: ScriptForm,
    /// The modules that it may import.
    pub helpers: Arc<Helpers>,
    /// The metadata, read before anything runs.
    pub metadata: WorkflowMetadata,
}

/// Which modules beside the workflow a script may import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Imports {
    #[default]
    None,
    /// Relative ones, from the script's own folder and the folders below.
    Relative,
}

/// The modules that a script imports, read before it runs: together with the script's own code, all there is to know
/// about what it will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Helpers {
    /// The code of each, by the name that stack traces show.
    pub code: HashMap<Arc<str>, Arc<str>>,
    /// Which of them an import means: by the importing module's name and the specifier as it stands there.
    pub imports: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
}

/// A place in a source: 1-based line, 1-based column counted in UTF-16 units as editors and V8 count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}
