//! Claude Code.

pub mod command;
