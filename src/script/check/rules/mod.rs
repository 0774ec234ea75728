//! The rules, one file each: what there is to find in a script that loads.
//!
//! A rule raises what would fail where the script gets there (`ERR_…`), or what hardly anybody means (`WARN_…`). Where
//! it cannot be sure it says nothing: a finding that is wrong costs more trust than a missed one.

mod arguments;
mod awaits;
mod defaults;
mod extra;
mod functions;
mod globals;
mod loops;
mod mentions;
mod metadata;
mod options;
mod phases;
mod shadows;

use oxc_semantic::Semantic;

use super::super::parse::Parsed;
use super::Found;
use super::view::View;
use crate::model::metadata::WorkflowMetadata;
use crate::model::script::ScriptForm;

/// Looks at a script through all rules.
pub(super) fn run<'a>(
    parsed: &'a Parsed<'a>,
    form: ScriptForm,
    semantic: &'a Semantic<'a>,
    metadata: Option<&WorkflowMetadata>,
    found: &mut Found,
) {
    let view = View::new(&parsed.program, form, semantic);
    globals::check(&view, found);
    shadows::check(&view, found);
    arguments::check(&view, found);
    awaits::check(&view, found);
    functions::check(&view, found);
    options::check(&view, found);
    loops::check(&view, found);
    defaults::check(&view, found);
    mentions::check(&view, found);
    extra::check(&view, found);
    if let Some(metadata) = metadata {
        let declared = metadata::Declared::read(&view);
        metadata::check(&view, &declared, found);
        phases::check(&view, metadata, &declared, found);
    }
}
