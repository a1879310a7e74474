//! Whom the requests are for, and how they are written.

use crate::people::User;
use crate::wire::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use std::fmt::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// Where the doors are. Other servers have them elsewhere.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Of all grants.
    pub token: String,
    /// RFC 7662.
    pub introspect: String,
    /// RFC 7009.
    pub revoke: String,
    /// A POST to it decides nothing.
    pub noop: String,
}

/// The server, and the client in whose name everything is asked.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its doors.
    pub paths: Paths,
    /// What a POST that decides nothing is answered with.
    pub noop_status: u16,
    /// Scopes that are asked for at a login; none where it is empty.
    pub scope: String,
    /// The password of all accounts.
    pub password: String,
    /// How long a request may take.
    pub timeout: Duration,
    host: HeaderValue,
    basic: HeaderValue,
}

/// Whether the person's network and user agent are the user's own or somebody else's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// The user.
    Owner,
    /// Somebody on another network, with another user agent.
    Thief,
}

impl Target {
    /// A server at `http://HOST:PORT`, and a client's `ID:SECRET`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(url: &str, client: &str, password: &str, timeout: Duration) -> Result<Self, String> {
        let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let authority = authority.filter(|rest| !rest.contains('/')).ok_or("the URL must be http://HOST:PORT")?;
        let found = authority.to_socket_addrs().map_err(|error| format!("{authority}: {error}"))?.next();
        let (id, secret) = client.split_once(':').ok_or("the client must be ID:SECRET")?;
        let credentials = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
        let header = |text: &str| HeaderValue::from_str(text).map_err(|error| format!("{text}: {error}"));
        Ok(Self {
            address: found.ok_or_else(|| format!("{authority} has no address"))?,
            paths: Paths::default(),
            noop_status: Paths::NOOP_STATUS,
            scope: String::new(),
            password: encoded(password),
            timeout,
            host: header(authority)?,
            basic: header(&format!("Basic {credentials}"))?,
        })
    }

    /// The password grant.
    pub fn login(&self, user: &User) -> Request {
        let form = format!("grant_type=password&username={}&password={}", encoded(&user.login), self.password);
        self.post(&self.paths.token, self.with_scope(form), Some((user, Who::Owner)))
    }

    /// A form that asks for the scope, where one is to be asked for.
    fn with_scope(&self, mut form: String) -> String {
        if !self.scope.is_empty() {
            let _ = write!(form, "&scope={}", encoded(&self.scope));
        }
        form
    }

    /// The refresh grant.
    pub fn refresh(&self, user: &User, who: Who, token: &str) -> Request {
        self.post(&self.paths.token, format!("grant_type=refresh_token&refresh_token={token}"), Some((user, who)))
    }

    /// The client's own grant.
    pub fn client_credentials(&self) -> Request {
        let form = self.with_scope("grant_type=client_credentials".to_owned());
        self.post(&self.paths.token, form, None)
    }

    /// Is this token active?
    pub fn introspect(&self, token: &str) -> Request {
        self.post(&self.paths.introspect, format!("token={token}"), None)
    }

    /// End a session.
    pub fn revoke(&self, user: &User, token: &str) -> Request {
        self.post(&self.paths.revoke, format!("token={token}"), Some((user, Who::Owner)))
    }

    /// A POST that decides nothing.
    pub fn noop(&self) -> Request {
        self.post(&self.paths.noop, String::new(), None)
    }

    /// What an `Authorization` header of the client says, and the `Host` header.
    pub fn headers(&self) -> (&str, &str) {
        (self.basic.to_str().unwrap_or_default(), self.host.to_str().unwrap_or_default())
    }

    fn post(&self, path: &str, form: String, person: Option<(&User, Who)>) -> Request {
        let mut request = Request::new(Full::new(Bytes::from(form)));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = path.parse().expect("the path was checked when the arguments were read");
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(AUTHORIZATION, self.basic.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some((user, who)) = person {
            let (address, agent) = user.seen_as(who);
            headers.insert("x-forwarded-for", address);
            headers.insert("x-forwarded-user-agent", agent);
        }
        request
    }
}

impl Paths {
    /// The status of what [`Paths::noop`] is where nothing else was said.
    pub const NOOP_STATUS: u16 = 400;
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            token: "/oauth2/token".to_owned(),
            introspect: "/oauth2/introspect".to_owned(),
            revoke: "/oauth2/revoke".to_owned(),
            noop: "/oauth2/token".to_owned(),
        }
    }
}

/// Form-encoded.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut form, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            let _ = write!(form, "%{byte:02X}");
        }
        form
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_mean_something_in_a_form_is_encoded() {
        assert_eq!(encoded("a b+c&d=é@x.y"), "a%20b%2Bc%26d%3D%C3%A9%40x.y");
    }

    #[test]
    fn a_url_is_a_host_and_a_port() {
        let target = |url| Target::new(url, "load:secret", "password", Duration::from_secs(1));
        assert_eq!(target("http://127.0.0.1:8080/").unwrap().address, "127.0.0.1:8080".parse().unwrap());
        for wrong in ["https://127.0.0.1:1", "127.0.0.1:1", "http://127.0.0.1:1/path", "http://127.0.0.1"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_thief_is_on_another_network_with_another_user_agent() {
        let target = Target::new("http://127.0.0.1:1", "load:secret", "password", Duration::from_secs(1)).unwrap();
        let user = User::new(7, crate::people::LOGIN_IDS);
        let [own, thief] = [Who::Owner, Who::Thief].map(|who| target.refresh(&user, who, "t"));
        for header in ["x-forwarded-for", "x-forwarded-user-agent"] {
            assert_ne!(own.headers()[header], thief.headers()[header]);
        }
    }
}
