//! The sandbox's own modules: that they are there, have what is taken from them, and are given what they understand.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, ImportDeclarationSpecifier, Statement};
use oxc_span::GetSpan;

use super::super::view::{Hook, View, argument};
use super::super::{Found, did_you_mean};
use crate::model::duration;
use crate::model::error::ErrorData;
use crate::model::globals::{EXTRA, MODULES, VIRTUAL};

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    for statement in &view.program.body {
        let Statement::ImportDeclaration(import) = statement else { continue };
        let module = &import.source.value;
        let Some(exports) = module_of(module, import.source.span.start as usize, found) else { continue };
        for specifier in import.specifiers.iter().flatten() {
            match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(it) => {
                    member(module, &it.imported.name(), exports, it.span.start as usize, found);
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                    member(module, "default", exports, it.span.start as usize, found);
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => {}
            }
        }
    }
    for node in view.nodes().iter() {
        match node.kind() {
            AstKind::ImportExpression(import) => {
                if let Expression::StringLiteral(name) = import.source.get_inner_expression() {
                    module_of(&name.value, name.span.start as usize, found);
                }
            }
            AstKind::StaticMemberExpression(it)
                if view.is_extra(&it.object) && !view.is_caught(node.id()) =>
            {
                let at = it.property.span.start as usize;
                member("workflow:extra", &it.property.name, EXTRA, at, found);
            }
            _ => {}
        }
    }
    view.calls_of(Hook::Sleep).for_each(|call| sleep(call, found));
}

/// What a module of the sandbox exports; raises one that is not there. `None` also for other modules.
fn module_of(name: &str, at: usize, found: &mut Found) -> Option<&'static [&'static str]> {
    if !name.starts_with(VIRTUAL) {
        return None;
    }
    let known = MODULES.iter().find(|(module, _)| *module == name);
    if known.is_none() {
        let names: Vec<&str> = MODULES.iter().map(|(module, _)| *module).collect();
        let hint = did_you_mean(name, names.iter().copied())
            .unwrap_or_else(|| format!("there is {}", names.join(", ")));
        found.raise("ERR_UNKNOWN_MODULE", at, format!("there is no module {name}"), hint);
    }
    known.map(|(_, exports)| *exports)
}

fn member(module: &str, name: &str, exports: &[&str], at: usize, found: &mut Found) {
    if exports.contains(&name) {
        return;
    }
    let hint = did_you_mean(name, exports.iter().copied())
        .unwrap_or_else(|| format!("it has {}", exports.join(", ")));
    found.raise("ERR_UNKNOWN_MODULE", at, format!("{module} has no {name}"), hint);
}

/// A duration that stands there and is none.
fn sleep<'a>(call: &'a CallExpression<'a>, found: &mut Found) {
    let raise = |at: usize, error: ErrorData, found: &mut Found| {
        found.raise("ERR_INVALID_DURATION", at, error.message, None);
    };
    if call.arguments.is_empty() {
        return raise(call.span.start as usize, duration::refused("sleep", "nothing"), found);
    }
    let Some(given) = argument(call, 0) else { return };
    let read = match given.get_inner_expression() {
        Expression::StringLiteral(text) => duration::from_text("sleep", &text.value),
        Expression::TemplateLiteral(text) => match text.single_quasi() {
            Some(text) => duration::from_text("sleep", &text),
            None => return,
        },
        Expression::NumericLiteral(number) => duration::from_number("sleep", number.value),
        _ => return,
    };
    if let Err(error) = read {
        raise(given.span().start as usize, error, found);
    }
}
