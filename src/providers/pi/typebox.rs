//! The extension that gives pi a tool for a structured answer, with the call's JSON Schema as TypeBox builders.
//!
//! The parameters are, text for text, those of the original engine. It knows nothing of `$ref`, `allOf` and the like:
//! where it puts `Any`, the answer is held against the schema by the engine alone, so [`Parameters::lossy`] says that
//! the model has to be shown the schema itself.

use serde_json::{Map, Value};

/// The name of the tool.
pub const TOOL: &str = "smol_workflows_structured_output";

/// The parameters of the tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// A TypeBox expression.
    pub expression: String,
    /// The answer is the parameter `value`, as the schema's root is no object.
    pub wrapped: bool,
    /// The expression says less than the schema.
    pub lossy: bool,
}

/// The parameters for a schema.
pub fn parameters(schema: &Value) -> Parameters {
    let mut lossy = false;
    let expression = builder(schema, &mut lossy);
    let wrapped = schema.get("type").is_none_or(|kind| kind != "object");
    let expression = if wrapped { format!("Type.Object({{ value: {expression} }})") } else { expression };
    Parameters { expression, wrapped, lossy }
}

/// The source of the extension. It takes nothing but types from pi, whose package has changed its name: what is no
/// more than a type is gone before anything has to be found.
pub fn extension(parameters: &Parameters) -> String {
    let answer = if parameters.wrapped { "params.value" } else { "params" };
    let expression = &parameters.expression;
    format!(
        r#"import type {{ ExtensionAPI }} from "@earendil-works/pi-coding-agent";
import {{ Type }} from "typebox";

const structuredOutputTool = {{
  name: "{TOOL}",
  label: "Structured Output",
  description: "Submit the final structured response for this agent call.",
  promptSnippet: "Submit the final structured response with the {TOOL} tool.",
  promptGuidelines: [
    "Use {TOOL} as your final action exactly once.",
    "The tool parameters are generated from the caller's JSON Schema.",
    "After calling {TOOL}, do not emit another assistant response in the same turn.",
  ],
  parameters: {expression},
  async execute(_toolCallId: string, params: any) {{
    return {{
      content: [{{ type: "text" as const, text: "Structured output captured successfully." }}],
      details: {answer},
      terminate: true,
    }};
  }},
}};

export default function (pi: ExtensionAPI) {{
  pi.registerTool(structuredOutputTool);
}}
"#
    )
}

/// Keywords that are handed on as options, in this order.
const OPTIONS: &[&str] = &[
    "title",
    "description",
    "default",
    "examples",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "additionalProperties",
];

/// Keywords that some builder makes something of, or that say nothing about a value.
const EXPRESSED: &[&str] = &[
    "type",
    "const",
    "enum",
    "oneOf",
    "anyOf",
    "properties",
    "required",
    "items",
    "prefixItems",
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
];

fn builder(schema: &Value, lossy: &mut bool) -> String {
    let object = match schema {
        Value::Bool(true) => return "Type.Any()".to_owned(),
        Value::Bool(false) => return "Type.Never()".to_owned(),
        Value::Object(object) => object,
        _ => return "Type.Any()".to_owned(),
    };
    *lossy |= object.keys().any(|key| !EXPRESSED.contains(&key.as_str()) && !OPTIONS.contains(&key.as_str()));
    if let Some(value) = object.get("const") {
        return literal(value);
    }
    if let Some(Value::Array(values)) = object.get("enum")
        && !values.is_empty()
    {
        return union(values.iter().map(literal).collect());
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(Value::Array(members)) = object.get(key)
            && !members.is_empty()
        {
            // Of several groups only one is expressed, and nothing beside it.
            *lossy |= object.contains_key("type") || object.contains_key("properties") || constrains(object);
            return union(members.iter().map(|member| builder(member, lossy)).collect());
        }
    }
    let kind = match object.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => {
            *lossy |= names.len() > 1;
            names.iter().find_map(Value::as_str)
        }
        _ if object.get("properties").is_some_and(Value::is_object) => Some("object"),
        _ => None,
    };
    let options = options(object);
    match kind {
        Some("null") => format!("Type.Null({options})"),
        Some("boolean") => format!("Type.Boolean({options})"),
        Some("integer") => format!("Type.Integer({options})"),
        Some("number") => format!("Type.Number({options})"),
        Some("string") => format!("Type.String({options})"),
        Some("array") => array(object, &options, lossy),
        Some("object") => members(object, &options, lossy),
        _ => {
            *lossy |= ["type", "items", "prefixItems"].iter().any(|key| object.contains_key(*key))
                || constrains(object);
            "Type.Any()".to_owned()
        }
    }
}

/// Whether a keyword that is an option of some builder limits the value.
fn constrains(object: &Map<String, Value>) -> bool {
    OPTIONS.iter().skip_while(|key| **key != "minimum").any(|key| object.contains_key(*key))
}

fn literal(value: &Value) -> String {
    format!("Type.Literal({value})")
}

fn union(mut members: Vec<String>) -> String {
    if members.len() == 1 {
        return members.remove(0);
    }
    format!("Type.Union([{}])", members.join(", "))
}

fn array(object: &Map<String, Value>, options: &str, lossy: &mut bool) -> String {
    if let Some(Value::Array(items)) = object.get("prefixItems")
        && !items.is_empty()
    {
        let items: Vec<_> = items.iter().map(|item| builder(item, lossy)).collect();
        return format!("Type.Tuple([{}], {options})", items.join(", "));
    }
    let items = match object.get("items") {
        Some(items @ (Value::Object(_) | Value::Bool(_))) => builder(items, lossy),
        items => {
            *lossy |= items.is_some();
            "Type.Any()".to_owned()
        }
    };
    format!("Type.Array({items}, {options})")
}

fn members(object: &Map<String, Value>, options: &str, lossy: &mut bool) -> String {
    let required = |name: &str| {
        let names = object.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|it| it == name))
    };
    let properties = object.get("properties").and_then(Value::as_object);
    let members: Vec<_> = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let value = builder(property, lossy);
            let value = if required(name) { value } else { format!("Type.Optional({value})") };
            // As it stands, this name would set the prototype of the object instead.
            let key = if name == "__proto__" {
                "[\"__proto__\"]".to_owned()
            } else {
                Value::from(name.as_str()).to_string()
            };
            format!("{key}: {value}")
        })
        .collect();
    format!("Type.Object({{ {} }}, {options})", members.join(", "))
}

fn options(object: &Map<String, Value>) -> String {
    let given = OPTIONS.iter().filter_map(|key| Some(((*key).to_owned(), object.get(*key)?.clone())));
    Value::Object(given.collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_those_of_the_original() {
        for (schema, expected) in [
            (json!(true), "Type.Object({ value: Type.Any() })"),
            (json!(false), "Type.Object({ value: Type.Never() })"),
            (json!({ "type": "string" }), "Type.Object({ value: Type.String({}) })"),
            (json!({ "type": "object" }), "Type.Object({  }, {})"),
            (json!({}), "Type.Object({ value: Type.Any() })"),
            (json!(null), "Type.Object({ value: Type.Any() })"),
            (json!("str"), "Type.Object({ value: Type.Any() })"),
            (json!({ "type": "weird" }), "Type.Object({ value: Type.Any() })"),
            (json!({ "enum": [] }), "Type.Object({ value: Type.Any() })"),
            (json!({ "allOf": [{ "type": "string" }] }), "Type.Object({ value: Type.Any() })"),
            (json!({ "const": { "a": 1 } }), "Type.Object({ value: Type.Literal({\"a\":1}) })"),
            (
                json!({ "enum": ["x", 1, null] }),
                "Type.Object({ value: Type.Union([Type.Literal(\"x\"), Type.Literal(1), Type.Literal(null)]) })",
            ),
            (json!({ "enum": ["x"] }), "Type.Object({ value: Type.Literal(\"x\") })"),
            (json!({ "type": ["string", "null"] }), "Type.Object({ value: Type.String({}) })"),
            (json!({ "type": "array" }), "Type.Object({ value: Type.Array(Type.Any(), {}) })"),
            (json!({ "type": "array", "items": [{}] }), "Type.Object({ value: Type.Array(Type.Any(), {}) })"),
            (
                json!({ "type": "array", "items": false }),
                "Type.Object({ value: Type.Array(Type.Never(), {}) })",
            ),
            (
                json!({ "type": "array", "prefixItems": [{ "type": "integer" }, true], "minItems": 2 }),
                "Type.Object({ value: Type.Tuple([Type.Integer({}), Type.Any()], {\"minItems\":2}) })",
            ),
            (
                json!({ "properties": { "x": {} } }),
                "Type.Object({ value: Type.Object({ \"x\": Type.Optional(Type.Any()) }, {}) })",
            ),
            (
                json!({
                    "additionalProperties": false, "examples": [{}], "title": "T", "type": "object", "required": ["n"],
                    "properties": {
                        "a b": { "description": "d\"q", "title": "t", "type": "string" },
                        "n": { "type": "number", "maximum": 3, "default": 1 }
                    }
                }),
                "Type.Object({ \"a b\": Type.Optional(Type.String({\"title\":\"t\",\"description\":\"d\\\"q\"})), \"n\": Type.Number({\"default\":1,\"maximum\":3}) }, {\"title\":\"T\",\"examples\":[{}],\"additionalProperties\":false})",
            ),
            (
                json!({ "anyOf": [{ "type": "boolean" }, { "type": "null" }] }),
                "Type.Object({ value: Type.Union([Type.Boolean({}), Type.Null({})]) })",
            ),
            (
                json!({ "type": "object", "properties": { "__proto__": true }, "required": ["__proto__"] }),
                "Type.Object({ [\"__proto__\"]: Type.Any() }, {})",
            ),
        ] {
            assert_eq!(parameters(&schema).expression, expected, "{schema}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_known() {
        for (schema, lossy) in [
            (json!({ "type": "object", "properties": { "a": { "type": "string", "minLength": 1 } } }), false),
            (json!({ "enum": [1], "type": "number" }), false),
            (json!({ "anyOf": [{ "type": "string" }], "description": "d" }), false),
            (json!({}), false),
            (
                json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": { "a": {} } }),
                true,
            ),
            (json!({ "allOf": [] }), true),
            (json!({ "type": ["string", "null"] }), true),
            (json!({ "type": "array", "items": [{}] }), true),
            (json!({ "minimum": 1 }), true),
            (json!({ "type": "object", "properties": {}, "anyOf": [{ "required": ["a"] }] }), true),
            (json!({ "type": "array", "contains": {} }), true),
        ] {
            assert_eq!(parameters(&schema).lossy, lossy, "{schema}");
        }
    }

    #[test]
    fn the_extension_registers_the_tool() {
        insta::assert_snapshot!(extension(&parameters(&json!({ "type": "object" }))));
        assert!(extension(&parameters(&json!(true))).contains("details: params.value,"));
    }
}
