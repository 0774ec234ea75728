//! Random workflows, cut off at every point of their journals and taken up again.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::model::error::WorkflowError;
use crate::model::outcome::{AttemptFailure, Wait, WaitReason};

/// Numbers that look like chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

fn hash(parts: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// What a random run is like.
#[derive(Clone, Copy, Debug)]
struct Setup {
    seed: u64,
    /// Nothing happens while a script runs.
    calm: bool,
    /// 0 for none.
    cap: usize,
    retries: bool,
    limits: bool,
    worktrees: bool,
    /// Tokens of a hard budget.
    budget: Option<u8>,
    max_agents: Option<u8>,
    null: bool,
}

impl Setup {
    fn any() -> impl Strategy<Value = Self> {
        let flags = any::<[bool; 5]>();
        let some = || prop_oneof![2 => Just(None), 1 => (3u8..40).prop_map(Some)];
        (any::<u64>(), flags, 0usize..4, some(), some()).prop_map(
            |(seed, [calm, retries, limits, worktrees, null], cap, budget, max_agents)| Self {
                seed,
                calm,
                cap,
                retries,
                limits,
                worktrees,
                budget,
                max_agents,
                null,
            },
        )
    }

    fn options(&self) -> CoreOptions {
        let rules = ScriptRules {
            budget_mode: if self.budget.is_some() { BudgetMode::Hard } else { BudgetMode::Soft },
            on_agent_error: if self.null { OnAgentError::Null } else { OnAgentError::Reject },
        };
        CoreOptions {
            budget: BudgetState { total: self.budget.map(f64::from), spent: 0.0 },
            rules,
            max_parallel_agents: if self.cap == 0 { Cap::None } else { Cap::At(self.cap) },
            max_agents: self.max_agents.map_or(Cap::None, |calls| Cap::At(calls.into())),
            ..options()
        }
    }

    /// Whether a run that was cut off can be made to go on exactly as it would have gone on. It cannot, if a call gets
    /// back in line behind others and is first in line after a crash; or if something came in while a script was
    /// running, which the journal does not tell from something that came in before or after; or if a call that waits is
    /// refused since the budget is used up, which the engine writes together with what has used it up.
    fn is_exact(&self) -> bool {
        let nobody_waits = self.cap == 0 && !(self.limits && self.budget.is_some());
        self.calm && (nobody_waits || !(self.retries || self.limits || self.budget.is_some()))
    }
}

/// A script, and what it knows.
#[derive(Debug)]
struct Script {
    /// All that it was shown, and in which order.
    seen: u64,
    depth: usize,
    turns: usize,
    pending: BTreeMap<u32, ()>,
    plan: Option<Plan>,
    setup: Setup,
}

/// What a script does that goes its way whatever it is shown: branches side by side, each one step after the other.
#[derive(Clone, Debug, Default)]
struct Plan {
    branches: Vec<Vec<Step>>,
    /// How far each has come, and the place of its pending call.
    at: Vec<(usize, Option<u32>)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Ask(String),
    Wait,
    Sleep,
    /// A child that asks for these, one after the other.
    Child(Vec<String>),
}

impl Script {
    fn new(seen: u64, depth: usize, plan: Option<Plan>, setup: Setup) -> Self {
        Self { seen, depth, turns: 0, pending: BTreeMap::new(), plan, setup }
    }

    fn free_slot(&mut self) -> u32 {
        let slot = (0..).find(|slot| !self.pending.contains_key(slot)).unwrap();
        self.pending.insert(slot, ());
        slot
    }

    fn shown(&mut self, slot: Slot, outcome: &crate::model::outcome::Outcome, budget: BudgetState) {
        assert!(self.pending.remove(&slot.0).is_some(), "{slot:?} was never asked for, or was withdrawn");
        self.seen = hash((self.seen, slot.0, format!("{outcome:?} {budget:?}")));
        if let Some(plan) = &mut self.plan {
            let branch = plan.at.iter_mut().find(|(_, place)| *place == Some(slot.0)).unwrap();
            *branch = (branch.0 + 1, None);
        }
    }

    /// Runs until it waits for something, or is done.
    fn run(&mut self) -> (Vec<Item>, Option<Settled>) {
        match self.plan.take() {
            Some(plan) => self.go_on(plan),
            None => self.improvise(),
        }
    }

    fn go_on(&mut self, mut plan: Plan) -> (Vec<Item>, Option<Settled>) {
        let mut said = Vec::new();
        for number in 0..plan.branches.len() {
            let (at, pending) = plan.at[number];
            if pending.is_some() {
                continue;
            }
            let Some(step) = plan.branches[number].get(at).cloned() else { continue };
            let slot = self.free_slot();
            plan.at[number].1 = Some(slot);
            said.push(match step {
                Step::Ask(prompt) => ask(slot, &prompt),
                Step::Wait => timer(slot),
                Step::Sleep => sleep(slot, 100),
                Step::Child(prompts) => call(slot, &prompts.join(" ")),
            });
        }
        self.plan = Some(plan);
        (said, self.pending.is_empty().then_some(Settled::Value(None)))
    }

    /// Does what all that it was shown makes it do: whoever shows it something else finds out.
    fn improvise(&mut self) -> (Vec<Item>, Option<Settled>) {
        let mut chance = Chance(self.seen);
        self.turns += 1;
        let mut said = Vec::new();
        let asks = if self.turns > 6 { 0 } else { chance.below(4) + usize::from(self.turns == 1) };
        for _ in 0..asks {
            match chance.below(16) {
                0..9 => {
                    let parsed = self.agent_options(&mut chance);
                    let prompt = format!("p{}", chance.below(3));
                    said.push(ask_with(self.free_slot(), &prompt, parsed));
                }
                9 => said.push(timer(self.free_slot())),
                10 => said.push(sleep(self.free_slot(), 100 * chance.below(3) as u64)),
                11..13 if self.depth < 2 => {
                    let name = ["a", "b", "missing"][chance.below(3)];
                    said.push(call(self.free_slot(), name));
                }
                11..15 => {
                    let nth = chance.below(self.pending.len());
                    let Some(slot) = self.pending.keys().copied().nth(nth) else { continue };
                    self.pending.remove(&slot);
                    said.push(withdraw(slot));
                }
                _ => said.push(log(&self.seen.to_string())),
            }
        }
        let done = self.pending.is_empty() && chance.below(8) > 0;
        let result = JsonText::from_str_value(&self.seen.to_string());
        let settled = match chance.below(24) {
            0 => Some(Settled::Failed(WorkflowError::NoEntry)),
            1 => Some(Settled::Value(Some(result))),
            _ if done || self.turns > 8 => Some(Settled::Value(Some(result))),
            _ => None,
        };
        (said, settled)
    }

    fn agent_options(&self, chance: &mut Chance) -> AgentOptions {
        let retry = RetryPolicy { max_attempts: 3, backoff: Duration::from_millis(1) };
        AgentOptions {
            retry: (chance.one_in(2) && self.setup.retries).then_some(retry),
            worktree: (chance.one_in(3) && self.setup.worktrees).then(WorktreeChoice::default),
            provider: chance.one_in(4).then(|| "other".to_owned()),
            unknown: if chance.one_in(8) { vec!["odd".to_owned()] } else { Vec::new() },
            ..AgentOptions::default()
        }
    }
}

/// What happens to a call that is under way.
#[derive(Clone, Debug, PartialEq)]
enum What {
    Answer { value: u64, tokens: u8 },
    Mismatch { tokens: u8 },
    Fail { retryable: bool, tokens: u8 },
    Refuse,
    Limit,
    BackedOff,
    Closed,
    Fired,
}

impl What {
    /// The same attempt once more, at no cost.
    fn again(&self) -> Self {
        let mut again = self.clone();
        if let Self::Answer { tokens, .. } | Self::Mismatch { tokens } | Self::Fail { tokens, .. } =
            &mut again
        {
            *tokens = 0;
        }
        again
    }

    fn input(&self, call: CallId) -> Input {
        let usage = |tokens: u8| Usage { charged: tokens.into(), report: None };
        let outcome = match self {
            Self::BackedOff => return Input::BackoffOver { call },
            Self::Closed => return Input::WorktreeClosed { call, report: None, error: None },
            Self::Fired => return Input::TimerFired { call },
            Self::Answer { value, tokens } => AttemptOutcome::Answer(AgentOutput {
                output: Some(JsonText::new(value.to_string())),
                usage: usage(*tokens),
                ..AgentOutput::default()
            }),
            Self::Mismatch { tokens } => AttemptOutcome::Mismatch {
                output: AgentOutput { usage: usage(*tokens), ..AgentOutput::default() },
                errors: vec!["/ must be object".to_owned()],
            },
            Self::Fail { retryable, tokens } => AttemptOutcome::Failed(Box::new(AttemptFailure {
                retryable: *retryable,
                usage: usage(*tokens),
                ..ErrorData::new("Error", "bad").into()
            })),
            Self::Refuse => {
                AttemptOutcome::Refused { error: ErrorData::new("TypeError", "no schema"), raw: None }
            }
            Self::Limit => {
                let limit = Duration::from_secs(20);
                let wait = Wait { reason: WaitReason::RateLimited, after: None, until: None, limit };
                AttemptOutcome::Failed(Box::new(AttemptFailure {
                    wait: Some(wait),
                    ..ErrorData::new("Error", "429").into()
                }))
            }
        };
        Input::AgentFinished { call, outcome }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum UnderWay {
    Running,
    BackingOff,
    Closing,
    Timer,
    Sleep,
}

/// One thing that happened, and whether the call was over then.
#[derive(Clone, Debug)]
struct Happening {
    call: CallId,
    what: What,
    over: bool,
}

/// A run with the world around it.
struct World {
    setup: Setup,
    core: Core,
    journal: Journal,
    /// How much had happened by the time each entry of the journal was written; `None` where something had happened in
    /// part.
    written_at: Vec<Option<usize>>,
    happened: usize,
    /// The call that something is happening to which takes more than one attempt.
    halfway: Option<CallId>,
    scripts: HashMap<VmId, Script>,
    running: Option<VmId>,
    plan: Option<Plan>,
    /// The calls that scripts have made, by their numbers.
    asked: Vec<Mark>,
    next_call: u64,
    places: HashMap<(VmId, Slot), CallId>,
    under_way: BTreeMap<CallId, UnderWay>,
    /// What time it is, and when sleeps end.
    time: u64,
    untils: HashMap<CallId, u64>,
    /// It may take answers of an earlier journal wherever they stood.
    takes_over: bool,
    /// What scripts were shown: the call, whether it had ended, and the rest as text.
    shown: Vec<(CallId, bool, String)>,
    outcomes: HashMap<CallId, crate::model::outcome::Outcome>,
    notes: Vec<String>,
    /// Calls that began or ended according to the journal, this part of it or earlier ones.
    recorded: HashSet<(CallId, bool)>,
    started: HashSet<CallId>,
    ends_told: HashSet<CallId>,
    /// The number of the last attempt of each call, in whichever life.
    attempts: HashMap<CallId, u32>,
    all_attempts_known: bool,
    /// What this life has cost.
    paid: f64,
    /// The length of the journal after each input, which is where a crash can come, and what had been paid by then.
    turns: Vec<(usize, f64)>,
    cancelled: bool,
    /// Nothing can be added to the journal any more.
    closed: bool,
    result: Option<String>,
}

impl World {
    fn begin(setup: Setup, plan: Option<Plan>, journal: Journal, recording: Option<Box<Recording>>) -> Self {
        let core = Core::new(setup.options(), "flow.js".into(), true).recorded(marker);
        // What takes over anew tells everything anew.
        let exact = recording.as_deref().filter(|recording| recording.drift == Drift::Fail);
        let steps = exact.iter().flat_map(|recording| &recording.steps);
        let recorded: HashSet<(CallId, bool)> = steps.map(|step| (step.call, step.ended)).collect();
        let ended = recorded.iter().filter(|(_, ended)| *ended).map(|(call, _)| *call);
        let given_up = exact.iter().flat_map(|recording| recording.given_up.clone());
        let ends_told = ended.chain(given_up).collect();
        let attempts = exact.iter().flat_map(|recording| &recording.calls);
        let attempts = attempts.map(|(call, recorded)| (*call, recorded.attempts)).collect();
        // Elsewhere calls go on with the attempts of others that are equal to them.
        let all_attempts_known = match &recording {
            Some(recording) => recording.drift == Drift::Fail && recording.reserve.is_empty(),
            None => true,
        };
        let takes_over = recording.as_ref().is_some_and(|recording| recording.drift == Drift::Match);
        let mut world = Self {
            takes_over,
            setup,
            core,
            written_at: vec![Some(0); journal.entries.len()],
            happened: 0,
            halfway: None,
            scripts: HashMap::new(),
            running: None,
            plan,
            asked: Vec::new(),
            next_call: 0,
            places: HashMap::new(),
            under_way: BTreeMap::new(),
            time: 1_000,
            untils: HashMap::new(),
            shown: Vec::new(),
            outcomes: HashMap::new(),
            notes: Vec::new(),
            ends_told,
            attempts,
            all_attempts_known,
            paid: 0.0,
            turns: Vec::new(),
            recorded,
            started: HashSet::new(),
            cancelled: false,
            closed: false,
            result: None,
            journal,
        };
        world.feed(Input::Started { recording });
        world
    }

    /// Takes the run up where its journal ends after so many entries.
    fn resume(&self, entries: usize) -> Self {
        let mut journal = self.journal.until(entries);
        let recording = journal.recording(Drift::Fail);
        journal.entries.push(Written::Resumed(Drift::Fail));
        let notes = usize::try_from(recording.notes).unwrap();
        let mut world = Self::begin(self.setup, self.plan.clone(), journal, Some(recording));
        world.written_at = self.written_at[..entries].to_vec();
        world.happened = world.written_at.last().map_or(0, |at| at.expect("a point to go on from"));
        world.written_at.push(Some(world.happened));
        world.notes = self.notes[..notes].to_vec();
        world.time = self.time + 1_000;
        world.untils = world.journal.untils();
        world
    }

    /// The numbers of entries after which a crash is worth looking at.
    fn cuts(&self) -> Vec<usize> {
        let entries = self.journal.entries.iter().zip(&self.written_at).enumerate();
        // That the budget is used up is written together with what has used it up.
        let together = |entry: &Written| {
            matches!(entry, Written::Exhausted(_) | Written::GivenUp(_) | Written::Until(..))
        };
        let ends = entries.filter(|(_, (entry, at))| !together(entry) && at.is_some());
        std::iter::once(0).chain(ends.map(|(number, _)| number + 1)).collect()
    }

    fn feed(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.core.step(input, &mut effects);
        for effect in effects {
            assert_eq!(self.result, None, "{effect:?} after the end");
            let before = self.journal.entries.len();
            self.journal.write(&effect);
            if let Effect::Record(record) = &effect
                && let Record::Ended { call, .. } = **record
                && self.halfway == Some(call)
            {
                self.halfway = None;
            }
            let written = self.journal.entries.len();
            if written > before || matches!(effect, Effect::Record(_)) {
                self.written_at.truncate(written - 1);
                self.written_at.push(self.halfway.is_none().then_some(self.happened));
            }
            if let Effect::Charged { charged, .. } = &effect {
                self.paid += charged;
            }
            self.carry_out(effect);
        }
        self.turns.push((self.journal.entries.len(), self.paid));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::StartRoot => {
                self.scripts
                    .insert(VmId::ROOT, Script::new(self.setup.seed, 0, self.plan.clone(), self.setup));
                self.running = Some(VmId::ROOT);
            }
            Effect::Deliver { vm, slot, outcome, budget } => {
                assert_eq!(self.running, None, "two scripts run at once");
                let call = self.places[&(vm, slot)];
                assert!(
                    self.cancelled || self.recorded.contains(&(call, true)),
                    "{call} is not written down"
                );
                let script = self.scripts.get_mut(&vm).expect("the script is there");
                script.shown(slot, &outcome, budget);
                self.shown.push((call, true, format!("{vm:?} {slot:?} {outcome:?} {budget:?}")));
                self.outcomes.insert(call, outcome);
                self.running = Some(vm);
            }
            Effect::StartAgent { call, attempt, .. } => {
                let before = self.attempts.insert(call, attempt);
                if let Some(before) = before.or(self.all_attempts_known.then_some(0)) {
                    assert_eq!(attempt, before + 1, "call {call}");
                }
                assert!(!self.cancelled, "{call} starts in a run that is cancelled");
                assert!(!self.recorded.contains(&(call, true)), "{call} runs again");
                self.started.insert(call);
                self.under_way.insert(call, UnderWay::Running);
                let slots = |state: &&UnderWay| matches!(state, UnderWay::Running | UnderWay::Closing);
                let running = self.under_way.values().filter(slots).count();
                assert!(self.setup.cap == 0 || running <= self.setup.cap, "{running} run");
            }
            Effect::StartChild { call, vm, parent, request, depth, budget } => {
                assert_eq!(self.running, None, "two scripts run at once");
                assert!(
                    self.cancelled || self.recorded.contains(&(call, false)),
                    "{call} is not written down"
                );
                self.shown.push((call, false, format!("{vm:?} {parent:?} {request:?} {depth} {budget:?}")));
                self.start_child(call, vm, &request, depth, budget);
            }
            Effect::CloseWorktree { call, .. } | Effect::CloseLeftWorktree { call, .. } => {
                self.under_way.insert(call, UnderWay::Closing);
            }
            Effect::StartTimer { call, .. } => {
                // A script that is cancelled does other things than before.
                assert!(self.cancelled || !self.recorded.contains(&(call, true)), "timer {call} runs again");
                assert_eq!(self.under_way.insert(call, UnderWay::Timer), None);
            }
            Effect::StartSleep { call, until } => {
                assert!(!self.cancelled, "{call} sleeps in a run that is cancelled");
                assert!(!self.recorded.contains(&(call, true)), "sleep {call} begins again");
                assert_eq!(*self.untils.entry(call).or_insert(until), until, "sleep {call} takes longer");
                assert_eq!(self.under_way.insert(call, UnderWay::Sleep), None);
            }
            Effect::StartBackoff { call, .. } => drop(self.under_way.insert(call, UnderWay::BackingOff)),
            Effect::Abort { call } => {
                assert!(self.under_way.remove(&call).is_some(), "{call} is aborted and not under way");
            }
            Effect::AbortAll => self.under_way.clear(),
            Effect::DropVm { vm } => drop(self.scripts.remove(&vm)),
            Effect::StartGrace => {}
            Effect::Emit(Event::Log { values, .. }) => self.notes.push(values.as_str().to_owned()),
            Effect::Emit(Event::CallEnded { call, .. }) => {
                assert!(self.ends_told.insert(call), "the end of call {call} is told twice");
            }
            Effect::Emit(_) | Effect::Charged { .. } => {}
            Effect::Record(record) => {
                assert!(!self.closed, "{record:?} in a run that is cancelled");
                let (call, ended, counts) = match &*record {
                    Record::Begun { call, mark, .. } => (*call, false, mark.kind == RecordedKind::Child),
                    Record::Ended { call, .. } => (*call, true, true),
                    Record::Attempted { past, .. } => {
                        assert!(past.failures <= 3, "{past:?}");
                        return;
                    }
                    _ => return,
                };
                assert!(!counts || self.recorded.insert((call, ended)), "{record:?} is written twice");
            }
            Effect::Diverged(error) => panic!("{error}"),
            Effect::Finish(result) => {
                assert!(self.under_way.is_empty(), "left under way: {:?}", self.under_way);
                self.result = Some(format!("{result:?}"));
            }
        }
    }

    fn start_child(
        &mut self,
        call: CallId,
        vm: VmId,
        request: &ChildRequest,
        depth: u32,
        budget: BudgetState,
    ) {
        let (ChildTarget::Name(name) | ChildTarget::Path(name)) = &request.target;
        if name == "missing" {
            let error = ErrorData::new("Error", "Unknown workflow: missing");
            return self.feed(Input::ChildNotStarted { call, error });
        }
        let chain =
            |prompts: &str| vec![prompts.split(' ').map(|prompt| Step::Ask(prompt.to_owned())).collect()];
        let plan = self.plan.is_some().then(|| Plan { branches: chain(name), at: vec![(0, None)] });
        let seen = hash((self.setup.seed, name, format!("{budget:?}")));
        self.scripts.insert(vm, Script::new(seen, usize::try_from(depth).unwrap(), plan, self.setup));
        self.running = Some(vm);
        let on_agent_error =
            if name == "a" { OnAgentError::Null } else { self.setup.options().rules.on_agent_error };
        let rules = ScriptRules { on_agent_error, ..self.setup.options().rules };
        self.feed(Input::ChildStarted { vm, rules, name: name.as_str().into() });
    }

    /// Lets the script whose turn it is run.
    fn run_script(&mut self) {
        let Some(vm) = self.running.take() else { return };
        let Some(script) = self.scripts.get_mut(&vm) else { return };
        let (said, settled) = script.run();
        for item in &said {
            let Item::Request(request) = item else { continue };
            let mark = match &request.kind {
                RequestKind::Agent(agent) => marker(Asked::Agent(agent)),
                RequestKind::Workflow(child) => marker(Asked::Child(child)),
                RequestKind::Timer { delay } => marker(Asked::Timer(*delay)),
                RequestKind::Sleep { duration } => marker(Asked::Sleep(*duration)),
                RequestKind::Cancel { .. } => continue,
            };
            self.places.insert((vm, request.slot), CallId(self.next_call));
            self.next_call += 1;
            self.asked.push(mark);
        }
        self.time += 10;
        self.feed(Input::Clock { now: self.time });
        self.feed(Input::VmIdle { vm, said, settled });
    }

    fn run_scripts(&mut self) {
        while self.running.is_some() && self.result.is_none() {
            self.run_script();
        }
    }

    fn apply(&mut self, call: CallId, what: &What) {
        self.under_way.remove(&call);
        self.feed(what.input(call));
    }

    /// One thing that can happen to a call that is under way.
    fn pick(&self, chance: &mut Chance) -> (CallId, What) {
        let (call, state) =
            self.under_way.iter().nth(chance.below(self.under_way.len())).expect("something is under way");
        let tokens = u8::try_from(chance.below(4)).unwrap();
        let what = match state {
            UnderWay::BackingOff => What::BackedOff,
            UnderWay::Closing => What::Closed,
            UnderWay::Timer | UnderWay::Sleep => What::Fired,
            UnderWay::Running => match chance.below(16) {
                0..2 => What::Fail { retryable: true, tokens },
                2 => What::Fail { retryable: false, tokens },
                3 => What::Mismatch { tokens },
                4 if self.plan.is_none() => What::Refuse,
                5..7 if self.setup.limits => What::Limit,
                _ => What::Answer { value: chance.next() % 5, tokens },
            },
        };
        (*call, what)
    }

    /// A run can be put away when it waits for sleeps alone, and only then.
    fn check_parking(&self) {
        let sleeps: Vec<u64> = self
            .under_way
            .iter()
            .filter(|(_, state)| **state == UnderWay::Sleep)
            .map(|(call, _)| self.untils[call])
            .collect();
        let only = self.running.is_none() && sleeps.len() == self.under_way.len();
        let expected = sleeps.iter().min().copied().filter(|_| only);
        // One that may still take over answers stays as long as there are some.
        let found = self.core.sleeps_only();
        assert!(
            found == expected || (found.is_none() && self.takes_over),
            "{found:?} instead of {expected:?}"
        );
    }

    /// Lets things happen until the run is over.
    fn live(&mut self, seed: u64) -> Vec<Happening> {
        let mut chance = Chance(seed);
        let mut log = Vec::new();
        while self.result.is_none() {
            assert!(log.len() < 2000, "the run does not end");
            let interrupts = !self.setup.calm && !self.under_way.is_empty() && chance.one_in(3);
            if self.running.is_some() && !interrupts {
                self.run_script();
                continue;
            }
            self.check_parking();
            let (call, what) = self.pick(&mut chance);
            self.happened += 1;
            self.apply(call, &what);
            let over = self.recorded.contains(&(call, true));
            log.push(Happening { call, what, over });
        }
        log
    }

    /// Lets happen what happened in a run that was not cut off.
    fn follow(&mut self, log: &[Happening], turns: usize) {
        let mut left = turns;
        while self.result.is_none() {
            if self.running.is_some() {
                if left == 0 {
                    return;
                }
                left -= 1;
                self.run_script();
                continue;
            }
            let Some(happening) = log.get(self.happened) else {
                assert!(!self.setup.is_exact(), "the run goes on for longer than it did");
                self.live(self.setup.seed);
                return;
            };
            self.happened += 1;
            self.happen_again(happening, &log[..self.happened]);
        }
    }

    fn happen_again(&mut self, happening: &Happening, log: &[Happening]) {
        let Happening { call, what, over } = happening;
        let attempt = log.iter().rev().find(|earlier| {
            earlier.call == *call && !matches!(earlier.what, What::BackedOff | What::Closed | What::Fired)
        });
        let fits = match (self.under_way.get(call), what) {
            (Some(UnderWay::BackingOff), What::BackedOff)
            | (Some(UnderWay::Closing), What::Closed)
            | (Some(UnderWay::Timer | UnderWay::Sleep), What::Fired) => true,
            (Some(UnderWay::Running), What::BackedOff | What::Closed | What::Fired) => false,
            (Some(UnderWay::Running), _) => true,
            _ => false,
        };
        self.halfway = Some(*call).filter(|_| *over);
        if fits {
            self.apply(*call, what);
        } else {
            let lost = matches!(what, What::BackedOff | What::Closed);
            assert!(lost || !self.setup.is_exact(), "{happening:?} cannot happen: {:?}", self.under_way);
        }
        // What was lost with the crash (a worktree that was being closed) happens once more.
        while *over && self.result.is_none() {
            let what = match self.under_way.get(call) {
                None => break,
                Some(UnderWay::BackingOff) => What::BackedOff,
                Some(UnderWay::Closing) => What::Closed,
                Some(UnderWay::Timer | UnderWay::Sleep) => What::Fired,
                Some(UnderWay::Running) => {
                    assert!(!self.setup.is_exact(), "{call} runs once more");
                    // Other calls than before may have this number in a run that does not go on exactly.
                    let answer = What::Answer { value: 0, tokens: 0 };
                    let known = attempt.map(|attempt| attempt.what.again());
                    assert!(known.is_some() || !self.setup.is_exact(), "{call} did not run before");
                    known.unwrap_or(answer)
                }
            };
            self.apply(*call, &what);
        }
        self.halfway = None;
    }

    /// What of a run had to be shown again to whoever took it up after so many entries.
    fn shown_by(&self, entries: usize) -> &[(CallId, bool, String)] {
        let recording = self.journal.until(entries).recording(Drift::Fail);
        let steps: HashSet<(CallId, bool)> =
            recording.steps.iter().map(|step| (step.call, step.ended)).collect();
        let end = self.shown.iter().position(|(call, ended, _)| !steps.contains(&(*call, *ended)));
        &self.shown[..end.unwrap_or(self.shown.len())]
    }

    /// Fails if this run, taken up from another after so many entries, did not get what the other one got.
    fn check_against(&self, other: &Self, entries: usize, log: &[Happening]) {
        let before = other.shown_by(entries);
        assert_eq!(&self.shown[..before.len().min(self.shown.len())], before);
        assert!(self.result.is_some());
        if self.setup.is_exact() {
            assert_eq!(self.result, other.result, "{log:?}");
            assert_eq!(self.shown, other.shown);
            assert_eq!(self.notes, other.notes);
            assert_eq!(self.core.budget(), other.core.budget());
        }
    }
}

fn live(setup: Setup, plan: Option<Plan>) -> (World, Vec<Happening>) {
    let mut world = World::begin(setup, plan, Journal::default(), None);
    let log = world.live(setup.seed ^ 1);
    (world, log)
}

/// A random plan of few different calls.
fn plan(seed: u64) -> Plan {
    let mut chance = Chance(seed);
    let prompt = |chance: &mut Chance| format!("p{}", chance.below(4));
    let branches: Vec<Vec<Step>> = (0..1 + chance.below(4))
        .map(|_| {
            (0..1 + chance.below(4))
                .map(|_| match chance.below(8) {
                    0 if chance.one_in(2) => Step::Wait,
                    0 => Step::Sleep,
                    1 => Step::Child((0..1 + chance.below(3)).map(|_| prompt(&mut chance)).collect()),
                    _ => Step::Ask(prompt(&mut chance)),
                })
                .collect()
        })
        .collect();
    Plan { at: vec![(0, None); branches.len()], branches }
}

impl Plan {
    /// The same with one other call, if there is any.
    fn changed(&self, chance: &mut Chance) -> Option<Self> {
        let mut changed = self.clone();
        let mut asks: Vec<&mut String> = changed
            .branches
            .iter_mut()
            .flatten()
            .filter_map(|step| match step {
                Step::Ask(prompt) => Some(prompt),
                Step::Wait | Step::Sleep | Step::Child(_) => None,
            })
            .collect();
        let number = chance.below(asks.len());
        **asks.get_mut(number)? = "changed".to_owned();
        Some(changed)
    }
}

/// A recording's usable answer.
fn usable(call: &RecordedCall) -> Option<&RecordedEnd> {
    call.end.as_ref().filter(|end| end.is_usable())
}

/// The answers that a recording has for calls that it does not tell of, or that need not stand where they stood.
fn for_equal_calls(recording: &Recording) -> HashMap<Fingerprint, VecDeque<Earlier>> {
    let mut answers: HashMap<Fingerprint, VecDeque<Earlier>> = HashMap::new();
    if recording.drift == Drift::Match {
        for (_, call) in recording.calls.iter().filter(|(_, call)| call.mark.kind == RecordedKind::Agent) {
            answers.entry(call.mark.fingerprint).or_default().push_back(call.clone().into());
        }
    }
    for (fingerprint, earlier) in &recording.reserve {
        answers.entry(*fingerprint).or_default().push_back(earlier.clone());
    }
    answers
}

/// What is reused of a journal: what it tells of as it tells it, and of equal calls what there is, in order. Gives the number
/// of answers that are left over.
fn check_taken(recording: &Recording, after: &World) -> usize {
    let mut answers = for_equal_calls(recording);
    let told: HashMap<CallId, &RecordedCall> = match recording.drift {
        Drift::Fail => recording.calls.iter().map(|(id, call)| (*id, call)).collect(),
        Drift::Match | Drift::Prefix => HashMap::new(),
    };
    for (number, mark) in after.asked.iter().enumerate().filter(|(_, mark)| mark.kind == RecordedKind::Agent)
    {
        let call = CallId(number as u64);
        let answer = match told.get(&call) {
            Some(told) => told.end.clone(),
            None => match answers.get_mut(&mark.fingerprint).and_then(VecDeque::pop_front) {
                Some(Earlier::Answer(end)) => Some(end),
                Some(Earlier::Unanswered { .. }) | None => None,
            },
        };
        assert_eq!(after.started.contains(&call), answer.is_none(), "call {call}: {mark:?}");
        if let (Some(answer), Some(shown)) = (answer, after.outcomes.get(&call)) {
            assert_eq!(answer.outcome, *shown);
        }
    }
    answers.values().flatten().filter(|earlier| matches!(earlier, Earlier::Answer(_))).count()
}

/// How many answers there are to each question, in a recording and in reserve.
fn known_answers(recording: &Recording) -> BTreeMap<u128, usize> {
    let mut known = BTreeMap::new();
    let calls = recording.calls.iter().filter(|(_, call)| call.mark.kind.is_worth_taking());
    let calls = calls.map(|(_, call)| (call.mark.fingerprint, call.clone().into()));
    for (fingerprint, earlier) in calls.chain(recording.reserve.clone()) {
        if matches!(earlier, Earlier::Answer(_)) {
            *known.entry(fingerprint.0).or_default() += 1;
        }
    }
    known
}

/// What is reused of a journal up to the first difference.
fn check_prefix(recording: &Recording, after: &World) {
    let recorded: HashMap<CallId, &RecordedCall> =
        recording.calls.iter().map(|(id, call)| (*id, call)).collect();
    let differs = |(number, mark): &(usize, &Mark)| {
        recorded.get(&CallId(*number as u64)).is_some_and(|call| {
            call.mark.fingerprint != mark.fingerprint || (call.end.is_some() && usable(call).is_none())
        })
    };
    let first = after.asked.iter().enumerate().find(differs).map_or(after.asked.len(), |(number, _)| number);
    let has_children = after.asked.iter().any(|mark| mark.kind == RecordedKind::Child);
    for (number, mark) in after.asked.iter().enumerate() {
        let call = CallId(number as u64);
        let answered = recorded.get(&call).is_some_and(|call| usable(call).is_some());
        if mark.kind == RecordedKind::Agent && number >= first {
            assert!(after.started.contains(&call), "call {call} comes after {first}");
        }
        // A child that is not what it was takes along what came after it.
        if mark.kind == RecordedKind::Agent && number < first && answered && !has_children {
            assert!(!after.started.contains(&call), "call {call} comes before {first}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A crash after any entry of the journal, and another one after it: scripts are shown again what they were shown,
    /// nothing that has ended runs again or is written twice, and what comes of the run is the same.
    #[test]
    fn a_run_survives_a_crash_at_any_point(setup in Setup::any()) {
        let (first, log) = live(setup, None);
        for entries in first.cuts() {
            let mut second = first.resume(entries);
            second.follow(&log, usize::MAX);
            second.check_against(&first, entries, &log);
            let cuts = second.cuts();
            let mut chance = Chance(setup.seed ^ entries as u64);
            let again = cuts[chance.below(cuts.len())];
            let mut third = second.resume(again);
            third.follow(&log, usize::MAX);
            third.check_against(&second, again, &log);
        }
    }

    /// The same if it is cancelled somewhere after a crash, and then taken up.
    #[test]
    fn a_run_that_was_cancelled_can_be_taken_up(setup in Setup::any()) {
        let (first, log) = live(setup, None);
        for entries in first.cuts() {
            let mut second = first.resume(entries);
            second.follow(&log, Chance(setup.seed ^ entries as u64).below(first.shown.len() + 1));
            if second.result.is_some() {
                continue;
            }
            second.cancelled = true;
            // Calls that are made now have no number that the journal knows.
            let known = second.journal.recording(Drift::Fail);
            let known = known.calls.iter().map(|(call, _)| call).chain(&known.given_up);
            second.next_call = known.map(|call| call.0 + 1).fold(second.next_call, u64::max);
            second.feed(cancel());
            // What scripts had come to by then is written down now at the latest.
            second.closed = true;
            for _ in 0..1000 {
                second.run_scripts();
                let timer = second.under_way.keys().next().copied();
                match timer.filter(|_| second.result.is_none()) {
                    Some(timer) => second.apply(timer, &What::Fired),
                    None => break,
                }
            }
            prop_assert!(second.result.is_some(), "a cancelled run does not end");
            let written = second.journal.entries.len();
            let mut third = second.resume(written);
            third.follow(&log, usize::MAX);
            third.check_against(&first, entries, &log);
        }
    }

    /// One call is changed: what else was answered is not asked again.
    #[test]
    fn a_changed_run_takes_what_has_not_changed(setup in Setup::any(), drift in prop_oneof![Just(Drift::Match), Just(Drift::Prefix)]) {
        // Scripts go on whatever comes of a call, and are not refused any.
        let setup = Setup { null: true, budget: None, max_agents: None, ..setup };
        let (first, _) = live(setup, Some(plan(setup.seed)));
        let Some(changed) = plan(setup.seed).changed(&mut Chance(setup.seed ^ 2)) else { return Ok(()) };
        for entries in first.cuts() {
            let (journal, recording) = first.journal.until(entries).taken_up(drift);
            let mut second = World::begin(setup, Some(changed.clone()), journal, Some(recording.clone()));
            second.live(setup.seed ^ 3);
            match drift {
                // Nothing but the answer to the call that was changed is left over.
                Drift::Match => prop_assert!(check_taken(&recording, &second) <= 1),
                _ => check_prefix(&recording, &second),
            }
            // And its own journal is as good as any other.
            let entries = second.journal.entries.len();
            let mut third = second.resume(entries);
            third.run_scripts();
            prop_assert_eq!(&third.result, &second.result);
            prop_assert_eq!(&third.shown, &second.shown);
        }
    }

    /// A run is taken up anew, dies at any point, and is taken up once more in whichever way: no answer is lost or given
    /// twice, and nothing that was paid is forgotten or counted twice.
    #[test]
    fn a_run_that_is_taken_up_anew_and_dies_loses_nothing(
        setup in Setup::any(),
        drift in prop_oneof![Just(Drift::Match), Just(Drift::Prefix)],
        next in prop_oneof![2 => Just(Drift::Fail), 1 => Just(Drift::Match), 1 => Just(Drift::Prefix)],
    ) {
        let setup = Setup { null: true, budget: None, max_agents: None, ..setup };
        let mut chance = Chance(setup.seed ^ 4);
        let (first, _) = live(setup, Some(plan(setup.seed)));
        let changed = plan(setup.seed).changed(&mut chance).unwrap_or_else(|| plan(setup.seed));
        let (end, _) = first.turns[chance.below(first.turns.len())];
        let (journal, before) = first.journal.until(end).taken_up(drift);
        let began = journal.entries.len();
        let mut second = World::begin(setup, Some(changed.clone()), journal, Some(before.clone()));
        second.live(setup.seed ^ 5);
        prop_assert_eq!(second.core.budget().spent, before.spent + second.paid);
        for (end, paid) in second.turns.clone() {
            let (journal, between) = second.journal.until(end).taken_up(next);
            prop_assert_eq!(between.spent, before.spent + paid);
            let over = journal.entries[began..].iter().any(|entry| match entry {
                Written::Record(record, _) => match &**record {
                    Record::Begun { mark, .. } => mark.kind == RecordedKind::Agent,
                    other => *other == Record::Replayed,
                },
                _ => false,
            });
            if drift == Drift::Match && next != Drift::Prefix {
                // What there was, and what agents have answered since.
                let mut known = known_answers(&before);
                let attempted = between.calls.iter().filter(|(_, call)| call.attempts > 0);
                for (_, call) in attempted.filter(|(_, call)| call.end.as_ref().is_some_and(RecordedEnd::is_usable)) {
                    if call.mark.kind.is_worth_taking() {
                        *known.entry(call.mark.fingerprint.0).or_default() += 1;
                    }
                }
                prop_assert_eq!(known_answers(&between), known);
            }
            if drift == Drift::Prefix {
                prop_assert_eq!(next == Drift::Fail && !over, between.drift == Drift::Prefix && next == Drift::Fail);
                prop_assert!(between.reserve.is_empty());
                if !over {
                    prop_assert_eq!(&between.calls, &before.calls);
                }
            }
            let mut third = World::begin(setup, Some(changed.clone()), journal, Some(between.clone()));
            third.live(setup.seed ^ 6);
            prop_assert_eq!(third.core.budget().spent, between.spent + third.paid);
            match between.drift {
                Drift::Prefix => check_prefix(&between, &third),
                Drift::Fail | Drift::Match => {
                    check_taken(&between, &third);
                }
            }
        }
    }
}
