//! Queues of tasks, for Node.js: JSON in, JSON out. What users have made of JSON is passed on as text.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Object, Result};
use napi_derive::napi;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{guarded, store_error, to_napi};
use crate::engine::Engine;
use crate::engine::tasks::{TaskStore, open_tasks};
use crate::model::error::WorkflowError;
use crate::model::store::{StoreError, StoreOptions, Synchronous};
use crate::model::tasks::{Claim, Claiming, EventFilter, Spawn};

/// Queues of tasks in a store that is open.
#[napi]
pub struct NativeTasks(Arc<dyn TaskStore>);

/// What can be asked for: a method of [`TaskStore`] as `op`, beside what it takes.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Request {
    CreateQueue {
        queue: String,
    },
    DropQueue {
        queue: String,
    },
    Queues,
    Spawn(Spawn),
    Claim(Claiming),
    Sweep {
        queue: String,
    },
    Look {
        queue: String,
        claims: Vec<Claim>,
    },
    Extend {
        claims: Vec<Claim>,
        timeout_ms: u64,
    },
    Schedule {
        claim: Claim,
        wake_at: u64,
    },
    Complete {
        claim: Claim,
        result: String,
    },
    Fail {
        claim: Claim,
        reason: String,
    },
    Cancel {
        queue: String,
        task: String,
    },
    SetCheckpoint {
        claim: Claim,
        name: String,
        state: String,
        timeout_ms: u64,
    },
    Checkpoint {
        task: String,
        name: String,
    },
    Checkpoints {
        task: String,
    },
    AwaitEvent {
        claim: Claim,
        step: String,
        event: String,
        #[serde(default)]
        timeout_ms: Option<u64>,
    },
    Emit {
        queue: String,
        event: String,
        payload: String,
        #[serde(default)]
        claim: Option<Claim>,
    },
    Events(EventFilter),
    Task {
        queue: String,
        task: String,
    },
    Close,
}

type Done<T> = std::result::Result<T, StoreError>;
type Answer = Pin<Box<dyn Future<Output = Done<Value>> + Send>>;
type Reading = Box<dyn FnOnce(&dyn TaskStore) -> Done<Value> + Send>;

#[napi]
impl NativeTasks {
    /// Opens the store in a file, and creates it if it is not there. Throws an error whose message is
    /// `{ code, message, details }` as JSON.
    ///
    /// What is written survives the end of the process at once, and the loss of power a moment later: what is lost then
    /// is done again.
    #[napi(constructor)]
    pub fn new(path: String) -> Result<Self> {
        let options = StoreOptions { synchronous: Synchronous::Normal, ..StoreOptions::default() };
        guarded(|| open_tasks(Path::new(&path), options).map(Self).map_err(store_error))
    }

    /// Does what a request says, `now` being the time in milliseconds since 1970. What is asked for first is written
    /// first.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn request<'env>(&self, env: &'env Env, request: String, now: f64) -> Result<Object<'env>> {
        guarded(|| {
            // What is of this package is right; what is of its user may not be.
            let request: Request = serde_json::from_str(&request).map_err(|error| {
                to_napi(WorkflowError::Option { option: "options".to_owned(), message: error.to_string() })
            })?;
            if let Request::Spawn(spawn) = &request
                && let Some((option, message)) = spawn.mistake()
            {
                return Err(to_napi(WorkflowError::Option { option: option.to_owned(), message }));
            }
            let engine = Engine::shared().map_err(to_napi)?;
            let (deferred, promise) = env.create_deferred()?;
            let answer = answer(&self.0, request, now as u64, engine.handle());
            engine.handle().spawn(async move {
                let done = answer.await.map(|value| value.to_string()).map_err(store_error);
                deferred.resolve(move |_| done);
            });
            Ok(promise)
        })
    }
}

/// Hands a write over at once, so that writes keep their order; reads on a thread where nobody waits.
fn answer(
    store: &Arc<dyn TaskStore>,
    request: Request,
    now: u64,
    runtime: &tokio::runtime::Handle,
) -> Answer {
    let reading = |read: Reading| {
        let store = store.clone();
        let task = runtime.spawn_blocking(move || read(&*store));
        // Of a task that was lost only the end of the process is the reason.
        let answer: Answer = Box::pin(async move { task.await.unwrap_or(Err(StoreError::Closed)) });
        answer
    };
    match request {
        Request::Queues => reading(Box::new(|store| json(store.queues()))),
        Request::Look { queue, claims } => {
            reading(Box::new(move |store| json(store.look(&queue, &claims, now))))
        }
        Request::Checkpoint { task, name } => {
            reading(Box::new(move |store| json(store.checkpoint(&task, &name))))
        }
        Request::Checkpoints { task } => reading(Box::new(move |store| json(store.checkpoints(&task)))),
        Request::Events(filter) => reading(Box::new(move |store| json(store.events(&filter)))),
        Request::Task { queue, task } => reading(Box::new(move |store| json(store.task(&queue, &task)))),
        Request::CreateQueue { queue } => written(store.create_queue(&queue, now)),
        Request::DropQueue { queue } => written(store.drop_queue(&queue)),
        Request::Spawn(spawn) => written(store.spawn(spawn, now)),
        Request::Claim(claiming) => written(store.claim_tasks(claiming, now)),
        Request::Sweep { queue } => written(store.sweep(&queue, now)),
        Request::Extend { claims, timeout_ms } => written(store.extend(claims, timeout_ms, now)),
        Request::Schedule { claim, wake_at } => written(store.schedule(claim, wake_at, now)),
        Request::Complete { claim, result } => written(store.complete(claim, result, now)),
        Request::Fail { claim, reason } => written(store.fail(claim, reason, now)),
        Request::Cancel { queue, task } => written(store.cancel(&queue, &task, now)),
        Request::SetCheckpoint { claim, name, state, timeout_ms } => {
            written(store.set_checkpoint(claim, name, state, timeout_ms, now))
        }
        Request::AwaitEvent { claim, step, event, timeout_ms } => {
            written(store.await_event(claim, step, event, timeout_ms, now))
        }
        Request::Emit { queue, event, payload, claim } => {
            written(store.emit(&queue, event, payload, claim, now))
        }
        Request::Close => written(store.close_tasks()),
    }
}

fn written<T: Serialize + Send + 'static>(pending: impl Future<Output = Done<T>> + Send + 'static) -> Answer {
    Box::pin(async move { json(pending.await) })
}

fn json<T: Serialize>(answer: Done<T>) -> Done<Value> {
    // Words, numbers and texts: nothing that JSON does not have.
    answer.map(|value| serde_json::to_value(value).unwrap_or_default())
}
