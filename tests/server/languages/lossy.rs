//! What stands between a backend and the server on a bad day: the first request of all gets a 503, and the answer to the first
//! refresh is lost on the way.

use crate::support::loopback::{Request, forward, response, serve};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The path through it.
pub struct Lossy {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request that came through.
#[derive(Clone)]
pub struct Seen {
    /// The grant, or `revoke`.
    pub asked: String,
    /// The address and the user agent that it tells.
    pub person: [Option<String>; 2],
    at: Instant,
}

impl Seen {
    pub fn until(&self, later: &Self) -> Duration {
        later.at - self.at
    }
}

impl Lossy {
    pub fn before(server: &str) -> Self {
        let address = server.strip_prefix("http://").unwrap().to_owned();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let url = serve(move |request| {
            let now = Seen::of(&request);
            let (is_first, is_first_refresh) = {
                let mut seen = kept.lock().unwrap();
                let first_refresh =
                    now.asked == "refresh_token" && seen.iter().all(|one: &Seen| one.asked != now.asked);
                seen.push(now);
                (seen.len() == 1, first_refresh)
            };
            if is_first {
                return response(
                    "503 Service Unavailable",
                    "Retry-After: 2\r\n",
                    r#"{"error":"temporarily_unavailable"}"#,
                );
            }
            let answer = forward(&address, &request);
            if is_first_refresh { Vec::new() } else { answer }
        });
        Self { url, seen }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Seen {
    fn of(request: &Request) -> Self {
        let asked = request.field("grant_type").unwrap_or(request.path().trim_start_matches("/oauth2/")).to_owned();
        let person = ["X-Forwarded-For", "X-Forwarded-User-Agent"].map(|name| request.header(name));
        Self { asked, person, at: Instant::now() }
    }
}
