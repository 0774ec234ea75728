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
    let stated = program.body.iter().filter_map(|statement| match statement {
        Statement::ImportDeclaration(it) => Some(("import", it.source.value.as_str(), it.span)),
        Statement::ExportAllDeclaration(it) => Some(("re-export from", it.source.value.as_str(), it.span)),
        Statement::ExportFromDeclaration(it) => Some(("re-export from", it.source.value.as_str(), it.span)),
        _ => None,
    });
    let stated = stated.filter_map(|(verb, specifier, span)| {
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
    let (at, message) = stated.chain(called).min_by_key(|(at, _)| *at)?;
    Some(Complaint { at, message, hint: Some(ALTERNATIVES.to_owned()) })
}

fn text(verb: &str, specifier: &str) -> String {
    let why = if specifier.starts_with(['.', '/']) || specifier.starts_with("file:") {
        "a workflow is one self-contained source"
    } else {
        "they run in a sandbox without Node.js modules"
    };
    format!("workflow scripts cannot {verb} '{specifier}': {why}")
}
