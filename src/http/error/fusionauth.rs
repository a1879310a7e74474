//! How FusionAuth's clients are answered: its statuses, and its bodies. A status that they read without a body is sent without one,
//! and none that they read with a body is sent without: one of them takes an empty 400 for a fault of its own.

use super::{Answer, answer};
use crate::actors::{NotDone, Refused};
use crate::crypto::WeakPassword;
use crate::domain::denial::Denial;
use crate::http::error::Why;
use actix_web::http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is wrong with the fields of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Faults {
    #[serde(rename = "fieldErrors")]
    fields: BTreeMap<String, Vec<Fault>>,
    #[serde(rename = "generalErrors")]
    general: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Fault {
    code: String,
    message: String,
}

impl Faults {
    /// Adds what is wrong with a field: a word of FusionAuth's, such as `blank`, and what to do about it.
    pub fn add(&mut self, field: &str, word: &str, message: &str) {
        let fault = Fault { code: format!("[{word}]{field}"), message: message.to_owned() };
        self.fields.entry(field.to_owned()).or_default().push(fault);
    }

    /// One thing that is wrong with one field.
    pub fn of(field: &str, word: &str, message: &str) -> Self {
        let mut faults = Self::default();
        faults.add(field, word, message);
        faults
    }

    /// What is wrong with no field in particular.
    pub fn general(word: &str, message: &str) -> Self {
        Self { general: vec![Fault { code: format!("[{word}]"), message: message.to_owned() }], ..Self::default() }
    }

    /// How many things are wrong.
    pub fn count(&self) -> usize {
        self.fields.values().map(Vec::len).sum::<usize>() + self.general.len()
    }

    /// Adds all that is wrong elsewhere.
    pub fn join(&mut self, other: Self) {
        for (field, faults) in other.fields {
            self.fields.entry(field).or_default().extend(faults);
        }
        self.general.extend(other.general);
    }

    /// Nothing, if nothing is wrong.
    ///
    /// # Errors
    /// What is wrong.
    pub fn none(self) -> Result<(), Why> {
        if self == Self::default() { Ok(()) } else { Err(Why::Faults(Box::new(self))) }
    }
}

impl From<Faults> for Why {
    fn from(faults: Faults) -> Self {
        Self::Faults(Box::new(faults))
    }
}

#[derive(Serialize)]
struct MustChange<'a> {
    #[serde(rename = "changePasswordId")]
    id: &'a str,
    #[serde(rename = "changePasswordReason")]
    reason: &'static str,
}

/// What is wrong with a password that is too weak.
pub fn weak(field: &str, why: &WeakPassword) -> Faults {
    let word = match why {
        WeakPassword::TooShort { .. } => "tooShort",
        WeakPassword::TooLong => "tooLong",
        WeakPassword::Common => "breachedCommonPassword",
        WeakPassword::Same => "previouslyUsed",
        WeakPassword::LikeLogin => "invalid",
    };
    Faults::of(field, word, &why.to_string())
}

/// The status and the body of an error; `None`: no body, and so no type of one.
pub(super) fn shaped(why: &Why) -> (StatusCode, Option<String>) {
    match why {
        Why::Faults(faults) => (StatusCode::BAD_REQUEST, json(faults)),
        Why::NotSupported(what) => (StatusCode::NOT_IMPLEMENTED, json(&Faults::general("notSupported", what))),
        Why::MustChange(code) => {
            let change = MustChange { id: code.expose(), reason: "Administrative" };
            (StatusCode::NON_AUTHORITATIVE_INFORMATION, json(&change))
        }
        Why::Weak(weakness) => (StatusCode::BAD_REQUEST, json(&weak("password", weakness))),
        Why::Refused(Refused::Denied(denial)) | Why::NotDone(NotDone::Refused(Refused::Denied(denial))) => {
            denied(*denial, answer(why))
        }
        Why::NotFound | Why::NotDone(NotDone::Missing | NotDone::Over) => (StatusCode::NOT_FOUND, None),
        Why::NoBearer | Why::InvalidBearer | Why::NoClient | Why::NotThisClients => (StatusCode::UNAUTHORIZED, None),
        Why::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, None),
        Why::Refused(Refused::Unavailable(_))
        | Why::NotDone(NotDone::Refused(Refused::Unavailable(_)) | NotDone::Moved(_) | NotDone::Taken)
        | Why::Malformed(_)
        | Why::BadScope(_)
        | Why::UnsupportedGrant
        | Why::BadClientHeader
        | Why::BadClientAuthentication(_)
        | Why::Body(_)
        | Why::InsufficientScope(_)
        | Why::Starting
        | Why::TooMany
        | Why::RateLimited(_)
        | Why::OriginNotAllowed
        | Why::KeyReused
        | Why::KeyInUse => general(answer(why)),
    }
}

/// What the rules refuse. A login that does not exist and a wrong password are one answer; so are all refresh tokens that are not good.
fn denied(denial: Denial, answer: Answer) -> (StatusCode, Option<String>) {
    match denial {
        Denial::WrongCredentials
        | Denial::Throttled
        | Denial::OldPasswordWrong
        | Denial::PasswordCodeWrong
        | Denial::BadTag
        | Denial::HistoryLost
        | Denial::ClientMismatch
        | Denial::AheadOfJournal
        | Denial::GrantWithdrawn
        | Denial::Closed
        | Denial::LateRetry
        | Denial::ForeignRetry
        | Denial::Superseded
        | Denial::WrongDoor => (StatusCode::NOT_FOUND, None),
        Denial::AccountDisabled => (StatusCode::LOCKED, None),
        Denial::ApiKeyUnknown
        | Denial::ApiKeyDisabled
        | Denial::ApiKeyForbidden
        | Denial::ApiKeyElsewhere
        | Denial::ClientUnknown
        | Denial::ClientSecretWrong
        | Denial::ClientSecretMissing
        | Denial::ClientSecretUnexpected => (StatusCode::UNAUTHORIZED, None),
        Denial::ClientDisabled | Denial::NotRegistered => {
            (StatusCode::BAD_REQUEST, json(&Faults::of("applicationId", "invalid", &answer.text)))
        }
        Denial::TtlTooLong => {
            (StatusCode::BAD_REQUEST, json(&Faults::of("timeToLiveInSeconds", "tooLong", &answer.text)))
        }
        Denial::InvalidScope
        | Denial::GrantNotAllowed
        | Denial::LoginsRefused
        | Denial::PasswordChangeRequired
        | Denial::TooLong => general(answer),
    }
}

fn general(answer: Answer) -> (StatusCode, Option<String>) {
    (answer.status, json(&Faults::general(answer.error, &answer.text)))
}

/// RFC 6749 section 5.2, with the reason as FusionAuth words it.
#[derive(Serialize)]
struct OAuthBody<'a> {
    error: &'a str,
    error_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_password_id: Option<&'a str>,
}

/// The body of an error of the OAuth doors for clients of FusionAuth's profile.
pub(super) fn oauth(why: &Why, error: &str, text: &str) -> Option<String> {
    let (error, change_password_id) = match why {
        Why::MustChange(code) => ("change_password_required", Some(code.expose())),
        _ => (error, None),
    };
    json(&OAuthBody { error, error_description: text, error_reason: reason(why), change_password_id })
}

/// FusionAuth's word for why; `None` where it has none.
fn reason(why: &Why) -> Option<&'static str> {
    match why {
        Why::Refused(Refused::Denied(denial)) => reason_of(*denial),
        Why::MustChange(_) => Some("change_password_administrative"),
        Why::UnsupportedGrant => Some("invalid_grant_type"),
        Why::BadScope(_) => Some("unknown_scope"),
        Why::NotThisClients => Some("client_id_mismatch"),
        Why::NoBearer => Some("access_token_required"),
        Why::InvalidBearer => Some("access_token_invalid"),
        _ => None,
    }
}

/// Nothing tells refresh tokens that are not good from one another, nor an unknown login from a wrong password.
fn reason_of(denial: Denial) -> Option<&'static str> {
    match denial {
        Denial::BadTag
        | Denial::HistoryLost
        | Denial::ClientMismatch
        | Denial::AheadOfJournal
        | Denial::GrantWithdrawn
        | Denial::Closed
        | Denial::LateRetry
        | Denial::ForeignRetry
        | Denial::Superseded
        | Denial::WrongDoor => Some("refresh_token_not_found"),
        Denial::WrongCredentials | Denial::Throttled => Some("invalid_user_credentials"),
        Denial::AccountDisabled => Some("user_locked"),
        Denial::InvalidScope => Some("unknown_scope"),
        Denial::GrantNotAllowed => Some("grant_type_disabled"),
        Denial::TtlTooLong => Some("invalid_expires_in"),
        Denial::ClientSecretMissing => Some("missing_client_secret"),
        Denial::ClientUnknown | Denial::ClientSecretWrong | Denial::ClientSecretUnexpected => {
            Some("invalid_client_authentication")
        }
        _ => None,
    }
}

fn json(body: &impl Serialize) -> Option<String> {
    serde_json::to_string(body).ok()
}
