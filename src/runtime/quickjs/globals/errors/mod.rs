//! Errors as V8 has them: `stack` begins with name and message, frames are the author's, and what the interpreter
//! throws itself is worded as V8 words it.
//!
//! The interpreter calls [`prepare`] whenever it has made an error or an error passes through it without a stack.
//! Must never know what a script does with its errors, nor what the engine makes of the one that ends a script.

mod frames;
mod natives;
mod regexp;
mod stack;
mod texts;
mod words;

use std::cell::Cell;
use std::rc::Rc;

use rquickjs::function::FuncArg;
use rquickjs::{Ctx, Function, Object, Result, Value, qjs};

use super::unit::Unit;
use frames::{Made, Seen, Trace};
pub(in super::super) use texts::Texts;

static UNIT: Unit = Unit::new(c"workflow:errors", include_str!("../errors.js"));

/// Frames of the engine and of built-in functions that may stand between those that a script sees.
const HIDDEN: usize = 16;
/// Stack that making an error may use beyond the script's own: the error that says that it is used up needs some.
const RESERVE: usize = 192 << 10;

/// What the errors of one VM need to know. Holds no value of the script's.
struct Errors {
    names: Names,
    stack_bytes: usize,
    /// `Error.stackTraceLimit`; `None` if it is no number, and errors get no stack then.
    limit: Cell<Option<usize>>,
    texts: Texts,
    /// The address of the last error if the interpreter threw it in a built-in function, else 0.
    latest: Cell<usize>,
    /// `Error.captureStackTrace` is at work, which needs the frames as text at once.
    capturing: Cell<bool>,
}

/// Names that every error needs, as the interpreter keeps them. They go when the runtime goes.
struct Names {
    is_native: qjs::JSAtom,
    is_constructor: qjs::JSAtom,
    file: qjs::JSAtom,
    line: qjs::JSAtom,
    column: qjs::JSAtom,
    function: qjs::JSAtom,
    function_name: qjs::JSAtom,
    prototype: qjs::JSAtom,
    message: qjs::JSAtom,
    stack: qjs::JSAtom,
    complete: qjs::JSAtom,
    replace: qjs::JSAtom,
}

impl Names {
    fn new(ctx: &Ctx<'_>) -> Self {
        // SAFETY: the context is live, and each text is as long as said.
        let atom = |text: &str| unsafe {
            qjs::JS_NewAtomLen(ctx.as_raw().as_ptr(), text.as_ptr().cast(), text.len() as _)
        };
        Self {
            is_native: atom("isNative"),
            is_constructor: atom("isConstructor"),
            file: atom("getFileName"),
            line: atom("getLineNumber"),
            column: atom("getColumnNumber"),
            function: atom("getFunction"),
            function_name: atom("getFunctionName"),
            prototype: atom("prototype"),
            message: atom("message"),
            stack: atom("stack"),
            complete: atom("complete"),
            replace: atom("replace"),
        }
    }
}

/// Takes over how errors are made. `stack_bytes` is the stack that scripts may use; `texts` what frames refer to.
pub(super) fn init<'js>(ctx: &Ctx<'js>, stack_bytes: usize, texts: Texts) -> Result<()> {
    let names = Names::new(ctx);
    let errors = Rc::new(Errors {
        names,
        stack_bytes,
        limit: Cell::new(None),
        texts,
        latest: Cell::new(0),
        capturing: Cell::new(false),
    });
    let native = Object::new(ctx.clone())?;
    let prepare = prepare_function(ctx, errors.clone())?;
    native.set("prepare", prepare)?;
    let attaching = errors.clone();
    native.set(
        "attach",
        Function::new(
            ctx.clone(),
            move |ctx: Ctx<'js>, object: Value<'js>, frames: Value<'js>, handlers: Object<'js>| {
                stack::attach(&ctx, &attaching.names, &object, &frames, Seen::default(), &handlers);
            },
        )?,
    )?;
    let printing = errors.clone();
    let print = move |ctx: Ctx<'js>, sites: Value<'js>, skipped, limit, line, column| {
        let seen = Seen { skipped, limit, line, column };
        let mut text = String::new();
        Trace::new(&ctx, &printing.names, &sites).print(&printing.texts, seen, &mut text);
        text
    };
    native.set("print", Function::new(ctx.clone(), print)?)?;
    let capturing = errors.clone();
    let capture = move |is_on: bool| capturing.capturing.set(is_on);
    native.set("capturing", Function::new(ctx.clone(), capture)?)?;
    let limited = errors.clone();
    native.set("limit", Function::new(ctx.clone(), move |limit: Option<f64>| limited.limit_to(limit))?)?;
    let asked = errors.clone();
    native.set(
        "isLatest",
        Function::new(ctx.clone(), move |error: Value<'_>| {
            error.is_object() && address(&error) == asked.latest.get()
        })?,
    )?;
    native.set("regexp", Function::new(ctx.clone(), regexp)?)?;
    native.set("value", Function::new(ctx.clone(), value)?)?;
    native.set("isRegExp", Function::new(ctx.clone(), is_regexp)?)?;
    native.set("isArray", Function::new(ctx.clone(), |value: Value<'_>| value.is_array())?)?;
    native.set("isEmptyAggregate", Function::new(ctx.clone(), is_empty_aggregate)?)?;
    UNIT.install(ctx, native)
}

fn regexp(message: String, pattern: String, flags: String) -> Option<String> {
    regexp::words(&message, &pattern, &flags)
}

/// The message of a built-in function with the value that it is about.
fn value(native: String, message: String, value: String) -> Option<String> {
    natives::words(&native, &message, &|| Some((native.clone(), vec![value.clone()])))
}

fn is_regexp(value: Value<'_>) -> bool {
    // SAFETY: a live value.
    unsafe { qjs::JS_IsRegExp(value.as_raw()) }
}

/// Whether this is the error that `Promise.any` makes: it has errors, and no message.
fn is_empty_aggregate(error: Value<'_>) -> bool {
    // SAFETY: a live value.
    let is_error = unsafe { qjs::JS_IsError(error.as_raw()) };
    is_error
        && error.as_object().is_some_and(|error| {
            error.contains_key("errors").unwrap_or_default()
                && error.get::<_, String>("message").is_ok_and(|message| message.is_empty())
        })
}

fn address(value: &Value<'_>) -> usize {
    // SAFETY: only asked for objects, which have one.
    unsafe { qjs::JS_VALUE_GET_PTR(value.as_raw()) as usize }
}

impl Errors {
    /// Takes over `Error.stackTraceLimit`; gives how many frames the interpreter has to look at.
    fn limit_to(&self, limit: Option<f64>) -> usize {
        let limit = limit.map(|limit| limit.max(0.0) as usize);
        self.limit.set(limit);
        limit.unwrap_or_default().saturating_add(HIDDEN).min(i32::MAX as usize)
    }
}

/// A function of the class for native closures: unlike others it is called without regard to how much stack is left.
fn prepare_function<'js>(ctx: &Ctx<'js>, errors: Rc<Errors>) -> Result<Function<'js>> {
    let hook = move |ctx: Ctx<'js>, hook: FuncArg<Object<'js>>, error: Value<'js>, sites: Value<'js>| {
        // SAFETY: the runtime is live; the limit is put back before the interpreter goes on.
        let limit_stack = |bytes: usize| unsafe {
            qjs::JS_SetMaxStackSize(qjs::JS_GetRuntime(ctx.as_raw().as_ptr()), bytes as _);
        };
        limit_stack(errors.stack_bytes + RESERVE);
        let frames = prepare(&ctx, &errors, &error, &sites, &hook.0);
        limit_stack(errors.stack_bytes);
        // Anything but `undefined`, which the interpreter takes for "not made yet".
        frames.unwrap_or_else(|| Value::new_null(ctx.clone()))
    };
    Function::new(ctx.clone(), hook)
}

/// Gives an error its stack, and V8's words if it is the interpreter's own. Gives the frames where
/// `Error.captureStackTrace` wants them. What fails here, for want of memory most likely, leaves the error as it is.
///
/// Most errors are never looked at, those that say where a call was made above all, so frames become text when
/// somebody reads them.
fn prepare<'js>(
    ctx: &Ctx<'js>,
    errors: &Errors,
    error: &Value<'js>,
    sites: &Value<'js>,
    handlers: &Object<'js>,
) -> Option<Value<'js>> {
    let object = error.as_object()?;
    let trace = Trace::new(ctx, &errors.names, sites);
    let made = trace.made();
    // SAFETY: a value of this context.
    let is_error = unsafe { qjs::JS_IsError(error.as_raw()) };
    match made {
        // Thrown again, or thrown without being an error.
        Made::InScript if !is_error => return None,
        Made::InScript | Made::Natively if has_own(ctx, error, errors.names.stack) => return None,
        _ => {}
    }
    errors.latest.set(if made == Made::Natively { address(error) } else { 0 });
    if is_error && made != Made::ByConstructor {
        words::reword(ctx, errors, object, &trace);
    }
    let limit = errors.limit.get()?;
    let skipped = if made == Made::ByConstructor && is_error { trace.constructors_of(error) } else { 0 };
    let seen = trace.seen(skipped, limit);
    if !errors.capturing.get() {
        stack::attach(ctx, &errors.names, error, sites, seen, handlers);
        return None;
    }
    let mut text = String::new();
    trace.print(&errors.texts, seen, &mut text);
    Some(rquickjs::String::from_str(ctx.clone(), &text).ok()?.into_value())
}

fn has_own(ctx: &Ctx<'_>, object: &Value<'_>, name: qjs::JSAtom) -> bool {
    // SAFETY: a live object; without a descriptor to fill in nothing has to be freed.
    let found =
        unsafe { qjs::JS_GetOwnProperty(ctx.as_raw().as_ptr(), std::ptr::null_mut(), object.as_raw(), name) };
    if found < 0 {
        ctx.catch();
    }
    found > 0
}

/// Defines a property as errors have them: writable, configurable, not enumerable. A frozen object stays as it is.
fn define<'js>(ctx: &Ctx<'js>, object: &Value<'js>, name: qjs::JSAtom, value: Value<'js>) {
    let flags = qjs::JS_PROP_WRITABLE | qjs::JS_PROP_CONFIGURABLE;
    // SAFETY: a live object of this context; the value is taken over by the call.
    let defined = unsafe {
        let raw = ctx.as_raw().as_ptr();
        qjs::JS_DefinePropertyValue(
            raw,
            object.as_raw(),
            name,
            qjs::JS_DupValue(raw, value.as_raw()),
            flags as _,
        )
    };
    if defined < 0 {
        ctx.catch();
    }
}
