//! The QuickJS implementation of the runtime.

mod globals;
