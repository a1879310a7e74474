//! Workflow 2: a browser, the store and the forums as web apps with sessions of their own, and Countersign. The browser has two cookies, the
//! id of a session of the app's and a refresh token.

use crate::scenes::{OWN_ITEM, REFRESH_COOKIE, SESSIONS, a_session_that_is_used};
use crate::stage::{FORUMS, LOGIN, Mode, STORE, Site};
use crate::visitor::{ALICE, THIEF, Visitor};

/// The id of the session is no token, is another one for each login, and is enough for the page.
fn a_session_of_the_app_s_own_begins(site: &Site, number: usize) {
    SESSIONS.after_a_login(site, |stage, visitor, login| {
        let id = visitor.cookie(site, SESSIONS.cookie);
        assert!(!login.asked_once(SESSIONS.login).answer.body.contains(&id));
        let stranger = Visitor::new(stage, ALICE);
        stranger.log_in(site);
        assert_ne!(stranger.cookie(site, SESSIONS.cookie), id);
        let bare = Visitor::new(stage, ALICE);
        bare.plant(site, SESSIONS.cookie, &id);
        bare.get(site, site.page).shows(&[site.shows, LOGIN]);
        login.told(site.name, number);
    });
}

fn another_session_of_the_app_s_own_begins(number: usize) {
    SESSIONS.after_it_has_expired(|stage, visitor, before, visit| {
        let id = visitor.cookie(&STORE, SESSIONS.cookie);
        assert!(id != before.own && visit.asked.iter().all(|exchange| !exchange.answer.body.contains(&id)));
        let old = Visitor::new(stage, ALICE);
        old.plant(&STORE, SESSIONS.cookie, &before.own);
        old.get(&STORE, STORE.page).redirects_to("/login");
        visit.told(STORE.name, number);
    });
}

fn a_session_of_the_app_s_own_begins_for_the_thief(number: usize) {
    SESSIONS.with_a_stolen_refresh_token(|stage, _, before, visit| {
        let id = visit.sets(SESSIONS.cookie);
        assert_ne!(id, before.own);
        let bare = Visitor::new(stage, THIEF);
        bare.plant(&STORE, SESSIONS.cookie, &id);
        bare.get(&STORE, STORE.page).shows(&[STORE.shows, LOGIN, OWN_ITEM]);
        visit.told(STORE.name, number);
    });
}

fn a_session_lives_on_when_it_is_used(site: &Site, number: usize) {
    outlives_its_end(site, false, number);
}

fn a_stolen_session_lives_on_when_it_is_used(number: usize) {
    outlives_its_end(&STORE, true, number);
}

/// Both visits find the session: nothing is refreshed, and no cookie is set.
fn outlives_its_end(site: &Site, by_a_thief: bool, number: usize) {
    a_session_that_is_used(site, by_a_thief, |stage, visits| {
        for visit in visits {
            visit.shows(&[site.shows, LOGIN]);
            visit.leaves(SESSIONS.cookie);
            visit.leaves(REFRESH_COOKIE);
            visit.told(site.name, number);
            assert_eq!(visit.asked.len(), usize::from(stage.mode == Mode::Default), "{:?}", visit.paths());
            for asked in &visit.asked {
                assert!(asked.method == "GET" && asked.path.starts_with("/admin/sessions/"), "{}", asked.path);
                assert_eq!(asked.header("Authorization").as_deref(), Some(site.key));
                assert_eq!((asked.answer.status, asked.answer.text("state").as_str()), (200, "open"));
            }
        }
    });
}

/// Request: `GET /` with the host `store.example.com`, and no cookies
/// Answer: step 2. `/shopping-cart` would send the browser to `/login`
#[test]
fn webapp_sessions_step_01_the_browser_asks_the_store_for_its_home_page() {
    SESSIONS.the_home_page_is_asked_for(&STORE, 1);
}

/// Request: that of step 1
/// Answer: 200, a page with a link to `/login`
#[test]
fn webapp_sessions_step_02_the_store_answers_with_a_home_page_and_a_link_to_the_login() {
    SESSIONS.the_home_page_has_a_link_to_the_login(&STORE, 2);
}

/// Request: `GET /login`
/// Answer: step 4
#[test]
fn webapp_sessions_step_03_the_browser_follows_the_link_to_the_login_page() {
    SESSIONS.the_login_page_is_asked_for(&STORE, 3);
}

/// Request: that of step 3
/// Answer: 200, a page with a form that is posted to `/login`: `login` and `password`
#[test]
fn webapp_sessions_step_04_the_store_answers_with_a_login_form() {
    SESSIONS.the_login_page_has_a_form(&STORE, 4);
}

/// Request: `POST /login` with `login` and `password`, from a page of the same site
/// Answer: step 9; to a wrong password 401 and the form once more
#[test]
fn webapp_sessions_step_05_the_browser_posts_login_and_password_to_the_store() {
    SESSIONS.login_and_password_are_posted(&STORE, 5);
}

/// Request: `POST /oauth2/token` with `grant_type=password`, `username` and `password`, the client's id and secret by HTTP Basic,
/// and the browser's address and user agent in `X-Forwarded-For` and `X-Forwarded-User-Agent`
/// Answer: step 7
#[test]
fn webapp_sessions_step_06_the_store_asks_the_token_endpoint_with_the_password_grant() {
    SESSIONS.the_login_goes_to_countersign(&STORE, 6);
}

/// Request: that of step 6
/// Answer: 200 with `access_token`, which is the JWT, and `refresh_token`; the journal has a `session.started`
#[test]
fn webapp_sessions_step_07_countersign_answers_200_with_a_jwt_and_a_refresh_token() {
    SESSIONS.the_login_is_good(&STORE, 7);
}

/// Request: none: it happens in the app
/// Answer: none: the session's id alone says from then on who asks
#[test]
fn webapp_sessions_step_08_the_store_begins_a_session_of_its_own_and_keeps_in_it_who_the_person_is() {
    a_session_of_the_app_s_own_begins(&STORE, 8);
}

/// Request: that of step 5
/// Answer: 302 to `/shopping-cart`; cookies `session`, which is the id of the app's session, and `refresh_token`, both `HttpOnly`,
/// `SameSite=Lax` and of this host only
#[test]
fn webapp_sessions_step_09_the_store_sends_the_browser_to_the_cart_with_both_cookies() {
    SESSIONS.the_browser_is_sent_to_the_page_with_both_cookies(&STORE, 9);
}

/// Request: `GET /shopping-cart` with the cookies `session` and `refresh_token`
/// Answer: step 12; cookies of the other site are worth nothing
#[test]
fn webapp_sessions_step_10_the_browser_asks_for_the_cart_with_both_cookies() {
    SESSIONS.the_page_is_asked_for(&STORE, 10);
}

/// Request: in the default mode `GET /admin/sessions/{sid}` with the app's API key: is the session at Countersign still open? As
/// documented nothing
/// Answer: in the default mode 200 with `state` `open`. The app's own session outlives the end that it had before
#[test]
fn webapp_sessions_step_11_the_store_finds_the_session_and_lets_it_live_on_from_then() {
    a_session_lives_on_when_it_is_used(&STORE, 11);
}

/// Request: that of step 10
/// Answer: 200, the page with the person's cart; no cookie is set
#[test]
fn webapp_sessions_step_12_the_store_answers_with_the_cart_of_whom_the_session_is() {
    SESSIONS.the_page_is_shown(&STORE, 12);
}

/// Request: `GET /shopping-cart` with both cookies, when the app's session has expired
/// Answer: step 17
#[test]
fn webapp_sessions_step_13_the_browser_asks_for_the_cart_when_the_session_has_expired() {
    SESSIONS.the_cart_is_asked_for_too_late(13);
}

/// Request: `POST /api/jwt/refresh` with the app's API key, JSON with `refreshToken`, `eventInfo.ipAddress` and
/// `eventInfo.userAgent`
/// Answer: step 15
#[test]
fn webapp_sessions_step_14_the_store_finds_the_session_expired_and_redeems_the_refresh_token() {
    SESSIONS.the_refresh_token_is_redeemed(14);
}

/// Request: that of step 14
/// Answer: 200 with `token`, another JWT of the same session at Countersign, and `refreshToken`: in the default mode the next one,
/// as documented the same; the journal has a `session.refreshed`
#[test]
fn webapp_sessions_step_15_countersign_finds_the_refresh_token_and_answers_with_a_new_jwt() {
    SESSIONS.the_refresh_is_good(15);
}

/// Request: none: it happens in the app
/// Answer: none: the new id is good, and the old one stays worth nothing
#[test]
fn webapp_sessions_step_16_the_store_begins_another_session_of_its_own() {
    another_session_of_the_app_s_own_begins(16);
}

/// Request: that of step 13
/// Answer: 200, the page with the cart; the cookie `session` anew, in the default mode `refresh_token` as well
#[test]
fn webapp_sessions_step_17_the_store_answers_with_the_cart_and_the_id_of_the_new_session() {
    SESSIONS.the_cart_is_shown_with_a_new_cookie(17);
}

/// Request: `GET /shopping-cart` with both cookies, when the app's session and the refresh token have expired
/// Answer: step 21
#[test]
fn webapp_sessions_step_18_the_browser_asks_for_the_cart_when_session_and_refresh_token_have_expired() {
    SESSIONS.the_cart_is_asked_for_far_too_late(18);
}

/// Request: `POST /api/jwt/refresh` as in step 14, with the refresh token that has expired
/// Answer: step 20
#[test]
fn webapp_sessions_step_19_the_store_finds_the_session_expired_and_shows_the_dead_refresh_token() {
    SESSIONS.the_dead_refresh_token_is_shown(19);
}

/// Request: that of step 19
/// Answer: 404 without a body
#[test]
fn webapp_sessions_step_20_countersign_answers_404_to_a_refresh_token_that_has_expired() {
    SESSIONS.the_refresh_is_answered_404(20);
}

/// Request: that of step 18
/// Answer: 302 to `/login`; both cookies are taken away, and the login page says that the login has ended
#[test]
fn webapp_sessions_step_21_the_store_sends_the_browser_to_the_login_page() {
    SESSIONS.the_browser_is_sent_to_the_login_page(21);
}

/// Request: `POST /login` once more
/// Answer: as in steps 5 to 9, with another session
#[test]
fn webapp_sessions_step_22_the_person_logs_in_again_as_before() {
    SESSIONS.the_person_logs_in_again(22, [5, 9]);
}

/// Request: `GET /` with the host `forums.example.com`, and no cookies: those of the store are not sent to the forums
/// Answer: step 24. `/posts` would send the browser to `/login`
#[test]
fn webapp_sessions_step_23_somebody_who_is_logged_in_at_the_store_asks_the_forums_for_their_home_page() {
    SESSIONS.the_home_page_is_asked_for(&FORUMS, 23);
}

/// Request: that of step 23
/// Answer: 200, a page with a link to `/login`
#[test]
fn webapp_sessions_step_24_the_forums_answer_with_a_home_page_and_a_link_to_the_login() {
    SESSIONS.the_home_page_has_a_link_to_the_login(&FORUMS, 24);
}

/// Request: `GET /login`
/// Answer: step 26
#[test]
fn webapp_sessions_step_25_the_browser_follows_the_link_to_the_login_page_of_the_forums() {
    SESSIONS.the_login_page_is_asked_for(&FORUMS, 25);
}

/// Request: that of step 25
/// Answer: 200, a page with a form that is posted to `/login`: `login` and `password`
#[test]
fn webapp_sessions_step_26_the_forums_answer_with_a_login_form() {
    SESSIONS.the_login_page_has_a_form(&FORUMS, 26);
}

/// Request: `POST /login` with `login` and `password`, from a page of the same site
/// Answer: step 31; to a wrong password 401 and the form once more
#[test]
fn webapp_sessions_step_27_the_browser_posts_login_and_password_to_the_forums() {
    SESSIONS.login_and_password_are_posted(&FORUMS, 27);
}

/// Request: `POST /oauth2/token` with `grant_type=password`, `username` and `password`, the client's id and secret by HTTP Basic,
/// and the browser's address and user agent in `X-Forwarded-For` and `X-Forwarded-User-Agent`
/// Answer: step 29
#[test]
fn webapp_sessions_step_28_the_forums_ask_the_token_endpoint_with_the_password_grant() {
    SESSIONS.the_login_goes_to_countersign(&FORUMS, 28);
}

/// Request: that of step 28
/// Answer: 200 with `access_token`, which is the JWT, and `refresh_token`; the journal has a `session.started`
#[test]
fn webapp_sessions_step_29_countersign_answers_200_with_a_jwt_and_a_refresh_token_for_the_forums() {
    SESSIONS.the_login_is_good(&FORUMS, 29);
}

/// Request: none: it happens in the app
/// Answer: none: the session's id alone says from then on who asks
#[test]
fn webapp_sessions_step_30_the_forums_begin_a_session_of_their_own_and_keep_in_it_who_the_person_is() {
    a_session_of_the_app_s_own_begins(&FORUMS, 30);
}

/// Request: that of step 27
/// Answer: 302 to `/posts`; cookies `session`, which is the id of the app's session, and `refresh_token`, both `HttpOnly`,
/// `SameSite=Lax` and of this host only
#[test]
fn webapp_sessions_step_31_the_forums_send_the_browser_to_the_posts_with_both_cookies() {
    SESSIONS.the_browser_is_sent_to_the_page_with_both_cookies(&FORUMS, 31);
}

/// Request: `GET /posts` with the cookies `session` and `refresh_token`
/// Answer: step 34; cookies of the other site are worth nothing
#[test]
fn webapp_sessions_step_32_the_browser_asks_for_the_posts_with_both_cookies() {
    SESSIONS.the_page_is_asked_for(&FORUMS, 32);
}

/// Request: in the default mode `GET /admin/sessions/{sid}` with the app's API key: is the session at Countersign still open? As
/// documented nothing
/// Answer: in the default mode 200 with `state` `open`. The app's own session outlives the end that it had before
#[test]
fn webapp_sessions_step_33_the_forums_find_the_session_and_let_it_live_on_from_then() {
    a_session_lives_on_when_it_is_used(&FORUMS, 33);
}

/// Request: that of step 32
/// Answer: 200, the page with the person's posts; no cookie is set
#[test]
fn webapp_sessions_step_34_the_forums_answer_with_the_posts_of_whom_the_session_is() {
    SESSIONS.the_page_is_shown(&FORUMS, 34);
}

/// Request: `GET /shopping-cart` from elsewhere, with the owner's `refresh_token` and a `session` that the app never gave
/// Answer: step 39
#[test]
fn webapp_sessions_step_35_a_thief_asks_for_the_cart_with_a_stolen_refresh_token() {
    SESSIONS.a_thief_asks_with_a_refresh_token(35);
}

/// Request: `POST /api/jwt/refresh` as in step 14, which tells the thief's address and user agent
/// Answer: step 37
#[test]
fn webapp_sessions_step_36_the_store_finds_no_such_session_and_redeems_the_stolen_refresh_token() {
    SESSIONS.the_stolen_refresh_token_is_redeemed(36);
}

/// Request: that of step 36
/// Answer: 200 with a JWT of the owner's session: nobody else has used this refresh token. The journal's `session.refreshed` has
/// another network and user agent than its `session.started`
#[test]
fn webapp_sessions_step_37_countersign_answers_the_thief_s_refresh_with_a_new_jwt() {
    SESSIONS.the_thief_s_refresh_is_good(37);
}

/// Request: none: it happens in the app
/// Answer: none: the new id alone is good for the owner's cart
#[test]
fn webapp_sessions_step_38_the_store_begins_a_session_of_its_own_for_the_thief() {
    a_session_of_the_app_s_own_begins_for_the_thief(38);
}

/// Request: that of step 35
/// Answer: 200, the page with the owner's cart, and a cookie `session` with which the thief goes on; in the default mode also the
/// next `refresh_token`
#[test]
fn webapp_sessions_step_39_the_thief_is_shown_the_owner_s_cart_and_has_a_session_of_his_own() {
    SESSIONS.the_thief_is_shown_the_cart(39);
}

/// Request: `GET /shopping-cart` from elsewhere, with the owner's `session` and nothing else
/// Answer: step 42. The app cannot tell this request from the owner's and tells it as step 10
#[test]
fn webapp_sessions_step_40_a_thief_asks_for_the_cart_with_a_stolen_session() {
    SESSIONS.a_thief_asks_with_the_app_s_own_cookie(10);
}

/// Request: as in step 11
/// Answer: as in step 11: the session lives on because the thief used it. Told as step 11
#[test]
fn webapp_sessions_step_41_the_store_finds_the_stolen_session_and_lets_it_live_on_from_then() {
    a_stolen_session_lives_on_when_it_is_used(11);
}

/// Request: that of step 40
/// Answer: 200, the page with the owner's cart. Told as step 12
#[test]
fn webapp_sessions_step_42_the_store_answers_the_thief_with_the_owner_s_cart() {
    SESSIONS.the_thief_is_shown_the_cart_for_the_cookie(12);
}
