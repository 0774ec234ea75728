//! The sources that frames refer to: turns the interpreter's columns into the author's, and finds what stands where an
//! error was thrown.
//!
//! Must never know what an error says. What a source means is told by whoever reads sources, through [`Explain`].

use std::cell::OnceCell;
use std::sync::Arc;

use crate::model::culprit::Culprit;
use crate::model::script::ScriptForm;
use crate::runtime::Explain;

/// The sources of one VM.
#[derive(Default)]
pub(in super::super::super) struct Texts {
    files: Vec<File>,
    explain: Option<Explain>,
}

struct File {
    name: Arc<str>,
    code: Arc<str>,
    form: ScriptForm,
    is_ascii: bool,
    /// Where lines begin; only asked for in files that are not ASCII.
    lines: OnceCell<Vec<usize>>,
    culprits: OnceCell<Vec<Culprit>>,
}

impl Texts {
    /// `explain` is asked at most once for each file, when an error first needs it.
    pub(in super::super::super) fn new(explain: Option<Explain>) -> Self {
        Self { files: Vec::new(), explain }
    }

    /// Adds a source under the name that frames show.
    pub(in super::super::super) fn add(&mut self, name: Arc<str>, code: Arc<str>, form: ScriptForm) {
        let is_ascii = code.is_ascii();
        self.files.push(File {
            name,
            code,
            form,
            is_ascii,
            lines: OnceCell::new(),
            culprits: OnceCell::new(),
        });
    }

    fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| &*file.name == name)
    }

    /// The author's column, in UTF-16 units, of one that the interpreter counts in bytes.
    pub(super) fn column(&self, file: &str, line: i32, column: i32) -> i32 {
        let Some(file) = self.file(file).filter(|file| !file.is_ascii) else { return column };
        let lines = file.lines.get_or_init(|| line_starts(&file.code));
        let Some(start) = usize::try_from(line - 1).ok().and_then(|line| lines.get(line)) else {
            return column;
        };
        let bytes = usize::try_from(column - 1).unwrap_or_default();
        let before = file.code[*start..].char_indices().take_while(|(at, _)| *at < bytes);
        before.map(|(_, c)| c.len_utf16()).sum::<usize>() as i32 + 1
    }

    /// What may have failed at a place, the way the interpreter counts it.
    pub(super) fn culprits(&self, file: &str, line: i32, column: i32) -> &[Culprit] {
        let (Some(file), Some(explain)) = (self.file(file), self.explain) else { return &[] };
        let all = file.culprits.get_or_init(|| {
            let mut culprits = explain(&file.code, file.form);
            culprits.sort_by_key(|culprit| culprit.mark);
            culprits
        });
        let (Ok(line), Ok(column)) = (u32::try_from(line), u32::try_from(column)) else { return &[] };
        let start = all.partition_point(|culprit| culprit.mark < (line, column));
        let end = all.partition_point(|culprit| culprit.mark <= (line, column));
        &all[start..end]
    }
}

/// Where lines begin by the interpreter's count.
fn line_starts(code: &str) -> Vec<usize> {
    let ends = code.char_indices().filter(|(at, c)| match c {
        '\n' | '\u{2028}' | '\u{2029}' => true,
        '\r' => !code[at + 1..].starts_with('\n'),
        _ => false,
    });
    std::iter::once(0).chain(ends.map(|(at, c)| at + c.len_utf8())).collect()
}
