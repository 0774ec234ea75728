//! Expressions as V8 prints them in its errors.
//!
//! Knows the tree, nothing of what fails.

use oxc_ast::ast::{Argument, ArrayExpressionElement, ChainElement, Expression, PropertyKey};
use oxc_span::GetSpan;

/// What V8 prints where it does not look closer.
const INTERMEDIATE: &str = "(intermediate value)";

/// Prints expressions of one source.
#[derive(Clone, Copy)]
pub(super) struct Printer<'a> {
    pub(super) text: &'a str,
    /// A complaint about iterating: V8 names the functions that gave the value.
    pub(super) iterated: bool,
}

impl Printer<'_> {
    /// An expression; `(intermediate value)` for what V8 does not print.
    pub(super) fn print(self, expression: &Expression<'_>) -> String {
        let mut out = String::new();
        self.find(expression, &mut out);
        out
    }

    fn find(self, expression: &Expression<'_>, out: &mut String) {
        let before = out.len();
        self.visit(expression, out);
        if out.len() == before {
            out.push_str(INTERMEDIATE);
        }
    }

    fn visit(self, expression: &Expression<'_>, out: &mut String) {
        match expression {
            Expression::ParenthesizedExpression(inner) => self.visit(&inner.expression, out),
            Expression::CallExpression(call) => {
                self.find(&call.callee, out);
                if !self.iterated {
                    out.push_str("(...)");
                }
            }
            Expression::TaggedTemplateExpression(call) => {
                self.find(&call.tag, out);
                out.push_str("(...)");
            }
            Expression::NewExpression(new) if self.iterated => self.find(&new.callee, out),
            Expression::ChainExpression(chain) => self.chain(&chain.expression, out),
            Expression::AssignmentExpression(assignment) => {
                out.push_str(self.source(assignment.left.span()));
            }
            Expression::ArrayExpression(array) => {
                out.push('[');
                for (index, element) in array.elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    match element {
                        ArrayExpressionElement::SpreadElement(spread) => {
                            out.push_str("(...");
                            self.find(&spread.argument, out);
                            out.push(')');
                        }
                        ArrayExpressionElement::Elision(_) => out.push_str(INTERMEDIATE),
                        other => other.as_expression().into_iter().for_each(|it| self.find(it, out)),
                    }
                }
                out.push(']');
            }
            Expression::ObjectExpression(object) => {
                out.push('{');
                object.properties.iter().for_each(|_| out.push_str(INTERMEDIATE));
                out.push('}');
            }
            Expression::ConditionalExpression(_) => (0..3).for_each(|_| out.push_str(INTERMEDIATE)),
            Expression::AwaitExpression(_) => out.push_str(INTERMEDIATE),
            Expression::BinaryExpression(it) => self.infix(&it.left, it.operator.as_str(), &it.right, out),
            Expression::LogicalExpression(it) => self.infix(&it.left, it.operator.as_str(), &it.right, out),
            Expression::SequenceExpression(sequence) => {
                out.push('(');
                for (index, part) in sequence.expressions.iter().enumerate() {
                    if index > 0 {
                        out.push_str(" , ");
                    }
                    self.find(part, out);
                }
                out.push(')');
            }
            _ => self.simple(expression, out),
        }
    }

    /// What is neither a call nor made of several values.
    fn simple(self, expression: &Expression<'_>, out: &mut String) {
        match expression {
            Expression::Identifier(name) => out.push_str(&name.name),
            Expression::ThisExpression(_) => out.push_str("this"),
            Expression::BooleanLiteral(literal) => out.push_str(if literal.value { "true" } else { "false" }),
            Expression::NullLiteral(_) => out.push_str("null"),
            Expression::NumericLiteral(literal) => out.push_str(&literal.value.to_string()),
            Expression::StringLiteral(literal) => {
                out.push('"');
                out.push_str(&literal.value);
                out.push('"');
            }
            Expression::RegExpLiteral(literal) => out.push_str(self.source(literal.span)),
            Expression::TemplateLiteral(template) => {
                if template.expressions.is_empty() {
                    out.push('"');
                    out.push_str(template.quasis.first().map_or("", |quasi| &quasi.value.raw));
                    out.push('"');
                }
                template.expressions.iter().for_each(|part| self.find(part, out));
            }
            Expression::UnaryExpression(unary) => {
                if let Some(number) = literal(expression) {
                    out.push_str(&number);
                    return;
                }
                let operator = unary.operator.as_str();
                let blank = if operator.len() > 1 { " " } else { "" };
                out.push_str(&format!("({operator}{blank}"));
                self.find(&unary.argument, out);
                out.push(')');
            }
            Expression::UpdateExpression(update) => {
                out.push_str(&format!("({})", self.source(update.span)));
            }
            Expression::StaticMemberExpression(member) => {
                self.find(&member.object, out);
                out.push_str(if member.optional { "?." } else { "." });
                out.push_str(&member.property.name);
            }
            Expression::ComputedMemberExpression(member) => {
                self.find(&member.object, out);
                self.computed(&member.expression, member.optional, out);
            }
            Expression::PrivateFieldExpression(member) => {
                self.find(&member.object, out);
                out.push_str(if member.optional { "?.#" } else { ".#" });
                out.push_str(&member.field.name);
            }
            _ => {}
        }
    }

    fn chain(self, element: &ChainElement<'_>, out: &mut String) {
        match element {
            ChainElement::CallExpression(call) => {
                self.find(&call.callee, out);
                if !self.iterated {
                    out.push_str("(...)");
                }
            }
            ChainElement::StaticMemberExpression(member) => {
                self.find(&member.object, out);
                out.push_str(if member.optional { "?." } else { "." });
                out.push_str(&member.property.name);
            }
            ChainElement::ComputedMemberExpression(member) => {
                self.find(&member.object, out);
                self.computed(&member.expression, member.optional, out);
            }
            _ => {}
        }
    }

    fn computed(self, key: &Expression<'_>, optional: bool, out: &mut String) {
        if let Expression::StringLiteral(name) = key {
            out.push_str(if optional { "?." } else { "." });
            out.push_str(&name.value);
            return;
        }
        out.push_str(if optional { "?.[" } else { "[" });
        self.find(key, out);
        out.push(']');
    }

    fn infix(self, left: &Expression<'_>, operator: &str, right: &Expression<'_>, out: &mut String) {
        out.push('(');
        match left.get_inner_expression() {
            // V8 keeps longer sums and the like in one row.
            Expression::BinaryExpression(inner)
                if inner.operator.as_str() == operator && inner.operator.is_arithmetic() =>
            {
                let mut row = String::new();
                self.visit(left, &mut row);
                let inner = row.strip_prefix('(').and_then(|row| row.strip_suffix(')'));
                out.push_str(inner.unwrap_or(&row));
            }
            _ => self.find(left, out),
        }
        out.push_str(&format!(" {operator} "));
        self.find(right, out);
        out.push(')');
    }

    fn source(&self, span: oxc_span::Span) -> &str {
        span.source_text(self.text)
    }
}

/// The value of a literal, as V8 shows values in messages.
pub(super) fn literal(expression: &Expression<'_>) -> Option<String> {
    match expression.get_inner_expression() {
        Expression::StringLiteral(literal) => Some(literal.value.to_string()),
        Expression::NumericLiteral(literal) => Some(literal.value.to_string()),
        Expression::BooleanLiteral(literal) => Some(literal.value.to_string()),
        Expression::NullLiteral(_) => Some("null".to_owned()),
        Expression::Identifier(name) if name.name == "undefined" || name.name == "NaN" => {
            Some(name.name.to_string())
        }
        Expression::UnaryExpression(unary) if unary.operator.as_str() == "-" => match &unary.argument {
            Expression::NumericLiteral(number) => Some(format!("-{}", number.value)),
            _ => None,
        },
        Expression::ObjectExpression(object) if object.properties.is_empty() => Some("#<Object>".to_owned()),
        _ => None,
    }
}

/// The arguments of a call up to the first that is spread: the values of literals, else the expressions.
pub(super) fn arguments(printer: Printer<'_>, arguments: &[Argument<'_>]) -> Vec<String> {
    let plain = arguments.iter().map_while(|argument| argument.as_expression());
    plain.map(|it| literal(it).unwrap_or_else(|| printer.print(it))).collect()
}

/// The name of a property that is not computed.
pub(super) fn key(key: &PropertyKey<'_>) -> Option<String> {
    match key {
        PropertyKey::StaticIdentifier(name) => Some(name.name.to_string()),
        PropertyKey::StringLiteral(name) => Some(name.value.to_string()),
        PropertyKey::NumericLiteral(name) => Some(name.value.to_string()),
        _ => None,
    }
}
