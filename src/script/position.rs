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
}
