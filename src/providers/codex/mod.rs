//! Codex, the `codex` command.

pub mod command;
pub mod output;
