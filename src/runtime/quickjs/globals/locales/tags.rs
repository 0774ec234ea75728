//! Language tags: what a script asks for, and what of it is there.
//!
//! Must never know what a locale is used for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use icu_locale::{LanguageIdentifier, Locale, LocaleCanonicalizer};
use rquickjs::{Ctx, Error, Result, Value, qjs};

use super::super::arrays::check_length;
use super::super::unit::owned;
use super::values::{range_error, type_error, utf8_text};

/// What every function uses when a script names no locale, or none that is there.
pub(super) const DEFAULT: &str = "en-US";

/// How many tags a thread remembers. Scripts name a handful.
const REMEMBERED: usize = 64;

thread_local! {
    static KNOWN: RefCell<HashMap<String, Rc<Locale>>> = RefCell::default();
}

/// A tag in its canonical form; `None` if it is none.
fn canonical(text: &str) -> Option<Rc<Locale>> {
    if let Some(known) = KNOWN.with_borrow(|known| known.get(text).cloned()) {
        return Some(known);
    }
    let mut locale = Locale::try_from_str(text).ok()?;
    LocaleCanonicalizer::new_extended().canonicalize(&mut locale);
    let locale = Rc::new(locale);
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(text.to_owned(), locale.clone());
    });
    Some(locale)
}

/// The locales that a script asks for, most wanted first, each once.
pub(super) fn requested<'js>(ctx: &Ctx<'js>, locales: &Value<'js>) -> Result<Vec<Rc<Locale>>> {
    let mut found = Vec::new();
    if locales.is_undefined() {
        return Ok(found);
    }
    if locales.is_string() {
        found.push(tag(ctx, locales)?);
        return Ok(found);
    }
    if locales.is_null() {
        return Err(type_error(ctx, "Cannot convert undefined or null to object"));
    }
    if !locales.is_object() {
        return Ok(found);
    }
    check_length(ctx.clone(), locales.clone())?;
    let (raw, list) = (ctx.as_raw().as_ptr(), locales.as_raw());
    let mut length = 0;
    // SAFETY: the context is entered, the list alive.
    if unsafe { qjs::JS_GetLength(raw, list, &mut length) } < 0 {
        return Err(Error::Exception);
    }
    for at in 0..length {
        // SAFETY: as above; the atom is freed once.
        let (is_there, value) = unsafe {
            let atom = qjs::JS_NewAtomUInt32(raw, at as u32);
            let is_there = qjs::JS_HasProperty(raw, list, atom);
            qjs::JS_FreeAtom(raw, atom);
            (is_there, (is_there > 0).then(|| owned(ctx, qjs::JS_GetPropertyInt64(raw, list, at))))
        };
        if is_there < 0 {
            return Err(Error::Exception);
        }
        let Some(value) = value.transpose()? else { continue };
        if !value.is_string() && !value.is_object() {
            return Err(type_error(ctx, "Language ID should be string or object."));
        }
        let tag = tag(ctx, &value)?;
        if !found.contains(&tag) {
            found.push(tag);
        }
    }
    Ok(found)
}

fn tag<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Rc<Locale>> {
    let text = utf8_text(ctx, value)?;
    canonical(&text).ok_or_else(|| match is_begun(&text) {
        true => range_error(ctx, &format!("Invalid language tag: {text}")),
        false => range_error(ctx, "Incorrect locale information provided"),
    })
}

/// Whether a tag that is wrong begins like one: V8 has another message then.
fn is_begun(text: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let mut parts = text.strip_suffix('-').unwrap_or(text).split('-').peekable();
    if !parts.next().is_some_and(|part| matches!(part.len(), 2 | 3 | 5..=8) && letters(part)) {
        return false;
    }
    parts.next_if(|part| part.len() == 4 && letters(part));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next_if(|part| part.len() == 2 && letters(part) || part.len() == 3 && digits(part));
    let is_variant = |part: &str| {
        let length = matches!(part.len(), 5..=8) || part.len() == 4 && part.as_bytes()[0].is_ascii_digit();
        length && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    parts.take_while(|part| part.len() != 1).all(is_variant)
}

/// The first of `requested` for which there is something, and the longest tag under which it is there.
pub(super) fn negotiate(
    requested: &[Rc<Locale>],
    is_there: impl Fn(&str) -> bool,
) -> Option<(Rc<Locale>, String)> {
    requested.iter().find_map(|locale| Some((locale.clone(), best(&locale.id, &is_there)?)))
}

/// The longest beginning of a tag that is there.
pub(super) fn best(id: &LanguageIdentifier, is_there: &impl Fn(&str) -> bool) -> Option<String> {
    let mut tag = id.to_string();
    loop {
        if is_there(&tag) {
            return Some(tag);
        }
        tag.truncate(tag.rfind('-')?);
    }
}

/// The value of a key of the tag's `-u-` extension: `kn` in `de-u-kn` is `true`.
pub(super) fn keyword(locale: &Locale, key: &str) -> Option<String> {
    let key = key.parse().ok()?;
    let value = locale.extensions.unicode.keywords.get(&key)?.to_string();
    Some(if value.is_empty() { "true".to_owned() } else { value })
}
