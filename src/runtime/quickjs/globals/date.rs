//! `Date` without a clock and without a time zone: everything is UTC, whatever the process is set to.
//!
//! Reading the clock would make a resumed run differ from the recorded one, so the three ways to do so throw.
//! Must never know what time it is, nor where the machine stands.

use rquickjs::{Ctx, Function, Object, Result, String as JsString, Value, qjs};

use super::determinism::refusal;
use super::text::utf8;
use super::unit::Unit;

static UNIT: Unit = Unit::new(c"workflow:date", include_str!("date.js"));

/// Replaces the constructor and every method that looks at local time.
pub(super) fn init(ctx: &Ctx<'_>) -> Result<()> {
    let native = Object::new(ctx.clone())?;
    native.set("refusal", Function::new(ctx.clone(), refusal)?)?;
    native.set("isDate", Function::new(ctx.clone(), is_date)?)?;
    native.set("zoned", Function::new(ctx.clone(), |text: JsString<'_>| utf8(&text).map(zoned))?)?;
    native.set("text", Function::new(ctx.clone(), |utc: String, form: u8| text(&utc, form))?)?;
    UNIT.install(ctx, native)
}

fn is_date(value: Value<'_>) -> bool {
    // SAFETY: looks at the class of a value that is alive.
    unsafe { qjs::JS_IsDate(value.as_raw()) }
}

/// Rewrites a text that `Date.parse` would read as local time into one that it reads as UTC.
///
/// The engine has two parsers. The ISO one takes a zone at the end; the lenient one takes a zone anywhere, and
/// a later zone wins, so one in front is a default. A text that fits the ISO form must not meet the second.
fn zoned(text: String) -> String {
    match iso(text.as_bytes()) {
        Iso::Complete => text,
        Iso::Zoneless => text + "Z",
        Iso::No => format!("Z {}", spaced(&text)),
    }
}

/// Puts a space before a zone right behind a time, `03:04Z`, `03:04+02:00`: V8 reads that, the engine's lenient
/// parser does not.
fn spaced(text: &str) -> String {
    let Some((start, time)) = text.rsplit_once(' ') else { return text.to_owned() };
    let Some(at) = time.rfind(['Z', '+', '-']) else { return text.to_owned() };
    let (time, zone) = time.split_at(at);
    if time.contains(':') && time.ends_with(|last: char| last.is_ascii_digit()) {
        format!("{start} {time} {zone}")
    } else {
        text.to_owned()
    }
}

#[derive(Debug, PartialEq)]
enum Iso {
    /// Has a zone, or is a bare date, which means UTC by the standard.
    Complete,
    Zoneless,
    No,
}

fn iso(text: &[u8]) -> Iso {
    let digits = |from: usize, count: usize| {
        text.get(from..from + count).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    let mut at = match byte(0) {
        b'+' | b'-' if digits(1, 6) => 7,
        _ if digits(0, 4) => 4,
        _ => return Iso::No,
    };
    for _ in 0..2 {
        if byte(at) == b'-' && digits(at + 1, 2) {
            at += 3;
        }
    }
    if at == text.len() {
        return Iso::Complete;
    }
    if byte(at) != b'T' {
        return Iso::No;
    }
    if !(digits(at + 1, 2) && byte(at + 3) == b':' && digits(at + 4, 2)) {
        // Not a date in any form; the engine's ISO parser says so.
        return Iso::Complete;
    }
    at += 6;
    if byte(at) == b':' && digits(at + 1, 2) {
        at += 3;
        if matches!(byte(at), b'.' | b',') {
            at += 1;
            while byte(at).is_ascii_digit() {
                at += 1;
            }
        }
    }
    if at == text.len() {
        return Iso::Zoneless;
    }
    let zone = &text[at..];
    let offset = |zone: &[u8]| match zone {
        [a, b] | [a, b, b':', _, _] => a.is_ascii_digit() && b.is_ascii_digit(),
        [_, _, _, _] => zone.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let complete = zone == b"Z" || matches!(zone[0], b'+' | b'-') && offset(&zone[1..]);
    if complete { Iso::Complete } else { Iso::No }
}

/// Rearranges the output of `toUTCString`, `Thu, 01 Jan 1970 00:00:00 GMT`, into the other standard forms.
fn text(utc: &str, form: u8) -> String {
    let parts: Vec<&str> = utc.split_whitespace().collect();
    let &[weekday, day, month, year, time, _] = parts.as_slice() else {
        return utc.to_owned(); // `Invalid Date`
    };
    let date = || format!("{} {month} {day} {year}", weekday.trim_end_matches(','));
    let zone = || format!("{time} GMT+0000 (Coordinated Universal Time)");
    match form {
        0 => format!("{} {}", date(), zone()),
        1 => date(),
        _ => zone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::faults;
    use super::super::testing::{bare_vm, patient_vm, run, text_of};
    use super::*;

    #[test]
    fn reading_the_clock_is_refused_with_advice() {
        let cases = [
            ("Date.now()", "Date.now()"),
            ("Date()", "Date()"),
            ("Date(0)", "Date()"),
            ("new Date()", "new Date()"),
            ("new Date", "new Date()"),
            ("Reflect.construct(Date, [])", "new Date()"),
            ("Reflect.construct(Date, [], Array)", "new Date()"),
            ("new (class D extends Date {})()", "new Date()"),
            ("new (class D extends Date { constructor() { super() } })()", "new Date()"),
            ("new (new Date(0).constructor)()", "new Date()"),
            ("new (Object.getPrototypeOf(class extends Date {}))()", "new Date()"),
            ("new (Date.bind(null))()", "new Date()"),
            ("new (new Proxy(Date, {}))()", "new Date()"),
            ("Date.call(new Date(0))", "Date()"),
        ];
        for (code, what) in cases {
            let (_runtime, context) = patient_vm();
            let wrapped = format!(
                "try {{ {code}; 'no error' }} catch (e) {{ [e.name, e instanceof TypeError, e.code, e.message].join('|') }}"
            );
            let expected = format!(
                "TypeError|true|ERR_NONDETERMINISTIC|{what} is not available in workflow scripts: it would break \
                 resume; pass timestamps in `args`"
            );
            assert_eq!(context.with(|ctx| text_of(run(&ctx, &wrapped))), expected, "{code}");
        }
    }

    /// Code that runs while the original is on the stack must not get hold of it.
    #[test]
    fn no_stack_frame_hands_out_the_original() {
        let (_runtime, context) = patient_vm();
        let code = r#"
            var found = [];
            var look = () => {
              Error.prepareStackTrace = (_, sites) => sites;
              for (const site of new Error().stack) {
                for (const name in Object.getOwnPropertyDescriptors(Object.getPrototypeOf(site))) {
                  try { const value = site[name](); if (typeof value === "function") found.push(value.name); } catch {}
                }
              }
              return 1;
            };
            new Date(2020, { valueOf: look });
            new Date({ valueOf: look });
            Reflect.construct(Date, [0], new Proxy(function () {}, { get(target, key) { look(); return target[key]; } }));
            [3, 2, 1].sort(look);
            found.join()
        "#;
        assert_eq!(context.with(|ctx| text_of(run(&ctx, code))), "");
    }

    #[test]
    fn texts_are_given_the_zone_they_lack() {
        let cases = [
            ("2020", "2020"),
            ("2020-01-02", "2020-01-02"),
            ("2020-01-02T03:04", "2020-01-02T03:04Z"),
            ("2020-01-02T03:04:05.6", "2020-01-02T03:04:05.6Z"),
            ("2020-01-02T03:04Z", "2020-01-02T03:04Z"),
            ("2020-01-02T03:04+02:00", "2020-01-02T03:04+02:00"),
            ("2020-01-02T03:04-0200", "2020-01-02T03:04-0200"),
            ("+002020-01-02T03:04", "+002020-01-02T03:04Z"),
            ("2020-01-02Tnoon", "2020-01-02Tnoon"),
            ("2020-01-02 03:04", "Z 2020-01-02 03:04"),
            ("2020-01-02 03:04+02:00", "Z 2020-01-02 03:04 +02:00"),
            ("2020-01-02 03:04Z", "Z 2020-01-02 03:04 Z"),
            ("Jan 2, 2020", "Z Jan 2, 2020"),
            ("ü", "Z ü"),
            ("", "Z "),
        ];
        for (text, expected) in cases {
            assert_eq!(zoned(text.to_owned()), expected, "{text}");
        }
    }

    const IN_THIS_ZONE: &str = "runtime::quickjs::globals::date::tests::in_this_zone";

    /// The zone of a process is read once, so each zone is a process of its own: this test binary again.
    #[cfg(unix)]
    #[test]
    fn no_zone_of_the_process_shows() {
        // New York and Kolkata, in the form that needs no zone files.
        for zone in ["EST5EDT,M3.2.0,M11.1.0", "IST-5:30", "UTC0"] {
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args([IN_THIS_ZONE, "--exact", "--ignored", "--nocapture"])
                .env("TZ", zone)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(
                text.contains("1 passed"),
                "{zone}:\n{text}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }

    #[test]
    #[ignore = "run by no_zone_of_the_process_shows, with TZ set"]
    fn in_this_zone() {
        let (_runtime, context) = bare_vm(std::time::Duration::from_secs(60));
        let offset = context.with(|ctx| text_of(run(&ctx, "new Date(0).getTimezoneOffset()")));
        let expected = match std::env::var("TZ").unwrap().as_str() {
            "IST-5:30" => "-330",
            "UTC0" => "0",
            _ => "300",
        };
        assert_eq!(offset, expected, "the zone did not take effect, the test would prove nothing");
        let faults = faults(Some("date"));
        assert!(faults.is_empty(), "\n{faults}");
    }
}
