//! What the tests of this room share.

use std::fs;
use std::path::PathBuf;

use super::read;
use crate::model::error::WorkflowError;
use crate::model::script::{Imports, Position, Script};

/// Valid metadata on the first line.
pub(super) const META: &str = "export const meta = { name: 'n', description: 'd' };\n";
/// The name of every source.
const FILE: &str = "review.js";

pub(super) fn read_text(source: &str) -> Result<Script, WorkflowError> {
    read(source, None, FILE, Imports::None)
}

/// What the metadata error says it found.
pub(super) fn found(error: WorkflowError) -> String {
    match error {
        WorkflowError::Metadata { found } => found.unwrap_or_default(),
        other => panic!("not the metadata error: {other:?}"),
    }
}

/// The code of the error and its place, `0:0` where it has none.
pub(super) fn failure(source: &str) -> (&'static str, u32, u32) {
    let error = read_text(source).expect_err(source);
    let at = match &error {
        WorkflowError::Syntax { at, .. } | WorkflowError::Unsupported { at, .. } => *at,
        _ => Position { line: 0, column: 0 },
    };
    (error.code(), at.line, at.column)
}

/// A folder of its own for one test, gone afterwards.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("smol-workflow-script-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A workflow of this name.
pub(super) fn named(name: &str) -> String {
    format!("export const meta = {{ name: '{name}', description: 'd' }}\nreturn 1\n")
}
