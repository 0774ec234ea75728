//! The rules of the house, read off the sources: who may know whom, headers, sizes, clocks.

use std::fs;
use std::path::{Path, PathBuf};

struct Source {
    /// Relative to the repository, with forward slashes.
    name: String,
    text: String,
    /// The text up to the tests at its end.
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str, ending: &str) -> Vec<Source> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), ending, &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            Source { name, text, code }
        })
        .collect()
}

fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.ends_with("/testing.rs") || name.contains("/tests/")
}

fn rust() -> Vec<Source> {
    sources("src", ".rs")
}

/// Fails with every finding at once.
fn none(findings: Vec<String>, rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn the_rooms_know_only_whom_they_may() {
    // Room, and what of `crate::` its sources may name.
    let rooms: &[(&str, &[&str])] = &[
        ("src/model/", &["model"]),
        ("src/script/", &["model", "script"]),
        ("src/runtime/", &["model", "runtime"]),
        ("src/schema/", &["model", "schema"]),
        ("src/providers/", &["model", "providers"]),
        ("src/store/", &["model", "store"]),
        ("src/engine/core/", &["model"]),
        ("src/engine/", &["model", "script", "runtime", "schema", "providers", "store", "engine"]),
        ("src/binding/", &["model", "engine", "providers", "schema", "script", "binding"]),
    ];
    let mut findings = Vec::new();
    for source in rust() {
        let Some((_, allowed)) = rooms.iter().find(|(room, _)| source.name.starts_with(room)) else {
            if source.name != "src/lib.rs" {
                findings.push(format!("{} is in no room", source.name));
            }
            continue;
        };
        for (number, line) in source.text.lines().enumerate() {
            for place in line.split("crate::").skip(1) {
                let module: String = place.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !module.is_empty() && !allowed.contains(&module.as_str()) {
                    findings.push(format!("{}:{} names crate::{module}", source.name, number + 1));
                }
            }
        }
    }
    none(findings, "ARCHITECTURE.md says who may know whom");
}

#[test]
fn each_library_has_one_room() {
    let libraries: &[(&str, &[&str])] = &[
        ("napi", &["src/binding/"]),
        ("rquickjs", &["src/runtime/quickjs/"]),
        ("oxc_", &["src/script/"]),
        ("jsonschema", &["src/schema/"]),
        ("hyper", &["src/providers/"]),
        (
            "tempfile",
            &[
                "src/providers/",
                "src/store/sqlite/tests",
                "src/engine/coordinator/tests",
                "src/engine/inspect/tests",
                "src/engine/tests",
            ],
        ),
        ("tokio::process", &["src/providers/process/"]),
        ("rustix", &["src/providers/process/"]),
        ("rusqlite", &["src/store/sqlite/"]),
        ("sha2", &["src/store/sqlite/", "src/engine/fingerprint.rs"]),
        ("uuid", &["src/store/sqlite/"]),
        ("tokio", &["src/engine/", "src/providers/", "src/store/", "src/binding/"]),
    ];
    let mut findings = Vec::new();
    for source in rust() {
        for (number, line) in source.text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            for (library, rooms) in libraries {
                let used = line.contains(&format!("{library}::"))
                    || (library.ends_with('_') && line.starts_with(&format!("use {library}")));
                let at_home = rooms.iter().any(|room| source.name.starts_with(room))
                    && !(*library == "tokio" && source.name.starts_with("src/engine/core/"));
                if used && !at_home {
                    findings.push(format!("{}:{} uses {library}", source.name, number + 1));
                }
            }
        }
    }
    none(findings, "each outside library appears in one folder");
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut findings = Vec::new();
    for source in rust() {
        if !is_test(&source.name) && !source.text.starts_with("//!") {
            findings.push(format!("{} does not open with a //! header", source.name));
        }
        let lines = source.code.lines().count();
        if !is_test(&source.name) && lines > 700 {
            findings.push(format!("{} has {lines} lines; 700 is the most", source.name));
        }
    }
    for source in sources("js", ".ts") {
        if !source.text.starts_with("/**") && !source.text.starts_with("#!") {
            findings.push(format!("{} does not open with a header comment", source.name));
        }
        if source.text.lines().count() > 700 {
            findings.push(format!("{} has more than 700 lines", source.name));
        }
    }
    none(findings, "headers and sizes");
}

#[test]
fn no_function_is_long() {
    let mut findings = Vec::new();
    for source in rust().into_iter().filter(|source| !is_test(&source.name)) {
        let limit = if source.name.starts_with("src/binding/") { 60 } else { 100 };
        let lines: Vec<&str> = source.code.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let trimmed = line.trim_start();
            let indent = line.len() - trimmed.len();
            let words = trimmed.trim_start_matches("pub ").trim_start_matches("pub(super) ");
            let words = words.trim_start_matches("pub(crate) ").trim_start_matches("unsafe ");
            if !words.trim_start_matches("async ").starts_with("fn ") {
                continue;
            }
            // Formatted code closes a function with a brace at the function's own indentation.
            let closing = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == closing).unwrap_or(0);
            if length > limit {
                findings.push(format!(
                    "{}:{} has {length} lines; {limit} is the most",
                    source.name,
                    start + 1
                ));
            }
        }
    }
    none(findings, "functions stay short");
}

#[test]
fn the_binding_only_converts() {
    let lines = |prefix: &str| -> usize {
        rust()
            .iter()
            .filter(|source| source.name.starts_with(prefix) && !is_test(&source.name))
            .map(|source| source.code.lines().count())
            .sum()
    };
    let (binding, all) = (lines("src/binding/"), lines("src/"));
    assert!(binding * 100 <= all * 12, "the binding has {binding} of {all} lines; 12 % is the most");
}

#[test]
fn clocks_channels_and_exceptions() {
    let mut findings = Vec::new();
    for source in rust().into_iter().filter(|source| !is_test(&source.name)) {
        for (number, line) in source.code.lines().enumerate() {
            let mut find = |what: &str| findings.push(format!("{}:{} {what}", source.name, number + 1));
            let clock = line.contains("SystemTime::now") || line.contains("Instant::now");
            if clock && source.name != "src/engine/clock.rs" {
                find("looks at a clock; only engine/clock.rs may");
            }
            if line.contains("unbounded") && line.contains("channel") {
                find("makes an unbounded channel");
            }
            if line.contains("#[allow(") || line.contains("#![allow(") {
                find("allows a lint; use #[expect(lint, reason = \"…\")]");
            }
            if line.contains("unsafe ")
                && !line.trim_start().starts_with("//")
                && !source.name.starts_with("src/runtime/")
                && !source.name.starts_with("src/binding/")
                // Between fork and exec there is nothing but `unsafe`; see the header of spawn.rs.
                && !source.name.starts_with("src/providers/process/")
            {
                find("is unsafe outside runtime/, binding/ and providers/process/");
            }
        }
    }
    none(findings, "clocks, channels, exceptions");
}

#[test]
fn no_machines_paths_in_the_tree() {
    let mut findings = Vec::new();
    for folder in
        ["src", "js", "tests", "__test__", "examples", "docs", "scripts", "bench", "benches", "types"]
    {
        for ending in [".rs", ".ts", ".js", ".mjs", ".md", ".json"] {
            for source in sources(folder, ending) {
                for path in [
                    concat!("/ho", "me/"),
                    concat!("/Us", "ers/"),
                    concat!("/ro", "ot/"),
                    concat!("/wo", "rk/"),
                ] {
                    if source.text.contains(path) {
                        findings.push(format!("{} names {path}", source.name));
                    }
                }
            }
        }
    }
    none(findings, "no path of a machine");
}
