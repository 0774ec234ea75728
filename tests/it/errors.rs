//! What a script sees of its errors, held against Node.js: every line of `errors/cases.txt`, differences written down
//! there.
//!
//! `node tests/it/errors/node.mjs` fills in what Node.js says.

use std::fmt::Write;

use crate::support::{outcome, run, source};

const PRELUDE: &str = include_str!("errors/prelude.js");
const ATTEMPT: &str = include_str!("errors/attempt.js");

/// What a snippet throws: the error as text, and the beginning of its stack if that is something else.
fn thrown(code: &str) -> String {
    let script = format!(
        "export const meta = {{ name: 'errors', description: 'Makes mistakes' }}\n{PRELUDE}\ntry {{\n{code}\nreturn 'no error' }} catch (error) {{ return ({ATTEMPT})(error) }}"
    );
    let end = run(source(&script));
    if let Err(error) = &end.result {
        return format!("! {error}");
    }
    serde_json::from_str(&outcome(&end)).unwrap()
}

#[test]
fn errors_read_as_in_node() {
    let mut faults = String::new();
    let mut lines = include_str!("errors/cases.txt").lines().peekable();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let Some(code) = line.strip_prefix("> ") else { continue };
        let node =
            lines.next().and_then(|line| line.strip_prefix("= ")).expect("every case has Node's answer");
        let different = lines.next_if(|line| line.starts_with("! "));
        if different.is_some() {
            let why = lines.next().unwrap_or_default();
            assert!(why.starts_with("# "), "`{code}` differs from Node and does not say why");
        }
        let expected: String = serde_json::from_str(different.map_or(node, |line| &line[2..])).unwrap();
        let found = thrown(code);
        count += 1;
        if found != expected {
            writeln!(faults, "> {code}\n  expected {expected:?}\n  found    {found:?}").unwrap();
        }
    }
    assert!(count > 400, "{count}");
    assert!(faults.is_empty(), "\n{faults}");
}

/// The message and the first frame that leave a run.
fn failure(script: &str) -> String {
    let end = run(source(script));
    let error = end.result.expect_err(script).to_string();
    error.lines().take(2).map(str::trim).collect::<Vec<_>>().join(" ")
}

#[test]
fn mistakes_are_placed_where_the_author_made_them() {
    const META: &str = "export const meta = { name: 'places', description: 'Makes mistakes' }";
    for (code, expected) in [
        // The interpreter would say line 2 to all of these: what it last took note of.
        (
            "const u = args\nlog(u)\n\nconst { a } = u",
            "TypeError: Cannot destructure property 'a' of 'u' as it is null or undefined. at <anonymous> (flow.js:5:9)",
        ),
        (
            "const list = args\nlog(list)\nconst [a] = list.items ?? []\n\n\nconst { b } = list",
            "TypeError: Cannot read properties of undefined (reading 'items') at <anonymous> (flow.js:4:13)",
        ),
        (
            "const o = {}\nawait agent(\n  `a\n  ${o.text()}\n  b`,\n)",
            "TypeError: o.text is not a function at <anonymous> (flow.js:5:7)",
        ),
        (
            "const o = { 'é🙂': 1 }; o.f(1)\nreturn",
            "TypeError: o.f is not a function at <anonymous> (flow.js:2:27)",
        ),
        (
            "const wrap = (x) => x\nconst o = {}\nreturn await agent(wrap(JSON.stringify(o.items.map(String))))",
            "TypeError: Cannot read properties of undefined (reading 'map') at <anonymous> (flow.js:4:40)",
        ),
        (
            "const wrap = (x) => x\nconst o = { items: {} }\nreturn await agent(wrap(JSON.stringify(o.items.map(String))))",
            "TypeError: o.items.map is not a function at <anonymous> (flow.js:4:48)",
        ),
        // Two calls that the interpreter cannot tell apart.
        (
            "const o = { f() {} }\nconst p = { ...o }\no.g(p.f())\nreturn",
            "TypeError: p.f or o.g is not a function at <anonymous> (flow.js:4:7)",
        ),
    ] {
        // What makes it a body stands behind it.
        assert_eq!(failure(&format!("{META}\n{code}\nreturn")), expected, "{code}");
    }
    let module = "; const o = {}; export default () => { o.missing(1) }";
    assert_eq!(
        failure(&format!("{META}{module}")),
        "TypeError: o.missing is not a function at default (flow.js:1:111)"
    );
}
