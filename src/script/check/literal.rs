//! Values that stand in the source: what JSON makes of an expression, if that is known before anything runs, and where
//! each part of it stands.
//!
//! Follows names to the constants they were declared as. Says nothing where it cannot be sure.

use std::collections::HashMap;

use oxc_ast::ast::{
    ArrayExpression, ArrayExpressionElement, BinaryExpression, BinaryOperator, Expression, MemberExpression,
    ObjectExpression, ObjectProperty, ObjectPropertyKind, PropertyKind, TemplateLiteral, UnaryOperator,
};
use oxc_span::GetSpan;
use serde_json::{Map, Number, Value};

use super::view::View;

/// Names, members and brackets that are followed into each other.
const MAX_DEPTH: usize = 100;

/// Parts of one value that are looked at. Names that stand for each other twice could double them without end.
const MAX_PARTS: usize = 50_000;

/// The largest integer that JavaScript prints as one and that fits into both worlds exactly.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Where the parts of a value stand: byte offsets by JSON pointers.
pub(in crate::script) type Places = HashMap<String, usize>;

/// What is known of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    Value(Value),
    /// JSON leaves it out.
    Undefined,
}

/// What JSON makes of an expression; `None` if only running the script tells.
pub(super) fn json<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> Option<Known> {
    Reader { view, places: None, parts: 0 }.known(expression, &mut String::new(), 0)
}

/// The same with the places of its parts.
pub(super) fn json_with_places<'a>(
    view: &View<'a>,
    expression: &'a Expression<'a>,
) -> Option<(Known, Places)> {
    let mut places = Places::new();
    let known =
        Reader { view, places: Some(&mut places), parts: 0 }.known(expression, &mut String::new(), 0)?;
    Some((known, places))
}

/// All texts that an expression may be, with their places; `None` if it may be others.
pub(super) fn texts<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> Option<Vec<(String, usize)>> {
    match expression.get_inner_expression() {
        Expression::ConditionalExpression(it) => {
            let mut all = texts(view, &it.consequent)?;
            all.extend(texts(view, &it.alternate)?);
            Some(all)
        }
        other => match json(view, other)? {
            Known::Value(Value::String(text)) => Some(vec![(text, other.span().start as usize)]),
            _ => None,
        },
    }
}

/// What an object literal says, member by member.
#[derive(Default)]
pub(super) struct Members<'a> {
    /// Name, place of the name, value; later ones win.
    pub(super) list: Vec<(String, usize, &'a Expression<'a>)>,
    /// There are more, whose names or values are not known.
    pub(super) open: bool,
    objects: usize,
}

impl<'a> Members<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Expression<'a>> {
        self.list.iter().rev().find(|(key, ..)| key == name).map(|(.., value)| *value)
    }
}

/// The members of an object that stands in the source, itself or by name; `None` for everything else.
pub(super) fn members<'a>(view: &View<'a>, expression: &'a Expression<'a>) -> Option<Members<'a>> {
    let mut members = Members::default();
    collect(view, expression, &mut members, 0).then_some(members)
}

fn collect<'a>(
    view: &View<'a>,
    expression: &'a Expression<'a>,
    into: &mut Members<'a>,
    depth: usize,
) -> bool {
    into.objects += 1;
    let Some(object) = object(view, expression, depth).filter(|_| into.objects < MAX_PARTS) else {
        return false;
    };
    for property in &object.properties {
        match property {
            ObjectPropertyKind::SpreadProperty(spread) => {
                into.open |= !collect(view, &spread.argument, into, depth + 1);
            }
            ObjectPropertyKind::ObjectProperty(property) => match name(property) {
                Some(name) => into.list.push((name, property.key.span().start as usize, &property.value)),
                None => into.open = true,
            },
        }
    }
    true
}

/// The name of a member that simply has a value.
fn name(property: &ObjectProperty<'_>) -> Option<String> {
    let name = property.key.static_name()?;
    (property.kind == PropertyKind::Init && (name != "__proto__" || property.shorthand))
        .then(|| name.into_owned())
}

/// The object literal behind an expression, if nothing changes it later.
fn object<'a>(
    view: &View<'a>,
    expression: &'a Expression<'a>,
    depth: usize,
) -> Option<&'a ObjectExpression<'a>> {
    match resolve(view, expression, depth)? {
        Expression::ObjectExpression(object) => Some(object),
        _ => None,
    }
}

/// Follows names and members to what they stand for.
pub(super) fn resolve<'a>(
    view: &View<'a>,
    expression: &'a Expression<'a>,
    depth: usize,
) -> Option<&'a Expression<'a>> {
    if depth > MAX_DEPTH {
        return None;
    }
    match expression.get_inner_expression() {
        Expression::Identifier(name) => {
            let value = view.constant(name)?;
            if view.symbol(name).is_some_and(|symbol| view.is_changed(symbol)) {
                return None;
            }
            resolve(view, value, depth + 1)
        }
        Expression::CallExpression(call) if is_freeze(view, &call.callee) => {
            resolve(view, call.arguments.first()?.as_expression()?, depth + 1)
        }
        other => match other.as_member_expression() {
            Some(member) => resolve(view, part(view, member, depth + 1)?, depth + 1),
            None => Some(other),
        },
    }
}

fn is_freeze<'a>(view: &View<'a>, callee: &Expression<'a>) -> bool {
    callee.is_specific_member_access("Object", "freeze")
        && callee.as_member_expression().is_some_and(|it| view.is_global(it.object(), "Object"))
}

/// `SCHEMAS.finding`
fn part<'a>(view: &View<'a>, member: &'a MemberExpression<'a>, depth: usize) -> Option<&'a Expression<'a>> {
    let wanted = member.static_property_name()?;
    let object = object(view, member.object(), depth)?;
    let mut found = None;
    for property in &object.properties {
        let ObjectPropertyKind::ObjectProperty(property) = property else { return None };
        if name(property)? == wanted {
            found = Some(&property.value);
        }
    }
    found
}

struct Reader<'v, 'a> {
    view: &'v View<'a>,
    places: Option<&'v mut Places>,
    parts: usize,
}

impl<'a> Reader<'_, 'a> {
    fn known(&mut self, expression: &'a Expression<'a>, pointer: &mut String, depth: usize) -> Option<Known> {
        self.parts += 1;
        if depth > MAX_DEPTH || self.parts > MAX_PARTS {
            return None;
        }
        let inner = expression.get_inner_expression();
        if let Some(places) = &mut self.places {
            places.insert(pointer.clone(), inner.span().start as usize);
        }
        let value = match inner {
            Expression::ObjectExpression(it) => {
                let mut object = Map::new();
                self.object(it, &mut object, pointer, depth)?;
                Value::Object(object)
            }
            Expression::ArrayExpression(it) => {
                let mut array = Vec::new();
                self.array(it, &mut array, pointer, depth)?;
                Value::Array(array)
            }
            Expression::StringLiteral(it) if !it.lone_surrogates => Value::from(it.value.as_str()),
            Expression::NumericLiteral(it) => number(it.value)?,
            Expression::BooleanLiteral(it) => Value::Bool(it.value),
            Expression::NullLiteral(_) => Value::Null,
            Expression::TemplateLiteral(it) => Value::String(self.template(it, depth)?),
            Expression::UnaryExpression(it) => {
                let Expression::NumericLiteral(literal) = it.argument.get_inner_expression() else {
                    return None;
                };
                match it.operator {
                    UnaryOperator::UnaryNegation => number(-literal.value)?,
                    UnaryOperator::UnaryPlus => number(literal.value)?,
                    _ => return None,
                }
            }
            Expression::BinaryExpression(it) if it.operator == BinaryOperator::Addition => {
                Value::String(self.concatenation(it, depth)?)
            }
            Expression::Identifier(name) if name.name == "undefined" && self.view.symbol(name).is_none() => {
                return Some(Known::Undefined);
            }
            _ => {
                let resolved = resolve(self.view, inner, depth)?;
                let followed = !std::ptr::eq(resolved, inner);
                return if followed { self.known(resolved, pointer, depth + 1) } else { None };
            }
        };
        Some(Known::Value(value))
    }

    fn object(
        &mut self,
        object: &'a ObjectExpression<'a>,
        into: &mut Map<String, Value>,
        pointer: &mut String,
        depth: usize,
    ) -> Option<()> {
        for property in &object.properties {
            match property {
                ObjectPropertyKind::SpreadProperty(spread) => {
                    let Expression::ObjectExpression(object) = resolve(self.view, &spread.argument, depth)?
                    else {
                        return None;
                    };
                    self.parts += 1;
                    if depth > MAX_DEPTH || self.parts > MAX_PARTS {
                        return None;
                    }
                    self.object(object, into, pointer, depth + 1)?;
                }
                ObjectPropertyKind::ObjectProperty(property) => {
                    let key = name(property).filter(|key| key != "toJSON")?;
                    let length = pointer.len();
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    let value = self.known(&property.value, pointer, depth + 1);
                    pointer.truncate(length);
                    match value? {
                        Known::Value(value) => into.insert(key, value),
                        Known::Undefined => into.remove(&key),
                    };
                }
            }
        }
        Some(())
    }

    fn array(
        &mut self,
        array: &'a ArrayExpression<'a>,
        into: &mut Vec<Value>,
        pointer: &mut String,
        depth: usize,
    ) -> Option<()> {
        for element in &array.elements {
            match element {
                ArrayExpressionElement::SpreadElement(spread) => {
                    let Expression::ArrayExpression(array) = resolve(self.view, &spread.argument, depth)?
                    else {
                        return None;
                    };
                    self.parts += 1;
                    if depth > MAX_DEPTH || self.parts > MAX_PARTS {
                        return None;
                    }
                    self.array(array, into, pointer, depth + 1)?;
                }
                ArrayExpressionElement::Elision(_) => into.push(Value::Null),
                other => {
                    let length = pointer.len();
                    pointer.push_str(&format!("/{}", into.len()));
                    let value = self.known(other.as_expression()?, pointer, depth + 1);
                    pointer.truncate(length);
                    into.push(match value? {
                        Known::Value(value) => value,
                        Known::Undefined => Value::Null,
                    });
                }
            }
        }
        Some(())
    }

    fn text(&mut self, expression: &'a Expression<'a>, depth: usize) -> Option<String> {
        let places = self.places.take();
        let known = self.known(expression, &mut String::new(), depth + 1);
        self.places = places;
        match known? {
            Known::Value(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn template(&mut self, template: &'a TemplateLiteral<'a>, depth: usize) -> Option<String> {
        let mut text = String::new();
        let mut expressions = template.expressions.iter();
        for quasi in &template.quasis {
            text.push_str(quasi.value.cooked.as_ref().filter(|_| !quasi.lone_surrogates)?);
            if let Some(expression) = expressions.next() {
                text.push_str(&self.text(expression, depth)?);
            }
        }
        Some(text)
    }

    /// Does not recurse along the chain, which may be as long as the source.
    fn concatenation(&mut self, first: &'a BinaryExpression<'a>, depth: usize) -> Option<String> {
        let mut parts = vec![&first.right];
        let mut left = &first.left;
        while let Expression::BinaryExpression(inner) = left {
            if inner.operator != BinaryOperator::Addition {
                return None;
            }
            parts.push(&inner.right);
            left = &inner.left;
        }
        parts.push(left);
        parts.into_iter().rev().map(|part| self.text(part, depth)).collect()
    }
}

/// A number as JSON has it: whole ones without a fraction.
fn number(value: f64) -> Option<Value> {
    if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER {
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number)
}
