//! Writing numbers: what `toLocaleString` and `Intl.NumberFormat` print.
//!
//! Keys of the tables: `n.…` are the symbols of numbers, `m.…` those of money, `t.…` the shapes around the digits
//! (`0` digits, `¤` currency, signs), `s.…` and `w.…` the symbols of currencies, wide and narrow; in English also `x.…` their
//! names, `c.…` the powers of ten from 1000 on, and `u.…` and `v.…` units, alone and after "per".
//! Must never know who asked.

use rquickjs::{Ctx, Result, Value};

use super::decimal::Decimal;
use super::number_options::{Digits, Resolved};
use super::table::{self, Table};
use super::tags::DEFAULT;
use super::values;

/// A piece of what is printed, and what it is, in ECMA-402's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// A part; neighbouring literals become one.
pub(super) fn push(parts: &mut Vec<Part>, kind: &'static str, text: &str) {
    if text.is_empty() {
        return;
    }
    match parts.last_mut() {
        Some(last) if kind == "literal" && last.kind == kind => last.text.push_str(text),
        _ => parts.push(Part { kind, text: text.to_owned() }),
    }
}

/// All parts as one text.
pub(super) fn joined(parts: &[Part]) -> String {
    parts.iter().map(|part| part.text.as_str()).collect()
}

/// A number of the script's.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Finite(Decimal),
    Infinite { is_negative: bool },
    Nan,
}

/// The power of ten below which a number that comes as a text is zero, by the standard.
const SMALLEST_TEXT: i64 = -10_000;

impl Number {
    pub(super) fn from_f64(number: f64) -> Self {
        if number.is_nan() {
            Self::Nan
        } else if number.is_infinite() {
            Self::Infinite { is_negative: number < 0.0 }
        } else {
            Self::Finite(Decimal::from_f64(number))
        }
    }

    /// What a script gives to be formatted, which is no object.
    pub(super) fn from_value<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Self> {
        if value.is_big_int() {
            let digits = values::utf8_text(ctx, value)?;
            return Ok(Self::Finite(Decimal::parse(&digits).expect("a bigint prints as digits")));
        }
        let number = values::number(ctx, value)?;
        // A text may have more digits than a number.
        if value.is_string() && number.is_finite() {
            let text = values::utf8_text(ctx, value)?;
            let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
            if let Some(decimal) = Decimal::parse(text).filter(|decimal| decimal.magnitude() > SMALLEST_TEXT)
            {
                return Ok(Self::Finite(decimal));
            }
        }
        Ok(Self::from_f64(number))
    }

    fn is_negative(&self) -> bool {
        match self {
            Self::Finite(decimal) => decimal.is_negative,
            Self::Infinite { is_negative } => *is_negative,
            Self::Nan => false,
        }
    }
}

/// Prints numbers in one way.
pub(super) struct NumberFormat {
    pub(super) resolved: Resolved,
    table: &'static Table,
}

/// The digits of a number, rounded.
struct Rounded {
    whole: String,
    fraction: String,
    /// The power of ten that is printed, or that a word stands for.
    exponent: i64,
    is_zero: bool,
    /// What English has the singular for.
    is_one: bool,
}

impl NumberFormat {
    pub(super) fn new(resolved: Resolved) -> Self {
        let table = table::find(&resolved.tag).or_else(|| table::find(DEFAULT));
        Self { resolved, table: table.expect("the default locale has a table") }
    }

    pub(super) fn format(&self, number: &Number) -> String {
        joined(&self.parts(number))
    }

    pub(super) fn parts(&self, number: &Number) -> Vec<Part> {
        let rounded = match number {
            Number::Finite(decimal) => Some(self.rounded(decimal.clone())),
            _ => None,
        };
        let mut digits = Vec::new();
        match (&rounded, number) {
            (Some(rounded), _) => self.digits(&mut digits, rounded),
            (None, Number::Nan) => push(&mut digits, "nan", self.table.get("n.nan")),
            _ => push(&mut digits, "infinity", self.table.get("n.infinity")),
        }
        let is_zero = rounded.as_ref().is_some_and(|rounded| rounded.is_zero);
        let sign = self.sign(number, is_zero);
        // Words for powers of ten have patterns of their own, which know of no accounting.
        let is_accounting = !(self.resolved.notation == "compact"
            && rounded.as_ref().is_some_and(|rounded| rounded.exponent > 0));
        let is_finite = rounded.is_some();
        let is_one = rounded.is_some_and(|rounded| rounded.is_one);
        let mut parts = Vec::new();
        match &self.resolved.unit {
            Some(unit) => self.with_unit(&mut parts, unit, is_one, sign, &digits),
            None => self.with_shape(&mut parts, self.shape(is_finite, is_accounting), is_one, sign, &digits),
        }
        parts
    }

    /// `-`, `+` or nothing, `!` where there must be none.
    fn sign(&self, number: &Number, is_zero: bool) -> &'static str {
        let is_nan = matches!(number, Number::Nan);
        let signed = |is_shown: bool| match (is_shown, number.is_negative()) {
            (false, _) => "",
            (true, true) => "-",
            (true, false) => "+",
        };
        match self.resolved.sign {
            "never" => "!",
            "always" => signed(true),
            "exceptZero" => signed(!is_zero && !is_nan),
            "negative" => signed(!is_zero && number.is_negative()),
            _ => signed(number.is_negative()),
        }
    }

    fn rounded(&self, mut decimal: Decimal) -> Rounded {
        if self.resolved.style == "percent" {
            decimal.shift(2);
        }
        let digits = &self.resolved.digits;
        let magnitude = decimal.magnitude();
        let mut exponent = self.exponent(magnitude);
        let mut scaled = decimal.clone();
        scaled.shift(-exponent);
        let mut least = round(&mut scaled, digits);
        // 999 999 becomes a million.
        if !scaled.is_zero() && scaled.magnitude() + exponent > magnitude {
            let larger = self.exponent(magnitude + 1);
            if larger != exponent {
                exponent = larger;
                scaled = decimal;
                scaled.shift(-exponent);
                least = round(&mut scaled, digits);
            }
        }
        let (mut whole, fraction) = padded(&scaled, least, digits);
        let is_one = whole == "1" && fraction.is_empty() && exponent == 0;
        let missing = (digits.integer as usize).saturating_sub(whole.len());
        whole.insert_str(0, &"0".repeat(missing));
        Rounded { whole, fraction, exponent, is_zero: scaled.is_zero(), is_one }
    }

    /// The power of ten that is taken out of a number of this size.
    fn exponent(&self, magnitude: i64) -> i64 {
        match self.resolved.notation {
            "scientific" => magnitude,
            "engineering" => magnitude.div_euclid(3) * 3,
            "compact" => self.compact(magnitude).map_or(0, |(exponent, _)| exponent),
            _ => 0,
        }
    }

    /// The power of ten that a word stands for, and the word.
    fn compact(&self, magnitude: i64) -> Option<(i64, &'static str)> {
        let is_long = self.resolved.compact_display == "long"
            && !(self.resolved.currency.is_some() && self.resolved.currency_display != "name");
        let powers = self.table.get(if is_long { "c.l" } else { "c.s" });
        let size = magnitude.min(14);
        let entry = powers.split('|').nth(usize::try_from(size - 3).ok()?)?;
        let end = entry.find(|c: char| !c.is_ascii_digit())?;
        let digits: i64 = entry[..end].parse().ok()?;
        Some((size + 1 - digits, &entry[end..]))
    }

    fn digits(&self, parts: &mut Vec<Part>, rounded: &Rounded) {
        let kind = if self.resolved.currency.is_some() { 'm' } else { 'n' };
        let symbol = |name: &str| self.table.get(&format!("{kind}.{name}"));
        let groups = self.groups(&rounded.whole, symbol("least"));
        for (index, group) in groups.iter().enumerate() {
            if index > 0 {
                push(parts, "group", symbol("group"));
            }
            push(parts, "integer", group);
        }
        if !rounded.fraction.is_empty() {
            push(parts, "decimal", symbol("decimal"));
            push(parts, "fraction", &rounded.fraction);
        }
        match self.resolved.notation {
            "scientific" | "engineering" => {
                push(parts, "exponentSeparator", self.table.get("n.exponent"));
                if rounded.exponent < 0 {
                    push(parts, "exponentMinusSign", self.table.get("n.minus"));
                }
                push(parts, "exponentInteger", &rounded.exponent.unsigned_abs().to_string());
            }
            "compact" if rounded.exponent > 0 => {
                let size = (3..=14).find(|&size| self.exponent(size) == rounded.exponent);
                let word = size.and_then(|size| self.compact(size)).map_or("", |(_, word)| word);
                let trimmed = word.trim_start();
                push(parts, "literal", &word[..word.len() - trimmed.len()]);
                push(parts, "compact", trimmed);
            }
            _ => {}
        }
    }

    fn groups<'a>(&self, whole: &'a str, least: &str) -> Vec<&'a str> {
        let sizes = self.table.get("n.sizes").split_once(' ');
        let (first, other) =
            sizes.map_or((3, 3), |(first, other)| (first.parse().unwrap_or(3), other.parse().unwrap_or(3)));
        let least: usize = least.parse().unwrap_or(1);
        let least = match self.resolved.grouping {
            None => return vec![whole],
            Some("always") => 1,
            Some("min2") => least.max(2),
            Some("auto") if self.resolved.notation == "compact" => least.max(2),
            Some(_) => least,
        };
        if whole.len() < first + least {
            return vec![whole];
        }
        let (mut rest, last) = whole.split_at(whole.len() - first);
        let mut groups = vec![last];
        while rest.len() > other {
            let (start, group) = rest.split_at(rest.len() - other);
            groups.push(group);
            rest = start;
        }
        groups.push(rest);
        groups.reverse();
        groups
    }

    /// The key of the shape without a sign.
    fn shape(&self, is_finite: bool, is_accounting: bool) -> &'static str {
        let Some(currency) = &self.resolved.currency else {
            return if self.resolved.style == "percent" { "t.p" } else { "t.d" };
        };
        if self.resolved.currency_display == "name" {
            return "t.x";
        }
        // Letters next to digits are set apart.
        let symbol = self.currency_symbol(currency);
        let is_before = self.table.get("t.cs").starts_with('¤');
        let neighbour = if is_before { symbol.chars().next_back() } else { symbol.chars().next() };
        let is_apart = is_finite && neighbour.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '/'));
        match (self.resolved.currency_sign == "accounting" && is_accounting, is_apart) {
            (true, true) => "t.ac",
            (true, false) => "t.as",
            (_, true) => "t.cc",
            (_, false) => "t.cs",
        }
    }

    fn currency_symbol<'a>(&self, currency: &'a str) -> &'a str {
        let found = match self.resolved.currency_display {
            "symbol" => self.table.get(&format!("s.{currency}")),
            "narrowSymbol" => self.table.get(&format!("w.{currency}")),
            _ => "",
        };
        if found.is_empty() { currency } else { found }
    }

    fn with_shape(&self, parts: &mut Vec<Part>, shape: &str, is_one: bool, sign: &str, digits: &[Part]) {
        for c in self.table.get(&format!("{shape}{sign}")).chars() {
            match c {
                '0' => parts.extend_from_slice(digits),
                '-' => push(parts, "minusSign", self.table.get("n.minus")),
                '+' => push(parts, "plusSign", self.table.get("n.plus")),
                '%' => push(parts, "percentSign", self.table.get("n.percent")),
                '¤' => {
                    let currency = self.resolved.currency.as_deref().unwrap_or_default();
                    let text = match shape {
                        "t.x" => form(self.table.get(&format!("x.{currency}")), is_one),
                        _ => self.currency_symbol(currency),
                    };
                    push(parts, "currency", if text.is_empty() { currency } else { text });
                }
                literal => push(parts, "literal", literal.encode_utf8(&mut [0; 4])),
            }
        }
    }

    fn with_unit(&self, parts: &mut Vec<Part>, unit: &str, is_one: bool, sign: &str, digits: &[Part]) {
        let width = &self.resolved.unit_display[..1];
        let mut shape = self.table.get(&format!("u.{width}.{unit}"));
        let mut per = "";
        if shape.is_empty()
            && let Some((unit, other)) = unit.split_once("-per-")
        {
            shape = self.table.get(&format!("u.{width}.{unit}"));
            if unit != "percent" || width == "l" {
                per = self.table.get(&format!("v.{width}.{other}"));
            }
        }
        let (before, after) = form(shape, is_one).split_once('0').unwrap_or_default();
        debug_assert!(before.is_empty(), "English has its units behind the number");
        self.with_shape(parts, "t.d", is_one, sign, digits);
        let trimmed = after.trim_start();
        push(parts, "literal", &after[..after.len() - trimmed.len()]);
        push(parts, "unit", &format!("{trimmed}{per}"));
    }
}

/// The form for one, or for any other number.
pub(super) fn form(forms: &'static str, is_one: bool) -> &'static str {
    match forms.split_once('|') {
        Some((one, _)) if is_one => one,
        Some((_, other)) => other,
        None => forms,
    }
}

/// The digits before and behind the point, with the zeros that the options ask for behind it.
fn padded(decimal: &Decimal, least: usize, digits: &Digits) -> (String, String) {
    let (whole, mut fraction) = decimal.texts();
    let missing = least.saturating_sub(fraction.len());
    fraction.extend(std::iter::repeat_n('0', missing));
    if digits.trailing_zeros == "stripIfInteger" && fraction.bytes().all(|digit| digit == b'0') {
        fraction.clear();
    }
    (whole, fraction)
}

/// The digits of a number as the options say, without signs and groups.
pub(super) fn shown_digits(mut decimal: Decimal, digits: &Digits) -> (String, String) {
    let least = round(&mut decimal, digits);
    padded(&decimal, least, digits)
}

/// Rounds as the options say; gives the least number of digits behind the point.
fn round(decimal: &mut Decimal, digits: &Digits) -> usize {
    let magnitude = decimal.magnitude();
    let fraction = digits.fraction.map(|(_, most)| -i64::from(most));
    let mut significant = digits.significant.map(|(_, most)| magnitude - i64::from(most) + 1);
    let last = match (fraction, significant) {
        (Some(fraction), Some(significant)) if digits.priority == "morePrecision" => {
            fraction.min(significant)
        }
        (Some(fraction), Some(significant)) => fraction.max(significant),
        (fraction, significant) => fraction.or(significant).unwrap_or(0),
    };
    decimal.round(last, digits.increment, digits.mode());
    // What was rounded up to the next power of ten has its significant digits one place further left.
    if !decimal.is_zero() && decimal.magnitude() != magnitude && fraction == significant {
        significant = significant.map(|significant| significant + 1);
    }
    let is_significant = match (fraction, significant) {
        (Some(fraction), Some(significant)) => {
            (significant <= fraction) == (digits.priority == "morePrecision")
        }
        (fraction, _) => fraction.is_none(),
    };
    let least = |digits: Option<(u32, u32)>| digits.map_or(0, |(least, _)| i64::from(least));
    let shown = match is_significant {
        true => least(digits.significant) - 1 - decimal.magnitude(),
        false => least(digits.fraction),
    };
    usize::try_from(shown).unwrap_or(0)
}
