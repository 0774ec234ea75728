//! From a schema to a program: resolves references, compiles patterns, puts the keywords in the order in which they
//! are checked, and refuses what cannot be checked.
//!
//! Order and texts are those of Ajv 8. Only what can be reached from the schema's root is compiled, so a mistake in
//! an unused definition is nobody's problem. Knows nothing of values.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::SchemaError;
use super::dialect::Dialect;
use super::document::{Document, ResourceId};
use super::pattern::Pattern;
use super::program::{Comparison, DynamicNames, Group, Keyword, Node, NodeId, Program, Rest, Sized};
use super::values::{TypeSet, double, members};

type Keywords = Map<String, Value>;

/// Compiles a schema that has passed its meta-schema.
pub(super) fn compile(schema: &Value, dialect: Dialect) -> Result<Program, SchemaError> {
    let mut compiler = Compiler {
        dialect,
        document: Document::new(schema)?,
        program: Program::default(),
        known: HashMap::new(),
        pending: VecDeque::new(),
        dynamic: false,
    };
    let resource = compiler.document.enter(schema, 0);
    compiler.later(schema, resource);
    compiler.drain()?;
    if compiler.dynamic {
        compiler.add_dynamic_names()?;
    }
    let program = compiler.program;
    refuse_endless(&program)?;
    Ok(program)
}

struct Compiler<'s> {
    dialect: Dialect,
    document: Document<'s>,
    program: Program,
    /// Schemas that have a node already, by address and resource.
    known: HashMap<(*const Value, ResourceId), NodeId>,
    /// Nodes that are still empty. A queue instead of recursion: a chain of references may be as long as it likes.
    pending: VecDeque<(NodeId, &'s Value)>,
    /// Whether there is a reference whose target depends on the way to it.
    dynamic: bool,
}

impl<'s> Compiler<'s> {
    /// The node of a schema, to be filled later.
    fn later(&mut self, schema: &'s Value, within: ResourceId) -> NodeId {
        let resource = self.document.enter(schema, within);
        *self.known.entry((std::ptr::from_ref(schema), resource)).or_insert_with(|| {
            let node = self.program.nodes.len();
            self.program.nodes.push(Node { resource, ..Node::default() });
            self.pending.push_back((node, schema));
            node
        })
    }

    fn drain(&mut self) -> Result<(), SchemaError> {
        while let Some((id, schema)) = self.pending.pop_front() {
            let resource = self.program.nodes[id].resource;
            self.program.nodes[id] = self.node(schema, resource)?;
        }
        Ok(())
    }

    /// Makes every target of a dynamic reference known by its name.
    fn add_dynamic_names(&mut self) -> Result<(), SchemaError> {
        let mut names: Vec<_> = (0..self.document.resources()).map(|_| DynamicNames::default()).collect();
        for (resource, name, schema) in self.document.dynamic_anchors() {
            let node = self.later(schema, resource);
            names[resource].anchors.insert(name, node);
        }
        for (resource, names) in names.iter_mut().enumerate() {
            let root = self.document.root(resource);
            if root.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                names.recursive = Some(self.later(root, resource));
            }
        }
        self.program.resources = names;
        self.drain()
    }

    fn node(&mut self, schema: &'s Value, resource: ResourceId) -> Result<Node, SchemaError> {
        let mut node = Node { resource, ..Node::default() };
        let keywords = match schema {
            Value::Bool(accepts) => {
                node.never = !accepts;
                return Ok(node);
            }
            Value::Object(keywords) => keywords,
            _ => return Err(SchemaError::NotASchema),
        };
        if keywords.contains_key("id") {
            return Err(SchemaError::Keyword {
                message: "NOT SUPPORTED: keyword \"id\", use \"$id\" for schema ID".to_owned(),
            });
        }
        if let Some(reference) = keywords.get("$ref")
            && !keywords.keys().any(|keyword| keyword != "$ref" && self.dialect.is_rule(keyword))
        {
            let target = self.reference(text("$ref", reference)?, resource)?;
            node.alias = Some(target);
            // For whoever looks at where a schema leads without walking.
            node.any.push(Keyword::Reference(target));
            return Ok(node);
        }
        let types = types(keywords)?;
        self.any(keywords, &mut node)?;
        node.number = self.group("number", keywords, resource)?;
        node.string = self.group("string", keywords, resource)?;
        node.array = self.group("array", keywords, resource)?;
        node.object = self.group("object", keywords, resource)?;
        if !types.is_empty() {
            let mut message = format!("must be {}", type_list(&keywords["type"]));
            let listed = keywords["type"].as_array();
            if types.has("null") && listed.is_some_and(|names| !names.iter().any(|name| name == "null")) {
                // The original adds what `nullable` allows to the list itself, though never to a single type.
                message.push_str(",null");
            }
            let message = message.into_boxed_str();
            // A single type with keywords of its own group is checked where that group is.
            let group = types.single().filter(|name| {
                self.dialect.group(name).iter().any(|keyword| keywords.contains_key(*keyword))
            });
            match group {
                Some("number") => node.number.type_error = Some(message),
                Some("string") => node.string.type_error = Some(message),
                Some("array") => node.array.type_error = Some(message),
                Some("object") => node.object.type_error = Some(message),
                _ => node.types = Some((types, message)),
            }
        }
        Ok(node)
    }

    fn any(&mut self, keywords: &'s Keywords, node: &mut Node) -> Result<(), SchemaError> {
        let resource = node.resource;
        let any = &mut node.any;
        if self.dialect.is_modern() {
            self.dynamic_references(keywords, resource, any)?;
        }
        if let Some(reference) = keywords.get("$ref") {
            let reference = text("$ref", reference)?;
            any.push(Keyword::Reference(self.reference(reference, resource)?));
        }
        if let Some(value) = keywords.get("const") {
            any.push(Keyword::Const(value.clone()));
        }
        if let Some(values) = keywords.get("enum") {
            let values = list("enum", values)?;
            if values.is_empty() {
                let message = "enum must have non-empty array".to_owned();
                return Err(SchemaError::Keyword { message });
            }
            any.push(Keyword::Enum(values.into()));
        }
        if let Some(schema) = keywords.get("not") {
            any.push(Keyword::Not(self.schema("not", schema, resource)?));
        }
        if let Some(schemas) = keywords.get("anyOf") {
            let schemas = list("anyOf", schemas)?;
            if !schemas.iter().any(|schema| self.dialect.accepts_all(schema)) {
                any.push(Keyword::AnyOf(self.schemas(schemas, resource)));
            }
        }
        if let Some(schemas) = keywords.get("oneOf") {
            let schemas = list("oneOf", schemas)?;
            any.push(Keyword::OneOf(self.schemas(schemas, resource)));
        }
        if let Some(schemas) = keywords.get("allOf") {
            let schemas = list("allOf", schemas)?;
            any.push(Keyword::AllOf(self.schemas(schemas, resource)));
        }
        if let Some(condition) = keywords.get("if") {
            let then = self.constraining("then", keywords.get("then"), resource)?;
            let otherwise = self.constraining("else", keywords.get("else"), resource)?;
            // Without consequences a condition still evaluates members, which only matters to some dialects.
            if then.is_some() || otherwise.is_some() || self.dialect.is_modern() {
                let condition = self.schema("if", condition, resource)?;
                any.push(Keyword::If { condition, then, otherwise });
            }
        }
        Ok(())
    }

    fn dynamic_references(
        &mut self,
        keywords: &'s Keywords,
        resource: ResourceId,
        any: &mut Vec<Keyword>,
    ) -> Result<(), SchemaError> {
        if let Some(reference) = keywords.get("$dynamicRef")
            && self.dialect == Dialect::Draft202012
        {
            let reference = text("$dynamicRef", reference)?;
            let target = self.reference(reference, resource)?;
            let anchor = reference.split_once('#').map_or("", |(_, anchor)| anchor);
            let at = self.program.nodes[target].resource;
            let names = self.document.dynamic_anchors();
            if names.iter().any(|(resource, name, _)| *resource == at && name == anchor) {
                self.dynamic = true;
                any.push(Keyword::DynamicReference { target, anchor: anchor.into() });
            } else {
                any.push(Keyword::Reference(target));
            }
        }
        if let Some(reference) = keywords.get("$recursiveRef")
            && self.dialect == Dialect::Draft201909
        {
            let reference = text("$recursiveRef", reference)?;
            let target = self.reference(reference, resource)?;
            let root = self.document.root(self.program.nodes[target].resource);
            if root.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                self.dynamic = true;
                any.push(Keyword::RecursiveReference(target));
            } else {
                any.push(Keyword::Reference(target));
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        name: &'static str,
        keywords: &'s Keywords,
        resource: ResourceId,
    ) -> Result<Group, SchemaError> {
        let mut group = Group::default();
        for keyword in self.dialect.group(name) {
            let Some(operand) = keywords.get(*keyword) else { continue };
            let compiled = match name {
                "number" => number_keyword(keyword, operand)?,
                "string" => string_keyword(keyword, operand)?,
                "array" => self.array_keyword(keyword, operand, keywords, resource)?,
                _ => self.object_keyword(keyword, operand, keywords, resource, &mut group.keywords)?,
            };
            group.keywords.extend(compiled);
        }
        Ok(group)
    }

    fn array_keyword(
        &mut self,
        keyword: &str,
        operand: &'s Value,
        keywords: &'s Keywords,
        resource: ResourceId,
    ) -> Result<Option<Keyword>, SchemaError> {
        let tuple = match self.dialect {
            Dialect::Draft202012 => keywords.get("prefixItems"),
            _ => keywords.get("items"),
        };
        let tuple_length = tuple.and_then(Value::as_array).map(Vec::len);
        Ok(match (keyword, operand) {
            ("maxItems", _) => Some(Keyword::MaxSize(Sized::Items, number(keyword, operand)?)),
            ("minItems", _) => Some(Keyword::MinSize(Sized::Items, number(keyword, operand)?)),
            ("items", Value::Array(schemas)) if self.dialect != Dialect::Draft202012 => {
                Some(Keyword::Tuple(self.tuple(schemas, resource)))
            }
            ("prefixItems", _) => Some(Keyword::Tuple(self.tuple(list(keyword, operand)?, resource))),
            // Without a tuple there is no rest for it to speak of.
            ("additionalItems", _) => match tuple_length {
                Some(from) => self.items(from, keyword, operand, resource)?,
                None => None,
            },
            ("items", _) if self.dialect == Dialect::Draft202012 && tuple_length.is_some() => {
                self.items(tuple_length.unwrap_or(0), keyword, operand, resource)?
            }
            ("items", Value::Bool(false)) => {
                // Not the rest of a tuple: every item is told that it must not be.
                Some(Keyword::Items { from: 0, rest: Rest::Schema(self.later(operand, resource)) })
            }
            ("items", _) => self.items(0, keyword, operand, resource)?,
            ("contains", _) => {
                let node = self.schema(keyword, operand, resource)?;
                let bound = |name: &str| {
                    let bound = keywords.get(name).filter(|_| self.dialect.is_modern());
                    bound.map(|bound| number(name, bound)).transpose()
                };
                let (least, most) = (bound("minContains")?.unwrap_or(1.0), bound("maxContains")?);
                let evaluates = self.dialect == Dialect::Draft202012;
                Some(Keyword::Contains { node, least, most, evaluates })
            }
            ("uniqueItems", Value::Bool(true)) => Some(Keyword::Unique(scalar_items(keywords)?)),
            ("unevaluatedItems", _) => {
                self.program.tracks_evaluated = true;
                Some(Keyword::UnevaluatedItems(self.rest(keyword, operand, resource)?))
            }
            _ => None,
        })
    }

    fn object_keyword(
        &mut self,
        keyword: &str,
        operand: &'s Value,
        keywords: &'s Keywords,
        resource: ResourceId,
        group: &mut Vec<Keyword>,
    ) -> Result<Option<Keyword>, SchemaError> {
        Ok(match keyword {
            "maxProperties" => Some(Keyword::MaxSize(Sized::Properties, number(keyword, operand)?)),
            "minProperties" => Some(Keyword::MinSize(Sized::Properties, number(keyword, operand)?)),
            "required" => Some(Keyword::Required(
                list(keyword, operand)?.iter().filter_map(Value::as_str).map(Into::into).collect(),
            )),
            "propertyNames" => {
                self.constraining(keyword, Some(operand), resource)?.map(Keyword::PropertyNames)
            }
            "additionalProperties" => self.additional_properties(operand, keywords, resource)?,
            "dependencies" => {
                // Two kinds under one keyword: names first, whatever the order in which they are written.
                let all = members(object(keyword, operand)?);
                let (names, schemas): (Vec<_>, Vec<_>) =
                    all.into_iter().partition(|(_, value)| value.is_array());
                group.push(dependent_required(&names));
                Some(self.dependent_schemas(&schemas, resource))
            }
            "dependentRequired" => Some(dependent_required(&members(object(keyword, operand)?))),
            "dependentSchemas" => Some(self.dependent_schemas(&members(object(keyword, operand)?), resource)),
            "properties" => {
                let properties = members(object(keyword, operand)?).into_iter();
                Some(Keyword::Properties(
                    properties
                        .map(|(name, schema)| (name.clone(), self.unless_all(schema, resource)))
                        .collect(),
                ))
            }
            "patternProperties" => {
                let members = members(object(keyword, operand)?);
                let idle = members.iter().all(|(_, schema)| self.dialect.accepts_all(schema));
                if idle && !self.dialect.is_modern() {
                    return Ok(None);
                }
                let mut patterns = Vec::new();
                for (pattern, schema) in members {
                    let node = self.unless_all(schema, resource);
                    patterns.push((Arc::new(Pattern::new(pattern)?), node));
                }
                Some(Keyword::PatternProperties(patterns.into()))
            }
            "unevaluatedProperties" => {
                self.program.tracks_evaluated = true;
                Some(Keyword::UnevaluatedProperties(self.rest(keyword, operand, resource)?))
            }
            _ => None,
        })
    }

    fn additional_properties(
        &mut self,
        operand: &'s Value,
        keywords: &'s Keywords,
        resource: ResourceId,
    ) -> Result<Option<Keyword>, SchemaError> {
        let rest = self.rest("additionalProperties", operand, resource)?;
        if matches!(rest, Rest::Allowed) && !self.dialect.is_modern() {
            return Ok(None);
        }
        let names =
            |keyword: &str| keywords.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let named = names("properties").cloned().collect();
        let patterns = names("patternProperties")
            .map(|pattern| Pattern::new(pattern).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Some(Keyword::AdditionalProperties { named, patterns, rest }))
    }

    fn dependent_schemas(&mut self, members: &[(&'s String, &'s Value)], resource: ResourceId) -> Keyword {
        let schemas = members.iter().filter(|(_, schema)| !self.dialect.accepts_all(schema));
        let schemas: Vec<_> = schemas.copied().collect();
        Keyword::DependentSchemas(
            schemas.into_iter().map(|(name, schema)| (name.clone(), self.later(schema, resource))).collect(),
        )
    }

    /// `items` and its like, for the items from a position on; `None` if they may be anything and nobody asks.
    fn items(
        &mut self,
        from: usize,
        keyword: &str,
        operand: &'s Value,
        resource: ResourceId,
    ) -> Result<Option<Keyword>, SchemaError> {
        let rest = self.rest(keyword, operand, resource)?;
        let idle = matches!(rest, Rest::Allowed) && !self.dialect.is_modern();
        Ok((!idle).then_some(Keyword::Items { from, rest }))
    }

    fn tuple(&mut self, schemas: &'s [Value], resource: ResourceId) -> Box<[Option<NodeId>]> {
        schemas.iter().map(|schema| self.unless_all(schema, resource)).collect()
    }

    fn rest(&mut self, keyword: &str, operand: &'s Value, resource: ResourceId) -> Result<Rest, SchemaError> {
        Ok(match operand {
            Value::Bool(false) => Rest::Forbidden,
            schema => self.constraining(keyword, Some(schema), resource)?.map_or(Rest::Allowed, Rest::Schema),
        })
    }

    /// The node of a keyword's schema.
    fn schema(
        &mut self,
        keyword: &str,
        operand: &'s Value,
        resource: ResourceId,
    ) -> Result<NodeId, SchemaError> {
        match operand {
            Value::Object(_) | Value::Bool(_) => Ok(self.later(operand, resource)),
            _ => Err(wrong_operand(keyword, r#"["object","boolean"]"#)),
        }
    }

    /// The node of a keyword's schema, unless it is absent or accepts everything.
    fn constraining(
        &mut self,
        keyword: &str,
        operand: Option<&'s Value>,
        resource: ResourceId,
    ) -> Result<Option<NodeId>, SchemaError> {
        match operand {
            Some(schema) if !self.dialect.accepts_all(schema) => {
                self.schema(keyword, schema, resource).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn unless_all(&mut self, schema: &'s Value, resource: ResourceId) -> Option<NodeId> {
        (!self.dialect.accepts_all(schema)).then(|| self.later(schema, resource))
    }

    fn schemas(&mut self, schemas: &'s [Value], resource: ResourceId) -> Box<[NodeId]> {
        schemas.iter().map(|schema| self.later(schema, resource)).collect()
    }

    /// The node that a reference points to.
    fn reference(&mut self, reference: &str, resource: ResourceId) -> Result<NodeId, SchemaError> {
        match self.document.resolve(resource, reference) {
            Some((schema, resource)) => Ok(self.later(schema, resource)),
            None => Err(SchemaError::UnresolvedReference {
                reference: reference.to_owned(),
                base: self.document.shown(resource).to_owned(),
            }),
        }
    }
}

fn number_keyword(keyword: &str, operand: &Value) -> Result<Option<Keyword>, SchemaError> {
    let comparison = match keyword {
        "maximum" => Comparison::AtMost,
        "minimum" => Comparison::AtLeast,
        "exclusiveMaximum" => Comparison::Below,
        "exclusiveMinimum" => Comparison::Above,
        "multipleOf" => return Ok(Some(Keyword::MultipleOf(number(keyword, operand)?))),
        _ => return Ok(None),
    };
    Ok(Some(Keyword::Limit(comparison, number(keyword, operand)?)))
}

fn string_keyword(keyword: &str, operand: &Value) -> Result<Option<Keyword>, SchemaError> {
    Ok(match keyword {
        "maxLength" => Some(Keyword::MaxSize(Sized::Characters, number(keyword, operand)?)),
        "minLength" => Some(Keyword::MinSize(Sized::Characters, number(keyword, operand)?)),
        "pattern" => Some(Keyword::Pattern(Arc::new(Pattern::new(text(keyword, operand)?)?))),
        _ => None,
    })
}

fn dependent_required(members: &[(&String, &Value)]) -> Keyword {
    let names = |value: &Value| -> Box<[String]> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Keyword::DependentRequired(members.iter().map(|(name, value)| ((*name).clone(), names(value))).collect())
}

/// The types that a schema lists, `null` included where it is `nullable`.
fn types(keywords: &Keywords) -> Result<TypeSet, SchemaError> {
    let mut types = TypeSet::default();
    let listed = match keywords.get("type") {
        None => &[],
        Some(Value::Array(names)) => names.as_slice(),
        Some(name) => std::slice::from_ref(name),
    };
    for name in listed {
        if !name.as_str().is_some_and(|name| types.insert(name)) {
            let message = format!("type must be JSONType or JSONType[]: {}", type_list(&keywords["type"]));
            return Err(SchemaError::Keyword { message });
        }
    }
    let nullable = keywords.get("nullable");
    match nullable {
        None => {}
        Some(Value::Bool(false)) if types.has("null") => {
            let message = "type: null contradicts nullable: false".to_owned();
            return Err(SchemaError::Keyword { message });
        }
        Some(_) if types.is_empty() => {
            let message = "\"nullable\" cannot be used without \"type\"".to_owned();
            return Err(SchemaError::Keyword { message });
        }
        Some(Value::Bool(true)) => {
            types.insert("null");
        }
        Some(Value::Bool(false)) => {}
        Some(_) => return Err(wrong_operand("nullable", r#"["boolean"]"#)),
    }
    Ok(types)
}

/// The operand of `type` as JavaScript would put it into a text.
fn type_list(types: &Value) -> String {
    let name = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match types {
        Value::Array(names) => names.iter().map(name).collect::<Vec<_>>().join(","),
        other => name(other),
    }
}

/// The types of the items, if `items` limits them to scalars.
fn scalar_items(keywords: &Keywords) -> Result<Option<TypeSet>, SchemaError> {
    let Some(Value::Object(items)) = keywords.get("items") else { return Ok(None) };
    let types = types(items)?;
    Ok((!types.is_empty() && !types.has("object") && !types.has("array")).then_some(types))
}

fn wrong_operand(keyword: &str, expected: &str) -> SchemaError {
    SchemaError::Keyword { message: format!("{keyword} value must be {expected}") }
}

fn number(keyword: &str, operand: &Value) -> Result<f64, SchemaError> {
    match operand {
        Value::Number(number) => Ok(double(number)),
        _ => Err(wrong_operand(keyword, r#"["number"]"#)),
    }
}

fn text<'v>(keyword: &str, operand: &'v Value) -> Result<&'v str, SchemaError> {
    operand.as_str().ok_or_else(|| wrong_operand(keyword, r#"["string"]"#))
}

fn list<'v>(keyword: &str, operand: &'v Value) -> Result<&'v [Value], SchemaError> {
    operand.as_array().map(Vec::as_slice).ok_or_else(|| wrong_operand(keyword, r#"["array"]"#))
}

fn object<'v>(keyword: &str, operand: &'v Value) -> Result<&'v Keywords, SchemaError> {
    operand.as_object().ok_or_else(|| wrong_operand(keyword, r#"["object"]"#))
}

/// Refuses a schema that would apply itself to the same value again and again: without going into the value, no
/// check could ever end.
fn refuse_endless(program: &Program) -> Result<(), SchemaError> {
    let by_name: Vec<NodeId> = program
        .resources
        .iter()
        .flat_map(|names| names.anchors.values().copied().chain(names.recursive))
        .collect();
    let edges = |node: NodeId| -> Vec<NodeId> {
        let mut edges: Vec<_> = program.nodes[node].keywords().flat_map(Keyword::in_place).collect();
        let dynamic = program.nodes[node].keywords().any(|keyword| {
            matches!(keyword, Keyword::DynamicReference { .. } | Keyword::RecursiveReference(_))
        });
        if dynamic {
            edges.extend(&by_name);
        }
        edges
    };
    // Depth-first with an explicit stack: open nodes are on the way to the current one.
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; program.nodes.len()];
    for start in 0..program.nodes.len() {
        let mut stack = vec![(start, None::<std::vec::IntoIter<NodeId>>)];
        while let Some((node, next)) = stack.last_mut() {
            let node = *node;
            let next = match next {
                Some(next) => next,
                None if states[node] == State::Done => {
                    stack.pop();
                    continue;
                }
                None if states[node] == State::Open => return Err(SchemaError::Endless),
                None => {
                    states[node] = State::Open;
                    next.insert(edges(node).into_iter())
                }
            };
            match next.next() {
                Some(target) => stack.push((target, None)),
                None => {
                    states[node] = State::Done;
                    stack.pop();
                }
            }
        }
    }
    Ok(())
}
