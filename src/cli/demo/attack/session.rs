//! The play of the stolen session id of an app.

use super::play::{Act, Ask, DOCUMENTED, Expect, OPERATOR, OWNER, Play, STORE, Scene, Shows, Step, Store, THIEF};
use crate::domain::time::Span;
use Ask::{LogIn, Revoke, Session, ShowCookie};
use Expect::{Cart, Done, LoggedIn, State, TurnedAway};
use Step::{AppClock, Move};

/// The play.
pub const PLAY: Play = Play {
    title: "A stolen session id of the app",
    given: "The store keeps sessions of its own, found by a cookie; they end after 30 minutes without a request. It is played \
            in this process, its clock as well; Countersign is asked over HTTP. The thief has a copy of the cookie. Every \
            line is checked against the answer before it is printed.",
    access_ttl: None,
    holds: Span::minutes(4),
    acts: &[AS_DOCUMENTED, BY_DEFAULT, SOMEBODY_ACTS],
};

const DOCUMENTED_STORE: Ask = ShowCookie(Store::Documented);
const ASKING_STORE: Ask = ShowCookie(Store::Asking);

const AS_DOCUMENTED: Act = Act {
    title: "As the documents draw it: the app believes its cookie",
    given: "Steps 40-42 of the web app with sessions. Profile fusionauth, rotation \"never\".",
    scenes: &[Scene {
        title: "",
        client: DOCUMENTED,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in; the app has a session"),
            Move(&OWNER, DOCUMENTED_STORE, Cart(0), "her cart"),
            Move(&THIEF, DOCUMENTED_STORE, Cart(0), "her cart; nobody was asked"),
            AppClock(29, "29 minutes later"),
            Move(&THIEF, DOCUMENTED_STORE, Cart(0), "step 41: each request extends it"),
            AppClock(29, "29 minutes later"),
            Move(&THIEF, DOCUMENTED_STORE, Cart(0), "58 minutes after the owner left"),
            Move(&OPERATOR, Session, State("open", &OWNER), "open, last used by the owner"),
        ],
        events: &["session.started"],
        says: &[
            (
                Shows::NothingNoticed,
                "Not noticed: Countersign was never shown the id. The thief keeps it alive by using it.",
            ),
            (Shows::OnlyItsStart, "No event is written of it: the record has the login, and nothing more."),
        ],
    }],
};

const BY_DEFAULT: Act = Act {
    title: "Under Countersign's defaults, where the app keeps the sid and asks at each request",
    given: "Client store. Before it shows a page the app asks GET /admin/sessions/SID with its API key.",
    scenes: &[Scene {
        title: "",
        client: STORE,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in; the app has a session"),
            Move(&OWNER, ASKING_STORE, Cart(1), "asked once: open. Her cart"),
            Move(&THIEF, ASKING_STORE, Cart(1), "asked once: open. Her cart"),
            Move(&OPERATOR, Session, State("open", &OWNER), "open, last used by the owner"),
        ],
        events: &["session.started"],
        says: &[
            (
                Shows::NothingNoticed,
                "Not noticed: the answer says whether the session is open, not who holds the cookie.",
            ),
            (Shows::OnlyItsStart, "No event is written of it: what only looks is not recorded."),
        ],
    }],
};

const SOMEBODY_ACTS: Act = Act {
    title: "After somebody acts",
    given: "The owner has lost her laptop and calls; an operator revokes the session. Both apps have it.",
    scenes: &[Scene {
        title: "",
        client: STORE,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in; both apps have it"),
            Move(&THIEF, ASKING_STORE, Cart(1), "in, at the app that asks"),
            Move(&THIEF, DOCUMENTED_STORE, Cart(0), "in, at the documented app"),
            Move(&OPERATOR, Revoke, Done, "revokes the session"),
            Move(&THIEF, ASKING_STORE, TurnedAway(1), "out at his next request"),
            Move(&THIEF, DOCUMENTED_STORE, Cart(0), "still in: it asks nobody"),
            AppClock(30, "30 minutes later, without a request"),
            Move(&THIEF, DOCUMENTED_STORE, TurnedAway(0), "out: its own session ended"),
        ],
        events: &["session.started", "session.revoked reason=admin"],
        says: &[(
            Shows::Ended("admin"),
            "Ended at the next request where the app asks; where it does not, when its own session ends.",
        )],
    }],
};
