//! Claude Code, the `claude` command.

pub mod output;
