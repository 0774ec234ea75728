//! The tables of how locales write things: `data/formats.txt`, which `data/generate.mjs` read off Node.js.
//!
//! A block per locale, `[name < parent]`, with `= other names`, and lines of a key and a value. What a block does
//! not say is as in its parent. The keys are explained where they are used.
//! Must never know what a key means.

use std::collections::HashMap;
use std::sync::OnceLock;

/// One locale's block. Read when it is first asked for something.
pub(super) struct Table {
    parent: Option<usize>,
    text: &'static str,
    lines: OnceLock<HashMap<&'static str, &'static str>>,
}

struct Tables {
    blocks: Vec<Table>,
    by_name: HashMap<&'static str, usize>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut blocks = Vec::new();
        let mut by_name = HashMap::new();
        let text = include_str!("data/formats.txt").strip_prefix('[').expect("it begins with a block");
        for block in text.split("\n[") {
            let (head, mut text) = block.split_once('\n').unwrap_or((block, ""));
            let head = head.trim_end_matches(']');
            let (name, parent) =
                head.split_once(" < ").map_or((head, None), |(name, parent)| (name, Some(by_name[parent])));
            if let Some((names, rest)) = text.strip_prefix("= ").and_then(|text| text.split_once('\n')) {
                by_name.extend(names.split(' ').map(|name| (name, blocks.len())));
                text = rest;
            }
            by_name.insert(name, blocks.len());
            blocks.push(Table { parent, text, lines: OnceLock::new() });
        }
        Tables { blocks, by_name }
    })
}

/// The block of exactly this locale.
pub(super) fn find(tag: &str) -> Option<&'static Table> {
    tables().by_name.get(tag).map(|&at| &tables().blocks[at])
}

/// Whether there is a block of exactly this locale.
pub(super) fn is_available(tag: &str) -> bool {
    tables().by_name.contains_key(tag)
}

/// The same where only English will do, which alone has words for units, amounts and currencies.
pub(super) fn is_english(tag: &str) -> bool {
    (tag == "en" || tag.starts_with("en-")) && is_available(tag)
}

/// The same where the locale's money fits into the tables.
pub(super) fn has_money(tag: &str) -> bool {
    find(tag).is_some_and(|table| table.get("m.odd").is_empty())
}

impl Table {
    /// What the locale has under a key, empty if that is nothing.
    pub(super) fn get(&'static self, key: &str) -> &'static str {
        let mut table = self;
        loop {
            if let Some(value) = table.lines().get(key) {
                return value;
            }
            match table.parent {
                Some(parent) => table = &tables().blocks[parent],
                None => return "",
            }
        }
    }

    fn lines(&self) -> &HashMap<&'static str, &'static str> {
        self.lines.get_or_init(|| self.text.lines().filter_map(|line| line.split_once(' ')).collect())
    }
}
