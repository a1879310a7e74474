//! One connection to the server, made when it is first needed and again when it was closed.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::RETRY_AFTER;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// What is sent.
pub type Request = hyper::Request<Full<Bytes>>;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Whether it says when to come again.
    pub retry_after: bool,
    /// Its body.
    pub body: Bytes,
}

/// A connection, or the place for one.
pub struct Lane {
    address: SocketAddr,
    timeout: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Lane {
    /// A place for a connection. `timeout` bounds one request, and making the connection for it.
    pub fn new(address: SocketAddr, timeout: Duration) -> Self {
        Self { address, timeout, sender: None }
    }

    /// Sends a request and takes the whole answer. Must be called where local tasks run.
    ///
    /// # Errors
    /// What went wrong, in a word or two: it is counted by it. The connection is closed then.
    pub async fn ask(&mut self, request: Request) -> Result<Answer, String> {
        let asked = tokio::time::timeout(self.timeout, self.ask_at_length(request)).await;
        let answer = asked.unwrap_or_else(|_| Err("timeout".to_owned()));
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    async fn ask_at_length(&mut self, request: Request) -> Result<Answer, String> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            self.sender = Some(connect(self.address).await.map_err(|error| format!("not connected: {error}"))?);
        }
        let sender = self.sender.as_mut().ok_or("not connected")?;
        let broken = |error: hyper::Error| format!("broken off: {error}");
        sender.ready().await.map_err(broken)?;
        let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), retry_after: head.headers.contains_key(RETRY_AFTER), body })
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.kind().to_string())?;
    stream.set_nodelay(true).map_err(|error| error.kind().to_string())?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::task::spawn_local(async move {
        // How it ended is told to whoever waits for an answer on it.
        let _ = connection.await;
    });
    Ok(sender)
}
