//! The options of a git worktree for one agent call (`isolation: 'worktree'`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ErrorData;

/// What becomes of a worktree whose agent is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The branch stays if there is anything on it; the folder goes.
    #[default]
    Changed,
    /// Folder and branch stay.
    Always,
    /// Folder and branch go, whatever the agent did. For agents that only look.
    Never,
}

/// How the work of an agent gets out of its branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Merge {
    /// The checkout is fast-forwarded to it.
    #[serde(rename = "ff")]
    FastForward,
    /// The checkout gets one commit with all of it, also if it has moved on meanwhile and both fit together.
    Squash,
    /// A patch for `git apply` is written beside the worktrees. The checkout is not touched, and the branch stays.
    Patch,
}

/// The options of a worktree as a call, the run or a configuration file gives them; what is absent is decided by the
/// layer below.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WorktreeChoice {
    /// What becomes of folder and branch once the agent is done. Default: `changed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// How changes get out of the branch after a call that succeeded. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<Merge>,
    /// Whether the user's uncommitted changes are in it, too. Default: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncommitted: Option<bool>,
    /// The commit, tag or branch to start from. Default: `HEAD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

impl WorktreeChoice {
    /// Reads the option `worktree` of a call or a run.
    ///
    /// # Errors
    /// `ERR_INVALID_OPTION`: what is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, ErrorData> {
        let choice: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let place = if path == "." { String::new() } else { format!(".{path}") };
            let message = format!("option worktree{place}: {}", error.inner());
            ErrorData::new("TypeError", message).with_code("ERR_INVALID_OPTION")
        })?;
        choice.validate()?;
        Ok(choice)
    }

    /// # Errors
    /// `ERR_INVALID_OPTION`, as [`WorktreeOptions::validate`].
    pub fn validate(&self) -> Result<(), ErrorData> {
        self.clone().over(&Self::default()).validate()
    }

    /// This choice over that one, and the defaults under both.
    #[must_use]
    pub fn over(self, below: &Self) -> WorktreeOptions {
        WorktreeOptions {
            keep: self.keep.or(below.keep).unwrap_or_default(),
            merge: self.merge.or(below.merge),
            uncommitted: self.uncommitted.or(below.uncommitted).unwrap_or(false),
            base: self.base.or_else(|| below.base.clone()),
        }
    }
}

/// The options of a worktree, everything decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorktreeOptions {
    /// What becomes of it.
    pub keep: Keep,
    /// How changes get out of the branch after a call that succeeded; not at all by default.
    pub merge: Option<Merge>,
    /// Whether the user's uncommitted changes are there, too: staged, not staged, and new files that are not ignored.
    /// They are a commit of their own on the branch, below the agent's.
    pub uncommitted: bool,
    /// The commit, tag or branch to start from; `HEAD` by default.
    pub base: Option<String>,
}

impl WorktreeOptions {
    /// # Errors
    /// `ERR_INVALID_OPTION`: options that contradict each other, or a name that cannot be one.
    pub fn validate(&self) -> Result<(), ErrorData> {
        let refuse = |option: &str, why: &str| Err(invalid(option, why));
        match &self.base {
            Some(base) if base.is_empty() || base.starts_with('-') || base.contains(char::is_whitespace) => {
                refuse("base", &format!("must name a commit, got {base:?}"))
            }
            Some(_) if self.uncommitted => {
                refuse("uncommitted", "cannot go with base: uncommitted changes belong to HEAD")
            }
            _ if self.keep == Keep::Never && self.merge.is_some() => {
                refuse("merge", "cannot go with keep: 'never', which throws the work away")
            }
            _ => Ok(()),
        }
    }
}

/// A mistake in one of the options.
pub fn invalid(option: &str, why: &str) -> ErrorData {
    ErrorData::new("TypeError", format!("worktree option {option} {why}")).with_code("ERR_INVALID_OPTION")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_call_says_goes_over_what_the_run_says() {
        let run = WorktreeChoice::parse(&json!({ "keep": "always", "uncommitted": true })).unwrap();
        let call = WorktreeChoice::parse(&json!({ "merge": "ff", "uncommitted": false })).unwrap();
        let both = call.over(&run);
        assert_eq!(
            (both.keep, both.merge, both.uncommitted),
            (Keep::Always, Some(Merge::FastForward), false)
        );
        assert_eq!(WorktreeChoice::default().over(&WorktreeChoice::default()), WorktreeOptions::default());
    }

    #[test]
    fn mistakes_name_the_place() {
        for (value, words) in [
            (json!("yes"), "option worktree: invalid type: string"),
            (json!({ "keep": "maybe" }), "option worktree.keep: unknown variant `maybe`"),
            (json!({ "kept": true }), "unknown field `kept`"),
            (json!({ "keep": "never", "merge": "ff" }), "merge cannot go with keep"),
        ] {
            let error = WorktreeChoice::parse(&value).unwrap_err();
            assert!(error.message.contains(words), "{}", error.message);
            assert_eq!(error.code.as_deref(), Some("ERR_INVALID_OPTION"));
        }
    }
}
