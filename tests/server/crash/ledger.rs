//! People who use the server and remember every answer: what was answered must be there after any crash.

use crate::random::Random;
use crate::support::{Answer, STORE, Server};
use uuid::Uuid;

/// Accounts, one for each worker.
pub const WORKERS: usize = 4;
const PASSWORD: &str = "a password for the trial";
/// Sessions that a worker keeps open.
const OPEN: usize = 10;

/// The store, whose tokens outlive the trial, and an account for each worker. The retry window is wide, so that a machine
/// that is slow to restart changes nothing.
pub fn bootstrap() -> String {
    let mut text =
        "[[clients]]\nid = \"store\"\nsecret = \"store-secret\"\naccess_ttl = \"1d\"\nretry_window = \"1h\"\n\
        max_sessions = 1000\n"
            .to_owned();
    for number in 0..=WORKERS {
        text += &format!("[[accounts]]\nlogin = \"person-{number}@example.com\"\npassword = \"{PASSWORD}\"\n");
    }
    text
}

/// Something that the server said it had done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    Started(Uuid),
    Refreshed(Uuid, u32),
    Revoked(Uuid),
}

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Open,
    Revoked,
    /// Its revocation was never answered.
    Unsure,
}

/// A session as its owner knows it.
#[derive(Clone, Debug)]
pub struct Chain {
    pub session: Uuid,
    pub standing: Standing,
    /// The generation of the newest token.
    pub generation: u32,
    pub newest: String,
    pub access: String,
    /// The token before the newest one, and the one before that.
    pub parent: Option<String>,
    pub grandparent: Option<String>,
    /// A refresh that was never answered.
    pub unanswered: bool,
}

/// Session and generation that a refresh token names: `format ‖ key ‖ session ‖ generation ‖ tag`.
pub fn named_by(token: &str) -> (Uuid, u32) {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&token["csr_".len()..]).unwrap();
    let generation = u32::from_be_bytes(bytes[19..23].try_into().unwrap());
    (Uuid::from_slice(&bytes[3..19]).unwrap(), generation)
}

/// The server ended, or said that it is ending.
pub struct Ended;

/// How many of each a worker has seen.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    pub answered: u64,
    pub unanswered: u64,
    pub unavailable: u64,
    pub refused: u64,
    pub retried: u64,
}

/// Somebody with several sessions at once, one request at a time.
#[derive(Clone)]
pub struct Worker {
    number: usize,
    random: Random,
    pub chains: Vec<Chain>,
    /// Revoked sessions that were looked at after a restart already.
    pub buried: Vec<Chain>,
    /// What was answered since it was last compared with the journal.
    pub deeds: Vec<Deed>,
    pub counts: Counts,
}

impl Worker {
    pub fn new(number: usize, seed: u64) -> Self {
        let random = Random::new(seed ^ number as u64);
        let counts = Counts::default();
        Self { number, random, chains: Vec::new(), buried: Vec::new(), deeds: Vec::new(), counts }
    }

    /// Logs in, refreshes, repeats and revokes until the server gives no answer.
    pub fn work(&mut self, server: &Server) {
        loop {
            let open: Vec<_> = (0..self.chains.len()).filter(|at| self.is_usable(*at)).collect();
            let chosen = open.get(self.random.below(OPEN as u64) as usize).copied();
            let outcome = match (self.random.below(100), chosen) {
                (_, None) if open.len() < OPEN => self.login(server),
                (_, None) => Ok(()),
                (0..70, Some(at)) => self.refresh(server, at),
                (70..82, Some(at)) => self.repeat(server, at),
                (82..96, Some(at)) => self.revoke(server, at),
                (_, Some(_)) => self.wrong_password(server),
            };
            if outcome.is_err() {
                return;
            }
        }
    }

    fn is_usable(&self, at: usize) -> bool {
        self.chains[at].standing == Standing::Open && !self.chains[at].unanswered
    }

    fn ask(&mut self, server: &Server, path: &str, form: &[(&str, &str)]) -> Result<Answer, Ended> {
        match server.try_post(path, Some(STORE), form, &[]) {
            Ok(answer) if answer.status == 503 => {
                self.counts.unavailable += 1;
                Err(Ended)
            }
            Ok(answer) => {
                self.counts.answered += 1;
                Ok(answer)
            }
            Err(_) => {
                self.counts.unanswered += 1;
                Err(Ended)
            }
        }
    }

    fn ask_token(&mut self, server: &Server, token: &str) -> Result<Answer, Ended> {
        self.ask(server, "/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    pub fn login(&mut self, server: &Server) -> Result<(), Ended> {
        let name = format!("person-{}@example.com", self.number);
        let form = [("grant_type", "password"), ("username", name.as_str()), ("password", PASSWORD)];
        let answer = self.ask(server, "/oauth2/token", &form)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let (session, generation) = named_by(&answer.refresh());
        self.deeds.push(Deed::Started(session));
        self.chains.push(Chain {
            session,
            standing: Standing::Open,
            generation,
            newest: answer.refresh(),
            access: answer.access(),
            parent: None,
            grandparent: None,
            unanswered: false,
        });
        Ok(())
    }

    /// Guesses at an account that nobody else uses, so that no worker is throttled.
    fn wrong_password(&mut self, server: &Server) -> Result<(), Ended> {
        let name = format!("person-{WORKERS}@example.com");
        let form = [("grant_type", "password"), ("username", name.as_str()), ("password", "a wrong one")];
        let answer = self.ask(server, "/oauth2/token", &form)?;
        assert_eq!(answer.status, 400, "{}", answer.body);
        self.counts.refused += 1;
        Ok(())
    }

    pub fn refresh(&mut self, server: &Server, at: usize) -> Result<(), Ended> {
        let token = self.chains[at].newest.clone();
        self.chains[at].unanswered = true;
        let answer = self.ask_token(server, &token)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.took(at, &answer);
        Ok(())
    }

    /// Notes the successor that an answer brought.
    pub fn took(&mut self, at: usize, answer: &Answer) {
        let chain = &mut self.chains[at];
        assert_eq!(named_by(&answer.refresh()), (chain.session, chain.generation + 1), "the successor");
        let successor = answer.refresh();
        chain.grandparent = chain.parent.replace(std::mem::replace(&mut chain.newest, successor));
        (chain.access, chain.generation, chain.unanswered) = (answer.access(), chain.generation + 1, false);
        self.deeds.push(Deed::Refreshed(chain.session, chain.generation));
    }

    /// Asks once more with the token before the newest one, as after a lost answer.
    fn repeat(&mut self, server: &Server, at: usize) -> Result<(), Ended> {
        let Some(parent) = self.chains[at].parent.clone() else { return Ok(()) };
        let answer = self.ask_token(server, &parent)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.refresh(), self.chains[at].newest, "a lost answer is given again");
        self.counts.retried += 1;
        Ok(())
    }

    pub fn revoke(&mut self, server: &Server, at: usize) -> Result<(), Ended> {
        let token = self.chains[at].newest.clone();
        self.chains[at].standing = Standing::Unsure;
        let answer = self.ask(server, "/oauth2/revoke", &[("token", &token)])?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.chains[at].standing = Standing::Revoked;
        self.deeds.push(Deed::Revoked(self.chains[at].session));
        Ok(())
    }
}
