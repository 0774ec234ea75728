//! A child that stays: started, waited for until it says that it is ready, and ended when nobody needs it any more.
//!
//! How to talk to it once it is ready (HTTP, mostly) is its provider's business.

use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Command, Exit, Flow, Line, ProcessError, Watch, output_of, run, timer};

/// A server that is running. What it writes is read and dropped, so that it never waits for a reader. Dropping this
/// ends it with its whole tree, in the background.
pub struct Server {
    run: AbortOnDropHandle<Result<Exit, ProcessError>>,
}

/// Why a server did not become ready.
#[derive(Debug, Error)]
pub enum ServerError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It exited before it was ready, or the engine shut down.
    #[error("the server ended before it was ready")]
    Ended(Exit),
    /// It was still not ready after `Watch::timeout`.
    #[error("the server was not ready after {} ms", .0.as_millis())]
    Late(Duration),
}

impl Server {
    /// Starts a server and gives every line of its stdout to `ready` until that finds what it looks for, such as an
    /// address. Of `watch`, `timeout` is how long that may take; `stall` is ignored, since servers are silent.
    /// Dropping the future ends what was started.
    ///
    /// # Errors
    /// [`ServerError`]; what was started is ended then, as by [`run`].
    pub async fn start<T: Send + 'static>(
        command: Command,
        watch: Watch,
        mut ready: impl FnMut(Line<'_>) -> Option<T> + Send + 'static,
    ) -> Result<(Self, T), ServerError> {
        let limit = watch.timeout;
        let watch = Watch { timeout: None, stall: None, ..watch };
        let (found, mut answer) = oneshot::channel();
        let mut found = Some(found);
        let on_line = move |line: Line<'_>| {
            if found.is_some()
                && let Some(value) = ready(line)
                && let Some(found) = found.take()
            {
                // Nobody waits any more if this is too late; the server is being ended then.
                drop(found.send(value));
            }
            Flow::Continue
        };
        let work = run(command, watch, CancellationToken::new(), on_line);
        let mut run = AbortOnDropHandle::new(tokio::spawn(work));
        tokio::select! {
            biased;
            // No value will come if the run is over, which is for the next branch to tell.
            Ok(value) = &mut answer => Ok((Self { run }, value)),
            ended = &mut run => Err(ServerError::Ended(output_of(ended).await?)),
            () = timer(limit) => Err(ServerError::Late(limit.unwrap_or_default())),
        }
    }

    /// Waits until the server ends without having been asked to. Cancel safe; to be awaited to its end only once.
    ///
    /// # Errors
    /// [`ProcessError::Lost`].
    pub async fn ended(&mut self) -> Result<Exit, ProcessError> {
        output_of((&mut self.run).await).await
    }
}
