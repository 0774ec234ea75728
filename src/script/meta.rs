//! `export const meta = …`: finding it and reading its literal, by the rules of the original engine.
//!
//! Beyond the original, string literals joined with `+` and template literals without substitutions count as
//! literals. Knows nothing about what the metadata means; `WorkflowMetadata::normalize` does.

use oxc_allocator::Allocator;
use oxc_ast::ast::{
    ArrayExpression, ArrayExpressionElement, BinaryExpression, BinaryOperator, BindingPattern, Declaration,
    Expression, ObjectExpression, ObjectPropertyKind, Program, PropertyKey, PropertyKind, Statement,
    StringLiteral, UnaryOperator, VariableDeclaration, VariableDeclarationKind,
};
use oxc_span::GetSpan;
use serde_json::{Map, Number, Value};

use super::nesting::Nesting;
use super::parse::{self, Language, Parsed};
use crate::model::json::kind;
use crate::model::metadata::WorkflowMetadata;

const NAME: &str = "meta";

/// Why there is no metadata.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing that looks like it.
    Nowhere,
    /// What stands there instead: `found {what} at {at} ({path})`. The path says which part of the metadata it is.
    Instead { what: String, at: usize, path: String },
}

/// Reads the metadata of a program. The first top-level `export const` of that name decides.
pub(super) fn extract(program: &Program<'_>) -> Result<WorkflowMetadata, Missing> {
    let Some(init) = program.body.iter().find_map(exported_meta) else {
        return Err(near_miss(program));
    };
    let init = without_type(init);
    let value = literal(init, &Path::Root)?;
    WorkflowMetadata::normalize(&value).ok_or_else(|| incomplete(init, &value))
}

/// The same for a source with a syntax error that cost us the tree: the declaration is parsed alone.
pub(super) fn extract_despite_errors(
    parsed: &Parsed<'_>,
    nesting: &Nesting,
    language: Language,
) -> Option<WorkflowMetadata> {
    /// `export const a = {}, meta = {}` ends at its second block; more than a few is no declaration.
    const BLOCKS: usize = 8;
    if let Some(init) = parsed.program.body.iter().find_map(exported_meta) {
        return WorkflowMetadata::normalize(&literal(without_type(init), &Path::Root).ok()?);
    }
    parsed.error.as_ref()?;
    nesting.exports.iter().find_map(|start| {
        let ends = nesting.blocks.iter().skip_while(|end| *end <= start).take(BLOCKS);
        ends.map(|end| &parsed.text[*start..*end]).find_map(|declaration| {
            let allocator = Allocator::default();
            let alone = parse::parse(&allocator, declaration, language);
            extract(&alone.program).ok()
        })
    })
}

fn exported_meta<'b, 'a>(statement: &'b Statement<'a>) -> Option<&'b Expression<'a>> {
    let Statement::ExportDeclaration(export) = statement else { return None };
    let Declaration::VariableDeclaration(variables) = &export.declaration else { return None };
    if variables.kind != VariableDeclarationKind::Const {
        return None;
    }
    variables.declarations.iter().find(|it| is_meta(&it.id)).and_then(|it| it.init.as_ref())
}

fn is_meta(pattern: &BindingPattern<'_>) -> bool {
    matches!(pattern, BindingPattern::BindingIdentifier(name) if name.name == NAME)
}

/// The original's parser does not see `as const` and `satisfies T`. The script itself then fails to parse.
fn without_type<'b, 'a>(expression: &'b Expression<'a>) -> &'b Expression<'a> {
    match expression {
        Expression::TSAsExpression(typed) => without_type(&typed.expression),
        Expression::TSSatisfiesExpression(typed) => without_type(&typed.expression),
        other => other,
    }
}

/// There is no `export const meta`: what the author may have meant to be one.
fn near_miss(program: &Program<'_>) -> Missing {
    let found = program.body.iter().find_map(|statement| match statement {
        Statement::VariableDeclaration(variables) => declares_meta(variables)
            .map(|at| (format!("`{} meta` without `export`", variables.kind.as_str()), at)),
        Statement::ExportDeclaration(export) => match &export.declaration {
            Declaration::VariableDeclaration(variables) => declares_meta(variables).map(|at| {
                (format!("`export {} meta` instead of `export const meta`", variables.kind.as_str()), at)
            }),
            _ => None,
        },
        Statement::ExportNamedDeclaration(export) => {
            let meta = export.specifiers.iter().find(|it| it.exported.name() == NAME)?;
            Some(("`meta` exported apart from its declaration".to_owned(), meta.span.start as usize))
        }
        _ => None,
    });
    match found {
        Some((what, at)) => Missing::Instead { what, at, path: NAME.to_owned() },
        None => Missing::Nowhere,
    }
}

fn declares_meta(variables: &VariableDeclaration<'_>) -> Option<usize> {
    variables.declarations.iter().find(|it| is_meta(&it.id)).map(|it| it.span.start as usize)
}

/// A literal that is not metadata: what is missing.
fn incomplete(init: &Expression<'_>, value: &Value) -> Missing {
    let at = init.span().start as usize;
    let instead = |what: String, path: &str| Missing::Instead { what, at, path: path.to_owned() };
    let Some(object) = value.as_object() else {
        return instead(format!("{} instead of an object", kind(value)), NAME);
    };
    let (key, path) = match object.get("name") {
        Some(Value::String(_)) => ("description", "meta.description must be a string"),
        _ => ("name", "meta.name must be a string"),
    };
    match object.get(key) {
        None => instead(format!("metadata without `{key}`"), path),
        Some(other) => instead(format!("metadata with {} as `{key}`", kind(other)), path),
    }
}

/// The way to a part of the metadata, for messages only.
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn text(&self) -> String {
        match self {
            Self::Root => NAME.to_owned(),
            Self::Key(parent, key) if is_name(key) => format!("{}.{key}", parent.text()),
            Self::Key(parent, key) => format!("{}[{}]", parent.text(), Value::from(*key)),
            Self::Index(parent, index) => format!("{}[{index}]", parent.text()),
        }
    }

    fn reject<T>(&self, what: impl Into<String>, part: &impl GetSpan) -> Result<T, Missing> {
        Err(Missing::Instead { what: what.into(), at: part.span().start as usize, path: self.text() })
    }
}

fn is_name(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with(|first: char| first.is_ascii_digit())
        && key.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '$'))
}

fn literal(expression: &Expression<'_>, path: &Path<'_>) -> Result<Value, Missing> {
    match expression {
        Expression::ParenthesizedExpression(inner) => literal(&inner.expression, path),
        Expression::ObjectExpression(inner) => object(inner, path),
        Expression::ArrayExpression(inner) => array(inner, path),
        Expression::StringLiteral(inner) => Ok(Value::String(string(inner))),
        Expression::NumericLiteral(inner) => Ok(number(inner.value)),
        Expression::BooleanLiteral(inner) => Ok(Value::Bool(inner.value)),
        Expression::NullLiteral(_) => Ok(Value::Null),
        Expression::UnaryExpression(_) => match signed(expression) {
            Some(value) => Ok(number(value)),
            None => path.reject(describe(expression), expression),
        },
        Expression::TemplateLiteral(template) => {
            match (template.expressions.first(), template.quasis.first()) {
                (Some(substitution), _) => {
                    path.reject("a template literal with a substitution", substitution)
                }
                (None, Some(text)) => {
                    Ok(text.value.cooked.map_or(Value::Null, |cooked| Value::from(cooked.as_str())))
                }
                (None, None) => Ok(Value::from("")),
            }
        }
        Expression::BinaryExpression(inner) if inner.operator == BinaryOperator::Addition => {
            concatenation(inner, path)
        }
        other => path.reject(describe(other), other),
    }
}

fn object(expression: &ObjectExpression<'_>, path: &Path<'_>) -> Result<Value, Missing> {
    let mut object = Map::new();
    for property in &expression.properties {
        let property = match property {
            ObjectPropertyKind::ObjectProperty(property) => property,
            ObjectPropertyKind::SpreadProperty(spread) => return path.reject("a spread", &**spread),
        };
        let key = match &property.key {
            key if property.computed => return path.reject("a computed key", key),
            PropertyKey::StaticIdentifier(name) => name.name.to_string(),
            PropertyKey::StringLiteral(text) => string(text),
            PropertyKey::NumericLiteral(number) => number.value.to_string(),
            other => return path.reject("a key that is neither a name, a string nor a number", other),
        };
        let path = Path::Key(path, &key);
        match property.kind {
            PropertyKind::Get => return path.reject("a getter", &**property),
            PropertyKind::Set => return path.reject("a setter", &**property),
            PropertyKind::Init if property.method => return path.reject("a method", &**property),
            PropertyKind::Init if property.shorthand => {
                return path.reject("a shorthand property", &**property);
            }
            PropertyKind::Init => {}
        }
        let value = literal(&property.value, &path)?;
        object.insert(key, value);
    }
    Ok(Value::Object(object))
}

fn array(expression: &ArrayExpression<'_>, path: &Path<'_>) -> Result<Value, Missing> {
    let elements = expression.elements.iter().enumerate().map(|(index, element)| {
        let path = Path::Index(path, index);
        match element {
            ArrayExpressionElement::SpreadElement(spread) => path.reject("a spread", &**spread),
            ArrayExpressionElement::Elision(hole) => path.reject("an array hole", hole.as_ref()),
            other => match other.as_expression() {
                Some(expression) => literal(expression, &path),
                None => path.reject("an element that is not an expression", other),
            },
        }
    });
    Ok(Value::Array(elements.collect::<Result<_, _>>()?))
}

/// A numeric literal under any number of signs.
fn signed(expression: &Expression<'_>) -> Option<f64> {
    match expression {
        Expression::NumericLiteral(number) => Some(number.value),
        Expression::ParenthesizedExpression(inner) => signed(&inner.expression),
        Expression::UnaryExpression(unary) => match unary.operator {
            UnaryOperator::UnaryPlus => signed(&unary.argument),
            UnaryOperator::UnaryNegation => signed(&unary.argument).map(|value| -value),
            _ => None,
        },
        _ => None,
    }
}

/// `'a' + 'b' + …`. Long texts are long chains that lean to the left, so this does not recurse along them.
fn concatenation(expression: &BinaryExpression<'_>, path: &Path<'_>) -> Result<Value, Missing> {
    let mut parts = vec![&expression.right];
    let mut left = &expression.left;
    loop {
        match left {
            Expression::BinaryExpression(inner) if inner.operator == BinaryOperator::Addition => {
                parts.push(&inner.right);
                left = &inner.left;
            }
            _ => break parts.push(left),
        }
    }
    let mut text = String::new();
    for part in parts.into_iter().rev() {
        match literal(part, path)? {
            Value::String(part) => text.push_str(&part),
            other => return path.reject(format!("{} added to a string", kind(&other)), part),
        }
    }
    Ok(Value::String(text))
}

fn string(literal: &StringLiteral<'_>) -> String {
    const ESCAPE: char = '\u{fffd}';
    let value = literal.value.as_str();
    if !literal.lone_surrogates {
        return value.to_owned();
    }
    // The parser writes half characters as U+FFFD and four digits, and U+FFFD itself as `fffd`. Our strings cannot
    // hold half characters, and what JSON and UTF-8 make of one is U+FFFD.
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, escaped)) = rest.split_once(ESCAPE) {
        text.push_str(before);
        text.push(ESCAPE);
        rest = escaped.get(4..).unwrap_or_default();
    }
    text + rest
}

/// Infinity has no JSON; no known field is a number.
fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// What an expression is called in a message.
fn describe(expression: &Expression<'_>) -> String {
    let name = match expression {
        Expression::Identifier(identifier) => return format!("the identifier `{}`", identifier.name),
        Expression::UnaryExpression(unary) => return format!("the operator `{}`", unary.operator.as_str()),
        Expression::BinaryExpression(binary) => {
            return format!("the operator `{}`", binary.operator.as_str());
        }
        Expression::LogicalExpression(logical) => {
            return format!("the operator `{}`", logical.operator.as_str());
        }
        Expression::CallExpression(_) => "a call expression",
        Expression::NewExpression(_) => "a `new` expression",
        Expression::ArrowFunctionExpression(_) | Expression::FunctionExpression(_) => "a function",
        Expression::ClassExpression(_) => "a class",
        Expression::RegExpLiteral(_) => "a regular expression",
        Expression::BigIntLiteral(_) => "a BigInt",
        Expression::ConditionalExpression(_) => "a conditional expression",
        Expression::AssignmentExpression(_) => "an assignment",
        Expression::AwaitExpression(_) => "an `await`",
        Expression::TaggedTemplateExpression(_) => "a tagged template",
        Expression::ImportExpression(_) => "an `import()`",
        Expression::StaticMemberExpression(_)
        | Expression::ComputedMemberExpression(_)
        | Expression::PrivateFieldExpression(_)
        | Expression::ChainExpression(_) => "a property access",
        Expression::TSAsExpression(_) | Expression::TSSatisfiesExpression(_) => "a type annotation",
        _ => "an expression that is not a literal",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::read_metadata;
    use super::super::testing::{META, failure, found, read_text};
    use super::*;
    use crate::model::error::WorkflowError;
    use crate::model::metadata::PhaseMetadata;

    /// Metadata of a module that is nothing but the declaration.
    fn meta_of(declaration: &str) -> Result<WorkflowMetadata, WorkflowError> {
        read_text(&format!("{declaration}\nexport default 1")).map(|script| script.metadata)
    }

    #[test]
    fn metadata_forms_that_are_accepted() {
        for declaration in [
            "/* c */ export /* c */ const /* c */ meta /* c */ = /* c */ { name: 'n', /* c */ description: 'd' } // c",
            "export const meta = { 'name': 'n', \"description\": 'd' }",
            "export const meta = ({ name: ('n'), description: (('d')) })",
            "#!/usr/bin/env smol-wf\nexport const meta = { name: 'n', description: 'd' }",
            "\u{feff}export const meta = { name: 'n', description: 'd' }",
            "\u{feff}#!/usr/bin/env smol-wf\nexport const meta = { name: 'n', description: 'd' }",
            "export const meta = { name: 'x', name: 'n', description: 1, description: 'd' }",
            "export const meta = { 1: 'x', 0x10: 2, name: 'n', description: 'd' }",
            "export const meta = { name: 'n', description: 'd', a: null, b: true, c: -1, d: +2, e: - -3, f: 1e3, g: 0x10, h: -(1), i: 1e999 }",
            "export const meta = { __proto__: null, name: 'n', description: 'd' }",
            "import x from 'workflow:extra'\nconst a = 1; if (a) { f() }\nexport const meta = { name: 'n', description: 'd' }",
            "export const a = 1, meta = { name: 'n', description: 'd' }, b = 2",
            "export const { meta: x } = y, meta = { name: 'n', description: 'd' }",
            "export let meta1 = 1; export const meta = { name: 'n', description: 'd' }",
            "export const meta = { name: 'n', description: 'd', nested: { list: [[], [{ a: 'b' }]] } }",
            "export const meta = { name: '\\u006e', description: '\\x64' }",
            // Beyond the original.
            "export const meta = { name: `n`, description: 'd' }",
            "export const meta = { name: 'n', description: '' + 'd' + `` + ('' + '') }",
            "'use strict'\r\nexport const meta = {\r\n  name: 'n',\r\n  description: 'd'\r\n}\r\n",
        ] {
            let metadata = meta_of(declaration).expect(declaration);
            assert_eq!((metadata.name.as_str(), metadata.description.as_str()), ("n", "d"), "{declaration}");
            assert_eq!(read_metadata(declaration), Some(metadata), "{declaration}");
        }
    }

    #[test]
    fn metadata_forms_that_are_refused() {
        for (declaration, expected) in [
            ("", "found no `export const meta` in review.js"),
            ("export const other = {}", "found no `export const meta` in review.js"),
            ("function meta() {}", "found no `export const meta` in review.js"),
            ("{ const meta = { name: 'n', description: 'd' } }", "found no `export const meta` in review.js"),
            (
                "export const { meta } = { meta: { name: 'n', description: 'd' } }",
                "found no `export const meta` in review.js",
            ),
            (
                "export let meta = {}",
                "found `export let meta` instead of `export const meta` at review.js:1:12 (meta)",
            ),
            (
                "export var meta = {}",
                "found `export var meta` instead of `export const meta` at review.js:1:12 (meta)",
            ),
            (
                "const meta = {}; export { meta }",
                "found `const meta` without `export` at review.js:1:7 (meta)",
            ),
            (
                "const m = {}; export { m as meta }",
                "found `meta` exported apart from its declaration at review.js:1:24 (meta)",
            ),
            ("const meta = {}", "found `const meta` without `export` at review.js:1:7 (meta)"),
            ("export const meta = Object.freeze({})", "found a call expression at review.js:1:21 (meta)"),
            ("export const meta = other", "found the identifier `other` at review.js:1:21 (meta)"),
            ("export const meta = { name }", "found a shorthand property at review.js:1:23 (meta.name)"),
            ("export const meta = { ...x }", "found a spread at review.js:1:23 (meta)"),
            ("export const meta = { ['name']: 'n' }", "found a computed key at review.js:1:24 (meta)"),
            ("export const meta = { name() {} }", "found a method at review.js:1:23 (meta.name)"),
            (
                "export const meta = { get name() { return 1 } }",
                "found a getter at review.js:1:23 (meta.name)",
            ),
            ("export const meta = { set name(x) {} }", "found a setter at review.js:1:23 (meta.name)"),
            ("export const meta = { name: () => 1 }", "found a function at review.js:1:29 (meta.name)"),
            (
                "export const meta = { name: `${1}` }",
                "found a template literal with a substitution at review.js:1:32 (meta.name)",
            ),
            ("export const meta = { name: /x/ }", "found a regular expression at review.js:1:29 (meta.name)"),
            ("export const meta = { name: 1n }", "found a BigInt at review.js:1:29 (meta.name)"),
            (
                "export const meta = { 1n: 1 }",
                "found a key that is neither a name, a string nor a number at review.js:1:23 (meta)",
            ),
            (
                "export const meta = { name: undefined }",
                "found the identifier `undefined` at review.js:1:29 (meta.name)",
            ),
            ("export const meta = { name: !true }", "found the operator `!` at review.js:1:29 (meta.name)"),
            ("export const meta = { name: -'5' }", "found the operator `-` at review.js:1:29 (meta.name)"),
            (
                "export const meta = { name: -Infinity }",
                "found the operator `-` at review.js:1:29 (meta.name)",
            ),
            (
                "export const meta = { name: 'a' - 'b' }",
                "found the operator `-` at review.js:1:29 (meta.name)",
            ),
            (
                "export const meta = { name: 'a' + 1 }",
                "found a number added to a string at review.js:1:35 (meta.name)",
            ),
            (
                "export const meta = { name: 1 + 'a' }",
                "found a number added to a string at review.js:1:29 (meta.name)",
            ),
            (
                "export const meta = { name: 'a' + b }",
                "found the identifier `b` at review.js:1:35 (meta.name)",
            ),
            ("export const meta = { x: [1, , 2] }", "found an array hole at review.js:1:30 (meta.x[1])"),
            ("export const meta = { x: [...y] }", "found a spread at review.js:1:27 (meta.x[0])"),
            (
                "export const meta = [{ name: 'n', description: 'd' }]",
                "found an array instead of an object at review.js:1:21 (meta)",
            ),
            ("export const meta = 'n'", "found a string instead of an object at review.js:1:21 (meta)"),
            (
                "export const meta = { description: 'd' }",
                "found metadata without `name` at review.js:1:21 (meta.name must be a string)",
            ),
            (
                "export const meta = { name: 'n' }",
                "found metadata without `description` at review.js:1:21 (meta.description must be a string)",
            ),
            (
                "export const meta = { name: 1, description: 'd' }",
                "found metadata with a number as `name` at review.js:1:21 (meta.name must be a string)",
            ),
            (
                "export const meta = { name: 'n', description: null }",
                "found metadata with null as `description` at review.js:1:21 (meta.description must be a string)",
            ),
            // Fields that nothing reads must be literal too.
            (
                "export const meta = { name: 'n', description: 'd', 'x y': f() }",
                "found a call expression at review.js:1:59 (meta[\"x y\"])",
            ),
            (
                "// ü🙂\r\nexport const meta = {\r\n  name: '🙂', phases: [{ title: 'a' }, { title: t() }] }",
                "found a call expression at review.js:3:49 (meta.phases[1].title)",
            ),
        ] {
            assert_eq!(read_metadata(declaration), None, "{declaration}");
            let text = found(meta_of(declaration).expect_err(declaration));
            assert_eq!(text, expected, "{declaration}");
        }
    }

    #[test]
    fn the_first_metadata_decides() {
        let twice = "export const meta = { name: 'a', description: 'd' }; export const meta = { name: 'b', description: 'd' }";
        assert_eq!(read_metadata(twice).unwrap().name, "a");
        assert_eq!(failure(twice), ("ERR_SCRIPT_SYNTAX", 1, 67));
        assert_eq!(
            read_metadata("export const meta = f(); export const meta = { name: 'b', description: 'd' }"),
            None
        );
    }

    #[test]
    fn metadata_is_normalised() {
        let phase = |title: &str| PhaseMetadata { title: title.to_owned(), ..PhaseMetadata::default() };
        for (fields, when_to_use, phases) in [
            ("", None, None),
            ("whenToUse: 'w', phases: []", Some("w"), Some(vec![])),
            ("whenToUse: 1, phases: { title: 'a' }", None, None),
            ("phases: 'a'", None, None),
            ("phases: [{ title: 'a', detail: 1, model: null, provider: [] }]", None, Some(vec![phase("a")])),
            (
                "phases: [null, 1, [], {}, { title: 2 }, { title: 'b' }, 'c']",
                None,
                Some(vec![phase("b"), phase("c")]),
            ),
            (
                "phases: [{ title: 'a', detail: 'b', model: 'c', provider: 'd' }]",
                None,
                Some(vec![PhaseMetadata {
                    title: "a".to_owned(),
                    detail: Some("b".to_owned()),
                    model: Some("c".to_owned()),
                    provider: Some("d".to_owned()),
                }]),
            ),
        ] {
            let metadata = meta_of(&format!("export const meta = {{ name: '', description: '', {fields} }}"))
                .expect(fields);
            let expected = WorkflowMetadata {
                name: String::new(),
                description: String::new(),
                when_to_use: when_to_use.map(str::to_owned),
                phases,
            };
            assert_eq!(metadata, expected, "{fields}");
        }
    }

    #[test]
    fn half_characters_in_metadata_become_replacement_characters() {
        let metadata =
            meta_of(r"export const meta = { name: 'a\ud83db\ufffd🙂', description: '\ud83d\ude42' }")
                .unwrap();
        assert_eq!((metadata.name.as_str(), metadata.description.as_str()), ("a\u{fffd}b\u{fffd}🙂", "🙂"));
    }

    #[test]
    fn metadata_survives_syntax_errors_behind_it() {
        for rest in [
            "export default {{{",
            "const x = ;",
            "await agent('x'",
            "`abc",
            "'abc\n",
            "}}}",
            "let a = b as const",
            "export const x = {} export const y",
            "const f = (a: string) => a",
            "<<<<<<< HEAD\n",
        ] {
            let source = format!("import a from 'b'\nexport const v = {{ w: {{}} }}\n{META}{rest}");
            assert_eq!(failure(&source).0, "ERR_SCRIPT_SYNTAX", "{rest}");
            assert_eq!(read_metadata(&source).map(|it| it.name), Some("n".to_owned()), "{rest}");
        }
        for (source, expected) in [
            ("export const a = {}, meta = { name: 'n', description: 'd' }, b = {} }", true),
            ("export const meta = { name: 'n', description: 'd' } satisfies T", true),
            ("export const meta = { name: 'n', description: 'd' } as const", true),
            ("export const meta: T = { name: 'n', description: 'd' }", true),
            ("x = ; export const meta = { name: 'n', description: 'd' }", true),
            ("export const meta = { name: 'n' description: 'd' }", false),
            ("{ export const meta = { name: 'n', description: 'd' } }", false),
            ("'export const meta = { name: 1, description: 2 }' }", false),
        ] {
            assert_eq!(read_metadata(source).is_some(), expected, "{source}");
        }
    }

    #[test]
    fn nested_metadata_is_refused_where_it_is_too_deep() {
        let deep = format!(
            "export const meta = {{ name: 'n', description: 'd', x: {}1{} }}\n",
            "[".repeat(20_000),
            "]".repeat(20_000)
        );
        assert_eq!(read_metadata(&deep), None);
        assert_eq!(failure(&format!("{deep}return 1")), ("ERR_SCRIPT_UNSUPPORTED", 1, 554));
        let parts = "'x' + ".repeat(100_000);
        let long = format!("export const meta = {{ name: 'n', description: {parts}'' }}\nreturn 1");
        assert_eq!(read_text(&long).unwrap().metadata.description.len(), 100_000);
    }
}
