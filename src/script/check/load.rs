//! What keeps a script from being loaded, as findings: all of it, where a run stops at the first.
//!
//! Knows the same rules as reading does, by asking those who make them.

use super::super::form::Facts;
use super::super::links::Links;
use super::super::parse::{Complaint, Parsed};
use super::super::{File, Module, helpers, imports, meta, misread, scopes};
use super::{Found, Helpers};
use crate::model::error::WorkflowError;
use crate::model::metadata::{MISSING_METADATA, WorkflowMetadata};
use crate::model::script::Imports;

/// Raises what reading would refuse. Gives the metadata if they are valid.
pub(super) fn check(
    parsed: &Parsed<'_>,
    facts: &Facts,
    imports: Imports,
    found: &mut Found,
) -> Option<WorkflowMetadata> {
    for error in scopes::all_early_errors(&parsed.program, facts) {
        syntax(error, found);
    }
    let form = facts.form();
    let (_, refused) = imports::examine(&parsed.program, facts, form, imports);
    for Complaint { at, message, hint } in refused {
        found.raise("ERR_SCRIPT_UNSUPPORTED", at, message, hint);
    }
    match form {
        None => {
            let error = WorkflowError::NoEntry;
            let hint = "return the result, or `export default` it or a function that makes it";
            found.raise(error.code(), 0, error.to_string(), hint);
        }
        Some(form) => misread(facts, form).into_iter().for_each(|error| syntax(error, found)),
    }
    match meta::extract(&parsed.program) {
        Ok(metadata) => Some(metadata),
        Err(missing) => {
            let (what, at) = match missing {
                meta::Missing::Nowhere if parsed.text.trim().is_empty() => {
                    ("the source is empty".to_owned(), 0)
                }
                meta::Missing::Nowhere => ("found no `export const meta`".to_owned(), 0),
                meta::Missing::Instead { what, at, path } => (format!("found {what} ({path})"), at),
            };
            found.raise("ERR_WORKFLOW_METADATA", at, format!("{MISSING_METADATA}: {what}"), None);
            None
        }
    }
}

pub(super) fn syntax(Complaint { at, message, hint }: Complaint, found: &mut Found) {
    found.raise("ERR_SCRIPT_SYNTAX", at, format!("SyntaxError: {message}"), hint);
}

/// What is wrong with the helpers that the script imports; the first mistake hides the others.
pub(super) fn helpers(
    parsed: &Parsed<'_>,
    facts: &Facts,
    file: File<'_>,
    Helpers { path, limit, imports }: Helpers<'_>,
) -> Result<(), WorkflowError> {
    let (imports, _) = imports::examine(&parsed.program, facts, facts.form(), imports);
    let module = Module { code: String::new(), imports, links: Links::of(&parsed.record) };
    helpers::gather(file, path, module, limit).map(drop)
}
