//! What `check` says about scripts as people write them: every scenario, every example. A finding about a script that
//! runs as it should has to be one that its author is glad to hear of.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_workflow_engine::engine::check::{CheckOptions, Checked, check};
use smol_workflow_engine::model::limits::Limits;
use smol_workflow_engine::model::options::SourceRef;
use smol_workflow_engine::model::script::Imports;

use crate::support::{Recorder, debug, host, start};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scripts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Helpers are no workflows.
        if path.is_dir() && !path.ends_with("lib") {
            scripts(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "js" || ending == "ts") {
            found.push(path);
        }
    }
}

fn check_file(path: &Path, project: &Path) -> Checked {
    let options = fs::read_to_string(project.join("options.json")).unwrap_or_default();
    let imports = if options.contains("relative") { Imports::Relative } else { Imports::None };
    check(&CheckOptions {
        source: SourceRef::Path(path.to_owned()),
        cwd: Some(project.to_owned()),
        home: None,
        limits: Limits::default(),
        imports,
    })
}

/// One line per finding: what, where, and what to do.
fn listed(checked: &Checked, name: &str, list: &mut String) {
    for finding in &checked.findings {
        let at = finding.at;
        let message = finding.message.replace(root().to_str().unwrap(), "");
        list.push_str(&format!("{name}:{}:{} {} {message}", at.line, at.column, finding.code));
        if let Some(hint) = &finding.hint {
            list.push_str(&format!(" | {hint}"));
        }
        list.push('\n');
    }
}

#[test]
fn findings_in_scenarios_and_examples() {
    let mut list = String::new();
    for (folder, per_folder) in [("tests/it/scenarios", true), ("examples", false)] {
        let folder = root().join(folder);
        let mut found = Vec::new();
        scripts(&folder, &mut found);
        found.sort();
        assert!(!found.is_empty());
        for path in found {
            let name = path.strip_prefix(&folder).unwrap();
            let project = match name.components().next() {
                Some(first) if per_folder => folder.join(first),
                _ => folder.clone(),
            };
            let name = name.to_string_lossy().replace('\\', "/");
            listed(&check_file(&path, &project), &name, &mut list);
        }
    }
    insta::assert_snapshot!(list);
}

/// A folder with files, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("check-{name}-{}", std::process::id()));
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// `CODE line:column message | hint`, one per finding of a script in a project.
fn found(files: &[(&str, &str)], name: &str) -> Vec<String> {
    let folder = Folder::with(name, files);
    let checked = check(&CheckOptions {
        source: SourceRef::Path(folder.0.join("p/flow.js")),
        cwd: Some(folder.0.join("p")),
        home: Some(folder.0.join("h")),
        limits: Limits::default(),
        imports: Imports::None,
    });
    let findings = checked.findings.into_iter().map(|it| {
        let message = it.message.replace(folder.0.to_str().unwrap(), "");
        let hint = it.hint.map(|hint| format!(" | {hint}")).unwrap_or_default();
        format!("{} {}:{} {message}{hint}", it.code, it.at.line, it.at.column)
    });
    findings.collect()
}

const META: &str = "export const meta = { name: 'flow', description: 'd' }\n";

#[test]
fn schemas_that_do_not_compile_are_found_at_the_keyword() {
    for (schema, expected) in [
        (
            "{ type: 'strin' }",
            vec![
                "24 schema is invalid: data/type must be equal to one of the allowed values, data/type must be array, data/type must match a schema in anyOf",
            ],
        ),
        (
            "{ properties: { a: { minimum: '1' } } }",
            vec!["46 schema is invalid: data/properties/a/minimum must be number"],
        ),
        (
            "{ items: { $ref: '#/$defs/nowhere' } }",
            vec!["33 can't resolve reference #/$defs/nowhere from id #"],
        ),
        (
            "{ properties: { a: { pattern: '(' } } }",
            vec!["46 Invalid regular expression: /(/u: Unterminated group"],
        ),
        ("{ $schema: 'urn:x' }", vec!["27 no schema with key or ref \"urn:x\""]),
        ("{ enum: [] }", vec!["24 schema is invalid: data/enum must NOT have fewer than 1 items"]),
        ("'text'", vec!["16 schema must be object or boolean"]),
        ("null", vec!["16 Cannot read properties of null (reading '$id')"]),
        ("{ id: 'x' }", vec!["22 NOT SUPPORTED: keyword \"id\", use \"$id\" for schema ID"]),
        ("{ type: 'object', properties: { a: { type: ['string', 'null'] } }, required: ['a'] }", vec![]),
        ("true", vec![]),
    ] {
        let script = format!("{META}const schema = {schema}\nreturn agent('x', {{ schema }})");
        let expected: Vec<String> = expected
            .iter()
            .map(|it| {
                it.split_once(' ').map(|(at, text)| format!("ERR_INVALID_SCHEMA 2:{at} {text}")).unwrap()
            })
            .collect();
        let actual = found(&[("p/flow.js", &script)], "schemas");
        assert_eq!(actual, expected, "{schema}");
    }
}

#[test]
fn names_are_looked_up_where_a_run_would_look() {
    let child = "export const meta = { name: 'child', description: 'd' }\nreturn 1";
    let files = |script: &'static str| {
        vec![
            ("p/flow.js", script),
            ("p/.claude/workflows/a.js", child),
            ("p/lib/child.js", child),
            ("p/lib/broken.js", "export const meta = { name: 'broken', description: 'd' }\nreturn ("),
            ("h/.smol/workflows/b.js", "export const meta = { name: 'at home', description: 'd' }\nreturn 1"),
            ("p/.claude/agents/reviewer.md", "---\nname: code-reviewer\n---\nYou review."),
            ("h/.agents/agents/migrator.md", "---\ndescription: x\n---\nYou migrate."),
        ]
    };
    let body = |rest: &str| -> &'static str { format!("{META}{rest}").leak() };
    for (rest, expected) in [
        (
            "return [await workflow('child'), await workflow('at home'), await workflow({ scriptPath: 'lib/child.js' })]",
            vec![],
        ),
        ("return workflow('chld')", vec!["ERR_UNKNOWN_WORKFLOW 2:17 Unknown workflow: chld"]),
        (
            "return workflow({ scriptPath: './missing.js' })",
            vec!["ERR_CHILD_WORKFLOW 2:31 the workflow ./missing.js does not load: "],
        ),
        (
            "return workflow({ scriptPath: './lib/broken.js' })",
            vec!["ERR_CHILD_WORKFLOW 2:31 the workflow ./lib/broken.js does not load: SyntaxError: "],
        ),
        ("return agent('x', { agentType: 'code-reviewer' })", vec![]),
        ("return agent('x', { agentType: 'migrator' })", vec![]),
        ("return agent('x', { agentType: 'Explore' })", vec![]),
        ("return agent('x', { agentType: 'kit:anything' })", vec![]),
        (
            "return agent('x', { agentType: 'code-reviwer' })",
            vec![
                "WARN_UNKNOWN_AGENT_TYPE 2:32 no file in .claude/agents or .agents/agents defines the agent type 'code-reviwer' | did you mean 'code-reviewer'?",
            ],
        ),
        (
            "return agent('x', { agentType: 'tester' })",
            vec![
                "WARN_UNKNOWN_AGENT_TYPE 2:32 no file in .claude/agents or .agents/agents defines the agent type 'tester' | defined are code-reviewer, migrator",
            ],
        ),
        ("return agent('x', { provider: 'debug' })", vec![]),
        (
            "return agent('x', { provider: 'debg' })",
            vec!["WARN_UNKNOWN_PROVIDER 2:31 Unknown agent provider: debg | did you mean 'debug'?"],
        ),
    ] {
        let actual = found(&files(body(rest)), "names");
        assert_eq!(actual.len(), expected.len(), "{rest}: {actual:?}");
        for (actual, expected) in actual.iter().zip(expected) {
            assert!(actual.starts_with(expected), "{rest}: {actual}");
        }
    }
    // Where nothing is defined, nobody knows what there may be.
    let alone = [("p/flow.js", body("return agent('x', { agentType: 'tester' })"))];
    assert_eq!(found(&alone, "alone"), Vec::<String>::new());
}

#[test]
fn sources_as_text_are_relative_to_the_project() {
    let folder = Folder::with(
        "text",
        &[("child.js", "export const meta = { name: 'c', description: 'd' }\nreturn 1")],
    );
    let check_text = |text: &str| {
        let source = SourceRef::Text { name: "flow.js".to_owned(), source: text.to_owned() };
        check(&CheckOptions {
            source,
            cwd: Some(folder.0.clone()),
            home: None,
            limits: Limits::default(),
            imports: Imports::None,
        })
    };
    let checked = check_text(&format!("{META}return workflow({{ scriptPath: 'child.js' }})"));
    assert!(checked.ok && checked.findings.is_empty(), "{checked:?}");
    assert_eq!(checked.metadata.unwrap().name, "flow");
    let checked = check_text(&format!("{META}agent('x'); return 1"));
    assert!(checked.ok && checked.findings.len() == 1, "warnings are no errors: {checked:?}");
    let checked = check_text("return 1");
    assert!(!checked.ok && checked.metadata.is_none(), "{checked:?}");
}

/// What a check calls an error is one: a run that gets there fails, and says the same.
#[test]
fn helpers_are_checked_where_they_may_be_imported() {
    let folder = Folder::with(
        "check-helpers",
        &[
            ("flow.js", &format!("import {{ a }} from './lib/a.ts'\n{META}export default a")),
            ("wrong.js", &format!("import {{ b }} from './lib/a.ts'\n{META}export default b")),
            ("gone.js", &format!("{META}export default import('./nowhere.js')")),
            ("broken.js", &format!("import './lib/broken.js'\n{META}agent('x')\nexport default 1")),
            ("lib/a.ts", "export const a: number = 1"),
            ("lib/broken.js", "\nexport const = 1"),
        ],
    );
    let found = |name: &str, imports| {
        let checked = check(&CheckOptions {
            source: SourceRef::Path(folder.0.join(name)),
            cwd: None,
            home: None,
            limits: Limits::default(),
            imports,
        });
        let place = |file: &str| file.strip_prefix(folder.0.to_str().unwrap()).unwrap().to_owned();
        let findings = checked.findings.iter();
        findings
            .map(|it| format!("{}:{}:{} {}", place(&it.file), it.at.line, it.at.column, it.code))
            .collect::<Vec<_>>()
    };
    assert_eq!(found("flow.js", Imports::None), ["/flow.js:1:1 ERR_SCRIPT_UNSUPPORTED"]);
    assert_eq!(found("flow.js", Imports::Relative), [""; 0]);
    assert_eq!(found("wrong.js", Imports::Relative), ["/wrong.js:1:10 ERR_SCRIPT_IMPORT"]);
    assert_eq!(found("gone.js", Imports::Relative), ["/gone.js:2:16 ERR_SCRIPT_IMPORT"]);
    assert_eq!(
        found("broken.js", Imports::Relative),
        ["/lib/broken.js:2:14 ERR_SCRIPT_SYNTAX", "/broken.js:3:1 WARN_NOT_AWAITED"]
    );
}

#[test]
fn errors_are_what_a_run_fails_with() {
    for rest in [
        "return fetch('x')",
        "count = 1; return count",
        "return Date.now()",
        "return new Date()",
        "return Date()",
        "return Math.random()",
        "return new Function('return 1')()",
        "return Function('return 1')()",
        "const workflow = await workflow('x'); return workflow",
        "const n = n + 1; return n",
        "export default run; const run = () => 1",
        "const phase = 'Review'; phase('x'); return 1",
        "const log = await agent('x'); log('x'); return 1",
        "return parallel([agent('a')])",
        "return parallel([1, 2].map((i) => agent(`${i}`)))",
        "return parallel(agent('a'))",
        "return parallel(() => agent('a'))",
        "return parallel({})",
        "return parallel()",
        "return pipeline()",
        "return pipeline([1], agent('x'))",
        "return parallel([], { concurency: 1 })",
        "return parallel([], { concurrency: 0 })",
        "return parallel([], { settle: 'yes' })",
        "return agent('x', { isolation: 'sandbx' })",
        "return agent('x', { timeoutMs: -1 })",
        "return agent('x', { retry: { maxAttempts: 0 } })",
        "return agent('x', 'label')",
        "return agent('x', ['label'])",
        "return agent('x', () => 1)",
        "return parallel([], () => 1)",
        "return agent('x', { schema: { type: 'strin' } })",
        "return agent('x', { schema: { $ref: '#/nowhere' } })",
        "return workflow('no such workflow')",
        "return workflow({ scriptPath: './no/such/file.js' })",
        "return workflow({ path: 'x.js' })",
        "return workflow()",
        "const a = 1; const a = 2; return a",
        "return require('fs')",
        "import fs from 'node:fs'; return fs",
        "return await import('node:fs')",
        "const x = ; return x",
    ] {
        let text = format!("{META}{rest}");
        let source = SourceRef::Text { name: "flow.js".to_owned(), source: text.clone() };
        let checked = check(&CheckOptions {
            source,
            cwd: None,
            home: None,
            limits: Limits::default(),
            imports: Imports::None,
        });
        let error = checked.findings.iter().find(|it| it.is_error());
        let error = error.unwrap_or_else(|| panic!("{rest}: {:?}", checked.findings));
        let end = start(crate::support::source(&text), host(debug(), Arc::new(Recorder::default()))).wait();
        let Err(failure) = end.result else {
            panic!("{rest}: found {error:?}, but it ends with {:?}", end.result)
        };
        // A check says where; a run may say it within a longer text, and in the words of the interpreter.
        let own_words = [
            "ERR_CHILD_WORKFLOW",
            "ERR_CODE_FROM_TEXT",
            "ERR_MISSING_ARGUMENT",
            "ERR_NOT_A_FUNCTION",
            "ERR_SHADOWED_GLOBAL",
            "ERR_USED_BEFORE_DECLARED",
        ];
        if !own_words.contains(&error.code) {
            let said = failure.to_string();
            assert!(said.contains(error.message.as_str()), "{rest}: {:?} is not in {said:?}", error.message);
        }
    }
}
