//! Who holds what in a scene, and whether an answer is what the play expects: what is claimed holds, or the play ends.

use super::apps::Sessions;
use super::doors::Answer;
use super::play::{Expect, Person};
use crate::domain::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the persons of a scene hold, and what the scene knows of the session.
#[derive(Default)]
pub struct Cast {
    /// The session.
    pub sid: String,
    /// Whose it is.
    pub account: String,
    /// Refresh tokens by their numbers.
    pub refresh: BTreeMap<u32, String>,
    /// The newest access token of everybody.
    pub access: BTreeMap<&'static str, String>,
    /// When the last answer came.
    pub answered: Timestamp,
    /// The session cookie of the played apps.
    pub cookie: String,
    /// The app that believes it.
    pub documented: Sessions,
    /// The app that asks.
    pub asking: Sessions,
}

impl Cast {
    /// The access token that somebody holds.
    pub fn access_of(&self, person: &Person) -> String {
        self.access.get(person.name).cloned().unwrap_or_default()
    }

    /// The refresh token of a number.
    pub fn refresh_of(&self, number: u32) -> String {
        self.refresh.get(&number).cloned().unwrap_or_default()
    }

    /// Takes what an answer gives to `who`, if it is what was expected.
    ///
    /// # Errors
    /// What came instead. Tokens are not in it.
    pub fn hold(&mut self, who: &'static Person, expect: &Expect, answer: &Answer) -> Result<(), String> {
        let json = &answer.json;
        let text = |name: &str| json[name].as_str().unwrap_or_default();
        let holds = match expect {
            Expect::LoggedIn => answer.status == 200 && self.log_in(who, text("access_token"), text("refresh_token")),
            Expect::Token(number) => {
                let door =
                    |one: &str, other: &str| if json[one].is_string() { text(one) } else { text(other) }.to_owned();
                let (access, refresh) = (door("access_token", "token"), door("refresh_token", "refreshToken"));
                answer.status == 200 && self.redeem(who, *number, access, refresh)
            }
            Expect::Refused => answer.status == 400 && json["error"] == "invalid_grant",
            Expect::Active => answer.status == 200 && json["active"] == true && json["sid"] == self.sid.as_str(),
            Expect::Inactive => answer.status == 200 && *json == serde_json::json!({"active": false}),
            Expect::Unauthorized => answer.status == 401 && json["error"] == "invalid_token",
            Expect::State(state, last) => {
                answer.status == 200
                    && json["id"] == self.sid.as_str()
                    && json["state"] == *state
                    && used_by(json, last)
            }
            Expect::Listed(last) => {
                let items = json["items"].as_array().into_iter().flatten();
                let mut ours = items.filter(|item| item["id"] == self.sid.as_str() && item["current"] == false);
                answer.status == 200 && ours.any(|item| used_by(item, last))
            }
            Expect::Done => matches!(answer.status, 200 | 204),
            Expect::Cart(asked) => {
                answer.status == 200 && json["cart_of"] == self.account.as_str() && answer.asked == *asked
            }
            Expect::TurnedAway(asked) => answer.status == 302 && json["location"] == "/login" && answer.asked == *asked,
            Expect::Expired => answer.status == 401 && json["error"] == "expired" && answer.asked == 0,
        };
        let came = || {
            format!("expected {expect:?}, and {} {} came (asked {} times)", answer.status, text("error"), answer.asked)
        };
        if holds { Ok(()) } else { Err(came()) }
    }

    fn log_in(&mut self, who: &'static Person, access: &str, refresh: &str) -> bool {
        let claims = claims(access);
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        let (sid, account) = (text("sid"), text("sub"));
        if sid.is_empty() || account.is_empty() || refresh.is_empty() {
            return false;
        }
        self.access.insert(who.name, access.to_owned());
        if self.sid.is_empty() {
            (self.sid, self.account) = (sid, account);
            self.refresh.insert(0, refresh.to_owned());
            true
        } else {
            // Another login of the same person is another session.
            account == self.account && sid != self.sid
        }
    }

    fn redeem(&mut self, who: &'static Person, number: u32, access: String, refresh: String) -> bool {
        let as_numbered = match self.refresh.get(&number) {
            Some(known) => *known == refresh,
            None => !refresh.is_empty() && self.refresh.values().all(|known| *known != refresh),
        };
        let claims = claims(&access);
        let of_session = claims["sid"] == self.sid.as_str() && claims["sub"] == self.account.as_str();
        if as_numbered && of_session {
            self.refresh.insert(number, refresh);
            self.access.insert(who.name, access);
        }
        as_numbered && of_session
    }
}

/// Whether a session was last used from this person's address with his agent.
fn used_by(session: &Value, person: &Person) -> bool {
    session["address"] == person.address && session["user_agent"] == person.agent
}

/// The claims of an access token, unverified: what an app that was just given it reads.
pub fn claims(access: &str) -> Value {
    let payload = access.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::play::{OWNER, PHONE, THIEF};
    use super::*;
    use serde_json::json;

    fn token(sid: &str, sub: &str) -> String {
        format!("e30.{}.s", URL_SAFE_NO_PAD.encode(json!({"sid": sid, "sub": sub}).to_string()))
    }

    fn told(status: u16, json: Value) -> Answer {
        Answer { status, json, asked: 0 }
    }

    fn tokens(sid: &str, refresh: &str) -> Answer {
        told(200, json!({"access_token": token(sid, "alice"), "refresh_token": refresh}))
    }

    fn cast() -> Cast {
        let mut cast = Cast::default();
        cast.hold(&OWNER, &Expect::LoggedIn, &tokens("01", "zero")).unwrap();
        cast
    }

    #[test]
    fn a_token_is_the_one_of_its_number_and_a_new_number_is_a_new_token() {
        let mut cast = cast();
        cast.hold(&THIEF, &Expect::Token(1), &tokens("01", "one")).unwrap();
        cast.hold(&OWNER, &Expect::Token(1), &tokens("01", "one")).unwrap();
        assert!(cast.hold(&OWNER, &Expect::Token(1), &tokens("01", "other")).is_err(), "not the same");
        assert!(cast.hold(&OWNER, &Expect::Token(2), &tokens("01", "zero")).is_err(), "an old one as a new one");
        assert!(cast.hold(&OWNER, &Expect::Token(2), &tokens("02", "two")).is_err(), "another session's");
        assert!(cast.hold(&OWNER, &Expect::Token(2), &told(400, json!({"error": "invalid_grant"}))).is_err());
        let same = told(200, json!({"token": token("01", "alice"), "refreshToken": "one"}));
        cast.hold(&THIEF, &Expect::Token(1), &same).unwrap();
    }

    #[test]
    fn another_login_must_be_another_session_of_the_same_person() {
        let mut cast = cast();
        assert!(cast.hold(&PHONE, &Expect::LoggedIn, &tokens("01", "a")).is_err());
        let of_bob = told(200, json!({"access_token": token("02", "bob"), "refresh_token": "b"}));
        assert!(cast.hold(&PHONE, &Expect::LoggedIn, &of_bob).is_err());
        cast.hold(&PHONE, &Expect::LoggedIn, &tokens("02", "c")).unwrap();
        assert_eq!((cast.sid.as_str(), cast.refresh_of(0).as_str()), ("01", "zero"));
    }

    #[test]
    fn a_claim_that_does_not_hold_fails() {
        let session = |state: &str, person: &Person| json!({"id": "01", "state": state, "address": person.address, "user_agent": person.agent, "current": false});
        let asked = |asked: u64, answer: Answer| Answer { asked, ..answer };
        let cart = || told(200, json!({"cart_of": "alice"}));
        for (expect, holds, fails) in [
            (
                Expect::Refused,
                told(400, json!({"error": "invalid_grant"})),
                told(400, json!({"error": "invalid_scope"})),
            ),
            (Expect::Refused, told(400, json!({"error": "invalid_grant"})), tokens("01", "one")),
            (Expect::Active, told(200, json!({"active": true, "sid": "01"})), told(200, json!({"active": false}))),
            (
                Expect::Active,
                told(200, json!({"active": true, "sid": "01"})),
                told(200, json!({"active": true, "sid": "02"})),
            ),
            (Expect::Inactive, told(200, json!({"active": false})), told(200, json!({"active": true, "sid": "01"}))),
            (Expect::Unauthorized, told(401, json!({"error": "invalid_token"})), told(200, json!({}))),
            (Expect::State("open", &THIEF), told(200, session("open", &THIEF)), told(200, session("revoked", &THIEF))),
            (Expect::State("open", &THIEF), told(200, session("open", &THIEF)), told(200, session("open", &OWNER))),
            (
                Expect::Listed(&THIEF),
                told(200, json!({"items": [session("open", &THIEF)]})),
                told(200, json!({"items": [session("open", &OWNER)]})),
            ),
            (Expect::Done, told(204, Value::Null), told(404, json!({"error": "not_found"}))),
            (Expect::Cart(0), cart(), asked(1, cart())),
            (Expect::Cart(0), cart(), told(200, json!({"cart_of": "bob"}))),
            (Expect::Cart(1), asked(1, cart()), told(302, json!({"location": "/login"}))),
            (Expect::TurnedAway(0), told(302, json!({"location": "/login"})), cart()),
            (Expect::Expired, told(401, json!({"error": "expired"})), told(401, json!({"error": "InvalidSignature"}))),
            (Expect::Expired, told(401, json!({"error": "expired"})), cart()),
        ] {
            cast().hold(&THIEF, &expect, &holds).unwrap();
            let why = cast().hold(&THIEF, &expect, &fails).unwrap_err();
            assert!(why.starts_with("expected ") && !why.contains(&token("01", "alice")), "{why}");
        }
    }
}
