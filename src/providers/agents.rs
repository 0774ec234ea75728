//! Agent types: `agentType: 'reviewer'` by a definition in a Markdown file, for every CLI alike.
//!
//! Definitions stand in `.claude/agents` and `.agents/agents` of the project and of the home folder, folders below
//! included, and in the plugins of Claude Code. The project comes before the home folder. Reads files and nothing else;
//! how a CLI is told of a definition is the business of its `command.rs`.

mod front_matter;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::model::error::ErrorData;
use front_matter::Field;

/// Types that Claude Code brings along. Elsewhere they are plain calls: they add nothing that another CLI's own agent
/// does not do.
pub const CLAUDE_TYPES: &[&str] = &[
    "general-purpose",
    "Explore",
    "Plan",
    "claude",
    "claude-code-guide",
    "output-style-setup",
    "statusline-setup",
];

/// Types that OpenCode brings along.
const OPENCODE_TYPES: &[&str] = &["build", "explore", "general", "plan"];

/// One definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name that scripts use; `plugin:name` for those of plugins.
    pub name: String,
    /// When to use it. Empty if the file does not say.
    pub description: String,
    /// The tools it may use, as Claude Code names them; `None`: all.
    pub tools: Option<Vec<String>>,
    /// The model it asks for; `None`: that of the caller.
    pub model: Option<String>,
    /// What it is told before its prompt.
    pub instructions: String,
    /// The file.
    pub path: PathBuf,
    pub origin: Origin,
    /// Keys of the front matter that only the program they were written for acts on.
    pub other_keys: Vec<String>,
}

/// Where a definition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `.claude/agents` of this folder: Claude Code finds it by itself when it works there.
    ClaudeProject(PathBuf),
    /// `.claude/agents` of the home folder.
    ClaudeHome,
    /// A plugin of Claude Code.
    Plugin,
    /// `.agents/agents`, which no CLI looks into.
    Shared,
}

/// What `agentType` comes to for one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentType {
    /// Nothing to add.
    #[default]
    Plain,
    /// The CLI knows it by this name.
    Native(String),
    /// A definition.
    Defined(Arc<Definition>),
}

/// All definitions that a project can use.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    definitions: Vec<Arc<Definition>>,
    /// Files that are no definitions, by the name they would have had, and why.
    broken: Vec<(String, String)>,
}

/// Folders below one that is looked into. Deeper ones are a mistake, or a link that leads back.
const MAX_DEPTH: usize = 8;

/// Larger files are no instructions.
const MAX_BYTES: u64 = 1 << 20;

impl Catalogue {
    /// Reads the definitions of a project and of a home folder. What does not exist has none.
    pub fn read(project: &Path, home: Option<&Path>) -> Self {
        let mut catalogue = Self::default();
        let claude_project = Origin::ClaudeProject(project.to_owned());
        catalogue.read_folder(&project.join(".claude/agents"), &claude_project, None);
        catalogue.read_folder(&project.join(".agents/agents"), &Origin::Shared, None);
        catalogue.read_plugins(&project.join(".claude/plugins"));
        if let Some(home) = home {
            catalogue.read_folder(&home.join(".claude/agents"), &Origin::ClaudeHome, None);
            catalogue.read_folder(&home.join(".agents/agents"), &Origin::Shared, None);
            catalogue.read_plugins(&home.join(".claude/plugins"));
        }
        catalogue
    }

    /// The names of all definitions, sorted.
    pub fn names(&self) -> BTreeSet<&str> {
        self.definitions.iter().map(|definition| definition.name.as_str()).collect()
    }

    /// The definition of that name; the first one found counts.
    pub fn get(&self, name: &str) -> Option<&Arc<Definition>> {
        self.definitions.iter().find(|definition| definition.name == name)
    }

    /// Why a type most likely does not exist, for whichever CLI; `None` if it may. Nobody can know the types of plugins
    /// that are not installed here (`plugin:name`), and where nothing is defined at all, definitions may stand anywhere.
    pub fn doubt(&self, name: &str) -> Option<String> {
        if let Some((_, why)) = self.broken.iter().find(|(broken, _)| broken == name) {
            return Some(why.clone());
        }
        let built_in = CLAUDE_TYPES.contains(&name) || OPENCODE_TYPES.contains(&name);
        let known = built_in || name.contains(':') || self.get(name).is_some();
        (!known && !self.definitions.is_empty())
            .then(|| format!("no file in .claude/agents or .agents/agents defines the agent type '{name}'"))
    }

    /// What an agent type is for a provider.
    ///
    /// # Errors
    /// A type that nobody knows, with the known ones. opencode has types of its own that cannot be listed: there every
    /// name passes. So do names of plugins for Claude Code, which may load plugins from anywhere.
    pub fn resolve(&self, name: &str, provider: &str) -> Result<AgentType, ErrorData> {
        if let Some(definition) = self.get(name) {
            return Ok(AgentType::Defined(Arc::clone(definition)));
        }
        let built_in = CLAUDE_TYPES.contains(&name);
        match provider {
            "claude-code" if built_in || name.contains(':') => Ok(AgentType::Native(name.to_owned())),
            _ if built_in => Ok(AgentType::Plain),
            "opencode" => Ok(AgentType::Native(name.to_owned())),
            _ => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> ErrorData {
        let known: Vec<_> = self.names().into_iter().chain(CLAUDE_TYPES.iter().copied()).collect();
        let why = match self.broken.iter().find(|(broken, _)| broken == name) {
            Some((_, why)) => why.clone(),
            None => "no .claude/agents or .agents/agents folder defines it".to_owned(),
        };
        let message = format!("unknown agent type \"{name}\": {why}; known are: {}", known.join(", "));
        ErrorData::new("Error", message).with_code("ERR_UNKNOWN_AGENT_TYPE")
    }

    /// Reads a folder and those below, in the order of their names.
    fn read_folder(&mut self, folder: &Path, origin: &Origin, plugin: Option<&str>) {
        for path in markdown_files(folder, MAX_DEPTH) {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match read_definition(&path, &stem, origin, plugin) {
                Ok(definition) => self.definitions.push(Arc::new(definition)),
                Err(why) => self.broken.push((stem, format!("{} {why}", path.display()))),
            }
        }
    }

    /// Plugins that stand in the folder, and those that its list of installed ones names.
    fn read_plugins(&mut self, folder: &Path) {
        for (name, path) in folders(folder).into_iter().chain(installed_plugins(folder)) {
            self.read_folder(&path.join("agents"), &Origin::Plugin, Some(&name));
        }
    }
}

/// The folders in a folder, sorted, with their names.
fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let paths = entries(folder).into_iter().filter(|path| path.is_dir());
    paths.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path))).collect()
}

/// What Claude Code has noted about the plugins it has installed: `{ plugins: { "name@market": { installPath } } }`, or
/// a list of such entries under each name.
fn installed_plugins(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(text) = fs::read_to_string(folder.join("installed_plugins.json")) else { return Vec::new() };
    let list: Value = serde_json::from_str(&text).unwrap_or_default();
    let mut found = Vec::new();
    for (id, entry) in list.get("plugins").and_then(Value::as_object).into_iter().flatten() {
        let name = id.split('@').next().unwrap_or(id);
        let entries = entry.as_array().map_or(std::slice::from_ref(entry), Vec::as_slice);
        let paths = entries.iter().filter_map(|entry| entry.get("installPath")?.as_str());
        found.extend(paths.map(|path| (name.to_owned(), folder.join(path))));
    }
    found
}

/// Files that end in `.md`, those of a folder before those below it.
fn markdown_files(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) = entries(folder).into_iter().partition(|path| path.is_dir());
    let mut found: Vec<_> =
        files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    if depth > 0 {
        found.extend(folders.iter().flat_map(|folder| markdown_files(folder, depth - 1)));
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Reads one file; the error says what is wrong with it.
fn read_definition(
    path: &Path,
    stem: &str,
    origin: &Origin,
    plugin: Option<&str>,
) -> Result<Definition, String> {
    let size = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > MAX_BYTES {
        return Err(format!("has {size} bytes; the limit is {MAX_BYTES}"));
    }
    let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let (fields, body) = front_matter::parse(&text)
        .ok_or("has no front matter (name: and description: between two lines ---)")?;
    let field = |key: &str| fields.iter().find(|(known, _)| known == key).map(|(_, field)| field);
    let text = |key: &str| match field(key) {
        Some(Field::Text(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    };
    let name = text("name").unwrap_or_else(|| stem.to_owned());
    let tools = field("tools").map(Field::items).filter(|tools| !tools.is_empty());
    Ok(Definition {
        name: plugin.map_or_else(|| name.clone(), |plugin| format!("{plugin}:{name}")),
        description: text("description").unwrap_or_default(),
        // A star is all of them, as no list is.
        tools: tools.filter(|tools| tools != &["*"]),
        model: text("model").filter(|model| model != "inherit"),
        instructions: body.trim().to_owned(),
        path: path.to_owned(),
        origin: origin.clone(),
        other_keys: fields
            .iter()
            .map(|(key, _)| key.clone())
            .filter(|key| !["name", "description", "tools", "model", "color"].contains(&key.as_str()))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for one test, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("smol-agents-{test}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn catalogue(&self) -> Catalogue {
            Catalogue::read(&self.0.join("project"), Some(&self.0.join("home")))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    fn definition(name: &str, says: &str) -> String {
        format!("---\nname: {name}\ndescription: d\n---\n{says}\n")
    }

    #[test]
    fn a_definition_is_read_whole() {
        let folder = Folder::new("whole");
        folder.write(
            "project/.claude/agents/deep/er/review.md",
            "---\nname: reviewer\ndescription: Use when: done\ntools: Read, Bash(git log, git diff)\nmodel: opus\ncolor: red\nhooks:\n  Stop: x\n---\n\nBe strict.\n\n- really\n",
        );
        folder.write("project/.agents/agents/plain.md", "---\nmodel: inherit\ntools: \"*\"\n---\n");
        let catalogue = folder.catalogue();
        let path = folder.0.join("project/.claude/agents/deep/er/review.md");
        let expected = Definition {
            name: "reviewer".to_owned(),
            description: "Use when: done".to_owned(),
            tools: Some(vec!["Read".to_owned(), "Bash(git log, git diff)".to_owned()]),
            model: Some("opus".to_owned()),
            instructions: "Be strict.\n\n- really".to_owned(),
            path,
            origin: Origin::ClaudeProject(folder.0.join("project")),
            other_keys: vec!["hooks".to_owned()],
        };
        assert_eq!(**catalogue.get("reviewer").unwrap(), expected);
        let plain = catalogue.get("plain").unwrap();
        assert_eq!((&plain.tools, &plain.model, &plain.origin), (&None, &None, &Origin::Shared));
    }

    #[test]
    fn the_first_of_a_name_counts() {
        let folder = Folder::new("order");
        for (place, says) in [
            ("home/.agents/agents/a.md", "4"),
            ("home/.claude/agents/a.md", "3"),
            ("project/.agents/agents/a.md", "2"),
            ("project/.claude/agents/a.md", "1"),
        ] {
            folder.write(place, &definition("a", says));
            assert_eq!(folder.catalogue().get("a").unwrap().instructions, says, "{place}");
        }
    }

    #[test]
    fn plugins_have_their_name_in_front() {
        let folder = Folder::new("plugins");
        folder.write("project/.claude/plugins/near/agents/a.md", &definition("a", "near"));
        folder.write("home/elsewhere/agents/sub/b.md", &definition("b", "installed"));
        let path = folder.0.join("home/elsewhere");
        let list = serde_json::json!({ "version": 2, "plugins": {
            "far@market": [{ "installPath": path }], "old@market": { "installPath": path }, "bad": 5
        } });
        folder.write("home/.claude/plugins/installed_plugins.json", &list.to_string());
        let catalogue = folder.catalogue();
        assert_eq!(catalogue.names().into_iter().collect::<Vec<_>>(), ["far:b", "near:a", "old:b"]);
        assert_eq!(catalogue.get("near:a").unwrap().origin, Origin::Plugin);
    }

    #[test]
    fn types_are_resolved_per_provider() {
        let folder = Folder::new("resolve");
        folder.write("project/.claude/agents/a.md", &definition("mine", "x"));
        folder.write("project/.claude/agents/b.md", &definition("Plan", "x"));
        let catalogue = folder.catalogue();
        let native = |name: &str| AgentType::Native(name.to_owned());
        for (name, provider, expected) in [
            ("Explore", "claude-code", Some(native("Explore"))),
            ("Explore", "codex", Some(AgentType::Plain)),
            ("Explore", "opencode", Some(AgentType::Plain)),
            ("general-purpose", "pi", Some(AgentType::Plain)),
            ("some:thing", "claude-code", Some(native("some:thing"))),
            ("some:thing", "codex", None),
            ("build", "opencode", Some(native("build"))),
            ("build", "claude-code", None),
            ("nobody", "pi", None),
        ] {
            assert_eq!(catalogue.resolve(name, provider).ok(), expected, "{name} {provider}");
        }
        for (name, provider) in [("mine", "codex"), ("mine", "opencode"), ("Plan", "claude-code")] {
            let AgentType::Defined(found) = catalogue.resolve(name, provider).unwrap() else {
                panic!("{name}")
            };
            assert_eq!(found.name, name);
        }
    }

    #[test]
    fn an_unknown_type_says_which_are_known_and_what_is_broken() {
        let folder = Folder::new("unknown");
        folder.write("project/.claude/agents/a.md", &definition("mine", "x"));
        folder.write("project/.claude/agents/notes.md", "# Notes\n");
        folder.write("project/.claude/agents/ignored.txt", &definition("text", "x"));
        let catalogue = folder.catalogue();
        let error = catalogue.resolve("text", "codex").unwrap_err();
        assert_eq!(error.code.as_deref(), Some("ERR_UNKNOWN_AGENT_TYPE"));
        assert_eq!(
            error.message,
            "unknown agent type \"text\": no .claude/agents or .agents/agents folder defines it; known are: mine, general-purpose, Explore, Plan, claude, claude-code-guide, output-style-setup, statusline-setup"
        );
        let error = catalogue.resolve("notes", "pi").unwrap_err().message;
        assert!(error.contains("notes.md has no front matter"), "{error}");
        assert!(Catalogue::read(Path::new("/no/such/folder"), None).names().is_empty());
    }
}
