//! Tests of the room as a whole: against Ajv's own words, against the library's verdicts, and against abuse.

use serde_json::{Value, json};

use super::*;

/// What Ajv said about some thousands of schemas and values; `tests/ajv/generate.mjs` made it.
static PAIRS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/ajv/pairs.json")).expect("the fixture is JSON")
});

fn errors(schema: &Value, value: &Value) -> Vec<String> {
    match compile(schema) {
        Ok(validator) => validator.validate(value),
        Err(error) => vec![format!("does not compile: {error}")],
    }
}

/// Calls `test` with every schema, value and list of errors of a dialect; returns how many there were.
fn each_pair(dialect: &str, mut test: impl FnMut(&Value, &Value, Vec<&str>)) -> usize {
    let mut count = 0;
    for row in PAIRS[dialect].as_array().unwrap() {
        let (schema, cases) = row.as_array().unwrap().split_first().unwrap();
        for case in cases {
            let errors = case[1].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
            test(schema, &case[0], errors);
            count += 1;
        }
    }
    count
}

/// Fails with the first few of many differences.
fn assert_none(differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences[..differences.len().min(8)].join("\n")
    );
}

/// Faults of the code that Ajv generates, see `tests/ajv/differences.md`: variables that keep what the item before
/// left in them.
fn is_fault_of_ajv(schema: &Value, value: &Value) -> bool {
    fn holds(value: &Value, wanted: &dyn Fn(&Value) -> bool) -> bool {
        wanted(value)
            || match value {
                Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
                Value::Object(members) => members.values().any(|member| holds(member, wanted)),
                _ => false,
            }
    }
    let mentions = |keyword: &str| {
        holds(schema, &|part| part.as_object().is_some_and(|keywords| keywords.contains_key(keyword)))
    };
    (mentions("contains") && holds(value, &|part| *part == json!([])))
        || (schema["$schema"].as_str().is_some_and(|uri| uri.contains("20"))
            && mentions("unevaluatedProperties"))
}

#[test]
fn errors_are_those_of_ajv() {
    for (dialect, least, faults) in [("draft-07", 3000, 4), ("2019-09", 400, 2), ("2020-12", 400, 2)] {
        let mut differences = Vec::new();
        let (mut invalid, mut faulty) = (0, 0);
        let count = each_pair(dialect, |schema, value, expected| {
            invalid += usize::from(!expected.is_empty());
            let found = errors(schema, value);
            if found == expected {
            } else if is_fault_of_ajv(schema, value) {
                faulty += 1;
            } else {
                differences
                    .push(format!("{schema}\n on {value}\n expected {expected:#?}\n found {found:#?}"));
            }
        });
        assert_none(&differences);
        assert!(faulty <= faults, "{dialect}: {faulty} pairs are put down to faults of Ajv");
        assert!(
            count >= least && invalid * 2 >= count,
            "{dialect}: {count} pairs, {invalid} of them invalid"
        );
    }
}

/// The schema as the library has to see it to mean the same: siblings of a draft-07 `$ref` count, `nullable` adds a
/// type, and content keywords say nothing.
fn for_library(schema: &Value, modern: bool) -> Value {
    let Value::Object(keywords) = schema else { return schema.clone() };
    let mut out = serde_json::Map::new();
    for (keyword, operand) in keywords {
        let by_name = |named: &Value| match named {
            Value::Object(named) => {
                named.iter().map(|(name, schema)| (name.clone(), for_library(schema, modern))).collect()
            }
            other => other.clone(),
        };
        let operand = match keyword.as_str() {
            "nullable" | "contentEncoding" | "contentMediaType" => continue,
            "properties" | "patternProperties" | "definitions" | "$defs" | "dependencies"
            | "dependentSchemas" => by_name(operand),
            "enum" | "const" | "default" | "examples" => operand.clone(),
            _ => match operand {
                Value::Array(list) => list.iter().map(|schema| for_library(schema, modern)).collect(),
                operand => for_library(operand, modern),
            },
        };
        out.insert(keyword.clone(), operand);
    }
    if keywords.get("nullable") == Some(&json!(true)) {
        let mut types = match out["type"].take() {
            Value::Array(types) => types,
            name => vec![name],
        };
        if !types.contains(&json!("null")) {
            types.push(json!("null"));
        }
        out["type"] = Value::Array(types);
    }
    if !modern && let Some(reference) = out.remove("$ref") {
        let all = out.entry("allOf").or_insert_with(|| json!([]));
        all.as_array_mut().unwrap().push(json!({ "$ref": reference }));
    }
    Value::Object(out)
}

#[test]
fn verdicts_are_those_of_the_library() {
    for dialect in ["draft-07", "2019-09", "2020-12"] {
        let mut differences = Vec::new();
        let mut skipped = 0;
        let count = each_pair(dialect, |schema, value, _| {
            let text = schema.to_string();
            // The original divides doubles, the library decimals.
            let fractions = ["0.1", "0.3", "1e-7"].iter();
            if fractions.map(|divisor| format!("\"multipleOf\":{divisor}")).any(|rule| text.contains(&rule))
                || (text.contains("multipleOf") && value.to_string().contains("1e+21"))
            {
                skipped += 1;
                return;
            }
            let library = jsonschema::options()
                .with_draft(match dialect {
                    "draft-07" => jsonschema::Draft::Draft7,
                    "2019-09" => jsonschema::Draft::Draft201909,
                    _ => jsonschema::Draft::Draft202012,
                })
                .should_validate_formats(false)
                .build(&for_library(schema, dialect != "draft-07"))
                .unwrap_or_else(|error| panic!("{schema}: {error}"));
            let (ours, theirs) = (errors(schema, value).is_empty(), library.is_valid(value));
            if ours != theirs {
                differences.push(format!("{schema}\n on {value}\n ours {ours}, library {theirs}"));
            }
        });
        assert_none(&differences);
        assert!(skipped * 4 < count, "{dialect}: {skipped} of {count} skipped");
    }
}

#[test]
fn refused_schemas_are_refused_in_the_same_words() {
    let mut differences = Vec::new();
    for row in PAIRS["refused"].as_array().unwrap() {
        let found = compile(&row[0]).err().map(|error| error.to_string());
        if found.as_deref() != row[1].as_str() {
            differences.push(format!("{}\n expected {}\n found {found:?}", row[0], row[1]));
        }
    }
    assert_none(&differences);
}

#[test]
fn patterns_match_as_in_javascript() {
    let rows = PAIRS["patterns"].as_array().unwrap();
    let subjects = rows[0].as_array().unwrap();
    let mut differences = Vec::new();
    for row in &rows[1..] {
        let (source, expected) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        let found = match pattern::Pattern::new(source) {
            Ok(pattern) => subjects
                .iter()
                .map(|subject| match pattern.matches(subject) {
                    Ok(true) => '1',
                    Ok(false) => '0',
                    Err(_) => '?',
                })
                .collect(),
            Err(error) => error.to_string(),
        };
        // See `tests/ajv/differences.md`: V8's words for these are not known here, and some are let pass.
        let refused = "Invalid regular expression: /";
        let same = match source {
            "^[a--b]" | "[b-a]" | "[\\d-z]" | "(?<n>a)(?<n>b)" | "(?<1>a)" | "(?=a)*" | "(?<!a)+" => {
                found.starts_with(refused) && expected.starts_with(refused)
            }
            "\\-" | "\\_" | "(?i:a)" => !found.starts_with(refused) && expected.starts_with(refused),
            _ => found == expected,
        };
        if !same {
            differences.push(format!("/{source}/\n expected {expected}\n found    {found}"));
        }
    }
    assert_none(&differences);
}

fn check_all(cases: impl IntoIterator<Item = (Value, Value, Vec<&'static str>)>) {
    for (schema, value, expected) in cases {
        assert_eq!(errors(&schema, &value), expected, "{schema} on {value}");
    }
}

#[test]
fn messages_about_types_and_combinations() {
    check_all([
        (json!({ "type": "string" }), json!(1), vec!["/ must be string"]),
        (json!({ "type": "number" }), json!("1"), vec!["/ must be number"]),
        (json!({ "type": "integer" }), json!(1.5), vec!["/ must be integer"]),
        (json!({ "type": "integer" }), json!(1.0), vec![]),
        (json!({ "type": "object" }), json!([]), vec!["/ must be object"]),
        (json!({ "type": "array" }), json!({}), vec!["/ must be array"]),
        (json!({ "type": "boolean" }), json!(0), vec!["/ must be boolean"]),
        (json!({ "type": "null" }), json!(false), vec!["/ must be null"]),
        (json!({ "type": ["string", "null"] }), json!(1), vec!["/ must be string,null"]),
        (json!({ "type": "string", "nullable": true }), json!(null), vec![]),
        (json!({ "type": "string", "nullable": true }), json!(1), vec!["/ must be string"]),
        (json!(false), json!(1), vec!["/ boolean schema is false"]),
        (json!({ "const": { "a": 1 } }), json!({ "a": 2 }), vec!["/ must be equal to constant"]),
        (json!({ "enum": [1] }), json!(2), vec!["/ must be equal to one of the allowed values"]),
        (json!({ "not": {} }), json!(2), vec!["/ must NOT be valid"]),
        (
            json!({ "anyOf": [{ "type": "string" }, { "minimum": 3 }] }),
            json!(2),
            vec!["/ must be string", "/ must be >= 3", "/ must match a schema in anyOf"],
        ),
        (
            json!({ "oneOf": [{ "type": "string" }, { "minimum": 3 }] }),
            json!(2),
            vec!["/ must be string", "/ must be >= 3", "/ must match exactly one schema in oneOf"],
        ),
        (json!({ "oneOf": [true, {}] }), json!(2), vec!["/ must match exactly one schema in oneOf"]),
        (
            json!({ "if": { "minimum": 1 }, "then": { "minimum": 3 }, "else": { "maximum": -1 } }),
            json!(2),
            vec!["/ must be >= 3", "/ must match \"then\" schema"],
        ),
        (
            json!({ "if": { "minimum": 1 }, "then": { "minimum": 3 }, "else": { "maximum": -1 } }),
            json!(0),
            vec!["/ must be <= -1", "/ must match \"else\" schema"],
        ),
    ]);
}

#[test]
fn messages_about_numbers_strings_arrays_and_objects() {
    check_all([
        (
            json!({ "maximum": 1, "minimum": 3, "exclusiveMaximum": 2, "exclusiveMinimum": 2, "multipleOf": 1.5 }),
            json!(2),
            vec![
                "/ must be <= 1",
                "/ must be >= 3",
                "/ must be < 2",
                "/ must be > 2",
                "/ must be multiple of 1.5",
            ],
        ),
        (json!({ "multipleOf": 0.1 }), json!(0.3), vec!["/ must be multiple of 0.1"]),
        (
            json!({ "maxLength": 1, "minLength": 3, "pattern": "^x\"" }),
            json!("🙂🙂"),
            vec![
                "/ must NOT have more than 1 characters",
                "/ must NOT have fewer than 3 characters",
                "/ must match pattern \"^x\"\"",
            ],
        ),
        (
            json!({ "maxItems": 1, "minItems": 5, "uniqueItems": true }),
            json!([0, 1, 2, 1]),
            vec![
                "/ must NOT have more than 1 items",
                "/ must NOT have fewer than 5 items",
                "/ must NOT have duplicate items (items ## 1 and 3 are identical)",
            ],
        ),
        (
            json!({ "items": [true], "additionalItems": false }),
            json!([1, 2]),
            vec!["/ must NOT have more than 1 items"],
        ),
        (
            json!({ "contains": { "type": "string" } }),
            json!([1]),
            vec!["/0 must be string", "/ must contain at least 1 valid item(s)"],
        ),
        (
            json!({ "maxProperties": 1, "minProperties": 3, "required": ["z", "y"] }),
            json!({ "a": 1, "b": 2 }),
            vec![
                "/ must NOT have more than 1 properties",
                "/ must NOT have fewer than 3 properties",
                "/ must have required property 'z'",
                "/ must have required property 'y'",
            ],
        ),
        (
            json!({ "properties": { "o": { "propertyNames": { "maxLength": 1 } } } }),
            json!({ "o": { "abc": 1 } }),
            vec!["/o must NOT have more than 1 characters", "/o property name must be valid"],
        ),
        (
            json!({ "additionalProperties": false }),
            json!({ "a": 1, "b": 2 }),
            vec!["/ must NOT have additional properties", "/ must NOT have additional properties"],
        ),
        (
            json!({ "dependencies": { "a": ["b"] } }),
            json!({ "a": 1 }),
            vec!["/ must have property b when property a is present"],
        ),
        (
            json!({ "dependencies": { "a": ["b", "c"] } }),
            json!({ "a": 1 }),
            vec!["/ must have properties b, c when property a is present"; 2],
        ),
    ]);
}

#[test]
fn errors_come_in_order_and_with_their_paths() {
    check_all([
        (
            json!({ "type": "string", "enum": ["a"] }),
            json!(1),
            vec!["/ must be string", "/ must be equal to one of the allowed values"],
        ),
        (
            json!({ "type": "string", "enum": ["a"], "minLength": 3 }),
            json!(1),
            vec!["/ must be equal to one of the allowed values", "/ must be string"],
        ),
        (json!({ "type": "integer", "minimum": 5 }), json!(1.5), vec!["/ must be integer", "/ must be >= 5"]),
        (
            json!({ "properties": { "a/b": { "items": { "properties": { "m~n": { "type": "null" } } } } } }),
            json!({ "a/b": [{ "m~n": 1 }] }),
            vec!["/a~1b/0/m~0n must be null"],
        ),
        (json!({ "format": "email" }), json!("nobody"), vec![]),
    ]);
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| (0..levels).fold(json!(null), |value, _| json!([value]));
    // Everything that `serde_json` parses can be checked under a schema that goes through several schemas per level.
    let schema = json!({ "anyOf": [{ "type": "null" }, { "$ref": "#/definitions/list" }], "definitions": {
        "list": { "type": "array", "items": { "$ref": "#" } },
    } });
    assert_eq!(errors(&schema, &nested(126)), Vec::<String>::new());
    let schema =
        json!({ "allOf": [{ "anyOf": [{ "type": "null" }, { "oneOf": [{ "items": { "$ref": "#" } }] }] }] });
    assert_eq!(errors(&schema, &nested(126)), Vec::<String>::new());
    // A chain of references that is longer than the stack is deep is given up, not overflowed.
    let definitions: serde_json::Map<_, _> = (0..6000)
        .map(|n| (format!("d{n}"), json!({ "allOf": [{ "$ref": format!("#/definitions/d{}", n + 1) }] })))
        .chain([("d6000".to_owned(), json!(true))])
        .collect();
    let schema = json!({ "oneOf": [{ "if": true, "then": { "$ref": "#/definitions/d0" } }], "definitions": definitions });
    assert_eq!(errors(&schema, &json!(1)), ["/ needs more than 600 nested schemas to be checked"]);
}

#[test]
fn steps_are_bounded() {
    let definitions: serde_json::Map<_, _> = (0..40)
        .map(|n| {
            let next = json!({ "$ref": format!("#/definitions/d{}", n + 1) });
            (format!("d{n}"), json!({ "anyOf": [next, next] }))
        })
        .chain([("d40".to_owned(), json!({ "type": "string" }))])
        .collect();
    let schema = json!({ "not": { "$ref": "#/definitions/d0" }, "definitions": definitions });
    assert_eq!(errors(&schema, &json!(1)), ["/ takes more than 1000000 steps to check against its schema"]);
}

#[test]
fn matching_is_bounded() {
    let schema = json!({ "items": { "not": { "pattern": "^((a+)\\2?)+$" } } });
    let value = json!(["fine", format!("{}!", "a".repeat(60))]);
    assert_eq!(errors(&schema, &value), ["/1 takes too long to match against pattern \"^((a+)\\2?)+$\""]);
}

#[test]
fn a_long_array_is_compared_in_linear_time() {
    let mut items: Vec<Value> = (0..100_000).map(|n| json!({ "n": n })).collect();
    assert_eq!(errors(&json!({ "uniqueItems": true }), &json!(items)), Vec::<String>::new());
    items.push(json!({ "n": 5.0 }));
    assert_eq!(
        errors(&json!({ "uniqueItems": true }), &json!(items)),
        ["/ must NOT have duplicate items (items ## 5 and 100000 are identical)"]
    );
}

#[test]
fn a_schema_that_never_gets_anywhere_is_refused() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "properties": { "a": { "$ref": "#/definitions/x" } }, "definitions": {
            "x": { "if": { "not": { "$ref": "#/definitions/y" } }, "then": false },
            "y": { "dependencies": { "k": { "$ref": "#/definitions/x" } } },
        } }),
    ] {
        assert_eq!(compile(&schema).err(), Some(SchemaError::Endless), "{schema}");
    }
    let tree = json!({ "properties": { "left": { "$ref": "#" } }, "additionalProperties": false });
    assert_eq!(
        errors(&tree, &json!({ "left": { "left": { "right": 1 } } })),
        ["/left/left must NOT have additional properties"]
    );
}

#[test]
fn names_within_a_schema_are_found() {
    let schema = json!({
        "$id": "http://example.com/root.json",
        "items": [
            { "$ref": "#named" },
            { "$ref": "sub/one.json" },
            { "$ref": "http://example.com/sub/one.json#/definitions/s%25t~1u" },
            { "$ref": "http://json-schema.org/draft-07/schema#" },
            { "$ref": "#/definitions/one/properties/n" },
        ],
        "definitions": {
            "named": { "$id": "#named", "type": "string" },
            "one": {
                "$id": "sub/one.json",
                "$ref": "#/definitions/s%25t~1u",
                "properties": { "n": { "$ref": "#/definitions/s%25t~1u" } },
                "definitions": { "s%t/u": { "type": "number" } },
            },
        },
    });
    assert_eq!(
        errors(&schema, &json!([1, "x", "x", { "type": 5 }, "x"])),
        [
            "/0 must be string",
            "/1 must be number",
            "/2 must be number",
            "/3/type must be equal to one of the allowed values",
            "/3/type must be array",
            "/3/type must match a schema in anyOf",
            "/4 must be number",
        ]
    );
    // Another schema of the same name is another schema.
    let other = json!({ "$id": "http://example.com/root.json", "type": "null" });
    assert_eq!(errors(&other, &json!(1)), ["/ must be null"]);
}

#[test]
fn dynamic_references_look_outwards() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "http://example.com/strict",
        "$dynamicAnchor": "node",
        "$ref": "tree",
        "unevaluatedProperties": false,
        "$defs": { "tree": {
            "$id": "tree",
            "$dynamicAnchor": "node",
            "properties": { "children": { "items": { "$dynamicRef": "#node" } } },
        } },
    });
    assert_eq!(
        errors(&schema, &json!({ "children": [{ "childen": 1 }] })),
        ["/children/0 must NOT have unevaluated properties"]
    );
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": "http://example.com/strict",
        "$recursiveAnchor": true,
        "$ref": "tree",
        "unevaluatedProperties": false,
        "$defs": { "tree": {
            "$id": "tree",
            "$recursiveAnchor": true,
            "properties": { "children": { "items": { "$recursiveRef": "#" } } },
        } },
    });
    assert_eq!(
        errors(&schema, &json!({ "children": [{ "childen": 1 }] })),
        ["/children/0 must NOT have unevaluated properties"]
    );
}

#[test]
fn newer_schemas_are_checked_against_their_own_meta_schema() {
    let schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "strin" });
    let error = compile(&schema).err().unwrap().to_string();
    assert!(error.starts_with("schema is invalid: data/type \"strin\" is not"), "{error}");
}

#[test]
fn the_cache_keeps_what_is_used_and_stays_small() {
    let schema = json!({ "title": "cached", "required": ["b", "a"] });
    assert!(Arc::ptr_eq(&compile(&schema).unwrap(), &compile(&schema.clone()).unwrap()));
    // The order of keys is part of the content.
    let other = json!({ "required": ["b", "a"], "title": "cached" });
    assert!(!Arc::ptr_eq(&compile(&schema).unwrap(), &compile(&other).unwrap()));

    let validator = compile(&json!({})).unwrap();
    let mut cache = Cache::default();
    for n in 0..CACHED_SCHEMAS + 10 {
        cache.put(n.to_string(), Arc::clone(&validator));
    }
    assert_eq!((cache.validators.len(), cache.order.len()), (CACHED_SCHEMAS, CACHED_SCHEMAS));
    assert!(cache.get("9").is_none() && cache.get("10").is_some());
    cache.put("x".repeat(CACHED_BYTES - 10), Arc::clone(&validator));
    assert!(cache.bytes <= CACHED_BYTES && cache.validators.len() < 10, "{}", cache.validators.len());
    cache.put("x".repeat(CACHED_BYTES + 1), validator);
    assert!(cache.bytes <= CACHED_BYTES);
    assert_eq!(cache.validators.len(), cache.order.len());
}
