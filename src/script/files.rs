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
    super::read(&text(path, limit)?, Some(path.to_owned()), &path.display().to_string())
}

/// What a file says, without a look at it.
pub(super) fn text(path: &Path, limit: usize) -> Result<String, WorkflowError> {
    String::from_utf8(bytes(path, limit)?).map_err(|error| not_utf8(path.display().to_string(), &error))
}

fn bytes(path: &Path, limit: usize) -> Result<Vec<u8>, WorkflowError> {
    let name = path.display();
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

/// Finds the workflow of a name: the first whose `meta.name` is the name, in `.claude/workflows`,
/// `.agents/workflows` and `.smol/workflows` of the project, then of the home folder.
///
/// Looks at regular files that end in `.js`, in alphabetical order, not into folders below and not through symbolic
/// links. Files that cannot be read, or whose metadata cannot be, are passed over.
pub fn find_by_name(name: &str, project: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let limit = Limits::default().source_bytes;
    [Some(project), home]
        .into_iter()
        .flatten()
        .flat_map(|root| FOLDERS.map(|[outer, inner]| root.join(outer).join(inner)))
        .find_map(|folder| {
            candidates(&folder).into_iter().find(|path| {
                let source = bytes(path, limit).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                source
                    .and_then(|source| super::read_metadata(&source))
                    .is_some_and(|metadata| metadata.name == name)
            })
        })
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

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;
    use crate::model::script::Position;

    /// A folder of its own for one test, gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("smol-workflow-script-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
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

    fn named(name: &str) -> String {
        format!("export const meta = {{ name: '{name}', description: 'd' }}\nreturn 1\n")
    }

    #[test]
    fn loading_says_what_is_wrong_with_the_file() {
        let folder = Folder::new("load");
        let good = folder.write("good.js", named("x"));
        let script = load(&good, 1_000).unwrap();
        assert_eq!(
            (script.path.as_deref(), &*script.display_name),
            (Some(good.as_path()), good.to_str().unwrap())
        );

        let at = |path: &Path| path.display().to_string();
        let missing = folder.0.join("missing.js");
        assert_eq!(
            found(load(&missing, 1_000).unwrap_err()),
            format!("cannot read {}: No such file or directory", at(&missing))
        );
        assert_eq!(
            found(load(&folder.0, 1_000).unwrap_err()),
            format!("cannot read {}: it is a folder", at(&folder.0))
        );
        let empty = folder.write("empty.js", "");
        assert_eq!(found(load(&empty, 1_000).unwrap_err()), format!("{} is empty", at(&empty)));

        let size = named("x").len();
        assert!(load(&good, size).is_ok());
        let too_large = WorkflowError::SourceTooLarge { file: at(&good), size, limit: size - 1 };
        assert_eq!(load(&good, size - 1).unwrap_err(), too_large);

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
            assert_eq!(load(&path, 1_000).unwrap_err(), expected, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn loading_does_not_wait_for_pipes() {
        let device = Path::new("/dev/zero");
        assert_eq!(
            found(load(device, 1_000).unwrap_err()),
            "cannot read /dev/zero: it is not a regular file"
        );
    }

    #[test]
    fn names_are_looked_up_in_order() {
        let project = Folder::new("project");
        let home = Folder::new("home");
        for (folder, path, content) in [
            (&project, ".claude/workflows/b.js", named("x")),
            (&project, ".claude/workflows/a.txt", named("x")),
            (&project, ".claude/workflows/a.mjs", named("mjs")),
            (&project, ".claude/workflows/a.js.bak", named("bak")),
            (&project, ".claude/workflows/below/a.js", named("below")),
            (&project, ".claude/workflows/0-broken.js", "not a workflow {{{".to_owned()),
            (&project, ".claude/workflows/1-dir.js/x", String::new()),
            (&project, ".claude/workflows/broken-later.js", named("later") + "{{{"),
            (&project, ".agents/workflows/a.js", named("x")),
            (&project, ".agents/workflows/agents.js", named("agents")),
            (&project, ".agents/workflows/agents2.js", named("agents")),
            (&project, ".smol/workflows/smol.js", named("smol")),
            (&project, ".smol/workflows/both.js", named("both")),
            (&home, ".claude/workflows/both.js", named("both")),
            (&home, ".claude/workflows/home.js", named("home")),
            (&home, ".smol/workflows/.js", named("hidden")),
        ] {
            folder.write(path, content);
        }
        project.write(".claude/workflows/2-latin1.js", b"\xff");
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            project.0.join(".smol/workflows/smol.js"),
            project.0.join(".claude/workflows/link.js"),
        )
        .unwrap();

        for (name, expected) in [
            ("x", Some((&project, ".claude/workflows/b.js"))),
            ("agents", Some((&project, ".agents/workflows/agents.js"))),
            ("smol", Some((&project, ".smol/workflows/smol.js"))),
            ("both", Some((&project, ".smol/workflows/both.js"))),
            ("home", Some((&home, ".claude/workflows/home.js"))),
            ("hidden", Some((&home, ".smol/workflows/.js"))),
            ("later", Some((&project, ".claude/workflows/broken-later.js"))),
            ("mjs", None),
            ("bak", None),
            ("below", None),
            ("b", None),
            ("X", None),
            ("", None),
        ] {
            let expected = expected.map(|(folder, path): (&Folder, &str)| folder.0.join(path));
            assert_eq!(find_by_name(name, &project.0, Some(&home.0)), expected, "{name}");
        }
        assert_eq!(find_by_name("home", &project.0, None), None);
        assert_eq!(find_by_name("x", Path::new("/nowhere"), None), None);
    }
}
