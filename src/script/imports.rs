//! What a script may import: nothing, or helpers beside it; and what to do instead.
//!
//! Knows specifiers, not files: `helpers` looks for those.

use oxc_ast::ast::{Program, Statement};

use super::form::Facts;
use super::parse::Complaint;
use crate::model::script::{Imports, ScriptForm};

/// The modules that the sandbox itself provides.
const VIRTUAL: &str = "workflow:";

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
    let mut found: Vec<Stated> = program.body.iter().filter_map(stated).collect();
    found.extend(facts.dynamic_imports.iter().map(|import| Stated {
        at: import.at,
        verb: None,
        specifier: import.specifier.clone(),
        attributes: import.options,
    }));
    found.sort_by_key(|import| import.at);
    let mut helpers = Vec::new();
    for import in found {
        let at = import.at;
        let refuse = |(message, hint)| Complaint { at, message, hint: Some(hint) };
        if let Some(specifier) = allowed(&import, form, imports).map_err(refuse)? {
            helpers.push(Import { at, specifier });
        }
    }
    Ok(helpers)
}

/// An import as it stands in the source.
struct Stated {
    at: usize,
    /// `None` for `import(…)`.
    verb: Option<&'static str>,
    /// `None` where it is computed.
    specifier: Option<String>,
    attributes: bool,
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
        return refuse("workflow scripts cannot import a module whose name is computed".to_owned());
    };
    let relative = specifier.starts_with("./") || specifier.starts_with("../");
    if form == Some(ScriptForm::Body) && import.verb.is_some() {
        let message = format!("static import is not allowed in a workflow body: found '{specifier}'");
        let hint = match imports {
            Imports::Relative if relative => format!("write `const {{ … }} = await import('{specifier}')`"),
            _ => ALTERNATIVES.to_owned(),
        };
        return Err((message, hint));
    }
    if specifier.starts_with(VIRTUAL) {
        return Ok(None);
    }
    let verb = import.verb.unwrap_or("import");
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
