//! What is asserted of steps that two workflows, or the store and the forums, have in common. Each takes the number that the app tells.

use crate::scenes::{Before, OWN_ITEM, REFRESH, REFRESH_COOKIE, SESSIONS, Workflow};
use crate::spy::Exchange;
use crate::stage::{FORUMS, From, LOGIN, Mode, PASSWORD, STORE, Site, Stage, sid};
use crate::support::claims;
use crate::visit::Visit;
use crate::visitor::{ALICE, Person, THIEF, Visitor};

/// What everybody finds in the cart.
const ITEM: &str = "A good lamp";

impl Workflow {
    // --- Before a login -----------------------------------------------------------------------------------------------------------------

    pub fn the_home_page_is_asked_for(&self, site: &Site, number: usize) {
        self.at_first(site, |_, visitor| {
            assert!(visitor.cookies(site).is_empty(), "nothing of another host is sent here");
            let visit = visitor.get(site, "/");
            assert_eq!((visit.answer.status, visit.paths()), (200, vec![]));
            visit.told(site.name, number);
            let page = visitor.get(site, site.page);
            page.redirects_to("/login");
            assert_eq!(page.paths(), [""; 0]);
        });
    }

    pub fn the_home_page_has_a_link_to_the_login(&self, site: &Site, number: usize) {
        self.at_first(site, |_, visitor| {
            let visit = visitor.get(site, "/");
            visit.shows(&["<!DOCTYPE html>", r#"href="/login""#]);
            assert!(!visit.answer.body.contains(LOGIN), "nobody is logged in");
            assert_eq!(visit.set_cookies().len(), 0);
            visit.told(site.name, number);
        });
    }

    pub fn the_login_page_is_asked_for(&self, site: &Site, number: usize) {
        self.at_first(site, |_, visitor| {
            let visit = visitor.get(site, "/login");
            assert_eq!((visit.answer.status, visit.paths()), (200, vec![]));
            visit.told(site.name, number);
        });
    }

    pub fn the_login_page_has_a_form(&self, site: &Site, number: usize) {
        self.at_first(site, |_, visitor| {
            let visit = visitor.get(site, "/login");
            visit.shows(&[r#"<form method="post" action="/login">"#, r#"name="login""#, r#"name="password""#]);
            assert_eq!(visit.set_cookies().len(), 0);
            visit.told(site.name, number);
        });
    }

    // --- A login ------------------------------------------------------------------------------------------------------------------------

    pub fn login_and_password_are_posted(&self, site: &Site, number: usize) {
        self.after_a_login(site, |stage, _, login| {
            login.told(site.name, number);
            let stranger = Visitor::new(stage, ALICE);
            let refused = stranger.post(site, "/login", &[("login", LOGIN), ("password", "another password")]);
            assert_eq!(refused.answer.status, 401);
            assert!(refused.answer.body.contains(r#"<form method="post" action="/login">"#), "{:?}", refused.answer);
            assert!(stranger.cookies(site).is_empty());
        });
    }

    /// The app asks Countersign to log somebody in, and for nothing else.
    pub fn the_login_goes_to_countersign(&self, site: &Site, number: usize) {
        self.after_a_login(site, |_, _, login| {
            assert_eq!(login.paths(), [self.login]);
            let asked = login.asked_once(self.login);
            assert_eq!(asked.method, "POST");
            if self.login == SESSIONS.login {
                assert_eq!(asked.basic(), [site.client, site.secret]);
                let fields = [("grant_type", "password"), ("username", LOGIN), ("password", PASSWORD)];
                fields.iter().for_each(|(name, value)| assert_eq!(asked.field(name).as_deref(), Some(*value)));
            } else {
                assert_eq!(asked.header("Authorization").as_deref(), Some(site.key));
                let fields = [("loginId", LOGIN), ("password", PASSWORD), ("applicationId", site.client)];
                fields.iter().for_each(|(name, value)| assert_eq!(asked.json()[name], *value));
            }
            assert_eq!(asked.told(), [ALICE.address, ALICE.agent]);
            login.told(site.name, number);
        });
    }

    pub fn the_login_is_good(&self, site: &Site, number: usize) {
        self.after_a_login(site, |stage, _, login| {
            let answer = &login.asked_once(self.login).answer;
            assert_eq!(answer.status, 200);
            let [jwt, refresh] = self.tokens.map(|name| answer.text(name));
            assert!(!refresh.is_empty());
            if self.login != SESSIONS.login {
                assert_eq!(answer.json()["user"]["email"], LOGIN);
            }
            let said = claims(&jwt);
            assert_eq!((said["aud"].as_str(), said["email"].as_str()), (Some(site.client), Some(LOGIN)));
            let session = stage.session(&sid(&jwt));
            let shown = ["state", "client", "address", "user_agent"].map(|name| session[name].as_str().unwrap());
            assert_eq!(shown, ["open", site.client, ALICE.address, ALICE.agent]);
            stage.started(&sid(&jwt));
            login.told(site.name, number);
        });
    }

    pub fn the_browser_is_sent_to_the_page_with_both_cookies(&self, site: &Site, number: usize) {
        self.after_a_login(site, |_, visitor, login| {
            login.redirects_to(site.page);
            let own = login.sets(self.cookie);
            let answer = &login.asked_once(self.login).answer;
            let [jwt, refresh] = self.tokens.map(|name| answer.text(name));
            assert_eq!(login.sets(REFRESH_COOKIE), refresh);
            // The id of a session says nothing of the person, the JWT everything.
            assert_eq!(own == jwt, self.cookie == "jwt", "{own}");
            let cookies: Vec<String> = visitor.cookies(site).into_keys().collect();
            let mut expected = [self.cookie, REFRESH_COOKIE];
            expected.sort_unstable();
            assert_eq!(cookies, expected);
            login.told(site.name, number);
        });
    }

    // --- The page -----------------------------------------------------------------------------------------------------------------------

    pub fn the_page_is_asked_for(&self, site: &Site, number: usize) {
        self.at_the_page(site, |stage, _, before, visit| {
            assert_eq!(visit.answer.status, 200, "{:?}", visit.answer);
            visit.told(site.name, number);
            // What another login at the same site gave is another's, and none of it is good at the other site.
            let again = Visitor::new(stage, ALICE).log_in(site).sets(self.cookie);
            assert_ne!(again, before.own);
            let other = if site.name == STORE.name { &FORUMS } else { &STORE };
            let stranger = Visitor::new(stage, ALICE);
            stranger.plant(other, self.cookie, &before.own);
            stranger.get(other, other.page).redirects_to("/login");
            stranger.plant(other, self.cookie, &before.own);
            stranger.plant(other, REFRESH_COOKIE, &before.refresh);
            stranger.get(other, other.page).redirects_to("/login");
        });
    }

    pub fn the_page_is_shown(&self, site: &Site, number: usize) {
        self.at_the_page(site, |stage, visitor, before, visit| {
            visit.shows(&[site.shows, LOGIN]);
            assert_eq!(visit.set_cookies().len(), 0);
            self.nobody_is_asked_but_for_the_session(stage, before, visit);
            visit.told(site.name, number);
            let added = visitor.post(site, site.page, &[(site.field, OWN_ITEM)]);
            assert_eq!((added.answer.status, added.answer.header("location")), (303, Some(site.page)));
            visitor.get(site, site.page).shows(&[OWN_ITEM]);
        });
    }

    /// With a JWT, Countersign is not asked. Nor is it with a session as documented; in the default mode, whether it is still open.
    fn nobody_is_asked_but_for_the_session(&self, stage: &Stage, before: &Before, visit: &Visit<'_>) {
        if self.cookie == SESSIONS.cookie && stage.mode == Mode::Default {
            assert_eq!(visit.paths(), [format!("/admin/sessions/{}", sid(&before.jwt))]);
        } else {
            assert_eq!(visit.paths(), [""; 0]);
        }
    }

    // --- When the app's own cookie has expired ------------------------------------------------------------------------------------------

    pub fn the_cart_is_asked_for_too_late(&self, number: usize) {
        self.after_it_has_expired(|_, _, _, visit| {
            visit.shows(&[STORE.shows, ITEM]);
            visit.told(STORE.name, number);
        });
    }

    pub fn the_refresh_token_is_redeemed(&self, number: usize) {
        self.after_it_has_expired(|_, _, before, visit| {
            assert_eq!(visit.paths(), [REFRESH]);
            redeems(visit.asked_once(REFRESH), &before.refresh, ALICE);
            visit.told(STORE.name, number);
        });
    }

    pub fn the_refresh_is_good(&self, number: usize) {
        self.after_it_has_expired(|stage, _, before, visit| {
            is_renewed(stage, before, visit);
            stage.refreshed(&sid(&before.jwt), From::WhereTheLoginWas);
            visit.told(STORE.name, number);
        });
    }

    /// The page, and the app's own cookie anew; the refresh token's where that was replaced.
    pub fn the_cart_is_shown_with_a_new_cookie(&self, number: usize) {
        self.after_it_has_expired(|stage, visitor, before, visit| {
            visit.shows(&[STORE.shows, LOGIN, ITEM]);
            let own = visit.sets(self.cookie);
            assert_ne!(own, before.own);
            let answer = &visit.asked_once(REFRESH).answer;
            assert_eq!(own == answer.text("token"), self.cookie == "jwt");
            if stage.mode.replaces_refresh_tokens() {
                assert_eq!(visit.sets(REFRESH_COOKIE), answer.text("refreshToken"));
            } else {
                visit.leaves(REFRESH_COOKIE);
            }
            assert_eq!(visitor.cookie(&STORE, self.cookie), own);
            visit.told(STORE.name, number);
        });
    }

    // --- When the refresh token has expired as well -------------------------------------------------------------------------------------

    pub fn the_cart_is_asked_for_far_too_late(&self, number: usize) {
        self.after_both_have_expired(|_, _, _, visit| {
            assert_eq!(visit.answer.status, 302, "{:?}", visit.answer);
            visit.told(STORE.name, number);
        });
    }

    pub fn the_dead_refresh_token_is_shown(&self, number: usize) {
        self.after_both_have_expired(|_, _, before, visit| {
            assert_eq!(visit.paths(), [REFRESH]);
            redeems(visit.asked_once(REFRESH), &before.refresh, ALICE);
            visit.told(STORE.name, number);
        });
    }

    pub fn the_refresh_is_answered_404(&self, number: usize) {
        self.after_both_have_expired(|_, _, _, visit| {
            let answer = &visit.asked_once(REFRESH).answer;
            assert_eq!((answer.status, answer.body.as_str()), (404, ""));
            visit.told(STORE.name, number);
        });
    }

    pub fn the_browser_is_sent_to_the_login_page(&self, number: usize) {
        self.after_both_have_expired(|_, visitor, _, visit| {
            visit.redirects_to("/login");
            visit.takes(self.cookie);
            visit.takes(REFRESH_COOKIE);
            visit.told(STORE.name, number);
            visitor.get(&STORE, "/login").shows(&["Your login has ended", r#"action="/login""#]);
        });
    }

    pub fn the_person_logs_in_again(&self, number: usize, as_in: [usize; 2]) {
        self.after_both_have_expired(|_, visitor, before, _| {
            let again = visitor.log_in(&STORE);
            again.redirects_to(STORE.page);
            again.told(STORE.name, number);
            (as_in[0]..=as_in[1]).for_each(|number| again.told(STORE.name, number));
            assert_ne!(sid(&again.asked_once(self.login).answer.text(self.tokens[0])), sid(&before.jwt));
            assert_ne!(again.sets(self.cookie), before.own);
        });
    }

    // --- A stolen refresh token ---------------------------------------------------------------------------------------------------------

    pub fn a_thief_asks_with_a_refresh_token(&self, number: usize) {
        self.with_a_stolen_refresh_token(|_, _, _, visit| {
            assert_eq!(visit.answer.status, 200, "{:?}", visit.answer);
            visit.told(STORE.name, number);
        });
    }

    pub fn the_stolen_refresh_token_is_redeemed(&self, number: usize) {
        self.with_a_stolen_refresh_token(|_, _, before, visit| {
            assert_eq!(visit.paths(), [REFRESH]);
            redeems(visit.asked_once(REFRESH), &before.refresh, THIEF);
            visit.told(STORE.name, number);
        });
    }

    pub fn the_thief_s_refresh_is_good(&self, number: usize) {
        self.with_a_stolen_refresh_token(|stage, _, before, visit| {
            is_renewed(stage, before, visit);
            let session = stage.session(&sid(&before.jwt));
            assert_eq!(session["address"], THIEF.address);
            stage.refreshed(&sid(&before.jwt), From::Elsewhere);
            visit.told(STORE.name, number);
        });
    }

    /// The owner's page, and a cookie with which the thief goes on.
    pub fn the_thief_is_shown_the_cart(&self, number: usize) {
        self.with_a_stolen_refresh_token(|stage, thief, before, visit| {
            visit.shows(&[STORE.shows, LOGIN, OWN_ITEM]);
            let own = visit.sets(self.cookie);
            assert!(own != before.own && own != "made-up");
            visit.told(STORE.name, number);
            let next = thief.get(&STORE, STORE.page);
            next.shows(&[OWN_ITEM]);
            self.nobody_is_asked_but_for_the_session(stage, before, &next);
        });
    }

    // --- A stolen cookie of the app's own -----------------------------------------------------------------------------------------------

    /// The app tells the steps of an owner's visit, as `told`: it cannot tell the two apart.
    pub fn a_thief_asks_with_the_app_s_own_cookie(&self, told: usize) {
        self.with_a_stolen_cookie(|_, thief, _, visit| {
            assert_eq!(visit.answer.status, 200, "{:?}", visit.answer);
            visit.told(STORE.name, told);
            let cookies: Vec<String> = thief.cookies(&STORE).into_keys().collect();
            assert_eq!(cookies, [self.cookie], "nothing else was stolen, and nothing else is needed");
        });
    }

    /// Told as in [`Self::a_thief_asks_with_the_app_s_own_cookie`].
    pub fn the_thief_is_shown_the_cart_for_the_cookie(&self, told: usize) {
        self.with_a_stolen_cookie(|stage, _, before, visit| {
            visit.shows(&[STORE.shows, LOGIN, OWN_ITEM]);
            assert_eq!(visit.set_cookies().len(), 0);
            self.nobody_is_asked_but_for_the_session(stage, before, visit);
            visit.told(STORE.name, told);
            let session = stage.session(&sid(&before.jwt));
            assert_eq!(session["address"], ALICE.address, "Countersign has not heard of the thief");
        });
    }
}

/// The app shows a refresh token, authenticates by its API key, and tells who asks.
fn redeems(exchange: &Exchange, refresh: &str, person: Person) {
    assert_eq!(exchange.method, "POST");
    assert_eq!(exchange.header("Authorization").as_deref(), Some(STORE.key));
    assert_eq!(exchange.json()["refreshToken"], refresh);
    assert_eq!(exchange.told(), [person.address, person.agent]);
}

/// Countersign gives another JWT of the same session, and the next refresh token where each is good once.
fn is_renewed(stage: &Stage, before: &Before, visit: &Visit<'_>) {
    let answer = &visit.asked_once(REFRESH).answer;
    assert_eq!(answer.status, 200);
    let (old, new) = (claims(&before.jwt), claims(&answer.text("token")));
    assert_eq!((&old["sid"], &old["sub"], &old["aud"]), (&new["sid"], &new["sub"], &new["aud"]));
    assert_ne!(old["jti"], new["jti"]);
    assert_eq!(answer.text("refreshToken") != before.refresh, stage.mode.replaces_refresh_tokens());
}
