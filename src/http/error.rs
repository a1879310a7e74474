//! The one place that maps what went wrong to a status and a body. Add a variant, and the compiler asks for its status.

mod fusionauth;

pub use fusionauth::{Faults, weak};

use super::transport::BodyError;
use crate::actors::{NotDone, Refused, Unavailable};
use crate::config::Secret;
use crate::crypto::WeakPassword;
use crate::domain::client::Profile;
use crate::domain::denial::Denial;
use crate::domain::ids::RequestId;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use std::fmt;

/// Seconds after which a refused request may be tried again.
const RETRY_SECONDS: &str = "1";

/// Why a request is answered with an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The engine said no, or could not decide.
    Refused(Refused),
    /// The request is malformed; the sentence says what to do.
    Malformed(String),
    /// The scope is malformed or too long; the sentence says what to do.
    BadScope(String),
    /// The grant type is none of ours.
    UnsupportedGrant,
    /// The `Authorization` header is no HTTP Basic authentication that can be read.
    BadClientHeader,
    /// More than one way of client authentication, or half of one.
    BadClientAuthentication(String),
    /// No client at all.
    NoClient,
    /// The access token is another client's: for FusionAuth's clients, which are told so.
    NotThisClients,
    /// The body is too large, too slow or broken.
    Body(BodyError),
    /// The `Authorization: Bearer` token is missing.
    NoBearer,
    /// The bearer token is not active.
    InvalidBearer,
    /// The bearer token lacks a scope.
    InsufficientScope(&'static str),
    /// The engine is not ready yet.
    Starting,
    /// More requests under way than allowed.
    TooMany,
    /// The network or the client makes more requests than it may: the seconds until it may make one again.
    RateLimited(u64),
    /// A browser asks for a page that belongs to no public client.
    OriginNotAllowed,
    /// There is no such page.
    NotFound,
    /// What was to be changed was not.
    NotDone(NotDone),
    /// The password was right and must be changed first, with this one-time code.
    MustChange(Secret),
    /// The new password is too weak.
    Weak(WeakPassword),
    /// The `Idempotency-Key` was used for another request.
    KeyReused,
    /// A request with this `Idempotency-Key` is under way.
    KeyInUse,
    /// These fields are wrong: for FusionAuth's clients.
    Faults(Box<Faults>),
    /// FusionAuth has it and this program does not; the sentence says what to do instead.
    NotSupported(&'static str),
    /// The page knows these methods only.
    MethodNotAllowed(&'static str),
}

/// How an error looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// RFC 6749 section 5.2.
    OAuth,
    /// The same with what FusionAuth's clients look for besides.
    FusionauthOAuth,
    /// `{"error":…,"message":…,"request_id":…}`.
    Plain,
    /// FusionAuth's.
    Fusionauth,
}

/// An error as it is answered.
#[derive(Clone, Debug)]
pub struct HttpError {
    why: Why,
    shape: Shape,
    request_id: Option<RequestId>,
}

impl HttpError {
    /// An error in the shape of RFC 6749.
    pub fn oauth(why: Why) -> Self {
        Self { why, shape: Shape::OAuth, request_id: None }
    }

    /// An error in our own shape.
    pub fn plain(why: Why, request_id: Option<RequestId>) -> Self {
        Self { why, shape: Shape::Plain, request_id }
    }

    /// The same error for a client of this profile, where it is one of OAuth.
    pub fn in_words_of(self, profile: Profile) -> Self {
        match (self.shape, profile) {
            (Shape::OAuth, Profile::Fusionauth) => Self { shape: Shape::FusionauthOAuth, ..self },
            (_, Profile::Standard | Profile::Gateway | Profile::Fusionauth) => self,
        }
    }

    /// An error for FusionAuth's clients.
    pub fn fusionauth(why: Why) -> Self {
        Self { why, shape: Shape::Fusionauth, request_id: None }
    }

    /// What is told to people.
    pub fn text(&self) -> String {
        answer(&self.why).text
    }

    /// The stable code: the denial's where the rules refused, for diagnostics.
    pub fn code(&self) -> &'static str {
        match &self.why {
            Why::Refused(Refused::Denied(denial)) => denial.code(),
            Why::Refused(Refused::Unavailable(why)) | Why::NotDone(NotDone::Refused(Refused::Unavailable(why))) => {
                why.code()
            }
            Why::MustChange(_) => Denial::PasswordChangeRequired.code(),
            Why::Starting => "starting",
            Why::TooMany => "too_many",
            Why::RateLimited(_) => "rate_limited",
            other => answer(other).error,
        }
    }
}

impl From<NotDone> for Why {
    fn from(why: NotDone) -> Self {
        Self::NotDone(why)
    }
}

impl From<Why> for HttpError {
    fn from(why: Why) -> Self {
        Self::oauth(why)
    }
}

impl From<Refused> for HttpError {
    fn from(refused: Refused) -> Self {
        Self::oauth(Why::Refused(refused))
    }
}

impl From<Unavailable> for HttpError {
    fn from(why: Unavailable) -> Self {
        Self::oauth(Why::Refused(why.into()))
    }
}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        Self::oauth(Why::Body(error))
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What an error is answered with.
struct Answer {
    status: StatusCode,
    error: &'static str,
    text: String,
    challenge: Option<&'static str>,
}

fn answer(why: &Why) -> Answer {
    let plain = |status, error, text: &str| Answer { status, error, text: text.to_owned(), challenge: None };
    let challenged = |status, error, text: &str, challenge| Answer {
        status,
        error,
        text: text.to_owned(),
        challenge: Some(challenge),
    };
    let later = |text| plain(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", text);
    match why {
        Why::Refused(Refused::Denied(denial)) => denied(*denial),
        Why::Refused(Refused::Unavailable(why)) => unavailable(*why),
        Why::Malformed(text) => plain(StatusCode::BAD_REQUEST, "invalid_request", text),
        Why::BadScope(text) => plain(StatusCode::BAD_REQUEST, "invalid_scope", text),
        Why::UnsupportedGrant => plain(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "grant_type must be password, refresh_token or client_credentials",
        ),
        Why::BadClientHeader => challenged(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "the Authorization header must be Basic and base64 of client_id:client_secret",
            BASIC,
        ),
        Why::BadClientAuthentication(text) => plain(StatusCode::BAD_REQUEST, "invalid_request", text),
        Why::NoClient => challenged(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "name the client: HTTP Basic authentication, or client_id and client_secret in the body",
            BASIC,
        ),
        Why::NotThisClients => {
            plain(StatusCode::UNAUTHORIZED, "invalid_client", "the access token was issued to another client")
        }
        Why::Body(error) => body(*error),
        Why::NoBearer => challenged(
            StatusCode::UNAUTHORIZED,
            "invalid_request",
            "send the access token as Authorization: Bearer",
            "Bearer",
        ),
        Why::InvalidBearer => challenged(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "the access token is not valid, has expired or was revoked",
            r#"Bearer error="invalid_token""#,
        ),
        Why::InsufficientScope(scope) => Answer {
            status: StatusCode::FORBIDDEN,
            error: "insufficient_scope",
            text: format!("the access token needs the scope {scope}"),
            challenge: Some(r#"Bearer error="insufficient_scope""#),
        },
        Why::Starting => later("the server is starting: GET /health/ready says how far it is"),
        Why::TooMany => later("the server has more requests than it can take: try again later"),
        Why::RateLimited(_) => plain(StatusCode::TOO_MANY_REQUESTS, "rate_limited", RATE_LIMITED),
        Why::OriginNotAllowed => plain(StatusCode::FORBIDDEN, "origin_not_allowed", NO_SUCH_ORIGIN),
        Why::NotFound => plain(StatusCode::NOT_FOUND, "not_found", "there is nothing here: see /openapi.json"),
        Why::NotDone(why) => not_done(why),
        Why::MustChange(_) => denied(Denial::PasswordChangeRequired),
        Why::Weak(why) => plain(StatusCode::BAD_REQUEST, "weak_password", &why.to_string()),
        Why::KeyReused => plain(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", KEY_REUSED),
        Why::Faults(_) => plain(StatusCode::BAD_REQUEST, "invalid_request", "some fields are wrong"),
        Why::NotSupported(what) => plain(StatusCode::NOT_IMPLEMENTED, "not_supported", what),
        Why::KeyInUse => plain(StatusCode::CONFLICT, "idempotency_in_progress", KEY_IN_USE),
        Why::MethodNotAllowed(_) => plain(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", OTHER_METHOD),
    }
}

const TOO_LONG: &str =
    "this is too much for one record, which has 4 KiB: use fewer or shorter roles, scopes, origins or clients";
const OTHER_METHOD: &str = "use another method: see /openapi.json";
const RATE_LIMITED: &str =
    "this network or client makes more requests than the server's operator lets it: wait as long as Retry-After says";
const KEY_REUSED: &str = "this Idempotency-Key was used for another request: draw a new one for each";
const KEY_IN_USE: &str = "a request with this Idempotency-Key is under way: ask again for its answer";

/// Why nothing was changed.
fn not_done(why: &NotDone) -> Answer {
    let plain = |status, error, text: String| Answer { status, error, text, challenge: None };
    match why {
        NotDone::Missing => plain(StatusCode::NOT_FOUND, "not_found", "there is no such thing".to_owned()),
        NotDone::Moved(version) => plain(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            format!("it has been changed since: its ETag is \"{version}\" now; look at it again"),
        ),
        NotDone::Over => {
            plain(StatusCode::CONFLICT, "over", "it was erased or revoked: nothing changes it any more".to_owned())
        }
        NotDone::Taken => {
            plain(StatusCode::CONFLICT, "taken", "the name, id or key is taken: choose another".to_owned())
        }
        NotDone::Refused(Refused::Denied(denial)) => denied(*denial),
        NotDone::Refused(Refused::Unavailable(why)) => unavailable(*why),
    }
}

/// What a body can be at fault with.
fn body(error: BodyError) -> Answer {
    let (status, text) = match error {
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
        BodyError::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"),
        BodyError::Broken => (StatusCode::BAD_REQUEST, "the body broke off"),
    };
    Answer { status, error: "invalid_request", text: text.to_owned(), challenge: None }
}

const NO_SUCH_ORIGIN: &str =
    "no enabled public client has this origin: add it to the client's `origins`, as the browser sends it";

const BASIC: &str = r#"Basic realm="countersign", charset="UTF-8""#;
const DEAD_TOKEN: &str = "the token is not valid for this client, has expired or was revoked: log in again";
const TTL_TOO_LONG: &str = "the token may be made to live shorter than the client's tokens do, not longer";
const SCOPE_NOT_GRANTED: &str =
    "the scope has something that this client may not ask for, or that the session was not granted";
const CODE_WRONG: &str = "the code is wrong, was used, or came too late: ask for another";
const CHANGE_FIRST: &str =
    "the password must be changed: POST /account/password with the change_code of this answer and a new password";

/// What the rules refuse. Whoever shows a refresh token learns only that it is dead, not why; and nothing tells an unknown
/// login id from a wrong password or from too many attempts.
fn denied(denial: Denial) -> Answer {
    let (status, error, text, challenge) = match denial {
        Denial::BadTag
        | Denial::HistoryLost
        | Denial::ClientMismatch
        | Denial::AheadOfJournal
        | Denial::GrantWithdrawn
        | Denial::Closed
        | Denial::LateRetry
        | Denial::ForeignRetry
        | Denial::Superseded
        | Denial::WrongDoor => (StatusCode::BAD_REQUEST, "invalid_grant", DEAD_TOKEN, None),
        Denial::WrongCredentials | Denial::Throttled => {
            (StatusCode::BAD_REQUEST, "invalid_grant", "the login or the password is wrong", None)
        }
        Denial::AccountDisabled | Denial::ClientDisabled => {
            (StatusCode::BAD_REQUEST, "invalid_grant", "the account or the client is disabled", None)
        }
        Denial::NotRegistered => {
            (StatusCode::BAD_REQUEST, "invalid_grant", "the account is not registered at this client", None)
        }
        Denial::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope", SCOPE_NOT_GRANTED, None),
        Denial::GrantNotAllowed => {
            (StatusCode::BAD_REQUEST, "unauthorized_client", "this client may not use this grant", None)
        }
        Denial::LoginsRefused => (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "nobody may log in for now: an operator has stopped it; sessions go on",
            None,
        ),
        Denial::PasswordChangeRequired => (StatusCode::BAD_REQUEST, "invalid_grant", CHANGE_FIRST, None),
        Denial::OldPasswordWrong => (StatusCode::FORBIDDEN, "old_password_wrong", "the old password is wrong", None),
        Denial::PasswordCodeWrong => (StatusCode::FORBIDDEN, "password_code_wrong", CODE_WRONG, None),
        Denial::TooLong => (StatusCode::BAD_REQUEST, "invalid_request", TOO_LONG, None),
        Denial::TtlTooLong => (StatusCode::BAD_REQUEST, "invalid_request", TTL_TOO_LONG, None),
        Denial::ApiKeyUnknown | Denial::ApiKeyDisabled => (
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "send an API key that is in force, as Authorization: Bearer KEY",
            Some("Bearer"),
        ),
        Denial::ApiKeyForbidden => {
            (StatusCode::FORBIDDEN, "forbidden", "this API key lacks the permission for this", None)
        }
        Denial::ApiKeyElsewhere => (StatusCode::FORBIDDEN, "forbidden", "this API key covers other clients only", None),
        Denial::ClientUnknown | Denial::ClientSecretWrong => {
            (StatusCode::UNAUTHORIZED, "invalid_client", "the client is unknown or its secret is wrong", Some(BASIC))
        }
        Denial::ClientSecretMissing => {
            (StatusCode::UNAUTHORIZED, "invalid_client", "this client must authenticate with its secret", Some(BASIC))
        }
        Denial::ClientSecretUnexpected => (
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "this client is public and must not send a secret: an app that carries one has given it away",
            Some(BASIC),
        ),
    };
    Answer { status, error, text: text.to_owned(), challenge }
}

/// The status and the `error` that a denial is answered with by the OAuth doors: for `docs/API.md`.
pub fn answer_to(denial: Denial) -> (u16, &'static str) {
    let answer = denied(denial);
    (answer.status.as_u16(), answer.error)
}

fn unavailable(why: Unavailable) -> Answer {
    let (status, text) = match why {
        Unavailable::Busy => {
            (StatusCode::SERVICE_UNAVAILABLE, "the server has more to do than it can: try again later")
        }
        Unavailable::Clock => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the server's clock is not believed: nothing is granted until it is mended",
        ),
        Unavailable::Conflict => (StatusCode::SERVICE_UNAVAILABLE, "too many changes at once: try again"),
        Unavailable::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping: try again"),
        Unavailable::Disk => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the server's disk is nearly full: only revoking goes on until its operator has freed some space",
        ),
        Unavailable::Store => (StatusCode::SERVICE_UNAVAILABLE, "the server cannot read its store: try again later"),
        Unavailable::Fault => (StatusCode::SERVICE_UNAVAILABLE, "the server has a fault: its diagnostics say more"),
    };
    Answer { status, error: "temporarily_unavailable", text: text.to_owned(), challenge: None }
}

#[derive(Serialize)]
struct OAuthBody<'a> {
    error: &'a str,
    error_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_code: Option<&'a str>,
}

#[derive(Serialize)]
struct PlainBody<'a> {
    error: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        match self.shape {
            Shape::OAuth | Shape::FusionauthOAuth | Shape::Plain => answer(&self.why).status,
            Shape::Fusionauth => fusionauth::shaped(&self.why).0,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let Answer { error, text, challenge, .. } = answer(&self.why);
        let status = self.status_code();
        let mut response = HttpResponseBuilder::new(status);
        no_store(&mut response);
        if let Some(challenge) = challenge.filter(|_| self.shape != Shape::Fusionauth) {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Why::MethodNotAllowed(allowed) = self.why {
            response.insert_header((ALLOW, allowed));
        }
        if let Why::RateLimited(seconds) = self.why {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_SECONDS));
        }
        let body = match self.shape {
            Shape::OAuth => {
                let change_code = match &self.why {
                    Why::MustChange(code) => Some(code.expose()),
                    _ => None,
                };
                serde_json::to_string(&OAuthBody { error, error_description: &text, change_code }).ok()
            }
            Shape::FusionauthOAuth => fusionauth::oauth(&self.why, error, &text),
            Shape::Plain => {
                serde_json::to_string(&PlainBody { error, message: &text, request_id: self.request_id }).ok()
            }
            Shape::Fusionauth => fusionauth::shaped(&self.why).1,
        };
        match body {
            Some(body) => response.insert_header((CONTENT_TYPE, "application/json")).body(body),
            // A type without a body is a fault to who parses by the type.
            None => response.finish(),
        }
    }
}

/// Nobody between us and the caller may keep this answer (RFC 6749 section 5.1).
pub fn no_store(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_tells_an_unknown_login_from_a_wrong_password_or_a_throttled_one() {
        let of = |denial: Denial| {
            let answer = denied(denial);
            (answer.status, answer.error, answer.text, answer.challenge)
        };
        assert_eq!(of(Denial::WrongCredentials), of(Denial::Throttled));
    }

    #[test]
    fn only_who_failed_to_authenticate_is_answered_401() {
        for denial in Denial::ALL {
            let unauthorized = denied(*denial).status == StatusCode::UNAUTHORIZED;
            let failed = ["invalid_client", "unauthorized"].contains(&denied(*denial).error);
            assert_eq!(unauthorized, failed, "{denial}");
        }
    }
}
