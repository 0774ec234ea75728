//! Sleeps in runs that have a journal, and when such a run can be put away.

use super::*;
use crate::model::event::{Blocked, CallEnd, CallKind};

fn clock(now: u64) -> Input {
    Input::Clock { now }
}

#[test]
fn a_sleep_ends_at_its_first_time_however_often_the_run_is_resumed() {
    let first = || idle(0, vec![sleep(0, 500)]);
    let mut live = Run::new(options());
    live.play([(clock(1_000), ""), (first(), "+0, sleep 0 until 1500")]);
    assert_eq!(live.core.sleeps_only(), Some(1_500));
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(clock(1_400), ""), (first(), "sleep 0 until 1500")]);
    let mut third = again.resume(options(), Drift::Fail);
    third.play([
        (clock(900_000), ""),
        (first(), "sleep 0 until 1500"),
        (fired(0), "-0 (0), 0.0=undefined (0)"),
        (idle(0, vec![sleep(0, 500)]), "+1, sleep 1 until 900500"),
    ]);
    // What is over is not waited for again.
    let mut fourth = third.resume(options(), Drift::Fail);
    fourth.play([
        (clock(900_100), ""),
        (first(), "0.0=undefined (0)"),
        (idle(0, vec![sleep(0, 500)]), "sleep 1 until 900500"),
    ]);
}

#[test]
fn its_beginning_is_told_once_and_so_is_its_end() {
    let told = |effects: Vec<Effect>| -> Vec<String> {
        effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Emit(Event::CallStarted { call, until, info, .. }) => {
                    Some(format!("start {call} {until:?} {:?}", info.kind))
                }
                Effect::Emit(Event::CallEnded { call, outcome, attempts, .. }) => {
                    Some(format!("end {call} {outcome:?} {attempts}"))
                }
                _ => None,
            })
            .collect()
    };
    let first = || idle(0, vec![sleep(0, 500), sleep(1, 100)]);
    let mut live = Run::new(options());
    live.feed(clock(1_000));
    assert_eq!(told(live.feed(first())), ["start 0 Some(1500) Sleep", "start 1 Some(1100) Sleep"]);
    assert_eq!(told(live.feed(fired(1))), ["end 1 Completed 1"]);
    let mut again = live.resume(options(), Drift::Fail);
    assert_eq!(told(again.feed(first())), [""; 0]);
    again.feed(idle(0, vec![]));
    assert_eq!(told(again.feed(fired(0))), ["end 0 Completed 1"]);
}

#[test]
fn sleeps_that_are_over_by_now_end_in_the_order_of_their_times() {
    let first = || idle(0, vec![sleep(0, 500), timer(1), sleep(2, 100), sleep(3, 300)]);
    let mut live = Run::new(options());
    live.play([
        (clock(0), ""),
        (first(), "+0, sleep 0 until 500, timer 1, +2, sleep 2 until 100, +3, sleep 3 until 300"),
    ]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(first(), "sleep 2 until 100, sleep 3 until 300, sleep 0 until 500, timer 1")]);
}

#[test]
fn only_a_run_that_waits_for_nothing_but_sleeps_can_be_put_away() {
    let mut run = Run::new(options());
    assert_eq!(run.core.sleeps_only(), None);
    run.play([
        (clock(0), ""),
        (
            idle(0, vec![sleep(0, 900), ask(1, "a"), timer(2), call(3, "c")]),
            "+0, sleep 0 until 900, timer 2, +3, +1, agent 1#1, child 3 vm1 (0)",
        ),
        (clock(50), ""),
        // The child's script runs, then it sleeps as well.
        (idle(1, vec![sleep(0, 200)]), "+4, sleep 4 until 250"),
    ]);
    assert_eq!(run.core.sleeps_only(), None, "an agent is at work");
    run.play([(reply(1, "1", 0.0), "-1 (0), 0.1=1 (0)"), (idle(0, vec![]), "")]);
    assert_eq!(run.core.sleeps_only(), None, "a timer runs");
    run.play([(fired(2), "-2 (0), 0.2=undefined (0)")]);
    assert_eq!(run.core.sleeps_only(), None, "a script runs");
    run.play([(idle(0, vec![]), "")]);
    assert_eq!(run.core.sleeps_only(), Some(250));
    let blocked = |call, since, until| Blocked { what: CallKind::Sleep, call: CallId(call), since, until };
    assert_eq!(run.core.blocked_on(9), (vec![blocked(4, 50, 250), blocked(0, 0, 900)], 2));
    assert_eq!(run.core.blocked_on(1), (vec![blocked(4, 50, 250)], 2));
    run.play([
        (fired(4), "-4 (0), 1.0=undefined (0)"),
        (settled(1, "1"), "drop vm1, -3 (0), 0.3=1 (0)"),
        (idle(0, vec![]), ""),
    ]);
    assert_eq!(run.core.sleeps_only(), Some(900));
    run.play([(
        cancel(),
        "grace, abort all, 0.0!CancelledError: workflow run was cancelled: cancelled by the caller (0)",
    )]);
    assert_eq!(run.core.sleeps_only(), None);
}

#[test]
fn a_withdrawn_agent_or_timer_keeps_nothing_awake() {
    let mut run = Run::new(options());
    run.play([
        (clock(0), ""),
        (
            idle(0, vec![sleep(0, 900), ask(1, "a"), timer(2)]),
            "+0, sleep 0 until 900, timer 2, +1, agent 1#1",
        ),
        (fired(2), "-2 (0), 0.2=undefined (0)"),
        (idle(0, vec![withdraw(1), timer(2)]), "abort 1, timer 3"),
        (fired(3), "-3 (0), 0.2=undefined (0)"),
        (idle(0, vec![timer(2), withdraw(2)]), "timer 4, abort 4"),
    ]);
    assert_eq!(run.core.sleeps_only(), Some(900));
}

#[test]
fn a_sleep_that_is_too_long_is_refused_now_and_when_it_is_replayed() {
    let capped = CoreOptions { max_sleep: Some(Duration::from_secs(60)), ..options() };
    let mut live = Run::new(capped.clone());
    let refused = "-0 (0), 0.0!RangeError: sleep() for 1m500ms (60500 ms) is longer than maxSleepMs allows, which is 1m (60000 ms) (0)";
    live.play([(clock(0), ""), (idle(0, vec![sleep(0, 60_500)]), refused)]);
    assert_eq!(ends(&live.feed(idle(0, vec![sleep(0, 60_000)]))), [""; 0]);
    // Options may change: what was refused stays so, and what has begun goes on.
    let stricter = CoreOptions { max_sleep: Some(Duration::from_secs(1)), ..options() };
    let mut again = live.resume(stricter, Drift::Fail);
    again.play([
        (clock(9), ""),
        (idle(0, vec![sleep(0, 60_500)]), refused.strip_prefix("-0 (0), ").unwrap()),
        (idle(0, vec![sleep(0, 60_000)]), "sleep 1 until 60000"),
    ]);
}

#[test]
fn a_sleep_that_was_cancelled_goes_on_in_a_run_that_is_taken_up() {
    let mut live = Run::new(options());
    live.play([(clock(0), ""), (idle(0, vec![sleep(0, 900)]), "+0, sleep 0 until 900")]);
    assert_eq!(ends(&live.feed(cancel())), [format!("0 {:?}", CallEnd::Cancelled)]);
    // New ones are refused at once.
    live.play([(
        idle(0, vec![sleep(1, 5)]),
        "0.1!CancelledError: workflow run was cancelled: cancelled by the caller (0)",
    )]);
    let mut again = live.resume(options(), Drift::Fail);
    again.play([(clock(500), ""), (idle(0, vec![sleep(0, 900)]), "sleep 0 until 900")]);
}

#[test]
fn a_changed_script_takes_over_sleeps_that_are_over_and_the_times_of_others() {
    let mut live = Run::new(options());
    live.play([
        (clock(0), ""),
        (
            idle(0, vec![sleep(0, 100), sleep(1, 900), ask(2, "a")]),
            "+0, sleep 0 until 100, +1, sleep 1 until 900, +2, agent 2#1",
        ),
        (fired(0), "-0 (0), 0.0=undefined (0)"),
        (idle(0, vec![]), ""),
        (reply(2, "1", 1.0), "-2 (1), 0.2=1 (1)"),
    ]);
    let mut matched = live.resume(options(), Drift::Match);
    matched.play([
        (clock(500), ""),
        (
            idle(0, vec![sleep(0, 900), sleep(1, 100), sleep(2, 900)]),
            "+0, sleep 0 until 900, -1 (1), +2, sleep 2 until 1400, 0.1=undefined (1)",
        ),
        (idle(0, vec![]), ""),
    ]);
    // There is an answer that it may still ask for: it stays in the journal.
    assert_eq!(matched.core.sleeps_only(), Some(900));
    matched.play([
        (fired(0), "-0 (1), 0.0=undefined (1)"),
        (idle(0, vec![ask(0, "a")]), "-3 (1), 0.0=1 (1)"),
        (idle(0, vec![]), ""),
    ]);
    assert_eq!(matched.core.sleeps_only(), Some(1_400));
    let mut prefix = live.resume(options(), Drift::Prefix);
    prefix.play([
        (clock(500), ""),
        (idle(0, vec![sleep(0, 100), sleep(1, 900), ask(2, "b")]), "-0 (0), 0.0=undefined (0)"),
        (idle(0, vec![]), "+1, sleep 1 until 900, +2, agent 2#1"),
    ]);
}
