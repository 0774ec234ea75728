//! The command line of pi for one call.
//!
//! `pi [subcommand] [args] [--extension E] --print --mode json [--model M] … <prompt or @file>`

use super::super::invocation::{
    Arg, Brief, Call, FirstSignal, Invocation, ScratchFile, Start, fits_argument,
};
use super::super::tools;
use super::typebox::{self, Parameters};
use crate::model::error::ErrorData;
use crate::model::provider::{Effort, Permissions};

pub use super::typebox::TOOL;

/// The name under which scripts ask for it.
pub const NAME: &str = "pi";

pub(in crate::providers) const START: Start = Start {
    program: "pi",
    subcommand: &[],
    folder_prefix: "smol-wf-pi-",
    // On SIGINT it leaves its commands behind.
    first_signal: FirstSignal::Terminate,
};

/// The file of the private folder with the tool for structured answers.
pub const EXTENSION: &str = "structured-output-extension.ts";

/// The longest prompt that is an argument, in UTF-16 units.
const MAX_PROMPT_UNITS: usize = 32_000;

/// How pi is started for a call.
///
/// # Errors
/// Options that make no sense.
pub fn invocation(call: &Call<'_>) -> Result<Invocation, ErrorData> {
    let brief = call.brief(NAME)?;
    let mut line = call.start(&START, &brief.options);
    let parameters = brief.schema.map(|schema| typebox::parameters(schema));
    if let Some(parameters) = &parameters {
        line.flag_file("--extension", EXTENSION, typebox::extension(parameters));
    }
    line.arg("--print");
    line.flag("--mode", "json");
    if let Some(model) = brief.model_elsewhere(call.settings) {
        line.flag("--model", model);
    }
    if let Some(effort) = brief.options.effort {
        let level = if effort == Effort::Max { Effort::Xhigh } else { effort };
        line.flag("--thinking", level.name());
    }
    if let Some(instructions) = brief.instructions() {
        // As a file: a text would be taken for the name of one if there is such a file.
        line.flag_file("--append-system-prompt", "instructions.md", instructions.to_owned());
    }
    if let Some(tools) = tools(&brief, parameters.is_some())? {
        match tools.as_slice() {
            [] => line.arg("--no-tools"),
            tools => line.flag("--tools", tools.join(",")),
        }
    }
    if let Some(session) = call.session {
        line.flag("--session", session);
    }
    add_prompt(&mut line, prompt(&brief, parameters.as_ref()));
    line.checked()
}

fn prompt(brief: &Brief<'_>, parameters: Option<&Parameters>) -> String {
    let mut prompt = brief.prompt.clone();
    let Some(parameters) = parameters else { return prompt };
    if let (true, Some(schema)) = (parameters.lossy, brief.schema) {
        let what = if parameters.wrapped { "parameter `value`" } else { "parameters" };
        prompt.push_str(&format!("\n\nThe {what} of {TOOL} must match this JSON Schema:\n{schema}"));
    }
    prompt.push_str(&format!(
        "\n\nUse the {TOOL} tool as your final action exactly once.\nDo not emit a final assistant message after calling {TOOL}."
    ));
    prompt
}

/// Puts the prompt where pi takes it as what it is: not as a flag, not as the name of a file.
fn add_prompt(line: &mut Invocation, prompt: String) {
    if prompt.encode_utf16().count() > MAX_PROMPT_UNITS {
        line.args.push(Arg::InFolder { before: "@", name: "prompt.md" });
        line.files.push(ScratchFile { name: "prompt.md", text: prompt });
    } else if fits_argument(&prompt) && !prompt.starts_with('@') {
        line.arg(prompt);
    } else {
        line.stdin = Some(prompt);
    }
}

/// The list of tools, if the call, its definition or the permissions ask for one. pi has no permissions: what is not
/// listed is not there. The tool for structured answers has to be listed as well.
fn tools(brief: &Brief<'_>, structured: bool) -> Result<Option<Vec<String>>, ErrorData> {
    let allowed: Option<&[&str]> = match brief.permissions {
        Some(Permissions::ReadOnly) => Some(&["read", "grep", "find", "ls"]),
        Some(Permissions::Edits) => Some(&["read", "grep", "find", "ls", "edit", "write"]),
        // All that pi has by itself.
        Some(Permissions::Full) | None => None,
    };
    let named = brief.tool_names(NAME)?.map(|names| tools::in_pi(&names));
    let mut tools: Vec<String> = match (named, allowed) {
        (None, None) => return Ok(None),
        (Some(names), None) => names,
        (None, Some(allowed)) => allowed.iter().map(|name| (*name).to_owned()).collect(),
        (Some(names), Some(allowed)) => {
            names.into_iter().filter(|name| allowed.contains(&name.as_str())).collect()
        }
    };
    if structured {
        tools.push(TOOL.to_owned());
    }
    Ok(Some(tools))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{Asked, argv};
    use super::*;
    use serde_json::{Value, json};

    const SUFFIX: &str = "\n\nUse the smol_workflows_structured_output tool as your final action exactly once.\nDo not emit a final assistant message after calling smol_workflows_structured_output.";

    fn line(prompt: &str, options: Value) -> Invocation {
        invocation(&Asked::new(prompt, options).call()).unwrap()
    }

    #[test]
    fn command_lines_are_those_of_the_original() {
        let with_suffix = format!("a b{SUFFIX}");
        for (options, settings, expected) in [
            (json!(null), json!({}), &["pi", "--print", "--mode", "json", "a b"][..]),
            (
                json!({ "model": "p/m", "label": "l" }),
                json!({ "command": "node", "subcommand": ["fake.mjs"], "args": ["-x"] }),
                &["node", "fake.mjs", "-x", "--print", "--mode", "json", "--model", "p/m", "a b"],
            ),
            (
                json!({ "schema": { "type": "object", "properties": { "a": { "type": "string" } } } }),
                json!({}),
                &[
                    "pi",
                    "--extension",
                    "@/structured-output-extension.ts",
                    "--print",
                    "--mode",
                    "json",
                    &with_suffix,
                ],
            ),
            (
                json!({ "schema": null }),
                json!({}),
                &[
                    "pi",
                    "--extension",
                    "@/structured-output-extension.ts",
                    "--print",
                    "--mode",
                    "json",
                    &with_suffix,
                ],
            ),
        ] {
            let line = invocation(&Asked::new("a b", options).with_settings(settings).call()).unwrap();
            assert_eq!(argv(&line), expected);
            assert_eq!(line.stdin, None);
            assert_eq!(line.needs_folder(), expected.contains(&"--extension"));
        }
    }

    #[test]
    fn prompts_go_where_they_are_taken_for_what_they_are() {
        let file = |text: &str| vec![ScratchFile { name: "prompt.md", text: text.to_owned() }];
        for (prompt, argument, stdin, files) in [
            ("x".repeat(32_000), Some("x".repeat(32_000)), None, vec![]),
            ("x".repeat(32_001), Some("@@/prompt.md".to_owned()), None, file(&"x".repeat(32_001))),
            ("🙂".repeat(16_000), Some("🙂".repeat(16_000)), None, vec![]),
            ("🙂".repeat(16_001), Some("@@/prompt.md".to_owned()), None, file(&"🙂".repeat(16_001))),
            ("@file please".to_owned(), None, Some("@file please"), vec![]),
            ("-p".to_owned(), None, Some("-p"), vec![]),
        ] {
            let line = line(&prompt, json!(null));
            assert_eq!(argv(&line).get(4), argument.as_ref());
            assert_eq!((line.stdin.as_deref(), line.files), (stdin, files));
        }
    }

    #[test]
    fn a_schema_that_typebox_cannot_say_is_shown_to_the_model() {
        for (schema, what) in [
            (json!({ "type": "object", "allOf": [] }), "parameters"),
            (json!({ "type": "array", "contains": {} }), "parameter `value`"),
        ] {
            let line = line("a", json!({ "schema": schema }));
            let expected = format!(
                "a\n\nThe {what} of smol_workflows_structured_output must match this JSON Schema:\n{schema}{SUFFIX}"
            );
            assert_eq!(argv(&line).last(), Some(&expected));
        }
    }

    #[test]
    fn permissions_and_tools_are_one_list() {
        for (options, expected) in [
            (json!({ "permissions": "read-only" }), &["--tools", "read,grep,find,ls"][..]),
            (json!({ "permissions": "edits" }), &["--tools", "read,grep,find,ls,edit,write"]),
            (json!({ "permissions": "full" }), &[]),
            (json!({ "tools": ["Read", "Glob", "WebFetch", "mine"] }), &["--tools", "read,find,mine"]),
            (json!({ "tools": ["Read", "Bash", "mine"], "permissions": "read-only" }), &["--tools", "read"]),
            (json!({ "tools": [] }), &["--no-tools"]),
        ] {
            let argv = argv(&line("a", options));
            assert_eq!(argv[4..argv.len() - 1], *expected);
        }
        // Without it there would be no answer.
        let argv = argv(&line("a", json!({ "tools": [], "schema": true })));
        assert_eq!(argv[6..8], ["--tools", TOOL]);
    }
}
