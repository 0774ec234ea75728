//! Texts as agent CLIs print them: shortening, JSON inside prose, what JavaScript takes for white space.
//!
//! Pure functions. Must never know which CLI a text is from.

use serde_json::Value;

use crate::model::json;

/// Cuts to so many UTF-16 units, and says so with `…`. Half a character is never kept.
pub fn shorten(text: &str, units: usize) -> String {
    // A text never has more UTF-16 units than bytes.
    if text.len() <= units {
        return text.to_owned();
    }
    let mut left = units;
    for (at, character) in text.char_indices() {
        match left.checked_sub(character.len_utf16()) {
            Some(rest) => left = rest,
            None => return format!("{}…", &text[..at]),
        }
    }
    text.to_owned()
}

/// What JavaScript's `trim` takes away.
fn is_space(character: char) -> bool {
    matches!(character, '\u{feff}') || (character.is_whitespace() && character != '\u{85}')
}

/// JavaScript's `trim`.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// JavaScript's `trimEnd`.
pub fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// A text without the escape sequences by which terminals colour it.
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        // Parameters are digits and punctuation; a letter ends the sequence.
        let end = after.find(|c: char| ('\u{40}'..='\u{7e}').contains(&c));
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    plain.push_str(rest);
    plain
}

/// What is inside the first block between ```` ``` ```` (or ```` ```json ````) and ```` ``` ````, trimmed.
pub fn fenced(text: &str) -> Option<&str> {
    let (_, opened) = text.split_once("```")?;
    let named = opened.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("json"));
    let (inside, _) = opened[if named { 4 } else { 0 }..].split_once("```")?;
    Some(trim(inside))
}

/// Reads a text that ought to be JSON, the way the original engine does for Codex. In this order: as JSON (a string is
/// read once more); the first fenced block; with its escapes undone; from the first `{` to the last `}`; from the
/// first `[` to the last `]`. Every text that comes of it is read in the same way, and none of them twice.
pub fn tolerant_json(text: &str) -> Option<Value> {
    tolerant(text, &mut Vec::new())
}

/// A text may shrink into others only so often; real ones take three steps.
const MOST_READINGS: usize = 32;

fn tolerant(text: &str, seen: &mut Vec<String>) -> Option<Value> {
    let text = trim(text);
    if text.is_empty() || seen.len() >= MOST_READINGS || seen.iter().any(|known| known == text) {
        return None;
    }
    seen.push(text.to_owned());
    match json::parse(text) {
        Ok(Value::String(inner)) => return tolerant(&inner, seen),
        Ok(value) => return Some(value),
        Err(_) => {}
    }
    if let Some(found) = fenced(text).and_then(|inside| tolerant(inside, seen)) {
        return Some(found);
    }
    if (text.contains("\\n") || text.contains("\\\""))
        && let Some(found) = tolerant(&unescaped(text), seen)
    {
        return Some(found);
    }
    let braces = between(text, '{', '}').and_then(|part| tolerant(part, seen));
    braces.or_else(|| between(text, '[', ']').and_then(|part| tolerant(part, seen)))
}

fn unescaped(text: &str) -> String {
    match json::parse(&format!("\"{text}\"")) {
        Ok(Value::String(plain)) => plain,
        _ => text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\""),
    }
}

fn between(text: &str, first: char, last: char) -> Option<&str> {
    let start = text.find(first)?;
    let end = text.rfind(last)?;
    text.get(start..=end)
}

/// What is wrong with a text that is not JSON, worded like the `SyntaxError` of `JSON.parse` in Node.js. `None` if it is
/// JSON after all.
pub fn json_fault(text: &str) -> Option<String> {
    let error = json::parse(text).err()?;
    if error.is_eof() {
        return Some("Unexpected end of JSON input".to_owned());
    }
    // Column is a count of bytes; where an unexpected token stands, the column is its own.
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let mut column = error.column().saturating_sub(1).min(line.len());
    while !line.is_char_boundary(column) {
        column -= 1;
    }
    let before: usize =
        text.split('\n').take(error.line().saturating_sub(1)).map(|line| line.len() + 1).sum();
    let position = text[..before + column].encode_utf16().count();
    let said = error.to_string();
    Some(match line[column..].chars().next() {
        _ if said.starts_with("key must be a string") => {
            format!("Expected property name or '}}' in JSON at position {position}")
        }
        _ if said.starts_with("trailing characters") => {
            format!("Unexpected non-whitespace character after JSON at position {position}")
        }
        Some(token) => format!("Unexpected token '{token}', {} is not valid JSON", excerpt(text, position)),
        None => format!("{said} in JSON at position {position}"),
    })
}

/// A short text whole, a long one around a place, quoted as V8 does.
fn excerpt(text: &str, position: usize) -> String {
    const AROUND: usize = 10;
    let units: Vec<u16> = text.encode_utf16().collect();
    if units.len() <= 4 * AROUND {
        return format!("\"{text}\"");
    }
    let (start, end) = (position.saturating_sub(AROUND), (position + AROUND).min(units.len()));
    let (before, after) = (if start > 0 { "..." } else { "" }, if end < units.len() { "..." } else { "" });
    format!("{before}\"{}\"{after}", String::from_utf16_lossy(&units[start..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_cut_by_utf16_units() {
        for (text, units, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc…"),
            ("é🙂é", 4, "é🙂é"),
            ("é🙂é", 3, "é🙂…"),
            ("é🙂é", 2, "é…"),
            ("", 0, ""),
        ] {
            assert_eq!(shorten(text, units), expected, "{text} {units}");
        }
    }

    #[test]
    fn white_space_is_javascripts() {
        assert_eq!(trim("\u{feff}\u{a0}\u{2028} a\u{85} \n"), "a\u{85}");
        assert_eq!(trim_end(" a \t"), " a");
    }

    #[test]
    fn colours_go() {
        assert_eq!(without_escapes("\u{1b}[93m\u{1b}[1m! \u{1b}[0mx\u{1b}[0"), "! x");
    }

    #[test]
    fn json_is_found_in_what_models_write() {
        for (text, expected) in [
            (r#"{"a":1}"#, json!({ "a": 1 })),
            ("  \n{\"a\":1}\n ", json!({ "a": 1 })),
            (r#""{\"a\":2}""#, json!({ "a": 2 })),
            ("```json\n{\"a\":3}\n```", json!({ "a": 3 })),
            ("see ```\n[1]\n``` there", json!([1])),
            ("Here: {\"a\":3} done", json!({ "a": 3 })),
            ("[1,2]", json!([1, 2])),
            ("text [1] text", json!([1])),
            (r#"{\"a\":4}"#, json!({ "a": 4 })),
            (r#"{\n\"a\":5}"#, json!({ "a": 5 })),
            ("5", json!(5)),
            ("null", json!(null)),
            (r#"x [1] {"a":7}"#, json!({ "a": 7 })),
            // An escape that belongs to a string inside is no reason to give up.
            ("Here: {\"a\":\"x\\ny\"} done", json!({ "a": "x\ny" })),
        ] {
            assert_eq!(tolerant_json(text), Some(expected), "{text}");
        }
        for text in ["nope", r#""plain""#, r#"{"a":1} and {"b":2}"#, r#""\"\"""#, r"\n", "", "``` ```"] {
            assert_eq!(tolerant_json(text), None, "{text}");
        }
    }

    #[test]
    fn faults_of_json_are_worded_like_v8() {
        for (text, expected) in [
            ("", "Unexpected end of JSON input"),
            ("{\"a\":", "Unexpected end of JSON input"),
            ("<html>", "Unexpected token '<', \"<html>\" is not valid JSON"),
            ("{bad", "Expected property name or '}' in JSON at position 1"),
            ("{} x", "Unexpected non-whitespace character after JSON at position 3"),
            ("{\n\"é\": x}", "Unexpected token 'x', \"{\n\"é\": x}\" is not valid JSON"),
        ] {
            assert_eq!(json_fault(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(json_fault("[1]"), None);
        let long = format!("[{}x]", "1,".repeat(40));
        assert_eq!(
            json_fault(&long).as_deref(),
            Some("Unexpected token 'x', ...\"1,1,1,1,1,x]\" is not valid JSON")
        );
    }
}
