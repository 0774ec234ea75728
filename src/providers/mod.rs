//! Agent providers: each turns one agent call into one answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::error::ErrorData;
use crate::model::ids::CallId;
use crate::model::outcome::AgentOutput;
use crate::model::request::AgentRequest;

/// One attempt of one agent call, as a provider sees it.
#[derive(Clone, Debug)]
pub struct AttemptContext {
    pub call: CallId,
    /// 1 for the first attempt.
    pub attempt: u32,
}

/// A provider's answer, or why there is none.
pub type ProviderResult = Result<AgentOutput, ErrorData>;

/// The future of one attempt. It is polled on the run's own thread, which also runs the script: a provider that
/// has real work to do spawns it and awaits the handle. Dropping the future means that nobody wants the answer any
/// more: the provider then ends whatever it has started for it.
pub type ProviderFuture = Pin<Box<dyn Future<Output = ProviderResult> + Send>>;

/// Something that answers agent calls.
pub trait Provider: Send + Sync {
    /// The name under which scripts and events know it.
    fn name(&self) -> &str;

    /// Starts one attempt. Must not block; an answer that is there at once is given by a future that is ready.
    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture;
}

pub const NAMES: &[&str] = &["debug"];
pub struct Debug;
impl Provider for Debug {
    fn name(&self) -> &str {
        "debug"
    }
    fn run(&self, request: Arc<AgentRequest>, _: AttemptContext) -> ProviderFuture {
        let output =
            crate::model::json::JsonText::from_str_value(&format!("echo: {}", request.prompt_text()));
        Box::pin(std::future::ready(Ok(AgentOutput { output: Some(output), ..AgentOutput::default() })))
    }
}
pub fn by_name(
    name: &str,
    _: fn(&serde_json::Value) -> Option<serde_json::Value>,
) -> Option<Arc<dyn Provider>> {
    (name == "debug").then(|| Arc::new(Debug) as _)
}
