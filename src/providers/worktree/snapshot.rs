//! Makes a commit of what lies in a checkout, with an index of its own: the checkout's index, files, refs and stashes
//! stay as they are, and a lock that a killed git has left there does not matter.
//!
//! Knows a checkout and a file for the index; not whose they are.

use std::fs::{self, File, FileTimes};
use std::io;
use std::path::Path;

use super::git::{Git, Tree, Version, error};
use crate::model::error::ErrorData;

/// Who commits where nobody has told git who he is.
const NOBODY: (&str, &str) = ("smol-workflow", "smol-workflow@localhost");

/// Since this version `git add` leaves files outside a sparse checkout alone unless told otherwise.
const SPARSE: Version = Version(2, 34);

/// The files of a checkout at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Git's name for their contents.
    pub tree: String,
    /// Folders that are git repositories of their own and belong to nothing here. Git cannot hold what is in them.
    pub left_out: Vec<String>,
}

/// Takes everything in that is tracked, or not tracked and not ignored. `index` is made and stays: it fits the
/// snapshot.
///
/// # Errors
/// A file cannot be read, the disk is full, and so on.
pub(super) async fn take(git: &Git, tree: &Tree, index: &Path) -> Result<Snapshot, ErrorData> {
    let copied = copy_index(&tree.git_dir.join("index"), index);
    copied.map_err(|problem| error(format!("cannot write {}: {problem}", index.display())))?;
    if !index.exists() {
        git.on(tree, ["read-tree", "HEAD"]).index(index).run().await?;
    }
    let mut add = vec!["add", "-u"];
    if git.version >= SPARSE {
        add.push("--sparse");
    }
    git.on(tree, add).index(index).run().await?;
    let list = git.on(tree, ["ls-files", "-o", "-z", "--exclude-standard"]).index(index).run().await?;
    let (mut new, mut left_out) = (Vec::new(), Vec::new());
    for name in list.stdout.split(|byte| *byte == 0) {
        if name.ends_with(b"/") {
            left_out.push(String::from_utf8_lossy(name).into_owned());
        } else if !matches!(name, b"" | b"\n") {
            new.extend_from_slice(name);
            new.push(0);
        }
    }
    if !new.is_empty() {
        // A file that goes away meanwhile is not there, which is no reason to fail.
        let add = ["update-index", "--add", "--remove", "-z", "--stdin"];
        git.on(tree, add).index(index).stdin(new).run().await?;
    }
    let written = git.on(tree, ["write-tree"]).index(index).run().await?;
    Ok(Snapshot { tree: written.text(), left_out })
}

/// Copies the index with its time. Git takes a file that was changed no earlier than the index for one that it has to
/// look into; a copy that is newer would make it believe that such a file is unchanged.
pub(super) fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_file(to) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => return Err(problem),
        _ => {}
    }
    let modified = match fs::metadata(from).and_then(|data| data.modified()) {
        Ok(modified) => modified,
        // Without an index git starts from the commit.
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(problem),
    };
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_times(FileTimes::new().set_modified(modified))
}

/// Commits a snapshot, for the user or, where git does not know him, for nobody. Nothing points to the commit yet.
///
/// # Errors
/// As of git.
pub(super) async fn commit(
    git: &Git,
    tree: &Tree,
    contents: &str,
    parent: &str,
    message: &str,
) -> Result<String, ErrorData> {
    // This command runs no hooks and signs nothing.
    let call = git.on(tree, ["commit-tree", contents, "-p", parent, "-F", "-"]);
    let identity = identity(git, tree).await?;
    Ok(call.envs(&identity).stdin(message).run().await?.text())
}

async fn identity(git: &Git, tree: &Tree) -> Result<Vec<(&'static str, String)>, ErrorData> {
    let mut identity = Vec::new();
    for (who, name, email) in [
        ("GIT_AUTHOR_IDENT", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"),
        ("GIT_COMMITTER_IDENT", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"),
    ] {
        // Git would guess names from the system's users and hosts.
        let known = git.on(tree, ["-c", "user.useConfigOnly=true", "var", who]).ask().await?;
        if known.is_none() {
            identity.extend([(name, NOBODY.0.to_owned()), (email, NOBODY.1.to_owned())]);
        }
    }
    Ok(identity)
}
