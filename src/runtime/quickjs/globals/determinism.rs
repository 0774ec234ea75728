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

#[cfg(test)]
mod tests {
    use super::super::testing::{patient_vm, run, text_of};

    #[test]
    fn randomness_is_refused_with_advice() {
        let (_runtime, context) = patient_vm();
        let code = "try { Math.random() } catch (e) { [e.name, e.code, e.message].join('|') }";
        assert_eq!(
            context.with(|ctx| text_of(run(&ctx, code))),
            "TypeError|ERR_NONDETERMINISTIC|Math.random() is not available in workflow scripts: it would break resume; \
             pass a seed in `args`, or vary by index"
        );
    }

    #[test]
    fn no_constructor_makes_code_of_a_string() {
        let ways = [
            "Function('return 1')",
            "new Function('return 1')",
            "(() => {}).constructor('return 1')",
            "(class {}).constructor('return 1')",
            "Math.max.constructor('return 1')",
            "(async () => {}).constructor('return 1')",
            "new ((function* () {}).constructor)('yield 1')",
            "(async function* () {}).constructor('yield 1')",
            "Object.getPrototypeOf(function () {}).constructor('return 1')",
            "Object.getPrototypeOf((async () => {}).constructor)('return 1')",
            "Reflect.construct(Function, ['return 1'])",
            "Reflect.construct((async () => {}).constructor, ['return 1'], Object)",
            "new (class extends Function {})('return 1')",
            "Function.prototype.constructor.call(null, 'return 1')",
            "Function.apply(null, ['return 1'])",
        ];
        let (_runtime, context) = patient_vm();
        for way in ways {
            let code = format!(
                "try {{ {way}; 'no error' }} catch (e) {{ (e instanceof EvalError) + ' ' + e.message }}"
            );
            assert_eq!(
                context.with(|ctx| text_of(run(&ctx, &code))),
                "true Code generation from strings disallowed for this context",
                "{way}"
            );
        }
        for way in ["eval('1')", "(0, eval)('1')", "globalThis.eval('1')"] {
            let text = context.with(|ctx| text_of(run(&ctx, way)));
            assert!(text.starts_with("ReferenceError") || text.starts_with("TypeError"), "{way}: {text}");
        }
    }

    /// Whatever a new version of the interpreter adds has to be looked at before scripts get it.
    #[test]
    fn the_global_object_holds_what_is_listed() {
        let (_runtime, context) = patient_vm();
        let code = "Reflect.ownKeys(globalThis).map(String).sort().join('\\n')";
        let found = context.with(|ctx| text_of(run(&ctx, code)));
        assert_eq!(found, include_str!("conformance/globals.txt").trim_end());
    }

    #[test]
    fn microtasks_are_there() {
        let (runtime, context) = patient_vm();
        context.with(|ctx| {
            run(&ctx, "var order = 'a'; queueMicrotask(() => { order += 'c' }); order += 'b'").unwrap();
        });
        while runtime.execute_pending_job().unwrap() {}
        assert_eq!(context.with(|ctx| text_of(run(&ctx, "order"))), "abc");
    }
}
