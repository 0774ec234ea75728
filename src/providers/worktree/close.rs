//! The end of a worktree: what the agent left uncommitted is committed, the branch is made to hold all of its work, and
//! only then the folder goes. Git itself is asked to remove it without force, so that it looks once more whether
//! anything in it is nowhere else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::git::{Git, error};
use super::merge::{self, delete_branch};
use super::owner::Record;
use super::repository::{Repository, commit, is_ancestor};
use super::{Folder, Keep, Merge, Outcome, Work, Worktree, snapshot, title};
use crate::model::error::ErrorData;

/// The ending of a patch's name.
pub(super) const PATCH: &str = "patch";
/// The ending of the name of an index that is used for a moment.
pub(super) const INDEX: &str = "index";

/// What was found in a worktree.
struct Found {
    work: Work,
    /// Whether there is anything that would be missed.
    changed: bool,
    /// Why the folder cannot go, whatever git thinks of it.
    holds: Option<String>,
}

impl Worktree {
    /// Ends the worktree. `success` says whether the call has its answer: nothing is merged otherwise.
    ///
    /// # Errors
    /// `ERR_WORKTREE`: the work could not be brought to a safe place. Folder and branch stay as they are, the message
    /// says where, and [`super::clean`] tries again.
    pub async fn close(self, success: bool) -> Result<Outcome, ErrorData> {
        let mut found = match self.gather().await {
            Ok(found) => found,
            Err(problem) => return Err(self.stuck(&problem)),
        };
        drop(fs::remove_file(self.owner.beside(INDEX)));
        let outcome = match self.options.keep {
            Keep::Always => {
                let path = self.tree.work_tree.clone();
                found.work.folder =
                    path.exists().then(|| Folder { path, why: "keep is 'always'".to_owned() });
                self.settle(found.work, success && found.changed).await
            }
            Keep::Never => self.discard(found).await,
            Keep::Changed => {
                found.work.folder = self.remove(found.holds.as_deref()).await?;
                if found.changed {
                    self.settle(found.work, success).await
                } else if found.work.folder.is_some() {
                    Ok(Outcome::Kept(found.work))
                } else if let Err(problem) =
                    delete_branch(&self.git, &self.repository, &self.record.branch).await
                {
                    Err(problem)
                } else if found.work.folder_lost {
                    let folder = self.tree.work_tree.display();
                    let message = format!(
                        "{folder} was removed while the agent worked in it, and nothing was committed"
                    );
                    self.owner.release();
                    return Err(error(message));
                } else {
                    Ok(Outcome::Unchanged)
                }
            }
        };
        match outcome {
            Ok(outcome) => {
                self.owner.release();
                Ok(outcome)
            }
            Err(problem) => Err(self.stuck(&problem)),
        }
    }

    fn stuck(&self, problem: &ErrorData) -> ErrorData {
        let (folder, branch) = (self.tree.work_tree.display(), &self.record.branch);
        error(format!(
            "the worktree of agent call {} could not be closed; its work is in {folder} and on the branch {branch}: {}",
            self.record.call, problem.message
        ))
    }

    /// Makes the branch hold all that the agent did.
    async fn gather(&self) -> Result<Found, ErrorData> {
        let Self { git, repository, record, tree, .. } = self;
        let name = format!("refs/heads/{}", record.branch);
        let branch = commit(git, &repository.tree, &name).await?;
        let mut work = Work { branch: record.branch.clone(), base: record.base.clone(), ..Work::default() };
        let mut left_out = Vec::new();
        if tree.work_tree.is_dir() && tree.git_dir.is_dir() {
            let index = self.owner.beside(INDEX);
            // An agent may have begun a history of its own, which has no commit yet.
            let head = commit(git, tree, "HEAD").await?;
            let parent = head.clone().unwrap_or_else(|| record.base.clone());
            let snapshot = snapshot::take(git, tree, &index).await?;
            left_out = snapshot.left_out;
            let committed = git.on(tree, ["rev-parse", &format!("{parent}^{{tree}}")]).run().await?.text();
            work.uncommitted_committed = committed != snapshot.tree;
            work.commit = if work.uncommitted_committed {
                let message = format!(
                    "{}\n\nWhat agent call {} of workflow run {} had not committed.\n",
                    title(record),
                    record.call,
                    record.run
                );
                snapshot::commit(git, tree, &snapshot.tree, &parent, &message).await?
            } else {
                parent
            };
            self.point(branch.as_deref(), &mut work).await?;
            // The worktree is where the branch is now, and has nothing uncommitted: what git looks at when it is asked
            // to remove it.
            git.on(tree, ["symbolic-ref", "HEAD", &format!("refs/heads/{}", work.branch)]).run().await?;
            snapshot::copy_index(&index, &tree.git_dir.join("index"))
                .map_err(|problem| error(format!("cannot replace the index of the worktree: {problem}")))?;
        } else {
            // What the agent had committed is all there is.
            work.folder_lost = !tree.work_tree.is_dir();
            work.commit = branch.unwrap_or_else(|| record.base.clone());
        }
        let range = format!("{}..{}", work.base, work.commit);
        let count = git.on(&repository.tree, ["rev-list", "--count", &range]).run().await?.text();
        work.commits = count.parse().map_err(|_| error(format!("git rev-list counted {count:?} commits")))?;
        let diff = ["diff-tree", "-r", "--raw", "--no-renames", &work.base, &work.commit];
        let diff = git.on(&repository.tree, diff).run().await?.text();
        work.files_changed = diff.lines().count() as u64;
        let nested = left_out.into_iter().chain(nested(&diff, &tree.work_tree)).collect::<Vec<_>>();
        let changed = work.commits > 0 || !nested.is_empty() || !work.more_branches.is_empty();
        let holds = (!nested.is_empty())
            .then(|| format!("it holds git repositories with a history of their own: {}", nested.join(", ")));
        Ok(Found { work, changed, holds })
    }

    /// Points the branch to the work, or another one if the branch has commits that the work does not come from.
    async fn point(&self, branch: Option<&str>, work: &mut Work) -> Result<(), ErrorData> {
        let Self { git, repository, record, .. } = self;
        let tree = &repository.tree;
        let name = |branch: &str| format!("refs/heads/{branch}");
        match branch {
            None => {
                git.on(tree, ["update-ref", &name(&record.branch), &work.commit, ""]).run().await?;
            }
            Some(now) if now == work.commit => {}
            Some(now) if is_ancestor(git, tree, now, &work.commit).await? => {
                git.on(tree, ["update-ref", &name(&record.branch), &work.commit, now]).run().await?;
            }
            Some(now) if is_ancestor(git, tree, &work.commit, now).await? => now.clone_into(&mut work.commit),
            Some(_) => {
                let mut nth = 1;
                work.branch = loop {
                    let other = format!("{}.head{nth}", record.branch);
                    if commit(git, tree, &name(&other)).await?.is_none() {
                        break other;
                    }
                    nth += 1;
                };
                git.on(tree, ["update-ref", &name(&work.branch), &work.commit, ""]).run().await?;
                work.more_branches.push(record.branch.clone());
            }
        }
        Ok(())
    }

    /// Removes the folder; what it gives is left.
    async fn remove(&self, holds: Option<&str>) -> Result<Option<Folder>, ErrorData> {
        let path = &self.tree.work_tree;
        if let Some(why) = holds {
            return Ok(Some(Folder { path: path.clone(), why: why.to_owned() }));
        }
        let Self { git, repository, tree, .. } = self;
        let mut output = remove(git, repository, path, &[]).await?;
        if output.stderr.contains("containing submodules") {
            // Git never removes these unless forced, so we look for it.
            let status = ["status", "--porcelain", "--ignore-submodules=none"];
            if git.on(tree, status).run().await?.stdout.is_empty() {
                output = remove(git, repository, path, &["--force"]).await?;
            }
        }
        if !output.ok() && output.stderr.contains("failed to delete") {
            // It has looked and has begun. Some tools make folders that even their owner may not write to.
            drop(remove_all(path));
        }
        Ok(path.exists().then(|| Folder { path: path.clone(), why: output.stderr.trim().to_owned() }))
    }

    /// Says what became of work that is on its branch, after a merge if one is asked for.
    async fn settle(&self, mut work: Work, merging: bool) -> Result<Outcome, ErrorData> {
        let Self { git, repository, record, options, .. } = self;
        let how = match options.merge {
            Some(how) if merging => how,
            _ => return Ok(Outcome::Kept(work)),
        };
        if how == Merge::Patch {
            let patch = self.owner.beside(PATCH);
            return Ok(match merge::patch(git, repository, &work, &patch).await {
                Ok(()) => Outcome::Patch { patch, work },
                Err(problem) => {
                    drop(fs::remove_file(&patch));
                    Outcome::Conflict { why: problem.message, work }
                }
            });
        }
        if let [other, ..] = &work.more_branches[..] {
            let why = format!("there is more work on {other}");
            return Ok(Outcome::Conflict { why, work });
        }
        // The work is safe: that it could not be merged is no failure of the call.
        let merged = merge::merge(git, repository, record, &work, how == Merge::Squash).await;
        match merged.unwrap_or_else(|problem| Err(problem.message)) {
            Err(why) => Ok(Outcome::Conflict { why, work }),
            Ok(into) => {
                if work.folder.is_none() {
                    delete_branch(git, repository, &work.branch).await?;
                }
                work.uncommitted_committed &= how == Merge::FastForward;
                Ok(Outcome::Merged { into: into.branch, merged: into.commit, work })
            }
        }
    }

    async fn discard(&self, found: Found) -> Result<Outcome, ErrorData> {
        let Self { git, repository, tree, .. } = self;
        let mut work = found.work;
        let output = remove(git, repository, &tree.work_tree, &["--force", "--force"]).await?;
        drop(remove_all(&tree.work_tree));
        if tree.work_tree.exists() {
            work.folder = Some(Folder { path: tree.work_tree.clone(), why: output.stderr.trim().to_owned() });
            return Ok(Outcome::Kept(work));
        }
        for branch in work.more_branches.iter().chain([&work.branch]) {
            delete_branch(git, repository, branch).await?;
        }
        Ok(if found.changed { Outcome::Discarded(work) } else { Outcome::Unchanged })
    }
}

/// Removes a worktree in which no agent has worked.
pub(super) async fn discard_unused(git: &Git, repository: &Repository, record: &Record, folder: &Path) {
    // Whatever of it was made: each step is tried, and what cannot be done was not begun.
    drop(remove(git, repository, folder, &["--force", "--force"]).await);
    drop(remove_all(folder));
    drop(fs::remove_file(folder.with_added_extension(INDEX)));
    let name = format!("refs/heads/{}", record.branch);
    let delete = git.on(&repository.tree, ["update-ref", "-d", &name, &record.base]);
    drop(delete.output().await);
}

async fn remove(
    git: &Git,
    repository: &Repository,
    folder: &Path,
    force: &[&str],
) -> Result<super::git::Output, ErrorData> {
    let mut args: Vec<std::ffi::OsString> = vec!["worktree".into(), "remove".into()];
    args.extend(force.iter().map(Into::into));
    args.extend(["--".into(), folder.into()]);
    git.on(&repository.tree, args).output().await
}

/// The repositories in a worktree that changed commits point to. Their own commits are in the folder only.
fn nested(raw_diff: &str, folder: &Path) -> Vec<String> {
    let links = raw_diff.lines().filter(|line| line.split(' ').nth(1) == Some("160000"));
    let names = links.filter_map(|line| line.split_once('\t')).map(|(_, name)| name);
    // A name in quotes stands for one that cannot be written down otherwise.
    names
        .filter(|name| name.starts_with('"') || folder.join(name).join(".git").exists())
        .map(str::to_owned)
        .collect()
}

/// Removes a folder with all that is in it, also where its folders are read-only. Follows no links.
fn remove_all(folder: &Path) -> io::Result<()> {
    let first = fs::remove_dir_all(folder);
    match first {
        Err(problem) if problem.kind() == io::ErrorKind::PermissionDenied => {
            loosen(folder)?;
            fs::remove_dir_all(folder)
        }
        other => other,
    }
}

#[cfg(unix)]
fn loosen(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut permissions = fs::metadata(&folder)?.permissions();
        permissions.set_mode(permissions.mode() | 0o700);
        fs::set_permissions(&folder, permissions)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn loosen(_: &Path) -> io::Result<()> {
    Ok(())
}
