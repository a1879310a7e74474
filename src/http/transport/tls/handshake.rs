//! One handshake, and how it ended.

use super::Tls;
use crate::metrics::Metrics;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// How a handshake ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// In a connection.
    Ok,
    /// The peer speaks no TLS that we speak, or wants no certificate of ours.
    Failed,
    /// The peer closed the connection, as one does that only looks whether somebody listens.
    Left,
    /// It took too long, or the server is stopping.
    CutOff,
}

impl Outcome {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Left,
            _ => Self::Failed,
        }
    }

    pub(super) const ALL: [Self; 4] = [Self::Ok, Self::Failed, Self::Left, Self::CutOff];

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Left => "left",
            Self::CutOff => "cut_off",
        }
    }
}

/// Counts a handshake when it has ended, or was dropped.
struct Counted {
    metrics: Arc<Metrics>,
    outcome: Outcome,
}

impl Counted {
    fn ends_in(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.tls_handshakes_total.with_label_values(&[self.outcome.code()]).inc();
    }
}

impl Tls {
    /// Makes the handshake. None: it failed, and the socket is closed. The peer was told by an alert, as TLS has it, and nobody
    /// else is told anything: anybody can make it fail.
    pub(in super::super) fn handshake(
        &self,
        socket: TcpStream,
    ) -> impl Future<Output = Option<Box<TlsStream<TcpStream>>>> + use<> {
        let accept = self.acceptor.accept(socket);
        let mut counted = Counted { metrics: self.metrics.clone(), outcome: Outcome::CutOff };
        async move {
            let stream = accept.await;
            counted.ends_in(stream.as_ref().map_or_else(Outcome::of, |_| Outcome::Ok));
            stream.ok().map(Box::new)
        }
    }
}
