//! TLS at the server's own doors, with certificates that the trial makes, and clients that believe no others.

mod client;

use crate::support::{ALICE, Answer, BOOTSTRAP, Plan, STORE, Server, basic, claims, wait_until};
use client::{Client, until_closed};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The files of a certificate and its key.
struct Files {
    dir: TempDir,
}

impl Files {
    fn new() -> (Self, Client) {
        let files = Self { dir: tempfile::tempdir().unwrap() };
        let client = files.issue();
        (files, client)
    }

    fn cert(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Puts another certificate and key in place, each at once, and gives a client that believes them and nothing else.
    fn issue(&self) -> Client {
        let (cert, key, client) = client::issued();
        let put = |text: String, path: PathBuf, mode| {
            let beside = path.with_extension("next");
            fs::write(&beside, text).unwrap();
            fs::set_permissions(&beside, fs::Permissions::from_mode(mode)).unwrap();
            fs::rename(beside, path).unwrap();
        };
        put(cert, self.cert(), 0o644);
        put(key, self.key(), 0o600);
        client
    }

    fn plan(&self) -> Plan {
        let plan = Plan::new(BOOTSTRAP).set("tls.cert", self.cert().to_str().unwrap());
        plan.set("tls.key", self.key().to_str().unwrap())
    }
}

fn port(server: &Server) -> u16 {
    server.url.rsplit(':').next().unwrap().parse().unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port(server))).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket
}

fn post(client: &Client, server: &Server, path: &str, form: &str) -> Answer {
    let authorization = basic(STORE.0, STORE.1);
    let length = form.len();
    client.ask(
        port(server),
        &format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ),
    )
}

fn login_form() -> String {
    format!("grant_type=password&username={}&password={}", ALICE.0, ALICE.1.replace(' ', "+"))
}

fn metric(client: &Client, server: &Server, name: &str) -> Option<f64> {
    let text = client.ask(port(server), "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").body;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn a_person_logs_in_over_both_versions_of_tls_and_the_issuer_is_the_https_url() {
    let (files, client) = Files::new();
    let server = files.plan().start();
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = client.only(version);
        let login = post(&client, &server, "/oauth2/token", &login_form());
        assert_eq!(login.status, 200, "{}", login.body);
        assert_eq!(claims(&login.access())["iss"], server.url.as_str());
        let introspected = post(&client, &server, "/oauth2/introspect", &format!("token={}", login.access()));
        assert_eq!(introspected.json()["active"], true);
    }
    assert_eq!(metric(&client, &server, "countersign_tls_certificate_expires_seconds"), Some(client::END));
    assert!(metric(&client, &server, "countersign_tls_handshakes_total{outcome=\"ok\"}") >= Some(5.0));
}

#[test]
fn http_1_1_is_agreed_on_and_a_client_of_http_2_alone_is_refused() {
    let (files, client) = Files::new();
    let server = files.plan().start();
    let agreed = |offered: &[&str]| {
        let mut stream = client.offering(offered).stream(connect(&server));
        stream.conn.complete_io(&mut stream.sock).map(|_| stream.conn.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(agreed(&["h2", "http/1.1"]).unwrap().as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(agreed(&[]).unwrap(), None);
    assert!(agreed(&["h2"]).is_err());
}

#[test]
fn a_connection_never_takes_up_the_session_of_another() {
    let (files, client) = Files::new();
    let server = files.plan().start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = client.only(version);
        for _ in 0..3 {
            let mut stream = client.stream(connect(&server));
            stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
            assert!(until_closed(&mut stream).contains("live"));
            assert_eq!(stream.conn.handshake_kind(), Some(rustls::HandshakeKind::Full));
        }
    }
}

#[test]
fn files_that_do_not_fit_or_that_others_may_read_are_refused_at_the_start_and_by_config_check() {
    let (files, _) = Files::new();
    let plan = || files.plan();
    let (other, _) = Files::new();
    let check = |key: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["config", "check"]).env("COUNTERSIGN__TLS__CERT", files.cert()).env("COUNTERSIGN__TLS__KEY", key);
        let output = command.current_dir(files.dir.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let own = files.key().to_str().unwrap().to_owned();
    assert_eq!(check(&own), (Some(0), "the configuration is right\n".to_owned()));
    let refused = |key: &str, expected: &str| {
        let root = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let (code, why) = plan().set("tls.key", key).at(root).refusal();
        assert!(code == Some(2) && why.contains(expected) && !why.contains("BEGIN"), "{code:?} {why}");
        let (code, why) = check(key);
        assert!(code == Some(2) && why.contains(expected), "{code:?} {why}");
    };
    refused(other.key().to_str().unwrap(), "does not belong to the first certificate");
    refused("/no/such/key", "cannot read `tls.key` /no/such/key");
    refused(files.cert().to_str().unwrap(), "others than its owner may use it: run `chmod 6");
    fs::set_permissions(files.key(), fs::Permissions::from_mode(0o644)).unwrap();
    refused(&own, "others than its owner may use it: run `chmod 6");
    refused("", "`tls.key`");
}

#[test]
fn a_certificate_is_exchanged_while_connections_go_on() {
    let (files, first) = Files::new();
    let server = files.plan().start();
    let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut open = first.stream(connect(&server));
    let mut goes_on = || {
        open.write_all(live.as_bytes()).unwrap();
        client::until(&mut open, "{\"live\":true}");
    };
    goes_on();

    let second = files.issue();
    wait_until("the second certificate", || second.is_believed(connect(&server)));
    assert!(!first.is_believed(connect(&server)));
    goes_on();

    // A key that fits nothing: what is served stays, and it is said once.
    fs::write(files.key(), "nothing").unwrap();
    let complaint = "the certificate in use stays";
    wait_until("the complaint", || server.diagnostics().contains(complaint));
    assert!(second.is_believed(connect(&server)));
    assert!(server.diagnostics().contains("holds no private key that can be read"), "{}", server.diagnostics());

    let third = files.issue();
    server.signal(Signal::HUP);
    wait_until("the third certificate", || third.is_believed(connect(&server)));
    goes_on();
    assert_eq!(server.diagnostics().matches(complaint).count(), 1, "{}", server.diagnostics());
    assert!(!server.diagnostics().contains("PRIVATE"));
}

#[test]
fn what_is_no_tls_gets_no_http_and_harms_nobody() {
    let (files, client) = Files::new();
    let server = files.plan().start();
    let complaints = || server.diagnostics().matches(" WARN ").count() + server.diagnostics().matches("ERROR").count();
    let before = complaints();
    let mut plain = connect(&server);
    plain.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = until_closed(&mut plain);
    assert!(!answer.contains("HTTP") && !answer.contains("live"), "{answer:?}");
    assert_eq!(post(&client, &server, "/oauth2/token", &login_form()).status, 200);
    assert_eq!(metric(&client, &server, "countersign_tls_handshakes_total{outcome=\"failed\"}"), Some(1.0));
    assert_eq!(complaints(), before, "{}", server.diagnostics());
}

#[test]
fn two_hundred_handshakes_that_do_not_get_on_keep_nobody_out() {
    let (files, client) = Files::new();
    let server = files.plan().set("http.head_timeout", "600s").start();
    let half: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut socket = connect(&server);
            // Every second one has begun a record.
            socket.write_all(&[0x16, 3, 1, 2, 0, 1, 0][..7 * (number % 2)]).unwrap();
            socket
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(post(&client, &server, "/oauth2/token", &login_form()).status, 200);
    }
    drop(half);
}

#[test]
fn a_slow_handshake_is_cut_off_without_an_answer() {
    let (files, client) = Files::new();
    let server = files.plan().set("http.head_timeout", "1s").start();
    let mut slow = connect(&server);
    for byte in [0x16, 3, 1, 2, 0, 1, 0] {
        // Cut off in between, on a machine that is busy.
        let _ = slow.write_all(&[byte]);
    }
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    let cut_off = || metric(&client, &server, "countersign_tls_handshakes_total{outcome=\"cut_off\"}");
    wait_until("it is counted", || cut_off() >= Some(1.0));
}

#[test]
fn a_stop_finishes_the_request_under_way_and_waits_for_no_handshake() {
    let (files, client) = Files::new();
    let plan = files.plan().set("http.head_timeout", "600s").set("http.body_timeout", "60s");
    let plan = plan.set("http.request_timeout", "60s").set("http.stop_timeout", "3600s");
    let mut server = plan.set("http.keep_alive", "3600s").start();
    let mut half = connect(&server);
    half.write_all(&[0x16, 3, 1, 2, 0, 1, 0]).unwrap();
    let form = login_form();
    let mut busy = client.stream(connect(&server));
    let authorization = basic(STORE.0, STORE.1);
    write!(
        busy,
        "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\nExpect: 100-continue\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        form.len()
    )
    .unwrap();
    // The request is under way from here on.
    client::until(&mut busy, "100 Continue\r\n\r\n");
    server.signal(Signal::TERM);
    wait_until("the server is stopping", || server.diagnostics().contains("stopping: requests under way"));
    busy.write_all(form.as_bytes()).unwrap();
    let answer = Answer::parse(&until_closed(&mut busy));
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{answer:?}");
    assert_eq!(server.ended(), Some(0), "{}", server.diagnostics());
}
