//! What an access token says, and how it is written down.

use crate::crypto::signing::SigningKey;
use crate::domain::ids::{ClientId, SessionId, TokenId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `typ` of an access token (RFC 9068 section 2.1).
pub const TYP: &str = "at+jwt";
/// `typ` of an access token for clients of FusionAuth, which write no other.
pub const PLAIN_TYP: &str = "JWT";

/// The claims of an access token (RFC 9068 section 2.2). Times are whole seconds since 1970 (RFC 7519 `NumericDate`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it: our issuer URL.
    pub iss: String,
    /// Whose token it is: the account, or the client itself with the `client_credentials` grant.
    pub sub: String,
    /// For whom: the client's audience.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Its own name.
    pub jti: TokenId,
    /// Which client asked for it.
    pub client_id: ClientId,
    /// Granted scopes, separated by spaces (RFC 8693 section 4.2); left out when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When the person logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The session; absent with the `client_credentials` grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// The person's roles at the client (RFC 9068 section 2.2.3.1); left out when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The person's e-mail address, where the scope grants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The client again, as FusionAuth's clients look for it; absent at the tenant's own client.
    #[serde(rename = "applicationId", default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ClientId>,
    /// How the holder came by it: a word of FusionAuth's.
    #[serde(rename = "authenticationType", default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<String>,
    /// Whether the app vouches for the e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// The login id that is no e-mail address.
    #[serde(rename = "preferred_username", default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The tenant, of which there is one.
    #[serde(rename = "tid", default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

impl Claims {
    /// Whether it names a person, and not only the account.
    pub fn names_person(&self) -> bool {
        self.email.is_some() || self.username.is_some()
    }
}

/// What a token says of its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typ<'a> {
    /// [`TYP`]
    AccessToken,
    /// [`PLAIN_TYP`], with the grants that led to it.
    Plain(&'a [&'a str]),
}

impl fmt::Debug for Claims {
    /// Without the e-mail address, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("sub", &self.sub)
            .field("client_id", &self.client_id)
            .field("jti", &self.jti)
            .field("sid", &self.sid)
            .field("exp", &self.exp)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    gty: &'a [&'a str],
}

/// Writes and signs a token. `kid` is the name under which the key is published. Whoever fills the claims keeps the token below [`super::MAX_LEN`], or it will not be believed.
///
/// Not with `jsonwebtoken::encode`: that parses the private key again at every call, which costs as much as the signature.
pub fn mint<C: Serialize>(key: &SigningKey, kid: &str, typ: Typ<'_>, claims: &C) -> String {
    const REASON: &str = "strings and numbers are always written as JSON";
    let (typ, gty) = match typ {
        Typ::AccessToken => (TYP, &[][..]),
        Typ::Plain(gty) => (PLAIN_TYP, gty),
    };
    let header = serde_json::to_vec(&Header { typ, alg: key.alg().as_str(), kid, gty }).expect(REASON);
    let payload = serde_json::to_vec(claims).expect(REASON);
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}
