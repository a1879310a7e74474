//! As much of an HTTP server as the trials need: one request for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A request as it came.
pub struct Request {
    /// The request line and the headers, each without its line end.
    pub head: Vec<String>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.head.iter().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }

    pub fn path(&self) -> &str {
        self.head[0].split(' ').nth(1).unwrap()
    }

    /// What a form's field says; fields of the trials that are looked at need no decoding.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.body.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut request = Self { head, body: String::new() };
        let length = request.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body).ok()?;
        // What is no text is looked through for text.
        request.body = String::from_utf8_lossy(&body).into_owned();
        Some(request)
    }
}

/// Serves until the process ends. What the answer gives is sent, and the connection closed; nothing is an answer as well.
pub fn serve(answer: impl Fn(Request) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                if let Some(request) = Request::read(&stream) {
                    let _ = stream.write_all(&answer(request));
                }
            });
        }
    });
    url
}

/// An answer with this status, these headers and this body.
pub fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// An address at which nobody listens.
pub fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Asks the server over a connection of its own, and gives the answer as it came.
pub fn forward(address: &str, request: &Request) -> Vec<u8> {
    // Headers that are about the connection stay on it.
    let hop = ["connection:", "upgrade:", "http2-settings:", "keep-alive:"];
    let kept = request.head.iter().filter(|line| !hop.iter().any(|name| line.to_lowercase().starts_with(name)));
    let mut text = kept.fold(String::new(), |text, line| text + line + "\r\n");
    text += &format!("Connection: close\r\n\r\n{}", request.body);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}
