//! What comes over the wire, and what an operator writes.

use crate::Target;
use crate::files::sealed;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::config::bootstrap::Bootstrap;
use countersign::config::{Config, Flags, Sources};
use countersign::crypto::{
    Claims, Jwk, Kernel, KeyKind, KeyRecord, MasterKey, Params, Policy, RawKey, RefreshKey, RefreshToken, SigningKey,
    Typ, UnverifiedAccessToken, UnverifiedRefreshToken, VerifyingKey, is_weaker, mint, password::foreign::Parts,
    phc_of, scheme_of,
};
use countersign::domain::ids::{SessionId, TokenId};
use countersign::domain::keys::SigningAlg;
use countersign::domain::time::{Span, Timestamp};
use countersign::domain::verifier::Scheme;
use countersign::entropy::SeededEntropy;
use countersign::journal::files::{frame, header::Header, merkle::Frontier};
use countersign::journal::{packed_lines, schema};
use std::path::{Path, PathBuf};
use uuid::Uuid;

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

pub fn targets() -> Vec<Target> {
    let mut all = vec![refresh_tokens(), access_tokens(), signed_claims(), jwks(), password_hashes()];
    all.extend([key_records(), foreign_hashes(), fields_of_hashes(), chosen_passwords()]);
    all.extend([master_keys(), numbers(), events(), lines(), headers(), packed(), bootstraps()]);
    all.extend([configs(), environments()]);
    all
}

fn refresh_tokens() -> Target {
    let key = RefreshKey::new(&RawKey::generate(&SeededEntropy::new(1)));
    let made = |generation| RefreshToken { key: 1, session: SessionId(Uuid::from_u128(7)), generation }.to_text(&key);
    let samples: Vec<_> = [0, 1, u32::MAX].map(|generation| made(generation).into_bytes()).to_vec();
    let good = samples.clone();
    Target::new("refresh tokens", samples, move |input| {
        let Ok(token) = UnverifiedRefreshToken::from_text(&text(input)) else { return false };
        let verified = token.verify(&key).is_some();
        assert!(!verified || good.iter().any(|good| good == input), "a token that nobody made");
        verified
    })
}

/// A key that signs the same way each time: Ed25519 from a fixed seed (RFC 8410 section 7).
fn signing_key() -> SigningKey {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    SigningKey::from_pkcs8(SigningAlg::EdDsa, &[&head[..], &[7; 32]].concat()).unwrap()
}

fn claims() -> Claims {
    Claims {
        iss: "https://auth.example.com".to_owned(),
        sub: "0190c0de-0000-7000-8000-00000000000a".to_owned(),
        aud: "https://api.example.com".to_owned(),
        exp: 1_700_000_300,
        iat: 1_700_000_000,
        jti: TokenId(Uuid::from_u128(1)),
        client_id: "store".parse().unwrap(),
        scope: "cart profile".to_owned(),
        auth_time: Some(1_700_000_000),
        sid: Some(SessionId(Uuid::from_u128(2))),
        roles: vec!["shopper".to_owned()],
        email: Some("alice@example.com".to_owned()),
        application: None,
        authentication: None,
        email_verified: None,
        username: None,
        tenant: None,
    }
}

fn access_tokens() -> Target {
    let key = signing_key();
    let verifying = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
    let sample = mint(&key, "k", Typ::AccessToken, &claims()).into_bytes();
    let good = sample.clone();
    Target::new("access tokens", vec![sample], move |input| {
        let text = text(input);
        let Ok(token) = UnverifiedAccessToken::parse(&text) else { return false };
        let verified = token.verify(&verifying).is_ok();
        assert!(!verified || good == input, "a token that nobody signed");
        verified
    })
}

/// Claims that are no claims, under a signature that is right: what is behind the signature must not trust it either.
fn signed_claims() -> Target {
    let key = signing_key();
    let verifying = VerifyingKey::from_jwk(key.public_jwk()).unwrap();
    let good = mint(&key, "k", Typ::AccessToken, &claims());
    let (head, payload) = (good.split('.').next().unwrap().to_owned(), good.split('.').nth(1).unwrap());
    let sample = URL_SAFE_NO_PAD.decode(payload).unwrap();
    Target::new("signed claims", vec![sample], move |input| {
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(input));
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())));
        UnverifiedAccessToken::parse(&token).is_ok_and(|token| token.verify(&verifying).is_ok())
    })
}

fn jwks() -> Target {
    let sample = serde_json::to_vec(signing_key().public_jwk()).unwrap();
    Target::new("public keys", vec![sample], |input| {
        serde_json::from_slice::<Jwk>(input).is_ok_and(|jwk| VerifyingKey::from_jwk(&jwk).is_ok())
    })
}

fn password_hashes() -> Target {
    let salt = "c2FsdHNhbHRzYWx0c2FsdA";
    let samples = [
        format!("$argon2id$v=19$m=64,t=1,p=1${salt}${}", "A".repeat(43)),
        format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${}", "A".repeat(43)),
        format!("$2b$10${}", "a".repeat(22) + &"b".repeat(31)),
        format!("$pbkdf2-sha256$i=7,l=32${salt}${}", "A".repeat(43)),
        format!("$pbkdf2-sha512$i=7${salt}${}", "A".repeat(86)),
        format!("$scrypt$ln=2,r=1,p=1${salt}${}", "A".repeat(43)),
    ];
    let params = Params { m_kib: 64, t: 1, p: 1 };
    let samples: Vec<_> =
        samples.into_iter().map(String::into_bytes).filter(|one| scheme_of(&text(one)).is_ok()).collect();
    assert!(samples.len() >= 5);
    Target::new("password hashes", samples, move |input| {
        let text = text(input);
        let Ok(scheme) = scheme_of(&text) else { return false };
        assert!(is_weaker(&text, params).is_ok());
        if is_cheap(scheme) {
            let right = Kernel::new(params).verify(b"password", &text);
            assert_eq!(right, Ok(false));
        }
        true
    })
}

/// Only what costs little is computed here.
fn is_cheap(scheme: Scheme) -> bool {
    match scheme {
        Scheme::Argon2id { memory_kib, iterations, .. } => memory_kib <= 256 && iterations <= 4,
        Scheme::Bcrypt { .. } => false,
        Scheme::Pbkdf2Sha256 { iterations } | Scheme::Pbkdf2Sha512 { iterations } => iterations <= 100,
        Scheme::Scrypt { log_n, r, p } => log_n <= 6 && r * p <= 8,
    }
}

/// What is read of another system's hash is a hash of ours, and stays one.
fn is_ours(phc: &str) -> bool {
    let scheme = scheme_of(phc).unwrap();
    assert_eq!(phc_of(phc).unwrap().as_str(), phc);
    if is_cheap(scheme) {
        assert!(Kernel::new(Params { m_kib: 64, t: 1, p: 1 }).verify(b"password", phc).is_ok());
    }
    true
}

fn foreign_hashes() -> Target {
    let samples = bytes(&[
        "$pbkdf2-sha256$29$YkzJeS9l7F2rNYZQqvU.Rw$e.wjr5iJ0X2pEdY8IzW5L1C1w3Cl8A0vy6ss1C/xBZc",
        "pbkdf2_sha256$26$seasalt1234$GxXMaANP8hhZ9x3PB5I1MgrwZZuPtIgkeO5F909avOQ=",
        "scrypt$16$seasaltseasalt$1$5$RACha5x/l4GmSR5Y4hqxqFJ1UAxALEIcp9CjuGP0x8c=",
        "scrypt:32:1:1$pyEbMnTKDbUOUBFU$2ba5f6a452bc023b2cf80b9d032b75ae940fb14c036a0c1ddf1eb7d7a5ab4fc2",
        "pbkdf2:sha512:1000$8K1iTXQM2nNCg30d$4b4287cf00e800524bc4ebc91cce4636802efb092e89c9beb3533b0fd31fd85f",
    ]);
    Target::new("hashes of other systems", samples, |input| phc_of(&text(input)).is_ok_and(|phc| is_ours(&phc)))
}

/// Fields as lines.
fn fields_of_hashes() -> Target {
    let samples = bytes(&[
        "pbkdf2-sha256\n27\nyMnKy8zNzs/Q0dLT1NXW1w==\nwf5sz4c9P5d4P8LQ1QqvZV5d+oBcIgqW8WUjK3PI7ec=",
        "salted-pbkdf2-hmac-sha256\n24\nAAECAwQFBgcICQoLDA0ODw==\neBCgAHjhhdOwKkS44oDvIvmYHz2lXD5m/sm2YvqYPJA=",
        "bcrypt\n5\nCCCCCCCCCCCCCCCCCCCCC.\nE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    ]);
    Target::new("fields of hashes", samples, |input| {
        let text = text(input);
        let lines: Vec<&str> = text.split('\n').collect();
        let &[algorithm, factor, salt, hash] = lines.as_slice() else { return false };
        let Ok(factor) = factor.parse() else { return false };
        Parts { algorithm, factor, salt, hash }.to_phc().is_ok_and(|phc| is_ours(&phc))
    })
}

fn chosen_passwords() -> Target {
    let policy = Policy { min_length: 8 };
    let strong = [
        "correct horse battery staple",
        "k#9vQz!2xRtW",
        "4@8({[<369!|10$57+%2 4@8({[<369!|10$57+%2",
        "ünd jeßt, İstanbul?",
    ];
    Target::new("passwords that are chosen", bytes(&strong), move |input| {
        policy.check(&text(input), "alice.liddell@example.com").is_ok()
    })
}

fn key_records() -> Target {
    let entropy = SeededEntropy::new(2);
    let master = MasterKey::generate(&entropy);
    let kinds = [KeyKind::Seal, KeyKind::Name];
    let records =
        kinds.map(|kind| KeyRecord::wrap(&master, &kind, &RawKey::generate(&entropy), &entropy).encode().to_vec());
    Target::new("key records", records.to_vec(), move |input| {
        let mut record = [0; KeyRecord::LEN];
        let length = input.len().min(record.len());
        record[..length].copy_from_slice(&input[..length]);
        KeyRecord::decode(&record).is_ok_and(|record| record.unwrap(&master).is_ok())
    })
}

fn master_keys() -> Target {
    let sample = MasterKey::generate(&SeededEntropy::new(3)).to_text().as_bytes().to_vec();
    Target::new("master keys", vec![sample], |input| MasterKey::from_text(&text(input)).is_ok())
}

fn numbers() -> Target {
    let samples = bytes(&["2026-01-02T03:04:05.678Z", "1970-01-01T00:00:00.000Z"]);
    Target::new("instants and spans", samples, |input| {
        let text = text(input);
        let _ = text.parse::<Span>();
        text.parse::<Timestamp>().is_ok_and(|at| {
            assert_eq!(at.to_string().parse(), Ok(at), "an instant is read as it is written");
            true
        })
    })
}

/// Every event there is, as it is stored.
fn stored_events() -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(golden()).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap().trim_ascii_end().to_vec()).collect()
}

fn events() -> Target {
    Target::new("events", stored_events(), |input| {
        let Ok(envelope) = schema::decode(input) else { return false };
        if let Ok(written) = schema::encode(&envelope) {
            assert_eq!(schema::decode(&written).as_ref(), Ok(&envelope), "an event is read as it is written");
        }
        true
    })
}

fn lines() -> Target {
    let samples = stored_events().into_iter().map(|event| {
        let mut line = Vec::new();
        frame::encode(&mut line, 3, 1, 2, &event);
        line.trim_ascii_end().to_vec()
    });
    Target::new("lines of segments", samples.collect(), |input| {
        let _ = frame::decode(input);
        frame::decode(&sealed(input)).is_ok_and(|line| {
            let _ = line.leaf();
            let mut again = Vec::new();
            frame::encode(&mut again, line.durable, line.part, line.parts, line.event);
            assert_eq!(again.trim_ascii_end(), sealed(input), "a line has one spelling");
            true
        })
    })
}

fn headers() -> Target {
    let first = Header { origin: "countersign/test".to_owned(), frontier: Frontier::default(), previous: None };
    let segments = std::fs::read_dir(golden().join("data-format-1/whole/journal")).unwrap();
    let later = segments.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "idx"));
    let later = later.map(|path| std::fs::read(path).unwrap().split(|byte| *byte == b'\n').next().unwrap().to_vec());
    let samples = later.chain([first.encode().trim_ascii_end().to_vec()]).collect();
    Target::new("heads of segments", samples, |input| {
        let _ = Header::decode(input);
        Header::decode(&sealed(input)).is_ok_and(|header| header.first() > 0)
    })
}

fn packed() -> Target {
    let samples = vec![packed_lines::pack(b"some lines\n"), packed_lines::pack(&[b'a'; 64 * 1024])];
    Target::new("packed lines", samples, |input| packed_lines::unpack(input).is_ok())
}

const BOOTSTRAP: &str = r#"
[[api_keys]]
name = "deploy"
key = "0123456789abcdef0123456789abcdef"
permissions = ["tokens"]

[[clients]]
id = "store"
secret = "store-secret"
scopes = ["cart", "orders"]
access_ttl = "5m"
retry_window = "30s"
max_sessions = 5

[[clients]]
id = "app"
type = "public"
backends = ["10.0.0.0/8", "::1/128"]

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
roles = ["shopper"]
clients = ["store"]

[[accounts]]
login = "bob@example.com"
password_hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"#;

fn bootstraps() -> Target {
    Target::new("bootstrap files", bytes(&[BOOTSTRAP]), |input| {
        Bootstrap::parse(&text(input), PathBuf::from("/nowhere"), &|_| None).is_ok()
    })
}

const CONFIG: &str = r#"
data_dir = "/var/lib/countersign"
issuer = "https://auth.example.com"

[http]
listen = "127.0.0.1:8080"
behind_proxy = true
trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
max_connections = 1000
max_head = "16KiB"
head_timeout = "10s"

[tls]
cert = "/etc/countersign/tls.cert"
key = "/etc/countersign/tls.key"

[hash]
threads = 2
deadline = "2s"

[journal]
segment_bytes = "64MiB"
keep_in_store = "live"

[log]
level = "info"
"#;

fn flags() -> Flags {
    Flags { data_dir: None, listen: None, master_key: None }
}

fn configs() -> Target {
    let dir = tempfile::tempdir().unwrap();
    Target::new("configuration files", bytes(&[CONFIG]), move |input| {
        let file = dir.path().join("countersign.toml");
        std::fs::write(&file, input).unwrap();
        let sources = Sources { file: Some(file), env: Vec::<(String, String)>::new(), flags: flags() };
        Config::load(sources).is_ok_and(|config| !format!("{config:?}").is_empty())
    })
    .seldom()
}

/// Variables as lines of names and values.
fn environments() -> Target {
    let sample = "COUNTERSIGN__HTTP__WORKERS=4\nCOUNTERSIGN__JOURNAL__SEGMENT_BYTES=1GiB\nCOUNTERSIGN__HASH__DEADLINE=5s\nCOUNTERSIGN__HTTP__TRUSTED_PROXIES=[\"10.0.0.0/8\"]\nCOUNTERSIGN__HTTP__BEHIND_PROXY=true";
    Target::new("environments", bytes(&[sample]), |input| {
        let text = text(input);
        let env = text.lines().map(|line| line.split_once('=').unwrap_or((line, "")));
        let env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Config::load(Sources { file: None, env, flags: flags() }).is_ok()
    })
    .seldom()
}
