//! The engine: decides what happens next, and makes it happen.

pub mod core;
