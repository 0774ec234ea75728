//! `JSON.parse` and `JSON.stringify` with the error texts of V8, and a `stringify` that can be interrupted.
//!
//! The work stays with the interpreter; a text that it refuses is read once more, to say what is wrong with it.
//! Must never know what the texts are about.

use std::ffi::c_int;

use rquickjs::{Ctx, Function, Object, Result, String as JsString, qjs};

use super::arrays::{check_length, native_function};
use super::structured_clone::is_proxy;
use super::text::utf8;
use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:json", include_str!("json.js"));

/// Replaces both methods.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("explain", Function::new(ctx.clone(), |text: JsString<'_>| utf8(&text).map(explain))?)?;
    native.set("identity", native_function(ctx, c"", 2, identity, 0, &[])?)?;
    native.set("checkLength", Function::new(ctx.clone(), check_length)?)?;
    native.set("isProxy", Function::new(ctx.clone(), is_proxy)?)?;
    UNIT.install(ctx, native)
}

/// A replacer that replaces nothing. Only a call makes the interpreter look at its interrupt, and without one
/// `stringify` can be kept busy for ever by a value that contains the same part many times.
unsafe extern "C" fn identity(
    ctx: *mut qjs::JSContext,
    _this: qjs::JSValue,
    _count: c_int,
    arguments: *mut qjs::JSValue,
    _magic: c_int,
    _data: *mut qjs::JSValue,
) -> qjs::JSValue {
    // SAFETY: the interpreter fills the arguments up to the length the function was made with, two.
    unsafe { qjs::JS_DupValue(ctx, *arguments.add(1)) }
}

/// What V8 says about `text`; `None` when it is valid JSON.
fn explain(text: String) -> Option<String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut reader = Reader { units: &units, at: 0 };
    reader.document().err().map(|fault| reader.message(fault))
}

/// Why reading stopped where it stopped.
enum Fault {
    /// Said in these words, followed by the position.
    Known(&'static str),
    /// A token that fits nowhere: quoted with what stands around it.
    Unexpected,
}

type Read = std::result::Result<(), Fault>;

struct Reader<'a> {
    units: &'a [u16],
    at: usize,
}

enum Container {
    Array,
    Object,
}

impl Reader<'_> {
    /// The unit at the cursor as a character, U+FFFF at the end and for everything beyond ASCII.
    fn peek(&self) -> char {
        match self.units.get(self.at) {
            Some(&unit) if unit < 0x80 => char::from(unit as u8),
            _ => '\u{FFFF}',
        }
    }

    fn done(&self) -> bool {
        self.at >= self.units.len()
    }

    fn blank(&mut self) -> char {
        while matches!(self.peek(), ' ' | '\t' | '\n' | '\r') {
            self.at += 1;
        }
        self.peek()
    }

    /// Reads without recursion: nesting must not cost stack.
    fn document(&mut self) -> Read {
        let mut open = Vec::new();
        'value: loop {
            match self.blank() {
                '{' => {
                    self.at += 1;
                    if self.blank() == '}' {
                        self.at += 1;
                    } else {
                        // V8 words the first name of an object differently from the others.
                        let colon = Fault::Known("Expected ':' after property name");
                        self.name("Expected property name or '}'", colon)?;
                        open.push(Container::Object);
                        continue 'value;
                    }
                }
                '[' => {
                    self.at += 1;
                    if self.blank() == ']' {
                        self.at += 1;
                    } else {
                        open.push(Container::Array);
                        continue 'value;
                    }
                }
                '"' => self.string()?,
                '-' | '0'..='9' => self.number()?,
                't' => self.literal("true")?,
                'f' => self.literal("false")?,
                'n' => self.literal("null")?,
                _ => return Err(Fault::Unexpected),
            }
            loop {
                let next = self.blank();
                match (open.last(), next) {
                    (None, _) if self.done() => return Ok(()),
                    (None, _) => return Err(Fault::Known("Unexpected non-whitespace character after JSON")),
                    (Some(Container::Array), ',') => {
                        self.at += 1;
                        continue 'value;
                    }
                    (Some(Container::Object), ',') => {
                        self.at += 1;
                        self.blank();
                        self.name("Expected double-quoted property name", Fault::Unexpected)?;
                        continue 'value;
                    }
                    (Some(Container::Array), ']') | (Some(Container::Object), '}') => {
                        self.at += 1;
                        open.pop();
                    }
                    (Some(Container::Array), _) => {
                        return Err(Fault::Known("Expected ',' or ']' after array element"));
                    }
                    (Some(Container::Object), _) => {
                        return Err(Fault::Known("Expected ',' or '}' after property value"));
                    }
                }
            }
        }
    }

    fn name(&mut self, expected: &'static str, colon: Fault) -> Read {
        if self.peek() != '"' {
            return Err(Fault::Known(expected));
        }
        self.string()?;
        if self.blank() != ':' {
            return Err(colon);
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Read {
        for expected in word.chars() {
            if self.peek() != expected {
                return Err(Fault::Unexpected);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Read {
        self.at += 1;
        loop {
            let Some(&unit) = self.units.get(self.at) else {
                return Err(Fault::Known("Unterminated string"));
            };
            match unit {
                0x22 => break,
                0..0x20 => return Err(Fault::Known("Bad control character in string literal")),
                0x5C => {
                    self.at += 1;
                    match self.peek() {
                        '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => {}
                        'u' => {
                            for _ in 0..4 {
                                self.at += 1;
                                if !self.peek().is_ascii_hexdigit() {
                                    return Err(Fault::Known("Bad Unicode escape"));
                                }
                            }
                        }
                        _ if self.units.get(self.at).is_none_or(|&unit| unit > 0xFF) => {
                            return Err(Fault::Unexpected);
                        }
                        _ => return Err(Fault::Known("Bad escaped character")),
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Read {
        if self.peek() == '-' {
            self.at += 1;
            if !self.peek().is_ascii_digit() {
                return Err(Fault::Known("No number after minus sign"));
            }
        }
        if self.peek() == '0' {
            self.at += 1;
            if self.peek().is_ascii_digit() {
                return Err(Fault::Unexpected);
            }
        }
        self.digits();
        if self.peek() == '.' {
            self.at += 1;
            if !self.digits() {
                return Err(Fault::Known("Unterminated fractional number"));
            }
        }
        if matches!(self.peek(), 'e' | 'E') {
            self.at += 1;
            if matches!(self.peek(), '+' | '-') {
                self.at += 1;
            }
            if !self.digits() {
                return Err(Fault::Known("Exponent part is missing a number"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at > start
    }

    fn message(&self, fault: Fault) -> String {
        /// How much of the source is quoted on either side.
        const AROUND: usize = 10;
        let at = self.at;
        let words = match fault {
            Fault::Known(words) => words,
            Fault::Unexpected if self.done() => return "Unexpected end of JSON input".to_owned(),
            Fault::Unexpected => match self.peek() {
                '-' | '0'..='9' => "Unexpected number",
                '"' => "Unexpected string",
                _ => {
                    let length = self.units.len();
                    let quote = |from: usize, to: usize| String::from_utf16_lossy(&self.units[from..to]);
                    let all = quote(0, length.min(16));
                    if matches!(all.as_str(), "undefined" | "NaN" | "Infinity" | "[object Object]") {
                        return format!("\"{all}\" is not valid JSON");
                    }
                    let source = if length <= 2 * AROUND {
                        format!("\"{}\"", quote(0, length))
                    } else if at < AROUND {
                        format!("\"{}\"...", quote(0, at + AROUND))
                    } else if at < length - AROUND {
                        format!("...\"{}\"...", quote(at - AROUND, at + AROUND))
                    } else {
                        format!("...\"{}\"", quote(at - AROUND, length))
                    };
                    let token = quote(at, at + 1);
                    return format!("Unexpected token '{token}', {source} is not valid JSON");
                }
            },
        };
        let place = if words.ends_with("JSON") { "" } else { " in JSON" };
        format!("{words}{place} at position {at}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{interrupted_vm, run, text_of};

    #[test]
    fn a_value_that_takes_for_ever_is_interrupted() {
        let cases = [
            "let a = []; for (let i = 0; i < 30; i++) a = [a, a, a, a]; JSON.stringify(a)",
            "let a = {}; for (let i = 0; i < 60; i++) a = { a, b: a }; JSON.stringify(a)",
            "let a = {}; for (let i = 0; i < 60; i++) a = { a, b: a }; JSON.stringify(a, null, 2)",
            "JSON.stringify(new Proxy([], { get: (_, key) => (key === 'length' ? 2 ** 53 - 1 : 0) }))",
        ];
        for code in cases {
            let (_runtime, context) = interrupted_vm();
            assert_eq!(context.with(|ctx| text_of(run(&ctx, code))), "InternalError: interrupted", "{code}");
        }
    }
}
