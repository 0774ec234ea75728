//! `toLocaleUpperCase` and `toLocaleLowerCase` where the language makes a difference.
//!
//! Must never know which method asked.

use icu_casemap::CaseMapper;
use icu_locale::{LanguageIdentifier, Locale};
use rquickjs::{Ctx, Result, String as JsString, qjs};

use super::super::text::bytes;
use super::super::unit::owned;

/// The languages that have rules of their own, for upper case and for lower case.
const UPPER: [&str; 4] = ["az", "el", "lt", "tr"];
const LOWER: [&str; 3] = ["az", "lt", "tr"];

/// The text in the case of the locale's language; `None` where that is as everywhere.
pub(super) fn mapped<'js>(
    ctx: &Ctx<'js>,
    text: &JsString<'js>,
    locale: &Locale,
    to_upper: bool,
) -> Result<Option<JsString<'js>>> {
    let language = locale.id.language.as_str();
    let special: &[&str] = if to_upper { &UPPER } else { &LOWER };
    if !special.contains(&language) {
        return Ok(None);
    }
    let mapped = bytes(text, |bytes| {
        let mut mapped = Vec::with_capacity(bytes.len());
        // Lone surrogates stay as they are.
        for chunk in bytes.utf8_chunks() {
            mapped.extend_from_slice(cased(chunk.valid(), &locale.id, to_upper).as_bytes());
            mapped.extend_from_slice(chunk.invalid());
        }
        mapped
    })?;
    // SAFETY: the context is entered; the bytes are copied.
    let value = unsafe {
        owned(ctx, qjs::JS_NewStringLen(ctx.as_raw().as_ptr(), mapped.as_ptr().cast(), mapped.len() as _))?
    };
    value.get().map(Some)
}

fn cased(text: &str, id: &LanguageIdentifier, to_upper: bool) -> String {
    match to_upper {
        true => CaseMapper::new().uppercase_to_string(text, id).into_owned(),
        false => CaseMapper::new().lowercase_to_string(text, id).into_owned(),
    }
}
