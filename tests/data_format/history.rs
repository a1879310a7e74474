//! The history that the golden directory holds, and how it was made. It was made once: it is never made anew, because what it
//! must prove is that files of then are read.

use crate::engine::{Engine, config, secret_of, world};
use crate::expected::{Access, Expected, Login, Past, Token};
use countersign::actors::{Issued, NewAccount, NewApiKey, NewClient, NewPassword, Rotation};
use countersign::app;
use countersign::clock::{Clock, ManualClock};
use countersign::crypto::{Kernel, Params};
use countersign::domain::client::{ClientCommand, ClientSettings, ClientType, Grant, Profile};
use countersign::domain::gate::{GateCommand, PasswordHow};
use countersign::domain::ids::AccountId;
use countersign::domain::keys::{KeyStatus, SigningAlg};
use countersign::domain::system::KeyName;
use countersign::domain::time::{Span, Timestamp};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use zeroize::Zeroizing;

/// 5 January 2026, 9:00.
const BEGIN: Timestamp = Timestamp(1_767_603_600_000);
const MINUTE: Span = Span::minutes(1);
const CHEAP: Params = Params { m_kib: 64, t: 1, p: 1 };

/// What is collected while the history goes on.
struct Story {
    clock: ManualClock,
    logins: Vec<Login>,
    refresh_tokens: Vec<Token>,
    access_tokens: Vec<Access>,
}

/// A session under way: each of its tokens, with the instant of its issue.
struct Line {
    what: &'static str,
    client: &'static str,
    issued: Vec<(Issued, Timestamp)>,
}

impl Line {
    fn newest(&self) -> &str {
        self.issued.last().unwrap().0.refresh_token.as_deref().unwrap()
    }
}

/// Makes the directories `whole` and `dropped` below `root`, and says what must hold of them.
pub fn make(root: &Path) -> Expected {
    let clock = ManualClock::new(BEGIN);
    let mut story = Story { clock, logins: Vec::new(), refresh_tokens: Vec::new(), access_tokens: Vec::new() };
    let (first, whole, dropped) = (root.join("first"), root.join("whole"), root.join("dropped"));
    let kept = actix_rt::System::new().block_on(story.before_the_restore(&first));
    let key = |dir: &Path| dir.with_extension("master.key");
    fs::copy(key(&first), key(&whole)).unwrap();
    let backup = root.join("backup");
    story.clock.advance(Span::hours(20));
    app::back_up(&config(&first), &backup, app::BackUpHow::default(), &world(&story.clock, 21)).unwrap();
    let reason = Some("moved to another machine".to_owned());
    app::restore(&backup, &config(&whole), reason, &world(&story.clock, 22)).unwrap();
    let restored_at = story.clock.wall();
    actix_rt::System::new().block_on(story.after_the_restore(&whole, kept));
    let _ = fs::remove_file(whole.join("journal/reserve"));
    crate::expected::copy(&whole, &dropped);
    let done = app::drop_before(&config(&dropped), restored_at, &app::DropKept::Forever, &world(&story.clock, 24));
    assert!(done.unwrap().is_some(), "something was dropped");
    for dir in [&whole, &dropped] {
        fs::remove_dir_all(dir.join("store")).unwrap();
        let _ = fs::remove_file(dir.join("journal/reserve"));
        fs::remove_file(dir.join("lock")).unwrap();
    }
    let _ = fs::remove_dir_all(&first);
    let _ = fs::remove_file(key(&first));
    let _ = fs::remove_dir_all(&backup);
    let journal = crate::facts::rebuild(&whole).unwrap();
    let (head, root) = (journal.head(), journal.engine().root().to_string());
    let Story { clock, logins, refresh_tokens, access_tokens } = story;
    Expected { now: clock.wall().to_string(), head, root, logins, refresh_tokens, access_tokens }
}

impl Story {
    /// Most of what can happen, and a session that goes on long enough to fill a segment.
    async fn before_the_restore(&mut self, dir: &Path) -> [Line; 2] {
        let engine = Engine::start(dir, &self.clock, 20).await.unwrap();
        let accounts = prepare(&engine).await;
        self.change_keys(&engine).await;
        self.end_sessions(&engine, &accounts).await;
        change_clients(&engine, accounts[1]).await;
        self.tokens_of_machines(&engine).await;
        let mut kept = self.begin(&engine, "kept", "store", "alice").await;
        for _ in 0..45 {
            self.go_on(&engine, &mut kept).await;
        }
        let mut retried = self.begin(&engine, "retried", "app", "erin").await;
        let parent = retried.newest().to_owned();
        self.go_on(&engine, &mut retried).await;
        // The answer is lost on the way: the same again, from the same phone.
        engine.refresh("app", &parent, engine.person()).await.unwrap();
        self.clock.advance(MINUTE);
        engine.settle(dir).await;
        engine.stop();
        [kept, retried]
    }

    /// The long session goes on; what was archived is shown once.
    async fn after_the_restore(&mut self, dir: &Path, [mut kept, retried]: [Line; 2]) {
        let engine = Engine::start(dir, &self.clock, 23).await.unwrap();
        for _ in 0..75 {
            self.go_on(&engine, &mut kept).await;
        }
        engine.settle(dir).await;
        let shown = self.refresh_tokens.iter().position(|token| token.what == "logged out" && token.generation == 1);
        let shown = &self.refresh_tokens[shown.unwrap()];
        assert!(engine.refresh("store", &shown.token, engine.person()).await.is_err());
        let client = engine.client("store").await;
        let old = kept.issued[90].0.refresh_token.as_deref().unwrap();
        assert!(engine.services.sessions.introspect(old, &client, engine.person()).await.unwrap().is_none());
        for _ in 0..4 {
            self.go_on(&engine, &mut kept).await;
        }
        self.access_tokens.push(Access {
            what: "of the open session".to_owned(),
            token: kept.issued.last().unwrap().0.access_token.clone(),
            active: true,
        });
        for line in [kept, retried] {
            self.expect(&line, line.issued.len() - 1, "granted", None);
        }
        for (client, login, password, answer) in [
            ("store", "alice@example.com", "password of alice", "granted"),
            ("app", "erin@example.com", "password of erin", "granted"),
            ("store", "bob@example.com", "another password of bob", "granted"),
            ("store", "bob@example.com", "password of bob", "wrong_credentials"),
            ("store", "carol@example.com", "password of carol", "account"),
            ("store", "dave@example.com", "password of dave", "wrong_credentials"),
        ] {
            let [client, login, password, answer] = [client, login, password, answer].map(str::to_owned);
            self.logins.push(Login { client, login, password, answer });
        }
        engine.stop();
    }

    async fn begin(&self, engine: &Engine, what: &'static str, client: &'static str, who: &str) -> Line {
        self.clock.advance(MINUTE);
        let login = engine.login(client, &format!("{who}@example.com"), &format!("password of {who}")).await;
        Line { what, client, issued: vec![(login.unwrap(), self.clock.wall())] }
    }

    async fn go_on(&self, engine: &Engine, line: &mut Line) {
        self.clock.advance(MINUTE);
        let issued = engine.refresh(line.client, line.newest(), engine.person()).await.unwrap();
        line.issued.push((issued, self.clock.wall()));
    }

    /// Notes the token of a generation: its session ended just now, or the answer needs no past.
    fn expect(&mut self, line: &Line, generation: usize, answer: &str, ended: Option<&str>) {
        let past = ended.map(|ended| Past {
            ended: ended.to_owned(),
            ended_at: self.clock.wall().to_string(),
            redeemed_at: line.issued.get(generation + 1).map(|(_, at)| at.to_string()),
        });
        let token = line.issued[generation].0.refresh_token.clone().unwrap();
        let (what, client, answer) = (line.what.to_owned(), line.client.to_owned(), answer.to_owned());
        self.refresh_tokens.push(Token { what, client, token, generation: generation as u64, answer, past });
    }

    /// Notes all tokens of a session that ended just now.
    fn ended(&mut self, line: &Line, how: &str) {
        for generation in 0..line.issued.len() {
            self.expect(line, generation, "closed", Some(how));
        }
    }

    async fn end_sessions(&mut self, engine: &Engine, accounts: &[AccountId]) {
        let (administration, operator) = (&engine.services.administration, engine.operator());
        let mut line = self.begin(engine, "logged out", "store", "alice").await;
        self.go_on(engine, &mut line).await;
        self.go_on(engine, &mut line).await;
        let client = engine.client("store").await;
        engine.services.sessions.revoke(line.newest(), &client, engine.person()).await.unwrap();
        self.ended(&line, "revoked");

        let line = self.begin(engine, "of an old password", "store", "bob").await;
        let password = hashed("another password of bob");
        administration
            .give_password(accounts[1], password, (false, PasswordHow::Given), None, &operator)
            .await
            .unwrap();
        engine.services.closer.finish().await.unwrap();
        self.ended(&line, "password_changed");

        let line = self.begin(engine, "of a disabled account", "store", "carol").await;
        administration.change_account(accounts[2], GateCommand::Disable, None, &operator).await.unwrap();
        engine.services.closer.finish().await.unwrap();
        self.ended(&line, "account_disabled");

        let line = self.begin(engine, "of an erased account", "app", "dave").await;
        administration.change_account(accounts[3], GateCommand::Erase, None, &operator).await.unwrap();
        engine.services.closer.finish().await.unwrap();
        self.ended(&line, "account_erased");

        let mut line = self.begin(engine, "shown by a thief", "store", "erin").await;
        self.go_on(engine, &mut line).await;
        self.go_on(engine, &mut line).await;
        self.clock.advance(MINUTE);
        let stolen = line.issued[0].0.refresh_token.as_deref().unwrap();
        assert!(engine.refresh("store", stolen, engine.person_at("198.51.100.66")).await.is_err());
        self.ended(&line, "reuse");

        let line = self.begin(engine, "left alone", "store", "alice").await;
        self.clock.advance(Span::days(15));
        let session = line.issued[0].0.session.unwrap();
        engine.services.sessions.expire(session, engine.operator()).await.unwrap();
        self.ended(&line, "expired");
        assert!(engine.login("store", "alice@example.com", "a wrong password").await.is_err());
    }

    async fn change_keys(&mut self, engine: &Engine) {
        let keys = &engine.services.keys;
        let line = self.begin(engine, "of a distrusted refresh key", "store", "alice").await;
        keys.rotate(Rotation::Refresh, &engine.operator()).await.unwrap();
        keys.distrust(&KeyName::Refresh(1), &engine.operator()).await.unwrap();
        engine.services.closer.finish().await.unwrap();
        // Nothing that the key made can be told from a forgery.
        self.expect(&line, 0, "bad_tag", None);
        let (what, token) = (line.what.to_owned(), line.issued[0].0.access_token.clone());
        self.access_tokens.push(Access { what, token, active: false });
        let system = engine.services.core.reader.system().unwrap().value;
        let is_active = |alg| move |key: &&_| is_active_for(key, alg);
        let old = system.signing.iter().find(is_active(SigningAlg::Es256)).unwrap().kid.clone();
        keys.rotate(Rotation::Signing(SigningAlg::Es256), &engine.operator()).await.unwrap();
        keys.distrust(&KeyName::Signing(old), &engine.operator()).await.unwrap();
        keys.rotate(Rotation::Signing(SigningAlg::EdDsa), &engine.operator()).await.unwrap();
        keys.prepare(SigningAlg::Rs256, &engine.operator()).await.unwrap();
    }

    async fn tokens_of_machines(&mut self, engine: &Engine) {
        let client = engine.client("machine").await;
        for active in [true, false] {
            let issued = engine.services.clients.issue_token(&client, None, &engine.operator()).await.unwrap();
            if !active {
                let claims = engine.services.tokens.verify(&issued.access_token).unwrap();
                engine.services.clients.revoke_token(&client, &claims, &engine.operator()).await.unwrap();
            }
            let what = if active { "of a machine" } else { "of a machine, revoked" }.to_owned();
            self.access_tokens.push(Access { what, token: issued.access_token, active });
        }
    }
}

fn is_active_for(key: &countersign::domain::system::SigningKeyState, alg: SigningAlg) -> bool {
    key.alg == alg && key.status == KeyStatus::Active
}

fn hashed(password: &str) -> NewPassword {
    NewPassword::Hash(Kernel::new(CHEAP).hash(password.as_bytes(), &[7; 16], CHEAP).unwrap())
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Clients, accounts and an API key.
async fn prepare(engine: &Engine) -> Vec<AccountId> {
    let (administration, operator) = (&engine.services.administration, engine.operator());
    let confidential = ClientSettings::new(ClientType::Confidential, Profile::Standard);
    let store = ClientSettings { scopes: words(&["cart", "orders"]), ..confidential.clone() };
    let public = ClientSettings::new(ClientType::Public, Profile::Standard);
    let mut machine = ClientSettings { scopes: words(&["jobs"]), ..confidential.clone() };
    machine.grants = [Grant::ClientCredentials].into();
    // So long that a token outlives the history.
    machine.access_ttl = Span::hours(24);
    for (id, settings) in [("store", store), ("app", public), ("machine", machine), ("old", confidential)] {
        let secret = (id != "app").then(|| Zeroizing::new(secret_of(id)));
        let new = NewClient { id: id.parse().unwrap(), secret, enabled: true, settings };
        assert!(administration.create_client(&new, &operator).await.unwrap());
    }
    let key = Zeroizing::new("an API key of sufficient length, 0123456789".to_owned());
    let clients = Some(["store".parse().unwrap()].into());
    let new = NewApiKey { name: "backoffice".to_owned(), key, permissions: words(&["accounts"]), clients };
    administration.create_api_key(&new, &operator).await.unwrap();
    let mut accounts = Vec::new();
    for name in ["alice", "bob", "carol", "dave", "erin"] {
        let (login, password) = (format!("{name}@example.com"), hashed(&format!("password of {name}")));
        let new = NewAccount { roles: words(&["shopper"]), ..NewAccount::new(login, password) };
        accounts.push(administration.create_account(new, &operator).await.unwrap().unwrap());
    }
    accounts
}

/// A client is changed, braked and disabled, and refused once; registrations and roles of an account.
async fn change_clients(engine: &Engine, account: AccountId) {
    let (administration, operator) = (&engine.services.administration, engine.operator());
    let old = "old".parse().unwrap();
    let (id, state) = engine.services.clients.find("old").unwrap().unwrap();
    let refused = engine.services.clients.authenticate(&id, state.clone(), Some("guessed"), &engine.person()).await;
    assert!(refused.is_err());
    let settings = ClientSettings { scopes: words(&["reports"]), ..state.value.settings.clone() };
    for command in [ClientCommand::Change(Box::new(settings)), ClientCommand::RevokeSessions, ClientCommand::Disable] {
        administration.change_client(&old, command, None, &operator).await.unwrap();
    }
    let store = || "store".parse().unwrap();
    for command in [
        GateCommand::AddRegistration(store()),
        GateCommand::AddRegistration(old.clone()),
        GateCommand::WithdrawRegistration(old),
        GateCommand::SetRoles(words(&["shopper", "tester"])),
    ] {
        administration.change_account(account, command, None, &operator).await.unwrap();
    }
}
