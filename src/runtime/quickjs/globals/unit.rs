//! How the JavaScript half of a global gets into a VM: compiled once per process, loaded from bytecode after that.
//!
//! Parsing is most of what a fresh VM would spend on its globals, and every VM needs the same text. The
//! bytecode leaves the source out, so these functions print as `[native code]`, as built-in ones do.
//! Must never know what any single global does.

use std::ffi::{CStr, CString, c_int};
use std::sync::OnceLock;

use rquickjs::{Ctx, FromJs, Function, Object, Result, Value, qjs};

/// The JavaScript half of one global: a function expression taking the native half.
pub(super) struct Unit {
    file: &'static CStr,
    source: &'static str,
    bytecode: OnceLock<Box<[u8]>>,
}

impl Unit {
    /// `file` is what stack traces show, `source` one function expression `(function (native) { … })`.
    pub(super) const fn new(file: &'static CStr, source: &'static str) -> Self {
        Self { file, source, bytecode: OnceLock::new() }
    }

    /// Loads the unit, calls it with `native` and returns what it returns; fails with whatever it throws, out of
    /// memory included.
    pub(super) fn install<'js, T: FromJs<'js>>(&self, ctx: &Ctx<'js>, native: Object<'js>) -> Result<T> {
        self.load(ctx)?.call((native,))
    }

    /// Loads the function expression, for units that take more than a native half.
    pub(super) fn load<'js>(&self, ctx: &Ctx<'js>) -> Result<Function<'js>> {
        let bytecode = match self.bytecode.get() {
            Some(bytecode) => bytecode,
            None => {
                let compiled = self.compile(ctx)?;
                self.bytecode.get_or_init(|| compiled)
            }
        };
        let raw = ctx.as_raw().as_ptr();
        // SAFETY: `raw` is alive and entered while `ctx` is. The bytecode was written by this very process,
        // from a constant, which is the only input `JS_READ_OBJ_BYTECODE` is safe on. `JS_EvalFunction`
        // takes the function over and passes an exception through.
        let value = unsafe {
            let function = qjs::JS_ReadObject(
                raw,
                bytecode.as_ptr(),
                bytecode.len() as _,
                qjs::JS_READ_OBJ_BYTECODE as c_int,
            );
            owned(ctx, qjs::JS_EvalFunction(raw, function))?
        };
        value.get()
    }

    fn compile(&self, ctx: &Ctx<'_>) -> Result<Box<[u8]>> {
        let raw = ctx.as_raw().as_ptr();
        let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_STRICT | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
        let source = CString::new(self.source)?;
        // SAFETY: `raw` is alive and entered while `ctx` is; both texts are ended by a zero, and the
        // length leaves that zero out. The buffer is copied before it is freed by the allocator it came from.
        unsafe {
            let function = qjs::JS_Eval(
                raw,
                source.as_ptr(),
                source.count_bytes() as _,
                self.file.as_ptr(),
                flags as c_int,
            );
            let function = owned(ctx, function)?;
            let mut size = 0;
            let written = qjs::JS_WriteObject(
                raw,
                &mut size,
                function.as_raw(),
                (qjs::JS_WRITE_OBJ_BYTECODE | qjs::JS_WRITE_OBJ_STRIP_SOURCE) as c_int,
            );
            if written.is_null() {
                return Err(rquickjs::Error::Exception);
            }
            let bytecode = std::slice::from_raw_parts(written, size as _).into();
            qjs::js_free(raw, written.cast());
            Ok(bytecode)
        }
    }
}

/// Takes over a value the engine handed out; an exception becomes an error.
///
/// # Safety
/// `value` must be owned by the caller and belong to the runtime of `ctx`.
pub(super) unsafe fn owned<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> Result<Value<'js>> {
    // SAFETY: passed on to the caller of this function.
    let value = unsafe { Value::from_raw(ctx.clone(), value) };
    if value.is_exception() { Err(rquickjs::Error::Exception) } else { Ok(value) }
}
