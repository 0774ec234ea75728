//! What the tests of the providers share: recorded outputs, and calls with their command lines.

mod calls;
mod samples;

pub use calls::*;
pub use samples::*;
