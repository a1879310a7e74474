//! `/api/user/import`

use super::managing::{FORUM, FORUM_SECRET, OF_FORUM, PASSWORD, ask, codes, done, login, server, status};
use serde_json::{Value, json};

const NONE: Value = Value::Null;
const IMPORT: &str = "/api/user/import";
const NOBODY: &str = "/api/user/00000000-0000-4000-8000-000000000000";

#[test]
fn users_are_imported_with_their_hashes() {
    let server = server();
    let import = |body: &Value| codes(&server, "POST", IMPORT, body);
    let (salt, hash) = ("CCCCCCCCCCCCCCCCCCCCC.", "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    let users = json!({"encryptionScheme": "bcrypt", "factor": 5, "users": [
        {"email": "one@example.com", "username": "one", "salt": salt, "password": hash, "data": {"a": 1}, "id": NOBODY["/api/user/".len()..],
            "registrations": [{"applicationId": FORUM, "roles": ["mod"], "data": {"b": 2}}]},
        {"username": "two", "password": format!("$2b$05${salt}{hash}"), "registrations": [{"applicationId": FORUM}]},
    ]});
    assert_eq!(done(&server, "POST", IMPORT, &users), NONE);
    let one = done(&server, "GET", NOBODY, &NONE)["user"].take();
    assert_eq!((&one["data"], &one["registrations"][0]["roles"]), (&json!({"a": 1}), &json!(["mod"])), "{one}");
    assert_eq!(one["registrations"][0]["data"], json!({"b": 2}));
    for login_id in ["one@example.com", "one", "two"] {
        assert_eq!(login(&server, (FORUM, FORUM_SECRET), login_id, "U*U").status, 200, "{login_id}");
    }
    assert_eq!(import(&users), ["[ImportRequestFailed]"]);
    let mut told = users.clone();
    told["validateDbConstraints"] = json!(true);
    assert_eq!(import(&told), ["[duplicate]user.username"]);
    assert_eq!(import(&json!({"users": []})), ["[missing]users"]);
    assert_eq!(import(&json!({"users": [{"username": "x"}]})), ["[blank]user.password"]);
    let plain = json!({"username": "three", "password": PASSWORD});
    assert_eq!(import(&json!({"users": [plain, plain]})), ["[invalid]user.username"]);
    let nowhere = json!({"users": [{"username": "three", "password": PASSWORD, "registrations": [{}]}]});
    assert_eq!(import(&nowhere), ["[missing]registration.applicationId"]);
    let other =
        json!({"users": [plain, {"username": "four", "password": "x", "salt": "y", "encryptionScheme": "salted-md5"}]});
    assert_eq!(import(&other), ["[invalid]user.encryptionScheme"]);
    // All are checked before the first is made.
    assert_eq!(
        import(&json!({"users": [plain, {"username": "four", "password": "short"}]})),
        ["[tooShort]user.password"]
    );
    assert_eq!(status(&server, "GET", "/api/user?username=three", &NONE), 404);
    done(&server, "POST", IMPORT, &json!({"users": [plain]}));
    assert_eq!(ask(&server, None, "POST", IMPORT, &users).status, 401);
    assert_eq!(
        ask(&server, Some(OF_FORUM), "POST", IMPORT, &json!({"users": [{"username": "y", "password": PASSWORD}]}))
            .status,
        401
    );
    assert_eq!(import(&json!({"users": vec![json!({}); 10_001]})), ["[tooLong]users"]);
}

#[test]
fn many_faults_are_told_as_a_few() {
    let server = server();
    let told = codes(&server, "POST", IMPORT, &json!({"users": vec![json!({}); 10_000]}));
    assert!((50..60).contains(&told.len()), "{}", told.len());
}

#[test]
fn an_import_that_was_made_in_part_may_be_sent_again() {
    let server = server();
    let id = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let person = |n: u32| json!({"id": id(n), "username": format!("person{n}"), "password": PASSWORD});
    let import = |users: &[Value]| ask(&server, Some(super::managing::KEY), "POST", IMPORT, &json!({"users": users}));
    // Nobody is made where one of them is too much.
    let mut long = person(2);
    long["data"] = json!("x".repeat(2048));
    assert_eq!(codes(&server, "POST", IMPORT, &json!({"users": [person(1), long]})), ["[tooLong]user.data"]);
    assert_eq!(status(&server, "GET", "/api/user?username=person1", &NONE), 404);
    assert_eq!(import(&[person(1)]).status, 200);
    done(&server, "PATCH", &format!("/api/user/{}", id(1)), &json!({"user": {"firstName": "Jan"}}));
    let again = import(&[person(1), person(2)]);
    assert_eq!(again.status, 200, "{again:?}");
    let (first, second) = (id(1), id(2));
    let shown = |id: &str| done(&server, "GET", &format!("/api/user/{id}"), &NONE)["user"].take();
    // Who was there is left as he is.
    assert_eq!((&shown(&first)["firstName"], &shown(&second)["username"]), (&json!("Jan"), &json!("person2")));
    // The same id and another login id, or the other way round, are somebody else.
    let mut other = person(1);
    other["username"] = json!("somebody");
    assert_eq!(import(&[other.clone(), person(3)]).json()["generalErrors"][0]["code"], "[ImportRequestFailed]");
    other["id"] = json!(id(4));
    other["username"] = json!("person1");
    let told = json!({"users": [other], "validateDbConstraints": true});
    assert_eq!(codes(&server, "POST", IMPORT, &told), ["[duplicate]user.username"]);
    assert_eq!(status(&server, "GET", "/api/user?username=person3", &NONE), 404);
}

#[test]
fn registrations_that_are_no_list_are_told() {
    let server = server();
    for registrations in [json!({"applicationId": FORUM}), json!("x"), json!(7)] {
        let user = json!({"username": "x", "password": PASSWORD, "registrations": registrations});
        assert_eq!(codes(&server, "POST", IMPORT, &json!({"users": [user]})), ["[couldNotConvert]user.registrations"]);
    }
    assert_eq!(status(&server, "GET", "/api/user?username=x", &NONE), 404);
    done(&server, "POST", IMPORT, &json!({"users": [{"username": "x", "password": PASSWORD, "registrations": null}]}));
}
