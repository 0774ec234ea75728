//! Built-in providers on their own, for Node.js: what an object of `js/agent-providers` stands for. And the end of the
//! processes that they have started.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use napi::bindgen_prelude::{Object, Result};
use napi::{Env, Error};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use super::{guarded, lifetime, to_napi};
use crate::engine::Engine;
use crate::model::error::ErrorData;
use crate::model::ids::CallId;
use crate::model::json::{self, JsonText};
use crate::model::outcome::AgentOutput;
use crate::model::request::{AgentOptions, AgentRequest};
use crate::providers::settings::options_by_provider;
use crate::providers::{AttemptContext, Provider, Registry, Setup, process};
use crate::schema;

/// A built-in provider with its options.
#[napi]
pub struct NativeProvider(Arc<dyn Provider>);

/// One call of a provider: everything that is not text is JSON.
#[napi(object)]
pub struct NativeProviderCall {
    /// Absent for `undefined`.
    pub prompt: Option<String>,
    /// Absent for `undefined`.
    pub options: Option<String>,
    pub cwd: Option<String>,
}

/// Ends the call that it was given to.
#[napi]
#[derive(Default)]
pub struct NativeAbort(CancellationToken);

#[napi]
impl NativeAbort {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    #[napi]
    pub fn abort(&self) {
        self.0.cancel();
    }
}

#[napi]
impl NativeProvider {
    /// `options` is an object with the options under the provider's name, as JSON.
    #[napi(constructor)]
    pub fn new(name: String, options: Option<String>) -> Result<Self> {
        guarded(|| {
            let mut setup = Setup::new(schema::sample);
            if let Some(text) = &options {
                setup.settings = options_by_provider(text, &setup.aliases).map_err(to_napi)?;
            }
            let provider = Registry::new(setup).by_name(&name);
            provider
                .map(Self)
                .ok_or_else(|| Error::from_reason(crate::engine::unknown_provider(&name).message))
        })
    }

    /// Runs one call: `{ output?, usage?, sessionId?, raw? }` as JSON. Rejects with an error whose message is
    /// `{ name, message, code?, hint? }` as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn run<'env>(
        &self,
        env: &'env Env,
        call: NativeProviderCall,
        abort: &NativeAbort,
    ) -> Result<Object<'env>> {
        guarded(|| {
            lifetime::watch(env)?;
            let (request, context) = call.convert()?;
            let engine = Engine::shared().map_err(to_napi)?;
            let (deferred, promise) = env.create_deferred()?;
            let (provider, aborted, over) = (self.0.clone(), abort.0.clone(), lifetime::end());
            engine.handle().spawn(async move {
                let answer = AssertUnwindSafe(async { provider.run(Arc::new(request), context).await });
                let answer = tokio::select! {
                    biased;
                    () = aborted.cancelled() => Err(Error::from_reason("aborted")),
                    () = over.cancelled() => Err(Error::from_reason("aborted")),
                    answer = answer.catch_unwind() => match answer {
                        Ok(Ok(output)) => Ok(to_json(&output)),
                        Ok(Err(failure)) => Err(thrown(&failure.error)),
                        Err(_) => Err(Error::from_reason("internal error of the workflow engine: the provider panicked")),
                    },
                };
                deferred.resolve(move |_| answer);
            });
            Ok(promise)
        })
    }
}

impl NativeProviderCall {
    fn convert(self) -> Result<(AgentRequest, AttemptContext)> {
        let parsed = match &self.options {
            Some(text) => {
                let options = json::parse(text).map_err(|error| Error::from_reason(error.to_string()))?;
                AgentOptions::parse(&options).map_err(|error| thrown(&error))?
            }
            None => AgentOptions::default(),
        };
        let request = AgentRequest {
            prompt: self.prompt.map(JsonText::new),
            options: self.options.map(JsonText::new),
            parsed,
        };
        let context = AttemptContext {
            cwd: self.cwd.map(PathBuf::from),
            raw: true,
            ..AttemptContext::new(CallId(0), 1)
        };
        Ok((request, context))
    }
}

fn to_json(output: &AgentOutput) -> String {
    let session = output.session_id.as_deref().map(JsonText::from_str_value);
    let fields = [
        ("output", output.output.as_ref()),
        ("usage", output.usage.report.as_ref()),
        ("sessionId", session.as_ref()),
        ("raw", output.raw.as_ref()),
    ];
    let written =
        fields.into_iter().filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?.as_str())));
    format!("{{{}}}", written.collect::<Vec<_>>().join(","))
}

/// An error on its way to `js/agent-providers`, which makes one of its class.
fn thrown(error: &ErrorData) -> Error {
    Error::from_reason(serde_json::to_string(error).unwrap_or_else(|_| error.headline()))
}

/// Ends every process that was started here and resolves when nothing is left of them.
#[napi(ts_return_type = "Promise<void>")]
pub fn end_processes(env: &Env) -> Result<Object<'_>> {
    /// Beyond the longest grace of a process, and a second.
    const LIMIT: Duration = Duration::from_secs(4);
    guarded(|| {
        let engine = Engine::shared().map_err(to_napi)?;
        let (deferred, promise) = env.create_deferred()?;
        engine.handle().spawn(async move {
            process::shutdown(LIMIT).await;
            deferred.resolve(|_| Ok(()));
        });
        Ok(promise)
    })
}

/// Kills every process that was started here, now.
#[napi]
pub fn kill_processes() {
    // A panic must not leave an export.
    drop(std::panic::catch_unwind(process::kill_all));
}
