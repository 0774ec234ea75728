//! Modules that scripts may import: the sandbox's own, the helpers that were read together with the script, and no others.
//!
//! Imports that a reader can see are refused before anything runs; what is refused here are names under `workflow:` that
//! there are not, and names that code makes up while it runs.

use std::sync::Arc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Exception, Module, Result};

use super::globals::Extra;
use crate::model::script::Helpers;

/// Resolves and loads the helpers of one script.
#[derive(Clone, Debug)]
pub(super) struct HelperModules(pub(super) Arc<Helpers>);

impl Resolver for HelperModules {
    fn resolve<'js>(
        &mut self,
        _ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let helper = self.0.imports.get(&(base.into(), name.into()));
        Ok(helper.map_or_else(|| name.to_owned(), |helper| helper.to_string()))
    }
}

impl Loader for HelperModules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if let Some(code) = self.0.code.get(name) {
            return Module::declare(ctx.clone(), name, &**code);
        }
        if name == "workflow:extra" {
            return Module::declare_def::<Extra, _>(ctx.clone(), name);
        }
        let message =
            format!("workflow scripts cannot import '{name}': this version of the engine has no such module");
        Err(Exception::throw_reference(ctx, &message))
    }
}
