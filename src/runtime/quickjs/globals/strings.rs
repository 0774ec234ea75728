//! Search for a long string in a long string: the interpreter's own search takes the product of both lengths
//! and never looks at its interrupt, so big searches go to one that takes the sum.
//!
//! Must never know what is searched for.

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use memchr::memmem;
use rquickjs::{Array, Ctx, Error, Exception, Function, Object, Result, String as JsString, Value, qjs};

use super::arrays::{NativeFunction, native_function};
use super::text::bytes;
use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:strings", include_str!("strings.js"));

/// The product of the lengths up to which the interpreter searches itself: a third of a second at worst.
const QUICK: i64 = 1 << 28;

/// The guarded methods of `String.prototype`, with their lengths.
const METHODS: &[(&CStr, c_int)] = &[
    (c"includes", 1),
    (c"indexOf", 1),
    (c"lastIndexOf", 1),
    (c"replace", 2),
    (c"replaceAll", 2),
    (c"split", 2),
];

/// Puts the guards in place.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let prototype: Object<'_> = ctx.globals().get::<_, Object<'_>>("String")?.get("prototype")?;
    let tools = Object::new(ctx.clone())?;
    for tool in ["slice", "concat"] {
        tools.set(tool, prototype.get::<_, Value<'_>>(tool)?)?;
    }
    tools.set("apply", ctx.globals().get::<_, Object<'_>>("Reflect")?.get::<_, Value<'_>>("apply")?)?;
    tools.set("find", Function::new(ctx.clone(), find)?)?;
    tools.set("findAll", Function::new(ctx.clone(), find_all)?)?;
    for (method, &(name, length)) in METHODS.iter().enumerate() {
        let name_text = name.to_str()?;
        let original: Value<'_> = prototype.get(name_text)?;
        let function: NativeFunction = guard;
        let guarded =
            native_function(ctx, name, length, function, method as c_int, &[&original, tools.as_value()])?;
        // Assignment keeps the attributes of the property.
        prototype.set(name_text, guarded)?;
    }
    Ok(())
}

/// Passes the call on, to the interpreter or, when that could take long, to [`slowly`].
unsafe extern "C" fn guard(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    method: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: as the interpreter calls a native function: all values are alive, there are as many arguments as
    // the function's length, at least one, and `data` holds the two values it was made with.
    unsafe {
        let pattern = *arguments;
        if !qjs::JS_IsString(pattern) || !(qjs::JS_IsString(this) || qjs::JS_IsObject(this)) {
            return qjs::JS_Call(ctx, *data, this, count, arguments);
        }
        // An object is asked for its text once, here.
        let text = qjs::JS_ToString(ctx, this);
        if qjs::JS_IsException(text) {
            return text;
        }
        let (mut length, mut size) = (0, 0);
        let failed =
            qjs::JS_GetLength(ctx, text, &mut length) < 0 || qjs::JS_GetLength(ctx, pattern, &mut size) < 0;
        let result = if failed {
            qjs::JS_EXCEPTION
        } else if length.saturating_mul(size) <= QUICK {
            qjs::JS_Call(ctx, *data, text, count, arguments)
        } else {
            let ctx = Ctx::from_raw(NonNull::new_unchecked(ctx));
            let value = |raw| Value::from_raw(ctx.clone(), qjs::JS_DupValue(ctx.as_raw().as_ptr(), raw));
            let option = if count > 1 { value(*arguments.add(1)) } else { Value::new_undefined(ctx.clone()) };
            let tools = value(*data.add(1));
            let (text, pattern) = (value(text), value(pattern));
            // A panic must not go through the frames of the interpreter.
            let slow = AssertUnwindSafe(|| slowly(&ctx, method as usize, text, pattern, option, tools));
            match catch_unwind(slow) {
                Ok(Ok(result)) => qjs::JS_DupValue(ctx.as_raw().as_ptr(), result.as_raw()),
                Ok(Err(Error::Exception)) => qjs::JS_EXCEPTION,
                Ok(Err(error)) => {
                    let _ = Exception::throw_internal(&ctx, &error.to_string());
                    qjs::JS_EXCEPTION
                }
                Err(_) => {
                    let _ = Exception::throw_internal(&ctx, "the search for a string failed");
                    qjs::JS_EXCEPTION
                }
            }
        };
        qjs::JS_FreeValue(ctx, text);
        result
    }
}

/// The JavaScript half is loaded for this one call: most scripts never need it.
fn slowly<'js>(
    ctx: &Ctx<'js>,
    method: usize,
    text: Value<'js>,
    pattern: Value<'js>,
    option: Value<'js>,
    tools: Value<'js>,
) -> Result<Value<'js>> {
    let methods: Object<'js> = UNIT.install(ctx, tools.get()?)?;
    let function: Function<'js> = methods.get(METHODS[method].0.to_str()?)?;
    function.call((text, pattern, option))
}

/// The place of `pattern` at or after `from`, or with `last` the last one at or before it; -1 when there is none.
/// All in UTF-16 units.
fn find(text: JsString<'_>, pattern: JsString<'_>, from: usize, last: bool) -> Result<i64> {
    let found = bytes(&text, |text| {
        bytes(&pattern, |pattern| {
            let from = byte_of(text, from);
            let found = if last {
                let end = text.len().min(from.saturating_add(pattern.len()));
                memmem::rfind(&text[..end], pattern)
            } else {
                memmem::find(&text[from..], pattern).map(|at| at + from)
            };
            found.map(|at| units(&text[..at]))
        })
    })??;
    Ok(found.map_or(-1, |at| at as i64))
}

/// Every place of `pattern`, left to right and without overlap, in UTF-16 units.
fn find_all<'js>(ctx: Ctx<'js>, text: JsString<'js>, pattern: JsString<'js>) -> Result<Array<'js>> {
    let places = Array::new(ctx)?;
    bytes(&text, |text| {
        bytes(&pattern, |pattern| {
            let (mut done, mut at) = (0, 0);
            for (index, found) in memmem::find_iter(text, pattern).enumerate() {
                at += units(&text[done..found]);
                done = found;
                places.set(index, at)?;
            }
            Ok::<(), Error>(())
        })
    })???;
    Ok(places)
}

/// How many UTF-16 units the text in `bytes` has: one for each character, two for those of four bytes.
fn units(bytes: &[u8]) -> usize {
    bytes.iter().map(|&byte| usize::from(byte & 0xC0 != 0x80) + usize::from(byte >= 0xF0)).sum()
}

/// Where the UTF-16 unit number `unit` starts; inside a pair, where the pair ends.
fn byte_of(bytes: &[u8], unit: usize) -> usize {
    let mut seen = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte & 0xC0 != 0x80 {
            if seen >= unit {
                return at;
            }
            seen += if byte >= 0xF0 { 2 } else { 1 };
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::testing::{patient_vm, run, text_of};

    /// Each of these takes the interpreter minutes; what they return is in `conformance/cases.txt`.
    #[test]
    fn big_searches_take_the_sum_of_the_lengths() {
        let cases = [
            ("hay.indexOf(needle)", "-1"),
            ("hay.includes(needle)", "false"),
            ("hay.lastIndexOf(needle)", "-1"),
            ("hay.split(needle).length", "1"),
            ("hay.replace(needle, '').length", "4000000"),
            ("hay.replaceAll(needle, '').length", "4000000"),
            ("new String(hay).indexOf(needle)", "-1"),
        ];
        let (_runtime, context) = patient_vm();
        context.with(|ctx| {
            run(&ctx, "var hay = 'a'.repeat(4e6), needle = 'a'.repeat(1e6) + 'b'").unwrap();
            for (code, expected) in cases {
                let start = Instant::now();
                assert_eq!(text_of(run(&ctx, code)), expected, "{code}");
                assert!(start.elapsed() < Duration::from_secs(20), "{code} took {:?}", start.elapsed());
            }
        });
    }
}
