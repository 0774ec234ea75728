//! The names that a script finds without declaring them, and what to use instead of those that it does not find.
//!
//! One list for the sandbox, whose tests hold it against the real global object, and for the check of sources.

/// What the engine itself gives to scripts.
pub const HOOKS: [&str; 9] =
    ["agent", "parallel", "pipeline", "workflow", "phase", "log", "args", "budget", "SW"];

/// What begins the names of the modules that the sandbox itself provides.
pub const VIRTUAL: &str = "workflow:";

/// Those modules, with what each exports. `extra` is also a property of the context and of `SW`.
pub const MODULES: &[(&str, &[&str])] = &[("workflow:extra", EXTRA)];

/// The functions of `workflow:extra`.
pub const EXTRA: &[&str] = &["sleep"];

/// What else is there: the language, and the parts of other platforms that the sandbox has.
pub const STANDARD: &[&str] = &[
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "AsyncDisposableStack",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Boolean",
    "DOMException",
    "DataView",
    "Date",
    "DisposableStack",
    "Error",
    "EvalError",
    "Float16Array",
    "Float32Array",
    "Float64Array",
    "Function",
    "Infinity",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "InternalError",
    "Intl",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "Proxy",
    "RangeError",
    "ReferenceError",
    "Reflect",
    "RegExp",
    "Set",
    "String",
    "SuppressedError",
    "Symbol",
    "SyntaxError",
    "TextDecoder",
    "TextEncoder",
    "TypeError",
    "URIError",
    "URL",
    "URLSearchParams",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "WeakMap",
    "WeakSet",
    "atob",
    "btoa",
    "clearInterval",
    "clearTimeout",
    "console",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "escape",
    "globalThis",
    "isFinite",
    "isNaN",
    "parseFloat",
    "parseInt",
    "queueMicrotask",
    "setInterval",
    "setTimeout",
    "structuredClone",
    "undefined",
    "unescape",
];

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
    (&["global", "self"], "use globalThis"),
    (&["AbortController", "AbortSignal"], "use the option timeoutMs of agent() or parallel()"),
    (&["Atomics", "SharedArrayBuffer", "Worker"], "workflow scripts have no threads: use parallel()"),
    (&["WebAssembly"], "workflow scripts run JavaScript only: let an agent do it"),
];

/// What to use instead of a global that scripts do not have, where people expect it.
pub fn instead_of(name: &str) -> Option<&'static str> {
    ABSENT.iter().find(|(names, _)| names.contains(&name)).map(|(_, hint)| *hint)
}
