//! The floor: what QuickJS itself takes for as many promises, with no engine around it.
//!
//! `floor [samples]` prints one line of JSON per case. The loop never leaves the VM: async functions below one
//! `Promise.all` wait for a promise each, and one loop resolves them. The calls are the least that any host has to do:
//! every promise comes from a native call with a prompt, and the host settles them one at a time, running the script
//! on after each.

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{Context, Ctx, Function, Object, Runtime};

const COUNTS: [(usize, &str); 3] = [(1_000, "1 000"), (10_000, "10 000"), (100_000, "100 000")];

const LOOP: &str = r#"(count) => {
  const state = { settled: -1 };
  const resolvers = [];
  const wait = () => new Promise((resolve) => { resolvers.push(resolve) });
  const tasks = Array.from({ length: count }, () => async () => await wait());
  Promise.all(tasks.map((task) => task())).then((results) => { state.settled = results.length });
  for (const resolve of resolvers) resolve('done');
  return state;
}"#;

const CALLS: &str = r#"(count, ask) => {
  const state = { settled: -1 };
  const resolvers = [];
  const agent = (prompt) => new Promise((resolve) => { resolvers[ask(prompt)] = resolve });
  state.settle = (slot, value) => resolvers[slot](value);
  const tasks = Array.from({ length: count }, (_, i) => async () => await agent(`task ${i}`));
  Promise.all(tasks.map((task) => task())).then((results) => { state.settled = results.length });
  return state;
}"#;

fn main() {
    let samples: usize = support::arguments().next().map_or(11, |text| text.parse().expect("a whole number"));
    let context = support::sample(samples * 10, || in_context(|_| ()));
    support::report("bare VM, made and dropped", "ms", &context);
    for (count, name) in COUNTS {
        // The large ones vary less and take longer.
        let samples = if count > 10_000 { samples.div_ceil(3) } else { samples };
        let within = support::sample(samples, || run_loop(count));
        support::report(&format!("bare loop, {name} promises"), "ms", &within);
        let across = support::sample(samples, || run_calls(count));
        support::report(&format!("bare calls, {name} promises"), "ms", &across);
    }
}

fn run_loop(count: usize) {
    in_context(|ctx| {
        let start: Function<'_> = ctx.eval(LOOP).expect("the script is valid");
        let state: Object<'_> = start.call((count,)).expect("the script does not throw");
        drain(ctx);
        assert_settled(&state, count);
    });
}

fn run_calls(count: usize) {
    in_context(|ctx| {
        let prompts = Rc::new(RefCell::new(Vec::<String>::new()));
        let asked = prompts.clone();
        let ask = Function::new(ctx.clone(), move |prompt: String| {
            asked.borrow_mut().push(prompt);
            asked.borrow().len() - 1
        });
        let ask = ask.expect("there is memory");
        let start: Function<'_> = ctx.eval(CALLS).expect("the script is valid");
        let state: Object<'_> = start.call((count, ask)).expect("the script does not throw");
        drain(ctx);
        let settle: Function<'_> = state.get("settle").expect("the script sets it");
        for (slot, prompt) in prompts.take().into_iter().enumerate() {
            settle.call::<_, ()>((slot, prompt)).expect("the script does not throw");
            drain(ctx);
        }
        assert_settled(&state, count);
    });
}

fn in_context(body: impl FnOnce(&Ctx<'_>)) {
    let runtime = Runtime::new().expect("there is memory");
    let context = Context::full(&runtime).expect("there is memory");
    context.with(|ctx| body(&ctx));
}

fn drain(ctx: &Ctx<'_>) {
    while ctx.execute_pending_job() {}
}

fn assert_settled(state: &Object<'_>, count: usize) {
    let settled: i64 = state.get("settled").expect("the script sets it");
    assert_eq!(settled, i64::try_from(count).expect("counts are small"));
}
