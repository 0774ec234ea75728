//! What kind of failure it is, by the status of the model's servers and the words that CLIs use.
//!
//! The words are matched in the CLI's own error texts and nowhere else: what a model wrote must never come here.

use super::answer::{FailureKind, Limit};

/// The kind of a failure by what is known of it: the HTTP status, and whatever texts belong to the error. `Other` if
/// nothing fits.
pub fn classify(status: Option<u16>, words: &str) -> FailureKind {
    // Longer texts repeat themselves, or quote what they were given.
    const READ: usize = 16 * 1024;
    let end = words.char_indices().map(|(at, _)| at).find(|at| *at >= READ).unwrap_or(words.len());
    let words = words[..end].to_lowercase().replace('’', "'");
    let has = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
    if has(&["session id"]) && has(&["is already in use"]) {
        return FailureKind::Session;
    }
    // Its name stands between the words.
    if has(&["model `", "model \"", "model '"]) && has(&["` does not exist", "\" not found", "' not found"]) {
        return FailureKind::UnknownModel;
    }
    if let Some((kind, _)) = CERTAIN.iter().find(|(_, signs)| has(signs)) {
        return with_time(kind.clone(), &words);
    }
    let by_status = status.or_else(|| status_in(&words)).and_then(|status| of_status(status, &words));
    let kind = by_status.or_else(|| VAGUE.iter().find(|(_, signs)| has(signs)).map(|(kind, _)| kind.clone()));
    with_time(kind.unwrap_or(FailureKind::Other), &words)
}

const LIMITED: FailureKind = FailureKind::RateLimited { retry_after_ms: None, resets_at: None };

/// Words that say more than a status does.
const CERTAIN: &[(FailureKind, &[&str])] = &[
    (
        FailureKind::PromptTooLong,
        &[
            "prompt is too long",
            "prompt_too_long",
            "context_length_exceeded",
            "contextoverflow",
            "maximum context length",
            "exceeds the context window",
            "ran out of room in the model's context window",
            "input is too long",
            "request_too_large",
        ],
    ),
    (
        FailureKind::SchemaRefused,
        &[
            "invalid_json_schema",
            "invalid schema for response_format",
            "--json-schema is not",
            "output schema file",
            "input_schema",
        ],
    ),
    (
        FailureKind::Session,
        &[
            "no conversation found with session id",
            "no rollout found for thread",
            "session not found",
            "no session found matching",
            "session found in different project",
            "thread/resume failed",
        ],
    ),
    (
        FailureKind::UnknownModel,
        &[
            "model_not_found",
            "model not found",
            "modelnotfound",
            "issue with the selected model",
            "unknown model",
            "invalid model",
            "model is not supported",
            "unsupported_model",
        ],
    ),
    (
        FailureKind::NoCredit,
        &[
            "credit balance is too low",
            "insufficient_quota",
            "insufficient credits",
            "out of credits",
            "payment required",
            "billing_error",
            "exceeded your current quota",
        ],
    ),
    (
        FailureKind::Auth,
        &[
            "not logged in",
            "please run /login",
            "invalid api key",
            "incorrect api key",
            "authentication_error",
            "authentication_failed",
            "providerautherror",
            "oauth token has expired",
            "missing environment variable",
            "no api key",
            "api key not found",
            "permission_error",
            "token_expired",
            "refresh_token",
        ],
    ),
    (
        LIMITED,
        &[
            "rate_limit_error",
            "rate_limit_exceeded",
            "usage limit",
            "usage_limit_reached",
            "you've hit your",
            "limit reached|",
        ],
    ),
    (
        FailureKind::Limit(Limit::Output),
        &["max_output_tokens", "messageoutputlengtherror", "output token maximum"],
    ),
    (FailureKind::Refused, &["content_filter", "safeguards flagged", "usage policy", "cyber_policy"]),
    (FailureKind::Ended, &["messageabortederror", "turn interrupted"]),
    (FailureKind::BadOutput, &["structuredoutputerror"]),
    (
        FailureKind::Setup,
        &[
            "unexpected argument",
            "unknown option",
            "not inside a trusted directory",
            "error loading config",
            "error finding codex home",
            "cannot be used with root",
            "requires --verbose",
            "no prompt provided",
            "input must be provided",
            "must provide a message",
        ],
    ),
];

/// Words that a status would say better.
const VAGUE: &[(FailureKind, &[&str])] = &[
    (FailureKind::Auth, &["unauthorized", "forbidden"]),
    (LIMITED, &["rate limit", "too many requests", "quota exceeded"]),
    (FailureKind::Overloaded, &["overloaded", "high demand", "at capacity", "service unavailable"]),
    (
        FailureKind::ServerError,
        &["internal server error", "bad gateway", "server-side issue", "server_error"],
    ),
    (FailureKind::Timeout, &["timed out", "timeout"]),
    (
        FailureKind::Connection,
        &[
            "connection_failed",
            "connection refused",
            "connection error",
            "connection failed",
            "connection dropped",
            "econnrefused",
            "econnreset",
            "enotfound",
            "stream disconnected",
            "cannot connect",
            "fetch failed",
            "failed to lookup address",
            "connection was closed",
            "error sending request",
            "network error",
            "waiting for network",
        ],
    ),
];

fn of_status(status: u16, words: &str) -> Option<FailureKind> {
    Some(match status {
        401 | 403 => FailureKind::Auth,
        402 => FailureKind::NoCredit,
        404 if words.contains("model") => FailureKind::UnknownModel,
        408 | 504 => FailureKind::Timeout,
        413 => FailureKind::PromptTooLong,
        429 => LIMITED,
        503 | 529 => FailureKind::Overloaded,
        500..=599 => FailureKind::ServerError,
        _ => return None,
    })
}

/// The HTTP status that an error text names: at its beginning, or after one of the words that go before a status.
fn status_in(words: &str) -> Option<u16> {
    const BEFORE: &[&str] =
        &["status", "status:", "error", "error:", "http", "code", "code:", "(", "\"status_code\":"];
    let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = words.as_bytes();
    let mut at = 0;
    while at + 3 <= bytes.len() {
        let digits = &bytes[at..at + 3];
        if !digits.iter().all(u8::is_ascii_digit) || is_part(bytes.get(at + 3)) {
            at += 1;
            continue;
        }
        // Digits are characters of their own, so both ends are character boundaries.
        let before = words[..at].trim_end();
        let introduced = before.is_empty() || BEFORE.iter().any(|word| before.ends_with(word));
        if let Ok(status @ 400..=599) = words[at..at + 3].parse()
            && introduced
            && !is_part(at.checked_sub(1).and_then(|before| bytes.get(before)))
        {
            return Some(status);
        }
        at += 3;
    }
    None
}

/// Adds to a rate limit when it ends, where the words say so.
fn with_time(kind: FailureKind, words: &str) -> FailureKind {
    if kind != LIMITED {
        return kind;
    }
    let resets_at = ["\"resets_at\":", "\"resetsat\":", "limit reached|"]
        .iter()
        .find_map(|before| digits(words.split_once(before)?.1));
    let seconds = words.split_once("\"resets_in_seconds\":").and_then(|(_, after)| digits(after));
    let spoken = ["try again in ", "retry in ", "retry after ", "resets in ", "retry-after: "];
    let spoken = || spoken.iter().find_map(|before| duration(words.split_once(before)?.1));
    let retry_after_ms = seconds.map(|seconds| seconds.saturating_mul(1000)).or_else(spoken);
    FailureKind::RateLimited { retry_after_ms, resets_at }
}

fn digits(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// A time as people write it, in milliseconds: `1.5s`, `20 seconds`, `2 days 17 hours 14 minutes`, `6m0s`.
pub fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum: Option<f64> = None;
    loop {
        let text = rest.trim_start_matches([' ', ',']);
        let text = text.strip_prefix("and ").unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let Ok(amount) = text[..end].trim_end_matches('.').parse::<f64>() else { break };
        let after = text[end..].trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = match &after[..end] {
            "ms" | "millisecond" | "milliseconds" => 1.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            // A number alone is a number of seconds, as in `retry-after: 30`.
            _ if sum.is_none() => return Some((amount * 1000.0).round() as u64),
            _ => break,
        };
        sum = Some(sum.unwrap_or(0.0) + amount * unit);
        rest = &after[end..];
    }
    sum.map(|sum| sum.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(retry_after_ms: Option<u64>, resets_at: Option<u64>) -> FailureKind {
        FailureKind::RateLimited { retry_after_ms, resets_at }
    }

    #[test]
    fn words_and_status_tell_the_kind() {
        for (status, words, kind) in [
            (Some(401), "whatever", FailureKind::Auth),
            (None, "unexpected status 401 Unauthorized: invalid x-api-key", FailureKind::Auth),
            (None, "401 invalid key", FailureKind::Auth),
            (None, "Not logged in · Please run /login", FailureKind::Auth),
            (None, "Missing environment variable: `FAKE_KEY`.", FailureKind::Auth),
            (Some(429), "x", limited(None, None)),
            (None, "exceeded retry limit, last status: 429 Too Many Requests", limited(None, None)),
            (None, "API Error: Request rejected (429) · x", limited(None, None)),
            (None, "Claude AI usage limit reached|1778565600", limited(None, Some(1_778_565_600))),
            (
                None,
                "You’ve hit your usage limit. Upgrade, or try again in 2 days 17 hours 14 minutes.",
                limited(Some(234_840_000), None),
            ),
            (None, "429 Rate limit reached. Please try again in 1.898s.", limited(Some(1898), None)),
            (
                Some(429),
                r#"{"type":"usage_limit_reached","resets_at":1777936568,"resets_in_seconds":13872}"#,
                limited(Some(13_872_000), Some(1_777_936_568)),
            ),
            (None, "API Error: 529 overloaded", FailureKind::Overloaded),
            (None, "500 fake error 500", FailureKind::ServerError),
            (
                None,
                "We’re currently experiencing high demand, which may cause temporary errors.",
                FailureKind::Overloaded,
            ),
            (None, "Selected model is at capacity. Please try a different model.", FailureKind::Overloaded),
            (Some(400), "Prompt is too long · 300000 tokens", FailureKind::PromptTooLong),
            (Some(404), "model: nothere", FailureKind::UnknownModel),
            (
                None,
                "The model `x` does not exist or you do not have access to it.",
                FailureKind::UnknownModel,
            ),
            (
                None,
                "Error: Model \"x\" not found. Use --list-models to see available models.",
                FailureKind::UnknownModel,
            ),
            (None, "the file `x` does not exist", FailureKind::Other),
            (Some(404), "no such page", FailureKind::Other),
            (Some(400), "bad request", FailureKind::Other),
            (None, "stream disconnected before completion: error sending request", FailureKind::Connection),
            (None, "Request timed out", FailureKind::Timeout),
            (Some(429), "You exceeded your current quota", FailureKind::NoCredit),
            (None, "invalid_json_schema", FailureKind::SchemaRefused),
            (None, "Error: Session ID 1 is already in use.", FailureKind::Session),
            (None, "error: unexpected argument '--no-such-flag' found", FailureKind::Setup),
            (None, "read 4290 lines in 500ms, wrote x429", FailureKind::Other),
            (None, "in 429 places", FailureKind::Other),
            (None, "", FailureKind::Other),
        ] {
            assert_eq!(classify(status, words), kind, "{status:?} {words}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("30", Some(30_000)),
            ("1.5s.", Some(1500)),
            ("20ms", Some(20)),
            ("6m0s", Some(360_000)),
            ("1 hour and 5 minutes, or later", Some(3_900_000)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
