//! What a run needs from whoever started it: answers for agent calls, somebody who watches, somebody to tell the end.

use std::sync::Arc;

use serde::Serialize;

use crate::model::budget::BudgetState;
use crate::model::error::{ErrorData, WorkflowError};
use crate::model::event::Event;
use crate::model::ids::RunId;
use crate::model::json::JsonText;
use crate::model::request::AgentRequest;
use crate::providers::Provider;

/// Watches a run. Called on the run's own thread, in order; must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Envelope);

    /// What was spent has changed, by `charged`.
    fn charged(&self, charged: f64, budget: BudgetState);

    /// Whether events about single calls are wanted; if not, they are not even made.
    fn wants_calls(&self) -> bool;
}

/// One event with its place in the run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    pub run_id: RunId,
    /// Dense, from 1.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// Finds a provider by the name that a script or the caller gives.
pub type ProviderLookup = Arc<dyn Fn(&str) -> Option<Arc<dyn Provider>> + Send + Sync>;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// The script's result; `None` is `undefined`.
    pub result: Result<Option<JsonText>, WorkflowError>,
    pub budget: BudgetState,
}

/// Everything a run needs from outside.
#[derive(Clone)]
pub struct Host {
    /// Answers every call whatever its options say (`onAgent`).
    pub handler: Option<Arc<dyn Provider>>,
    /// Answers calls that name no provider.
    pub provider: Arc<dyn Provider>,
    /// Finds the providers that calls do name.
    pub lookup: ProviderLookup,
    pub observer: Arc<dyn Observer>,
}

impl Host {
    /// Who answers this call.
    ///
    /// # Errors
    /// The call names a provider that does not exist.
    pub(super) fn select(&self, request: &AgentRequest) -> Result<Arc<dyn Provider>, ErrorData> {
        if let Some(handler) = &self.handler {
            return Ok(handler.clone());
        }
        match &request.parsed.provider {
            None => Ok(self.provider.clone()),
            Some(name) => (self.lookup)(name).ok_or_else(|| unknown_provider(name)),
        }
    }
}

/// The original's error for a provider that does not exist.
pub fn unknown_provider(name: &str) -> ErrorData {
    ErrorData::new("Error", format!("Unknown agent provider: {name}")).with_code("ERR_UNKNOWN_PROVIDER")
}
