//! Whether a source may have early errors that the parser does not find.
//!
//! Looking at scopes costs a third of what reading costs, and most sources give no reason to. So the walk that reads the
//! form looks for reasons on its way: a name that is declared twice in one scope, a `break` outside loops. It may see a
//! reason where there is none. One that it does not see is found by the sandbox, which has other words for it.
//!
//! Knows names and nesting, not what anything means.

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingIdentifier, ModuleExportName, VariableDeclaration};
use oxc_syntax::operator::UnaryOperator;
use rustc_hash::{FxHashMap, FxHashSet};

/// What a walk over a tree knows on its way.
#[derive(Default)]
pub(super) struct Suspects<'a> {
    found: bool,
    scopes: Vec<u32>,
    scopes_seen: u32,
    declared: FxHashSet<(&'a str, u32)>,
    /// Names of `var`s, which leave their blocks.
    vars: Vec<&'a str>,
    /// Loops and switches around, per function.
    breakable: Vec<usize>,
}

impl<'a> Suspects<'a> {
    /// At the end of the walk: whether there is a reason to look closer.
    pub(super) fn found(mut self) -> bool {
        if self.found || self.vars.is_empty() {
            return self.found;
        }
        let mut scopes: FxHashMap<&str, usize> = FxHashMap::default();
        self.declared.iter().for_each(|(name, _)| *scopes.entry(name).or_default() += 1);
        self.vars.retain(|name| scopes.get(name).is_some_and(|count| *count > 1));
        !self.vars.is_empty()
    }

    pub(super) fn enter_scope(&mut self) {
        self.scopes_seen += 1;
        self.scopes.push(self.scopes_seen);
    }

    pub(super) fn leave_scope(&mut self) {
        self.scopes.pop();
    }

    pub(super) fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::BindingIdentifier(name) => self.declare(name, self.scope()),
            AstKind::VariableDeclaration(declaration) => self.variables(declaration),
            AstKind::Function(function) => {
                // Its name is met inside its own scope, where it does not belong.
                if let Some(name) = function.id.as_ref().filter(|_| function.is_declaration()) {
                    self.declare(name, self.scope());
                }
                self.breakable.push(0);
            }
            // The parameter shares the scope of the block, which comes next.
            AstKind::CatchClause(clause) => {
                for name in clause.param.iter().flat_map(|it| it.pattern.get_binding_identifiers()) {
                    self.declare(name, self.scopes_seen + 2);
                }
            }
            AstKind::ArrowFunctionExpression(_) | AstKind::StaticBlock(_) => self.breakable.push(0),
            _ if is_breakable(kind) => {
                if let Some(count) = self.breakable.last_mut() {
                    *count += 1;
                } else {
                    self.breakable.push(1);
                }
            }
            AstKind::BreakStatement(_) | AstKind::ContinueStatement(_) => {
                self.found |= self.breakable.last().is_none_or(|count| *count == 0);
            }
            other => self.found |= is_rare(other),
        }
    }

    pub(super) fn leave_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) | AstKind::StaticBlock(_) => {
                self.breakable.pop();
            }
            _ if is_breakable(kind) => {
                if let Some(count) = self.breakable.last_mut() {
                    *count -= 1;
                }
            }
            _ => {}
        }
    }

    fn scope(&self) -> u32 {
        self.scopes.last().copied().unwrap_or_default()
    }

    fn declare(&mut self, name: &BindingIdentifier<'a>, scope: u32) {
        let name = name.name.as_str();
        self.found |= !self.declared.insert((name, scope)) || matches!(name, "eval" | "arguments");
    }

    fn variables(&mut self, declaration: &VariableDeclaration<'a>) {
        if declaration.kind.is_var() {
            let names = declaration.declarations.iter().flat_map(|it| it.id.get_binding_identifiers());
            self.vars.extend(names.map(|name| name.name.as_str()));
        }
    }
}

fn is_breakable(kind: AstKind<'_>) -> bool {
    matches!(
        kind,
        AstKind::ForStatement(_)
            | AstKind::ForOfStatement(_)
            | AstKind::ForInStatement(_)
            | AstKind::WhileStatement(_)
            | AstKind::DoWhileStatement(_)
            | AstKind::SwitchStatement(_)
    )
}

/// What hardly any workflow has, and what there are rules about.
fn is_rare(kind: AstKind<'_>) -> bool {
    match kind {
        AstKind::LabeledStatement(_)
        | AstKind::WithStatement(_)
        | AstKind::PrivateIdentifier(_)
        | AstKind::Super(_)
        | AstKind::Directive(_)
        | AstKind::YieldExpression(_)
        | AstKind::ImportDeclaration(_) => true,
        AstKind::ExportSpecifier(export) => matches!(export.local, ModuleExportName::IdentifierReference(_)),
        AstKind::UnaryExpression(unary) => {
            unary.operator == UnaryOperator::Delete && unary.argument.is_identifier_reference()
        }
        AstKind::NumericLiteral(number) => {
            let raw = number.raw.as_ref().map_or(&b""[..], |raw| raw.as_bytes());
            raw.len() > 1 && raw[0] == b'0' && raw[1].is_ascii_digit()
        }
        AstKind::StringLiteral(text) => {
            let raw = text.raw.as_ref().map_or(&b""[..], |raw| raw.as_bytes());
            raw.len() != text.value.len() + 2
                && raw.windows(2).any(|pair| pair[0] == b'\\' && pair[1].is_ascii_digit())
        }
        AstKind::IdentifierReference(name) => matches!(name.name.as_str(), "eval" | "arguments"),
        AstKind::ObjectProperty(property) => property.key.is_specific_id("__proto__"),
        _ => false,
    }
}
