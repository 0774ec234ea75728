//! JavaScript providers and handlers as providers of the engine.

use std::env;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::mailbox::{AgentMessage, Mailbox, Message};
use crate::model::error::ErrorData;
use crate::model::ids::CallId;
use crate::model::json::{self, JsonText};
use crate::model::outcome::{AgentOutput, AttemptFailure, Resume, Wait, WaitReason};
use crate::model::progress::Progress;
use crate::model::provider::ProviderSettings;
use crate::model::request::AgentRequest;
use crate::model::usage::Usage;
use crate::providers::answer::shown;
use crate::providers::keep::bounded_text;
use crate::providers::{AttemptContext, Provider, ProviderFuture, ProviderResult, Watcher};

/// Asks Node.js for the answer.
pub(super) struct NodeProvider {
    traits: Traits,
    /// Where it works, if it works in folders.
    project: Option<PathBuf>,
    mailbox: Arc<Mailbox>,
    calls: Arc<HostCalls>,
}

/// What a JavaScript provider says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Traits {
    /// `None` for whoever answers calls that name no provider.
    pub(super) name: Option<String>,
    /// It works in `context.cwd`, so that the engine may make that a worktree.
    pub(super) worktrees: bool,
    /// It goes on with `context.sessionId`.
    pub(super) resumes: bool,
}

impl NodeProvider {
    pub(super) fn new(
        traits: Traits,
        project: Option<PathBuf>,
        mailbox: Arc<Mailbox>,
        calls: Arc<HostCalls>,
    ) -> Self {
        Self { traits, project, mailbox, calls }
    }
}

impl Provider for NodeProvider {
    fn name(&self) -> &str {
        self.traits.name.as_deref().unwrap_or_default()
    }

    fn folder(&self, request: &AgentRequest) -> Option<PathBuf> {
        let project = self.project.clone().or_else(|| env::current_dir().ok()).unwrap_or_default();
        self.traits.worktrees.then(|| match &request.parsed.cwd {
            Some(folder) => project.join(folder),
            None => project,
        })
    }

    fn resumes(&self) -> bool {
        self.traits.resumes
    }

    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture {
        let (sender, answer) = oneshot::channel();
        let call = context.call.0;
        self.calls.expect(
            call,
            Expected { sender, watcher: context.watcher, resumes: self.traits.resumes, raw: context.raw },
        );
        self.mailbox.post(Message::Agent(Box::new(AgentMessage {
            call,
            attempt: context.attempt,
            provider: self.traits.name.clone(),
            cwd: context.cwd,
            session: context.resume.map(|resume| resume.session),
            request,
        })));
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
pub(super) struct HostCalls(Mutex<FxHashMap<u64, Expected>>);

/// One of them.
struct Expected {
    sender: oneshot::Sender<ProviderResult>,
    watcher: Option<Watcher>,
    resumes: bool,
    /// What it gives as `raw` is wanted.
    raw: bool,
}

impl Expected {
    /// As long as that of the engine's own providers.
    fn raw(&self, raw: Option<&str>) -> Option<JsonText> {
        raw.filter(|_| self.raw).map(|raw| bounded_text(JsonText::new(raw)))
    }
}

impl HostCalls {
    fn expect(&self, call: u64, expected: Expected) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(call, expected);
    }

    fn take(&self, call: u64) -> Option<Expected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&call)
    }

    /// Tells whoever follows a call what its agent does.
    pub(super) fn progress(&self, call: u64, progress: &str) -> Result<(), String> {
        let mut progress = json::parse(progress).map_err(|error| error.to_string())?;
        shorten(&mut progress);
        let progress: Progress = serde_json::from_value(progress).map_err(|error| error.to_string())?;
        let watcher = {
            let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            calls.get(&call).and_then(|expected| expected.watcher.clone())
        };
        if let Some(Watcher(tell)) = watcher {
            tell(progress);
        }
        Ok(())
    }

    pub(super) fn answer(&self, call: u64, output: Option<String>, extra: Option<&str>) {
        // Nobody may be waiting any more: the run has ended, or the call was given up. The answer is dropped then.
        let Some(expected) = self.take(call) else { return };
        let extra: Extra<'_> = extra.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let parsed = |part: Option<&RawValue>| part.and_then(|part| json::parse(part.get()).ok());
        let session_id = parsed(extra.session_id).as_ref().and_then(Value::as_str).map(str::to_owned);
        let resume = session_id.clone().filter(|_| expected.resumes);
        let resume = resume.map(|session| Resume { session, ..Resume::default() });
        let output = AgentOutput {
            output: output.map(JsonText::new),
            usage: parsed(extra.usage).as_ref().map(Usage::from_report).unwrap_or_default(),
            session_id,
            raw: expected.raw(extra.raw.map(RawValue::get)),
            resume,
        };
        drop(expected.sender.send(Ok(output)));
    }

    pub(super) fn fail(&self, call: u64, error: &str, raw: Option<&str>) {
        let Some(expected) = self.take(call) else { return };
        let raw = expected.raw(raw);
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
        let session_id = text("sessionId");
        let failure = AttemptFailure {
            retryable: value.get("retryable") != Some(&Value::Bool(false)),
            wait: wait(error.code.as_deref(), value.get("retryAfterMs").and_then(Value::as_f64)),
            usage: value.get("usage").map(Usage::from_report).unwrap_or_default(),
            resume: session_id
                .clone()
                .filter(|_| expected.resumes)
                .map(|session| Resume { session, ..Resume::default() }),
            session_id,
            error,
            raw,
            ..AttemptFailure::default()
        };
        drop(expected.sender.send(Err(Box::new(failure))));
    }
}

/// A provider of the host says by these codes that somebody else's limit is in the way.
fn wait(code: Option<&str>, after_ms: Option<f64>) -> Option<Wait> {
    let reason = match code? {
        "ERR_AGENT_RATE_LIMITED" => WaitReason::RateLimited,
        "ERR_AGENT_OVERLOADED" => WaitReason::Overloaded,
        _ => return None,
    };
    let after = after_ms.filter(|ms| *ms >= 0.0).and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok());
    Some(Wait { reason, after, until: None, limit: ProviderSettings::default().max_wait() })
}

/// Texts of the host are as long as those of the engine's own providers.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => *text = shown(text),
        Value::Object(object) => object.values_mut().for_each(shorten),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
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
