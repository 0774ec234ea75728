//! Offsets to places that a person can find: the one definition of line and column for this room.
//!
//! Knows text only, not what is written in it.

use crate::model::script::Position;

/// The place of a byte offset: lines end where ECMAScript ends them (`\n`, `\r\n`, `\r`, U+2028, U+2029), columns are
/// UTF-16 units, as V8 and editors count both. An offset beyond the text, or inside a character, is the place before it.
pub(super) fn position(text: &str, offset: usize) -> Position {
    position_after(text, (0, Position { line: 1, column: 1 }), offset)
}

/// The same for many places, one after the other: counts on from a place that is known, the start of a token.
pub(super) fn position_after(text: &str, known: (usize, Position), offset: usize) -> Position {
    let (from, Position { mut line, mut column }) = known;
    let mut characters = text[from..].char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if from + at + character.len_utf8() > offset {
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
    frame_of(text, offset, position(text, offset).line)
}

/// The same where the number of the line is known.
pub(super) fn frame_of(text: &str, offset: usize, line: u32) -> String {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    // Lines may be as long as the source: no further than what is shown.
    let in_line = |character: &char| !is_line_end(*character);
    let mut before: Vec<char> = text[..offset].chars().rev().take_while(in_line).take(AROUND + 1).collect();
    before.reverse();
    let cut = before.len().saturating_sub(AROUND);
    let mut after: String = text[offset..].chars().take_while(in_line).take(AROUND + 1).collect();
    let more = after.chars().count() > AROUND;
    if more {
        after.pop();
    }
    let gutter = format!("{line} | ");
    let mut shown = format!("{gutter}{}", if cut > 0 { "…" } else { "" });
    // Tabs stay, so that the caret stands where the place does however wide they are shown.
    let mut below: String = shown.chars().map(|_| ' ').collect();
    for character in &before[cut..] {
        shown.push(*character);
        below.push(if *character == '\t' { '\t' } else { ' ' });
    }
    shown.push_str(&after);
    if more {
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
            let Some(half) = (0..=offset.min(text.len()) / 2).rfind(|at| text.is_char_boundary(*at)) else {
                continue;
            };
            if !text[..half].ends_with('\r') {
                let known = (half, position(text, half));
                assert_eq!(
                    position_after(text, known, offset),
                    Position { line, column },
                    "{text:?} at {offset}"
                );
            }
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
