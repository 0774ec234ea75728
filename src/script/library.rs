//! The workflows that can be run by name: where they live, in which order they are searched, and which of two wins.
//!
//! One walk serves both the lookup of a name and the listing, so that the list says what the lookup does. Reads
//! metadata through [`super::read_metadata`] and never knows what is in a source.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{plain, text};
use crate::model::error::WorkflowError;
use crate::model::limits::Limits;
use crate::model::listing::{Library, Listing, ListingScope, ListingStatus};
use crate::model::metadata::WorkflowMetadata;
use crate::model::script::Imports;

/// Folders with workflows, in the order in which they are searched.
const FOLDERS: [[&str; 2]; 3] = [[".claude", "workflows"], [".agents", "workflows"], [".smol", "workflows"]];

/// How the files of workflows end. Of two in one folder that have the same name, the one whose ending comes first here
/// wins; then the alphabet decides.
const ENDINGS: [&str; 4] = [".js", ".mjs", ".mts", ".ts"];

/// Files of types, which end like workflows and cannot be any.
const DECLARATIONS: [&str; 2] = [".d.ts", ".d.mts"];

/// Finds the workflow of a name: the first whose `meta.name` is the name, in `.claude/workflows`,
/// `.agents/workflows` and `.smol/workflows` of the project, then of the home folder.
///
/// Looks at regular files that end like a script, not into folders below and not through symbolic links. Files that
/// cannot be read, or whose metadata cannot be, are passed over; [`list`] says why.
pub fn find_by_name(name: &str, project: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let mut files = folders(project, home).into_iter().flat_map(|folder| files(&folder.path));
    files.find(|file| file.metadata().is_ok_and(|found| found.name == name)).map(|file| file.path)
}

/// Everything that [`find_by_name`] looks at, in the same order: what each name leads to, what an earlier file
/// hides, and what is passed over and why.
pub fn list(project: &Path, home: Option<&Path>) -> Library {
    let mut library = Library::default();
    for folder in folders(project, home) {
        let place = folder.path.display().to_string();
        for file in files(&folder.path) {
            let status = match file.metadata() {
                Ok(metadata) => status(metadata, &library.files),
                Err(reason) => ListingStatus::Skipped { reason },
            };
            let path = file.path.display().to_string();
            library.files.push(Listing { status, path, folder: place.clone(), scope: folder.scope });
        }
        library.folders.push(place);
    }
    library
}

fn status(metadata: WorkflowMetadata, earlier: &[Listing]) -> ListingStatus {
    let hides = |listing: &&Listing| matches!(&listing.status, ListingStatus::Available(found) if found.name == metadata.name);
    match earlier.iter().find(hides).map(|listing| listing.path.clone()) {
        Some(shadowed_by) => ListingStatus::Shadowed { metadata, shadowed_by },
        None => ListingStatus::Available(metadata),
    }
}

struct Folder {
    path: PathBuf,
    scope: ListingScope,
}

/// The folders in the order in which they are searched. One that was there already under another name (the project is
/// the home folder, or one of them is a link to another) is not searched again.
fn folders(project: &Path, home: Option<&Path>) -> Vec<Folder> {
    let mut known = Vec::new();
    let roots = [Some((project, ListingScope::Project)), home.map(|home| (home, ListingScope::Home))];
    roots
        .into_iter()
        .flatten()
        .flat_map(|(root, scope)| {
            FOLDERS.map(|[outer, inner]| Folder { path: root.join(outer).join(inner), scope })
        })
        .filter(|folder| {
            let real = fs::canonicalize(&folder.path).unwrap_or_else(|_| folder.path.clone());
            let new = !known.contains(&real);
            known.push(real);
            new
        })
        .collect()
}

/// A file that looks like a workflow.
struct File {
    path: PathBuf,
    /// Why it is none, where that is known before it is opened.
    problem: Option<String>,
}

impl File {
    fn metadata(&self) -> Result<WorkflowMetadata, String> {
        match &self.problem {
            Some(problem) => Err(problem.clone()),
            None => metadata(&self.path),
        }
    }
}

/// The files of a folder that look like workflows, in order. A folder that is there and cannot be read stands for its
/// files.
fn files(folder: &Path) -> Vec<File> {
    match entries(folder) {
        Ok(mut found) => {
            found.sort_by(|(left, left_file), (right, right_file)| {
                left.cmp(right).then_with(|| left_file.path.cmp(&right_file.path))
            });
            found.into_iter().map(|(_, file)| file).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let problem = Some(format!("cannot read the folder: {}", plain(&error)));
            vec![File { path: folder.to_owned(), problem }]
        }
    }
}

/// The files of a folder that look like workflows, each with the rank of its ending.
fn entries(folder: &Path) -> io::Result<Vec<(usize, File)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let ends = |ending: &&str| name.as_encoded_bytes().ends_with(ending.as_bytes());
        let Some(rank) = ENDINGS.iter().position(&ends) else { continue };
        if DECLARATIONS.iter().any(ends) {
            continue;
        }
        // The type of the entry itself: a symbolic link is not a file here.
        let problem = match entry.file_type() {
            Ok(kind) if kind.is_file() => None,
            Ok(kind) if kind.is_symlink() => Some("it is a symbolic link, which is not followed".to_owned()),
            Ok(kind) if kind.is_dir() => Some("it is a folder".to_owned()),
            Ok(_) => Some("it is not a regular file".to_owned()),
            Err(error) => Some(plain(&error)),
        };
        found.push((rank, File { path: entry.path(), problem }));
    }
    Ok(found)
}

fn metadata(path: &Path) -> Result<WorkflowMetadata, String> {
    let named = |error: WorkflowError| reason(&error, path);
    let source = text(path, &path.display().to_string(), Limits::default().source_bytes).map_err(named)?;
    match super::read_metadata(&source) {
        Some(metadata) => Ok(metadata),
        // Only this says what is wrong.
        None => match super::read(&source, None, &path.display().to_string(), Imports::None) {
            Ok(script) => Ok(script.metadata),
            Err(error) => Err(named(error)),
        },
    }
}

/// The error in a line, for a reader who sees the path beside it.
fn reason(error: &WorkflowError, path: &Path) -> String {
    let text = match error {
        WorkflowError::Metadata { found: Some(found) } => found.clone(),
        other => other.to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    line.replace(&path.display().to_string(), &file)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Folder as TestFolder, named};
    use super::*;

    fn write(folder: &TestFolder, files: &[(&str, String)]) {
        for (path, content) in files {
            folder.write(path, content);
        }
    }

    #[test]
    fn names_are_looked_up_in_order() {
        let project = TestFolder::new("project");
        let home = TestFolder::new("home");
        write(
            &project,
            &[
                (".claude/workflows/b.js", named("x")),
                (".claude/workflows/a.txt", named("x")),
                (".claude/workflows/a.cjs", named("cjs")),
                (".claude/workflows/a.js.bak", named("bak")),
                (".claude/workflows/a.d.ts", named("types")),
                (".claude/workflows/a.mjs", named("x")),
                (".claude/workflows/a.mts", named("mts")),
                (".claude/workflows/a.ts", named("mts")),
                (".claude/workflows/z.mjs", named("mts")),
                (".claude/workflows/c.ts", named("ts")),
                (".claude/workflows/below/a.js", named("below")),
                (".claude/workflows/0-broken.js", "not a workflow {{{".to_owned()),
                (".claude/workflows/1-dir.js/x", String::new()),
                (".claude/workflows/broken-later.js", named("later") + "{{{"),
                (".agents/workflows/a.js", named("x")),
                (".agents/workflows/agents.js", named("agents")),
                (".agents/workflows/agents2.js", named("agents")),
                (".smol/workflows/smol.js", named("smol")),
                (".smol/workflows/both.js", named("both")),
            ],
        );
        write(
            &home,
            &[
                (".claude/workflows/both.js", named("both")),
                (".claude/workflows/home.js", named("home")),
                (".smol/workflows/.js", named("hidden")),
            ],
        );
        project.write(".claude/workflows/2-latin1.js", b"\xff");
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            project.0.join(".smol/workflows/smol.js"),
            project.0.join(".claude/workflows/link.js"),
        )
        .unwrap();

        for (name, expected) in [
            ("x", Some((&project, ".claude/workflows/b.js"))),
            ("mts", Some((&project, ".claude/workflows/z.mjs"))),
            ("ts", Some((&project, ".claude/workflows/c.ts"))),
            ("agents", Some((&project, ".agents/workflows/agents.js"))),
            ("smol", Some((&project, ".smol/workflows/smol.js"))),
            ("both", Some((&project, ".smol/workflows/both.js"))),
            ("home", Some((&home, ".claude/workflows/home.js"))),
            ("hidden", Some((&home, ".smol/workflows/.js"))),
            ("later", Some((&project, ".claude/workflows/broken-later.js"))),
            ("cjs", None),
            ("types", None),
            ("bak", None),
            ("below", None),
            ("b", None),
            ("X", None),
            ("", None),
        ] {
            let expected = expected.map(|(folder, path): (&TestFolder, &str)| folder.0.join(path));
            assert_eq!(find_by_name(name, &project.0, Some(&home.0)), expected, "{name}");
        }
        assert_eq!(find_by_name("home", &project.0, None), None);
        assert_eq!(find_by_name("x", Path::new("/nowhere"), None), None);
    }

    /// `status path`, what goes with it, and nothing else.
    fn lines(library: &Library, root: &TestFolder) -> Vec<String> {
        let short = |text: &str| text.replace(&format!("{}/", root.0.display()), "");
        let line = |listing: &Listing| match &listing.status {
            ListingStatus::Available(metadata) => format!("{}: {}", short(&listing.path), metadata.name),
            ListingStatus::Shadowed { metadata, shadowed_by } => {
                format!("{}: {} behind {}", short(&listing.path), metadata.name, short(shadowed_by))
            }
            ListingStatus::Skipped { reason } => format!("{}: no, {}", short(&listing.path), short(reason)),
        };
        library.files.iter().map(line).collect()
    }

    #[test]
    fn the_list_says_what_hides_what_and_why_files_are_passed_over() {
        let root = TestFolder::new("list");
        let computed = "export const meta = { name: make(), description: 'd' }";
        write(
            &root,
            &[
                ("p/.claude/workflows/a.ts", named("a")),
                ("p/.claude/workflows/b.js", named("a")),
                ("p/.claude/workflows/computed.js", computed.to_owned()),
                ("p/.claude/workflows/empty.js", String::new()),
                ("p/.claude/workflows/folder.js/x", String::new()),
                ("p/.claude/workflows/huge.js", " ".repeat(Limits::default().source_bytes + 1)),
                ("p/.claude/workflows/notes.md", named("notes")),
                ("p/.claude/workflows/syntax.js", "const a = 1\n  const b = = 2".to_owned()),
                ("p/.claude/workflows/types.d.ts", named("types")),
                ("p/.smol/workflows/c.js", named("c")),
                ("h/.claude/workflows/d.mjs", named("c")),
                ("h/.claude/workflows/e.js", named("a")),
                ("h/.claude/workflows/f.js", named("f")),
            ],
        );
        root.write("p/.claude/workflows/latin1.js", b"\xff");
        // A file where a folder should be.
        root.write("p/.agents/workflows", "");
        let (project, home) = (root.0.join("p"), root.0.join("h"));
        #[cfg(unix)]
        std::os::unix::fs::symlink(project.join("x.js"), project.join(".claude/workflows/link.js")).unwrap();

        let limit = Limits::default().source_bytes;
        let huge = format!(
            "p/.claude/workflows/huge.js: no, workflow source huge.js has {} bytes; the limit is {limit}",
            limit + 1
        );
        let library = list(&project, Some(&home));
        let expected = [
            "p/.claude/workflows/b.js: a",
            "p/.claude/workflows/computed.js: no, found a call expression at computed.js:1:29 (meta.name)",
            "p/.claude/workflows/empty.js: no, empty.js is empty",
            "p/.claude/workflows/folder.js: no, it is a folder",
            &huge,
            "p/.claude/workflows/latin1.js: no, SyntaxError: the file is not UTF-8 text: found the byte 0xff (latin1.js:1:1)",
            #[cfg(unix)]
            "p/.claude/workflows/link.js: no, it is a symbolic link, which is not followed",
            "p/.claude/workflows/syntax.js: no, SyntaxError: Unexpected token (syntax.js:2:13)",
            "p/.claude/workflows/a.ts: a behind p/.claude/workflows/b.js",
            #[cfg(unix)]
            "p/.agents/workflows: no, cannot read the folder: Not a directory",
            "p/.smol/workflows/c.js: c",
            "h/.claude/workflows/e.js: a behind p/.claude/workflows/b.js",
            "h/.claude/workflows/f.js: f",
            "h/.claude/workflows/d.mjs: c behind p/.smol/workflows/c.js",
        ];
        assert_eq!(lines(&library, &root), expected);

        // Every name leads to the file that the list says.
        for listing in &library.files {
            if let ListingStatus::Available(metadata) = &listing.status {
                let found = find_by_name(&metadata.name, &project, Some(&home)).unwrap();
                assert_eq!(found.display().to_string(), listing.path);
            }
        }
        let folders = [".claude/workflows", ".agents/workflows", ".smol/workflows"];
        let expected: Vec<_> = [&project, &home]
            .into_iter()
            .flat_map(|root| folders.map(|folder| root.join(folder).display().to_string()))
            .collect();
        assert_eq!(library.folders, expected);
    }

    #[test]
    fn a_folder_is_listed_once() {
        let root = TestFolder::new("once");
        write(&root, &[(".claude/workflows/a.js", named("a"))]);
        assert_eq!(lines(&list(&root.0, Some(&root.0)), &root), [".claude/workflows/a.js: a"]);
        assert_eq!(list(&root.0, Some(&root.0)).folders.len(), 3);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.0.join(".claude"), root.0.join(".agents")).unwrap();
            assert_eq!(lines(&list(&root.0, None), &root), [".claude/workflows/a.js: a"]);
        }
    }

    #[test]
    fn a_listing_as_json() {
        let root = TestFolder::new("json");
        let meta =
            "export const meta = { name: 'a', description: 'b', whenToUse: 'c', phases: ['P'], more: 1 }";
        write(
            &root,
            &[
                (".smol/workflows/1.js", meta.to_owned()),
                (".smol/workflows/2.js", named("a")),
                (".smol/workflows/3.js", String::new()),
            ],
        );
        let folder = root.0.join(".smol/workflows");
        let path = |name: &str| folder.join(name);
        let expected = json!([
            { "status": "available", "name": "a", "description": "b", "whenToUse": "c", "phases": [{ "title": "P" }],
              "path": path("1.js"), "folder": folder, "scope": "project" },
            { "status": "shadowed", "name": "a", "description": "d", "shadowedBy": path("1.js"),
              "path": path("2.js"), "folder": folder, "scope": "project" },
            { "status": "skipped", "reason": "3.js is empty",
              "path": path("3.js"), "folder": folder, "scope": "project" },
        ]);
        let library = serde_json::to_value(list(&root.0, None)).unwrap();
        // As text, since the order of the members is what people read.
        assert_eq!(library["files"].to_string(), expected.to_string());
    }
}
