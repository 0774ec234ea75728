//! Reading a workflow source: its form, its `meta`, and what can be known to be wrong before anything runs.
//!
//! Knows the syntax tree (oxc) and nothing about running scripts.

mod code;
mod files;
mod form;
mod imports;
mod meta;
mod nesting;
mod parse;
mod position;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use self::form::Facts;
use self::meta::Missing;
use self::nesting::TooDeep;
use self::parse::{Complaint, Parsed};
use self::position::position;
use crate::model::error::WorkflowError;
use crate::model::metadata::WorkflowMetadata;
use crate::model::script::{Script, ScriptForm};

pub use self::files::{find_by_name, load};

/// Everything about a source that is known before anything runs.
///
/// `display_name` is the file's name in messages and stack traces; `path` only goes into the [`Script`]. A byte order
/// mark is dropped, as editors and Node.js do, so columns do not count it.
///
/// # Errors
///
/// In this order: [`WorkflowError::Unsupported`] for a source nested too deep to be parsed, [`WorkflowError::Syntax`],
/// [`WorkflowError::Metadata`], [`WorkflowError::Unsupported`] for an import, [`WorkflowError::NoEntry`]. Scope errors,
/// such as a name that is declared twice, are left to the sandbox.
pub fn read(source: &str, path: Option<PathBuf>, display_name: &str) -> Result<Script, WorkflowError> {
    let text = without_mark(source);
    let file = File { text, name: display_name };
    let nesting = nesting::measure(text).map_err(|TooDeep { at }| {
        file.unsupported(Complaint {
            at,
            message: format!("the source is nested too deeply; the limit is {} open brackets", nesting::MAX_DEPTH),
            hint: Some("flatten the expression, or pass large data in through args".to_owned()),
        })
    })?;
    let (metadata, form, code) = parse::with_parsed(text, &nesting, |parsed| file.judge(parsed))
        .map_err(|message| WorkflowError::Internal { message })??;
    Ok(Script { path, display_name: display_name.into(), code: code.into(), form, metadata })
}

/// Only the metadata, by the rules of the original engine: `None` for everything that it has no metadata for. A
/// syntax error behind the metadata does not matter, one before it or in it does.
pub fn read_metadata(source: &str) -> Option<WorkflowMetadata> {
    let text = without_mark(source);
    let nesting = nesting::measure(text).ok()?;
    parse::with_parsed(text, &nesting, |parsed| meta::extract_despite_errors(parsed, &nesting)).ok().flatten()
}

fn without_mark(source: &str) -> &str {
    source.strip_prefix('\u{feff}').unwrap_or(source)
}

/// A source and what to call it: turns complaints into errors.
struct File<'a> {
    text: &'a str,
    name: &'a str,
}

impl File<'_> {
    fn judge(&self, parsed: &Parsed<'_>) -> Result<(WorkflowMetadata, ScriptForm, String), WorkflowError> {
        if let Some(error) = &parsed.error {
            return Err(self.syntax(error.clone()));
        }
        let metadata = meta::extract(&parsed.program).map_err(|missing| self.metadata(missing))?;
        let facts = Facts::of(&parsed.program, self.text);
        let form = facts.form();
        if let Some(refused) = imports::refused(&parsed.program, &facts, form) {
            return Err(self.unsupported(refused));
        }
        let form = form.ok_or(WorkflowError::NoEntry)?;
        if let Some(misread) = misread(&facts, form) {
            return Err(self.syntax(misread));
        }
        Ok((metadata, form, code::code(self.text, &parsed.program, form)))
    }

    fn metadata(&self, missing: Missing) -> WorkflowError {
        let found = match missing {
            Missing::Nowhere if self.text.trim().is_empty() => format!("{} is empty", self.name),
            Missing::Nowhere => format!("found no `export const meta` in {}", self.name),
            Missing::Instead { what, at, path } => {
                let at = position(self.text, at);
                format!("found {what} at {}:{}:{} ({path})", self.name, at.line, at.column)
            }
        };
        WorkflowError::Metadata { found: Some(found) }
    }

    fn syntax(&self, Complaint { at, message, hint }: Complaint) -> WorkflowError {
        WorkflowError::Syntax { message, file: self.name.to_owned(), at: position(self.text, at), hint }
    }

    fn unsupported(&self, Complaint { at, message, hint }: Complaint) -> WorkflowError {
        WorkflowError::Unsupported { message, file: self.name.to_owned(), at: position(self.text, at), hint }
    }
}

/// What the parser accepts and the form does not.
fn misread(facts: &Facts, form: ScriptForm) -> Option<Complaint> {
    match form {
        ScriptForm::Module => facts.top_return.map(|at| Complaint {
            at,
            message: "Illegal return statement".to_owned(),
            hint: Some("a workflow with `export default` exports its result; without it, it returns it".to_owned()),
        }),
        ScriptForm::Body => facts.html_comment.map(|at| Complaint {
            at,
            message: "`<!--` starts an HTML comment in some JavaScript engines".to_owned(),
            hint: Some("write `< !--` with a space".to_owned()),
        }),
    }
}
