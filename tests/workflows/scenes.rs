//! The scenes of the two workflows in a browser: in each the person at the browser, or a thief, comes to the step that is looked at.

use crate::stage::{FORUMS, Lives, STORE, Site, Stage, in_both_modes, sid, wait_until_expired};
use crate::visit::Visit;
use crate::visitor::{ALICE, THIEF, Visitor};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub const REFRESH: &str = "/api/jwt/refresh";
/// The cookie of the refresh token.
pub const REFRESH_COOKIE: &str = "refresh_token";
/// What the owner has in the cart, besides what everybody finds there.
pub const OWN_ITEM: &str = "A compass";

/// One of the two workflows in a browser.
pub struct Workflow {
    pub app: &'static str,
    /// What the app's own cookie is called, beside the refresh token's.
    pub cookie: &'static str,
    /// Where it logs people in, and what the answer there calls the tokens.
    pub login: &'static str,
    pub tokens: [&'static str; 2],
    /// Lives with which the app's own cookie is worth nothing soon, while the refresh token is good.
    brief: Lives,
    /// The same where the refresh token is dead soon as well.
    briefest: Lives,
}

pub const SESSIONS: Workflow = Workflow {
    app: "webapp_sessions",
    cookie: "session",
    login: "/oauth2/token",
    tokens: ["access_token", "refresh_token"],
    brief: Lives { session: "1s", ..Lives::LONG },
    briefest: Lives { session: "1s", refresh: "2s", ..Lives::LONG },
};

pub const NATIVE: Workflow = Workflow {
    app: "webapp_native",
    cookie: "jwt",
    login: "/api/login",
    tokens: ["token", "refreshToken"],
    brief: Lives { access: "1s", ..Lives::LONG },
    briefest: Lives { access: "1s", refresh: "1s", ..Lives::LONG },
};

/// What a login gave.
pub struct Before {
    /// The JWT that the app was given.
    pub jwt: String,
    /// The app's own cookie.
    pub own: String,
    /// The refresh token's cookie.
    pub refresh: String,
}

impl Workflow {
    fn before(&self, visitor: &Visitor<'_>, site: &Site, login: &Visit<'_>) -> Before {
        let jwt = login.asked_once(self.login).answer.text(self.tokens[0]);
        let [own, refresh] = [self.cookie, REFRESH_COOKIE].map(|name| visitor.cookie(site, name));
        Before { jwt, own, refresh }
    }

    /// Somebody comes who is not logged in at a site. Whoever comes to the forums has logged in to the store.
    pub fn at_first(&self, site: &Site, play: impl Fn(&Stage, &Visitor<'_>) + Sync) {
        in_both_modes(|mode| {
            let stage = Stage::new(self.app, mode, Lives::LONG);
            let visitor = Visitor::new(&stage, ALICE);
            if site.name == FORUMS.name {
                visitor.log_in(&STORE).redirects_to(STORE.page);
            }
            play(&stage, &visitor);
        });
    }

    /// The person has just logged in.
    pub fn after_a_login(&self, site: &Site, play: impl Fn(&Stage, &Visitor<'_>, &Visit<'_>) + Sync) {
        self.at_first(site, |stage, visitor| {
            let login = visitor.log_in(site);
            login.redirects_to(site.page);
            play(stage, visitor, &login);
        });
    }

    /// The person asks for the page with what the login gave.
    pub fn at_the_page(&self, site: &Site, play: impl Fn(&Stage, &Visitor<'_>, &Before, &Visit<'_>) + Sync) {
        self.after_a_login(site, |stage, visitor, login| {
            let before = self.before(visitor, site, login);
            let visit = visitor.get(site, site.page);
            play(stage, visitor, &before, &visit);
        });
    }

    /// The person asks for the cart when the app's own cookie is worth nothing any more.
    pub fn after_it_has_expired(&self, play: impl Fn(&Stage, &Visitor<'_>, &Before, &Visit<'_>) + Sync) {
        in_both_modes(|mode| self.expired(&Stage::new(self.app, mode, self.brief), &play));
    }

    /// The same, when the refresh token has expired as well.
    pub fn after_both_have_expired(&self, play: impl Fn(&Stage, &Visitor<'_>, &Before, &Visit<'_>) + Sync) {
        in_both_modes(|mode| self.expired(&Stage::new(self.app, mode, self.briefest), &play));
    }

    fn expired(&self, stage: &Stage, play: impl Fn(&Stage, &Visitor<'_>, &Before, &Visit<'_>)) {
        let visitor = Visitor::new(stage, ALICE);
        let login = visitor.log_in(&STORE);
        login.redirects_to(STORE.page);
        let (before, begun) = (self.before(&visitor, &STORE, &login), Instant::now());
        stage.lengthen_lives(&STORE);
        if self.cookie == SESSIONS.cookie {
            // The app's own clock counts from before its answer.
            sleep_until(begun + Duration::from_secs(1));
        } else {
            wait_until_expired(&before.jwt);
        }
        if stage.lives.refresh == self.briefest.refresh {
            stage.wait_until_over(&sid(&before.jwt));
        }
        let visit = visitor.get(&STORE, STORE.page);
        play(stage, &visitor, &before, &visit);
    }

    /// Somebody elsewhere asks for the owner's cart with the owner's refresh token, and something that the app never gave.
    pub fn with_a_stolen_refresh_token(&self, play: impl Fn(&Stage, &Visitor<'_>, &Before, &Visit<'_>) + Sync) {
        self.robbed(|stage, thief, before| {
            thief.plant(&STORE, self.cookie, "made-up");
            thief.plant(&STORE, REFRESH_COOKIE, &before.refresh);
            let visit = thief.get(&STORE, STORE.page);
            play(stage, thief, before, &visit);
        });
    }

    /// Somebody elsewhere asks for the owner's cart with a copy of the app's own cookie, and nothing else.
    pub fn with_a_stolen_cookie(&self, play: impl Fn(&Stage, &Visitor<'_>, &Before, &Visit<'_>) + Sync) {
        self.robbed(|stage, thief, before| {
            thief.plant(&STORE, self.cookie, &before.own);
            let visit = thief.get(&STORE, STORE.page);
            play(stage, thief, before, &visit);
        });
    }

    fn robbed(&self, play: impl Fn(&Stage, &Visitor<'_>, &Before) + Sync) {
        self.after_a_login(&STORE, |stage, owner, login| {
            assert_eq!(owner.post(&STORE, STORE.page, &[(STORE.field, OWN_ITEM)]).answer.status, 303);
            play(stage, &Visitor::new(stage, THIEF), &self.before(owner, &STORE, login));
        });
    }
}

/// A session of the app's own is used in the middle of its life, by its owner or by a thief, and again when it would have ended without
/// that: the two visits. Where the machine stood still for so long that it may have ended, that tells nothing and is done again with one
/// that lives twice as long.
pub fn a_session_that_is_used(site: &Site, by_a_thief: bool, play: impl Fn(&Stage, [&Visit<'_>; 2]) + Sync) {
    in_both_modes(|mode| {
        for session in ["3s", "6s", "12s", "24s", "48s", "96s"] {
            let life = Duration::from_secs(session.trim_end_matches('s').parse().unwrap());
            let stage = Stage::new(SESSIONS.app, mode, Lives { session, ..Lives::LONG });
            let (owner, user) = (Visitor::new(&stage, ALICE), Visitor::new(&stage, THIEF));
            let user = if by_a_thief { &user } else { &owner };
            let login = owner.log_in(site);
            let begun = Instant::now();
            login.redirects_to(site.page);
            // The app begins its session behind this answer, and before its own.
            let earliest = login.asked_once(SESSIONS.login).answered;
            user.plant(site, SESSIONS.cookie, &owner.cookie(site, SESSIONS.cookie));
            sleep_until(begun + life / 2);
            let before_the_first = Instant::now();
            let first = user.get(site, site.page);
            let in_time = earliest.elapsed() < life;
            sleep_until(begun + life);
            let second = user.get(site, site.page);
            if in_time && before_the_first.elapsed() < life {
                play(&stage, [&first, &second]);
                return;
            }
        }
        panic!("the machine stands still again and again");
    });
}

fn sleep_until(end: Instant) {
    sleep(end.saturating_duration_since(Instant::now()));
}
