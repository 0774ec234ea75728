//! How comparable engines hang, crash or get results wrong: each row is a test with the opposite outcome.

use std::sync::Arc;

use smol_workflow_engine::model::error::ErrorData;
use smol_workflow_engine::model::options::Cap;

use crate::support::{
    Answers, ByHand, Deaf, Hand, Recorder, body, debug, file, host, outcome, run, source, start,
};

const CAPS: [Cap; 5] = [Cap::None, Cap::At(1), Cap::At(2), Cap::At(16), Cap::At(64)];
const MANY: &str = "100000";

/// `parallel` over very many calls that are answered at once, fail at once, or never end.
#[test]
fn a_hundred_thousand_instant_calls_under_any_cap() {
    for cap in CAPS {
        let mut options = body(&format!(
            "const r = await parallel(Array.from({{ length: {MANY} }}, (_, i) => () => agent('p' + i)));
             return [r.length, r[0], r[{MANY} - 1]]"
        ));
        options.max_parallel_agents = Some(cap);
        options.max_agents = Some(Cap::None);
        assert_eq!(outcome(&run(options)), r#"[100000,"echo: p0","echo: p99999"]"#, "{cap:?}");
    }
}

#[test]
fn a_hundred_thousand_failing_calls_under_any_cap() {
    for cap in CAPS {
        let mut options = source(&format!(
            "export const meta = {{ name: 'n', description: 'd' }}
             export default async () => {{
               const r = await parallel(Array.from({{ length: {MANY} }}, () => () => agent('p')))
               return r.every((x) => x === null) && r.length
             }}"
        ));
        options.max_parallel_agents = Some(cap);
        let failing = Answers(|_: &str| Some(Err(ErrorData::new("Error", "no such CLI"))));
        let end = start(options, host(Arc::new(failing), Arc::new(Deaf))).wait();
        assert_eq!(outcome(&end), MANY, "{cap:?}");
    }
}

#[test]
fn a_hundred_thousand_endless_calls_can_be_cancelled_under_any_cap() {
    for cap in CAPS {
        let by_hand = Arc::new(ByHand::default());
        let mut options = body(&format!(
            "await parallel(Array.from({{ length: {MANY} }}, (_, i) => () => agent('p' + i)))"
        ));
        options.max_parallel_agents = Some(cap);
        options.max_agents = Some(Cap::None);
        let started = start(options, host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf)));
        by_hand.wait_for(if let Cap::At(cap) = cap { cap } else { 100_000 });
        started.cancel();
        assert_eq!(started.outcome(), "ERR_RUN_CANCELLED", "{cap:?}");
        drop(started);
        assert_eq!(by_hand.under_way.load(std::sync::atomic::Ordering::SeqCst), 0, "calls left running");
    }
}

/// Follow-ups start while slower branches still run: there are no batches.
#[test]
fn a_follow_up_does_not_wait_for_slower_branches() {
    let by_hand = Arc::new(ByHand::default());
    let options = body(
        "return await pipeline(['a', 'b'], (x) => agent(x + '1'), (r) => agent(r + '2'), (r) => r + '!')",
    );
    let started = start(options, host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf)));
    assert_eq!(by_hand.wait_for(2), ["a1", "b1"]);
    by_hand.answer("a1", r#""A""#);
    assert_eq!(by_hand.wait_for(2), ["b1", "A2"]);
    by_hand.answer("A2", r#""AA""#);
    by_hand.answer("b1", r#""B""#);
    by_hand.wait_for(1);
    by_hand.answer("B2", r#""BB""#);
    assert_eq!(started.outcome(), r#"["AA!","BB!"]"#);
}

#[test]
fn a_run_may_end_with_calls_pending() {
    for (code, expected) in [
        ("agent('x'); return 1", "1"),
        ("return await Promise.race([agent('x'), 5])", "5"),
        ("await Promise.all([agent('x'), Promise.reject(new Error('no'))])", "ERR_SCRIPT_FAILED"),
        ("agent('x'); throw new Error('beside')", "ERR_SCRIPT_FAILED"),
        ("setTimeout(() => 0, 600000); return 2", "2"),
        ("setInterval(() => 0, 600000); return 3", "3"),
        ("workflow({ scriptPath: 'nowhere.js' }).catch(() => 0); return 4", "4"),
    ] {
        let by_hand = Arc::new(ByHand::default());
        let end = start(body(code), host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf))).wait();
        assert_eq!(outcome(&end), expected, "{code}");
        assert_eq!(by_hand.under_way.load(std::sync::atomic::Ordering::SeqCst), 0, "{code}");
    }
}

#[test]
fn a_script_that_waits_for_nothing_ends_at_once() {
    for code in [
        "await new Promise(() => 0)",
        "await agent('x'); await new Promise(() => 0)",
        "await Promise.race([])",
        "let resolve; const p = new Promise((r) => { resolve = r }); await p; resolve()",
    ] {
        assert_eq!(outcome(&run(body(code))), "ERR_SCRIPT_STALLED", "{code}");
    }
}

#[test]
fn every_limit_ends_the_run_and_nothing_else() {
    let limited = |code: &str, expected: &str| {
        let mut options = body(code);
        // Reached by what is about CPU time, and by nothing else.
        options.limits.cpu_ms = if expected == "ERR_SCRIPT_CPU_LIMIT" { 200 } else { 60_000 };
        options.limits.memory_bytes = 64 << 20;
        options
    };
    let others: Vec<_> = (0..20)
        .map(|_| start(body("return (await agent('y')).length"), host(debug(), Arc::new(Deaf))))
        .collect();
    for (code, expected) in [
        ("for (;;) {}", "ERR_SCRIPT_CPU_LIMIT"),
        ("await agent('x'); for (;;) {}", "ERR_SCRIPT_CPU_LIMIT"),
        ("for (;;) await null", "ERR_SCRIPT_CPU_LIMIT"),
        ("for (;;) log('x'.repeat(1000))", "ERR_SCRIPT_CPU_LIMIT"),
        ("const f = () => queueMicrotask(f); f(); await agent('x')", "ERR_SCRIPT_CPU_LIMIT"),
        ("/^(a+)+$/.test('a'.repeat(50) + 'b')", "ERR_SCRIPT_CPU_LIMIT"),
        ("const a = []; for (;;) a.push({ a })", "ERR_SCRIPT_MEMORY_LIMIT"),
        ("let s = 'x'.repeat(1000); const a = []; for (;;) a.push(s + a.length)", "ERR_SCRIPT_MEMORY_LIMIT"),
        ("const f = () => [f()]; f()", "ERR_SCRIPT_FAILED"),
        ("const a = []; for (;;) a.push(agent('x'.repeat(100000) + a.length))", "ERR_SCRIPT_PENDING_LIMIT"),
    ] {
        let mut options = limited(code, expected);
        options.limits.pending_bytes = 1 << 20;
        assert_eq!(outcome(&run(options)), expected, "{code}");
    }
    for other in others {
        assert_eq!(other.outcome(), "7");
    }
    let mut options = body(&"/*x*/".repeat(100));
    options.limits.source_bytes = 100;
    assert_eq!(outcome(&run(options)), "ERR_SCRIPT_TOO_LARGE");
}

#[test]
fn any_utf8_is_fine_everywhere() {
    let text = "\u{feff}#!/usr/bin/env smol-wf\r\n// ü 🙂 \u{2028}\r\nexport const meta = { name: 'ü🙂', description: 'ß' };\r\nlog('🙂');\r\nreturn await agent('ü🙂\\u{1F642}\\ud800')";
    let recorder = Arc::new(Recorder::default());
    let end = start(source(text), host(debug(), recorder.clone())).wait();
    assert_eq!(outcome(&end), "\"echo: ü🙂🙂\\ud800\"");
    assert_eq!(recorder.of("run.started")[0]["workflow"], "ü🙂");
    assert_eq!(recorder.of("log")[0]["values"][0], "🙂");
}

#[test]
fn log_floods_are_bounded_and_counted() {
    let recorder = Arc::new(Recorder::default());
    // More than twice what the script may have in memory at once, and no more of it: without optimisation each of these
    // lines takes tens of milliseconds, and the limit of CPU time is about other faults.
    let mut options = body("for (let i = 0; i < 60; i++) log('x'.repeat(5_000_000)); return 1");
    options.limits.memory_bytes = 128 << 20;
    options.limits.cpu_ms = 60_000;
    let end = start(options, host(debug(), recorder.clone())).wait();
    assert_eq!(outcome(&end), "1");
    assert_eq!(recorder.of("log").len(), 3);
    let warning = &recorder.of("warning")[0];
    assert_eq!(warning["code"], "WARN_LOG_DROPPED");
    assert!(warning["message"].as_str().unwrap().starts_with("57 log lines were dropped"), "{warning}");
}

#[test]
fn only_agents_take_agent_slots() {
    let by_hand = Arc::new(ByHand::default());
    let mut options = body(
        "const slow = agent('slow');
         await new Promise((r) => setTimeout(r, 1));
         const child = await workflow({ scriptPath: 'tests/it/scenarios/children/child.js' }, { n: 1 });
         return [child, await slow]",
    );
    options.max_parallel_agents = Some(Cap::At(1));
    let started = start(options, host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf)));
    assert_eq!(by_hand.wait_for(1), ["slow"]);
    // The child's own agent waits for the slot; the child itself and the timer did not.
    by_hand.answer("slow", "1");
    assert_eq!(by_hand.wait_for(1), ["child 1"]);
    by_hand.answer("child 1", "2");
    assert_eq!(started.outcome(), r#"[{"child":2},1]"#);
}

#[test]
fn a_calls_own_timeout_concerns_that_call_only() {
    let by_hand = Arc::new(ByHand::default());
    let options = source(
        "export const meta = { name: 'n', description: 'd' }
         export default async () => {
           const fast = agent('fast')
           let error
           try { await agent('slow', { timeoutMs: 20 }) } catch (e) { error = [e.name, e.message, e.code, e.cause.name] }
           return [error, await fast]
         }",
    );
    let started = start(options, host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf)));
    by_hand.wait_for(2);
    // "slow" is given up; the answer to "fast" comes whenever it comes.
    while by_hand.under_way.load(std::sync::atomic::Ordering::SeqCst) > 1 {
        std::thread::yield_now();
    }
    by_hand.answer("fast", "1");
    assert_eq!(
        started.outcome(),
        r#"[["Error","TimeoutError: agent() ran into its timeout of 20 ms","ERR_AGENT_TIMEOUT","TimeoutError"],1]"#
    );
}

#[test]
fn a_timed_out_attempt_is_retried() {
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = calls.clone();
    let provider = Answers(move |_: &str| {
        let first = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        if first { None } else { Some(Ok("7".to_owned())) }
    });
    let options = body("return await agent('x', { timeoutMs: 5, retry: { maxAttempts: 2, backoffMs: 1 } })");
    let recorder = Arc::new(Recorder::default());
    let end = start(options, host(Arc::new(provider), recorder.clone())).wait();
    assert_eq!(outcome(&end), "7");
    let ended = &recorder.of("call.ended")[0];
    assert_eq!((ended["attempts"].as_u64(), ended["outcome"].as_str()), (Some(2), Some("completed")));
    assert_eq!(recorder.of("call.retrying")[0]["error"]["code"], "ERR_AGENT_TIMEOUT");
}

#[test]
fn failures_keep_their_reason_where_the_script_gets_null() {
    let recorder = Arc::new(Recorder::default());
    let failing = Answers(|_: &str| Some(Err(ErrorData::new("Error", "exit 7: nope"))));
    let end =
        start(body("return await agent('x', { label: 'l' })"), host(Arc::new(failing), recorder.clone()));
    assert_eq!(end.outcome(), "null");
    let ended = &recorder.of("call.ended")[0];
    assert_eq!(ended["outcome"], "failed");
    assert_eq!(ended["error"]["message"], "exit 7: nope");
    assert_eq!(ended["label"], "l");
}

#[test]
fn unknown_values_are_errors_and_unknown_options_are_warned_about_once() {
    let recorder = Arc::new(Recorder::default());
    let code = "let e; try { await agent('x', { isolation: 'sandbx' }) } catch (x) { e = x.message }
                await agent('x', { colour: 1 }); await agent('x', { colour: 2 }); return e";
    let end = start(body(code), host(debug(), recorder.clone())).wait();
    assert_eq!(outcome(&end), r#""agent() option isolation must be \"worktree\", got \"sandbx\"""#);
    let warnings = recorder.of("warning");
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0]["message"].as_str().unwrap().contains("\"colour\""));
}

#[test]
fn the_order_of_keys_is_kept_everywhere() {
    let code = "return await agent('x', { schema: { type: 'object', properties: { z: { type: 'string' }, a: { type: 'integer' } }, required: ['z'] } })";
    assert_eq!(outcome(&run(body(code))), r#"{"z":"debug-string","a":0}"#);
    let mut options = body("return args");
    options.args = Some(smol_workflow_engine::model::json::JsonText::new(r#"{"z":1,"a":{"y":1,"b":2}}"#));
    assert_eq!(outcome(&run(options)), r#"{"z":1,"a":{"y":1,"b":2}}"#);
}

#[test]
fn a_missing_file_is_a_metadata_error_that_says_so() {
    let end = run(file("no/such/file.js"));
    let message = end.result.unwrap_err().to_string();
    assert!(message.starts_with("Workflow script must export valid literal metadata"), "{message}");
    assert!(message.contains("no/such/file.js"), "{message}");
}

#[test]
fn many_runs_at_once_do_not_notice_one_another() {
    let runs: Vec<_> = (0..1000)
        .map(|number| {
            let code =
                format!("await new Promise((r) => setTimeout(r, 20)); return (await agent('p')) + {number}");
            start(body(&code), host(debug(), Arc::new(Deaf)))
        })
        .collect();
    for (number, started) in runs.iter().enumerate() {
        assert_eq!(started.outcome(), format!("\"echo: p{number}\""));
    }
}
