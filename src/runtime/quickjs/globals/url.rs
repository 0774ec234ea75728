//! `URL` and `URLSearchParams` as the WHATWG standard has them, on the crate `url`.
//!
//! The JavaScript half keeps the serialised URL and nothing else; each getter parses it again, which costs a
//! microsecond and leaves no native object for the garbage collector to trip over.
//! Must never know a network.

use rquickjs::{Array, Ctx, Function, Object, Result, String as JsString, function::Opt};
use url::{Url, form_urlencoded, quirks};

use super::text::utf8;
use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:url", include_str!("url.js"));

/// Defines the two constructors.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("resolve", Function::new(ctx.clone(), resolve)?)?;
    native.set("get", Function::new(ctx.clone(), get)?)?;
    native.set("set", Function::new(ctx.clone(), set)?)?;
    native.set("parse", Function::new(ctx.clone(), parse)?)?;
    native.set("serialize", Function::new(ctx.clone(), serialize)?)?;
    UNIT.install(ctx, native)
}

/// The serialised form of `url`, resolved against `base` if there is one; `None` when either is invalid.
fn resolve(url: String, base: Opt<Option<String>>) -> Option<String> {
    let base = match base.0.flatten() {
        Some(base) => Some(Url::parse(&base).ok()?),
        None => None,
    };
    Url::options().base_url(base.as_ref()).parse(&url).ok().map(Into::into)
}

// The numbers of the parts are those at the top of `url.js`.

fn get(href: String, part: u8) -> String {
    let Ok(url) = Url::parse(&href) else { return String::new() };
    match part {
        1 => return quirks::origin(&url),
        2 => quirks::protocol(&url),
        3 => quirks::username(&url),
        4 => quirks::password(&url),
        5 => quirks::host(&url),
        6 => quirks::hostname(&url),
        7 => quirks::port(&url),
        8 => quirks::pathname(&url),
        9 => quirks::search(&url),
        _ => quirks::hash(&url),
    }
    .to_owned()
}

/// `href` with one part replaced; unchanged when the part does not take the value, as the standard has it.
fn set(href: String, part: u8, value: String) -> String {
    let Ok(mut url) = Url::parse(&href) else { return href };
    let taken = match part {
        2 => quirks::set_protocol(&mut url, &value),
        3 => quirks::set_username(&mut url, &value),
        4 => quirks::set_password(&mut url, &value),
        5 => quirks::set_host(&mut url, &value),
        6 => quirks::set_hostname(&mut url, &value),
        7 => quirks::set_port(&mut url, &value),
        8 => {
            quirks::set_pathname(&mut url, &value);
            Ok(())
        }
        9 => {
            quirks::set_search(&mut url, &value);
            Ok(())
        }
        _ => {
            quirks::set_hash(&mut url, &value);
            Ok(())
        }
    };
    if taken.is_ok() { url.into() } else { href }
}

/// The names and values of a query in turn, in an array of the VM, whose memory is limited; a leading `?` is not
/// part of the query.
fn parse<'js>(ctx: Ctx<'js>, query: JsString<'js>) -> Result<Array<'js>> {
    let query = utf8(&query)?;
    let query = query.strip_prefix('?').unwrap_or(&query);
    let list = Array::new(ctx)?;
    for (index, text) in
        form_urlencoded::parse(query.as_bytes()).flat_map(|(name, value)| [name, value]).enumerate()
    {
        list.set(index, &*text)?;
    }
    Ok(list)
}

/// The inverse of [`parse`], without the `?`.
fn serialize(list: Array<'_>) -> Result<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for index in (0..list.len()).step_by(2) {
        query.append_pair(&utf8(&list.get(index)?)?, &utf8(&list.get(index + 1)?)?);
    }
    Ok(query.finish())
}
