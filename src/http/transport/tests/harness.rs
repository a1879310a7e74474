//! A server to test, and what a client of it does.

use crate::http::transport::tls::Tls;
use crate::http::transport::{BodyError, Limits, query, read_body, serve};
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{App, HttpRequest, HttpResponse, web};
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::{Rc, Weak};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Long enough for any machine; only a test that fails waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const BIG: usize = 64 * 1024 * 1024;

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) handle: ServerHandle,
    pub(super) thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn start(limits: Limits) -> Self {
        Self::start_with(limits, None)
    }

    pub(super) fn start_with(limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let server = serve(vec![listener], limits, tls, app).unwrap();
                tell.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = told.recv_timeout(PATIENCE).unwrap();
        Self { address, handle, thread: Some(thread) }
    }

    pub(super) fn connect(&self) -> TcpStream {
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

pub(super) fn app() -> App<
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
        .route("/upload", web::post().to(upload))
        .route("/query", web::get().to(asked))
        .route("/unread", web::post().to(|| async { "unread" }))
}

thread_local! {
    /// The query of the last request to `/query` on this thread, if it is still in memory.
    static LAST_QUERY: RefCell<Option<Weak<str>>> = const { RefCell::new(None) };
}

/// Tells what the head says of the query, what the transport says of it, and whether the one before is still in memory.
async fn asked(request: HttpRequest) -> String {
    let query = query(&request);
    let this = query.as_ref().map(Rc::downgrade);
    let before = LAST_QUERY.with_borrow_mut(|last| std::mem::replace(last, this));
    let lives = before.is_some_and(|before| before.upgrade().is_some());
    format!("head {:?}, moved {query:?}, before {lives};", request.uri().query())
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

/// Takes a large body in another task, after a while.
async fn upload(request: HttpRequest, payload: web::Payload) -> String {
    let reading = actix_rt::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        read_body(&request, payload, BIG, PATIENCE).await.unwrap().len()
    });
    format!("{} bytes", reading.await.unwrap())
}

/// Short times, for peers that misbehave.
pub(super) fn strict() -> Limits {
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
pub(super) fn patient() -> Limits {
    Limits { workers: 1, ..Limits::default() }
}

/// All that comes until the connection ends, whether by an end of file or a reset.
pub(super) fn until_closed(socket: &mut impl Read) -> String {
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
pub(super) fn answers(socket: &mut impl Read, ending: &str, count: usize) -> String {
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
pub(super) fn trickle(socket: &mut TcpStream, bytes: &[u8]) -> bool {
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
