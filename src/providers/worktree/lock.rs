//! One at a time in a checkout, whoever else is at work there: in this process by a queue, between processes by a file
//! that the operating system locks, and unlocks when its holder ends in whatever way.
//!
//! Knows a file and nothing of what is done while it is held. Nobody asks again and again: the queue wakes the next one,
//! and the one who is first in it waits inside the system.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tokio::sync::{Mutex as Queue, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

/// How long another process may keep it. Whoever waits in this process waits for as long as it takes: those before him
/// get on, or run into this limit themselves.
const LIMIT: Duration = Duration::from_secs(60);

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    /// Before the turn, so that the next one finds it free.
    _file: Held,
    _turn: OwnedMutexGuard<()>,
}

#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing it would do, but for a child that is being started at this moment and has a copy.
        drop(self.0.unlock());
    }
}

/// Waits for its turn; `None` if another process keeps it, or if there is no such file to be had.
pub(super) async fn lock(path: &Path) -> Option<Lock> {
    let turn = queue(path).lock_owned().await;
    let file = File::create(path).ok()?;
    let file = match file.try_lock() {
        // Without locks in the file system the queue has to do.
        Ok(()) | Err(TryLockError::Error(_)) => Held(file),
        Err(TryLockError::WouldBlock) => timeout(LIMIT, wait(file).ok()?).await.ok()?.ok()?,
    };
    Some(Lock { _file: file, _turn: turn })
}

/// A thread of its own waits for a file, since nothing else wakes whoever waits for one. It gives the lock back at once
/// if nobody wants it any more, and does not keep a process from ending.
fn wait(file: File) -> io::Result<oneshot::Receiver<Held>> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("merge lock".to_owned()).spawn(move || {
        // An error is the system's way to say that there are no locks after all.
        drop(file.lock());
        drop(sender.send(Held(file)));
    })?;
    Ok(receiver)
}

/// The queue for a file, as long as anybody is in it.
fn queue(path: &Path) -> Arc<Queue<()>> {
    static QUEUES: Mutex<BTreeMap<PathBuf, Weak<Queue<()>>>> = Mutex::new(BTreeMap::new());
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    queues.retain(|_, queue| queue.strong_count() > 0);
    if let Some(queue) = queues.get(path).and_then(Weak::upgrade) {
        return queue;
    }
    let queue = Arc::new(Queue::new(()));
    queues.insert(path.to_owned(), Arc::downgrade(&queue));
    queue
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::pin::pin;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("merge.lock");
        (folder, path)
    }

    #[tokio::test]
    async fn turns_are_taken_in_order() {
        let (_folder, path) = place();
        let first = lock(&path).await.unwrap();
        let mut second = pin!(lock(&path));
        let mut third = pin!(lock(&path));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        drop(first);
        assert!(poll!(&mut third).is_pending(), "it is not his turn");
        let second = second.await.unwrap();
        drop(second);
        assert!(third.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_process_holds_is_waited_for_and_not_for_ever() {
        let (_folder, path) = place();
        // Another open file is to the system what another process is.
        let other = File::create(&path).unwrap();
        other.lock().unwrap();
        let mut waiting = pin!(lock(&path));
        assert!(poll!(&mut waiting).is_pending());
        other.unlock().unwrap();
        tokio::time::resume();
        drop(waiting.await.unwrap());
        other.lock().unwrap();
        tokio::time::pause();
        // Paused time runs to the limit.
        assert!(lock(&path).await.is_none());
        other.unlock().unwrap();
        tokio::time::resume();
        assert!(lock(&path).await.is_some());
    }

    #[tokio::test]
    async fn there_is_none_without_a_file() {
        assert!(lock(Path::new("/no/such/folder/merge.lock")).await.is_none());
    }
}
