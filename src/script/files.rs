//! Workflow sources as files: reading one.
//!
//! Knows neither where workflows live nor what is in them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::position::position;
use crate::model::error::WorkflowError;
use crate::model::script::{Imports, Script};

/// Reads a script from a file.
///
/// # Errors
///
/// Those of [`super::read`]. A file that is missing, unreadable or not a regular file is the metadata error, as in the
/// original engine, which says what is really wrong. Bytes that are not UTF-8 are a syntax error at the first of them.
/// [`WorkflowError::SourceTooLarge`] beyond `limit` bytes, which is for the script with its helpers.
pub fn load(path: &Path, limit: usize, imports: Imports) -> Result<Script, WorkflowError> {
    let name = path.display().to_string();
    let source = text(path, &name, limit)?;
    super::read_source(&source, Some(path.to_owned()), &name, limit, imports)
}

/// What a file holds. `name` is what the file is called in messages.
pub(super) fn text(path: &Path, name: &str, limit: usize) -> Result<String, WorkflowError> {
    String::from_utf8(bytes(path, name, limit)?).map_err(|error| not_utf8(name.to_owned(), &error))
}

fn bytes(path: &Path, name: &str, limit: usize) -> Result<Vec<u8>, WorkflowError> {
    let unreadable = |why: &dyn std::fmt::Display| WorkflowError::Metadata {
        found: Some(format!("cannot read {name}: {why}")),
    };
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
pub(super) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(message, _)| message.to_owned())
}

fn not_utf8(file: String, error: &std::string::FromUtf8Error) -> WorkflowError {
    let bytes = error.as_bytes();
    let valid = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(&bytes[..valid]);
    let what = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file is UTF-16 text".to_owned(),
        _ => format!(
            "the file is not UTF-8 text: found the byte 0x{:02x}",
            bytes.get(valid).copied().unwrap_or_default()
        ),
    };
    let at = position(text.strip_prefix('\u{feff}').unwrap_or(&text), usize::MAX);
    WorkflowError::Syntax {
        message: what,
        file,
        at,
        frame: String::new(),
        hint: Some("save the file as UTF-8".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, found, named};
    use super::*;
    use crate::model::script::Position;

    #[test]
    fn loading_says_what_is_wrong_with_the_file() {
        let folder = Folder::new("load");
        let good = folder.write("good.js", named("x"));
        let script = load(&good, 1_000, Imports::None).unwrap();
        assert_eq!(
            (script.path.as_deref(), &*script.display_name),
            (Some(good.as_path()), good.to_str().unwrap())
        );

        let at = |path: &Path| path.display().to_string();
        let missing = folder.0.join("missing.js");
        assert_eq!(
            found(load(&missing, 1_000, Imports::None).unwrap_err()),
            format!("cannot read {}: No such file or directory", at(&missing))
        );
        assert_eq!(
            found(load(&folder.0, 1_000, Imports::None).unwrap_err()),
            format!("cannot read {}: it is a folder", at(&folder.0))
        );
        let empty = folder.write("empty.js", "");
        assert_eq!(
            found(load(&empty, 1_000, Imports::None).unwrap_err()),
            format!("{} is empty", at(&empty))
        );

        let size = named("x").len();
        assert!(load(&good, size, Imports::None).is_ok());
        let too_large = WorkflowError::SourceTooLarge { file: at(&good), size, limit: size - 1 };
        assert_eq!(load(&good, size - 1, Imports::None).unwrap_err(), too_large);

        for (name, bytes, message, line, column) in [
            (
                "latin1.js",
                &b"// a\n// \xc3\xbc \xfc"[..],
                "the file is not UTF-8 text: found the byte 0xfc",
                2,
                6,
            ),
            (
                "cut.js",
                &b"\xef\xbb\xbf'\xf0\x9f\x99"[..],
                "the file is not UTF-8 text: found the byte 0xf0",
                1,
                2,
            ),
            ("utf16.js", &b"\xff\xfea\x00"[..], "the file is UTF-16 text", 1, 1),
        ] {
            let path = folder.write(name, bytes);
            let expected = WorkflowError::Syntax {
                message: message.to_owned(),
                file: at(&path),
                at: Position { line, column },
                frame: String::new(),
                hint: Some("save the file as UTF-8".to_owned()),
            };
            assert_eq!(load(&path, 1_000, Imports::None).unwrap_err(), expected, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn loading_does_not_wait_for_pipes() {
        let device = Path::new("/dev/zero");
        assert_eq!(
            found(load(device, 1_000, Imports::None).unwrap_err()),
            "cannot read /dev/zero: it is not a regular file"
        );
    }
}
