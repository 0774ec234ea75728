//! The text that the sandbox evaluates: the author's own, with what cannot be evaluated painted over.
//!
//! Every character that is left keeps its line and column. Knows nothing about how the text will be wrapped, except
//! that a body becomes the body of a function.

use oxc_ast::ast::{Program, Statement};
use oxc_span::Span;

use super::position::is_line_end;
use crate::model::script::ScriptForm;

const EXPORT: &str = "export";

/// Makes the code of a source without its byte order mark, whose program has no `export … from` if it is a body.
pub(super) fn code(text: &str, program: &Program<'_>, form: ScriptForm) -> String {
    let mut code = String::with_capacity(text.len());
    let mut copied = 0;
    if program.hashbang.is_some() {
        // Wrapped or not, a comment is a comment.
        code.push_str("//");
        copied = 2;
    }
    if form == ScriptForm::Body {
        for statement in &program.body {
            let (span, first) = match statement {
                Statement::ExportDeclaration(export) if keyword_at(text, export.span) => {
                    (Span::sized(export.span.start, EXPORT.len() as u32), ' ')
                }
                // The `;` keeps the statement before it from running on into the one behind it.
                Statement::ExportNamedDeclaration(export) => (export.span, ';'),
                _ => continue,
            };
            let (start, end) = (span.start as usize, span.end as usize);
            code.push_str(&text[copied..start]);
            code.push(first);
            text[start..end].chars().skip(1).for_each(|painted| blank(painted, &mut code));
            copied = end;
        }
    }
    code.push_str(&text[copied..]);
    code
}

/// A decorator may stand before the keyword.
fn keyword_at(text: &str, span: Span) -> bool {
    text[span.start as usize..].starts_with(EXPORT)
}

fn blank(painted: char, code: &mut String) {
    if is_line_end(painted) {
        code.push(painted);
    } else {
        (0..painted.len_utf16()).for_each(|_| code.push(' '));
    }
}
