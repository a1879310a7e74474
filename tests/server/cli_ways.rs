//! Every command of administration by both of its ways: asked of a running server and on a stopped server's data directory, it
//! answers the same.

use crate::support::{ADMIN, API_KEYS, BOOTSTRAP, Plan, Server, Way, events_in, private};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const ID: &str = "5f0c1a1e-7d0a-4f6e-9b1a-0c4f4f3b2a10";
const BOBS_ID: &str = "4f0c1a1e-7d0a-4f6e-9b1a-0c4f4f3b2a10";

/// A server with a session of alice, and a directory for files.
fn server() -> (Server, TempDir) {
    // Ids that are drawn within one millisecond come in any order, and lists are in that of the ids.
    let bob = "login = \"bob@example.com\"";
    let bootstrap = BOOTSTRAP.replace(bob, &format!("id = \"{BOBS_ID}\"\n{bob}"));
    assert_ne!(bootstrap, BOOTSTRAP);
    let server = Plan::new(&format!("{bootstrap}{API_KEYS}")).start();
    assert_eq!(server.login().status, 200);
    (server, tempfile::tempdir().unwrap())
}

/// Both ways, each to a server that has seen the same.
fn both(story: impl Fn(&Way, &Path) -> Vec<Value>) {
    let (server, files) = server();
    let key = private(files.path(), "key", &format!("{ADMIN}\n"));
    let asked = story(&Way::server(&server.url, &key), files.path());
    let (mut server, files) = self::server();
    assert_eq!(server.terminate(), Some(0));
    let here = story(&Way::data(&server.data_dir()), files.path());
    for (number, (asked, here)) in asked.iter().zip(&here).enumerate() {
        assert_eq!(alike(asked), alike(here), "answer {number}");
    }
    assert_eq!(asked.len(), here.len());
    assert!(server.again().login().status < 500, "it starts again after all of that");
}

/// A value without what is drawn or read from the clock, and without which of two brakes came to a session first. Versions count the
/// starts of a server, too.
fn alike(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() == 36 && text != ID && text.matches('-').count() == 4 => json!("an id"),
        Value::String(text) if text.len() == 24 && text.ends_with('Z') => json!("a time"),
        Value::String(text) if text.len() >= 43 && !text.contains(' ') => json!("a secret or a key"),
        Value::Array(items) => items.iter().map(alike).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| !["version", "reason"].contains(&name.as_str()));
            fields.map(|(name, value)| (name.clone(), alike(value))).collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

#[test]
fn accounts() {
    both(|way, files| {
        let password = private(files, "password", "a quite long and fine password\n");
        let hash = private(files, "hash", HASH);
        let (password, hash) = (password.to_str().unwrap(), hash.to_str().unwrap());
        let one = |command: &[&str]| way.run(&[&["account"][..], command, &["--json"]].concat()).json();
        let made =
            one(&["create", "carol@example.com", "--password-file", password, "--roles", "a,b", "--clients", "store"]);
        assert_eq!((&made["roles"], &made["clients"]), (&json!(["a", "b"]), &json!(["store"])));
        let drawn = one(&["create", "dave@example.com", "--make-password", "--must-change", "--id", ID]);
        assert!(
            drawn["made_password"].as_str().unwrap().len() >= 43 && drawn["password"]["must_change"] == json!(true)
        );
        let id = made["id"].as_str().unwrap().to_owned();
        let id = id.as_str();
        let shown = one(&["show", id]);
        assert_eq!(shown, one(&["find", "CAROL@example.com"]));
        assert_eq!(shown, way.fed(&["account", "show", "-", "--json"], "carol@example.com\n").json());
        let changed = one(&["change", id, "--login", "carla@example.com", "--roles", "", "--all-clients"]);
        assert_eq!(
            (&changed["login"], &changed["roles"], &changed["clients"]),
            (&json!("carla@example.com"), &json!([]), &json!(null))
        );
        let mut all = vec![made, drawn, shown, changed];
        for action in ["disable", "enable", "revoke"] {
            all.push(one(&[action, "carla@example.com"]));
        }
        all.push(one(&["set-password", ID, "--password-hash-file", hash]));
        assert_eq!(all.last().unwrap()["password"]["must_change"], json!(false));
        all.push(one(&["password-code", ID, "--ttl", "5m"]));
        way.run(&["account", "erase", "carla@example.com"]).failed(1, &["--yes"]);
        all.push(one(&["erase", id, "--yes"]));
        assert_eq!(all.last().unwrap()["standing"], json!("erased"));
        for filter in [
            &[][..],
            &["--standing", "enabled"],
            &["--client", "store"],
            &["--limit", "1"],
            &["--standing", "disabled"],
        ] {
            all.push(one(&[&["list"], filter].concat()));
        }
        let counts: Vec<usize> = all[all.len() - 5..].iter().map(|list| list.as_array().unwrap().len()).collect();
        assert_eq!(counts, [4, 3, 4, 1, 0]);
        all
    });
}

#[test]
fn clients_and_api_keys() {
    both(|way, files| {
        let secret = private(files, "secret", "a-secret-of-its-own-0123456789\n");
        let one = |command: &[&str]| way.run(&[command, &["--json"]].concat()).json();
        let made = one(&["client", "create", "kiosk", "--scopes", "x,y", "--access-ttl", "10m", "--disabled"]);
        assert!(made["secret"].as_str().unwrap().len() >= 43 && made["enabled"] == json!(false));
        let given =
            one(&["client", "create", "desk", "--secret-file", secret.to_str().unwrap(), "--audience", "urn:desk"]);
        assert!(given["secret"].is_null() && given["audience"] == json!("urn:desk"));
        let changed = one(&["client", "change", "desk", "--audience", "", "--max-sessions", "3", "--scopes", ""]);
        assert_eq!(
            (&changed["audience"], &changed["max_sessions"], &changed["scopes"]),
            (&json!(null), &json!(3), &json!([]))
        );
        let mut all = vec![made, given, changed, one(&["client", "show", "kiosk"])];
        for action in ["enable", "disable", "revoke", "new-secret"] {
            all.push(one(&["client", action, "kiosk"]));
        }
        assert!(all.last().unwrap()["secret"].is_string());
        let key = one(&["api-key", "create", "help desk/1", "--permissions", "users,tokens", "--clients", "store"]);
        assert!(key["key"].as_str().unwrap().len() >= 32);
        all.push(key);
        all.push(one(&["api-key", "change", "help desk/1", "--permissions", "users", "--all-clients"]));
        assert_eq!(
            (&all.last().unwrap()["permissions"], &all.last().unwrap()["clients"]),
            (&json!(["users"]), &json!(null))
        );
        for action in ["disable", "enable", "revoke", "show"] {
            all.push(one(&["api-key", action, "help desk/1"]));
        }
        all.extend([one(&["client", "list"]), one(&["api-key", "list"])]);
        let names = |list: &Value, name: &str| {
            list.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&all[all.len() - 2], "id").len(), 5);
        assert!(names(&all[all.len() - 1], "name").contains("help desk/1"));
        all
    });
}

#[test]
fn sessions_keys_and_brakes() {
    both(|way, _| {
        let one = |command: &[&str]| way.run(&[command, &["--json"]].concat()).json();
        let mut all = vec![one(&["session", "list"]), one(&["session", "list", "--account", "alice@example.com"])];
        assert_eq!(all[0], all[1]);
        assert_eq!(one(&["session", "list", "--client", "app"]), json!([]));
        let id = all[0][0]["id"].as_str().unwrap().to_owned();
        let asked = way.run(&["brake", "client", "store", "--json"]);
        assert_eq!((asked.code, asked.stdout.contains("\"done\":false")), (Some(1), true), "{asked:?}");
        asked.failed(1, &["it ends 1 open sessions of 1 accounts", "--yes"]);
        all.push(one(&["session", "show", &id]));
        assert_eq!(all.last().unwrap()["state"], json!("open"));
        for brake in [
            &["brake", "account", "alice@example.com"][..],
            &["brake", "client", "store"],
            &["brake", "network", "127.0.0.0/8"],
            &["brake", "all"],
            &["brake", "logins"],
        ] {
            // What was ended by the one before may be counted by the next.
            assert_eq!(one(&[brake, &["--yes"]].concat())["done"], json!(true), "{brake:?}");
        }
        all.push(one(&["brake", "status"]));
        assert!(all.last().unwrap()["logins_refused_since"].is_string());
        all.push(one(&["brake", "logins", "--allow", "--yes"]));
        all.extend([one(&["session", "revoke", &id]), one(&["session", "list"])]);
        assert_eq!(all.last().unwrap(), &json!([]));
        all.push(one(&["key", "rotate", "--refresh"]));
        all.push(one(&["key", "rotate", "--alg", "ES256", "--prepare"]));
        all.push(one(&["key", "distrust", "1"]));
        all.push(one(&["key", "list"]));
        way.run(&["key", "distrust", "9"]).failed(1, &["there is no key 9", "countersign key list"]);
        all
    });
}

#[test]
fn a_bootstrap_file() {
    both(|way, files| {
        let text = |scopes: &str| {
            format!(
                "[[api_keys]]\nname = \"more\"\nkey = \"csk_of-more-0123456789-abcdefghijklmn\"\npermissions = [\"users\"]\n\
                 [[clients]]\nid = \"kiosk\"\nsecret = \"kiosk-secret-0123456789\"\nscopes = [{scopes}]\n\
                 [[accounts]]\nlogin = \"erin@example.com\"\npassword = \"a quite long and fine password\"\n"
            )
        };
        let file = private(files, "bootstrap.toml", &text("\"a\""));
        let apply = |more: &[&str]| {
            let fixed = ["bootstrap", "apply", file.to_str().unwrap(), "--json"];
            way.run(&[&fixed[..], more].concat()).json()
        };
        let first = apply(&[]);
        assert_eq!(first["created"], json!(["API key \"more\"", "client \"kiosk\"", "account of accounts[0]"]));
        let nothing = apply(&["--update"]);
        assert_eq!(nothing, json!({"created": [], "updated": [], "differs": []}));
        let said = way.run(&["bootstrap", "apply", file.to_str().unwrap()]).done();
        assert_eq!(said, "nothing was left to create, and no API key or client differs\n");
        private(files, "bootstrap.toml", &text("\"a\", \"b\"").replace("[\"users\"]", "[\"tokens\"]"));
        let differs = apply(&[]);
        assert_eq!((differs["differs"].as_array().unwrap().len(), &differs["updated"]), (2, &json!([])), "{differs}");
        let updated = apply(&["--update"]);
        assert_eq!(updated["updated"], json!(["client \"kiosk\": scopes was [\"a\"], and is [\"a\",\"b\"]"]));
        assert_eq!(updated["differs"].as_array().unwrap().len(), 1, "an API key is left as it is");
        let kiosk = way.run(&["client", "show", "kiosk", "--json"]).json();
        assert_eq!(kiosk["scopes"], json!(["a", "b"]));
        way.run(&["account", "erase", "erin@example.com", "--yes"]).done();
        let erased = apply(&[]);
        assert_eq!(erased["created"], json!([]), "who was erased is not made again");
        let refused =
            text("\"a\"").replace("csk_of-more-0123456789-abcdefghijklmn", "csk_of-the-administrators-0123456789");
        let refused = private(files, "refused.toml", &refused.replace("\"more\"", "\"again\""));
        let cut_short = way.run(&["bootstrap", "apply", refused.to_str().unwrap()]);
        assert_eq!(cut_short.stdout, "", "nothing is said of what was not looked at");
        cut_short.failed(1, &["API key \"again\"", "apply the file again"]);
        let printed = way.run(&["bootstrap", "apply", file.to_str().unwrap()]);
        assert!(printed.stdout.starts_with("differs  API key \"more\": permissions is"), "{printed:?}");
        vec![first, nothing, differs, updated, kiosk, erased]
    });
}

#[test]
fn what_only_looks_leaves_no_trace_in_the_journal() {
    let (mut server, _) = server();
    assert_eq!(server.terminate(), Some(0));
    let data = server.data_dir();
    let before = events_in(&data);
    let way = Way::data(&data);
    for command in [
        &["account", "list"][..],
        &["account", "show", "alice@example.com"],
        &["account", "export"],
        &["client", "list"],
        &["session", "list"],
        &["api-key", "list"],
        &["key", "list"],
        &["brake", "status"],
    ] {
        way.run(command).done();
    }
    assert_eq!(events_in(&data), before);
}
