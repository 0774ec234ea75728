//! What the script names and others have to judge: schemas, workflows, types of agents, providers.

use oxc_ast::ast::Expression;
use oxc_span::GetSpan;
use rustc_hash::FxHashSet;
use serde_json::Value;

use super::super::literal::{self, Known};
use super::super::view::{Hook, View, argument};
use super::super::{Found, Mention, Place, SchemaMention};

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    let mut schemas = FxHashSet::default();
    for call in view.calls_of(Hook::Agent) {
        let Some(options) = argument(call, 1).and_then(|options| literal::members(view, options)) else {
            continue;
        };
        if let Some(expression) = options.get("schema") {
            schema(view, expression, &mut schemas, found);
        }
        if let Some(expression) = options.get("agentType") {
            named(view, expression, |name, at| Mention::AgentType { name, at }, found);
        }
        if let Some(expression) = options.get("provider") {
            named(view, expression, |name, at| Mention::Provider { name, at }, found);
        }
    }
    for call in view.calls_of(Hook::Workflow) {
        // Who catches the failure may have something else in mind for when there is no such workflow.
        if let Some(target) = argument(call, 0).filter(|_| !view.is_handled(call)) {
            workflow(view, target, found);
        }
    }
}

/// One mention per schema, however many calls share it.
fn schema<'a>(view: &View<'a>, expression: &'a Expression<'a>, seen: &mut FxHashSet<u32>, found: &mut Found) {
    let start = literal::resolve(view, expression, 0).unwrap_or(expression).span().start;
    if !seen.insert(start) {
        return;
    }
    if let Some((Known::Value(value), places)) = literal::json_with_places(view, expression) {
        found.mentions.push(Mention::Schema(SchemaMention { value, places }));
    }
}

fn named<'a>(
    view: &View<'a>,
    expression: &'a Expression<'a>,
    mention: impl Fn(String, Place) -> Mention,
    found: &mut Found,
) {
    let names = literal::texts(view, expression).unwrap_or_default();
    let mentions =
        names.into_iter().filter(|(name, _)| !name.is_empty()).map(|(name, at)| mention(name, Place(at)));
    found.mentions.extend(mentions);
}

fn workflow<'a>(view: &View<'a>, target: &'a Expression<'a>, found: &mut Found) {
    if let Some(names) = literal::texts(view, target) {
        found.mentions.extend(names.into_iter().map(|(name, at)| Mention::Workflow { name, at: Place(at) }));
        return;
    }
    let Some(members) = literal::members(view, target) else { return };
    let at = target.span().start as usize;
    let path = members.get("scriptPath");
    match path {
        Some(path) => match literal::texts(view, path) {
            Some(paths) => {
                let mentions = paths.into_iter().map(|(path, at)| Mention::Script { path, at: Place(at) });
                found.mentions.extend(mentions);
            }
            None if matches!(literal::json(view, path), Some(Known::Value(value)) if !matches!(value, Value::String(_))) =>
            {
                found.raise(
                    "ERR_MISSING_ARGUMENT",
                    at,
                    "the scriptPath of workflow() must be a string",
                    None,
                );
            }
            None => {}
        },
        None if !members.open => found.raise(
            "ERR_MISSING_ARGUMENT",
            at,
            "workflow() is given an object without scriptPath",
            "write workflow('name', args), or workflow({ scriptPath: './other.js' }, args)",
        ),
        None => {}
    }
}
