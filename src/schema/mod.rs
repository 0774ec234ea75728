//! JSON Schema: checking an agent's output, explaining what is wrong with it, making up a value that has its shape.
//!
//! Errors read, and are ordered, as those of Ajv 8 with `allErrors`: they become part of retry prompts, and of the
//! keys of retried calls, so every byte counts. The library's own errors cannot be put into that order: it merges
//! some (`additionalProperties`), does without others (`contains`, the trailing error of `if`), and reads draft-07
//! more strictly (`$ref` hides its siblings, there is no `nullable`). So schemas are compiled and walked here, and
//! the library does what it does better: regular expressions, URIs, the meta-schemas of the newer dialects. That
//! both come to the same verdicts is tested on thousands of pairs.
//!
//! Never fetches anything, never panics, and never runs unbounded, whatever the schema. Knows nothing of agents,
//! providers or retries.

mod check;
mod compile;
mod dialect;
mod document;
mod pattern;
mod program;
mod sample;
mod values;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;
use thiserror::Error;

use check::Failure;
use dialect::Dialect;
use program::Program;
pub use sample::sample;

/// Why a schema cannot be used. The texts are those of the original engine where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// Neither an object nor a boolean.
    #[error("schema must be object or boolean")]
    NotASchema,
    /// `null`, which counts as a schema that was given.
    #[error("Cannot read properties of null (reading '$id')")]
    Null,
    /// `$schema` is something else than text.
    #[error("$schema must be a string")]
    DialectNotText,
    /// `$schema` names a dialect other than draft-07, 2019-09 and 2020-12.
    #[error("no schema with key or ref \"{uri}\"")]
    UnknownDialect {
        /// What `$schema` says.
        uri: String,
    },
    /// The schema does not fit its meta-schema. Each error starts with `data` and the path to what is wrong.
    #[error("schema is invalid: {}", errors.join(", "))]
    Invalid {
        /// All errors, in order.
        errors: Vec<String>,
    },
    /// A keyword has an operand that the meta-schema did not catch.
    #[error("{message}")]
    Keyword {
        /// What is wrong.
        message: String,
    },
    /// A `$ref` to nowhere, or to another document: nothing is ever fetched.
    #[error("can't resolve reference {reference} from id {base}")]
    UnresolvedReference {
        /// The reference as written.
        reference: String,
        /// The base URI that it is relative to; `#` for a schema without `$id`.
        base: String,
    },
    /// Two schemas within one have the same name.
    #[error("reference \"{reference}\" resolves to more than one schema")]
    AmbiguousReference {
        /// The name.
        reference: String,
    },
    /// A regular expression that does not compile.
    #[error("Invalid regular expression: /{pattern}/u: {reason}")]
    Pattern {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// References that lead back to where they started without going into the value.
    #[error("schema refers to itself without going into the value, so no check could end")]
    Endless,
    /// More nested than any text that the engine parses.
    #[error("schema is nested more than {} levels deep", crate::model::json::MAX_DEPTH)]
    TooDeep,
}

/// A compiled schema.
pub struct Validator {
    program: Program,
}

impl Validator {
    /// Checks a value: the errors in Ajv's order, each `<JSON pointer, or "/" for the whole> <message>`; empty if
    /// the value fits.
    ///
    /// A check that would run into the bounds on depth, steps or backtracking is given up with one error that says
    /// so.
    pub fn validate(&self, value: &Value) -> Vec<String> {
        let errors = check::check(&self.program, value).into_iter();
        errors
            .map(|Failure { path, message }| match path.as_str() {
                "" => format!("/ {message}"),
                path => format!("{path} {message}"),
            })
            .collect()
    }
}

/// Compiles a schema, or finds it among those compiled before.
///
/// # Errors
/// See [`SchemaError`].
pub fn compile(schema: &Value) -> Result<Arc<Validator>, SchemaError> {
    match schema {
        Value::Object(_) | Value::Bool(_) | Value::Array(_) => {}
        Value::Null => return Err(SchemaError::Null),
        _ => return Err(SchemaError::NotASchema),
    }
    // The text is the content with its key order, which decides the order of the errors.
    let text = schema.to_string();
    if let Some(validator) = cache().get(&text) {
        return Ok(validator);
    }
    let validator = Arc::new(Validator { program: compile_checked(schema)? });
    cache().put(text, Arc::clone(&validator));
    Ok(validator)
}

fn compile_checked(schema: &Value) -> Result<Program, SchemaError> {
    let dialect = Dialect::of(schema)?;
    let errors = match dialect {
        Dialect::Draft7 => against_draft_07(schema),
        Dialect::Draft201909 | Dialect::Draft202012 => against_library(schema),
    };
    if !errors.is_empty() {
        return Err(SchemaError::Invalid { errors });
    }
    compile::compile(schema, dialect)
}

/// Checks a schema as a value under the draft-07 meta-schema, so that even these errors are Ajv's.
fn against_draft_07(schema: &Value) -> Vec<String> {
    static META: LazyLock<Program> = LazyLock::new(|| {
        compile::compile(&document::DRAFT_07, Dialect::Draft7).expect("the meta-schema is a valid schema")
    });
    check::check(&META, schema)
        .into_iter()
        .map(|error| format!("data{} {}", error.path, error.message))
        .collect()
}

/// Checks a schema against the meta-schema it names, in the library's words: the original engine knows only one.
fn against_library(schema: &Value) -> Vec<String> {
    match jsonschema::meta::validator_for(schema) {
        Ok(meta) => {
            meta.iter_errors(schema).map(|error| format!("data{} {error}", error.instance_path())).collect()
        }
        Err(error) => vec![format!("data {error}")],
    }
}

/// How many schemas the cache keeps: a workflow uses a handful, a process that runs many of them some dozens.
const CACHED_SCHEMAS: usize = 256;

/// How much schema text the cache keeps. A compiled schema takes some ten times its text.
const CACHED_BYTES: usize = 2 * 1024 * 1024;

/// Compiled schemas by their text; the oldest leave first.
#[derive(Default)]
struct Cache {
    validators: HashMap<Arc<str>, Arc<Validator>>,
    order: VecDeque<Arc<str>>,
    bytes: usize,
}

impl Cache {
    fn get(&self, text: &str) -> Option<Arc<Validator>> {
        self.validators.get(text).cloned()
    }

    fn put(&mut self, text: String, validator: Arc<Validator>) {
        let text: Arc<str> = text.into();
        if text.len() > CACHED_BYTES || self.validators.insert(Arc::clone(&text), validator).is_some() {
            return;
        }
        self.bytes += text.len();
        self.order.push_back(text);
        while self.order.len() > CACHED_SCHEMAS || self.bytes > CACHED_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= oldest.len();
            self.validators.remove(&oldest);
        }
    }
}

fn cache() -> std::sync::MutexGuard<'static, Cache> {
    static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);
    // The cache is consistent between any two statements that could panic.
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
