//! Where the scripts of a run come from.

use std::path::{Path, PathBuf};

use crate::model::error::{ErrorData, WorkflowError};
use crate::model::listing::Library;
use crate::model::options::{RunOptions, SourceRef};
use crate::model::request::ChildTarget;
use crate::model::script::{Imports, Script};
use crate::script;

/// The workflows that a run in this project finds by name.
pub(super) fn library(project: &Path) -> Library {
    script::list(project, home().as_deref())
}

/// The user's folder, where workflows for all projects are.
fn home() -> Option<PathBuf> {
    // An empty variable would make it the working directory.
    std::env::home_dir().filter(|path| path.is_absolute())
}

/// Finds and reads scripts for one run.
pub(super) struct ScriptSource<'a> {
    project: Option<&'a Path>,
    home: Option<PathBuf>,
    limit: usize,
    imports: Imports,
}

impl<'a> ScriptSource<'a> {
    /// Takes from the options where workflows are found by name, how large a source may be and what it may import.
    pub(super) fn new(options: &'a RunOptions) -> Self {
        Self::within(options.cwd.as_deref(), home(), options.limits.source_bytes, options.imports)
    }

    /// The same, piece by piece: the project, the user's folder, the size of a source in bytes, what it may import.
    pub(super) fn within(
        project: Option<&'a Path>,
        home: Option<PathBuf>,
        limit: usize,
        imports: Imports,
    ) -> Self {
        Self { project, home, limit, imports }
    }

    /// Reads the workflow itself.
    pub(super) fn root(&self, source: &SourceRef) -> Result<Script, WorkflowError> {
        match source {
            SourceRef::Path(path) => script::load(path, self.limit, self.imports),
            SourceRef::Text { name, source } if source.len() > self.limit => {
                Err(WorkflowError::SourceTooLarge {
                    file: name.clone(),
                    size: source.len(),
                    limit: self.limit,
                })
            }
            SourceRef::Text { name, source } => script::read(source, None, name, self.imports),
        }
    }

    /// Reads what `workflow()` names. Paths are relative to the folder of the calling script.
    pub(super) fn child(&self, target: &ChildTarget, parent: Option<&Path>) -> Result<Script, ErrorData> {
        let path = match target {
            ChildTarget::Path(path) => {
                let folder = parent.and_then(Path::parent).map_or_else(|| self.project(), Path::to_owned);
                folder.join(path)
            }
            ChildTarget::Name(name) => script::find_by_name(name, &self.project(), self.home.as_deref())
                .ok_or_else(|| {
                    ErrorData::new("Error", format!("Unknown workflow: {name}"))
                        .with_code("ERR_UNKNOWN_WORKFLOW")
                })?,
        };
        script::load(&path, self.limit, self.imports).map_err(|error| error.to_error_data())
    }

    fn project(&self) -> PathBuf {
        self.project.map_or_else(|| PathBuf::from("."), Path::to_owned)
    }
}
