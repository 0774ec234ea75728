//! Running workflows in tests.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smol_workflow_engine::engine::{Engine, Envelope, Host, Observer, RunControl, RunEnd};
use smol_workflow_engine::model::budget::BudgetState;
use smol_workflow_engine::model::error::ErrorData;
use smol_workflow_engine::model::json::JsonText;
use smol_workflow_engine::model::options::{RunOptions, SourceRef};
use smol_workflow_engine::model::outcome::AgentOutput;
use smol_workflow_engine::model::request::AgentRequest;
use smol_workflow_engine::providers::{self, AttemptContext, Provider, ProviderFuture};
use smol_workflow_engine::schema;

/// Long enough for a loaded machine; only a hang takes it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Remembers what a run told.
#[derive(Default)]
pub struct Recorder {
    pub events: Mutex<Vec<serde_json::Value>>,
}

impl Observer for Recorder {
    fn event(&self, envelope: &Envelope) {
        self.events.lock().unwrap().push(serde_json::to_value(envelope).unwrap());
    }

    fn charged(&self, _charged: f64, _budget: BudgetState) {}

    fn wants_calls(&self) -> bool {
        true
    }
}

impl Recorder {
    /// Events of one type, in order.
    pub fn of(&self, kind: &str) -> Vec<serde_json::Value> {
        self.events.lock().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
    }
}

/// Hears nothing, so that big tests are not about events.
pub struct Deaf;

impl Observer for Deaf {
    fn event(&self, _envelope: &Envelope) {}

    fn charged(&self, _charged: f64, _budget: BudgetState) {}

    fn wants_calls(&self) -> bool {
        false
    }
}

/// A provider made of a function from prompt to answer; `None` never answers.
pub struct Answers<F>(pub F);

impl<F> Provider for Answers<F>
where
    F: Fn(&str) -> Option<Result<String, ErrorData>> + Send + Sync,
{
    fn name(&self) -> &str {
        "test"
    }

    fn run(&self, request: Arc<AgentRequest>, _context: AttemptContext) -> ProviderFuture {
        let Some(answer) = (self.0)(&request.prompt_text()) else { return Box::pin(std::future::pending()) };
        Box::pin(std::future::ready(
            answer
                .map(|json| AgentOutput { output: Some(JsonText::new(json)), ..AgentOutput::default() })
                .map_err(Into::into),
        ))
    }
}

/// A provider whose answers are given by hand, in any order, and which counts what is under way.
#[derive(Default)]
pub struct ByHand {
    pub waiting: Mutex<VecDeque<(String, tokio::sync::oneshot::Sender<String>)>>,
    pub arrived: tokio::sync::Notify,
    pub under_way: AtomicUsize,
}

/// The provider that asks a [`ByHand`].
pub struct Hand(pub Arc<ByHand>);

impl Provider for Hand {
    fn name(&self) -> &str {
        "by-hand"
    }

    fn run(&self, request: Arc<AgentRequest>, _context: AttemptContext) -> ProviderFuture {
        struct Running(Arc<ByHand>);
        impl Drop for Running {
            fn drop(&mut self) {
                self.0.under_way.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let (sender, answer) = tokio::sync::oneshot::channel();
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        let running = Running(self.0.clone());
        self.0.waiting.lock().unwrap().push_back((request.prompt_text(), sender));
        self.0.arrived.notify_one();
        Box::pin(async move {
            let json = answer.await;
            drop(running);
            let json = json.map_err(|_| ErrorData::new("Error", "given up"))?;
            Ok(AgentOutput { output: Some(JsonText::new(json)), ..AgentOutput::default() })
        })
    }
}

impl ByHand {
    /// Waits until `count` calls wait for their answers; gives their prompts.
    pub fn wait_for(&self, count: usize) -> Vec<String> {
        Engine::shared().unwrap().handle().block_on(async {
            let all = async {
                loop {
                    let arrived = self.arrived.notified();
                    let prompts: Vec<String> =
                        self.waiting.lock().unwrap().iter().map(|(prompt, _)| prompt.clone()).collect();
                    if prompts.len() >= count {
                        return prompts;
                    }
                    arrived.await;
                }
            };
            tokio::time::timeout(PATIENCE, all).await.expect("the calls never came")
        })
    }

    /// Answers the waiting call with this prompt.
    pub fn answer(&self, prompt: &str, json: &str) {
        let mut waiting = self.waiting.lock().unwrap();
        let place = waiting.iter().position(|(known, _)| known == prompt).expect("no such call waits");
        waiting.remove(place).unwrap().1.send(json.to_owned()).unwrap();
    }
}

fn registry() -> providers::Registry {
    providers::Registry::new(providers::Setup::new(schema::sample))
}

pub fn debug() -> Arc<dyn Provider> {
    registry().by_name("debug").unwrap()
}

pub fn host(provider: Arc<dyn Provider>, observer: Arc<dyn Observer>) -> Host {
    let registry = registry();
    Host { handler: None, provider, lookup: Arc::new(move |name| registry.by_name(name)), observer }
}

/// Options for a source given as text.
pub fn source(source: &str) -> RunOptions {
    RunOptions::new(SourceRef::Text { name: "flow.js".to_owned(), source: source.to_owned() })
}

/// A body with its metadata, which stands on the first line, and a `return` that makes it one.
pub fn body(code: &str) -> RunOptions {
    source(&format!("export const meta = {{ name: 'test', description: 'd' }}; if (!meta) return; {code}"))
}

pub fn file(path: impl Into<PathBuf>) -> RunOptions {
    RunOptions::new(SourceRef::Path(path.into()))
}

/// A run that has been started.
pub struct Started {
    pub control: RunControl,
    end: Receiver<RunEnd>,
}

impl Started {
    pub fn cancel(&self) {
        self.control.cancel(Engine::shared().unwrap().handle());
    }

    pub fn wait(&self) -> RunEnd {
        self.end.recv_timeout(PATIENCE).expect("the run hangs")
    }

    /// The result as JSON, or the error's code.
    pub fn outcome(&self) -> String {
        outcome(&self.wait())
    }
}

pub fn start(options: RunOptions, host: Host) -> Started {
    let (sender, end) = channel();
    let on_end = Box::new(move |run_end| sender.send(run_end).unwrap());
    let control = Engine::shared().unwrap().start(options, host, None, on_end).unwrap();
    Started { control, end }
}

/// Runs under `debug` and waits for the end.
pub fn run(options: RunOptions) -> RunEnd {
    start(options, host(debug(), Arc::new(Deaf))).wait()
}

pub fn outcome(end: &RunEnd) -> String {
    match &end.result {
        Ok(value) => value.as_ref().map_or("undefined".to_owned(), |json| json.as_str().to_owned()),
        Err(error) => error.code().to_owned(),
    }
}
