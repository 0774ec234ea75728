//! Somebody who outlives the host (Linux): ends what a host that was killed has left behind.
//!
//! Children hear of the host's death by a signal, and most of them end their tools then. Those that die of it, or of the
//! closed pipes that they tell about it into, do not: OpenCode, pi. The guard is a shell that waits for the end of its
//! input, which nobody but the host holds; then it looks for the host's mark in `/proc`, as [`super::descendants`] does.
//! It is started before the first child is. Without a shell there is no guard, and such tools go on.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use super::tree::{VARIABLE, host};

/// Waits for the host's end; gives its children the time that they take to end their tools; then kills what bears its
/// mark, and looks again for what was being started meanwhile. `$1` is the variable, `$2` the host.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
left() { grep -lsF -e "$1=$2." -e ":$2." /proc/[0-9]*/environ; }
for second in 1 2 3; do
  [ -n "$(left "$@")" ] || exit 0
  sleep 1
done
for round in 1 2 3 4 5 6 7 8; do
  files=$(left "$@")
  [ -n "$files" ] || exit 0
  for file in $files; do
    pid=${file#/proc/}
    kill -KILL "${pid%/environ}"
  done
done 2>/dev/null
"#;

/// Starts the guard. It goes when the handle's pipe does, which is to say with the host; `None` if it cannot be started.
pub(super) fn start() -> Option<Child> {
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "smol-wf-guard", VARIABLE, host()])
        // It must not bear a mark itself, nor hold a folder that somebody wants to remove.
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .current_dir("/")
        // Ctrl-C is for the host.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}
