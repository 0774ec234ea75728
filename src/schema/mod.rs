//! provisional
use serde_json::Value;
use std::sync::Arc;
pub struct Validator(jsonschema::Validator);
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(String);
pub fn compile(schema: &Value) -> Result<Arc<Validator>, SchemaError> {
    jsonschema::draft7::new(schema).map(|v| Arc::new(Validator(v))).map_err(|e| SchemaError(e.to_string()))
}
impl Validator {
    pub fn validate(&self, value: &Value) -> Vec<String> {
        self.0.iter_errors(value).map(|e| format!("{} {e}", e.instance_path())).collect()
    }
}
pub fn sample(_schema: &Value) -> Option<Value> {
    Some(Value::Null)
}
