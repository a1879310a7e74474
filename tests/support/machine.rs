//! A machine in memory that runs the engine, stops it, starts it again, and can be copied.
#![allow(dead_code, reason = "each test program uses its part of it")]

use countersign::actors::{
    Asker, AuthenticatedClient, Fate, Issued, LoginAsk, NewAccount, NewClient, NewPassword, Person, RefreshAsk,
    Refused, Services,
};
use countersign::app::{App, BegunAgain, OpenedJournal, Start, World, begin_again, start_journal};
use countersign::clock::{Clock, ManualClock};
use countersign::config::{Config, Flags, Sources};
use countersign::crypto::{Kernel, MasterKey, Params};
use countersign::domain::client::{ClientSettings, ClientType, Profile};
use countersign::domain::context::ToldBy;
use countersign::domain::evidence::{Past, Trace};
use countersign::domain::ids::{AccountId, ClientId, Generation, Position, RequestId, SessionId, StreamId};
use countersign::domain::session::{Session, Status};
use countersign::domain::system::SystemEvent;
use countersign::domain::time::{Span, Timestamp};
use countersign::entropy::{SeededEntropy, uuid_v7};
use countersign::journal::files::disk::{Disk, DiskFile};
use countersign::journal::files::memory_disk::MemoryDisk;
use countersign::journal::files::room::RoomLimits;
use countersign::journal::files::sealed::SealedSegments;
use countersign::journal::{
    Engine, History, Journal, Keeper, LocalEngine, MemoryStore, StoreError, StoreHome, StoreRead, schema,
};
use countersign::metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

pub const ALICE: (&str, &str) = ("alice@example.com", "correct horse battery staple");
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const CHEAP: Params = Params { m_kib: 64, t: 1, p: 1 };

/// A store that several starts share.
struct Home(MemoryStore);

impl StoreHome for Home {
    type Store = MemoryStore;

    fn was_there(&self) -> bool {
        self.0.bytes() > 0
    }

    fn open(&mut self) -> Result<MemoryStore, StoreError> {
        Ok(self.0.clone())
    }

    fn quarantine(&mut self) -> std::io::Result<String> {
        Err(std::io::Error::other("no store of these tests is ever unusable"))
    }
}

/// See the module.
pub struct Machine {
    pub disk: MemoryDisk,
    pub store: MemoryStore,
    pub clock: ManualClock,
    master: String,
    /// Every start draws from the next one.
    pub seed: u64,
    settings: Vec<(String, String)>,
    /// The size at which segments are closed, where it is not the configuration's.
    pub roll_at: Option<u64>,
    /// What becomes of the process when its disk fails.
    pub fate: Fate,
    /// Where archived sessions are looked up; all its entries, where nothing else is said.
    pub history: Option<Arc<dyn History>>,
    /// Whether they are looked up in sealed segments, as a server does.
    pub looks_into_sealed: bool,
}

/// Looks archived sessions up by reading every entry there is.
struct ReadAll {
    disk: MemoryDisk,
    master: String,
}

impl ReadAll {
    fn entries(&self) -> Vec<Vec<u8>> {
        let master = MasterKey::from_text(&self.master).unwrap();
        let (disk, store) = (self.disk.crash_keeping_everything(), MemoryStore::default());
        let opened = LocalEngine::open(disk, &mut Home(store), master, "", 1 << 30, &SeededEntropy::new(0));
        opened.unwrap().0.read(1).map(|entry| entry.unwrap().event).collect()
    }
}

impl History for ReadAll {
    fn past(&self, id: SessionId, presented: Generation) -> Result<Option<Past>, StoreError> {
        let mut trace = Trace::new(presented);
        for event in self.entries() {
            let recorded = schema::decode(&event).unwrap().recorded;
            if recorded.stream == StreamId::Session(id) {
                trace.add(&recorded);
            }
        }
        Ok(trace.past())
    }
}

/// The size of a disk that fills up.
pub const SMALL: u64 = 4 << 20;

impl Machine {
    /// A new one. The seed stands in the output of a test that fails.
    pub fn new(seed: u64) -> Self {
        println!("seed {seed}");
        let disk = MemoryDisk::new();
        disk.create_dir("journal").unwrap();
        disk.create_dir("keys").unwrap();
        let settings = [
            ("HASH__MEMORY_KIB", "64"),
            ("HASH__ITERATIONS", "1"),
            ("HASH__THREADS", "1"),
            ("HASH__DEADLINE", "60s"),
            ("HTTP__REQUEST_TIMEOUT", "600s"),
            ("HTTP__WORKERS", "2"),
            ("PASSWORDS__STRANGERS_PER_NETWORK", "100000"),
            ("PASSWORDS__STRANGERS_TOTAL", "1000000"),
            ("PASSWORDS__FAMILIAR", "100000"),
        ];
        Self {
            disk,
            store: MemoryStore::default(),
            clock: ManualClock::new(NOW),
            master: MasterKey::generate(&SeededEntropy::new(seed)).to_text().to_string(),
            seed,
            settings: settings.map(|(key, value)| (format!("COUNTERSIGN__{key}"), value.to_owned())).to_vec(),
            roll_at: None,
            fate: Fate::default(),
            history: None,
            looks_into_sealed: false,
        }
    }

    /// Sets a configuration key by the name of its environment variable.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((format!("COUNTERSIGN__{key}"), value.to_owned()));
        self
    }

    /// Gives it a small disk.
    pub fn on_a_small_disk(self) -> Self {
        self.disk.set_capacity(Some(SMALL));
        self
    }

    /// Lets somebody else fill the disk, so far that so many bytes are free once the journal has given its reserve back.
    pub fn leave(&self, free: u64) {
        let _ = self.disk.remove("ballast");
        let mut ballast = self.disk.create("ballast").unwrap();
        let reserve = self.disk.contents("journal/reserve").map_or(0, |bytes| bytes.len() as u64 + 4096);
        let room = self.disk.room().unwrap().free + reserve;
        assert!(
            ballast.allocate(room - free).is_ok_and(|taken| taken),
            "{room} are free, and {reserve} of them held back"
        );
    }

    /// Lets so many more bytes be taken, while the disk shows as much as before; `None`: as many as there are.
    pub fn set_quota(&self, more: impl Into<Option<u64>>) {
        self.disk.set_quota(more.into());
    }

    /// A copy of everything it has written, on a machine of its own.
    pub fn copy(&self) -> Self {
        Self {
            disk: self.disk.crash_keeping_everything(),
            store: self.store.snapshot(),
            clock: ManualClock::new(self.clock.wall()),
            master: self.master.clone(),
            seed: self.seed + 1000,
            settings: self.settings.clone(),
            roll_at: self.roll_at,
            fate: self.fate,
            history: None,
            looks_into_sealed: self.looks_into_sealed,
        }
    }

    /// Seals every closed segment while it does not run, and says up to where.
    pub fn seal(&self) -> Position {
        let (mut keeper, now) = (self.keeper(), self.clock.wall());
        while keeper.seal_next(now, &mut || Ok(())).unwrap().is_some() {}
        keeper.sealed().through()
    }

    /// Seals closed segments until none waits or the disk fails, and says how many those were.
    pub fn seal_some(&self) -> u64 {
        let (mut keeper, now) = (self.keeper(), self.clock.wall());
        std::iter::from_fn(|| keeper.seal_next(now, &mut || Ok(())).ok().flatten()).count() as u64
    }

    fn keeper(&self) -> Keeper<MemoryDisk> {
        Keeper::new(self.disk.clone(), SealedSegments::new(self.disk.clone(), 1, &[]))
    }

    /// How long the record is that a session is woken from, in bytes; `None` where there is none.
    pub fn record_bytes(&self, session: SessionId) -> Option<usize> {
        self.store.get(format!("s/{}", StreamId::Session(session)).as_bytes()).unwrap().map(|record| record.len())
    }

    /// Begins its journal again while it does not run, as a restored back-up does, and takes the power away after so many
    /// operations of the disk.
    pub fn begin_again(&mut self, operations: Option<u64>, kept: Option<&str>) -> Result<BegunAgain, String> {
        self.seed += 1;
        let entropy = Arc::new(SeededEntropy::new(self.seed));
        let (disk, mut home) = (self.disk.clone(), Home(self.store.clone()));
        if let Some(operations) = operations {
            disk.power_off_after_operations(operations);
        }
        let master = MasterKey::from_text(&self.master).unwrap();
        let (engine, _) = LocalEngine::open(disk, &mut home, master, "countersign/test", 1 << 30, &*entropy)
            .map_err(|error| error.to_string())?;
        let keys = engine.keys();
        let (mut journal, _) = Journal::open(Box::new(engine), "n1", |_, _| ()).map_err(|error| error.to_string())?;
        let world = World { clock: Arc::new(self.clock.clone()), entropy, metrics: Arc::new(Metrics::new()) };
        let begun = begin_again(&mut journal, &keys, &world, kept.map(str::to_owned), |again| SystemEvent::Restored {
            origin: again.origin.clone(),
            old_origin: again.old_origin.clone(),
            size: again.size,
            root: again.root,
            sessions_kept: again.sessions_kept.clone(),
        });
        begun.map_err(|error| error.to_string())
    }

    /// What a power cut leaves, of which the seed chooses.
    pub fn crash(&mut self, seed: u64) {
        self.disk = self.disk.crash(seed);
    }

    /// Whether its power is off.
    pub fn is_off(&self) -> bool {
        self.disk.is_off()
    }

    /// Takes its store away while it does not run.
    pub fn lose_store(&mut self) {
        self.store = MemoryStore::default();
    }

    /// Starts the engine. Must be called inside an actix system.
    pub fn start(&mut self) -> Running {
        self.start_as(Start::default())
    }

    pub fn start_as(&mut self, start: Start) -> Running {
        // The last process is gone; what it wrote is all there.
        self.disk = self.disk.crash_keeping_everything();
        let opening = self.open(start).unwrap();
        self.run(opening)
    }

    /// Opens the journal on the disk as it is, and records a start.
    pub fn open(&mut self, start: Start) -> Result<Opening, String> {
        self.seed += 1;
        let entropy = Arc::new(SeededEntropy::new(self.seed));
        let flags = Flags { data_dir: Some("nowhere".into()), listen: None, master_key: None };
        let config = Config::load(Sources { file: None, env: self.settings.clone(), flags }).unwrap();
        let master = MasterKey::from_text(&self.master).unwrap();
        let (disk, mut home) = (self.disk.clone(), Home(self.store.clone()));
        let limits = RoomLimits { low_water: config.journal.low_water, reserve: config.journal.reserve };
        let size = disk.room().map_err(|error| error.to_string())?.size;
        let roll_at = self.roll_at.unwrap_or_else(|| limits.on(size).roll_at(config.journal.segment_bytes));
        let (engine, _) = LocalEngine::open(disk, &mut home, master, "countersign/test", roll_at, &*entropy)
            .map_err(|error| error.to_string())?;
        // A store that is always up, one that is always far behind, and what lies between: whatever a crash leaves of it.
        let write_store_at = [1, 5, 40, 2000][usize::try_from(self.seed % 4).unwrap()];
        let engine = engine.keep_room(limits).map_err(|error| error.to_string())?.write_store_at(write_store_at);
        let metrics = Arc::new(Metrics::new());
        let world = World { clock: Arc::new(self.clock.clone()), entropy: entropy.clone(), metrics: metrics.clone() };
        let (keys, sealed) = (engine.keys(), engine.sealed());
        let mut journal = start_journal(Box::new(engine), keys, start, &world, |_, _| ()).map_err(|error| error.0)?;
        journal.history = match &self.history {
            Some(history) => history.clone(),
            None if self.looks_into_sealed => Arc::new(sealed),
            None => self.read_all(),
        };
        journal.fate = self.fate;
        Ok(Opening { journal, config, metrics, entropy })
    }

    /// Starts the actors on a journal that was opened.
    pub fn run(&self, opening: Opening) -> Running {
        let Opening { journal, config, metrics, entropy } = opening;
        let app = App::start(journal, &config, "https://auth.example.com".to_owned(), metrics, entropy).unwrap();
        Running { services: app.services.clone(), app }
    }

    /// Looks archived sessions up in all its entries.
    pub fn read_all(&self) -> Arc<dyn History> {
        Arc::new(ReadAll { disk: self.disk.clone(), master: self.master.clone() })
    }

    /// All events as JSON, in order.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let read_all = ReadAll { disk: self.disk.clone(), master: self.master.clone() };
        read_all.entries().iter().map(|event| serde_json::from_slice(event).unwrap()).collect()
    }
}

/// A journal that was opened, with what else a start takes.
pub struct Opening {
    pub journal: OpenedJournal,
    config: Config,
    metrics: Arc<Metrics>,
    entropy: Arc<SeededEntropy>,
}

/// A running engine.
pub struct Running {
    pub services: Services,
    pub app: App,
}

/// The refresh token of an answer.
pub fn token(issued: &Issued) -> &str {
    issued.refresh_token.as_deref().unwrap()
}

impl Running {
    /// Stops it in good order.
    pub fn stop(self) {
        self.app.stop();
    }

    /// Records that requests are answered from here on, as the server does.
    pub async fn ready(&self) {
        self.app.ready().await.unwrap();
    }

    /// A session whose first token was redeemed two generations ago, and its current one.
    pub async fn used(&self) -> (Issued, Issued) {
        let first = self.login().await.unwrap();
        let second = self.refresh(token(&first)).await.unwrap();
        let third = self.refresh(token(&second)).await.unwrap();
        (first, third)
    }

    /// The store as a client, with settings of its own, and alice.
    pub async fn prepare(&self, change: impl FnOnce(&mut ClientSettings)) -> AccountId {
        let mut settings = ClientSettings::new(ClientType::Confidential, Profile::Standard);
        change(&mut settings);
        self.create_client("store", settings).await;
        self.create_account(ALICE.0, cheap_hash(ALICE.1)).await.unwrap()
    }

    pub async fn create_client(&self, id: &str, settings: ClientSettings) {
        let secret = Some(Zeroizing::new(secret_of(id)));
        let new = NewClient { id: id.parse().unwrap(), secret, enabled: true, settings };
        assert!(self.services.administration.create_client(&new, &operator()).await.unwrap());
    }

    pub async fn create_account(&self, login: &str, phc: String) -> Option<AccountId> {
        let password = NewPassword::Hash(Zeroizing::new(phc));
        let new = NewAccount::new(login.to_owned(), password);
        self.services.administration.create_account(new, &operator()).await.unwrap()
    }

    pub async fn client(&self, id: &str) -> AuthenticatedClient {
        let (client, state) = self.services.clients.find(id).unwrap().unwrap();
        self.services.clients.authenticate(&client, state, Some(&secret_of(id)), &person()).await.unwrap()
    }

    pub async fn login(&self) -> Result<Issued, Refused> {
        self.login_as("store", ALICE.0, ALICE.1).await
    }

    pub async fn login_as(&self, client: &str, login: &str, password: &str) -> Result<Issued, Refused> {
        let client = self.client(client).await;
        let ask = LoginAsk::new(login.to_owned(), Zeroizing::new(password.as_bytes().to_vec()), None, person());
        self.services.logins.login(&client, ask).await.map_err(|no| no.refused)
    }

    pub async fn refresh(&self, token: &str) -> Result<Issued, Refused> {
        let client = self.client("store").await;
        self.services.sessions.refresh(token, RefreshAsk::of(&client, None, person())).await
    }

    /// Whether any door accepts what was issued. The refresh token is tried last, because that changes it.
    pub async fn is_alive(&self, issued: &Issued) -> bool {
        let client = self.client("store").await;
        let refresh = issued.refresh_token.as_deref().unwrap();
        let inspected = self.services.tokens.inspect(&issued.access_token).unwrap().is_some();
        let shown = self.services.sessions.introspect(refresh, &client, person()).await.unwrap().is_some();
        let redeemed = self.refresh(refresh).await.is_ok();
        assert_eq!((inspected, shown), (redeemed, redeemed), "all doors agree");
        redeemed
    }

    pub fn session(&self, id: SessionId) -> Arc<Session> {
        self.services.core.reader.session(id).unwrap().unwrap().value
    }

    /// How a session ended, in the word of its event; `None` while no event of its own ended it.
    pub fn ended(&self, issued: &Issued) -> Option<&'static str> {
        match self.session(issued.session.unwrap()).status {
            Status::Open => None,
            Status::Revoked { reason, .. } => Some(reason.code()),
            Status::Expired { .. } => Some("expired"),
        }
    }

    /// Waits until the closer or the sweeper has come round to a session.
    pub async fn wait_for_end(&self, issued: &Issued) -> &'static str {
        let session = issued.session.unwrap();
        eventually(&format!("the end of {session}"), || self.ended(issued)).await
    }

    pub fn open_sessions(&self) -> i64 {
        self.services.core.metrics.sessions.with_label_values(&["open"]).get()
    }
}

/// Waits for something that happens in the background. The bound only ends a test that would hang.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("still waiting for {what}");
}

fn secret_of(client: &str) -> String {
    format!("{client}-secret")
}

pub fn cheap_hash(password: &str) -> String {
    Kernel::new(CHEAP).hash(password.as_bytes(), &[7; 16], CHEAP).unwrap().to_string()
}

/// A hash that takes long enough for anything else to happen meanwhile.
pub fn slow_hash(password: &str) -> String {
    let slow = Params { m_kib: 65_536, t: 8, p: 1 };
    Kernel::new(slow).hash(password.as_bytes(), &[7; 16], slow).unwrap().to_string()
}

pub fn person() -> Asker {
    person_at("192.0.2.1")
}

pub fn person_at(address: &str) -> Asker {
    let (address, user_agent) = (Some(address.parse().unwrap()), Some("App/1".to_owned()));
    let person = Person { address, user_agent, ..Person::default() };
    let request_id = RequestId(uuid_v7(&SeededEntropy::new(1), NOW));
    Asker { request_id, peer: None, told_by: ToldBy::Client, api_key: None, person, claimed: None }
}

pub fn operator() -> Asker {
    Asker::server(RequestId(uuid_v7(&SeededEntropy::new(2), NOW)))
}

pub fn client_id(id: &str) -> ClientId {
    id.parse().unwrap()
}

/// Numbers from a seed, for interleavings.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

pub const HOUR: Span = Span::hours(1);
