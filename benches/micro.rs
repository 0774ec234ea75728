//! Where the time of one run goes, part by part, without Node.js.
//!
//! `micro [samples]` prints one line of JSON per case. A hello through the API is, roughly, `read` + `thread` +
//! `create` + `start` + `deliver` + `drop`; what is missing to the figure of `npm run bench` is Node's side and the
//! wake-ups between the threads.

mod support;

use std::sync::Arc;
use std::thread;

use smol_workflow_engine::engine::core::{Core, Effect, Input};
use smol_workflow_engine::model::budget::BudgetState;
use smol_workflow_engine::model::ids::{Slot, VmId};
use smol_workflow_engine::model::json::JsonText;
use smol_workflow_engine::model::limits::Limits;
use smol_workflow_engine::model::options::{RunOptions, SourceRef};
use smol_workflow_engine::model::outcome::{AgentOutput, AttemptOutcome, Settled};
use smol_workflow_engine::model::request::{AgentOptions, AgentRequest, Item, Request, RequestKind};
use smol_workflow_engine::model::script::{Imports, Script, ScriptForm};
use smol_workflow_engine::runtime::quickjs::QuickJs;
use smol_workflow_engine::runtime::{Interrupt, Vm, VmFactory, VmSetup};
use smol_workflow_engine::script;

const HELLO: &str = include_str!("../bench/workflows/hello.js");
const SEQUENTIAL: &str = include_str!("../bench/workflows/sequential.js");
/// As people write them: 160 lines, helpers, schemas, prompts.
const EXAMPLE: &str = include_str!("../examples/code-review.js");
const BUDGET: BudgetState = BudgetState { total: None, spent: 0.0 };
/// As the engine has it: the script's own stack, and room for what stands on it.
const STACK: usize = 3 << 20;

fn main() {
    let samples: usize =
        support::arguments().next().map_or(201, |text| text.parse().expect("a whole number"));
    // On a thread like the engine's: QuickJS measures its stack from where it is called.
    let body = move || measure(samples);
    let measuring = thread::Builder::new().stack_size(STACK).spawn(body).expect("there is a thread");
    measuring.join().expect("no case panics");
}

fn measure(samples: usize) {
    let hello = script::read(HELLO, None, "hello.js", Imports::None).expect("the script is valid");
    let sequential =
        script::read(SEQUENTIAL, None, "sequential.js", Imports::None).expect("the script is valid");

    let read = || drop(script::read(HELLO, None, "hello.js", Imports::None));
    support::report("read a small script", "µs", &micros(samples, read));

    let read = || drop(script::read(EXAMPLE, None, "code-review.js", Imports::None));
    support::report("read an ordinary script", "µs", &micros(samples, read));

    let large = large_source();
    let read = || assert!(script::read(&large, None, "large.js", Imports::None).is_ok());
    support::report("read a script of 500 KB", "µs", &micros(samples.div_ceil(10), read));

    let spawned = || {
        let thread = thread::Builder::new().stack_size(STACK).spawn(|| ()).expect("there is a thread");
        thread.join().expect("it does nothing");
    };
    support::report("spawn and join a thread", "µs", &micros(samples, spawned));

    let mut phases: [Vec<f64>; 4] = Default::default();
    for _ in 0..=samples {
        let mut vm = None;
        phases[0].push(support::timed(|| vm = Some(create(&hello))) * 1000.0);
        let mut vm = vm.expect("it was just made");
        phases[1].push(support::timed(|| assert!(vm.start().settled.is_none())) * 1000.0);
        phases[2].push(support::timed(|| assert!(deliver(&mut *vm, 0).is_some())) * 1000.0);
        phases[3].push(support::timed(|| drop(vm)) * 1000.0);
    }
    let names = ["create a VM", "start a hello", "deliver its answer", "drop the VM"];
    for (name, phase) in names.iter().zip(&phases) {
        // The first VM compiles what all the others only read.
        support::report(name, "µs", &phase[1..]);
    }

    let turns = 1_000;
    let calls = micros(samples.div_ceil(10), || {
        let mut vm = create(&sequential);
        vm.start();
        let settled = (0..turns).filter_map(|_| deliver(&mut *vm, 0)).count();
        assert_eq!(settled, 1);
    });
    support::report("1 000 calls in sequence inside the VM, per call", "µs", &scaled(&calls, turns));

    let calls = 10_000;
    let steps = micros(samples.div_ceil(10), || core_fan_out(calls));
    support::report("10 000 calls at once through the core, per call", "µs", &scaled(&steps, calls));
}

/// The ordinary script again and again, each time in a function of its own.
fn large_source() -> String {
    let (_meta, body) = EXAMPLE.split_once("\n}\n").expect("its metadata is an object");
    let mut source = "export const meta = { name: 'large', description: 'A large script' }\n".to_owned();
    while source.len() < 500_000 {
        source.push_str(&format!("async function part{}() {{\n{body}\n}}\n", source.len()));
    }
    source + "return 1\n"
}

fn micros(count: usize, body: impl FnMut()) -> Vec<f64> {
    support::sample(count, body).iter().map(|ms| ms * 1000.0).collect()
}

fn scaled(samples: &[f64], parts: u32) -> Vec<f64> {
    samples.iter().map(|sample| sample / f64::from(parts)).collect()
}

fn create(script: &Script) -> Box<dyn Vm> {
    let setup = VmSetup {
        args: Some(JsonText::new(r#"{"count":1000}"#)),
        budget: BUDGET,
        limits: Limits::default(),
        depth_left: 1,
        max_depth: 1,
        interrupt: Interrupt::default(),
        explain: None,
    };
    QuickJs.create(script, setup).expect("there is memory")
}

fn deliver(vm: &mut dyn Vm, slot: u32) -> Option<Settled> {
    vm.deliver(Slot(slot), &Ok(Some(JsonText::new("\"done\""))), BUDGET).settled
}

/// One script that asks for `calls` agents at once and is done when all have answered.
fn core_fan_out(calls: u32) {
    let options = RunOptions::new(SourceRef::Path("flow.js".into())).resolve(ScriptForm::Module);
    let mut core = Core::new(options, "bench.js".into(), false);
    let mut inputs = std::collections::VecDeque::from([Input::Started { recording: None }]);
    let mut effects = Vec::new();
    let mut delivered = 0;
    let request = || AgentRequest {
        prompt: Some(JsonText::new("\"do it\"")),
        options: None,
        parsed: AgentOptions::default(),
    };
    while let Some(input) = inputs.pop_front() {
        core.step(input, &mut effects);
        for effect in effects.drain(..) {
            let idle = |said, settled| Input::VmIdle { vm: VmId::ROOT, said, settled };
            match effect {
                Effect::StartRoot => {
                    let ask = |slot| {
                        let kind = RequestKind::Agent(Arc::new(request()));
                        Item::Request(Request { slot: Slot(slot), kind })
                    };
                    inputs.push_back(idle((0..calls).map(ask).collect(), None));
                }
                Effect::StartAgent { call, .. } => {
                    let outcome = AttemptOutcome::Answer(AgentOutput::default());
                    inputs.push_back(Input::AgentFinished { call, outcome });
                }
                Effect::Deliver { .. } => {
                    delivered += 1;
                    let settled = (delivered == calls).then_some(Settled::Value(None));
                    inputs.push_back(idle(Vec::new(), settled));
                }
                Effect::Finish(result) => assert!(result.is_ok() && delivered == calls),
                _ => {}
            }
        }
    }
    assert_eq!(delivered, calls);
}
