//! What one sandbox may use. Every limit ends the run with its own error, never the process.

/// Limits of one sandboxed script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Heap of the JavaScript engine, bytes.
    pub memory_bytes: usize,
    /// Stack of the JavaScript engine, bytes.
    pub stack_bytes: usize,
    /// CPU time between two awaits, milliseconds. Waiting never counts.
    pub cpu_ms: u64,
    /// Size of a source, bytes.
    pub source_bytes: usize,
    /// Calls that may be pending at once.
    pub pending_calls: usize,
    /// Bytes of prompts and options that may be pending at once.
    pub pending_bytes: usize,
    /// Bytes of log lines and phases that one turn may leave behind; what is beyond is dropped and counted.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // One pending agent() below parallel() takes 2 to 3 KiB; a hundred thousand of them have to fit.
            memory_bytes: 512 << 20,
            stack_bytes: 1 << 20,
            cpu_ms: 5_000,
            source_bytes: 8 << 20,
            pending_calls: 1_000_000,
            pending_bytes: 512 << 20,
            log_bytes: 16 << 20,
        }
    }
}
