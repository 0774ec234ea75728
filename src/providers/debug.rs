//! The `debug` provider: answers at once, the same for the same call, and costs nothing.
//!
//! Without a schema it echoes the prompt; with one it makes up a value of that shape. It starts nothing and waits for
//! nothing. How a value is made up is given to it: a provider knows nothing of JSON Schema.

use std::future::ready;
use std::sync::Arc;

use serde_json::Value;

use super::{AttemptContext, Provider, ProviderFuture, ProviderResult, Sampler};
use crate::model::error::ErrorData;
use crate::model::json::JsonText;
use crate::model::outcome::AgentOutput;
use crate::model::request::AgentRequest;
use crate::model::usage::Usage;

/// The name under which scripts ask for it.
pub const NAME: &str = "debug";

/// The provider.
pub struct Debug {
    sample: Sampler,
}

impl Debug {
    /// A provider that makes up values with `sample`.
    pub fn new(sample: Sampler) -> Self {
        Self { sample }
    }
}

impl Provider for Debug {
    fn name(&self) -> &str {
        NAME
    }

    /// It is the answer once more.
    fn raw_says_more(&self) -> bool {
        false
    }

    fn run(&self, request: Arc<AgentRequest>, context: AttemptContext) -> ProviderFuture {
        Box::pin(ready(answer(&request, self.sample, context.raw)))
    }
}

fn answer(request: &AgentRequest, sample: Sampler, raw: bool) -> ProviderResult {
    let schema = request.parsed.schema.as_deref().filter(|schema| is_truthy(schema));
    let prompt = Prompt::read(request)?;
    let output = match schema {
        // A type that does not exist has no value, and what has no value has no length either.
        Some(schema) => {
            JsonText::from_value(&sample(schema).ok_or_else(|| Box::new(no_length("undefined").into()))?)
        }
        None => prompt.echo,
    };
    let output_units = match schema {
        Some(_) => units(output.as_str()),
        None => prompt.echo_units,
    };
    Ok(respond(output, prompt.units, output_units, raw))
}

/// An answer with its cost. `prompt` is `None` for a prompt that has no length, which makes its cost no number.
fn respond(output: JsonText, prompt: Option<usize>, output_units: usize, raw: bool) -> AgentOutput {
    let charged = tokens(output_units);
    let (input, total) = match prompt.map(tokens) {
        Some(input) => (input.to_string(), (input + charged).to_string()),
        // JSON has no NaN.
        None => ("null".to_owned(), "null".to_owned()),
    };
    let report = format!(
        r#"{{"inputTokens":{input},"outputTokens":{charged},"totalTokens":{total},"cost":{{"input":0,"output":0,"total":0,"currency":"USD"}}}}"#
    );
    let raw = raw.then(|| JsonText::new(format!(r#"{{"output":{}}}"#, output.as_str())));
    AgentOutput {
        output: Some(output),
        usage: Usage { charged: charged as f64, report: Some(JsonText::new(report)) },
        session_id: None,
        resume: None,
        raw,
    }
}

/// Tokens that a text of so many UTF-16 units is taken for.
fn tokens(units: usize) -> usize {
    units.div_ceil(4).max(1)
}

/// What the provider needs to know of a prompt.
struct Prompt {
    /// Its length in UTF-16 units; `None` if it has none.
    units: Option<usize>,
    /// `echo: ` and the prompt, as a JSON string.
    echo: JsonText,
    /// Length of `echo` in UTF-16 units, quotes and escapes included.
    echo_units: usize,
}

/// What the echo puts before the prompt, and its length.
const ECHO: &str = "echo: ";

impl Prompt {
    fn read(request: &AgentRequest) -> Result<Self, ErrorData> {
        let Some(json) = &request.prompt else { return Err(no_length("undefined")) };
        if let Some(rest) = json.as_str().strip_prefix('"') {
            // The rest of the JSON text is the rest of the echo's, so nothing is unescaped and escaped again.
            let (content, written) = string_units(json.as_str());
            return Ok(Self {
                units: Some(content),
                echo: JsonText::new(["\"", ECHO, rest].concat()),
                echo_units: written + ECHO.len(),
            });
        }
        // Not text: rare, and as JavaScript would have it.
        let value = json.parse().map_err(|error| {
            ErrorData::new("TypeError", format!("the prompt of agent() is not JSON: {error}"))
        })?;
        let units = match &value {
            Value::Null => return Err(no_length("null")),
            Value::Array(items) => Some(items.len()),
            _ => None,
        };
        let echo = JsonText::from_str_value(&format!("{ECHO}{}", to_text(&value)));
        Ok(Self { units, echo_units: self::units(echo.as_str()), echo })
    }
}

/// What JavaScript says when it is asked for the length of `undefined` or `null`.
fn no_length(what: &str) -> ErrorData {
    ErrorData::new("TypeError", format!("Cannot read properties of {what} (reading 'length')"))
}

/// Length of a text in UTF-16 units.
fn units(text: &str) -> usize {
    // One unit per character, a second for those of four bytes; continuation bytes begin with the bits 10.
    let extra = text.bytes().filter(|byte| *byte >= 0xF0).count();
    text.bytes().filter(|byte| byte & 0xC0 != 0x80).count() + extra
}

/// Lengths of a JSON string in UTF-16 units: of the string itself, and of its JSON text as `JSON.stringify` writes it.
fn string_units(json: &str) -> (usize, usize) {
    let all = units(json);
    let inner = json.len().min(2);
    if !json.contains('\\') {
        return (all - inner, all);
    }
    // Every escape is at least two units of text for one of content.
    let mut content = all - inner;
    let mut written = all;
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            continue;
        }
        match bytes.next() {
            Some(b'u') => {
                content -= 5;
                let digits = [bytes.next(), bytes.next(), bytes.next(), bytes.next()];
                written = written + written_units(digits) - 6;
            }
            // Only a slash can be escaped that `JSON.stringify` leaves alone.
            Some(b'/') => {
                content -= 1;
                written -= 1;
            }
            _ => content -= 1,
        }
    }
    (content, written)
}

/// How many units `JSON.stringify` takes for the UTF-16 unit with these hexadecimal digits.
fn written_units(digits: [Option<u8>; 4]) -> usize {
    let unit = digits
        .into_iter()
        .flatten()
        .fold(0, |unit, digit| unit * 16 + char::from(digit).to_digit(16).unwrap_or(0));
    match unit {
        // \b \t \n \f \r \" \\
        0x08 | 0x09 | 0x0A | 0x0C | 0x0D | 0x22 | 0x5C => 2,
        0..0x20 => 6,
        // Half a character, which may be alone: then it stays escaped. Pairs are not written this way by anyone.
        0xD800..0xE000 => 6,
        _ => 1,
    }
}

/// A value as a template literal shows it.
fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(_) => "[object Object]".to_owned(),
        Value::Array(items) => {
            let texts = items.iter().map(|item| match item {
                Value::Null => String::new(),
                item => to_text(item),
            });
            texts.collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// Whether JavaScript takes a value for true.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::CallId;
    use crate::model::request::AgentOptions;
    use futures_util::FutureExt as _;
    use serde_json::json;

    /// Stands in for the sampler: a value for `true`-ish schemas, `undefined` for a string.
    fn sample(schema: &Value) -> Option<Value> {
        (!schema.is_string()).then(|| json!({ "a": "debug-string" }))
    }

    fn run(prompt: Option<&str>, schema: Option<Value>) -> ProviderResult {
        let request = AgentRequest {
            prompt: prompt.map(JsonText::new),
            parsed: AgentOptions { schema: schema.map(Arc::new), ..AgentOptions::default() },
            ..AgentRequest::default()
        };
        let context = AttemptContext { raw: true, ..AttemptContext::new(CallId(0), 1) };
        Debug::new(sample)
            .run(Arc::new(request), context)
            .now_or_never()
            .expect("the answer is there at once")
    }

    #[test]
    fn usage_is_estimated_from_the_lengths() {
        for (prompt, output, usage) in [
            ("\"\"", "\"echo: \"", (1, 2, 3)),
            ("\"a\"", "\"echo: a\"", (1, 3, 4)),
            ("\"abcd\"", "\"echo: abcd\"", (1, 3, 4)),
            ("\"abcde\"", "\"echo: abcde\"", (2, 4, 6)),
            ("\"🙂🙂\"", "\"echo: 🙂🙂\"", (1, 3, 4)),
            ("\"ééééééééé\"", "\"echo: ééééééééé\"", (3, 5, 8)),
            // Escapes count as one unit of the prompt, and as they are written in the output.
            (r#""a\nb\"c\\""#, r#""echo: a\nb\"c\\""#, (2, 5, 7)),
            (r#""\u0001\u0001\u0001\u0001\u0001""#, r#""echo: \u0001\u0001\u0001\u0001\u0001""#, (2, 10, 12)),
            (r#""\u00e9\/\u000a\ud800""#, r#""echo: \u00e9\/\u000a\ud800""#, (1, 5, 6)),
        ] {
            let answer = run(Some(prompt), None).unwrap();
            assert_eq!(answer.output.as_ref().map(JsonText::as_str), Some(output));
            let (input, out, total) = usage;
            assert_eq!(
                answer.usage.report.unwrap().as_str(),
                format!(
                    r#"{{"inputTokens":{input},"outputTokens":{out},"totalTokens":{total},"cost":{{"input":0,"output":0,"total":0,"currency":"USD"}}}}"#
                ),
                "{prompt}"
            );
            assert_eq!(answer.usage.charged, f64::from(out));
            assert_eq!(answer.raw.unwrap().as_str(), format!(r#"{{"output":{output}}}"#));
            assert_eq!(answer.session_id, None);
        }
    }

    #[test]
    fn lengths_agree_with_a_parser_and_a_writer() {
        for text in ["", "a", "a\"b\\c/d", "\u{1}\u{1f}\u{7f}", "é🙂\u{2028}\t\r\n\u{8}\u{c}", "\\u0041"] {
            let json = serde_json::to_string(text).unwrap();
            let expected = (text.encode_utf16().count(), json.encode_utf16().count());
            assert_eq!(string_units(&json), expected, "{json}");
        }
    }

    #[test]
    fn a_schema_gets_a_value_unless_it_is_falsy() {
        let answer = run(Some("\"x\""), Some(json!({ "type": "object" }))).unwrap();
        assert_eq!(answer.output.unwrap().as_str(), r#"{"a":"debug-string"}"#);
        let report = answer.usage.report.unwrap().parse().unwrap();
        assert_eq!((&report["inputTokens"], &report["outputTokens"]), (&json!(1), &json!(5)));
        for falsy in [json!(null), json!(false), json!(0), json!("")] {
            let answer = run(Some("\"x\""), Some(falsy.clone())).unwrap();
            assert_eq!(answer.output.unwrap().as_str(), "\"echo: x\"", "{falsy}");
        }
    }

    #[test]
    fn other_prompts_are_what_javascript_makes_of_them() {
        for (prompt, output, input) in [
            ("5", "\"echo: 5\"", json!(null)),
            ("true", "\"echo: true\"", json!(null)),
            (r#"{"a":1}"#, "\"echo: [object Object]\"", json!(null)),
            (r#"["a",[1,null],2,3,4]"#, "\"echo: a,1,,2,3,4\"", json!(2)),
        ] {
            let answer = run(Some(prompt), None).unwrap();
            assert_eq!(answer.output.unwrap().as_str(), output);
            assert_eq!(answer.usage.report.unwrap().parse().unwrap()["inputTokens"], input, "{prompt}");
        }
    }

    #[test]
    fn what_has_no_length_is_an_error() {
        for (prompt, schema, what) in [
            (None, None, "undefined"),
            (None, Some(json!({})), "undefined"),
            (Some("null"), None, "null"),
            (Some("\"x\""), Some(json!("no such type")), "undefined"),
        ] {
            let error = run(prompt, schema).unwrap_err().error;
            assert_eq!(error.name, "TypeError");
            assert_eq!(error.message, format!("Cannot read properties of {what} (reading 'length')"));
        }
    }
}
