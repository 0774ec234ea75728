use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::providers::testing::{assert_same_without_raw, exit, streams, summary};

fn read(stdout: &str, code: i32, stderr: &str) -> Result<Answer, Failure> {
    let run = |mut reader: Reader| {
        stdout.split('\n').for_each(|line| drop(reader.line(line.as_bytes())));
        reader.finish(&exit(code), stderr)
    };
    let result = run(Reader::new());
    assert_same_without_raw(&result, run(Reader::new().without_raw()));
    result
}

#[test]
fn texts_are_found_as_the_original_finds_them() {
    for (stdout, expected) in [
        (r#"{"foo":"x"}"#, r#"{"foo":"x"}"#),
        (r#"{"result":""}"#, r#"{"result":""}"#),
        ("5", "5"),
        ("null", "null"),
        (r#""str""#, "str"),
        ("{\"type\":\"text\",\"text\":\"one\"}\n{\"type\":\"text\",\"text\":\"two\"}\n", "two"),
        (r#"{"type":"text","part":{"x":1},"text":"T"}"#, "T"),
        (r#"{"type":"text","part":{"type":"text","text":"P"},"text":"T"}"#, "P"),
        (r#"{"message":{"role":"user","content":"u"}}"#, "u"),
        (r#"{"text":["a",["b"]]}"#, "ab"),
        ("no json \n", "no json"),
        (r#"{"type":"error","error":{"message":"e"}}"#, r#"{"type":"error","error":{"message":"e"}}"#),
        (r#"{"event":{"properties":{"text":"deep"}}}"#, "deep"),
        (r#"{"content":[{"type":"tool_use","name":"x"},{"type":"text","text":"answer"}]}"#, "answer"),
        ("{\n \"result\": \"pretty\"\n}", "pretty"),
        ("[\n 1,\n 2\n]", "[\n 1,\n 2\n]"),
        ("noise\n{\"text\":\"line\"}", "line"),
        (r#"{"type":"text","sessionID":"s","part":{"messageID":"m","type":"text","text":"alone"}}"#, "alone"),
    ] {
        assert_eq!(read(stdout, 0, "").unwrap().output, Some(json!(expected)), "{stdout}");
    }
}

#[test]
fn sessions_and_usage_are_found_as_the_original_finds_them() {
    for (stdout, session) in [
        (r#"{"text":"x","session_id":"c","sessionId":"d"}"#, Some("d")),
        (r#"{"sessionID":5,"p":{"sessionId":"e"}}"#, Some("e")),
        (r#"{"id":"x"}"#, None),
    ] {
        assert_eq!(read(stdout, 0, "").unwrap().record.session_id.as_deref(), session, "{stdout}");
    }
    for (stdout, usage) in [
        (
            "{\"input\":1,\"output\":2}\n{\"output\":5,\"totalTokens\":9}",
            Some(json!({ "inputTokens": 1, "outputTokens": 7, "totalTokens": 12 })),
        ),
        (
            r#"{"type":"step_finish","part":{"type":"step-finish","tokens":{"input":10,"output":3,"reasoning":1,"cache":{"read":4,"write":2}}}}"#,
            Some(
                json!({ "inputTokens": 10, "outputTokens": 3, "cacheReadTokens": 4, "cacheWriteTokens": 2, "totalTokens": 15 }),
            ),
        ),
        (r#"{"usage":[{"input":1}]}"#, None),
        // The CLI's own: reasoning is output, and the cost is told as a number.
        (
            r#"{"type":"step_finish","sessionID":"s","part":{"messageID":"m","reason":"stop","tokens":{"input":10,"output":3,"reasoning":1,"cache":{"read":4,"write":2}},"cost":0.5}}"#,
            Some(
                json!({ "inputTokens": 10, "outputTokens": 4, "cacheReadTokens": 4, "cacheWriteTokens": 2, "totalTokens": 16, "cost": { "total": 0.5, "currency": "USD" } }),
            ),
        ),
    ] {
        assert_eq!(read(stdout, 0, "").unwrap().record.usage, usage, "{stdout}");
    }
}

#[test]
fn raw_is_what_was_printed() {
    for (stdout, response) in [
        (r#"{"z":1,"a":2}"#, json!({ "z": 1, "a": 2 })),
        ("{\"a\":1}\nx\n5", json!([{ "a": 1 }, 5])),
        ("text \n", json!("text \n")),
    ] {
        let raw = read(stdout, 0, "err").unwrap().record.raw;
        assert_eq!(raw.to_string(), json!({ "response": response, "stderr": "err" }).to_string());
    }
}

#[test]
fn failures_say_what_the_cli_said() {
    let error = r#"{"type":"error","sessionID":"s","error":{"name":"APIError","data":{"message":"m","statusCode":429,"responseHeaders":{"retry-after":"30"}}}}"#;
    for (stdout, code, stderr, message) in [
        ("", 7, "nope\n", "OpenCode provider exited with code 7: nope"),
        (r#"{"text":" said "}"#, 1, "", "OpenCode provider exited with code 1:  said "),
        (r#"{"text":"said"}"#, 1, "err", "OpenCode provider exited with code 1: err"),
        (" out ", 1, "", "OpenCode provider exited with code 1: out"),
        ("", 0, "", "OpenCode provider failed: it ended without a word"),
        (error, 1, "err", "OpenCode provider exited with code 1: m"),
        (error, 0, "", "OpenCode provider failed: m"),
        (
            r#"{"type":"reasoning","sessionID":"s","part":{"messageID":"m"}}"#,
            0,
            "",
            "OpenCode provider failed: it ended without a word",
        ),
        (
            r#"{"type":"step_finish","sessionID":"s","part":{"messageID":"m","reason":"tool-calls"}}"#,
            0,
            "",
            "OpenCode provider failed: it ended after a tool call, without an answer",
        ),
        (
            r#"{"type":"step_start","sessionID":"s","part":{"messageID":"m"}}"#,
            0,
            "",
            "OpenCode provider failed: it ended in the middle of its work",
        ),
    ] {
        let failure = read(stdout, code, stderr).unwrap_err();
        assert_eq!(failure.message, message, "{stdout}");
        if stdout == error {
            let limited = FailureKind::RateLimited { retry_after_ms: Some(30_000), resets_at: None };
            assert_eq!(failure.kind, limited);
        }
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let mut reader = Reader::new();
    let text = "x".repeat(100_000);
    let event = json!({ "type": "text", "sessionID": "s", "part": { "messageID": "m", "text": text } });
    for _ in 0..40 {
        reader.line(event.to_string().as_bytes());
        assert!(reader.events.held() + reader.stdout.text().len() <= keep::RAW_LIMIT + 16 * 1024);
    }
    reader.line(br#"{"type":"step_finish","sessionID":"s","part":{"messageID":"m","reason":"stop"}}"#);
    let answer = reader.finish(&exit(0), "").unwrap();
    assert_eq!(answer.output, Some(json!(text)));
    assert!(answer.record.raw.to_string().len() < keep::RAW_LIMIT + 1000);
}

/// Recorded runs, and how they ended.
const SAMPLES: &[(&str, i32)] = &[
    ("plain", 0),
    ("plain-default", 0),
    ("empty-text", 0),
    ("length", 0),
    ("tool-default", 0),
    ("tool-ask", 0),
    ("tool-ask-auto", 0),
    ("tool-deny", 0),
    ("empty-prompt", 1),
    ("session-resume", 0),
    ("session-unknown", 1),
    ("err400", 1),
    ("err401", 1),
    ("err500", 1),
    ("drop", 1),
    ("bad-model", 1),
    ("attach", 0),
    ("sigterm-tool", -15),
];

#[test]
fn recorded_runs() {
    let mut all = String::new();
    for (case, code) in SAMPLES {
        let (stdout, stderr) = streams("opencode", case, *case == "attach");
        let mut reader = Reader::new();
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
    ) {
        let mut reader = Reader::new();
        lines.iter().for_each(|line| drop(reader.line(line)));
        let _ = reader.finish(&exit(0), "");
    }

    /// Events that are cut, repeated and mixed: nothing panics, and it does not matter how the lines arrive.
    #[test]
    fn mutilated_events_come_to_an_end(
        picks in proptest::collection::vec((0..SAMPLES.len(), 0..6usize, 0..1500usize), 0..8),
    ) {
        let mut stdout = Vec::new();
        for (case, line, cut) in picks {
            let (text, _) = streams("opencode", SAMPLES[case].0, SAMPLES[case].0 == "attach");
            let line = text.split(|byte| *byte == b'\n').nth(line).unwrap_or_default();
            stdout.extend_from_slice(&line[..cut.min(line.len())]);
            stdout.push(b'\n');
        }
        let (mut whole, mut split) = (Reader::new(), Reader::new());
        whole.line(&stdout);
        stdout.split_inclusive(|byte| *byte == b'\n').for_each(|line| drop(split.line(line)));
        prop_assert_eq!(whole.finish(&exit(0), ""), split.finish(&exit(0), ""));
    }
}
