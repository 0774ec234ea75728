//! Programs that pretend to be agent CLIs, on a `PATH` and in a home folder of their own.

use std::fs;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::*;

/// A home folder, a project and a folder for programs.
struct Place {
    root: PathBuf,
    around: Surroundings,
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.root).unwrap();
    }
}

impl Place {
    /// `files` are paths in it and their texts; those in `bin` can be executed.
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("smol-wf-doctor-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        for folder in ["bin", "user", "project"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let search = format!("{}:{}", root.join("bin").display(), std::env::var("PATH").unwrap());
        let variables = BTreeMap::from([("PATH".to_owned(), search.clone())]);
        let around = Surroundings {
            variables,
            home: Some(root.join("user")),
            cwd: root.join("project"),
            timeout: Duration::from_secs(60),
        };
        let place = Self { root, around };
        files.iter().for_each(|(file, text)| place.write(file, text));
        place
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if !file.starts_with("bin/") {
            fs::write(path, text).unwrap();
            return;
        }
        // Not by this process: one that is being forked off another thread would hold the file open for writing, and
        // nothing that is open so can be started.
        let script = "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\"; chmod +x \"$1\"";
        let status = process::Command::new("sh").args(["-c", script, "sh"]).arg(&path).arg(text).status();
        assert!(status.unwrap().success());
    }

    fn variable(&mut self, name: &str, value: impl Into<String>) {
        self.around.variables.insert(name.to_owned(), value.into());
    }

    fn report(&self, settings: Value) -> Report {
        let settings: BTreeMap<String, ProviderSettings> = serde_json::from_value(settings).unwrap();
        runtime().block_on(examine(&self.around, &settings))
    }

    fn cli(&self, name: &str, settings: Value) -> CliReport {
        let report = self.report(json!({ name: settings }));
        report.providers.into_iter().find(|cli| cli.name == name).unwrap()
    }

    /// A text with the place's own folder as `@`.
    fn short(&self, text: &str) -> String {
        text.replace(&self.root.display().to_string(), "@")
    }

    fn problems(&self, cli: &CliReport) -> Vec<String> {
        cli.tool.problems.iter().map(|problem| self.short(&problem.message)).collect()
    }
}

/// Of the whole test program: what takes its time to end is not forgotten with the runtime of one test.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
    &RUNTIME
}

/// Logged in everywhere, so that problems are those of the program.
fn logged_in(files: &[(&str, &str)]) -> Place {
    let mut place = Place::new(files);
    for name in ["ANTHROPIC_API_KEY", "CODEX_API_KEY"] {
        place.variable(name, "secret-value");
    }
    place
}

#[test]
fn versions_are_read_and_compared() {
    let place = logged_in(&[]);
    for (name, program, said, version, standing) in [
        ("claude-code", "claude", "2.1.329 (Claude Code)", Some("2.1.329"), Standing::Measured),
        ("claude-code", "claude", "2.1.330 (Claude Code)", Some("2.1.330"), Standing::Newer),
        ("claude-code", "claude", "1.0.999 (Claude Code)", Some("1.0.999"), Standing::Older),
        ("claude-code", "claude", "2.1.329", None, Standing::Unknown),
        ("codex", "codex", "codex-cli 0.169.0", Some("0.169.0"), Standing::Measured),
        ("codex", "codex", "codex-cli 0.170.0-alpha.3", Some("0.170.0-alpha.3"), Standing::Newer),
        ("codex", "codex", "0.169.0", None, Standing::Unknown),
        ("opencode", "opencode", "1.18.33", Some("1.18.33"), Standing::Measured),
        ("opencode", "opencode", "a notice\\n\\n\\033[1mv1.2.3\\033[0m", Some("1.2.3"), Standing::Older),
        ("pi", "pi", "0.73.1", Some("0.73.1"), Standing::Measured),
        ("pi", "pi", "0.80.0", Some("0.80.0"), Standing::Between),
        ("pi", "pi", "0.87.2", Some("0.87.2"), Standing::Newer),
        ("pi", "pi", "3.14159", None, Standing::Unknown),
    ] {
        for to in ["", " >&2"] {
            place.write(
                &format!("bin/{program}"),
                &format!("test \"$*\" = --version && printf '{said}\\n'{to}"),
            );
            let cli = place.cli(name, json!({}));
            assert_eq!((cli.tool.version.as_deref(), cli.standing), (version, standing), "{said}");
            let severities: Vec<_> = cli.tool.problems.iter().map(|problem| problem.severity).collect();
            let warned = matches!(standing, Standing::Older | Standing::Unknown);
            assert_eq!(severities, vec![Severity::Warning; warned.into()], "{said}");
            assert!(cli.usable, "{said}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_program_is_said() {
    let mut place = logged_in(&[]);
    // Only what is in our folder, and the shell.
    let bin = place.root.join("bin").display().to_string();
    place.around.timeout = Duration::from_millis(300);
    place.write("bin/codex", "exec sleep 1000");
    let cli = place.cli("codex", json!({}));
    assert_eq!(place.problems(&cli), ["`codex --version` did not end within 300 ms"]);
    assert!(!cli.usable);
    place.around.timeout = Duration::from_secs(60);
    let secret = json!({ "env": { "CODEX_API_KEY": "secret-value" } });
    for (script, problem) in [
        (
            "echo no >&2; echo no runtime: $CODEX_API_KEY >&2; exit 3",
            "`codex --version` ended with code 3: no runtime: ***",
        ),
        ("kill -9 $$", "`codex --version` ended with signal SIGKILL"),
        ("exec yes", "`codex --version` says far more than a version"),
    ] {
        place.write("bin/codex", script);
        let cli = place.cli("codex", secret.clone());
        assert_eq!(place.problems(&cli), [problem]);
        assert_eq!((cli.usable, cli.tool.version, cli.standing), (false, None, Standing::Unknown));
    }
    for (script, said) in [
        ("", "nothing"),
        ("printf 'usage: \\001\\377 [-x]\\n'", "\"usage: \u{fffd}\u{fffd} [-x]\""),
        ("echo key $CODEX_API_KEY", "\"key ***\""),
    ] {
        place.write("bin/codex", script);
        let cli = place.cli("codex", secret.clone());
        let problem = format!("it does not tell its version the way codex does: it said {said}");
        assert_eq!((place.problems(&cli), cli.usable), (vec![problem], true));
    }
    place.variable("PATH", bin);
    place.write("user/other/codex", "");
    fs::remove_file(place.root.join("bin/codex")).unwrap();
    for (settings, problem) in [
        (json!({}), "codex is not on the PATH"),
        (json!({ "command": "./codex" }), "there is no file ./codex"),
        (json!({ "command": "../user/other/codex" }), "@/project/../user/other/codex is not executable"),
        (json!({ "cwd": "nowhere" }), "its working folder does not exist: @/project/nowhere"),
        (json!({ "env": { "PATH": "@none" } }), "codex is not on the PATH"),
    ] {
        let cli = place.cli("codex", settings);
        assert_eq!(place.problems(&cli), [problem]);
        assert!(!cli.usable);
        let mend = cli.tool.problems[0].mend.as_deref().unwrap();
        assert!(
            mend.contains("npm install -g @openai/codex@0.169.0") || mend.contains("providers.codex.cwd"),
            "{mend}"
        );
    }
}

#[test]
fn programs_are_found_where_they_would_be_started() {
    let place = logged_in(&[
        ("bin/codex", "echo codex-cli 0.169.0"),
        ("user/first/codex", "not executable"),
        ("project/x.sh", "test \"$*\" = --version && echo codex-cli 0.169.0"),
    ]);
    let path = |cli: &CliReport| place.short(cli.tool.path.as_deref().unwrap());
    let search = format!("{}:{}", place.root.join("user/first").display(), place.around.variables["PATH"]);
    for (settings, found) in [
        (json!({}), "@/bin/codex"),
        (json!({ "env": { "PATH": search } }), "@/bin/codex"),
        (json!({ "command": "../bin/codex" }), "@/project/../bin/codex"),
        (json!({ "command": place.root.join("bin/codex") }), "@/bin/codex"),
        (json!({ "command": "../bin/codex", "cwd": "../user" }), "@/project/../user/../bin/codex"),
        (json!({ "args": ["--flag"], "subcommand": ["exec"] }), "@/bin/codex"),
    ] {
        let cli = place.cli("codex", settings.clone());
        assert_eq!((path(&cli).as_str(), cli.standing), (found, Standing::Measured), "{settings}");
    }
    // A program that runs another one.
    let cli = place.cli("codex", json!({ "command": "sh", "subcommand": ["x.sh", "exec"] }));
    assert_eq!((cli.standing, cli.usable), (Standing::Measured, true));
    place.write("project/p.sh", "test \"$*\" = --version && echo 0.87.1");
    let cli = place.cli("pi", json!({ "command": "sh", "args": ["p.sh", "--thinking", "low"] }));
    assert_eq!((cli.standing, cli.usable), (Standing::Measured, true));
}

#[test]
fn git_is_asked_too() {
    let mut place = Place::new(&[("bin/git", "echo git version 2.39.5 '(Apple Git-154)'")]);
    let bin = place.root.join("bin").display().to_string();
    place.variable("PATH", bin.clone());
    let git = place.report(json!({})).git;
    assert_eq!(git.path, Some(format!("{bin}/git")));
    assert_eq!((git.version.as_deref(), git.problems), (Some("2.39.5 (Apple Git-154)"), vec![]));
    fs::remove_file(place.root.join("bin/git")).unwrap();
    let git = place.report(json!({})).git;
    assert_eq!(git.path, None);
    assert_eq!(
        (git.problems[0].severity, git.problems[0].message.as_str()),
        (Severity::Warning, "git is not on the PATH")
    );
}

/// What is known of the login of one CLI with these files and variables.
fn login(
    name: &str,
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
    settings: Value,
) -> (LoginState, Vec<String>) {
    let mut place = Place::new(files);
    for (name, value) in variables {
        place.variable(name, value.replace('@', &place.root.display().to_string()));
    }
    let settings: ProviderSettings = serde_json::from_value(settings).unwrap();
    let cli = CLIS.iter().find(|cli| cli.name == name).unwrap();
    let login = (cli.login)(&place.around.with(&settings.env));
    (login.state, login.evidence.iter().map(|text| place.short(text)).collect())
}

#[test]
fn logins_are_seen_by_what_the_programs_keep() {
    use LoginState::{No, Unknown, Yes};
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], LoginState, &'a [&'a str]);
    let claude = "user/.claude/.credentials.json";
    let nobody = if cfg!(target_os = "macos") { Unknown } else { No };
    let cases: &[Case<'_>] = &[
        (
            "claude-code",
            &[(claude, r#"{"claudeAiOauth":{"accessToken":"t"}}"#)],
            &[],
            Yes,
            &["@/user/.claude/.credentials.json"],
        ),
        ("claude-code", &[], &[("ANTHROPIC_API_KEY", "k")], Yes, &["$ANTHROPIC_API_KEY"]),
        (
            "claude-code",
            &[("other/.credentials.json", r#"{"claudeAiOauth":{"a":"t"}}"#)],
            &[("CLAUDE_CONFIG_DIR", "@/other")],
            Yes,
            &["@/other/.credentials.json"],
        ),
        (
            "claude-code",
            &[("user/.claude/settings.json", r#"{"apiKeyHelper":"x"}"#)],
            &[],
            Yes,
            &["@/user/.claude/settings.json"],
        ),
        (
            "claude-code",
            &[("user/.claude/settings.json", r#"{"env":{"ANTHROPIC_API_KEY":"x"}}"#)],
            &[],
            Yes,
            &["@/user/.claude/settings.json"],
        ),
        (
            "codex",
            &[("user/.codex/auth.json", r#"{"OPENAI_API_KEY":null,"tokens":{"a":"t"},"last_refresh":"x"}"#)],
            &[],
            Yes,
            &["@/user/.codex/auth.json"],
        ),
        (
            "codex",
            &[(
                "user/.codex/auth.json",
                r#"{"OPENAI_API_KEY":null,"auth_mode":"apikey","last_refresh":"x"}"#,
            )],
            &[],
            No,
            &[],
        ),
        (
            "codex",
            &[("user/.codex/auth.json", "{broken")],
            &[],
            Unknown,
            &["@/user/.codex/auth.json is no JSON object"],
        ),
        ("codex", &[], &[("CODEX_API_KEY", "k")], Yes, &["$CODEX_API_KEY"]),
        // Measured: it does not look at this one.
        ("codex", &[], &[("OPENAI_API_KEY", "k")], No, &[]),
        (
            "codex",
            &[("user/.codex/config.toml", "model = 'x'\nmodel_provider = \"mine\"\n")],
            &[],
            Unknown,
            &["@/user/.codex/config.toml sets model_provider"],
        ),
        (
            "codex",
            &[("user/.codex/config.toml", "model_providers = 1\n[profiles.x]\nmodel_provider = \"mine\"\n")],
            &[],
            No,
            &[],
        ),
        (
            "codex",
            &[
                ("c/auth.json", r#"{"OPENAI_API_KEY":"k"}"#),
                ("c/config.toml", "cli_auth_credentials_store=\"keyring\""),
            ],
            &[("CODEX_HOME", "@/c")],
            Yes,
            &["@/c/auth.json", "@/c/config.toml sets cli_auth_credentials_store"],
        ),
        (
            "opencode",
            &[("user/.local/share/opencode/auth.json", r#"{"anthropic":{"type":"api"}}"#)],
            &[],
            Yes,
            &["@/user/.local/share/opencode/auth.json"],
        ),
        (
            "opencode",
            &[("d/opencode/auth.json", r#"{"a":{}}"#)],
            &[("XDG_DATA_HOME", "@/d")],
            Yes,
            &["@/d/opencode/auth.json"],
        ),
        ("opencode", &[], &[("OPENROUTER_API_KEY", "k")], Yes, &["$OPENROUTER_API_KEY"]),
        (
            "opencode",
            &[("user/.config/opencode/opencode.json", "{}")],
            &[],
            Unknown,
            &["@/user/.config/opencode/opencode.json may have a provider of its own"],
        ),
        ("opencode", &[], &[], Unknown, &[]),
        (
            "pi",
            &[("user/.pi/agent/auth.json", r#"{"anthropic":{}}"#)],
            &[],
            Yes,
            &["@/user/.pi/agent/auth.json"],
        ),
        ("pi", &[("user/.pi/agent/auth.json", "{}")], &[], No, &[]),
        (
            "pi",
            &[("p/models.json", "{}")],
            &[("PI_CODING_AGENT_DIR", "@/p")],
            Unknown,
            &["@/p/models.json may have a provider of its own"],
        ),
        ("pi", &[], &[("GEMINI_API_KEY", "k")], Yes, &["$GEMINI_API_KEY"]),
        ("pi", &[], &[("GEMINI_API_KEY", "")], No, &[]),
    ];
    for (name, files, variables, state, evidence) in cases {
        assert_eq!(
            login(name, files, variables, json!({})),
            (*state, evidence.iter().map(|text| (*text).to_owned()).collect()),
            "{name} {files:?} {variables:?}"
        );
    }
    for (files, state) in [(&[][..], nobody), (&[(claude, r#"{"mcpOAuth":{"a":1}}"#)][..], nobody)] {
        assert_eq!(login("claude-code", files, &[], json!({})).0, state);
    }
    // The settings of the provider count as the environment does.
    let settings = json!({ "env": { "CODEX_API_KEY": "k" } });
    assert_eq!(login("codex", &[], &[], settings).0, Yes);
    let settings = json!({ "env": { "CODEX_API_KEY": "" } });
    assert_eq!(login("codex", &[], &[("CODEX_API_KEY", "k")], settings).0, No);
}

#[test]
fn nobody_logged_in_is_a_problem_and_no_secret_is_told() {
    let place = Place::new(&[("bin/codex", "echo codex-cli 0.169.0")]);
    let cli = place.cli("codex", json!({}));
    assert_eq!(
        (place.problems(&cli), cli.usable),
        (vec!["codex does not seem to be logged in".to_owned()], false)
    );
    assert_eq!(cli.tool.problems[0].mend.as_deref(), Some("codex login, or set CODEX_API_KEY"));

    let cli = place.cli("codex", json!({ "env": { "CODEX_HOME": "nowhere", "CODEX_API_KEY": "k" } }));
    let problem = "CODEX_HOME is @/project/nowhere, which is no folder; codex does not start then".to_owned();
    assert_eq!((place.problems(&cli), cli.usable), (vec![problem], false));

    place.write("bin/codex", "env; cat \"$HOME/.codex/auth.json\"; exit 1");
    place.write("user/.codex/auth.json", r#"{"OPENAI_API_KEY":"sk-in-a-file"}"#);
    place.write("bin/opencode", "echo \"broken $ANTHROPIC_API_KEY\" >&2; exit 1");
    let env = json!({ "HOME": place.root.join("user"), "CODEX_API_KEY": "sk-in-a-variable", "ANTHROPIC_API_KEY": "sk-too" });
    let report = place.report(json!({ "codex": { "env": env }, "opencode": { "env": env } }));
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains("broken ***") && !text.contains("sk-"), "{text}");
}
