//! Codex.

pub mod command;
