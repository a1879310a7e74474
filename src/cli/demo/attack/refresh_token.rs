//! The play of the stolen refresh token.

use super::play::{
    Act, Ask, BACKEND, BRIEF, COPIER, DOCUMENTED, Expect, NEIGHBOUR, OPERATOR, OWNER, PHONE, Play, STORE, Scene, Shows,
    Step, THIEF,
};
use crate::domain::time::Span;
use Ask::{EndOwn, Introspect, LogIn, OwnSessions, Redeem, RedeemJwt, Session};
use Expect::{Active, Done, Inactive, Listed, LoggedIn, Refused, State, Token};
use Step::{Move, WindowPasses};

/// The play.
pub const PLAY: Play = Play {
    title: "A stolen refresh token",
    given: "The thief has a copy of refresh token 0, and shows it to the store as the owner's app does. The store's backend is \
            played by this program: it asks Countersign over HTTP, and tells it who stands before it. Every line is checked \
            against the answer before it is printed.",
    access_ttl: None,
    // The retry window of the defaults is 30 seconds.
    holds: Span::seconds(25),
    acts: &[AS_DOCUMENTED, BY_DEFAULT, SOMEBODY_ACTS],
};

const AS_DOCUMENTED: Act = Act {
    title: "As the documents draw it: the refresh token is never replaced",
    given: "Steps 17-20 of the mobile app, 35-39 of the web app with sessions, 30-33 of the native web app. Profile \
            fusionauth, rotation \"never\".",
    scenes: &[Scene {
        title: "",
        client: DOCUMENTED,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in: token 0"),
            Move(&THIEF, RedeemJwt(0), Token(0), "token 0 again, and a new JWT"),
            Move(&OWNER, RedeemJwt(0), Token(0), "the same: nobody is in the way"),
            Move(&THIEF, RedeemJwt(0), Token(0), "token 0 once more"),
            Move(&BACKEND, Introspect(&OWNER), Active, "active: the owner's JWT"),
            Move(&BACKEND, Introspect(&THIEF), Active, "active: the thief's as well"),
            Move(&OPERATOR, Session, State("open", &THIEF), "open, last used by the thief"),
        ],
        events: &[
            "session.started",
            "session.refreshed generation=0 presented=0",
            "session.refreshed generation=0 presented=0",
            "session.refreshed generation=0 presented=0",
        ],
        says: &[
            (Shows::NothingNoticed, "Not noticed. A token that is never replaced cannot be seen to be used twice."),
            (
                Shows::TwoParties,
                "But the record has it: two networks (net) and two user agents (ua) take turns at one session.",
            ),
        ],
    }],
};

const BY_DEFAULT: Act = Act {
    title: "Under Countersign's defaults: each refresh replaces the token",
    given: "One theft, four ways it can go. Client store sets nothing: rotation \"always\", retry_window 30 s, late_retry \
            \"revoke\".",
    scenes: &[OTHER_AGENT, TOO_LATE, LOST_ANSWER, OTHER_NETWORK],
};

const OTHER_AGENT: Scene = Scene {
    title: "(a) The thief has another user agent, and comes first",
    client: STORE,
    steps: &[
        Move(&OWNER, LogIn, LoggedIn, "logs in: token 0"),
        Move(&THIEF, Redeem(0), Token(1), "token 1: a first use looks right"),
        Move(&BACKEND, Introspect(&THIEF), Active, "active: the thief is in"),
        Move(&OWNER, Redeem(0), Refused, "spent, with another agent"),
        Move(&BACKEND, Introspect(&THIEF), Inactive, "inactive: the thief is out"),
        Move(&BACKEND, Introspect(&OWNER), Inactive, "inactive: the owner as well"),
        Move(&THIEF, Redeem(1), Refused, "token 1 is dead as well"),
    ],
    events: &[
        "session.started",
        "session.refreshed generation=1 presented=0",
        "session.reuse_detected class=foreign_retry current=1 presented=0",
        "session.revoked reason=reuse",
        "session.refresh_refused class=closed presented=1",
    ],
    says: &[(Shows::Noticed, "Noticed at the second use. The session is dead, and with it the tokens of both.")],
};

const TOO_LATE: Scene = Scene {
    title: "(b) The same network and agent, outside the retry window (client store-1s: retry_window 1 s)",
    client: BRIEF,
    steps: &[
        Move(&OWNER, LogIn, LoggedIn, "logs in: token 0"),
        Move(&NEIGHBOUR, Redeem(0), Token(1), "token 1"),
        WindowPasses("the retry window of 1 s is over, by the clock"),
        Move(&OWNER, Redeem(0), Refused, "too late for a lost answer"),
        Move(&BACKEND, Introspect(&NEIGHBOUR), Inactive, "inactive: the thief is out"),
    ],
    events: &[
        "session.started",
        "session.refreshed generation=1 presented=0",
        "session.reuse_detected class=late_retry current=1 presented=0",
        "session.revoked reason=reuse",
    ],
    says: &[
        (Shows::Noticed, "Noticed at the second use, outside the window."),
        (Shows::OneParty, "The record shows one network and one user agent: only the time told the two apart."),
    ],
};

const LOST_ANSWER: Scene = Scene {
    title: "(c) The same network and agent, inside the retry window",
    client: STORE,
    steps: &[
        Move(&OWNER, LogIn, LoggedIn, "logs in: token 0"),
        Move(&OWNER, Redeem(0), Token(1), "token 1"),
        Move(&NEIGHBOUR, Redeem(0), Token(1), "the same, as after a lost answer"),
        Move(&OWNER, Redeem(1), Token(2), "token 2"),
        Move(&NEIGHBOUR, Redeem(1), Token(2), "the same"),
        Move(&OWNER, Redeem(2), Token(3), "token 3"),
        Move(&NEIGHBOUR, Redeem(2), Token(3), "the same; lockstep is recorded"),
        Move(&OPERATOR, Session, State("open", &NEIGHBOUR), "still open; both have token 3"),
    ],
    events: &[
        "session.started",
        "session.refreshed generation=1 presented=0",
        "session.refresh_retried generation=1 lockstep=false moved=false",
        "session.refreshed generation=2 presented=1",
        "session.refresh_retried generation=2 lockstep=false moved=false",
        "session.refreshed generation=3 presented=2",
        "session.refresh_retried generation=3 lockstep=true moved=false",
    ],
    says: &[
        (Shows::NothingNoticed, "Not noticed. It looks like an app that loses answers."),
        (Shows::OneParty, "The record shows one network and one user agent throughout."),
        (Shows::Lockstep, "Retries in three generations running set lockstep=true: a reason to look."),
    ],
};

const OTHER_NETWORK: Scene = Scene {
    title: "(d) The same agent, from another network",
    client: STORE,
    steps: &[
        Move(&OWNER, LogIn, LoggedIn, "logs in: token 0"),
        Move(&OWNER, Redeem(0), Token(1), "token 1"),
        Move(&COPIER, Redeem(0), Token(1), "the same: Wi-Fi to mobile?"),
        Move(&OWNER, Redeem(1), Token(2), "token 2"),
        Move(&COPIER, Redeem(1), Refused, "moved again within 8 generations"),
        Move(&BACKEND, Introspect(&OWNER), Inactive, "inactive: the session is dead"),
    ],
    events: &[
        "session.started",
        "session.refreshed generation=1 presented=0",
        "session.refresh_retried generation=1 lockstep=false moved=true",
        "session.refreshed generation=2 presented=1",
        "session.reuse_detected class=foreign_retry current=2 presented=1",
        "session.revoked reason=reuse",
    ],
    says: &[(Shows::Noticed, "Noticed at the second move. The first was answered, and marked moved=true.")],
};

const SOMEBODY_ACTS: Act = Act {
    title: "After somebody acts",
    given: "The defaults again. The owner does not come back to this session, so nobody uses a token twice.",
    scenes: &[Scene {
        title: "",
        client: STORE,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in: token 0"),
            Move(&THIEF, Redeem(0), Token(1), "token 1"),
            Move(&OPERATOR, Session, State("open", &THIEF), "not noticed: nobody came second"),
            Move(&PHONE, LogIn, LoggedIn, "the owner, with another device"),
            Move(&PHONE, OwnSessions, Listed(&THIEF), "sees 198.51.100.7 with curl/8.5"),
            Move(&BACKEND, Introspect(&THIEF), Active, "active: the thief is still in"),
            Move(&PHONE, EndOwn, Done, "ends that session"),
            Move(&BACKEND, Introspect(&THIEF), Inactive, "inactive: the thief is out"),
            Move(&THIEF, Redeem(1), Refused, "and stays out"),
        ],
        events: &[
            "session.started",
            "session.refreshed generation=1 presented=0",
            "session.revoked reason=person",
            "session.refresh_refused class=closed presented=1",
        ],
        says: &[(
            Shows::Ended("person"),
            "Ended by a person who looked. The thief's tokens were dead at once; he learns it when he next shows one.",
        )],
    }],
};
