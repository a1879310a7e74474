//! `countersign bootstrap apply`: what a bootstrap file declares, made through the doors. What never existed is created; what exists
//! is left as it is, and where it differs that is said; with `--update` changed settings of clients are taken over.

use super::Failure;
use super::diagnostics::announce;
use super::reach::{Body, Does, Doors, Reach, Told, segment};
use super::serve::environment;
use crate::app;
use crate::config::bootstrap::{AccountSpec, ApiKeySpec, Bootstrap, ClientSpec, Credential};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Command {
    /// Create what a file declares and what never existed
    #[command(after_help = APPLY_HELP)]
    Apply(Apply),
}

pub const HELP: &str = "\
`countersign serve --bootstrap FILE` applies the same file at each start. The fields of the file are in docs/CONFIG.md.

Exit codes: 0 applied; 1 it could not be done, standard error says why; 2 wrong command line, configuration or bootstrap file;
offline 70 and 74 as for serve.";

const APPLY_HELP: &str = "\
Creates API keys, clients and accounts of the file that never existed; what was erased is not made again. What exists is left as it
is, and where it differs from the file that is said. --update takes over changed settings of clients, and nothing else: no secret,
no password, no role, no API key, and nobody is enabled or disabled. Applied again, it goes on where it was cut short.

The file holds secrets, or names files and variables that do: others than its owner may not read it. With --server a running server
is asked; the API key needs the permissions for what stands in the file (`admin` has all).

Examples:
  countersign bootstrap apply bootstrap.toml --config countersign.toml
  countersign bootstrap apply bootstrap.toml --update --server https://auth.example.com --api-key-file key

Exit codes: 0 applied, also if something differs; 1 it could not be done, standard error says why; 2 wrong command line,
configuration or bootstrap file.";

/// What is said where the whole file was applied and nothing came of it. Accounts are not compared: what was given them since is theirs.
const NOTHING: &str = "nothing was left to create, and no API key or client differs\n";

/// Settings that are never changed through a client's door.
const FIXED: &[&str] = &["type", "profile", "enabled"];

#[derive(Args)]
pub struct Apply {
    #[command(flatten)]
    reach: Reach,
    /// The bootstrap file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take over changed settings of clients
    #[arg(long)]
    update: bool,
    /// Print what came of it as JSON, for programs
    #[arg(long)]
    json: bool,
}

pub fn run(command: Command) -> Result<(), Failure> {
    let Command::Apply(Apply { reach, file, update, json }) = command;
    let bootstrap = Bootstrap::load(&file, &environment).map_err(Failure::usage)?;
    // Whether a client has the tenant's id is told by the doors: the server may have another configuration.
    app::check(&bootstrap, None).map_err(Failure::usage)?;
    let mut applied = Applied { update, ..Applied::default() };
    let outcome = reach.run(Does::Change, async |doors: &Doors| Ok(applied.apply(&bootstrap, doors).await))?;
    let text = if json { applied.json() } else { applied.text() };
    // Where it was cut short, it is not known what the rest of the file says of what exists.
    let nothing = if outcome.is_ok() { NOTHING } else { "" };
    announce(if text.is_empty() { nothing } else { &text })?;
    outcome.map_err(|failure| Failure {
        text: format!("{}: mend it and apply the file again to go on", failure.text),
        ..failure
    })
}

/// What came of it, a line each.
#[derive(Default)]
struct Applied {
    update: bool,
    created: Vec<String>,
    updated: Vec<String>,
    differs: Vec<String>,
}

impl Applied {
    async fn apply(&mut self, bootstrap: &Bootstrap, doors: &Doors) -> Result<(), Failure> {
        for spec in &bootstrap.api_keys {
            let name = format!("API key {:?}", spec.name);
            self.api_key(spec, &name, doors).await.map_err(|failure| failure.about(&name))?;
        }
        for spec in &bootstrap.clients {
            let name = format!("client {:?}", spec.id.as_str());
            self.client(spec, &name, doors).await.map_err(|failure| failure.about(&name))?;
        }
        for (number, spec) in bootstrap.accounts.iter().enumerate() {
            // A login id is personal: what is said ends in files, so it says which entry, not who.
            let name = format!("account of accounts[{number}]");
            self.account(spec, &name, doors).await.map_err(|failure| failure.about(&name))?;
        }
        Ok(())
    }

    async fn api_key(&mut self, spec: &ApiKeySpec, name: &str, doors: &Doors) -> Result<(), Failure> {
        let mut declared = Map::new();
        declared.insert("permissions".to_owned(), json!(spec.permissions));
        declared.insert("clients".to_owned(), clients(spec.clients.as_deref()));
        let path = format!("/admin/api-keys/{}", segment(&spec.name));
        if let Some(existing) = existing(doors, &path).await? {
            self.say(name, &differing(&declared, &existing), &existing);
            return Ok(());
        }
        declared.retain(|_, value| !value.is_null());
        declared.insert("name".to_owned(), json!(spec.name));
        declared.insert("key".to_owned(), json!(spec.key.expose()));
        doors.post("/admin/api-keys", &Value::Object(declared)).await?;
        self.created.push(name.to_owned());
        Ok(())
    }

    async fn client(&mut self, spec: &ClientSpec, name: &str, doors: &Doors) -> Result<(), Failure> {
        let mut declared = settings(spec);
        let path = format!("/admin/clients/{}", segment(spec.id.as_str()));
        let Some(existing) = existing(doors, &path).await? else {
            declared.insert("id".to_owned(), json!(spec.id.as_str()));
            spec.secret.as_ref().map(|secret| declared.insert("secret".to_owned(), json!(secret.expose())));
            doors.post("/admin/clients", &Value::Object(declared)).await?;
            self.created.push(name.to_owned());
            return Ok(());
        };
        let mut differing = differing(&declared, &existing);
        if self.update {
            let mut changes = differing.clone();
            changes.retain(|field, _| !FIXED.contains(&field.as_str()));
            differing.retain(|field, _| FIXED.contains(&field.as_str()));
            if !changes.is_empty() {
                doors.patch(&path, &Value::Object(changes.clone())).await?;
                let lines = changes
                    .iter()
                    .map(|(field, value)| format!("{name}: {field} was {}, and is {value}", existing[field]));
                self.updated.extend(lines);
            }
        }
        self.say(name, &differing, &existing);
        Ok(())
    }

    async fn account(&mut self, spec: &AccountSpec, name: &str, doors: &Doors) -> Result<(), Failure> {
        let mut declared = Map::new();
        let (field, secret) = match &spec.credential {
            Credential::Password(password) => ("password", password),
            Credential::Hash(hash) => ("password_hash", hash),
        };
        let given = [
            ("login", json!(spec.login)),
            (field, json!(secret.expose())),
            ("must_change", json!(spec.must_change)),
            ("enabled", json!(spec.enabled)),
            ("roles", json!(spec.roles)),
            ("clients", clients(spec.clients.as_deref())),
            ("id", spec.id.map_or(Value::Null, |id| json!(id.to_string()))),
            ("username", json!(spec.username)),
            ("roles_at", json!(spec.roles_at)),
            ("profile", spec.profile.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()),
        ];
        declared.extend(
            given.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)),
        );
        let body = Body { header: Some(("If-None-Match", "*")), ..Body::json(&Value::Object(declared)) };
        let told = doors.send("POST", "/admin/accounts", Some(body)).await?;
        if told.status != 409 {
            told.granted()?;
            self.created.push(name.to_owned());
        }
        Ok(())
    }

    /// Says where something that exists is not as the file declares it.
    fn say(&mut self, name: &str, differing: &Map<String, Value>, existing: &Value) {
        let lines = differing
            .iter()
            .map(|(field, value)| format!("{name}: {field} is {}, and {value} in the file", existing[field]));
        self.differs.extend(lines);
    }

    fn json(&self) -> String {
        format!("{}\n", json!({"created": self.created, "updated": self.updated, "differs": self.differs}))
    }

    fn text(&self) -> String {
        let of = |word: &'static str, lines: &[String]| {
            lines.iter().map(|line| format!("{word}  {line}\n")).collect::<String>()
        };
        of("created", &self.created) + &of("updated", &self.updated) + &of("differs", &self.differs)
    }
}

/// What a door shows; `None`: there is no such thing.
async fn existing(doors: &Doors, path: &str) -> Result<Option<Value>, Failure> {
    match doors.send("GET", path, None).await? {
        Told { status: 404, .. } => Ok(None),
        told => Ok(Some(told.granted()?.json)),
    }
}

/// The fields that are declared otherwise than they are.
fn differing(declared: &Map<String, Value>, existing: &Value) -> Map<String, Value> {
    let fields = declared.iter().filter(|(field, value)| existing[field.as_str()] != **value);
    fields.map(|(field, value)| (field.clone(), value.clone())).collect()
}

fn clients(clients: Option<&[crate::domain::ids::ClientId]>) -> Value {
    let names = |clients: &[crate::domain::ids::ClientId]| clients.iter().map(|id| json!(id.as_str())).collect();
    clients.map_or(Value::Null, names)
}

/// A client's settings as its door tells them.
fn settings(spec: &ClientSpec) -> Map<String, Value> {
    let of = &spec.settings;
    let grants: Vec<&str> = of.grants.iter().map(|grant| grant.as_str()).collect();
    let backends: Vec<String> = of.backends.iter().map(ToString::to_string).collect();
    let all = [
        ("type", json!(of.client_type.as_str())),
        ("profile", json!(of.profile.as_str())),
        ("enabled", json!(spec.enabled)),
        ("grants", json!(grants)),
        ("scopes", json!(of.scopes)),
        ("audience", json!(of.audience)),
        ("signing_alg", json!(of.signing_alg.as_str())),
        ("rotation", json!(of.rotation.as_str())),
        ("access_ttl", json!(of.access_ttl.to_string())),
        ("refresh_idle_ttl", json!(of.refresh_idle_ttl.to_string())),
        ("refresh_absolute_ttl", json!(of.refresh_absolute_ttl.to_string())),
        ("retry_window", json!(of.retry_window.to_string())),
        ("late_retry", json!(of.late_retry.as_str())),
        ("max_sessions", json!(of.max_sessions)),
        ("introspect", json!(of.introspect.as_str())),
        ("refresh_without_scope", json!(of.refresh_without_scope)),
        ("name", json!(of.name)),
        ("registration_required", json!(of.registration_required)),
        ("token_refresh", json!(of.token_refresh)),
        ("login_needs_key", json!(of.login_needs_key)),
        ("refresh_at_login", json!(of.refresh_at_login)),
        ("origins", json!(of.origins)),
        ("backends", json!(backends)),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
