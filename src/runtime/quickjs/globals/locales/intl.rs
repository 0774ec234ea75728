//! `Intl`: the same functions as the methods have, as objects. The JavaScript half is loaded when a script first
//! looks at the name.
//!
//! Objects of a script keep closures over what Rust made of their options; no closure keeps a value of a script.
//! Must never know how anything is written.

use std::rc::Rc;

use rquickjs::object::Property;
use rquickjs::{
    Array, Ctx, Error, Function, IntoAtom, IntoJs, Object, Result, String as JsString, Value, qjs,
};

use super::super::determinism::refusal;
use super::super::unit::Unit;
use super::date_options::{self, Wanted};
use super::dates::DateFormat;
use super::lists::ListFormat;
use super::number_options::{self, Digits};
use super::numbers::{Number, NumberFormat, Part, joined};
use super::plurals::{self, Plurals, Relative};
use super::tags::{best, requested};
use super::values::{Options, range_error, text, type_error, utf8_text};
use super::{collation, sign, table};

static UNIT: Unit = Unit::new(c"workflow:intl", include_str!("intl.js"));

/// The largest time that a date can have, either way, in milliseconds.
const LARGEST_TIME: f64 = 8.64e15;

/// Makes the object.
pub(super) fn make<'js>(ctx: &Ctx<'js>) -> Result<Value<'js>> {
    let native = Object::new(ctx.clone())?;
    tools(ctx, &native)?;
    let class = |name: &str, make: fn(&Ctx<'js>, &Value<'js>, &Value<'js>) -> Result<Object<'js>>| {
        let made =
            move |ctx: Ctx<'js>, locales: Value<'js>, options: Value<'js>| make(&ctx, &locales, &options);
        own(&native, name, Function::new(ctx.clone(), made)?)
    };
    class("collator", collator)?;
    class("numbers", numbers)?;
    class("dates", dates)?;
    class("plurals", plural_rules)?;
    class("lists", lists)?;
    class("relative", relative)?;
    UNIT.install(ctx, native)
}

/// Sets a property of an object of ours, whatever the script has put on its prototype.
fn own<'js>(object: &Object<'js>, key: impl IntoAtom<'js>, value: impl IntoJs<'js>) -> Result<()> {
    object.prop(key, Property::from(value.into_js(object.ctx())?).writable().enumerable().configurable())
}

/// What the JavaScript half needs beside the classes.
fn tools<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    own(native, "define", Function::new(ctx.clone(), define)?)?;
    own(native, "expose", Function::new(ctx.clone(), expose)?)?;
    own(native, "tag", Function::new(ctx.clone(), tag)?)?;
    own(native, "text", Function::new(ctx.clone(), |ctx: Ctx<'js>, value: Value<'js>| text(&ctx, &value))?)?;
    own(native, "clock", Function::new(ctx.clone(), refusal)?)?;
    own(native, "canonical", Function::new(ctx.clone(), canonical)?)?;
    own(native, "supported", Function::new(ctx.clone(), supported)?)?;
    let wrong = |ctx: Ctx<'js>, value: Value<'js>, method: String, kind: String| -> Result<Value<'js>> {
        let receiver = match method.as_str() {
            // V8 forgets whom it was about here.
            "UnwrapNumberFormat" => "undefined".to_owned(),
            _ if value.is_object() => format!("#<{kind}>"),
            _ => utf8_text(&ctx, &value)?,
        };
        Err(type_error(&ctx, &format!("Method {method} called on incompatible receiver {receiver}")))
    };
    own(native, "wrongReceiver", Function::new(ctx.clone(), wrong)?)?;
    let needs_new = |ctx: Ctx<'js>, name: String| -> Result<Value<'js>> {
        Err(type_error(&ctx, &format!("Constructor {name} requires 'new'")))
    };
    own(native, "needsNew", Function::new(ctx.clone(), needs_new)?)?;
    let not_text = |ctx: Ctx<'js>, value: Value<'js>| -> Result<Value<'js>> {
        let shown = if value.is_object() { "#<Object>".to_owned() } else { utf8_text(&ctx, &value)? };
        Err(type_error(&ctx, &format!("Iterable yielded {shown} which is not a string")))
    };
    own(native, "notText", Function::new(ctx.clone(), not_text)?)
}

/// A property as built-in ones are: not enumerable.
fn define<'js>(target: Object<'js>, name: String, value: Value<'js>) -> Result<()> {
    target.prop(name, Property::from(value).writable().configurable())
}

/// `Object.prototype.toString` says `[object name]` then.
fn tag<'js>(ctx: Ctx<'js>, target: Object<'js>, name: String) -> Result<()> {
    let name = name.into_js(&ctx)?;
    let (raw, atom) = (ctx.as_raw().as_ptr(), qjs::JS_ATOM_Symbol_toStringTag as _);
    // SAFETY: the context is entered, the object alive; the value gets a reference of its own.
    let failed = unsafe {
        let name = qjs::JS_DupValue(raw, name.as_raw());
        qjs::JS_DefinePropertyValue(raw, target.as_raw(), atom, name, qjs::JS_PROP_CONFIGURABLE as _) < 0
    };
    if failed { Err(Error::Exception) } else { Ok(()) }
}

/// Makes a function a class of `Intl`.
fn expose<'js>(ctx: Ctx<'js>, intl: Object<'js>, name: String, class: Object<'js>) -> Result<()> {
    let prototype: Object<'js> = class.get("prototype")?;
    define(prototype.clone(), "constructor".to_owned(), class.clone().into_value())?;
    tag(ctx.clone(), prototype.clone(), format!("Intl.{name}"))?;
    let (raw, flags) = (ctx.as_raw().as_ptr(), qjs::JS_PROP_HAS_WRITABLE | qjs::JS_PROP_HAS_VALUE);
    // SAFETY: the context is entered, both objects and the name are alive.
    unsafe {
        let atom = qjs::JS_NewAtom(raw, c"prototype".as_ptr());
        let (none, value) = (qjs::JS_UNDEFINED, prototype.as_raw());
        let done = qjs::JS_DefineProperty(raw, class.as_raw(), atom, value, none, none, flags as _);
        qjs::JS_FreeAtom(raw, atom);
        if done < 0 {
            return Err(Error::Exception);
        }
    }
    define(intl, name, class.into_value())
}

/// A list that nothing of the script gets in between of.
fn list<'js, T: IntoJs<'js>>(ctx: &Ctx<'js>, items: impl IntoIterator<Item = T>) -> Result<Array<'js>> {
    let array = Array::new(ctx.clone())?;
    for (at, item) in items.into_iter().enumerate() {
        own(array.as_object(), at as u32, item)?;
    }
    Ok(array)
}

fn canonical<'js>(ctx: Ctx<'js>, locales: Value<'js>) -> Result<Array<'js>> {
    list(&ctx, requested(&ctx, &locales)?.iter().map(|locale| locale.to_string()))
}

/// Those of `locales` that a class has something for.
fn supported<'js>(
    ctx: Ctx<'js>,
    class: String,
    locales: Value<'js>,
    options: Value<'js>,
) -> Result<Array<'js>> {
    let requested = requested(&ctx, &locales)?;
    let service = match class.as_str() {
        "Collator" => "Intl.Collator.supportedLocalesOf",
        "NumberFormat" => "Intl.NumberFormat.supportedLocalesOf",
        "DateTimeFormat" => "Intl.DateTimeFormat.supportedLocalesOf",
        "PluralRules" => "Intl.PluralRules.supportedLocalesOf",
        "ListFormat" => "Intl.ListFormat.supportedLocalesOf",
        _ => "Intl.RelativeTimeFormat.supportedLocalesOf",
    };
    Options::new(&ctx, &options, service)?.word(c"localeMatcher", &["lookup", "best fit"])?;
    let is_there = match class.as_str() {
        "Collator" => collation::is_available,
        "PluralRules" => plurals::is_available,
        "RelativeTimeFormat" => table::is_english,
        _ => table::is_available,
    };
    let found = requested.iter().filter(|locale| best(&locale.id, &is_there).is_some());
    list(&ctx, found.map(|locale| locale.to_string()))
}

/// What `resolvedOptions` returns, in its order.
struct Shown<'js>(Object<'js>);

impl<'js> Shown<'js> {
    fn new(ctx: &Ctx<'js>) -> Result<Self> {
        Ok(Self(Object::new(ctx.clone())?))
    }

    fn with(self, key: &str, value: impl IntoJs<'js>) -> Result<Self> {
        own(&self.0, key, value)?;
        Ok(self)
    }

    fn with_some(self, key: &str, value: Option<impl IntoJs<'js>>) -> Result<Self> {
        match value {
            Some(value) => self.with(key, value),
            None => Ok(self),
        }
    }

    fn with_digits(self, digits: &Digits) -> Result<Self> {
        self.with("minimumIntegerDigits", digits.integer)?
            .with_some("minimumSignificantDigits", digits.significant.map(|(least, _)| least))?
            .with_some("maximumSignificantDigits", digits.significant.map(|(_, most)| most))?
            .with_some("minimumFractionDigits", digits.fraction.map(|(least, _)| least))?
            .with_some("maximumFractionDigits", digits.fraction.map(|(_, most)| most))
    }
}

/// Parts as a script sees them.
fn parts_list<'js>(ctx: &Ctx<'js>, parts: &[Part], unit: Option<&str>) -> Result<Array<'js>> {
    let objects: Result<Vec<_>> = parts
        .iter()
        .map(|part| {
            let object = Shown::new(ctx)?.with("type", part.kind)?.with("value", part.text.as_str())?;
            Ok(object.with_some("unit", unit.filter(|_| part.kind != "literal"))?.0)
        })
        .collect();
    list(ctx, objects?)
}

fn collator<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Object<'js>> {
    let collator = collation::collator(ctx, locales, options, "Intl.Collator")?;
    let object = Object::new(ctx.clone())?;
    let it = collator.clone();
    let compare = move |ctx: Ctx<'js>, x: JsString<'js>, y: JsString<'js>| {
        it.order(&ctx, &x, &y).map(|(order, _)| sign(order))
    };
    own(&object, "compare", Function::new(ctx.clone(), compare)?)?;
    let resolved = move |ctx: Ctx<'js>| -> Result<Object<'js>> {
        let resolved = &collator.resolved;
        let shown = Shown::new(&ctx)?
            .with("locale", resolved.locale.as_str())?
            .with("usage", resolved.usage)?
            .with("sensitivity", resolved.sensitivity)?
            .with("ignorePunctuation", resolved.ignore_punctuation)?
            .with("collation", resolved.collation.as_str())?
            .with("numeric", resolved.numeric)?
            .with("caseFirst", resolved.case_first)?;
        Ok(shown.0)
    };
    own(&object, "resolved", Function::new(ctx.clone(), resolved)?)?;
    Ok(object)
}

fn numbers<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Object<'js>> {
    let resolved = number_options::resolve(ctx, locales, options, "Intl.NumberFormat")?;
    let format = Rc::new(NumberFormat::new(resolved));
    let object = Object::new(ctx.clone())?;
    let it = format.clone();
    let text = move |ctx: Ctx<'js>, value: Value<'js>| -> Result<String> {
        Ok(it.format(&Number::from_value(&ctx, &value)?))
    };
    own(&object, "format", Function::new(ctx.clone(), text)?)?;
    let it = format.clone();
    let parts = move |ctx: Ctx<'js>, value: Value<'js>| {
        parts_list(&ctx, &it.parts(&Number::from_value(&ctx, &value)?), None)
    };
    own(&object, "parts", Function::new(ctx.clone(), parts)?)?;
    own(&object, "resolved", Function::new(ctx.clone(), move |ctx| shown_numbers(&ctx, &format))?)?;
    Ok(object)
}

fn shown_numbers<'js>(ctx: &Ctx<'js>, format: &NumberFormat) -> Result<Object<'js>> {
    let resolved = &format.resolved;
    let (money, unit) = (resolved.currency.as_deref(), resolved.unit.as_deref());
    let grouping = match resolved.grouping {
        Some(word) => word.into_js(ctx)?,
        None => false.into_js(ctx)?,
    };
    let shown = Shown::new(ctx)?
        .with("locale", resolved.locale.as_str())?
        .with("numberingSystem", "latn")?
        .with("style", resolved.style)?
        .with_some("currency", money)?
        .with_some("currencyDisplay", money.map(|_| resolved.currency_display))?
        .with_some("currencySign", money.map(|_| resolved.currency_sign))?
        .with_some("unit", unit)?
        .with_some("unitDisplay", unit.map(|_| resolved.unit_display))?
        .with_digits(&resolved.digits)?
        .with("useGrouping", grouping)?
        .with("notation", resolved.notation)?
        .with_some("compactDisplay", (resolved.notation == "compact").then_some(resolved.compact_display))?
        .with("signDisplay", resolved.sign)?
        .with("roundingMode", resolved.digits.mode)?
        .with("roundingIncrement", resolved.digits.increment)?
        .with("trailingZeroDisplay", resolved.digits.trailing_zeros)?
        .with("roundingPriority", resolved.digits.priority)?;
    Ok(shown.0)
}

fn dates<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Object<'js>> {
    let resolved = date_options::resolve(ctx, locales, options, "Intl.DateTimeFormat", Wanted::Any)?;
    let format = Rc::new(DateFormat::new(resolved));
    let object = Object::new(ctx.clone())?;
    let it = format.clone();
    let text = move |ctx: Ctx<'js>, time: f64| Ok::<_, rquickjs::Error>(it.format(in_range(&ctx, time)?));
    own(&object, "format", Function::new(ctx.clone(), text)?)?;
    let it = format.clone();
    let parts = move |ctx: Ctx<'js>, time: f64| parts_list(&ctx, &it.parts(in_range(&ctx, time)?), None);
    own(&object, "parts", Function::new(ctx.clone(), parts)?)?;
    own(&object, "resolved", Function::new(ctx.clone(), move |ctx| shown_dates(&ctx, &format))?)?;
    Ok(object)
}

fn in_range(ctx: &Ctx<'_>, time: f64) -> Result<f64> {
    if time.abs() <= LARGEST_TIME { Ok(time.trunc()) } else { Err(range_error(ctx, "Invalid time value")) }
}

fn shown_dates<'js>(ctx: &Ctx<'js>, format: &DateFormat) -> Result<Object<'js>> {
    let resolved = &format.resolved;
    let shown = Shown::new(ctx)?
        .with("locale", resolved.locale.as_str())?
        .with("calendar", "gregory")?
        .with("numberingSystem", "latn")?
        .with("timeZone", resolved.zone.name.as_str())?;
    let cycle = format.has_hour().then_some(resolved.cycle);
    let shown = shown
        .with_some("hourCycle", cycle)?
        .with_some("hour12", cycle.map(|cycle| matches!(cycle, "h11" | "h12")))?;
    if resolved.date_style.is_some() || resolved.time_style.is_some() {
        let shown =
            shown.with_some("dateStyle", resolved.date_style)?.with_some("timeStyle", resolved.time_style)?;
        return Ok(shown.0);
    }
    let fields = format.shown_fields();
    let shown = shown
        .with_some("weekday", fields.weekday)?
        .with_some("era", fields.era)?
        .with_some("year", fields.year)?
        .with_some("month", fields.month)?
        .with_some("day", fields.day)?
        .with_some("dayPeriod", fields.day_period)?
        .with_some("hour", fields.hour)?
        .with_some("minute", fields.minute)?
        .with_some("second", fields.second)?
        .with_some("fractionalSecondDigits", fields.fraction)?
        .with_some("timeZoneName", fields.zone_name)?;
    Ok(shown.0)
}

fn plural_rules<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Object<'js>> {
    let rules = Rc::new(Plurals::new(ctx, locales, options)?);
    let object = Object::new(ctx.clone())?;
    let it = rules.clone();
    own(&object, "select", Function::new(ctx.clone(), move |number: f64| it.select(number))?)?;
    let resolved = move |ctx: Ctx<'js>| -> Result<Object<'js>> {
        let shown = Shown::new(&ctx)?
            .with("locale", rules.locale.as_str())?
            .with("type", rules.kind)?
            .with_digits(&rules.digits)?
            .with("pluralCategories", list(&ctx, rules.categories())?)?;
        Ok(shown.0)
    };
    own(&object, "resolved", Function::new(ctx.clone(), resolved)?)?;
    Ok(object)
}

fn lists<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Object<'js>> {
    let format = Rc::new(ListFormat::new(ctx, locales, options)?);
    let object = Object::new(ctx.clone())?;
    let it = format.clone();
    let text = move |items: Object<'js>| Ok::<_, rquickjs::Error>(joined(&it.parts(&texts(&items)?)));
    own(&object, "format", Function::new(ctx.clone(), text)?)?;
    let it = format.clone();
    let parts = move |ctx: Ctx<'js>, items: Object<'js>| parts_list(&ctx, &it.parts(&texts(&items)?), None);
    own(&object, "parts", Function::new(ctx.clone(), parts)?)?;
    let resolved = move |ctx: Ctx<'js>| -> Result<Object<'js>> {
        let shown = Shown::new(&ctx)?
            .with("locale", format.locale.as_str())?
            .with("type", format.kind)?
            .with("style", format.style)?;
        Ok(shown.0)
    };
    own(&object, "resolved", Function::new(ctx.clone(), resolved)?)?;
    Ok(object)
}

/// The texts that the JavaScript half has collected.
fn texts(items: &Object<'_>) -> Result<Vec<String>> {
    let length: u32 = items.get("length")?;
    (0..length).map(|at| utf8_text(items.ctx(), &items.get(at)?)).collect()
}

fn relative<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Object<'js>> {
    let format = Rc::new(Relative::new(ctx, locales, options)?);
    let object = Object::new(ctx.clone())?;
    let it = format.clone();
    let text = move |ctx: Ctx<'js>, value: f64, unit: Value<'js>, method: String| -> Result<String> {
        Ok(joined(&it.parts(&ctx, value, &utf8_text(&ctx, &unit)?, &method)?.0))
    };
    own(&object, "format", Function::new(ctx.clone(), text)?)?;
    let it = format.clone();
    let parts = move |ctx: Ctx<'js>, value: f64, unit: Value<'js>, method: String| -> Result<Array<'js>> {
        let (parts, unit) = it.parts(&ctx, value, &utf8_text(&ctx, &unit)?, &method)?;
        parts_list(&ctx, &parts, Some(unit))
    };
    own(&object, "parts", Function::new(ctx.clone(), parts)?)?;
    let resolved = move |ctx: Ctx<'js>| -> Result<Object<'js>> {
        let shown = Shown::new(&ctx)?
            .with("locale", format.locale.as_str())?
            .with("style", format.style)?
            .with("numeric", format.numeric)?
            .with("numberingSystem", "latn")?;
        Ok(shown.0)
    };
    own(&object, "resolved", Function::new(ctx.clone(), resolved)?)?;
    Ok(object)
}
