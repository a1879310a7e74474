//! What a scene is played on: Countersign, the spy before it, and one of the example apps, in one of its two modes.

use crate::app::App;
use crate::spy::Spy;
use crate::support::{Plan, Server, claims, events_in, wait_until};
use serde_json::Value;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const LOGIN: &str = "alice@example.com";
pub const PASSWORD: &str = "correct horse battery staple";

/// May everything. The apps have keys of their own, which may less.
const ADMIN: &str = "csk_of-whoever-plays-the-scenes-0123456789";
const ISSUER: &str = "https://auth.example.com";

/// One of the two apps of the company.
pub struct Site {
    /// As the app's terminal has it.
    pub name: &'static str,
    pub host: &'static str,
    /// Its client at Countersign.
    pub client: &'static str,
    pub secret: &'static str,
    pub key: &'static str,
    /// The page that a login is needed for, a text on it, and its form's field.
    pub page: &'static str,
    pub shows: &'static str,
    pub field: &'static str,
}

pub const STORE: Site = Site {
    name: "store",
    host: "store.example.com",
    client: "570e0000-0000-4000-8000-000000000001",
    secret: "secret-of-the-store",
    key: "csk_of-the-store-0123456789-abcdefghijk",
    page: "/shopping-cart",
    shows: "Your shopping cart",
    field: "item",
};

pub const FORUMS: Site = Site {
    name: "forums",
    host: "forums.example.com",
    client: "f0215000-0000-4000-8000-000000000002",
    secret: "secret-of-the-forums",
    key: "csk_of-the-forums-0123456789-abcdefghij",
    page: "/posts",
    shows: "Your forum posts",
    field: "text",
};

/// How an app is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `--as-documented`: the refresh token stays the same for its whole life.
    AsDocumented,
    /// Without a flag: each refresh token is good once.
    Default,
}

impl Mode {
    pub fn replaces_refresh_tokens(self) -> bool {
        self == Self::Default
    }
}

/// Plays a scene in both modes at the same time: most of a scene is waiting.
pub fn in_both_modes(play: impl Fn(Mode) + Sync) {
    let play = &play;
    thread::scope(|scope| {
        let plays = [Mode::AsDocumented, Mode::Default].map(|mode| {
            let thread = thread::Builder::new().name(format!("{mode:?}"));
            (mode, thread.spawn_scoped(scope, move || play(mode)).unwrap())
        });
        let failed: Vec<Mode> =
            plays.into_iter().filter_map(|(mode, play)| play.join().is_err().then_some(mode)).collect();
        assert!(failed.is_empty(), "in the modes {failed:?}: see above");
    });
}

/// How long things live, each a duration of the bootstrap file.
#[derive(Clone, Copy)]
pub struct Lives {
    pub access: &'static str,
    pub refresh: &'static str,
    /// The sessions of the app's own, where it has any.
    pub session: &'static str,
}

impl Lives {
    /// Nothing ends while a scene is played.
    pub const LONG: Self = Self { access: "1h", refresh: "1d", session: "1h" };
}

pub struct Stage {
    pub mode: Mode,
    pub lives: Lives,
    pub app: App,
    pub spy: Spy,
    pub server: Server,
}

impl Stage {
    pub fn new(app: &str, mode: Mode, lives: Lives) -> Self {
        let server = Plan::new(&bootstrap(mode, lives)).set("issuer", ISSUER).start();
        let spy = Spy::before(&server.url);
        let mut flags: Vec<String> =
            ["--listen", "127.0.0.1:0", "--issuer", ISSUER, "--countersign", spy.url()].map(str::to_owned).to_vec();
        // No step of a workflow fails because the machine is slow: an answer that is lost comes with the end of its connection.
        flags.extend(["--timeout", "60s"].map(str::to_owned));
        if mode == Mode::AsDocumented {
            flags.push("--as-documented".to_owned());
        }
        if app == "webapp_sessions" {
            flags.extend(["--session-ttl", lives.session].map(str::to_owned));
        }
        let env = [
            ("STORE_SECRET", STORE.secret),
            ("STORE_KEY", STORE.key),
            ("FORUMS_SECRET", FORUMS.secret),
            ("FORUMS_KEY", FORUMS.key),
        ];
        let app = App::start(app, &flags, &env);
        Self { mode, lives, app, spy, server }
    }

    /// From here on what a site's client is given lives long. A scene that waits for the end of something short plays on at any speed.
    pub fn lengthen_lives(&self, site: &Site) {
        self.change(site, r#"{"access_ttl": "1h", "refresh_idle_ttl": "1d", "refresh_absolute_ttl": "1d"}"#);
    }

    /// Changes the client of a site, as somebody does who administers.
    pub fn change(&self, site: &Site, settings: &str) {
        let path = format!("/admin/clients/{}", site.client);
        let headers = [("Authorization", &*format!("Bearer {ADMIN}")), ("Content-Type", "application/json")];
        let answer = self.server.send("PATCH", &path, &headers, settings.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The sessions at a site that are open at this moment.
    pub fn open_sessions(&self, site: &Site) -> Vec<Value> {
        let path = format!("/admin/sessions?client={}", site.client);
        let answer = self.server.get_as(&path, &[("Authorization", &format!("Bearer {ADMIN}"))]);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["items"].as_array().unwrap().clone()
    }

    /// What Countersign shows of a session.
    pub fn session(&self, sid: &str) -> Value {
        let answer =
            self.server.get_as(&format!("/admin/sessions/{sid}"), &[("Authorization", &format!("Bearer {ADMIN}"))]);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Ends a session, as somebody does who administers.
    pub fn revoke(&self, sid: &str) {
        let headers = [("Authorization", &*format!("Bearer {ADMIN}")), ("Content-Type", "application/json")];
        let answer = self.server.send("POST", &format!("/admin/sessions/{sid}/revoke"), &headers, b"{}");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Waits until a session is over, by asking.
    pub fn wait_until_over(&self, sid: &str) {
        wait_until("the session is over", || self.session(sid)["state"] != "open");
    }

    /// The events of a kind of a session, once there are so many: the journal tells of what is known to be durable.
    pub fn events(&self, sid: &str, kind: &str, at_least: usize) -> Vec<Value> {
        let stream = format!("session:{sid}");
        let mut found = Vec::new();
        wait_until(&format!("{at_least} {kind}"), || {
            let events = events_in(&self.server.data_dir());
            found = events.into_iter().filter(|event| event["stream"] == *stream && event["type"] == kind).collect();
            found.len() >= at_least
        });
        found
    }

    /// The journal knows that the session began, and who was told of.
    pub fn started(&self, sid: &str) {
        let context = &self.events(sid, "session.started", 1)[0]["context"];
        assert!(context["net"].is_string() && context["ua"].is_string(), "{context}");
    }

    /// The journal knows of one refresh of the session, from the network and with the user agent of the login, or with another of both.
    pub fn refreshed(&self, sid: &str, from: From) {
        let contexts = ["session.started", "session.refreshed"].map(|kind| {
            let events = self.events(sid, kind, 1);
            assert_eq!(events.len(), 1, "{events:?}");
            events[0]["context"].clone()
        });
        let [login, refresh] = &contexts;
        assert_eq!(refresh["told_by"], "api_key", "{contexts:?}");
        for name in ["net", "ua"] {
            assert!(refresh[name].is_string(), "{contexts:?}");
            assert_eq!(login[name] == refresh[name], from == From::WhereTheLoginWas, "{name}: {contexts:?}");
        }
    }
}

/// From where a refresh came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum From {
    WhereTheLoginWas,
    Elsewhere,
}

/// The session that a JWT is of.
pub fn sid(jwt: &str) -> String {
    claims(jwt)["sid"].as_str().unwrap().to_owned()
}

/// Waits until a JWT is over for everybody: `exp` is in whole seconds, and the last one may count still.
pub fn wait_until_expired(jwt: &str) {
    let end = UNIX_EPOCH + Duration::from_secs(claims(jwt)["exp"].as_u64().unwrap() + 1);
    while let Ok(left) = end.duration_since(SystemTime::now()) {
        thread::sleep(left + Duration::from_millis(1));
    }
}

/// As the demo apps declare it for a server of their own.
fn bootstrap(mode: Mode, lives: Lives) -> String {
    let rotation = if mode.replaces_refresh_tokens() { "always" } else { "never" };
    let Lives { access, refresh, .. } = lives;
    let (store, forums) = (STORE.client, FORUMS.client);
    let mut text = format!(
        r#"
[[api_keys]]
name = "scenes"
key = "{ADMIN}"
permissions = ["admin"]

[[accounts]]
login = "{LOGIN}"
password = "{PASSWORD}"
roles = ["shopper"]
clients = ["{store}", "{forums}"]
"#
    );
    for Site { name, client, secret, key, .. } in [&STORE, &FORUMS] {
        text += &format!(
            r#"
[[api_keys]]
name = "{name}"
key = "{key}"
permissions = ["login", "tokens"]
clients = ["{client}"]

[[clients]]
id = "{client}"
secret = "{secret}"
profile = "fusionauth"
rotation = "{rotation}"
token_refresh = false
access_ttl = "{access}"
refresh_idle_ttl = "{refresh}"
refresh_absolute_ttl = "{refresh}"
"#
        );
    }
    text
}
