//! Where things are in a schema: its embedded resources (`$id`), its anchors, and what a reference points to.
//!
//! Nothing is ever fetched. Besides the schema itself, only the draft-07 meta-schema can be pointed to. URI
//! arithmetic is the library's; this room knows nothing of what keywords mean beyond those that name things.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::{Uri, uri};
use serde_json::Value;

use super::SchemaError;
use crate::model::json::MAX_DEPTH;

/// The draft-07 meta-schema in the edition that the original engine checks schemas against (its `enum` must have
/// items, and distinct ones), key order included.
pub(super) static DRAFT_07: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("draft-07.json")).expect("the file is part of the source and is JSON")
});

/// A resource by its number; 0 is the schema itself.
pub(super) type ResourceId = usize;

/// A schema with its own base URI.
struct Resource<'s> {
    base: Uri<String>,
    /// The base as messages show it: `#` for a schema without `$id`.
    shown: String,
    root: &'s Value,
    anchors: HashMap<String, &'s Value>,
    dynamic_anchors: HashMap<String, &'s Value>,
}

/// A schema with all its names indexed.
pub(super) struct Document<'s> {
    resources: Vec<Resource<'s>>,
    by_uri: HashMap<String, ResourceId>,
    /// Resource roots by address.
    roots: HashMap<*const Value, ResourceId>,
}

/// Keywords whose value is a list of schemas, or schemas by name: the names are not keywords.
const SCHEMAS_BY_NAME: [&str; 6] =
    ["properties", "patternProperties", "definitions", "$defs", "dependencies", "dependentSchemas"];
const SCHEMA_LISTS: [&str; 5] = ["items", "prefixItems", "allOf", "anyOf", "oneOf"];
/// Keywords whose value is data, whatever it looks like.
const DATA: [&str; 4] = ["enum", "const", "default", "examples"];

impl<'s> Document<'s> {
    /// Indexes a schema.
    pub(super) fn new(root: &'s Value) -> Result<Self, SchemaError> {
        let base = uri::from_str("").expect("the empty reference is the library's own default base");
        let mut document = Self { resources: Vec::new(), by_uri: HashMap::new(), roots: HashMap::new() };
        document.add_resource(base, "#".to_owned(), root);
        document.index(root, 0, 0)?;
        Ok(document)
    }

    fn add_resource(&mut self, base: Uri<String>, shown: String, root: &'s Value) -> ResourceId {
        let id = self.resources.len();
        self.by_uri.insert(key(&base), id);
        self.roots.insert(root, id);
        self.resources.push(Resource {
            base,
            shown,
            root,
            anchors: HashMap::new(),
            dynamic_anchors: HashMap::new(),
        });
        id
    }

    /// Records the names in one schema and all schemas below it.
    fn index(&mut self, schema: &'s Value, within: ResourceId, depth: usize) -> Result<(), SchemaError> {
        let Value::Object(keywords) = schema else { return Ok(()) };
        if depth > MAX_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        let mut resource = within;
        if let Some(Value::String(id)) = keywords.get("$id") {
            resource = self.index_id(id, schema, within)?;
        }
        for (keyword, dynamic) in [("$anchor", false), ("$dynamicAnchor", true)] {
            if let Some(Value::String(anchor)) = keywords.get(keyword) {
                self.add_anchor(resource, anchor, schema)?;
                if dynamic {
                    self.resources[resource].dynamic_anchors.insert(anchor.clone(), schema);
                }
            }
        }
        for (keyword, value) in keywords {
            let keyword = keyword.as_str();
            match value {
                Value::Object(named) if SCHEMAS_BY_NAME.contains(&keyword) => {
                    for schema in named.values() {
                        self.index(schema, resource, depth + 1)?;
                    }
                }
                Value::Array(list) if SCHEMA_LISTS.contains(&keyword) => {
                    for schema in list {
                        self.index(schema, resource, depth + 1)?;
                    }
                }
                // An unknown keyword may hold schemas that a reference points to.
                Value::Object(_) if !DATA.contains(&keyword) => self.index(value, resource, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes in an `$id`, which names a resource, or, as a bare fragment, an anchor (draft-07).
    fn index_id(
        &mut self,
        id: &str,
        schema: &'s Value,
        within: ResourceId,
    ) -> Result<ResourceId, SchemaError> {
        let (target, fragment) = id.split_once('#').unwrap_or((id, ""));
        let mut resource = within;
        if !target.is_empty() {
            // An `$id` that is no URI names nothing: the original engine shrugs at it too.
            let Ok(base) = uri::resolve_against(&self.resources[within].base.borrow(), target) else {
                return Ok(within);
            };
            let shown = key(&base).strip_prefix("json-schema:///").map_or_else(|| key(&base), str::to_owned);
            if depth_zero(&self.roots, schema) {
                // The schema's own `$id`: it is the first resource under another name.
                self.by_uri.insert(key(&base), 0);
                self.resources[0].base = base;
                self.resources[0].shown = shown;
            } else if self.by_uri.contains_key(&key(&base)) {
                return Err(SchemaError::AmbiguousReference { reference: shown });
            } else {
                resource = self.add_resource(base, shown, schema);
            }
        }
        if !fragment.is_empty() && fragment != "/" {
            self.add_anchor(resource, fragment, schema)?;
        }
        Ok(resource)
    }

    fn add_anchor(&mut self, at: ResourceId, name: &str, schema: &'s Value) -> Result<(), SchemaError> {
        match self.resources[at].anchors.insert(name.to_owned(), schema) {
            None => Ok(()),
            Some(_) => Err(SchemaError::AmbiguousReference { reference: format!("#{name}") }),
        }
    }

    /// The resource that a schema belongs to, coming from a schema in `within`.
    pub(super) fn enter(&self, schema: &Value, within: ResourceId) -> ResourceId {
        self.roots.get(&std::ptr::from_ref(schema)).copied().unwrap_or(within)
    }

    /// How messages name the base URI of a resource.
    pub(super) fn shown(&self, resource: ResourceId) -> &str {
        &self.resources[resource].shown
    }

    /// The schema at the root of a resource.
    pub(super) fn root(&self, resource: ResourceId) -> &'s Value {
        self.resources[resource].root
    }

    /// What `$dynamicAnchor` names in each resource.
    pub(super) fn dynamic_anchors(&self) -> Vec<(ResourceId, String, &'s Value)> {
        let mut all: Vec<_> = self
            .resources
            .iter()
            .enumerate()
            .flat_map(|(id, resource)| {
                resource.dynamic_anchors.iter().map(move |(name, schema)| (id, name.clone(), *schema))
            })
            .collect();
        all.sort_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)));
        all
    }

    /// How many resources there are.
    pub(super) fn resources(&self) -> usize {
        self.resources.len()
    }

    /// What a reference made in `from` points to, with the resource that this belongs to; `None` if it is nowhere.
    pub(super) fn resolve(&mut self, from: ResourceId, reference: &str) -> Option<(&'s Value, ResourceId)> {
        let (target, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let resource = if target.is_empty() {
            from
        } else {
            let base = uri::resolve_against(&self.resources[from].base.borrow(), target).ok()?;
            match self.by_uri.get(&key(&base)) {
                Some(resource) => *resource,
                None if key(&base) == "http://json-schema.org/draft-07/schema" => {
                    self.add_resource(base.clone(), key(&base), &DRAFT_07)
                }
                None => return None,
            }
        };
        let fragment = percent_decode(fragment)?;
        let root = self.resources[resource].root;
        match fragment.strip_prefix('/') {
            None if fragment.is_empty() => Some((root, resource)),
            None => self.resources[resource]
                .anchors
                .get(&fragment)
                .map(|schema| (*schema, self.enter(schema, resource))),
            Some("") => Some((root, resource)),
            Some(pointer) => self.follow(root, resource, pointer),
        }
    }

    /// Follows the tokens of a JSON pointer, changing resource wherever one is embedded.
    fn follow(
        &self,
        root: &'s Value,
        mut resource: ResourceId,
        pointer: &str,
    ) -> Option<(&'s Value, ResourceId)> {
        let mut at = root;
        for token in pointer.split('/') {
            let token = token.replace("~1", "/").replace("~0", "~");
            at = match at {
                Value::Object(members) => members.get(&token)?,
                Value::Array(items) => items.get(token.parse::<usize>().ok()?)?,
                _ => return None,
            };
            resource = self.enter(at, resource);
        }
        Some((at, resource))
    }
}

/// Whether a schema is the whole document.
fn depth_zero(roots: &HashMap<*const Value, ResourceId>, schema: &Value) -> bool {
    roots.get(&std::ptr::from_ref(schema)) == Some(&0)
}

/// A URI as a key: without its fragment.
fn key(uri: &Uri<String>) -> String {
    let text = uri.as_str();
    text.split_once('#').map_or(text, |(base, _)| base).to_owned()
}

/// Decodes `%20` and the like; `None` if the result is not text.
fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
