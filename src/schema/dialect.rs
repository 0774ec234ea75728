//! The three dialects of JSON Schema, and the order in which each one's keywords are looked at.
//!
//! The order is data: it decides the order of the errors, and with it the text of a retry prompt. Knows nothing of
//! schemas beyond the names of their keywords.

use serde_json::Value;

use super::SchemaError;

/// The dialect that `$schema` asks for; draft-07 when it asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Draft7,
    Draft201909,
    Draft202012,
}

/// Keywords that apply to values of every type. `format` is in none of the lists of assertions: it is never checked.
const ANY: &[&str] = &[
    "$ref", "type", "nullable", "const", "enum", "not", "anyOf", "oneOf", "allOf", "if", "then", "else",
    "$comment", "id",
];
const ANY_DYNAMIC: &[&str] = &["$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"];
const NUMBER: &[&str] =
    &["maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf", "format"];
const STRING: &[&str] = &["maxLength", "minLength", "pattern", "format"];
const ARRAY_07: &[&str] = &["maxItems", "minItems", "additionalItems", "items", "contains", "uniqueItems"];
const ARRAY_2019: &[&str] = &[
    "maxItems",
    "minItems",
    "additionalItems",
    "items",
    "contains",
    "uniqueItems",
    "maxContains",
    "minContains",
    "unevaluatedItems",
];
const ARRAY_2020: &[&str] = &[
    "maxItems",
    "minItems",
    "prefixItems",
    "items",
    "contains",
    "uniqueItems",
    "maxContains",
    "minContains",
    "unevaluatedItems",
];
const OBJECT_07: &[&str] = &[
    "maxProperties",
    "minProperties",
    "required",
    "propertyNames",
    "additionalProperties",
    "dependencies",
    "properties",
    "patternProperties",
];
const OBJECT_2019: &[&str] = &[
    "maxProperties",
    "minProperties",
    "required",
    "propertyNames",
    "additionalProperties",
    "dependencies",
    "properties",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
];

impl Dialect {
    /// Reads `$schema`, which may end in an empty fragment.
    pub(super) fn of(schema: &Value) -> Result<Self, SchemaError> {
        match schema.get("$schema") {
            None => Ok(Self::Draft7),
            Some(Value::String(uri)) => match uri.strip_suffix('#').unwrap_or(uri) {
                "" | "http://json-schema.org/draft-07/schema" | "http://json-schema.org/schema" => {
                    Ok(Self::Draft7)
                }
                "https://json-schema.org/draft/2019-09/schema" => Ok(Self::Draft201909),
                "https://json-schema.org/draft/2020-12/schema" => Ok(Self::Draft202012),
                _ => Err(SchemaError::UnknownDialect { uri: uri.clone() }),
            },
            Some(_) => Err(SchemaError::DialectNotText),
        }
    }

    /// Whether `unevaluatedProperties`, `dependentRequired`, `minContains` and the like mean something.
    pub(super) fn is_modern(self) -> bool {
        self != Self::Draft7
    }

    /// The keywords of the group that only applies to values of one type; empty for a type without such a group.
    pub(super) fn group(self, type_name: &str) -> &'static [&'static str] {
        match (type_name, self) {
            ("number", _) => NUMBER,
            ("string", _) => STRING,
            ("array", Self::Draft7) => ARRAY_07,
            ("array", Self::Draft201909) => ARRAY_2019,
            ("array", Self::Draft202012) => ARRAY_2020,
            ("object", Self::Draft7) => OBJECT_07,
            ("object", _) => OBJECT_2019,
            _ => &[],
        }
    }

    /// Whether a keyword can make a schema reject something (or is treated as if it could).
    pub(super) fn is_rule(self, keyword: &str) -> bool {
        ANY.contains(&keyword)
            || (self.is_modern() && ANY_DYNAMIC.contains(&keyword))
            || ["number", "string", "array", "object"]
                .iter()
                .any(|group| self.group(group).contains(&keyword))
    }

    /// Whether a schema accepts everything, as can be told from its keywords alone.
    pub(super) fn accepts_all(self, schema: &Value) -> bool {
        match schema {
            Value::Bool(accepts) => *accepts,
            Value::Object(keywords) => !keywords.keys().any(|keyword| self.is_rule(keyword)),
            _ => false,
        }
    }
}
