//! The way to Node.js: messages wait here until its thread takes them, many at a time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use serde_json::{Value, json};

use crate::engine::{RunControl, RunEnd};
use crate::model::error::WorkflowError;
use crate::model::json::JsonText;
use crate::model::request::AgentRequest;

/// What Node.js is told.
pub(super) enum Message {
    /// An agent call that a JavaScript provider or handler has to answer.
    Agent(Box<AgentMessage>),
    /// Nobody wants the answer any more.
    Abort { call: u64 },
    /// An event, as JSON; `droppable` when it may be left out if too much is waiting.
    Event { json: String, droppable: bool },
    /// The budget was charged.
    Charged { charged: f64 },
    /// The run is over. The last message.
    End(RunEnd),
}

/// One attempt of an agent call.
pub(super) struct AgentMessage {
    pub(super) call: u64,
    pub(super) attempt: u32,
    /// The provider that the call names; `None` for calls that name none, and for handlers.
    pub(super) provider: Option<String>,
    /// The worktree to work in.
    pub(super) cwd: Option<PathBuf>,
    /// The session to go on with.
    pub(super) session: Option<String>,
    pub(super) request: Arc<AgentRequest>,
}

impl Message {
    /// What counts against the bound on waiting log lines.
    fn log_bytes(&self) -> usize {
        match self {
            Self::Event { json, droppable: true } => json.len(),
            _ => 0,
        }
    }
}

/// Log lines beyond this many waiting bytes are dropped and counted; everything else always gets through, bounded
/// by the calls that are pending.
const MAX_WAITING_LOG_BYTES: usize = 64 << 20;
/// A batch ends after the message that brings it over this; V8 strings end at 512 MiB.
const BATCH_BYTES: usize = 16 << 20;

/// One wake-up at a time is under way, so the queue behind it never holds more than one entry and the one being
/// made; 2 leaves room for both.
const WAKE_UPS: usize = 2;

type Wake = ThreadsafeFunction<Arc<Mailbox>, (), (String,), Status, false, false, WAKE_UPS>;

/// The messages of one run.
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    /// Keeps the process alive until the run's end was taken.
    wake: Mutex<Option<Wake>>,
    control: OnceLock<RunControl>,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    log_bytes: usize,
    dropped: u64,
    /// Node.js has been called and has not come yet.
    called: bool,
}

impl Mailbox {
    pub(super) fn new(dispatch: &Function<String, ()>) -> napi::Result<Arc<Self>> {
        let wake = dispatch
            .build_threadsafe_function::<Arc<Mailbox>>()
            .max_queue_size::<WAKE_UPS>()
            .callee_handled::<false>()
            .build_callback(|context| {
                let mailbox: Arc<Mailbox> = context.value;
                Ok((mailbox.take(),))
            })?;
        Ok(Arc::new(Self { queue: Mutex::default(), wake: Mutex::new(Some(wake)), control: OnceLock::new() }))
    }

    /// Whom to stop when Node.js goes away.
    pub(super) fn bind(&self, control: RunControl) {
        // Set once, by the one who made the run.
        self.control.get_or_init(|| control);
    }

    /// Leaves a message; never waits.
    pub(super) fn post(self: &Arc<Self>, message: Message) {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let log_bytes = message.log_bytes();
            if log_bytes > 0 && queue.log_bytes + log_bytes > MAX_WAITING_LOG_BYTES {
                queue.dropped += 1;
                return;
            }
            queue.log_bytes += log_bytes;
            queue.messages.push_back(message);
            if std::mem::replace(&mut queue.called, true) {
                return;
            }
        }
        self.call();
    }

    fn call(self: &Arc<Self>) {
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        let status =
            wake.as_ref().map(|wake| wake.call(self.clone(), ThreadsafeFunctionCallMode::NonBlocking));
        if matches!(status, Some(Status::Closing))
            && let Some(control) = self.control.get()
        {
            // Node.js is being torn down: nobody is left to hear anything.
            control.force();
        }
    }

    /// The next batch, on Node's thread.
    fn take(self: &Arc<Self>) -> String {
        // Written without the lock: the run's thread must not wait for it.
        let (mut messages, dropped) = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.called = false;
            queue.log_bytes = 0;
            (std::mem::take(&mut queue.messages), queue.dropped)
        };
        let mut batch = String::from("[");
        let mut ended = false;
        while let Some(message) = messages.pop_front() {
            ended |= matches!(message, Message::End(_));
            separate(&mut batch);
            write_message(&mut batch, message, &mut messages, dropped);
            if batch.len() > BATCH_BYTES && !messages.is_empty() {
                self.put_back(messages);
                break;
            }
        }
        batch.push(']');
        if ended {
            // Lets the process end.
            drop(self.wake.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
        batch
    }

    /// Leaves what did not fit into a batch for the next one, before what has come meanwhile.
    fn put_back(self: &Arc<Self>, mut messages: VecDeque<Message>) {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.log_bytes += messages.iter().map(Message::log_bytes).sum::<usize>();
            messages.append(&mut queue.messages);
            queue.messages = messages;
            if std::mem::replace(&mut queue.called, true) {
                return;
            }
        }
        self.call();
    }
}

fn separate(batch: &mut String) {
    if batch.len() > 1 {
        batch.push(',');
    }
}

/// A run that ends may have very many calls under way: those that follow one another become one message.
fn write_aborts(batch: &mut String, first: u64, messages: &mut VecDeque<Message>) {
    batch.push_str(&format!(r#"{{"k":"abort","calls":[{first}"#));
    while let Some(Message::Abort { call }) = messages.front() {
        batch.push_str(&format!(",{call}"));
        messages.pop_front();
    }
    batch.push_str("]}");
}

/// Writes one message, and those behind it that go with it.
fn write_message(batch: &mut String, message: Message, behind: &mut VecDeque<Message>, dropped: u64) {
    match message {
        Message::Agent(message) => {
            let AgentMessage { call, attempt, provider, cwd, session, request } = *message;
            batch.push_str(&format!(r#"{{"k":"agent","call":{call},"attempt":{attempt}"#));
            let cwd = cwd.map(|cwd| cwd.to_string_lossy().into_owned());
            for (name, text) in [("provider", provider), ("cwd", cwd), ("session", session)] {
                push_field(batch, name, text.as_deref().map(JsonText::from_str_value).as_ref());
            }
            push_field(batch, "prompt", request.prompt.as_ref());
            push_field(batch, "options", request.options.as_ref());
            batch.push('}');
        }
        Message::Abort { call } => write_aborts(batch, call, behind),
        Message::Event { json, .. } => {
            batch.push_str(r#"{"k":"event","event":"#);
            batch.push_str(&json);
            batch.push('}');
        }
        Message::Charged { charged } => batch.push_str(&format!(r#"{{"k":"charged","charged":{charged}}}"#)),
        Message::End(end) => {
            batch.push_str(&format!(r#"{{"k":"end","dropped":{dropped}"#));
            match &end.result {
                Ok(value) => push_field(batch, "value", value.as_ref()),
                Err(error) => {
                    batch.push_str(r#","error":"#);
                    batch.push_str(&error_json(error).to_string());
                }
            }
            batch.push('}');
        }
    }
}

fn push_field(batch: &mut String, name: &str, value: Option<&JsonText>) {
    if let Some(value) = value {
        batch.push_str(&format!(r#","{name}":"#));
        batch.push_str(value.as_str());
    }
}

/// An error as `js/errors.ts` reads it.
pub(super) fn error_json(error: &WorkflowError) -> Value {
    json!({ "code": error.code(), "message": error.to_string(), "details": error.details() })
}
