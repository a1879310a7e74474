//! From two PEM files to a certificate and key that fit together.

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, RootCertStore};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes of a file at most: a long chain has some ten thousand.
const MOST: u64 = 1024 * 1024;
/// The first second of the year 10000. No certificate can name it.
const AFTER_ALL: Duration = Duration::from_secs(253_402_300_800);

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// The one cryptographic library.
pub(super) fn provider() -> Arc<CryptoProvider> {
    PROVIDER.clone()
}

/// Why a certificate and key cannot be used, in a sentence that says what to do. Shows nothing of what is in the files.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub(super) String);

/// Where a certificate and its key are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// PEM: the server's certificate, then its intermediates.
    pub cert: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

/// A certificate and the key that belongs to it.
pub struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// When the certificate ends, in seconds since 1970.
    pub ends_at: i64,
}

impl Pair {
    /// Reads both files.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let (cert, key) = (files.cert.display(), files.key.display());
        let chain = chain(&files.cert)?;
        let ends_at = ends_at(&chain[0]).map_err(|error| {
            TlsError(format!("the first certificate in `tls.cert` {cert} cannot be read: {error}; issue it anew"))
        })?;
        let private = private_key(&files.key)?;
        let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
            Error::InconsistentKeys(_) => TlsError(format!(
                "`tls.key` {key} does not belong to the first certificate in `tls.cert` {cert}: name the two files that were made together, with the server's certificate before its intermediates"
            )),
            error => TlsError(format!(
                "the private key in `tls.key` {key} cannot be used: {error}; it must be RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519"
            )),
        })?;
        Ok(Self { certified: Arc::new(certified), ends_at })
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let shown = path.display();
    let text = contents("tls.cert", path, |_| Ok(()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    // An error would show the line it is about, and the file named here may be the key's.
    let chain = chain.map_err(|_| {
        TlsError(format!(
            "`tls.cert` {shown} is no PEM file that can be read: write each certificate between lines of their own, -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----"
        ))
    })?;
    if chain.is_empty() {
        return Err(TlsError(format!(
            "`tls.cert` {shown} holds no certificate: write the server's certificate there as PEM, and its intermediates behind it"
        )));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let shown = path.display();
    let text = contents("tls.key", path, |file| {
        // Whoever may exchange root's files may do anything; its group is those whom root lets read.
        let (allowed, advice) = if file.uid() == 0 { (0o640, "640") } else { (0o600, "600") };
        match file.mode() & 0o777 & !allowed {
            0 => Ok(()),
            _ => Err(TlsError(format!(
                "`tls.key` {shown} holds a private key but others than its owner may use it: run `chmod {advice} {shown}`"
            ))),
        }
    })?;
    // What the file holds instead is not for diagnostics.
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        TlsError(format!(
            "`tls.key` {shown} holds no private key that can be read: it must be PEM of PKCS#8, PKCS#1 or SEC1, without a passphrase"
        ))
    })
}

/// Reads a file once its owner and mode were looked at.
fn contents(
    name: &str,
    path: &Path,
    look: impl FnOnce(&std::fs::Metadata) -> Result<(), TlsError>,
) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let shown = path.display();
    let fault = |error: std::io::Error| TlsError(format!("cannot read `{name}` {shown}: {error}"));
    let file = File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if !metadata.is_file() {
        return Err(TlsError(format!("`{name}` {shown} is not a file: name a PEM file")));
    }
    look(&metadata)?;
    let mut text = Zeroizing::new(Vec::new());
    file.take(MOST).read_to_end(&mut text).map_err(fault)?;
    Ok(text)
}

/// When a certificate ends, in seconds since 1970. Told by whoever verifies certificates: at a time when none is valid any more, it
/// says since when this one is not.
fn ends_at(certificate: &CertificateDer<'_>) -> Result<i64, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let algorithms = provider().signature_verification_algorithms.all;
    let nobody = RootCertStore::empty();
    let now = UnixTime::since_unix_epoch(AFTER_ALL);
    match verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], now, algorithms) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Ok(i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX))
        }
        Err(error) => Err(error),
        Ok(()) => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
    }
}
