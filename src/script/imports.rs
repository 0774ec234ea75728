//! What a script may import: nothing, or helpers beside it; and what to do instead.
//!
//! Knows specifiers, not files: `helpers` looks for those.

use oxc_ast::ast::{Program, Statement};

use super::form::Facts;
use super::parse::Complaint;
use crate::model::globals::VIRTUAL;
use crate::model::script::{Imports, ScriptForm};

const ALTERNATIVES: &str = "agent, parallel, pipeline, workflow, phase, log, args and budget are there without an import; \
    pass data in through args, let an agent read files and run commands, and keep helper functions in the script itself";

/// An import of a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// Byte offset.
    pub(super) at: usize,
    pub(super) specifier: String,
}

/// What is imported: the helpers, in the order of the source; an error for the first import that cannot be had.
/// `form` is `None` for a script without an entry.
pub(super) fn judge(
    program: &Program<'_>,
    facts: &Facts,
    form: Option<ScriptForm>,
    imports: Imports,
) -> Result<Vec<Import>, Complaint> {
    let (helpers, refused) = examine(program, facts, form, imports);
    refused.into_iter().next().map_or(Ok(helpers), Err)
}

/// The helpers that are imported, and every import that cannot be had; both in the order of the source.
pub(super) fn examine(
    program: &Program<'_>,
    facts: &Facts,
    form: Option<ScriptForm>,
    imports: Imports,
) -> (Vec<Import>, Vec<Complaint>) {
    let mut found: Vec<Stated> = program.body.iter().filter_map(stated).collect();
    found.extend(facts.dynamic_imports.iter().map(|import| Stated {
        at: import.at,
        verb: None,
        specifier: import.specifier.clone(),
        attributes: import.options,
        required: false,
    }));
    // A script that declares it, asks for it with `typeof` or catches what it throws may know what it does.
    let required = if facts.require.expected { &[][..] } else { &facts.require.calls };
    found.extend(required.iter().map(|(at, specifier)| Stated {
        at: *at,
        verb: None,
        specifier: specifier.clone(),
        attributes: false,
        required: true,
    }));
    found.sort_by_key(|import| import.at);
    let (mut helpers, mut refused) = (Vec::new(), Vec::new());
    for import in found {
        let at = import.at;
        match allowed(&import, form, imports) {
            Ok(Some(specifier)) => helpers.push(Import { at, specifier }),
            Ok(None) => {}
            Err((message, hint)) => refused.push(Complaint { at, message, hint: Some(hint) }),
        }
    }
    (helpers, refused)
}

/// An import as it stands in the source.
struct Stated {
    at: usize,
    /// `None` for `import(…)`.
    verb: Option<&'static str>,
    /// `None` where it is computed.
    specifier: Option<String>,
    attributes: bool,
    /// `require(…)`.
    required: bool,
}

fn stated(statement: &Statement<'_>) -> Option<Stated> {
    let (verb, specifier, span, with) = match statement {
        Statement::ImportDeclaration(it) => ("import", it.source.value, it.span, it.with_clause.is_some()),
        Statement::ExportAllDeclaration(it) => {
            ("re-export from", it.source.value, it.span, it.with_clause.is_some())
        }
        Statement::ExportFromDeclaration(it) => {
            ("re-export from", it.source.value, it.span, it.with_clause.is_some())
        }
        _ => return None,
    };
    Some(Stated {
        at: span.start as usize,
        verb: Some(verb),
        specifier: Some(specifier.to_string()),
        attributes: with,
        required: false,
    })
}

/// Whether an import may be: `Some` for a helper, `None` for a module of the sandbox; otherwise why not and what to do.
fn allowed(
    import: &Stated,
    form: Option<ScriptForm>,
    imports: Imports,
) -> Result<Option<String>, (String, String)> {
    let refuse = |message: String| Err((message, ALTERNATIVES.to_owned()));
    let Some(specifier) = &import.specifier else {
        if import.required {
            return refuse(
                "workflow scripts cannot require a module: they run in a sandbox without Node.js modules"
                    .to_owned(),
            );
        }
        return refuse("workflow scripts cannot import a module whose name is computed".to_owned());
    };
    let relative = specifier.starts_with("./") || specifier.starts_with("../");
    if form == Some(ScriptForm::Body) && import.verb.is_some() {
        let message = format!("static import is not allowed in a workflow body: found '{specifier}'");
        let hint = match imports {
            Imports::Relative if relative => format!("write `const {{ … }} = await import('{specifier}')`"),
            _ if specifier.starts_with(VIRTUAL) => {
                format!("write `const {{ … }} = await import('{specifier}')`")
            }
            _ => ALTERNATIVES.to_owned(),
        };
        return Err((message, hint));
    }
    if specifier.starts_with(VIRTUAL) && !import.required {
        return Ok(None);
    }
    let verb = if import.required { "require" } else { import.verb.unwrap_or("import") };
    if relative && import.required && imports == Imports::Relative {
        return Err((
            format!("workflow scripts cannot require '{specifier}': there are only modules"),
            format!("write `import … from '{specifier}'` or `await import('{specifier}')`"),
        ));
    }
    if relative && imports == Imports::Relative {
        if import.attributes {
            return Err((
                format!("workflow scripts cannot {verb} '{specifier}' with attributes"),
                "helpers are JavaScript or TypeScript modules: export the data from one".to_owned(),
            ));
        }
        return Ok(Some(specifier.clone()));
    }
    let cannot = format!("workflow scripts cannot {verb} '{specifier}'");
    if relative {
        return Err((
            format!("{cannot}: a workflow is one self-contained source"),
            format!("allow helpers with the option imports: 'relative' (--imports relative); {ALTERNATIVES}"),
        ));
    }
    if specifier.starts_with(['/', '.']) || specifier.starts_with("file:") {
        return refuse(format!("{cannot}: a workflow is one self-contained source"));
    }
    refuse(format!("{cannot}: they run in a sandbox without Node.js modules"))
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
