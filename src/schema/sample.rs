//! Makes up a value that has the shape of a schema, for the `debug` provider.
//!
//! Shape only: bounds, lengths and references are not looked at, and the value is always the same. Knows nothing of
//! validation.

use serde_json::{Map, Value, json};

use crate::model::json::MAX_DEPTH;

/// The value for a schema; `None` is `undefined`, for a type that does not exist.
///
/// The first rule that applies decides: `const`, the first of `enum`, the first schema of `oneOf` or `anyOf`, all of
/// `allOf` merged, the (first) `type`, and last a type guessed from the other keywords.
pub fn sample(schema: &Value) -> Option<Value> {
    make(schema, 0)
}

fn make(schema: &Value, depth: usize) -> Option<Value> {
    let keywords = match schema {
        Value::Bool(true) => return Some(json!("debug")),
        Value::Bool(false) => return Some(Value::Null),
        Value::Object(keywords) if depth <= MAX_DEPTH => keywords,
        // Not a schema: nothing is known about the value.
        _ => return Some(json!({})),
    };
    if let Some(value) = keywords.get("const") {
        return Some(value.clone());
    }
    let list =
        |keyword: &str| keywords.get(keyword).and_then(Value::as_array).filter(|list| !list.is_empty());
    if let Some(values) = list("enum") {
        return values.first().cloned();
    }
    if let Some(schemas) = list("oneOf").or_else(|| list("anyOf")) {
        return make(
            schemas.first().filter(|schema| !schema.is_null()).unwrap_or(&Value::Bool(true)),
            depth + 1,
        );
    }
    if let Some(schemas) = list("allOf") {
        return Some(merge(schemas.iter().map(|schema| make(schema, depth + 1)).collect()));
    }
    let listed = match keywords.get("type") {
        Some(Value::Array(types)) => types.first(),
        other => other,
    };
    match listed.filter(|listed| !listed.is_null()) {
        Some(listed) => of_type(listed.as_str()?, keywords, depth),
        None => of_type(guess(keywords), keywords, depth),
    }
}

/// All values merged if they are objects, else the last.
fn merge(mut values: Vec<Option<Value>>) -> Value {
    if !values.iter().all(|value| matches!(value, Some(Value::Object(_)))) {
        return values.pop().flatten().unwrap_or(Value::Null);
    }
    let mut merged = Map::new();
    for value in values {
        if let Some(Value::Object(members)) = value {
            merged.extend(members);
        }
    }
    Value::Object(merged)
}

fn guess(keywords: &Map<String, Value>) -> &'static str {
    let is_set = |keyword: &&str| keywords.get(*keyword).is_some_and(truthy);
    let is_there = |keyword: &&str| keywords.contains_key(*keyword);
    if ["properties", "required"].iter().any(is_set) || is_there(&"additionalProperties") {
        "object"
    } else if ["items", "prefixItems"].iter().any(is_set) {
        "array"
    } else if ["minimum", "maximum", "multipleOf"].iter().any(is_there) {
        "number"
    } else if ["minLength", "maxLength"].iter().any(is_there) || ["pattern", "format"].iter().any(is_set) {
        "string"
    } else {
        "object"
    }
}

fn of_type(name: &str, keywords: &Map<String, Value>, depth: usize) -> Option<Value> {
    Some(match name {
        "null" => Value::Null,
        "boolean" => json!(true),
        "integer" | "number" => json!(0),
        "string" => json!(match keywords.get("format").and_then(Value::as_str) {
            Some("email") => "debug@example.com",
            Some("uri" | "url") => "https://example.com/debug",
            Some("date-time") => "2000-01-01T00:00:00.000Z",
            Some("date") => "2000-01-01",
            _ => "debug-string",
        }),
        "array" => {
            let tuple = keywords.get("prefixItems").and_then(Value::as_array).filter(|list| !list.is_empty());
            match (tuple, keywords.get("items")) {
                (Some(schemas), _) => schemas.iter().map(|schema| element(schema, depth)).collect(),
                (None, Some(schema)) if truthy(schema) && !schema.is_array() => {
                    Value::Array(vec![element(schema, depth)])
                }
                _ => json!([]),
            }
        }
        "object" => {
            let mut members = Map::new();
            let properties = keywords.get("properties").and_then(Value::as_object);
            for (name, schema) in properties.into_iter().flatten() {
                // An undefined member is none in JSON.
                let schema = if schema.is_null() { &Value::Bool(true) } else { schema };
                if let Some(value) = make(schema, depth + 1) {
                    members.insert(name.clone(), value);
                }
            }
            let required = keywords.get("required").and_then(Value::as_array);
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                if !properties.is_some_and(|properties| properties.contains_key(name)) {
                    members.insert(name.to_owned(), json!("debug"));
                }
            }
            Value::Object(members)
        }
        _ => return None,
    })
}

/// An element of an array, where JSON has `null` for `undefined`.
fn element(schema: &Value, depth: usize) -> Value {
    make(schema, depth + 1).unwrap_or(Value::Null)
}

/// Whether JavaScript takes a value for true.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_shape_of_the_schema() {
        for (schema, value) in [
            (json!(true), Some(json!("debug"))),
            (json!(false), Some(json!(null))),
            (json!({}), Some(json!({}))),
            (json!({ "const": 0 }), Some(json!(0))),
            (json!({ "const": null }), Some(json!(null))),
            (json!({ "enum": [null, 1] }), Some(json!(null))),
            (json!({ "enum": [] }), Some(json!({}))),
            (json!({ "oneOf": [{ "type": "number" }, { "type": "string" }] }), Some(json!(0))),
            (json!({ "anyOf": [{ "type": "boolean" }] }), Some(json!(true))),
            (json!({ "oneOf": [], "anyOf": [true] }), Some(json!("debug"))),
            (json!({ "allOf": [{ "type": "string" }, { "type": "number" }] }), Some(json!(0))),
            (json!({ "allOf": [] }), Some(json!({}))),
            (json!({ "allOf": [{ "type": "weird" }] }), Some(json!(null))),
            (
                json!({ "allOf": [{ "required": ["a", "b"] }, { "properties": { "a": { "type": "null" } } }] }),
                Some(json!({ "a": null, "b": "debug" })),
            ),
            (json!({ "type": ["null", "string"] }), Some(json!(null))),
            (json!({ "type": [] }), Some(json!({}))),
            (json!({ "type": "weird" }), None),
            (json!({ "type": "integer", "minimum": 5 }), Some(json!(0))),
            (json!({ "minimum": 0 }), Some(json!(0))),
            (json!({ "multipleOf": 2 }), Some(json!(0))),
            (json!({ "minLength": 0 }), Some(json!("debug-string"))),
            (json!({ "pattern": "" }), Some(json!({}))),
            (json!({ "format": "email" }), Some(json!("debug@example.com"))),
            (json!({ "format": "uri" }), Some(json!("https://example.com/debug"))),
            (json!({ "format": "url" }), Some(json!("https://example.com/debug"))),
            (json!({ "format": "date-time" }), Some(json!("2000-01-01T00:00:00.000Z"))),
            (json!({ "format": "date" }), Some(json!("2000-01-01"))),
            (json!({ "format": "uuid", "type": "string" }), Some(json!("debug-string"))),
            (json!({ "items": [{ "type": "string" }] }), Some(json!([]))),
            (json!({ "items": true }), Some(json!(["debug"]))),
            (json!({ "items": false }), Some(json!({}))),
            (json!({ "items": { "type": "weird" } }), Some(json!([null]))),
            (
                json!({ "prefixItems": [true, { "type": "null" }], "items": true }),
                Some(json!(["debug", null])),
            ),
            (json!({ "type": "array", "minItems": 3, "items": { "type": "integer" } }), Some(json!([0]))),
            (json!({ "required": ["a", "b"] }), Some(json!({ "a": "debug", "b": "debug" }))),
            (json!({ "additionalProperties": { "type": "string" } }), Some(json!({}))),
            (json!({ "additionalProperties": false, "items": true }), Some(json!({}))),
            (json!({ "properties": { "a": { "type": "weird" } } }), Some(json!({}))),
            (json!({ "$ref": "#" }), Some(json!({}))),
            (json!({ "not": {} }), Some(json!({}))),
            (json!({ "type": "string", "default": "x" }), Some(json!("debug-string"))),
        ] {
            assert_eq!(sample(&schema), value, "{schema}");
        }
    }

    #[test]
    fn properties_come_in_order_then_what_is_required_besides() {
        let schema = json!({
            "properties": { "z": { "type": "boolean" }, "a": { "type": "string" } },
            "required": ["q", "z"],
        });
        let text = sample(&schema).unwrap().to_string();
        assert_eq!(text, r#"{"z":true,"a":"debug-string","q":"debug"}"#);
    }
}
