//! OpenCode, the `opencode` command and its server.

pub mod command;
pub mod output;
pub mod served;
