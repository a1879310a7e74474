//! Workflow 3: a browser, the store and the forums as web apps that keep nothing, and Countersign. The browser has two cookies, a JWT and a
//! refresh token.

use crate::scenes::NATIVE;
use crate::stage::{FORUMS, STORE};

/// Request: `GET /` with the host `store.example.com`, and no cookies
/// Answer: step 2. `/shopping-cart` would send the browser to `/login`
#[test]
fn webapp_native_step_01_the_browser_asks_the_store_for_its_home_page() {
    NATIVE.the_home_page_is_asked_for(&STORE, 1);
}

/// Request: that of step 1
/// Answer: 200, a page with a link to `/login`
#[test]
fn webapp_native_step_02_the_store_answers_with_a_home_page_and_a_link_to_the_login() {
    NATIVE.the_home_page_has_a_link_to_the_login(&STORE, 2);
}

/// Request: `GET /login`
/// Answer: step 4
#[test]
fn webapp_native_step_03_the_browser_follows_the_link_to_the_login_page() {
    NATIVE.the_login_page_is_asked_for(&STORE, 3);
}

/// Request: that of step 3
/// Answer: 200, a page with a form that is posted to `/login`: `login` and `password`
#[test]
fn webapp_native_step_04_the_store_answers_with_a_login_form() {
    NATIVE.the_login_page_has_a_form(&STORE, 4);
}

/// Request: `POST /login` with `login` and `password`, from a page of the same site
/// Answer: step 8; to a wrong password 401 and the form once more
#[test]
fn webapp_native_step_05_the_browser_posts_login_and_password_to_the_store() {
    NATIVE.login_and_password_are_posted(&STORE, 5);
}

/// Request: `POST /api/login` with the app's API key, JSON with `loginId`, `password`, `applicationId`, `eventInfo.ipAddress` and
/// `eventInfo.userAgent`
/// Answer: step 7
#[test]
fn webapp_native_step_06_the_store_asks_the_login_api() {
    NATIVE.the_login_goes_to_countersign(&STORE, 6);
}

/// Request: that of step 6
/// Answer: 200 with `user`, `token`, which is the JWT, and `refreshToken`; the journal has a `session.started`
#[test]
fn webapp_native_step_07_countersign_answers_200_with_the_user_a_jwt_and_a_refresh_token() {
    NATIVE.the_login_is_good(&STORE, 7);
}

/// Request: that of step 5
/// Answer: 302 to `/shopping-cart`; cookies `jwt` and `refresh_token`, both `HttpOnly`, `SameSite=Lax` and of this host only
#[test]
fn webapp_native_step_08_the_store_sends_the_browser_to_the_cart_with_both_tokens_in_cookies() {
    NATIVE.the_browser_is_sent_to_the_page_with_both_cookies(&STORE, 8);
}

/// Request: `GET /shopping-cart` with the cookies `jwt` and `refresh_token`
/// Answer: step 10; cookies of the other site are worth nothing
#[test]
fn webapp_native_step_09_the_browser_asks_for_the_cart_with_both_cookies() {
    NATIVE.the_page_is_asked_for(&STORE, 9);
}

/// Request: that of step 9; nothing is asked of Countersign, whose public keys the app has from its start
/// Answer: 200, the page with the person's cart; no cookie is set
#[test]
fn webapp_native_step_10_the_store_verifies_the_jwt_and_answers_with_the_cart() {
    NATIVE.the_page_is_shown(&STORE, 10);
}

/// Request: `GET /shopping-cart` with both cookies, when the JWT has expired
/// Answer: step 14
#[test]
fn webapp_native_step_11_the_browser_asks_for_the_cart_when_the_jwt_has_expired() {
    NATIVE.the_cart_is_asked_for_too_late(11);
}

/// Request: `POST /api/jwt/refresh` with the app's API key, JSON with `refreshToken`, `eventInfo.ipAddress` and
/// `eventInfo.userAgent`
/// Answer: step 13
#[test]
fn webapp_native_step_12_the_store_finds_the_jwt_expired_and_redeems_the_refresh_token() {
    NATIVE.the_refresh_token_is_redeemed(12);
}

/// Request: that of step 12
/// Answer: 200 with `token`, another JWT of the same session, and `refreshToken`: in the default mode the next one, as documented
/// the same; the journal has a `session.refreshed`
#[test]
fn webapp_native_step_13_countersign_finds_the_refresh_token_and_answers_with_a_new_jwt() {
    NATIVE.the_refresh_is_good(13);
}

/// Request: that of step 11
/// Answer: 200, the page with the cart; the cookie `jwt` anew, in the default mode `refresh_token` as well
#[test]
fn webapp_native_step_14_the_store_answers_with_the_cart_and_the_new_jwt_in_a_cookie() {
    NATIVE.the_cart_is_shown_with_a_new_cookie(14);
}

/// Request: `GET /shopping-cart` with both cookies, when the JWT and the refresh token have expired
/// Answer: step 18
#[test]
fn webapp_native_step_15_the_browser_asks_for_the_cart_when_the_refresh_token_has_expired() {
    NATIVE.the_cart_is_asked_for_far_too_late(15);
}

/// Request: `POST /api/jwt/refresh` as in step 12, with the refresh token that has expired
/// Answer: step 17
#[test]
fn webapp_native_step_16_the_store_finds_the_jwt_expired_and_shows_the_dead_refresh_token() {
    NATIVE.the_dead_refresh_token_is_shown(16);
}

/// Request: that of step 16
/// Answer: 404 without a body
#[test]
fn webapp_native_step_17_countersign_answers_404_to_a_refresh_token_that_has_expired() {
    NATIVE.the_refresh_is_answered_404(17);
}

/// Request: that of step 15
/// Answer: 302 to `/login`; both cookies are taken away, and the login page says that the login has ended
#[test]
fn webapp_native_step_18_the_store_sends_the_browser_to_the_login_page() {
    NATIVE.the_browser_is_sent_to_the_login_page(18);
}

/// Request: `POST /login` once more
/// Answer: as in steps 5 to 8, with another session
#[test]
fn webapp_native_step_19_the_person_logs_in_again_as_before() {
    NATIVE.the_person_logs_in_again(19, [5, 8]);
}

/// Request: `GET /` with the host `forums.example.com`, and no cookies: those of the store are not sent to the forums
/// Answer: step 21. `/posts` would send the browser to `/login`
#[test]
fn webapp_native_step_20_somebody_who_is_logged_in_at_the_store_asks_the_forums_for_their_home_page() {
    NATIVE.the_home_page_is_asked_for(&FORUMS, 20);
}

/// Request: that of step 20
/// Answer: 200, a page with a link to `/login`
#[test]
fn webapp_native_step_21_the_forums_answer_with_a_home_page_and_a_link_to_the_login() {
    NATIVE.the_home_page_has_a_link_to_the_login(&FORUMS, 21);
}

/// Request: `GET /login`
/// Answer: step 23
#[test]
fn webapp_native_step_22_the_browser_follows_the_link_to_the_login_page_of_the_forums() {
    NATIVE.the_login_page_is_asked_for(&FORUMS, 22);
}

/// Request: that of step 22
/// Answer: 200, a page with a form that is posted to `/login`: `login` and `password`
#[test]
fn webapp_native_step_23_the_forums_answer_with_a_login_form() {
    NATIVE.the_login_page_has_a_form(&FORUMS, 23);
}

/// Request: `POST /login` with `login` and `password`, from a page of the same site
/// Answer: step 27; to a wrong password 401 and the form once more
#[test]
fn webapp_native_step_24_the_browser_posts_login_and_password_to_the_forums() {
    NATIVE.login_and_password_are_posted(&FORUMS, 24);
}

/// Request: `POST /api/login` with the app's API key, JSON with `loginId`, `password`, `applicationId`, `eventInfo.ipAddress` and
/// `eventInfo.userAgent`
/// Answer: step 26
#[test]
fn webapp_native_step_25_the_forums_ask_the_login_api() {
    NATIVE.the_login_goes_to_countersign(&FORUMS, 25);
}

/// Request: that of step 25
/// Answer: 200 with `user`, `token`, which is the JWT, and `refreshToken`; the journal has a `session.started`
#[test]
fn webapp_native_step_26_countersign_answers_200_with_the_user_a_jwt_and_a_refresh_token_for_the_forums() {
    NATIVE.the_login_is_good(&FORUMS, 26);
}

/// Request: that of step 24
/// Answer: 302 to `/posts`; cookies `jwt` and `refresh_token`, both `HttpOnly`, `SameSite=Lax` and of this host only
#[test]
fn webapp_native_step_27_the_forums_send_the_browser_to_the_posts_with_both_tokens_in_cookies() {
    NATIVE.the_browser_is_sent_to_the_page_with_both_cookies(&FORUMS, 27);
}

/// Request: `GET /posts` with the cookies `jwt` and `refresh_token`
/// Answer: step 29; cookies of the other site are worth nothing
#[test]
fn webapp_native_step_28_the_browser_asks_for_the_posts_with_both_cookies() {
    NATIVE.the_page_is_asked_for(&FORUMS, 28);
}

/// Request: that of step 28; nothing is asked of Countersign, whose public keys the app has from its start
/// Answer: 200, the page with the person's posts; no cookie is set
#[test]
fn webapp_native_step_29_the_forums_verify_the_jwt_and_answer_with_the_posts() {
    NATIVE.the_page_is_shown(&FORUMS, 29);
}

/// Request: `GET /shopping-cart` from elsewhere, with the owner's `refresh_token` and a `jwt` that is none
/// Answer: step 33
#[test]
fn webapp_native_step_30_a_thief_asks_for_the_cart_with_a_stolen_refresh_token() {
    NATIVE.a_thief_asks_with_a_refresh_token(30);
}

/// Request: `POST /api/jwt/refresh` as in step 12, which tells the thief's address and user agent
/// Answer: step 32
#[test]
fn webapp_native_step_31_the_store_finds_the_jwt_invalid_and_redeems_the_stolen_refresh_token() {
    NATIVE.the_stolen_refresh_token_is_redeemed(31);
}

/// Request: that of step 31
/// Answer: 200 with a JWT of the owner's session: nobody else has used this refresh token. The journal's `session.refreshed` has
/// another network and user agent than its `session.started`
#[test]
fn webapp_native_step_32_countersign_answers_the_thief_s_refresh_with_a_new_jwt() {
    NATIVE.the_thief_s_refresh_is_good(32);
}

/// Request: that of step 30
/// Answer: 200, the page with the owner's cart, and a cookie `jwt` with which the thief goes on; in the default mode also the next
/// `refresh_token`
#[test]
fn webapp_native_step_33_the_thief_is_shown_the_owner_s_cart_and_has_a_jwt_of_his_own() {
    NATIVE.the_thief_is_shown_the_cart(33);
}

/// Request: `GET /shopping-cart` from elsewhere, with the owner's `jwt` and nothing else
/// Answer: step 35. The app cannot tell this request from the owner's and tells it as step 9
#[test]
fn webapp_native_step_34_a_thief_asks_for_the_cart_with_a_stolen_jwt() {
    NATIVE.a_thief_asks_with_the_app_s_own_cookie(9);
}

/// Request: that of step 34; nothing is asked of Countersign
/// Answer: 200, the page with the owner's cart. Told as step 10
#[test]
fn webapp_native_step_35_the_store_verifies_the_stolen_jwt_and_answers_with_the_owner_s_cart() {
    NATIVE.the_thief_is_shown_the_cart_for_the_cookie(10);
}
