//! Comparing texts as people sort them: the Unicode collation algorithm with the data of the CLDR.
//!
//! Must never know which method asked.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::OnceLock;

use icu_collator::options::{AlternateHandling, CaseLevel, CollatorOptions, Strength};
use icu_collator::preferences::{CollationCaseFirst, CollationNumericOrdering};
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use icu_locale::Locale;
use rquickjs::{Ctx, Result, String as JsString, Value};

use super::super::text::bytes;
use super::tags::{DEFAULT, keyword, negotiate, requested};
use super::values::{Options, range_error};

/// The longest text that is collated, bytes of UTF-8. Both are taken apart in the host's memory before they are
/// compared beyond their first difference, eight bytes and more per character.
const LONGEST: usize = 1 << 20;

/// How many collators a thread keeps.
const KEPT: usize = 32;

/// A collator and what it was made of.
pub(super) struct Collator {
    compare: CollatorBorrowed<'static>,
    pub(super) resolved: Resolved,
}

/// What `resolvedOptions` shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Resolved {
    pub(super) locale: String,
    pub(super) usage: &'static str,
    pub(super) sensitivity: &'static str,
    pub(super) ignore_punctuation: bool,
    pub(super) collation: String,
    pub(super) numeric: bool,
    pub(super) case_first: &'static str,
}

thread_local! {
    static COLLATORS: RefCell<HashMap<Resolved, Rc<Collator>>> = RefCell::default();
    /// The collator of `a.localeCompare(b)`, which most calls are.
    static PLAIN: RefCell<Option<Rc<Collator>>> = const { RefCell::new(None) };
}

/// What the CLDR offers for a locale beside its usual order.
#[derive(Debug, Default)]
struct Offer {
    collations: Vec<&'static str>,
    case_first: Option<&'static str>,
    is_shifted: bool,
}

/// One line per locale: its tag, its collations, `kf=upper` and `shifted` where that is its custom.
fn offers() -> &'static HashMap<&'static str, Offer> {
    static OFFERS: OnceLock<HashMap<&str, Offer>> = OnceLock::new();
    OFFERS.get_or_init(|| {
        let line = |line: &'static str| {
            let mut words = line.split(' ');
            let tag = words.next()?;
            let mut offer = Offer::default();
            for word in words {
                match (word, word.strip_prefix("kf=")) {
                    (_, Some(case)) => offer.case_first = Some(case),
                    ("shifted", _) => offer.is_shifted = true,
                    _ => offer.collations.push(word),
                }
            }
            Some((tag, offer))
        };
        include_str!("data/collations.txt").lines().filter_map(line).collect()
    })
}

/// Whether there is an order for exactly this locale.
pub(super) fn is_available(tag: &str) -> bool {
    offers().contains_key(tag)
}

/// The collator that `locales` and `options` ask for.
pub(super) fn collator<'js>(
    ctx: &Ctx<'js>,
    locales: &Value<'js>,
    options: &Value<'js>,
    service: &'static str,
) -> Result<Rc<Collator>> {
    if locales.is_undefined() && options.is_undefined() {
        if let Some(plain) = PLAIN.with_borrow(Clone::clone) {
            return Ok(plain);
        }
        let plain = made(&resolve(ctx, locales, options, service)?);
        PLAIN.set(Some(plain.clone()));
        return Ok(plain);
    }
    Ok(made(&resolve(ctx, locales, options, service)?))
}

const CASES: [&str; 3] = ["upper", "lower", "false"];

fn resolve<'js>(
    ctx: &Ctx<'js>,
    locales: &Value<'js>,
    options: &Value<'js>,
    service: &'static str,
) -> Result<Resolved> {
    let requested = requested(ctx, locales)?;
    let options = Options::new(ctx, options, service)?;
    let usage = options.word(c"usage", &["sort", "search"])?.unwrap_or("sort");
    options.word(c"localeMatcher", &["lookup", "best fit"])?;
    let wanted = options.text(c"collation")?.map(|text| collation_type(ctx, text)).transpose()?;
    let numeric = options.flag(c"numeric")?;
    let case_first = options.word(c"caseFirst", &CASES)?;
    let sensitivity = options.word(c"sensitivity", &["base", "accent", "case", "variant"])?;
    let ignore_punctuation = options.flag(c"ignorePunctuation")?;

    let found = negotiate(&requested, is_available);
    let (asked, mut locale) = found.unwrap_or_else(|| (Rc::new(Locale::UNKNOWN), DEFAULT.to_owned()));
    let offer = &offers()[locale.as_str()];
    let offered = |name: &String| usage == "sort" && offer.collations.contains(&name.as_str());
    let collation = wanted.filter(offered).or_else(|| keyword(&asked, "co").filter(offered));
    let kf = keyword(&asked, "kf").and_then(|case| CASES.into_iter().find(|known| *known == case));
    let kn = keyword(&asked, "kn").filter(|flag| flag == "true" || flag == "false");
    let keys = [
        collation.as_ref().map(|collation| format!("-co-{collation}")),
        kf.map(|case| format!("-kf-{case}")),
        kn.as_ref().map(|flag| if flag == "true" { "-kn".to_owned() } else { format!("-kn-{flag}") }),
    ];
    if keys.iter().any(Option::is_some) {
        locale.push_str("-u");
        locale.extend(keys.into_iter().flatten());
    }
    Ok(Resolved {
        locale,
        usage,
        sensitivity: sensitivity.unwrap_or("variant"),
        ignore_punctuation: offer.is_shifted || ignore_punctuation.unwrap_or(false),
        collation: collation.unwrap_or_else(|| "default".to_owned()),
        numeric: numeric.unwrap_or(kn.as_deref() == Some("true")),
        case_first: case_first.or(kf).or(offer.case_first).unwrap_or("false"),
    })
}

/// A name that could be that of a collation, in lower case.
fn collation_type(ctx: &Ctx<'_>, text: String) -> Result<String> {
    let is_part = |part: &str| matches!(part.len(), 3..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if text.split('-').all(is_part) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(range_error(ctx, &format!("Invalid collation : {text}")))
    }
}

fn made(resolved: &Resolved) -> Rc<Collator> {
    if let Some(known) = COLLATORS.with_borrow(|known| known.get(resolved).cloned()) {
        return known;
    }
    let made = Rc::new(Collator { compare: build(resolved), resolved: resolved.clone() });
    COLLATORS.with_borrow_mut(|known| {
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(resolved.clone(), made.clone());
    });
    made
}

fn build(resolved: &Resolved) -> CollatorBorrowed<'static> {
    let locale = Locale::try_from_str(&resolved.locale).expect("the tag is one of the table's");
    // The library has no data for `usage: "search"`: texts are compared as for sorting.
    let mut preferences = CollatorPreferences::from(&locale);
    preferences.case_first = Some(match resolved.case_first {
        "upper" => CollationCaseFirst::Upper,
        "lower" => CollationCaseFirst::Lower,
        _ => CollationCaseFirst::False,
    });
    preferences.numeric_ordering = Some(match resolved.numeric {
        true => CollationNumericOrdering::True,
        false => CollationNumericOrdering::False,
    });
    let mut options = CollatorOptions::default();
    (options.strength, options.case_level) = match resolved.sensitivity {
        "base" => (Some(Strength::Primary), None),
        "accent" => (Some(Strength::Secondary), None),
        "case" => (Some(Strength::Primary), Some(CaseLevel::On)),
        _ => (Some(Strength::Tertiary), None),
    };
    if resolved.ignore_punctuation {
        options.alternate_handling = Some(AlternateHandling::Shifted);
    }
    CollatorBorrowed::try_new(preferences, options).expect("the data is compiled in, for the root at least")
}

impl Collator {
    /// The order of two texts, and how many bytes had to be looked at.
    pub(super) fn order<'js>(
        &self,
        ctx: &Ctx<'js>,
        left: &JsString<'js>,
        right: &JsString<'js>,
    ) -> Result<(Ordering, usize)> {
        bytes(left, |left| bytes(right, |right| self.order_bytes(ctx, left, right)))??
    }

    fn order_bytes(&self, ctx: &Ctx<'_>, left: &[u8], right: &[u8]) -> Result<(Ordering, usize)> {
        let work = left.len() + right.len();
        if left == right {
            return Ok((Ordering::Equal, work));
        }
        let longest = left.len().max(right.len());
        if longest > LONGEST {
            let message = format!(
                "A text of {longest} bytes is too long to be compared in a locale in this sandbox (limit {LONGEST})"
            );
            return Err(range_error(ctx, &message));
        }
        let order = match (std::str::from_utf8(left), std::str::from_utf8(right)) {
            (Ok(left), Ok(right)) => self.compare.compare(left, right),
            _ => self.compare.compare(&without_surrogates(left), &without_surrogates(right)),
        };
        Ok((order, work))
    }
}

/// A text in which lone surrogates are other characters that sort where ICU has them: in the order of their
/// numbers, behind all of the Unicode before them. The collator itself would take them all for U+FFFD.
///
/// U+D7FF is the last character before them and will never be assigned; what follows tells them apart.
fn without_surrogates(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // The engine writes a lone surrogate as `ED A0 80` … `ED BF BF`, byte by byte invalid.
        match *chunk.invalid() {
            [0xED] => text.push('\u{D7FF}'),
            [byte] => text.extend(char::from_u32(0x4_0000 + u32::from(byte))),
            _ => {}
        }
    }
    text
}
