//! FusionAuth's own clients, unmodified: complete workflows, what the clients' own suites assert, and every bad input that they can
//! send. The programs of `tests/fusionauth` make the calls; what they are to find stands in docs/FUSIONAUTH.md and in
//! `tests/fusionauth/bad_inputs.json`.

use super::official_programs::{ADMIN_KEY, API_KEY, Client, Outcome, TENANT};
use super::official_table::{Row, rows};
use crate::support::{Plan, Server};
use serde_json::Value;
use std::collections::BTreeSet;

/// What the kickstart files of the suites begin with: an API key that may do everything. Applications and users are made through
/// the clients.
const EVERYTHING: &[&str] = &["admin"];

/// The least with which a backend takes all the steps of the workflows.
const LEAST: &[&str] = &["login", "users", "applications", "tokens", "erase"];

/// Applications and users that were there before any client came, as for whoever moves here from FusionAuth with his ids.
const BEFORE: &str = r#"
[[clients]]
id = "10000000-0000-0002-0000-000000000001"
name = "Store"
profile = "fusionauth"
secret = "a secret: 50% + é"

[[clients]]
id = "10000000-0000-0002-0000-000000000002"
name = "Phone"
profile = "fusionauth"
type = "public"

[[accounts]]
id = "00000000-0000-0001-0000-000000000000"
login = "alice@example.com"
password = "correct horse battery staple"
roles = ["shopper"]
clients = ["10000000-0000-0002-0000-000000000001"]

[[accounts]]
login = "bob@example.com"
password = "correct horse battery staple"
must_change = true

[[accounts]]
login = "carol"
password = "correct horse battery staple"
"#;

/// A server with an API key for the clients and one for the operator, and with the tenant that the suites ask for. Whoever tests logs in more often than people do.
pub(super) fn server(permissions: &[&str]) -> Server {
    server_with("", permissions)
}

fn server_with(more: &str, permissions: &[&str]) -> Server {
    let keys = [("backend", API_KEY, permissions), ("operator", ADMIN_KEY, EVERYTHING)];
    let keys =
        keys.map(|(name, key, may)| format!("[[api_keys]]\nname = {name:?}\nkey = {key:?}\npermissions = {may:?}\n"));
    let plan = Plan::new(&(keys.concat() + more)).set("fusionauth.tenant_id", TENANT);
    ["strangers_per_network", "strangers_total", "familiar"]
        .iter()
        .fold(plan, |plan, budget| plan.set(&format!("passwords.{budget}"), "10000"))
        .start()
}

#[test]
fn what_the_suite_for_typescript_asserts_holds() {
    holds(&Client::Node, "typescript");
}

#[test]
fn what_the_suite_for_python_asserts_holds() {
    holds(&Client::Python, "python");
}

#[test]
fn what_the_suite_for_node_asserts_holds() {
    holds(&Client::Node, "node");
}

#[test]
fn what_the_suite_for_php_asserts_holds() {
    holds(&Client::Python, "php");
}

#[test]
fn what_the_suite_for_ruby_asserts_holds() {
    holds(&Client::Python, "ruby");
}

#[test]
fn what_the_suite_for_dotnet_asserts_holds() {
    holds(&Client::Node, "dotnet");
}

#[test]
fn what_the_suite_for_go_asserts_holds() {
    holds(&Client::Python, "go");
}

#[test]
fn what_the_suites_for_java_assert_holds() {
    holds(&Client::Node, "java");
}

/// A row that nobody checks, or that is left out without a reason, would be a promise without proof.
#[test]
fn every_assertion_of_the_suites_is_in_the_table_once() {
    let rows = rows();
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    let count = u32::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "the rows of the table are numbered");
    for row in &rows {
        let known = ["typescript", "python", "node", "php", "ruby", "dotnet", "go", "java"];
        let told = known.contains(&row.program.as_str()) || row.is_left_out();
        assert!(told, "A{}: {:?} is neither a program nor a reason", row.number, row.program);
    }
    assert!(count >= 110, "{count}");
}

#[test]
fn backends_in_typescript_and_in_python_take_every_step_of_the_workflows() {
    both("workflow", || server(LEAST));
}

#[test]
fn both_clients_find_the_applications_and_users_of_a_bootstrap_file() {
    both("bootstrapped", || server_with(BEFORE, LEAST));
}

/// Both programs are the same steps in two languages, so they must tell the same.
fn both(program: &str, server: impl Fn() -> Server) {
    let names = |client: &Client| {
        let outcomes = all_good(client, program, &server())?;
        Some(outcomes.into_iter().map(|outcome| outcome.name).collect::<Vec<_>>())
    };
    let (node, python) = (names(&Client::Node), names(&Client::Python));
    if let (Some(node), Some(python)) = (node, python) {
        assert_eq!(node, python);
    }
}

#[test]
fn the_client_for_typescript_reads_every_refusal() {
    refusals(&Client::Node);
}

#[test]
fn the_client_for_python_reads_every_refusal() {
    refusals(&Client::Python);
}

fn refusals(client: &Client) {
    let table: Value = serde_json::from_str(include_str!("../../fusionauth/bad_inputs.json")).unwrap();
    let wanted: Vec<&str> = table.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    let Some(outcomes) = all_good(client, "bad_inputs", &server(EVERYTHING)) else { return };
    let names: Vec<&str> = outcomes.iter().map(|outcome| outcome.name.as_str()).collect();
    assert_eq!(names, wanted);
}

/// Runs a suite: all that its rows say holds, and each row was checked.
fn holds(client: &Client, program: &str) {
    let Some(outcomes) = client.run(&server(EVERYTHING), program) else { return };
    let rows = rows();
    let rows: Vec<&Row> = rows.iter().filter(|row| row.program == program).collect();
    let mut failed = Vec::new();
    for row in &rows {
        let what = format!("A{} ({}): {}", row.number, row.origin, row.asserted);
        let mut checked = outcomes.iter().filter(|outcome| outcome.name == format!("A{}", row.number));
        match (checked.next(), checked.next()) {
            (Some(Outcome { failure: None, .. }), None) => {}
            (Some(Outcome { failure: Some(why), .. }), None) => failed.push(format!("{what}\n      {why}")),
            (None, _) => failed.push(format!("{what}\n      was not checked")),
            (Some(_), Some(_)) => failed.push(format!("{what}\n      was checked twice")),
        }
    }
    let known: BTreeSet<String> = rows.iter().map(|row| format!("A{}", row.number)).collect();
    let strange = outcomes.iter().filter(|outcome| !known.contains(&outcome.name));
    failed.extend(strange.map(|outcome| format!("{} is in no row of docs/FUSIONAUTH.md", outcome.name)));
    assert!(!rows.is_empty() && failed.is_empty(), "{} of {}:\n  {}", failed.len(), rows.len(), failed.join("\n  "));
}

/// Runs a program, all of whose checks must be good.
fn all_good(client: &Client, program: &str, server: &Server) -> Option<Vec<Outcome>> {
    let outcomes = client.run(server, program)?;
    let failed: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| outcome.failure.as_ref().map(|why| format!("{}\n      {why}", outcome.name)))
        .collect();
    let count = outcomes.len();
    assert!(count > 0 && failed.is_empty(), "{} of {count}:\n  {}", failed.len(), failed.join("\n  "));
    Some(outcomes)
}
