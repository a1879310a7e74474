//! Each test talks to a real server over a socket. They assert that a connection is closed, never how soon.

mod harness;
mod secured;

use super::connection::Connection;
use super::io::{Guarded, Socket};
use super::{Limits, serve};
use harness::{BIG, PATIENCE, Running, answers, app, patient, strict, trickle, until_closed};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn a_normal_client_is_served_again_and_again_on_one_connection() {
    let server = Running::start(patient());
    let mut socket = server.connect();
    for _ in 0..50 {
        socket.write_all(HELLO).unwrap();
        answers(&mut socket, "hello", 1);
        socket.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(1));
        socket.write_all(b"12345").unwrap();
        answers(&mut socket, "5 bytes", 1);
        socket
            .write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
            .unwrap();
        answers(&mut socket, "7 bytes", 1);
    }
}

#[test]
fn a_handler_sees_the_peers_address() {
    let server = Running::start(patient());
    let mut socket = server.connect();
    let own = socket.local_addr().unwrap().to_string();
    socket.write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    assert!(until_closed(&mut socket).ends_with(&own));
}

#[test]
fn a_query_is_moved_out_of_the_head_and_ends_with_its_request() {
    let server = Running::start(patient());
    let mut socket = server.connect();
    for target in ["/query?limit=2&after=a%20b", "/query?", "/query", "http://other/query?x"] {
        let sent = target.split_once('?').map(|(_, query)| query);
        write!(socket, "GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let answer = answers(&mut socket, ";", 1);
        let told = answer.rsplit("\r\n").next().unwrap();
        assert_eq!(told, format!("head None, moved {sent:?}, before false;"), "{target}");
    }
}

#[test]
fn a_connection_without_a_request_is_closed_silently() {
    let server = Running::start(Limits { keep_alive: Duration::from_secs(3600), ..strict() });
    assert_eq!(until_closed(&mut server.connect()), "");
}

#[test]
fn a_slow_first_head_is_answered_408_and_closed() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(b"GET /hello HTTP/1.1\r\nx: ").unwrap();
    assert!(trickle(&mut socket, b"a"));
    let answer = until_closed(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_slow_second_head_is_answered_408_and_closed() {
    let server = Running::start(Limits { keep_alive: Duration::from_secs(3600), ..strict() });
    let mut socket = server.connect();
    socket.write_all(HELLO).unwrap();
    answers(&mut socket, "hello", 1);
    socket.write_all(b"GET /hello HTTP/1.1\r\nx: ").unwrap();
    assert!(trickle(&mut socket, b"a"));
    let answer = until_closed(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn the_start_of_a_head_hidden_behind_a_request_does_not_hold_the_connection() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(&[HELLO, b"GET /hello HTTP/1.1\r\nx: "].concat()).unwrap();
    let answer = until_closed(&mut socket);
    assert!(answer.contains("hello"), "{answer}");
}

#[test]
fn a_slow_body_is_answered_408_and_closed() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n").unwrap();
    assert!(trickle(&mut socket, b"a"));
    let answer = until_closed(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_large_body_arrives_whole_however_it_is_cut() {
    let server = Running::start(patient());
    let size = 4 * 1024 * 1024;
    let mut socket = server.connect();
    write!(socket, "POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n").unwrap();
    socket.write_all(&vec![b'x'; size]).unwrap();
    answers(&mut socket, &format!("{size} bytes"), 1);
    for chunk in [8, 100_000] {
        let chunks = 500_000_usize.div_ceil(chunk);
        socket.write_all(b"POST /upload HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        let one = [format!("{chunk:x}\r\n").as_bytes(), &vec![b'x'; chunk], b"\r\n"].concat();
        socket.write_all(&[one.repeat(chunks).as_slice(), b"0\r\n\r\n", HELLO].concat()).unwrap();
        answers(&mut socket, "hello", 1);
    }
}

#[test]
fn a_body_announced_too_large_is_refused_before_it_is_sent() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 65537\r\n\r\n").unwrap();
    let answer = until_closed(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn a_client_that_sends_a_refused_body_to_its_end_still_gets_the_answer() {
    let server = Running::start(patient());
    let mut socket = server.connect();
    socket.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n").unwrap();
    let _ = socket.write_all(&[b'x'; 300_000]);
    let answer = until_closed(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn an_endless_chunked_body_is_refused_and_closed_however_quickly_it_comes() {
    let server = Running::start(strict());
    for path in ["/body", "/unread"] {
        let mut socket = server.connect();
        write!(socket, "POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        let chunk = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
        let start = Instant::now();
        while socket.write_all(&chunk).is_ok() {
            assert!(start.elapsed() < PATIENCE, "{path} still takes chunks");
        }
    }
}

#[test]
fn chunks_of_one_byte_are_counted_and_timed_like_any_other() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    assert!(trickle(&mut socket, b"1;ext=ension\r\nx\r\n"));
    let answer = until_closed(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_huge_head_is_answered_431_and_closed_on_the_first_and_on_a_later_request() {
    let server = Running::start(patient());
    let huge = [b"GET /hello HTTP/1.1\r\nhost: x\r\nx: ".as_slice(), &[b'a'; 100_000]].concat();
    let ended = [b"GET /hello HTTP/1.1\r\nhost: x\r\nx: ".as_slice(), &[b'a'; 33_000], b"\r\n\r\n"].concat();
    for head in [&huge, &ended] {
        let mut socket = server.connect();
        let _ = socket.write_all(head);
        let answer = until_closed(&mut socket);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

        let mut socket = server.connect();
        socket.write_all(HELLO).unwrap();
        answers(&mut socket, "hello", 1);
        let _ = socket.write_all(head);
        let answer = until_closed(&mut socket);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    // Behind a request that is still being answered.
    let mut socket = server.connect();
    let _ = socket.write_all(&[b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(), &ended].concat());
    let answer = until_closed(&mut socket);
    assert!(answer.contains("slow") && answer.contains("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn a_large_but_allowed_head_is_served() {
    let server = Running::start(patient());
    let mut socket = server.connect();
    let head = [b"GET /hello HTTP/1.1\r\nhost: x\r\nx: ".as_slice(), &[b'a'; 30_000], b"\r\n\r\n"].concat();
    for _ in 0..3 {
        socket.write_all(&head).unwrap();
        answers(&mut socket, "hello", 1);
    }
    socket.write_all(&head.repeat(5)).unwrap();
    answers(&mut socket, "hello", 5);
}

#[test]
fn a_hundred_pipelined_requests_are_all_answered() {
    let server = Running::start(patient());
    let mut socket = server.connect();
    socket.write_all(&HELLO.repeat(100)).unwrap();
    answers(&mut socket, "hello", 100);
    let padded = [b"GET /hello HTTP/1.1\r\nhost: x\r\nx: ".as_slice(), &[b'a'; 1000], b"\r\n\r\n"].concat();
    socket.write_all(&padded.repeat(100)).unwrap();
    answers(&mut socket, "hello", 100);
}

#[test]
fn requests_behind_one_that_waits_are_all_answered() {
    // No timer may come to the rescue of a dispatcher that forgets what it holds.
    let long = Duration::from_secs(3600);
    let server = Running::start(Limits { head_timeout: long, keep_alive: long, ..patient() });
    let mut socket = server.connect();
    socket.write_all(&[b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(), &HELLO.repeat(100)].concat()).unwrap();
    answers(&mut socket, "hello", 100);
    // The same when they come in two parts after the first has begun to wait: the dispatcher queues the one part and
    // leaves the other in its buffer.
    socket.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(200));
        socket.write_all(&HELLO.repeat(50)).unwrap();
    }
    answers(&mut socket, "hello", 100);
}

#[test]
fn a_flood_behind_a_request_that_waits_costs_no_work_while_it_waits() {
    let server = Running::start(patient());
    let mut socket = server.connect();
    socket.write_all(b"GET /work HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let count = 400_000 / HELLO.len();
    let mut reader = socket.try_clone().unwrap();
    let reader = std::thread::spawn(move || answers(&mut reader, "hello", count));
    socket.write_all(&HELLO.repeat(count)).unwrap();
    let answers = reader.join().unwrap();
    let worked = answers.split(" ms").next().unwrap().rsplit("\r\n").next().unwrap();
    assert!(worked.parse::<u32>().unwrap() < 150, "{worked} ms of work in a second of waiting");
}

#[test]
fn a_flood_of_requests_whose_answers_are_never_read_is_cut_off() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    let flood = HELLO.repeat(1000);
    let start = Instant::now();
    while socket.write_all(&flood).is_ok() {
        assert!(start.elapsed() < PATIENCE, "it still takes requests");
    }
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from() {
    actix_rt::System::new().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connection = Rc::new(Connection::new(patient()));
        let mut guarded = Guarded::new(Socket::Plain(listener.accept().await.unwrap().0), connection);
        peer.write_all(b"a").await.unwrap();
        guarded.read_u8().await.unwrap();

        let soon = Duration::from_millis(200);
        let full = async { while guarded.write_all(&[b'x'; 65536]).await.is_ok() {} };
        assert!(tokio::time::timeout(soon, full).await.is_err(), "the socket never filled up");
        peer.write_all(b"b").await.unwrap();
        assert!(tokio::time::timeout(soon, guarded.read_u8()).await.is_err(), "it was read from");

        let drain = async { while peer.read(&mut [0; 65536]).await.is_ok() {} };
        assert!(tokio::time::timeout(soon, drain).await.is_err());
        guarded.write_all(b"x").await.unwrap();
        assert_eq!(tokio::time::timeout(PATIENCE, guarded.read_u8()).await.unwrap().unwrap(), b'b');
    });
}

#[test]
fn an_answer_that_is_never_read_is_cut_off() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    // Not reading is the point: well past the limit, even on a machine busy with other things.
    std::thread::sleep(Duration::from_secs(3));
    let received = until_closed(&mut socket).len();
    assert!(received < BIG, "all of it came");
}

#[test]
fn a_large_answer_reaches_a_client_that_reads_on() {
    let server = Running::start(Limits { write_timeout: Duration::from_secs(10), ..strict() });
    let mut socket = server.connect();
    socket.write_all(b"GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut received = 0;
    let mut part = vec![0; 1 << 20];
    let mut pauses = 10;
    while let read @ 1.. = socket.read(&mut part).unwrap() {
        received += read;
        if pauses > 0 {
            // Together longer than the keep-alive time, which must not count while an answer is under way.
            std::thread::sleep(Duration::from_millis(60));
            pauses -= 1;
        }
    }
    assert!(received > BIG);
}

#[test]
fn an_idle_connection_is_closed_silently_after_the_keep_alive_time() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(HELLO).unwrap();
    let answer = until_closed(&mut socket);
    assert!(answer.ends_with("hello"), "{answer}");
}

#[test]
fn an_idle_connection_lives_for_the_keep_alive_time_however_short_a_head_may_take() {
    let server = Running::start(Limits { keep_alive: Duration::from_secs(3600), ..strict() });
    let mut socket = server.connect();
    for _ in 0..3 {
        socket.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nab").unwrap();
        answers(&mut socket, "2 bytes", 1);
        std::thread::sleep(Duration::from_millis(800));
    }
}

#[test]
fn a_handler_that_never_answers_is_given_up() {
    let server = Running::start(Limits { request_timeout: Duration::from_millis(300), ..patient() });
    let mut socket = server.connect();
    socket.write_all(b"GET /never HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let answer = until_closed(&mut socket);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
}

#[test]
fn connections_over_the_limit_wait_until_one_ends() {
    let server = Running::start(Limits { max_connections: 1, ..patient() });
    let mut first = server.connect();
    first.write_all(HELLO).unwrap();
    answers(&mut first, "hello", 1);
    let mut second = server.connect();
    second.write_all(HELLO).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(second.read(&mut [0; 16]).is_err(), "a second connection was served");
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(first);
    answers(&mut second, "hello", 1);
}

#[test]
fn a_graceful_stop_finishes_the_request_in_flight_and_closes_idle_connections() {
    let mut server = Running::start(Limits { keep_alive: Duration::from_secs(3600), ..patient() });
    let mut idle = server.connect();
    idle.write_all(HELLO).unwrap();
    answers(&mut idle, "hello", 1);
    let mut busy = server.connect();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    drop(server.handle.stop(true));
    let answer = until_closed(&mut busy);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("slow"), "{answer}");
    assert_eq!(until_closed(&mut idle), "");
    server.thread.take().unwrap().join().unwrap();
    assert!(TcpStream::connect(server.address).is_err());
}

#[test]
fn a_server_without_a_socket_is_refused() {
    actix_rt::System::new().block_on(async {
        assert!(serve(vec![], Limits::default(), None, app).is_err());
    });
}
