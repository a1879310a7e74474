//! The person's own view: which sessions there are, from where and with what, and ending them.

use super::support::{ALICE, API_KEYS, Answer, BOOTSTRAP, Call, MACHINE, Plan, STORE, Server, claims};
use serde_json::Value;

fn server() -> Server {
    Plan::new(&format!("{BOOTSTRAP}{API_KEYS}")).start()
}

fn login_from(server: &Server, address: &str, agent: &str, device: &str) -> Answer {
    let form = [("grant_type", "password"), ("username", ALICE.0), ("password", ALICE.1)];
    let headers = [("X-Forwarded-For", address), ("X-Forwarded-User-Agent", agent), ("X-Device-Id", device)];
    let answer = server.post_as("/oauth2/token", Some(STORE), &form, &headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

fn ask(server: &Server, method: &str, path: &str, token: &str) -> Answer {
    server.send(method, path, &[("Authorization", &format!("Bearer {token}"))], b"")
}

fn sid(answer: &Answer) -> String {
    claims(&answer.access())["sid"].as_str().unwrap().to_owned()
}

#[test]
fn a_person_sees_the_own_sessions_with_device_and_place_and_ends_them() {
    let server = server();
    let phone = login_from(&server, "203.0.113.9", "Store/1.0 (phone)", "phone-1");
    let laptop = login_from(&server, "198.51.100.7", "Mozilla/5.0", "laptop-1");
    let bob = server.login_as("bob@example.com", "another fine password");
    let listed = ask(&server, "GET", "/account/sessions", &phone.access());
    assert_eq!((listed.status, listed.header("cache-control")), (200, Some("no-store")), "{listed:?}");
    let items = listed.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 2, "{items:?}");
    let of = |answer: &Answer| items.iter().find(|item| item["id"] == sid(answer).as_str()).unwrap();
    let told = |item: &Value| ["address", "user_agent", "device"].map(|name| item[name].as_str().unwrap().to_owned());
    assert_eq!(told(of(&phone)), ["203.0.113.9", "Store/1.0 (phone)", "phone-1"]);
    assert_eq!(told(of(&laptop)), ["198.51.100.7", "Mozilla/5.0", "laptop-1"]);
    assert_eq!((&of(&phone)["current"], &of(&laptop)["current"]), (&Value::Bool(true), &Value::Bool(false)));

    let place = |answer: &Answer| format!("/account/sessions/{}", sid(answer));
    assert_eq!(ask(&server, "DELETE", &place(&bob), &phone.access()).status, 404, "another person's");
    assert!(server.is_active(&bob.access()));
    assert_eq!(ask(&server, "DELETE", &place(&laptop), &phone.access()).status, 204);
    assert!(!server.is_active(&laptop.access()) && server.is_active(&phone.access()));
    assert_eq!(ask(&server, "GET", "/account/sessions", &laptop.access()).status, 401);
    login_from(&server, "198.51.100.7", "Mozilla/5.0", "laptop-1");
    assert_eq!(ask(&server, "DELETE", "/account/sessions", &phone.access()).status, 204);
    assert!(!server.is_active(&phone.access()) && server.is_active(&bob.access()));
    let machine = server.post("/oauth2/token", Some(MACHINE), &[("grant_type", "client_credentials")]);
    assert_eq!(ask(&server, "GET", "/account/sessions", &machine.access()).status, 401, "a client is no person");
    let ended = server.events().into_iter().filter(|event| event["type"] == "session.revoked");
    let reasons: Vec<String> = ended.map(|event| event["data"]["reason"].as_str().unwrap().to_owned()).collect();
    assert!(reasons.contains(&"person".to_owned()), "{reasons:?}");
}

#[test]
fn a_session_shows_who_refreshed_it_last_and_not_who_was_refused() {
    let server = server();
    let first = login_from(&server, "203.0.113.9", "Store/1.0", "phone-1");
    let moved =
        [("X-Forwarded-For", "203.0.113.80"), ("X-Forwarded-User-Agent", "Store/1.1"), ("X-Device-Id", "phone-1")];
    let refresh = first.refresh();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let second = server.post_as("/oauth2/token", Some(STORE), &form, &moved);
    assert_eq!(second.status, 200);
    let refresh = second.refresh();
    let greedy = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("scope", "orders everything")];
    let stranger = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-User-Agent", "curl/8")];
    assert_eq!(server.post_as("/oauth2/token", Some(STORE), &greedy, &stranger).text("error"), "invalid_scope");
    let shown = server.admin("GET", &format!("/admin/sessions/{}", sid(&first)), &Value::Null);
    assert_eq!((shown["address"].as_str(), shown["user_agent"].as_str()), (Some("203.0.113.80"), Some("Store/1.1")));
    assert_eq!((&shown["state"], &shown["generation"]), (&Value::from("open"), &Value::from(1)));
}

#[test]
fn a_login_from_a_new_place_says_so_to_the_app_and_in_the_record() {
    let server = server();
    let first = login_from(&server, "203.0.113.9", "Store/1.0", "phone-1");
    let again = login_from(&server, "203.0.113.200", "Store/1.0", "phone-1");
    let new = login_from(&server, "198.51.100.7", "Mozilla/5.0", "laptop-1");
    let says = |answer: &Answer| answer.json().get("new_context").cloned();
    assert_eq!((says(&first), says(&again), says(&new)), (None, None, Some(Value::Bool(true))));
    let events = server.events();
    let of_new: Vec<&Value> = events.iter().filter(|event| event["type"] == "account.new_context").collect();
    assert_eq!(of_new.len(), 1);
    assert_eq!(of_new[0]["data"]["session"], sid(&new).as_str());
}

#[test]
fn operators_list_and_end_sessions() {
    let server = server();
    let sessions: Vec<Answer> =
        (1..6).map(|n| login_from(&server, "203.0.113.9", "Store/1.0", &format!("phone-{n}"))).collect();
    let bob = server.login_as("bob@example.com", "another fine password");
    let account = claims(&sessions[0].access())["sub"].as_str().unwrap().to_owned();
    let list = |query: &str| server.admin("GET", &format!("/admin/sessions{query}"), &Value::Null);
    let count = |page: &Value| page["items"].as_array().unwrap().len();
    assert_eq!(
        (count(&list("")), count(&list(&format!("?account={account}"))), count(&list("?client=app"))),
        (6, 5, 0)
    );
    let page = list(&format!("?account={account}&limit=3"));
    let next = page["next"].as_str().unwrap();
    assert_eq!((count(&page), count(&list(&format!("?account={account}&limit=3&after={next}")))), (3, 2));
    let ended = server.admin("POST", &format!("/admin/sessions/{}/revoke", sid(&bob)), &Value::Null);
    assert_eq!((&ended["state"], &ended["reason"]), (&Value::from("revoked"), &Value::from("admin")));
    assert!(!server.is_active(&bob.access()) && server.is_active(&sessions[0].access()));
    Call::new(super::support::ADMIN, "GET", "/admin/sessions/nonsense").refused(&server, 404, "not_found");
    Call::new(super::support::ADMIN, "GET", "/admin/sessions?after=%21").refused(&server, 400, "invalid_request");
}
