//! The globals of the sandbox, one file each, and their registry.

mod arrays;
mod date;
mod determinism;
mod json;
mod strings;
mod structured_clone;
mod text;
mod unit;
mod url;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod testing;

use rquickjs::{Ctx, Object, Result};

/// Every global, before any script code. The guards come first, so that the others build on them;
/// `determinism` comes last, since it closes what the others were loaded with.
pub fn init(ctx: &Ctx<'_>) -> Result<()> {
    arrays::init(ctx)?;
    strings::init(ctx)?;
    url::init(ctx)?;
    text::init(ctx)?;
    structured_clone::init(ctx)?;
    json::init(ctx)?;
    date::init(ctx)?;
    determinism::init(ctx)
}

/// See [`structured_clone::mark_uncloneable`].
pub fn mark_uncloneable<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    structured_clone::mark_uncloneable(ctx, object)
}
