//! Loops around agent calls that nothing bounds.
//!
//! A loop is bounded by whatever changes from round to round without asking an agent: a counter, the budget, a list that
//! shrinks or is measured, a call of a function of the script. If there is none of that in it, only answers end it, or
//! nothing does.

use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, BinaryOperator, Expression, ForStatement, Statement};
use oxc_semantic::NodeId;
use oxc_span::GetSpan;

use super::super::Found;
use super::super::view::View;

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    for node in view.nodes().iter() {
        let (test, body) = match node.kind() {
            AstKind::WhileStatement(it) => (Some(&it.test), &it.body),
            AstKind::DoWhileStatement(it) => (Some(&it.test), &it.body),
            AstKind::ForStatement(it) => (for_test(it), &it.body),
            _ => continue,
        };
        let constant = test.map_or(Some(true), truth);
        let span = node.span();
        let asks = view.has_work_inside(node.id());
        if constant == Some(false) || !asks || ends_anyway(body) || is_bounded(view, node.id()) {
            continue;
        }
        let leaves = constant.is_none() || has_exit(view, node.id());
        let message = if leaves {
            "only the answers of agents end this loop: it may go on for ever"
        } else {
            "nothing ends this loop of agent calls"
        };
        let hint = "count the rounds, or stop when budget.remaining() gets low";
        found.raise("WARN_UNBOUNDED_LOOP", span.start as usize, message, hint);
    }
}

fn for_test<'b, 'a>(it: &'b ForStatement<'a>) -> Option<&'b Expression<'a>> {
    it.test.as_ref()
}

/// Whether a condition is always true or always false.
fn truth(test: &Expression<'_>) -> Option<bool> {
    match test.get_inner_expression() {
        Expression::BooleanLiteral(it) => Some(it.value),
        Expression::NumericLiteral(it) => Some(it.value != 0.0),
        Expression::StringLiteral(it) => Some(!it.value.is_empty()),
        Expression::NullLiteral(_) => Some(false),
        _ => None,
    }
}

/// Whether the body leaves the loop in its first round, whatever happens.
fn ends_anyway(body: &Statement<'_>) -> bool {
    let Statement::BlockStatement(block) = body else { return body.is_jump_statement() };
    block.body.iter().any(|it| {
        matches!(
            it,
            Statement::ReturnStatement(_) | Statement::ThrowStatement(_) | Statement::BreakStatement(_)
        )
    })
}

fn has_exit(view: &View<'_>, node: NodeId) -> bool {
    let function = view.function_around(node);
    view.inside(node).any(|it| {
        let jumps = matches!(
            it.kind(),
            AstKind::BreakStatement(_) | AstKind::ReturnStatement(_) | AstKind::ThrowStatement(_)
        );
        jumps && view.function_around(it.id()) == function
    })
}

/// Whether there is anything in the loop that may bound it.
fn is_bounded(view: &View<'_>, node: NodeId) -> bool {
    view.inside(node).any(|it| match it.kind() {
        AstKind::IdentifierReference(name) => name.name == "budget",
        AstKind::UpdateExpression(_) => true,
        AstKind::AssignmentExpression(it) => it.operator.is_arithmetic() || counts_on(&it.left, &it.right),
        AstKind::StaticMemberExpression(it) => matches!(
            it.property.name.as_str(),
            "length" | "size" | "pop" | "shift" | "splice" | "slice" | "next" | "delete" | "has" | "budget"
        ),
        AstKind::CallExpression(call) => {
            let own = matches!(call.callee.get_inner_expression(), Expression::Identifier(it) if view.symbol(it).is_some());
            own && view.hook(&call.callee).is_none()
        }
        _ => false,
    })
}

/// `round = round + 1`
fn counts_on(left: &AssignmentTarget<'_>, right: &Expression<'_>) -> bool {
    let AssignmentTarget::AssignmentTargetIdentifier(name) = left else { return false };
    let Expression::BinaryExpression(sum) = right.get_inner_expression() else { return false };
    matches!(sum.operator, BinaryOperator::Addition | BinaryOperator::Subtraction)
        && [&sum.left, &sum.right].iter().any(|it| it.is_specific_id(&name.name))
}
