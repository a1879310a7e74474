//! The rules of a session: what each refresh token is answered, and what that does.

use super::clock::Reading;
use super::refusals::{Refusals, is_doubling};
use super::{Answer, CLOCK, ClientRules, Model, Outcome, Person, Token};

/// What a request is refused for even while the clock is not believed: no clock has a say in it.
const TIMELESS: [&str; 4] = ["superseded", "foreign_retry", "ahead_of_journal", "client_mismatch"];

/// The access token of the newest generation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Access {
    /// The ask whose answer showed it; `None` where nobody has seen it.
    pub name: Option<u32>,
    /// The earliest and latest that its `exp` may be.
    pub expires_at: (i64, i64),
}

impl Access {
    /// A new one: it lives up to a twentieth shorter than is set, and never longer than its session.
    pub fn issued(rules: &ClientRules, wall: i64, absolute_end: i64) -> Self {
        let latest = wall + rules.access_ttl;
        let earliest = latest - rules.access_ttl / 20;
        Self { name: None, expires_at: (earliest.min(absolute_end), latest.min(absolute_end)) }
    }
}

/// What matters of a session while it may be open.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Open {
    pub absolute_end: i64,
    pub idle_end: i64,
    pub born_at: i64,
    /// Whose redemption made the current generation, while that is unused.
    pub parent: Option<u32>,
    pub redeemed_by: Person,
    pub access: Access,
    pub reissued: bool,
    pub moved_at: Option<u32>,
    /// Retries of the current generation that are entries, and all.
    pub retries: (u64, u64),
    /// The instant of its last entry.
    pub at: i64,
    /// Its time has been over, by a clock that was set back since: the sweeper may have come by.
    pub may_be_expired: bool,
}

impl Open {
    pub fn started(rules: &ClientRules, at: i64, absolute_end: i64, person: Person, access: Access) -> Self {
        Self {
            absolute_end,
            idle_end: at + rules.idle_ttl,
            born_at: at,
            parent: None,
            redeemed_by: person,
            access,
            reissued: false,
            moved_at: None,
            retries: (0, 0),
            at,
            may_be_expired: false,
        }
    }

    pub fn ends_at(&self) -> i64 {
        self.idle_end.min(self.absolute_end)
    }

    pub fn forget(&mut self) {
        self.retries.1 = self.retries.0;
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Session {
    pub account: u8,
    pub client: u8,
    /// What the wall clock showed at the login.
    pub started: i64,
    pub generation: u32,
    pub refusals: Refusals,
    /// `None`: it is over.
    pub open: Option<Open>,
    /// It is over, but its own entry may be missing.
    pub may_be_listed: bool,
}

impl Session {
    pub fn new(account: u8, client: u8, started: i64, open: Open) -> Self {
        let refusals = Refusals::default();
        Self { account, client, started, generation: 0, refusals, open: Some(open), may_be_listed: false }
    }

    /// Its own entry has ended it. What it was refused no longer matters: its entries move no instant that anything starts from.
    pub fn end(&mut self) {
        (self.open, self.may_be_listed, self.refusals) = (None, false, Refusals::default());
    }

    pub fn is_maybe_expired(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.may_be_expired)
    }

    /// The instant of a decision about it.
    fn instant(&self, closing: i64) -> i64 {
        self.open.as_ref().map_or(closing, |open| open.at.max(closing))
    }

    /// What may be known of it: whether it is open can be in doubt.
    fn views(&self, instant: i64) -> Vec<Option<Open>> {
        match &self.open {
            None => vec![None],
            Some(open) if instant >= open.ends_at() => vec![None],
            Some(open) if open.may_be_expired => {
                vec![Some(Open { may_be_expired: false, ..open.clone() }), None]
            }
            Some(open) => vec![Some(open.clone())],
        }
    }
}

/// How the parent of the current generation is taken.
enum Parent {
    Retried,
    Moved,
    Reissued,
    Refused(&'static str),
}

impl Model {
    pub(super) fn refresh(self, client: u8, token: Token, person: Person, now: Reading) -> Vec<Outcome> {
        let session = &self.sessions[&token.session];
        let instant = session.instant(now.closing);
        let mut outcomes = Vec::new();
        for view in session.views(instant) {
            let mut model = self.clone();
            let denied = |model: Self, code| model.refuse(code, token, person, instant, now.believed);
            if client != session.client {
                outcomes.push(denied(model, "client_mismatch"));
            } else if token.generation > session.generation {
                outcomes.push(denied(model, "ahead_of_journal"));
            } else if let Err(code) = self.is_allowed(session) {
                outcomes.push(denied(model, code));
            } else if let Some(open) = view {
                model.session(token).open = Some(open);
                outcomes.extend(model.redeem(token, person, instant, now));
            } else {
                if !session.is_maybe_expired() || instant < session.open.as_ref().map_or(0, Open::ends_at) {
                    // Seen as over by its own entry, and so for good. Where only its time is over, a clock set back may show more.
                    model.session(token).open = None;
                }
                outcomes.push(denied(model, "closed"));
            }
        }
        outcomes
    }

    fn session(&mut self, token: Token) -> &mut Session {
        self.sessions.get_mut(&token.session).expect("a token of a session that was started")
    }

    /// The current generation, its parent, or an older one, in an open session that may be refreshed.
    fn redeem(self, token: Token, person: Person, instant: i64, now: Reading) -> Vec<Outcome> {
        let session = &self.sessions[&token.session];
        let Some(open) = session.open.clone() else { return Vec::new() };
        if token.generation == session.generation {
            return vec![self.rotate(token, person, instant, now, false)];
        }
        if Some(token.generation) != open.parent {
            return vec![self.refuse("superseded", token, person, instant, now.believed)];
        }
        match self.parent(&open, session, person, instant) {
            Parent::Refused(code) => vec![self.refuse(code, token, person, instant, now.believed)],
            Parent::Reissued => vec![self.rotate(token, person, instant, now, true)],
            Parent::Retried => self.retry(token, instant, now, false),
            Parent::Moved => self.retry(token, instant, now, true),
        }
    }

    fn parent(&self, open: &Open, session: &Session, person: Person, instant: i64) -> Parent {
        if person.agent != open.redeemed_by.agent {
            return Parent::Refused("foreign_retry");
        }
        let rules = &self.clients[usize::from(session.client)].rules;
        let age = instant - open.born_at;
        let waited = if age < 0 { age } else { (age - self.unavailable(open.born_at, instant)).max(0) };
        if (0..rules.retry_window).contains(&waited) {
            let has_moved_lately = open.moved_at.is_some_and(|at| session.generation - at <= 8);
            return match (person.network == open.redeemed_by.network, has_moved_lately) {
                (true, _) => Parent::Retried,
                (false, false) => Parent::Moved,
                (false, true) => Parent::Refused("foreign_retry"),
            };
        }
        if rules.reissues && !open.reissued { Parent::Reissued } else { Parent::Refused("late_retry") }
    }

    fn rotate(mut self, token: Token, person: Person, instant: i64, now: Reading, reissued: bool) -> Outcome {
        if !now.believed {
            return (CLOCK, self);
        }
        let rules = self.clients[usize::from(self.sessions[&token.session].client)].rules.clone();
        let session = self.session(token);
        let Some(open) = &mut session.open else { return (CLOCK, self) };
        open.access = Access::issued(&rules, now.wall, open.absolute_end);
        (open.idle_end, open.at, open.reissued) = (instant + rules.idle_ttl, instant, reissued);
        if rules.rotates || reissued {
            session.generation += 1;
            (open.parent, open.born_at, open.redeemed_by) = (Some(token.generation), instant, person);
            open.retries = (0, 0);
        } else {
            open.parent = None;
        }
        let answer =
            Answer::Issued { generation: session.generation, access: None, expires_at: open.access.expires_at };
        self.record(instant);
        (answer, self)
    }

    /// The same token again, with the same access token while that lives.
    fn retry(self, token: Token, instant: i64, now: Reading, moved: bool) -> Vec<Outcome> {
        if !now.believed {
            return vec![(CLOCK, self)];
        }
        let session = &self.sessions[&token.session];
        let rules = self.clients[usize::from(session.client)].rules.clone();
        let Some(open) = session.open.clone() else { return Vec::new() };
        let (earliest, latest) = open.access.expires_at;
        let mut ways = Vec::new();
        if now.wall < latest {
            ways.push((false, Access { expires_at: (earliest.max(now.wall + 1), latest), ..open.access.clone() }));
        }
        if now.wall >= earliest {
            ways.push((true, Access::issued(&rules, now.wall, open.absolute_end)));
        }
        let answered = ways.into_iter().map(|(ran_out, access)| {
            let mut model = self.clone();
            let mut open = Open { access, ..open.clone() };
            open.retries.1 += 1;
            let n = open.retries.1;
            let recorded = n <= 8 || is_doubling(n) || moved || ran_out;
            if recorded {
                (open.retries.0, open.at) = (n, instant);
                model.record(instant);
            }
            let session = model.session(token);
            if moved {
                open.moved_at = Some(session.generation);
            }
            let (generation, access, expires_at) = (session.generation, open.access.name, open.access.expires_at);
            session.open = Some(open);
            (Answer::Issued { generation, access, expires_at }, model)
        });
        answered.collect()
    }

    /// Refuses, records it where it is news, and ends the session where the refusal says so.
    fn refuse(mut self, code: &'static str, token: Token, person: Person, instant: i64, believed: bool) -> Outcome {
        if !believed && !TIMELESS.contains(&code) {
            return (CLOCK, self);
        }
        let session = self.session(token);
        match code {
            "late_retry" | "foreign_retry" | "superseded" | "ahead_of_journal" => {
                session.end();
                self.record(instant);
            }
            _ => self.count(code, token, person, instant),
        }
        (Answer::Denied(code), self)
    }

    fn count(&mut self, code: &'static str, token: Token, person: Person, instant: i64) {
        let session = self.session(token);
        if session.open.is_some()
            && session.refusals.count(code, Some(token.generation), person)
            && let Some(open) = &mut session.open
        {
            open.at = instant;
            self.record(instant);
        }
    }

    pub(super) fn revoke(mut self, client: u8, token: Token, person: Person, now: Reading) -> Vec<Outcome> {
        let session = &self.sessions[&token.session];
        if session.client != client {
            let instant = session.instant(now.closing);
            self.count("client_mismatch", token, person, instant);
            return vec![(Answer::Denied("client_mismatch"), self)];
        }
        self.session(token).end();
        vec![(Answer::Done, self)]
    }

    pub(super) fn end(mut self, session: u32) -> Vec<Outcome> {
        self.sessions.get_mut(&session).into_iter().for_each(Session::end);
        vec![(Answer::Done, self)]
    }

    /// A look at a refresh token by a client: active only where it is the current one and would be redeemed.
    pub(super) fn show(self, client: u8, token: Token, person: Person, now: Reading) -> Vec<Outcome> {
        if !now.believed {
            return vec![(CLOCK, self)];
        }
        let session = &self.sessions[&token.session];
        if client != session.client {
            return vec![(Answer::Active(false), self)];
        }
        let instant = session.instant(now.closing);
        if token.generation < session.generation {
            let mut model = self.clone();
            model.count("superseded", token, person, instant);
            return vec![(Answer::Active(false), model)];
        }
        let allowed = self.is_allowed(session).is_ok();
        let views = session.views(instant).into_iter();
        views.map(|view| (Answer::Active(allowed && view.is_some()), self.clone())).collect()
    }

    pub(super) fn inspect(self, access: u32, now: Reading) -> Vec<Outcome> {
        if !now.believed {
            return vec![(CLOCK, self)];
        }
        let (id, expires_at) = self.accesses[&access];
        let session = &self.sessions[&id];
        let allowed = now.wall < expires_at && self.is_allowed(session).is_ok();
        let views = session.views(now.wall).into_iter();
        views.map(|view| (Answer::Active(allowed && view.is_some()), self.clone())).collect()
    }
}
