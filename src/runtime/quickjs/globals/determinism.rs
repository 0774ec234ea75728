//! Takes away what would let two runs of one script differ, or code appear that was never reviewed.
//!
//! Must never know why a run is resumed; it only says no.

use rquickjs::{Ctx, Exception, Function, Object, Result, Value};

use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:determinism", include_str!("determinism.js"));

/// Globals that some build of the interpreter offers and that leak time, memory layout, threads or the host.
const ABSENT: &[&str] = &[
    "SharedArrayBuffer",
    "Atomics",
    "WeakRef",
    "FinalizationRegistry",
    "performance",
    "navigator",
    "gc",
    "print",
    "std",
    "os",
    "bjs",
    "scriptArgs",
];

/// Closes `Math.random`, `eval`, the four function constructors, and removes [`ABSENT`].
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("absent", ABSENT.to_vec())?;
    native.set("refusal", Function::new(ctx.clone(), refusal)?)?;
    UNIT.install(ctx, native)
}

/// A `TypeError` with code `ERR_NONDETERMINISTIC` for a call of `what`, to be thrown by the caller.
pub(super) fn refusal<'js>(ctx: Ctx<'js>, what: String) -> Result<Value<'js>> {
    let instead = match what.as_str() {
        "Math.random()" => "pass a seed in `args`, or vary by index",
        _ => "pass timestamps in `args`",
    };
    let message = format!("{what} is not available in workflow scripts: it would break resume; {instead}");
    // Made by the interpreter, so that a script that replaced `TypeError` gets no say in it.
    let _ = Exception::throw_type(&ctx, &message);
    let error = ctx.catch();
    if let Some(error) = error.as_object() {
        error.set("code", "ERR_NONDETERMINISTIC")?;
    }
    Ok(error)
}
