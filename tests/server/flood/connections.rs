//! Very many connections: silent ones, slow ones, and ones that have asked before.

use super::{KIB, MIB, Meanwhile, Over, peak};
use crate::support::{Answer, BOOTSTRAP, Plan, Server, many};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

/// What a connection may cost, in memory of the server: the buffer that actix reserves for it, wiped whole when it ends, and the rest.
const EACH: u64 = 40 * KIB;
/// Files that a test or a server needs besides the connections, and for each processor.
const OTHER_FILES: u64 = 300;
const OF_A_PROCESSOR: u64 = 16;

/// What a connection of the flood does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Nothing.
    Silent,
    /// It sends a head, a byte now and then.
    SlowHead,
    /// It sends a body so.
    SlowBody,
    /// It was answered, and asks nothing further.
    Idle,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Silent, Self::SlowHead, Self::SlowBody, Self::Idle];

    fn begin(self) -> &'static [u8] {
        match self {
            Self::Silent => b"",
            Self::SlowHead => b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: ",
            Self::SlowBody => {
                b"POST /oauth2/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 60000\r\n\r\n"
            }
            Self::Idle => b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n",
        }
    }
}

struct Connection {
    kind: Kind,
    stream: TcpStream,
    /// What it was sent so far.
    received: Vec<u8>,
    ended: bool,
}

impl Connection {
    /// Opens one from an address of its own among those of loopback.
    async fn open(server: SocketAddr, number: usize, kind: Kind) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        let from = format!("127.0.0.{}:0", 2 + number % 100);
        socket.bind(from.parse().unwrap()).unwrap();
        let mut stream = socket.connect(server).await.unwrap();
        stream.write_all(kind.begin()).await.unwrap();
        Self { kind, stream, received: Vec::new(), ended: false }
    }

    /// Sends a byte, where it is one that does, and takes what has come.
    fn go_on(&mut self) {
        if matches!(self.kind, Kind::SlowHead | Kind::SlowBody) && self.stream.try_write(b"a").is_err() {
            // What the server sent before it closed may still be there to read.
        }
        let mut buffer = [0; 1024];
        loop {
            match self.stream.try_read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.received.extend_from_slice(&buffer[..read]);
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => self.ended = true,
            }
            return;
        }
    }

    /// What its end must look like: silence, or an answer that says what was wrong.
    fn check(&self) {
        let text = String::from_utf8_lossy(&self.received);
        let status = text.split(' ').nth(1).unwrap_or_default();
        let right = match self.kind {
            Kind::Silent => text.is_empty(),
            // A reset may have come before the answer was read.
            Kind::SlowHead | Kind::SlowBody => text.is_empty() || status == "408",
            Kind::Idle => status == "200",
        };
        assert!(right, "{:?} was answered {text:?}", self.kind);
    }
}

/// Lets this process, and the servers that it starts, have as many files open as it may, and says how many connections fit.
fn as_many_as_may_be(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let processors = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let others = OTHER_FILES + OF_A_PROCESSOR * processors;
    let most = limit.maximum.map_or(usize::MAX, |most| most.saturating_sub(others) as usize);
    let number = wanted.min(most);
    println!("{number} connections, where {wanted} were asked for");
    assert!(number > 0, "this process may not open enough files for any: raise `ulimit -Hn`");
    number
}

fn address(server: &Server) -> SocketAddr {
    server.url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// Runs something that waits for many sockets, on this thread.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(future)
}

/// Opens all of them and keeps at it until the server has ended all but those that were answered.
async fn flood(server: SocketAddr, connections: usize) -> Vec<Connection> {
    let mut open = Vec::with_capacity(connections);
    for number in 0..connections {
        open.push(Connection::open(server, number, Kind::ALL[number % Kind::ALL.len()]).await);
    }
    // Only a server that does not end them is waited for so long.
    for _ in 0..1200 {
        for connection in open.iter_mut().filter(|connection| !connection.ended) {
            connection.go_on();
        }
        let done = |connection: &Connection| connection.ended || is_answered(connection);
        if open.iter().all(done) {
            return open;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = open.iter().filter(|connection| !connection.ended && !is_answered(connection));
    panic!("they were not ended: {:?}", left.map(|connection| connection.kind).collect::<Vec<_>>());
}

fn is_answered(connection: &Connection) -> bool {
    connection.kind == Kind::Idle && (connection.received.ends_with(b"}") || connection.received.ends_with(b"\n"))
}

/// Lets somebody refresh and ask for health while something goes on.
fn beside<T>(server: &Server, first: &Answer, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut meanwhile = Meanwhile::default();
            meanwhile.ask(server, first, &over);
            meanwhile
        });
        let ending = Over(&over);
        let done = work();
        drop(ending);
        asking.join().unwrap().print();
        done
    })
}

#[test]
fn thousands_of_slow_and_silent_connections_are_ended_and_hinder_nobody() {
    let connections = as_many_as_may_be(many("COUNTERSIGN_FLOOD_CONNECTIONS", 4000));
    let server = Plan::new(BOOTSTRAP)
        .set("http.max_connections", &(connections + 1000).to_string())
        .set("http.head_timeout", "5s")
        .set("http.body_timeout", "5s")
        .set("http.keep_alive", "600s")
        .start();
    let first = server.login();
    assert_eq!(server.refresh(&server.login().refresh()).status, 200);
    let base = peak(&server);
    let address = address(&server);
    let all = beside(&server, &first, || wait_for(flood(address, connections)));
    all.iter().for_each(Connection::check);
    let (most, ceiling) = (peak(&server), base + connections as u64 * EACH + 16 * MIB);
    let told = |kind| all.iter().filter(|one| one.kind == kind && !one.received.is_empty()).count();
    println!("answered: {:?}", Kind::ALL.map(|kind| (kind, told(kind))));
    assert!(told(Kind::SlowHead) > 0 && told(Kind::SlowBody) > 0, "the slow ones are told why they are ended");
    println!(
        "{} MiB before, {} MiB at most: {} KiB a connection",
        base / MIB,
        most / MIB,
        most.saturating_sub(base) / connections as u64 / KIB
    );
    assert!(most <= ceiling, "{} MiB, where {} MiB are allowed", most / MIB, ceiling / MIB);
    assert_eq!(told(Kind::Idle), all.iter().filter(|one| one.kind == Kind::Idle).count());
    drop(all);
    assert_eq!(server.login().status, 200);
}

#[test]
fn connections_never_take_the_files_that_the_journal_needs() {
    as_many_as_may_be(1000);
    let mut plan = Plan::new(BOOTSTRAP)
        .set("http.head_timeout", "60s")
        .set("journal.segment_bytes", "64KiB")
        .set("http.workers", "2")
        .set("http.keep_alive", "600s");
    plan.under = ["sh", "-c", "ulimit -n 300; exec \"$0\" \"$@\""].map(str::to_owned).to_vec();
    let mut server = plan.start();
    let mut token = server.login().refresh();
    let segments = || std::fs::read_dir(server.data_dir().join("journal")).unwrap().count();
    let before = segments();
    let address = address(&server);
    wait_for(async {
        // Of more than it lets in, the kernel takes a hundred and more; the others go on trying.
        let all = (0..800).map(|number| Connection::open(address, number, Kind::Silent));
        let mut trying: FuturesUnordered<_> = all.collect();
        let mut open = Vec::new();
        while open.len() < 200 {
            open.extend(trying.next().await);
        }
        // The connection that is used here is one that was open before.
        for _ in 0..400 {
            let answer = server.refresh(&token);
            assert_eq!(answer.status, 200, "{answer:?}");
            token = answer.refresh();
        }
    });
    let said = server.diagnostics();
    assert!(segments() >= before + 3, "segments were closed meanwhile: {said}");
    assert!(said.contains("`http.max_connections` is 10000, but"), "{said}");
    assert!(!said.contains("Too many open files"), "{said}");
    assert_eq!(server.login().status, 200);
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
}
