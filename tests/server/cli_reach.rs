//! How commands reach a server: by TLS that they believe, with a key that nobody else sees, and not by a detour.

use crate::support::{ADMIN, API_KEYS, BOOTSTRAP, OFF, Plan, USERS, fed, private, run};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

fn plan() -> Plan {
    Plan::new(&format!("{BOOTSTRAP}{API_KEYS}"))
}

#[test]
fn the_key_comes_from_a_file_from_standard_input_or_from_the_environment() {
    let server = plan().start();
    let files = tempfile::tempdir().unwrap();
    let file = private(files.path(), "key", &format!("{ADMIN}\n"));
    let file = file.to_str().unwrap();
    let list = ["client", "list", "--server", &server.url];
    run(&[&list[..], &["--api-key-file", file]].concat()).done();
    fed(&[&list[..], &["--api-key-file", "-"]].concat(), &[], format!("{ADMIN}\n").as_bytes()).done();
    fed(&list, &[("COUNTERSIGN_API_KEY", ADMIN)], b"").done();

    run(&list).failed(2, &["--api-key-file", "COUNTERSIGN_API_KEY"]);
    fed(&list, &[("COUNTERSIGN_API_KEY", OFF.replace('-', "_").as_str())], b"")
        .failed(1, &["unauthorized, request ", "--api-key-file"]);
    let text = fed(&list, &[("COUNTERSIGN_API_KEY", USERS)], b"").failed(1, &["(forbidden, request "]);
    assert!(!text.contains(USERS), "{text}");
    fed(&list, &[("COUNTERSIGN_API_KEY", "two words")], b"").failed(2, &["visible ASCII"]);
    fs::set_permissions(file, fs::Permissions::from_mode(0o640)).unwrap();
    run(&[&list[..], &["--api-key-file", file]].concat()).failed(1, &["chmod 600"]);
    run(&[&list[..], &["--api-key-file", "/nonexistent"]].concat()).failed(1, &["/nonexistent"]);
}

#[test]
fn a_server_is_believed_by_its_certificate() {
    let files = tempfile::tempdir().unwrap();
    let issue = |name: &str| {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let cert = private(files.path(), &format!("{name}.pem"), &issued.cert.pem());
        (cert, private(files.path(), &format!("{name}.key"), &issued.signing_key.serialize_pem()))
    };
    let ((cert, key), (other, _)) = (issue("cert"), issue("other"));
    let server = plan().set("tls.cert", cert.to_str().unwrap()).set("tls.key", key.to_str().unwrap()).start();
    let url = server.url.replace("127.0.0.1", "localhost");
    let list = ["client", "list", "--server", &url];
    let ask = |more: &[&str]| fed(&[&list[..], more].concat(), &[("COUNTERSIGN_API_KEY", ADMIN)], b"");
    assert!(ask(&["--ca-file", cert.to_str().unwrap()]).done().contains("store"));
    ask(&["--ca-file", other.to_str().unwrap()]).failed(1, &["not believed", "--ca-file"]);
    ask(&[]).failed(1, &["not believed", "--ca-file"]);
    ask(&["--ca-file", key.to_str().unwrap()]).failed(2, &["certificates"]);
    ask(&["--ca-file", "/nonexistent"]).failed(2, &["/nonexistent"]);
}

#[test]
fn nothing_is_sent_in_clear_to_another_machine_and_no_address_is_guessed() {
    for (url, words) in [
        ("http://192.0.2.1", "--insecure-http"),
        ("192.0.2.1", "https://"),
        ("https://user:word@192.0.2.1", "without user"),
        ("https://192.0.2.1?a=b", "without user"),
        ("ftp://192.0.2.1", "https://"),
    ] {
        fed(&["client", "list", "--server", url], &[("COUNTERSIGN_API_KEY", ADMIN)], b"").failed(2, &[words]);
    }
    for (flag, value) in [("--data-dir", "d"), ("--config", "c"), ("--master-key", "m")] {
        run(&["client", "list", "--server", "https://192.0.2.1", flag, value]).failed(2, &["cannot be used with"]);
    }
    run(&["client", "list", "--ca-file", "x"]).failed(2, &["--server"]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = format!("http://{free}");
    fed(&["client", "list", "--server", &gone], &[("COUNTERSIGN_API_KEY", ADMIN)], b"")
        .failed(1, &["is the server running?"]);
}

/// Answers a few connections, one request each, and gives what was asked.
fn answering(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move |mut socket: TcpStream, answer: &str| {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        socket.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(head).unwrap()
    };
    let asked =
        std::thread::spawn(move || answers.iter().map(|text| answer(listener.accept().unwrap().0, text)).collect());
    (url, asked)
}

const LIST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 24\r\n\r\n{\"items\":[],\"next\":null}";
const BUSY: &str = "HTTP/1.1 503 Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const AWAY: &str =
    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const STRANGE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_server_that_has_no_time_is_asked_again_and_a_redirect_is_not_followed() {
    let env = [("COUNTERSIGN_API_KEY", ADMIN)];
    let (url, asked) = answering(&[BUSY, LIST]);
    assert_eq!(fed(&["client", "list", "--json", "--server", &url], &env, b"").json(), serde_json::json!([]));
    let asked = asked.join().unwrap();
    assert_eq!(asked[0].lines().next(), asked[1].lines().next());
    assert!(asked[0].contains(&format!("Bearer {ADMIN}")), "{asked:?}");
    for (answer, words) in [(&[AWAY], "not followed"), (&[STRANGE], "is it a Countersign")] {
        let (url, asked) = answering(answer);
        let text = fed(&["client", "list", "--server", &url], &env, b"").failed(1, &[words]);
        assert!(!text.contains(ADMIN), "{text}");
        asked.join().unwrap();
    }
    // What changes something is sent once, and a lost answer is asked for under the same key.
    let (url, asked) = answering(&["", "HTTP/1.1 503 Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]);
    fed(&["client", "disable", "store", "--server", &url], &env, b"").failed(1, &["503"]);
    let keys: Vec<_> = asked
        .join()
        .unwrap()
        .iter()
        .map(|head| head.lines().find(|line| line.to_lowercase().starts_with("idempotency-key")).unwrap().to_owned())
        .collect();
    assert_eq!(keys[0], keys[1]);
}

#[test]
fn a_directory_that_is_none_or_in_use_is_refused_with_both_ways_out() {
    let server = plan().start();
    let data = server.data_dir();
    for command in
        [&["account", "list"][..], &["client", "disable", "store"], &["brake", "all", "--yes"], &["key", "list"]]
    {
        let at = |dir: &str| run(&[command, &["--data-dir", dir]].concat());
        at(data.to_str().unwrap()).failed(1, &["in use by process", &server.pid().to_string(), "--server"]);
        at("/nonexistent").failed(1, &["no data directory", "--data-dir", "--server"]);
    }
    assert_eq!(server.login().status, 200);
}
