//! Claude Code, the `claude` command.

pub mod command;
pub mod output;
