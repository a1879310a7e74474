//! Answers, read into the models of the crate fusionauth-rust-client, which were generated from FusionAuth's own description of its
//! API: every member that is sent has the type that stands there, and none is unknown there.

use super::official::server;
use super::official_programs::API_KEY;
use crate::support::{Answer, Server, left_out};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

const APPLICATION: &str = "4eedf18a-9360-40f6-a36c-88269ed5ec55";
const PASSWORD: &str = "correct horse battery staple";

/// What a model does not have: claims that FusionAuth's own documentation shows, and endpoints that FusionAuth has or lacks without
/// telling of them.
const NOT_IN_THE_MODELS: &[(&str, &[&str])] = &[
    (
        "ValidateResponse",
        &[
            ".jwt.applicationId",
            ".jwt.auth_time",
            ".jwt.authenticationType",
            ".jwt.client_id",
            ".jwt.email",
            ".jwt.email_verified",
            ".jwt.preferred_username",
            ".jwt.roles",
            ".jwt.sid",
            ".jwt.tid",
        ],
    ),
    (
        "OpenIdConfiguration",
        &[
            ".introspection_endpoint",
            ".introspection_endpoint_auth_methods_supported",
            ".revocation_endpoint",
            ".revocation_endpoint_auth_methods_supported",
        ],
    ),
];

/// Answers, each with the name of its model.
#[derive(Default)]
struct Read(Vec<(&'static str, Value)>);

impl Read {
    /// Keeps an answer for later, and gives its JSON.
    fn keep(&mut self, model: &'static str, answer: &Answer) -> Value {
        let json = answer.json();
        self.0.push((model, json.clone()));
        json
    }

    /// The same of an answer that must be a good one.
    fn good(&mut self, model: &'static str, answer: Answer) -> Value {
        assert!([200, 202].contains(&answer.status), "{model}: {answer:?}");
        self.keep(model, &answer)
    }
}

/// Asks as a backend does, with the API key.
fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    ask_as(server, API_KEY, method, path, body)
}

fn ask_as(server: &Server, authorization: &str, method: &str, path: &str, body: &Value) -> Answer {
    let mut headers = vec![("Authorization", authorization)];
    let mut text = String::new();
    if !body.is_null() {
        headers.push(("Content-Type", "application/json"));
        text = body.to_string();
    }
    server.send(method, path, &headers, text.as_bytes())
}

#[test]
fn the_models_of_the_rust_client_take_every_answer() {
    let Some(program) = std::env::var_os("COUNTERSIGN_TEST_FUSIONAUTH_MODELS") else {
        left_out::<()>(
            "COUNTERSIGN_TEST_FUSIONAUTH_MODELS names no program built from tests/fusionauth/rust: scripts/test makes one",
        );
        return;
    };
    let server = server(&["admin"]);
    let mut read = Read::default();
    let secret = applications_and_users(&server, &mut read);
    let token = logins(&server, &mut read);
    tokens(&server, &mut read, &token);
    grants(&server, &mut read, &secret);
    passwords(&server, &mut read, &token);
    let failed: Vec<String> = judged(&program, &read).into_iter().collect();
    assert!(failed.is_empty(), "{} of {}:\n  {}", failed.len(), read.0.len(), failed.join("\n  "));
}

/// Makes what the rest is about, and gives the application's secret.
fn applications_and_users(server: &Server, read: &mut Read) -> String {
    let ask = |method, path: &str, body: Value| ask(server, method, path, &body);
    let application = json!({"application": {
        "name": "Models",
        "roles": [{"name": "admin", "description": "The one", "isSuperRole": true}, {"name": "user", "isDefault": true}],
        "loginConfiguration": {"allowTokenRefresh": true, "generateRefreshTokens": true},
        "oauthConfiguration": {
            "enabledGrants": ["password", "refresh_token"],
            "authorizedRedirectURLs": ["https://store.example.com/back"],
        },
        "jwtConfiguration": {"enabled": true, "refreshTokenUsagePolicy": "OneTimeUse", "timeToLiveInSeconds": 300},
        "data": {"team": "store"},
    }});
    let path = format!("/api/application/{APPLICATION}");
    let made = read.good("ApplicationResponse", ask("POST", &path, application));
    read.good("ApplicationResponse", ask("GET", "/api/application", Value::Null));
    read.good("ApplicationResponse", ask("POST", &format!("{path}/role"), json!({"role": {"name": "queen"}})));
    read.good("OAuthConfigurationResponse", ask("GET", &format!("{path}/oauth-configuration"), Value::Null));
    read.good("TenantResponse", ask("GET", "/api/tenant", Value::Null));
    let user = json!({
        "email": "alice@example.com", "username": "alice", "password": PASSWORD, "firstName": "Alice", "lastName": "Carroll",
        "birthDate": "1981-06-04", "mobilePhone": "303-555-1234", "preferredLanguages": ["en", "fr"], "timezone": "America/Denver",
        "imageUrl": "https://example.com/alice.png", "data": {"displayName": "Ali"},
    });
    read.good("UserResponse", ask("POST", &format!("/api/user/{ALICE}"), json!({"user": user})));
    let registration =
        json!({"applicationId": APPLICATION, "data": {"shoe": 39}, "timezone": "America/Chicago", "username": "ali"});
    let path = format!("/api/user/registration/{ALICE}");
    read.good("RegistrationResponse", ask("POST", &path, json!({"registration": registration})));
    read.good("RegistrationResponse", ask("GET", &format!("{path}/{APPLICATION}"), Value::Null));
    let both = json!({
        "user": {"email": "bob@example.com", "password": PASSWORD},
        "registration": {"applicationId": APPLICATION, "roles": ["admin"]},
    });
    read.good("RegistrationResponse", ask("POST", "/api/user/registration", both));
    read.good("UserResponse", ask("GET", "/api/user?email=alice@example.com", Value::Null));
    read.good("SearchResponse", ask("GET", &format!("/api/user/search?ids={ALICE}"), Value::Null));
    let change = json!({"user": {"firstName": "Alicia"}});
    read.good("UserResponse", ask("PATCH", &format!("/api/user/{ALICE}"), change));
    made["application"]["oauthConfiguration"]["clientSecret"].as_str().unwrap().to_owned()
}

const ALICE: &str = "b164fdfc-db57-4da9-b241-8543671c6bb8";

/// Logs in, refreshes, and gives the last token.
fn logins(server: &Server, read: &mut Read) -> String {
    let device = json!({"name": "Alice's phone", "description": "A phone", "type": "MOBILE"});
    let login = json!({
        "loginId": "alice@example.com", "password": PASSWORD, "applicationId": APPLICATION, "metaData": {"device": device},
    });
    let answer = read.good("LoginResponse", ask(server, "POST", "/api/login", &login));
    let refresh = json!({"refreshToken": answer["refreshToken"]});
    let refreshed = read.good("JwtRefreshResponse", ask(server, "POST", "/api/jwt/refresh", &refresh));
    let list = format!("/api/jwt/refresh?userId={ALICE}");
    read.good("RefreshTokenResponse", ask(server, "GET", &list, &Value::Null));
    let one = format!("/api/jwt/refresh/{}", answer["refreshTokenId"].as_str().unwrap());
    read.good("RefreshTokenResponse", ask(server, "GET", &one, &Value::Null));
    let ping = format!("/api/login/{ALICE}/{APPLICATION}");
    read.good("LoginResponse", ask(server, "PUT", &ping, &Value::Null));
    let elsewhere = json!({"application": {"name": "Elsewhere"}});
    let application = ask(server, "POST", "/api/application", &elsewhere).json()["application"]["id"].clone();
    let unregistered = json!({"loginId": "alice@example.com", "password": PASSWORD, "applicationId": application});
    let answer = ask(server, "POST", "/api/login", &unregistered);
    assert_eq!(answer.status, 202, "{answer:?}");
    read.good("LoginResponse", answer);
    refreshed["token"].as_str().unwrap().to_owned()
}

fn tokens(server: &Server, read: &mut Read, token: &str) {
    let bearer = format!("Bearer {token}");
    let bearing = |path: &str| ask_as(server, &bearer, "GET", path, &Value::Null);
    read.good("ValidateResponse", bearing("/api/jwt/validate"));
    read.good("IssueResponse", bearing(&format!("/api/jwt/issue?applicationId={APPLICATION}")));
    read.good("JwtVendResponse", ask(server, "POST", "/api/jwt/vend", &json!({"claims": {"id": 7}})));
    let keys = read.good("PublicKeyResponse", server.get("/api/jwt/public-key"));
    let kid = keys["publicKeys"].as_object().unwrap().keys().next().unwrap().clone();
    read.good("PublicKeyResponse", server.get(&format!("/api/jwt/public-key?kid={kid}")));
    // FusionAuth has no keys of Ed25519, and so the models have none: docs/FUSIONAUTH.md says it.
    let mut keys = server.get("/.well-known/jwks.json").json();
    keys["keys"].as_array_mut().unwrap().retain(|key| key["alg"] != "EdDSA");
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "{keys}");
    read.0.push(("JwksResponse", keys));
    read.good("OpenIdConfiguration", server.get("/.well-known/openid-configuration"));
}

/// The token endpoint, with what it refuses.
fn grants(server: &Server, read: &mut Read, secret: &str) {
    let client = [("client_id", APPLICATION), ("client_secret", secret)];
    let alice = [("grant_type", "password"), ("username", "alice@example.com"), ("password", PASSWORD)];
    let post = |parts: &[&[(&str, &str)]]| server.post("/oauth2/token", None, &parts.concat());
    let granted = read.good("AccessToken", post(&[&client, &alice, &[("scope", "openid offline_access")]]));
    let refresh_token = granted["refresh_token"].as_str().unwrap();
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    read.good("AccessToken", post(&[&client, &refresh]));
    let wrong = [("grant_type", "password"), ("username", "alice@example.com"), ("password", "a wrong long password")];
    let nobody = [("client_id", APPLICATION), ("client_secret", "wrong")];
    let unknown = [("client_id", "00000000-0000-0000-0000-000000000000"), ("client_secret", "wrong")];
    let bad: &[&[&[(&str, &str)]]] = &[
        &[&client, &wrong],
        &[&client, &alice, &[("scope", "everything")]],
        &[&client, &[("grant_type", "refresh_token"), ("refresh_token", "none")]],
        &[&client, &[("grant_type", "refresh_token")]],
        &[&client, &[("grant_type", "client_credentials")]],
        &[&client, &[("grant_type", "magic")]],
        &[&client],
        &[&nobody, &alice],
        &[&unknown, &alice],
        &[&alice],
    ];
    for parts in bad {
        let answer = post(parts);
        assert!([400, 401].contains(&answer.status), "{parts:?}: {answer:?}");
        read.keep("OAuthError", &answer);
    }
    let answer = server.get_as("/oauth2/userinfo", &[("Authorization", "Bearer none")]);
    assert_eq!(answer.status, 401, "{answer:?}");
    read.keep("OAuthError", &answer);
}

fn passwords(server: &Server, read: &mut Read, token: &str) {
    let forgotten = json!({"loginId": "bob@example.com", "sendForgotPasswordEmail": false});
    let answer = read.good("ForgotPasswordResponse", ask(server, "POST", "/api/user/forgot-password", &forgotten));
    let path = format!("/api/user/change-password/{}", answer["changePasswordId"].as_str().unwrap());
    let new = json!({"password": "another fine long password"});
    read.good("ChangePasswordResponse", ask(server, "POST", &path, &new));
    let by_token = json!({"currentPassword": PASSWORD, "password": "another fine long password"});
    let bearer = format!("Bearer {token}");
    let answer = ask_as(server, &bearer, "POST", "/api/user/change-password", &by_token);
    read.good("ChangePasswordResponse", answer);
}

/// What is wrong with the answers: those that a model does not take, and members that it does not keep as they are.
fn judged(program: &std::ffi::OsStr, read: &Read) -> Vec<String> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = read.0.iter().map(|(model, json)| format!("{model} {json}\n")).collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let mut failed = Vec::new();
    assert_eq!(said.lines().count(), read.0.len(), "one line for each answer");
    for ((model, json), line) in read.0.iter().zip(said.lines()) {
        let Some(left) = line.strip_prefix("ok ") else {
            failed.push(format!("{model} does not take {json}: {line}"));
            continue;
        };
        let known = NOT_IN_THE_MODELS.iter().find(|(name, _)| name == model).map_or(&[][..], |(_, paths)| paths);
        let mut lost = Vec::new();
        compare(json, &serde_json::from_str(left).unwrap(), "", &mut lost);
        lost.retain(|path| !known.contains(&path.as_str()));
        failed.extend(lost.iter().map(|path| format!("{model} does not know {path}")));
    }
    failed.sort();
    failed.dedup();
    failed
}

/// The members of an answer that are not the same in what a model keeps.
fn compare(ours: &Value, kept: &Value, path: &str, lost: &mut Vec<String>) {
    match (ours, kept) {
        (Value::Object(ours), Value::Object(kept)) => {
            for (name, value) in ours {
                let path = format!("{path}.{name}");
                match kept.get(name) {
                    Some(kept) => compare(value, kept, &path, lost),
                    None => lost.push(path),
                }
            }
        }
        (Value::Array(ours), Value::Array(kept)) if ours.len() == kept.len() => {
            for (ours, kept) in ours.iter().zip(kept) {
                compare(ours, kept, path, lost);
            }
        }
        _ if ours == kept => {}
        _ => lost.push(format!("{path} as {ours}: it keeps {kept}")),
    }
}
