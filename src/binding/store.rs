//! The store of durable runs, for Node.js: JSON in, JSON out.

use std::path::Path;
use std::sync::Arc;

use napi::bindgen_prelude::{Object, Result};
use napi::{Env, Error};
use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{guarded, store_error, to_napi};
use crate::engine::durable::{Again, Durable, How, Store, host_options, open_store};
use crate::engine::{Engine, inspect, journal, processes};
use crate::model::error::WorkflowError;
use crate::model::ids::RunId;
use crate::model::journal::{CancelRequest, Filter, RawOutput, RunRecord, RunStatus, RunSummary, Selection};
use crate::model::json::JsonText;
use crate::model::options::DEFAULT_KEEP_OUTPUT;
use crate::model::store::{StoreLimits, StoreOptions, Synchronous};

/// A store that is open.
#[napi]
pub struct NativeStore(Arc<dyn Store>);

/// How a store is opened: `{ synchronous?: 'full' | 'normal', create?, readOnly?, limits? }`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    synchronous: Option<String>,
    create: Option<bool>,
    read_only: Option<bool>,
    limits: Option<StoreLimits>,
}

/// Which runs: `{ status?: [], name?, since?, until?, finishedBefore?, limit? }`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    ids: Option<Vec<String>>,
    status: Vec<String>,
    name: Option<String>,
    since: Option<u64>,
    until: Option<u64>,
    finished_before: Option<u64>,
    limit: Option<u32>,
}

/// How a run is made durable: `{ id, keepOutput?, resume?: { drift?, newSource, retryFailed, from?, forkOf?, newArgs }, host }`. `from`
/// is the number of a call, or the title of a phase. `keepOutput`: what agents print is kept, too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    id: String,
    keep_output: Option<bool>,
    resume: Option<Resume>,
    #[serde(default)]
    host: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resume {
    #[serde(flatten)]
    again: Again,
    fork_of: Option<String>,
    #[serde(default)]
    new_args: bool,
}

#[napi]
impl NativeStore {
    /// Opens the store in a file. Throws an error whose message is `{ code, message, details }` as JSON.
    #[napi(constructor)]
    pub fn new(path: String, options: String) -> Result<Self> {
        guarded(|| {
            let options: Options = read(&options)?;
            let default = StoreOptions::default();
            let synchronous = match options.synchronous.as_deref() {
                None | Some("full") => Synchronous::Full,
                Some("normal") => Synchronous::Normal,
                Some(other) => {
                    let message = format!("must be \"full\" or \"normal\", got {other:?}");
                    return Err(to_napi(WorkflowError::Option { option: "synchronous".to_owned(), message }));
                }
            };
            let options = StoreOptions {
                synchronous,
                create: options.create.unwrap_or(default.create),
                read_only: options.read_only.unwrap_or(default.read_only),
                limits: options.limits.unwrap_or(default.limits),
                ..default
            };
            open_store(Path::new(&path), options).map(Self).map_err(store_error)
        })
    }

    /// The runs that fit, the newest first, as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn list<'env>(&self, env: &'env Env, wanted: String) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || {
            let filter = filter(&read(&wanted)?)?;
            let runs = inspect::runs(&*store, &filter).map_err(store_error)?;
            Ok(Value::Array(runs.iter().map(summary).collect()))
        })
    }

    /// Everything about a run but its journal, as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn inspect<'env>(&self, env: &'env Env, id: String) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || {
            inspect::run(&*store, &RunId(id.into())).map(|record| whole(&record)).map_err(store_error)
        })
    }

    /// At most `limit` events of a run from `from` on: `{ events, next }` as JSON. `next` is where to go on.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn events<'env>(&self, env: &'env Env, id: String, from: f64, limit: u32) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || {
            let entries =
                store.entries(&RunId(id.as_str().into()), from as u64, limit).map_err(store_error)?;
            let next = entries.last().map_or(from as u64, |entry| entry.seq + 1);
            let events: Vec<Value> = entries
                .iter()
                .filter_map(|entry| {
                    let mut event = journal::read::shown(entry)?;
                    event["runId"] = json!(id);
                    event["seq"] = json!(entry.seq);
                    event["at"] = json!(entry.at);
                    Some(event)
                })
                .collect();
            Ok(json!({ "events": events, "next": next }))
        })
    }

    /// What the agent of a call has printed, attempt by attempt: `{ call, attempt, at, raw }[]` as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn output<'env>(&self, env: &'env Env, id: String, call: f64) -> Result<Object<'env>> {
        let store = self.0.clone();
        writing(env, move || {
            let outputs = inspect::output(&*store, &RunId(id.into()), call as u64).map_err(to_napi)?;
            // As it stands: what somebody else has written need not be JSON for anybody but JavaScript.
            let written = outputs.iter().map(|RawOutput { call, attempt, at, raw, .. }| {
                format!(r#"{{"call":{call},"attempt":{attempt},"at":{at},"raw":{}}}"#, raw.as_str())
            });
            Ok(format!("[{}]", written.collect::<Vec<_>>().join(",")))
        })
    }

    /// The runs whose owners are gone, as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn orphans<'env>(&self, env: &'env Env, now: f64) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || {
            let runs = store.orphans(now as u64).map_err(store_error)?;
            Ok(Value::Array(runs.iter().map(summary).collect()))
        })
    }

    /// The suspended runs that somebody should take up now, and when the next one will be due by time:
    /// `{ due: [], next }` as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn wakes<'env>(&self, env: &'env Env, now: f64) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || {
            let due = store.due(now as u64).map_err(store_error)?;
            let next = store.next_wake(now as u64).map_err(store_error)?;
            Ok(json!({ "due": due.iter().map(summary).collect::<Vec<_>>(), "next": next }))
        })
    }

    /// The ids of the suspended runs, as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn suspended<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || Ok(json!(store.suspended().map_err(store_error)?)))
    }

    /// Asks whoever owns a run to cancel it; the run as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn request_cancel<'env>(
        &self,
        env: &'env Env,
        id: String,
        reason: String,
        now: f64,
    ) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || {
            let request = CancelRequest { at: now as u64, reason };
            let runtime = Engine::shared().map_err(to_napi)?.handle();
            let asked = processes::request_cancel(store.clone(), RunId(id.into()), request);
            let mut run = runtime.block_on(asked).map_err(store_error)?;
            inspect::spent(&*store, &mut run).map_err(store_error)?;
            Ok(summary(&run))
        })
    }

    /// Deletes runs, or says what that would be: `{ runs, entries, bytes, fileBytes }` as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn delete<'env>(
        &self,
        env: &'env Env,
        wanted: String,
        dry_run: bool,
        now: f64,
    ) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || {
            let mut wanted: Wanted = read(&wanted)?;
            let selection = match wanted.ids.take() {
                Some(ids) => Selection::Ids(ids.into_iter().map(|id| RunId(id.into())).collect()),
                None => Selection::Filter(filter(&wanted)?),
            };
            let deleted = store.delete(selection, dry_run, now as u64).wait().map_err(store_error)?;
            Ok(json!({
                "runs": deleted.runs, "entries": deleted.entries, "bytes": deleted.bytes, "fileBytes": deleted.file_bytes,
            }))
        })
    }

    /// What is wrong with the store, as an array of texts in JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn verify<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || store.verify().map(|found| json!(found)).map_err(store_error))
    }

    /// Writes what is waiting and closes the store.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let store = self.0.clone();
        blocking(env, move || store.close().wait().map(|()| Value::Null).map_err(store_error))
    }
}

impl NativeStore {
    /// What makes a run one of this store.
    pub(super) fn durable(&self, wish: &str) -> Result<Durable> {
        let Wish { id, keep_output, resume, host } = read(wish)?;
        let how = match resume {
            None => How::Start,
            Some(Resume { again, fork_of: Some(of), new_args }) => {
                How::Fork { of: RunId(of.into()), again, new_args }
            }
            Some(Resume { again, .. }) => How::Resume(again),
        };
        let host_options = JsonText::from_value(&host);
        let keep_output = keep_output.unwrap_or(DEFAULT_KEEP_OUTPUT);
        Ok(Durable { store: self.0.clone(), id: RunId(id.into()), how, keep_output, host_options })
    }
}

fn filter(wanted: &Wanted) -> Result<Filter> {
    let status = wanted.status.iter().map(|word| {
        RunStatus::parse(word).ok_or_else(|| {
            let known = RunStatus::ALL.map(RunStatus::as_str).join(", ");
            let message = format!("there is no status {word:?}; there are {known}");
            to_napi(WorkflowError::Option { option: "status".to_owned(), message })
        })
    });
    Ok(Filter {
        status: status.collect::<Result<_>>()?,
        name: wanted.name.clone(),
        since: wanted.since,
        until: wanted.until,
        finished_before: wanted.finished_before,
        limit: wanted.limit,
    })
}

fn summary(run: &RunSummary) -> Value {
    let owner =
        run.owner.as_ref().map(|owner| json!({ "pid": owner.pid, "host": owner.host, "alive": owner.alive }));
    json!({
        "id": run.id, "name": run.name, "status": run.status, "blockedOn": value(&run.blocked_on), "wakeAt": run.wake_at,
        "owner": owner, "createdAt": run.created_at, "updatedAt": run.updated_at, "finishedAt": run.finished_at,
        "spent": run.spent, "cancelRequested": run.cancel.as_ref().map(|cancel| &cancel.reason), "forkOf": run.fork_of,
        "lastSeq": run.last_seq,
    })
}

/// A text that the store keeps, as a value; `null` if there is none.
fn value(text: &Option<JsonText>) -> Value {
    text.as_ref().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn whole(record: &RunRecord) -> Value {
    let mut run = summary(&record.summary);
    run["script"] = json!(&*record.source.name);
    run["args"] = value(&record.args);
    run["result"] = value(&record.result);
    run["error"] = value(&record.error);
    run["options"] = host_options(record).unwrap_or_default();
    run
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::from_reason(error.to_string()))
}

/// Does what may take a while on a thread where nobody waits for it.
fn blocking<'env>(
    env: &'env Env,
    work: impl FnOnce() -> Result<Value> + Send + 'static,
) -> Result<Object<'env>> {
    writing(env, || work().map(|value| value.to_string()))
}

/// The same of what is written as JSON already.
fn writing<'env>(
    env: &'env Env,
    work: impl FnOnce() -> Result<String> + Send + 'static,
) -> Result<Object<'env>> {
    guarded(|| {
        let engine = Engine::shared().map_err(to_napi)?;
        let (deferred, promise) = env.create_deferred()?;
        engine.handle().spawn_blocking(move || {
            let done = guarded(work);
            deferred.resolve(move |_| done);
        });
        Ok(promise)
    })
}
