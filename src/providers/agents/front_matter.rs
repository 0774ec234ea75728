//! The front matter of agent definitions: the lines between two `---` at the head of a Markdown file.
//!
//! Reads as much of YAML as such files use: scalars in their five styles, and lists. Not a YAML library, on purpose:
//! `description: Use when: a test fails` is no YAML, but it is how people write these files, and the programs that
//! read them put up with it. Nested mappings are passed over. Knows no keys and opens no files.

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    Text(String),
    List(Vec<String>),
    /// Something nested, whose content is not read.
    Nested,
}

impl Field {
    /// The items of a list; a text is a list separated by commas, as `tools: Read, Grep` is meant. Commas in
    /// parentheses separate nothing: `Bash(git log, git diff)` is one tool.
    pub fn items(&self) -> Vec<String> {
        match self {
            Self::Text(text) => split(text),
            Self::List(items) => items.clone(),
            Self::Nested => Vec::new(),
        }
    }
}

/// A file in two parts: the fields of its front matter in order, and the text behind it. `None` if it has no front
/// matter. A key that comes twice counts as it is written last.
pub fn parse(text: &str) -> Option<(Vec<(String, Field)>, &str)> {
    let text = text.trim_start_matches('\u{feff}');
    let (first, mut rest) = line_of(text);
    if first.trim_end() != "---" {
        return None;
    }
    let mut lines = Vec::new();
    loop {
        if rest.is_empty() {
            return None;
        }
        let (line, behind) = line_of(rest);
        rest = behind;
        if matches!(line.trim_end(), "---" | "...") {
            break;
        }
        lines.push(line.trim_end());
    }
    Some((fields(&lines), rest))
}

/// The first line without its ending, and what follows.
fn line_of(text: &str) -> (&str, &str) {
    match text.split_once('\n') {
        Some((line, rest)) => (line.strip_suffix('\r').unwrap_or(line), rest),
        None => (text, ""),
    }
}

fn fields(lines: &[&str]) -> Vec<(String, Field)> {
    let mut found: Vec<(String, Field)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        let Some((key, value)) = key_of(line) else { continue };
        let start = at;
        // Items of a list may stand as far left as their key.
        while at < lines.len() && (indented(lines[at]) || lines[at].is_empty() || lines[at].starts_with("- "))
        {
            at += 1;
        }
        let field = field(value, &lines[start..at]);
        found.retain(|(known, _)| *known != key);
        found.push((key, field));
    }
    found
}

fn indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// `key: value` of a line that is not indented.
fn key_of(line: &str) -> Option<(String, &str)> {
    if indented(line) || line.starts_with(['#', '-']) {
        return None;
    }
    let (key, value) = line.split_once(':')?;
    let separated = value.is_empty() || value.starts_with([' ', '\t']);
    let key = key.trim().trim_matches(['"', '\'']);
    (separated && !key.is_empty()).then(|| (key.to_owned(), value.trim()))
}

/// What a key holds, from the rest of its line and the lines that belong to it.
fn field(value: &str, below: &[&str]) -> Field {
    match value.chars().next() {
        Some('|' | '>') => Field::Text(block(value, below)),
        Some('[') => Field::List(flow(&joined(value, below))),
        Some('{') => Field::Nested,
        Some('"' | '\'') => Field::Text(quoted(&joined(value, below))),
        Some('#') | None => list_or_text(below),
        Some(_) => Field::Text(joined(without_comment(value), below)),
    }
}

/// The lines below an empty `key:`.
fn list_or_text(below: &[&str]) -> Field {
    let mut items: Vec<String> = Vec::new();
    for line in below.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix('-') {
            Some(item) if item.is_empty() || item.starts_with([' ', '\t']) => items.push(scalar(item.trim())),
            // A mapping, as the item of a list or by itself.
            _ if key_of(line).is_some() => return Field::Nested,
            _ => match items.last_mut() {
                Some(item) => *item = format!("{item} {line}"),
                None => return Field::Text(joined("", below)),
            },
        }
    }
    if items.is_empty() { Field::Text(String::new()) } else { Field::List(items) }
}

/// Lines folded into one; an empty line is a line break.
fn joined(first: &str, below: &[&str]) -> String {
    let mut text = first.to_owned();
    let mut breaks = 0;
    for line in below.iter().map(|line| line.trim()) {
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        let glue = if text.is_empty() {
            String::new()
        } else if breaks > 0 {
            "\n".repeat(breaks)
        } else {
            " ".to_owned()
        };
        text.push_str(&glue);
        text.push_str(line);
        breaks = 0;
    }
    text
}

/// A block scalar: `|` keeps its line breaks, `>` folds them; `-` takes the last one away, as do files that end there.
fn block(head: &str, below: &[&str]) -> String {
    let margin = below
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = below.iter().map(|line| line.get(margin..).unwrap_or("")).collect();
    let text = if head.starts_with('|') { lines.join("\n") } else { joined("", &lines) };
    let text = text.trim_end_matches('\n');
    if head.contains('-') || text.is_empty() { text.to_owned() } else { format!("{text}\n") }
}

/// The items of `[a, "b, c"]`.
fn flow(text: &str) -> Vec<String> {
    let inner = text.strip_prefix('[').unwrap_or(text);
    let inner = inner.rfind(']').map_or(inner, |end| &inner[..end]);
    split(inner).iter().map(|item| scalar(item)).collect()
}

/// Parts between commas that are neither in quotes nor in parentheses; empty ones are dropped.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0_u32, None);
    for character in text.chars() {
        match (character, quote) {
            (',', None) if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            ('"' | '\'', None) if parts.last().is_some_and(|part| part.trim().is_empty()) => {
                quote = Some(character)
            }
            (_, Some(open)) if open == character => quote = None,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn scalar(text: &str) -> String {
    if text.starts_with(['"', '\'']) { quoted(text) } else { without_comment(text).to_owned() }
}

fn without_comment(text: &str) -> &str {
    text.find(" #").map_or(text, |at| &text[..at]).trim_end()
}

/// A scalar in quotes. What follows the closing quote is a comment at best.
fn quoted(text: &str) -> String {
    let mut characters = text.chars().peekable();
    let Some(quote) = characters.next() else { return String::new() };
    let mut found = String::new();
    while let Some(character) = characters.next() {
        if character == quote {
            // In single quotes a quote is doubled.
            if quote == '\'' && characters.next_if_eq(&'\'').is_some() {
                found.push('\'');
                continue;
            }
            break;
        }
        if character == '\\' && quote == '"' {
            found.extend(escaped(&mut characters));
        } else {
            found.push(character);
        }
    }
    found
}

/// The character that an escape in double quotes stands for.
fn escaped(rest: &mut impl Iterator<Item = char>) -> Option<char> {
    let digits = match rest.next()? {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        '0' => return Some('\0'),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        other => return Some(other),
    };
    let hex: String = rest.by_ref().take(digits).collect();
    let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
    Some(code.unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Field {
        Field::Text(value.to_owned())
    }

    fn list(items: &[&str]) -> Field {
        Field::List(items.iter().map(|item| (*item).to_owned()).collect())
    }

    #[test]
    fn fields_are_read_as_they_are_written_in_the_wild() {
        for (lines, expected) in [
            ("k: plain text", text("plain text")),
            ("k:   spaced  ", text("spaced")),
            ("k: use when: a test <b>fails</b>, \"now\"", text("use when: a test <b>fails</b>, \"now\"")),
            ("k: http://a:1/b#c # comment", text("http://a:1/b#c")),
            ("k: \"a \\\"b\\\" \\n\\u00e9: c\" # x", text("a \"b\" \né: c")),
            ("k: 'it''s # here'", text("it's # here")),
            ("k: one\n  two\n\n  three", text("one two\nthree")),
            ("k: \"one\n  two\"", text("one two")),
            ("k: |\n  a\n    b\n\n  c: d\n", text("a\n  b\n\nc: d\n")),
            ("k: |-\n  a\n  b", text("a\nb")),
            ("k: >\n  a\n  b\n\n  c", text("a b\nc\n")),
            ("k:\n  on the next line", text("on the next line")),
            ("k:", text("")),
            ("k: # nothing", text("")),
            ("k: [a, \"b, c\", 'd']", list(&["a", "b, c", "d"])),
            ("k: []", list(&[])),
            ("k: [a,\n  b]", list(&["a", "b"])),
            ("k:\n  - a # x\n  - \"b: c\"\n", list(&["a", "b: c"])),
            ("k:\n- a\n- Bash(git log, git diff)", list(&["a", "Bash(git log, git diff)"])),
            ("k:\n  nested: 1\n  more: 2", Field::Nested),
            ("k: { a: 1 }", Field::Nested),
            ("\"k\": quoted key", text("quoted key")),
            ("k: first\nother: 1\nk: last", text("last")),
        ] {
            let file = format!("---\n# a comment\n{lines}\n---\nbody\n");
            let (fields, body) = parse(&file).unwrap();
            let found = fields.iter().find(|(key, _)| key == "k").map(|(_, field)| field);
            assert_eq!(found, Some(&expected), "{lines}");
            assert_eq!(body, "body\n");
        }
    }

    #[test]
    fn what_belongs_to_another_key_is_passed_over() {
        let file = "\u{feff}---\r\nname: a\r\nhooks:\r\n  Stop:\r\n    - name: not this\r\n      tools: [x]\r\nmodel: opus\r\n---\r\nbody\r\n";
        let (fields, body) = parse(file).unwrap();
        let expected = [("name", text("a")), ("hooks", Field::Nested), ("model", text("opus"))]
            .map(|(key, it)| (key.to_owned(), it));
        assert_eq!(fields, expected);
        assert_eq!(body, "body\r\n");
    }

    #[test]
    fn a_file_without_front_matter_has_none() {
        for file in [
            "",
            "# Title\n",
            "---\nname: never closed\n",
            " ---\nname: a\n---\n",
            "text\n---\nname: a\n---\n",
        ] {
            assert_eq!(parse(file), None, "{file:?}");
        }
        assert_eq!(parse("---\n---\n"), Some((vec![], "")));
        assert_eq!(parse("---\nname: a\n---"), Some((vec![("name".to_owned(), text("a"))], "")));
    }

    #[test]
    fn a_text_is_a_list_separated_by_commas() {
        for (field, items) in [
            (text("Read, Grep,Bash(git log, git diff) , "), vec!["Read", "Grep", "Bash(git log, git diff)"]),
            (text(""), vec![]),
            (list(&["a, b"]), vec!["a, b"]),
            (Field::Nested, vec![]),
        ] {
            assert_eq!(field.items(), items, "{field:?}");
        }
    }
}
