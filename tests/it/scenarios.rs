//! Scenarios: a folder each, with `script.js` (or `script.ts`), optionally `args.json` and `options.json`, and `expected.json`, which
//! holds the result (or the error), what was spent, the agent calls as the provider saw them, and what the run told,
//! all under `debug`.
//!
//! `UPDATE_SCENARIOS=1 cargo test --test it scenarios` writes what comes out; read the difference before you commit,
//! and hold it against `node tests/it/scenarios/in-node.mjs`, which runs the same scripts without the engine.
//!
//! A folder named `pending-…` holds what should come out and does not yet, with the reason in `why.md`. Its test is
//! that it still fails: the day it does not, the folder gets its name without the prefix. What is not known yet (the
//! words of a message, say) is left out of its `expected.json`.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use smol_workflow_engine::model::error::WorkflowError;
use smol_workflow_engine::model::json::JsonText;
use smol_workflow_engine::model::options::{Cap, RunOptions};
use smol_workflow_engine::model::request::AgentRequest;
use smol_workflow_engine::model::script::Imports;
use smol_workflow_engine::providers::{AttemptContext, Provider, ProviderFuture};

use crate::support::{Recorder, debug, file, host, outcome, source, start};

const PENDING: &str = "pending-";

#[test]
fn scenarios_come_out_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
    let mut scenarios: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scenarios.retain(|path| path.is_dir());
    scenarios.sort();
    assert!(!scenarios.is_empty());
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    for scenario in scenarios {
        let name = scenario.file_name().unwrap().to_str().unwrap();
        let pending = name.starts_with(PENDING);
        let found = run_scenario(&scenario);
        let actual = render(&found);
        let recorded = scenario.join("expected.json");
        if update {
            if !pending {
                fs::write(&recorded, &actual).unwrap();
            }
            continue;
        }
        let expected =
            fs::read_to_string(&recorded).unwrap_or_else(|error| panic!("{}: {error}", recorded.display()));
        let expected: Value = serde_json::from_str(&expected).unwrap();
        if pending {
            if covers(&expected, &found) {
                wrong.push(format!("{name} comes out right: drop the prefix {PENDING}"));
            }
            assert!(scenario.join("why.md").is_file(), "{name} has no why.md");
            continue;
        }
        // Compared as text, since the order of keys is part of what a script or a provider sees.
        let expected = render(&expected);
        if actual != expected {
            wrong.push(format!("{name}: {}", difference(&expected, &actual)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

fn run_scenario(scenario: &Path) -> Value {
    let script =
        ["script.js", "script.ts"].map(|name| scenario.join(name)).into_iter().find(|path| path.is_file());
    let mut options = file(script.expect("a scenario has a script"));
    options.cwd = Some(scenario.to_owned());
    if let Ok(args) = fs::read_to_string(scenario.join("args.json")) {
        options.args = Some(JsonText::new(args.trim()));
    }
    if let Ok(text) = fs::read_to_string(scenario.join("options.json")) {
        set_options(&mut options, &serde_json::from_str(&text).unwrap());
    }
    let here = serde_json::to_string(scenario.to_str().unwrap()).unwrap();
    let recorded = record(options).to_string().replace(here.trim_matches('"'), ".");
    serde_json::from_str(&recorded).unwrap()
}

fn set_options(options: &mut RunOptions, chosen: &Map<String, Value>) {
    for (name, value) in chosen {
        let whole = || usize::try_from(value.as_u64().unwrap()).unwrap();
        match name.as_str() {
            "budgetTotal" => options.budget.total = value.as_f64(),
            "maxParallelAgents" => options.max_parallel_agents = Some(Cap::At(whole())),
            "imports" if value == "relative" => options.imports = Imports::Relative,
            "maxAgents" => options.max_agents = Some(Cap::At(whole())),
            other => panic!("options.json: {other} is not known here"),
        }
    }
}

/// Everything that a run under `debug` shows of itself.
fn record(options: RunOptions) -> Value {
    let calls = Calls::default();
    let recorder = Arc::new(Recorder::default());
    let mut host = host(Arc::new(Recording { provider: debug(), calls: calls.clone() }), recorder.clone());
    let (lookup, looked_up) = (host.lookup.clone(), calls.clone());
    host.lookup = Arc::new(move |name| {
        let provider = lookup(name)?;
        Some(Arc::new(Recording { provider, calls: looked_up.clone() }))
    });
    let end = start(options, host).wait();
    let result = match &end.result {
        Ok(None) => json!({ "undefined": true }),
        Ok(Some(value)) => json!({ "value": value.parse().unwrap() }),
        Err(error) => failure(error),
    };
    let told: Vec<Value> = recorder.events.lock().unwrap().iter().filter_map(summary).collect();
    json!({ "result": result, "spent": end.budget.spent, "calls": *calls.lock().unwrap(), "told": told })
}

type Calls = Arc<Mutex<Vec<Value>>>;

/// Passes calls on and remembers them.
struct Recording {
    provider: Arc<dyn Provider>,
    calls: Calls,
}

impl Provider for Recording {
    fn name(&self) -> &str {
        self.provider.name()
    }

    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture {
        let mut call = Map::new();
        if let Some(prompt) = &request.prompt {
            call.insert("prompt".to_owned(), shortened(prompt.parse().unwrap()));
        }
        if let Some(options) = &request.options {
            call.insert("options".to_owned(), options.parse().unwrap());
        }
        if context.attempt > 1 {
            call.insert("attempt".to_owned(), json!(context.attempt));
        }
        self.calls.lock().unwrap().push(Value::Object(call));
        self.provider.run(request, context)
    }
}

/// A long prompt is known by its beginning and its length in characters.
fn shortened(prompt: Value) -> Value {
    match prompt.as_str().map(|text| (text, text.chars().count())) {
        Some((text, length)) if length > 200 => {
            json!(format!("{}… ({length} characters)", text.chars().take(100).collect::<String>()))
        }
        _ => prompt,
    }
}

/// An error by its first line, what to do about it, and the line of the script that it comes from.
fn failure(error: &WorkflowError) -> Value {
    let text = error.to_string();
    let mut lines = text.lines();
    let mut shown = json!({ "error": error.code(), "message": lines.next().unwrap_or_default() });
    if let Some(hint) = error.hint() {
        shown["hint"] = json!(hint);
    }
    let place = |frame: &str| {
        let (_, place) = frame.trim_end_matches(')').rsplit_once(['(', ' '])?;
        // Engines differ in where in an expression an error is.
        Some(place.rsplit_once(':')?.0.to_owned())
    };
    if let Some(place) = lines.find(|line| line.trim_start().starts_with("at ")).and_then(place) {
        shown["at"] = json!(place);
    }
    shown
}

/// What matters of one event, without what differs from run to run.
fn summary(event: &Value) -> Option<Value> {
    let text = |key: &str| event.get(key).and_then(Value::as_str).map(|text| format!(" {key}={text}"));
    let call = || {
        let fields = ["label", "phase", "provider", "model"].iter().filter_map(|key| text(key));
        format!("{} {}{}", event["kind"].as_str().unwrap_or("?"), event["call"], fields.collect::<String>())
    };
    match event["type"].as_str()? {
        "log" if event["level"] == "log" => Some(json!({ "log": event["values"] })),
        "log" => Some(json!({ "console": event["level"], "values": event["values"] })),
        "phase" => Some(json!({ "phase": event["name"] })),
        "warning" => {
            Some(json!({ "warning": event["code"], "message": event["message"].as_str()?.lines().next() }))
        }
        "budget.exhausted" => Some(json!("budget exhausted")),
        "call.started" => Some(json!(format!("started {}", call()))),
        "call.retrying" => Some(json!(format!("retrying {}", event["call"]))),
        "call.ended" => {
            let why = event["error"]["message"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            Some(json!(format!("{} {}{why}", event["outcome"].as_str()?, call())))
        }
        _ => None,
    }
}

/// JSON with a line per call and per thing told, so that a difference is easy to see.
fn render(scenario: &Value) -> String {
    let mut parts = Vec::new();
    for (key, value) in scenario.as_object().unwrap() {
        let text = match value.as_array() {
            Some(lines) if !lines.is_empty() => {
                let lines: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
                format!("[\n{}\n  ]", lines.join(",\n"))
            }
            _ => serde_json::to_string_pretty(value).unwrap().replace('\n', "\n  "),
        };
        parts.push(format!("  {}: {text}", json!(key)));
    }
    format!("{{\n{}\n}}\n", parts.join(",\n"))
}

/// Whether everything that is expected was found, members that are not mentioned aside.
fn covers(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().all(|(key, value)| found.get(key).is_some_and(|found| covers(value, found)))
        }
        _ => expected == found,
    }
}

/// The first lines that differ, with a little of what is around them.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let same = expected.iter().zip(&actual).take_while(|(left, right)| left == right).count();
    let from = |lines: &[&str]| {
        lines[same.min(lines.len())..].iter().take(8).copied().collect::<Vec<_>>().join("\n")
    };
    format!("from line {}\n--- expected\n{}\n--- found\n{}", same + 1, from(&expected), from(&actual))
}

/// Half a megabyte of source, most of it text for agents: the places in it stay exact.
#[test]
fn a_source_of_half_a_megabyte() {
    let mut text =
        String::from("export const meta = { name: 'big', description: 'A large one' }\nconst parts = [\n");
    let mut lines = 2;
    while text.len() < 500_000 {
        text.push_str(&format!(
            "  `Chapter {lines}: zwölf Boxkämpfer jagen 🦊 über den großen Sylter Deich — ${{1 + 1}}`,\r\n"
        ));
        lines += 1;
    }
    text.push_str("]\nconst answer = await agent(parts.at(-1))\nif (args) throw new Error(`line ${parts.length + 5}`)\nreturn [parts.length, answer]\n");
    let chapters = lines - 2;
    let recorded = record(source(&text));
    let prompt = format!("Chapter {}: zwölf Boxkämpfer jagen 🦊 über den großen Sylter Deich — 2", lines - 1);
    assert_eq!(recorded["result"]["value"], json!([chapters, format!("echo: {prompt}")]));
    assert_eq!(recorded["calls"], json!([{ "prompt": prompt }]));

    let mut options = source(&text);
    options.args = Some(JsonText::new("1"));
    let message = format!("Error: line {}", lines + 3);
    let place = format!("flow.js:{}", lines + 3);
    let expected = json!({ "error": "ERR_SCRIPT_FAILED", "message": message, "at": place });
    assert_eq!(record(options)["result"], expected);
}

/// A run of a body-form script may make a thousand agent calls, and not one more.
#[test]
fn a_thousand_agent_calls() {
    let script = |count: usize| {
        source(&format!(
            "export const meta = {{ name: 'many', description: 'Very many calls' }}
             const answers = await pipeline(
               Array.from({{ length: {count} }}, (_, i) => i),
               (i) => agent(`item ${{String(i).padStart(4, '0')}}`, {{ label: `n${{i}}` }}),
             )
             return answers.map((answer) => answer && answer.slice(6))"
        ))
    };
    let recorded = record(script(1000));
    let (calls, answers) =
        (recorded["calls"].as_array().unwrap(), recorded["result"]["value"].as_array().unwrap());
    assert_eq!((calls.len(), answers.len()), (1000, 1000));
    for (i, (call, answer)) in calls.iter().zip(answers).enumerate() {
        let prompt = format!("item {i:04}");
        assert_eq!(*answer, prompt);
        assert_eq!(*call, json!({ "prompt": prompt, "options": { "label": format!("n{i}") } }));
    }
    // `"echo: item 0000"` has 17 characters.
    assert_eq!(recorded["spent"], 5000.0);

    let recorded = record(script(1001));
    assert_eq!(recorded["calls"].as_array().unwrap().len(), 1000);
    assert_eq!(recorded["result"]["value"][999], "item 0999");
    assert_eq!(recorded["result"]["value"][1000], Value::Null);

    let one_by_one = "export const meta = { name: 'many', description: 'd' }; let last
        for (let i = 0; ; i++) { try { last = await agent('n' + i) } catch (error) { return [i, last, error.name, error.code] } }";
    let end = start(source(one_by_one), host(debug(), Arc::new(Recorder::default()))).wait();
    assert_eq!(outcome(&end), r#"[1000,"echo: n999","AgentLimitError","ERR_AGENT_LIMIT"]"#);
}
