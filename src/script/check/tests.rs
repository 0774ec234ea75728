use super::*;
use crate::script::position::position;
use crate::script::testing::META;

const LIMIT: usize = 8 << 20;

fn report(source: &str) -> Report {
    check_text(source, "flow.js", LIMIT, Imports::None)
}

/// `CODE line:column`, one per finding.
fn found(source: &str) -> Vec<String> {
    let findings = report(source).findings;
    findings.iter().map(|it| format!("{} {}:{}", it.code, it.at.line, it.at.column)).collect()
}

/// The same for a script whose second line is this, without what has to do with mentions.
fn of(rest: &str) -> Vec<String> {
    found(&format!("{META}{rest}"))
}

/// Each row: what stands on line 2, and the findings as `CODE column`.
fn table(rows: &[(&str, &[&str])]) {
    let mut wrong = Vec::new();
    for (rest, expected) in rows {
        let expected: Vec<String> = expected.iter().map(|it| it.replacen(' ', " 2:", 1)).collect();
        let actual = of(rest);
        if actual != expected {
            wrong.push(format!("{rest}\n    expected {expected:?}\n    found    {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn nothing(rows: &[&str]) {
    for rest in rows {
        assert_eq!(of(rest), Vec::<String>::new(), "{rest}");
    }
}

/// The hint of the only finding.
fn hint(rest: &str) -> String {
    let report = report(&format!("{META}{rest}"));
    let [only] = &report.findings[..] else { panic!("{rest}: {:?}", report.findings) };
    only.hint.clone().unwrap_or_default()
}

#[test]
fn what_does_not_load() {
    for (source, expected) in [
        ("", vec!["ERR_WORKFLOW_METADATA 1:1", "ERR_WORKFLOW_NO_ENTRY 1:1"]),
        ("let x = ;", vec!["ERR_SCRIPT_SYNTAX 1:9"]),
        (
            "import fs from 'node:fs'\nexport const meta = { name: 'x' }\nconst a = 1, a = 2\nreturn require('path')",
            vec![
                "ERR_SCRIPT_UNSUPPORTED 1:1",
                "ERR_WORKFLOW_METADATA 2:21",
                "ERR_SCRIPT_SYNTAX 3:14",
                "ERR_SCRIPT_UNSUPPORTED 4:8",
            ],
        ),
        ("export let meta = {}\nreturn 1", vec!["ERR_WORKFLOW_METADATA 1:12"]),
        ("\u{feff}const meta = 1; return f()", vec!["ERR_UNKNOWN_GLOBAL 1:24", "ERR_WORKFLOW_METADATA 1:7"]),
    ] {
        let mut expected = expected;
        let mut actual = found(source);
        expected.sort_unstable();
        actual.sort_unstable();
        assert_eq!(actual, expected, "{source:?}");
    }
    table(&[
        ("export default 1; return 2", &["ERR_SCRIPT_SYNTAX 19"]),
        ("return a <!--b", &["ERR_UNKNOWN_GLOBAL 8", "ERR_SCRIPT_SYNTAX 10", "ERR_UNKNOWN_GLOBAL 14"]),
    ]);
    assert_eq!(of("f()"), ["ERR_WORKFLOW_NO_ENTRY 1:1", "ERR_UNKNOWN_GLOBAL 2:1"]);
    let too_large = check_text("x".repeat(100).as_str(), "flow.js", 99, Imports::None);
    assert_eq!(too_large.findings[0].code, "ERR_SCRIPT_TOO_LARGE");
    let missing = check_file(Path::new("no/such/file.js"), LIMIT, Imports::None);
    assert_eq!(missing.findings[0].code, "ERR_WORKFLOW_METADATA");
    assert!(missing.findings[0].message.starts_with("cannot read no/such/file.js: "), "{missing:?}");
}

#[test]
fn findings_say_where_and_what_to_do() {
    let report = report(&format!("{META}const ü = '🙂'; return agent(ü + fetch('x'))"));
    assert_eq!(report.form, Some(ScriptForm::Body));
    assert_eq!(report.metadata.as_ref().map(|it| it.name.as_str()), Some("n"));
    insta::assert_json_snapshot!(report.findings, @r#"
    [
      {
        "severity": "error",
        "code": "ERR_UNKNOWN_GLOBAL",
        "message": "fetch is not defined",
        "file": "flow.js",
        "line": 2,
        "column": 34,
        "frame": "2 | const ü = '🙂'; return agent(ü + fetch('x'))\n                                    ^",
        "hint": "workflow scripts have no network: let an agent fetch it, or pass the data in through args"
      }
    ]
    "#);
}

#[test]
fn globals() {
    table(&[
        ("return process.env.HOME", &["ERR_UNKNOWN_GLOBAL 8"]),
        ("return await agnet('x')", &["ERR_UNKNOWN_GLOBAL 14"]),
        ("count = 1; return count", &["ERR_UNKNOWN_GLOBAL 1"]),
        ("return eval('1')", &["ERR_UNKNOWN_GLOBAL 8"]),
        (
            "return [Date.now(), new Date(), Date(), Math.random()]",
            &[
                "ERR_NONDETERMINISTIC 9",
                "ERR_NONDETERMINISTIC 21",
                "ERR_NONDETERMINISTIC 33",
                "ERR_NONDETERMINISTIC 41",
            ],
        ),
        (
            "return new Function('a', 'return a')(Function('return 1')())",
            &["ERR_CODE_FROM_TEXT 8", "ERR_CODE_FROM_TEXT 38"],
        ),
        (
            "const f = () => setImmediate(f); return crypto.randomUUID()",
            &["ERR_UNKNOWN_GLOBAL 17", "ERR_UNKNOWN_GLOBAL 41"],
        ),
        ("const a = unknown; return [unknown, a, unknown]", &["ERR_UNKNOWN_GLOBAL 11"]),
        ("export default () => arguments", &["ERR_UNKNOWN_GLOBAL 22"]),
        ("const x = globalThis; return [process, mine, x]", &["ERR_UNKNOWN_GLOBAL 31"]),
    ]);
    nothing(&[
        "return typeof process === 'undefined' ? 1 : process.env",
        "try { return crypto.randomUUID() } catch { return 1 }",
        "try { return Date.now() } catch { return args.now }",
        "return [new Date(0), new Date(args.now), Date.UTC(2020), Date.parse('x'), Math.floor(1.5)]",
        "return new Date(...args)",
        "const Date = { now: () => 1 }; return Date.now()",
        "globalThis.mine = 1; return mine",
        "return (function () { return arguments.length })() + arguments.length",
        "return [Array, undefined, NaN, console, setTimeout, structuredClone, URL].map((it) => it)",
        "return meta.name + args + budget.total",
        "export { nothing }; return 1",
        "return ((fetch) => fetch)(1)",
        "label: for (;;) { break label } return { process: 1 }.process",
    ]);
    assert_eq!(hint("return await agnet('x')"), "did you mean 'agent'?");
    assert_eq!(hint("const results = []; return result"), "did you mean 'results'?");
    assert_eq!(hint("count = 1; return 1"), "declare it: let count = …");
    assert!(hint("return Date.now()").contains("args"));
}

#[test]
fn shadows() {
    table(&[
        ("const workflow = await workflow('x'); return workflow", &["ERR_USED_BEFORE_DECLARED 24"]),
        ("const agent = agent('x'); return agent", &["ERR_USED_BEFORE_DECLARED 15"]),
        ("const x = await agent('a'); const agent = 1; return x", &["ERR_USED_BEFORE_DECLARED 17"]),
        ("const n = n + 1; return n", &["ERR_USED_BEFORE_DECLARED 11"]),
        ("{ a; let a = 1 } return", &["ERR_USED_BEFORE_DECLARED 3"]),
        ("export default run; const run = () => 1", &["ERR_USED_BEFORE_DECLARED 16"]),
        ("const phase = 'Review'; phase('x'); return 1", &["ERR_SHADOWED_GLOBAL 25"]),
        ("const log = await agent('x'); log(log); return 1", &["ERR_SHADOWED_GLOBAL 31"]),
    ]);
    nothing(&[
        "const log = console.log; log('x'); return 1",
        "const log = (...x) => console.log(...x); log('x'); return 1",
        "const f = () => later; const later = 1; return f()",
        "export { run as default }; const run = () => 1",
        "export default main; function main() { return later } const later = 1",
        "for (const agent of [1]) { await workflow('x' + agent) } return 1",
        "const args = JSON.parse('1'); return args",
        "const budget = { total: 1 }; return budget.total",
        "const { a, b = a } = args; return b",
        "return ((agent) => agent('x'))((x) => x)",
        "const phase = args.phase; phase('x'); return 1",
        "class A { x = later } const later = 1; return new A().x",
        "for (let i = 0, n = i; i < n; i++) {} return",
        "switch (args) { case 1: a = 1; break; default: let a } return",
        "let a = 1; { let b = a; let c = b; a = c } return a",
    ]);
}

#[test]
fn arguments() {
    table(&[
        ("return agent()", &["WARN_MISSING_ARGUMENT 8"]),
        ("return agent({ label: 'x' })", &["WARN_MISSING_ARGUMENT 14"]),
        ("return agent('', {})", &["WARN_MISSING_ARGUMENT 14"]),
        ("return agent(() => 'x')", &["WARN_MISSING_ARGUMENT 14"]),
        ("phase(); return workflow()", &["WARN_MISSING_ARGUMENT 1", "ERR_MISSING_ARGUMENT 17"]),
        (
            "return [await parallel(), await pipeline()]",
            &["ERR_MISSING_ARGUMENT 15", "ERR_MISSING_ARGUMENT 33"],
        ),
        ("return workflow({ path: './x.js' })", &["ERR_MISSING_ARGUMENT 17"]),
        ("return workflow({ scriptPath: 5 })", &["ERR_MISSING_ARGUMENT 17"]),
        ("export default (args, { agent: ask }) => ask()", &["WARN_MISSING_ARGUMENT 42"]),
        (
            "export default function (args, ctx) { const { agent } = ctx; return [agent(), ctx.parallel()] }",
            &["WARN_MISSING_ARGUMENT 70", "ERR_MISSING_ARGUMENT 79"],
        ),
        (
            "const main = async (args, ctx) => ctx.workflow(); export default main",
            &["ERR_MISSING_ARGUMENT 35"],
        ),
        ("return globalThis.agent()", &["WARN_MISSING_ARGUMENT 8"]),
    ]);
    nothing(&[
        "return agent(...args)",
        "return agent(args)",
        "return agent(prompt()); function prompt() { return 'x' }",
        "return pipeline([1])",
        "return workflow({ ...args })",
        "export default (args, other) => other.agent.agent()",
    ]);
}

#[test]
fn awaits() {
    table(&[
        ("agent('x'); return 1", &["WARN_NOT_AWAITED 1"]),
        (
            "if (args) agent('x'); else workflow('x'); return 1",
            &["WARN_NOT_AWAITED 11", "WARN_NOT_AWAITED 28"],
        ),
        ("parallel([]); pipeline([1]); return", &["WARN_NOT_AWAITED 1", "WARN_NOT_AWAITED 15"]),
        ("args && agent('x'); return", &["WARN_NOT_AWAITED 9"]),
        ("args ? agent('x') : (1, agent('y')); return", &["WARN_NOT_AWAITED 8", "WARN_NOT_AWAITED 25"]),
        ("agent('x').then((x) => x); return", &["WARN_NOT_AWAITED 1"]),
        ("return parallel([() => { agent('x') }])", &["WARN_NOT_AWAITED 26"]),
        ("const list = []; list.forEach((x) => agent(x)); return", &["WARN_NOT_AWAITED 18"]),
        ("[1].forEach(async (x) => { await agent(`${x}`) }); return", &["WARN_NOT_AWAITED 1"]),
        ("async function main() { await agent('x') } main(); return", &["WARN_NOT_AWAITED 44"]),
        ("(async () => { await agent('x') })(); return", &["WARN_NOT_AWAITED 1"]),
        ("Promise.all([agent('x')]); return", &["WARN_NOT_AWAITED 1"]),
        ("const f = async () => 1; export default () => { f() }", &["WARN_NOT_AWAITED 49"]),
    ]);
    nothing(&[
        "await agent('x'); return",
        "void agent('x'); return",
        "const early = agent('x'); return early",
        "agent('x').catch(log); return",
        "agent('x').then(log, log); return",
        "return new Promise((resolve) => { agent('x').then(resolve) })",
        "return parallel([1].map((x) => () => agent(x)))",
        "for (const x of [1]) await agent(`${x}`); return",
        "[1].forEach((x) => { log(x) }); return agent('x')",
        "const next = async () => { await agent('x'); void next() }; await next(); return",
        "async function worker() { await agent('x') } function start() { worker() } start(); return",
        "function* g() { yield agent('x') } g(); return",
        "async function* g() { yield agent('x') } g(); return",
        "const calls = []; calls.push(agent('x')); return Promise.all(calls)",
        "phase('x'); log('x'); return",
        "let last; last = agent('x'); return last",
    ]);
}

#[test]
fn functions() {
    table(&[
        (
            "return parallel([agent('a'), () => agent('b'), agent('c')])",
            &["ERR_NOT_A_FUNCTION 18", "ERR_NOT_A_FUNCTION 48"],
        ),
        ("return parallel([1, 2].map((i) => agent(`${i}`)))", &["ERR_NOT_A_FUNCTION 35"]),
        ("return parallel([1].map((i) => { log(i); return agent(`${i}`) }))", &["ERR_NOT_A_FUNCTION 49"]),
        ("return parallel([1].map(async (i) => { await agent(`${i}`) }))", &["ERR_NOT_A_FUNCTION 25"]),
        ("const calls = [1].map((i) => agent(`${i}`)); return parallel(calls)", &["ERR_NOT_A_FUNCTION 30"]),
        ("const ask = async (i) => agent(`${i}`); return parallel([1].map(ask))", &["ERR_NOT_A_FUNCTION 65"]),
        ("return parallel([...[1].map((i) => agent(`${i}`)), () => 1])", &["ERR_NOT_A_FUNCTION 36"]),
        ("return parallel(agent('a'), agent('b'))", &["ERR_NOT_A_FUNCTION 17"]),
        (
            "return parallel(() => agent('a'), () => agent('b'))",
            &["ERR_NOT_A_FUNCTION 17", "ERR_INVALID_OPTION 35"],
        ),
        ("return parallel({ a: () => 1 })", &["ERR_NOT_A_FUNCTION 17"]),
        (
            "return parallel([await agent('a'), 'b', null])",
            &["ERR_NOT_A_FUNCTION 18", "ERR_NOT_A_FUNCTION 36", "ERR_NOT_A_FUNCTION 41"],
        ),
        ("return pipeline([1], agent('x'))", &["ERR_NOT_A_FUNCTION 22"]),
        ("return pipeline([1], (x) => x, 'y')", &["ERR_NOT_A_FUNCTION 32"]),
        ("return pipeline([1], [(x) => x])", &["ERR_NOT_A_FUNCTION 22"]),
        ("export default (args, { parallel, agent }) => parallel([agent('x')])", &["ERR_NOT_A_FUNCTION 57"]),
    ]);
    nothing(&[
        "return parallel([() => agent('a'), async () => 1, function () {}, args.f, make(1)]); function make(i) { return () => i }",
        "return parallel(args.map((i) => () => agent(i)))",
        "return parallel(args.map((i) => { if (i) return () => agent(i); return () => 1 }))",
        "return parallel(args.map((i) => { const f = () => agent(i); return f }))",
        "return parallel(args.map(make)); function make(i) { return () => agent(i) }",
        "const tasks = []; tasks.push(() => agent('x')); return parallel(tasks)",
        "return parallel(Object.keys(args).filter(Boolean).map((i) => async () => agent(i)))",
        "return pipeline(args, (x) => agent(x), async (x) => x, args.stage)",
        "return pipeline(agent('x'))",
        "return parallel([])",
        "return parallel(await list()); async function list() { return [() => 1] }",
    ]);
}

#[test]
fn options() {
    table(&[
        (
            "return agent('x', { lable: 'a', temperature: 1 })",
            &["WARN_UNKNOWN_OPTION 21", "WARN_UNKNOWN_OPTION 33"],
        ),
        ("return agent('x', { isolation: 'sandbx' })", &["ERR_INVALID_OPTION 32"]),
        ("return agent('x', { effort: 'hgh' })", &["WARN_OPTION_VALUE 29"]),
        (
            "return agent('x', { timeoutMs: -1, retry: { maxAttempts: 0 } })",
            &["ERR_INVALID_OPTION 32", "ERR_INVALID_OPTION 43"],
        ),
        ("return agent('x', { retry: { attempts: 3 } })", &["WARN_UNKNOWN_OPTION 30"]),
        ("return agent('x', { retry: 3 })", &["ERR_INVALID_OPTION 28"]),
        (
            "const ms = 0; const base = { timeoutMs: ms }; return agent('x', { ...base, efort: 'low' })",
            &["ERR_INVALID_OPTION 41", "WARN_UNKNOWN_OPTION 76"],
        ),
        ("return agent('x', 'label')", &["ERR_INVALID_OPTION 19"]),
        ("return parallel([], { concurency: 2 })", &["ERR_INVALID_OPTION 23"]),
        (
            "return parallel([], { concurrency: 0, settle: 'yes', minSuccess: 1.5 })",
            &["ERR_INVALID_OPTION 36", "ERR_INVALID_OPTION 47", "ERR_INVALID_OPTION 66"],
        ),
    ]);
    nothing(&[
        "return agent('x', { label: 'l', phase: 'p', schema: true, model: 'm', isolation: 'worktree', agentType: 'a:b', key: 'k' })",
        "return agent('x', { provider: args.p, effort: 'xhigh', cwd: '.', timeoutMs: 1000, stallMs: 1, tools: [], permissions: 1, providerOptions: {} })",
        "return agent('x', { retry: { maxAttempts: 3, backoffMs: 10 }, effort: args.effort, timeoutMs: args.ms, isolation: null })",
        "return agent('x', { isolation: undefined, ...args })",
        "let options = { colour: 1 }; options = args; return agent('x', options)",
        "return agent('x', args)",
        "return agent('x', null)",
        "return agent('x', { [args.key]: 1 })",
        "return parallel([], { concurrency: 2, failFast: true, minSuccess: 0, timeoutMs: 5, settle: false })",
        "return parallel([], undefined)",
    ]);
    assert_eq!(hint("return agent('x', { lable: 'a' })"), "did you mean 'label'?");
    assert_eq!(hint("return agent('x', { timeout: 5 })"), "did you mean 'timeoutMs'?");
    assert_eq!(hint("return agent('x', { subagent_type: 'Explore' })"), "did you mean 'agentType'?");
    assert_eq!(hint("return agent('x', { AgentType: 'Explore' })"), "did you mean 'agentType'?");
    assert_eq!(hint("return agent('x', { effort: 'hgh' })"), "did you mean 'high'?");
    assert!(hint("return agent('x', { temperature: 1 })").starts_with("it knows label, "));
}

#[test]
fn loops() {
    table(&[
        ("while (true) { await agent('x') }", &["WARN_UNBOUNDED_LOOP 1"]),
        (
            "for (;;) { const { done } = await agent('x'); if (done) break } return",
            &["WARN_UNBOUNDED_LOOP 1"],
        ),
        ("do { await parallel([() => agent('x')]) } while (1)", &["WARN_UNBOUNDED_LOOP 1"]),
        (
            "let done = false; while (!done) { done = (await agent('x')).done } return",
            &["WARN_UNBOUNDED_LOOP 19"],
        ),
        (
            "let text = ''; while (true) { const a = await agent(text); if (a === 'ok') return a; text = a }",
            &["WARN_UNBOUNDED_LOOP 16"],
        ),
    ]);
    nothing(&[
        "for (let i = 0; i < 3; i++) await agent('x'); return",
        "let round = 0; while (true) { if (round++ > 3) break; await agent('x') } return",
        "let round = 0; while (true) { round = round + 1; if (round > 3) return; await agent('x') }",
        "let left = 9; for (;;) { left -= 1; if (!left) break; await agent('x') } return",
        "while (budget.remaining() > 1000) await agent('x'); return",
        "while (true) { await agent('x'); if (budget.spent() > 9) break } return",
        "const queue = [1]; while (true) { const x = queue.pop(); if (!x) break; await agent(`${x}`) } return",
        "const queue = [1]; while (queue.length) { queue.push(await agent(`${queue.shift()}`)) } return",
        "while (true) { if (enough()) break; await agent('x') } return; function enough() { return true }",
        "for (const x of [1]) { await agent(`${x}`) } return",
        "while (true) { return await agent('x') }",
        "while (true) { log('x'); break } return agent('x')",
        "do { await agent('x') } while (false)",
        "while (true) { await agent('x'); break } return",
    ]);
}

#[test]
fn defaults() {
    table(&[
        ("function f(n, get = () => n) { n += 1; return get() } return f(1)", &["WARN_PARAMETER_COPIED 27"]),
        ("const f = (a, b = (a = 2)) => [a, b]; return f(1)", &["WARN_PARAMETER_COPIED 20"]),
    ]);
    nothing(&[
        "function f(n, m = n + 1) { n += 1; return m } return f(1)",
        "function f(n, get = () => n) { return get() } return f(1)",
        "function f(n, get = (n) => n) { n += 1; return get(n) } return f(1)",
        "function f(n) { const get = () => n; n += 1; return get() } return f(1)",
    ]);
}

const PHASES: &str =
    "export const meta = { name: 'n', description: 'd', phases: [{ title: 'Plan' }, 'Review'] };\n";

#[test]
fn phases() {
    for (rest, expected) in [
        ("phase('Plan'); return agent('x', { phase: 'Review' })", vec![]),
        ("phase('Plan'); return agent('x', { phase: 'Reviw' })", vec!["WARN_UNKNOWN_PHASE 2:43"]),
        ("phase('Plan'); return 1", vec!["WARN_UNUSED_PHASE 1:80"]),
        ("phase(args ? 'Plan' : `Review`); return 1", vec![]),
        ("const TITLE = 'Review'; phase('Plan'); phase(TITLE); return 1", vec![]),
        ("phase(args); return 1", vec![]),
        ("phase('Plan'); return agent('x', args)", vec![]),
        ("phase('Plan'); return agent('x', { ...args })", vec![]),
        (
            "phase('Plan'); return parallel([1].map((i) => () => agent(`${i}`, { phase: `Round ${i}` })))",
            vec![],
        ),
        ("const say = phase; say('Plan'); return 1", vec![]),
        ("for (const title of ['a']) phase(title); phase('x'); return 1", vec!["WARN_UNKNOWN_PHASE 2:48"]),
        ("phase('A'); phase('A'); phase('Plan'); phase('Review'); return", vec!["WARN_UNKNOWN_PHASE 2:7"]),
        (
            "export default (args, ctx) => { ctx.phase('Plan'); run(ctx) }; const run = (c) => c.phase('Review')",
            vec![],
        ),
    ] {
        assert_eq!(found(&format!("{PHASES}{rest}")), expected, "{rest}");
    }
    nothing(&["phase('anything'); return agent('x', { phase: 'other' })"]);
    let report = report(&format!("{PHASES}phase('Plan'); phase('Reviw'); return phase(args)"));
    assert_eq!(report.findings[0].hint.as_deref(), Some("did you mean 'Review'?"));
    assert_eq!(report.findings.len(), 1);
    let changed = format!(
        "{PHASES}meta.phases.push({{ title: 'New' }}); export default () => agent('x', {{ phase: 'New' }})"
    );
    assert_eq!(found(&changed), Vec::<String>::new());
}

#[test]
fn metadata() {
    let source = "export const meta = { name: 'n', description: 'd', whenTouse: 'x', version: 2, phases: [{ title: 'A', detial: '' }] }\nphase('A'); return 1";
    let report = report(source);
    let hints: Vec<_> =
        report.findings.iter().map(|it| (it.code, it.at.column, it.hint.as_deref().unwrap())).collect();
    assert_eq!(
        hints,
        [
            ("WARN_UNKNOWN_META", 52, "did you mean 'whenToUse'?"),
            ("WARN_UNKNOWN_META", 68, "the engine reads name, description, whenToUse, phases"),
            ("WARN_UNKNOWN_META", 103, "did you mean 'detail'?"),
        ]
    );
}

fn mentions(rest: &str) -> Vec<Mention> {
    report(&format!("{META}{rest}")).mentions
}

#[test]
fn schemas_are_read_where_they_stand() {
    let schema = |rest: &str| match &mentions(rest)[..] {
        [Mention::Schema(it)] => Some(it.value.to_string()),
        [] => None,
        other => panic!("{rest}: {other:?}"),
    };
    for (rest, expected) in [
        (
            "return agent('x', { schema: { type: 'object', b: [1, -2.5, null, true], a: `t` } })",
            Some(r#"{"type":"object","b":[1,-2.5,null,true],"a":"t"}"#),
        ),
        (
            "const S = { enum: KINDS }, KINDS = ['a', 'b']; return agent('x', { schema: S })",
            Some(r#"{"enum":["a","b"]}"#),
        ),
        (
            "const S = { a: { type: 'string' } }; return agent('x', { schema: S.a })",
            Some(r#"{"type":"string"}"#),
        ),
        (
            "const S = Object.freeze({ type: 'string' }); const o = { schema: S }; return agent('x', o)",
            Some(r#"{"type":"string"}"#),
        ),
        (
            "const B = { type: 'string' }; return agent('x', { schema: { ...B, minLength: 1, x: undefined } })",
            Some(r#"{"type":"string","minLength":1}"#),
        ),
        ("const schema = 'text'; return agent('x', { schema })", Some(r#""text""#)),
        ("return agent('x', { schema: { description: 'a' + `b` + 'c' } })", Some(r#"{"description":"abc"}"#)),
        (
            "const S = { 'a': 1, 2: 3, ['c']: 4 }; agent('x', { schema: S }); return agent('y', { schema: S })",
            Some(r#"{"a":1,"2":3,"c":4}"#),
        ),
        ("return agent('x', { schema: undefined })", None),
        ("return agent('x', { schema: { enum: args } })", None),
        ("return agent('x', { schema: make() })", None),
        ("const S = { type: 'string' }; S.type = args; return agent('x', { schema: S })", None),
        ("const S = { a: [] }; S.a.push(args); return agent('x', { schema: S })", None),
        ("const S = {}; Object.assign(S, args); return agent('x', { schema: S })", None),
        ("let S = { type: 'string' }; if (args) S = args; return agent('x', { schema: S })", None),
        ("const S = { get a() { return 1 } }; return agent('x', { schema: S })", None),
        ("const S = { a: S2 }, S2 = { b: S }; return agent('x', { schema: S })", None),
        ("return agent('x', { schema: { ...args } })", None),
        ("return agent('x', { schema: { a() {} } })", None),
    ] {
        assert_eq!(schema(rest).as_deref(), expected, "{rest}");
    }
    let rest = "const A = { type: 'array' };\nreturn agent('x', { schema: { properties: { 'a/b': A } } })";
    let report = report(&format!("{META}{rest}"));
    let [Mention::Schema(schema)] = &report.mentions[..] else { panic!() };
    let line = |pointer: &str| position(&report.text, schema.place(pointer).0);
    assert_eq!(line(""), Position { line: 3, column: 29 });
    assert_eq!(line("/properties/a~1b"), Position { line: 2, column: 11 });
    assert_eq!(line("/properties/a~1b/type"), Position { line: 2, column: 19 });
    assert_eq!(line("/properties/other/type"), Position { line: 3, column: 43 });
}

#[test]
fn names_are_mentioned() {
    let shown = |rest: &str| {
        let all = mentions(rest).into_iter().map(|mention| match mention {
            Mention::Workflow { name, .. } => format!("workflow {name}"),
            Mention::Script { path, .. } => format!("script {path}"),
            Mention::AgentType { name, .. } => format!("type {name}"),
            Mention::Provider { name, .. } => format!("provider {name}"),
            Mention::Schema(_) => "schema".to_owned(),
        });
        all.collect::<Vec<_>>().join(", ")
    };
    for (rest, expected) in [
        ("return workflow('a')", "workflow a"),
        ("return workflow(args ? 'a' : 'b')", "workflow a, workflow b"),
        ("const ref = { scriptPath: './x.js' }; return workflow(ref, {})", "script ./x.js"),
        ("return workflow(args)", ""),
        ("return workflow('a' + args)", ""),
        ("try { return await workflow('a') } catch { return 1 }", ""),
        ("return workflow('a').catch(() => null)", ""),
        ("return agent('x', { agentType: 'a', provider: 'b' })", "type a, provider b"),
        ("return agent('x', { agentType: args, provider: '' })", ""),
    ] {
        assert_eq!(shown(rest), expected, "{rest}");
    }
    let source = "export const meta = { name: 'n', description: 'd', phases: [{ title: 'A', provider: 'p' }] }\nphase('A'); return";
    assert!(matches!(&report(source).mentions[..], [Mention::Provider { name, .. }] if name == "p"));
}

/// Sources that nobody writes, as large as sources may be: the check ends, in little stack and without a panic.
#[test]
fn extreme_sources_are_checked_or_said_not_to_be() {
    let not_checked = "WARN_NOT_CHECKED";
    for (name, rest, expected) in [
        ("a chain of 100,000", format!("return 'a'{}", "+'a'".repeat(100_000)), vec![not_checked]),
        ("a prompt of 2,000 parts", format!("return agent('a'{})", "+'a'".repeat(2_000)), vec![]),
        (
            "a text of 2,000 parts in a schema",
            format!("return agent('a', {{ schema: {{ description: 'a'{} }} }})", "+'a'".repeat(2_000)),
            vec![],
        ),
        ("200,000 calls in a row", format!("return agent{}", "()".repeat(200_000)), vec![not_checked]),
        ("deep brackets", format!("return {}1{}", "[".repeat(450), "]".repeat(450)), vec![]),
        ("deep functions", format!("{}{}; return", "(() => {".repeat(240), "})".repeat(240)), vec![]),
        ("deep arrows", format!("return {}1", "a=>".repeat(20_000)), vec![not_checked]),
        ("deep conditions", format!("return {}1", "args?1:".repeat(1_500)), vec![]),
        ("deep templates", format!("return {}1{}", "`${".repeat(240), "}`".repeat(240)), vec![]),
        ("too deep brackets", "[".repeat(10_000), vec!["ERR_SCRIPT_UNSUPPORTED"]),
        (
            "constants that double",
            {
                let doubled: String =
                    (0..60).map(|i| format!("const c{} = {{ ...c{i}, a: c{i}, b: c{i} }};", i + 1)).collect();
                format!("const c0 = {{}}; {doubled} return agent('x', {{ ...c60, schema: c60 }})")
            },
            vec!["WARN_UNKNOWN_OPTION"],
        ),
    ] {
        let report = report(&format!("{META}{rest}"));
        let codes: Vec<_> = report.findings.iter().map(|it| it.code).collect();
        let mut distinct = codes.clone();
        distinct.dedup();
        assert_eq!(distinct, expected, "{name}");
    }
    let many = report(&format!("{META}return [{}]", "Date.now(),".repeat(2_000)));
    assert_eq!(many.findings.len(), MAX_FINDINGS + 1);
    assert_eq!(many.findings.last().unwrap().message, "there are 1500 more findings from here on");
    let many = report(&format!("{META}return [{}]", "workflow('x'),".repeat(2_500)));
    assert_eq!((many.mentions.len(), many.findings.len()), (MAX_MENTIONS, 1));
}

#[test]
fn near_names() {
    for (name, expected) in [
        ("Reveiw", Some("Review")),
        ("review", Some("Review")),
        ("Rview", Some("Review")),
        ("Verify", None),
        ("Review", None),
        ("R", None),
        ("Pla", Some("Plan")),
    ] {
        assert_eq!(nearest(name, ["Review", "Plan"]), expected, "{name}");
    }
}

#[test]
fn typescript_is_checked_without_its_types() {
    let source = format!(
        "{META}type Ö = string\nconst files: readonly Ö[] = args as Ö[]\nfor (const f of files) agent(f!)\nreturn unknownName as number\n"
    );
    let report = check_text(&source, "flow.ts", LIMIT, Imports::None);
    let found: Vec<_> = report.findings.iter().map(|it| (it.code, it.at.line, it.at.column)).collect();
    assert_eq!(found, [("WARN_NOT_AWAITED", 4, 24), ("ERR_UNKNOWN_GLOBAL", 5, 8)]);
    // Shown as the author wrote it.
    assert!(report.findings[0].frame.contains("agent(f!)"), "{}", report.findings[0].frame);
    for (source, code, line, column) in [
        (format!("{META}enum A {{ B }}\nreturn 1"), "ERR_SCRIPT_UNSUPPORTED", 2, 1),
        (format!("{META}let a: = 1\nreturn 1"), "ERR_SCRIPT_SYNTAX", 2, 8),
        (format!("{META}let a: A\nlet a: B\nreturn 1"), "ERR_SCRIPT_SYNTAX", 3, 5),
    ] {
        let report = check_text(&source, "flow.ts", LIMIT, Imports::None);
        let first = &report.findings[0];
        assert_eq!((first.code, first.at.line, first.at.column), (code, line, column), "{source}");
    }
}

#[test]
fn the_modules_of_the_sandbox_are_known_with_what_they_have() {
    table(&[
        ("import { slep } from 'workflow:extra'; export default 1", &["ERR_UNKNOWN_MODULE 10"]),
        ("import extra from 'workflow:extra'; export default 1", &["ERR_UNKNOWN_MODULE 8"]),
        ("import { sleep } from 'workflow:extras'; export default 1", &["ERR_UNKNOWN_MODULE 23"]),
        ("const { sleep } = await import('workflow:x'); return 1", &["ERR_UNKNOWN_MODULE 32"]),
        ("await SW.extra.slep('1s'); return 1", &["ERR_UNKNOWN_MODULE 16"]),
        ("export default (args, ctx) => ctx.extra.slep('1s')", &["ERR_UNKNOWN_MODULE 41"]),
        ("import { sleep } from 'workflow:extra'; sleep('1s'); export default 1", &["WARN_NOT_AWAITED 41"]),
        ("SW.extra.sleep(5); return 1", &["WARN_NOT_AWAITED 1"]),
        ("const { sleep } = SW.extra; sleep(5); return 1", &["WARN_NOT_AWAITED 29"]),
        (
            "const { sleep } = await import('workflow:extra'); await sleep('5'); return 1",
            &["ERR_INVALID_DURATION 63"],
        ),
        (
            "const extra = SW.extra; await extra.sleep(-1 * 2); await extra.sleep(`1 min`); return 1",
            &["ERR_INVALID_DURATION 70"],
        ),
        ("await SW.extra.sleep(); return 1", &["ERR_INVALID_DURATION 7"]),
        ("import * as x from 'workflow:extra'; export default x.sleep('1w')", &["ERR_INVALID_DURATION 61"]),
    ]);
    nothing(&[
        "import { sleep } from 'workflow:extra'; await sleep('1h30m'); export default 1",
        "import { sleep as wait } from 'workflow:extra'; export default async () => { await wait(1000) }",
        "export default (args, { extra }) => extra.anything()",
        "export default async (args, ctx) => { await ctx.extra.sleep('2d'); const { sleep } = ctx.extra; await sleep(5) }",
        "await SW.extra.sleep('10ms')",
        "const { sleep } = SW.extra; await sleep(args.wait); void sleep('1s'); return 1",
        "const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)); await sleep('x'); return 1",
        "return typeof SW === 'undefined' ? 1 : 2",
    ]);
    assert_eq!(hint("await SW.extra.slep('1s'); return 1"), "did you mean 'sleep'?");
}
