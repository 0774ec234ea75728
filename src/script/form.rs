//! Which form a script has, and everything else that takes a walk over the whole tree to know.
//!
//! Knows names and places, not scopes: a hook whose name is declared anywhere outside functions counts as shadowed.

use std::cell::Cell;
use std::collections::HashSet;

use oxc_ast::AstKind;
use oxc_ast::ast::{
    AccessorProperty, BinaryExpression, BinaryOperator, CallExpression, ChainElement, Expression,
    ImportExpression, MemberExpression, Program, PropertyDefinition, Statement, TryStatement, UnaryOperator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::GetSpan;
use oxc_syntax::scope::{ScopeFlags, ScopeId};

use super::suspects::Suspects;
use crate::model::globals::HOOKS;
use crate::model::script::ScriptForm;

/// What a walk over the tree found. Places are byte offsets.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Something is exported as `default`.
    pub(super) default_export: bool,
    /// The first `return` outside functions.
    pub(super) top_return: Option<usize>,
    /// A hook is referred to: outside functions, or inside of them while something is called, and awaited, outside.
    pub(super) hook: bool,
    /// Every `import(…)`.
    pub(super) dynamic_imports: Vec<DynamicImport>,
    /// The first `<!--`: operators here, but a comment wherever the same text is evaluated as a script.
    pub(super) html_comment: Option<usize>,
    /// How many nodes of the tree lie on the longest way down, long chains included.
    pub(super) depth: usize,
    pub(super) require: Require,
    /// There may be early errors that the parser does not find.
    pub(super) suspect: bool,
}

/// `require`, which every script for Node.js knows and ours do not.
#[derive(Debug, Default)]
pub(super) struct Require {
    /// Calls that nothing around them catches: their places and specifiers, where those are literals.
    pub(super) calls: Vec<(usize, Option<String>)>,
    /// Declared somewhere in the script, or asked for with `typeof`: it may know what it does.
    pub(super) expected: bool,
}

#[derive(Debug)]
pub(super) struct DynamicImport {
    pub(super) at: usize,
    /// `None` where it is not a literal.
    pub(super) specifier: Option<String>,
    /// There is a second argument.
    pub(super) options: bool,
}

impl Facts {
    /// Walks a program that parsed without errors.
    pub(super) fn of(program: &Program<'_>, text: &str) -> Self {
        let mut walker = Walker { text, ..Walker::default() };
        walker.visit_program(program);
        let Walker { mut facts, used, used_inside, declared, suspects, .. } = walker;
        facts.suspect |= suspects.found();
        facts.default_export = program.body.iter().any(exports_default);
        let calls = program.body.iter().any(calls);
        facts.hook = used.difference(&declared).next().is_some()
            || (calls && used_inside.difference(&declared).next().is_some());
        facts
    }

    /// `None`: the script has no entry.
    pub(super) fn form(&self) -> Option<ScriptForm> {
        if self.default_export {
            Some(ScriptForm::Module)
        } else if self.top_return.is_some() || self.hook {
            Some(ScriptForm::Body)
        } else {
            None
        }
    }
}

/// `await main()` as a statement of its own: a script that is nothing but functions runs by it. Without the `await`,
/// the script would be over before `main` is.
fn calls(statement: &Statement<'_>) -> bool {
    let Statement::ExpressionStatement(statement) = statement else { return false };
    let Expression::AwaitExpression(awaited) = statement.expression.without_parentheses() else {
        return false;
    };
    matches!(awaited.argument.without_parentheses(), Expression::CallExpression(_))
}

fn literal(expression: &Expression<'_>) -> Option<String> {
    match expression {
        Expression::StringLiteral(text) => Some(text.value.to_string()),
        Expression::TemplateLiteral(template) => template.single_quasi().map(|text| text.to_string()),
        _ => None,
    }
}

fn exports_default(statement: &Statement<'_>) -> bool {
    const DEFAULT: &str = "default";
    match statement {
        Statement::ExportDefaultDeclaration(_) => true,
        Statement::ExportNamedDeclaration(export) => {
            export.specifiers.iter().any(|it| it.exported.name() == DEFAULT)
        }
        Statement::ExportFromDeclaration(export) => {
            export.specifiers.iter().any(|it| it.exported.name() == DEFAULT)
        }
        Statement::ExportAllDeclaration(export) => {
            export.exported.as_ref().is_some_and(|it| it.name() == DEFAULT)
        }
        _ => false,
    }
}

#[derive(Default)]
struct Walker<'a, 't> {
    text: &'t str,
    /// How many functions, or things that run like one, we are in.
    functions: usize,
    /// How many nodes we are in.
    depth: usize,
    /// How many blocks whose errors are caught we are in.
    caught: usize,
    used: HashSet<&'a str>,
    used_inside: HashSet<&'a str>,
    declared: HashSet<&'a str>,
    suspects: Suspects<'a>,
    facts: Facts,
}

impl<'a> Walker<'a, '_> {
    fn declare(&mut self, name: &'a str) {
        if self.functions == 0 {
            self.declared.insert(name);
        }
    }

    fn import(&mut self, import: &ImportExpression<'a>) {
        let (at, specifier) = (import.span.start as usize, literal(&import.source));
        self.facts.dynamic_imports.push(DynamicImport { at, specifier, options: import.options.is_some() });
    }

    fn call(&mut self, call: &CallExpression<'a>) {
        if call.callee.is_specific_id("require") && self.caught == 0 {
            let specifier = call.arguments.first().and_then(|it| it.as_expression()).and_then(literal);
            self.facts.require.calls.push((call.span.start as usize, specifier));
        }
    }

    fn deeper(&mut self, by: usize) {
        self.depth += by;
        self.facts.depth = self.facts.depth.max(self.depth);
    }

    fn comparison(&mut self, binary: &BinaryExpression<'a>) {
        let right = binary.right.span().start as usize;
        let touches = self.text[..right].ends_with('<') && self.text[right..].starts_with("!--");
        if binary.operator == BinaryOperator::LessThan && touches {
            let first = self.facts.html_comment.map_or(right - 1, |other| other.min(right - 1));
            self.facts.html_comment = Some(first);
        }
    }

    fn inside_function(&mut self, value: Option<&Expression<'a>>) {
        self.functions += 1;
        if let Some(value) = value {
            self.visit_expression(value);
        }
        self.functions -= 1;
    }
}

impl<'a> Visit<'a> for Walker<'a, '_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        self.deeper(1);
        self.suspects.enter_node(kind);
        match kind {
            AstKind::Function(function) => {
                if let Some(name) = function.id.as_ref().filter(|_| function.is_declaration()) {
                    self.declare(name.name.as_str());
                }
                self.functions += 1;
            }
            AstKind::ArrowFunctionExpression(_) | AstKind::StaticBlock(_) => self.functions += 1,
            AstKind::ReturnStatement(statement) if self.functions == 0 => {
                self.facts.top_return.get_or_insert(statement.span.start as usize);
            }
            AstKind::BindingIdentifier(name) => {
                self.facts.require.expected |= name.name == "require";
                self.declare(name.name.as_str());
            }
            AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Typeof => {
                self.facts.require.expected |= unary.argument.is_specific_id("require");
            }
            AstKind::IdentifierReference(name) if HOOKS.contains(&name.name.as_str()) => {
                let used = if self.functions == 0 { &mut self.used } else { &mut self.used_inside };
                used.insert(name.name.as_str());
            }
            AstKind::ImportExpression(import) => self.import(import),
            _ => {}
        }
    }

    fn enter_scope(&mut self, _flags: ScopeFlags, _scope: &Cell<Option<ScopeId>>) {
        self.suspects.enter_scope();
    }

    fn leave_scope(&mut self) {
        self.suspects.leave_scope();
    }

    fn leave_node(&mut self, kind: AstKind<'a>) {
        self.depth -= 1;
        self.suspects.leave_node(kind);
        if matches!(
            kind,
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) | AstKind::StaticBlock(_)
        ) {
            self.functions -= 1;
        }
    }

    /// Chains that lean to the left (`a + b + …`, `a.b.c…`, `f()()…`) may be as long as the source, so they are
    /// followed in a loop; everything else nests no deeper than was measured.
    fn visit_expression(&mut self, expression: &Expression<'a>) {
        let outside = self.depth;
        let mut next = expression;
        loop {
            // Counts a leaf twice, as `enter_node` does it again; too much is as good as exact.
            self.deeper(1);
            next = match next {
                Expression::BinaryExpression(binary) => {
                    self.comparison(binary);
                    self.visit_expression(&binary.right);
                    &binary.left
                }
                Expression::LogicalExpression(logical) => {
                    self.visit_expression(&logical.right);
                    &logical.left
                }
                Expression::CallExpression(call) => {
                    self.call(call);
                    self.visit_arguments(&call.arguments);
                    &call.callee
                }
                Expression::TaggedTemplateExpression(tagged) => {
                    self.visit_template_literal(&tagged.quasi);
                    &tagged.tag
                }
                Expression::ChainExpression(chain) => match &chain.expression {
                    ChainElement::CallExpression(call) => {
                        self.visit_arguments(&call.arguments);
                        &call.callee
                    }
                    other => match other.as_member_expression() {
                        Some(member) => self.member(member),
                        None => break walk::walk_chain_element(self, other),
                    },
                },
                other => match other.as_member_expression() {
                    Some(member) => self.member(member),
                    None => break walk::walk_expression(self, other),
                },
            };
        }
        self.depth = outside;
    }

    fn visit_try_statement(&mut self, it: &TryStatement<'a>) {
        let caught = usize::from(it.handler.is_some());
        self.caught += caught;
        self.visit_block_statement(&it.block);
        self.caught -= caught;
        it.handler.iter().for_each(|handler| self.visit_catch_clause(handler));
        it.finalizer.iter().for_each(|block| self.visit_block_statement(block));
    }

    // Initialisers of fields run later, as functions do; their computed names run at once.
    fn visit_property_definition(&mut self, field: &PropertyDefinition<'a>) {
        self.visit_decorators(&field.decorators);
        self.visit_property_key(&field.key);
        self.inside_function(field.value.as_ref());
    }

    fn visit_accessor_property(&mut self, field: &AccessorProperty<'a>) {
        self.visit_decorators(&field.decorators);
        self.visit_property_key(&field.key);
        self.inside_function(field.value.as_ref());
    }
}

impl<'a> Walker<'a, '_> {
    /// Visits what is in the brackets and hands back what stands before them.
    fn member<'b>(&mut self, member: &'b MemberExpression<'a>) -> &'b Expression<'a> {
        match member {
            MemberExpression::ComputedMemberExpression(it) => self.visit_expression(&it.expression),
            MemberExpression::PrivateFieldExpression(_) => self.facts.suspect = true,
            MemberExpression::StaticMemberExpression(_) => {}
        }
        member.object()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{META, read_text};
    use super::*;
    use crate::model::error::WorkflowError;

    #[test]
    fn the_form_is_read_off_the_tree() {
        use ScriptForm::{Body, Module};
        for (rest, expected) in [
            ("export default 1", Some(Module)),
            ("export default async function () { return agent('x') }", Some(Module)),
            ("export default class {}", Some(Module)),
            ("const a = 1; export { a as default }", Some(Module)),
            ("const a = 1; export { a as 'default' }", Some(Module)),
            ("export { default } from 'workflow:x'", Some(Module)),
            ("export { x as default } from 'workflow:x'", Some(Module)),
            ("export * as default from 'workflow:x'", Some(Module)),
            ("await agent('x'); export default 1", Some(Module)),
            ("return", Some(Body)),
            ("return await agent('x')", Some(Body)),
            ("if (a) { return 1 }", Some(Body)),
            ("if (a) return 1; else b()", Some(Body)),
            ("for (const a of b) { try { return a } finally {} }", Some(Body)),
            ("switch (a) { case 1: return }", Some(Body)),
            ("label: { return }", Some(Body)),
            ("await agent('x')", Some(Body)),
            ("const a = parallel([])", Some(Body)),
            ("pipeline([])", Some(Body)),
            ("await workflow('x')", Some(Body)),
            ("phase('x')", Some(Body)),
            ("log`x`", Some(Body)),
            ("x.y(z[0] + `${args?.a}`)", Some(Body)),
            ("args = JSON.parse(args)", Some(Body)),
            ("while (budget.remaining() > 1) f()", Some(Body)),
            ("class A { [args.x] = 1 }", Some(Body)),
            ("class A extends agent {}", Some(Body)),
            ("const f = agent", Some(Body)),
            ("f({ agent })", Some(Body)),
            ("", None),
            ("f()", None),
            ("function f() { return agent('x') }", None),
            ("function f() { return agent('x') } f()", None),
            ("function f() { return agent('x') } await f()", Some(Body)),
            ("const main = async () => { await agent('x') }; await main()", Some(Body)),
            ("await (async () => { phase('a') })()", Some(Body)),
            ("async function main() {} await main().catch((e) => log(e))", Some(Body)),
            ("async function main() {} main().catch((e) => log(e))", None),
            ("const f = () => agent('x'); const a = f()", None),
            ("function f(agent) {} f(); const agent = 1", None),
            ("const f = () => agent('x')", None),
            ("const f = async function () { return 1 }", None),
            ("class A { m() { return agent('x') } }", None),
            ("class A { x = agent('x'); static { agent('x') } }", None),
            ("function f(a = agent) {}", None),
            ("({ agent: 1 }).agent; a.log()", None),
            ("log: for (;;) { break log }", None),
            ("const log = console.log; log('x')", None),
            ("function agent() {} agent('x')", None),
            ("class agent {} new agent()", None),
            ("const { a: [args] } = b; f(args)", None),
            ("import { phase } from 'workflow:x'; phase('x')", None),
            ("(function log() {}); log('x')", Some(Body)),
            ("'return agent()' // return\n/* agent() */", None),
            ("`return`; f(`agent`)", None),
        ] {
            let source = format!("{META}{rest}");
            match (read_text(&source), expected) {
                (Ok(script), Some(form)) => assert_eq!(script.form, form, "{rest}"),
                (Err(WorkflowError::NoEntry), None) => {}
                (other, _) => panic!("{rest}: {other:?}"),
            }
        }
    }
}
