//! The JSON Schema of `smol.config.json` and the code that reads the file are of one mind.

use serde_json::{Value, json};
use smol_workflow_engine::providers::settings::Config;
use smol_workflow_engine::schema;

fn of_pi(settings: &Value) -> Value {
    json!({ "providers": { "pi": settings } })
}

#[test]
fn what_the_schema_accepts_is_read_and_the_other_way_round() {
    let text = include_str!("../../schema/smol.config.schema.json");
    let validator = schema::compile(&serde_json::from_str(text).unwrap()).unwrap();
    let all = json!({
        "command": "c", "args": ["-a"], "subcommand": [], "cwd": "d", "env": { "K": "v" }, "timeoutMs": 1.5,
        "stallMs": 0, "permissions": "edits", "models": { "opus": "m" }, "concurrency": 3, "staggerMs": 10,
        "rate": { "starts": 10, "perMs": 60000 }
    });
    let mut cases = vec![
        json!({}),
        json!([]),
        json!(null),
        json!({ "$schema": "x", "provider": "codex", "permissions": "full", "providers": {} }),
        json!({ "provider": 5 }),
        json!({ "providers": [] }),
        json!({ "colour": "red" }),
        json!({ "permissions": "all" }),
        json!({ "providers": { "opencode": {
            "serverSubcommand": ["s"], "serverArgs": [], "structuredOutputRetryCount": 0, "serverStartupTimeoutMs": 1
        } } }),
        json!({ "providers": { "opencode": { "structuredOutputRetryCount": 101 } } }),
        of_pi(&json!([])),
        of_pi(&json!({ "rate": [1, 2] })),
        of_pi(&json!({ "rate": { "starts": 1 } })),
        of_pi(&json!({ "comand": "x" })),
        of_pi(&all),
    ];
    // Every setting with values of every kind, and numbers at the edges.
    for key in all.as_object().unwrap().keys() {
        for value in
            [json!(null), json!(true), json!("x"), json!({}), json!({ "a": 1 }), json!([1]), json!([])]
        {
            cases.push(of_pi(&json!({ key: value })));
        }
        for number in [json!(-1), json!(0), json!(0.5), json!(1), json!(1_000_001), json!(3e9)] {
            cases.push(of_pi(&json!({ key: number })));
        }
    }
    for case in cases {
        let read = Config::from_value(&case, "smol.config.json", &["codex", "opencode", "pi"]);
        let faults = validator.validate(&case);
        assert_eq!(read.is_ok(), faults.is_empty(), "{case}\nread: {read:?}\nschema: {faults:?}");
    }
}
