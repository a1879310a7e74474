//! Everything that should not be sent to the doors: each is answered as the RFCs say, and the server lives afterwards.

use crate::support::{ALICE, Answer, BOOTSTRAP, MACHINE, Plan, STORE, Server, basic};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const FORM: &str = "application/x-www-form-urlencoded";
const LOGIN: &str = "grant_type=password&username=alice%40example.com&password=correct+horse+battery+staple";

/// What is sent to a door, and the status and `error` it is answered with.
struct Case<'a> {
    what: &'a str,
    authorization: Option<String>,
    content_type: Option<&'a str>,
    body: Vec<u8>,
    answer: (u16, &'a str),
}

fn case<'a>(what: &'a str, client: Option<(&str, &str)>, body: impl Into<Vec<u8>>, answer: (u16, &'a str)) -> Case<'a> {
    let authorization = client.map(|(id, secret)| basic(id, secret));
    Case { what, authorization, content_type: Some(FORM), body: body.into(), answer }
}

fn send(server: &Server, path: &str, case: &Case<'_>) -> Answer {
    let mut headers = Vec::new();
    headers.extend(case.authorization.as_deref().map(|value| ("Authorization", value)));
    headers.extend(case.content_type.map(|value| ("Content-Type", value)));
    server.send("POST", path, &headers, &case.body)
}

/// Sends all cases and compares their answers; errors are never kept by anybody, and name no more than they must.
fn check(server: &Server, path: &str, cases: &[Case<'_>]) {
    for case in cases {
        let answer = send(server, path, case);
        let what = case.what;
        assert_eq!((answer.status, answer.text("error").as_str()), case.answer, "{what}: {answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
        assert!(!answer.text("error_description").is_empty(), "{what}");
        assert_eq!(answer.header("www-authenticate").is_some(), answer.status == 401, "{what}: {answer:?}");
    }
    assert_eq!(server.login().status, 200, "the server lives");
}

#[test]
fn the_token_door_answers_malformed_requests_as_rfc_6749_says() {
    let server = Plan::new(BOOTSTRAP).start();
    let invalid = (400, "invalid_request");
    let long = |name: &str, n: usize| format!("{LOGIN}&{name}={}", "x".repeat(n));
    let mut cases = vec![
        case("no grant", Some(STORE), "username=a", invalid),
        case("an empty grant", Some(STORE), "grant_type=", invalid),
        case("an unknown grant", Some(STORE), "grant_type=authorization_code", (400, "unsupported_grant_type")),
        case("a grant in capitals", Some(STORE), "grant_type=PASSWORD", (400, "unsupported_grant_type")),
        case("a grant twice", Some(STORE), format!("{LOGIN}&grant_type=password"), invalid),
        case("an unknown parameter twice", Some(STORE), format!("{LOGIN}&x=1&x=2"), invalid),
        case("no username", Some(STORE), "grant_type=password&password=x", invalid),
        case("no password", Some(STORE), "grant_type=password&username=alice", invalid),
        case("an empty password", Some(STORE), "grant_type=password&username=alice&password=", invalid),
        case("no refresh token", Some(STORE), "grant_type=refresh_token", invalid),
        case(
            "an overlong username",
            Some(STORE),
            format!("grant_type=password&password=x&username={}", "x".repeat(257)),
            invalid,
        ),
        case(
            "an overlong password",
            Some(STORE),
            format!("grant_type=password&username=x&password={}", "x".repeat(1025)),
            invalid,
        ),
        case(
            "an overlong refresh token",
            Some(STORE),
            format!("grant_type=refresh_token&refresh_token={}", "x".repeat(513)),
            invalid,
        ),
        case("too many parameters", Some(STORE), (0..100).map(|n| format!("p{n}=1&")).collect::<String>(), invalid),
        case("invalid UTF-8", Some(STORE), b"grant_type=password&username=\xff\xfe&password=x".to_vec(), invalid),
        case("invalid UTF-8 in percent signs", Some(STORE), "grant_type=password&username=%ff&password=x", invalid),
        case("no body", Some(STORE), "", invalid),
        case("a megabyte", Some(STORE), long("x", 1 << 20), (413, "invalid_request")),
        case("a scope with a quote", Some(STORE), format!("{LOGIN}&scope=%22"), (400, "invalid_scope")),
        case("a scope that is not the client's", Some(STORE), format!("{LOGIN}&scope=jobs"), (400, "invalid_scope")),
        case(
            "a NUL in username and password",
            Some(STORE),
            "grant_type=password&username=a%00&password=%00",
            (400, "invalid_grant"),
        ),
        case("a grant the client has not", Some(MACHINE), LOGIN, (400, "unauthorized_client")),
        case(
            "a token of its own for a client that may not",
            Some(STORE),
            "grant_type=client_credentials",
            (400, "unauthorized_client"),
        ),
        case(
            "a refresh token that is none",
            Some(STORE),
            "grant_type=refresh_token&refresh_token=csr_AQ",
            (400, "invalid_grant"),
        ),
    ];
    let json = r#"{"grant_type":"password"}"#;
    cases.push(Case { content_type: Some("application/json"), ..case("JSON", Some(STORE), json, invalid) });
    cases.push(Case { content_type: None, ..case("no content type", Some(STORE), LOGIN, invalid) });
    check(&server, "/oauth2/token", &cases);
}

#[test]
fn clients_authenticate_in_one_way_and_completely() {
    let server = Plan::new(BOOTSTRAP).start();
    let invalid = (400, "invalid_request");
    let refused = (401, "invalid_client");
    let with = |body: &str| format!("{LOGIN}&{body}");
    let mut cases = vec![
        case("no client", None, LOGIN, refused),
        case("an unknown client", Some(("nobody", "x")), LOGIN, refused),
        case("a client id that cannot be one", Some(("st ore\u{0}", "x")), LOGIN, refused),
        case("a wrong secret", Some(("store", "wrong")), LOGIN, refused),
        case("an empty secret", Some(("store", "")), LOGIN, refused),
        case("a confidential client without a secret", None, with("client_id=store"), refused),
        case("a public client with a secret", None, with("client_id=app&client_secret=x"), refused),
        case("a secret without a client", None, with("client_secret=x"), invalid),
        case("two ways at once", Some(STORE), with("client_id=store&client_secret=store-secret"), invalid),
        case("a secret in the body besides the header", Some(STORE), with("client_secret=store-secret"), invalid),
        case("another client in the body", Some(STORE), with("client_id=machine"), invalid),
        case("an overlong secret", Some(("store", &"x".repeat(600))), LOGIN, invalid),
        case("a client twice", None, with("client_id=app&client_id=app"), invalid),
    ];
    let headers = [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic c3RvcmU=",
        "Basic c3RvcmU6c3RvcmUtc2VjcmV0x",
        "Bearer c3RvcmU6c3RvcmUtc2VjcmV0",
        "Digest username=\"store\"",
        "c3RvcmU6c3RvcmUtc2VjcmV0",
    ];
    let empty_id = format!("Basic {}", STANDARD.encode(":store-secret"));
    let not_text = format!("Basic {}", STANDARD.encode(b"store:\xff\xfe"));
    for header in headers.into_iter().chain([empty_id.as_str(), not_text.as_str()]) {
        cases.push(Case { authorization: Some(header.to_owned()), ..case(header, None, LOGIN, refused) });
    }
    check(&server, "/oauth2/token", &cases);
    let encoded = format!("Basic {}", STANDARD.encode("%73tore:store%2Dsecret"));
    let halves = Case { authorization: Some(encoded), ..case("each half form-encoded", None, LOGIN, (200, "")) };
    assert_eq!(send(&server, "/oauth2/token", &halves).status, 200);
    let twice = [("Authorization", &*basic(STORE.0, STORE.1)), ("Authorization", "Basic x"), ("Content-Type", FORM)];
    assert_eq!(server.send("POST", "/oauth2/token", &twice, LOGIN.as_bytes()).status, 401);
}

/// A token that says of itself that it needs no signature.
fn unsigned(access: &str) -> String {
    let payload = access.split('.').nth(1).unwrap();
    format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#))
}

#[test]
fn a_token_without_a_signature_is_no_token_at_any_door() {
    let server = Plan::new(BOOTSTRAP).start();
    let login = server.post(
        "/oauth2/token",
        Some(STORE),
        &[("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1), ("scope", "openid")],
    );
    let (access, forged) = (login.access(), unsigned(&login.access()));
    let cut = access.rsplit_once('.').unwrap().0.to_owned() + ".";
    for token in [&forged, &cut, &access[..access.len() - 8], "a.b.c", "", "\u{0}"] {
        let userinfo = server.send(
            "GET",
            "/oauth2/userinfo",
            &[("Authorization", &format!("Bearer {}", token.replace('\0', "")))],
            b"",
        );
        assert_eq!(userinfo.status, 401, "{token:?}: {userinfo:?}");
        let asked = server.post("/oauth2/introspect", Some(STORE), &[("token", token)]);
        let inactive = (200, r#"{"active":false}"#);
        assert!(
            (asked.status, asked.body.as_str()) == inactive || token.is_empty() && asked.status == 400,
            "{asked:?}"
        );
        let revoked = server.post("/oauth2/revoke", Some(STORE), &[("token", token)]);
        assert!((revoked.status, revoked.body.as_str()) == (200, "") || token.is_empty() && revoked.status == 400);
    }
    assert!(server.is_active(&access), "nothing of that revoked it");
    let userinfo = server.send("GET", "/oauth2/userinfo", &[("Authorization", &format!("Bearer {access}"))], b"");
    assert_eq!(userinfo.status, 200);
}

#[test]
fn a_client_can_do_nothing_with_the_tokens_of_another() {
    let other = format!("{BOOTSTRAP}\n[[clients]]\nid = \"other\"\nsecret = \"other-secret\"\n");
    let server = Plan::new(&other).start();
    let login = server.login();
    let as_other = Some(("other", "other-secret"));
    for token in [login.access(), login.refresh()] {
        let asked = server.post("/oauth2/introspect", as_other, &[("token", &token)]);
        assert_eq!((asked.status, asked.body.as_str()), (200, r#"{"active":false}"#));
        let revoked = server.post("/oauth2/revoke", as_other, &[("token", &token)]);
        assert_eq!((revoked.status, revoked.text("error").as_str()), (400, "invalid_grant"));
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*login.refresh())];
    let redeemed = server.post("/oauth2/token", as_other, &form);
    assert_eq!((redeemed.status, redeemed.text("error").as_str()), (400, "invalid_grant"));
    let public = server.post("/oauth2/introspect", None, &[("client_id", "app"), ("token", &login.access())]);
    assert_eq!((public.status, public.text("error").as_str()), (401, "invalid_client"));
    assert!(server.is_active(&login.access()));
    assert_eq!(server.refresh(&login.refresh()).status, 200, "its own client is not disturbed");
    let events = server.events();
    let refused = events.iter().filter(|event| event["data"]["class"] == "client_mismatch");
    assert!(refused.count() > 0, "{events:?}");
}

#[test]
fn unknown_pages_and_methods_are_refused_in_one_shape() {
    let server = Plan::new(BOOTSTRAP).start();
    let cases = [
        ("GET", "/", 404, None),
        ("POST", "/oauth2/tokens", 404, None),
        ("GET", "/oauth2/token/", 404, None),
        ("GET", "/%2e%2e/etc/passwd", 404, None),
        ("GET", "/oauth2/token", 405, Some("POST")),
        ("PUT", "/oauth2/token", 405, Some("POST")),
        ("OPTIONS", "/oauth2/token", 405, Some("POST")),
        ("GET", "/oauth2/introspect", 405, Some("POST")),
        ("DELETE", "/oauth2/userinfo", 405, Some("GET, HEAD, POST")),
        ("POST", "/.well-known/jwks.json", 405, Some("GET, HEAD")),
        ("POST", "/health/live", 405, Some("GET, HEAD")),
        ("BREW", "/metrics", 405, Some("GET, HEAD")),
    ];
    for (method, path, status, allowed) in cases {
        let answer = server.send(method, path, &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (status, allowed), "{method} {path}: {answer:?}");
        let error = if status == 404 { "not_found" } else { "method_not_allowed" };
        assert_eq!(answer.text("error"), error, "{method} {path}");
        assert_eq!(answer.text("request_id"), answer.header("x-request-id").unwrap(), "{method} {path}");
    }
    for path in ["/health/live", "/health/ready", "/.well-known/jwks.json", "/openapi.json"] {
        let head = server.send("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    assert_eq!(server.login().status, 200);
}

#[test]
fn nothing_in_a_query_string_counts() {
    let server = Plan::new(BOOTSTRAP).start();
    let headers = [("Content-Type", FORM)];
    let in_query = server.send("POST", &format!("/oauth2/token?{LOGIN}&client_id=app"), &headers, b"");
    assert_eq!((in_query.status, in_query.text("error").as_str()), (400, "invalid_request"));
    let client_in_query = server.send("POST", "/oauth2/token?client_id=app", &headers, LOGIN.as_bytes());
    assert_eq!((client_in_query.status, client_in_query.text("error").as_str()), (401, "invalid_client"));
    let access = server.login().access();
    let bearer = server.send("GET", &format!("/oauth2/userinfo?access_token={access}"), &[], b"");
    assert_eq!(bearer.status, 401);
    assert!(!server.diagnostics().contains(&access), "and it is not written down");
}

#[test]
fn names_that_strangers_make_up_never_become_labels() {
    let server = Plan::new(BOOTSTRAP).start();
    for n in 0..20 {
        let (id, secret) = (format!("made-up-{n}"), "x");
        assert_eq!(
            server.post("/oauth2/token", Some((&id, secret)), &[("grant_type", "client_credentials")]).status,
            401
        );
        assert_eq!(server.get(&format!("/made-up-{n}")).status, 404);
        let token = format!("csr_made-up-{n}");
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &token)];
        assert_eq!(server.post("/oauth2/token", None, &form).status, 400);
    }
    let metrics = server.get("/metrics").body;
    assert!(!metrics.contains("made-up"), "{metrics}");
    assert_eq!(server.metric(r#"countersign_refreshes_total{client="-",outcome="bad_tag"}"#), 20.0);
}

#[test]
fn beyond_what_it_can_take_the_server_says_so_and_when_to_come_back() {
    let server =
        Plan::new(BOOTSTRAP).set("hash.queue", "1").set("hash.threads", "1").set("hash.memory_kib", "65536").start();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..40).map(|_| scope.spawn(|| server.login())).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    let shed: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!shed.is_empty(), "forty logins at once for a queue of one");
    for answer in shed {
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.text("error"), "temporarily_unavailable");
    }
    assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status)), "{answers:?}");
    assert_eq!(server.login().status, 200);
    assert!(server.metric(r#"countersign_unavailable_total{why="busy"}"#) >= 1.0);
}

#[test]
fn beyond_the_requests_allowed_at_once_the_server_says_so_and_still_tells_of_itself() {
    let plan = Plan::new(BOOTSTRAP).set("http.max_in_flight", "1").set("hash.memory_kib", "65536");
    let server = plan.start();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..20).map(|_| scope.spawn(|| (server.login(), server.get("/health/ready")))).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|(_, ready)| ready.status == 200));
    let refused: Vec<_> = answers.iter().map(|(login, _)| login).filter(|login| login.status != 200).collect();
    assert!(!refused.is_empty());
    for login in &refused {
        assert_eq!((login.status, login.header("retry-after")), (503, Some("1")));
    }
    let counted = server.metric(r#"countersign_unavailable_total{why="too_many"}"#);
    assert_eq!(counted, refused.len() as f64);
}
