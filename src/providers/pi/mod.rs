//! pi.

pub mod command;
mod typebox;
