//! `tls.*`, and which addresses may be listened on without it.

use super::raw::Raw;
use super::{Config, ConfigError};
use std::path::PathBuf;

/// `tls.*`: the files of the server's certificate. Whether they can be used is found out by whoever reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate and its intermediates.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

pub(super) fn read(raw: &Raw) -> Result<Option<TlsConfig>, ConfigError> {
    let half = |set: &str, other: &str| {
        Err(ConfigError(format!("`{set}` is set but `{other}` is not: set both for TLS, or neither for plain HTTP")))
    };
    match (raw.path("tls.cert")?, raw.path("tls.key")?) {
        (Some(cert), Some(key)) => Ok(Some(TlsConfig { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => half("tls.cert", "tls.key"),
        (None, Some(_)) => half("tls.key", "tls.cert"),
    }
}

/// Passwords and tokens cross no network in clear: what is served without TLS is served on a loopback address, or behind a proxy.
pub(super) fn check_reach(config: &Config) -> Result<(), ConfigError> {
    let open = |address: std::net::SocketAddr| !address.ip().is_loopback() && !config.http.behind_proxy;
    let listen = config.http.listen;
    if open(listen) && config.tls.is_none() {
        return Err(ConfigError(format!(
            "`http.listen` is {listen}, which others can reach, but there is no TLS: set `tls.cert` and `tls.key`, or put a proxy that ends TLS in front and set `http.behind_proxy = true`, or listen on 127.0.0.1"
        )));
    }
    match config.metrics_listen.filter(|address| open(*address)) {
        Some(listen) => Err(ConfigError(format!(
            "`metrics.listen` is {listen}, which others can reach, and is plain HTTP whatever `tls.cert` says: listen on 127.0.0.1, or put a proxy that ends TLS in front and set `http.behind_proxy = true`"
        ))),
        None => Ok(()),
    }
}
