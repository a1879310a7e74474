//! What the engine must answer, written from the design and not from the engine: nothing here may name anything of it, which a rule
//! of `tests/tidy.rs` sees to.
//!
//! A [`Model`] is everything that matters at one moment. Some of what the engine does cannot be seen from outside (whether a request
//! that was never answered was carried out, in which order requests at the same time were), so [`Worlds`] holds every model that
//! agrees with all answers so far. When none is left, the engine has answered what it must not.
//!
//! Time is in whole seconds, and so must be whatever a trial does to a clock. Accounts, clients, passwords, networks and user agents
//! are small numbers; a session has the number of the ask that started it, and an access token that of the ask whose answer first
//! showed it.
#![allow(dead_code, unused_imports, reason = "each trial uses its part of it")]

mod account;
mod clock;
mod refusals;
mod session;
mod worlds;

pub use clock::Moment;
pub use worlds::{Call, TOO_MUCH, Worlds};

use clock::{BEHIND, Clock, Reading};
use refusals::Refusals;
use session::{Open, Session};
use std::collections::{BTreeMap, BTreeSet};

/// Where somebody is and with what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Person {
    pub network: u8,
    pub agent: u8,
}

/// A refresh token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token {
    pub session: u32,
    pub generation: u32,
}

/// The settings of a client, spans in seconds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClientRules {
    /// Whether a refresh replaces the refresh token.
    pub rotates: bool,
    pub access_ttl: i64,
    pub idle_ttl: i64,
    pub absolute_ttl: i64,
    pub retry_window: i64,
    /// Whether a late retry burns the unused token and gets another, instead of ending the session.
    pub reissues: bool,
    pub max_sessions: usize,
}

/// What somebody asks.
#[derive(Clone, Debug)]
pub enum Ask {
    Login {
        client: u8,
        account: u8,
        password: u8,
        person: Person,
    },
    Refresh {
        client: u8,
        token: Token,
        person: Person,
    },
    /// By one of its refresh tokens.
    Revoke {
        client: u8,
        token: Token,
        person: Person,
    },
    /// Administration ends a session.
    End {
        session: u32,
    },
    /// A client introspects a refresh token.
    Show {
        client: u8,
        token: Token,
        person: Person,
    },
    /// Whether an access token is active.
    Inspect {
        access: u32,
    },
    Gate {
        account: u8,
        change: GateChange,
    },
    Client {
        client: u8,
        change: ClientChange,
    },
    Brakes(BrakesChange),
}

/// What administration does to an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GateChange {
    SetPassword(u8),
    Disable,
    Enable,
    RevokeSessions,
    Register(u8),
    Withdraw(u8),
    /// Whether the password that there is only serves to set another.
    MustChange(bool),
    Erase,
}

/// What administration does to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientChange {
    Disable,
    Enable,
    Brake,
}

/// What administration does to everybody at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrakesChange {
    /// Ends every session.
    RevokeAll,
    RefuseLogins,
    AllowLogins,
}

/// What was answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    Issued {
        generation: u32,
        /// The ask whose answer was the first to arrive with this `jti`; `None` where this one was.
        access: Option<u32>,
        /// The `exp`.
        expires_at: i64,
    },
    /// By its stable code.
    Denied(String),
    /// A denial at a door that does not tell which.
    Refused,
    /// By its stable code.
    Unavailable(String),
    /// A revocation or a brake that was taken.
    Done,
    /// A change of an account or client; `false` where there is none.
    Changed(bool),
    /// What a look at a token said.
    Active(bool),
}

/// What is to be answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Issued {
        generation: u32,
        access: Option<u32>,
        /// The earliest and the latest that the `exp` may be.
        expires_at: (i64, i64),
    },
    Denied(&'static str),
    Unavailable(&'static str),
    Done,
    Changed(bool),
    Active(bool),
}

impl Answer {
    /// Whether the answer of the ask `number` may be this. Access tokens get their names from the first answer that arrives, which
    /// need not be the first that was made: one that nobody has seen may have any name that is not taken.
    fn admits(&self, number: u32, seen: &Seen, taken: &BTreeMap<u32, (u32, i64)>) -> bool {
        match (self, seen) {
            (
                Self::Issued { generation, access, expires_at: (earliest, latest) },
                Seen::Issued { generation: seen, access: shown, expires_at },
            ) => {
                let shown = shown.unwrap_or(number);
                let is_it = access.map_or(!taken.contains_key(&shown), |access| access == shown);
                generation == seen && is_it && (earliest..=latest).contains(&expires_at)
            }
            (Self::Denied(code), Seen::Denied(seen)) | (Self::Unavailable(code), Seen::Unavailable(seen)) => {
                code == seen
            }
            (Self::Denied(_), Seen::Refused) | (Self::Done, Seen::Done) => true,
            (Self::Changed(changed), Seen::Changed(seen)) => changed == seen,
            (Self::Active(active), Seen::Active(seen)) => active == seen,
            _ => false,
        }
    }
}

/// One way in which an ask may have come out.
type Outcome = (Answer, Model);

const CLOCK: Answer = Answer::Unavailable("clock");

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Standing {
    Enabled,
    Disabled,
    Erased,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Account {
    password: u8,
    must_change: bool,
    standing: Standing,
    registered: BTreeSet<u8>,
    refusals: Refusals,
    /// The instants of the last entry about its logins and of the last about its gate.
    at: i64,
    gate_at: i64,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Client {
    rules: ClientRules,
    enabled: bool,
    /// The instant of the last entry.
    at: i64,
}

/// Whether anybody may log in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Doors {
    Open,
    /// They were shut while whoever asks now was under way: where he had passed them already, he is refused behind the look at his
    /// password, and that is recorded.
    JustShut,
    /// Nobody comes in, and nothing is recorded of whoever tries.
    Shut,
}

/// See the module.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Model {
    accounts: Vec<Account>,
    clients: Vec<Client>,
    doors: Doors,
    /// The instant of the last entry about what was done to everybody at once.
    doors_at: i64,
    sessions: BTreeMap<u32, Session>,
    /// Every access token that was shown: its session and its `exp`.
    accesses: BTreeMap<u32, (u32, i64)>,
    clock: Clock,
    /// Spans in which nothing could be asked.
    outages: Vec<(i64, i64)>,
    /// The last entry before the start that is not ready yet.
    down_since: Option<i64>,
    /// No entry of the journal that must be there is younger.
    recorded: i64,
    /// The newest instant by which anything can have been recorded.
    visited: i64,
}

impl Model {
    fn new(clients: Vec<ClientRules>, accounts: u8, at: Moment) -> Self {
        let registered: BTreeSet<u8> = (0..).take(clients.len()).collect();
        let account = |password| Account {
            password,
            must_change: false,
            standing: Standing::Enabled,
            registered: registered.clone(),
            refusals: Refusals::default(),
            at: at.wall,
            gate_at: at.wall,
        };
        Self {
            accounts: (0..accounts).map(account).collect(),
            clients: clients.into_iter().map(|rules| Client { rules, enabled: true, at: at.wall }).collect(),
            doors: Doors::Open,
            doors_at: i64::MIN,
            sessions: BTreeMap::new(),
            accesses: BTreeMap::new(),
            clock: Clock::started(at, at.wall),
            outages: Vec::new(),
            down_since: None,
            recorded: at.wall,
            visited: at.wall,
        }
    }

    /// Looks at the clock, as everybody does before anything else.
    fn visit(&mut self, at: Moment) -> Reading {
        let reading = self.clock.read(at);
        self.visited = self.visited.max(reading.closing);
        for open in self.sessions.values_mut().filter_map(|session| session.open.as_mut()) {
            open.may_be_expired |= reading.closing >= open.ends_at();
        }
        reading
    }

    /// Notes that there is an entry of this instant.
    fn record(&mut self, at: i64) -> i64 {
        self.recorded = self.recorded.max(at);
        self.visited = self.visited.max(at);
        at
    }

    /// How an ask may come out.
    fn outcomes(mut self, number: u32, ask: &Ask, at: Moment) -> Vec<Outcome> {
        let now = self.visit(at);
        match *ask {
            Ask::Login { client, account, password, person } => {
                self.login(number, client, account, password, person, now)
            }
            Ask::Refresh { client, token, person } => self.refresh(client, token, person, now),
            Ask::Revoke { client, token, person } => self.revoke(client, token, person, now),
            Ask::End { session } => self.end(session),
            Ask::Show { client, token, person } => self.show(client, token, person, now),
            Ask::Inspect { access } => self.inspect(access, now),
            Ask::Gate { account, change } => self.change_gate(account, change, now),
            Ask::Client { client, change } => self.change_client(client, change, now),
            Ask::Brakes(change) => self.brake(change, now),
        }
    }

    /// Notes what an answer showed that could not be known before.
    fn learn(&mut self, number: u32, ask: &Ask, seen: &Seen) {
        let Seen::Issued { expires_at, access, .. } = *seen else { return };
        let id = match ask {
            Ask::Refresh { token, .. } => token.session,
            _ => number,
        };
        let name = access.unwrap_or(number);
        if let Some(open) = self.sessions.get_mut(&id).and_then(|session| session.open.as_mut()) {
            (open.access.name, open.access.expires_at) = (Some(name), (expires_at, expires_at));
        }
        self.accesses.insert(name, (id, expires_at));
    }

    fn is_allowed(&self, session: &Session) -> Result<(), &'static str> {
        let account = &self.accounts[usize::from(session.account)];
        if account.standing != Standing::Enabled {
            return Err("account");
        }
        if !self.clients[usize::from(session.client)].enabled {
            return Err("client");
        }
        if account.registered.contains(&session.client) { Ok(()) } else { Err("grant") }
    }

    /// Ends sessions from outside their own streams; their own entries follow when they can.
    fn close(&mut self, closes: impl Fn(&Session) -> bool) {
        for session in self.sessions.values_mut().filter(|session| closes(session)) {
            let may_be_listed = session.may_be_listed || session.open.is_some();
            session.end();
            session.may_be_listed = may_be_listed;
        }
    }

    /// Whoever asks from here on comes behind everything that was done.
    fn settled(mut self) -> Self {
        if self.doors == Doors::JustShut {
            self.doors = Doors::Shut;
        }
        self
    }

    /// The process has ended, in whatever way.
    fn ended(mut self) -> Self {
        for session in self.sessions.values_mut() {
            session.refusals.forget();
            session.open.as_mut().into_iter().for_each(Open::forget);
        }
        self.accounts.iter_mut().for_each(|account| account.refusals.forget());
        self
    }

    /// A start was recorded; `last` is the last instant that the journal had before it. `None` where that cannot be: it may lie
    /// before another by as much as a clock may go back and be believed, and by any time where an operator believed it.
    fn started(mut self, at: Moment, accepts_clock: bool, last: i64) -> Option<Self> {
        let earliest = if self.clock.was_accepted() { i64::MIN } else { self.recorded - BEHIND };
        if !(earliest..=self.visited).contains(&last) {
            return None;
        }
        self.clock = self.clock.again(at, accepts_clock, last);
        let now = self.visit(at);
        self.down_since = self.down_since.or(Some(last.min(now.closing)));
        self.record(last);
        Some(self)
    }

    /// It was recorded, at `recorded`, that requests are answered.
    fn ready(mut self, at: Moment, recorded: i64) -> Option<Self> {
        let now = self.visit(at);
        let down = self.down_since.take()?;
        if recorded < now.closing {
            return None;
        }
        self.outages.push((down, recorded));
        self.record(recorded);
        Some(self)
    }

    /// How long nothing could be asked between two instants.
    fn unavailable(&self, from: i64, to: i64) -> i64 {
        let passed = self.outages.iter().filter(|(_, up)| *up <= to);
        passed.map(|(down, up)| (up - from.max(*down)).max(0)).sum()
    }
}
