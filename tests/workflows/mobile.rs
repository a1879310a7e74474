//! Workflow 1: an app on a phone, its backend, and Countersign. The phone keeps a JWT and a refresh token, and shows both to the backend.

use crate::app::App;
use crate::phone::{Kept, Phone};
use crate::spy::Exchange;
use crate::stage::{From, LOGIN, Lives, PASSWORD, STORE, Stage, in_both_modes, sid, wait_until_expired};
use crate::support::claims;
use crate::visit::Visit;
use crate::visitor::{ALICE, THIEF};
use serde_json::json;

const APP: &str = "mobile_backend";
const TOKENS: &str = "/oauth2/token";
const REFRESH: &str = "/api/jwt/refresh";
const NO_JWT: &str = "not.a.jwt";

/// A JWT that is over soon, of a login that goes on.
const BRIEF_JWT: Lives = Lives { access: "1s", ..Lives::LONG };
/// A login that is over soon.
const BRIEF: Lives = Lives { access: "1s", refresh: "1s", ..Lives::LONG };

/// The owner has just logged in.
fn after_a_login(lives: Lives, play: impl Fn(&Stage, Phone<'_>, &Visit<'_>) + Sync) {
    in_both_modes(|mode| {
        let stage = Stage::new(APP, mode, lives);
        let mut phone = Phone::new(&stage, ALICE);
        let login = phone.log_in(LOGIN, PASSWORD);
        assert_eq!(login.answer.status, 200, "{:?}", login.answer);
        play(&stage, phone, &login);
    });
}

/// The owner asks for the cart with a JWT that has expired. Told as well is what the phone kept until then.
fn with_an_expired_jwt(play: impl Fn(&Stage, &Kept, Phone<'_>, &Visit<'_>) + Sync) {
    after_a_login(BRIEF_JWT, |stage, mut phone, _| {
        stage.lengthen_lives(&STORE);
        wait_until_expired(&phone.kept.jwt);
        let before = phone.kept.clone();
        let visit = phone.cart();
        play(stage, &before, phone, &visit);
    });
}

/// The owner asks for the cart when the refresh token has expired as well.
fn with_a_dead_refresh_token(play: impl Fn(&Stage, Phone<'_>, &Visit<'_>) + Sync) {
    after_a_login(BRIEF, |stage, mut phone, _| {
        stage.lengthen_lives(&STORE);
        wait_until_expired(&phone.kept.jwt);
        stage.wait_until_over(&sid(&phone.kept.jwt));
        let visit = phone.cart();
        play(stage, phone, &visit);
    });
}

/// Somebody elsewhere asks for the cart with what was copied from the owner's phone.
fn with_stolen(what: impl Fn(&Kept) -> Kept + Sync, play: impl Fn(&Stage, &Kept, Phone<'_>, &Visit<'_>) + Sync) {
    after_a_login(Lives::LONG, |stage, mut phone, _| {
        phone.add("A compass");
        let mut thief = Phone::new(stage, THIEF);
        thief.kept = what(&phone.kept);
        let visit = thief.cart();
        play(stage, &phone.kept, thief, &visit);
    });
}

fn the_refresh_token(of: &Kept) -> Kept {
    Kept { jwt: NO_JWT.to_owned(), refresh: of.refresh.clone() }
}

fn the_jwt(of: &Kept) -> Kept {
    Kept { jwt: of.jwt.clone(), refresh: String::new() }
}

/// The backend shows a refresh token, authenticates by its API key, and tells who asks.
fn redeems(exchange: &Exchange, refresh: &str, address: &str, agent: &str) {
    assert_eq!(exchange.method, "POST");
    assert_eq!(exchange.header("Authorization").as_deref(), Some(STORE.key));
    assert_eq!(exchange.json()["refreshToken"], refresh);
    assert_eq!(exchange.told(), [address, agent]);
}

/// A cart of which the owner is told.
fn is_the_cart(visit: &Visit<'_>, items: &[&str]) {
    assert_eq!(visit.answer.status, 200, "{:?}", visit.answer);
    assert_eq!(visit.answer.json()["items"], json!(items));
}

const CART: [&str; 2] = ["Ship's biscuits", "A good lamp"];
const CART_WITH_MORE: [&str; 3] = ["Ship's biscuits", "A good lamp", "A compass"];

/// Request: none: the app on the phone draws its login form by itself
/// Answer: none: the first that the backend hears of it is step 2
#[test]
fn mobile_step_01_the_app_is_opened_and_shows_its_login_form_before_anybody_is_asked() {
    in_both_modes(|mode| {
        let stage = Stage::new(APP, mode, BRIEF);
        let (backend, before) = (format!("http://{}", stage.app.address), stage.spy.seen().len());
        let flags = ["--backend", &backend, "--every", "1"].map(str::to_owned);
        let (told, well) = App::run("phone", &flags, &[("PASSWORD", PASSWORD)]);
        assert!(well, "{told}");
        assert!(told.starts_with("phone     1  "), "{told}");
        // The steps that the phone tells go on to the last: a login that has ended, and another one.
        let steps: Vec<&str> = told.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!((&steps[..2], &steps[steps.len() - 2..]), (&["1", "2"][..], &["12", "16"][..]), "{told}");
        assert_eq!(stage.spy.seen()[before].path, TOKENS, "the first question is the login of step 2");
        stage.app.narration.step(0, "mobile", 2);
    });
}

/// Request: `POST /api/login` from the phone to the backend, JSON with `login` and `password`
/// Answer: step 5; to a wrong password 401
#[test]
fn mobile_step_02_the_phone_posts_the_login_and_the_password_to_the_backend() {
    after_a_login(Lives::LONG, |stage, phone, login| {
        login.told("mobile", 2);
        assert!(!phone.kept.jwt.is_empty() && !phone.kept.refresh.is_empty());
        let refused = Phone::new(stage, ALICE).log_in(LOGIN, "another password");
        assert_eq!((refused.answer.status, refused.answer.json()["token"].is_null()), (401, true));
    });
}

/// Request: `POST /oauth2/token` with `grant_type=password`, `username` and `password`, the client's id and secret by HTTP Basic, and the
/// phone's address and user agent in `X-Forwarded-For` and `X-Forwarded-User-Agent`
/// Answer: step 4
#[test]
fn mobile_step_03_the_backend_asks_the_token_endpoint_with_the_password_grant() {
    after_a_login(Lives::LONG, |_, _, login| {
        let asked = login.asked_once(TOKENS);
        assert_eq!(asked.method, "POST");
        assert_eq!(asked.field("grant_type").as_deref(), Some("password"));
        assert_eq!(asked.field("username").as_deref(), Some(LOGIN));
        assert_eq!(asked.field("password").as_deref(), Some(PASSWORD));
        assert_eq!(asked.basic(), [STORE.client, STORE.secret]);
        assert_eq!(asked.told(), [ALICE.address, ALICE.agent]);
        login.told("mobile", 3);
    });
}

/// Request: that of step 3
/// Answer: 200 with `access_token`, which is the JWT, and `refresh_token`; the journal has a `session.started`
#[test]
fn mobile_step_04_countersign_answers_200_with_a_jwt_and_a_refresh_token() {
    after_a_login(Lives::LONG, |stage, _, login| {
        let answer = &login.asked_once(TOKENS).answer;
        assert_eq!(answer.status, 200);
        assert!(!answer.refresh().is_empty());
        let jwt = claims(&answer.access());
        assert_eq!((&jwt["aud"], &jwt["email"]), (&json!(STORE.client), &json!(LOGIN)));
        let sid = sid(&answer.access());
        let session = stage.session(&sid);
        assert_eq!((&session["state"], &session["address"]), (&json!("open"), &json!(ALICE.address)));
        assert_eq!((&session["user_agent"], &session["client"]), (&json!(ALICE.agent), &json!(STORE.client)));
        stage.started(&sid);
        login.told("mobile", 4);
    });
}

/// Request: that of step 2
/// Answer: 200, JSON with `token` and `refreshToken`, which are those of step 4
#[test]
fn mobile_step_05_the_backend_gives_the_phone_both_tokens() {
    after_a_login(Lives::LONG, |_, phone, login| {
        let from = &login.asked_once(TOKENS).answer;
        assert_eq!(login.answer.json(), json!({"token": from.access(), "refreshToken": from.refresh()}));
        assert_eq!(phone.kept, Kept { jwt: from.access(), refresh: from.refresh() });
        assert_eq!(login.answer.header("cache-control"), Some("no-store"));
        login.told("mobile", 5);
    });
}

/// Request: `GET /api/cart` from the phone, the JWT in `Authorization: Bearer`, the refresh token in `X-Refresh-Token`
/// Answer: step 7; without any of them 401
#[test]
fn mobile_step_06_the_phone_asks_for_the_cart_with_both_tokens() {
    after_a_login(Lives::LONG, |stage, mut phone, _| {
        let visit = phone.cart();
        is_the_cart(&visit, &CART);
        visit.told("mobile", 6);
        assert_eq!(Phone::new(stage, ALICE).cart().answer.status, 401);
    });
}

/// Request: that of step 6; nothing is asked of Countersign, whose public keys the backend has from its start
/// Answer: 200, JSON with `items`: the cart of whom the JWT names
#[test]
fn mobile_step_07_the_backend_verifies_the_jwt_by_itself_and_answers_with_the_cart() {
    after_a_login(Lives::LONG, |_, mut phone, _| {
        is_the_cart(&phone.add("A compass"), &CART_WITH_MORE);
        let visit = phone.cart();
        assert_eq!(visit.answer.json(), json!({"items": CART_WITH_MORE}), "no token is replaced");
        assert_eq!(visit.paths(), [""; 0]);
        visit.told("mobile", 7);
        // The JWT alone says who asks, and its signature counts.
        phone.kept.refresh.clear();
        is_the_cart(&phone.cart(), &CART_WITH_MORE);
        let (head, signature) = phone.kept.jwt.rsplit_once('.').unwrap();
        let turned: String = signature.chars().rev().collect();
        phone.kept.jwt = format!("{head}.{turned}");
        assert_eq!(phone.cart().answer.status, 401);
    });
}

/// Request: `GET /api/cart` as in step 6, with a JWT that has expired
/// Answer: step 11
#[test]
fn mobile_step_08_the_phone_asks_for_the_cart_when_the_jwt_has_expired() {
    with_an_expired_jwt(|_, _, _, visit| {
        is_the_cart(visit, &CART);
        visit.told("mobile", 8);
    });
}

/// Request: `POST /api/jwt/refresh` with the backend's API key, JSON with `refreshToken`, `eventInfo.ipAddress` and `eventInfo.userAgent`
/// Answer: step 10
#[test]
fn mobile_step_09_the_backend_finds_the_jwt_expired_and_redeems_the_refresh_token() {
    with_an_expired_jwt(|_, before, _, visit| {
        assert_eq!(visit.paths(), [REFRESH]);
        redeems(visit.asked_once(REFRESH), &before.refresh, ALICE.address, ALICE.agent);
        visit.told("mobile", 9);
    });
}

/// Request: that of step 9
/// Answer: 200 with `token`, another JWT of the same session, and `refreshToken`: in the default mode the next one, as documented the
/// same; the journal has a `session.refreshed`
#[test]
fn mobile_step_10_countersign_finds_the_refresh_token_and_answers_with_a_new_jwt() {
    with_an_expired_jwt(|stage, before, _, visit| {
        let answer = &visit.asked_once(REFRESH).answer;
        assert_eq!(answer.status, 200);
        let (old, new) = (claims(&before.jwt), claims(&answer.text("token")));
        assert_eq!((&old["sid"], &old["sub"], &old["aud"]), (&new["sid"], &new["sub"], &new["aud"]));
        assert_ne!(old["jti"], new["jti"]);
        assert!(new["exp"].as_u64() > old["exp"].as_u64(), "{old} {new}");
        assert_eq!(answer.text("refreshToken") != before.refresh, stage.mode.replaces_refresh_tokens());
        stage.refreshed(&sid(&before.jwt), From::WhereTheLoginWas);
        visit.told("mobile", 10);
    });
}

/// Request: that of step 8
/// Answer: 200, JSON with `items` and `token`; in the default mode also `refreshToken`, which the phone keeps instead of the old one
#[test]
fn mobile_step_11_the_backend_answers_with_the_cart_and_the_new_jwt() {
    with_an_expired_jwt(|stage, before, mut phone, visit| {
        let from = &visit.asked_once(REFRESH).answer;
        let mut expected = json!({"items": CART, "token": from.text("token")});
        if stage.mode.replaces_refresh_tokens() {
            expected["refreshToken"] = json!(from.text("refreshToken"));
        }
        assert_eq!(visit.answer.json(), expected);
        visit.told("mobile", 11);
        assert_ne!(phone.kept.jwt, before.jwt);
        let next = phone.cart();
        is_the_cart(&next, &CART);
        assert_eq!(next.paths(), [""; 0], "the new JWT is good by itself");
    });
}

/// Request: `GET /api/cart` as in step 6, when the JWT and the refresh token have expired
/// Answer: step 15
#[test]
fn mobile_step_12_the_phone_asks_for_the_cart_when_the_refresh_token_has_expired() {
    with_a_dead_refresh_token(|_, _, visit| {
        assert_eq!(visit.answer.status, 401, "{:?}", visit.answer);
        visit.told("mobile", 12);
    });
}

/// Request: `POST /api/jwt/refresh` as in step 9, with the refresh token that has expired
/// Answer: step 14
#[test]
fn mobile_step_13_the_backend_finds_the_jwt_expired_and_shows_the_dead_refresh_token() {
    with_a_dead_refresh_token(|_, phone, visit| {
        assert_eq!(visit.paths(), [REFRESH]);
        redeems(visit.asked_once(REFRESH), &phone.kept.refresh, ALICE.address, ALICE.agent);
        visit.told("mobile", 13);
    });
}

/// Request: that of step 13
/// Answer: 404 without a body
#[test]
fn mobile_step_14_countersign_answers_404_to_a_refresh_token_that_has_expired() {
    with_a_dead_refresh_token(|_, _, visit| {
        let answer = &visit.asked_once(REFRESH).answer;
        assert_eq!((answer.status, answer.body.as_str()), (404, ""));
        visit.told("mobile", 14);
    });
}

/// Request: that of step 12
/// Answer: 401, JSON with `error` and `message`, and no token
#[test]
fn mobile_step_15_the_backend_answers_401_so_the_app_knows_that_nobody_is_logged_in() {
    with_a_dead_refresh_token(|_, _, visit| {
        assert_eq!(visit.answer.status, 401);
        let said = visit.answer.json();
        let names: Vec<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((names, &said["error"]), (vec!["error", "message"], &json!("logged_out")));
        visit.told("mobile", 15);
    });
}

/// Request: `POST /api/login` once more
/// Answer: as in steps 2 to 5, with another session
#[test]
fn mobile_step_16_the_owner_logs_in_again_as_before() {
    with_a_dead_refresh_token(|_, mut phone, _| {
        let before = sid(&phone.kept.jwt);
        let again = phone.log_in(LOGIN, PASSWORD);
        assert_eq!(again.answer.status, 200, "{:?}", again.answer);
        for number in 2..=5 {
            again.told("mobile", number);
        }
        assert_ne!(sid(&phone.kept.jwt), before);
        is_the_cart(&phone.cart(), &CART);
    });
}

/// Request: `GET /api/cart` from elsewhere, with the owner's refresh token and something that is no JWT
/// Answer: step 20
#[test]
fn mobile_step_17_a_thief_asks_for_the_cart_with_a_stolen_refresh_token() {
    with_stolen(the_refresh_token, |_, _, _, visit| {
        is_the_cart(visit, &CART_WITH_MORE);
        visit.told("mobile", 17);
    });
}

/// Request: `POST /api/jwt/refresh` as in step 9, which tells the thief's address and user agent
/// Answer: step 19
#[test]
fn mobile_step_18_the_backend_finds_the_jwt_invalid_and_redeems_the_stolen_refresh_token() {
    with_stolen(the_refresh_token, |_, owner, _, visit| {
        assert_eq!(visit.paths(), [REFRESH]);
        redeems(visit.asked_once(REFRESH), &owner.refresh, THIEF.address, THIEF.agent);
        visit.told("mobile", 18);
    });
}

/// Request: that of step 18
/// Answer: 200 with a JWT of the owner's session: nobody else has used this refresh token. The journal's `session.refreshed` has another
/// network and user agent than its `session.started`
#[test]
fn mobile_step_19_countersign_answers_the_thief_s_refresh_with_a_new_jwt() {
    with_stolen(the_refresh_token, |stage, owner, _, visit| {
        let answer = &visit.asked_once(REFRESH).answer;
        assert_eq!(answer.status, 200);
        assert_eq!(sid(&answer.text("token")), sid(&owner.jwt));
        assert_eq!(answer.text("refreshToken") != owner.refresh, stage.mode.replaces_refresh_tokens());
        stage.refreshed(&sid(&owner.jwt), From::Elsewhere);
        visit.told("mobile", 19);
    });
}

/// Request: that of step 17
/// Answer: 200, the owner's `items` and a `token` that the thief can use; in the default mode also the next `refreshToken`
#[test]
fn mobile_step_20_the_thief_is_shown_the_owner_s_cart_and_has_a_jwt_of_his_own() {
    with_stolen(the_refresh_token, |stage, owner, mut thief, visit| {
        is_the_cart(visit, &CART_WITH_MORE);
        assert_eq!(visit.answer.json()["refreshToken"].is_string(), stage.mode.replaces_refresh_tokens());
        visit.told("mobile", 20);
        assert!(thief.kept.jwt != owner.jwt && thief.kept.jwt != NO_JWT);
        let next = thief.cart();
        is_the_cart(&next, &CART_WITH_MORE);
        assert_eq!(next.paths(), [""; 0]);
    });
}

/// Request: `GET /api/cart` from elsewhere, with the owner's JWT and no refresh token
/// Answer: step 22. The backend cannot tell this request from the owner's and tells it as step 6
#[test]
fn mobile_step_21_a_thief_asks_for_the_cart_with_a_stolen_jwt() {
    with_stolen(the_jwt, |_, _, _, visit| {
        assert_eq!(visit.answer.status, 200, "{:?}", visit.answer);
        visit.told("mobile", 6);
    });
}

/// Request: that of step 21; nothing is asked of Countersign
/// Answer: 200, the owner's `items`. Told as step 7
#[test]
fn mobile_step_22_the_backend_verifies_the_stolen_jwt_and_answers_with_the_owner_s_cart() {
    with_stolen(the_jwt, |stage, owner, _, visit| {
        assert_eq!(visit.answer.json(), json!({"items": CART_WITH_MORE}));
        assert_eq!(visit.paths(), [""; 0]);
        visit.told("mobile", 7);
        let session = stage.session(&sid(&owner.jwt));
        assert_eq!(session["address"], ALICE.address, "Countersign has not heard of the thief");
    });
}
