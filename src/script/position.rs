//! Offsets to places that a person can find: the one definition of line and column for this room.
//!
//! Knows text only, not what is written in it.

use crate::model::script::Position;

/// The place of a byte offset: lines end where ECMAScript ends them (`\n`, `\r\n`, `\r`, U+2028, U+2029), columns are
/// UTF-16 units, as V8 and editors count both. An offset beyond the text, or inside a character, is the place before it.
pub(super) fn position(text: &str, offset: usize) -> Position {
    let (mut line, mut column) = (1, 1);
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if at + character.len_utf8() > offset {
            break;
        }
        let inside_crlf = character == '\r' && matches!(characters.peek(), Some((_, '\n')));
        if is_line_end(character) && !inside_crlf {
            line += 1;
            column = 1;
        } else {
            column += u32::from(character.len_utf16() == 2) + 1;
        }
    }
    Position { line, column }
}

/// So much of a line is shown on either side of the place, in characters.
const AROUND: usize = 60;

/// The line of a byte offset with its number, and below it a caret under the place. Long lines are cut around it.
pub(super) fn frame(text: &str, offset: usize) -> String {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let start = text[..offset]
        .rfind(is_line_end)
        .map_or(0, |end| end + text[end..].chars().next().map_or(0, char::len_utf8));
    let end = text[offset..].find(is_line_end).map_or(text.len(), |length| offset + length);
    let before: Vec<char> = text[start..offset].chars().collect();
    let cut = before.len().saturating_sub(AROUND);
    let after: String = text[offset..end].chars().take(AROUND).collect();
    let gutter = format!("{} | ", position(text, offset).line);
    let mut shown = format!("{gutter}{}", if cut > 0 { "…" } else { "" });
    // Tabs stay, so that the caret stands where the place does however wide they are shown.
    let mut below: String = shown.chars().map(|_| ' ').collect();
    for character in &before[cut..] {
        shown.push(*character);
        below.push(if *character == '\t' { '\t' } else { ' ' });
    }
    shown.push_str(&after);
    if text[offset..end].len() > after.len() {
        shown.push('…');
    }
    format!("{}\n{below}^", shown.trim_end())
}

/// Whether ECMAScript ends a line here.
pub(super) fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_utf16_columns() {
        for (text, offset, line, column) in [
            ("", 0, 1, 1),
            ("abc", 2, 1, 3),
            ("abc", 99, 1, 4),
            ("a\nb", 2, 2, 1),
            ("a\r\nb", 1, 1, 2),
            ("a\r\nb", 2, 1, 3),
            ("a\r\nb", 3, 2, 1),
            ("a\rb", 2, 2, 1),
            ("a\u{2028}b\u{2029}c", 4, 2, 1),
            ("a\u{2028}b\u{2029}c", 8, 3, 1),
            ("üb", 2, 1, 2),
            ("🙂b", 4, 1, 3),
            ("🙂b", 2, 1, 1),
            ("漢字b", 6, 1, 3),
        ] {
            assert_eq!(position(text, offset), Position { line, column }, "{text:?} at {offset}");
        }
    }

    #[test]
    fn frames_point_at_the_place() {
        for (text, offset, expected) in [
            ("const x = = 1", 10, "1 | const x = = 1\n              ^"),
            ("a\r\n\tb ü = = 2\r\nc", 11, "2 | \tb ü = = 2\n    \t      ^"),
            ("", 0, "1 |\n    ^"),
            ("ab", 99, "1 | ab\n      ^"),
        ] {
            assert_eq!(frame(text, offset), expected, "{text:?} at {offset}");
        }
        let long = frame(&"x".repeat(1000), 500);
        assert!(long.starts_with("1 | …xxx") && long.contains("x…\n") && long.lines().count() == 2, "{long}");
    }
}
