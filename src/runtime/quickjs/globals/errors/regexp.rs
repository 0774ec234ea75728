//! What is wrong with a regular expression, in V8's words.
//!
//! Only texts; must never know where a pattern comes from.

/// V8's message for the interpreter's complaint about a pattern.
pub(super) fn words(message: &str, pattern: &str, flags: &str) -> Option<String> {
    if message == "invalid regular expression flags" {
        return Some(format!("Invalid flags supplied to RegExp constructor '{flags}'"));
    }
    Some(format!("Invalid regular expression: /{pattern}/{flags}: {}", fault(message, pattern, flags)?))
}

fn fault(message: &str, pattern: &str, flags: &str) -> Option<&'static str> {
    let unicode = flags.contains(['u', 'v']);
    Some(match message {
        "expecting ')'" => "Unterminated group",
        "expecting '}'" => "Incomplete quantifier",
        "invalid group name" => "Invalid capture group name",
        "duplicate group name" => "Duplicate capture group name",
        "group name not defined" => "Invalid named capture referenced",
        "expecting group name" => "Invalid named reference",
        "invalid group" | "invalid modifiers" => "Invalid group",
        _ if message.starts_with("duplicate modifier") => "Invalid group",
        "unexpected end" if ends_in_backslash(pattern) => "\\ at end of pattern",
        "unexpected end" => "Unterminated character class",
        "invalid class range" if unicode && has_class_in_range(pattern) => "Invalid character class",
        "invalid class range" => "Range out of order in character class",
        "nothing to repeat" => "Nothing to repeat",
        "invalid repetition count" if unicode && !has_reversed_count(pattern) => "Incomplete quantifier",
        "invalid repetition count" => "numbers out of order in {} quantifier",
        "extraneous characters at the end" => "Unmatched ')'",
        "back reference out of range in regular expression"
        | "invalid decimal escape in regular expression" => "Invalid escape",
        "invalid escape sequence in regular expression" if has_unicode_escape(pattern) => {
            "Invalid Unicode escape"
        }
        "invalid escape sequence in regular expression" => "Invalid escape",
        "syntax error" if has_count(pattern) => "Nothing to repeat",
        "syntax error" => "Lone quantifier brackets",
        "expecting '{' after \\p"
        | "unknown unicode property value"
        | "unknown unicode script"
        | "unknown unicode general category"
        | "unknown unicode property name" => "Invalid property name",
        "invalid character in class in regular expression" => "Invalid character in character class",
        "invalid class set operation in regular expression" => "Invalid set operation in character class",
        "too many captures" => "Too many captures",
        "stack overflow" | "too many imbricated quantifiers" => "Regular expression too large",
        _ => return None,
    })
}

fn ends_in_backslash(pattern: &str) -> bool {
    pattern.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// `[\d-z]` or `[a-\d]`.
fn has_class_in_range(pattern: &str) -> bool {
    const CLASSES: &str = "dDsSwWpP";
    let bytes: Vec<char> = pattern.chars().collect();
    bytes.windows(3).any(|three| {
        (three[0] == '\\' && CLASSES.contains(three[1]) && three[2] == '-')
            || (three[0] == '-' && three[1] == '\\' && CLASSES.contains(three[2]))
    })
}

/// `{2,1}`
fn has_reversed_count(pattern: &str) -> bool {
    counts(pattern).any(|(least, most)| {
        matches!((least.parse::<f64>(), most.map(str::parse::<f64>)), (Ok(least), Some(Ok(most))) if least > most)
    })
}

/// `{1}`, `{1,}`, `{1,2}`
fn has_count(pattern: &str) -> bool {
    counts(pattern).any(|(least, most)| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !least.is_empty() && digits(least) && most.is_none_or(digits)
    })
}

fn counts(pattern: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    pattern.split('{').skip(1).filter_map(|rest| {
        let (count, _) = rest.split_once('}')?;
        Some(count.split_once(',').map_or((count, None), |(least, most)| (least, Some(most))))
    })
}

/// `\u…` or `\c…`
fn has_unicode_escape(pattern: &str) -> bool {
    pattern.contains("\\u") || pattern.contains("\\c")
}
