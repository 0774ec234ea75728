//! The configuration and the state of the programs behind the providers, for Node.js: JSON in, JSON out.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt as _;
use napi::bindgen_prelude::{Object, Result};
use napi::{Env, Error};
use napi_derive::napi;

use super::{guarded, to_napi};
use crate::engine::Engine;
use crate::model::json;
use crate::model::provider::{CLI_NAMES, ProviderSettings};
use crate::providers;
use crate::providers::doctor::{self, Surroundings};
use crate::providers::settings::Config;

/// Puts the configuration together: `{ config, providers, unknownVariables }` as JSON. `text` is the text of a file,
/// absent if there is none, `file` what messages call it, and `env` the variables, as a JSON object.
///
/// Throws an error whose message is `{ code, message, details }` as JSON; the code is `ERR_CONFIG`.
#[napi]
pub fn resolve_config(text: Option<String>, file: String, env: String) -> Result<String> {
    guarded(|| {
        let variables: BTreeMap<String, String> = from_json(&env)?;
        let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let clis = CLI_NAMES.iter().filter(|name| !providers::NAMES.contains(name));
        let known: Vec<&str> = providers::NAMES.iter().chain(clis).copied().collect();
        let resolved = Config::resolve(text.as_deref(), &file, variables, &known).map_err(to_napi)?;
        to_json(&resolved)
    })
}

/// Looks at the programs behind the providers: `{ git, providers }` as JSON. `cwd` is the project (an absolute path),
/// `settings` those of the providers as `resolveConfig` gives them, `timeoutMs` the most that one program may take.
#[napi(ts_return_type = "Promise<string>")]
pub fn examine_providers(
    env: &Env,
    cwd: String,
    settings: String,
    timeout_ms: Option<f64>,
) -> Result<Object<'_>> {
    guarded(|| {
        let settings: BTreeMap<String, ProviderSettings> = from_json(&settings)?;
        let mut around = Surroundings::of_process(PathBuf::from(cwd));
        if let Some(ms) = timeout_ms {
            around.timeout = Duration::try_from_secs_f64(ms / 1000.0)
                .map_err(|error| Error::from_reason(format!("timeoutMs: {error}")))?;
        }
        let engine = Engine::shared().map_err(to_napi)?;
        let (deferred, promise) = env.create_deferred()?;
        engine.handle().spawn(async move {
            let examined = AssertUnwindSafe(doctor::examine(&around, &settings)).catch_unwind().await;
            match examined.map(|report| to_json(&report)) {
                Ok(json) => deferred.resolve(move |_| json),
                Err(_) => deferred.reject(Error::from_reason("internal error: the examination failed")),
            }
        });
        Ok(promise)
    })
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    let value = json::parse(text).map_err(|error| Error::from_reason(error.to_string()))?;
    serde_json::from_value(value).map_err(|error| Error::from_reason(error.to_string()))
}

fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::from_reason(error.to_string()))
}
