//! Each backend as a newcomer starts it: by one command, without a server. It brings its own, and takes that with it when it ends.

use crate::app::App;
use crate::scenes::{NATIVE, REFRESH_COOKIE, SESSIONS, Workflow};
use crate::stage::{LOGIN, Mode, STORE, in_both_modes};
use crate::support::{Answer, wait_until};
use crate::visit::SetCookie;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// More than what is to expire in these scenes, counted from its last use.
const A_WHILE: Duration = Duration::from_millis(2100);

/// Starts a backend with these flags, plays with it by the password that it prints, and ends it: nothing is left.
fn by_one_command(name: &str, flags: &[&str], play: impl Fn(&App, Mode, &str) + Sync) {
    in_both_modes(|mode| {
        let temporary = tempfile::tempdir().unwrap();
        let place = temporary.path().to_str().unwrap();
        let documented = (mode == Mode::AsDocumented).then_some("--as-documented");
        let flags: Vec<String> = ["--listen", "127.0.0.1:0", "--timeout", "60s"]
            .iter()
            .chain(flags)
            .copied()
            .chain(documented)
            .map(str::to_owned)
            .collect();
        let app = App::start(name, &flags, &[("TMPDIR", place)]);
        let who = format!("Log in as {LOGIN} with the password ");
        let line = app.narration.wait_for("who can log in", 0, |line| line.starts_with(&who));
        assert_eq!(servers_on(place).len(), 1, "{:?}", servers_on(place));
        play(&app, mode, line.strip_prefix(&who).unwrap());
        assert_eq!(app.stop(), Some(0));
        assert_eq!(servers_on(place), [""; 0]);
        let left: Vec<_> = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

/// The command lines of the processes that serve from below a directory.
fn servers_on(place: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    // Most have ended before they are looked at, or are none.
    let words =
        |process: &Path| std::fs::read_to_string(process.join("cmdline")).unwrap_or_default().replace('\0', " ");
    let lines = processes.map(|process| words(&process));
    lines.filter(|line| line.contains(" serve ") && line.contains(place)).collect()
}

/// Whether the refresh token of a login is there still, after another JWT or session was got for it.
fn assert_replaced(mode: Mode, first: &str, now: &str) {
    assert_eq!(first != now, mode.replaces_refresh_tokens(), "{mode:?}");
}

/// A browser at the store, with one jar.
fn log_in_and_be_renewed(workflow: &Workflow, app: &App, mode: Mode, password: &str) {
    let host = "store.localhost";
    let origin = format!("http://{host}");
    let mut jar = BTreeMap::new();
    let mut ask = |asked: (&str, &str), body: &str| {
        let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let form = [("Origin", &*origin), ("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", &cookies)];
        let answer = Answer::to(&app.address, host, asked, &form, body.as_bytes());
        for (_, text) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let cookie = SetCookie::of(text);
            jar.insert(cookie.name.to_owned(), cookie.value.to_owned());
        }
        let [own, refresh] = [workflow.cookie, REFRESH_COOKIE].map(|name| jar.get(name).cloned().unwrap_or_default());
        (answer, own, refresh)
    };
    let form = format!("login={}&password={password}", LOGIN.replace('@', "%40"));
    let (answer, first, first_refresh) = ask(("POST", "/login"), &form);
    assert_eq!((answer.status, answer.header("location")), (302, Some(STORE.page)), "{answer:?}");
    // On a machine that stands still the JWT may have to be renewed at once, and in vain: then the page says to try again.
    wait_until("another cookie of the app's own", || {
        sleep(A_WHILE);
        let (answer, own, refresh) = ask(("GET", STORE.page), "");
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        let is_renewed = answer.status == 200 && own != first;
        if is_renewed {
            assert!(answer.body.contains(STORE.shows) && answer.body.contains(LOGIN), "{answer:?}");
            assert_replaced(mode, &first_refresh, &refresh);
        }
        is_renewed
    });
}

#[test]
fn the_web_apps_with_sessions_need_one_command() {
    by_one_command(
        SESSIONS.app,
        &["--session-ttl", "2s", "--access-ttl", "1h", "--refresh-ttl", "1d"],
        |app, mode, password| {
            log_in_and_be_renewed(&SESSIONS, app, mode, password);
        },
    );
}

#[test]
fn the_web_apps_with_jwts_need_one_command() {
    by_one_command(NATIVE.app, &["--access-ttl", "2s", "--refresh-ttl", "1d"], |app, mode, password| {
        log_in_and_be_renewed(&NATIVE, app, mode, password);
    });
}

#[test]
fn the_backend_of_the_phone_needs_one_command() {
    by_one_command("mobile_backend", &["--access-ttl", "2s", "--refresh-ttl", "1d"], |app, mode, password| {
        let ask = |asked: (&str, &str), kept: &Value, body: &Value| {
            let [jwt, refresh] = ["token", "refreshToken"].map(|name| kept[name].as_str().unwrap_or_default());
            let bearer = format!("Bearer {jwt}");
            let headers =
                [("Content-Type", "application/json"), ("Authorization", &*bearer), ("X-Refresh-Token", refresh)];
            Answer::to(&app.address, &app.address, asked, &headers, body.to_string().as_bytes())
        };
        let answer = ask(("POST", "/api/login"), &json!({}), &json!({"login": LOGIN, "password": password}));
        assert_eq!(answer.status, 200, "{answer:?}");
        let first = answer.json();
        let mut kept = first.clone();
        wait_until("another JWT", || {
            sleep(A_WHILE);
            let answer = ask(("GET", "/api/cart"), &kept, &Value::Null);
            assert!([200, 503].contains(&answer.status), "{answer:?}");
            let given = answer.json();
            for name in ["token", "refreshToken"].into_iter().filter(|name| given[name].is_string()) {
                kept[name] = given[name].clone();
            }
            answer.status == 200 && kept["token"] != first["token"]
        });
        let tokens = [&first, &kept].map(|kept| kept["refreshToken"].as_str().unwrap());
        assert_replaced(mode, tokens[0], tokens[1]);
    });
}
