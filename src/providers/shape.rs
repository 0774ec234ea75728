//! Schemas as agent CLIs take them: closed for Codex, with an object at the root for those that take nothing else; and
//! answers turned back into what the caller's own schema describes.
//!
//! Walks schemas by position: a property called `properties` is a property, and what stands in `const`, `enum`,
//! `default` or `examples` is a value. Checks nothing: whoever asked holds the answer against his own schema.

use std::collections::{HashMap, HashSet};
use std::ptr;
use std::sync::Arc;

use serde_json::{Map, Value, json};

/// How far a schema is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Objects take no properties beyond the declared ones. What is optional stays optional.
    Declared,
    /// The same, and every property is required: one that was optional may be `null` instead. The root is an
    /// object. Services that compile schemas into grammars ask for this.
    Strict,
}

/// How the value that a CLI returns becomes the value that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restore {
    /// The value is the property `value` of what comes back.
    pub wrapped: bool,
    /// The caller's schema, if optional properties come back as `null`.
    pub nulls_of: Option<Arc<Value>>,
}

/// The property that holds a value whose schema had to be wrapped.
const VALUE: &str = "value";

impl Restore {
    /// The value that was asked for. Anything unexpected is left as it is, for the caller's check to find.
    pub fn apply(&self, answer: Value) -> Value {
        let value = match answer {
            Value::Object(mut object) if self.wrapped && object.len() == 1 => match object.remove(VALUE) {
                Some(value) => value,
                None => Value::Object(object),
            },
            other => other,
        };
        match &self.nulls_of {
            Some(schema) => reopen(value, schema),
            None => value,
        }
    }
}

/// A schema and what undoes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shaped {
    pub schema: Value,
    pub restore: Restore,
}

/// The schema with all its objects closed.
pub fn close(schema: &Arc<Value>, closing: Closing) -> Shaped {
    if closing == Closing::Declared {
        return Shaped { schema: closed(schema, &mut None), restore: Restore::default() };
    }
    let closed = closed(schema, &mut Some(Nulls::new(schema)));
    let wrapped = closed.get("type").is_none_or(|kind| kind != "object");
    Shaped {
        schema: if wrapped { wrap(&closed) } else { closed },
        restore: Restore { wrapped, nulls_of: Some(Arc::clone(schema)) },
    }
}

/// The schema itself if its root may be an object, else one of an object that holds the value.
pub fn with_object_root(schema: &Value) -> Shaped {
    let other_type = schema.get("type").and_then(Value::as_str).is_some_and(|name| name != "object");
    let values_only = ["const", "enum"].iter().any(|key| schema.get(key).is_some());
    let wrapped = other_type || (values_only && schema.get("type").is_none());
    Shaped {
        schema: if wrapped { wrap(schema) } else { schema.clone() },
        restore: Restore { wrapped, nulls_of: None },
    }
}

/// What the places below a schema hold.
enum Place {
    /// One schema.
    Schema,
    /// An array of schemas.
    List,
    /// An object whose values are schemas.
    Named,
    /// `items`: one schema, or an array of them.
    Either,
}

/// The keywords with schemas that describe a whole value. Others (`not`, `if`, `dependentSchemas`, …) say something
/// about a value that is described elsewhere: closing them would turn their meaning round.
const PLACES: &[(&str, Place)] = &[
    ("properties", Place::Named),
    ("patternProperties", Place::Named),
    ("$defs", Place::Named),
    ("definitions", Place::Named),
    ("items", Place::Either),
    ("additionalItems", Place::Schema),
    ("contains", Place::Schema),
    ("prefixItems", Place::List),
    ("allOf", Place::List),
    ("anyOf", Place::List),
    ("oneOf", Place::List),
];

/// Everywhere that a reference may stand: the places above and those that are not closed.
const FURTHER_PLACES: &[(&str, Place)] = &[
    ("additionalProperties", Place::Schema),
    ("propertyNames", Place::Schema),
    ("unevaluatedItems", Place::Schema),
    ("unevaluatedProperties", Place::Schema),
    ("not", Place::Schema),
    ("if", Place::Schema),
    ("then", Place::Schema),
    ("else", Place::Schema),
    ("dependentSchemas", Place::Named),
    ("dependencies", Place::Named),
];

/// What stands at `key`, with its schemas changed, if schemas stand there.
fn mapped(
    key: &str,
    value: &Value,
    places: &[(&str, Place)],
    change: &mut dyn FnMut(&Value) -> Value,
) -> Option<Value> {
    let (_, place) = places.iter().find(|(keyword, _)| *keyword == key)?;
    match (place, value) {
        (Place::Schema | Place::Either, value @ Value::Object(_)) => Some(change(value)),
        (Place::List | Place::Either, Value::Array(items)) => Some(items.iter().map(change).collect()),
        (Place::Named, Value::Object(named)) => {
            Some(named.iter().map(|(name, value)| (name.clone(), change(value))).collect())
        }
        _ => None,
    }
}

/// The schema with its objects closed; strictly, if `nulls` are to stand for what is optional.
fn closed(schema: &Value, nulls: &mut Option<Nulls<'_>>) -> Value {
    let Value::Object(object) = schema else { return schema.clone() };
    let mut copy: Map<String, Value> = object
        .iter()
        .map(|(key, value)| {
            let changed = mapped(key, value, PLACES, &mut |below| closed(below, nulls));
            (key.clone(), changed.unwrap_or_else(|| value.clone()))
        })
        .collect();
    let kind = object.get("type");
    let is_object = kind.is_some_and(|kind| kind == "object") || object.contains_key("properties");
    let may_be_object =
        kind.and_then(Value::as_array).is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"));
    if is_object || (may_be_object && nulls.is_some()) {
        for (key, kept, default) in [
            ("properties", copy.get("properties").is_some_and(Value::is_object), json!({})),
            ("required", copy.get("required").is_some_and(Value::is_array), json!([])),
        ] {
            if !kept {
                copy.insert(key.to_owned(), default);
            }
        }
        copy.insert("additionalProperties".to_owned(), Value::Bool(false));
        if let Some(nulls) = nulls {
            require_all(&mut copy, object, nulls);
        }
    }
    Value::Object(copy)
}

/// Requires every property; those that were optional and may not be null may be null instead. What may be null is
/// looked up in the schema as it was given.
fn require_all(copy: &mut Map<String, Value>, given: &Map<String, Value>, nulls: &mut Nulls<'_>) {
    let Some(Value::Object(given_properties)) = given.get("properties") else { return };
    let required = required_names(given);
    let optional: Vec<_> =
        given_properties.iter().filter(|(name, _)| !required.contains(name.as_str())).collect();
    if let Some(Value::Object(properties)) = copy.get_mut("properties") {
        for (name, property) in &optional {
            if let Some(closed) = properties.get_mut(*name).filter(|_| !nulls.admitted_by(property)) {
                let alternatives = json!([closed.take(), { "type": "null" }]);
                *closed = json!({ "anyOf": alternatives });
            }
        }
    }
    if let Some(Value::Array(names)) = copy.get_mut("required") {
        names.extend(optional.into_iter().map(|(name, _)| Value::String(name.clone())));
    }
}

fn required_names(object: &Map<String, Value>) -> HashSet<&str> {
    object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn requires(object: &Map<String, Value>, name: &str) -> bool {
    object.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|it| it == name))
}

/// A schema of `{ value }` around another. References still find what they meant.
fn wrap(schema: &Value) -> Value {
    let mut inner = rebased(schema);
    let mut moved = Map::new();
    if let Value::Object(object) = &mut inner {
        for key in ["$schema", "$defs", "definitions"] {
            if let Some(value) = object.shift_remove(key) {
                moved.insert(key.to_owned(), value);
            }
        }
    }
    let mut outer = Map::new();
    outer.insert("type".to_owned(), json!("object"));
    outer.insert("properties".to_owned(), json!({ VALUE: inner }));
    outer.insert("required".to_owned(), json!([VALUE]));
    outer.insert("additionalProperties".to_owned(), json!(false));
    outer.extend(moved);
    Value::Object(outer)
}

/// The schema with references to places of its root turned into references to the same places one level down.
fn rebased(schema: &Value) -> Value {
    let Value::Object(object) = schema else { return schema.clone() };
    let change = |(key, value): (&String, &Value)| {
        let changed = match (key.as_str(), value) {
            ("$ref", Value::String(target)) => rebased_target(target).map(Value::String),
            _ => mapped(key, value, PLACES, &mut rebased)
                .or_else(|| mapped(key, value, FURTHER_PLACES, &mut rebased)),
        };
        (key.clone(), changed.unwrap_or_else(|| value.clone()))
    };
    object.iter().map(change).collect()
}

fn rebased_target(target: &str) -> Option<String> {
    let path = target.strip_prefix('#')?;
    let definition = path.starts_with("/$defs/") || path.starts_with("/definitions/");
    let of_root = path.is_empty() || (path.starts_with('/') && !definition);
    of_root.then(|| format!("#/properties/{VALUE}{path}"))
}

/// Answers whether a schema lets `null` pass. Where it cannot be told (`not`, `if`), it is taken to: a null is then left
/// to the caller's own check.
struct Nulls<'a> {
    root: &'a Value,
    known: HashMap<*const Value, bool>,
}

impl<'a> Nulls<'a> {
    fn new(root: &'a Value) -> Self {
        Self { root, known: HashMap::new() }
    }

    fn admitted_by(&mut self, schema: &Value) -> bool {
        let Value::Object(object) = schema else { return schema != &Value::Bool(false) };
        let address = ptr::from_ref(schema);
        if let Some(known) = self.known.get(&address) {
            return *known;
        }
        // A schema that refers to itself says nothing by that.
        self.known.insert(address, true);
        let admitted = self.look(object);
        self.known.insert(address, admitted);
        admitted
    }

    fn look(&mut self, object: &Map<String, Value>) -> bool {
        if object.get("nullable") == Some(&Value::Bool(true)) {
            return true;
        }
        let by_type = match object.get("type") {
            Some(Value::String(name)) => name == "null",
            Some(Value::Array(names)) => names.iter().any(|name| name == "null"),
            _ => true,
        };
        let by_value = object.get("const").is_none_or(Value::is_null)
            && object
                .get("enum")
                .and_then(Value::as_array)
                .is_none_or(|values| values.iter().any(Value::is_null));
        if !by_type || !by_value {
            return false;
        }
        let list = |key: &str| object.get(key).and_then(Value::as_array);
        let all = list("allOf").is_none_or(|all| all.iter().all(|it| self.admitted_by(it)));
        let any = list("anyOf").is_none_or(|any| any.iter().any(|it| self.admitted_by(it)));
        let one = list("oneOf").is_none_or(|one| one.iter().any(|it| self.admitted_by(it)));
        let root = self.root;
        let referred = object.get("$ref").and_then(Value::as_str).and_then(|target| resolve(root, target));
        all && any && one && referred.is_none_or(|target| self.admitted_by(target))
    }
}

/// The schema that a reference within the document names.
fn resolve<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    root.pointer(target.strip_prefix('#')?)
}

/// Takes out the nulls that stand for optional properties after [`Closing::Strict`]; a null that the schema itself
/// lets pass stays.
pub fn reopen(mut value: Value, schema: &Value) -> Value {
    drop_nulls(&mut value, &[schema], &mut Nulls::new(schema));
    value
}

/// `schemas` are all that describe this value.
fn drop_nulls(value: &mut Value, schemas: &[&Value], nulls: &mut Nulls<'_>) {
    let root = nulls.root;
    let mut described = Vec::new();
    for schema in schemas {
        gather(schema, root, &mut described);
    }
    match value {
        Value::Object(object) => {
            object.retain(|name, value| {
                let properties: Vec<_> = described
                    .iter()
                    .filter_map(|schema| Some((*schema, schema.get("properties")?.as_object()?.get(name)?)))
                    .collect();
                let optional = || properties.iter().any(|(schema, _)| !requires(schema, name));
                if value.is_null() && optional() && !properties.iter().any(|(_, it)| nulls.admitted_by(it)) {
                    return false;
                }
                let properties: Vec<_> = properties.into_iter().map(|(_, property)| property).collect();
                drop_nulls(value, &properties, nulls);
                true
            });
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                let below: Vec<_> = described.iter().filter_map(|schema| item_schema(schema, at)).collect();
                drop_nulls(item, &below, nulls);
            }
        }
        _ => {}
    }
}

/// Adds the schema and all that it applies to the same value.
fn gather<'a>(schema: &'a Value, root: &'a Value, found: &mut Vec<&'a Map<String, Value>>) {
    let Value::Object(object) = schema else { return };
    if found.iter().any(|known| ptr::eq(*known, object)) {
        return;
    }
    found.push(object);
    for key in ["allOf", "anyOf", "oneOf"] {
        for member in object.get(key).and_then(Value::as_array).into_iter().flatten() {
            gather(member, root, found);
        }
    }
    if let Some(target) = object.get("$ref").and_then(Value::as_str).and_then(|it| resolve(root, it)) {
        gather(target, root, found);
    }
}

/// What a schema of an array says about one item.
fn item_schema(schema: &Map<String, Value>, at: usize) -> Option<&Value> {
    let in_list = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|list| list.get(at));
    in_list("prefixItems").or_else(|| in_list("items")).or_else(|| {
        let rest = if schema.get("items").is_some_and(Value::is_array) { "additionalItems" } else { "items" };
        schema.get(rest).filter(|it| it.is_object())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(schema: Value, closing: Closing) -> Value {
        close(&Arc::new(schema), closing).schema
    }

    /// Compares key order too.
    fn same(found: &Value, expected: &Value) {
        assert_eq!(found.to_string(), expected.to_string());
    }

    #[test]
    fn declared_closing_is_that_of_the_original() {
        let object = json!({ "type": "object" });
        let closed_object =
            json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
        for (schema, expected) in [
            (json!(true), json!(true)),
            (json!({ "type": "string" }), json!({ "type": "string" })),
            (object.clone(), closed_object.clone()),
            (
                json!({ "properties": { "a": object } }),
                json!({ "properties": { "a": closed_object }, "required": [], "additionalProperties": false }),
            ),
            // Required stays as it is, subset or nonsense; keys keep their places.
            (
                json!({ "additionalProperties": true, "required": ["n"], "type": "object", "properties": { "n": {}, "m": {} } }),
                json!({ "additionalProperties": false, "required": ["n"], "type": "object", "properties": { "n": {}, "m": {} } }),
            ),
            (
                json!({ "type": "object", "properties": [], "required": "x", "additionalProperties": { "type": "object" } }),
                json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false }),
            ),
            (json!({ "type": ["object", "null"] }), json!({ "type": ["object", "null"] })),
            (json!({ "type": "array", "items": object }), json!({ "type": "array", "items": closed_object })),
            (
                json!({ "$defs": { "d": object }, "anyOf": [object, { "$ref": "#/$defs/d" }, false], "items": [true, object] }),
                json!({ "$defs": { "d": closed_object }, "anyOf": [closed_object, { "$ref": "#/$defs/d" }, false], "items": [true, closed_object] }),
            ),
        ] {
            same(&self::closed(schema, Closing::Declared), &expected);
        }
    }

    #[test]
    fn values_and_names_are_not_schemas() {
        let open = json!({ "type": "object", "properties": { "x": {} } });
        for schema in [
            json!({ "const": open }),
            json!({ "enum": [open] }),
            json!({ "default": open, "examples": [open] }),
            json!({ "not": open, "if": open, "then": open, "else": open, "dependentSchemas": { "a": open } }),
            json!({ "x-vendor": open }),
        ] {
            same(&closed(schema.clone(), Closing::Declared), &schema);
            let strict = close(&Arc::new(schema.clone()), Closing::Strict).schema;
            same(&strict["properties"]["value"], &schema);
        }
        // A property called `properties`, whose own name does not make an object of its map.
        let schema = json!({ "type": "object", "properties": { "properties": { "type": "string" }, "type": { "const": 1 } } });
        let found = closed(schema, Closing::Declared);
        same(&found["properties"], &json!({ "properties": { "type": "string" }, "type": { "const": 1 } }));
    }

    #[test]
    fn strict_closing_requires_everything_and_opens_again() {
        let schema = Arc::new(json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "nick": { "type": "string" },
                "note": { "type": ["string", "null"] },
                "kind": { "enum": ["a", "b"] },
                "any": {},
                "list": { "type": "array", "items": { "$ref": "#/$defs/item" } },
                "either": { "anyOf": [{ "type": "number" }, { "type": "object", "properties": { "deep": { "const": 1 } } }] }
            },
            "required": ["name"],
            "$defs": { "item": { "type": "object", "properties": { "next": { "$ref": "#/$defs/item" }, "id": { "type": "number" } }, "required": ["id"] } }
        }));
        let shaped = close(&schema, Closing::Strict);
        let nil = json!({ "type": "null" });
        let item = json!({
            "type": "object",
            "properties": { "next": { "anyOf": [{ "$ref": "#/$defs/item" }, nil] }, "id": { "type": "number" } },
            "required": ["id", "next"], "additionalProperties": false
        });
        let deep = json!({
            "type": "object", "properties": { "deep": { "anyOf": [{ "const": 1 }, nil] } },
            "required": ["deep"], "additionalProperties": false
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "nick": { "anyOf": [{ "type": "string" }, nil] },
                "note": { "type": ["string", "null"] },
                "kind": { "anyOf": [{ "enum": ["a", "b"] }, nil] },
                "any": {},
                "list": { "anyOf": [{ "type": "array", "items": { "$ref": "#/$defs/item" } }, nil] },
                "either": { "anyOf": [{ "anyOf": [{ "type": "number" }, deep] }, nil] }
            },
            "required": ["name", "nick", "note", "kind", "any", "list", "either"],
            "$defs": { "item": item },
            "additionalProperties": false
        });
        same(&shaped.schema, &expected);
        assert!(!shaped.restore.wrapped);

        let answer = json!({
            "name": "n", "nick": null, "note": null, "kind": null, "any": null,
            "list": [{ "id": 1, "next": { "id": 2, "next": null } }, { "id": null, "next": null }],
            "either": { "deep": null }
        });
        let opened = json!({
            "name": "n", "note": null, "any": null,
            // A required null stays, for the check to find.
            "list": [{ "id": 1, "next": { "id": 2 } }, { "id": null }],
            "either": {}
        });
        same(&shaped.restore.apply(answer), &opened);
    }

    #[test]
    fn whether_null_passes() {
        for (schema, expected) in [
            (json!(true), true),
            (json!(false), false),
            (json!({}), true),
            (json!({ "type": "null" }), true),
            (json!({ "type": ["string"] }), false),
            (json!({ "type": "string", "nullable": true }), true),
            (json!({ "enum": ["a", null] }), true),
            (json!({ "const": "a" }), false),
            (json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }), true),
            (json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] }), false),
            (json!({ "allOf": [{}, { "type": "number" }] }), false),
            (json!({ "$ref": "#/$defs/text", "$defs": { "text": { "type": "string" } } }), false),
            (json!({ "$ref": "#" }), true),
            (json!({ "$ref": "https://elsewhere" }), true),
        ] {
            assert_eq!(Nulls::new(&schema).admitted_by(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_root_that_is_no_object_is_wrapped() {
        let schema = json!({
            "type": "array", "items": { "anyOf": [{ "$ref": "#" }, { "$ref": "#/items" }, { "$ref": "#/$defs/x" }] },
            "$defs": { "x": { "const": { "$ref": "#" } } }
        });
        let expected = json!({
            "type": "object",
            "properties": { "value": { "type": "array", "items": { "anyOf": [
                { "$ref": "#/properties/value" }, { "$ref": "#/properties/value/items" }, { "$ref": "#/$defs/x" }
            ] } } },
            "required": ["value"], "additionalProperties": false,
            "$defs": { "x": { "const": { "$ref": "#" } } }
        });
        let shaped = with_object_root(&schema);
        same(&shaped.schema, &expected);
        for (answer, value) in [
            (json!({ "value": [1] }), json!([1])),
            (json!({ "value": null }), json!(null)),
            (json!({ "value": 1, "more": 2 }), json!({ "value": 1, "more": 2 })),
            (json!({ "other": 1 }), json!({ "other": 1 })),
            (json!([2]), json!([2])),
        ] {
            assert_eq!(shaped.restore.apply(answer), value);
        }
        for (schema, wrapped) in [
            (json!({ "type": "object" }), false),
            (json!({ "properties": {} }), false),
            (json!({ "$ref": "#/$defs/x" }), false),
            (json!({ "type": ["object", "null"] }), false),
            (json!({ "enum": [1] }), true),
            (json!({ "type": "string" }), true),
            (json!(true), false),
        ] {
            assert_eq!(with_object_root(&schema).restore.wrapped, wrapped, "{schema}");
        }
        let strict = close(&Arc::new(json!({ "anyOf": [{ "type": "object" }] })), Closing::Strict);
        assert!(strict.restore.wrapped);
        assert_eq!(strict.restore.apply(json!({ "value": {} })), json!({}));
    }

    #[test]
    fn deep_schemas_take_linear_time() {
        let mut schema = json!({ "type": "string" });
        for _ in 0..100 {
            schema = json!({ "type": "object", "properties": { "properties": schema } });
        }
        let mut found = close(&Arc::new(schema), Closing::Strict).schema;
        for _ in 0..100 {
            assert_eq!(found["additionalProperties"], false);
            let property = found["properties"]["properties"].take();
            found = property["anyOf"][0].clone();
        }
        assert_eq!(found, json!({ "type": "string" }));
    }
}
