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
        let translated = translate(source);
        let matcher = jsonschema::draft7::options()
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT))
            .build(&json!({ "pattern": translated }))
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

/// What `\s` matches: white space and line terminators of ECMAScript.
const SPACE: &str = r"\t-\r \u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000\uFEFF";

/// Spells out what the library leaves to an engine that reads it differently: `.` stops at four line terminators,
/// `\d`, `\w` and `\s` mean fixed sets even next to look-around, names refer back by number, and characters may be
/// written as surrogate pairs.
fn translate(source: &str) -> String {
    let characters: Vec<char> = source.chars().collect();
    let names = group_names(&characters);
    let mut out = String::with_capacity(source.len());
    let mut in_class = false;
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let rest = &characters[at..];
        let mut taken = 1;
        match (character, in_class) {
            ('\\', _) => {
                let (text, length) = translate_escape(rest, in_class, &names);
                out.push_str(&text);
                taken = length;
            }
            ('.', false) => out.push_str(r"[^\n\r\u2028\u2029]"),
            ('[', false) if rest.starts_with(&['[', ']']) => {
                // The empty class matches nothing, its complement everything.
                out.push_str("(?!)");
                taken = 2;
            }
            ('[', false) if rest.starts_with(&['[', '^', ']']) => {
                out.push_str(r"[\x00-\u{10FFFF}]");
                taken = 3;
            }
            ('[', false) => {
                in_class = true;
                out.push('[');
            }
            (']', true) => {
                in_class = false;
                out.push(']');
            }
            _ => out.push(character),
        }
        at += taken;
    }
    out
}

/// The translation of an escape and how many characters it is of.
fn translate_escape(rest: &[char], in_class: bool, names: &[Option<String>]) -> (String, usize) {
    let Some(&escaped) = rest.get(1) else { return ("\\".to_owned(), 1) };
    let set = |inside: &str| match in_class {
        // Before a hyphen it would become part of a range, which ECMAScript refuses.
        true if rest.get(2) == Some(&'-') && rest.get(3) != Some(&']') => format!("\\{escaped}"),
        true => inside.to_owned(),
        false => format!("[{inside}]"),
    };
    match escaped {
        'd' => (set("0-9"), 2),
        'w' => (set("A-Za-z0-9_"), 2),
        's' => (set(SPACE), 2),
        'D' if !in_class => ("[^0-9]".to_owned(), 2),
        'W' if !in_class => ("[^A-Za-z0-9_]".to_owned(), 2),
        'S' if !in_class => (format!("[^{SPACE}]"), 2),
        'b' if in_class => (r"\x08".to_owned(), 2),
        '0' if !rest.get(2).is_some_and(char::is_ascii_digit) => (r"\x00".to_owned(), 2),
        'k' if rest.get(2) == Some(&'<') => {
            let name: String = rest[3..].iter().take_while(|character| **character != '>').collect();
            match names.iter().position(|known| known.as_ref() == Some(&name)) {
                Some(index) => (format!("(?:\\{})", index + 1), name.chars().count() + 4),
                None => ("\\k".to_owned(), 2),
            }
        }
        'u' => match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(high @ 0xD800..0xDC00), Some(low @ 0xDC00..0xE000)) => {
                (format!("\\u{{{:X}}}", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
            }
            _ => ("\\u".to_owned(), 2),
        },
        other => (format!("\\{other}"), 2),
    }
}

/// The number of an escape like `\u00e9`.
fn unit(rest: &[char]) -> Option<u32> {
    let digits: String = rest.strip_prefix(&['\\', 'u'])?.get(..4)?.iter().collect();
    u32::from_str_radix(&digits, 16).ok()
}

/// The names of the capturing groups, in order; `None` for those without.
fn group_names(characters: &[char]) -> Vec<Option<String>> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        match character {
            '\\' => at += 1,
            '[' => at += class_length(&characters[at..]).unwrap_or(0),
            '(' => match characters.get(at + 1..).unwrap_or_default() {
                ['?', '<', next, ..] if !matches!(next, '=' | '!') => {
                    let name = characters[at + 3..].iter().take_while(|character| **character != '>');
                    names.push(Some(name.collect()));
                }
                ['?', ..] => {}
                _ => names.push(None),
            },
            _ => {}
        }
        at += 1;
    }
    names
}

/// What V8 says about a pattern that does not compile. Only the library's verdict counts; this finds the words.
fn why_invalid(source: &str) -> &'static str {
    let characters: Vec<char> = source.chars().collect();
    let mut open_groups = 0usize;
    let mut can_repeat = false;
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let rest = &characters[at..];
        let next = rest.get(1).copied();
        match character {
            '\\' => {
                if let Some(reason) = why_escape_invalid(rest) {
                    return reason;
                }
                at += 1;
                can_repeat = !matches!(next, Some('b' | 'B'));
                // The braces of `\p{…}` and `\u{…}` are no quantifier.
                if matches!(next, Some('p' | 'P' | 'u')) && rest.get(2) == Some(&'{') {
                    at += rest.iter().position(|character| *character == '}').unwrap_or(1) - 1;
                }
            }
            '[' => match class_length(rest) {
                None => return "Unterminated character class",
                Some(length) => {
                    at += length;
                    can_repeat = true;
                }
            },
            '(' => {
                open_groups += 1;
                can_repeat = false;
                if next == Some('?') {
                    if !matches!(rest.get(2), Some(':' | '=' | '!' | '<')) {
                        return "Invalid group";
                    }
                    at += 2;
                }
            }
            ')' if open_groups == 0 => return "Unmatched ')'",
            ')' => {
                open_groups -= 1;
                can_repeat = true;
            }
            '*' | '+' | '?' if !can_repeat => return "Nothing to repeat",
            '*' | '+' | '?' => {
                at += usize::from(next == Some('?'));
                can_repeat = false;
            }
            '{' => match (can_repeat, counts(rest)) {
                (false, Some(_)) => return "Nothing to repeat",
                (false, None) => return "Lone quantifier brackets",
                (true, None) => return "Incomplete quantifier",
                (true, Some((_, false))) => return "numbers out of order in {} quantifier",
                (true, Some((length, true))) => {
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
    if open_groups > 0 { "Unterminated group" } else { "Invalid pattern" }
}

/// What is wrong with an escape, as far as it is wrong by itself.
fn why_escape_invalid(rest: &[char]) -> Option<&'static str> {
    match rest.get(1) {
        None => Some("\\ at end of pattern"),
        Some('k') if rest.get(2) != Some(&'<') => Some("Invalid named reference"),
        Some('k') => Some("Invalid named capture referenced"),
        Some('p' | 'P') => Some("Invalid property name"),
        Some('u') if unit(rest).is_none() => Some("Invalid Unicode escape"),
        Some('c') if !rest.get(2).is_some_and(char::is_ascii_alphabetic) => Some("Invalid Unicode escape"),
        Some('0') if rest.get(2).is_some_and(char::is_ascii_digit) => Some("Invalid decimal escape"),
        Some(
            'b' | 'B' | 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'f' | 'n' | 'r' | 't' | 'v' | 'u' | 'c' | '0',
        ) => None,
        Some('x') if rest.get(2..4).is_some_and(|digits| digits.iter().all(char::is_ascii_hexdigit)) => None,
        Some(other) if other.is_ascii_alphanumeric() => Some("Invalid escape"),
        Some(_) => None,
    }
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

/// How many characters after its first a quantifier like `{1,2}` takes, and whether its numbers are in order; `None`
/// if it is none.
fn counts(characters: &[char]) -> Option<(usize, bool)> {
    let length = characters.iter().position(|character| *character == '}')?;
    let counts: String = characters[1..length].iter().collect();
    let (least, most) = counts.split_once(',').unwrap_or((&counts, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(least) || !(most.is_empty() || is_number(most)) {
        return None;
    }
    let ordered = match (least.parse::<f64>(), most.parse::<f64>()) {
        (Ok(least), Ok(most)) => least <= most,
        _ => true,
    };
    Some((length, ordered))
}
