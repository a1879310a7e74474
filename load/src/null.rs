//! A server that only answers: what the generator can do is measured against it. It parses no more than it needs to find the end of a
//! request, and its answer would do for all scenarios.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;

const BODY: &str =
    r#"{"access_token":"a.b.c","token_type":"Bearer","expires_in":300,"refresh_token":"r","active":true}"#;
/// A request with more bytes than this is none of the generator's.
const LONGEST: usize = 64 * 1024;

/// Stands still once, for a while: all requests after the first `after` wait until it is over.
#[derive(Clone, Copy, Debug)]
pub struct Stall {
    /// Requests before it.
    pub after: u64,
    /// How long.
    pub lasts: Duration,
}

/// What all connections share.
struct Shared {
    answer: String,
    stall: Option<Stall>,
    asked: AtomicU64,
    gate: RwLock<()>,
}

/// Answers whoever connects, for ever.
///
/// # Errors
/// Where connections cannot be taken any more.
pub async fn serve(listener: TcpListener, stall: Option<Stall>) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\r\n{BODY}",
        BODY.len()
    );
    let shared = Arc::new(Shared { answer, stall, asked: AtomicU64::new(0), gate: RwLock::new(()) });
    loop {
        let (stream, _) = listener.accept().await?;
        // Somebody who goes away in the middle is not our business.
        tokio::spawn(converse(stream, shared.clone()));
    }
}

async fn converse(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut bytes, mut chunk) = (Vec::with_capacity(4096), [0; 4096]);
    loop {
        while let Some(length) = whole_request(&bytes) {
            bytes.drain(..length);
            shared.wait().await;
            stream.write_all(shared.answer.as_bytes()).await?;
        }
        let read = stream.read(&mut chunk).await?;
        if read == 0 || bytes.len() > LONGEST {
            return Ok(());
        }
        bytes.extend_from_slice(&chunk[..read]);
    }
}

impl Shared {
    async fn wait(&self) {
        let Some(stall) = self.stall else { return };
        if self.asked.fetch_add(1, Ordering::Relaxed) == stall.after {
            let _closed = self.gate.write().await;
            tokio::time::sleep(stall.lasts).await;
        }
        let _open = self.gate.read().await;
    }
}

/// The length of the first request in these bytes, if all of it is there.
fn whole_request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let lines = bytes[..head].split(|byte| *byte == b'\n');
    let mut length = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let is_length = line[..colon].eq_ignore_ascii_case(b"content-length");
        is_length.then(|| std::str::from_utf8(&line[colon + 1..]).ok()?.trim().parse::<usize>().ok())?
    });
    let whole = head + length.next().unwrap_or(0);
    (bytes.len() >= whole).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_with_its_body() {
        let request = b"POST / HTTP/1.1\r\nContent-Length: 5\r\nhost: x\r\n\r\na=b&cPOST";
        assert_eq!(whole_request(request), Some(request.len() - 4));
        assert_eq!(whole_request(&request[..request.len() - 5]), None);
        assert_eq!(whole_request(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
        assert_eq!(whole_request(b"GET / HTTP/1.1\r\n"), None);
    }
}
