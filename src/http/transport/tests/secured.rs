//! The same behind TLS: peers that are slow, deaf or only half there cost no more than in clear.

use super::HELLO;
use super::harness::{BIG, PATIENCE, Running, answers, patient, strict, until_closed};
use crate::http::transport::Limits;
use crate::http::transport::connection::Connection;
use crate::http::transport::io::{Guarded, Socket};
use crate::http::transport::tls::{Tls, TlsFiles};
use crate::metrics::Metrics;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A certificate for `localhost`, and clients that believe it.
struct Secured {
    tls: Arc<Tls>,
    metrics: Arc<Metrics>,
    clients: Arc<ClientConfig>,
}

impl Secured {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let files = TlsFiles { cert: dir.path().join("cert"), key: dir.path().join("key") };
        std::fs::write(&files.cert, issued.cert.pem()).unwrap();
        std::fs::write(&files.key, issued.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(issued.cert.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let clients = Arc::new(clients.with_root_certificates(roots).with_no_client_auth());
        let metrics = Arc::new(Metrics::new());
        Self { tls: Arc::new(Tls::open(files, metrics.clone()).unwrap()), metrics, clients }
    }

    fn start(&self, limits: Limits) -> Running {
        Running::start_with(limits, Some(self.tls.clone()))
    }

    fn connect(&self, server: &Running) -> Stream {
        let session = ClientConnection::new(self.clients.clone(), localhost()).unwrap();
        StreamOwned::new(session, server.connect())
    }

    fn handshakes(&self, outcome: &str) -> u64 {
        self.metrics.tls_handshakes_total.with_label_values(&[outcome]).get()
    }
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

#[test]
fn a_normal_client_is_served_again_and_again_behind_tls() {
    let secured = Secured::new();
    let server = secured.start(patient());
    let mut stream = secured.connect(&server);
    for _ in 0..50 {
        stream.write_all(HELLO).unwrap();
        answers(&mut stream, "hello", 1);
        stream.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n").unwrap();
        stream.write_all(b"12345").unwrap();
        answers(&mut stream, "5 bytes", 1);
    }
    stream.write_all(&HELLO.repeat(100)).unwrap();
    answers(&mut stream, "hello", 100);
    let own = stream.sock.local_addr().unwrap().to_string();
    stream.write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    assert!(until_closed(&mut stream).ends_with(&own));
    assert_eq!(secured.handshakes("ok"), 1);
}

#[test]
fn a_large_body_and_a_large_answer_get_through_tls() {
    let secured = Secured::new();
    let server = secured.start(Limits { write_timeout: Duration::from_secs(10), ..strict() });
    let mut stream = secured.connect(&server);
    let size = 4 * 1024 * 1024;
    write!(stream, "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n").unwrap();
    stream.write_all(&vec![b'x'; size]).unwrap();
    answers(&mut stream, &format!("{size} bytes"), 1);
    stream.write_all(b"GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let (mut received, mut part, mut pauses) = (0, vec![0; 1 << 20], 10);
    while let read @ 1.. = stream.read(&mut part).unwrap() {
        received += read;
        if pauses > 0 {
            std::thread::sleep(Duration::from_millis(60));
            pauses -= 1;
        }
    }
    assert!(received > BIG);
}

#[test]
fn a_handshake_that_does_not_get_on_is_cut_off_without_a_word() {
    let secured = Secured::new();
    let server = secured.start(Limits { keep_alive: Duration::from_secs(3600), ..strict() });
    let mut silent = server.connect();
    let mut half = server.connect();
    // A record of a handshake that would have 512 bytes.
    half.write_all(&[0x16, 3, 1, 2, 0, 1, 0]).unwrap();
    assert_eq!(until_closed(&mut silent), "");
    assert_eq!(until_closed(&mut half), "");
    // The answer to the first message was sent, and nothing came back.
    let mut session = ClientConnection::new(secured.clients.clone(), localhost()).unwrap();
    let mut socket = server.connect();
    session.write_tls(&mut socket).unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    assert!(!answer.is_empty());
    while secured.handshakes("cut_off") < 3 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((secured.handshakes("ok"), secured.handshakes("failed")), (0, 0));
}

#[test]
fn a_slow_head_behind_tls_is_answered_408_the_first_and_a_later_one() {
    let secured = Secured::new();
    let server = secured.start(Limits { keep_alive: Duration::from_secs(3600), ..strict() });
    for requests in [1, 0] {
        let mut stream = secured.connect(&server);
        for _ in 0..requests {
            stream.write_all(HELLO).unwrap();
            answers(&mut stream, "hello", 1);
        }
        stream.write_all(b"GET /hello HTTP/1.1\r\nx: ").unwrap();
        let answer = until_closed(&mut stream);
        // A busy machine may have cut off the handshake itself, whose time is the first head's.
        assert!(answer.starts_with("HTTP/1.1 408 ") || (requests == 0 && answer.is_empty()), "{answer}");
    }
}

#[test]
fn what_is_no_tls_is_refused_and_counted() {
    let secured = Secured::new();
    let server = secured.start(patient());
    let mut plain = server.connect();
    plain.write_all(HELLO).unwrap();
    let answer = until_closed(&mut plain);
    assert!(!answer.contains("HTTP"), "{answer:?}");
    drop(server.connect());
    while (secured.handshakes("failed"), secured.handshakes("left")) != (1, 1) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn answers_that_are_never_read_are_cut_off_behind_tls() {
    let secured = Secured::new();
    let server = secured.start(strict());
    let mut flooding = secured.connect(&server);
    let (flood, start) = (HELLO.repeat(1000), Instant::now());
    while flooding.write_all(&flood).is_ok() {
        assert!(start.elapsed() < PATIENCE, "it still takes requests");
    }
    let mut deaf = secured.connect(&server);
    deaf.write_all(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    // Not reading is the point: well past the limit, even on a machine busy with other things.
    std::thread::sleep(Duration::from_secs(3));
    assert!(until_closed(&mut deaf).len() < BIG, "all of it came");
}

#[test]
fn a_peer_that_does_not_take_what_tls_holds_for_it_is_timed_and_not_read_from() {
    actix_rt::System::new().block_on(async {
        let secured = Secured::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(secured.clients.clone());
        let accepted = listener.accept().await.unwrap().0;
        let (peer, stream) =
            futures_util::future::join(connector.connect(localhost(), socket), secured.tls.handshake(accepted)).await;
        let (mut peer, connection) = (peer.unwrap(), Rc::new(Connection::new(patient())));
        let mut guarded = Guarded::new(Socket::Tls(stream.unwrap()), Rc::clone(&connection));
        connection.call_began(0, false);
        assert_eq!(connection.deadline(), None);

        // Each part fits into what TLS holds, so it is the flush that has to wait.
        let soon = Duration::from_millis(300);
        loop {
            guarded.write_all(&[b'x'; 16 * 1024]).await.unwrap();
            if tokio::time::timeout(soon, guarded.flush()).await.is_err() {
                break;
            }
        }
        assert!(connection.deadline().is_some(), "nobody times it");
        peer.write_all(b"b").await.unwrap();
        peer.flush().await.unwrap();
        assert!(tokio::time::timeout(soon, guarded.read_u8()).await.is_err(), "it was read from");

        let mut part = vec![0; 1 << 16];
        let drain = async { while peer.read(&mut part).await.is_ok() {} };
        let flushed = futures_util::future::select(Box::pin(drain), Box::pin(guarded.flush()));
        assert!(tokio::time::timeout(PATIENCE, flushed).await.is_ok(), "it was never flushed");
        assert_eq!(connection.deadline(), None);
        assert_eq!(tokio::time::timeout(PATIENCE, guarded.read_u8()).await.unwrap().unwrap(), b'b');
    });
}

#[test]
fn a_graceful_stop_behind_tls_finishes_what_is_under_way_and_waits_for_no_handshake() {
    let long = Duration::from_secs(3600);
    let secured = Secured::new();
    let limits = Limits { keep_alive: long, head_timeout: long, stop_timeout: long, ..patient() };
    let mut server = secured.start(limits);
    let mut half = server.connect();
    half.write_all(&[0x16, 3, 1, 2, 0, 1, 0]).unwrap();
    let mut idle = secured.connect(&server);
    idle.write_all(HELLO).unwrap();
    answers(&mut idle, "hello", 1);
    let mut busy = secured.connect(&server);
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    drop(server.handle.stop(true));
    let answer = until_closed(&mut busy);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("slow"), "{answer}");
    assert_eq!(until_closed(&mut idle), "");
    assert_eq!(until_closed(&mut half), "");
    server.thread.take().unwrap().join().unwrap();
}
