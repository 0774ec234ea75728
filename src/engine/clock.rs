//! The one place that looks at a clock, so that tests can pause time.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, for people who read events, and for limits that end at a certain time.
pub(super) fn now_ms() -> u64 {
    time_of_day()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(not(test))]
fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// Where a test has paused time, that of the day stands still and goes on with it.
#[cfg(test)]
fn time_of_day() -> SystemTime {
    use std::sync::LazyLock;
    use tokio::time::Instant;

    static START: LazyLock<(SystemTime, Instant)> =
        LazyLock::new(|| (SystemTime::now(), std::time::Instant::now().into()));
    START.0 + Instant::now().duration_since(START.1)
}

/// Waits; on tokio's clock, which tests pause.
pub(super) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// The longest stretch that is waited without a look at the time of day: other clocks stand still while a machine sleeps,
/// and the time of day may be set.
const STRETCH: Duration = Duration::from_secs(60);

/// Waits until a time in milliseconds since 1970.
pub(super) async fn sleep_until(ms: u64) {
    loop {
        let left = Duration::from_millis(ms.saturating_sub(now_ms()));
        if left <= STRETCH {
            // Also where nothing is left: what is over by now ends in order, and not before what is under way.
            return sleep(left).await;
        }
        sleep(STRETCH).await;
    }
}

/// Waits for a future, but not for ever: `None` if it took too long. The future is dropped then.
pub(super) async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(duration, future).await.ok()
}

/// How long it is until a time in seconds since 1970; nothing if that is over.
pub(super) fn until(seconds: u64) -> Duration {
    Duration::from_secs(seconds).saturating_sub(Duration::from_millis(now_ms()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_of_day_is_waited_for_and_not_once_it_is_over() {
        let started = tokio::time::Instant::now();
        sleep_until(now_ms() + 30_000).await;
        let waited = started.elapsed();
        assert!(waited > Duration::from_secs(29) && waited <= Duration::from_millis(30_002), "{waited:?}");
        for over in [0, now_ms()] {
            sleep_until(over).await;
        }
        assert!(started.elapsed() - waited <= Duration::from_millis(4));
    }
}
