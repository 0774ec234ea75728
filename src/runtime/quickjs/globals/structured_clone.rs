//! `structuredClone`: the standard's deep copy, in the wording of V8 where it refuses.
//!
//! Proxies are refused as in V8, which covers the engine's read-only `args`. Must never know what an object is for.

use rquickjs::{Ctx, Function, Object, Result, Value, qjs};

use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:structuredClone", include_str!("structured_clone.js"));

/// Defines `structuredClone`.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("classOf", Function::new(ctx.clone(), class_of)?)?;
    native.set("isProxy", Function::new(ctx.clone(), is_proxy)?)?;
    UNIT.install(ctx, native)
}

fn class_of(value: Value<'_>) -> u32 {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_GetClassID(value.as_raw()) }
}

pub(super) fn is_proxy(value: Value<'_>) -> bool {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_IsProxy(value.as_raw()) }
}
