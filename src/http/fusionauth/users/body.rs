//! A user as FusionAuth's clients send him: what this program knows of a person, and what apps keep about him.

use super::super::body::Fields;
use super::super::merge::{beyond, member};
use crate::http::error::{Faults, Why};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Bytes of a login id at most, as everywhere.
const LOGIN_MAX: usize = 256;
/// Bytes of a password at most, as everywhere.
pub const PASSWORD_MAX: usize = 1024;
/// Bytes at most of what is kept about a user, as JSON: sealed and in base64, it fits in an event beside all else.
const KEPT_MAX: usize = 2048;
/// How deep it may be nested: less than what every reader of JSON takes.
const DEPTH_MAX: usize = 32;
/// What of a user is this program's, and is never kept as it was sent.
const OWN: [&str; 24] = [
    "active",
    "breachedPasswordLastCheckedInstant",
    "breachedPasswordStatus",
    "connectorId",
    "email",
    "encryptionScheme",
    "factor",
    "id",
    "identities",
    "insertInstant",
    "lastLoginInstant",
    "lastUpdateInstant",
    "memberships",
    "password",
    "passwordChangeReason",
    "passwordChangeRequired",
    "passwordLastUpdateInstant",
    "registrations",
    "salt",
    "tenantId",
    "twoFactor",
    "username",
    "usernameStatus",
    "verified",
];
/// What would be taken for done if it were only kept.
const NOT_SUPPORTED: [(&str, &str); 3] = [
    ("/expiry", "users do not expire here: leave user.expiry out, and deactivate the user when it is time"),
    ("/phoneNumber", "people do not log in by telephone here: leave user.phoneNumber out"),
    ("/twoFactor/methods/0", "there is no second factor here: leave user.twoFactor out"),
];

/// A user as he was sent.
pub struct Sent {
    /// The e-mail address, in lower case.
    pub email: Option<String>,
    /// The login id that is none.
    pub username: Option<String>,
    /// The password, as it was sent.
    pub password: Option<Zeroizing<String>>,
    /// Whether he may log in, where that was said.
    pub active: Option<bool>,
    /// Whether his password must be changed, where that was said.
    pub must_change: Option<bool>,
    /// What apps keep about him.
    pub kept: Map<String, Value>,
}

impl Sent {
    /// The login ids: the first, and the second of who has both.
    pub fn logins(&self) -> (String, Option<String>) {
        match (self.email.clone(), self.username.clone()) {
            (Some(email), username) => (email, username),
            (None, username) => (username.unwrap_or_default(), None),
        }
    }

    /// What a password may not be like.
    pub fn own_words(&self) -> String {
        [&self.email, &self.username].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// What a whole request asks for that is not served, as FusionAuth would do it in silence.
///
/// # Errors
/// [`Why::NotSupported`]
pub fn supported(body: &Value) -> Result<(), Why> {
    if member(body, "sendSetPasswordEmail") == true {
        return Err(Why::NotSupported(
            "no mail is sent here: set a password, or give the user a changePasswordId by POST /api/user/forgot-password",
        ));
    }
    if member(body, "generateAuthenticationToken") == true {
        return Err(Why::NotSupported("there are no authentication tokens here: log in with a password"));
    }
    Ok(())
}

/// Reads a user; what is wrong is gathered.
///
/// # Errors
/// [`Why::NotSupported`]
pub fn read(sent: &Value, faults: &mut Faults) -> Result<Sent, Why> {
    for (path, advice) in NOT_SUPPORTED {
        if sent.pointer(path).is_some_and(|value| !value.is_null()) {
            return Err(Why::NotSupported(advice));
        }
    }
    let mut fields = Fields::within(sent, "user.", faults);
    let email = fields.text("email").map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
    let username = fields.text("username").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if email.is_none() && username.is_none() {
        for name in ["email", "username"] {
            fields.wrong(name, "blank", "give the user an email or a username");
        }
    }
    if email.as_deref().is_some_and(|email| !is_email(email)) {
        fields.wrong("email", "notEmail", "this must be an e-mail address of at most 256 bytes");
    }
    // Some apps send the e-mail address in both.
    let username = username.filter(|username| Some(username.to_lowercase()) != email);
    if let Some(username) = &username {
        if username.contains('@') {
            fields.wrong("username", "invalid", "a username has no @: it would be taken for an e-mail address");
        } else if username.len() > LOGIN_MAX || username.chars().any(char::is_control) {
            fields.wrong("username", "tooLong", "use at most 256 bytes without control characters");
        }
    }
    let password = fields.text("password").map(|text| Zeroizing::new(text.to_owned()));
    if password.as_ref().is_some_and(|password| password.len() > PASSWORD_MAX) {
        fields.wrong("password", "tooLong", "use at most 1024 bytes");
    }
    let (active, must_change) = (fields.flag("active"), fields.flag("passwordChangeRequired"));
    Ok(Sent { email, username, password, active, must_change, kept: kept(sent, &OWN) })
}

/// What is kept of an object: all but some members, and but what is empty.
pub fn kept(sent: &Value, own: &[&str]) -> Map<String, Value> {
    let fields = sent.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, _)| !own.contains(&name.as_str()));
    kept.filter_map(|(name, value)| Some((name.clone(), beyond(value, None)?))).collect()
}

/// What is kept, as the account keeps it.
///
/// # Errors
/// It is too much, or nested too deeply.
pub fn stored(kept: &Map<String, Value>, field: &str) -> Result<String, Why> {
    if kept.values().any(|value| is_deeper(value, DEPTH_MAX)) {
        let advice = format!("nest objects and lists at most {DEPTH_MAX} deep");
        return Err(Faults::of(field, "invalid", &advice).into());
    }
    let text = serde_json::to_string(kept).map_err(|_| Faults::of(field, "invalid", "this cannot be kept"))?;
    if text.len() > KEPT_MAX {
        let advice =
            format!("all that is kept about a user has at most {KEPT_MAX} bytes, with his registrations' data");
        return Err(Faults::of(field, "tooLong", &advice).into());
    }
    Ok(text)
}

fn is_deeper(value: &Value, than: usize) -> bool {
    let within = |value: &Value| than == 0 || is_deeper(value, than - 1);
    match value {
        Value::Array(items) => items.iter().any(within),
        Value::Object(fields) => fields.values().any(within),
        _ => false,
    }
}

fn is_email(text: &str) -> bool {
    let blank = |c: char| c.is_control() || c.is_whitespace();
    let parts = text.rsplit_once('@');
    text.len() <= LOGIN_MAX
        && !text.chars().any(blank)
        && parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_well(sent: Value) -> Sent {
        let mut faults = Faults::default();
        let read = read(&sent, &mut faults).unwrap_or_else(|why| panic!("{why:?}"));
        assert_eq!(faults, Faults::default());
        read
    }

    #[test]
    fn what_is_the_programs_own_is_not_kept_and_all_else_is() {
        let sent = read_well(json!({
            "id": "x", "email": " Alice@Example.COM ", "username": "neo", "password": "p", "verified": false,
            "registrations": [{}], "insertInstant": 1, "tenantId": "t", "active": false, "passwordChangeRequired": "true",
            "firstName": "Alice", "data": {"a": 1, "gone": null}, "imageUrl": null, "preferredLanguages": [],
        }));
        assert_eq!(sent.logins(), ("alice@example.com".to_owned(), Some("neo".to_owned())));
        assert_eq!((sent.active, sent.must_change), (Some(false), Some(true)));
        assert_eq!(Value::Object(sent.kept), json!({"firstName": "Alice", "data": {"a": 1}}));
    }

    #[test]
    fn one_login_id_is_enough_and_an_address_in_both_is_one() {
        assert_eq!(read_well(json!({"username": "neo"})).logins(), ("neo".to_owned(), None));
        let both = read_well(json!({"email": "a@b.example", "username": "A@b.example"}));
        assert_eq!(both.logins(), ("a@b.example".to_owned(), None));
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        let told = |sent: Value| {
            let mut faults = Faults::default();
            read(&sent, &mut faults).unwrap_or_else(|why| panic!("{why:?}"));
            serde_json::to_string(&faults).unwrap()
        };
        for (sent, code) in [
            (json!({}), "[blank]user.email"),
            (json!({}), "[blank]user.username"),
            (json!({"email": "nobody"}), "[notEmail]user.email"),
            (json!({"email": "a b@c.example"}), "[notEmail]user.email"),
            (json!({"username": "a@b.example"}), "[invalid]user.username"),
            (json!({"username": "x".repeat(257)}), "[tooLong]user.username"),
            (json!({"username": "neo", "password": "x".repeat(1025)}), "[tooLong]user.password"),
            (json!({"username": 7}), "[couldNotConvert]user.username"),
        ] {
            let told = told(sent.clone());
            assert!(told.contains(code), "{sent}: {told}");
        }
    }

    #[test]
    fn what_would_be_taken_for_done_is_refused() {
        for sent in [
            json!({"username": "neo", "expiry": 1}),
            json!({"username": "neo", "phoneNumber": "1"}),
            json!({"username": "neo", "twoFactor": {"methods": [{}]}}),
        ] {
            let refused = read(&sent, &mut Faults::default()).err();
            assert!(matches!(refused, Some(Why::NotSupported(_))), "{sent}");
        }
        read_well(json!({"username": "neo", "twoFactor": {}}));
        assert!(supported(&json!({"sendSetPasswordEmail": true})).is_err());
        assert!(supported(&json!({"sendSetPasswordEmail": false, "skipVerification": true})).is_ok());
    }
}
