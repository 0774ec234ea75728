//! Walks a value along a program and collects what is wrong, in Ajv's order and words.
//!
//! Every walk is bounded: in depth, because it recurses on the native stack, and in steps, because a few nested
//! `anyOf` can ask for more of them than there are atoms. Knows nothing of how a program came to be.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::pattern::{Pattern, Undecided};
use super::program::{Comparison, Group, Keyword, Node, NodeId, Program, Rest, Sized};
use super::values::{
    TypeSet, double, duplicate_of_any, duplicate_of_scalars, equal, length, members, number_text,
};

/// Schemas nested in one another during a walk, plain references not counted. A value of 128 levels under a schema
/// that takes four schemas per level stays below it, and so does the stack of a thread with 2 MiB: each takes less
/// than 2 KiB of it in a debug build, and less in a release build.
const MAX_NESTING: usize = 600;

/// Schemas applied in one walk. A large answer under a large schema takes thousands.
const MAX_STEPS: usize = 1_000_000;

/// One thing that is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// JSON pointer to the value; empty for the whole.
    pub(super) path: String,
    pub(super) message: String,
}

/// Everything that is wrong with a value; empty if it fits.
pub(super) fn check(program: &Program, value: &Value) -> Vec<Failure> {
    let mut walk = Walk {
        program,
        failures: Vec::new(),
        quiet: false,
        nesting: 0,
        steps: 0,
        scope: Vec::new(),
        gave_up: None,
    };
    walk.node(0, value, &Path::Root, &mut Evaluated::default());
    match walk.gave_up {
        // What was found so far may be wrong under a `not`.
        Some(failure) => vec![failure],
        None => walk.failures,
    }
}

/// Where in the value the walk is: a list on the native stack, written out only for an error.
enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(parent, key) => {
                write!(f, "{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

/// Which members of a value some schema has spoken of, for the `unevaluated…` keywords.
#[derive(Default)]
struct Evaluated<'v> {
    all_properties: bool,
    properties: HashSet<&'v str>,
    all_items: bool,
    /// Items from the first on.
    items: usize,
    /// Further items, found by `contains`.
    found: HashSet<usize>,
}

impl Evaluated<'_> {
    fn add(&mut self, other: Self) {
        self.all_properties |= other.all_properties;
        self.properties.extend(other.properties);
        self.all_items |= other.all_items;
        self.items = self.items.max(other.items);
        self.found.extend(other.found);
    }
}

struct Walk<'p> {
    program: &'p Program,
    failures: Vec<Failure>,
    /// Only the verdict is wanted: nothing is recorded, and the first failure decides.
    quiet: bool,
    nesting: usize,
    steps: usize,
    /// The resources that the walk is in, outermost first, for dynamic references.
    scope: Vec<usize>,
    /// Set when the walk ran into one of its bounds; every verdict after that is void.
    gave_up: Option<Failure>,
}

impl<'p> Walk<'p> {
    fn fail(&mut self, at: &Path<'_>, message: impl Into<String>) -> bool {
        if !self.quiet {
            self.failures.push(Failure { path: at.to_string(), message: message.into() });
        }
        false
    }

    fn give_up(&mut self, at: &Path<'_>, message: String) -> bool {
        self.gave_up.get_or_insert(Failure { path: at.to_string(), message });
        false
    }

    /// Whether to go on after a failure.
    fn stop(&self, valid: bool) -> bool {
        self.gave_up.is_some() || (self.quiet && !valid)
    }

    /// Applies a schema to a value, with what it evaluates of it.
    fn node<'v>(&mut self, id: NodeId, value: &'v Value, at: &Path<'_>, seen: &mut Evaluated<'v>) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return self
                .give_up(at, format!("takes more than {MAX_STEPS} steps to check against its schema"));
        }
        if self.nesting == MAX_NESTING {
            return self.give_up(at, format!("needs more than {MAX_NESTING} nested schemas to be checked"));
        }
        if self.gave_up.is_some() {
            return false;
        }
        let mut node = &self.program.nodes[id];
        // Ends, because a program without end is refused when it is compiled.
        while let Some(target) = node.alias {
            node = &self.program.nodes[target];
        }
        if node.never {
            return self.fail(at, "boolean schema is false");
        }
        self.nesting += 1;
        let entered = self.scope.last() != Some(&node.resource);
        if entered {
            self.scope.push(node.resource);
        }
        let valid = self.keywords(node, value, at, seen);
        if entered {
            self.scope.pop();
        }
        self.nesting -= 1;
        valid
    }

    /// Applies a schema to a part of the value, whose evaluated members are nobody's business.
    fn part(&mut self, id: NodeId, value: &Value, at: &Path<'_>) -> bool {
        self.node(id, value, at, &mut Evaluated::default())
    }

    /// Applies a schema for its verdict alone.
    fn verdict<'v>(&mut self, id: NodeId, value: &'v Value, at: &Path<'_>, seen: &mut Evaluated<'v>) -> bool {
        let quiet = std::mem::replace(&mut self.quiet, true);
        let valid = self.node(id, value, at, seen);
        self.quiet = quiet;
        valid
    }

    fn keywords<'v>(
        &mut self,
        node: &'p Node,
        value: &'v Value,
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        let mut valid = true;
        if let Some((types, message)) = &node.types
            && !types.accepts(value)
        {
            valid = self.fail(at, &**message);
        }
        for keyword in &node.any {
            if self.stop(valid) {
                return false;
            }
            valid &= self.any(keyword, value, at, seen);
        }
        let groups = [
            (&node.number, value.is_number()),
            (&node.string, value.is_string()),
            (&node.array, value.is_array()),
            (&node.object, value.is_object()),
        ];
        for (group, applies) in groups {
            valid &= self.group(group, applies, value, at, seen);
            if self.stop(valid) {
                return false;
            }
        }
        valid
    }

    fn group<'v>(
        &mut self,
        group: &'p Group,
        applies: bool,
        value: &'v Value,
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        if !applies {
            return group.type_error.as_ref().is_none_or(|message| self.fail(at, &**message));
        }
        let mut valid = true;
        for keyword in &group.keywords {
            valid &= match value {
                Value::Number(number) => self.number(keyword, double(number), at),
                Value::String(text) => self.string(keyword, text, value, at),
                Value::Array(items) => self.array(keyword, items, at, seen),
                Value::Object(object) => self.object(keyword, object, value, at, seen),
                _ => true,
            };
            if self.stop(valid) {
                return false;
            }
        }
        valid
    }

    fn any<'v>(
        &mut self,
        keyword: &'p Keyword,
        value: &'v Value,
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        match keyword {
            Keyword::Reference(node) => self.node(*node, value, at, seen),
            Keyword::DynamicReference { target, anchor } => {
                let names = &self.program.resources;
                let outermost =
                    self.scope.iter().find_map(|resource| names[*resource].anchors.get(&**anchor));
                self.node(*outermost.unwrap_or(target), value, at, seen)
            }
            Keyword::RecursiveReference(target) => {
                let names = &self.program.resources;
                let outermost = self.scope.iter().find_map(|resource| names[*resource].recursive);
                self.node(outermost.unwrap_or(*target), value, at, seen)
            }
            Keyword::Const(expected) => equal(expected, value) || self.fail(at, "must be equal to constant"),
            Keyword::Enum(allowed) => {
                allowed.iter().any(|allowed| equal(allowed, value))
                    || self.fail(at, "must be equal to one of the allowed values")
            }
            Keyword::Not(node) => {
                !self.verdict(*node, value, at, &mut Evaluated::default())
                    || self.fail(at, "must NOT be valid")
            }
            Keyword::AnyOf(nodes) => self.any_of(nodes, value, at, seen),
            Keyword::OneOf(nodes) => self.one_of(nodes, value, at, seen),
            Keyword::AllOf(nodes) => {
                let mut valid = true;
                for node in nodes {
                    valid &= self.node(*node, value, at, seen);
                    if self.stop(valid) {
                        break;
                    }
                }
                valid
            }
            Keyword::If { condition, then, otherwise } => {
                let mut evaluated = Evaluated::default();
                let (branch, name) = if self.verdict(*condition, value, at, &mut evaluated) {
                    seen.add(evaluated);
                    (then, "then")
                } else {
                    (otherwise, "else")
                };
                branch.is_none_or(|node| {
                    self.node(node, value, at, seen) || self.fail(at, format!("must match \"{name}\" schema"))
                })
            }
            _ => true,
        }
    }

    fn any_of<'v>(
        &mut self,
        nodes: &[NodeId],
        value: &'v Value,
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        let before = self.failures.len();
        let mut valid = false;
        for node in nodes {
            let mut evaluated = Evaluated::default();
            if self.node(*node, value, at, &mut evaluated) {
                valid = true;
                seen.add(evaluated);
                // Further schemas matter only for what they evaluate.
                if !self.program.tracks_evaluated {
                    break;
                }
            }
        }
        if valid {
            self.failures.truncate(before);
            return true;
        }
        self.fail(at, "must match a schema in anyOf")
    }

    fn one_of<'v>(
        &mut self,
        nodes: &[NodeId],
        value: &'v Value,
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        let before = self.failures.len();
        let mut matching = None;
        for node in nodes {
            let mut evaluated = Evaluated::default();
            if self.node(*node, value, at, &mut evaluated) {
                if matching.is_some() {
                    // A second match: what the schemas before it found stays, those after it are not asked.
                    return self.fail(at, "must match exactly one schema in oneOf");
                }
                matching = Some(evaluated);
            }
        }
        match matching {
            Some(evaluated) => {
                self.failures.truncate(before);
                seen.add(evaluated);
                true
            }
            None => self.fail(at, "must match exactly one schema in oneOf"),
        }
    }

    fn number(&mut self, keyword: &Keyword, value: f64, at: &Path<'_>) -> bool {
        match keyword {
            Keyword::Limit(comparison, limit) => {
                let (valid, sign) = match comparison {
                    Comparison::AtMost => (value <= *limit, "<="),
                    Comparison::AtLeast => (value >= *limit, ">="),
                    Comparison::Below => (value < *limit, "<"),
                    Comparison::Above => (value > *limit, ">"),
                };
                valid || self.fail(at, format!("must be {sign} {}", number_text(*limit)))
            }
            Keyword::MultipleOf(divisor) => {
                is_multiple(value, *divisor)
                    || self.fail(at, format!("must be multiple of {}", number_text(*divisor)))
            }
            _ => true,
        }
    }

    fn string(&mut self, keyword: &'p Keyword, text: &str, value: &Value, at: &Path<'_>) -> bool {
        match keyword {
            Keyword::Pattern(pattern) => match pattern.matches(value) {
                Ok(true) => true,
                Ok(false) => self.fail(at, format!("must match pattern \"{}\"", pattern.source())),
                Err(Undecided) => self.undecided(pattern, at),
            },
            keyword => self.size(keyword, || length(text), at),
        }
    }

    /// `max…` and `min…` of whatever is counted.
    fn size(&mut self, keyword: &Keyword, size: impl FnOnce() -> f64, at: &Path<'_>) -> bool {
        let (valid, comparison, limit, sized) = match keyword {
            Keyword::MaxSize(sized, limit) => (size() <= *limit, "more", limit, sized),
            Keyword::MinSize(sized, limit) => (size() >= *limit, "fewer", limit, sized),
            _ => return true,
        };
        let noun = match sized {
            Sized::Characters => "characters",
            Sized::Items => "items",
            Sized::Properties => "properties",
        };
        valid || self.fail(at, format!("must NOT have {comparison} than {} {noun}", number_text(*limit)))
    }

    fn array<'v>(
        &mut self,
        keyword: &'p Keyword,
        items: &'v [Value],
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        match keyword {
            Keyword::Tuple(nodes) => {
                seen.items = seen.items.max(nodes.len());
                let pairs = nodes.iter().zip(items).enumerate();
                self.items(pairs.filter_map(|(index, (node, item))| Some((index, (*node)?, item))), at)
            }
            Keyword::Items { from, rest } => {
                seen.all_items = true;
                self.rest_of_items(*rest, *from, items, |_| true, at)
            }
            Keyword::Contains { node, least, most, evaluates } => {
                self.contains(*node, (*least, *most), *evaluates, items, at, seen)
            }
            Keyword::Unique(scalars) => self.unique(*scalars, items, at),
            Keyword::UnevaluatedItems(rest) => {
                if seen.all_items {
                    return true;
                }
                let (from, found) = (seen.items, std::mem::take(&mut seen.found));
                let valid = self.rest_of_items(*rest, from, items, |index| !found.contains(&index), at);
                seen.all_items = true;
                valid
            }
            keyword => self.size(keyword, || items.len() as f64, at),
        }
    }

    /// Applies schemas to items.
    fn items<'v>(&mut self, pairs: impl Iterator<Item = (usize, NodeId, &'v Value)>, at: &Path<'_>) -> bool {
        let mut valid = true;
        for (index, node, item) in pairs {
            valid &= self.part(node, item, &Path::Index(at, index));
            if self.stop(valid) {
                break;
            }
        }
        valid
    }

    /// What a keyword says about the items from a position on, as far as they are its business.
    fn rest_of_items(
        &mut self,
        rest: Rest,
        from: usize,
        items: &[Value],
        concerns: impl Fn(usize) -> bool,
        at: &Path<'_>,
    ) -> bool {
        let mut left = items.iter().enumerate().skip(from).filter(|(index, _)| concerns(*index));
        match rest {
            Rest::Allowed => true,
            Rest::Forbidden => {
                left.next().is_none() || self.fail(at, format!("must NOT have more than {from} items"))
            }
            Rest::Schema(node) => self.items(left.map(|(index, item)| (index, node, item)), at),
        }
    }

    fn contains<'v>(
        &mut self,
        node: NodeId,
        (least, most): (f64, Option<f64>),
        evaluates: bool,
        items: &'v [Value],
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        let before = self.failures.len();
        let mut count = 0.0;
        // Bounds that nothing can meet fail without a look at the items.
        let items = if most.is_some_and(|most| least > most) { &[] } else { items };
        for (index, item) in items.iter().enumerate() {
            if self.part(node, item, &Path::Index(at, index)) {
                count += 1.0;
                seen.found.extend(evaluates.then_some(index));
            }
            let decided = most.map_or(count >= least, |most| count > most);
            if self.gave_up.is_some() || (decided && !evaluates) {
                break;
            }
        }
        if count >= least && most.is_none_or(|most| count <= most) {
            self.failures.truncate(before);
            return true;
        }
        let least = number_text(least);
        self.fail(
            at,
            match most {
                None => format!("must contain at least {least} valid item(s)"),
                Some(most) => {
                    let most = number_text(most);
                    format!("must contain at least {least} and no more than {most} valid item(s)")
                }
            },
        )
    }

    fn unique(&mut self, scalars: Option<TypeSet>, items: &[Value], at: &Path<'_>) -> bool {
        let duplicate = match scalars {
            Some(types) => duplicate_of_scalars(items, types),
            None => duplicate_of_any(items),
        };
        duplicate.is_none_or(|(one, other)| {
            let message = format!("must NOT have duplicate items (items ## {one} and {other} are identical)");
            self.fail(at, message)
        })
    }

    fn object<'v>(
        &mut self,
        keyword: &'p Keyword,
        object: &'v Map<String, Value>,
        whole: &'v Value,
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        match keyword {
            Keyword::Required(names) => {
                let missing = names.iter().filter(|name| !object.contains_key(&***name));
                missing.fold(true, |_, name| self.fail(at, format!("must have required property '{name}'")))
            }
            Keyword::PropertyNames(node) => {
                let mut valid = true;
                for (name, _) in members(object) {
                    if !self.part(*node, &Value::String(name.clone()), at) {
                        valid = self.fail(at, "property name must be valid");
                    }
                    if self.stop(valid) {
                        break;
                    }
                }
                valid
            }
            Keyword::AdditionalProperties { named, patterns, rest } => {
                seen.all_properties = true;
                let mut additional = Vec::new();
                for (name, value) in members(object) {
                    if named.contains(name) {
                        continue;
                    }
                    match first_match(patterns, name) {
                        Ok(None) => additional.push((name.as_str(), value)),
                        Ok(Some(_)) => {}
                        Err(pattern) => return self.undecided(pattern, at),
                    }
                }
                self.rest_of_properties(*rest, &additional, "must NOT have additional properties", at)
            }
            Keyword::UnevaluatedProperties(rest) => {
                let left: Vec<_> = members(object)
                    .into_iter()
                    .filter(|(name, _)| !seen.all_properties && !seen.properties.contains(name.as_str()))
                    .map(|(name, value)| (name.as_str(), value))
                    .collect();
                seen.all_properties = true;
                self.rest_of_properties(*rest, &left, "must NOT have unevaluated properties", at)
            }
            Keyword::DependentRequired(dependencies) => self.dependent_required(dependencies, object, at),
            Keyword::DependentSchemas(dependencies) => {
                let mut valid = true;
                for (_, node) in dependencies.iter().filter(|(name, _)| object.contains_key(name)) {
                    valid &= self.node(*node, whole, at, seen);
                    if self.stop(valid) {
                        break;
                    }
                }
                valid
            }
            Keyword::Properties(properties) => {
                let mut valid = true;
                for (name, node) in properties {
                    let Some((name, value)) = object.get_key_value(name) else { continue };
                    seen.properties.insert(name);
                    if let Some(node) = node {
                        valid &= self.part(*node, value, &Path::Key(at, name));
                    }
                    if self.stop(valid) {
                        break;
                    }
                }
                valid
            }
            Keyword::PatternProperties(patterns) => self.pattern_properties(patterns, object, at, seen),
            keyword => self.size(keyword, || object.len() as f64, at),
        }
    }

    fn dependent_required(
        &mut self,
        dependencies: &[(String, Box<[String]>)],
        object: &Map<String, Value>,
        at: &Path<'_>,
    ) -> bool {
        let mut valid = true;
        for (name, required) in dependencies.iter().filter(|(name, _)| object.contains_key(name)) {
            // Every missing name is told with the whole list.
            for _ in required.iter().filter(|required| !object.contains_key(*required)) {
                let noun = if required.len() == 1 { "property" } else { "properties" };
                let list = required.join(", ");
                valid = self.fail(at, format!("must have {noun} {list} when property {name} is present"));
            }
        }
        valid
    }

    fn pattern_properties<'v>(
        &mut self,
        patterns: &'p [(Arc<Pattern>, Option<NodeId>)],
        object: &'v Map<String, Value>,
        at: &Path<'_>,
        seen: &mut Evaluated<'v>,
    ) -> bool {
        let mut valid = true;
        for (pattern, node) in patterns {
            for (name, value) in members(object) {
                match pattern.matches_name(name) {
                    Ok(true) => {
                        seen.properties.insert(name);
                        if let Some(node) = node {
                            valid &= self.part(*node, value, &Path::Key(at, name));
                        }
                    }
                    Ok(false) => {}
                    Err(Undecided) => return self.undecided(pattern, at),
                }
                if self.stop(valid) {
                    return false;
                }
            }
        }
        valid
    }

    /// What a keyword says about properties that others leave over.
    fn rest_of_properties(
        &mut self,
        rest: Rest,
        left: &[(&str, &Value)],
        message: &str,
        at: &Path<'_>,
    ) -> bool {
        let mut valid = true;
        for (name, value) in left {
            valid &= match rest {
                Rest::Allowed => return true,
                Rest::Forbidden => self.fail(at, message),
                Rest::Schema(node) => self.part(node, value, &Path::Key(at, name)),
            };
            if self.stop(valid) {
                break;
            }
        }
        valid
    }

    fn undecided(&mut self, pattern: &Pattern, at: &Path<'_>) -> bool {
        self.give_up(at, format!("takes too long to match against pattern \"{}\"", pattern.source()))
    }
}

/// The first pattern that matches a property name, or the one whose match was given up.
fn first_match<'p>(
    patterns: &'p [Arc<Pattern>],
    name: &str,
) -> Result<Option<&'p Arc<Pattern>>, &'p Arc<Pattern>> {
    for pattern in patterns {
        match pattern.matches_name(name) {
            Ok(true) => return Ok(Some(pattern)),
            Ok(false) => {}
            Err(Undecided) => return Err(pattern),
        }
    }
    Ok(None)
}

/// Whether the quotient of two doubles is whole. Like the original, this takes the text of the quotient up to its
/// exponent for the whole part, so very large quotients are no multiples.
fn is_multiple(value: f64, divisor: f64) -> bool {
    let quotient = value / divisor;
    divisor != 0.0 && quotient.fract() == 0.0 && (quotient == 0.0 || quotient.abs() < 1e21)
}
