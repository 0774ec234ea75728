//! What the locale decides: the order of texts, and how numbers, dates and lists are written. As V8 has it, for
//! en-US in UTC, and for the other locales of `data/`.
//!
//! The methods of the standard prototypes are native functions; `Intl` is made when a script first looks at it.
//! Nothing here is built, and no table read, before a script asks for it.
//! Must never know what time it is, nor which language the machine speaks.

mod casing;
mod collation;
mod date_options;
mod dates;
mod decimal;
mod intl;
mod lists;
mod number_options;
mod numbers;
mod plurals;
mod table;
mod tags;
mod values;

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use rquickjs::object::{Accessor, Property};
use rquickjs::{Ctx, Error, Exception, Function, Object, Result, String as JsString, Value, qjs};

use super::arrays::{check_length, native_function};
use super::unit::{Unit, owned};
use date_options::Wanted;
use dates::DateFormat;
use numbers::{Number, NumberFormat};

/// Texts of this many bytes cost as much to compare as the interpreter does between two calls.
const WORK_OF_A_CALL: usize = 256;

/// One call of a method.
struct Call<'a, 'js> {
    ctx: &'a Ctx<'js>,
    this: Value<'js>,
    /// The first three arguments, `undefined` where there are fewer.
    arguments: [Value<'js>; 3],
    /// The function of the interpreter that the method builds on.
    original: Value<'js>,
}

impl<'js> Call<'_, 'js> {
    /// `String(this)`, which throws for what is nothing.
    fn text(&self, service: &str) -> Result<JsString<'js>> {
        if self.this.is_undefined() || self.this.is_null() {
            return Err(values::type_error(self.ctx, &format!("{service} called on null or undefined")));
        }
        values::text(self.ctx, &self.this)
    }

    /// What the original says of `this`, without arguments.
    fn forward(&self) -> Result<Value<'js>> {
        self.call_on(&self.this)
    }

    fn call_on(&self, this: &Value<'js>) -> Result<Value<'js>> {
        let ctx = self.ctx.as_raw().as_ptr();
        // SAFETY: the context is entered, all values are alive.
        unsafe {
            owned(self.ctx, qjs::JS_Call(ctx, self.original.as_raw(), this.as_raw(), 0, std::ptr::null_mut()))
        }
    }
}

type Method = for<'a, 'js> fn(&Call<'a, 'js>) -> Result<Value<'js>>;

/// A method: whose prototype has it, its name and length, what it does, and which function it builds on.
struct Entry {
    owner: &'static str,
    name: &'static CStr,
    length: c_int,
    method: Method,
    original: &'static str,
}

const fn entry(
    owner: &'static str,
    name: &'static CStr,
    length: c_int,
    method: Method,
    original: &'static str,
) -> Entry {
    Entry { owner, name, length, method, original }
}

const METHODS: &[Entry] = &[
    entry("String", c"localeCompare", 1, locale_compare, "constructor"),
    entry("String", c"toLocaleUpperCase", 0, to_upper, "toUpperCase"),
    entry("String", c"toLocaleLowerCase", 0, to_lower, "toLowerCase"),
    entry("Number", c"toLocaleString", 0, number_text, "valueOf"),
    entry("BigInt", c"toLocaleString", 0, bigint_text, "valueOf"),
    entry("Date", c"toLocaleString", 0, date_and_time_text, "getTime"),
    entry("Date", c"toLocaleDateString", 0, date_text, "getTime"),
    entry("Date", c"toLocaleTimeString", 0, time_text, "getTime"),
    entry("Array", c"toLocaleString", 0, array_text, "toLocaleString"),
    entry("TypedArray", c"toLocaleString", 0, typed_array_text, "toLocaleString"),
];

/// Puts the methods in place.
pub(super) fn init<'js>(ctx: &Ctx<'js>) -> Result<()> {
    for (index, entry) in METHODS.iter().enumerate() {
        let prototype = match entry.owner {
            "TypedArray" => prototype_of(ctx, "Uint8Array")?.get_prototype(),
            owner => Some(prototype_of(ctx, owner)?),
        };
        let Some(prototype) = prototype else { continue };
        let original: Value<'js> = prototype.get(entry.original)?;
        let method = native_function(ctx, entry.name, entry.length, run, index as c_int, &[&original])?;
        // Assignment keeps the attributes of the property.
        prototype.set(entry.name.to_str()?, method)?;
    }
    let get = |ctx: Ctx<'js>| -> Result<Value<'js>> {
        let intl = intl::make(&ctx)?;
        define_intl(&ctx, intl.clone())?;
        Ok(intl)
    };
    let set = |ctx: Ctx<'js>, value: Value<'js>| define_intl(&ctx, value);
    ctx.globals().prop("Intl", Accessor::new(get, set).configurable())
}

fn prototype_of<'js>(ctx: &Ctx<'js>, class: &str) -> Result<Object<'js>> {
    ctx.globals().get::<_, Object<'js>>(class)?.get("prototype")
}

/// What `Intl` is from the first look at it on: a property like any other global's.
fn define_intl<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<()> {
    ctx.globals().prop("Intl", Property::from(value).writable().configurable())
}

/// The one way from the interpreter into the methods.
unsafe extern "C" fn run(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    index: c_int,
    data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: as the interpreter calls a native function: the context is entered, all values are alive, there are
    // as many arguments as it says, and `data` holds the one value that the function was made with. The copies
    // made here have references of their own.
    let (ctx, this, arguments, original) = unsafe {
        let ctx = Ctx::from_raw(NonNull::new_unchecked(ctx));
        let value = |raw| Value::from_raw(ctx.clone(), qjs::JS_DupValue(ctx.as_raw().as_ptr(), raw));
        let arguments = [0, 1, 2].map(|at| match at < count as usize {
            true => value(*arguments.add(at)),
            false => Value::new_undefined(ctx.clone()),
        });
        (ctx.clone(), value(this), arguments, value(*data))
    };
    let call = Call { ctx: &ctx, this, arguments, original };
    // A panic must not go through the frames of the interpreter.
    match catch_unwind(AssertUnwindSafe(|| (METHODS[index as usize].method)(&call))) {
        // SAFETY: the caller gets a reference of its own.
        Ok(Ok(result)) => unsafe { qjs::JS_DupValue(ctx.as_raw().as_ptr(), result.as_raw()) },
        Ok(Err(Error::Exception)) => qjs::JS_EXCEPTION,
        Ok(Err(error)) => {
            let _ = Exception::throw_internal(&ctx, &error.to_string());
            qjs::JS_EXCEPTION
        }
        Err(_) => {
            let name = METHODS[index as usize].name.to_string_lossy();
            let _ = Exception::throw_internal(&ctx, &format!("{name} failed"));
            qjs::JS_EXCEPTION
        }
    }
}

fn locale_compare<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    const SERVICE: &str = "String.prototype.localeCompare";
    let [that, locales, options] = &call.arguments;
    let this = call.text(SERVICE)?;
    let that = values::text(call.ctx, that)?;
    let collator = collation::collator(call.ctx, locales, options, SERVICE)?;
    let (order, work) = collator.order(call.ctx, &this, &that)?;
    // The interpreter counts calls to know when to look at its interrupt: a long comparison is many of them.
    for _ in 0..work / WORK_OF_A_CALL {
        call.forward()?;
    }
    Ok(Value::new_int(call.ctx.clone(), sign(order)))
}

fn sign(order: Ordering) -> i32 {
    match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

fn to_upper<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    to_case(call, "String.prototype.toLocaleUpperCase", true)
}

fn to_lower<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    to_case(call, "String.prototype.toLocaleLowerCase", false)
}

fn to_case<'js>(call: &Call<'_, 'js>, service: &str, to_upper: bool) -> Result<Value<'js>> {
    let text = call.text(service)?;
    let requested = tags::requested(call.ctx, &call.arguments[0])?;
    let special = match requested.first() {
        Some(locale) => casing::mapped(call.ctx, &text, locale, to_upper)?,
        None => None,
    };
    match special {
        Some(text) => Ok(text.into_value()),
        None => call.call_on(text.as_value()),
    }
}

/// How many formats for locales without options a thread keeps, of numbers and of dates.
const KEPT: usize = 32;

type Kept<K, F> = RefCell<HashMap<K, Rc<F>>>;

thread_local! {
    static NUMBERS: Kept<Option<String>, NumberFormat> = RefCell::default();
    static DATES: Kept<(Option<String>, Wanted), DateFormat> = RefCell::default();
}

/// The format of a call, kept for the next one where there is nothing but a locale in it.
fn kept<'js, K: Clone + Eq + std::hash::Hash, F>(
    cache: &'static std::thread::LocalKey<Kept<K, F>>,
    call: &Call<'_, 'js>,
    key: impl FnOnce(Option<String>) -> K,
    make: impl FnOnce() -> Result<F>,
) -> Result<Rc<F>> {
    let [locales, options, _] = &call.arguments;
    let is_plain = options.is_undefined() && (locales.is_undefined() || locales.is_string());
    if !is_plain {
        return make().map(Rc::new);
    }
    let locale = if locales.is_string() { Some(values::utf8_text(call.ctx, locales)?) } else { None };
    let key = key(locale);
    if let Some(known) = cache.with_borrow(|known| known.get(&key).cloned()) {
        return Ok(known);
    }
    let made = Rc::new(make()?);
    cache.with_borrow_mut(|known| {
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(key, made.clone());
    });
    Ok(made)
}

fn number_text<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    numeric_text(call, "Number")
}

fn bigint_text<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    numeric_text(call, "BigInt")
}

fn numeric_text<'js>(call: &Call<'_, 'js>, class: &str) -> Result<Value<'js>> {
    let value = call.forward().map_err(|_| {
        call.ctx.catch();
        let message = format!("{class}.prototype.toLocaleString requires that 'this' be a {class}");
        values::type_error(call.ctx, &message)
    })?;
    let [locales, options, _] = &call.arguments;
    let service = match class {
        "Number" => "Number.prototype.toLocaleString",
        _ => "BigInt.prototype.toLocaleString",
    };
    let format = kept(
        &NUMBERS,
        call,
        |locale| locale,
        || number_options::resolve(call.ctx, locales, options, service).map(NumberFormat::new),
    )?;
    text_value(call.ctx, &format.format(&Number::from_value(call.ctx, &value)?))
}

fn text_value<'js>(ctx: &Ctx<'js>, text: &str) -> Result<Value<'js>> {
    Ok(JsString::from_str(ctx.clone(), text)?.into_value())
}

fn date_and_time_text<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    moment_text(call, "Date.prototype.toLocaleString", Wanted::All)
}

fn date_text<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    moment_text(call, "Date.prototype.toLocaleDateString", Wanted::Date)
}

fn time_text<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    moment_text(call, "Date.prototype.toLocaleTimeString", Wanted::Time)
}

fn moment_text<'js>(call: &Call<'_, 'js>, service: &'static str, wanted: Wanted) -> Result<Value<'js>> {
    let time = values::number(call.ctx, &call.forward()?)?;
    if !time.is_finite() {
        return text_value(call.ctx, "Invalid Date");
    }
    let [locales, options, _] = &call.arguments;
    let format = kept(
        &DATES,
        call,
        |locale| (locale, wanted),
        || date_options::resolve(call.ctx, locales, options, service, wanted).map(DateFormat::new),
    )?;
    text_value(call.ctx, &format.format(time))
}

static JOIN: Unit = Unit::new(c"workflow:join", include_str!("join.js"));

fn array_text<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    elements_text(call, call.this.is_object())
}

fn typed_array_text<'js>(call: &Call<'_, 'js>) -> Result<Value<'js>> {
    // SAFETY: looks at the class of a value that is alive.
    elements_text(call, unsafe { qjs::JS_GetTypedArrayType(call.this.as_raw()) } >= 0)
}

/// The elements' own texts; the interpreter does not hand its arguments on to them. It has the word on what has no
/// elements.
fn elements_text<'js>(call: &Call<'_, 'js>, is_list: bool) -> Result<Value<'js>> {
    let [locales, options, _] = &call.arguments;
    if !is_list || locales.is_undefined() && options.is_undefined() {
        return call.forward();
    }
    check_length(call.ctx.clone(), call.this.clone())?;
    let mut length = 0;
    // SAFETY: the context is entered, the list alive.
    if unsafe { qjs::JS_GetLength(call.ctx.as_raw().as_ptr(), call.this.as_raw(), &mut length) } < 0 {
        return Err(Error::Exception);
    }
    let text =
        Function::new(call.ctx.clone(), |ctx: Ctx<'js>, value: Value<'js>| values::text(&ctx, &value))?;
    JOIN.load(call.ctx)?.call((text, call.this.clone(), length as f64, locales.clone(), options.clone()))
}

#[cfg(test)]
mod tests;
