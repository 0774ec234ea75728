//! A compiled schema: nodes that name each other by number, each holding its keywords in the order in which they are
//! checked. Plain data: built by `compile`, walked by `check`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::pattern::Pattern;
use super::values::TypeSet;

/// A schema by its place in [`Program::nodes`].
pub(super) type NodeId = usize;

/// A compiled schema with everything that it refers to.
#[derive(Default)]
pub(super) struct Program {
    /// Node 0 is the schema itself.
    pub(super) nodes: Vec<Node>,
    /// What dynamic references find in each resource.
    pub(super) resources: Vec<DynamicNames>,
    /// Whether any keyword asks which properties and items other keywords have looked at.
    pub(super) tracks_evaluated: bool,
}

/// The targets that one resource offers to dynamic references.
#[derive(Default)]
pub(super) struct DynamicNames {
    /// By `$dynamicAnchor`.
    pub(super) anchors: HashMap<String, NodeId>,
    /// The resource's root, if it says `$recursiveAnchor: true`.
    pub(super) recursive: Option<NodeId>,
}

/// One schema.
#[derive(Default)]
pub(super) struct Node {
    /// The resource that the schema is part of.
    pub(super) resource: usize,
    /// Set where a reference is all there is: the schema that it stands for.
    pub(super) alias: Option<NodeId>,
    /// The schema `false`.
    pub(super) never: bool,
    /// The type check, where it comes before all keywords.
    pub(super) types: Option<(TypeSet, Box<str>)>,
    /// Keywords for values of every type.
    pub(super) any: Vec<Keyword>,
    pub(super) number: Group,
    pub(super) string: Group,
    pub(super) array: Group,
    pub(super) object: Group,
}

/// The keywords for values of one type.
#[derive(Default)]
pub(super) struct Group {
    pub(super) keywords: Vec<Keyword>,
    /// The type error, where values of other types are told of it here rather than first.
    pub(super) type_error: Option<Box<str>>,
}

/// What to do with members that other keywords leave over.
#[derive(Clone, Copy)]
pub(super) enum Rest {
    Allowed,
    Forbidden,
    Schema(NodeId),
}

/// The four comparisons with a number.
#[derive(Clone, Copy)]
pub(super) enum Comparison {
    AtMost,
    AtLeast,
    Below,
    Above,
}

/// What a size is counted of.
#[derive(Clone, Copy)]
pub(super) enum Sized {
    Characters,
    Items,
    Properties,
}

/// One keyword with its operands resolved. Schemas that accept everything are `None` where their place matters, and
/// left out elsewhere.
pub(super) enum Keyword {
    Reference(NodeId),
    /// `$dynamicRef` to an anchor that the outermost resource with the same anchor overrides.
    DynamicReference {
        target: NodeId,
        anchor: Box<str>,
    },
    /// `$recursiveRef` to a root that the outermost recursive root overrides.
    RecursiveReference(NodeId),
    Const(Value),
    Enum(Box<[Value]>),
    Not(NodeId),
    AnyOf(Box<[NodeId]>),
    OneOf(Box<[NodeId]>),
    AllOf(Box<[NodeId]>),
    If {
        condition: NodeId,
        then: Option<NodeId>,
        otherwise: Option<NodeId>,
    },
    Limit(Comparison, f64),
    MultipleOf(f64),
    MaxSize(Sized, f64),
    MinSize(Sized, f64),
    Pattern(Arc<Pattern>),
    /// Schemas by position.
    Tuple(Box<[Option<NodeId>]>),
    /// Items from a position on; 0 for all of them.
    Items {
        from: usize,
        rest: Rest,
    },
    Contains {
        node: NodeId,
        least: f64,
        most: Option<f64>,
        /// Whether the items found count as evaluated, as in 2020-12.
        evaluates: bool,
    },
    /// `uniqueItems`, with the types of the items if these are all scalar.
    Unique(Option<TypeSet>),
    UnevaluatedItems(Rest),
    Required(Box<[Box<str>]>),
    PropertyNames(NodeId),
    AdditionalProperties {
        named: HashSet<String>,
        patterns: Box<[Arc<Pattern>]>,
        rest: Rest,
    },
    DependentRequired(Box<[(String, Box<[String]>)]>),
    DependentSchemas(Box<[(String, NodeId)]>),
    Properties(Box<[(String, Option<NodeId>)]>),
    PatternProperties(Box<[(Arc<Pattern>, Option<NodeId>)]>),
    UnevaluatedProperties(Rest),
}

impl Keyword {
    /// The schemas that this keyword applies to the very value it is given, not to a part of it.
    pub(super) fn in_place(&self) -> Vec<NodeId> {
        match self {
            Self::Reference(node)
            | Self::DynamicReference { target: node, .. }
            | Self::RecursiveReference(node)
            | Self::Not(node) => vec![*node],
            Self::AnyOf(nodes) | Self::OneOf(nodes) | Self::AllOf(nodes) => nodes.to_vec(),
            Self::If { condition, then, otherwise } => {
                [Some(*condition), *then, *otherwise].into_iter().flatten().collect()
            }
            Self::DependentSchemas(schemas) => schemas.iter().map(|(_, node)| *node).collect(),
            _ => Vec::new(),
        }
    }
}

impl Node {
    /// All keywords, whatever they apply to.
    pub(super) fn keywords(&self) -> impl Iterator<Item = &Keyword> {
        [&self.any, &self.number.keywords, &self.string.keywords, &self.array.keywords, &self.object.keywords]
            .into_iter()
            .flatten()
    }
}
