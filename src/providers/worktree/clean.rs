//! Closes the worktrees that nobody owns any more: their process has crashed or was killed, or their call was cancelled.

use std::fs;
use std::path::{Path, PathBuf};

use super::git::{Git, Tree, error};
use super::owner::{ENDING, Found, Owner, Record};
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
            let locks = locks(&repository, &owner, &record);
            let first = closed(&git, &repository, owner, record).await;
            // Git has waited for them for as long as it waits for anybody. No git is at work here that could own them.
            let removed =
                first.is_err() && locks.iter().filter(|lock| fs::remove_file(lock).is_ok()).count() > 0;
            match Owner::find(&path) {
                Found::Abandoned(mut owner) if removed => match owner.read() {
                    Some(record) => closed(&git, &repository, owner, record).await,
                    None => first,
                },
                _ => first,
            }
        };
        cleaned.push(Cleaned { folder, run, call, label, outcome });
    }
    Ok(cleaned)
}

async fn closed(
    git: &Git,
    repository: &Repository,
    owner: Owner,
    record: Record,
) -> Result<Outcome, ErrorData> {
    let dir = owner.folder();
    let tree = Tree { git_dir: admin_dir(repository, &record), work_tree: dir.clone() };
    let (git, repository, options) = (git.clone(), repository.clone(), WorktreeOptions::default());
    Worktree { git, repository, owner, record, tree, dir, options }.close(false).await
}

/// What a git that was killed at work on a worktree may have left locked, of what belongs to that worktree alone.
fn locks(repository: &Repository, owner: &Owner, record: &Record) -> Vec<PathBuf> {
    let admin = admin_dir(repository, record);
    [
        owner.beside(close::INDEX),
        admin.join("index"),
        admin.join("HEAD"),
        repository.common_dir.join("refs").join("heads").join(&record.branch),
    ]
    .map(|path| path.with_added_extension("lock"))
    .into()
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
