//! Reading a workflow source: its form, its `meta`, and what can be known to be wrong before anything runs.
//!
//! Knows the syntax tree (oxc) and nothing about running scripts.

pub mod check;
mod code;
mod culprits;
mod files;
mod form;
mod helpers;
mod imports;
mod library;
mod links;
mod meta;
mod nesting;
mod parse;
mod position;
mod scopes;
mod suspects;
mod typescript;

#[cfg(test)]
mod testing;

use std::path::PathBuf;

use self::form::Facts;
use self::imports::Import;
use self::links::Links;
use self::meta::Missing;
use self::nesting::TooDeep;
use self::parse::{Complaint, Language, Parsed};
use self::position::{frame, position};
use crate::model::error::WorkflowError;
use crate::model::metadata::WorkflowMetadata;
use crate::model::script::{Imports, Script, ScriptForm};

pub use self::culprits::culprits;
pub use self::files::load;
pub use self::library::{find_by_name, list};

/// Everything about a source that is known before anything runs.
///
/// `display_name` is the file's name in messages and stack traces, and its ending says whether it is TypeScript;
/// `path` only goes into the [`Script`]. A byte order mark is dropped, as editors and Node.js do, so columns do not
/// count it.
///
/// # Errors
///
/// In this order: [`WorkflowError::Unsupported`] for a source nested too deep to be parsed, [`WorkflowError::Syntax`],
/// [`WorkflowError::Unsupported`] for TypeScript that is more than types, [`WorkflowError::Metadata`],
/// [`WorkflowError::Unsupported`] for an import, [`WorkflowError::NoEntry`], then what is wrong with the helpers that
/// it imports, [`WorkflowError::Import`] if one is not there.
pub fn read(
    source: &str,
    path: Option<PathBuf>,
    display_name: &str,
    imports: Imports,
) -> Result<Script, WorkflowError> {
    read_source(source, path, display_name, usize::MAX, imports)
}

/// `limit` is for the script and its helpers together, bytes.
fn read_source(
    source: &str,
    path: Option<PathBuf>,
    display_name: &str,
    limit: usize,
    imports: Imports,
) -> Result<Script, WorkflowError> {
    let file = File { text: without_mark(source), name: display_name };
    let (metadata, form, module) = file.parsed(|file, parsed| file.judge(parsed, imports))?;
    let code = module.code.as_str().into();
    let helpers = helpers::gather(file, path.as_deref(), module, limit)?.into();
    Ok(Script { path, display_name: display_name.into(), code, form, helpers, metadata })
}

/// Only the metadata, by the rules of the original engine: `None` for everything that it has no metadata for. A
/// syntax error behind the metadata does not matter, one before it or in it does. Beyond the original, a source that
/// has none as JavaScript may have it as TypeScript.
pub fn read_metadata(source: &str) -> Option<WorkflowMetadata> {
    let text = without_mark(source);
    [Language::JavaScript, Language::TypeScript].into_iter().find_map(|language| {
        let nesting = nesting::measure(text, language).ok()?;
        let extract = |parsed: &Parsed<'_>| meta::extract_despite_errors(parsed, &nesting, language);
        parse::with_parsed(text, &nesting, language, extract).ok().flatten()
    })
}

fn without_mark(source: &str) -> &str {
    source.strip_prefix('\u{feff}').unwrap_or(source)
}

/// What is known of a workflow once it is judged.
type Judged = (WorkflowMetadata, ScriptForm, Module);

/// A source as one of several that belong together.
struct Module {
    code: String,
    /// The helpers that it imports.
    imports: Vec<Import>,
    links: Links,
}

/// A source and what to call it: turns complaints into errors.
#[derive(Clone, Copy)]
struct File<'a> {
    text: &'a str,
    name: &'a str,
}

impl File<'_> {
    /// Parses the source, without its types if it is TypeScript, and lets `look` look at the tree.
    fn parsed<R: Send>(
        &self,
        look: impl FnOnce(&Self, &Parsed<'_>) -> Result<R, WorkflowError> + Send,
    ) -> Result<R, WorkflowError> {
        let language = Language::of(self.name);
        let nesting = nesting::measure(self.text, language).map_err(|too_deep| self.too_deep(too_deep))?;
        let failed = |message| WorkflowError::Internal { message };
        if language == Language::JavaScript {
            return parse::with_parsed(self.text, &nesting, language, |parsed| look(self, parsed))
                .map_err(failed)?;
        }
        let stripped = parse::with_parsed(self.text, &nesting, language, |parsed| match &parsed.error {
            Some(error) => Err(self.syntax(error.clone())),
            None => {
                typescript::strip(self.text, &parsed.program).map_err(|refused| self.unsupported(refused))
            }
        });
        let stripped = stripped.map_err(failed)??;
        // Every offset is the same in both texts, so what is said about the one can be shown in the other.
        parse::with_parsed(&stripped, &nesting, Language::JavaScript, |parsed| look(self, parsed))
            .map_err(failed)?
    }

    fn judge(&self, parsed: &Parsed<'_>, imports: Imports) -> Result<Judged, WorkflowError> {
        if let Some(error) = &parsed.error {
            return Err(self.syntax(error.clone()));
        }
        let facts = Facts::of(&parsed.program, parsed.text);
        if let Some(first) = scopes::early_errors(&parsed.program, &facts).into_iter().next() {
            return Err(self.syntax(first));
        }
        let metadata = meta::extract(&parsed.program).map_err(|missing| self.metadata(missing))?;
        let form = facts.form();
        let wanted = imports::judge(&parsed.program, &facts, form, imports);
        let wanted = wanted.map_err(|refused| self.unsupported(refused))?;
        let form = form.ok_or(WorkflowError::NoEntry)?;
        if let Some(misread) = misread(&facts, form) {
            return Err(self.syntax(misread));
        }
        let code = code::code(parsed.text, &parsed.program, form);
        Ok((metadata, form, Module { code, imports: wanted, links: Links::of(&parsed.record) }))
    }

    /// A module that a workflow imports.
    fn helper(&self) -> Result<Module, WorkflowError> {
        const FORM: ScriptForm = ScriptForm::Module;
        self.parsed(|file, parsed| {
            if let Some(error) = &parsed.error {
                return Err(file.syntax(error.clone()));
            }
            let facts = Facts::of(&parsed.program, parsed.text);
            if let Some(first) = scopes::early_errors(&parsed.program, &facts).into_iter().next() {
                return Err(file.syntax(first));
            }
            let wanted = imports::judge(&parsed.program, &facts, Some(FORM), Imports::Relative);
            let wanted = wanted.map_err(|refused| file.unsupported(refused))?;
            match misread(&facts, FORM) {
                Some(misread) => Err(file.syntax(misread)),
                None => Ok(Module {
                    code: code::code(parsed.text, &parsed.program, FORM),
                    imports: wanted,
                    links: Links::of(&parsed.record),
                }),
            }
        })
    }

    fn too_deep(&self, TooDeep { at, limit }: TooDeep) -> WorkflowError {
        self.unsupported(Complaint {
            at,
            message: format!("the source is nested too deeply: more than {limit}"),
            hint: Some("flatten the expression, or pass large data in through args".to_owned()),
        })
    }

    fn metadata(&self, missing: Missing) -> WorkflowError {
        let found = match missing {
            Missing::Nowhere if self.text.trim().is_empty() => format!("{} is empty", self.name),
            Missing::Nowhere => format!("found no `export const meta` in {}", self.name),
            Missing::Instead { what, at, path } => {
                let at = position(self.text, at);
                format!("found {what} at {}:{}:{} ({path})", self.name, at.line, at.column)
            }
        };
        WorkflowError::Metadata { found: Some(found) }
    }

    fn syntax(&self, Complaint { at, message, hint }: Complaint) -> WorkflowError {
        WorkflowError::Syntax {
            message,
            file: self.name.to_owned(),
            at: position(self.text, at),
            frame: frame(self.text, at),
            hint,
        }
    }

    fn import(&self, Complaint { at, message, hint }: Complaint) -> WorkflowError {
        WorkflowError::Import {
            message,
            file: self.name.to_owned(),
            at: position(self.text, at),
            frame: frame(self.text, at),
            hint,
        }
    }

    fn unsupported(&self, Complaint { at, message, hint }: Complaint) -> WorkflowError {
        WorkflowError::Unsupported {
            message,
            file: self.name.to_owned(),
            at: position(self.text, at),
            frame: frame(self.text, at),
            hint,
        }
    }
}

/// What the parser accepts and the form does not.
fn misread(facts: &Facts, form: ScriptForm) -> Option<Complaint> {
    match form {
        ScriptForm::Module => facts.top_return.map(|at| Complaint {
            at,
            message: "Illegal return statement".to_owned(),
            hint: Some(
                "a workflow with `export default` exports its result; without it, it returns it".to_owned(),
            ),
        }),
        ScriptForm::Body => facts.html_comment.map(|at| Complaint {
            at,
            message: "`<!--` starts an HTML comment in some JavaScript engines".to_owned(),
            hint: Some("write `< !--` with a space".to_owned()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{META, failure, read_text};
    use super::*;
    use crate::model::script::Position;

    #[test]
    fn errors_in_their_order() {
        for (source, expected) in [
            ("", ("ERR_WORKFLOW_METADATA", 0, 0)),
            ("import fs from 'node:fs'", ("ERR_WORKFLOW_METADATA", 0, 0)),
            ("import fs from 'node:fs'; x = ;", ("ERR_SCRIPT_SYNTAX", 1, 31)),
            (&format!("{META}import fs from 'node:fs'"), ("ERR_SCRIPT_UNSUPPORTED", 2, 1)),
            (&format!("{META}f()"), ("ERR_WORKFLOW_NO_ENTRY", 0, 0)),
            (&format!("{META}export default 1; {{ return }}"), ("ERR_SCRIPT_SYNTAX", 2, 21)),
            (&format!("{META}if (a <!--b) return"), ("ERR_SCRIPT_SYNTAX", 2, 7)),
            (&format!("{META}<!-- x\nreturn"), ("ERR_SCRIPT_SYNTAX", 2, 1)),
            (&format!("{META}let s = 'ü🙂'; x = ;\r\n"), ("ERR_SCRIPT_SYNTAX", 2, 20)),
            (&format!("\u{feff}{}\rx = ;", META.replace('\n', "\r\n")), ("ERR_SCRIPT_SYNTAX", 3, 5)),
            ("\u{feff}x = ;", ("ERR_SCRIPT_SYNTAX", 1, 5)),
        ] {
            assert_eq!(failure(source), expected, "{source:?}");
        }
        // Only a script wrapper would misread it.
        assert!(read_text(&format!("{META}export default a <!--b")).is_ok());
    }

    #[test]
    fn messages_say_what_was_found_where_and_what_to_do() {
        for (rest, message, hint) in [
            (
                "import fs from 'node:fs'",
                "workflow scripts cannot import 'node:fs': they run in a sandbox without Node.js modules (review.js:2:1)",
                Some("args"),
            ),
            (
                "export default 1\n  import './x.js'",
                "workflow scripts cannot import './x.js': a workflow is one self-contained source (review.js:3:3)",
                Some("args"),
            ),
            (
                "export * from 'x'; export default 1",
                "workflow scripts cannot re-export from 'x': they run in a sandbox without Node.js modules (review.js:2:1)",
                Some("args"),
            ),
            (
                "export { default } from 'x'",
                "workflow scripts cannot re-export from 'x': they run in a sandbox without Node.js modules (review.js:2:1)",
                Some("args"),
            ),
            (
                "return 1\nimport 'workflow:extra'",
                "static import is not allowed in a workflow body: found 'workflow:extra' (review.js:3:1)",
                Some("await import('workflow:extra')"),
            ),
            (
                "return 1\nexport { a } from 'node:fs'",
                "static import is not allowed in a workflow body: found 'node:fs' (review.js:3:1)",
                Some("args"),
            ),
            (
                "return (await import('node:fs')).x",
                "workflow scripts cannot import 'node:fs': they run in a sandbox without Node.js modules (review.js:2:15)",
                Some("args"),
            ),
            (
                "export default () => import(`fs`)",
                "workflow scripts cannot import 'fs': they run in a sandbox without Node.js modules (review.js:2:22)",
                Some("args"),
            ),
            (
                "export default () => import(x + import('a'))",
                "workflow scripts cannot import a module whose name is computed (review.js:2:22)",
                Some("args"),
            ),
            (
                "import('workflow:x'); import('a'); import 'b'; export default 1",
                "workflow scripts cannot import 'a': they run in a sandbox without Node.js modules (review.js:2:23)",
                Some("args"),
            ),
            (
                "export default (a: string) => a",
                "SyntaxError: Expected `,` or `)` but found `:` (review.js:2:18)",
                Some("name the file .ts"),
            ),
            (
                "export default 1; return 2",
                "SyntaxError: Illegal return statement (review.js:2:19)",
                Some("export default"),
            ),
            ("x = ;", "SyntaxError: Unexpected token (review.js:2:5)", None),
            (
                "f()",
                "Workflow script must default export a workflow result or function",
                Some("return await main()"),
            ),
        ] {
            let error = read_text(&format!("{META}{rest}")).expect_err(rest);
            // The excerpt below the message has its own tests.
            assert_eq!(error.to_string().lines().next(), Some(message), "{rest}");
            match (hint, error.hint()) {
                (Some(part), Some(text)) => assert!(text.contains(part), "{rest}: {text}"),
                (None, None) => {}
                (_, other) => panic!("{rest}: {other:?}"),
            }
        }
        let error = read_text(&format!("{META}x = ;")).unwrap_err();
        assert!(error.to_string().ends_with("\n2 | x = ;\n        ^"), "{error}");
        let error = read_text("export const meta = f()").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Workflow script must export valid literal metadata as `export const meta = { name, description, ... }`: \
             found a call expression at review.js:1:21 (meta)"
        );
        for source in ["import a from 'workflow:x'; export default a", "export default import('workflow:x')"]
        {
            assert!(read_text(&format!("{META}{source}")).is_ok(), "{source}");
        }
        assert!(read_text(&format!("{META}return import('workflow:x')")).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        /// Any text at all is read without a panic, and the two ways to the metadata agree.
        #[test]
        fn any_text_is_read(text in "\\PC{0,60}", tail in any::<String>()) {
            let source = format!("{text}\n{META}{tail}");
            if let Ok(script) = read_text(&source) {
                prop_assert_eq!(read_metadata(&source), Some(script.metadata));
            }
        }
    }

    /// The deepest sources that are read on the caller's thread, on a thread as small as any caller's may be.
    #[test]
    fn shallow_sources_need_little_stack() {
        for (open, close) in
            [("[", "]"), ("(", ")"), ("{ ", " }"), ("() => { ", " }"), ("a || (", ")"), ("`${", "}`")]
        {
            let depth = (1..).take_while(|depth| {
                nesting::measure(&open.repeat(*depth), Language::JavaScript).is_ok_and(|it| it.is_shallow())
            });
            let depth = depth.last().expect("one level is shallow");
            let source =
                format!("{META}const x = [1];\nagent({}1{})", open.repeat(depth), close.repeat(depth));
            let read = move || drop(read_text(&source));
            let thread = std::thread::Builder::new().stack_size(nesting::SHALLOW_THREAD).spawn(read).unwrap();
            thread.join().unwrap();
        }
    }

    #[test]
    fn large_sources_keep_their_places() {
        let line = "const ü = ['🙂', `${1}`] // 漢字 🙂\r\n";
        let lines = 500_000 / line.len();
        let source = format!("{}{META}return 1; let x = '🙂' +;", line.replace("const ü", "ü").repeat(lines));
        let WorkflowError::Syntax { at, .. } = read_text(&source).unwrap_err() else {
            panic!("a syntax error")
        };
        assert_eq!(at, Position { line: u32::try_from(lines).unwrap() + 2, column: 25 });

        let source = source.replace("'🙂' +;", "'🙂'");
        let script = read_text(&source).unwrap();
        assert_eq!(script.code.len(), source.len());
        assert_eq!(script.code.replace("       const meta", "export const meta"), source);
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        // Per row: what opens, what is inside, what closes, and how many brackets one level takes.
        let nests: &[(&str, &str, &str, usize)] = &[
            ("(", "1", ")", 1),
            ("[", "1", "]", 1),
            ("({a:", "1", "})", 2),
            ("{", "", "}", 1),
            ("(function(){", "", "})", 2),
            ("()=>{", "", "}", 1),
            ("class A{a(){", "", "}}", 2),
            ("({a(){", "", "}})", 3),
            ("`${", "1", "}`", 1),
            ("f(", "1", ")", 1),
            ("a[", "1", "]", 1),
            ("[a=", "1", "]", 1),
            ("(a=", "1", ")=>a", 1),
            ("({[", "1", "]:1})", 3),
            ("switch(a){case 1:", "", "}", 1),
            ("class A{static{", "", "}}", 2),
            ("a?.(", "1", ")", 1),
            ("new A(", "1", ")", 1),
            ("import(", "1", ")", 1),
            ("a`${", "1", "}`", 1),
            ("a||b&&c|d^e&f==g<h<<i+j*k**(", "1", ")", 1),
            ("a||b&&c|d^e&f==g<h<<i+j*k**(function(){", "1", "})", 2),
            ("@(", "a", ") class A{}", 1),
            ("try{", "", "}catch{}", 1),
            ("if(a){", "", "}else{}", 1),
            ("async(a=", "1", ")", 1),
        ];
        let chains: &[(&str, &str, &str)] = &[
            ("!", "1", ""),
            ("- ", "1", ""),
            ("typeof ", "1", ""),
            ("await ", "1", ""),
            ("new ", "A", ""),
            ("a=", "1", ""),
            ("a=>", "1", ""),
            ("(a)=>", "1", ""),
            ("async a=>", "1", ""),
            ("a?b:", "1", ""),
            ("a?", "b", ":c"),
            ("a**", "1", ""),
            ("if(a)", "b", ""),
            ("if(a)b;else ", "c", ""),
            ("while(a)", "b", ""),
            ("for(;;)", "b", ""),
            ("for(a of b)", "b", ""),
            ("l:", "a", ""),
            ("do ", "a", "\nwhile(b)"),
            ("a?(b):", "c", ""),
            ("if(a){}else ", "b", ""),
            ("a=b={}=", "c", ""),
            ("delete ", "a", ""),
            ("++", "a", ""),
        ];
        let long: &[(&str, &str)] = &[
            ("a", "+a"),
            ("a", ".b"),
            ("a", "?.b"),
            ("a", "()"),
            ("a", "[0]"),
            ("a", "``"),
            ("a", "&&a"),
            ("a", ",a"),
            ("a", ";a"),
            ("a", "<a"),
            ("a", "??a"),
            ("a", "|a"),
        ];
        let check = |source: &str, name: &str, rejected: bool| {
            let result = read_text(&format!("{META}{source}\n;return 1"));
            let too_deep = matches!(&result, Err(WorkflowError::Unsupported { message, .. }) if message.contains("nested too deeply"));
            assert_eq!(too_deep, rejected, "{name}: {:?}", result.err());
            assert_eq!(read_metadata(&format!("{META}{source}")).is_none(), rejected, "{name}");
        };
        for (open, inner, close, brackets) in nests {
            let at_limit = nesting::MAX_DEPTH / brackets;
            check(&format!("{}{inner}{}", open.repeat(at_limit), close.repeat(at_limit)), open, false);
            for count in [20_000, 200_000] {
                check(&format!("{}{inner}{}", open.repeat(count), close.repeat(count)), open, true);
                check(&open.repeat(count), open, true);
            }
        }
        for (open, inner, close) in chains {
            check(&format!("{}{inner}{}", open.repeat(20_000), close.repeat(20_000)), open, false);
            check(&format!("{}{inner}{}", open.repeat(200_000), close.repeat(200_000)), open, true);
        }
        for (first, next) in long {
            check(&format!("{first}{}", next.repeat(50_000)), next, false);
        }
    }
}
