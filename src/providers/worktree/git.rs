//! Runs `git`: the environment it gets, the settings that are forced on it, patience with its locks, and its failures
//! in words.
//!
//! Knows how to talk to git and nothing of what worktrees are for. Every call names the repository and the folder that
//! it is about (`--git-dir`, `--work-tree`): what an agent does to the `.git` of its folder cannot turn a call on the
//! user's checkout.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::model::error::ErrorData;
use crate::providers::process::{Command, End, Flow, Status, Watch, may_pass, run};

/// The code of every error of this room that is not a mistake in an option.
pub const ERR_WORKTREE: &str = "ERR_WORKTREE";

/// The oldest git whose commands are all there: Debian 11 and Ubuntu 20.04 have it.
const OLDEST: Version = Version(2, 25);

/// Long enough for the checkout of a large repository on a slow disk; git never takes that long unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The first wait for a lock that another git holds. Doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(20);
/// The longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// With these waits: about seven seconds in all.
const TRIES: u32 = 12;

/// A list of file names may be long, and half of it is worse than none.
const LONGEST_LINE: usize = 1 << 30;

/// What git may still hear of its host's `GIT_*` variables: which settings it reads and who commits. Everything else
/// would point it at another repository, index or folder, or change what it does.
const KEPT_VARIABLES: &[&str] = &[
    "GIT_CEILING_DIRECTORIES",
    "GIT_EXEC_PATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
];
const KEPT_PREFIXES: &[&str] = &["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"];

/// Nothing of the user's runs, nobody is asked, and nothing stays behind in the background.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.quotePath=false",
    "core.longPaths=true",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "merge.autoStash=false",
    "submodule.recurse=false",
    "i18n.commitEncoding=UTF-8",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u32, pub u32);

/// A repository as seen from one of its checkouts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// `.git` for the main checkout, `.git/worktrees/<id>` for another.
    pub git_dir: PathBuf,
    /// The folder with the files.
    pub work_tree: PathBuf,
}

/// The program, and how patient to be with it.
#[derive(Clone, Debug)]
pub(super) struct Git {
    pub program: OsString,
    /// Over the cleaned environment; only tests have some.
    pub env: Vec<(OsString, Option<OsString>)>,
    pub tries: u32,
    pub version: Version,
}

impl Default for Git {
    fn default() -> Self {
        Self { program: "git".into(), env: Vec::new(), tries: TRIES, version: OLDEST }
    }
}

/// One call of git, being put together.
#[derive(Debug)]
pub(super) struct Call<'a> {
    git: &'a Git,
    cwd: &'a Path,
    tree: Option<&'a Tree>,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    stdin: Option<Vec<u8>>,
}

/// What git said and how it ended.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub code: i32,
    /// As it came. Whether its last line had a line break is not known; it has one here.
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    pub fn ok(&self) -> bool {
        self.code == 0
    }

    /// Stdout as text, without the line break at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches(['\r', '\n']).to_owned()
    }
}

/// An error with the code of this room.
pub(super) fn error(message: impl Into<String>) -> ErrorData {
    ErrorData::new("Error", message).with_code(ERR_WORKTREE)
}

impl Git {
    /// A call that looks for the repository around `cwd` itself.
    pub fn anywhere<'a, A: AsRef<OsStr>>(
        &'a self,
        cwd: &'a Path,
        args: impl IntoIterator<Item = A>,
    ) -> Call<'a> {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        Call { git: self, cwd, tree: None, args, env: Vec::new(), stdin: None }
    }

    /// A call about one checkout, in its folder.
    pub fn on<'a, A: AsRef<OsStr>>(&'a self, tree: &'a Tree, args: impl IntoIterator<Item = A>) -> Call<'a> {
        Call { tree: Some(tree), ..self.anywhere(&tree.work_tree, args) }
    }

    /// The same, with its version known.
    ///
    /// # Errors
    /// There is no git, or an old one.
    pub async fn checked(self, cwd: &Path) -> Result<Self, ErrorData> {
        let text = self.anywhere(cwd, ["version"]).run().await?.text();
        match parse_version(&text) {
            // Whoever builds git without a number knows what he does.
            None => Ok(self),
            Some(version) if version >= OLDEST => Ok(Self { version, ..self }),
            Some(_) => Err(error(format!(
                "{text} is too old for worktrees: install git {}.{} or newer",
                OLDEST.0, OLDEST.1
            ))),
        }
    }
}

/// `git version 2.39.3 (Apple Git-146)`
fn parse_version(text: &str) -> Option<Version> {
    let mut numbers = text.strip_prefix("git version ")?.split(|c: char| !c.is_ascii_digit());
    Some(Version(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The variables of the host that an agent or a git below it must not see: they would turn its git on another
/// repository than the one it stands in.
pub(super) fn unwanted_variables() -> Vec<OsString> {
    let kept = |name: &str| {
        KEPT_VARIABLES.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_str().is_some_and(|name| name.starts_with("GIT_") && !kept(name)))
        .collect()
}

impl Call<'_> {
    /// Uses another index than the checkout's own.
    #[must_use]
    pub fn index(self, path: &Path) -> Self {
        self.env("GIT_INDEX_FILE", path)
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), Some(value.as_ref().to_owned())));
        self
    }

    #[must_use]
    pub fn envs(mut self, pairs: &[(&'static str, String)]) -> Self {
        self.env.extend(pairs.iter().map(|(name, value)| ((*name).into(), Some(value.into()))));
        self
    }

    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Runs it for the one line that it writes; `None` if it fails, as the commands do that look something up.
    ///
    /// # Errors
    /// As of [`Self::output`].
    pub async fn ask(self) -> Result<Option<String>, ErrorData> {
        let output = self.output().await?;
        Ok(output.ok().then(|| output.text()))
    }

    /// Runs it, and takes any exit code but 0 for a failure.
    ///
    /// # Errors
    /// As of [`Self::output`], and git's own with its stderr.
    pub async fn run(self) -> Result<Output, ErrorData> {
        let (what, cwd) = (self.what(), self.cwd);
        let output = self.output().await?;
        if output.ok() { Ok(output) } else { Err(failure(&what, cwd, &output)) }
    }

    /// Runs it, and again while another git holds a lock, or the system has no room for it.
    ///
    /// # Errors
    /// Git cannot be started, takes for ever, or is ended because the engine is.
    pub async fn output(self) -> Result<Output, ErrorData> {
        let mut wait = FIRST_WAIT;
        for _ in 1..self.git.tries {
            let output = self.once().await;
            let again = match &output {
                Ok(output) => !output.ok() && is_busy(&output.stderr),
                Err(error) => finds_no_room(error),
            };
            if !again {
                return output;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.once().await
    }

    /// `git worktree add`, for messages.
    fn what(&self) -> String {
        let words = self.args.iter().map(|arg| arg.to_string_lossy());
        let words: Vec<_> = words.take_while(|word| !word.starts_with('-')).take(2).collect();
        format!("git {}", words.join(" "))
    }

    fn command(&self) -> Command {
        let mut args: Vec<OsString> = vec!["--no-pager".into(), "--literal-pathspecs".into()];
        for setting in SETTINGS {
            args.extend(["-c".into(), (*setting).into()]);
        }
        if let Some(tree) = self.tree {
            for (option, path) in [("--git-dir=", &tree.git_dir), ("--work-tree=", &tree.work_tree)] {
                let mut arg = OsString::from(option);
                arg.push(path);
                args.push(arg);
            }
        }
        args.extend(self.args.iter().cloned());
        let mut env: Vec<_> = unwanted_variables().into_iter().map(|name| (name, None)).collect();
        let fixed =
            [("GIT_TERMINAL_PROMPT", "0"), ("GCM_INTERACTIVE", "never"), ("LC_ALL", "C"), ("LANGUAGE", "C")];
        env.extend(fixed.map(|(name, value)| (name.into(), Some(value.into()))));
        env.extend(self.git.env.iter().chain(&self.env).cloned());
        Command {
            program: self.git.program.clone(),
            args,
            cwd: Some(self.cwd.to_owned()),
            env,
            stdin: self.stdin.clone(),
        }
    }

    async fn once(&self) -> Result<Output, ErrorData> {
        let watch = Watch { timeout: Some(TIMEOUT), max_line: LONGEST_LINE, ..Watch::default() };
        let mut stdout = Vec::new();
        let mut lost = false;
        let exit = run(self.command(), watch, CancellationToken::new(), |line| {
            stdout.extend_from_slice(line.bytes);
            stdout.push(b'\n');
            lost |= line.lost > 0;
            Flow::Continue
        })
        .await
        .map_err(|problem| self.not_started(problem.into()))?;
        let what = self.what();
        let cwd = self.cwd.display();
        match exit.end {
            _ if lost => Err(error(format!("{what} in {cwd} wrote a line that is too long to be read"))),
            End::Exited(Status::Code(code)) => Ok(Output { code, stdout, stderr: exit.stderr }),
            End::Exited(status) => {
                Err(error(format!("{what} in {cwd} ended with {status}: {}", exit.stderr.trim())))
            }
            End::Timeout => Err(error(format!("{what} in {cwd} took longer than {} s", TIMEOUT.as_secs()))),
            End::Cancelled | End::Stall | End::Stopped => {
                Err(error(format!("{what} in {cwd} was ended before it was done")))
            }
        }
    }

    fn not_started(&self, cause: ErrorData) -> ErrorData {
        let message = if !self.cwd.is_dir() {
            format!("{} in {}: there is no such folder", self.what(), self.cwd.display())
        } else if cause.code.as_deref() == Some("ENOENT") {
            let program = self.git.program.to_string_lossy();
            format!(
                "{program} was not found: a worktree needs git; install it, or make sure that PATH leads to it"
            )
        } else {
            format!("{} in {} could not be started: {}", self.what(), self.cwd.display(), cause.message)
        };
        error(message).with_cause(cause)
    }
}

/// What went wrong, with git's own words.
pub(super) fn failure(what: &str, cwd: &Path, output: &Output) -> ErrorData {
    let said = match output.stderr.trim() {
        "" => "it said nothing",
        said => said,
    };
    error(format!("{what} failed with code {} in {}: {said}", output.code, cwd.display()))
}

/// Whether git was not started for a reason that may pass. What it was to do is not to fail for that: it may be the end of
/// an agent's work.
fn finds_no_room(error: &ErrorData) -> bool {
    error.cause.as_ref().and_then(|cause| cause.code.as_deref()).is_some_and(may_pass)
}

/// Whether another git is at work, and it is worth to ask again.
fn is_busy(stderr: &str) -> bool {
    // The list of worktrees is read without a lock, while another one is being written into it or taken away. Its folder is
    // not always below one called `.git`: that of a submodule is not.
    let half_written = stderr.contains("failed to read") && stderr.contains("/commondir");
    let taken_away = stderr.contains("Invalid path") && stderr.contains("/worktrees/") && is_missing(stderr);
    half_written
        || taken_away
        || stderr.contains(".lock': File exists")
        || stderr.contains("could not lock config file")
        // The last worktree of a repository takes the folder of all worktrees with it while the next one is made.
        || (stderr.contains("could not create") && is_missing(stderr))
}

fn is_missing(stderr: &str) -> bool {
    stderr.contains("No such file or directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let cases = [
            ("git version 2.47.3", Some(Version(2, 47))),
            ("git version 2.39.3 (Apple Git-146)", Some(Version(2, 39))),
            ("git version 2.45.1.windows.1", Some(Version(2, 45))),
            ("git version 3.0-rc1", Some(Version(3, 0))),
            ("git version unknown", None),
            ("hub 2.1", None),
        ];
        for (text, version) in cases {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }

    #[test]
    fn only_the_locks_of_others_are_worth_a_wait() {
        let cases = [
            ("fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git process", true),
            (
                "fatal: cannot lock ref 'refs/heads/a': Unable to create '/r/.git/refs/heads/a.lock': File exists.",
                true,
            ),
            ("error: could not lock config file .git/config: File exists", true),
            ("fatal: could not create directory of '.git/worktrees/a': No such file or directory", true),
            ("fatal: could not create directory of '.git/worktrees/a': Permission denied", false),
            ("fatal: cannot lock ref 'refs/heads/smol/a': 'refs/heads/smol' exists; cannot create", false),
            ("fatal: failed to read /r/.git/worktrees/r1-7/commondir: Success", true),
            (
                "fatal: failed to read /r/.git/modules/m/worktrees/r1-7/commondir: No such file or directory",
                true,
            ),
            ("fatal: failed to read /r/bare.git/worktrees/r1-7/commondir: Success", true),
            ("fatal: Invalid path '/r/.git/worktrees/r1-7.13': No such file or directory", true),
            ("fatal: Invalid path '/r/nowhere': No such file or directory", false),
            ("fatal: failed to read object 1234: Success", false),
            ("fatal: Unable to create '/r/.git/index.lock': Permission denied", false),
            ("fatal: a branch named 'a' already exists", false),
        ];
        for (stderr, busy) in cases {
            assert_eq!(is_busy(stderr), busy, "{stderr}");
        }
    }
}
