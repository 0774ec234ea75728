//! The globals of a workflow script: one unit per global, and this registry.
//!
//! Two kinds. The standard ones (`url`, `date`, …) are what a script would find in any JavaScript engine, made
//! deterministic and interruptible. The primitives (`agent`, `parallel`, …) are pieces of JavaScript that share one
//! function scope, so that they can use what stands before them in [`PRIMITIVES`], with native ends where a call
//! leaves the sandbox; the script reaches none of it except through the globals. Nothing here knows what the engine
//! does with a call.

mod agent;
mod arrays;
mod date;
mod determinism;
mod errors;
mod extra;
mod json;
mod locales;
mod log;
mod phase;
mod strings;
mod structured_clone;
mod text;
mod timers;
mod unit;
mod url;
mod workflow;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod testing;

use std::rc::Rc;

use rquickjs::{Ctx, Function, Object, Value};

use super::outbox::Outbox;
use crate::model::json::{self as model_json, JsonText};
use crate::model::metadata::WorkflowMetadata;
use crate::model::script::{Script, ScriptForm};
use crate::runtime::VmSetup;
pub(super) use errors::Texts;
pub(super) use extra::Extra;
use unit::Unit;

/// The primitives in the order in which they are evaluated, as one function expression `(native, setup) => bridge`.
static PRIMITIVES: Unit = Unit::new(
    c"workflow:primitives",
    concat!(
        "(function (native, setup) {\"use strict\";\n",
        include_str!("prelude.js"),
        include_str!("timers.js"),
        include_str!("agent.js"),
        include_str!("parallel.js"),
        include_str!("pipeline.js"),
        include_str!("workflow.js"),
        include_str!("budget.js"),
        include_str!("extra.js"),
        include_str!("log.js"),
        include_str!("phase.js"),
        include_str!("install.js"),
        "\n})"
    ),
);

/// The rarer half of `console`, `(tools) => methods`: loaded when a script first needs it.
static CONSOLE: Unit = Unit::new(
    c"workflow:console",
    concat!(
        "(function (tools) {\"use strict\";\n",
        include_str!("inspect.js"),
        include_str!("console.js"),
        "\n})"
    ),
);

/// Every standard global, before anything else runs. The guards come first, so that the others build on them;
/// `determinism` comes last, since it closes what the others were loaded with.
///
/// `stack_bytes` and `texts` are for errors: the stack that scripts may use, and what their frames refer to.
pub(super) fn init(ctx: &Ctx<'_>, stack_bytes: usize, texts: Texts) -> rquickjs::Result<()> {
    errors::init(ctx, stack_bytes, texts)?;
    arrays::init(ctx)?;
    strings::init(ctx)?;
    url::init(ctx)?;
    text::init(ctx)?;
    structured_clone::init(ctx)?;
    json::init(ctx)?;
    date::init(ctx)?;
    locales::init(ctx)?;
    determinism::init(ctx)
}

/// The primitives, for one script; gives the engine's functions inside the VM.
pub(super) fn primitives<'js>(
    ctx: &Ctx<'js>,
    script: &Script,
    vm: &VmSetup,
    outbox: &Rc<Outbox>,
) -> rquickjs::Result<Object<'js>> {
    PRIMITIVES.load(ctx)?.call((native(ctx, outbox)?, setup(ctx, script, vm)?))
}

/// What the units may ask of the engine.
fn native<'js>(ctx: &Ctx<'js>, outbox: &Rc<Outbox>) -> rquickjs::Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("agent", agent::native(ctx, outbox.clone())?)?;
    native.set("workflow", workflow::native(ctx, outbox.clone())?)?;
    native.set("timer", timers::native_timer(ctx, outbox.clone())?)?;
    native.set("cancel", timers::native_cancel(ctx, outbox.clone())?)?;
    native.set("sleep", extra::native_sleep(ctx, outbox.clone())?)?;
    native.set("log", log::native(ctx, outbox.clone())?)?;
    native.set("console", Function::new(ctx.clone(), |ctx: Ctx<'js>| CONSOLE.load(&ctx))?)?;
    native.set("phase", phase::native(ctx, outbox.clone())?)?;
    native.set("settled", native_settled(ctx, outbox.clone())?)?;
    native.set("normalizeMeta", Function::new(ctx.clone(), normalize_meta)?)?;
    Ok(native)
}

/// `settled(ok, json)`: the end of the script, once.
fn native_settled<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ok: bool, json: Option<String>| {
        outbox.settle(ok, json);
    })
}

/// The live `meta` of a module as the engine reads it; `undefined` if it is no longer valid.
fn normalize_meta(text: String) -> Option<String> {
    let meta = WorkflowMetadata::normalize(&model_json::parse(&text).ok()?)?;
    serde_json::to_string(&meta).ok()
}

/// What the units are told about this script.
fn setup<'js>(ctx: &Ctx<'js>, script: &Script, setup: &VmSetup) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("body", script.form == ScriptForm::Body)?;
    object.set("args", parse(ctx, setup.args.as_ref())?)?;
    object.set("total", setup.budget.total)?;
    if setup.budget.total.is_none() {
        object.set("total", Value::new_null(ctx.clone()))?;
    }
    object.set("spent", setup.budget.spent)?;
    object.set("depthLeft", setup.depth_left)?;
    object.set("maxDepth", setup.max_depth)?;
    let meta = serde_json::to_string(&script.metadata).unwrap_or_else(|_| "{}".to_owned());
    object.set("meta", ctx.json_parse(meta)?)?;
    Ok(object)
}

/// A JSON document as a fresh value of the script's; `None` is `undefined`.
pub(super) fn parse<'js>(ctx: &Ctx<'js>, json: Option<&JsonText>) -> rquickjs::Result<Value<'js>> {
    match json {
        None => Ok(Value::new_undefined(ctx.clone())),
        // Most answers are texts, and some of them megabytes: the parser would have a copy of it, and read it by letters.
        Some(json) => match unescaped(json.as_str()) {
            Some(text) => Ok(rquickjs::String::from_str(ctx.clone(), text)?.into_value()),
            None => ctx.json_parse(json.as_str()),
        },
    }
}

/// What a JSON document says, if it is a string whose text stands there as it is.
fn unescaped(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    memchr::memchr2(b'\\', b'"', text.as_bytes()).is_none().then_some(text)
}
