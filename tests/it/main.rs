//! The integration tests: the engine through its Rust API, as one binary.

#![expect(clippy::unwrap_used, reason = "a test that finds something else than it expects has failed")]

mod cancel;
mod check;
mod config;
mod errors;
mod faults;
mod scenarios;
mod support;
mod tidy;
