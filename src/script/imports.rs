//! What a script may not import, and what to do instead.
//!
//! Knows specifiers, not files: nothing is resolved here.

use oxc_ast::ast::{Program, Statement};

use super::form::Facts;
use super::parse::Complaint;
use crate::model::script::ScriptForm;

/// The modules that the sandbox itself provides.
const VIRTUAL: &str = "workflow:";

const ALTERNATIVES: &str = "agent, parallel, pipeline, workflow, phase, log, args and budget are there without an import; \
    pass data in through args, let an agent read files and run commands, and keep helper functions in the script itself";

/// The first import in the source that cannot be had.
pub(super) fn refused(program: &Program<'_>, facts: &Facts, form: Option<ScriptForm>) -> Option<Complaint> {
    all_refused(program, facts, form).min_by_key(|complaint| complaint.at)
}

/// Every import in the source that cannot be had, in no order.
pub(super) fn all_refused(
    program: &Program<'_>,
    facts: &Facts,
    form: Option<ScriptForm>,
) -> impl Iterator<Item = Complaint> {
    let stated = program.body.iter().filter_map(|statement| match statement {
        Statement::ImportDeclaration(it) => Some(("import", it.source.value.as_str(), it.span)),
        Statement::ExportAllDeclaration(it) => Some(("re-export from", it.source.value.as_str(), it.span)),
        Statement::ExportFromDeclaration(it) => Some(("re-export from", it.source.value.as_str(), it.span)),
        _ => None,
    });
    let stated = stated.filter_map(move |(verb, specifier, span)| {
        let message = if form == Some(ScriptForm::Body) {
            format!("static import is not allowed in a workflow body: found '{specifier}'")
        } else if specifier.starts_with(VIRTUAL) {
            return None;
        } else {
            text(verb, specifier)
        };
        Some((span.start as usize, message))
    });
    let called = facts.dynamic_imports.iter().filter_map(|(at, specifier)| match specifier {
        Some(specifier) if specifier.starts_with(VIRTUAL) => None,
        Some(specifier) => Some((*at, text("import", specifier))),
        None => Some((*at, "workflow scripts cannot import a module whose name is computed".to_owned())),
    });
    let complaint = |(at, message)| Complaint { at, message, hint: Some(ALTERNATIVES.to_owned()) };
    stated.chain(called).chain(required(facts)).map(complaint)
}

/// Calls of `require` that can only fail. A script that declares it, asks for it with `typeof` or catches what it
/// throws may know what it does.
fn required(facts: &Facts) -> impl Iterator<Item = (usize, String)> {
    let calls = if facts.require.expected { &[][..] } else { &facts.require.calls };
    calls.iter().map(|(at, specifier)| {
        let message = match specifier {
            Some(specifier) => text("require", specifier),
            None => "workflow scripts cannot require a module: they run in a sandbox without Node.js modules"
                .to_owned(),
        };
        (*at, message)
    })
}

fn text(verb: &str, specifier: &str) -> String {
    let why = if specifier.starts_with(['.', '/']) || specifier.starts_with("file:") {
        "a workflow is one self-contained source"
    } else {
        "they run in a sandbox without Node.js modules"
    };
    format!("workflow scripts cannot {verb} '{specifier}': {why}")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{META, failure, read_text};

    #[test]
    fn calls_of_require_that_can_only_fail_are_refused() {
        for (rest, column, message) in [
            (
                "const fs = require('fs'); return fs",
                12,
                "workflow scripts cannot require 'fs': they run in a sandbox without Node.js modules",
            ),
            (
                "return require(`./x.js`).y",
                8,
                "workflow scripts cannot require './x.js': a workflow is one self-contained source",
            ),
            (
                "export default () => require(name)",
                22,
                "workflow scripts cannot require a module: they run in a sandbox without Node.js modules",
            ),
            (
                "try { f() } catch { require('fs') } return",
                21,
                "workflow scripts cannot require 'fs': they run in a sandbox without Node.js modules",
            ),
            (
                "try { require('fs') } finally { return }",
                7,
                "workflow scripts cannot require 'fs': they run in a sandbox without Node.js modules",
            ),
        ] {
            let source = format!("{META}{rest}");
            assert_eq!(failure(&source), ("ERR_SCRIPT_UNSUPPORTED", 2, column), "{rest}");
            let text = read_text(&source).unwrap_err().to_string();
            assert_eq!(
                text.lines().next(),
                Some(format!("{message} (review.js:2:{column})").as_str()),
                "{rest}"
            );
        }
        for rest in [
            "return typeof require === 'function' ? require('fs') : null",
            "try { return require('fs') } catch { return null }",
            "const require = (name) => name; return require('fs')",
            "return [].map((require) => require('fs'))",
            "return a.require('fs') + new Map([['require', '(fs)']]).size",
            "return require",
        ] {
            assert!(read_text(&format!("{META}{rest}")).is_ok(), "{rest}");
        }
    }
}
