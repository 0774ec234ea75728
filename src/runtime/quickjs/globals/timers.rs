//! `setTimeout` and friends: the native ends.

use std::rc::Rc;
use std::time::Duration;

use rquickjs::{Ctx, Function};

use super::super::outbox::Outbox;
use crate::model::ids::Slot;
use crate::model::request::RequestKind;

/// `timer(ms) -> slot`
pub(super) fn native_timer<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, ms: u32| {
        outbox.request(&ctx, RequestKind::Timer { delay: Duration::from_millis(u64::from(ms)) }, 0)
    })
}

/// `cancel(slot)`: the outcome of that call is no longer wanted.
pub(super) fn native_cancel<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, slot: u32| {
        outbox.request(&ctx, RequestKind::Cancel { target: Slot(slot) }, 0)?;
        outbox.forget(Slot(slot));
        rquickjs::Result::Ok(())
    })
}
