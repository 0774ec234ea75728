//! Closes the worktrees that nobody owns any more: their process has crashed or was killed, or their call was cancelled.

use std::fs;
use std::path::{Path, PathBuf};

use super::git::{Git, Tree, error};
use super::owner::{ENDING, Found, Owner};
use super::repository::Repository;
use super::{Outcome, Worktree, WorktreeOptions, admin_dir, close};
use crate::model::error::ErrorData;

/// A leftover, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleaned {
    pub folder: PathBuf,
    /// The run, call and label that it was made for.
    pub run: String,
    pub call: u64,
    pub label: Option<String>,
    /// `Unchanged` (it is gone) or `Kept` (on its branch), or why neither could be done; the next time may be luckier.
    pub outcome: Result<Outcome, ErrorData>,
}

/// Closes what earlier runs have left behind in the checkout around a folder: leftovers without changes are removed,
/// the others become branches. Nothing is merged or thrown away, whatever their options were. Worktrees in use, here
/// or in another process, are left alone.
///
/// # Errors
/// `ERR_WORKTREE`: there is no git, or no checkout.
pub async fn clean(repository_dir: &Path) -> Result<Vec<Cleaned>, ErrorData> {
    clean_with(Git::default(), repository_dir).await
}

pub(super) async fn clean_with(git: Git, repository_dir: &Path) -> Result<Vec<Cleaned>, ErrorData> {
    let git = git.checked(repository_dir).await?;
    let repository = Repository::find(&git, repository_dir).await?;
    let mut cleaned = Vec::new();
    for path in owners(&repository.home)? {
        let Found::Abandoned(mut owner) = Owner::find(&path) else { continue };
        let folder = owner.folder();
        let Some(record) = owner.read() else {
            // It had not begun to make anything.
            owner.release();
            continue;
        };
        let (run, call, label) = (record.run.clone(), record.call, record.label.clone());
        let outcome = if record.id.is_none() {
            close::discard_unused(&git, &repository, &record, &folder).await;
            owner.release();
            Ok(Outcome::Unchanged)
        } else {
            let tree = Tree { git_dir: admin_dir(&repository, &record), work_tree: folder.clone() };
            let (git, repository, dir) = (git.clone(), repository.clone(), folder.clone());
            let options = WorktreeOptions::default();
            Worktree { git, repository, owner, record, tree, dir, options }.close(false).await
        };
        cleaned.push(Cleaned { folder, run, call, label, outcome });
    }
    Ok(cleaned)
}

/// The owners' files, in order.
fn owners(home: &Path) -> Result<Vec<PathBuf>, ErrorData> {
    let failed = |problem| error(format!("cannot read {}: {problem}", home.display()));
    if !home.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(home).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
