//! What Node prints, the sandbox prints: every line of `conformance/cases.txt` and `conformance/locales.txt`, differences
//! written down there.
//!
//! `node conformance/generate.mjs` fills in what Node says.

use super::testing::{patient_vm, run, shown, text_of};

/// The cases of one section, or all, that do not come out as written; each with what was found.
pub fn faults(section: Option<&str>) -> String {
    let mut faults = String::new();
    let mut count = 0;
    let mut current = "";
    let files = [include_str!("conformance/cases.txt"), include_str!("conformance/locales.txt")];
    let mut lines = files.into_iter().flat_map(str::lines).peekable();
    while let Some(line) = lines.next() {
        current = line.strip_prefix("## ").unwrap_or(current);
        let Some(code) = line.strip_prefix("> ") else { continue };
        let node =
            lines.next().and_then(|line| line.strip_prefix("= ")).expect("every case has Node's answer");
        let different = lines.next_if(|line| line.starts_with("! "));
        if different.is_some() {
            let why = lines.next().unwrap_or_default();
            assert!(why.starts_with("# "), "`{code}` differs from Node and does not say why");
        }
        if section.is_some_and(|section| section != current) {
            continue;
        }
        let expected: String = serde_json::from_str(different.map_or(node, |line| &line[2..])).unwrap();
        let (_runtime, context) = patient_vm();
        let found = context.with(|ctx| shown(&ctx, code));
        count += 1;
        if found != expected {
            faults += &format!("> {code}\n  expected {expected}\n  found    {found}\n");
        }
    }
    assert!(count > 0, "no cases in {section:?}");
    faults
}

#[test]
fn the_sandbox_says_what_node_says() {
    let faults = faults(None);
    assert!(faults.is_empty(), "\n{faults}");
}

/// Overwrites what a script can overwrite, the way a careless or curious one might.
const HOSTILE: &str = r#"
    var hostile = () => { throw new Error("a global was looked up too late"); };
    var victims = [
      Array, Map, Set, WeakSet, RegExp, String, ArrayBuffer, Uint8Array, Object.getPrototypeOf(Uint8Array), DataView,
      Function, Iterator, Number, BigInt,
    ];
    var names = victims.map((victim) => Object.getOwnPropertyNames(victim.prototype));
    var [define, own] = [Object.defineProperty, Object.getOwnPropertyNames];
    for (let i = 0; i < victims.length; i++) {
      for (let j = 0; j < names[i].length; j++) {
        if (names[i][j] === "constructor") continue;
        try { define(victims[i].prototype, names[i][j], { value: hostile }); } catch {}
      }
    }
    define(Array.prototype, Symbol.iterator, { value: hostile });
    for (let space = 0; space < 4; space++) {
      const object = space === 0 ? Reflect : space === 1 ? Math : space === 2 ? Object : Number;
      const keys = own(object);
      for (let j = 0; j < keys.length; j++) {
        if (keys[j] !== "prototype") try { define(object, keys[j], { value: hostile }); } catch {}
      }
    }
    Object.prototype.get = Object.prototype.set = hostile;
    for (const name in { TypeError, RangeError, SyntaxError, DOMException, Uint8Array, Map, Set, RegExp, Symbol, Error }) {
      globalThis[name] = hostile;
    }
"#;

#[test]
fn a_script_that_overwrites_globals_breaks_only_itself() {
    let cases = [
        ("new URL('http://a/?b=1#c').searchParams.get('b')", "1"),
        ("var u = new URL('/x', 'http://a'); u.searchParams.append('k', 'v w'); u.href", "http://a/x?k=v+w"),
        ("var p = new URLSearchParams('b=1&a=2'); p.sort(); p.toString()", "a=2&b=1"),
        ("try { new URL('x') } catch (e) { e.code + e.message }", "ERR_INVALID_URLInvalid URL"),
        ("new TextDecoder().decode(new TextEncoder().encode('é'))", "é"),
        ("try { new TextDecoder('x') } catch (e) { e.message }", "The \"x\" encoding is not supported"),
        ("var c = structuredClone({ a: [1, { b: 2 }] }); c.a[1].b + c.a.length", "4"),
        ("try { structuredClone(() => 1) } catch (e) { e.message }", "() => 1 could not be cloned."),
        ("JSON.stringify({ a: [1, 'x'] }) + JSON.parse('[7]')[0]", "{\"a\":[1,\"x\"]}7"),
        (
            "try { JSON.parse('{') } catch (e) { e.message }",
            "Expected property name or '}' in JSON at position 1",
        ),
        ("try { JSON.stringify(1n) } catch (e) { e.message }", "Do not know how to serialize a BigInt"),
        (
            "new Date(2020, 1, 2, 3).toISOString() + new Date('2020-01-01T00:00').getHours()",
            "2020-02-02T03:00:00.000Z0",
        ),
        ("new Date(0).toString()", "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)"),
        ("try { Date.now() } catch (e) { e.code }", "ERR_NONDETERMINISTIC"),
        ("new Date(0).toLocaleString('de')", "1.1.1970, 00:00:00"),
        (
            "new Intl.NumberFormat('en').formatToParts(1e3)[1].type + Intl.getCanonicalLocales('EN')[0]",
            "groupen",
        ),
        (
            "var f = new Intl.DateTimeFormat('en', { dateStyle: 'full' }); f.format(0)",
            "Thursday, January 1, 1970",
        ),
        ("new Intl.Collator('sv').compare('ä', 'z') + new Intl.PluralRules().select(1)", "1one"),
        ("new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(-1, 'day')", "yesterday"),
        ("try { new Intl.DateTimeFormat().format() } catch (e) { e.code }", "ERR_NONDETERMINISTIC"),
        ("try { new Intl.NumberFormat('en', { style: 'unit' }) } catch (e) { e.name }", "TypeError"),
        ("try { (() => {}).constructor('1') } catch (e) { e.name }", "EvalError"),
    ];
    for (code, expected) in cases {
        let (_runtime, context) = patient_vm();
        context.with(|ctx| {
            run(&ctx, HOSTILE).unwrap();
            assert_eq!(text_of(run(&ctx, code)), expected, "{code}");
        });
    }
}
