//! A certificate for the trial's server, and a client that believes it.

use crate::support::Answer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

/// When the certificates end: 2031-02-03, in seconds since 1970.
pub const END: f64 = 1_927_843_200.0;

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A client that believes one certificate.
#[derive(Clone)]
pub struct Client {
    roots: RootCertStore,
    config: Arc<ClientConfig>,
}

/// A certificate and its key as PEM, and a client that believes it.
pub fn issued() -> (String, String, Client) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2031, 2, 3);
    let cert = params.self_signed(&key).unwrap().pem();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()).unwrap();
    let config = Arc::new(config(&roots, rustls::DEFAULT_VERSIONS));
    (cert, key.serialize_pem(), Client { roots, config })
}

fn config(roots: &RootCertStore, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    builder.with_root_certificates(roots.clone()).with_no_client_auth()
}

impl Client {
    /// The same with one version of TLS alone.
    pub fn only(&self, version: &'static SupportedProtocolVersion) -> Self {
        Self { config: Arc::new(config(&self.roots, &[version])), ..self.clone() }
    }

    /// The same, offering protocols for what is inside.
    pub fn offering(&self, protocols: &[&str]) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), ..self.clone() }
    }

    /// TLS on a socket. The handshake is made when something is read or written.
    pub fn stream(&self, socket: TcpStream) -> Stream {
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(self.config.clone(), name).unwrap(), socket)
    }

    /// Whether the server at the other end of a socket shows the certificate.
    pub fn is_believed(&self, socket: TcpStream) -> bool {
        let mut stream = self.stream(socket);
        stream.conn.complete_io(&mut stream.sock).is_ok()
    }

    /// Sends a request that closes its connection, and reads the answer.
    pub fn ask(&self, port: u16, request: &str) -> Answer {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut stream = self.stream(socket);
        stream.write_all(request.as_bytes()).unwrap();
        Answer::parse(&until_closed(&mut stream))
    }
}

/// All that comes until the connection ends.
pub fn until_closed(stream: &mut impl Read) -> String {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&part[..read]),
            Err(error) => {
                let timed_out = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!timed_out, "still open: {}", String::from_utf8_lossy(&all));
                break;
            }
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads until this has come.
pub fn until(stream: &mut impl Read, end: &str) {
    let (mut all, mut part) = (String::new(), [0; 4096]);
    while !all.ends_with(end) {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "closed after {all}");
        all.push_str(&String::from_utf8_lossy(&part[..read]));
    }
}
