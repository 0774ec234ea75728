//! Tasks as data: what is queued to be done by some worker, how often it is tried, and what is known of it.
//!
//! What a task does is not known here, nor how any of it is stored. JSON of users is text that nobody looks into.

use serde::{Deserialize, Serialize};

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Waits for a worker.
    Pending,
    Running,
    /// Waits for a time or an event.
    Sleeping,
    Completed,
    Failed,
    Cancelled,
}

impl TaskState {
    /// The word for it, in stores and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Sleeping, Self::Completed, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// How the time between two attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryKind {
    Fixed,
    Exponential,
    None,
}

/// How long to wait before another attempt, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryStrategy {
    pub kind: RetryKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<f64>,
}

impl RetryStrategy {
    /// How long to wait after the attempt of that number, in milliseconds.
    pub fn delay_ms(&self, attempt: u32) -> u64 {
        let seconds = match self.kind {
            RetryKind::None => 0.0,
            RetryKind::Fixed => self.base_seconds.unwrap_or(60.0),
            RetryKind::Exponential => {
                let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
                let grown = self.base_seconds.unwrap_or(30.0) * self.factor.unwrap_or(2.0).powi(exponent);
                grown.min(self.max_seconds.unwrap_or(f64::INFINITY))
            }
        };
        milliseconds(seconds)
    }
}

/// When a task that takes too long is cancelled, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cancellation {
    /// Since it was begun for the first time.
    pub max_duration: Option<f64>,
    /// From when it was queued until it is begun.
    pub max_delay: Option<f64>,
}

/// Seconds of users in milliseconds; what is too long is as good as never.
pub fn milliseconds(seconds: f64) -> u64 {
    // A cast saturates, and makes 0 of what is no number.
    (seconds * 1000.0).round() as u64
}

/// A task to be queued.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spawn {
    pub queue: String,
    pub name: String,
    /// JSON.
    pub params: String,
    /// JSON.
    #[serde(default)]
    pub headers: Option<String>,
    pub max_attempts: f64,
    #[serde(default)]
    pub retry_strategy: Option<RetryStrategy>,
    #[serde(default)]
    pub cancellation: Option<Cancellation>,
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

impl Spawn {
    /// What is wrong with it: the option, and why.
    pub fn mistake(&self) -> Option<(&'static str, String)> {
        let attempts = self.max_attempts;
        if !(attempts >= 1.0 && attempts.fract() == 0.0 && attempts <= f64::from(u32::MAX)) {
            return Some(("maxAttempts", format!("must be a whole number, at least 1, got {attempts}")));
        }
        let retry = self.retry_strategy.as_ref();
        let cancellation = self.cancellation.unwrap_or_default();
        [
            ("retryStrategy.baseSeconds", retry.and_then(|retry| retry.base_seconds)),
            ("retryStrategy.factor", retry.and_then(|retry| retry.factor)),
            ("retryStrategy.maxSeconds", retry.and_then(|retry| retry.max_seconds)),
            ("cancellation.maxDuration", cancellation.max_duration),
            ("cancellation.maxDelay", cancellation.max_delay),
        ]
        .into_iter()
        .find_map(|(option, value)| {
            let value = value.filter(|value| !(*value >= 0.0 && value.is_finite()))?;
            Some((option, format!("must not be negative, got {value}")))
        })
    }

    /// How often it may be begun. Checked by [`Spawn::mistake`].
    pub fn attempts(&self) -> u32 {
        self.max_attempts as u32
    }
}

/// A task that was queued, or was there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spawned {
    #[serde(rename = "taskID")]
    pub task: String,
    /// Its last attempt.
    #[serde(rename = "runID")]
    pub run: String,
    pub attempt: u32,
    pub created: bool,
}

/// The right to work at a task: one attempt of it, as it was claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    #[serde(rename = "runID")]
    pub run: String,
    /// How often the attempt had been claimed. An attempt that sleeps is claimed once more when it wakes; what is still at
    /// work under an earlier claim may no longer write. `None`: not known, so that only the attempt counts.
    #[serde(default)]
    pub claim: Option<u64>,
}

/// Who wants how many tasks, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claiming {
    pub queue: String,
    pub worker: String,
    pub timeout_ms: u64,
    pub limit: u32,
}

/// A task that may be worked at. The names are those of Absurd.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimedTask {
    pub run_id: String,
    pub task_id: String,
    pub task_name: String,
    pub attempt: u32,
    /// JSON text, as the others that users have made.
    pub params: String,
    pub retry_strategy: Option<RetryStrategy>,
    pub max_attempts: u32,
    pub headers: Option<String>,
    /// The event for which it has waited in vain.
    pub wake_event: Option<String>,
    /// What came with the event that woke it.
    pub event_payload: Option<String>,
    pub claim: u64,
}

/// What is known of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRecord {
    #[serde(rename = "taskID")]
    pub task: String,
    pub state: TaskState,
    /// JSON text.
    pub result: Option<String>,
    /// Of the last attempt that has failed, as JSON text; also of a task that was completed later.
    pub failure_reason: Option<String>,
    /// The last attempt.
    #[serde(rename = "runID")]
    pub run: String,
    pub attempt: u32,
}

/// What is to be done in a queue, as seen without changing anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Look {
    /// There is a task to be claimed, or something for whoever sweeps.
    pub work: bool,
    /// A worker is lost, or a task has to be cancelled.
    pub overdue: bool,
    /// Those of the claims in question that no longer hold.
    pub lost: Vec<LostClaim>,
}

/// A claim that no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostClaim {
    #[serde(rename = "runID")]
    pub run: String,
    /// The task was cancelled; otherwise somebody else has it, or it is over.
    pub cancelled: bool,
}

/// What came of waiting for an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Awaited {
    /// It has happened; its payload as JSON text.
    Payload(String),
    /// The task sleeps until it happens.
    Suspended,
    /// It has not happened in time.
    TimedOut,
}

/// Something that was told in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskEvent {
    /// Grows; not dense.
    pub number: u64,
    pub name: String,
    /// JSON text.
    pub payload: String,
    /// The task that has told it; `None` for others.
    #[serde(rename = "taskID")]
    pub task: Option<String>,
    /// Milliseconds since 1970.
    pub at: u64,
}

/// Which events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    pub queue: String,
    pub name: Option<String>,
    #[serde(rename = "taskID")]
    pub task: Option<String>,
    /// Those after this number.
    pub after: u64,
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_attempts_is_as_the_strategy_says() {
        let strategy = |kind| RetryStrategy { kind, base_seconds: None, factor: None, max_seconds: None };
        assert_eq!(strategy(RetryKind::None).delay_ms(3), 0);
        assert_eq!(strategy(RetryKind::Fixed).delay_ms(3), 60_000);
        assert_eq!(strategy(RetryKind::Exponential).delay_ms(1), 30_000);
        assert_eq!(strategy(RetryKind::Exponential).delay_ms(3), 120_000);
        let own = RetryStrategy {
            kind: RetryKind::Exponential,
            base_seconds: Some(0.5),
            factor: Some(3.0),
            max_seconds: Some(4.0),
        };
        assert_eq!([1, 2, 3, 4000].map(|attempt| own.delay_ms(attempt)), [500, 1_500, 4_000, 4_000]);
        // No overflow, whatever is asked for.
        let endless = RetryStrategy { max_seconds: None, ..own };
        assert_eq!(endless.delay_ms(u32::MAX), u64::MAX);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let spawn = |text: &str| {
            let base = serde_json::json!({ "queue": "q", "name": "n", "params": "1", "maxAttempts": 5 });
            let mut value = base;
            let more: serde_json::Value = serde_json::from_str(text).unwrap();
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Spawn>(value).unwrap().mistake().map(|(option, _)| option)
        };
        assert_eq!(spawn("{}"), None);
        for (text, option) in [
            (r#"{"maxAttempts":0}"#, "maxAttempts"),
            (r#"{"maxAttempts":1.5}"#, "maxAttempts"),
            (r#"{"retryStrategy":{"kind":"fixed","baseSeconds":-1}}"#, "retryStrategy.baseSeconds"),
            (r#"{"cancellation":{"maxDelay":-0.5}}"#, "cancellation.maxDelay"),
        ] {
            assert_eq!(spawn(text), Some(option), "{text}");
        }
    }
}
