//! Scripts as a store keeps them: a run that is taken up runs what it ran before, whatever has become of the files.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::journal::read::corrupt;
use crate::model::journal::{Entry, SourceSnapshot};
use crate::model::json::JsonText;
use crate::model::metadata::WorkflowMetadata;
use crate::model::request::ChildTarget;
use crate::model::script::{Helpers, Script, ScriptForm};
use crate::model::store::StoreError;

/// The kind of the entries that hold children.
pub(super) const KIND: &str = "script";

/// What of a script is kept beside its text.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    path: Option<PathBuf>,
    form: ScriptForm,
    metadata: WorkflowMetadata,
    imports: Vec<(String, String, String)>,
}

impl Kept {
    pub(super) fn of(script: &Script) -> Self {
        let imports = script.helpers.imports.iter();
        let mut imports: Vec<_> = imports
            .map(|((module, specifier), helper)| {
                (module.to_string(), specifier.to_string(), helper.to_string())
            })
            .collect();
        imports.sort();
        Self { path: script.path.clone(), form: script.form, metadata: script.metadata.clone(), imports }
    }

    /// The script again, with its text.
    pub(super) fn with(self, source: SourceSnapshot) -> Script {
        let Self { path, form, metadata, imports } = self;
        let code: HashMap<_, _> = source.files.into_iter().collect();
        let imports = imports
            .into_iter()
            .map(|(module, specifier, helper)| ((module.into(), specifier.into()), helper.into()))
            .collect();
        Script {
            path,
            display_name: source.name,
            code: source.text,
            form,
            helpers: Arc::new(Helpers { code, imports }),
            metadata,
        }
    }
}

/// The text of a script with those of its helpers.
pub(super) fn source(script: &Script) -> SourceSnapshot {
    let files: BTreeMap<_, _> =
        script.helpers.code.iter().map(|(name, code)| (name.clone(), code.clone())).collect();
    SourceSnapshot { name: script.display_name.clone(), text: script.code.clone(), files }
}

/// The children of a run that were read, by what asked for them.
pub(super) type Children = FxHashMap<String, Script>;

/// What a child is asked for by: the same in each life of a run.
pub(super) fn key(target: &ChildTarget, parent: Option<&Path>) -> String {
    match target {
        ChildTarget::Name(name) => format!("name {name}"),
        // Relative to the script that asks.
        ChildTarget::Path(path) => {
            let folder = parent.and_then(Path::parent).unwrap_or(Path::new(""));
            format!("path {}", folder.join(path).display())
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Child {
    key: String,
    #[serde(flatten)]
    source: SourceSnapshot,
    script: Kept,
}

/// A child as JSON.
pub(super) fn written(key: &str, script: &Script) -> JsonText {
    let child = Child { key: key.to_owned(), source: source(script), script: Kept::of(script) };
    // Plain data: there is nothing in it that JSON could not hold.
    JsonText::new(serde_json::to_string(&child).unwrap_or_else(|_| "null".to_owned()))
}

/// The children that a journal has. The first of equal ones: what the run began with.
///
/// # Errors
/// An entry that this engine has not written.
pub(super) fn children(entries: &[Entry]) -> Result<Children, StoreError> {
    #[derive(Deserialize)]
    struct Body {
        snapshot: Child,
    }
    let mut children = Children::default();
    for entry in entries.iter().filter(|entry| entry.kind == KIND) {
        let Body { snapshot } =
            serde_json::from_str(entry.body.as_str()).map_err(|error| corrupt(entry, &error))?;
        let Child { key, source, script } = snapshot;
        children.entry(key).or_insert_with(|| script.with(source));
    }
    Ok(children)
}
