//! The ids of tasks and attempts: UUIDs of version 7, which sort by the time at which they were made.

use std::sync::Mutex;

use uuid::{ContextV7, Timestamp, Uuid};

/// Several ids of one millisecond follow each other, too.
static ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

pub(super) fn new(now: u64) -> String {
    let nanoseconds = u32::try_from(now % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(&ORDER, now / 1_000, nanoseconds)).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_uuids_that_sort_by_time() {
        let ids: Vec<String> = [1_700_000_000_000; 1_000].map(super::new).into();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
        // The time stands in front; the version in its place.
        assert!(ids.iter().all(|id| id.starts_with("018bcfe5-6800-7") && id.len() == 36), "{}", ids[0]);
    }
}
