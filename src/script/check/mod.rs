//! Everything that can be known to be wrong with a source without running it.
//!
//! A source is parsed once. Each rule is a file in `rules/`: it looks at the script through a [`view::View`] and raises what it
//! finds. What only others can judge (schemas, names of workflows, …) is handed out as [`Mention`]s with their places.
//! Knows the language and the engine's functions; no files, no schemas, no providers.

mod literal;
mod load;
mod rules;
mod view;

use std::path::Path;

use oxc_span::best_match;
use serde_json::Value;

use super::form::Facts;
use super::parse::Parsed;
use super::position::{frame_of, position_after};
use super::{File, files, scopes, without_mark};
use crate::model::error::WorkflowError;
use crate::model::finding::{Finding, Severity};
use crate::model::metadata::WorkflowMetadata;
use crate::model::script::{Imports, Position, ScriptForm};
use literal::Places;

/// So many findings are listed; more say nothing new.
const MAX_FINDINGS: usize = 500;

/// So many names and schemas are handed out; each may cost a look at files.
const MAX_MENTIONS: usize = 2_000;

/// A check's result, to which others may add.
#[derive(Debug)]
pub struct Report {
    text: String,
    /// The place of the last finding.
    last: Option<(usize, Position)>,
    /// What the source is called.
    pub file: String,
    /// `None` where the source does not say, or cannot be read.
    pub form: Option<ScriptForm>,
    /// `None` if there is none that is valid.
    pub metadata: Option<WorkflowMetadata>,
    pub findings: Vec<Finding>,
    /// What the script names, for those who know whether it is there.
    pub mentions: Vec<Mention>,
}

/// A place in the source, as an offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(usize);

/// Something that the script names and that this room knows nothing about.
#[derive(Clone, Debug, PartialEq)]
pub enum Mention {
    /// The `schema` of an agent call.
    Schema(SchemaMention),
    /// `workflow('name')`
    Workflow { name: String, at: Place },
    /// `workflow({ scriptPath })`
    Script { path: String, at: Place },
    /// The `agentType` of an agent call.
    AgentType { name: String, at: Place },
    /// The `provider` of an agent call or a phase.
    Provider { name: String, at: Place },
}

impl Mention {
    fn at(&self) -> Place {
        match self {
            Self::Schema(schema) => schema.place(""),
            Self::Workflow { at, .. }
            | Self::Script { at, .. }
            | Self::AgentType { at, .. }
            | Self::Provider { at, .. } => *at,
        }
    }
}

/// A schema as it stands in the source.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaMention {
    pub value: Value,
    /// Where its parts stand, by JSON pointer; the whole is the empty one.
    places: Places,
}

impl SchemaMention {
    /// The place of the part that a JSON pointer leads to; of the nearest one around it where that has none.
    pub fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(at) = self.places.get(pointer) {
                return Place(*at);
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return Place(0),
            }
        }
    }

    /// The JSON pointers of all parts.
    pub fn pointers(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }
}

/// What a rule has found: severity follows from the code.
struct Raised {
    code: &'static str,
    at: usize,
    message: String,
    hint: Option<String>,
}

/// Where rules put what they find.
#[derive(Default)]
struct Found {
    raised: Vec<Raised>,
    mentions: Vec<Mention>,
}

impl Found {
    fn raise(&mut self, code: &'static str, at: usize, message: impl Into<String>, hint: impl Into<Hint>) {
        self.raised.push(Raised { code, at, message: message.into(), hint: hint.into().0 });
    }
}

/// What to do about a finding, or nothing to say.
struct Hint(Option<String>);

impl From<&str> for Hint {
    fn from(hint: &str) -> Self {
        Self(Some(hint.to_owned()))
    }
}

impl From<String> for Hint {
    fn from(hint: String) -> Self {
        Self(Some(hint))
    }
}

impl From<Option<String>> for Hint {
    fn from(hint: Option<String>) -> Self {
        Self(hint)
    }
}

impl Report {
    /// Adds a finding. Codes begin with `ERR_` or `WARN_`, which says how bad it is.
    pub fn add(&mut self, at: Place, code: &'static str, message: String, hint: Option<String>) {
        // Places mostly come in their order, and texts may be long.
        let known = self.last.take_if(|(offset, _)| *offset <= at.0);
        let position =
            position_after(&self.text, known.unwrap_or((0, Position { line: 1, column: 1 })), at.0);
        self.last = Some((at.0, position));
        let finding = Finding {
            severity: if code.starts_with("ERR_") { Severity::Error } else { Severity::Warning },
            code,
            message,
            file: self.file.clone(),
            at: position,
            frame: frame_of(&self.text, at.0, position.line),
            hint,
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn add_all(&mut self, mut raised: Vec<Raised>) {
        raised.sort_by_key(|it| it.at);
        let more = raised.split_off(raised.len().min(MAX_FINDINGS));
        for Raised { code, at, message, hint } in raised {
            self.add(Place(at), code, message, hint);
        }
        if let Some(next) = more.first() {
            let message = format!("there are {} more findings from here on", more.len());
            self.add(Place(next.at), "WARN_NOT_CHECKED", message, None);
        }
    }

    fn limit_mentions(&mut self) {
        let more = self.mentions.split_off(self.mentions.len().min(MAX_MENTIONS));
        if let Some(next) = more.first() {
            let message = format!("from here on {} names and schemas were not looked up", more.len());
            self.add(next.at(), "WARN_NOT_CHECKED", message, None);
        }
    }

    /// Puts the findings into the order of their places.
    pub fn sort(&mut self) {
        self.findings.sort_by_key(Finding::order);
    }

    /// Nothing but one finding about the source as a whole.
    fn failed(name: &str, error: &WorkflowError) -> Self {
        let (at, frame) = match error {
            WorkflowError::Syntax { at, frame, .. }
            | WorkflowError::Unsupported { at, frame, .. }
            | WorkflowError::Import { at, frame, .. } => (*at, frame.clone()),
            _ => (Position { line: 1, column: 1 }, String::new()),
        };
        let message = match error {
            WorkflowError::Syntax { message, .. } => format!("SyntaxError: {message}"),
            WorkflowError::Unsupported { message, .. } | WorkflowError::Import { message, .. } => {
                message.clone()
            }
            WorkflowError::Metadata { found: Some(found) } => found.clone(),
            other => other.to_string(),
        };
        let finding = Finding {
            severity: Severity::Error,
            code: error.code(),
            message,
            // It may be a helper that is wrong.
            file: match error {
                WorkflowError::Syntax { file, .. }
                | WorkflowError::Unsupported { file, .. }
                | WorkflowError::Import { file, .. } => file.clone(),
                _ => name.to_owned(),
            },
            at,
            frame,
            hint: error.hint().map(str::to_owned),
        };
        Self { findings: vec![finding], ..Self::empty(name, "") }
    }

    fn empty(name: &str, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            last: None,
            file: name.to_owned(),
            form: None,
            metadata: None,
            findings: Vec::new(),
            mentions: Vec::new(),
        }
    }
}

/// Checks the script in a file of at most `limit` bytes. A file that cannot be read is a finding like others.
pub fn check_file(path: &Path, limit: usize, imports: Imports) -> Report {
    let name = path.display().to_string();
    match files::text(path, &name, limit) {
        Ok(source) => check(&source, &name, Helpers { path: Some(path), limit, imports }),
        Err(error) => Report::failed(&name, &error),
    }
}

/// Checks a source of at most `limit` bytes; `name` is what findings call it, and its ending says whether it is
/// TypeScript.
pub fn check_text(source: &str, name: &str, limit: usize, imports: Imports) -> Report {
    if source.len() > limit {
        let (file, size) = (name.to_owned(), source.len());
        return Report::failed(name, &WorkflowError::SourceTooLarge { file, size, limit });
    }
    check(source, name, Helpers { path: None, limit, imports })
}

/// Which helpers a script may import, and from where.
#[derive(Clone, Copy)]
struct Helpers<'a> {
    path: Option<&'a Path>,
    limit: usize,
    imports: Imports,
}

fn check(source: &str, name: &str, helpers: Helpers<'_>) -> Report {
    let text = without_mark(source);
    // Scopes need more stack than a caller may have left.
    let checked = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("script-checker".to_owned())
            .stack_size(scopes::STACK)
            .spawn_scoped(scope, || on_large_stack(text, name, helpers))
            .map_err(|error| format!("cannot start a thread to check the workflow: {error}"))?
            .join()
            .map_err(|_| "the workflow source could not be checked: the checker failed".to_owned())
    });
    checked.unwrap_or_else(|message| Report::failed(name, &WorkflowError::Internal { message }))
}

fn on_large_stack(text: &str, name: &str, helpers: Helpers<'_>) -> Report {
    let file = File { text, name };
    let mut report = Report::empty(name, text);
    let looked = file.parsed(|_, parsed| Ok(look(parsed, file, helpers, &mut report)));
    match looked {
        Ok(found) => {
            report.add_all(found.raised);
            report.mentions = found.mentions;
            report.limit_mentions();
            report.sort();
            report
        }
        Err(error) => Report::failed(name, &error),
    }
}

fn look<'a>(parsed: &'a Parsed<'a>, file: File<'_>, helpers: Helpers<'_>, report: &mut Report) -> Found {
    let mut found = Found::default();
    if let Some(error) = &parsed.error {
        load::syntax(error.clone(), &mut found);
        return found;
    }
    let facts = Facts::of(&parsed.program, parsed.text);
    report.form = facts.form();
    report.metadata = load::check(parsed, &facts, helpers.imports, &mut found);
    if let Err(error) = load::helpers(parsed, &facts, file, helpers) {
        report.findings.extend(Report::failed(&report.file, &error).findings);
    }
    let Some(semantic) = scopes::look(&parsed.program, &facts) else {
        found.raise(
            "WARN_NOT_CHECKED",
            0,
            "an expression of this script is nested so deep that only its form, metadata and imports were checked",
            "flatten the expression, or pass large data in through args",
        );
        return found;
    };
    // A source without an entry is taken for a body, which says more about it than nothing does.
    let form = report.form.unwrap_or(ScriptForm::Body);
    rules::run(parsed, form, &semantic, report.metadata.as_ref(), &mut found);
    found
}

/// The one of the candidates that was most likely meant: the same but for case, or for a letter or two.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> Option<&'c str> {
    let same = |candidate: &&str| candidate.eq_ignore_ascii_case(name) && *candidate != name;
    let letters = match name.chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        _ => 2,
    };
    candidates.clone().into_iter().find(same).or_else(|| best_match(name, candidates, letters))
}

/// `did you mean 'x'?`
pub fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str> + Clone) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean '{candidate}'?"))
}

#[cfg(test)]
mod tests;
