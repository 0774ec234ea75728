//! Agent providers: each turns one agent call into one answer. One file per provider, and one registry.
//!
//! A provider knows the call and nothing of the run around it: scheduling, retries and schemas are not its business.

pub mod agents;
pub mod answer;
pub mod classify;
pub mod claude_code;
pub mod codex;
pub mod debug;
pub mod invocation;
pub mod keep;
pub mod opencode;
pub mod pi;
pub mod process;
pub mod settings;
pub mod shape;
#[cfg(test)]
mod testing;
pub mod text;
pub mod tools;
pub mod usage;
pub mod worktree;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::error::ErrorData;
use crate::model::ids::CallId;
use crate::model::outcome::AgentOutput;
use crate::model::request::AgentRequest;
use serde_json::Value;

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

/// Makes up a value of a JSON Schema's shape; `None` is `undefined`. Given to the providers that need one, because
/// they do not know what a schema is.
pub type Sampler = fn(&Value) -> Option<Value>;

/// The names of the providers that are built in.
pub const NAMES: &[&str] = &[debug::NAME];

/// The provider that scripts know by a name, case and all; `None` if there is none.
pub fn by_name(name: &str, sampler: Sampler) -> Option<Arc<dyn Provider>> {
    match name {
        debug::NAME => Some(Arc::new(debug::Debug::new(sampler))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_found_by_their_exact_name() {
        let named = |name| by_name(name, |_| None).map(|provider| provider.name().to_owned());
        assert_eq!(named("debug").as_deref(), Some("debug"));
        assert_eq!(named("Debug"), None);
        assert_eq!(named(""), None);
    }
}
