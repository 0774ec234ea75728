//! The QuickJS implementation of the runtime.

pub mod globals;
