//! What Node prints, the sandbox prints: every line of `conformance/cases.txt`, differences written down there.

use super::testing::{patient_vm, shown};

#[test]
fn the_sandbox_says_what_node_says() {
    let mut faults = String::new();
    let mut count = 0;
    let mut lines = include_str!("conformance/cases.txt").lines().peekable();
    while let Some(line) = lines.next() {
        let Some(code) = line.strip_prefix("> ") else { continue };
        let node = lines.next().and_then(|line| line.strip_prefix("= ")).expect("every case has Node's answer");
        let different = lines.next_if(|line| line.starts_with("! "));
        if different.is_some() {
            let why = lines.next().unwrap_or_default();
            assert!(why.starts_with("# "), "`{code}` differs from Node and does not say why");
        }
        let expected = different.map_or(node, |line| &line[2..]);
        let expected: String = serde_json::from_str(expected).unwrap();
        let (_runtime, context) = patient_vm();
        let found = context.with(|ctx| shown(&ctx, code));
        count += 1;
        if found != expected {
            faults += &format!("> {code}\n  expected {expected}\n  found    {found}\n");
        }
    }
    assert!(count > 150, "only {count} cases");
    assert!(faults.is_empty(), "\n{faults}");
}
