//! `TextEncoder` and `TextDecoder`: UTF-8, and the two other encodings that cost nothing, UTF-16LE and Latin-1.
//!
//! Bytes are copied into buffers that the VM allocates, so its memory limit sees them.
//! Must never know where a text comes from.

use std::borrow::Cow;
use std::ffi::c_char;

use rquickjs::{
    ArrayBuffer, Ctx, Error, Function, Object, Result, String as JsString, TypedArray, Value, qjs,
};

use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:text", include_str!("text.js"));

/// Defines the two constructors.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("isBuffer", Function::new(ctx.clone(), is_buffer)?)?;
    native.set("isDataView", Function::new(ctx.clone(), is_data_view)?)?;
    native.set("encode", Function::new(ctx.clone(), encode)?)?;
    native.set("encodeInto", Function::new(ctx.clone(), encode_into)?)?;
    native.set("encoding", Function::new(ctx.clone(), |label: JsString<'_>| utf8(&label).map(encoding))?)?;
    native.set("decode", Function::new(ctx.clone(), decode)?)?;
    UNIT.install(ctx, native)
}

/// The text as UTF-8, lone surrogates replaced by U+FFFD, as the web's `USVString` has it.
///
/// `rquickjs` refuses such texts in one place and makes an invalid `str` of them in another.
pub(super) fn utf8(text: &JsString<'_>) -> Result<String> {
    with_utf8(text, |text| text.to_owned())
}

fn with_utf8<T>(text: &JsString<'_>, use_text: impl FnOnce(&str) -> T) -> Result<T> {
    bytes(text, |bytes| match std::str::from_utf8(bytes) {
        Ok(text) => use_text(text),
        Err(_) => use_text(&String::from_utf8_lossy(&replace_surrogates(bytes))),
    })
}

/// Lends the text as UTF-8, where a lone surrogate is three bytes that UTF-8 does not allow.
pub(super) fn bytes<T>(text: &JsString<'_>, use_bytes: impl FnOnce(&[u8]) -> T) -> Result<T> {
    let ctx = text.ctx().as_raw().as_ptr();
    let mut length = 0;
    // SAFETY: the context is entered while `text` exists; the bytes stay until `JS_FreeCString` below.
    let (start, bytes) = unsafe {
        let start: *const c_char = qjs::JS_ToCStringLen(ctx, &mut length, text.as_raw());
        if start.is_null() {
            return Err(Error::Exception);
        }
        (start, std::slice::from_raw_parts(start.cast::<u8>(), length as _))
    };
    let result = use_bytes(bytes);
    // SAFETY: `start` came from `JS_ToCStringLen` and is not used any more.
    unsafe { qjs::JS_FreeCString(ctx, start) };
    Ok(result)
}

/// The engine writes a lone surrogate as three bytes that start with `ED A0` … `ED BF`; nothing else does.
fn replace_surrogates(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(2) {
        if bytes[at] == 0xED && bytes[at + 1] >= 0xA0 {
            bytes[at..at + 3].copy_from_slice("\u{FFFD}".as_bytes());
        }
    }
    bytes
}

pub(super) fn is_buffer(value: Value<'_>) -> bool {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_IsArrayBuffer(value.as_raw()) }
}

pub(super) fn is_data_view(value: Value<'_>) -> bool {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_IsDataView(value.as_raw()) }
}

fn encode<'js>(ctx: Ctx<'js>, text: JsString<'js>) -> Result<ArrayBuffer<'js>> {
    with_utf8(&text, |text| ArrayBuffer::new_copy(ctx, text.as_bytes()))?
}

/// `{ read, written }` in UTF-16 units and bytes, or `null` when `target` is no `Uint8Array`.
fn encode_into<'js>(ctx: Ctx<'js>, text: JsString<'js>, target: Value<'js>) -> Result<Option<Object<'js>>> {
    let Ok(target) = TypedArray::<u8>::from_value(target) else { return Ok(None) };
    let (read, written) = with_utf8(&text, |text| {
        // A detached buffer has no bytes.
        let mut room: &mut [u8] = match target.as_raw() {
            // SAFETY: the buffer is kept alive by `target`, and no JavaScript runs while the slice exists.
            Some(mut bytes) => unsafe { bytes.as_mut() },
            None => &mut [],
        };
        let (mut read, mut written) = (0, 0);
        for unit in text.chars() {
            let size = unit.len_utf8();
            if size > room.len() {
                break;
            }
            let (now, later) = room.split_at_mut(size);
            unit.encode_utf8(now);
            room = later;
            read += unit.len_utf16();
            written += size;
        }
        (read, written)
    })?;
    let result = Object::new(ctx)?;
    result.set("read", read)?;
    result.set("written", written)?;
    Ok(Some(result))
}

/// The standard's name for `label`, `None` for an encoding that is not here.
fn encoding(label: String) -> Option<&'static str> {
    const UTF8: &[&str] =
        &["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "utf-8", "utf8", "x-unicode20utf8"];
    const UTF16: &[&str] =
        &["csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff", "utf-16", "utf-16le"];
    const LATIN1: &[&str] = &[
        "ansi_x3.4-1968",
        "ascii",
        "cp1252",
        "cp819",
        "csisolatin1",
        "ibm819",
        "iso-8859-1",
        "iso-ir-100",
        "iso8859-1",
        "iso88591",
        "iso_8859-1",
        "iso_8859-1:1987",
        "l1",
        "latin1",
        "us-ascii",
        "windows-1252",
        "x-cp1252",
    ];
    let label = label.trim_matches(['\t', '\n', '\x0C', '\r', ' ']).to_ascii_lowercase();
    let label = label.as_str();
    [(UTF8, "utf-8"), (UTF16, "utf-16le"), (LATIN1, "windows-1252")]
        .into_iter()
        .find_map(|(labels, name)| labels.contains(&label).then_some(name))
}

/// `{ text, rest, started }`, where `rest` are the bytes of a unit that the next chunk may complete and `started`
/// says that there was any text, the byte order mark (taken off when `strip`) included; `undefined` when `fatal` and
/// the bytes are not in the encoding.
fn decode<'js>(
    ctx: Ctx<'js>,
    encoding: String,
    rest: Value<'js>,
    chunk: TypedArray<'js, u8>,
    fatal: bool,
    stream: bool,
    strip: bool,
) -> Result<Option<Object<'js>>> {
    let chunk = match chunk.as_raw() {
        // SAFETY: the buffer is kept alive by `chunk`, and no JavaScript runs while the slice exists.
        Some(bytes) => unsafe { &*bytes.as_ptr() },
        None => &[],
    };
    let joined;
    let bytes = match TypedArray::<u8>::from_value(rest).ok().and_then(|rest| rest.as_raw()) {
        None => chunk,
        Some(rest) => {
            // SAFETY: as above; the bytes are copied at once.
            joined = [unsafe { rest.as_ref() }, chunk].concat();
            &joined
        }
    };
    let decoded = match encoding.as_str() {
        "utf-8" => decode_utf8(bytes, fatal, stream),
        "utf-16le" => decode_utf16(bytes, fatal, stream),
        _ => Some((bytes.iter().map(|&byte| latin1(byte)).collect::<String>().into(), 0)),
    };
    let Some((text, left)) = decoded else { return Ok(None) };
    let result = Object::new(ctx.clone())?;
    result.set("started", !text.is_empty())?;
    let text = text.strip_prefix('\u{FEFF}').filter(|_| strip).unwrap_or(&text);
    result.set("text", JsString::from_str(ctx.clone(), text)?)?;
    if left > 0 {
        result.set("rest", TypedArray::new_copy(ctx, &bytes[bytes.len() - left..])?)?;
    }
    Ok(Some(result))
}

/// The text, and how many bytes at the end are left for the next chunk.
type Decoded<'a> = Option<(Cow<'a, str>, usize)>;

fn decode_utf8(bytes: &[u8], fatal: bool, stream: bool) -> Decoded<'_> {
    let mut left = 0;
    if stream {
        // Only the last chunk can be the start of a longer unit.
        let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
        if std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none()) {
            left = last.len();
        }
    }
    let bytes = &bytes[..bytes.len() - left];
    if fatal {
        return std::str::from_utf8(bytes).ok().map(|text| (text.into(), left));
    }
    Some((String::from_utf8_lossy(bytes), left))
}

fn decode_utf16(bytes: &[u8], fatal: bool, stream: bool) -> Decoded<'_> {
    let unit = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
    let odd = bytes.len() % 2;
    let even = bytes.len() - odd;
    let high = even >= 2 && (0xD800..0xDC00).contains(&unit(&bytes[even - 2..even]));
    let left = if stream { odd + if high { 2 } else { 0 } } else { 0 };
    let whole = &bytes[..if stream { bytes.len() - left } else { even }];
    let mut text = String::with_capacity(whole.len());
    for result in char::decode_utf16(whole.chunks_exact(2).map(unit)) {
        match result {
            Ok(unit) => text.push(unit),
            Err(_) if fatal => return None,
            Err(_) => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
    if odd == 1 && !stream {
        if fatal {
            return None;
        }
        // One replacement for whatever is unfinished: a lone high surrogate before the odd byte is part of it.
        if !high {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Some((text.into(), left))
}

/// `windows-1252`, which is what the standard means by Latin-1.
fn latin1(byte: u8) -> char {
    const HIGH: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ";
    match byte {
        0x80..=0x9F => HIGH.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{patient_vm, run, text_of};

    #[test]
    fn encoded_bytes_count_against_the_memory_limit() {
        let (_runtime, context) = patient_vm();
        let code =
            "var keep = [], text = 'x'.repeat(1 << 20); for (;;) keep.push(new TextEncoder().encode(text))";
        assert_eq!(context.with(|ctx| text_of(run(&ctx, code))), "InternalError: out of memory");
    }
}
