//! Calls of the engine's functions without what they need.

use oxc_ast::ast::{CallExpression, Expression};
use oxc_span::GetSpan;

use super::super::Found;
use super::super::view::{Hook, View, argument};

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    for (hook, call) in &view.calls {
        match hook {
            Hook::Agent => prompt(call, found),
            Hook::Phase if call.arguments.is_empty() => {
                missing(
                    "WARN_MISSING_ARGUMENT",
                    call,
                    "phase() is called without a title",
                    "phase('Review')",
                    found,
                );
            }
            Hook::Workflow if call.arguments.is_empty() => {
                let example = "workflow('name', args), or workflow({ scriptPath: './other.js' }, args)";
                missing("ERR_MISSING_ARGUMENT", call, "workflow() is called without a name", example, found);
            }
            Hook::Parallel if call.arguments.is_empty() => {
                let example = "parallel([() => agent('one'), () => agent('two')])";
                missing(
                    "ERR_MISSING_ARGUMENT",
                    call,
                    "parallel() is called without functions",
                    example,
                    found,
                );
            }
            Hook::Pipeline if call.arguments.is_empty() => {
                let example = "pipeline(items, (item) => agent(`Look at ${item}`))";
                missing("ERR_MISSING_ARGUMENT", call, "pipeline() is called without items", example, found);
            }
            _ => {}
        }
    }
}

fn missing(code: &'static str, call: &CallExpression<'_>, message: &str, example: &str, found: &mut Found) {
    found.raise(code, call.span.start as usize, message, format!("write {example}"));
}

fn prompt<'a>(call: &'a CallExpression<'a>, found: &mut Found) {
    const ORDER: &str = "the prompt comes first, the options second: agent('Say hello', { label: 'hello' })";
    const CODE: &str = "WARN_MISSING_ARGUMENT";
    if call.arguments.is_empty() {
        return found.raise(CODE, call.span.start as usize, "agent() is called without a prompt", ORDER);
    }
    let Some(prompt) = argument(call, 0) else { return };
    let at = prompt.span().start as usize;
    let what = match prompt.get_inner_expression() {
        Expression::ObjectExpression(_) => "an object",
        Expression::ArrayExpression(_) => "an array",
        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => "a function",
        Expression::NumericLiteral(_) => "a number",
        Expression::NullLiteral(_) => "null",
        Expression::Identifier(name) if name.name == "undefined" => "undefined",
        Expression::StringLiteral(text) if text.value.trim().is_empty() => "an empty text",
        Expression::TemplateLiteral(text)
            if text.single_quasi().is_some_and(|text| text.trim().is_empty()) =>
        {
            "an empty text"
        }
        _ => return,
    };
    found.raise(CODE, at, format!("agent() is given {what} as its prompt"), ORDER);
}
