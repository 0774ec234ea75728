//! What durability costs: the store of durable runs, beside the disk's own pace.
//!
//! `store [samples]` prints one line of JSON per case. The disk's own pace is that of the same bytes written to a plain
//! file and synced. It changes by a factor of twenty with what else the machine does, from one second to the next, so
//! whatever is compared with it is measured in turn with it, sample by sample, and reported as a ratio too.

mod support;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

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

    let mut disk = Disk::new(&folder.path().join("plain"));
    for (name, synchronous) in [("normal", Synchronous::Normal), ("full", Synchronous::Full)] {
        let store = open(&folder.path().join(name).join("runs.db"), synchronous);
        let lease = create(&store, "one");
        let mut seq = 0;
        let append = || {
            seq += 1;
            store.append(&lease, batch(vec![entry(seq)])).wait().expect("the disk works");
        };
        in_turn(&mut disk, &format!("append an entry and wait, {name}"), samples, append);

        let leases: Vec<Lease> =
            (0..64).map(|number| create(&store, &format!("together {number}"))).collect();
        let mut seq = 0;
        let round = || {
            seq += 1;
            let append = |lease| store.append(lease, batch(vec![entry(seq)]));
            let waiting: Vec<_> = leases.iter().map(append).collect();
            for append in waiting {
                append.wait().expect("the disk works");
            }
        };
        in_turn(
            &mut disk,
            &format!("64 runs append an entry each and wait, {name}"),
            samples.div_ceil(5),
            round,
        );
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
        outputs: Vec::new(),
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

/// The disk's own pace.
struct Disk(File);

impl Disk {
    fn new(path: &Path) -> Self {
        Self(File::create(path).expect("the folder is there"))
    }

    fn write_and_sync(&mut self) {
        self.0.write_all(&[7; COMMIT]).expect("there is room");
        self.0.sync_data().expect("the disk works");
    }
}

/// Measures a case in turn with the disk.
fn in_turn(disk: &mut Disk, name: &str, count: usize, mut body: impl FnMut()) {
    let (mut plain, mut times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=count {
        let floor = support::timed(|| disk.write_and_sync());
        let time = support::timed(&mut body);
        plain.push(floor);
        times.push(time);
        ratios.push(time / floor);
    }
    // The first time everything is prepared.
    support::report(name, "ms", &times[1..]);
    support::report(&format!("{name}: a plain file written and synced in turn"), "ms", &plain[1..]);
    support::report(&format!("{name}: times the plain file"), "×", &ratios[1..]);
}

fn appends(store: &SqliteStore, lease: &Lease, next: &mut u64, count: usize) -> Vec<f64> {
    support::sample(count, || {
        store.append(lease, batch(vec![entry(*next)])).wait().expect("the disk works");
        *next += 1;
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
