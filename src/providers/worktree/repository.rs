//! Where a call stands: the repository around its folder, what is checked out there, and the place for worktrees in it.
//!
//! Looks, and makes nothing but that place.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{self, Path, PathBuf};

use super::git::{Git, Tree, error, failure};
use crate::model::error::ErrorData;

/// The folder of all worktrees, from the top of a checkout.
const PLACE: [&str; 2] = [".smol", "worktrees"];

/// A checkout, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub tree: Tree,
    /// What all checkouts of the repository share.
    pub common_dir: PathBuf,
    /// The folder of the call, from the top of the checkout.
    pub prefix: PathBuf,
    /// The folder in which worktrees are made.
    pub home: PathBuf,
}

impl Repository {
    /// Finds the checkout around a folder.
    ///
    /// # Errors
    /// There is none: no repository, one without a checkout, or git does not want to say.
    pub async fn find(git: &Git, dir: &Path) -> Result<Self, ErrorData> {
        let questions = [
            "rev-parse",
            "--is-bare-repository",
            "--is-inside-git-dir",
            "--show-toplevel",
            "--absolute-git-dir",
            "--git-common-dir",
            "--show-prefix",
        ];
        let output = git.anywhere(dir, questions).output().await?;
        let shown = dir.display();
        let mut lines = output.stdout.split(|byte| *byte == b'\n');
        let (bare, inside) = (lines.next() == Some(b"true"), lines.next() == Some(b"true"));
        if !output.ok() && bare {
            return Err(error(format!(
                "{shown} is in a bare repository, which has no checkout: run the workflow in a checkout of it"
            )));
        }
        if !output.ok() && inside {
            return Err(error(format!(
                "{shown} is inside the folder in which git keeps the repository: run the workflow in its checkout"
            )));
        }
        if !output.ok() {
            return Err(if output.stderr.contains("not a git repository") {
                error(format!(
                    "{shown} is not in a git repository, and isolation: 'worktree' needs one: run `git init` and \
                     commit something there, or leave isolation out ({})",
                    output.stderr.trim()
                ))
            } else {
                failure("git rev-parse", dir, &output)
            });
        }
        let paths: Vec<PathBuf> = lines.map(path_of).collect();
        // The last one is what follows the last line break.
        let [work_tree, git_dir, common_dir, prefix, _] = &paths[..] else {
            return Err(error(format!(
                "{shown} has a line break in its path, which worktrees cannot cope with"
            )));
        };
        // A call from within one of our worktrees gets one beside it, not one that goes away with it.
        let home = match work_tree.parent() {
            Some(parent) if parent.ends_with(PLACE.iter().collect::<PathBuf>()) => parent.to_owned(),
            _ => work_tree.join(PLACE[0]).join(PLACE[1]),
        };
        Ok(Self {
            tree: Tree { git_dir: git_dir.clone(), work_tree: work_tree.clone() },
            // Not `canonical`, whose paths git does not understand on Windows.
            common_dir: path::absolute(dir.join(common_dir)).map_err(|problem| error(problem.to_string()))?,
            prefix: prefix.clone(),
            home,
        })
    }

    /// The commit that is checked out.
    ///
    /// # Errors
    /// There is none yet.
    pub async fn head(&self, git: &Git) -> Result<String, ErrorData> {
        let head = commit(git, &self.tree, "HEAD").await?;
        head.ok_or_else(|| {
            let root = self.tree.work_tree.display();
            error(format!("{root} has no commit yet, and a worktree starts from one: commit something first"))
        })
    }

    /// The branch that is checked out, in full (`refs/heads/main`); `None` if it is a mere commit.
    ///
    /// # Errors
    /// As of git.
    pub async fn branch(&self, git: &Git) -> Result<Option<String>, ErrorData> {
        git.on(&self.tree, ["symbolic-ref", "--quiet", "HEAD"]).ask().await
    }

    /// Makes the folder for worktrees, which git does not see.
    ///
    /// # Errors
    /// It cannot be made, or something else is there.
    pub fn make_home(&self) -> Result<(), ErrorData> {
        let failed = |path: &Path, problem: &dyn std::fmt::Display| {
            error(format!("cannot make {}, where worktrees are kept: {problem}", path.display()))
        };
        // A repository of somebody else must not have files written wherever it likes.
        let parents = [self.home.parent().unwrap_or(&self.home), &self.home];
        if let Some(link) = parents.into_iter().find(|path| path.is_symlink()) {
            return Err(failed(link, &"a symbolic link is there; make it a folder"));
        }
        fs::create_dir_all(&self.home).map_err(|problem| failed(&self.home, &problem))?;
        // It hides itself, too. Unlike a line in `.git/info/exclude` it goes away with the folder.
        let hide = self.home.join(".gitignore");
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&hide)
            .and_then(|mut file| file.write_all(b"*\n"))
        {
            Err(problem) if problem.kind() != io::ErrorKind::AlreadyExists => Err(failed(&hide, &problem)),
            _ => Ok(()),
        }
    }
}

/// The commit that a name stands for; `None` if there is none.
///
/// # Errors
/// As of git.
pub(super) async fn commit(git: &Git, tree: &Tree, name: &str) -> Result<Option<String>, ErrorData> {
    git.on(tree, ["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]).ask().await
}

/// Whether everything that leads to `old` leads to `new`, too.
///
/// # Errors
/// As of git.
pub(super) async fn is_ancestor(git: &Git, tree: &Tree, old: &str, new: &str) -> Result<bool, ErrorData> {
    Ok(git.on(tree, ["merge-base", "--is-ancestor", old, new]).output().await?.ok())
}

/// A path as the system has it; as it is, if it leads nowhere.
pub(super) fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;

    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
