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
