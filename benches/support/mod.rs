//! What the benchmark binaries share: taking samples, and handing them over.
//!
//! Knows nothing of what is measured. Plain binaries and not criterion: the same numbers go into the tables of
//! `npm run bench`, and there is nothing more to build.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The times of `count` runs of `body` in milliseconds, after one that is not counted.
pub fn sample(count: usize, mut body: impl FnMut()) -> Vec<f64> {
    body();
    (0..count).map(|_| timed(&mut body)).collect()
}

/// The time of one run, in milliseconds.
pub fn timed(body: impl FnOnce()) -> f64 {
    let started = Instant::now();
    body();
    milliseconds(started.elapsed())
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// One case as a line of JSON on stdout: `{ name, unit, samples }`.
pub fn report(name: &str, unit: &str, samples: &[f64]) {
    println!("{}", json!({ "name": name, "unit": unit, "samples": samples }) as Value);
}

/// The arguments of the benchmark. `cargo bench` puts a `--bench` among them, which is none of ours.
pub fn arguments() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|argument| argument != "--bench")
}
