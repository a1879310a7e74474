//! The doors, one after the other, as an app backend uses them.

use crate::support::{ALICE, BOOTSTRAP, MACHINE, Plan, STORE};

#[test]
fn a_person_logs_in_refreshes_and_is_logged_out() {
    let server = Plan::new(BOOTSTRAP).start();
    let login = server.login();
    assert_eq!(login.status, 200, "{}", login.body);
    assert_eq!(login.text("token_type"), "Bearer");
    assert_eq!(login.header("cache-control"), Some("no-store"));
    assert!(server.is_active(&login.access()));

    let refreshed = server.refresh(&login.refresh());
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert_ne!(refreshed.refresh(), login.refresh());
    assert_eq!(server.refresh(&login.refresh()).refresh(), refreshed.refresh(), "a lost answer is given again");

    let revoked = server.post("/oauth2/revoke", Some(STORE), &[("token", &refreshed.refresh())]);
    assert_eq!((revoked.status, revoked.body.as_str()), (200, ""));
    assert!(!server.is_active(&login.access()));
    assert!(!server.is_active(&refreshed.access()));
    let dead = server.refresh(&refreshed.refresh());
    assert_eq!((dead.status, dead.text("error").as_str()), (400, "invalid_grant"));
}

#[test]
fn a_client_gets_and_loses_a_token_of_its_own() {
    let server = Plan::new(BOOTSTRAP).start();
    let issued = server.post("/oauth2/token", Some(MACHINE), &[("grant_type", "client_credentials")]);
    assert_eq!(issued.status, 200, "{}", issued.body);
    assert_eq!(issued.text("scope"), "jobs");
    assert!(issued.json()["refresh_token"].is_null());
    let introspect = || server.post("/oauth2/introspect", Some(MACHINE), &[("token", &issued.access())]).json();
    assert_eq!(introspect()["sub"], "machine");
    assert_eq!(server.post("/oauth2/revoke", Some(MACHINE), &[("token", &issued.access())]).status, 200);
    assert_eq!(introspect().to_string(), r#"{"active":false}"#);
}

#[test]
fn everything_stands_after_a_restart() {
    let mut server = Plan::new(BOOTSTRAP).start();
    let login = server.login();
    let revoked = server.login();
    server.post("/oauth2/revoke", Some(STORE), &[("token", &revoked.refresh())]);
    assert_eq!(server.terminate(), Some(0), "{}", server.diagnostics());
    let server = server.again();
    assert!(server.is_active(&login.access()));
    assert!(!server.is_active(&revoked.access()));
    assert_eq!(server.refresh(&login.refresh()).status, 200);
    assert_eq!(server.refresh(&revoked.refresh()).status, 400);
    assert_eq!(server.login_as(ALICE.0, "wrong").status, 400);
}

#[test]
fn a_session_that_another_login_ended_is_dead_to_whoever_still_holds_it_awake() {
    let capped = BOOTSTRAP.replace("id = \"store\"", "id = \"store\"\nmax_sessions = 1");
    let server = Plan::new(&capped).start();
    let first = server.login();
    let spent = first.refresh();
    let next = server.refresh(&spent).refresh();
    // So many retries that the next ones are no events.
    for _ in 0..12 {
        assert_eq!(server.refresh(&spent).refresh(), next);
    }
    assert!(server.is_active(&next));
    let second = server.login();
    assert!(!server.is_active(&next), "its refresh token");
    assert!(!server.is_active(&first.access()), "its access token");
    assert_eq!(server.refresh(&spent).status, 400, "a retry that would be no event");
    assert!(server.is_active(&second.refresh()));
}

#[test]
fn a_scope_that_no_event_could_hold_is_refused_and_hides_no_theft() {
    let server = Plan::new(BOOTSTRAP).start();
    let spent = server.login().refresh();
    let next = server.refresh(&server.refresh(&spent).refresh()).refresh();
    let ask = |token: &str, scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        server.post("/oauth2/token", Some(STORE), &form)
    };
    let endless = ask(&spent, &"scope ".repeat(1000));
    assert_eq!((endless.status, endless.text("error").as_str()), (400, "invalid_scope"));
    assert!(server.is_active(&next), "the token was not judged");
    let replayed = ask(&spent, &"s".repeat(512));
    assert_eq!((replayed.status, replayed.text("error").as_str()), (400, "invalid_grant"));
    assert!(!server.is_active(&next), "the session ended");
}
