//! Cancelling runs, in every state.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{ByHand, Deaf, Hand, Recorder, body, host, source, start};

#[test]
fn finally_blocks_run_and_new_calls_reject_at_once() {
    let by_hand = Arc::new(ByHand::default());
    let recorder = Arc::new(Recorder::default());
    let options = source(
        "export const meta = { name: 'n', description: 'd' }
         export default async () => {
           try { await agent('a') } catch (e) { log(e.name, e.code) }
           finally {
             try { await agent('b') } catch (e) { log(e.name) }
             await new Promise((r) => setTimeout(r, 1))
             log('cleaned up')
           }
           return 'a value that nobody gets'
         }",
    );
    let started = start(options, host(Arc::new(Hand(by_hand.clone())), recorder.clone()));
    by_hand.wait_for(1);
    started.cancel();
    assert_eq!(started.outcome(), "ERR_RUN_CANCELLED");
    let lines: Vec<_> = recorder.of("log").iter().map(|event| event["values"].to_string()).collect();
    assert_eq!(
        lines,
        [r#"["CancelledError","ERR_RUN_CANCELLED"]"#, r#"["CancelledError"]"#, r#"["cleaned up"]"#]
    );
    assert_eq!(by_hand.wait_for(1), ["a"], "the second call was never started");
    assert_eq!(recorder.of("run.cancelled").len(), 1);
    let ended: Vec<_> = recorder.of("call.ended").iter().map(|event| event["outcome"].clone()).collect();
    assert_eq!(ended, ["cancelled", "cancelled"]);
}

#[test]
fn parallel_and_pipeline_do_not_swallow_the_end() {
    for code in [
        "for (;;) await parallel([() => agent('x')])",
        "for (;;) await pipeline([1], () => agent('x'))",
        "for (;;) await parallel([() => agent('x')], { settle: true })",
        "await workflow({ scriptPath: 'tests/it/scenarios/children/child.js' }, { n: 1 })",
    ] {
        let by_hand = Arc::new(ByHand::default());
        let started = start(body(code), host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf)));
        by_hand.wait_for(1);
        started.cancel();
        assert_eq!(started.outcome(), "ERR_RUN_CANCELLED", "{code}");
    }
}

#[test]
fn a_script_that_will_not_end_is_ended_when_the_grace_is_over() {
    for code in [
        "try { await agent('x') } finally { await new Promise((r) => setTimeout(r, 600000)) }",
        "try { await agent('x') } catch { for (;;) {} }",
        "for (;;) { try { await agent('x') } catch {} }",
        "try { await agent('x') } catch { for (;;) await null }",
    ] {
        let by_hand = Arc::new(ByHand::default());
        let mut options = body(code);
        options.cancel_grace = Duration::from_millis(20);
        options.limits.cpu_ms = 600_000;
        options.on_agent_error = Some(smol_workflow_engine::model::options::OnAgentError::Reject);
        let started = start(options, host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf)));
        by_hand.wait_for(1);
        started.cancel();
        assert_eq!(started.outcome(), "ERR_RUN_CANCELLED", "{code}");
    }
}

#[test]
fn a_second_cancel_does_not_wait_for_the_grace() {
    let by_hand = Arc::new(ByHand::default());
    let mut options =
        body("try { await agent('x') } finally { await new Promise((r) => setTimeout(r, 600000)) }");
    options.cancel_grace = Duration::from_secs(600);
    let started = start(options, host(Arc::new(Hand(by_hand.clone())), Arc::new(Deaf)));
    by_hand.wait_for(1);
    started.cancel();
    started.cancel();
    assert_eq!(started.outcome(), "ERR_RUN_CANCELLED");
}

#[test]
fn a_busy_run_hears_the_wish_to_cancel() {
    // Never waits: every call is answered at once.
    let options = body("for (;;) await agent('x')");
    let mut options = options;
    options.max_agents = Some(smol_workflow_engine::model::options::Cap::None);
    let recorder = Arc::new(Recorder::default());
    let started = start(options, host(crate::support::debug(), recorder));
    started.cancel();
    assert_eq!(started.outcome(), "ERR_RUN_CANCELLED");
}
