use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::providers::answer::Limit;
use crate::providers::testing::{assert_same_without_raw, exit, sample, streams, summary};

fn read(schema: bool, events: &[&str], last: LastMessage<'_>) -> Result<Answer, Failure> {
    let run = |mut reader: Reader| {
        events.iter().for_each(|event| drop(reader.line(event.as_bytes())));
        reader.finish(&exit(0), "", last)
    };
    let result = run(Reader::new(schema, None));
    assert_same_without_raw(&result, run(Reader::new(schema, None).without_raw()));
    result
}

const NOTHING: &str = "Codex provider did not return a final assistant message";

#[test]
fn the_last_message_is_found_as_the_original_finds_it() {
    let message = r#"{"type":"message","role":"assistant","content":"event"}"#;
    for (events, last, expected) in [
        (&[][..], LastMessage::Text("hello  \n"), Ok("hello")),
        (&[message], LastMessage::Text("file"), Ok("file")),
        (&[], LastMessage::Text(" \n"), Err(NOTHING)),
        (&[], LastMessage::Missing, Err(NOTHING)),
        (&[message], LastMessage::Missing, Ok("event")),
        (&[message], LastMessage::Text(""), Ok("event")),
        (
            &[message],
            LastMessage::Unreadable("EISDIR: illegal operation on a directory, read"),
            Err("Failed to read codex output file: EISDIR: illegal operation on a directory, read"),
        ),
        (
            &[
                r#"{"type":"message","message":{"role":"assistant","content":[{"type":"text","text":"A"},"B"]}}"#,
            ],
            LastMessage::Missing,
            Ok("AB"),
        ),
        (&[message, r#"{"type":"assistant_message","text":"later"}"#], LastMessage::Missing, Ok("later")),
        (&[r#"{"role":"user","content":"u"}"#], LastMessage::Missing, Err(NOTHING)),
        (&[r#"{"type":"message","role":"user","content":"u"}"#], LastMessage::Missing, Ok("u")),
        (&[r#"{"event":{"data":{"role":"assistant","output":"x"}}}"#], LastMessage::Missing, Ok("x")),
        (&[r#"{"type":"message","text":""}"#], LastMessage::Missing, Ok("")),
        (&[r#"{"type":"message","content":[]}"#], LastMessage::Missing, Err(NOTHING)),
        (
            &[r#"[{"role":"assistant","text":"a"},{"role":"assistant","text":"b"},{}]"#],
            LastMessage::Missing,
            Ok("b"),
        ),
        (&[r#""bare""#], LastMessage::Missing, Err(NOTHING)),
        (&["", "no json", "{\"type\":\"message\",\"text\":\"crlf\"}\r"], LastMessage::Missing, Ok("crlf")),
        // The original does not know the event that the CLI really sends.
        (
            &[r#"{"type":"item.completed","item":{"type":"agent_message","text":"real"}}"#],
            LastMessage::Missing,
            Ok("real"),
        ),
    ] {
        let found = read(false, events, last);
        let found = found.map(|answer| answer.output).map_err(|failure| failure.message);
        let expected = expected.map(|text| Some(json!(text))).map_err(str::to_owned);
        assert_eq!(found, expected, "{events:?} {last:?}");
    }
}

#[test]
fn structured_values_are_read_tolerantly() {
    for (text, expected) in [
        (r#"{"z":1,"a":2}"#, Some(r#"{"z":1,"a":2}"#)),
        ("Here: {\"a\":3} done", Some(r#"{"a":3}"#)),
        (r#"{\"a\":4}"#, Some(r#"{"a":4}"#)),
        ("null", Some("null")),
        (r#""plain""#, None),
        ("nope", None),
    ] {
        let found = read(true, &[], LastMessage::Text(text));
        let found = found.map(|answer| answer.output.unwrap().to_string()).map_err(|failure| failure.message);
        let error = "Codex provider did not return valid JSON for schema output";
        assert_eq!(found, expected.map(str::to_owned).ok_or(error.to_owned()), "{text}");
    }
}

#[test]
fn usage_is_found_as_the_original_finds_it() {
    for (events, expected) in [
        (
            &[r#"{"usage":{"input_tokens":1,"output_tokens":2}}"#, r#"{"usage":{"output_tokens":5}}"#][..],
            Some(json!({ "inputTokens": 1, "outputTokens": 5, "totalTokens": 5 })),
        ),
        (
            &[r#"{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":5}}"#],
            Some(json!({ "inputTokens": 10, "outputTokens": 5, "totalTokens": 15 })),
        ),
        (
            &[
                r#"{"type":"turn.completed","usage":{"inputTokens":5,"outputTokens":3,"cache":{"read":4,"write":2}}}"#,
            ],
            Some(
                json!({ "inputTokens": 5, "outputTokens": 3, "cacheReadTokens": 4, "cacheWriteTokens": 2, "totalTokens": 10 }),
            ),
        ),
        (&[r#"{"usage":{}}"#], Some(json!({}))),
        (&[r#"{"cacheRead":3}"#], None),
        // What tools print is not what the turn cost.
        (
            &[
                r#"{"type":"item.completed","item":{"type":"mcp_tool_call","result":{"usage":{"output_tokens":9}}}}"#,
                r#"{"type":"turn.completed","usage":{"input_tokens":1,"cache_write_input_tokens":1,"output_tokens":1}}"#,
            ],
            Some(json!({ "inputTokens": 1, "outputTokens": 1, "cacheWriteTokens": 1, "totalTokens": 2 })),
        ),
    ] {
        let answer = read(false, events, LastMessage::Text("x")).unwrap();
        assert_eq!(answer.record.usage, expected, "{events:?}");
    }
}

#[test]
fn failures_say_what_the_cli_said() {
    for (events, code, stderr, message) in [
        (&[][..], 7, "nope\n", "Codex provider exited with code 7: nope"),
        (&[r#"{"type":"error","message":"m"}"#], 1, "err", "Codex provider exited with code 1: err"),
        (
            &[r#"{"type":"error","message":"m"}"#, r#"{"type":"error","message":"n"}"#],
            1,
            "",
            "Codex provider exited with code 1: m",
        ),
        (&[r#"{"type":"error","error":{"message":"m"}}"#], 1, "", "Codex provider exited with code 1: m"),
        (&[" text "], 1, "", "Codex provider exited with code 1: text"),
        // A failed turn is final, and comes before warnings on stderr.
        (
            &[r#"{"type":"turn.failed","error":{"message":"m"}}"#],
            1,
            "WARNING: x",
            "Codex provider exited with code 1: m",
        ),
        (&[r#"{"type":"turn.failed","error":{"message":"m"}}"#], 0, "", "Codex provider failed: m"),
        (&[r#"{"type":"turn.started"}"#], 0, "", "Codex provider failed: it ended in the middle of its turn"),
    ] {
        let mut reader = Reader::new(false, None);
        events.iter().for_each(|event| drop(reader.line(event.as_bytes())));
        let failure = reader.finish(&exit(code), stderr, LastMessage::Text("answer")).unwrap_err();
        assert_eq!(failure.message, message, "{events:?}");
    }
}

#[test]
fn a_resumed_thread_costs_what_came_on_top() {
    let run = |case: &str, before: Option<&Value>| {
        let (stdout, _) = streams("codex", case, false);
        let mut reader = Reader::new(false, before);
        reader.line(&stdout);
        reader.finish(&exit(0), "", LastMessage::Missing).unwrap().record
    };
    let one = run("plain", None);
    let two = run("resume", one.session_total.as_ref());
    assert_eq!(one.session_id, two.session_id);
    assert_eq!(two.usage, one.usage);
    assert_eq!(two.session_total.unwrap()["inputTokens"], 282);
    // Without the total it cannot be known.
    assert_eq!(run("resume", None).usage.unwrap()["inputTokens"], 282);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut reader = Reader::new(false, None);
    let item = json!({ "type": "item.completed", "item": { "type": "command_execution", "aggregated_output": "x".repeat(100_000) } });
    for _ in 0..40 {
        reader.line(item.to_string().as_bytes());
        assert!(reader.events.held() + reader.stdout.text().len() <= keep::RAW_LIMIT + 16 * 1024);
    }
    let answer = reader.finish(&exit(0), "", LastMessage::Text("x")).unwrap();
    assert!(answer.record.raw.to_string().len() < keep::RAW_LIMIT + 1000);
}

/// Recorded runs: with a schema or not, and how they ended.
const SAMPLES: &[(&str, bool, i32)] = &[
    ("plain", false, 0),
    ("structured", true, 0),
    ("structured-violated", true, 0),
    ("structured-loose-schema-strict-server", true, 1),
    ("struct-badschema", true, 1),
    ("empty-text", false, 0),
    ("tool-full", false, 0),
    ("tool-readonly", false, 0),
    ("resume", false, 0),
    ("resume-unknown", false, 1),
    ("fork", false, 0),
    ("no-usage", false, 0),
    ("net-noplugins", false, 0),
    ("incomplete", false, 1),
    ("err400", false, 1),
    ("err401", false, 1),
    ("err429", false, 1),
    ("err500", false, 1),
    ("err500-default-retries", false, 1),
    ("failed-midstream", false, 1),
    ("drop-noretry", false, 1),
    ("err-refused", false, -9),
    ("nokey", false, 1),
    ("not-git", false, 1),
    ("badmodel-flag", false, 2),
    ("empty-prompt", false, 1),
    ("codexhome-missing", false, 1),
    ("wireapi-chat", false, 1),
    ("struct-missing", true, 1),
    ("tool-workspace", false, 0),
    ("resume-schema", true, 0),
    ("sigint-tool", false, 1),
    ("sigterm-hang", false, -15),
];

#[test]
fn recorded_runs() {
    let mut all = String::new();
    for (case, schema, code) in SAMPLES {
        let (stdout, stderr) = streams("codex", case, false);
        let last = String::from_utf8(sample(&format!("codex/{case}.last"))).unwrap();
        let mut reader = Reader::new(*schema, None);
        let told: Vec<Progress> =
            stdout.split_inclusive(|byte| *byte == b'\n').flat_map(|line| reader.line(line)).collect();
        let result = reader.finish(&exit(*code), &stderr, LastMessage::Text(&last));
        all.push_str(&summary(case, &told, &result));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn kinds_of_turns_that_fail() {
    for (message, kind) in [
        ("Incomplete response returned, reason: max_output_tokens", FailureKind::Limit(Limit::Output)),
        (r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, FailureKind::PromptTooLong),
        (r#"{"error":{"message":"m","code":"model_not_found"}}"#, FailureKind::UnknownModel),
    ] {
        assert_eq!(fault(message).kind, kind, "{message}");
    }
    assert_eq!(fault(r#"{"error":{"message":"m"}}"#).words, "m");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_to_an_end(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..8),
        schema: bool,
        last: String,
    ) {
        let mut reader = Reader::new(schema, None);
        lines.iter().for_each(|line| drop(reader.line(line)));
        let _ = reader.finish(&exit(0), "", LastMessage::Text(&last));
    }

    /// Events that are cut, repeated and mixed: nothing panics, and it does not matter how the lines arrive.
    #[test]
    fn mutilated_events_come_to_an_end(
        picks in proptest::collection::vec((0..SAMPLES.len(), 0..12usize, 0..600usize), 0..8),
        schema: bool,
    ) {
        let mut stdout = Vec::new();
        for (case, line, cut) in picks {
            let (text, _) = streams("codex", SAMPLES[case].0, false);
            let line = text.split(|byte| *byte == b'\n').nth(line).unwrap_or_default();
            stdout.extend_from_slice(&line[..cut.min(line.len())]);
            stdout.push(b'\n');
        }
        let mut whole = Reader::new(schema, None);
        let mut split = Reader::new(schema, None);
        whole.line(&stdout);
        stdout.split_inclusive(|byte| *byte == b'\n').for_each(|line| drop(split.line(line)));
        let (whole, split) = (
            whole.finish(&exit(0), "", LastMessage::Missing),
            split.finish(&exit(0), "", LastMessage::Missing),
        );
        prop_assert_eq!(whole, split);
    }
}
