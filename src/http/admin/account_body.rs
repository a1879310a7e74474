//! An account as the doors of administration show and take it.

use crate::actors::Account;
use crate::domain::gate::Standing;
use crate::domain::ids::{ClientId, Version};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// An account.
#[derive(Serialize, ToSchema)]
pub struct AccountBody {
    /// Its id: the `sub` of its tokens. It never changes.
    #[schema(example = "019c133d-4000-7000-8000-00000000000a")]
    id: String,
    /// Its login id; `null` where it was erased.
    #[schema(example = "alice@example.com")]
    login: Option<String>,
    /// A second login id; `null`: none.
    #[schema(example = "alice")]
    username: Option<String>,
    /// `enabled`, `disabled` or `erased`.
    #[schema(example = "enabled")]
    standing: &'static str,
    /// The roles in its access tokens.
    roles: Vec<String>,
    /// The roles in those for single clients besides, by client.
    roles_at: BTreeMap<String, BTreeSet<String>>,
    /// The clients at which it may log in; `null`: all.
    clients: Option<Vec<String>>,
    /// What FusionAuth's clients keep about the person; `null`: nothing.
    #[schema(value_type = Option<serde_json::Value>)]
    profile: Option<Value>,
    /// Its password.
    password: PasswordBody,
    /// When it was created (RFC 3339).
    created_at: String,
    /// When somebody last logged in; `null`: nobody did.
    last_login_at: Option<String>,
    /// The version of what administration may change of it: its ETag.
    #[schema(value_type = u64)]
    version: Version,
}

/// What may be told of a password.
#[derive(Serialize, ToSchema)]
pub struct PasswordBody {
    /// How it is hashed.
    #[schema(example = "argon2id")]
    scheme: &'static str,
    /// When it was set.
    set_at: String,
    /// Whether it only serves to set another.
    must_change: bool,
}

impl From<&Account> for AccountBody {
    fn from(account: &Account) -> Self {
        let gate = &account.gate.value;
        let names = |clients: &BTreeSet<ClientId>| clients.iter().map(ToString::to_string).collect();
        Self {
            id: account.id.to_string(),
            login: account.login.clone(),
            username: account.username.clone(),
            standing: standing(gate.standing),
            roles: gate.roles.iter().cloned().collect(),
            roles_at: gate.roles_at.iter().map(|(client, roles)| (client.to_string(), roles.clone())).collect(),
            clients: gate.registrations.as_ref().map(names),
            profile: account.profile.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            password: PasswordBody {
                scheme: account.state.verifier(gate).scheme.name(),
                set_at: gate.password_set_at.to_string(),
                must_change: gate.must_change,
            },
            created_at: account.state.created_at.to_string(),
            last_login_at: account.state.last_login_at.map(|at| at.to_string()),
            version: account.gate.version,
        }
    }
}

/// Its word for a standing.
pub fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Enabled => "enabled",
        Standing::Disabled => "disabled",
        Standing::Erased => "erased",
    }
}

/// What is sent to make an account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct NewAccountBody {
    /// Its login id, such as an e-mail address: 1 to 256 bytes. Upper and lower case are the same.
    #[schema(example = "alice@example.com")]
    login: String,
    /// Its password; or `password_hash`.
    #[schema(nullable = false)]
    password: Option<String>,
    /// The hash of its password from another system: see docs/CONFIG.md.
    #[schema(nullable = false)]
    password_hash: Option<String>,
    /// Whether the password only serves to set another.
    #[schema(nullable = false)]
    must_change: Option<bool>,
    /// Whether anybody may log in; left out: yes.
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// The roles in its access tokens.
    #[schema(nullable = false)]
    roles: Option<Vec<String>>,
    /// The clients at which it may log in; left out: all.
    #[schema(nullable = false)]
    clients: Option<Vec<String>>,
    /// Its id, where another system gave it one: a UUID in lower case.
    #[schema(nullable = false)]
    id: Option<String>,
    /// A second login id, such as a name without `@`.
    #[schema(nullable = false)]
    username: Option<String>,
    /// Its roles at single clients, besides `roles`, by client.
    #[schema(nullable = false)]
    roles_at: Option<BTreeMap<String, Vec<String>>>,
    /// What FusionAuth's clients keep about the person: an object.
    #[schema(nullable = false)]
    profile: Option<Map<String, Value>>,
}

/// What is sent to change an account: what is left out stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for /openapi.json; it is read strictly, by name")]
pub struct AccountChangesBody {
    /// Another login id. Sessions go on.
    #[schema(nullable = false)]
    login: Option<String>,
    /// Another second login id; `null`: none any more.
    username: Option<String>,
    /// All roles from now on.
    #[schema(nullable = false)]
    roles: Option<Vec<String>>,
    /// All clients at which it may log in from now on; `null`: all there are. Sessions at others end.
    clients: Option<Vec<String>>,
    /// Whether its password must be changed before the next login.
    #[schema(nullable = false)]
    must_change: Option<bool>,
}
