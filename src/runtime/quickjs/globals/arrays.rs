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

/// What the interpreter calls: context, `this`, the arguments and their count, a number, and data of its own.
pub(super) type NativeFunction = unsafe extern "C" fn(
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
        let guarded = native_function(ctx, name, length, function, 0, &[&original, &compare])?;
        // Assignment keeps the attributes of the property.
        prototype.set(name_text, guarded)?;
    }
    Ok(())
}

/// A function that the interpreter calls without a detour, with `magic` and with `data`, which its garbage
/// collector sees. Missing arguments are filled up to `length`.
pub(super) fn native_function<'js>(
    ctx: &Ctx<'js>,
    name: &CStr,
    length: c_int,
    function: NativeFunction,
    magic: c_int,
    data: &[&Value<'js>],
) -> Result<Value<'js>> {
    let mut data: Vec<_> = data.iter().map(|value| value.as_raw()).collect();
    // SAFETY: the context is entered; name and data are copied, the data with references of their own.
    unsafe {
        let function = qjs::JS_NewCFunctionData2(
            ctx.as_raw().as_ptr(),
            Some(function),
            name.as_ptr(),
            length,
            magic,
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
    let refused = unsafe { too_long(ctx.as_raw().as_ptr(), value.as_raw(), &mut 0) };
    if refused { Err(rquickjs::Error::Exception) } else { Ok(()) }
}

/// Adds the length of `value` to `total`. True when that is beyond [`LIMIT`] or the length cannot be had; an
/// exception is pending then. What is no object has no length that matters.
///
/// # Safety
/// `ctx` must be entered and `value` alive.
unsafe fn too_long(ctx: *mut qjs::JSContext, value: qjs::JSValue, total: &mut i64) -> bool {
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
    *total = total.saturating_add(length);
    if *total <= LIMIT {
        return false;
    }
    // SAFETY: as above; the context is a copy that is dropped here.
    let ctx = unsafe { Ctx::from_raw(ptr::NonNull::new_unchecked(ctx)) };
    let _ = Exception::throw_range(
        &ctx,
        &format!("Array length {total} is too large for this sandbox (limit {LIMIT})"),
    );
    true
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
        if too_long(ctx, this, &mut 0) {
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
    _magic: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    let mut total = 0;
    // SAFETY: as the interpreter calls a native function, with `count` arguments.
    unsafe {
        if spreads(ctx, this) && too_long(ctx, this, &mut total) {
            return qjs::JS_EXCEPTION;
        }
        for at in 0..count as usize {
            let argument = *arguments.add(at);
            if spreads(ctx, argument) && too_long(ctx, argument, &mut total) {
                return qjs::JS_EXCEPTION;
            }
        }
        forward(ctx, this, count, arguments, data)
    }
}

/// Whether `concat` may take `value` apart. A proxy may stand for an array.
///
/// # Safety
/// `ctx` must be entered and `value` alive.
unsafe fn spreads(ctx: *mut qjs::JSContext, value: qjs::JSValue) -> bool {
    // SAFETY: promised by the caller. An exception of a getter is dropped: `concat` will meet it again.
    unsafe {
        if !qjs::JS_IsObject(value) {
            return false;
        }
        if qjs::JS_IsArray(value) || qjs::JS_IsProxy(value) {
            return true;
        }
        let marked = qjs::JS_GetProperty(ctx, value, qjs::JS_ATOM_Symbol_isConcatSpreadable as _);
        let answer = qjs::JS_ToBool(ctx, marked);
        qjs::JS_FreeValue(ctx, marked);
        if answer < 0 {
            qjs::JS_FreeValue(ctx, qjs::JS_GetException(ctx));
        }
        answer > 0
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
        if too_long(ctx, this, &mut 0) {
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
                qjs::JS_IsNumber(value)
                    || qjs::JS_IsUndefined(value)
                    || qjs::JS_IsNull(value)
                    || qjs::JS_IsBool(value)
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

#[cfg(test)]
mod tests {
    use super::super::testing::{interrupted_vm, patient_vm, run, text_of};

    #[test]
    fn lengths_that_would_never_end_are_refused() {
        let calls = [
            "join()",
            "toLocaleString()",
            "sort()",
            "sort((a, b) => a - b)",
            "reverse()",
            "slice()",
            "splice(0, 2 ** 31)",
            "splice(5, 1)",
            "copyWithin(0, 5)",
            "concat([1])",
            "shift()",
            "toString()",
        ];
        let (_runtime, context) = patient_vm();
        for call in calls {
            let text = context.with(|ctx| text_of(run(&ctx, &format!("new Array(2 ** 32 - 1).{call}"))));
            let expected =
                "RangeError: Array length 4294967295 is too large for this sandbox (limit 16777216)";
            assert_eq!(text, expected, "{call}");
        }
        let likes = [
            "Array.prototype.join.call({ length: 2 ** 53 - 1 })",
            "Array.prototype.join.call(new Proxy({ length: 2 ** 53 - 1 }, {}))",
            "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })",
            "Array.prototype.fill.call({ __proto__: new Uint8Array(1), length: 2 ** 53 - 1 }, 0)",
            "Array.prototype.toSorted.call({ length: 2 ** 53 - 1 })",
            "[].concat({ length: 2 ** 53 - 1, [Symbol.isConcatSpreadable]: true })",
            "[].concat(new Proxy(new Array(2 ** 32 - 1), {}))",
            "[].concat(new Array(2 ** 32 - 1))",
            "[].concat(...Array.from({ length: 100 }, () => new Array(2 ** 20)))",
            "new Array(2 ** 32 - 2).unshift(1)",
            "String(new Array(2 ** 32 - 1))",
            "`${[new Array(2 ** 32 - 1)]}`",
            "JSON.stringify({}, new Array(2 ** 32 - 1))",
        ];
        for code in likes {
            let text = context.with(|ctx| text_of(run(&ctx, code)));
            assert!(
                text.starts_with("RangeError: Array length ") && text.contains("too large"),
                "{code}: {text}"
            );
        }
    }

    #[test]
    fn what_is_not_refused_is_interrupted() {
        let cases = [
            "[new Array(2 ** 32 - 1)].flat()",
            "[1].flatMap(() => new Array(2 ** 32 - 1))",
            "let a = []; for (let i = 0; i < 30; i++) a = [a, a, a, a]; a.flat(Infinity)",
            "let a = []; for (let i = 0; i < 30; i++) a = [a, a, a, a]; String(a)",
            "String.raw({ raw: { length: 2 ** 53 - 1 } })",
            "new Array(2 ** 32 - 1).values().drop(2 ** 40).next()",
            "Math.sumPrecise(new Array(2 ** 32 - 1).keys())",
            "new Set().union({ size: 1, has() {}, keys: () => new Array(2 ** 32 - 1).values() })",
            "new Set([1]).difference({ size: 0, has() {}, keys: () => new Array(2 ** 32 - 1).values() })",
            "new Set([1]).symmetricDifference({ size: 0, has() {}, keys: () => new Array(2 ** 32 - 1).values() })",
            "new Array(2 ** 32 - 1).indexOf(1)",
            "new Array(2 ** 32 - 1).forEach(() => {})",
            "new Set(new Array(2 ** 32 - 1))",
            "var s = 'a'.repeat(1e6), t = 'a'.repeat(1e5).repeat(10), a = []; \
             for (let i = 0; i < 4000; i++) a.push(i & 1 ? s : t); for (;;) a.sort()",
        ];
        for code in cases {
            let (_runtime, context) = interrupted_vm();
            assert_eq!(context.with(|ctx| text_of(run(&ctx, code))), "InternalError: interrupted", "{code}");
        }
    }

    #[test]
    fn arrays_up_to_the_limit_work() {
        let cases = [
            ("var a = []; a[2 ** 24 - 1] = 1; a.join('').length", "1"),
            ("var a = []; a[2 ** 24 - 1] = 1; a.indexOf(1)", "16777215"),
            ("var a = []; a[2 ** 24 - 1] = 1; a.reverse()[0]", "1"),
            ("new Array(2 ** 24 - 1).concat([1]).length", "16777216"),
            ("Array.from({ length: 1e5 }, (_, i) => (i * 7919) % 1e5).sort().slice(0, 3).join()", "0,1,10"),
            ("Array.from({ length: 1e4 }, (_, i) => ({ i, toString: () => `${i}` })).sort()[2].i", "10"),
        ];
        for (code, expected) in cases {
            let (_runtime, context) = patient_vm();
            assert_eq!(context.with(|ctx| text_of(run(&ctx, code))), expected, "{code}");
        }
    }
}
