//! Checks of sources, for Node.js: options in, a promise of JSON out. Nothing is looked at on its thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use napi::bindgen_prelude::{Object, Result};
use napi::{Env, Error};
use napi_derive::napi;

use super::{guarded, options, to_napi};
use crate::engine::Engine;
use crate::engine::check::{CheckOptions, check};
use crate::model::error::WorkflowError;
use crate::model::options::SourceRef;

/// What `checkWorkflow` is given: a path or a source.
#[napi(object)]
pub struct NativeCheckOptions {
    pub script_path: Option<String>,
    pub source: Option<String>,
    pub source_name: Option<String>,
    pub cwd: Option<String>,
    /// `none` or `relative`.
    pub imports: Option<String>,
}

impl NativeCheckOptions {
    fn convert(self) -> std::result::Result<CheckOptions, WorkflowError> {
        let source = match (self.script_path, self.source) {
            (Some(path), None) => SourceRef::Path(PathBuf::from(path)),
            (None, Some(source)) => SourceRef::text(source, self.source_name),
            _ => {
                let message = "give either scriptPath or source".to_owned();
                return Err(WorkflowError::Option { option: "scriptPath".to_owned(), message });
            }
        };
        let imports = options::imports(self.imports.as_deref())?;
        Ok(CheckOptions { cwd: self.cwd.map(PathBuf::from), imports, ..CheckOptions::new(source) })
    }
}

/// Checks a workflow without running it: `{ file, ok, form?, metadata?, findings }` as JSON. Whatever is wrong with the
/// script is a finding; the promise rejects for defects of the engine only.
#[napi(ts_return_type = "Promise<string>")]
pub fn check_workflow(env: &Env, options: NativeCheckOptions) -> Result<Object<'_>> {
    guarded(|| {
        let options = options.convert().map_err(to_napi)?;
        let engine = Engine::shared().map_err(to_napi)?;
        let (deferred, promise) = env.create_deferred()?;
        engine.handle().spawn_blocking(move || {
            let checked = catch_unwind(AssertUnwindSafe(|| serde_json::to_string(&check(&options))));
            match checked {
                Ok(Ok(json)) => deferred.resolve(move |_| Ok(json)),
                _ => deferred.reject(Error::from_reason("internal error: the check failed")),
            }
        });
        Ok(promise)
    })
}
