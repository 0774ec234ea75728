//! The frames under an error: who made it, and which of them a script sees.
//!
//! Must never know what an error says.

use std::cell::Cell;
use std::fmt::Write;

use rquickjs::{Ctx, Value, qjs};

use super::Names;
use super::texts::Texts;

/// Where an error, or whatever else was thrown, comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// Thrown by an operator or a `throw` in a script.
    InScript,
    /// Thrown by a built-in function.
    Natively,
    /// Made by a constructor (`new Error`), or by `Error.captureStackTrace`: the interpreter leaves its frame out.
    ByConstructor,
}

/// The interpreter's call sites, innermost first.
pub(super) struct Trace<'a, 'js> {
    ctx: &'a Ctx<'js>,
    names: &'a Names,
    sites: qjs::JSValue,
    /// The place of the innermost frame if it is known better than the interpreter knows it.
    place: Cell<Option<(u32, u32)>>,
}

/// A frame that runs a script's code.
pub(super) struct Frame {
    pub(super) file: String,
    pub(super) line: i32,
    /// 1-based, in bytes.
    pub(super) column: i32,
}

/// Which of the frames of an error a script sees.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// So many on top are left out.
    pub(super) skipped: i32,
    /// So many are shown.
    pub(super) limit: i32,
    /// Where the first of them really is, if it is known better than the interpreter knows it; else 0.
    pub(super) line: i32,
    pub(super) column: i32,
}

/// The engine's own units; their frames are nobody's business.
const OWN: &str = "workflow:";

impl<'a, 'js> Trace<'a, 'js> {
    pub(super) fn new(ctx: &'a Ctx<'js>, names: &'a Names, sites: &Value<'js>) -> Self {
        Self { ctx, names, sites: sites.as_raw(), place: Cell::new(None) }
    }

    /// The frame at `index`; `undefined` behind the last one.
    fn site(&self, index: u32) -> Option<Value<'js>> {
        // SAFETY: the sites are live as long as the hook runs, and the value that comes back is ours.
        let site = unsafe {
            let raw = self.ctx.as_raw().as_ptr();
            if !qjs::JS_IsObject(self.sites) {
                return None;
            }
            Value::from_raw(self.ctx.clone(), qjs::JS_GetPropertyUint32(raw, self.sites, index))
        };
        site.is_object().then_some(site)
    }

    fn ask(&self, site: &Value<'js>, what: qjs::JSAtom) -> Value<'js> {
        // SAFETY: as above; call sites are the interpreter's, and scripts never see one.
        unsafe {
            let raw = self.ctx.as_raw().as_ptr();
            let method = qjs::JS_GetProperty(raw, site.as_raw(), what);
            let answer = qjs::JS_Call(raw, method, site.as_raw(), 0, std::ptr::null_mut());
            qjs::JS_FreeValue(raw, method);
            Value::from_raw(self.ctx.clone(), answer)
        }
    }

    fn text(&self, site: &Value<'js>, what: qjs::JSAtom) -> Option<String> {
        self.ask(site, what).as_string()?.to_string().ok()
    }

    fn number(&self, site: &Value<'js>, what: qjs::JSAtom) -> i32 {
        self.ask(site, what).as_int().unwrap_or(-1)
    }

    fn is_native(&self, site: &Value<'js>) -> bool {
        self.ask(site, self.names.is_native).as_bool() == Some(true)
    }

    /// The interpreter hands over the same list in all cases. But what runs right now is the constructor, and then
    /// the first frame with code of a script is one further away than in the list.
    pub(super) fn made(&self) -> Made {
        let running = self.running_scripts();
        if running == Some(0) {
            return Made::InScript;
        }
        let mut listed = 0;
        while let Some(site) = self.site(listed) {
            if !self.is_native(&site) {
                break;
            }
            listed += 1;
        }
        if running == Some(listed) { Made::Natively } else { Made::ByConstructor }
    }

    /// How many native frames stand above the innermost one with code of a script.
    fn running_scripts(&self) -> Option<u32> {
        /// More built-in functions than call each other directly.
        const MOST: i32 = 32;
        (0..MOST)
            .find(|level| {
                // SAFETY: the context is live, and the name that comes back is ours.
                unsafe {
                    let raw = self.ctx.as_raw().as_ptr();
                    let file = qjs::JS_GetScriptOrModuleName(raw, *level);
                    qjs::JS_FreeAtom(raw, file);
                    file != qjs::JS_ATOM_NULL as qjs::JSAtom
                }
            })?
            .try_into()
            .ok()
    }

    /// The built-in function that is on top, if one is.
    pub(super) fn native(&self) -> Option<String> {
        let site = self.site(0)?;
        if !self.is_native(&site) {
            return None;
        }
        Some(self.text(&site, self.names.function_name).unwrap_or_default())
    }

    /// The innermost frame with code of a script, if it is not the engine's own.
    pub(super) fn script(&self) -> Option<Frame> {
        let site = (0..).map_while(|index| self.site(index)).find(|site| !self.is_native(site))?;
        let file = self.text(&site, self.names.file)?;
        if file.starts_with(OWN) {
            return None;
        }
        Some(Frame {
            file,
            line: self.number(&site, self.names.line),
            column: self.number(&site, self.names.column),
        })
    }

    /// The name of the function that runs in the innermost frame.
    pub(super) fn function(&self) -> Option<String> {
        self.text(&self.site(0)?, self.names.function_name)
    }

    /// Says where the innermost frame with code of a script really is: line and column in bytes.
    pub(super) fn correct(&self, line: u32, column: u32) {
        self.place.set(Some((line, column)));
    }

    /// How many frames on top are constructors of the error's own classes: V8 leaves them out.
    pub(super) fn constructors_of(&self, error: &Value<'js>) -> i32 {
        let mut count = 0;
        while let Some(site) = self.site(count) {
            if self.ask(&site, self.names.is_constructor).as_bool() != Some(true)
                || !self.is_class_of(&site, error)
            {
                break;
            }
            count += 1;
        }
        count as i32
    }

    fn is_class_of(&self, site: &Value<'js>, error: &Value<'js>) -> bool {
        let function = self.ask(site, self.names.function);
        // SAFETY: live values of this context; each value that comes back is ours.
        unsafe {
            let raw = self.ctx.as_raw().as_ptr();
            let class = qjs::JS_GetProperty(raw, function.as_raw(), self.names.prototype);
            let class = Value::from_raw(self.ctx.clone(), class);
            let mut prototype = Value::from_raw(self.ctx.clone(), qjs::JS_GetPrototype(raw, error.as_raw()));
            while prototype.is_object() && class.is_object() {
                if qjs::JS_VALUE_GET_PTR(prototype.as_raw()) == qjs::JS_VALUE_GET_PTR(class.as_raw()) {
                    return true;
                }
                prototype = Value::from_raw(self.ctx.clone(), qjs::JS_GetPrototype(raw, prototype.as_raw()));
            }
        }
        false
    }

    /// What is to be seen, as far as it is known where the error is made.
    pub(super) fn seen(&self, skipped: i32, limit: usize) -> Seen {
        let (line, column) = self.place.get().unwrap_or_default();
        Seen {
            skipped,
            limit: limit.try_into().unwrap_or(i32::MAX),
            line: line as i32,
            column: column as i32,
        }
    }

    /// Appends the frames that a script sees, a line each.
    pub(super) fn print(&self, texts: &Texts, seen: Seen, text: &mut String) {
        let mut printed = 0;
        let sites = (0..).map_while(|index| self.site(index)).skip(seen.skipped as usize);
        for site in sites.filter(|site| !self.is_native(site)) {
            if printed == seen.limit {
                break;
            }
            let Some(file) = self.text(&site, self.names.file) else { continue };
            if file.starts_with(OWN) {
                continue;
            }
            let (line, column) = match printed == 0 && seen.line > 0 {
                true => (seen.line, seen.column),
                false => (self.number(&site, self.names.line), self.number(&site, self.names.column)),
            };
            let column = texts.column(&file, line, column);
            let name = self.text(&site, self.names.function_name);
            let name = name.as_deref().unwrap_or("<anonymous>");
            // Writing to a text cannot fail.
            let _ = write!(text, "\n    at {name} ({file}:{line}:{column})");
            printed += 1;
        }
    }
}
