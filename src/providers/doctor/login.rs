//! Whether an agent CLI seems to be logged in: by the variables that it reads and the files that it keeps.
//!
//! Says that a variable is set or that a file has something in it, and never what. Starts nothing and asks nobody, so
//! that it cannot know whether a key is still good. `docs/configuration.md` lists what is looked at.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Problem, Severity, Surroundings};

/// A larger file is not read.
const MAX_FILE: u64 = 16 << 20;

/// What can be known about a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginState {
    /// There are credentials; whether they are good is not known.
    Yes,
    No,
    /// There may be credentials at a place that cannot be looked at, or none are needed.
    Unknown,
}

/// A login.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Login {
    pub state: LoginState,
    /// What speaks for it: names of variables, paths of files. No secrets.
    pub evidence: Vec<String>,
    /// What else is wrong.
    #[serde(skip)]
    faults: Vec<Problem>,
    /// How to log in.
    #[serde(skip)]
    how: &'static str,
}

impl Login {
    fn new(how: &'static str) -> Self {
        Self { state: LoginState::No, evidence: Vec::new(), faults: Vec::new(), how }
    }

    fn add(&mut self, state: LoginState, evidence: impl Into<String>) {
        // What is certain is not made less so.
        if self.state != LoginState::Yes {
            self.state = state;
        }
        self.evidence.push(evidence.into());
    }

    pub(super) fn problems(&self, name: &str) -> Vec<Problem> {
        let mut problems = self.faults.clone();
        match self.state {
            LoginState::Yes => {}
            LoginState::No => {
                problems.push(Problem::new(
                    Severity::Error,
                    format!("{name} does not seem to be logged in"),
                    self.how.to_owned(),
                ));
            }
            LoginState::Unknown => {
                let because = match self.evidence.as_slice() {
                    [] => "no credentials were found".to_owned(),
                    evidence => evidence.join(", "),
                };
                problems.push(Problem::new(
                    Severity::Warning,
                    format!("it is not known whether {name} is logged in: {because}"),
                    self.how.to_owned(),
                ));
            }
        }
        problems
    }
}

impl Surroundings {
    /// The folder that a variable names, or else one in the home folder.
    fn folder(&self, variable: &str, at_home: &str) -> PathBuf {
        let named = self.variable(variable).map(|folder| self.cwd.join(folder));
        named.unwrap_or_else(|| self.home.clone().unwrap_or_default().join(at_home))
    }

    fn add_variables(&self, login: &mut Login, names: &[&str]) {
        for name in names.iter().filter(|name| self.variable(name).is_some()) {
            login.add(LoginState::Yes, format!("${name}"));
        }
    }

    /// Adds what a JSON file says: `holds` is whether there are credentials in it.
    fn add_file(&self, login: &mut Login, file: &Path, holds: impl Fn(&Map<String, Value>) -> bool) {
        match read(file).map(|text| serde_json::from_str::<Map<String, Value>>(&text)) {
            Ok(Ok(object)) if holds(&object) => login.add(LoginState::Yes, file.display().to_string()),
            Ok(Ok(_)) => {}
            Ok(Err(_)) => login.add(LoginState::Unknown, format!("{} is no JSON object", file.display())),
            Err(error) if is_absent(&error) => {}
            Err(error) => login.add(LoginState::Unknown, format!("cannot read {}: {error}", file.display())),
        }
    }
}

/// `claude`: keys and tokens in variables, clouds, `.credentials.json`, a helper in `settings.json`; on macOS the
/// keychain, which cannot be looked at without a question to the user, so that the account in `.claude.json` stands
/// for it.
pub(super) fn claude_code(place: &Surroundings) -> Login {
    let mut login = Login::new("run `claude` and log in, or `claude setup-token`, or set ANTHROPIC_API_KEY");
    place.add_variables(
        &mut login,
        &[
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_VERTEX",
            "CLAUDE_CODE_USE_FOUNDRY",
        ],
    );
    let folder = place.folder("CLAUDE_CONFIG_DIR", ".claude");
    place.add_file(&mut login, &folder.join(".credentials.json"), |file| is_set(file, "claudeAiOauth"));
    place.add_file(&mut login, &folder.join("settings.json"), |file| {
        let env = file.get("env").and_then(Value::as_object);
        let key = |name| env.is_some_and(|env| is_set(env, name));
        is_set(file, "apiKeyHelper") || key("ANTHROPIC_API_KEY") || key("ANTHROPIC_AUTH_TOKEN")
    });
    if cfg!(target_os = "macos") && login.state == LoginState::No {
        let account = place.folder("CLAUDE_CONFIG_DIR", "").join(".claude.json");
        place.add_file(&mut login, &account, |file| is_set(file, "oauthAccount"));
        login.add(LoginState::Unknown, "the keychain is not looked at");
    }
    login
}

/// `codex`: a key in a variable, `auth.json`; `config.toml` may name another provider of models, or a keyring.
pub(super) fn codex(place: &Surroundings) -> Login {
    let mut login = Login::new("codex login, or set CODEX_API_KEY");
    place.add_variables(&mut login, &["CODEX_API_KEY", "CODEX_ACCESS_TOKEN"]);
    let folder = place.folder("CODEX_HOME", ".codex");
    if place.variable("CODEX_HOME").is_some() && !folder.is_dir() {
        let message =
            format!("CODEX_HOME is {}, which is no folder; codex does not start then", folder.display());
        login.faults.push(Problem::new(
            Severity::Error,
            message,
            "make the folder, or unset CODEX_HOME".to_owned(),
        ));
    }
    place.add_file(&mut login, &folder.join("auth.json"), |file| {
        file.iter()
            .any(|(key, value)| !matches!(key.as_str(), "last_refresh" | "auth_mode") && has_value(value))
    });
    let file = folder.join("config.toml");
    let config = read(&file).unwrap_or_default();
    for key in ["model_provider", "cli_auth_credentials_store"] {
        let sets =
            |line: &str| line.trim().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
        // Only the beginning of the file: what stands under a heading is another key.
        if config.lines().take_while(|line| !line.trim_start().starts_with('[')).any(sets) {
            login.add(LoginState::Unknown, format!("{} sets {key}", file.display()));
        }
    }
    login
}

/// `opencode`: `auth.json`, keys of the providers of models in variables; some models need none.
pub(super) fn opencode(place: &Surroundings) -> Login {
    let mut login = Login::new("opencode auth login, or set the key of a provider such as ANTHROPIC_API_KEY");
    place.add_variables(&mut login, MODEL_KEYS);
    let folder = place.folder("XDG_DATA_HOME", ".local/share").join("opencode");
    place.add_file(&mut login, &folder.join("auth.json"), |file| !file.is_empty());
    if login.state == LoginState::No {
        login.state = LoginState::Unknown;
        let config = place.folder("XDG_CONFIG_HOME", ".config").join("opencode");
        let own = ["opencode.json", "opencode.jsonc"].map(|name| config.join(name));
        let named = place.variable("OPENCODE_CONFIG").map(|file| place.cwd.join(file));
        for file in own.into_iter().chain(named).filter(|file| file.is_file()) {
            login.add(LoginState::Unknown, format!("{} may have a provider of its own", file.display()));
        }
    }
    login
}

/// `pi`: `auth.json`, keys of the providers of models in variables; `models.json` may have others.
pub(super) fn pi(place: &Surroundings) -> Login {
    let mut login =
        Login::new("run `pi` and type /login, or set the key of a provider such as ANTHROPIC_API_KEY");
    place.add_variables(&mut login, MODEL_KEYS);
    let folder = place.folder("PI_CODING_AGENT_DIR", ".pi/agent");
    place.add_file(&mut login, &folder.join("auth.json"), |file| !file.is_empty());
    place.add_file(&mut login, &folder.join("settings.json"), |file| is_set(file, "apiKeys"));
    let models = folder.join("models.json");
    if models.is_file() {
        login.add(LoginState::Unknown, format!("{} may have a provider of its own", models.display()));
    }
    login
}

/// The variables by which pi and OpenCode know the providers of models.
const MODEL_KEYS: &[&str] = &[
    "AI_GATEWAY_API_KEY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_OAUTH_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AZURE_OPENAI_API_KEY",
    "CEREBRAS_API_KEY",
    "CLOUDFLARE_API_KEY",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GROQ_API_KEY",
    "KIMI_API_KEY",
    "MINIMAX_API_KEY",
    "MISTRAL_API_KEY",
    "MOONSHOT_API_KEY",
    "OPENAI_API_KEY",
    "OPENCODE_API_KEY",
    "OPENROUTER_API_KEY",
    "XAI_API_KEY",
    "ZAI_API_KEY",
];

/// Whether the value of a variable of that name must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS"]
        .iter()
        .any(|part| name.to_uppercase().contains(part))
}

fn is_set(object: &Map<String, Value>, key: &str) -> bool {
    object.get(key).is_some_and(has_value)
}

fn has_value(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// Reads a file that is an ordinary one: nothing waits for a pipe here.
fn read(file: &Path) -> io::Result<String> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(io::Error::other("it is no file of a usual size"));
    }
    let mut text = String::new();
    File::open(file)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
