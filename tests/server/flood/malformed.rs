//! Requests made to cost much, many at a time.

use super::{MIB, Meanwhile, Over, peak};
use crate::random::{Random, seed};
use crate::support::{BOOTSTRAP, Plan, STORE, Server, basic, many};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How many are sent at the same time.
const AT_ONCE: usize = 32;
const MAX_BODY: usize = 1 << 20;
/// What one connection may hold: a head, a body, what is parsed of it, and buffers.
const EACH: u64 = 64 * 1024 + 4 * MAX_BODY as u64;
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// A request, and the statuses with which it may be answered; 0 stands for a closed connection.
struct Abuse {
    what: &'static str,
    request: Vec<u8>,
    answers: &'static [u16],
}

fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let client = basic(STORE.0, STORE.1);
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nhost: x\r\nauthorization: {client}\r\n{FORM}{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn chunked(chunks: &[u8]) -> Vec<u8> {
    let client = basic(STORE.0, STORE.1);
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nhost: x\r\nauthorization: {client}\r\n{FORM}transfer-encoding: chunked\r\n\r\n"
    );
    [head.as_bytes(), chunks].concat()
}

/// A token whose header and claims are brackets within brackets, as deep as a token may be long.
fn deep_token() -> String {
    use base64::Engine;
    let encoded = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let header = encoded(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#);
    format!("{header}.{}.{}", encoded(&format!("{{\"a\":{}", "[".repeat(5500))), encoded("x"))
}

fn abuses() -> Vec<Abuse> {
    let abuse = |what, request, answers| Abuse { what, request, answers };
    let many_headers: String = (0..20_000).map(|number| format!("x-{number}: {}\r\n", "h".repeat(40))).collect();
    let long_header = format!("x-long: {}\r\n", "h".repeat(1 << 20));
    let fields = |name: fn(usize) -> String| (0..100_000).map(name).collect::<Vec<_>>().join("&").into_bytes();
    let different = fields(|number| format!("{number:x}=1"));
    let twice = fields(|_| "a=1".to_owned());
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    let introspect = |token: &str| {
        let request = String::from_utf8(post("", format!("token={token}").as_bytes())).unwrap();
        request.replace("/oauth2/token", "/oauth2/introspect").into_bytes()
    };
    let refused: &[u16] = &[400];
    vec![
        abuse("one header of a megabyte", post(&long_header, b""), &[431, 0]),
        abuse("a megabyte of headers", post(&many_headers, b""), &[431, 0]),
        abuse("two hundred short headers", post(&"x: y\r\n".repeat(200), b""), &[400, 431, 0]),
        abuse("a hundred thousand fields", post("", &different), refused),
        abuse("a field a hundred thousand times", post("", &twice), refused),
        abuse("a name of a megabyte", post("", &[b'a'; MAX_BODY - 1]), refused),
        abuse("percent signs", post("", &[b'%'; MAX_BODY - 1]), refused),
        abuse(
            "ampersands and a password twice",
            post("", &[&[b'&'; 900_000][..], b"password=a&password=b"].concat()),
            refused,
        ),
        abuse("deep JSON", post("", deep.as_bytes()), refused),
        abuse("a deep token", introspect(&deep_token()), &[200]),
        abuse("a body of two megabytes", post("", &vec![b'x'; 2 << 20]), &[413, 0]),
        abuse("a length that is no number", post("content-length: 5x\r\n", b"x"), &[400, 0]),
        abuse("two lengths", post("content-length: 70\r\n", b"x"), &[400, 0]),
        abuse("a chunk of all the world", chunked(b"ffffffffffffffff\r\nabc"), &[400, 413, 0]),
        abuse("a chunk that overflows", chunked(b"10000000000000000\r\nabc"), &[400, 0]),
        abuse("a chunk of less than nothing", chunked(b"-1\r\nabc"), &[400, 0]),
        abuse(
            "a megabyte of chunk extension",
            chunked(&[b"1;", &[b'e'; 1 << 20][..], b"\r\na\r\n0\r\n\r\n"].concat()),
            &[400, 413, 0],
        ),
        abuse(
            "chunks of one byte",
            chunked(&[b"1\r\na\r\n".repeat(200_000), b"0\r\n\r\n".to_vec()].concat()),
            &[400, 413, 0],
        ),
        abuse("too many chunks", chunked(&[b"1000\r\n", &[b'a'; 4096][..], b"\r\n"].concat().repeat(600)), &[413, 0]),
        abuse("a chunk without an end", chunked(b"5\r\nabcdefgh\r\n0\r\n\r\n"), &[400, 0]),
        abuse(
            "endless trailers",
            chunked(&[b"1\r\na\r\n0\r\n".to_vec(), b"t: u\r\n".repeat(100_000)].concat()),
            &[400, 413, 431, 0],
        ),
        abuse("no HTTP", vec![0xff; 100_000], &[400, 431, 0]),
    ]
}

/// Sends a request, whether or not the server wants all of it, and gives the status of its first answer; 0 where the connection
/// was closed without one.
pub fn send(server: &Server, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let bound = Some(Duration::from_secs(60));
    stream.set_read_timeout(bound).unwrap();
    stream.set_write_timeout(bound).unwrap();
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) => {
                let hung = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
                assert!(!hung, "no answer, and no end");
                break;
            }
        }
    }
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

#[test]
fn requests_made_to_cost_much_are_refused_within_bounded_memory_and_hinder_nobody() {
    let (seed, requests) = (seed(), many("COUNTERSIGN_FLOOD_REQUESTS", 1500));
    let server = Plan::new(BOOTSTRAP).set("http.max_body", "1MiB").set("store.cache_bytes", "16MiB").start();
    let first = server.login();
    assert_eq!(server.refresh(&server.login().refresh()).status, 200);
    let (base, abuses) = (peak(&server), abuses());
    let (over, sent, counts) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let meanwhile = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut meanwhile = Meanwhile::default();
            meanwhile.ask(&server, &first, &over);
            meanwhile
        });
        let ending = Over(&over);
        let senders: Vec<_> = (0..AT_ONCE as u64)
            .map(|number| {
                let (server, abuses, sent, counts) = (&server, &abuses, &sent, &counts);
                scope.spawn(move || {
                    let mut random = Random::new(seed.wrapping_add(number));
                    while sent.fetch_add(1, Ordering::Relaxed) < requests {
                        let abuse = &abuses[random.below(abuses.len() as u64) as usize];
                        let status = send(server, &abuse.request);
                        assert!(abuse.answers.contains(&status), "{} was answered {status}", abuse.what);
                        *counts.lock().unwrap().entry((abuse.what, status)).or_insert(0) += 1;
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        drop(ending);
        asking.join().unwrap()
    });
    let counts = counts.into_inner().unwrap();
    for ((what, status), number) in &counts {
        println!("{number:6} times {status:3}: {what}");
    }
    let (most, ceiling) = (peak(&server), base + AT_ONCE as u64 * EACH + 32 * MIB);
    println!("{} MiB before, {} MiB at most", base / MIB, most / MIB);
    assert!(most <= ceiling, "{} MiB, where {} MiB are allowed", most / MIB, ceiling / MIB);
    for abuse in &abuses {
        assert!(counts.keys().any(|(what, _)| *what == abuse.what), "{} was not sent", abuse.what);
    }
    meanwhile.print();
    assert_eq!(server.login().status, 200);
}
