//! Regular expressions of schemas: the library's engine, with a bound on how long one match may take.
//!
//! ECMAScript syntax, look-around included. A pattern is held as a one-keyword schema of the library, which
//! translates the syntax and picks the engine. Knows nothing of the schema around the pattern.

use jsonschema::PatternOptions;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use super::SchemaError;

/// Backtracking steps that one match may take. A pattern without look-around or back-references takes none: it
/// runs in linear time. A step costs tens of nanoseconds, so the bound is some milliseconds per match.
const BACKTRACK_LIMIT: usize = 200_000;

/// A compiled pattern.
pub(super) struct Pattern {
    source: Box<str>,
    matcher: jsonschema::Validator,
}

/// A match that was given up.
pub(super) struct Undecided;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`SchemaError::Pattern`] with the reason in the words of V8, as far as it can be told.
    pub(super) fn new(source: &str) -> Result<Self, SchemaError> {
        let invalid = || SchemaError::Pattern { pattern: source.to_owned(), reason: why_invalid(source) };
        // A schema's own check of its pattern is the library's `regex` format, which the meta-schema applies.
        let matcher = jsonschema::draft7::options()
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT))
            .build(&json!({ "pattern": source }))
            .map_err(|_| invalid())?;
        Ok(Self { source: source.into(), matcher })
    }

    /// The pattern as it was written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether a string (any other value matches) contains a match.
    pub(super) fn matches(&self, value: &Value) -> Result<bool, Undecided> {
        match self.matcher.validate(value) {
            Ok(()) => Ok(true),
            Err(error) => match error.kind() {
                ValidationErrorKind::BacktrackLimitExceeded { .. }
                | ValidationErrorKind::RegexEngineFailure { .. } => Err(Undecided),
                _ => Ok(false),
            },
        }
    }

    /// [`Pattern::matches`] for a property name.
    pub(super) fn matches_name(&self, name: &str) -> Result<bool, Undecided> {
        self.matches(&Value::String(name.to_owned()))
    }
}

/// What V8 says about a pattern that does not compile. Only the library's verdict counts; this finds the words.
fn why_invalid(source: &str) -> &'static str {
    let characters: Vec<char> = source.chars().collect();
    let mut open_groups = 0usize;
    let mut can_repeat = false;
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let next = characters.get(at + 1).copied();
        match character {
            '\\' if next.is_none() => return "\\ at end of pattern",
            '\\' => {
                at += 1;
                can_repeat = !matches!(next, Some('b' | 'B'));
            }
            '[' => {
                let Some(length) = class_length(&characters[at..]) else {
                    return "Unterminated character class";
                };
                at += length;
                can_repeat = true;
            }
            '(' => {
                open_groups += 1;
                can_repeat = false;
                if next == Some('?') {
                    at += 1;
                    if !matches!(characters.get(at + 1), Some(':' | '=' | '!' | '<')) {
                        return "Invalid group";
                    }
                    at += 1;
                }
            }
            ')' if open_groups == 0 => return "Unmatched ')'",
            ')' => {
                open_groups -= 1;
                can_repeat = true;
            }
            '*' | '+' | '?' if !can_repeat => return "Nothing to repeat",
            '*' | '+' | '?' => {
                if next == Some('?') {
                    at += 1;
                }
                can_repeat = false;
            }
            '{' => match (can_repeat, counts_length(&characters[at..])) {
                (false, Some(_)) => return "Nothing to repeat",
                (false, None) => return "Lone quantifier brackets",
                (true, None) => return "Incomplete quantifier",
                (true, Some(length)) => {
                    at += length;
                    can_repeat = false;
                }
            },
            ']' | '}' => return "Lone quantifier brackets",
            '^' | '|' => can_repeat = false,
            _ => can_repeat = true,
        }
        at += 1;
    }
    if open_groups > 0 { "Unterminated group" } else { "Invalid escape" }
}

/// How many characters after its first a character class takes; `None` if it does not end.
fn class_length(characters: &[char]) -> Option<usize> {
    let mut at = 1;
    loop {
        match characters.get(at)? {
            '\\' => at += 1,
            ']' => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// How many characters after its first a quantifier like `{1,2}` takes; `None` if it is none.
fn counts_length(characters: &[char]) -> Option<usize> {
    let length = characters.iter().position(|character| *character == '}')?;
    let counts: String = characters[1..length].iter().collect();
    let (least, most) = counts.split_once(',').unwrap_or((&counts, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(least) && (most.is_empty() || is_number(most))).then_some(length)
}
