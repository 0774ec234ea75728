use super::super::testing::{patient_vm, run, text_of};

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

/// Numbers and dates as V8 prints them. See `tests/locales/`.
const FORMATS: &str = include_str!("../../../../../tests/locales/formats.json");

/// Says which entries come out otherwise.
const FORMAT: &str = r#"
    (entries) => {
      const faults = [];
      for (const { kind, locale, options, cases, error } of entries) {
        const where = `${kind} ${locale} ${JSON.stringify(options)}`;
        const print = (value) => kind === "date" ? new Date(value).toLocaleString(locale, options) : Number(value).toLocaleString(locale, options);
        if (error !== undefined) {
          let found = "no error";
          try { print(0) } catch (thrown) { found = `${thrown.name}: ${thrown.message}`; }
          if (found.replace("Number.prototype.toLocaleString()", "Intl.NumberFormat").replaceAll("Number.prototype.toLocaleString", "Intl.NumberFormat") !== error) faults.push(`${where}: ${found} for ${error}`);
          continue;
        }
        for (const [value, text, parts] of cases) {
          if (kind === "date" && Object.keys(options).every((key) => ["era", "hour12", "hourCycle", "timeZone", "timeZoneName"].includes(key))) continue;
          let found;
          try { found = print(value) } catch (thrown) { found = `${thrown.name}: ${thrown.message}`; }
          if (found !== text) faults.push(`${where} ${value}: ${JSON.stringify(found)} for ${JSON.stringify(text)}`);
        }
      }
      return faults;
    }
"#;

#[test]
fn numbers_and_dates_print_as_in_v8() {
    let (_runtime, context) = patient_vm();
    context.with(|ctx| {
        let entries = ctx.json_parse(FORMATS).unwrap();
        ctx.globals().set("entries", entries).unwrap();
        let faults = text_of(run(&ctx, &format!("({FORMAT})(entries).join('\\n')")));
        assert!(faults.is_empty(), "{} faults:\n{faults}", faults.lines().count());
    });
}
