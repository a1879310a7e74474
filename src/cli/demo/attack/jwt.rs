//! The play of the stolen access token, which is a JWT.

use super::play::{Act, Ask, BACKEND, DOCUMENTED, Expect, OPERATOR, OWNER, Play, STORE, Scene, Shows, Step, THIEF};
use crate::domain::time::Span;
use Ask::{Introspect, LogIn, LogOut, Redeem, Session, ShowToken, UserInfo};
use Expect::{Active, Cart, Done, Expired, Inactive, LoggedIn, State, Token, Unauthorized};
use Step::{Move, Takes, TokenEnds};

/// The play.
pub const PLAY: Play = Play {
    title: "A stolen JWT (the access token)",
    given: "The store is played by this program: it fetched Countersign's public keys once, and verifies each JWT by itself \
            (signature, typ, iss, aud, exp). Countersign is asked over HTTP. JWTs live 5 s here, to see the end of them; the \
            default is 5 minutes. Every line is checked against the answer before it is printed.",
    access_ttl: Some(Span::seconds(5)),
    // A token lives a twentieth shorter, and its end is a whole second.
    holds: Span(3500),
    acts: &[AS_DOCUMENTED, BY_DEFAULT, SOMEBODY_ACTS],
};

const TAKES: Step = Takes(&THIEF, &OWNER, "takes a copy of the owner's JWT");

const AS_DOCUMENTED: Act = Act {
    title: "As the documents draw it: the app verifies the JWT, and believes it",
    given: "Steps 21-22 of the mobile app, 34-35 of the native web app. Profile fusionauth, rotation \"never\".",
    scenes: &[Scene {
        title: "",
        client: DOCUMENTED,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in"),
            TAKES,
            Move(&OWNER, ShowToken, Cart(0), "her cart"),
            Move(&THIEF, ShowToken, Cart(0), "her cart: a JWT names no holder"),
            Move(&OPERATOR, Session, State("open", &OWNER), "open, last used by the owner"),
            TokenEnds(&THIEF, "the JWT's end (exp) is over"),
            Move(&THIEF, ShowToken, Expired, "refused: it is past its end"),
        ],
        events: &["session.started"],
        says: &[
            (Shows::NothingNoticed, "Not noticed: the app asked Countersign nothing, so there was nothing to notice."),
            (Shows::OnlyItsStart, "No event is written of it: the record has the login, and nothing more."),
        ],
    }],
};

const BY_DEFAULT: Act = Act {
    title: "Under Countersign's defaults: rotation does not reach a JWT",
    given: "Client store: rotation \"always\". The app still verifies by itself.",
    scenes: &[Scene {
        title: "",
        client: STORE,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in"),
            TAKES,
            Move(&OWNER, Redeem(0), Token(1), "refreshes: token 1 and a new JWT"),
            Move(&THIEF, ShowToken, Cart(0), "the old JWT still opens her cart"),
            Move(&BACKEND, Introspect(&THIEF), Active, "active: its session is open"),
            TokenEnds(&THIEF, "the stolen JWT's end (exp) is over"),
            Move(&THIEF, ShowToken, Expired, "until its own end, and no longer"),
            Move(&BACKEND, Introspect(&THIEF), Inactive, "inactive: the same"),
        ],
        events: &["session.started", "session.refreshed generation=1 presented=0"],
        says: &[
            (Shows::NothingNoticed, "Not noticed. What bounds the theft is access_ttl alone."),
            (Shows::OneParty, "The record has the owner's network and user agent, and never the thief's."),
        ],
    }],
};

const SOMEBODY_ACTS: Act = Act {
    title: "After somebody acts",
    given: "The owner logs out, which ends the session.",
    scenes: &[Scene {
        title: "",
        client: STORE,
        steps: &[
            Move(&OWNER, LogIn, LoggedIn, "logs in"),
            TAKES,
            Move(&THIEF, UserInfo, Done, "good, where Countersign is asked"),
            Move(&OWNER, LogOut(0), Done, "logs out"),
            Move(&BACKEND, Introspect(&THIEF), Inactive, "inactive at once"),
            Move(&THIEF, UserInfo, Unauthorized, "at this door as well"),
            Move(&THIEF, ShowToken, Cart(0), "her cart: this app asks nobody"),
            TokenEnds(&THIEF, "the stolen JWT's end (exp) is over"),
            Move(&THIEF, ShowToken, Expired, "only now"),
        ],
        events: &["session.started", "session.revoked reason=revoked"],
        says: &[(
            Shows::Ended("revoked"),
            "Ended at once where Countersign is asked (introspection, userinfo), at exp where it is not.",
        )],
    }],
};
