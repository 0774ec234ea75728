//! The answer to a write, some time later.
//!
//! What was written is not known here.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::model::store::StoreError;

/// Resolves when the write is done, or has failed. It does not have to be awaited.
#[derive(Debug)]
#[must_use = "a write that nobody looks at may have failed"]
pub struct Pending<T>(State<T>);

#[derive(Debug)]
enum State<T> {
    Refused(Option<StoreError>),
    Waiting(oneshot::Receiver<Result<T, StoreError>>),
}

impl<T> Pending<T> {
    /// One that was refused before it was tried.
    pub(crate) fn refused(error: StoreError) -> Self {
        Self(State::Refused(Some(error)))
    }

    /// One for which there was nothing to do.
    pub(super) fn ready(value: T) -> Self {
        let (sender, pending) = Self::new();
        // The receiver is there.
        drop(sender.send(Ok(value)));
        pending
    }

    /// One that will be answered.
    pub(super) fn new() -> (oneshot::Sender<Result<T, StoreError>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(State::Waiting(receiver)))
    }

    /// Waits on this thread, which must not be one of tokio's workers.
    ///
    /// # Errors
    /// What the write failed with.
    pub fn wait(self) -> Result<T, StoreError> {
        match self.0 {
            State::Refused(error) => Err(error.unwrap_or(StoreError::Closed)),
            State::Waiting(receiver) => receiver.blocking_recv().unwrap_or(Err(StoreError::Closed)),
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.take().unwrap_or(StoreError::Closed))),
            // Without a sender the store's thread is gone.
            State::Waiting(receiver) => {
                Pin::new(receiver).poll(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
            }
        }
    }
}
