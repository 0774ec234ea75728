//! Fields of `meta` that mean nothing, and where its parts stand.

use oxc_ast::ast::{BindingPattern, Declaration, Expression, Statement};
use serde_json::Value;

use super::super::literal::{self, Known, Members, Places};
use super::super::view::View;
use super::super::{Found, Mention, Place, did_you_mean};
use crate::model::metadata::{KNOWN_FIELDS, KNOWN_PHASE_FIELDS};

/// `meta` as it stands in the source, with what the engine makes nothing of.
pub(super) struct Declared {
    value: Value,
    places: Places,
}

impl Declared {
    pub(super) fn read(view: &View<'_>) -> Self {
        match meta_of(view).and_then(|it| literal::json_with_places(view, it)) {
            Some((Known::Value(value), places)) => Self { value, places },
            _ => Self { value: Value::Null, places: Places::new() },
        }
    }

    /// The place of a part by its JSON pointer; where there is none, of the whole.
    pub(super) fn place(&self, pointer: &str) -> usize {
        let place = self.places.get(pointer).or_else(|| self.places.get(""));
        place.copied().unwrap_or_default()
    }

    /// The title of each phase with its place.
    pub(super) fn phases(&self) -> Vec<(&str, usize)> {
        let phases = self.value["phases"].as_array().map(Vec::as_slice).unwrap_or_default();
        let titles = phases.iter().enumerate().filter_map(|(index, phase)| {
            let title = phase.as_str().map(|title| (title, format!("/phases/{index}")));
            let title = title.or_else(|| Some((phase["title"].as_str()?, format!("/phases/{index}/title"))));
            title.map(|(title, pointer)| (title, self.place(&pointer)))
        });
        titles.collect()
    }
}

fn meta_of<'a>(view: &View<'a>) -> Option<&'a Expression<'a>> {
    view.program.body.iter().find_map(meta)
}

fn meta<'b, 'a>(statement: &'b Statement<'a>) -> Option<&'b Expression<'a>> {
    let Statement::ExportDeclaration(export) = statement else { return None };
    let Declaration::VariableDeclaration(variables) = &export.declaration else { return None };
    let mut declarators = variables.declarations.iter();
    let meta = declarators
        .find(|it| matches!(&it.id, BindingPattern::BindingIdentifier(name) if name.name == "meta"))?;
    meta.init.as_ref()
}

pub(super) fn check(view: &View<'_>, declared: &Declared, found: &mut Found) {
    let Some(members) = meta_of(view).and_then(|it| literal::members(view, it)) else { return };
    fields(&members, "meta", KNOWN_FIELDS, found);
    let phases = match members.get("phases").map(Expression::get_inner_expression) {
        Some(Expression::ArrayExpression(array)) => &array.elements[..],
        _ => &[],
    };
    for (index, phase) in phases.iter().enumerate() {
        let Some(members) = phase.as_expression().and_then(|it| literal::members(view, it)) else { continue };
        fields(&members, &format!("meta.phases[{index}]"), KNOWN_PHASE_FIELDS, found);
        let provider = &declared.value["phases"][index]["provider"];
        if let Some(provider) = provider.as_str().filter(|name| !name.is_empty()) {
            let at = Place(declared.place(&format!("/phases/{index}/provider")));
            found.mentions.push(Mention::Provider { name: provider.to_owned(), at });
        }
    }
}

fn fields(members: &Members<'_>, path: &str, known: &[&str], found: &mut Found) {
    for (name, at, _) in members.list.iter().filter(|(name, ..)| !known.contains(&name.as_str())) {
        let hint = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("the engine reads {}", known.join(", ")));
        found.raise("WARN_UNKNOWN_META", *at, format!("{path}.{name} means nothing to the engine"), hint);
    }
}
