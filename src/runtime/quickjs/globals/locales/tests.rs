use super::super::testing::{interrupted_vm, patient_vm, run, text_of};

/// Texts in the order in which V8 has them, equal ones together. See `tests/locales/`.
const COLLATION: &str = include_str!("../../../../../tests/locales/collation.json");

/// Says of each group which neighbours, and which of some pairs further apart, come out otherwise.
const COMPARE: &str = r#"
    (groups) => {
      const faults = [];
      for (const { locale, options, sorted } of groups) {
        const order = (a, b, expected) => {
          for (const [x, y, sign] of [[a, b, expected], [b, a, -expected]]) {
            const found = x.localeCompare(y, locale, options);
            if (Object.is(found, sign) || found === 0 && sign === 0) continue;
            const where = `${locale} ${JSON.stringify(options ?? {})}`;
            faults.push(`${where}: ${JSON.stringify(x)} ${JSON.stringify(y)}: ${found} for ${sign}`);
          }
        };
        sorted.forEach((same, i) => {
          for (const text of same) order(same[0], text, 0);
          for (const far of [1, 2, 7]) if (i + far < sorted.length) order(same.at(-1), sorted[i + far][0], -1);
        });
      }
      return faults;
    }
"#;

#[test]
fn texts_sort_as_in_v8() {
    let (_runtime, context) = patient_vm();
    context.with(|ctx| {
        let groups = ctx.json_parse(COLLATION).unwrap();
        ctx.globals().set("groups", groups).unwrap();
        let faults = text_of(run(&ctx, &format!("({COMPARE})(groups).join('\\n')")));
        assert!(faults.is_empty(), "{} faults:\n{faults}", faults.lines().count());
    });
}

/// What V8 prints, and the kinds of its parts. See `tests/locales/`.
const FORMATS: [&str; 2] = [
    include_str!("../../../../../tests/locales/formats.json"),
    include_str!("../../../../../tests/locales/others.json"),
];

/// Says which entries come out otherwise, from the methods as well as from `Intl`.
const FORMAT: &str = r#"
    (entries) => {
      const faults = [];
      const attempt = (run) => {
        try { return run(); } catch (thrown) { return `${thrown.name}: ${thrown.message}`; }
      };
      const classes = {
        number: Intl.NumberFormat, date: Intl.DateTimeFormat, plural: Intl.PluralRules, list: Intl.ListFormat,
        relative: Intl.RelativeTimeFormat,
      };
      const methods = {
        number: (value, locale, options) => Number(value).toLocaleString(locale, options),
        date: (value, locale, options) => new Date(value).toLocaleString(locale, options),
      };
      // Without a field these print others than `Intl` does.
      const bare = ["era", "hour12", "hourCycle", "timeZone", "timeZoneName"];
      for (const { kind, locale, options, cases, error } of entries) {
        const where = `${kind} ${locale} ${JSON.stringify(options)}`;
        const check = (found, expected, value = "") => {
          if (found !== expected) faults.push(`${where} ${value}: ${JSON.stringify(found)} for ${JSON.stringify(expected)}`);
        };
        if (error !== undefined) {
          check(attempt(() => new classes[kind](locale, options)), error);
          continue;
        }
        const format = new classes[kind](locale, options);
        check(format.resolvedOptions().locale, locale);
        for (const [value, text, types] of cases) {
          if (kind === "plural") {
            check(value.split(" ").map((count) => format.select(count)).join(" "), text, value);
            continue;
          }
          const given = kind === "relative" ? value : kind === "number" ? [Number(value)] : [value];
          check(attempt(() => format.format(...given)), text, value);
          const parts = format.formatToParts(...given);
          check(parts.map((part) => part.type + (part.unit ?? "")).join(" "), types, value);
          check(parts.map((part) => part.value).join("").replaceAll("\u202f", " "), text.replaceAll("\u202f", " "), value);
          if (kind in methods && !(kind === "date" && Object.keys(options).every((key) => bare.includes(key)))) {
            check(attempt(() => methods[kind](value, locale, options)), text, value);
          }
        }
      }
      return faults;
    }
"#;

#[test]
fn numbers_dates_and_lists_print_as_in_v8() {
    let (_runtime, context) = patient_vm();
    context.with(|ctx| {
        for entries in FORMATS {
            let entries = ctx.json_parse(entries).unwrap();
            ctx.globals().set("entries", entries).unwrap();
            let faults = text_of(run(&ctx, &format!("({FORMAT})(entries).join('\\n')")));
            assert!(faults.is_empty(), "{} faults:\n{faults}", faults.lines().count());
        }
    });
}

#[test]
fn the_clock_is_refused_with_advice() {
    let advice = "is not available in workflow scripts: it would break resume; pass timestamps in `args`";
    for (method, call) in [
        ("format()", "new Intl.DateTimeFormat().format()"),
        ("format()", "new Intl.DateTimeFormat('de').format(undefined)"),
        ("formatToParts()", "new Intl.DateTimeFormat().formatToParts()"),
    ] {
        let (_runtime, context) = patient_vm();
        let code = format!("try {{ {call} }} catch (e) {{ [e.name, e.code, e.message].join('|') }}");
        let expected =
            format!("TypeError|ERR_NONDETERMINISTIC|Intl.DateTimeFormat.prototype.{method} {advice}");
        assert_eq!(context.with(|ctx| text_of(run(&ctx, &code))), expected, "{call}");
    }
}

#[test]
fn long_comparisons_are_interrupted() {
    // Equal but for their case, so that all of both has to be looked at; ten thousand of these would take minutes.
    let texts = "var a = 'aé'.repeat(1e5), b = 'AÉ'.repeat(1e5);";
    for code in [
        "for (;;) a.localeCompare(b)",
        "var { compare } = new Intl.Collator(); for (;;) compare(a, b)",
        "[...'x'.repeat(3e4)].map((_, i) => i & 1 ? a : b).sort(new Intl.Collator().compare)",
        "for (;;) [1].toLocaleString('en')",
        "var list = [1]; for (let i = 0; i < 30; i++) list = [list, list, list, list]; list.toLocaleString('en')",
        "for (;;) new Intl.NumberFormat('de').format(1)",
    ] {
        let (_runtime, context) = interrupted_vm();
        let text = context.with(|ctx| text_of(run(&ctx, &format!("{texts} {code}"))));
        assert_eq!(text, "InternalError: interrupted", "{code}");
    }
}

#[test]
fn texts_that_are_too_long_are_refused() {
    let (_runtime, context) = patient_vm();
    let cases = [
        ("var a = 'a'.repeat(2e6); a.localeCompare(a)", "0"),
        (
            "var a = 'a'.repeat(2e6); a.localeCompare('b')",
            "RangeError: A text of 2000000 bytes is too long to be compared in a locale in this sandbox (limit 1048576)",
        ),
        ("('a'.repeat(1e6) + 'b').localeCompare('a'.repeat(1e6) + 'c')", "-1"),
    ];
    for (code, expected) in cases {
        assert_eq!(context.with(|ctx| text_of(run(&ctx, code))), expected, "{code}");
    }
}

#[test]
fn fixed_offsets_are_time_zones() {
    // As in versions of V8 that are later than the one the tables come from.
    let cases = [
        ("new Date(0).toLocaleString('en', { timeZone: '+02:00' })", "1/1/1970, 2:00:00 AM"),
        (
            "new Date(0).toLocaleString('en', { timeZone: '-0530', timeZoneName: 'short' })",
            "12/31/1969, 6:30:00 PM GMT-5:30",
        ),
        (
            "new Date(0).toLocaleTimeString('fr', { timeZone: '+05', timeZoneName: 'longOffset' })",
            "05:00:00 UTC+05:00",
        ),
        ("new Intl.DateTimeFormat('en', { timeZone: '+0200' }).resolvedOptions().timeZone", "+02:00"),
    ];
    let (_runtime, context) = patient_vm();
    for (code, expected) in cases {
        assert_eq!(context.with(|ctx| text_of(run(&ctx, code))), expected, "{code}");
    }
}
