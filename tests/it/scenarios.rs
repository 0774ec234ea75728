//! Scenarios: a folder each, with `script.js`, optionally `args.json`, and `expected.json`, which holds the result (or
//! the error's code) and what the run told, as run under `debug`.
//!
//! `UPDATE_SCENARIOS=1 cargo test --test it scenarios` writes what comes out; read the difference before you commit.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use smol_workflow_engine::model::json::JsonText;

use crate::support::{Recorder, debug, file, host, start};

#[test]
fn scenarios_come_out_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(!names.is_empty());
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    for scenario in names.iter().filter(|path| path.is_dir()) {
        let actual = run_scenario(scenario);
        let recorded = scenario.join("expected.json");
        if update {
            fs::write(&recorded, serde_json::to_string_pretty(&actual).unwrap() + "\n").unwrap();
            continue;
        }
        let expected: Value = serde_json::from_str(
            &fs::read_to_string(&recorded).unwrap_or_else(|error| panic!("{}: {error}", recorded.display())),
        )
        .unwrap();
        if actual != expected {
            wrong.push(format!("{}:\n{:#}", scenario.display(), actual));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn run_scenario(scenario: &Path) -> Value {
    let mut options = file(scenario.join("script.js"));
    options.cwd = Some(scenario.to_owned());
    if let Ok(args) = fs::read_to_string(scenario.join("args.json")) {
        options.args = Some(JsonText::new(args.trim()));
    }
    let recorder = Arc::new(Recorder::default());
    let end = start(options, host(debug(), recorder.clone())).wait();
    let result = match &end.result {
        Ok(None) => json!({ "undefined": true }),
        Ok(Some(value)) => json!({ "value": value.parse().unwrap() }),
        Err(error) => json!({ "error": error.code(), "message": first_line(&error.to_string()) }),
    };
    let told: Vec<Value> = recorder.events.lock().unwrap().iter().filter_map(summary).collect();
    json!({ "result": result, "spent": end.budget.spent, "told": told })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What matters of one event, without what differs from run to run.
fn summary(event: &Value) -> Option<Value> {
    let text = |key: &str| event.get(key).and_then(Value::as_str).map(|text| format!(" {key}={text}"));
    let call = || {
        let fields = ["label", "phase", "provider", "model"].iter().filter_map(|key| text(key));
        format!("{} {}{}", event["kind"].as_str().unwrap_or("?"), event["call"], fields.collect::<String>())
    };
    match event["type"].as_str()? {
        "log" => Some(json!({ "log": event["values"] })),
        "phase" => Some(json!({ "phase": event["name"] })),
        "warning" => Some(json!({ "warning": event["code"] })),
        "call.started" => Some(json!(format!("started {}", call()))),
        "call.ended" => Some(json!(format!("{} {}", event["outcome"].as_str()?, call()))),
        _ => None,
    }
}
