//! Other people's limits: while a provider's service is used up or overloaded, none of its waiting calls is started.
//!
//! How long that is, the provider says, or it is guessed, longer each time. Calls do not come back all at once: each
//! waits a little more or less than the others.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Core;
use crate::model::ids::CallId;
use crate::model::outcome::Wait;

/// The first wait where nobody says how long, doubled each time.
const FIRST: Duration = Duration::from_secs(5);
/// Doubling stops here: a limit is looked at every few minutes.
const LONGEST: Duration = Duration::from_secs(300);
/// What is added at most to a time that was told, so that not all calls come at that very moment.
const SPREAD: Duration = Duration::from_secs(30);

/// The providers that calls wait for.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<Option<String>, Held>);

/// One provider that has no room.
#[derive(Debug, Default)]
struct Held {
    /// Calls that were turned away and have not yet waited long enough.
    limited: usize,
    /// Calls that have not been tried, in order.
    calls: VecDeque<CallId>,
}

impl Limits {
    /// Sets a call aside if there is no use in starting it now.
    pub(super) fn hold(&mut self, provider: &Option<String>, call: CallId) -> bool {
        let held = self.0.get_mut(provider);
        held.map(|held| held.calls.push_back(call)).is_some()
    }
}

/// How long a call waits for a limit when it was turned away `times` times before. `noise` is from 0 to 1.
pub(super) fn delay(wait: Wait, times: u32, noise: f64) -> Duration {
    match wait.after {
        Some(told) => told + (told / 10 + Duration::from_secs(1)).min(SPREAD).mul_f64(noise),
        None => {
            let factor = 1u32.checked_shl(times).unwrap_or(u32::MAX);
            let longest = FIRST.saturating_mul(factor).min(LONGEST);
            longest.mul_f64(0.5 + noise / 2.0)
        }
    }
}

/// A number from 0 to 1 that looks like chance and is not: of the same run, call and wait it is the same. The constants
/// are those of the generator SplitMix64.
pub(super) fn noise(seed: u64, call: CallId, times: u32) -> f64 {
    let mut bits = seed ^ call.0.rotate_left(32) ^ u64::from(times);
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

impl Core {
    /// A provider has turned one of its calls away.
    pub(super) fn limit_reached(&mut self, provider: Option<String>) {
        self.limits.0.entry(provider).or_default().limited += 1;
    }

    /// One call has waited for its provider, or is not wanted any more. With the last of them the others may start.
    pub(super) fn limit_over(&mut self, provider: Option<String>) {
        let Some(held) = self.limits.0.get_mut(&provider) else { return };
        held.limited -= 1;
        if held.limited > 0 {
            return;
        }
        let Some(mut held) = self.limits.0.remove(&provider) else { return };
        held.calls.append(&mut self.waiting);
        self.waiting = held.calls;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::WaitReason;

    #[test]
    fn a_wait_is_as_long_as_was_told_or_doubles() {
        let seconds = Duration::from_secs;
        let wait = |after| Wait { reason: WaitReason::RateLimited, after, until: None, limit: seconds(9999) };
        for (after, times, least, most) in [
            (Some(seconds(60)), 0, seconds(60), seconds(67)),
            (Some(seconds(3600)), 5, seconds(3600), seconds(3630)),
            (Some(Duration::ZERO), 0, Duration::ZERO, seconds(1)),
            (None, 0, seconds(5) / 2, seconds(5)),
            (None, 2, seconds(10), seconds(20)),
            (None, 40, seconds(150), seconds(300)),
        ] {
            assert_eq!(delay(wait(after), times, 0.0), least);
            assert_eq!(delay(wait(after), times, 1.0), most);
        }
    }

    #[test]
    fn noise_differs_between_calls_and_waits() {
        let all: Vec<f64> =
            (0..100).flat_map(|call| (0..2).map(move |times| noise(7, CallId(call), times))).collect();
        assert!(all.iter().all(|noise| (0.0..1.0).contains(noise)));
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        assert!((0.4..0.6).contains(&mean), "{mean}");
        assert_eq!(noise(7, CallId(1), 1), noise(7, CallId(1), 1));
        assert_ne!(noise(7, CallId(1), 1), noise(8, CallId(1), 1));
    }
}
