//! `workflow(nameOrRef, args?)`: the native end.

use std::rc::Rc;

use rquickjs::{Ctx, Function};

use super::super::outbox::Outbox;
use crate::model::json::JsonText;
use crate::model::request::{ChildRequest, ChildTarget, RequestKind};

/// `workflow(isPath, target, argsJson) -> slot`
pub(super) fn native<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, is_path: bool, target: String, args: Option<String>| {
        let bytes = target.len() + args.as_ref().map_or(0, String::len);
        let target = if is_path { ChildTarget::Path(target) } else { ChildTarget::Name(target) };
        let request = ChildRequest { target, args: args.map(JsonText::new) };
        outbox.request(&ctx, RequestKind::Workflow(request), bytes)
    })
}
