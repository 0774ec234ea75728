//! The JavaScript side of the engine.

pub mod quickjs;
