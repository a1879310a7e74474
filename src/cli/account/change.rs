//! `countersign account create` and `change`.

use super::password::Given;
use super::{FIRST, Which, id_of, typed};
use crate::cli::Failure;
use crate::cli::reach::{Does, Doors, Reach};
use crate::cli::show::{self, Shape};
use clap::Args;
use serde_json::{Map, Value, json};

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    reach: Reach,
    /// The login id, such as an e-mail address; - reads it from standard input
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    given: Given,
    /// The roles in its access tokens, with commas between them
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Vec<String>,
    /// The clients at which it may log in, with commas between them [default: all]
    #[arg(long, value_name = "CLIENTS", value_delimiter = ',')]
    clients: Option<Vec<String>>,
    /// Its id, where another system gave it one
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub struct Change {
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    which: Which,
    /// Another login id; its sessions go on
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
    /// All its roles, with commas between them; "" for none
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Option<Vec<String>>,
    /// All the clients at which it may log in, with commas between them; its sessions at others end
    #[arg(long, value_name = "CLIENTS", value_delimiter = ',')]
    clients: Option<Vec<String>>,
    /// It may log in at every client
    #[arg(long, conflicts_with = "clients")]
    all_clients: bool,
    /// Whether its password must be changed before the next login
    #[arg(long, value_name = "BOOL")]
    must_change: Option<bool>,
    #[command(flatten)]
    shape: Shape,
}

pub fn create(arguments: Create) -> Result<(), Failure> {
    let Create { reach, login, given, roles, clients, id, shape } = arguments;
    let login = typed(&login)?;
    let (mut body, made) = given.read()?;
    body.insert("login".to_owned(), json!(login));
    body.insert("roles".to_owned(), listed(roles));
    for (name, value) in [("clients", clients.map(listed)), ("id", id.map(Value::from))] {
        value.map(|value| body.insert(name.to_owned(), value));
    }
    reach.run(Does::Change, async |doors: &Doors| {
        let created = doors.post("/admin/accounts", &Value::Object(body)).await;
        let created = created.map_err(|failure| failure.about(&format!("the login id {login:?}")))?;
        show::one(&created.with("made_password", made.as_deref()), shape, FIRST)
    })
}

pub fn change(arguments: Change) -> Result<(), Failure> {
    let Change { reach, which, login, roles, clients, all_clients, must_change, shape } = arguments;
    let clients = if all_clients { Some(Value::Null) } else { clients.map(listed) };
    let given = [
        ("login", login.map(Value::from)),
        ("roles", roles.map(listed)),
        ("clients", clients),
        ("must_change", must_change.map(Value::from)),
    ];
    let body: Map<String, Value> =
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if body.is_empty() {
        return Err(Failure::usage("say what to change: --login, --roles, --clients, --all-clients or --must-change"));
    }
    reach.run(Does::Change, async |doors: &Doors| {
        let id = id_of(doors, &which.account).await?;
        let changed = doors.patch(&format!("/admin/accounts/{id}"), &Value::Object(body)).await;
        show::one(&changed.map_err(|failure| failure.about(&format!("account {id}")))?, shape, FIRST)
    })
}

/// A list as it was typed; the empty text is no item.
pub fn listed(items: Vec<String>) -> Value {
    items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}
