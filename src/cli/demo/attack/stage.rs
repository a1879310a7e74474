//! Where a play is played: each move is made over HTTP, or by an app that is played here, and is printed once what came of it
//! is what the play expects.

use super::apps::{Keys, Page, Verifier};
use super::cast::{Cast, claims};
use super::doors::{Answer, Doors, Question, basic, bearer};
use super::play::{Ask, BRIEF, BRIEF_WINDOW, DOCUMENTED, Expect, Person, Play, STORE, Scene, Step, Store};
use super::text::{aside, moved};
use super::{LOGIN, Secrets};
use crate::clock::{Clock, SystemClock};
use crate::domain::time::Span;
use crate::entropy::{SystemEntropy, token};
use serde_json::json;
use std::time::Duration;

/// How often a scene is played at most, where the machine is too slow for what it claims.
const TRIES: u32 = 5;
/// How often is looked whether something has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// See the module.
pub struct Stage {
    /// The demo's server.
    pub doors: Doors,
    secrets: Secrets,
    keys: Keys,
}

/// A scene that was played.
pub struct Played {
    /// Its session.
    pub sid: String,
    /// What to print of it.
    pub lines: String,
}

/// Why a scene went no further.
#[derive(Debug)]
pub enum Trouble {
    /// A claim does not hold.
    Claim(String),
    /// The server had no time.
    Busy,
    /// There is no server.
    Lost(String),
}

impl Stage {
    /// The stage before a server.
    ///
    /// # Errors
    /// It does not answer.
    pub fn new(doors: Doors, secrets: Secrets) -> Result<Self, String> {
        let path = "/.well-known/jwks.json".to_owned();
        let answer = doors.ask(&Question { method: "GET", path, ..Question::default() })?;
        Ok(Self { doors, secrets, keys: Keys::read(answer.json)? })
    }

    /// Plays a scene until it is played to its end.
    ///
    /// # Errors
    /// The claim that does not hold, with the lines that came before it.
    pub fn scene(&self, play: &Play, scene: &Scene) -> Result<Played, (String, String)> {
        let mut tried = 0;
        loop {
            tried += 1;
            let (mut cast, mut lines) = (Cast::default(), String::new());
            let started = SystemClock.boot();
            let mut waited = false;
            let failed = scene.steps.iter().find_map(|step| {
                waited |= matches!(step, Step::WindowPasses(_) | Step::TokenEnds(..));
                self.step(scene, &mut cast, step).map(|line| lines.push_str(&line)).err()
            });
            let slow = !waited && (SystemClock.boot() - started) > play.holds;
            match failed {
                None => return Ok(Played { sid: cast.sid, lines }),
                Some(Trouble::Claim(_)) if slow && tried < TRIES => {}
                Some(Trouble::Busy) if tried < TRIES => rest(Duration::from_secs(1)),
                Some(Trouble::Claim(why)) if slow => {
                    return Err((lines, format!("this machine is too slow for the play: {why}")));
                }
                Some(Trouble::Claim(why)) => return Err((lines, format!("a claim does not hold: {why}"))),
                Some(Trouble::Busy) => return Err((lines, "the server has no time (503): try again".to_owned())),
                Some(Trouble::Lost(why)) => return Err((lines, why)),
            }
        }
    }

    fn step(&self, scene: &Scene, cast: &mut Cast, step: &Step) -> Result<String, Trouble> {
        match step {
            Step::Move(who, ask, expect, means) => self.makes(scene, cast, (who, ask, expect, means)),
            Step::Takes(who, from, means) => {
                let access = cast.access_of(from);
                cast.access.insert(who.name, access);
                Ok(aside(who.name, means))
            }
            Step::WindowPasses(means) => {
                while SystemClock.wall() < cast.answered + BRIEF_WINDOW {
                    rest(LOOK_EVERY);
                }
                Ok(aside("...", means))
            }
            Step::TokenEnds(who, means) => {
                let end = claims(&cast.access_of(who))["exp"].as_i64();
                let end = end.ok_or_else(|| Trouble::Claim(format!("{} has a token with an end", who.name)))?;
                while SystemClock.wall().seconds() <= end {
                    rest(LOOK_EVERY);
                }
                Ok(aside("...", means))
            }
            Step::AppClock(minutes, means) => {
                cast.documented.later(*minutes);
                cast.asking.later(*minutes);
                Ok(aside("...", means))
            }
        }
    }

    fn makes(
        &self,
        scene: &Scene,
        cast: &mut Cast,
        (who, ask, expect, means): (&'static Person, &Ask, &Expect, &str),
    ) -> Result<String, Trouble> {
        let (asked, begun) = (self.doors.asked(), !cast.sid.is_empty());
        let (request, answer) = match (ask, self.question(scene, cast, who, ask)) {
            (_, Some(question)) => {
                let request = format!("{} {}", question.method, shown(cast, &question.path, ask));
                (request, self.doors.ask(&question).map_err(Trouble::Lost)?)
            }
            (Ask::ShowCookie(store), None) => self.show_cookie(cast, *store)?,
            (_, None) => ("GET /shopping-cart (JWT)".to_owned(), self.verify(scene, &cast.access_of(who))),
        };
        let answer = Answer { asked: self.doors.asked() - asked, ..answer };
        if answer.status == 503 {
            return Err(Trouble::Busy);
        }
        let held = cast.hold(who, expect, &answer);
        held.map_err(|why| Trouble::Claim(format!("{}, {request}: {why}", who.name)))?;
        cast.answered = SystemClock.wall();
        if matches!(ask, Ask::LogIn) && !begun {
            cast.cookie = token(&SystemEntropy);
            cast.documented.begin(&cast.cookie, &cast.account, &cast.sid);
            cast.asking.begin(&cast.cookie, &cast.account, &cast.sid);
        }
        // At these doors the bearer alone counts, and nobody tells who stands before an app.
        let untold = Person { name: who.name, address: "-", agent: "-" };
        let who = if matches!(ask, Ask::UserInfo | Ask::OwnSessions | Ask::EndOwn) { &untold } else { who };
        Ok(moved(who, &request, answer.status, means))
    }

    /// A question to Countersign; none where an app is asked.
    fn question<'a>(&'a self, scene: &Scene, cast: &Cast, who: &'a Person, ask: &Ask) -> Option<Question<'a>> {
        let client = basic(scene.client, &self.secrets.client);
        let get = |path: &str, key: &str| Question {
            method: "GET",
            path: path.to_owned(),
            authorization: Some(bearer(key)),
            ..Question::default()
        };
        let post = |path: &str, form: Vec<(&'static str, String)>, person| Question {
            method: "POST",
            path: path.to_owned(),
            authorization: Some(client.clone()),
            person,
            form,
            ..Question::default()
        };
        Some(match ask {
            Ask::LogIn => post(
                "/oauth2/token",
                vec![
                    ("grant_type", "password".to_owned()),
                    ("username", LOGIN.to_owned()),
                    ("password", self.secrets.password.clone()),
                    // Without a value: not sent. The documents' app asks for no scope.
                    ("scope", if scene.client == DOCUMENTED { String::new() } else { "openid".to_owned() }),
                ],
                Some(who),
            ),
            Ask::Redeem(number) => post(
                "/oauth2/token",
                vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", cast.refresh_of(*number))],
                Some(who),
            ),
            Ask::RedeemJwt(number) => Question {
                method: "POST",
                path: "/api/jwt/refresh".to_owned(),
                authorization: Some(bearer(&self.secrets.store_key)),
                json: Some(json!({
                    "refreshToken": cast.refresh_of(*number),
                    "eventInfo": {"ipAddress": who.address, "userAgent": who.agent},
                })),
                ..Question::default()
            },
            Ask::Introspect(whose) => post("/oauth2/introspect", vec![("token", cast.access_of(whose))], None),
            Ask::LogOut(number) => post("/oauth2/revoke", vec![("token", cast.refresh_of(*number))], Some(who)),
            Ask::UserInfo => get("/oauth2/userinfo", &cast.access_of(who)),
            Ask::OwnSessions => get("/account/sessions", &cast.access_of(who)),
            Ask::EndOwn => {
                Question { method: "DELETE", ..get(&format!("/account/sessions/{}", cast.sid), &cast.access_of(who)) }
            }
            Ask::Revoke => Question {
                method: "POST",
                json: Some(json!({})),
                ..get(&format!("/admin/sessions/{}/revoke", cast.sid), &self.secrets.operator_key)
            },
            Ask::Session => get(&format!("/admin/sessions/{}", cast.sid), &self.secrets.operator_key),
            Ask::ShowToken | Ask::ShowCookie(_) => return None,
        })
    }

    /// What the app answers that verifies by itself.
    fn verify(&self, scene: &Scene, access: &str) -> Answer {
        let issuer = self.doors.url().to_owned();
        let documented = scene.client == DOCUMENTED;
        let (audience, typ) = if documented { (DOCUMENTED.to_owned(), "JWT") } else { (issuer.clone(), "at+jwt") };
        let app = Verifier { keys: self.keys.clone(), issuer, audience, typ };
        of_page(app.page(access))
    }

    /// What an app with sessions of its own answers.
    fn show_cookie(&self, cast: &mut Cast, store: Store) -> Result<(String, Answer), Trouble> {
        let cookie = cast.cookie.clone();
        let request = "GET /shopping-cart (cookie)".to_owned();
        let page = match store {
            Store::Documented => cast.documented.page(&cookie, |_| Ok::<_, Trouble>(true))?,
            Store::Asking => cast.asking.page(&cookie, |sid| {
                let key = Some(bearer(&self.secrets.store_key));
                let path = format!("/admin/sessions/{sid}");
                let question = Question { method: "GET", path, authorization: key, ..Question::default() };
                let answer = self.doors.ask(&question).map_err(Trouble::Lost)?;
                match answer.status {
                    200 => Ok(answer.json["state"] == "open"),
                    503 => Err(Trouble::Busy),
                    status => Err(Trouble::Claim(format!("the app asks for the session, and {status} came"))),
                }
            })?,
        };
        Ok((request, of_page(page)))
    }

    /// Makes an event behind all that was played, and gives the id of its token.
    ///
    /// # Errors
    /// It was not made.
    pub fn ring(&self) -> Result<String, String> {
        let form = vec![("grant_type", "client_credentials".to_owned())];
        let authorization = Some(basic(super::BELL, &self.secrets.client));
        let path = "/oauth2/token".to_owned();
        let answer = self.doors.ask(&Question { method: "POST", path, authorization, form, ..Question::default() })?;
        let jti = claims(answer.json["access_token"].as_str().unwrap_or_default())["jti"].as_str().map(str::to_owned);
        jti.ok_or_else(|| format!("no token was issued to the demo itself ({})", answer.status))
    }
}

/// A path as it is printed: without the session's id, and with what is sent to it in a word.
fn shown(cast: &Cast, path: &str, ask: &Ask) -> String {
    let path = if cast.sid.is_empty() { path.to_owned() } else { path.replace(&cast.sid, "SID") };
    match ask {
        Ask::LogIn => format!("{path} password"),
        Ask::Redeem(number) | Ask::RedeemJwt(number) | Ask::LogOut(number) => format!("{path} token {number}"),
        Ask::Introspect(whose) => format!("{path} ({})", whose.name),
        _ => path,
    }
}

fn of_page(page: Page) -> Answer {
    let (status, json) = page.told();
    Answer { status, json, asked: 0 }
}

/// Rests for a moment.
#[expect(clippy::disallowed_methods, reason = "the play has a thread of its own, and nothing else runs there")]
pub fn rest(span: Duration) {
    std::thread::sleep(span);
}

/// What the server is started with: the clients, the keys and the account of a play.
pub fn bootstrap_file(secrets: &Secrets, play: &Play) -> String {
    let Secrets { client, password, store_key, operator_key } = secrets;
    let lives =
        play.access_ttl.map(|Span(millis)| format!("access_ttl = \"{}s\"\n", millis / 1000)).unwrap_or_default();
    let window = BRIEF_WINDOW.0 / 1000;
    let bell = super::BELL;
    format!(
        r#"
[[api_keys]]
name = "operator"
key = "{operator_key}"
permissions = ["tokens"]

[[api_keys]]
name = "store"
key = "{store_key}"
permissions = ["login", "tokens"]
clients = ["{DOCUMENTED}", "{STORE}"]

[[clients]]
id = "{DOCUMENTED}"
secret = "{client}"
profile = "fusionauth"
rotation = "never"
{lives}
[[clients]]
id = "{STORE}"
secret = "{client}"
{lives}
[[clients]]
id = "{BRIEF}"
secret = "{client}"
retry_window = "{window}s"

[[clients]]
id = "{bell}"
secret = "{client}"
grants = ["client_credentials"]

[[accounts]]
login = "{LOGIN}"
password = "{password}"
roles = ["shopper"]
"#
    )
}

#[cfg(test)]
mod tests {
    use super::super::play::{Act, OWNER};
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};

    const NOBODY: Scene = Scene {
        title: "",
        client: STORE,
        steps: &[
            Step::AppClock(1, "a minute later"),
            Step::Move(&OWNER, Ask::LogIn, Expect::LoggedIn, "logs in"),
            Step::AppClock(1, "another minute later"),
        ],
        events: &[],
        says: &[],
    };

    fn play(holds: Span) -> Play {
        const NONE: &[Act] = &[];
        Play { title: "", given: "", access_ttl: None, holds, acts: NONE }
    }

    fn secrets() -> Secrets {
        let same = |text: &str| text.to_owned();
        Secrets { client: same("c"), password: same("p"), store_key: same("s"), operator_key: same("o") }
    }

    /// A server that answers every question with the same, and counts what it was asked.
    fn server(status: &'static str, answers: usize) -> (String, std::thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answered = std::thread::spawn(move || {
            let all = (0..answers).map(|_| answer(&listener.accept().unwrap().0, status));
            all.count()
        });
        (url, answered)
    }

    fn answer(stream: &TcpStream, status: &str) {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap() > 2 {
            let lower = line.to_lowercase();
            length = lower.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
            line.clear();
        }
        std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
        let body = r#"{"keys": []}"#;
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        (&*stream).write_all(format!("{head}{body}").as_bytes()).unwrap();
    }

    fn ends(status: &'static str, answers: usize, holds: Span) -> (String, String) {
        let (url, answered) = server(status, answers);
        let stage = Stage::new(Doors::new(&url), secrets()).unwrap();
        let Err((lines, why)) = stage.scene(&play(holds), &NOBODY) else { panic!("nobody logged in") };
        assert_eq!(answered.join().unwrap(), answers);
        (lines, why)
    }

    #[test]
    fn a_claim_that_does_not_hold_ends_the_scene_with_the_lines_before_it() {
        let (lines, why) = ends("200 OK", 2, Span::minutes(10));
        assert_eq!(lines, "  ...   a minute later\n");
        let claim = "a claim does not hold: owner, POST /oauth2/token password: expected LoggedIn, and 200  came";
        assert!(why.starts_with(claim), "{why}");
    }

    #[test]
    fn a_scene_that_took_longer_than_its_claims_hold_is_played_again_and_not_for_ever() {
        // The first answer is the one with the keys.
        let (_, why) = ends("200 OK", 6, Span(-1));
        assert!(why.starts_with("this machine is too slow for the play: "), "{why}");
    }

    #[test]
    fn a_server_that_is_gone_is_no_claim_that_does_not_hold() {
        let (_, why) = ends("200 OK", 1, Span::minutes(10));
        assert!(why.contains("gives no answer") && !why.contains("claim"), "{why}");
    }
}
