//! One harness for the tests of every global: a VM as the sandbox builds it, and snippets run in it.
//!
//! Must never know what any single global does.

use std::time::{Duration, Instant};

use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Function, Runtime, Value, context::{EvalOptions, intrinsic}, qjs,
};

/// A VM with a memory limit and an interrupt that fires after `patience`.
pub fn vm(patience: Duration) -> (Runtime, Context) {
    let runtime = Runtime::new().unwrap();
    runtime.set_memory_limit(128 << 20);
    runtime.set_max_stack_size(512 << 10);
    let deadline = Instant::now() + patience;
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() > deadline)));
    let context = Context::builder()
        .with::<(
            intrinsic::Date,
            intrinsic::Eval,
            intrinsic::RegExpCompiler,
            intrinsic::RegExp,
            intrinsic::Json,
            intrinsic::Proxy,
            intrinsic::MapSet,
            intrinsic::TypedArrays,
            intrinsic::Promise,
            intrinsic::DOMException,
        )>()
        .build(&runtime)
        .unwrap();
    context.with(|ctx| {
        // SAFETY: the context is alive and locked by `with`.
        assert_eq!(unsafe { qjs::JS_AddIntrinsicAToB(ctx.as_raw().as_ptr()) }, 0);
        init(&ctx).catch(&ctx).unwrap();
    });
    (runtime, context)
}

/// Every global of these rooms, in the order the sandbox needs.
pub fn init(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    super::arrays::init(ctx)?;
    super::url::init(ctx)?;
    super::text::init(ctx)?;
    super::structured_clone::init(ctx)?;
    super::json::init(ctx)?;
    super::date::init(ctx)?;
    super::determinism::init(ctx)
}

/// A VM that no test needs to interrupt.
pub fn patient_vm() -> (Runtime, Context) {
    vm(Duration::from_secs(60))
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
        other => other.to_string(),
    })
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
