//! `phase(name, options?)`: the native end.

use std::rc::Rc;

use rquickjs::{Ctx, Function};

use super::super::outbox::Outbox;
use crate::model::json::JsonText;
use crate::model::request::Note;

/// `phase(nameJson, optionsJson)`; `undefined` stands for `undefined`.
pub(super) fn native<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |name: Option<String>, options: Option<String>| {
        let bytes = name.as_ref().map_or(0, String::len) + options.as_ref().map_or(0, String::len);
        outbox.note(bytes, || Note::Phase {
            name: name.map(JsonText::new),
            options: options.map(JsonText::new),
        });
    })
}
