//! Pi, the `pi` command.

pub mod command;
pub mod output;
mod typebox;
