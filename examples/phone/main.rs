//! A phone with the store's app on it: workflow 1 of docs/WORKFLOWS.md, played step by step against the example `mobile_backend`.
//!
//! ```text
//! PASSWORD=… cargo run --release --example phone
//! ```

#[allow(dead_code, reason = "the phone tells one step at a time")]
#[path = "../common/told.rs"]
mod told;

use clap::Parser;
use serde_json::{Value, json};
use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};
use told::{aside, step};

/// A phone that logs in, looks at its cart again and again, and finds itself logged out in the end. The environment gives the PASSWORD.
#[derive(Parser)]
struct Arguments {
    /// Where the backend listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8093")]
    backend: String,
    /// Who logs in
    #[arg(long, value_name = "LOGIN", default_value = "alice@example.com")]
    login: String,
    /// Seconds between two looks at the cart
    #[arg(long, value_name = "N", default_value_t = 4)]
    every: u64,
    /// Seconds after which to give up
    #[arg(long, value_name = "N", default_value_t = 300)]
    patience: u64,
    /// Be the one who stole what the phone keeps, first the refresh token and then the JWT
    #[arg(long)]
    thief: bool,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What is kept on the phone, where other apps cannot read it.
#[derive(Clone)]
struct Kept {
    jwt: String,
    refresh: String,
}

/// A cart that was shown.
struct Seen {
    items: usize,
    /// Whether another JWT came with it.
    renewed: bool,
}

/// One who talks to the backend: the owner's phone, or a thief elsewhere with another program.
struct Phone<'a> {
    agent: ureq::Agent,
    backend: &'a str,
    address: &'a str,
    name: &'a str,
}

impl<'a> Phone<'a> {
    fn owners(backend: &'a str) -> Self {
        Self::new(backend, "203.0.113.9", "StoreApp/1.0 (phone)")
    }

    fn thiefs(backend: &'a str) -> Self {
        Self::new(backend, "198.51.100.7", "thief/1.0")
    }

    fn new(backend: &'a str, address: &'a str, name: &'a str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).proxy(None);
        let agent = config.http_status_as_error(false).build().into();
        Self { agent, backend: backend.trim_end_matches('/'), address, name }
    }

    fn log_in(&self, login: &str, password: &str) -> Outcome<Kept> {
        let request = self.agent.post(format!("{}/api/login", self.backend));
        let request = request.header("X-Forwarded-For", self.address).header("User-Agent", self.name);
        let answer = request.send_json(json!({"login": login, "password": password}));
        let (status, said) = self.read(answer)?;
        match (said["token"].as_str(), said["refreshToken"].as_str()) {
            (Some(jwt), Some(refresh)) => Ok(Kept { jwt: jwt.to_owned(), refresh: refresh.to_owned() }),
            _ => Err(format!("the backend answers {status}: {}", said["message"]).into()),
        }
    }

    /// Asks for the cart with what is kept, and keeps what is new. `None`: logged out.
    fn cart(&self, kept: &mut Kept) -> Outcome<Option<Seen>> {
        let request = self.agent.get(format!("{}/api/cart", self.backend));
        let request = request.header("X-Forwarded-For", self.address).header("User-Agent", self.name);
        let request = request.header("Authorization", format!("Bearer {}", kept.jwt));
        let (status, said) = self.read(request.header("X-Refresh-Token", &kept.refresh).call())?;
        // Whatever else the answer says: the refresh token before is spent.
        if let Some(refresh) = said["refreshToken"].as_str() {
            refresh.clone_into(&mut kept.refresh);
        }
        let renewed = said["token"].as_str();
        if let Some(jwt) = renewed {
            jwt.clone_into(&mut kept.jwt);
        }
        match status {
            200 => Ok(Some(Seen { items: said["items"].as_array().map_or(0, Vec::len), renewed: renewed.is_some() })),
            401 => Ok(None),
            _ => Err(format!("the backend answers {status}: {}", said["message"]).into()),
        }
    }

    fn read(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Outcome<(u16, Value)> {
        let mut answer = answer.map_err(|error| {
            format!("there is no backend at {} ({error}): start the example mobile_backend first", self.backend)
        })?;
        Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
    }
}

/// Plays the owner, through all that happens to somebody whose phone nobody touches.
fn play_owner(arguments: &Arguments, password: &str) -> Outcome<()> {
    let phone = Phone::owners(&arguments.backend);
    step("phone", 1, "the app is opened, and shows its login form");
    step("phone", 2, "login and password are typed, and posted to the backend");
    let mut kept = phone.log_in(&arguments.login, password)?;
    let until = Instant::now() + Duration::from_secs(arguments.patience);
    while let Some(Seen { items, renewed }) = phone.cart(&mut kept)? {
        if renewed {
            step("phone", 8, format!("the cart, with a JWT that had expired: {items} items, and a new JWT to keep"));
        } else {
            step("phone", 6, format!("the cart, with the JWT that is kept: {items} items"));
        }
        wait(until, arguments.every)?;
    }
    step("phone", 12, "the cart, with a JWT and a refresh token that are not good any more: 401");
    step("phone", 16, "so the app shows its login form, and the owner logs in again");
    phone.log_in(&arguments.login, password).map(drop)
}

/// Plays a thief beside the owner.
fn play_thief(arguments: &Arguments, password: &str) -> Outcome<()> {
    let (phone, thief) = (Phone::owners(&arguments.backend), Phone::thiefs(&arguments.backend));
    let mut kept = phone.log_in(&arguments.login, password)?;
    aside("phone", "the owner has logged in; then somebody copies what the phone keeps");
    let mut stolen = Kept { jwt: "not.a.jwt".to_owned(), refresh: kept.refresh.clone() };
    step("thief", 17, "the cart, with the stolen refresh token and a JWT that is none");
    step("thief", 20, shown(thief.cart(&mut stolen)?.as_ref()));
    step("thief", 21, "the cart, with the stolen JWT alone");
    step("thief", 22, shown(thief.cart(&mut Kept { refresh: String::new(), ..kept.clone() })?.as_ref()));
    aside("phone", "the owner goes on, until the phone has to use its refresh token too");
    let until = Instant::now() + Duration::from_secs(arguments.patience);
    let owner = loop {
        match phone.cart(&mut kept)? {
            Some(Seen { renewed: false, .. }) => wait(until, 1)?,
            seen => break seen,
        }
    };
    "not.a.jwt".clone_into(&mut stolen.jwt);
    let thief = thief.cart(&mut stolen)?;
    match (owner, thief) {
        (Some(_), Some(_)) => aside("phone", "both get new JWTs with that refresh token, and nobody has noticed"),
        (None, None) => aside(
            "phone",
            "401 for both: the session has ended. Before its time was over, that is because two have used one refresh token",
        ),
        (Some(_), None) => aside("phone", "the owner is let in, the thief is not any more"),
        (None, Some(_)) => aside("phone", "the owner is logged out, and the thief is let in"),
    }
    Ok(())
}

fn shown(seen: Option<&Seen>) -> String {
    seen.map_or_else(
        || "401: it is worth nothing".to_owned(),
        |seen| format!("the thief is shown the owner's cart, {} items", seen.items),
    )
}

fn wait(until: Instant, seconds: u64) -> Outcome<()> {
    if Instant::now() > until {
        return Err(
            "this login does not end: start the backend with a shorter --refresh-ttl, or have more --patience".into()
        );
    }
    sleep(Duration::from_secs(seconds));
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let played = match env::var("PASSWORD") {
        Ok(password) if arguments.thief => play_thief(&arguments, &password),
        Ok(password) => play_owner(&arguments, &password),
        Err(_) => Err("set PASSWORD in the environment: mobile_backend prints it when it starts".into()),
    };
    if let Err(error) = played {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
