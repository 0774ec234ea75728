//! Events on their way to Node.js.

use std::sync::Arc;

use super::mailbox::{Mailbox, Message};
use super::provider::Traits;
use crate::engine::{Envelope, Observer};
use crate::model::budget::BudgetState;
use crate::model::event::Event;

/// What Node.js wants of a run.
#[derive(Clone, Debug)]
pub(super) struct Wants {
    /// Every event, not only log lines, phases and warnings.
    pub(super) events: bool,
    /// `onAgent` answers the agent calls.
    pub(super) handler: bool,
    /// A JavaScript provider answers the agent calls that name none; what it says of itself.
    pub(super) custom_provider: Option<Traits>,
    /// The JavaScript providers that calls name.
    pub(super) named: Vec<Traits>,
}

pub(super) struct NodeObserver {
    mailbox: Arc<Mailbox>,
    wants: Wants,
}

impl NodeObserver {
    pub(super) fn new(mailbox: Arc<Mailbox>, wants: Wants) -> Self {
        Self { mailbox, wants }
    }
}

impl Observer for NodeObserver {
    fn event(&self, envelope: &Envelope) {
        let droppable = matches!(envelope.event, Event::Log { .. } | Event::CallProgress { .. });
        let always = matches!(envelope.event, Event::Log { .. })
            || matches!(envelope.event, Event::Phase { .. } | Event::Warning { .. });
        if !always && !self.wants.events {
            return;
        }
        // What the script gave is JSON already, and the rest is plain data: there is nothing that could not be
        // serialised but a value beyond the depth limit, which is then left out.
        if let Ok(json) = serde_json::to_string(envelope) {
            self.mailbox.post(Message::Event { json, droppable });
        }
    }

    fn charged(&self, charged: f64, _budget: BudgetState) {
        self.mailbox.post(Message::Charged { charged });
    }

    fn wants_calls(&self) -> bool {
        self.wants.events
    }
}
