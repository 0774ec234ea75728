mod random;
mod sleeps;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use super::super::tests::{RULES, answer, failure, idle, options, settled, sleep, timer, words};
use super::super::{Input, Parts, ScriptRules};
use super::*;
use crate::model::budget::{BudgetChange, BudgetMode, BudgetState};
use crate::model::error::CancelReason;
use crate::model::event::Event;
use crate::model::json::JsonText;
use crate::model::options::{Cap, CoreOptions, OnAgentError};
use crate::model::outcome::{AgentOutput, AttemptOutcome, Resume, Settled};
use crate::model::recording::{About, RecordedKind};
use crate::model::request::{
    AgentOptions, AgentRequest, ChildRequest, ChildTarget, Item, LogLevel, Note, Request, RequestKind,
    RetryPolicy,
};
use crate::model::usage::Usage;
use crate::model::worktree::WorktreeChoice;

/// Marks calls by what they ask for, as the engine does: labels do not count.
fn marker(asked: Asked<'_>) -> Mark {
    let text = |json: &Option<JsonText>| json.as_ref().map_or("undefined", JsonText::as_str).to_owned();
    let (kind, label, fields) = match asked {
        Asked::Agent(request) => {
            let label = request.parsed.label.clone();
            let model = request.parsed.model.clone();
            let fields =
                [("prompt", Some(text(&request.prompt))), ("model", model.map(|model| format!("{model:?}")))];
            (RecordedKind::Agent, label, fields)
        }
        Asked::Child(request) => {
            let (ChildTarget::Name(name) | ChildTarget::Path(name)) = &request.target;
            (
                RecordedKind::Child,
                Some(name.clone()),
                [("workflow", Some(name.clone())), ("args", Some(text(&request.args)))],
            )
        }
        Asked::Timer(delay) => {
            (RecordedKind::Timer, None, [("ms", Some(delay.as_millis().to_string())), ("", None)])
        }
        Asked::Sleep(duration) => {
            (RecordedKind::Sleep, None, [("ms", Some(duration.as_millis().to_string())), ("", None)])
        }
    };
    let fields: Vec<(String, String)> =
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    let mut hasher = DefaultHasher::new();
    (kind.to_string(), &fields).hash(&mut hasher);
    let fingerprint = Fingerprint(hasher.finish().into());
    Mark { kind, fingerprint, told: About { label, fields }.into() }
}

/// What a run has written down.
#[derive(Clone, Debug, Default)]
struct Journal {
    entries: Vec<Written>,
    /// The number of the attempt that was told of last.
    attempt: u32,
}

#[derive(Clone, Debug)]
enum Written {
    /// The run was taken up.
    Resumed(Drift),
    /// When the wait ends whose beginning is recorded next. In the journal of the engine it is one entry with that.
    Until(CallId, u64),
    /// A budget of so much was told to be used up.
    Exhausted(Option<f64>),
    /// Of an option that nobody knows.
    Warned(String),
    /// The end of a call that has no outcome.
    GivenUp(CallId),
    /// With the number of the attempt, if one begins.
    Record(Box<Record>, u32),
    Note,
}

impl Journal {
    /// Notes what an effect adds.
    fn write(&mut self, effect: &Effect) {
        let written = match effect {
            Effect::Record(record) => {
                // The end of a call and its outcome are one entry.
                if let (Record::Ended { call, .. }, Some(Written::GivenUp(told))) =
                    (&**record, self.entries.last())
                    && call == told
                {
                    self.entries.pop();
                }
                Written::Record(record.clone(), self.attempt)
            }
            Effect::Emit(Event::CallStarted { call, until: Some(until), attempt, .. }) => {
                self.attempt = *attempt;
                Written::Until(*call, *until)
            }
            Effect::Emit(Event::CallEnded { call, .. }) => Written::GivenUp(*call),
            Effect::Emit(Event::Warning { code: "WARN_UNKNOWN_OPTION", message }) => {
                Written::Warned(message.clone())
            }
            Effect::Emit(Event::Log { .. } | Event::Phase { .. }) => Written::Note,
            Effect::Emit(Event::BudgetExhausted { budget }) => Written::Exhausted(budget.total),
            Effect::Emit(Event::CallStarted { attempt, .. }) => {
                self.attempt = *attempt;
                return;
            }
            _ => return,
        };
        self.entries.push(written);
    }

    /// Its first entries.
    fn until(&self, entries: usize) -> Self {
        Self { entries: self.entries[..entries].to_vec(), attempt: 0 }
    }

    /// The journal of a run that goes on from here, and what it is given.
    fn taken_up(mut self, drift: Drift) -> (Self, Box<Recording>) {
        let recording = self.recording(drift);
        self.entries.push(Written::Resumed(recording.drift));
        (self, recording)
    }

    /// When the waits end that have begun.
    fn untils(&self) -> std::collections::HashMap<CallId, u64> {
        let until = |written: &Written| match written {
            Written::Until(call, until) => Some((*call, *until)),
            _ => None,
        };
        self.entries.iter().filter_map(until).collect()
    }

    /// What a run that goes on from here is given.
    fn recording(&self, drift: Drift) -> Box<Recording> {
        let mut parts = Parts::default();
        let mut untils = FxHashMap::default();
        for written in &self.entries {
            match written {
                Written::Resumed(drift) => parts.resumed(*drift, *drift != Drift::Fail, None),
                Written::Until(call, until) => drop(untils.insert(*call, *until)),
                Written::Exhausted(total) => parts.newest().exhausted = *total,
                Written::Note => parts.note(),
                Written::Warned(message) => parts.newest().warnings.push(message.clone()),
                Written::GivenUp(call) => parts.given_up(*call),
                Written::Record(record, attempt) => {
                    read(&mut parts, record, *attempt);
                    if let Record::Begun { call, .. } = &**record
                        && let Some(until) = untils.remove(call)
                    {
                        parts.waits(*call, until);
                    }
                }
            }
        }
        Box::new(parts.into_recording(drift))
    }
}

fn read(parts: &mut Parts, record: &Record, attempt: u32) {
    match record.clone() {
        Record::Begun { call, mark, past, spent } => {
            let kind = mark.kind;
            parts.begun(call, attempt, past, mark);
            if kind == RecordedKind::Child {
                parts.newest().steps.push(RecordedStep { call, ended: false, spent });
            }
            parts.spent(spent);
        }
        Record::Attempted { call, past, spent } => {
            parts.attempted(call, past);
            parts.spent(spent);
        }
        Record::Ended { call, mark, outcome, failed, charged, spent } => {
            parts.ended(call, RecordedEnd { outcome, failed, charged, usage: None, session: None }, mark);
            parts.newest().steps.push(RecordedStep { call, ended: true, spent });
            parts.spent(spent);
        }
        Record::Began { spent } => parts.began(spent),
        Record::Cancelled => parts.cancelled(),
        Record::Replayed => parts.replayed(),
    }
}

/// Effects as short words: what scripts are shown with the budget that they see, and what is written down.
fn told(effects: &[Effect]) -> String {
    let told = |effect: &Effect| match effect {
        Effect::Deliver { vm, slot, outcome, budget } => {
            let (vm, slot, spent) = (vm.0, slot.0, budget.spent);
            match outcome {
                Ok(value) => {
                    let value = value.as_ref().map_or("undefined", JsonText::as_str);
                    format!("{vm}.{slot}={value} ({spent})")
                }
                Err(error) => format!("{vm}.{slot}!{} ({spent})", error.headline()),
            }
        }
        Effect::StartChild { call, vm, budget, .. } => format!("child {call} vm{} ({})", vm.0, budget.spent),
        Effect::Record(record) => match &**record {
            Record::Begun { call, .. } => format!("+{call}"),
            Record::Ended { call, spent, .. } => format!("-{call} ({spent})"),
            _ => String::new(),
        },
        Effect::Emit(Event::Log { values, .. }) => format!("log {}", values.as_str()),
        Effect::Emit(Event::Warning { code, .. }) => (*code).to_owned(),
        Effect::Diverged(error) => format!("{}: {error}", error.code()),
        other => words(std::slice::from_ref(other)),
    };
    effects.iter().map(told).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A run with its journal.
struct Run {
    core: Core,
    journal: Journal,
}

impl Run {
    fn new(options: CoreOptions) -> Self {
        Self::begin(options, Journal::default(), None)
    }

    /// Goes on from what this run has written; what it is at now is lost.
    fn resume(&self, options: CoreOptions, drift: Drift) -> Self {
        let (journal, recording) = self.journal.clone().taken_up(drift);
        Self::begin(options, journal, Some(recording))
    }

    fn begin(options: CoreOptions, journal: Journal, recording: Option<Box<Recording>>) -> Self {
        let core = Core::new(options, "flow.js".into(), true).recorded(marker);
        let mut run = Self { core, journal };
        assert_eq!(told(&run.feed(Input::Started { recording })).trim_start_matches("exhausted, "), "root");
        run
    }

    fn feed(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.core.step(input, &mut effects);
        for effect in &effects {
            self.journal.write(effect);
        }
        effects
    }

    /// Feeds the inputs one by one and compares what each leads to.
    #[track_caller]
    fn play(&mut self, table: impl IntoIterator<Item = (Input, &'static str)>) {
        for (number, (input, expected)) in table.into_iter().enumerate() {
            let shown = format!("{input:?}");
            assert_eq!(told(&self.feed(input)), expected, "step {number}: {shown}");
        }
    }

    fn spent(&self) -> f64 {
        self.core.budget().spent
    }
}

fn ask(slot: u32, prompt: &str) -> Item {
    ask_with(slot, prompt, AgentOptions::default())
}

fn ask_with(slot: u32, prompt: &str, parsed: AgentOptions) -> Item {
    let request = AgentRequest { prompt: Some(JsonText::from_str_value(prompt)), options: None, parsed };
    Item::Request(Request { slot: Slot(slot), kind: RequestKind::Agent(Arc::new(request)) })
}

fn retrying(slot: u32, prompt: &str) -> Item {
    let retry = Some(RetryPolicy { max_attempts: 5, backoff: Duration::ZERO });
    ask_with(slot, prompt, AgentOptions { retry, ..AgentOptions::default() })
}

fn call(slot: u32, name: &str) -> Item {
    let request = ChildRequest { target: ChildTarget::Name(name.to_owned()), args: None };
    Item::Request(Request { slot: Slot(slot), kind: RequestKind::Workflow(request) })
}

fn withdraw(slot: u32) -> Item {
    Item::Request(Request { slot: Slot(u32::MAX), kind: RequestKind::Cancel { target: Slot(slot) } })
}

fn log(text: &str) -> Item {
    Item::Note(Note::Log { values: JsonText::from_str_value(text), level: LogLevel::Log })
}

fn reply(call: u64, value: &str, tokens: f64) -> Input {
    let usage = Usage { charged: tokens, report: None };
    let output = AgentOutput { output: Some(JsonText::new(value)), usage, ..AgentOutput::default() };
    Input::AgentFinished { call: CallId(call), outcome: AttemptOutcome::Answer(output) }
}

fn broken(call: u64, tokens: f64) -> Input {
    let mut input = failure(call);
    if let Input::AgentFinished { outcome: AttemptOutcome::Failed(failure), .. } = &mut input {
        failure.usage.charged = tokens;
    }
    input
}

fn fired(call: u64) -> Input {
    Input::TimerFired { call: CallId(call) }
}

fn backoff_over(call: u64) -> Input {
    Input::BackoffOver { call: CallId(call) }
}

fn cancel() -> Input {
    Input::CancelRequested { reason: CancelReason::User }
}

fn hard(total: f64) -> CoreOptions {
    CoreOptions {
        budget: BudgetState { total: Some(total), spent: 0.0 },
        rules: ScriptRules { budget_mode: BudgetMode::Hard, ..RULES },
        ..options()
    }
}

fn capped(cap: usize) -> CoreOptions {
    CoreOptions { max_parallel_agents: Cap::At(cap), ..options() }
}

/// The ends of calls that are told, and how.
fn ends(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Emit(Event::CallEnded { call, outcome, .. }) => Some(format!("{call} {outcome:?}")),
            _ => None,
        })
        .collect()
}

#[test]
fn outcomes_come_in_the_recorded_order_each_to_its_own_call() {
    let mut live = Run::new(options());
    let both = || idle(0, vec![ask(0, "x"), ask(1, "x")]);
    live.play([
        (both(), "+0, agent 0#1, +1, agent 1#1"),
        (reply(1, "7", 3.0), "-1 (3), 0.1=7 (3)"),
        (idle(0, vec![]), ""),
        (reply(0, "5", 4.0), "-0 (7), 0.0=5 (7)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (both(), "0.1=7 (3)"),
        (idle(0, vec![]), "0.0=5 (7)"),
        (idle(0, vec![ask(0, "y")]), "+2, agent 2#1"),
        (reply(2, "1", 1.0), "-2 (8), 0.0=1 (8)"),
    ]);
    // And what was added is shown after it.
    let mut third = again.resume(options(), Drift::Fail);
    third.play([
        (both(), "0.1=7 (3)"),
        (idle(0, vec![]), "0.0=5 (7)"),
        (idle(0, vec![ask(0, "y")]), "0.0=1 (8)"),
        (settled(0, "1"), "finish Some(1)"),
    ]);
    assert_eq!(third.spent(), 8.0);
}

#[test]
fn unfinished_calls_start_when_all_was_shown() {
    let first = || idle(0, vec![ask(0, "a"), ask(1, "b"), retrying(2, "c"), ask(3, "d")]);
    let mut live = Run::new(capped(3));
    live.play([
        (first(), "+0, agent 0#1, +1, agent 1#1, +2, agent 2#1"),
        (broken(2, 1.0), "backoff 2 0ms, +3, agent 3#1"),
        (backoff_over(2), ""),
        (reply(1, "1", 2.0), "-1 (3), +2, agent 2#2, 0.1=1 (3)"),
    ]);
    let mut again = live.resume(capped(2), Drift::Fail);
    again.play([
        (first(), "0.1=1 (3)"),
        // Its script still runs: nothing starts before it has said what it wants.
        (Input::BudgetChanged(BudgetChange::default()), ""),
        (idle(0, vec![ask(1, "e")]), "+0, agent 0#2, +2, agent 2#3"),
        (reply(0, "1", 0.0), "-0 (3), +3, agent 3#2, 0.0=1 (3)"),
        (idle(0, vec![]), ""),
        (reply(2, "1", 0.0), "-2 (3), +4, agent 4#1, 0.2=1 (3)"),
    ]);
    // Attempts go on once more.
    let mut third = again.resume(options(), Drift::Fail);
    third.play([
        (first(), "0.1=1 (3)"),
        (idle(0, vec![ask(1, "e")]), "0.0=1 (3)"),
        (idle(0, vec![]), "0.2=1 (3)"),
        (idle(0, vec![]), "+3, agent 3#3, +4, agent 4#2"),
    ]);
}

#[test]
fn nothing_recorded_is_as_good_as_new() {
    let mut again = Run::new(options()).resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![ask(0, "a"), timer(1)]), "timer 1, +0, agent 0#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)"),
    ]);
    let mut again = Run::new(options()).resume(options(), Drift::Fail);
    again.play([(settled(0, "1"), "finish Some(1)")]);
    let mut again = Run::new(options()).resume(options(), Drift::Fail);
    again.play([(idle(0, vec![]), "fail ERR_SCRIPT_STALLED")]);
}

#[test]
fn failures_are_shown_again_as_they_were() {
    for (form, shown) in [
        (OnAgentError::Reject, "-0 (2), 0.0!Error: RangeError: bad (2)"),
        (OnAgentError::Null, "-0 (2), 0.0=null (2)"),
    ] {
        let rules = ScriptRules { on_agent_error: form, ..RULES };
        let options = || CoreOptions { rules, ..options() };
        let mut live = Run::new(options());
        live.play([(idle(0, vec![ask(0, "a")]), "+0, agent 0#1"), (broken(0, 2.0), shown)]);
        let mut again = live.resume(options(), Drift::Fail);
        again
            .play([(idle(0, vec![ask(0, "a")]), &shown[8..]), (idle(0, vec![ask(0, "a")]), "+1, agent 1#1")]);
        // Where the run may differ anyway, it is tried again.
        for (drift, attempt) in [(Drift::Match, "+0, agent 0#1"), (Drift::Prefix, "+0, agent 0#1")] {
            live.resume(options(), drift).play([(idle(0, vec![ask(0, "a")]), attempt)]);
        }
    }
}

#[test]
fn refusals_are_shown_again_and_do_not_count_as_calls() {
    let limited = |calls| CoreOptions { max_agents: Cap::At(calls), ..options() };
    let two = || idle(0, vec![ask(0, "a"), ask(1, "b")]);
    let mut live = Run::new(limited(1));
    live.play([(
        two(),
        "-1 (0), +0, agent 0#1, 0.1!AgentLimitError: the run has made its 1 agent calls; maxAgents allows no more (0)",
    )]);
    let mut again = live.resume(limited(2), Drift::Fail);
    again.play([
        (
            two(),
            "0.1!AgentLimitError: the run has made its 1 agent calls; maxAgents allows no more (0)",
        ),
        (
            idle(0, vec![ask(1, "c"), ask(2, "d")]),
            "-3 (0), +0, agent 0#2, +2, agent 2#1, 0.2!AgentLimitError: the run has made its 2 agent calls; maxAgents allows no more (0)",
        ),
    ]);

    let mut live = Run::new(hard(10.0));
    live.play([
        (idle(0, vec![ask(0, "a")]), "+0, agent 0#1"),
        (reply(0, "1", 12.0), "-0 (12), 0.0=1 (12)"),
        (
            idle(0, vec![ask(0, "b")]),
            "-1 (12), 0.0!BudgetExhaustedError: the budget of 10 output tokens is used up: 12 were spent (12)",
        ),
    ]);
    // More is allowed now, but what the script was told stays so.
    let mut again = live.resume(hard(100.0), Drift::Fail);
    again.play([
        (idle(0, vec![ask(0, "a")]), "0.0=1 (12)"),
        (
            idle(0, vec![ask(0, "b")]),
            "0.0!BudgetExhaustedError: the budget of 10 output tokens is used up: 12 were spent (12)",
        ),
        (idle(0, vec![ask(0, "b")]), "+2, agent 2#1"),
    ]);
    // One that was begun goes on; one that comes after all was shown is refused.
    let mut again = live.resume(hard(10.0), Drift::Fail);
    again.play([
        (idle(0, vec![ask(0, "a")]), "0.0=1 (12)"),
        (
            idle(0, vec![ask(0, "b"), ask(1, "c")]),
            "0.0!BudgetExhaustedError: the budget of 10 output tokens is used up: 12 were spent (12)",
        ),
        (
            idle(0, vec![]),
            "-2 (12), 0.1!BudgetExhaustedError: the budget of 10 output tokens is used up: 12 were spent (12)",
        ),
    ]);
}

#[test]
fn timers_that_have_run_down_do_not_run_again() {
    let first = || idle(0, vec![timer(0), timer(1), timer(2), ask(3, "a")]);
    let mut live = Run::new(options());
    live.play([
        (first(), "timer 0, timer 1, timer 2, +3, agent 3#1"),
        (fired(1), "-1 (0), 0.1=undefined (0)"),
        // While the script runs: a timer has run down that it does not want any more, like one that has not.
        (fired(0), "-0 (0)"),
        (idle(0, vec![withdraw(0), withdraw(2), timer(0)]), "abort 2, timer 4"),
        (reply(3, "1", 0.0), "-3 (0), 0.3=1 (0)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (first(), "0.1=undefined (0)"),
        (idle(0, vec![withdraw(0), withdraw(2), timer(0)]), "0.3=1 (0)"),
        (idle(0, vec![]), "timer 4"),
        (fired(4), "-4 (0), 0.0=undefined (0)"),
        (idle(0, vec![]), "fail ERR_SCRIPT_STALLED"),
    ]);
}

/// A child with a child of its own, and an agent beside them.
fn nested() -> Run {
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![call(0, "c"), ask(1, "a")]), "+0, +1, agent 1#1, child 0 vm1 (0)"),
        (idle(1, vec![call(0, "d"), ask(1, "b")]), "+2, +3, agent 3#1, child 2 vm2 (0)"),
        (idle(2, vec![ask(0, "e")]), "+4, agent 4#1"),
        (reply(1, "1", 1.0), "-1 (1), 0.1=1 (1)"),
        (idle(0, vec![]), ""),
        (reply(4, "4", 1.0), "-4 (2), 2.0=4 (2)"),
        // The agent of the outer child ends while the inner one comes to its end.
        (reply(3, "3", 1.0), "-3 (3)"),
        (settled(2, "2"), "drop vm2, -2 (3), 1.1=3 (3)"),
        (idle(1, vec![]), "1.0=2 (3)"),
        (settled(1, "0"), "drop vm1, -0 (3), 0.0=0 (3)"),
    ]);
    live
}

#[test]
fn children_begin_and_end_where_they_did() {
    let live = nested();
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![call(0, "c"), ask(1, "a")]), "child 0 vm1 (0)"),
        (idle(1, vec![call(0, "d"), ask(1, "b")]), "child 2 vm2 (0)"),
        (idle(2, vec![ask(0, "e")]), "0.1=1 (1)"),
        (idle(0, vec![]), "2.0=4 (2)"),
        (settled(2, "2"), "drop vm2, 1.1=3 (3)"),
        (idle(1, vec![]), "1.0=2 (3)"),
        (settled(1, "0"), "drop vm1, 0.0=0 (3)"),
        (settled(0, "9"), "finish Some(9)"),
    ]);
    assert_eq!(again.journal.entries.len(), live.journal.entries.len() + 1, "something was written twice");
}

#[test]
fn a_child_that_ends_later_than_before_is_a_mismatch() {
    let mut again = nested().resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![call(0, "c"), ask(1, "a")]), "child 0 vm1 (0)"),
        (idle(1, vec![call(0, "d"), ask(1, "b")]), "child 2 vm2 (0)"),
        (idle(2, vec![ask(0, "e"), timer(1)]), "0.1=1 (1)"),
        (idle(0, vec![]), "2.0=4 (2)"),
        (idle(2, vec![]), "1.1=3 (3)"),
        (
            idle(1, vec![]),
            "ERR_REPLAY_MISMATCH: the workflow does not do what its journal says: call 2 (a child workflow labelled \"d\") had ended here, now it goes on",
        ),
        (idle(1, vec![]), ""),
    ]);
}

#[test]
fn what_children_come_to_after_the_journal_ends_is_shown_in_order_and_with_todays_budget() {
    let first = || idle(0, vec![call(0, "c"), call(1, "d"), ask(2, "a"), ask(3, "b")]);
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, +1, +2, agent 2#1, +3, agent 3#1, child 0 vm1 (0)"),
        (reply(2, "1", 5.0), "-2 (5)"),
    ]);
    // The run dies before the first child reports. What comes of that is told once all was shown: the end of the first
    // child goes before what the second one asks for, and sees what the agent has cost.
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (first(), "child 0 vm1 (0)"),
        (settled(1, "1"), "drop vm1, child 1 vm2 (0)"),
        (idle(2, vec![call(0, "e"), ask(1, "c")]), "0.2=1 (5)"),
        (idle(0, vec![call(2, "f")]), "-0 (5), +4, +6, +3, agent 3#2, +5, agent 5#1, 0.0=1 (5)"),
        (idle(0, vec![]), "child 4 vm3 (5)"),
        (settled(3, "3"), "drop vm3, -4 (5), child 6 vm4 (5)"),
        (settled(4, "4"), "drop vm4, -6 (5), 2.0=3 (5)"),
        (idle(2, vec![]), "0.2=4 (5)"),
    ]);
}

#[test]
fn what_a_script_does_not_want_any_more_is_not_shown() {
    // A child has ended by the time its caller gives it up.
    let first = || idle(0, vec![call(0, "c"), ask(1, "a"), ask(2, "b")]);
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, +1, agent 1#1, +2, agent 2#1, child 0 vm1 (0)"),
        (reply(1, "1", 0.0), "-1 (0)"),
        (settled(1, "1"), "drop vm1, -0 (0), 0.1=1 (0)"),
        (idle(0, vec![withdraw(0), timer(0)]), "timer 3"),
        (reply(2, "2", 0.0), "-2 (0), 0.2=2 (0)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (first(), "child 0 vm1 (0)"),
        (settled(1, "1"), "drop vm1, 0.1=1 (0)"),
        (idle(0, vec![withdraw(0), timer(0)]), "0.2=2 (0)"),
        (idle(0, vec![]), "timer 3"),
        (fired(3), "-3 (0), 0.0=undefined (0)"),
        (idle(0, vec![]), "fail ERR_SCRIPT_STALLED"),
    ]);
    // The same where its end was not written: it is told, and not shown.
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, +1, agent 1#1, +2, agent 2#1, child 0 vm1 (0)"),
        (reply(1, "1", 0.0), "-1 (0)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (first(), "child 0 vm1 (0)"),
        (settled(1, "1"), "drop vm1, 0.1=1 (0)"),
        (idle(0, vec![withdraw(0), timer(0)]), "-0 (0), timer 3, +2, agent 2#2"),
    ]);
    // A child that was not even begun: that it was to begin is told before its end.
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![ask(0, "a")]), "+0, agent 0#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)"),
        (idle(0, vec![timer(0), timer(1)]), "timer 1, timer 2"),
        (fired(1), "-1 (0), 0.0=undefined (0)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![ask(0, "a")]), "0.0=1 (0)"),
        (idle(0, vec![timer(0), timer(1)]), "0.0=undefined (0)"),
        (idle(0, vec![call(2, "c"), withdraw(2)]), "+3, drop vm1, timer 2"),
    ]);
}

#[test]
fn what_was_said_is_said_once() {
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![log("a"), ask(0, "a")]), "log \"a\", +0, agent 0#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)"),
        (idle(0, vec![log("b"), ask(0, "b"), log("c")]), "log \"b\", log \"c\", +1, agent 1#1"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![log("a"), ask(0, "a")]), "0.0=1 (0)"),
        (idle(0, vec![log("b"), ask(0, "b"), log("c"), log("d")]), "log \"d\", +1, agent 1#2"),
    ]);
    for drift in [Drift::Match, Drift::Prefix] {
        let mut again = live.resume(options(), drift);
        again.play([(idle(0, vec![log("a"), ask(0, "a")]), "log \"a\", -0 (0), 0.0=1 (0)")]);
    }
    // A run that was cancelled has said more than it will say again.
    live.play([
        (
            cancel(),
            "grace, abort all, 0.0!CancelledError: workflow run was cancelled: cancelled by the caller (0)",
        ),
        (idle(0, vec![log("cleaned up"), timer(0)]), "log \"cleaned up\", timer 2"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![log("a"), ask(0, "a")]), "0.0=1 (0)"),
        (idle(0, vec![log("b"), ask(0, "b"), log("c")]), "+1, agent 1#2"),
        (reply(1, "1", 0.0), "-1 (0), 0.0=1 (0)"),
        (idle(0, vec![log("d"), timer(0)]), "log \"d\", timer 2"),
    ]);
}

#[test]
fn what_a_cancelled_script_has_said_is_not_taken_for_what_it_says_later() {
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![log("a"), ask(0, "a")]), "log \"a\", +0, agent 0#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)"),
        (cancel(), "grace, abort all"),
        (
            idle(0, vec![log("stopped"), log("cleaned up")]),
            "log \"stopped\", log \"cleaned up\", fail ERR_RUN_CANCELLED",
        ),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![log("a"), ask(0, "a")]), "0.0=1 (0)"),
        (idle(0, vec![log("b"), ask(0, "b")]), "log \"b\", +1, agent 1#1"),
    ]);
    let mut third = again.resume(options(), Drift::Fail);
    third.play([
        (idle(0, vec![log("a"), ask(0, "a")]), "0.0=1 (0)"),
        (idle(0, vec![log("b"), ask(0, "b"), log("c")]), "log \"c\", +1, agent 1#2"),
    ]);
}

#[test]
fn the_end_of_a_call_that_nobody_wants_is_told_once() {
    let first = || idle(0, vec![call(0, "c"), ask(1, "a"), ask(2, "b"), ask(3, "c")]);
    // One of the agents has begun, and none is wanted; nor is the child with its own.
    let second = || idle(0, vec![withdraw(0), withdraw(2), withdraw(3), timer(0)]);
    let mut live = Run::new(capped(2));
    live.play([
        (first(), "+0, +1, agent 1#1, +2, agent 2#1, child 0 vm1 (0)"),
        (idle(1, vec![ask(0, "d")]), ""),
        (reply(1, "1", 0.0), "-1 (0), +3, agent 3#1, 0.1=1 (0)"),
    ]);
    let mut found = ends(&live.feed(second()));
    found.sort_unstable();
    assert_eq!(found, ["0 Cancelled", "2 Cancelled", "3 Cancelled", "4 Cancelled"]);
    for life in 1..3 {
        live = live.resume(capped(2), Drift::Fail);
        live.play([(first(), "child 0 vm1 (0)"), (idle(1, vec![ask(0, "d")]), "0.1=1 (0)")]);
        let effects = live.feed(second());
        assert_eq!(ends(&effects), [] as [&str; 0], "life {life}");
        assert_eq!(told(&effects), "drop vm1, timer 5");
    }
    // One that is over because the run is cancelled goes on when the run does, and then comes to an end of its own.
    let mut live = Run::new(options());
    live.play([(idle(0, vec![ask(0, "a")]), "+0, agent 0#1")]);
    assert_eq!(ends(&live.feed(cancel())), ["0 Cancelled"]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(idle(0, vec![ask(0, "a")]), "+0, agent 0#2")]);
    assert_eq!(ends(&again.feed(reply(0, "1", 0.0))), ["0 Completed"]);
    // One that nobody waited for when the run was over.
    let both = || idle(0, vec![ask(0, "a"), ask(1, "b")]);
    let mut live = Run::new(options());
    live.play([(both(), "+0, agent 0#1, +1, agent 1#1"), (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)")]);
    assert_eq!(ends(&live.feed(settled(0, "1"))), ["1 Abandoned"]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(both(), "0.0=1 (0)")]);
    assert_eq!(ends(&again.feed(settled(0, "1"))), [] as [&str; 0]);
}

#[test]
fn warnings_of_options_are_given_once() {
    let odd = |slot, prompt: &str, option: &str| {
        ask_with(slot, prompt, AgentOptions { unknown: vec![option.to_owned()], ..AgentOptions::default() })
    };
    let first = || idle(0, vec![odd(0, "a", "x"), odd(1, "b", "y")]);
    let mut live = Run::new(options());
    live.play([
        (first(), "WARN_UNKNOWN_OPTION, WARN_UNKNOWN_OPTION, +0, agent 0#1, +1, agent 1#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (first(), "0.0=1 (0)"),
        (
            idle(0, vec![odd(0, "c", "x"), odd(2, "d", "y"), odd(3, "e", "z")]),
            "WARN_UNKNOWN_OPTION, +1, agent 1#2, +2, agent 2#1, +3, agent 3#1, +4, agent 4#1",
        ),
    ]);
    // It does not matter whether the call has begun; nor is anything lost that was not warned of before.
    let mut live = Run::new(capped(1));
    live.play([(first(), "WARN_UNKNOWN_OPTION, WARN_UNKNOWN_OPTION, +0, agent 0#1")]);
    let mut again = live.resume(capped(1), Drift::Fail);
    again.play([(first(), "+0, agent 0#2"), (reply(0, "1", 0.0), "-0 (0), +1, agent 1#1, 0.0=1 (0)")]);
    let mut third = again.resume(capped(1), Drift::Fail);
    third.play([
        (first(), "0.0=1 (0)"),
        (idle(0, vec![odd(0, "c", "z"), odd(2, "d", "x")]), "WARN_UNKNOWN_OPTION, +1, agent 1#2"),
    ]);
    let mut again = live.resume(capped(1), Drift::Match);
    again.play([(first(), "WARN_UNKNOWN_OPTION, WARN_UNKNOWN_OPTION, +0, agent 0#2")]);
}

#[test]
fn what_was_spent_is_what_it_was() {
    let first = || idle(0, vec![ask(0, "a"), retrying(1, "b")]);
    let mut live = Run::new(hard(100.0));
    live.play([
        (first(), "+0, agent 0#1, +1, agent 1#1"),
        (reply(0, "1", 3.0), "-0 (3), 0.0=1 (3)"),
        (idle(0, vec![ask(0, "c")]), "+2, agent 2#1"),
        (broken(1, 40.0), "backoff 1 0ms"),
        (backoff_over(1), "+1, agent 1#2"),
        (broken(1, 50.0), "backoff 1 0ms"),
    ]);
    assert_eq!(live.spent(), 93.0);
    // Scripts see what they saw, and the run knows what was paid meanwhile.
    let mut again = live.resume(hard(100.0), Drift::Fail);
    again.play([
        (first(), "0.0=1 (3)"),
        (idle(0, vec![ask(0, "c")]), "+1, agent 1#3, +2, agent 2#2"),
        (reply(2, "2", 7.0), "-2 (100), 0.0=2 (100)"),
        (
            idle(0, vec![ask(0, "d")]),
            "-3 (100), 0.0!BudgetExhaustedError: the budget of 100 output tokens is used up: 100 were spent (100)",
        ),
    ]);
    // What others spend of the same budget in the meantime is not lost.
    let mut again = live.resume(hard(100.0), Drift::Fail);
    let others = Input::BudgetChanged(BudgetChange { spent: 5.0, total: None });
    again.play([
        (first(), "0.0=1 (3)"),
        (others, ""),
        (idle(0, vec![ask(0, "c")]), "+1, agent 1#3, +2, agent 2#2"),
        (reply(2, "2", 1.0), "-2 (99), 0.0=2 (99)"),
    ]);
    // A workflow that ends before it has seen everything has paid for it all the same.
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, agent 0#1, +1, agent 1#1"),
        (reply(0, "1", 3.0), "-0 (3), 0.0=1 (3)"),
        (reply(1, "1", 4.0), "-1 (7)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(first(), "0.0=1 (3)")]);
    let effects = again.feed(settled(0, "1"));
    assert_eq!(told(&effects), "finish Some(1)");
    assert_eq!(ends(&effects), [] as [&str; 0], "its end was told before");
    assert_eq!(again.spent(), 7.0);
}

/// The events of a budget that is used up.
fn exhaustions(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Emit(Event::BudgetExhausted { .. }))).count()
}

#[test]
fn what_was_paid_is_counted_over_all_parts_of_the_journal_and_never_twice() {
    let first = || idle(0, vec![ask(0, "a"), retrying(1, "b")]);
    let mut live = Run::new(hard(100.0));
    live.play([
        (first(), "+0, agent 0#1, +1, agent 1#1"),
        (reply(0, "1", 30.0), "-0 (30), 0.0=1 (30)"),
        (broken(1, 20.0), "backoff 1 0ms"),
    ]);
    for drift in [Drift::Match, Drift::Prefix] {
        // From the first call on, scripts see all that was paid where any equal call will do, else what they saw.
        let (begun, shown) = if drift == Drift::Match { (50.0, "-0 (50)") } else { (0.0, "-0 (30)") };
        let mut again = live.resume(hard(100.0), drift);
        assert_eq!(again.spent(), begun);
        assert!(told(&again.feed(first())).starts_with(shown));
        again.feed(idle(0, vec![]));
        assert_eq!(again.spent(), 50.0);
        again.feed(reply(1, "2", 10.0));
        assert_eq!(again.spent(), 60.0);
        // Whatever takes it up next has paid neither more nor less, and begins as it did.
        for (next, before) in [(Drift::Fail, begun), (Drift::Match, 60.0), (Drift::Prefix, begun)] {
            let mut third = again.resume(hard(100.0), next);
            assert_eq!(third.spent(), before);
            third.feed(first());
            third.feed(idle(0, vec![]));
            third.feed(idle(0, vec![ask(0, "c")]));
            assert_eq!(third.spent(), 60.0);
            third.feed(reply(2, "3", 15.0));
            assert_eq!(third.resume(hard(100.0), Drift::Match).spent(), 75.0);
        }
    }
}

#[test]
fn a_budget_that_is_used_up_is_told_once_in_each_part() {
    let first = || idle(0, vec![ask(0, "a")]);
    let mut live = Run::new(hard(10.0));
    live.feed(first());
    assert_eq!(exhaustions(&live.feed(reply(0, "1", 12.0))), 1);
    let asked = || idle(0, vec![ask(0, "b")]);
    for (drift, total, told_at_start, told_later) in [
        (Drift::Fail, 10.0, 0, 0),
        (Drift::Fail, 11.0, 0, 1),
        (Drift::Fail, 20.0, 0, 0),
        (Drift::Prefix, 10.0, 0, 1),
        (Drift::Match, 10.0, 1, 0),
        (Drift::Match, 20.0, 0, 0),
    ] {
        let recording = live.journal.recording(drift);
        let mut core = Core::new(hard(total), "flow.js".into(), true).recorded(marker);
        let mut effects = Vec::new();
        core.step(Input::Started { recording: Some(recording) }, &mut effects);
        assert_eq!(exhaustions(&effects), told_at_start, "{drift:?} {total}");
        effects.clear();
        for input in [first(), asked()] {
            core.step(input, &mut effects);
        }
        assert_eq!(exhaustions(&effects), told_later, "{drift:?} {total}");
        // And checked: what was paid by another part counts.
        let refused = told(&effects).contains("BudgetExhaustedError");
        assert_eq!(refused, total < 12.0, "{drift:?} {total}: {}", told(&effects));
    }
}

/// An attempt that fails in a session that can be gone on with.
fn broken_off(call: u64, session: &str, tokens: f64) -> Input {
    let mut input = broken(call, tokens);
    if let Input::AgentFinished { outcome: AttemptOutcome::Failed(failure), .. } = &mut input {
        let total = Some(JsonText::new("9"));
        failure.resume = Some(Resume { session: session.to_owned(), total, place: None });
        failure.session_id = Some(session.to_owned());
    }
    input
}

fn misfit(call: u64, session: Option<&str>, tokens: f64) -> Input {
    let resume = session.map(|session| Resume { session: session.to_owned(), ..Resume::default() });
    let usage = Usage { charged: tokens, report: Some(JsonText::new(r#"{"outputTokens":1}"#)) };
    let output = AgentOutput { usage, resume, ..AgentOutput::default() };
    let errors = vec!["/ must be object".to_owned()];
    Input::AgentFinished { call: CallId(call), outcome: AttemptOutcome::Mismatch { output, errors } }
}

fn at_work(call: u64, attempt: u32, session: &str) -> Input {
    let resume = Resume { session: session.to_owned(), ..Resume::default() };
    Input::AgentAtWork { call: CallId(call), attempt, resume }
}

/// The prompts and sessions of the attempts that start.
fn starts(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::StartAgent { call, attempt, request, resume } => {
                let prompt = request.prompt_text();
                let prompt = prompt.split_whitespace().next().unwrap_or_default().to_owned();
                let resume = resume.as_ref().map_or_else(String::new, |resume| {
                    let total = resume.total.as_ref().map_or("", JsonText::as_str);
                    format!(" in {} {total}", resume.session)
                });
                Some(format!("{call}#{attempt} {prompt}{resume}"))
            }
            _ => None,
        })
        .collect()
}

/// What a call has cost according to its end.
fn charged(effects: &[Effect]) -> Option<f64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Record(record) => match &**record {
            Record::Ended { charged, .. } => Some(*charged),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn attempts_are_counted_over_all_lives_of_a_run() {
    let retry = Some(RetryPolicy { max_attempts: 3, backoff: Duration::ZERO });
    let first = || idle(0, vec![ask_with(0, "a", AgentOptions { retry, ..AgentOptions::default() })]);
    for drift in [Drift::Fail, Drift::Match, Drift::Prefix] {
        let mut run = Run::new(options());
        run.play([(first(), "+0, agent 0#1"), (broken(0, 1.0), "backoff 0 0ms")]);
        // Before the second attempt, and while it is under way.
        for (life, begun) in ["+0, agent 0#2", "+0, agent 0#3"].into_iter().enumerate() {
            run = run.resume(options(), if life == 0 { drift } else { Drift::Fail });
            run.play([(first(), begun)]);
        }
        run.play([(broken(0, 2.0), "backoff 0 0ms"), (backoff_over(0), "+0, agent 0#4")]);
        run = run.resume(options(), drift);
        run.play([(first(), "+0, agent 0#5")]);
        // The third failure is the last one, and all were paid for.
        let effects = run.feed(broken(0, 4.0));
        assert_eq!(told(&effects), "-0 (7), 0.0!Error: RangeError: bad (7)");
        assert_eq!((charged(&effects), run.spent()), (Some(7.0), 7.0));
    }
}

#[test]
fn a_call_goes_on_where_it_was() {
    let first = |schema| idle(0, vec![if schema { ask(0, "a") } else { retrying(0, "a") }]);
    let worktree = AgentOptions { worktree: Some(WorktreeChoice::default()), ..AgentOptions::default() };
    for drift in [Drift::Fail, Drift::Match, Drift::Prefix] {
        // An attempt that was broken off is gone on with in its session, also if the next one is broken off by a crash.
        let mut run = Run::new(options());
        run.play([(first(false), "+0, agent 0#1"), (broken_off(0, "s", 1.0), "backoff 0 0ms")]);
        for attempt in [2, 3] {
            run = run.resume(options(), drift);
            assert_eq!(starts(&run.feed(first(false))), [format!("0#{attempt} You in s 9")]);
        }
        let mut lost = broken(0, 1.0);
        if let Input::AgentFinished { outcome: AttemptOutcome::Failed(failure), .. } = &mut lost {
            failure.session_lost = true;
        }
        assert_eq!(starts(&run.feed(lost)), ["0#4 a"], "the session is gone");
        run = run.resume(options(), drift);
        assert_eq!(starts(&run.feed(first(false))), ["0#5 a"]);
        // An answer that is to be repaired, in its session or not.
        for (session, started) in [(Some("s"), "Previous in s "), (None, "a")] {
            let mut run = Run::new(options());
            run.feed(first(true));
            run.feed(misfit(0, session, 2.0));
            run = run.resume(options(), drift);
            let effects = run.feed(first(true));
            assert_eq!(starts(&effects), [format!("0#3 {started}")]);
            let Some(Effect::StartAgent { request, .. }) = effects.last() else { panic!("{effects:?}") };
            assert!(request.prompt_text().ends_with("Validation errors:\n- / must be object"));
            // There is one repair, whatever happens between.
            let mut again = run.resume(options(), drift);
            again.feed(first(true));
            let effects = again.feed(misfit(0, None, 3.0));
            assert!(told(&effects).starts_with("-0 (5), 0.0!"), "{}", told(&effects));
            assert_eq!(charged(&effects), Some(5.0));
        }
        // A worktree is made anew, and what the agent did is not in it.
        let first = || idle(0, vec![ask_with(0, "a", worktree.clone())]);
        let mut run = Run::new(options());
        run.feed(first());
        run.feed(misfit(0, Some("s"), 2.0));
        run = run.resume(options(), drift);
        assert_eq!(starts(&run.feed(first())), ["0#3 a"]);
    }
}

#[test]
fn an_answer_is_not_asked_for_again_because_its_worktree_was_being_closed() {
    let worktree = AgentOptions { worktree: Some(WorktreeChoice::default()), ..AgentOptions::default() };
    let first = || idle(0, vec![ask_with(0, "a", worktree.clone())]);
    let closed = || Input::WorktreeClosed { call: CallId(0), report: None, error: None };
    let null = CoreOptions {
        rules: ScriptRules { on_agent_error: OnAgentError::Null, ..options().rules },
        ..options()
    };
    for (options, ended, close, shown, is_failed) in [
        (options(), reply(0, "1", 4.0), "close 0 true", "0.0=1 (4)", false),
        (options(), broken(0, 4.0), "close 0 false", "0.0!Error: RangeError: bad (4)", true),
        (null, broken(0, 4.0), "close 0 false", "0.0=null (4)", true),
    ] {
        for drift in [Drift::Fail, Drift::Match, Drift::Prefix] {
            let mut run = Run::new(options.clone());
            run.play([(first(), "+0, agent 0#1"), (ended.clone(), close)]);
            // Twice, so that nothing is lost with the part of the journal that has not come to it.
            for _ in 0..2 {
                run = run.resume(options.clone(), drift);
                let begun = if drift == Drift::Fail { "close left 0" } else { "+0, close left 0" };
                run.play([(first(), begun)]);
            }
            let effects = run.feed(closed());
            assert_eq!(told(&effects), format!("-0 (4), {shown}"), "{drift:?}");
            assert_eq!((charged(&effects), run.spent()), (Some(4.0), 4.0));
            let failed = effects.iter().any(|effect| {
                matches!(effect, Effect::Record(record) if matches!(**record, Record::Ended { failed: true, .. }))
            });
            assert_eq!(failed, is_failed);
        }
    }
}

#[test]
fn an_answer_whose_worktree_is_being_closed_needs_no_budget() {
    let worktree = AgentOptions { worktree: Some(WorktreeChoice::default()), ..AgentOptions::default() };
    let first = || idle(0, vec![ask_with(0, "a", worktree.clone())]);
    let mut run = Run::new(hard(4.0));
    run.feed(first());
    run.feed(reply(0, "1", 4.0));
    for drift in [Drift::Fail, Drift::Match] {
        let mut again = run.resume(hard(4.0), drift);
        let effects = told(&again.feed(first()));
        assert!(effects.ends_with("close left 0"), "{effects}");
    }
}

#[test]
fn an_attempt_that_is_cut_off_is_gone_on_with_where_it_was_at_work() {
    let written = |effects: &[Effect]| effects.len();
    for drift in [Drift::Fail, Drift::Match, Drift::Prefix] {
        let retry = Some(RetryPolicy { max_attempts: 3, backoff: Duration::ZERO });
        let first = || idle(0, vec![ask_with(0, "a", AgentOptions { retry, ..AgentOptions::default() })]);
        let mut run = Run::new(options());
        run.feed(first());
        // What is said of another attempt, or of no call at all, is old news.
        assert_eq!((written(&run.feed(at_work(0, 2, "x"))), written(&run.feed(at_work(7, 1, "x")))), (0, 0));
        let effects = run.feed(at_work(0, 1, "s"));
        let [Effect::Emit(Event::CallSession { session_id, .. }), Effect::Record(_)] = &effects[..] else {
            panic!("{effects:?}")
        };
        assert_eq!(session_id, "s");
        run = run.resume(options(), drift);
        assert_eq!(starts(&run.feed(first())), ["0#2 You in s "]);
        // It is known, and a life that is cut off before anything is heard of its attempt goes on there as well.
        assert_eq!(written(&run.feed(at_work(0, 2, "s"))), 0);
        run = run.resume(options(), drift);
        assert_eq!(starts(&run.feed(first())), ["0#3 You in s "]);
        // How an attempt ends says more, and the next one counts from what the session had cost by then.
        run.play([(broken_off(0, "t", 1.0), "backoff 0 0ms"), (backoff_over(0), "+0, agent 0#4 in t")]);
        assert_eq!(written(&run.feed(at_work(0, 4, "u"))), 2);
        run = run.resume(options(), drift);
        assert_eq!(starts(&run.feed(first())), ["0#5 You in u 9"]);
        run.feed(broken(0, 1.0));
        assert_eq!(written(&run.feed(at_work(0, 5, "v"))), 0, "it has ended");
        run = run.resume(options(), drift);
        assert_eq!(starts(&run.feed(first())), ["0#6 a"]);
        // Being cut off is no failure: this is the third of three.
        run.feed(at_work(0, 6, "w"));
        let effects = run.feed(broken(0, 1.0));
        assert!(told(&effects).starts_with("-0 (3), 0.0!"), "{}", told(&effects));

        // An answer that is to be repaired is repaired in the session that is at it.
        let first = || idle(0, vec![ask(0, "a")]);
        let mut run = Run::new(options());
        run.feed(first());
        run.feed(misfit(0, None, 2.0));
        run.feed(at_work(0, 2, "s"));
        run = run.resume(options(), drift);
        assert_eq!(starts(&run.feed(first())), ["0#3 Previous in s "]);

        // The worktree of an attempt is gone with its life.
        let worktree = AgentOptions { worktree: Some(WorktreeChoice::default()), ..AgentOptions::default() };
        let mut run = Run::new(options());
        run.feed(idle(0, vec![ask_with(0, "a", worktree)]));
        assert_eq!(written(&run.feed(at_work(0, 1, "s"))), 0);
    }
    // Without a journal there is no next life.
    let mut core = Core::new(options(), "flow.js".into(), true);
    let mut effects = Vec::new();
    core.step(Input::Started { recording: None }, &mut effects);
    core.step(idle(0, vec![ask(0, "a")]), &mut effects);
    effects.clear();
    core.step(at_work(0, 1, "s"), &mut effects);
    assert_eq!(effects, []);
}

#[test]
fn a_script_that_does_something_else_is_told_what() {
    let labelled = |prompt: &str, model: Option<&str>| {
        let (label, model) = (Some("review".to_owned()), model.map(str::to_owned));
        ask_with(0, prompt, AgentOptions { label, model, ..AgentOptions::default() })
    };
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![ask(1, "x"), labelled("a", None)]), "+0, agent 0#1, +1, agent 1#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.1=1 (0)"),
    ]);
    for (said, expected) in [
        (
            vec![ask(1, "x"), labelled("b", Some("m"))],
            "call 1 was an agent call labelled \"review\", now it is an agent call labelled \"review\"\n  prompt: recorded \"a\", asked \"b\"\n  model: recorded nothing, asked \"m\"",
        ),
        (
            vec![ask(1, "x"), call(0, "c")],
            "call 1 was an agent call labelled \"review\", now it is a child workflow labelled \"c\"\n  prompt: recorded \"a\", asked nothing\n  workflow: recorded nothing, asked c\n  args: recorded nothing, asked undefined",
        ),
        (
            vec![timer(1), labelled("a", None)],
            "call 0 was an agent call, now it is a timer\n  prompt: recorded \"x\", asked nothing\n  ms: recorded nothing, asked 1000",
        ),
        (
            vec![ask(1, "x"), timer(0)],
            "call 1 was an agent call labelled \"review\", now it is a timer\n  prompt: recorded \"a\", asked nothing\n  ms: recorded nothing, asked 1000",
        ),
    ] {
        let mut again = live.resume(options(), Drift::Fail);
        let effects = again.feed(idle(0, said));
        let expected =
            format!("ERR_REPLAY_MISMATCH: the workflow does not do what its journal says: {expected}");
        assert_eq!(told(&effects), expected);
        assert_eq!(effects.len(), 1, "{effects:?}");
        assert_eq!(told(&again.feed(idle(0, vec![ask(2, "z")]))), "", "it is over");
    }
    // The label is for people.
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(idle(0, vec![ask(1, "x"), ask(0, "a")]), "0.1=1 (0)")]);
}

#[test]
fn a_script_that_asks_for_less_is_told_what_is_missing() {
    let first = || idle(0, vec![ask(0, "a"), ask(1, "b")]);
    let missing = |call: &str| {
        format!(
            "ERR_REPLAY_MISMATCH: the workflow does not do what its journal says: call {call}, now it is nothing"
        )
    };
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, agent 0#1, +1, agent 1#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)"),
        (idle(0, vec![ask(0, "c")]), "+2, agent 2#1"),
    ]);
    // An unfinished one.
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(first(), "0.0=1 (0)")]);
    assert_eq!(told(&again.feed(idle(0, vec![]))), missing("2 was an agent call"));
    // One that has ended.
    live.play([(reply(2, "1", 0.0), "-2 (0), 0.0=1 (0)")]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(first(), "0.0=1 (0)")]);
    assert_eq!(told(&again.feed(idle(0, vec![]))), missing("2 was an agent call"));
    // All of them.
    let mut again = live.resume(options(), Drift::Fail);
    assert_eq!(told(&again.feed(idle(0, vec![]))), missing("0 was an agent call"));
    // It is over too early: before its last calls, or without waiting for them.
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(first(), "0.0=1 (0)")]);
    assert_eq!(told(&again.feed(settled(0, "1"))), missing("2 was an agent call"));
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(first(), "0.0=1 (0)")]);
    let end = Some(Settled::Value(None));
    let effects = again.feed(Input::VmIdle { vm: VmId::ROOT, said: vec![ask(0, "c")], settled: end });
    assert_eq!(
        told(&effects),
        "ERR_REPLAY_MISMATCH: the workflow does not do what its journal says: it waited for call 2 (an agent call), now it ends without it"
    );
    // With another drift it is just another run.
    let mut again = live.resume(options(), Drift::Prefix);
    again.play([(first(), "-0 (0), 0.0=1 (0)"), (settled(0, "1"), "finish Some(1)")]);
}

#[test]
fn answers_that_match_are_taken_wherever_they_stood() {
    let mut live = Run::new(options());
    live.play([
        (
            idle(0, vec![ask(0, "a"), ask(1, "x"), ask(2, "x"), ask(3, "x"), timer(4)]),
            "timer 4, +0, agent 0#1, +1, agent 1#1, +2, agent 2#1, +3, agent 3#1",
        ),
        (reply(3, "33", 3.0), "-3 (3), 0.3=33 (3)"),
        (broken(2, 2.0), "-2 (5)"),
        (reply(1, "11", 1.0), "-1 (6)"),
        (fired(4), "-4 (6)"),
    ]);
    // The first call is another one; of the equal ones the failed one runs again, and so does the timer.
    let mut again = live.resume(options(), Drift::Match);
    again.play([
        (
            idle(0, vec![timer(0), ask(1, "b"), ask(2, "x"), ask(3, "x"), ask(4, "x")]),
            "timer 0, -2 (6), -4 (6), +1, agent 1#1, +3, agent 3#1, 0.2=11 (6)",
        ),
        (idle(0, vec![]), "0.4=33 (6)"),
        // There is no fourth answer.
        (idle(0, vec![ask(2, "x")]), "+5, agent 5#1"),
        (reply(1, "1", 1.0), "-1 (7), 0.1=1 (7)"),
    ]);
    // What was taken is in the new journal like what was done.
    let mut third = again.resume(options(), Drift::Fail);
    third.play([
        (idle(0, vec![timer(0), ask(1, "b"), ask(2, "x"), ask(3, "x"), ask(4, "x")]), "0.2=11 (6)"),
        (idle(0, vec![]), "0.4=33 (6)"),
        (idle(0, vec![ask(2, "x")]), "0.1=1 (7)"),
        (idle(0, vec![]), "timer 0, +3, agent 3#2, +5, agent 5#2"),
    ]);
}

/// Five answers, and a sixth call that has none.
fn asked_in_turn() -> (Run, impl Fn() -> Input) {
    let all = || idle(0, vec![ask(0, "a"), ask(1, "x"), ask(2, "b")]);
    let mut live = Run::new(options());
    live.play([
        (all(), "+0, agent 0#1, +1, agent 1#1, +2, agent 2#1"),
        (reply(0, "10", 1.0), "-0 (1), 0.0=10 (1)"),
        (idle(0, vec![ask(0, "x")]), "+3, agent 3#1"),
        (reply(1, "11", 1.0), "-1 (2), 0.1=11 (2)"),
        (idle(0, vec![ask(1, "x")]), "+4, agent 4#1"),
        (reply(3, "13", 1.0), "-3 (3), 0.0=13 (3)"),
        (idle(0, vec![ask(0, "d")]), "+5, agent 5#1"),
        (reply(5, "15", 1.0), "-5 (4), 0.0=15 (4)"),
    ]);
    (live, all)
}

#[test]
fn answers_that_a_part_of_the_journal_had_not_come_to_stay_for_later_ones() {
    let (live, _) = asked_in_turn();
    let changed = || idle(0, vec![ask(0, "A"), ask(1, "x"), ask(2, "b")]);
    let mut again = live.resume(options(), Drift::Match);
    again.play([(changed(), "-1 (4), +0, agent 0#1, +2, agent 2#2, 0.1=11 (4)"), (idle(0, vec![]), "")]);
    // The process dies before the script has asked for the rest: it is as if it had not, twice over.
    let mut third = again.resume(options(), Drift::Fail).resume(options(), Drift::Fail);
    third.play([
        (changed(), "0.1=11 (4)"),
        (idle(0, vec![]), "+0, agent 0#2, +2, agent 2#3"),
        (reply(0, "20", 1.0), "-0 (5), 0.0=20 (5)"),
        // The second of them, and not the first once more. The third has no answer.
        (idle(0, vec![ask(0, "x"), ask(1, "x")]), "-3 (5), +4, agent 4#2, 0.0=13 (5)"),
        (idle(0, vec![ask(0, "d")]), "-5 (5), 0.0=15 (5)"),
    ]);
    // Nothing is taken a second time.
    let mut fourth = third.resume(options(), Drift::Fail);
    fourth.play([
        (changed(), "0.1=11 (4)"),
        (idle(0, vec![]), "0.0=20 (5)"),
        (idle(0, vec![ask(0, "x"), ask(1, "x")]), "0.0=13 (5)"),
        (idle(0, vec![ask(0, "d")]), "0.0=15 (5)"),
        (idle(0, vec![ask(0, "d")]), "+2, agent 2#4, +4, agent 4#3, +6, agent 6#1"),
    ]);
}

#[test]
fn the_newest_part_of_a_journal_goes_before_older_ones_where_answers_are_matched() {
    let (live, _) = asked_in_turn();
    let mut again = live.resume(options(), Drift::Match);
    again.play([
        (idle(0, vec![ask(0, "A"), ask(1, "x")]), "-1 (4), +0, agent 0#1, 0.1=11 (4)"),
        (idle(0, vec![]), ""),
        (reply(0, "20", 1.0), "-0 (5), 0.0=20 (5)"),
    ]);
    let mut third = again.resume(options(), Drift::Match);
    third.play([
        (
            idle(0, vec![ask(0, "d"), ask(1, "x"), ask(2, "x"), ask(3, "x"), ask(4, "A")]),
            "-0 (5), -1 (5), -2 (5), -4 (5), +3, agent 3#2, 0.0=15 (5)",
        ),
        (idle(0, vec![]), "0.1=11 (5)"),
        (idle(0, vec![]), "0.2=13 (5)"),
        (idle(0, vec![]), "0.4=20 (5)"),
    ]);
}

#[test]
fn what_a_prefix_has_cut_off_does_not_come_back() {
    let (live, first) = asked_in_turn();
    let mut again = live.resume(options(), Drift::Prefix);
    again.play([
        (first(), "-0 (1), 0.0=10 (1)"),
        // The fourth call differs: what was answered after it is gone.
        (idle(0, vec![ask(0, "X")]), "-1 (2), 0.1=11 (2)"),
        (idle(0, vec![ask(1, "x")]), "+2, agent 2#2, +3, agent 3#1, +4, agent 4#1"),
    ]);
    for drift in [Drift::Fail, Drift::Prefix] {
        let mut third = again.resume(options(), drift);
        let effects = [first(), idle(0, vec![ask(0, "X")])].map(|input| third.feed(input));
        assert!(told(&effects[1]).ends_with("0.1=11 (2)"));
        third.play([
            (idle(0, vec![ask(1, "x")]), "+2, agent 2#3, +3, agent 3#2, +4, agent 4#2"),
            (reply(3, "20", 0.0), "-3 (4), 0.0=20 (4)"),
            (idle(0, vec![ask(0, "d")]), "+5, agent 5#1"),
        ]);
    }
    let mut third = again.resume(options(), Drift::Match);
    third.play([(idle(0, vec![ask(0, "d"), ask(1, "a")]), "-1 (4), +0, agent 0#1, 0.1=10 (4)")]);
}

#[test]
fn a_prefix_that_was_not_taken_over_to_its_end_is_taken_over_once_more() {
    let (live, first) = asked_in_turn();
    let mut again = live.resume(options(), Drift::Prefix);
    again.play([(first(), "-0 (1), 0.0=10 (1)")]);
    // The process dies. Nobody says anything of a prefix now, and still: nothing is lost, and what differs is no error.
    for drift in [Drift::Fail, Drift::Prefix] {
        let mut third = again.resume(options(), drift);
        third.play([
            (first(), "-0 (1), 0.0=10 (1)"),
            (idle(0, vec![ask(0, "x")]), "-1 (2), 0.1=11 (2)"),
            (idle(0, vec![ask(1, "X")]), "-3 (3), 0.0=13 (3)"),
            (idle(0, vec![ask(0, "d")]), "+2, agent 2#2, +4, agent 4#1, +5, agent 5#1"),
        ]);
    }
    let mut third = again.resume(options(), Drift::Match);
    third.play([(idle(0, vec![ask(0, "d")]), "-0 (4), 0.0=15 (4)")]);
}

#[test]
fn children_run_again_where_answers_are_matched() {
    let mut again = nested().resume(options(), Drift::Match);
    again.play([
        (idle(0, vec![call(0, "c"), ask(1, "changed")]), "+0, +1, agent 1#1, child 0 vm1 (3)"),
        (idle(1, vec![call(0, "d"), ask(1, "b")]), "+2, -3 (3), child 2 vm2 (3)"),
        (idle(2, vec![ask(0, "e")]), "-4 (3), 1.1=3 (3)"),
        (idle(1, vec![]), "2.0=4 (3)"),
        (settled(2, "2"), "drop vm2, -2 (3), 1.0=2 (3)"),
    ]);
}

#[test]
fn a_prefix_goes_as_far_as_nothing_has_changed() {
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![ask(0, "a"), ask(1, "b"), ask(2, "c")]), "+0, agent 0#1, +1, agent 1#1, +2, agent 2#1"),
        (reply(2, "2", 1.0), "-2 (1), 0.2=2 (1)"),
        (idle(0, vec![ask(2, "d")]), "+3, agent 3#1"),
        (reply(0, "0", 1.0), "-0 (2), 0.0=0 (2)"),
        (idle(0, vec![]), ""),
        (reply(1, "1", 1.0), "-1 (3), 0.1=1 (3)"),
    ]);
    // Unchanged: everything.
    let mut again = live.resume(options(), Drift::Prefix);
    again.play([
        (idle(0, vec![ask(0, "a"), ask(1, "b"), ask(2, "c")]), "-2 (1), 0.2=2 (1)"),
        (idle(0, vec![ask(2, "d")]), "-0 (2), 0.0=0 (2)"),
        (idle(0, vec![]), "-1 (3), 0.1=1 (3)"),
        (idle(0, vec![]), "+3, agent 3#2"),
    ]);
    // The second has changed: it and the third run, whatever the third was.
    let mut again = live.resume(options(), Drift::Prefix);
    again.play([
        (idle(0, vec![ask(0, "a"), ask(1, "B"), ask(2, "c")]), "-0 (2), 0.0=0 (2)"),
        (idle(0, vec![]), "+1, agent 1#1, +2, agent 2#1"),
        (reply(2, "2", 1.0), "-2 (4), 0.2=2 (4)"),
        (idle(0, vec![ask(2, "d")]), "+3, agent 3#1"),
    ]);
    // The journal that begins anew is as good as any.
    let mut third = again.resume(options(), Drift::Fail);
    third.play([
        (idle(0, vec![ask(0, "a"), ask(1, "B"), ask(2, "c")]), "0.0=0 (2)"),
        (idle(0, vec![]), "0.2=2 (4)"),
        (idle(0, vec![ask(2, "d")]), "+1, agent 1#2, +3, agent 3#2"),
    ]);
    // A failed call is a change.
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![ask(0, "a"), ask(1, "b"), ask(2, "c")]), "+0, agent 0#1, +1, agent 1#1, +2, agent 2#1"),
        (reply(0, "0", 1.0), "-0 (1), 0.0=0 (1)"),
        (broken(1, 1.0), "-1 (2)"),
        (reply(2, "2", 1.0), "-2 (3)"),
    ]);
    let mut again = live.resume(options(), Drift::Prefix);
    again.play([
        (idle(0, vec![ask(0, "a"), ask(1, "b"), ask(2, "c")]), "-0 (1), 0.0=0 (1)"),
        (idle(0, vec![]), "+1, agent 1#1, +2, agent 2#1"),
    ]);
    assert_eq!(again.spent(), 3.0);
}

#[test]
fn a_child_that_has_changed_takes_what_came_after_it_along() {
    let first = || idle(0, vec![call(0, "c"), timer(1), ask(2, "a")]);
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, timer 1, +2, agent 2#1, child 0 vm1 (0)"),
        (idle(1, vec![ask(0, "b")]), "+3, agent 3#1"),
        (reply(3, "3", 0.0), "-3 (0), 1.0=3 (0)"),
        (settled(1, "1"), "drop vm1, -0 (0), 0.0=1 (0)"),
        (idle(0, vec![]), ""),
        (fired(1), "-1 (0), 0.1=undefined (0)"),
        (idle(0, vec![]), ""),
        (reply(2, "2", 0.0), "-2 (0), 0.2=2 (0)"),
    ]);
    // The child asks for something else, and so its end is not what it was. Nothing after it can be shown: neither the
    // answer of the agent nor that the timer has run down.
    let mut again = live.resume(options(), Drift::Prefix);
    again.play([
        (first(), "+0, child 0 vm1 (0)"),
        (idle(1, vec![ask(0, "B")]), "timer 1, +2, agent 2#2, +3, agent 3#1"),
        (fired(1), "-1 (0), 0.1=undefined (0)"),
        (idle(0, vec![]), ""),
        (reply(2, "2", 0.0), "-2 (0), 0.2=2 (0)"),
    ]);
}

const CANCELLED: &str = "CancelledError: workflow run was cancelled: cancelled by the caller";

#[test]
fn a_run_is_cancelled_while_it_is_shown_its_journal() {
    let first = || idle(0, vec![call(0, "c"), ask(1, "a"), ask(2, "b"), timer(3)]);
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, timer 3, +1, agent 1#1, +2, agent 2#1, child 0 vm1 (0)"),
        (reply(1, "1", 3.0), "-1 (3)"),
        (settled(1, "1"), "drop vm1, -0 (3), 0.1=1 (3)"),
        (idle(0, vec![ask(1, "c")]), "+4, agent 4#1, 0.0=1 (3)"),
        (reply(4, "4", 1.0), "-4 (4)"),
    ]);
    let written = live.journal.entries.len();
    // While the workflow looks at its first outcome. Neither is its next call held against the journal, nor does anything
    // start; what had ended is not told to have ended again.
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(first(), "child 0 vm1 (0)"), (settled(1, "1"), "drop vm1, 0.1=1 (3)")]);
    let effects = again.feed(cancel());
    assert_eq!(told(&effects), "grace, abort all");
    assert_eq!(ends(&effects), ["2 Cancelled"]);
    for (input, expected) in [
        (idle(0, vec![ask(1, "c"), timer(4), log("x")]), "timer 6, log \"x\", 0.0=1 (4)".to_owned()),
        (idle(0, vec![]), format!("0.2!{CANCELLED} (4)")),
        (idle(0, vec![]), "0.3=undefined (4)".to_owned()),
        (idle(0, vec![]), format!("0.1!{CANCELLED} (4)")),
        (Input::GraceOver, "abort 6, fail ERR_RUN_CANCELLED".to_owned()),
    ] {
        let shown = format!("{input:?}");
        assert_eq!(told(&again.feed(input)), expected, "{shown}");
    }
    assert_eq!(again.spent(), 4.0);
    let records = |journal: &Journal| {
        let of_calls = |written: &&Written| match written {
            Written::Record(record, _) => !matches!(**record, Record::Cancelled),
            _ => false,
        };
        journal.entries.iter().filter(of_calls).count()
    };
    assert!(again.journal.entries.len() > written);
    assert_eq!(records(&again.journal), records(&live.journal));
    // Whoever takes it up again finds what there was.
    let mut third = again.resume(options(), Drift::Fail);
    third.play([
        (first(), "child 0 vm1 (0)"),
        (settled(1, "1"), "drop vm1, 0.1=1 (3)"),
        (idle(0, vec![ask(1, "c")]), "0.0=1 (3)"),
        (idle(0, vec![]), "0.1=4 (4)"),
        (idle(0, vec![]), "timer 3, +2, agent 2#2"),
    ]);
}

#[test]
fn a_child_that_was_to_begin_begins_cancelled() {
    let mut live = Run::new(options());
    live.play([
        (idle(0, vec![ask(0, "a")]), "+0, agent 0#1"),
        (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)"),
        (idle(0, vec![ask(0, "b"), call(1, "c")]), "+2, +1, agent 1#1, child 2 vm1 (0)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (idle(0, vec![ask(0, "a")]), "0.0=1 (0)"),
        (idle(0, vec![ask(0, "b"), call(1, "c")]), "child 2 vm1 (0)"),
        (cancel(), "grace, abort all"),
    ]);
    assert_eq!(told(&again.feed(idle(1, vec![ask(0, "d")]))), format!("0.0!{CANCELLED} (0)"));
    assert_eq!(told(&again.feed(idle(0, vec![]))), format!("1.0!{CANCELLED} (0)"));
}

#[test]
fn no_answer_is_matched_in_a_run_that_is_cancelled() {
    let mut live = Run::new(options());
    live.play([(idle(0, vec![ask(0, "a")]), "+0, agent 0#1"), (reply(0, "1", 0.0), "-0 (0), 0.0=1 (0)")]);
    let mut again = live.resume(options(), Drift::Match);
    again.play([(cancel(), "grace, abort all")]);
    assert_eq!(told(&again.feed(idle(0, vec![ask(0, "a")]))), format!("0.0!{CANCELLED} (0)"));
}

#[test]
fn caps_and_limits_hold_right_after_the_journal() {
    let first = || idle(0, vec![ask(0, "a"), ask(1, "b"), ask(2, "c"), ask(3, "d")]);
    let options = || CoreOptions { max_agents: Cap::At(5), ..capped(2) };
    let mut live = Run::new(options());
    live.play([
        (first(), "+0, agent 0#1, +1, agent 1#1"),
        (reply(1, "1", 0.0), "-1 (0), +2, agent 2#1, 0.1=1 (0)"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([
        (first(), "0.1=1 (0)"),
        (
            idle(0, vec![ask(1, "e"), ask(4, "f")]),
            "-5 (0), +0, agent 0#2, +2, agent 2#2, 0.4!AgentLimitError: the run has made its 5 agent calls; maxAgents allows no more (0)",
        ),
        (idle(0, vec![]), ""),
        (answer(2, 0.0), "-2 (0), +3, agent 3#1, 0.2=1 (0)"),
    ]);
}
