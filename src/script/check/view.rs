//! A script as the rules look at it: every node with its parents, every name with its declaration, and the calls of the
//! engine's own functions, by whatever way the script has come by them.
//!
//! Knows what the script says, not what is wrong with it.

use std::cell::RefCell;

use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, BindingPattern, CallExpression, ChainElement, ExportDefaultDeclarationKind, Expression,
    FormalParameters, IdentifierReference, ImportDeclarationSpecifier, ObjectPattern, Program, Statement,
};
use oxc_semantic::{AstNode, AstNodes, NodeId, Reference, Scoping, Semantic, SymbolId};
use oxc_span::GetSpan;
use rustc_hash::FxHashMap;

use crate::model::script::ScriptForm;

const EXTRA_MODULE: &str = "workflow:extra";

/// The functions of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Agent,
    Parallel,
    Pipeline,
    Workflow,
    Phase,
    Log,
    /// Of `workflow:extra`.
    Sleep,
}

impl Hook {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "agent" => Self::Agent,
            "parallel" => Self::Parallel,
            "pipeline" => Self::Pipeline,
            "workflow" => Self::Workflow,
            "phase" => Self::Phase,
            "log" => Self::Log,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Parallel => "parallel",
            Self::Pipeline => "pipeline",
            Self::Workflow => "workflow",
            Self::Phase => "phase",
            Self::Log => "log",
            Self::Sleep => "sleep",
        }
    }

    /// The functions of `workflow:extra`.
    fn of_extra(name: &str) -> Option<Self> {
        (name == "sleep").then_some(Self::Sleep)
    }

    /// Gives a promise.
    pub(super) fn takes_time(self) -> bool {
        self.is_work() || self == Self::Sleep
    }

    /// Gives a promise, behind which agents work.
    pub(super) fn is_work(self) -> bool {
        matches!(self, Self::Agent | Self::Parallel | Self::Pipeline | Self::Workflow)
    }
}

/// A function, however it is written.
#[derive(Clone, Copy)]
pub(super) struct Callable<'a> {
    pub(super) node: NodeId,
    pub(super) is_async: bool,
    pub(super) is_generator: bool,
    pub(super) parameters: &'a FormalParameters<'a>,
    /// `() => this`.
    pub(super) expression: Option<&'a Expression<'a>>,
}

/// A script whose names are resolved.
pub(super) struct View<'a> {
    pub(super) program: &'a Program<'a>,
    pub(super) form: ScriptForm,
    semantic: &'a Semantic<'a>,
    /// What [`View::is_changed`] has found out.
    changed: RefCell<FxHashMap<SymbolId, bool>>,
    /// Functions of the engine that the script got as parts of its context, by the names it has given them.
    received: FxHashMap<SymbolId, Hook>,
    /// The names of `workflow:extra`, where it has any.
    extra: Vec<SymbolId>,
    /// The function that the script exports.
    pub(super) entry: Option<Callable<'a>>,
    /// The context itself, where the script has a name for it.
    context: Option<SymbolId>,
    pub(super) calls: Vec<(Hook, &'a CallExpression<'a>)>,
    /// A function of the engine, or all of them, are handed on to where calls cannot be followed.
    pub(super) hooks_escape: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(program: &'a Program<'a>, form: ScriptForm, semantic: &'a Semantic<'a>) -> Self {
        let mut view = Self {
            program,
            form,
            semantic,
            changed: RefCell::default(),
            received: FxHashMap::default(),
            extra: Vec::new(),
            entry: None,
            context: None,
            calls: Vec::new(),
            hooks_escape: false,
        };
        view.entry = view.find_entry();
        view.read_context();
        view.read_imports();
        view.calls = view
            .nodes()
            .iter()
            .filter_map(|node| match node.kind() {
                AstKind::CallExpression(call) => Some((view.hook(&call.callee)?, call)),
                _ => None,
            })
            .collect();
        view.hooks_escape = view.find_escape();
        view
    }

    pub(super) fn nodes(&self) -> &'a AstNodes<'a> {
        self.semantic.nodes()
    }

    pub(super) fn scoping(&self) -> &'a Scoping {
        self.semantic.scoping()
    }

    /// The calls of one function of the engine.
    pub(super) fn calls_of(&self, hook: Hook) -> impl Iterator<Item = &'a CallExpression<'a>> {
        self.calls.iter().filter(move |(found, _)| *found == hook).map(|(_, call)| *call)
    }

    /// Which function of the engine an expression is.
    pub(super) fn hook(&self, callee: &Expression<'a>) -> Option<Hook> {
        match callee.get_inner_expression() {
            Expression::Identifier(name) => match self.symbol(name) {
                None => Hook::named(&name.name),
                Some(symbol) => self.received.get(&symbol).copied(),
            },
            Expression::StaticMemberExpression(member) if self.is_extra(&member.object) => {
                Hook::of_extra(&member.property.name)
            }
            Expression::StaticMemberExpression(member) => {
                let Expression::Identifier(object) = member.object.get_inner_expression() else {
                    return None;
                };
                let symbol = self.symbol(object);
                let holds_hooks = match symbol {
                    None => object.name == "globalThis",
                    Some(_) => symbol == self.context,
                };
                if holds_hooks { Hook::named(&member.property.name) } else { None }
            }
            _ => None,
        }
    }

    /// Whether an expression is `SW.extra`, `ctx.extra`, or the module itself.
    pub(super) fn is_extra(&self, expression: &Expression<'a>) -> bool {
        match expression.get_inner_expression() {
            Expression::Identifier(name) => {
                self.symbol(name).is_some_and(|symbol| self.extra.contains(&symbol))
            }
            Expression::StaticMemberExpression(member) if member.property.name == "extra" => {
                let is_context = |name: &IdentifierReference<'a>| {
                    self.context.is_some() && self.symbol(name) == self.context
                };
                self.is_global(&member.object, "SW")
                    || matches!(member.object.get_inner_expression(), Expression::Identifier(it) if is_context(it))
            }
            _ => false,
        }
    }

    /// Which function of the engine an expression calls.
    pub(super) fn hook_call(&self, expression: &'a Expression<'a>) -> Option<(Hook, &'a CallExpression<'a>)> {
        let call = as_call(expression)?;
        Some((self.hook(&call.callee)?, call))
    }

    /// The declaration of a name; `None` for a global.
    pub(super) fn symbol(&self, name: &IdentifierReference<'a>) -> Option<SymbolId> {
        self.scoping().get_reference(name.reference_id.get()?).symbol_id()
    }

    /// Whether a name is this global.
    pub(super) fn is_global(&self, expression: &Expression<'a>, name: &str) -> bool {
        matches!(expression.get_inner_expression(), Expression::Identifier(it) if it.name == name && self.symbol(it).is_none())
    }

    /// What a name stands for, for ever: the value it is declared with.
    pub(super) fn constant(&self, name: &IdentifierReference<'a>) -> Option<&'a Expression<'a>> {
        let symbol = self.symbol(name)?;
        if self.scoping().symbol_is_mutated(symbol)
            || !self.scoping().symbol_redeclarations(symbol).is_empty()
        {
            return None;
        }
        match self.nodes().kind(self.scoping().symbol_declaration(symbol)) {
            AstKind::VariableDeclarator(it) if matches!(it.id, BindingPattern::BindingIdentifier(_)) => {
                // `for (const x of …)` has no value here.
                it.init.as_ref()
            }
            _ => None,
        }
    }

    /// Whether an object or array of this name may be changed in place.
    pub(super) fn is_changed(&self, symbol: SymbolId) -> bool {
        *self.changed.borrow_mut().entry(symbol).or_insert_with(|| {
            self.scoping().get_resolved_references(symbol).any(|reference| self.changes(reference))
        })
    }

    fn changes(&self, reference: &Reference) -> bool {
        let nodes = self.nodes();
        let (mut inner, mut depth) = (reference.node_id(), 0);
        loop {
            let outer = nodes.parent_id(inner);
            match nodes.kind(outer) {
                AstKind::StaticMemberExpression(_)
                | AstKind::ComputedMemberExpression(_)
                | AstKind::ParenthesizedExpression(_)
                | AstKind::ChainExpression(_) => depth += 1,
                AstKind::AssignmentExpression(it) => {
                    return it.left.span().contains_inclusive(nodes.kind(inner).span());
                }
                AstKind::UpdateExpression(_) => return true,
                AstKind::UnaryExpression(it) => return it.operator.is_delete(),
                AstKind::CallExpression(it) => {
                    let called = it.callee.span().contains_inclusive(nodes.kind(inner).span());
                    // `list.push(x)`, `Object.assign(schema, x)`.
                    return if called { depth > 0 } else { self.is_object_function(&it.callee) };
                }
                _ => return false,
            }
            inner = outer;
        }
    }

    fn is_object_function(&self, callee: &Expression<'a>) -> bool {
        let Expression::StaticMemberExpression(member) = callee.get_inner_expression() else { return false };
        ["Object", "Reflect"].iter().any(|name| self.is_global(&member.object, name))
            && !matches!(
                member.property.name.as_str(),
                "keys" | "values" | "entries" | "freeze" | "seal" | "hasOwn" | "isFrozen" | "fromEntries"
            )
    }

    /// The function that an expression is, or that its name was declared as.
    pub(super) fn callable(&self, expression: &'a Expression<'a>) -> Option<Callable<'a>> {
        match expression.get_inner_expression() {
            Expression::Identifier(name) => {
                let symbol = self.symbol(name)?;
                if self.scoping().symbol_is_mutated(symbol) {
                    return None;
                }
                match self.nodes().kind(self.scoping().symbol_declaration(symbol)) {
                    AstKind::Function(function) => callable_of(AstKind::Function(function)),
                    _ => self.callable(self.constant(name)?),
                }
            }
            Expression::ArrowFunctionExpression(it) => callable_of(AstKind::ArrowFunctionExpression(it)),
            Expression::FunctionExpression(it) => callable_of(AstKind::Function(it)),
            _ => None,
        }
    }

    /// The function that a node stands in; `None` outside all functions.
    pub(super) fn function_around(&self, node: NodeId) -> Option<NodeId> {
        self.nodes().ancestors(node).find(|it| is_function(it.kind())).map(|it| it.id())
    }

    /// Whether an error thrown here is caught by a `try` around it, in the same function or outside of it.
    pub(super) fn is_caught(&self, node: NodeId) -> bool {
        let at = self.nodes().kind(node).span();
        self.nodes().ancestor_kinds(node).any(|kind| {
            matches!(kind, AstKind::TryStatement(it) if it.handler.is_some() && it.block.span.contains_inclusive(at))
        })
    }

    /// Whether the failure of a call is dealt with: by a `try` around it, or by `.catch(…)`.
    pub(super) fn is_handled(&self, call: &CallExpression<'a>) -> bool {
        let chained = matches!(
            self.nodes().parent_kind(call.node_id()),
            AstKind::StaticMemberExpression(member) if member.property.name == "catch"
        );
        chained || self.is_caught(call.node_id())
    }

    /// All nodes inside a node.
    pub(super) fn inside(&self, node: NodeId) -> impl Iterator<Item = &'a AstNode<'a>> {
        // They are numbered on the way down.
        let span = self.span(node);
        let behind = self.nodes().iter().skip(node.index() + 1);
        behind.take_while(move |it| span.contains_inclusive(it.span()))
    }

    /// Whether agents are asked somewhere inside a node.
    pub(super) fn has_work_inside(&self, node: NodeId) -> bool {
        let span = self.span(node);
        let first = self.calls.partition_point(|(_, call)| call.node_id() <= node);
        let inside = self.calls[first..].iter().take_while(|(_, call)| span.contains_inclusive(call.span));
        inside.clone().any(|(hook, _)| hook.is_work())
    }

    /// Whether a node stands in another one.
    pub(super) fn is_inside(&self, node: NodeId, around: NodeId) -> bool {
        self.nodes().ancestor_ids(node).any(|it| it == around)
    }

    /// Every global that is referred to, with all its references.
    pub(super) fn globals(&self) -> impl Iterator<Item = (&'a str, Vec<&'a Reference>)> {
        let scoping = self.scoping();
        scoping.root_unresolved_references().iter().map(move |(name, references)| {
            let references = references.iter().map(|id| scoping.get_reference(*id));
            (name.as_str(), references.filter(|it| self.is_evaluated(it)).collect())
        })
    }

    /// Whether a reference is looked up when the script gets there; `export { a }` is not.
    pub(super) fn is_evaluated(&self, reference: &Reference) -> bool {
        let parent = self.nodes().parent_kind(reference.node_id());
        reference.is_value() && !matches!(parent, AstKind::ExportSpecifier(_))
    }

    fn find_entry(&self) -> Option<Callable<'a>> {
        self.program.body.iter().find_map(|statement| match statement {
            Statement::ExportDefaultDeclaration(export) => match &export.declaration {
                ExportDefaultDeclarationKind::FunctionDeclaration(it) => callable_of(AstKind::Function(it)),
                other => self.callable(other.as_expression()?),
            },
            _ => None,
        })
    }

    /// `export default (args, { agent }) => …`, `(args, ctx) => …`.
    fn read_context(&mut self) {
        let Some(entry) = self.entry else { return };
        let Some(parameter) = entry.parameters.items.get(1) else { return };
        match &parameter.pattern {
            BindingPattern::BindingIdentifier(name) => self.context = name.symbol_id.get(),
            BindingPattern::ObjectPattern(pattern) => self.receive(pattern),
            _ => {}
        }
        if self.context.is_none() {
            return;
        }
        for node in self.nodes().iter() {
            if let AstKind::VariableDeclarator(it) = node.kind()
                && let BindingPattern::ObjectPattern(pattern) = &it.id
                && let Some(Expression::Identifier(name)) = &it.init
                && self.symbol(name) == self.context
            {
                self.receive(pattern);
            }
        }
    }

    /// `import { sleep } from 'workflow:extra'`, `import * as extra from …`, `const { sleep } = SW.extra`,
    /// `const { sleep } = await import(…)`.
    fn read_imports(&mut self) {
        for statement in &self.program.body {
            let Statement::ImportDeclaration(import) = statement else { continue };
            if import.source.value != EXTRA_MODULE {
                continue;
            }
            for specifier in import.specifiers.iter().flatten() {
                match specifier {
                    ImportDeclarationSpecifier::ImportSpecifier(it) => {
                        if let Some(hook) = Hook::of_extra(&it.imported.name())
                            && let Some(symbol) = it.local.symbol_id.get()
                        {
                            self.received.insert(symbol, hook);
                        }
                    }
                    ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => {
                        self.extra.extend(it.local.symbol_id.get());
                    }
                    ImportDeclarationSpecifier::ImportDefaultSpecifier(_) => {}
                }
            }
        }
        for node in self.nodes().iter() {
            let AstKind::VariableDeclarator(it) = node.kind() else { continue };
            if !it.init.as_ref().is_some_and(|value| self.gives_extra(value)) {
                continue;
            }
            match &it.id {
                BindingPattern::BindingIdentifier(name) => self.extra.extend(name.symbol_id.get()),
                BindingPattern::ObjectPattern(pattern) => {
                    let pattern: &'a ObjectPattern<'a> = pattern;
                    self.receive_by(pattern, Hook::of_extra);
                }
                _ => {}
            }
        }
    }

    /// Whether a value is `SW.extra`, or `await import('workflow:extra')`.
    fn gives_extra(&self, value: &Expression<'a>) -> bool {
        match value.get_inner_expression() {
            Expression::AwaitExpression(it) => match it.argument.get_inner_expression() {
                Expression::ImportExpression(import) => {
                    matches!(import.source.get_inner_expression(), Expression::StringLiteral(name) if name.value == EXTRA_MODULE)
                }
                _ => false,
            },
            other => self.is_extra(other),
        }
    }

    fn receive(&mut self, pattern: &ObjectPattern<'a>) {
        self.receive_by(pattern, Hook::named);
    }

    fn receive_by(&mut self, pattern: &ObjectPattern<'a>, hook_of: fn(&str) -> Option<Hook>) {
        for property in &pattern.properties {
            if let Some(hook) = property.key.static_name().and_then(|name| hook_of(&name))
                && let BindingPattern::BindingIdentifier(name) = &property.value
                && let Some(symbol) = name.symbol_id.get()
            {
                self.received.insert(symbol, hook);
            }
        }
    }

    fn find_escape(&self) -> bool {
        let called = |reference: &Reference| match self.nodes().parent_kind(reference.node_id()) {
            AstKind::CallExpression(call) => call.callee.span() == self.span(reference.node_id()),
            AstKind::UnaryExpression(unary) => unary.operator.is_typeof(),
            _ => false,
        };
        let looked_into = |reference: &Reference| {
            matches!(
                self.nodes().parent_kind(reference.node_id()),
                AstKind::StaticMemberExpression(_) | AstKind::VariableDeclarator(_)
            )
        };
        let mut globals = self.globals().filter(|(name, _)| matches!(*name, "agent" | "phase"));
        let resolved = |symbol: &SymbolId| self.scoping().get_resolved_references(*symbol);
        globals.any(|(_, references)| references.into_iter().any(|it| !called(it)))
            || self.received.keys().any(|symbol| resolved(symbol).any(|it| !called(it)))
            || self.context.iter().any(|symbol| resolved(symbol).any(|it| !looked_into(it)))
    }

    fn span(&self, node: NodeId) -> oxc_span::Span {
        self.nodes().kind(node).span()
    }
}

/// The call that an expression is, through brackets and `?.`.
pub(super) fn as_call<'a>(expression: &'a Expression<'a>) -> Option<&'a CallExpression<'a>> {
    match expression.get_inner_expression() {
        Expression::CallExpression(call) => Some(call),
        Expression::ChainExpression(chain) => match &chain.expression {
            ChainElement::CallExpression(call) => Some(call),
            _ => None,
        },
        _ => None,
    }
}

/// An argument by its place; `None` if it is not given, or if what is given cannot be seen.
pub(super) fn argument<'a>(call: &'a CallExpression<'a>, index: usize) -> Option<&'a Expression<'a>> {
    let given = call.arguments.get(..=index)?;
    if given.iter().any(Argument::is_spread) { None } else { given[index].as_expression() }
}

pub(super) fn is_function(kind: AstKind<'_>) -> bool {
    matches!(kind, AstKind::Function(_) | AstKind::ArrowFunctionExpression(_))
}

fn callable_of(kind: AstKind<'_>) -> Option<Callable<'_>> {
    match kind {
        AstKind::Function(it) => Some(Callable {
            node: it.node_id(),
            is_async: it.r#async,
            is_generator: it.generator,
            parameters: &it.params,
            expression: None,
        }),
        AstKind::ArrowFunctionExpression(it) => Some(Callable {
            node: it.node_id(),
            is_async: it.r#async,
            is_generator: false,
            parameters: &it.params,
            expression: it.body.as_expression(),
        }),
        _ => None,
    }
}
