use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::providers::testing::{assert_same_without_raw, exit, streams, summary};

fn read(schema: bool, events: &[&str]) -> Result<Answer, Failure> {
    let run = |mut reader: Reader| {
        events.iter().for_each(|event| drop(reader.line(event.as_bytes())));
        reader.finish(&exit(0), "", None)
    };
    let result = run(Reader::new(schema));
    assert_same_without_raw(&result, run(Reader::new(schema).without_raw()));
    result
}

#[test]
fn texts_are_found_as_the_original_finds_them() {
    let hello = r#"{"type":"message_end","message":{"role":"assistant","content":"hello \n"}}"#;
    for (events, expected) in [
        (&[hello][..], "hello"),
        (
            &[
                r#"{"type":"turn_end","message":{"content":[{"text":"a"},"b",{"type":"thinking","thinking":"x"},{"type":"toolCall"}]}}"#,
            ],
            "ab",
        ),
        (&[r#"{"type":"message_update","message":{"role":"assistant","content":{"text":"u"}}}"#], "u"),
        (&[r#"{"x":1,"type":"message_update","message":{"content":"v"}}"#], "v"),
        (&[hello, r#"{"type":"message_update","message":{"content":"later"}}"#], "later"),
        (&[r#"{"type":"message_update","message":{"content":"before"}}"#, hello], "hello"),
        (
            &[r#"{"type":"message_end","message":{"role":"user","content":"u"}}"#],
            r#"{"type":"message_end","message":{"role":"user","content":"u"}}"#,
        ),
        (
            &[
                r#"{"type":"agent_end","messages":[{"role":"assistant","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"u"}]}"#,
            ],
            "two",
        ),
        (&[hello, r#"{"type":"agent_end","messages":[]}"#], "hello"),
        (&[hello, r#"{"type":"message_start","message":{"role":"assistant","content":"s"}}"#], "hello"),
        (&[hello, r#"[{"type":"message_end","message":{"content":"array"}}]"#], "hello"),
        (&["plain text\n"], "plain text"),
        (&["two", "lines "], "two\nlines"),
    ] {
        assert_eq!(read(false, events).unwrap().output, Some(json!(expected)), "{events:?}");
    }
}

#[test]
fn the_tool_gives_the_structured_value() {
    let call = |result: &str, error: &str| {
        format!(r#"{{"type":"tool_execution_end","toolName":"{TOOL}","result":{result}{error}}}"#)
    };
    let good = call(r#"{"details":{"z":1,"a":2}}"#, "");
    let failed = call("{}", r#","isError":true"#);
    let message = r#"{"type":"message_end","message":{"content":"x"}}"#;
    for (events, expected) in [
        (vec![message, &good], Ok(r#"{"z":1,"a":2}"#)),
        (vec![r#"{"type":"session","version":3,"id":"s"}"#, &good], Ok(r#"{"z":1,"a":2}"#)),
        (vec![&call(r#"{"details":null}"#, "")], Ok("null")),
        (vec![&call(r#"{"details":0}"#, "")], Ok("0")),
        (vec![&call(r#"{}"#, "")], Err("Pi smol_workflows_structured_output tool did not return details")),
        (vec![message], Err("Pi provider did not call smol_workflows_structured_output for schema output")),
        (vec![], Err("Pi provider did not call smol_workflows_structured_output for schema output")),
        (vec![&good, &good], Err("Pi provider called smol_workflows_structured_output more than once")),
        (vec![&good, &failed], Err("Pi smol_workflows_structured_output tool failed")),
        (vec![&failed], Err("Pi smol_workflows_structured_output tool failed")),
        // A value that did not fit, and then one that does.
        (vec![&failed, &good], Ok(r#"{"z":1,"a":2}"#)),
        (vec![&failed, &failed, &good], Ok(r#"{"z":1,"a":2}"#)),
        (
            vec![&failed, &good, &good],
            Err("Pi provider called smol_workflows_structured_output more than once"),
        ),
        (vec![&failed, &good, &failed], Err("Pi smol_workflows_structured_output tool failed")),
        (
            vec![r#"{"type":"tool_execution_end","toolName":"bash","result":{"details":1}}"#],
            Err("Pi provider did not call smol_workflows_structured_output for schema output"),
        ),
    ] {
        let found = read(true, &events);
        let found = found.map(|answer| answer.output.unwrap().to_string()).map_err(|failure| failure.message);
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{events:?}");
    }
}

#[test]
fn sessions_and_usage_are_found_as_the_original_finds_them() {
    for (events, session) in [
        (&[r#"{"type":"session","id":"s1"}"#][..], Some("s1")),
        (&[r#"{"type":"x","id":"019abc"}"#, r#"{"type":"session","id":"s1"}"#], Some("019abc")),
        (&[r#"{"type":"x","id":"abc"}"#], None),
        (&[r#"{"type":"session","id":5,"sessionId":"s4"}"#], None),
        (&[r#"{"type":"session","id":null,"session_id":"s5"}"#], Some("s5")),
    ] {
        assert_eq!(read(false, events).unwrap().record.session_id.as_deref(), session, "{events:?}");
    }
    for (events, usage) in [
        (
            &[
                r#"{"type":"message_end","message":{"role":"assistant","content":"x","usage":{"input":1,"output":2,"totalTokens":9,"cost":{"input":0,"total":0}}}}"#,
                r#"{"type":"agent_end","usage":{"output":7}}"#,
            ][..],
            json!({ "inputTokens": 1, "outputTokens": 7, "totalTokens": 7, "cost": { "input": 0, "total": 0 } }),
        ),
        (
            &[r#"{"cacheRead":100,"cacheWrite":3,"input":1,"output":2}"#],
            json!({ "inputTokens": 1, "outputTokens": 2, "cacheReadTokens": 100, "cacheWriteTokens": 3, "totalTokens": 6 }),
        ),
        (
            &[r#"{"input":5,"output":3,"cache":{"read":4,"write":2}}"#],
            json!({ "inputTokens": 5, "outputTokens": 3, "cacheReadTokens": 4, "cacheWriteTokens": 2, "totalTokens": 10 }),
        ),
        // With a stop reason it is the CLI's own, which gives each model call's usage once.
        (
            &[
                r#"{"type":"message_end","message":{"role":"assistant","content":"x","stopReason":"toolUse","usage":{"input":1,"output":2,"totalTokens":3,"cost":{"total":0.5}}}}"#,
                r#"{"type":"turn_end","message":{"role":"assistant","stopReason":"toolUse","usage":{"input":1,"output":2}}}"#,
                r#"{"type":"message_end","message":{"role":"assistant","content":"y","stopReason":"stop","usage":{"input":10,"output":20,"totalTokens":30,"cost":{"total":0.25}}}}"#,
            ],
            json!({ "inputTokens": 11, "outputTokens": 22, "totalTokens": 33, "cost": { "total": 0.75 } }),
        ),
    ] {
        assert_eq!(read(false, events).unwrap().record.usage, Some(usage), "{events:?}");
    }
}

#[test]
fn failures_say_what_the_cli_said() {
    let text = r#"{"type":"message_end","message":{"content":" said "}}"#;
    let error = r#"{"type":"message_end","message":{"role":"assistant","stopReason":"error","errorMessage":"401 x"}}"#;
    for (events, code, stderr, message) in [
        (&[][..], 7, "nope\n", "Pi provider exited with code 7: nope"),
        (&[text], 1, "", "Pi provider exited with code 1:  said "),
        (&[text], 1, "err", "Pi provider exited with code 1: err"),
        (&[" out "], 1, "", "Pi provider exited with code 1: out"),
        (&[error], 0, "Warning: x", "Pi provider failed: 401 x"),
        (&[error], 1, "Warning: x", "Pi provider exited with code 1: 401 x"),
        (&[], 0, "", "Pi provider failed: it ended without an answer"),
        (&[], 0, "Continue? [y/N] ", "Pi provider failed: Continue? [y/N]"),
        (
            &[r#"{"type":"message_end","message":{"role":"assistant","stopReason":"aborted"}}"#],
            0,
            "",
            "Pi provider failed: aborted",
        ),
    ] {
        let mut reader = Reader::new(false);
        events.iter().for_each(|event| drop(reader.line(event.as_bytes())));
        assert_eq!(reader.finish(&exit(code), stderr, None).unwrap_err().message, message, "{events:?}");
    }
}

#[test]
fn a_retry_that_works_is_no_failure() {
    let message = |stop: &str, text: &str| {
        json!({ "type": "message_end", "message": { "role": "assistant", "content": text, "stopReason": stop } }).to_string()
    };
    let answer = read(
        false,
        &[&message("error", ""), r#"{"type":"auto_retry_start","delayMs":2000}"#, &message("stop", "ok")],
    );
    assert_eq!(answer.unwrap().output, Some(json!("ok")));
}

#[test]
fn raw_names_the_extension() {
    let mut reader = Reader::new(true);
    reader.line(br#"{"type":"x"}"#);
    let failure = reader.finish(&exit(0), "err", Some("/tmp/x.ts")).unwrap_err();
    let expected = json!({ "events": [{ "type": "x" }], "stderr": "err", "extensionPath": "/tmp/x.ts" });
    assert_eq!(failure.record.raw, expected);
}

/// The CLI repeats the whole message with every piece: 24 KB of answer become 50 MB.
#[test]
fn fifty_megabytes_of_repetition_take_little_room() {
    let mut reader = Reader::new(false);
    reader.line(br#"{"type":"session","version":3,"id":"s"}"#);
    let mut answer = String::new();
    let mut printed = 0;
    for number in 0..2000 {
        let piece = format!("piece {number} ");
        answer.push_str(&piece);
        let message = json!({ "role": "assistant", "content": [{ "type": "text", "text": answer }] });
        // Spelled out, because the order of keys is what makes it cheap.
        let line = format!(
            r#"{{"type":"message_update","assistantMessageEvent":{{"type":"text_delta","contentIndex":0,"delta":{},"partial":{message}}},"message":{message}}}"#,
            json!(piece)
        );
        printed += line.len();
        assert_eq!(reader.line(line.as_bytes()), [Progress::Text(piece)]);
        assert!(reader.events.held() + reader.stdout.text().len() < 1000 && reader.update.is_none());
    }
    assert!(printed > 40_000_000, "{printed}");
    let end = json!({ "type": "message_end", "message": { "role": "assistant", "content": [{ "type": "text", "text": answer }], "stopReason": "stop" } });
    // What was told piece by piece is not told again.
    assert_eq!(reader.line(end.to_string().as_bytes()), []);
    let result = reader.finish(&exit(0), "", None).unwrap();
    assert_eq!(result.output, Some(json!(trim_end(&answer))));
    assert_eq!(result.record.raw["events"][1]["leftOut"]["events"], 2000);
}

/// Recorded runs, and how they ended.
const SAMPLES: &[(&str, i32)] = &[
    ("plain", 0),
    ("plain-anth", 0),
    ("structured-prompted", 0),
    ("empty-text", 0),
    ("tool", 0),
    ("length", 0),
    ("no-usage", 0),
    ("bad-model", 0),
    ("err401", 0),
    ("err500", 0),
    ("err500-noretry", 0),
    ("nokey", 0),
    ("drop", 0),
    ("resume", 0),
    ("plain-resp", 0),
    ("empty-prompt", 0),
    ("resume-other-cwd", 0),
    ("resume-unknown", 1),
    ("sigterm-tool", 143),
];

#[test]
fn recorded_runs() {
    let mut all = String::new();
    for (case, code) in SAMPLES {
        let (stdout, stderr) = streams("pi", case, false);
        let mut reader = Reader::new(false);
        let told: Vec<Progress> =
            stdout.split_inclusive(|byte| *byte == b'\n').flat_map(|line| reader.line(line)).collect();
        all.push_str(&summary(case, &told, &reader.finish(&exit(*code), &stderr, None)));
    }
    insta::assert_snapshot!(all);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_to_an_end(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..8),
        schema: bool,
    ) {
        let mut reader = Reader::new(schema);
        lines.iter().for_each(|line| drop(reader.line(line)));
        let _ = reader.finish(&exit(0), "", None);
    }

    /// Events that are cut, repeated and mixed: nothing panics, and it does not matter how the lines arrive.
    #[test]
    fn mutilated_events_come_to_an_end(
        picks in proptest::collection::vec((0..SAMPLES.len(), 0..24usize, 0..1500usize), 0..8),
        schema: bool,
    ) {
        let mut stdout = Vec::new();
        for (case, line, cut) in picks {
            let (text, _) = streams("pi", SAMPLES[case].0, false);
            let line = text.split(|byte| *byte == b'\n').nth(line).unwrap_or_default();
            stdout.extend_from_slice(&line[..cut.min(line.len())]);
            stdout.push(b'\n');
        }
        let mut whole = Reader::new(schema);
        let mut split = Reader::new(schema);
        whole.line(&stdout);
        stdout.split_inclusive(|byte| *byte == b'\n').for_each(|line| drop(split.line(line)));
        prop_assert_eq!(whole.finish(&exit(0), "", None), split.finish(&exit(0), "", None));
    }
}
