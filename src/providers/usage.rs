//! What an agent run cost, found in what its CLI printed.
//!
//! Two ways lead to it. The documented one is taken by each reader for its own CLI: it knows which field of which event
//! counts. The other is the original engine's: anything in the output that looks like usage, under any of several names.
//! It remains for output that has no documented field, so that wrappers and stand-ins for the CLIs keep working.

use serde_json::{Map, Number, Value};

/// How the original looks for usage in the output of one CLI.
pub struct Dialect {
    /// An object with a number under one of these is a usage object.
    marks: &'static [&'static str],
    cache_read: &'static [&'static str],
    cache_write: &'static [&'static str],
    /// Whether `cache.read` and `cache.write` count.
    nested_cache: bool,
    cost_cache_read: &'static [&'static str],
    /// Names of a cost that stands beside the tokens, in US dollars.
    dollars: &'static [&'static str],
}

const INPUT: &[&str] = &["inputTokens", "input_tokens", "input"];
const OUTPUT: &[&str] = &["outputTokens", "output_tokens", "output"];
const TOTAL: &[&str] = &["totalTokens", "total_tokens", "total"];
const COST_CACHE_WRITE: &[&str] = &["cacheWrite", "cache_write"];
/// Names of Claude Code's cost.
pub const DOLLARS: &[&str] = &["total_cost_usd", "costUSD", "cost_usd"];

const READ: &[&str] =
    &["cacheReadTokens", "cache_read_tokens", "cache_read_input_tokens", "cached_input_tokens", "cacheRead"];
const WRITE: &[&str] =
    &["cacheWriteTokens", "cache_write_tokens", "cache_creation_input_tokens", "cacheWrite"];

/// Claude Code: tokens only mark.
pub const CLAUDE: Dialect = Dialect {
    marks: &[
        "input",
        "output",
        "inputTokens",
        "outputTokens",
        "input_tokens",
        "output_tokens",
        "totalTokens",
        "total_tokens",
    ],
    cache_read: READ,
    cache_write: WRITE,
    nested_cache: false,
    cost_cache_read: &["cacheRead", "cache_read"],
    dollars: DOLLARS,
};

/// Codex: cache tokens mark too, under their long names.
pub const CODEX: Dialect = Dialect {
    marks: &[
        "input",
        "output",
        "inputTokens",
        "outputTokens",
        "input_tokens",
        "output_tokens",
        "totalTokens",
        "total_tokens",
        "cacheReadTokens",
        "cache_read_tokens",
        "cache_read_input_tokens",
        "cached_input_tokens",
        "cacheWriteTokens",
        "cache_write_tokens",
        "cache_creation_input_tokens",
    ],
    nested_cache: true,
    dollars: &[],
    ..CLAUDE
};

const ALL_MARKS: &[&str] = &[
    "input",
    "output",
    "inputTokens",
    "outputTokens",
    "input_tokens",
    "output_tokens",
    "totalTokens",
    "total_tokens",
    "cacheReadTokens",
    "cache_read_tokens",
    "cache_read_input_tokens",
    "cached_input_tokens",
    "cacheWriteTokens",
    "cache_write_tokens",
    "cache_creation_input_tokens",
    "cacheRead",
    "cacheWrite",
];

/// OpenCode: short names of cache tokens mark too.
pub const OPENCODE: Dialect = Dialect { marks: ALL_MARKS, cost_cache_read: &["cacheRead"], ..CODEX };

/// Pi: short names of cache tokens come second.
pub const PI: Dialect = Dialect {
    cache_read: &[
        "cacheReadTokens",
        "cacheRead",
        "cache_read_tokens",
        "cache_read_input_tokens",
        "cached_input_tokens",
    ],
    cache_write: &["cacheWriteTokens", "cacheWrite", "cache_write_tokens", "cache_creation_input_tokens"],
    ..OPENCODE
};

/// Tokens and cost. What is not known is `None`, which is not the same as 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    pub input: Option<f64>,
    pub output: Option<f64>,
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
    pub total: Option<f64>,
    pub cost: Option<Cost>,
}

/// Money.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    pub input: Option<f64>,
    pub output: Option<f64>,
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
    pub total: Option<f64>,
    pub currency: Option<String>,
}

/// The first number under one of the names.
pub fn number(object: &Map<String, Value>, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| object.get(*name).and_then(Value::as_f64))
}

impl Dialect {
    fn is_marked(&self, object: &Map<String, Value>) -> bool {
        number(object, self.marks).is_some()
    }

    /// Reads a usage object. Anything else, such as an array, has no counts.
    pub fn read(&self, value: &Value) -> Counts {
        let Value::Object(usage) = value else { return Counts::default() };
        let cached = |name| {
            let cache = self.nested_cache.then(|| usage.get("cache")).flatten()?;
            cache.get(name).and_then(Value::as_f64)
        };
        let mut counts = Counts {
            input: number(usage, INPUT),
            output: number(usage, OUTPUT),
            cache_read: number(usage, self.cache_read).or_else(|| cached("read")),
            cache_write: number(usage, self.cache_write).or_else(|| cached("write")),
            total: number(usage, TOTAL),
            cost: usage.get("cost").and_then(|cost| self.read_cost(cost)),
        };
        counts.total = counts.total.or_else(|| counts.sum());
        if counts.cost.is_none() {
            counts.cost = number(usage, self.dollars).map(Cost::dollars);
        }
        counts
    }

    fn read_cost(&self, value: &Value) -> Option<Cost> {
        let cost = match value {
            Value::Object(cost) => cost,
            // An object to JavaScript, with nothing in it that counts.
            Value::Array(_) => return Some(Cost::default()),
            _ => return None,
        };
        Some(Cost {
            input: number(cost, &["input"]),
            output: number(cost, &["output"]),
            cache_read: number(cost, self.cost_cache_read),
            cache_write: number(cost, COST_CACHE_WRITE),
            total: number(cost, &["total"]),
            currency: cost.get("currency").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// The first usage object, depth first: a value itself, then its `usage` (any object), then what else is in it.
    pub fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        let object = match value {
            Value::Array(items) => return items.iter().find_map(|item| self.first(item)),
            Value::Object(object) => object,
            _ => return None,
        };
        if self.is_marked(object) {
            return Some(value);
        }
        let named = object.get("usage").filter(|usage| usage.is_object() || usage.is_array());
        named.or_else(|| others(object).find_map(|value| self.first(value)))
    }

    /// All usage objects, outer ones first. An object under `usage` is one, and nothing inside it is.
    pub fn each(&self, value: &Value, found: &mut dyn FnMut(Counts)) {
        let object = match value {
            Value::Array(items) => return items.iter().for_each(|item| self.each(item, found)),
            Value::Object(object) => object,
            _ => return,
        };
        if self.is_marked(object) {
            found(self.read(value));
        }
        if let Some(usage) = object.get("usage").filter(|usage| usage.is_object()) {
            found(self.read(usage));
        }
        others(object).for_each(|value| self.each(value, found));
    }
}

fn others(object: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    object.iter().filter(|(key, _)| !matches!(key.as_str(), "usage" | "cost")).map(|(_, value)| value)
}

impl Cost {
    /// A total in US dollars.
    pub fn dollars(total: f64) -> Self {
        Self { total: Some(total), currency: Some("USD".to_owned()), ..Self::default() }
    }

    fn numbers(&mut self) -> [&mut Option<f64>; 5] {
        [&mut self.input, &mut self.output, &mut self.cache_read, &mut self.cache_write, &mut self.total]
    }
}

impl Counts {
    /// What the tokens come to where the CLI gives no total: what was read from a cache is not new.
    pub fn sum(&self) -> Option<f64> {
        [self.input, self.output, self.cache_write].into_iter().flatten().reduce(|sum, part| sum + part)
    }

    fn numbers(&mut self) -> [&mut Option<f64>; 5] {
        [&mut self.input, &mut self.output, &mut self.cache_read, &mut self.cache_write, &mut self.total]
    }

    /// Takes over whatever the other one knows.
    pub fn replace(&mut self, mut other: Counts) {
        for (own, new) in self.numbers().into_iter().zip(other.numbers()) {
            *own = new.or(*own);
        }
        match (&mut self.cost, other.cost) {
            (Some(own), Some(mut new)) => {
                for (own, new) in own.numbers().into_iter().zip(new.numbers()) {
                    *own = new.or(*own);
                }
                own.currency = new.currency.or(own.currency.take());
            }
            (own, new) => *own = new.or(own.take()),
        }
    }

    /// Adds tokens; the other one's cost replaces this one's, where there is one.
    pub fn add_tokens(&mut self, mut other: Counts) {
        for (own, new) in self.numbers().into_iter().zip(other.numbers()) {
            *own = plus(*own, *new);
        }
        if other.cost.is_some() {
            self.replace(Counts { cost: other.cost, ..Counts::default() });
        }
    }

    /// Adds tokens and cost.
    pub fn add(&mut self, mut other: Counts) {
        let cost = other.cost.take();
        self.add_tokens(other);
        match (&mut self.cost, cost) {
            (Some(own), Some(mut new)) => {
                for (own, new) in own.numbers().into_iter().zip(new.numbers()) {
                    *own = plus(*own, *new);
                }
                own.currency = new.currency.or(own.currency.take());
            }
            (own, new) => *own = new.or(own.take()),
        }
    }

    /// What came on top of an earlier state of the same count. A count that has gone down was begun anew: then it is
    /// the answer as it is.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let (mut new, mut old) = (self.clone(), earlier.clone());
        let fell = new.numbers().into_iter().zip(old.numbers()).any(|(new, old)| new < old && new.is_some());
        if fell || (new.cost_total() < old.cost_total() && new.cost.is_some()) {
            return self.clone();
        }
        for (new, old) in new.numbers().into_iter().zip(old.numbers()) {
            *new = new.map(|new| new - old.unwrap_or(0.0));
        }
        if let (Some(new), Some(old)) = (&mut new.cost, &mut old.cost) {
            for (new, old) in new.numbers().into_iter().zip(old.numbers()) {
                // Money is added up in binary fractions: what is left of that is no money.
                *new = new.map(|new| ((new - old.unwrap_or(0.0)) * 1e12).round() / 1e12);
            }
        }
        new
    }

    fn cost_total(&self) -> Option<f64> {
        self.cost.as_ref().and_then(|cost| cost.total)
    }

    /// As a usage report, see [`Record::usage`](super::answer::Record::usage).
    pub fn to_value(&self) -> Value {
        let mut report = fields(&[
            ("inputTokens", self.input),
            ("outputTokens", self.output),
            ("cacheReadTokens", self.cache_read),
            ("cacheWriteTokens", self.cache_write),
            ("totalTokens", self.total),
        ]);
        if let Some(cost) = &self.cost {
            let mut money = fields(&[
                ("input", cost.input),
                ("output", cost.output),
                ("cacheRead", cost.cache_read),
                ("cacheWrite", cost.cache_write),
                ("total", cost.total),
            ]);
            if let Some(currency) = &cost.currency {
                money.insert("currency".to_owned(), Value::from(currency.as_str()));
            }
            report.insert("cost".to_owned(), Value::Object(money));
        }
        Value::Object(report)
    }

    /// Reads what [`to_value`](Self::to_value) has written.
    pub fn from_value(report: &Value) -> Self {
        CLAUDE.read(report)
    }
}

fn plus(own: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (own, other) {
        (Some(own), Some(other)) => Some(own + other),
        (own, other) => own.or(other),
    }
}

fn fields(fields: &[(&str, Option<f64>)]) -> Map<String, Value> {
    let known = fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), to_number((*value)?)?)));
    known.collect()
}

/// A whole number without a fraction, as JavaScript writes it. What is no number in JSON is left out.
fn to_number(value: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn first(dialect: &Dialect, value: Value) -> Option<Value> {
        dialect.first(&value).map(|found| dialect.read(found).to_value())
    }

    #[test]
    fn claude_takes_the_first_that_looks_like_usage() {
        for (value, expected) in [
            (json!({ "usage": {} }), Some(json!({}))),
            (json!({ "usage": [1] }), Some(json!({}))),
            (json!({ "usage": "x" }), None),
            (json!({ "usage": { "output_tokens": "5" } }), Some(json!({}))),
            (
                json!({ "modelUsage": { "m": { "inputTokens": 1, "outputTokens": 2 } } }),
                Some(json!({ "inputTokens": 1, "outputTokens": 2, "totalTokens": 3 })),
            ),
            (json!({ "total_cost_usd": 9 }), None),
            (
                json!({ "usage": { "total_cost_usd": 4 } }),
                Some(json!({ "cost": { "total": 4, "currency": "USD" } })),
            ),
            (json!({ "usage": { "cost": [1] } }), Some(json!({ "cost": {} }))),
            (
                json!({ "usage": { "input": 1, "cost": { "cache_read": 2, "currency": "EUR" }, "costUSD": 3 } }),
                Some(
                    json!({ "inputTokens": 1, "totalTokens": 1, "cost": { "cacheRead": 2, "currency": "EUR" } }),
                ),
            ),
            (json!({ "usage": null, "a": [{ "total_tokens": 7 }] }), Some(json!({ "totalTokens": 7 }))),
            (
                json!({ "inputTokens": 1, "input_tokens": 2, "input": 3 }),
                Some(json!({ "inputTokens": 1, "totalTokens": 1 })),
            ),
            (
                json!({ "input_tokens": 11, "output_tokens": 6, "cache_read_input_tokens": 9, "cache_creation_input_tokens": 4 }),
                Some(
                    json!({ "inputTokens": 11, "outputTokens": 6, "cacheReadTokens": 9, "cacheWriteTokens": 4, "totalTokens": 21 }),
                ),
            ),
            // Not by Claude Code's rules.
            (
                json!({ "input": 1, "cache": { "read": 5 } }),
                Some(json!({ "inputTokens": 1, "totalTokens": 1 })),
            ),
            (json!({ "cached_input_tokens": 5 }), None),
        ] {
            assert_eq!(first(&CLAUDE, value.clone()), expected, "{value}");
        }
    }

    #[test]
    fn codex_knows_more_names() {
        for (value, expected) in [
            (
                json!({ "input": 5, "usage": { "output_tokens": 1 } }),
                Some(json!({ "inputTokens": 5, "totalTokens": 5 })),
            ),
            (json!({ "cacheRead": 3 }), None),
            (json!({ "usage": { "cacheRead": 3 } }), Some(json!({ "cacheReadTokens": 3 }))),
            (
                json!({ "usage": { "input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 3 } }),
                Some(
                    json!({ "inputTokens": 10, "outputTokens": 3, "cacheReadTokens": 4, "totalTokens": 13 }),
                ),
            ),
            (
                json!({ "info": { "total_token_usage": { "input_tokens": 1 } } }),
                Some(json!({ "inputTokens": 1, "totalTokens": 1 })),
            ),
            (json!({ "usage": {} }), Some(json!({}))),
            (
                json!({ "input": 5, "cache": { "read": 4, "write": 2 }, "output": 3 }),
                Some(
                    json!({ "inputTokens": 5, "outputTokens": 3, "cacheReadTokens": 4, "cacheWriteTokens": 2, "totalTokens": 10 }),
                ),
            ),
        ] {
            assert_eq!(first(&CODEX, value.clone()), expected, "{value}");
        }
    }

    fn all(dialect: &Dialect, value: &Value, join: fn(&mut Counts, Counts)) -> Option<Value> {
        let mut sum = None;
        dialect.each(value, &mut |found| join(sum.get_or_insert_default(), found));
        sum.map(|sum| sum.to_value())
    }

    #[test]
    fn opencode_adds_up_whatever_it_finds() {
        for (value, expected) in [
            (
                json!([{ "input": 1, "output": 2 }, { "output": 5, "totalTokens": 9 }]),
                Some(json!({ "inputTokens": 1, "outputTokens": 7, "totalTokens": 12 })),
            ),
            (
                json!({ "tokens": { "input": 10, "output": 3, "reasoning": 1, "cache": { "read": 4, "write": 2 } } }),
                Some(
                    json!({ "inputTokens": 10, "outputTokens": 3, "cacheReadTokens": 4, "cacheWriteTokens": 2, "totalTokens": 15 }),
                ),
            ),
            (
                json!({ "input": 1, "usage": { "output": 2 } }),
                Some(json!({ "inputTokens": 1, "outputTokens": 2, "totalTokens": 3 })),
            ),
            (
                json!({ "usage": { "input": 3, "output": 5, "part": { "input": 3, "output": 5 } } }),
                Some(json!({ "inputTokens": 3, "outputTokens": 5, "totalTokens": 8 })),
            ),
            (json!({ "usage": [{ "input": 1 }] }), None),
            (
                json!([{ "input": 1, "cost": { "total": 1, "input": 2 } }, { "input": 1, "cost": { "total": 4 } }]),
                Some(json!({ "inputTokens": 2, "totalTokens": 2, "cost": { "input": 2, "total": 4 } })),
            ),
        ] {
            assert_eq!(all(&OPENCODE, &value, Counts::add_tokens), expected, "{value}");
        }
    }

    #[test]
    fn pi_keeps_the_last_of_each() {
        for (value, expected) in [
            (
                json!([{ "usage": { "input": 1, "output": 2, "totalTokens": 9, "cost": { "total": 0, "cache_read": 3 } } }, { "usage": { "output": 7 } }]),
                Some(
                    json!({ "inputTokens": 1, "outputTokens": 7, "totalTokens": 7, "cost": { "total": 0 } }),
                ),
            ),
            (
                json!({ "cacheRead": 100, "cacheWrite": 3, "input": 1, "output": 2 }),
                Some(
                    json!({ "inputTokens": 1, "outputTokens": 2, "cacheReadTokens": 100, "cacheWriteTokens": 3, "totalTokens": 6 }),
                ),
            ),
            (json!([1, "x", null]), None),
        ] {
            assert_eq!(all(&PI, &value, Counts::replace), expected, "{value}");
        }
    }

    #[test]
    fn what_came_on_top() {
        let counts = |input: f64, total: f64| Counts {
            input: Some(input),
            cost: Some(Cost::dollars(total)),
            ..Counts::default()
        };
        let new = counts(423.0, 0.001914).since(&counts(141.0, 0.000957));
        assert_eq!(
            new.to_value(),
            json!({ "inputTokens": 282, "cost": { "total": 0.000957, "currency": "USD" } })
        );
        assert_eq!(counts(141.0, 1.0).since(&Counts::default()), counts(141.0, 1.0));
        // Begun anew: nothing to subtract.
        assert_eq!(counts(141.0, 1.0).since(&counts(142.0, 0.0)), counts(141.0, 1.0));
        assert_eq!(counts(141.0, 1.0).since(&counts(0.0, 2.0)), counts(141.0, 1.0));
        assert_eq!(Counts::from_value(&counts(1.5, 2.0).to_value()).to_value(), {
            let mut expected = counts(1.5, 2.0);
            expected.total = Some(1.5);
            expected.to_value()
        });
    }

    #[test]
    fn costs_add_up_where_they_are_of_one_run() {
        let mut sum = Counts { output: Some(1.0), cost: Some(Cost::dollars(0.25)), ..Counts::default() };
        sum.add(Counts { output: Some(2.0), cost: Some(Cost::dollars(0.5)), ..Counts::default() });
        sum.add(Counts::default());
        assert_eq!(
            sum.to_value(),
            json!({ "outputTokens": 3, "cost": { "total": 0.75, "currency": "USD" } })
        );
    }
}
