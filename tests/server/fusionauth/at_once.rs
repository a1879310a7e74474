//! Users who are changed by two at once, and in which order a change is made.

use super::managing::{ALICE, KEY, PASSWORD, application, ask, codes, done, register, server, status, user};
use serde_json::{Value, json};

const NONE: Value = Value::Null;
/// Pairs of requests that race; each must end well, whoever is first.
const ROUNDS: usize = 25;

#[test]
fn a_change_of_a_name_lets_nobody_in_who_is_shut_out_meanwhile() {
    let server = server();
    let path = format!("/api/user/{}", user(&server, "a@example.com"));
    for round in 0..ROUNDS {
        done(&server, "PATCH", &path, &json!({"user": {"active": true, "passwordChangeRequired": false}}));
        std::thread::scope(|scope| {
            scope.spawn(|| done(&server, "PATCH", &path, &json!({"user": {"firstName": format!("N{round}")}})));
            if round % 2 == 0 {
                scope.spawn(|| done(&server, "DELETE", &path, &NONE));
            } else {
                scope.spawn(|| done(&server, "PATCH", &path, &json!({"user": {"passwordChangeRequired": true}})));
            }
        });
        let shown = done(&server, "GET", &path, &NONE)["user"].take();
        assert_eq!(shown["firstName"], format!("N{round}"), "round {round}: {shown}");
        let (active, must_change) = (&shown["active"], &shown["passwordChangeRequired"]);
        assert_eq!((active, must_change), (&json!(round % 2 != 0), &json!(round % 2 != 0)), "round {round}: {shown}");
    }
}

#[test]
fn a_change_of_a_registration_registers_nobody_who_is_let_go_meanwhile() {
    let server = server();
    let (id, _) = application(&server, "Pied Piper", &json!({}));
    let person = user(&server, "a@example.com");
    let one = format!("/api/user/registration/{person}/{id}");
    for round in 0..ROUNDS {
        register(&server, &person, &id);
        let change = json!({"registration": {"data": {"round": round}, "roles": [format!("role{round}")]}});
        let (changed, gone) = std::thread::scope(|scope| {
            let changed = scope.spawn(|| ask(&server, Some(KEY), "PATCH", &one, &change).status);
            let gone = scope.spawn(|| ask(&server, Some(KEY), "DELETE", &one, &NONE).status);
            (changed.join().unwrap(), gone.join().unwrap())
        });
        assert!([200, 404].contains(&changed) && gone == 200, "round {round}: {changed} {gone}");
        assert_eq!(status(&server, "GET", &one, &NONE), 404, "round {round}");
    }
    let account = done(&server, "GET", &format!("/admin/accounts/{person}"), &NONE);
    assert_eq!((&account["roles_at"], &account["profile"]), (&json!({}), &json!({})), "{account}");
}

#[test]
fn roles_that_are_replaced_say_so_in_the_journal() {
    let server = server();
    let (id, _) = application(&server, "Pied Piper", &json!({}));
    let person = user(&server, "a@example.com");
    register(&server, &person, &id);
    let put = json!({"registration": {"roles": ["admin"]}});
    done(&server, "PUT", &format!("/api/user/registration/{person}/{id}"), &put);
    let set = server.events().into_iter().filter(|event| event["type"] == "gate.registration_roles_set");
    let told: Vec<Value> = set.map(|event| event["cmd"]["do"].clone()).collect();
    assert_eq!(told, ["gate.set_registration_roles"]);
}

#[test]
fn what_shuts_out_comes_first() {
    let server = server();
    let person = user(&server, "a@example.com");
    let before = server.events().len();
    let all = json!({"user": {"email": "b@example.com", "password": "another fine password", "active": false,
        "passwordChangeRequired": true}});
    done(&server, "PUT", &format!("/api/user/{person}"), &all);
    let types = |from: usize| -> Vec<Value> {
        let kinds =
            ["gate.disabled", "gate.password_set", "gate.must_change_set", "account.login_changed", "gate.enabled"];
        let after = server.events().into_iter().skip(from).map(|mut event| event["type"].take());
        after.filter(|told| kinds.iter().any(|kind| told == kind)).collect()
    };
    assert_eq!(types(before), ["gate.disabled", "gate.password_set", "account.login_changed"]);
    let before = server.events().len();
    let open = json!({"user": {"email": "c@example.com", "active": true, "passwordChangeRequired": false}});
    done(&server, "PATCH", &format!("/api/user/{person}"), &open);
    assert_eq!(types(before), ["account.login_changed", "gate.must_change_set", "gate.enabled"]);
}

#[test]
fn what_is_kept_is_bounded_and_nothing_is_changed_where_it_is_too_much() {
    let server = server();
    let person = user(&server, "a@example.com");
    let path = format!("/api/user/{person}");
    let (id, _) = application(&server, "Pied Piper", &json!({}));
    register(&server, &person, &id);
    let one = format!("/api/user/registration/{person}/{id}");
    let nested = |times: usize| (0..times).fold(json!(1), |inner, _| json!({"a": inner}));
    done(&server, "PATCH", &path, &json!({"user": {"firstName": "Jan", "data": nested(20)}}));
    let of_user = |data: Value| json!({"user": {"active": false, "data": data}});
    assert_eq!(codes(&server, "PATCH", &path, &of_user(nested(100))), ["[invalid]user.data"]);
    assert_eq!(codes(&server, "PATCH", &path, &of_user(json!("x".repeat(2048)))), ["[tooLong]user.data"]);
    let of_registration = |data: Value| json!({"registration": {"data": data, "roles": ["admin"]}});
    for data in [nested(100), nested(123)] {
        assert_eq!(codes(&server, "PATCH", &one, &of_registration(data)), ["[invalid]registration.data"]);
    }
    let long = of_registration(json!("x".repeat(2048)));
    assert_eq!(codes(&server, "PUT", &one, &long), ["[tooLong]registration.data"]);
    let roles = |length: usize| -> Vec<String> { (0..100).map(|n| format!("{n:0length$}")).collect() };
    let many = |length| json!({"registration": {"data": {"a": 1}, "roles": roles(length)}});
    assert_eq!(codes(&server, "PUT", &one, &many(11)), ["[tooLong]registration.roles"]);
    let shown = done(&server, "GET", &path, &NONE)["user"].take();
    assert_eq!((&shown["firstName"], &shown["active"], &shown["data"]), (&json!("Jan"), &json!(true), &nested(20)));
    let registration = &shown["registrations"][0];
    assert_eq!((&registration["roles"], &registration["data"]), (&json!([]), &NONE));
    let registration = done(&server, "PUT", &one, &many(10))["registration"].take();
    assert_eq!(registration["roles"].as_array().unwrap().len(), 100);
    let most = json!({"user": {"username": "most", "password": PASSWORD, "data": "x".repeat(2000)}});
    done(&server, "POST", "/api/user", &most);
    done(&server, "PATCH", &format!("/api/user/{ALICE}"), &json!({"user": {"data": "x".repeat(2000)}}));
}
