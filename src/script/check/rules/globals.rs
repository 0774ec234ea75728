//! Names that nothing defines, and globals that refuse to work because a run could not be repeated with them.
//!
//! A name that the script asks for with `typeof`, or uses where errors are caught, is its own business.

use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_semantic::{NodeId, Reference};
use oxc_span::GetSpan;

use super::super::view::{View, is_function};
use super::super::{Found, did_you_mean};
use crate::model::globals::{HOOKS, STANDARD, instead_of};

/// So many names are compared with all others in search of a typing error.
const MAX_GUESSES: usize = 100;

pub(super) fn check(view: &View<'_>, found: &mut Found) {
    unknown(view, found);
    for node in view.nodes().iter() {
        let refused = match node.kind() {
            AstKind::CallExpression(call) => refused_call(view, &call.callee),
            AstKind::NewExpression(new)
                if view.is_global(&new.callee, "Date") && new.arguments.is_empty() =>
            {
                Some(Refused::NewDate)
            }
            AstKind::NewExpression(new) if view.is_global(&new.callee, "Function") => Some(Refused::Code),
            _ => None,
        };
        if let Some(refused) = refused.filter(|_| !view.is_caught(node.id())) {
            refused.raise(node.span().start as usize, found);
        }
    }
}

#[derive(Clone, Copy)]
enum Refused {
    DateNow,
    Date,
    NewDate,
    Random,
    Code,
}

impl Refused {
    fn raise(self, at: usize, found: &mut Found) {
        const CLOCK: &str = "pass a timestamp in args; new Date(args.now) works, in UTC";
        let (what, hint) = match self {
            Self::DateNow => ("Date.now()", CLOCK),
            Self::Date => ("Date()", CLOCK),
            Self::NewDate => ("new Date()", CLOCK),
            Self::Random => ("Math.random()", "pass a seed in args, or vary by index"),
            Self::Code => {
                let message = "Function() makes no code from strings in workflow scripts";
                return found.raise("ERR_CODE_FROM_TEXT", at, message, "write the function out");
            }
        };
        let message = format!("{what} is not available in workflow scripts: it would break resume");
        found.raise("ERR_NONDETERMINISTIC", at, message, hint);
    }
}

fn refused_call<'a>(view: &View<'a>, callee: &Expression<'a>) -> Option<Refused> {
    if view.is_global(callee, "Date") {
        return Some(Refused::Date);
    }
    if view.is_global(callee, "Function") {
        return Some(Refused::Code);
    }
    let member = callee.get_inner_expression().as_member_expression()?;
    match member.static_property_name()? {
        "now" if view.is_global(member.object(), "Date") => Some(Refused::DateNow),
        "random" if view.is_global(member.object(), "Math") => Some(Refused::Random),
        _ => None,
    }
}

fn unknown(view: &View<'_>, found: &mut Found) {
    let made = Made::by(view);
    let mut names: Vec<_> = view.globals().collect();
    names.sort_unstable_by_key(|(name, _)| *name);
    let declared = view.scoping().symbol_names();
    let known: Vec<&str> = HOOKS.iter().chain(STANDARD).copied().chain(declared).collect();
    let mut guesses = MAX_GUESSES;
    for (name, references) in names {
        // `require` is refused where it is called.
        if HOOKS.contains(&name) || STANDARD.contains(&name) || name == "require" || made.includes(name) {
            continue;
        }
        if references.iter().any(|reference| is_typeof(view, reference)) {
            continue;
        }
        let first = references
            .iter()
            .map(|reference| reference.node_id())
            .filter(|node| !view.is_caught(*node) && !is_own_arguments(view, name, *node))
            .min_by_key(|node| view.nodes().kind(*node).span().start);
        let Some(node) = first else { continue };
        let is_assigned = references.iter().any(|it| it.node_id() == node && it.is_write());
        let at = view.nodes().kind(node).span().start as usize;
        let hint = instead_of(name).map(str::to_owned).or_else(|| {
            guesses -= usize::from(guesses > 0);
            if guesses > 0 { did_you_mean(name, known.iter().copied()) } else { None }
        });
        let hint = hint.or_else(|| is_assigned.then(|| format!("declare it: let {name} = …")));
        found.raise("ERR_UNKNOWN_GLOBAL", at, format!("{name} is not defined"), hint);
    }
}

fn is_typeof(view: &View<'_>, reference: &Reference) -> bool {
    matches!(view.nodes().parent_kind(reference.node_id()), AstKind::UnaryExpression(it) if it.operator.is_typeof())
}

/// `arguments` of a function; a body is one itself.
fn is_own_arguments(view: &View<'_>, name: &str, node: NodeId) -> bool {
    let has_them = |kind: AstKind<'_>| is_function(kind) && matches!(kind, AstKind::Function(_));
    name == "arguments"
        && (view.form == crate::model::script::ScriptForm::Body
            || view.nodes().ancestor_kinds(node).any(has_them))
}

/// What the script itself puts on the global object.
enum Made<'a> {
    Names(Vec<&'a str>),
    /// It does something there that cannot be followed.
    Anything,
}

impl<'a> Made<'a> {
    fn by(view: &View<'a>) -> Self {
        let mut names = Vec::new();
        for (_, references) in view.globals().filter(|(name, _)| *name == "globalThis") {
            for reference in references {
                let nodes = view.nodes();
                let parent = nodes.parent_node(reference.node_id());
                match parent.kind() {
                    AstKind::StaticMemberExpression(member) => {
                        if matches!(nodes.parent_kind(parent.id()), AstKind::AssignmentExpression(it) if it.left.span() == member.span)
                        {
                            names.push(member.property.name.as_str());
                        }
                    }
                    AstKind::UnaryExpression(_) => {}
                    _ => return Self::Anything,
                }
            }
        }
        Self::Names(names)
    }

    fn includes(&self, name: &str) -> bool {
        match self {
            Self::Names(names) => names.contains(&name),
            Self::Anything => instead_of(name).is_none(),
        }
    }
}
