//! Whether the modules of a workflow fit together: each name that one imports is exported by the other.
//!
//! Linking would find out as well, but without the place. Knows names, not files or values.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use oxc_syntax::module_record::{ExportExportName, ExportImportName, ImportImportName, ModuleRecord};

use crate::model::script::Helpers;

const DEFAULT: &str = "default";

/// The names that one module takes from others, and those that it has for them.
#[derive(Debug, Default)]
pub(super) struct Links {
    wanted: Vec<Wanted>,
    exports: HashSet<String>,
    /// Exports that are another module's: the specifier, and the name there.
    passed_on: HashMap<String, (String, String)>,
    /// Specifiers of the modules all of whose exports are passed on.
    stars: Vec<String>,
}

/// A name that is taken from another module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Byte offset.
    pub(super) at: usize,
    pub(super) specifier: String,
    pub(super) name: String,
}

impl Links {
    pub(super) fn of(record: &ModuleRecord<'_>) -> Self {
        let mut links = Self::default();
        for import in record.import_entries.iter().filter(|import| !import.is_type) {
            let (at, name) = match &import.import_name {
                ImportImportName::Name(name) => (name.span, name.name.as_str()),
                ImportImportName::Default(span) => (*span, DEFAULT),
                ImportImportName::NamespaceObject => continue,
            };
            links.want(at.start, import.module_request.name.as_str(), name);
        }
        for export in &record.local_export_entries {
            links.exports.extend(exported(&export.export_name));
        }
        for export in &record.indirect_export_entries {
            let (Some(name), Some(module)) = (exported(&export.export_name), &export.module_request) else {
                continue;
            };
            let specifier = module.name.as_str();
            match &export.import_name {
                ExportImportName::Name(source) => {
                    links.want(source.span.start, specifier, source.name.as_str());
                    links.passed_on.insert(name, (specifier.to_owned(), source.name.to_string()));
                }
                // `export * as name from`
                _ => drop(links.exports.insert(name)),
            }
        }
        let stars = record.star_export_entries.iter().filter_map(|export| export.module_request.as_ref());
        links.stars = stars.map(|module| module.name.to_string()).collect();
        links
    }

    fn want(&mut self, at: u32, specifier: &str, name: &str) {
        let (specifier, name) = (specifier.to_owned(), name.to_owned());
        self.wanted.push(Wanted { at: at as usize, specifier, name });
    }

    /// Every name that is exported here itself, in the order of the alphabet.
    fn own(&self) -> Vec<&str> {
        let mut own: Vec<_> = self.exports.iter().chain(self.passed_on.keys()).map(String::as_str).collect();
        own.sort_unstable();
        own
    }
}

fn exported(name: &ExportExportName<'_>) -> Option<String> {
    match name {
        ExportExportName::Name(name) => Some(name.name.to_string()),
        ExportExportName::Default(_) => Some(DEFAULT.to_owned()),
        ExportExportName::Null => None,
    }
}

/// A name that no module has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unlinked {
    /// The module that wants it.
    pub(super) importer: Arc<str>,
    pub(super) wanted: Wanted,
    /// What there is instead.
    pub(super) exports: Vec<String>,
}

/// The first name of the first module, in the order given, that is not there.
pub(super) fn unlinked(
    modules: &HashMap<Arc<str>, Links>,
    order: &[Arc<str>],
    helpers: &Helpers,
) -> Option<Unlinked> {
    let graph = Graph { modules, helpers };
    order.iter().find_map(|importer| {
        let links = modules.get(importer)?;
        let missing = links
            .wanted
            .iter()
            .find(|wanted| !graph.has(importer, &wanted.specifier, &wanted.name, &mut HashSet::new()))?;
        let target =
            graph.target(importer, &missing.specifier).map_or_else(Vec::new, |(_, links)| links.own());
        let exports = target.into_iter().map(str::to_owned).collect();
        Some(Unlinked { importer: importer.clone(), wanted: missing.clone(), exports })
    })
}

struct Graph<'a> {
    modules: &'a HashMap<Arc<str>, Links>,
    helpers: &'a Helpers,
}

impl<'a> Graph<'a> {
    fn target(&self, importer: &Arc<str>, specifier: &str) -> Option<(&'a Arc<str>, &'a Links)> {
        let name = self.helpers.imports.get(&(importer.clone(), specifier.into()))?;
        Some((name, self.modules.get(name)?))
    }

    /// Whether what a specifier means exports a name; modules that are not known here are left to the sandbox.
    /// `seen` holds the modules and names on the way, since modules may pass on each other's names.
    fn has(
        &self,
        importer: &Arc<str>,
        specifier: &str,
        name: &str,
        seen: &mut HashSet<(Arc<str>, String)>,
    ) -> bool {
        let Some((module, links)) = self.target(importer, specifier) else { return true };
        if !seen.insert((module.clone(), name.to_owned())) {
            return false;
        }
        if links.exports.contains(name) {
            return true;
        }
        if let Some((specifier, source)) = links.passed_on.get(name) {
            return self.has(module, specifier, source, seen);
        }
        name != DEFAULT && links.stars.iter().any(|specifier| self.has(module, specifier, name, seen))
    }
}
