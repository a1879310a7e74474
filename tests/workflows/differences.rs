//! What the apps and Countersign do otherwise than the workflows were drawn, or what was not drawn: docs/WORKFLOWS.md tells why.

use crate::app::App;
use crate::scenes::{NATIVE, OWN_ITEM, REFRESH, REFRESH_COOKIE, SESSIONS};
use crate::stage::{FORUMS, LOGIN, Lives, Mode, PASSWORD, STORE, Stage, in_both_modes, sid, wait_until_expired};
use crate::visitor::{ALICE, Visitor};
use serde_json::json;

/// A JWT that is over soon, of a login that goes on.
const BRIEF_JWT: Lives = Lives { access: "1s", ..Lives::LONG };

/// Somebody at the store whose JWT has expired; the session at Countersign.
fn with_an_expired_jwt(play: impl Fn(&Stage, &Visitor<'_>, &str) + Sync) {
    in_both_modes(|mode| {
        let stage = Stage::new(NATIVE.app, mode, BRIEF_JWT);
        let visitor = Visitor::new(&stage, ALICE);
        visitor.log_in(&STORE).redirects_to(STORE.page);
        stage.lengthen_lives(&STORE);
        let jwt = visitor.cookie(&STORE, NATIVE.cookie);
        wait_until_expired(&jwt);
        play(&stage, &visitor, &sid(&jwt));
    });
}

/// A refresh whose answer is lost on the way has replaced the token. Within the retry window the old one gets the same answer again.
#[test]
fn the_app_asks_again_when_the_answer_to_a_refresh_is_lost_and_is_given_the_same_refresh_token() {
    with_an_expired_jwt(|stage, visitor, session| {
        let before = visitor.cookie(&STORE, REFRESH_COOKIE);
        stage.spy.lose_next(REFRESH);
        let visit = visitor.get(&STORE, STORE.page);
        visit.shows(&[STORE.shows]);
        let tokens: Vec<String> =
            visit.asked_at(REFRESH).iter().map(|asked| asked.answer.text("refreshToken")).collect();
        assert_eq!(visit.paths(), [REFRESH; 2]);
        assert_eq!(tokens[0], tokens[1]);
        assert_eq!(tokens[0] != before, stage.mode.replaces_refresh_tokens());
        assert_eq!(visitor.cookie(&STORE, REFRESH_COOKIE), tokens[1]);
        assert_eq!(stage.session(session)["state"], "open", "nobody takes it for a theft");
    });
}

#[test]
fn while_countersign_does_not_answer_the_browser_is_told_to_try_again_and_keeps_its_cookies() {
    with_an_expired_jwt(|stage, visitor, _| {
        let before = visitor.cookies(&STORE);
        stage.spy.close(true);
        let visit = visitor.get(&STORE, STORE.page);
        assert_eq!((visit.answer.status, visit.answer.header("retry-after")), (503, Some("5")));
        assert_eq!((visit.set_cookies().len(), visitor.cookies(&STORE)), (0, before));
        stage.spy.close(false);
        let visit = visitor.get(&STORE, STORE.page);
        visit.shows(&[STORE.shows]);
        assert_eq!(visit.paths(), [REFRESH]);
    });
}

/// As documented, the app believes its own session until that expires.
#[test]
fn in_the_default_mode_a_session_that_was_revoked_at_countersign_is_over_in_the_store_at_once() {
    SESSIONS.at_the_page(&STORE, |stage, visitor, before, _| {
        stage.revoke(&sid(&before.jwt));
        let visit = visitor.get(&STORE, STORE.page);
        if stage.mode == Mode::Default {
            visit.redirects_to("/login");
            visit.takes(SESSIONS.cookie);
            visit.takes(REFRESH_COOKIE);
            assert_eq!(visit.asked_once(REFRESH).answer.status, 404);
        } else {
            visit.shows(&[STORE.shows]);
            assert_eq!(visit.paths(), [""; 0]);
        }
    });
}

#[test]
fn a_refresh_token_is_redeemed_for_nobody_but_the_app_that_has_its_key() {
    NATIVE.at_the_page(&STORE, |stage, _, before, _| {
        let body = json!({"refreshToken": before.refresh}).to_string();
        for (key, status) in [("", 404), (FORUMS.key, 404), (STORE.key, 200)] {
            let headers = [("Content-Type", "application/json"), ("Authorization", key)];
            let headers = if key.is_empty() { &headers[..1] } else { &headers };
            let answer = stage.server.send("POST", REFRESH, headers, body.as_bytes());
            assert_eq!(answer.status, status, "{key}: {answer:?}");
        }
    });
}

#[test]
fn a_form_that_a_page_of_another_site_sends_is_refused() {
    SESSIONS.after_a_login(&STORE, |_, visitor, _| {
        let more = [(STORE.field, OWN_ITEM)];
        for (path, form) in
            [(STORE.page, &more[..]), ("/login", &[("login", LOGIN), ("password", PASSWORD)]), ("/logout", &[])]
        {
            let visit = visitor.post_from(FORUMS.host, &STORE, path, form);
            assert_eq!((visit.answer.status, visit.paths(), visit.set_cookies().len()), (403, vec![], 0), "{path}");
        }
        let visit = visitor.get(&STORE, STORE.page);
        visit.shows(&[STORE.shows, LOGIN]);
        assert!(!visit.answer.body.contains(OWN_ITEM), "{:?}", visit.answer);
    });
}

/// The JWT is good wherever it is verified without asking: in both modes, until it expires.
#[test]
fn a_jwt_outlives_the_revocation_of_its_session_where_nobody_is_asked() {
    NATIVE.at_the_page(&STORE, |stage, visitor, before, _| {
        stage.revoke(&sid(&before.jwt));
        let visit = visitor.get(&STORE, STORE.page);
        visit.shows(&[STORE.shows]);
        assert_eq!(visit.paths(), [""; 0]);
    });
}

/// The example `phone` as the thief. As documented, the owner and the thief go on with the same refresh token; by default the second of
/// them who uses it ends the session for both.
#[test]
fn the_phone_plays_the_thief_to_the_end() {
    in_both_modes(|mode| {
        // A JWT that was renewed is verified at once: it lives for longer than the machine may be busy elsewhere.
        let stage = Stage::new("mobile_backend", mode, Lives { access: "5s", ..Lives::LONG });
        let backend = format!("http://{}", stage.app.address);
        let flags = ["--backend", &backend, "--thief"].map(str::to_owned);
        let (told, well) = App::run("phone", &flags, &[("PASSWORD", PASSWORD)]);
        assert!(well, "{told}");
        let steps: Vec<&str> =
            told.lines().filter_map(|line| line.strip_prefix("thief")?.split_whitespace().next()).collect();
        assert_eq!(steps, ["17", "20", "21", "22"], "{told}");
        let last = told.lines().last().unwrap();
        assert!(last.contains(if mode == Mode::Default { "401 for both" } else { "nobody has noticed" }), "{told}");
        let login = stage.spy.seen().iter().find(|asked| asked.path == SESSIONS.login).unwrap().answer.access();
        let session = stage.session(&sid(&login));
        let reason = session["reason"].as_str();
        assert_eq!(reason, (mode == Mode::Default).then_some("reuse"), "{session}");
    });
}
