//! Guards for the loops inside the interpreter that never look at its interrupt.
//!
//! `docs/design/native-loops.md` has the table of what hangs and what was done about each. Lengths that no real
//! array can have under the memory limit are refused; the rest is done in a way that can be interrupted.
//! Must never know why a run is interrupted.

use std::ffi::{CStr, c_int};
use std::ptr;

use rquickjs::{Ctx, Exception, Function, Object, Result, Value, qjs};

use super::unit::{Unit, owned};

static UNIT: Unit = Unit::new(c"workflow:arrays", include_str!("arrays.js"));

/// The longest array-like that the guarded methods take: half a second of work at most, and more elements than
/// the default memory limit has room for.
const LIMIT: i64 = 1 << 24;

/// Up to this length an array is sorted by the interpreter without looking at its elements first.
const SHORT_SORT: i64 = 64;

/// Strings longer than this are slow enough to compare that a sort of them must be interruptible.
const SHORT_TEXT: i64 = 256;

type NativeFunction = unsafe extern "C" fn(
    *mut qjs::JSContext,
    qjs::JSValue,
    c_int,
    *mut qjs::JSValue,
    c_int,
    *mut qjs::JSValue,
) -> qjs::JSValue;

/// The guarded methods of `Array.prototype`, with their lengths.
const METHODS: &[(&CStr, c_int, NativeFunction)] = &[
    (c"concat", 1, guard_all),
    (c"copyWithin", 2, guard),
    (c"fill", 1, guard),
    (c"join", 1, guard),
    (c"reverse", 0, guard),
    (c"shift", 0, guard),
    (c"slice", 2, guard),
    (c"sort", 1, guard_sort),
    (c"splice", 2, guard),
    (c"toLocaleString", 0, guard),
    (c"toSorted", 1, guard_sort),
    (c"unshift", 1, guard),
];

/// Puts the guards in place.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("isCollection", Function::new(ctx.clone(), is_collection)?)?;
    let compare: Value<'_> = UNIT.install(ctx, native)?;
    let prototype: Object<'_> = ctx.globals().get::<_, Object<'_>>("Array")?.get("prototype")?;
    for &(name, length, function) in METHODS {
        let name_text = name.to_str()?;
        let original: Value<'_> = prototype.get(name_text)?;
        let guarded = native_function(ctx, name, length, function, Some([&original, &compare]))?;
        // Assignment keeps the attributes of the property.
        prototype.set(name_text, guarded)?;
    }
    Ok(())
}

/// A function that the interpreter calls without a detour, holding `data` where its garbage collector sees it.
pub(super) fn native_function<'js>(
    ctx: &Ctx<'js>,
    name: &CStr,
    length: c_int,
    function: NativeFunction,
    data: Option<[&Value<'js>; 2]>,
) -> Result<Value<'js>> {
    let mut data: Vec<_> = data.into_iter().flatten().map(|value| value.as_raw()).collect();
    // SAFETY: the context is entered; name and data are copied, the data with references of their own.
    unsafe {
        let function = qjs::JS_NewCFunctionData2(
            ctx.as_raw().as_ptr(),
            Some(function),
            name.as_ptr(),
            length,
            0,
            data.len() as c_int,
            data.as_mut_ptr(),
        );
        owned(ctx, function)
    }
}

fn is_collection(value: Value<'_>) -> bool {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_IsSet(value.as_raw()) || qjs::JS_IsMap(value.as_raw()) }
}

/// For JavaScript halves: throws when `value` is longer than [`LIMIT`].
pub(super) fn check_length<'js>(ctx: Ctx<'js>, value: Value<'js>) -> Result<()> {
    // SAFETY: the context is entered and the value alive.
    if unsafe { too_long(ctx.as_raw().as_ptr(), value.as_raw()) } { Err(rquickjs::Error::Exception) } else { Ok(()) }
}

/// Whether `value` is an array-like beyond [`LIMIT`], or its length cannot be had; an exception is pending then.
///
/// # Safety
/// `ctx` must be entered and `value` alive.
unsafe fn too_long(ctx: *mut qjs::JSContext, value: qjs::JSValue) -> bool {
    let mut length = 0;
    // SAFETY: promised by the caller.
    unsafe {
        if !qjs::JS_IsObject(value) {
            return false;
        }
        if qjs::JS_GetLength(ctx, value, &mut length) < 0 {
            return true;
        }
    }
    if length > LIMIT {
        // SAFETY: as above; the context is a copy that is dropped here.
        let ctx = unsafe { Ctx::from_raw(ptr::NonNull::new_unchecked(ctx)) };
        let _ = Exception::throw_range(
            &ctx,
            &format!("Array length {length} is too large for this sandbox (limit {LIMIT})"),
        );
        return true;
    }
    false
}

/// Calls the original method, the first of `data`.
///
/// # Safety
/// As the interpreter calls a native function.
unsafe fn forward(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: promised by the caller.
    unsafe { qjs::JS_Call(ctx, *data, this, count, arguments) }
}

unsafe extern "C" fn guard(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    _magic: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: as the interpreter calls a native function.
    unsafe {
        if too_long(ctx, this) {
            return qjs::JS_EXCEPTION;
        }
        forward(ctx, this, count, arguments, data)
    }
}

/// For `concat`, which goes through its arguments too.
unsafe extern "C" fn guard_all(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    magic: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: as the interpreter calls a native function, with `count` arguments.
    unsafe {
        for at in 0..count as usize {
            if too_long(ctx, *arguments.add(at)) {
                return qjs::JS_EXCEPTION;
            }
        }
        guard(ctx, this, count, arguments, magic, data)
    }
}

/// For the sorts: without a comparison function nothing is called, so nothing looks at the interrupt. That is
/// fine for elements that compare in no time; for others the second of `data` does what the default does.
unsafe extern "C" fn guard_sort(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    _magic: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: as the interpreter calls a native function; it fills the arguments up to the length, at least one.
    unsafe {
        if too_long(ctx, this) {
            return qjs::JS_EXCEPTION;
        }
        if count > 0 && !qjs::JS_IsUndefined(*arguments) || quick_to_compare(ctx, this) {
            return forward(ctx, this, count, arguments, data);
        }
        forward(ctx, this, 1, data.add(1), data)
    }
}

/// Whether `array` is short, or an array of numbers and short strings.
///
/// # Safety
/// `ctx` must be entered and `array` alive.
unsafe fn quick_to_compare(ctx: *mut qjs::JSContext, array: qjs::JSValue) -> bool {
    let mut length = 0;
    // SAFETY: promised by the caller. An exception while looking is dropped: the slow way will meet it again.
    unsafe {
        if !qjs::JS_IsArray(array) {
            return false;
        }
        if qjs::JS_GetLength(ctx, array, &mut length) < 0 {
            return false;
        }
        if length <= SHORT_SORT {
            return true;
        }
        for at in 0..length {
            let value = qjs::JS_GetPropertyInt64(ctx, array, at);
            let quick = if qjs::JS_IsString(value) {
                let mut size = 0;
                qjs::JS_GetLength(ctx, value, &mut size) == 0 && size <= SHORT_TEXT
            } else {
                qjs::JS_IsNumber(value) || qjs::JS_IsUndefined(value) || qjs::JS_IsNull(value) || qjs::JS_IsBool(value)
            };
            qjs::JS_FreeValue(ctx, value);
            if !quick {
                qjs::JS_FreeValue(ctx, qjs::JS_GetException(ctx));
                return false;
            }
        }
        true
    }
}
