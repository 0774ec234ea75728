//! What a journal remembers of a run's calls, and what a resumed run is held against. Plain data.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::ErrorData;
use super::ids::CallId;
use super::json::JsonText;
use super::outcome::{Outcome, Resume};
use super::request::{AgentRequest, ChildRequest};

/// The hash of what determines a call's answer: calls with the same one may stand in for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Fingerprint {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

/// A call as the script makes it.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    Agent(&'a AgentRequest),
    Child(&'a ChildRequest),
    Timer(Duration),
    Sleep(Duration),
}

/// The kinds of calls that journals tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordedKind {
    Agent,
    Child,
    Timer,
    Sleep,
}

impl RecordedKind {
    /// Whether what came of such a call is taken for an equal one, wherever that stands: agents cost money, sleeps time.
    pub fn is_worth_taking(self) -> bool {
        matches!(self, Self::Agent | Self::Sleep)
    }
}

impl fmt::Display for RecordedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "an agent call",
            Self::Child => "a child workflow",
            Self::Timer => "a timer",
            Self::Sleep => "a sleep",
        })
    }
}

/// What a call is known by.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub kind: RecordedKind,
    pub fingerprint: Fingerprint,
    /// What it asks for; for people.
    pub told: Told,
}

/// What a call asks for, as it is where the mark comes from. Read in the journals of calls that differ, and of no others.
#[derive(Clone, Debug)]
pub enum Told {
    Made(Arc<About>),
    /// As JSON.
    Read(JsonText),
}

impl Told {
    /// Nothing, if a journal has something else there: nothing depends on it.
    pub fn about(&self) -> Cow<'_, About> {
        match self {
            Self::Made(about) => Cow::Borrowed(about),
            Self::Read(text) => Cow::Owned(serde_json::from_str(text.as_str()).unwrap_or_default()),
        }
    }
}

impl From<About> for Told {
    fn from(about: About) -> Self {
        Self::Made(Arc::new(about))
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.about() == other.about()
    }
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.about().serialize(serializer)
    }
}

/// What a call asks for, field by field, shortened; for people who compare two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name and value of each field, in the order in which they are compared.
    pub fields: Vec<(String, String)>,
}

impl About {
    /// The fields in which two calls differ: `prompt: recorded "a", asked "b"`.
    pub fn differences(&self, asked: &Self) -> Vec<String> {
        let value = |about: &Self, name: &str| {
            about.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
        };
        let mut names: Vec<&String> = self.fields.iter().map(|(name, _)| name).collect();
        names.extend(asked.fields.iter().map(|(name, _)| name).filter(|name| value(self, name).is_none()));
        let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        names
            .into_iter()
            .filter(|name| value(self, name) != value(asked, name))
            .map(|name| {
                format!("{name}: recorded {}, asked {}", shown(value(self, name)), shown(value(asked, name)))
            })
            .collect()
    }
}

/// Makes marks. Given to whoever needs them, because hashing is not its business.
pub type Marker = fn(Asked<'_>) -> Mark;

/// How a call ended, as far as a replay needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEnd {
    pub outcome: Outcome,
    /// It had no answer, whatever the script was given.
    pub failed: bool,
    /// What it cost, all attempts.
    pub charged: f64,
    pub usage: Option<JsonText>,
    pub session: Option<String>,
}

impl RecordedEnd {
    /// Whether it is an answer that an equal call can be given.
    pub fn is_usable(&self) -> bool {
        !self.failed && self.outcome.is_ok()
    }
}

/// What has come of the attempts of a call that is not over, as far as it is known when it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    /// Attempts that gave no answer, as counted against `retry.maxAttempts`.
    #[serde(skip_serializing_if = "is_none")]
    pub failures: u32,
    /// What they cost, all of them.
    #[serde(skip_serializing_if = "is_nothing")]
    pub charged: f64,
    /// The last report of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<JsonText>,
    /// The agent's own session of the last attempt that had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Where the next attempt can go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// What was wrong with the last answer, if the next attempt is to repair it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Vec<String>>,
    /// How often, and for how many milliseconds in all, it has waited for the limits of others.
    #[serde(skip_serializing_if = "is_none")]
    pub limited: u32,
    #[serde(skip_serializing_if = "is_no_wait")]
    pub waited_ms: u64,
    /// There is no next attempt: this is how the call ends as soon as its worktree is put in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<PastEnd>,
}

/// How a call ends that is not over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PastEnd {
    /// What its script is given. Absent for `undefined`, which `null` is not.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    value: Option<JsonText>,
    /// What it rejects with, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<ErrorData>,
    /// Why there is no answer, whatever the script is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<ErrorData>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<JsonText>, D::Error> {
    JsonText::deserialize(from).map(Some)
}

impl PastEnd {
    /// Of an outcome, and why there is no answer.
    pub fn new(outcome: &Outcome, failure: Option<&ErrorData>) -> Self {
        Self {
            value: outcome.as_ref().ok().cloned().flatten(),
            rejection: outcome.as_ref().err().cloned(),
            failure: failure.cloned(),
        }
    }

    /// The outcome, and why there is no answer.
    pub fn into_parts(self) -> (Outcome, Option<ErrorData>) {
        (self.rejection.map_or(Ok(self.value), Err), self.failure)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_no_wait(milliseconds: &u64) -> bool {
    *milliseconds == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_nothing(charged: &f64) -> bool {
    *charged == 0.0
}

/// A call of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    pub mark: Mark,
    /// How many of its attempts have begun.
    pub attempts: u32,
    /// What came of those that have ended, if the call is not over.
    pub past: Option<Box<Past>>,
    /// When a wait is over, in milliseconds since 1970.
    pub until: Option<u64>,
    /// `None`: it had begun, and nothing is known of its end.
    pub end: Option<RecordedEnd>,
}

/// What an equal call is given of an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub enum Earlier {
    /// Its answer.
    Answer(RecordedEnd),
    /// No answer: it has to run. If the earlier one was not over, it goes on where that one was.
    Unanswered { attempts: u32, past: Option<Box<Past>>, until: Option<u64> },
}

impl From<RecordedCall> for Earlier {
    fn from(call: RecordedCall) -> Self {
        match call.end {
            Some(end) if end.is_usable() => Self::Answer(end),
            // It has failed for good: whoever tries it once more starts from the beginning.
            Some(_) => Self::Unanswered { attempts: 0, past: None, until: None },
            None => Self::Unanswered { attempts: call.attempts, past: call.past, until: call.until },
        }
    }
}

/// One thing that a script was shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordedStep {
    pub call: CallId,
    /// The call's outcome, or that a child began.
    pub ended: bool,
    /// What had been spent by then.
    pub spent: f64,
}

/// What becomes of calls that are not what the journal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// The run stops and says what differs. Nothing is lost.
    Fail,
    /// Any recorded answer to an equal call is taken, wherever it stood; all else runs.
    Match,
    /// The first calls are taken as long as they are equal; the first different one and all after it run.
    Prefix,
}

/// The part of a journal that a run goes on from.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub drift: Drift,
    /// By their numbers.
    pub calls: Vec<(CallId, RecordedCall)>,
    /// In the order in which scripts saw them.
    pub steps: Vec<RecordedStep>,
    /// What agent calls were given in parts of the journal before this one, and none of its calls has taken: for equal
    /// calls that the journal does not tell of, those that are equal to each other in their order.
    pub reserve: Vec<(Fingerprint, Earlier)>,
    /// Log lines, phases and warnings of scripts that were told, but for those of a script that was cancelled.
    pub notes: u64,
    /// The warnings that are given once in a run, as they were given.
    pub warnings: Vec<String>,
    /// Calls that were told to have ended and have no outcome: nobody wanted it.
    pub given_up: Vec<CallId>,
    /// What had been spent in all, by every part.
    pub spent: f64,
    /// What scripts were shown to have been spent when this part began.
    pub spent_before: f64,
    /// The budget that was told to be used up, if one was.
    pub exhausted: Option<f64>,
    /// The first call that is to be done again, whatever came of it.
    pub from: Option<CallId>,
}

impl Recording {
    /// A journal that tells of nothing.
    pub fn new(drift: Drift) -> Self {
        Self {
            drift,
            calls: Vec::new(),
            steps: Vec::new(),
            reserve: Vec::new(),
            notes: 0,
            warnings: Vec::new(),
            given_up: Vec::new(),
            spent: 0.0,
            spent_before: 0.0,
            exhausted: None,
            from: None,
        }
    }

    /// Forgets a call and all that were made after it, and what older parts of the journal know.
    #[must_use]
    pub fn until(mut self, from: CallId) -> Self {
        self.calls.retain(|(id, _)| *id < from);
        self.steps.retain(|step| step.call < from);
        self.given_up.retain(|id| *id < from);
        Self { from: Some(from), reserve: Vec::new(), ..self }
    }
}

/// What is written down of a call beside its events.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// The run begins, or a new part of its journal; scripts see this to have been spent.
    Began { spent: f64 },
    /// It, or another attempt of it, begins. For a child, scripts see that; `spent` is the budget that it sees. `past`
    /// is what it has taken over from where it was before the run was taken up.
    Begun { call: CallId, mark: Mark, past: Option<Box<Past>>, spent: f64 },
    /// An attempt has ended, and the call is not over; or it is under way, and this is where another one is to go on if
    /// nothing more is heard of it.
    Attempted { call: CallId, past: Box<Past>, spent: f64 },
    /// It has an outcome, which its script will see, with this budget.
    Ended { call: CallId, mark: Mark, outcome: Outcome, failed: bool, charged: f64, spent: f64 },
    /// The run is being cancelled: what is said from here on belongs to that, and not to what a later life goes on from.
    Cancelled,
    /// All that there was to show of a journal whose first calls were taken was shown. What stands before is given up.
    Replayed,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.told.about().label {
            Some(label) => write!(f, "{} labelled {label:?}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// A recorded call and what was asked instead, in words.
pub fn drifted(call: CallId, recorded: Option<&Mark>, asked: Option<&Mark>) -> ErrorData {
    let shown = |mark: Option<&Mark>| mark.map_or_else(|| "nothing".to_owned(), Mark::to_string);
    let mut message = format!("call {call} was {}, now it is {}", shown(recorded), shown(asked));
    if let (Some(recorded), Some(asked)) = (recorded, asked) {
        for difference in recorded.told.about().differences(&asked.told.about()) {
            message.push_str("\n  ");
            message.push_str(&difference);
        }
    }
    mismatch(&message)
}

/// A call that the workflow has made as before, and that has not ended where it had ended before, in words.
pub fn not_ended(call: CallId, mark: &Mark) -> ErrorData {
    mismatch(&format!("call {call} ({mark}) had ended here, now it goes on"))
}

/// A call that the workflow has made as before, and did not wait for, in words.
pub fn not_awaited(call: CallId, mark: &Mark) -> ErrorData {
    mismatch(&format!("it waited for call {call} ({mark}), now it ends without it"))
}

fn mismatch(what: &str) -> ErrorData {
    let message = format!("the workflow does not do what its journal says: {what}");
    ErrorData::new("Error", message).with_code("ERR_REPLAY_MISMATCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_field() {
        let about = |fields: &[(&str, &str)]| About {
            label: None,
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let recorded = about(&[("prompt", "\"a\""), ("model", "\"x\"")]);
        let asked = about(&[("prompt", "\"b\""), ("model", "\"x\""), ("schema", "{}")]);
        assert_eq!(
            recorded.differences(&asked),
            ["prompt: recorded \"a\", asked \"b\"", "schema: recorded nothing, asked {}"]
        );
    }

    #[test]
    fn fingerprints_are_read_back() {
        let print = Fingerprint(0x1234_5678_9abc_def0);
        assert_eq!(Fingerprint::parse(&print.to_string()), Some(print));
        assert_eq!(Fingerprint::parse("x"), None);
    }
}
