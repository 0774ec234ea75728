//! What it costs to have a process started, read and ended by the engine, beside the same done with nothing around it.
//!
//! `process [samples]` prints one line of JSON per case. Linux and other Unix systems only: it runs `echo`, `cat` and
//! `xargs`.
//!
//! `process bare <program> <samples>` starts a program with nothing around it, for whoever measures the engine from
//! outside: how long until its first byte, and until its end.

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command as Bare, Stdio};
use std::time::Instant;

use futures_util::future::join_all;
use smol_workflow_engine::providers::process::{Command, Flow, Line, Watch, in_background, run};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// Processes at once, and what each of them prints.
const MANY: usize = 64;
const SIZE: usize = 1 << 20;

fn main() {
    let number = |text: String| text.parse::<usize>().expect("a whole number");
    let mut arguments = support::arguments();
    let first = arguments.next();
    if first.as_deref() == Some("bare") {
        let program = arguments.next().expect("a program");
        return bare(&program, number(arguments.next().expect("how often")));
    }
    let samples = first.map_or(201, number);
    // As the engine has it.
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("there are threads");
    first_byte(&runtime, samples, "");
    // What is forked is a process of this size; a large host is copied page table by page table.
    let ballast = vec![1_u8; 1 << 30];
    first_byte(&runtime, samples.div_ceil(4), ", in a host of 1 GiB");
    drop(std::hint::black_box(ballast));
    many(&runtime, samples.div_ceil(20));
}

fn first_byte(runtime: &Runtime, samples: usize, host: &str) {
    let mut bare = Vec::new();
    let mut ours = Vec::new();
    // In turns, so that whatever else the machine does meets both alike; the first ones are not counted.
    for _ in 0..=samples {
        bare.push(bare_run(Bare::new("/bin/echo").arg("x")).0 * 1000.0);
        ours.push(runtime.block_on(our_first_byte()) * 1000.0);
    }
    support::report(&format!("spawn to first byte, bare{host}"), "µs", &bare[1..]);
    support::report(&format!("spawn to first byte, engine{host}"), "µs", &ours[1..]);
}

fn bare(program: &str, samples: usize) {
    let (first, end): (Vec<_>, Vec<_>) = (0..samples).map(|_| bare_run(&mut Bare::new(program))).unzip();
    support::report("bare, to the first byte", "ms", &first);
    support::report("bare, to the end", "ms", &end);
}

/// Milliseconds to the first byte of a program, and until it has closed its stdout and exited. The standard library
/// starts it with `posix_spawn`.
fn bare_run(command: &mut Bare) -> (f64, f64) {
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it can be started");
    let stdout = child.stdout.as_mut().expect("it is piped");
    stdout.read_exact(&mut [0]).expect("it says something");
    let first = support::milliseconds(started.elapsed());
    stdout.read_to_end(&mut Vec::new()).expect("pipes do not fail");
    child.wait().expect("it is ours");
    (first, support::milliseconds(started.elapsed()))
}

async fn our_first_byte() -> f64 {
    let started = Instant::now();
    let work = async move {
        let mut time = 0.0;
        let on_line = |_: Line<'_>| {
            time = support::milliseconds(started.elapsed());
            Flow::Continue
        };
        let command = Command::new("/bin/echo").args(["x"]);
        let exit = run(command, Watch::default(), CancellationToken::new(), on_line).await;
        assert!(exit.expect("there is an echo").is_success());
        time
    };
    in_background(work).await
}

fn many(runtime: &Runtime, samples: usize) {
    let path = std::env::temp_dir().join(format!("process-bench-{}", std::process::id()));
    let line = [b'x'; 127];
    let mut text = line.to_vec();
    text.push(b'\n');
    fs::write(&path, text.repeat(SIZE / text.len())).expect("there is room for a file");
    let script = format!("seq {MANY} | xargs -P{MANY} -I_ cat {}", path.display());
    let bare = support::sample(samples, || assert_eq!(xargs(&script), MANY * SIZE));
    let ours = support::sample(samples, || {
        let cats = (0..MANY).map(|_| in_background(cat(Command::new("cat").args([&path]))));
        let sizes = runtime.block_on(join_all(cats));
        assert_eq!(sizes.iter().sum::<usize>(), MANY * SIZE);
    });
    fs::remove_file(path).expect("it is ours");
    support::report(&format!("{MANY} × 1 MiB, xargs"), "ms", &bare);
    support::report(&format!("{MANY} × 1 MiB, engine"), "ms", &ours);
}

/// Bytes that the script prints.
fn xargs(script: &str) -> usize {
    let mut command = Bare::new("/bin/sh");
    let mut child = command.args(["-c", script]).stdout(Stdio::piped()).spawn().expect("there is a shell");
    let mut pipe = child.stdout.take().expect("it is piped");
    let mut buffer = vec![0; 64 << 10];
    let mut sum = 0;
    loop {
        let count = pipe.read(&mut buffer).expect("pipes do not fail");
        if count == 0 {
            break;
        }
        sum += count;
        std::io::sink().write_all(&buffer[..count]).expect("it takes everything");
    }
    assert!(child.wait().expect("it is ours").success());
    sum
}

/// Bytes that the command prints, counted by lines.
async fn cat(command: Command) -> usize {
    let mut sum = 0;
    let on_line = |line: Line<'_>| {
        sum += line.bytes.len() + 1;
        Flow::Continue
    };
    let exit = run(command, Watch::default(), CancellationToken::new(), on_line).await;
    assert!(exit.expect("there is a cat").is_success());
    sum
}
