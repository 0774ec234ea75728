//! Where the interpreter believes itself to be: its lexer moves its mark on blanks, comments and names only, so other
//! tokens carry the place of what stands before them.
//!
//! Knows tokens, nothing of the tree.

/// A place as the interpreter reports it: 1-based line, 1-based column in bytes.
pub(super) type Place = (u32, u32);

/// The places of all tokens.
pub(super) struct Marks<'a> {
    text: &'a str,
    lines: Vec<u32>,
    /// The start of a token, and what the interpreter takes for its place.
    tokens: Vec<(u32, Place)>,
}

impl<'a> Marks<'a> {
    /// `tokens` are the tokens' start and end, in order. `from_zero`: columns of the first line are too small by one.
    pub(super) fn new(text: &'a str, from_zero: bool, tokens: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut marks = Self { text, lines: line_starts(text), tokens: Vec::new() };
        let (mut mark, mut before) = (0, 0);
        for (start, end) in tokens.filter(|(start, end)| start < end) {
            let token = &text[start as usize..end as usize];
            let moves = token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$');
            if moves || start > before || start == 0 {
                mark = start;
            }
            let mut place = marks.place(mark);
            // Only templates reach over lines; the column is then that of where they end.
            if let Some(line_end) = token.rfind('\n') {
                mark = start + line_end as u32 + 1;
                place.1 = 1;
            }
            place.0 = marks.place(start).0;
            if from_zero && place.0 == 1 {
                place.1 = (place.1 - 1).max(1);
            }
            marks.tokens.push((start, place));
            before = end;
        }
        marks
    }

    /// Where a byte offset really is.
    pub(super) fn place(&self, offset: u32) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset);
        (line as u32, offset - self.lines[line - 1] + 1)
    }

    /// What the interpreter takes for the place of the token at an offset, or of the first one behind it.
    pub(super) fn mark(&self, offset: u32) -> Place {
        let index = self.tokens.partition_point(|(start, _)| *start < offset);
        self.tokens.get(index).map_or_else(|| self.place(offset), |(_, place)| *place)
    }

    /// Where the token at an offset or the first one behind it begins.
    pub(super) fn next(&self, offset: u32) -> u32 {
        let index = self.tokens.partition_point(|(start, _)| *start < offset);
        self.tokens.get(index).map_or(offset, |(start, _)| *start)
    }

    /// Where the next token behind `offset` begins, provided that it begins with `token`.
    pub(super) fn after(&self, offset: u32, token: char) -> Option<u32> {
        let index = self.tokens.partition_point(|(start, _)| *start < offset);
        let (start, _) =
            self.tokens[index..].iter().find(|(start, _)| self.text[*start as usize..].starts_with(token))?;
        Some(*start)
    }
}

fn line_starts(text: &str) -> Vec<u32> {
    let ends = text.char_indices().filter(|(at, c)| match c {
        '\n' | '\u{2028}' | '\u{2029}' => true,
        '\r' => !text[at + 1..].starts_with('\n'),
        _ => false,
    });
    std::iter::once(0).chain(ends.map(|(at, c)| (at + c.len_utf8()) as u32)).collect()
}
