//! `structuredClone`: the standard's deep copy, in the wording of V8 where it refuses.
//!
//! Proxies are refused as in V8, which covers the engine's read-only `args`; [`mark_uncloneable`] is for engine
//! objects that look like data and are not. Must never know which objects those are.

use rquickjs::{Ctx, Function, JsLifetime, Object, Result, Value, qjs};

use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:structuredClone", include_str!("structured_clone.js"));

/// The key to the list of uncloneable objects; kept where no script can reach it.
struct Marker<'js>(Function<'js>);

// SAFETY: the lifetime is the one of the only field.
unsafe impl<'js> JsLifetime<'js> for Marker<'js> {
    type Changed<'to> = Marker<'to>;
}

/// Defines `structuredClone`.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("classOf", Function::new(ctx.clone(), class_of)?)?;
    native.set("isProxy", Function::new(ctx.clone(), is_proxy)?)?;
    let marker = Marker(UNIT.install(ctx, native)?);
    ctx.store_userdata(marker).map_err(|_| rquickjs::Error::Unknown)?;
    Ok(())
}

/// Makes `structuredClone` refuse `object` with a `DataCloneError`, as it refuses proxies and functions.
///
/// Fails when [`init`] has not run on this VM.
pub(super) fn mark_uncloneable<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let marker = ctx.userdata::<Marker<'js>>().ok_or(rquickjs::Error::Unknown)?;
    marker.0.call((object.clone(),))
}

fn class_of(value: Value<'_>) -> u32 {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_GetClassID(value.as_raw()) }
}

pub(super) fn is_proxy(value: Value<'_>) -> bool {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_IsProxy(value.as_raw()) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{patient_vm, run, text_of};
    use super::*;

    #[test]
    fn what_the_engine_marks_is_not_cloned() {
        let (_runtime, context) = patient_vm();
        context.with(|ctx| {
            let object: Object<'_> = run(&ctx, "globalThis.it = { a: 1 }; it").unwrap().get().unwrap();
            assert_eq!(text_of(run(&ctx, "structuredClone({ it }).it.a")), "1");
            mark_uncloneable(&ctx, &object).unwrap();
            for code in
                ["structuredClone(it)", "structuredClone({ it })", "structuredClone(new Map([[it, 1]]))"]
            {
                assert_eq!(
                    text_of(run(&ctx, code)),
                    "DataCloneError: #<Object> could not be cloned.",
                    "{code}"
                );
            }
            assert_eq!(text_of(run(&ctx, "structuredClone({ ...it }).a")), "1");
        });
    }

    #[test]
    fn marking_without_the_global_is_an_error() {
        let (_runtime, context) = super::super::testing::bare_vm(std::time::Duration::from_secs(60));
        context.with(|ctx| {
            let object = Object::new(ctx.clone()).unwrap();
            assert!(mark_uncloneable(&ctx, &object).is_err());
        });
    }
}
