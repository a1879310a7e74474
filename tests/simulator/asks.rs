//! From the numbers of the model to the real thing and back: sessions, tokens, and what is answered.

use crate::base::{Base, PASSWORDS, asker, client_name, hash_of, login_id, password};
use crate::life::{ACCOUNTS, By, Password, Shown, Which, Wish};
use crate::machine::{Running, client_id, operator};
use crate::model::{Ask, BrakesChange, Call, ClientChange, GateChange, Person, Seen, Token};
use countersign::actors::{Issued, LoginAsk, NewPassword, NotDone, RefreshAsk, Refused, Unavailable};
use countersign::crypto::UnverifiedRefreshToken;
use countersign::domain::brakes::BrakesCommand;
use countersign::domain::client::ClientCommand;
use countersign::domain::gate::{GateCommand, PasswordHow};
use countersign::domain::ids::{AccountId, SessionId, TokenId, Version};
use countersign::domain::session::RevokeReason;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;
use zeroize::Zeroizing;

/// An account that nobody has.
const NOBODY: u8 = 200;

/// What was really answered.
pub enum Answered {
    Issued(Box<Issued>),
    Other(Seen),
    /// Whoever asked has given up, or the engine has died.
    Nothing {
        given_up: bool,
    },
}

impl From<Refused> for Answered {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(denial) => Self::Other(Seen::Denied(denial.code().to_owned())),
            Refused::Unavailable(Unavailable::Stopping) => Self::Nothing { given_up: false },
            Refused::Unavailable(why) => Self::Other(Seen::Unavailable(why.code().to_owned())),
        }
    }
}

impl From<Result<Issued, Refused>> for Answered {
    fn from(answer: Result<Issued, Refused>) -> Self {
        answer.map_or_else(Self::from, |issued| Self::Issued(Box::new(issued)))
    }
}

fn other(answer: Result<Seen, Refused>) -> Answered {
    answer.map_or_else(Answered::from, Answered::Other)
}

/// A session of which somebody has tokens.
pub struct Session {
    pub id: SessionId,
    pub client: u8,
    /// Every refresh token that was issued, by generation.
    pub tokens: BTreeMap<u32, String>,
    /// Who got the newest.
    pub person: Person,
}

/// What those who ask know.
pub struct Known {
    accounts: Vec<AccountId>,
    /// By the number of the login.
    pub sessions: BTreeMap<u32, Session>,
    /// Access tokens by their names in the model.
    pub accesses: BTreeMap<u32, String>,
    names: HashMap<TokenId, u32>,
    passwords: [u8; ACCOUNTS as usize],
    /// The next password that nobody ever had. Whoever logs in while his password is replaced is refused, also where the new one is
    /// the old one: so that this needs no word in the model, no password is set twice.
    unused: Cell<u8>,
    /// The `jti` of every access token that was issued, and the session and generation of every refresh token.
    pub issued: Vec<(TokenId, SessionId, u32)>,
}

impl Known {
    pub fn new(base: &Base) -> Self {
        Self {
            accounts: base.accounts.clone(),
            sessions: BTreeMap::new(),
            accesses: BTreeMap::new(),
            names: HashMap::new(),
            passwords: std::array::from_fn(|n| u8::try_from(n).unwrap()),
            unused: Cell::new(ACCOUNTS),
            issued: Vec::new(),
        }
    }

    /// An ask that does nothing and is always answered.
    pub fn nothing(&self) -> Ask {
        Ask::Gate { account: NOBODY, change: GateChange::RevokeSessions }
    }

    /// What exactly is asked; `None` where there is nothing yet to ask about.
    pub fn choose(&self, wish: &Wish) -> Option<Ask> {
        Some(match *wish {
            Wish::Login { client, account, password, person } => {
                let right = self.passwords.get(usize::from(account)).copied().unwrap_or(0);
                let password = match password {
                    Password::Right => right,
                    Password::This(password) => password % self.unused.get(),
                };
                Ask::Login { client, account, password, person }
            }
            Wish::Refresh(shown) => {
                let (client, token, person) = self.shown(shown)?;
                Ask::Refresh { client, token, person }
            }
            Wish::Revoke(shown) => {
                let (client, token, person) = self.shown(shown)?;
                Ask::Revoke { client, token, person }
            }
            Wish::Show(shown) => {
                let (client, token, person) = self.shown(shown)?;
                Ask::Show { client, token, person }
            }
            Wish::End { session } => Ask::End { session: from_youngest(&self.sessions, session)?.0 },
            Wish::Inspect { access } => Ask::Inspect { access: from_youngest(&self.accesses, access)?.0 },
            Wish::Gate { account, change: GateChange::SetPassword(_) } => {
                let password = self.unused.get();
                self.unused.set((password + 1).min(PASSWORDS - 1));
                Ask::Gate { account, change: GateChange::SetPassword(password) }
            }
            Wish::Gate { account, change } => Ask::Gate { account, change },
            Wish::Client { client, change } => Ask::Client { client, change },
            Wish::Brakes(change) => Ask::Brakes(change),
        })
    }

    fn shown(&self, shown: Shown) -> Option<(u8, Token, Person)> {
        let (number, session) = from_youngest(&self.sessions, shown.session)?;
        let back = match shown.which {
            Which::Newest => 0,
            Which::Parent => 1,
            Which::Older(n) => n + 2,
        };
        let generation = from_youngest(&session.tokens, back)?.0;
        let person = match shown.by {
            By::TheSame => session.person,
            By::FromNetwork(network) => Person { network, ..session.person },
            By::WithAgent(agent) => Person { agent, ..session.person },
        };
        Some((shown.client.unwrap_or(session.client), Token { session: number, generation }, person))
    }

    /// The session whose actor an ask goes to, where it goes to one.
    pub fn session_of(ask: &Ask) -> Option<u32> {
        match ask {
            Ask::Refresh { token, .. } | Ask::Revoke { token, .. } | Ask::Show { token, .. } => Some(token.session),
            Ask::End { session } => Some(*session),
            Ask::Login { .. } | Ask::Inspect { .. } | Ask::Gate { .. } | Ask::Client { .. } | Ask::Brakes(_) => None,
        }
    }

    /// Waits until the actor of a session has nothing more to do, and says whether the engine still lives.
    pub async fn wait_for_session(&self, running: &Running, ask: &Ask) -> bool {
        let Some(session) = Self::session_of(ask) else { return true };
        let expired = running.services.sessions.expire(self.sessions[&session].id, operator()).await;
        expired.err() != Some(Unavailable::Stopping.into())
    }

    fn text(&self, token: Token) -> &str {
        &self.sessions[&token.session].tokens[&token.generation]
    }

    /// Asks the engine.
    pub async fn carry_out(&self, running: &Running, ask: &Ask) -> Answered {
        let services = &running.services;
        match *ask {
            Ask::Login { client, account, password: n, person } => {
                let client = running.client(client_name(client)).await;
                let password = Zeroizing::new(password(n).into_bytes());
                let ask = LoginAsk::new(login_id(account), password, None, asker(person));
                services.logins.login(&client, ask).await.map_err(|no| no.refused).into()
            }
            Ask::Refresh { client, token, person } => {
                let client = running.client(client_name(client)).await;
                services.sessions.refresh(self.text(token), RefreshAsk::of(&client, None, asker(person))).await.into()
            }
            Ask::Revoke { client, token, person } => {
                let client = running.client(client_name(client)).await;
                let done = services.sessions.revoke(self.text(token), &client, asker(person)).await;
                other(done.map(|()| Seen::Done))
            }
            Ask::End { session } => {
                let id = self.sessions[&session].id;
                let done = services.sessions.end(id, RevokeReason::Admin, None, operator()).await;
                other(done.map(|()| Seen::Done))
            }
            Ask::Show { client, token, person } => {
                let client = running.client(client_name(client)).await;
                let shown = services.sessions.introspect(self.text(token), &client, asker(person)).await;
                other(shown.map(|session| Seen::Active(session.is_some())))
            }
            Ask::Inspect { access } => {
                let inspected = services.tokens.inspect(&self.accesses[&access]);
                other(inspected.map(|inspected| Seen::Active(inspected.is_some())))
            }
            Ask::Gate { account, change } => other(self.change_gate(running, account, change).await.map(Seen::Changed)),
            Ask::Client { client, change } => {
                let command = match change {
                    ClientChange::Disable => ClientCommand::Disable,
                    ClientChange::Enable => ClientCommand::Enable,
                    ClientChange::Brake => ClientCommand::RevokeSessions,
                };
                let client = client_id(client_name(client));
                let changed = services.administration.change_client(&client, command, None, &operator()).await;
                other(was_there(changed).map(Seen::Changed))
            }
            Ask::Brakes(change) => {
                let command = match change {
                    BrakesChange::RevokeAll => BrakesCommand::RevokeAll,
                    BrakesChange::RefuseLogins => BrakesCommand::RefuseLogins,
                    BrakesChange::AllowLogins => BrakesCommand::AllowLogins,
                };
                let pulled = services.brakes.pull(command, &operator()).await;
                other(pulled.map(|_| Seen::Done))
            }
        }
    }

    async fn change_gate(&self, running: &Running, account: u8, change: GateChange) -> Result<bool, Refused> {
        let administration = &running.services.administration;
        let account = self.accounts.get(usize::from(account)).copied();
        let account = account.unwrap_or(AccountId(Uuid::from_u128(1)));
        let command = match change {
            GateChange::SetPassword(n) => {
                let new = NewPassword::Hash(Zeroizing::new(hash_of(n).to_owned()));
                let how = (false, PasswordHow::Given);
                return was_there(administration.give_password(account, new, how, None, &operator()).await);
            }
            GateChange::Disable => GateCommand::Disable,
            GateChange::Enable => GateCommand::Enable,
            GateChange::RevokeSessions => GateCommand::RevokeSessions,
            GateChange::Register(client) => GateCommand::AddRegistration(client_id(client_name(client))),
            GateChange::Withdraw(client) => GateCommand::WithdrawRegistration(client_id(client_name(client))),
            GateChange::MustChange(must_change) => GateCommand::SetMustChange(must_change),
            GateChange::Erase => GateCommand::Erase,
        };
        was_there(administration.change_account(account, command, None, &operator()).await)
    }

    /// Takes over what an answer gave, and says it in the words of the model.
    pub fn learn(&mut self, running: &Running, call: &Call, answer: Answered) -> Result<Seen, String> {
        let issued = match answer {
            Answered::Issued(issued) => issued,
            Answered::Other(seen) => {
                if let (Ask::Gate { account, change: GateChange::SetPassword(password) }, Seen::Changed(true)) =
                    (&call.ask, &seen)
                    && let Some(known) = self.passwords.get_mut(usize::from(*account))
                {
                    *known = *password;
                }
                return Ok(seen);
            }
            Answered::Nothing { .. } => return Err("nothing was answered".to_owned()),
        };
        let text = issued.refresh_token.ok_or("no refresh token was issued")?;
        let claims =
            running.services.tokens.verify(&issued.access_token).ok_or("an access token that is not signed")?;
        let token = UnverifiedRefreshToken::from_text(&text).map_err(|_| "no refresh token")?.claim();
        if Some(token.session) != issued.session || claims.sid != issued.session {
            return Err(format!("tokens of several sessions: {token:?} and {claims:?}"));
        }
        let (login, client, person) = match call.ask {
            Ask::Login { client, person, .. } => (call.number, client, person),
            Ask::Refresh { token: shown, client, person } => (shown.session, client, person),
            _ => return Err("tokens were issued to somebody who did not ask for any".to_owned()),
        };
        let new = || Session { id: token.session, client, tokens: BTreeMap::new(), person };
        let session = self.sessions.entry(login).or_insert_with(new);
        if session.id != token.session {
            return Err(format!("a token of session {} for one of {}", token.session, session.id));
        }
        if session.tokens.get(&token.generation).is_some_and(|known| *known != text) {
            return Err(format!("generation {} of session {login} is another token than before", token.generation));
        }
        session.tokens.insert(token.generation, text);
        session.person = person;
        self.issued.push((claims.jti, token.session, token.generation));
        let access = self.names.get(&claims.jti).copied();
        if access.is_none() {
            self.names.insert(claims.jti, call.number);
            self.accesses.insert(call.number, issued.access_token);
        }
        Ok(Seen::Issued { generation: token.generation, access, expires_at: claims.exp })
    }
}

/// An entry counted from the last, round and round.
fn from_youngest<T>(all: &BTreeMap<u32, T>, back: u64) -> Option<(u32, &T)> {
    let back = usize::try_from(back).ok()?.checked_rem(all.len())?;
    all.iter().rev().nth(back).map(|(number, known)| (*number, known))
}

/// Whether there was something to change; what was erased is there.
fn was_there(changed: Result<Version, NotDone>) -> Result<bool, Refused> {
    match changed {
        Ok(_) | Err(NotDone::Moved(_) | NotDone::Over | NotDone::Taken) => Ok(true),
        Err(NotDone::Missing) => Ok(false),
        Err(NotDone::Refused(refused)) => Err(refused),
    }
}
