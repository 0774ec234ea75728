mod support;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, mpsc as blocking};
use std::{env, process, thread};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;
use tokio::time::{advance, pause};

use super::*;
use crate::model::journal::ProcessNote;
use support::{
    Fifo, LONG, PATIENCE, Part, ROLE, Running, Seen, bounded, fifo_path, gone, hold_time, patient, play,
    processes, run, run_lines, sh,
};

fn code(code: i32, stderr: &str) -> Exit {
    Exit { end: End::Exited(Status::Code(code)), stderr: stderr.to_owned() }
}

// Starting, and what goes in.

#[tokio::test]
async fn what_cannot_be_started_is_told_as_node_tells_it() {
    let not_executable = env::temp_dir().join(format!("process-test-{}-plain", process::id()));
    fs::write(&not_executable, "#!/bin/sh\n").unwrap();
    let plain = not_executable.to_str().unwrap().to_owned();
    let in_folder = |folder: &str| Command { cwd: Some(folder.into()), ..sh("true") };
    for (command, message, code) in [
        (Command::new("/no/such/bin"), "spawn /no/such/bin ENOENT", "ENOENT"),
        (Command::new("no-such-agent"), "spawn no-such-agent ENOENT", "ENOENT"),
        (in_folder("/no/such/folder"), "spawn /bin/sh ENOENT", "ENOENT"),
        (in_folder("/bin/sh"), "spawn /bin/sh ENOTDIR", "ENOTDIR"),
        (Command::new(&plain), &format!("spawn {plain} EACCES"), "EACCES"),
        (sh(&"x".repeat(200_000)), "spawn /bin/sh E2BIG", "E2BIG"),
        (sh("a\0b"), "spawn /bin/sh EINVAL", "EINVAL"),
    ] {
        let error = run(command, patient(), CancellationToken::new(), |_| Flow::Continue).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        let data = ErrorData::from(error);
        assert_eq!((data.name.as_str(), data.message.as_str()), ("Error", message));
        assert_eq!(data.code.as_deref(), Some(code));
    }
    fs::remove_file(not_executable).unwrap();
}

#[tokio::test]
async fn arguments_environment_and_folder_arrive_as_they_are() {
    let odd = ["a b", "$HOME", "`x`; *", "\"'", "", "ü\n"];
    let print = Command::new("printf").args(["<%s>"]).args(odd);
    let (exit, lines) = run_lines(print).await;
    assert_eq!((exit, lines.join("\n")), (code(0, ""), "<a b><$HOME><`x`; *><\"'><><ü\n>".to_owned()));

    // Any variable that the host has, to be taken away.
    let is_plain = |name: &String| name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_uppercase());
    let taken = env::vars()
        .map(|(name, _)| name)
        .find(|name| is_plain(name) && name != "PATH" && name != "PWD")
        .unwrap();
    let mut command = sh(&format!("echo \"$A-${{B-none}}-${{{taken}-none}}\"; test -n \"$PATH\" && pwd"))
        .env("A", "1")
        .env("B", "2");
    command.env.push(("B".into(), None));
    command.env.push((taken.into(), None));
    command.cwd = Some("/".into());
    assert_eq!(run_lines(command).await.1, ["1-none-none", "/"]);
}

#[tokio::test]
async fn a_child_that_goes_by_its_environment_is_in_the_same_folder() {
    let here = env::current_dir().unwrap();
    let print = |folder: &str| Command { cwd: Some(folder.into()), ..Command::new("printenv").args(["PWD"]) };
    assert_eq!(run_lines(print("/")).await.1, ["/"]);
    assert_eq!(run_lines(print("src")).await.1, [here.join("src").to_str().unwrap()]);
    assert_eq!(run_lines(print("/").env("PWD", "mine")).await.1, ["mine"]);
}

#[tokio::test]
async fn a_script_that_does_not_say_what_reads_it_is_read_by_a_shell() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("agent");
    fs::write(&script, "echo \"$1-$#\"\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    // By its path, and by its name: the folders before it in PATH do not have it, or are none.
    let named = Command::new("agent").env("PATH", format!("/no/such:{}", folder.path().display()));
    for command in [Command::new(&script), named] {
        assert_eq!(run_lines(command.args(["a b", "c"])).await.1, ["a b-2"]);
    }
}

#[tokio::test]
async fn stdin_is_delivered_and_closed() {
    // Without anything to read it ends at once, and so do those who would wait for it.
    assert_eq!(run_lines(Command::new("cat")).await, (code(0, ""), vec![]));
    let empty = Command { stdin: Some(Vec::new()), ..Command::new("cat") };
    assert_eq!(run_lines(empty).await, (code(0, ""), vec![]));
    let text = Command { stdin: Some(b"one\ntwo".to_vec()), ..Command::new("cat") };
    assert_eq!(run_lines(text).await, (code(0, ""), vec!["one".to_owned(), "two".to_owned()]));
}

#[tokio::test]
async fn a_child_need_not_read_its_stdin() {
    let unread = |script: &str| Command { stdin: Some(vec![b'x'; 10 << 20]), ..sh(script) };
    let (exit, lines) = run_lines(unread("exec 0<&-; echo answer")).await;
    assert_eq!((exit, lines), (code(0, ""), vec!["answer".to_owned()]));
    let (exit, _) = run_lines(unread("echo 'no such model' >&2; exit 3")).await;
    assert_eq!(exit, code(3, "no such model\n"));
    // A grandchild keeps stdin open and never reads it.
    let (exit, lines) = run_lines(unread("sleep 1000 <&0 >/dev/null 2>&1 & echo answer")).await;
    assert_eq!((exit, lines), (code(0, ""), vec!["answer".to_owned()]));
}

#[tokio::test]
async fn fifty_megabytes_each_way_do_not_dead_lock() {
    let script = "yes 'a line of thirty-two characters' | head -c 50000000; echo; wc -c";
    let command = Command { stdin: Some(vec![b'x'; 50_000_000]), ..sh(script) };
    let (mut count, mut last) = (0, String::new());
    let exit = run(command, patient(), CancellationToken::new(), |line| {
        count += line.bytes.len() + 1;
        last = line.text().into_owned();
        Flow::Continue
    });
    assert_eq!(exit.await.unwrap(), code(0, ""));
    assert_eq!((last.trim(), count), ("50000000", 50_000_001 + last.len() + 1));
}

// Output.

#[tokio::test]
async fn exits_are_told_by_code_or_signal_and_with_stderr() {
    for (script, exit, shown) in [
        ("exit 0", code(0, ""), "code 0"),
        ("echo warning >&2", code(0, "warning\n"), "code 0"),
        ("exit 143", code(143, ""), "code 143"),
        ("kill -TERM $$", Exit { end: End::Exited(Status::Signal(15)), ..code(0, "") }, "signal SIGTERM"),
        ("kill -KILL $$", Exit { end: End::Exited(Status::Signal(9)), ..code(0, "") }, "signal SIGKILL"),
        ("printf 'a\\377' >&2; exit 1", code(1, "a\u{fffd}"), "code 1"),
    ] {
        let (found, _) = run_lines(sh(script)).await;
        assert_eq!(found, exit, "{script}");
        assert_eq!(found.is_success(), shown == "code 0", "{script}");
        let End::Exited(status) = found.end else { panic!("{script}: {found:?}") };
        assert_eq!(status.to_string(), shown);
    }
}

#[tokio::test]
async fn lines_come_whole_whatever_they_are_made_of() {
    let (_, lines) = run_lines(sh("printf 'a\\r\\n\\n\\377b\\nlast'")).await;
    assert_eq!(lines, ["a", "", "\u{fffd}b", "last"]);
    let mut lines = Vec::new();
    let watch = Watch { max_line: 1000, ..patient() };
    let script = "head -c 5000000 /dev/zero; echo; echo short";
    let exit = run(sh(script), watch, CancellationToken::new(), |line| {
        lines.push((line.bytes.len(), line.lost));
        Flow::Continue
    });
    assert!(exit.await.unwrap().is_success());
    assert_eq!(lines, [(1000, 4_999_000), (5, 0)]);
}

#[tokio::test]
async fn stderr_is_read_to_its_end_and_kept_in_part() {
    let script = "echo first >&2; head -c 5000000 /dev/zero | tr '\\0' x >&2; echo last >&2";
    let watch = Watch { keep_stderr: 20_000, ..patient() };
    let exit = run(sh(script), watch, CancellationToken::new(), |_| Flow::Continue).await.unwrap();
    let left_out = 5_000_000 + 6 + 5 - 20_000;
    assert!(exit.stderr.starts_with("first\nxxx"));
    assert!(exit.stderr.ends_with("xxxlast\n"));
    assert!(exit.stderr.contains(&format!("x\n[… {left_out} bytes left out …]\nx")));
    assert!(exit.stderr.len() < 20_100);
}

#[tokio::test]
async fn a_flood_on_one_pipe_does_not_hide_the_other() {
    let (mut out, mut err) = (Some(tokio::io::repeat(b'o')), Some(tokio::io::repeat(b'e')));
    let (mut out, mut err) = (Source::new(&mut out, 1), Source::new(&mut err, 1));
    let (mut from_out, mut from_err) = (0, 0);
    for _ in 0..200 {
        match bounded("either pipe", either(&mut out, &mut err, false)).await {
            Read::Out(read) => from_out += read.len(),
            Read::Err(read) => from_err += read.len(),
        }
    }
    assert!(from_out > 0 && from_err > 0, "{from_out} from stdout, {from_err} from stderr");
}

#[tokio::test]
async fn a_slow_reader_slows_the_child_down() {
    let mut pid = None;
    let mut read = 0;
    let exit = run(sh("echo $$; exec yes abcdefg"), patient(), CancellationToken::new(), |line| {
        read += line.bytes.len() as u64 + 1;
        let pid = pid.get_or_insert_with(|| line.text().into_owned());
        if read % 1024 == 0 {
            // Whoever read ahead could do so now.
            (0..10).for_each(|_| thread::yield_now());
            let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
            let written: u64 =
                io.split_whitespace().skip_while(|word| *word != "wchar:").nth(1).unwrap().parse().unwrap();
            // What the pipe holds, what was read with this line, and what the shell said before.
            assert!(written <= read + 2 * CHUNK as u64 + 4096, "{written} bytes written, {read} read");
        }
        if read > 4_000_000 { Flow::Stop } else { Flow::Continue }
    });
    assert_eq!(exit.await.unwrap().end, End::Stopped);
    assert!(read > 4_000_000);
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipes_is_not_waited_for() {
    let mut fifo = Fifo::new();
    let (exit, lines) = run_lines(fifo.command("setsid sleep 1000 & echo answer; echo warning >&2")).await;
    assert_eq!((exit, lines), (code(0, "warning\n"), vec!["answer".to_owned()]));
    // Nobody owns it any more.
    assert_eq!(fifo.closed().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_wrapper_leaves_to_its_child_to_say_is_heard() {
    let held = hold_time();
    let path = fifo_path();
    // The child answers when the wrapper, which has the only other end of the pipe, is gone.
    let script = "{ read x; echo answer; } <\"$FIFO\" & exec 9>\"$FIFO\"";
    let (exit, lines) = run_lines(sh(script).env("FIFO", &path)).await;
    assert_eq!((exit.is_success(), lines), (true, vec!["answer".to_owned()]));
    drop(held);
    fs::remove_file(path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_the_exit_is_read_however_late() {
    let path = fifo_path();
    let name = path.clone();
    let (tell, gone) = blocking::channel();
    thread::spawn(move || tell.send(File::open(name).unwrap().read_to_end(&mut Vec::new()).unwrap()));
    let mut gone = Some(gone);
    // It has exited when the reader comes back from the first line, and has left a pipe full behind.
    let script = "exec 9>\"$FIFO\"; setsid sleep 1000 9>&- & echo first; yes | head -c 60000; exit 0";
    let mut lines = 0;
    let exit = run(sh(script).env("FIFO", &path), patient(), CancellationToken::new(), |_| {
        if let Some(gone) = gone.take() {
            gone.recv_timeout(PATIENCE).expect("the child exits");
        }
        lines += 1;
        Flow::Continue
    });
    assert!(exit.await.unwrap().is_success());
    assert_eq!(lines, 30_001);
    fs::remove_file(path).unwrap();
}

// Ends.

#[tokio::test]
async fn a_child_that_was_cancelled_may_clean_up_and_all_of_its_tree_goes() {
    // A tool in a session of its own, one more that has thrown its environment away, and an orphan. What a shell puts
    // into the background ignores SIGINT, so there is none of that for those who get it.
    let tools =
        "setsid sh -c 'trap \"echo tool >&9; exit\" TERM; echo up >&9; while :; do sleep 0.01; done' &
        setsid env -i sh -c 'trap \"echo bare >&9; exit\" TERM; echo up >&9; while :; do sleep 0.01; done' &
        sh -c 'setsid sh -c \"echo up >&9; exec sleep 1000\" & exit'";
    let orphan =
        "setsid -f sh -c 'trap \"echo orphan >&9; exit\" INT; echo up >&9; while :; do sleep 0.01; done'";
    for (first_signal, name, tools, said) in [
        (FirstSignal::Term, "TERM", tools, vec!["bare", "cleaned", "tool"]),
        (FirstSignal::Int, "INT", orphan, vec!["cleaned", "orphan"]),
    ] {
        let mut fifo = Fifo::new();
        let script = format!(
            "trap 'echo cleaned >&9; exit 1' {name}; {tools}
             echo up >&9; while :; do sleep 0.01; done"
        );
        let running = Running::start(fifo.command(&script), Watch { first_signal, ..patient() });
        for _ in 0..if name == "TERM" { 4 } else { 2 } {
            assert_eq!(fifo.line().await, "up");
        }
        running.cancel.cancel();
        assert_eq!(running.end().await, End::Cancelled);
        let mut found = fifo.closed().await;
        found.sort();
        assert_eq!(found, said, "with the grace far from over");
    }
}

#[tokio::test]
async fn what_ignores_the_signal_is_killed_after_the_grace() {
    let mut fifo = Fifo::new();
    let script = "trap '' TERM INT HUP
        setsid sh -c 'while :; do sleep 1000; done' &
        sh -c 'while :; do sleep 1000; done' &
        echo up >&9; while :; do sleep 1000; done";
    let running = Running::start(fifo.command(script), Watch::default());
    assert_eq!(fifo.line().await, "up");
    pause();
    running.cancel.cancel();
    assert_eq!(running.end().await, End::Cancelled);
    assert_eq!(fifo.closed().await, [""; 0]);
}

#[tokio::test]
async fn what_is_started_to_clean_up_has_the_grace_too_and_not_longer() {
    let mut fifo = Fifo::new();
    let script =
        "trap 'setsid sh -c \"trap : TERM; echo cleaning >&9; while :; do sleep 0.01; done\" & wait; exit' TERM
        echo up >&9; while :; do sleep 0.01; done";
    let running = Running::start(fifo.command(script), Watch::default());
    assert_eq!(fifo.line().await, "up");
    running.cancel.cancel();
    assert_eq!(running.end().await, End::Cancelled);
    assert_eq!(fifo.line().await, "cleaning");
    pause();
    assert_eq!(fifo.closed().await, [""; 0]);
}

#[tokio::test]
async fn nothing_is_left_behind_by_an_exit_of_any_kind() {
    for (exit, end) in
        [("exit 0", Status::Code(0)), ("exit 1", Status::Code(1)), ("kill -KILL $$", Status::Signal(9))]
    {
        let mut fifo = Fifo::new();
        let leave = "setsid sh -c 'setsid sleep 1000 >/dev/null 2>&1 & exit'; sleep 1000 >/dev/null 2>&1 &";
        let (found, _) = run_lines(fifo.command(&format!("{leave} {exit}"))).await;
        assert_eq!(found.end, End::Exited(end));
        assert_eq!(fifo.closed().await, [""; 0], "after {exit}");
    }
}

#[tokio::test]
async fn a_token_that_is_cancelled_already_starts_nothing() {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let exit = run(Command::new("/no/such/bin"), patient(), cancel, |_| Flow::Continue).await.unwrap();
    assert_eq!(exit, Exit { end: End::Cancelled, stderr: String::new() });
}

#[tokio::test]
async fn a_reader_that_has_enough_ends_the_child() {
    let mut fifo = Fifo::new();
    let mut seen = 0;
    let exit = run(fifo.command("exec yes"), patient(), CancellationToken::new(), |_| {
        seen += 1;
        if seen == 3 { Flow::Stop } else { Flow::Continue }
    });
    assert_eq!((exit.await.unwrap().end, seen), (End::Stopped, 3));
    assert_eq!(fifo.closed().await, [""; 0]);
    // Also at a last line without an end.
    let mut fifo = Fifo::new();
    let exit =
        run(fifo.command("printf x"), patient(), CancellationToken::new(), |_| Flow::Stop).await.unwrap();
    assert_eq!(exit.end, End::Stopped);
    assert_eq!(fifo.closed().await, [""; 0]);
}

#[tokio::test]
async fn limits_end_the_child_and_keep_what_it_said() {
    for (watch, expected) in [
        (Watch { timeout: Some(LONG), ..patient() }, End::Timeout),
        (Watch { stall: Some(LONG), ..patient() }, End::Stall),
        (Watch { stall: Some(LONG * 2), timeout: Some(LONG), ..patient() }, End::Timeout),
        (Watch { timeout: Some(LONG * 2), stall: Some(LONG), ..patient() }, End::Stall),
    ] {
        let mut fifo = Fifo::new();
        let mut running = Running::start(fifo.command("echo why >&2; echo up; exec sleep 5000"), watch);
        assert_eq!(running.line().await, "up");
        pause();
        let exit = running.exit.await.unwrap().unwrap();
        assert_eq!(exit, Exit { end: expected, stderr: "why\n".to_owned() });
        assert_eq!(fifo.closed().await, [""; 0]);
        tokio::time::resume();
    }
}

#[tokio::test(start_paused = true)]
async fn output_on_either_pipe_is_a_sign_of_life() {
    let held = hold_time();
    let path = fifo_path();
    let watch = Watch { stall: Some(Duration::from_secs(10)), ..patient() };
    let script =
        "exec 9<>\"$FIFO\"; while read x <&9; do echo \"$x\"; echo \"$x\" >&2; echo \"$x\" >&2; done";
    let mut running = Running::start(sh(script).env("FIFO", &path), watch);
    for _ in 0..5 {
        // Opening it waits for the child, which must not keep this thread from starting it.
        let name = path.clone();
        thread::spawn(move || writeln!(File::options().write(true).open(name).unwrap(), "alive").unwrap());
        assert_eq!(running.line().await, "alive");
        advance(Duration::from_secs(9)).await;
        assert!(!running.exit.is_finished());
    }
    drop(held);
    assert_eq!(running.end().await, End::Stall);
    fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn dropping_the_future_in_any_state_ends_the_tree() {
    let script = "setsid sh -c 'echo up >&9; exec sleep 1000' & echo up >&9; sleep 1000";
    // Before the child has said anything: it may not even have been started.
    for polls in 0..20 {
        let mut work =
            Box::pin(run(sh("exec sleep 4321"), patient(), CancellationToken::new(), |_| Flow::Continue));
        for _ in 0..polls {
            assert!(futures_util::poll!(&mut work).is_pending());
            tokio::task::yield_now().await;
        }
        drop(work);
    }
    let mut fifo = Fifo::new();
    let running = Running::start(fifo.command(script), patient());
    assert_eq!((fifo.line().await, fifo.line().await), ("up".to_owned(), "up".to_owned()));
    drop(running);
    assert_eq!(fifo.closed().await, [""; 0]);
    gone(|seen| seen.arguments == "sleep\x004321\0").await;
}

#[tokio::test]
async fn a_reader_that_panics_ends_the_tree() {
    let mut fifo = Fifo::new();
    let reader = |_: Line<'_>| -> Flow { panic!("a test of panics") };
    let work = run(fifo.command("echo up; sleep 1000"), patient(), CancellationToken::new(), reader);
    assert!(tokio::spawn(work).await.unwrap_err().is_panic());
    assert_eq!(fifo.closed().await, [""; 0]);
}

#[test]
fn a_runtime_that_goes_away_takes_its_children_with_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut fifo = Fifo::new();
    let script = "trap '' TERM; setsid sh -c 'echo up >&9; sleep 1000' & echo up >&9; sleep 1000";
    let running = Running::start_on(&runtime, fifo.command(script));
    runtime.block_on(async {
        assert_eq!((fifo.line().await, fifo.line().await), ("up".to_owned(), "up".to_owned()));
    });
    drop((runtime, running));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(fifo.closed()), [""; 0]);
}

#[tokio::test]
async fn a_child_has_a_session_and_signals_of_its_own() {
    // The process, its group and its session are the same, and there is no terminal.
    let (_, lines) =
        run_lines(sh("read -r pid name state parent group session terminal rest </proc/$$/stat; \
        echo $((pid - $$)) $((group - pid)) $((session - pid)) $terminal"))
        .await;
    assert_eq!(lines, ["0 0 0 0"]);
    // None is ignored or blocked, whatever the host does with them: libuv ignores SIGPIPE, shells SIGINT.
    let (_, lines) = run_lines(sh("exec grep -E '^Sig(Blk|Ign)' /proc/self/status")).await;
    for line in lines {
        let mask = u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap();
        // The numbers from 32 on belong to the C library and to whoever has a use for them.
        assert_eq!(mask & 0x7fff_ffff, 0, "{line}");
    }
}

// The host: its end, and what it has to pay.

#[test]
#[ignore = "plays a part for other tests"]
fn a_process_of_its_own() {
    // Its end is that of the test that has started it, also if that is killed: nobody else ends it then.
    thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        process::exit(1);
    });
    match env::var(ROLE).expect("another test has set it").as_str() {
        "host" => host_with(&env::var("SCRIPT").unwrap()),
        "notes" => host_that_notes(&env::var("SCRIPT").unwrap()),
        "shutdown" => host_that_shuts_down(),
        "kill" => host_that_kills(),
        "deaf" => host_that_ignores_exits(),
        "crowd" => host_of_a_crowd(),
        "noise" => host_of_a_noisy_child(),
        "closed" => host_without_standard_files(),
        role => panic!("no such role: {role}"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs one child until it is killed itself.
fn host_with(script: &str) {
    let first_signal = if env::var_os("INT").is_some() { FirstSignal::Int } else { FirstSignal::Term };
    let watch = Watch { first_signal, ..patient() };
    runtime().block_on(run(sh(script), watch, CancellationToken::new(), |_| Flow::Continue)).unwrap();
}

#[tokio::test]
async fn a_host_that_is_killed_takes_its_agents_with_it() {
    for int in [false, true] {
        let mut fifo = Fifo::new();
        let name = if int { "INT" } else { "TERM" };
        let script = format!(
            "exec 9>\"$FIFO\"; trap 'kill $!; echo told >&9; exit' {name}
             setsid sh -c 'echo up >&9; exec sleep 1000' & wait"
        );
        let mut command = play("host", &fifo.path);
        command.env("SCRIPT", script);
        if int {
            command.env("INT", "1");
        }
        let host = Part::start(&mut command);
        assert_eq!(fifo.line().await, "up");
        host.kill();
        // The agent has ended its tool, as it does when it is asked to end. It may be asked again for every thread of
        // the host that dies after the one that made it.
        let mut told = fifo.closed().await;
        told.dedup();
        assert_eq!(told, ["told"]);
    }
}

#[tokio::test]
async fn the_tools_of_an_agent_that_dies_of_the_hosts_death_are_ended_for_it() {
    let (mut agent, mut tool) = (Fifo::new(), Fifo::new());
    let script = "exec 9>\"$FIFO\"
        setsid sh -c 'exec 9>\"$TOOL\"; echo up >&9; trap \"\" TERM; exec sleep 1000' &
        exec sleep 1000";
    let mut command = play("host", &agent.path);
    command.env("SCRIPT", script).env("TOOL", &tool.path);
    let host = Part::start(&mut command);
    assert_eq!(tool.line().await, "up");
    host.kill();
    assert_eq!(agent.closed().await, [""; 0]);
    assert_eq!(tool.closed().await, [""; 0]);
}

/// A note as one line.
fn line_of(note: &ProcessNote) -> String {
    format!("{} {} {} {}", note.pid, note.pgid, note.start_time, note.marker)
}

fn note_from(line: &str) -> ProcessNote {
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap();
    let mut number = || word().parse::<u64>().unwrap();
    let (pid, pgid, start_time) = (number() as u32, number() as u32, number());
    ProcessNote { pid, pgid, start_time, marker: word().to_owned() }
}

/// Runs one child and writes down where somebody else finds it.
fn host_that_notes(script: &str) {
    let pipe = File::options().write(true).open(env::var_os("FIFO").unwrap()).unwrap();
    let notebook = Notebook(Arc::new(move |note| {
        writeln!(&pipe, "note {}", line_of(&note)).unwrap();
        Box::new(|| panic!("it is killed before"))
    }));
    let watch = Watch { notebook: Some(notebook), ..patient() };
    runtime().block_on(run(sh(script), watch, CancellationToken::new(), |_| Flow::Continue)).unwrap();
}

#[tokio::test]
async fn processes_are_noted_until_nothing_is_left_of_them() {
    let (tell, told) = blocking::channel();
    let notebook = Notebook(Arc::new(move |note| {
        let tell = tell.clone();
        tell.send(format!("there {}", line_of(&note))).unwrap();
        Box::new(move || tell.send(format!("gone {}", line_of(&note))).unwrap())
    }));
    let mut fifo = Fifo::new();
    let watch = Watch { notebook: Some(notebook), ..patient() };
    let script = "setsid sh -c 'trap \"echo end >&9; sleep 0.1; exit\" TERM; echo up >&9; while :; do sleep 0.01; done' & echo $$; wait";
    let mut running = Running::start(fifo.command(script), watch);
    let pid = running.line().await;
    assert_eq!(fifo.line().await, "up");
    let there = told.recv().unwrap();
    let note = note_from(there.strip_prefix("there ").unwrap());
    let start = descendants::start_of(note.pid).unwrap();
    assert_eq!((note.pid.to_string(), note.pgid, note.start_time), (pid, note.pid, start));
    running.cancel.cancel();
    assert_eq!(running.end().await, End::Cancelled);
    assert_eq!(fifo.closed().await, ["end"]);
    // It was not before that.
    let gone = tokio::task::spawn_blocking(move || told.recv_timeout(PATIENCE).unwrap()).await.unwrap();
    assert_eq!(gone, format!("gone {}", line_of(&note)));
}

/// A host that runs a script was killed together with its guard: what it had noted.
async fn killed_with_its_guard(script: &str, fifo: &mut Fifo) -> ProcessNote {
    let host = Part::start(play("notes", &fifo.path).env("SCRIPT", format!("exec 9>\"$FIFO\"; {script}")));
    let lines = [fifo.line().await, fifo.line().await, fifo.line().await];
    let note = lines.iter().find_map(|line| line.strip_prefix("note ")).unwrap();
    let is_guard = |seen: &Seen| seen.parent == host.id() && seen.arguments.contains("smol-wf-guard");
    let guard = processes().into_iter().find(is_guard).unwrap();
    kill_process(Pid::from_raw(guard.pid).unwrap(), Signal::KILL).unwrap();
    host.kill();
    note_from(note)
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_host_has_left_behind_is_ended_by_another_one() {
    let tool = "setsid sh -c 'trap \"\" TERM; echo up >&9; while :; do sleep 1000; done' & echo up >&9";
    // An agent that hears no signal; and one that dies of its host's death, unlike its tool.
    for (script, dies) in [
        (format!("trap '' TERM; {tool}; while :; do sleep 1000; done"), false),
        (format!("{tool}; exec sleep 1000"), true),
    ] {
        let mut fifo = Fifo::new();
        let note = killed_with_its_guard(&script, &mut fifo).await;
        if dies {
            gone(|seen| seen.pid.unsigned_abs() == note.pid).await;
        }
        let found = bounded("left processes to end", end_left_behind(vec![note.clone()])).await;
        assert_eq!(found, [note.pid]);
        assert_eq!(fifo.closed().await, [""; 0]);
        assert_eq!(end_left_behind(vec![note]).await, [0; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_only_has_the_number_is_left_alone() {
    // They end with the test, also where it fails.
    let start = |program: &str| {
        let mut command = process::Command::new(program);
        let mut child = command.arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        // It is what it is to be.
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    };
    let (mut leader, mut member) = (start("setsid"), start("env"));
    let mark = |place: &str| format!("1.2.{place}.3");
    let note = |child: &process::Child, later: u64, place: &str| ProcessNote {
        pid: child.id(),
        pgid: child.id(),
        start_time: descendants::start_of(child.id()).unwrap() + later,
        marker: mark(place),
    };
    let here = end::place();
    let strangers = vec![
        // The number has come again: it began earlier or later, or before the system was started anew, or elsewhere.
        note(&leader, 1, here),
        ProcessNote { start_time: 1, ..note(&leader, 0, here) },
        note(&leader, 0, "0123456789ab-4026531836"),
        note(&leader, 0, "-"),
        ProcessNote { marker: String::new(), ..note(&leader, 0, here) },
        // It leads no group, as every child of a host does, nor bears the mark.
        note(&member, 0, here),
    ];
    for stranger in strangers {
        assert_eq!(end_left_behind(vec![stranger.clone()]).await, [0; 0], "{stranger:?}");
    }
    assert!(leader.try_wait().unwrap().is_none() && member.try_wait().unwrap().is_none());
    // The very process that was noted.
    assert_eq!(end_left_behind(vec![note(&leader, 0, here)]).await, [leader.id()]);
    assert_eq!(Status::from(leader.wait().unwrap()), Status::Signal(15));
    member.kill().unwrap();
    member.wait().unwrap();
}

/// Two processes that say that they are up, and do not end when they are asked to.
async fn stubborn_children() -> Running {
    let script = "exec 9>\"$FIFO\"; trap '' TERM
        setsid sh -c 'echo up; while :; do sleep 1000; done' & echo up; while :; do sleep 1000; done";
    let mut running = Running::start(sh(script), patient());
    assert_eq!((running.line().await, running.line().await), ("up".to_owned(), "up".to_owned()));
    running
}

/// Shuts down with a child that ends when it is asked to, then with some that do not.
fn host_that_shuts_down() {
    runtime().block_on(async {
        let mut obedient = Running::start(sh("echo up; exec sleep 1000"), patient());
        assert_eq!(obedient.line().await, "up");
        assert!(shutdown(LONG).await, "it ends within its grace");
        assert_eq!(obedient.end().await, End::Cancelled);
        assert!(shutdown(Duration::ZERO).await, "nothing is there to be ended");
        let _stubborn = stubborn_children().await;
        assert!(!shutdown(Duration::from_millis(1)).await, "its grace is longer than that");
        // Nothing else ends them now.
        process::exit(0);
    });
}

fn host_that_kills() {
    runtime().block_on(async {
        let _stubborn = stubborn_children().await;
        kill_all();
        process::exit(0);
    });
}

#[tokio::test]
async fn nothing_outlives_an_orderly_end_of_the_host() {
    for role in ["shutdown", "kill"] {
        let mut fifo = Fifo::new();
        assert!(Part::start(&mut play(role, &fifo.path)).ended().success(), "{role}");
        assert_eq!(fifo.closed().await, [""; 0], "{role}");
    }
}

/// Runs a child whose exit status the system throws away.
fn host_that_ignores_exits() {
    // SAFETY: sets no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    runtime().block_on(async {
        let error =
            run(sh("exit 0"), patient(), CancellationToken::new(), |_| Flow::Continue).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot learn how /bin/sh ended: "), "{error}");
        assert!(shutdown(LONG).await);
        let mut running = Running::start(sh("echo up; exec sleep 1000"), patient());
        assert_eq!(running.line().await, "up");
        running.cancel.cancel();
        assert_eq!(running.end().await, End::Cancelled);
        assert!(shutdown(LONG).await);
    });
}

#[tokio::test]
async fn a_host_that_wants_no_exit_status_gets_an_error_and_no_survivors() {
    assert!(Part::start(&mut play("deaf", Path::new(""))).ended().success());
}

/// Runs a child whose pipes get the numbers that are to be its standard files.
fn host_without_standard_files() {
    let runtime = runtime();
    let run = || {
        let command = Command { stdin: Some(b"in".to_vec()), ..sh("cat; echo; echo error >&2") };
        assert_eq!(runtime.block_on(run_lines(command)), (code(0, "error\n"), vec!["in".to_owned()]));
    };
    run();
    for standard in 0..3 {
        // SAFETY: what is open there belongs to nobody who would still use it.
        assert_eq!(unsafe { libc::close(standard) }, 0);
    }
    run();
    process::exit(0);
}

#[tokio::test]
async fn a_host_may_have_closed_its_standard_files() {
    assert!(Part::start(&mut play("closed", Path::new(""))).ended().success());
}

/// Open files and threads of this process.
fn held() -> (usize, usize) {
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

async fn crowd(size: usize) {
    let mut crowd: Vec<Running> = (0..size)
        .map(|_| {
            let tool = "setsid sh -c 'echo up; exec sleep 1000' & echo up; wait";
            Running::start(Command { stdin: Some(b"prompt".to_vec()), ..sh(tool) }, patient())
        })
        .collect();
    for running in &mut crowd {
        assert_eq!((running.line().await, running.line().await), ("up".to_owned(), "up".to_owned()));
    }
    crowd.iter().for_each(|running| running.cancel.cancel());
    for running in crowd {
        assert_eq!(running.end().await, End::Cancelled);
    }
    assert!(shutdown(LONG).await);
}

fn host_of_a_crowd() {
    // What is made once stays: the thread that starts processes, above all.
    runtime().block_on(crowd(1));
    let before = held();
    runtime().block_on(crowd(200));
    assert_eq!(held(), before, "open files and threads");
    let mark = env::var("TEST_MARK").unwrap();
    for seen in processes() {
        let is_self = u32::try_from(seen.pid).unwrap() == process::id();
        assert!(is_self || !seen.environment.contains(&mark), "{} lives: {}", seen.pid, seen.arguments);
        let is_guard = seen.arguments.contains("smol-wf-guard");
        assert!(is_guard || seen.parent != process::id(), "{} was not reaped", seen.pid);
    }
}

#[tokio::test]
async fn of_two_hundred_children_that_are_cancelled_at_once_nothing_is_left() {
    let mark = format!("crowd-of-{}", process::id());
    let crowd = Part::start(play("crowd", Path::new("")).env("TEST_MARK", &mark));
    assert!(crowd.ended().success());
    // As orphans of that host they had other parents at the end, who reap them in their own time.
    assert!(processes().iter().all(|seen| seen.dead || !seen.environment.contains(&mark)));
}

/// The most memory that this process has ever had, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn host_of_a_noisy_child() {
    let runtime = runtime();
    let noise = |script: &str| {
        let mut bytes = 0;
        let watch = Watch { max_line: 1 << 20, ..patient() };
        let work = run(sh(script), watch, CancellationToken::new(), |line| {
            bytes += line.bytes.len() as u64 + line.lost + 1;
            Flow::Continue
        });
        assert!(runtime.block_on(work).unwrap().is_success());
        bytes
    };
    assert_eq!(noise("echo up"), 3);
    let before = peak();
    assert_eq!(
        noise("yes 'a message_update that nobody wants, over and over' | head -c 50000000"),
        50_000_000
    );
    // One line, and as much on stderr.
    assert_eq!(noise("head -c 100000000 /dev/zero; head -c 50000000 /dev/zero >&2"), 100_000_001);
    let grown = peak() - before;
    assert!(grown < 8 << 20, "{grown} bytes more than before");
}

#[tokio::test]
async fn noise_takes_no_memory() {
    assert!(Part::start(&mut play("noise", Path::new(""))).ended().success());
}

// Servers, and work in the background.

/// Says where it listens, and then a lot that nobody reads.
const SERVER: &str = "echo starting; echo listening on 4096; yes >&2 & yes";

fn port(line: Line<'_>) -> Option<u16> {
    line.text().strip_prefix("listening on ")?.parse().ok()
}

async fn serve(command: Command, watch: Watch) -> Result<(Server, u16), ServerError> {
    bounded("a server to be ready", Server::start(command, watch, port)).await
}

#[tokio::test]
async fn a_server_stays_until_it_is_dropped() {
    let mut fifo = Fifo::new();
    let watch = Watch { timeout: Some(LONG), ..patient() };
    let script = format!("setsid sh -c 'echo up >&9; exec sleep 1000' & {SERVER}");
    let (mut server, found) = serve(fifo.command(&script), watch).await.unwrap();
    assert_eq!((found, fifo.line().await), (4096, "up".to_owned()));
    // It is drained: it has written far more than the pipes hold, and goes on.
    assert!(futures_util::poll!(Box::pin(server.ended())).is_pending());
    drop(server);
    assert_eq!(fifo.closed().await, [""; 0]);
}

#[tokio::test]
async fn a_server_that_ends_tells_it() {
    let (mut server, found) =
        serve(sh("echo listening on 1; echo bye >&2; exit 7"), patient()).await.unwrap();
    assert_eq!(found, 1);
    let exit = bounded("the end of a server", server.ended()).await.unwrap();
    assert_eq!(exit, code(7, "bye\n"));
}

#[tokio::test]
async fn a_server_that_does_not_become_ready_is_an_error() {
    let error = serve(Command::new("/no/such/bin"), patient()).await.err().unwrap();
    assert_eq!(error.to_string(), "spawn /no/such/bin ENOENT");
    let error = serve(sh("echo starting; echo 'port in use' >&2; exit 1"), patient()).await.err().unwrap();
    let ServerError::Ended(exit) = &error else { panic!("{error}") };
    assert_eq!(*exit, code(1, "port in use\n"));
    let mut fifo = Fifo::new();
    let watch = Watch { timeout: Some(LONG), ..patient() };
    let starting = tokio::spawn(serve(fifo.command("echo up >&9; exec sleep 5000"), watch));
    assert_eq!(fifo.line().await, "up");
    pause();
    let error = starting.await.unwrap().err().unwrap();
    assert_eq!(error.to_string(), "the server was not ready after 1000000 ms");
    assert_eq!(fifo.closed().await, [""; 0]);
}

#[tokio::test]
async fn work_in_the_background_ends_with_whoever_waits_for_it() {
    let there = bounded("work in the background", in_background(async { thread::current().id() })).await;
    assert_eq!(there, thread::current().id());
    let (alive, dropped) = oneshot::channel::<()>();
    let mut work = Box::pin(in_background(async move {
        let _alive = alive;
        pending::<()>().await;
    }));
    assert!(futures_util::poll!(&mut work).is_pending());
    drop(work);
    assert!(bounded("work to be dropped", dropped).await.is_err());
    let panics = tokio::spawn(in_background(async { panic!("a test of panics") }));
    assert!(bounded("a panic", panics).await.unwrap_err().is_panic());
}
