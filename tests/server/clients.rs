//! Clients that others wrote: requests-oauthlib and PyJWT, as an app's backend uses them.

use crate::python::Python;
use crate::support::Plan;

const BOOTSTRAP: &str = r#"
[[clients]]
id = "store"
secret = "store-secret"
scopes = ["cart"]
access_ttl = "2s"

[[clients]]
id = "es"
secret = "es-secret"
scopes = ["cart"]
audience = "https://api.example.com"

[[clients]]
id = "ed"
secret = "ed-secret"
scopes = ["cart"]
audience = "https://api.example.com"
signing_alg = "EdDSA"

[[clients]]
id = "rs"
secret = "rs-secret"
scopes = ["cart"]
audience = "https://api.example.com"
signing_alg = "RS256"

[[accounts]]
login = "alice@example.com"
password = "correct horse battery staple"
roles = ["shopper"]
"#;

#[test]
fn requests_oauthlib_logs_in_refreshes_by_itself_and_is_refused_after_a_revocation() {
    let Some(python) = Python::find() else { return };
    let server = Plan::new(BOOTSTRAP).start();
    for way in ["basic", "body"] {
        python.run("oauth_session.py", &[&server.url, way], "");
    }
}

#[test]
fn a_cached_key_set_verifies_every_token_issued_while_it_may_be_kept_also_across_rotations() {
    let Some(python) = Python::find() else { return };
    let plan = Plan::new(BOOTSTRAP).set("keys.rotation_interval", "2s").set("keys.jwks_max_age", "1s");
    let server = plan.set("log.level", "warn").start();
    python.run("key_rotation.py", &[&server.url], "");
}
