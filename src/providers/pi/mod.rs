//! Pi, the `pi` command.

pub mod output;
