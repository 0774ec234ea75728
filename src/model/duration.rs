//! Durations as scripts write them: a number of milliseconds, or text such as `1h30m`.
//!
//! The text is a list of whole or decimal numbers, each with its unit (`d`, `h`, `m`, `s`, `ms`), the larger unit first
//! and none twice; one space may stand between two of them. Nothing else fits: what could be read in two ways is refused.

use std::time::Duration;

use super::error::ErrorData;

/// The units with their milliseconds, in the order in which they have to stand.
const UNITS: [(&str, f64); 5] =
    [("d", 86_400_000.0), ("h", 3_600_000.0), ("m", 60_000.0), ("s", 1_000.0), ("ms", 1.0)];

/// JavaScript's whole numbers end here; whatever is longer is as good as this.
const MAX_MS: f64 = 9_007_199_254_740_991.0;

/// Characters of a text that an error shows.
const SHOWN: usize = 60;

const EXPECTED: &str = "milliseconds, or text such as '500ms', '30s', '1h30m' or '2d'";

/// A duration in milliseconds; what is less than one counts as one.
///
/// # Errors
/// A `TypeError`, for what is no duration.
pub fn from_number(function: &str, ms: f64) -> Result<Duration, ErrorData> {
    if !ms.is_finite() || ms < 0.0 {
        let found = match ms {
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            other => other.to_string(),
        };
        return Err(refused(function, &found));
    }
    Ok(milliseconds(ms))
}

/// A duration from its text.
///
/// # Errors
/// A `TypeError` that says what was found and what fits.
pub fn from_text(function: &str, text: &str) -> Result<Duration, ErrorData> {
    let ms = read(text).ok_or_else(|| {
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        let what = if text.trim().parse::<f64>().is_ok() {
            format!("the text {shown:?}, which has no unit")
        } else {
            format!("the text {shown:?}")
        };
        refused(function, &what)
    })?;
    Ok(milliseconds(ms))
}

/// The error for what is no duration at all.
pub fn refused(function: &str, found: &str) -> ErrorData {
    ErrorData::new("TypeError", format!("{function}() expects {EXPECTED}, got {found}"))
        .with_code("ERR_INVALID_DURATION")
}

/// A duration in its largest units, as [`from_text`] reads it: `1h30m`.
pub fn text(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, ms) in UNITS {
        let count = left / ms as u64;
        left %= ms as u64;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if text.is_empty() { "0ms".to_owned() } else { text }
}

fn milliseconds(ms: f64) -> Duration {
    Duration::from_millis(ms.ceil().min(MAX_MS) as u64)
}

fn read(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut ms = 0.0;
    loop {
        let number = rest.len() - rest.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.').len();
        let (digits, after) = rest.split_at(number);
        let whole = digits.split('.').all(|part| !part.is_empty()) && digits.matches('.').count() <= 1;
        let number: f64 = whole.then(|| digits.parse().ok()).flatten()?;
        let letters = after.len() - after.trim_start_matches(|it: char| it.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at(letters);
        // What stands before it in the list has been passed over, and cannot come any more.
        ms += number * units.find(|(name, _)| *name == unit)?.1;
        if after.is_empty() {
            return Some(ms);
        }
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_whole_or_not_at_all() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("1.5h", 5_400_000),
            ("0.2ms", 1),
            ("0s", 0),
            ("007s", 7_000),
            ("90m", 5_400_000),
            ("99999999999999999999d", 9_007_199_254_740_991),
        ] {
            assert_eq!(from_text("sleep", text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            " ",
            "5",
            "s",
            "5 s",
            " 5s",
            "5s ",
            "5S",
            "5M",
            "1h  30m",
            "30m1h",
            "1h1h",
            "1m30",
            "-5s",
            "+5s",
            "1e3s",
            ".5s",
            "5.s",
            "1.2.3s",
            "5 minutes",
            "5min",
            "1w",
            "Infinity",
            "NaN",
            "５s",
            "1h\n30m",
            "1h,30m",
        ] {
            let error = from_text("sleep", text).unwrap_err();
            assert_eq!(
                (error.name.as_str(), error.code.as_deref()),
                ("TypeError", Some("ERR_INVALID_DURATION"))
            );
            assert!(error.message.contains(&format!("got the text {text:?}")), "{error}");
        }
        let error = from_text("sleep", "30").unwrap_err();
        assert_eq!(
            error.message,
            "sleep() expects milliseconds, or text such as '500ms', '30s', '1h30m' or '2d', got the text \"30\", which has no unit"
        );
        let long = from_text("sleep", &"x".repeat(1_000_000)).unwrap_err();
        assert!(long.message.len() < 250);
    }

    #[test]
    fn numbers_are_milliseconds() {
        for (number, ms) in
            [(0.0, 0), (-0.0, 0), (0.1, 1), (1.0, 1), (1500.5, 1501), (1e300, 9_007_199_254_740_991)]
        {
            assert_eq!(from_number("sleep", number), Ok(Duration::from_millis(ms)), "{number}");
        }
        for (number, shown) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (-1.0, "-1"),
            (-0.001, "-0.001"),
        ] {
            let error = from_number("sleep", number).unwrap_err();
            assert!(error.message.ends_with(&format!("got {shown}")), "{error}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for written in ["0ms", "500ms", "1h30m", "30d", "1d2h3m4s5ms"] {
            assert_eq!(text(from_text("sleep", written).unwrap()), written);
        }
    }
}
