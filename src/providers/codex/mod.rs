//! Codex, the `codex` command.

pub mod output;
