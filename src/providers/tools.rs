//! Names of tools, from one CLI to the other. Scripts and definitions use those of Claude Code or those of the CLI they
//! are for.
//!
//! Knows names only. What may be done with them is said in each CLI's `command.rs`.

use std::collections::BTreeSet;

use crate::model::provider::Permissions;

/// One tool, by its names in lower case.
struct Tool {
    names: &'static [&'static str],
    /// Its name in pi, if pi has it.
    pi: Option<&'static str>,
    /// The name of its permission in opencode.
    opencode: &'static str,
    /// What has to be allowed for it.
    level: Permissions,
}

const fn tool(
    names: &'static [&'static str],
    pi: Option<&'static str>,
    opencode: &'static str,
    level: Permissions,
) -> Tool {
    Tool { names, pi, opencode, level }
}

const TOOLS: &[Tool] = &[
    tool(&["read", "notebookread"], Some("read"), "read", Permissions::ReadOnly),
    tool(&["grep"], Some("grep"), "grep", Permissions::ReadOnly),
    tool(&["glob", "find"], Some("find"), "glob", Permissions::ReadOnly),
    tool(&["ls", "list"], Some("ls"), "list", Permissions::ReadOnly),
    tool(&["edit", "multiedit", "apply_patch", "patch"], Some("edit"), "edit", Permissions::Edits),
    tool(&["write"], Some("write"), "edit", Permissions::Edits),
    tool(&["notebookedit"], None, "edit", Permissions::Edits),
    tool(&["bash", "shell"], Some("bash"), "bash", Permissions::Full),
    tool(&["webfetch"], None, "webfetch", Permissions::ReadOnly),
    tool(&["websearch"], None, "websearch", Permissions::ReadOnly),
    tool(&["task", "agent"], None, "task", Permissions::ReadOnly),
    tool(&["todowrite"], None, "todowrite", Permissions::ReadOnly),
    tool(&["todoread"], None, "todoread", Permissions::ReadOnly),
    tool(&["skill"], None, "skill", Permissions::ReadOnly),
];

fn known(name: &str) -> Option<&'static Tool> {
    let name = name.to_ascii_lowercase();
    TOOLS.iter().find(|tool| tool.names.contains(&name.as_str()))
}

/// Whether this is a tool with a condition, `Bash(git *)`.
pub fn is_pattern(tool: &str) -> bool {
    tool.contains('(')
}

/// The tools under pi's names. Those that pi does not have are left out; names that nobody knows are taken for tools of
/// extensions.
pub fn in_pi(tools: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in tools {
        let name = match known(name) {
            Some(tool) => tool.pi.map(str::to_owned),
            None => Some((*name).to_owned()),
        };
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// The permissions of opencode that have to be denied so that of its own tools only these are left.
pub fn denied_in_opencode(tools: &[&str]) -> BTreeSet<&'static str> {
    let allowed: BTreeSet<_> =
        tools.iter().filter_map(|name| known(name)).map(|tool| tool.opencode).collect();
    TOOLS.iter().map(|tool| tool.opencode).filter(|name| !allowed.contains(name)).collect()
}

/// What has to be allowed for these tools; everything, if one of them is unknown.
pub fn level(tools: &[&str]) -> Permissions {
    let levels = tools.iter().map(|name| known(name).map_or(Permissions::Full, |tool| tool.level));
    levels.max().unwrap_or(Permissions::ReadOnly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_have_other_names_elsewhere() {
        for (tools, pi, level) in [
            (&["Read", "Grep", "Glob"][..], &["read", "grep", "find"][..], Permissions::ReadOnly),
            (&["read", "NotebookRead", "WebFetch"], &["read"], Permissions::ReadOnly),
            (&["Edit", "Write"], &["edit", "write"], Permissions::Edits),
            (&["Read", "Bash"], &["read", "bash"], Permissions::Full),
            (&["mcp__x__y"], &["mcp__x__y"], Permissions::Full),
            (&[], &[], Permissions::ReadOnly),
        ] {
            assert_eq!(in_pi(tools), pi, "{tools:?}");
            assert_eq!(self::level(tools), level, "{tools:?}");
        }
    }

    #[test]
    fn opencode_is_told_what_to_leave_out() {
        let denied: Vec<_> = denied_in_opencode(&["Read", "write", "GLOB", "mine"]).into_iter().collect();
        let expected =
            ["bash", "grep", "list", "skill", "task", "todoread", "todowrite", "webfetch", "websearch"];
        assert_eq!(denied, expected);
    }
}
