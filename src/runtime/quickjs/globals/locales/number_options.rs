//! The options of `toLocaleString` of numbers and of `Intl.NumberFormat`, checked in V8's words.
//!
//! Must never know how a number is written.

use std::ffi::CStr;
use std::rc::Rc;

use icu_locale::Locale;
use rquickjs::{Ctx, Result, Value};

use super::decimal::Mode;
use super::table;
use super::tags::{DEFAULT, keyword, negotiate, requested};
use super::values::{Options, range_error, truth, type_error, utf8_text};

/// What was asked for, complete. The words are those of ECMA-402.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) locale: String,
    /// The locale without its extension.
    pub(super) tag: String,
    pub(super) style: &'static str,
    /// Three capital letters, with the style `currency`.
    pub(super) currency: Option<String>,
    pub(super) currency_display: &'static str,
    pub(super) currency_sign: &'static str,
    pub(super) unit: Option<String>,
    pub(super) unit_display: &'static str,
    pub(super) notation: &'static str,
    pub(super) compact_display: &'static str,
    pub(super) sign: &'static str,
    /// `None` is no grouping.
    pub(super) grouping: Option<&'static str>,
    pub(super) digits: Digits,
}

/// How many digits there are.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    pub(super) integer: u32,
    /// Least and most digits behind the point.
    pub(super) fraction: Option<(u32, u32)>,
    /// Least and most digits from the first that is not zero.
    pub(super) significant: Option<(u32, u32)>,
    pub(super) priority: &'static str,
    pub(super) increment: u32,
    pub(super) mode: &'static str,
    /// `stripIfInteger`: no zeros behind the point unless there is something else.
    pub(super) trailing_zeros: &'static str,
}

const MODES: [(&str, Mode); 9] = [
    ("ceil", Mode::Ceil),
    ("floor", Mode::Floor),
    ("expand", Mode::Expand),
    ("trunc", Mode::Trunc),
    ("halfCeil", Mode::HalfCeil),
    ("halfFloor", Mode::HalfFloor),
    ("halfExpand", Mode::HalfExpand),
    ("halfTrunc", Mode::HalfTrunc),
    ("halfEven", Mode::HalfEven),
];

const INCREMENTS: [u32; 15] = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000];

impl Digits {
    pub(super) fn mode(&self) -> Mode {
        MODES.iter().find(|(name, _)| *name == self.mode).map_or(Mode::HalfExpand, |(_, mode)| *mode)
    }
}

/// Decimal numbers without any options, in a locale that has a table.
pub(super) fn plain(locale: &str) -> Resolved {
    Resolved {
        locale: locale.to_owned(),
        tag: locale.to_owned(),
        style: "decimal",
        currency: None,
        currency_display: "symbol",
        currency_sign: "standard",
        unit: None,
        unit_display: "short",
        notation: "standard",
        compact_display: "short",
        sign: "auto",
        grouping: Some("auto"),
        digits: Digits {
            integer: 1,
            fraction: Some((0, 3)),
            significant: None,
            priority: "auto",
            increment: 1,
            mode: "halfExpand",
            trailing_zeros: "auto",
        },
    }
}

/// Reads the options in the order of the standard.
pub(super) fn resolve<'js>(
    ctx: &Ctx<'js>,
    locales: &Value<'js>,
    options: &Value<'js>,
    service: &'static str,
) -> Result<Resolved> {
    let requested = requested(ctx, locales)?;
    let options = Options::new(ctx, options, service)?;
    options.word(c"localeMatcher", &["lookup", "best fit"])?;
    numbering_system(&options)?;
    let style = options.word(c"style", &["decimal", "percent", "currency", "unit"])?.unwrap_or("decimal");
    let currency = currency(&options, style)?;
    let display = ["code", "symbol", "name", "narrowSymbol"];
    let currency_display = options.word(c"currencyDisplay", &display)?.unwrap_or("symbol");
    let currency_sign = options.word(c"currencySign", &["standard", "accounting"])?.unwrap_or("standard");
    let unit = unit(&options, style)?;
    let unit_display = options.word(c"unitDisplay", &["short", "narrow", "long"])?.unwrap_or("short");
    let notations = ["standard", "scientific", "engineering", "compact"];
    let notation = options.word(c"notation", &notations)?.unwrap_or("standard");
    let defaults = match (&currency, style) {
        (Some(currency), _) => {
            let digits = currency_digits(currency);
            (digits, digits)
        }
        (_, "percent") => (0, 0),
        _ => (0, 3),
    };
    let digits = digits(&options, defaults, notation == "compact")?;
    let compact_display = options.word(c"compactDisplay", &["short", "long"])?.unwrap_or("short");
    let grouping = grouping(&options, if notation == "compact" { "min2" } else { "auto" })?;
    let signs = ["auto", "never", "always", "exceptZero", "negative"];
    let sign = options.word(c"signDisplay", &signs)?.unwrap_or("auto");
    // Words for units, amounts and currencies are there in English only; other locales are as if they were not.
    let has_words =
        notation == "compact" || unit.is_some() || currency.is_some() && currency_display == "name";
    let (locale, tag) = locale(&requested, has_words, currency.is_some());
    Ok(Resolved {
        locale,
        tag,
        style,
        currency,
        currency_display,
        currency_sign,
        unit,
        unit_display,
        notation,
        compact_display,
        sign,
        grouping,
        digits,
    })
}

/// The locale that is there, with the numbering system if it was asked for, and without.
fn locale(requested: &[Rc<Locale>], has_words: bool, is_money: bool) -> (String, String) {
    let is_there = |tag: &str| {
        (if has_words { table::is_english(tag) } else { table::is_available(tag) })
            && (!is_money || table::has_money(tag))
    };
    match negotiate(requested, is_there) {
        None => (DEFAULT.to_owned(), DEFAULT.to_owned()),
        Some((asked, tag)) => {
            let latin = keyword(&asked, "nu").is_some_and(|system| system == "latn");
            (if latin { format!("{tag}-u-nu-latn") } else { tag.clone() }, tag)
        }
    }
}

/// Digits are those of ASCII; another system that could be one is as if it were not there.
pub(super) fn numbering_system(options: &Options<'_, '_>) -> Result<()> {
    let Some(system) = options.text(c"numberingSystem")? else { return Ok(()) };
    keyword_type(options, "numberingSystem", &system)
}

/// Refuses what could not be a value of an extension: parts of three to eight letters and digits.
pub(super) fn keyword_type(options: &Options<'_, '_>, name: &str, text: &str) -> Result<()> {
    let is_part = |part: &str| matches!(part.len(), 3..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if text.split('-').all(is_part) {
        return Ok(());
    }
    Err(range_error(options.ctx(), &format!("Invalid {name} : {text}")))
}

fn currency(options: &Options<'_, '_>, style: &str) -> Result<Option<String>> {
    let found = options.text(c"currency")?;
    match found {
        None if style == "currency" => {
            Err(type_error(options.ctx(), "Currency code is required with currency style."))
        }
        None => Ok(None),
        Some(code) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Ok((style == "currency").then(|| code.to_ascii_uppercase()))
        }
        Some(code) => Err(range_error(options.ctx(), &format!("Invalid currency code : {code}"))),
    }
}

/// Digits behind the point that money of this currency has.
fn currency_digits(currency: &str) -> u32 {
    let lines = include_str!("data/currencies.txt").lines();
    let digits = lines.filter_map(|line| line.split_once(' ')).find(|(code, _)| *code == currency);
    digits.and_then(|(_, digits)| digits.parse().ok()).unwrap_or(2)
}

fn unit(options: &Options<'_, '_>, style: &str) -> Result<Option<String>> {
    let method = format!("{}()", options.service);
    match options.text(c"unit")? {
        None if style == "unit" => {
            Err(type_error(options.ctx(), &format!("Invalid unit argument for {method} ''")))
        }
        None => Ok(None),
        Some(unit) => {
            let known =
                |unit: &str| table::find("en").is_some_and(|en| !en.get(&format!("u.s.{unit}")).is_empty());
            let is_simple = |unit: &str| !unit.contains("-per-") && known(unit);
            let is_unit = is_simple(&unit)
                || unit.split_once("-per-").is_some_and(|(unit, other)| is_simple(unit) && is_simple(other));
            if is_unit {
                return Ok((style == "unit").then_some(unit));
            }
            Err(range_error(options.ctx(), &format!("Invalid unit argument for {method} '{unit}'")))
        }
    }
}

fn grouping(options: &Options<'_, '_>, fallback: &'static str) -> Result<Option<&'static str>> {
    let Some(value) = options.value(c"useGrouping")? else { return Ok(Some(fallback)) };
    if value.as_bool() == Some(true) {
        return Ok(Some("always"));
    }
    if !truth(options.ctx(), &value) {
        return Ok(None);
    }
    match options_word(options, c"useGrouping", &value, &["min2", "auto", "always", "true", "false"])? {
        "true" | "false" => Ok(Some(fallback)),
        word => Ok(Some(word)),
    }
}

fn options_word<'js>(
    options: &Options<'_, 'js>,
    name: &CStr,
    value: &Value<'js>,
    words: &[&'static str],
) -> Result<&'static str> {
    let found = utf8_text(options.ctx(), value)?;
    let word = words.iter().find(|word| **word == found);
    word.copied().ok_or_else(|| options.out_of_range(name, &found))
}

/// The digits that the options ask for; `defaults` are the least and the most behind the point.
pub(super) fn digits<'js>(
    options: &Options<'_, 'js>,
    defaults: (u32, u32),
    is_compact: bool,
) -> Result<Digits> {
    let ctx = options.ctx();
    let integer = options.number(c"minimumIntegerDigits", 1, 21)?.unwrap_or(1);
    let least_fraction = options.value(c"minimumFractionDigits")?;
    let most_fraction = options.value(c"maximumFractionDigits")?;
    let least_significant = options.value(c"minimumSignificantDigits")?;
    let most_significant = options.value(c"maximumSignificantDigits")?;
    let increment = options.number(c"roundingIncrement", 1, 5000)?.unwrap_or(1);
    if !INCREMENTS.contains(&increment) {
        return Err(range_error(ctx, "roundingIncrement value is out of range."));
    }
    let modes = MODES.map(|(name, _)| name);
    let mode = options.word(c"roundingMode", &modes)?.unwrap_or("halfExpand");
    let priorities = ["auto", "morePrecision", "lessPrecision"];
    let asked = options.word(c"roundingPriority", &priorities)?.unwrap_or("auto");
    let trailing_zeros = options.word(c"trailingZeroDisplay", &["auto", "stripIfInteger"])?.unwrap_or("auto");
    let defaults = if increment == 1 { defaults } else { (defaults.0, defaults.0) };

    let has_significant = least_significant.is_some() || most_significant.is_some();
    let has_fraction = least_fraction.is_some() || most_fraction.is_some();
    let is_auto = asked == "auto";
    let needs_significant = !is_auto || has_significant;
    let needs_fraction = !is_auto || !(has_significant || !has_fraction && is_compact);
    let bound = |name: &CStr, value: Option<Value<'js>>, least: u32, most: u32, default: u32| {
        value.map_or(Ok(default), |value| options.in_range(name, &value, least, most))
    };
    let mut significant = None;
    if needs_significant {
        let least = bound(c"minimumSignificantDigits", least_significant, 1, 21, 1)?;
        let most = bound(c"maximumSignificantDigits", most_significant, least, 21, 21)?;
        significant = Some((least, most));
    }
    let mut fraction = None;
    if needs_fraction {
        let has_most = most_fraction.is_some();
        let has_least = least_fraction.is_some();
        let least = bound(c"minimumFractionDigits", least_fraction, 0, 20, defaults.0)?;
        let most = bound(c"maximumFractionDigits", most_fraction, 0, 20, defaults.1)?;
        fraction = Some(match (has_least, has_most) {
            (false, _) => (least.min(most), most),
            (true, false) => (least, most.max(least)),
            (true, true) if least > most => {
                return Err(range_error(ctx, "maximumFractionDigits value is out of range."));
            }
            _ => (least, most),
        });
    }
    let mut priority = asked;
    if significant.is_none() && fraction.is_none() {
        // A compact number has two digits, or all before the point.
        (fraction, significant, priority) = (Some((0, 0)), Some((1, 2)), "morePrecision");
    }
    if increment != 1 {
        if significant.is_some() {
            return Err(type_error(ctx, "RoundingType is not fractionDigits"));
        }
        if fraction.is_some_and(|(least, most)| least != most) {
            return Err(range_error(ctx, "maximumFractionDigits not equal to minimumFractionDigits"));
        }
    }
    Ok(Digits { integer, fraction, significant, priority, increment, mode, trailing_zeros })
}
