//! The command line of Claude Code for one call.
//!
//! `claude [subcommand] [args] [--model M] … --output-format json [--json-schema S] --print <prompt>`

use serde_json::{Map, Value, json};

use super::super::agents::{Definition, Origin};
use super::super::debug::is_truthy;
use super::super::invocation::{Brief, Call, FirstSignal, Invocation, MAX_ARGUMENT, Start, fits_argument};
use super::super::shape::with_object_root;
use super::super::tools;
use crate::model::error::ErrorData;
use crate::model::provider::{Effort, Permissions};

/// The name under which scripts ask for it.
pub const NAME: &str = "claude-code";

pub(in crate::providers) const START: Start = Start {
    program: "claude",
    subcommand: &[],
    folder_prefix: "smol-wf-claude-",
    // On SIGINT it says that all went well.
    first_signal: FirstSignal::Terminate,
};

/// How Claude Code is started for a call.
///
/// # Errors
/// Options that make no sense, and a schema too long for an argument: there is no other way to hand one over.
pub fn invocation(call: &Call<'_>) -> Result<Invocation, ErrorData> {
    let brief = call.brief(NAME)?;
    let mut line = call.start(&START, &brief.options);
    add_model_and_agent(&mut line, call, &brief);
    if let Some(effort) = brief.options.effort {
        let level = if effort == Effort::Minimal { Effort::Low } else { effort };
        line.flag("--effort", level.name());
    }
    if let Some(permissions) = brief.permissions {
        line.flag("--permission-mode", mode(permissions));
    }
    add_tools(&mut line, &brief);
    if let Some(session) = call.session {
        line.flag("--resume", session);
    }
    line.flag("--output-format", if call.stream { "stream-json" } else { "json" });
    if call.stream {
        // It refuses to stream without.
        line.arg("--verbose");
    }
    if let Some(schema) = brief.schema.filter(|schema| is_truthy(schema)) {
        let shaped = with_object_root(schema);
        line.flag("--json-schema", shaped.schema.to_string());
        line.restore = shaped.restore;
    }
    line.arg("--print");
    if fits_argument(&brief.prompt) {
        line.arg(brief.prompt);
    } else {
        line.stdin = Some(brief.prompt);
    }
    line.checked()
}

fn mode(permissions: Permissions) -> &'static str {
    match permissions {
        Permissions::ReadOnly => "plan",
        Permissions::Edits => "acceptEdits",
        Permissions::Full => "bypassPermissions",
    }
}

fn add_model_and_agent(line: &mut Invocation, call: &Call<'_>, brief: &Brief<'_>) {
    let definition = brief.definition;
    // Claude Code finds the model of a definition by itself, unless the settings have another name for it.
    let defined = definition.and_then(|it| call.settings.models.get(it.model.as_deref()?)).cloned();
    if let Some(model) = brief.model.clone().or(defined) {
        line.flag("--model", model);
    }
    if let Some(name) = brief.native {
        line.flag("--agent", name);
    }
    let Some(definition) = definition else { return };
    if !finds(definition, call) {
        let agents = described(definition).to_string();
        if agents.len() <= MAX_ARGUMENT {
            line.flag("--agents", agents);
        } else {
            line.flag_file("--agents", "agents.json", agents);
        }
    }
    line.flag("--agent", &definition.name);
}

/// Whether Claude Code comes across the definition by itself, with all that only it understands. A worktree may lack
/// the file, and other settings may send it to another home folder.
fn finds(definition: &Definition, call: &Call<'_>) -> bool {
    match &definition.origin {
        Origin::ClaudeProject(project) => call.folder().as_ref() == Some(project),
        Origin::ClaudeHome => {
            !["HOME", "USERPROFILE", "CLAUDE_CONFIG_DIR"].iter().any(|it| call.settings.env.contains_key(*it))
        }
        Origin::Plugin => true,
        Origin::Shared => false,
    }
}

/// The definition as `--agents` takes it.
fn described(definition: &Definition) -> Value {
    let description =
        if definition.description.is_empty() { &definition.name } else { &definition.description };
    let mut agent = Map::new();
    agent.insert("description".to_owned(), json!(description));
    agent.insert("prompt".to_owned(), json!(definition.instructions));
    if let Some(tools) = &definition.tools {
        agent.insert("tools".to_owned(), json!(tools));
    }
    if let Some(model) = &definition.model {
        agent.insert("model".to_owned(), json!(model));
    }
    Value::Object(Map::from_iter([(definition.name.clone(), Value::Object(agent))]))
}

/// `tools` of the call. A pattern makes its tool available, and allows of it what the pattern says.
fn add_tools(line: &mut Invocation, brief: &Brief<'_>) {
    let Some(tools) = &brief.options.tools else { return };
    let mut names: Vec<&str> = Vec::new();
    for tool in tools {
        let name = tool.split('(').next().unwrap_or(tool).trim();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    line.flag("--tools", names.join(","));
    let patterns: Vec<_> = tools.iter().filter(|tool| tools::is_pattern(tool)).map(String::as_str).collect();
    if !patterns.is_empty() {
        line.flag("--allowedTools", patterns.join(","));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::agents::AgentType;
    use super::super::super::testing::{Asked, argv};
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn line(asked: &Asked) -> Invocation {
        invocation(&asked.call()).unwrap()
    }

    #[test]
    fn command_lines_are_those_of_the_original() {
        for (options, settings, expected) in [
            (json!(null), json!({}), &["claude", "--output-format", "json", "--print", "a b"][..]),
            (
                json!({ "model": "opus", "label": "l", "phase": "p", "key": "k", "isolation": "worktree" }),
                json!({ "command": "node", "subcommand": ["fake.mjs"], "args": ["-x", "y"] }),
                &[
                    "node",
                    "fake.mjs",
                    "-x",
                    "y",
                    "--model",
                    "opus",
                    "--output-format",
                    "json",
                    "--print",
                    "a b",
                ],
            ),
            (
                json!({ "schema": { "type": "object", "properties": { "b": {}, "a": {} } }, "model": "" }),
                json!({}),
                &[
                    "claude",
                    "--output-format",
                    "json",
                    "--json-schema",
                    "{\"type\":\"object\",\"properties\":{\"b\":{},\"a\":{}}}",
                    "--print",
                    "a b",
                ],
            ),
            (json!({ "schema": null }), json!({}), &["claude", "--output-format", "json", "--print", "a b"]),
            (
                json!({ "schema": true }),
                json!({}),
                &["claude", "--output-format", "json", "--json-schema", "true", "--print", "a b"],
            ),
        ] {
            let line = line(&Asked::new("a b", options).with_settings(settings));
            assert_eq!(argv(&line), expected);
            assert_eq!((line.stdin.as_ref(), line.needs_folder()), (None, false));
            assert_eq!(line.first_signal, FirstSignal::Terminate);
        }
    }

    #[test]
    fn prompts_that_are_no_arguments_go_through_standard_input() {
        for (prompt, as_argument) in [
            ("x".repeat(MAX_ARGUMENT), true),
            ("x".repeat(MAX_ARGUMENT + 1), false),
            ("- a list\n- of things".to_owned(), false),
            ("a\0b".to_owned(), false),
            (String::new(), true),
        ] {
            let line = line(&Asked::new(&prompt, json!(null)));
            let argv = argv(&line);
            assert_eq!(argv[3], "--print");
            assert_eq!(argv.get(4), as_argument.then_some(&prompt));
            assert_eq!(line.stdin, (!as_argument).then_some(prompt));
        }
    }

    #[test]
    fn a_schema_that_is_too_long_is_an_error() {
        let schema = json!({ "type": "object", "description": "x".repeat(MAX_ARGUMENT) });
        let error = invocation(&Asked::new("a", json!({ "schema": schema })).call()).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("ERR_ARGUMENT_TOO_LONG"));
        assert!(
            error.message.starts_with("claude takes what follows --json-schema as an argument"),
            "{error}"
        );
    }

    #[test]
    fn a_schema_whose_root_is_no_object_is_wrapped() {
        let line = line(&Asked::new("a", json!({ "schema": { "type": "string" } })));
        let schema: Value = serde_json::from_str(&argv(&line)[4]).unwrap();
        assert_eq!(schema["properties"]["value"], json!({ "type": "string" }));
        assert_eq!(line.restore.apply(json!({ "value": "x" })), json!("x"));
    }

    fn definition(origin: Origin) -> Definition {
        Definition {
            name: "rev".to_owned(),
            description: String::new(),
            tools: Some(vec!["Read".to_owned()]),
            model: Some("opus".to_owned()),
            instructions: "Be strict.".to_owned(),
            path: "rev.md".into(),
            origin,
            other_keys: Vec::new(),
        }
    }

    #[test]
    fn definitions_are_named_if_they_are_found_and_handed_over_if_not() {
        let handed_over = "{\"rev\":{\"description\":\"rev\",\"prompt\":\"Be strict.\",\"tools\":[\"Read\"],\"model\":\"opus\"}}";
        let here = || Origin::ClaudeProject("here".into());
        for (origin, settings, cwd, found) in [
            (here(), json!({}), Some("here"), true),
            (here(), json!({}), Some("worktree"), false),
            (here(), json!({ "cwd": "here" }), None, true),
            (here(), json!({}), None, false),
            (Origin::ClaudeHome, json!({}), None, true),
            (Origin::ClaudeHome, json!({ "env": { "HOME": "x" } }), None, false),
            (Origin::Plugin, json!({}), None, true),
            (Origin::Shared, json!({}), None, false),
        ] {
            let mut asked = Asked::new("a", json!(null)).with_settings(settings);
            asked.agent = AgentType::Defined(Arc::new(definition(origin.clone())));
            asked.cwd = cwd;
            let argv = argv(&line(&asked));
            let expected: &[&str] = if found {
                &["claude", "--agent", "rev"]
            } else {
                &["claude", "--agents", handed_over, "--agent", "rev"]
            };
            assert_eq!(argv[..expected.len()], *expected, "{origin:?}");
        }
    }

    #[test]
    fn a_definition_has_its_model_translated_and_may_be_long() {
        let mut asked =
            Asked::new("a", json!(null)).with_settings(json!({ "models": { "opus": "claude-x" } }));
        let long = Definition { instructions: "x".repeat(MAX_ARGUMENT), ..definition(Origin::Shared) };
        asked.agent = AgentType::Defined(Arc::new(long));
        let line = line(&asked);
        assert_eq!(argv(&line)[1..7], ["--model", "claude-x", "--agents", "@/agents.json", "--agent", "rev"]);
        assert_eq!(line.files[0].name, "agents.json");
        assert!(line.files[0].text.starts_with("{\"rev\":{"));
    }

    #[test]
    fn patterns_of_tools_are_allowed_and_their_tools_made_available() {
        for (tools, expected) in [
            (json!([]), &["--tools", ""][..]),
            (json!(["Read", "Grep"]), &["--tools", "Read,Grep"]),
            (
                json!(["Bash(git log *)", "Bash(git diff *)", "Read"]),
                &["--tools", "Bash,Read", "--allowedTools", "Bash(git log *),Bash(git diff *)"],
            ),
        ] {
            let argv = argv(&line(&Asked::new("a", json!({ "tools": tools }))));
            assert_eq!(argv[1..=expected.len()], *expected);
            assert_eq!(argv[expected.len() + 1], "--output-format");
        }
    }
}
