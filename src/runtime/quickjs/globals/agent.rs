//! `agent(prompt, options?)`: the native end, which checks the options and hands the call out.

use std::rc::Rc;
use std::sync::Arc;

use rquickjs::{Ctx, Function};

use super::super::outbox::{Outbox, throw};
use crate::model::error::ErrorData;
use crate::model::json::{self, JsonText, MAX_DEPTH};
use crate::model::request::{AgentOptions, AgentRequest, RequestKind};

/// `agent(promptJson, optionsJson) -> slot`; `undefined` stands for `undefined`.
pub(super) fn native<'js>(ctx: &Ctx<'js>, outbox: Rc<Outbox>) -> rquickjs::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, prompt: Option<String>, options: Option<String>| {
        let parsed = match &options {
            None => AgentOptions::default(),
            Some(json) => parse_options(json).map_err(|error| throw(&ctx, &error))?,
        };
        let bytes = prompt.as_ref().map_or(0, String::len) + options.as_ref().map_or(0, String::len);
        let request =
            AgentRequest { prompt: prompt.map(JsonText::new), options: options.map(JsonText::new), parsed };
        outbox.request(&ctx, RequestKind::Agent(Arc::new(request)), bytes)
    })
}

fn parse_options(text: &str) -> Result<AgentOptions, ErrorData> {
    let value = json::parse(text).map_err(|error| {
        // The text is JSON, so what remains is the depth limit.
        ErrorData::new(
            "RangeError",
            format!("agent() options cannot be read: {error}; they may nest {MAX_DEPTH} levels deep"),
        )
    })?;
    AgentOptions::parse(&value)
}
