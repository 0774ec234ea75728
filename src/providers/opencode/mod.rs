//! OpenCode, the `opencode` command and its server.

pub mod output;
