//! Node.js: converts, and nothing else.
//!
//! One thread-safe function per run carries everything that Node.js has to hear, in order, as batches of JSON; the
//! TypeScript in `js/` parses them, calls the user's callbacks and catches what they throw.

pub mod agents;
pub mod check;
pub mod config;
mod lifetime;
mod mailbox;
mod observer;
mod options;
mod provider;
pub mod store;
pub mod tasks;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Function, Object, Result};
use napi_derive::napi;

use crate::engine::{Engine, Host, RunControl};
use crate::model::budget::BudgetChange;
use crate::model::error::WorkflowError;
use crate::model::json::{self, JsonText};
use crate::model::options::RunOptions;
use crate::model::store::StoreError;
use crate::providers::{self, Registry};
use crate::schema;
use crate::script;
use mailbox::{Mailbox, Message};
use observer::{NodeObserver, Wants};
use options::NativeRunOptions;
use provider::{HostCalls, NodeProvider, Traits};
use store::NativeStore;

/// A run, as Node.js holds it.
#[napi]
pub struct RunHandle {
    control: RunControl,
    calls: Arc<HostCalls>,
}

#[napi]
impl RunHandle {
    /// Asks the run to end; a second time ends it at once.
    #[napi]
    pub fn cancel(&self) -> Result<()> {
        self.control.cancel(Engine::shared().map_err(to_napi)?.handle());
        Ok(())
    }

    /// Leaves a durable run as it is, to be resumed later.
    #[napi]
    pub fn leave(&self) {
        self.control.leave();
    }

    /// The answer to an agent call: the output (a JSON document; absent for `undefined`) and what came with it
    /// (`{ usage?, sessionId?, raw? }`).
    #[napi]
    pub fn answer(&self, call: f64, output: Option<String>, extra: Option<String>) {
        self.calls.answer(call as u64, output, extra.as_deref());
    }

    /// What the agent of a call does, as JSON. Throws what is wrong with it.
    #[napi]
    pub fn progress(&self, call: f64, progress: String) -> Result<()> {
        guarded(|| self.calls.progress(call as u64, &progress).map_err(napi::Error::from_reason))
    }

    /// Others have changed the budget that the run shares with them: what was spent besides, and, if `new_total`,
    /// the total (`null` for no limit).
    #[napi]
    pub fn change_budget(&self, spent: f64, new_total: bool, total: Option<f64>) {
        self.control.change_budget(BudgetChange { spent, total: new_total.then_some(total) });
    }

    /// The failure of an agent call: `{ name, message, stack?, code? }` as JSON, and what is to be kept of it as JSON.
    #[napi]
    pub fn fail(&self, call: f64, error: String, raw: Option<String>) {
        self.calls.fail(call as u64, &error, raw.as_deref());
    }
}

/// Starts a run. `dispatch` gets batches of messages, each a JSON array, until one of them says `end`.
///
/// Throws an error whose message is `{ code, message, details }` as JSON for options that cannot be.
///
/// With a store the run is durable; `durable` says how: `{ id, resume?: { drift?, newSource, retryFailed }, host }` as
/// JSON.
#[napi(
    ts_args_type = "options: NativeRunOptions, dispatch: (batch: string) => void, store?: NativeStore | undefined, durable?: string | undefined"
)]
pub fn start_run(
    env: &Env,
    options: NativeRunOptions,
    dispatch: Function<String, ()>,
    store: Option<&NativeStore>,
    durable: Option<String>,
) -> Result<RunHandle> {
    guarded(|| {
        let durable = store.zip(durable).map(|(store, durable)| store.durable(&durable)).transpose()?;
        lifetime::watch(env)?;
        let mailbox = Mailbox::new(&dispatch)?;
        let calls = Arc::new(HostCalls::default());
        let (options, wants, setup) = options.convert().map_err(to_napi)?;
        let host = host(&options, wants, Registry::new(setup), &mailbox, &calls)?;
        let end = mailbox.clone();
        let engine = Engine::shared().map_err(to_napi)?;
        let control = engine
            .start(options, host, durable, Box::new(move |run_end| end.post(Message::End(run_end))))
            .map_err(to_napi)?;
        mailbox.bind(control.clone());
        lifetime::add(control.clone());
        Ok(RunHandle { control, calls })
    })
}

/// Who answers the agent calls of a run, and who watches it.
fn host(
    options: &RunOptions,
    mut wants: Wants,
    registry: Registry,
    mailbox: &Arc<Mailbox>,
    calls: &Arc<HostCalls>,
) -> Result<Host> {
    let node = |traits: Traits| -> Arc<dyn providers::Provider> {
        Arc::new(NodeProvider::new(traits, options.cwd.clone(), mailbox.clone(), calls.clone()))
    };
    let named: BTreeMap<String, Arc<dyn providers::Provider>> = std::mem::take(&mut wants.named)
        .into_iter()
        .filter_map(|it| Some((it.name.clone()?, node(it))))
        .collect();
    let lookup = move |name: &str| named.get(name).cloned().or_else(|| registry.by_name(name));
    let provider = match wants.custom_provider.take() {
        Some(traits) => node(traits),
        None => lookup(&options.provider).ok_or_else(|| {
            napi::Error::from_reason(crate::engine::unknown_provider(&options.provider).message)
        })?,
    };
    Ok(Host {
        handler: wants.handler.then(|| node(Traits::default())),
        provider,
        lookup: Arc::new(lookup),
        observer: Arc::new(NodeObserver::new(mailbox.clone(), wants)),
    })
}

/// The metadata of a workflow source as JSON, or `null` if it has none that is valid.
#[napi]
pub fn read_metadata(source: String) -> Result<Option<String>> {
    guarded(|| Ok(script::read_metadata(&source).and_then(|meta| serde_json::to_string(&meta).ok())))
}

/// The workflows that can be run by name in a project (an absolute path), as JSON: `{ folders, files }`.
#[napi(ts_return_type = "Promise<string>")]
pub fn list_workflows(env: &Env, project: String) -> Result<Object<'_>> {
    guarded(|| {
        let engine = Engine::shared().map_err(to_napi)?;
        let (deferred, promise) = env.create_deferred()?;
        engine.list_workflows(PathBuf::from(project), move |library| {
            let json = library.map_err(to_napi).and_then(|library| {
                serde_json::to_string(&library).map_err(|error| napi::Error::from_reason(error.to_string()))
            });
            deferred.resolve(move |_| json);
        });
        Ok(promise)
    })
}

/// A value in the shape of a JSON Schema, as JSON; `null` stands for `undefined`.
#[napi]
pub fn sample_schema(schema: String) -> Result<Option<String>> {
    guarded(|| {
        let schema = json::parse(&schema)
            .map_err(|error| napi::Error::from_reason(format!("the schema cannot be read: {error}")))?;
        Ok(schema::sample(&schema).map(|value| JsonText::from_value(&value).as_str().to_owned()))
    })
}

/// The names of the providers that are built in.
#[napi]
pub fn provider_names() -> Vec<String> {
    providers::NAMES.iter().map(|name| (*name).to_owned()).collect()
}

/// The version of the engine.
#[napi]
pub fn engine_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// A panic must not leave an export: it would end the host.
fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(napi::Error::from_reason("internal error of the workflow engine: a panic in the binding"))
    })
}

/// An error on its way to `js/errors.ts`, which makes a `WorkflowError` of it.
fn to_napi(error: WorkflowError) -> napi::Error {
    napi::Error::from_reason(mailbox::error_json(&error).to_string())
}

fn store_error(error: StoreError) -> napi::Error {
    to_napi(error.into())
}
