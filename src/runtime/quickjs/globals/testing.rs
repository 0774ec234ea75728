//! One harness for the tests of every global: a VM as the sandbox builds it, and snippets run in it.
//!
//! Must never know what any single global does.

use std::time::{Duration, Instant};

use super::super::vm::Intrinsics;
use rquickjs::{
    CatchResultExt, CaughtError, Coerced, Context, Ctx, Function, Runtime, Value, context::EvalOptions, qjs,
};

/// The stack of a VM under test, bytes.
const STACK: usize = 512 << 10;

/// A VM with the globals under test, a memory limit, and an interrupt that fires after `patience`.
pub fn vm(patience: Duration) -> (Runtime, Context) {
    let (runtime, context) = bare_vm(patience);
    context.with(|ctx| super::init(&ctx, STACK, super::Texts::default()).catch(&ctx).unwrap());
    (runtime, context)
}

/// The same without the globals.
pub fn bare_vm(patience: Duration) -> (Runtime, Context) {
    let runtime = Runtime::new().unwrap();
    runtime.set_memory_limit(128 << 20);
    runtime.set_max_stack_size(STACK);
    let deadline = Instant::now() + patience;
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() > deadline)));
    let context = Context::custom::<Intrinsics>(&runtime).unwrap();
    context.with(|ctx| {
        // SAFETY: the context is alive and locked by `with`.
        assert_eq!(unsafe { qjs::JS_AddIntrinsicAToB(ctx.as_raw().as_ptr()) }, 0);
    });
    (runtime, context)
}

/// A VM that no test needs to interrupt.
pub fn patient_vm() -> (Runtime, Context) {
    vm(Duration::from_secs(60))
}

/// A VM that is interrupted as soon as it looks, once its globals are there.
pub fn interrupted_vm() -> (Runtime, Context) {
    let (runtime, context) = patient_vm();
    runtime.set_interrupt_handler(Some(Box::new(|| true)));
    (runtime, context)
}

/// Runs `source` as a sloppy script; `Err` holds what it threw, as `Name: message`.
pub fn run<'js>(ctx: &Ctx<'js>, source: &str) -> Result<Value<'js>, String> {
    let mut options = EvalOptions::default();
    options.strict = false;
    ctx.eval_with_options::<Value, _>(source, options).catch(ctx).map_err(|error| match error {
        CaughtError::Exception(exception) => {
            let name: String = exception.get("name").unwrap_or_default();
            format!("{name}: {}", exception.message().unwrap_or_default())
        }
        // A `DOMException` is no `Error` to `rquickjs`.
        CaughtError::Value(value) if value.is_object() => {
            let object = value.into_object().unwrap();
            let [name, message]: [String; 2] =
                ["name", "message"].map(|key| object.get(key).unwrap_or_default());
            format!("{name}: {message}")
        }
        other => other.to_string(),
    })
}

/// What came out of [`run`] as text: the value as `String(value)` has it, or what was thrown.
pub fn text_of(result: Result<Value<'_>, String>) -> String {
    result
        .and_then(|value| value.get::<Coerced<String>>().map_err(|error| error.to_string()))
        .map_or_else(|thrown| thrown, |text| text.0)
}

/// The text that `conformance/show.js` makes of what `source` evaluates to or throws.
pub fn shown<'js>(ctx: &Ctx<'js>, source: &str) -> String {
    let attempt: Function = ctx.eval(include_str!("conformance/show.js")).unwrap();
    let source = source.to_owned();
    let script = Function::new(ctx.clone(), move |ctx: Ctx<'js>| {
        let mut options = EvalOptions::default();
        options.strict = false;
        ctx.eval_with_options::<Value<'js>, _>(source.as_str(), options)
    });
    attempt.call((script.unwrap(),)).catch(ctx).unwrap()
}
