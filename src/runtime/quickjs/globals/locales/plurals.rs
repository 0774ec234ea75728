//! Which form of a word a number takes: `Intl.PluralRules`, and times relative to now in `Intl.RelativeTimeFormat`.
//!
//! Keys of the tables, in English: `r.` with the first letter of the style and the unit, the forms for the future and
//! the past; `a.` the same, names for -2 to 2.
//! Must never know who asked.

use std::str::FromStr;

use fixed_decimal::UnsignedDecimal;
use icu_locale::Locale;
use icu_plurals::{PluralCategory, PluralOperands, PluralRuleType, PluralRules};
use rquickjs::{Ctx, Result, Value};

use super::collation;
use super::number_options::{Digits, digits, numbering_system, plain};
use super::numbers::{Number, NumberFormat, Part, form, joined, push, shown_digits};
use super::table::{self, Table};
use super::tags::{DEFAULT, negotiate, requested};
use super::values::{Options, range_error};

pub(super) struct Plurals {
    pub(super) locale: String,
    pub(super) kind: &'static str,
    pub(super) digits: Digits,
    rules: PluralRules,
}

/// Whether there are rules for exactly this locale.
pub(super) fn is_available(tag: &str) -> bool {
    table::is_available(tag) || collation::is_available(tag)
}

impl Plurals {
    pub(super) fn new<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Self> {
        let requested = requested(ctx, locales)?;
        let options = Options::new(ctx, options, "Intl.PluralRules")?;
        options.word(c"localeMatcher", &["lookup", "best fit"])?;
        let kind = options.word(c"type", &["cardinal", "ordinal"])?.unwrap_or("cardinal");
        let digits = digits(&options, (0, 3), false)?;
        let locale = negotiate(&requested, is_available).map_or(DEFAULT.to_owned(), |found| found.1);
        let tag = Locale::try_from_str(&locale).expect("the tag is one of the tables'");
        let rule = if kind == "ordinal" { PluralRuleType::Ordinal } else { PluralRuleType::Cardinal };
        let rules = PluralRules::try_new((&tag).into(), rule.into()).expect("the data is compiled in");
        Ok(Self { locale, kind, digits, rules })
    }

    pub(super) fn select(&self, number: f64) -> &'static str {
        let Number::Finite(decimal) = Number::from_f64(number) else { return "other" };
        let (whole, fraction) = shown_digits(decimal, &self.digits);
        let text = if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") };
        // A number has at most a few hundred digits, which is in range.
        let decimal = UnsignedDecimal::from_str(&text).unwrap_or_default();
        name(self.rules.category_for(PluralOperands::from(&decimal)))
    }

    /// The forms that there are: in the order of the alphabet, `other` last, as V8 lists them.
    pub(super) fn categories(&self) -> Vec<String> {
        let mut names: Vec<_> = self.rules.categories().map(name).collect();
        names.sort_by_key(|name| (*name == "other", *name));
        names.into_iter().map(str::to_owned).collect()
    }
}

fn name(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => "other",
    }
}

const UNITS: [&str; 8] = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"];

/// Prints times relative to now, in English.
pub(super) struct Relative {
    pub(super) locale: String,
    pub(super) style: &'static str,
    pub(super) numeric: &'static str,
    table: &'static Table,
    numbers: NumberFormat,
}

impl Relative {
    pub(super) fn new<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Self> {
        let requested = requested(ctx, locales)?;
        let options = Options::new(ctx, options, "Intl.RelativeTimeFormat")?;
        options.word(c"localeMatcher", &["lookup", "best fit"])?;
        numbering_system(&options)?;
        let style = options.word(c"style", &["long", "short", "narrow"])?.unwrap_or("long");
        let numeric = options.word(c"numeric", &["always", "auto"])?.unwrap_or("always");
        let locale = negotiate(&requested, table::is_english).map_or(DEFAULT.to_owned(), |found| found.1);
        let table = table::find(&locale).expect("it was found before");
        let numbers = NumberFormat::new(plain(&locale));
        Ok(Self { locale, style, numeric, table, numbers })
    }

    /// The parts, and the unit that those of the number belong to.
    pub(super) fn parts(
        &self,
        ctx: &Ctx<'_>,
        value: f64,
        unit: &str,
        method: &str,
    ) -> Result<(Vec<Part>, &'static str)> {
        let single = unit.strip_suffix('s').unwrap_or(unit);
        let Some(unit) = UNITS.into_iter().find(|known| *known == single) else {
            return Err(range_error(ctx, &format!("Invalid unit argument for {method} '{unit}'")));
        };
        if !value.is_finite() {
            return Err(range_error(ctx, &format!("Value need to be finite number for {method}")));
        }
        let mut parts = Vec::new();
        let style = &self.style[..1];
        if self.numeric == "auto" && value.abs() <= 2.0 && value.fract() == 0.0 {
            let names = self.table.get(&format!("a.{style}.{unit}"));
            let name = names.split('|').nth((value + 2.0) as usize).unwrap_or_default();
            if !name.is_empty() {
                push(&mut parts, "literal", name);
                return Ok((parts, unit));
            }
        }
        let number = self.numbers.parts(&Number::from_f64(value.abs()));
        let forms = self.table.get(&format!("r.{style}.{unit}"));
        let (future, past) = forms.split_once(';').unwrap_or_default();
        let text = form(if value.is_sign_negative() { past } else { future }, joined(&number) == "1");
        let (before, after) = text.split_once('0').unwrap_or_default();
        push(&mut parts, "literal", before);
        parts.extend(number);
        push(&mut parts, "literal", after);
        Ok((parts, unit))
    }
}
