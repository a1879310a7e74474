//! Each test talks to a real server over a socket. They assert that a connection is closed, never how soon.

use super::{BodyError, Limits, read_body, serve};
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{App, HttpRequest, HttpResponse, web};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Long enough for any machine; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
const BIG: usize = 64 * 1024 * 1024;

struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let server = serve(vec![listener], limits, app).unwrap();
                tell.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = told.recv_timeout(PATIENCE).unwrap();
        Self { address, handle, thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn app() -> App<
    impl actix_service::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .route("/hello", web::get().to(|| async { "hello" }))
        .route("/slow", web::get().to(slow))
        .route("/never", web::get().to(never))
        .route("/work", web::get().to(work))
        .route("/big", web::get().to(|| async { Bytes::from(vec![b'x'; BIG]) }))
        .route("/peer", web::get().to(|request: HttpRequest| async move { request.peer_addr().unwrap().to_string() }))
        .route("/body", web::post().to(body))
        .route("/unread", web::post().to(|| async { "unread" }))
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(700)).await;
    "slow"
}

/// Waits for a second and tells how many milliseconds its thread worked meanwhile.
async fn work() -> String {
    let worked = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    };
    let before = worked();
    tokio::time::sleep(Duration::from_secs(1)).await;
    format!("{} ms", worked() - before)
}

async fn never() -> &'static str {
    std::future::pending::<()>().await;
    "never"
}

async fn body(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    match read_body(&request, payload, 64 * 1024, Duration::from_millis(400)).await {
        Ok(body) => HttpResponse::Ok().body(format!("{} bytes", body.len())),
        Err(error) => HttpResponse::build(match error {
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
        })
        .finish(),
    }
}

/// Short times, for peers that misbehave.
fn strict() -> Limits {
    Limits {
        workers: 1,
        head_timeout: Duration::from_millis(400),
        keep_alive: Duration::from_millis(400),
        write_timeout: Duration::from_millis(400),
        request_timeout: Duration::from_secs(5),
        stop_timeout: Duration::from_secs(10),
        ..Limits::default()
    }
}

/// Times that no honest test comes near.
fn patient() -> Limits {
    Limits { workers: 1, ..Limits::default() }
}

/// All that comes until the connection ends, whether by an end of file or a reset.
fn until_closed(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut part = [0; 65536];
    loop {
        match socket.read(&mut part) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&part[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("still open after {PATIENCE:?}; so far: {:?}", String::from_utf8_lossy(&all))
            }
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads until so many answers ended with this body.
fn answers(socket: &mut TcpStream, ending: &str, count: usize) -> String {
    let mut all = String::new();
    let mut part = [0; 4096];
    while all.matches(ending).count() < count {
        let read = socket.read(&mut part).unwrap();
        assert!(read > 0, "closed after {} answers: {all}", all.matches(ending).count());
        all.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    all
}

/// Sends a byte now and then until the other side has had enough. True if it had.
fn trickle(socket: &mut TcpStream, bytes: &[u8]) -> bool {
    let start = Instant::now();
    socket.set_nonblocking(true).unwrap();
    let closed = loop {
        // An answer counts too: only the close comes after it.
        let nothing_yet = matches!(socket.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        if socket.write_all(bytes).is_err() || !nothing_yet {
            break true;
        }
        if start.elapsed() > PATIENCE {
            break false;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    socket.set_nonblocking(false).unwrap();
    closed
}

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
fn a_body_announced_too_large_is_refused_before_it_is_sent() {
    let server = Running::start(strict());
    let mut socket = server.connect();
    socket.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 65537\r\n\r\n").unwrap();
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
    let server = Running::start(patient());
    let mut socket = server.connect();
    socket.write_all(&[b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(), &HELLO.repeat(100)].concat()).unwrap();
    answers(&mut socket, "hello", 100);
    // The same when they come after the first has begun to wait.
    socket.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    socket.write_all(&HELLO.repeat(100)).unwrap();
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
        assert!(serve(vec![], Limits::default(), app).is_err());
    });
}
