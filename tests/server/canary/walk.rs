//! Carries marked secrets through every door, in the right places and in wrong ones.

use crate::support::{Answer, Server, basic};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub const CLIENT: &str = "zq7-public-client";
pub const CLIENT_SECRET: &str = r#"Zq7 client "secret" 5%+\"#;
pub const LOGIN: &str = "Zq7-Lögin+tag@canary.example";
pub const UNKNOWN: &str = "zq7-nobody-ü@canary.example";
pub const PASSWORD: &str = r#"Zq7 "right" pässword\+1/&="#;
pub const WRONG: &str = r#"Zq7 "wrong" pässword\+2/&="#;
pub const API_KEY: &str = "zq7-api-key-0123456789-abcdefghijklmnop";
pub const WRONG_SECRET: &str = "zq7-wrong-client-secret";
pub const ADDRESSES: [&str; 3] = ["203.0.113.77", "198.51.100.23", "2001:db8:7a71:5c0d::77"];
pub const AGENT: &str = "Zq7Browser/9.1 (of a person)";
pub const BACKEND_AGENT: &str = "Zq7Backend/3.3 (of a backend)";
pub const DEVICE: &str = "zq7-device-of-a-person";
/// A password that was hashed elsewhere, and its hash.
pub const IMPORTED: (&str, &str) = ("U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");

pub fn bootstrap() -> String {
    format!(
        "[[api_keys]]\nname = \"ops\"\nkey = '{API_KEY}'\npermissions = [\"admin\", \"audit\"]\n\
         [[clients]]\nid = \"{CLIENT}\"\nsecret = '{CLIENT_SECRET}'\nscopes = [\"cart\"]\n\
         grants = [\"password\", \"refresh_token\", \"client_credentials\"]\n\
         [[clients]]\nid = \"other\"\nsecret = \"zq7-other-secret\"\n\
         [[clients]]\nid = \"app\"\ntype = \"public\"\n\
         [[accounts]]\nlogin = '{LOGIN}'\npassword = '{PASSWORD}'\n\
         [[accounts]]\nlogin = \"imported@canary.example\"\npassword_hash = '{}'\n",
        IMPORTED.1
    )
}

/// Somebody who asks, and keeps all answers.
pub struct Walk<'a> {
    server: &'a Server,
    /// Answers that must not hold any secret: refusals, and what is not a token's own answer.
    pub answers: Vec<String>,
    /// Tokens that were given.
    pub tokens: Vec<String>,
    person: usize,
}

impl<'a> Walk<'a> {
    /// What one of [`ADDRESSES`] asks; the first of them also whatever can be asked wrongly.
    pub fn of(server: &'a Server, person: usize) -> Self {
        let mut walk = Self { server, answers: Vec::new(), tokens: Vec::new(), person };
        walk.well();
        if person == 0 {
            walk.badly();
            walk.oddly();
        }
        walk
    }

    fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let address = ("X-Forwarded-For", ADDRESSES[self.person]);
        vec![address, ("User-Agent", BACKEND_AGENT), ("X-Forwarded-User-Agent", AGENT), ("X-Device-Id", DEVICE)]
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        match answer.status {
            200 if answer.body.starts_with("{\"access_token\"") => {
                self.tokens.push(answer.access());
                self.tokens.extend(answer.json()["refresh_token"].as_str().map(str::to_owned));
                self.answers.push(format!("{:?}", answer.headers));
            }
            _ => self.answers.push(format!("{:?}\n{}", answer.headers, answer.body)),
        }
        answer
    }

    /// Posts with an `Authorization` of its own, or none.
    fn post_with(&mut self, path: &str, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
        let mut headers = self.headers();
        headers.extend(authorization.map(|value| ("Authorization", value)));
        let answer = self.server.post_as(path, None, form, &headers);
        self.keep(answer)
    }

    /// Posts as the client.
    fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(path, Some(&client_basic()), form)
    }

    fn token(&mut self, form: &[(&str, &str)]) -> Answer {
        self.post("/oauth2/token", form)
    }

    fn login(&mut self, login: &str, password: &str) -> Answer {
        self.token(&[("grant_type", "password"), ("username", login), ("password", password)])
    }

    fn refresh(&mut self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    fn get_as(&mut self, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut all = self.headers();
        all.extend_from_slice(headers);
        let answer = self.server.get_as(path, &all);
        self.keep(answer).status
    }

    /// As apps should ask, with all that goes wrong in good use.
    fn well(&mut self) {
        let login = self.login(LOGIN, PASSWORD);
        assert_eq!(login.status, 200, "{}", login.body);
        assert_eq!(self.login(LOGIN, WRONG).status, 400);
        assert_eq!(self.login(UNKNOWN, PASSWORD).status, 400);
        assert_eq!(self.login("imported@canary.example", IMPORTED.0).status, 200);
        let first = self.refresh(&login.refresh());
        assert_eq!(self.refresh(&login.refresh()).refresh(), first.refresh());
        let second = self.refresh(&first.refresh());
        for token in [login.access(), second.access(), second.refresh(), first.refresh()] {
            assert_eq!(self.post("/oauth2/introspect", &[("token", &token)]).status, 200);
            self.get_as("/oauth2/userinfo", &[("Authorization", &format!("Bearer {token}"))]);
        }
        let other = basic("other", "zq7-other-secret");
        let stolen = [("grant_type", "refresh_token"), ("refresh_token", &second.refresh())];
        assert_eq!(self.post_with("/oauth2/token", Some(&other), &stolen).status, 400);
        assert_eq!(self.refresh(&login.refresh()).status, 400, "a replay");
        assert_eq!(self.refresh(&second.refresh()).status, 400, "its session is dead");
        let login = self.login(LOGIN, PASSWORD);
        assert_eq!(self.post("/oauth2/revoke", &[("token", &login.refresh())]).status, 200);
        assert_eq!(self.refresh(&login.refresh()).status, 400);
        let own = self.token(&[("grant_type", "client_credentials")]);
        assert_eq!(self.post("/oauth2/revoke", &[("token", &own.access())]).status, 200);
        let public = [("grant_type", "password"), ("username", LOGIN), ("password", PASSWORD), ("client_id", "app")];
        assert_eq!(self.post_with("/oauth2/token", None, &public).status, 200);
    }

    /// Secrets where they do not belong.
    fn badly(&mut self) {
        let login = self.login(LOGIN, PASSWORD);
        let (access, refresh) = (login.access(), login.refresh());
        let secrets = [PASSWORD, CLIENT_SECRET, LOGIN, API_KEY, &access, &refresh];
        for secret in secrets {
            self.misplaced(secret, &encoded(secret));
        }
        let mut broken = refresh.clone();
        broken.replace_range(70..74, "AAAA");
        self.tokens.push(broken.clone());
        assert_eq!(self.refresh(&broken).status, 400);
        assert_eq!(self.login(PASSWORD, LOGIN).status, 400, "the two fields changed over");
        assert_eq!(self.login(&LOGIN.repeat(12), PASSWORD).status, 400);
        let client_in_body = [("client_id", CLIENT), ("client_secret", CLIENT_SECRET), ("grant_type", "password")];
        assert_eq!(self.post_with("/oauth2/token", None, &client_in_body).status, 400);
        assert_eq!(self.token(&client_in_body).status, 400, "the secret twice");
        let own = [("grant_type", "client_credentials")];
        assert_eq!(self.post_with("/oauth2/token", Some(&basic(CLIENT, WRONG_SECRET)), &own).status, 401);
        assert_eq!(self.post_with("/oauth2/token", Some(&basic("zq7-nobody", PASSWORD)), &own).status, 401);
        let json = format!("{{\"username\":{LOGIN:?},\"password\":{PASSWORD:?},\"token\":\"{refresh}\"}}");
        self.raw("POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json", &json);
        self.raw(
            "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded",
            &format!("password=%zz{PASSWORD}"),
        );
        self.raw(&format!("GET /{access} HTTP/9.9\r\nHost: x"), PASSWORD);
        self.raw(&format!("{CLIENT_SECRET} {PASSWORD}"), PASSWORD);
        self.raw(&format!("GET / HTTP/1.1\r\nHost: x\r\nX-{}: {refresh}", API_KEY.repeat(1500)), "");
        self.raw(&format!("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {LOGIN}, {DEVICE}"), "");
    }

    /// What breaks at every step of reading a request, with secrets where it breaks.
    fn oddly(&mut self) {
        let login = self.login(LOGIN, PASSWORD);
        let (access, refresh) = (login.access(), login.refresh());
        let form = format!("grant_type=refresh_token&refresh_token={refresh}&password={access}");
        let post = "POST /oauth2/token HTTP/1.1\r\nHost: x";
        let typed = format!("{post}\r\nContent-Type: application/x-www-form-urlencoded");
        let basic = client_basic();
        for (head, body) in [
            (format!("{typed}\r\nAuthorization: {basic}\r\nAuthorization: {basic}"), form.clone()),
            (format!("{typed}\r\nAuthorization: {basic}"), format!("{form}&padding={}", "x".repeat(70_000))),
            (format!("{typed}\r\nAuthorization: {basic}"), format!("{form}{}", "&x=1".repeat(65))),
            (format!("{typed}\r\nAuthorization: {basic}"), format!("{form}&x=%ff%fe")),
            (format!("{typed}\r\nAuthorization: Basic {refresh}"), form.clone()),
            (format!("{typed}\r\nAuthorization: Basic ====={API_KEY}"), form.clone()),
            (format!("{typed}\r\nAuthorization: Basic"), form.clone()),
            (format!("{typed}\r\nAuthorization: Digest {access}"), form.clone()),
            (
                format!("{typed}\r\nAuthorization: {}", crate::support::basic(CLIENT, &PASSWORD.repeat(30))),
                form.clone(),
            ),
            (format!("{typed}\r\nTransfer-Encoding: {access}"), form.clone()),
            (format!("{typed}\r\nTransfer-Encoding: chunked"), format!("zz{access}\r\n{form}\r\n0\r\n\r\n")),
            (format!("{typed}\r\nContent-Length: {API_KEY}"), form.clone()),
            (format!("{typed}\r\nExpect: {API_KEY}"), form.clone()),
            (format!("{typed}\r\nHost: {API_KEY}"), form.clone()),
            (format!("{typed}\r\nUpgrade: {access}\r\nConnection: upgrade"), form.clone()),
            (format!("{typed}\r\n {access}: {refresh}"), form.clone()),
            (format!("{typed}\r\n{access}"), form.clone()),
            (format!("{post}\r\nContent-Type: {API_KEY}"), form.clone()),
            (format!("{post}\r\nContent-Type: multipart/form-data; boundary={API_KEY}"), form.clone()),
            (format!("{post}\r\nContent-Encoding: gzip"), form.clone()),
            (format!("POST http://{API_KEY}:{access}@x/oauth2/token HTTP/1.1\r\nHost: x"), form.clone()),
            (format!("CONNECT {API_KEY}:443 HTTP/1.1\r\nHost: x"), form.clone()),
            (format!("{API_KEY} /oauth2/token HTTP/1.1\r\nHost: x"), form.clone()),
        ] {
            self.raw(&head, &body);
        }
        self.everywhere(&access, &refresh);
    }

    /// Tokens in every header that is read or passed by, at every door and with every method.
    fn everywhere(&mut self, access: &str, refresh: &str) {
        let agents =
            ["User-Agent", "X-Forwarded-User-Agent", "X-Device-Id", "Referer", "Origin", "Accept", "X-Request-Id"];
        for secret in [access, refresh, API_KEY] {
            let headers: Vec<_> = agents.iter().map(|name| (*name, secret)).collect();
            let form = [("grant_type", "password"), ("username", LOGIN), ("password", PASSWORD)];
            let client = (CLIENT, &*encoded(CLIENT_SECRET));
            let answer = self.server.post_as("/oauth2/token", Some(client), &form, &headers);
            assert_eq!(self.keep(answer).status, 200);
            for path in
                ["/health/ready", "/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json"]
            {
                let answer = self.server.get_as(&format!("{path}?token={secret}"), &headers);
                assert_eq!(answer.status, 200, "{path}");
                // The document is the same for everybody, with an address as an example.
                if path != "/openapi.json" {
                    self.keep(answer);
                }
            }
            for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
                for path in ["/oauth2/token", "/oauth2/userinfo", "/metrics", &format!("/nowhere/{secret}")] {
                    let bearer = format!("Authorization: Bearer {secret}\r\nUser-Agent: {secret}");
                    self.raw(&format!("{method} {path}?token={secret} HTTP/1.1\r\nHost: x\r\n{bearer}"), secret);
                }
            }
            self.post_with("/oauth2/userinfo", None, &[("access_token", secret)]);
            self.post_with("/oauth2/userinfo", Some(&format!("Bearer {secret}")), &[("access_token", secret)]);
        }
    }

    /// Requests that nothing follows: what is kept of a request until the next one comes is kept of these.
    pub fn last(&mut self) {
        let login = self.login(LOGIN, PASSWORD);
        let (access, refresh) = (login.access(), login.refresh());
        for head in [
            format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {refresh}\r\nTransfer-Encoding: {access}"),
            format!("GET /nowhere/{access}?x={refresh} HTTP/1.1\r\nHost: x\r\nCookie: {refresh}"),
        ] {
            // Connections of their own go to the workers in turn.
            (0..8).for_each(|_| self.raw(&head, ""));
        }
    }

    /// One secret in query, path, parameter names and values, and in every kind of header.
    fn misplaced(&mut self, secret: &str, encoded: &str) {
        for path in ["/oauth2/token", "/oauth2/userinfo", "/health/live", "/metrics", "/nowhere"] {
            self.get_as(&format!("{path}?password={encoded}&{encoded}=1"), &[]);
        }
        self.get_as(&format!("/nowhere/{encoded}/at-all"), &[]);
        self.post(&format!("/oauth2/token?client_secret={encoded}"), &[("grant_type", "password")]);
        for name in ["grant_type", "scope", "username", "client_id", "token", "token_type_hint", "refresh_token"] {
            let mut form = vec![("grant_type", "password"), ("username", "zq7-x@canary.example"), ("password", WRONG)];
            form.retain(|(known, _)| *known != name);
            form.push((name, secret));
            self.token(&form);
            self.post("/oauth2/introspect", &form);
            self.post_with("/oauth2/revoke", None, &form);
        }
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", secret)]);
        self.token(&[(secret, secret), (secret, "twice")]);
        self.token(&[("password", secret), ("password", secret), ("grant_type", "password")]);
        self.post("/oauth2/introspect", &[("token", secret)]);
        let bare = basic(secret, "").replace(':', "");
        for value in
            [format!("Bearer {encoded}"), format!("Basic {encoded}"), encoded.to_owned(), bare, basic(encoded, encoded)]
        {
            self.post_with("/oauth2/token", Some(&value), &[("grant_type", "password")]);
            self.get_as("/oauth2/userinfo", &[("Authorization", &value)]);
        }
        self.get_as(
            "/oauth2/userinfo",
            &[("Cookie", encoded), ("X-Forwarded-For", encoded), ("X-Request-Id", encoded)],
        );
    }

    /// Writes what no HTTP library would.
    fn raw(&mut self, head: &str, body: &str) {
        let address = self.server.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        // It may close before it has read all of this, or answer nothing.
        let _ = stream.write_all(
            format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).as_bytes(),
        );
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        self.answers.push(String::from_utf8_lossy(&answer).into_owned());
    }
}

/// The client's secret as RFC 6749 section 2.3.1 wants it: each half form-encoded.
fn client_basic() -> String {
    basic(CLIENT, &encoded(CLIENT_SECRET))
}

fn encoded(text: &str) -> String {
    percent_encoding::percent_encode(text.as_bytes(), percent_encoding::NON_ALPHANUMERIC).to_string()
}
