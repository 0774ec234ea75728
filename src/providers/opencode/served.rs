//! Asks a server of OpenCode's for a structured answer: starts it, makes a session, sends the message, ends it. One
//! server for each attempt, on a port of this machine that is its own.
//!
//! What is sent is decided in `command.rs`, what the replies mean in `output/server.rs`.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::command::Served;
use super::output::events::Events;
use super::output::server::{Exchange, address, body, created, ended_early, too_late};
use crate::model::json as parser;
use crate::providers::answer::{Answer, Failure, FailureKind, Progress, Record, unusable};
use crate::providers::classify::classify;
use crate::providers::cli::{Told, exit};
use crate::providers::process::{Command, End, ProcessError, Server, ServerError, Watch};
use crate::providers::text;

/// Why there is no answer.
pub enum Error {
    /// The server could not be started.
    NotStarted(ProcessError),
    /// It did not do what it should.
    Failed(Failure),
    /// Nothing was heard of the session for too long.
    Stalled,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Bytes of a reply that are taken; what is longer is no answer.
const MAX_REPLY: usize = 64 << 20;

/// Bytes of the server's own words that are kept.
const MAX_LOGS: usize = 64 << 10;

/// How long a reply may take that nobody needs: the session's totals, and the news that it is to stop.
const ASIDE: Duration = Duration::from_secs(2);

/// What `encodeURIComponent` leaves alone.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Asks for one structured answer. `command` and `watch` start the server, `stall` is how long nothing may be heard of
/// the session; `total` is what a session that is gone on with has cost before. Dropping the future tells the server to stop the agent, and ends it.
///
/// # Errors
/// [`Error`]; the server is ended then as well.
pub(in crate::providers) async fn ask(
    served: &Served,
    command: Command,
    watch: Watch,
    stall: Option<Duration>,
    total: Option<&Value>,
    told: &Told,
) -> Result<Answer, Error> {
    let logs = Arc::new(Mutex::new(String::new()));
    let (server, url) = start(command, watch, &logs).await?;
    let client = Client::new(&url, served);
    let mut running = Running { client: client.clone(), server: Some(server), session: None };
    let made = match &served.session {
        Some(_) => None,
        None => running.post("/session", &served.session_body).await?,
    };
    let session = match &served.session {
        Some(session) => session.clone(),
        None => created(made.as_ref())?,
    };
    running.session = Some(session.clone());
    told.note(vec![Progress::Session(session.clone())]);
    let path = format!("/session/{}", utf8_percent_encode(&session, COMPONENT));
    let message_path = format!("{path}/message");
    let response = {
        let mut reply = std::pin::pin!(running.post(&message_path, &served.message_body));
        tokio::select! {
            biased;
            response = &mut reply => response?,
            () = client.follow(&session, stall, told) => return Err(Error::Stalled),
        }
    };
    // It is done: there is nothing left to stop.
    running.session = None;
    let totals = client.totals(&path).await;
    let logs = logs.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let exchange = Exchange {
        session: made.as_ref().unwrap_or(&Value::Null),
        session_id: &session,
        response: response.as_ref(),
        totals: totals.as_ref(),
        session_total: total,
        logs: &logs,
    };
    Ok(exchange.finish()?)
}

async fn start(command: Command, watch: Watch, logs: &Arc<Mutex<String>>) -> Result<(Server, String), Error> {
    let kept = Arc::clone(logs);
    let ready = move |line: crate::providers::process::Line<'_>| {
        let mut logs = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.len() < MAX_LOGS {
            logs.push_str(&text::shorten(&line.text(), MAX_LOGS));
            logs.push('\n');
        }
        address(&logs).map(str::to_owned)
    };
    let error = match Server::start(command, watch, ready).await {
        Ok(started) => return Ok(started),
        Err(error) => error,
    };
    let said = logs.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut words = String::new();
    let message = match error {
        ServerError::Process(error) => return Err(Error::NotStarted(error)),
        ServerError::Late(_) => too_late(&said),
        ServerError::Ended(ended) => match ended.end {
            End::Exited(status) => {
                words = format!("{said}{}", ended.stderr);
                ended_early(&exit(status), &words)
            }
            End::Timeout | End::Stall | End::Cancelled | End::Stopped => {
                "OpenCode server was stopped before it was ready".to_owned()
            }
        },
    };
    Err(Error::Failed(ended(message, &words)))
}

/// A failure of the server itself; `said` is what it said about it.
fn ended(message: String, said: &str) -> Failure {
    let kind = match classify(None, said) {
        FailureKind::Other => FailureKind::Ended,
        kind => kind,
    };
    Failure { kind, ..unusable(message, Record::default()) }
}

/// A server with the session that is under way on it. Dropping it stops the agent first: commands that it has started
/// outlive the server otherwise.
struct Running {
    client: Client,
    server: Option<Server>,
    session: Option<String>,
}

impl Running {
    /// Sends a request and waits for the reply, however long it takes.
    async fn post(&mut self, path: &str, content: &Value) -> Result<Option<Value>, Failure> {
        let url = self.client.url(path);
        match self.client.send(Method::POST, path, content.to_string()).await {
            Ok((status, reply)) => body(&url, status, &reply),
            Err(error) => Err(self.lost(&url, &error).await),
        }
    }

    /// What to say of a connection that broke: how the server ended, if it did.
    async fn lost(&mut self, url: &str, error: &str) -> Failure {
        let over = match &mut self.server {
            Some(server) => timeout(ASIDE, server.ended()).await.ok().and_then(Result::ok),
            None => None,
        };
        let Some(over) = over else { return ended(format!("POST {url} failed: {error}"), error) };
        // What is over needs no stopping.
        self.server = None;
        self.session = None;
        let how = match over.end {
            End::Exited(status) => format!("exited with {status}"),
            End::Timeout | End::Stall | End::Cancelled | End::Stopped => "was stopped".to_owned(),
        };
        let said = text::shorten(text::trim(&over.stderr), 4000);
        let colon = if said.is_empty() { "" } else { ": " };
        ended(format!("OpenCode server {how}{colon}{said}"), &said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (Some(server), Some(session)) = (self.server.take(), self.session.take()) else { return };
        let client = self.client.clone();
        // Without a runtime the server is being killed already.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let path = format!("/session/{}/abort", utf8_percent_encode(&session, COMPONENT));
                // If it does not answer, ending it has to do.
                drop(timeout(ASIDE, client.send(Method::POST, &path, String::new())).await);
                drop(server);
            });
        }
    }
}

/// The way to the server.
#[derive(Clone)]
struct Client {
    base: String,
    /// Host and port.
    authority: String,
    /// The query of every request.
    query: String,
}

impl Client {
    fn new(url: &str, served: &Served) -> Self {
        let base = url.trim_end_matches('/').to_owned();
        let after = base.strip_prefix("http://").unwrap_or(&base);
        let authority = after.split('/').next().unwrap_or(after).to_owned();
        let directory = served.directory.clone().or_else(|| env::current_dir().ok()).unwrap_or_default();
        let directory = directory.to_string_lossy();
        let query = format!("directory={}", utf8_percent_encode(&directory, COMPONENT));
        Self { base, authority, query }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}?{}", self.base, self.query)
    }

    /// One request on a connection of its own; the connection lives as long as the handle.
    async fn open(
        &self,
        method: Method,
        path: &str,
        content: String,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), String> {
        let said = |error: &dyn std::error::Error| match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let stream = TcpStream::connect(&self.authority).await.map_err(|error| said(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| said(&error))?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // What goes wrong with it, whoever waits for the reply hears of.
            drop(connection.await);
        }));
        let prefix = self.base.strip_prefix("http://").unwrap_or_default();
        let prefix = prefix.strip_prefix(&self.authority).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{prefix}{path}?{}", self.query))
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(content)))
            .map_err(|error| said(&error))?;
        let response = sender.send_request(request).await.map_err(|error| said(&error))?;
        Ok((response, connection))
    }

    /// Sends a request; the reply's status and text.
    async fn send(&self, method: Method, path: &str, content: String) -> Result<(u16, String), String> {
        let (response, _connection) = self.open(method, path, content).await?;
        let status = response.status().as_u16();
        let reply = Limited::new(response.into_body(), MAX_REPLY).collect().await;
        let reply = reply.map_err(|error| error.to_string())?;
        Ok((status, String::from_utf8_lossy(&reply.to_bytes()).into_owned()))
    }

    /// What the session has cost, if the server says so.
    async fn totals(&self, path: &str) -> Option<Value> {
        let reply = timeout(ASIDE, self.send(Method::GET, path, String::new())).await;
        match reply {
            Ok(Ok((200, text))) => parser::parse(&text).ok(),
            _ => None,
        }
    }

    /// Follows the events of a session. Returns when nothing was heard of it for so long; never without a limit.
    async fn follow(&self, session: &str, limit: Option<Duration>, told: &Told) {
        let mut events = std::pin::pin!(self.open(Method::GET, "/event", String::new()));
        let mut over = std::pin::pin!(silence(limit));
        let (mut stream, _connection) = tokio::select! {
            biased;
            opened = &mut events => match opened {
                Ok((response, connection)) => (response.into_body(), connection),
                // A server without events says nothing.
                Err(_) => return over.await,
            },
            () = &mut over => return,
        };
        let mut events = Events::new(session);
        loop {
            let frame = tokio::select! {
                biased;
                frame = stream.frame() => frame,
                () = &mut over => return,
            };
            let Some(Ok(frame)) = frame else { return over.await };
            let Some(data) = frame.data_ref() else { continue };
            let (heard, progress) = events.feed(data);
            told.note(progress);
            // Other events are no sign of life: the server says every now and then that it is there.
            if heard {
                over.set(silence(limit));
            }
        }
    }
}

async fn silence(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}
