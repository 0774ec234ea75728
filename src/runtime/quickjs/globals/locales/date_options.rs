//! The options of `toLocaleString` of dates and of `Intl.DateTimeFormat`, checked in V8's words.
//!
//! Must never know how a date is written.

use std::ffi::CStr;

use rquickjs::{Ctx, Result, Value};

use super::number_options::{keyword_type, numbering_system};
use super::table;
use super::tags::{DEFAULT, keyword, negotiate, requested};
use super::values::{Options, range_error, type_error};

/// Which fields a caller wants at least, and which are put in where none of those is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// `toLocaleString`: any, and all if there is none.
    All,
    /// `toLocaleDateString`: those of a day.
    Date,
    /// `toLocaleTimeString`: those of the time of day.
    Time,
    /// `Intl.DateTimeFormat`: any, and those of a day if there is none.
    Any,
}

/// The fields that are shown and how wide: `numeric`, `2-digit`, `short`, `long` or `narrow`.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) weekday: Option<&'static str>,
    pub(super) era: Option<&'static str>,
    pub(super) year: Option<&'static str>,
    pub(super) month: Option<&'static str>,
    pub(super) day: Option<&'static str>,
    pub(super) day_period: Option<&'static str>,
    pub(super) hour: Option<&'static str>,
    pub(super) minute: Option<&'static str>,
    pub(super) second: Option<&'static str>,
    /// Digits of the second's fraction, one to three.
    pub(super) fraction: Option<u32>,
    pub(super) zone_name: Option<&'static str>,
}

/// A time zone without a past: so many minutes from UTC, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) minutes: i32,
}

#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) locale: String,
    /// The locale without its extension.
    pub(super) tag: String,
    pub(super) zone: Zone,
    /// `h11`, `h12`, `h23` or `h24`.
    pub(super) cycle: &'static str,
    pub(super) fields: Fields,
    pub(super) date_style: Option<&'static str>,
    pub(super) time_style: Option<&'static str>,
}

const TEXT: [&str; 3] = ["narrow", "short", "long"];
const DIGITS: [&str; 2] = ["2-digit", "numeric"];
const MONTH: [&str; 5] = ["2-digit", "numeric", "narrow", "short", "long"];
const STYLES: [&str; 4] = ["full", "long", "medium", "short"];
/// Clocks, in the order of the tables.
pub(super) const CYCLES: [&str; 4] = ["h11", "h12", "h23", "h24"];
/// Names of zones, in the order of the tables.
pub(super) const ZONE_NAMES: [&str; 6] =
    ["short", "long", "shortOffset", "longOffset", "shortGeneric", "longGeneric"];

pub(super) fn resolve<'js>(
    ctx: &Ctx<'js>,
    locales: &Value<'js>,
    options: &Value<'js>,
    service: &'static str,
    wanted: Wanted,
) -> Result<Resolved> {
    let requested = requested(ctx, locales)?;
    if options.is_null() {
        return Err(type_error(ctx, "Cannot convert undefined or null to object"));
    }
    let options = Options::new(ctx, options, service)?;
    options.word(c"localeMatcher", &["lookup", "best fit"])?;
    if let Some(calendar) = options.text(c"calendar")? {
        keyword_type(&options, "calendar", &calendar)?;
    }
    numbering_system(&options)?;
    let hour12 = options.flag(c"hour12")?;
    let cycle = options.word(c"hourCycle", &CYCLES)?;
    let zone = match options.text(c"timeZone")? {
        None => Zone { name: "UTC".to_owned(), minutes: 0 },
        Some(name) => zone(&name).ok_or_else(|| range_error(ctx, &unknown_zone(&name)))?,
    };
    let mut fields = fields(&options)?;
    options.word(c"formatMatcher", &["basic", "best fit"])?;
    let date_style = options.word(c"dateStyle", &STYLES)?;
    let time_style = options.word(c"timeStyle", &STYLES)?;
    styles_or_fields(&options, &fields, date_style, time_style, wanted)?;
    if date_style.is_none() && time_style.is_none() {
        fields.fill(wanted);
    }

    let (asked, tag) = match negotiate(&requested, table::is_available) {
        Some((asked, tag)) => (Some(asked), tag),
        None => (None, DEFAULT.to_owned()),
    };
    let asked = |key: &str| asked.as_ref().and_then(|locale| keyword(locale, key));
    // `hour12` speaks louder than the tag, which then says nothing of clocks.
    let asked_cycle = asked("hc").and_then(|cycle| CYCLES.into_iter().find(|known| *known == cycle));
    let keys = [
        asked("ca").filter(|calendar| calendar == "gregory").map(|_| "-ca-gregory".to_owned()),
        asked_cycle.filter(|_| hour12.is_none()).map(|cycle| format!("-hc-{cycle}")),
        asked("nu").filter(|system| system == "latn").map(|_| "-nu-latn".to_owned()),
    ];
    let mut locale = tag.clone();
    if keys.iter().any(Option::is_some) {
        locale.push_str("-u");
        locale.extend(keys.into_iter().flatten());
    }
    let table = table::find(&tag).expect("it was found before");
    let usual = asked_cycle.unwrap_or_else(|| table.get("f.cycle"));
    let is_from_zero = matches!(usual, "h11" | "h23");
    let cycle = match (hour12, is_from_zero) {
        (Some(true), true) => "h11",
        (Some(true), false) => "h12",
        (Some(false), true) => "h23",
        (Some(false), false) => "h24",
        (None, _) => cycle.unwrap_or(usual),
    };
    Ok(Resolved { locale, tag, zone, cycle, fields, date_style, time_style })
}

fn fields(options: &Options<'_, '_>) -> Result<Fields> {
    Ok(Fields {
        weekday: options.word(c"weekday", &TEXT)?,
        era: options.word(c"era", &TEXT)?,
        year: options.word(c"year", &DIGITS)?,
        month: options.word(c"month", &MONTH)?,
        day: options.word(c"day", &DIGITS)?,
        day_period: options.word(c"dayPeriod", &TEXT)?,
        hour: options.word(c"hour", &DIGITS)?,
        minute: options.word(c"minute", &DIGITS)?,
        second: options.word(c"second", &DIGITS)?,
        fraction: options.number(c"fractionalSecondDigits", 1, 3)?,
        zone_name: options.word(c"timeZoneName", &ZONE_NAMES)?,
    })
}

/// A style says it all: other fields beside it, or the style of the other half of a date, are refused.
fn styles_or_fields(
    options: &Options<'_, '_>,
    fields: &Fields,
    date_style: Option<&str>,
    time_style: Option<&str>,
    wanted: Wanted,
) -> Result<()> {
    let ctx = options.ctx();
    if wanted == Wanted::Date && time_style.is_some() {
        return Err(type_error(ctx, "Invalid option : timeStyle"));
    }
    if wanted == Wanted::Time && date_style.is_some() {
        return Err(type_error(ctx, "Invalid option : dateStyle"));
    }
    let style = match (date_style, time_style) {
        (None, None) => return Ok(()),
        (Some(_), _) => "dateStyle",
        _ => "timeStyle",
    };
    match fields.first() {
        None => Ok(()),
        Some(name) => {
            let name = name.to_string_lossy();
            Err(type_error(ctx, &format!("Can't set option {name} when {style} is used")))
        }
    }
}

impl Fields {
    /// The name of the first field that is given.
    fn first(&self) -> Option<&'static CStr> {
        [
            (c"weekday", self.weekday.is_some()),
            (c"era", self.era.is_some()),
            (c"year", self.year.is_some()),
            (c"month", self.month.is_some()),
            (c"day", self.day.is_some()),
            (c"dayPeriod", self.day_period.is_some()),
            (c"hour", self.hour.is_some()),
            (c"minute", self.minute.is_some()),
            (c"second", self.second.is_some()),
            (c"fractionalSecondDigits", self.fraction.is_some()),
            (c"timeZoneName", self.zone_name.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }

    /// Puts in what is usual where the script said nothing of the kind.
    fn fill(&mut self, wanted: Wanted) {
        let has_date = [self.weekday, self.year, self.month, self.day].iter().any(Option::is_some);
        let time = [self.day_period, self.hour, self.minute, self.second];
        let has_time = time.iter().any(Option::is_some) || self.fraction.is_some();
        let is_complete = match wanted {
            Wanted::Date => has_date,
            Wanted::Time => has_time,
            Wanted::All | Wanted::Any => has_date || has_time,
        };
        if is_complete {
            return;
        }
        if wanted != Wanted::Time {
            (self.year, self.month, self.day) = (Some("numeric"), Some("numeric"), Some("numeric"));
        }
        if matches!(wanted, Wanted::All | Wanted::Time) {
            (self.hour, self.minute, self.second) = (Some("numeric"), Some("numeric"), Some("numeric"));
        }
    }
}

/// UTC by one of its names, or a fixed offset: `Etc/GMT-2`, `+02:00`, `+0200`, `+02`.
fn zone(name: &str) -> Option<Zone> {
    const UTC: [&str; 9] = ["utc", "gmt", "uct", "universal", "zulu", "greenwich", "gmt0", "gmt+0", "gmt-0"];
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_prefix("etc/").unwrap_or(&lower);
    if UTC.contains(&bare) {
        return Some(Zone { name: "UTC".to_owned(), minutes: 0 });
    }
    if let Some(hours) = lower.strip_prefix("etc/gmt") {
        // West is positive in these names.
        let digits = hours.strip_prefix(['+', '-'])?;
        let is_plain = !digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit());
        let west: i32 = hours.parse().ok().filter(|west| is_plain && (-14..=12).contains(west))?;
        return Some(Zone { name: format!("Etc/GMT{hours}"), minutes: -60 * west });
    }
    let (sign, digits) = match name.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, name.strip_prefix('-')?),
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 if digits.is_ascii() => digits.split_at(2),
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let two = |text: &str, below: i32| {
        let is_two = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse().ok().filter(|number: &i32| is_two && *number < below)
    };
    let minutes = sign * (two(hours, 24)? * 60 + two(minutes, 60)?);
    Some(Zone { name: offset_name(minutes), minutes })
}

/// An offset as a name: `+02:00`; nothing is negative about none at all.
fn offset_name(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.abs();
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

fn unknown_zone(name: &str) -> String {
    format!(
        "Invalid time zone specified: {name} (workflow scripts have UTC and fixed offsets such as +02:00)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_utc_or_fixed() {
        let cases = [
            ("UTC", Some(("UTC", 0))),
            ("gmt", Some(("UTC", 0))),
            ("Etc/UTC", Some(("UTC", 0))),
            ("etc/gmt+0", Some(("UTC", 0))),
            ("Zulu", Some(("UTC", 0))),
            ("Etc/GMT-2", Some(("Etc/GMT-2", 120))),
            ("etc/gmt+12", Some(("Etc/GMT+12", -720))),
            ("Etc/GMT-14", Some(("Etc/GMT-14", 840))),
            ("Etc/GMT-15", None),
            ("Etc/GMT+13", None),
            ("Etc/GMT-05", None),
            ("Etc/GMT2", None),
            ("GMT+2", None),
            ("+02:00", Some(("+02:00", 120))),
            ("-0530", Some(("-05:30", -330))),
            ("+02", Some(("+02:00", 120))),
            ("-00:00", Some(("+00:00", 0))),
            ("+24:00", None),
            ("+02:60", None),
            ("+2", None),
            ("+2:00", None),
            ("+02:0", None),
            ("+0é0", None),
            ("", None),
            ("Europe/Berlin", None),
        ];
        for (name, expected) in cases {
            let found = zone(name);
            assert_eq!(found.as_ref().map(|zone| (zone.name.as_str(), zone.minutes)), expected, "{name}");
        }
    }
}
