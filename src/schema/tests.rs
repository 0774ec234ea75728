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
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences[..differences.len().min(8)].join("\n"));
}

#[test]
fn errors_are_those_of_ajv() {
    let mut differences = Vec::new();
    let mut invalid = 0;
    let count = each_pair("draft-07", |schema, value, expected| {
        invalid += usize::from(!expected.is_empty());
        let found = errors(schema, value);
        if found != expected {
            differences.push(format!("{schema}\n on {value}\n expected {expected:#?}\n found {found:#?}"));
        }
    });
    assert_none(&differences);
    assert!(count >= 3000 && invalid >= 2000, "{count} pairs, {invalid} of them invalid");
}

#[test]
fn newer_dialects_are_those_of_ajv_too() {
    for dialect in ["2019-09", "2020-12"] {
        let mut differences = Vec::new();
        each_pair(dialect, |schema, value, expected| {
            let found = errors(schema, value);
            if found != expected {
                differences.push(format!("{schema}\n on {value}\n expected {expected:#?}\n found {found:#?}"));
            }
        });
        assert_none(&differences);
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
