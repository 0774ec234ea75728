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

#[cfg(test)]
mod tests {
    use oxc_allocator::Allocator;
    use oxc_ast::ast::Expression;
    use oxc_parser::Parser;
    use oxc_span::SourceType;
    use proptest::prelude::*;

    use super::super::testing::{META, failure, read_text};
    use super::*;

    #[test]
    fn code_keeps_every_line_and_column() {
        let meta = "export const meta = { name: 'n', description: 'd' }";
        let bare = "       const meta = { name: 'n', description: 'd' }";
        for (source, expected) in [
            (format!("{meta}; export default 1"), format!("{meta}; export default 1")),
            (format!("#!/bin/x\n{meta}; export default 1"), format!("///bin/x\n{meta}; export default 1")),
            (format!("\u{feff}#!/bin/x\n{meta}\nreturn 1"), format!("///bin/x\n{bare}\nreturn 1")),
            (format!("\u{feff}{meta}\r\nreturn 1"), format!("{bare}\r\nreturn 1")),
            (format!("/* ü🙂 */ {meta}\nreturn 1"), format!("/* ü🙂 */ {bare}\nreturn 1")),
            (
                format!("{meta}\nexport function f() {{}}\nreturn 1"),
                format!("{bare}\n       function f() {{}}\nreturn 1"),
            ),
            (
                format!("{meta}\nexport /* c */ async function f() {{}}\nreturn 1"),
                format!("{bare}\n       /* c */ async function f() {{}}\nreturn 1"),
            ),
            (
                format!("{meta}\nlet a\nexport {{ a,\n a as 'ü🙂' }}\n(b)\nreturn 1"),
                format!("{bare}\nlet a\n;          \n             \n(b)\nreturn 1"),
            ),
            (
                format!("{meta}\nlet a; export {{ a }}; return 1"),
                format!("{bare}\nlet a; ;             return 1"),
            ),
            (format!("{meta}\nreturn 'export const x'"), format!("{bare}\nreturn 'export const x'")),
        ] {
            let script = read_text(&source).unwrap();
            assert_eq!(&*script.code, expected, "{source:?}");
            let text = source.strip_prefix('\u{feff}').unwrap_or(&source);
            assert_eq!(script.code.encode_utf16().count(), text.encode_utf16().count(), "{source:?}");
        }
    }

    /// The wrapper that the runtime puts around a body, read the most lenient way there is: as a script, in which `<!--`
    /// and `-->` are comments. It must still be one function, and all of the body must be inside it.
    fn is_contained(code: &str) -> bool {
        let wrapped = format!("(async function () {{\"use strict\";\n{code}\n}})");
        let allocator = Allocator::default();
        let result = Parser::new(&allocator, &wrapped, SourceType::cjs().with_script(true)).parse();
        let [Statement::ExpressionStatement(only)] = &result.program.body[..] else { return false };
        let Expression::ParenthesizedExpression(inner) = &only.expression else { return false };
        let Expression::FunctionExpression(function) = &inner.expression else { return false };
        result.diagnostics.is_empty() && function.span.end as usize == wrapped.len() - 1
    }

    #[test]
    fn a_body_cannot_leave_its_wrapper() {
        for body in [
            "return 1 // last",
            "return 1 /* last */",
            "return `}`",
            "// \u{2028}return 1",
            "return '\u{2028}}'",
            "return /}/",
            "return 1 //\u{2029}",
            "return a --> b",
            "return ['<!--', `-->`, /<!--/]",
            "// <!-- }\n/* --> } */ return 1",
            "return a < !--b",
            "#!x",
            "return 1\r",
            "'use strict'; return 1",
        ] {
            let source = if body.starts_with('#') {
                format!("{body}\n{META}return 1")
            } else {
                format!("{META}{body}")
            };
            let script = read_text(&source).expect(body);
            assert!(is_contained(&script.code), "{body:?}");
        }
        for body in [
            "return 1 }",
            "return 1 }) (async function () {",
            "}); evil(); (async function () { return 1",
            "return 1 /*",
            "return `",
            "return '",
            "return 1 \\",
            "x\n--> 0; return",
            "x\n--> (function () {\n}); evil(); (async function () {\n--> })",
            "x /*\n*/ --> 0; return",
            "--> 0\nreturn",
            "return a <!--b",
            "return a\n<!--b",
            "return (a <!-- (function () {\n})",
            "<!-- {\nreturn",
        ] {
            assert_eq!(failure(&format!("{META}{body}")).0, "ERR_SCRIPT_SYNTAX", "{body:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// Pieces that could end the wrapper, in any order: what is accepted stays inside.
        #[test]
        fn accepted_bodies_stay_inside(pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "(", ")", "`", "${", "'", "\"", "/", "*", "/*", "*/", "//", "\n", "\r", "\u{2028}", "<!--", "-->", "--", ">",
            "<", "!", "a", " ", "\\", ";", "return ", "function ", "async ", "=>", "export ", "const b = ", "export { a }", "=", ":", "[", "]",
        ]), 0..12)) {
            let body = pieces.concat();
            if let Ok(script) = read_text(&format!("{META}return\n;{body}")) && script.form == ScriptForm::Body {
                prop_assert!(is_contained(&script.code), "{:?}", body);
            }
        }
    }
}
