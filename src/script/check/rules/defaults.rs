//! Parameters that a function in the default of another parameter shares with the body. QuickJS gives that function
//! copies of them: what either side assigns does not reach the other.
//!
//! To be deleted with the scenario `pending-parameters-in-defaults`, as soon as the interpreter does it right.

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingIdentifier, FormalParameters};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};

use super::super::Found;
use super::super::view::{View, is_function};

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    for node in view.nodes().iter() {
        match node.kind() {
            AstKind::Function(it) => parameters(view, node.id(), &it.params, found),
            AstKind::ArrowFunctionExpression(it) => parameters(view, node.id(), &it.params, found),
            _ => {}
        }
    }
}

fn parameters<'a>(view: &View<'a>, function: NodeId, list: &'a FormalParameters<'a>, found: &mut Found) {
    let defaults: Vec<Span> =
        list.items.iter().filter_map(|it| Some(it.initializer.as_ref()?.span())).collect();
    if defaults.is_empty() {
        return;
    }
    let names = list.iter_bindings().flat_map(|pattern| pattern.get_binding_identifiers());
    for name in names {
        if let Some(at) = shared(view, function, name, &defaults) {
            let name = &name.name;
            let message = format!(
                "{name} is assigned, and the default of a parameter uses it too: there it is a copy that does not change"
            );
            let hint = "make the default in the body of the function";
            found.raise("WARN_PARAMETER_COPIED", at, message, hint);
        }
    }
}

/// Where a default takes a parameter that changes: inside a function, or to assign it.
fn shared<'a>(
    view: &View<'a>,
    function: NodeId,
    name: &BindingIdentifier<'a>,
    defaults: &[Span],
) -> Option<usize> {
    let symbol = name.symbol_id.get()?;
    if !view.scoping().symbol_is_mutated(symbol) {
        return None;
    }
    let references = view.scoping().get_resolved_references(symbol);
    references
        .filter(|reference| {
            let node = reference.node_id();
            let span = view.nodes().kind(node).span();
            let within = defaults.iter().any(|default| default.contains_inclusive(span));
            let closed_over = view
                .nodes()
                .ancestors(node)
                .take_while(|it| it.id() != function)
                .any(|it| is_function(it.kind()));
            within && (closed_over || reference.is_write())
        })
        .map(|reference| view.nodes().kind(reference.node_id()).span().start as usize)
        .min()
}
