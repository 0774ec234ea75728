//! Promises that nothing waits for. When the script ends, what is still under way is told to stop.
//!
//! `void agent(…)` says that it is meant, and so does a chain that handles its own failure.

use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression};
use oxc_semantic::NodeId;

use super::super::Found;
use super::super::view::{Hook, View, as_call};

const CODE: &str = "WARN_NOT_AWAITED";

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    for node in view.nodes().iter() {
        match node.kind() {
            AstKind::ExpressionStatement(statement) => {
                let outside = is_outside_functions(view, node.id());
                dropped(view, &statement.expression, outside, found);
            }
            AstKind::CallExpression(call) => for_each(view, call, found),
            _ => {}
        }
    }
}

/// Top level, or the function that the script exports.
fn is_outside_functions(view: &View<'_>, node: NodeId) -> bool {
    match view.function_around(node) {
        None => true,
        Some(function) => view.entry.is_some_and(|entry| entry.node == function),
    }
}

/// Looks at an expression whose value nobody takes.
fn dropped<'a>(view: &View<'a>, expression: &'a Expression<'a>, outside: bool, found: &mut Found) {
    match expression.get_inner_expression() {
        Expression::LogicalExpression(it) => dropped(view, &it.right, outside, found),
        Expression::ConditionalExpression(it) => {
            dropped(view, &it.consequent, outside, found);
            dropped(view, &it.alternate, outside, found);
        }
        Expression::SequenceExpression(it) => {
            it.expressions.iter().for_each(|it| dropped(view, it, outside, found));
        }
        other => {
            let Some(call) = as_call(other) else { return };
            if let Some(what) = promise(view, call, outside) {
                let message = format!("nothing waits for {what}: it may be cut off when the script ends");
                let hint = "write `await` before it, or `void` if that is meant";
                found.raise(CODE, call.span.start as usize, message, hint);
            }
        }
    }
}

/// What gives the promise that a call is, if it is one that ought to be waited for.
fn promise<'a>(view: &View<'a>, call: &'a CallExpression<'a>, outside: bool) -> Option<String> {
    let mut call = call;
    // `agent(…).then(…)` is the call's promise too, as long as nothing in the chain deals with failure. In a function
    // it may be what settles a promise of the script's own.
    let mut chained = false;
    loop {
        if let Some(hook) = view.hook(&call.callee) {
            return (hook.takes_time() && (outside || !chained)).then(|| format!("{}()", hook.name()));
        }
        let Some(member) = call.callee.get_inner_expression().as_member_expression() else { break };
        let name = member.static_property_name()?;
        let handled = name == "catch" || (name == "then" && call.arguments.len() > 1);
        if handled || !matches!(name, "then" | "finally") {
            return of_promise(view, call, name);
        }
        chained = true;
        call = as_call(member.object())?;
    }
    if !outside {
        return None;
    }
    let callable = view.callable(&call.callee)?;
    if !callable.is_async || callable.is_generator {
        return None;
    }
    Some(match call.callee.get_inner_expression() {
        Expression::Identifier(name) => format!("{}(), an async function", name.name),
        _ => "this async function".to_owned(),
    })
}

/// `Promise.all([agent(…)])`
fn of_promise<'a>(view: &View<'a>, call: &'a CallExpression<'a>, name: &str) -> Option<String> {
    let member = call.callee.get_inner_expression().as_member_expression()?;
    let combines = matches!(name, "all" | "allSettled" | "any" | "race");
    (combines && view.is_global(member.object(), "Promise") && view.has_work_inside(call.node_id()))
        .then(|| format!("Promise.{name}()"))
}

/// `items.forEach(async (item) => { await agent(item) })`
fn for_each<'a>(view: &View<'a>, call: &'a CallExpression<'a>, found: &mut Found) {
    let Some(member) = call.callee.get_inner_expression().as_member_expression() else { return };
    if member.static_property_name() != Some("forEach") {
        return;
    }
    let Some(callback) = call.arguments.first().and_then(Argument::as_expression) else { return };
    let Some(callable) = view.callable(callback) else { return };
    let returns_promise = callable.expression.is_some_and(|it| is_work(view, it));
    if (callable.is_async && view.has_work_inside(callable.node)) || returns_promise {
        found.raise(
            CODE,
            call.span.start as usize,
            "forEach() does not wait for its callback: nothing waits for the agents it asks",
            "write `for (const item of items) await …`, or `await parallel(items.map((item) => () => …))`",
        );
    }
}

fn is_work<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> bool {
    view.hook_call(expression).is_some_and(|(hook, _)| Hook::is_work(hook))
}
