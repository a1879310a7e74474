//! The web apps in Debian's Chromium: `browser/main.js` does what somebody does who has a keyboard and time, and looks at every page.
//! Here is what it cannot know: whether the apps told every step meanwhile, and what Countersign was told and has written down.

use crate::scenes::{self, REFRESH, Workflow};
use crate::stage::{FORUMS, LOGIN, Lives, Mode, PASSWORD, STORE, Site, Stage};
use crate::support::{events_in, is_installed, left_out, signal, wait_for_end, wait_until};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// For as long as the walk waits for a refresh token to die.
const SHORT: &str = r#"{"refresh_idle_ttl": "3s"}"#;

/// Every page that is looked at.
const PAGES: [&str; 17] = [
    "store-home",
    "store-login",
    "store-login-wrong",
    "store-cart-at-first",
    "store-cart",
    "store-home-logged-in",
    "store-home-expired",
    "store-login-ended",
    "store-login-unavailable",
    "store-not-found",
    "store-foreign",
    "neither-site",
    "forums-home",
    "forums-login",
    "forums-posts",
    "forums-posts-at-first",
    "forums-unavailable",
];

/// One of the web apps, with what is its own.
struct WebApp {
    workflow: &'static Workflow,
    /// What is worth nothing after a while is short, so that waiting for its end takes no time: at the wrong moment it is renewed, and nobody
    /// notices. A JWT is also judged when it is renewed, and must not be over then on a machine that stands still for some seconds.
    lives: Lives,
    /// The last steps of its document at the store, at the forums after these, and of the thefts after those.
    at_the_store: usize,
    at_the_forums: usize,
    thefts: usize,
}

const SESSIONS: WebApp = WebApp {
    workflow: &scenes::SESSIONS,
    lives: Lives { session: "3s", ..Lives::LONG },
    at_the_store: 22,
    at_the_forums: 34,
    thefts: 42,
};

const NATIVE: WebApp = WebApp {
    workflow: &scenes::NATIVE,
    lives: Lives { access: "10s", ..Lives::LONG },
    at_the_store: 19,
    at_the_forums: 29,
    thefts: 35,
};

#[test]
fn a_browser_walks_through_the_web_apps_with_sessions() {
    walk(&SESSIONS, Mode::Default);
}

#[test]
fn a_browser_walks_through_the_web_apps_with_sessions_as_documented() {
    walk(&SESSIONS, Mode::AsDocumented);
}

#[test]
fn a_browser_walks_through_the_web_apps_with_jwts() {
    walk(&NATIVE, Mode::Default);
}

#[test]
fn a_browser_walks_through_the_web_apps_with_jwts_as_documented() {
    walk(&NATIVE, Mode::AsDocumented);
}

fn walk(app: &WebApp, mode: Mode) {
    let Some(command) = program() else { return };
    let stage = Stage::new(app.workflow.app, mode, app.lives);
    let agent = Walk::start(command, app, &stage).follow(&stage);
    assert_every_step_was_told(app, &stage);
    assert_countersign_was_told_of_the_browser(app, &stage, &agent);
    assert_journal(&stage);
}

/// The program, with what it is driven by; `None` where that is not installed.
fn program() -> Option<Command> {
    if !is_installed("node", "nodejs npm") {
        return None;
    }
    for (program, package) in [("/usr/bin/chromium", "chromium"), ("/usr/bin/chromedriver", "chromium-driver")] {
        if !Path::new(program).exists() {
            return left_out(&format!("{program} is missing: apt-get install {package}"));
        }
    }
    let Some(packages) = std::env::var_os("COUNTERSIGN_TEST_BROWSER_NODE").map(PathBuf::from) else {
        return left_out(
            "COUNTERSIGN_TEST_BROWSER_NODE names no folder with the packages of tests/workflows/browser: scripts/test makes one",
        );
    };
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/browser/main.js"));
    command.env("NODE_PATH", packages.join("node_modules"));
    Some(command)
}

/// The program while it runs. It is told to end when this is dropped, and takes its browser with it.
struct Walk {
    program: Child,
    /// Where it and its browser keep what they need for a while.
    _temporary: TempDir,
}

impl Drop for Walk {
    fn drop(&mut self) {
        if matches!(self.program.try_wait(), Ok(None)) {
            signal(self.program.id(), Signal::TERM);
            // It has a browser to end first, and may be beyond that.
            let begun = Instant::now();
            while matches!(self.program.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(30) {
                sleep(Duration::from_millis(50));
            }
            let _ = self.program.kill();
            let _ = self.program.wait();
        }
    }
}

impl Walk {
    fn start(mut command: Command, app: &WebApp, stage: &Stage) -> Self {
        let documented = stage.mode == Mode::AsDocumented;
        let temporary = tempfile::tempdir().unwrap();
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
        command
            .env("TMPDIR", temporary.path())
            .env("APP_PORT", stage.app.address.rsplit(':').next().unwrap())
            .env("APP_COOKIE", app.workflow.cookie)
            .env("APP_AS_DOCUMENTED", if documented { "yes" } else { "no" })
            .env("APP_SESSION_SECONDS", app.lives.session.trim_end_matches('s'))
            .env("LOGIN", LOGIN)
            .env("PASSWORD", PASSWORD)
            .env("SCREENSHOTS", screenshots)
            .env(
                "SCREENSHOTS_PREFIX",
                format!("{}{}", app.workflow.app, if documented { "-as-documented" } else { "" }),
            );
        let program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { program, _temporary: temporary }
    }

    /// Does what the program asks for until it ends, and looks at what it saw. Gives the user agent of its browser.
    fn follow(mut self, stage: &Stage) -> String {
        let program = &mut self.program;
        let (mut to, from) = (program.stdin.take().unwrap(), BufReader::new(program.stdout.take().unwrap()));
        let mut lines = Vec::new();
        for line in from.lines().map(Result::unwrap) {
            println!("{line}");
            if let Some(what) = line.strip_prefix("please ") {
                oblige(stage, what);
                to.write_all(b"done\n").unwrap();
            }
            lines.push(line);
        }
        let failed: Vec<_> = lines.iter().filter(|line| line.starts_with("FAILED ")).map(String::as_str).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        assert_eq!(wait_for_end(&mut self.program), Some(0));
        for page in PAGES {
            let about = |line: &&String| line.strip_prefix("ok ").is_some_and(|text| is_about(text, page));
            assert_eq!(lines.iter().filter(about).count(), 8, "{page} was looked at from every side");
        }
        lines.iter().find_map(|line| line.strip_prefix("note user agent ")).unwrap().to_owned()
    }
}

fn is_about(text: &str, page: &str) -> bool {
    text.strip_prefix(page).is_some_and(|rest| rest.starts_with([' ', ':']))
}

/// Does what somebody before a browser cannot do.
fn oblige(stage: &Stage, what: &str) {
    match what {
        "shorten the store's lifetimes" => stage.change(&STORE, SHORT),
        "wait until the store's session is over" => wait_until(what, || stage.open_sessions(&STORE).is_empty()),
        "lengthen the store's lifetimes" => stage.lengthen_lives(&STORE),
        "cut the apps off from Countersign" => stage.spy.close(true),
        other => panic!("the program asks for something that nobody knows: {other}"),
    }
}

/// In its own terminal the app counts what happened: all that its document draws, but for the thefts. Nobody who is slow is taken for a
/// thief.
fn assert_every_step_was_told(app: &WebApp, stage: &Stage) {
    let narration = &stage.app.narration;
    for number in 1..=app.at_the_forums {
        narration.step(0, if number <= app.at_the_store { STORE.name } else { FORUMS.name }, number);
    }
    for number in app.at_the_forums + 1..=app.thefts {
        assert!(!narration.has_told(STORE.name, number) && !narration.has_told(FORUMS.name, number), "{number}");
    }
}

/// The browser's address and name went along with each login and each refresh.
fn assert_countersign_was_told_of_the_browser(app: &WebApp, stage: &Stage, agent: &str) {
    assert!(agent.contains("Chrome/"), "{agent}");
    for path in [app.workflow.login, REFRESH] {
        let seen = stage.spy.seen();
        let told: Vec<_> = seen.iter().filter(|one| one.path == path).map(|one| one.told()).collect();
        assert!(told.len() >= 2, "{path}: {told:?}");
        assert!(told.iter().all(|told| *told == ["127.0.0.1", agent]), "{path}: {told:?} by {agent}");
    }
    let open = stage.open_sessions(&FORUMS);
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!((&open[0]["address"], &open[0]["user_agent"]), (&"127.0.0.1".into(), &agent.into()), "{open:?}");
}

/// Who logs in at one site begins a session there, and none elsewhere.
fn assert_journal(stage: &Stage) {
    assert!(stage.open_sessions(&STORE).is_empty());
    // Of the store's two, the first died of old age, which need not have been written down, and the second by the log out.
    let mut events = Vec::new();
    wait_until("the log out is in the journal", || {
        events = events_in(&stage.server.data_dir());
        events.iter().any(|event| event["type"] == "session.revoked")
    });
    let started = |site: &Site| of(&events, "session.started", |event| event["data"]["client"] == site.client);
    let (store, forums) = (started(&STORE), started(&FORUMS));
    assert_eq!((store.len(), forums.len()), (2, 1), "{events:?}");
    assert_ne!(store[0]["stream"], forums[0]["stream"]);
    assert_eq!(store[0]["data"]["account"], forums[0]["data"]["account"]);
    let refreshed = of(&events, "session.refreshed", |event| event["stream"] == store[0]["stream"]);
    assert!(!refreshed.is_empty(), "{events:?}");
    let revoked = of(&events, "session.revoked", |_| true);
    assert_eq!(revoked.len(), 1, "{revoked:?}");
    assert_eq!(revoked[0]["stream"], store[1]["stream"]);
    assert_eq!(of(&events, "account.login_refused", |_| true).len(), 1, "the wrong password");
}

fn of<'a>(events: &'a [Value], kind: &str, is_meant: impl Fn(&Value) -> bool) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind && is_meant(event)).collect()
}
