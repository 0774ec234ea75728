//! The command line of Codex for one call. The prompt is on its standard input.
//!
//! `codex exec [args] [--model M] … --json --output-last-message F [--output-schema F] -`

use serde_json::json;

use super::super::debug::is_truthy;
use super::super::invocation::{Arg, Brief, Call, FirstSignal, Invocation, MAX_ARGUMENT, Start};
use super::super::shape::{Closing, close};
use super::super::tools;
use crate::model::error::ErrorData;
use crate::model::provider::{Effort, Permissions};

/// The name under which scripts ask for it.
pub const NAME: &str = "codex";

/// The file of the private folder that Codex writes its final message to.
pub const LAST_MESSAGE: &str = "last-message.txt";

/// The file of the private folder that holds the schema.
const SCHEMA: &str = "schema.json";

pub(in crate::providers) const START: Start = Start {
    program: "codex",
    subcommand: &["exec"],
    folder_prefix: "smol-wf-codex-",
    // On SIGTERM it leaves its commands behind.
    first_signal: FirstSignal::Interrupt,
};

/// How Codex is started for a call.
///
/// Services differ in what schemas they take: [`Closing::Declared`] is what the original sent, [`Closing::Strict`] is
/// for those that refuse it, see [`refuses_schema`].
///
/// # Errors
/// Options that make no sense, `tools` among them: Codex has no list of tools.
pub fn invocation(call: &Call<'_>, closing: Closing) -> Result<Invocation, ErrorData> {
    let brief = call.brief(NAME)?;
    if brief.options.tools.is_some() {
        let message = "agent() option tools: codex has no list of tools; use permissions: 'read-only', 'edits' or 'full'";
        return Err(ErrorData::new("TypeError", message).with_code("ERR_INVALID_OPTION"));
    }
    let mut line = call.start(&START, &brief.options);
    if let Some(model) = brief.model_elsewhere(call.settings).filter(|name| !is_foreign(name, &brief)) {
        line.flag("--model", model);
    }
    if let Some(permissions) = permissions(&brief) {
        line.flag("-s", sandbox(permissions));
    }
    if let Some(effort) = brief.options.effort {
        let level = if effort == Effort::Max { Effort::Xhigh } else { effort };
        line.flag("-c", format!("model_reasoning_effort={}", toml_string(level.name())));
    }
    let prompt = add_instructions(&mut line, call, &brief);
    if call.session.is_some() {
        // What stands before this word belongs to `exec`, which has flags that `resume` lacks.
        line.arg("resume");
    }
    line.arg("--json");
    line.arg("--output-last-message");
    line.args.push(Arg::InFolder { before: "", name: LAST_MESSAGE });
    if let Some(schema) = brief.schema.filter(|schema| is_truthy(schema)) {
        let shaped = close(schema, closing);
        line.flag_file("--output-schema", SCHEMA, format!("{:#}", shaped.schema));
        line.restore = shaped.restore;
    }
    if let Some(session) = call.session {
        line.arg(session);
    }
    line.arg("-");
    line.stdin = Some(prompt);
    line.checked()
}

/// Whether a failure of Codex says that the service behind it does not take the schema as it was sent.
pub fn refuses_schema(message: &str) -> bool {
    message.contains("invalid_json_schema") || message.contains("Invalid schema for response_format")
}

/// A definition's model that no service behind Codex has.
fn is_foreign(model: &str, brief: &Brief<'_>) -> bool {
    brief.model.is_none() && model.starts_with("claude-")
}

/// What the call or the settings allow; a definition that needs less narrows what the settings allow.
fn permissions(brief: &Brief<'_>) -> Option<Permissions> {
    let defined = brief.definition.and_then(|definition| definition.tools.as_ref()).map(|tools| {
        let names: Vec<_> =
            tools.iter().map(String::as_str).filter(|tool| !tools::is_pattern(tool)).collect();
        tools::level(&names)
    });
    match (brief.options.permissions, brief.permissions, defined) {
        (Some(asked), _, _) => Some(asked),
        (None, Some(allowed), Some(needed)) => Some(allowed.min(needed)),
        // What needs everything is left to Codex's own default, as all calls are.
        (None, None, Some(needed)) => Some(needed).filter(|needed| *needed != Permissions::Full),
        (None, allowed, None) => allowed,
    }
}

fn sandbox(permissions: Permissions) -> &'static str {
    match permissions {
        Permissions::ReadOnly => "read-only",
        Permissions::Edits => "workspace-write",
        Permissions::Full => "danger-full-access",
    }
}

/// Hands over the definition's instructions and returns the prompt. They are part of the prompt if there are others
/// already, which they would replace, or if they are too long for an argument.
fn add_instructions(line: &mut Invocation, call: &Call<'_>, brief: &Brief<'_>) -> String {
    let Some(instructions) = brief.instructions() else { return brief.prompt.clone() };
    let setting = format!("developer_instructions={}", toml_string(instructions));
    let others =
        line.args.iter().any(|arg| matches!(arg, Arg::Text(text) if text.contains("developer_instructions")));
    if others || setting.len() > MAX_ARGUMENT {
        return brief.prompt_with_instructions(call.session);
    }
    line.flag("-c", setting);
    brief.prompt.clone()
}

/// A string as TOML writes it: as JSON does, but for one control character.
fn toml_string(text: &str) -> String {
    json!(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::super::super::agents::{AgentType, Definition, Origin};
    use super::super::super::testing::{Asked, argv};
    use super::*;
    use std::sync::Arc;

    fn line(asked: &Asked) -> Invocation {
        invocation(&asked.call(), Closing::Declared).unwrap()
    }

    #[test]
    fn command_lines_are_those_of_the_original() {
        let last = "@/last-message.txt";
        for (options, settings, expected) in [
            (json!(null), json!({}), &["codex", "exec", "--json", "--output-last-message", last, "-"][..]),
            (
                json!({ "model": "m", "label": "l", "schema": false }),
                json!({ "command": "node", "subcommand": ["fake.mjs"], "args": ["--skip-git-repo-check"] }),
                &[
                    "node",
                    "fake.mjs",
                    "--skip-git-repo-check",
                    "--model",
                    "m",
                    "--json",
                    "--output-last-message",
                    last,
                    "-",
                ],
            ),
            (
                json!({ "schema": { "type": "object" } }),
                json!({ "subcommand": [] }),
                &["codex", "--json", "--output-last-message", last, "--output-schema", "@/schema.json", "-"],
            ),
        ] {
            let line = line(&Asked::new("a \"b\"\n", options).with_settings(settings));
            assert_eq!(argv(&line), expected);
            assert_eq!(line.stdin.as_deref(), Some("a \"b\"\n"));
            assert_eq!(line.first_signal, FirstSignal::Interrupt);
            assert!(line.needs_folder());
        }
    }

    #[test]
    fn the_schema_is_a_file_closed_as_asked() {
        let asked = Asked::new("a", json!({ "schema": { "properties": { "a": { "type": "string" } } } }));
        let declared = line(&asked);
        let expected = "{\n  \"properties\": {\n    \"a\": {\n      \"type\": \"string\"\n    }\n  },\n  \"required\": [],\n  \"additionalProperties\": false\n}";
        assert_eq!(declared.files[0].text, expected);
        assert_eq!(declared.restore.apply(json!({ "a": null })), json!({ "a": null }));
        let strict = invocation(&asked.call(), Closing::Strict).unwrap();
        assert_eq!(argv(&strict), argv(&declared));
        assert_eq!(strict.restore.apply(json!({ "value": { "a": null } })), json!({}));
    }

    #[test]
    fn a_service_that_wants_it_strict_is_recognised() {
        let refused = r#"{"error":{"message":"Invalid schema for response_format 'codex_output_schema': In context=(), 'required' is required","code":"invalid_json_schema"}}"#;
        assert!(refuses_schema(refused));
        assert!(!refuses_schema("We're currently experiencing high demand"));
    }

    fn defined(tools: &[&str], model: &str, instructions: &str) -> AgentType {
        AgentType::Defined(Arc::new(Definition {
            name: "rev".to_owned(),
            description: "d".to_owned(),
            tools: (!tools.is_empty()).then(|| tools.iter().map(|tool| (*tool).to_owned()).collect()),
            model: Some(model.to_owned()),
            instructions: instructions.to_owned(),
            path: "rev.md".into(),
            origin: Origin::Shared,
            other_keys: Vec::new(),
        }))
    }

    #[test]
    fn definitions_become_instructions_model_and_sandbox() {
        let tail = ["--json", "--output-last-message", "@/last-message.txt", "-"];
        let told = "developer_instructions=\"Say \\\"hi\\\"\\n\\u007f\"";
        for (tools, model, options, settings, expected) in [
            (&["Read"][..], "opus", json!(null), json!({}), &["-s", "read-only"][..]),
            (&["Read"], "claude-opus-5", json!(null), json!({ "permissions": "full" }), &["-s", "read-only"]),
            (&["Edit"], "opus", json!({ "permissions": "full" }), json!({}), &["-s", "danger-full-access"]),
            (&["Bash"], "opus", json!(null), json!({}), &[]),
            (&["Bash"], "opus", json!(null), json!({ "permissions": "edits" }), &["-s", "workspace-write"]),
            // The pattern is no shell.
            (&["Bash(git *)"], "opus", json!(null), json!({}), &["-s", "read-only"]),
            (&[], "opus", json!(null), json!({ "models": { "opus": "gpt-5.5" } }), &["--model", "gpt-5.5"]),
            (&[], "gpt-x", json!(null), json!({}), &["--model", "gpt-x"]),
            (&[], "gpt-x", json!({ "model": "sonnet" }), json!({}), &["--model", "sonnet"]),
        ] {
            let mut asked = Asked::new("a", options).with_settings(settings);
            asked.agent = defined(tools, model, "Say \"hi\"\n\u{7f}");
            let expected: Vec<&str> =
                ["codex", "exec"].iter().chain(expected).copied().chain(["-c", told]).chain(tail).collect();
            assert_eq!(argv(&line(&asked)), expected, "{tools:?} {model}");
        }
    }

    #[test]
    fn instructions_join_the_prompt_where_they_cannot_be_a_setting() {
        let long = "x".repeat(MAX_ARGUMENT);
        for (instructions, settings) in [
            (long.as_str(), json!({})),
            ("short", json!({ "args": ["-c", "developer_instructions=\"mine\""] })),
        ] {
            let mut asked = Asked::new("do it", json!(null)).with_settings(settings);
            asked.agent = defined(&[], "opus", instructions);
            let expected =
                format!("Instructions for the whole task:\n\n{instructions}\n\nThe task:\n\ndo it");
            assert_eq!(line(&asked).stdin, Some(expected));
            asked.session = Some("s");
            assert_eq!(line(&asked).stdin.as_deref(), Some("do it"));
        }
    }

    #[test]
    fn a_list_of_tools_is_refused() {
        let error =
            invocation(&Asked::new("a", json!({ "tools": ["Read"] })).call(), Closing::Strict).unwrap_err();
        assert!(error.message.contains("codex has no list of tools"), "{error}");
    }
}
