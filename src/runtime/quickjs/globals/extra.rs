//! `workflow:extra`: the native ends of what scripts have beyond the original engine's globals, and the module itself.

use std::rc::Rc;

use rquickjs::module::{Declarations, Exports, ModuleDef};
use rquickjs::{Ctx, Function, Object, Value};

use super::super::outbox::{Outbox, throw};
use crate::model::duration;
use crate::model::globals::EXTRA;
use crate::model::request::RequestKind;

/// `sleep(ms, text, kind) -> slot`: one of the first two; `kind` says in words what was given.
pub(super) fn native_sleep<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, ms: Option<f64>, text: Option<String>, kind: String| {
        let duration = match (ms, text) {
            (Some(ms), _) => duration::from_number("sleep", ms),
            (None, Some(text)) => duration::from_text("sleep", &text),
            (None, None) => Err(duration::refused("sleep", &kind)),
        };
        let duration = duration.map_err(|error| throw(&ctx, &error))?;
        outbox.request(&ctx, RequestKind::Sleep { duration }, 0)
    })
}

/// The module. It exports what `SW.extra` has, which no script can change.
pub(in super::super) struct Extra;

impl ModuleDef for Extra {
    fn declare(declarations: &Declarations<'_>) -> rquickjs::Result<()> {
        EXTRA.iter().try_for_each(|name| declarations.declare(*name).map(drop))
    }

    fn evaluate<'js>(ctx: &Ctx<'js>, exports: &Exports<'js>) -> rquickjs::Result<()> {
        let extra: Object<'js> = ctx.globals().get::<_, Object<'js>>("SW")?.get("extra")?;
        for name in EXTRA {
            exports.export(*name, extra.get::<_, Value<'js>>(*name)?)?;
        }
        Ok(())
    }
}
