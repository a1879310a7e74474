//! The engine on a data directory on disk, without doors, with a clock set by hand.

use countersign::actors::{Asker, AuthenticatedClient, Issued, LoginAsk, Person, RefreshAsk, Refused, Services};
use countersign::app::{self, App, Start, World};
use countersign::clock::{Clock, ManualClock};
use countersign::config::{Config, Flags, Sources};
use countersign::domain::context::ToldBy;
use countersign::domain::ids::RequestId;
use countersign::domain::time::Timestamp;
use countersign::entropy::{SeededEntropy, uuid_v7};
use countersign::metrics::Metrics;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The configuration of a data directory, with its master key beside it and hashes that cost next to nothing.
pub fn config(dir: &Path) -> Config {
    let settings = [
        ("HASH__MEMORY_KIB", "64"),
        ("HASH__ITERATIONS", "1"),
        ("HASH__THREADS", "1"),
        ("HASH__DEADLINE", "60s"),
        ("HTTP__REQUEST_TIMEOUT", "600s"),
        ("HTTP__WORKERS", "2"),
        ("JOURNAL__SEGMENT_BYTES", "64KiB"),
    ];
    let env = settings.map(|(key, value)| (format!("COUNTERSIGN__{key}"), value.to_owned()));
    let flags = Flags { data_dir: Some(dir.to_owned()), listen: None, master_key: None };
    Config::load(Sources { file: None, env: env.to_vec(), flags }).unwrap()
}

/// What a start works with.
pub fn world(clock: &ManualClock, seed: u64) -> World {
    World {
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(seed)),
        metrics: Arc::new(Metrics::new()),
    }
}

/// A running engine.
pub struct Engine {
    pub services: Services,
    pub clock: ManualClock,
    app: App,
}

impl Engine {
    /// Reads and checks every entry, and starts. Must be called inside an actix system.
    pub async fn start(dir: &Path, clock: &ManualClock, seed: u64) -> Result<Self, String> {
        let (config, world) = (config(dir), world(clock, seed));
        let start = Start { check_all: true, ..Start::default() };
        let opened = app::open(&config, start, &world, |_, _| ()).map_err(|error| error.to_string())?;
        let issuer = "https://auth.example.com".to_owned();
        let app = App::start(opened, &config, issuer, world.metrics, world.entropy).unwrap();
        app.ready().await.unwrap();
        Ok(Self { services: app.services.clone(), clock: clock.clone(), app })
    }

    /// Stops it in good order.
    pub fn stop(self) {
        self.app.stop();
    }

    pub async fn client(&self, id: &str) -> AuthenticatedClient {
        let (client, state) = self.services.clients.find(id).unwrap().unwrap();
        let secret = (id != "app").then(|| secret_of(id));
        self.services.clients.authenticate(&client, state, secret.as_deref(), &self.person()).await.unwrap()
    }

    pub async fn login(&self, client: &str, login: &str, password: &str) -> Result<Issued, Refused> {
        let client = self.client(client).await;
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let ask = LoginAsk::new(login.to_owned(), password, None, self.person());
        self.services.logins.login(&client, ask).await.map_err(|no| no.refused)
    }

    pub async fn refresh(&self, client: &str, token: &str, asker: Asker) -> Result<Issued, Refused> {
        let client = self.client(client).await;
        self.services.sessions.refresh(token, RefreshAsk::of(&client, None, asker)).await
    }

    /// Waits until everything but the open segment is sealed, and what has ended in it is archived.
    pub async fn settle(&self, dir: &Path) {
        let is_settled = || {
            let names = std::fs::read_dir(dir.join("journal")).unwrap();
            let texts = names.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "jsonl"));
            let sealed = *self.services.core.keeper.sealed().borrow();
            let archived = self.services.core.reader.system().unwrap().value.archived_through;
            texts.count() == 1 && archived == sealed
        };
        // The bound only ends a test that would hang.
        for _ in 0..6000 {
            if is_settled() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the segments are not sealed");
    }

    pub fn person(&self) -> Asker {
        self.person_at("192.0.2.1")
    }

    pub fn person_at(&self, address: &str) -> Asker {
        let user_agent = Some("Store/4.2 (Android 14)".to_owned());
        let person = Person {
            address: Some(address.parse().unwrap()),
            user_agent,
            device: Some("phone".to_owned()),
            device_name: None,
        };
        let request_id = RequestId(uuid_v7(&SeededEntropy::new(1), self.now()));
        Asker {
            request_id,
            peer: Some([10, 0, 0, 7].into()),
            told_by: ToldBy::Client,
            api_key: None,
            person,
            claimed: None,
        }
    }

    pub fn operator(&self) -> Asker {
        Asker::server(RequestId(uuid_v7(&SeededEntropy::new(2), self.now())))
    }

    pub fn now(&self) -> Timestamp {
        self.clock.wall()
    }
}

pub fn secret_of(client: &str) -> String {
    format!("{client}-secret")
}
