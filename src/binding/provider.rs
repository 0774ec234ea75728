//! JavaScript providers and handlers as providers of the engine.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::mailbox::{Mailbox, Message};
use crate::model::error::ErrorData;
use crate::model::ids::CallId;
use crate::model::json::{self, JsonText};
use crate::model::outcome::AgentOutput;
use crate::model::request::AgentRequest;
use crate::model::usage::Usage;
use crate::providers::{AttemptContext, Provider, ProviderFuture, ProviderResult};

/// Asks Node.js for the answer.
pub(super) struct NodeProvider {
    name: String,
    mailbox: Arc<Mailbox>,
    calls: Arc<HostCalls>,
}

impl NodeProvider {
    pub(super) fn new(name: String, mailbox: Arc<Mailbox>, calls: Arc<HostCalls>) -> Self {
        Self { name, mailbox, calls }
    }
}

impl Provider for NodeProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture {
        let (sender, answer) = oneshot::channel();
        let call = context.call.0;
        self.calls.expect(call, sender);
        self.mailbox.post(Message::Agent { call, attempt: context.attempt, request });
        let pending = Pending { call, calls: self.calls.clone(), mailbox: self.mailbox.clone() };
        Box::pin(async move {
            let result = answer.await;
            drop(pending);
            result.unwrap_or_else(|_| Err(ErrorData::new("Error", "the host gave no answer").into()))
        })
    }
}

/// Tells Node.js when the engine no longer waits for the answer.
struct Pending {
    call: u64,
    calls: Arc<HostCalls>,
    mailbox: Arc<Mailbox>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        // An answered call is no longer there to take.
        if self.calls.take(self.call).is_some() {
            self.mailbox.post(Message::Abort { call: self.call });
        }
    }
}

/// The agent calls that Node.js has not answered yet. Each is answered at most once, which bounds what Node.js can
/// send.
#[derive(Default)]
pub(super) struct HostCalls(Mutex<FxHashMap<u64, oneshot::Sender<ProviderResult>>>);

impl HostCalls {
    fn expect(&self, call: u64, sender: oneshot::Sender<ProviderResult>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(call, sender);
    }

    fn take(&self, call: u64) -> Option<oneshot::Sender<ProviderResult>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&call)
    }

    fn settle(&self, call: u64, result: ProviderResult) {
        // Nobody may be waiting any more: the run has ended, or the call was given up. The answer is dropped then.
        if let Some(sender) = self.take(call) {
            drop(sender.send(result));
        }
    }

    pub(super) fn answer(&self, call: u64, output: Option<String>, extra: Option<&str>) {
        let extra: Extra<'_> = extra.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let parsed = |part: Option<&RawValue>| part.and_then(|part| json::parse(part.get()).ok());
        let output = AgentOutput {
            output: output.map(JsonText::new),
            usage: parsed(extra.usage).as_ref().map(Usage::from_report).unwrap_or_default(),
            session_id: parsed(extra.session_id).as_ref().and_then(Value::as_str).map(str::to_owned),
            raw: extra.raw.map(|raw| JsonText::new(raw.get())),
        };
        self.settle(call, Ok(output));
    }

    pub(super) fn fail(&self, call: u64, error: &str) {
        let value: Value = json::parse(error).unwrap_or_default();
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let error = ErrorData {
            name: text("name").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            stack: text("stack"),
            code: text("code"),
            hint: text("hint"),
            call: Some(CallId(call)),
            cause: None,
        };
        self.settle(call, Err(error.into()));
    }
}

/// What came with an answer. Parts, since one of them may be nested too deep to be looked into, or hold what no Rust
/// string can, and the others must not be lost with it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extra<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
}
