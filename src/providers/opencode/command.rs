//! How OpenCode is asked for one call: by its command line for text, by a server of its own for a structured answer.
//!
//! `opencode run [args] --format json [--model M] [--agent A] … <prompt>`

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::invocation::{Brief, Call, FirstSignal, Invocation, Start, fits_argument};
use super::super::tools;
use crate::model::error::ErrorData;
use crate::model::provider::Permissions;

/// The name under which scripts ask for it.
pub const NAME: &str = "opencode";

pub(in crate::providers) const RUN: Start = Start {
    program: "opencode",
    subcommand: &["run"],
    folder_prefix: "smol-wf-opencode-",
    first_signal: FirstSignal::Terminate,
};

/// Whether a call needs the server.
pub fn is_structured(call: &Call<'_>) -> bool {
    call.request.parsed.schema.is_some()
}

/// How OpenCode is started for a call without a schema.
///
/// # Errors
/// Options that make no sense.
pub fn invocation(call: &Call<'_>) -> Result<Invocation, ErrorData> {
    let brief = call.brief(NAME)?;
    let mut line = call.start(&RUN, &brief.options);
    line.flag("--format", "json");
    if let Some(model) = brief.model_elsewhere(call.settings) {
        line.flag("--model", model);
    }
    if let Some(agent) = brief.native {
        line.flag("--agent", agent);
    }
    if let Some(effort) = brief.options.effort {
        line.flag("--variant", effort.name());
    }
    if let Some(session) = call.session {
        line.flag("-s", session);
    }
    add_permissions(&mut line, &brief)?;
    let prompt = brief.prompt_with_instructions(call.session);
    if arrives_as_argument(&prompt) {
        line.arg(prompt);
    } else {
        line.stdin = Some(prompt);
    }
    line.checked()
}

/// Whether the model gets to see this prompt if it is an argument. OpenCode puts quotes around arguments with spaces,
/// and a backslash before the quotes in them: no harm to a short request, but another text where quotes or line breaks
/// mean something.
fn arrives_as_argument(prompt: &str) -> bool {
    fits_argument(prompt) && (!prompt.contains(' ') || !prompt.contains(['"', '\\', '\n', '\r']))
}

/// A call with a schema: the server to start and what to ask it.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    pub server: Invocation,
    /// How long the server may take to say where it listens.
    pub startup_timeout: Duration,
    /// `directory` of every request; `None`: the folder of the process.
    pub directory: Option<PathBuf>,
    /// A session to go on with; `None`: one has to be made with `session_body`.
    pub session: Option<String>,
    /// Body of `POST /session`.
    pub session_body: Value,
    /// Body of `POST /session/<id>/message`.
    pub message_body: Value,
}

/// How often OpenCode asks again for an answer that does not fit, unless the settings say otherwise.
const RETRY_COUNT: u32 = 2;

const STARTUP_TIMEOUT: Duration = Duration::from_secs(15);

/// How OpenCode is asked for a structured answer.
///
/// # Errors
/// Options that make no sense, arguments for the command line among them, which is not used here; a model that is not
/// of the form `provider/model`.
pub fn served(call: &Call<'_>) -> Result<Served, ErrorData> {
    let brief = call.brief(NAME)?;
    let settings = call.settings;
    if !brief.options.args.is_empty() {
        let message = "agent() option providerOptions.opencode.args: a call with a schema is answered by opencode's server; use serverArgs";
        return Err(ErrorData::new("TypeError", message).with_code("ERR_INVALID_OPTION"));
    }
    let mut server = call.start(&RUN, &brief.options);
    server.args.clear();
    match &settings.server_subcommand {
        Some(words) => words.iter().for_each(|word| server.arg(word)),
        None => server.arg("serve"),
    }
    settings.server_args.iter().flatten().chain(&brief.options.server_args).for_each(|arg| server.arg(arg));
    server.flag("--hostname", "127.0.0.1");
    server.flag("--port", "0");
    server.arg("--pure");
    add_permissions(&mut server, &brief)?;

    let mut session_body = Map::new();
    session_body.insert("title".to_owned(), json!("smol-workflows structured output"));
    if let Some(agent) = brief.native {
        session_body.insert("agent".to_owned(), json!(agent));
    }
    Ok(Served {
        server: server.checked()?,
        startup_timeout: settings
            .server_startup_timeout
            .filter(|it| !it.is_zero())
            .unwrap_or(STARTUP_TIMEOUT),
        directory: call.folder(),
        session: call.session.map(str::to_owned),
        session_body: Value::Object(session_body),
        message_body: message_body(call, &brief)?,
    })
}

fn message_body(call: &Call<'_>, brief: &Brief<'_>) -> Result<Value, ErrorData> {
    let mut body = Map::new();
    if let Some(model) = brief.model_elsewhere(call.settings) {
        let parts =
            model.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
        let Some((provider, model)) = parts else {
            let message =
                format!("OpenCode model must use provider/model form for structured output, got: {model}");
            return Err(ErrorData::new("Error", message));
        };
        body.insert("model".to_owned(), json!({ "providerID": provider, "modelID": model }));
    }
    if let Some(agent) = brief.native {
        body.insert("agent".to_owned(), json!(agent));
    }
    if let Some(effort) = brief.options.effort {
        body.insert("variant".to_owned(), json!(effort.name()));
    }
    if let Some(instructions) = brief.instructions() {
        body.insert("system".to_owned(), json!(instructions));
    }
    body.insert("parts".to_owned(), json!([{ "type": "text", "text": brief.prompt }]));
    let schema = brief.schema.map(|schema| (**schema).clone());
    let retry_count = call.settings.structured_output_retry_count.unwrap_or(RETRY_COUNT);
    body.insert(
        "format".to_owned(),
        json!({ "type": "json_schema", "schema": schema, "retryCount": retry_count }),
    );
    Ok(Value::Object(body))
}

/// Says what is allowed, in the only place that OpenCode takes it from. What is not allowed is denied: a question that
/// nobody can answer ends its run without a word.
fn add_permissions(line: &mut Invocation, brief: &Brief<'_>) -> Result<(), ErrorData> {
    let mut rules = Map::new();
    let mut rule = |name: &str, action: &str| rules.insert(name.to_owned(), json!(action));
    let (edit, rest) = match brief.permissions {
        Some(Permissions::ReadOnly) => (Some("deny"), Some("deny")),
        Some(Permissions::Edits) => (Some("allow"), Some("deny")),
        Some(Permissions::Full) => (Some("allow"), Some("allow")),
        None => (None, None),
    };
    for (name, action) in [("edit", edit), ("bash", rest), ("external_directory", rest)] {
        if let Some(action) = action {
            rule(name, action);
        }
    }
    if let Some(tools) = brief.tool_names(NAME)? {
        for name in tools::denied_in_opencode(&tools) {
            rule(name, "deny");
        }
    }
    if !rules.is_empty() {
        line.env.push(("OPENCODE_PERMISSION".to_owned(), Value::Object(rules).to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::agents::{AgentType, Definition, Origin};
    use super::super::super::testing::{Asked, argv};
    use super::*;
    use std::sync::Arc;

    fn line(asked: &Asked) -> Invocation {
        invocation(&asked.call()).unwrap()
    }

    #[test]
    fn command_lines_are_those_of_the_original() {
        for (options, settings, agent, expected) in [
            (json!(null), json!({}), AgentType::Plain, &["opencode", "run", "--format", "json", "a b"][..]),
            (
                json!({ "model": "p/m", "agentType": "build" }),
                json!({ "command": "node", "subcommand": ["fake.mjs"], "args": ["-x"] }),
                AgentType::Native("build".to_owned()),
                &["node", "fake.mjs", "-x", "--format", "json", "--model", "p/m", "--agent", "build", "a b"],
            ),
        ] {
            let mut asked = Asked::new("a b", options).with_settings(settings);
            asked.agent = agent;
            let line = line(&asked);
            assert!(!is_structured(&asked.call()));
            assert_eq!(argv(&line), expected);
            assert_eq!((line.stdin.as_ref(), line.needs_folder(), line.env.len()), (None, false, 0));
        }
    }

    #[test]
    fn prompts_that_would_be_changed_go_through_standard_input() {
        for (prompt, as_argument) in [
            ("one line of words", true),
            ("\"quoted\"", true),
            ("a\nb", true),
            ("say \"hi\"", false),
            ("two lines\nof words", false),
            ("back \\ slash", false),
            ("-x", false),
            ("", true),
        ] {
            let line = line(&Asked::new(prompt, json!(null)));
            assert_eq!(line.stdin.is_none(), as_argument, "{prompt}");
            assert_eq!(line.args.len(), 3 + usize::from(as_argument), "{prompt}");
        }
    }

    #[test]
    fn a_schema_is_asked_of_a_server() {
        let options =
            json!({ "schema": { "type": "string" }, "model": "p/m/n", "cwd": "here", "timeoutMs": 5 });
        let mut asked = Asked::new("a b", options).with_settings(json!({ "command": "oc", "args": ["-x"] }));
        asked.agent = AgentType::Native("build".to_owned());
        assert!(is_structured(&asked.call()));
        let found = served(&asked.call()).unwrap();
        assert_eq!(argv(&found.server), ["oc", "serve", "--hostname", "127.0.0.1", "--port", "0", "--pure"]);
        assert_eq!(found.server.timeout, Some(Duration::from_millis(5)));
        assert_eq!(found.startup_timeout, Duration::from_secs(15));
        assert_eq!((found.directory, found.session), (Some("here".into()), None));
        assert_eq!(
            found.session_body.to_string(),
            r#"{"title":"smol-workflows structured output","agent":"build"}"#
        );
        assert_eq!(
            found.message_body.to_string(),
            r#"{"model":{"providerID":"p","modelID":"m/n"},"agent":"build","parts":[{"type":"text","text":"a b"}],"format":{"type":"json_schema","schema":{"type":"string"},"retryCount":2}}"#
        );
    }

    #[test]
    fn the_server_has_settings_of_its_own() {
        let settings = json!({
            "serverSubcommand": ["fake.mjs", "serve"], "serverArgs": ["-s"], "structuredOutputRetryCount": 0,
            "serverStartupTimeoutMs": 7, "permissions": "read-only"
        });
        let options = json!({ "schema": null, "effort": "high", "providerOptions": { "opencode": { "serverArgs": ["-t"] } } });
        let mut asked = Asked::new("a", options).with_settings(settings);
        asked.session = Some("ses_1");
        asked.agent = AgentType::Defined(Arc::new(Definition {
            name: "rev".to_owned(),
            description: String::new(),
            tools: None,
            model: Some("opus".to_owned()),
            instructions: "Be strict.".to_owned(),
            path: "rev.md".into(),
            origin: Origin::Shared,
            other_keys: Vec::new(),
        }));
        let found = served(&asked.call()).unwrap();
        let expected =
            ["opencode", "fake.mjs", "serve", "-s", "-t", "--hostname", "127.0.0.1", "--port", "0", "--pure"];
        assert_eq!(argv(&found.server), expected);
        assert_eq!(found.server.env[0].0, "OPENCODE_PERMISSION");
        assert_eq!(found.startup_timeout, Duration::from_millis(7));
        assert_eq!(found.session.as_deref(), Some("ses_1"));
        assert_eq!(
            found.message_body.to_string(),
            r#"{"variant":"high","system":"Be strict.","parts":[{"type":"text","text":"a"}],"format":{"type":"json_schema","schema":null,"retryCount":0}}"#
        );
    }

    #[test]
    fn what_a_server_cannot_do_is_refused() {
        for (options, message) in [
            (
                json!({ "schema": true, "model": "m" }),
                "OpenCode model must use provider/model form for structured output, got: m",
            ),
            (
                json!({ "schema": true, "model": "/m" }),
                "OpenCode model must use provider/model form for structured output, got: /m",
            ),
            (
                json!({ "schema": true, "providerOptions": { "opencode": { "args": ["-x"] } } }),
                "agent() option providerOptions.opencode.args: a call with a schema is answered by opencode's server; use serverArgs",
            ),
            (
                json!({ "schema": true, "tools": ["Bash(git *)"] }),
                "agent() option tools: opencode takes names of tools and no patterns, got \"Bash(git *)\"",
            ),
        ] {
            assert_eq!(served(&Asked::new("a", options).call()).unwrap_err().message, message);
        }
    }

    #[test]
    fn permissions_and_tools_are_one_variable() {
        for (options, expected) in [
            (
                json!({ "permissions": "read-only" }),
                json!({ "edit": "deny", "bash": "deny", "external_directory": "deny" }),
            ),
            (
                json!({ "permissions": "edits" }),
                json!({ "edit": "allow", "bash": "deny", "external_directory": "deny" }),
            ),
            (
                json!({ "permissions": "full" }),
                json!({ "edit": "allow", "bash": "allow", "external_directory": "allow" }),
            ),
            (
                json!({ "tools": ["Read", "Edit", "Bash", "Grep", "Glob", "LS", "Task", "Skill", "TodoWrite", "TodoRead"] }),
                json!({ "webfetch": "deny", "websearch": "deny" }),
            ),
            (
                json!({ "permissions": "full", "tools": ["read", "write", "grep", "glob", "list", "task", "skill", "todowrite", "todoread", "webfetch"] }),
                json!({ "edit": "allow", "bash": "deny", "external_directory": "allow", "websearch": "deny" }),
            ),
        ] {
            let line = line(&Asked::new("a", options));
            let (name, value) = line.env.last().unwrap();
            assert_eq!(
                (name.as_str(), value.as_str()),
                ("OPENCODE_PERMISSION", expected.to_string().as_str())
            );
        }
    }
}
