//! What a worktree's folder and its branch are called: words of a run and a label that every file system, every git and
//! every shell takes.
//!
//! Text in, text out. Knows nothing of what exists already.

/// Characters of a label that are kept.
const LONGEST: usize = 40;
/// Bytes of it: a folder's name has 255, and Windows' paths have not many more.
const MOST_BYTES: usize = 80;

/// Files that Windows does not allow, with whatever ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "com", "lpt", "conin", "conout"];

/// The names of one worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// `<run>-<call>-<label>`, below `.smol/worktrees`.
    pub folder: String,
    /// `smol/<run>/<call>-<label>`.
    pub branch: String,
}

/// The names for a call; the first choice for `nth` 1, another one for each further number.
pub(super) fn names(run: &str, call: u64, label: Option<&str>, nth: u32) -> Names {
    let run = slug(run).unwrap_or_else(|| "run".to_owned());
    let mut name = call.to_string();
    if let Some(label) = label.and_then(slug) {
        name = format!("{name}-{label}");
    }
    if nth > 1 {
        name = format!("{name}.{nth}");
    }
    Names { folder: format!("{run}-{name}"), branch: format!("smol/{run}/{name}") }
}

/// Letters and digits of every language in lower case (some file systems do not tell the cases apart), everything
/// else one dash; `None` if nothing is left.
fn slug(text: &str) -> Option<String> {
    let mut slug = String::new();
    let mut dash = false;
    for c in text.chars().flat_map(char::to_lowercase).filter(|c| !is_mark(*c)) {
        if !c.is_alphanumeric() {
            dash = true;
            continue;
        }
        let separator = dash && !slug.is_empty();
        if slug.chars().count() + usize::from(separator) >= LONGEST
            || slug.len() + c.len_utf8() + usize::from(separator) > MOST_BYTES
        {
            break;
        }
        if separator {
            slug.push('-');
        }
        dash = false;
        slug.push(c);
    }
    if DEVICES.contains(&slug.trim_end_matches(|c: char| c.is_ascii_digit())) {
        slug.push_str("-x");
    }
    (!slug.is_empty()).then_some(slug)
}

/// Accents that stand beside their letter, and what only says how letters join: left out without a dash.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        // The signs of Indic scripts that take a vowel away.
        || matches!(c, '\u{94d}' | '\u{9cd}' | '\u{a4d}' | '\u{acd}' | '\u{b4d}' | '\u{bcd}' | '\u{c4d}' | '\u{ccd}' | '\u{d4d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_words() {
        let cases: &[(&str, Option<&str>)] = &[
            ("fix tests", Some("fix-tests")),
            ("Fix: the *parser* (again)!", Some("fix-the-parser-again")),
            ("../../etc/passwd", Some("etc-passwd")),
            ("a..b", Some("a-b")),
            (".hidden.", Some("hidden")),
            ("ends.lock", Some("ends-lock")),
            ("-rf", Some("rf")),
            ("@{-1}", Some("1")),
            ("a\u{0}b\nc\td", Some("a-b-c-d")),
            ("C:\\x", Some("c-x")),
            ("", None),
            ("...", None),
            ("🙂", None),
            ("Größe prüfen", Some("größe-prüfen")),
            ("e\u{301}te\u{301}", Some("ete")),
            ("修复 测试", Some("修复-测试")),
            ("テスト", Some("テスト")),
            ("исправить", Some("исправить")),
            ("नमस्ते", Some("नमसते")),
            ("إصلاح", Some("إصلاح")),
            ("safe\u{202e}txt", Some("safe-txt")),
            ("con", Some("con-x")),
            ("COM7", Some("com7-x")),
            ("console", Some("console")),
        ];
        for (label, expected) in cases {
            assert_eq!(slug(label).as_deref(), *expected, "{label:?}");
        }
    }

    #[test]
    fn names_stay_short_in_every_script() {
        for label in ["x".repeat(9000), "字".repeat(9000), "𐐷".repeat(9000), "a b ".repeat(900)] {
            let slug = slug(&label).unwrap();
            assert!(slug.len() <= MOST_BYTES && slug.chars().count() <= LONGEST, "{slug}");
            assert!(!slug.ends_with('-'), "{slug}");
        }
    }

    #[test]
    fn folder_and_branch_say_run_call_and_label() {
        type Case = (&'static str, u64, Option<&'static str>, u32, &'static str, &'static str);
        let cases: &[Case] = &[
            ("r1", 3, Some("fix tests"), 1, "r1-3-fix-tests", "smol/r1/3-fix-tests"),
            ("r1", 3, None, 1, "r1-3", "smol/r1/3"),
            ("r1", 3, Some("🙂"), 2, "r1-3.2", "smol/r1/3.2"),
            ("r1", 3, Some("a"), 12, "r1-3-a.12", "smol/r1/3-a.12"),
            ("../..", 0, Some("a"), 1, "run-0-a", "smol/run/0-a"),
        ];
        for (run, call, label, nth, folder, branch) in cases {
            let expected = Names { folder: (*folder).to_owned(), branch: (*branch).to_owned() };
            assert_eq!(names(run, *call, *label, *nth), expected);
        }
    }
}
