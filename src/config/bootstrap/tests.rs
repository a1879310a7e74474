use super::*;
use crate::domain::client::{ClientType, Grant, Introspect, LateRetry, Profile, Rotation};
use crate::domain::keys::SigningAlg;
use crate::domain::permission::Permission;
use crate::domain::time::Span;
use std::os::unix::fs::PermissionsExt;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn parse(text: &str) -> Result<Bootstrap, ConfigError> {
    Bootstrap::parse(text, PathBuf::new(), &|name| (name == "THE_SECRET").then(|| KEY.to_owned()))
}

fn refusal(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

/// A client that is valid, with these lines added.
fn client(lines: &str) -> String {
    format!("[[clients]]\nid = \"store\"\nsecret = \"hush\"\n{lines}\n")
}

fn account(lines: &str) -> String {
    format!("[[accounts]]\nlogin = \"alice@example.com\"\npassword = \"hush\"\n{lines}\n")
}

fn api_key(lines: &str) -> String {
    format!("[[api_keys]]\nname = \"ops\"\npermissions = [\"admin\"]\n{lines}\n")
}

#[test]
fn the_documented_example_is_read_whole() {
    let docs = include_str!("../../../docs/CONFIG.md");
    let example = docs.split("```toml\n[[api_keys]]").nth(1).unwrap().split("```").next().unwrap();
    let all = parse(&format!("[[api_keys]]{example}")).unwrap();
    assert_eq!(all.api_keys[0].name, "ops");
    assert_eq!(all.api_keys[0].permissions.len(), 2);
    let store = &all.clients[0];
    let mut expected = ClientSettings::new(ClientType::Confidential, Profile::Standard);
    expected.grants.insert(Grant::ClientCredentials);
    expected.scopes = BTreeSet::from(["cart".to_owned(), "offline_access".to_owned()]);
    expected.audience = Some("https://api.example.com".to_owned());
    assert_eq!(store.settings, expected, "the example shows the defaults");
    assert!(store.enabled && store.secret.is_some());
    assert_eq!(all.accounts[0].login, "alice@example.com");
    assert_eq!(all.accounts[0].clients, Some(vec!["store".parse().unwrap()]));
}

#[test]
fn every_field_of_a_client_reaches_its_settings() {
    let text = r#"
        [[clients]]
        id = "3c219e58-ed0e-4b18-ad48-f4f92793ae32"
        type = "public"
        profile = "fusionauth"
        enabled = false
        grants = ["password"]
        scopes = ["a:b/c"]
        audience = "urn:x"
        signing_alg = "EdDSA"
        rotation = "always"
        access_ttl = "10m"
        refresh_idle_ttl = "1h"
        refresh_absolute_ttl = "2h"
        retry_window = "0s"
        late_retry = "reissue"
        max_sessions = 3
        introspect = "all"
        refresh_without_scope = false
        origins = ["https://app.example.com"]
        backends = ["10.0.0.0/8", "::1"]
        token_refresh = false
        login_needs_key = false
        refresh_at_login = false
        registration_required = false
        name = "The app"
    "#;
    let all = parse(text).unwrap();
    let ClientSpec { secret, enabled, settings, .. } = &all.clients[0];
    assert!(secret.is_none() && !enabled);
    let expected = ClientSettings {
        client_type: ClientType::Public,
        profile: Profile::Fusionauth,
        grants: BTreeSet::from([Grant::Password]),
        scopes: BTreeSet::from(["a:b/c".to_owned()]),
        audience: Some("urn:x".to_owned()),
        signing_alg: SigningAlg::EdDsa,
        rotation: Rotation::Always,
        access_ttl: Span::minutes(10),
        refresh_idle_ttl: Span::hours(1),
        refresh_absolute_ttl: Span::hours(2),
        retry_window: Span::ZERO,
        late_retry: LateRetry::Reissue,
        max_sessions: 3,
        introspect: Introspect::All,
        refresh_without_scope: false,
        origins: BTreeSet::from(["https://app.example.com".to_owned()]),
        backends: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        token_refresh: false,
        login_needs_key: false,
        refresh_at_login: false,
        registration_required: false,
        name: Some("The app".to_owned()),
        ..ClientSettings::new(ClientType::Public, Profile::Fusionauth)
    };
    assert_eq!(*settings, expected);
}

#[test]
fn a_client_of_profile_fusionauth_keeps_its_refresh_token_unless_told_otherwise() {
    let rotation = |lines: &str| parse(&client(lines)).unwrap().clients[0].settings.rotation;
    assert_eq!(rotation("profile = \"fusionauth\""), Rotation::Never);
    assert_eq!(rotation("profile = \"fusionauth\"\nrotation = \"always\""), Rotation::Always);
    assert_eq!(rotation(""), Rotation::Always);
}

#[test]
fn a_client_that_breaks_a_rule_is_refused_by_name() {
    for (lines, expected) in [
        ("type = \"public\"", "a public client cannot keep a secret"),
        ("rotation = \"never\"", "allowed only with `profile = \"fusionauth\"`"),
        ("profile = \"gateway\"\nrotation = \"never\"", "allowed only with"),
        ("access_ttl = \"0s\"", "`access_ttl` is 0s; it must be a duration from 1s to 1d"),
        ("access_ttl = \"25h\"", "from 1s to 1d"),
        ("access_ttl = 5", "must be a text in quotes"),
        ("access_ttl = \"5\"", "is not a duration"),
        ("refresh_idle_ttl = \"91d\"", "longer than `refresh_absolute_ttl`"),
        ("refresh_absolute_ttl = \"3651d\"", "from 1s to 3650d"),
        ("retry_window = \"61m\"", "from 0s to 1h"),
        ("max_sessions = 0", "an integer from 1 to 1000"),
        ("max_sessions = 1001", "an integer from 1 to 1000"),
        ("grants = [\"implicit\"]", "\"implicit\" is not a grant"),
        ("grants = \"password\"", "must be a list"),
        ("scopes = [\"a b\"]", "is not a scope"),
        ("scopes = [\"\\\"\"]", "is not a scope"),
        ("scopes = [\"a\\\\b\"]", "is not a scope"),
        ("scopes = [\"ä\"]", "is not a scope"),
        ("scopes = [\"\"]", "is not a scope"),
        ("audience = \"\"", "`audience` must have"),
        ("audience = \"a b\"", "`audience` must have"),
        ("signing_alg = \"HS256\"", "is not a signing algorithm"),
        ("origins = [\"https://a.com\"]", "`origins` is for public clients"),
        ("backends = [\"10.0.0.0/40\"]", "is not a network"),
        ("introspect = \"some\"", "\"own\" or \"all\""),
        ("late_retry = \"ignore\"", "\"revoke\" or \"reissue\""),
        ("enabled = \"yes\"", "true or false"),
        ("secret_env = \"THE_SECRET\"", "exactly one of `secret`, `secret_file` and `secret_env`"),
        ("acces_ttl = \"5m\"", "unknown field `acces_ttl` on line 4; did you mean `access_ttl`?"),
    ] {
        let text = refusal(&client(lines));
        assert!(text.starts_with("clients[0] \"store\": ") && text.contains(expected), "{lines}: {text}");
        assert!(!text.contains("hush"), "{text}");
    }
    let public = |lines: &str| refusal(&format!("[[clients]]\nid = \"app\"\ntype = \"public\"\n{lines}\n"));
    assert!(public("grants = [\"client_credentials\"]").contains("may not have the grant"));
    assert!(public("origins = [\"https://a.com/\"]").contains("is not an origin"));
    assert!(refusal("[[clients]]\nid = \"store\"").contains("a confidential client needs `secret`"));
    assert!(refusal("[[clients]]\nsecret = \"x\"").contains("clients[0]: `id` is missing"));
    assert!(refusal("[[clients]]\nid = \"a b\"").contains("a client id is 1 to 64"));
    assert!(refusal("[[clients]]\nid = \"a\"\nsecret = \"\"").contains("1 to 1024 bytes"));
}

#[test]
fn an_api_key_that_breaks_a_rule_is_refused_by_name() {
    let key = format!("key = \"{KEY}\"");
    assert!(parse(&api_key(&key)).is_ok());
    for (lines, expected) in [
        (String::new(), "exactly one of `key`, `key_file` and `key_env`"),
        (format!("key = \"{}\"", &KEY[1..]), "32 to 1024"),
        (format!("key = \"{KEY} \""), "no spaces"),
        (format!("{key}\nkey_env = \"THE_SECRET\""), "exactly one"),
        ("key_env = \"NOT_SET\"".to_owned(), "`key_env` names NOT_SET, which is not set"),
        (format!("{key}\nclients = [\"a b\"]"), "a client id is"),
        (format!("{key}\nsecret = \"x\""), "unknown field `secret`"),
    ] {
        let text = refusal(&api_key(&lines));
        assert!(text.starts_with("api_keys[0] \"ops\": ") && text.contains(expected), "{lines}: {text}");
        assert!(!text.contains(&KEY[1..]), "{text}");
    }
    let with = |permissions: &str| format!("[[api_keys]]\nname = \"x\"\n{key}\npermissions = {permissions}\n");
    assert!(refusal(&with("[\"root\"]")).contains("\"root\" is not a permission: use admin, audit, "));
    assert!(refusal(&with("[]")).contains("at least one permission"));
    let names = Permission::ALL.map(Permission::as_str);
    let all = parse(&with(&format!("{names:?}"))).unwrap();
    assert_eq!(all.api_keys[0].permissions.len(), names.len());
}

#[test]
fn an_account_that_breaks_a_rule_is_refused_by_its_place_and_not_by_name() {
    for (lines, expected) in [
        ("password_hash = \"$2b$x\"", "exactly one of `password`"),
        ("roles = [\"\"]", "is not a role"),
        ("clients = [\"\"]", "a client id is"),
        ("role = [\"x\"]", "did you mean `roles`?"),
    ] {
        let text = refusal(&account(lines));
        assert!(
            text.starts_with("accounts[0]: ") && !text.contains("alice") && text.contains(expected),
            "{lines}: {text}"
        );
    }
    let with = |lines: &str| refusal(&format!("[[accounts]]\n{lines}\n"));
    assert!(with("login = \" \"\npassword = \"x\"").contains("1 to 256 bytes"));
    assert!(with("login = \"a\\u0007\"\npassword = \"x\"").contains("no control characters"));
    assert!(with(&format!("login = \"{}\"\npassword = \"x\"", "a".repeat(257))).contains("1 to 256 bytes"));
    assert!(with("login = \"a\"").contains("exactly one of `password`"));
    assert!(with("login = \"a\"\npassword = \"\"").contains("1 to 1024 bytes"));
    let unknown = parse(&account("clients = [\"elsewhere\"]")).unwrap();
    assert_eq!(unknown.accounts[0].clients, Some(vec!["elsewhere".parse().unwrap()]), "kept, to be told later");
}

#[test]
fn the_same_name_twice_is_refused() {
    let twice = |entry: String| refusal(&format!("{entry}{entry}"));
    assert!(twice(client("")).contains("clients[1] \"store\": the same `id` stands in clients[0]"));
    assert!(twice(account("")).contains("the same `login`"));
    assert!(twice(api_key(&format!("key = \"{KEY}\""))).contains("the same `name`"));
    let other = "[[accounts]]\nlogin = \" ALICE@example.com \"\npassword = \"x\"\n";
    assert!(refusal(&format!("{}{other}", account(""))).contains("the same `login`"));
    let again = format!("[[api_keys]]\nname = \"b\"\nkey = \"{KEY}\"\npermissions = [\"audit\"]\n");
    let text = refusal(&format!("{}{again}", api_key(&format!("key = \"{KEY}\""))));
    assert!(text.contains("give each its own") && !text.contains(KEY), "{text}");
}

#[test]
fn what_is_no_list_of_entries_is_refused_by_name() {
    assert!(refusal("[[client]]\nid = \"a\"").contains("did you mean `[[clients]]`?"));
    assert!(refusal("[clients]\nid = \"a\"").contains("`clients` is no list of entries"));
    assert!(refusal("clients = [1]").contains("clients[0]: it must be a table"));
    let text = refusal("[[clients]]\nid = \"a\"\nsecret = \"hush");
    assert!(text.contains("line 3: not valid TOML") && !text.contains("hush"), "{text}");
    assert!(parse("").unwrap().clients.is_empty());
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let text = format!("{}{}{}", client(""), account(""), api_key("key_env = \"THE_SECRET\""));
    let hash = "[[accounts]]\nlogin = \"bob\"\npassword_hash = \"$2b$hush\"\n";
    let shown = format!("{:?}", parse(&format!("{text}{hash}")).unwrap());
    assert!(!shown.contains("hush") && !shown.contains(KEY), "{shown}");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bootstrap.toml");
    std::fs::write(&path, client("")).unwrap();
    let chmod = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620] {
        chmod(mode);
        let text = Bootstrap::load(&path, &|_| None).unwrap_err().to_string();
        assert!(text.contains(&format!("chmod 600 {}", path.display())), "{mode:o}: {text}");
    }
    for mode in [0o600, 0o400] {
        chmod(mode);
        assert_eq!(Bootstrap::load(&path, &|_| None).unwrap().clients.len(), 1);
    }
    // As systemd and Kubernetes hand a secret over: root's own, and written by nobody.
    chmod(0o440);
    assert_eq!(Bootstrap::load(&path, &|_| None).is_ok(), rustix::process::geteuid().is_root());
    let missing = Bootstrap::load(&dir.path().join("none"), &|_| None).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the bootstrap file "), "{missing}");
}

#[test]
fn a_secret_may_stand_in_a_file_beside_or_in_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret.txt"), "from a file\r\n").unwrap();
    let parse = |lines: &str| {
        let text =
            format!("[[clients]]\nid = \"a\"\n{lines}\n[[accounts]]\nlogin = \"b\"\npassword_file = \"secret.txt\"\n");
        Bootstrap::parse(&text, dir.path().to_owned(), &|_| Some("from the environment".to_owned()))
    };
    let all = parse("secret_file = \"secret.txt\"").unwrap();
    assert_eq!(all.clients[0].secret.as_ref().unwrap().expose(), "from a file");
    assert_eq!(all.accounts[0].credential, Credential::Password(Secret::new("from a file".to_owned())));
    let all = parse("secret_env = \"ANY\"").unwrap();
    assert_eq!(all.clients[0].secret.as_ref().unwrap().expose(), "from the environment");
    let text = parse("secret_file = \"none.txt\"").unwrap_err().to_string();
    assert!(text.starts_with("clients[0] \"a\": `secret_file`: cannot read "), "{text}");
}

#[test]
fn the_documentation_lists_exactly_the_fields_there_are() {
    let docs = include_str!("../../../docs/CONFIG.md");
    for (section, entry) in
        [("api_keys", api_key(&format!("key = \"{KEY}\""))), ("clients", client("")), ("accounts", account(""))]
    {
        let text = refusal(&format!("{entry}quite_another = 1\n"));
        let fields: BTreeSet<&str> = text.split("there are ").nth(1).unwrap().split(", ").collect();
        let table = docs.split(&format!("### `[[{section}]]`")).nth(1).unwrap().split("\n#").next().unwrap();
        let first_cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
        let documented: BTreeSet<&str> =
            first_cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim().trim_matches('`')).collect();
        assert_eq!(documented, fields, "{section}");
    }
}
