//! TLS at our own doors: one certificate for all connections, exchanged while they go on.
//!
//! The handshake is made on the accepted socket, before there is a dispatcher, under the timer that `watch` holds over the
//! connection. What follows reads and writes the stream as it would a plain one.

mod files;
mod handshake;
mod stamps;

#[cfg(test)]
mod tests;

pub use files::{Pair, TlsError, TlsFiles};

use crate::metrics::Metrics;
use files::provider;
use handshake::Outcome;
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use stamps::{Seen, Stamps};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// The certificate in use.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One certificate, whatever name was asked for: whoever reaches the socket may know it.
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// The server's side of TLS. It is shared by all workers.
pub struct Tls {
    files: TlsFiles,
    seen: Mutex<Seen>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
    metrics: Arc<Metrics>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them, in a sentence that says what to do.
    pub fn open(files: TlsFiles, metrics: Arc<Metrics>) -> Result<Self, TlsError> {
        let stamps = Stamps::of(&files);
        let pair = Pair::read(&files)?;
        metrics.tls_certificate_expires_seconds.set(pair.ends_at);
        for outcome in Outcome::ALL {
            drop(metrics.tls_handshakes_total.with_label_values(&[outcome.code()]));
        }
        let current = Arc::new(Current(RwLock::new(pair.certified)));
        let acceptor = TlsAcceptor::from(Arc::new(settings(current.clone())?));
        Ok(Self { files, seen: Mutex::new(Seen::new(stamps)), current, acceptor, metrics })
    }

    /// When the certificate in use ends, in seconds since 1970.
    pub fn ends_at(&self) -> i64 {
        self.metrics.tls_certificate_expires_seconds.get()
    }

    /// Looks whether the files have changed and have come to rest since; then reads them and takes a pair that can be used for
    /// connections that begin from then on. Blocks on the files. None: there was nothing to do.
    ///
    /// # Errors
    /// Why the files cannot be used; once for each change.
    pub fn look(&self) -> Option<Result<i64, TlsError>> {
        let stamps = Stamps::of(&self.files);
        let changed = self.seen.lock().unwrap_or_else(PoisonError::into_inner).look(stamps);
        changed.then(|| self.take())
    }

    /// Reads the files, changed or not, and takes a pair that can be used. Says when its certificate ends, in seconds since 1970.
    /// Blocks on the files.
    ///
    /// # Errors
    /// Why they cannot be used. The pair in use stays.
    pub fn take_again(&self) -> Result<i64, TlsError> {
        let stamps = Stamps::of(&self.files);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).settle(stamps);
        self.take()
    }

    fn take(&self) -> Result<i64, TlsError> {
        let pair = Pair::read(&self.files)?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = pair.certified;
        self.metrics.tls_certificate_expires_seconds.set(pair.ends_at);
        Ok(pair.ends_at)
    }
}

fn settings(current: Arc<Current>) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TlsError(format!("TLS cannot be set up: {error}")))?;
    let mut settings = builder.with_no_client_auth().with_cert_resolver(current);
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Nothing is kept by which a session could be taken up again: a key of tickets in memory would open what was recorded, and
    // those who ask often keep their connections.
    settings.session_storage = Arc::new(NoServerSessionStorage {});
    settings.send_tls13_tickets = 0;
    Ok(settings)
}
