//! The configuration of all providers: `smol.config.json`, the variables `SMOL_WF_*`, and how they are laid over each
//! other.
//!
//! Reads values and texts, opens no files and asks for no environment: both are given to it. A mistake is an error that
//! says in which file or variable, and at which place of it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::error::WorkflowError;
use crate::model::json::kind;
use crate::model::provider::{CLI_NAMES, Permissions, ProviderSettings};
use crate::model::worktree::WorktreeChoice;

/// The configuration of an engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The JSON Schema of this file, for editors.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The provider of calls that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What agents may do without being asked, where their provider's own settings do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// The worktrees of calls with `isolation: 'worktree'`, where those do not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree: Option<WorktreeChoice>,
    /// Settings by the name of the provider: `claude-code`, `codex`, `opencode`, `pi`, or one of your own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, ProviderSettings>,
}

/// All layers of the configuration, put together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    pub config: Config,
    /// The settings of each provider as they hold for it: with the permissions that are for all. Providers of which
    /// nothing is said are not here.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// Variables that begin as ours do and that mean nothing, in alphabetical order.
    pub unknown_variables: Vec<String>,
}

/// Variables that begin as ours do and belong to the command line.
const COMMAND_LINE_VARIABLES: &[&str] = &[
    "SMOL_WF_AGENT_PROVIDER",
    "SMOL_WF_BUDGET_ALLOWANCE",
    "SMOL_WF_DB",
    "SMOL_WF_ABSURD_DB",
    "SMOL_WF_ABSURD_EXTENSION",
];

impl Config {
    /// Reads the text of a configuration file. `source` is what messages call it, `known` are the names of all
    /// providers.
    ///
    /// # Errors
    /// [`WorkflowError::Config`] with line and column for a text that is not JSON, else with the path of the mistake.
    pub fn from_json(text: &str, source: &str, known: &[&str]) -> Result<Self, WorkflowError> {
        let text = text.trim_start_matches('\u{feff}');
        let value = serde_json::from_str(text).map_err(|error| not_json(text, source, &error))?;
        Self::from_value(&value, source, known)
    }

    /// Reads a configuration that is a value already.
    ///
    /// # Errors
    /// [`WorkflowError::Config`] with the path of the mistake.
    pub fn from_value(value: &Value, source: &str, known: &[&str]) -> Result<Self, WorkflowError> {
        let config: Self = read(value, source).map_err(config_error)?;
        config.check(source, known)?;
        Ok(config)
    }

    /// Reads what the environment says: `SMOL_WF_PROVIDER`, `SMOL_WF_PERMISSIONS`, and `SMOL_WF_CODEX_TIMEOUT_MS` and
    /// the like for the settings of one provider. Lists and maps are JSON. An empty variable counts as none.
    ///
    /// Returns the names that begin as ours do and that nobody knows, too: an agent may run an engine of its own, with
    /// whatever variables another version has set.
    ///
    /// # Errors
    /// [`WorkflowError::Config`] with the name of the variable.
    pub fn from_env<'a>(
        variables: impl Iterator<Item = (&'a str, &'a str)>,
        known: &[&str],
    ) -> Result<(Self, Vec<String>), WorkflowError> {
        let mut found = Self::default();
        let mut unknown = Vec::new();
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix("SMOL_WF_").filter(|_| !text.is_empty()) else { continue };
            let Some(place) = Place::of(rest) else {
                unknown.push(name.to_owned());
                continue;
            };
            let value = match place.form {
                Form::Text => json!(text),
                Form::Json => serde_json::from_str(text)
                    .map_err(|error| config_error((name.to_owned(), format!("must be JSON: {error}"))))?,
            };
            let setting = Value::Object(Map::from_iter([(place.key.to_owned(), value)]));
            let config = match place.provider {
                Some(provider) => json!({ "providers": { provider: setting } }),
                None => setting,
            };
            found = Self::from_value(&config, name, known)?.over(found);
        }
        Ok((found, unknown))
    }

    /// Puts a configuration together: the variables over the file. `text` is the text of a JSON file, or what another
    /// kind of file came to; `None` if there is no file.
    ///
    /// # Errors
    /// [`WorkflowError::Config`].
    pub fn resolve<'a>(
        text: Option<&str>,
        source: &str,
        variables: impl Iterator<Item = (&'a str, &'a str)>,
        known: &[&str],
    ) -> Result<Resolved, WorkflowError> {
        let file = text.map(|text| Self::from_json(text, source, known)).transpose()?.unwrap_or_default();
        let (environment, mut unknown) = Self::from_env(variables, known)?;
        unknown.retain(|name| !COMMAND_LINE_VARIABLES.contains(&name.as_str()));
        unknown.sort();
        let config = environment.over(file);
        let settings = known.iter().map(|name| ((*name).to_owned(), config.provider_settings(name)));
        let providers = settings.filter(|(_, settings)| *settings != ProviderSettings::default()).collect();
        Ok(Resolved { config, providers, unknown_variables: unknown })
    }

    /// This configuration over that one: what is set here wins.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let mut providers = below.providers;
        for (name, settings) in self.providers {
            let lower = providers.remove(&name).unwrap_or_default();
            providers.insert(name, settings.over(lower));
        }
        Self {
            schema: self.schema.or(below.schema),
            provider: self.provider.or(below.provider),
            permissions: self.permissions.or(below.permissions),
            worktree: self.worktree.or(below.worktree),
            providers,
        }
    }

    /// The settings of one provider, whoever asks for it.
    pub fn provider_settings(&self, name: &str) -> ProviderSettings {
        let mut settings = self.providers.get(name).cloned().unwrap_or_default();
        if CLI_NAMES.contains(&name) {
            settings.permissions = settings.permissions.or(self.permissions);
        }
        settings
    }

    /// Checks what the types cannot say.
    fn check(&self, source: &str, known: &[&str]) -> Result<(), WorkflowError> {
        if let Some(Err(error)) = self.worktree.as_ref().map(WorktreeChoice::validate) {
            return Err(config_error((format!("{source}: worktree"), error.message)));
        }
        let unknown = |place: &str, name: &str| {
            let message = format!("unknown provider \"{name}\"; known are: {}", known.join(", "));
            Err(config_error((format!("{source}: {place}"), message)))
        };
        if let Some(name) = self.provider.as_deref().filter(|name| !known.contains(name)) {
            return unknown("provider", name);
        }
        for (name, settings) in &self.providers {
            let place = format!("providers.{name}");
            if !known.contains(&name.as_str()) {
                return unknown(&place, name);
            }
            let (setting, why) = match (settings.opencode_setting(), command_setting(settings)) {
                (Some(setting), _) if name != "opencode" => (setting, "only opencode has a server"),
                (_, Some(setting)) if !CLI_NAMES.contains(&name.as_str()) => {
                    (setting, "this provider is not started by a command")
                }
                _ => continue,
            };
            return Err(config_error((format!("{source}: {place}.{setting}"), why.to_owned())));
        }
        Ok(())
    }
}

/// Reads the options of one built-in provider, as the host gives them: `createAgentProvider('codex', options)`.
///
/// # Errors
/// [`WorkflowError::Option`] with the path of the mistake.
pub fn provider_options(value: &Value, provider: &str) -> Result<ProviderSettings, WorkflowError> {
    let settings: ProviderSettings = read(value, provider).map_err(option_error)?;
    match settings.opencode_setting() {
        Some(setting) if provider != "opencode" => {
            Err(option_error((format!("{provider}: {setting}"), "only opencode has a server".to_owned())))
        }
        _ => Ok(settings),
    }
}

/// Reads the options of several built-in providers, as JSON: an object of them by name. `aliases` are further names of
/// built-in providers.
///
/// # Errors
/// [`WorkflowError::Option`] with the path of the mistake.
pub fn options_by_provider(
    text: &str,
    aliases: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, ProviderSettings>, WorkflowError> {
    let all: BTreeMap<String, Value> = serde_json::from_str(text)
        .map_err(|error| option_error(("providers".to_owned(), error.to_string())))?;
    all.into_iter()
        .map(|(name, options)| {
            let settings = provider_options(&options, aliases.get(&name).unwrap_or(&name))?;
            Ok((name, settings))
        })
        .collect()
}

/// A mistake: its place, and what is wrong there.
type Mistake = (String, String);

/// Reads a value and says where it is wrong.
fn read<T: DeserializeOwned>(value: &Value, source: &str) -> Result<T, Mistake> {
    let wrong = |path: String, message: String| {
        let path = if path == "." { source.to_owned() } else { format!("{source}: {path}") };
        (path, message)
    };
    if let Some((path, found)) = misplaced_array(value) {
        return Err(wrong(path, format!("invalid type: {}, expected an object", kind(found))));
    }
    serde_path_to_error::deserialize(value)
        .map_err(|error| wrong(error.path().to_string(), error.inner().to_string()))
}

/// An array where an object has to be, with its path. The library would take its items for the fields in their order.
fn misplaced_array(value: &Value) -> Option<(String, &Value)> {
    let Value::Object(object) = value else {
        return value.is_array().then(|| (".".to_owned(), value));
    };
    let rate = object.get("rate").filter(|rate| rate.is_array()).map(|rate| ("rate".to_owned(), rate));
    let providers = object.get("providers").and_then(Value::as_object);
    let below = || {
        providers.into_iter().flatten().find_map(|(name, settings)| {
            let (path, found) = misplaced_array(settings)?;
            let path = if path == "." { String::new() } else { format!(".{path}") };
            Some((format!("providers.{name}{path}"), found))
        })
    };
    rate.or_else(below)
}

/// The first setting that only something with a command line has.
fn command_setting(settings: &ProviderSettings) -> Option<&'static str> {
    [
        ("command", settings.command.is_some()),
        ("args", settings.args.is_some()),
        ("subcommand", settings.subcommand.is_some()),
        ("env", !settings.env.is_empty()),
        ("permissions", settings.permissions.is_some()),
    ]
    .into_iter()
    .find_map(|(name, set)| set.then_some(name))
}

fn option_error((option, message): Mistake) -> WorkflowError {
    WorkflowError::Option { option, message }
}

fn config_error((place, message): Mistake) -> WorkflowError {
    WorkflowError::Config { place, message }
}

/// Says at which line and column a text stops being JSON. Columns count characters, from 1.
fn not_json(text: &str, source: &str, error: &serde_json::Error) -> WorkflowError {
    // The library counts bytes, and at the end of the text the ones that it has read.
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = line.get(..error.column().saturating_sub(1)).unwrap_or(line);
    let place = format!("{source}:{}:{}", error.line(), before.chars().count() + 1);
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    config_error((place, format!("not JSON: {what}")))
}

/// How a variable holds its value.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Json,
}

/// Where a variable belongs.
struct Place {
    provider: Option<&'static str>,
    key: &'static str,
    form: Form,
}

/// Ends of names, the settings they are for, and how they hold them.
const VARIABLES: &[(&str, &str, Form)] = &[
    ("COMMAND", "command", Form::Text),
    ("ARGS", "args", Form::Json),
    ("SUBCOMMAND", "subcommand", Form::Json),
    ("CWD", "cwd", Form::Text),
    ("ENV", "env", Form::Json),
    ("TIMEOUT_MS", "timeoutMs", Form::Json),
    ("STALL_MS", "stallMs", Form::Json),
    ("PERMISSIONS", "permissions", Form::Text),
    ("MODELS", "models", Form::Json),
    ("CONCURRENCY", "concurrency", Form::Json),
    ("STAGGER_MS", "staggerMs", Form::Json),
    ("RATE", "rate", Form::Json),
    ("MAX_WAIT_MS", "maxWaitMs", Form::Json),
    ("SERVER_SUBCOMMAND", "serverSubcommand", Form::Json),
    ("SERVER_ARGS", "serverArgs", Form::Json),
    ("STRUCTURED_OUTPUT_RETRY_COUNT", "structuredOutputRetryCount", Form::Json),
    ("SERVER_STARTUP_TIMEOUT_MS", "serverStartupTimeoutMs", Form::Json),
];

const PREFIXES: &[(&str, &str)] =
    &[("CLAUDE_CODE_", "claude-code"), ("CODEX_", "codex"), ("OPENCODE_", "opencode"), ("PI_", "pi")];

impl Place {
    /// The place of `SMOL_WF_<rest>`.
    fn of(rest: &str) -> Option<Self> {
        match rest {
            "PROVIDER" => return Some(Self { provider: None, key: "provider", form: Form::Text }),
            "PERMISSIONS" => return Some(Self { provider: None, key: "permissions", form: Form::Text }),
            _ => {}
        }
        let (end, provider) =
            PREFIXES.iter().find_map(|(prefix, name)| Some((rest.strip_prefix(prefix)?, *name)))?;
        let (_, key, form) = VARIABLES.iter().find(|(known, _, _)| *known == end)?;
        Some(Self { provider: Some(provider), key, form: *form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;

    const KNOWN: &[&str] = &["debug", "claude-code", "codex", "opencode", "pi", "mine"];

    fn parsed(value: Value) -> Result<Config, String> {
        Config::from_value(&value, "smol.config.json", KNOWN).map_err(|error| error.to_string())
    }

    #[test]
    fn mistakes_say_where_they_are() {
        for (value, message) in [
            (
                json!({ "providers": { "codex": { "args": ["a", 5] } } }),
                "providers.codex.args[1]: invalid type: integer `5`, expected a string",
            ),
            (
                json!({ "providers": { "codex": { "env": { "A": true } } } }),
                "providers.codex.env.A: invalid type: boolean `true`, expected a string",
            ),
            (
                json!({ "providers": { "codex": { "timeoutMs": -5 } } }),
                "providers.codex.timeoutMs: must be milliseconds from 0 to 2147483647, got -5",
            ),
            (
                json!({ "providers": { "pi": { "rate": { "starts": 0, "perMs": 1 } } } }),
                "providers.pi.rate.starts: must be a whole number from 1 to 1000000, got 0",
            ),
            (
                json!({ "permissions": "root" }),
                "permissions: unknown variant `root`, expected one of `read-only`, `edits`, `full`",
            ),
            (
                json!({ "provider": "claude" }),
                "provider: unknown provider \"claude\"; known are: debug, claude-code, codex, opencode, pi, mine",
            ),
            (
                json!({ "providers": { "claude": {} } }),
                "providers.claude: unknown provider \"claude\"; known are: debug, claude-code, codex, opencode, pi, mine",
            ),
            (
                json!({ "providers": { "pi": { "serverArgs": [] } } }),
                "providers.pi.serverArgs: only opencode has a server",
            ),
            (
                json!({ "providers": { "mine": { "env": { "A": "b" } } } }),
                "providers.mine.env: this provider is not started by a command",
            ),
        ] {
            assert_eq!(parsed(value).unwrap_err(), format!("smol.config.json: {message}"));
        }
        let error = parsed(json!({ "providers": { "pi": { "comand": "x" } } })).unwrap_err();
        assert!(error.starts_with("smol.config.json: providers.pi.comand: unknown field `comand`, expected one of `command`, `args`"), "{error}");
        for (value, place) in [
            (json!([]), ""),
            (json!({ "providers": { "pi": ["x"] } }), ": providers.pi"),
            (json!({ "providers": { "pi": { "rate": [1, 2] } } }), ": providers.pi.rate"),
        ] {
            let message = format!("smol.config.json{place}: invalid type: an array, expected an object");
            assert_eq!(parsed(value).unwrap_err(), message);
        }
        let error = Config::from_json("{\n  \"provider\": pi\n}", "a.json", KNOWN).unwrap_err().to_string();
        assert_eq!(error, "a.json:2:15: not JSON: expected value");
        for (text, place) in [
            ("", "1:1: not JSON: EOF while parsing a value"),
            ("{", "1:1: not JSON: EOF while parsing an object"),
            ("{\n", "2:1: not JSON: EOF while parsing an object"),
            ("\u{feff}{ \"a\": x }", "1:8: not JSON: expected value"),
            ("{ \"ü🙂\": x }", "1:9: not JSON: expected value"),
            ("{ \"a\": 1, }", "1:11: not JSON: trailing comma"),
            ("{} {}", "1:4: not JSON: trailing characters"),
        ] {
            let error = Config::from_json(text, "a.json", KNOWN).unwrap_err();
            assert_eq!((error.code(), error.to_string()), ("ERR_CONFIG", format!("a.json:{place}")));
        }
    }

    #[test]
    fn options_of_one_provider_are_read() {
        let read = |value, provider| provider_options(&value, provider).map_err(|error| error.to_string());
        assert_eq!(read(json!({ "timeoutMs": 5 }), "pi").unwrap().timeout, Some(Duration::from_millis(5)));
        let retry = read(json!({ "structuredOutputRetryCount": 0 }), "opencode").unwrap();
        assert_eq!(retry.structured_output_retry_count, Some(0));
        for (value, message) in [
            (json!({ "args": ["a", null] }), "pi: args[1]: invalid type: null, expected a string"),
            (json!({ "serverArgs": [] }), "pi: serverArgs: only opencode has a server"),
            (json!(["a"]), "pi: invalid type: an array, expected an object"),
        ] {
            assert_eq!(read(value, "pi").unwrap_err(), message);
        }
    }

    #[test]
    fn a_file_is_read() {
        let text = "\u{feff}{ \"$schema\": \"x\", \"provider\": \"codex\", \"providers\": { \"mine\": { \"concurrency\": 2 } } }";
        let config = Config::from_json(text, "a.json", KNOWN).unwrap();
        assert_eq!(config.provider.as_deref(), Some("codex"));
        assert_eq!(config.provider_settings("mine").concurrency, Some(2));
        assert_eq!(config.provider_settings("pi"), ProviderSettings::default());
    }

    #[test]
    fn the_environment_is_read() {
        let variables = [
            ("SMOL_WF_PROVIDER", "codex"),
            ("SMOL_WF_CLAUDE_CODE_COMMAND", "/opt/claude"),
            ("SMOL_WF_CODEX_ARGS", "[\"--skip-git-repo-check\"]"),
            ("SMOL_WF_CODEX_TIMEOUT_MS", "1000"),
            ("SMOL_WF_PI_MODELS", "{\"opus\":\"x\"}"),
            ("SMOL_WF_PI_CWD", ""),
            ("SMOL_WF_RUN", "r1"),
            ("SMOL_WF_CODEX_COLOUR", "red"),
            ("HOME", "x"),
        ];
        let (config, unknown) = Config::from_env(variables.into_iter(), KNOWN).unwrap();
        let expected = parsed(json!({ "provider": "codex", "providers": {
            "claude-code": { "command": "/opt/claude" },
            "codex": { "args": ["--skip-git-repo-check"], "timeoutMs": 1000 },
            "pi": { "models": { "opus": "x" } }
        } }));
        assert_eq!(Ok(config), expected);
        assert_eq!(unknown, ["SMOL_WF_RUN", "SMOL_WF_CODEX_COLOUR"]);
        for (name, text, message) in [
            (
                "SMOL_WF_CODEX_ARGS",
                "--a",
                "SMOL_WF_CODEX_ARGS: must be JSON: invalid number at line 1 column 2",
            ),
            (
                "SMOL_WF_CODEX_ARGS",
                "[1]",
                "SMOL_WF_CODEX_ARGS: providers.codex.args[0]: invalid type: integer `1`, expected a string",
            ),
            (
                "SMOL_WF_PROVIDER",
                "x",
                "SMOL_WF_PROVIDER: provider: unknown provider \"x\"; known are: debug, claude-code, codex, opencode, pi, mine",
            ),
            (
                "SMOL_WF_PI_SERVER_ARGS",
                "[]",
                "SMOL_WF_PI_SERVER_ARGS: providers.pi.serverArgs: only opencode has a server",
            ),
        ] {
            let error = Config::from_env([(name, text)].into_iter(), KNOWN).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn every_setting_has_a_variable() {
        let unknown_key = parsed(json!({ "providers": { "pi": { "?": 1 } } })).unwrap_err();
        let settings: Vec<_> = unknown_key.split('`').skip(3).step_by(2).collect();
        let variables: Vec<_> = VARIABLES.iter().map(|(_, key, _)| *key).collect();
        assert_eq!(variables, settings);
    }

    #[test]
    fn layers_are_laid_over_each_other_and_permissions_are_for_all() {
        let file = parsed(json!({ "provider": "pi", "permissions": "edits", "providers": {
            "codex": { "command": "a", "env": { "A": "1" } }, "pi": { "permissions": "full" }
        } }))
        .unwrap();
        let env = parsed(
            json!({ "provider": "codex", "providers": { "codex": { "command": "b" }, "opencode": {} } }),
        )
        .unwrap();
        let both = env.over(file);
        assert_eq!(both.provider.as_deref(), Some("codex"));
        let codex = both.provider_settings("codex");
        assert_eq!((codex.command.as_deref(), codex.env.len()), (Some("b"), 1));
        let permissions = |name| both.provider_settings(name).permissions;
        assert_eq!(permissions("codex"), Some(Permissions::Edits));
        assert_eq!(permissions("pi"), Some(Permissions::Full));
        assert_eq!(permissions("mine"), None);
    }

    #[test]
    fn all_layers_are_put_together() {
        let variables = [
            ("SMOL_WF_Z", "1"),
            ("SMOL_WF_AGENT_PROVIDER", "pi"),
            ("SMOL_WF_CODEX_STALL_MS", "5"),
            ("SMOL_WF_A", "1"),
        ];
        let text = r#"{ "provider": "pi", "permissions": "edits", "providers": { "codex": { "command": "c" }, "mine": {} } }"#;
        let resolved = Config::resolve(Some(text), "a.json", variables.into_iter(), KNOWN).unwrap();
        let codex = json!({ "command": "c", "stallMs": 5.0 });
        let edits = json!({ "permissions": "edits" });
        let expected = json!({
            "config": { "provider": "pi", "permissions": "edits", "providers": { "codex": codex, "mine": {} } },
            "providers": {
                "claude-code": edits, "codex": { "command": "c", "stallMs": 5.0, "permissions": "edits" },
                "opencode": edits, "pi": edits
            },
            "unknownVariables": ["SMOL_WF_A", "SMOL_WF_Z"]
        });
        assert_eq!(serde_json::to_value(&resolved).unwrap(), expected);
        let nothing = Config::resolve(None, "", std::iter::empty(), KNOWN).unwrap();
        assert_eq!(nothing, Resolved::default());
        let error = Config::resolve(None, "", [("SMOL_WF_PROVIDER", "x")].into_iter(), KNOWN).unwrap_err();
        assert_eq!(error.code(), "ERR_CONFIG");
    }

    /// Writes the file anew when `UPDATE_GENERATED` is set.
    #[test]
    fn the_schema_of_the_file_is_that_of_the_types() {
        let mut schema = schemars::schema_for!(Config);
        schema.insert("title".to_owned(), json!("smol.config.json"));
        let text = format!("{:#}\n", schema.as_value());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/smol.config.schema.json");
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        assert!(
            checked_in == text,
            "schema/smol.config.schema.json is old: run this test with UPDATE_GENERATED=1"
        );
    }
}
