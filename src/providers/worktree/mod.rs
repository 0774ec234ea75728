//! A git worktree of its own for one agent call (`isolation: 'worktree'`): made before the call, closed after it, and
//! nothing that the agent did is lost in between. Why it is done so is in `docs/design/worktrees.md`.
//!
//! [`open`], give [`Worktree::dir`] and [`Worktree::env`] to the agent's program, [`Worktree::close`] it when the call
//! has its answer or has failed for good (attempts of one call share it: a CLI continues a session in the folder in
//! which it began). A worktree that is dropped instead, by a cancelled call or a crash, stays, and [`clean`] closes it.
//!
//! Knows git and files, and nothing of agents, scripts or answers. The user's own checkout is read, and never changed
//! but by a merge that was asked for.

mod clean;
mod close;
mod git;
mod lock;
mod merge;
mod names;
mod owner;
mod repository;
mod snapshot;

#[cfg(test)]
mod tests;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use serde::{Serialize, Serializer};

pub use clean::{Cleaned, clean};
pub use git::ERR_WORKTREE;

use crate::model::error::ErrorData;
pub use crate::model::worktree::{Keep, Merge, WorktreeOptions};
use git::{Git, Tree, error};
use owner::{Owner, Record};
use repository::{Repository, canonical, commit};

/// How many names are tried for one call. Names are taken by leftovers of earlier runs with the same id.
const NAMES: u32 = 1000;

/// What a worktree is made for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The working directory of the call, anywhere in a checkout.
    pub repository_dir: PathBuf,
    /// The run's id.
    pub run: String,
    /// The call's label.
    pub label: Option<String>,
    /// The call's number in the run.
    pub call: u64,
    pub options: WorktreeOptions,
}

/// A worktree in use.
#[derive(Debug)]
pub struct Worktree {
    git: Git,
    /// The checkout that it was made from.
    repository: Repository,
    owner: Owner,
    record: Record,
    /// The worktree itself.
    tree: Tree,
    dir: PathBuf,
    options: WorktreeOptions,
}

/// What an agent has done, and where that is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// The branch with all of it.
    pub branch: String,
    /// Further branches that the agent's commits are on, if it went elsewhere in the middle of its work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_branches: Vec<String>,
    /// The folder, if it is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<Folder>,
    /// Whether the folder was gone before the end, and with it whatever the agent had not committed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub folder_lost: bool,
    /// The commit from which the agent started.
    pub base: String,
    /// The last commit.
    pub commit: String,
    /// Commits since `base`.
    pub commits: u64,
    /// Files that differ from `base`.
    pub files_changed: u64,
    /// Whether the last commit was made at the end, of what the agent had not committed.
    pub uncommitted_committed: bool,
}

/// A folder that was not removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Folder {
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// Why it is still there.
    pub why: String,
}

/// What became of a worktree. As JSON: `{ "outcome": "kept", "branch": … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// There was nothing to keep: folder and branch are gone.
    Unchanged,
    /// The work is on its branch, and in the folder if that is named.
    Kept(Work),
    /// The work is in the user's checkout, on the branch `into`, which is at `merged` now. The agent's branch is gone
    /// unless its folder is still there.
    Merged {
        into: String,
        merged: String,
        #[serde(flatten)]
        work: Work,
    },
    /// The work is on its branch and in a patch.
    Patch {
        #[serde(serialize_with = "shown")]
        patch: PathBuf,
        #[serde(flatten)]
        work: Work,
    },
    /// A merge was asked for and not done. The work is on its branch.
    Conflict {
        why: String,
        #[serde(flatten)]
        work: Work,
    },
    /// Folder and branch are gone, as `keep: 'never'` has it. Until git collects its garbage the commit can be had back.
    Discarded(Work),
}

fn shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// Makes a worktree.
///
/// # Errors
/// `ERR_INVALID_OPTION`, or `ERR_WORKTREE` with git's own words: git is missing or old, the folder is in no repository
/// or in one without commits or without a checkout, the disk is full, and so on. Nothing is left behind then.
pub async fn open(request: Request) -> Result<Worktree, ErrorData> {
    open_with(Git::default(), request).await
}

async fn open_with(git: Git, request: Request) -> Result<Worktree, ErrorData> {
    let Request { repository_dir, run, label, call, options } = request;
    options.validate()?;
    let git = git.checked(&repository_dir).await?;
    let repository = Repository::find(&git, &repository_dir).await?;
    let head = repository.head(&git).await?;
    let start = match &options.base {
        None => head,
        Some(name) => commit(&git, &repository.tree, name).await?.ok_or_else(|| {
            let root = repository.tree.work_tree.display();
            crate::model::worktree::invalid("base", &format!("names no commit of {root}: {name}"))
        })?,
    };
    let checkout = repository.branch(&git).await?;
    repository.make_home()?;
    let mut nth = 1;
    loop {
        let names = names::names(&run, call, label.as_deref(), nth);
        nth += 1;
        let folder = repository.home.join(&names.folder);
        let free = match claim(&git, &repository, &names, &folder).await? {
            Some(owner) => owner,
            None if nth > NAMES => {
                return Err(error(format!(
                    "{} names for a worktree such as {} are taken: remove what is left of earlier runs",
                    NAMES,
                    folder.display()
                )));
            }
            None => continue,
        };
        let record = Record {
            pid: process::id(),
            run: run.clone(),
            call,
            label: label.clone(),
            branch: names.branch,
            base: start.clone(),
            checkout: checkout.clone(),
            id: None,
        };
        let tree = Tree { git_dir: PathBuf::new(), work_tree: folder };
        let dir = PathBuf::new();
        let mut worktree = Worktree { git, repository, owner: free, record, tree, dir, options };
        return match worktree.fill().await {
            Ok(()) => Ok(worktree),
            Err(problem) => {
                worktree.undo().await;
                Err(problem)
            }
        };
    }
}

/// Takes names that nobody has; `None` if somebody has one of them.
async fn claim(
    git: &Git,
    repository: &Repository,
    names: &names::Names,
    folder: &Path,
) -> Result<Option<Owner>, ErrorData> {
    let taken = |owner: &Owner| folder.exists() || folder.is_symlink() || owner.beside(close::PATCH).exists();
    let path = folder.with_added_extension(owner::ENDING);
    let claimed =
        Owner::claim(&path).map_err(|problem| error(format!("cannot make {}: {problem}", path.display())))?;
    let Some(owner) = claimed else { return Ok(None) };
    if taken(&owner)
        || commit(git, &repository.tree, &format!("refs/heads/{}", names.branch)).await?.is_some()
    {
        owner.release();
        return Ok(None);
    }
    Ok(Some(owner))
}

impl Worktree {
    /// Where the agent works: the folder of the call, below the worktree as it was below the checkout.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The branch that the agent works on.
    pub fn branch(&self) -> &str {
        &self.record.branch
    }

    /// What the agent's program needs in its environment (`None` takes a variable away): no variable that turns its git
    /// on another repository, and none of the repositories around the worktree, should its own `.git` be lost.
    pub fn env(&self) -> Vec<(OsString, Option<OsString>)> {
        const CEILING: &str = "GIT_CEILING_DIRECTORIES";
        let mut variables: Vec<_> = git::unwanted_variables().into_iter().map(|name| (name, None)).collect();
        let before = env::var_os(CEILING).unwrap_or_default();
        let ceilings = [self.repository.home.clone()].into_iter().chain(env::split_paths(&before));
        // A path with a separator in it cannot be said there.
        if let Ok(ceilings) = env::join_paths(ceilings) {
            variables.push((CEILING.into(), Some(ceilings)));
        }
        variables
    }

    async fn fill(&mut self) -> Result<(), ErrorData> {
        let Self { git, repository, owner, record, .. } = self;
        let folder = &self.tree.work_tree;
        if self.options.uncommitted {
            let index = owner.beside(close::INDEX);
            let snapshot = snapshot::take(git, &repository.tree, &index).await;
            drop(fs::remove_file(&index));
            let snapshot = snapshot?;
            let head =
                git.on(&repository.tree, ["rev-parse", &format!("{}^{{tree}}", record.base)]).run().await?;
            if head.text() != snapshot.tree {
                let message = "uncommitted changes of the checkout\n";
                record.base =
                    snapshot::commit(git, &repository.tree, &snapshot.tree, &record.base, message).await?;
            }
        }
        let noted = |problem| error(format!("cannot write beside {}: {problem}", folder.display()));
        owner.write(record).map_err(noted)?;
        // By itself and not by `worktree add -b`: that makes the branch first, and when it is run again because another
        // git was in its way, the branch would be there.
        let branch = format!("refs/heads/{}", record.branch);
        git.on(&repository.tree, ["update-ref", &branch, &record.base, ""]).run().await?;
        let mut add: Vec<OsString> = ["worktree", "add", "--quiet", "--"].map(OsString::from).into();
        add.extend([folder.into(), (&record.branch).into()]);
        git.on(&repository.tree, add).run().await?;
        let id = git.anywhere(folder, ["rev-parse", "--absolute-git-dir"]).run().await?.text();
        let id = Path::new(&id).file_name().and_then(|id| id.to_str());
        record.id = id.map(str::to_owned);
        let top = canonical(folder);
        self.tree.git_dir = admin_dir(repository, record);
        if !self.tree.git_dir.join("HEAD").is_file() {
            return Err(error(format!("git made no worktree in {}", folder.display())));
        }
        self.dir = folder.join(&repository.prefix);
        // Git has no empty folders, and another commit may have none of that name, or a link to anywhere.
        fs::create_dir_all(&self.dir).map_err(|problem| {
            error(format!("cannot make {}, where the call is to work: {problem}", self.dir.display()))
        })?;
        if !canonical(&self.dir).starts_with(&top) {
            return Err(error(format!("{} leads out of the worktree", self.dir.display())));
        }
        owner.complete(record).map_err(noted)
    }

    /// Removes what no agent has seen.
    async fn undo(self) {
        let Self { git, repository, owner, record, tree, .. } = self;
        close::discard_unused(&git, &repository, &record, &tree.work_tree).await;
        owner.release();
    }
}

/// The worktree's own part of the repository.
fn admin_dir(repository: &Repository, record: &Record) -> PathBuf {
    repository.common_dir.join("worktrees").join(record.id.as_deref().unwrap_or_default())
}

/// The call in one line, for commits.
fn title(record: &Record) -> String {
    const LONGEST: usize = 72;
    let words: Vec<_> = record.label.iter().flat_map(|label| label.split_whitespace()).collect();
    let title: String = words.join(" ").chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if title.is_empty() {
        format!("agent call {} of workflow run {}", record.call, record.run)
    } else {
        title
    }
}
