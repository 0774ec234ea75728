//! Where the scripts of a run come from.

use std::path::{Path, PathBuf};

use crate::model::error::{ErrorData, WorkflowError};
use crate::model::options::SourceRef;
use crate::model::request::ChildTarget;
use crate::model::script::Script;
use crate::script;

/// Finds and reads scripts for one run.
pub(super) struct ScriptSource<'a> {
    project: Option<&'a Path>,
    home: Option<PathBuf>,
    limit: usize,
}

impl<'a> ScriptSource<'a> {
    /// `project` is where workflows are found by name; `limit` the size of a source in bytes.
    pub(super) fn new(project: Option<&'a Path>, limit: usize) -> Self {
        Self { project, home: std::env::home_dir(), limit }
    }

    /// The same with another home folder, or none.
    pub(super) fn at_home(self, home: Option<&Path>) -> Self {
        Self { home: home.map(Path::to_owned), ..self }
    }

    /// Reads the workflow itself.
    pub(super) fn root(&self, source: &SourceRef) -> Result<Script, WorkflowError> {
        match source {
            SourceRef::Path(path) => script::load(path, self.limit),
            SourceRef::Text { name, source } if source.len() > self.limit => {
                Err(WorkflowError::SourceTooLarge {
                    file: name.clone(),
                    size: source.len(),
                    limit: self.limit,
                })
            }
            SourceRef::Text { name, source } => script::read(source, None, name),
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
        script::load(&path, self.limit).map_err(|error| error.to_error_data())
    }

    fn project(&self) -> PathBuf {
        self.project.map_or_else(|| PathBuf::from("."), Path::to_owned)
    }
}
