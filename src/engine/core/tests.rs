use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;
use crate::model::budget::BudgetMode;
use crate::model::options::{Cap, OnAgentError};
use crate::model::outcome::{AgentOutput, AttemptFailure, Resume, Wait, WaitReason};
use crate::model::request::{AgentOptions, ChildTarget, Request, RequestKind, RetryPolicy};
use crate::model::usage::Usage;
use crate::model::worktree::WorktreeChoice;

pub(super) const RULES: ScriptRules =
    ScriptRules { budget_mode: BudgetMode::Soft, on_agent_error: OnAgentError::Reject };

pub(super) fn options() -> CoreOptions {
    CoreOptions {
        budget: BudgetState { total: None, spent: 0.0 },
        rules: RULES,
        max_parallel_agents: Cap::None,
        max_agents: Cap::None,
        nesting_depth: 0,
        max_depth: 1,
        max_sleep: None,
        seed: 0,
    }
}

pub(super) fn started(options: CoreOptions) -> Core {
    let mut core = Core::new(options, "flow.js".into(), false);
    assert_eq!(step(&mut core, Input::Started { recording: None }), [Effect::StartRoot]);
    core
}

pub(super) fn step(core: &mut Core, input: Input) -> Vec<Effect> {
    let mut effects = Vec::new();
    core.step(input, &mut effects);
    effects
}

pub(super) fn agent(slot: u32) -> Item {
    agent_with(slot, AgentOptions::default())
}

pub(super) fn agent_with(slot: u32, parsed: AgentOptions) -> Item {
    let request =
        AgentRequest { prompt: Some(JsonText::from_str_value(&format!("p{slot}"))), options: None, parsed };
    Item::Request(Request { slot: Slot(slot), kind: RequestKind::Agent(Arc::new(request)) })
}

pub(super) fn timer(slot: u32) -> Item {
    Item::Request(Request { slot: Slot(slot), kind: RequestKind::Timer { delay: Duration::from_secs(1) } })
}

pub(super) fn sleep(slot: u32, ms: u64) -> Item {
    let duration = Duration::from_millis(ms);
    Item::Request(Request { slot: Slot(slot), kind: RequestKind::Sleep { duration } })
}

pub(super) fn child(slot: u32) -> Item {
    let request = ChildRequest { target: ChildTarget::Name("c".into()), args: None };
    Item::Request(Request { slot: Slot(slot), kind: RequestKind::Workflow(request) })
}

pub(super) fn idle(vm: u32, said: Vec<Item>) -> Input {
    Input::VmIdle { vm: VmId(vm), said, settled: None }
}

pub(super) fn settled(vm: u32, value: &str) -> Input {
    Input::VmIdle { vm: VmId(vm), said: vec![], settled: Some(Settled::Value(Some(JsonText::new(value)))) }
}

pub(super) fn answer(call: u64, tokens: f64) -> Input {
    let usage = Usage { charged: tokens, report: None };
    let output = AgentOutput { output: Some(JsonText::new("1")), usage, ..AgentOutput::default() };
    Input::AgentFinished { call: CallId(call), outcome: AttemptOutcome::Answer(output) }
}

pub(super) fn failure(call: u64) -> Input {
    let error = ErrorData::new("RangeError", "bad");
    Input::AgentFinished { call: CallId(call), outcome: AttemptOutcome::Failed(error.into()) }
}

/// Effects as short words, for tables.
pub(super) fn words(effects: &[Effect]) -> String {
    let words: Vec<String> = effects
        .iter()
        .filter_map(|effect| {
            Some(match effect {
                Effect::StartRoot => "root".to_owned(),
                Effect::Deliver { vm, slot, outcome, .. } => match outcome {
                    Ok(_) => format!("deliver {}.{}", vm.0, slot.0),
                    Err(error) => format!("reject {}.{} {}", vm.0, slot.0, error.headline()),
                },
                Effect::StartAgent { call, attempt, resume, .. } => match resume {
                    Some(resume) => format!("agent {call}#{attempt} in {}", resume.session),
                    None => format!("agent {call}#{attempt}"),
                },
                Effect::CloseWorktree { call, success } => format!("close {call} {success}"),
                Effect::CloseLeftWorktree { call, .. } => format!("close left {call}"),
                Effect::StartChild { call, vm, .. } => format!("child {call} vm{}", vm.0),
                Effect::StartTimer { call, .. } => format!("timer {call}"),
                Effect::StartSleep { call, until } => format!("sleep {call} until {until}"),
                Effect::StartBackoff { call, delay } => format!("backoff {call} {}ms", delay.as_millis()),
                Effect::Abort { call } => format!("abort {call}"),
                Effect::AbortAll => "abort all".to_owned(),
                Effect::DropVm { vm } => format!("drop vm{}", vm.0),
                Effect::StartGrace => "grace".to_owned(),
                Effect::Finish(Ok(value)) => format!("finish {value:?}"),
                Effect::Finish(Err(error)) => format!("fail {}", error.code()),
                Effect::Diverged(error) => format!("diverged {}", error.code()),
                Effect::Emit(_) | Effect::Charged { .. } | Effect::Record(_) => return None,
            })
        })
        .collect();
    words.join(", ")
}

/// Feeds the inputs one by one and compares what each leads to.
fn check(options: CoreOptions, script: Vec<(Input, &str)>) {
    let mut core = started(options);
    for (number, (input, expected)) in script.into_iter().enumerate() {
        let shown = format!("{input:?}");
        assert_eq!(words(&step(&mut core, input)), expected, "step {number}: {shown}");
    }
}

#[test]
fn a_budget_that_others_change_is_seen_with_the_next_outcome() {
    let mut hard = options();
    hard.rules.budget_mode = BudgetMode::Hard;
    hard.budget = BudgetState { total: Some(10.0), spent: 1.0 };
    let mut core = started(hard);
    let change = |spent, total| Input::BudgetChanged(BudgetChange { spent, total });
    for (input, expected) in [
        (change(2.0, None), (Some(10.0), 3.0)),
        (change(-100.0, None), (Some(10.0), 0.0)),
        (change(7.0, Some(None)), (None, 7.0)),
        (change(0.0, Some(Some(7.0))), (Some(7.0), 7.0)),
    ] {
        assert_eq!(step(&mut core, input.clone()), [], "{input:?}");
        assert_eq!(core.budget(), BudgetState { total: expected.0, spent: expected.1 }, "{input:?}");
    }
    // Others have used it up: the next call is refused, and the script is shown why.
    let effects = step(&mut core, idle(0, vec![agent(0)]));
    let [Effect::Deliver { outcome: Err(error), budget, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(error.code.as_deref(), Some("ERR_BUDGET_EXHAUSTED"));
    assert_eq!(*budget, BudgetState { total: Some(7.0), spent: 7.0 });
}

#[test]
fn outcomes_are_delivered_one_at_a_time_in_order_of_arrival() {
    check(
        options(),
        vec![
            (idle(0, vec![agent(0), agent(1), agent(2)]), "agent 0#1, agent 1#1, agent 2#1"),
            (answer(2, 0.0), "deliver 0.2"),
            (answer(0, 0.0), ""),
            (answer(1, 0.0), ""),
            // A follow-up call starts while slower branches are still on their way.
            (idle(0, vec![agent(3)]), "agent 3#1, deliver 0.0"),
            (idle(0, vec![]), "deliver 0.1"),
            (answer(3, 0.0), ""),
            (idle(0, vec![]), "deliver 0.3"),
            (settled(0, "7"), "finish Some(7)"),
            (answer(9, 0.0), ""),
        ],
    );
}

#[test]
fn slots_are_freed_by_outcomes_and_taken_in_order() {
    check(
        CoreOptions { max_parallel_agents: Cap::At(2), ..options() },
        vec![
            (
                idle(0, vec![agent(0), agent(1), agent(2), agent(3), timer(4)]),
                "timer 4, agent 0#1, agent 1#1",
            ),
            (answer(1, 0.0), "agent 2#1, deliver 0.1"),
            // The outcome waits for its delivery, yet its slot is free.
            (answer(0, 0.0), "agent 3#1"),
            (idle(0, vec![]), "deliver 0.0"),
            (Input::TimerFired { call: CallId(4) }, ""),
            (idle(0, vec![]), "deliver 0.4"),
        ],
    );
}

#[test]
fn caps_and_hard_budgets_refuse_before_a_start() {
    check(
        CoreOptions { max_agents: Cap::At(1), ..options() },
        vec![(
            idle(0, vec![agent(0), agent(1)]),
            "agent 0#1, reject 0.1 AgentLimitError: the run has made its 1 agent calls; maxAgents allows no more",
        )],
    );
    let budget = BudgetState { total: Some(10.0), spent: 0.0 };
    check(
        CoreOptions { budget, rules: ScriptRules { budget_mode: BudgetMode::Hard, ..RULES }, ..options() },
        vec![
            (idle(0, vec![agent(0)]), "agent 0#1"),
            (answer(0, 10.0), "deliver 0.0"),
            (
                idle(0, vec![agent(1)]),
                "reject 0.1 BudgetExhaustedError: the budget of 10 output tokens is used up: 10 were spent",
            ),
        ],
    );
    check(
        CoreOptions { budget, ..options() },
        vec![
            (idle(0, vec![agent(0)]), "agent 0#1"),
            (answer(0, 99.0), "deliver 0.0"),
            (idle(0, vec![agent(1)]), "agent 1#1"),
        ],
    );
}

#[test]
fn a_mismatch_is_repaired_once_in_its_slot_and_every_attempt_is_charged() {
    let mismatch = |call| {
        let usage = Usage { charged: 5.0, report: None };
        let output = AgentOutput { usage, ..AgentOutput::default() };
        let errors = vec!["/ must be object".to_owned(), "/a must be string".to_owned()];
        Input::AgentFinished { call: CallId(call), outcome: AttemptOutcome::Mismatch { output, errors } }
    };
    let mut core = started(CoreOptions { max_parallel_agents: Cap::At(1), ..options() });
    step(&mut core, idle(0, vec![agent(0), agent(1)]));
    let effects = step(&mut core, mismatch(0));
    let repair = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::StartAgent { call: CallId(0), attempt: 2, request, .. } => Some(request.prompt_text()),
            _ => None,
        })
        .unwrap();
    assert_eq!(
        repair,
        "p0\n\nPrevious structured output failed JSON Schema validation.\n\
         Return a corrected structured output that satisfies the original JSON Schema.\n\
         Validation errors:\n- / must be object\n- /a must be string"
    );
    assert_eq!(core.budget().spent, 5.0);
    assert_eq!(
        words(&step(&mut core, mismatch(0))),
        "agent 1#1, reject 0.0 Error: Error: Structured output did not match JSON Schema: / must be object; /a must be string"
    );
    assert_eq!(core.budget().spent, 10.0);
}

#[test]
fn failures_follow_the_calls_own_retry_policy() {
    let retry = Some(RetryPolicy { max_attempts: 3, backoff: Duration::from_millis(100) });
    let parsed = AgentOptions { retry, ..AgentOptions::default() };
    check(
        CoreOptions { max_parallel_agents: Cap::At(1), ..options() },
        vec![
            (idle(0, vec![agent_with(0, parsed), agent(1)]), "agent 0#1"),
            // While it backs off, the slot is somebody else's.
            (failure(0), "backoff 0 100ms, agent 1#1"),
            (Input::BackoffOver { call: CallId(0) }, ""),
            (answer(1, 0.0), "agent 0#2, deliver 0.1"),
            (idle(0, vec![]), ""),
            (failure(0), "backoff 0 200ms"),
            (Input::BackoffOver { call: CallId(0) }, "agent 0#3"),
            (failure(0), "reject 0.0 Error: RangeError: bad"),
        ],
    );
    check(
        CoreOptions { rules: ScriptRules { on_agent_error: OnAgentError::Null, ..RULES }, ..options() },
        vec![(idle(0, vec![agent(0)]), "agent 0#1"), (failure(0), "deliver 0.0")],
    );
}

#[test]
fn failed_attempts_are_charged_and_repeated_only_where_that_can_help() {
    let failed = |retryable| {
        let failure = AttemptFailure {
            retryable,
            usage: Usage { charged: 4.0, report: Some(JsonText::new("{}")) },
            session_id: Some("s1".to_owned()),
            ..AttemptFailure::from(ErrorData::new("RangeError", "bad"))
        };
        let outcome = AttemptOutcome::Failed(Box::new(failure));
        Input::AgentFinished { call: CallId(0), outcome }
    };
    let retry = Some(RetryPolicy { max_attempts: 3, backoff: Duration::ZERO });
    let mut core = Core::new(options(), "flow.js".into(), true);
    step(&mut core, Input::Started { recording: None });
    step(&mut core, idle(0, vec![agent_with(0, AgentOptions { retry, ..AgentOptions::default() })]));
    let effects = step(&mut core, failed(true));
    let budget = core.budget();
    assert_eq!(budget.spent, 4.0);
    assert!(effects.contains(&Effect::Charged { charged: 4.0, budget }), "{effects:?}");
    assert!(
        effects.contains(&Effect::StartBackoff { call: CallId(0), delay: Duration::ZERO }),
        "{effects:?}"
    );
    step(&mut core, Input::BackoffOver { call: CallId(0) });
    let effects = step(&mut core, failed(false));
    assert_eq!(core.budget().spent, 8.0);
    let ended = effects.iter().find_map(|effect| match effect {
        Effect::Emit(Event::CallEnded { attempts, session_id, usage, .. }) => {
            Some((attempts, session_id, usage))
        }
        _ => None,
    });
    let report = JsonText::new("{}");
    assert_eq!(ended, Some((&2, &Some("s1".to_owned()), &Some(report))), "{effects:?}");
}

#[test]
fn a_script_that_waits_for_nothing_is_stalled_at_once() {
    check(options(), vec![(idle(0, vec![]), "fail ERR_SCRIPT_STALLED")]);
    check(
        options(),
        vec![
            (idle(0, vec![child(0)]), "child 0 vm1"),
            (
                idle(1, vec![]),
                "drop vm1, reject 0.0 Error: Error: the workflow waits for a promise that nothing can settle any more: no agent call, timer or child workflow is pending (c)",
            ),
        ],
    );
}

#[test]
fn children_share_slots_and_end_with_what_they_started() {
    check(
        CoreOptions { max_parallel_agents: Cap::At(1), ..options() },
        vec![
            (idle(0, vec![child(0), agent(1)]), "agent 1#1, child 0 vm1"),
            (idle(1, vec![agent(0), agent(1), timer(2)]), "timer 4"),
            (answer(1, 0.0), "agent 2#1, deliver 0.1"),
            (idle(0, vec![]), ""),
            (answer(2, 0.0), "agent 3#1, deliver 1.0"),
            (settled(1, "5"), "abort 3, abort 4, drop vm1, deliver 0.0"),
            (idle(0, vec![agent(2)]), "agent 5#1"),
            (answer(3, 0.0), ""),
            (Input::TimerFired { call: CallId(4) }, ""),
        ],
    );
    let not_found = ErrorData::new("Error", "Unknown workflow: c");
    check(
        options(),
        vec![
            (idle(0, vec![child(0)]), "child 0 vm1"),
            (
                Input::ChildNotStarted { call: CallId(0), error: not_found },
                "reject 0.0 Error: Error: Unknown workflow: c",
            ),
        ],
    );
}

#[test]
fn cancel_rejects_what_is_pending_and_refuses_what_is_new() {
    let cancelled = "CancelledError: workflow run was cancelled: cancelled by the caller";
    check(
        CoreOptions { max_parallel_agents: Cap::At(1), ..options() },
        vec![
            (idle(0, vec![agent(0), agent(1), timer(2)]), "timer 2, agent 0#1"),
            (
                Input::CancelRequested { reason: CancelReason::User },
                &*format!("grace, abort all, reject 0.0 {cancelled}"),
            ),
            (Input::CancelRequested { reason: CancelReason::User }, ""),
            (idle(0, vec![agent(3), child(4)]), &*format!("reject 0.1 {cancelled}")),
            (idle(0, vec![]), "deliver 0.2"),
            (idle(0, vec![]), &*format!("reject 0.3 {cancelled}")),
            (idle(0, vec![]), &*format!("reject 0.4 {cancelled}")),
            (idle(0, vec![timer(5)]), "timer 5"),
            (Input::GraceOver, "abort 5, fail ERR_RUN_CANCELLED"),
        ],
    );
    // What waits for a timer waits no longer, and finds out at its next call.
    check(
        options(),
        vec![
            (idle(0, vec![child(0)]), "child 0 vm1"),
            (idle(1, vec![timer(0)]), "timer 1"),
            (Input::CancelRequested { reason: CancelReason::User }, "grace, abort all, deliver 1.0"),
            (idle(1, vec![agent(1)]), &*format!("reject 1.1 {cancelled}")),
            (idle(1, vec![]), &*format!("drop vm1, reject 0.0 {cancelled}")),
            (idle(0, vec![]), "fail ERR_RUN_CANCELLED"),
        ],
    );
    check(
        options(),
        vec![
            (idle(0, vec![timer(0)]), "timer 0"),
            (Input::CancelRequested { reason: CancelReason::User }, "grace, abort all, deliver 0.0"),
            (idle(0, vec![]), "fail ERR_RUN_CANCELLED"),
        ],
    );
    // A script that ends by itself within the grace is cancelled all the same.
    check(
        options(),
        vec![
            (idle(0, vec![agent(0)]), "agent 0#1"),
            (
                Input::CancelRequested { reason: CancelReason::User },
                &*format!("grace, abort all, reject 0.0 {cancelled}"),
            ),
            (settled(0, "1"), "fail ERR_RUN_CANCELLED"),
        ],
    );
}

#[test]
fn a_withdrawn_timer_is_never_delivered() {
    let cancel = |slot| {
        Item::Request(Request { slot: Slot(u32::MAX), kind: RequestKind::Cancel { target: Slot(slot) } })
    };
    check(
        options(),
        vec![
            (idle(0, vec![timer(0), timer(1), agent(2)]), "timer 0, timer 1, agent 2#1"),
            (answer(2, 0.0), "deliver 0.2"),
            (Input::TimerFired { call: CallId(0) }, ""),
            (idle(0, vec![cancel(0), cancel(1), agent(3)]), "abort 1, agent 3#1"),
            (answer(3, 0.0), "deliver 0.3"),
            (idle(0, vec![]), "fail ERR_SCRIPT_STALLED"),
        ],
    );
}

fn failed(call: u64, failure: AttemptFailure) -> Input {
    Input::AgentFinished { call: CallId(call), outcome: AttemptOutcome::Failed(Box::new(failure)) }
}

fn limited(call: u64, after_ms: u64) -> Input {
    let wait = Wait {
        reason: WaitReason::RateLimited,
        after: Some(Duration::from_millis(after_ms)),
        until: None,
        limit: Duration::from_secs(3600),
    };
    failed(call, AttemptFailure { wait: Some(wait), ..ErrorData::new("Error", "429").into() })
}

fn by(provider: &str) -> AgentOptions {
    AgentOptions { provider: Some(provider.to_owned()), ..AgentOptions::default() }
}

/// The effects without how long waits are, which looks like chance.
fn shapes(core: &mut Core, input: Input) -> String {
    let words = words(&step(core, input));
    let shape = |word: &str| word.split_once("ms").map_or(word, |(before, _)| before).to_owned();
    let cut = |word: &str| match word.strip_prefix("backoff ") {
        Some(rest) => format!("wait {}", rest.split(' ').next().unwrap_or_default()),
        None => shape(word),
    };
    words.split(", ").map(cut).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_limit_of_the_provider_costs_no_attempt_and_holds_its_other_calls() {
    let mut core = started(CoreOptions { max_parallel_agents: Cap::At(2), ..options() });
    let mut told = Vec::new();
    for (input, expected) in [
        (
            idle(
                0,
                vec![
                    agent_with(0, by("a")),
                    agent_with(1, by("a")),
                    agent_with(2, by("a")),
                    agent_with(3, by("b")),
                ],
            ),
            "agent 0#1, agent 1#1",
        ),
        // Call 2 would be turned away, too; call 3 asks somebody else.
        (limited(0, 1000), "wait 0, agent 3#1"),
        (limited(1, 1000), "wait 1"),
        (answer(3, 0.0), "deliver 0.3"),
        (idle(0, vec![agent_with(4, by("a"))]), ""),
        // One has waited long enough, the other has not: those that were never tried go on waiting.
        (Input::BackoffOver { call: CallId(0) }, "agent 0#2"),
        (Input::BackoffOver { call: CallId(1) }, "agent 1#2"),
        (answer(0, 0.0), "agent 2#1, deliver 0.0"),
        (idle(0, vec![]), ""),
        (limited(1, 1000), "wait 1"),
        (limited(2, 1000), "wait 2"),
        (Input::BackoffOver { call: CallId(2) }, "agent 2#2"),
        (failure(2), "reject 0.2 Error: RangeError: bad"),
        (idle(0, vec![]), ""),
        (Input::BackoffOver { call: CallId(1) }, "agent 1#3, agent 4#1"),
    ] {
        told.push(format!("{input:?}"));
        assert_eq!(shapes(&mut core, input), expected, "{told:#?}");
    }
}

#[test]
fn a_limit_is_waited_for_only_so_long() {
    let mut core = started(options());
    step(&mut core, idle(0, vec![agent(0)]));
    assert_eq!(shapes(&mut core, limited(0, 3_000_000)), "wait 0");
    step(&mut core, Input::BackoffOver { call: CallId(0) });
    assert_eq!(words(&step(&mut core, limited(0, 3_000_000))), "reject 0.0 Error: Error: 429");
}

#[test]
fn cancelled_and_unwanted_calls_hold_nobody() {
    let mut core = started(options());
    step(&mut core, idle(0, vec![child(0), agent(1)]));
    // The child's call is turned away, then the child ends without waiting for it.
    step(&mut core, idle(1, vec![agent(0)]));
    assert_eq!(shapes(&mut core, limited(2, 1000)), "wait 2");
    assert_eq!(words(&step(&mut core, answer(1, 0.0))), "deliver 0.1");
    assert_eq!(words(&step(&mut core, idle(0, vec![agent(2)]))), "");
    let effects = step(&mut core, settled(1, "1"));
    assert_eq!(words(&effects), "abort 2, drop vm1, agent 3#1, deliver 0.0");
}

#[test]
fn work_goes_on_in_the_session_it_was_broken_off_in() {
    let resume = |session: &str| Some(Resume { session: session.to_owned(), ..Resume::default() });
    let broken = |session: &str| {
        failed(0, AttemptFailure { resume: resume(session), ..ErrorData::new("Error", "connection").into() })
    };
    let lost = AttemptFailure { session_lost: true, ..ErrorData::new("Error", "no such session").into() };
    let retry = Some(RetryPolicy { max_attempts: 3, backoff: Duration::ZERO });
    let mut core = started(options());
    step(&mut core, idle(0, vec![agent_with(0, AgentOptions { retry, ..AgentOptions::default() })]));
    let prompt = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::StartAgent { request, .. } => Some(request.prompt_text()),
            _ => None,
        })
    };
    assert_eq!(words(&step(&mut core, broken("s1"))), "backoff 0 0ms");
    let effects = step(&mut core, Input::BackoffOver { call: CallId(0) });
    assert_eq!(words(&effects), "agent 0#2 in s1");
    assert!(prompt(&effects).unwrap().contains("Go on with the task"));
    // The session is not there: from the beginning, which is no failure of the call's.
    let effects = step(&mut core, failed(0, lost));
    assert_eq!(words(&effects), "agent 0#3");
    assert_eq!(prompt(&effects).unwrap(), "p0");
    assert_eq!(words(&step(&mut core, broken("s2"))), "backoff 0 0ms");
    assert_eq!(words(&step(&mut core, Input::BackoffOver { call: CallId(0) })), "agent 0#4 in s2");
    assert_eq!(words(&step(&mut core, broken("s2"))), "reject 0.0 Error: Error: connection");
}

#[test]
fn an_answer_is_repaired_in_its_session() {
    let mismatch = |resume| {
        let output = AgentOutput { resume, ..AgentOutput::default() };
        let outcome = AttemptOutcome::Mismatch { output, errors: vec!["/ must be object".to_owned()] };
        Input::AgentFinished { call: CallId(0), outcome }
    };
    let mut core = started(options());
    step(&mut core, idle(0, vec![agent(0)]));
    let resume = Resume { session: "s1".to_owned(), total: Some(JsonText::new("1")), place: None };
    let effects = step(&mut core, mismatch(Some(resume.clone())));
    let [Effect::StartAgent { request, resume: Some(found), .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(*found, resume);
    let prompt = request.prompt_text();
    assert!(prompt.starts_with("Previous structured output failed"), "{prompt}");
    assert_eq!(
        words(&step(&mut core, mismatch(Some(resume)))),
        "reject 0.0 Error: Error: Structured output did not match JSON Schema: / must be object"
    );
}

#[test]
fn a_worktree_is_closed_before_the_script_hears_of_the_call() {
    let isolated = || AgentOptions { worktree: Some(WorktreeChoice::default()), ..AgentOptions::default() };
    let closed = |report| Input::WorktreeClosed { call: CallId(0), report, error: None };
    let mut core = Core::new(CoreOptions { max_parallel_agents: Cap::At(1), ..options() }, "f".into(), true);
    step(&mut core, Input::Started { recording: None });
    step(&mut core, idle(0, vec![agent_with(0, isolated()), agent(1)]));
    assert_eq!(words(&step(&mut core, answer(0, 1.0))), "close 0 true");
    let report = Some(JsonText::new(r#"{"outcome":"unchanged"}"#));
    let effects = step(&mut core, closed(report.clone()));
    assert_eq!(words(&effects), "agent 1#1, deliver 0.0");
    let told = effects.iter().find_map(|effect| match effect {
        Effect::Emit(Event::CallEnded { worktree, .. }) => Some(worktree.clone()),
        _ => None,
    });
    assert_eq!(told, Some(report));
    check(
        options(),
        vec![
            (idle(0, vec![agent_with(0, isolated())]), "agent 0#1"),
            (failure(0), "close 0 false"),
            (closed(None), "reject 0.0 Error: RangeError: bad"),
        ],
    );
    check(
        options(),
        vec![
            (idle(0, vec![agent_with(0, isolated())]), "agent 0#1"),
            (answer(0, 0.0), "close 0 true"),
            (
                Input::CancelRequested { reason: CancelReason::User },
                "grace, abort all, reject 0.0 CancelledError: workflow run was cancelled: cancelled by the caller",
            ),
            (closed(None), ""),
        ],
    );
}

/// A world around the core that takes every decision from a tape of bytes.
struct World<'a> {
    core: Core,
    tape: std::slice::Iter<'a, u8>,
    /// What the core has asked for and the world has not answered yet.
    agents: BTreeSet<u64>,
    timers: BTreeSet<u64>,
    backoffs: BTreeSet<u64>,
    closing: BTreeSet<u64>,
    vms: HashMap<VmId, Program>,
    running: Option<VmId>,
    delivered: HashSet<(VmId, Slot)>,
    most_running: usize,
    cancelled: bool,
    grace: bool,
    finished: bool,
}

/// What a random script knows of itself.
#[derive(Default)]
struct Program {
    slots: u32,
    pending: BTreeSet<Slot>,
}

impl World<'_> {
    fn byte(&mut self) -> u8 {
        self.tape.next().copied().unwrap_or(0)
    }

    fn feed(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.core.step(input, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        assert!(!self.finished, "{effect:?} after the end");
        match effect {
            Effect::StartRoot => self.start_vm(VmId::ROOT),
            Effect::Deliver { vm, slot, .. } => {
                assert_eq!(self.running, None, "two scripts run at once");
                assert!(self.delivered.insert((vm, slot)), "{vm:?} {slot:?} delivered twice");
                assert!(self.vms.get_mut(&vm).unwrap().pending.remove(&slot), "never asked for");
                self.running = Some(vm);
            }
            Effect::StartAgent { call, .. } => {
                assert!(self.agents.insert(call.0), "attempt started twice");
                self.most_running = self.most_running.max(self.agents.len());
            }
            Effect::StartChild { call, vm, .. } => {
                assert_eq!(self.running, None, "two scripts run at once");
                if self.byte().is_multiple_of(5) {
                    let error = ErrorData::new("Error", "no such workflow");
                    self.feed(Input::ChildNotStarted { call, error });
                } else {
                    assert!(self.vms.insert(vm, Program::default()).is_none());
                    self.running = Some(vm);
                }
            }
            Effect::CloseWorktree { call, .. } | Effect::CloseLeftWorktree { call, .. } => {
                assert!(self.closing.insert(call.0));
            }
            Effect::StartTimer { call, .. } | Effect::StartSleep { call, .. } => {
                assert!(self.timers.insert(call.0));
            }
            Effect::StartBackoff { call, .. } => assert!(self.backoffs.insert(call.0)),
            Effect::Abort { call } => {
                let known = self.agents.remove(&call.0)
                    | self.timers.remove(&call.0)
                    | self.backoffs.remove(&call.0)
                    | self.closing.remove(&call.0);
                assert!(known, "aborted what was not under way");
            }
            Effect::AbortAll => {
                self.agents.clear();
                self.timers.clear();
                self.backoffs.clear();
                self.closing.clear();
            }
            Effect::DropVm { vm } => drop(self.vms.remove(&vm)),
            Effect::StartGrace => self.grace = true,
            Effect::Emit(_) | Effect::Charged { .. } | Effect::Record(_) | Effect::Diverged(_) => {}
            Effect::Finish(_) => {
                self.finished = true;
                assert!(self.agents.is_empty(), "agents left running: {:?}", self.agents);
                assert!(self.timers.is_empty() && self.backoffs.is_empty() && self.closing.is_empty());
            }
        }
    }

    fn start_vm(&mut self, vm: VmId) {
        self.vms.insert(vm, Program::default());
        self.running = Some(vm);
    }

    /// Lets one script do something random, and report.
    fn run_vm(&mut self, vm: VmId) {
        let mut said = Vec::new();
        for _ in 0..self.byte() % 4 {
            let kind = self.byte();
            let retry = RetryPolicy { max_attempts: 2, backoff: Duration::from_millis(1) };
            let parsed = AgentOptions {
                retry: kind.is_multiple_of(3).then_some(retry),
                worktree: kind.is_multiple_of(5).then(WorktreeChoice::default),
                provider: kind.is_multiple_of(7).then(|| "other".to_owned()),
                ..AgentOptions::default()
            };
            let Some(program) = self.vms.get_mut(&vm) else { return };
            let slot = program.slots;
            let said_now = match kind % 8 {
                0..=4 => agent_with(slot, parsed),
                5 if kind >= 128 => sleep(slot, kind.into()),
                5 => timer(slot),
                6 if vm == VmId::ROOT => child(slot),
                _ => {
                    if let Some(target) = program.pending.pop_first() {
                        let kind = RequestKind::Cancel { target };
                        said.push(Item::Request(Request { slot: Slot(u32::MAX), kind }));
                    }
                    continue;
                }
            };
            program.slots += 1;
            program.pending.insert(Slot(slot));
            said.push(said_now);
        }
        let settled = match self.byte() % 8 {
            0 => Some(Settled::Value(None)),
            1 => Some(Settled::Failed(WorkflowError::NoEntry)),
            _ => None,
        };
        self.feed(Input::VmIdle { vm, said, settled });
    }

    /// One thing happens.
    fn happen(&mut self) {
        if let Some(vm) = self.running.take() {
            return self.run_vm(vm);
        }
        let choice = self.byte();
        if choice == 255 && !self.cancelled {
            self.cancelled = true;
            return self.feed(Input::CancelRequested { reason: CancelReason::User });
        }
        let pick = |set: &BTreeSet<u64>| set.iter().copied().nth(usize::from(choice) % set.len().max(1));
        if let Some(call) = pick(&self.agents) {
            self.agents.remove(&call);
            let call = CallId(call);
            let outcome = match self.byte() % 8 {
                0 => AttemptOutcome::Failed(ErrorData::new("Error", "x").into()),
                1 => AttemptOutcome::Mismatch { output: AgentOutput::default(), errors: vec![] },
                2 | 3 => return self.feed(limited(call.0, u64::from(choice))),
                _ => AttemptOutcome::Answer(AgentOutput::default()),
            };
            self.feed(Input::AgentFinished { call, outcome });
        } else if let Some(call) = pick(&self.closing) {
            self.closing.remove(&call);
            self.feed(Input::WorktreeClosed { call: CallId(call), report: None, error: None });
        } else if let Some(call) = pick(&self.backoffs) {
            self.backoffs.remove(&call);
            self.feed(Input::BackoffOver { call: CallId(call) });
        } else if let Some(call) = pick(&self.timers) {
            self.timers.remove(&call);
            self.feed(Input::TimerFired { call: CallId(call) });
        } else {
            assert!(self.grace, "nothing can happen, and the run is not over");
            self.feed(Input::GraceOver);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever scripts and agents do: one script runs at a time, each outcome is delivered once, the cap holds,
    /// nothing is left under way at the end, and there is an end.
    #[test]
    fn random_programs_come_to_an_end(tape in proptest::collection::vec(any::<u8>(), 0..400), cap in 0usize..4) {
        let max_parallel_agents = if cap == 0 { Cap::None } else { Cap::At(cap) };
        let mut world = World {
            core: Core::new(CoreOptions { max_parallel_agents, ..options() }, "flow.js".into(), true),
            tape: tape.iter(),
            agents: BTreeSet::new(),
            timers: BTreeSet::new(),
            backoffs: BTreeSet::new(),
            closing: BTreeSet::new(),
            vms: HashMap::new(),
            running: None,
            delivered: HashSet::new(),
            most_running: 0,
            cancelled: false,
            grace: false,
            finished: false,
        };
        world.feed(Input::Started { recording: None });
        for _ in 0..10_000 {
            if world.finished {
                break;
            }
            world.happen();
        }
        prop_assert!(world.finished, "the run never ends");
        prop_assert!(cap == 0 || world.most_running <= cap, "{} run under a cap of {cap}", world.most_running);
    }
}
