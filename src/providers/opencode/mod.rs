//! OpenCode.

pub mod command;
