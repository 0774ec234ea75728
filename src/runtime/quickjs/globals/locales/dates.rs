//! Writing dates: what `toLocaleString` and `Intl.DateTimeFormat` print.
//!
//! The tables hold a pattern for each choice of fields, `d.dates` and `d.times`, as places in `data/patterns.txt`.
//! In a pattern `y M d h m s` are numbers, two letters at least two digits, `S` is the fraction; `N n O o` is the
//! name of the month in one of its forms, `E e F f` that of the day of the week, `G` the era, `a` the half of the
//! day, `B` the time of day in words, `z` the zone; `~` and a letter say how wide a name is, where that is not what
//! was asked for. What stands between apostrophes is text. `f.…` are the names, `j.…` how date and time are joined,
//! `y.…` the patterns of styles, `z.…` zones.
//! Must never know who asked, nor what time it is.

use std::sync::OnceLock;

use super::date_options::{CYCLES, Fields, Resolved, ZONE_NAMES};
use super::numbers::{Part, joined, push};
use super::table::{self, Table};
use super::tags::DEFAULT;

/// Prints dates in one way.
pub(super) struct DateFormat {
    pub(super) resolved: Resolved,
    table: &'static Table,
    pattern: String,
}

/// A moment taken apart.
struct Moment {
    year: i64,
    /// From 0.
    month: usize,
    day: u32,
    /// From Sunday, 0.
    weekday: usize,
    hour: u32,
    minute: u32,
    second: u32,
    millisecond: u32,
}

impl Moment {
    /// `time` in milliseconds since 1970, finite and whole, as dates have it.
    fn new(time: f64, minutes: i32) -> Self {
        let time = time as i64 + i64::from(minutes) * 60_000;
        let (days, rest) = (time.div_euclid(86_400_000), time.rem_euclid(86_400_000) as u32);
        // From the first of March of the year 0 on, months have the same lengths in each year but at the end.
        let days_from_march = days + 719_468;
        let era = days_from_march.div_euclid(146_097);
        let day_of_era = days_from_march.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12;
        Self {
            year: year_of_era + era * 400 + i64::from(month < 2),
            month: month as usize,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32,
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            millisecond: rest % 1000,
        }
    }
}

/// The digits of the tables' numbers, each of which is two of them.
const DIGITS: [u8; 90] = {
    let (mut digits, mut byte, mut at) = ([0; 90], b'!', 0);
    while byte <= b'~' {
        if !matches!(byte, b'"' | b'\'' | b'\\' | b'`') {
            digits[at] = byte;
            at += 1;
        }
        byte += 1;
    }
    digits
};

/// The pattern whose number stands at a place of an entry.
fn pattern_at(entry: &str, at: usize) -> &'static str {
    static PATTERNS: OnceLock<Vec<&str>> = OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| include_str!("data/patterns.txt").split('\n').collect());
    let value = |digit: u8| DIGITS.binary_search(&digit).expect("the tables have no other digits");
    let number = &entry.as_bytes()[2 * at..2 * at + 2];
    patterns[value(number[0]) * DIGITS.len() + value(number[1])]
}

/// The pattern of an exception: entries of four characters, which choice of fields it is and its pattern.
fn exception(entry: &str, at: usize) -> Option<&'static str> {
    let wanted = [DIGITS[at / DIGITS.len()], DIGITS[at % DIGITS.len()]];
    let (exceptions, _) = entry.as_bytes().as_chunks::<4>();
    let index = exceptions.iter().position(|exception| exception[..2] == wanted)?;
    Some(pattern_at(entry, 2 * index + 1))
}

impl DateFormat {
    pub(super) fn new(resolved: Resolved) -> Self {
        let table = table::find(&resolved.tag).or_else(|| table::find(DEFAULT));
        let table = table.expect("the default locale has a table");
        let pattern = match (resolved.date_style, resolved.time_style) {
            (None, None) => of_fields(table, &resolved),
            _ => of_styles(table, &resolved),
        };
        Self { resolved, table, pattern }
    }

    /// `time` is finite.
    pub(super) fn format(&self, time: f64) -> String {
        // As V8 does for the sake of programs that know of one space only; parts keep what the CLDR has.
        joined(&self.parts(time)).replace('\u{202F}', " ")
    }

    pub(super) fn parts(&self, time: f64) -> Vec<Part> {
        let moment = Moment::new(time, self.resolved.zone.minutes);
        let mut parts = Vec::new();
        for token in Tokens(&self.pattern) {
            match token {
                Token::Literal(text) => push(&mut parts, "literal", text),
                Token::Field(letter, count, width) => {
                    let (kind, text) = self.field(&moment, letter, count, width);
                    push(&mut parts, kind, &text);
                }
            }
        }
        parts
    }

    fn field(
        &self,
        moment: &Moment,
        letter: char,
        count: usize,
        width: Option<char>,
    ) -> (&'static str, String) {
        let fields = &self.resolved.fields;
        let number = |number: i64| if count > 1 { format!("{number:02}") } else { number.to_string() };
        match letter {
            'y' => {
                let year = if moment.year > 0 { moment.year } else { 1 - moment.year };
                ("year", if count == 2 { format!("{:02}", year % 100) } else { year.to_string() })
            }
            'M' => ("month", number(moment.month as i64 + 1)),
            'd' => ("day", number(moment.day.into())),
            'h' => ("hour", number(self.hour(moment.hour).into())),
            'm' => ("minute", number(moment.minute.into())),
            's' => ("second", number(moment.second.into())),
            'S' => {
                let digits = format!("{:03}", moment.millisecond);
                ("fractionalSecond", digits[..fields.fraction.unwrap_or(3).min(3) as usize].to_owned())
            }
            'N' | 'n' | 'O' | 'o' => ("month", self.name(letter, width, fields.month, moment.month)),
            'E' | 'e' | 'F' | 'f' => ("weekday", self.name(letter, width, fields.weekday, moment.weekday)),
            'G' => ("era", self.name('G', width, fields.era, usize::from(moment.year > 0))),
            'a' => {
                let halves = self.table.get("f.a").split_once('|').unwrap_or_default();
                ("dayPeriod", if moment.hour < 12 { halves.0 } else { halves.1 }.to_owned())
            }
            'B' => ("dayPeriod", self.name('B', width, fields.day_period, self.time_of_day(moment))),
            _ => ("timeZoneName", self.zone_name()),
        }
    }

    fn hour(&self, hour: u32) -> u32 {
        match self.resolved.cycle {
            "h11" => hour % 12,
            "h12" => (hour + 11) % 12 + 1,
            "h24" => (hour + 23) % 24 + 1,
            _ => hour,
        }
    }

    /// The place of the time of day among its names: the hour, or exactly midnight, or exactly noon.
    fn time_of_day(&self, moment: &Moment) -> usize {
        let is_exact = (moment.minute == 0 || !self.pattern.contains('m'))
            && (moment.second == 0 || !self.pattern.contains('s'));
        match moment.hour {
            0 if is_exact => 24,
            12 if is_exact => 25,
            hour => hour as usize,
        }
    }

    fn name(&self, letter: char, width: Option<char>, asked: Option<&str>, at: usize) -> String {
        let width = width.or_else(|| asked?.chars().next()).unwrap_or('s');
        self.table.get(&format!("f.{letter}{width}")).split('|').nth(at).unwrap_or_default().to_owned()
    }

    fn zone_name(&self) -> String {
        let asked = match (self.resolved.fields.zone_name, self.resolved.time_style) {
            (Some(asked), _) => asked,
            (_, Some("full")) => "long",
            _ => "short",
        };
        let minutes = self.resolved.zone.minutes;
        let at = ZONE_NAMES.iter().position(|name| *name == asked);
        if self.resolved.zone.name == "UTC" {
            return self.table.get("z.utc").split('|').nth(at.unwrap_or(0)).unwrap_or_default().to_owned();
        }
        let mut pieces = self.table.get("z.offset").split('|');
        let [before, plus, minus, colon] = [(); 4].map(|()| pieces.next().unwrap_or_default());
        let sign = if minutes < 0 { minus } else { plus };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        match (asked.starts_with("long"), minutes) {
            (true, _) => format!("{before}{sign}{hours:02}{colon}{minutes:02}"),
            (false, 0) => format!("{before}{sign}{hours}"),
            (false, _) => format!("{before}{sign}{hours}{colon}{minutes:02}"),
        }
    }

    /// What `resolvedOptions` says of the fields: what the pattern makes of them.
    pub(super) fn shown_fields(&self) -> Fields {
        let asked = &self.resolved.fields;
        let mut shown = Fields { fraction: asked.fraction, zone_name: asked.zone_name, ..Fields::default() };
        for token in Tokens(&self.pattern) {
            let Token::Field(letter, count, width) = token else { continue };
            let digits = Some(if count > 1 { "2-digit" } else { "numeric" });
            let names = |asked: Option<&'static str>| match width {
                Some('s') => Some("short"),
                Some('l') => Some("long"),
                Some('n') => Some("narrow"),
                _ => asked,
            };
            match letter {
                'y' => shown.year = digits,
                'M' => shown.month = digits,
                'd' => shown.day = digits,
                'h' => shown.hour = digits,
                'm' => shown.minute = digits,
                's' => shown.second = digits,
                'N' | 'n' | 'O' | 'o' => shown.month = names(asked.month),
                'E' | 'e' | 'F' | 'f' => shown.weekday = names(asked.weekday),
                'G' => shown.era = names(asked.era),
                'B' => shown.day_period = names(asked.day_period),
                _ => {}
            }
        }
        shown
    }

    /// Whether the hour is shown, and with it the clock matters.
    pub(super) fn has_hour(&self) -> bool {
        Tokens(&self.pattern).any(|token| matches!(token, Token::Field('h', ..)))
    }
}

fn is_short_clock(resolved: &Resolved) -> bool {
    matches!(resolved.cycle, "h11" | "h12")
}

/// Which of the tables' clocks it is: the short one, the long one, or the short one with the time of day in words.
fn clock(resolved: &Resolved) -> usize {
    let in_words = resolved.fields.day_period.is_some() && resolved.fields.hour.is_some();
    match (is_short_clock(resolved), in_words) {
        (true, true) => 2,
        (true, false) => 0,
        (false, _) => 1,
    }
}

/// Where a width stands in the tables.
fn place(asked: Option<&str>, widths: &[&str]) -> usize {
    asked.and_then(|asked| widths.iter().position(|width| *width == asked)).map_or(0, |at| at + 1)
}

fn of_fields(table: &'static Table, resolved: &Resolved) -> String {
    let fields = &resolved.fields;
    let date = date_pattern(table, fields);
    let time = time_pattern(table, resolved);
    if date.is_empty() || time.is_empty() {
        return date.to_owned() + &time;
    }
    let others = [fields.era, fields.year, fields.month, fields.day];
    let is_weekday = fields.weekday.is_some() && others.iter().all(Option::is_none);
    if is_weekday && fields.hour.is_some() && fields.zone_name.is_none() && fields.fraction.is_none() {
        let at = time_number(resolved) + if fields.weekday == Some("long") { TIMES } else { 0 };
        return match exception(table.get("j.weekdays"), at) {
            Some(odd) => odd.to_owned(),
            None => table.get("j.weekday").replace("{0}", &time),
        };
    }
    let is_era = others[1..].iter().chain([&fields.weekday]).all(Option::is_none);
    if is_era {
        return table.get("j.era").replace("{0}", &time);
    }
    let join = match (fields.month, fields.weekday) {
        (Some("long"), None) => "j.long",
        (Some("long"), Some(_)) => "j.full",
        (Some("short"), _) => "j.short",
        _ => "j.plain",
    };
    table.get(join).replace("{1}", date).replace("{0}", &time)
}

fn date_pattern(table: &'static Table, fields: &Fields) -> &'static str {
    let all = ["short", "long", "narrow"];
    let (era, weekday) = (place(fields.era, &all), place(fields.weekday, &all));
    let (year, day) =
        (place(fields.year, &["numeric", "2-digit"]), place(fields.day, &["numeric", "2-digit"]));
    let month = place(fields.month, &["numeric", "2-digit", "short", "long", "narrow"]);
    if (weekday == 3 || month == 5)
        && let at = (((era * 4 + weekday) * 3 + year) * 6 + month) * 3 + day
        && let Some(pattern) = exception(table.get("d.narrow"), at)
    {
        return pattern;
    }
    // Other than that, what is narrow stands where it would stand if it were short.
    let weekday = if weekday == 3 { 1 } else { weekday };
    let month = if month == 5 { 3 } else { month };
    pattern_at(table.get("d.dates"), (((era * 3 + weekday) * 3 + year) * 5 + month) * 3 + day)
}

/// How many choices of times there are: three clocks; hour, minute and second with two widths each, or not there.
const TIMES: usize = 81;

fn time_at(clock: usize, hour: usize, minute: usize, second: usize) -> usize {
    ((clock * 3 + hour) * 3 + minute) * 3 + second
}

/// The number of a choice of times in the tables.
fn time_number(resolved: &Resolved) -> usize {
    let fields = &resolved.fields;
    let at = |width: Option<&str>| place(width, &["numeric", "2-digit"]);
    time_at(clock(resolved), at(fields.hour), at(fields.minute), at(seconds(fields)))
}

/// A fraction behind minutes brings the seconds along.
fn seconds(fields: &Fields) -> Option<&'static str> {
    fields.second.or(fields.fraction.and(fields.minute).map(|_| "numeric"))
}

fn time_pattern(table: &'static Table, resolved: &Resolved) -> String {
    let fields = &resolved.fields;
    let at = time_number(resolved);
    let entry = |at: usize| pattern_at(table.get("d.times"), at);
    let mut pattern = entry(at).to_owned();
    if fields.fraction.is_some() && pattern.is_empty() {
        pattern.push('S');
    }
    if let Some(zone) = fields.zone_name {
        let kind = &table.get("z.kinds")[place(Some(zone), &ZONE_NAMES) - 1..][..1];
        pattern = match exception(table.get(&format!("z.odd{kind}")), at) {
            Some(odd) => odd.to_owned(),
            None if pattern.is_empty() => "z".to_owned(),
            None => table.get(&format!("z.form{kind}")).replace("{0}", &pattern),
        };
    }
    if fields.fraction.is_some() && seconds(fields).is_some() {
        let end = end_of_seconds(&pattern);
        pattern.insert_str(end, table.get("z.seconds").trim_start_matches('s'));
    } else if fields.fraction.is_some() && fields.hour.is_some() {
        // What ICU makes of a fraction of the hour.
        pattern.push_str(" ├'F'14: S┤");
    }
    if fields.day_period.is_some() && fields.hour.is_none() {
        // Words for a time of day without an hour are hung on at the end, as behind minutes in the table.
        let hung = entry(time_at(2, 0, 1, 0)).strip_prefix(entry(time_at(0, 0, 1, 0))).unwrap_or_default();
        pattern.push_str(if pattern.is_empty() { "B" } else { hung });
    }
    pattern
}

/// Where the seconds of a pattern end.
fn end_of_seconds(pattern: &str) -> usize {
    let mut tokens = Tokens(pattern);
    let mut end = pattern.len();
    while let Some(token) = tokens.next() {
        if matches!(token, Token::Field('s', ..)) {
            end = pattern.len() - tokens.0.len();
        }
    }
    end
}

fn of_styles(table: &'static Table, resolved: &Resolved) -> String {
    let place = |style: &str| ["full", "long", "medium", "short"].iter().position(|name| *name == style);
    let entry = |key: &str, at: usize| table.get(key).split('|').nth(at).unwrap_or_default();
    let clock = 4 * CYCLES.iter().position(|cycle| *cycle == resolved.cycle).unwrap_or(0);
    match (resolved.date_style.and_then(place), resolved.time_style.and_then(place)) {
        (Some(date), Some(time)) => match exception(table.get("y.odd"), (clock + date) * 4 + time) {
            Some(odd) => odd.to_owned(),
            None => {
                let join = entry("y.joins", date).replace("{1}", entry("y.dates", date));
                join.replace("{0}", entry("y.times", clock + time))
            }
        },
        (Some(date), None) => entry("y.dates", date).to_owned(),
        (None, time) => time.map_or_else(String::new, |time| entry("y.times", clock + time).to_owned()),
    }
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Literal(&'a str),
    /// A letter, how often it stands there, and how wide its name is.
    Field(char, usize, Option<char>),
}

/// The pieces of a pattern.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let first = self.0.chars().next()?;
        if first == '\'' {
            let end = self.0[1..].find('\'').map_or(self.0.len(), |end| end + 1);
            let quoted = &self.0[1..end];
            self.0 = self.0.get(end + 1..).unwrap_or_default();
            // Two of them are one.
            return Some(Token::Literal(if quoted.is_empty() { "'" } else { quoted }));
        }
        if !first.is_ascii_alphabetic() {
            let end = self.0.find(|c: char| c == '\'' || c.is_ascii_alphabetic()).unwrap_or(self.0.len());
            let (literal, rest) = self.0.split_at(end);
            self.0 = rest;
            return Some(Token::Literal(literal));
        }
        let count = self.0.bytes().take_while(|&byte| byte == first as u8).count();
        self.0 = &self.0[count..];
        let width = self.0.strip_prefix('~').and_then(|rest| rest.chars().next());
        if width.is_some() {
            self.0 = &self.0[2..];
        }
        Some(Token::Field(first, count, width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_taken_apart() {
        // Milliseconds, then year, month, day, weekday, time.
        let cases: [(f64, i64, usize, u32, usize, [u32; 4]); 7] = [
            (0.0, 1970, 0, 1, 4, [0, 0, 0, 0]),
            (-1.0, 1969, 11, 31, 3, [23, 59, 59, 999]),
            (951_782_400_000.0, 2000, 1, 29, 2, [0, 0, 0, 0]),
            (4_107_542_399_999.0, 2100, 1, 28, 0, [23, 59, 59, 999]),
            (-62_198_755_200_000.0, -1, 0, 1, 5, [0, 0, 0, 0]),
            (8.64e15, 275_760, 8, 13, 6, [0, 0, 0, 0]),
            (-8.64e15, -271_821, 3, 20, 2, [0, 0, 0, 0]),
        ];
        for (time, year, month, day, weekday, clock) in cases {
            let found = Moment::new(time, 0);
            let date = (found.year, found.month, found.day, found.weekday);
            assert_eq!(date, (year, month, day, weekday), "{time}");
            assert_eq!([found.hour, found.minute, found.second, found.millisecond], clock, "{time}");
        }
    }

    #[test]
    fn patterns_come_apart() {
        use Token::{Field, Literal};
        let cases = [
            ("", vec![]),
            (
                "dd/MM/y",
                vec![
                    Field('d', 2, None),
                    Literal("/"),
                    Field('M', 2, None),
                    Literal("/"),
                    Field('y', 1, None),
                ],
            ),
            (
                "d 'de' N~l",
                vec![
                    Field('d', 1, None),
                    Literal(" "),
                    Literal("de"),
                    Literal(" "),
                    Field('N', 1, Some('l')),
                ],
            ),
            ("h''m", vec![Field('h', 1, None), Literal("'"), Field('m', 1, None)]),
            ("y年", vec![Field('y', 1, None), Literal("年")]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(Tokens(pattern).collect::<Vec<_>>(), expected, "{pattern}");
        }
    }
}
