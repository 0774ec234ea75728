//! Reading what a script handed over: texts, numbers, options. Whatever it calls on the way may throw.
//!
//! Nothing is looked up in the script's globals, so what it overwrites there makes no difference.
//! Must never know what an option means.

use std::ffi::CStr;

use rquickjs::{Ctx, Error, Exception, Result, String as JsString, Value, qjs};

use super::super::text::utf8;
use super::super::unit::owned;

pub(super) fn type_error(ctx: &Ctx<'_>, message: &str) -> Error {
    Exception::throw_type(ctx, message)
}

pub(super) fn range_error(ctx: &Ctx<'_>, message: &str) -> Error {
    Exception::throw_range(ctx, message)
}

/// `value[name]`, primitives included.
pub(super) fn property<'js>(ctx: &Ctx<'js>, value: &Value<'js>, name: &CStr) -> Result<Value<'js>> {
    // SAFETY: the context is entered, the value alive, the name ended by a zero.
    unsafe { owned(ctx, qjs::JS_GetPropertyStr(ctx.as_raw().as_ptr(), value.as_raw(), name.as_ptr())) }
}

/// `String(value)` for all but symbols, which throw.
pub(super) fn text<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<JsString<'js>> {
    // SAFETY: the context is entered and the value alive.
    unsafe { owned(ctx, qjs::JS_ToString(ctx.as_raw().as_ptr(), value.as_raw()))?.get() }
}

/// The same as UTF-8, lone surrogates replaced.
pub(super) fn utf8_text<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<String> {
    utf8(&text(ctx, value)?)
}

/// `+value`.
pub(super) fn number<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<f64> {
    let mut number = 0.0;
    // SAFETY: the context is entered and the value alive.
    let failed = unsafe { qjs::JS_ToFloat64(ctx.as_raw().as_ptr(), &mut number, value.as_raw()) } < 0;
    if failed { Err(Error::Exception) } else { Ok(number) }
}

/// `!!value`.
pub(super) fn truth<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> bool {
    // SAFETY: the context is entered and the value alive; this calls nothing of the script's.
    unsafe { qjs::JS_ToBool(ctx.as_raw().as_ptr(), value.as_raw()) > 0 }
}

/// The options of one call; `service` is what V8 calls it in its messages.
pub(super) struct Options<'a, 'js> {
    ctx: &'a Ctx<'js>,
    value: Option<&'a Value<'js>>,
    pub(super) service: &'static str,
}

impl<'a, 'js> Options<'a, 'js> {
    /// `undefined` is no options; `null` throws.
    pub(super) fn new(ctx: &'a Ctx<'js>, value: &'a Value<'js>, service: &'static str) -> Result<Self> {
        if value.is_null() {
            return Err(type_error(ctx, &format!("{service} called on null or undefined")));
        }
        Ok(Self { ctx, value: Some(value).filter(|value| !value.is_undefined()), service })
    }

    pub(super) fn ctx(&self) -> &'a Ctx<'js> {
        self.ctx
    }

    /// The option as it is; `None` where it is `undefined`.
    pub(super) fn value(&self, name: &CStr) -> Result<Option<Value<'js>>> {
        let Some(value) = self.value else { return Ok(None) };
        let value = property(self.ctx, value, name)?;
        Ok(Some(value).filter(|value| !value.is_undefined()))
    }

    pub(super) fn text(&self, name: &CStr) -> Result<Option<String>> {
        self.value(name)?.map(|value| utf8_text(self.ctx, &value)).transpose()
    }

    pub(super) fn flag(&self, name: &CStr) -> Result<Option<bool>> {
        Ok(self.value(name)?.map(|value| truth(self.ctx, &value)))
    }

    /// One of `words`.
    pub(super) fn word(&self, name: &CStr, words: &[&'static str]) -> Result<Option<&'static str>> {
        let Some(found) = self.text(name)? else { return Ok(None) };
        match words.iter().find(|word| **word == found) {
            Some(word) => Ok(Some(word)),
            None => Err(self.out_of_range(name, &found)),
        }
    }

    pub(super) fn out_of_range(&self, name: &CStr, found: &str) -> Error {
        let (service, name) = (self.service, name.to_string_lossy());
        range_error(self.ctx, &format!("Value {found} out of range for {service} options property {name}"))
    }

    /// A whole number from `least` to `most`; fractions are cut off.
    pub(super) fn number(&self, name: &CStr, least: u32, most: u32) -> Result<Option<u32>> {
        self.value(name)?.map(|value| self.in_range(name, &value, least, most)).transpose()
    }

    pub(super) fn in_range(&self, name: &CStr, value: &Value<'js>, least: u32, most: u32) -> Result<u32> {
        let number = number(self.ctx, value)?;
        if number >= f64::from(least) && number <= f64::from(most) {
            Ok(number as u32)
        } else {
            let name = name.to_string_lossy();
            Err(range_error(self.ctx, &format!("{name} value is out of range.")))
        }
    }
}
