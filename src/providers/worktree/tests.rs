//! Worktrees of real repositories, in folders of their own. Git's own settings and those of the machine are kept out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::clean::clean_with;
use super::git::{Git, Version};
use super::*;

/// A folder that is removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("smol-worktree-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }

    /// With a repository of one commit in it: `a.txt`, `sub/b.txt`, and `*.tmp` ignored.
    fn with_repository() -> Self {
        let place = Self::new();
        place.git(["init", "-q", "-b", "main"]);
        place.git(["config", "user.name", "Ada"]);
        place.git(["config", "user.email", "ada@example.org"]);
        place.write("a.txt", "one\n");
        place.write("sub/b.txt", "two\n");
        place.write(".gitignore", "*.tmp\n");
        place.commit("first");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.0, name, text);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn commit(&self, message: &str) {
        commit_all(&self.0, message);
    }

    fn git<const N: usize>(&self, args: [&str; N]) -> String {
        git(&self.0, args)
    }

    fn home(&self) -> PathBuf {
        self.path(".smol/worktrees")
    }

    /// What is in the folder of worktrees, without what is always there.
    fn left(&self) -> Vec<String> {
        let names =
            fs::read_dir(self.home()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !matches!(&**name, ".gitignore" | merge::LOCK)).collect();
        names.sort();
        names
    }

    fn branches(&self) -> Vec<String> {
        let list = self.git(["for-each-ref", "--format=%(refname:short)", "refs/heads/smol"]);
        list.lines().map(str::to_owned).collect()
    }

    /// All that must not change in the user's checkout: branch, commit, index, files, stashes.
    fn state(&self) -> String {
        let index = fs::read(self.path(".git/index")).unwrap();
        let mut state = self.git(["status", "--porcelain=v2", "--branch"]);
        state += &self.git(["stash", "list"]);
        state += &self.git(["ls-files", "-s"]);
        state += &format!("{:?}", self.git(["diff"]));
        // Status itself may refresh it.
        fs::write(self.path(".git/index"), index).unwrap();
        state
    }

    fn request(&self, call: u64) -> Request {
        Request { repository_dir: self.0.clone(), run: "r1".to_owned(), call, ..Request::default() }
    }

    async fn open(&self, options: WorktreeOptions) -> Worktree {
        open_with(tame(), Request { options, label: Some("Fix it".to_owned()), ..self.request(3) })
            .await
            .unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Git without the settings of the machine, and in no mood to wait.
fn tame() -> Git {
    let set = |name: &str, value: &str| (name.into(), Some(value.into()));
    let env = vec![set("GIT_CONFIG_GLOBAL", "/dev/null"), set("GIT_CONFIG_NOSYSTEM", "1")];
    Git { env, ..Git::default() }
}

/// Fails the test where git does.
fn git<const N: usize>(dir: &Path, args: [&str; N]) -> String {
    let mut command = Command::new("git");
    for name in git::unwanted_variables() {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
    let output = command.current_dir(dir).args(args).output().expect("these tests need git on the PATH");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn commit_all(dir: &Path, message: &str) {
    git(dir, ["add", "-A"]);
    git(dir, ["-c", "user.name=Agent", "-c", "user.email=agent@example.org", "commit", "-q", "-m", message]);
}

fn merging(merge: Merge) -> WorktreeOptions {
    WorktreeOptions { merge: Some(merge), ..WorktreeOptions::default() }
}

fn kept(outcome: Outcome) -> Work {
    match outcome {
        Outcome::Kept(work) => work,
        other => panic!("{other:?}"),
    }
}

/// The message of an error of this room.
fn words<T: std::fmt::Debug>(result: Result<T, ErrorData>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code.as_deref(), Some(ERR_WORKTREE), "{error:?}");
    error.message
}

#[tokio::test]
async fn an_agent_that_changes_nothing_leaves_nothing() {
    let place = Place::with_repository();
    let before = place.state();
    let worktree = place.open(WorktreeOptions::default()).await;
    assert_eq!(worktree.dir(), place.home().join("r1-3-fix-it"));
    assert_eq!(worktree.branch(), "smol/r1/3-fix-it");
    assert_eq!(fs::read_to_string(worktree.dir().join("a.txt")).unwrap(), "one\n");
    assert_eq!(place.state(), before, "and git status does not show it");
    write(worktree.dir(), "ignored.tmp", "x");
    assert_eq!(worktree.close(true).await.unwrap(), Outcome::Unchanged);
    assert_eq!(place.left(), [""; 0]);
    assert_eq!(place.branches(), [""; 0]);
    assert_eq!(place.state(), before);
    assert_eq!(place.git(["worktree", "list"]).lines().count(), 1);
}

#[tokio::test]
async fn work_ends_on_the_branch() {
    let place = Place::with_repository();
    // A hook and a key that would spoil every commit.
    place.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    place.write(".git/hooks/reference-transaction", "#!/bin/sh\nexit 1\n");
    git(&place.0, ["config", "commit.gpgSign", "true"]);
    git(&place.0, ["config", "gpg.program", "/does/not/exist"]);
    make_executable(&place.path(".git/hooks/pre-commit"));
    let before = place.state();
    let worktree = place.open(WorktreeOptions::default()).await;
    let dir = worktree.dir().to_owned();
    write(&dir, "a.txt", "changed\n");
    git(&dir, ["-c", "commit.gpgSign=false", "commit", "-q", "-n", "-a", "-m", "by the agent"]);
    make_executable(&place.path(".git/hooks/reference-transaction"));
    write(&dir, "sub/b.txt", "changed, too\n");
    write(&dir, "new/ü ß\n\"x\".txt", "new\n");
    fs::remove_file(dir.join(".gitignore")).unwrap();
    // As a git that was killed leaves it.
    fs::write(place.path(".git/worktrees/r1-3-fix-it/index.lock"), "").unwrap();
    let work = kept(worktree.close(false).await.unwrap());
    assert_eq!((work.commits, work.files_changed, work.uncommitted_committed), (2, 4, true));
    assert_eq!((&*work.branch, work.folder), ("smol/r1/3-fix-it", None));
    assert_eq!(place.git(["rev-parse", &work.branch]).trim(), work.commit);
    assert_eq!(place.git(["show", "smol/r1/3-fix-it:sub/b.txt"]), "changed, too\n");
    assert_eq!(place.git(["show", "smol/r1/3-fix-it:new/ü ß\n\"x\".txt"]), "new\n");
    let log = place.git(["log", "--format=%an|%cn|%s", "main..smol/r1/3-fix-it"]);
    assert_eq!(log, "Ada|Ada|Fix it\nAda|Ada|by the agent\n");
    assert_eq!(place.left(), [""; 0]);
    assert_eq!(place.state(), before);
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn make_executable(_: &Path) {}

#[tokio::test]
async fn whoever_is_not_known_to_git_commits_as_nobody() {
    let place = Place::with_repository();
    place.git(["config", "--unset", "user.name"]);
    place.git(["config", "--unset", "user.email"]);
    let worktree = place.open(WorktreeOptions::default()).await;
    write(worktree.dir(), "new.txt", "new\n");
    kept(worktree.close(true).await.unwrap());
    let author = place.git(["log", "-1", "--format=%an <%ae> %cn", "smol/r1/3-fix-it"]);
    assert_eq!(author, "smol-workflow <smol-workflow@localhost> smol-workflow\n");
}

#[tokio::test]
async fn uncommitted_changes_come_along_and_stay_where_they_are() {
    let place = Place::with_repository();
    place.write("staged.txt", "staged\n");
    place.write("a.txt", "staged\n");
    place.git(["add", "-A"]);
    place.write("a.txt", "staged and changed\n");
    place.write("fresh.txt", "not tracked\n");
    place.write("secret.tmp", "ignored\n");
    fs::remove_file(place.path("sub/b.txt")).unwrap();
    // A repository inside is nobody's file, and one without a commit is an error to `git add`.
    place.write("inner/x.txt", "x");
    git(&place.path("inner"), ["init", "-q"]);
    fs::write(place.path(".git/index.lock"), "").unwrap();
    let before = place.state();
    let options = WorktreeOptions { uncommitted: true, ..WorktreeOptions::default() };
    let worktree = place.open(options.clone()).await;
    let read = |name: &str| fs::read_to_string(worktree.dir().join(name)).ok();
    assert_eq!(read("a.txt").as_deref(), Some("staged and changed\n"));
    assert_eq!(read("staged.txt").as_deref(), Some("staged\n"));
    assert_eq!(read("fresh.txt").as_deref(), Some("not tracked\n"));
    assert_eq!((read("secret.tmp"), read("sub/b.txt"), read("inner/x.txt")), (None, None, None));
    assert_eq!(place.state(), before);
    assert_eq!(worktree.close(true).await.unwrap(), Outcome::Unchanged, "they are no work of the agent");
    let worktree = place.open(options).await;
    write(worktree.dir(), "agent.txt", "work\n");
    let work = kept(worktree.close(true).await.unwrap());
    assert_eq!((work.commits, work.files_changed), (1, 1));
    assert_eq!(place.git(["log", "--format=%s", "main..smol/r1/3-fix-it"]).lines().count(), 2);
    assert_eq!(place.state(), before);
}

#[tokio::test]
async fn a_change_as_old_as_the_index_is_seen() {
    let place = Place::with_repository();
    place.write("a.txt", "two\n");
    // File and index of one moment, and the file as long as before: only its contents tell.
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let set = |name: &str| {
        let times = fs::FileTimes::new().set_modified(then);
        fs::File::options().write(true).open(place.path(name)).unwrap().set_times(times).unwrap();
    };
    place.git(["config", "core.trustctime", "false"]);
    set("a.txt");
    place.git(["add", "a.txt"]);
    place.write("a.txt", "six\n");
    set("a.txt");
    set(".git/index");
    let options = WorktreeOptions { uncommitted: true, ..WorktreeOptions::default() };
    let worktree = place.open(options).await;
    assert_eq!(fs::read_to_string(worktree.dir().join("a.txt")).unwrap(), "six\n");
    worktree.close(true).await.unwrap();
}

#[tokio::test]
async fn a_call_in_a_subfolder_works_in_the_same_subfolder() {
    let place = Place::with_repository();
    for (folder, expected) in [("sub", "sub"), ("build.tmp/deep", "build.tmp/deep")] {
        fs::create_dir_all(place.path(folder)).unwrap();
        let request = Request { repository_dir: place.path(folder), ..place.request(1) };
        let worktree = open_with(tame(), request).await.unwrap();
        assert_eq!(worktree.dir(), place.home().join("r1-1").join(expected));
        assert!(worktree.dir().is_dir());
        assert_eq!(worktree.close(true).await.unwrap(), Outcome::Unchanged);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn no_link_leads_out_of_the_worktree() {
    let place = Place::with_repository();
    std::os::unix::fs::symlink("/", place.path("out")).unwrap();
    place.commit("a link");
    fs::remove_file(place.path("out")).unwrap();
    fs::create_dir(place.path("out")).unwrap();
    let request = Request { repository_dir: place.path("out"), ..place.request(1) };
    assert!(words(open_with(tame(), request).await).contains("leads out of the worktree"));
    assert_eq!((place.left(), place.branches()), (vec![], vec![]));

    let place = Place::with_repository();
    fs::create_dir(place.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", place.path(".smol")).unwrap();
    assert!(words(open_with(tame(), place.request(1)).await).contains("a symbolic link is there"));
    assert_eq!(fs::read_dir(place.path("elsewhere")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_base_other_than_head() {
    let place = Place::with_repository();
    place.git(["tag", "v1"]);
    place.write("a.txt", "later\n");
    place.commit("second");
    let base = |name: &str| WorktreeOptions { base: Some(name.to_owned()), ..WorktreeOptions::default() };
    let worktree = place.open(base("v1")).await;
    assert_eq!(fs::read_to_string(worktree.dir().join("a.txt")).unwrap(), "one\n");
    assert_eq!(worktree.close(true).await.unwrap(), Outcome::Unchanged);
    for name in ["v2", "--help", "", "a b", "v1:a.txt"] {
        let request = Request { options: base(name), ..place.request(1) };
        let error = open_with(tame(), request).await.unwrap_err();
        assert_eq!(error.code.as_deref(), Some("ERR_INVALID_OPTION"), "{name}: {error:?}");
    }
    let both = WorktreeOptions { uncommitted: true, ..base("v1") };
    assert!(both.validate().unwrap_err().message.contains("uncommitted cannot go with base"));
    let never = WorktreeOptions { keep: Keep::Never, ..merging(Merge::Squash) };
    assert!(never.validate().unwrap_err().message.contains("merge cannot go with keep"));
}

#[tokio::test]
async fn kept_or_thrown_away_as_asked() {
    let place = Place::with_repository();
    let keep = |keep| WorktreeOptions { keep, ..WorktreeOptions::default() };
    let worktree = place.open(keep(Keep::Never)).await;
    write(worktree.dir(), "new.txt", "new\n");
    let Outcome::Discarded(work) = worktree.close(true).await.unwrap() else { panic!() };
    assert_eq!((place.left(), place.branches()), (vec![], vec![]));
    assert_eq!(place.git(["show", &format!("{}:new.txt", work.commit)]), "new\n", "it can be had back");

    let worktree = place.open(keep(Keep::Always)).await;
    let dir = worktree.dir().to_owned();
    write(&dir, "new.txt", "new\n");
    let work = kept(worktree.close(true).await.unwrap());
    assert_eq!(work.folder.unwrap().path, dir);
    assert_eq!(git(&dir, ["status", "--porcelain"]), "");
    assert_eq!(git(&dir, ["branch", "--show-current"]), "smol/r1/3-fix-it\n");
    assert_eq!(clean_with(tame(), &place.0).await.unwrap(), [], "it is no leftover");
    // Its names are taken.
    let worktree = place.open(keep(Keep::Changed)).await;
    assert_eq!(worktree.branch(), "smol/r1/3-fix-it.2");
    worktree.close(true).await.unwrap();
}

#[tokio::test]
async fn merges_go_into_a_clean_checkout() {
    for how in [Merge::FastForward, Merge::Squash] {
        let place = Place::with_repository();
        let worktree = place.open(merging(how)).await;
        write(worktree.dir(), "a.txt", "by the agent\n");
        commit_all(worktree.dir(), "step");
        write(worktree.dir(), "new.txt", "new\n");
        place.write("mine.txt", "not tracked, and no matter\n");
        let outcome = worktree.close(true).await.unwrap();
        let Outcome::Merged { into, merged, work } = outcome else { panic!("{how:?}: {outcome:?}") };
        assert_eq!((&*into, work.commits, work.files_changed), ("main", 2, 2));
        assert_eq!(place.git(["rev-parse", "HEAD"]).trim(), merged);
        assert_eq!(
            (place.read("a.txt"), place.read("new.txt")),
            ("by the agent\n".to_owned(), "new\n".to_owned())
        );
        assert_eq!(place.git(["status", "--porcelain"]), "?? mine.txt\n");
        let log = place.git(["log", "--format=%B", "HEAD~1..HEAD"]);
        if how == Merge::Squash {
            assert_eq!(log.trim(), "Fix it\n\n- step\n- Fix it");
            assert_eq!(place.git(["rev-list", "--count", "HEAD"]), "2\n");
        }
        assert_eq!((place.left(), place.branches()), (vec![], vec![]));
    }
}

#[tokio::test]
async fn a_squash_joins_what_fits_together() {
    let place = Place::with_repository();
    let worktree = place.open(merging(Merge::Squash)).await;
    write(worktree.dir(), "a.txt", "by the agent\n");
    place.write("sub/b.txt", "by the user\n");
    place.commit("meanwhile");
    let Outcome::Merged { .. } = worktree.close(true).await.unwrap() else { panic!() };
    assert_eq!(
        (place.read("a.txt"), place.read("sub/b.txt")),
        ("by the agent\n".into(), "by the user\n".into())
    );
    assert_eq!(place.git(["status", "--porcelain"]), "");
    assert_eq!(place.git(["log", "--format=%s"]), "Fix it\nmeanwhile\nfirst\n");
}

#[tokio::test]
async fn what_could_lose_something_is_not_merged() {
    type Case = (&'static str, Merge, fn(&Place), &'static str);
    let cases: &[Case] = &[
        (
            "changed",
            Merge::FastForward,
            |place| place.write("sub/b.txt", "mine\n"),
            "has uncommitted changes",
        ),
        (
            "staged",
            Merge::Squash,
            |place| {
                place.write("mine.txt", "mine\n");
                place.git(["add", "mine.txt"]);
            },
            "has uncommitted changes",
        ),
        (
            "moved on",
            Merge::FastForward,
            |place| {
                place.write("sub/b.txt", "mine\n");
                place.commit("meanwhile");
            },
            "main has moved on",
        ),
        (
            "both changed",
            Merge::Squash,
            |place| {
                place.write("a.txt", "mine\n");
                place.commit("meanwhile");
            },
            "both sides changed a.txt",
        ),
        ("not tracked", Merge::FastForward, |place| place.write("new.txt", "mine\n"), "would be overwritten"),
        (
            "ignored",
            Merge::Squash,
            |place| {
                place.write(".git/info/exclude", "new.txt\n");
                place.write("new.txt", "mine\n");
            },
            "would be overwritten",
        ),
        (
            "another branch",
            Merge::FastForward,
            |place| {
                place.git(["checkout", "-q", "-b", "other"]);
            },
            "other is checked out",
        ),
        (
            "no branch",
            Merge::Squash,
            |place| {
                place.git(["checkout", "-q", "--detach"]);
            },
            "no branch is checked out",
        ),
    ];
    for (name, how, meanwhile, expected) in cases {
        let place = Place::with_repository();
        let worktree = place.open(merging(*how)).await;
        write(worktree.dir(), "a.txt", "by the agent\n");
        write(worktree.dir(), "new.txt", "by the agent\n");
        git(worktree.dir(), ["add", "-A", "-f"]);
        meanwhile(&place);
        let before = place.state();
        let outcome = worktree.close(true).await.unwrap();
        let Outcome::Conflict { why, work } = outcome else { panic!("{name}: {outcome:?}") };
        assert!(why.contains(expected), "{name}: {why}");
        assert_eq!(place.state(), before, "{name}");
        assert_eq!(place.git(["show", &format!("{}:new.txt", work.branch)]), "by the agent\n", "{name}");
        assert_eq!(place.left(), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_locked_checkout_is_not_merged_into() {
    let place = Place::with_repository();
    let request = Request { options: merging(Merge::FastForward), ..place.request(1) };
    let worktree = open_with(Git { tries: 2, ..tame() }, request).await.unwrap();
    write(worktree.dir(), "a.txt", "by the agent\n");
    fs::write(place.path(".git/index.lock"), "").unwrap();
    let Outcome::Conflict { why, .. } = worktree.close(true).await.unwrap() else { panic!() };
    assert!(why.contains("index.lock': File exists"), "{why}");
    assert_eq!(place.read("a.txt"), "one\n");
}

#[tokio::test]
async fn a_failed_call_is_not_merged() {
    let place = Place::with_repository();
    let worktree = place.open(merging(Merge::FastForward)).await;
    write(worktree.dir(), "a.txt", "by the agent\n");
    kept(worktree.close(false).await.unwrap());
    assert_eq!(place.read("a.txt"), "one\n");
}

#[tokio::test]
async fn a_patch_applies() {
    let place = Place::with_repository();
    place.git(["config", "diff.noprefix", "true"]);
    place.write("mine.txt", "not committed\n");
    let before = place.state();
    let options = WorktreeOptions { uncommitted: true, ..merging(Merge::Patch) };
    let worktree = place.open(options).await;
    write(worktree.dir(), "a.txt", "lines\r\nof\r\nWindows\r\n");
    fs::write(worktree.dir().join("binary"), [0, 13, 10, 255, 0]).unwrap();
    let Outcome::Patch { patch, work } = worktree.close(true).await.unwrap() else { panic!() };
    assert_eq!(place.state(), before);
    assert_eq!(place.branches(), [work.branch]);
    place.git(["apply", patch.to_str().unwrap()]);
    assert_eq!(place.read("a.txt"), "lines\r\nof\r\nWindows\r\n");
    assert_eq!(fs::read(place.path("binary")).unwrap(), [0, 13, 10, 255, 0]);
}

#[tokio::test]
async fn an_agent_may_go_anywhere_with_its_head() {
    type Case = (&'static str, fn(&Path), u64, usize);
    let cases: &[Case] = &[
        (
            "detached",
            |dir| {
                git(dir, ["checkout", "-q", "--detach"]);
                write(dir, "x.txt", "x\n");
                commit_all(dir, "detached");
            },
            1,
            1,
        ),
        (
            "its own branch",
            |dir| {
                git(dir, ["checkout", "-q", "-b", "mine"]);
                write(dir, "x.txt", "x\n");
                commit_all(dir, "mine");
                write(dir, "x.txt", "y\n");
            },
            2,
            1,
        ),
        (
            "two lines of work",
            |dir| {
                write(dir, "y.txt", "y\n");
                commit_all(dir, "one line");
                git(dir, ["checkout", "-q", "--detach", "HEAD~1"]);
                write(dir, "x.txt", "x\n");
            },
            1,
            2,
        ),
        (
            "amended",
            |dir| {
                write(dir, "x.txt", "x\n");
                git(dir, ["add", "-A"]);
                git(dir, ["commit", "-q", "--amend", "-m", "other"]);
            },
            1,
            1,
        ),
        (
            "a new history",
            |dir| {
                git(dir, ["checkout", "-q", "--orphan", "fresh"]);
                write(dir, "x.txt", "x\n");
            },
            1,
            1,
        ),
        (
            "branch deleted",
            |dir| {
                git(dir, ["checkout", "-q", "--detach"]);
                git(dir, ["branch", "-q", "-D", "smol/r1/3-fix-it"]);
                write(dir, "x.txt", "x\n");
            },
            1,
            1,
        ),
        (
            "in the middle of a merge",
            |dir| {
                write(dir, "a.txt", "ours\n");
                commit_all(dir, "ours");
                git(dir, ["checkout", "-q", "-b", "theirs", "HEAD~1"]);
                write(dir, "a.txt", "theirs\n");
                commit_all(dir, "theirs");
                git(dir, ["checkout", "-q", "smol/r1/3-fix-it"]);
                let merge =
                    Command::new("git").args(["merge", "-q", "theirs"]).current_dir(dir).output().unwrap();
                assert!(!merge.status.success());
                write(dir, "x.txt", "x\n");
            },
            2,
            1,
        ),
    ];
    for (name, work, commits, branches) in cases {
        let place = Place::with_repository();
        let before = place.state();
        let worktree = place.open(WorktreeOptions::default()).await;
        work(worktree.dir());
        let work = kept(worktree.close(true).await.unwrap());
        assert_eq!((work.commits, place.branches().len()), (*commits, *branches), "{name}: {work:?}");
        assert!(place.git(["ls-tree", "--name-only", &work.branch]).contains("x.txt"), "{name}");
        assert_eq!(place.left(), [""; 0], "{name}");
        assert_eq!(place.state(), before, "{name}");
    }
}

#[tokio::test]
async fn repositories_that_the_agent_made_keep_the_folder() {
    let place = Place::with_repository();
    let worktree = place.open(WorktreeOptions::default()).await;
    let dir = worktree.dir().to_owned();
    write(&dir, "inner/x.txt", "x\n");
    git(&dir.join("inner"), ["init", "-q"]);
    let folder = kept(worktree.close(true).await.unwrap()).folder.unwrap();
    assert!(folder.why.contains("inner/"), "{folder:?}");
    assert!(dir.join("inner/x.txt").exists());

    // The agent has committed what points to it.
    let worktree = place.open(WorktreeOptions::default()).await;
    let dir = worktree.dir().to_owned();
    write(&dir, "inner/x.txt", "x\n");
    git(&dir.join("inner"), ["init", "-q"]);
    commit_all(&dir.join("inner"), "inside");
    commit_all(&dir, "outside");
    let work = kept(worktree.close(true).await.unwrap());
    assert_eq!(work.commits, 1);
    assert!(work.folder.unwrap().why.contains("inner"));
    assert!(dir.join("inner/x.txt").exists());
}

#[tokio::test]
async fn the_users_checkout_is_safe_from_an_agent_without_its_git_file() {
    let place = Place::with_repository();
    let before = place.state();
    let worktree = place.open(WorktreeOptions::default()).await;
    fs::remove_file(worktree.dir().join(".git")).unwrap();
    write(worktree.dir(), "new.txt", "new\n");
    let found = Command::new("git")
        .arg("rev-parse")
        .envs(set(&worktree))
        .current_dir(worktree.dir())
        .output()
        .unwrap();
    assert!(!found.status.success(), "its own git finds nothing");
    let work = kept(worktree.close(true).await.unwrap());
    assert_eq!(place.git(["show", "smol/r1/3-fix-it:new.txt"]), "new\n");
    assert!(work.folder.is_some(), "git does not remove what it does not know");
    assert_eq!(place.state(), before);
}

fn set(worktree: &Worktree) -> Vec<(OsString, OsString)> {
    worktree.env().into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[tokio::test]
async fn a_folder_that_is_gone() {
    let place = Place::with_repository();
    let worktree = place.open(WorktreeOptions::default()).await;
    fs::remove_dir_all(worktree.dir()).unwrap();
    assert!(words(worktree.close(true).await).contains("was removed while the agent worked in it"));
    assert_eq!((place.left(), place.branches()), (vec![], vec![]));

    let worktree = place.open(WorktreeOptions::default()).await;
    write(worktree.dir(), "new.txt", "new\n");
    commit_all(worktree.dir(), "saved");
    fs::remove_dir_all(worktree.dir()).unwrap();
    let work = kept(worktree.close(true).await.unwrap());
    assert!(work.folder_lost);
    assert_eq!((work.commits, work.folder), (1, None));
    assert_eq!(place.git(["worktree", "list"]).lines().count(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_removed_is_reported() {
    let place = Place::with_repository();
    let worktree = place.open(WorktreeOptions::default()).await;
    let dir = worktree.dir().to_owned();
    write(&dir, "new.txt", "new\n");
    place.git(["worktree", "lock", "--reason", "busy", dir.to_str().unwrap()]);
    let work = kept(worktree.close(true).await.unwrap());
    let folder = work.folder.unwrap();
    assert_eq!(folder.path, dir);
    assert!(folder.why.contains("busy"), "{folder:?}");
    assert_eq!(place.branches(), [work.branch]);
}

#[tokio::test]
async fn work_that_cannot_be_committed_stays_and_is_found_again() {
    let place = Place::with_repository();
    let worktree = place.open(WorktreeOptions::default()).await;
    let dir = worktree.dir().to_owned();
    write(&dir, "new.txt", "new\n");
    // Git cannot make an index where a folder is.
    fs::create_dir(place.home().join("r1-3-fix-it.index")).unwrap();
    let message = words(worktree.close(true).await);
    assert!(message.contains("r1-3-fix-it and on the branch smol/r1/3-fix-it"), "{message}");
    fs::remove_dir(place.home().join("r1-3-fix-it.index")).unwrap();
    let cleaned = clean_with(tame(), &place.0).await.unwrap();
    assert_eq!(kept(cleaned[0].outcome.clone().unwrap()).commits, 1);
    assert_eq!(place.left(), [""; 0]);
}

#[tokio::test]
async fn clear_words_where_no_worktree_can_be() {
    let nowhere = Place::new();
    let message = words(open_with(tame(), nowhere.request(1)).await);
    assert!(
        message.contains("is not in a git repository") && message.contains("fatal: not a git"),
        "{message}"
    );

    let missing = Request { repository_dir: nowhere.path("missing"), ..Request::default() };
    assert!(words(open_with(tame(), missing).await).contains("there is no such folder"));

    let none = Git { program: "git-that-is-not-there".into(), ..tame() };
    assert!(words(open_with(none, nowhere.request(1)).await).contains("was not found: a worktree needs git"));

    nowhere.git(["init", "-q"]);
    assert!(words(open_with(tame(), nowhere.request(1)).await).contains("has no commit yet"));
    let inside = Request { repository_dir: nowhere.path(".git"), ..Request::default() };
    assert!(words(open_with(tame(), inside).await).contains("inside the folder in which git keeps"));

    let bare = Place::new();
    bare.git(["init", "-q", "--bare"]);
    assert!(words(open_with(tame(), bare.request(1)).await).contains("is in a bare repository"));

    let place = Place::with_repository();
    place.write(".smol", "a file");
    assert!(words(open_with(tame(), place.request(1)).await).contains("cannot make"));

    let place = Place::with_repository();
    place.git(["branch", "smol"]);
    let message = words(open_with(tame(), place.request(1)).await);
    assert!(
        message.contains("git update-ref refs/heads/smol/r1/1 failed") && message.contains("refs/heads/smol"),
        "{message}"
    );
    assert_eq!(place.left(), [""; 0]);
}

/// A program in git's place.
#[cfg(unix)]
fn instead(place: &Place, script: &str) -> Git {
    let path = place.path(".git/instead");
    fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
    make_executable(&path);
    Git { program: path.into(), ..tame() }
}

#[cfg(unix)]
#[tokio::test]
async fn an_old_git_is_refused() {
    let place = Place::with_repository();
    let old = instead(&place, "echo git version 2.17.1");
    let message = words(open_with(old, place.request(1)).await);
    assert_eq!(message, "git version 2.17.1 is too old for worktrees: install git 2.25 or newer");
    let known = tame().checked(&place.0).await.unwrap();
    assert!(known.version >= Version(2, 25));
}

#[cfg(unix)]
#[tokio::test]
async fn the_locks_of_others_are_waited_for() {
    let place = Place::with_repository();
    let script = "case \"$*\" in *'worktree add'*)\n\
         echo x >>\"$TRIED\"\n\
         if [ $(wc -l <\"$TRIED\") -lt 3 ]; then\n\
           echo \"fatal: Unable to create '/x/index.lock': File exists.\" >&2; exit 128\n\
         fi;; esac\nexec git \"$@\"\n";
    let tried = place.path(".git/tried");
    let mut slow = instead(&place, script);
    slow.env.push(("TRIED".into(), Some(tried.clone().into())));
    let worktree = open_with(slow.clone(), place.request(1)).await.unwrap();
    assert_eq!(fs::read_to_string(&tried).unwrap(), "x\nx\nx\n");
    worktree.close(true).await.unwrap();
    // Not for ever.
    fs::remove_file(&tried).unwrap();
    slow.tries = 2;
    assert!(words(open_with(slow, place.request(2)).await).contains("index.lock': File exists"));
    assert_eq!((place.left(), place.branches()), (vec![], vec![]));
}

#[cfg(unix)]
#[tokio::test]
async fn whatever_fails_while_it_is_made_leaves_nothing_behind() {
    let place = Place::with_repository();
    place.write("mine.txt", "mine\n");
    let before = place.state();
    for step in [
        "ls-files",
        "update-index",
        "write-tree",
        "commit-tree",
        "update-ref",
        "worktree add",
        "--absolute-git-dir",
    ] {
        let script = format!(
            "case \"$*\" in *is-bare*) ;; *'{step}'*) echo 'fatal: No space left on device' >&2; exit 128;; esac\n\
             exec git \"$@\"\n"
        );
        let options = WorktreeOptions { uncommitted: true, ..WorktreeOptions::default() };
        let request = Request { options, ..place.request(1) };
        let message = words(open_with(instead(&place, &script), request).await);
        assert!(message.contains("No space left on device"), "{step}: {message}");
        assert_eq!((place.left(), place.branches()), (vec![], vec![]), "{step}");
        assert_eq!(place.git(["worktree", "list"]).lines().count(), 1, "{step}");
        assert_eq!(place.state(), before, "{step}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn whatever_fails_at_the_end_loses_nothing() {
    let steps = [
        "rev-parse",
        "read-tree",
        "add -u",
        "ls-files",
        "update-index",
        "write-tree",
        "commit-tree",
        "update-ref",
        "symbolic-ref",
        "rev-list",
        "diff-tree",
        "worktree remove",
        "merge-base",
        "var GIT",
        "status",
    ];
    for step in steps {
        let place = Place::with_repository();
        let mut worktree = place.open(merging(Merge::FastForward)).await;
        write(worktree.dir(), "a.txt", "by the agent\n");
        write(worktree.dir(), "new.txt", "by the agent\n");
        let script = format!(
            "case \"$*\" in *'{step}'*) echo 'fatal: No space left on device' >&2; exit 128;; esac\nexec git \"$@\"\n"
        );
        worktree.git = Git { version: worktree.git.version, ..instead(&place, &script) };
        let dir = worktree.dir().to_owned();
        let outcome = worktree.close(true).await;
        let somewhere = |name: &str| {
            let on_branch = place.branches().iter().any(|branch| {
                let object = format!("{branch}:{name}");
                let shown = Command::new("git").args(["show", &object]).current_dir(&place.0).output();
                shown.unwrap().stdout == b"by the agent\n"
            });
            let is = |path: PathBuf| fs::read_to_string(path).is_ok_and(|text| text == "by the agent\n");
            on_branch || is(dir.join(name)) || is(place.path(name))
        };
        assert!(somewhere("a.txt") && somewhere("new.txt"), "{step}: {outcome:?}");
        if outcome.is_err() {
            let cleaned = clean_with(tame(), &place.0).await.unwrap();
            let kept = kept(cleaned[0].outcome.clone().unwrap());
            assert_eq!(place.git(["show", &format!("{}:new.txt", kept.branch)]), "by the agent\n", "{step}");
            assert_eq!(place.left(), [""; 0], "{step}");
        }
    }
}

#[tokio::test]
async fn leftovers_are_cleaned_up_and_what_is_in_use_is_not() {
    let place = Place::with_repository();
    let open = |call| open_with(tame(), place.request(call));
    let unchanged = open(1).await.unwrap();
    let changed = open(2).await.unwrap();
    let in_use = open(3).await.unwrap();
    write(changed.dir(), "new.txt", "new\n");
    write(in_use.dir(), "new.txt", "new\n");
    // As a crash leaves them: one that was being made, and one that had not begun.
    let mut half = Owner::claim(&place.home().join("r1-4.owner")).unwrap().unwrap();
    let branch = "smol/r1/4".to_owned();
    half.write(&Record { call: 4, branch, id: None, ..unchanged.record.clone() }).unwrap();
    place.git(["worktree", "add", "-q", "-b", "smol/r1/4", ".smol/worktrees/r1-4"]);
    fs::remove_file(place.home().join("r1-4/a.txt")).unwrap();
    let empty = Owner::claim(&place.home().join("r1-5.owner")).unwrap().unwrap();
    drop((unchanged, changed, half, empty));
    let cleaned = clean_with(tame(), &place.0).await.unwrap();
    let calls: Vec<_> = cleaned.iter().map(|one| one.call).collect();
    assert_eq!(calls, [1, 2, 4]);
    assert_eq!(cleaned[0].outcome, Ok(Outcome::Unchanged));
    assert_eq!(kept(cleaned[1].outcome.clone().unwrap()).commits, 1);
    assert_eq!(cleaned[2].outcome, Ok(Outcome::Unchanged));
    assert_eq!(place.left(), ["r1-3", "r1-3.owner"]);
    assert_eq!(place.branches(), ["smol/r1/2", "smol/r1/3"]);
    assert_eq!(clean_with(tame(), &place.0).await.unwrap(), []);
    kept(in_use.close(true).await.unwrap());
}

/// A git that is killed with its host leaves its locks behind, and nobody else takes them away.
#[tokio::test]
async fn what_a_killed_git_has_locked_is_cleaned_up() {
    let locks = [
        ".smol/worktrees/r1-1.index.lock",
        ".git/worktrees/r1-1/index.lock",
        ".git/worktrees/r1-1/HEAD.lock",
        ".git/refs/heads/smol/r1/1.lock",
    ];
    for lock in locks {
        let place = Place::with_repository();
        let worktree = open_with(tame(), place.request(1)).await.unwrap();
        write(worktree.dir(), "new.txt", "new\n");
        drop(worktree);
        fs::write(place.path(lock), "").unwrap();
        let impatient = Git { tries: 1, ..tame() };
        let cleaned = clean_with(impatient, &place.0).await.unwrap();
        let kept = kept(cleaned[0].outcome.clone().unwrap());
        assert_eq!(place.git(["show", &format!("{}:new.txt", kept.branch)]), "new\n", "{lock}");
        assert_eq!(place.left(), [""; 0], "{lock}");
    }
}

const ROLE: &str = "SMOL_WORKTREE_TEST_PLACE";

/// Has a worktree with work in it until it is killed.
#[tokio::test]
#[ignore = "plays a part for another test"]
async fn another_process() {
    let place = PathBuf::from(env::var_os(ROLE).expect("another test has set it"));
    let request = Request { repository_dir: place, run: "r1".to_owned(), call: 1, ..Request::default() };
    let worktree = open_with(tame(), request).await.unwrap();
    write(worktree.dir(), "new.txt", "new\n");
    eprintln!("ready");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_another_process_has_is_cleaned_up_when_it_has_died() {
    use std::io::{BufRead as _, BufReader};

    let place = Place::with_repository();
    let mut other = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "providers::worktree::tests::another_process"])
        .env(ROLE, &place.0)
        .stdout(process::Stdio::null())
        .stderr(process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ready"));
    let beside = open_with(tame(), place.request(1)).await.unwrap();
    assert_eq!(beside.branch(), "smol/r1/1.2", "the names are taken");
    assert_eq!(clean_with(tame(), &place.0).await.unwrap(), []);
    other.kill().unwrap();
    other.wait().unwrap();
    let cleaned = clean_with(tame(), &place.0).await.unwrap();
    assert_eq!(cleaned.len(), 1);
    assert_eq!(kept(cleaned[0].outcome.clone().unwrap()).branch, "smol/r1/1");
    assert_eq!(beside.close(true).await.unwrap(), Outcome::Unchanged);
}

#[test]
fn a_host_that_git_has_started_does_not_lead_it_astray() {
    let user = Place::with_repository();
    let before = user.state();
    let name = "providers::worktree::tests::uncommitted_changes_come_along_and_stay_where_they_are";
    let host = Command::new(env::current_exe().unwrap())
        .args(["--exact", name])
        .env("GIT_DIR", user.path(".git"))
        .env("GIT_WORK_TREE", &user.0)
        .env("GIT_INDEX_FILE", user.path(".git/index"))
        .env("GIT_PREFIX", "sub/")
        .env("GIT_AUTHOR_DATE", "nonsense")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&host.stdout);
    assert!(host.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(user.state(), before);
}

#[cfg(unix)]
#[tokio::test]
async fn a_call_in_a_relative_folder() {
    let place = Place::with_repository();
    let here = env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let dir = up.join(place.path("sub").strip_prefix("/").unwrap());
    assert!(dir.is_relative());
    let worktree = open_with(tame(), Request { repository_dir: dir, ..place.request(1) }).await.unwrap();
    assert_eq!(worktree.dir(), place.home().join("r1-1/sub"));
    assert_eq!(worktree.close(true).await.unwrap(), Outcome::Unchanged);
}

#[tokio::test]
async fn cleaning_needs_a_repository_and_nothing_else() {
    let place = Place::with_repository();
    assert_eq!(clean_with(tame(), &place.0).await.unwrap(), []);
    assert!(!place.path(".smol").exists());
    assert!(words(clean_with(tame(), &Place::new().0).await).contains("not in a git repository"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_at_once() {
    let place = Place::with_repository();
    let work = |call: u64| {
        // All with the same number: they would all have the same names.
        let request = Request { options: merging(Merge::Squash), ..place.request(7) };
        tokio::spawn(async move {
            let worktree = open_with(tame(), request).await?;
            write(worktree.dir(), &format!("{call}.txt"), "by an agent\n");
            worktree.close(true).await
        })
    };
    for task in (0..20).map(work).collect::<Vec<_>>() {
        let outcome = task.await.unwrap().unwrap();
        let done = matches!(&outcome, Outcome::Merged { work, .. } if work.folder.is_none());
        assert!(done, "{outcome:?}");
    }
    assert_eq!(place.git(["rev-list", "--count", "HEAD"]), "21\n");
    assert_eq!(place.git(["ls-files"]).lines().count(), 23);
    assert_eq!(place.git(["status", "--porcelain"]), "");
    assert_eq!((place.left(), place.branches()), (vec![], vec![]));
}

#[tokio::test]
async fn repositories_of_every_kind() {
    let origin = Place::with_repository();
    origin.write("a.txt", "later\n");
    origin.commit("second");
    let place = Place::new();
    let url = format!("file://{}", origin.0.display());
    place.git(["clone", "-q", "--depth=1", &url, "shallow"]);
    place.git(["clone", "-q", "--bare", &url, "bare"]);
    git(&place.path("bare"), ["worktree", "add", "-q", "../of-bare", "main"]);
    place.git(["clone", "-q", &url, "detached"]);
    git(&place.path("detached"), ["checkout", "-q", "--detach", "HEAD~1"]);
    place.git(["clone", "-q", &url, "sparse"]);
    git(&place.path("sparse"), ["sparse-checkout", "set", "--cone", "nowhere"]);
    place.git(["clone", "-q", &url, "super"]);
    git(
        &place.path("super"),
        ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "module"],
    );
    commit_all(&place.path("super"), "a submodule");
    for name in ["shallow", "of-bare", "detached", "sparse", "super", "super/module"] {
        let root = place.path(name);
        let status = git(&root, ["status", "--porcelain", "--branch"]);
        let request =
            |call| Request { repository_dir: root.clone(), call, run: "r".into(), ..Request::default() };
        let worktree = open_with(tame(), request(1)).await.unwrap();
        assert!(worktree.dir().starts_with(&root), "{name}");
        assert_eq!(worktree.close(true).await.unwrap(), Outcome::Unchanged, "{name}");
        let worktree = open_with(tame(), request(2)).await.unwrap();
        write(worktree.dir(), "sub/b.txt", "changed\n");
        write(worktree.dir(), "sub/new.txt", "new\n");
        let work = kept(worktree.close(true).await.unwrap());
        assert_eq!((work.commits, work.files_changed, &work.folder), (1, 2, &None), "{name}");
        assert_eq!(git(&root, ["show", &format!("{}:sub/new.txt", work.branch)]), "new\n", "{name}");
        assert_eq!(git(&root, ["status", "--porcelain", "--branch"]), status, "{name}");
    }
}

#[tokio::test]
async fn submodules_that_were_checked_out() {
    let origin = Place::with_repository();
    let place = Place::with_repository();
    let url = format!("file://{}", origin.0.display());
    place.git(["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "module"]);
    place.commit("a submodule");
    let update = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"];
    let worktree = place.open(WorktreeOptions::default()).await;
    git(worktree.dir(), update);
    assert_eq!(worktree.close(true).await.unwrap(), Outcome::Unchanged);
    assert_eq!(place.left(), [""; 0]);

    let worktree = place.open(WorktreeOptions::default()).await;
    git(worktree.dir(), update);
    let module = worktree.dir().join("module");
    write(&module, "a.txt", "changed\n");
    let work = kept(worktree.close(true).await.unwrap());
    assert!(work.folder.is_some(), "its change is nowhere else");
    assert_eq!(fs::read_to_string(module.join("a.txt")).unwrap(), "changed\n");
}

#[tokio::test]
async fn a_worktree_from_within_a_worktree_stands_beside_it() {
    let place = Place::with_repository();
    let outer = place.open(WorktreeOptions::default()).await;
    write(outer.dir(), "a.txt", "outer\n");
    commit_all(outer.dir(), "outer");
    let options = merging(Merge::FastForward);
    let request = Request { repository_dir: outer.dir().to_owned(), options, ..place.request(4) };
    let inner = open_with(tame(), request).await.unwrap();
    assert_eq!(inner.dir(), place.home().join("r1-4"));
    assert_eq!(fs::read_to_string(inner.dir().join("a.txt")).unwrap(), "outer\n");
    write(inner.dir(), "a.txt", "inner\n");
    let Outcome::Merged { into, .. } = inner.close(true).await.unwrap() else { panic!() };
    assert_eq!(into, "smol/r1/3-fix-it");
    assert_eq!(fs::read_to_string(outer.dir().join("a.txt")).unwrap(), "inner\n");
    assert_eq!(kept(outer.close(true).await.unwrap()).commits, 2);
    assert_eq!(place.read("a.txt"), "one\n");
}

#[test]
fn outcomes_as_json() {
    let work = Work { branch: "smol/r1/3".to_owned(), commits: 1, ..Work::default() };
    let json = serde_json::to_value(Outcome::Conflict { why: "dirty".to_owned(), work }).unwrap();
    let expected = serde_json::json!({
        "outcome": "conflict", "why": "dirty", "branch": "smol/r1/3", "base": "", "commit": "", "commits": 1,
        "filesChanged": 0, "uncommittedCommitted": false,
    });
    assert_eq!(json, expected);
    assert_eq!(
        serde_json::to_value(Outcome::Unchanged).unwrap(),
        serde_json::json!({ "outcome": "unchanged" })
    );
}
