//! The experiment behind docs/design/vm-threads.md: on which threads should the VMs of many runs live?
//!
//! `vm_threads [rounds]` measures four placements against each other and prints a table. It has a small VM of its own
//! on rquickjs, with a prelude that costs about as much as the engine's, so that the placements which the engine does
//! not have stay runnable. Every case of every placement runs in a process of its own (`vm_threads <placement> <case>`)
//! and they take turns, so that all of them meet the same weather.

#[path = "vm_threads/placements.rs"]
mod placements;
mod support;
#[path = "vm_threads/vm.rs"]
mod vm;

use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use placements::{Agents, Placement, Placements};
use support::milliseconds;
use vm::Vm;

const HELLO: &str = "await agent('Say hello.')";
const SEQUENCE: &str = "for (let i = 0; i < 1000; i++) await agent(`Step ${i}.`)";
const ENDLESS: &str = "for (;;) ;";

/// What a case measures: its unit, and how to.
type Case = (&'static str, &'static str, fn(&Placements) -> Vec<f64>);

const CASES: &[Case] = &[
    ("one hello", "ms", one_hello),
    ("100 hellos at once", "ms", |placements| at_once(placements, 100)),
    ("1 000 hellos at once", "ms", |placements| at_once(placements, 1_000)),
    ("1 000 runs brought to their first await", "ms", |placements| waiting(placements, |held| held.arrived)),
    ("memory of a waiting run, PSS", "KiB", |placements| waiting(placements, |held| held.kib_per_run)),
    ("1 000 waiting runs released", "ms", |placements| waiting(placements, |held| held.released)),
    ("a call in sequence, answered at once", "µs", |placements| per_call(placements, Agents::AtOnce)),
    ("a call in sequence, answered elsewhere", "µs", |placements| per_call(placements, Agents::elsewhere())),
    ("20 hellos beside 1 endless loop, median", "ms", |placements| beside_loops(placements, 1, median)),
    ("20 hellos beside 1 endless loop, slowest", "ms", |placements| beside_loops(placements, 1, slowest)),
    ("20 hellos beside 4 endless loops, slowest", "ms", |placements| beside_loops(placements, 4, slowest)),
];

fn main() {
    let arguments: Vec<String> = support::arguments().collect();
    match arguments.as_slice() {
        [placement, case] => {
            let placement = Placement::by_name(placement).expect("a placement");
            let (name, unit, measure) = CASES.iter().find(|(name, ..)| name == case).expect("a case");
            support::report(name, unit, &measure(&Placements::new(placement)));
        }
        [] => compare(5),
        [rounds] => compare(rounds.parse().expect("a whole number of rounds")),
        _ => panic!("usage: vm_threads [rounds] or vm_threads <placement> <case>"),
    }
}

/// Runs everything and prints the table of medians.
fn compare(rounds: usize) {
    let create = support::sample(200, || drop(Vm::new(HELLO)));
    println!("creating and dropping a VM: {:.3} ms, median of {rounds} rounds below\n", median(&create));
    let mut samples: Vec<[Vec<f64>; Placement::ALL.len()]> = vec![Default::default(); CASES.len()];
    for _ in 0..rounds {
        for ((case, ..), row) in CASES.iter().zip(&mut samples) {
            for (placement, cell) in Placement::ALL.iter().zip(row) {
                cell.extend(in_own_process(placement.name(), case));
            }
        }
    }
    println!("| | unit | {} |", Placement::ALL.map(Placement::name).join(" | "));
    println!("|---|---|{}", "--:|".repeat(Placement::ALL.len()));
    for ((case, unit, _), row) in CASES.iter().zip(&samples) {
        let cells = row.each_ref().map(|cell| {
            let (least, most) = (cell.iter().copied().fold(f64::MAX, f64::min), slowest(cell));
            format!("{:.3} [{least:.3}-{most:.3}]", median(cell))
        });
        println!("| {case} | {unit} | {} |", cells.join(" | "));
    }
}

fn in_own_process(placement: &str, case: &str) -> Vec<f64> {
    let program = std::env::current_exe().expect("a program has a path");
    let output = Command::new(program).args([placement, case]).output().expect("the program can be started");
    assert!(output.status.success(), "{placement}, {case}: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    report["samples"].as_array().expect("the samples are a list").iter().filter_map(Value::as_f64).collect()
}

fn one_hello(placements: &Placements) -> Vec<f64> {
    let hello = || assert!(placements.run(HELLO, Agents::AtOnce).recv().is_ok_and(|end| end.completed));
    let samples = support::sample(100, hello);
    vec![median(&samples)]
}

fn at_once(placements: &Placements, count: usize) -> Vec<f64> {
    let burst = || {
        let runs: Vec<_> = (0..count).map(|_| placements.run(HELLO, Agents::AtOnce)).collect();
        assert!(runs.iter().all(|run| run.recv().is_ok_and(|end| end.completed)));
    };
    vec![median(&support::sample(3, burst))]
}

struct Held {
    arrived: f64,
    kib_per_run: f64,
    released: f64,
}

/// Brings 1 000 runs to their first await, looks at them, and lets them go on.
fn waiting(placements: &Placements, pick: fn(&Held) -> f64) -> Vec<f64> {
    const RUNS: usize = 1_000;
    // What the process needs once is none of the runs' business.
    one_hello(placements);
    let (agents, arrived, release) = Agents::held();
    let before = memory_kib();
    let started = Instant::now();
    let runs: Vec<_> = (0..RUNS).map(|_| placements.run(HELLO, agents.clone())).collect();
    for _ in 0..RUNS {
        arrived.recv().expect("the runs arrive");
    }
    let arrived = milliseconds(started.elapsed());
    let kib_per_run = (memory_kib() - before) / RUNS as f64;
    let started = Instant::now();
    release.send_replace(true);
    assert!(runs.iter().all(|run| run.recv().is_ok_and(|end| end.completed)));
    vec![pick(&Held { arrived, kib_per_run, released: milliseconds(started.elapsed()) })]
}

/// The memory of this process alone, where the system tells; else nothing is compared.
fn memory_kib() -> f64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(f64::NAN)
}

fn per_call(placements: &Placements, agents: Agents) -> Vec<f64> {
    let sequence = || assert!(placements.run(SEQUENCE, agents.clone()).recv().is_ok_and(|end| end.completed));
    // 1 000 calls: milliseconds for all are microseconds for one.
    vec![median(&support::sample(5, sequence))]
}

/// The time from start to end of 20 hellos that begin while scripts loop until their limit.
fn beside_loops(placements: &Placements, loops: usize, pick: fn(&[f64]) -> f64) -> Vec<f64> {
    one_hello(placements);
    let stuck: Vec<_> = (0..loops).map(|_| placements.run(ENDLESS, Agents::AtOnce)).collect();
    // The loops have to be at it before the others begin; whatever is quicker than this has not been held up.
    let began = mpsc::channel::<()>().1.recv_timeout(Duration::from_millis(20));
    assert!(began.is_err());
    let runs: Vec<_> = (0..20).map(|_| placements.run(HELLO, Agents::AtOnce)).collect();
    let ends: Vec<_> = runs.iter().map(|run| run.recv().expect("the run ends")).collect();
    assert!(ends.iter().all(|end| end.completed));
    assert!(stuck.iter().all(|run| run.recv().is_ok_and(|end| !end.completed)));
    let times: Vec<f64> = ends.iter().map(|end| milliseconds(end.took)).collect();
    vec![pick(&times)]
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

fn slowest(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(0.0, f64::max)
}
