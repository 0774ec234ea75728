//! TypeScript to JavaScript of the same shape: what only types need is painted over, everything else stays where it is.
//!
//! Paint is white space of the same length in bytes and in UTF-16 units, so offsets, lines and columns of the two
//! texts are the same. What would need code to be written (enums, namespaces, parameter properties) is refused, as
//! Node.js does when it strips types. Knows syntax, not types.

use oxc_ast::ast::{
    ArrowFunctionExpression, ChainElement, Class, ClassElement, Declaration, ExportDefaultDeclarationKind,
    Expression, FormalParameter, ImportDeclarationSpecifier, MemberExpression, MethodDefinition,
    MethodDefinitionType, Program, PropertyDefinition, PropertyDefinitionType, PropertyKey, Statement,
    TSAccessibility, TSAsExpression, TSInstantiationExpression, TSNonNullExpression, TSSatisfiesExpression,
    TSThisParameter, TSTypeAnnotation, TSTypeAssertion, TSTypeParameterDeclaration,
    TSTypeParameterInstantiation, VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

use super::parse::Complaint;
use super::position::is_line_end;

const HINT: &str = "types are only taken out of workflow scripts, nothing is compiled";

/// The JavaScript of a TypeScript program that parsed without errors.
pub(super) fn strip(text: &str, program: &Program<'_>) -> Result<String, Complaint> {
    let mut painter = Painter { text, paint: text.as_bytes().to_vec(), ends: Vec::new(), refused: None };
    painter.visit_program(program);
    match painter.refused {
        Some(refused) => Err(refused),
        None => String::from_utf8(painter.paint).map_err(|error| Complaint {
            at: error.utf8_error().valid_up_to(),
            message: "the types cannot be taken out of this source".to_owned(),
            hint: None,
        }),
    }
}

struct Painter<'t> {
    text: &'t str,
    /// The text with what was painted so far.
    paint: Vec<u8>,
    /// Where the statements and class members end that we are in.
    ends: Vec<usize>,
    refused: Option<Complaint>,
}

/// What else a stretch of paint has to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paint {
    Over,
    /// A `;` in its first place keeps what stands before it from running on into what stands behind it.
    Semicolon,
}

impl Painter<'_> {
    fn over(&mut self, start: usize, end: usize, how: Paint) {
        let mut semicolon = how == Paint::Semicolon;
        for (offset, character) in self.text[start..end].char_indices() {
            let at = start + offset;
            let length = character.len_utf8();
            if is_line_end(character) {
                continue;
            }
            if semicolon && length == 1 {
                semicolon = false;
                self.paint[at] = b';';
                continue;
            }
            // White space of as many bytes, and as many UTF-16 units.
            self.paint[at..at + length].copy_from_slice(match length {
                1 => b" ",
                2 => "\u{a0}".as_bytes(),
                3 => "\u{2003}".as_bytes(),
                _ => "\u{a0}\u{a0}".as_bytes(),
            });
        }
    }

    /// Paints something that may be the end of a statement without `;`.
    fn tail(&mut self, start: usize, end: usize) {
        let ends = self.ends.last() == Some(&end);
        self.over(start, end, if ends { Paint::Semicolon } else { Paint::Over });
    }

    fn whole(&mut self, span: Span) {
        self.over(span.start as usize, span.end as usize, Paint::Semicolon);
    }

    fn refuse(&mut self, span: Span, what: &str, instead: &str) {
        let at = span.start as usize;
        if self.refused.as_ref().is_none_or(|known| at < known.at) {
            let message = format!("TypeScript {what} cannot run as JavaScript");
            self.refused = Some(Complaint { at, message, hint: Some(format!("{HINT}: {instead}")) });
        }
    }

    /// The next character of the program at or behind an offset: comments and white space are skipped.
    fn next_token(&self, mut at: usize) -> Option<(usize, char)> {
        loop {
            let rest = &self.text[at..];
            let character = rest.chars().next()?;
            if rest.starts_with("//") {
                at += rest.find(is_line_end).unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                at += rest.find("*/").map_or(rest.len(), |length| length + 2);
            } else if character.is_whitespace() || character == '\u{feff}' {
                at += character.len_utf8();
            } else {
                return Some((at, character));
            }
        }
    }

    /// Paints the `?` or `!` that comes next.
    fn mark(&mut self, from: usize) {
        if let Some((at, '?' | '!')) = self.next_token(from) {
            self.over(at, at + 1, Paint::Over);
        }
    }

    fn has_line_end(&self, span: Span) -> bool {
        self.text[span.start as usize..span.end as usize].contains(is_line_end)
    }

    /// Paints the modifiers of a class member that JavaScript does not have.
    fn modifiers(&mut self, member: Span, key: &PropertyKey<'_>, computed: bool) {
        let key = key.span().start as usize;
        let mut at = member.start as usize;
        let first = at;
        while let Some((start, character)) = self.next_token(at).filter(|(start, _)| *start < key) {
            if !character.is_ascii_alphabetic() {
                at = start + character.len_utf8();
                continue;
            }
            let rest = &self.text[start..key];
            let end = start + rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let word = &self.text[start..end];
            if matches!(
                word,
                "public" | "private" | "protected" | "readonly" | "override" | "abstract" | "declare"
            ) {
                // `a = 1` on the line before must not go on with `[b]` or `*b`.
                let bare = start == first && (computed || matches!(self.next_token(end), Some((_, '*'))));
                self.over(start, end, if bare { Paint::Semicolon } else { Paint::Over });
            }
            at = end;
        }
    }

    /// `abstract`, and where the decorators end.
    fn class_keyword(&mut self, class: &Class<'_>) {
        if !class.r#abstract {
            return;
        }
        let from = class.decorators.last().map_or(class.span.start, |last| last.span.end) as usize;
        if let Some((at, _)) =
            self.next_token(from).filter(|(at, _)| self.text[*at..].starts_with("abstract"))
        {
            self.over(at, at + "abstract".len(), Paint::Over);
        }
    }

    /// `implements A, B`.
    fn implements(&mut self, class: &Class<'_>) {
        const KEYWORD: &str = "implements";
        let Some(last) = class.implements.last() else { return };
        let before = [
            class.heritage.as_ref().and_then(|it| it.type_arguments.as_ref()).map(|it| it.span.end),
            class.heritage.as_ref().map(|it| it.expression.span().end),
            class.type_parameters.as_ref().map(|it| it.span.end),
            class.id.as_ref().map(|it| it.span.end),
            class.decorators.last().map(|it| it.span.end),
        ];
        let mut at = before.into_iter().flatten().next().unwrap_or(class.span.start) as usize;
        // A class without a name has `class` before it.
        while let Some((word, character)) =
            self.next_token(at).filter(|(word, _)| *word < last.span.start as usize)
        {
            if self.text[word..].starts_with(KEYWORD) {
                self.over(word, last.span.end as usize, Paint::Over);
                return;
            }
            at = word + character.len_utf8();
        }
    }

    /// Names that are only types, with the commas behind them.
    fn names(&mut self, types: impl Iterator<Item = Span>) {
        for name in types {
            let end = name.end as usize;
            let end = match self.next_token(end) {
                Some((comma, ',')) => comma + 1,
                _ => end,
            };
            self.over(name.start as usize, end, Paint::Over);
        }
    }

    /// Whether a declaration is there for types only; those that ask for code are refused.
    fn is_type(&mut self, declaration: &Declaration<'_>) -> bool {
        match declaration {
            Declaration::TSTypeAliasDeclaration(_)
            | Declaration::TSInterfaceDeclaration(_)
            | Declaration::TSExternalModuleDeclaration(_)
            | Declaration::TSGlobalDeclaration(_) => true,
            Declaration::FunctionDeclaration(function) => function.declare || function.body.is_none(),
            Declaration::VariableDeclaration(variables) => variables.declare,
            Declaration::ClassDeclaration(class) => class.declare,
            Declaration::TSEnumDeclaration(it) if !it.declare => {
                self.refuse(it.span, "enums", "use an object `as const`");
                false
            }
            Declaration::TSNamespaceDeclaration(it) if !it.declare => {
                self.refuse(it.span, "namespaces", "use an object or a module");
                false
            }
            Declaration::TSImportEqualsDeclaration(it) if it.import_kind.is_value() => {
                self.refuse(it.span, "`import … =`", "use `import … from`");
                false
            }
            Declaration::TSEnumDeclaration(_)
            | Declaration::TSNamespaceDeclaration(_)
            | Declaration::TSImportEqualsDeclaration(_) => true,
        }
    }

    /// Whether a statement is there for types only. Otherwise paints what of it is, as far as the walk does not.
    fn is_type_statement(&mut self, statement: &Statement<'_>) -> bool {
        match statement {
            Statement::ExportDeclaration(it) => self.is_type(&it.declaration),
            Statement::ExportDefaultDeclaration(it) => match &it.declaration {
                ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
                ExportDefaultDeclarationKind::FunctionDeclaration(it) => it.body.is_none(),
                _ => false,
            },
            Statement::ExportAllDeclaration(it) => it.export_kind.is_type(),
            Statement::ExportNamedDeclaration(it) => {
                self.names(it.specifiers.iter().filter(|it| it.export_kind.is_type()).map(|it| it.span));
                it.export_kind.is_type()
            }
            Statement::ExportFromDeclaration(it) => {
                let types = it.specifiers.iter().filter(|it| it.export_kind.is_type());
                let only = types.clone().count() == it.specifiers.len() && !it.specifiers.is_empty();
                self.names(types.map(|it| it.span));
                it.export_kind.is_type() || only
            }
            Statement::ImportDeclaration(it) => {
                let specifiers = it.specifiers.as_ref().map_or(&[][..], |list| list.as_slice());
                let types = specifiers.iter().filter_map(|specifier| match specifier {
                    ImportDeclarationSpecifier::ImportSpecifier(it) if it.import_kind.is_type() => {
                        Some(it.span)
                    }
                    _ => None,
                });
                let only = types.clone().count() == specifiers.len() && !specifiers.is_empty();
                self.names(types);
                it.import_kind.is_type() || only
            }
            Statement::TSExportAssignment(it) => {
                self.refuse(it.span, "`export =`", "use `export default`");
                false
            }
            Statement::TSNamespaceExportDeclaration(_) => true,
            other => other.as_declaration().is_some_and(|declaration| self.is_type(declaration)),
        }
    }

    /// Visits what is in the brackets and hands back what stands before them.
    fn member<'a, 'b>(&mut self, member: &'b MemberExpression<'a>) -> &'b Expression<'a> {
        if let MemberExpression::ComputedMemberExpression(computed) = member {
            self.visit_expression(&computed.expression);
        }
        member.object()
    }

    fn type_arguments(&mut self, arguments: Option<&TSTypeParameterInstantiation<'_>>) {
        if let Some(arguments) = arguments {
            self.visit_ts_type_parameter_instantiation(arguments);
        }
    }

    fn behind(&mut self, expression: &Expression<'_>, span: Span) {
        self.tail(expression.span().end as usize, span.end as usize);
    }

    fn non_null(&mut self, expression: &TSNonNullExpression<'_>) {
        let end = expression.span.end as usize;
        self.over(end - 1, end, Paint::Over);
    }
}

impl<'a> Visit<'a> for Painter<'_> {
    fn visit_statement(&mut self, statement: &Statement<'a>) {
        if self.is_type_statement(statement) {
            self.whole(statement.span());
            return;
        }
        self.ends.push(statement.span().end as usize);
        walk::walk_statement(self, statement);
        self.ends.pop();
    }

    fn visit_class_element(&mut self, element: &ClassElement<'a>) {
        let only_types = match element {
            ClassElement::MethodDefinition(it) => {
                it.r#type == MethodDefinitionType::TSAbstractMethodDefinition || it.value.body.is_none()
            }
            ClassElement::PropertyDefinition(it) => {
                it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition
            }
            ClassElement::TSIndexSignature(_) => true,
            ClassElement::StaticBlock(_) | ClassElement::AccessorProperty(_) => false,
        };
        if only_types {
            self.whole(element.span());
            return;
        }
        self.ends.push(element.span().end as usize);
        walk::walk_class_element(self, element);
        self.ends.pop();
    }

    fn visit_method_definition(&mut self, method: &MethodDefinition<'a>) {
        let start = method.decorators.last().map_or(method.span.start, |last| last.span.end);
        self.modifiers(Span::new(start, method.span.end), &method.key, method.computed);
        if method.optional {
            self.behind_key(&method.key, method.computed);
        }
        walk::walk_method_definition(self, method);
    }

    fn visit_property_definition(&mut self, field: &PropertyDefinition<'a>) {
        let start = field.decorators.last().map_or(field.span.start, |last| last.span.end);
        self.modifiers(Span::new(start, field.span.end), &field.key, field.computed);
        if field.optional || field.definite {
            self.behind_key(&field.key, field.computed);
        }
        walk::walk_property_definition(self, field);
    }

    fn visit_class(&mut self, class: &Class<'a>) {
        self.class_keyword(class);
        self.implements(class);
        self.visit_decorators(&class.decorators);
        if let Some(parameters) = &class.type_parameters {
            self.visit_ts_type_parameter_declaration(parameters);
        }
        if let Some(heritage) = &class.heritage {
            self.visit_expression(&heritage.expression);
            self.type_arguments(heritage.type_arguments.as_deref());
        }
        self.visit_class_body(&class.body);
    }

    fn visit_arrow_function_expression(&mut self, arrow: &ArrowFunctionExpression<'a>) {
        walk::walk_arrow_function_expression(self, arrow);
        let parameters = arrow.params.span;
        // No line may end between `async`, the parameters and `=>`: the brackets move to where the types were.
        if let Some(types) = arrow.type_parameters.as_deref().filter(|it| self.has_line_end(it.span))
            && self.text[parameters.start as usize..].starts_with('(')
        {
            self.paint[types.span.start as usize] = b'(';
            self.paint[parameters.start as usize] = b' ';
        }
        if let Some(types) = arrow.return_type.as_deref().filter(|it| self.has_line_end(it.span))
            && self.text[..parameters.end as usize].ends_with(')')
        {
            let end = types.span.end as usize;
            let last = self.text[..end].chars().next_back().map_or(1, char::len_utf8);
            self.paint[end - last..end].fill(b' ');
            self.paint[end - last] = b')';
            self.paint[parameters.end as usize - 1] = b' ';
        }
    }

    fn visit_ts_this_parameter(&mut self, this: &TSThisParameter<'a>) {
        self.names(std::iter::once(this.span));
    }

    fn visit_formal_parameter(&mut self, parameter: &FormalParameter<'a>) {
        if parameter.accessibility.is_some() || parameter.readonly || parameter.r#override {
            let what = match parameter.accessibility {
                Some(TSAccessibility::Private) => "parameter properties (`private`)",
                Some(TSAccessibility::Protected) => "parameter properties (`protected`)",
                Some(TSAccessibility::Public) => "parameter properties (`public`)",
                None => "parameter properties",
            };
            self.refuse(parameter.span, what, "declare the field, and assign it in the constructor");
        }
        if parameter.optional {
            self.mark(parameter.pattern.span().end as usize);
        }
        walk::walk_formal_parameter(self, parameter);
    }

    fn visit_variable_declarator(&mut self, declarator: &VariableDeclarator<'a>) {
        if declarator.definite {
            self.mark(declarator.id.span().end as usize);
        }
        walk::walk_variable_declarator(self, declarator);
    }

    fn visit_ts_type_annotation(&mut self, annotation: &TSTypeAnnotation<'a>) {
        self.tail(annotation.span.start as usize, annotation.span.end as usize);
    }

    fn visit_ts_type_parameter_declaration(&mut self, parameters: &TSTypeParameterDeclaration<'a>) {
        self.tail(parameters.span.start as usize, parameters.span.end as usize);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, arguments: &TSTypeParameterInstantiation<'a>) {
        self.tail(arguments.span.start as usize, arguments.span.end as usize);
    }

    fn visit_ts_as_expression(&mut self, expression: &TSAsExpression<'a>) {
        self.behind(&expression.expression, expression.span);
        self.visit_expression(&expression.expression);
    }

    fn visit_ts_satisfies_expression(&mut self, expression: &TSSatisfiesExpression<'a>) {
        self.behind(&expression.expression, expression.span);
        self.visit_expression(&expression.expression);
    }

    fn visit_ts_non_null_expression(&mut self, expression: &TSNonNullExpression<'a>) {
        self.non_null(expression);
        self.visit_expression(&expression.expression);
    }

    fn visit_ts_instantiation_expression(&mut self, expression: &TSInstantiationExpression<'a>) {
        self.visit_ts_type_parameter_instantiation(&expression.type_arguments);
        self.visit_expression(&expression.expression);
    }

    fn visit_ts_type_assertion(&mut self, expression: &TSTypeAssertion<'a>) {
        self.refuse(expression.span, "assertions like `<T>value`", "write `value as T`");
    }

    /// Chains that lean to the left may be as long as the source, so they are followed in a loop.
    fn visit_expression(&mut self, expression: &Expression<'a>) {
        let mut next = expression;
        loop {
            next = match next {
                Expression::BinaryExpression(binary) => {
                    self.visit_expression(&binary.right);
                    &binary.left
                }
                Expression::LogicalExpression(logical) => {
                    self.visit_expression(&logical.right);
                    &logical.left
                }
                Expression::CallExpression(call) => {
                    self.type_arguments(call.type_arguments.as_deref());
                    self.visit_arguments(&call.arguments);
                    &call.callee
                }
                Expression::TaggedTemplateExpression(tagged) => {
                    self.type_arguments(tagged.type_arguments.as_deref());
                    self.visit_template_literal(&tagged.quasi);
                    &tagged.tag
                }
                Expression::TSAsExpression(typed) => {
                    self.behind(&typed.expression, typed.span);
                    &typed.expression
                }
                Expression::TSSatisfiesExpression(typed) => {
                    self.behind(&typed.expression, typed.span);
                    &typed.expression
                }
                Expression::TSNonNullExpression(typed) => {
                    self.non_null(typed);
                    &typed.expression
                }
                Expression::TSInstantiationExpression(typed) => {
                    self.visit_ts_type_parameter_instantiation(&typed.type_arguments);
                    &typed.expression
                }
                Expression::ChainExpression(chain) => match &chain.expression {
                    ChainElement::CallExpression(call) => {
                        self.type_arguments(call.type_arguments.as_deref());
                        self.visit_arguments(&call.arguments);
                        &call.callee
                    }
                    ChainElement::TSNonNullExpression(typed) => {
                        self.non_null(typed);
                        &typed.expression
                    }
                    other => match other.as_member_expression() {
                        Some(member) => self.member(member),
                        None => return walk::walk_chain_element(self, other),
                    },
                },
                other => match other.as_member_expression() {
                    Some(member) => self.member(member),
                    None => return walk::walk_expression(self, other),
                },
            };
        }
    }
}

impl Painter<'_> {
    /// Paints the `?` or `!` behind the name of a class member, and behind the bracket of a computed one.
    fn behind_key(&mut self, key: &PropertyKey<'_>, computed: bool) {
        let end = key.span().end as usize;
        match self.next_token(end) {
            Some((bracket, ']')) if computed => self.mark(bracket + 1),
            _ => self.mark(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use oxc_allocator::Allocator;

    use super::super::parse::{Language, parse};
    use super::super::testing::META;
    use super::super::{nesting, read, read_metadata};
    use super::*;
    use crate::model::script::{Imports, ScriptForm};

    fn stripped(text: &str) -> Result<String, Complaint> {
        let allocator = Allocator::default();
        let parsed = parse(&allocator, text, Language::TypeScript);
        assert_eq!(parsed.error, None, "{text}");
        let code = strip(text, &parsed.program)?;
        assert_eq!(code.len(), text.len(), "{text}");
        assert_eq!(parse(&Allocator::default(), &code, Language::JavaScript).error, None, "{text}\n{code}");
        Ok(code)
    }

    /// Per row TypeScript and its JavaScript, with `·` where something was painted over by white space.
    #[test]
    fn types_are_painted_over() {
        let rows = [
            "let a: number = 1",
            "let a: number",
            "let a!: A<B>, b: C;",
            "const { a, b }: { a: 1, b?: 2 } = c",
            "for (const a: A of b as B[]) c()",
            "for (let a: A = 1; a < b; a++) c()",
            "function f<T>(this: A, a: T, b?: B, ...c: C[]): a is D { }",
            "function f(this: A) {}",
            "const f = <T,>(a: T, b = 1 as B): T => a",
            "const f = async <T>(a?: T): Promise<T> => a!",
            "const f = a => a as B",
            "a as B\n(c)",
            "a satisfies B as C\n[c]",
            "a as B;",
            "a! + b!.c![d!]!(e!)",
            "a?.b!.c",
            "(a as B).c = 1; (d!) = 2; e! = 3",
            "f<A, B>(c); new F<A>(); g<A>`b`; const h = i<A>",
            "try {} catch (e: unknown) {}",
            "a\ninterface A { b: c }\n(d)",
            "type A = 'ä' | '🙂' | '漢'\nb",
            "export type A = B; export interface C {}",
            "export default interface A {}",
            "declare const a: A; declare function f(): void; declare class B {}",
            "declare global { var a: A }\ndeclare module 'm' { }\ndeclare enum E { A }\ndeclare namespace N { }",
            "function f(a: A): void;\nfunction f(a) {}",
            "export function f(): void\nexport function f() {}",
            "import type A from 'a'; import { type B } from 'b'",
            "import { type A, b, type C as D, } from 'a'",
            "import a, { type B } from 'a'",
            "export { type A, b }; export type { C }; export type * from 'd'; export { type E } from 'f'",
            "class A<T> extends B<T> implements C, D<T> { }",
            "(class implements A { }); (class B extends (C) implements A { })",
            "abstract class A { abstract a: B; abstract m(): void; x = 1 }",
            "class A { private a?: B; readonly b: C = 1; override c!: D; static override s?: D; declare d: E; [k: string]: F; public get e(): G { return 1 } }",
            "class A { m?(): void { } async *g<T>(a: T): B { } constructor(a: A); constructor(a) { } }",
            "class A { a = 1 as B\n[c] = 2\nget: D\nx() {}\ny = 1\npublic [z] = 2\nprivate *g() {} }",
            "class A { public static readonly(a: B) { } get: C; private = 1; declare; public public: A }",
            "const f = (\n  a: A\n): Promise<\n  B\n> => a",
            "const f = async <\n  T\n>(a: T) => a",
            "const a = { m<T>(b: T): T { return b }, get c(): D { return 1 }, e: f as G } satisfies H",
            "enum_ = a < b; c > (d)",
            "const a = b as const satisfies C\n`d`",
            "let x: A /* c */ = 1 // d: e",
            "if (a) b as C\nelse d",
            "abstract class A { protected abstract readonly a: B; protected constructor(a?: A) { super() } }",
            "export abstract class A implements B { }",
            "export default abstract class implements A { }",
            "export default class<T> { }",
            "export default function <T>(a: T): T { return a }",
            "const { a = 1 as B, ...c }: D = e, [f = g!]: H = i",
            "function f({ a, b }: { a: A, b?: B } = {}, [c]: C[] = []) { }",
            "for await (const a of b<C>()) d(a as E)",
            "label: for (;;) { type A = B; break label }",
            "switch (a as A) { case b as B: }",
            "const f = (a): a is B => true",
            "function f(a: unknown): asserts a is A { }",
            "const a = `${b as C}${d!}`",
            "let f: new () => A = g, h: typeof i, j: (k: L) => M = n",
            "const a = <const T,>(b: T) => b",
            "async function* f(): AsyncGenerator<A, void, B> { yield a as C }",
            "a = b as { c: 'ä🙂漢', d: E } | F; g()",
            "return a as B\n(c)",
            "throw a as B\n[c]",
            "export default a as B\n(c)",
            "const a = async (b: B): Promise<C> => { await (d as E) }",
            "const a = (b?: B) => c ? d : e",
            "const a = b ? (c: C) => d : e",
            "a ? (b) : (c as D)",
            "using: { a as B }",
            "class A<in out T extends B = C> extends (D as E)<F> { #a?: G; static { (b as H).c } }",
            "const a = { b: c as D, [e as string]: f!, ...(g as H) }",
            "if (a < b && c > d) e(f < g, h > i)",
            "new A<B>\nc()",
            "const a = new A<B>",
            "import a, * as b from 'c'; import { default as d, type e as f } from 'g'",
            "export const a: B = 1, c: D = 2",
            "// @ts-ignore\nlet a: B",
            "let a: B; // c\nlet d: E /* f */; let g: H // i",
            "let a = b as any as C<D>[]",
            "do a as B; while (c as D)",
            "f(a as B, ...c as D[])",
            "let a: [b: B, c?: C, ...d: D[]]",
            "let a: { readonly [K in keyof B]?: C }",
            "let a: B extends infer C ? D : E",
            "(a as B).c++; delete a!.b; typeof (a as B)",
            "export type { A } from 'b'\nexport type B = 1\nexport * from 'c'",
        ];
        let mut shown = String::new();
        for text in rows {
            let code = stripped(text).expect(text);
            shown.push_str(text);
            shown.push('\n');
            for (at, was) in text.char_indices() {
                let is = code[at..].chars().next().expect("as long as the text");
                shown.push(if is != was && is.is_whitespace() { '·' } else { is });
            }
            shown.push_str("\n\n");
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn what_needs_code_is_refused() {
        for (text, at, part) in [
            ("a; enum A { B }", 3, "enums"),
            ("const enum A { B }", 0, "enums"),
            ("export enum A { B }", 7, "enums"),
            ("namespace A { export const b = 1 }", 0, "namespaces"),
            ("class A { constructor(private a: B) { } }", 22, "parameter properties (`private`)"),
            ("class A { constructor(readonly a: B) { } }", 22, "parameter properties"),
            ("a = <B>c", 4, "assertions"),
            ("import a = require('b')", 0, "`import … =`"),
            ("export = a", 0, "`export =`"),
        ] {
            let refused = stripped(text).expect_err(text);
            assert_eq!(refused.at, at, "{text}");
            assert!(refused.message.contains(part), "{text}: {}", refused.message);
        }
    }

    #[test]
    fn a_typescript_file_is_read_like_javascript() {
        let source = "import type { Meta } from 'a'\nexport const meta: Meta = { name: 'n', description: 'ü' } as const\n\
                      const ask = async (topic: string, level?: number): Promise<string> => agent(topic)\n\
                      return (await ask('x' as any))!\n";
        for name in ["review.ts", "review.mts"] {
            let script = read(source, None, name, Imports::None).unwrap();
            assert_eq!(script.form, ScriptForm::Body);
            assert_eq!(script.metadata.description, "ü");
            let columns =
                |text: &str| text.lines().map(|line| line.encode_utf16().count()).collect::<Vec<_>>();
            assert_eq!(columns(&script.code), columns(source));
        }
        assert_eq!(read_metadata(source).unwrap().name, "n");
        // What is wrong is shown in the author's words, also where it is found after the types are gone.
        let error =
            read(&format!("{META}let a: string = 1 as\nreturn a"), None, "a.ts", Imports::None).unwrap_err();
        assert_eq!(error.code(), "ERR_SCRIPT_SYNTAX");
        let error = read(&format!("{META}const a: A = import('fs')\nreturn a"), None, "a.ts", Imports::None)
            .unwrap_err();
        assert!(error.to_string().contains("(a.ts:2:14)\n2 | const a: A = import('fs')\n"), "{error}");
        let error =
            read(&format!("{META}enum A {{ B }}\nreturn 1"), None, "a.ts", Imports::None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "TypeScript enums cannot run as JavaScript (a.ts:2:1)\n2 | enum A { B }\n    ^"
        );
        let error = read(&format!("{META}return 1 as number"), None, "a.js", Imports::None).unwrap_err();
        assert!(error.hint().unwrap().contains(".ts"), "{error}");
    }

    #[test]
    fn no_depth_of_types_overflows_the_stack() {
        let check = |source: &str, name: &str, refused: bool| {
            let result = read(&format!("{META}{source}\n;return 1"), None, "a.ts", Imports::None);
            let found = matches!(&result, Err(error) if error.code() == "ERR_SCRIPT_UNSUPPORTED");
            assert_eq!(found, refused, "{name}: {:?}", result.err());
        };
        let most = nesting::MAX_DEPTH;
        for (before, open, inner, close, brackets) in [
            ("let a: ", "(", "b", ")", 1),
            ("let a: ", "[", "b", "]", 1),
            ("let a: ", "{ b: ", "c", " }", 1),
            ("let a: ", "(b: ", "c", ") => d", 1),
            ("let a: ", "{ [b: string]: ", "c", " }", 2),
            ("let a: ", "b extends (", "c", ") ? d : e", 1),
            ("let a: ", "`${", "b", "}`", 1),
            ("let a: ", "{ [K in (", "b", ")]: c }", 3),
            ("", "(a as ", "b", ")", 1),
            ("", "(<T,>(a: ", "b", ") => c)", 2),
            ("", "class A<B> { a = ", "1 ", "}", 1),
            ("", "f<A>(", "b", ")", 1),
            ("", "declare namespace A { ", "", "}", 1),
        ] {
            let nest = |count: usize| format!("{before}{}{inner}{}", open.repeat(count), close.repeat(count));
            if !open.starts_with("(a as") && !open.starts_with("(b:") {
                check(&nest(most / brackets), open, false);
            }
            check(&nest(200_000), open, true);
        }
        for (before, chain, end) in [
            ("let a: ", "keyof ", "b"),
            ("let a: ", "readonly ", "b[]"),
            ("let a: ", "() => ", "b"),
            ("let a: ", "new () => ", "b"),
            ("let a: ", "b extends c ? d : ", "e"),
            ("let a = ", "<T,>() => ", "b"),
        ] {
            check(&format!("{before}{}{end}", chain.repeat(10_000)), chain, false);
            check(&format!("{before}{}{end}", chain.repeat(200_000)), chain, true);
        }
        for (before, chain) in [
            ("a", " as b"),
            ("a", "!"),
            ("a", "!.b"),
            ("a", " satisfies b"),
            ("a", "<b>()"),
            ("let a: b", "[]"),
            ("let a: b", "['c']"),
            ("let a: b", " | c"),
            ("let a: b", " & c"),
            ("let a: b", ".c"),
            ("interface A { b: c }", " interface A { b: c }"),
        ] {
            check(&format!("{before}{}", chain.repeat(50_000)), chain, false);
        }
    }
}
