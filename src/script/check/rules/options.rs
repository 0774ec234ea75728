//! Options of the engine's functions that nobody knows, or that cannot be.
//!
//! What an option may be says `model::request`, here as at run time.

use oxc_ast::ast::Expression;
use oxc_span::GetSpan;
use serde_json::{Map, Value};

use super::super::literal::{self, Known, Members};
use super::super::view::{Hook, View, argument};
use super::super::{Found, did_you_mean};
use crate::model::provider::Effort;
use crate::model::request::{AgentOptions, KNOWN_AGENT_OPTIONS, KNOWN_PARALLEL_OPTIONS, KNOWN_RETRY_OPTIONS};

/// What options are called elsewhere.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("agent_type", "agentType"),
    ("allowedTools", "tools"),
    ("allowed_tools", "tools"),
    ("attempts", "maxAttempts"),
    ("jsonSchema", "schema"),
    ("name", "label"),
    ("outputSchema", "schema"),
    ("retries", "retry"),
    ("subagentType", "agentType"),
    ("subagent_type", "agentType"),
    ("timeout", "timeoutMs"),
    ("title", "label"),
    ("worktree", "isolation"),
];

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    for call in view.calls_of(Hook::Agent) {
        if let Some(options) = argument(call, 1) {
            agent(view, options, found);
        }
    }
    for call in view.calls_of(Hook::Parallel) {
        if let Some(options) = argument(call, 1) {
            parallel(view, options, found);
        }
    }
}

/// The value of an expression, where it is known and JSON has it.
fn value<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> Option<Value> {
    match literal::json(view, expression)? {
        Known::Value(value) => Some(value),
        Known::Undefined => None,
    }
}

fn agent<'a>(view: &View<'a>, options: &'a Expression<'a>, found: &mut Found) {
    let at = options.span().start as usize;
    let Some(members) = literal::members(view, options) else {
        if let Some(kind) = no_object(view, options) {
            let message = format!("agent() options must be an object, got {kind}");
            found.raise("ERR_INVALID_OPTION", at, message, "write agent('the prompt', { label: 'a label' })");
        }
        return;
    };
    unknown(&members, KNOWN_AGENT_OPTIONS, "agent()", found);
    for (name, _, expression) in &members.list {
        let at = expression.span().start as usize;
        if name == "retry"
            && let Some(retry) = literal::members(view, expression)
        {
            unknown(&retry, KNOWN_RETRY_OPTIONS, "the option retry of agent()", found);
        }
        let Some(value) = value(view, expression) else { continue };
        if name == "effort" && !value.is_null() && !Effort::ALL.iter().any(|effort| value == effort.name()) {
            let efforts = Effort::ALL.map(Effort::name);
            let message = format!("agent() option effort is none of {}: {value}", efforts.join(", "));
            let near = value.as_str().and_then(|value| did_you_mean(value, efforts));
            found.raise("WARN_OPTION_VALUE", at, message, near);
        }
        // One at a time: the first wrong one would hide the others.
        let one = Value::Object(Map::from_iter([(name.clone(), value)]));
        if name != "schema"
            && let Err(error) = AgentOptions::parse(&one)
        {
            found.raise("ERR_INVALID_OPTION", at, error.message, None);
        }
    }
}

/// What options are instead of an object, in the words of the sandbox.
fn no_object<'a>(view: &View<'a>, options: &'a Expression<'a>) -> Option<&'static str> {
    if is_function(options) {
        return Some("function");
    }
    Some(match value(view, options)? {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "an array",
        Value::Null | Value::Object(_) => return None,
    })
}

fn is_function(expression: &Expression<'_>) -> bool {
    matches!(
        expression.get_inner_expression(),
        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_)
    )
}

fn unknown(members: &Members<'_>, known: &[&str], owner: &str, found: &mut Found) {
    for (name, at, _) in &members.list {
        if !known.contains(&name.as_str()) {
            let other_word = OTHER_WORDS.iter().find(|(word, option)| word == name && known.contains(option));
            let hint = other_word.map(|(_, option)| format!("did you mean '{option}'?"));
            let hint = hint.or_else(|| did_you_mean(name, known.iter().copied())).unwrap_or_else(|| {
                format!("it knows {}; others are passed on to the provider", known.join(", "))
            });
            found.raise("WARN_UNKNOWN_OPTION", *at, format!("{owner} does not know the option {name}"), hint);
        }
    }
}

fn parallel<'a>(view: &View<'a>, options: &'a Expression<'a>, found: &mut Found) {
    const CODE: &str = "ERR_INVALID_OPTION";
    let at = options.span().start as usize;
    let Some(members) = literal::members(view, options) else {
        if is_function(options) {
            let message = "parallel() options must be an object, got a function";
            found.raise(CODE, at, message, "put all functions into one array: parallel([() => …, () => …])");
        }
        return;
    };
    for (name, at, expression) in &members.list {
        if !KNOWN_PARALLEL_OPTIONS.contains(&name.as_str()) {
            let known = KNOWN_PARALLEL_OPTIONS.join(", ");
            let message = format!("parallel() does not know the option {name}; it knows {known}");
            found.raise(CODE, *at, message, did_you_mean(name, KNOWN_PARALLEL_OPTIONS.iter().copied()));
            continue;
        }
        let Some(value) = value(view, expression) else { continue };
        // The range of `minSuccess` ends with the number of functions.
        let wrong = match name.as_str() {
            "failFast" | "settle" if !(value.is_boolean() || value.is_null()) => "true or false".to_owned(),
            "concurrency" if !is_whole(&value, 1, MOST_AT_ONCE) => range(1, MOST_AT_ONCE),
            "timeoutMs" if !is_whole(&value, 1, LONGEST_TIMEOUT) => range(1, LONGEST_TIMEOUT),
            "minSuccess" if !is_whole(&value, 0, u64::MAX) => "a whole number from 0".to_owned(),
            _ => continue,
        };
        let at = expression.span().start as usize;
        found.raise(CODE, at, format!("parallel() option {name} must be {wrong}, got {value}"), None);
    }
}

/// The ends of the ranges in the unit `parallel`.
const MOST_AT_ONCE: u64 = 4_294_967_295;
const LONGEST_TIMEOUT: u64 = 2_147_483_647;

fn range(least: u64, most: u64) -> String {
    format!("a whole number from {least} to {most}")
}

fn is_whole(value: &Value, least: u64, most: u64) -> bool {
    value.is_null() || value.as_u64().is_some_and(|number| (least..=most).contains(&number))
}
