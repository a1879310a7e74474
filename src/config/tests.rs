use super::keys::{KEYS, Standard};
use super::*;
use std::collections::BTreeSet;

fn load(file: &str, env: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("countersign.toml");
    std::fs::write(&path, file).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Sources { file: Some(path), env, flags })
}

fn from_file(file: &str) -> Result<Config, ConfigError> {
    load(file, &[], Flags::default())
}

fn refusal(file: &str) -> String {
    from_file(file).expect_err(file).to_string()
}

fn env_refusal(name: &str, value: &str) -> String {
    load("", &[(name, value)], Flags::default()).expect_err(name).to_string()
}

#[test]
fn nothing_said_gives_the_documented_defaults() {
    let config = Config::load(Sources { file: None, env: [], flags: Flags::default() }).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.master_key, MasterKeySource::File("./countersign-data.master.key".into()));
    assert_eq!(config.http.max_body, 65536);
    assert_eq!(config.hash.memory_kib, 19456);
    assert_eq!(config.keys.rotation_interval, Span::days(90));
    assert_eq!(config.http.keep_alive, Duration::from_secs(75));
    assert_eq!(config.journal.keep_in_store, KeepInStore::Live);
    assert_eq!(config.log.level.as_str(), "info");
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.issuer_at("127.0.0.1:4711".parse().unwrap()), "http://127.0.0.1:4711");
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let file = "data_dir = \"/file\"\n[http]\nlisten = \"127.0.0.1:1\"\nmax_connections = 5\nkeep_alive = \"5s\"\n";
    let env =
        [("COUNTERSIGN__HTTP__LISTEN", "127.0.0.1:2"), ("COUNTERSIGN__HTTP__MAX_CONNECTIONS", "6"), ("PATH", "/bin")];
    let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let config = load(file, &env, flags).unwrap();
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.http.max_connections, 6);
    assert_eq!(config.http.keep_alive, Duration::from_secs(5));
    assert_eq!(config.data_dir, PathBuf::from("/file"));
}

#[test]
fn an_unknown_key_is_refused_by_its_full_name_with_its_place_and_what_was_meant() {
    let text = refusal("[http]\nkeep_alive = \"5s\"\nlissten = \"127.0.0.1:1\"\n");
    assert!(text.starts_with("unknown key `http.lissten` in "), "{text}");
    assert!(text.ends_with("countersign.toml line 3; did you mean `http.listen`?"), "{text}");
    assert!(refusal("[htp]\nlisten = \"x\"\n").contains("unknown key `htp`"));
    assert!(refusal("http = 3\n").contains("unknown key `http`"));
    assert!(refusal("[http.listen]\nx = 1\n").contains("`http.listen`"));
    assert!(refusal("[tls]\ncertificate = \"x\"\n").contains("unknown key `tls.certificate`"));
    let text = env_refusal("COUNTERSIGN__HTTP__LISSTEN", "x");
    assert_eq!(
        text,
        "unknown key `COUNTERSIGN__HTTP__LISSTEN` in the environment; did you mean `COUNTERSIGN__HTTP__LISTEN`?"
    );
    let text = env_refusal("COUNTERSIGN_HTTP__LISTEN", "x");
    assert!(text.ends_with("did you mean `COUNTERSIGN__HTTP__LISTEN`?"), "{text}");
}

#[test]
fn a_value_out_of_bounds_is_refused_with_key_value_source_and_what_is_allowed() {
    let text = env_refusal("COUNTERSIGN__HASH__ITERATIONS", "17");
    assert_eq!(
        text,
        "`hash.iterations` is \"17\" (environment COUNTERSIGN__HASH__ITERATIONS); it must be an integer from 1 to 16"
    );
    for (bad, expected) in [
        ("[http]\nhead_timeout = \"0s\"", "a duration from 1s to 10m"),
        ("[http]\nhead_timeout = 10", "write an integer and s, m, h or d"),
        ("[http]\nmax_body = \"17MiB\"", "a size from 1KiB to 16MiB"),
        ("[http]\nmax_body = 65536", "KiB, MiB or GiB"),
        ("[http]\nlisten = \"localhost:80\"", "an IP address and a port"),
        ("[http]\nbehind_proxy = \"yes\"", "true or false"),
        ("[http]\ntrusted_proxies = [\"10.0.0.0/33\"]", "is not a network"),
        ("[http]\ntrusted_proxies = [[\"10.0.0.0/8\"]]", "of a wrong type"),
        ("[http]\nlisten = [\"127.0.0.1:80\"]", "an IP address and a port"),
        ("[hash]\nmemory_kib = 7", "an integer from 8 to 262144"),
        ("[hash]\nthreads = 0", "an integer from 1 to 1024"),
        ("[hash]\nthreads = 1.5", "an integer from 1 to 1024"),
        ("[journal]\nkeep_in_store = \"none\"", "\"live\" or \"all\""),
        ("[log]\nlevel = \"loud\"", "\"error\" or \"warn\""),
        ("issuer = \"https://a/\"", "must not end with a slash"),
        ("issuer = \"https://a?b\"", "without user, query and fragment"),
        ("data_dir = \"\"", "it is empty"),
    ] {
        let text = refusal(bad);
        assert!(text.contains(expected), "{bad}: {text}");
        let key = bad.rsplit('\n').next().unwrap().split(' ').next().unwrap();
        assert!(text.contains(key), "{bad}: {text}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    assert!(refusal("[hash]\nmemory_kib = 16\nparallelism = 4").contains("at least 8 times"));
    assert!(refusal("[hash]\ndeadline = \"30s\"").contains("shorter than `http.request_timeout`"));
    assert!(refusal("[http]\nbody_timeout = \"31s\"").contains("not be longer than `http.request_timeout`"));
    assert!(refusal("[journal]\nqueue = 10").contains("not be greater than `journal.queue`"));
}

#[test]
fn an_address_that_others_can_reach_needs_a_proxy_in_front() {
    for open in ["0.0.0.0:80", "[::]:80", "192.168.1.1:80"] {
        let text = refusal(&format!("[http]\nlisten = \"{open}\""));
        assert!(text.contains("set `http.behind_proxy = true`") && text.contains("set `tls.cert`"), "{text}");
        let text = refusal(&format!("[metrics]\nlisten = \"{open}\"\n[tls]\ncert = \"c\"\nkey = \"k\""));
        assert!(text.contains("`metrics.listen` is ") && text.contains("set `http.behind_proxy = true`"), "{text}");
    }
    let config =
        from_file("[http]\nlisten = \"0.0.0.0:80\"\nbehind_proxy = true\ntrusted_proxies = [\"10.0.0.1\"]").unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert!(from_file("[http]\nlisten = \"[::1]:80\"").is_ok());
}

#[test]
fn a_certificate_and_its_key_are_set_together_and_let_others_in() {
    let pair = "[tls]\ncert = \"/c.pem\"\nkey = \"/k.pem\"\n";
    let config = from_file(&format!("{pair}[http]\nlisten = \"0.0.0.0:443\"")).unwrap();
    assert_eq!(config.tls, Some(TlsConfig { cert: "/c.pem".into(), key: "/k.pem".into() }));
    assert_eq!(config.warnings, Vec::<String>::new());
    let listening = "192.168.1.1:443".parse().unwrap();
    assert_eq!(config.issuer_at(listening), "https://192.168.1.1:443");
    let named = from_file(&format!("issuer = \"https://auth.example.com\"\n{pair}")).unwrap();
    assert_eq!(named.issuer_at(listening), "https://auth.example.com");
    assert_eq!(named.url_at(listening), "https://192.168.1.1:443");
    assert!(refusal("[tls]\ncert = \"/c.pem\"").contains("`tls.cert` is set but `tls.key` is not"));
    assert!(refusal("[tls]\nkey = \"/k.pem\"").contains("`tls.key` is set but `tls.cert` is not"));
    assert!(refusal("[tls]\ncert = \"/c.pem\"\nkey = \"\"").contains("`tls.key`"));
}

#[test]
fn what_is_unwise_is_allowed_with_a_warning() {
    for (unwise, expected) in [
        ("[hash]\nmemory_kib = 8192", "OWASP"),
        ("[hash]\niterations = 1", "OWASP"),
        ("[http]\nbehind_proxy = true", "`http.trusted_proxies` is empty"),
        ("[http]\ntrusted_proxies = [\"0.0.0.0/0\"]", "holds every address"),
        ("issuer = \"http://auth.example.com\"", "`issuer` is http"),
        ("[keys]\nrotation_interval = \"59m\"", "`keys.rotation_interval` is below an hour"),
        (
            "[metrics]\nlisten = \"0.0.0.0:9000\"\n[http]\nbehind_proxy = true\ntrusted_proxies = [\"10.0.0.1\"]",
            "`metrics.listen` is not loopback",
        ),
    ] {
        let warnings = from_file(unwise).unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(expected), "{unwise}: {warnings:?}");
    }
    assert_eq!(from_file("[hash]\nmemory_kib = 47104\niterations = 1").unwrap().warnings, Vec::<String>::new());
}

#[test]
fn the_master_key_comes_from_a_flag_the_environment_or_a_file_and_lies_beside_the_data() {
    let text = (MASTER_KEY_VARIABLE, "key-text");
    let config = load("master_key = \"/k\"", &[text], Flags::default()).unwrap();
    assert_eq!(config.master_key, MasterKeySource::Text(Secret::new("key-text".into())));
    assert!(!format!("{config:?}").contains("key-text"));
    assert!(!config.show().contains("key-text"));

    let flags = Flags { master_key: Some("/flag".into()), ..Flags::default() };
    let config = load("master_key = \"/k\"", &[text], flags).unwrap();
    assert_eq!(config.master_key, MasterKeySource::File("/flag".into()));

    let both = load("", &[text, ("COUNTERSIGN__MASTER_KEY", "/k")], Flags::default()).unwrap_err();
    assert!(both.to_string().contains("keep one of them"), "{both}");
    assert!(env_refusal(MASTER_KEY_VARIABLE, " ").contains("is empty"));

    let config = from_file("data_dir = \"/var/lib/cs/\"").unwrap();
    assert_eq!(config.master_key, MasterKeySource::File("/var/lib/cs.master.key".into()));
    assert!(refusal("data_dir = \".\"").contains("set `master_key`"));
    assert!(from_file("data_dir = \".\"\nmaster_key = \"k\"").is_ok());
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_refused_without_showing_its_lines() {
    let missing = Config::load(Sources { file: Some("/no/such/file".into()), env: [], flags: Flags::default() });
    assert!(missing.unwrap_err().to_string().starts_with("cannot read the configuration file /no/such/file: "));
    let text = refusal("data_dir = \"x\"\nissuer = \"hush hush\n");
    assert!(text.contains("line 2") && !text.contains("hush") && !text.contains('\n'), "{text}");
    let text = refusal("data_dir = \"x\"\ndata_dir = \"y\"\n");
    assert!(text.contains("duplicate key"), "{text}");
}

#[test]
fn a_list_in_the_environment_is_separated_by_commas() {
    for text in ["10.0.0.0/8, ::1", "[\"10.0.0.0/8\", \"::1\"]"] {
        let config = load("", &[("COUNTERSIGN__HTTP__TRUSTED_PROXIES", text)], Flags::default()).unwrap();
        assert_eq!(config.http.trusted_proxies.len(), 2, "{text}");
    }
}

#[test]
fn what_is_shown_names_every_key_with_its_source_and_can_be_loaded_again() {
    let env = [("COUNTERSIGN__LOG__LEVEL", "debug")];
    let flags = Flags { data_dir: Some("/d\"q".into()), ..Flags::default() };
    let config = load("[http]\ntrusted_proxies = [\"10.0.0.0/8\"]\n", &env, flags).unwrap();
    let shown = config.show();
    for key in KEYS {
        let name = key.name.rsplit('.').next().unwrap();
        assert!(shown.lines().any(|line| line.trim_start_matches("# ").starts_with(name)), "{name}\n{shown}");
    }
    assert!(shown.contains("level = \"debug\"  # environment COUNTERSIGN__LOG__LEVEL\n"), "{shown}");
    assert!(shown.contains("data_dir = \"/d\\\"q\"  # flag --data-dir\n"), "{shown}");
    assert!(shown.contains("max_body = \"64KiB\"  # default\n"), "{shown}");
    assert!(shown.contains("trusted_proxies = [\"10.0.0.0/8\"]  # file "), "{shown}");
    let again = from_file(&shown).unwrap();
    assert_eq!(again.data_dir, config.data_dir);
    assert_eq!(again.log.level, LogLevel::Debug);
    assert_eq!(again.http.trusted_proxies, config.http.trusted_proxies);
}

#[test]
fn every_key_can_be_set_to_its_default_through_its_variable() {
    for key in KEYS {
        let Standard::Fixed(default) = key.default else { continue };
        if let Err(error) = load("", &[(&key.env(), default)], Flags::default()) {
            panic!("{}: {error}", key.name);
        }
    }
}

#[test]
fn the_documentation_lists_exactly_the_keys_there_are() {
    let docs = include_str!("../../docs/CONFIG.md");
    let expected: Vec<String> = KEYS.iter().map(keys::Key::row).collect();
    let missing: Vec<&str> =
        expected.iter().map(String::as_str).filter(|row| !docs.lines().any(|line| line == *row)).collect();
    assert!(missing.is_empty(), "docs/CONFIG.md lacks these lines:\n{}", missing.join("\n"));
    let known: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let stale: Vec<&str> = docs
        .lines()
        .filter(|line| line.contains("COUNTERSIGN__") && line.starts_with('|') && !known.contains(line))
        .collect();
    assert!(stale.is_empty(), "docs/CONFIG.md has lines for keys that changed:\n{}", stale.join("\n"));
}
