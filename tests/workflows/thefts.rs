//! The thefts that the workflows end with, further than they are drawn: what comes of thief and owner at the apps as they are. What
//! nobody notices is asserted as well. docs/THEFT.md says what it means, and `countersign demo --attack` plays it without an app.

use crate::phone::{Kept, Phone};
use crate::scenes::{NATIVE, REFRESH_COOKIE, SESSIONS, Workflow};
use crate::stage::{FORUMS, LOGIN, Lives, Mode, PASSWORD, STORE, Stage, in_both_modes, sid, wait_until_expired};
use crate::support::events_in;
use crate::visit::Visit;
use crate::visitor::{ALICE, Person, THIEF, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;

const MOBILE: &str = "mobile_backend";
/// What no app ever gave anybody.
const MADE_UP: &str = "made-up";
/// A thief in the owner's network, with the owner's program.
const NEIGHBOUR: Person = Person { address: "203.0.113.77", agent: ALICE.agent };

/// All events of a session so far: a login that was begun after them stands behind them in the journal.
fn record(stage: &Stage, session: &str) -> Vec<Value> {
    let form = [("grant_type", "password"), ("username", LOGIN), ("password", PASSWORD)];
    let behind = stage.server.post("/oauth2/token", Some((FORUMS.client, FORUMS.secret)), &form);
    stage.events(&sid(&behind.access()), "session.started", 1);
    let stream = format!("session:{session}");
    events_in(&stage.server.data_dir()).into_iter().filter(|event| event["stream"] == *stream).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// How many pairs of network and user agent stand in the events.
fn parties(events: &[Value]) -> usize {
    let told = |event: &Value| ["net", "ua"].map(|name| event["context"][name].as_str().unwrap().to_owned());
    events.iter().map(told).collect::<BTreeSet<_>>().len()
}

fn is_active(stage: &Stage, jwt: &str) -> bool {
    let answer = stage.server.post("/oauth2/introspect", Some((STORE.client, STORE.secret)), &[("token", jwt)]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["active"] == true
}

/// A browser whose own cookie of the app is worth nothing, and that has this refresh token.
fn has_only(visitor: &Visitor<'_>, workflow: &Workflow, refresh: &str) {
    visitor.plant(&STORE, workflow.cookie, MADE_UP);
    visitor.plant(&STORE, REFRESH_COOKIE, refresh);
}

fn looks<'a>(visitor: &Visitor<'a>) -> Visit<'a> {
    visitor.get(&STORE, STORE.page)
}

/// The owner has logged in at the store: the JWT that the app was given.
fn logged_in(owner: &Visitor<'_>, workflow: &Workflow) -> String {
    let login = owner.log_in(&STORE);
    login.redirects_to(STORE.page);
    login.asked_once(workflow.login).answer.text(workflow.tokens[0])
}

// --- A stolen refresh token -------------------------------------------------------------------------------------------------------------

fn serves_both_for_ever(workflow: &Workflow) {
    let stage = Stage::new(workflow.app, Mode::AsDocumented, Lives::LONG);
    let (owner, thief) = (Visitor::new(&stage, ALICE), Visitor::new(&stage, THIEF));
    let session = sid(&logged_in(&owner, workflow));
    let refresh = owner.cookie(&STORE, REFRESH_COOKIE);
    for visitor in [&thief, &owner, &thief] {
        has_only(visitor, workflow, &refresh);
        looks(visitor).shows(&[STORE.shows, LOGIN]);
        assert_eq!(visitor.cookie(&STORE, REFRESH_COOKIE), refresh);
    }
    let shown = stage.session(&session);
    assert_eq!((&shown["state"], &shown["address"]), (&"open".into(), &THIEF.address.into()));
    let events = record(&stage, &session);
    assert_eq!(types(&events), ["session.started", "session.refreshed", "session.refreshed", "session.refreshed"]);
    assert_eq!(parties(&events), 2, "what nobody notices is recorded all the same");
}

#[test]
fn a_stolen_refresh_token_that_is_never_replaced_serves_thief_and_owner_at_the_app_with_sessions() {
    serves_both_for_ever(&SESSIONS);
}

#[test]
fn a_stolen_refresh_token_that_is_never_replaced_serves_thief_and_owner_at_the_native_app() {
    serves_both_for_ever(&NATIVE);
}

/// The thief comes first, and the owner second: the owner is sent to the login page, and the session is dead. What the thief has left is
/// for `then` to say: his visit with the app's own cookie, then one with his refresh token alone.
fn is_noticed(workflow: &Workflow, then: impl Fn(&str, &Visit<'_>)) {
    let stage = Stage::new(workflow.app, Mode::Default, Lives::LONG);
    let (owner, thief) = (Visitor::new(&stage, ALICE), Visitor::new(&stage, THIEF));
    let jwt = logged_in(&owner, workflow);
    let (session, refresh) = (sid(&jwt), owner.cookie(&STORE, REFRESH_COOKIE));
    has_only(&thief, workflow, &refresh);
    looks(&thief).shows(&[STORE.shows, LOGIN]);
    let stolen = thief.cookie(&STORE, REFRESH_COOKIE);
    assert!(stolen != refresh && is_active(&stage, &jwt), "the first use looks like any other");

    has_only(&owner, workflow, &refresh);
    let visit = looks(&owner);
    visit.redirects_to("/login");
    [workflow.cookie, REFRESH_COOKIE].iter().for_each(|cookie| visit.takes(cookie));
    let shown = stage.session(&session);
    assert_eq!((&shown["state"], &shown["reason"]), (&"revoked".into(), &"reuse".into()));
    assert!(!is_active(&stage, &jwt));
    let events = record(&stage, &session);
    let noticed = ["session.started", "session.refreshed", "session.reuse_detected", "session.revoked"];
    assert_eq!(types(&events), noticed);
    assert_eq!(events[2]["data"]["class"], "foreign_retry");

    then(&session, &looks(&thief));
    has_only(&thief, workflow, &stolen);
    looks(&thief).redirects_to("/login");
    owner.log_in(&STORE).redirects_to(STORE.page);
    looks(&owner).shows(&[STORE.shows, LOGIN]);
}

#[test]
fn a_stolen_refresh_token_that_both_use_ends_the_session_and_the_app_that_asks_turns_the_thief_away_at_once() {
    is_noticed(&SESSIONS, |session, visit| {
        visit.redirects_to("/login");
        assert!(visit.paths().contains(&format!("/admin/sessions/{session}").as_str()), "{:?}", visit.paths());
    });
}

#[test]
fn a_stolen_refresh_token_that_both_use_ends_the_session_and_the_thief_s_jwt_goes_on_where_nobody_asks() {
    is_noticed(&NATIVE, |_, visit| {
        visit.shows(&[STORE.shows, LOGIN]);
        assert_eq!(visit.paths(), [""; 0]);
    });
}

/// Within the retry window, in one network and with one user agent, a thief looks like an answer that was lost.
#[test]
fn a_thief_in_the_owner_s_place_shares_the_session_and_is_not_noticed() {
    let stage = Stage::new(NATIVE.app, Mode::Default, Lives::LONG);
    let (owner, thief) = (Visitor::new(&stage, ALICE), Visitor::new(&stage, NEIGHBOUR));
    let session = sid(&logged_in(&owner, &NATIVE));
    let refresh = owner.cookie(&STORE, REFRESH_COOKIE);
    for visitor in [&owner, &thief] {
        has_only(visitor, &NATIVE, &refresh);
        looks(visitor).shows(&[STORE.shows, LOGIN]);
    }
    let [owners, thiefs] = [&owner, &thief].map(|visitor| visitor.cookie(&STORE, REFRESH_COOKIE));
    assert!(owners == thiefs && owners != refresh, "both hold the same next token");
    assert_eq!(stage.session(&session)["state"], "open");
    let events = record(&stage, &session);
    assert_eq!(types(&events), ["session.started", "session.refreshed", "session.refresh_retried"]);
    assert_eq!(parties(&events), 1);
}

#[test]
fn a_refresh_token_stolen_from_a_phone_goes_on_for_both_as_documented_and_ends_for_both_where_it_is_replaced() {
    in_both_modes(|mode| {
        let stage = Stage::new(MOBILE, mode, Lives::LONG);
        let (mut owner, mut thief) = (Phone::new(&stage, ALICE), Phone::new(&stage, THIEF));
        assert_eq!(owner.log_in(LOGIN, PASSWORD).answer.status, 200);
        let (jwt, refresh) = (owner.kept.jwt.clone(), owner.kept.refresh.clone());
        thief.kept = Kept { jwt: MADE_UP.to_owned(), refresh: refresh.clone() };
        assert_eq!(thief.cart().answer.status, 200);
        owner.kept.jwt = MADE_UP.to_owned();
        let documented = mode == Mode::AsDocumented;
        assert_eq!(owner.cart().answer.status, if documented { 200 } else { 401 });
        assert_eq!(is_active(&stage, &jwt), documented);
        // A JWT that the thief has already is verified by the backend alone.
        assert_eq!(thief.cart().answer.status, 200);
        thief.kept.jwt = MADE_UP.to_owned();
        assert_eq!(thief.cart().answer.status, if documented { 200 } else { 401 });
        let known = ["session.started", "session.refreshed"];
        let more: &[&str] = if documented {
            &["session.refreshed", "session.refreshed"]
        } else {
            &["session.reuse_detected", "session.revoked", "session.refresh_refused"]
        };
        assert_eq!(types(&record(&stage, &sid(&jwt))), [&known[..], more].concat());
    });
}

// --- A stolen JWT -----------------------------------------------------------------------------------------------------------------------

#[test]
fn a_stolen_jwt_opens_the_cart_after_a_revocation_too_since_the_app_asks_nobody() {
    in_both_modes(|mode| {
        let stage = Stage::new(NATIVE.app, mode, Lives::LONG);
        let (owner, thief) = (Visitor::new(&stage, ALICE), Visitor::new(&stage, THIEF));
        let jwt = logged_in(&owner, &NATIVE);
        thief.plant(&STORE, NATIVE.cookie, &jwt);
        looks(&thief).shows(&[STORE.shows, LOGIN]);
        assert!(is_active(&stage, &jwt));
        assert_eq!(types(&record(&stage, &sid(&jwt))), ["session.started"], "nobody notices, and nothing is recorded");
        stage.revoke(&sid(&jwt));
        assert!(!is_active(&stage, &jwt), "whoever asks is told at once");
        let visit = looks(&thief);
        visit.shows(&[STORE.shows, LOGIN]);
        assert_eq!(visit.paths(), [""; 0]);
        assert_eq!(types(&record(&stage, &sid(&jwt))), ["session.started", "session.revoked"]);
    });
}

#[test]
fn a_jwt_stolen_from_a_phone_opens_the_cart_after_a_revocation_too_since_the_backend_asks_nobody() {
    in_both_modes(|mode| {
        let stage = Stage::new(MOBILE, mode, Lives::LONG);
        let (mut owner, mut thief) = (Phone::new(&stage, ALICE), Phone::new(&stage, THIEF));
        assert_eq!(owner.log_in(LOGIN, PASSWORD).answer.status, 200);
        thief.kept.jwt = owner.kept.jwt.clone();
        assert_eq!(thief.cart().answer.status, 200);
        stage.revoke(&sid(&thief.kept.jwt));
        assert!(!is_active(&stage, &thief.kept.jwt));
        let visit = thief.cart();
        assert_eq!((visit.answer.status, visit.paths()), (200, vec![]));
        assert_eq!(types(&record(&stage, &sid(&thief.kept.jwt))), ["session.started", "session.revoked"]);
    });
}

#[test]
fn a_stolen_jwt_is_worth_nothing_after_its_end_and_its_thief_cannot_renew_it() {
    in_both_modes(|mode| {
        let stage = Stage::new(NATIVE.app, mode, Lives { access: "1s", ..Lives::LONG });
        let (owner, thief) = (Visitor::new(&stage, ALICE), Visitor::new(&stage, THIEF));
        let jwt = logged_in(&owner, &NATIVE);
        thief.plant(&STORE, NATIVE.cookie, &jwt);
        stage.lengthen_lives(&STORE);
        wait_until_expired(&jwt);
        let visit = looks(&thief);
        visit.redirects_to("/login");
        assert_eq!(visit.paths(), [""; 0]);
        looks(&owner).shows(&[STORE.shows, LOGIN]);
        assert_eq!(types(&record(&stage, &sid(&jwt))), ["session.started", "session.refreshed"]);
    });
}

// --- A stolen session id of the app -----------------------------------------------------------------------------------------------------

#[test]
fn a_stolen_session_id_outlives_a_revocation_as_documented_and_ends_at_the_next_request_where_the_app_asks() {
    in_both_modes(|mode| {
        let stage = Stage::new(SESSIONS.app, mode, Lives::LONG);
        let (owner, thief) = (Visitor::new(&stage, ALICE), Visitor::new(&stage, THIEF));
        let session = sid(&logged_in(&owner, &SESSIONS));
        let question = format!("/admin/sessions/{session}");
        let questions: &[&str] = if mode == Mode::Default { &[&question] } else { &[] };
        thief.plant(&STORE, SESSIONS.cookie, &owner.cookie(&STORE, SESSIONS.cookie));
        let visit = looks(&thief);
        visit.shows(&[STORE.shows, LOGIN]);
        assert_eq!(visit.paths(), questions);
        let shown = stage.session(&session);
        assert_eq!((&shown["state"], &shown["address"]), (&"open".into(), &ALICE.address.into()));
        assert_eq!(types(&record(&stage, &session)), ["session.started"], "asked or not, nobody notices");
        stage.revoke(&session);
        let visit = looks(&thief);
        assert_eq!(visit.paths(), questions);
        if mode == Mode::Default {
            visit.redirects_to("/login");
        } else {
            visit.shows(&[STORE.shows, LOGIN]);
        }
        assert_eq!(types(&record(&stage, &session)), ["session.started", "session.revoked"]);
    });
}
