//! What is wrong with the programs that the providers start, as far as that can be known without asking a model: where
//! they are, which version they have, whether they seem to be logged in, and how to mend what is wrong.
//!
//! Starts programs with `--version` and nothing else, reads the files that `login` lists, and never puts a secret into
//! a report. What a run would make of it is not known here.

mod find;
mod login;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use semver::Version;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::invocation::Start;
use super::process::{self, Command, End, Exit, Flow, ProcessError, Status, Watch};
use super::{claude_code, codex, opencode, pi, text};
use crate::model::provider::ProviderSettings;
use find::Found;
pub use login::{Login, LoginState};

/// How long a program may take to tell its version. The slowest needs 3 s on two busy cores.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// Lines that a program may say before its version is given up.
const MAX_LINES: usize = 50;
/// Bytes of a line that are looked at.
const MAX_LINE: usize = 4096;
/// UTF-16 units of what a program said that are shown.
const SHOWN: usize = 160;

/// Where programs and files are looked for.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The environment of the process.
    pub variables: BTreeMap<String, String>,
    pub home: Option<PathBuf>,
    /// The project. Absolute.
    pub cwd: PathBuf,
    /// For one program.
    pub timeout: Duration,
}

impl Surroundings {
    /// Those of this process, for a project.
    pub fn of_process(cwd: PathBuf) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { variables, home: std::env::home_dir(), cwd, timeout: TIMEOUT }
    }

    /// As a program sees them that gets these variables on top.
    fn with(&self, env: &BTreeMap<String, String>) -> Self {
        let mut changed = self.clone();
        changed.variables.extend(env.clone());
        let home = env.get(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
        changed.home = home.map(PathBuf::from).or(changed.home);
        changed
    }

    /// A variable; an empty one counts as none.
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Whether something can be used in spite of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot.
    Error,
    Warning,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    /// Lower case, without a final period.
    pub message: String,
    /// What to do about it: a command, or words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Problem {
    fn new(severity: Severity, message: String, mend: impl Into<Option<String>>) -> Self {
        Self { severity, message, mend: mend.into() }
    }
}

/// How a version stands to those that the engine was measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Measured,
    Older,
    /// Newer than the oldest and older than the newest.
    Between,
    Newer,
    Unknown,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    /// As it is started: a path, or a name that is looked for on `PATH`.
    pub command: String,
    /// The file, if there is one.
    pub path: Option<String>,
    pub version: Option<String>,
    pub problems: Vec<Problem>,
}

/// The program of one provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CliReport {
    /// The name of the provider.
    pub name: &'static str,
    #[serde(flatten)]
    pub tool: Tool,
    /// The versions that the engine was measured with, the oldest first.
    pub measured: &'static [&'static str],
    pub standing: Standing,
    pub login: Login,
    /// No problem is an error.
    pub usable: bool,
}

/// All programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub git: Tool,
    pub providers: Vec<CliReport>,
}

/// How a program says its version: what stands around it on the line.
type Around = (&'static str, &'static str);

/// What is known about a CLI.
struct Cli {
    name: &'static str,
    start: &'static Start,
    around: Around,
    measured: &'static [&'static str],
    /// The npm package of the newest measured version.
    package: &'static str,
    /// Keeps `--version` from asking the network for updates and the like.
    quiet: &'static [(&'static str, &'static str)],
    login: fn(&Surroundings) -> Login,
}

const CLIS: &[Cli] = &[
    Cli {
        name: claude_code::command::NAME,
        start: &claude_code::command::START,
        around: ("", " (Claude Code)"),
        measured: &["2.1.329"],
        package: "@anthropic-ai/claude-code",
        quiet: &[
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
            ("DISABLE_ERROR_REPORTING", "1"),
            ("DISABLE_TELEMETRY", "1"),
        ],
        login: login::claude_code,
    },
    Cli {
        name: codex::command::NAME,
        start: &codex::command::START,
        around: ("codex-cli ", ""),
        measured: &["0.169.0"],
        package: "@openai/codex",
        quiet: &[],
        login: login::codex,
    },
    Cli {
        name: opencode::command::NAME,
        start: &opencode::command::RUN,
        around: ("", ""),
        measured: &["1.18.33"],
        package: "opencode-ai",
        quiet: &[
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ],
        login: login::opencode,
    },
    Cli {
        name: pi::command::NAME,
        start: &pi::command::START,
        around: ("", ""),
        measured: &["0.73.1", "0.87.1"],
        package: "@earendil-works/pi-coding-agent",
        quiet: &[("PI_OFFLINE", "1"), ("PI_TELEMETRY", "0")],
        login: login::pi,
    },
];

/// Looks at git and at the program of every provider that has one, all at once. Takes about as long as the slowest of
/// them, and no longer than the timeout of the surroundings. Must be polled on a runtime, as all of `process`.
pub async fn examine(around: &Surroundings, settings: &BTreeMap<String, ProviderSettings>) -> Report {
    let none = ProviderSettings::default();
    let of = |cli: &Cli| settings.get(cli.name).unwrap_or(&none);
    let clis = join_all(CLIS.iter().map(|cli| cli.examine(around, of(cli))));
    let (git, providers) = futures_util::future::join(git(around), clis).await;
    Report { git, providers }
}

/// Worktrees and agents themselves need git; without it everything else works.
async fn git(around: &Surroundings) -> Tool {
    let asked = Asked {
        program: "git".to_owned(),
        before: Vec::new(),
        env: Vec::new(),
        cwd: around.cwd.clone(),
        search: around.variable("PATH").unwrap_or_default().to_owned(),
        severity: Severity::Warning,
        missing: "install git (https://git-scm.com)".to_owned(),
    };
    let (mut tool, said) = asked.ask(around).await;
    tool.version =
        said.iter().find_map(|line| line.strip_prefix("git version ")).map(|version| shown(around, version));
    tool
}

impl Cli {
    async fn examine(&self, around: &Surroundings, settings: &ProviderSettings) -> CliReport {
        let around = &around.with(&settings.env);
        let asked = self.question(around, settings);
        let mut early = Vec::new();
        if !asked.cwd.is_dir() {
            let message = format!("its working folder does not exist: {}", asked.cwd.display());
            let mend =
                format!("correct providers.{}.cwd in the configuration, or make the folder", self.name);
            early.push(Problem::new(Severity::Error, message, mend));
        }
        let (mut tool, said) =
            if early.is_empty() { asked.ask(around).await } else { (asked.tool(early), Vec::new()) };
        let answered = tool.path.is_some() && tool.problems.is_empty();
        tool.version = said.iter().find_map(|line| version(line, self.around));
        let standing =
            tool.version.as_deref().map_or(Standing::Unknown, |version| standing(version, self.measured));
        if answered {
            tool.problems.extend(self.about_version(around, &tool, standing, &said));
        }
        let login = (self.login)(around);
        if tool.path.is_some() {
            tool.problems.extend(login.problems(self.name));
        }
        let usable = tool.problems.iter().all(|problem| problem.severity != Severity::Error);
        CliReport { name: self.name, tool, measured: self.measured, standing, login, usable }
    }

    /// How it is asked for its version.
    fn question(&self, around: &Surroundings, settings: &ProviderSettings) -> Asked {
        let mut env: Vec<(String, String)> =
            self.quiet.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        env.extend(settings.env.clone());
        let missing = match &settings.command {
            Some(_) => {
                format!("correct providers.{}.command in the configuration, or {}", self.name, self.install())
            }
            None => self.install(),
        };
        Asked {
            program: settings.command.clone().unwrap_or_else(|| self.start.program.to_owned()),
            before: self.words_before(settings),
            env,
            cwd: settings.cwd.as_ref().map_or_else(|| around.cwd.clone(), |cwd| around.cwd.join(cwd)),
            search: around.variable("PATH").unwrap_or_default().to_owned(),
            severity: Severity::Error,
            missing,
        }
    }

    /// What belongs to the program rather than to the call: `node`'s script in `{ command: 'node', subcommand:
    /// ['codex.js', 'exec'] }`, or in `{ command: 'node', args: ['pi.js'] }` where there is no subcommand.
    fn words_before(&self, settings: &ProviderSettings) -> Vec<String> {
        let mut words = settings.subcommand.clone().unwrap_or_default();
        if self.start.subcommand.is_empty() {
            let args = settings.args.iter().flatten();
            let leading = args.take_while(|arg| settings.command.is_some() && !arg.starts_with('-'));
            words.extend(leading.cloned());
        } else if words
            .ends_with(&self.start.subcommand.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        {
            words.truncate(words.len() - self.start.subcommand.len());
        }
        words
    }

    fn about_version(
        &self,
        around: &Surroundings,
        tool: &Tool,
        standing: Standing,
        said: &[String],
    ) -> Option<Problem> {
        let newest = self.measured.last().copied().unwrap_or_default();
        let message = match standing {
            Standing::Unknown => {
                let said = said.iter().map(|line| line.trim()).find(|line| !line.is_empty());
                let said = said.map_or("nothing".to_owned(), |line| format!("\"{}\"", shown(around, line)));
                format!("it does not tell its version the way {} does: it said {said}", self.start.program)
            }
            Standing::Older => {
                let version = tool.version.as_deref().unwrap_or_default();
                format!(
                    "version {version} is older than what this engine was measured with ({})",
                    self.measured.join(", ")
                )
            }
            _ => return None,
        };
        let mend = match standing {
            Standing::Older => format!("update it: {}", self.install_version(newest)),
            _ => format!(
                "see that {} is the right program; the real one comes with {}",
                tool.command,
                self.install_version(newest)
            ),
        };
        Some(Problem::new(Severity::Warning, message, mend))
    }

    fn install(&self) -> String {
        format!("install it: {}", self.install_version(self.measured.last().copied().unwrap_or_default()))
    }

    fn install_version(&self, version: &str) -> String {
        format!("npm install -g {}@{version}", self.package)
    }
}

/// A program that is to be asked for its version.
struct Asked {
    program: String,
    before: Vec<String>,
    env: Vec<(String, String)>,
    cwd: PathBuf,
    /// `PATH`.
    search: String,
    /// Of whatever is wrong with it.
    severity: Severity,
    /// What to do if it is not there.
    missing: String,
}

impl Asked {
    fn tool(&self, problems: Vec<Problem>) -> Tool {
        Tool { command: self.program.clone(), path: None, version: None, problems }
    }

    /// What the program is, and the lines that it said.
    async fn ask(self, around: &Surroundings) -> (Tool, Vec<String>) {
        let (path, problem) = match find::program(&self.program, &self.search, &self.cwd) {
            Found::File(path) => (path, None),
            Found::NotExecutable(path) => {
                let mend = format!("chmod +x {}, or {}", path.display(), self.missing);
                let message = format!("{} is not executable", path.display());
                (path, Some(Problem::new(self.severity, message, mend)))
            }
            Found::Nothing => {
                let message = if find::is_path(&self.program) {
                    format!("there is no file {}", self.program)
                } else {
                    format!("{} is not on the PATH", self.program)
                };
                return (
                    self.tool(vec![Problem::new(self.severity, message, self.missing.clone())]),
                    Vec::new(),
                );
            }
        };
        let mut tool = self.tool(problem.into_iter().collect());
        tool.path = Some(path.display().to_string());
        if !tool.problems.is_empty() {
            return (tool, Vec::new());
        }
        let (said, problem) = self.run(around, path).await;
        tool.problems.extend(problem);
        (tool, said)
    }

    async fn run(&self, around: &Surroundings, path: PathBuf) -> (Vec<String>, Option<Problem>) {
        // The very file that the report names. But Windows starts fewer files by their name than by their path, and a
        // run goes by the name.
        let program = if cfg!(windows) { self.program.clone().into() } else { path.into_os_string() };
        let mut command = Command::new(program).args(&self.before).args(["--version"]);
        command.cwd = Some(self.cwd.clone());
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        let watch = Watch { timeout: Some(around.timeout), max_line: MAX_LINE, ..Watch::default() };
        let mut said = Vec::new();
        let end = process::run(command, watch, CancellationToken::new(), |line| {
            said.push(text::without_escapes(&line.text()).trim().to_owned());
            if said.len() < MAX_LINES { Flow::Continue } else { Flow::Stop }
        })
        .await;
        let problem = self.about_end(around, &end);
        // Some programs say everything on stderr.
        let stderr = end.map(|exit| exit.stderr).unwrap_or_default();
        said.extend(
            text::without_escapes(&stderr).lines().take(MAX_LINES).map(|line| line.trim().to_owned()),
        );
        (said, problem)
    }

    fn about_end(&self, around: &Surroundings, end: &Result<Exit, ProcessError>) -> Option<Problem> {
        let line =
            [std::slice::from_ref(&self.program), &self.before, &["--version".to_owned()]].concat().join(" ");
        let message = match end {
            Ok(exit) => match exit.end {
                End::Exited(Status::Code(0)) => return None,
                End::Exited(status) => {
                    let stderr = text::without_escapes(&exit.stderr);
                    let why = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
                    let why = why.map_or(String::new(), |why| format!(": {}", shown(around, why)));
                    format!("`{line}` ended with {status}{why}")
                }
                End::Timeout => format!("`{line}` did not end within {} ms", around.timeout.as_millis()),
                End::Stopped => format!("`{line}` says far more than a version"),
                End::Stall | End::Cancelled => format!("`{line}` was ended before it said anything"),
            },
            Err(error) => format!("cannot be started: {error}"),
        };
        Some(Problem::new(self.severity, message, self.missing.clone()))
    }
}

/// The version on a line that has nothing else on it.
fn version(line: &str, (before, after): Around) -> Option<String> {
    let version = line.trim().strip_prefix(before)?.strip_suffix(after)?;
    let version = version.strip_prefix('v').unwrap_or(version);
    Version::parse(version).ok().map(|version| version.to_string())
}

fn standing(version: &str, measured: &[&str]) -> Standing {
    let (Ok(version), Some(measured)) = (
        Version::parse(version),
        measured.iter().map(|version| Version::parse(version).ok()).collect::<Option<Vec<_>>>(),
    ) else {
        return Standing::Unknown;
    };
    if measured.contains(&version) {
        Standing::Measured
    } else if measured.iter().all(|other| version < *other) {
        Standing::Older
    } else if measured.iter().all(|other| version > *other) {
        Standing::Newer
    } else {
        Standing::Between
    }
}

/// What a program said, short, in one line, and without any secret of the environment.
fn shown(around: &Surroundings, said: &str) -> String {
    let mut said = said.to_owned();
    for (name, value) in &around.variables {
        if login::is_secret(name) && value.len() >= 4 {
            said = said.replace(value.as_str(), "***");
        }
    }
    text::shorten(&said.replace(char::is_control, "\u{fffd}"), SHOWN)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
