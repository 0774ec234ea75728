//! For the tests of the readers: recorded outputs, and what became of one in a form to be read.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::providers::answer::{Answer, Exit, Failure, Progress, Record};
use crate::providers::text::shorten;

/// A file of `tests/samples`; empty if there is none, as the runs wrote nothing there.
pub fn sample(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "samples", name].iter().collect();
    std::fs::read(path).unwrap_or_default()
}

/// The two streams of a recorded run.
///
/// # Panics
/// If nothing was recorded under this name, unless `silent` says that there was nothing to record.
pub fn streams(cli: &str, case: &str, silent: bool) -> (Vec<u8>, String) {
    let stdout = sample(&format!("{cli}/{case}.stdout"));
    let stderr = sample(&format!("{cli}/{case}.stderr"));
    assert!(silent == (stdout.is_empty() && stderr.is_empty()), "{cli}/{case}");
    (stdout, String::from_utf8(stderr).unwrap())
}

/// A run's end as it was recorded: negative for a signal.
pub fn exit(code: i32) -> Exit {
    match code {
        -15 => Exit::Signal("SIGTERM".to_owned()),
        -9 => Exit::Signal("SIGKILL".to_owned()),
        code => Exit::Code(code),
    }
}

/// What was told on the way and what came of it, for snapshots.
pub fn summary(case: &str, told: &[Progress], result: &Result<Answer, Failure>) -> String {
    let mut text = format!("# {case}\n");
    for progress in told {
        let line = match progress {
            Progress::Usage(usage) => format!("Usage({usage})"),
            other => format!("{other:?}"),
        };
        writeln!(text, "  · {}", shorten(&line, 180)).unwrap();
    }
    let record = match result {
        Ok(answer) => {
            let output = answer.output.as_ref().map_or_else(|| "undefined".to_owned(), ToString::to_string);
            writeln!(text, "  answer {output}").unwrap();
            &answer.record
        }
        Err(failure) => {
            writeln!(text, "  {:?}: {} {:?}", failure.kind, failure.name, failure.message).unwrap();
            &failure.record
        }
    };
    for (name, value) in [("usage", &record.usage), ("session total", &record.session_total)] {
        if let Some(value) = value {
            writeln!(text, "  {name} {value}").unwrap();
        }
    }
    if let Some(id) = &record.session_id {
        writeln!(text, "  session {id}").unwrap();
    }
    for denial in &record.denials {
        writeln!(text, "  denied {denial:?}").unwrap();
    }
    let keys = record.raw.as_object().map(|raw| raw.keys().cloned().collect::<Vec<_>>().join(", "));
    writeln!(text, "  raw {{ {} }}", keys.unwrap_or_default()).unwrap();
    text
}

/// Nothing but `raw` depends on whether somebody asks for it.
pub fn assert_same_without_raw(result: &Result<Answer, Failure>, without: Result<Answer, Failure>) {
    let forget = |result: Result<Answer, Failure>| match result {
        Ok(Answer { output, record }) => Ok(Answer { output, record: Record { raw: Value::Null, ..record } }),
        Err(failure) => {
            let record = Box::new(Record { raw: Value::Null, ..*failure.record });
            Err(Failure { record, ..failure })
        }
    };
    assert_eq!(forget(without), forget(result.clone()));
}
