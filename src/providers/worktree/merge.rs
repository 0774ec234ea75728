//! Takes the work of an agent over into the checkout that it was made for: only when asked, and only where nothing of
//! the user's can be lost or mixed up. In doubt it does nothing and says why.
//!
//! What git itself refuses stays the last word: the checkout is changed by one `git merge --ff-only`, which overwrites
//! no file that is changed, untracked or ignored.

use std::path::Path;

use super::git::{Git, Version};
use super::lock::lock;
use super::repository::{Repository, commit, is_ancestor};
use super::snapshot;
use super::{Record, Work, title};
use crate::model::error::ErrorData;

/// Since this version git can merge without a checkout from a base that it is given.
const MERGE_TREE: Version = Version(2, 40);

/// The file in the folder of worktrees that is locked while there is a merge.
pub(super) const LOCK: &str = "merge.lock";

/// The checkout after a merge.
#[derive(Clone, Debug)]
pub(super) struct Into {
    pub branch: String,
    pub commit: String,
}

/// Moves the branch of the checkout on by the work: by its own commits, or by one commit with all of it. The inner
/// error is why it was not done.
///
/// # Errors
/// As of git.
pub(super) async fn merge(
    git: &Git,
    repository: &Repository,
    record: &Record,
    work: &Work,
    squash: bool,
) -> Result<Result<Into, String>, ErrorData> {
    let root = repository.tree.work_tree.display();
    // Each merge moves what the next one starts from.
    let Some(_lock) = lock(&repository.home.join(LOCK)).await else {
        return Ok(Err(format!("other merges into {root} did not come to an end")));
    };
    let branch = match (repository.branch(git).await?, &record.checkout) {
        (Some(now), Some(then)) if now == *then => now,
        (None, _) => return Ok(Err(format!("no branch is checked out in {root}"))),
        (Some(now), None) => {
            return Ok(Err(format!("{} is checked out in {root}, and no branch was before", short(&now))));
        }
        (Some(now), Some(then)) => {
            return Ok(Err(format!(
                "{} is checked out in {root}, and {} was before",
                short(&now),
                short(then)
            )));
        }
    };
    let status = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"];
    if !git.on(&repository.tree, status).run().await?.stdout.is_empty() {
        return Ok(Err(format!("{root} has uncommitted changes")));
    }
    let head = repository.head(git).await?;
    let target = if squash {
        match squashed(git, repository, record, work, &head).await? {
            Ok(target) => target,
            Err(why) => return Ok(Err(why)),
        }
    } else if is_ancestor(git, &repository.tree, &head, &work.commit).await? {
        work.commit.clone()
    } else {
        return Ok(Err(format!("{} has moved on, so it cannot be fast-forwarded", short(&branch))));
    };
    let options = ["--ff-only", "--no-overwrite-ignore", "--no-verify-signatures", "--no-stat", "--quiet"];
    let merged =
        git.on(&repository.tree, ["merge"].into_iter().chain(options).chain([&*target])).output().await?;
    if !merged.ok() {
        return Ok(Err(format!("git merge said: {}", merged.stderr.trim())));
    }
    Ok(Ok(Into { branch: short(&branch).to_owned(), commit: target }))
}

/// One commit on top of `head` with everything that the agent did.
async fn squashed(
    git: &Git,
    repository: &Repository,
    record: &Record,
    work: &Work,
    head: &str,
) -> Result<Result<String, String>, ErrorData> {
    let tree = &repository.tree;
    let contents = if head == work.base {
        git.on(tree, ["rev-parse", &format!("{}^{{tree}}", work.commit)]).run().await?.text()
    } else if git.version < MERGE_TREE {
        return Ok(Err(format!(
            "the checkout has moved on, and git {}.{} or newer is needed to squash then",
            MERGE_TREE.0, MERGE_TREE.1
        )));
    } else {
        let base = format!("--merge-base={}", work.base);
        let args = ["merge-tree", "--write-tree", "--no-messages", "--name-only", &base, head, &work.commit];
        let merged = git.on(tree, args).output().await?;
        let text = merged.text();
        let mut lines = text.lines();
        let contents = lines.next().unwrap_or_default().to_owned();
        match merged.code {
            0 => contents,
            1 => {
                let files: Vec<_> = lines.collect();
                return Ok(Err(format!("both sides changed {}", files.join(", "))));
            }
            _ => return Ok(Err(format!("git merge-tree said: {}", merged.stderr.trim()))),
        }
    };
    if git.on(tree, ["rev-parse", &format!("{head}^{{tree}}")]).run().await?.text() == contents {
        return Ok(Ok(head.to_owned()));
    }
    let range = format!("{}..{}", work.base, work.commit);
    let log = git
        .on(tree, ["log", "--reverse", "--no-show-signature", "--format=- %s", &range])
        .run()
        .await?
        .text();
    let message = format!("{}\n\n{log}\n", title(record));
    snapshot::commit(git, tree, &contents, head, &message).await.map(Ok)
}

/// Writes the work as a patch for `git apply`.
///
/// # Errors
/// As of git.
pub(super) async fn patch(
    git: &Git,
    repository: &Repository,
    work: &Work,
    path: &Path,
) -> Result<(), ErrorData> {
    // Git writes the file itself: it may hold any bytes. This command does not care how the user likes his diffs.
    let mut output = std::ffi::OsString::from("--output=");
    output.push(path);
    let mut args: Vec<_> = ["diff-tree", "-p", "--binary", "--full-index", "--no-ext-diff", "--no-textconv"]
        .map(std::ffi::OsString::from)
        .into();
    args.extend([output, (&work.base).into(), (&work.commit).into()]);
    git.on(&repository.tree, args).run().await.map(drop)
}

/// Deletes a branch if it still is what it was.
///
/// # Errors
/// As of git.
pub(super) async fn delete_branch(git: &Git, repository: &Repository, branch: &str) -> Result<(), ErrorData> {
    let name = format!("refs/heads/{branch}");
    let Some(now) = commit(git, &repository.tree, &name).await? else { return Ok(()) };
    git.on(&repository.tree, ["update-ref", "-d", &name, &now]).run().await.map(drop)
}

fn short(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or(reference)
}
