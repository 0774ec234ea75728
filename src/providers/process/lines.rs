//! What a child writes, in bounded memory: its output cut into lines, and the two ends of what it says on stderr.
//!
//! Plain buffers. Knows no pipe, no process and no clock, and nothing of what the lines mean.

use std::borrow::Cow;
use std::collections::VecDeque;

use memchr::memchr;

use super::Flow;

/// A buffer that one long line has blown up beyond this is given back after it.
const KEPT_CAPACITY: usize = 256 << 10;

/// One line of a child's output, without its line break (`\n` or `\r\n`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line as it came, valid UTF-8 or not; its beginning only, if it was longer than `Watch::max_line`.
    pub bytes: &'a [u8],
    /// How many bytes were cut off its end; 0 for nearly every line there is.
    pub lost: u64,
}

impl<'a> Line<'a> {
    /// The line as text; what is not UTF-8 becomes U+FFFD.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes)
    }
}

/// Cuts a stream of bytes into lines. Holds the beginning of one line at most, and of that no more than its limit.
pub(super) struct Lines {
    partial: Vec<u8>,
    lost: u64,
    max: usize,
}

impl Lines {
    pub(super) fn new(max: usize) -> Self {
        Self { partial: Vec::new(), lost: 0, max }
    }

    /// Takes in what was read, and gives every line that is complete with it to `on_line`, until that says stop.
    pub(super) fn feed(&mut self, mut chunk: &[u8], on_line: &mut impl FnMut(Line<'_>) -> Flow) -> Flow {
        while let Some(end) = memchr(b'\n', chunk) {
            let (line, rest) = (&chunk[..end], &chunk[end + 1..]);
            let flow = if self.partial.is_empty() && line.len() <= self.max {
                // The common case: a line that lies in the chunk as a whole is not copied.
                on_line(Line { bytes: without_return(line), lost: 0 })
            } else {
                self.keep(line);
                self.give(on_line)
            };
            if flow == Flow::Stop {
                return flow;
            }
            chunk = rest;
        }
        self.keep(chunk);
        Flow::Continue
    }

    /// The output has ended: what follows the last line break is a line too, unless there is nothing.
    pub(super) fn finish(&mut self, on_line: &mut impl FnMut(Line<'_>) -> Flow) -> Flow {
        if self.partial.is_empty() && self.lost == 0 { Flow::Continue } else { self.give(on_line) }
    }

    fn keep(&mut self, part: &[u8]) {
        let room = self.max - self.partial.len();
        let kept = &part[..part.len().min(room)];
        let wanted = self.partial.len() + kept.len();
        if wanted > self.partial.capacity() {
            // In large steps: what is not written to takes no memory, and each step may move what is there. But never
            // beyond what the limit allows.
            let capacity = wanted.max(self.partial.capacity() * 4).min(self.max);
            self.partial.reserve_exact(capacity - self.partial.len());
        }
        self.partial.extend_from_slice(kept);
        self.lost += (part.len() - kept.len()) as u64;
    }

    fn give(&mut self, on_line: &mut impl FnMut(Line<'_>) -> Flow) -> Flow {
        let bytes = if self.lost == 0 { without_return(&self.partial) } else { &self.partial };
        let flow = on_line(Line { bytes, lost: self.lost });
        self.lost = 0;
        self.partial.clear();
        if self.partial.capacity() > KEPT_CAPACITY {
            self.partial = Vec::new();
        }
        flow
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The least that is kept of either end of stderr, in bytes.
const LEAST: usize = 8 << 10;

/// The beginning and the end of a stream, in bounded memory. Both, because some CLIs say what is wrong first and
/// repeat themselves, others last and after much noise.
pub(super) struct Ends {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Bytes that either end may have.
    each: usize,
    lost: u64,
}

impl Ends {
    /// Keeps about `keep` bytes, half of them from either end.
    pub(super) fn new(keep: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), each: (keep / 2).max(LEAST), lost: 0 }
    }

    pub(super) fn feed(&mut self, chunk: &[u8]) {
        let (head, rest) = chunk.split_at(chunk.len().min(self.each - self.head.len()));
        self.head.extend_from_slice(head);
        // What does not fit into the end as a whole need not go through it.
        let skipped = rest.len().saturating_sub(self.each);
        let rest = &rest[skipped..];
        let pushed_out = (self.tail.len() + rest.len()).saturating_sub(self.each);
        self.tail.drain(..pushed_out);
        self.tail.extend(rest);
        self.lost += (skipped + pushed_out) as u64;
    }

    /// What was kept, as text; says in its middle how much was left out, if anything was.
    pub(super) fn text(mut self) -> String {
        if self.lost == 0 {
            self.head.extend(self.tail);
            return String::from_utf8_lossy(&self.head).into_owned();
        }
        let head = String::from_utf8_lossy(whole_characters(&self.head)).into_owned();
        // The end may begin within a character; of that one at most three bytes are left.
        let torn = self.tail.iter().take(3).take_while(|byte| is_continuation(**byte)).count();
        self.tail.drain(..torn);
        let tail = String::from_utf8_lossy(self.tail.make_contiguous());
        format!("{head}\n[… {} bytes left out …]\n{tail}", self.lost)
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Without a character at the end that is not all there.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text that comes in pieces of `size` bytes.
    fn split(text: &[u8], size: usize, max: usize) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut lines = Lines::new(max);
        let mut on_line = |line: Line<'_>| {
            found.push((line.text().into_owned(), line.lost));
            Flow::Continue
        };
        for chunk in text.chunks(size) {
            assert_eq!(lines.feed(chunk, &mut on_line), Flow::Continue);
        }
        assert_eq!(lines.finish(&mut on_line), Flow::Continue);
        found
    }

    #[test]
    fn lines_are_the_same_however_they_are_torn() {
        type Case = (&'static [u8], &'static [(&'static str, u64)]);
        let cases: &[Case] = &[
            (b"", &[]),
            (b"\n", &[("", 0)]),
            (b"a", &[("a", 0)]),
            (b"a\nb\n", &[("a", 0), ("b", 0)]),
            (b"a\r\n\r\nb\rc\r", &[("a", 0), ("", 0), ("b\rc", 0)]),
            (b"a\n\nb", &[("a", 0), ("", 0), ("b", 0)]),
            ("ü🙂\nü".as_bytes(), &[("ü🙂", 0), ("ü", 0)]),
            (b"\xff{\n\xc3", &[("\u{fffd}{", 0), ("\u{fffd}", 0)]),
            // The limit is ten bytes.
            (b"0123456789\nx", &[("0123456789", 0), ("x", 0)]),
            (b"0123456789ab\nx", &[("0123456789", 2), ("x", 0)]),
            (b"0123456789ab\r\n0123456789ab", &[("0123456789", 3), ("0123456789", 2)]),
        ];
        for (text, expected) in cases {
            let expected: Vec<(String, u64)> =
                expected.iter().map(|(line, lost)| ((*line).to_owned(), *lost)).collect();
            for size in 1..=text.len().max(1) {
                assert_eq!(split(text, size, 10), expected, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_long_line_never_takes_more_than_its_limit_and_is_forgotten_after_it() {
        let max = 3 << 20;
        let mut lines = Lines::new(max);
        let mut seen = Vec::new();
        let mut on_line = |line: Line<'_>| {
            seen.push((line.bytes.len(), line.lost));
            Flow::Continue
        };
        let chunk = vec![b'x'; 65_536];
        let mut most = 0;
        for _ in 0..160 {
            lines.feed(&chunk, &mut on_line);
            most = most.max(lines.partial.capacity());
        }
        assert_eq!(most, max, "the buffer is as large as the limit, not larger");
        lines.feed(b"\n", &mut on_line);
        assert_eq!(lines.partial.capacity(), 0);
        assert_eq!(seen, [(max, (10 << 20) - (3 << 20))]);
    }

    #[test]
    fn whoever_says_stop_gets_nothing_more_of_the_chunk() {
        let mut seen = 0;
        let mut lines = Lines::new(100);
        let flow = lines.feed(b"a\nb\nc\n", &mut |_| {
            seen += 1;
            if seen == 2 { Flow::Stop } else { Flow::Continue }
        });
        assert_eq!((flow, seen), (Flow::Stop, 2));
    }

    fn ends(text: &[u8], size: usize) -> String {
        let mut ends = Ends::new(0);
        text.chunks(size).for_each(|chunk| ends.feed(chunk));
        ends.text()
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        let text = "ü".repeat(LEAST);
        for size in [1, 7, 1000, usize::MAX] {
            assert_eq!(ends(text.as_bytes(), size), text);
        }
        assert_eq!(ends(b"", 1), "");
        assert_eq!(ends(b"a\xff", 1), "a\u{fffd}");
    }

    #[test]
    fn what_does_not_fit_is_left_out_of_the_middle() {
        let (head, tail) = ("a".repeat(LEAST), "z".repeat(LEAST));
        let text = format!("{head}{}{tail}", "m".repeat(100_000));
        for size in [1, 7, 5000, LEAST, usize::MAX] {
            assert_eq!(
                ends(text.as_bytes(), size),
                format!("{head}\n[… 100000 bytes left out …]\n{tail}"),
                "in pieces of {size}"
            );
        }
        // Characters that the cut goes through are left out whole.
        let text = format!("x{}y", "🙂".repeat(LEAST));
        let kept = ends(text.as_bytes(), 1000);
        assert!(!kept.contains('\u{fffd}'), "{kept}");
        assert!(kept.starts_with("x🙂") && kept.ends_with("🙂y"));
    }
}
