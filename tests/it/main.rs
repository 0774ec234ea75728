//! The integration tests: the engine through its Rust API, as one binary.

#![expect(clippy::unwrap_used, reason = "a test that finds something else than it expects has failed")]

mod cancel;
mod config;
mod faults;
mod scenarios;
mod support;
mod tidy;
