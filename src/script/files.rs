//! Workflow sources as files: reading one, and finding one by the name in its metadata.
//!
//! Knows where workflows live, not what is in them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::position::position;
use crate::model::error::WorkflowError;
use crate::model::limits::Limits;
use crate::model::script::Script;

/// Folders with workflows, in the order in which they are searched.
const FOLDERS: [[&str; 2]; 3] = [[".claude", "workflows"], [".agents", "workflows"], [".smol", "workflows"]];

/// Reads a script from a file.
///
/// # Errors
///
/// Those of [`super::read`]. A file that is missing, unreadable or not a regular file is the metadata error, as in the
/// original engine, which says what is really wrong. Bytes that are not UTF-8 are a syntax error at the first of them.
/// [`WorkflowError::SourceTooLarge`] beyond `limit` bytes.
pub fn load(path: &Path, limit: usize) -> Result<Script, WorkflowError> {
    let name = path.display().to_string();
    let bytes = bytes(path, limit)?;
    let source = match String::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) => return Err(not_utf8(name, &error)),
    };
    super::read(&source, Some(path.to_owned()), &name)
}

fn bytes(path: &Path, limit: usize) -> Result<Vec<u8>, WorkflowError> {
    let name = path.display();
    let unreadable = |why: &dyn std::fmt::Display| WorkflowError::Metadata { found: Some(format!("cannot read {name}: {why}")) };
    let failed = |error: std::io::Error| unreadable(&plain(&error));
    let too_large = |size| WorkflowError::SourceTooLarge { file: name.to_string(), size, limit };
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(unreadable(&"it is a folder"));
    }
    if !metadata.is_file() {
        return Err(unreadable(&"it is not a regular file"));
    }
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if size > limit {
        return Err(too_large(size));
    }
    let mut bytes = Vec::with_capacity(size);
    // It may have grown since, and some file systems say that every file is empty.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit { Err(too_large(bytes.len())) } else { Ok(bytes) }
}

/// The system's message without the ` (os error 2)` that Rust appends.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(message, _)| message.to_owned())
}

fn not_utf8(file: String, error: &std::string::FromUtf8Error) -> WorkflowError {
    let bytes = error.as_bytes();
    let valid = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(&bytes[..valid]);
    let what = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16 text".to_owned(),
        _ => format!("the file is not UTF-8 text: found the byte 0x{:02x}", bytes.get(valid).copied().unwrap_or_default()),
    };
    let at = position(text.strip_prefix('\u{feff}').unwrap_or(&text), usize::MAX);
    WorkflowError::Syntax { message: what, file, at, hint: Some("save the file as UTF-8".to_owned()) }
}

/// Finds the workflow of a name: the first whose `meta.name` is the name, in `.claude/workflows`,
/// `.agents/workflows` and `.smol/workflows` of the project, then of the home folder.
///
/// Looks at regular files that end in `.js`, in alphabetical order, not into folders below and not through symbolic
/// links. Files that cannot be read, or whose metadata cannot be, are passed over.
pub fn find_by_name(name: &str, project: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let limit = Limits::default().source_bytes;
    [Some(project), home].into_iter().flatten().flat_map(|root| FOLDERS.map(|[outer, inner]| root.join(outer).join(inner))).find_map(
        |folder| {
            candidates(&folder).into_iter().find(|path| {
                let source = bytes(path, limit).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                source.and_then(|source| super::read_metadata(&source)).is_some_and(|metadata| metadata.name == name)
            })
        },
    )
}

fn candidates(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .flatten()
        // The type of the entry itself: a symbolic link is not a file here.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.file_name())
        .filter(|name| name.as_encoded_bytes().ends_with(b".js"))
        .collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}
