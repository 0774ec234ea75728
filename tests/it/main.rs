//! The integration tests: the engine through its Rust API, as one binary.

mod cancel;
mod faults;
mod scenarios;
mod support;
mod tidy;
