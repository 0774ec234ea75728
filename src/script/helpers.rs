//! The helper modules of a workflow: found, checked and read before anything runs.
//!
//! They lie in the folder of the workflow or below it, links resolved, and nowhere else. What is read here is all that
//! the sandbox gets: it has no way to a file of its own. Knows files and imports, not what helpers do.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::files::{self, plain};
use super::imports::Import;
use super::links::{self, Links};
use super::parse::{Complaint, Language};
use super::{File, Module};
use crate::model::error::WorkflowError;
use crate::model::script::Helpers;

const ENDINGS: [&str; 4] = ["js", "mjs", "ts", "mts"];

/// Helpers of one workflow, in number. Far beyond what anybody keeps beside a workflow.
const MAX_HELPERS: usize = 1_000;

/// A module whose imports are to be found.
struct Importer {
    name: Arc<str>,
    text: String,
    /// Links resolved.
    folder: PathBuf,
    imports: Vec<Import>,
    links: Links,
}

struct Gathering {
    /// The folder that no helper lies outside of, links resolved.
    root: PathBuf,
    /// The same as it is shown.
    shown: PathBuf,
    /// Bytes that may still be read.
    left: usize,
    limit: usize,
    helpers: Helpers,
    /// The workflow, then its helpers as they were found.
    modules: Vec<Importer>,
}

/// Reads the helpers that a workflow imports, and those that they import.
///
/// `limit` is for all of them and the workflow together, bytes.
pub(super) fn gather(
    workflow: File<'_>,
    path: Option<&Path>,
    module: Module,
    limit: usize,
) -> Result<Helpers, WorkflowError> {
    let Module { imports, links, .. } = module;
    let Some(first) = imports.first() else { return Ok(Helpers::default()) };
    let refuse = |message: String, hint: &str| {
        Err(workflow.import(Complaint { at: first.at, message, hint: Some(hint.to_owned()) }))
    };
    let Some(path) = path else {
        let message =
            format!("cannot import '{}': a source given as text lies in no folder", first.specifier);
        return refuse(message, "run the file by its path (scriptPath)");
    };
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) => {
            let message = format!("cannot import '{}': {}", first.specifier, plain(&error));
            return refuse(message, "the workflow itself must be a file that can be reached");
        }
    };
    let root = real.parent().map_or_else(|| real.clone(), Path::to_owned);
    let named = Path::new(workflow.name).parent().unwrap_or(Path::new(""));
    // Where the workflow is itself behind a link, its helpers lie beside what the link leads to.
    let beside = path.parent().is_some_and(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.canonicalize().is_ok_and(|folder| folder == root)
    });
    let mut gathering = Gathering {
        shown: if beside { named.to_owned() } else { root.clone() },
        left: limit.saturating_sub(workflow.text.len()),
        limit,
        helpers: Helpers::default(),
        modules: vec![Importer {
            name: workflow.name.into(),
            text: workflow.text.to_owned(),
            folder: root.clone(),
            imports,
            links,
        }],
        root,
    };
    let mut next = 0;
    while next < gathering.modules.len() {
        for import in std::mem::take(&mut gathering.modules[next].imports) {
            gathering.import(next, &import)?;
        }
        next += 1;
    }
    gathering.link()
}

impl Gathering {
    fn import(&mut self, importer: usize, import: &Import) -> Result<(), WorkflowError> {
        let importer = &self.modules[importer];
        let refused = |why: String, hint| {
            let file = File { text: &importer.text, name: &importer.name };
            let message = format!("cannot import '{}': {why}", import.specifier);
            file.import(Complaint { at: import.at, message, hint })
        };
        let found = self.find(importer, &import.specifier);
        let path = found.map_err(|(why, hint)| refused(why, hint))?;
        let below = path.strip_prefix(&self.root).unwrap_or(&path);
        let name: Arc<str> = self.shown.join(below).display().to_string().into();
        let key = (importer.name.clone(), import.specifier.as_str().into());
        self.helpers.imports.insert(key, name.clone());
        if self.helpers.code.contains_key(&name) {
            return Ok(());
        }
        let (module, code) = self.read(&path, name.clone()).map_err(|why| match why {
            Unread::Because(why) => refused(why, None),
            Unread::Error(error) => error,
        })?;
        self.left -= module.text.len();
        self.helpers.code.insert(name, code.into());
        self.modules.push(module);
        Ok(())
    }

    /// Hands the helpers out if they fit together.
    fn link(self) -> Result<Helpers, WorkflowError> {
        let order: Vec<_> = self.modules.iter().map(|module| module.name.clone()).collect();
        let mut texts = HashMap::new();
        let mut all = HashMap::new();
        for module in self.modules {
            texts.insert(module.name.clone(), module.text);
            // The workflow may be a helper of its helpers: it is the same text.
            all.insert(module.name, module.links);
        }
        let Some(missing) = links::unlinked(&all, &order, &self.helpers) else { return Ok(self.helpers) };
        let there = match missing.exports.as_slice() {
            [] => "it exports nothing".to_owned(),
            some => format!("it exports {}", some.join(", ")),
        };
        let message =
            format!("cannot import '{}' from '{}': {there}", missing.wanted.name, missing.wanted.specifier);
        let text = texts.get(&missing.importer).map_or("", String::as_str);
        let typescript = Language::of(&missing.importer) == Language::TypeScript;
        let hint = typescript.then(|| "if it is a type, write `import type`".to_owned());
        let at = missing.wanted.at;
        Err(File { text, name: &missing.importer }.import(Complaint { at, message, hint }))
    }

    /// The file that a specifier means, links resolved; otherwise why there is none, and what to do.
    fn find(&self, importer: &Importer, specifier: &str) -> Result<PathBuf, (String, Option<String>)> {
        let outside = || {
            let why = format!("it lies outside the folder of the workflow, {}", self.shown_root());
            (why, Some("keep helpers in that folder or below it".to_owned()))
        };
        let path = normal(&importer.folder.join(specifier));
        if !path.starts_with(&self.root) {
            return Err(outside());
        }
        let shown = self.shown.join(path.strip_prefix(&self.root).unwrap_or(&path));
        let real = path.canonicalize().map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => format!("there is no file {}", shown.display()),
                _ => format!("cannot read {}: {}", shown.display(), plain(&error)),
            };
            (why, self.meant(&path, specifier))
        })?;
        if !real.starts_with(&self.root) {
            let (_, hint) = outside();
            let why = format!(
                "{} is a link that leads out of the folder of the workflow, {}",
                shown.display(),
                self.shown_root()
            );
            return Err((why, hint));
        }
        if real.is_dir() {
            let why = format!("{} is a folder", shown.display());
            return Err((why, self.meant(&path, specifier)));
        }
        if !real.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            let why = format!("{} does not end in .js, .mjs, .ts or .mts", shown.display());
            return Err((why, Some("helpers are JavaScript or TypeScript modules".to_owned())));
        }
        Ok(real)
    }

    fn shown_root(&self) -> String {
        let shown = if self.shown.as_os_str().is_empty() { &self.root } else { &self.shown };
        shown.display().to_string()
    }

    /// The file that is there under a name like the one that is not.
    fn meant(&self, path: &Path, specifier: &str) -> Option<String> {
        let stem = Path::new(specifier).with_extension("");
        let candidates = ENDINGS.iter().flat_map(|ending| {
            [
                (path.with_extension(ending), format!("{}.{ending}", stem.display())),
                (
                    path.join(format!("index.{ending}")),
                    format!("{}/index.{ending}", specifier.trim_end_matches('/')),
                ),
            ]
        });
        let inside = |path: &Path| {
            path.canonicalize().is_ok_and(|real| real.starts_with(&self.root) && real.is_file())
        };
        let (_, meant) = candidates.into_iter().find(|(path, _)| inside(path))?;
        Some(format!("did you mean '{meant}'? Imports name the file in full"))
    }

    /// A helper and its code.
    fn read(&self, path: &Path, name: Arc<str>) -> Result<(Importer, String), Unread> {
        if self.helpers.code.len() >= MAX_HELPERS {
            return Err(Unread::Because(format!("a workflow may have {MAX_HELPERS} helpers")));
        }
        let text = files::text(path, &name, self.left).map_err(|error| match error {
            WorkflowError::SourceTooLarge { .. } => Unread::Because(format!(
                "with it, the workflow and its helpers have more than {} bytes",
                self.limit
            )),
            WorkflowError::Metadata { found: Some(found) } => Unread::Because(found),
            other => Unread::Error(other),
        })?;
        let text = super::without_mark(&text).to_owned();
        let Module { code, imports, links } =
            File { text: &text, name: &name }.helper().map_err(Unread::Error)?;
        let folder = path.parent().map_or_else(|| self.root.clone(), Path::to_owned);
        Ok((Importer { name, text, folder, imports, links }, code))
    }
}

/// Why a helper that was found is not read.
enum Unread {
    Because(String),
    /// It is wrong in itself.
    Error(WorkflowError),
}

/// A path without `.` and `..`, as a specifier means it: by its words.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::super::testing::{Folder, META};
    use super::*;
    use crate::model::script::{Imports, Script};

    const LIMIT: usize = 100_000;

    fn workflow(imports: &str) -> String {
        format!("{META}{imports}\nexport default 1\n")
    }

    fn relative(path: &Path) -> Result<Script, WorkflowError> {
        load(path, LIMIT, Imports::Relative)
    }

    #[test]
    fn helpers_and_theirs_are_read() {
        let folder = Folder::new("helpers");
        let source = workflow(
            "import { a } from './lib/a.js'\nexport * from './b.mjs'\nconst c = import('./lib/../lib/c.ts')",
        );
        let path = folder.write("flow.js", source);
        folder.write("lib/a.js", "import '../b.mjs'; export const a = 1; import('./deep/d.mts')");
        folder.write("b.mjs", "\u{feff}#!x\nimport './lib/a.js'\n");
        folder.write("lib/c.ts", "export const c: number = 1");
        folder.write("lib/deep/d.mts", "import type { T } from './nowhere.js'; import '../../flow.js'");
        let script = relative(&path).unwrap();
        let at = |name: &str| folder.0.join(name).display().to_string();
        let mut found: Vec<_> = script
            .helpers
            .imports
            .iter()
            .map(|((base, specifier), name)| (base.to_string(), specifier.to_string(), name.to_string()))
            .collect();
        found.sort();
        let expected = [
            ("b.mjs", "./lib/a.js", "lib/a.js"),
            ("flow.js", "./b.mjs", "b.mjs"),
            ("flow.js", "./lib/../lib/c.ts", "lib/c.ts"),
            ("flow.js", "./lib/a.js", "lib/a.js"),
            ("lib/a.js", "../b.mjs", "b.mjs"),
            ("lib/a.js", "./deep/d.mts", "lib/deep/d.mts"),
            ("lib/deep/d.mts", "../../flow.js", "flow.js"),
        ];
        assert_eq!(found, expected.map(|(base, specifier, name)| (at(base), specifier.to_owned(), at(name))));
        let code = |name: &str| script.helpers.code.get(at(name).as_str()).map(|code| code.to_string());
        assert_eq!(code("b.mjs").unwrap(), "//x\nimport './lib/a.js'\n");
        assert_eq!(code("lib/c.ts").unwrap(), "export const c         = 1");
        assert_eq!(script.helpers.code.len(), 5);
    }

    #[test]
    fn names_are_those_that_the_author_would_write() {
        let folder = Folder::new("helpers-names");
        let path = folder.write("flow.js", workflow("import './lib/a.js'"));
        folder.write("lib/a.js", "");
        let read = |shown: &str| {
            let source = std::fs::read_to_string(&path).unwrap();
            let script = super::super::read(&source, Some(path.clone()), shown, Imports::Relative).unwrap();
            script.helpers.code.keys().next().unwrap().to_string()
        };
        assert_eq!(read("flow.js"), "lib/a.js");
        assert_eq!(read("some/flow.js"), "some/lib/a.js");
    }

    #[test]
    fn what_cannot_be_imported_is_said_with_its_place() {
        let folder = Folder::new("helpers-errors");
        folder.write("wf/lib/there.ts", "");
        folder.write("wf/lib/index.js", "");
        folder.write("wf/data.json", "{}");
        folder.write("outside.js", "");
        folder.write("wf-sibling/x.js", "");
        folder.write("wf/big.js", " ".repeat(LIMIT));
        folder.write("wf/latin.js", b"\xff");
        folder.write("wf/wrong.js", "\nexport const a = ;");
        folder.write("wf/node.js", "export * from 'node:fs'");
        folder.write("wf/returns.js", "return 1");
        folder.write("wf/deep.js", "import './gone.js'");
        folder.write("wf/some.js", "export const a = 1; export { a as default }");
        folder.write(
            "wf/star.js",
            "export * from './some.js'; export * from './star.js'; export { a as passed } from './some.js'",
        );
        folder.write("wf/typed.ts", "import { T } from './some.js'; export const b: T = 1");
        #[cfg(unix)]
        for (target, link) in [
            ("../outside.js", "link.js"),
            ("..", "up"),
            ("lib/there.ts", "fine.ts"),
            ("nowhere", "dangling.js"),
        ] {
            std::os::unix::fs::symlink(target, folder.0.join("wf").join(link)).unwrap();
        }
        let root = folder.0.join("wf").display().to_string();
        for (import, code, message, hint) in [
            (
                "import './gone.js'",
                "ERR_SCRIPT_IMPORT",
                "cannot import './gone.js': there is no file ROOT/gone.js (ROOT/flow.js:2:1)",
                "",
            ),
            (
                "1; import('./lib/there.js')",
                "ERR_SCRIPT_IMPORT",
                "cannot import './lib/there.js': there is no file ROOT/lib/there.js (ROOT/flow.js:2:4)",
                "did you mean './lib/there.ts'?",
            ),
            (
                "import './lib/there'",
                "ERR_SCRIPT_IMPORT",
                "there is no file ROOT/lib/there (",
                "did you mean './lib/there.ts'?",
            ),
            (
                "import './lib'",
                "ERR_SCRIPT_IMPORT",
                "ROOT/lib is a folder (",
                "did you mean './lib/index.js'?",
            ),
            (
                "import './data.json'",
                "ERR_SCRIPT_IMPORT",
                "ROOT/data.json does not end in .js, .mjs, .ts or .mts (",
                "modules",
            ),
            (
                "import '../outside.js'",
                "ERR_SCRIPT_IMPORT",
                "it lies outside the folder of the workflow, ROOT (",
                "keep helpers",
            ),
            ("import './lib/../../wf-sibling/x.js'", "ERR_SCRIPT_IMPORT", "it lies outside", "keep helpers"),
            (
                "import './link.js'",
                "ERR_SCRIPT_IMPORT",
                "ROOT/link.js is a link that leads out of the folder of the workflow, ROOT (",
                "keep helpers",
            ),
            (
                "import './up/outside.js'",
                "ERR_SCRIPT_IMPORT",
                "ROOT/up/outside.js is a link that leads out",
                "keep helpers",
            ),
            ("import './dangling.js'", "ERR_SCRIPT_IMPORT", "there is no file ROOT/dangling.js (", ""),
            (
                "import './big.js'",
                "ERR_SCRIPT_IMPORT",
                "with it, the workflow and its helpers have more than 100000 bytes (",
                "",
            ),
            (
                "import './latin.js'",
                "ERR_SCRIPT_SYNTAX",
                "SyntaxError: the file is not UTF-8 text: found the byte 0xff (ROOT/latin.js:1:1)",
                "UTF-8",
            ),
            (
                "import './wrong.js'",
                "ERR_SCRIPT_SYNTAX",
                "SyntaxError: Unexpected token (ROOT/wrong.js:2:18)",
                "",
            ),
            (
                "import './returns.js'",
                "ERR_SCRIPT_SYNTAX",
                "SyntaxError: Illegal return statement (ROOT/returns.js:1:1)",
                "export",
            ),
            (
                "import './node.js'",
                "ERR_SCRIPT_UNSUPPORTED",
                "workflow scripts cannot re-export from 'node:fs': they run in a sandbox without Node.js modules (ROOT/node.js:1:1)",
                "args",
            ),
            (
                "import './deep.js'",
                "ERR_SCRIPT_IMPORT",
                "cannot import './gone.js': there is no file ROOT/gone.js (ROOT/deep.js:1:1)",
                "",
            ),
            (
                "import { a, b } from './some.js'",
                "ERR_SCRIPT_IMPORT",
                "cannot import 'b' from './some.js': it exports a, default (ROOT/flow.js:2:13)",
                "",
            ),
            (
                "import { passed } from './star.js'; import { toString } from './star.js'",
                "ERR_SCRIPT_IMPORT",
                "cannot import 'toString' from './star.js': it exports passed (ROOT/flow.js:2:46)",
                "",
            ),
            (
                "import star from './star.js'",
                "ERR_SCRIPT_IMPORT",
                "cannot import 'default' from './star.js'",
                "",
            ),
            (
                "import { b as c } from './typed.ts'",
                "ERR_SCRIPT_IMPORT",
                "cannot import 'T' from './some.js': it exports a, default (ROOT/typed.ts:1:10)",
                "import type",
            ),
            (
                "export { gone as here } from './fine.ts'",
                "ERR_SCRIPT_IMPORT",
                "cannot import 'gone' from './fine.ts': it exports nothing (ROOT/flow.js:2:10)",
                "",
            ),
            (
                "import '/etc/x.js'",
                "ERR_SCRIPT_UNSUPPORTED",
                "a workflow is one self-contained source",
                "args",
            ),
            ("import 'left-pad'", "ERR_SCRIPT_UNSUPPORTED", "without Node.js modules", "args"),
            (
                "import a from './fine.ts' with { type: 'x' }",
                "ERR_SCRIPT_UNSUPPORTED",
                "with attributes",
                "export the data",
            ),
            ("import('./fine.ts', {})", "ERR_SCRIPT_UNSUPPORTED", "with attributes", "export the data"),
            ("import('./fine' + '.ts')", "ERR_SCRIPT_UNSUPPORTED", "computed", "args"),
        ] {
            let path = folder.write("wf/flow.js", workflow(import));
            let error = relative(&path).expect_err(import);
            assert_eq!(error.code(), code, "{import}");
            let text = error.to_string().replace(&root, "ROOT");
            assert!(text.contains(message), "{import}: {text}");
            let found = error.hint().unwrap_or_default();
            assert!(found.contains(hint) && (found.is_empty() == hint.is_empty()), "{import}: {found}");
        }
        // Inside, a link is as good as a file.
        let path = folder.write("wf/flow.js", workflow("import './fine.ts'"));
        #[cfg(unix)]
        assert!(relative(&path).unwrap().helpers.code.keys().next().unwrap().ends_with("lib/there.ts"));
        // Not without the option, and a body has no static imports.
        let error = load(&path, LIMIT, Imports::None).unwrap_err();
        assert!(error.hint().unwrap().contains("imports: 'relative'"), "{error}");
        let body = folder.write("wf/body.js", format!("{META}import './fine.ts'\nreturn 1"));
        let error = relative(&body).unwrap_err();
        assert!(error.hint().unwrap().contains("await import('./fine.ts')"), "{error}");
        let text =
            super::super::read(&workflow("import './a.js'"), None, "flow.js", Imports::Relative).unwrap_err();
        assert_eq!(text.code(), "ERR_SCRIPT_IMPORT");
        assert!(text.to_string().contains("a source given as text lies in no folder"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_workflow_behind_a_link_has_the_helpers_of_the_file() {
        let folder = Folder::new("helpers-link");
        let real = folder.write("real/flow.js", workflow("import './a.js'"));
        folder.write("real/a.js", "");
        folder.write("named/a.js", "throw 1");
        let link = folder.0.join("named/flow.js");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let script = relative(&link).unwrap();
        let name = folder.0.join("real/a.js").display().to_string();
        assert_eq!(script.helpers.code.keys().map(|name| name.to_string()).collect::<Vec<_>>(), [name]);
    }
}
