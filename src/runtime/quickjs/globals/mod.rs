//! The globals of a workflow script: one unit per primitive, and this registry.
//!
//! A unit is a piece of JavaScript, a native function for it, or both. The pieces share one function scope, so
//! they can use what stands before them in [`UNITS`]; the script reaches none of it except through the globals.
//! Nothing here knows what the engine does with a call.

mod agent;
mod log;
mod phase;
mod timers;
mod workflow;

use std::ffi::CString;
use std::rc::Rc;
use std::sync::OnceLock;

use rquickjs::{Ctx, Function, Object, Value};

use super::outbox::Outbox;
use crate::model::json::{self, JsonText};
use crate::model::metadata::WorkflowMetadata;
use crate::model::script::{Script, ScriptForm};
use crate::runtime::VmSetup;

/// The units in the order in which they are evaluated.
const UNITS: &[&str] = &[
    include_str!("prelude.js"),
    include_str!("timers.js"),
    include_str!("agent.js"),
    include_str!("parallel.js"),
    include_str!("pipeline.js"),
    include_str!("workflow.js"),
    include_str!("budget.js"),
    include_str!("log.js"),
    include_str!("phase.js"),
    include_str!("install.js"),
];

/// The name of the engine's own code in stack traces; frames of it are not shown to anybody.
pub(super) const PRELUDE_NAME: &std::ffi::CStr = c"workflow:prelude";

/// All units as one function expression `(native, setup) => bridge`.
pub(super) fn prelude() -> &'static CString {
    static SOURCE: OnceLock<CString> = OnceLock::new();
    SOURCE.get_or_init(|| {
        let source = format!("(function (native, setup) {{\"use strict\";\n{}\n}})", UNITS.concat());
        CString::new(source).expect("the units contain no NUL")
    })
}

/// What the units may ask of the engine.
pub(super) fn native<'js>(ctx: &Ctx<'js>, outbox: &Rc<Outbox>) -> rquickjs::Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("agent", agent::native(ctx, outbox.clone())?)?;
    native.set("workflow", workflow::native(ctx, outbox.clone())?)?;
    native.set("timer", timers::native_timer(ctx, outbox.clone())?)?;
    native.set("cancel", timers::native_cancel(ctx, outbox.clone())?)?;
    native.set("log", log::native(ctx, outbox.clone())?)?;
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
    let meta = WorkflowMetadata::normalize(&json::parse(&text).ok()?)?;
    serde_json::to_string(&meta).ok()
}

/// What the units are told about this script.
pub(super) fn setup<'js>(ctx: &Ctx<'js>, script: &Script, setup: &VmSetup) -> rquickjs::Result<Object<'js>> {
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
        Some(json) => ctx.json_parse(json.as_str()),
    }
}
