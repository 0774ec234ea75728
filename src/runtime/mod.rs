//! The JavaScript side of the engine.

mod quickjs;
