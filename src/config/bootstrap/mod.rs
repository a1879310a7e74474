//! The bootstrap file: which API keys, clients and accounts should exist. Read and checked here; applied elsewhere.

mod client;
mod fields;
mod json;

#[cfg(test)]
mod tests;

use super::raw::parse_toml;
use super::values::nearest;
pub use super::values::origin;
use super::{ConfigError, Secret};
use crate::domain::client::ClientSettings;
use crate::domain::ids::{AccountId, ClientId};
use crate::domain::permission::Permission;
use fields::Around;
pub use fields::Fields;
use figment::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The greatest file that is read: ten thousand clients fit.
const FILE_MAX: u64 = 16 * 1024 * 1024;
const NAME_MAX: usize = 64;
const LOGIN_MAX: usize = 256;
const PASSWORD_MAX: usize = 1024;
const KEY_MIN: usize = 32;
const KEY_MAX: usize = 1024;
const ROLES_MAX: usize = 100;

/// Makes a secret where a body names none.
pub type MakeSecret<'a> = &'a dyn Fn() -> Secret;

/// What should exist, every value checked.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// `[[api_keys]]`, names without duplicates.
    pub api_keys: Vec<ApiKeySpec>,
    /// `[[clients]]`, ids without duplicates.
    pub clients: Vec<ClientSpec>,
    /// `[[accounts]]`, logins without duplicates.
    pub accounts: Vec<AccountSpec>,
}

/// One of `[[api_keys]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeySpec {
    /// Its name in lists and events.
    pub name: String,
    /// The key: 32 to 1024 visible ASCII characters.
    pub key: Secret,
    /// The names of some permissions, at least one.
    pub permissions: BTreeSet<String>,
    /// The clients that it covers; absent: all. They need not stand in the file.
    pub clients: Option<Vec<ClientId>>,
}

/// One of `[[clients]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSpec {
    /// Its id.
    pub id: ClientId,
    /// Its secret; there exactly if it is confidential.
    pub secret: Option<Secret>,
    /// Whether it may be used.
    pub enabled: bool,
    /// Everything else.
    pub settings: ClientSettings,
}

/// One of `[[accounts]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSpec {
    /// Its id, where another system gave it one.
    pub id: Option<AccountId>,
    /// The login id as written, trimmed: 1 to 256 bytes.
    pub login: String,
    /// The password or its hash.
    pub credential: Credential,
    /// Whether the password only serves to set another.
    pub must_change: bool,
    /// Whether anybody may log in.
    pub enabled: bool,
    /// Its roles.
    pub roles: BTreeSet<String>,
    /// Its registrations; absent: all clients. They need not stand in the file.
    pub clients: Option<Vec<ClientId>>,
    /// A second login id, as [`Self::login`].
    pub username: Option<String>,
    /// Its roles at single clients, besides [`Self::roles`].
    pub roles_at: BTreeMap<ClientId, BTreeSet<String>>,
    /// What apps keep about the person: a JSON object.
    pub profile: Option<String>,
}

/// What an account proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The password: 1 to 1024 bytes.
    Password(Secret),
    /// A hash of another system, in any notation; it was not looked at here.
    Hash(Secret),
}

impl Bootstrap {
    /// Reads and checks the file. Variables named by `…_env` are looked up with `env`; paths named by `…_file` start at
    /// the file's directory.
    ///
    /// # Errors
    /// The file cannot be read, others could read it too, or something in it is wrong. Messages name the entry and never
    /// show a secret.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let shown = path.display();
        let cannot = |why: std::io::Error| ConfigError(format!("cannot read the bootstrap file {shown}: {why}"));
        // Asked of the open file, so that the file that is checked is the file that is read.
        let mut file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        // Systemd's credentials and mounted secrets are root's, for this process to read, and nobody may write them.
        let handed = metadata.uid() == 0 && metadata.mode() & 0o7777 == 0o440;
        if metadata.mode() & 0o077 != 0 && !handed {
            return Err(ConfigError(format!(
                "the bootstrap file {shown} holds secrets but others than its owner may use it: run `chmod 600 {shown}`"
            )));
        }
        if metadata.len() > FILE_MAX {
            return Err(ConfigError(format!("the bootstrap file {shown} has more than 16 MiB: split it")));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(cannot)?;
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(&text, directory, env).map_err(|error| ConfigError(format!("{shown}: {error}")))
    }

    /// Checks the file's text; see [`Bootstrap::load`].
    ///
    /// # Errors
    /// Something in it is wrong.
    pub fn parse(text: &str, directory: PathBuf, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let around = Around { text, directory, env };
        let mut all = Self::default();
        for (section, value) in parse_toml(text).map_err(ConfigError)? {
            let Value::Array(_, entries) = value else { return Err(no_section(&section)) };
            for (index, entry) in entries.into_iter().enumerate() {
                let fields = Fields::new(&around, format!("{section}[{index}]"), entry)?;
                match section.as_str() {
                    "api_keys" => all.api_keys.push(api_key(fields, None)?),
                    "clients" => all.clients.push(client::read(fields, None)?),
                    "accounts" => all.accounts.push(account(fields)?),
                    _ => return Err(no_section(&section)),
                }
            }
        }
        unique("api_keys", "name", all.api_keys.iter().map(|key| key.name.clone()))?;
        unique("clients", "id", all.clients.iter().map(|client| client.id.to_string()))?;
        unique("accounts", "login", all.accounts.iter().map(|account| same_login(&account.login)))?;
        for (second, key) in all.api_keys.iter().enumerate() {
            if let Some(first) = all.api_keys[..second].iter().position(|other| other.key == key.key) {
                let (name, other) = (&key.name, &all.api_keys[first].name);
                return Err(ConfigError(format!(
                    "api_keys[{second}] {name:?}: the key is that of api_keys[{first}] {other:?}; give each its own"
                )));
            }
        }
        Ok(all)
    }
}

/// A client of a body; without a secret, a confidential one gets one that is made.
///
/// # Errors
/// Something in it is wrong, in a sentence that says what to do.
pub fn client_of(body: Fields<'_>, make: MakeSecret<'_>) -> Result<ClientSpec, ConfigError> {
    client::read(body, Some(make))
}

/// The settings of a client after the changes in a body.
///
/// # Errors
/// As [`client_of`].
pub fn changed_client(body: Fields<'_>, settings: &ClientSettings) -> Result<ClientSettings, ConfigError> {
    client::read_changes(body, settings)
}

/// Another secret for a client, from a body; without one, it is made.
///
/// # Errors
/// As [`client_of`].
pub fn secret_of(body: Fields<'_>, make: MakeSecret<'_>) -> Result<Secret, ConfigError> {
    client::read_secret(body, make)
}

/// An API key of a body; without a key, one is made.
///
/// # Errors
/// As [`client_of`].
pub fn api_key_of(body: Fields<'_>, make: MakeSecret<'_>) -> Result<ApiKeySpec, ConfigError> {
    api_key(body, Some(make))
}

/// What an API key may do, and where, after the changes in a body: of each, what is not named stays as it is.
///
/// # Errors
/// As [`client_of`].
pub fn changed_api_key(
    mut body: Fields<'_>,
    (permissions, clients): (&BTreeSet<String>, Option<&BTreeSet<ClientId>>),
) -> Result<(BTreeSet<String>, Option<BTreeSet<ClientId>>), ConfigError> {
    let everywhere = body.is_null("clients");
    let covered = client_ids(&mut body)?.map(BTreeSet::from_iter);
    let given = permissions_of(&mut body)?;
    body.finish()?;
    let clients = if everywhere { None } else { covered.or_else(|| clients.cloned()) };
    Ok((given.unwrap_or_else(|| permissions.clone()), clients))
}

/// An account of a body.
///
/// # Errors
/// As [`client_of`].
pub fn account_of(body: Fields<'_>) -> Result<AccountSpec, ConfigError> {
    account(body)
}

/// What is changed of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChanges {
    /// Another login id.
    pub login: Option<String>,
    /// Another second login id; the inner `None`: none any more.
    pub username: Option<Option<String>>,
    /// All roles from now on.
    pub roles: Option<BTreeSet<String>>,
    /// All registrations from now on; the inner `None`: all clients.
    pub clients: Option<Option<BTreeSet<ClientId>>>,
    /// Whether the password must be changed.
    pub must_change: Option<bool>,
}

/// The changes of an account in a body.
///
/// # Errors
/// As [`client_of`].
pub fn changed_account(mut body: Fields<'_>) -> Result<AccountChanges, ConfigError> {
    if body.has("password") || body.has("password_hash") {
        return Err(body.error("a password is set by POST …/password"));
    }
    let login = login(&mut body, "login", false)?;
    let no_username = body.is_null("username");
    let username = self::login(&mut body, "username", false)?;
    let roles = roles(&mut body)?;
    let everywhere = body.is_null("clients");
    let clients = registrations(&mut body)?.map(BTreeSet::from_iter);
    let must_change = body.flag("must_change")?;
    body.finish()?;
    let clients = if everywhere { Some(None) } else { clients.map(Some) };
    let username = if no_username { Some(None) } else { username.map(Some) };
    Ok(AccountChanges { login, username, roles, clients, must_change })
}

/// A new password in a body, and whether it only serves to set another.
///
/// # Errors
/// As [`client_of`].
pub fn password_of(mut body: Fields<'_>) -> Result<(Credential, bool), ConfigError> {
    let given = (body.secret("password")?, body.text("password_hash")?);
    let must_change = body.flag("must_change")?.unwrap_or(false);
    body.finish()?;
    Ok((credential(&body, given)?, must_change))
}

fn no_section(name: &str) -> ConfigError {
    let known = ["api_keys", "clients", "accounts"];
    let hint = match nearest(name, known) {
        Some(meant) => format!("did you mean `[[{meant}]]`?"),
        None => "there are `[[api_keys]]`, `[[clients]]` and `[[accounts]]`".to_owned(),
    };
    ConfigError(format!("`{name}` is no list of entries that is known here; {hint}"))
}

/// Logins that fall together under this are one login (trimmed, NFKC, lower case).
fn same_login(login: &str) -> String {
    login.trim().nfkc().collect::<String>().to_lowercase()
}

fn unique(section: &str, field: &str, names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let names: Vec<String> = names.collect();
    let mut first = std::collections::HashMap::new();
    for (index, name) in names.iter().enumerate() {
        if let Some(other) = first.insert(name, index) {
            let title = if section == "accounts" { String::new() } else { format!(" {name:?}") };
            return Err(ConfigError(format!(
                "{section}[{index}]{title}: the same `{field}` stands in {section}[{other}]; remove one of them"
            )));
        }
    }
    Ok(())
}

/// Whether a text has so many bytes and none of those characters.
fn text_without(text: &str, min: usize, max: usize, bad: impl Fn(char) -> bool) -> bool {
    (min..=max).contains(&text.len()) && !text.chars().any(bad)
}

fn client_ids(fields: &mut Fields<'_>) -> Result<Option<Vec<ClientId>>, ConfigError> {
    fields.parsed_list("clients", |text| text.parse::<ClientId>().map_err(|why| format!("{text:?}: {why}")))
}

fn permissions_of(fields: &mut Fields<'_>) -> Result<Option<BTreeSet<String>>, ConfigError> {
    let permissions = fields.parsed_list("permissions", permission)?.map(BTreeSet::from_iter);
    if permissions.as_ref().is_some_and(BTreeSet::is_empty) {
        return Err(fields.error("`permissions` must name at least one permission"));
    }
    Ok(permissions)
}

fn permission(text: &str) -> Result<String, String> {
    let all = Permission::ALL.map(Permission::as_str);
    if all.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not a permission: use {}", all.join(", ")))
    }
}

fn api_key(mut fields: Fields<'_>, make: Option<MakeSecret<'_>>) -> Result<ApiKeySpec, ConfigError> {
    let name = fields.title("name")?;
    if !text_without(&name, 1, NAME_MAX, char::is_control) {
        return Err(fields.error("`name` must have 1 to 64 bytes and no control characters"));
    }
    let key = fields.secret("key")?;
    let permissions = permissions_of(&mut fields)?;
    let clients = client_ids(&mut fields)?;
    fields.finish()?;
    let key = key.or_else(|| make.map(|make| make()));
    let key = key.ok_or_else(|| fields.error("give exactly one of `key`, `key_file` and `key_env`"))?;
    if !text_without(key.expose(), KEY_MIN, KEY_MAX, |c| !c.is_ascii_graphic()) {
        return Err(fields.error(
            "the key must have 32 to 1024 visible ASCII characters and no spaces; `openssl rand -hex 32` makes one",
        ));
    }
    let permissions = permissions.ok_or_else(|| fields.error("`permissions` must name at least one permission"))?;
    Ok(ApiKeySpec { name, key, permissions, clients })
}

fn account(mut fields: Fields<'_>) -> Result<AccountSpec, ConfigError> {
    let id = fields.parsed("id")?;
    let login = login(&mut fields, "login", true)?.unwrap_or_default();
    let username = self::login(&mut fields, "username", false)?;
    let given = (fields.secret("password")?, fields.text("password_hash")?);
    let must_change = fields.flag("must_change")?.unwrap_or(false);
    let enabled = fields.flag("enabled")?.unwrap_or(true);
    let roles = roles(&mut fields)?.unwrap_or_default();
    let clients = registrations(&mut fields)?;
    let roles_at = roles_at(&mut fields)?;
    let profile = fields.object("profile")?;
    fields.finish()?;
    let credential = credential(&fields, given)?;
    Ok(AccountSpec { id, login, credential, must_change, enabled, roles, clients, username, roles_at, profile })
}

/// Where an account may log in. None at all is no list: it would be taken for all.
fn registrations(fields: &mut Fields<'_>) -> Result<Option<Vec<ClientId>>, ConfigError> {
    let clients = client_ids(fields)?;
    if clients.as_ref().is_some_and(Vec::is_empty) {
        return Err(fields.error(
            "`clients` must name at least one client, or be left out for all; an account is shut out by disabling it",
        ));
    }
    Ok(clients)
}

/// A login id is personal, and messages end in logs: they say which entry, not who.
fn login(fields: &mut Fields<'_>, field: &str, needed: bool) -> Result<Option<String>, ConfigError> {
    let login = if needed { Some(fields.need(field)?) } else { fields.text(field)? };
    let login = login.map(|login| login.trim().to_owned());
    if login.as_ref().is_some_and(|login| !text_without(login, 1, LOGIN_MAX, char::is_control)) {
        return Err(fields.error(format!("`{field}` must have 1 to 256 bytes and no control characters")));
    }
    Ok(login)
}

fn roles(fields: &mut Fields<'_>) -> Result<Option<BTreeSet<String>>, ConfigError> {
    let roles = fields.parsed_list("roles", role)?.map(BTreeSet::from_iter);
    if roles.as_ref().is_some_and(|roles| roles.len() > ROLES_MAX) {
        return Err(fields.error("`roles` has more than 100 roles, which would not fit into a token"));
    }
    Ok(roles)
}

fn role(text: &str) -> Result<String, String> {
    match text_without(text, 1, NAME_MAX, char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is not a role: use 1 to 64 bytes without control characters")),
    }
}

/// Roles by client.
fn roles_at(fields: &mut Fields<'_>) -> Result<BTreeMap<ClientId, BTreeSet<String>>, ConfigError> {
    let mut roles_at = BTreeMap::new();
    for (client, roles) in fields.lists("roles_at")?.unwrap_or_default() {
        let wrong = |why: &dyn std::fmt::Display| fields.error(format!("`roles_at`: {client:?}: {why}"));
        let id = client.parse::<ClientId>().map_err(|why| wrong(&why))?;
        let roles = roles.iter().map(|text| role(text)).collect::<Result<BTreeSet<_>, _>>();
        let roles = roles.map_err(|why| wrong(&why))?;
        if roles.len() > ROLES_MAX {
            return Err(wrong(&"more than 100 roles, which would not fit into a token"));
        }
        roles_at.insert(id, roles);
    }
    Ok(roles_at)
}

fn credential(fields: &Fields<'_>, given: (Option<Secret>, Option<String>)) -> Result<Credential, ConfigError> {
    match given {
        (Some(password), None) => {
            if !(1..=PASSWORD_MAX).contains(&password.expose().len()) {
                return Err(fields.error("the password must have 1 to 1024 bytes"));
            }
            Ok(Credential::Password(password))
        }
        (None, Some(hash)) => Ok(Credential::Hash(Secret::new(hash))),
        _ => Err(fields.error("give exactly one of `password`, `password_file`, `password_env` and `password_hash`")),
    }
}
