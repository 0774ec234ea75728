//! What durability costs: the store of durable runs, beside the disk's own pace.
//!
//! `store [samples]` prints one line of JSON per case. What SQLite can be expected to reach is measured here too: the
//! same bytes written to a plain file and synced, one write at a time.

mod support;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use smol_workflow_engine::model::ids::RunId;
use smol_workflow_engine::model::journal::{Batch, Created, Entry, Lease, NewRun, SourceSnapshot};
use smol_workflow_engine::model::json::JsonText;
use smol_workflow_engine::model::store::{StoreOptions, Synchronous};
use smol_workflow_engine::store::Store;
use smol_workflow_engine::store::sqlite::SqliteStore;

/// What one commit writes: two pages with their headers in the log.
const COMMIT: usize = 2 * (4096 + 24);
/// A lease for as long as it takes.
const TTL: u64 = 1 << 40;

fn main() {
    let samples: usize =
        support::arguments().next().map_or(1_000, |text| text.parse().expect("a whole number"));
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");

    let synced = disk(&folder.path().join("plain"), samples);
    support::report("write and sync a plain file", "ms", &synced);

    for (name, synchronous) in [("normal", Synchronous::Normal), ("full", Synchronous::Full)] {
        let path = folder.path().join(name).join("runs.db");
        let store = open(&path, synchronous);
        let lease = create(&store, "one");
        let mut next = 1;
        let single = appends(&store, &lease, &mut next, samples);
        support::report(&format!("append an entry and wait, {name}"), "ms", &single);
        let groups = together(&Arc::new(store), samples.div_ceil(10));
        support::report(&format!("64 runs append an entry each and wait, {name}, per round"), "ms", &groups);
    }
    growth(&open(&folder.path().join("growth/runs.db"), Synchronous::Normal), samples);
    reading(&open(&folder.path().join("reading/runs.db"), Synchronous::Normal), samples.div_ceil(20));
}

fn open(path: &Path, synchronous: Synchronous) -> SqliteStore {
    SqliteStore::open(path, StoreOptions { synchronous, ..StoreOptions::default() }).expect("it is new")
}

fn create(store: &SqliteStore, name: &str) -> Lease {
    let run = NewRun {
        id: RunId(name.into()),
        name: "bench".to_owned(),
        source: SourceSnapshot {
            name: "bench.js".into(),
            text: "return 1\n".into(),
            files: Default::default(),
        },
        args: None,
        options: JsonText::new("{}"),
        fork_of: None,
        entries: Vec::new(),
    };
    match store.create(run, TTL, 1).wait().expect("the disk works") {
        Created::New(lease) => lease,
        Created::Existing { .. } => unreachable!("the store is new"),
    }
}

/// As an agent's answer is recorded: half a kilobyte.
fn entry(seq: u64) -> Entry {
    let body = format!(r#"{{"outcome":"ok","usage":{{"output":{seq}}},"text":"{}"}}"#, "word ".repeat(90));
    Entry { seq, at: seq, kind: "call.ended".into(), call: Some(seq), body: JsonText::new(body) }
}

fn batch(entries: Vec<Entry>) -> Batch {
    Batch { entries, at: 1, ..Batch::default() }
}

/// The disk's own pace: a file that is as long as a log gets, written and synced piece by piece.
fn disk(path: &Path, samples: usize) -> Vec<f64> {
    let mut file = File::create(path).expect("the folder is there");
    let piece = vec![7_u8; COMMIT];
    support::sample(samples, || {
        file.write_all(&piece).expect("there is room");
        file.sync_data().expect("the disk works");
    })
}

fn appends(store: &SqliteStore, lease: &Lease, next: &mut u64, count: usize) -> Vec<f64> {
    support::sample(count, || {
        store.append(lease, batch(vec![entry(*next)])).wait().expect("the disk works");
        *next += 1;
    })
}

/// Sixty-four runs, each with one entry under way at a time.
fn together(store: &Arc<SqliteStore>, rounds: usize) -> Vec<f64> {
    let leases: Vec<Lease> = (0..64).map(|number| create(store, &format!("together {number}"))).collect();
    let mut seq = 0;
    support::sample(rounds, || {
        seq += 1;
        let waiting: Vec<_> =
            leases.iter().map(|lease| store.append(lease, batch(vec![entry(seq)]))).collect();
        for append in waiting {
            append.wait().expect("the disk works");
        }
    })
}

/// What an append costs when there is much before it.
fn growth(store: &SqliteStore, samples: usize) {
    let lease = create(store, "long");
    let mut next = 1;
    for length in [1_000_u64, 50_000] {
        while next <= length {
            let entries: Vec<Entry> = (next..=length.min(next + 999)).map(entry).collect();
            next += entries.len() as u64;
            store.append(&lease, batch(entries)).wait().expect("the disk works");
        }
        let cost = appends(store, &lease, &mut next, samples);
        support::report(&format!("append an entry after {length}, normal"), "ms", &cost);
    }
}

fn reading(store: &SqliteStore, samples: usize) {
    let lease = create(store, "read");
    store.append(&lease, batch((1..=10_000).map(entry).collect())).wait().expect("the disk works");
    let read = support::sample(samples, || {
        let entries = store.entries(&lease.run, 1, u32::MAX).expect("the disk works");
        assert_eq!(entries.len(), 10_000);
    });
    support::report("read 10 000 entries", "ms", &read);
    let polled = support::sample(samples, || {
        for _ in 0..100 {
            assert!(store.cancel_requests().expect("the disk works").is_empty());
        }
    });
    support::report("look for requests to cancel, 100 times", "ms", &polled);
}
