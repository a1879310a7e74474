//! `/api/application` and `/api/tenant`.

use super::managing::{
    ALICE, DESK, FORUM, FORUM_SECRET, KEY, OF_FORUM, PASSWORD, application, ask, codes, done, login, register, server,
    status, user,
};
use serde_json::{Value, json};

const NONE: Value = Value::Null;

fn named(name: &str) -> Value {
    json!({"application": {"name": name}})
}

#[test]
fn an_application_is_made_changed_switched_off_and_deleted() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &json!({"data": {"kept": true}}));
    assert_eq!(secret.len(), 43);
    let path = format!("/api/application/{id}");
    let show = || done(&server, "GET", &path, &NONE)["application"].take();
    let shown = show();
    assert_eq!((&shown["state"], &shown["data"]), (&json!("Active"), &json!({"kept": true})), "{shown}");
    assert_eq!(shown["oauthConfiguration"]["clientId"], *id);
    let patch = json!({"application": {"loginConfiguration": {"allowTokenRefresh": true},
        "registrationConfiguration": {"enabled": true}}});
    let patched = done(&server, "PATCH", &path, &patch)["application"].take();
    assert_eq!(patched["loginConfiguration"]["allowTokenRefresh"], true);
    assert_eq!(
        (&patched["registrationConfiguration"]["enabled"], &patched["name"]),
        (&json!(true), &json!("Pied Piper"))
    );
    // What is shown can be sent back.
    done(&server, "PUT", &path, &json!({"application": patched}));
    assert_eq!(show()["registrationConfiguration"]["enabled"], true);
    let put = done(&server, "PUT", &path, &named("Hooli"))["application"].take();
    assert_eq!((&put["name"], &put["data"]), (&json!("Hooli"), &NONE), "{put}");
    assert_eq!(put["loginConfiguration"]["allowTokenRefresh"], false);
    assert_eq!(done(&server, "DELETE", &path, &NONE), NONE);
    assert_eq!((&show()["active"], &show()["state"]), (&json!(false), &json!("Inactive")));
    let inactive = || done(&server, "GET", "/api/application?inactive=true", &NONE)["applications"].take();
    assert_eq!(inactive()[0]["name"], "Hooli");
    let again = done(&server, "PUT", &format!("{path}?reactivate=true"), &NONE);
    assert_eq!((&again["application"]["active"], &again["application"]["name"]), (&json!(true), &json!("Hooli")));
    assert_eq!(done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE), NONE);
    assert_eq!(inactive(), json!([]));
    for (method, body) in [("GET", NONE), ("PUT", named("x")), ("PATCH", named("x")), ("DELETE", NONE)] {
        assert_eq!(status(&server, method, &path, &body), 404, "{method}");
    }
    assert_eq!(status(&server, "PUT", &format!("{path}?reactivate=true"), &NONE), 404);
}

#[test]
fn an_application_is_made_under_an_id_again_after_it_was_deleted() {
    let server = server();
    let path = "/api/application/e5e2b0b3-c329-4b08-896c-d4f9f612b5c0";
    let grants = json!({"application": {"name": "TypeScript", "roles": [{"name": "dev"}],
        "oauthConfiguration": {"enabledGrants": ["password", "authorization_code"]}}});
    assert_eq!(status(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE), 404);
    let first = done(&server, "POST", path, &grants);
    assert_eq!(codes(&server, "POST", path, &named("Other")), ["[duplicate]applicationId"]);
    done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE);
    let public = json!({"application": {"name": "TypeScript", "active": false,
        "oauthConfiguration": {"clientAuthenticationPolicy": "NotRequired"}}});
    let second = done(&server, "POST", path, &public);
    assert!(second["application"]["oauthConfiguration"]["clientSecret"].is_null(), "{second}");
    assert_eq!((&second["application"]["active"], &second["application"]["roles"]), (&json!(false), &json!([])));
    done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE);
    let third = done(&server, "POST", path, &grants);
    let secret = |made: &Value| made["application"]["oauthConfiguration"]["clientSecret"].as_str().unwrap().to_owned();
    assert_ne!(secret(&first), secret(&third));
    let id = third["application"]["id"].as_str().unwrap();
    register(&server, &user(&server, "a@example.com"), id);
    assert_eq!(login(&server, (id, &secret(&third)), "a@example.com", PASSWORD).status, 200);
    assert_eq!(login(&server, (id, &secret(&first)), "a@example.com", PASSWORD).status, 401);
}

#[test]
fn nobody_is_registered_at_an_application_that_has_the_id_of_a_deleted_one() {
    let server = server();
    let path = "/api/application/e5e2b0b3-c329-4b08-896c-d4f9f612b5c0";
    let grants = json!({"application": {"name": "First", "oauthConfiguration": {"enabledGrants": ["password"]}}});
    let first = done(&server, "POST", path, &grants);
    let id = first["application"]["id"].as_str().unwrap();
    let people = [user(&server, "a@example.com"), ALICE.to_owned()];
    for person in &people {
        let registration = json!({"registration": {"applicationId": id, "roles": ["admin"]}});
        done(&server, "POST", &format!("/api/user/registration/{person}"), &registration);
    }
    done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE);
    let second = done(&server, "POST", path, &grants);
    let secret = second["application"]["oauthConfiguration"]["clientSecret"].as_str().unwrap();
    assert_eq!(status(&server, "GET", &format!("/api/user/registration/{}/{id}", people[0]), &NONE), 404);
    for login_id in ["a@example.com", "alice@example.com"] {
        let access = login(&server, (id, secret), login_id, PASSWORD).access();
        let claims = crate::support::claims(&access);
        // Alice is let in everywhere, and is no administrator of this one.
        assert_eq!(claims["roles"].as_array().map_or(0, Vec::len), 0, "{claims}");
        assert_eq!(claims["applicationId"].as_str(), (login_id == "alice@example.com").then_some(id), "{claims}");
    }
    let told = done(
        &server,
        "POST",
        &format!("/api/user/registration/{}", people[0]),
        &json!({"registration": {"applicationId": id}}),
    );
    assert_eq!(told["registration"]["roles"], json!([]));
}

#[test]
fn the_secret_of_a_deleted_application_is_none_of_a_public_one_with_its_id() {
    let server = server();
    let path = "/api/application/e5e2b0b3-c329-4b08-896c-d4f9f612b5c0";
    let first = done(&server, "POST", path, &named("First"));
    let (id, secret) = (first["application"]["id"].as_str().unwrap(), &first["application"]["oauthConfiguration"]);
    done(&server, "DELETE", &format!("{path}?hardDelete=true"), &NONE);
    let public = json!({"application": {"name": "Second", "oauthConfiguration": {"enabledGrants": ["password"],
        "clientAuthenticationPolicy": "NotRequired"}}});
    done(&server, "POST", path, &public);
    let old = (id, secret["clientSecret"].as_str().unwrap());
    assert_eq!(login(&server, old, "alice@example.com", PASSWORD).status, 401);
}

#[test]
fn a_change_of_an_application_is_one_entry_or_none() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &json!({}));
    let path = format!("/api/application/{id}");
    // One field of several is too much: the others are as they were.
    let most = json!({"application": {"name": "Hooli", "active": false, "data": {"a": "x".repeat(5000)},
        "oauthConfiguration": {"clientSecret": "another-secret-of-it"}}});
    assert_eq!(codes(&server, "PATCH", &path, &most), ["[tooLong]application"]);
    let shown = done(&server, "GET", &path, &NONE)["application"].take();
    assert_eq!((&shown["name"], &shown["active"]), (&json!("Pied Piper"), &json!(true)));
    assert_eq!(login(&server, (&id, &secret), "alice@example.com", PASSWORD).status, 200);
    let all = json!({"application": {"name": "Hooli", "active": false,
        "oauthConfiguration": {"clientSecret": "another-secret-of-it"}}});
    done(&server, "PATCH", &path, &all);
    let events = server.events();
    let of_it = events.iter().filter(|event| event["stream"] == json!(format!("client:{id}")));
    let commits: Vec<_> = of_it.map(|event| (&event["type"], &event["commit"])).collect();
    let types: Vec<_> = commits.iter().filter_map(|(event_type, _)| event_type.as_str()).collect();
    assert_eq!(types, ["client.created", "client.changed", "client.secret_set", "client.disabled"]);
    assert!(commits[1].1.is_string() && commits[1].1 == commits[2].1 && commits[2].1 == commits[3].1, "{commits:?}");
}

#[test]
fn an_application_has_room_for_as_much_as_is_said() {
    let server = server();
    let (id, _) = application(&server, "Pied Piper", &json!({}));
    let path = format!("/api/application/{id}/role");
    let role = |n: usize| json!({"role": {"name": format!("a role of the app {n:02}")}});
    for n in 0..40 {
        done(&server, "POST", &path, &role(n));
    }
    let refused =
        (40..60).map(|n| ask(&server, Some(KEY), "POST", &path, &role(n))).find(|answer| answer.status != 200);
    let refused = refused.unwrap();
    assert_eq!((refused.status, &refused.json()["fieldErrors"]["role"][0]["code"]), (400, &json!("[tooLong]role")));
    let (id, _) = application(&server, "Hooli", &json!({}));
    let data = |n| json!({"application": {"data": {"a": "x".repeat(n)}}});
    done(&server, "PATCH", &format!("/api/application/{id}"), &data(2500));
    assert_eq!(codes(&server, "PATCH", &format!("/api/application/{id}"), &data(4000)), ["[tooLong]application"]);
}

#[test]
fn nobody_makes_the_tenants_own_client() {
    let server = server();
    let tenant = done(&server, "GET", "/api/tenant", &NONE)["tenants"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/application/{tenant}");
    let known = json!({"application": {"name": "x", "oauthConfiguration": {"clientSecret": "16-known-bytes!!",
        "enabledGrants": ["password", "refresh_token"]}}});
    assert_eq!(codes(&server, "POST", &path, &known), ["[duplicate]applicationId"]);
    let client = json!({"id": tenant, "profile": "fusionauth", "secret": "16-known-bytes!!"});
    let made = ask(&server, Some(KEY), "POST", "/admin/clients", &client);
    assert_eq!((made.status, &made.json()["error"]), (409, &json!("taken")), "{made:?}");
    // It is not there yet: who is registered nowhere makes the first need of it.
    user(&server, "a@example.com");
    assert_eq!(login(&server, (FORUM, FORUM_SECRET), "a@example.com", PASSWORD).status, 200);
    assert_eq!(login(&server, (&tenant, "16-known-bytes!!"), "a@example.com", PASSWORD).status, 401);
}

#[test]
fn a_secret_is_shown_once_and_can_be_replaced() {
    let server = server();
    let (id, secret) = application(&server, "Pied Piper", &json!({}));
    let path = format!("/api/application/{id}");
    register(&server, &user(&server, "a@example.com"), &id);
    assert_eq!(login(&server, (&id, &secret), "a@example.com", PASSWORD).status, 200);
    for shown in [path.clone(), "/api/application".to_owned(), format!("{path}/oauth-configuration")] {
        assert!(!done(&server, "GET", &shown, &NONE).to_string().contains("clientSecret"), "{shown}");
    }
    let other = "another-secret-of-pied-piper";
    let patch = |secret: &str| json!({"application": {"oauthConfiguration": {"clientSecret": secret}}});
    assert!(!done(&server, "PATCH", &path, &patch(other)).to_string().contains(other));
    assert_eq!(login(&server, (&id, &secret), "a@example.com", PASSWORD).status, 401);
    assert_eq!(login(&server, (&id, other), "a@example.com", PASSWORD).status, 200);
    let code = "[tooShort]application.oauthConfiguration.clientSecret";
    assert_eq!(codes(&server, "PATCH", &path, &patch("short")), [code]);
    done(&server, "DELETE", &path, &NONE);
    assert_eq!(login(&server, (&id, other), "a@example.com", PASSWORD).status, 400);
}

#[test]
fn a_public_application_has_no_secret_for_good() {
    let server = server();
    let public = json!({"application": {"name": "Pied Piper", "oauthConfiguration": {
        "clientAuthenticationPolicy": "NotRequired", "enabledGrants": ["password"],
        "authorizedOriginURLs": ["https://app.example.com"]}}});
    let made = done(&server, "POST", "/api/application", &public)["application"].take();
    assert!(made["oauthConfiguration"]["clientSecret"].is_null(), "{made}");
    assert_eq!(made["oauthConfiguration"]["authorizedOriginURLs"], json!(["https://app.example.com"]));
    let path = format!("/api/application/{}", made["id"].as_str().unwrap());
    let policy = json!({"application": {"oauthConfiguration": {"clientAuthenticationPolicy": "Required"}}});
    let code = "[invalid]application.oauthConfiguration.clientAuthenticationPolicy";
    assert_eq!(codes(&server, "PATCH", &path, &policy), [code]);
    let secret = json!({"application": {"oauthConfiguration": {"clientSecret": "a-secret-that-is-long-enough"}}});
    assert_eq!(codes(&server, "PATCH", &path, &secret), ["[invalid]application.oauthConfiguration.clientSecret"]);
    assert_eq!(done(&server, "PUT", &path, &named("Hooli"))["application"]["name"], "Hooli");
}

#[test]
fn what_is_wrong_with_an_application_is_told_by_its_code() {
    let server = server();
    application(&server, "Pied Piper", &json!({}));
    let post = |body: Value| codes(&server, "POST", "/api/application", &body);
    assert_eq!(post(json!({"application": {}})), ["[blank]application.name"]);
    assert_eq!(post(NONE), ["[blank]application.name"]);
    assert_eq!(post(named("pied PIPER")), ["[duplicate]application.name"]);
    let mails = json!({"application": {"name": "Bad", "verifyRegistration": true}});
    assert_eq!(post(mails), ["[missing]application.verificationEmailTemplateId"]);
    let twice = json!({"application": {"name": "Bad", "roles": [{"name": "a"}, {"name": "a"}, {}]}});
    assert_eq!(post(twice), ["[duplicate]application.roles.name", "[blank]application.roles.name"]);
    let long = json!({"application": {"name": "Bad", "data": {"text": "x".repeat(5000)}}});
    assert_eq!(post(long), ["[tooLong]application"]);
    for (method, body) in [("GET", NONE), ("POST", named("x")), ("PUT", named("x")), ("DELETE", NONE)] {
        let told = codes(&server, method, "/api/application/nonsense", &body);
        assert_eq!(told, ["[couldNotConvert]applicationId"], "{method}");
        assert_eq!(status(&server, method, "/api/application/search", &body), 501, "{method}");
    }
}

#[test]
fn applications_are_for_whoever_has_a_key_that_covers_them() {
    let server = server();
    let (id, _) = application(&server, "Pied Piper", &json!({}));
    let (own, other) = (format!("/api/application/{FORUM}"), format!("/api/application/{id}"));
    let told = |key, method, path: &str, body: &Value| {
        let answer = ask(&server, key, method, path, body);
        assert!(answer.status == 200 || answer.body.is_empty(), "{answer:?}");
        answer.status
    };
    for key in [None, Some(DESK), Some("csk_nobody-has-this-one-0123456789abcd")] {
        assert_eq!(told(key, "GET", "/api/application", &NONE), 401);
        assert_eq!(told(key, "POST", "/api/application", &named("x")), 401);
        assert_eq!(told(key, "DELETE", &own, &NONE), 401);
    }
    let listed = ask(&server, Some(OF_FORUM), "GET", "/api/application", &NONE).json();
    assert_eq!(listed["applications"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!((told(Some(OF_FORUM), "GET", &own, &NONE), told(Some(OF_FORUM), "GET", &other, &NONE)), (200, 401));
    assert_eq!(told(Some(OF_FORUM), "POST", "/api/application", &named("x")), 401);
    assert_eq!(told(Some(OF_FORUM), "PATCH", &own, &named("Forum II")), 200);
    let oauth = format!("{other}/oauth-configuration");
    assert_eq!((told(None, "GET", &oauth, &NONE), told(Some(OF_FORUM), "GET", &oauth, &NONE)), (200, 401));
    assert_eq!(told(Some(OF_FORUM), "POST", &format!("{other}/role"), &json!({"role": {"name": "x"}})), 401);
}

#[test]
fn clients_of_the_bootstrap_file_are_applications_where_they_speak_fusionauth() {
    let server = server();
    // It makes the tenant's own client, which is no application.
    user(&server, "a@example.com");
    let listed = done(&server, "GET", "/api/application", &NONE)["applications"].take();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Forum"]);
    let shown = done(&server, "GET", &format!("/api/application/{}", FORUM.to_uppercase()), &NONE);
    assert_eq!(shown["application"]["jwtConfiguration"]["timeToLiveInSeconds"], 300, "{shown}");
    assert_eq!(codes(&server, "GET", "/api/application/store", &NONE), ["[couldNotConvert]applicationId"]);
    let oauth = done(&server, "GET", &format!("/api/application/{FORUM}/oauth-configuration"), &NONE);
    assert_eq!(oauth["httpSessionMaxInactiveInterval"], 3600);
    assert_eq!(oauth["oauthConfiguration"]["clientId"], FORUM);
    let unknown = "/api/application/00000000-0000-4000-8000-000000000000/oauth-configuration";
    assert_eq!(ask(&server, None, "GET", unknown, &NONE).status, 404);
}

#[test]
fn roles_are_made_changed_and_deleted() {
    let server = server();
    let roles = json!({"roles": [{"name": "user", "isDefault": true}, {"name": "admin", "isSuperRole": true, "description": "all"}]});
    let (id, secret) = application(&server, "Pied Piper", &roles);
    let (path, person) = (format!("/api/application/{id}/role"), user(&server, "a@example.com"));
    let names = || {
        let shown = done(&server, "GET", &format!("/api/application/{id}"), &NONE);
        let roles = shown["application"]["roles"].as_array().unwrap().clone();
        roles.iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let made = done(&server, "POST", &path, &json!({"role": {"name": "new role", "isDefault": true, "is_default": 1}}));
    let role = format!("{path}/{}", made["role"]["id"].as_str().unwrap());
    assert_eq!(names(), ["admin", "new role", "user"]);
    let put = done(&server, "PUT", &role, &json!({"role": {"name": "new role", "description": "x"}}));
    assert_eq!((&put["role"]["isDefault"], &put["role"]["description"]), (&json!(false), &json!("x")));
    let patched = done(&server, "PATCH", &role, &json!({"role": {"isSuperRole": true}}));
    assert_eq!((&patched["role"]["isSuperRole"], &patched["role"]["description"]), (&json!(true), &json!("x")));
    assert_eq!(codes(&server, "PATCH", &role, &json!({"role": {"name": "other"}})), ["[invalid]role.name"]);
    assert_eq!(codes(&server, "POST", &path, &json!({"role": {"name": "user"}})), ["[duplicate]role.name"]);
    assert_eq!(codes(&server, "POST", &path, &json!({"role": {}})), ["[blank]role.name"]);
    assert_eq!(codes(&server, "POST", &role, &json!({"role": {"name": "z"}})), ["[duplicate]roleId"]);
    assert_eq!(
        codes(&server, "POST", &format!("{path}/x"), &json!({"role": {"name": "z"}})),
        ["[couldNotConvert]roleId"]
    );
    // PUT of the application changes no role.
    done(
        &server,
        "PUT",
        &format!("/api/application/{id}"),
        &json!({"application": {"name": "Pied Piper", "roles": [],
        "oauthConfiguration": {"enabledGrants": ["password"]}}}),
    );
    let registration = json!({"registration": {"applicationId": id, "roles": ["new role", "user"]}});
    done(&server, "POST", &format!("/api/user/registration/{person}"), &registration);
    assert_eq!(done(&server, "DELETE", &role, &NONE), NONE);
    let access = login(&server, (&id, &secret), "a@example.com", PASSWORD).access();
    assert_eq!(crate::support::claims(&access)["roles"], json!(["user"]));
    let its = format!("/api/user/registration/{person}/{id}");
    assert_eq!(done(&server, "GET", &its, &NONE)["registration"]["roles"], json!(["user"]));
    // It is not sent back as a role that there is not.
    let patched = done(&server, "PATCH", &its, &json!({"registration": {"data": {"a": 1}}}));
    assert_eq!(patched["registration"]["roles"], json!(["user"]));
    assert_eq!(done(&server, "DELETE", &format!("{path}?name=user"), &NONE), NONE);
    assert_eq!(names(), ["admin"]);
    assert_eq!(codes(&server, "DELETE", &format!("{path}?name=admin"), &NONE), ["[lastRole]"]);
    assert_eq!(names(), ["admin"]);
    for gone in [role.clone(), format!("{path}?name=user"), path.clone()] {
        assert_eq!(status(&server, "DELETE", &gone, &NONE), 404, "{gone}");
    }
    assert_eq!(status(&server, "PUT", &role, &json!({"role": {"name": "new role"}})), 404);
    let nowhere = "/api/application/00000000-0000-4000-8000-000000000000/role";
    assert_eq!(codes(&server, "POST", nowhere, &json!({"role": {"name": "x"}})), ["[invalid]applicationId"]);
    let its = format!("{nowhere}/00000000-0000-4000-8000-000000000000");
    assert_eq!(codes(&server, "PUT", &its, &json!({"role": {"name": "x"}})), ["[invalid]applicationId"]);
    assert_eq!(status(&server, "DELETE", &its, &NONE), 404);
}

#[test]
fn an_application_without_refresh_tokens_gives_none() {
    let server = server();
    let oauth =
        json!({"oauthConfiguration": {"enabledGrants": ["password", "refresh_token"], "generateRefreshTokens": false}});
    let (id, secret) = application(&server, "Pied Piper", &oauth);
    register(&server, ALICE, &id);
    let answer = login(&server, (&id, &secret), "alice@example.com", PASSWORD);
    assert!(answer.status == 200 && answer.json()["refresh_token"].is_null(), "{answer:?}");
    let shorter = json!({"application": {"jwtConfiguration": {"enabled": true, "timeToLiveInSeconds": 60},
        "oauthConfiguration": {"generateRefreshTokens": true}}});
    done(&server, "PATCH", &format!("/api/application/{id}"), &shorter);
    let answer = login(&server, (&id, &secret), "alice@example.com", PASSWORD).json();
    assert!(answer["expires_in"].as_i64().unwrap() <= 60 && answer["refresh_token"].is_string(), "{answer}");
}

#[test]
fn a_setting_that_people_would_rely_on_is_never_kept_without_effect() {
    let server = server();
    let (id, _) = application(&server, "Pied Piper", &json!({}));
    let path = format!("/api/application/{id}");
    let strict = json!({"application": {"name": "Hooli", "oauthConfiguration": {"requireRegistration": true}}});
    for (method, path) in [("POST", "/api/application"), ("PUT", &path), ("PATCH", &path)] {
        assert_eq!(status(&server, method, path, &strict), 501, "{method}");
    }
    let shown = done(&server, "GET", &path, &NONE)["application"].take();
    assert_eq!(
        (&shown["name"], &shown["oauthConfiguration"]["requireRegistration"]),
        (&json!("Pied Piper"), &json!(false))
    );
    let lives = json!({"application": {"jwtConfiguration": {"refreshTokenUsagePolicy": "OneTimeUse", "timeToLiveInSeconds": 60}}});
    let jwt = done(&server, "PATCH", &path, &lives)["application"]["jwtConfiguration"].take();
    assert_eq!(
        (&jwt["enabled"], &jwt["refreshTokenUsagePolicy"], &jwt["timeToLiveInSeconds"]),
        (&json!(true), &json!("OneTimeUse"), &json!(60))
    );
}

#[test]
fn there_is_one_tenant_and_the_server_is_well() {
    let server = server();
    let tenants = done(&server, "GET", "/api/tenant", &NONE)["tenants"].take();
    assert_eq!((&tenants[0]["name"], tenants.as_array().unwrap().len()), (&json!("Default"), 1));
    assert!(tenants[0]["emailConfiguration"].is_object());
    let id = tenants[0]["id"].as_str().unwrap();
    assert_eq!(done(&server, "GET", &format!("/api/tenant/{id}"), &NONE)["tenant"], tenants[0]);
    assert_eq!(status(&server, "GET", "/api/tenant/00000000-0000-4000-8000-000000000000", &NONE), 404);
    assert_eq!(status(&server, "POST", "/api/tenant", &json!({"tenant": {"name": "x"}})), 501);
    assert_eq!(status(&server, "POST", &format!("/api/tenant/{id}"), &json!({"tenant": {"name": "x"}})), 501);
    assert_eq!(status(&server, "GET", "/api/tenant/search", &NONE), 501);
    assert_eq!(ask(&server, None, "GET", "/api/tenant", &NONE).status, 401);
    assert_eq!(ask(&server, Some(DESK), "GET", "/api/tenant", &NONE).status, 401);
    assert_eq!(ask(&server, None, "GET", "/api/status", &NONE).body, "{}");
    let health = ask(&server, None, "GET", "/api/health", &NONE);
    assert_eq!((health.status, health.body.as_str()), (200, ""));
    for (path, wrong) in [("/api/tenant", "DELETE"), ("/api/status", "POST"), ("/api/application", "PATCH")] {
        assert_eq!(ask(&server, Some(KEY), wrong, path, &NONE).status, 405, "{path}");
    }
    assert_eq!(status(&server, "GET", "/api/system-configuration", &NONE), 501);
    let tenant =
        |id: &str| server.get_as("/api/tenant", &[("Authorization", KEY), ("X-FusionAuth-TenantId", id)]).status;
    assert_eq!((tenant(id), tenant("00000000-0000-4000-8000-000000000000")), (200, 400));
}
