//! What an agent call cost, as its provider reports it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::JsonText;

/// The part of a provider's usage report that the engine acts on, with the report itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Tokens that count against the budget: `max(0, floor(outputTokens))`, see [`Usage::from_report`].
    pub charged: f64,
    /// The report as the provider gave it, passed on to whoever watches.
    pub report: Option<JsonText>,
}

impl Usage {
    /// Reads a provider's report. Only `outputTokens` counts; fractions are floored, negatives are 0, a numeric
    /// string counts as its number (as the original engine coerces it), anything else is 0.
    pub fn from_report(report: &Value) -> Self {
        let output = match report.get("outputTokens") {
            Some(Value::Number(number)) => number.as_f64().unwrap_or(0.0),
            Some(Value::String(text)) => text.trim().parse().unwrap_or(0.0),
            Some(Value::Bool(true)) => 1.0,
            _ => 0.0,
        };
        let charged = if output.is_finite() { output.floor().max(0.0) } else { 0.0 };
        Self { charged, report: Some(JsonText::from_value(report)) }
    }

    /// Adds what another attempt of the same call cost.
    pub fn add(&mut self, other: Usage) {
        self.charged += other.charged;
        if other.report.is_some() {
            self.report = other.report;
        }
    }
}

/// The shape of a usage report, for providers that produce one themselves. Undefined fields are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostReport>,
}

/// Money, where a provider tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CostReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_output_tokens_are_charged() {
        for (report, charged) in [
            (json!({ "outputTokens": 7 }), 7.0),
            (json!({ "outputTokens": 2.9 }), 2.0),
            (json!({ "outputTokens": -3 }), 0.0),
            (json!({ "outputTokens": "7" }), 7.0),
            (json!({ "outputTokens": null }), 0.0),
            (json!({ "inputTokens": 9 }), 0.0),
            (json!([]), 0.0),
        ] {
            assert_eq!(Usage::from_report(&report).charged, charged, "{report}");
        }
    }
}
