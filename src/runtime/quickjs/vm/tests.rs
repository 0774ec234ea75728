use std::sync::Arc;

use super::*;
use crate::model::globals::{HOOKS, STANDARD, instead_of};
use crate::model::json::JsonText;
use crate::model::metadata::WorkflowMetadata;
use crate::model::outcome::Settled;
use crate::model::request::{ChildTarget, Item, KNOWN_PARALLEL_OPTIONS, LogLevel, RequestKind};

fn script(form: ScriptForm, code: &str) -> Script {
    Script {
        path: None,
        display_name: Arc::from("flow.js"),
        code: Arc::from(code),
        form,
        helpers: Default::default(),
        metadata: WorkflowMetadata { name: "w".into(), description: "d".into(), ..Default::default() },
    }
}

fn setup() -> VmSetup {
    VmSetup {
        args: None,
        budget: BudgetState { total: None, spent: 0.0 },
        limits: Limits { cpu_ms: 200, memory_bytes: 32 << 20, ..Limits::default() },
        depth_left: 1,
        max_depth: 1,
        interrupt: Interrupt::default(),
        explain: None,
    }
}

fn vm(form: ScriptForm, code: &str) -> QuickJsVm {
    QuickJsVm::new(&script(form, code), setup()).unwrap()
}

/// Runs to the end, answering every agent call with its own prompt and every timer at once, oldest first.
fn run(mut vm: QuickJsVm) -> (Settled, Vec<Item>) {
    let mut waiting = std::collections::VecDeque::new();
    let mut seen = Vec::new();
    let mut turn = vm.start();
    loop {
        for item in turn.items {
            if let Item::Request(request) = &item {
                match &request.kind {
                    RequestKind::Agent(agent) => waiting.push_back((request.slot, Ok(agent.prompt.clone()))),
                    RequestKind::Workflow(_) => {
                        waiting.push_back((request.slot, Err(ErrorData::new("Error", "no child"))));
                    }
                    RequestKind::Timer { .. } | RequestKind::Sleep { .. } => {
                        waiting.push_back((request.slot, Ok(None)))
                    }
                    RequestKind::Cancel { target } => waiting.retain(|(slot, _)| slot != target),
                }
            }
            seen.push(item);
        }
        if let Some(settled) = turn.settled {
            return (settled, seen);
        }
        let (slot, outcome) = waiting.pop_front().expect("the script waits for nothing");
        turn = vm.deliver(slot, &outcome, BudgetState { total: Some(10.0), spent: 3.0 });
    }
}

fn value(form: ScriptForm, code: &str) -> String {
    match run(vm(form, code)).0 {
        Settled::Value(json) => json.map_or("undefined".to_owned(), |json| json.as_str().to_owned()),
        Settled::Failed(error) => format!("! {error}"),
    }
}

fn body(code: &str) -> String {
    value(ScriptForm::Body, code)
}

fn module(code: &str) -> String {
    value(ScriptForm::Module, code)
}

fn error_code(form: ScriptForm, code: &str) -> &'static str {
    match run(vm(form, code)).0 {
        Settled::Failed(error) => error.code(),
        Settled::Value(value) => panic!("ended with {value:?}"),
    }
}

#[test]
fn bodies_return_and_modules_export() {
    for (code, expected) in [
        ("return 1 + 1", "2"),
        ("", "undefined"),
        ("return await agent('hi')", r#""hi""#),
        ("const x = await agent('a'); return x + await agent('b')", r#""ab""#),
        ("return await parallel([() => agent('a'), async () => { throw 1 }, () => 3])", r#"["a",null,3]"#),
        ("return await pipeline([1, 2], (p, i, n) => [p, i, n], (p) => p.length)", "[3,3]"),
        ("return typeof args", r#""undefined""#),
        ("args = 5; return globalThis.args", "5"),
        ("const budget = 7; return budget", "7"),
        ("await new Promise(r => setTimeout(r, 1000)); return 'later'", r#""later""#),
        (
            "return [budget.total, budget.spent(), budget.remaining(), (await agent('x'), budget.remaining())]",
            "[null,0,null,7]",
        ),
        ("return this === undefined && (() => { 'use strict'; return true })()", "true"),
        (
            "let n = 0; const t = setInterval(() => { if (++n === 3) clearInterval(t) }, 5); while (n < 3) await new Promise(r => setTimeout(r, 1)); return n",
            "3",
        ),
    ] {
        assert_eq!(body(code), expected, "{code}");
    }
    for (code, expected) in [
        ("export default 5", "5"),
        ("export default undefined", "undefined"),
        (
            "export default (args, ctx) => Object.keys(ctx).join()",
            r#""args,agent,parallel,pipeline,workflow,budget,log,phase""#,
        ),
        ("export default async (args, ctx) => ctx.agent === agent && ctx.args === args", "true"),
        ("export default await agent('top')", r#""top""#),
        ("export default agent('top')", r#""top""#),
        ("export default class A {}", "! TypeError: Class constructor A cannot be invoked without 'new'"),
        (
            "export default () => parallel([1, null, Promise.resolve(3), () => 4, async () => 5, () => undefined])",
            "[null,null,null,4,5,null]",
        ),
        (
            "export default () => parallel()",
            "! TypeError: Cannot read properties of undefined (reading 'map')",
        ),
        (
            "import { sleep } from 'workflow:more'; export default 1",
            "! ReferenceError: workflow scripts cannot import 'workflow:more': this version of the engine has no such module",
        ),
        ("export default () => parallel({})", "! TypeError: tasks.map is not a function"),
        ("export default () => pipeline({})", "! TypeError: items.map is not a function"),
        ("export default () => pipeline([1], 5)", "[null]"),
        (
            "export default () => [agent, parallel, pipeline, workflow, log, phase].map(f => f.name + f.length)",
            r#"["agent2","1","pipeline1","workflow2","0","2"]"#,
        ),
        ("export default () => JSON.stringify(budget)", r#""{\"total\":null}""#),
    ] {
        let actual = module(code);
        let first = actual.lines().next().unwrap_or_default();
        assert_eq!(first, expected, "{code}");
    }
}

#[test]
fn modules_cannot_change_their_globals() {
    let mut setup = setup();
    setup.args = Some(JsonText::new(r#"{"n":{"list":[1,2]}}"#));
    let attempts = [
        ("args.x = 1", "Cannot modify workflow args"),
        ("args.n.list.push(3)", "Cannot modify workflow args"),
        ("args.n.list.sort()", "Cannot modify workflow args"),
        ("delete args.n", "Cannot modify workflow args"),
        ("Object.defineProperty(args, 'q', { value: 1 })", "Cannot modify workflow args"),
        ("Object.setPrototypeOf(args, null)", "Cannot modify workflow args"),
        ("Object.freeze(args)", "Cannot modify workflow args"),
        ("budget.total = 9", "Cannot modify workflow args"),
        ("agent.x = 1", "Cannot modify workflow global agent"),
        ("delete phase.name", "Cannot modify workflow global phase"),
        ("globalThis.agent = 1", "Cannot assign to read only property 'agent' of object '#<Object>'"),
        ("agent = 1", "Cannot assign to read only property 'agent' of object '#<Object>'"),
        ("delete globalThis.agent", "Cannot delete property 'agent' of #<Object>"),
        ("Object.defineProperty(globalThis, 'agent', { value: 1 })", "Cannot redefine property: agent"),
    ];
    let list: Vec<String> = attempts.iter().map(|(code, _)| format!("() => {{ {code} }}")).collect();
    let code = format!(
        "export default () => [{}].map(f => {{ try {{ f(); return 'no error' }} catch (e) {{ return e.name + ': ' + e.message }} }})",
        list.join(",")
    );
    let (settled, _) = run(QuickJsVm::new(&script(ScriptForm::Module, &code), setup).unwrap());
    let Settled::Value(Some(json)) = settled else { panic!("{settled:?}") };
    let results: Vec<String> = serde_json::from_str(json.as_str()).unwrap();
    for ((code, expected), actual) in attempts.iter().zip(results) {
        assert_eq!(actual, format!("TypeError: {expected}"), "{code}");
    }
    assert_eq!(
        module(
            "export default () => { const d = Object.getOwnPropertyDescriptor(globalThis, 'agent');
             globalThis.mine = 1; return [d.writable, d.configurable, d.enumerable, d.value === agent, mine,
             Array.isArray(args), Object.keys(globalThis).filter((key) => key !== 'structuredClone').slice(0, 8).join(), 'agent' in globalThis] }"
        ),
        r#"[false,false,true,true,1,false,"args,agent,parallel,pipeline,workflow,budget,log,phase",true]"#
    );
}

#[test]
fn options_get_their_phase_defaults() {
    // Vectors A.1 of the original's contract.
    let phases = r#"[{"title":"A","model":"m1","provider":"p1"},{"title":"A","model":"m2","provider":"p2"},
        {"title":"B","provider":"pb"},{"title":"C","model":"mc"},{"title":"D","model":"","provider":""}]"#;
    for (call, expected) in [
        ("agent(p)", "undefined"),
        ("agent(p, {phase:'A'})", r#"{"phase":"A","model":"m1","provider":"p1"}"#),
        ("agent(p, {phase:'Z'})", r#"{"phase":"Z"}"#),
        ("agent(p, {phase:''})", r#"{"phase":""}"#),
        ("phase('A'); agent(p)", r#"{"phase":"A","model":"m1","provider":"p1"}"#),
        ("phase('A'); agent(p, {model:'x'})", r#"{"model":"x","phase":"A","provider":"p1"}"#),
        ("phase('A'); agent(p, {provider:'y'})", r#"{"provider":"y","phase":"A","model":"m1"}"#),
        ("phase('A'); agent(p, {model:'',provider:'',phase:''})", r#"{"model":"","provider":"","phase":""}"#),
        (
            "phase('A'); agent(p, {model:null,provider:null,phase:null})",
            r#"{"model":"m1","provider":"p1","phase":"A"}"#,
        ),
        ("phase('A'); agent(p, {phase:'B',key:'k'})", r#"{"phase":"B","key":"k","provider":"pb"}"#),
        ("phase('Z'); agent(p)", r#"{"phase":"Z"}"#),
        ("phase('C'); agent(p)", r#"{"phase":"C","model":"mc"}"#),
        ("phase('D'); agent(p)", r#"{"phase":"D"}"#),
        ("phase(undefined); agent(p)", "undefined"),
        ("phase(7); agent(p)", r#"{"phase":7}"#),
    ] {
        let mut script =
            script(ScriptForm::Module, &format!("const p = 'p';\nexport default () => {{ {call} }}"));
        script.metadata.phases = Some(serde_json::from_str(phases).unwrap());
        let turn = QuickJsVm::new(&script, setup()).unwrap().start();
        let options = turn.items.iter().find_map(|item| match item {
            Item::Request(request) => match &request.kind {
                RequestKind::Agent(agent) => Some(agent.options.clone()),
                _ => None,
            },
            Item::Note(_) => None,
        });
        let options = options.unwrap().map_or("undefined".to_owned(), |json| json.as_str().to_owned());
        assert_eq!(options, expected, "{call}");
    }
}

#[test]
fn calls_and_notes_keep_their_order() {
    let (_, items) = run(vm(
        ScriptForm::Body,
        "log('a', 1); phase('P', { x: 1 }); agent('x'); console.warn('w'); workflow('n', [1]).catch(() => 0); log()",
    ));
    let words: Vec<String> = items
        .iter()
        .map(|item| match item {
            Item::Note(Note::Log { values, level }) => format!("{level:?} {values:?}"),
            Item::Note(Note::Phase { name, options }) => format!("phase {name:?} {options:?}"),
            Item::Request(request) => match &request.kind {
                RequestKind::Agent(_) => "agent".to_owned(),
                RequestKind::Workflow(child) => {
                    assert_eq!(child.target, ChildTarget::Name("n".into()));
                    format!("child {:?}", child.args)
                }
                other => format!("{other:?}"),
            },
            Item::Note(other) => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        words,
        [
            r#"Log ["a",1]"#,
            r#"phase Some("P") Some({"x":1})"#,
            "agent",
            r#"Warn ["w"]"#,
            "child Some([1])",
            "Log []"
        ]
    );
    assert_eq!(LogLevel::Log as u8, 0);
}

#[test]
fn errors_carry_the_authors_coordinates() {
    for (form, code, expected) in [
        (
            ScriptForm::Body,
            "\n\n  throw new RangeError('bad')",
            "RangeError: bad\n    at <anonymous> (flow.js:3:13)",
        ),
        (
            ScriptForm::Body,
            "function f() {\n  null.x\n}\nawait agent('a')\nf()",
            "TypeError: Cannot read properties of null (reading 'x')\n    at f (flow.js:2:3)\n    at <anonymous> (flow.js:5:1)",
        ),
        (
            ScriptForm::Module,
            "export default () => {\n throw new Error('boom') }",
            "Error: boom\n    at default (flow.js:2:12)",
        ),
        (ScriptForm::Module, "throw new Error('top')", "Error: top\n    at <anonymous> (flow.js:1:11)"),
        (ScriptForm::Body, "throw 'str'", "str"),
        (ScriptForm::Body, "throw { code: 1 }", "[object Object]"),
        (ScriptForm::Body, "throw undefined", "undefined"),
        (ScriptForm::Body, "throw null", "null"),
        (
            ScriptForm::Body,
            "class MyErr extends Error { name = 'MyErr' }; throw new MyErr('custom')",
            "MyErr: custom",
        ),
        (ScriptForm::Body, "const e = new Error('m'); e.stack = 'CUSTOM'; throw e", "CUSTOM"),
        (
            ScriptForm::Body,
            "const e = new Error('m'); Object.defineProperty(e, 'stack', { value: undefined }); throw e",
            "m",
        ),
    ] {
        let Settled::Failed(error) = run(vm(form, code)).0 else { panic!("{code}") };
        let text = error.to_string();
        assert!(text.starts_with(expected), "{code}\n  {text}\n  {expected}");
        assert!(!text.contains("workflow:"), "{text}");
    }
}

#[test]
fn a_failed_call_rejects_with_its_error_and_keeps_its_call() {
    let mut vm = vm(
        ScriptForm::Body,
        "try { await agent('x') } catch (e) { log(e.name, e.message, e.code, e.cause.name, e instanceof RangeError); throw e }",
    );
    let turn = vm.start();
    assert_eq!(turn.items.len(), 1);
    let mut error =
        ErrorData::new("RangeError", "bad").with_code("ERR_X").with_cause(ErrorData::new("Mine", "why"));
    error.call = Some(crate::model::ids::CallId(41));
    let turn = vm.deliver(Slot(0), &Err(error), BudgetState { total: None, spent: 0.0 });
    let Item::Note(Note::Log { values, .. }) = &turn.items[0] else { panic!("{:?}", turn.items) };
    assert_eq!(values.as_str(), r#"["RangeError","bad","ERR_X","Mine",true]"#);
    let Some(Settled::Failed(WorkflowError::Script { error, .. })) = turn.settled else { panic!() };
    // Where the call was made.
    assert_eq!(error.stack.as_deref(), Some("    at <anonymous> (flow.js:1:13)"));
    assert_eq!(error.call, Some(crate::model::ids::CallId(41)));
    assert_eq!(error.cause.unwrap().name, "Mine");
}

#[test]
fn limits_end_the_script_with_their_own_error() {
    for (code, expected) in [
        ("for (;;) {}", "ERR_SCRIPT_CPU_LIMIT"),
        ("await agent('x'); for (;;) {}", "ERR_SCRIPT_CPU_LIMIT"),
        ("for (;;) await null", "ERR_SCRIPT_CPU_LIMIT"),
        ("for (;;) log('x')", "ERR_SCRIPT_CPU_LIMIT"),
        ("const f = () => queueMicrotask(f); f(); await agent('x')", "ERR_SCRIPT_CPU_LIMIT"),
        ("try { for (;;) {} } catch { return 1 } finally { for (;;) {} }", "ERR_SCRIPT_CPU_LIMIT"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "ERR_SCRIPT_CPU_LIMIT"),
        ("const a = []; for (;;) a.push(new Array(1000).fill(a.length))", "ERR_SCRIPT_MEMORY_LIMIT"),
        ("let s = 'x'; for (;;) s += s", "ERR_SCRIPT_FAILED"),
        ("const f = () => f() + 1; f()", "ERR_SCRIPT_FAILED"),
        ("throw null", "ERR_SCRIPT_FAILED"),
    ] {
        let mut setup = setup();
        // Reached by what is about CPU time, and by nothing else.
        setup.limits.cpu_ms = if expected == "ERR_SCRIPT_CPU_LIMIT" { 200 } else { 60_000 };
        let (settled, items) = run(QuickJsVm::new(&script(ScriptForm::Body, code), setup).unwrap());
        let Settled::Failed(error) = settled else { panic!("{code}") };
        let memory = code.contains("s += s") && error.code() == "ERR_SCRIPT_MEMORY_LIMIT";
        assert!(error.code() == expected || memory, "{code}: {error}");
        assert!(items.len() < 2_000_000);
    }
}

#[test]
fn what_leaves_the_vm_is_bounded() {
    let mut setup = setup();
    setup.limits.log_bytes = 10_000;
    setup.limits.pending_calls = 10;
    let create = |code: &str| QuickJsVm::new(&script(ScriptForm::Body, code), setup.clone()).unwrap();
    let turn = create("for (let i = 0; i < 1000; i++) log('x'.repeat(100))").start();
    assert!(turn.items.len() < 100);
    let Some(Item::Note(Note::Dropped { count })) = turn.items.last() else { panic!() };
    assert_eq!(*count as usize + turn.items.len() - 1, 1000);

    let turn = create("const a = []; try { for (let i = 0; i < 11; i++) a.push(agent('x')); await Promise.all(a) } catch { return 1 }").start();
    let Some(Settled::Failed(error)) = turn.settled else { panic!("{:?}", turn.settled) };
    assert_eq!(error.code(), "ERR_SCRIPT_PENDING_LIMIT");
}

#[test]
fn a_vm_can_be_dropped_in_any_state() {
    for code in [
        "await agent('x')",
        "agent('x'); agent('y'); return 1",
        "await Promise.race([agent('x'), new Promise(() => 0)])",
        "await Promise.all([agent('x'), Promise.reject(new Error('no'))])",
        "const p = agent('x'); throw new Error('beside a pending call')",
        "async function* g() { yield await agent('x') } for await (const v of g()) log(v)",
        "await new Promise(() => 0)",
        "for (;;) {}",
        "const a = []; for (;;) a.push(new Array(1000).fill(0))",
        "Promise.reject(new Error('unhandled')); await agent('x')",
        "setTimeout(() => 0, 10); await agent('x')",
    ] {
        drop(vm(ScriptForm::Body, code));
        let mut started = vm(ScriptForm::Body, code);
        started.start();
        drop(started);
        let mut answered = vm(ScriptForm::Body, code);
        answered.start();
        answered.deliver(Slot(0), &Ok(Some(JsonText::new("1"))), BudgetState { total: None, spent: 0.0 });
        let heap = answered.heap.clone();
        drop(answered);
        assert_eq!(Rc::strong_count(&heap), 1, "{code}: the heap outlives its VM");
    }
}

#[test]
fn an_interrupt_from_outside_ends_the_turn_and_every_later_one() {
    let interrupt = Interrupt::default();
    let mut setup = setup();
    setup.interrupt = interrupt.clone();
    setup.limits.cpu_ms = 60_000;
    let mut vm = QuickJsVm::new(&script(ScriptForm::Body, "await agent('x'); for (;;) {}"), setup).unwrap();
    vm.start();
    interrupt.stop();
    let turn = vm.deliver(Slot(0), &Ok(None), BudgetState { total: None, spent: 0.0 });
    assert!(matches!(turn.settled, Some(Settled::Failed(_))));
    let turn = vm.deliver(Slot(0), &Ok(None), BudgetState { total: None, spent: 0.0 });
    assert!(turn.settled.is_none() && turn.items.is_empty());
}

#[test]
fn unhandled_rejections_are_told_at_the_end() {
    let (settled, items) = run(vm(
        ScriptForm::Body,
        "const late = Promise.reject(new Error('late')); Promise.reject(new TypeError('never')); await agent('x'); await late.catch(() => 0); return 1",
    ));
    assert_eq!(settled, Settled::Value(Some(JsonText::new("1"))));
    let told: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Note(Note::UnhandledRejection { error }) => Some(error.headline()),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["TypeError: never"]);
}

#[test]
fn deep_values_and_bad_options_are_errors_not_crashes() {
    assert_eq!(
        body("try { await agent('x', 5) } catch (e) { return e.name + ': ' + e.message }"),
        r#""TypeError: agent() options must be an object, got number""#
    );
    assert_eq!(
        body(
            "let o = {}; for (let i = 0; i < 200; i++) o = { o }; try { await agent('x', { schema: o }) } catch (e) { return e.name }"
        ),
        r#""RangeError""#
    );
    let deep = "let o = 1; for (let i = 0; i < 20000; i++) o = [o];";
    assert!(
        body(&format!("{deep} try {{ await agent('x', {{ o }}) }} catch (e) {{ return 'caught' }}"))
            == r#""caught""#
    );
    let result = body(&format!("{deep} return o"));
    assert!(result.starts_with("! ") || result.len() > 20_000, "{}", &result[..100]);
    // A deep answer, parsed inside the sandbox.
    let mut vm = vm(ScriptForm::Body, "try { await agent('x') } catch (e) { return e.name }");
    vm.start();
    let json = JsonText::new("[".repeat(200_000) + &"]".repeat(200_000));
    let turn = vm.deliver(Slot(0), &Ok(Some(json)), BudgetState { total: None, spent: 0.0 });
    assert_eq!(turn.settled, Some(Settled::Value(Some(JsonText::new(r#""RangeError""#)))));
}

#[test]
fn parallel_options_work() {
    for (code, expected) in [
        (
            "return await parallel([() => 1, () => { throw 2 }], { settle: true })",
            r#"[{"ok":true,"value":1},{"ok":false,"error":2}]"#,
        ),
        (
            "try { await parallel([() => 1, () => { throw new Error('x') }], { failFast: true }) } catch (e) { return e.message }",
            r#""x""#,
        ),
        (
            "try { await parallel([() => 1, () => { throw 1 }], { minSuccess: 2 }) } catch (e) { return [e.name, e.message] }",
            r#"["AggregateError","parallel() needed 2 of 2 to succeed, but only 1 did"]"#,
        ),
        (
            "let now = 0, most = 0; const t = async () => { most = Math.max(most, ++now); await agent('x'); now--; return now }; const r = await parallel([t, t, t, t, t], { concurrency: 2 }); return [most, r.length]",
            "[2,5]",
        ),
        ("return await parallel([], { concurrency: 3 })", "[]"),
        ("return await parallel([() => new Promise(() => 0), () => 2], { timeoutMs: 50 })", "[null,2]"),
        (
            "try { await parallel([], { concurency: 3 }) } catch (e) { return e.message }",
            r#""parallel() does not know the option concurency; it knows concurrency, failFast, minSuccess, timeoutMs, settle""#,
        ),
        (
            "try { await parallel([() => 1], { concurrency: 0 }) } catch (e) { return e.message }",
            r#""parallel() option concurrency must be a whole number from 1 to 4294967295, got 0""#,
        ),
        (
            "try { await parallel([agent('x')]) } catch (e) { return e.message }",
            r#""parallel() expects an array of functions, not promises. Wrap each call: () => agent(...)""#,
        ),
        (
            "try { await parallel('ab') } catch (e) { return e.message }",
            r#""parallel() expects an array of functions, got a string""#,
        ),
    ] {
        assert_eq!(body(code), expected, "{code}");
    }
}

#[test]
fn children_are_asked_for_within_the_depth() {
    assert_eq!(body("try { await workflow('x') } catch (e) { return e.message }"), r#""no child""#);
    for (call, expected) in [
        ("workflow(null)", "Cannot read properties of null (reading 'scriptPath')"),
        ("workflow()", "Cannot read properties of undefined (reading 'scriptPath')"),
        ("workflow({})", r#"The \"path\" argument must be of type string. Received undefined"#),
    ] {
        assert_eq!(
            body(&format!("try {{ await {call} }} catch (e) {{ return e.message }}")),
            format!("\"{expected}\"")
        );
    }
    let mut setup = setup();
    setup.depth_left = 0;
    let code = "try { await workflow(null) } catch (e) { return e.message }";
    let vm = QuickJsVm::new(&script(ScriptForm::Body, code), setup).unwrap();
    let Settled::Value(Some(json)) = run(vm).0 else { panic!() };
    assert_eq!(json.as_str(), r#""Nested workflow() calls are limited to one level""#);
    assert_eq!(error_code(ScriptForm::Body, "throw 1"), "ERR_SCRIPT_FAILED");
}

/// Whatever a new version of the interpreter brings, or a new unit, has to be known to the check of sources too.
#[test]
fn scripts_find_the_globals_that_are_listed() {
    let listed = |more: &[&str]| {
        let mut names: Vec<&str> = HOOKS.iter().chain(STANDARD).chain(more).copied().collect();
        names.sort_unstable();
        serde_json::to_string(&names).unwrap()
    };
    assert_eq!(body("return Object.getOwnPropertyNames(globalThis).sort()"), listed(&[]));
    assert_eq!(module("export default Object.getOwnPropertyNames(globalThis).sort()"), listed(&[]));
    for name in HOOKS.iter().chain(STANDARD) {
        assert_eq!(instead_of(name), None, "{name} is there");
    }
}

/// What the scripts of the table give, with line ends as they are.
fn text(code: &str) -> String {
    match run(vm(ScriptForm::Body, code)).0 {
        Settled::Value(Some(json)) => serde_json::from_str::<String>(json.as_str()).unwrap(),
        Settled::Value(None) => "undefined".to_owned(),
        Settled::Failed(error) => format!("! {error}"),
    }
}

#[test]
fn stacks_read_as_in_node() {
    for (code, expected) in [
        // The name is read with the stack; constructors of errors are no frames, others are.
        (
            "class A extends Error { constructor(m) { super(m); this.name = 'A' } }\nfunction make() {\n  return new A('x')\n}\nreturn make().stack",
            "A: x\n    at make (flow.js:3:14)\n    at <anonymous> (flow.js:5:8)",
        ),
        (
            "class A extends Error {}\nclass B extends A { constructor(m) { super(m) } }\nreturn new B('x').stack",
            "Error: x\n    at <anonymous> (flow.js:3:12)",
        ),
        (
            "class X { constructor() { this.e = new Error('in X') } }\nreturn new X().e.stack",
            "Error: in X\n    at X (flow.js:1:40)\n    at <anonymous> (flow.js:2:12)",
        ),
        (
            "const e = new Error('a'); e.name = 'N'; const first = e.stack.split('\\n')[0]; e.name = 'M'; return first + e.stack.split('\\n')[0]",
            "N: aN: a",
        ),
        // `captureStackTrace` leaves out what stands above the function that it is given.
        (
            "class A extends Error { constructor(m) { super(m); Error.captureStackTrace(this, A); this.name = 'A' } }\nreturn new A('x').stack",
            "A: x\n    at <anonymous> (flow.js:2:12)",
        ),
        (
            "function make() { return Object.keys(it = {}).length ? 0 : fill(it) }\nfunction fill(it) { Error.captureStackTrace(it, fill); return it }\nlet it\nreturn Object.keys(make()) + it.stack",
            "Error\n    at make (flow.js:1:65)\n    at <anonymous> (flow.js:4:20)",
        ),
        // `stackTraceLimit` counts what a script sees.
        ("const d = (n) => n ? d(n - 1) : new Error('x'); return `${d(30).stack.split('\\n').length}`", "11"),
        (
            "Error.stackTraceLimit = 40; const d = (n) => n ? d(n - 1) : new Error('x'); return `${d(60).stack.split('\\n').length}`",
            "41",
        ),
        (
            "const d = (n) => n ? [n].map(() => d(n - 1))[0] : new Error('x'); return `${d(12).stack.split('\\n').length}`",
            "11",
        ),
        ("Error.stackTraceLimit = 0; return new Error('none').stack", "Error: none"),
        ("Error.stackTraceLimit = 'x'; return `${Object.getOwnPropertyNames(new Error('none'))}`", "message"),
        ("return `${Error.stackTraceLimit}`", "10"),
        // No hook of a script's sees the functions on the stack.
        ("Error.prepareStackTrace = (e, sites) => sites; return typeof new Error('x').stack", "string"),
        // What the interpreter throws, from deep down too.
        (
            "const r = () => r(); try { r() } catch (e) { return e.stack.split('\\n').slice(0, 2).join() }",
            "RangeError: Maximum call stack size exceeded,    at r (flow.js:1:17)",
        ),
        (
            "const r = () => [1].map(r); try { r() } catch (e) { return e.stack.split('\\n').slice(0, 2).join() }",
            "RangeError: Maximum call stack size exceeded,    at r (flow.js:1:25)",
        ),
        (
            "try { [1].map((x) => x.y.z) } catch (e) { return e.stack }",
            "TypeError: Cannot read properties of undefined (reading 'z')\n    at <anonymous> (flow.js:1:22)\n    at <anonymous> (flow.js:1:11)",
        ),
        (
            "try { new RegExp('(') } catch (e) { return e.stack }",
            "SyntaxError: Invalid regular expression: /(/: Unterminated group\n    at <anonymous> (flow.js:1:11)",
        ),
        ("return Promise.any([]).catch((e) => e.stack)", "AggregateError: All promises were rejected"),
        // It is the error's own, can be replaced, and does not show.
        (
            "const e = new Error('x'); return JSON.stringify([Object.getOwnPropertyNames(e), { ...e }, e.hasOwnProperty('stack')])",
            r#"[["message","stack"],{},true]"#,
        ),
        ("const e = new Error('x'); e.stack = 'mine'; return e.stack", "mine"),
        ("return Object.freeze(new Error('x')).stack", "Error: x\n    at <anonymous> (flow.js:1:26)"),
        (
            "const e = new Error('x'); return Object.create(e).stack",
            "Error: x\n    at <anonymous> (flow.js:1:15)",
        ),
        (
            "return structuredClone(new RangeError('a')).stack",
            "RangeError: a\n    at <anonymous> (flow.js:1:28)",
        ),
        (
            "try { structuredClone(() => 1) } catch (e) { return e.stack.split('\\n')[0] }",
            "DataCloneError: () => 1 could not be cloned.",
        ),
        // Columns are counted in UTF-16 units.
        ("const s = 'é🙂'; return new Error('x').stack", "Error: x\n    at <anonymous> (flow.js:1:29)"),
        // What leaves the script: its message as it is then, its frames, and what was added.
        (
            "const e = new Error('old')\ne.message = 'new'\nthrow e",
            "! Error: new\n    at <anonymous> (flow.js:1:15)",
        ),
        (
            "const e = new Error('x')\ne.stack += '\\nCaused by: more'\nthrow e",
            "! Error: x\n    at <anonymous> (flow.js:1:15)\nCaused by: more",
        ),
        (
            "throw new Error('two\\n    at lines')",
            "! Error: two\n    at lines\n    at <anonymous> (flow.js:1:11)",
        ),
    ] {
        assert_eq!(text(code), expected, "{code}");
    }
}

#[test]
fn a_failed_call_has_a_stack_that_begins_with_its_message() {
    let mut vm = vm(ScriptForm::Body, "try {\n  await agent('a')\n} catch (e) { return e.stack }");
    let turn = vm.start();
    let Some(Item::Request(request)) = turn.items.first() else { panic!("no call") };
    let failure = ErrorData::new("RangeError", "bad");
    let turn = vm.deliver(
        request.slot,
        &Err(crate::model::error::WorkflowError::Script { error: failure, hint: None }.to_error_data()),
        BudgetState { total: None, spent: 0.0 },
    );
    let Some(Settled::Value(Some(json))) = turn.settled else { panic!("{:?}", turn.settled) };
    assert_eq!(
        serde_json::from_str::<String>(json.as_str()).unwrap(),
        "RangeError: bad\n    at <anonymous> (flow.js:2:9)"
    );
}

#[test]
fn guarded_constructors_are_what_they_were() {
    for (code, expected) in [
        ("return new RegExp('a') instanceof RegExp && /a/ instanceof RegExp", "true"),
        ("return /a/.constructor === RegExp && 1n.constructor === BigInt", "true"),
        ("const r = /a/; return RegExp(r) === r && new RegExp(r) !== r && RegExp(r, 'g') !== r", "true"),
        (
            "class R extends RegExp {}; const r = new R('a', 'g'); return [r instanceof R, r.flags, 'bab'.replace(r, 'x')]",
            r#"[true,"g","bxb"]"#,
        ),
        (
            "return ['a,b'.split(/,/), [...'aba'.matchAll(/a/g)].length, 'ab'.match('b').index, 'ab'.search(/b/)]",
            r#"[["a","b"],2,1,1]"#,
        ),
        (
            "return [RegExp.name, RegExp.length, BigInt.name, BigInt.length, typeof RegExp]",
            r#"["RegExp",2,"BigInt",1,"function"]"#,
        ),
        ("return [`${BigInt('0x10')}`, `${BigInt.asIntN(8, 257n)}`]", r#"["16","1"]"#),
        (
            "return [Promise.any.name, Promise.any.length, await Promise.any([Promise.reject(1), 2])]",
            r#"["any",1,2]"#,
        ),
        ("class P extends Promise {}; const p = P.any([1]); return [p instanceof P, await p]", "[true,1]"),
        (
            "return ['match', 'matchAll', 'repeat', 'search'].map((n) => n === ''[n].name && ''[n].length)",
            "[1,1,1,1]",
        ),
    ] {
        assert_eq!(body(code), expected, "{code}");
    }
}

/// The check of sources reads the options of `parallel` from the model; the unit has a list of its own.
#[test]
fn parallel_knows_the_options_that_are_listed() {
    let known = KNOWN_PARALLEL_OPTIONS.join(", ");
    let refusal = body("return parallel([], { other: 1 })");
    let expected = format!("! TypeError: parallel() does not know the option other; it knows {known}");
    assert_eq!(refusal.lines().next(), Some(expected.as_str()));
}
