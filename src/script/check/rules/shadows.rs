//! Variables that stand before what they are named after: `const workflow = await workflow('x')`.
//!
//! Only what must fail: a name that is used before its declaration has run, a call of what is no function.

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, Expression};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::GetSpan;

use super::super::Found;
use super::super::view::{Hook, View};
use crate::model::globals::HOOKS;

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    let scoping = view.scoping();
    for symbol in scoping.symbol_ids() {
        if scoping.symbol_flags(symbol).is_block_scoped() {
            too_early(view, symbol, found);
        }
        let name = scoping.symbol_name(symbol);
        if HOOKS.contains(&name)
            && !matches!(name, "args" | "budget" | "SW")
            && never_a_function(view, symbol)
        {
            called(view, symbol, found);
        }
    }
}

/// References that are reached before the declaration whenever they are reached: in the same function, further up.
fn too_early(view: &View<'_>, symbol: SymbolId, found: &mut Found) {
    let (nodes, scoping) = (view.nodes(), view.scoping());
    let declaration = scoping.symbol_declaration(symbol);
    let AstKind::VariableDeclarator(declarator) = nodes.kind(declaration) else { return };
    let function = view.function_around(declaration);
    let is_in = |node: NodeId, kind: fn(AstKind<'_>) -> bool| nodes.ancestor_kinds(node).any(kind);
    // The cases of a switch need not run in their order; the variable of a loop is declared by its head.
    if is_in(declaration, |kind| matches!(kind, AstKind::SwitchCase(_))) || !has_own_value(view, declaration)
    {
        return;
    }
    let name = scoping.symbol_name(symbol);
    let references = scoping.get_resolved_references(symbol).filter(|it| view.is_evaluated(it));
    let early = references.map(|reference| reference.node_id()).find(|node| {
        nodes.kind(*node).span().start < declarator.span.end
            && nodes.kind(*node).span().start >= scope_start(view, symbol)
            && view.function_around(*node) == function
            && !is_in(*node, |kind| matches!(kind, AstKind::PropertyDefinition(_) | AstKind::StaticBlock(_)))
            && !view.is_caught(*node)
            && !is_pattern_default(view, *node, declaration)
    });
    let Some(node) = early else { return };
    let own = view.is_inside(node, declaration);
    let hint = match (own && HOOKS.contains(&name), own) {
        (true, _) => format!(
            "inside its own declaration {name} is the new variable, not the global: give the variable another name"
        ),
        (_, true) => "give the variable another name than what it is made of".to_owned(),
        _ => "move the declaration up".to_owned(),
    };
    let at = nodes.kind(node).span().start as usize;
    found.raise(
        "ERR_USED_BEFORE_DECLARED",
        at,
        format!("Cannot access '{name}' before initialization"),
        hint,
    );
}

fn scope_start(view: &View<'_>, symbol: SymbolId) -> u32 {
    let scope = view.scoping().symbol_scope_id(symbol);
    view.nodes().kind(view.scoping().get_node_id(scope)).span().start
}

fn has_own_value(view: &View<'_>, declaration: NodeId) -> bool {
    let statement = view.nodes().parent_id(declaration);
    !matches!(
        view.nodes().parent_kind(statement),
        AstKind::ForStatement(_) | AstKind::ForOfStatement(_) | AstKind::ForInStatement(_)
    )
}

/// `const { a, b = a } = …` is fine.
fn is_pattern_default(view: &View<'_>, node: NodeId, declaration: NodeId) -> bool {
    let AstKind::VariableDeclarator(it) = view.nodes().kind(declaration) else { return false };
    !matches!(it.id, BindingPattern::BindingIdentifier(_))
        && it.id.span().contains_inclusive(view.nodes().kind(node).span())
}

/// Whether a variable holds text, data or the answer of an agent.
fn never_a_function(view: &View<'_>, symbol: SymbolId) -> bool {
    if view.scoping().symbol_is_mutated(symbol) || !view.scoping().symbol_redeclarations(symbol).is_empty() {
        return false;
    }
    let AstKind::VariableDeclarator(it) = view.nodes().kind(view.scoping().symbol_declaration(symbol)) else {
        return false;
    };
    let (BindingPattern::BindingIdentifier(_), Some(init)) = (&it.id, &it.init) else { return false };
    match init.get_inner_expression() {
        Expression::StringLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::TemplateLiteral(_)
        | Expression::ArrayExpression(_)
        | Expression::ObjectExpression(_) => true,
        Expression::AwaitExpression(awaited) => view.hook_call(&awaited.argument).is_some(),
        Expression::CallExpression(call) => view.hook(&call.callee).is_some_and(Hook::is_work),
        _ => false,
    }
}

fn called(view: &View<'_>, symbol: SymbolId, found: &mut Found) {
    let (nodes, scoping) = (view.nodes(), view.scoping());
    let name = scoping.symbol_name(symbol);
    let declared = nodes.kind(scoping.symbol_declaration(symbol)).span().end;
    for reference in scoping.get_resolved_references(symbol) {
        let span = nodes.kind(reference.node_id()).span();
        let AstKind::CallExpression(call) = nodes.parent_kind(reference.node_id()) else { continue };
        if call.callee.span() == span && span.start > declared && !view.is_caught(reference.node_id()) {
            let hint =
                format!("a variable of the script hides the global {name}(): give the variable another name");
            found.raise(
                "ERR_SHADOWED_GLOBAL",
                span.start as usize,
                format!("{name} is not a function"),
                hint,
            );
        }
    }
}
