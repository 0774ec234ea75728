//! Writing lists: what `Intl.ListFormat` prints.
//!
//! Keys of the tables: `l.` with the first letters of type and style; what stands behind the first element, between
//! others, before the last, and between two.
//! Must never know who asked.

use rquickjs::{Ctx, Result, Value};

use super::numbers::{Part, push};
use super::table::{self, Table};
use super::tags::{DEFAULT, negotiate, requested};
use super::values::{Options, type_error};

/// Prints lists in one way.
pub(super) struct ListFormat {
    pub(super) locale: String,
    pub(super) kind: &'static str,
    pub(super) style: &'static str,
    table: &'static Table,
}

impl ListFormat {
    pub(super) fn new<'js>(ctx: &Ctx<'js>, locales: &Value<'js>, options: &Value<'js>) -> Result<Self> {
        let requested = requested(ctx, locales)?;
        if !options.is_undefined() && !options.is_object() {
            return Err(type_error(ctx, "invalid_argument"));
        }
        let options = Options::new(ctx, options, "Intl.ListFormat")?;
        options.word(c"localeMatcher", &["lookup", "best fit"])?;
        let kind = options.word(c"type", &["conjunction", "disjunction", "unit"])?.unwrap_or("conjunction");
        let style = options.word(c"style", &["long", "short", "narrow"])?.unwrap_or("long");
        let locale = negotiate(&requested, table::is_available).map_or(DEFAULT.to_owned(), |found| found.1);
        let table = table::find(&locale).expect("it was found before");
        Ok(Self { locale, kind, style, table })
    }

    pub(super) fn parts(&self, items: &[String]) -> Vec<Part> {
        let key = format!("l.{}{}", &self.kind[..1], &self.style[..1]);
        let mut pieces = self.table.get(&key).split('|');
        let [start, middle, end, pair] = [(); 4].map(|()| pieces.next().unwrap_or_default());
        let mut parts = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let between = match (at, items.len() - at) {
                (0, _) => "",
                (1, 1) => self.before(pair, item),
                (_, 1) => self.before(end, item),
                (1, _) => start,
                _ => middle,
            };
            push(&mut parts, "literal", between);
            push(&mut parts, "element", item);
        }
        parts
    }

    /// Spanish does not say `y` before the sound of `i`, nor `o` before that of `o`.
    fn before(&self, between: &'static str, item: &str) -> &'static str {
        if !(self.locale == "es" || self.locale.starts_with("es-")) {
            return between;
        }
        let text = item.to_lowercase();
        let is_i = text.starts_with('i')
            || text.starts_with("hi") && !(text.starts_with("hia") || text.starts_with("hie"));
        let is_o =
            text.starts_with(['o', '8']) || text.starts_with("ho") || text == "11" || text.starts_with("11 ");
        match between {
            " y " if is_i => " e ",
            " o " if is_o => " u ",
            _ => between,
        }
    }
}
