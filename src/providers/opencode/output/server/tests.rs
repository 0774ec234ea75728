use serde_json::json;

use super::*;
use crate::providers::answer::FailureKind;
use crate::providers::testing::{sample, summary};

#[test]
fn the_address_stands_in_the_logs() {
    for (logs, expected) in [
        ("Warning: x\nopencode server listening on http://127.0.0.1:4096\n", Some("http://127.0.0.1:4096")),
        ("opencode server listening on http://127.0.0.1:4096", Some("http://127.0.0.1:4096")),
        ("opencode server listening on a socket\n", None),
        ("", None),
    ] {
        assert_eq!(address(logs), expected, "{logs}");
    }
    assert_eq!(too_late(" \n"), "Timed out waiting for OpenCode server URL");
    assert_eq!(too_late(" x\n"), "Timed out waiting for OpenCode server URL: x");
    let long = "l".repeat(4001);
    assert_eq!(
        ended_early(&Exit::Code(1), &long),
        format!("OpenCode server exited before it was ready with code 1: {}…", "l".repeat(4000))
    );
    assert_eq!(
        ended_early(&Exit::Signal("SIGTERM".to_owned()), ""),
        "OpenCode server exited before it was ready with signal SIGTERM"
    );
}

#[test]
fn models_have_a_provider() {
    assert_eq!(model(""), Ok(None));
    assert_eq!(model("a/b/c"), Ok(Some(("a", "b/c"))));
    for name in ["opus", "/b", "a/"] {
        let message =
            format!("OpenCode model must use provider/model form for structured output, got: {name}");
        assert_eq!(model(name), Err(message));
    }
}

#[test]
fn bodies_are_json_whatever_the_status() {
    assert_eq!(body("u", 200, "").unwrap(), None);
    assert_eq!(body("u", 200, "[1]").unwrap(), Some(json!([1])));
    for (status, text, name, message) in [
        (200, "<html>", "SyntaxError", "Unexpected token '<', \"<html>\" is not valid JSON"),
        (500, "<html>", "SyntaxError", "Unexpected token '<', \"<html>\" is not valid JSON"),
        (404, r#"{"a":1}"#, "Error", r#"POST http://x/y failed with 404: {"a":1}"#),
        (500, "", "Error", "POST http://x/y failed with 500: "),
    ] {
        let failure = body("http://x/y", status, text).unwrap_err();
        assert_eq!((failure.name, failure.message.as_str()), (name, message), "{text}");
    }
    assert_eq!(body("u", 401, "{}").unwrap_err().kind, FailureKind::Auth);
}

#[test]
fn sessions_have_ids() {
    for (session, expected) in [
        (Some(json!({ "id": "a" })), Ok("a")),
        (Some(json!({ "id": "a", "info": { "sessionID": "b" } })), Ok("b")),
        (Some(json!({ "data": { "id": "a" } })), Err(r#"{"data":{"id":"a"}}"#)),
        (None, Err("undefined")),
    ] {
        let found = created(session.as_ref()).map_err(|failure| failure.message);
        let expected = expected.map(str::to_owned);
        let expected = expected.map_err(|shown| {
            format!("OpenCode create-session response did not include a session id: {shown}")
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn structured_values_are_found() {
    for (response, expected) in [
        (json!({ "info": { "structured": { "a": 1 } } }), Some(json!({ "a": 1 }))),
        (json!({ "structured_output": null }), Some(json!(null))),
        (json!([{ "structuredOutput": 0 }]), Some(json!(0))),
        (
            json!({ "parts": [{ "type": "tool", "tool": "StructuredOutput", "state": { "input": { "b": 2 } } }] }),
            Some(json!({ "b": 2 })),
        ),
        (json!({ "parts": [{ "type": "tool", "tool": "bash", "state": { "input": {} } }] }), None),
        (json!({ "text": "{}" }), None),
    ] {
        assert_eq!(structured(&response).cloned(), expected, "{response}");
    }
}

fn exchange(
    response: Option<&Value>,
    totals: Option<&Value>,
    before: Option<&Value>,
) -> Result<Answer, Failure> {
    let session = json!({ "id": "made" });
    let exchange = Exchange {
        session: &session,
        session_id: "made",
        response,
        totals,
        session_total: before,
        logs: "listening",
    };
    exchange.finish()
}

#[test]
fn an_exchange_gives_a_value_and_its_cost() {
    let response = json!({ "info": { "structured": [1], "sessionID": "told", "tokens": { "input": 1, "output": 2 } }, "x": { "input": 3 } });
    let answer = exchange(Some(&response), None, None).unwrap();
    assert_eq!(answer.output, Some(json!([1])));
    assert_eq!(answer.record.session_id.as_deref(), Some("told"));
    // By the original's rules, all of it.
    assert_eq!(answer.record.usage, Some(json!({ "inputTokens": 4, "outputTokens": 2, "totalTokens": 6 })));
    let raw = json!({ "session": { "id": "made" }, "response": response, "serverLogs": "listening" });
    assert_eq!(answer.record.raw.to_string(), raw.to_string());

    let totals = json!({ "tokens": { "input": 10, "output": 5, "reasoning": 2, "cache": { "read": 3, "write": 0 } }, "cost": 0.5 });
    let one = exchange(Some(&response), Some(&totals), None).unwrap().record;
    let expected = json!({ "inputTokens": 10, "outputTokens": 7, "cacheReadTokens": 3, "cacheWriteTokens": 0, "totalTokens": 17, "cost": { "total": 0.5, "currency": "USD" } });
    assert_eq!(one.usage, Some(expected));
    let two = exchange(Some(&response), Some(&totals), one.session_total.as_ref()).unwrap().record;
    assert_eq!(two.usage.unwrap()["outputTokens"], 0);

    for response in [None, Some(json!({ "info": {} }))] {
        let failure = exchange(response.as_ref(), None, None).unwrap_err();
        assert_eq!(failure.message, "OpenCode structured-output response did not include a structured value");
        assert_eq!(failure.kind, FailureKind::BadOutput);
    }
}

#[test]
fn recorded_responses() {
    let mut all = String::new();
    for case in [
        "plain",
        "structured",
        "structured-auto",
        "structured-invalid",
        "structured-textonly",
        "err401",
        "system",
        "abort-hang",
        "abort-tool",
        "create-session",
    ] {
        let response = sample(&format!("opencode/serve-{case}.json"));
        let response = parser::parse(&String::from_utf8(response).unwrap()).unwrap();
        all.push_str(&summary(case, &[], &exchange(Some(&response), None, None)));
    }
    insta::assert_snapshot!(all);
}
