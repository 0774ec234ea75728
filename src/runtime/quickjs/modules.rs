//! Modules that scripts may import. There are none yet: every import is refused with a reason.
//!
//! Imports that a reader can see are refused before anything runs; this is for names under `workflow:`, where the
//! sandbox's own modules will be.

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Exception, Module, Result};

/// Resolves and loads nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoModules;

impl Resolver for NoModules {
    fn resolve<'js>(
        &mut self,
        _ctx: &Ctx<'js>,
        _base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        Ok(name.to_owned())
    }
}

impl Loader for NoModules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let message =
            format!("workflow scripts cannot import '{name}': this version of the engine has no such module");
        Err(Exception::throw_reference(ctx, &message))
    }
}
