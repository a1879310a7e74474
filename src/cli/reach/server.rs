//! The doors of a running server, over HTTP. The API key goes only where the operator sent it: no redirect is followed, no proxy is
//! taken from the environment, and another machine is not asked in clear.

use super::{Body, Told};
use crate::cli::Failure;
use crate::cli::outward::straight;
use crate::cli::secret::{environment, secret_of};
use crate::config::Secret;
use crate::entropy::{SystemEntropy, token};
use std::path::Path;
use std::time::Duration;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{Request, Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};
use ureq::{Agent, Error};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take: a brake is answered when everything that was meant has ended.
const ANSWER: Duration = Duration::from_secs(150);
/// Bytes of an answer at most: a page of a list has far less.
const ANSWER_MAX: u64 = 16 << 20;
/// The variable of the API key.
const VARIABLE: &str = "COUNTERSIGN_API_KEY";

/// See the module.
pub struct Server {
    agent: Agent,
    base: String,
    authorization: Secret,
}

/// The API key: of a file, of standard input, or of the environment; never of an argument.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn api_key(file: Option<&Path>) -> Result<Secret, Failure> {
    let key = match (file, environment(VARIABLE)) {
        (Some(path), _) => secret_of(path, "the API key")?,
        (None, Some(key)) => Secret::new(key.trim_end().to_owned()),
        (None, None) => {
            return Err(Failure::usage(format!(
                "--server needs an API key: name its file with --api-key-file (- reads standard input), or set {VARIABLE}"
            )));
        }
    };
    if key.expose().is_empty() || !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage("the API key must be visible ASCII characters without spaces"));
    }
    Ok(key)
}

impl Server {
    /// A way to a server.
    ///
    /// # Errors
    /// The address or the certificates are not usable.
    pub fn new(url: &str, key: &Secret, ca_file: Option<&Path>, insecure_http: bool) -> Result<Self, Failure> {
        let base = base(url, insecure_http)?;
        let roots = ca_file.map_or(Ok(RootCerts::PlatformVerifier), certificates)?;
        let config = straight(roots).timeout_connect(Some(CONNECT)).timeout_global(Some(ANSWER)).build();
        let authorization = Secret::new(format!("Bearer {}", key.expose()));
        Ok(Self { agent: config.into(), base, authorization })
    }

    /// Asks a door. What is sent again, because the connection broke, is sent under the same `Idempotency-Key`.
    ///
    /// # Errors
    /// The server was not reached, or its answer not understood.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Body>) -> Result<Told, Failure> {
        let key = token(&SystemEntropy);
        let answer = self.send(method, path, body, &key).or_else(|error| match error {
            Error::Io(_) | Error::Protocol(_) => self.send(method, path, body, &key),
            error => Err(error),
        });
        let failed = |error: Error| Failure::new(format!("{}: {}", self.base, why(&error)));
        told(answer.map_err(failed)?).map_err(failed)
    }

    fn send(&self, method: &str, path: &str, body: Option<&Body>, key: &str) -> Result<Response<ureq::Body>, Error> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header(AUTHORIZATION, self.authorization.expose());
        if method == "GET" {
            return self.agent.run(request.body(()).map_err(Error::Http)?);
        }
        let mut request = request.header("Idempotency-Key", key);
        if let Some((name, value)) = body.and_then(|body| body.header) {
            request = request.header(name, value);
        }
        let (content_type, bytes) =
            body.map_or(("application/json", &b"{}"[..]), |body| (body.content_type, &body.bytes));
        self.agent.run(request.header(CONTENT_TYPE, content_type).body(bytes).map_err(Error::Http)?)
    }
}

fn told(mut response: Response<ureq::Body>) -> Result<Told, Error> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = header(RETRY_AFTER).and_then(|text| text.parse().ok());
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()?;
    Ok(Told { status, retry_after, body })
}

/// The address, checked, without a slash at its end.
fn base(url: &str, insecure_http: bool) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::usage(format!("--server {url:?}: {why}"));
    let uri: Uri = url.parse().map_err(|_| wrong("it is no address: use https://HOST, or http://127.0.0.1:PORT"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("it is no address: use https://HOST, or http://127.0.0.1:PORT"));
    };
    if authority.as_str().contains('@') || uri.query().is_some() {
        return Err(wrong("it must be an address alone, without user, password and query"));
    }
    match scheme {
        "https" => {}
        "http" if insecure_http || is_loopback(authority.host()) => {}
        "http" => {
            return Err(wrong(
                "over http:// everybody on the way reads the API key: use https://, or a tunnel to 127.0.0.1; --insecure-http \
                 sends it all the same",
            ));
        }
        _ => return Err(wrong("use https://, or http:// on this machine")),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The certificates of a file.
fn certificates(path: &Path) -> Result<RootCerts, Failure> {
    let failed = |why: String| Failure::usage(format!("--ca-file {}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let mut found: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&text) {
        match item.map_err(|error| failed(error.to_string()))? {
            PemItem::Certificate(certificate) => found.push(certificate),
            _ => return Err(failed("it must hold certificates (PEM) and nothing else".to_owned())),
        }
    }
    if found.is_empty() {
        return Err(failed("it holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&found))
}

/// Why there is no answer, with what to do.
fn why(error: &Error) -> String {
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nothing listens there: is the server running?".to_owned()
        }
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => not_believed(error),
            None => error.to_string(),
        },
        Error::HostNotFound => "there is no host of this name".to_owned(),
        Error::Timeout(_) => "no answer came in time: what was asked may be done all the same, look first".to_owned(),
        Error::Rustls(error) => not_believed(error),
        other => other.to_string(),
    }
}

fn not_believed(error: &rustls::Error) -> String {
    format!("its certificate or its TLS is not believed ({error}): a private CA is named with --ca-file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_asked_in_clear_only_by_those_who_say_so() {
        for url in [
            "https://auth.example.com",
            "http://127.0.0.1:8080",
            "http://localhost:1/",
            "http://[::1]:8080",
            "https://a/b",
        ] {
            assert_eq!(base(url, false).unwrap(), url.trim_end_matches('/'));
        }
        for url in ["http://auth.example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://0.0.0.0:1"] {
            assert!(base(url, false).unwrap_err().text.contains("--insecure-http"), "{url}");
            assert!(base(url, true).is_ok());
        }
        for url in ["", "auth.example.com", "ftp://a", "https://user:hunter2@a", "https://a?key=hunter2", "/a"] {
            assert_eq!(base(url, true).unwrap_err().code, crate::cli::USAGE, "{url}");
        }
    }
}
