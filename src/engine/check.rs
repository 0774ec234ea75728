//! Checking a script without running it: what the script room finds, and what the other rooms say about what it names.
//!
//! Decides nothing about the language. Everything here is a lookup that a run would make too.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::model::error::ErrorData;
use crate::model::finding::Finding;
use crate::model::limits::Limits;
use crate::model::metadata::WorkflowMetadata;
use crate::model::options::SourceRef;
use crate::model::request::ChildTarget;
use crate::model::script::{Imports, ScriptForm};
use crate::providers;
use crate::providers::agents::Catalogue;
use crate::schema::{self, SchemaError};
use crate::script::check::{self, Mention, Place, Report, SchemaMention, did_you_mean};

use super::scripts::ScriptSource;

/// What to check, and where what it names may be found.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    pub source: SourceRef,
    /// The project: where workflows and types of agents are found by name. `None`: the working directory.
    pub cwd: Option<PathBuf>,
    /// The folder with what belongs to the user. `None`: there is none.
    pub home: Option<PathBuf>,
    pub limits: Limits,
    /// Which modules the script may import.
    pub imports: Imports,
}

impl CheckOptions {
    /// A source, with the working directory as the project and the user's own home folder.
    pub fn new(source: SourceRef) -> Self {
        Self {
            source,
            cwd: None,
            home: std::env::home_dir(),
            limits: Limits::default(),
            imports: Imports::None,
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What the source is called.
    pub file: String,
    /// There is no error among the findings; there may be warnings.
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<ScriptForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<WorkflowMetadata>,
    /// In the order of their places.
    pub findings: Vec<Finding>,
}

/// Checks a script. Reads files, so not for the thread of Node.js; never fails: what cannot be read is a finding.
pub fn check(options: &CheckOptions) -> Checked {
    let limit = options.limits.source_bytes;
    let (mut report, path) = match &options.source {
        SourceRef::Path(path) => (check::check_file(path, limit, options.imports), Some(path.as_path())),
        SourceRef::Text { name, source } => (check::check_text(source, name, limit, options.imports), None),
    };
    let mentions = std::mem::take(&mut report.mentions);
    let mut judge = Judge {
        scripts: ScriptSource::within(options.cwd.as_deref(), options.home.clone(), limit, options.imports),
        agent_types: Catalogue::read(
            options.cwd.as_deref().unwrap_or(Path::new(".")),
            options.home.as_deref(),
        ),
        path,
        children: HashMap::new(),
    };
    for mention in mentions {
        judge.mention(mention, &mut report);
    }
    report.sort();
    Checked {
        file: report.file,
        ok: !report.findings.iter().any(Finding::is_error),
        form: report.form,
        metadata: report.metadata,
        findings: report.findings,
    }
}

/// Those who know.
struct Judge<'a> {
    scripts: ScriptSource<'a>,
    agent_types: Catalogue,
    path: Option<&'a Path>,
    /// What came of looking for the workflows that were named so far.
    children: HashMap<ChildTarget, Option<ErrorData>>,
}

impl Judge<'_> {
    fn mention(&mut self, mention: Mention, report: &mut Report) {
        match mention {
            Mention::Schema(schema) => judge_schema(&schema, report),
            Mention::Workflow { name, at } => self.child(ChildTarget::Name(name), at, report),
            Mention::Script { path, at } => self.child(ChildTarget::Path(path), at, report),
            Mention::AgentType { name, at } => self.agent_type(&name, at, report),
            Mention::Provider { name, at } => judge_provider(&name, at, report),
        }
    }

    fn child(&mut self, target: ChildTarget, at: Place, report: &mut Report) {
        let found = self.children.entry(target.clone());
        let found = found.or_insert_with(|| self.scripts.child(&target, self.path).err());
        let Some(error) = found.clone() else { return };
        match target {
            ChildTarget::Name(_) if error.code.as_deref() == Some(UNKNOWN_WORKFLOW) => {
                let hint = "names are looked up by meta.name, in .claude/workflows, .agents/workflows and \
                    .smol/workflows of the project and of the home folder";
                report.add(at, UNKNOWN_WORKFLOW, error.message, Some(hint.to_owned()));
            }
            ChildTarget::Name(name) | ChildTarget::Path(name) => {
                let first = error.message.lines().next().unwrap_or_default();
                report.add(
                    at,
                    "ERR_CHILD_WORKFLOW",
                    format!("the workflow {name} does not load: {first}"),
                    None,
                );
            }
        }
    }

    fn agent_type(&self, name: &str, at: Place, report: &mut Report) {
        let Some(message) = self.agent_types.doubt(name) else { return };
        let known = self.agent_types.names();
        let hint = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("defined are {}", known.into_iter().collect::<Vec<_>>().join(", ")));
        report.add(at, "WARN_UNKNOWN_AGENT_TYPE", message, Some(hint));
    }
}

const UNKNOWN_WORKFLOW: &str = "ERR_UNKNOWN_WORKFLOW";

fn judge_provider(name: &str, at: Place, report: &mut Report) {
    if providers::NAMES.contains(&name) {
        return;
    }
    let hint = did_you_mean(name, providers::NAMES.iter().copied()).unwrap_or_else(|| {
        format!("built in: {}; a host with onAgent answers whatever the name is", providers::NAMES.join(", "))
    });
    report.add(at, "WARN_UNKNOWN_PROVIDER", super::unknown_provider(name).message, Some(hint));
}

/// A schema that does not compile, at the part that is to blame.
fn judge_schema(mention: &SchemaMention, report: &mut Report) {
    const CODE: &str = "ERR_INVALID_SCHEMA";
    let Err(error) = schema::compile(&mention.value) else { return };
    if let SchemaError::Invalid { errors } = &error {
        // Several errors about one part are one mistake.
        let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
        for error in errors {
            let pointer = pointer_of(mention, error);
            match parts.iter_mut().find(|(known, _)| *known == pointer) {
                Some((_, errors)) => errors.push(error),
                None => parts.push((pointer, vec![error])),
            }
        }
        for (pointer, errors) in parts {
            let message = format!("schema is invalid: {}", errors.join(", "));
            report.add(mention.place(pointer), CODE, message, None);
        }
        return;
    }
    let pointer = blamed(mention, &error).unwrap_or_default();
    report.add(mention.place(&pointer), CODE, error.to_string(), None);
}

/// The part of the schema that `data/properties/x/type must be …` speaks of.
fn pointer_of<'m>(mention: &'m SchemaMention, error: &str) -> &'m str {
    let rest = error.strip_prefix("data").unwrap_or(error);
    let pointers = mention
        .pointers()
        .filter(|pointer| rest.strip_prefix(pointer).is_some_and(|message| message.starts_with(' ')));
    pointers.max_by_key(|pointer| pointer.len()).unwrap_or_default()
}

/// The keyword whose operand the error quotes.
fn blamed(mention: &SchemaMention, error: &SchemaError) -> Option<String> {
    let (keywords, operand): (&[&str], Option<&str>) = match error {
        SchemaError::UnresolvedReference { reference, .. } => {
            (&["$ref", "$dynamicRef", "$recursiveRef"], Some(reference))
        }
        SchemaError::AmbiguousReference { .. } => (&["$id", "$anchor", "$ref"], None),
        SchemaError::Pattern { pattern, .. } => (&["pattern"], Some(pattern)),
        SchemaError::UnknownDialect { .. } | SchemaError::DialectNotText => (&["$schema"], None),
        SchemaError::Keyword { message } if message.contains("keyword \"id\"") => (&["id"], None),
        SchemaError::Keyword { message } => {
            let word = message.split([' ', ':']).next().unwrap_or_default().trim_matches('"').to_owned();
            return ending(mention, &word, None);
        }
        _ => return None,
    };
    keywords.iter().find_map(|keyword| ending(mention, keyword, operand))
}

/// The first part, in reading order, that is the operand of a keyword.
fn ending(mention: &SchemaMention, keyword: &str, operand: Option<&str>) -> Option<String> {
    let end = format!("/{keyword}");
    let mut pointers: Vec<&str> = mention
        .pointers()
        .filter(|pointer| pointer.ends_with(&end))
        .filter(|pointer| {
            operand.is_none_or(|text| mention.value.pointer(pointer).and_then(|it| it.as_str()) == Some(text))
        })
        .collect();
    pointers.sort_by_key(|pointer| mention.place(pointer));
    pointers.first().map(|pointer| (*pointer).to_owned())
}
