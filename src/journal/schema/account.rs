//! The stored shapes of `account:ID` and `name:H` streams, and of a password hash's scheme.

use super::text::{Text, other_than_default};
use super::types::{Nothing, StoredAccount, StoredName};
use crate::domain::account::{AccountEvent, LoginHow, NameEvent};
use crate::domain::context::Sealed;
use crate::domain::denial::Denial;
use crate::domain::ids::{AccountId, ClientId, NameHash, SessionId, Version};
use crate::domain::time::Timestamp;
use crate::domain::verifier::Scheme;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    account: Text<AccountId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Created {
    login: String,
    name: Text<NameHash>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginSucceeded {
    client: Text<ClientId>,
    session: Text<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<Text<LoginHow>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewContext {
    client: Text<ClientId>,
    session: Text<SessionId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileSet {
    profile: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginRefused {
    client: Text<ClientId>,
    class: Text<Denial>,
    n: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordCodeIssued {
    digest: String,
    expires_at: Text<Timestamp>,
    of: Version,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChangeRefused {
    class: Text<Denial>,
    n: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordRehashed {
    of: Version,
    verifier: String,
    scheme: StoredScheme,
}

/// `{"argon2id":{"m":…,"t":…,"p":…}}`, `{"bcrypt":{"cost":…}}`, `{"pbkdf2-sha256":{"i":…}}`, `{"pbkdf2-sha512":{"i":…}}` or
/// `{"scrypt":{"ln":…,"r":…,"p":…}}`, with the letters of the PHC string.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum StoredScheme {
    Argon2id {
        m: u32,
        t: u32,
        p: u32,
    },
    Bcrypt {
        cost: u32,
    },
    #[serde(rename = "pbkdf2-sha256")]
    Pbkdf2Sha256 {
        i: u32,
    },
    #[serde(rename = "pbkdf2-sha512")]
    Pbkdf2Sha512 {
        i: u32,
    },
    Scrypt {
        ln: u8,
        r: u32,
        p: u32,
    },
}

impl From<Scheme> for StoredScheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Argon2id { memory_kib, iterations, parallelism } => {
                Self::Argon2id { m: memory_kib, t: iterations, p: parallelism }
            }
            Scheme::Bcrypt { cost } => Self::Bcrypt { cost },
            Scheme::Pbkdf2Sha256 { iterations } => Self::Pbkdf2Sha256 { i: iterations },
            Scheme::Pbkdf2Sha512 { iterations } => Self::Pbkdf2Sha512 { i: iterations },
            Scheme::Scrypt { log_n, r, p } => Self::Scrypt { ln: log_n, r, p },
        }
    }
}

impl From<StoredScheme> for Scheme {
    fn from(stored: StoredScheme) -> Self {
        match stored {
            StoredScheme::Argon2id { m, t, p } => Self::Argon2id { memory_kib: m, iterations: t, parallelism: p },
            StoredScheme::Bcrypt { cost } => Self::Bcrypt { cost },
            StoredScheme::Pbkdf2Sha256 { i } => Self::Pbkdf2Sha256 { iterations: i },
            StoredScheme::Pbkdf2Sha512 { i } => Self::Pbkdf2Sha512 { iterations: i },
            StoredScheme::Scrypt { ln, r, p } => Self::Scrypt { log_n: ln, r, p },
        }
    }
}

impl From<&NameEvent> for StoredName {
    fn from(event: &NameEvent) -> Self {
        match event {
            NameEvent::Taken { account } => Self::Taken(Named { account: Text(*account) }),
            NameEvent::Released { account } => Self::Released(Named { account: Text(*account) }),
        }
    }
}

impl TryFrom<StoredName> for NameEvent {
    type Error = String;
    fn try_from(stored: StoredName) -> Result<Self, String> {
        Ok(match stored {
            StoredName::Taken(data) => Self::Taken { account: data.account.0 },
            StoredName::Released(data) => Self::Released { account: data.account.0 },
        })
    }
}

impl From<&AccountEvent> for StoredAccount {
    fn from(event: &AccountEvent) -> Self {
        match event {
            AccountEvent::Created { login, name } => {
                Self::Created(Created { login: login.0.clone(), name: Text(*name) })
            }
            AccountEvent::LoginSucceeded { client, session, how } => Self::LoginSucceeded(LoginSucceeded {
                client: Text(client.clone()),
                session: Text(*session),
                how: other_than_default(*how),
            }),
            AccountEvent::LoginRefused { client, class, n } => {
                Self::LoginRefused(LoginRefused { client: Text(client.clone()), class: Text(*class), n: *n })
            }
            AccountEvent::NewContext { client, session } => {
                Self::NewContext(NewContext { client: Text(client.clone()), session: Text(*session) })
            }
            AccountEvent::PasswordCodeIssued { digest, expires_at, of } => {
                let digest = digest.0.clone();
                Self::PasswordCodeIssued(PasswordCodeIssued { digest, expires_at: Text(*expires_at), of: *of })
            }
            AccountEvent::PasswordChangeRefused { class, n } => {
                Self::PasswordChangeRefused(PasswordChangeRefused { class: Text(*class), n: *n })
            }
            AccountEvent::LoginChanged { login, name } => {
                Self::LoginChanged(Created { login: login.0.clone(), name: Text(*name) })
            }
            AccountEvent::UsernameSet { login, name } => {
                Self::UsernameSet(Created { login: login.0.clone(), name: Text(*name) })
            }
            AccountEvent::UsernameCleared => Self::UsernameCleared(Nothing {}),
            AccountEvent::ProfileSet { profile } => Self::ProfileSet(ProfileSet { profile: profile.0.clone() }),
            AccountEvent::PasswordRehashed { of, verifier, scheme } => Self::PasswordRehashed(PasswordRehashed {
                of: *of,
                verifier: verifier.0.clone(),
                scheme: (*scheme).into(),
            }),
        }
    }
}

impl TryFrom<StoredAccount> for AccountEvent {
    type Error = String;
    fn try_from(stored: StoredAccount) -> Result<Self, String> {
        Ok(match stored {
            StoredAccount::Created(data) => Self::Created { login: Sealed(data.login), name: data.name.0 },
            StoredAccount::LoginSucceeded(data) => Self::LoginSucceeded {
                client: data.client.0,
                session: data.session.0,
                how: data.how.map_or_else(LoginHow::default, |how| how.0),
            },
            StoredAccount::LoginRefused(data) => {
                Self::LoginRefused { client: data.client.0, class: data.class.0, n: data.n }
            }
            StoredAccount::NewContext(data) => Self::NewContext { client: data.client.0, session: data.session.0 },
            StoredAccount::PasswordCodeIssued(data) => {
                Self::PasswordCodeIssued { digest: Sealed(data.digest), expires_at: data.expires_at.0, of: data.of }
            }
            StoredAccount::PasswordChangeRefused(data) => {
                Self::PasswordChangeRefused { class: data.class.0, n: data.n }
            }
            StoredAccount::LoginChanged(data) => Self::LoginChanged { login: Sealed(data.login), name: data.name.0 },
            StoredAccount::UsernameSet(data) => Self::UsernameSet { login: Sealed(data.login), name: data.name.0 },
            StoredAccount::UsernameCleared(Nothing {}) => Self::UsernameCleared,
            StoredAccount::ProfileSet(data) => Self::ProfileSet { profile: Sealed(data.profile) },
            StoredAccount::PasswordRehashed(data) => {
                Self::PasswordRehashed { of: data.of, verifier: Sealed(data.verifier), scheme: data.scheme.into() }
            }
        })
    }
}
