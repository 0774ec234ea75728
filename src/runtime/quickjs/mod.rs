//! QuickJS (quickjs-ng through rquickjs) as the engine behind the boundary: sandbox, limits, conversion.
//!
//! The only room that knows rquickjs. One runtime and one context per script, on one thread.

mod alloc;
mod globals;
mod hints;
mod modules;
mod outbox;
mod vm;

pub use vm::QuickJs;
