//! What may fail in a source: calls of what is no function, loops over what cannot be looped over, and so on, each
//! under the place where the interpreter would say that it failed.
//!
//! The interpreter notes its place only at names, calls, operators and beginnings of statements; this walks a source in
//! the order in which the interpreter compiles it, and keeps the note that would be the last one. Knows nothing about
//! errors but how V8 prints an expression.

mod marks;
mod print;

use std::collections::HashMap;

use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_parser::config::TokensParserConfig;
use oxc_parser::{ParseOptions, Parser};
use oxc_span::{GetSpan, SourceType};
use oxc_syntax::scope::ScopeFlags;

use self::marks::{Marks, Place};
use self::print::{Printer, arguments, key, literal};
use super::nesting;
use super::parse::Language;
use crate::model::culprit::{Culprit, Deed};
use crate::model::script::ScriptForm;

/// Everything that may fail in code that the sandbox evaluates; nothing for code that does not parse or is too deep.
pub fn culprits(code: &str, form: ScriptForm) -> Vec<Culprit> {
    let Ok(nesting) = nesting::measure(code, Language::JavaScript) else { return Vec::new() };
    // The script that asks may have used up most of its thread's stack.
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("script-reader".to_owned())
            .stack_size(nesting.stack_bytes())
            .spawn_scoped(scope, || find(code, form))
            .ok()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    })
}

fn find(code: &str, form: ScriptForm) -> Vec<Culprit> {
    let allocator = Allocator::default();
    let options = ParseOptions { allow_return_outside_function: true, ..ParseOptions::default() };
    let parsed = Parser::new(&allocator, code, SourceType::mjs())
        .with_options(options)
        .with_config(TokensParserConfig)
        .parse();
    // Nothing stands before a module; the interpreter counts the columns of its first line from 0, but for names.
    let from_zero = form == ScriptForm::Module;
    let marks = Marks::new(code, from_zero, parsed.tokens.iter().map(|token| (token.start(), token.end())));
    let mut names = Names::default();
    names.visit_program(&parsed.program);
    let printer = Printer { text: code, iterated: false };
    let mut walker = Walker { marks, names, printer, mark: (0, 0), noted: false, found: Vec::new() };
    walker.visit_program(&parsed.program);
    walker.found
}

/// Names that a source declares, each with whether every declaration of it is a function.
#[derive(Default)]
struct Names(HashMap<String, bool>);

impl Names {
    fn declare(&mut self, name: &str, function: bool) {
        *self.0.entry(name.to_owned()).or_insert(true) &= function;
    }
}

impl<'a> Visit<'a> for Names {
    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        self.declare(&it.name, false);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if let Some(name) = &it.id {
            self.declare(&name.name, true);
        }
        self.visit_formal_parameters(&it.params);
        it.body.iter().for_each(|body| self.visit_function_body(body));
        let _ = flags;
    }

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        for declarator in &it.declarations {
            match (&declarator.id, &declarator.init) {
                (BindingPattern::BindingIdentifier(name), Some(init)) if it.kind.is_const() => {
                    let function = matches!(
                        init.get_inner_expression(),
                        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_)
                    );
                    self.declare(&name.name, function);
                }
                (id, _) => self.visit_binding_pattern(id),
            }
            declarator.init.iter().for_each(|init| self.visit_expression(init));
        }
    }
}

/// Walks in the order of compilation.
struct Walker<'t> {
    marks: Marks<'t>,
    names: Names,
    printer: Printer<'t>,
    /// The last place noted in the function at hand.
    mark: Place,
    /// Whether any was noted in it: without one the interpreter forgets the column.
    noted: bool,
    found: Vec<Culprit>,
}

impl Walker<'_> {
    fn note(&mut self, offset: u32) {
        self.mark = self.marks.mark(offset);
        self.noted = true;
    }

    fn add(&mut self, at: u32, deed: Deed, text: String) {
        self.found.push(Culprit { mark: self.mark, at: self.marks.place(at), deed, text });
    }

    /// A function has notes of its own.
    fn function(&mut self, start: u32, body: impl FnOnce(&mut Self)) {
        let outer = (self.mark, self.noted, self.found.len());
        self.mark = self.marks.mark(start);
        self.noted = false;
        body(self);
        if !self.noted {
            for culprit in &mut self.found[outer.2..] {
                if culprit.mark == self.mark {
                    culprit.mark.1 = 1;
                }
            }
        }
        (self.mark, self.noted) = (outer.0, outer.1);
    }

    fn parameters(&mut self, parameters: &FormalParameters<'_>) {
        for parameter in &parameters.items {
            self.pattern(&parameter.pattern, None);
            parameter.initializer.iter().for_each(|init| self.visit_expression(init));
        }
        if let Some(rest) = &parameters.rest {
            self.pattern(&rest.rest.argument, None);
        }
    }

    /// A pattern; `value` is what it takes apart, if that stands in the source.
    fn pattern(&mut self, pattern: &BindingPattern<'_>, value: Option<&Expression<'_>>) {
        match pattern {
            BindingPattern::BindingIdentifier(_) => {}
            BindingPattern::ObjectPattern(object) => {
                self.take_apart(object.span.start, object.properties.first().map(|it| &it.key), value);
                for property in &object.properties {
                    self.computed_key(property.computed, &property.key);
                    self.pattern(&property.value, None);
                }
            }
            BindingPattern::ArrayPattern(array) => {
                self.take_elements(array.span.start, value);
                array.elements.iter().flatten().for_each(|element| self.pattern(element, None));
                array.rest.iter().for_each(|rest| self.pattern(&rest.argument, None));
                self.note(array.span.start);
            }
            BindingPattern::AssignmentPattern(default) => {
                self.pattern(&default.left, None);
                self.visit_expression(&default.right);
            }
        }
    }

    fn take_apart(&mut self, at: u32, first: Option<&PropertyKey<'_>>, value: Option<&Expression<'_>>) {
        if value.is_some_and(|value| matches!(value.get_inner_expression(), Expression::ObjectExpression(_)))
        {
            return;
        }
        let text = match value {
            Some(value) => literal(value).unwrap_or_else(|| self.printer.print(value)),
            None => String::new(),
        };
        let nothing = value.is_some_and(|value| literal(value).is_some());
        let at = first.map_or(at, |key| key.span().start);
        let first = first.and_then(key);
        self.add(at, Deed::Destructure { first, literal: nothing }, text);
    }

    fn iterate(&mut self, value: &Expression<'_>) {
        if matches!(value.get_inner_expression(), Expression::ArrayExpression(_)) {
            return;
        }
        let text = self.iterated(value);
        self.add(value.span().start, Deed::Iterate, text);
    }

    fn take_elements(&mut self, at: u32, value: Option<&Expression<'_>>) {
        if value.is_some_and(|value| matches!(value.get_inner_expression(), Expression::ArrayExpression(_))) {
            return;
        }
        let text = value.map_or_else(String::new, |value| self.iterated(value));
        let named = value.is_some_and(|value| {
            literal(value).is_some() || matches!(value.get_inner_expression(), Expression::Identifier(_))
        });
        self.add(value.map_or(at, |value| value.span().start), Deed::TakeElements { named }, text);
    }

    /// What is iterated over. V8 blames the function if the value comes from a call.
    fn iterated(&self, value: &Expression<'_>) -> String {
        let text = Printer { iterated: true, ..self.printer }.print(value);
        match value.get_inner_expression() {
            Expression::CallExpression(_) | Expression::NewExpression(_) => {
                format!("{text} is not a function or its return value")
            }
            _ => text,
        }
    }

    fn computed_key(&mut self, computed: bool, key: &PropertyKey<'_>) {
        if computed {
            key.as_expression().into_iter().for_each(|key| self.visit_expression(key));
        }
    }

    fn target(&mut self, target: &AssignmentTarget<'_>, value: Option<&Expression<'_>>) {
        match target {
            AssignmentTarget::ObjectAssignmentTarget(object) => {
                let first = object.properties.first();
                let at = first.map_or(object.span.start, |first| first.span().start);
                let text = value.map_or_else(String::new, |value| {
                    literal(value).unwrap_or_else(|| self.printer.print(value))
                });
                let first = first.and_then(|first| match first {
                    AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(it) => {
                        Some(it.binding.name.to_string())
                    }
                    AssignmentTargetProperty::AssignmentTargetPropertyProperty(it) => key(&it.name),
                });
                let literal = value.is_some_and(|value| literal(value).is_some());
                self.add(at, Deed::Destructure { first, literal }, text);
                walk::walk_assignment_target(self, target);
            }
            AssignmentTarget::ArrayAssignmentTarget(array) => {
                self.take_elements(array.span.start, None);
                walk::walk_assignment_target(self, target);
                self.note(array.span.start);
            }
            _ => walk::walk_assignment_target(self, target),
        }
    }

    fn assigned(&mut self, target: &SimpleAssignmentTarget<'_>) {
        let (at, deed, text) = match target {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(name) => {
                (name.span.start, Deed::SetVariable, name.name.to_string())
            }
            SimpleAssignmentTarget::StaticMemberExpression(member) => {
                let key = Some(member.property.name.to_string());
                (member.property.span.start, Deed::SetProperty { key }, self.object(&member.object, ""))
            }
            SimpleAssignmentTarget::ComputedMemberExpression(member) => {
                let key = literal(&member.expression);
                let object = self.object(&member.object, key.as_deref().unwrap_or_default());
                (member.expression.span().start, Deed::SetProperty { key }, object)
            }
            SimpleAssignmentTarget::PrivateFieldExpression(member) => {
                let key = Some(format!("#{}", member.field.name));
                (member.field.span.start, Deed::SetProperty { key }, String::new())
            }
            _ => return,
        };
        self.add(at, deed, text);
    }

    /// How V8 shows what a property belongs to, as far as the source tells.
    fn object(&self, object: &Expression<'_>, key: &str) -> String {
        match object.get_inner_expression() {
            Expression::StringLiteral(text) => format!("string '{}'", text.value),
            Expression::ArrayExpression(_) => "object '[object Array]'".to_owned(),
            _ if key.parse::<u32>().is_ok() => "object '[object Array]'".to_owned(),
            _ => "object '#<Object>'".to_owned(),
        }
    }

    /// Arguments, for calls of all kinds.
    fn arguments(&mut self, arguments: &[Argument<'_>]) {
        for (index, argument) in arguments.iter().enumerate() {
            match argument {
                Argument::SpreadElement(spread) => {
                    self.visit_expression(&spread.argument);
                    let text = self.iterated(&spread.argument);
                    let last = index + 1 == arguments.len();
                    self.add(spread.argument.span().start, Deed::Spread { last }, text);
                }
                other => other.as_expression().into_iter().for_each(|it| self.visit_expression(it)),
            }
        }
    }

    /// A call may fail unless its callee is known to be a function.
    fn call(&mut self, callee: &Expression<'_>, given: &[Argument<'_>]) {
        let arguments = arguments(self.printer, given);
        let mut root = callee.get_inner_expression();
        let direct = !matches!(root, Expression::StaticMemberExpression(_));
        while let Expression::StaticMemberExpression(member) = root {
            root = &member.object;
        }
        let declared = match root {
            Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => Some(true),
            Expression::Identifier(name) => self.names.0.get(name.name.as_str()).copied(),
            _ => Some(false),
        };
        let deed = match declared {
            Some(true) if direct => return,
            None => Deed::CallGlobal { arguments },
            _ => Deed::Call { arguments },
        };
        let at = match callee.get_inner_expression() {
            Expression::StaticMemberExpression(member) => member.property.span.start,
            other => other.span().start,
        };
        self.add(at, deed, self.printer.print(callee));
    }
}

impl<'a> Visit<'a> for Walker<'_> {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.mark = self.marks.place(it.span.start);
        self.noted = true;
    }

    fn visit_expression_statement(&mut self, it: &ExpressionStatement<'a>) {
        self.note(it.span.start);
        self.visit_expression(&it.expression);
    }

    fn visit_throw_statement(&mut self, it: &ThrowStatement<'a>) {
        self.note(it.argument.span().start);
        self.visit_expression(&it.argument);
    }

    fn visit_binary_expression(&mut self, it: &BinaryExpression<'a>) {
        self.visit_expression(&it.left);
        if it.operator != BinaryOperator::Exponential {
            self.note(it.right.span().start);
        }
        self.visit_expression(&it.right);
        match it.operator {
            BinaryOperator::In => {
                let shown = |side| literal(side).unwrap_or_else(|| self.printer.print(side));
                let deed = Deed::In { key: shown(&it.left), object: shown(&it.right) };
                self.add(it.span.start, deed, self.printer.print(&it.right));
            }
            BinaryOperator::Instanceof => {
                let deed = Deed::InstanceOf { literal: literal(&it.right).is_some() };
                self.add(it.span.start, deed, self.printer.print(&it.right));
            }
            _ => {}
        }
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.visit_expression(&it.callee);
        let normal = !matches!(it.callee, Expression::Super(_));
        if let Some(open) = self.marks.after(it.callee.span().end, '(').filter(|_| normal) {
            self.note(open + 1);
        }
        self.arguments(&it.arguments);
        if normal {
            self.call(&it.callee, &it.arguments);
        }
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        self.note(it.callee.span().start);
        self.visit_expression(&it.callee);
        self.arguments(&it.arguments);
        let arguments = arguments(self.printer, &it.arguments);
        self.add(it.span.start, Deed::Construct { arguments }, self.printer.print(&it.callee));
    }

    fn visit_tagged_template_expression(&mut self, it: &TaggedTemplateExpression<'a>) {
        self.visit_expression(&it.tag);
        self.note(it.quasi.span.start);
        it.quasi.expressions.iter().for_each(|part| self.visit_expression(part));
        self.call(&it.tag, &[]);
    }

    fn visit_array_expression(&mut self, it: &ArrayExpression<'a>) {
        for element in &it.elements {
            match element {
                ArrayExpressionElement::SpreadElement(spread) => {
                    self.visit_expression(&spread.argument);
                    self.iterate(&spread.argument);
                }
                other => other.as_expression().into_iter().for_each(|it| self.visit_expression(it)),
            }
        }
    }

    fn visit_yield_expression(&mut self, it: &YieldExpression<'a>) {
        walk::walk_yield_expression(self, it);
        if let (true, Some(argument)) = (it.delegate, &it.argument) {
            self.iterate(argument);
        }
    }

    fn visit_for_of_statement(&mut self, it: &ForOfStatement<'a>) {
        self.visit_expression(&it.right);
        if it.r#await {
            let mut text = self.printer.print(&it.right);
            if matches!(it.right.get_inner_expression(), Expression::CallExpression(_)) {
                text.push_str(" is not a function or its return value");
            }
            self.add(it.right.span().start, Deed::IterateAsync, text);
        } else {
            self.iterate(&it.right);
        }
        match &it.left {
            ForStatementLeft::VariableDeclaration(declaration) => {
                declaration.declarations.iter().for_each(|it| self.pattern(&it.id, None));
            }
            other => other.as_assignment_target().into_iter().for_each(|it| self.target(it, None)),
        }
        self.visit_statement(&it.body);
        self.note(it.span.start);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        self.pattern(&it.id, it.init.as_ref());
        it.init.iter().for_each(|init| self.visit_expression(init));
    }

    fn visit_catch_clause(&mut self, it: &CatchClause<'a>) {
        it.param.iter().for_each(|param| self.pattern(&param.pattern, None));
        self.visit_block_statement(&it.body);
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        self.target(&it.left, Some(&it.right));
        self.visit_expression(&it.right);
        it.left.as_simple_assignment_target().into_iter().for_each(|target| self.assigned(target));
    }

    fn visit_update_expression(&mut self, it: &UpdateExpression<'a>) {
        walk::walk_update_expression(self, it);
        self.assigned(&it.argument);
    }

    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        walk::walk_unary_expression(self, it);
        if it.operator == UnaryOperator::Delete {
            let (key, object) = match it.argument.get_inner_expression() {
                Expression::StaticMemberExpression(member) => {
                    (Some(member.property.name.to_string()), &member.object)
                }
                Expression::ComputedMemberExpression(member) => (literal(&member.expression), &member.object),
                _ => return,
            };
            let object = self.object(object, key.as_deref().unwrap_or_default());
            let text = object.trim_start_matches("object '").trim_end_matches('\'').to_owned();
            self.add(it.span.start, Deed::Delete { key }, text);
        }
    }

    fn visit_function(&mut self, it: &Function<'a>, _flags: ScopeFlags) {
        self.function(it.span.start, |walker| {
            walker.parameters(&it.params);
            it.body.iter().for_each(|body| walker.visit_function_body(body));
        });
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.function(it.span.start, |walker| {
            walker.parameters(&it.params);
            walker.visit_arrow_function_body(&it.body);
        });
    }

    fn visit_object_property(&mut self, it: &ObjectProperty<'a>) {
        self.computed_key(it.computed, &it.key);
        match &it.value {
            // The interpreter counts from the property's start.
            Expression::FunctionExpression(function) if it.method || it.kind != PropertyKind::Init => {
                self.method(it.span.start, function);
            }
            value => self.visit_expression(value),
        }
    }

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        self.computed_key(it.computed, &it.key);
        let start = if it.r#static {
            let behind = it.span.start + "static".len() as u32;
            self.marks.next(behind)
        } else {
            it.span.start
        };
        self.method(start, &it.value);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        if let Some(parent) = &it.heritage {
            self.visit_expression(&parent.expression);
            let literal = literal(&parent.expression);
            let text = self.printer.print(&parent.expression);
            self.add(parent.expression.span().start, Deed::Extend { literal }, text);
        }
        walk::walk_class_body(self, &it.body);
    }
}

impl Walker<'_> {
    fn method(&mut self, start: u32, function: &Function<'_>) {
        self.function(start, |walker| {
            walker.parameters(&function.params);
            function.body.iter().for_each(|body| walker.visit_function_body(body));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mark at deed text` of everything in a body.
    fn found(code: &str) -> Vec<String> {
        culprits(code, ScriptForm::Body)
            .into_iter()
            .map(|it| {
                let deed = format!("{:?}", it.deed);
                let deed = deed.split([' ', '{']).next().unwrap_or_default().to_owned();
                format!("{}:{} {}:{} {deed} {}", it.mark.0, it.mark.1, it.at.0, it.at.1, it.text)
            })
            .collect()
    }

    #[test]
    fn each_stands_under_the_interpreters_mark() {
        for (code, expected) in [
            // The token behind the parenthesis carries the place of what stands before it, unless a blank is between.
            ("const o = f.g; o.a.b(1)", vec!["1:20 1:20 Call o.a.b"]),
            ("const o = f.g; o.a.b( 1)", vec!["1:23 1:20 Call o.a.b"]),
            ("const o = f.g; o.a(k)", vec!["1:20 1:18 Call o.a"]),
            // A call is marked by its last argument, and so by what is called in it.
            ("const o = f.g; x(o.a())", vec!["1:20 1:20 Call o.a", "1:20 1:16 CallGlobal x"]),
            // Functions that the source declares do not fail.
            ("const g = () => 1, o = f.g; g(o.a())", vec!["1:33 1:33 Call o.a"]),
            ("function g() {} g(1); (() => 1)()", vec![]),
            // A pattern is compiled before its value.
            ("k;\nconst { a } = o", vec!["1:1 2:9 Destructure o"]),
            ("k;\nconst [a] = o.x", vec!["1:1 2:13 TakeElements o.x"]),
            ("k;\nfor (const { a } of o) { }", vec!["2:21 2:21 Iterate o", "2:21 2:14 Destructure "]),
            // A function without a mark has lost its column.
            ("k; ({ a }) => 1", vec!["1:1 1:7 Destructure "]),
            ("k; ({ a }) => k", vec!["1:4 1:7 Destructure "]),
            ("new o.a(k)", vec!["1:9 1:1 Construct o.a"]),
            (
                "o.a = 1; delete o['b']; k = 2",
                vec![
                    "1:1 1:3 SetProperty object '#<Object>'",
                    "1:17 1:10 Delete #<Object>",
                    "1:25 1:25 SetVariable k",
                ],
            ),
            ("é('é', o.a)", vec!["1:10 1:1 CallGlobal é"]),
            ("f(`a\nb`)", vec!["1:1 1:1 CallGlobal f"]),
            ("x = ;", vec![]),
        ] {
            assert_eq!(found(code), expected, "{code}");
        }
    }

    #[test]
    fn expressions_read_as_v8_prints_them() {
        for (callee, expected) in [
            ("o['a b'][k][0]", "o.a b[k][0]"),
            ("o?.a.b", "o?.a.b"),
            ("f(1).x", "f(...).x"),
            ("[1, o.x, 's'].x", "[1,o.x,\"s\"].x"),
            ("({ a: 1, b }).x", "{(intermediate value)(intermediate value)}.x"),
            ("(a + b + 1).x", "(a + b + 1).x"),
            ("(1 + f(x) + 2).x", "(1 + f(...) + 2).x"),
            ("(a ?? b).x", "(a ?? b).x"),
            ("(a, b).x", "(a , b).x"),
            ("(await a).x", "(intermediate value).x"),
            ("`a${b}`.x", "b.x"),
            ("`a`.x", "\"a\".x"),
            ("(typeof a).x", "(typeof a).x"),
            ("(a++).x", "(a++).x"),
            ("(-1).x", "-1.x"),
            ("(a ? b : c)", "(intermediate value)(intermediate value)(intermediate value)"),
            ("new A().x", "(intermediate value).x"),
            ("/a/g.x", "/a/g.x"),
        ] {
            let culprits = culprits(&format!("{callee}()"), ScriptForm::Body);
            let last = culprits.last().expect(callee);
            assert_eq!(last.text, expected, "{callee}");
        }
    }
}
