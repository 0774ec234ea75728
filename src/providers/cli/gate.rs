//! How many agents of one provider run at once, and how fast they may start: `concurrency`, `staggerMs`, `rate`.
//!
//! Places are given in the order in which they are asked for. Looks at no clock: what has to be waited for is a place
//! that somebody gives back later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::model::provider::ProviderSettings;

/// The way in.
pub(super) struct Gate {
    concurrency: Option<Arc<Semaphore>>,
    /// Starts, and how long each of them counts.
    starts: Vec<(Arc<Semaphore>, Duration)>,
}

/// The right to run; given back when it is dropped.
pub(super) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(super) fn new(settings: &ProviderSettings) -> Self {
        let places = |count: u32| Arc::new(Semaphore::new(count as usize));
        let stagger =
            settings.stagger.filter(|stagger| !stagger.is_zero()).map(|stagger| (places(1), stagger));
        let rate = settings.rate.map(|rate| (places(rate.starts), rate.per));
        Self {
            concurrency: settings.concurrency.map(places),
            starts: stagger.into_iter().chain(rate).collect(),
        }
    }

    /// Waits until one more may start.
    pub(super) async fn enter(&self) -> Place {
        let permit = match &self.concurrency {
            // Nobody closes it, so there is always a permit at last.
            Some(places) => places.clone().acquire_owned().await.ok(),
            None => None,
        };
        for (starts, counts_for) in &self.starts {
            if let Ok(start) = starts.clone().acquire_owned().await {
                let counts_for = *counts_for;
                tokio::spawn(async move {
                    sleep(counts_for).await;
                    drop(start);
                });
            }
        }
        Place { _permit: permit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::provider::Rate;
    use futures_util::FutureExt as _;

    #[tokio::test(start_paused = true)]
    async fn places_are_given_back() {
        let gate = Gate::new(&ProviderSettings { concurrency: Some(2), ..ProviderSettings::default() });
        let first = gate.enter().await;
        let _second = gate.enter().await;
        assert!(gate.enter().now_or_never().is_none());
        drop(first);
        assert!(gate.enter().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn starts_are_spread() {
        for settings in [
            ProviderSettings { stagger: Some(Duration::from_secs(5)), ..ProviderSettings::default() },
            ProviderSettings {
                rate: Some(Rate { starts: 1, per: Duration::from_secs(5) }),
                ..ProviderSettings::default()
            },
        ] {
            let gate = Gate::new(&settings);
            drop(gate.enter().await);
            assert!(gate.enter().now_or_never().is_none(), "{settings:?}");
            // Time is not real here: it goes on when nothing else can.
            let waited = tokio::time::timeout(Duration::from_secs(4), gate.enter()).await;
            assert!(waited.is_err(), "{settings:?}");
            assert!(tokio::time::timeout(Duration::from_secs(2), gate.enter()).await.is_ok(), "{settings:?}");
        }
    }
}
