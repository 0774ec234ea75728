//! The words of the domain: plain data that every other room may use.
//!
//! Nothing here does I/O, waits, or knows a library beyond `serde` and `thiserror`. What two arms of the engine
//! share is a type of this room; nothing else connects them.

pub mod budget;
pub mod culprit;
pub mod duration;
pub mod error;
pub mod event;
pub mod finding;
pub mod globals;
pub mod ids;
pub mod journal;
pub mod json;
pub mod limits;
pub mod listing;
pub mod metadata;
pub mod options;
pub mod outcome;
pub mod progress;
pub mod provider;
pub mod recording;
pub mod request;
pub mod script;
pub mod store;
pub mod tasks;
pub mod usage;
pub mod worktree;
