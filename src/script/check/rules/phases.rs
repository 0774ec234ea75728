//! Phases that `meta.phases` does not have, and phases there that nothing names.

use std::collections::BTreeSet;

use super::super::literal;
use super::super::view::{Hook, View, argument};
use super::super::{Found, did_you_mean, nearest};
use super::metadata::Declared;
use crate::model::metadata::WorkflowMetadata;

pub(super) fn check(view: &View<'_>, metadata: &WorkflowMetadata, declared: &Declared, found: &mut Found) {
    let phases = metadata.phases.as_deref().unwrap_or_default();
    if phases.is_empty() || changes_meta(view) {
        return;
    }
    let mut named = BTreeSet::new();
    let mut may_be_others = view.hooks_escape;
    let titles = titles(view, &mut may_be_others);
    for (title, at) in titles {
        let is_known = title.is_empty() || phases.iter().any(|phase| phase.title == title);
        if !named.insert(title.clone()) || is_known {
            continue;
        }
        let known: Vec<&str> = phases.iter().map(|phase| phase.title.as_str()).collect();
        // The phase that is meant is not unused on top of that.
        named.extend(nearest(&title, known.iter().copied()).map(str::to_owned));
        let hint = did_you_mean(&title, known.iter().copied())
            .unwrap_or_else(|| format!("it has {}", known.join(", ")));
        found.raise("WARN_UNKNOWN_PHASE", at, format!("meta.phases has no phase '{title}'"), hint);
    }
    if may_be_others {
        return;
    }
    for (title, at) in declared.phases() {
        if named.insert(title.to_owned()) {
            let hint = format!("name it with phase('{title}') or the option phase of agent(), or remove it");
            found.raise("WARN_UNUSED_PHASE", at, format!("nothing names the phase '{title}'"), hint);
        }
    }
}

/// A module may change its `meta` before its entry is called.
fn changes_meta(view: &View<'_>) -> bool {
    let meta = view.scoping().get_root_binding("meta".into());
    meta.is_some_and(|symbol| view.is_changed(symbol))
}

/// All titles that the script names, in order of their places; sets `others` if there may be more.
fn titles(view: &View<'_>, others: &mut bool) -> Vec<(String, usize)> {
    let mut titles = Vec::new();
    for (hook, call) in &view.calls {
        let title = match hook {
            Hook::Phase => argument(call, 0),
            Hook::Agent => match argument(call, 1) {
                // `agent('x')` names none; `agent(...all)` may.
                None => {
                    *others |= call.arguments.iter().any(|it| it.is_spread());
                    continue;
                }
                Some(options) => match literal::members(view, options) {
                    None => {
                        *others = true;
                        continue;
                    }
                    Some(members) => {
                        *others |= members.open;
                        match members.get("phase") {
                            None => continue,
                            title => title,
                        }
                    }
                },
            },
            _ => continue,
        };
        match title.and_then(|title| literal::texts(view, title)) {
            Some(texts) => titles.extend(texts),
            None => *others = true,
        }
    }
    titles.sort_by_key(|(_, at)| *at);
    titles
}
