//! Scopes: which name means what, and the mistakes that only scopes show, such as a name that is declared twice.
//!
//! Knows the language, and nothing of workflows but that a body is the body of a function.

use std::collections::HashSet;

use oxc_ast::ast::Program;
use oxc_semantic::{Scoping, Semantic, SemanticBuilder, SymbolFlags};

use super::form::Facts;
use super::parse::Complaint;
use crate::model::script::ScriptForm;

/// Nodes on the way down that can be looked into wherever a source is read. The library recurses along chains, with
/// less than half a kibibyte of stack for a node in an unoptimised build; its time may grow with the square.
const DEPTH: usize = 1_000;

/// The same on a thread with [`STACK`].
const GREAT_DEPTH: usize = 5_000;

/// Stack that [`look`] and [`all_early_errors`] take at most, bytes.
pub(super) const STACK: usize = 4 << 20;

/// The early errors that the parser does not find, in the order of their places. None for a tree that gives no reason
/// to look closer, or is too deep for it: the sandbox finds them too, in its own words.
pub(super) fn early_errors<'a>(program: &'a Program<'a>, facts: &Facts) -> Vec<Complaint> {
    if facts.depth > DEPTH || !facts.suspect { Vec::new() } else { find_early_errors(program, facts) }
}

/// All of them, whether there is a reason to look or not. Needs [`STACK`].
pub(super) fn all_early_errors<'a>(program: &'a Program<'a>, facts: &Facts) -> Vec<Complaint> {
    if facts.depth > GREAT_DEPTH { Vec::new() } else { find_early_errors(program, facts) }
}

fn find_early_errors<'a>(program: &'a Program<'a>, facts: &Facts) -> Vec<Complaint> {
    let result = SemanticBuilder::new_compiler().build(program);
    let mut complaints: Vec<Complaint> = result
        .diagnostics
        .errors()
        .map(|diagnostic| Complaint {
            // Of two labels the first is an earlier declaration; the second one is the mistake.
            at: diagnostic.labels.last().map_or(0, |label| label.offset() as usize),
            message: words(&diagnostic.message),
            hint: diagnostic.help.as_ref().map(|help| help.trim_end_matches('.').to_owned()),
        })
        .collect();
    if complaints.is_empty() {
        return complaints;
    }
    if facts.form() != Some(ScriptForm::Module) {
        let allowed = declared_again_in_a_body(result.semantic.scoping());
        // Exports of a body are painted over, so it does not matter what they name.
        complaints.retain(|it| !allowed.contains(&it.at) && !it.message.starts_with("Export '"));
    }
    complaints.sort_by_key(|complaint| complaint.at);
    complaints
}

/// What scopes, references and symbols there are, with every node in reach; `None` if the tree is too deep. Needs
/// [`STACK`].
pub(super) fn look<'a>(program: &'a Program<'a>, facts: &Facts) -> Option<Semantic<'a>> {
    (facts.depth <= GREAT_DEPTH)
        .then(|| SemanticBuilder::new().with_build_nodes(true).build(program).semantic)
}

/// V8's spelling, so that searching for it leads somewhere.
fn words(message: &str) -> String {
    let message = message.trim_end_matches('.');
    if message.ends_with("has already been declared") {
        message.replace('`', "'")
    } else {
        message.to_owned()
    }
}

/// Where a body says again what a module may say once: functions and `var`s outside all blocks.
fn declared_again_in_a_body(scoping: &Scoping) -> HashSet<usize> {
    let root = scoping.get_bindings(scoping.root_scope_id());
    let again = root.values().map(|symbol| scoping.symbol_redeclarations(*symbol));
    let functions = SymbolFlags::Function | SymbolFlags::FunctionScopedVariable;
    again
        .filter(|declarations| declarations.iter().all(|it| it.flags.intersects(functions)))
        .flatten()
        .map(|declaration| declaration.span.start as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{META, failure, read_text};
    use super::*;

    #[test]
    fn early_errors_are_syntax_errors() {
        for (rest, column, message) in [
            ("let a; let a; return", 12, "Identifier 'a' has already been declared"),
            ("const a = 1; function a() {} return", 23, "Identifier 'a' has already been declared"),
            ("var a; let a; return", 12, "Identifier 'a' has already been declared"),
            ("let a; { var a } return", 14, "Identifier 'a' has already been declared"),
            ("{ function f() {} function f() {} } return", 28, "Identifier 'f' has already been declared"),
            ("class A {} class A {} return", 18, "Identifier 'A' has already been declared"),
            ("function f(a) { let a } return", 21, "Identifier 'a' has already been declared"),
            ("try {} catch (e) { let e } return", 24, "Identifier 'e' has already been declared"),
            ("const meta = 1; return", 7, "Identifier 'meta' has already been declared"),
            (
                "function f() {} function f() {} export default f",
                26,
                "Identifier 'f' has already been declared",
            ),
            ("export { a }; export default 1", 10, "Export 'a' is not defined"),
            ("class A { #a; #a } return", 15, "Identifier '#a' has already been declared"),
            (
                "class A { f() { this.#b } } return",
                22,
                "Private field '#b' must be declared in an enclosing class",
            ),
            ("break; return", 1, "Illegal break statement"),
            ("continue; return", 1, "Illegal continue statement: no surrounding iteration statement"),
            ("let a; delete a; return", 15, "Delete of an unqualified identifier in strict mode"),
            ("return 010", 8, "'0'-prefixed octal literals and octal escape sequences are deprecated"),
            ("const eval = 1; return", 7, "Cannot assign to 'eval' in strict mode"),
        ] {
            let source = format!("{META}{rest}");
            assert_eq!(failure(&source), ("ERR_SCRIPT_SYNTAX", 2, column), "{rest}");
            let error = read_text(&source).unwrap_err().to_string();
            let expected = format!("SyntaxError: {message} (review.js:2:{column})");
            assert_eq!(error.lines().next(), Some(expected.as_str()), "{rest}");
        }
    }

    #[test]
    fn what_a_body_may_say_twice() {
        for body in [
            "var a; var a; return a",
            "function f() {} function f() {} return f",
            "var f; function f() {} return f",
            "function f() {} var f; return f",
            "function f(a) { var a; return a } return f(1)",
            "for (const a of []) {} for (const a of []) {} return",
            "try {} catch (e) { var e } return",
            "let a; { let a } (() => { let a })(); return a",
            "const args = 1, agent = 2; return args + agent",
            "export { nothing }; return 1",
            "const f = function f(f) {}; return f",
            "switch (1) { case 1: { let a } default: { let a } } return",
            "label: for (;;) { for (;;) { break label } } return new (class { static x = 1; #a = 2; get a() { return this.#a } })().a",
        ] {
            let read = read_text(&format!("{META}{body}"));
            assert!(read.is_ok(), "{body}: {read:?}");
        }
    }

    #[test]
    fn trees_that_are_too_deep_are_left_to_the_sandbox() {
        let twice = "let a = 1; let a = 2; return a";
        let deep = |count: usize| failure_of(&format!("{META}{twice}{}", "+1".repeat(count)));
        assert_eq!(deep(DEPTH - 10), Some("ERR_SCRIPT_SYNTAX"));
        assert_eq!(deep(DEPTH), None);
        assert_eq!(deep(400_000), None);
    }

    fn failure_of(source: &str) -> Option<&'static str> {
        read_text(source).err().map(|error| error.code())
    }
}
