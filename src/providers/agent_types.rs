//! Which types of agents are defined: the names in `.claude/agents/*.md` and `.agents/agents/*.md`.
//!
//! Knows where definitions stand and what they are called; nothing here reads instructions or starts anything.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Folders with definitions, below the project and the home folder.
pub const FOLDERS: [[&str; 2]; 2] = [[".claude", "agents"], [".agents", "agents"]];

/// Types that agent programs bring along.
const BUILT_IN: &[&str] = &[
    // Claude Code
    "general-purpose",
    "Explore",
    "Plan",
    "claude-code-guide",
    "output-style-setup",
    "statusline-setup",
    // OpenCode
    "build",
    "explore",
    "general",
    "plan",
];

/// Front matter ends within this many bytes; the instructions behind it do not matter here.
const MOST_FRONT_MATTER: u64 = 16 << 10;

/// The definitions that a project can use.
#[derive(Clone, Debug, Default)]
pub struct AgentTypes {
    names: BTreeSet<String>,
}

impl AgentTypes {
    /// Reads the names of all definitions. What cannot be read is passed over.
    pub fn find(project: &Path, home: Option<&Path>) -> Self {
        let roots = [Some(project), home];
        let folders = roots
            .into_iter()
            .flatten()
            .flat_map(|root| FOLDERS.map(|[outer, inner]| root.join(outer).join(inner)));
        let entries = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let files =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "md"));
        Self { names: files.filter_map(|path| name_of(&path)).collect() }
    }

    /// Whether a type may exist: it is defined, or nobody here can know it. That is so for those of plugins
    /// (`plugin:name`), and for all as long as there are no definitions at all.
    pub fn may_be(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.contains(name) || BUILT_IN.contains(&name) || name.contains(':')
    }

    /// All names that are defined, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }
}

/// `name:` in the front matter, else the name of the file.
fn name_of(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let is_file = fs::metadata(path).is_ok_and(|it| it.is_file());
    if is_file {
        File::open(path).ok()?.take(MOST_FRONT_MATTER).read_to_end(&mut bytes).ok()?;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let front_matter = lines.next().is_some_and(|first| first.trim_end() == "---");
    let named = lines.take_while(|line| front_matter && line.trim_end() != "---").find_map(|line| {
        let name = line.strip_prefix("name:")?.trim().trim_matches(['"', '\'']);
        (!name.is_empty()).then(|| name.to_owned())
    });
    named.or_else(|| {
        is_file.then(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned())).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_front_matter_or_files() {
        let folder = std::env::temp_dir().join(format!("agent-types-{}", std::process::id()));
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(AgentTypes::find(&folder, None).may_be("anything"), "nothing is known");
        write("p/.claude/agents/a.md", "---\nname: reviewer\ndescription: x\n---\nname: not-me\n");
        write("p/.claude/agents/b.md", "---\r\nname: \"quoted\"\r\n---\r\n");
        write("p/.agents/agents/plain.md", "name: not-me\n");
        write("p/.agents/agents/other.txt", "---\nname: not-me\n---\n");
        write("h/.claude/agents/c.md", "---\ndescription: x\n---\nname: not-me");
        let types = AgentTypes::find(&folder.join("p"), Some(&folder.join("h")));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(types.names().collect::<Vec<_>>(), ["c", "plain", "quoted", "reviewer"]);
        for name in ["c", "plain", "quoted", "reviewer", "Explore", "plugin:any"] {
            assert!(types.may_be(name), "{name}");
        }
        for name in ["not-me", "Reviewer", "a", "other"] {
            assert!(!types.may_be(name), "{name}");
        }
    }
}
