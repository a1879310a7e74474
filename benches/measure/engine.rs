//! The engine without doors, with a clock set by hand.

use countersign::actors::{
    Asker, AuthenticatedClient, Issued, LoginAsk, NewAccount, NewClient, NewPassword, Person, RefreshAsk, Services,
};
use countersign::app::{self, App, OpenedJournal, Start, Stopped, World};
use countersign::clock::{Clock, ManualClock};
use countersign::config::{Config, Flags, Sources};
use countersign::crypto::{Kernel, Params};
use countersign::domain::client::{ClientSettings, ClientType, Profile};
use countersign::domain::context::ToldBy;
use countersign::domain::ids::RequestId;
use countersign::domain::time::Timestamp;
use countersign::entropy::{Entropy, SystemEntropy, uuid_v7};
use countersign::metrics::Metrics;
use futures_util::StreamExt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Accounts of a history.
pub const ACCOUNTS: u64 = 1000;
const PASSWORD: &str = "a password of no consequence";
const SECRET: &str = "a secret of no consequence";
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36",
    "Store/4.2 (Android 14)",
];

/// A running engine.
pub struct Engine {
    pub services: Services,
    pub client: AuthenticatedClient,
    pub metrics: Arc<Metrics>,
    app: App,
}

/// The configuration of a data directory, with hashes that cost next to nothing and these settings.
pub fn config(dir: &Path, settings: &[(&str, &str)]) -> Config {
    let cheap = [
        ("HASH__MEMORY_KIB", "64"),
        ("HASH__ITERATIONS", "1"),
        ("HASH__DEADLINE", "60s"),
        ("HTTP__REQUEST_TIMEOUT", "600s"),
        ("HTTP__WORKERS", "2"),
        ("PASSWORDS__STRANGERS_PER_NETWORK", "100000"),
        ("PASSWORDS__STRANGERS_TOTAL", "100000"),
        ("PASSWORDS__FAMILIAR", "100000"),
    ];
    let env = cheap.iter().chain(settings).map(|(key, value)| (format!("COUNTERSIGN__{key}"), (*value).to_owned()));
    let flags = Flags { data_dir: Some(dir.to_owned()), listen: None, master_key: None };
    Config::load(Sources { file: None, env: env.collect::<Vec<_>>(), flags }).unwrap()
}

impl Engine {
    /// Starts it, with a client and accounts where the journal is new. Must be called inside an actix system.
    pub async fn start(config: &Config, clock: &ManualClock) -> Self {
        Self::start_on(config, clock, |world| app::open(config, Start::default(), world, |_, _| ()).unwrap()).await
    }

    /// The same, on a journal that somebody else opens.
    pub async fn start_on(config: &Config, clock: &ManualClock, open: impl FnOnce(&World) -> OpenedJournal) -> Self {
        let metrics = Arc::new(Metrics::new());
        let entropy = Arc::new(SystemEntropy);
        let world = World { clock: Arc::new(clock.clone()), entropy: entropy.clone(), metrics: metrics.clone() };
        let opened = open(&world);
        let created = opened.created;
        let issuer = "http://127.0.0.1:8080".to_owned();
        let app = App::start(opened, config, issuer, metrics.clone(), entropy).unwrap();
        app.ready().await.unwrap();
        let services = app.services.clone();
        if created {
            prepare(&services).await;
        }
        let (id, client) = services.clients.find("store").unwrap().unwrap();
        let client = services.clients.authenticate(&id, client, Some(SECRET), &asker(clock, 0)).await.unwrap();
        Self { services, client, metrics, app }
    }

    /// Logs an account in, and gives its refresh token.
    pub async fn login(&self, account: u64, asker: Asker) -> String {
        self.begin(account, asker).await.refresh_token.unwrap()
    }

    /// Logs an account in.
    pub async fn begin(&self, account: u64, asker: Asker) -> Issued {
        let (login, password) = (login_id(account), Zeroizing::new(PASSWORD.as_bytes().to_vec()));
        let issued = self.services.logins.login(&self.client, LoginAsk::new(login, password, None, asker)).await;
        issued.unwrap()
    }

    /// Makes accounts beyond the first [`ACCOUNTS`], so that there are `accounts`.
    pub async fn add_accounts(&self, accounts: u64) {
        create_accounts(&self.services, ACCOUNTS..accounts).await;
    }

    /// Redeems a refresh token, and gives the next one.
    pub async fn refresh(&self, token: &str, asker: Asker) -> String {
        self.services
            .sessions
            .refresh(token, RefreshAsk::of(&self.client, None, asker))
            .await
            .unwrap()
            .refresh_token
            .unwrap()
    }

    /// The journal's last position.
    pub fn position(&self) -> u64 {
        u64::try_from(self.metrics.journal_position.get()).unwrap()
    }

    /// Stops it in good order.
    pub fn stop(self) -> Stopped {
        self.app.stop()
    }
}

async fn prepare(services: &Services) {
    let operator = operator();
    let settings = ClientSettings::new(ClientType::Confidential, Profile::Standard);
    let secret = Some(Zeroizing::new(SECRET.to_owned()));
    let client = NewClient { id: "store".parse().unwrap(), secret, enabled: true, settings };
    assert!(services.administration.create_client(&client, &operator).await.unwrap());
    create_accounts(services, 0..ACCOUNTS).await;
}

async fn create_accounts(services: &Services, numbers: Range<u64>) {
    const TOGETHER: usize = 64;
    let operator = &operator();
    let cheap = Params { m_kib: 64, t: 1, p: 1 };
    let phc = &Kernel::new(cheap).hash(PASSWORD.as_bytes(), &[7; 16], cheap).unwrap();
    let creations = numbers.map(|account| async move {
        let new = NewAccount::new(login_id(account), NewPassword::Hash(phc.clone()));
        services.administration.create_account(new, operator).await.unwrap();
    });
    futures_util::stream::iter(creations).buffer_unordered(TOGETHER).collect::<()>().await;
}

fn operator() -> Asker {
    Asker::server(RequestId(uuid_v7(&SystemEntropy, Timestamp(1_800_000_000_000))))
}

fn login_id(account: u64) -> String {
    format!("user{account}@example.com")
}

/// A person at one of many addresses, with one of a few user agents.
pub fn asker(clock: &ManualClock, place: u64) -> Asker {
    let [_, b, c, d] = u32::try_from(place % (1 << 24)).unwrap().to_be_bytes();
    let person = Person {
        address: Some([100, b, c, d].into()),
        user_agent: Some(AGENTS[usize::try_from(place % 3).unwrap()].to_owned()),
        ..Person::default()
    };
    let request_id = RequestId(uuid_v7(&SystemEntropy, clock.wall()));
    let peer = Some([10, 0, 0, 7].into());
    Asker { request_id, peer, told_by: ToldBy::Client, api_key: None, person, claimed: None }
}

/// Some number.
pub fn draw() -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
