//! How an agent CLI is set up: what a configuration file, the environment or the host say about one provider, and what
//! one call adds to it.
//!
//! Plain data and the rules for putting it together. What the settings mean for a CLI's command line is not known here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::error::ErrorData;
use super::json::kind;

/// The providers that start a program of somebody else.
pub const CLI_NAMES: &[&str] = &["claude-code", "codex", "opencode", "pi"];

/// What an agent may do without being asked. Absent: whatever the CLI does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Permissions {
    /// Read files, change nothing.
    ReadOnly,
    /// Change files in the working folder.
    Edits,
    /// Everything, commands and the network included.
    Full,
}

impl Permissions {
    /// As scripts and files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Edits => "edits",
            Self::Full => "full",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReadOnly, Self::Edits, Self::Full].into_iter().find(|level| level.name() == name)
    }
}

/// How hard a model thinks. CLIs that know fewer levels get the nearest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

impl Effort {
    /// All of them, the least first.
    pub const ALL: [Self; 6] = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// As scripts write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }
}

/// At most so many starts within so much time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Agents that may start in the time.
    #[serde(deserialize_with = "count")]
    #[cfg_attr(test, schemars(with = "u32", range(min = 1, max = 1_000_000)))]
    pub starts: u32,
    /// The time, in milliseconds.
    #[serde(rename = "perMs", deserialize_with = "period", serialize_with = "in_milliseconds")]
    #[cfg_attr(test, schemars(with = "f64", range(min = 1, max = 2_147_483_647)))]
    pub per: Duration,
}

/// The settings of one provider. What is absent is decided by the layer below, in the end by the CLI itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProviderSettings {
    /// The executable. Default: the CLI's own name, found on `PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Arguments put before the engine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// What comes before all other arguments. Default: `exec` for codex, `run` for opencode, else nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subcommand: Option<Vec<String>>,
    /// The folder to work in, for calls that name none. Default: that of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables laid over the environment of the process.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Milliseconds after which a call fails; 0 means never, which is the default.
    #[serde(rename = "timeoutMs", with = "milliseconds", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<f64>", range(min = 0, max = 2_147_483_647)))]
    pub timeout: Option<Duration>,
    /// Milliseconds without any output after which a call fails; 0 means never, which is the default.
    #[serde(rename = "stallMs", with = "milliseconds", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<f64>", range(min = 0, max = 2_147_483_647)))]
    pub stall: Option<Duration>,
    /// What agents may do without being asked. Default: what the CLI allows by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Other names for models: `{ "opus": "gpt-5.5" }`. Names that are not here reach the CLI as they are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, String>,
    /// How many agents of this provider run at once. Default: no limit of its own.
    #[serde(deserialize_with = "optional_count", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<u32>", range(min = 1, max = 1_000_000)))]
    pub concurrency: Option<u32>,
    /// Milliseconds between the starts of two agents. Default: 0.
    #[serde(rename = "staggerMs", with = "milliseconds", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<f64>", range(min = 0, max = 2_147_483_647)))]
    pub stagger: Option<Duration>,
    /// At most so many starts within so much time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The most milliseconds that a call waits in all for the limits of the service behind the provider (429, the limit
    /// of a plan, overload), which costs it no attempt; 0 means that it fails at once. Default: 6 hours.
    #[serde(rename = "maxWaitMs", with = "milliseconds", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<f64>", range(min = 0, max = 2_147_483_647)))]
    pub max_wait: Option<Duration>,
    /// opencode only: how its server is started. Default: `serve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_subcommand: Option<Vec<String>>,
    /// opencode only: arguments of its server, before the engine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_args: Option<Vec<String>>,
    /// opencode only: how often it asks again for an answer that does not fit. Default: 2.
    #[cfg_attr(test, schemars(range(max = 100)))]
    #[serde(deserialize_with = "retry_count", skip_serializing_if = "Option::is_none")]
    pub structured_output_retry_count: Option<u32>,
    /// opencode only: milliseconds that its server has to start. Default: 15000.
    #[serde(
        rename = "serverStartupTimeoutMs",
        with = "milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(test, schemars(with = "Option<f64>", range(min = 0, max = 2_147_483_647)))]
    pub server_startup_timeout: Option<Duration>,
}

impl ProviderSettings {
    /// These settings over those: what is set here wins, one field at a time; variables and model names one key at
    /// a time.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let both = |mut below: BTreeMap<String, String>, above: BTreeMap<String, String>| {
            below.extend(above);
            below
        };
        Self {
            command: self.command.or(below.command),
            args: self.args.or(below.args),
            subcommand: self.subcommand.or(below.subcommand),
            cwd: self.cwd.or(below.cwd),
            env: both(below.env, self.env),
            timeout: self.timeout.or(below.timeout),
            stall: self.stall.or(below.stall),
            permissions: self.permissions.or(below.permissions),
            models: both(below.models, self.models),
            concurrency: self.concurrency.or(below.concurrency),
            stagger: self.stagger.or(below.stagger),
            rate: self.rate.or(below.rate),
            max_wait: self.max_wait.or(below.max_wait),
            server_subcommand: self.server_subcommand.or(below.server_subcommand),
            server_args: self.server_args.or(below.server_args),
            structured_output_retry_count: self
                .structured_output_retry_count
                .or(below.structured_output_retry_count),
            server_startup_timeout: self.server_startup_timeout.or(below.server_startup_timeout),
        }
    }

    /// How long a call may wait for limits of others.
    pub fn max_wait(&self) -> Duration {
        /// Longer than the windows of the plans that there are, which have five hours.
        const DEFAULT: Duration = Duration::from_secs(6 * 3600);
        self.max_wait.unwrap_or(DEFAULT)
    }

    /// A model by the name that this provider knows it by.
    pub fn model<'a>(&'a self, name: &'a str) -> &'a str {
        self.models.get(name).map_or(name, String::as_str)
    }

    /// The first setting that only opencode has, if there is one.
    pub fn opencode_setting(&self) -> Option<&'static str> {
        [
            ("serverSubcommand", self.server_subcommand.is_some()),
            ("serverArgs", self.server_args.is_some()),
            ("structuredOutputRetryCount", self.structured_output_retry_count.is_some()),
            ("serverStartupTimeoutMs", self.server_startup_timeout.is_some()),
        ]
        .into_iter()
        .find_map(|(name, set)| set.then_some(name))
    }
}

/// `setTimeout` clamps there; so do we.
const MAX_MS: f64 = 2_147_483_647.0;

/// A duration that may be absent, as milliseconds.
mod milliseconds {
    use super::*;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        match Option::<Number>::deserialize(from)?.as_ref().map(float) {
            None => Ok(None),
            Some(ms) if (0.0..=MAX_MS).contains(&ms) => Ok(Some(Duration::from_secs_f64(ms / 1000.0))),
            Some(ms) => Err(D::Error::custom(format!("must be milliseconds from 0 to {MAX_MS}, got {ms}"))),
        }
    }

    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => in_milliseconds(duration, to),
            None => to.serialize_none(),
        }
    }
}

/// Exact: the longest duration that there can be has fewer nanoseconds than a float has whole numbers.
fn in_milliseconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_nanos() as f64 / 1e6)
}

fn period<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let ms = float(&Number::deserialize(from)?);
    if (1.0..=MAX_MS).contains(&ms) {
        return Ok(Duration::from_secs_f64(ms / 1000.0));
    }
    Err(D::Error::custom(format!("must be milliseconds from 1 to {MAX_MS}, got {ms}")))
}

fn count<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let number = float(&Number::deserialize(from)?);
    whole(number, 1.0, 1_000_000.0).map_err(D::Error::custom)
}

fn optional_count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let number = Option::<Number>::deserialize(from)?;
    number.map(|number| whole(float(&number), 1.0, 1_000_000.0)).transpose().map_err(D::Error::custom)
}

fn retry_count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let number = Option::<Number>::deserialize(from)?;
    number.map(|number| whole(float(&number), 0.0, 100.0)).transpose().map_err(D::Error::custom)
}

/// Without the feature for numbers of any precision, every JSON number has a nearest float.
fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

fn whole(number: f64, least: f64, most: f64) -> Result<u32, String> {
    if number.fract() == 0.0 && (least..=most).contains(&number) {
        return Ok(number as u32);
    }
    Err(format!("must be a whole number from {least} to {most}, got {number}"))
}

/// The options of `agent()` that only agent CLIs act on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CliOptions {
    pub effort: Option<Effort>,
    pub permissions: Option<Permissions>,
    /// Names of the tools that the agent may use, as its CLI or Claude Code call them.
    pub tools: Option<Vec<String>>,
    /// `stallMs`: how long the agent may say nothing.
    pub stall: Option<Duration>,
    /// `providerOptions.<provider>.args`: arguments for the CLI, after those of the settings.
    pub args: Vec<String>,
    /// `providerOptions.opencode.serverArgs`: the same for its server.
    pub server_args: Vec<String>,
}

impl CliOptions {
    /// Reads the options of one call of `provider`. `options` is what the script gave; `None` is `undefined`.
    ///
    /// # Errors
    /// A `TypeError` that names the option, what was found and what is expected.
    pub fn parse(options: Option<&Value>, provider: &str) -> Result<Self, ErrorData> {
        let Some(Value::Object(options)) = options else { return Ok(Self::default()) };
        let get = |key: &str| options.get(key).filter(|value| !value.is_null());
        let mut parsed = Self {
            effort: get("effort").map(effort).transpose()?,
            permissions: get("permissions").map(permissions).transpose()?,
            tools: get("tools").map(|value| strings("tools", value)).transpose()?,
            stall: get("stallMs").map(stall).transpose()?,
            ..Self::default()
        };
        if let Some(value) = get("providerOptions") {
            parsed.read_provider_options(value, provider)?;
        }
        Ok(parsed)
    }

    fn read_provider_options(&mut self, value: &Value, provider: &str) -> Result<(), ErrorData> {
        let wrong = |at: &str, value: &Value| {
            wrong(
                &format!("providerOptions{at}"),
                "an object per provider: { codex: { args: ['--flag'] } }",
                value,
            )
        };
        let all = value.as_object().ok_or_else(|| wrong("", value))?;
        // Options of other providers are for them to read, but what is no object belongs to nobody.
        if let Some((key, value)) = all.iter().find(|(_, value)| !value.is_object()) {
            return Err(wrong(&format!(".{key}"), value));
        }
        let empty = Map::new();
        let own = all.get(provider).and_then(Value::as_object).unwrap_or(&empty);
        for (key, value) in own {
            let path = format!("providerOptions.{provider}.{key}");
            match key.as_str() {
                "args" => self.args = strings(&path, value)?,
                "serverArgs" if provider == "opencode" => self.server_args = strings(&path, value)?,
                _ => {
                    let known = if provider == "opencode" { "args, serverArgs" } else { "args" };
                    return Err(type_error(format!("agent() option {path} is unknown; known are: {known}")));
                }
            }
        }
        Ok(())
    }
}

fn effort(value: &Value) -> Result<Effort, ErrorData> {
    let found = Effort::ALL.into_iter().find(|effort| Some(effort.name()) == value.as_str());
    found.ok_or_else(|| {
        wrong("effort", &format!("one of {}", Effort::ALL.map(Effort::name).join(", ")), value)
    })
}

fn permissions(value: &Value) -> Result<Permissions, ErrorData> {
    let found = value.as_str().and_then(Permissions::from_name);
    found.ok_or_else(|| wrong("permissions", "one of read-only, edits, full", value))
}

fn stall(value: &Value) -> Result<Duration, ErrorData> {
    match value.as_f64() {
        Some(ms) if (1.0..=MAX_MS).contains(&ms) => Ok(Duration::from_secs_f64(ms / 1000.0)),
        _ => Err(wrong("stallMs", &format!("a number of milliseconds from 1 to {MAX_MS}"), value)),
    }
}

fn strings(option: &str, value: &Value) -> Result<Vec<String>, ErrorData> {
    let Value::Array(items) = value else { return Err(wrong(option, "an array of strings", value)) };
    let text = |(at, item): (usize, &Value)| match item {
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong(&format!("{option}[{at}]"), "a string", other)),
    };
    items.iter().enumerate().map(text).collect()
}

fn wrong(option: &str, expected: &str, found: &Value) -> ErrorData {
    let found = match found {
        Value::Array(_) | Value::Object(_) => kind(found).to_owned(),
        other => other.to_string(),
    };
    type_error(format!("agent() option {option} must be {expected}, got {found}"))
}

fn type_error(message: String) -> ErrorData {
    ErrorData::new("TypeError", message).with_code("ERR_INVALID_OPTION")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> ProviderSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn settings_are_read() {
        let read = settings(json!({
            "command": "c", "args": ["-a"], "subcommand": [], "cwd": "d", "env": { "K": "v" }, "timeoutMs": 1500,
            "stallMs": 0, "permissions": "read-only", "models": { "opus": "m" }, "concurrency": 3, "staggerMs": 0.5,
            "rate": { "starts": 10, "perMs": 60000 }, "maxWaitMs": 7000, "serverSubcommand": ["s"], "serverArgs": ["-s"],
            "structuredOutputRetryCount": 0, "serverStartupTimeoutMs": 100
        }));
        let expected = ProviderSettings {
            command: Some("c".to_owned()),
            args: Some(vec!["-a".to_owned()]),
            subcommand: Some(Vec::new()),
            cwd: Some("d".to_owned()),
            env: BTreeMap::from([("K".to_owned(), "v".to_owned())]),
            timeout: Some(Duration::from_millis(1500)),
            stall: Some(Duration::ZERO),
            permissions: Some(Permissions::ReadOnly),
            models: BTreeMap::from([("opus".to_owned(), "m".to_owned())]),
            concurrency: Some(3),
            stagger: Some(Duration::from_micros(500)),
            rate: Some(Rate { starts: 10, per: Duration::from_secs(60) }),
            max_wait: Some(Duration::from_secs(7)),
            server_subcommand: Some(vec!["s".to_owned()]),
            server_args: Some(vec!["-s".to_owned()]),
            structured_output_retry_count: Some(0),
            server_startup_timeout: Some(Duration::from_millis(100)),
        };
        assert_eq!(read, expected);
        assert_eq!(settings(json!({ "command": null, "timeoutMs": null })), ProviderSettings::default());
        // What is written is read again, and what is absent is not written.
        assert_eq!(settings(serde_json::to_value(&expected).unwrap()), expected);
        let fraction = settings(json!({ "timeoutMs": 1.5, "staggerMs": 0.1, "stallMs": 2_147_483_647 }));
        let written = serde_json::to_value(&fraction).unwrap();
        assert_eq!(written, json!({ "timeoutMs": 1.5, "stallMs": 2_147_483_647.0, "staggerMs": 0.1 }));
    }

    #[test]
    fn bad_settings_say_what_is_expected() {
        for (value, message) in [
            (json!({ "comand": "x" }), "unknown field `comand`, expected one of `command`, `args`,"),
            (json!({ "timeoutMs": -1 }), "must be milliseconds from 0 to 2147483647, got -1"),
            (json!({ "timeoutMs": "x" }), "invalid type: string \"x\", expected a JSON number"),
            (json!({ "concurrency": 0 }), "must be a whole number from 1 to 1000000, got 0"),
            (json!({ "concurrency": 1.5 }), "must be a whole number from 1 to 1000000, got 1.5"),
            (json!({ "structuredOutputRetryCount": 101 }), "must be a whole number from 0 to 100, got 101"),
            (json!({ "rate": { "starts": 1 } }), "missing field `perMs`"),
            (
                json!({ "rate": { "starts": 1, "perMs": 0 } }),
                "must be milliseconds from 1 to 2147483647, got 0",
            ),
            (
                json!({ "permissions": "all" }),
                "unknown variant `all`, expected one of `read-only`, `edits`, `full`",
            ),
        ] {
            let error = serde_json::from_value::<ProviderSettings>(value).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn upper_layers_win_field_by_field() {
        let below = settings(json!({
            "command": "a", "args": ["1"], "env": { "A": "1", "B": "1" }, "timeoutMs": 5, "models": { "x": "1" }
        }));
        let above = settings(json!({
            "args": [], "env": { "B": "2" }, "timeoutMs": 0, "models": { "y": "2" }, "permissions": "full"
        }));
        let expected = settings(json!({
            "command": "a", "args": [], "env": { "A": "1", "B": "2" }, "timeoutMs": 0,
            "models": { "x": "1", "y": "2" }, "permissions": "full"
        }));
        assert_eq!(above.over(below), expected);
    }

    #[test]
    fn models_have_other_names_here_and_there() {
        let settings = settings(json!({ "models": { "opus": "gpt-5.5" } }));
        assert_eq!((settings.model("opus"), settings.model("haiku")), ("gpt-5.5", "haiku"));
    }

    #[test]
    fn options_of_a_call_are_read() {
        let options = json!({
            "effort": "max", "permissions": "edits", "tools": ["Read"], "stallMs": 20, "label": 5,
            "providerOptions": { "codex": { "args": ["-c", "x=1"] }, "other": { "what": 1 } }
        });
        let parsed = CliOptions::parse(Some(&options), "codex").unwrap();
        let expected = CliOptions {
            effort: Some(Effort::Max),
            permissions: Some(Permissions::Edits),
            tools: Some(vec!["Read".to_owned()]),
            stall: Some(Duration::from_millis(20)),
            args: vec!["-c".to_owned(), "x=1".to_owned()],
            server_args: Vec::new(),
        };
        assert_eq!(parsed, expected);
        assert_eq!(CliOptions::parse(Some(&options), "pi").unwrap(), CliOptions { args: vec![], ..expected });
        for nothing in [None, Some(&Value::Null), Some(&json!({ "effort": null, "tools": null }))] {
            assert_eq!(CliOptions::parse(nothing, "pi").unwrap(), CliOptions::default());
        }
    }

    #[test]
    fn bad_options_of_a_call_say_what_was_found() {
        for (options, message) in [
            (
                json!({ "effort": "hard" }),
                "effort must be one of minimal, low, medium, high, xhigh, max, got \"hard\"",
            ),
            (json!({ "permissions": true }), "permissions must be one of read-only, edits, full, got true"),
            (json!({ "tools": "Read" }), "tools must be an array of strings, got \"Read\""),
            (json!({ "tools": ["a", {}] }), "tools[1] must be a string, got an object"),
            (json!({ "stallMs": 0 }), "stallMs must be a number of milliseconds from 1 to 2147483647, got 0"),
            (
                json!({ "providerOptions": { "temperature": 1 } }),
                "providerOptions.temperature must be an object per provider: { codex: { args: ['--flag'] } }, got 1",
            ),
            (
                json!({ "providerOptions": { "codex": { "argz": [] } } }),
                "providerOptions.codex.argz is unknown; known are: args",
            ),
            (
                json!({ "providerOptions": { "codex": { "args": [1] } } }),
                "providerOptions.codex.args[0] must be a string, got 1",
            ),
        ] {
            let error = CliOptions::parse(Some(&options), "codex").unwrap_err();
            assert_eq!(
                (error.name.as_str(), error.message),
                ("TypeError", format!("agent() option {message}"))
            );
        }
    }
}
