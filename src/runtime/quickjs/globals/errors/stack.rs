//! The `stack` of an error: its frames are taken down when it is made, its first line when it is first read, as in
//! Node.js. By then a class may have given it its name.
//!
//! Must never know where frames come from, nor what a first line says.

use std::ffi::c_int;

use rquickjs::{Ctx, Object, Value, qjs};

use super::Names;
use super::frames::Seen;

/// Gives an object a `stack` of its own. `frames` are text, or the interpreter's call sites. `handlers` has `complete`,
/// which is called with them and with what is to be seen of them when the stack is read, and `replace`, the setter.
pub(super) fn attach<'js>(
    ctx: &Ctx<'js>,
    names: &Names,
    object: &Value<'js>,
    frames: &Value<'js>,
    seen: Seen,
    handlers: &Object<'js>,
) {
    let raw = ctx.as_raw().as_ptr();
    let flags = qjs::JS_PROP_CONFIGURABLE
        | qjs::JS_PROP_HAS_CONFIGURABLE
        | qjs::JS_PROP_HAS_ENUMERABLE
        | qjs::JS_PROP_HAS_GET
        | qjs::JS_PROP_HAS_SET;
    // SAFETY: live values of this context. The getter takes references of its own to what it is given, and the
    // property takes the getter and the setter over.
    let defined = unsafe {
        let complete = qjs::JS_GetProperty(raw, handlers.as_value().as_raw(), names.complete);
        let number = |number| qjs::JS_MKVAL(qjs::JS_TAG_INT, number);
        let Seen { skipped, limit, line, column } = seen;
        let mut data =
            [complete, frames.as_raw(), number(skipped), number(limit), number(line), number(column)];
        let count = data.len() as c_int;
        let getter = qjs::JS_NewCFunctionData(raw, Some(get), 0, 0, count, data.as_mut_ptr());
        qjs::JS_FreeValue(raw, complete);
        if qjs::JS_IsException(getter) {
            -1
        } else {
            let setter = qjs::JS_GetProperty(raw, handlers.as_value().as_raw(), names.replace);
            qjs::JS_DefinePropertyGetSet(raw, object.as_raw(), names.stack, getter, setter, flags as c_int)
        }
    };
    if defined < 0 {
        ctx.catch();
    }
}

/// The getter: `data` holds who completes the frames, and what it is called with.
unsafe extern "C" fn get(
    raw: *mut qjs::JSContext,
    this: qjs::JSValue,
    _argc: c_int,
    _argv: *mut qjs::JSValue,
    _magic: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: the interpreter passes the six values that it was given, and a live context and receiver.
    unsafe { qjs::JS_Call(raw, *data, this, 5, data.add(1)) }
}
