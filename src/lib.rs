//! The workflow engine: runs JavaScript programs that orchestrate coding agents.
//!
//! In reading order. `ARCHITECTURE.md` is the map.

pub mod binding;
pub mod engine;
pub mod model;
pub mod providers;
pub mod runtime;
pub mod schema;
pub mod script;
pub mod store;
