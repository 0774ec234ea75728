//! Where a program is, by the rules by which it would be started.
//!
//! Looks at files, starts none.

use std::env::split_paths;
use std::path::{Path, PathBuf};

/// What is there.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    File(PathBuf),
    /// There is a file of that name, and none that could be started.
    NotExecutable(PathBuf),
    Nothing,
}

/// What a program's file may end in, where its name does not say.
const ENDINGS: &[&str] = if cfg!(windows) { &["", ".exe", ".cmd", ".bat"] } else { &[""] };

/// Whether this names a file rather than something on `PATH`.
pub(super) fn is_path(program: &str) -> bool {
    program.contains('/') || (cfg!(windows) && program.contains('\\'))
}

/// Looks for a program: a path from `cwd` on, or a name in the folders of `search`, which is a `PATH`.
pub(super) fn program(program: &str, search: &str, cwd: &Path) -> Found {
    let folders: Vec<PathBuf> =
        if is_path(program) { vec![cwd.to_owned()] } else { split_paths(search).collect() };
    let mut useless = None;
    for folder in folders {
        for ending in ENDINGS {
            // An empty entry of PATH is the working folder, and so is the start of a relative one.
            let file = cwd.join(&folder).join(format!("{program}{ending}"));
            if !file.is_file() {
                continue;
            }
            if is_executable(&file) {
                return Found::File(file);
            }
            useless.get_or_insert(file);
        }
    }
    useless.map_or(Found::Nothing, Found::NotExecutable)
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}
