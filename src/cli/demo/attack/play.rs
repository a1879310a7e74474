//! What a play is made of: acts of scenes, scenes of moves, and to each move what must come of it. All of it is data; what is
//! claimed is checked by the stage and by the record before it is printed.

use crate::domain::time::Span;

/// The client of the documents' apps: a profile whose refresh token may stay the same for ever.
pub const DOCUMENTED: &str = "570e0000-0000-4000-8000-000000000001";
/// A client that sets nothing itself, but for how long access tokens live where a play says so.
pub const STORE: &str = "store";
/// The same with a retry window of a second.
pub const BRIEF: &str = "store-1s";
/// The retry window of that client.
pub const BRIEF_WINDOW: Span = Span::seconds(1);

/// Somebody who asks: what is printed of him, and what the app's backend tells of him.
#[derive(Debug)]
pub struct Person {
    /// One word.
    pub name: &'static str,
    /// His address; a dash where nobody tells one.
    pub address: &'static str,
    /// His user agent; a dash where nobody tells one.
    pub agent: &'static str,
}

/// Whose account it is.
pub const OWNER: Person = Person { name: "owner", address: "203.0.113.9", agent: "Store/1.0" };
/// The same person with another device.
pub const PHONE: Person = Person { name: "phone", address: "192.0.2.44", agent: "Phone/2.0" };
/// From elsewhere, with another program.
pub const THIEF: Person = Person { name: "thief", address: "198.51.100.7", agent: "curl/8.5" };
/// From elsewhere, with the owner's user agent.
pub const COPIER: Person = Person { name: "thief", address: "198.51.100.7", agent: "Store/1.0" };
/// From the owner's network, with the owner's user agent.
pub const NEIGHBOUR: Person = Person { name: "thief", address: "203.0.113.42", agent: "Store/1.0" };
/// The app's backend for itself.
pub const BACKEND: Person = Person { name: "store", address: "-", agent: "-" };
/// Who holds an API key.
pub const OPERATOR: Person = Person { name: "ops", address: "-", agent: "-" };

/// One of the apps that are played in this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Store {
    /// It believes its own cookie for as long as its own session lasts.
    Documented,
    /// It also asks Countersign, at each request, whether the session behind it is open.
    Asking,
}

/// What somebody does.
#[derive(Debug)]
pub enum Ask {
    /// Logs in, and gets an access token and refresh token number 0. The scene is about the first session that is so begun.
    LogIn,
    /// Redeems the refresh token of a number at the OAuth door.
    Redeem(u32),
    /// The same at FusionAuth's door, as the documents have it.
    RedeemJwt(u32),
    /// Asks whether the access token that somebody holds is active.
    Introspect(&'static Person),
    /// Asks whose the access token is that he holds.
    UserInfo,
    /// Looks at the session.
    Session,
    /// Looks at all of the account's own sessions.
    OwnSessions,
    /// Ends the session from another one of the same account.
    EndOwn,
    /// Revokes the session by administration.
    Revoke,
    /// Logs out with the refresh token of a number.
    LogOut(u32),
    /// Shows his access token to the app that verifies it by itself.
    ShowToken,
    /// Shows the app's session cookie to an app.
    ShowCookie(Store),
}

/// What must come of it.
#[derive(Debug)]
pub enum Expect {
    /// An access token and a refresh token.
    LoggedIn,
    /// An access token of this session and refresh token number `n`: where it was given before, the very same; else one that was never given.
    Token(u32),
    /// 400 `invalid_grant`.
    Refused,
    /// Introspection says active.
    Active,
    /// Introspection says inactive, and nothing else.
    Inactive,
    /// 401 `invalid_token`.
    Unauthorized,
    /// The session's state, and the address it was last used from.
    State(&'static str, &'static Person),
    /// It is on the list of the account's sessions, as last used by this person.
    Listed(&'static Person),
    /// 200 or 204.
    Done,
    /// The app shows the owner's cart, having asked Countersign so many times.
    Cart(u64),
    /// The app turns him away, having asked Countersign so many times.
    TurnedAway(u64),
    /// The app turns him away because the token is past its end, having asked nobody.
    Expired,
}

/// A line of the story.
#[derive(Debug)]
pub enum Step {
    /// Somebody asks for something.
    Move(&'static Person, Ask, Expect, &'static str),
    /// Somebody comes by the access token of somebody else.
    Takes(&'static Person, &'static Person, &'static str),
    /// The retry window of [`BRIEF`] passes.
    WindowPasses(&'static str),
    /// The end of the access token that somebody holds passes.
    TokenEnds(&'static Person, &'static str),
    /// Minutes pass by the clock of the played apps.
    AppClock(u32, &'static str),
}

/// What the record of a session must show for a sentence to be printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shows {
    /// Nothing was noticed: no reuse detected, and the session was ended by nobody.
    NothingNoticed,
    /// The reuse was noticed, and the session was ended for it.
    Noticed,
    /// The session was ended for this reason.
    Ended(&'static str),
    /// Two pairs of network and user agent used it.
    TwoParties,
    /// All of it came from one network with one user agent.
    OneParty,
    /// The last entry says `lockstep`.
    Lockstep,
    /// There is nothing after its start.
    OnlyItsStart,
}

/// A part of an act, with a session of its own.
#[derive(Debug)]
pub struct Scene {
    /// What it is about; empty where the act has no other.
    pub title: &'static str,
    /// Where the owner logs in.
    pub client: &'static str,
    /// What happens.
    pub steps: &'static [Step],
    /// The session's events, all of them: type, and fields as the printed line has them.
    pub events: &'static [&'static str],
    /// What is said at the end, and what the record must show for it.
    pub says: &'static [(Shows, &'static str)],
}

/// An act.
#[derive(Debug)]
pub struct Act {
    /// Its heading.
    pub title: &'static str,
    /// What is set up.
    pub given: &'static str,
    /// What is played.
    pub scenes: &'static [Scene],
}

/// All that is played for one attack.
#[derive(Debug)]
pub struct Play {
    /// Its heading.
    pub title: &'static str,
    /// Who plays what.
    pub given: &'static str,
    /// How long access tokens live, where not as usual.
    pub access_ttl: Option<Span>,
    /// How long what a scene claims can be relied on: a scene that fails after that is played again, since it was the machine that was slow.
    pub holds: Span,
    /// The three acts.
    pub acts: &'static [Act],
}
