use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::providers::testing::{assert_same_without_raw, exit, streams, summary};

fn read(schema: bool, stdout: &str, code: i32, stderr: &str) -> Result<Answer, Failure> {
    let run = |mut reader: Reader| {
        stdout.split('\n').for_each(|line| drop(reader.line(line.as_bytes())));
        reader.finish(&exit(code), stderr)
    };
    let result = run(Reader::new(schema, None));
    assert_same_without_raw(&result, run(Reader::new(schema, None).without_raw()));
    result
}

fn output(schema: bool, stdout: &str) -> Value {
    let answer = read(schema, stdout, 0, "").unwrap_or_else(|failure| panic!("{stdout}: {failure:?}"));
    answer.output.unwrap()
}

#[test]
fn texts_are_found_as_the_original_finds_them() {
    for (stdout, expected) in [
        ("plain text \n", json!("plain text")),
        (r#"{"result":"r","output":"o","text":"t","content":"c"}"#, json!("r")),
        (r#"{"content":[{"text":"a"},"b",{"x":1},{"text":5}]}"#, json!("ab")),
        (r#"{"result":null,"output":"o"}"#, json!(null)),
        (r#"{"result":{"a":1}}"#, json!({ "a": 1 })),
        (r#"{"message":{"content":"m"}}"#, json!("m")),
        (r#"{"message":"str"}"#, json!({ "message": "str" })),
        (r#"{"message":{"message":{"result":"deep"}}}"#, json!("deep")),
        (r#"{"foo":1}"#, json!({ "foo": 1 })),
        (r#"[{"result":"x"}]"#, json!([{ "result": "x" }])),
        ("5", json!(5)),
        ("null", json!(null)),
        (r#"{"result":"  lead "}"#, json!("  lead")),
        ("{\n  \"result\": \"pretty\"\n}\n", json!("pretty")),
        ("two\nlines\n", json!("two\nlines")),
        // Keys keep their order.
        (r#"{"z":1,"a":{"y":1,"b":2}}"#, json!({ "z": 1, "a": { "y": 1, "b": 2 } })),
    ] {
        assert_eq!(output(false, stdout).to_string(), expected.to_string(), "{stdout}");
    }
}

#[test]
fn structured_values_are_found_as_the_original_finds_them() {
    for (stdout, expected) in [
        (
            r#"{"structured_output":{"a":1},"structuredOutput":{"a":2},"result":"{\"a\":3}"}"#,
            json!({ "a": 1 }),
        ),
        (r#"{"structuredOutput":{"a":2},"result":"{\"a\":3}"}"#, json!({ "a": 2 })),
        (r#"{"structured_output":null,"result":"{\"a\":3}"}"#, json!({ "a": 3 })),
        (r#"{"result":"```json\n{\"a\":4}\n```"}"#, json!({ "a": 4 })),
        (r#"{"result":"see ```\n{\"a\":5}\n``` there"}"#, json!({ "a": 5 })),
        (r#"{"a":6}"#, json!({ "a": 6 })),
        (r#"{"result":"\"str\""}"#, json!("str")),
        (r#"{"structured_output":0,"result":"1"}"#, json!(0)),
        ("```json\n{\"a\":7}\n```", json!({ "a": 7 })),
    ] {
        assert_eq!(output(true, stdout), expected, "{stdout}");
    }
    for (stdout, name, message) in [
        ("not json", "Error", "Claude Code provider did not return valid JSON for schema output"),
        ("", "Error", "Claude Code provider did not return valid JSON for schema output"),
        (
            r#"{"result":"```json\n{bad\n```"}"#,
            "SyntaxError",
            "Expected property name or '}' in JSON at position 1",
        ),
        (
            r#"{"type":"result","is_error":false,"result":"words"}"#,
            "Error",
            "Claude Code provider did not return valid JSON for schema output",
        ),
    ] {
        let failure = read(true, stdout, 0, "").unwrap_err();
        assert_eq!((failure.name, failure.message.as_str()), (name, message), "{stdout}");
        let kind = if stdout.is_empty() { FailureKind::Ended } else { FailureKind::BadOutput };
        assert_eq!(failure.kind, kind, "{stdout}");
    }
}

#[test]
fn sessions_and_usage_are_found_as_the_original_finds_them() {
    for (stdout, session) in [
        (r#"{"result":"","session_id":"1","sessionId":"2"}"#, Some("1")),
        (r#"{"result":"","session_id":5,"sessionId":"2"}"#, None),
        (r#"{"result":"","session_id":null,"sessionID":"3"}"#, Some("3")),
        (r#"{"result":"","a":{"session_id":"4"}}"#, None),
    ] {
        assert_eq!(read(false, stdout, 0, "").unwrap().record.session_id.as_deref(), session, "{stdout}");
    }
    for (stdout, usage) in [
        (
            r#"{"result":"","usage":{"input_tokens":1,"output_tokens":2},"total_cost_usd":9}"#,
            Some(
                json!({ "inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "cost": { "total": 9, "currency": "USD" } }),
            ),
        ),
        (
            r#"{"type":"result","result":"","usage":{"total_cost_usd":4},"total_cost_usd":9}"#,
            Some(json!({ "cost": { "total": 4, "currency": "USD" } })),
        ),
        (
            r#"{"result":"","usage":{"cost":{"input":1}},"total_cost_usd":9}"#,
            Some(json!({ "cost": { "input": 1 } })),
        ),
        (r#"{"result":"","total_cost_usd":9}"#, None),
        (
            r#"{"type":"result","result":"","usage":null,"x":{"total_tokens":3}}"#,
            Some(json!({ "totalTokens": 3 })),
        ),
        // What the run itself says counts, not what is said of the models of the whole session.
        (
            r#"{"type":"result","result":"","modelUsage":{"m":{"inputTokens":2000}},"usage":{"output_tokens":2}}"#,
            Some(json!({ "outputTokens": 2, "totalTokens": 2 })),
        ),
    ] {
        assert_eq!(read(false, stdout, 0, "").unwrap().record.usage, usage, "{stdout}");
    }
}

#[test]
fn failures_say_what_the_cli_said() {
    let long = "e".repeat(5000);
    for (stdout, code, stderr, message) in [
        ("", 7, "nope\n", "Claude Code provider exited with code 7: nope".to_owned()),
        ("", 7, "", "Claude Code provider exited with code 7".to_owned()),
        ("", -15, "", "Claude Code provider exited with signal SIGTERM".to_owned()),
        (" out \n", 1, " ", "Claude Code provider exited with code 1: out".to_owned()),
        (
            r#"{"is_error":true,"result":"r","error":"e"}"#,
            1,
            "",
            "Claude Code provider exited with code 1: r".to_owned(),
        ),
        (
            r#"{"is_error":true,"result":"r"}"#,
            1,
            "err",
            "Claude Code provider exited with code 1: err".to_owned(),
        ),
        (r#"{"result":"r","error":"e"}"#, 1, "", "Claude Code provider exited with code 1: e".to_owned()),
        (r#"{"error":{"message":"m"}}"#, 1, "", "Claude Code provider exited with code 1: m".to_owned()),
        (r#"{"message":"n"}"#, 1, "", "Claude Code provider exited with code 1: n".to_owned()),
        ("", 1, &long, format!("Claude Code provider exited with code 1: {}…", "e".repeat(4000))),
        // Documented fields decide, whatever the exit code is, and come before warnings on stderr.
        (
            r#"{"type":"result","is_error":true,"result":"Invalid API key"}"#,
            1,
            "Warning: x",
            "Claude Code provider exited with code 1: Invalid API key".to_owned(),
        ),
        (r#"{"is_error":true,"result":"r"}"#, 0, "", "Claude Code provider failed: r".to_owned()),
        (
            r#"{"type":"result","subtype":"error_max_turns","errors":["a","b"]}"#,
            0,
            "",
            "Claude Code provider failed: a; b".to_owned(),
        ),
        ("", 0, "", "Claude Code provider failed: it ended without giving a result".to_owned()),
    ] {
        let failure = read(false, stdout, code, stderr).unwrap_err();
        assert_eq!(failure.message, message, "{stdout}");
    }
}

#[test]
fn a_rate_limit_says_when_it_ends() {
    let mut reader = Reader::new(false, None);
    let mut told = Vec::new();
    for line in [
        r#"{"type":"system","subtype":"init","session_id":"s"}"#,
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":1}}"#,
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1778565600,"rateLimitType":"five_hour"}}"#,
        r#"{"type":"system","subtype":"api_retry","attempt":1,"retry_delay_ms":500.5,"error":"overloaded"}"#,
        r#"{"type":"result","is_error":true,"result":"You've hit your limit · resets 2pm","api_error_status":429}"#,
    ] {
        told.extend(reader.line(line.as_bytes()));
    }
    assert_eq!(
        told,
        [
            Progress::Session("s".to_owned()),
            Progress::Warning("five_hour limit: rejected".to_owned()),
            Progress::Retrying { reason: "overloaded".to_owned(), after_ms: Some(500) },
        ]
    );
    let failure = reader.finish(&exit(1), "").unwrap_err();
    let expected = FailureKind::RateLimited { retry_after_ms: None, resets_at: Some(1_778_565_600) };
    assert_eq!(failure.kind, expected);
}

#[test]
fn a_resumed_session_costs_what_came_on_top() {
    let (first, _) = streams("claude", "plain", false);
    let (second, _) = streams("claude", "resume", false);
    let run = |stdout: &[u8], before: Option<&Value>| {
        let mut reader = Reader::new(false, before);
        reader.line(stdout);
        reader.finish(&exit(0), "").unwrap().record
    };
    let one = run(&first, None);
    let two = run(&second, one.session_total.as_ref());
    assert_eq!(two.usage, one.usage);
    assert_eq!(two.usage.unwrap()["cost"]["total"], json!(0.000957));
    assert_eq!(two.session_total.unwrap()["cost"]["total"], json!(0.001914));
}

#[test]
fn later_turns_do_not_lose_the_structured_value() {
    let mut reader = Reader::new(true, None);
    reader.line(br#"{"type":"result","subtype":"success","structured_output":{"a":1},"result":"{}","usage":{"output_tokens":1}}"#);
    reader.line(
        br#"{"type":"result","subtype":"success","result":"a task has ended","usage":{"output_tokens":2}}"#,
    );
    let answer = reader.finish(&exit(0), "").unwrap();
    assert_eq!(answer.output, Some(json!({ "a": 1 })));
    assert_eq!(answer.record.usage.unwrap()["outputTokens"], 3);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut reader = Reader::new(false, None);
    reader.line(br#"{"type":"system","subtype":"init","session_id":"s"}"#);
    let noise = json!({ "type": "assistant", "message": { "content": [{ "type": "text", "text": "x".repeat(50_000) }] } });
    for _ in 0..40 {
        let told = reader.line(noise.to_string().as_bytes());
        assert!(matches!(&told[..], [Progress::Text(text)] if text.len() < 10_000));
    }
    assert!(reader.stdout.text().len() < 64 * 1024);
    let big = "y".repeat(keep::RAW_LIMIT * 2);
    reader.line(json!({ "type": "result", "result": big }).to_string().as_bytes());
    let answer = reader.finish(&exit(0), "").unwrap();
    assert_eq!(answer.output, Some(json!(big)));
    assert!(answer.record.raw.to_string().len() < 2 * keep::RAW_LIMIT + 1000);

    let mut endless = Reader::new(false, None);
    for _ in 0..40 {
        endless.line(&vec![b'z'; 1024 * 1024]);
    }
    let failure = endless.finish(&exit(0), "").unwrap_err();
    assert_eq!(failure.message, "Claude Code provider failed: its answer is too long to be kept");
}

#[test]
fn an_exit_that_warns_of_refused_tools_spoils_no_answer() {
    let result = |rest: &str| format!(r#"{{"type":"result","is_error":false,"result":"done",{rest}}}"#);
    let refused = result(r#""permission_denials":[{"tool_name":"Bash","tool_input":{"command":"x"}}]"#);
    for (stdout, code, answers) in [
        (&refused, 1, true),
        (&refused, 143, false),
        (&result(r#""permission_denials":[]"#), 1, false),
        (&refused.replace("false", "true"), 1, false),
    ] {
        assert_eq!(read(false, stdout, code, "").is_ok(), answers, "{stdout} {code}");
    }
}

/// Recorded runs: with a schema or not, and how they ended.
const SAMPLES: &[(&str, bool, i32)] = &[
    ("plain", false, 0),
    ("plain-text", false, 0),
    ("plain-stream-json", false, 0),
    ("stream-partial", false, 0),
    ("stream-tool-structured", true, 0),
    ("structured", true, 0),
    ("struct-bad-then-good", true, 0),
    ("struct-bad-always", true, 1),
    ("struct-text-always", true, 0),
    ("struct-badschema", true, 1),
    ("struct-array-root-strict-server", true, 1),
    ("err-refused", false, 1),
    ("err400", false, 1),
    ("err401-badkey", false, 1),
    ("err401-badkey-stream", false, 1),
    ("err429", false, 1),
    ("err500-maxretries0", false, 1),
    ("err529", false, 1),
    ("nokey", false, 1),
    ("maxturns1", false, 1),
    ("maxbudget", false, 1),
    ("refusal", false, 1),
    ("empty-text", false, 0),
    ("empty-prompt", false, 1),
    ("tool-default", false, 0),
    ("tool-plan", false, 0),
    ("tool-plan-shell", false, 1),
    ("tool-background2-stream", false, 0),
    ("tool-dontask", false, 0),
    ("tool-acceptEdits", false, 0),
    ("tool-background", false, 0),
    ("tool-bypass-root", false, 1),
    ("drop-midstream", false, 1),
    ("error-midstream", false, 0),
    ("malformed", false, 0),
    ("max-tokens-stop", false, 0),
    ("resume", false, 0),
    ("resume-fork", false, 0),
    ("resume-unknown", false, 1),
    ("session-id-reuse", false, 1),
    ("json-verbose", false, 0),
    ("stream-input", false, 0),
    ("sigint-hang", false, 0),
    ("sigint-hang-stream", false, 0),
    ("sigint-tool", false, 0),
    ("sigterm-hang-stream", false, 143),
];

#[test]
fn recorded_runs() {
    let mut all = String::new();
    for (case, schema, code) in SAMPLES {
        let (stdout, stderr) = streams("claude", case, *case == "sigint-hang");
        let mut reader = Reader::new(*schema, None);
        let told: Vec<Progress> =
            stdout.split_inclusive(|byte| *byte == b'\n').flat_map(|line| reader.line(line)).collect();
        all.push_str(&summary(case, &told, &reader.finish(&exit(*code), &stderr)));
    }
    insta::assert_snapshot!(all);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_to_an_end(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..8),
        schema: bool,
        code in -1..2,
    ) {
        let mut reader = Reader::new(schema, None);
        for line in &lines {
            reader.line(line);
        }
        let _ = reader.finish(&Exit::Code(code), "");
    }

    /// Events that are cut, repeated and mixed: nothing panics, and it does not matter how the lines arrive.
    #[test]
    fn mutilated_events_come_to_an_end(
        picks in proptest::collection::vec((0..SAMPLES.len(), 0..4usize, 0..4000usize), 0..6),
        schema: bool,
    ) {
        let mut stdout = Vec::new();
        for (case, line, cut) in picks {
            let (text, _) = streams("claude", SAMPLES[case].0, SAMPLES[case].0 == "sigint-hang");
            let line = text.split(|byte| *byte == b'\n').nth(line).unwrap_or_default();
            stdout.extend_from_slice(&line[..cut.min(line.len())]);
            stdout.push(b'\n');
        }
        let mut whole = Reader::new(schema, None);
        let mut split = Reader::new(schema, None);
        whole.line(&stdout);
        for line in stdout.split_inclusive(|byte| *byte == b'\n') {
            split.line(line);
        }
        let (whole, split) = (whole.finish(&exit(0), ""), split.finish(&exit(0), ""));
        prop_assert_eq!(whole, split);
    }
}
