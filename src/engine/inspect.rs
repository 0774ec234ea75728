//! What is told of runs in a store beside their events: what they have spent so far, what their agents have printed.
//!
//! For people who look, whoever is at work on the run. Writes nothing, and no replay comes here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::journal::read::RESUMED;
use crate::model::error::WorkflowError;
use crate::model::ids::RunId;
use crate::model::journal::{Entry, Filter, RawOutput, RunRecord, RunStatus, RunSummary};
use crate::model::store::StoreError;
use crate::store::Store;

/// The runs that fit, the newest first.
///
/// # Errors
/// Of the store.
pub fn runs(store: &dyn Store, filter: &Filter) -> Result<Vec<RunSummary>, StoreError> {
    let mut runs = store.list(filter)?;
    for run in &mut runs {
        match spent(store, run) {
            // It was deleted while it was looked at.
            Ok(()) | Err(StoreError::UnknownRun { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(runs)
}

/// Everything about a run but its journal.
///
/// # Errors
/// Of the store.
pub fn run(store: &dyn Store, id: &RunId) -> Result<RunRecord, StoreError> {
    let mut record = store.run(id)?;
    spent(store, &mut record.summary)?;
    Ok(record)
}

/// Says what a run that is under way has spent. That stands in its journal: its row hears of it when the run is taken up, put away
/// or over, so that it is not written again with every call.
///
/// # Errors
/// Of the store.
pub fn spent(store: &dyn Store, run: &mut RunSummary) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Body {
        record: Option<Record>,
    }
    #[derive(Deserialize)]
    struct Record {
        spent: Option<f64>,
    }
    if !matches!(run.status, RunStatus::Running | RunStatus::Cancelling) {
        return Ok(());
    }
    // Nearly every call writes it, so it is mostly among the last few entries.
    let (mut last, mut page) = (run.last_seq, 16);
    while last > 0 {
        let from = last.saturating_sub(page - 1).max(1);
        let entries = store.entries(&run.id, from, u32::try_from(last - from + 1).unwrap_or(u32::MAX))?;
        let read = |entry: &Entry| serde_json::from_str::<Body>(entry.body.as_str()).ok()?.record?.spent;
        if let Some(found) = entries.iter().rev().find_map(read) {
            run.spent = run.spent.max(found);
            return Ok(());
        }
        last = from - 1;
        page *= 4;
    }
    Ok(())
}

/// What the agent of a call has printed, attempt by attempt.
///
/// # Errors
/// `ERR_NO_OUTPUT`: nothing is kept of such a call. And those of the store.
pub fn output(store: &dyn Store, id: &RunId, call: u64) -> Result<Vec<RawOutput>, WorkflowError> {
    let entries = store.entries(id, 1, u32::MAX)?;
    let journal = Journal::read(&entries);
    let mut outputs = store.outputs(id, &journal.entries_of(call))?;
    // In a journal that has begun anew, the attempts of one call may stand under several numbers.
    outputs.sort_by_key(|output| output.attempt);
    if outputs.is_empty() {
        return Err(nothing_kept(store, id, call, &journal)?);
    }
    Ok(outputs.into_iter().map(|output| RawOutput { call, ..output }).collect())
}

fn nothing_kept(
    store: &dyn Store,
    id: &RunId,
    call: u64,
    journal: &Journal<'_>,
) -> Result<WorkflowError, StoreError> {
    let kept: BTreeSet<u64> = store.output_seqs(id)?.into_iter().collect();
    let with_output: Vec<u64> = journal
        .calls()
        .filter(|call| journal.entries_of(*call).iter().any(|seq| kept.contains(seq)))
        .collect();
    let what = match journal.calls().any(|known| known == call) {
        true => format!("nothing is kept of what call {call} of run {id} has printed"),
        false => format!("run {id} has no call {call}"),
    };
    let there = match with_output.as_slice() {
        [] => "nothing is kept of any of its calls".to_owned(),
        calls => format!("there is output of {}", listed(calls)),
    };
    Ok(WorkflowError::RunState {
        code: "ERR_NO_OUTPUT",
        message: format!("{what}; {there}"),
        hint: "smol-wf events <id> --json shows the calls of a run; output is kept when an attempt has ended, of agents that print more than their answer, and with keepOutput",
    })
}

/// `the calls 0 to 3, 7`.
fn listed(calls: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for call in calls {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *call => *last = *call,
            _ => ranges.push((*call, *call)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    if calls.len() == 1 { format!("call {shown}") } else { format!("the calls {shown}") }
}

/// What agents have printed, as it goes along with a copy of their run: by the entries that it belongs to there and
/// here. `copied` are entries with the numbers that they had.
pub(super) fn copied_outputs(entries: &[Entry], copied: &[(u64, Entry)], kept: &[u64]) -> Vec<(u64, u64)> {
    let mut here: FxHashMap<u64, u64> = FxHashMap::default();
    let mut first: FxHashMap<u64, u64> = FxHashMap::default();
    for (before, entry) in copied {
        here.insert(*before, entry.seq);
        if let Some(call) = entry.call {
            first.entry(call).or_insert(entry.seq);
        }
    }
    let kept: BTreeSet<u64> = kept.iter().copied().collect();
    let journal = Journal::read(entries);
    let calls = journal.calls().filter_map(|call| Some((call, *first.get(&call)?)));
    calls
        .flat_map(|(call, first)| journal.entries_of(call).into_iter().map(move |seq| (seq, first)))
        .filter(|(seq, _)| kept.contains(seq))
        .map(|(seq, first)| (seq, here.get(&seq).copied().unwrap_or(first)))
        .collect()
}

/// The entries of a journal by the calls that they are about, part by part.
struct Journal<'a>(Vec<Part<'a>>);

/// What was written between two beginnings: calls have their numbers from there.
#[derive(Default)]
struct Part<'a> {
    calls: BTreeMap<u64, Call<'a>>,
    /// Calls that are equal to each other.
    equal: FxHashMap<Cow<'a, str>, Vec<u64>>,
}

#[derive(Default)]
struct Call<'a> {
    /// What it is known by.
    fingerprint: Option<Cow<'a, str>>,
    seqs: Vec<u64>,
    /// The numbers of the first and the last attempt that began here; 0 for none.
    first: u32,
    last: u32,
    end: Option<End<'a>>,
}

/// How a call ended. Spelled as it was written, which is how it is taken over.
#[derive(Clone, Copy, Default, PartialEq)]
struct End<'a> {
    value: Option<&'a str>,
    error: Option<&'a str>,
    session: Option<&'a str>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    record: Option<Record<'a>>,
    #[serde(rename = "sessionId", borrow)]
    session: Option<&'a RawValue>,
    attempt: Option<u32>,
    anew: Option<bool>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    fp: Option<Cow<'a, str>>,
    #[serde(default)]
    begun: bool,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl<'a> Journal<'a> {
    fn read(entries: &'a [Entry]) -> Self {
        let mut parts = vec![Part::default()];
        for entry in entries {
            // What cannot be read tells nothing here; whoever goes on with the run says so.
            let Ok(body) = serde_json::from_str::<Body<'_>>(entry.body.as_str()) else { continue };
            if entry.kind == RESUMED && body.anew == Some(true) {
                parts.push(Part::default());
            }
            if let (Some(call), Some(part)) = (entry.call, parts.last_mut()) {
                part.take(entry, call, body);
            }
        }
        Self(parts)
    }

    /// The calls of the newest part.
    fn calls(&self) -> impl Iterator<Item = u64> {
        self.0.last().into_iter().flat_map(|part| part.calls.keys().copied())
    }

    /// The entries of a call of the newest part, and of those from which it was taken over.
    fn entries_of(&self, call: u64) -> Vec<u64> {
        let (mut part, mut call, mut seqs) = (self.0.len() - 1, call, Vec::new());
        loop {
            let Some(found) = self.0[part].calls.get(&call) else { return seqs };
            seqs.extend(&found.seqs);
            match self.before(part, call, found) {
                Some(before) => (part, call) = before,
                None => return seqs,
            }
        }
    }

    /// Where a call stood before the part began, if something of it is from there. That is not written; it follows: the
    /// same answer to an equal call, or equal attempts that came to nothing. Calls that are equal even in that take them
    /// in their order.
    fn before(&self, part: usize, number: u64, call: &Call<'a>) -> Option<(usize, u64)> {
        if call.first == 1 {
            return None;
        }
        let alike = |other: &Call<'a>| match (call.first, call.end) {
            (0, end) => other.end.is_some() && other.end == end,
            (first, _) => other.end.is_none() && other.last + 1 == first,
        };
        let equal = |part: usize| {
            let fingerprint = call.fingerprint.as_ref()?;
            Some(self.0[part].equal.get(fingerprint)?.iter().copied())
        };
        let same = |other: &Call<'a>| (other.first, other.end) == (call.first, call.end);
        let place = equal(part)?.filter(|other| *other < number && same(&self.0[part].calls[other])).count();
        (0..part).rev().find_map(|before| {
            let mut there = equal(before)?.filter(|other| alike(&self.0[before].calls[other])).peekable();
            there.peek()?;
            let last = there.clone().last();
            Some((before, there.nth(place).or(last)?))
        })
    }
}

impl<'a> Part<'a> {
    fn take(&mut self, entry: &Entry, number: u64, body: Body<'a>) {
        let call = self.calls.entry(number).or_default();
        call.seqs.push(entry.seq);
        if entry.kind == "call.started" {
            call.last = body.attempt.unwrap_or(0);
            if call.first == 0 {
                call.first = call.last;
            }
        }
        let Some(record) = body.record else { return };
        let Some(fingerprint) = record.fp else { return };
        if !record.begun {
            let [value, error, session] =
                [record.value, record.error, body.session].map(|part| part.map(RawValue::get));
            call.end = Some(End { value, error, session });
        }
        if call.fingerprint.is_none() {
            self.equal.entry(fingerprint.clone()).or_default().push(number);
            call.fingerprint = Some(fingerprint);
        }
    }
}

#[cfg(test)]
mod tests;
