//! The apps of the stories, as far as they must be played: one that verifies access tokens by itself, and one that has sessions of
//! its own. Neither uses anything of Countersign's but what an app has.

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What an app answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Page {
    /// The cart of this account.
    Cart(String),
    /// The login page.
    LogIn,
    /// The same, because the token is past its end.
    Expired,
    /// Something is wrong with the token.
    Wrong(String),
}

/// Public keys, as they are fetched.
#[derive(Clone)]
pub struct Keys(JwkSet);

impl Keys {
    /// Reads a key set.
    ///
    /// # Errors
    /// It is none.
    pub fn read(json: Value) -> Result<Self, String> {
        serde_json::from_value(json).map(Self).map_err(|error| format!("the public keys: {error}"))
    }
}

/// An app that verifies access tokens by itself, and what it knows for that.
pub struct Verifier {
    /// The public keys, fetched before.
    pub keys: Keys,
    /// Who issues tokens.
    pub issuer: String,
    /// For whom they must be.
    pub audience: String,
    /// What they must say of their type.
    pub typ: &'static str,
}

impl Verifier {
    /// A request with an access token. Asks nobody.
    pub fn page(&self, token: &str) -> Page {
        match self.claims(token) {
            Ok(claims) => Page::Cart(claims["sub"].as_str().unwrap_or_default().to_owned()),
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Page::Expired,
            Err(error) => Page::Wrong(error.to_string()),
        }
    }

    fn claims(&self, token: &str) -> Result<Value, Error> {
        let header = decode_header(token)?;
        let unknown = || Error::from(ErrorKind::InvalidToken);
        if header.typ.is_none_or(|typ| typ != self.typ) {
            return Err(unknown());
        }
        let key = self.keys.0.find(header.kid.as_deref().unwrap_or_default()).ok_or_else(unknown)?;
        // The algorithm is the key's, never the token's.
        let algorithm = key.common.key_algorithm.and_then(|name| name.to_string().parse::<Algorithm>().ok());
        let mut validation = Validation::new(algorithm.ok_or_else(unknown)?);
        validation.leeway = 0;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
    }
}

/// How long a session of the app lasts without a request, in minutes of its clock.
const LASTS: u32 = 30;

/// An app with sessions of its own.
#[derive(Default)]
pub struct Sessions {
    now: u32,
    open: BTreeMap<String, OwnSession>,
}

/// One of them.
struct OwnSession {
    account: String,
    /// Countersign's session behind it.
    sid: String,
    ends: u32,
}

impl Sessions {
    /// After a login: a session under the id that stands in the cookie.
    pub fn begin(&mut self, cookie: &str, account: &str, sid: &str) {
        let session = OwnSession { account: account.to_owned(), sid: sid.to_owned(), ends: self.now + LASTS };
        self.open.insert(cookie.to_owned(), session);
    }

    /// Lets minutes pass.
    pub fn later(&mut self, minutes: u32) {
        self.now += minutes;
    }

    /// A request with a cookie. `still` says whether the session behind it is open; an app that believes its cookie asks nobody.
    ///
    /// # Errors
    /// Where `still` has no answer.
    pub fn page<E>(&mut self, cookie: &str, still: impl FnOnce(&str) -> Result<bool, E>) -> Result<Page, E> {
        let now = self.now;
        let Some(session) = self.open.get_mut(cookie).filter(|session| now < session.ends) else {
            return Ok(Page::LogIn);
        };
        if !still(&session.sid)? {
            self.open.remove(cookie);
            return Ok(Page::LogIn);
        }
        session.ends = now + LASTS;
        Ok(Page::Cart(session.account.clone()))
    }
}

impl Page {
    /// As an answer over HTTP would have it.
    pub fn told(self) -> (u16, Value) {
        match self {
            Self::Cart(account) => (200, json!({"cart_of": account})),
            Self::LogIn => (302, json!({"location": "/login"})),
            Self::Expired => (401, json!({"error": "expired"})),
            Self::Wrong(why) => (401, json!({"error": why})),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(_: &str) -> Result<bool, ()> {
        Ok(true)
    }

    #[test]
    fn a_session_of_the_app_ends_half_an_hour_after_its_last_request() {
        let mut app = Sessions::default();
        app.begin("cookie", "alice", "sid");
        app.later(29);
        assert_eq!(app.page("cookie", open), Ok(Page::Cart("alice".to_owned())));
        app.later(29);
        assert_eq!(app.page("cookie", open), Ok(Page::Cart("alice".to_owned())));
        app.later(30);
        assert_eq!(app.page("cookie", open), Ok(Page::LogIn));
        assert_eq!(app.page("guessed", open), Ok(Page::LogIn));
    }

    #[test]
    fn an_app_that_asks_lets_nobody_in_without_an_answer_and_forgets_a_session_that_is_over() {
        let mut app = Sessions::default();
        app.begin("cookie", "alice", "sid");
        assert_eq!(app.page("cookie", |_| Err("503")), Err("503"));
        let over = |sid: &str| Ok::<_, ()>(sid != "sid");
        assert_eq!(app.page("cookie", over), Ok(Page::LogIn));
        assert_eq!(app.page("cookie", open), Ok(Page::LogIn));
    }

    #[test]
    fn what_is_no_token_opens_nothing() {
        let keys = Keys::read(json!({"keys": []})).unwrap();
        let app = Verifier { keys, issuer: String::new(), audience: String::new(), typ: "at+jwt" };
        assert!(matches!(app.page("a.b.c"), Page::Wrong(_)));
    }
}
