//! `log(...values)` and `console`: the native end.

use std::rc::Rc;

use rquickjs::{Ctx, Function};

use super::super::outbox::Outbox;
use crate::model::json::JsonText;
use crate::model::request::{LogLevel, Note};

/// `log(valuesJson, level)` with the level as in [`LogLevel`], counted from 0.
pub(super) fn native<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |values: String, level: u32| {
        let level = match level {
            0 => LogLevel::Log,
            1 => LogLevel::Debug,
            2 => LogLevel::Info,
            3 => LogLevel::Warn,
            _ => LogLevel::Error,
        };
        let bytes = values.len();
        outbox.note(bytes, || Note::Log { values: JsonText::new(values), level });
    })
}
