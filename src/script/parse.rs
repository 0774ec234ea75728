//! From text to syntax tree: the only place that calls the parser, and that puts its complaints into our words.
//!
//! Knows nothing about workflows, only that `return` may stand outside functions.

use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_span::SourceType;
use oxc_syntax::module_record::ModuleRecord;

use super::nesting::Nesting;

/// What a source is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    JavaScript,
    TypeScript,
}

impl Language {
    /// By the ending of the file's name, as Node.js tells them apart.
    pub(super) fn of(name: &str) -> Self {
        if name.ends_with(".ts") || name.ends_with(".mts") { Self::TypeScript } else { Self::JavaScript }
    }
}

/// What is wrong with a source, where in it, and what may help. Whoever knows the file's name makes an error of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Byte offset.
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// A source that was parsed, with or without success.
pub(super) struct Parsed<'a> {
    pub(super) text: &'a str,
    /// Empty after some syntax errors, partial after others.
    pub(super) program: Program<'a>,
    /// What the module imports and exports.
    pub(super) record: ModuleRecord<'a>,
    /// The first syntax error.
    pub(super) error: Option<Complaint>,
}

const TYPESCRIPT: &str = "this is TypeScript: name the file .ts, or remove the types";

/// Parses and lets `look` look at the tree; on a thread of its own where the source is deep, since its tree is as deep.
/// Fails only when the thread cannot be had, or dies.
pub(super) fn with_parsed<R: Send>(
    text: &str,
    nesting: &Nesting,
    language: Language,
    look: impl FnOnce(&Parsed<'_>) -> R + Send,
) -> Result<R, String> {
    if nesting.is_shallow() {
        return Ok(look(&parse(&Allocator::default(), text, language)));
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("script-reader".to_owned())
            .stack_size(nesting.stack_bytes())
            .spawn_scoped(scope, || {
                let allocator = Allocator::default();
                look(&parse(&allocator, text, language))
            })
            .map_err(|error| format!("cannot start a thread to read the workflow: {error}"))?
            .join()
            .map_err(|_| "the workflow source could not be read: the parser failed".to_owned())
    })
}

/// Parses without regard to depth: `text` has been measured, or is part of one that has.
pub(super) fn parse<'a>(allocator: &'a Allocator, text: &'a str, language: Language) -> Parsed<'a> {
    let mut result = run(allocator, text, language);
    if result.is_flow_language {
        // A first comment with the word `@flow` in it replaces the real syntax error by "Flow is not supported".
        let text = allocator.alloc_str(&text.replacen("@flow", "@-low", 1));
        result = run(allocator, text, language);
    }
    let error = first_error(&result, text, language);
    Parsed { text, program: result.program, record: result.module_record, error }
}

fn run<'a>(allocator: &'a Allocator, text: &'a str, language: Language) -> ParserReturn<'a> {
    let kind = match language {
        Language::JavaScript => SourceType::mjs(),
        Language::TypeScript => SourceType::ts().with_module(true),
    };
    let options = ParseOptions { allow_return_outside_function: true, ..ParseOptions::default() };
    Parser::new(allocator, text, kind).with_options(options).parse()
}

fn first_error(result: &ParserReturn<'_>, text: &str, language: Language) -> Option<Complaint> {
    let complaints = result.diagnostics.errors().map(|diagnostic| {
        // Two labels are the first and the second declaration of a name; the second one is the mistake.
        let again =
            diagnostic.labels.iter().find(|label| label.label().is_some_and(|it| it.contains("redeclared")));
        Complaint {
            at: again.or(diagnostic.labels.first()).map_or(0, |label| label.offset() as usize),
            message: diagnostic.message.trim_end_matches('.').to_owned(),
            hint: diagnostic.help.as_ref().and_then(|help| help.lines().next()).map(str::to_owned),
        }
    });
    let complaints: Vec<_> = complaints.collect();
    let typescript = language == Language::JavaScript
        && complaints.iter().any(|it| is_typescript(text, it.at, &it.message));
    let mut first = complaints.into_iter().min_by_key(|complaint| complaint.at)?;
    if typescript {
        first.hint = Some(TYPESCRIPT.to_owned());
    }
    Some(first)
}

/// A guess from the text around the error. Parsing again as TypeScript would know, but takes exponential time on
/// some inputs.
fn is_typescript(text: &str, at: usize, message: &str) -> bool {
    if message.contains("TypeScript") {
        return true;
    }
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let mut words =
        text[line..].split_whitespace().skip_while(|word| matches!(*word, "export" | "declare" | "import"));
    if matches!(words.next(), Some("interface" | "type" | "enum" | "namespace" | "abstract")) {
        return true;
    }
    // This one is reported at the function, whatever stands where its body should.
    if message.starts_with("Expected function body") {
        return after.split_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(':'));
    }
    let is_name =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '$' | ')' | '}' | ']');
    // The missing initializer of `const x: T` is reported at the name.
    let after = if message.starts_with("Missing initializer") {
        after.trim_start_matches(|character: char| {
            character.is_alphanumeric() || matches!(character, '_' | '$')
        })
    } else if before.trim_end().ends_with(is_name) {
        after
    } else {
        return false;
    };
    let after = after.trim_start();
    [":", "<", "?:", "!."].iter().any(|sign| after.starts_with(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Option<Complaint> {
        parse(&Allocator::default(), text, Language::JavaScript).error
    }

    #[test]
    fn the_first_error_with_its_place() {
        for (text, at, message) in [
            ("x = ;", 4, "Unexpected token"),
            ("f(", 2, "Expected `)` but found `EOF`"),
            ("'abc\n", 0, "Unterminated string"),
            ("let x = 'ü' +;", 14, "Unexpected token"),
            ("export const a = 1; export const a = 2", 33, "Duplicated export 'a'"),
            ("export default 1; export default 2", 7, "A module cannot have multiple default exports"),
            ("/* not @flow */ x = ;", 20, "Unexpected token"),
            ("async function f() { await }", 27, "Unexpected token"),
            ("function f() { return } }", 24, "Unexpected token"),
            ("<div/>", 0, "Unexpected JSX expression"),
        ] {
            let found = error(text).expect(text);
            assert_eq!((found.at, found.message.as_str()), (at, message), "{text:?}");
        }
    }

    #[test]
    fn accepts_what_strict_modules_accept() {
        for text in [
            "",
            "return 1",
            "if (a) { return }",
            "await 1; for await (const a of b) {}",
            "#!/usr/bin/env x\n1",
            "'\u{2028}'",
            "// <!-- x\n'-->'",
            "a?.b ?? c; d ||= e",
            "class A { #x = 1; static { this.y } get z() { return this.#x } }",
            "import a, { b as c } from 'workflow:x'; export * as d from 'workflow:y'",
            "label: for (;;) { break label }",
            "x = 1_000n ** 2n; /(?<a>.)/dgimsuy",
        ] {
            assert_eq!(error(text), None, "{text:?}");
        }
    }

    #[test]
    fn typescript_is_recognised() {
        for text in [
            "export const meta: T = {}",
            "const f = (a: string) => a",
            "function f(a?: T) {}",
            "function f(a): T {}",
            "function f<T>(a) {}",
            "const a = {} satisfies T",
            "const a = {} as const",
            "interface A { b: string }",
            "export type A = string",
            "enum A { B }",
            "declare namespace A {}",
            "let a = b!.c",
        ] {
            assert_eq!(
                error(text).expect(text).hint.as_deref(),
                Some(TYPESCRIPT),
                "{text:?}: {:?}",
                error(text)
            );
        }
        for text in ["x = ;", "f(", "const x;", "a b", "const a = {b c}", "await agent('x'"] {
            assert_ne!(error(text).expect(text).hint.as_deref(), Some(TYPESCRIPT), "{text:?}");
        }
    }
}
