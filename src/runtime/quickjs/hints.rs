//! What to use instead of what a workflow script does not have.

use crate::model::error::ErrorData;

/// Globals that people expect from Node.js or a browser, with the way out.
const ABSENT: &[(&[&str], &str)] = &[
    (
        &["require", "module", "exports", "__dirname", "__filename"],
        "workflow scripts have no Node.js modules: pass data in through args, or let an agent do it",
    ),
    (
        &["process", "Bun", "Deno"],
        "workflow scripts do not see the process: pass what they need in through args; return a value to end, throw to fail",
    ),
    (
        &["fetch", "XMLHttpRequest", "WebSocket", "EventSource"],
        "workflow scripts have no network: let an agent fetch it, or pass the data in through args",
    ),
    (&["eval"], "code cannot be made from strings in a workflow script"),
    (
        &["performance", "WeakRef", "FinalizationRegistry", "Temporal"],
        "workflow scripts have no clock and see no garbage collection: both would break resume; pass timestamps in args",
    ),
    (&["crypto"], "workflow scripts have no randomness: it would break resume; pass a seed or ids in args"),
    (&["Buffer"], "use Uint8Array, TextEncoder, TextDecoder, atob and btoa"),
    (&["setImmediate"], "use setTimeout(callback, 0) or queueMicrotask"),
    (
        &["window", "document", "navigator", "localStorage", "alert", "prompt"],
        "workflow scripts do not run in a browser",
    ),
];

/// A hint for an error that left the script, where there is one.
pub(super) fn hint(error: &ErrorData) -> Option<String> {
    let name = (error.name == "ReferenceError").then(|| error.message.strip_suffix(" is not defined"))??;
    let (_, hint) = ABSENT.iter().find(|(names, _)| names.contains(&name))?;
    Some((*hint).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_globals_have_a_way_out() {
        let error = |name: &str, message: &str| hint(&ErrorData::new(name, message));
        assert!(
            error("ReferenceError", "fetch is not defined").is_some_and(|hint| hint.contains("no network"))
        );
        assert_eq!(error("ReferenceError", "mine is not defined"), None);
        assert_eq!(error("TypeError", "fetch is not defined"), None);
    }
}
