//! Promises and values where `parallel` and `pipeline` want functions.
//!
//! In body form that is a `TypeError`; in module form the results are `null`, which is worse.

use oxc_ast::AstKind;
use oxc_ast::ast::{ArrayExpressionElement, CallExpression, Expression};
use oxc_semantic::NodeId;
use oxc_span::GetSpan;

use super::super::Found;
use super::super::literal::resolve;
use super::super::view::{Callable, Hook, View, argument, as_call};

const CODE: &str = "ERR_NOT_A_FUNCTION";

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    for call in view.calls_of(Hook::Parallel) {
        if let Some(tasks) = argument(call, 0) {
            parallel(view, tasks, found);
        }
    }
    for call in view.calls_of(Hook::Pipeline) {
        pipeline(view, call, found);
    }
}

fn parallel<'a>(view: &View<'a>, tasks: &'a Expression<'a>, found: &mut Found) {
    const MESSAGE: &str = "parallel() expects an array of functions, not promises";
    const HINT: &str = "wrap each call: () => agent(…)";
    let tasks = value(view, tasks);
    let at = tasks.span().start as usize;
    match tasks {
        Expression::ArrayExpression(array) => {
            for element in &array.elements {
                match element {
                    ArrayExpressionElement::SpreadElement(spread) => {
                        if let Some(at) = promises_of_map(view, value(view, &spread.argument)) {
                            found.raise(
                                CODE,
                                at,
                                MESSAGE,
                                "map to functions: items.map((item) => () => agent(item))",
                            );
                        }
                    }
                    ArrayExpressionElement::Elision(_) => {}
                    other => {
                        let Some(element) = other.as_expression() else { continue };
                        let at = element.span().start as usize;
                        if is_promise(view, element) {
                            found.raise(CODE, at, MESSAGE, HINT);
                        } else if let Some(what) = no_function(view, element) {
                            found.raise(CODE, at, format!("parallel() expects functions, got {what}"), HINT);
                        }
                    }
                }
            }
        }
        other if is_promise(view, other) => {
            found.raise(CODE, at, MESSAGE, "give it an array: parallel([() => agent(…), () => agent(…)])");
        }
        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => {
            let message = "parallel() expects an array of functions, got a function";
            found.raise(CODE, at, message, "give it an array: parallel([() => …, () => …])");
        }
        other => {
            if let Some(at) = promises_of_map(view, other) {
                found.raise(CODE, at, MESSAGE, "map to functions: items.map((item) => () => agent(item))");
            } else if let Some(what) = no_function(view, other) {
                found.raise(CODE, at, format!("parallel() expects an array of functions, got {what}"), HINT);
            }
        }
    }
}

fn pipeline<'a>(view: &View<'a>, call: &'a CallExpression<'a>, found: &mut Found) {
    const HINT: &str = "stages are functions: (previous, item, index) => agent(…)";
    for index in 1..call.arguments.len() {
        let Some(stage) = argument(call, index) else { return };
        let at = stage.span().start as usize;
        if is_promise(view, stage) {
            found.raise(CODE, at, "pipeline() expects functions as stages, not promises", HINT);
        } else if let Some(what) = no_function(view, value(view, stage)) {
            let message = format!("pipeline() expects functions as stages, got {what}");
            found.raise(CODE, at, message, HINT);
        }
    }
}

/// What a name stands for, or the expression itself.
fn value<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> &'a Expression<'a> {
    resolve(view, expression, 0).unwrap_or_else(|| expression.get_inner_expression())
}

fn is_promise<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> bool {
    let Some(call) = as_call(expression) else { return false };
    match view.hook(&call.callee) {
        Some(hook) => hook.is_work(),
        None => view.callable(&call.callee).is_some_and(gives_promise),
    }
}

fn gives_promise(callable: Callable<'_>) -> bool {
    callable.is_async && !callable.is_generator
}

fn no_function<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> Option<&'static str> {
    Some(match expression.get_inner_expression() {
        Expression::StringLiteral(_) | Expression::TemplateLiteral(_) => "a string",
        Expression::NumericLiteral(_) => "a number",
        Expression::BooleanLiteral(_) => "a boolean",
        Expression::NullLiteral(_) => "null",
        Expression::ObjectExpression(_) => "an object",
        Expression::ArrayExpression(_) => "an array",
        Expression::AwaitExpression(it)
            if view.hook_call(&it.argument).is_some_and(|(it, _)| it == Hook::Agent) =>
        {
            "the answer of an agent"
        }
        _ => return None,
    })
}

/// `items.map((item) => agent(item))`: where the promise comes from.
fn promises_of_map<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> Option<usize> {
    let call = as_call(expression)?;
    let member = call.callee.get_inner_expression().as_member_expression()?;
    if member.static_property_name() != Some("map") {
        return None;
    }
    let callback = argument(call, 0)?;
    let callable = view.callable(callback)?;
    let at = callback.span().start as usize;
    if gives_promise(callable) {
        return Some(at);
    }
    match callable.expression {
        Some(result) => is_promise(view, result).then(|| result.span().start as usize),
        None => returned_promise(view, callable.node),
    }
}

/// The first promise that a function returns, if it returns nothing else.
fn returned_promise(view: &View<'_>, function: NodeId) -> Option<usize> {
    let mut first = None;
    for node in view.inside(function) {
        let AstKind::ReturnStatement(statement) = node.kind() else { continue };
        if view.function_around(node.id()) != Some(function) {
            continue;
        }
        let result = statement.argument.as_ref()?;
        if !is_promise(view, result) {
            return None;
        }
        first = first.or(Some(result.span().start as usize));
    }
    first
}
